//! Workflow rules: what follows from what an identity provider sent.

use scim_directory::{Privilege, Rule, RuleAction, Trigger};
use scim_provider::Method;
use scim_provider::admin::{Admin, AdminError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::instances::NoQuery;
use crate::call::Call;
use crate::endpoint::{Endpoint, Handled, Reply, Spec};
use crate::input::{Json, Patch};
use crate::mistakes;
use crate::page::{Page, PageQuery};
use crate::problem::{Code, Problem};

const TAG: &str = "rules";
const ALL: &str = "/instances/{instance}/rules";
const ONE: &str = "/instances/{instance}/rules/{rule}";
const ORDER: &str = "/instances/{instance}/rule-order";

/// A rule, but for its name, which stands in the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleTerms {
    /// The name, as in the path; may be left out.
    #[serde(default)]
    name: Option<String>,
    /// Whether it runs. Default: true.
    #[serde(default = "on")]
    enabled: bool,
    /// What sets it off.
    when: Trigger,
    /// A SCIM filter over account fields (`Department eq "Sales"`) that must hold. Default: any account.
    #[serde(default, rename = "if")]
    condition: Option<String>,
    /// What it does, in order.
    #[schema(min_items = 1, max_items = 20)]
    then: Vec<RuleAction>,
}

const fn on() -> bool {
    true
}

impl RuleTerms {
    fn of(rule: &Rule) -> Self {
        let Rule { name, enabled, when, condition, then } = rule.clone();
        Self { name: Some(name), enabled, when, condition, then }
    }

    /// The rule of the name in the path.
    fn named(self, name: &str) -> Result<Rule, Problem> {
        let Self { name: given, enabled, when, condition, then } = self;
        if given.is_some_and(|given| given != name) {
            return Err(Problem::member(
                "/name",
                "must be the name in the path, or be left out; a rule keeps its name",
            ));
        }
        Ok(Rule { name: name.to_owned(), enabled, when, condition, then })
    }
}

/// In which order rules run.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleOrder {
    /// The names of the rules, the one that runs first first; each once.
    #[schema(max_items = 100)]
    names: Vec<String>,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    let list = Spec::get(ALL, "listRules", TAG, "Workflow rules, in the order in which they run")
        .about("The predefined rule `job-title` is among them, switched off, while nobody has added it.");
    let show = Spec::get(ONE, "showRule", TAG, "A workflow rule");
    let put = Spec::get(ONE, "putRule", TAG, "Add a workflow rule behind the others, or replace it")
        .about("It is checked with the others, the fields and the mapping; every mistake is told.");
    let change =
        Spec::get(ONE, "changeRule", TAG, "Change a workflow rule, such as whether it runs (`enabled`)")
            .about("A JSON merge patch (RFC 7396): what is not sent stays, `null` is the default again.");
    let remove = Spec::get(ONE, "removeRule", TAG, "Remove a workflow rule");
    let order = Spec::get(ORDER, "showRuleOrder", TAG, "In which order workflow rules run");
    let reorder = Spec::get(ORDER, "changeRuleOrder", TAG, "Change the order in which workflow rules run");
    vec![
        Endpoint::new(list, list_rules),
        Endpoint::new(show, show_rule),
        Endpoint::new(Spec::of(Method::Put, Privilege::Admin, 200, put), put_rule),
        Endpoint::new(Spec::of(Method::Patch, Privilege::Admin, 200, change), change_rule),
        Endpoint::new(Spec::of(Method::Delete, Privilege::Admin, 204, remove), remove_rule),
        Endpoint::new(order, show_order),
        Endpoint::new(Spec::of(Method::Put, Privilege::Admin, 200, reorder), change_order),
    ]
}

fn missing(name: &str) -> Problem {
    Problem::new(Code::NotFound, format!("The instance has no rule {name:?}; GET …/rules lists them"))
}

/// The rule that the path names.
fn named(call: &Call<'_>) -> Result<Rule, Problem> {
    let name = call.parameter("rule");
    let rule = Admin::rule_list(call.instance()?).into_iter().find(|rule| rule.name == name);
    rule.ok_or_else(|| missing(name))
}

