//! Whole cycles against a directory in memory.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has to stop")]

#[path = "support/directory.rs"]
mod directory;
mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use directory::{Directory, error};
use scim_emulator::company::{Change, Changes, Company};
use scim_emulator::entra::{
    self, EmulatorError, Job, Options, Phase, Progress, ReadBack, RequestKind, Shape, Summary,
};
use serde_json::{Value, json};
use support::{Reply, Request, serve};

/// A directory, and a server for it that `meddle` can answer for.
fn server(meddle: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> (Arc<Directory>, String) {
    let directory = Arc::new(Directory::default());
    let answers = Arc::clone(&directory);
    let base = serve(move |request| Some(meddle(request).unwrap_or_else(|| answers.answer(request))));
    (directory, base)
}

fn options(base: &str, people: u32) -> Options {
    let mut options = Options::new(base, "secret").people(people);
    options.read_back = ReadBack::All;
    options.longest_pause = Duration::ZERO;
    options
}

fn run(options: &Options) -> (Summary, Company, Changes) {
    let job = Job::new(options).unwrap();
    let initial = job.initial_cycle(&()).unwrap();
    let incremental = job.incremental_cycle(&());
    let mut summary = Summary::default();
    (summary.initial, summary.incremental) = (initial, incremental);
    let company = job.company().clone();
    let changes = company.changes();
    (summary, company, changes)
}

fn members(company: &Company) -> u64 {
    (0..company.groups()).map(|g| company.members(g).count() as u64).sum()
}

fn check_both_cycles(shape: Shape) {
    let (directory, base) = server(|_| None);
    let mut options = options(&base, 200);
    options.shape = shape;
    let (summary, company, changes) = run(&options);
    assert!(summary.is_clean(), "{summary:#?}");

    let first = &summary.initial;
    let groups = u64::from(company.groups());
    assert_eq!((first.people_created, first.people_matched, first.people_unchanged), (200, 0, 0));
    assert_eq!((first.managers_set, first.managers_unchanged, first.references_postponed), (199, 0, 0));
    assert_eq!((first.groups_created, first.groups_matched, first.groups_updated), (groups, 0, 0));
    assert_eq!((first.members_added, first.members_removed), (members(&company), 0));
    assert_eq!((first.people_read_back, first.groups_read_back), (200, groups));
    assert_eq!(first.latencies[&RequestKind::CreatePerson].count(), 200);
    assert_eq!(first.latencies[&RequestKind::TestConnection].count(), 2);

    let next = &summary.incremental;
    let count = |test: fn(&Change) -> bool| changes.people.values().filter(|c| test(c)).count() as u64;
    assert_eq!(next.people_created, changes.hired.len() as u64);
    assert_eq!(next.people_updated, count(|c| matches!(c, Change::NewJob { .. } | Change::NewName)));
    assert_eq!(next.people_disabled, count(|c| *c == Change::Leaves));
    assert_eq!(next.people_deleted, count(|c| *c == Change::Deleted));
    assert_eq!(next.managers_set, count(|c| *c == Change::NewManager) + changes.hired.len() as u64);
    assert_eq!(next.groups_updated, 1);
    assert_eq!(next.members_added, changes.groups.values().map(|g| g.add.len() as u64).sum::<u64>());
    assert_eq!(next.members_removed, changes.groups.values().map(|g| g.remove.len() as u64).sum::<u64>());
    assert!(next.people_disabled > 0 && next.people_deleted > 0 && next.members_removed > 0);

    let resources = directory.open();
    let users: Vec<&Value> =
        resources.iter().filter(|(p, _)| p.starts_with("/Users/")).map(|(_, r)| r).collect();
    assert_eq!(users.len() as u64, 200 + next.people_created - next.people_deleted);
    let disabled = users.iter().filter(|u| u["active"] == json!(false)).count() as u64;
    assert_eq!(disabled, next.people_disabled);
}

#[test]
fn both_cycles_in_the_classic_shape() {
    check_both_cycles(Shape::Classic);
}

#[test]
fn both_cycles_in_the_compliant_shape() {
    check_both_cycles(Shape::Compliant);
}

#[test]
fn what_is_there_is_matched_and_only_differences_are_sent() {
    let patches = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&patches);
    let (directory, base) = server(move |request| {
        if request.method == "PATCH" && request.target.starts_with("/Users/") {
            log.lock().unwrap().push(request.body.clone());
        }
        None
    });
    let options = options(&base, 30);
    assert!(Job::new(&options).unwrap().initial_cycle(&()).unwrap().is_clean());
    for resource in directory.open().values_mut().filter(|r| r["userName"].is_string()).take(3) {
        resource["title"] = json!("Something Else");
        resource["nickName"] = json!("not mapped, so not touched");
    }
    patches.lock().unwrap().clear();

    let again = Job::new(&options).unwrap().initial_cycle(&()).unwrap();
    assert!(again.is_clean(), "{again:#?}");
    assert_eq!((again.people_created, again.people_matched), (0, 30));
    assert_eq!((again.people_updated, again.people_unchanged), (3, 27));
    assert_eq!((again.managers_set, again.managers_unchanged), (0, 29));
    assert_eq!((again.groups_created, again.groups_matched), (0, 19));
    let patches = patches.lock().unwrap();
    assert_eq!(patches.len(), 3);
    for patch in patches.iter() {
        let patch: Value = serde_json::from_str(patch).unwrap();
        assert_eq!(patch["Operations"].as_array().unwrap().len(), 1, "{patch}");
        assert_eq!(patch["Operations"][0]["op"], "Replace");
        assert_eq!(patch["Operations"][0]["path"], "title");
    }
}

