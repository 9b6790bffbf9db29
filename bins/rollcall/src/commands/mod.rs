//! The commands: each a client of the provider's use-cases.

mod account;
mod connector;
mod demo;
mod emulate;
mod explain;
mod field;
mod group;
mod held;
mod import;
mod instance;
mod key;
mod log;
mod mapping;
mod prune;
mod rename;
mod report;
mod rule;
mod serve;
mod vectors;

use std::process::ExitCode;

use crate::cli::{self, Command};
use crate::config::Settings;

/// Runs a command; the process's exit status.
pub(crate) async fn run(command: Command, settings: Settings) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(options) => serve::run(&options, &settings).await?,
        Command::Demo(options) => return demo::run(&options, settings).await,
        Command::Emulate(cli::Emulate::Entra(options)) => return emulate::run(options, &settings),
        Command::Instance(command) => instance::run(command, &settings).await?,
        Command::Connector(command) => connector::run(command, &settings).await?,
        Command::Key(command) => key::run(command, &settings).await?,
        Command::Account(command) => return account::run(command, &settings).await,
        Command::Explain(options) => explain::run(&options, &settings).await?,
        Command::Group(command) => return group::run(command, &settings).await,
        Command::Field(command) => field::run(command, &settings).await?,
        Command::Mapping(command) => return mapping::run(command, &settings).await,
        Command::Rule(command) => rule::run(command, &settings).await?,
        Command::Held(command) => held::run(command, &settings).await?,
        Command::Report(options) => report::run(&options, &settings).await?,
        Command::Log(options) => log::run(&options, &settings).await?,
        Command::Expression(cli::Vectors::Check { file }) => {
            return vectors::check(&file, scim_mapping::vectors::check_expressions, &settings);
        }
        Command::Scoping(cli::Vectors::Check { file }) => {
            return vectors::check(&file, scim_mapping::vectors::check_scoping, &settings);
        }
    }
    Ok(ExitCode::SUCCESS)
}
