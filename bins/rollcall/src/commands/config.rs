//! `rollcall config`: needs no database, and goes on where settings are wrong.

use serde_json::json;

use crate::cli::Config;
use crate::config::{Loaded, example, reference};
use crate::output;

/// Runs the command; whether nothing is wrong.
pub(crate) fn run(command: Config, loaded: &Loaded, as_json: bool) -> anyhow::Result<bool> {
    match command {
        Config::Reference => output::text(&reference())?,
        Config::Example => output::text(&example())?,
        Config::Check => return check(loaded, as_json),
    }
    Ok(true)
}

fn check(Loaded { settings, warnings, shown }: &Loaded, as_json: bool) -> anyhow::Result<bool> {
    let mistakes = settings.as_ref().err().map(Vec::as_slice).unwrap_or_default();
    if as_json {
        let settings: Vec<_> = shown
            .iter()
            .map(|shown| json!({ "name": shown.name, "value": shown.value, "from": shown.from }))
            .collect();
        output::json(&json!({ "settings": settings, "mistakes": mistakes, "warnings": warnings }))?;
        return Ok(mistakes.is_empty());
    }
    let rows: Vec<Vec<String>> = shown
        .iter()
        .map(|shown| vec![shown.name.to_owned(), shown.value.clone(), shown.from.clone()])
        .collect();
    output::table(&["setting", "value", "from"], &rows)?;
    for warning in warnings {
        output::message(&format!("warning: {warning}"));
    }
    for mistake in mistakes {
        output::message(mistake);
    }
    if mistakes.is_empty() {
        output::message("the configuration is sound");
    }
    Ok(mistakes.is_empty())
}
