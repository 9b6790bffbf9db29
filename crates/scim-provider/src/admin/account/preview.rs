//! Preview of picking up: whom an identity provider's people would find, before it is connected.
//!
//! Each person of an export is decided on as a POST through the connector would be, by the mapping, rules and limits in force,
//! and nothing is committed. A batch of people is one question to the store; no more than a batch is held, but for the names
//! that came up.

use std::collections::{HashMap, HashSet};
use std::io::BufRead;
use std::sync::Arc;

use scim_core::resource::{Document, Inbound, ingest};
use scim_core::text::Matching;
use scim_directory::{
    Connector, ConnectorId, DialectName, Fact, Instance, NameScope, Question, Record, ResourceId, Scope,
    Tally, Target,
};
use scim_lifecycle::{Arrival, Existing, Facts, Occasion, Policy, Refusal, SERVER_REALM, Stop};
use scim_storage::{ServerAnswer, ServerQuestion, StoreError};

use super::export::{ExportColumns, person};
use crate::admin::import::{ImportFormat, ImportReader, ImportRow};
use crate::admin::{Admin, AdminError};

/// People who are decided on together.
const BATCH: usize = 250;
/// The longest line, in bytes.
const MAX_LINE_BYTES: usize = 1 << 20;
/// How often a decision may ask for more facts.
const ROUNDS: usize = 2100;

/// By what a person would be matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchedBy {
    /// The user name, in any letter case.
    UserName,
    /// The `externalId` that the connector gave before.
    ExternalId,
}

/// What would become of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreviewOutcome {
    /// The account that is there, unmanaged, is picked up.
    PickedUp(MatchedBy),
    /// The account that was deleted not long ago comes back.
    Restored(MatchedBy),
    /// The connector manages the account already.
    Managed(MatchedBy),
    /// A new account is made.
    Created,
    /// It is refused: why, in a word, and what to do.
    Conflict {
        /// A word that stays as it is.
        code: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The line cannot be read: why.
    LeftOut(String),
}

/// A person of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Previewed {
    /// The number of the line, from 1.
    pub line: u64,
    /// The user name, where it could be read.
    pub user_name: Option<String>,
    /// What would become of the person.
    pub outcome: PreviewOutcome,
}

/// What a preview came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PreviewSummary {
    /// People whose account would be picked up, or come back, or is managed already.
    pub matched: u64,
    /// People who would get a new account.
    pub created: u64,
    /// People who would be refused.
    pub conflicts: u64,
    /// Lines that cannot be read.
    pub left_out: u64,
}

/// A person who was understood.
struct Candidate {
    line: u64,
    user_name: String,
    key: String,
    inbound: Inbound,
}

impl Admin {
    /// Says for each person of an identity provider's export what would become of it. `map` are assignments of columns to SCIM
    /// attributes (`COLUMN=ATTRIBUTE`), beside those that go without saying. `connector` is a name; none is needed where the
    /// instance has at most one. Writes nothing. As with [`Admin::import`], reading `input` blocks.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] where the file cannot be read or has no user name; [`AdminError::NotFound`] where the connector
    /// is not there.
    pub async fn account_preview<R: BufRead>(
        &self,
        instance: &Instance,
        connector: Option<&str>,
        map: &[String],
        format: ImportFormat,
        input: R,
        mut told: impl FnMut(&Previewed),
    ) -> Result<PreviewSummary, AdminError> {
        let policy = self.policy(instance).await?;
        let connector = self.previewed_connector(instance, connector).await?;
        let mut reader = ImportReader::new(input, format, MAX_LINE_BYTES)?;
        let columns =
            ExportColumns::new(policy.user_type(), map, reader.columns().map(|columns| &**columns))?;
        let mut preview = Preview { policy, connector, seen: HashSet::new(), active: 0 };
        let mut summary = PreviewSummary::default();
        loop {
            let mut rows = Vec::with_capacity(BATCH);
            while rows.len() < BATCH
                && let Some(row) = reader.next_row()?
            {
                rows.push(row);
            }
            if rows.is_empty() {
                return Ok(summary);
            }
            for previewed in self.preview_batch(instance, &mut preview, &columns, rows).await? {
                match previewed.outcome {
                    PreviewOutcome::PickedUp(_)
                    | PreviewOutcome::Restored(_)
                    | PreviewOutcome::Managed(_) => {
                        summary.matched += 1;
                    }
                    PreviewOutcome::Created => summary.created += 1,
                    PreviewOutcome::Conflict { .. } => summary.conflicts += 1,
                    PreviewOutcome::LeftOut(_) => summary.left_out += 1,
                }
                told(&previewed);
            }
        }
    }

