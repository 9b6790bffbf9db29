//! From request to answer: find the endpoint, let the caller in, find the instance, do it, answer.

use std::io::BufRead;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use scim_core::instant::Timestamp;
use scim_directory::{AdminKeyRecord, Instance};
use scim_provider::admin::{Admin, AdminError};
use scim_provider::{HeaderSource, Method, Response, Source};

use crate::call::Call;
use crate::endpoint::{Endpoint, JSON, Rendered, Tag};
use crate::etag;
use crate::idempotency::{self, Known};
use crate::openapi;
use crate::page::Cursors;
use crate::problem::{Code, Problem};
use crate::resources;
use crate::router::{self, Found, Parameters};

/// The path of the API's own description, below `/admin/v1`.
const DESCRIPTION: &str = "/openapi.json";
/// The largest body of JSON, in bytes.
pub(crate) const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The header with the cursor of the next page, of lists that are shown as text.
pub(crate) const NEXT_CURSOR: &str = "x-next-cursor";

/// A request to the admin API.
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// What follows `/admin/v1`, not decoded.
    pub path: &'a str,
    /// The query string without `?`, not decoded.
    pub query: &'a str,
    /// The server's root URL as the client used it, without a slash at its end.
    pub root: &'a str,
    /// The SCIM URL that serves all instances, as clients see it, without a slash at its end.
    pub scim_url: &'a str,
    /// The client's address, as far as the adapter knows it.
    pub peer: Option<IpAddr>,
    /// The headers.
    pub headers: &'a (dyn HeaderSource + Sync),
    /// The body, whole; empty where it is streamed.
    pub body: Vec<u8>,
    /// The request's id, for the log.
    pub request_id: &'a str,
    /// When it came.
    pub now: Timestamp,
}

impl std::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Neither query nor body: they hold personal data.
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

/// The admin API of a server.
pub struct Api {
    pub(crate) admin: Admin,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) cursors: Cursors,
    /// When it began to answer.
    pub(crate) started: Timestamp,
    endpoints: Vec<Endpoint>,
    description: Vec<u8>,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}

