//! `rollcall instance import`

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::Context as _;
use scim_api_keys::Peppers;
use scim_storage_diesel::ImportOptions;

use super::moving::{Telling, moved_json, moved_text};
use crate::node::Node;
use crate::{output, pepper};

/// Bytes that are read at once.
const CHUNK: usize = 1 << 18;

/// Makes an instance of an export, in a file or from standard input.
pub(super) fn run(file: &Path, without_keys: bool, quiet: bool, node: &Node) -> anyhow::Result<()> {
    let source: Box<dyn Read + Send> = if file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(File::open(file).with_context(|| format!("cannot open {}", file.display()))?)
    };
    let mut source: Box<dyn BufRead + Send> = Box::new(BufReader::with_capacity(CHUNK, source));
    let peppers = pepper::there(&node.settings.pepper)?.as_ref().map(Peppers::ids).unwrap_or_default();
    let options = ImportOptions { peppers: &peppers, without_keys };
    let store = node.transfer()?;
    let mut telling = Telling::new(quiet);
    let moved = super::apart(|| store.import(&mut source, &options, &mut |progress| telling.show(progress)));
    telling.end();
    let moved = moved?;
    if node.settings.json {
        let mut shown = moved_json(&moved);
        if let Some(members) = shown.as_object_mut() {
            members.insert("without_keys".to_owned(), without_keys.into());
        }
        return output::json(&shown);
    }
    let keys = if without_keys { " (its keys were left behind)" } else { "" };
    output::line(&format!("instance {} is there{keys}: {}", moved.name, moved_text(&moved)))
}
