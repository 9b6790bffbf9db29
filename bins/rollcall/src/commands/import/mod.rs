//! Importing a file: opening it, telling how it goes, the summary.

mod progress;
mod report;

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Seek as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use scim_directory::{ImportId, ImportKind, ImportRecord, Instance};
use scim_provider::admin::Admin;
use scim_provider::admin::import::{
    ColumnMap, ImportBegan, ImportDigest, ImportEnd, ImportObserver, ImportOptions, ImportedLine,
};
use serde_json::json;

use self::progress::Progress;
use self::report::Report;
use crate::cli;
use crate::config::Settings;
use crate::output;

/// Bytes that are read at once.
const CHUNK: usize = 1 << 16;
/// How long nothing is written after a batch, so that a server beside it gets its turn.
const PAUSE: Duration = Duration::from_millis(4);

/// Imports a file.
pub(crate) async fn run(
    admin: &Admin,
    kind: ImportKind,
    given: &cli::ImportFile,
    settings: &Settings,
) -> anyhow::Result<ExitCode> {
    let instance = admin.instance_named(&given.instance).await?;
    let mut options = ImportOptions {
        columns: ColumnMap::new(&given.map, &given.ignore)?,
        dry_run: given.dry_run,
        again: given.again,
        label: label(&given.file),
        ..ImportOptions::new(kind)
    };
    let id = given.id.as_deref().map(str::parse::<ImportId>).transpose()?;
    let (input, size) = open(&given.file, &instance, &mut options, id)?;
    if given.dry_run {
        options.id = None;
    }
    if let (Some(rejected), Ok(file)) = (&given.rejected, given.file.canonicalize()) {
        let same = rejected.canonicalize().is_ok_and(|rejected| rejected == file);
        anyhow::ensure!(!same, "the rejected lines cannot be written over the file itself; name another one");
    }
    let mut told = Telling {
        report: Report::new(given.rejected.as_deref(), settings.json)?,
        progress: Progress::new(given.quiet, size),
        failure: None,
        dry_run: given.dry_run,
    };
    let ended = admin.import(&instance, input, &options, &mut told).await;
    told.progress.end();
    let ended = ended?;
    if let Some(failure) = told.failure {
        return Err(failure);
    }
    end(&ended, &options, told.report, settings)
}

/// Opens a file, or standard input where it is called `-`. A file is read through once for the import's id, where none is
/// given.
fn open(
    path: &Path,
    instance: &Instance,
    options: &mut ImportOptions,
    id: Option<ImportId>,
) -> anyhow::Result<(Box<dyn BufRead>, Option<u64>)> {
    options.id = id;
    if path == Path::new("-") {
        return Ok((Box::new(BufReader::new(std::io::stdin())), None));
    }
    let cannot = || format!("cannot read {}", path.display());
    let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let is_file = file.metadata().with_context(cannot)?.is_file();
    if !is_file {
        return Ok((Box::new(BufReader::new(file)), None));
    }
    let size = file.metadata().with_context(cannot)?.len();
    if options.id.is_none() {
        let mut digest = ImportDigest::new(instance.id, options);
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = file.read(&mut chunk).with_context(cannot)?;
            if read == 0 {
                break;
            }
            digest.update(chunk.get(..read).unwrap_or_default());
        }
        options.id = Some(digest.finish()?);
        file.rewind().with_context(cannot)?;
    }
    Ok((Box::new(BufReader::with_capacity(CHUNK, file)), Some(size)))
}

/// What a file is called.
fn label(path: &Path) -> String {
    let name = path.file_name().filter(|_| path != Path::new("-"));
    name.map_or_else(|| "standard input".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Tells of the import while it goes on.
struct Telling {
    report: Report,
    progress: Progress,
    /// Why the rejected lines cannot be written any more.
    failure: Option<anyhow::Error>,
    dry_run: bool,
}

impl ImportObserver for Telling {
    fn columns(&mut self, columns: Option<&[String]>) {
        if let Err(error) = self.report.columns(columns) {
            self.failure.get_or_insert(error);
        }
    }

    fn line(&mut self, line: &ImportedLine<'_>) {
        let progress = &self.progress;
        if let Err(error) = self.report.line(line, |text| progress.message(text)) {
            self.failure.get_or_insert(error);
        }
    }

    fn progress(&mut self, so_far: &ImportRecord, bytes: u64) {
        self.progress.show(so_far, bytes);
        if !self.dry_run {
            std::thread::sleep(PAUSE);
        }
    }
}

/// Writes the summary; exit status 1 where a line was rejected.
fn end(
    ended: &ImportEnd,
    options: &ImportOptions,
    mut report: Report,
    settings: &Settings,
) -> anyhow::Result<ExitCode> {
    report.flush()?;
    let ImportRecord { id, kind, rejected, lines, .. } = &ended.import;
    let known = options.id.is_some();
    let already = ended.began == ImportBegan::AtTheEnd;
    // What an earlier run imported is there.
    let (imported, there) = match already {
        true => (0, ended.import.imported + ended.import.there),
        false => (ended.import.imported, ended.import.there),
    };
    if settings.json {
        let after = match ended.began {
            ImportBegan::Behind(line) => Some(line),
            _ => None,
        };
        let (rejected_lines, left_out) = report.lines();
        output::json(&json!({
            "import": known.then(|| id.to_string()),
            "kind": kind,
            "dry_run": options.dry_run,
            "already_imported": already,
            "resumed_after": after,
            "lines": lines,
            "imported": imported,
            "already_there": there,
            "rejected": rejected,
            "rejected_lines": rejected_lines,
            "rejected_lines_left_out": left_out,
        }))?;
    } else {
        match ended.began {
            ImportBegan::AtTheEnd => output::message(
                "this file was imported to its end before, and nothing was changed (--again imports it again)",
            ),
            ImportBegan::Behind(line) => output::message(&format!(
                "an earlier run had come to line {line}; this one went on behind it, and the numbers are those of both"
            )),
            ImportBegan::AtTheBeginning => {}
        }
        let what = kind.word();
        let would = if options.dry_run { "would be imported" } else { "imported" };
        output::line(&format!("{imported} {what} {would}, {there} already there, {rejected} rejected"))?;
    }
    Ok(if *rejected == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
