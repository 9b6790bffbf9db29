//! From a person's resource to the fields of the account.

use std::borrow::Cow;
use std::fmt;

use scim_core::Resource;
use serde_json::Value as Json;
use time::OffsetDateTime;

use super::accessor::Accessor;
use super::compile::{CompiledMapping, CompiledRow, Filler};
use super::error::RowFailure;
use super::row::{Apply, Row};
use crate::expression::{Attributes, Context, Outcome, Step, Value};

/// On what occasion rows are evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// The account is created: every row acts, and defaults do.
    Creation,
    /// The resource of a managed account is written: rows that always apply act where an attribute that they use has
    /// another value than before.
    Write,
    /// A connector picks up an account that nobody managed: as [`Self::Write`], and rows that always apply and use no
    /// attribute act, since from now on the mapping holds for the account.
    PickUp,
    /// The mapping is applied again to an account as it is: every row that always applies acts.
    Reapply,
}

/// Fills a slice with random bytes.
pub type Random<'r> = dyn FnMut(&mut [u8]) + 'r;

/// What evaluation may ask the world. The same answers give the same values.
pub struct Env<'e> {
    /// What `Now()` gives.
    pub now: OffsetDateTime,
    /// What `DefaultDomain()` gives.
    pub default_domain: Option<&'e str>,
    /// Fills a slice with random bytes, for `RandomString` and `Guid`.
    pub random: Option<&'e mut Random<'e>>,
}

impl Env<'_> {
    /// At an instant, with nothing else.
    #[must_use]
    pub fn at(now: OffsetDateTime) -> Self {
        Self { now, default_domain: None, random: None }
    }
}

impl fmt::Debug for Env<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env")
            .field("now", &self.now)
            .field("default_domain", &self.default_domain)
            .finish_non_exhaustive()
    }
}

/// What a row says about its field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldValue<'m> {
    /// The field.
    pub field: &'m str,
    /// The row's number, beginning with 1.
    pub row: usize,
    /// The value; `None` clears the field.
    pub value: Option<String>,
    /// Whether logs show `[Redact]` in place of the value.
    pub redacted: bool,
}

/// What a row makes of a sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// The row's number, beginning with 1.
    pub row: usize,
    /// The field.
    pub field: String,
    /// Each part that was evaluated, inner parts before outer ones: its text, and what it gave as JSON, or why it gave
    /// nothing. `[Redact]` in place of values that are not to be shown.
    pub steps: Vec<(String, Result<Json, String>)>,
    /// What the field gets on creation; `None` for nothing.
    pub result: Result<Option<String>, String>,
    /// Whether that is the row's default.
    pub is_default: bool,
}

/// What stands in logs for a value that is not to be shown.
pub const REDACTED: &str = "[Redact]";

/// What a row gives.
enum Given {
    /// The field is left as it is.
    Ignored,
    /// A value; `None` where there is none.
    Value(Option<String>),
}

