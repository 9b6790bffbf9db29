//! The client's address, and how often it comes.

use actix_web::test::TestRequest;
use scim_actix::{Options, Proxies};
use scim_directory::{Networks, Rate};

use crate::world::World;

fn proxies(network: &str) -> Options {
    let networks = vec![network.parse().expect("a network")];
    Options { proxies: Proxies::Networks(networks), ..Options::default() }
}

#[actix_web::test]
async fn networks_are_checked_against_the_client_s_own_address() {
    let world = World::new(proxies("10.0.0.0/8")).await;
    let key = world
        .key(&world.acme, |request| {
            request.limits.networks = Networks::new(vec!["192.0.2.0/24".parse().expect("a network")]);
        })
        .await;
    let from = async |peer: &str, forwarded: &str| {
        let mut request = TestRequest::get().uri("/scim/v2/Users");
        request = request.insert_header(("authorization", key.bearer()));
        request = request.peer_addr(peer.parse().expect("an address"));
        if !forwarded.is_empty() {
            request = request.insert_header(("x-forwarded-for", forwarded));
        }
        world.send(request).await
    };
    assert_eq!(from("10.1.1.1:443", "192.0.2.7").await.status, 200);
    assert_eq!(from("10.1.1.1:443", "198.51.100.1, 192.0.2.7:4711, 10.2.2.2").await.status, 200);
    assert_eq!(from("192.0.2.8:1", "").await.status, 200);
    for (peer, forwarded, seen) in [
        ("10.1.1.1:443", "198.51.100.1", "198.51.100.1"),
        ("10.1.1.1:443", "192.0.2.7, 198.51.100.1", "198.51.100.1"),
        ("10.1.1.1:443", "", "10.1.1.1"),
        ("198.51.100.2:1", "192.0.2.7", "198.51.100.2"),
    ] {
        let (status, detail) = from(peer, forwarded).await.error();
        assert!(status == 403 && detail.contains(seen), "{peer} {forwarded}: {status} {detail}");
    }
    let shown = world.admin.key_show(key.id).await.expect("there").key;
    world.service.provider().flush_uses().await;
    let flushed = world.admin.key_show(key.id).await.expect("there").key;
    assert_eq!(shown.first_used, flushed.first_used);
    assert_eq!(flushed.last_address, "192.0.2.8".parse().ok());
}

#[actix_web::test]
async fn scheme_and_host_are_believed_of_trusted_proxies_alone() {
    let world = World::new(proxies("10.0.0.0/8")).await;
    let key = world.key(&world.acme, |_| {}).await;
    for (peer, root) in [("10.1.1.1:443", "https://outer.example"), ("192.0.2.1:443", "http://scim.example")]
    {
        let request = TestRequest::get()
            .uri("/scim/v2/ResourceTypes/User")
            .peer_addr(peer.parse().expect("an address"))
            .insert_header(("authorization", key.bearer()))
            .insert_header(("x-forwarded-proto", "https"))
            .insert_header(("x-forwarded-host", "outer.example"));
        let body = world.send(request).await.json();
        assert_eq!(body["meta"]["location"], format!("{root}/scim/v2/ResourceTypes/User"));
    }
}

#[actix_web::test]
async fn who_comes_too_often_is_told_when_to_come_again() {
    let world = World::new(Options::default()).await;
    world.change(|connector| connector.settings.rate = Some(Rate { per_second: 1, burst: 2 })).await;
    let key = world.key(&world.acme, |_| {}).await;
    let path = format!("/c/{}/scim/v2/Users", key.record.connector);
    assert_eq!(world.get(&path, &key).await.status, 200);
    assert_eq!(world.get("/scim/v2/Users", &key).await.status, 200);
    let refused = world.get(&path, &key).await;
    assert_eq!((refused.error().0, refused.header("retry-after")), (429, "1"));
    world.pass(1000);
    assert_eq!(world.get(&path, &key).await.status, 200);
}
