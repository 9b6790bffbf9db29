//! Running rules on one account.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};

use scim_core::Resource;
use scim_core::text::Matching;
use scim_directory::{
    Account, Action, AdminChange, ApplicationObject, AttributeChange, Cause, Change, Fact, FieldChange, Key,
    LogRecord, LogResource, LogStatus, MemberChange, ObjectLink, Question, ResourceId, Trigger, Unknown,
};
use scim_mapping::expression::{Attributes, Context, Expression, Outcome, Value};
use scim_mapping::mapping::value_text;
use serde_json::Map;

use super::{CompiledAction, CompiledRule};
use crate::difference::redact_fields;
use crate::limits::within_limits;
use crate::{Decision, Facts, Occasion, Refusal, Stop, create_group};

/// What rules did besides changing the account.
#[derive(Debug, Default)]
pub(crate) struct Ran {
    /// What belongs into the change set behind the account's own change.
    pub(crate) decision: Decision,
}

/// The account as expressions see it: fields by name, linked objects by theirs.
struct AccountAttributes<'a>(&'a Account);

impl Attributes for AccountAttributes<'_> {
    fn value(&self, name: &str) -> Option<Cow<'_, Value>> {
        let text = text_of(self.0, name)?;
        Some(Cow::Owned(Value::from(text)))
    }
}

fn text_of<'a>(account: &'a Account, name: &str) -> Option<&'a str> {
    match name {
        "State" => Some(account.state.name()),
        "AccessRole" => account.access_role.map(|role| role.name()),
        name => account.field(name).or_else(|| account.links.get(name).map(|object| object.name.as_str())),
    }
}

/// Runs the policy's rules on `account`, which was `before`. `name` is what the person is called.
pub(crate) fn run(
    on: &Occasion<'_>,
    facts: &Facts,
    key: &Key,
    name: Option<&str>,
    created: bool,
    before: Option<&Account>,
    account: &mut Account,
) -> Result<Ran, Stop> {
    let mut ran = Ran::default();
    let rules = on.policy.rules();
    if rules.is_empty() {
        return Ok(ran);
    }
    let mut done = vec![false; rules.len()];
    let mut memberships = BTreeMap::new();
    let mut made = HashSet::new();
    loop {
        let mut any = false;
        for (rule, done) in rules.iter().zip(&mut done) {
            if *done || !is_set_off(rule, created, before, account) || !applies(rule, account) {
                continue;
            }
            (*done, any) = (true, true);
            let mut running =
                Running { on, facts, key, name, rule, memberships: &mut memberships, made: &mut made };
            for action in &rule.then {
                running.act(action, account, &mut ran.decision)?;
            }
        }
        if !any {
            return Ok(ran);
        }
    }
}

/// What an expression over an account's fields gives; empty text is nothing.
pub(crate) fn evaluated(
    on: &Occasion<'_>,
    expression: &Expression,
    account: &Account,
) -> Result<Option<String>, String> {
    let now = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(on.now.unix_millis()) * 1_000_000)
        .unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let mut random = |bytes: &mut [u8]| (on.random)(bytes);
    let mut context = Context::at(now).random(&mut random);
    if let Some(domain) = &on.policy.settings().default_domain {
        context = context.default_domain(domain);
    }
    let outcome =
        expression.evaluate(&AccountAttributes(account), &mut context).map_err(|error| error.to_string())?;
    match outcome {
        Outcome::Flow(_) => Ok(None),
        Outcome::Value(value) => Ok(value_text(value)?.filter(|text| !text.is_empty())),
    }
}

fn is_set_off(rule: &CompiledRule, created: bool, before: Option<&Account>, account: &Account) -> bool {
    match &rule.when {
        Trigger::Created => created,
        Trigger::StateChanged => before.is_some_and(|before| before.state != account.state),
        Trigger::FieldChanged(field) => {
            before.and_then(|before| text_of(before, field)) != text_of(account, field)
        }
    }
}

fn applies(rule: &CompiledRule, account: &Account) -> bool {
    let Some(condition) = &rule.condition else { return true };
    let mut attributes = Map::new();
    for (name, value) in &account.fields {
        attributes.insert(name.clone(), value.as_str().into());
    }
    for (name, object) in &account.links {
        attributes.insert(name.clone(), object.name.as_str().into());
    }
    attributes.insert("State".to_owned(), account.state.name().into());
    if let Some(role) = account.access_role {
        attributes.insert("AccessRole".to_owned(), role.name().into());
    }
    condition.matches(&Resource::from_canonical(attributes))
}

