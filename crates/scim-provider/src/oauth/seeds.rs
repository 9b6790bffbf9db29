//! Where the keys come from that access tokens are signed with: from the pepper, and a secret that the store's nodes share.

use std::sync::Arc;

use scim_api_keys::Peppers;
use scim_api_keys::token::Seeds;

/// What the seeds are for; another use of the peppers says another thing.
const PURPOSE: &[u8] = b"rollcall access token v1";

/// Seeds out of peppers.
pub(crate) struct PepperSeeds {
    peppers: Arc<Peppers>,
    salt: [u8; 32],
}

impl PepperSeeds {
    /// Those of these peppers and of the secret that the store keeps for it: neither is enough alone.
    pub(crate) fn new(peppers: Arc<Peppers>, salt: [u8; 32]) -> Self {
        Self { peppers, salt }
    }
}

impl Seeds for PepperSeeds {
    fn ids(&self) -> Vec<[u8; 16]> {
        self.peppers.ids()
    }

    fn seed(&self, pepper: &[u8; 16], period: i64) -> Option<[u8; 32]> {
        let info = [PURPOSE, &period.to_be_bytes()].concat();
        Some(self.peppers.get(pepper)?.derive(&self.salt, &info))
    }
}
