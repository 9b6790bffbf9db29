//! `/metrics`

use std::time::Duration;

use actix_web::test::TestRequest;
use scim_actix::Options;

use crate::world::{BEGINNING, DAY, World};

fn scrape() -> TestRequest {
    TestRequest::get().uri("/metrics").peer_addr("127.0.0.1:1".parse().expect("an address"))
}

fn days(days: u64) -> Option<Duration> {
    Some(Duration::from_secs(days * 86_400))
}

#[actix_web::test]
async fn what_happens_is_counted() {
    let world = World::new(Options::default()).await;
    let key = world.key(&world.acme, |request| request.lifetime = days(40)).await;
    let other = world.key(&world.globex, |request| request.lifetime = days(90)).await;
    assert_eq!(world.create("/scim/v2", &key, "ada@example.com").await.status, 201);
    assert_eq!(world.get(&format!("/c/{}/scim/v2/Users", key.record.connector), &other).await.status, 403);
    assert_eq!(world.send(TestRequest::get().uri("/scim/v2/Users")).await.status, 401);
    world.pass(11 * DAY);
    let told = world.admin.tell_of_key_ends(true).await.expect("told");
    world.service.provider().count_told(&told);
    let ends = BEGINNING + 11 * DAY + 7_000;
    world.service.state().set_certificate_ends(scim_core::instant::Timestamp::from_unix_millis(ends));
    let housekeeping = world.service.provider().housekeeping();
    housekeeping.job_starts(scim_provider::Job::Pruning);
    housekeeping.pruned(5);
    let answer = world.send(scrape()).await;
    assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-store"));
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let until = 29 * 86_400;
    for line in [
        "rollcall_access_refused_total{code=\"other_connector\"} 1",
        "rollcall_access_refused_total{code=\"key_missing\"} 1",
        "rollcall_access_refused_total{code=\"rate\"} 0",
        "rollcall_key_reminders_total{what=\"expiring\"} 1",
        "rollcall_http_requests_total{route=\"/scim/v2/Users\",method=\"POST\",status=\"201\"} 1",
        "rollcall_http_requests_total{route=\"/scim/v2/Users\",method=\"GET\",status=\"401\"} 1",
        "rollcall_http_requests_total{route=\"/scim/v2/Users\",method=\"GET\",status=\"403\"} 1",
        "rollcall_http_request_duration_seconds_count{route=\"/scim/v2/Users\",method=\"GET\",status_class=\"4xx\"} 2",
        // This one.
        "rollcall_http_requests_in_flight 1",
        "rollcall_http_requests_aborted_total 0",
        "rollcall_connector_outcomes_total{rollcall_instance=\"acme\",connector=\"default\",action=\"created\",status=\"success\"} 1",
        "rollcall_scrape_complete 1",
        "rollcall_tls_certificate_seconds_to_expiry 7",
        "rollcall_job_last_success_timestamp_seconds{name=\"pruning\"} 0.0",
        "rollcall_pruned_rows_total 5",
        "rollcall_held_changes_waiting{rollcall_instance=\"(other)\"} 0",
        &format!(
            "rollcall_connector_last_request_timestamp_seconds{{rollcall_instance=\"acme\",connector=\"default\"}} {}.0",
            BEGINNING / 1000
        ),
        &format!(
            "rollcall_connector_last_write_timestamp_seconds{{rollcall_instance=\"acme\",connector=\"default\"}} {}.0",
            BEGINNING / 1000
        ),
        &format!(
            "rollcall_api_key_seconds_to_expiry{{rollcall_instance=\"acme\",connector=\"default\",key=\"{}\"}} {until}",
            key.id
        ),
    ] {
        assert!(answer.text.lines().any(|told| told == line), "{line} in {}", answer.text);
    }
    // The one that ends in 79 days is not told of, and nothing that is nobody's business.
    let other_id = other.id.to_string();
    for secret in [&other_id, "ada", "rck1_", &key.text, &other.text, "127.0.0.1", "integration"] {
        assert!(!answer.text.contains(secret), "{secret} in {}", answer.text);
    }
    // Once it has expired the number is negative, until that was told; one that retires is told of no more.
    world.pass(30 * DAY);
    let line = format!("key=\"{}\"}} -86400", key.id);
    assert!(world.send(scrape()).await.text.contains(&line));
    world.service.provider().count_told(&world.admin.tell_of_key_ends(true).await.expect("told"));
    let text = world.send(scrape()).await.text;
    assert!(
        !text.contains(&line) && text.contains("rollcall_key_reminders_total{what=\"expired\"} 1"),
        "{text}"
    );
    let next = world.key(&world.globex, |request| request.lifetime = days(40)).await;
    let shows = async |id| world.send(scrape()).await.text.contains(&format!("{id}"));
    assert!(shows(other.id).await && shows(next.id).await);
    assert_eq!(world.get("/scim/v2/Users", &next).await.status, 200);
    assert!(!shows(other.id).await && shows(next.id).await);
}

