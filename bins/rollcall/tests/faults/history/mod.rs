//! Two nodes and many clients that change one group and the same people: all that was answered, and the end, is as if one server
//! had done one request after the other.

mod checker;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testbed::Pgbouncer;

use self::checker::{EdgeAct, EdgeOp, PersonOp, Seen, Span};
use crate::bed::{Bed, Dice, Engine, NAME, Node, length, until};
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
    /// A change was refused for the time being. It may have been done all the same: the log says so.
    Refused {
        one: String,
        id: String,
        from: u64,
        change: Change,
    },
}

/// What a request was to change.
enum Change {
    Person { held: Option<u64> },
    Edge(EdgeAct),
}

/// The least requests that say something, and how long a busy machine may take for them.
const ENOUGH: usize = 1500;
const AT_MOST: Duration = Duration::from_secs(25);

/// What all clients know.
struct World {
    begun: Instant,
    sent: AtomicUsize,
    group: String,
    people: Vec<String>,
}

impl World {
    /// Whether another request is to be sent.
    fn goes_on(&self) -> bool {
        let (sent, passed) = (self.sent.fetch_add(1, Ordering::Relaxed), self.begun.elapsed());
        passed < length(8) || sent < ENOUGH && passed < AT_MOST
    }

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

/// A request that was refused for the time being, and when it was sent.
struct Busy {
    from: u64,
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
        while self.world.goes_on() {
            next += 1;
            let id = format!("history-{}-{next}", self.number);
            let one = self.world.people[self.dice.below(PEOPLE)].clone();
            match self.dice.below(100) {
                0..30 => self.member(&id, &one, EdgeAct::Add),
                30..55 => self.member(&id, &one, EdgeAct::Remove),
                55..65 => self.members(&id),
                65..85 => self.write(&id, &one, None),
                85..93 => {
                    if let Some(held) = self.read(&id, &one) {
                        self.write(&format!("{id}-if"), &one, Some(held));
                    }
                }
                _ => drop(self.read(&id, &one)),
            }
        }
        self.events
    }

