//! Imports on the command line.

use std::path::PathBuf;

use clap::Args;

/// A file to import, and how.
#[derive(Args, Debug)]
pub(crate) struct ImportFile {
    /// The instance
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: String,
    /// What a column, or a member of JSON lines, is called here, such as 'Login=UserName'. Can be given several times
    #[arg(long, value_name = "COLUMN=FIELD")]
    pub(crate) map: Vec<String>,
    /// Leave a column out. Can be given several times
    #[arg(long, value_name = "COLUMN")]
    pub(crate) ignore: Vec<String>,
    /// Keep how far it has come under this name, and go on from there. A file needs none: its content is its name. Standard
    /// input goes on only with one, and must begin at its first line again
    #[arg(long, value_name = "NAME")]
    pub(crate) id: Option<String>,
    /// Say what would happen to each line; write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Import again what was imported to its end
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) again: bool,
    /// Write the rejected lines there, to be corrected and imported: the file's own columns, then line and reason
    #[arg(long, value_name = "FILE")]
    pub(crate) rejected: Option<PathBuf>,
    /// No progress
    #[arg(long)]
    pub(crate) quiet: bool,
    /// The file; - for standard input
    pub(crate) file: PathBuf,
}

/// Say for each person of an identity provider's export (CSV or JSON lines) who would be picked up, created or in conflict;
/// write nothing. The columns of Entra's and Okta's exports go without saying
#[derive(Args, Debug)]
pub(crate) struct Preview {
    /// The instance
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: String,
    /// The connector through which the people would come. Default: the instance's only one
    #[arg(long, value_name = "NAME")]
    pub(crate) connector: Option<String>,
    /// The SCIM attribute of a column, such as 'Login=userName'. Can be given several times
    #[arg(long, value_name = "COLUMN=ATTRIBUTE")]
    pub(crate) map: Vec<String>,
    /// As CSV
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
    /// The export; - for standard input
    pub(crate) file: PathBuf,
}
