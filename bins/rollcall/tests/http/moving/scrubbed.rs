//! `instance export --scrub`: nobody's data is in the copy, and it works as the original does.

use serde_json::Value;

use super::{Lived, MARK};
use crate::support::{ENTERPRISE, Server, encoded, outcome, rollcall};

#[test]
fn a_copy_for_testing_has_nobodys_data_and_works() {
    let lived = Lived::new();
    let original = lived.server.run(&["instance", "export", "acme"]);
    let copy = lived.server.run(&["instance", "export", "acme", "--scrub"]);
    assert!(original.to_lowercase().matches(MARK).count() > 100, "the canary sings");
    for line in copy.lines() {
        assert!(!line.to_lowercase().contains(MARK), "{line}");
        // Nor in any escaped form.
        let value: Value = serde_json::from_str(line).expect("JSON");
        assert!(!value.to_string().to_lowercase().contains(MARK), "{line}");
    }
    for table in ["api_keys", "admin_keys"] {
        assert!(!copy.contains(&format!("{{\"table\":\"{table}\"")), "{table}");
    }
    // Another copy has other values.
    let other = lived.server.run(&["instance", "export", "acme", "--scrub"]);
    assert_ne!(copy.lines().nth(20), other.lines().nth(20));
    // As many rows of everything else.
    let count = |text: &str, table: &str| text.matches(&format!("{{\"table\":\"{table}\"")).count();
    for table in [
        "resources",
        "unique_keys",
        "search_keys",
        "links",
        "members",
        "held",
        "tombstones",
        "journal",
        "events",
        "rejected_lines",
    ] {
        assert!(count(&original, table) > 0, "{table}");
        assert_eq!(count(&copy, table), count(&original, table), "{table}");
    }

    let folder = tempfile::tempdir().expect("a folder");
    let database = format!("sqlite:{}", folder.path().join("copy.db").display());
    std::fs::write(folder.path().join("copy.jsonl"), copy + "\n").expect("written");
    // No pepper is needed, as there are no keys.
    let output =
        rollcall(&database).current_dir(folder.path()).args(["instance", "import", "copy.jsonl"]).output();
    let (status, _, told) = outcome(&output.expect("it runs"));
    assert_eq!(status, Some(0), "{told}");
    let copy = Server::on(folder, &database, &[]);
    let client = copy.acme();
    // The same people under the same ids and versions, called something else.
    let path = format!("/Users/{}", lived.people[3]);
    let (before, after) = (lived.client.get(&path), client.get(&path));
    assert_eq!(before.header("etag"), after.header("etag"));
    let (before, after) = (before.ok(200), after.ok(200));
    assert_eq!(before["meta"]["created"], after["meta"]["created"]);
    assert_eq!(before["preferredLanguage"], after["preferredLanguage"]);
    assert_eq!(after["emails"][0]["type"], "work");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let (name, mail) = (text(&after["userName"]), text(&after["emails"][0]["value"]));
    assert!(name.ends_with("@example.invalid") && mail.ends_with("@example.invalid"), "{after}");
    assert!(text(&after["phoneNumbers"][0]["value"]).starts_with("+999 "), "{after}");
    assert_ne!(text(&before["name"]["givenName"]), text(&after["name"]["givenName"]));
    // Found by name, in any letter case, and by externalId; the department stands in the account and in the resource alike.
    for filter in [
        format!("userName eq \"{}\"", name.to_uppercase()),
        format!("externalId eq \"{}\"", text(&after["externalId"])),
        format!("emails[value eq \"{mail}\"]"),
        format!("title eq \"{}\"", text(&after["title"])),
        format!("{ENTERPRISE}:department eq \"{}\"", text(&after[ENTERPRISE]["department"])),
    ] {
        let found = client.get(&format!("/Users?filter={}", encoded(&filter))).ok(200);
        assert_eq!(found["totalResults"], 1, "{filter}");
        assert_eq!(found["Resources"][0]["id"], after["id"], "{filter}");
    }
    let account: Value =
        serde_json::from_str(&copy.run(&["account", "show", "--instance", "acme", &name, "--json"]))
            .expect("JSON");
    assert_eq!(account["fields"]["UserName"], name);
    assert_eq!(account["fields"]["Email"], mail);
    // Membership and who is waited for stay.
    let team = |client: &crate::support::Client| {
        client.get(&format!("/Groups/{}", lived.team)).ok(200)["members"].as_array().map(Vec::len)
    };
    assert_eq!(team(&client), team(&lived.client));
    // Who is made anew by that name is refused, as the name is taken.
    client.post("/Users", &crate::support::person(&name)).error(409, Some("uniqueness"));
    // And the database of the copy has nothing either.
    assert!(!copy.holds(MARK));
}
