//! Keys of administrators on the command line.

use std::time::Duration;

use clap::{Args, Subcommand};
use ipnet::IpNet;

use super::key::PrivilegeChoice;
use super::time::lifetime;
use super::values::{OrNone, network};

#[derive(Debug, Subcommand)]
pub(crate) enum AdminKey {
    /// Issue an admin key; prints the token, once
    Issue(AdminKeyIssue),
    /// List admin keys: those of the whole server, then those of each instance
    List {
        /// Only those of this instance
        #[arg(long, value_name = "NAME")]
        instance: Option<String>,
    },
    /// Show an admin key
    Show {
        /// The admin key's id
        admin_key_id: String,
    },
    /// Revoke an admin key: it is refused from the next request on
    Revoke {
        /// The admin key's id
        admin_key_id: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct AdminKeyIssue {
    /// The one instance that it opens; the whole server without
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// What it may do there
    #[arg(long, value_enum, default_value_t = PrivilegeChoice::Owner)]
    pub(crate) role: PrivilegeChoice,
    /// Whose it is, or what for
    #[arg(long, value_name = "TEXT", default_value = "command line")]
    pub(crate) label: String,
    /// How long it is good for: 90d, 12h, 30m, or never
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = lifetime)]
    pub(crate) expires: OrNone<Duration>,
    /// From where it can be used; may be given several times. Default: from anywhere
    #[arg(long = "network", value_name = "CIDR", value_parser = network)]
    pub(crate) networks: Vec<IpNet>,
}
