//! `rollcall demo`: the main job in one command.

mod outcome;
mod setting;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures_util::future::{Either, select};
use scim_api_keys::{ApiKey, Peppers};
use scim_core::instant::Timestamp;
use scim_directory::Instance;
use scim_emulator::entra::{EmulatorError, Summary};
use scim_provider::admin::{Admin, AdminError, KeyRequest};
use serde_json::json;
use zeroize::Zeroizing;

use self::outcome::{Outcome, end_of_log};
use self::setting::{INSTANCE, Setting};
use super::emulate;
use crate::node::Node;
use crate::progress::Bars;
use crate::server::{Server, Signals, bind};
use crate::{cli, output, summary};

/// How long the key is good for.
const KEY_LIFETIME: Duration = Duration::from_secs(30 * 86_400);

/// Where the demonstration is to be found.
struct Place {
    /// The SCIM base URL.
    base: String,
    key: ApiKey,
    /// The database, as `--database` takes it.
    database: String,
    /// Whether the database stays when the command ends.
    stays: bool,
}

pub(crate) async fn run(options: &cli::Demo, mut node: Node) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::catch()?;
    let folder = match node.settings.database.named {
        true => None,
        false => {
            let folder = tempfile::Builder::new().prefix("rollcall-demo-").tempdir();
            Some(folder.context("cannot make a folder for the database")?)
        }
    };
    if let Some(folder) = &folder {
        // The pepper goes with the database.
        let mut pepper = Zeroizing::new([0; 32]);
        node.source.random(&mut *pepper);
        node.settings = node.settings.in_folder(folder.path(), Peppers::render(&pepper));
    }
    // The identity provider that is played here knows no certificate of yours.
    if node.settings.listen.tls.take().is_some() && !node.settings.listen.address.ip().is_loopback() {
        bail!(
            "the demonstration speaks plain HTTP, whatever certificate is set; add --listen 127.0.0.1:8080"
        );
    }
    let settings = &node.settings;
    let store = node.open(false)?;
    let admin = node.issuer(Arc::clone(&store)).await?;
    let setting = Setting::new(options.people);
    let (instance, fresh) = instance(&admin, &setting).await?;
    let begun = end_of_log(&admin, &instance).await?;
    let key = key(&admin, &instance, node.now()).await?;
    let (address, listener) = bind_or_any(settings.listen.address)?;
    let server = Server::start(listener, &node, store).await?;
    let place = Place {
        base: format!("http://{}/scim/v2", reachable(address)),
        key,
        database: settings.database.shown(),
        stays: folder.is_none(),
    };
    let people = options.people;
    output::message(&format!(
        "serving {}; {people} people of Fernwood Instruments are on their way, {} have an account already",
        place.base,
        if fresh { setting.existing().0.to_string() } else { "some".to_owned() }
    ));

    let bars = Arc::new(Bars::new());
    let cycles = play(place.base.clone(), place.key.reveal(), people, Arc::clone(&bars));
    let finished = {
        let (cycles, asked) = (std::pin::pin!(cycles), std::pin::pin!(signals.asked()));
        match select(cycles, asked).await {
            Either::Left((summary, _)) => Some(summary??),
            Either::Right(_) => None,
        }
    };
    let Some(summary) = finished else {
        bars.end();
        output::message("ended before the cycles were done");
        server.end().await?;
        return Ok(ExitCode::FAILURE);
    };
    let log = (&admin, &instance, begun);
    let outcome = Outcome::read(log, &setting, fresh, &summary).await?;
    if settings.json {
        output::json(&json!({
            "base": place.base,
            "token": place.key.reveal(),
            "instance": INSTANCE,
            "database": place.database,
            "clean": outcome.is_clean(),
            "summary": summary,
            "log": outcome.json(),
        }))?;
    } else {
        summary::write(&summary)?;
        outcome.write()?;
        place.write(options.once)?;
    }
    summary::tell_mismatches(&summary);
    outcome.tell_wrong();
    if options.once {
        server.end().await?;
    } else {
        output::message("serving until Ctrl-C");
        server.until(&mut signals).await?;
    }
    Ok(if outcome.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The instance, made where the database has none of that name; whether it was.
async fn instance(admin: &Admin, setting: &Setting) -> anyhow::Result<(Instance, bool)> {
    match admin.instance_named(INSTANCE).await {
        Ok(instance) => {
            output::message(&format!("the database has an instance {INSTANCE} already; it is used again"));
            Ok((instance, false))
        }
        Err(AdminError::NotFound(_)) => Ok((setting.prepare(admin).await?, true)),
        Err(error) => Err(error.into()),
    }
}

/// A new key. Of those of earlier demonstrations on the same database the newest goes on working: two may be in force.
async fn key(admin: &Admin, instance: &Instance, now: Timestamp) -> anyhow::Result<ApiKey> {
    let keys = admin.key_list(Some(instance)).await?;
    let live: Vec<_> = keys.iter().filter(|context| context.key.is_live(now)).collect();
    for context in live.iter().rev().skip(1) {
        admin.key_revoke(context.key.id).await?;
    }
    let request = KeyRequest {
        connector: "default",
        user: "integration",
        lifetime: Some(KEY_LIFETIME),
        ..KeyRequest::default()
    };
    admin.key_issue(instance, &request).await?.key.context("no key was generated")
}

/// Takes the address, or a free port where that one is in use.
fn bind_or_any(address: SocketAddr) -> anyhow::Result<(SocketAddr, TcpListener)> {
    match TcpListener::bind(address) {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            output::message(&format!("{address} is in use; another port is taken"));
            bind(SocketAddr::new(address.ip(), 0))
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on {address}")),
        Ok(listener) => Ok((listener.local_addr()?, listener)),
    }
}

/// An address to connect to: loopback where the server listens on all.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// Runs the cycles on a thread of their own: when the command is ended before them, nothing waits for that thread.
async fn play(
    base: String,
    token: String,
    people: u32,
    bars: Arc<Bars>,
) -> anyhow::Result<Result<Summary, EmulatorError>> {
    let (sender, receiver) = futures_channel::oneshot::channel();
    std::thread::Builder::new().name("identity provider".to_owned()).spawn(move || {
        // Nobody listens any more where the command was ended.
        let _ = sender.send(emulate::play(base, token, people, &bars));
    })?;
    receiver.await.context("the identity provider failed")
}

impl Place {
    /// Writes the URL, the token and what to try next.
    fn write(&self, once: bool) -> anyhow::Result<()> {
        let (base, token) = (&self.base, self.key.reveal());
        output::line("")?;
        output::line(&format!("SCIM URL      {base}"))?;
        output::line(&format!("Secret token  {token}"))?;
        output::line("")?;
        if once && !self.stays {
            return output::line("Next: rollcall demo, without --once, stays up to be tried.");
        }
        if once {
            let listen = base.trim_start_matches("http://").trim_end_matches("/scim/v2");
            output::line(&format!(
                "Serve it: rollcall serve --database '{}' --listen {listen}",
                self.database
            ))?;
        }
        output::line("Try next:")?;
        let authorization = format!("-H 'Authorization: Bearer {token}'");
        output::line(&format!(
            "  curl -s {authorization} '{base}/Groups?excludedAttributes=members&count=5&sortBy=displayName'"
        ))?;
        output::line(&format!(
            "  curl -s {authorization} -G '{base}/Users' --data-urlencode 'filter=name.familyName sw \"s\" and active eq true' -d count=3"
        ))?;
        output::line(&format!(
            "  curl -s {authorization} -H 'Content-Type: application/scim+json' '{base}/Users' -d '{}'",
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
                "userName": "new.colleague@fernwood.example",
                "name": { "givenName": "New", "familyName": "Colleague" },
            })
        ))?;
        output::line(&format!("  {} log --database '{}' --instance {INSTANCE}", program(), self.database))
    }
}

/// This program, as it was called.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "rollcall".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_left_alone() {
        let (taken, _listener) = bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        let (address, _other) = bind_or_any(taken).expect("another port");
        assert_eq!(address.ip(), taken.ip());
        assert_ne!(address.port(), taken.port());
    }

    #[test]
    fn an_address_to_connect_to() {
        let check = |listen: &str, expected: &str| {
            let listen: SocketAddr = listen.parse().expect("an address");
            assert_eq!(reachable(listen).to_string(), expected);
        };
        check("0.0.0.0:80", "127.0.0.1:80");
        check("[::]:80", "[::1]:80");
        check("192.0.2.1:80", "192.0.2.1:80");
    }
}
