//! An endpoint: what it is called, what goes in, what comes out, who may, and the function that does it. Router and OpenAPI
//! document are made from the same list, and the types that a function takes and gives are those that are documented.

use std::pin::Pin;
use std::sync::Arc;

use scim_directory::Privilege;
use scim_provider::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::openapi::path::{Operation, OperationBuilder};
use utoipa::openapi::{ComponentsBuilder, RefOr, Schema};
use utoipa::{IntoParams, ToSchema};

use crate::call::Call;
use crate::input::Input;
use crate::openapi;
use crate::problem::Problem;

/// What a function gives: an answer, some time.
pub(crate) type Handled<'c, A> = Pin<Box<dyn Future<Output = Result<Reply<A>, Problem>> + Send + 'c>>;
/// A function that answers requests to an endpoint with the query `Q` and the body `B`.
pub(crate) type Handler<Q, B, A> = for<'c> fn(&'c Call<'c>, Q, B) -> Handled<'c, A>;

/// An answer. Its status is the endpoint's.
#[derive(Debug)]
pub(crate) struct Reply<A> {
    pub(crate) content: Content<A>,
    pub(crate) tag: Tag,
    pub(crate) location: Option<String>,
    /// Where the next page of a list begins that is shown as text.
    pub(crate) next: Option<String>,
}

/// Of what an answer has its entity tag.
#[derive(Clone, Debug)]
pub(crate) enum Tag {
    /// It has none.
    None,
    /// Of all that it shows.
    Whole,
    /// Of this part: the rest changes by itself.
    Of(Vec<u8>),
}

/// What is in an answer.
#[derive(Debug)]
pub(crate) enum Content<A> {
    Nothing,
    Json(A),
    /// Text of a media type that the endpoint has besides JSON.
    Text(&'static str, String),
}

impl<A> Reply<A> {
    /// JSON that is no single thing: a list, a report.
    #[must_use]
    pub(crate) const fn json(value: A) -> Self {
        Self { content: Content::Json(value), tag: Tag::None, location: None, next: None }
    }

    /// One thing, with its entity tag.
    #[must_use]
    pub(crate) const fn thing(value: A) -> Self {
        Self { content: Content::Json(value), tag: Tag::Whole, location: None, next: None }
    }

    /// The same with the entity tag of a part: the part that clients change.
    #[must_use]
    pub(crate) fn tagged_by<P: Serialize>(self, part: &P) -> Self {
        Self { tag: Tag::Of(serde_json::to_vec(part).unwrap_or_default()), ..self }
    }

    /// One thing that was just made, and where it is: a path below `/admin/v1`.
    #[must_use]
    pub(crate) const fn made(value: A, path: String) -> Self {
        Self { content: Content::Json(value), tag: Tag::Whole, location: Some(path), next: None }
    }

    /// Text of another media type.
    #[must_use]
    pub(crate) const fn text(media_type: &'static str, text: String) -> Self {
        Self { content: Content::Text(media_type, text), tag: Tag::None, location: None, next: None }
    }

    /// The same with the cursor of the next page, for a list that is shown as text.
    #[must_use]
    pub(crate) fn followed_by(self, next: Option<String>) -> Self {
        Self { next, ..self }
    }
}

impl Reply<()> {
    /// Nothing but that it was done.
    #[must_use]
    pub(crate) const fn done() -> Self {
        Self { content: Content::Nothing, tag: Tag::None, location: None, next: None }
    }
}

/// An answer with its types taken away.
pub(crate) struct Rendered {
    pub(crate) body: Option<(&'static str, Vec<u8>)>,
    pub(crate) tag: Tag,
    pub(crate) location: Option<String>,
    pub(crate) next: Option<String>,
}

/// The JSON media type.
pub(crate) const JSON: &str = "application/json";

impl<A: Serialize> Reply<A> {
    fn render(self) -> Rendered {
        let body = match self.content {
            Content::Nothing => None,
            Content::Json(value) => Some((JSON, serde_json::to_vec(&value).unwrap_or_default())),
            Content::Text(media_type, text) => Some((media_type, text.into_bytes())),
        };
        Rendered { body, tag: self.tag, location: self.location, next: self.next }
    }
}

/// A rendered answer, some time.
pub(crate) type Answer<'c> = Pin<Box<dyn Future<Output = Result<Rendered, Problem>> + Send + 'c>>;
/// See [`Endpoint::run`].
type Run = Arc<dyn for<'c> Fn(&'c Call<'c>) -> Answer<'c> + Send + Sync>;

/// One endpoint.
pub struct Endpoint {
    /// The method.
    pub method: Method,
    /// The path below `/admin/v1`, with parameters in braces.
    pub path: &'static str,
    /// The `operationId`.
    pub id: &'static str,
    /// The least role that may.
    pub role: Privilege,
    /// Whether it is about the whole server, so that keys of one instance do not open it.
    pub server: bool,
    /// Whether its body is read as it comes, and of any size.
    pub streams: bool,
    pub(crate) success: u16,
    pub(crate) run: Run,
    pub(crate) operation: Operation,
    pub(crate) schemas: fn(ComponentsBuilder) -> ComponentsBuilder,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method.name(), self.path)
    }
}

