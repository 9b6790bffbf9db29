//! The peppers of this node: a text from the environment, or a file beside the data that only its owner may read.
//!
//! The file is made once, where nobody has a pepper yet: neither this node nor the database. Whoever loses it has to issue
//! every key anew, so a database that knows a pepper never gets another one by itself.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use scim_api_keys::Peppers;
use scim_provider::Source;
use scim_storage::{PeppersKnown, ServerAnswer, ServerQuestion, Store};
use zeroize::Zeroizing;

use crate::output;

/// The most bytes that a pepper file may have.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Where the peppers come from.
#[derive(Clone)]
pub(crate) enum PepperPlace {
    /// The text itself, as the environment has it.
    Text(Zeroizing<String>),
    /// From a file.
    File(PathBuf),
}

/// Shows the place, not the text.
impl fmt::Debug for PepperPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(..)"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

/// Reads the peppers; makes the file where it is not there and the store knows no pepper yet.
pub(crate) async fn load(
    place: &PepperPlace,
    source: &dyn Source,
    store: &dyn Store,
) -> anyhow::Result<Peppers> {
    let path = match place {
        PepperPlace::Text(text) => return Peppers::parse(text).context("ROLLCALL_PEPPER"),
        PepperPlace::File(path) => path,
    };
    if let Some(peppers) = read(path)? {
        return Ok(peppers);
    }
    if is_fresh(store).await? {
        make(path, source)?;
    }
    // Of two nodes that begin at once, both go on with the file of the faster one.
    let Some(peppers) = read(path)? else {
        bail!(
            "the keys of this database were hashed with a pepper, and there is no file {}. Bring the pepper file that was made \
             with the database (beside it, or in the data folder of the node that was first), or name it with --pepper-file or \
             ROLLCALL_PEPPER_FILE. No new one is made: it would lock out every identity provider",
            path.display()
        );
    };
    Ok(peppers)
}

/// The peppers that this node has; `None` where it has none. None are made.
pub(crate) fn there(place: &PepperPlace) -> anyhow::Result<Option<Peppers>> {
    match place {
        PepperPlace::Text(text) => Peppers::parse(text).context("ROLLCALL_PEPPER").map(Some),
        PepperPlace::File(path) => read(path),
    }
}

/// Whether the store knows no pepper yet.
async fn is_fresh(store: &dyn Store) -> anyhow::Result<bool> {
    match store.server(&ServerQuestion::Peppers(Vec::new())).await? {
        ServerAnswer::Peppers(PeppersKnown { fresh, .. }) => Ok(fresh),
        _ => bail!("the store answered another question"),
    }
}

/// The peppers of a file; `None` where there is none.
fn read(path: &Path) -> anyhow::Result<Option<Peppers>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read the pepper file {}", path.display()));
        }
    };
    only_its_owners(&file, path)?;
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_FILE_BYTES)
        .read_to_string(&mut text)
        .with_context(|| format!("cannot read the pepper file {}", path.display()))?;
    Peppers::parse(&text).with_context(|| format!("the pepper file {}", path.display())).map(Some)
}

/// That nobody but its owner may read or write it.
#[cfg(unix)]
fn only_its_owners(file: &File, path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::MetadataExt as _;

    let mode = file.metadata().with_context(|| format!("cannot read {}", path.display()))?.mode();
    if mode & 0o077 != 0 {
        bail!(
            "the pepper file {} is open to others than its owner (mode {:03o}); close it: chmod 600 {}",
            path.display(),
            mode & 0o777,
            path.display()
        );
    }
    Ok(())
}

#[cfg(not(unix))]
fn only_its_owners(_: &File, _: &Path) -> anyhow::Result<()> {
    Ok(())
}

