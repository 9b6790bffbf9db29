//! A thread of its own that sends mails: the server waits for no mail server.
//!
//! What is not sent is tried again after growing pauses. At the end of the server each mail that waits has one more try, until
//! the mail server fails again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use scim_provider::{Housekeeping, MailOutcome};

use super::{Mail, MailError, Mailer, advice};

/// How long it waits after each failure of a mail; after the last one it is given up.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(60 * 60),
];
/// The most mails that wait; the oldest is given up where there are more.
const MAX_WAITING: usize = 1000;

/// Where mails are put to be sent.
#[derive(Debug)]
pub(crate) struct Postbox {
    mails: Sender<Mail>,
    thread: JoinHandle<()>,
}

impl Postbox {
    /// Begins to send, and to count what becomes of mails.
    pub(crate) fn start(mailer: Mailer, counts: Arc<Housekeeping>) -> anyhow::Result<Self> {
        let (mails, receiver) = channel();
        let deliver = move |mail: &Mail| mailer.send(mail);
        let thread = std::thread::Builder::new()
            .name("mail".to_owned())
            .spawn(move || run(&receiver, &deliver, &PAUSES, &counts))
            .context("cannot start the thread that sends mail")?;
        Ok(Self { mails, thread })
    }

    /// Puts a mail in.
    pub(crate) fn put(&self, mail: Mail) {
        // The thread ends after the last mail was put in, not before.
        let _ = self.mails.send(mail);
    }

    /// Sends what waits, once more, and ends. Blocks.
    pub(crate) fn close(self) {
        drop(self.mails);
        if self.thread.join().is_err() {
            log::error!("the thread that sends mail failed; mails may be lost");
        }
    }
}

/// A mail that was not sent, and how often.
struct Waiting {
    mail: Mail,
    failures: usize,
}

