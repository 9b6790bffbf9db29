//! The Rollcall server and its command line: configuration, wiring, commands; nothing else.

mod cli;
mod clock;
mod commands;
mod config;
mod egress;
mod files;

mod logging;
mod mail;
mod node;
mod output;
mod pepper;
mod process;
mod progress;
mod server;
mod store;
mod summary;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};
use scim_provider::Source;

use crate::cli::{Cli, Command};
use crate::clock::System;
use crate::config::{Environment, Settings};
use crate::node::Node;

/// A wrong command line or configuration.
const USAGE: u8 = 2;

/// Runs the command of this process's own arguments, by the machine's clock.
#[must_use]
pub fn run() -> ExitCode {
    process::shield();
    run_with(std::env::args_os(), Arc::new(System))
}

/// Parses `arguments`, the program's name first, reads the configuration and runs the command, with time, ids and randomness
/// from `source`: tests play a year with a clock of their own.
#[must_use]
pub fn run_with(arguments: impl IntoIterator<Item = OsString>, source: Arc<dyn Source>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments).and_then(consistent) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are results, everything else is a message.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let listens = cli.command.listen().is_some() || matches!(cli.command, Command::Config(_));
    let serves = matches!(cli.command, Command::Serve(_) | Command::Config(_)).then(|| source.now());
    let environment = Environment::of_process();
    let loaded = Settings::load(&cli.global, cli.command.listen(), listens, serves, &environment);
    if let Command::Config(command) = cli.command {
        return match commands::config::run(command, &loaded, cli.global.json) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(USAGE),
            Err(error) => failed(&error),
        };
    }
    let settings = match loaded.settings {
        Ok(settings) => settings,
        Err(mistakes) => {
            for mistake in mistakes {
                output::message(&mistake);
            }
            return ExitCode::from(USAGE);
        }
    };
    logging::init(&settings.log);
    let node = Node { settings, source };
    match actix_web::rt::System::new().block_on(commands::run(cli.command, node)) {
        Ok(code) => code,
        Err(error) => failed(&error),
    }
}

/// Tells why a command failed.
fn failed(error: &anyhow::Error) -> ExitCode {
    // Whoever read the results has seen enough: `rollcall log | head`.
    if output::is_broken_pipe(error) {
        return ExitCode::SUCCESS;
    }
    output::message(&format!("error: {error:#}"));
    ExitCode::FAILURE
}

/// A command line whose options do not contradict each other.
fn consistent(cli: Cli) -> Result<Cli, clap::Error> {
    match cli.command.contradiction() {
        Some(told) => Err(Cli::command().error(ErrorKind::ArgumentConflict, told)),
        None => Ok(cli),
    }
}
