//! Connectors on the command line.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use ipnet::IpNet;
use scim_directory::{AccessRole, AccessScopes, Operations, Rate};

use super::settings::ProfileChoice;
use super::time::span;
use super::values::{OrNone, network_or_none, none_among, operations, or_none, rate_or_none, scopes};

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
    /// Change a connector's settings, from the next request on; what is not named stays
    Set(Box<ConnectorSet>),
    /// List an instance's connectors
    List {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
    },
    /// Show a connector: what to copy into the identity provider, and its settings
    Show {
        /// The instance
        #[arg(long, value_name = "NAME")]
        instance: String,
        /// The connector's name
        #[arg(default_value = "default")]
        connector: String,
    },
}

/// What is changed of a connector.
#[derive(Args, Debug)]
pub(crate) struct ConnectorSet {
    /// The instance
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: String,
    /// The connector's name
    #[arg(default_value = "default")]
    pub(crate) connector: String,
    /// What it tolerates
    #[arg(long, value_enum)]
    pub(crate) dialect: Option<DialectChoice>,
    /// Which values of a person are required
    #[arg(long, value_enum, value_name = "PROFILE")]
    pub(crate) profile: Option<ProfileChoice>,
    /// When existing accounts and groups are picked up
    #[arg(long, value_enum)]
    pub(crate) pick_up: Option<PickUpChoice>,
    /// The guard against mass suspension and deletion
    #[arg(long, value_enum)]
    pub(crate) guard: Option<SwitchChoice>,
    /// How many people an hour may be suspended or deleted; switches the guard on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) guard_people: Option<u64>,
    /// How many percent of the managed people an hour; switches the guard on
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u64).range(1..=100))]
    pub(crate) guard_percent: Option<u64>,
    /// The highest access role that it can give: ReadOnly, User, Admin or EnterpriseAdmin
    #[arg(long, value_name = "ROLE")]
    pub(crate) role_ceiling: Option<AccessRole>,
    /// From where its clients come, in place of what was set; may be given several times; none for anywhere
    #[arg(long = "network", value_name = "CIDR|none", value_parser = network_or_none)]
    pub(crate) networks: Vec<OrNone<IpNet>>,
    /// What it may do with people: some of create,update,delete, or none
    #[arg(long, value_name = "OPERATION,...|none", value_parser = operations)]
    pub(crate) people: Option<Operations>,
    /// What it may do with groups: some of create,update,delete, or none
    #[arg(long, value_name = "OPERATION,...|none", value_parser = operations)]
    pub(crate) groups: Option<Operations>,
    /// The most requests a second of all its keys, and the most at once (four times as many without); none for any rate. Identity
    /// providers need more than 25 a second: one that meets the limit too often stops provisioning
    #[arg(long, value_name = "N[/BURST]|none", value_parser = rate_or_none)]
    pub(crate) rate: Option<OrNone<Rate>>,
    /// How many days whom it deleted can be brought back; none for as long as the instance keeps its records
    #[arg(long, value_name = "N|none", value_parser = days_or_none)]
    pub(crate) retention_days: Option<OrNone<u32>>,
    #[command(flatten)]
    pub(crate) keys: ConnectorKeys,
    #[command(flatten)]
    pub(crate) ways_in: ConnectorWaysIn,
}

/// How keys of a connector take each other's place.
#[derive(Args, Debug)]
#[command(next_help_heading = "Renewing keys")]
pub(crate) struct ConnectorKeys {
    /// How long a key still works after another one was used in its place: 7d, 12h, or 0s
    #[arg(long, value_name = "TIME", value_parser = overlap)]
    pub(crate) key_overlap: Option<u32>,
    /// When a key ends that another one was used in place of
    #[arg(long, value_enum)]
    pub(crate) revoke_old: Option<RevokeOldChoice>,
    /// How many days before a key's end somebody is reminded, such as 30,7,1; none for never
    #[arg(long, value_name = "DAYS,...|none", value_parser = reminders)]
    pub(crate) reminders: Option<Reminders>,
}

/// How clients may prove who they are.
#[derive(Args, Debug)]
#[command(next_help_heading = "Ways in, besides a key as bearer token")]
pub(crate) struct ConnectorWaysIn {
    /// HTTP Basic: a key's id or its integration user's name, and the key
    #[arg(long, value_enum)]
    pub(crate) basic: Option<SwitchChoice>,
    /// Access tokens by OAuth client credentials: a key's id, and the key
    #[arg(long, value_enum)]
    pub(crate) oauth: Option<SwitchChoice>,
    /// An issuer whose tokens are trusted (their `iss`), with the four options that follow; or none
    #[arg(long, value_name = "URL|none", value_parser = issuer)]
    pub(crate) issuer: Option<OrNone<String>>,
    /// The `aud` of its tokens
    #[arg(long, value_name = "AUDIENCE", requires = "issuer")]
    pub(crate) audience: Option<String>,
    /// The `sub` of its tokens
    #[arg(long, value_name = "SUBJECT", requires = "issuer")]
    pub(crate) subject: Option<String>,
    /// Where its keys are
    #[arg(long, value_name = "URL", requires = "issuer")]
    pub(crate) jwks_uri: Option<String>,
    /// The integration user on whose behalf such a client acts
    #[arg(long, value_name = "INTEGRATION_USER", requires = "issuer")]
    pub(crate) issuer_user: Option<String>,
    /// What such a client may do. Default: all
    #[arg(long = "issuer-scope", value_name = "SCOPE,...", value_parser = scopes, requires = "issuer")]
    pub(crate) issuer_scopes: Vec<AccessScopes>,
}

