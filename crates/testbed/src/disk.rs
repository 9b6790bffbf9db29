//! A disk that is soon full.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;

use crate::folder::Afterwards;
use crate::missing;
use crate::programs::{is_root, output};

/// Whoever still uses files there is ending too.
const UNMOUNT: &str = r#"umount -l "$1"; rmdir "$1""#;

/// A file system of a few megabytes in memory; unmounted when this is dropped or the process ends.
#[derive(Debug)]
pub struct SmallDisk {
    path: PathBuf,
    _unmounter: Afterwards,
}

impl SmallDisk {
    /// Mounts one of this size; none where this process is not root.
    ///
    /// # Errors
    /// Where it cannot be mounted; with `CI=true` also where this process is not root.
    pub fn mount(bytes: u64) -> anyhow::Result<Option<Self>> {
        if !is_root()? || !cfg!(target_os = "linux") {
            missing("only root can mount a small file system, and on Linux only")?;
            return Ok(None);
        }
        let path = tempfile::Builder::new().prefix("testbed-disk-").tempdir()?.keep();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={bytes},mode=0755"), "tmpfs"]).arg(&path);
        if let Err(error) = output(&mut mount) {
            std::fs::remove_dir(&path)?;
            missing(&format!("a small file system cannot be mounted: {error:#}"))?;
            return Ok(None);
        }
        Ok(Some(Self { _unmounter: Afterwards::new(UNMOUNT, &path)?, path }))
    }

    /// Its folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fills it: no byte is left. [`Self::make_room`] takes that back.
    ///
    /// # Errors
    /// Where it cannot be written to for another reason than that it is full.
    pub fn fill(&self) -> anyhow::Result<()> {
        let mut dd = Command::new("dd");
        dd.args(["if=/dev/zero", "bs=4096"]).arg(format!("of={}", self.filler().display()));
        dd.stdout(Stdio::null()).stderr(Stdio::null()).status().context("cannot run dd")?;
        anyhow::ensure!(self.filler().exists(), "nothing could be written");
        Ok(())
    }

    /// Takes back what [`Self::fill`] wrote.
    ///
    /// # Errors
    /// Where it was not filled.
    pub fn make_room(&self) -> anyhow::Result<()> {
        std::fs::remove_file(self.filler()).context("it was not filled")
    }

    fn filler(&self) -> PathBuf {
        self.path.join("filler")
    }
}
