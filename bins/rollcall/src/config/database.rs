//! Where data are kept: a file of SQLite, or a database of PostgreSQL.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use super::setting::Setting;
use super::shown::without_user_password;
use super::sources::{Given, Origin, Sources};
use super::table::{
    DATABASE, DATABASE_CONNECT_TIMEOUT, DATABASE_CONNECTIONS, DATABASE_DIRECT_URL, DATABASE_PASSWORD,
    DATABASE_PASSWORD_FILE, DATABASE_POOLER, DATABASE_REPLICA_URL, DATABASE_STATEMENT_TIMEOUT,
    MAX_WAITING_READS, MAX_WAITING_WRITES, READ_TIMEOUT,
};

/// Where the pepper is by default, where there is no file of a database to be beside.
const DATA_FOLDER: &str = "/var/lib/rollcall";
/// The most bytes that a file of a password may have.
const MAX_PASSWORD_BYTES: u64 = 4096;

/// The database, and how it is opened.
#[derive(Clone, Debug)]
pub(crate) struct DatabaseSettings {
    /// Where it is.
    pub(crate) place: DatabasePlace,
    /// Whether it was named, by option, environment or file.
    pub(crate) named: bool,
    /// How many long reads may wait.
    pub(crate) waiting_reads: usize,
    /// How many change sets may wait.
    pub(crate) waiting_writes: usize,
    /// How long finding a list may take.
    pub(crate) read_time: Duration,
}

/// Where a database is.
#[derive(Clone, Debug)]
pub(crate) enum DatabasePlace {
    /// A file of SQLite.
    File(PathBuf),
    /// A database of PostgreSQL.
    Server(Box<ServerDatabase>),
}

/// A database of PostgreSQL, and how it is reached.
#[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "this build reaches none"))]
#[derive(Clone)]
pub(crate) struct ServerDatabase {
    /// Its URL, its password included.
    pub(crate) url: Zeroizing<String>,
    /// The same past any pooler, for migrations.
    pub(crate) direct_url: Option<Zeroizing<String>>,
    /// A read replica.
    pub(crate) replica_url: Option<Zeroizing<String>>,
    /// How many connections there are to the primary.
    pub(crate) connections: usize,
    /// Whether a pooler stands between that gives a connection for one transaction.
    pub(crate) transaction_pooler: bool,
    /// How long connecting may take.
    pub(crate) connect_time: Duration,
    /// How long a statement may take.
    pub(crate) statement_time: Duration,
}

/// Shows no URL: a password stands there.
impl fmt::Debug for ServerDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerDatabase")
            .field("connections", &self.connections)
            .field("transaction_pooler", &self.transaction_pooler)
            .finish_non_exhaustive()
    }
}

impl DatabaseSettings {
    pub(super) fn load(sources: &mut Sources<'_>) -> Self {
        let url = sources.given_or_default(&DATABASE);
        Self {
            place: place(&url, sources),
            named: url.from != Origin::Default,
            waiting_reads: sources.size(&MAX_WAITING_READS),
            waiting_writes: sources.size(&MAX_WAITING_WRITES),
            read_time: sources.span(&READ_TIMEOUT),
        }
    }

    /// The same with a file in place of it.
    pub(super) fn in_file(&self, file: PathBuf) -> Self {
        Self { place: DatabasePlace::File(file), ..self.clone() }
    }

    /// The file, where it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match &self.place {
            DatabasePlace::File(file) => Some(file),
            DatabasePlace::Server(_) => None,
        }
    }

    /// The folder that the pepper is in, where nobody says otherwise.
    pub(super) fn data_folder(&self) -> &Path {
        match &self.place {
            DatabasePlace::File(file) => file.parent().unwrap_or(Path::new("")),
            DatabasePlace::Server(_) => Path::new(DATA_FOLDER),
        }
    }

    /// How `--database` names it, without its password.
    pub(crate) fn shown(&self) -> String {
        match &self.place {
            DatabasePlace::File(file) => format!("sqlite:{}", file.display()),
            DatabasePlace::Server(server) => without_user_password(&server.url),
        }
    }
}

