//! Instances, connectors and fields on the command line.

use clap::{Subcommand, ValueEnum};
use scim_directory::{AccessRole, Profile};

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

/// When existing accounts are picked up.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum PickUpChoice {
    /// When a filter on the name finds them
    OnMatch,
    /// When they are first written to
    OnWrite,
}

/// On or off.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SwitchChoice {
    /// On
    On,
    /// Off
    Off,
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
    /// Delete what is older than the retention time now: log, events, tombstones. A server does so every hour
    Prune {
        /// Its name
        name: String,
    },
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum DialectChoice {
    /// Everything that real identity providers send
    #[default]
    Lenient,
    /// The RFCs to the letter
    Strict,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Connector {
    /// Create a connector
    Create {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// The connector's name
        connector: String,
        /// What it tolerates
        #[arg(long, value_enum, default_value_t)]
        dialect: DialectChoice,
        /// Keep passwords that it sends, as argon2id hashes; by default they are dropped
        #[arg(long)]
        keep_passwords: bool,
        /// What its settings begin with. Default: the instance's profile
        #[arg(long, value_enum, value_name = "PROFILE")]
        profile: Option<ProfileChoice>,
    },
    /// Change a connector's settings; what is not named stays
    Set {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// The connector's name
        #[arg(default_value = "default")]
        connector: String,
        /// What it tolerates
        #[arg(long, value_enum)]
        dialect: Option<DialectChoice>,
        /// Which values of a person are required
        #[arg(long, value_enum, value_name = "PROFILE")]
        profile: Option<ProfileChoice>,
        /// When existing accounts and groups are picked up
        #[arg(long, value_enum)]
        pick_up: Option<PickUpChoice>,
        /// The guard against mass suspension and deletion
        #[arg(long, value_enum)]
        guard: Option<SwitchChoice>,
        /// How many people an hour may be suspended or deleted; switches the guard on
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        guard_people: Option<u64>,
        /// How many percent of the managed people an hour; switches the guard on
        #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u64).range(1..=100))]
        guard_percent: Option<u64>,
        /// The highest access role that it can give: ReadOnly, User, Admin or EnterpriseAdmin
        #[arg(long, value_name = "ROLE")]
        role_ceiling: Option<AccessRole>,
    },
    /// List an instance's connectors
    List {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
    },
    /// Show a connector
    Show {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// The connector's name
        #[arg(default_value = "default")]
        connector: String,
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
