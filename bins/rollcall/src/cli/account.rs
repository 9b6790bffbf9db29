//! Accounts and groups on the command line.

use clap::{Args, Subcommand, ValueEnum};

use super::{ImportFile, Preview};

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
    /// State, AccessRole and DirectManager (a user name) are taken too. What was interrupted goes on where it stopped. Exit
    /// status 1 if any line is rejected
    Import(ImportFile),
    Preview(Preview),
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
    Rename(Rename),
    /// Delete an account where there is one, and erase what the log, the events and tombstones say about the person. What
    /// happened when stays, so that counts stay true. It cannot be undone
    Erase {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// The user name, in any letter case
        user_name: String,
    },
    /// Ask the application to invite a person; nothing else ever does
    Invite {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// The user name, in any letter case
        user_name: String,
    },
}

/// Give one account another user name, or many by an expression over account fields, such as
/// 'Replace([UserName], "@old.example", , , "@new.example", , )'. A preview is shown unless --apply is given
#[derive(Args, Debug)]
pub(crate) struct Rename {
    /// The instance
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: String,
    /// The user name of the one account, in any letter case
    #[arg(value_name = "OLD", requires = "new", required_unless_present = "expression")]
    pub(crate) old: Option<String>,
    /// Its new user name
    #[arg(value_name = "NEW")]
    pub(crate) new: Option<String>,
    /// What gives each account its user name
    #[arg(long, value_name = "EXPRESSION", conflicts_with_all = ["old", "new"])]
    pub(crate) expression: Option<String>,
    /// Only accounts that nobody manages
    #[arg(long, conflicts_with = "old")]
    pub(crate) unmanaged: bool,
    /// Show what would happen, change nothing; the default with --expression
    #[arg(long, conflicts_with_all = ["apply", "old"])]
    pub(crate) preview: bool,
    /// Do it. Exit status 1 where a user name cannot be given
    #[arg(long, conflicts_with = "old")]
    pub(crate) apply: bool,
}

/// Show where each value of an account comes from: mapping row, rule, edit or import, connector, request, previous value
#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// The instance
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: String,
    /// The user name, in any letter case
    pub(crate) user_name: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    /// Bring the application's groups in, unmanaged: CSV with the columns DisplayName and Members (user names, with ; between
    /// them), or JSON lines. What was interrupted goes on where it stopped. Exit status 1 if any line is rejected
    Import {
        /// The file has a member of a group that is there on each line: the columns Group and Member
        #[arg(long)]
        members: bool,
        #[command(flatten)]
        import: ImportFile,
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
