//! Rows of the wire, as Diesel reads them.

use std::error::Error;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;

use diesel::pg::{Pg, PgValue};
use diesel::row::{Field, PartialRow, Row, RowIndex, RowSealed};
use scim_storage::StoreError;
use tokio_postgres::types::{FromSql, Type};

/// One row.
pub(crate) struct PgRow {
    row: tokio_postgres::Row,
    /// The types of its columns; all rows of an answer have the same.
    kinds: Arc<[NonZeroU32]>,
}

/// One column of a row.
pub(crate) struct PgField<'r> {
    row: &'r PgRow,
    index: usize,
}

/// A value as the wire has it.
struct Raw<'r>(&'r [u8]);

impl PgRow {
    /// The rows of one answer.
    pub(super) fn all(rows: Vec<tokio_postgres::Row>) -> Vec<Self> {
        let unknown = NonZeroU32::MIN;
        let kinds: Arc<[NonZeroU32]> = rows.first().map_or_else(
            || Arc::new([]) as Arc<[_]>,
            |row| {
                let kinds = row.columns().iter().map(|column| column.type_().oid());
                kinds.map(|oid| NonZeroU32::new(oid).unwrap_or(unknown)).collect()
            },
        );
        rows.into_iter().map(|row| Self { row, kinds: Arc::clone(&kinds) }).collect()
    }

    /// The value at a place, which may be borrowed from the row.
    pub(crate) fn at<'r, T: FromSql<'r>>(&'r self, place: usize) -> Result<T, StoreError> {
        self.row.try_get(place).map_err(StoreError::internal)
    }
}

impl RowSealed for PgRow {}

impl<'a> Row<'a, Pg> for PgRow {
    type Field<'f>
        = PgField<'f>
    where
        'a: 'f,
        Self: 'f;
    type InnerPartialRow = Self;

    fn field_count(&self) -> usize {
        self.row.len()
    }

    fn get<'b, I>(&'b self, index: I) -> Option<Self::Field<'b>>
    where
        'a: 'b,
        Self: RowIndex<I>,
    {
        let index = self.idx(index)?;
        Some(PgField { row: self, index })
    }

    fn partial_row(&self, range: Range<usize>) -> PartialRow<'_, Self::InnerPartialRow> {
        PartialRow::new(self, range)
    }
}

impl RowIndex<usize> for PgRow {
    fn idx(&self, index: usize) -> Option<usize> {
        (index < self.row.len()).then_some(index)
    }
}

impl<'n> RowIndex<&'n str> for PgRow {
    fn idx(&self, name: &'n str) -> Option<usize> {
        self.row.columns().iter().position(|column| column.name() == name)
    }
}

impl<'r> Field<'r, Pg> for PgField<'r> {
    fn field_name(&self) -> Option<&str> {
        self.row.row.columns().get(self.index).map(tokio_postgres::Column::name)
    }

    fn value(&self) -> Option<PgValue<'_>> {
        let kind = self.row.kinds.get(self.index)?;
        let raw: Option<Raw<'_>> = self.row.row.try_get(self.index).ok()?;
        raw.map(|raw| PgValue::new(raw.0, kind))
    }
}

impl<'r> FromSql<'r> for Raw<'r> {
    fn from_sql(_kind: &Type, raw: &'r [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_kind: &Type) -> bool {
        true
    }
}
