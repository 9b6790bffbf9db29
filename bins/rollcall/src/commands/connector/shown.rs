//! Connectors as they are shown: what an administrator copies into the identity provider, then the settings.

use scim_directory::{Connector, Instance, IntegrationUser, WaysIn};
use scim_provider::admin::Admin;
use serde_json::{Value, json};

use super::in_words;
use crate::cli::scopes_in_words;
use crate::config::Settings;
use crate::output;

/// Where things are, as clients see them.
struct Places {
    scim_url: String,
    connector_scim_url: String,
    redirect_web: String,
    redirect_app: String,
    token_endpoint: Option<String>,
}

impl Places {
    fn of(connector: &Connector, settings: &Settings) -> Self {
        let root = settings.root();
        let own = format!("{root}/c/{}", connector.id);
        Self {
            scim_url: settings.scim_url(),
            connector_scim_url: settings.scim_url_of(connector.id),
            redirect_web: format!("{own}/oidc/callback/web"),
            redirect_app: format!("{own}/oidc/callback/app"),
            token_endpoint: takes_tokens(&connector.settings.ways_in).then(|| format!("{root}/oauth2/token")),
        }
    }
}

/// Whether the token endpoint answers this connector's clients.
const fn takes_tokens(ways_in: &WaysIn) -> bool {
    ways_in.oauth || ways_in.issuer.is_some()
}

/// Whom the connector's keys act for: the first who may have any.
fn user_name(users: &[IntegrationUser]) -> Option<&str> {
    let may = users.iter().find(|user| user.may_provision());
    may.or(users.first()).map(|user| user.name.as_str())
}

/// A connector as JSON.
pub(crate) fn connector_json(connector: &Connector, users: &[IntegrationUser], settings: &Settings) -> Value {
    let places = Places::of(connector, settings);
    json!({
        "id": connector.id.to_string(),
        "name": connector.name,
        "scim_url": places.scim_url,
        "connector_scim_url": places.connector_scim_url,
        "user_name": user_name(users),
        "redirect_uris": { "web": places.redirect_web, "app": places.redirect_app },
        "token_endpoint": places.token_endpoint,
        "dialect": connector.dialect.name(),
        "keep_passwords": connector.keep_passwords,
        "settings": connector.settings,
        "profile": connector.settings.profile.name(),
        "created_at": connector.created.to_string(),
    })
}

/// Writes a connector.
pub(super) async fn write(
    admin: &Admin,
    instance: &Instance,
    connector: &Connector,
    settings: &Settings,
) -> anyhow::Result<()> {
    let users = admin.integration_user_list(instance).await?;
    if settings.json {
        return output::json(&connector_json(connector, &users, settings));
    }
    output::line(&format!("connector {}  {}  {}", connector.name, connector.id, connector.dialect.name()))?;
    output::line("")?;
    output::line("To copy into the identity provider")?;
    rows(&copied(instance, connector, &users, settings))?;
    output::line("")?;
    output::line("Settings")?;
    rows(&set(connector, &users))?;
    if settings.base_url.is_none() {
        output::message(
            "note: base_url is not set, so the URLs are those of the address to listen on; clients may see others",
        );
    }
    Ok(())
}

fn copied(
    instance: &Instance,
    connector: &Connector,
    users: &[IntegrationUser],
    settings: &Settings,
) -> Vec<(&'static str, String)> {
    let places = Places::of(connector, settings);
    let user = user_name(users).unwrap_or("integration");
    let issue = format!(
        "rollcall key issue --instance {} --connector {} --user {}",
        quoted(&instance.name),
        quoted(&connector.name),
        quoted(user)
    );
    let mut rows = vec![
        ("SCIM URL (tenant URL)", places.scim_url),
        ("  or this connector's own", places.connector_scim_url),
        ("user name", user.to_owned()),
        ("password (secret token)", format!("the key that `{issue}` prints, once")),
        ("redirect URI, web", format!("{} (reserved for single sign-on)", places.redirect_web)),
        ("redirect URI, mobile app", format!("{} (reserved for single sign-on)", places.redirect_app)),
    ];
    if let Some(endpoint) = places.token_endpoint {
        rows.push(("token endpoint", endpoint));
    }
    if connector.settings.ways_in.oauth {
        rows.push(("client id, client secret", "a key's id (`rollcall key list`), and the key".to_owned()));
    }
    rows
}

fn set(connector: &Connector, users: &[IntegrationUser]) -> Vec<(&'static str, String)> {
    let set = &connector.settings;
    let on = |on: bool| if on { "on" } else { "off" }.to_owned();
    let issuer = set.ways_in.issuer.as_ref().map_or("none".to_owned(), |issuer| {
        let user = users.iter().find(|user| user.id == issuer.user).map_or("?", |user| user.name.as_str());
        format!(
            "{}, audience {}, subject {}, keys at {}, for {user}, scopes {}",
            issuer.issuer,
            issuer.audience,
            issuer.subject,
            issuer.jwks_uri,
            scopes_in_words(issuer.scopes)
        )
    });
    vec![
        ("profile", set.profile.name().to_owned()),
        ("existing accounts are picked up", in_words::pick_up(set.pick_up).to_owned()),
        ("guard against mass suspension and deletion", in_words::guard(set.guard)),
        ("highest access role", set.role_ceiling.to_string()),
        ("people", in_words::operations(set.people)),
        ("groups", in_words::operations(set.groups)),
        (
            "whom it deleted can be brought back",
            set.retention_days
                .map_or("as long as records are kept".to_owned(), |days| format!("for {days} days")),
        ),
        (
            "passwords that it sends",
            if connector.keep_passwords { "kept as hashes" } else { "dropped" }.to_owned(),
        ),
        ("clients come from", in_words::networks(&set.networks)),
        ("rate", in_words::rate(set.rate)),
        ("a key that was replaced ends", in_words::overlap(set)),
        ("reminders of a key's end", in_words::reminders(&set.reminder_days)),
        ("HTTP Basic", on(set.ways_in.basic)),
        ("OAuth client credentials", on(set.ways_in.oauth)),
        ("trusted issuer", issuer),
    ]
}

fn rows(rows: &[(&str, String)]) -> anyhow::Result<()> {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default() + 1;
    rows.iter().try_for_each(|(name, value)| {
        let name = format!("{name}:");
        output::line(&format!("  {name:width$}  {value}"))
    })
}

/// A name as a shell takes it.
fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    if !name.is_empty() && name.chars().all(plain) {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn names_as_a_shell_takes_them() {
        for (name, expected) in [("acme", "acme"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("$x", "'$x'")] {
            assert_eq!(quoted(name), expected);
        }
    }
}
