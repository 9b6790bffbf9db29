//! A request that was let in: who asks, for which instance, and what was sent.

use std::io::BufRead;

use scim_core::instant::Timestamp;
use scim_directory::{AdminKeyRecord, Instance, InstanceId};
use scim_provider::admin::Admin;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::api::{Api, Request};
use crate::endpoint::Endpoint;
use crate::etag;
use crate::input::Streamed;
use crate::problem::{Code, Problem};

/// A request that was let in.
pub(crate) struct Call<'r> {
    pub(crate) api: &'r Api,
    pub(crate) endpoint: &'r Endpoint,
    pub(crate) request: &'r Request<'r>,
    pub(crate) parameters: crate::router::Parameters,
    pub(crate) stream: &'r Streamed,
    pub(crate) instance: Option<Instance>,
    /// The key that was shown.
    pub(crate) caller: AdminKeyRecord,
    /// The use-cases, on behalf of that key.
    pub(crate) admin: Admin,
}

impl std::fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("endpoint", &self.endpoint.id).finish_non_exhaustive()
    }
}

impl Call<'_> {
    /// The time when the request came.
    #[must_use]
    pub(crate) const fn now(&self) -> Timestamp {
        self.request.now
    }

    /// The request's id.
    #[must_use]
    pub(crate) const fn request_id(&self) -> &str {
        self.request.request_id
    }

    /// The server's root URL as the client used it, without a slash at its end.
    #[must_use]
    pub(crate) const fn root(&self) -> &str {
        self.request.root
    }

    /// The SCIM URL that serves all instances, as clients see it.
    #[must_use]
    pub(crate) const fn scim_url(&self) -> &str {
        self.request.scim_url
    }

    /// The instance that the path names, as it was when the request came. The key reaches it.
    ///
    /// # Errors
    /// 404 where the path names none.
    pub(crate) fn instance(&self) -> Result<&Instance, Problem> {
        self.instance.as_ref().ok_or_else(|| Problem::new(Code::NotFound, "The path names no instance"))
    }

    pub(crate) fn instance_id(&self) -> Option<InstanceId> {
        self.instance.as_ref().map(|instance| instance.id)
    }

    /// A parameter of the path, decoded.
    #[must_use]
    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.parameters
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
            .unwrap_or_default()
    }

    /// A parameter of the path as an id.
    ///
    /// # Errors
    /// 404 where it is none: there is nothing by that name.
    pub(crate) fn id<T: From<Uuid>>(&self, name: &str) -> Result<T, Problem> {
        let text = self.parameter(name);
        let id = text.parse::<uuid::fmt::Hyphenated>().map(|id| T::from(id.into_uuid()));
        id.map_err(|_| {
            Problem::new(Code::NotFound, format!("There is no {name} {text:?}; it is named by its id"))
        })
    }

    /// The query.
    ///
    /// # Errors
    /// 422, naming the parameter that makes no sense.
    pub(crate) fn query<Q: DeserializeOwned>(&self) -> Result<Q, Problem> {
        let pairs = form_urlencoded::parse(self.request.query.as_bytes());
        serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(pairs)).map_err(|error| {
            let name = error.path().to_string();
            let detail = error.inner().to_string();
            let name = if name == "." { "" } else { name.as_str() };
            Problem::member(name, &format!("{detail} (in the query)"))
        })
    }

    pub(crate) fn body(&self) -> &[u8] {
        self.request.body.as_slice()
    }

    pub(crate) fn stream(&self) -> Option<Box<dyn BufRead + Send>> {
        self.stream.lock().ok()?.take()
    }

    /// That the thing is still as the client read it, where the client says what that was (`If-Match`).
    ///
    /// # Errors
    /// 412 where it is not.
    pub(crate) fn unchanged<T: Serialize>(&self, thing: &T) -> Result<(), Problem> {
        let Some(wanted) = self.request.headers.get("if-match") else { return Ok(()) };
        let tag = etag::of(&serde_json::to_vec(thing).unwrap_or_default());
        if etag::matches(wanted, &tag, etag::Comparison::Strong) {
            return Ok(());
        }
        Err(Problem::new(
            Code::PreconditionFailed,
            "It changed since it was read; read it again, and decide again",
        ))
    }
}
