//! Bringing accounts, groups and memberships in by upload, and asking first whom an identity provider would find.

use scim_directory::{ImportId, ImportKind, ImportRecord, Privilege, RejectedLine};
use scim_provider::Method;
use scim_provider::admin::AdminError;
use scim_provider::admin::import::{
    ColumnMap, ImportBegan, ImportEnd, ImportObserver, ImportOptions, ImportedLine,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::instances::NoQuery;
use crate::call::Call;
use crate::endpoint::{Endpoint, Handled, Reply, Spec};
use crate::input::Stream;
use crate::moment::Moment;
use crate::page::{Page, PageQuery};
use crate::problem::Problem;

const TAG: &str = "imports";
const ALL: &str = "/instances/{instance}/imports";
const ONE: &str = "/instances/{instance}/imports/{import}";
const REJECTED: &str = "/instances/{instance}/imports/{import}/rejected";

/// The most rejected lines that the answer to an upload names.
const MAX_TOLD: usize = 1000;

/// What the lines of a file describe.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ImportKind)]
pub(crate) enum Kind {
    /// An account each.
    Accounts,
    /// A group each, perhaps with members.
    Groups,
    /// A member of a group each.
    Memberships,
}

impl From<Kind> for ImportKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Accounts => Self::Accounts,
            Kind::Groups => Self::Groups,
            Kind::Memberships => Self::Memberships,
        }
    }
}

/// How a file is imported.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportQuery {
    /// What its lines describe.
    #[param(inline)]
    kind: Kind,
    /// What the import is known by, so that it can go on where it stopped: 1 to 100 letters, digits, `.`, `_` and `-`. Without
    /// one, nothing is kept of how far it comes.
    #[serde(default)]
    #[param(min_length = 1, max_length = 100, pattern = "^[A-Za-z0-9._-]+$")]
    id: Option<String>,
    /// What the file is called, for people.
    #[serde(default)]
    #[param(max_length = 200)]
    label: Option<String>,
    /// What columns mean that are called otherwise: `Login=UserName,Mail=Email`.
    #[serde(default)]
    map: Option<String>,
    /// Columns to leave out, with commas between them.
    #[serde(default)]
    ignore: Option<String>,
    /// Whether nothing is written, only told. Default: false.
    #[serde(default)]
    dry_run: bool,
    /// Whether an import that came to its end before runs again from the first line. Default: false.
    #[serde(default)]
    again: bool,
}

/// An import, and how far it has come.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Import)]
pub(crate) struct ImportShown {
    /// What it is known by.
    id: String,
    /// What its lines describe.
    kind: &'static str,
    /// What the file is called, for people.
    label: String,
    /// `running` or `done`; one that was interrupted is running until somebody goes on with it.
    #[schema(value_type = String)]
    state: scim_directory::ImportState,
    /// When it was begun.
    started_at: Moment,
    /// When it last came further.
    updated_at: Moment,
    /// The number of the line up to which every line is done.
    lines: u64,
    /// Lines that were brought in.
    imported: u64,
    /// Lines whose account, group or membership was there already.
    already_there: u64,
    /// Lines that were not taken.
    rejected: u64,
}

impl From<&ImportRecord> for ImportShown {
    fn from(import: &ImportRecord) -> Self {
        Self {
            id: import.id.to_string(),
            kind: import.kind.word(),
            label: import.label.clone(),
            state: import.state,
            started_at: import.started.into(),
            updated_at: import.updated.into(),
            lines: import.lines,
            imported: import.imported,
            already_there: import.there,
            rejected: import.rejected,
        }
    }
}

/// A line that was not taken.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RejectedLine)]
pub(crate) struct RejectedShown {
    /// The number of the line, from 1.
    line: u64,
    /// The user name or group that it is about, where that could be read.
    key: Option<String>,
    /// Why, and what to change.
    reason: String,
}

impl From<RejectedLine> for RejectedShown {
    fn from(rejected: RejectedLine) -> Self {
        Self { line: rejected.line, key: rejected.key, reason: rejected.reason }
    }
}

/// What became of an upload.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImportOutcome {
    /// What it is known by; `null` where nothing is kept of it.
    id: Option<String>,
    /// Where it began: `at_the_beginning`, `behind_earlier_lines`, or `at_the_end` where it was done before.
    began: &'static str,
    /// The number of the last line.
    lines: u64,
    /// Lines that were brought in, or would be with a dry run; those of earlier tries included.
    imported: u64,
    /// Lines whose account, group or membership was there already.
    already_there: u64,
    /// Lines that were not taken.
    rejected: u64,
    /// The first 1,000 lines that were not taken. Of an import with an id, all can be read at `…/rejected`.
    rejected_lines: Vec<RejectedShown>,
    /// Whether it was only told.
    dry_run: bool,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    let list = Spec::get(ALL, "listImports", TAG, "Imports that have an id, newest first");
    let upload = Spec::get(ALL, "upload", TAG, "Import a file of accounts, groups or memberships").about(
        "The body is CSV (`text/csv`) or JSON lines (`application/x-ndjson`) of any size; it is read as it comes and committed in short \
         batches. A line that is wrong is rejected and told, and stops nothing. With an `id`, the same file can be sent again after \
         an interruption: it goes on behind the last line that was committed, and nothing is imported twice.",
    );
    let show = Spec::get(ONE, "showImport", TAG, "An import, and how far it has come");
    let rejected =
        Spec::get(REJECTED, "listRejectedLines", TAG, "Lines that an import did not take, by number");
    vec![
        Endpoint::new(list, list_imports),
        Endpoint::new(Spec::of(Method::Post, Privilege::LiteAdmin, 200, upload), upload_file),
        Endpoint::new(show, show_import),
        Endpoint::new(rejected, list_rejected),
    ]
}

