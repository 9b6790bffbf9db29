//! The outside judges: recorded conversations of real clients, and two conformance testers from PyPI.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use scim_emulator::replay;
use serde_json::Value;
use testbed::{Cluster, Durability, Rollcall};

use crate::components::POSTGRESQL;
use crate::root;
use crate::server::{Server, binary, free_address, rollcall, serve};
use crate::shell::{answers, check, output, program, say};

/// All judges on an empty database.
pub(crate) fn empty() -> anyhow::Result<()> {
    let server = Server::start()?;
    judge(&server)
}

/// All judges on a directory of 10,000 people.
pub(crate) fn ten_thousand() -> anyhow::Result<()> {
    let server = Server::start()?;
    say("filling with 10,000 people");
    let (base, token) = (&server.base, &server.token);
    output(
        Command::new(binary()?)
            .args(["emulate", "entra", "--base", base, "--token", token, "--people", "10000"]),
    )?;
    judge(&server)
}

/// All judges, and the demo, on PostgreSQL.
pub(crate) fn postgresql() -> anyhow::Result<()> {
    POSTGRESQL.installed()?;
    let Some(cluster) = Cluster::start(Durability::On)? else { return Ok(()) };
    let (judged, shown) = (cluster.database()?, cluster.database()?);
    let folder = tempfile::tempdir()?;
    let data = folder.path().display().to_string();
    output(rollcall(&binary()?, judged.url()).args(["--data", &data, "instance", "create", "judge"]))?;
    judge(&serve(judged.url(), folder.path(), "judge")?)?;
    let folder = tempfile::tempdir()?;
    demonstrate(shown.url(), folder.path())
}

/// Every judge speaks, also where an earlier one found something.
fn judge(server: &Rollcall) -> anyhow::Result<()> {
    // The testers read every profileUrl back as a URI; the recorded clients send some that are none. So they come first.
    let found = [testers(server), recorded(server)].into_iter().filter_map(Result::err);
    let found: Vec<String> = found.map(|error| format!("{error:#}")).collect();
    if !found.is_empty() {
        bail!("{}", found.join("; "));
    }
    Ok(())
}

fn recorded(server: &Rollcall) -> anyhow::Result<()> {
    let paths = [root().join("fixtures/idp").display().to_string()];
    if !replay(&server.base, &server.token, &paths)? {
        bail!("recorded clients found differences");
    }
    Ok(())
}

/// Plays recorded conversations; whether all passed.
pub(crate) fn replay(base: &str, token: &str, paths: &[String]) -> anyhow::Result<bool> {
    let report = replay::run(base, token, paths, |result| {
        if result.outcome != replay::Outcome::Passed {
            say(&result.to_string());
        }
    })?;
    say(&format!("recorded clients: {} passed, {} failed", report.passed(), report.failed()));
    Ok(report.failed() == 0 && report.passed() > 0)
}

fn testers(server: &Rollcall) -> anyhow::Result<()> {
    let python = python()?;
    let script = root().join("conformance/judges.py");
    check(Command::new(python).arg(script).args([&server.base, &server.token]))
}

/// A Python with the pinned testers, installed once per set of pins.
pub(crate) fn python() -> anyhow::Result<PathBuf> {
    let requirements = root().join("conformance/requirements.txt");
    let pins = std::fs::read_to_string(&requirements).context("conformance/requirements.txt")?;
    let folder = root().join("target/judges");
    let (python, stamp) = (folder.join("bin/python"), folder.join("pins.txt"));
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == pins) && answers(&python) {
        return Ok(python);
    }
    if !python_has_venv() {
        install_python()?;
    }
    say("installing the outside judges into target/judges");
    let _ = std::fs::remove_dir_all(&folder);
    let target = folder.display().to_string();
    check(&mut program("python3", &["-m", "venv", &target]))?;
    let file = requirements.display().to_string();
    check(&mut program(
        &python,
        &["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", &file],
    ))?;
    std::fs::write(&stamp, pins)?;
    Ok(python)
}

fn python_has_venv() -> bool {
    output(&mut program("python3", &["-c", "import venv, ensurepip"])).is_ok()
}