/// A rule at work.
struct Running<'r, 'a> {
    on: &'r Occasion<'a>,
    facts: &'r Facts,
    key: &'r Key,
    name: Option<&'r str>,
    rule: &'r CompiledRule,
    /// What was decided about a group already: whether the account is to be in it.
    memberships: &'r mut BTreeMap<String, bool>,
    /// Objects and groups that this decision makes, by kind and folded name.
    made: &'r mut HashSet<(String, String)>,
}

impl Running<'_, '_> {
    fn act(
        &mut self,
        action: &CompiledAction,
        account: &mut Account,
        decision: &mut Decision,
    ) -> Result<(), Stop> {
        let stamp = self.on.stamp(Cause::Rule(self.rule.name.clone()));
        match action {
            CompiledAction::SetField { field, value } => {
                let old = account.field(field).map(str::to_owned);
                let new = self.text(value, account)?;
                let definition = self.on.policy.fields().definition(field);
                let source = format!("rule {:?}", self.rule.name);
                let (new, note) = match new {
                    Some(new) => within_limits(field, &source, new, definition)?,
                    None => (None, None),
                };
                if account.set(field, new.clone(), &stamp) {
                    decision.log.push(self.record(field, old, new, note));
                }
            }
            CompiledAction::LinkObject { field, kind, name, unknown } => {
                let old = account.links.get(field).map(|object| object.name.clone());
                let object = match self.text(name, account)? {
                    Some(name) => self.object(kind, &name, *unknown, decision)?,
                    None => None,
                };
                let new = object.as_ref().map(|object| object.name.clone());
                if account.link(field, object, &stamp) {
                    decision.log.push(self.record(field, old, new, None));
                }
            }
            CompiledAction::Membership { group, joins, unknown } => {
                if let Some(name) = self.text(group, account)? {
                    self.membership(&name, *joins, *unknown, decision)?;
                }
            }
            CompiledAction::SetAccessRole(role) => {
                let old = account.access_role.map(|role| role.name().to_owned());
                if account.grant(*role, &stamp) {
                    let new = role.map(|role| role.name().to_owned());
                    decision.log.push(self.record("AccessRole", old, new, None));
                }
            }
        }
        Ok(())
    }

    /// What an expression gives over the account; nothing for null, an empty text and a flow that is ignored.
    fn text(&self, expression: &Expression, account: &Account) -> Result<Option<String>, Refusal> {
        evaluated(self.on, expression, account).map_err(|reason| {
            Refusal::value(
                "rule_failed",
                format!("The workflow rule {:?} failed: {expression}: {reason}", self.rule.name),
                format!("Correct the rule {:?}, or switch it off", self.rule.name),
            )
        })
    }

    /// The object of a kind and name, as the rule treats unknown ones.
    fn object(
        &mut self,
        kind: &str,
        name: &str,
        unknown: Unknown,
        decision: &mut Decision,
    ) -> Result<Option<ObjectLink>, Stop> {
        let question = Question::Object { kind: kind.to_owned(), name: name.to_owned() };
        if let Fact::Object(Some(object)) = self.facts.get(question)? {
            return Ok(Some(object.clone()));
        }
        match unknown {
            Unknown::Create => {
                let object =
                    ApplicationObject { id: (self.on.uuid)(), kind: kind.to_owned(), name: name.to_owned() };
                let link = ObjectLink { id: object.id, name: object.name.clone() };
                if self.made.insert((kind.to_owned(), Matching::IgnoreCase.key(name).into_owned())) {
                    let mut record = LogRecord::new(Action::ObjectCreated, LogStatus::Success, None);
                    record.notes.push(format!("rule {:?}: {kind} {name:?}", self.rule.name));
                    decision.log.push(record);
                    decision.changes.push(Change::Admin(AdminChange::CreateObject(object)));
                }
                Ok(Some(link))
            }
            Unknown::Ignore => Ok(None),
            Unknown::Report => {
                decision.log.push(self.warning(format!("there is no {kind} {name:?}; nothing is linked")));
                Ok(None)
            }
        }
    }

