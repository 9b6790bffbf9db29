//! The OpenAPI document, made from the list of endpoints.

use scim_provider::Method;
use utoipa::openapi::path::{HttpMethod, Parameter, ParameterBuilder, ParameterIn, PathItem, PathsBuilder};
use utoipa::openapi::response::{ResponseBuilder, Responses, ResponsesBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, HeaderBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr,
    Required, Schema, ServerBuilder,
};
use utoipa::{IntoParams, ToSchema};

use crate::endpoint::{Endpoint, JSON, Spec};
use crate::problem::{PROBLEM_JSON, Shown};

/// The security scheme's name.
const ADMIN_KEY: &str = "admin_key";

/// What may go wrong with every request, with what it means.
const EVERY: [(u16, &str); 11] = [
    (400, "The request cannot be read"),
    (401, "No admin key, or none that is in force"),
    (403, "The key's role or network does not allow it"),
    (404, "It is not there, or not for this key"),
    (408, "It was not sent in time"),
    (413, "The body, or what was asked for, is too large"),
    (414, "Path and query are too long"),
    (422, "A member or parameter is not valid; `errors` names it"),
    (431, "The header fields are too long"),
    (500, "A fault of the server; its log has the cause"),
    (503, "The server cannot answer now; `Retry-After` says when to try again"),
];

/// The schema of a type and all that it refers to, by name.
pub(crate) fn schemas_of<T: ToSchema>(into: &mut Vec<(String, RefOr<Schema>)>) {
    if std::any::type_name::<T>() == "()" {
        return;
    }
    into.push((T::name().into_owned(), T::schema()));
    T::schemas(into);
}

/// An endpoint in words.
pub(crate) fn description(spec: &Spec) -> String {
    let role = format!("Needs the role `{:?}`.", spec.role);
    if spec.description.is_empty() { role } else { format!("{}\n\n{role}", spec.description) }
}

/// Parameters in path and query.
pub(crate) fn parameters<Q: IntoParams>(path: &str) -> Vec<Parameter> {
    let names = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let of_path = names.map(|name| {
        let description = match name {
            "instance" => "The instance's name or id",
            "connector" => "The connector's name or id",
            "user" => "The name of the integration user",
            "account" => "The account's id",
            "group" => "The group's id",
            "rule" => "The rule's name",
            "version" => "The version's number; 0 is the default mapping",
            "job" => "The job's name",
            _ => "Which one",
        };
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some(description))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String).min_length(Some(1))))
            .build()
    });
    of_path.chain(Q::into_params(|| Some(ParameterIn::Query))).collect()
}

/// Headers that requests with that method may have.
pub(crate) fn headers(method: Method) -> Vec<Parameter> {
    let header = |name: &str, description: &str, text: ObjectBuilder| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(description))
            .schema(Some(text.schema_type(Type::String)))
            .build()
    };
    let plain = ObjectBuilder::new;
    match method {
        Method::Post => vec![header(
            "Idempotency-Key",
            "A text of 1 to 255 visible ASCII characters; a retry with the same one gets the first answer for 24 hours",
            plain().min_length(Some(1)).max_length(Some(255)).pattern(Some("^[!-~]+$")),
        )],
        Method::Put | Method::Patch | Method::Delete => {
            vec![header("If-Match", "The `ETag` that was read; where it changed since, 412", plain())]
        }
        _ => vec![header(
            "If-None-Match",
            "The `ETag` that was read; where it is still the same, 304",
            plain(),
        )],
    }
}

/// Answers.
pub(crate) fn responses<A: ToSchema>(spec: &Spec) -> Responses {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let header =
        |description: &str| HeaderBuilder::new().description(Some(description)).schema(Some(text())).build();
    let mut success =
        ResponseBuilder::new().description(if spec.success == 204 { "Done" } else { spec.summary });
    if std::any::type_name::<A>() != "()" {
        let schema = Ref::from_schema_name(A::name());
        success = success.content(JSON, ContentBuilder::new().schema(Some(schema)).build());
    }
    for media_type in spec.also {
        success = success.content(*media_type, ContentBuilder::new().schema(Some(text())).build());
    }
    success = success.header("X-Request-Id", header("The request's id, as it stands in the logs"));
    if !spec.also.is_empty() {
        let description =
            "Where the next page begins, of answers that are not JSON: the `cursor` to ask for it with";
        success = success.header("X-Next-Cursor", header(description));
    }
    if spec.success == 201 {
        success = success.header("Location", header("Where it is"));
    }
    let mut responses = ResponsesBuilder::new().response(spec.success.to_string(), success.build());
    let problem = |description: &str| {
        let schema = Ref::from_schema_name(Shown::name());
        let content = ContentBuilder::new().schema(Some(schema)).build();
        ResponseBuilder::new().description(description).content(PROBLEM_JSON, content).build()
    };
    for (status, description) in EVERY {
        responses = responses.response(status.to_string(), problem(description));
    }
    let (changes, has_body) =
        (spec.method != Method::Get, matches!(spec.method, Method::Post | Method::Put | Method::Patch));
    if !changes {
        let description = "It is still the same (`If-None-Match`)";
        responses = responses.response("304", ResponseBuilder::new().description(description).build());
    }
    for (applies, status, description) in [
        (changes, 409, "Something that is there is in the way, or the first request is not answered yet"),
        (
            matches!(spec.method, Method::Put | Method::Patch | Method::Delete),
            412,
            "It changed since it was read (`If-Match`)",
        ),
        (has_body, 415, "The body has another media type"),
    ] {
        if applies {
            responses = responses.response(status.to_string(), problem(description));
        }
    }
    responses.build()
}

/// The document of these endpoints.
pub(crate) fn document(endpoints: &[Endpoint], version: &str) -> OpenApi {
    let (mut paths, mut components) = (PathsBuilder::new(), ComponentsBuilder::new());
    let mut problems = Vec::new();
    schemas_of::<Shown>(&mut problems);
    components = components.schemas_from_iter(problems);
    let mut tags: Vec<String> = Vec::new();
    for endpoint in endpoints {
        let method = match endpoint.method {
            Method::Post => HttpMethod::Post,
            Method::Put => HttpMethod::Put,
            Method::Patch => HttpMethod::Patch,
            Method::Delete => HttpMethod::Delete,
            _ => HttpMethod::Get,
        };
        paths = paths.path(endpoint.path, PathItem::new(method, endpoint.operation.clone()));
        components = (endpoint.schemas)(components);
        for tag in endpoint.operation.tags.iter().flatten() {
            if !tags.contains(tag) {
                tags.push(tag.clone());
            }
        }
    }
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("rca1_…")
        .description(Some("An admin key: `rollcall admin-key issue`"))
        .build();
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Rollcall admin API")
                .version(version)
                .description(Some(
                    "What administrators do: instances, connectors, keys, mapping, accounts, the provisioning log. Lists come in \
                     pages (`limit`, `cursor`), errors as problem details (RFC 9457).",
                ))
                .build(),
        )
        .servers(Some([ServerBuilder::new().url("/admin/v1").build()]))
        .paths(paths)
        .components(Some(components.security_scheme(ADMIN_KEY, SecurityScheme::Http(scheme)).build()))
        .security(Some([SecurityRequirement::new::<_, [&str; 0], &str>(ADMIN_KEY, [])]))
        .tags(Some(tags.into_iter().map(|name| TagBuilder::new().name(name).build()).collect::<Vec<_>>()))
        .build()
}
