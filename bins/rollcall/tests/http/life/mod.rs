//! The life of accounts, as an administrator tests it before a deployment: people come into scope and go out of it,
//! existing accounts are picked up, somebody comes back, something is refused. Each scene speaks SCIM as an identity
//! provider does and looks at the account by the command line, as an administrator does.

mod arriving;
mod bulk;
mod existing;
mod fields;
mod guard;
mod leaving;
mod log;
mod managers;
mod mapping;
mod names;
mod owners;
mod profile;
mod rehire;
mod roles;
mod rules;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Client, ENTERPRISE, Server, USER, outcome};

/// An instance, an identity provider that is connected to it, and its administrator's command line.
struct Scene {
    server: Server,
    /// The identity provider: the connector `default`.
    idp: Client,
    instance: &'static str,
}

impl Scene {
    /// An instance of the profile `standard`.
    fn new() -> Self {
        let server = Server::start();
        Self { idp: server.acme(), server, instance: "acme" }
    }

    /// An instance of this profile.
    fn of(profile: &str) -> Self {
        let server = Server::start();
        server.run(&["instance", "create", "corp", "--profile", profile]);
        Self { idp: server.client("corp", "default"), server, instance: "corp" }
    }

    /// Runs a command about the instance; what it prints.
    #[track_caller]
    fn run(&self, command: &[&str]) -> String {
        self.server.run(&self.about(command))
    }

    /// The same with `--json`.
    #[track_caller]
    fn json(&self, command: &[&str]) -> Value {
        let mut command = self.about(command);
        command.push("--json");
        serde_json::from_str(&self.server.run(&command)).expect("JSON")
    }

    /// A command that fails with exit status 1; what it says.
    #[track_caller]
    fn fails(&self, command: &[&str]) -> String {
        let (status, _, said) = outcome(&self.server.output(&self.about(command)));
        assert_eq!(status, Some(1), "{command:?}: {said}");
        said
    }

    fn about<'a>(&'a self, command: &[&'a str]) -> Vec<&'a str> {
        let mut command = command.to_vec();
        command.extend(["--instance", self.instance]);
        command
    }

    /// Another identity provider, with a connector of its own.
    fn other(&self, connector: &str) -> Client {
        self.run(&["connector", "create", connector]);
        self.server.client(self.instance, connector)
    }

    /// A connector `careful`, which picks up at the first write.
    fn careful(&self, profile: &str) {
        self.run(&["connector", "create", "careful", "--profile", profile]);
        self.run(&["connector", "set", "careful", "--pick-up", "on-write"]);
    }

    /// Brings existing accounts of the application in.
    #[track_caller]
    fn import(&self, accounts: &[Value]) {
        let lines: Vec<String> = accounts.iter().map(Value::to_string).collect();
        self.server.file("accounts.jsonl", &lines.join("\n"));
        self.run(&["account", "import", "accounts.jsonl"]);
    }

    /// The account of that name, as `account show --json` prints it.
    #[track_caller]
    fn account(&self, user_name: &str) -> Value {
        self.json(&["account", "show", user_name])
    }

    /// A field of the account of that name.
    #[track_caller]
    fn field(&self, user_name: &str, field: &str) -> Value {
        let account = self.account(user_name);
        account["fields"].get(field).unwrap_or_else(|| panic!("no field {field}: {account}")).clone()
    }

    /// Where the account of that name stands.
    #[track_caller]
    fn state(&self, user_name: &str) -> String {
        self.account(user_name)["state"].as_str().expect("a state").to_owned()
    }

    /// The provisioning log.
    #[track_caller]
    fn log(&self) -> Vec<Value> {
        let log = self.run(&["log", "--format", "jsonl"]);
        log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Records of this action that did something.
    #[track_caller]
    fn logged(&self, action: &str) -> Vec<Value> {
        let done = |record: &Value| {
            record["action"] == action
                && ["success", "warning"].iter().any(|status| record["status"] == *status)
        };
        self.log().into_iter().filter(done).collect()
    }

    /// The newest failure in the log: its error, which says what to do.
    #[track_caller]
    fn failure(&self) -> Value {
        let log = self.log();
        let failure =
            log.iter().rev().find(|record| record["status"] == "failure").expect("a failure in the log");
        for member in ["code", "message", "advice"] {
            assert!(
                failure["error"][member].as_str().is_some_and(|text| !text.is_empty()),
                "{member}: {failure}"
            );
        }
        assert_eq!(
            (&failure["connector"], &failure["user"]),
            (&json!("default"), &json!("integration")),
            "{failure}"
        );
        failure.clone()
    }
}

/// Somebody as Entra's default mapping sends them.
fn employee(user_name: &str, given: &str, family: &str) -> Value {
    json!({
        "schemas": [USER, ENTERPRISE],
        "externalId": format!("e-{user_name}"),
        "userName": user_name,
        "active": true,
        "displayName": format!("{given} {family}"),
        "title": "Engineer",
        "name": { "givenName": given, "familyName": family, "formatted": format!("{given} {family}") },
        "emails": [{ "primary": true, "type": "work", "value": user_name }],
        "phoneNumbers": [
            { "type": "work", "value": "+44 20 7946 0101" }, { "type": "mobile", "value": "+44 7700 900101" }
        ],
        ENTERPRISE: { "department": "Research" },
    })
}

/// PATCH operations as Entra sends them, one for each path.
fn replace(values: &[(&str, Value)]) -> Value {
    let operation = |(path, value): &(&str, Value)| json!({ "op": "Replace", "path": path, "value": value });
    values.iter().map(operation).collect()
}

/// What Entra sends for somebody who is out of scope, or disabled.
fn disable() -> Value {
    replace(&[("active", json!("False"))])
}

/// What `report --json` counts, by action and status.
#[track_caller]
fn counts(report: &Value) -> BTreeMap<(String, String), u64> {
    let mut counts = BTreeMap::new();
    let actions = report["actions"].as_object().unwrap_or_else(|| panic!("counts: {report}"));
    for (action, statuses) in actions {
        for (status, count) in statuses.as_object().expect("by status") {
            counts.insert((action.clone(), status.clone()), count.as_u64().expect("a number"));
        }
    }
    counts
}

/// The path of a person.
fn path(id: &str) -> String {
    format!("/Users/{id}")
}

/// The person whom the identity provider finds by user name: how many there are, and the first one's id.
#[track_caller]
fn find(idp: &Client, user_name: &str) -> (u64, Option<String>) {
    let list = idp.filter("/Users", &format!("userName eq \"{user_name}\"")).ok(200);
    let id = list["Resources"][0]["id"].as_str().map(str::to_owned);
    (list["totalResults"].as_u64().expect("a number"), id)
}