impl CompiledMapping {
    /// The version that it was compiled as.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.version
    }

    /// The rows, in order.
    #[must_use]
    pub fn rows(&self) -> &[CompiledRow] {
        &self.rows
    }

    /// The row that fills a field, for messages: "name.familyName, which fills LastName".
    #[must_use]
    pub fn source_of(&self, field: &str) -> Option<&Row> {
        self.rows.iter().map(CompiledRow::row).find(|row| row.field == field)
    }

    /// Whether a row fills the field, so that no workflow rule may.
    #[must_use]
    pub fn fills(&self, field: &str) -> bool {
        self.source_of(field).is_some()
    }

    /// Whether a row uses `externalId`, which is no part of the document: whoever evaluates puts the managing connector's
    /// into the resource first, under that name.
    #[must_use]
    pub fn uses_external_id(&self) -> bool {
        self.rows
            .iter()
            .flat_map(|row| row.filler.accessors())
            .any(|accessor| accessor.attribute.is("externalId"))
    }

    /// What a resource means for the text fields of its account, in the order of the rows. State, sync id and references
    /// are not among them. A row that does not act on this occasion says nothing; nor does one whose expression gives
    /// `IgnoreAttributeFlow`, nor, on creation, one that gives no value.
    ///
    /// `before` is the resource as it was; rows whose attributes have the same values there do not act (but on
    /// [`Occasion::Creation`] and [`Occasion::Reapply`]).
    ///
    /// # Errors
    /// The first row that cannot be evaluated. Nothing of the others is to be applied then.
    pub fn account_changes(
        &self,
        before: Option<&Resource>,
        after: &Resource,
        occasion: Occasion,
        env: &mut Env<'_>,
    ) -> Result<Vec<FieldValue<'_>>, RowFailure> {
        let mut values = Vec::with_capacity(self.rows.len());
        for (index, row) in self.rows.iter().enumerate() {
            if row.is_reference || matches!(row.filler, Filler::Fixed) || !row.acts(before, after, occasion) {
                continue;
            }
            let given =
                row.evaluate(after, env).map_err(|reason| RowFailure::new(index, &row.row.field, reason))?;
            let Given::Value(mut value) = given else { continue };
            if occasion == Occasion::Creation {
                value = value.or_else(|| row.row.default.clone());
                if value.is_none() {
                    continue;
                }
            }
            values.push(FieldValue {
                field: &row.row.field,
                row: index + 1,
                value,
                redacted: row.is_redacted(),
            });
        }
        Ok(values)
    }

    /// Whom the person reports to, as the identity provider says it: the value of the attribute that fills
    /// `DirectManager`. `None` where it has none, or no row fills the field.
    #[must_use]
    pub fn reports_to(&self, resource: &Resource) -> Option<String> {
        let row = self.rows.iter().find(|row| row.is_reference)?;
        row.filler.accessors().find_map(|accessor| json_text(accessor.one(resource).ok()??))
    }

    /// What every row gives for a sample, as if an account were created from it, with every step.
    pub fn try_on(&self, sample: &Resource, env: &mut Env<'_>) -> Vec<Tried> {
        let mut tried = Vec::with_capacity(self.rows.len());
        for (index, row) in self.rows.iter().enumerate() {
            let (given, steps) = row.trace(sample, env);
            let redacted = row.is_redacted();
            let mut is_default = false;
            let result = given.map(|given| {
                let Given::Value(value) = given else { return None };
                is_default = value.is_none() && row.row.default.is_some();
                let value = value.or_else(|| row.row.default.clone());
                if redacted { value.map(|_| REDACTED.to_owned()) } else { value }
            });
            let steps = steps.into_iter().map(|(text, outcome)| {
                (text, outcome.map(|json| if redacted { Json::from(REDACTED) } else { json }))
            });
            let (row, field, steps) = (index + 1, row.row.field.clone(), steps.collect());
            tried.push(Tried { row, field, steps, result, is_default });
        }
        tried
    }
}

type Steps = Vec<(String, Result<Json, String>)>;

impl CompiledRow {
    fn acts(&self, before: Option<&Resource>, after: &Resource, occasion: Occasion) -> bool {
        let changed = || {
            let differs = |accessor: &Accessor| match before {
                Some(before) => accessor.reach(before) != accessor.reach(after),
                None => true,
            };
            self.filler.accessors().any(differs)
        };
        let always = self.row.apply == Apply::Always;
        match occasion {
            Occasion::Creation => true,
            Occasion::Reapply => always,
            Occasion::Write => always && changed(),
            Occasion::PickUp => always && (self.filler.accessors().next().is_none() || changed()),
        }
    }

    fn evaluate(&self, resource: &Resource, env: &mut Env<'_>) -> Result<Given, String> {
        match &self.filler {
            Filler::Fixed => Ok(Given::Ignored),
            Filler::Direct(accessor) => Ok(Given::Value(accessor.one(resource)?.and_then(json_text))),
            Filler::FirstOf(accessors) => {
                for accessor in accessors {
                    if let Some(value) = accessor.one(resource)?.and_then(json_text) {
                        return Ok(Given::Value(Some(value)));
                    }
                }
                Ok(Given::Value(None))
            }
            Filler::Constant(text) => Ok(Given::Value(Some(text.clone()))),
            Filler::Computed { expression, references } => {
                let sample = Referenced { references, resource };
                let evaluate = |context: &mut Context<'_>| expression.evaluate(&sample, context);
                let outcome = with_context(env, evaluate);
                given(outcome.map_err(|error| error.to_string())?)
            }
        }
    }

