//! Entity tags (RFC 7644 §3.14, RFC 7232): weak, of the record's version and, where it was ever a member, of its
//! membership counter.
//!
//! `If-Match` looks at the version only: a person who joined a group meanwhile is still the same person to write to.

use scim_directory::{Record, Version};

/// A record's tag: `W/"3"`, or `W/"3-1"`.
pub(crate) fn etag(record: &Record) -> String {
    tag(record.version, record.membership)
}

/// The tag of a version and a membership counter.
pub(crate) fn tag(version: Version, membership: i64) -> String {
    let mut tag = String::with_capacity(48);
    tag.push_str("W/\"");
    push_number(&mut tag, version.0);
    if membership != 0 {
        tag.push('-');
        push_number(&mut tag, membership);
    }
    tag.push('"');
    tag
}

/// Appends a number, which is a small one mostly: every answer has one, and a page a hundred.
fn push_number(text: &mut String, number: i64) {
    if number < 0 {
        text.push('-');
    }
    let (number, mut place) = (number.unsigned_abs(), 1);
    while number / place >= 10 {
        place *= 10;
    }
    while place > 0 {
        text.extend(u32::try_from(number / place % 10).ok().and_then(|digit| char::from_digit(digit, 10)));
        place /= 10;
    }
}

/// The opaque parts of a list of tags; `None` for `*`.
fn opaque(header: &str) -> Option<Vec<&str>> {
    if header.trim() == "*" {
        return None;
    }
    Some(
        header
            .split(',')
            .map(|tag| {
                let tag = tag.trim();
                let tag = tag.strip_prefix("W/").or_else(|| tag.strip_prefix("w/")).unwrap_or(tag);
                tag.trim_matches('"')
            })
            .collect(),
    )
}

/// Whether `If-Match: header` holds of the record.
pub(crate) fn if_match(header: &str, record: &Record) -> bool {
    let version = record.version.0.to_string();
    opaque(header).is_none_or(|tags| tags.iter().any(|tag| tag.split('-').next() == Some(version.as_str())))
}

/// Whether `If-None-Match: header` matches the record, so that the client has it already.
pub(crate) fn if_none_match(header: &str, record: &Record) -> bool {
    let own = etag(record);
    let own = own.trim_start_matches("W/").trim_matches('"');
    opaque(header).is_none_or(|tags| tags.contains(&own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use scim_core::instant::Timestamp;
    use scim_directory::Key;

    fn record(version: i64, membership: i64) -> Record {
        Record {
            key: Key { resource_type: "User".into(), id: scim_directory::ResourceId::new(uuid::Uuid::nil()) },
            version: Version(version),
            membership,
            created: Timestamp::default(),
            modified: Timestamp::default(),
            external_id: None,
            display: None,
            manager: None,
            managed_by: None,
            direct_manager: None,
            account: None,
            document: Vec::new().into(),
        }
    }

    #[test]
    fn if_match_ignores_membership_and_if_none_match_does_not() {
        let person = record(3, 2);
        assert_eq!(etag(&person), "W/\"3-2\"");
        for header in ["W/\"3-2\"", "\"3\"", "W/\"3-1\"", "*", "W/\"9\", W/\"3\"", "3"] {
            assert!(if_match(header, &person), "{header}");
        }
        for header in ["W/\"2-2\"", "\"33\"", ""] {
            assert!(!if_match(header, &person), "{header}");
        }
        assert!(if_none_match("W/\"3-2\"", &person));
        assert!(if_none_match("*", &person));
        assert!(!if_none_match("W/\"3-1\"", &person));
        assert_eq!(etag(&record(1, 0)), "W/\"1\"");
    }
}
