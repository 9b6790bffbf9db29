//! One key: to an instance's SCIM service, or to the administration of an instance or a server.

use std::fmt;
use std::marker::PhantomData;

use zeroize::{Zeroize, Zeroizing};

use crate::base62::{decode, push};

/// How long a key's text is, in bytes. All of it is ASCII.
pub const KEY_BYTES: usize = PREFIX_WIDTH + ID_WIDTH + 1 + ID_WIDTH + 1 + SECRET_WIDTH + CHECK_WIDTH;

const PREFIX_WIDTH: usize = 5;
const ID_WIDTH: usize = 22;
const SECRET_WIDTH: usize = 43;
const CHECK_WIDTH: usize = 6;

/// How many of a key's last characters are shown.
const ENDING_WIDTH: usize = 4;

/// A text that is no key of ours. Says nothing about which keys exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a Rollcall key, or it was not copied whole")]
pub struct KeyFormatError;

/// What a key opens: its text begins with it, and its mac is made over it. So neither a text nor a mac of one kind ever
/// stands for one of the other.
pub trait KeyKind: sealed::Kind {}

mod sealed {
    pub trait Kind {
        /// What texts of this kind begin with: 5 bytes.
        const PREFIX: &'static str;
        /// What `Debug` calls it.
        const NAME: &'static str;
    }
}

/// Keys to the SCIM service of an instance: `rck1_…`.
#[derive(Clone, Copy, Debug)]
pub enum Scim {}

/// Keys to the administration of an instance, or of a whole server: `rca1_…`.
#[derive(Clone, Copy, Debug)]
pub enum Administration {}

impl sealed::Kind for Scim {
    const PREFIX: &'static str = "rck1_";
    const NAME: &'static str = "ApiKey";
}

impl sealed::Kind for Administration {
    const PREFIX: &'static str = "rca1_";
    const NAME: &'static str = "AdminKey";
}

impl<K: sealed::Kind> KeyKind for K {}

/// A key of an instance's connector.
pub type ApiKey = AnyKey<Scim>;

/// A key of administrators. Its instance's id is nil where it opens the whole server.
pub type AdminKey = AnyKey<Administration>;

/// A key with its secret. `Debug` shows the key's id alone.
pub struct AnyKey<K: KeyKind> {
    instance_id: [u8; 16],
    key_id: [u8; 16],
    secret: [u8; 32],
    kind: PhantomData<fn() -> K>,
}

impl<K: KeyKind> AnyKey<K> {
    /// A key of these parts; `secret` comes from a cryptographically secure source.
    #[must_use]
    pub const fn new(instance_id: [u8; 16], key_id: [u8; 16], secret: [u8; 32]) -> Self {
        const { assert!(K::PREFIX.len() == PREFIX_WIDTH, "a prefix has 5 bytes") };
        Self { instance_id, key_id, secret, kind: PhantomData }
    }

    /// Reads a key, on the stack alone.
    ///
    /// # Errors
    /// If the prefix, a width, a digit or the check is wrong, or a part stands for a greater number than it has room
    /// for. So a key has one text, and no other is read as that key.
    pub fn parse(text: &str) -> Result<Self, KeyFormatError> {
        Self::read(text.as_bytes()).ok_or(KeyFormatError)
    }

    fn read(text: &[u8]) -> Option<Self> {
        let (body, check) = text.split_last_chunk::<CHECK_WIDTH>()?;
        let (instance, rest) = body.strip_prefix(K::PREFIX.as_bytes())?.split_first_chunk::<ID_WIDTH>()?;
        let (id, rest) = rest.strip_prefix(b"_")?.split_first_chunk::<ID_WIDTH>()?;
        let secret: &[u8; SECRET_WIDTH] = rest.strip_prefix(b"_")?.try_into().ok()?;
        let mut sum = [0; 4];
        decode(check, &mut sum)?;
        if sum != crc32fast::hash(body).to_be_bytes() {
            return None;
        }
        // Read into its place: what is refused half-way is wiped with it.
        let mut key = Self::new([0; 16], [0; 16], [0; 32]);
        decode(instance, &mut key.instance_id)?;
        decode(id, &mut key.key_id)?;
        decode(secret, &mut key.secret)?;
        Some(key)
    }

    /// The instance's id in a text that begins like a key, though it was mistyped or cut behind that.
    ///
    /// Proves nothing, and opens nothing: it only says in whose log a refused attempt may be noted.
    #[must_use]
    pub fn instance_hint(text: &str) -> Option<[u8; 16]> {
        let rest = text.as_bytes().strip_prefix(K::PREFIX.as_bytes())?;
        let (instance, rest) = rest.split_first_chunk::<ID_WIDTH>()?;
        rest.strip_prefix(b"_")?;
        let mut id = [0; 16];
        decode(instance, &mut id).map(|()| id)
    }

