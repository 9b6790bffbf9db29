//! The command line, as clap reads it.

mod account;
mod admin_key;
mod config;
mod connector;
mod import;
mod key;
mod log;
mod settings;
mod steering;
mod time;
mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use account::{Account, Explain, Group, Rename, StateChoice};
pub(crate) use admin_key::{AdminKey, AdminKeyIssue};
pub(crate) use config::Config;
pub(crate) use connector::{
    Connector, ConnectorSet, ConnectorWaysIn, DialectChoice, PickUpChoice, RevokeOldChoice, SwitchChoice,
};
pub(crate) use import::{ImportFile, Preview};
pub(crate) use key::{Key, KeyIssue, KeySet, User};
pub(crate) use log::{Log, LogFormat};
pub(crate) use settings::{Field, Instance, NamesChoice, ProfileChoice};
pub(crate) use steering::{Held, Mapping, Report, Rule, Which};
pub(crate) use time::span_in_words;
pub(crate) use values::{OrNone, all_of, network, networks, scopes_in_words};

/// Rollcall receives people and groups from identity providers over SCIM 2.0.
#[derive(Debug, Parser)]
#[command(name = "rollcall", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Args, Debug, Default)]
pub(crate) struct Global {
    /// The database: sqlite:PATH or postgres://USER@HOST/DATABASE. Also DATABASE_URL, or `database` in the configuration file. Default: sqlite:rollcall.db
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// The configuration file. Default: rollcall.toml, where there is one
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The data folder, which holds the pepper. Default: the folder of the SQLite file
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The file of the pepper that keys are hashed with; made at the first start. Default: `pepper` in the data folder
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) pepper_file: Option<PathBuf>,
    /// Any setting, over the environment and the file; may be given several times. `rollcall config reference` lists them
    #[arg(long, global = true, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// Machine-readable output
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve SCIM at /scim/v2
    Serve(Serve),
    /// Watch a company's people arrive: make an instance, serve it, and run an identity provider's cycles against it.
    /// Another port is taken where the one to listen on is in use
    Demo(Demo),
    /// Play an identity provider against any SCIM server
    #[command(subcommand)]
    Emulate(Emulate),
    /// Instances: the tenants of the application
    #[command(subcommand)]
    Instance(Instance),
    /// Connectors: an identity provider's connection to an instance
    #[command(subcommand)]
    Connector(Connector),
    /// Keys that let an identity provider in
    #[command(subcommand)]
    Key(Key),
    /// Keys that let administrators in: to one instance, or to the whole server
    #[command(subcommand)]
    AdminKey(AdminKey),
    /// Integration users: on whose behalf keys act
    #[command(subcommand)]
    User(User),
    /// Accounts: the application's own records of people
    #[command(subcommand)]
    Account(Account),
    /// Where the values of an account come from
    Explain(Explain),
    /// Groups of accounts
    #[command(subcommand)]
    Group(Group),
    /// Custom fields of accounts, and limits of standard ones
    #[command(subcommand)]
    Field(Field),
    /// The mapping from SCIM attributes to account fields
    #[command(subcommand)]
    Mapping(Mapping),
    /// Workflow rules
    #[command(subcommand)]
    Rule(Rule),
    /// Suspensions and deletions that wait for a decision
    #[command(subcommand)]
    Held(Held),
    /// A summary of the provisioning log: how often what happened
    Report(Report),
    /// The provisioning log
    Log(Log),
    /// The configuration: check it, and what there is to be set
    #[command(subcommand)]
    Config(Config),
    /// The expression language of mappings
    #[command(subcommand)]
    Expression(Vectors),
    /// Scoping filters: who is provisioned
    #[command(subcommand)]
    Scoping(Vectors),
}

impl Command {
    /// Where the command listens, if it does.
    pub(crate) fn listen(&self) -> Option<&Listen> {
        match self {
            Self::Serve(serve) => Some(&serve.listen),
            Self::Demo(demo) => Some(&demo.listen),
            _ => None,
        }
    }

    /// What does not go together in the command's options, if anything.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        match self {
            Self::Connector(Connector::Set(options)) => options.contradiction(),
            Self::Key(Key::Set(options)) => options.contradiction(),
            _ => None,
        }
    }
}

/// Where to listen.
#[derive(Args, Debug)]
pub(crate) struct Listen {
    /// Address and port. Default: 127.0.0.1:8080
    #[arg(long = "listen", value_name = "ADDR")]
    pub(crate) address: Option<String>,
    /// Let plain HTTP be served on an address that is not loopback: keys travel in clear
    #[arg(long)]
    pub(crate) insecure_listen: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) listen: Listen,
    /// Migrate a database of an earlier release
    #[arg(long)]
    pub(crate) migrate: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Demo {
    #[command(flatten)]
    pub(crate) listen: Listen,
    /// People of the fictitious company
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) people: u32,
    /// End after the cycles
    #[arg(long)]
    pub(crate) once: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Emulate {
    /// Microsoft Entra ID: an initial and an incremental cycle
    Entra(EmulateEntra),
}

#[derive(Args, Debug)]
pub(crate) struct EmulateEntra {
    /// The SCIM base URL, such as https://scim.example.com/scim/v2
    #[arg(long, value_name = "URL")]
    pub(crate) base: String,
    /// The secret token
    #[arg(long, value_name = "TOKEN", env = "ROLLCALL_TOKEN", hide_env_values = true)]
    pub(crate) token: String,
    /// People of the fictitious company
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) people: u32,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Vectors {
    /// Check a file of test vectors: prints each that fails, then how many passed
    Check {
        /// A JSON array of vectors
        file: PathBuf,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
