//! Keys as they are shown: never their secrets.

use scim_core::instant::Timestamp;
use scim_directory::{KeptSecret, Revocation};
use scim_provider::admin::{Telling, Told};
use scim_storage::KeyContext;
use serde_json::{Value, json};

use crate::cli::scopes_in_words;
use crate::commands::connector::in_words;
use crate::node::Node;
use crate::output;

/// A key on one line of a list.
pub(super) fn row(context: &KeyContext, now: Timestamp) -> Vec<String> {
    let key = &context.key;
    vec![
        key.id.to_string(),
        if key.ending.is_empty() { "-".to_owned() } else { key.ending.clone() },
        context.instance.name.clone(),
        context.connector.name.clone(),
        context.user.name.clone(),
        key.state(now).name().to_owned(),
        key.terms.expires.map_or("never".to_owned(), |at| at.to_string()),
        key.last_used.map_or("never".to_owned(), |at| at.to_string()),
    ]
}

/// A key as JSON.
pub(super) fn key_json(context: &KeyContext, now: Timestamp) -> Value {
    let key = &context.key;
    let at = |moment: Option<Timestamp>| moment.map(|at| at.to_string());
    let ended = key.ended(now);
    json!({
        "id": key.id.to_string(),
        "instance": context.instance.name,
        "user": context.user.name,
        "connector": context.connector.name,
        "ending": key.ending,
        "kind": if matches!(key.secret, KeptSecret::Mac { .. }) { "generated" } else { "chosen" },
        "created_at": key.created.to_string(),
        "not_before": at(key.terms.not_before),
        "expires_at": at(key.terms.expires),
        "state": key.state(now).name(),
        "scopes": key.terms.limits.scopes,
        "networks": key.terms.limits.networks,
        "rate": key.terms.limits.rate,
        "first_used_at": at(key.first_used),
        "first_written_at": at(key.first_written),
        "last_used_at": at(key.last_used),
        "last_address": key.last_address.map(|address| address.to_string()),
        "retiring_since": at(key.retiring.map(|retiring| retiring.since)),
        "retiring_until": at(key.retiring.map(|retiring| retiring.until)),
        "revoked_at": at(ended.map(|(at, _)| at)),
        "revoked_because": ended.map(|(_, why)| why),
    })
}

/// What was told of a key, as JSON.
pub(super) fn told_json(told: &Told) -> Value {
    let (what, days) = match told.what {
        Telling::Expiring { days } => ("expiring", Some(days)),
        Telling::Expired => ("expired", None),
        Telling::OverlapOver => ("overlap_over", None),
    };
    let KeyContext { key, instance, connector, user } = &told.key;
    json!({
        "id": key.id.to_string(),
        "instance": instance.name,
        "user": user.name,
        "connector": connector.name,
        "ending": key.ending,
        "what": what,
        "days": days,
        "expires_at": key.terms.expires.map(|at| at.to_string()),
    })
}

/// Writes a key.
pub(super) fn write(context: &KeyContext, node: &Node) -> anyhow::Result<()> {
    let now = node.now();
    if node.settings.json {
        return output::json(&key_json(context, now));
    }
    let key = &context.key;
    let (terms, limits) = (&key.terms, &key.terms.limits);
    let mut rows: Vec<(&str, String)> = vec![
        ("id", key.id.to_string()),
        ("instance", context.instance.name.clone()),
        ("connector", context.connector.name.clone()),
        ("integration user", context.user.name.clone()),
        ("state", state(context, now)),
        ("created", key.created.to_string()),
    ];
    match key.secret {
        KeptSecret::Mac { .. } => rows.push(("ends with", key.ending.clone())),
        KeptSecret::Password(_) => {
            rows.push(("secret", "chosen by a person, for HTTP Basic alone".to_owned()))
        }
    }
    if let Some(begins) = terms.not_before {
        rows.push(("begins", begins.to_string()));
    }
    rows.push(("expires", terms.expires.map_or("never".to_owned(), |at| at.to_string())));
    rows.push(("scopes", scopes_in_words(limits.scopes)));
    rows.push(("networks", in_words::networks(&limits.networks)));
    rows.push(("rate", in_words::rate(limits.rate)));
    rows.push(("first used", key.first_used.map_or("never".to_owned(), |at| at.to_string())));
    let from = key.last_address.map(|address| format!(" from {address}")).unwrap_or_default();
    rows.push(("last used", key.last_used.map_or("never".to_owned(), |at| format!("{at}{from}"))));
    let rows: Vec<_> = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    output::table(&["FIELD", "VALUE"], &rows)
}

/// A key's state with what there is to know of it.
fn state(context: &KeyContext, now: Timestamp) -> String {
    let key = &context.key;
    let name = key.state(now).name();
    if let Some((at, why)) = key.ended(now) {
        let why = match why {
            Revocation::ByHand => "",
            Revocation::Replaced => ": the key that took its place was used for a write",
            Revocation::Overlap => ": the overlap with the key that took its place was over",
        };
        return format!("{name} since {at}{why}");
    }
    if let Some(retiring) = key.retiring {
        return format!(
            "{name} since {}, when another key was used in its place; it works until {}",
            retiring.since, retiring.until
        );
    }
    if !context.user.may_provision() && key.is_live(now) {
        return format!("{name}, but out of force: its integration user is suspended or below LiteAdmin");
    }
    name.to_owned()
}
