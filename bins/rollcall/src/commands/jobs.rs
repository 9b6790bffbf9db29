//! The jobs beside the server: pruning, when keys were used last, and telling of keys that end.
//!
//! Of several nodes, the one that holds the lease prunes and tells of keys, for all of them; each writes by itself when keys
//! were used last, because nobody else knows. Two nodes that do the same job do no harm: what a commit does, it does once.
//!
//! Each is due by the clock that the node is told, so that a clock which moves on takes its jobs along. What fails is logged
//! and done again the next time; no job ends the server.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::rt::task::JoinHandle;
use actix_web::rt::time::sleep;
use futures_util::FutureExt as _;
use scim_core::instant::Timestamp;
use scim_directory::NodeId;
use scim_provider::admin::{Admin, AdminError, JobLease};
use scim_provider::{Housekeeping, Job, Provider, Source};

use crate::mail::{Mailer, Postbox};
use crate::node::Node;

/// How often the clock is looked at.
const TICK: Duration = Duration::from_millis(250);
/// How often what is older than the retention time is let go of, and how often keys are looked through that end soon.
const HOUR: Duration = Duration::from_secs(3600);
/// How often it is written when keys were used last.
const USES: Duration = Duration::from_secs(60);
/// How often keys are looked for that have ended.
const ENDS: Duration = Duration::from_secs(10);
/// What the lease of the jobs is named, which one node does for all.
const LEASE: &str = "jobs";
/// How long the store is left to others between slices of pruning.
const PAUSE: Duration = Duration::from_millis(50);

/// The jobs of a server.
pub(crate) struct Jobs {
    provider: Arc<Provider>,
    admin: Arc<Admin>,
    lease: Arc<JobLease>,
    tending: JoinHandle<()>,
    pruning: JoinHandle<()>,
    uses: JoinHandle<()>,
    telling: JoinHandle<()>,
    /// That no more is to be told.
    enough: Arc<AtomicBool>,
    postbox: Option<Arc<Postbox>>,
}

impl Jobs {
    /// Starts them: each at once, then as often as it is due.
    pub(crate) fn start(node: &Node, admin: Admin, provider: Arc<Provider>) -> anyhow::Result<Self> {
        let admin = Arc::new(admin);
        let mailer = node.settings.mail.as_ref().map(Mailer::new).transpose()?;
        let postbox = mailer.clone();
        let postbox = postbox.map(|mailer| Postbox::start(mailer, Arc::clone(provider.housekeeping())));
        let postbox = postbox.transpose()?.map(Arc::new);
        provider.housekeeping().job_starts(Job::KeyUses);
        let lease = Arc::new(JobLease::new(LEASE, NodeId::new(node.source.uuid())));
        let tending = {
            let (source, admin) = (Arc::clone(&node.source), Arc::clone(&admin));
            let (lease, counts) = (Arc::clone(&lease), Arc::clone(provider.housekeeping()));
            actix_web::rt::spawn(tend(source, admin, lease, counts))
        };
        let pruning = {
            let pruner = Pruner {
                source: Arc::clone(&node.source),
                admin: Arc::clone(&admin),
                counts: Arc::clone(provider.housekeeping()),
                lease: Arc::clone(&lease),
            };
            actix_web::rt::spawn(pruner.run())
        };
        let uses = {
            let provider = Arc::clone(&provider);
            repeat(Arc::clone(&node.source), USES, move |now| {
                let provider = Arc::clone(&provider);
                Box::pin(async move {
                    let written = provider.flush_uses().await;
                    provider.housekeeping().job_ended(Job::KeyUses, written, now);
                })
            })
        };
        let enough = Arc::new(AtomicBool::new(false));
        let teller = Teller {
            source: Arc::clone(&node.source),
            admin: Arc::clone(&admin),
            provider: Arc::clone(&provider),
            lease: Arc::clone(&lease),
            mail: mailer.zip(postbox.clone()),
            enough: Arc::clone(&enough),
        };
        let telling = actix_web::rt::spawn(teller.run());
        Ok(Self { provider, admin, lease, tending, pruning, uses, telling, enough, postbox })
    }