    async fn preview_batch(
        &self,
        instance: &Instance,
        preview: &mut Preview,
        columns: &ExportColumns,
        rows: Vec<ImportRow>,
    ) -> Result<Vec<Previewed>, AdminError> {
        let scope = Scope { instance: instance.id, connector: Some(preview.connector.id) };
        let mut outcomes = Vec::with_capacity(rows.len());
        let mut candidates = Vec::with_capacity(rows.len());
        for row in rows {
            match candidate(preview, columns, &row) {
                Ok(candidate) => candidates.push(candidate),
                Err(previewed) => outcomes.push(previewed),
            }
        }
        let policy = Arc::clone(&preview.policy);
        let mut questions = Vec::new();
        for candidate in &candidates {
            questions.extend(preview.questions(self, candidate));
        }
        let seats = policy.settings().seats;
        if seats.is_some() {
            questions.push(Question::Count(policy.user_type().name.clone(), Tally::Active));
        }
        let facts: HashMap<Question, Fact> =
            questions.iter().cloned().zip(self.store.facts(&scope, &questions).await?).collect();
        for candidate in candidates {
            let outcome = self.preview_one(&scope, preview, &candidate, &facts).await?;
            let (line, user_name) = (candidate.line, Some(candidate.user_name));
            outcomes.push(Previewed { line, user_name, outcome });
        }
        outcomes.sort_by_key(|previewed| previewed.line);
        Ok(outcomes)
    }

    async fn preview_one(
        &self,
        scope: &Scope,
        preview: &mut Preview,
        candidate: &Candidate,
        facts: &HashMap<Question, Fact>,
    ) -> Result<PreviewOutcome, AdminError> {
        if !preview.seen.insert(candidate.key.clone()) {
            return Ok(conflict(
                "twice",
                "the user name stands in the file twice; only one of them can have it",
            ));
        }
        let found = preview.found(self, candidate, facts);
        let by_external = match &found.linked {
            Some(Target::Live(key)) => Some(key.id),
            _ => None,
        };
        if let (Some(linked), Some(record)) = (by_external, &found.named)
            && record.key.id != linked
        {
            return Ok(conflict(
                "several",
                "the externalId is one account's and the user name another's; correct one of them",
            ));
        }
        if by_external.is_some() {
            return Ok(PreviewOutcome::Managed(MatchedBy::ExternalId));
        }
        match found.named.as_ref().and_then(|record| record.managed_by) {
            Some(manager) if manager == preview.connector.id => {
                return Ok(PreviewOutcome::Managed(MatchedBy::UserName));
            }
            Some(_) => {
                return Ok(conflict(
                    "managed_elsewhere",
                    "another connector manages the account of this user name; take the person out of one of them",
                ));
            }
            None => {}
        }
        let (existing, outcome) = match (found.named, found.deleted) {
            (Some(record), _) => {
                (Existing::Unmanaged(Box::new(record)), PreviewOutcome::PickedUp(MatchedBy::UserName))
            }
            (None, Some(tombstone)) => {
                (Existing::Deleted(tombstone), PreviewOutcome::Restored(MatchedBy::ExternalId))
            }
            (None, None) => (Existing::Nobody, PreviewOutcome::Created),
        };
        if found.claimed && !matches!(existing, Existing::Unmanaged(_)) {
            return Ok(conflict(
                "claimed",
                "the user name is in use on this server already; give the person another one",
            ));
        }
        let takes_seat = !matches!(existing, Existing::Unmanaged(_)) && candidate.is_active();
        if let Some((seats, active)) = found.seats
            && takes_seat
            && active.saturating_add(preview.active) >= seats
        {
            return Ok(conflict("seats", &format!("all {seats} seats of the instance are taken; add seats")));
        }
        match self.arrival(scope, preview, candidate, &existing).await? {
            Ok(()) => {
                preview.active += u64::from(takes_seat);
                Ok(outcome)
            }
            Err(refusal) => Ok(conflict(refusal.code, &format!("{}. {}", refusal.detail, refusal.advice))),
        }
    }

