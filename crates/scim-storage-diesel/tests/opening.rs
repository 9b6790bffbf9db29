//! What a file may be that is opened, and who may read it then.

#![expect(clippy::expect_used, reason = "a panic is how a test answers")]

use std::path::Path;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use scim_storage_diesel::{OpenError, Options, SqliteStore};

/// A database that something else made.
fn made(path: &Path, sql: &str) {
    let mut connection = SqliteConnection::establish(&path.display().to_string()).expect("made");
    connection.batch_execute(sql).expect("run");
}

#[test]
fn the_database_of_another_program_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("other.db");
    let check = |sql: &str, expected: Option<&str>| {
        let _ = std::fs::remove_file(&path);
        made(&path, sql);
        let before = std::fs::read(&path).expect("read");
        let opened = SqliteStore::open(&path, Options { migrate: true, ..Options::default() });
        match (opened, expected) {
            (Err(OpenError::NotOurs { table, .. }), Some(expected)) => {
                assert_eq!(table, expected);
                assert_eq!(std::fs::read(&path).expect("read"), before, "nothing was changed in it");
            }
            (opened, expected) => {
                assert_eq!(opened.err().map(|error| error.to_string()).as_deref(), expected)
            }
        }
    };
    check("CREATE TABLE moz_places (id INTEGER)", Some("moz_places"));
    // Names of ours alone do not make it ours.
    check("CREATE TABLE resources (id INTEGER)", Some("resources"));
    let diesel = "CREATE TABLE __diesel_schema_migrations (version TEXT PRIMARY KEY, run_on TEXT);";
    check(&format!("{diesel} CREATE TABLE posts (id INTEGER)"), Some("posts"));
    check("", None);
    check("CREATE TABLE x (id INTEGER); DROP TABLE x", None);
}

#[test]
fn what_is_no_database_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "not a database, but long enough to be looked at as if it were one".repeat(100))
        .expect("written");
    let told = SqliteStore::open(&path, Options::default()).expect_err("refused").to_string();
    assert!(told.contains("notes.txt") && told.contains("not a database"), "{told}");
    let nowhere = folder.path().join("missing/rollcall.db");
    let told = SqliteStore::open(&nowhere, Options::default()).expect_err("refused").to_string();
    assert!(told.contains("missing"), "{told}");
}

#[cfg(unix)]
#[test]
fn files_that_are_made_are_their_owners_alone() {
    use std::os::unix::fs::MetadataExt as _;

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rollcall.db");
    let store = SqliteStore::open(&path, Options::default()).expect("opened");
    let mut found = 0;
    for file in std::fs::read_dir(folder.path()).expect("a folder").flatten() {
        assert_eq!(file.metadata().expect("there").mode() & 0o777, 0o600, "{:?}", file.file_name());
        found += 1;
    }
    assert_eq!(found, 3, "the database, -wal and -shm");
    drop(store);
    SqliteStore::open(&path, Options::default()).expect("opened again");
}
