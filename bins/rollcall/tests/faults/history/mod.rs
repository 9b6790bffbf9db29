//! Two nodes and many clients that change one group and the same people: all that was answered, and the end, is as if one server
//! had done one request after the other.

mod checker;

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use serde_json::{Value, json};

use self::checker::{EdgeAct, EdgeOp, PersonOp, Seen, Span};
use crate::bed::{Bed, Dice, Engine, length};
use crate::support::{Answer, group, patch, person, texts};
use crate::wire::Wire;

/// Clients, half of them at either node.
const CLIENTS: usize = 16;
/// People whom all of them change.
const PEOPLE: usize = 6;

/// What a client saw.
enum Event {
    Person(String, PersonOp),
    /// A request about a person's membership, and its id.
    Edge(String, String, EdgeOp),
}

/// What all clients know.
struct World {
    begun: Instant,
    group: String,
    people: Vec<String>,
}

impl World {
    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).expect("a short test")
    }
}

/// The version of an answer's entity tag; what follows the hyphen counts memberships.
fn version(answer: &Answer) -> u64 {
    let tag = answer.header("etag").expect("a tag");
    let number = tag.trim_start_matches("W/").trim_matches('"').split('-').next();
    number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("a version: {tag}"))
}

fn title(body: &Value) -> String {
    body["title"].as_str().unwrap_or_default().to_owned()
}

/// One of the clients.
struct Client<'w> {
    world: &'w World,
    wire: Wire,
    number: usize,
    dice: Dice,
    events: Vec<Event>,
}

impl Client<'_> {
    fn work(mut self) -> Vec<Event> {
        let mut next = 0;
        while self.world.begun.elapsed() < length(8) {
            next += 1;
            let id = format!("history-{}-{next}", self.number);
            let one = self.world.people[self.dice.below(PEOPLE)].clone();
            match self.dice.below(100) {
                0..30 => self.member(&id, &one, EdgeAct::Add),
                30..55 => self.member(&id, &one, EdgeAct::Remove),
                55..65 => self.members(&id),
                65..85 => self.write(&id, &one, None),
                85..93 => {
                    let held = self.read(&id, &one);
                    self.write(&format!("{id}-if"), &one, Some(held));
                }
                _ => drop(self.read(&id, &one)),
            }
        }
        self.events
    }

    /// Sends a request; its answer and when it was under way.
    fn send(
        &self,
        id: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> (Answer, Span) {
        let from = self.world.now();
        let answer = self.wire.send(id, method, path, headers, body).expect("answered");
        (answer, Span { from, to: self.world.now() })
    }

    fn read(&mut self, id: &str, one: &str) -> u64 {
        let (answer, span) = self.send(id, "GET", &format!("/Users/{one}"), &[], None);
        let (body, version) = (answer.ok(200), version(&answer));
        self.events
            .push(Event::Person(one.to_owned(), PersonOp { span, version, seen: Seen::Read(title(&body)) }));
        version
    }

    fn write(&mut self, id: &str, one: &str, held: Option<u64>) {
        let tag = held.map(|held| format!("W/\"{held}\""));
        let headers: Vec<(&str, &str)> = tag.iter().map(|tag| ("If-Match", tag.as_str())).collect();
        // No two requests write the same.
        let change = patch(json!([{ "op": "replace", "path": "title", "value": id }]));
        let (answer, span) = self.send(id, "PATCH", &format!("/Users/{one}"), &headers, Some(&change));
        if held.is_some() && answer.status == 412 {
            return;
        }
        let (body, version) = (answer.ok(200), version(&answer));
        assert_eq!(title(&body), id, "the answer shows what was written");
        let seen = Seen::Wrote { text: id.to_owned(), held };
        self.events.push(Event::Person(one.to_owned(), PersonOp { span, version, seen }));
    }

    fn member(&mut self, id: &str, one: &str, act: EdgeAct) {
        let change = match act {
            EdgeAct::Add => json!([{ "op": "add", "path": "members", "value": [{ "value": one }] }]),
            _ => json!([{ "op": "remove", "path": format!("members[value eq \"{one}\"]") }]),
        };
        let path = format!("/Groups/{}", self.world.group);
        let (answer, span) = self.send(id, "PATCH", &path, &[], Some(&patch(change)));
        answer.ok(200);
        self.events.push(Event::Edge(one.to_owned(), id.to_owned(), EdgeOp { span, act }));
    }

    /// Reads the group, which says of everybody whether they are in it.
    fn members(&mut self, id: &str) {
        let (answer, span) = self.send(id, "GET", &format!("/Groups/{}", self.world.group), &[], None);
        let members = texts(&answer.ok(200)["members"], "value");
        for one in &self.world.people {
            let act = EdgeAct::Read(members.contains(one));
            self.events.push(Event::Edge(one.clone(), id.to_owned(), EdgeOp { span, act }));
        }
    }
}

