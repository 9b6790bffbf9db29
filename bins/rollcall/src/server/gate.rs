//! How many connections one client may have at once.
//!
//! This machine and trusted proxies are not counted: they bring everybody's requests. With `trust_proxy` nobody is, for only the
//! proxy can reach the server then.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;

/// Lets connections in, so many from one client at once. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    inside: Arc<Mutex<HashMap<IpAddr, usize>>>,
    most: usize,
    uncounted: Arc<[IpNet]>,
    /// Whether whoever connects is a proxy.
    only_proxies: bool,
}

impl Gate {
    /// A gate that lets `most` connections of each client in, and all of those networks.
    pub(crate) fn new(most: usize, uncounted: &[IpNet], only_proxies: bool) -> Self {
        Self { inside: Arc::default(), most, uncounted: uncounted.into(), only_proxies }
    }

    /// Lets a connection in, for as long as the pass lives; or not.
    pub(crate) fn enter(&self, peer: IpAddr) -> Option<Pass> {
        let peer = peer.to_canonical();
        if self.only_proxies
            || peer.is_loopback()
            || self.uncounted.iter().any(|network| network.contains(&peer))
        {
            return Some(Pass(None));
        }
        let client = client(peer);
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let count = inside.entry(client).or_insert(0);
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Pass(Some((self.clone(), client))))
    }

    fn leave(&self, client: IpAddr) {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = inside.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                inside.remove(&client);
            }
        }
    }
}

/// Who counts as one client: of IPv6 the network that one site has, for it can use all of its addresses.
fn client(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

/// That a connection was let in; it leaves when this is dropped.
#[derive(Debug)]
pub(crate) struct Pass(Option<(Gate, IpAddr)>);

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some((gate, client)) = &self.0 {
            gate.leave(*client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_client_has_so_many_at_once_and_others_have_theirs() {
        let gate = Gate::new(2, &[], false);
        let passes: Vec<_> = (0..2).map(|_| gate.enter(at("192.0.2.1"))).collect();
        assert!(passes.iter().all(Option::is_some));
        assert!(gate.enter(at("192.0.2.1")).is_none());
        assert!(gate.enter(at("::ffff:192.0.2.1")).is_none(), "it is the same address");
        assert!(gate.enter(at("192.0.2.2")).is_some());
        drop(passes);
        assert!(gate.enter(at("192.0.2.1")).is_some());
        assert!(gate.inside.lock().expect("free").is_empty(), "nobody is remembered who left");
    }

    #[test]
    fn a_site_of_ipv6_is_one_client() {
        let gate = Gate::new(1, &[], false);
        let _one = gate.enter(at("2001:db8::1")).expect("let in");
        assert!(gate.enter(at("2001:db8::ffff")).is_none());
        assert!(gate.enter(at("2001:db8:0:1::1")).is_some());
    }

    #[test]
    fn proxies_and_this_machine_are_not_counted() {
        let proxies = ["10.0.0.0/8".parse().expect("a network")];
        let check = |gate: &Gate, peer: &str, expected: bool| {
            let (one, other) = (gate.enter(at(peer)), gate.enter(at(peer)));
            assert_eq!(one.is_some() && other.is_some(), expected, "{peer}");
        };
        let gate = Gate::new(1, &proxies, false);
        check(&gate, "10.1.2.3", true);
        check(&gate, "127.0.0.1", true);
        check(&gate, "::1", true);
        check(&gate, "11.1.2.3", false);
        check(&Gate::new(1, &[], true), "11.1.2.3", true);
    }
}
