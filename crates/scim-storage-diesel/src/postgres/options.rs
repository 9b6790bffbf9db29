//! How a PostgreSQL database is reached.

use std::time::Duration;

use super::url::understood;

/// What stands between the server and PostgreSQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pooler {
    /// Nothing, or a pooler that gives each client a connection of its own (session mode): statements are kept prepared.
    #[default]
    Session,
    /// A pooler that gives a connection for one transaction (pgbouncer's transaction mode): nothing outlives a
    /// transaction, and statements have no name.
    Transaction,
}

/// How a PostgreSQL database is reached and used.
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://user:password@host,other:port/database?…`, as libpq has it: several hosts are tried in their order, and
    /// only one that takes writes is used. `sslmode` is one of `disable`, `prefer` (the default), `require`, `verify-ca`,
    /// `verify-full`; `sslrootcert` a file of certificates, or `system`.
    pub url: String,
    /// Where migrations are done, past any pooler. Default: [`Self::url`].
    pub direct_url: Option<String>,
    /// A read replica, for the log and for reports. Default: none.
    pub replica_url: Option<String>,
    /// Whether a database of an earlier release is migrated. An empty one always is. Default: false.
    pub migrate: bool,
    /// Whether it is only read: then any server that answers will do, a replica too, and commits fail there. Default: false.
    pub reads_only: bool,
    /// Connections to the primary: half of them commit, a quarter reads what may take long. Default: 16; at least 3 are made. Besides
    /// these each runtime of the callers has one for look-ups, a quarter of this number at most.
    pub connections: usize,
    /// What stands between. Default: [`Pooler::Session`].
    pub pooler: Pooler,
    /// How many reads and change sets wait for a connection, before others are refused as
    /// [`scim_storage::StoreError::Unavailable`]. Default: 1024.
    pub waiting: usize,
    /// How long connecting may take. Default: 5 seconds.
    pub connect_time: Duration,
    /// How long a statement of a commit or a look-up may take, before its connection is given up. Default: 10 seconds.
    pub statement_time: Duration,
    /// How long a read of a list may take, before it ends as [`scim_storage::StoreError::TooLong`]. Default: 10 seconds.
    pub read_time: Duration,
}

impl PostgresOptions {
    /// The defaults, for a database.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            direct_url: None,
            replica_url: None,
            migrate: false,
            reads_only: false,
            connections: 16,
            pooler: Pooler::Session,
            waiting: 1024,
            connect_time: Duration::from_secs(5),
            statement_time: Duration::from_secs(10),
            read_time: Duration::from_secs(10),
        }
    }
}

impl PostgresOptions {
    /// Looks whether a URL can be understood, its `sslrootcert` included. Nobody is connected to.
    ///
    /// # Errors
    /// What is wrong with it; nothing of it is quoted that may be secret.
    pub fn check_url(url: &str) -> Result<(), String> {
        understood(url, false, &Self::new(url)).map(drop)
    }
}

/// URLs have passwords in them.
impl std::fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("migrate", &self.migrate)
            .field("connections", &self.connections)
            .field("pooler", &self.pooler)
            .finish_non_exhaustive()
    }
}
