//! A file to which lines are appended: each is a group of entries, and on disk before anybody hears of it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use scim_directory::ChangeSet;
use serde::{Deserialize, Serialize};

/// Something that was asked of the store and may have changed it. What comes of it follows from the entries before, so that
/// it comes of it again when the file is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entry {
    /// A change set; also one that was refused, which is refused again.
    Commit(Box<ChangeSet>),
    /// A node showed these peppers.
    Peppers(Vec<[u8; 16]>),
    /// A secret of that name was made, unless there was one.
    Secret(String, [u8; 32]),
}

/// The file. One process has it open at a time.
#[derive(Debug)]
pub(crate) struct LogFile {
    file: File,
    /// Set by a write that failed: what is in the file since then is known only once it is read again.
    broken: bool,
}

impl LogFile {
    /// Opens the file, or makes an empty one, and hands each entry in it to `read`, in order.
    ///
    /// A last line that is not whole was never acknowledged: it is cut off.
    ///
    /// # Errors
    /// If it cannot be read, another process has it open, or a line before the last one is damaged.
    pub(crate) fn open(path: &Path, mut read: impl FnMut(Entry)) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true);
        // What is kept of keys and passwords is in there.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                let reason = format!("{} is open in another process", path.display());
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, reason));
            }
            Err(TryLockError::Error(error)) => return Err(error),
            Ok(()) => {}
        }
        let mut reader = BufReader::new(&file);
        let (mut line, mut number, mut whole) = (Vec::new(), 0, 0);
        while reader.read_until(b'\n', &mut line)? > 0 {
            number += 1;
            match serde_json::from_slice::<Vec<Entry>>(&line) {
                Ok(entries) if line.ends_with(b"\n") => entries.into_iter().for_each(&mut read),
                // The last line: nothing follows it.
                _ if reader.fill_buf()?.is_empty() => break,
                _ => {
                    let reason = format!("{}, line {number}: no line of this store", path.display());
                    return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
                }
            }
            whole += u64::try_from(line.len()).map_err(io::Error::other)?;
            line.clear();
        }
        let mut file = file;
        file.set_len(whole)?;
        file.seek(SeekFrom::Start(whole))?;
        file.sync_all()?;
        if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            // So that the name of a new file is on disk as well.
            File::open(directory)?.sync_all()?;
        }
        Ok(Self { file, broken: false })
    }

    /// Appends a group of entries; they are on disk when it returns.
    ///
    /// # Errors
    /// If the disk is full or fails. The group may then be in the file or not, as when the answer to a commit is lost; so
    /// every later call fails as well, until the file is opened again.
    pub(crate) fn append(&mut self, entries: &[Entry]) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("an earlier write failed; the file has to be opened again"));
        }
        let mut line = serde_json::to_vec(entries)?;
        // INVARIANT: what is read is what was written.
        debug_assert_eq!(serde_json::from_slice::<Vec<Entry>>(&line).ok().as_deref(), Some(entries));
        line.push(b'\n');
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        self.broken = written.is_err();
        written
    }
}