/// That the rule is still as the client read it; one that is not there is no such rule.
fn unchanged(call: &Call<'_>, rule: Option<&Rule>) -> Result<(), AdminError> {
    match rule {
        Some(rule) => Ok(call.unchanged(rule)?),
        None if call.request.headers.get("if-match").is_some() => {
            Err(AdminError::Changed("There is no such rule any more; send it without If-Match".to_owned()))
        }
        None => Ok(()),
    }
}

/// What went wrong, with pointers into the rule that was sent.
fn wrong(error: AdminError, name: &str) -> Problem {
    match error {
        AdminError::Rules(errors) => mistakes::of_rules(&errors, Some(name)),
        AdminError::NotFound(_) => missing(name),
        other => other.into(),
    }
}

fn list_rules<'c>(call: &'c Call<'c>, query: PageQuery, (): ()) -> Handled<'c, Page<Rule>> {
    Box::pin(async move {
        let wanted = call.wanted::<usize>(&query, "")?;
        let begin = wanted.after.map_or(0, |after| after.saturating_add(1));
        let rules = Admin::rule_list(call.instance()?).into_iter().enumerate();
        let some = rules.skip(begin).take(wanted.limit + 1).collect();
        Ok(Reply::json(call.page(&wanted, "", some, |(place, _)| *place, |(_, rule)| rule)))
    })
}

fn show_rule<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, Rule> {
    Box::pin(async move { Ok(Reply::thing(named(call)?)) })
}

fn put_rule<'c>(call: &'c Call<'c>, _: NoQuery, Json(terms): Json<RuleTerms>) -> Handled<'c, Rule> {
    Box::pin(async move {
        let name = call.parameter("rule");
        let rule = terms.named(name)?;
        let put = |before: Option<&Rule>| unchanged(call, before).map(|()| rule.clone());
        let put = call.admin.rule_put(call.instance()?, name, put).await;
        Ok(Reply::thing(put.map_err(|error| wrong(error, name))?))
    })
}

fn change_rule<'c>(call: &'c Call<'c>, _: NoQuery, patch: Patch<RuleTerms>) -> Handled<'c, Rule> {
    Box::pin(async move {
        let name = call.parameter("rule");
        // What is wrong with the patch itself is told with pointers.
        patch.applied_to(&RuleTerms::of(&named(call)?))?.named(name)?;
        let changed = call.admin.rule_put(call.instance()?, name, |before| {
            unchanged(call, before)?;
            let before = before.ok_or_else(|| AdminError::NotFound(String::new()))?;
            Ok(patch.applied_to(&RuleTerms::of(before))?.named(name)?)
        });
        Ok(Reply::thing(changed.await.map_err(|error| wrong(error, name))?))
    })
}

fn remove_rule<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, ()> {
    Box::pin(async move {
        let (instance, name) = (call.instance()?, call.parameter("rule"));
        let added = instance.settings.rules.iter().any(|rule| rule.name == name);
        if name == Rule::JOB_TITLE && !added {
            let detail = "This rule is predefined and was not added; it is switched off, and there is nothing to remove";
            return Err(Problem::new(Code::Conflict, detail));
        }
        let removed = call.admin.rule_remove_where(instance, name, |rule| unchanged(call, Some(rule))).await;
        removed.map_err(|error| wrong(error, name))?;
        Ok(Reply::done())
    })
}

fn order_of(rules: &[Rule]) -> RuleOrder {
    RuleOrder { names: rules.iter().map(|rule| rule.name.clone()).collect() }
}

fn show_order<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, RuleOrder> {
    Box::pin(async move { Ok(Reply::thing(order_of(&call.instance()?.settings.rules))) })
}

fn change_order<'c>(call: &'c Call<'c>, _: NoQuery, Json(order): Json<RuleOrder>) -> Handled<'c, RuleOrder> {
    Box::pin(async move {
        let changed = call.admin.rule_order(call.instance()?, |names| {
            call.unchanged(&RuleOrder { names: names.to_vec() })?;
            Ok(order.names.clone())
        });
        let changed = changed.await.map_err(|error| match error {
            AdminError::Invalid(detail) => Problem::member("/names", &detail),
            other => other.into(),
        })?;
        Ok(Reply::thing(order_of(&changed.settings.rules)))
    })
}
