//! Every endpoint, kind by kind.

mod admin_keys;
mod connector_terms;
mod connectors;
mod fields;
mod instances;
mod keys;
mod profiles;
mod settings;
mod times;
mod users;

use crate::endpoint::Endpoint;

/// Every endpoint.
pub(crate) fn all() -> Vec<Endpoint> {
    [
        instances::endpoints(),
        settings::endpoints(),
        profiles::endpoints(),
        fields::endpoints(),
        connectors::endpoints(),
        users::endpoints(),
        keys::endpoints(),
        admin_keys::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
