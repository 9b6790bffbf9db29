//! Query parameters (RFC 7644 §3.4.2, RFC 9865 §2), from a URL or from the body of `POST …/.search` (§3.4.3).
//!
//! Filters and paths stay text here: [`crate::filter`] and [`crate::path`] judge them against a resource type.

use std::num::IntErrorKind;

use serde_json::Value;

use super::{MessageError, SEARCH_REQUEST_URN, envelope, take_member};

/// The direction of sorting (RFC 7644 §3.4.2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SortOrder {
    /// Smallest first; resources without the value last.
    #[default]
    Ascending,
    /// Largest first; resources without the value first.
    Descending,
}

/// What a query asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchRequest {
    /// Paths of the attributes to return; empty where none were asked for by name.
    pub attributes: Vec<String>,
    /// Paths of the attributes to leave out.
    pub excluded_attributes: Vec<String>,
    /// The filter's text.
    pub filter: Option<String>,
    /// The path to sort by.
    pub sort_by: Option<String>,
    /// The direction.
    pub sort_order: SortOrder,
    /// The 1-based index of the first result, at least 1; `None` where it was not given.
    pub start_index: Option<u64>,
    /// The largest number of results wanted; `None` where it was not given.
    pub count: Option<u64>,
    /// The cursor; an empty one asks for the first page (RFC 9865 §2).
    pub cursor: Option<String>,
}

impl SearchRequest {
    /// Reads the body of `POST …/.search`. Member names have any letter case, unknown members are ignored.
    ///
    /// # Errors
    /// [`MessageError`]: `schemas` without the URN of a search request, a member of the wrong JSON type
    /// (`invalidSyntax`), an unknown sort order (`invalidValue`).
    pub fn parse(body: Value) -> Result<Self, MessageError> {
        let mut members = envelope(body, SEARCH_REQUEST_URN)?;
        let mut text = |member: &'static str| match take_member(&mut members, member) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(MessageError::Member { member, expected: "a string" }),
        };
        let filter = text("filter")?;
        let sort_by = text("sortBy")?.filter(|path| !path.trim().is_empty());
        let sort_order = sort_order(text("sortOrder")?.as_deref())?;
        let cursor = text("cursor")?;
        let mut whole = |member: &'static str| match take_member(&mut members, member) {
            None => Ok(None),
            Some(Value::Number(number)) => match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => Ok(Some(number)),
                (None, Some(_)) => Ok(Some(i64::MAX)),
                (None, None) => Err(MessageError::Member { member, expected: "a whole number" }),
            },
            Some(_) => Err(MessageError::Member { member, expected: "a whole number" }),
        };
        let (start_index, count) = (whole("startIndex")?, whole("count")?);
        let mut paths = |member: &'static str| match take_member(&mut members, member) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(split_paths(&text)),
            Some(Value::Array(list)) => list
                .iter()
                .map(|path| path.as_str().map(|path| path.trim().to_owned()))
                .collect::<Option<Vec<_>>>()
                .map(|paths| paths.into_iter().filter(|path| !path.is_empty()).collect())
                .ok_or(MessageError::Member { member, expected: "an array of strings" }),
            Some(_) => Err(MessageError::Member { member, expected: "an array of strings" }),
        };
        Ok(Self {
            attributes: paths("attributes")?,
            excluded_attributes: paths("excludedAttributes")?,
            filter,
            sort_by,
            sort_order,
            start_index: start_index.map(at_least_one),
            count: count.map(not_negative),
            cursor,
        })
    }

    /// Reads the decoded name-value pairs of a URL's query. Unknown parameters are ignored, of a repeated one the first
    /// counts; names have any letter case.
    ///
    /// # Errors
    /// [`MessageError::Parameter`] (`invalidValue`): a `startIndex` or `count` that is no number, an unknown sort order.
    pub fn from_query<'q>(pairs: impl IntoIterator<Item = (&'q str, &'q str)>) -> Result<Self, MessageError> {
        const NAMES: [&str; 8] = [
            "attributes",
            "excludedAttributes",
            "filter",
            "sortBy",
            "sortOrder",
            "startIndex",
            "count",
            "cursor",
        ];
        let mut given: [Option<&str>; NAMES.len()] = [None; NAMES.len()];
        for (name, value) in pairs {
            for (slot, known) in given.iter_mut().zip(NAMES) {
                if slot.is_none() && known.eq_ignore_ascii_case(name) {
                    *slot = Some(value);
                }
            }
        }
        let [attributes, excluded_attributes, filter, sort_by, order, start_index, count, cursor] = given;
        Ok(Self {
            attributes: attributes.map(split_paths).unwrap_or_default(),
            excluded_attributes: excluded_attributes.map(split_paths).unwrap_or_default(),
            filter: filter.map(str::to_owned),
            sort_by: sort_by.filter(|path| !path.trim().is_empty()).map(|path| path.trim().to_owned()),
            sort_order: sort_order(order)?,
            start_index: start_index
                .map(|text| number("startIndex", text))
                .transpose()?
                .flatten()
                .map(at_least_one),
            count: count.map(|text| number("count", text)).transpose()?.flatten().map(not_negative),
            cursor: cursor.map(str::to_owned),
        })
    }
}

