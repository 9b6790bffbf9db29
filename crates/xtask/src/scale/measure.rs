//! What is asked of both directories, in turns, and how long the answers take.

use anyhow::Context as _;
use serde_json::{Value, json};

use super::http::{Client, encoded};
use super::load::{Directory, group_name, person, provisioned};
use crate::shell::say;

/// The times of one operation, in microseconds, in ascending order.
pub(super) struct Figure {
    pub(super) what: &'static str,
    pub(super) base: Vec<u64>,
    pub(super) large: Vec<u64>,
}

impl Figure {
    /// The large directory's median as a multiple of the small one's.
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a request")]
    pub(super) fn ratio(&self) -> f64 {
        at(&self.large, 50) as f64 / at(&self.base, 50).max(1) as f64
    }
}

/// The time that so many of a hundred stay below.
pub(super) fn at(times: &[u64], percent: usize) -> u64 {
    times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// One directory while it is measured.
struct Subject<'d> {
    directory: &'d Directory,
    client: Client,
    /// The ids of half of the people, the newer one.
    people: Vec<String>,
    /// The id of the large group.
    group: String,
    /// Where deep pages go on.
    cursor: Option<String>,
    /// The same cursor at the first of them.
    deep: String,
    next: usize,
}

/// An operation: what it is called, and what sends the request that counts.
type Operation = (&'static str, fn(&mut Subject<'_>) -> anyhow::Result<u64>);

const OPERATIONS: [Operation; 9] = [
    ("GET of a person", get),
    ("match by `userName`", match_user_name),
    ("match by `externalId`", match_external_id),
    ("create", create),
    ("PATCH of a person", patch),
    ("member added to the largest group", add_member),
    ("member removed from it", remove_member),
    ("first page of 100", first_page),
    ("deep pages of 100, by cursor", deep_page),
];

/// Measures both.
pub(super) fn measure(
    base: &Directory,
    large: &Directory,
    rounds: usize,
    requests: usize,
) -> anyhow::Result<Vec<Figure>> {
    let mut subjects = [Subject::new(base)?, Subject::new(large)?];
    let mut figures: Vec<Figure> =
        OPERATIONS.iter().map(|(what, _)| Figure { what, base: Vec::new(), large: Vec::new() }).collect();
    // One round that does not count: the connection, the plans and the caches are warm after it.
    for round in 0..=rounds {
        for ((what, operation), figure) in OPERATIONS.iter().zip(&mut figures) {
            for _ in 0..requests {
                // Request by request, so that whatever else the machine does falls on both.
                for (subject, times) in subjects.iter_mut().zip([&mut figure.base, &mut figure.large]) {
                    let micros = operation(subject).with_context(|| (*what).to_owned())?;
                    if round > 0 {
                        times.push(micros);
                    }
                }
            }
        }
        say(&format!("round {round} of {rounds}"));
    }
    for figure in &mut figures {
        figure.base.sort_unstable();
        figure.large.sort_unstable();
    }
    Ok(figures)
}

impl<'d> Subject<'d> {
    fn new(directory: &'d Directory) -> anyhow::Result<Self> {
        let client = Client::connect(&directory.server.address, &directory.server.token)?;
        let mut subject = Self {
            directory,
            client,
            people: Vec::new(),
            group: String::new(),
            cursor: None,
            deep: String::new(),
            next: 0,
        };
        let groups = subject.ids("Groups", &format!("displayName eq \"{}\"", group_name(0)))?;
        subject.group = groups.into_iter().next().context("the large group is not there")?;
        // Half-way through the directory; whom it meets, the other operations are about.
        let mut cursor = String::new();
        for _ in 0..directory.size.people / 200 {
            let page = subject.page(&format!("count=100&attributes=userName&cursor={cursor}"))?.1;
            subject.people.extend(ids(&page));
            cursor = next_cursor(&page).context("the list ended early")?;
        }
        subject.deep = cursor;
        Ok(subject)
    }

    /// The next number: another one each time, all over the directory.
    fn number(&mut self) -> usize {
        self.next += 1;
        // A prime that shares nothing with the sizes.
        self.next.wrapping_mul(1_000_003)
    }

    /// Somebody who came over SCIM. (Whoever was imported would be picked up by a match, which is a write.)
    fn any_provisioned(&mut self) -> (String, String) {
        let people = self.directory.size.provisioned;
        provisioned(self.number() % people)
    }