/// Installs Python where the system is one with apt-get and this runs as root.
fn install_python() -> anyhow::Result<()> {
    const PACKAGES: &str = "the outside judges need python3 with venv, which could not be installed here: \
        install the packages python3 and python3-venv (on Debian and Ubuntu, as root), or run the other steps by --only";
    say("installing python3 and python3-venv");
    let apt =
        |arguments: &[&str]| check(program("apt-get", arguments).env("DEBIAN_FRONTEND", "noninteractive"));
    // Old lists may do; whether they did shows below.
    let updated = apt(&["update", "-q"]);
    let installed = apt(&["install", "-y", "-q", "--no-install-recommends", "python3", "python3-venv"]);
    installed.context(PACKAGES)?;
    if !python_has_venv() {
        updated.context(PACKAGES)?;
        bail!(PACKAGES);
    }
    Ok(())
}

/// The demo's cycles end with the right counts, and its report tells of each person who came and went.
pub(crate) fn demo() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    demonstrate(&format!("sqlite:{}", folder.path().join("demo.db").display()), folder.path())
}

/// The same on an empty database.
fn demonstrate(database: &str, data: &Path) -> anyhow::Result<()> {
    const PEOPLE: u64 = 1000;
    const EXISTING: u64 = 200;
    let data = data.display().to_string();
    let (address, people) = (free_address()?, PEOPLE.to_string());
    let arguments = ["demo", "--once", "--people", &people, "--listen", &address, "--json"];
    let shown = output(rollcall(&binary()?, database).args(["--data", &data]).args(arguments))?;
    let shown: Value = serde_json::from_str(&shown).context("the demo's summary")?;
    let count = |cycle: &str, name: &str| {
        let found = shown.pointer(&format!("/summary/{cycle}/{name}")).and_then(Value::as_u64);
        found.with_context(|| format!("the demo's summary has no {cycle}.{name}"))
    };
    let mut wrong = Vec::new();
    let mut expect = |what: &str, got: u64, expected: u64| {
        say(&format!("{what}: {got}"));
        if got != expected {
            wrong.push(format!("{what} is {got}, not {expected}"));
        }
    };
    expect("people picked up at first", count("initial", "people_matched")?, EXISTING);
    // One person's user name is taken in another instance.
    expect("people created at first", count("initial", "people_created")?, PEOPLE - EXISTING - 1);
    // Everybody else but the head of the company has a manager.
    expect("managers set at first", count("initial", "managers_set")?, PEOPLE - 2);
    for cycle in ["initial", "incremental"] {
        expect(&format!("failures of the {cycle} cycle"), count(cycle, "failures")?, 1);
        expect(&format!("mismatches of the {cycle} cycle"), count(cycle, "mismatches")?, 0);
    }
    let report = ["--data", &data, "report", "--instance", "demo", "--json"];
    let report = output(rollcall(&binary()?, database).args(report))?;
    let report: Value = serde_json::from_str(&report).context("the report")?;
    let reported = |name: &str| {
        let found = report.pointer(name).and_then(Value::as_u64);
        found.with_context(|| format!("the report has no {name}"))
    };
    let both = |name: &str| Ok::<_, anyhow::Error>(count("initial", name)? + count("incremental", name)?);
    expect("people imported, says the report", reported("/people/imported")?, EXISTING);
    expect("people picked up, says the report", reported("/people/picked_up")?, EXISTING);
    expect("people created, says the report", reported("/people/created")?, both("people_created")?);
    let updated = both("people_updated")? + both("managers_set")?;
    expect("people updated, says the report", reported("/people/updated")?, updated);
    expect("people suspended, says the report", reported("/people/suspended")?, both("people_disabled")?);
    expect("people deleted, says the report", reported("/people/deleted")?, both("people_deleted")?);
    expect("failures, says the report", reported("/failed")?, 2);
    let advice = shown.pointer("/log/failures").and_then(Value::as_array).map(|failures| {
        failures.iter().filter(|failure| failure.get("advice").is_some_and(Value::is_string)).count() as u64
    });
    expect("failures with advice", advice.unwrap_or_default(), 2);
    if !wrong.is_empty() {
        bail!("{}", wrong.join("; "));
    }
    Ok(())
}
