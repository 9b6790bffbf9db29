//! Bodies: none, JSON, and changes as JSON merge patches (RFC 7396). What is wrong is told with the member's name.

use std::io::BufRead;
use std::sync::Mutex;

use scim_provider::admin::import::ImportFormat;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Required, Schema};

use crate::call::Call;
use crate::endpoint::JSON;
use crate::openapi::schemas_of;
use crate::problem::{Code, Problem};

/// The media type of JSON merge patches (RFC 7396 §4).
const MERGE_PATCH: &str = "application/merge-patch+json";
/// How deep JSON may be.
const MAX_DEPTH: usize = 32;

/// What a body is.
pub(crate) trait Input: Sized + Send {
    /// Whether it is read as it comes.
    const STREAMS: bool = false;

    /// How it is documented; `None` where there is none.
    fn document() -> Option<RequestBody>;

    /// The schemas that its documentation refers to.
    fn schemas(_into: &mut Vec<(String, RefOr<Schema>)>) {}

    /// Reads it.
    ///
    /// # Errors
    /// 400, 415 or 422, naming what is wrong with it.
    fn read(call: &Call<'_>) -> Result<Self, Problem>;
}

/// No body. One that is sent all the same is refused, as it would change nothing.
impl Input for () {
    fn document() -> Option<RequestBody> {
        None
    }

    fn read(call: &Call<'_>) -> Result<Self, Problem> {
        if call.body().is_empty() {
            return Ok(());
        }
        Err(Problem::new(Code::Malformed, "This takes no body; send the request without one"))
    }
}

/// JSON.
#[derive(Clone, Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned + ToSchema + Send> Input for Json<T> {
    fn document() -> Option<RequestBody> {
        Some(body::<T>(&[JSON]))
    }

    fn schemas(into: &mut Vec<(String, RefOr<Schema>)>) {
        schemas_of::<T>(into);
    }

    fn read(call: &Call<'_>) -> Result<Self, Problem> {
        parse(call, &[JSON]).map(Self)
    }
}

/// A change of a `T`, as a JSON merge patch (RFC 7396): members that are sent take the place of what is there, `null` takes
/// away, so that the default is in force again.
#[derive(Clone, Debug)]
pub(crate) struct Patch<T> {
    patch: Value,
    of: std::marker::PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned + ToSchema> Input for Patch<T> {
    fn document() -> Option<RequestBody> {
        Some(body::<T>(&[MERGE_PATCH, JSON]))
    }

    fn schemas(into: &mut Vec<(String, RefOr<Schema>)>) {
        schemas_of::<T>(into);
    }

    fn read(call: &Call<'_>) -> Result<Self, Problem> {
        let patch: Map<String, Value> = parse(call, &[MERGE_PATCH, JSON])?;
        Ok(Self { patch: patch.into(), of: std::marker::PhantomData })
    }
}

impl<T: Serialize + DeserializeOwned> Patch<T> {
    /// What becomes of `current`.
    ///
    /// # Errors
    /// 422, naming the members that make no sense.
    pub(crate) fn applied_to(&self, current: &T) -> Result<T, Problem> {
        let mut whole = serde_json::to_value(current).unwrap_or_default();
        merge(&mut whole, &self.patch);
        serde_path_to_error::deserialize(whole).map_err(|error| wrong(&error))
    }
}

/// A change as a JSON merge patch (RFC 7396) that is read as it stands: for what has members whose names only the instance
/// knows, of which `null` means something by itself.
#[derive(Clone, Debug)]
pub(crate) struct Changes<T>(pub(crate) T);

impl<T: DeserializeOwned + ToSchema + Send> Input for Changes<T> {
    fn document() -> Option<RequestBody> {
        Some(body::<T>(&[MERGE_PATCH, JSON]))
    }

    fn schemas(into: &mut Vec<(String, RefOr<Schema>)>) {
        schemas_of::<T>(into);
    }

    fn read(call: &Call<'_>) -> Result<Self, Problem> {
        parse(call, &[MERGE_PATCH, JSON]).map(Self)
    }
}

/// RFC 7396 §2.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Text that is read as it comes, line by line, and never held whole.
pub(crate) struct Stream {
    /// The text.
    pub(crate) body: Box<dyn BufRead + Send>,
    /// How it is written, by its media type.
    pub(crate) format: ImportFormat,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stream")
    }
}

/// The media type of CSV (RFC 7111).
const CSV: &str = "text/csv";
/// The media types of a [`Stream`].
const STREAMED: [&str; 2] = [CSV, "application/x-ndjson"];

impl Input for Stream {
    const STREAMS: bool = true;

