//! `rollcall key issue`

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use scim_directory::{KeyLimits, Networks};
use scim_provider::admin::KeyRequest;
use zeroize::Zeroizing;

use super::shown::key_json;
use crate::cli::{self, all_of};
use crate::commands::connector::in_words;
use crate::node::Node;
use crate::output;

/// The most bytes that are read of a secret.
const MAX_SECRET_BYTES: u64 = 4096;

pub(super) async fn run(options: &cli::KeyIssue, node: &Node) -> anyhow::Result<()> {
    let secret = options.secret_file.as_deref().map(read_secret).transpose()?;
    let admin = node.issuer(node.open(false)?).await?;
    let instance = admin.instance_named(&options.instance).await?;
    let mut limits = KeyLimits {
        networks: Networks::new(options.networks.clone()),
        rate: options.rate,
        ..KeyLimits::default()
    };
    if !options.scopes.is_empty() {
        limits.scopes = all_of(&options.scopes);
    }
    let request = KeyRequest {
        connector: &options.connector,
        user: &options.user,
        lifetime: options.expires.0,
        not_before: options.not_before.0.map(|moment| moment.after(node.now())),
        limits,
        password: secret.as_ref().map(|secret| secret.as_str()),
    };
    let issued = admin.key_issue(&instance, &request).await?;
    in_words::warn_of_low(options.rate);
    let (id, token) = (issued.record.id, issued.key.as_ref().map(|key| key.reveal()));
    let expires = issued.record.terms.expires;
    if node.settings.json {
        let mut shown = key_json(&admin.key_show(id).await?, node.now());
        if let Some(members) = shown.as_object_mut() {
            members.insert("token".to_owned(), token.into());
            members.insert("scim_url".to_owned(), node.settings.scim_url().into());
            let own = node.settings.scim_url_of(issued.record.connector);
            members.insert("connector_scim_url".to_owned(), own.into());
        }
        return output::json(&shown);
    }
    let until = expires.map_or("it does not expire".to_owned(), |at| format!("it expires at {at}"));
    match token {
        Some(token) => {
            output::line(&token)?;
            output::message(&format!("key {id}: keep it now, it is not shown again; {until}"));
        }
        None => {
            output::line(&id.to_string())?;
            output::message(&format!(
                "key {id}: the user name of HTTP Basic is this id, the password is the secret of the file; {until}"
            ));
        }
    }
    Ok(())
}

/// The secret of a file, without the line end after it; `-` is standard input.
fn read_secret(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let cannot = || format!("--secret-file: cannot read {}", path.display());
    if path == Path::new("-") {
        std::io::stdin().take(MAX_SECRET_BYTES).read_to_string(&mut text).with_context(cannot)?;
    } else {
        let file = std::fs::File::open(path).with_context(cannot)?;
        file.take(MAX_SECRET_BYTES).read_to_string(&mut text).with_context(cannot)?;
    }
    let length = text.strip_suffix('\n').map_or(text.len(), |line| line.trim_end_matches('\r').len());
    text.truncate(length);
    Ok(text)
}
