//! Values of options: networks, rates, scopes, operations.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};
use scim_directory::{AccessScope, AccessScopes, Networks, Operations, Rate};

/// A value, or `none` for what takes it away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrNone<T>(pub(crate) Option<T>);

/// `none`, or what `parse` takes.
pub(super) fn or_none<T>(text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<OrNone<T>, String> {
    if text == "none" { Ok(OrNone(None)) } else { parse(text).map(|value| OrNone(Some(value))) }
}

/// A network, `192.0.2.0/24` or `2001:db8::/32`, or one address. One of IPv4 that is written as IPv6 counts as what it is.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let parsed = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let network = parsed
        .map_err(|_| format!("{text:?} is no network; write 192.0.2.0/24, 2001:db8::/32, or one address"))?;
    let mapped = match network {
        IpNet::V6(network) if network.prefix_len() >= 96 => {
            network.addr().to_ipv4_mapped().and_then(|addr| {
                let length = network.prefix_len() - 96;
                Ipv4Net::new(addr, length).ok().map(IpNet::V4)
            })
        }
        _ => None,
    };
    Ok(mapped.unwrap_or(network).trunc())
}

/// A network, or `none`.
pub(super) fn network_or_none(text: &str) -> Result<OrNone<IpNet>, String> {
    or_none(text, network)
}

/// Networks of an option that may be given several times; `None` where it was not given.
pub(crate) fn networks(given: &[OrNone<IpNet>]) -> Option<Networks> {
    (!given.is_empty()).then(|| Networks::new(given.iter().filter_map(|network| network.0).collect()))
}

/// Whether `none` stands beside networks.
pub(super) fn none_among(given: &[OrNone<IpNet>]) -> Option<&'static str> {
    let contradicts = given.len() > 1 && given.iter().any(|network| network.0.is_none());
    contradicts.then_some("--network none stands alone: it lets clients in from anywhere")
}

/// So many requests a second, and so many at once; four times as many where that is not said.
pub(super) fn rate(text: &str) -> Result<Rate, String> {
    let wrong = || {
        format!(
            "{text:?} is no limit: write requests a second, such as 50, or with those at once, such as 50/100; both at least 1"
        )
    };
    let number = |text: &str| text.trim().parse::<u32>().ok().filter(|number| *number > 0).ok_or_else(wrong);
    let (per_second, burst) = match text.split_once('/') {
        Some((per_second, burst)) => (number(per_second)?, number(burst)?),
        None => (number(text)?, number(text)?.saturating_mul(4)),
    };
    Ok(Rate { per_second, burst })
}

/// A limit, or `none`.
pub(super) fn rate_or_none(text: &str) -> Result<OrNone<Rate>, String> {
    or_none(text, rate)
}

/// Scopes with commas between them, or `all`.
pub(super) fn scopes(text: &str) -> Result<AccessScopes, String> {
    match text {
        "all" => Ok(AccessScopes::ALL),
        text => text.parse::<AccessScopes>().map_err(|error| error.to_string()),
    }
}

/// The scopes of an option that may be given several times.
pub(crate) fn all_of(scopes: &[AccessScopes]) -> AccessScopes {
    scopes.iter().flat_map(|scopes| scopes.iter()).fold(AccessScopes::NONE, AccessScopes::with)
}

/// The scopes' names, as people read them.
pub(crate) fn scopes_in_words(scopes: AccessScopes) -> String {
    if scopes == AccessScopes::ALL {
        return "all".to_owned();
    }
    let names: Vec<&str> = scopes.iter().map(AccessScope::name).collect();
    if names.is_empty() { "none but discovery".to_owned() } else { names.join(", ") }
}

/// Some of `create`, `update`, `delete` with commas between them, or `none`.
pub(super) fn operations(text: &str) -> Result<Operations, String> {
    let mut operations = Operations { create: false, update: false, delete: false };
    if text == "none" {
        return Ok(operations);
    }
    for name in text.split(',') {
        match name.trim() {
            "create" => operations.create = true,
            "update" => operations.update = true,
            "delete" => operations.delete = true,
            other => {
                return Err(format!(
                    "{other:?} is no operation; there are create, update and delete, or none"
                ));
            }
        }
    }
    Ok(operations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_as_what_they_are() {
        let check = |text: &str, expected: Option<&str>| {
            let shown = network(text).map(|network| network.to_string()).ok();
            assert_eq!(shown.as_deref(), expected, "{text}");
        };
        check("192.0.2.0/24", Some("192.0.2.0/24"));
        check(" 192.0.2.77/24 ", Some("192.0.2.0/24"));
        check("192.0.2.1", Some("192.0.2.1/32"));
        check("2001:db8::1", Some("2001:db8::1/128"));
        check("2001:db8::1/32", Some("2001:db8::/32"));
        check("::ffff:192.0.2.1", Some("192.0.2.1/32"));
        check("::ffff:192.0.2.1/120", Some("192.0.2.0/24"));
        for wrong in ["", "192.0.2", "192.0.2.0/33", "example.com", "none"] {
            check(wrong, None);
        }
        let one = OrNone(network("192.0.2.1").ok());
        assert!(none_among(&[one.clone(), OrNone(None)]).is_some());
        assert!(none_among(&[OrNone(None)]).is_none());
        assert!(networks(&[OrNone(None)]).is_some_and(|networks| networks.is_everywhere()));
        assert_eq!(networks(&[one]).map(|networks| networks.list().len()), Some(1));
        assert_eq!(networks(&[]), None);
    }

    #[test]
    fn rates() {
        let check = |text: &str, expected: Option<(u32, u32)>| {
            assert_eq!(rate(text).map(|rate| (rate.per_second, rate.burst)).ok(), expected, "{text}");
        };
        check("50", Some((50, 200)));
        check("50/75", Some((50, 75)));
        check("4294967295", Some((u32::MAX, u32::MAX)));
        for wrong in ["", "0", "50/0", "0/50", "-1", "fast", "50/", "/50", "50/1/1"] {
            check(wrong, None);
        }
        assert_eq!(rate_or_none("none"), Ok(OrNone(None)));
    }

    #[test]
    fn scopes_and_operations() {
        assert_eq!(scopes("all"), Ok(AccessScopes::ALL));
        let some = all_of(&[scopes("users:read,groups:read").expect("two"), scopes("bulk").expect("one")]);
        assert_eq!(some.to_string(), "users:read groups:read bulk");
        assert_eq!(scopes_in_words(some), "users:read, groups:read, bulk");
        assert_eq!(scopes_in_words(AccessScopes::ALL), "all");
        assert!(scopes("admin").is_err_and(|told| told.contains("users:write")));
        let check = |text: &str, expected: Option<(bool, bool, bool)>| {
            let parsed = operations(text).map(|allowed| (allowed.create, allowed.update, allowed.delete));
            assert_eq!(parsed.ok(), expected, "{text}");
        };
        check("create,update,delete", Some((true, true, true)));
        check("update", Some((false, true, false)));
        check("none", Some((false, false, false)));
        check("", None);
        check("create,drop", None);
    }
}
