//! Passwords that clients send: dropped, or, where a connector asks for it, kept as argon2id hashes.
//!
//! Hashing takes tens of milliseconds of a processor by design, so it runs on a few threads of its own behind a bounded
//! queue; a flood of passwords is told to come back instead of taking the server down.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use futures_channel::oneshot;
use scim_core::resource::Resource;
use scim_core::schema::{ResourceType, USER_URN};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::Source;
use crate::failure::Failure;

/// Hashes that may wait.
const QUEUE: usize = 64;
/// Threads that hash.
const THREADS: usize = 2;
/// The salt's length in bytes (RFC 9106 §3.1).
const SALT_BYTES: usize = 16;

enum Job {
    Hash { password: String, salt: [u8; SALT_BYTES], answer: oneshot::Sender<Option<String>> },
    Verify { password: Zeroizing<String>, hash: Option<String>, answer: oneshot::Sender<bool> },
}

/// What a password is checked against where there is none to check it against, so that nobody learns by the time it takes:
/// of no password that anybody knows, with the costs of every other one.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$cm9sbGNhbGwtbm9ib2R5$\
                       5T1xGZsAqbQmWZc2hXkE3mRf0u8yN6pLJvKdCoIw4Ss";

/// A few threads that hash passwords, started when the first one comes.
#[derive(Debug, Default)]
pub(crate) struct PasswordHasher {
    queue: Mutex<Option<SyncSender<Job>>>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

impl PasswordHasher {
    /// What is kept in place of the password that `after` holds: nothing, or its hash (a PHC string) where `keep` says
    /// so. A hash that `before` held is left alone.
    pub(crate) async fn settle(
        &self,
        source: &dyn Source,
        resource_type: &ResourceType,
        before: Option<&Resource>,
        after: &mut Resource,
        keep: bool,
    ) -> Result<(), Failure> {
        if &*resource_type.schema.id != USER_URN {
            return Ok(());
        }
        let Some(given) = after.text("password") else { return Ok(()) };
        if before.and_then(|before| before.text("password")) == Some(given) {
            return Ok(());
        }
        if !keep {
            let kept = before.and_then(|before| before.text("password")).map(Value::from);
            match kept {
                Some(kept) => after.attributes_mut().insert("password".to_owned(), kept),
                None => after.attributes_mut().shift_remove("password"),
            };
            return Ok(());
        }
        let mut salt = [0; SALT_BYTES];
        source.random(&mut salt);
        let hash = self.hash(given.to_owned(), salt).await?;
        after.attributes_mut().insert("password".to_owned(), hash.into());
        Ok(())
    }

    async fn hash(&self, password: String, salt: [u8; SALT_BYTES]) -> Result<String, Failure> {
        let (answer, receiver) = oneshot::channel();
        self.submit(Job::Hash { password, salt, answer })?;
        match receiver.await {
            Ok(Some(hash)) => Ok(hash),
            _ => Err(Failure::status(500, "The server could not hash the password")),
        }
    }

    /// Whether a password is that of an argon2id hash. It takes as long where there is no hash.
    ///
    /// # Errors
    /// If too many wait already.
    pub(crate) async fn verify(&self, password: &str, hash: Option<&str>) -> Result<bool, Failure> {
        let (answer, receiver) = oneshot::channel();
        let (password, hash) = (Zeroizing::new(password.to_owned()), hash.map(str::to_owned));
        self.submit(Job::Verify { password, hash, answer })?;
        Ok(receiver.await.unwrap_or_default())
    }

    fn submit(&self, job: Job) -> Result<(), Failure> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = match &*queue {
            Some(sender) => sender,
            None => queue.insert(start()),
        };
        match sender.try_send(job) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                Err(Failure::unavailable("Too many passwords are being hashed; try again"))
            }
        }
    }
}

fn start() -> SyncSender<Job> {
    let (sender, receiver) = sync_channel(QUEUE);
    let receiver = Arc::new(Mutex::new(receiver));
    for _ in 0..THREADS {
        let receiver = Arc::clone(&receiver);
        let started =
            thread::Builder::new().name("password-hasher".to_owned()).spawn(move || work(&receiver));
        if let Err(error) = started {
            log::error!("cannot start a thread for password hashes: {error}");
        }
    }
    sender
}

fn work(receiver: &Mutex<Receiver<Job>>) {
    loop {
        let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        // The caller may be gone: what is answered to it is lost then.
        match job {
            Ok(Job::Hash { password, salt, answer }) => {
                let hash = SaltString::encode_b64(&salt).and_then(|salt| {
                    Argon2::default().hash_password(password.as_bytes(), &salt).map(|hash| hash.to_string())
                });
                let _ = answer.send(hash.ok());
            }
            Ok(Job::Verify { password, hash, answer }) => {
                let right = PasswordHash::new(hash.as_deref().unwrap_or(NOBODYS))
                    .and_then(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed));
                let _ = answer.send(hash.is_some() && right.is_ok());
            }
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use pollster::block_on;
    use scim_core::instant::Timestamp;
    use scim_core::schema::Registry;
    use serde_json::Map;

    use super::*;

    struct Fixed;

    impl Source for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp::default()
        }

        fn uuid(&self) -> uuid::Uuid {
            uuid::Uuid::nil()
        }

        fn random(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    /// What is kept of a password, where `before` was kept already.
    fn settled(before: Option<&str>, sent: &str, keep: bool) -> Option<String> {
        let registry = Registry::builtin();
        let user = registry.resource_type("User").expect("built in");
        let person = |password: &str| {
            Resource::from_canonical(Map::from_iter([("password".to_owned(), Value::from(password))]))
        };
        let (before, mut after) = (before.map(person), person(sent));
        let settle = PasswordHasher::default();
        block_on(settle.settle(&Fixed, user, before.as_ref(), &mut after, keep)).expect("a free queue");
        after.text("password").map(str::to_owned)
    }

    #[test]
    fn nobodys_hash_costs_what_every_other_one_costs() {
        let nobodys = PasswordHash::new(NOBODYS).expect("a PHC string");
        let hash = settled(None, "tulip 7", true).expect("kept");
        assert_eq!(nobodys.params, PasswordHash::new(&hash).expect("a PHC string").params);
        let hasher = PasswordHasher::default();
        let verify = |password: &str, hash: Option<&str>| {
            block_on(hasher.verify(password, hash)).expect("a free queue")
        };
        assert_eq!((verify("tulip 7", Some(&hash)), verify("tulip 8", Some(&hash))), (true, false));
        assert!(!verify("tulip 7", None));
    }

    #[test]
    fn a_password_is_dropped_or_kept_as_its_hash() {
        assert_eq!(settled(None, "tulip 7", false), None);
        assert_eq!(settled(Some("$argon2id$kept"), "tulip 7", false).as_deref(), Some("$argon2id$kept"));
        let hash = settled(None, "tulip 7", true).expect("kept");
        assert!(hash.starts_with("$argon2id$") && !hash.contains("tulip"), "{hash}");
        let parsed = PasswordHash::new(&hash).expect("a PHC string");
        assert!(Argon2::default().verify_password(b"tulip 7", &parsed).is_ok());
        assert!(Argon2::default().verify_password(b"tulip 8", &parsed).is_err());
        assert_eq!(
            settled(Some(&hash), &hash, true).as_deref(),
            Some(hash.as_str()),
            "it is not hashed again"
        );
        assert_ne!(settled(Some(&hash), "rose 9", true).as_deref(), Some(hash.as_str()));
    }
}