    fn trace(&self, resource: &Resource, env: &mut Env<'_>) -> (Result<Given, String>, Steps) {
        let attribute = |accessor: &Accessor| {
            let value = accessor.one(resource).map(|value| value.cloned().unwrap_or_default());
            (accessor.text.clone(), value)
        };
        match &self.filler {
            Filler::Fixed => {
                let path = Row::fixed_source(&self.row.field).unwrap_or_default();
                let value = resource.attributes().get(path).cloned().unwrap_or_default();
                (Ok(Given::Value(json_text(&value))), vec![(path.to_owned(), Ok(value))])
            }
            Filler::Constant(_) => (self.evaluate(resource, env), Vec::new()),
            Filler::Direct(_) | Filler::FirstOf(_) => {
                let steps = self.filler.accessors().map(attribute).collect();
                (self.evaluate(resource, env), steps)
            }
            Filler::Computed { expression, references } => {
                let sample = Referenced { references, resource };
                let evaluate = |context: &mut Context<'_>| expression.evaluate_traced(&sample, context);
                let (outcome, steps) = with_context(env, evaluate);
                let steps = steps.into_iter().map(|step: Step| {
                    let outcome = step.outcome.map_err(|error| error.to_string());
                    (step.expression, outcome.map(outcome_json))
                });
                (outcome.map_err(|error| error.to_string()).and_then(given), steps.collect())
            }
        }
    }
}

/// Hands what the environment has to `evaluate`.
fn with_context<T>(env: &mut Env<'_>, evaluate: impl FnOnce(&mut Context<'_>) -> T) -> T {
    let mut context = Context::at(env.now);
    if let Some(domain) = env.default_domain {
        context = context.default_domain(domain);
    }
    match env.random.as_deref_mut() {
        Some(random) => {
            let mut random = |bytes: &mut [u8]| random(bytes);
            evaluate(&mut context.random(&mut random))
        }
        None => evaluate(&mut context),
    }
}

/// The attributes that an expression refers to.
struct Referenced<'r> {
    references: &'r [(String, Accessor)],
    resource: &'r Resource,
}

impl Attributes for Referenced<'_> {
    fn value(&self, name: &str) -> Option<Cow<'_, Value>> {
        let (_, accessor) = self.references.iter().find(|(reference, _)| reference == name)?;
        let reached = accessor.reach(self.resource);
        if accessor.is_list() {
            let values = reached.values.into_iter().cloned().collect();
            return Some(Cow::Owned(Value::from_json(&Json::Array(values))));
        }
        let value = reached.primary.or(reached.values.first().copied())?;
        Some(Cow::Owned(Value::from_json(value)))
    }
}

fn given(outcome: Outcome) -> Result<Given, String> {
    match outcome {
        Outcome::Flow(_) => Ok(Given::Ignored),
        Outcome::Value(value) => value_text(value).map(Given::Value),
    }
}

fn outcome_json(outcome: Outcome) -> Json {
    match outcome {
        Outcome::Flow(flow) => Json::from(flow.as_str()),
        Outcome::Value(value) => value.to_json(),
    }
}

/// The text that a field gets from an expression's value: `True` and `False`, digits, `M/d/yyyy h:mm:ss tt`. Empty text is
/// no value.
///
/// # Errors
/// For a list, what to write in its place.
pub fn value_text(value: Value) -> Result<Option<String>, String> {
    let text = match value {
        Value::Text(text) => text,
        Value::Decimal(number) => number.to_string(),
        Value::Multi(_) | Value::Roles(_) if value.is_null() => return Ok(None),
        Value::Multi(_) | Value::Roles(_) => {
            return Err("the expression gives a list, and the field holds one text; choose with Item, or put together \
                        with Join"
                .to_owned());
        }
        single => return Ok(json_text(&single.to_json())),
    };
    Ok((!text.is_empty()).then_some(text))
}

/// The text of an attribute's value, as expressions write it; empty text, and what has none, is none.
fn json_text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) if !text.is_empty() => Some(text.clone()),
        Json::Bool(true) => Some("True".to_owned()),
        Json::Bool(false) => Some("False".to_owned()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
