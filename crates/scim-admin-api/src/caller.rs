//! Who calls: an admin key in `Authorization`.

use scim_directory::AdminKeyRecord;
use scim_provider::admin::AdminKeyRefused;

use crate::api::{Api, Request};
use crate::problem::{Code, FAULT, Problem};

/// The longest `Authorization` that is looked at, in bytes: a key is much shorter.
const MAX_AUTHORIZATION_BYTES: usize = 512;
/// What every client is told whose key opens nothing here, whatever the reason.
const NO_KEY: &str = "Send an admin key as bearer token: `Authorization: Bearer rca1_…`; `rollcall admin-key issue` gives one. Keys of \
                      identity providers do not open this API";

impl Api {
    /// The key that a request shows, in force here and now.
    pub(crate) async fn authenticate(&self, request: &Request<'_>) -> Result<AdminKeyRecord, Problem> {
        let refused = |detail: &str| {
            Problem::new(Code::Unauthorized, detail)
                .with("www-authenticate", "Bearer realm=\"rollcall admin\"")
        };
        let given = request.headers.get("authorization").unwrap_or_default();
        let token = given.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let token = token.map(|(_, token)| token.trim()).filter(|_| given.len() <= MAX_AUTHORIZATION_BYTES);
        let Some(token) = token else { return Err(refused(NO_KEY)) };
        match self.admin.admin_key_verified(token, request.peer, request.now).await {
            Ok(key) => Ok(key),
            Err(AdminKeyRefused::Unknown) => Err(refused(NO_KEY)),
            Err(AdminKeyRefused::Expired(at)) => {
                Err(refused(&format!("This admin key expired at {at}; let an owner issue a new one")))
            }
            Err(AdminKeyRefused::Revoked(at)) => {
                Err(refused(&format!("This admin key was revoked at {at}; let an owner issue a new one")))
            }
            Err(AdminKeyRefused::Network) => {
                let detail =
                    "This admin key may not be used from this address; use it from one of its networks";
                Err(Problem::new(Code::Forbidden, detail))
            }
            Err(AdminKeyRefused::Pepper) => {
                log::error!(
                    "an admin key was made with a pepper that this node does not hold; give it all peppers"
                );
                Err(Problem::new(Code::Unavailable, "This node cannot check the key now; try again")
                    .with("retry-after", "5"))
            }
            Err(AdminKeyRefused::Store(error)) => Err(error.into()),
            Err(other) => {
                log::error!("an admin key could not be checked: {other}");
                Err(Problem::new(Code::Internal, FAULT))
            }
        }
    }
}