    /// Decides as for a POST, and leaves it at that.
    async fn arrival(
        &self,
        scope: &Scope,
        preview: &Preview,
        candidate: &Candidate,
        existing: &Existing,
    ) -> Result<Result<(), Box<Refusal>>, AdminError> {
        let user = preview.policy.user_type();
        let sent = candidate.inbound.resource.clone();
        let notes = candidate.inbound.notes.clone();
        let external_id = candidate.inbound.external_id.clone();
        let Ok(resource) = candidate.inbound.clone().into_created(user) else {
            // INVARIANT: it was made once already when the line was read.
            return Ok(Ok(()));
        };
        let before = match existing {
            Existing::Unmanaged(record) => {
                let document = Document::from_bytes(&*record.document);
                Some(document.resource().map_err(StoreError::internal)?)
            }
            _ => None,
        };
        let id = ResourceId::new(self.source.uuid());
        let mut facts = Facts::default();
        for _ in 0..ROUNDS {
            let decided = self.on_preview(preview, |on| {
                let arrival = Arrival {
                    id,
                    resource: &resource,
                    sent: &sent,
                    external_id: external_id.as_deref(),
                    notes: &notes,
                    existing,
                    before: before.as_ref(),
                };
                scim_lifecycle::create(on, &facts, user, arrival)
            });
            match decided {
                Ok(_) => return Ok(Ok(())),
                Err(Stop::Refused(refusal)) => return Ok(Err(refusal)),
                Err(Stop::Needs(questions)) => {
                    let answers = self.store.facts(scope, &questions).await?;
                    for (question, fact) in questions.into_iter().zip(answers) {
                        facts.insert(question, fact);
                    }
                }
            }
        }
        Err(AdminError::Invalid("a decision kept asking for facts".to_owned()))
    }

    fn on_preview<T>(&self, preview: &Preview, with: impl FnOnce(&Occasion<'_>) -> T) -> T {
        let source = &*self.source;
        with(&Occasion {
            policy: &preview.policy,
            connector: Some(&preview.connector),
            request_id: "preview",
            now: self.now(),
            uuid: &|| source.uuid(),
            random: &|bytes: &mut [u8]| source.random(bytes),
        })
    }

    /// The connector of that name; the only one where none is named; one as it would begin where there is none yet.
    async fn previewed_connector(
        &self,
        instance: &Instance,
        name: Option<&str>,
    ) -> Result<Connector, AdminError> {
        let known = match self.store.server(&ServerQuestion::Connectors(instance.id)).await? {
            ServerAnswer::Connectors(connectors) => connectors,
            _ => Vec::new(),
        };
        if let Some(name) = name {
            let found = known.into_iter().find(|connector| connector.name == name);
            return found.ok_or_else(|| {
                AdminError::NotFound(format!("the instance {:?} has no connector {name:?}", instance.name))
            });
        }
        let mut known = known.into_iter();
        match (known.next(), known.next()) {
            (Some(_), Some(_)) => Err(AdminError::Invalid(
                "the instance has several connectors; name one with --connector".to_owned(),
            )),
            (Some(connector), None) => Ok(connector),
            _ => Ok(Connector {
                id: ConnectorId::new(self.source.uuid()),
                instance: instance.id,
                name: "preview".to_owned(),
                created: self.now(),
                dialect: DialectName::Lenient,
                keep_passwords: false,
                settings: instance.settings.profile.connector_settings(),
            }),
        }
    }
}

/// A preview under way.
struct Preview {
    policy: Arc<Policy>,
    connector: Connector,
    /// Keys of user names that came up.
    seen: HashSet<String>,
    /// Seats that people before would take.
    active: u64,
}

/// What the store knows of a person.
struct Found {
    linked: Option<Target>,
    named: Option<Record>,
    deleted: Option<Box<scim_directory::Tombstone>>,
    claimed: bool,
    /// How many there are, and how many are taken.
    seats: Option<(u64, u64)>,
}

impl Preview {
    fn in_realm(&self) -> bool {
        self.policy.settings().user_names == NameScope::Server
    }

