//! What one request may ask for. Input is hostile: everything that can grow has a bound.

use scim_core::filter::FilterLimits;

/// The bounds; advertised where the standard has a place for them (`/ServiceProviderConfig`).
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The page size where a client names none. Default 100.
    pub default_page_size: usize,
    /// The largest page. A larger `count` gets this many. Default 1000.
    pub max_page_size: usize,
    /// The largest body of a request for a person or anything else but groups and bulk, in bytes. Default 1 MiB.
    pub max_body_bytes: usize,
    /// The largest body of a request for a group, in bytes. Default 16 MiB.
    pub max_group_body_bytes: usize,
    /// The largest bulk body (`bulk.maxPayloadSize`), in bytes. Default 10 MiB.
    pub max_bulk_body_bytes: usize,
    /// The most operations of a bulk request (`bulk.maxOperations`). Default 1000.
    pub max_bulk_operations: usize,
    /// The deepest nesting of a JSON body. Default 32.
    pub max_json_depth: usize,
    /// The most edges that a page of groups carries; a page ends early there, after at least one group. Default 20,000.
    pub max_page_edges: usize,
    /// The largest group whose PATCH is answered with the group, in members. Default 20.
    pub max_patch_answer_members: usize,
    /// Bounds of a filter.
    pub filter: FilterLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            default_page_size: 100,
            max_page_size: 1000,
            max_body_bytes: 1024 * 1024,
            max_group_body_bytes: 16 * 1024 * 1024,
            max_bulk_body_bytes: 10 * 1024 * 1024,
            max_bulk_operations: 1000,
            max_json_depth: 32,
            max_page_edges: 20_000,
            max_patch_answer_members: 20,
            filter: FilterLimits::default(),
        }
    }
}

/// How many brackets open, in strings or not. So many bytes are looked at together that a byte counts them.
fn opening_brackets(json: &[u8]) -> usize {
    let opens = |byte: &u8| u8::from(matches!(byte, b'{' | b'['));
    json.chunks(usize::from(u8::MAX)).map(|chunk| usize::from(chunk.iter().map(opens).sum::<u8>())).sum()
}

/// Whether JSON text nests deeper than `limit`. Only brackets are looked at: what is not JSON fails later.
pub(crate) fn nests_deeper_than(json: &[u8], limit: usize) -> bool {
    // Nothing is deeper than there are brackets that open, in strings or not; a person has about twenty.
    if opening_brackets(json) <= limit {
        return false;
    }
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for byte in json {
        if quoted {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'{' | b'[' => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{nests_deeper_than, opening_brackets};

    #[test]
    fn every_bracket_that_opens_counts() {
        for count in [0, 1, 254, 255, 256, 510, 1000] {
            assert_eq!(opening_brackets("[".repeat(count).as_bytes()), count);
            assert_eq!(opening_brackets("a{]}[".repeat(count).as_bytes()), 2 * count);
        }
    }

    #[test]
    fn brackets_in_strings_do_not_count() {
        assert!(!nests_deeper_than(br#"{"a":"[[[[","b":["\"[["]}"#, 2));
        assert!(nests_deeper_than(br#"{"a":[[1]]}"#, 2));
        assert!(!nests_deeper_than(b"]]]][", 1));
    }
}