    /// Ends them, after the server has ended: what is known of keys' uses is written, and what is to be mailed is sent.
    pub(crate) async fn end(self) {
        self.enough.store(true, Ordering::Relaxed);
        for task in [&self.tending, &self.pruning, &self.uses] {
            task.abort();
        }
        // What was told is put into the postbox first: it is told once.
        if self.telling.await.is_err() {
            log::error!("the job that tells of keys which end failed");
        }
        // Those were aborted.
        let _ = (self.tending.await, self.pruning.await, self.uses.await);
        self.provider.flush_uses().await;
        // Another node goes on at once.
        if let Err(error) = self.lease.give_up(&self.admin).await {
            log::warn!(
                "the lease of the jobs could not be given up, another node takes it in a minute: {error}"
            );
        }
        if let Some(postbox) = self.postbox.and_then(Arc::into_inner) {
            postbox.close();
        }
    }
}

/// Takes, renews or waits for the lease until the handle is aborted.
async fn tend(source: Arc<dyn Source>, admin: Arc<Admin>, lease: Arc<JobLease>, counts: Arc<Housekeeping>) {
    let mut held = false;
    counts.holds_jobs(held);
    loop {
        let now = source.now();
        if let Err(error) = lease.tend(&admin, now).await {
            log::warn!("the lease of the jobs could not be looked at, it is tried again: {error}");
            // Whoever cannot write cannot do the jobs either; no need to ask four times a second.
            sleep(Duration::from_secs(1)).await;
        }
        let holds = lease.is_held(source.now());
        if holds != held {
            held = holds;
            counts.holds_jobs(held);
            let change = if held { Housekeeping::job_starts } else { Housekeeping::job_stops };
            [Job::Pruning, Job::KeyEnds].into_iter().for_each(|job| change(&counts, job));
            log::info!("this node {} the jobs of all nodes", if held { "does" } else { "no longer does" });
        }
        sleep(TICK).await;
    }
}

/// Who lets go of what is old.
struct Pruner {
    source: Arc<dyn Source>,
    admin: Arc<Admin>,
    counts: Arc<Housekeeping>,
    lease: Arc<JobLease>,
}

impl Pruner {
    /// Prunes when it is due, while this node holds the lease, until the handle is aborted.
    async fn run(self) {
        let mut schedule = Schedule::every(HOUR);
        loop {
            let now = self.source.now();
            if self.lease.is_held(now) && schedule.is_due(now) {
                caught(self.prune(now)).await;
            }
            sleep(TICK).await;
        }
    }

    async fn prune(&self, now: Timestamp) {
        let pruned = prune(&self.admin, now, &self.counts, || self.lease.is_held(self.source.now())).await;
        if let Err(error) = &pruned {
            log::warn!("pruning failed, it is tried again in an hour: {error}");
        }
        self.counts.job_ended(Job::Pruning, pruned.is_ok(), now);
    }
}

/// Who tells of keys that have ended, and every hour of those that end soon.
struct Teller {
    source: Arc<dyn Source>,
    admin: Arc<Admin>,
    provider: Arc<Provider>,
    lease: Arc<JobLease>,
    mail: Option<(Mailer, Arc<Postbox>)>,
    enough: Arc<AtomicBool>,
}

impl Teller {
    /// Tells what is due until it is enough.
    async fn run(self) {
        let (mut ends, mut reminders) = (Schedule::every(ENDS), Schedule::every(HOUR));
        while !self.enough.load(Ordering::Relaxed) {
            let now = self.source.now();
            if self.lease.is_held(now) {
                let soon = reminders.is_due(now);
                if ends.is_due(now) || soon {
                    caught(self.tell(soon, now)).await;
                }
            }
            sleep(TICK).await;
        }
    }

    async fn tell(&self, soon: bool, now: Timestamp) {
        let told = self.admin.tell_of_key_ends(soon).await;
        self.provider.housekeeping().job_ended(Job::KeyEnds, told.is_ok(), now);
        let told = match told {
            Ok(told) => told,
            Err(error) => {
                return log::warn!("telling of keys that end failed, it is tried again: {error}");
            }
        };
        self.provider.count_told(&told);
        for told in &told {
            log::info!("{}", crate::mail::sentence(told));
            if let Some((mailer, postbox)) = &self.mail
                && let Some(mail) = mailer.about(told, now)
            {
                postbox.put(mail);
            }
        }
    }
}

/// One run of a job.
type Run = Pin<Box<dyn Future<Output = ()>>>;

