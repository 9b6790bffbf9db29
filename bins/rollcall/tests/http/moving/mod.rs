//! An instance on its way to another database, and a copy of it for testing.

mod scrubbed;
mod there;

use serde_json::{Value, json};

use crate::support::{Client, ENTERPRISE, Server, USER, extend, group};

/// Stands in every text of a person, and nowhere else.
pub(super) const MARK: &str = "zzcanary";

/// A server whose instance `acme` has everything that an instance can have; the ids of its people.
pub(super) struct Lived {
    pub(super) server: Server,
    pub(super) client: Client,
    pub(super) people: Vec<String>,
    pub(super) team: String,
}

/// A person with marks wherever there is room for one.
pub(super) fn marked(number: usize) -> Value {
    let text = |what: &str| format!("{MARK}-{what}-{number}");
    json!({
        "schemas": [USER, ENTERPRISE],
        "userName": format!("{}@{MARK}.example", text("Name")),
        "externalId": text("external"),
        "displayName": text("display"),
        "nickName": text("nick"),
        "title": text("title"),
        "userType": text("type"),
        "profileUrl": format!("https://{MARK}.example/{number}"),
        "name": { "givenName": text("given"), "familyName": text("family"), "formatted": text("formatted") },
        "emails": [{ "value": format!("{}@{MARK}.example", text("mail")), "type": "work", "primary": true }],
        "phoneNumbers": [{ "value": text("phone"), "type": "mobile" }, { "value": text("desk"), "type": "work" }],
        "addresses": [{ "streetAddress": text("street"), "locality": text("town"), "type": "work", "country": "DE" }],
        "preferredLanguage": "de",
        ENTERPRISE: { "department": text("department"), "employeeNumber": text("number"), "manager": { "value": text("manager") } },
    })
}

impl Lived {
    pub(super) fn new() -> Self {
        let server = Server::start();
        server.run(&["field", "add", "--instance", "acme", "Badge", "--max-chars", "20"]);
        server.file("accounts.csv", &format!("UserName,Email,Badge\n{MARK}-was-there,{MARK}@{MARK}.example,{MARK}-badge\n{MARK}-rejected,{MARK}@{MARK}.example,{MARK}-{MARK}-{MARK}\n"));
        // One line is rejected.
        let _ = server.output(&["account", "import", "--instance", "acme", "accounts.csv"]);
        let client = server.acme();
        let people: Vec<_> = (0..8).map(|number| client.post("/Users", &marked(number)).created()).collect();
        // Somebody reports to somebody by name, and to somebody who is not there.
        let mut reports = marked(20);
        extend(&mut reports, json!({ ENTERPRISE: { "manager": { "value": format!("{MARK}-external-1") } } }));
        client.post("/Users", &reports).created();
        let waited_for = format!("{MARK}-nobody");
        let members: Vec<_> = people.iter().map(String::as_str).chain([waited_for.as_str()]).collect();
        let team = client.post("/Groups", &group(&format!("{MARK} team"), &members)).created();
        let replace = json!([{ "op": "replace", "path": "title", "value": format!("{MARK}-promoted") }]);
        client.patch(&format!("/Users/{}", people[0]), replace);
        let suspend = json!([{ "op": "replace", "path": "active", "value": false }]);
        client.patch(&format!("/Users/{}", people[1]), suspend);
        client.delete(&format!("/Users/{}", people[2]));
        client.patch(
            &format!("/Groups/{team}"),
            json!([{ "op": "remove", "path": format!("members[value eq \"{}\"]", people[3]) }]),
        );
        // What is refused stands in the log too.
        client.post("/Users", &marked(0));
        client.post("/Users", &json!({ "schemas": [USER], "userName": "", "title": MARK }));
        server.run(&[
            "user",
            "set",
            "--instance",
            "acme",
            "integration",
            "--email",
            &format!("{MARK}@{MARK}.example"),
        ]);
        Self { server, client, people, team }
    }
}
