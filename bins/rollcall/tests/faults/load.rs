//! Clients that change their own people and their own group, one request after the other, and know what must be there.
//!
//! Each request changes something if it is done, so that it leaves a known number of records and events under its own id. After
//! a request whose end is unknown a client looks what became of it: both is right, half of it is not.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::bed::{Dice, until};
use crate::support::{Answer, encoded, group, patch, person};
use crate::wire::Wire;

/// The most people that one client has at a time.
const PEOPLE: usize = 12;

/// What a request does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Creates a person of this user name.
    Create(String),
    /// Gives a person (by id) this title.
    Title(String, String),
    /// Puts a person into the group.
    Add(String),
    /// Takes a person out of the group.
    Remove(String),
    /// Deletes a person.
    Delete(String),
}

impl Kind {
    /// How many log records and events it leaves.
    pub(crate) fn traces(&self) -> (usize, usize) {
        match self {
            // The person's sessions end too.
            Self::Delete(_) => (1, 2),
            _ => (1, 1),
        }
    }
}

/// A request whose end is known.
#[derive(Debug)]
pub(crate) struct Sent {
    /// Its id.
    pub(crate) id: String,
    pub(crate) kind: Kind,
    /// Whether it was done.
    pub(crate) done: bool,
    /// Whether the client was told.
    pub(crate) acknowledged: bool,
}

/// A person as a client knows them.
struct Person {
    id: String,
    title: Option<String>,
    member: bool,
}

/// What all clients of a run have in common.
#[derive(Default)]
pub(crate) struct Run {
    /// Nobody begins another request.
    pub(crate) over: AtomicBool,
    /// Requests that were acknowledged.
    pub(crate) done: AtomicUsize,
    /// Requests that were refused for the time being.
    pub(crate) refused: AtomicUsize,
}

/// One client.
pub(crate) struct Client {
    pub(crate) wire: Wire,
    number: usize,
    dice: Dice,
    group: String,
    people: Vec<Person>,
    gone: Vec<String>,
    /// A request whose end is unknown.
    unknown: Option<(String, Kind)>,
    pub(crate) sent: Vec<Sent>,
    next: usize,
}

impl Client {
    /// A client with a group of its own.
    pub(crate) fn new(number: usize, wire: Wire) -> Self {
        let made = wire.send("setup", "POST", "/Groups", &[], Some(&group(&format!("group {number}"), &[])));
        let group = made.expect("answered").created();
        let seed = u64::try_from(number).expect("small");
        Self {
            wire,
            number,
            dice: Dice::new(seed),
            group,
            people: Vec::new(),
            gone: Vec::new(),
            unknown: None,
            sent: Vec::new(),
            next: 0,
        }
    }

    /// Sends requests until the run is over, or one was not answered.
    pub(crate) fn work(&mut self, run: &Run) {
        while !run.over.load(Ordering::SeqCst) && self.unknown.is_none() {
            self.step(run);
        }
    }

    /// Sends requests until the run is over, through times when they are refused. The node lives: each is answered.
    pub(crate) fn persist(&mut self, run: &Run) {
        while !run.over.load(Ordering::SeqCst) {
            let refused = run.refused.load(Ordering::SeqCst);
            self.step(run);
            if let Some(unknown) = &self.unknown {
                assert!(run.refused.load(Ordering::SeqCst) > refused, "no answer to {unknown:?}");
                self.look();
            }
        }
    }

    /// Sends one request.
    pub(crate) fn step(&mut self, run: &Run) {
        assert!(self.unknown.is_none(), "what became of the last request is not known yet");
        let kind = self.kind();
        self.next += 1;
        let id = format!("load-{}-{}", self.number, self.next);
        match self.send(&id, &kind) {
            Some(answer) if (200..300).contains(&answer.status) => {
                let created = (answer.status == 201).then(|| answer.created());
                self.know(id, kind, created, true);
                run.done.fetch_add(1, Ordering::SeqCst);
            }
            // It may have been done all the same, as a timeout of the client's may.
            Some(answer) if answer.status == 503 || answer.status == 507 => {
                assert!(answer.header("retry-after").is_some(), "{id} {kind:?}: {}", text(&answer));
                run.refused.fetch_add(1, Ordering::SeqCst);
                self.unknown = Some((id, kind));
            }
            Some(answer) => panic!("{id} {kind:?}: {}", text(&answer)),
            None => self.unknown = Some((id, kind)),
        }
    }

    /// What comes next.
    fn kind(&mut self) -> Kind {
        let chance = self.dice.below(100);
        if self.people.len() < 3 || chance < 25 && self.people.len() < PEOPLE {
            return Kind::Create(format!("client{}-{}@example.com", self.number, self.next));
        }
        let person = &self.people[self.dice.below(self.people.len())];
        match (chance, person.member) {
            (..70, _) => Kind::Title(person.id.clone(), format!("title {}", self.next)),
            (..90, false) => Kind::Add(person.id.clone()),
            (..90, true) => Kind::Remove(person.id.clone()),
            _ => Kind::Delete(person.id.clone()),
        }
    }