    fn any_person(&mut self) -> anyhow::Result<String> {
        let number = self.number() % self.people.len().max(1);
        self.people.get(number).cloned().context("nobody is there")
    }

    fn ids(&mut self, kind: &str, filter: &str) -> anyhow::Result<Vec<String>> {
        let path = format!("/{kind}?attributes=displayName&filter={}", encoded(filter));
        let found = self.client.send("GET", &path, None)?.expect(&[200])?.json()?;
        Ok(ids(&found))
    }

    /// A page of people: how long it took, and what it says.
    fn page(&mut self, query: &str) -> anyhow::Result<(u64, Value)> {
        let answer = self.client.send("GET", &format!("/Users?{query}"), None)?.expect(&[200])?;
        Ok((answer.micros, answer.json()?))
    }

    /// How long the one match of a filter takes.
    fn one(&mut self, filter: &str) -> anyhow::Result<u64> {
        let (micros, found) = self.page(&format!("filter={}", encoded(filter)))?;
        anyhow::ensure!(found.get("totalResults") == Some(&json!(1)), "{filter}: {found}");
        Ok(micros)
    }

    fn edit(&mut self, path: &str, operation: &Value) -> anyhow::Result<u64> {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [operation]
        });
        Ok(self.client.send("PATCH", path, Some(&body))?.expect(&[200, 204])?.micros)
    }
}

fn ids(page: &Value) -> Vec<String> {
    let resources = page.get("Resources").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    resources.iter().filter_map(|resource| Some(resource.get("id")?.as_str()?.to_owned())).collect()
}

fn next_cursor(page: &Value) -> Option<String> {
    page.get("nextCursor")?.as_str().map(encoded)
}

fn get(subject: &mut Subject<'_>) -> anyhow::Result<u64> {
    let id = subject.any_person()?;
    Ok(subject.client.send("GET", &format!("/Users/{id}"), None)?.expect(&[200])?.micros)
}

fn match_user_name(subject: &mut Subject<'_>) -> anyhow::Result<u64> {
    let (name, _) = subject.any_provisioned();
    subject.one(&format!("userName eq \"{name}\""))
}

fn match_external_id(subject: &mut Subject<'_>) -> anyhow::Result<u64> {
    let (_, external_id) = subject.any_provisioned();
    subject.one(&format!("externalId eq \"{external_id}\""))
}

fn create(subject: &mut Subject<'_>) -> anyhow::Result<u64> {
    let number = subject.number();
    // Where the same database is measured again, other names.
    let of = std::process::id();
    let (name, external_id) = (format!("new.{of}.{number}@contoso.example"), format!("new {of} {number}"));
    let body = person(&name, &external_id, number);
    Ok(subject.client.send("POST", "/Users", Some(&body))?.expect(&[201])?.micros)
}

fn patch(subject: &mut Subject<'_>) -> anyhow::Result<u64> {
    let (id, number) = (subject.any_person()?, subject.next);
    let operation = json!({ "op": "replace", "path": "title", "value": format!("Title {number}") });
    subject.edit(&format!("/Users/{id}"), &operation)
}

fn add_member(subject: &mut Subject<'_>) -> anyhow::Result<u64> {
    let person = subject.any_person()?;
    let path = format!("/Groups/{}", subject.group);
    // Whoever is in already is taken out first, so that each request that counts does something.
    let out = json!({ "op": "remove", "path": format!("members[value eq \"{person}\"]") });
    subject.edit(&path, &out)?;
    subject.edit(&path, &json!({ "op": "add", "path": "members", "value": [{ "value": person }] }))
}

fn remove_member(subject: &mut Subject<'_>) -> anyhow::Result<u64> {
    let person = subject.any_person()?;
    let path = format!("/Groups/{}", subject.group);
    subject.edit(&path, &json!({ "op": "add", "path": "members", "value": [{ "value": person }] }))?;
    subject.edit(&path, &json!({ "op": "remove", "path": format!("members[value eq \"{person}\"]") }))
}

fn first_page(subject: &mut Subject<'_>) -> anyhow::Result<u64> {
    Ok(subject.page("count=100")?.0)
}

fn deep_page(subject: &mut Subject<'_>) -> anyhow::Result<u64> {
    let cursor = subject.cursor.take().unwrap_or_else(|| subject.deep.clone());
    let (micros, page) = subject.page(&format!("count=100&cursor={cursor}"))?;
    subject.cursor = next_cursor(&page);
    Ok(micros)
}
