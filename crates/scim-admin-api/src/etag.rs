//! Entity tags: a hash of what is shown (RFC 9110 §8.8.3). Strong, because the same bytes are shown for the same tag.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// How two tags are compared (RFC 9110 §8.8.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// For `If-Match`: weak tags never match.
    Strong,
    /// For `If-None-Match`.
    Weak,
}

/// The tag of these bytes, in quotes.
pub(crate) fn of(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(hash.get(..15).unwrap_or_default()))
}

/// Whether a header's list has that tag, or is `*`.
pub(crate) fn matches(list: &str, tag: &str, comparison: Comparison) -> bool {
    list.trim() == "*"
        || list.split(',').map(str::trim).any(|candidate| match (candidate.strip_prefix("W/"), comparison) {
            (Some(_), Comparison::Strong) => false,
            (Some(weak), Comparison::Weak) => weak == tag,
            (None, _) => candidate == tag,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_compare_as_the_standard_says() {
        let tag = of(b"x");
        let check = |list: &str, comparison, expected: bool| {
            assert_eq!(matches(list, &tag, comparison), expected, "{list}");
        };
        check(&tag, Comparison::Strong, true);
        check("*", Comparison::Strong, true);
        check(&format!("\"a\", {tag}"), Comparison::Strong, true);
        check(&format!("W/{tag}"), Comparison::Strong, false);
        check(&format!("W/{tag}"), Comparison::Weak, true);
        check("\"a\"", Comparison::Weak, false);
        check("", Comparison::Weak, false);
    }
}
