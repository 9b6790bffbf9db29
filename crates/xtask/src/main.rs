//! The project's own commands.
//!
//!     cargo xtask test [--list] [--only STEP]...
//!     cargo xtask tidy
//!     cargo xtask counts
//!     cargo xtask replay --base URL --token TOKEN [PATH]...

mod admin_api;
mod components;
mod counts;
mod judges;
mod mail;
mod monitoring;
mod server;
mod shell;
mod steps;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};

const USAGE: &str = "usage: cargo xtask test [--list] [--only STEP]... | tidy | counts | replay --base URL --token TOKEN [PATH]...";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.split_first() {
        Some((command, rest)) if command == "test" => test(rest),
        Some((command, [])) if command == "tidy" => tidy::run(&root()).map(|()| true),
        Some((command, [])) if command == "counts" => counts::write(),
        Some((command, rest)) if command == "replay" => replay(rest),
        _ => Err(anyhow::anyhow!(USAGE)),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            shell::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The repository's root: of the checkout that this runs in, which need not be the one that it was built in.
pub(crate) fn root() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let own = PathBuf::from(own);
    own.ancestors().nth(2).map_or(own.clone(), PathBuf::from)
}

fn test(arguments: &[String]) -> anyhow::Result<bool> {
    let mut only = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--list" => {
                for step in steps::STEPS {
                    shell::say(&format!("{:12} {}", step.name, step.what));
                }
                return Ok(true);
            }
            "--only" => only.push(rest.next().context("--only needs a step; --list shows them")?.clone()),
            other => bail!("{other:?} is unknown; {USAGE}"),
        }
    }
    steps::run(&only)
}

fn replay(arguments: &[String]) -> anyhow::Result<bool> {
    let (mut base, mut token, mut paths) = (None, None, Vec::new());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--base" => base = rest.next().cloned(),
            "--token" => token = rest.next().cloned(),
            path => paths.push(path.to_owned()),
        }
    }
    if paths.is_empty() {
        paths.push(root().join("fixtures/idp").display().to_string());
    }
    judges::replay(&base.context(USAGE)?, &token.context(USAGE)?, &paths)
}
