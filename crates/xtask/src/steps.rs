//! The steps of the one test command. A step that fails does not stop those that do not need it.

use std::time::{Duration, Instant};

use crate::components::{PGBOUNCER, POSTGRESQL};
use crate::shell::{cargo, check, output, say};
use crate::{admin_api, counts, judges, mail, monitoring, root, tidy};

/// A step of the test command.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    run: fn() -> anyhow::Result<()>,
}

/// Every step, in order.
pub(crate) const STEPS: &[Step] = &[
    Step { name: "format", what: "cargo fmt --check", run: format },
    Step {
        name: "tidy",
        what: "layers, purity, manifests, sizes, words, links, fixtures",
        run: || tidy::run(&root()),
    },
    Step { name: "lints", what: "clippy with warnings denied", run: lints },
    Step { name: "engines", what: "each engine built alone, and its storage tests", run: engines },
    Step { name: "tests", what: "unit, property, fixture and integration tests", run: tests },
    Step { name: "doc-tests", what: "the examples in the documentation", run: doc_tests },
    Step { name: "docs", what: "rustdoc with warnings denied", run: docs },
    Step { name: "wasm", what: "scim-core for wasm32-unknown-unknown, if that target is there", run: wasm },
    Step { name: "release", what: "the release binary", run: release },
    Step {
        name: "counts",
        what: "instructions of the hot functions, as many as were kept",
        run: counts::compare,
    },
    Step { name: "demo", what: "the demo's cycles end with the right counts", run: judges::demo },
    Step { name: "mail", what: "a reminder by real SMTP, to aiosmtpd", run: mail::reminder },
    Step {
        name: "monitoring",
        what: "metrics and alerts by promtool, and scraped by a real Prometheus",
        run: monitoring::run,
    },
    Step {
        name: "admin-api",
        what: "schemathesis: generated requests against the description of the admin API",
        run: admin_api::run,
    },
    Step {
        name: "judges",
        what: "recorded clients, scim2-tester, scim-sanity: empty database",
        run: judges::empty,
    },
    Step { name: "judges-postgresql", what: "the same on PostgreSQL, and the demo", run: judges::postgresql },
    Step { name: "judges-10k", what: "the judges with 10,000 people", run: judges::ten_thousand },
];

/// Runs the steps, or those named; whether all passed.
pub(crate) fn run(only: &[String]) -> anyhow::Result<bool> {
    if let Some(unknown) = only.iter().find(|name| !STEPS.iter().any(|step| step.name == **name)) {
        anyhow::bail!("there is no step {unknown:?}; --list shows them");
    }
    let mut results: Vec<(&str, Duration, Option<anyhow::Error>)> = Vec::new();
    for step in STEPS.iter().filter(|step| only.is_empty() || only.iter().any(|name| name == step.name)) {
        say(&format!("\n== {}: {}", step.name, step.what));
        let started = Instant::now();
        let outcome = (step.run)();
        if let Err(error) = &outcome {
            say(&format!("FAILED {}: {error:#}", step.name));
        }
        results.push((step.name, started.elapsed(), outcome.err()));
    }
    say("\n== summary");
    for (name, took, error) in &results {
        let verdict = if error.is_some() { "FAILED" } else { "ok" };
        say(&format!("{verdict:6} {name:12} {:6.1} s", took.as_secs_f64()));
    }
    let failed = results.iter().filter(|(_, _, error)| error.is_some()).count();
    say(&format!("steps: {} passed, {failed} failed", results.len() - failed));
    Ok(failed == 0)
}

fn format() -> anyhow::Result<()> {
    check(&mut cargo(&["fmt", "--all", "--check"]))?;
    // The fuzz targets are a workspace of their own.
    check(&mut cargo(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]))
}

fn lints() -> anyhow::Result<()> {
    check(&mut cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))
}

/// Who embeds one engine builds the other not at all.
fn engines() -> anyhow::Result<()> {
    POSTGRESQL.installed()?;
    for engine in ["sqlite", "postgres"] {
        let alone = ["--no-default-features", "--features", engine];
        let lint = ["clippy", "--package", "scim-storage-diesel", "--all-targets", "--quiet"];
        check(cargo(&lint).args(alone).args(["--", "-D", "warnings"]))?;
        check(cargo(&["test", "--package", "scim-storage-diesel", "--lib", "--test", "suite"]).args(alone))?;
        let binary = ["clippy", "--package", "rollcall", "--bins", "--quiet"];
        check(cargo(&binary).args(alone).args(["--", "-D", "warnings"]))?;
    }
    Ok(())
}

fn tests() -> anyhow::Result<()> {
    // Where they are not there, the tests that need them say so and are skipped.
    POSTGRESQL.installed()?;
    PGBOUNCER.installed()?;
    check(&mut cargo(&["test", "--workspace", "--lib", "--bins", "--tests", "--examples", "--no-fail-fast"]))
}

fn doc_tests() -> anyhow::Result<()> {
    check(&mut cargo(&["test", "--workspace", "--doc", "--quiet"]))
}

fn docs() -> anyhow::Result<()> {
    check(cargo(&["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings"))
}

fn wasm() -> anyhow::Result<()> {
    const TARGET: &str = "wasm32-unknown-unknown";
    let sysroot = output(&mut crate::shell::program("rustc", &["--print", "sysroot"]))?;
    if !std::path::Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).exists() {
        say(
            "skipped: the target wasm32-unknown-unknown is not installed (rustup target add wasm32-unknown-unknown)",
        );
        return Ok(());
    }
    check(&mut cargo(&["check", "--package", "scim-core", "--target", TARGET, "--quiet"]))
}

fn release() -> anyhow::Result<()> {
    check(&mut cargo(&["build", "--release", "--package", "rollcall", "--quiet"]))
}
