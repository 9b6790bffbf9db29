//! The log on the command line.

use clap::{Args, ValueEnum};
use scim_directory::{Action, LogStatus};
use serde::de::DeserializeOwned;

use super::time::{Moment, moment};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// A JSON object on each line
    Jsonl,
    /// A line for each value that changed, with a header
    Csv,
}

#[derive(Args, Debug)]
pub(crate) struct Log {
    /// The instance; all without
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// The server's own log instead: admin keys of the whole server
    #[arg(long, conflicts_with = "instance")]
    pub(crate) server: bool,
    /// Only records about this person: a user name or an id; memberships and creations that failed too
    #[arg(long, value_name = "USER_NAME", conflicts_with = "group", requires = "instance")]
    pub(crate) person: Option<String>,
    /// Only records about this group: a display name or an id
    #[arg(long, value_name = "NAME", requires = "instance")]
    pub(crate) group: Option<String>,
    /// Only these actions: created, picked_up, updated, suspended, reactivated, deleted, member_added and so on
    #[arg(long, value_name = "ACTION", value_delimiter = ',', value_parser = word::<Action>)]
    pub(crate) action: Vec<Action>,
    /// Only these statuses: success, failure, warning, skipped, held
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = word::<LogStatus>)]
    pub(crate) status: Vec<LogStatus>,
    /// Only through this connector
    #[arg(long, value_name = "CONNECTOR", requires = "instance")]
    pub(crate) connector: Option<String>,
    /// From when: 24h, 7d, or a moment such as 2026-11-21T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) since: Option<Moment>,
    /// Until before when
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) until: Option<Moment>,
    /// The newest first
    #[arg(long, conflicts_with = "follow")]
    pub(crate) newest_first: bool,
    /// At most so many records of each instance
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Wait for more
    #[arg(long)]
    pub(crate) follow: bool,
    /// How records are written
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) format: LogFormat,
}

/// A word that the log knows, such as one of its actions.
fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(text.trim().to_ascii_lowercase().into()).map_err(|error| error.to_string())
}