    /// The id of the instance that the key belongs to; nil for an admin key of a whole server.
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
        [K::PREFIX.as_bytes(), &self.instance_id, &self.key_id, &self.secret]
    }

    /// The key as text: shown once, to whoever issued it, and kept nowhere.
    #[must_use]
    pub fn reveal(&self) -> String {
        // Room for all of it: a string that grows leaves copies behind.
        let mut text = String::with_capacity(KEY_BYTES);
        text.push_str(K::PREFIX);
        push(&mut text, &self.instance_id, ID_WIDTH);
        text.push('_');
        push(&mut text, &self.key_id, ID_WIDTH);
        text.push('_');
        push(&mut text, &self.secret, SECRET_WIDTH);
        let sum = crc32fast::hash(text.as_bytes()).to_be_bytes();
        push(&mut text, &sum, CHECK_WIDTH);
        text
    }

    /// The last 4 characters of the key's text, by which people tell their keys apart. They belong to the check.
    #[must_use]
    pub fn ending(&self) -> String {
        let text = Zeroizing::new(self.reveal());
        text.chars().skip(KEY_BYTES - ENDING_WIDTH).collect()
    }
}

impl<K: KeyKind> Clone for AnyKey<K> {
    fn clone(&self) -> Self {
        Self::new(self.instance_id, self.key_id, self.secret)
    }
}

impl<K: KeyKind> fmt::Debug for AnyKey<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut id = String::with_capacity(ID_WIDTH);
        push(&mut id, &self.key_id, ID_WIDTH);
        f.debug_struct(K::NAME).field("key_id", &id).finish_non_exhaustive()
    }
}

impl<K: KeyKind> Drop for AnyKey<K> {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A text with a check that is right.
    fn sealed(body: &str) -> String {
        let mut text = body.to_owned();
        push(&mut text, &crc32fast::hash(body.as_bytes()).to_be_bytes(), CHECK_WIDTH);
        text
    }

    fn check(text: &str, expected: Option<[u8; 16]>) {
        assert_eq!(ApiKey::parse(text).map(|key| key.key_id()).ok(), expected, "{text}");
    }

    #[test]
    fn the_format_never_changes() {
        let key = ApiKey::new([1; 16], [2; 16], [3; 32]);
        let text = "rck1_01tRy6czI6jAOLpZvq3hw1_03mtwDFyaDSKmhf9rg7Ps2_0iHJbkdqdSjdOv8lotdlpRYNaigOHJYDGtSybpLpt6R2ZdaFr";
        assert_eq!((key.reveal().as_str(), key.ending().as_str()), (text, &text[96..]));
        assert_eq!((text.len(), key.reveal().capacity()), (KEY_BYTES, KEY_BYTES));
        check(text, Some([2; 16]));
        let admin = AdminKey::new([0; 16], [2; 16], [3; 32]);
        let text = "rca1_0000000000000000000000_03mtwDFyaDSKmhf9rg7Ps2_0iHJbkdqdSjdOv8lotdlpRYNaigOHJYDGtSybpLpt6R2dWGRd";
        assert_eq!(admin.reveal(), text);
        assert_eq!(AdminKey::parse(text).map(|key| key.key_id()).ok(), Some([2; 16]));
    }

    /// The text, its check and the mac differ, though all the parts are the same.
    #[test]
    fn a_key_of_one_kind_never_stands_for_one_of_the_other() {
        let (instance, id, secret) = ([1; 16], [2; 16], [3; 32]);
        let (key, admin) = (ApiKey::new(instance, id, secret), AdminKey::new(instance, id, secret));
        let texts = [key.reveal(), admin.reveal()];
        assert!(ApiKey::parse(&texts[1]).is_err() && AdminKey::parse(&texts[0]).is_err());
        let relabelled = [texts[0].replacen("rck1_", "rca1_", 1), texts[1].replacen("rca1_", "rck1_", 1)];
        assert!(AdminKey::parse(&relabelled[0]).is_err() && ApiKey::parse(&relabelled[1]).is_err());
        assert_eq!((ApiKey::instance_hint(&texts[1]), AdminKey::instance_hint(&texts[0])), (None, None));
        let pepper =
            crate::Pepper::new(&std::array::from_fn::<u8, 32, _>(|at| u8::try_from(at).expect("small")));
        let peppers = crate::Peppers::from(pepper.expect("a pepper"));
        let kept = [peppers.keep(&key), peppers.keep(&admin)];
        assert_ne!(kept[0].mac, kept[1].mac);
        assert!(peppers.verify(&key, Some(&kept[0])).is_right());
        assert!(peppers.verify(&admin, Some(&kept[1])).is_right());
        assert!(!peppers.verify(&admin, Some(&kept[0])).is_right());
        assert!(!peppers.verify(&key, Some(&kept[1])).is_right());
    }

