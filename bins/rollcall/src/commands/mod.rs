//! The commands: each a client of the provider's use-cases.

mod account;
mod admin_key;
pub(crate) mod config;
mod connector;
mod demo;
mod emulate;
mod explain;
mod field;
mod group;
mod held;
mod import;
mod instance;
pub(crate) mod jobs;
mod key;
mod log;
mod mapping;
mod preview;
mod rename;
mod report;
mod rule;
mod serve;
mod user;
mod vectors;

use std::process::ExitCode;

use crate::cli::{self, Command};
use crate::node::Node;

/// Runs a command; the process's exit status.
pub(crate) async fn run(command: Command, node: Node) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(options) => serve::run(&options, &node).await?,
        Command::Demo(options) => return demo::run(&options, node).await,
        Command::Emulate(cli::Emulate::Entra(options)) => return emulate::run(options, &node.settings),
        Command::Instance(command) => instance::run(command, &node).await?,
        Command::Connector(command) => connector::run(command, &node).await?,
        Command::Key(command) => key::run(command, &node).await?,
        Command::AdminKey(command) => admin_key::run(command, &node).await?,
        Command::User(command) => user::run(command, &node).await?,
        Command::Account(command) => return account::run(command, &node).await,
        Command::Explain(options) => explain::run(&options, &node).await?,
        Command::Group(command) => return group::run(command, &node).await,
        Command::Field(command) => field::run(command, &node).await?,
        Command::Mapping(command) => return mapping::run(command, &node).await,
        Command::Rule(command) => rule::run(command, &node).await?,
        Command::Held(command) => held::run(command, &node).await?,
        Command::Report(options) => report::run(&options, &node).await?,
        Command::Log(options) => log::run(&options, &node).await?,
        // It was run before settings were needed.
        Command::Config(_) => {}
        Command::Expression(cli::Vectors::Check { file }) => {
            return vectors::check(&file, scim_mapping::vectors::check_expressions, &node.settings);
        }
        Command::Scoping(cli::Vectors::Check { file }) => {
            return vectors::check(&file, scim_mapping::vectors::check_scoping, &node.settings);
        }
    }
    Ok(ExitCode::SUCCESS)
}
