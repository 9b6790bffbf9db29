//! Filling a database by the command line's own imports, and serving it.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use serde_json::json;
use testbed::Rollcall;

use super::http::Client;
use crate::server::{binary, rollcall, serve};
use crate::shell::{check, output, say};

/// The instance that is filled.
const INSTANCE: &str = "scale";

/// How large a directory is: one group for a hundred people, ten members each, but for one with a tenth of the people.
#[derive(Clone, Debug)]
pub(super) struct Size {
    pub(super) people: usize,
    pub(super) groups: usize,
    pub(super) largest_group: usize,
    /// How many of the people came over SCIM, with an `externalId`; the others were imported.
    pub(super) provisioned: usize,
}

impl Size {
    pub(super) const fn of(people: usize) -> Self {
        let part = people / 50;
        let provisioned = if part < 500 { 500 } else { part };
        Self { people, groups: people / 100, largest_group: people / 10, provisioned }
    }
}

/// Where a directory is kept.
pub(super) struct Place {
    pub(super) database: String,
    pub(super) data: PathBuf,
}

/// A directory that is served.
pub(super) struct Directory {
    pub(super) size: Size,
    pub(super) server: Rollcall,
}

/// The user name of an imported person.
fn user_name(number: usize) -> String {
    format!("person.{number:07}@contoso.example")
}

/// The user name of one who came over SCIM; the `externalId` is made of the same number.
pub(super) fn provisioned(number: usize) -> (String, String) {
    (format!("provisioned.{number:07}@contoso.example"), format!("3f2a6c1e-0000-4000-8000-{number:012}"))
}

/// A person as identity providers send them.
pub(super) fn person(user_name: &str, external_id: &str, number: usize) -> serde_json::Value {
    json!({
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
        ],
        "externalId": external_id,
        "userName": user_name,
        "name": { "givenName": format!("Given{}", number % 1009), "familyName": format!("Family{}", number % 7919) },
        "displayName": format!("Given{} Family{}", number % 1009, number % 7919),
        "emails": [{ "primary": true, "type": "work", "value": user_name }],
        "active": true,
        "title": format!("Title {}", number % 53),
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": format!("Department {}", number % 211) }
    })
}

/// Fills an empty database and serves it. One that is full already is served as it is.
pub(super) fn load(place: &Place, size: &Size) -> anyhow::Result<Directory> {
    let binary = binary()?;
    let data = place.data.display().to_string();
    let run = |arguments: &[&str]| {
        let mut command = rollcall(&binary, &place.database);
        command.args(["--data", &data]).args(arguments);
        command
    };
    let begun = Instant::now();
    if let Some(parent) = place.data.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let fresh = !output(&mut run(&["instance", "list"]))?.contains(INSTANCE);
    if fresh {
        check(run(&["instance", "create", INSTANCE]).stdout(std::process::Stdio::null()))?;
        let folder = tempfile::tempdir()?;
        let (people, groups) = (folder.path().join("people.csv"), folder.path().join("groups.jsonl"));
        write_people(&people, size).context("cannot write the accounts")?;
        write_groups(&groups, size).context("cannot write the groups")?;
        for (kind, file) in [("account", &people), ("group", &groups)] {
            let begun = Instant::now();
            let file = file.display().to_string();
            check(&mut run(&[kind, "import", "--instance", INSTANCE, "--quiet", &file]))?;
            say(&format!("{kind}s imported in {:.0} s", begun.elapsed().as_secs_f64()));
        }
    }
    let server = serve(&place.database, &place.data, INSTANCE)?;
    if fresh {
        provision(&server, size)?;
    }
    say(&format!("{} people are there after {:.0} s", size.people, begun.elapsed().as_secs_f64()));
    Ok(Directory { size: size.clone(), server })
}

fn write_people(path: &Path, size: &Size) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "UserName,Email,FirstName,LastName,DisplayName")?;
    for number in 0..size.people - size.provisioned {
        let name = user_name(number);
        let (given, family) = (number % 1009, number % 7919);
        writeln!(file, "{name},{name},Given{given},Family{family},Given{given} Family{family}")?;
    }
    file.flush()
}

fn write_groups(path: &Path, size: &Size) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let imported = size.people - size.provisioned;
    for number in 0..size.groups {
        let members: Vec<String> = match number {
            0 => (0..size.largest_group).map(user_name).collect(),
            _ => (0..10).map(|member| user_name((number * 97 + member * 7919) % imported)).collect(),
        };
        writeln!(file, "{}", json!({ "DisplayName": group_name(number), "Members": members }))?;
    }
    file.flush()
}

/// The name of a group; number 0 is the large one.
pub(super) fn group_name(number: usize) -> String {
    format!("Group {number:06}")
}

/// Creates those who come over SCIM, on a few connections.
fn provision(server: &Rollcall, size: &Size) -> anyhow::Result<()> {
    const CONNECTIONS: usize = 8;
    std::thread::scope(|scope| {
        let create = |first: usize| {
            let mut client = Client::connect(&server.address, &server.token)?;
            for number in (first..size.provisioned).step_by(CONNECTIONS) {
                let (name, external_id) = provisioned(number);
                client.send("POST", "/Users", Some(&person(&name, &external_id, number)))?.expect(&[201])?;
            }
            anyhow::Ok(())
        };
        let threads: Vec<_> = (0..CONNECTIONS).map(|first| scope.spawn(move || create(first))).collect();
        threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a connection's thread panicked")))
        })
    })
}