    fn questions(&self, admin: &Admin, candidate: &Candidate) -> Vec<Question> {
        let external_id = candidate.inbound.external_id.as_deref();
        let mut questions = admin.on_preview(self, |on| {
            Existing::questions(on, self.policy.user_type(), &candidate.inbound.resource, external_id)
        });
        questions.extend(external_id.map(|id| Question::Target(id.to_owned())));
        if self.in_realm() {
            questions.push(Question::Claimed { realm: SERVER_REALM, key: candidate.key.clone() });
        }
        questions
    }

    fn found(&self, admin: &Admin, candidate: &Candidate, facts: &HashMap<Question, Fact>) -> Found {
        let mut found = Found { linked: None, named: None, deleted: None, claimed: false, seats: None };
        for question in self.questions(admin, candidate) {
            match facts.get(&question) {
                Some(Fact::Records(records)) => found.named = records.first().cloned(),
                Some(Fact::Deleted(tombstone)) => found.deleted.clone_from(tombstone),
                Some(Fact::Target(target)) => found.linked = Some(target.clone()),
                Some(Fact::Claimed(claimed)) => found.claimed = *claimed,
                _ => {}
            }
        }
        // An externalId means an account by itself only where it is not the account's user name too.
        if candidate.inbound.external_id.as_deref() == Some(&*candidate.user_name) {
            found.linked = None;
        }
        if let Some(seats) = self.policy.settings().seats {
            let active = Question::Count(self.policy.user_type().name.clone(), Tally::Active);
            if let Some(Fact::Count(active)) = facts.get(&active) {
                found.seats = Some((seats, *active));
            }
        }
        found
    }
}

impl Candidate {
    fn is_active(&self) -> bool {
        self.inbound.resource.attributes().get("active").and_then(serde_json::Value::as_bool).unwrap_or(true)
    }
}

/// The person of a line; what is wrong with it.
fn candidate(preview: &Preview, columns: &ExportColumns, row: &ImportRow) -> Result<Candidate, Previewed> {
    let line = row.line;
    let left_out =
        |reason: String| Previewed { line, user_name: None, outcome: PreviewOutcome::LeftOut(reason) };
    let cells = row.read.as_ref().map_err(|reason| left_out(reason.clone()))?;
    let body = person(columns, cells).map_err(left_out)?;
    let user_name = body.get("userName").and_then(serde_json::Value::as_str).map(str::to_owned);
    let refused = |reason: String| Previewed {
        line,
        user_name: user_name.clone(),
        outcome: conflict("invalid", &reason),
    };
    let Some(name) = user_name.clone() else {
        return Err(Previewed {
            line,
            user_name: None,
            outcome: conflict(
                "required",
                "userName is missing; give the person one at the identity provider",
            ),
        });
    };
    let user = preview.policy.user_type();
    let inbound = ingest(user, serde_json::Value::Object(body), preview.connector.dialect.dialect())
        .map_err(|error| refused(error.to_string()))?;
    inbound.clone().into_created(user).map_err(|error| refused(error.to_string()))?;
    let key = Matching::UserName.key(&name).into_owned();
    Ok(Candidate { line, user_name: name, key, inbound })
}

fn conflict(code: &str, reason: &str) -> PreviewOutcome {
    PreviewOutcome::Conflict { code: code.to_owned(), reason: reason.to_owned() }
}