    fn membership(
        &mut self,
        name: &str,
        joins: bool,
        unknown: Unknown,
        decision: &mut Decision,
    ) -> Result<(), Stop> {
        let Some(group_type) = self.on.policy.group_type() else {
            decision.log.push(self.warning("this server has no groups".to_owned()));
            return Ok(());
        };
        let folded = Matching::IgnoreCase.key(name).into_owned();
        if self.memberships.insert(folded.clone(), joins) == Some(joins) {
            return Ok(());
        }
        let question = Question::Named {
            resource_type: group_type.name.clone(),
            path: "displayName",
            key: folded.clone(),
        };
        let Fact::Records(found) = self.facts.get(question)? else { return Ok(()) };
        let group = match (found.first(), unknown, joins) {
            (Some(group), ..) => group.key.clone(),
            (None, Unknown::Create, true) => {
                let id = ResourceId::new((self.on.uuid)());
                let note = format!("rule {:?}", self.rule.name);
                let (key, made) = create_group(group_type, id, name, Action::Created, vec![note]);
                decision.append(made);
                key
            }
            (None, Unknown::Report, _) => {
                decision.log.push(self.warning(format!("there is no group {name:?}")));
                return Ok(());
            }
            (None, ..) => return Ok(()),
        };
        let id = self.key.id;
        let (added, removed) =
            if joins { (vec![id.to_string()], Vec::new()) } else { (Vec::new(), vec![id.to_string()]) };
        let resource = LogResource::new(&group.resource_type, group.id, Some(name));
        let action = if joins { Action::MemberAdded } else { Action::MemberRemoved };
        let mut record = LogRecord::new(action, LogStatus::Success, Some(resource));
        record.changes.push(AttributeChange::Edges { attribute: "members".to_owned(), added, removed });
        record.notes.push(format!("rule {:?}", self.rule.name));
        decision.log.push(record);
        decision.changes.push(Change::Members(MemberChange {
            group,
            expected: None,
            add: if joins { vec![self.key.clone()] } else { Vec::new() },
            remove: if joins { Vec::new() } else { vec![id] },
            hold: Vec::new(),
            release: Vec::new(),
            release_all: false,
        }));
        Ok(())
    }

    fn record(
        &self,
        field: &str,
        old: Option<String>,
        new: Option<String>,
        note: Option<String>,
    ) -> LogRecord {
        let mut record = self.about(LogStatus::Success);
        record.fields.push(FieldChange { field: field.to_owned(), old, new });
        redact_fields(self.on.policy, &mut record.fields);
        record.notes.extend(note);
        record
    }

    fn warning(&self, text: String) -> LogRecord {
        let mut record = self.about(LogStatus::Warning);
        record.notes.push(text);
        record
    }

    fn about(&self, status: LogStatus) -> LogRecord {
        let resource = LogResource::new(&self.key.resource_type, self.key.id, self.name);
        let mut record = LogRecord::new(Action::RuleApplied, status, Some(resource));
        record.notes.push(format!("rule {:?}", self.rule.name));
        record
    }
}

/// Fields that differ between two states of an account, for the log.
pub(crate) fn field_changes(before: Option<&Account>, after: &Account) -> Vec<FieldChange> {
    let nothing = Account::default();
    let old = before.unwrap_or(&nothing);
    let mut names = vec!["State", "AccessRole"];
    differing(&old.fields, &after.fields, &mut names);
    differing(&old.links, &after.links, &mut names);
    names.sort_unstable();
    names.dedup();
    let changed = names.into_iter().filter_map(|name| {
        let (old, new) = (before.and_then(|before| text_of(before, name)), text_of(after, name));
        (old != new).then(|| FieldChange {
            field: name.to_owned(),
            old: old.map(str::to_owned),
            new: new.map(str::to_owned),
        })
    });
    changed.collect()
}

/// Adds the names under which two maps do not have the same.
fn differing<'m, V: PartialEq>(
    old: &'m BTreeMap<String, V>,
    new: &'m BTreeMap<String, V>,
    names: &mut Vec<&'m str>,
) {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((old, _)), Some((new, _))) => old.cmp(new),
        };
        let was = if order.is_le() { old.next() } else { None };
        let is = if order.is_ge() { new.next() } else { None };
        if was != is {
            names.extend(was.or(is).map(|(name, _)| name.as_str()));
        }
    }
}
