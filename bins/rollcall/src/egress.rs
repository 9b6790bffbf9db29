//! The one way out: fetching the keys of issuers that connectors trust.
//!
//! Administrators of instances choose the URLs, and an answer that comes back, late or early, tells something about the network that
//! this server stands in. So nothing is asked but over HTTPS and at public addresses, unless the operator lists a network; the
//! address that was looked at is the one that is connected to; redirects are not followed; time and size are bounded.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use scim_provider::JwksFetcher;
use scim_storage::BoxFuture;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Error};

/// How long a fetch may take, from the name's look-up to the last byte.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest body, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// Fetches over HTTPS from public addresses, and from the networks that the operator lists.
#[derive(Clone, Debug)]
pub(crate) struct Egress {
    agent: Agent,
}

impl Egress {
    /// One that may also reach these networks, over plain HTTP too.
    pub(crate) fn new(networks: Vec<IpNet>) -> Self {
        let config = Config::builder()
            .timeout_global(Some(TIMEOUT))
            .max_redirects(0)
            .proxy(None)
            .user_agent("rollcall")
            .build();
        let resolver = Guard { networks, names: DefaultResolver::default() };
        Self { agent: Agent::with_parts(config, DefaultConnector::new(), resolver) }
    }

    fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        let response = self.agent.get(url).header("Accept", "application/json").call();
        let mut response = response.map_err(|error| error.to_string())?;
        if response.status().as_u16() != 200 {
            return Err(format!("it answered {}", response.status()));
        }
        response.body_mut().with_config().limit(MAX_BYTES).read_to_vec().map_err(|error| error.to_string())
    }
}

impl JwksFetcher for Egress {
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Vec<u8>, String>> {
        let (own, url) = (self.clone(), url.to_owned());
        Box::pin(async move {
            let fetched = actix_web::rt::task::spawn_blocking(move || own.get(&url)).await;
            fetched.unwrap_or_else(|error| Err(error.to_string()))
        })
    }
}

/// Looks names up, and lets through the addresses that may be reached.
#[derive(Debug)]
struct Guard {
    networks: Vec<IpNet>,
    names: DefaultResolver,
}

impl Resolver for Guard {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let found = self.names.resolve(uri, config, timeout)?;
        let secure = uri.scheme_str() == Some("https");
        let mut allowed = self.empty();
        for address in found.iter().filter(|address| self.may_reach(**address, secure)) {
            allowed.push(*address);
        }
        if allowed.is_empty() {
            return Err(Error::Other(Box::new(Refused { secure })));
        }
        Ok(allowed)
    }
}

impl Guard {
    fn may_reach(&self, address: SocketAddr, secure: bool) -> bool {
        let ip = address.ip().to_canonical();
        let listed = self.networks.iter().any(|network| network.contains(&ip));
        listed || (secure && is_public(ip))
    }
}

/// A URL whose addresses may not be reached.
#[derive(Debug, thiserror::Error)]
#[error("its addresses may not be reached{}; list their network in egress_networks if they may", if *.secure { "" } else { " over plain HTTP" })]
struct Refused {
    secure: bool,
}

/// Whether an address is of the public internet: of none of the registries of special-purpose addresses (RFC 6890).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = match (a, b, c) {
        // This network, private, loopback; multicast, reserved and broadcast.
        (0 | 10 | 127 | 224.., _, _) => true,
        // Carrier-grade NAT, link-local, private, protocol assignments, 6to4 relays, benchmarks.
        (100, 64..=127, _) | (169, 254, _) | (172, 16..=31, _) | (192, 168, _) | (198, 18 | 19, _) => true,
        (192, 0, 0) | (192, 88, 99) => true,
        // Documentation.
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => true,
        _ => false,
    };
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [first, second, ..] = ip.segments();
    // Only 2000::/3 is given out. In it: protocol assignments with Teredo (2001::/23), documentation (2001:db8::/32,
    // 3fff::/20), 6to4 (2002::/16), which has an IPv4 address inside.
    let global = first & 0xe000 == 0x2000;
    let special = (first == 0x2001 && (second < 0x0200 || second == 0x0db8))
        || first == 0x2002
        || (first == 0x3fff && second < 0x1000);
    global && !special
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn special_addresses_are_not_public() {
        for special in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:a00:1::",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
        ] {
            let ip: IpAddr = special.parse().expect("an address");
            assert!(!is_public(ip.to_canonical()), "{special}");
        }
        for public in
            ["1.1.1.1", "20.190.128.1", "100.63.0.1", "172.32.0.1", "192.0.3.1", "2606:4700::1111", "2a01::1"]
        {
            assert!(is_public(public.parse().expect("an address")), "{public}");
        }
    }

    /// A server that answers once.
    fn answering(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut head = [0; 1024];
            let _ = stream.read(&mut head);
            let _ = stream.write_all(answer.as_bytes());
        });
        format!("http://{address}/keys")
    }

    fn here() -> Egress {
        Egress::new(vec!["127.0.0.0/8".parse().expect("a network")])
    }

    #[test]
    fn listed_networks_are_reached_and_others_are_not() {
        let url = answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
        assert_eq!(here().get(&url), Ok(b"{}".to_vec()));
        for url in [
            "http://127.0.0.1:9/",
            "https://127.0.0.1:9/",
            "https://[::1]:9/",
            "https://10.0.0.1/",
            "http://1.1.1.1/",
        ] {
            let refused = Egress::new(Vec::new()).get(url).expect_err(url);
            assert!(refused.contains("egress_networks"), "{url}: {refused}");
        }
    }

    #[test]
    fn redirects_and_large_bodies_are_refused() {
        let redirect =
            answering("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n");
        assert!(here().get(&redirect).is_err());
        let large = answering("HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n");
        assert!(here().get(&large).is_err());
        let failure = answering("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
        assert!(here().get(&failure).is_err());
    }
}
