//! Whose word is taken for where a request came from.
//!
//! Everybody can write `X-Forwarded-For`. It counts where the connection itself comes from a proxy that is trusted, and of it
//! only what trusted proxies wrote: it is read from its end, where the nearest one wrote, up to the first address that is
//! none of theirs.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue, X_FORWARDED_FOR};
use ipnet::IpNet;

/// Which proxies are trusted to say who the client is, and by which scheme and host it came. Default: none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Proxies {
    /// None: what is forwarded counts for nothing.
    #[default]
    None,
    /// Whoever connects is one proxy: for servers that nothing but a proxy can reach.
    Any,
    /// Those with an address in one of these networks.
    Networks(Vec<IpNet>),
}

impl Proxies {
    /// Whether whoever has that address is a trusted proxy. `None` is who came without one, over a socket of the machine.
    pub(crate) fn trust(&self, address: Option<IpAddr>) -> bool {
        match (self, address) {
            (Self::None, _) | (Self::Networks(_), None) => false,
            (Self::Any, _) => true,
            (Self::Networks(networks), Some(address)) => {
                let address = address.to_canonical();
                networks.iter().any(|network| network.contains(&address))
            }
        }
    }

    /// The client's address: that of the connection, or what a trusted proxy says. Where that cannot be read, the proxy's own.
    pub(crate) fn client(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        let mut client = peer.map(|peer| peer.to_canonical());
        if !self.trust(client) {
            return client;
        }
        for said in said(headers).into_iter().rev() {
            let Some(said) = said else { return client };
            client = Some(said);
            // Of many proxies that are not known, only the one that connects is believed.
            if *self == Self::Any || !self.trust(client) {
                return client;
            }
        }
        client
    }
}

/// Who forwarded for whom, the nearest proxy's word last; `None` for what cannot be read.
fn said(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let fields = |name: HeaderName| headers.get_all(name).map(HeaderValue::to_str);
    if headers.contains_key(X_FORWARDED_FOR) {
        let elements = |field: &str| field.split(',').map(str::trim).map(str::to_owned).collect::<Vec<_>>();
        return fields(X_FORWARDED_FOR)
            .flat_map(|field| field.map_or_else(|_| vec!["?".to_owned()], elements))
            .filter(|element| !element.is_empty())
            .map(|element| address(&element))
            .collect();
    }
    fields(FORWARDED).flat_map(|field| field.ok().and_then(forwarded).unwrap_or_else(|| vec![None])).collect()
}

/// An address, with a port and with brackets or without.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))?;
    Some(address.to_canonical())
}

/// The addresses of a `Forwarded` field, one of each element (RFC 7239 §4); nothing where the field is not written as it
/// should be, because then nobody knows where one proxy's word ends and the next one's begins.
fn forwarded(field: &str) -> Option<Vec<Option<IpAddr>>> {
    let mut elements = Vec::new();
    let mut said = None;
    let mut rest = field.trim_start();
    loop {
        if !rest.is_empty() && !rest.starts_with([',', ';']) {
            let (name, after) = rest.split_once('=')?;
            let (value, after) = value(after)?;
            if name.trim().eq_ignore_ascii_case("for") {
                said = Some(address(&value));
            }
            rest = after.trim_start();
        }
        let mut next = rest.chars();
        match next.next() {
            Some(';') => {}
            Some(',') => elements.push(said.take().flatten()),
            None => {
                elements.push(said.flatten());
                return Some(elements);
            }
            Some(_) => return None,
        }
        rest = next.as_str().trim_start();
    }
}

