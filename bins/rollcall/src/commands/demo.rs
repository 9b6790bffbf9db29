//! `rollcall demo`: the main job in one command.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::bail;
use scim_directory::InstanceSettings;
use scim_provider::admin::{Admin, AdminError, KeyRequest};
use tempfile::TempDir;

use super::{emulate, serve};
use crate::cli;
use crate::clock::System;
use crate::config::{Settings, parse_listen};
use crate::{database, output};

/// The instance's name.
const INSTANCE: &str = "demo";

pub(crate) async fn run(options: cli::Demo, mut settings: Settings) -> anyhow::Result<ExitCode> {
    // A database of its own, gone at the end, unless one is named.
    let folder = tempfile::tempdir()?;
    if !settings.database_named {
        settings.database = folder.path().join("demo.db");
    }
    let mut mistakes = Vec::new();
    let wanted = parse_listen(&options.listen, "--listen", &mut mistakes);
    if let Some(mistake) = mistakes.pop() {
        bail!(mistake);
    }
    if !wanted.ip().is_loopback() && !settings.insecure_listen {
        bail!(
            "--listen: {wanted} is not a loopback address, and this is plain HTTP; set insecure_listen = true if you mean it"
        );
    }
    let store = database::open(&settings, false)?;
    let token = prepare(&Admin::new(store.clone(), std::sync::Arc::new(System))).await?;
    let (address, listener) = serve::bind(wanted).or_else(|_| {
        output::message(&format!("{wanted} is in use; taking a free port"));
        serve::bind(SocketAddr::new(wanted.ip(), 0))
    })?;
    let provider = database::provider(&settings, store).await?;
    let server = serve::start(listener, provider, &settings)?;
    let handle = server.handle();
    let running = actix_web::rt::spawn(server);
    let base = format!("http://{address}/scim/v2");
    output::message(&format!("{} people of Fernwood Instruments arrive at {base}", options.people));
    let summary = emulate::play(base.clone(), token.clone(), options.people).await?;
    if settings.json {
        let shown = serde_json::json!({ "scim_url": base, "token": token, "summary": serde_json::to_value(&summary)? });
        output::json(&shown)?;
    } else {
        emulate::show(&summary)?;
        try_next(&base, &token, &settings, options.once)?;
    }
    if !options.once {
        output::message("serving until Ctrl-C");
        serve::signalled().await?;
    }
    handle.stop(true).await;
    running.await??;
    end(folder);
    Ok(if summary.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// An instance and a key. The instance of an earlier demo on the same database is taken up again.
async fn prepare(admin: &Admin) -> anyhow::Result<String> {
    let instance = match admin.instance_create(INSTANCE, InstanceSettings::default()).await {
        Ok(created) => created.instance,
        Err(AdminError::Taken(_)) => admin.instance_named(INSTANCE).await?,
        Err(error) => return Err(error.into()),
    };
    let request = KeyRequest { connector: "default", user: "integration", lifetime: None };
    Ok(admin.key_issue(&instance, &request).await?.key.reveal())
}

fn try_next(base: &str, token: &str, settings: &Settings, once: bool) -> anyhow::Result<()> {
    let curl = format!("curl -s -H 'Authorization: Bearer {token}'");
    let database = settings.database.display();
    output::line("")?;
    output::line(&format!("SCIM URL      {base}"))?;
    output::line(&format!("secret token  {token}"))?;
    output::line("")?;
    output::line(if once { "Try, with the server running (without --once):" } else { "Try:" })?;
    output::line(&format!("  {curl} '{base}/Users?count=2'"))?;
    output::line(&format!(
        "  {curl} -G '{base}/Users' --data-urlencode 'filter=name.familyName sw \"s\" and active eq true' -d count=3"
    ))?;
    output::line(&format!("  {curl} '{base}/Groups?excludedAttributes=members&count=5&sortBy=displayName'"))?;
    if settings.database_named || !once {
        output::line(&format!("  rollcall --database sqlite:{database} log --instance {INSTANCE}"))?;
    }
    Ok(())
}

/// Removes the demo's own folder; what cannot be removed is told.
fn end(folder: TempDir) {
    let path = folder.path().to_owned();
    if let Err(error) = folder.close() {
        output::message(&format!("cannot remove {}: {error}", path.display()));
    }
}
