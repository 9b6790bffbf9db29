//! Lines that describe accounts.

use std::collections::BTreeMap;

use scim_core::text::Matching;
use scim_directory::{AccountState, Fact, FieldKind, Question, ResourceId, Tally, Target};
use scim_lifecycle::{Import, Policy, SERVER_REALM, Stop};

use super::columns::Cell;
use super::reader::ImportRow;
use super::run::Run;
use super::{Becomes, Item, Planned};
use crate::admin::account::{role, scope, state};
use crate::admin::{Admin, AdminError};

/// An account that a line describes.
struct Line {
    user_name: String,
    /// The user name as it compares.
    key: String,
    import: Import,
}

impl Admin {
    /// Decides on lines that describe accounts. `earlier` is what lines before them bring.
    pub(super) async fn decide_accounts(
        &self,
        run: &mut Run<'_>,
        rows: &[ImportRow],
        earlier: &Planned,
        planned: &mut Planned,
    ) -> Result<Vec<Item>, AdminError> {
        let policy = std::sync::Arc::clone(&run.policy);
        let lines: Vec<_> = rows.iter().map(|row| (row.line, self.account_line(run, &policy, row))).collect();
        let realm = run.in_realm();
        let mut questions = Vec::with_capacity(lines.len() * if realm { 2 } else { 1 } + 1);
        for (_, line) in &lines {
            if let Ok(line) = line {
                questions.push(Question::Target(line.user_name.clone()));
                if realm {
                    questions.push(Question::Claimed { realm: SERVER_REALM, key: line.key.clone() });
                }
            }
        }
        let seats = policy.settings().seats;
        if seats.is_some() {
            questions.push(Question::Count(policy.user_type().name.clone(), Tally::Active));
        }
        let mut facts = self.store.facts(&scope(run.instance), &questions).await?;
        let active = match (seats, facts.last()) {
            (Some(_), Some(Fact::Count(active))) => *active,
            _ => 0,
        };
        let mut left = seats.map(|seats| seats.saturating_sub(active).saturating_sub(earlier.active));
        let mut facts = facts.drain(..);
        let mut items = Vec::with_capacity(lines.len());
        for (number, line) in lines {
            let line = match line {
                Ok(line) => line,
                Err((key, reason)) => {
                    items.push(Item::rejected(number, key, reason));
                    continue;
                }
            };
            let there = matches!(facts.next(), Some(Fact::Target(Target::Live(_))));
            let claimed = realm && facts.next() == Some(Fact::Claimed(true));
            let Line { user_name, key, import } = line;
            if there || earlier.names.contains(&key) || planned.names.contains(&key) {
                items.push(Item::there(number, user_name));
                continue;
            }
            if claimed {
                let reason = "the user name is in use on this server already; give the person another one";
                items.push(Item::rejected(number, Some(user_name), reason.to_owned()));
                continue;
            }
            let takes_seat = import.state == AccountState::Active;
            if takes_seat && left == Some(0) {
                let reason = format!(
                    "all {} seats of the instance are taken; suspend somebody, or add seats",
                    seats.unwrap_or_default()
                );
                items.push(Item::rejected(number, Some(user_name), reason));
                continue;
            }
            let decided = self.on_occasion(&policy, &run.request_id, |on| {
                scim_lifecycle::import(on, policy.user_type(), import)
            });
            match decided {
                Ok(decision) => {
                    if takes_seat {
                        left = left.map(|left| left - 1);
                        planned.active += 1;
                    }
                    planned.names.insert(key);
                    let key = Some(user_name);
                    items.push(Item {
                        line: number,
                        key,
                        within: 0,
                        weight: 1,
                        becomes: Becomes::Imported,
                        decision,
                    });
                }
                Err(Stop::Refused(refusal)) => {
                    let reason = format!("{}. {}", refusal.detail, refusal.advice);
                    items.push(Item::rejected(number, Some(user_name), reason));
                }
                // INVARIANT: to import somebody asks nothing of the store.
                Err(Stop::Needs(_)) => {
                    items.push(Item::rejected(number, Some(user_name), "it cannot be decided on".to_owned()));
                }
            }
        }
        Ok(items)
    }

    /// The account that a row describes; the user name, where it could be read, and what is wrong.
    fn account_line(
        &self,
        run: &mut Run<'_>,
        policy: &Policy,
        row: &ImportRow,
    ) -> Result<Line, (Option<String>, String)> {
        let cells = row.read.as_ref().map_err(|reason| (None, reason.clone()))?;
        let mut import = Import {
            id: ResourceId::new(self.source.uuid()),
            fields: BTreeMap::new(),
            state: AccountState::Active,
            access_role: None,
            manager: None,
        };
        let read = run.columns.read(cells, |field, cell| {
            let Some(text) = text(cell).map_err(|reason| format!("{field}: {reason}"))? else {
                return Ok(());
            };
            match policy.fields().kind(field) {
                Some(FieldKind::State) => import.state = state(&text).map_err(|error| error.to_string())?,
                Some(FieldKind::Role) => {
                    import.access_role = role(Some(&text)).map_err(|error| error.to_string())?;
                }
                Some(FieldKind::Account) => import.manager = Some(text),
                Some(FieldKind::Object | FieldKind::SyncId) | None => {}
                Some(FieldKind::Text) => {
                    import.fields.insert(field.to_owned(), text);
                }
            }
            Ok(())
        });
        let user_name = import.fields.get("UserName").filter(|name| !name.trim().is_empty()).cloned();
        match (user_name, read) {
            (Some(user_name), Ok(())) => {
                let key = Matching::UserName.key(&user_name).into_owned();
                Ok(Line { user_name, key, import })
            }
            (name, Err(reason)) => Err((name, reason)),
            (None, Ok(())) => Err((None, "UserName is missing".to_owned())),
        }
    }
}

/// A value as text; none of `null` and of empty text.
pub(super) fn text(cell: Cell<'_>) -> Result<Option<String>, String> {
    use serde_json::Value;
    let text = match cell {
        Cell::Text(text) => text.to_owned(),
        Cell::Json(Value::Null) => return Ok(None),
        Cell::Json(Value::Array(_) | Value::Object(_)) => {
            return Err("a list or an object is no text".to_owned());
        }
        Cell::Json(other) => other.to_string(),
    };
    if text.contains('\0') {
        return Err("it has a NUL character".to_owned());
    }
    Ok((!text.is_empty()).then_some(text))
}