/// What an endpoint is, but for its types.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spec {
    /// The method.
    pub method: Method,
    /// The path below `/admin/v1`, with parameters in braces.
    pub path: &'static str,
    /// The `operationId`.
    pub id: &'static str,
    /// The group of endpoints that it belongs to.
    pub(crate) tag: &'static str,
    /// What it does, in one line.
    pub(crate) summary: &'static str,
    /// What else there is to know; may be empty.
    pub(crate) description: &'static str,
    /// The least role that may.
    pub role: Privilege,
    /// The status of success.
    pub(crate) success: u16,
    /// Media types of answers besides JSON.
    pub(crate) also: &'static [&'static str],
}

impl Spec {
    /// An endpoint that reads, for every role.
    #[must_use]
    pub(crate) const fn get(
        path: &'static str,
        id: &'static str,
        tag: &'static str,
        summary: &'static str,
    ) -> Self {
        Self {
            method: Method::Get,
            path,
            id,
            tag,
            summary,
            description: "",
            role: Privilege::ReadOnly,
            success: 200,
            also: &[],
        }
    }

    /// An endpoint that changes something.
    #[must_use]
    pub(crate) const fn of(method: Method, role: Privilege, success: u16, get: Self) -> Self {
        Self { method, role, success, ..get }
    }

    /// The same with more to know.
    #[must_use]
    pub(crate) const fn about(self, description: &'static str) -> Self {
        Self { description, ..self }
    }

    /// The same for that role and those above.
    #[must_use]
    pub(crate) const fn role(self, role: Privilege) -> Self {
        Self { role, ..self }
    }

    /// The same with other media types of its answer.
    #[must_use]
    pub(crate) const fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }
}

impl Endpoint {
    /// An endpoint, its query, body and answer.
    #[must_use]
    pub(crate) fn new<Q, B, A>(spec: Spec, handler: Handler<Q, B, A>) -> Self
    where
        Q: DeserializeOwned + IntoParams + Send + 'static,
        B: Input + 'static,
        A: Serialize + ToSchema + Send + 'static,
    {
        let run: Run = Arc::new(move |call| {
            Box::pin(async move {
                let query = call.query::<Q>()?;
                let body = B::read(call)?;
                Ok(handler(call, query, body).await?.render())
            })
        });
        let operation = OperationBuilder::new()
            .operation_id(Some(spec.id))
            .tag(spec.tag)
            .summary(Some(spec.summary))
            .description(Some(openapi::description(&spec)))
            .parameters(Some(openapi::parameters::<Q>(spec.path)))
            .parameters(Some(openapi::headers(spec.method)))
            .request_body(B::document())
            .responses(openapi::responses::<A>(&spec))
            .build();
        Self {
            method: spec.method,
            path: spec.path,
            id: spec.id,
            role: spec.role,
            server: !spec.path.starts_with("/instances/{instance}"),
            streams: B::STREAMS,
            success: spec.success,
            run,
            operation,
            schemas: |components| {
                let mut schemas: Vec<(String, RefOr<Schema>)> = Vec::new();
                openapi::schemas_of::<A>(&mut schemas);
                B::schemas(&mut schemas);
                components.schemas_from_iter(schemas)
            },
        }
    }

    /// The same, but open to every key: each sees what it may see.
    #[must_use]
    pub(crate) fn for_every_key(self) -> Self {
        Self { server: false, ..self }
    }
}