    /// Sends a request; its answer and when it was under way. A database that others work on too may be too busy for one.
    fn send(
        &self,
        id: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<(Answer, Span), Busy> {
        let from = self.world.now();
        let answer = self.wire.send(id, method, path, headers, body).expect("answered");
        if answer.status == 503 {
            assert!(answer.header("retry-after").is_some());
            return Err(Busy { from });
        }
        Ok((answer, Span { from, to: self.world.now() }))
    }

    fn refused(&mut self, one: &str, id: &str, busy: &Busy, change: Change) {
        let (one, id) = (one.to_owned(), id.to_owned());
        self.events.push(Event::Refused { one, id, from: busy.from, change });
    }

    fn read(&mut self, id: &str, one: &str) -> Option<u64> {
        let (answer, span) = self.send(id, "GET", &format!("/Users/{one}"), &[], None).ok()?;
        let (body, version) = (answer.ok(200), version(&answer));
        self.events
            .push(Event::Person(one.to_owned(), PersonOp { span, version, seen: Seen::Read(title(&body)) }));
        Some(version)
    }

    fn write(&mut self, id: &str, one: &str, held: Option<u64>) {
        let tag = held.map(|held| format!("W/\"{held}\""));
        let headers: Vec<(&str, &str)> = tag.iter().map(|tag| ("If-Match", tag.as_str())).collect();
        // No two requests write the same.
        let change = patch(json!([{ "op": "replace", "path": "title", "value": id }]));
        let sent = self.send(id, "PATCH", &format!("/Users/{one}"), &headers, Some(&change));
        let (answer, span) = match sent {
            Ok(answered) => answered,
            Err(busy) => return self.refused(one, id, &busy, Change::Person { held }),
        };
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
        let (answer, span) = match self.send(id, "PATCH", &path, &[], Some(&patch(change))) {
            Ok(answered) => answered,
            Err(busy) => return self.refused(one, id, &busy, Change::Edge(act)),
        };
        answer.ok(200);
        self.events.push(Event::Edge(one.to_owned(), id.to_owned(), EdgeOp { span, act }));
    }

    /// Reads the group, which says of everybody whether they are in it.
    fn members(&mut self, id: &str) {
        let path = format!("/Groups/{}", self.world.group);
        let Ok((answer, span)) = self.send(id, "GET", &path, &[], None) else { return };
        let members = texts(&answer.ok(200)["members"], "value");
        for one in &self.world.people {
            let act = EdgeAct::Read(members.contains(one));
            self.events.push(Event::Edge(one.clone(), id.to_owned(), EdgeOp { span, act }));
        }
    }
}

fn is_serial(bed: &Bed, nodes: &[Node; 2]) {
    let token = bed.token();
    let wires = nodes.each_ref().map(|node| node.wire(&token));
    let create = |path: &str, body: &Value| {
        wires[0].send("setup", "POST", path, &[], Some(body)).expect("answered").created()
    };
    let people =
        (0..PEOPLE).map(|number| create("/Users", &person(&format!("shared{number}@example.com")))).collect();
    let group = create("/Groups", &group("shared", &[]));
    let world = World { begun: Instant::now(), sent: AtomicUsize::new(0), group, people };
    let events: Vec<Event> = std::thread::scope(|scope| {
        let client = |number: usize| {
            let (dice, wire) = (Dice::new(u64::try_from(number).expect("small")), wires[number % 2].clone());
            Client { world: &world, wire, number, dice, events: Vec::new() }
        };
        let threads: Vec<_> = (0..CLIENTS).map(|number| scope.spawn(move || client(number).work())).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a client")).collect()
    });
    judge(bed, &world, &wires, events);
}

/// Holds what the clients saw against what both nodes say at the end, and against the log.
fn judge(bed: &Bed, world: &World, wires: &[Wire; 2], events: Vec<Event>) {
    let count = events.len();
    let mut people: HashMap<String, Vec<PersonOp>> = HashMap::new();
    let mut edges: HashMap<String, Vec<EdgeOp>> = HashMap::new();
    let mut acts: BTreeMap<String, EdgeAct> = BTreeMap::new();
    let (log, mut refusals) = (log(bed), 0);
    for event in events {
        match event {
            Event::Person(one, op) => people.entry(one).or_default().push(op),
            Event::Edge(one, id, op) => {
                acts.insert(id, op.act);
                edges.entry(one).or_default().push(op);
            }
            Event::Refused { one, id, from, change } => {
                refusals += 1;
                let span = Span { from, to: u64::MAX };
                match change {
                    Change::Person { held } => {
                        let logged = log.titles.get(&one).map(Vec::as_slice).unwrap_or_default();
                        if let Some(place) = logged.iter().position(|text| *text == id) {
                            // The first change makes version 2.
                            let version = 2 + u64::try_from(place).expect("few");
                            let seen = Seen::Wrote { text: id, held };
                            people.entry(one).or_default().push(PersonOp { span, version, seen });
                        }
                    }
                    Change::Edge(act) => {
                        let mut logged = log.members.get(&one).into_iter().flatten();
                        if logged.any(|(other, _)| *other == id) {
                            acts.insert(id, act);
                            edges.entry(one).or_default().push(EdgeOp { span, act });
                        }
                    }
                }
            }
        }
    }
    assert!(refusals * 20 <= count, "{refusals} of {count} were refused");
    let look = |wire: &Wire, path: &str| {
        let answer = until("it is read", || wire.get(path).filter(|answer| answer.status != 503));
        (version(&answer), answer.ok(200))
    };
    let (last, shown) = look(&wires[0], &format!("/Groups/{}", world.group));
    let members = texts(&shown["members"], "value");
    for one in &world.people {
        let ends = wires.each_ref().map(|wire| look(wire, &format!("/Users/{one}")));
        for (version, body) in &ends {
            let ops = people.get(one).map(Vec::as_slice).unwrap_or_default();
            checker::person((1, ""), ops, (*version, &title(body)))
                .unwrap_or_else(|wrong| panic!("{one}: {wrong}"));
            let mut writes: Vec<(u64, &str)> = ops.iter().filter_map(PersonOp::written).collect();
            writes.sort_unstable();
            let titles: Vec<&str> = writes.iter().map(|(_, text)| *text).collect();
            let logged = log.titles.get(one).map(Vec::as_slice).unwrap_or_default();
            assert_eq!(logged, titles, "the log of {one} has each change once, in the order of the versions");
        }
        let end = members.contains(one);
        let ops = edges.get(one).map(Vec::as_slice).unwrap_or_default();
        checker::edge(ops, end).unwrap_or_else(|wrong| panic!("{one} in the group: {wrong}"));
        let records = log.members.get(one).map(Vec::as_slice).unwrap_or_default();
        checker::edge_log(records, end).unwrap_or_else(|wrong| panic!("{one} in the log: {wrong}"));
        for (id, added) in records {
            let act = if *added { EdgeAct::Add } else { EdgeAct::Remove };
            assert_eq!(acts.get(id), Some(&act), "the record of {id}");
        }
    }
    let records: usize = log.members.values().map(Vec::len).sum();
    assert_eq!(
        last,
        1 + u64::try_from(records).expect("few"),
        "the group's version counts the changes of its members"
    );
    let writes: usize = log.titles.values().map(Vec::len).sum();
    println!(
        "{count} answers, {refusals} refusals, {writes} changes of people, {records} of members: one history"
    );
}

/// What the log says, in its order, of each person.
#[derive(Default)]
struct Log {
    /// The request, and whether it added or removed them.
    members: HashMap<String, Vec<(String, bool)>>,
    /// What was written.
    titles: HashMap<String, Vec<String>>,
}

fn log(bed: &Bed) -> Log {
    let mut log = Log::default();
    for line in bed.run(&["log", "--instance", "acme", "--format", "jsonl", "--status", "success"]).lines() {
        let record: Value = serde_json::from_str(line).expect("JSON");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let (change, id) = (&record["changes"][0], text(&record["request_id"]));
        let mut members = |list: &Value, added: bool| {
            let [one] = texts(list, "value").try_into().unwrap_or_else(|_| panic!("one member: {record}"));
            log.members.entry(one).or_default().push((id.clone(), added));
        };
        match record["action"].as_str() {
            Some("member_added") => members(&change["new"], true),
            Some("member_removed") => members(&change["old"], false),
            Some("updated") => {
                log.titles.entry(text(&record["resource"]["id"])).or_default().push(text(&change["new"]));
            }
            _ => {}
        }
    }
    log
}

#[test]
fn of_two_nodes_on_one_sqlite_file() {
    let Some(bed) = Bed::new(Engine::Sqlite) else { return };
    let nodes = [bed.node(), bed.node()];
    is_serial(&bed, &nodes);
}

/// One of the nodes by way of a pooler in transaction mode.
#[test]
fn of_two_nodes_over_postgresql() {
    let Some(mut bed) = Bed::new(Engine::Postgres) else { return };
    let direct = bed.node();
    let Some(pooler) = Pgbouncer::start(bed.cluster(), 4).expect("a pooler") else { return };
    bed.by_way_of(Some(pooler.url(NAME)));
    bed.tell("ROLLCALL_DATABASE_POOLER", "transaction");
    let nodes = [direct, bed.node()];
    is_serial(&bed, &nodes);
}