    fn document() -> Option<RequestBody> {
        let text = || ContentBuilder::new().schema(Some(<String as utoipa::PartialSchema>::schema())).build();
        let builder = RequestBodyBuilder::new().required(Some(Required::True));
        Some(STREAMED.into_iter().fold(builder, |builder, media| builder.content(media, text())).build())
    }

    fn read(call: &Call<'_>) -> Result<Self, Problem> {
        let format = match media_type(call, &STREAMED)? {
            CSV => ImportFormat::Csv,
            _ => ImportFormat::JsonLines,
        };
        let body = call.stream().ok_or_else(|| Problem::new(Code::Malformed, "The body is missing"))?;
        Ok(Self { body, format })
    }
}

/// A body that is handed over once.
pub(crate) type Streamed = Mutex<Option<Box<dyn BufRead + Send>>>;

fn body<T: ToSchema>(media_types: &[&str]) -> RequestBody {
    let schema = || ContentBuilder::new().schema(Some(Ref::from_schema_name(T::name()))).build();
    let builder = RequestBodyBuilder::new().required(Some(Required::True));
    media_types.iter().fold(builder, |builder, media| builder.content(*media, schema())).build()
}

/// The one of the known media types that the body has.
fn media_type<'k>(call: &Call<'_>, known: &[&'k str]) -> Result<&'k str, Problem> {
    let given = call.request.headers.get("content-type").unwrap_or_default();
    let plain = given.split(';').next().unwrap_or_default().trim();
    if let Some(known) = known.iter().find(|known| known.eq_ignore_ascii_case(plain)) {
        return Ok(known);
    }
    let detail = format!("The body must be {}; say so in Content-Type", known.join(" or "));
    Err(Problem::new(Code::UnsupportedMediaType, detail))
}

fn parse<T: DeserializeOwned>(call: &Call<'_>, media_types: &[&str]) -> Result<T, Problem> {
    media_type(call, media_types)?;
    let malformed = |detail: String| Problem::new(Code::Malformed, detail);
    if is_too_deep(call.body()) {
        return Err(malformed(format!("The body is nested deeper than {MAX_DEPTH} levels")));
    }
    // First what is JSON at all, and then what it says: the two are different mistakes. A member that stands twice is one of
    // the first kind, as programs disagree about which of the two counts.
    let value: Unique = serde_json::from_slice(call.body())
        .map_err(|error| malformed(format!("The body is not JSON that can be read: {error}")))?;
    serde_path_to_error::deserialize(value.0).map_err(|error| wrong(&error))
}

/// Whether brackets outside of strings are nested too deep.
fn is_too_deep(text: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

/// JSON in which no member stands twice.
struct Unique(Value);

impl<'de> serde::Deserialize<'de> for Unique {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> serde::de::Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Unique(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((name, Unique(value))) = members.next_entry::<String, Unique>()? {
            if map.contains_key(&name) {
                return Err(serde::de::Error::custom(format!("the member {name:?} stands there twice")));
            }
            map.insert(name, value);
        }
        Ok(map.into())
    }
}

/// What is wrong with a member, by its place.
fn wrong(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in error.path() {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => {
                pointer.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1")))
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    Problem::member(&pointer, &error.inner().to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// RFC 7396, appendix A.
    #[test]
    fn a_merge_patch_does_what_the_standard_says() {
        let check = |target: Value, patch: Value, expected: Value| {
            let mut merged = target;
            merge(&mut merged, &patch);
            assert_eq!(merged, expected);
        };
        check(json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"}));
        check(json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"}));
        check(json!({"a":"b"}), json!({"a":null}), json!({}));
        check(json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"}));
        check(json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"}));
        check(json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]}));
        check(json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}}));
        check(json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]}));
        check(json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"]));
        check(json!({"a":"b"}), json!(["c"]), json!(["c"]));
        check(json!({"a":"foo"}), json!(null), json!(null));
        check(json!({"a":"foo"}), json!("bar"), json!("bar"));
        check(json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1}));
        check(json!([1, 2]), json!({"a":"b","c":null}), json!({"a":"b"}));
        check(json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}}));
    }

    #[test]
    fn depth_is_counted_outside_of_strings() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(!is_too_deep(deep(MAX_DEPTH).as_bytes()));
        assert!(is_too_deep(deep(MAX_DEPTH + 1).as_bytes()));
        assert!(!is_too_deep(format!("\"\\\"{}\"", deep(100)).as_bytes()));
    }

    #[test]
    fn members_stand_there_once() {
        assert!(serde_json::from_str::<Unique>("{\"a\":{\"b\":1,\"b\":1}}").is_err());
        let read = serde_json::from_str::<Unique>("{\"a\":[null,true,-1,1,1.5,\"x\"]}").expect("JSON");
        assert_eq!(read.0, json!({ "a": [null, true, -1, 1, 1.5, "x"] }));
    }
}
