//! Uploads of existing accounts, groups and memberships, and the preview of picking up.

use scim_directory::Privilege;
use scim_provider::Method;

use crate::world::{Answer, World};

const CSV: [(&str, &str); 1] = [("content-type", "text/csv")];
const PEOPLE: &str = "Login,Mail\nada,ada@example.com\n,nobody@example.com\ngrace,grace@example.com\n";

fn upload(world: &World, query: &str, body: &str) -> Answer {
    world.send(&world.owner, Method::Post, &format!("/instances/acme/imports?{query}"), &CSV, body)
}

#[test]
fn an_upload_brings_accounts_in_and_tells_what_it_rejected() {
    let world = World::new();
    let map = "kind=accounts&map=Login%3DUserName,Mail%3DEmail";
    let dry = upload(&world, &format!("{map}&dry_run=true"), PEOPLE).expect(200);
    assert_eq!((dry.json["imported"].as_u64(), dry.json["dry_run"].as_bool()), (Some(2), Some(true)));
    assert!(world.all("/instances/acme/accounts", 10).is_empty());

    let done = upload(&world, &format!("{map}&id=nightly&label=people.csv"), PEOPLE).expect(200);
    let counts = |answer: &Answer| {
        ["imported", "already_there", "rejected"].map(|name| answer.json[name].as_u64().expect("a number"))
    };
    assert_eq!((counts(&done), done.at("/began")), ([2, 0, 1], "at_the_beginning"));
    assert_eq!(done.json["rejected_lines"][0]["line"], 3);
    assert_eq!(world.all("/instances/acme/accounts", 1).len(), 2);

    // The same again changes nothing, and reports the same.
    let again = upload(&world, &format!("{map}&id=nightly"), PEOPLE).expect(200);
    assert_eq!((counts(&again), again.at("/began")), (counts(&done), "at_the_end"));
    let shown = world.get("/instances/acme/imports/nightly").expect(200);
    assert_eq!(
        (shown.at("/state"), shown.at("/label"), shown.json["lines"].as_u64()),
        ("done", "people.csv", Some(4))
    );
    upload(&world, "kind=groups&id=teams", "DisplayName,Members\nTeam,ada;grace\n").expect(200);
    upload(&world, "kind=memberships", "Group,Member\nTeam,nobody\n").expect(200);
    assert_eq!(world.all("/instances/acme/imports", 1).len(), 2);
    let rejected = world.all("/instances/acme/imports/nightly/rejected", 1);
    assert_eq!((rejected.len(), rejected[0]["line"].as_u64()), (1, Some(3)));
    world.get("/instances/acme/imports/none").expect_problem(404, "not_found", "");
}

#[test]
fn what_is_wrong_with_an_upload_is_told() {
    let world = World::new();
    upload(&world, "kind=pets", PEOPLE).expect_problem(422, "invalid", "kind");
    upload(&world, "", PEOPLE).expect(422);
    upload(&world, "kind=accounts&id=a%20b", PEOPLE).expect_problem(422, "invalid", "id");
    let unknown = upload(&world, "kind=accounts", PEOPLE).expect(422);
    assert!(unknown.at("/detail").contains("Login"), "{}", unknown.text());
    let path = "/instances/acme/imports?kind=accounts";
    world.send(&world.owner, Method::Post, path, &[("content-type", "text/html")], PEOPLE).expect(415);
    let marked = [CSV[0], ("idempotency-key", "one")];
    world.send(&world.owner, Method::Post, path, &marked, PEOPLE).expect_problem(400, "malformed", "");
    // What it says that it is, is how it is read.
    let lines = [("content-type", "application/x-ndjson; charset=utf-8")];
    let done = world.send(&world.owner, Method::Post, path, &lines, "{\"UserName\":\"ada\"}\n").expect(200);
    assert_eq!(done.json["imported"], 1);
    world.send(&world.owner, Method::Post, path, &CSV, "{\"UserName\":\"grace\"}\n").expect(422);
    let reader = world.key(Privilege::ReadOnly);
    world.send(&reader, Method::Post, path, &CSV, PEOPLE).expect_problem(403, "forbidden", "");
}

#[test]
fn a_preview_says_whom_people_would_find_and_writes_nothing() {
    let world = World::new();
    world.accounts(&["ada@example.com"]);
    let before = world.get("/instances/acme/accounts").text().to_owned();
    let export = "userPrincipalName,displayName,accountEnabled\nada@example.com,Ada,true\nnew@example.com,New,true\n,x,true\n";
    let preview = |query: &str| {
        world.send(&world.owner, Method::Post, &format!("/instances/acme/previews?{query}"), &CSV, export)
    };
    let all = preview("").expect(200);
    let count = |name: &str| all.json[name].as_u64();
    assert_eq!(
        (count("matched"), count("created"), count("conflicts")),
        (Some(1), Some(1), Some(1)),
        "{}",
        all.text()
    );
    assert_eq!((all.at("/people/0/outcome"), all.at("/people/0/matched_by")), ("picked_up", "user_name"));
    let few = preview("shown=1").expect(200);
    assert_eq!(
        (few.json["people"].as_array().map(Vec::len), few.json["more"].as_bool()),
        (Some(1), Some(true))
    );
    assert_eq!(preview("only_conflicts=true").expect(200).json["people"].as_array().map(Vec::len), Some(1));
    preview("connector=none").expect_problem(404, "not_found", "");
    preview("shown=10001").expect_problem(422, "invalid", "shown");
    assert_eq!(world.get("/instances/acme/accounts").text(), before);
}
