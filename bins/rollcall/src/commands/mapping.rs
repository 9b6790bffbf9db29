//! `rollcall mapping …`

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use scim_directory::{FieldChange, Instance};
use scim_mapping::mapping::{Apply, Direction, Mapping, Row, Source, Tried};
use scim_provider::admin::{Admin, ReadMapping, Reapplication, Reapplied};
use serde_json::{Value, json};

use crate::cli;
use crate::config::Settings;
use crate::node::Node;
use crate::output;

/// The longest mapping or sample, in bytes.
const MAX_FILE_BYTES: u64 = 16 << 20;
/// Accounts that a preview tells of one by one.
const SHOWN: u64 = 50;

pub(crate) async fn run(command: cli::Mapping, node: &Node) -> anyhow::Result<ExitCode> {
    let (admin, settings) = (node.admin()?, &node.settings);
    match command {
        cli::Mapping::Show { instance, version } => {
            let instance = admin.instance_named(&instance).await?;
            let (version, mapping) = admin.mapping(&instance, version).await?;
            if settings.json {
                output::json(&mapping.to_json(version))?;
            } else {
                output::line(&format!("version {version}"))?;
                output::table(&["FIELD", "SOURCE", "APPLIES", "DEFAULT", ""], &rows(&mapping))?;
            }
        }
        cli::Mapping::Versions { instance } => {
            let instance = admin.instance_named(&instance).await?;
            let versions = admin.mapping_versions(&instance).await?;
            if settings.json {
                let versions = versions
                    .iter()
                    .map(|saved| json!({ "version": saved.version, "saved_at": saved.at.to_string() }));
                output::json(&versions.collect())?;
            } else {
                for saved in versions {
                    output::line(&format!("{}  {}", saved.version, saved.at))?;
                }
            }
        }
        cli::Mapping::Export { instance, version, file } => {
            let instance = admin.instance_named(&instance).await?;
            let (version, mapping) = admin.mapping(&instance, version).await?;
            let document = mapping.to_json(version);
            match file {
                None => output::json(&document)?,
                Some(path) => std::fs::write(&path, serde_json::to_string_pretty(&document)? + "\n")
                    .with_context(|| format!("cannot write {}", path.display()))?,
            }
        }
        cli::Mapping::Import { instance, file, preview } => {
            let instance = admin.instance_named(&instance).await?;
            import(&admin, &instance, &read(&file)?, preview, settings).await?;
        }
        cli::Mapping::Reset { instance } => {
            let instance = admin.instance_named(&instance).await?;
            let version = admin.mapping_save(&instance, &Mapping::defaults()).await?;
            saved(version, settings)?;
        }
        cli::Mapping::Try { instance, file, mapping } => {
            let instance = admin.instance_named(&instance).await?;
            let mapping = match mapping {
                Some(path) => admin.mapping_read(&instance, &read(&path)?).await?.mapping,
                None => admin.mapping(&instance, None).await?.1,
            };
            let sample = serde_json::from_str(&read(&file)?).context("the sample is not JSON")?;
            let tried = admin.mapping_try(&instance, &mapping, sample).await?;
            return show_tried(&tried, settings);
        }
        cli::Mapping::Reapply { instance, preview, batch, restart } => {
            let instance = admin.instance_named(&instance).await?;
            let how = Reapplication { preview, batch, restart };
            return reapply(&admin, &instance, how, settings).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A file's text, or that of standard input where it is called `-`.
pub(crate) fn read(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let cannot = || format!("cannot read {}", path.display());
    if path == Path::new("-") {
        std::io::stdin().take(MAX_FILE_BYTES).read_to_string(&mut text).with_context(cannot)?;
    } else {
        let file = std::fs::File::open(path).with_context(cannot)?;
        file.take(MAX_FILE_BYTES).read_to_string(&mut text).with_context(cannot)?;
    }
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

async fn import(
    admin: &Admin,
    instance: &Instance,
    text: &str,
    preview: bool,
    settings: &Settings,
) -> anyhow::Result<()> {
    let ReadMapping { mapping, graph } = admin.mapping_read(instance, text).await?;
    if let Some(graph) = &graph {
        for not_applied in &graph.not_applied {
            output::message(&format!("not applied: {}: {}", not_applied.what, not_applied.why));
        }
        for taken in graph.taken.iter().filter(|taken| taken.is_new) {
            output::message(&format!("new row: {} <- {}", taken.field, taken.attribute));
        }
        for field in &graph.without_source {
            output::message(&format!("{field}: the schema sends nothing that fills it"));
        }
    }
    if !preview {
        return saved(admin.mapping_save(instance, &mapping).await?, settings);
    }
    admin.mapping_check(instance, &mapping).await?;
    let (_, current) = admin.mapping(instance, None).await?;
    let differs = |row: &&Row, other: &Mapping| !other.rows.contains(row);
    let gone: Vec<&Row> = current.rows.iter().filter(|row| differs(row, &mapping)).collect();
    let new: Vec<&Row> = mapping.rows.iter().filter(|row| differs(row, &current)).collect();
    for row in &gone {
        output::line(&format!("- {}", in_words(row)))?;
    }
    for row in &new {
        output::line(&format!("+ {}", in_words(row)))?;
    }
    output::message("nothing was saved");
    Ok(())
}

/// A row with everything in which two rows can differ.
fn in_words(row: &Row) -> String {
    let mut text = format!("{} <- {}", row.field, row.source);
    if row.apply == Apply::OnCreation {
        text.push_str("  on creation");
    }
    match row.direction {
        Some(Direction::Both) => text.push_str("  both ways"),
        Some(Direction::Inbound) => text.push_str("  inbound"),
        None => {}
    }
    if let Some(default) = &row.default {
        text.push_str(&format!("  default {default:?}"));
    }
    text
}

fn saved(version: i64, settings: &Settings) -> anyhow::Result<()> {
    if settings.json {
        return output::json(&json!({ "version": version }));
    }
    output::line(&format!("version {version} of the mapping is in force"))?;
    output::message(
        "accounts that are there keep their values until the identity provider writes them, or until `rollcall mapping reapply`",
    );
    Ok(())
}

fn rows(mapping: &Mapping) -> Vec<Vec<String>> {
    let row = |row: &Row| {
        let kind = match &row.source {
            Source::Constant(_) => format!("constant {}", row.source),
            source => source.to_string(),
        };
        let applies = match row.apply {
            Apply::Always => "always",
            Apply::OnCreation => "on creation",
        };
        let locked = if row.is_read_only() { "read-only" } else { "" };
        let default = row.default.clone().unwrap_or_default();
        vec![row.field.clone(), kind, applies.to_owned(), default, locked.to_owned()]
    };
    mapping.rows.iter().map(row).collect()
}

/// Writes what each row gave; exit status 1 where one failed.
fn show_tried(tried: &[Tried], settings: &Settings) -> anyhow::Result<ExitCode> {
    let failed = tried.iter().any(|row| row.result.is_err());
    if settings.json {
        let rows = tried.iter().map(|row| {
            let steps = row.steps.iter().map(|(text, value)| match value {
                Ok(value) => json!({ "expression": text, "value": value }),
                Err(error) => json!({ "expression": text, "error": error }),
            });
            json!({
                "row": row.row,
                "field": row.field,
                "steps": steps.collect::<Vec<_>>(),
                "value": row.result.as_ref().ok().cloned().flatten(),
                "error": row.result.as_ref().err(),
            })
        });
        output::json(&rows.collect::<Vec<Value>>().into())?;
    } else {
        for row in tried {
            let result = match &row.result {
                Ok(Some(value)) => format!("{value:?}"),
                Ok(None) => "(no value)".to_owned(),
                Err(error) => format!("failed: {error}"),
            };
            let default = if row.is_default { "  (default)" } else { "" };
            output::line(&format!("{}. {} = {result}{default}", row.row, row.field))?;
            for (text, value) in &row.steps {
                let value = match value {
                    Ok(value) => value.to_string(),
                    Err(error) => format!("failed: {error}"),
                };
                output::line(&format!("     {text}  ->  {value}"))?;
            }
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn reapply(
    admin: &Admin,
    instance: &Instance,
    how: Reapplication,
    settings: &Settings,
) -> anyhow::Result<ExitCode> {
    let (mut shown, mut listed) = (0, Vec::new());
    let tell = |done: &Reapplied| {
        if let Some(reason) = &done.failure {
            output::message(&format!("{}: {reason}", done.name.as_deref().unwrap_or("?")));
        } else if how.preview && shown < SHOWN {
            shown += 1;
            listed.push(done.clone());
        }
    };
    let progress = |so_far: scim_provider::admin::ReapplyProgress| {
        output::message(&format!("{} accounts looked at, {} changed", so_far.seen, so_far.changed));
    };
    let end = admin.mapping_reapply(instance, how, tell, progress).await?;
    if settings.json {
        let accounts = listed.iter().map(|done| {
            json!({ "id": done.id.to_string(), "name": done.name, "fields": done.fields, "attributes": done.attributes })
        });
        output::json(&json!({
            "preview": how.preview,
            "seen": end.seen,
            "changed": end.changed,
            "failed": end.failed,
            "accounts": accounts.collect::<Vec<_>>(),
        }))?;
    } else {
        for done in &listed {
            output::line(done.name.as_deref().unwrap_or("?"))?;
            for FieldChange { field, old, new } in &done.fields {
                let shown = |value: &Option<String>| value.as_deref().unwrap_or("(none)").to_owned();
                output::line(&format!("  {field}: {} -> {}", shown(old), shown(new)))?;
            }
            for attribute in &done.attributes {
                output::line(&format!("  {attribute} (SCIM)"))?;
            }
        }
        let would = if how.preview { "would change" } else { "changed" };
        output::line(&format!(
            "{} accounts looked at, {} {would}, {} failed",
            end.seen, end.changed, end.failed
        ))?;
    }
    Ok(if end.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
