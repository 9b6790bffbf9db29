//! What is told of keys that end: reminders before their expiry, the expiry itself, the end of an overlap; each once, over all
//! nodes, however often and wherever this runs.

use scim_core::instant::Timestamp;
use scim_directory::{
    Action, Condition, EventKind, KeyChange, KeyId, KeyRecord, KeyState, LogError, LogRecord, LogStatus,
    Revocation,
};
use scim_storage::{CommitError, KeyContext, ServerAnswer, ServerQuestion};

use super::{Admin, AdminError};
use crate::access::key_event;

/// Reminders come at most so many days before a key's end.
pub const MAX_REMINDER_DAYS: u32 = 60;
/// Keys read at once.
const PAGE: usize = 500;
/// A day, in milliseconds.
const DAY: i64 = 86_400_000;

/// What was told of a key.
#[derive(Clone, Debug)]
pub struct Told {
    /// The key and whom it acts for.
    pub key: KeyContext,
    /// What.
    pub what: Telling,
}

/// What there is to tell of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// It ends in so many days, rounded up.
    Expiring {
        /// The days.
        days: u32,
    },
    /// It came to its end.
    Expired,
    /// Its overlap with the key that took its place is over.
    OverlapOver,
}

impl Admin {
    /// Tells what there is to tell now of keys that end, in the log and as events: of those that have ended, and, where
    /// `reminders` says so, of those that end soon. What was told by this call comes back, for who sends mail.
    ///
    /// # Errors
    /// If the store fails; what was told until then is told.
    pub async fn tell_of_key_ends(&self, reminders: bool) -> Result<Vec<Told>, AdminError> {
        let now = self.now();
        let ahead = if reminders { i64::from(MAX_REMINDER_DAYS) * DAY } else { 0 };
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let page = self.keys_due(now.plus_millis(ahead + 1), after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(all) };
            after = last.key.due().map(|due| (due, last.key.id));
            let full = page.len() == PAGE;
            for context in page {
                if let Some(what) = to_tell(&context, now)
                    && self.tell(&context, what, now).await?
                {
                    all.push(Told { key: context, what });
                }
            }
            if !full {
                return Ok(all);
            }
        }
    }

    /// Keys that end before a moment, whose end was not told yet, by when they do, from that place on.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn keys_due(
        &self,
        before: Timestamp,
        after: Option<(Timestamp, KeyId)>,
        limit: usize,
    ) -> Result<Vec<KeyContext>, AdminError> {
        match self.store.server(&ServerQuestion::KeysDue { before, after, limit }).await? {
            ServerAnswer::Keys(keys) => Ok(keys),
            _ => Ok(Vec::new()),
        }
    }

    /// Whether it was this call that told it.
    async fn tell(&self, context: &KeyContext, what: Telling, now: Timestamp) -> Result<bool, AdminError> {
        let key = &context.key;
        let (change, action, kind) = match what {
            Telling::OverlapOver => {
                (KeyChange::Revoke(key.id, Revocation::Overlap), Action::KeyRevoked, EventKind::KeyRevoked)
            }
            Telling::Expired => (KeyChange::Remind(key.id, 0), Action::KeyExpired, EventKind::KeyExpired),
            Telling::Expiring { .. } => (
                KeyChange::Remind(key.id, threshold(context, now).unwrap_or(MAX_REMINDER_DAYS)),
                Action::KeyExpiring,
                EventKind::KeyExpiring,
            ),
        };
        let mut record = LogRecord::about_key(action, key);
        match what {
            Telling::OverlapOver => {
                record.notes.push("its overlap with the key that took its place is over".to_owned());
            }
            Telling::Expired | Telling::Expiring { .. } => {
                record.status = LogStatus::Warning;
                record.error = Some(advice(context, what));
            }
        }
        let conditions = vec![Condition::Key(key.id, key.generation)];
        let events = vec![key_event(kind, key)];
        match self.commit_key(key, vec![change], vec![record], events, conditions).await {
            Ok(()) => Ok(true),
            // Another node was first, or the key changed: the next run sees it as it is then.
            Err(CommitError::Conflict) => Ok(false),
            Err(CommitError::Store(error)) => Err(error.into()),
            Err(error) => Err(AdminError::Invalid(error.to_string())),
        }
    }
}

/// What there is to tell of a key now.
fn to_tell(context: &KeyContext, now: Timestamp) -> Option<Telling> {
    let key = &context.key;
    match key.state(now) {
        KeyState::Revoked if key.revoked.is_none() => Some(Telling::OverlapOver),
        KeyState::Expired if key.reminded != Some(0) => Some(Telling::Expired),
        KeyState::Active | KeyState::NotYet => {
            let days = threshold(context, now)?;
            let due = key.reminded.is_none_or(|told| told > days);
            due.then(|| Telling::Expiring { days: days_left(key, now) })
        }
        // One that retires was renewed already.
        _ => None,
    }
}

/// The nearest number of days before the key's end that has come, of those that had not passed when it was issued.
fn threshold(context: &KeyContext, now: Timestamp) -> Option<u32> {
    let (key, settings) = (&context.key, &context.connector.settings);
    let expires = key.terms.expires?;
    let has_come = |days: &&u32| {
        let moment = expires.plus_millis(-i64::from(**days) * DAY);
        **days > 0 && moment <= now && moment > key.created
    };
    settings.reminder_days.iter().filter(has_come).min().copied()
}

/// How many days a key has left, rounded up.
fn days_left(key: &KeyRecord, now: Timestamp) -> u32 {
    let left = key.terms.expires.map_or(0, |expires| expires.unix_millis() - now.unix_millis());
    u32::try_from(left.max(0).div_euclid(DAY) + i64::from(left.rem_euclid(DAY) > 0)).unwrap_or(u32::MAX)
}

fn advice(context: &KeyContext, what: Telling) -> LogError {
    let KeyContext { key, connector, user, .. } = context;
    let known_by = if key.ending.is_empty() { key.id.to_string() } else { format!("…{}", key.ending) };
    let whose = format!("The key {known_by} of {} at the connector {}", user.name, connector.name);
    let at = key.terms.expires.map(|at| at.to_string()).unwrap_or_default();
    let (code, message) = match what {
        Telling::Expiring { days: 1 } => ("key_expiring", format!("{whose} expires at {at}, within a day")),
        Telling::Expiring { days } => ("key_expiring", format!("{whose} expires at {at}, in {days} days")),
        _ => ("key_expired", format!("{whose} expired at {at}: nobody is let in with it any more")),
    };
    let meanwhile = match what {
        Telling::Expiring { .. } => "the old one goes on working until then",
        _ => "until then nothing that changes there arrives here",
    };
    let advice = format!(
        "Issue a key (`rollcall key issue --instance {:?} --connector {:?} --user {:?}`), paste it into the identity provider, test \
         the connection and save; {meanwhile}",
        context.instance.name, connector.name, user.name
    );
    LogError { code: code.to_owned(), message, advice }
}
