//! One pepper: the secret that stands outside the database, and what is made with it.
//!
//! Nothing here makes a pepper or reads one from a file: its bytes are an argument.

use std::fmt;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::key::{AnyKey, KeyKind};

/// The fewest bytes of a pepper.
pub const MIN_PEPPER_BYTES: usize = 32;

/// The most bytes of a pepper: a block of SHA-256.
pub const MAX_PEPPER_BYTES: usize = 64;

/// What the id of a pepper is derived under. Changing it makes every pepper an unknown one.
const ID_LABEL: &[u8] = b"rollcall pepper id v1";

/// Why a pepper, or a text of peppers, cannot be used. Says where and what to change, and quotes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}", .line.map(|line| format!("line {line}: ")).unwrap_or_default())]
pub struct PepperError {
    line: Option<usize>,
    problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    #[error(
        "a pepper has {MIN_PEPPER_BYTES} to {MAX_PEPPER_BYTES} bytes, this one has {bytes}; use 32 random bytes"
    )]
    Length { bytes: usize },
    #[error("all bytes of this pepper are the same; use 32 random bytes")]
    Uniform,
    #[error(
        "a pepper is written as {} to {} hexadecimal digits, this line has {digits}; write 64 of them",
        MIN_PEPPER_BYTES * 2,
        MAX_PEPPER_BYTES * 2
    )]
    Digits { digits: usize },
    #[error("character {at} is not a hexadecimal digit; write one pepper a line, and begin remarks with #")]
    Foreign { at: usize },
    #[error("this is the pepper of line {first} again; remove one of the two")]
    Repeated { first: usize },
    #[error("more than {most} peppers; remove those that no key needs any more, from the end")]
    Many { most: usize },
    #[error("there is no pepper; write one line of 64 random hexadecimal digits")]
    Missing,
}

impl PepperError {
    /// The line of the text that is wrong, from 1; `None` if it is not about one line.
    #[must_use]
    pub const fn line(&self) -> Option<usize> {
        self.line
    }

    pub(crate) const fn on_line(self, line: usize) -> Self {
        Self { line: Some(line), problem: self.problem }
    }
}

impl From<Problem> for PepperError {
    fn from(problem: Problem) -> Self {
        Self { line: None, problem }
    }
}

/// A pepper: 32 to 64 secret random bytes, without which the macs in a database can be neither checked nor made.
///
/// The bytes and all that is computed from them are wiped when it is dropped. It cannot be cloned, printed or compared;
/// `Debug` shows its id.
pub struct Pepper {
    id: [u8; 16],
    secret: Zeroizing<Box<[u8]>>,
    /// The state of HMAC once the key is in, so that a mac costs no work on the pepper. In a box: moving a pepper leaves
    /// nothing behind.
    keyed: Box<Hmac<Sha256>>,
}

impl Pepper {
    /// A pepper of these bytes, which come from a cryptographically secure source.
    ///
    /// # Errors
    /// If there are fewer than [`MIN_PEPPER_BYTES`] or more than [`MAX_PEPPER_BYTES`], or all are equal: nobody draws
    /// such bytes, they are a file of zeros or a place to be filled in.
    pub fn new(secret: &[u8]) -> Result<Self, PepperError> {
        if !(MIN_PEPPER_BYTES..=MAX_PEPPER_BYTES).contains(&secret.len()) {
            return Err(Problem::Length { bytes: secret.len() }.into());
        }
        if secret.iter().all(|byte| Some(byte) == secret.first()) {
            return Err(Problem::Uniform.into());
        }
        let keyed = Hmac::new_from_slice(secret).map_err(|_| Problem::Length { bytes: secret.len() })?;
        let mut id = [0; 16];
        expand(None, secret, ID_LABEL, &mut id);
        Ok(Self { id, secret: Zeroizing::new(secret.into()), keyed: Box::new(keyed) })
    }

    /// The pepper's id, which is no secret: derived from the pepper by HKDF-SHA-256, so it also tells whether two nodes
    /// hold the same pepper, and leads nobody back to it.
    #[must_use]
    pub const fn id(&self) -> [u8; 16] {
        self.id
    }

