//! What monitoring asks the store: keys that end soon, what is kept and what waits.

use scim_core::instant::Timestamp;
use scim_directory::KeyId;
use scim_storage::{Backlog, ServerAnswer, ServerQuestion};

use crate::Provider;
use crate::failure::Failure;

/// How long before its end a key is among [`Provider::ending_keys`], in days: the longest time of a reminder.
pub const ENDING_DAYS: u32 = crate::admin::MAX_REMINDER_DAYS;
/// The most keys that [`Provider::ending_keys`] tells of.
pub const MAX_ENDING_KEYS: usize = 1000;
/// The most instances that [`Provider::backlog`] tells of by name.
pub const MAX_HOLDING_INSTANCES: usize = 100;
/// The most held changes that [`Provider::backlog`] counts.
pub const MAX_HELD: usize = 10_000;
/// Keys read at once.
const PAGE: usize = 250;
/// A day, in milliseconds.
const DAY: i64 = 86_400_000;

/// A key that ends soon, or has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndingKey {
    /// The instance's name.
    pub instance: String,
    /// The connector's name.
    pub connector: String,
    /// The key.
    pub key: KeyId,
    /// Seconds until it ends; negative once it has.
    pub seconds: i64,
}

impl Provider {
    /// How far the log and the outbox reach, and how many held changes wait for a decision: up to [`MAX_HELD`], those of
    /// [`MAX_HOLDING_INSTANCES`] instances by name.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn backlog(&self) -> Result<Backlog, Failure> {
        let question = ServerQuestion::Backlog { instances: MAX_HOLDING_INSTANCES, count: MAX_HELD };
        let ServerAnswer::Backlog(backlog) = self.server(&question).await? else {
            return Ok(Backlog::default());
        };
        Ok(*backlog)
    }

    /// Keys that end within [`ENDING_DAYS`], the next first, at most [`MAX_ENDING_KEYS`]; and those that have ended, until
    /// that was told. One that retires is none of them: another has taken its place.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn ending_keys(&self, now: Timestamp) -> Result<Vec<EndingKey>, Failure> {
        let before = now.plus_millis(i64::from(ENDING_DAYS) * DAY);
        let (mut ending, mut after) = (Vec::new(), None);
        loop {
            let question = ServerQuestion::KeysDue { before, after, limit: PAGE };
            let ServerAnswer::Keys(page) = self.server(&question).await? else { return Ok(ending) };
            let full = page.len() >= PAGE;
            after = page.last().and_then(|last| Some((last.key.due()?, last.key.id)));
            for context in page.into_iter().filter(|context| context.key.retiring.is_none()) {
                let Some(expires) = context.key.terms.expires else { continue };
                if ending.len() >= MAX_ENDING_KEYS {
                    return Ok(ending);
                }
                ending.push(EndingKey {
                    instance: context.instance.name,
                    connector: context.connector.name,
                    key: context.key.id,
                    seconds: (expires.unix_millis() - now.unix_millis()).div_euclid(1000),
                });
            }
            if !full || after.is_none() {
                return Ok(ending);
            }
        }
    }
}
