//! Instances, connectors and fields on the command line.

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
    /// List the instances
    List,
    /// Show an instance
    Show {
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