/// Whether a text is the URL of a PostgreSQL database.
fn is_of_server(text: &str) -> bool {
    text.starts_with("postgres://") || text.starts_with("postgresql://")
}

fn place(url: &Given, sources: &mut Sources<'_>) -> DatabasePlace {
    let text = Zeroizing::new(url.text());
    if is_of_server(&text) {
        return DatabasePlace::Server(Box::new(server(url, sources)));
    }
    DatabasePlace::File(file(url, &text, sources))
}

fn file(url: &Given, text: &str, sources: &mut Sources<'_>) -> PathBuf {
    let Some(path) = text.strip_prefix("sqlite:") else {
        // What it is instead is not quoted: a password may stand in it.
        sources.mistake(url, "this must be sqlite:PATH or postgres://USER@HOST/DATABASE");
        return PathBuf::new();
    };
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() {
        sources.mistake(url, "this must be sqlite:PATH");
    } else if path.starts_with(":memory:") || path.starts_with("file:") {
        let what = format!("{text:?} must name a file by its path; what is only in memory is lost");
        sources.mistake(url, &what);
    } else if !cfg!(feature = "sqlite") {
        sources
            .mistake(url, "this build of rollcall is without SQLite (its feature sqlite); use postgres://…");
    }
    PathBuf::from(path)
}

fn server(url: &Given, sources: &mut Sources<'_>) -> ServerDatabase {
    if !cfg!(feature = "postgres") {
        sources.mistake(
            url,
            "this build of rollcall is without PostgreSQL (its feature postgres); use sqlite:PATH",
        );
    }
    let password = password(sources);
    let other = |setting: &'static Setting, sources: &mut Sources<'_>| {
        let given = sources.given(setting)?;
        Some(whole(&given, password.as_ref(), sources))
    };
    let (direct_url, replica_url) =
        (other(&DATABASE_DIRECT_URL, sources), other(&DATABASE_REPLICA_URL, sources));
    ServerDatabase {
        url: whole(url, password.as_ref(), sources),
        direct_url,
        replica_url,
        connections: sources.size(&DATABASE_CONNECTIONS),
        transaction_pooler: sources.choice(&DATABASE_POOLER) == "transaction",
        connect_time: sources.span(&DATABASE_CONNECT_TIMEOUT),
        statement_time: sources.span(&DATABASE_STATEMENT_TIMEOUT),
    }
}

/// A URL with the password that is kept apart from it. Nothing of it is quoted in a mistake.
fn whole(
    given: &Given,
    password: Option<&Zeroizing<String>>,
    sources: &mut Sources<'_>,
) -> Zeroizing<String> {
    let mut url = Zeroizing::new(given.text());
    if !is_of_server(&url) {
        sources.mistake(given, "this must be postgres://USER@HOST/DATABASE");
        return url;
    }
    if let Some(password) = password {
        // One that has a password of its own keeps it: a replica may have another.
        if *without_user_password(&url) == **url {
            let mark = if url.contains('?') { '&' } else { '?' };
            url.push(mark);
            url.push_str("password=");
            url.extend(utf8_percent_encode(password, NON_ALPHANUMERIC));
        } else if given.setting.name == DATABASE.name {
            let what = "database has a password already; keep one of the two";
            let place = if sources.given(&DATABASE_PASSWORD_FILE).is_some() {
                &DATABASE_PASSWORD_FILE
            } else {
                &DATABASE_PASSWORD
            };
            sources.mistake_of(place, what);
        }
    }
    #[cfg(feature = "postgres")]
    if let Err(what) = scim_storage_diesel::PostgresOptions::check_url(&url) {
        sources.mistake(given, &what);
    }
    url
}

/// The password that stands in no URL.
fn password(sources: &mut Sources<'_>) -> Option<Zeroizing<String>> {
    let text = sources.text(&DATABASE_PASSWORD).map(Zeroizing::new);
    let Some(given) = sources.given(&DATABASE_PASSWORD_FILE) else { return text };
    if text.is_some() {
        sources.mistake_of(
            &DATABASE_PASSWORD,
            "database_password_file says where it is too; keep one of the two",
        );
    }
    let path = sources.path(&DATABASE_PASSWORD_FILE)?;
    match crate::files::secret_line(&path, MAX_PASSWORD_BYTES) {
        Ok(password) => Some(password),
        Err(what) => {
            sources.mistake(&given, &what);
            None
        }
    }
}

