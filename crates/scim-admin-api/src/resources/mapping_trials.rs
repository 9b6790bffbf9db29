//! The mapping tried: on a sample, an expression alone, and on everybody who is there.

use scim_directory::{FieldChange, Privilege, ResourceId};
use scim_mapping::expression::{Expression, Function, Presence, functions};
use scim_mapping::mapping::Tried;
use scim_provider::Method;
use scim_provider::admin::{AdminError, Reapplied, ReapplyPlace};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

use super::instances::NoQuery;
use super::mapping::TAG;
use super::mapping_forms::MappingBody;
use crate::call::Call;
use crate::endpoint::{Endpoint, Handled, Reply, Spec};
use crate::input::Json;
use crate::page::{Page, PageQuery};
use crate::problem::{Code, Problem};

const TRY: &str = "/instances/{instance}/mapping/try";
const REAPPLY: &str = "/instances/{instance}/mapping/reapply";
const FUNCTIONS: &str = "/instances/{instance}/mapping/functions";
const EVALUATE: &str = "/instances/{instance}/mapping/expressions/evaluate";

/// What a mapping is tried on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trial {
    /// A SCIM User, as an identity provider would send it; `schemas` may be left out.
    #[schema(value_type = Object, example = json!({ "userName": "ada@acme.example", "name": { "givenName": "Ada" } }))]
    sample: Map<String, Value>,
    /// The mapping that is tried. Default: the one in force.
    #[serde(default)]
    mapping: Option<MappingBody>,
}

/// What would become of a sample.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrialResult {
    /// The fields of the account that would be created, by name.
    account: BTreeMap<String, String>,
    /// Each row, in order, with every step.
    rows: Vec<TriedRow>,
    /// How many rows failed; then the person would be refused.
    failed: usize,
}

/// What a row gave.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TriedRow {
    /// The row's number, beginning with 1.
    row: usize,
    /// The field that it fills.
    field: String,
    /// What was evaluated, inner parts before outer ones.
    steps: Vec<TriedStep>,
    /// What the field gets; `null` for nothing.
    value: Option<String>,
    /// Whether that is the row's default.
    is_default: bool,
    /// Why the row failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// A part of an expression and what came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TriedStep {
    /// The part.
    expression: String,
    /// What it gave.
    #[schema(value_type = Value)]
    value: Value,
    /// Why it gave nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// An expression and what it is tried on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpressionTrial {
    /// The expression.
    #[schema(max_length = 10_000, example = "Join(\" \", [name.givenName], [name.familyName])")]
    expression: String,
    /// A SCIM User, as an identity provider would send it; `schemas` may be left out. Default: one without attributes.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({ "name": { "givenName": "Ada", "familyName": "Lovelace" } }))]
    sample: Map<String, Value>,
}

/// What an expression gives.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExpressionResult {
    /// What it gives, as JSON.
    #[schema(value_type = Value)]
    result: Value,
    /// The text that a field would get; `null` for nothing.
    value: Option<String>,
    /// Why it failed for this sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// What was evaluated, inner parts before outer ones.
    steps: Vec<TriedStep>,
    /// The attributes that it uses.
    uses: Vec<String>,
    /// What had better be written otherwise.
    hints: Vec<ExpressionHint>,
}

/// Something that is accepted, but had better be written otherwise.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExpressionHint {
    /// Where, in characters from the start, beginning with 0.
    position: usize,
    /// What to write instead.
    message: String,
}

/// How the mapping is applied again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ReapplyOrder {
    /// Whether accounts are changed; else it is a preview, which says what would change.
    apply: bool,
}

/// What became of a slice of the accounts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReapplySlice {
    /// Whether it was a preview, so that nothing was changed.
    preview: bool,
    /// Accounts that were looked at in this slice.
    seen: u64,
    /// Accounts of this slice that changed, or would.
    changed: u64,
    /// Accounts of this slice that could not be done.
    failed: u64,
    /// Those that changed, would change, or failed.
    accounts: Vec<ReappliedAccount>,
    /// The cursor of the next slice; missing after the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// What becomes of one account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReappliedAccount {
    /// The account's id.
    id: Uuid,
    /// What the person is called.
    name: Option<String>,
    /// Fields that change.
    fields: Vec<FieldChange>,
    /// SCIM attributes that change, of accounts that nobody manages.
    attributes: Vec<String>,
    /// Why it was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// A function of the expression language.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FunctionShown {
    /// The name.
    name: &'static str,
    /// What it belongs to.
    family: &'static str,
    /// How it is written.
    signature: String,
    /// What it gives.
    meaning: &'static str,
    /// What it gives for null.
    null: &'static str,
    /// What it takes, in order.
    parameters: Vec<ParameterShown>,
    /// What it gives for some values.
    examples: Vec<ExampleShown>,
}