/// Makes the file with a new pepper, whole or not at all; nothing where there is one by now.
fn make(path: &Path, source: &dyn Source) -> anyhow::Result<()> {
    let cannot = || {
        format!(
            "cannot make the pepper file {}; name a folder that this user may write to (--data DIR)",
            path.display()
        )
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    make_folder(folder).with_context(cannot)?;
    let mut pepper = Zeroizing::new([0; 32]);
    source.random(&mut *pepper);
    // A file of this kind is its owner's alone from the beginning.
    let mut file = tempfile::Builder::new().prefix(".pepper-").tempfile_in(folder).with_context(cannot)?;
    file.write_all(Peppers::render(&pepper).as_bytes()).with_context(cannot)?;
    file.as_file().sync_all().with_context(cannot)?;
    match file.persist_noclobber(path) {
        Ok(_) => {}
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(error.error).with_context(cannot),
    }
    // The name is on disk before any key is hashed with what it names.
    File::open(folder).and_then(|folder| folder.sync_all()).with_context(cannot)?;
    output::message(&format!(
        "made the pepper {}: keep a copy of it apart from the database's backups; without it no key works",
        path.display()
    ));
    Ok(())
}

/// Makes a folder that only its owner may enter, where there is none.
fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::sync::Arc;

    use scim_storage::MemoryStore;

    use super::*;
    use crate::clock::System;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        actix_web::rt::System::new().block_on(future)
    }

    /// What a node that starts with this file and this store has, or what it says.
    fn ids(path: &Path, store: &dyn Store) -> Result<Vec<[u8; 16]>, String> {
        let place = PepperPlace::File(path.to_owned());
        let peppers = block_on(load(&place, &System, store)).map_err(|error| format!("{error:#}"))?;
        // As a start does.
        let question = ServerQuestion::Peppers(peppers.ids());
        block_on(store.server(&question)).map_err(|error| error.to_string())?;
        Ok(peppers.ids())
    }

    fn text(byte: u8) -> String {
        Peppers::render(&std::array::from_fn(|at| byte ^ u8::try_from(at).expect("small"))).to_string()
    }

    #[test]
    fn the_first_start_makes_a_file_that_is_its_owners_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new/data/pepper");
        let store = MemoryStore::new();
        let first = ids(&path, &store).expect("made");
        assert_eq!(first.len(), 1);
        assert_eq!(std::fs::metadata(&path).expect("there").mode() & 0o777, 0o600);
        let folder = path.parent().expect("a folder");
        assert_eq!(std::fs::metadata(folder).expect("there").mode() & 0o777, 0o700);
        assert_eq!(std::fs::read_dir(folder).expect("a folder").count(), 1, "nothing else is left");
        assert_eq!(ids(&path, &store), Ok(first));
    }

    #[test]
    fn of_many_that_start_at_once_all_have_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pepper");
        let store = Arc::new(MemoryStore::new());
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (path, store) = (path.clone(), Arc::clone(&store));
                std::thread::spawn(move || ids(&path, &*store))
            })
            .collect();
        let all: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("ended")).collect();
        assert!(all.iter().all(|ids| ids.is_ok() && *ids == all[0]), "{all:?}");
    }

    #[test]
    fn a_store_that_knows_a_pepper_gets_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pepper");
        let store = MemoryStore::new();
        ids(&path, &store).expect("made");
        std::fs::remove_file(&path).expect("removed");
        let told = ids(&path, &store).expect_err("refused");
        assert!(told.contains("Bring the pepper file") && told.contains("--pepper-file"), "{told}");
        assert!(!path.exists());
    }

    #[test]
    fn files_that_are_none_are_refused_with_the_cure() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pepper");
        let check = |text: &str, mode: u32, expected: &str| {
            std::fs::write(&path, text).expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
            let told = ids(&path, &MemoryStore::new()).expect_err("refused");
            assert!(told.contains(expected) && told.contains("pepper"), "{told}");
        };
        check(&text(1), 0o640, "chmod 600");
        check(&text(1), 0o604, "chmod 600");
        check(&text(1), 0o620, "mode 620");
        check("", 0o600, "64 random hexadecimal digits");
        check("rubbish", 0o600, "line 1");
        std::fs::remove_file(&path).expect("removed");
        std::fs::create_dir(&path).expect("made");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("set");
        assert!(ids(&path, &MemoryStore::new()).is_err());
    }

    #[test]
    fn a_text_is_taken_as_a_file_is() {
        let load = |text: &str| {
            let place = PepperPlace::Text(Zeroizing::new(text.to_owned()));
            assert!(!format!("{place:?}").contains(text));
            block_on(load(&place, &System, &MemoryStore::new()))
                .map(|peppers| peppers.ids().len())
                .map_err(|error| format!("{error:#}"))
        };
        assert_eq!(load(&format!("{}{}", text(1), text(2))), Ok(2));
        assert!(load("short").is_err_and(|told| told.starts_with("ROLLCALL_PEPPER: line 1")));
    }
}
