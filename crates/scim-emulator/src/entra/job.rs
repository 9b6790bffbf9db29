//! A provisioning job: the company, the server, and the links between them that the service caches.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Instant;

use serde_json::Value;

use super::attributes::member;
use super::client::{Client, Ledger, Reply, Trouble, quoted, search, total_results};
use super::summary::{CycleSummary, RequestKind};
use super::work::for_each;
use super::{EmulatorError, Options, Phase, Progress, Shape};
use crate::company::{Changes, Company, guid};

/// A provisioning job. Remembers between its cycles which person and group is which resource.
#[derive(Debug)]
pub struct Job {
    pub(crate) options: Options,
    pub(crate) company: Company,
    pub(crate) changes: Changes,
    pub(crate) people: Links,
    pub(crate) groups: Links,
    /// Whose last change was refused, so that what it wrote is not there.
    pub(crate) refused: Refused,
    client: Client,
}

/// Ids of resources, by index.
#[derive(Debug)]
pub(crate) struct Links(RwLock<Vec<Option<Box<str>>>>);

/// People by index.
#[derive(Debug, Default)]
pub(crate) struct Refused(Mutex<HashSet<u32>>);

impl Refused {
    pub(crate) fn has(&self, index: u32) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&index)
    }

    pub(crate) fn set(&self, index: u32, refused: bool) {
        let mut people = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if refused {
            people.insert(index);
        } else {
            people.remove(&index);
        }
    }
}

impl Links {
    fn new(count: u32) -> Self {
        Self(RwLock::new(vec![None; count as usize]))
    }

    pub(crate) fn get(&self, index: u32) -> Option<String> {
        let ids = self.0.read().unwrap_or_else(PoisonError::into_inner);
        ids.get(index as usize).and_then(|id| id.as_deref().map(str::to_owned))
    }

    pub(crate) fn set(&self, index: u32, id: &str) {
        let mut ids = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = ids.get_mut(index as usize) {
            *place = Some(id.into());
        }
    }
}

impl Job {
    /// A job that has not sent anything yet.
    ///
    /// # Errors
    /// [`EmulatorError::Options`] when an option is out of its range.
    pub fn new(options: &Options) -> Result<Self, EmulatorError> {
        options.check()?;
        let company = Company::with_seed(options.people, options.group_count(), options.seed);
        let changes = company.changes();
        Ok(Self {
            people: Links::new(changes.hired.end),
            groups: Links::new(company.groups()),
            refused: Refused::default(),
            client: Client::new(options),
            options: options.clone(),
            company,
            changes,
        })
    }

    /// The company whose people are provisioned.
    pub fn company(&self) -> &Company {
        &self.company
    }

    /// The id that the server gave to a person, once a cycle has found or created them.
    pub fn person_id(&self, index: u32) -> Option<String> {
        self.people.get(index)
    }

    /// The id that the server gave to a group, once a cycle has found or created it.
    pub fn group_id(&self, index: u32) -> Option<String> {
        self.groups.get(index)
    }

    /// What *Test Connection* does: searches for a person and a group that cannot exist.
    ///
    /// # Errors
    /// [`EmulatorError::Unreachable`], [`EmulatorError::Credentials`] or [`EmulatorError::NotScim`].
    pub fn test_connection(&self, progress: &dyn Progress) -> Result<(), EmulatorError> {
        self.test(&Ledger::default(), progress)
    }

    /// The initial cycle: tests the connection, provisions everyone and every group, reads back.
    ///
    /// # Errors
    /// As [`Self::test_connection`]; once that has passed, failures are counted in the summary.
    pub fn initial_cycle(&self, progress: &dyn Progress) -> Result<CycleSummary, EmulatorError> {
        let ledger = Ledger::default();
        let start = Instant::now();
        self.test(&ledger, progress)?;
        let people = u64::from(self.company.people());
        self.each(people, (progress, Phase::People), |index| self.provision_person(&ledger, index));
        self.each(people, (progress, Phase::Managers), |index| {
            self.provision_manager(&ledger, index, self.company.manager(index), false);
        });
        self.each(u64::from(self.company.groups()), (progress, Phase::Groups), |index| {
            self.provision_group(&ledger, index);
        });
        close(&ledger, start);
        self.read_back_initial(&ledger, progress);
        Ok(ledger.into_summary())
    }

