//! Values as PostgreSQL takes them.

use std::borrow::Cow;
use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::sql::Bind;

impl Bind {
    /// What the value is declared as.
    pub(super) fn kind(&self) -> Type {
        match self {
            Self::Id(_) | Self::Blob(_) | Self::OptionalBlob(_) => Type::BYTEA,
            Self::Text(_) | Self::OptionalText(_) => Type::TEXT,
            Self::Integer(_) | Self::OptionalInteger(_) => Type::INT8,
            #[cfg(feature = "sqlite")]
            Self::Real(_) => Type::FLOAT8,
            Self::Blobs(_) | Self::OptionalBlobs(_) => Type::BYTEA_ARRAY,
            Self::Texts(_) | Self::OptionalTexts(_) => Type::TEXT_ARRAY,
            Self::Integers(_) => Type::INT8_ARRAY,
            Self::Row(_) => Type::RECORD,
        }
    }
}

/// PostgreSQL's texts have no U+0000, which nothing that is stored has either, but for names in the log as they were sent.
fn text(value: &str) -> Cow<'_, str> {
    if value.contains('\0') { Cow::Owned(value.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(value) }
}

impl ToSql for Bind {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Id(value) => value.as_slice().to_sql(kind, out),
            Self::Blob(value) => value.to_sql(kind, out),
            Self::OptionalBlob(value) => value.to_sql(kind, out),
            Self::Text(value) => text(value).to_sql(kind, out),
            Self::OptionalText(value) => value.as_deref().map(text).to_sql(kind, out),
            Self::Integer(value) => value.to_sql(kind, out),
            Self::OptionalInteger(value) => value.to_sql(kind, out),
            #[cfg(feature = "sqlite")]
            Self::Real(value) => value.to_sql(kind, out),
            Self::Blobs(values) => values.to_sql(kind, out),
            Self::OptionalBlobs(values) => values.to_sql(kind, out),
            Self::Texts(values) => {
                values.iter().map(|value| text(value)).collect::<Vec<_>>().to_sql(kind, out)
            }
            Self::OptionalTexts(values) => {
                values.iter().map(|value| value.as_deref().map(text)).collect::<Vec<_>>().to_sql(kind, out)
            }
            Self::Integers(values) => values.to_sql(kind, out),
            Self::Row(_) => Err("rows are bound value by value".into()),
        }
    }

    fn accepts(_kind: &Type) -> bool {
        // Statements are prepared with the kinds that their values have.
        true
    }

    to_sql_checked!();
}
