//! The Rollcall server and its command line: configuration, wiring, commands; nothing else.

mod cli;
mod clock;
mod commands;
mod config;
mod database;
mod output;
mod progress;
mod summary;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::Cli;
use crate::config::Settings;

/// A wrong command line or configuration.
const USAGE: u8 = 2;

/// Parses the command line, reads the configuration and runs the command.
#[must_use]
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are results, everything else is a message.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    let settings = match Settings::load(&cli.global, cli.command.listen(), &|name| std::env::var(name).ok()) {
        Ok(settings) => settings,
        Err(mistakes) => {
            for mistake in mistakes {
                output::message(&mistake);
            }
            return ExitCode::from(USAGE);
        }
    };
    match actix_web::rt::System::new().block_on(commands::run(cli.command, settings)) {
        Ok(code) => code,
        // Whoever read the results has seen enough: `rollcall log | head`.
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::message(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
