//! User names that are claimed within a realm of several instances.

use scim_directory::{Content, Key};

use super::Applying;
use super::group::Any;
use crate::error::Refusal;
use crate::read::USER_NAME;
use crate::sql::Statement;

impl Applying<'_> {
    /// Claims the person's user name, where the change set names a realm. A claim of this instance's is taken over: whose
    /// the name is within it, its unique keys say.
    pub(super) fn claim(&mut self, key: &Key, content: &Content) -> Result<(), Refusal> {
        let Some(realm) = &self.set.realm else { return Ok(()) };
        let names = content.index.iter().filter(|entry| entry.unique && entry.path == USER_NAME);
        for name in names {
            self.touched = true;
            self.has_some(Any::Claims);
            let claim = Statement::kept(
                "INSERT INTO name_claims (realm, key, instance_id, id) VALUES (?, ?, ?, ?) \
                 ON CONFLICT (realm, key) DO UPDATE SET id = excluded.id WHERE name_claims.instance_id = excluded.instance_id",
            )
            .text(realm.clone())
            .text(name.key.clone())
            .blob(self.instance)
            .blob(key.id.uuid().into_bytes());
            if self.connection.suppose_changed(claim, 1)? == 0 {
                return Err(Refusal::Claimed(name.path.clone()));
            }
        }
        Ok(())
    }

    /// Gives up what a person had claimed, where the change set that changes the person names no realm.
    pub(super) fn without_realm(&mut self, key: &Key) -> Result<(), Refusal> {
        if self.set.realm.is_none() && &*key.resource_type == "User" && self.may_have(Any::Claims)? {
            let give_up = Statement::kept("DELETE FROM name_claims WHERE instance_id = ? AND id = ?")
                .blob(self.instance)
                .blob(key.id.uuid().into_bytes());
            self.connection.later(give_up)?;
        }
        Ok(())
    }

    /// Gives up the claims on one name of a person.
    pub(super) fn give_up_claim(&mut self, id: [u8; 16], name: &str) -> Result<(), Refusal> {
        if !self.may_have(Any::Claims)? {
            return Ok(());
        }
        let give_up = Statement::kept("DELETE FROM name_claims WHERE instance_id = ? AND id = ? AND key = ?")
            .blob(self.instance)
            .blob(id)
            .text(name);
        self.connection.later(give_up)?;
        Ok(())
    }
}
