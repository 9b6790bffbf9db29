//! Reading what a record is before a change. SQLite's writer does that for each change of a person: there it is a statement that is found
//! prepared by its type, with columns by their places.

use diesel::QueryResult;
#[cfg(feature = "sqlite")]
use diesel::deserialize;
#[cfg(feature = "sqlite")]
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
#[cfg(feature = "sqlite")]
use diesel::sqlite::Sqlite;
use scim_directory::{InstanceId, Key};

use super::record::Before;
use crate::connection::Connection;
#[cfg(feature = "sqlite")]
use crate::read::at;
#[cfg(feature = "postgres")]
use crate::sql::Statement;
#[cfg(feature = "sqlite")]
use crate::sqlite::{Current, Each, Value, each_of, fixed};

macro_rules! before {
    () => {
        "SELECT version, membership, modified_ms, active, managed_by, reports_to, reports_via, direct_manager, keys \
         FROM resources WHERE instance_id = "
    };
}

#[cfg(feature = "sqlite")]
fixed! {
    /// By instance, id and type.
    OfRecord [before!(), " AND id = ", " AND resource_type = ", ""];
}

/// What a record is; `None` where it is not there.
pub(super) fn before(
    connection: &mut Connection,
    instance: InstanceId,
    key: &Key,
) -> QueryResult<Option<Before>> {
    match connection {
        #[cfg(feature = "sqlite")]
        Connection::Sqlite(connection) => {
            let values =
                [Value::Id(instance.uuid()), Value::Id(key.id.uuid()), Value::Text(&key.resource_type)];
            let mut found = Found(None);
            each_of::<OfRecord>(connection, &values, &mut found)?;
            Ok(found.0)
        }
        #[cfg(feature = "postgres")]
        Connection::Postgres(_) => {
            Statement::of_postgres(concat!(before!(), "$1 AND id = $2 AND resource_type = $3"))
                .blob(instance.uuid().as_bytes())
                .blob(key.id.uuid().as_bytes())
                .text(&*key.resource_type)
                .row(connection)
        }
    }
}

#[cfg(feature = "sqlite")]
struct Found(Option<Before>);

#[cfg(feature = "sqlite")]
impl Each for Found {
    fn row<'a>(&mut self, row: &impl Current<'a>) -> deserialize::Result<()> {
        let number = |place| at::<BigInt, i64, Sqlite>(row, place);
        let id = |place| at::<Nullable<Binary>, Option<Vec<u8>>, Sqlite>(row, place);
        self.0 = Some(Before {
            version: number(0)?,
            membership: number(1)?,
            modified_ms: number(2)?,
            active: number(3)?,
            managed_by: id(4)?,
            reports_to: at::<Nullable<Text>, Option<String>, Sqlite>(row, 5)?,
            reports_via: id(6)?,
            direct_manager: id(7)?,
            keys: at::<Text, String, Sqlite>(row, 8)?,
        });
        Ok(())
    }
}
