//! `rollcall key …`

mod issue;
mod shown;

use anyhow::Context as _;
use scim_directory::KeyId;
use scim_provider::admin::Admin;
use scim_storage::KeyContext;

use self::shown::{key_json, row};
use super::connector::in_words;
use crate::cli::{self, all_of, networks};
use crate::node::Node;
use crate::{mail, output};

/// What a list of keys shows of each.
const COLUMNS: [&str; 8] = ["ID", "ENDING", "INSTANCE", "CONNECTOR", "USER", "STATE", "EXPIRES", "LAST USED"];

pub(crate) async fn run(command: cli::Key, node: &Node) -> anyhow::Result<()> {
    match command {
        cli::Key::Issue(options) => issue::run(&options, node).await,
        cli::Key::Set(options) => set(&node.admin()?, options, node).await,
        cli::Key::List { instance } => {
            let keys = contexts(&node.admin()?, instance.as_deref()).await?;
            if node.settings.json {
                return output::json(&keys.iter().map(|key| key_json(key, node.now())).collect());
            }
            let rows: Vec<_> = keys.iter().map(|key| row(key, node.now())).collect();
            output::table(&COLUMNS, &rows)
        }
        cli::Key::Show { key_id } => shown::write(&node.admin()?.key_show(parse(&key_id)?).await?, node),
        cli::Key::Revoke { key_id } => {
            let id = parse(&key_id)?;
            node.admin()?.key_revoke(id).await?;
            output::line(&format!("key {id} is revoked: it is refused from the next request on"))
        }
        cli::Key::Remind => remind(&node.admin()?, node).await,
    }
}

async fn set(admin: &Admin, options: cli::KeySet, node: &Node) -> anyhow::Result<()> {
    let (id, now) = (parse(&options.key_id)?, node.now());
    let given = options.terms;
    let limited = networks(&given.networks);
    let changed = admin.key_change(id, |terms| {
        if let Some(expires) = &given.expires {
            terms.expires = expires.0.map(|moment| moment.after(now));
        }
        if let Some(begins) = &given.not_before {
            terms.not_before = begins.0.map(|moment| moment.after(now));
        }
        if !given.scopes.is_empty() {
            terms.limits.scopes = all_of(&given.scopes);
        }
        if let Some(networks) = &limited {
            terms.limits.networks = networks.clone();
        }
        if let Some(rate) = &given.rate {
            terms.limits.rate = rate.0;
        }
        Ok(())
    });
    let changed = changed.await?;
    in_words::warn_of_low(given.rate.and_then(|rate| rate.0));
    shown::write(&changed, node)
}

/// Tells what there is to tell now, and mails it.
async fn remind(admin: &Admin, node: &Node) -> anyhow::Result<()> {
    let told = admin.tell_of_key_ends(true).await?;
    let mut failures = Vec::new();
    if let Some(settings) = &node.settings.mail {
        let mailer = mail::Mailer::new(settings)?;
        let mails = told.iter().filter_map(|told| mailer.about(told, node.now()));
        failures.extend(mails.filter_map(|mail| Some((mail.about.clone(), mailer.send(&mail).err()?))));
    }
    if node.settings.json {
        output::json(&told.iter().map(shown::told_json).collect())?;
    } else {
        for told in &told {
            output::line(&mail::sentence(told))?;
        }
        if told.is_empty() {
            output::message("no key ends soon that was not told of before");
        }
    }
    for (about, failure) in &failures {
        output::message(&mail::advice(about, failure));
    }
    anyhow::ensure!(failures.is_empty(), "{} mails were not sent", failures.len());
    Ok(())
}

fn parse(text: &str) -> anyhow::Result<KeyId> {
    text.parse().with_context(|| {
        format!("{text:?} is not a key's id; `key list` shows them (the token is not the id)")
    })
}

async fn contexts(admin: &Admin, instance: Option<&str>) -> anyhow::Result<Vec<KeyContext>> {
    let instance = match instance {
        Some(name) => Some(admin.instance_named(name).await?),
        None => None,
    };
    Ok(admin.key_list(instance.as_ref()).await?)
}