/// Sends what comes until nothing comes any more.
fn run(
    mails: &Receiver<Mail>,
    deliver: &dyn Fn(&Mail) -> Result<(), MailError>,
    pauses: &[Duration],
    counts: &Housekeeping,
) {
    let mut waiting: VecDeque<Waiting> = VecDeque::new();
    loop {
        counts.mails_waiting(waiting.len());
        let pause = waiting.iter().filter_map(|waiting| pauses.get(waiting.failures.saturating_sub(1))).min();
        let next = match pause {
            Some(pause) => mails.recv_timeout(*pause),
            None => mails.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match next {
            Ok(mail) => waiting.extend(attempt(Waiting { mail, failures: 0 }, deliver, pauses, counts)),
            Err(RecvTimeoutError::Timeout) => {
                let again = std::mem::take(&mut waiting);
                waiting.extend(again.into_iter().filter_map(|mail| attempt(mail, deliver, pauses, counts)));
            }
            Err(RecvTimeoutError::Disconnected) => {
                return last_tries(waiting, deliver, counts);
            }
        }
        if waiting.len() > MAX_WAITING
            && let Some(oldest) = waiting.pop_front()
        {
            counts.mail(MailOutcome::GivenUp);
            log::warn!("{}: the mail about its end is given up: too many wait", oldest.mail.about);
        }
    }
}

/// Tries each once more, until the mail server fails: it would fail, or take long to fail, for the rest too.
fn last_tries(
    waiting: VecDeque<Waiting>,
    deliver: &dyn Fn(&Mail) -> Result<(), MailError>,
    counts: &Housekeeping,
) {
    let mut failed = false;
    for Waiting { mail, .. } in waiting {
        if failed {
            counts.mail(MailOutcome::GivenUp);
            log::warn!("{}: the mail about its end is given up: the server ends", mail.about);
        } else if let Err(error) = deliver(&mail) {
            failed = !error.permanent;
            counts.mail(MailOutcome::GivenUp);
            log::warn!("{}", advice(&mail.about, &error));
        } else {
            counts.mail(MailOutcome::Sent);
        }
    }
}

/// Tries once; what is to be tried again comes back.
fn attempt(
    mut waiting: Waiting,
    deliver: &dyn Fn(&Mail) -> Result<(), MailError>,
    pauses: &[Duration],
    counts: &Housekeeping,
) -> Option<Waiting> {
    let Err(error) = deliver(&waiting.mail) else {
        counts.mail(MailOutcome::Sent);
        return None;
    };
    waiting.failures += 1;
    if error.permanent || waiting.failures > pauses.len() {
        counts.mail(MailOutcome::GivenUp);
        log::warn!("{}", advice(&waiting.mail.about, &error));
        return None;
    }
    counts.mail(MailOutcome::Failed);
    log::info!("{}: the mail about its end was not sent, it is tried again: {error}", waiting.mail.about);
    Some(waiting)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use lettre::Message;

    use super::*;

    fn mail(about: &str) -> Mail {
        let address: lettre::message::Mailbox = "it@example.com".parse().expect("an address");
        let message = Message::builder().from(address.clone()).to(address).body(String::new());
        Mail { about: about.to_owned(), message: message.expect("a mail") }
    }

    /// How many mails were sent, failed and were given up.
    fn told(counts: &Housekeeping) -> Vec<u64> {
        counts.read().mails.iter().map(|count| count.count).collect()
    }

    /// How often a mail is tried where the server fails so often, and the failures are for good.
    fn tries(failures: usize, permanent: bool, pauses: usize) -> usize {
        let (sender, receiver) = channel();
        let tries = Mutex::new(0);
        let deliver = |_: &Mail| {
            let mut tries = tries.lock().expect("a number");
            *tries += 1;
            let fails = *tries <= failures;
            if fails { Err(MailError { reason: "busy".to_owned(), permanent }) } else { Ok(()) }
        };
        sender.send(mail("a key")).expect("sent");
        std::thread::scope(|threads| {
            let pauses = vec![Duration::ZERO; pauses];
            let (receiver, deliver) =
                (Mutex::new(receiver), Mutex::new(&deliver as &(dyn Fn(&Mail) -> _ + Sync)));
            let thread = threads.spawn(move || {
                let (receiver, deliver) =
                    (receiver.into_inner().expect("one"), deliver.into_inner().expect("one"));
                run(&receiver, &|mail| deliver(mail), &pauses, &Housekeeping::default());
            });
            drop(sender);
            thread.join().expect("ended");
        });
        tries.into_inner().expect("a number")
    }

    #[test]
    fn what_fails_is_tried_again_and_given_up_at_last() {
        assert_eq!(tries(0, false, 5), 1);
        assert_eq!(tries(usize::MAX, true, 5), 1, "refused for good");
        assert_eq!(tries(usize::MAX, false, 0), 1);
        // Once more where the server ends.
        assert_eq!(tries(1, false, 5), 2);
        let both = || {
            VecDeque::from([
                Waiting { mail: mail("a key"), failures: 1 },
                Waiting { mail: mail("another"), failures: 1 },
            ])
        };
        for (permanent, expected) in [(true, 2), (false, 1)] {
            let tries = std::cell::Cell::new(0);
            let counts = Housekeeping::default();
            let deliver = |_: &Mail| {
                tries.set(tries.get() + 1);
                Err(MailError { reason: "busy".to_owned(), permanent })
            };
            last_tries(both(), &deliver, &counts);
            assert_eq!(tries.get(), expected, "permanent: {permanent}");
            assert_eq!(told(&counts), [0, 0, 2]);
        }
        let waiting = |failures| Waiting { mail: mail("a key"), failures };
        let fails = |_: &Mail| Err(MailError { reason: "busy".to_owned(), permanent: false });
        let counts = Housekeeping::default();
        assert!(attempt(waiting(4), &fails, &PAUSES, &counts).is_some());
        assert_eq!(told(&counts), [0, 1, 0]);
        assert!(attempt(waiting(5), &fails, &PAUSES, &counts).is_none());
        assert!(attempt(waiting(5), &|_| Ok(()), &PAUSES, &counts).is_none());
        assert_eq!(told(&counts), [1, 1, 1]);
    }
}
