//! Keeps a directory in a plain file, closes it, and finds everything again:
//! `cargo run -p scim-storage-suite --example plain_file -- [FILE]`.
//!
//! `store.rs` is the backend and `log_file.rs` its file. `tests/plain_file.rs` runs the whole suite on it.

mod log_file;
mod store;

use std::io::{self, Write as _};
use std::path::PathBuf;

use pollster::block_on;
use scim_directory::{Fact, Question, Tally};
use scim_storage::{Direction, Store as _};
use scim_storage_suite::world::World;
use serde_json::json;

use store::FileStore;

fn main() -> io::Result<()> {
    let directory = tempfile::tempdir()?;
    let path =
        std::env::args_os().nth(1).map_or_else(|| directory.path().join("directory.jsonl"), PathBuf::from);
    let mut out = io::stdout().lock();

    let store = FileStore::open(&path)?;
    // Two instances and their connectors; what a server would have decided, the suite's world makes here.
    let world = World::new(&store);
    let scope = world.scope;
    let group = world.group("Chefs");
    for name in ["mira", "noah", "olga"] {
        let person =
            world.create("User", &json!({ "userName": name, "externalId": format!("external {name}") }));
        world.edit_members(&group, &[&person], &[]);
    }
    drop(store);

    let store = FileStore::open(&path)?;
    let count = Question::Count("User".into(), Tally::All);
    let facts = block_on(store.facts(&scope, &[count])).map_err(io::Error::other)?;
    if let [Fact::Count(people)] = facts.as_slice() {
        writeln!(out, "{people} people in {} bytes of {}", std::fs::metadata(&path)?.len(), path.display())?;
    }
    let query = scim_storage::EdgeQuery {
        of: vec![group.id],
        direction: Direction::Members,
        only: None,
        after: None,
        limit: 10,
    };
    for edge in block_on(store.edges(&scope, &query)).map_err(io::Error::other)?.edges {
        writeln!(out, "Chefs: {}", edge.display.unwrap_or_default())?;
    }
    Ok(())
}