/// Whatever clients write, routes are those of the server.
#[actix_web::test]
async fn a_route_is_a_template() {
    let world = World::new(Options::default()).await;
    let key = world.key(&world.acme, |_| {}).await;
    let connector = key.record.connector;
    let check = async |path: &str, expected: &str| {
        world.get(path, &key).await;
        let text = world.send(scrape()).await.text;
        let before = format!("rollcall_http_requests_total{{route=\"{expected}\",method=\"GET\",");
        assert!(text.contains(&before), "{path} is not {expected} in {text}");
    };
    check("/scim/v2", "/scim/v2").await;
    check("/scim/v2//Users/", "/scim/v2/Users").await;
    check("/scim/v2/Users/ada@example.com", "/scim/v2/Users/{id}").await;
    check("/scim/v2/Users/.search", "/scim/v2/Users/.search").await;
    check("/scim/v2/.search", "/scim/v2/.search").await;
    check("/scim/v2/Schemas/urn:x", "/scim/v2/Schemas/{id}").await;
    check(&format!("/c/{connector}/scim/v2/Groups/1"), "/scim/v2/Groups/{id}").await;
    check("/oauth2/jwks", "/oauth2/jwks").await;
    check("/healthz", "/healthz").await;
    for path in [
        "/ada",
        "/scim/v2/Ada",
        "/scim/v2/Ada/1",
        "/scim/v2/%55sers",
        "/scim/v2/Users/ada/1",
        "/scim/v2/users",
        "/oauth2/ada",
        "/c/ada/scim/v2/Users",
    ] {
        check(path, "(no route)").await;
    }
    let text = world.send(scrape()).await.text;
    assert!(!text.to_lowercase().contains("ada"), "{text}");
}

/// What connectors' requests come to, as the log has it.
#[actix_web::test]
async fn outcomes_are_those_of_the_log() {
    let world = World::new(Options::default()).await;
    let key = world.key(&world.acme, |_| {}).await;
    assert_eq!(world.create("/scim/v2", &key, "ada@example.com").await.status, 201);
    assert_eq!(world.create("/scim/v2", &key, "ada@example.com").await.status, 409);
    world.pass(DAY);
    assert_eq!(world.get("/scim/v2/Users", &key).await.status, 200);
    let other = world.key(&world.globex, |_| {}).await;
    for _ in 0..3 {
        assert_eq!(world.get(&format!("/c/{}/scim/v2", key.record.connector), &other).await.status, 403);
    }
    let text = world.send(scrape()).await.text;
    let told = |start: &str| {
        let lines = text.lines().filter(|line| line.starts_with(start));
        lines.map(|line| line.replace("rollcall_instance", "of").split_off(start.len())).collect::<Vec<_>>()
    };
    let outcomes = [
        "{of=\"acme\",connector=\"default\",action=\"created\",status=\"success\"} 1",
        "{of=\"acme\",connector=\"default\",action=\"created\",status=\"failure\"} 1",
        // The log has one of a minute.
        "{of=\"globex\",connector=\"default\",action=\"access_refused\",status=\"failure\"} 3",
    ];
    let mut found = told("rollcall_connector_outcomes_total");
    found.sort_by_key(|line| outcomes.iter().position(|expected| expected == line));
    assert_eq!(found, outcomes);
    let of = |seconds: i64| vec![format!("{{of=\"acme\",connector=\"default\"}} {seconds}.0")];
    assert_eq!(told("rollcall_connector_last_request_timestamp_seconds"), of((BEGINNING + DAY) / 1000));
    assert_eq!(told("rollcall_connector_last_write_timestamp_seconds"), of(BEGINNING / 1000));
}

#[actix_web::test]
async fn many_keys_are_read_page_by_page_up_to_a_limit() {
    let world = World::new(Options::default()).await;
    for number in 0..300 {
        let name = format!("user{number}");
        let user = world.admin.integration_user_create(
            &world.acme,
            &name,
            scim_directory::Privilege::LiteAdmin,
            None,
        );
        user.await.expect("created");
        world
            .key(&world.acme, |request| {
                request.user = &name;
                request.lifetime = days(30);
            })
            .await;
    }
    let text = world.send(scrape()).await.text;
    let keys = text.lines().filter(|line| line.starts_with("rollcall_api_key_seconds_to_expiry{"));
    assert_eq!(keys.count(), 300);
}

#[actix_web::test]
async fn metrics_are_for_this_machine_or_the_networks_that_are_named() {
    let check =
        async |options: Options, headers: &[(&'static str, &'static str)], peer: &str, expected: u16| {
            let world = World::new(options).await;
            let mut request = TestRequest::get().uri("/metrics").peer_addr(peer.parse().expect("an address"));
            for header in headers {
                request = request.insert_header(*header);
            }
            let answer = world.send(request).await;
            assert_eq!(answer.status, expected, "{headers:?} {peer}");
            assert_eq!(answer.text.contains("rollcall_"), expected == 200);
            answer
        };
    check(Options::default(), &[], "127.0.0.1:1", 200).await;
    check(Options::default(), &[], "[::1]:1", 200).await;
    check(Options::default(), &[], "192.0.2.1:1", 403).await;
    // Somebody behind a proxy of this machine that nobody named.
    check(Options::default(), &[("x-forwarded-for", "127.0.0.1")], "127.0.0.1:1", 403).await;
    check(Options::default(), &[("forwarded", "for=127.0.0.1")], "127.0.0.1:1", 403).await;
    let named = || Options {
        metrics_networks: vec!["192.0.2.0/24".parse().expect("a network")],
        proxies: scim_actix::Proxies::Any,
        ..Options::default()
    };
    check(named(), &[], "192.0.2.1:1", 200).await;
    check(named(), &[("x-forwarded-for", "192.0.2.9")], "10.0.0.1:1", 200).await;
    check(named(), &[("x-forwarded-for", "198.51.100.1")], "192.0.2.1:1", 403).await;
    let answer = check(
        Options::default(),
        &[("accept", "application/openmetrics-text;version=1.0.0")],
        "127.0.0.1:1",
        200,
    )
    .await;
    assert!(answer.header("content-type").starts_with("application/openmetrics-text; version=1.0.0"));
}