    /// The incremental cycle: what happened at the company since the initial one, then reads back. Whoever the initial
    /// cycle did not provision is searched for first.
    pub fn incremental_cycle(&self, progress: &dyn Progress) -> CycleSummary {
        let ledger = Ledger::default();
        let start = Instant::now();
        self.provision_changes(&ledger, progress);
        close(&ledger, start);
        self.read_back_changes(&ledger, progress);
        ledger.into_summary()
    }

    fn test(&self, ledger: &Ledger, progress: &dyn Progress) -> Result<(), EmulatorError> {
        progress.update(Phase::Connection, 0, 1);
        // Nobody is called by a GUID; which one does not matter.
        let nobody = quoted(&guid(u64::from(std::process::id())));
        let searches = [
            search("/Users", &format!("userName eq {nobody}"), ""),
            search("/Groups", &format!("displayName eq {nobody}"), "&excludedAttributes=members"),
        ];
        self.client.test_connection(ledger, &searches)?;
        progress.update(Phase::Connection, 1, 1);
        Ok(())
    }

    /// Works on every index below `total`, several at a time.
    pub(crate) fn each(&self, total: u64, progress: (&dyn Progress, Phase), work: impl Fn(u32) + Sync) {
        for_each(self.options.concurrency, total, progress, |item| {
            if let Ok(index) = u32::try_from(item) {
                work(index);
            }
        });
    }

    pub(crate) fn shape(&self) -> Shape {
        self.options.shape
    }

    /// Sends a request.
    pub(crate) fn send(
        &self,
        ledger: &Ledger,
        kind: RequestKind,
        asked: (&str, &str),
        body: Option<&Value>,
        expected: &[u16],
    ) -> Result<Reply, Trouble> {
        self.client.request(ledger, kind, asked, body, expected)
    }

    /// Sends a request; a failure is counted, and `None`.
    pub(crate) fn send_or_fail(
        &self,
        ledger: &Ledger,
        (kind, subject): (RequestKind, &str),
        asked: (&str, &str),
        body: Option<&Value>,
        expected: &[u16],
    ) -> Option<Reply> {
        match self.send(ledger, kind, asked, body, expected) {
            Ok(reply) => Some(reply),
            Err(trouble) => {
                ledger.fail(kind, subject, trouble);
                None
            }
        }
    }

    /// Sends a search; the first resource found, or `None` when there is none. Failures are counted.
    pub(crate) fn find(
        &self,
        ledger: &Ledger,
        (kind, subject): (RequestKind, &str),
        target: &str,
    ) -> Result<Option<Value>, ()> {
        let reply = self.send_or_fail(ledger, (kind, subject), ("GET", target), None, &[200]).ok_or(())?;
        let body = reply.body.unwrap_or_default();
        if total_results(&body).is_none() {
            let detail = "the answer is no ListResponse with totalResults".to_owned();
            ledger.fail(kind, subject, Trouble { status: Some(reply.status), detail });
            return Err(());
        }
        Ok(member(&body, "Resources").and_then(Value::as_array).and_then(|found| found.first()).cloned())
    }

    /// Whether a resource refers to another, as Entra asks it. Failures are counted.
    pub(crate) fn refers(
        &self,
        ledger: &Ledger,
        subject: &str,
        (path, id, rest): (&str, &str, &str),
        (attribute, value): (&str, &str),
    ) -> Result<bool, ()> {
        let filter = format!("id eq {} and {attribute} eq {}", quoted(id), quoted(value));
        let target = search(path, &filter, rest);
        let kind = RequestKind::CheckReference;
        let reply = self.send_or_fail(ledger, (kind, subject), ("GET", &target), None, &[200]).ok_or(())?;
        Ok(reply.body.as_ref().and_then(total_results).unwrap_or_default() > 0)
    }
}

fn close(ledger: &Ledger, start: Instant) {
    let mut summary = ledger.open();
    summary.duration = start.elapsed();
    summary.requests = summary.latencies.values().map(super::Latency::count).sum();
}

/// The id of a resource: a text that is not empty.
pub(crate) fn id_of(resource: &Value) -> Option<&str> {
    member(resource, "id").and_then(Value::as_str).filter(|id| !id.is_empty())
}
