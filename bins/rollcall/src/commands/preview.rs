//! `rollcall account preview`: whom an identity provider's people would find.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::Context as _;
use scim_provider::admin::Admin;
use scim_provider::admin::account::{MatchedBy, PreviewOutcome, Previewed};
use scim_provider::admin::import::ImportFormat;
use serde_json::{Value, json};

use crate::cli;
use crate::config::Settings;
use crate::output;

/// The columns of the CSV form.
const COLUMNS: [&str; 6] = ["line", "user_name", "outcome", "matched_by", "code", "reason"];

pub(crate) async fn run(admin: &Admin, given: &cli::Preview, settings: &Settings) -> anyhow::Result<()> {
    let instance = admin.instance_named(&given.instance).await?;
    let input: Box<dyn BufRead> = if given.file == Path::new("-") {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        let file =
            File::open(&given.file).with_context(|| format!("cannot open {}", given.file.display()))?;
        Box::new(BufReader::new(file))
    };
    let json = settings.json;
    if json {
        output::line("{\"people\": [")?;
    } else if given.csv {
        output::line(&COLUMNS.join(","))?;
    }
    let (mut begun, mut failure) = (false, None);
    let told = |person: &Previewed| {
        let text = match (json, given.csv) {
            (true, _) => Ok(format!("{}{}", if begun { "," } else { "" }, shown(person))),
            (false, true) => record(&shown(person)),
            (false, false) => Ok(line(person)),
        };
        begun = true;
        if let Err(error) = text.and_then(|text| output::line(&text)) {
            failure.get_or_insert(error);
        }
    };
    let connector = given.connector.as_deref();
    let summary =
        admin.account_preview(&instance, connector, &given.map, ImportFormat::default(), input, told).await?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    let (matched, created) = (summary.matched, summary.created);
    let (conflicts, left_out) = (summary.conflicts, summary.left_out);
    if json {
        let totals =
            json!({ "matched": matched, "created": created, "conflicts": conflicts, "left_out": left_out });
        return output::line(&format!("], \"totals\": {totals}}}"));
    }
    let totals = format!(
        "{matched} people would be matched, {created} created, {conflicts} in conflict; {left_out} lines left out"
    );
    if given.csv {
        output::message(&totals);
        return Ok(());
    }
    output::line(&totals)
}

/// Outcome, by what it is matched, code and reason.
fn parts(outcome: &PreviewOutcome) -> (&'static str, Option<MatchedBy>, Option<&str>, Option<&str>) {
    match outcome {
        PreviewOutcome::PickedUp(by) => ("picked_up", Some(*by), None, None),
        PreviewOutcome::Restored(by) => ("restored", Some(*by), None, None),
        PreviewOutcome::Managed(by) => ("managed", Some(*by), None, None),
        PreviewOutcome::Created => ("created", None, None, None),
        PreviewOutcome::Conflict { code, reason } => ("conflict", None, Some(code), Some(reason)),
        PreviewOutcome::LeftOut(reason) => ("left_out", None, None, Some(reason)),
    }
}

fn word(by: MatchedBy) -> &'static str {
    match by {
        MatchedBy::UserName => "user_name",
        MatchedBy::ExternalId => "external_id",
    }
}

fn shown(person: &Previewed) -> Value {
    let (outcome, by, code, reason) = parts(&person.outcome);
    json!({
        "line": person.line,
        "user_name": person.user_name,
        "outcome": outcome,
        "matched_by": by.map(word),
        "code": code,
        "reason": reason,
    })
}

/// A person as a record of CSV, without its line end.
fn record(shown: &Value) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS.iter().map(|column| match &shown[*column] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }))?;
    let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
    Ok(String::from_utf8(bytes)?.trim_end().to_owned())
}

/// A person on one line.
fn line(person: &Previewed) -> String {
    let (outcome, by, _, reason) = parts(&person.outcome);
    let by = by.map(|by| format!(" by {}", word(by))).unwrap_or_default();
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    let name = person.user_name.as_deref().unwrap_or("-");
    format!("line {:<6} {outcome:9}  {name}{by}{reason}", person.line)
}
