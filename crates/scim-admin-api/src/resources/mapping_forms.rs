//! A mapping as it goes in and comes out.

use scim_mapping::expression::Expression;
use scim_mapping::mapping::{Apply, Direction, GraphImport, Mapping, MappingError, Row, Source};
use scim_provider::admin::AdminError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, ToSchema};

use crate::call::Call;
use crate::mistakes;
use crate::problem::Problem;

/// A mapping, as it is exported and imported.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Mapping)]
pub(crate) struct MappingForm {
    /// The version. When a mapping is saved it gets the next one, whatever stands here.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i64>,
    /// The rows. The read-only ones, of `UserName`, `State` and `ScimSyncId`, may be left out.
    #[schema(max_items = 200)]
    rows: Vec<MappingRow>,
}

/// What fills one field of accounts.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct MappingRow {
    /// The field.
    field: String,
    /// What fills it.
    source: MappingSource,
    /// What new accounts get where the source gives nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<String>,
    /// When the row acts. Default: `always`.
    #[serde(skip_serializing_if = "MappingApply::is_default")]
    apply: MappingApply,
    /// Which ways values flow. Default: `both` where the row can be inverted, else `inbound`.
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<MappingDirection>,
    /// Whether the row can be neither changed nor removed; of `UserName`, `State` and `ScimSyncId` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    read_only: Option<bool>,
}

/// What fills a field.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MappingSource {
    /// The value of a SCIM attribute, by its path: `emails[type eq "work"].value`.
    Attribute(String),
    /// The same text for everybody.
    Constant(String),
    /// An expression over SCIM attributes.
    Expression(String),
}

/// When a row acts.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MappingApply {
    /// On creation, and whenever an attribute that it uses gets another value.
    Always,
    /// On creation alone; from then on the field belongs to the application.
    OnCreation,
}

impl MappingApply {
    const fn is_default(&self) -> bool {
        matches!(self, Self::Always)
    }
}

/// Which ways values flow.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MappingDirection {
    /// From SCIM to the account, and, where the account is edited in the application, back.
    Both,
    /// From SCIM to the account only.
    Inbound,
}

impl From<&Row> for MappingRow {
    fn from(row: &Row) -> Self {
        Self {
            field: row.field.clone(),
            source: match row.source.clone() {
                Source::Direct(path) => MappingSource::Attribute(path),
                Source::Constant(text) => MappingSource::Constant(text),
                Source::Expression(text) => MappingSource::Expression(text),
            },
            default: row.default.clone(),
            apply: match row.apply {
                Apply::Always => MappingApply::Always,
                Apply::OnCreation => MappingApply::OnCreation,
            },
            direction: row.direction.map(|direction| match direction {
                Direction::Both => MappingDirection::Both,
                Direction::Inbound => MappingDirection::Inbound,
            }),
            read_only: row.is_read_only().then_some(true),
        }
    }
}

impl MappingForm {
    /// A mapping as that version.
    pub(super) fn new(version: i64, mapping: &Mapping) -> Self {
        Self { version: Some(version), rows: mapping.rows.iter().map(MappingRow::from).collect() }
    }
}

/// A mapping in a body: read row by row, so that every mistake is told at once.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct MappingBody(Value);

impl utoipa::PartialSchema for MappingBody {
    fn schema() -> RefOr<Schema> {
        <MappingForm as utoipa::PartialSchema>::schema()
    }
}

impl ToSchema for MappingBody {
    fn name() -> std::borrow::Cow<'static, str> {
        MappingForm::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        MappingForm::schemas(schemas);
    }
}

/// What the body is.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct BodyQuery {
    /// What the body is. Without it, a body with `synchronizationRules` is taken for `graph`.
    #[serde(default)]
    #[param(inline)]
    pub(crate) format: Option<BodyFormat>,
}

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BodyFormat {
    /// A mapping.
    Mapping,
    /// A synchronization schema exported from Microsoft Graph: rows for the attributes that it says will arrive are added to
    /// the mapping in force.
    Graph,
}

/// What became of a Microsoft Graph synchronization schema.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GraphTaken {
    /// Attributes that arrive and fill a field.
    taken: Vec<GraphAttribute>,
    /// What else the schema says, and why it is not applied.
    not_applied: Vec<GraphNotApplied>,
    /// Fields whose rows use attributes of which none arrives.
    without_source: Vec<String>,
}

/// An attribute that arrives and fills a field.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GraphAttribute {
    /// The SCIM attribute's path.
    attribute: String,
    /// The field.
    field: String,
    /// Whether the row is new.
    new: bool,
}

