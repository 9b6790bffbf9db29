//! `/c/{connector id}/scim/v2`

use actix_web::test::TestRequest;
use scim_actix::Options;

use crate::world::World;

const ALL: &str = "/scim/v2";

#[actix_web::test]
async fn locations_follow_the_base_that_was_used() {
    for (base_url, root) in
        [(None, "http://scim.example"), (Some("https://x.example/idm/scim/v2/"), "https://x.example/idm")]
    {
        let world = World::new(Options { base_url: base_url.map(str::to_owned), ..Options::default() }).await;
        let key = world.key(&world.acme, |_| {}).await;
        let own = format!("/c/{}/scim/v2", key.record.connector);
        let created = world.create(&own, &key, "ada").await;
        let body = created.json();
        let id = body["id"].as_str().expect("an id");
        let location = |base: &str| format!("{root}{base}/Users/{id}");
        assert_eq!(created.status, 201);
        assert_eq!(created.header("location"), location(&own));
        assert_eq!(body["meta"]["location"], location(&own));
        for base in [ALL, &own] {
            // Doubled slashes and escapes in what follows the base count as they always did.
            for path in [format!("{base}/Users/{id}"), format!("{base}//Users/{}", id.replace('-', "%2D"))] {
                let read = world.get(&path, &key).await;
                assert_eq!(
                    (read.status.as_u16(), &read.json()["meta"]["location"]),
                    (200, &location(base).into())
                );
            }
            let group = serde_json::json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": base, "members": [{ "value": id }],
            });
            let request = TestRequest::post().uri(&format!("{base}/Groups")).set_json(group);
            let group = world.send(request.insert_header(("authorization", key.bearer()))).await.json();
            assert_eq!(group["members"][0]["$ref"], location(base), "{group}");
            let types = world.get(&format!("{base}/ResourceTypes/User"), &key).await.json();
            assert_eq!(types["meta"]["location"], format!("{root}{base}/ResourceTypes/User"));
        }
    }
}

#[actix_web::test]
async fn only_a_connector_s_own_keys_open_its_url() {
    let world = World::new(Options::default()).await;
    let (ours, theirs) = (world.key(&world.acme, |_| {}).await, world.key(&world.globex, |_| {}).await);
    let okta = world.admin.connector_create(
        &world.acme,
        "okta",
        scim_directory::DialectName::Lenient,
        false,
        scim_directory::Profile::Standard,
    );
    okta.await.expect("created");
    let okta = world.connector(&world.acme, "okta").await;
    let own = format!("/c/{}/scim/v2/Users", ours.record.connector);
    let of_another = format!("/c/{}/scim/v2/Users", okta.id);
    let of_nobody = "/c/00000000-0000-7000-8000-000000000000/scim/v2/Users";
    assert_eq!(world.get(&own, &ours).await.status, 200);
    assert_eq!(world.get(&own.replace("/c/", "/C/"), &ours).await.status, 404);
    for (path, key) in [(&*of_another, &ours), (&*own, &theirs), (of_nobody, &ours)] {
        let (status, detail) = world.get(path, key).await.error();
        assert!(status == 403 && detail.contains("another connector"), "{path} {status} {detail}");
    }
    assert_eq!(world.refusals(&world.acme).await, ["other_connector"]);
    assert_eq!(world.refusals(&world.globex).await, ["other_connector"]);
    let (status, _) = world.send(TestRequest::get().uri(&own)).await.error();
    assert_eq!(status, 401);
}

#[actix_web::test]
async fn an_id_that_is_none_is_nowhere() {
    let world = World::new(Options::default()).await;
    let key = world.key(&world.acme, |_| {}).await;
    let id = key.record.connector.to_string();
    for id in [
        "default",
        "1",
        &id.replace('-', ""),
        &id.replace('-', "%2D"),
        &format!("{{{id}}}"),
        &format!("{id}0"),
    ] {
        let (status, detail) = world.get(&format!("/c/{id}/scim/v2/Users"), &key).await.error();
        assert!(status == 404 && detail.contains("/c/{connector id}/scim/v2"), "{id} {status} {detail}");
    }
    for path in [
        format!("/c/{id}"),
        format!("/c/{id}/scim/v2x"),
        format!("/c/{id}/s%63im/v2/Users"),
        "/c//scim/v2".to_owned(),
    ] {
        assert_eq!(world.get(&path, &key).await.error().0, 404, "{path}");
    }
    assert_eq!(world.get(&format!("/c/{}/scim/v2/Users", id.to_uppercase()), &key).await.status, 200);
}

#[actix_web::test]
async fn bodies_have_the_same_limits_at_both_bases() {
    let world = World::new(Options::default()).await;
    let key = world.key(&world.acme, |_| {}).await;
    let limits = world.service.provider().limits();
    let own = format!("/c/{}/scim/v2", key.record.connector);
    for base in [ALL, &own] {
        for (endpoint, limit) in [
            ("Users", limits.max_body_bytes),
            ("Groups", limits.max_group_body_bytes),
            ("Bulk", limits.max_bulk_body_bytes),
        ] {
            let send = async |bytes: usize| {
                let request = TestRequest::post().uri(&format!("{base}/{endpoint}"));
                let request = request.insert_header(("authorization", key.bearer()));
                world
                    .send(request.insert_header(("content-length", bytes)).set_payload(vec![b' '; bytes]))
                    .await
                    .status
            };
            assert_eq!(
                (send(limit).await, send(limit + 1).await),
                (400.try_into().expect("a status"), 413.try_into().expect("a status")),
                "{base}/{endpoint}"
            );
        }
    }
}
