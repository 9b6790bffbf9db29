//! The mapping: shown, saved, checked, and its versions.

use scim_directory::{MappingVersion, Privilege};
use scim_mapping::mapping::{Mapping, Row};
use scim_provider::Method;
use scim_provider::admin::AdminError;
use serde::Serialize;
use utoipa::ToSchema;

use super::instances::NoQuery;
use super::mapping_forms::{
    BodyQuery, GraphTaken, MappingBody, MappingForm, MappingHint, MappingRow, Read, hints,
};
use crate::call::Call;
use crate::endpoint::{Endpoint, Handled, Reply, Spec};
use crate::input::Json;
use crate::moment::Moment;
use crate::page::{Page, PageQuery};
use crate::problem::Problem;

pub(super) const TAG: &str = "mapping";
const PATH: &str = "/instances/{instance}/mapping";
const VERSIONS: &str = "/instances/{instance}/mapping/versions";
const VERSION: &str = "/instances/{instance}/mapping/versions/{version}";
const CHECK: &str = "/instances/{instance}/mapping/check";

/// A mapping that was saved.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SavedMapping {
    /// The version that is in force from now on.
    version: i64,
    /// The rows.
    rows: Vec<MappingRow>,
    /// What had better be written otherwise.
    hints: Vec<MappingHint>,
    /// What became of a Microsoft Graph synchronization schema, where the body was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    graph: Option<GraphTaken>,
}

/// A mapping that was checked and could be saved.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CheckedMapping {
    /// The rows, as they would be saved.
    rows: Vec<MappingRow>,
    /// Rows that the mapping in force does not have.
    added: Vec<MappingRow>,
    /// Rows that the mapping in force has and this one does not.
    removed: Vec<MappingRow>,
    /// What had better be written otherwise.
    hints: Vec<MappingHint>,
    /// What became of a Microsoft Graph synchronization schema, where the body was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    graph: Option<GraphTaken>,
}

/// A version of the mapping.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MappingVersionShown {
    /// The number.
    version: i64,
    /// When it was saved.
    saved_at: Moment,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    let show = Spec::get(PATH, "showMapping", TAG, "The mapping in force");
    let save = Spec::get(PATH, "saveMapping", TAG, "Save a mapping as the next version, in force at once").about(
        "The body is a whole mapping, as it is shown; or, with `format=graph`, a synchronization schema exported from Microsoft \
         Graph. Every mistake is told at once, and then nothing is saved. Accounts that are there keep their values until the \
         identity provider writes them, or until the mapping is reapplied.",
    );
    let reset =
        Spec::get(PATH, "resetMapping", TAG, "Put the default mapping in force again, as the next version");
    let versions = Spec::get(VERSIONS, "listMappingVersions", TAG, "Saved versions, newest first");
    let version = Spec::get(VERSION, "showMappingVersion", TAG, "A version of the mapping");
    let check = Spec::get(CHECK, "checkMapping", TAG, "Check a mapping as saving it would, and save nothing");
    vec![
        Endpoint::new(show, show_mapping),
        Endpoint::new(Spec::of(Method::Put, Privilege::Admin, 200, save), save_mapping),
        Endpoint::new(Spec::of(Method::Delete, Privilege::Admin, 200, reset), reset_mapping),
        Endpoint::new(versions, list_versions),
        Endpoint::new(version, show_version),
        Endpoint::new(Spec::of(Method::Post, Privilege::ReadOnly, 200, check), check_mapping),
    ]
}

fn show_mapping<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, MappingForm> {
    Box::pin(async move {
        let (version, mapping) = call.admin.mapping(call.instance()?, None).await?;
        Ok(Reply::thing(MappingForm::new(version, &mapping)))
    })
}

/// The version that must still be in force when something is saved; `None` for whichever is.
async fn precondition(call: &Call<'_>) -> Result<Option<i64>, Problem> {
    if call.request.headers.get("if-match").is_none() {
        return Ok(None);
    }
    let (version, mapping) = call.admin.mapping(call.instance()?, None).await?;
    call.unchanged(&MappingForm::new(version, &mapping))?;
    Ok(Some(version))
}

fn saved(version: i64, mapping: &Mapping, graph: Option<GraphTaken>) -> Reply<SavedMapping> {
    let rows = mapping.rows.iter().map(MappingRow::from).collect();
    let saved = SavedMapping { version, rows, hints: hints(mapping), graph };
    Reply::thing(saved).tagged_by(&MappingForm::new(version, mapping))
}

fn save_mapping<'c>(
    call: &'c Call<'c>,
    query: BodyQuery,
    Json(body): Json<MappingBody>,
) -> Handled<'c, SavedMapping> {
    Box::pin(async move {
        let after = precondition(call).await?;
        let read = body.read(call, query.format, "").await?;
        let version = call.admin.mapping_save_after(call.instance()?, &read.mapping, after).await;
        let version = version.map_err(|error| read.problem(error))?;
        let Read { mapping, graph, .. } = read;
        Ok(saved(version, &mapping, graph))
    })
}

fn reset_mapping<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, SavedMapping> {
    Box::pin(async move {
        let after = precondition(call).await?;
        let mapping = Mapping::defaults();
        let version = call.admin.mapping_save_after(call.instance()?, &mapping, after).await?;
        Ok(saved(version, &mapping, None))
    })
}

fn list_versions<'c>(call: &'c Call<'c>, query: PageQuery, (): ()) -> Handled<'c, Page<MappingVersionShown>> {
    Box::pin(async move {
        let wanted = call.wanted::<i64>(&query, "")?;
        let instance = call.instance()?;
        let versions = call.admin.mapping_version_page(instance, wanted.after, wanted.limit + 1).await?;
        let shown =
            |saved: MappingVersion| MappingVersionShown { version: saved.version, saved_at: saved.at.into() };
        Ok(Reply::json(call.page(&wanted, "", versions, |saved| saved.version, shown)))
    })
}

fn show_version<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, MappingForm> {
    Box::pin(async move {
        let text = call.parameter("version");
        let missing = || {
            AdminError::NotFound(format!(
                "There is no version {text:?} of the mapping; GET …/mapping/versions lists them"
            ))
        };
        let version = text.parse::<i64>().ok().filter(|version| *version >= 0).ok_or_else(missing)?;
        match call.admin.mapping(call.instance()?, Some(version)).await {
            Ok((version, mapping)) => Ok(Reply::thing(MappingForm::new(version, &mapping))),
            Err(AdminError::NotFound(_)) => Err(missing().into()),
            Err(error) => Err(error.into()),
        }
    })
}

fn check_mapping<'c>(
    call: &'c Call<'c>,
    query: BodyQuery,
    Json(body): Json<MappingBody>,
) -> Handled<'c, CheckedMapping> {
    Box::pin(async move {
        let instance = call.instance()?;
        let read = body.read(call, query.format, "").await?;
        call.admin.mapping_check(instance, &read.mapping).await.map_err(|error| read.problem(error))?;
        let (_, current) = call.admin.mapping(instance, None).await?;
        let missing_in = |other: &Mapping, mapping: &Mapping| -> Vec<MappingRow> {
            let missing = |row: &&Row| !other.rows.contains(row);
            mapping.rows.iter().filter(missing).map(MappingRow::from).collect()
        };
        Ok(Reply::json(CheckedMapping {
            rows: read.mapping.rows.iter().map(MappingRow::from).collect(),
            added: missing_in(&current, &read.mapping),
            removed: missing_in(&read.mapping, &current),
            hints: hints(&read.mapping),
            graph: read.graph,
        }))
    })
}
