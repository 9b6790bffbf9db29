//! The fields of an instance's accounts: standard ones, their limits, and custom ones.

use scim_directory::{FieldDefinition, FieldKind, Fields, Instance, Privilege};
use scim_provider::Method;
use scim_provider::admin::AdminError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::instances::NoQuery;
use crate::call::Call;
use crate::endpoint::{Endpoint, Handled, Reply, Spec};
use crate::input::Json;
use crate::page::{Page, PageQuery};
use crate::problem::Problem;

const TAG: &str = "fields";
const ALL: &str = "/instances/{instance}/fields";
const ONE: &str = "/instances/{instance}/fields/{field}";

/// A field of accounts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Field)]
pub(crate) struct FieldShown {
    /// The name.
    name: String,
    /// What it holds; mappings fill text alone.
    holds: FieldKind,
    /// Whether the instance declared it.
    custom: bool,
    /// The most characters of a value.
    max_chars: Option<usize>,
    /// The values that are allowed; any where it is empty.
    allowed: Vec<String>,
    /// What happens to a value beyond these limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    excess: Option<scim_directory::Excess>,
}

/// What is said of a field: a custom one is declared, a standard one limited.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FieldLimits {
    /// The most characters of a value, at least 1.
    #[serde(default)]
    #[schema(minimum = 1)]
    max_chars: Option<usize>,
    /// The values that are allowed; any where it is empty.
    #[serde(default)]
    allowed: Vec<String>,
    /// What happens to a value beyond these limits. Default: it is refused.
    #[serde(default)]
    excess: scim_directory::Excess,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    let list = Spec::get(ALL, "listFields", TAG, "Every field of an instance's accounts");
    let show = Spec::get(ONE, "showField", TAG, "A field");
    let declare = Spec::get(ONE, "declareField", TAG, "Declare a custom text field, or limit a standard one")
        .about("What was declared of it before is replaced.");
    let forget = Spec::get(ONE, "forgetField", TAG, "Forget a custom field, or the limits of a standard one")
        .about("Values that accounts have stay, unseen, until the field is declared again.");
    vec![
        Endpoint::new(list, list_fields),
        Endpoint::new(show, show_field),
        Endpoint::new(Spec::of(Method::Put, Privilege::Admin, 200, declare), declare_field),
        Endpoint::new(Spec::of(Method::Delete, Privilege::Admin, 204, forget), forget_field),
    ]
}

fn shown(instance: &Instance, name: &str) -> Option<FieldShown> {
    let fields = Fields::new(&instance.settings.fields);
    let (kind, definition) = (fields.kind(name)?, fields.definition(name));
    Some(FieldShown {
        name: name.to_owned(),
        holds: kind,
        custom: !scim_directory::STANDARD_FIELDS.iter().any(|(standard, _)| *standard == name),
        max_chars: definition.and_then(|definition| definition.max_chars),
        allowed: definition.map(|definition| definition.allowed.clone()).unwrap_or_default(),
        excess: definition.map(|definition| definition.excess),
    })
}

fn named(call: &Call<'_>, instance: &Instance) -> Result<FieldShown, Problem> {
    let name = call.parameter("field");
    let missing =
        || AdminError::NotFound(format!("The instance has no field {name:?}; GET …/fields lists them"));
    shown(instance, name).ok_or_else(|| missing().into())
}

fn list_fields<'c>(call: &'c Call<'c>, query: PageQuery, (): ()) -> Handled<'c, Page<FieldShown>> {
    Box::pin(async move {
        let (instance, wanted) = (call.instance()?, call.wanted::<usize>(&query, "")?);
        let fields = Fields::new(&instance.settings.fields);
        let begin = wanted.after.map_or(0, |after| after.saturating_add(1));
        let some = fields.names().enumerate().skip(begin).take(wanted.limit + 1);
        let some = some.filter_map(|(index, name)| Some((index, shown(instance, name)?))).collect();
        Ok(Reply::json(call.page(&wanted, "", some, |(index, _)| *index, |(_, field)| field)))
    })
}

fn show_field<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, FieldShown> {
    Box::pin(async move { Ok(Reply::thing(named(call, call.instance()?)?)) })
}

fn declare_field<'c>(
    call: &'c Call<'c>,
    _: NoQuery,
    Json(limits): Json<FieldLimits>,
) -> Handled<'c, FieldShown> {
    Box::pin(async move {
        let (instance, name) = (call.instance()?, call.parameter("field"));
        call.unchanged(&shown(instance, name))?;
        let FieldLimits { max_chars, allowed, excess } = limits;
        let definition = FieldDefinition { name: name.to_owned(), max_chars, allowed, excess };
        let changed = call.admin.field_add(instance, &definition).await?;
        Ok(Reply::thing(named(call, &changed)?))
    })
}

fn forget_field<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, ()> {
    Box::pin(async move {
        let (instance, name) = (call.instance()?, call.parameter("field"));
        call.unchanged(&shown(instance, name))?;
        call.admin.field_remove(instance, name).await?;
        Ok(Reply::done())
    })
}
