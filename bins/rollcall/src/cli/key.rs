//! Keys and integration users on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use ipnet::IpNet;
use scim_directory::{AccessScopes, Privilege, Rate};

use super::time::{Moment, beginning, ending, lifetime};
use super::values::{OrNone, network, network_or_none, none_among, or_none, rate, rate_or_none, scopes};

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Issue a key; prints the token, once. A second key leaves the first one alone until it is used
    Issue(KeyIssue),
    /// Change when a key can be used and what it opens, from the next request on; what is not named stays
    Set(KeySet),
    /// List keys
    List {
        /// The instance; all without
        #[arg(long, value_name = "NAME")]
        instance: Option<String>,
    },
    /// Show a key
    Show {
        /// The key's id
        key_id: String,
    },
    /// Revoke a key: it is refused from the next request on
    Revoke {
        /// The key's id
        key_id: String,
    },
    /// Tell now, in the log and by mail, which keys end soon or have ended; each is told once. A server does so by itself
    Remind,
}

#[derive(Args, Debug)]
pub(crate) struct KeyIssue {
    /// The instance
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: String,
    /// The connector
    #[arg(long, value_name = "CONNECTOR", default_value = "default")]
    pub(crate) connector: String,
    /// The integration user on whose behalf it acts
    #[arg(long, value_name = "INTEGRATION_USER")]
    pub(crate) user: String,
    /// How long it is good for, from its beginning: 365d, 12h, 30m, or never
    #[arg(long, value_name = "TIME", default_value = "365d", value_parser = lifetime)]
    pub(crate) expires: OrNone<Duration>,
    /// When it begins: in 7d, or on 2027-01-31, or now
    #[arg(long, value_name = "TIME|DATE", default_value = "now", value_parser = beginning)]
    pub(crate) not_before: OrNone<Moment>,
    /// What it opens: users:read, users:write, groups:read, groups:write, resources:read, resources:write, bulk. Default: all
    #[arg(long = "scope", value_name = "SCOPE,...", value_parser = scopes)]
    pub(crate) scopes: Vec<AccessScopes>,
    /// From where it can be used; may be given several times. Default: from anywhere that the connector allows
    #[arg(long = "network", value_name = "CIDR", value_parser = network)]
    pub(crate) networks: Vec<IpNet>,
    /// The most requests a second, and the most at once (four times as many without). Identity providers need more than 25 a second
    #[arg(long, value_name = "N[/BURST]", value_parser = rate)]
    pub(crate) rate: Option<Rate>,
    /// A file with a secret that a person chose, good for HTTP Basic alone; - for standard input. Nothing is generated then
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = true, id = "what")]
pub(crate) struct KeyTermOptions {
    /// When it ends: in 365d, on 2027-01-31, or never
    #[arg(long, value_name = "TIME|DATE|never", value_parser = ending)]
    pub(crate) expires: Option<OrNone<Moment>>,
    /// When it begins: in 7d, on 2027-01-31, or now
    #[arg(long, value_name = "TIME|DATE|now", value_parser = beginning)]
    pub(crate) not_before: Option<OrNone<Moment>>,
    /// What it opens, in place of what it opened: users:read, users:write, groups:read, ..., or all
    #[arg(long = "scope", value_name = "SCOPE,...", value_parser = scopes)]
    pub(crate) scopes: Vec<AccessScopes>,
    /// From where it can be used, in place of what was set; may be given several times; none for anywhere
    #[arg(long = "network", value_name = "CIDR|none", value_parser = network_or_none)]
    pub(crate) networks: Vec<OrNone<IpNet>>,
    /// The most requests a second, and the most at once; none for any rate
    #[arg(long, value_name = "N[/BURST]|none", value_parser = rate_or_none)]
    pub(crate) rate: Option<OrNone<Rate>>,
}

#[derive(Args, Debug)]
pub(crate) struct KeySet {
    /// The key's id
    pub(crate) key_id: String,
    #[command(flatten)]
    pub(crate) terms: KeyTermOptions,
}

impl KeySet {
    /// What does not go together.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        none_among(&self.terms.networks)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// List an instance's integration users
    List {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
    },
    /// Create an integration user: keys are issued to it, and act on its behalf
    Create {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// Its name, which no person may have
        user: String,
        /// What it may do; its keys open nothing below LiteAdmin
        #[arg(long, value_enum, default_value_t = PrivilegeChoice::LiteAdmin)]
        privilege: PrivilegeChoice,
        /// Whom reminders about its keys are mailed to
        #[arg(long, value_name = "ADDRESS|none", value_parser = email)]
        email: Option<OrNone<String>>,
    },
    /// Change an integration user; what is not named stays
    Set {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// Its name
        user: String,
        /// What it may do; its keys open nothing below LiteAdmin
        #[arg(long, value_enum)]
        privilege: Option<PrivilegeChoice>,
        /// Whom reminders about its keys are mailed to
        #[arg(long, value_name = "ADDRESS|none", value_parser = email)]
        email: Option<OrNone<String>>,
    },
    /// Suspend an integration user: its keys open nothing from the next request on
    Suspend {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// Its name
        user: String,
    },
    /// Let an integration user that is suspended, and its keys, go on
    Activate {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// Its name
        user: String,
    },
}

/// A privilege, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PrivilegeChoice {
    /// Look only
    #[value(name = "ReadOnly")]
    ReadOnly,
    /// Provision people and groups
    #[value(name = "LiteAdmin")]
    LiteAdmin,
    /// Also change settings
    #[value(name = "Admin")]
    Admin,
    /// Everything
    #[value(name = "Owner")]
    Owner,
}

impl PrivilegeChoice {
    /// The privilege.
    pub(crate) const fn privilege(self) -> Privilege {
        match self {
            Self::ReadOnly => Privilege::ReadOnly,
            Self::LiteAdmin => Privilege::LiteAdmin,
            Self::Admin => Privilege::Admin,
            Self::Owner => Privilege::Owner,
        }
    }
}

fn email(text: &str) -> Result<OrNone<String>, String> {
    or_none(text, |text| Ok(text.to_owned()))
}
