//! One key.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::base62::{decode, encode};

/// The longest text that is looked at, in bytes.
pub const MAX_KEY_BYTES: usize = 512;

const PREFIX: &str = "rck1_";
const ID_WIDTH: usize = 22;
const SECRET_WIDTH: usize = 43;
const CHECK_WIDTH: usize = 6;

/// A text that is no key of ours. Says nothing about which keys exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a Rollcall key, or it was not copied whole")]
pub struct KeyFormatError;

/// A key with its secret. `Debug` shows the key's id alone.
#[derive(Clone)]
pub struct ApiKey {
    instance_id: [u8; 16],
    key_id: [u8; 16],
    secret: [u8; 32],
}

impl ApiKey {
    /// A key of these parts; `secret` comes from a cryptographically secure source.
    #[must_use]
    pub const fn new(instance_id: [u8; 16], key_id: [u8; 16], secret: [u8; 32]) -> Self {
        Self { instance_id, key_id, secret }
    }

    /// Reads a key.
    ///
    /// # Errors
    /// If the prefix, a width, a digit or the check is wrong.
    pub fn parse(text: &str) -> Result<Self, KeyFormatError> {
        if text.len() > MAX_KEY_BYTES {
            return Err(KeyFormatError);
        }
        let (body, check) = text
            .len()
            .checked_sub(CHECK_WIDTH)
            .and_then(|at| text.split_at_checked(at))
            .ok_or(KeyFormatError)?;
        let parts: Vec<&str> = body.strip_prefix(PREFIX).ok_or(KeyFormatError)?.split('_').collect();
        let [instance, key, secret] = parts.as_slice() else { return Err(KeyFormatError) };
        if instance.len() != ID_WIDTH || key.len() != ID_WIDTH || secret.len() != SECRET_WIDTH {
            return Err(KeyFormatError);
        }
        if decode::<4>(check) != Some(crc32fast::hash(body.as_bytes()).to_be_bytes()) {
            return Err(KeyFormatError);
        }
        Ok(Self {
            instance_id: decode(instance).ok_or(KeyFormatError)?,
            key_id: decode(key).ok_or(KeyFormatError)?,
            secret: decode(secret).ok_or(KeyFormatError)?,
        })
    }

    /// The id of the instance that the key belongs to.
    #[must_use]
    pub const fn instance_id(&self) -> [u8; 16] {
        self.instance_id
    }

    /// The key's own id.
    #[must_use]
    pub const fn key_id(&self) -> [u8; 16] {
        self.key_id
    }

    /// What a mac is made over, each part of fixed width.
    pub(crate) const fn parts(&self) -> [&[u8]; 4] {
        [PREFIX.as_bytes(), &self.instance_id, &self.key_id, &self.secret]
    }

    /// The key as text: shown once, to whoever issued it, and kept nowhere.
    #[must_use]
    pub fn reveal(&self) -> String {
        let mut text = format!(
            "{PREFIX}{}_{}_{}",
            encode(&self.instance_id, ID_WIDTH),
            encode(&self.key_id, ID_WIDTH),
            encode(&self.secret, SECRET_WIDTH)
        );
        let check = crc32fast::hash(text.as_bytes()).to_be_bytes();
        text.push_str(&encode(&check, CHECK_WIDTH));
        text
    }

    /// What is stored: a hash of the secret, the instance's and the key's id, so that a hash copied to another key's row
    /// is useless.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(PREFIX.as_bytes());
        hasher.update(self.instance_id);
        hasher.update(self.key_id);
        hasher.update(self.secret);
        hasher.finalize().into()
    }

    /// Whether this key has that hash; takes the same time whatever the answer.
    #[must_use]
    pub fn verify(&self, hash: &[u8; 32]) -> bool {
        self.hash().ct_eq(hash).into()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").field("key_id", &encode(&self.key_id, ID_WIDTH)).finish_non_exhaustive()
    }
}

impl Drop for ApiKey {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_change_of_a_character_is_refused() {
        let text = ApiKey::new([9; 16], [8; 16], [7; 32]).reveal();
        for (at, _) in text.char_indices() {
            for other in ["0", "Z", "_", "é", ""] {
                let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
                if changed != text {
                    assert!(ApiKey::parse(&changed).is_err(), "{changed}");
                }
            }
        }
        for wrong in [
            "",
            "rck1_",
            "Bearer x",
            &text[1..],
            &text[..text.len() - 1],
            &format!("{text} "),
            &"a".repeat(600),
        ] {
            assert_eq!(ApiKey::parse(wrong).err(), Some(KeyFormatError), "{wrong}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = ApiKey::new([1; 16], [2; 16], [0x5a; 32]);
        let shown = format!("{key:?}");
        assert!(!shown.contains(&encode(&[0x5a; 32], SECRET_WIDTH)) && !shown.contains("90"), "{shown}");
    }

    #[test]
    fn a_hash_is_bound_to_instance_and_key() {
        let key = ApiKey::new([1; 16], [2; 16], [3; 32]);
        assert!(key.verify(&key.hash()));
        assert!(!key.verify(&ApiKey::new([9; 16], [2; 16], [3; 32]).hash()));
        assert!(!key.verify(&ApiKey::new([1; 16], [9; 16], [3; 32]).hash()));
        assert!(!key.verify(&[0; 32]));
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(instance: [u8; 16], id: [u8; 16], secret: [u8; 32]) {
            let key = ApiKey::new(instance, id, secret);
            let text = key.reveal();
            prop_assert!(text.len() < 128 && text.is_ascii());
            let parsed = ApiKey::parse(&text).expect("our own");
            prop_assert_eq!(parsed.instance_id(), instance);
            prop_assert_eq!(parsed.key_id(), id);
            prop_assert!(parsed.verify(&key.hash()));
        }

        #[test]
        fn never_panics(text in "\\PC{0,120}") {
            let _ = ApiKey::parse(&text);
            let _ = ApiKey::parse(&format!("rck1_{text}"));
        }
    }
}
