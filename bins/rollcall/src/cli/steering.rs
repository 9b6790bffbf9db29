//! Mapping, rules, held changes and reports on the command line.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::time::{Moment, moment};

#[derive(Debug, Subcommand)]
pub(crate) enum Mapping {
    /// Show the mapping in force, or another version
    Show {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// The version; 0 is the default mapping
        #[arg(long, value_name = "N")]
        version: Option<i64>,
    },
    /// List the versions, newest first
    Versions {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
    },
    /// Write the mapping as JSON, to be changed and imported again
    Export {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// The version; 0 is the default mapping
        #[arg(long, value_name = "N")]
        version: Option<i64>,
        /// Where to; standard output without
        file: Option<PathBuf>,
    },
    /// Save a mapping as the next version: JSON as `export` writes it, or a Microsoft Graph synchronization schema.
    /// All mistakes are told, and then nothing is saved
    Import {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// The file; - for standard input
        file: PathBuf,
        /// Check it, and tell what would differ, without saving it
        #[arg(long)]
        preview: bool,
    },
    /// Restore the default mapping, as a new version
    Reset {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
    },
    /// Try the mapping on a sample: each row, with every step
    Try {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// A person as JSON, as an identity provider would send it; - for standard input
        file: PathBuf,
        /// A mapping that is not saved yet, to be tried in place of the one in force
        #[arg(long, value_name = "FILE")]
        mapping: Option<PathBuf>,
    },
    /// Apply the mapping again to every account. Interrupted, it goes on from there the next time
    Reapply {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// Tell what would change, and change nothing
        #[arg(long)]
        preview: bool,
        /// Accounts that are committed together
        #[arg(long, value_name = "N", default_value_t = 200)]
        batch: usize,
        /// Begin anew
        #[arg(long)]
        restart: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Rule {
    /// List the rules, in the order in which they run
    List {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
    },
    /// Add a rule: JSON such as {"name": "...", "when": {"field_changed": "Department"}, "then": [{"do": "set_field", ...}]}
    Add {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// The file; - for standard input
        file: PathBuf,
    },
    /// Remove a rule
    Remove {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// The rule's name
        rule: String,
    },
    /// Switch a rule on
    Enable {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// The rule's name
        rule: String,
    },
    /// Switch a rule off
    Disable {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// The rule's name
        rule: String,
    },
}

/// Which held changes.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// Their ids
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// All that wait
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Held {
    /// List suspensions and deletions that wait for a decision, and those that were rejected
    List {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
    },
    /// Let changes through: the identity provider's next try succeeds
    Release {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        #[command(flatten)]
        which: Which,
    },
    /// Reject changes: every try is answered 403 with the reason
    Reject {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        #[command(flatten)]
        which: Which,
        /// Why, for the identity provider's log
        #[arg(long, default_value = "an administrator rejected it")]
        reason: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Report {
    /// The instance
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: String,
    /// From when: 24h, 7d, or a moment such as 2026-11-21T00:00:00Z. Default: everything that is kept
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) since: Option<Moment>,
    /// Until before when
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) until: Option<Moment>,
}