/// Does something now and as often as it is due, until the handle is aborted.
fn repeat(
    source: Arc<dyn Source>,
    every: Duration,
    job: impl Fn(Timestamp) -> Run + 'static,
) -> JoinHandle<()> {
    let mut schedule = Schedule::every(every);
    actix_web::rt::spawn(async move {
        loop {
            let now = source.now();
            if schedule.is_due(now) {
                caught(job(now)).await;
            }
            sleep(TICK).await;
        }
    })
}

/// Runs a job to its end. One that panics is done again the next time, as one that fails.
async fn caught(job: impl Future<Output = ()>) {
    if AssertUnwindSafe(job).catch_unwind().await.is_err() {
        log::error!("a job panicked; it is done again when it is due");
    }
}

/// When something is due by the clock that is told.
struct Schedule {
    every_millis: i64,
    last: Option<Timestamp>,
}

impl Schedule {
    fn every(every: Duration) -> Self {
        Self { every_millis: i64::try_from(every.as_millis()).unwrap_or(i64::MAX), last: None }
    }

    /// Whether it is due now; it then counts as done. A clock that was set back begins anew.
    fn is_due(&mut self, now: Timestamp) -> bool {
        let waits = |last: Timestamp| last <= now && now < last.plus_millis(self.every_millis);
        if self.last.is_some_and(waits) {
            return false;
        }
        self.last = Some(now);
        true
    }
}

/// Lets go of what is older than each instance's retention time, or the server's own, slice by slice, as long as this is the
/// node that does it.
async fn prune(
    admin: &Admin,
    now: Timestamp,
    counts: &Housekeeping,
    goes_on: impl Fn() -> bool,
) -> Result<(), AdminError> {
    for instance in admin.instance_list().await? {
        while goes_on() {
            let slice = admin.prune_slice(&instance, now).await?;
            counts.pruned(slice.rows);
            if !slice.more {
                break;
            }
            sleep(PAUSE).await;
        }
    }
    while goes_on() {
        let slice = admin.prune_server_slice(now).await?;
        counts.pruned(slice.rows);
        if !slice.more {
            break;
        }
        sleep(PAUSE).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use scim_core::schema::Registry;
    use scim_directory::{ImportKind, InstanceSettings};
    use scim_provider::admin::import::ImportOptions;
    use scim_storage::JournalQuery;
    use scim_storage_diesel::{Options, SqliteStore};

    use super::*;
    use crate::clock::System;

    /// How many log records are there so many days after 600 accounts were brought in.
    async fn left_after(days: i64) -> usize {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("rollcall.db");
        let store = SqliteStore::open(&file, Options::default()).expect("opened");
        let admin = Admin::new(Arc::new(store), Arc::new(System), Registry::builtin());
        let instance =
            admin.instance_create("acme", InstanceSettings::default()).await.expect("created").instance;
        let people: String = (0..600).map(|number| format!("person{number}\n")).collect();
        let file = format!("UserName\n{people}");
        let how = ImportOptions::new(ImportKind::Accounts);
        let end = admin.import(&instance, file.as_bytes(), &how, &mut ()).await.expect("imported");
        assert_eq!(end.import.imported, 600);
        let counts = Housekeeping::default();
        prune(&admin, System.now().plus_millis(days * 86_400_000), &counts, || true).await.expect("pruned");
        assert_eq!(counts.read().pruned > 600, days > 30);
        let query = JournalQuery { limit: 1000, ..JournalQuery::default() };
        admin.log(&instance, &query).await.expect("a log").entries.len()
    }

    #[test]
    fn what_is_older_than_the_retention_time_goes() {
        actix_web::rt::System::new().block_on(async {
            assert!(left_after(29).await > 600);
            assert_eq!(left_after(31).await, 0);
        });
    }

    #[test]
    fn a_job_that_panics_is_done_again() {
        actix_web::rt::System::new().block_on(async {
            caught(async { panic!("on purpose") }).await;
            caught(async {}).await;
        });
    }

    #[test]
    fn a_job_is_due_by_the_clock_that_is_told() {
        let mut schedule = Schedule::every(Duration::from_millis(10));
        let mut check = |millis: i64, expected: bool| {
            assert_eq!(schedule.is_due(Timestamp::from_unix_millis(millis)), expected, "{millis}");
        };
        check(100, true);
        check(100, false);
        check(109, false);
        check(110, true);
        check(1_000, true);
        check(1_009, false);
        check(500, true);
        check(509, false);
        check(510, true);
    }
}
