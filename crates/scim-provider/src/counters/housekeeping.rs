//! What runs beside requests: jobs and mail. Whoever runs them counts here.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use scim_core::instant::Timestamp;

use super::{Count, add, read};

/// That something is not known.
const UNKNOWN: i64 = i64::MIN;

/// A job that a server does now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// What is older than the retention time is deleted.
    Pruning,
    /// When keys were used last is written.
    KeyUses,
    /// Keys that end are told of.
    KeyEnds,
}

const JOBS: [(Job, &str); 3] =
    [(Job::Pruning, "pruning"), (Job::KeyUses, "key_uses"), (Job::KeyEnds, "key_ends")];

/// What became of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailOutcome {
    /// The mail server took it.
    Sent,
    /// It was not taken, and is tried again.
    Failed,
    /// It was not taken, and is not tried again.
    GivenUp,
}

const MAILS: [&str; 3] = ["sent", "failed", "given_up"];

/// Counters of what runs beside requests.
#[derive(Debug)]
pub struct Housekeeping {
    succeeded: [AtomicU64; JOBS.len()],
    failed: [AtomicU64; JOBS.len()],
    last_success: [AtomicI64; JOBS.len()],
    pruned: AtomicU64,
    held: AtomicI64,
    mails: [AtomicU64; MAILS.len()],
    mails_waiting: AtomicU64,
}

impl Default for Housekeeping {
    fn default() -> Self {
        Self {
            succeeded: Default::default(),
            failed: Default::default(),
            last_success: std::array::from_fn(|_| AtomicI64::new(UNKNOWN)),
            pruned: AtomicU64::new(0),
            held: AtomicI64::new(UNKNOWN),
            mails: Default::default(),
            mails_waiting: AtomicU64::new(0),
        }
    }
}

/// What was counted of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobCounts {
    /// Its name.
    pub job: &'static str,
    /// Runs that did all they had to.
    pub succeeded: u64,
    /// Runs that did not.
    pub failed: u64,
    /// When a run last succeeded; the beginning of 1970 where none did yet.
    pub last_success: Timestamp,
}

/// What was counted beside requests since the process began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HousekeepingCounts {
    /// The jobs that this process does.
    pub jobs: Vec<JobCounts>,
    /// Whether this process does the jobs that one node does for all; `None` where it takes no part in them.
    pub held: Option<bool>,
    /// Rows that were older than the retention time and are deleted.
    pub pruned: u64,
    /// Mails, by what became of them.
    pub mails: Vec<Count>,
    /// Mails that are still to be sent.
    pub mails_waiting: u64,
}

impl Housekeeping {
    /// This process does that job from now on.
    pub fn job_starts(&self, job: Job) {
        if let Some(last) = self.last_success.get(job as usize) {
            // What is known already stays.
            let _ = last.compare_exchange(UNKNOWN, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// This process does that job no longer, because another node does it: when it last succeeded here tells nothing.
    pub fn job_stops(&self, job: Job) {
        if let Some(last) = self.last_success.get(job as usize) {
            last.store(UNKNOWN, Ordering::Relaxed);
        }
    }

    /// Whether this process does the jobs that one node does for all.
    pub fn holds_jobs(&self, held: bool) {
        self.held.store(held.into(), Ordering::Relaxed);
    }

    /// A run of a job has ended, at that time; whether it did all it had to.
    pub fn job_ended(&self, job: Job, success: bool, at: Timestamp) {
        let counters = if success { &self.succeeded } else { &self.failed };
        add(counters.get(job as usize), 1);
        if let Some(last) = self.last_success.get(job as usize).filter(|_| success) {
            last.store(at.unix_millis(), Ordering::Relaxed);
        }
    }

    /// So many rows were older than the retention time.
    pub fn pruned(&self, rows: u64) {
        add(Some(&self.pruned), rows);
    }

    /// What became of a mail.
    pub fn mail(&self, outcome: MailOutcome) {
        add(self.mails.get(outcome as usize), 1);
    }

    /// So many mails are still to be sent.
    pub fn mails_waiting(&self, number: usize) {
        self.mails_waiting.store(number as u64, Ordering::Relaxed);
    }

    /// What was counted.
    #[must_use]
    pub fn read(&self) -> HousekeepingCounts {
        let known = |at: &AtomicI64| Some(at.load(Ordering::Relaxed)).filter(|at| *at != UNKNOWN);
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counts = self.succeeded.iter().zip(&self.failed).zip(&self.last_success);
        let jobs = JOBS.iter().zip(counts).filter_map(|((_, job), ((succeeded, failed), last))| {
            Some(JobCounts {
                job,
                succeeded: load(succeeded),
                failed: load(failed),
                last_success: Timestamp::from_unix_millis(known(last)?),
            })
        });
        HousekeepingCounts {
            jobs: jobs.collect(),
            held: known(&self.held).map(|held| held != 0),
            pruned: load(&self.pruned),
            mails: read(&MAILS, &self.mails),
            mails_waiting: load(&self.mails_waiting),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_told_of_from_its_start() {
        let at = Timestamp::from_unix_millis;
        let housekeeping = Housekeeping::default();
        assert_eq!(housekeeping.read().jobs, []);
        for (index, (job, name)) in JOBS.into_iter().enumerate() {
            let told = || housekeeping.read().jobs.get(index).cloned().expect("told of");
            housekeeping.job_starts(job);
            assert_eq!((told().job, told().last_success), (name, at(0)));
            housekeeping.job_ended(job, true, at(7));
            housekeeping.job_ended(job, false, at(9));
            housekeeping.job_starts(job);
            assert_eq!((told().succeeded, told().failed, told().last_success), (1, 1, at(7)));
        }
        housekeeping.job_stops(Job::Pruning);
        let names = || housekeeping.read().jobs.iter().map(|counts| counts.job).collect::<Vec<_>>();
        assert_eq!(names(), ["key_uses", "key_ends"]);
        housekeeping.job_starts(Job::Pruning);
        assert_eq!(housekeeping.read().jobs.first().map(|counts| counts.last_success), Some(at(0)));
        assert_eq!(housekeeping.read().held, None);
        housekeeping.holds_jobs(true);
        assert_eq!(housekeeping.read().held, Some(true));
    }

    #[test]
    fn mails_are_counted_by_what_became_of_them() {
        let housekeeping = Housekeeping::default();
        [MailOutcome::Sent, MailOutcome::Failed, MailOutcome::Failed, MailOutcome::GivenUp]
            .into_iter()
            .for_each(|outcome| housekeeping.mail(outcome));
        housekeeping.mails_waiting(3);
        let counts = housekeeping.read();
        let mails: Vec<_> = counts.mails.iter().map(|count| (count.label, count.count)).collect();
        assert_eq!(mails, [("sent", 1), ("failed", 2), ("given_up", 1)]);
        assert_eq!(counts.mails_waiting, 3);
    }
}
