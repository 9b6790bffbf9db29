//! Every endpoint, kind by kind.

mod account_acts;
mod account_shape;
mod accounts;
mod admin_keys;
mod connector_terms;
mod connectors;
mod fields;
mod groups;
mod held;
mod imports;
mod instances;
mod jobs;
mod keys;
mod log;
mod mapping;
mod mapping_forms;
mod mapping_trials;
mod objects;
mod previews;
mod profiles;
mod rules;
mod server;
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
        mapping::endpoints(),
        mapping_trials::endpoints(),
        rules::endpoints(),
        log::endpoints(),
        jobs::endpoints(),
        server::endpoints(),
        accounts::endpoints(),
        account_acts::endpoints(),
        groups::endpoints(),
        objects::endpoints(),
        held::endpoints(),
        imports::endpoints(),
        previews::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
