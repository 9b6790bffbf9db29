//! The configuration on the command line.

use clap::Subcommand;

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Config {
    /// Check the configuration as `serve` would, and print what holds of each setting and where it came from
    Check,
    /// Print the reference of all settings, as Markdown
    Reference,
    /// Print a rollcall.toml to begin with
    Example,
}
