//! The one entry: from request to answer.

use scim_core::ScimType;
use scim_core::message::SearchRequest;
use scim_directory::Scope;
use serde_json::Value;

use crate::access::{Caller, Counted};
use crate::failure::Failure;
use crate::limits::nests_deeper_than;
use crate::refused::Subject;
use crate::resource::Operation;
use crate::route::Route;
use crate::{Method, Provider, Request, Response};

impl Provider {
    /// Answers a request. Every outcome is an answer: errors have a SCIM body.
    pub async fn handle(&self, request: Request<'_>) -> Response {
        let json = accepts_plain_json(&request);
        let mut scope = None;
        let response = self.answer(request, &mut scope).await.unwrap_or_else(Response::from);
        Response { scope, ..typed(response, json) }
    }

    /// Whether the request's key opens anything; looks at the headers alone. For adapters, before they take in a large
    /// body: strangers are not to fill the memory. [`Provider::handle`] asks again.
    ///
    /// # Errors
    /// The answer to send, 401 or 403 as a rule.
    pub async fn admit(&self, request: &Request<'_>) -> Result<(), Response> {
        let refused = |failure: Failure| typed(failure.into(), accepts_plain_json(request));
        self.authenticate(request, Counted::No).await.map(|_| ()).map_err(refused)
    }

    async fn answer(&self, mut request: Request<'_>, scope: &mut Option<Scope>) -> Result<Response, Failure> {
        let body = std::mem::take(&mut request.body);
        let mut counted = Counted::Yes;
        if let Some(caller) = self.recognise(&request) {
            if let Some(outcome) = self.answer_to(&caller, &request, &body, scope).await {
                return outcome;
            }
            // What it was recognised by has changed. The request was counted all the same.
            counted = Counted::No;
        }
        let caller = Box::pin(self.authenticate(&request, counted)).await?;
        let outcome = self.answer_to(&caller, &request, &body, scope).await;
        outcome.unwrap_or_else(|| Err(Failure::status(500, "The server failed")))
    }

    /// Answers a caller; `None` where what it was recognised by is no longer so, and nothing was done.
    async fn answer_to(
        &self,
        caller: &Caller<'_>,
        request: &Request<'_>,
        body: &[u8],
        scope: &mut Option<Scope>,
    ) -> Option<Result<Response, Failure>> {
        let route = Route::parse(caller.registry, request.path);
        let mut confirmed = Ok(());
        if !route.as_ref().is_some_and(looks_itself) {
            confirmed = self.confirm(caller).await;
        }
        let outcome = match confirmed {
            Ok(()) => self.let_in(caller, request, route.as_ref(), body).await,
            Err(failure) => Err(failure),
        };
        // Where nothing was read, a mistake of the client's for instance, it is still to be asked.
        let outcome = match self.confirm(caller).await {
            Ok(()) => outcome,
            Err(failure) => Err(failure),
        };
        if caller.is_gone() {
            return None;
        }
        *scope = Some(caller.scope);
        self.counters.connectors.asked(caller.scope, request.now);
        let writes = route.is_some_and(|route| writes(&route, request.method));
        self.used(caller, request, &outcome, writes).await;
        Some(outcome)
    }

    /// Answers who was let in.
    async fn let_in(
        &self,
        caller: &Caller<'_>,
        request: &Request<'_>,
        route: Option<&Route>,
        body: &[u8],
    ) -> Result<Response, Failure> {
        let route = route
            .ok_or_else(|| Failure::status(404, "There is no such endpoint; /ResourceTypes lists them"))?;
        if !route.methods().contains(&request.method) {
            return Err(Failure::status(405, format!("This endpoint has {}", route.allow()))
                .with("Allow", route.allow()));
        }
        if request.method == Method::Options {
            return Ok(Response::empty(204).with("Allow", route.allow()));
        }
        if let Err(refused) = caller.permit(route, request.method) {
            self.confirm(caller).await?;
            Box::pin(self.log_refused(request, &refused)).await;
            return Err(refused.into_failure());
        }
        let parameters = parameters(request.query)?;
        let subject = Subject::default();
        let operation =
            Operation { provider: self, caller, request, parameters: &parameters, subject: &subject };
        let outcome = self.dispatch(route, operation, body).await;
        if let Err(failure) = &outcome
            && writes(route, request.method)
            && self.confirm(caller).await.is_ok()
        {
            Box::pin(operation.log_refusal(request.method, failure)).await;
        }
        outcome
    }

