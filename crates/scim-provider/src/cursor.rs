//! Cursors (RFC 9865): a place in a list, sealed, bound to its query and connector, expiring.
//!
//! What a client holds is an encrypted position. It cannot be read, changed, used for another query, another page size or
//! by another connector, and it ends after [`LIFETIME_SECONDS`]. The server keeps nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use scim_core::ScimType;
use scim_core::instant::Timestamp;
use scim_directory::ResourceId;
use scim_storage::{Keyset, SortKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::failure::Failure;

/// How long a cursor is good for (`pagination.cursorTimeout`).
pub(crate) const LIFETIME_SECONDS: i64 = 3600;

const NONCE_BYTES: usize = 24;

/// What a cursor is bound to: everything that, changed, would make it mean something else.
#[derive(Debug)]
pub(crate) struct Binding([u8; 32]);

impl Binding {
    /// A binding to these parts, in this order.
    pub(crate) fn new(parts: &[&str]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        Self(hasher.finalize().into())
    }
}

/// What stands inside.
#[derive(Serialize, Deserialize)]
struct Sealed {
    /// When it was made, in milliseconds.
    at: i64,
    /// The page size of the initial query.
    count: usize,
    id: uuid::Uuid,
    key: Option<SortKey>,
}

/// Makes and opens cursors with the server's secret.
pub(crate) struct Sealer(XChaCha20Poly1305);

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

impl Sealer {
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(secret.into()))
    }

    /// A cursor for the place behind `position`.
    pub(crate) fn seal(
        &self,
        binding: &Binding,
        position: &Keyset,
        count: usize,
        now: Timestamp,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<String, Failure> {
        let sealed =
            Sealed { at: now.unix_millis(), count, id: position.id.uuid(), key: position.key.clone() };
        let fault = || Failure::status(500, "The server could not make a cursor");
        let text = serde_json::to_vec(&sealed).map_err(|_| fault())?;
        let payload = Payload { msg: &text, aad: &binding.0 };
        let body = self.0.encrypt(XNonce::from_slice(&nonce), payload).map_err(|_| fault())?;
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&body);
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The place behind which a page begins.
    pub(crate) fn open(
        &self,
        binding: &Binding,
        cursor: &str,
        count: Option<usize>,
        now: Timestamp,
    ) -> Result<(Keyset, usize), Failure> {
        let invalid = || {
            Failure::scim(
                ScimType::InvalidCursor,
                "The cursor is not one that this server gave for this query; begin again without a cursor value",
            )
        };
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
        let (nonce, body) = bytes.split_at_checked(NONCE_BYTES).ok_or_else(invalid)?;
        let payload = Payload { msg: body, aad: &binding.0 };
        let text = self.0.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| invalid())?;
        let sealed: Sealed = serde_json::from_slice(&text).map_err(|_| invalid())?;
        if now.unix_millis().saturating_sub(sealed.at) > LIFETIME_SECONDS * 1000 {
            return Err(Failure::scim(
                ScimType::ExpiredCursor,
                format!(
                    "The cursor is older than {LIFETIME_SECONDS} seconds; begin again without a cursor value"
                ),
            ));
        }
        if count.is_some_and(|count| count != sealed.count) {
            return Err(Failure::scim(
                ScimType::InvalidCount,
                format!("count must stay {} while following cursors, as in the initial query", sealed.count),
            ));
        }
        Ok((Keyset { key: sealed.key, id: ResourceId::new(sealed.id) }, sealed.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position() -> Keyset {
        Keyset { key: Some(SortKey::Text("ada".to_owned())), id: ResourceId::new(uuid::Uuid::from_u128(7)) }
    }

    #[test]
    fn opens_only_for_its_own_query_count_and_time() {
        let sealer = Sealer::new(&[7; 32]);
        let (binding, now) = (Binding::new(&["a", "b"]), Timestamp::from_unix_millis(1_000_000));
        let cursor = sealer.seal(&binding, &position(), 10, now, [1; 24]).expect("sealed");
        let open = |binding: &Binding, cursor: &str, count, now| {
            sealer.open(binding, cursor, count, now).map_err(|failure| failure.error().scim_type())
        };
        assert_eq!(open(&binding, &cursor, Some(10), now), Ok((position(), 10)));
        assert_eq!(open(&binding, &cursor, None, now), Ok((position(), 10)));
        assert_eq!(open(&Binding::new(&["ab"]), &cursor, None, now), Err(Some(ScimType::InvalidCursor)));
        assert_eq!(open(&Binding::new(&["ab", ""]), &cursor, None, now), Err(Some(ScimType::InvalidCursor)));
        assert_eq!(open(&binding, "AAAA", None, now), Err(Some(ScimType::InvalidCursor)));
        assert_eq!(open(&binding, "", None, now), Err(Some(ScimType::InvalidCursor)));
        assert_eq!(open(&binding, &cursor, Some(11), now), Err(Some(ScimType::InvalidCount)));
        let late = now.plus_millis(LIFETIME_SECONDS * 1000 + 1);
        assert_eq!(open(&binding, &cursor, None, late), Err(Some(ScimType::ExpiredCursor)));
        let other = Sealer::new(&[8; 32]);
        assert!(other.open(&binding, &cursor, None, now).is_err());
    }
}