/// Texts with commas between them.
pub(super) fn listed(text: Option<&str>) -> Vec<String> {
    let parts = text.unwrap_or_default().split(',').map(str::trim);
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Keeps the first lines that were rejected.
#[derive(Default)]
struct Told(Vec<RejectedShown>);

impl ImportObserver for Told {
    fn line(&mut self, line: &ImportedLine<'_>) {
        if self.0.len() < MAX_TOLD {
            self.0.extend(line.rejected().map(RejectedShown::from));
        }
    }
}

fn import_id(pointer: &str, text: &str) -> Result<ImportId, Problem> {
    text.parse().map_err(|error: scim_directory::BadImportId| Problem::member(pointer, &error.to_string()))
}

fn upload_file<'c>(
    call: &'c Call<'c>,
    query: ImportQuery,
    Stream { body, format }: Stream,
) -> Handled<'c, ImportOutcome> {
    Box::pin(async move {
        let instance = call.instance()?;
        let id = query.id.as_deref().map(|id| import_id("id", id)).transpose()?;
        let columns = ColumnMap::new(&listed(query.map.as_deref()), &listed(query.ignore.as_deref()))?;
        let options = ImportOptions {
            columns,
            format,
            id: id.clone(),
            label: query.label.unwrap_or_default(),
            dry_run: query.dry_run,
            again: query.again,
            ..ImportOptions::new(query.kind.into())
        };
        let mut told = Told::default();
        let ImportEnd { import, began } = call.admin.import(instance, body, &options, &mut told).await?;
        Ok(Reply::json(ImportOutcome {
            id: id.filter(|_| !query.dry_run).map(|id| id.to_string()),
            began: match began {
                ImportBegan::AtTheBeginning => "at_the_beginning",
                ImportBegan::Behind(_) => "behind_earlier_lines",
                ImportBegan::AtTheEnd => "at_the_end",
            },
            lines: import.lines,
            imported: import.imported,
            already_there: import.there,
            rejected: import.rejected,
            rejected_lines: told.0,
            dry_run: query.dry_run,
        }))
    })
}

/// The import that the path names.
async fn named(call: &Call<'_>) -> Result<ImportRecord, Problem> {
    let text = call.parameter("import");
    let missing =
        || AdminError::NotFound(format!("The instance has no import {text:?}; GET …/imports lists them"));
    let id: ImportId = text.parse().map_err(|_| missing())?;
    let found = call.admin.import_of(call.instance()?, &id).await?;
    found.ok_or_else(|| missing().into())
}

fn list_imports<'c>(call: &'c Call<'c>, query: PageQuery, (): ()) -> Handled<'c, Page<ImportShown>> {
    Box::pin(async move {
        let (instance, wanted) = (call.instance()?, call.wanted::<String>(&query, "")?);
        let after = match &wanted.after {
            Some(id) => call.admin.import_of(instance, &import_id("cursor", id)?).await?,
            None => None,
        };
        if wanted.after.is_some() && after.is_none() {
            return Err(Problem::member(
                "cursor",
                "the import that it names is gone; begin again without it",
            ));
        }
        let imports = call.admin.import_page(instance, after.as_ref(), wanted.limit + 1).await?;
        let place = |import: &ImportRecord| import.id.to_string();
        Ok(Reply::json(call.page(&wanted, "", imports, place, |import| ImportShown::from(&import))))
    })
}

fn show_import<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, ImportShown> {
    Box::pin(async move { Ok(Reply::thing(ImportShown::from(&named(call).await?))) })
}

fn list_rejected<'c>(call: &'c Call<'c>, query: PageQuery, (): ()) -> Handled<'c, Page<RejectedShown>> {
    Box::pin(async move {
        let import = named(call).await?;
        let wanted = call.wanted::<u64>(&query, import.id.as_str())?;
        let limit = wanted.limit + 1;
        let lines = call.admin.import_rejected(call.instance()?, &import.id, wanted.after, limit).await?;
        let place = |rejected: &RejectedLine| rejected.line;
        Ok(Reply::json(call.page(&wanted, import.id.as_str(), lines, place, RejectedShown::from)))
    })
}