/// Paths between commas; commas inside brackets or quotes belong to the path (`emails[type eq "a,b"]`).
fn split_paths(text: &str) -> Vec<String> {
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    text.split(|c: char| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0 && !quoted
    })
    .map(str::trim)
    .filter(|path| !path.is_empty())
    .map(str::to_owned)
    .collect()
}

fn sort_order(given: Option<&str>) -> Result<SortOrder, MessageError> {
    match given.map(str::trim) {
        None | Some("") => Ok(SortOrder::Ascending),
        Some(order) if order.eq_ignore_ascii_case("ascending") => Ok(SortOrder::Ascending),
        Some(order) if order.eq_ignore_ascii_case("descending") => Ok(SortOrder::Descending),
        Some(order) => Err(MessageError::Parameter {
            parameter: "sortOrder",
            expected: "ascending or descending",
            given: order.to_owned(),
        }),
    }
}

/// A whole number, clamped to 64 bits; no text is no number given.
fn number(parameter: &'static str, text: &str) -> Result<Option<i64>, MessageError> {
    let text = text.trim();
    match text.parse::<i64>() {
        Ok(number) => Ok(Some(number)),
        Err(error) => match error.kind() {
            IntErrorKind::Empty => Ok(None),
            IntErrorKind::PosOverflow => Ok(Some(i64::MAX)),
            IntErrorKind::NegOverflow => Ok(Some(i64::MIN)),
            _ => {
                Err(MessageError::Parameter { parameter, expected: "a whole number", given: text.to_owned() })
            }
        },
    }
}

/// "A value less than 1 SHALL be interpreted as 1" (RFC 7644 table 6).
fn at_least_one(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0).max(1)
}

/// "A negative value SHALL be interpreted as 0" (RFC 7644 table 6).
fn not_negative(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::ScimType;

    fn query(pairs: &[(&str, &str)]) -> Result<SearchRequest, ScimType> {
        SearchRequest::from_query(pairs.iter().copied()).map_err(|error| error.scim_type())
    }

    fn check(pairs: &[(&str, &str)], expected: SearchRequest) {
        assert_eq!(query(pairs), Ok(expected), "{pairs:?}");
    }

    #[test]
    fn reads_query_pairs() {
        check(&[("nosuch", "1"), ("_", "")], SearchRequest::default());
        check(
            &[("startIndex", "0"), ("count", "-5"), ("startindex", "9")],
            SearchRequest { start_index: Some(1), count: Some(0), ..SearchRequest::default() },
        );
        check(
            &[("count", "99999999999999999999"), ("startIndex", "")],
            SearchRequest { count: Some(i64::MAX as u64), ..SearchRequest::default() },
        );
        check(
            &[
                ("attributes", " userName , emails[type eq \"a,b\"].value,,"),
                ("excludedAttributes", "members"),
            ],
            SearchRequest {
                attributes: vec!["userName".into(), "emails[type eq \"a,b\"].value".into()],
                excluded_attributes: vec!["members".into()],
                ..SearchRequest::default()
            },
        );
        check(
            &[("sortBy", "userName"), ("sortOrder", "Descending"), ("cursor", ""), ("filter", "")],
            SearchRequest {
                sort_by: Some("userName".into()),
                sort_order: SortOrder::Descending,
                cursor: Some(String::new()),
                filter: Some(String::new()),
                ..SearchRequest::default()
            },
        );
        assert_eq!(query(&[("count", "ten")]), Err(ScimType::InvalidValue));
        assert_eq!(query(&[("startIndex", "1.5")]), Err(ScimType::InvalidValue));
        assert_eq!(query(&[("sortOrder", "up")]), Err(ScimType::InvalidValue));
    }

    #[test]
    fn reads_bodies() {
        // RFC 7644 §3.4.3, figure 4, with one name in another letter case.
        let body = json!({
            "schemas": [SEARCH_REQUEST_URN], "attributes": ["displayName", "userName"],
            "Filter": "displayName sw \"smith\"", "startIndex": 1, "count": 10
        });
        let expected = SearchRequest {
            attributes: vec!["displayName".into(), "userName".into()],
            filter: Some("displayName sw \"smith\"".into()),
            start_index: Some(1),
            count: Some(10),
            ..SearchRequest::default()
        };
        assert_eq!(SearchRequest::parse(body), Ok(expected));
        for wrong in [
            json!([]),
            json!({ "count": 1 }),
            json!({ "schemas": [super::super::PATCH_OP_URN] }),
            json!({ "schemas": [SEARCH_REQUEST_URN], "count": "1" }),
            json!({ "schemas": [SEARCH_REQUEST_URN], "count": 1.5 }),
            json!({ "schemas": [SEARCH_REQUEST_URN], "filter": 1 }),
            json!({ "schemas": [SEARCH_REQUEST_URN], "attributes": [1] }),
        ] {
            let error = SearchRequest::parse(wrong.clone()).expect_err("refused");
            assert_eq!(error.scim_type(), ScimType::InvalidSyntax, "{wrong}");
        }
    }
}
