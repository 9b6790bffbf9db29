//! Instances and fields on the command line.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use scim_directory::Profile;

/// A profile, by name.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum ProfileChoice {
    /// Nothing beyond the standard; no guard
    #[default]
    Standard,
    /// Job title to a text field; user names unique across instances; guard on
    Adaptivework,
    /// First name, last name and e-mail required, the e-mail is the user name; guard on
    EmailUsername,
}

impl ProfileChoice {
    /// The profile.
    pub(crate) const fn profile(self) -> Profile {
        match self {
            Self::Standard => Profile::Standard,
            Self::Adaptivework => Profile::Adaptivework,
            Self::EmailUsername => Profile::EmailUsername,
        }
    }
}

/// Within what user names are unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum NamesChoice {
    /// Within the instance
    Instance,
    /// Among all instances of the server that say so
    Server,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Instance {
    /// Create an instance, with a connector `default` and an integration user `integration`
    Create {
        /// Its name
        name: String,
        /// Let groups share a display name (by default it is unique in any letter case)
        #[arg(long)]
        shared_group_names: bool,
        /// What the application expects of people and connectors; proposes settings
        #[arg(long, value_enum, value_name = "PROFILE", default_value_t)]
        profile: ProfileChoice,
    },
    /// Change an instance's settings; what is not named stays
    Set {
        /// Its name
        name: String,
        /// The most active accounts, or none
        #[arg(long, value_name = "N|none")]
        seats: Option<String>,
        /// How many days the log, deleted accounts and events are kept
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
        retention_days: Option<u32>,
        /// Within what user names are unique
        #[arg(long, value_enum)]
        user_names: Option<NamesChoice>,
        /// What DefaultDomain() gives in expressions, or none
        #[arg(long, value_name = "DOMAIN|none")]
        default_domain: Option<String>,
    },
    /// List the instances
    List,
    /// Show an instance
    Show {
        /// Its name
        name: String,
    },
    /// Write an instance with everything that it has, as it is at one moment, also while a server serves it. Keys stand there as
    /// hashes, people as they are: keep it as you keep the database
    Export {
        /// Its name
        name: String,
        /// Where to; - for standard output. A file is made whole or not at all, for its owner alone
        #[arg(long, value_name = "FILE|-", default_value = "-")]
        output: PathBuf,
        /// Put invented values in the place of personal data and leave keys out: a copy for testing
        #[arg(long)]
        scrub: bool,
        /// No progress
        #[arg(long)]
        quiet: bool,
    },
    /// Make an instance of what was exported, on this database or another: all of it, or nothing
    Import {
        /// Leave keys behind, of integration users and of administrators: others have to be issued
        #[arg(long)]
        without_keys: bool,
        /// No progress
        #[arg(long)]
        quiet: bool,
        /// The export; - for standard input
        #[arg(value_name = "FILE|-", default_value = "-")]
        file: PathBuf,
    },
    /// Delete what is older than the retention time now: log, events, tombstones. A server does so every hour
    Prune {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Field {
    /// Declare a custom text field, or limit a standard one
    Add {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// The field's name: a letter, then letters, digits and _
        field: String,
        /// The most characters of a value
        #[arg(long, value_name = "N")]
        max_chars: Option<usize>,
        /// The values that are allowed; any without
        #[arg(long, value_name = "VALUE,...", value_delimiter = ',')]
        allowed: Vec<String>,
        /// Cut what is too long and leave out what is not allowed, with a note in the log, in place of refusing it
        #[arg(long)]
        cut: bool,
    },
    /// List every field of an instance's accounts
    List {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
    },
    /// Forget a custom field, or the limits of a standard one
    Remove {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// The field's name
        field: String,
    },
}