    /// What is stored of a key: HMAC-SHA-256 under this pepper over `rck1_` or `rca1_`, the instance's id, the key's id and
    /// the secret. Bound to the kind and both ids, so that a mac copied into another row is useless.
    #[must_use]
    pub fn mac<K: KeyKind>(&self, key: &AnyKey<K>) -> [u8; 32] {
        let mut mac = Hmac::clone(&self.keyed);
        for part in key.parts() {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// Another secret, for another purpose: HKDF-SHA-256 (RFC 5869) of this pepper with `salt` and `info`. Who knows it
    /// knows neither the pepper nor what is derived with another `info`.
    #[must_use]
    pub fn derive(&self, salt: &[u8], info: &[u8]) -> [u8; 32] {
        let mut derived = [0; 32];
        expand(Some(salt), &self.secret, info, &mut derived);
        derived
    }
}

/// HKDF-SHA-256 to at most 32 bytes.
fn expand<const N: usize>(salt: Option<&[u8]>, secret: &[u8], info: &[u8], into: &mut [u8; N]) {
    const { assert!(N <= 32, "one block of SHA-256") };
    let done = Hkdf::<Sha256>::new(salt, secret).expand(info, into);
    debug_assert!(done.is_ok(), "HKDF refuses only more than 255 blocks");
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = u128::from_be_bytes(self.id);
        f.debug_tuple("Pepper").field(&format_args!("{id:032x}")).finish()
    }
}

#[cfg(test)]
mod tests {
    use zeroize::ZeroizeOnDrop;

    use super::*;
    use crate::ApiKey;

    fn pepper() -> Pepper {
        Pepper::new(&std::array::from_fn::<u8, 32, _>(|at| u8::try_from(at).expect("small")))
            .expect("a pepper")
    }

    fn check(bytes: &[u8], expected: Result<(), &str>) {
        let told = Pepper::new(bytes).map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(told, expected.map_err(str::to_owned), "{bytes:?}");
    }

    #[test]
    fn what_is_too_short_too_long_or_uniform_is_refused() {
        let ends = |count: usize| (0..count).map(|at| u8::from(at == 0)).collect::<Vec<_>>();
        check(&[], Err("a pepper has 32 to 64 bytes, this one has 0; use 32 random bytes"));
        check(&ends(31), Err("a pepper has 32 to 64 bytes, this one has 31; use 32 random bytes"));
        check(&ends(65), Err("a pepper has 32 to 64 bytes, this one has 65; use 32 random bytes"));
        check(&[0; 32], Err("all bytes of this pepper are the same; use 32 random bytes"));
        check(&[0xff; 64], Err("all bytes of this pepper are the same; use 32 random bytes"));
        check(&ends(32), Ok(()));
        check(&ends(64), Ok(()));
    }

    /// Worked out by Python's `hmac` and `hashlib`.
    #[test]
    fn id_mac_and_derived_secrets_never_change() {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let pepper = pepper();
        assert_eq!(hex(&pepper.id()), "bb0b0115ecbc2839993d01a76e651603");
        assert_eq!(
            hex(&pepper.mac(&ApiKey::new([1; 16], [2; 16], [3; 32]))),
            "7c3371b8175033b591e9d4cd3ad6e7dcbde2865ef57d063d4d87d5b75abe42b3"
        );
        assert_eq!(
            hex(&pepper.derive(b"salt", b"info")),
            "64cc2a23b7a1da4310420350405fdf5d632cb9bda3700d753e96cbcfeb81d449"
        );
        assert_eq!(
            hex(&pepper.derive(b"", b"")),
            "37ad29109f43265287804b674e2653d0a513718907f97fca97c95bded8104bbf"
        );
    }

    #[test]
    fn a_mac_is_bound_to_every_part_and_to_the_pepper() {
        let key = ApiKey::new([1; 16], [2; 16], [3; 32]);
        let mac = pepper().mac(&key);
        for other in [
            ApiKey::new([9; 16], [2; 16], [3; 32]),
            ApiKey::new([1; 16], [9; 16], [3; 32]),
            ApiKey::new([1; 16], [2; 16], [9; 32]),
        ] {
            assert_ne!(pepper().mac(&other), mac, "{other:?}");
        }
        let mut bytes = [7; 32];
        bytes[0] = 0;
        assert_ne!(Pepper::new(&bytes).expect("a pepper").mac(&key), mac);
    }

    #[test]
    fn debug_shows_the_id_alone() {
        assert_eq!(format!("{:?}", pepper()), "Pepper(bb0b0115ecbc2839993d01a76e651603)");
    }

    #[test]
    fn what_is_secret_is_wiped() {
        fn wiped<T: ZeroizeOnDrop>() {}
        // What an HMAC is made of: two states of the hash and a buffer.
        wiped::<Sha256>();
        wiped::<Zeroizing<Box<[u8]>>>();
    }
}