/// Something that is not applied.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GraphNotApplied {
    /// What it is, and where.
    what: String,
    /// Why, and, where there is one, what to do.
    why: String,
}

impl From<GraphImport> for GraphTaken {
    fn from(import: GraphImport) -> Self {
        let taken = import.taken.into_iter().map(|taken| GraphAttribute {
            attribute: taken.attribute,
            field: taken.field,
            new: taken.is_new,
        });
        let not_applied = import.not_applied.into_iter();
        Self {
            taken: taken.collect(),
            not_applied: not_applied.map(|not| GraphNotApplied { what: not.what, why: not.why }).collect(),
            without_source: import.without_source,
        }
    }
}

/// Something that is accepted, but had better be written otherwise.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MappingHint {
    /// The field whose row it is.
    field: String,
    /// Where in the expression, in characters from its start, beginning with 0.
    position: usize,
    /// What to write instead.
    message: String,
}

/// What had better be written otherwise in a mapping.
pub(super) fn hints(mapping: &Mapping) -> Vec<MappingHint> {
    let of_row = |row: &Row| {
        let Source::Expression(text) = &row.source else { return Vec::new() };
        let lints = Expression::parse(text).map(|expression| expression.lints().to_vec()).unwrap_or_default();
        let hint = |lint: scim_mapping::expression::Lint| MappingHint {
            field: row.field.clone(),
            position: lint.position,
            message: lint.message,
        };
        lints.into_iter().map(hint).collect()
    };
    mapping.rows.iter().flat_map(of_row).collect()
}

/// A mapping that was read from a body.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) mapping: Mapping,
    pub(super) graph: Option<GraphTaken>,
    /// Where the mapping stands in the body.
    place: &'static str,
    /// Of each row, which row of the body it was; `None` where the body has none of it.
    rows: Vec<Option<usize>>,
}

impl Read {
    /// What is wrong with it, with pointers into the body.
    pub(super) fn problem(&self, error: AdminError) -> Problem {
        match error {
            AdminError::Mapping(errors) => self.mistakes(&errors),
            AdminError::Rules(errors) => {
                let whole = |problem: Problem, error: &dyn std::fmt::Display| {
                    problem.about(self.place, &format!("{error}, with this mapping"))
                };
                let problem = Problem::new(
                    crate::problem::Code::Invalid,
                    "The workflow rules do not go with this mapping; change them first, or the mapping",
                );
                errors.iter().fold(problem, |problem, error| whole(problem, error))
            }
            other => other.into(),
        }
    }

    fn mistakes(&self, errors: &[MappingError]) -> Problem {
        mistakes::of_mapping(errors, self.place, |row| self.rows.get(row).copied().flatten())
    }
}

impl MappingBody {
    /// Reads the mapping, which stands at `place` in the body. Nothing is saved.
    ///
    /// # Errors
    /// 422 with every mistake in its form.
    pub(super) async fn read(
        &self,
        call: &Call<'_>,
        format: Option<BodyFormat>,
        place: &'static str,
    ) -> Result<Read, Problem> {
        let text = self.0.to_string();
        let is_graph = match format {
            Some(format) => format == BodyFormat::Graph,
            None => self.0.get("synchronizationRules").is_some(),
        };
        if is_graph {
            let in_graph = |error| match error {
                AdminError::Mapping(errors) => mistakes::of_mapping(&errors, place, |_| None),
                other => other.into(),
            };
            let graph = call.admin.mapping_from_graph(call.instance()?, &text).await.map_err(in_graph)?;
            let (mapping, graph) = (graph.mapping.clone(), Some(graph.into()));
            return Ok(Read { mapping, graph, place, rows: Vec::new() });
        }
        let read =
            Mapping::from_json(&text).map_err(|errors| mistakes::of_mapping(&errors, place, Some))?.mapping;
        let rows = self.0.get("rows").unwrap_or(&self.0).as_array();
        let has = |field: &str| rows.into_iter().flatten().any(|row| row.get("field") == Some(&field.into()));
        let mut next = 0..;
        let of_body = |row: &Row| if row.is_read_only() && !has(&row.field) { None } else { next.next() };
        let rows = read.rows.iter().map(of_body).collect();
        Ok(Read { mapping: read, graph: None, place, rows })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_is_what_the_command_line_exports() {
        let mut mapping = Mapping::defaults();
        let mut row = Row::new("Department", Source::Constant("Sales".to_owned()));
        row.apply = Apply::OnCreation;
        row.direction = Some(Direction::Inbound);
        row.default = Some("x".to_owned());
        mapping.rows.push(row);
        assert_eq!(json!(MappingForm::new(3, &mapping)), mapping.to_json(3));
    }
}