    fn send(&self, id: &str, kind: &Kind) -> Option<Answer> {
        let group = format!("/Groups/{}", self.group);
        let (method, path, body) = match kind {
            Kind::Create(name) => ("POST", "/Users".to_owned(), Some(person(name))),
            Kind::Title(person, title) => (
                "PATCH",
                format!("/Users/{person}"),
                Some(patch(json!([{ "op": "replace", "path": "title", "value": title }]))),
            ),
            Kind::Add(person) => {
                let add = json!([{ "op": "add", "path": "members", "value": [{ "value": person }] }]);
                ("PATCH", group, Some(patch(add)))
            }
            Kind::Remove(person) => {
                let path = format!("members[value eq \"{person}\"]");
                ("PATCH", group, Some(patch(json!([{ "op": "remove", "path": path }]))))
            }
            Kind::Delete(person) => ("DELETE", format!("/Users/{person}"), None),
        };
        self.wire.send(id, method, &path, &[], body.as_ref())
    }

    /// Takes over what a request did.
    fn know(&mut self, id: String, kind: Kind, created: Option<String>, acknowledged: bool) {
        let find = |people: &mut Vec<Person>, id: &str| {
            people.iter().position(|person| person.id == *id).expect("one of this client's people")
        };
        match &kind {
            Kind::Create(_) => {
                let id = created.expect("an id");
                self.people.push(Person { id, title: None, member: false });
            }
            Kind::Title(person, title) => {
                let at = find(&mut self.people, person);
                self.people[at].title = Some(title.clone());
            }
            Kind::Add(person) | Kind::Remove(person) => {
                let at = find(&mut self.people, person);
                self.people[at].member = matches!(kind, Kind::Add(_));
            }
            Kind::Delete(person) => {
                let at = find(&mut self.people, person);
                self.gone.push(self.people.remove(at).id);
            }
        }
        self.sent.push(Sent { id, kind, done: true, acknowledged });
    }

    /// Looks what became of the request whose end is unknown, once the server answers again.
    fn look(&mut self) {
        let Some((id, kind)) = self.unknown.take() else { return };
        let (done, created) = match &kind {
            Kind::Create(name) => {
                let found =
                    self.read(&format!("/Users?filter={}", encoded(&format!("userName eq \"{name}\""))));
                let found = found.expect("a list")["Resources"][0]["id"].as_str().map(str::to_owned);
                (found.is_some(), found)
            }
            Kind::Title(person, title) => {
                let person = self.read(&format!("/Users/{person}")).expect("the person is there");
                (person["title"] == **title, None)
            }
            Kind::Add(person) => (self.members().contains(person), None),
            Kind::Remove(person) => (!self.members().contains(person), None),
            Kind::Delete(person) => (self.read(&format!("/Users/{person}")).is_none(), None),
        };
        if done {
            self.know(id, kind, created, false);
        } else {
            self.sent.push(Sent { id, kind, done: false, acknowledged: false });
        }
    }

    /// What is there; nothing where the answer is 404.
    fn read(&self, path: &str) -> Option<Value> {
        let answer = until("it is read", || {
            self.wire.get(path).filter(|answer| answer.status == 200 || answer.status == 404)
        });
        (answer.status == 200).then(|| answer.json())
    }

    fn members(&self) -> BTreeSet<String> {
        let group = self.read(&format!("/Groups/{}", self.group)).expect("the group is there");
        crate::support::texts(&group["members"], "value").into_iter().collect()
    }

    /// That everything is there as this client knows it.
    fn check(&self) {
        assert!(self.unknown.is_none(), "it was not looked yet");
        for person in &self.people {
            let found = self.read(&format!("/Users/{}", person.id));
            let found = found.unwrap_or_else(|| panic!("client {}: {} is gone", self.number, person.id));
            assert_eq!(found["title"].as_str(), person.title.as_deref(), "client {}: {found}", self.number);
        }
        let members = self.people.iter().filter(|person| person.member).map(|person| person.id.clone());
        assert_eq!(self.members(), members.collect(), "the group of client {}", self.number);
        // Those of long ago do not come back.
        for id in self.gone.iter().rev().take(3) {
            assert_eq!(self.read(&format!("/Users/{id}")), None, "client {}: {id} is back", self.number);
        }
    }
}

fn text(answer: &Answer) -> String {
    format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body))
}

/// So many clients, each with its group.
pub(crate) fn clients(count: usize, wire: &Wire) -> Vec<Client> {
    (0..count).map(|number| Client::new(number, wire.clone())).collect()
}

/// Lets all clients look what became of their last requests, and check that everything is there as they know it.
pub(crate) fn check(clients: &mut [Client]) {
    std::thread::scope(|scope| {
        for client in clients {
            scope.spawn(|| {
                client.look();
                client.check();
            });
        }
    });
}

/// Lets all clients work, each until it is not answered or refused, beside something else, with which the run is over.
pub(crate) fn work<T>(clients: &mut [Client], run: &Run, beside: impl FnOnce() -> T) -> T {
    all(clients, run, Client::work, beside)
}

/// Lets all clients work, through times when they are refused, beside something else, with which the run is over.
pub(crate) fn persist<T>(clients: &mut [Client], run: &Run, beside: impl FnOnce() -> T) -> T {
    all(clients, run, Client::persist, beside)
}

fn all<T>(clients: &mut [Client], run: &Run, how: fn(&mut Client, &Run), beside: impl FnOnce() -> T) -> T {
    std::thread::scope(|scope| {
        for client in clients {
            scope.spawn(|| how(client, run));
        }
        // Also where what goes on beside it fails: the clients must not go on for ever.
        let _over = Over(&run.over);
        beside()
    })
}

struct Over<'r>(&'r AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