    #[test]
    fn every_change_of_a_character_is_refused() {
        let text = ApiKey::new([9; 16], [8; 16], [7; 32]).reveal();
        for (at, _) in text.char_indices() {
            for other in ["0", "Z", "_", "é", ""] {
                let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
                if changed != text {
                    check(&changed, None);
                }
            }
        }
        let (short, long) = (&text[1..], format!("{text} "));
        for wrong in ["", "rck1_", "Bearer x", short, &text[..text.len() - 1], &long, &"a".repeat(600)] {
            check(wrong, None);
        }
    }

    #[test]
    fn numbers_that_do_not_fit_and_other_widths_are_refused_though_the_check_is_right() {
        let (id, secret) = ("0".repeat(22), "0".repeat(43));
        let (great_id, great_secret) = ("z".repeat(22), "z".repeat(43));
        check(&sealed(&format!("rck1_{id}_{id}_{secret}")), Some([0; 16]));
        for wrong in [
            format!("rck1_{great_id}_{id}_{secret}"),
            format!("rck1_{id}_{great_id}_{secret}"),
            format!("rck1_{id}_{id}_{great_secret}"),
            format!("rck1_{id}_{id}_{}", &secret[1..]),
            format!("rck1_{id}_{id}_0{secret}"),
            format!("rck1_{id}0_{}_{secret}", &id[1..]),
            format!("rck1_{id}-{id}_{secret}"),
            format!("rck1_{id}_{id}-{secret}"),
            format!("rck2_{id}_{id}_{secret}"),
            format!("RCK1_{id}_{id}_{secret}"),
        ] {
            check(&sealed(&wrong), None);
        }
    }

    #[test]
    fn a_damaged_key_still_hints_at_its_instance() {
        let text = ApiKey::new([9; 16], [8; 16], [7; 32]).reveal();
        for (hint, expected) in [
            (text.clone(), Some([9; 16])),
            (text[..60].to_owned(), Some([9; 16])),
            (text[..28].to_owned(), Some([9; 16])),
            (format!("{}é{}", &text[..40], &text[42..]), Some([9; 16])),
            (format!("{text}{text}"), Some([9; 16])),
            (text[..27].to_owned(), None),
            (format!(" {text}"), None),
            (format!("{}-{}", &text[..27], &text[28..]), None),
            (format!("{}!{}", &text[..9], &text[10..]), None),
            (format!("rck1_{}_", "z".repeat(22)), None),
            (String::new(), None),
        ] {
            assert_eq!(ApiKey::instance_hint(&hint), expected, "{hint}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = ApiKey::new([1; 16], [2; 16], [0x5a; 32]);
        let shown = format!("{key:?}");
        let text = key.reveal();
        assert!(shown.contains(&text[28..50]) && !shown.contains(&text[51..56]), "{shown}");
        assert!(!shown.contains("90") && !shown.contains("5a"), "{shown}");
        let admin = format!("{:?}", AdminKey::new([1; 16], [2; 16], [0x5a; 32]));
        assert_eq!(admin, shown.replace("ApiKey", "AdminKey"));
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(instance: [u8; 16], id: [u8; 16], secret: [u8; 32]) {
            let text = ApiKey::new(instance, id, secret).reveal();
            prop_assert!(text.len() == KEY_BYTES && text.is_ascii());
            let parsed = ApiKey::parse(&text).expect("our own");
            prop_assert_eq!(parsed.parts(), [b"rck1_".as_slice(), &instance, &id, &secret]);
            prop_assert_eq!(parsed.reveal(), text.clone());
            prop_assert_eq!(ApiKey::instance_hint(&text), Some(instance));
        }

        #[test]
        fn reads_admin_keys_that_it_writes(instance: [u8; 16], id: [u8; 16], secret: [u8; 32]) {
            let text = AdminKey::new(instance, id, secret).reveal();
            prop_assert!(text.len() == KEY_BYTES && text.is_ascii());
            let parsed = AdminKey::parse(&text).expect("our own");
            prop_assert_eq!(parsed.parts(), [b"rca1_".as_slice(), &instance, &id, &secret]);
            prop_assert_eq!(parsed.reveal(), text.clone());
            prop_assert_eq!(AdminKey::instance_hint(&text), Some(instance));
            prop_assert!(ApiKey::parse(&text).is_err());
        }
    }
}
