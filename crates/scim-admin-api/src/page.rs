//! Lists in pages: a limit, and a cursor that is the place where the next page begins, sealed.
//!
//! A cursor is bound to the endpoint, the instance and the other parameters; it cannot be read or changed. The server keeps
//! nothing, so it works on every node, and it does not end: a place in a list stays a place.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::call::Call;
use crate::problem::Problem;

/// The items of a page, where nothing else is asked for.
pub(crate) const DEFAULT_LIMIT: usize = 50;
/// The most items of a page.
pub(crate) const MAX_LIMIT: usize = 200;
const NONCE_BYTES: usize = 24;

/// Which page of a list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// How many items at most. Default: 50.
    #[serde(default)]
    #[param(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<usize>,
    /// Where the page begins: `next` of the page before, with the same parameters.
    #[serde(default)]
    pub(crate) cursor: Option<String>,
}

/// A page of a list.
#[derive(Debug, Serialize)]
pub(crate) struct Page<T: ToSchema> {
    /// The items.
    pub(crate) items: Vec<T>,
    /// The cursor of the next page; missing on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// A schema for each kind of item: the derived name would be the same for all.
impl<T: ToSchema> PartialSchema for Page<T> {
    fn schema() -> RefOr<Schema> {
        let next = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("The cursor of the next page; missing on the last one"));
        ObjectBuilder::new()
            .property("items", ArrayBuilder::new().items(Ref::from_schema_name(T::name())))
            .required("items")
            .property("next", next)
            .description(Some("A page of a list"))
            .into()
    }
}

impl<T: ToSchema> ToSchema for Page<T> {
    fn name() -> Cow<'static, str> {
        format!("PageOf{}", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

/// Which page is wanted, read and checked.
#[derive(Clone, Debug)]
pub(crate) struct Wanted<P> {
    /// How many items.
    pub(crate) limit: usize,
    /// The place after which they stand; `None` for the beginning.
    pub(crate) after: Option<P>,
}

/// What seals cursors.
pub(crate) struct Cursors(XChaCha20Poly1305);

impl Cursors {
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(secret.into()))
    }

    fn seal(&self, bound: &[u8], place: &[u8], nonce: [u8; NONCE_BYTES]) -> Option<String> {
        let payload = Payload { msg: place, aad: bound };
        let mut bytes = nonce.to_vec();
        bytes.extend(self.0.encrypt(XNonce::from_slice(&nonce), payload).ok()?);
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    fn open(&self, bound: &[u8], cursor: &str) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (nonce, body) = bytes.split_at_checked(NONCE_BYTES)?;
        self.0.decrypt(XNonce::from_slice(nonce), Payload { msg: body, aad: bound }).ok()
    }
}

impl Call<'_> {
    /// The page that a query wants; `what` is every other parameter that the list depends on.
    ///
    /// # Errors
    /// 422 where the limit is none of 1 to 200, or the cursor is not one that this list gave.
    pub(crate) fn wanted<P: DeserializeOwned>(
        &self,
        query: &PageQuery,
        what: &str,
    ) -> Result<Wanted<P>, Problem> {
        let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Problem::member("limit", &format!("must be 1 to {MAX_LIMIT}")));
        }
        let Some(cursor) = query.cursor.as_deref().filter(|cursor| !cursor.is_empty()) else {
            return Ok(Wanted { limit, after: None });
        };
        let place = self.api.cursors.open(&self.bound(what), cursor);
        let after = place.and_then(|place| serde_json::from_slice(&place).ok());
        let foreign = "is not one that this list gave for these parameters; begin again without it";
        after
            .map(|after| Wanted { limit, after: Some(after) })
            .ok_or_else(|| Problem::member("cursor", foreign))
    }

    /// A page of what was read with a limit of one more than is `wanted`: whether there is that one says whether there is a
    /// next page. `place` is where an item stands.
    pub(crate) fn page<P: Serialize, R, T: ToSchema>(
        &self,
        wanted: &Wanted<P>,
        what: &str,
        mut read: Vec<R>,
        place: impl Fn(&R) -> P,
        shown: impl FnMut(R) -> T,
    ) -> Page<T> {
        let more = read.len() > wanted.limit;
        read.truncate(wanted.limit);
        let next = read.last().filter(|_| more).and_then(|last| self.next(what, &place(last)));
        Page { items: read.into_iter().map(shown).collect(), next }
    }

    /// The cursor of the page that begins after a place.
    pub(crate) fn next<P: Serialize>(&self, what: &str, place: &P) -> Option<String> {
        let mut nonce = [0; NONCE_BYTES];
        self.api.source.random(&mut nonce);
        let place = serde_json::to_vec(place).ok()?;
        self.api.cursors.seal(&self.bound(what), &place, nonce)
    }

    /// What cursors of this list are bound to.
    fn bound(&self, what: &str) -> Vec<u8> {
        let instance = self.instance_id().map(|id| id.uuid().into_bytes()).unwrap_or_default();
        [self.endpoint.id.as_bytes(), &[0], &instance, what.as_bytes()].concat()
    }
}
