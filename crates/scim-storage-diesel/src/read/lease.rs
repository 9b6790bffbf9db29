//! Leases.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use scim_core::instant::Timestamp;
use scim_directory::{Lease, NodeId};
use scim_storage::StoreError;

use super::admin::{all, uuid};
use crate::connection::Connection;
use crate::sql::Statement;

#[derive(QueryableByName)]
struct LeaseRow {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Nullable<Binary>)]
    holder: Option<Vec<u8>>,
    #[diesel(sql_type = BigInt)]
    turn: i64,
    #[diesel(sql_type = BigInt)]
    at_ms: i64,
}

impl LeaseRow {
    fn lease(self) -> Result<Lease, StoreError> {
        Ok(Lease {
            name: self.name,
            holder: self.holder.map(|id| uuid(&id).map(NodeId::new)).transpose()?,
            turn: self.turn,
            at: Timestamp::from_unix_millis(self.at_ms),
        })
    }
}

/// Every lease that was held once, by name.
pub(super) fn leases(connection: &mut Connection) -> Result<Vec<Lease>, StoreError> {
    let select = Statement::kept("SELECT name, holder, turn, at_ms FROM leases ORDER BY name");
    all(select.rows(connection), LeaseRow::lease)
}