/// When a key ends that another one was used in place of.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum RevokeOldChoice {
    /// With the first successful write by the new key, at the latest after the overlap
    OnFirstWrite,
    /// After the overlap
    AfterOverlap,
}

/// Days before a key's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reminders(pub(crate) Vec<u32>);

impl ConnectorSet {
    /// What does not go together and clap cannot say.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        let limited = self.guard_people.is_some() || self.guard_percent.is_some();
        if limited && matches!(self.guard, Some(SwitchChoice::Off)) {
            return Some(
                "--guard off goes with neither --guard-people nor --guard-percent, which switch it on",
            );
        }
        none_among(&self.networks).or_else(|| self.ways_in.contradiction())
    }
}

impl ConnectorWaysIn {
    fn contradiction(&self) -> Option<&'static str> {
        let rest = [&self.audience, &self.subject, &self.jwks_uri, &self.issuer_user];
        match &self.issuer {
            Some(OrNone(None))
                if rest.iter().any(|given| given.is_some()) || !self.issuer_scopes.is_empty() =>
            {
                Some("--issuer none stands alone: it trusts no issuer any more")
            }
            Some(OrNone(Some(_))) if rest.iter().any(|given| given.is_none()) => {
                Some("--issuer needs --audience, --subject, --jwks-uri and --issuer-user besides")
            }
            _ => None,
        }
    }
}

fn overlap(text: &str) -> Result<u32, String> {
    let seconds = span(text).map(|span: Duration| span.as_secs())?;
    u32::try_from(seconds).map_err(|_| format!("{text:?} is too long; 49710d is the most"))
}

fn reminders(text: &str) -> Result<Reminders, String> {
    if text == "none" {
        return Ok(Reminders(Vec::new()));
    }
    let days = text.split(',').map(|days| days.trim().parse::<u32>().ok().filter(|days| *days > 0));
    let mut days: Vec<u32> = days
        .collect::<Option<_>>()
        .ok_or_else(|| format!("{text:?} are no days before a key's end: write 30,7,1, or none"))?;
    days.sort_unstable_by(|left, right| right.cmp(left));
    days.dedup();
    Ok(Reminders(days))
}

fn days_or_none(text: &str) -> Result<OrNone<u32>, String> {
    let days = |text: &str| {
        let days = text.parse().ok().filter(|days| (1..=36_500).contains(days));
        days.ok_or_else(|| format!("{text:?} is no number of days from 1 to 36500, and not none"))
    };
    or_none(text, days)
}

fn issuer(text: &str) -> Result<OrNone<String>, String> {
    or_none(text, |text| Ok(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    #[test]
    fn what_contradicts_itself_is_told() {
        let check = |options: &[&str], expected: Option<&str>| {
            let line = [&["rollcall", "connector", "set", "--instance", "acme"], options].concat();
            let cli = Cli::try_parse_from(line).expect("options");
            let Command::Connector(Connector::Set(set)) = cli.command else { panic!("another command") };
            match (set.contradiction(), expected) {
                (None, None) => {}
                (Some(told), Some(expected)) => assert!(told.contains(expected), "{told}"),
                other => panic!("{options:?}: {other:?}"),
            }
        };
        check(&["--guard", "off"], None);
        check(&["--guard", "on", "--guard-people", "5"], None);
        check(&["--guard", "off", "--guard-people", "5"], Some("--guard-people"));
        check(&["--guard", "off", "--guard-percent", "5"], Some("--guard-percent"));
        check(&["--network", "none", "--network", "192.0.2.1"], Some("alone"));
        check(&["--issuer", "none"], None);
        check(&["--issuer", "none", "--audience", "x"], Some("alone"));
        check(&["--issuer", "https://idp.example"], Some("--jwks-uri"));
        let whole = ["--audience", "a", "--subject", "s", "--jwks-uri", "https://x", "--issuer-user", "u"];
        check(&[&["--issuer", "https://idp.example"][..], &whole].concat(), None);
    }

    #[test]
    fn spans_and_days() {
        assert_eq!(overlap("7d"), Ok(604_800));
        assert_eq!(overlap("0s"), Ok(0));
        assert!(overlap("never").is_err());
        assert_eq!(reminders("1,30, 7,7"), Ok(Reminders(vec![30, 7, 1])));
        assert_eq!(reminders("none"), Ok(Reminders(Vec::new())));
        for wrong in ["", "0", "30,", "soon"] {
            assert!(reminders(wrong).is_err(), "{wrong}");
        }
        assert_eq!(days_or_none("none"), Ok(OrNone(None)));
        assert!(days_or_none("0").is_err());
    }
}
