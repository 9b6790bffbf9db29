//! Accounts and groups on the command line.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

/// A state to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateChoice {
    /// May sign in
    Active,
    /// May not
    Suspended,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Account {
    /// Bring the application's accounts in, unmanaged: CSV or JSON lines, with field names as columns or keys.
    /// State, AccessRole and DirectManager (a user name) are taken too. Exit status 1 if any line is rejected
    Import {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// The file; - for standard input
        file: PathBuf,
    },
    /// List accounts, newest first
    List {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// Only those in this state
        #[arg(long, value_enum)]
        state: Option<StateChoice>,
        /// Only those that a connector manages
        #[arg(long, conflicts_with = "unmanaged")]
        managed: bool,
        /// Only those that nobody manages
        #[arg(long)]
        unmanaged: bool,
    },
    /// Show an account; exit status 1 where there is none
    Show {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// The user name, in any letter case
        user_name: String,
    },
    /// Edit an account as the application would; identity providers see it by the mapping
    Set {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// The user name, in any letter case
        user_name: String,
        /// Field and value; an empty value clears. State=suspended, AccessRole=Admin and DirectManager=USER_NAME too
        #[arg(value_name = "FIELD=VALUE", required = true)]
        values: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    /// Bring the application's groups in, unmanaged: CSV with the columns DisplayName and Members (user names, with ; between
    /// them), or JSON lines. Exit status 1 if any line is rejected
    Import {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// The file; - for standard input
        file: PathBuf,
    },
    /// List groups, newest first
    List {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
    },
    /// Show a group with its members; exit status 1 where there is none
    Show {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// The display name, in any letter case
        name: String,
    },
}