/// A parameter of a function.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ParameterShown {
    /// The name.
    name: &'static str,
    /// What it is for.
    meaning: &'static str,
    /// Whether it must be there: `required`, `slot` (may be empty, but its comma is written), `optional`, `repeated`.
    presence: &'static str,
}

/// An expression and what comes of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExampleShown {
    /// The expression.
    expression: &'static str,
    /// The attributes that it is evaluated on.
    #[schema(value_type = Value)]
    attributes: Value,
    /// What it gives.
    #[schema(value_type = Value)]
    outcome: Value,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    let try_it = Spec::get(
        TRY,
        "tryMapping",
        TAG,
        "Try a mapping on a sample resource, step by step; nothing is saved",
    );
    let reapply = Spec::get(REAPPLY, "reapplyMapping", TAG, "Apply the mapping in force again to accounts that are there")
        .about(
            "A preview unless `apply` is true. Each request goes through at most `limit` accounts, newest first; `next` is the \
             `cursor` of the request for the next ones, until it is missing. What fails for one account does not stop the others. \
             Where another version of the mapping comes into force meanwhile: 412, and begin again without `cursor`.",
        );
    let list = Spec::get(FUNCTIONS, "listFunctions", TAG, "The functions of expressions");
    let evaluate =
        Spec::get(EVALUATE, "evaluateExpression", TAG, "Evaluate an expression on a sample resource");
    vec![
        Endpoint::new(Spec::of(Method::Post, Privilege::ReadOnly, 200, try_it), try_mapping),
        Endpoint::new(Spec::of(Method::Post, Privilege::Admin, 200, reapply), reapply_mapping),
        Endpoint::new(list, list_functions),
        Endpoint::new(Spec::of(Method::Post, Privilege::ReadOnly, 200, evaluate), evaluate_expression),
    ]
}

fn steps(steps: Vec<(String, Result<Value, String>)>) -> Vec<TriedStep> {
    let step = |(expression, outcome)| match outcome {
        Ok(value) => TriedStep { expression, value, error: None },
        Err(error) => TriedStep { expression, value: Value::Null, error: Some(error) },
    };
    steps.into_iter().map(step).collect()
}

/// That the sample is wrong, where that is what went wrong.
fn of_sample(error: AdminError) -> Problem {
    match error {
        AdminError::Invalid(detail) => Problem::member("/sample", &detail),
        other => other.into(),
    }
}

fn try_mapping<'c>(call: &'c Call<'c>, _: NoQuery, Json(trial): Json<Trial>) -> Handled<'c, TrialResult> {
    Box::pin(async move {
        let (instance, sample) = (call.instance()?, Value::Object(trial.sample));
        let tried = match trial.mapping {
            Some(body) => {
                let read = body.read(call, None, "/mapping").await?;
                let tried = call.admin.mapping_try(instance, &read.mapping, sample).await;
                tried.map_err(|error| match error {
                    AdminError::Mapping(_) => read.problem(error),
                    other => of_sample(other),
                })?
            }
            None => {
                let (_, mapping) = call.admin.mapping(instance, None).await?;
                call.admin.mapping_try(instance, &mapping, sample).await.map_err(of_sample)?
            }
        };
        let value = |tried: &Tried| Some((tried.field.clone(), tried.result.clone().ok().flatten()?));
        let account = tried.iter().filter_map(value).collect();
        let row = |tried: Tried| TriedRow {
            row: tried.row,
            field: tried.field,
            steps: steps(tried.steps),
            value: tried.result.clone().ok().flatten(),
            is_default: tried.is_default,
            error: tried.result.err(),
        };
        let rows: Vec<TriedRow> = tried.into_iter().map(row).collect();
        let failed = rows.iter().filter(|row| row.error.is_some()).count();
        Ok(Reply::json(TrialResult { account, rows, failed }))
    })
}