fn is_serial(engine: Engine) {
    let Some(bed) = Bed::new(engine) else { return };
    let token = bed.token();
    let nodes = [bed.node(), bed.node()];
    let wires = nodes.each_ref().map(|node| node.wire(&token));
    let create = |path: &str, body: &Value| {
        wires[0].send("setup", "POST", path, &[], Some(body)).expect("answered").created()
    };
    let people =
        (0..PEOPLE).map(|number| create("/Users", &person(&format!("shared{number}@example.com")))).collect();
    let world = World { begun: Instant::now(), group: create("/Groups", &group("shared", &[])), people };
    let events: Vec<Event> = std::thread::scope(|scope| {
        let client = |number: usize| {
            let (dice, wire) = (Dice::new(u64::try_from(number).expect("small")), wires[number % 2].clone());
            Client { world: &world, wire, number, dice, events: Vec::new() }
        };
        let threads: Vec<_> = (0..CLIENTS).map(|number| scope.spawn(move || client(number).work())).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a client")).collect()
    });
    judge(&bed, &world, &wires, events);
}

/// Holds what the clients saw against what both nodes say at the end, and against the log.
fn judge(bed: &Bed, world: &World, wires: &[Wire; 2], events: Vec<Event>) {
    let count = events.len();
    let mut people: HashMap<String, Vec<PersonOp>> = HashMap::new();
    let mut edges: HashMap<String, Vec<EdgeOp>> = HashMap::new();
    let mut acts: BTreeMap<String, EdgeAct> = BTreeMap::new();
    for event in events {
        match event {
            Event::Person(one, op) => people.entry(one).or_default().push(op),
            Event::Edge(one, id, op) => {
                acts.insert(id, op.act);
                edges.entry(one).or_default().push(op);
            }
        }
    }
    let look = |wire: &Wire, path: &str| {
        let answer = wire.get(path).expect("answered");
        (version(&answer), answer.ok(200))
    };
    let (last, shown) = look(&wires[0], &format!("/Groups/{}", world.group));
    let members = texts(&shown["members"], "value");
    let (log, changes) = log(bed);
    for one in &world.people {
        let ends = wires.each_ref().map(|wire| look(wire, &format!("/Users/{one}")));
        for (version, body) in &ends {
            let ops = people.get(one).map(Vec::as_slice).unwrap_or_default();
            checker::person((1, ""), ops, (*version, &title(body)))
                .unwrap_or_else(|wrong| panic!("{one}: {wrong}"));
        }
        let end = members.contains(one);
        let ops = edges.get(one).map(Vec::as_slice).unwrap_or_default();
        checker::edge(ops, end).unwrap_or_else(|wrong| panic!("{one} in the group: {wrong}"));
        let records = log.get(one).map(Vec::as_slice).unwrap_or_default();
        checker::edge_log(records, end).unwrap_or_else(|wrong| panic!("{one} in the log: {wrong}"));
        for (id, added) in records {
            let act = if *added { EdgeAct::Add } else { EdgeAct::Remove };
            assert_eq!(acts.get(id), Some(&act), "the record of {id}");
        }
    }
    let records: usize = log.values().map(Vec::len).sum();
    assert_eq!(
        last,
        1 + u64::try_from(records).expect("few"),
        "the group's version counts the changes of its members"
    );
    let writes = people.values().flatten().filter(|op| matches!(op.seen, Seen::Wrote { .. })).count();
    assert_eq!(changes, writes, "each change of a person has one record");
    println!("{count} answers, {writes} changes of people, {records} of members: one history");
}

/// The log of each person's membership, in its order, and how many changes of people it has.
fn log(bed: &Bed) -> (HashMap<String, Vec<(String, bool)>>, usize) {
    let (mut members, mut changes): (HashMap<String, Vec<_>>, usize) = (HashMap::new(), 0);
    for line in bed.run(&["log", "--instance", "acme", "--format", "jsonl"]).lines() {
        let record: Value = serde_json::from_str(line).expect("JSON");
        let id = record["request_id"].as_str().expect("an id").to_owned();
        let change = &record["changes"][0];
        match record["action"].as_str().expect("text") {
            "member_added" => {
                let added = texts(&change["new"], "value");
                assert_eq!(added.len(), 1, "{record}");
                members.entry(added[0].clone()).or_default().push((id, true));
            }
            "member_removed" => {
                let removed = texts(&change["old"], "value");
                assert_eq!(removed.len(), 1, "{record}");
                members.entry(removed[0].clone()).or_default().push((id, false));
            }
            // Refusals have a record too: of a condition that no longer held.
            "updated" if record["status"] == "success" => changes += 1,
            _ => {}
        }
    }
    (members, changes)
}

#[test]
fn of_two_nodes_on_one_sqlite_file() {
    is_serial(Engine::Sqlite);
}
