//! `rollcall instance export`

use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context as _, bail};
use scim_core::schema::Registry;
use scim_storage_diesel::{ExportOptions, Transfer, Transferred};

use super::moving::{Telling, moved_json, moved_text};
use crate::node::Node;
use crate::output;

/// Bytes that are written at once.
const CHUNK: usize = 1 << 18;

/// What is exported, and where to.
pub(super) struct Export<'e> {
    pub(super) name: &'e str,
    pub(super) output: &'e Path,
    pub(super) scrub: bool,
    pub(super) quiet: bool,
}

/// Writes an instance to a file or to standard output, which then has nothing else: the summary is a message.
pub(super) fn run(export: &Export<'_>, node: &Node) -> anyhow::Result<()> {
    let store = node.transfer()?;
    let registry = if export.scrub { Some(node.registry()?) } else { None };
    let (moved, to_stdout) = if export.output == Path::new("-") {
        let mut sink = BufWriter::with_capacity(CHUNK, std::io::stdout());
        (write(export, &*store, &mut sink, registry.as_ref(), node)?, true)
    } else {
        (write_file(export, &*store, registry.as_ref(), node)?, false)
    };
    let text = if node.settings.json {
        serde_json::to_string_pretty(&moved_json(&moved))?
    } else {
        let scrubbed = if moved.scrubbed { ", without personal data" } else { "" };
        format!("exported instance {}{scrubbed}: {}", moved.name, moved_text(&moved))
    };
    if to_stdout {
        output::message(&text);
        return Ok(());
    }
    output::line(&text)
}

/// Makes the file, whole or not at all.
fn write_file(
    export: &Export<'_>,
    store: &dyn Transfer,
    registry: Option<&Registry>,
    node: &Node,
) -> anyhow::Result<Transferred> {
    let path = export.output;
    let cannot = || format!("cannot make the file {}", path.display());
    if path.exists() {
        bail!("there is a file {} already; name another one", path.display());
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // A file of this kind is its owner's alone from the beginning.
    let file = tempfile::Builder::new().prefix(".export-").tempfile_in(folder).with_context(cannot)?;
    let mut sink = BufWriter::with_capacity(CHUNK, file);
    let moved = write(export, store, &mut sink, registry, node)?;
    let file = sink.into_inner().map_err(std::io::IntoInnerError::into_error).with_context(cannot)?;
    file.as_file().sync_all().with_context(cannot)?;
    file.persist_noclobber(path).map_err(|error| error.error).with_context(cannot)?;
    Ok(moved)
}

fn write(
    export: &Export<'_>,
    store: &dyn Transfer,
    sink: &mut (dyn Write + Send),
    registry: Option<&Registry>,
    node: &Node,
) -> anyhow::Result<Transferred> {
    let options = ExportOptions { at: node.now(), scrub: registry };
    let mut telling = Telling::new(export.quiet);
    let moved =
        super::apart(|| store.export(export.name, sink, &options, &mut |progress| telling.show(progress)));
    telling.end();
    Ok(moved?)
}