#[cfg(feature = "postgres")]
#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::super::sources::Environment;
    use super::*;

    /// What is read of these settings, and what is told.
    fn read(settings: &[(&str, &str)]) -> (DatabaseSettings, Vec<String>) {
        let variable =
            |(name, text): &(&str, &str)| (format!("ROLLCALL_{}", name.to_uppercase()), OsString::from(text));
        let environment: Environment = settings.iter().map(variable).collect();
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("empty.toml");
        std::fs::write(&file, "").expect("written");
        let mut sources = Sources::read(Some(&file), &[], &environment);
        let database = DatabaseSettings::load(&mut sources);
        let told = sources.mistakes;
        assert!(!format!("{database:?} {told:?}").contains("hidden"), "a password is not shown: {told:?}");
        (database, told)
    }

    #[track_caller]
    fn server(settings: &[(&str, &str)]) -> ServerDatabase {
        let (database, told) = read(settings);
        assert!(told.is_empty(), "{told:?}");
        match database.place {
            DatabasePlace::Server(server) => *server,
            DatabasePlace::File(file) => panic!("{}", file.display()),
        }
    }

    #[track_caller]
    fn refused(settings: &[(&str, &str)], expected: &str) {
        let (_, told) = read(settings);
        assert!(told.len() == 1 && told.iter().all(|told| told.contains(expected)), "{told:?}");
    }

    #[test]
    fn a_password_may_stand_apart() {
        let url = ("database", "postgres://ada@db.example/rollcall");
        assert_eq!(*server(&[url]).url, url.1);
        let apart = server(&[
            url,
            ("database_password", "hidden &?"),
            ("database_replica_url", "postgres://ada@other.example/rollcall?sslmode=disable"),
            ("database_direct_url", "postgres://eve:hidden@db.example/rollcall"),
        ]);
        assert_eq!(*apart.url, "postgres://ada@db.example/rollcall?password=hidden%20%26%3F");
        let replica = "postgres://ada@other.example/rollcall?sslmode=disable&password=hidden%20%26%3F";
        assert_eq!(apart.replica_url.as_deref().map(String::as_str), Some(replica));
        let direct = "postgres://eve:hidden@db.example/rollcall";
        assert_eq!(apart.direct_url.as_deref().map(String::as_str), Some(direct));
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("password");
        std::fs::write(&file, "hidden\n").expect("written");
        let file = file.to_str().expect("text");
        let of_file = server(&[url, ("database_password_file", file)]);
        assert_eq!(*of_file.url, "postgres://ada@db.example/rollcall?password=hidden");
        refused(&[url, ("database_password_file", "/nowhere")], "cannot read /nowhere");
        let two = [url, ("database_password_file", file), ("database_password", "hidden")];
        refused(&two, "keep one of the two");
        let two = [("database", "postgres://ada:hidden@db.example/r"), ("database_password", "hidden")];
        refused(&two, "database has a password already");
    }

    #[test]
    fn what_is_wrong_with_a_url_is_told_without_it() {
        refused(&[("database", "postgres:hidden")], "postgres://USER@HOST/DATABASE");
        refused(&[("database", "mysql://ada:hidden@h/r")], "sqlite:PATH or postgres://");
        refused(&[("database", "postgres://ada:hidden@h/r?sslmode=maybe")], "sslmode");
        refused(&[("database", "postgres://ada:hidden@h:port/r")], "database (ROLLCALL_DATABASE)");
        let replica = ("database_replica_url", "sqlite:hidden");
        refused(&[("database", "postgres://ada@h/r"), replica], "database_replica_url");
    }

    #[test]
    fn what_is_shown_has_no_password() {
        let shown = |url: &str| read(&[("database", url)]).0.shown();
        assert_eq!(shown("postgres://ada:hidden@one,two/r"), "postgres://ada@one,two/r");
        assert_eq!(shown("sqlite:/a/b.db"), "sqlite:/a/b.db");
    }
}
