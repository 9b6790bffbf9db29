//! Moving an instance: out of a database as a stream, and into another one.
//!
//! An export is lines of JSON: a first line that says what it is, one for each row, and a last one with the number of
//! rows and a digest. It is read at one moment, however much is written meanwhile. An import writes all of it or nothing that
//! anybody sees, reads it back, and compares digests before the instance can be used. Both bundled engines have the same tables, so
//! an export of one is imported into the other, and exported again from there it has the same digest.
//!
//! Not moved: what a server has and not an instance (secrets, peppers), and what is worked out anew (see `table`).

mod arriving;
mod cell;
mod digest;
mod error;
mod export;
mod import;
mod insert;
mod line;
mod position;
mod scrub;
mod table;

use std::collections::BTreeMap;
use std::io::{BufRead, Write};

use scim_core::instant::Timestamp;
use scim_core::schema::Registry;
use uuid::Uuid;

pub use error::TransferError;

use crate::store::{Engine, EngineStore};

/// How an instance is exported.
#[derive(Clone, Copy, Debug)]
pub struct ExportOptions<'o> {
    /// The time, for the first line.
    pub at: Timestamp,
    /// With the schemas of every resource type: personal data is replaced by invented values, and keys are left out. `None`:
    /// everything as it is.
    pub scrub: Option<&'o Registry>,
}

/// How an instance is imported.
#[derive(Clone, Copy, Debug)]
pub struct ImportOptions<'o> {
    /// The ids of this node's peppers.
    pub peppers: &'o [[u8; 16]],
    /// Whether keys, and admin keys, are left out.
    pub without_keys: bool,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The table whose rows are moved.
    pub table: &'static str,
    /// Rows that were moved so far, of all tables.
    pub rows: u64,
    /// Whether what was stored is being read back.
    pub checking: bool,
}

/// An instance that was moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transferred {
    /// Its id.
    pub instance: Uuid,
    /// Its name.
    pub name: String,
    /// How many rows each table has; tables without rows are left out.
    pub rows: BTreeMap<String, u64>,
    /// The digest of all rows: the same for the same instance, whatever engine it is in.
    pub digest: String,
    /// Whether personal data was replaced.
    pub scrubbed: bool,
}

/// What both bundled stores can besides the trait. The functions block until they are done, and are called by threads that may.
pub trait Transfer: Send + Sync {
    /// Writes an instance as it is at one moment; `told` hears of how far it has come.
    ///
    /// # Errors
    /// See [`TransferError`]. What was written is then no export: it has no last line.
    fn export(
        &self,
        name: &str,
        sink: &mut dyn Write,
        options: &ExportOptions<'_>,
        told: &mut dyn FnMut(Progress),
    ) -> Result<Transferred, TransferError>;

    /// Reads an instance and writes it, all of it or nothing; `told` hears of how far it has come.
    ///
    /// # Errors
    /// See [`TransferError`].
    fn import(
        &self,
        source: &mut dyn BufRead,
        options: &ImportOptions<'_>,
        told: &mut dyn FnMut(Progress),
    ) -> Result<Transferred, TransferError>;
}

impl<E: Engine> Transfer for EngineStore<E> {
    fn export(
        &self,
        name: &str,
        sink: &mut dyn Write,
        options: &ExportOptions<'_>,
        told: &mut dyn FnMut(Progress),
    ) -> Result<Transferred, TransferError> {
        export::export(&mut self.engine.connect()?, name, sink, options, told)
    }

    fn import(
        &self,
        source: &mut dyn BufRead,
        options: &ImportOptions<'_>,
        told: &mut dyn FnMut(Progress),
    ) -> Result<Transferred, TransferError> {
        import::import(&mut self.engine.connect()?, source, options, told)
    }
}
