//! Two nodes on one database: what is done at one counts at the other from the next request on.

mod jobs;
#[cfg(feature = "postgres")]
mod postgres;
mod shared;

use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Answer, Client, Server, send};

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server and another one on the same database; the other one ends with it.
struct Nodes {
    first: Server,
    second: Child,
    /// Where each listens.
    addresses: [String; 2],
}

impl Nodes {
    /// Starts another node beside one.
    fn beside(first: Server) -> Self {
        let (second, address) = first.beside();
        let addresses = [first.address.clone(), address];
        Self { first, second, addresses }
    }

    /// The same client at each node.
    fn clients(&self) -> [Client; 2] {
        let token = self.first.acme().token;
        self.addresses.clone().map(|address| Client::new(&address, &token))
    }

    /// An admin key of `acme`.
    fn admin_key(&self) -> String {
        self.first.run(&["admin-key", "issue", "--instance", "acme"])
    }

    /// What a node's metric of that name is.
    fn metric(&self, node: usize, name: &str) -> Option<f64> {
        let page = send(&self.addresses[node], "GET", "/metrics", &[], b"").body;
        let page = String::from_utf8(page).expect("text");
        page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }

    /// Which nodes say that they do the jobs.
    fn doing_jobs(&self, nodes: &[usize]) -> Vec<usize> {
        let held = |node: &usize| self.metric(*node, "rollcall_jobs_held ") == Some(1.0);
        nodes.iter().copied().filter(held).collect()
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.second.kill();
        let _ = self.second.wait();
    }
}

/// Runs a test on each engine that is there.
fn on_each(test: impl Fn(&Nodes)) {
    on_each_with(&[], test);
}

/// The same with these variables.
fn on_each_with(variables: &[(&'static str, &str)], test: impl Fn(&Nodes)) {
    test(&Nodes::beside(Server::start_with(variables, &[])));
    #[cfg(feature = "postgres")]
    if let Some(cluster) = testbed::Postgres::shared() {
        let database = cluster.database().expect("a database");
        test(&Nodes::beside(Server::start_on(database.url(), variables)));
    }
}

/// Waits until something is so.
#[track_caller]
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// A request to the admin API of a node, about the instance `acme`.
fn admin(
    address: &str,
    token: &str,
    method: &str,
    path: &str,
    more: &[(&str, &str)],
    body: Option<&Value>,
) -> Answer {
    let authorization = format!("Bearer {token}");
    let mut headers = vec![("Authorization", authorization.as_str())];
    headers.extend_from_slice(more);
    let text = body.map(Value::to_string).unwrap_or_default();
    if body.is_some() {
        headers.push(("Content-Type", "application/json"));
    }
    send(address, method, &format!("/admin/v1/instances/acme{path}"), &headers, text.as_bytes())
}

/// A new person of that title.
fn titled(name: &str, title: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": name,
        "title": title,
    })
}