#[test]
fn a_second_run_finds_who_was_renamed() {
    let (_, base) = server(|_| None);
    let options = options(&base, 150);
    assert!(run(&options).0.is_clean());
    let (summary, _, changes) = run(&options);
    assert!(summary.is_clean(), "{summary:#?}");
    let deleted = changes.people.values().filter(|c| **c == Change::Deleted).count() as u64;
    assert_eq!(summary.initial.people_created, deleted);
    assert_eq!(summary.incremental.people_created, 0);
    assert_eq!(summary.initial.groups_created, 0);
}

#[test]
fn failures_are_counted_and_stop_nothing() {
    let refused = Options::new("http://h", "").people(60);
    let unlucky = Job::new(&refused).unwrap().company().person(40).user_name;
    let name = unlucky.clone();
    let (_, base) = server(move |request| {
        let bad = request.method == "POST" && request.body.contains(&name);
        bad.then(|| error(400, "userName is not to our taste"))
    });
    let (summary, ..) = run(&options(&base, 60));
    let first = &summary.initial;
    assert_eq!((first.people_created, first.failures), (59, 1));
    let example = &first.failure_examples[0];
    assert_eq!((example.request, example.status), (RequestKind::CreatePerson, Some(400)));
    assert_eq!(
        (example.subject.as_str(), example.detail.as_str()),
        (unlucky.as_str(), "userName is not to our taste")
    );
    // Memberships in a department, a site and perhaps projects, and the manager.
    assert!(first.references_postponed >= 3);
    assert_eq!(first.mismatches, 0);
}

#[test]
fn a_server_that_forgets_is_found_out() {
    let (_, base) = server(|request| {
        let forgets = request.method == "PATCH" && request.target.starts_with("/Users/");
        forgets.then(|| Reply::new(204, ""))
    });
    let mut options = options(&base, 100);
    options.read_back = ReadBack::Sample(100);
    let (summary, _, changes) = run(&options);
    assert_eq!(summary.initial.failures + summary.incremental.failures, 0);
    assert_eq!(summary.initial.mismatches, 99, "no manager is there");
    assert!(summary.initial.mismatch_examples.iter().all(|m| m.attribute == "manager.value"));
    let leavers = changes.people.values().filter(|c| **c == Change::Leaves).count();
    let active = summary.incremental.mismatch_examples.iter().filter(|m| m.attribute == "active").count();
    assert_eq!(active, leavers);
}