fn evaluate_expression<'c>(
    call: &'c Call<'c>,
    _: NoQuery,
    Json(trial): Json<ExpressionTrial>,
) -> Handled<'c, ExpressionResult> {
    Box::pin(async move {
        let ExpressionTrial { expression: text, sample } = trial;
        let parsed =
            Expression::parse(&text).map_err(|error| Problem::member("/expression", &error.to_string()))?;
        let tried = call.admin.expression_try(call.instance()?, &text, Value::Object(sample)).await;
        let tried = tried.map_err(|error| match error {
            AdminError::Mapping(errors) => {
                let reasons: Vec<&str> = errors.iter().map(|error| error.reason()).collect();
                Problem::member("/expression", &reasons.join("; "))
            }
            other => of_sample(other),
        })?;
        let hint = |lint: &scim_mapping::expression::Lint| ExpressionHint {
            position: lint.position,
            message: lint.message.clone(),
        };
        let steps = steps(tried.steps);
        let value = tried.result.clone().ok().flatten();
        // The last step is the expression as a whole; a plain attribute or constant has none that says more than its text.
        let whole = steps.iter().rev().find(|step| step.expression == parsed.to_string());
        let text = || value.clone().map_or(Value::Null, Value::from);
        let result = whole.map_or_else(text, |step| step.value.clone());
        Ok(Reply::json(ExpressionResult {
            result,
            error: tried.result.err(),
            value,
            steps,
            uses: parsed.references().map(str::to_owned).collect(),
            hints: parsed.lints().iter().map(hint).collect(),
        }))
    })
}

fn reapply_mapping<'c>(
    call: &'c Call<'c>,
    query: PageQuery,
    Json(order): Json<ReapplyOrder>,
) -> Handled<'c, ReapplySlice> {
    Box::pin(async move {
        let what = if order.apply { "apply" } else { "preview" };
        let wanted = call.wanted::<(i64, Uuid)>(&query, what)?;
        let after = wanted.after.map(|(mapping, id)| ReapplyPlace { mapping, id: ResourceId::new(id) });
        let slice =
            call.admin.mapping_reapply_slice(call.instance()?, !order.apply, wanted.limit, after).await;
        let slice = slice.map_err(|error| match error {
            AdminError::Changed(detail) => Problem::new(Code::PreconditionFailed, detail),
            other => other.into(),
        })?;
        let account = |done: Reapplied| ReappliedAccount {
            id: done.id.uuid(),
            name: done.name,
            fields: done.fields,
            attributes: done.attributes,
            error: done.failure,
        };
        Ok(Reply::json(ReapplySlice {
            preview: !order.apply,
            seen: slice.progress.seen,
            changed: slice.progress.changed,
            failed: slice.progress.failed,
            accounts: slice.accounts.into_iter().map(account).collect(),
            next: slice.next.and_then(|next| call.next(what, &(next.mapping, next.id.uuid()))),
        }))
    })
}

fn shown(function: &Function) -> FunctionShown {
    let json = |text: &str| serde_json::from_str(text).unwrap_or_default();
    let parameters = function.parameters.iter().map(|parameter| ParameterShown {
        name: parameter.name,
        meaning: parameter.meaning,
        presence: match parameter.presence {
            Presence::Required => "required",
            Presence::Slot => "slot",
            Presence::Repeated(_) => "repeated",
            _ => "optional",
        },
    });
    let examples = function.examples.iter().map(|example| ExampleShown {
        expression: example.expression,
        attributes: json(example.attributes),
        outcome: json(example.outcome),
    });
    FunctionShown {
        name: function.name,
        family: function.family.title(),
        signature: function.signature(),
        meaning: function.meaning,
        null: function.null,
        parameters: parameters.collect(),
        examples: examples.collect(),
    }
}

fn list_functions<'c>(call: &'c Call<'c>, query: PageQuery, (): ()) -> Handled<'c, Page<FunctionShown>> {
    Box::pin(async move {
        let wanted = call.wanted::<usize>(&query, "")?;
        let begin = wanted.after.map_or(0, |after| after.saturating_add(1));
        let some = functions().enumerate().skip(begin).take(wanted.limit + 1).collect();
        Ok(Reply::json(call.page(&wanted, "", some, |(place, _)| *place, |(_, function)| shown(function))))
    })
}
