//! Retries that get the first answer (`Idempotency-Key`).
//!
//! A request with such a header is noted before it is done and answered from the note afterwards. Answers may hold secrets
//! that are shown once, so they are sealed with a secret that is derived from the pepper and the header's own text, of which
//! only a hash is kept: neither the database nor the database with the pepper opens them.

use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use scim_directory::{AnsweredRequest, RequestMark};
use scim_provider::Response;
use scim_provider::admin::Remembered;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::api::{Api, Request};
use crate::call::Call;
use crate::problem::{Code, Problem};

/// The header (draft-ietf-httpapi-idempotency-key-header).
pub(crate) const HEADER: &str = "idempotency-key";
/// The header of an answer that was given before.
const REPLAYED: &str = "idempotency-replayed";
/// For how long a request may be under way, in milliseconds; longer than the deadline of any.
const UNDER_WAY_MILLIS: i64 = 60_000;
const NONCE_BYTES: usize = 24;

/// A request that came with an `Idempotency-Key` for the first time.
pub(crate) struct First {
    mark: RequestMark,
    sealer: XChaCha20Poly1305,
}

/// What is known of a request.
pub(crate) enum Known {
    /// Nothing: it is to be done.
    First(First),
    /// Its answer.
    Answered(Response),
}

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// The headers that are kept of an answer.
const KEPT_HEADERS: [&str; 5] = ["content-type", "etag", "location", "allow", "retry-after"];

impl Api {
    /// Notes a request that came with an `Idempotency-Key`, or finds its answer.
    pub(crate) async fn begin(&self, call: &Call<'_>, text: &str) -> Result<Known, Problem> {
        if text.is_empty() || text.len() > 255 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let detail = "Idempotency-Key must be 1 to 255 visible ASCII characters, such as a UUID";
            return Err(Problem::new(Code::Malformed, detail));
        }
        if call.endpoint.streams {
            let detail =
                "This takes no Idempotency-Key; give the import an id, and it goes on where it stopped";
            return Err(Problem::new(Code::Malformed, detail));
        }
        let mark = RequestMark { caller: call.caller.id, key: Sha256::digest(text).into() };
        let secret = call.admin.answer_secret(text)?;
        let sealer = XChaCha20Poly1305::new(secret.as_slice().into());
        let hash = hash(call.request);
        match call.admin.answer_begin(&call.caller, mark, hash).await? {
            Remembered::New => Ok(Known::First(First { mark, sealer })),
            Remembered::Known(known) => known_answer(&known, &hash, &sealer, call).map(Known::Answered),
        }
    }

    /// Keeps the answer, or forgets the request where it did nothing and may be tried again.
    pub(crate) async fn finish(&self, call: &Call<'_>, first: First, answer: &Response, again: bool) {
        let First { mark, sealer } = first;
        let kept = if again { None } else { self.seal(&sealer, answer) };
        if let Err(error) = call.admin.answer_finish(&call.caller, mark, kept).await {
            log::warn!("request {}: its answer could not be kept for retries: {error}", call.request_id());
        }
    }

    fn seal(&self, sealer: &XChaCha20Poly1305, answer: &Response) -> Option<Vec<u8>> {
        let is_kept = |name: &str| KEPT_HEADERS.contains(&name);
        let headers = answer.headers.iter().filter(|(name, _)| is_kept(name));
        let kept = Kept {
            status: answer.status,
            headers: headers.map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            body: answer.body.clone(),
        };
        let mut nonce = [0; NONCE_BYTES];
        self.source.random(&mut nonce);
        let mut sealed = nonce.to_vec();
        let text = serde_json::to_vec(&kept).ok()?;
        sealed.extend(sealer.encrypt(XNonce::from_slice(&nonce), text.as_slice()).ok()?);
        Some(sealed)
    }
}

/// The answer to a request that was noted before.
fn known_answer(
    known: &AnsweredRequest,
    hash: &[u8; 32],
    sealer: &XChaCha20Poly1305,
    call: &Call<'_>,
) -> Result<Response, Problem> {
    if known.request != *hash {
        let detail = "This Idempotency-Key came with another request; use a new one for each request";
        return Err(Problem::new(Code::KeyReused, detail));
    }
    let Some(sealed) = &known.answer else {
        let since = call.now().unix_millis().saturating_sub(known.at.unix_millis());
        return Err(if since < UNDER_WAY_MILLIS {
            let detail = "The first request with this Idempotency-Key is under way; try again";
            Problem::new(Code::InProgress, detail).with("retry-after", "1")
        } else {
            let detail = "The first request with this Idempotency-Key was begun, and its answer was lost; look whether it was \
                          done, and use a new Idempotency-Key if not";
            Problem::new(Code::InProgress, detail)
        });
    };
    let opened = || {
        let (nonce, body) = sealed.split_at_checked(NONCE_BYTES)?;
        let text = sealer.decrypt(XNonce::from_slice(nonce), body).ok()?;
        serde_json::from_slice::<Kept>(&text).ok()
    };
    let Some(kept) = opened() else {
        let detail = "The first answer cannot be read any more, because the pepper changed; look whether the request was done";
        return Err(Problem::new(Code::InProgress, detail));
    };
    let mut response = Response::json(kept.status, kept.body);
    for name in KEPT_HEADERS {
        if let Some((_, value)) = kept.headers.iter().find(|(kept, _)| kept == name) {
            response = response.with(name, value.clone());
        }
    }
    Ok(response.with(REPLAYED, "true"))
}

/// What makes a request another one.
fn hash(request: &Request<'_>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let content_type = request.headers.get("content-type").unwrap_or_default();
    for part in [
        request.method.name().as_bytes(),
        request.path.as_bytes(),
        request.query.as_bytes(),
        content_type.as_bytes(),
        &request.body,
    ] {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}
