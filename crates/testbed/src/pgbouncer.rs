//! A pooler in front of a cluster.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::cluster::Cluster;
use crate::folder::Folder;
use crate::kept::Kept;
use crate::programs::{User, program};
use crate::{missing, ports, within};

/// `PgBouncer` in transaction mode: consecutive transactions of one client may run on different connections of the server, so
/// nothing that belongs to a session survives (`SET`, named prepared statements, advisory locks of a session).
#[derive(Debug)]
pub struct Pgbouncer {
    port: u16,
    _server: Kept,
    // Last: it goes after the server.
    _folder: Folder,
}

impl Pgbouncer {
    /// Starts one in front of a cluster, with this many connections to each database; none where it is not installed.
    ///
    /// # Errors
    /// Where it does not start; with `CI=true` also where it is not installed.
    pub fn start(cluster: &Cluster, connections: u32) -> anyhow::Result<Option<Self>> {
        let Some(pgbouncer) = program("pgbouncer") else {
            missing("PgBouncer is not installed (on Debian and Ubuntu: the package pgbouncer)")?;
            return Ok(None);
        };
        let (user, port) = (User::find()?, ports::free()?);
        let folder = Folder::new(user)?;
        let (settings, log) = (folder.path().join("pgbouncer.ini"), folder.path().join("log"));
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n\
             max_client_conn = 500\ndefault_pool_size = {connections}\n\
             ignore_startup_parameters = extra_float_digits\n",
            cluster.address().port()
        );
        std::fs::write(&settings, text)?;
        user.own(&settings)?;
        let mut command = user.command(&pgbouncer);
        command.arg(&settings).current_dir(folder.path());
        let shell = user.command(Path::new("sh"));
        let mut server = Kept::start_by(shell, &command, "TERM", &log)?;
        let listening = within("PgBouncer listens", || {
            if !server.runs()? {
                bail!("PgBouncer ended");
            }
            Ok(TcpStream::connect(("127.0.0.1", port)).ok())
        });
        listening.with_context(|| std::fs::read_to_string(&log).unwrap_or_default())?;
        Ok(Some(Self { port, _server: server, _folder: folder }))
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// The URL of one of the cluster's databases by way of the pooler.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@{}/{database}", self.address())
    }
}
