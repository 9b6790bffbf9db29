//! A second PostgreSQL that follows the first.

use anyhow::bail;

use crate::cluster::{Cluster, Durability};
use crate::programs::output;
use crate::within;

/// Whether a COMMIT waits for the replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replication {
    /// No: the replica is a little behind, so tests must look again.
    Asynchronous,
    /// Yes: what was acknowledged is on both.
    Synchronous,
}

impl Cluster {
    /// A replica that streams from this cluster. It can be stopped and started like any other.
    ///
    /// # Errors
    /// Where it does not come to stream, or should be synchronous while this cluster does not wait for its own disk.
    pub fn replica(&self, replication: Replication) -> anyhow::Result<Self> {
        let synchronous = replication == Replication::Synchronous;
        if synchronous && self.durability == Durability::Off {
            bail!("a synchronous replica needs a cluster with Durability::On");
        }
        let replica = Self::made(self.programs.clone(), self.user, self.durability, |replica| {
            let mut backup = replica.program("pg_basebackup");
            let port = self.address().port().to_string();
            backup.args(["-h", "127.0.0.1", "-p", &port, "-U", "postgres"]);
            output(backup.args(["-R", "-X", "stream", "-c", "fast", "--no-sync", "-D"]).arg(replica.data()))
        })?;
        let state = |column: &str, wanted: &str| {
            within("the replica streams", || {
                let text = format!("SELECT count(*) FROM pg_stat_replication WHERE {column} = '{wanted}'");
                Ok((self.sql("postgres", &text)? != "0").then_some(()))
            })
        };
        state("state", "streaming")?;
        if synchronous {
            // Behind the copy, so that the replica waits for nobody once it is promoted.
            self.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'")?;
            self.sql("postgres", "SELECT pg_reload_conf()")?;
            state("sync_state", "sync")?;
        }
        Ok(replica)
    }

    /// Makes a replica take writes; returns once it does.
    ///
    /// # Errors
    /// Where this is no replica.
    pub fn promote(&self) -> anyhow::Result<()> {
        if self.sql("postgres", "SELECT pg_promote(true, 60)")? != "t" {
            bail!("the replica was not promoted within a minute");
        }
        Ok(())
    }

    /// The URL of a database of these clusters that are one service: whichever takes writes.
    #[must_use]
    pub fn url_of_writer(clusters: &[&Self], database: &str) -> String {
        let addresses: Vec<String> = clusters.iter().map(|cluster| cluster.address().to_string()).collect();
        format!("postgres://postgres@{}/{database}?target_session_attrs=read-write", addresses.join(","))
    }
}