impl Api {
    /// The API over administration that has peppers.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn start(admin: Admin, source: Arc<dyn Source>) -> Result<Self, AdminError> {
        let endpoints = resources::all();
        let document = openapi::document(&endpoints, env!("CARGO_PKG_VERSION"));
        let description = document.to_json().unwrap_or_default().into_bytes();
        let cursors = Cursors::new(&admin.shared_secret("admin cursors").await?);
        let started = source.now();
        Ok(Self { admin, source, cursors, started, endpoints, description })
    }

    /// Every endpoint but the description.
    #[must_use]
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// The endpoint that a request goes to.
    #[must_use]
    pub fn endpoint(&self, method: Method, path: &str) -> Option<&Endpoint> {
        match router::find(&self.endpoints, method, path) {
            Found::Endpoint(endpoint, _) => Some(endpoint),
            Found::OtherMethods(_) | Found::Nothing => None,
        }
    }

    /// The template of a path that is one of the API's, which names nobody: for logs and metrics.
    #[must_use]
    pub fn template(&self, path: &str) -> Option<&'static str> {
        if path == DESCRIPTION {
            return Some(DESCRIPTION);
        }
        let any = [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete];
        any.into_iter().find_map(|method| self.endpoint(method, path)).map(|endpoint| endpoint.path)
    }

    /// The largest body that is taken whole, in bytes.
    #[must_use]
    pub const fn max_body_bytes(&self) -> usize {
        MAX_BODY_BYTES
    }

    /// Whether the caller is let in and the endpoint is there: what is asked before a large body is taken in.
    ///
    /// # Errors
    /// The answer, where not.
    pub async fn admit(&self, request: &Request<'_>) -> Result<(), Response> {
        let admitted = async {
            let (endpoint, parameters) = self.route(request)?;
            let caller = self.authenticate(request).await?;
            self.open(endpoint, &parameters, &caller).await.map(|_| ())
        };
        admitted.await.map_err(|problem| problem.response(request.request_id))
    }

    /// Answers a request.
    pub async fn handle(&self, request: Request<'_>) -> Response {
        self.handle_with(request, None).await
    }

    /// Answers a request whose body is read as it comes ([`Endpoint::streams`]). Blocks while it waits for the body: to be
    /// called on a thread of its own.
    pub async fn handle_stream(&self, request: Request<'_>, body: Box<dyn BufRead + Send>) -> Response {
        self.handle_with(request, Some(body)).await
    }

    async fn handle_with(&self, request: Request<'_>, stream: Option<Box<dyn BufRead + Send>>) -> Response {
        if request.path == DESCRIPTION && matches!(request.method, Method::Get | Method::Head) {
            let response = Response::json(200, self.description.clone()).with("content-type", JSON);
            return conditional(&request, response, etag::of(&self.description));
        }
        let stream = Mutex::new(stream);
        match self.answer(&request, &stream).await {
            Ok(response) => response,
            Err(problem) => problem.response(request.request_id),
        }
    }

    fn route(&self, request: &Request<'_>) -> Result<(&Endpoint, Parameters), Problem> {
        match router::find(&self.endpoints, request.method, request.path) {
            Found::Endpoint(endpoint, parameters) => Ok((endpoint, parameters)),
            Found::OtherMethods(methods) => {
                let allowed = methods.join(", ");
                let detail = format!("This path has {allowed}");
                Err(Problem::new(Code::MethodNotAllowed, detail).with("allow", allowed))
            }
            Found::Nothing if request.path == DESCRIPTION => {
                Err(Problem::new(Code::MethodNotAllowed, "This path has GET, HEAD")
                    .with("allow", "GET, HEAD"))
            }
            Found::Nothing => {
                let detail = "There is nothing at this path; /admin/v1/openapi.json lists what there is";
                Err(Problem::new(Code::NotFound, detail))
            }
        }
    }

    /// The instance that a path names, where the caller may see it and has the endpoint's role.
    async fn open(
        &self,
        endpoint: &Endpoint,
        parameters: &[(&'static str, String)],
        caller: &AdminKeyRecord,
    ) -> Result<Option<Instance>, Problem> {
        let named = parameters.iter().find(|(name, _)| *name == "instance");
        let instance = match named {
            Some((_, name)) => Some(self.instance(name, caller).await?),
            None if endpoint.server && caller.instance.is_some() => {
                let detail =
                    "This is about the whole server, and the key opens one instance; use a key of the server";
                return Err(Problem::new(Code::Forbidden, detail));
            }
            None => None,
        };
        if caller.role < endpoint.role {
            let (needed, have) = (endpoint.role, caller.role);
            let detail = format!(
                "This needs the role {needed:?}, and the key has {have:?}; ask an owner for another key"
            );
            return Err(Problem::new(Code::Forbidden, detail));
        }
        Ok(instance)
    }

    /// The instance of that name or id. What the key does not reach is not there.
    async fn instance(&self, name: &str, caller: &AdminKeyRecord) -> Result<Instance, Problem> {
        let found = match name.parse() {
            Ok(id) => self.admin.instance_of(id).await,
            Err(_) => self.admin.instance_named(name).await,
        };
        let missing = || {
            Problem::new(Code::NotFound, format!("There is no instance {name:?}; GET /instances lists them"))
        };
        match found {
            Ok(instance) if caller.reaches(instance.id) => Ok(instance),
            Ok(_) | Err(AdminError::NotFound(_)) => Err(missing()),
            Err(error) => Err(error.into()),
        }
    }

    async fn answer(
        &self,
        request: &Request<'_>,
        stream: &crate::input::Streamed,
    ) -> Result<Response, Problem> {
        let (endpoint, parameters) = self.route(request)?;
        let caller = self.authenticate(request).await?;
        let instance = self.open(endpoint, &parameters, &caller).await?;
        let admin = self.admin.on_behalf_of(caller.id, request.request_id);
        let call = Call { api: self, endpoint, request, parameters, stream, instance, caller, admin };
        let first = match request.headers.get(idempotency::HEADER).filter(|_| endpoint.method == Method::Post)
        {
            None => None,
            Some(text) => match self.begin(&call, text).await? {
                Known::Answered(response) => return Ok(response),
                Known::First(first) => Some(first),
            },
        };
        let (response, again) = match (endpoint.run)(&call).await {
            Ok(rendered) => (shown(&call, rendered), false),
            Err(problem) => {
                let problem = self.still_let_in(&call, problem).await;
                let again = problem.did_nothing();
                (problem.response(request.request_id), again)
            }
        };
        if let Some(first) = first {
            self.finish(&call, first, &response, again).await;
        }
        Ok(response)
    }

    /// What went wrong; or that the key was revoked in between, which is why nothing could be committed.
    async fn still_let_in(&self, call: &Call<'_>, problem: Problem) -> Problem {
        if call.endpoint.method == Method::Get {
            return problem;
        }
        match self.authenticate(call.request).await {
            Err(refused) if refused.status() == 401 => refused,
            _ => problem,
        }
    }
}

/// The answer of an endpoint.
fn shown(call: &Call<'_>, rendered: Rendered) -> Response {
    let Rendered { body, tag, location, next } = rendered;
    let mut response = Response::empty(call.endpoint.success);
    if let Some(path) = location {
        response = response.with("location", format!("{}/admin/v1{path}", call.root()));
    }
    if let Some(cursor) = next {
        response = response.with(NEXT_CURSOR, cursor);
    }
    let Some((media_type, body)) = body else { return response };
    response = response.with("content-type", media_type);
    let of = match tag {
        Tag::None => return Response { body, ..response },
        Tag::Whole => etag::of(&body),
        Tag::Of(part) => etag::of(&part),
    };
    conditional(call.request, Response { body, ..response }, of)
}

/// The same with its entity tag; 304 where the client of a GET has it already.
fn conditional(request: &Request<'_>, response: Response, tag: String) -> Response {
    let known = request.headers.get("if-none-match");
    let reads = matches!(request.method, Method::Get | Method::Head);
    if reads && known.is_some_and(|list| etag::matches(list, &tag, etag::Comparison::Weak)) {
        return Response::empty(304).with("etag", tag);
    }
    response.with("etag", tag)
}