    /// Carries an operation out. What each takes is a piece of memory of its own, but for reading one resource: the future of a
    /// request has the size of the largest thing in it, and is copied from call to call.
    async fn dispatch(
        &self,
        route: &Route,
        operation: Operation<'_>,
        body: &[u8],
    ) -> Result<Response, Failure> {
        let Operation { caller, request, parameters, .. } = operation;
        match (route, request.method) {
            (Route::Me, _) => Err(Failure::status(501, "/Me has no meaning for a key: it is not a person")),
            (
                Route::ServiceProviderConfig
                | Route::ResourceTypes
                | Route::ResourceTypeNamed(_)
                | Route::Schemas
                | Route::SchemaNamed(_),
                _,
            ) if parameters.filter.is_some() => {
                Err(Failure::status(403, "Discovery endpoints cannot be filtered (RFC 7644 §4)"))
            }
            (Route::ServiceProviderConfig, _) => {
                Ok(self.service_provider_config(request.base, &caller.connector.settings.ways_in))
            }
            (Route::ResourceTypes, _) => Ok(Self::resource_types(caller.registry, request.base)),
            (Route::ResourceTypeNamed(name), _) => Self::resource_type(caller.registry, name, request.base),
            (Route::Schemas, _) => Ok(Self::schemas(caller.registry, request.base)),
            (Route::SchemaNamed(urn), _) => Self::schema(caller.registry, urn, request.base),
            (Route::Root, _) => Box::pin(operation.search(caller.registry.resource_types())).await,
            (Route::RootSearch, _) => {
                let parameters = SearchRequest::parse(self.json(request, body)?)?;
                let operation = Operation { parameters: &parameters, ..operation };
                Box::pin(operation.search(caller.registry.resource_types())).await
            }
            (Route::Search(resource_type), _) => {
                let parameters = SearchRequest::parse(self.json(request, body)?)?;
                let operation = Operation { parameters: &parameters, ..operation };
                Box::pin(operation.search(std::slice::from_ref(resource_type))).await
            }
            (Route::Bulk, _) => Box::pin(operation.bulk(self.json(request, body)?)).await,
            (Route::Collection(resource_type), Method::Post) => {
                Box::pin(operation.create(resource_type, self.json(request, body)?)).await
            }
            (Route::Collection(resource_type), _) => {
                Box::pin(operation.search(std::slice::from_ref(resource_type))).await
            }
            (Route::Item(resource_type, id), Method::Put) => {
                Box::pin(operation.replace(resource_type, id, self.json(request, body)?)).await
            }
            (Route::Item(resource_type, id), Method::Patch) => {
                Box::pin(operation.patch(resource_type, id, self.json(request, body)?)).await
            }
            (Route::Item(resource_type, id), Method::Delete) => {
                Box::pin(operation.delete(resource_type, id)).await
            }
            (Route::Item(resource_type, id), _) => operation.get(resource_type, id).await,
        }
    }

    /// The body as JSON, within the limits.
    fn json(&self, request: &Request<'_>, body: &[u8]) -> Result<Value, Failure> {
        let content_type = request.headers.get("content-type").unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if !["", "application/scim+json", "application/json"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(media_type))
        {
            return Err(Failure::status(415, "Send the body as application/scim+json or application/json"));
        }
        let limit = self.max_body_bytes(request.path);
        if body.len() > limit {
            return Err(Failure::status(
                413,
                format!("The body has more than {limit} bytes; send less in one request"),
            ));
        }
        let syntax = |detail: String| Failure::scim(ScimType::InvalidSyntax, detail);
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        if body.iter().all(u8::is_ascii_whitespace) {
            return Err(syntax("The body is empty; it must be a JSON object".to_owned()));
        }
        if nests_deeper_than(body, self.limits.max_json_depth) {
            return Err(syntax(format!("The body nests deeper than {} levels", self.limits.max_json_depth)));
        }
        // The parser's own text names line and column, never content.
        scim_core::tree::read(body).map_err(|error| syntax(format!("The body is not JSON: {error}")))
    }
}

/// Whether the look at the key goes with what a request does first: it reads what it is about, or commits.
fn looks_itself(route: &Route) -> bool {
    matches!(
        route,
        Route::Item(..) | Route::Collection(_) | Route::Search(_) | Route::RootSearch | Route::Root
    )
}

/// Whether a request changes one resource. The operations of a bulk request are logged one by one.
fn writes(route: &Route, method: Method) -> bool {
    match route {
        Route::Collection(_) => method == Method::Post,
        Route::Item(..) => matches!(method, Method::Put | Method::Patch | Method::Delete),
        _ => false,
    }
}

/// The answer with the type of its body.
fn typed(mut response: Response, json: bool) -> Response {
    if !response.body.is_empty() {
        let content_type =
            if json { "application/json; charset=utf-8" } else { "application/scim+json; charset=utf-8" };
        response.headers.push(("Content-Type", content_type.to_owned()));
    }
    response
}

/// The query's parameters, in form encoding (`+` is a blank).
fn parameters(query: &str) -> Result<SearchRequest, Failure> {
    if query.is_empty() {
        return Ok(SearchRequest::default());
    }
    let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    Ok(SearchRequest::from_query(pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref())))?)
}

/// Whether the client takes `application/json` but not `application/scim+json` (RFC 7644 §3.1).
fn accepts_plain_json(request: &Request<'_>) -> bool {
    let Some(accept) = request.headers.get("accept") else { return false };
    let mut plain = false;
    for range in accept.split(',') {
        let media_type = range.split(';').next().unwrap_or_default().trim();
        let is = |known: &&str| known.eq_ignore_ascii_case(media_type);
        if ["application/scim+json", "*/*", "application/*"].iter().any(is) {
            return false;
        }
        plain |= is(&"application/json");
    }
    plain
}

impl std::fmt::Debug for Caller<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller").field("scope", &self.scope).finish_non_exhaustive()
    }
}
