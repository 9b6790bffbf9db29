//! What a decision is made in: the instance's policy, who asks, time, ids and randomness as values; and the facts that it
//! asked the store for.

use std::collections::HashMap;

use scim_core::instant::Timestamp;
use scim_directory::{Cause, Connector, Fact, Question, Stamp};
use uuid::Uuid;

use crate::{Policy, Refusal};

/// Under which circumstances something is decided.
#[derive(Clone, Copy)]
pub struct Occasion<'a> {
    /// The instance's settings, mapping and rules.
    pub policy: &'a Policy,
    /// The connector through which it was asked for; `None` for the application's own administration.
    pub connector: Option<&'a Connector>,
    /// The request.
    pub request_id: &'a str,
    /// The time.
    pub now: Timestamp,
    /// New ids.
    pub uuid: &'a (dyn Fn() -> Uuid + Sync),
    /// Random bytes.
    pub random: &'a (dyn Fn(&mut [u8]) + Sync),
}

impl std::fmt::Debug for Occasion<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Occasion")
            .field("request_id", &self.request_id)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

impl Occasion<'_> {
    /// What values that are given now come from.
    #[must_use]
    pub fn stamp(&self, cause: Cause) -> Stamp {
        Stamp {
            at: self.now,
            connector: self.connector.map(|connector| connector.id),
            request_id: self.request_id.to_owned(),
            cause,
        }
    }

    /// The earliest moment whose deletions count as within the retention time.
    #[must_use]
    pub fn retained_since(&self) -> Timestamp {
        let of_instance = self.policy.settings().retention_days;
        let of_connector = self.connector.and_then(|connector| connector.settings.retention_days);
        let days = i64::from(of_connector.map_or(of_instance, |days| days.min(of_instance)));
        self.now.plus_millis(-days.saturating_mul(86_400_000))
    }
}

/// What the store has said so far.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    known: HashMap<Question, Fact>,
}

impl Facts {
    /// Takes an answer.
    pub fn insert(&mut self, question: Question, fact: Fact) {
        self.known.insert(question, fact);
    }

    /// The answer to a question, or the need to ask it.
    pub(crate) fn get(&self, question: Question) -> Result<&Fact, Stop> {
        match self.known.get(&question) {
            Some(fact) => Ok(fact),
            None => Err(Stop::Needs(vec![question])),
        }
    }

    /// Answers to all questions, or the need to ask those that have none.
    pub(crate) fn all(&self, questions: &[Question]) -> Result<(), Stop> {
        let unknown: Vec<_> =
            questions.iter().filter(|question| !self.known.contains_key(question)).cloned().collect();
        if unknown.is_empty() { Ok(()) } else { Err(Stop::Needs(unknown)) }
    }
}

/// Why there is no decision.
#[derive(Debug)]
pub enum Stop {
    /// These questions must be answered first.
    Needs(Vec<Question>),
    /// It is refused.
    Refused(Box<Refusal>),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}