#[test]
fn a_busy_server_is_asked_again() {
    let calls = AtomicU32::new(0);
    let (_, base) = server(move |_| {
        let busy = calls.fetch_add(1, Ordering::Relaxed) % 5 == 4;
        busy.then(|| error(429, "slow down").with("Retry-After", "60"))
    });
    let (summary, ..) = run(&options(&base, 40));
    assert!(summary.is_clean(), "{summary:#?}");
    assert!(summary.initial.retries > 20);

    let (_, base) = server(|request| (request.method == "POST").then(|| error(503, "down")));
    let (summary, ..) = run(&options(&base, 2));
    // Two people, nineteen groups.
    assert_eq!(summary.initial.failures, 21);
    assert_eq!(summary.initial.retries, 21 * 5);
}

#[test]
fn a_lost_answer_does_not_create_twice() {
    let directory = Arc::new(Directory::default());
    let (answers, posts) = (Arc::clone(&directory), AtomicU32::new(0));
    let base = serve(move |request| {
        let reply = answers.answer(request);
        let lost = request.target == "/Users" && posts.fetch_add(1, Ordering::Relaxed) % 3 == 0;
        (!lost).then_some(reply)
    });
    let summary = Job::new(&options(&base, 30)).unwrap().initial_cycle(&()).unwrap();
    assert!(summary.is_clean(), "{summary:#?}");
    assert_eq!(summary.people_created, 30);
    assert_eq!(directory.open().keys().filter(|p| p.starts_with("/Users/")).count(), 30);
}

#[test]
fn a_server_that_cannot_be_worked_with_is_an_error() {
    let start = |reply: Reply| {
        let base = serve(move |_| Some(reply.clone()));
        entra::run(&options(&base, 5), &()).unwrap_err()
    };
    let error = start(error(401, "no such key"));
    assert!(matches!(error, EmulatorError::Credentials { status: 401, .. }));
    assert!(error.to_string().ends_with("refuses the token with status 401: no such key"), "{error}");
    assert!(matches!(start(Reply::new(404, "<html>")), EmulatorError::NotScim { .. }));
    assert!(matches!(start(Reply::new(200, "[]")), EmulatorError::NotScim { .. }));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = entra::run(&options(&format!("http://{closed}"), 5), &()).unwrap_err();
    assert!(matches!(error, EmulatorError::Unreachable { .. }), "{error}");
}

#[test]
fn requests_look_like_entra() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let (_, base) = server(move |request| {
        log.lock().unwrap().push(request.clone());
        None
    });
    let mut options = options(&format!("{base}/?aadOptscim062020"), 1);
    options.read_back = ReadBack::Nothing;
    Job::new(&options).unwrap().initial_cycle(&()).unwrap();
    let seen = seen.lock().unwrap();
    assert!(seen[0].target.starts_with("/Users?filter=userName+eq+%22"));
    assert!(seen[0].target.ends_with("%22&aadOptscim062020"));
    assert!(seen[1].target.starts_with("/Groups?filter=displayName+eq+%22"));
    assert!(seen[1].target.ends_with("%22&excludedAttributes=members&aadOptscim062020"));
    assert!(seen.iter().all(|r| r.header("authorization") == Some("Bearer secret")));
    let post = seen.iter().find(|r| r.method == "POST").unwrap();
    assert_eq!(post.target, "/Users?aadOptscim062020");
    assert_eq!(post.header("content-type"), Some("application/scim+json; charset=utf-8"));
}

#[derive(Default)]
struct Phases(Mutex<BTreeMap<Phase, (u64, u64)>>);

impl Progress for Phases {
    fn update(&self, phase: Phase, done: u64, total: u64) {
        let mut phases = self.0.lock().unwrap();
        let entry = phases.entry(phase).or_default();
        *entry = (entry.0.max(done), total);
    }
}

#[test]
fn progress_reaches_the_end_of_every_phase() {
    let (_, base) = server(|_| None);
    let phases = Phases::default();
    let summary = entra::run(&options(&base, 50), &phases).unwrap();
    assert!(summary.is_clean());
    let phases = phases.0.lock().unwrap();
    assert_eq!(phases.len(), 9);
    assert!(phases.values().all(|(done, total)| done == total && *total > 0), "{phases:?}");
    let json = serde_json::to_value(&summary).unwrap();
    assert_eq!(json["initial"]["people_created"], 50);
    assert!(json["initial"]["latencies"]["create_person"]["p99_ms"].as_f64().unwrap() > 0.0);
}