/// The value that a text begins with, and what follows it. Addresses are let pass that should have been quoted.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ';', '"', ' ', '\t']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return Some((value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => return Some((value, characters.as_str())),
            '\\' => value.push(characters.next()?),
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    /// What comes from `peer` with these headers comes from `expected`.
    fn check(proxies: &str, peer: &str, headers: &[(&str, &str)], expected: &str) {
        let proxies = match proxies {
            "none" => Proxies::None,
            "any" => Proxies::Any,
            list => Proxies::Networks(list.split(' ').map(|net| net.parse().expect("a network")).collect()),
        };
        let mut request = TestRequest::default();
        for (name, value) in headers {
            request = request.append_header((*name, *value));
        }
        let client = proxies.client(peer.parse().ok(), request.to_http_request().headers());
        let shown = client.map_or("?".to_owned(), |client| client.to_string());
        assert_eq!(shown, expected, "{proxies:?} {peer} {headers:?}");
    }

    const OURS: &str = "10.0.0.0/8 2001:db8:1::/48";
    const FOR: &str = "X-Forwarded-For";

    #[test]
    fn only_trusted_proxies_are_believed() {
        check("none", "192.0.2.1", &[(FOR, "198.51.100.7")], "192.0.2.1");
        check("any", "192.0.2.1", &[(FOR, "198.51.100.7")], "198.51.100.7");
        check("any", "?", &[(FOR, "198.51.100.7")], "198.51.100.7");
        check(OURS, "192.0.2.1", &[(FOR, "198.51.100.7")], "192.0.2.1");
        check(OURS, "10.1.2.3", &[(FOR, "198.51.100.7")], "198.51.100.7");
        check(OURS, "2001:db8:1::5", &[(FOR, "198.51.100.7")], "198.51.100.7");
        check(OURS, "?", &[(FOR, "198.51.100.7")], "?");
        // An IPv4 address on a socket of both families.
        check(OURS, "::ffff:10.1.2.3", &[(FOR, "::ffff:198.51.100.7")], "198.51.100.7");
        check("none", "::ffff:192.0.2.1", &[], "192.0.2.1");
    }

    #[test]
    fn of_what_is_forwarded_the_last_that_is_no_proxy_counts() {
        check(OURS, "10.0.0.1", &[(FOR, "6.6.6.6, 198.51.100.7")], "198.51.100.7");
        check(OURS, "10.0.0.1", &[(FOR, "6.6.6.6, 198.51.100.7, 10.0.0.2")], "198.51.100.7");
        check(
            OURS,
            "10.0.0.1",
            &[(FOR, "6.6.6.6"), (FOR, "198.51.100.7"), (FOR, "10.0.0.2")],
            "198.51.100.7",
        );
        check(OURS, "10.0.0.1", &[(FOR, "10.0.0.3,10.0.0.2")], "10.0.0.3");
        check("any", "10.0.0.1", &[(FOR, "6.6.6.6, 198.51.100.7, 10.0.0.2")], "10.0.0.2");
        check(OURS, "10.0.0.1", &[], "10.0.0.1");
        check(OURS, "10.0.0.1", &[(FOR, "198.51.100.7,, ,")], "198.51.100.7");
    }

    #[test]
    fn what_cannot_be_read_leaves_the_proxy_s_own_address() {
        for garbage in
            ["", " ", "unknown", "a.b.c.d", "1.2.3.4:x", "[::1", "1.2.3.4:99999", "fe80::1%eth0", "1.2.3.4 5"]
        {
            check(OURS, "10.0.0.1", &[(FOR, garbage)], "10.0.0.1");
            check("any", "10.0.0.1", &[(FOR, garbage)], "10.0.0.1");
        }
        check(OURS, "10.0.0.1", &[(FOR, "198.51.100.7, unknown")], "10.0.0.1");
        check(OURS, "10.0.0.1", &[(FOR, "198.51.100.7, unknown, 10.0.0.2")], "10.0.0.2");
        check(OURS, "10.0.0.1", &[(FOR, "198.51.100.7"), (FOR, "\u{e9}")], "10.0.0.1");
    }

    #[test]
    fn ports_and_brackets_are_read() {
        for (sent, read) in [
            ("1.2.3.4:5", "1.2.3.4"),
            ("[2001:db8::1]:123", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            (" 1.2.3.4 ", "1.2.3.4"),
        ] {
            check(OURS, "10.0.0.1", &[(FOR, sent)], read);
        }
    }

    #[test]
    fn the_standard_s_header_counts_where_the_other_is_absent() {
        let field = |field: &str, expected: &str| check(OURS, "10.0.0.1", &[("Forwarded", field)], expected);
        field("for=198.51.100.7", "198.51.100.7");
        field("For=\"[2001:db8::1]:4711\";proto=https", "2001:db8::1");
        field("proto=https; for=198.51.100.7;by=10.0.0.1", "198.51.100.7");
        field("for=6.6.6.6, for=198.51.100.7,for=10.0.0.2", "198.51.100.7");
        field("for=198.51.100.7:80", "198.51.100.7");
        field("for=198.51.100.7;x=\"a,b;for=6.6.6.6\\\"\"", "198.51.100.7");
        field("for=198.51.100.7, proto=https", "10.0.0.1");
        field("for=unknown", "10.0.0.1");
        field("for=_hidden", "10.0.0.1");
        field("", "10.0.0.1");
        // A quote that a client leaves open does not swallow what the proxy appends.
        field("for=6.6.6.6;x=\", for=198.51.100.7", "10.0.0.1");
        field("for=6.6.6.6;x=\", for=\"[2001:db8::1]\"", "10.0.0.1");
        field("for=6.6.6.6 for=198.51.100.7", "10.0.0.1");
        check(OURS, "10.0.0.1", &[("Forwarded", "for=6.6.6.6"), (FOR, "198.51.100.7")], "198.51.100.7");
        check(
            OURS,
            "10.0.0.1",
            &[("Forwarded", "for=6.6.6.6;x=\""), ("Forwarded", "for=198.51.100.7")],
            "198.51.100.7",
        );
    }
}
