//! Making an instance's user names unique among instances: clashes are told first.

use scim_directory::{Instance, NameScope, Record};
use scim_lifecycle::{Decision, Policy, SERVER_REALM, keep_as_it_is};
use scim_storage::{CommitError, Keyset, Want};

use super::account::{page_query, scope};
use super::{Admin, AdminError};

/// Accounts that are committed together.
const BATCH: usize = 200;
/// Clashes that are told by name.
const SHOWN: usize = 20;

impl Admin {
    /// Makes the user names of an instance unique among all instances of the server that say so: claims the name of every
    /// account, and then changes the setting. Where names are taken elsewhere nothing is changed.
    ///
    /// # Errors
    /// [`AdminError::Taken`] with the names that clash.
    pub async fn names_across_instances(&self, instance: &Instance) -> Result<Instance, AdminError> {
        let policy = self.policy(instance).await?;
        if policy.settings().user_names == NameScope::Server {
            return Ok(instance.clone());
        }
        let clashes = self.claim_names(instance, &policy, Some(SERVER_REALM)).await?;
        if !clashes.is_empty() {
            self.claim_names(instance, &policy, None).await?;
            return Err(clash(&clashes));
        }
        let changed = self
            .settings_change(instance, |settings| {
                settings.user_names = NameScope::Server;
                Ok(())
            })
            .await?;
        // Whoever was created between the two claims now.
        let clashes = self.claim_names(instance, &policy, Some(SERVER_REALM)).await?;
        if !clashes.is_empty() {
            self.names_within_instance(&changed).await?;
            return Err(clash(&clashes));
        }
        Ok(changed)
    }

    /// Makes the user names of an instance its own: changes the setting, and then gives up what it claimed among instances.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn names_within_instance(&self, instance: &Instance) -> Result<Instance, AdminError> {
        if self.policy(instance).await?.settings().user_names == NameScope::Instance {
            return Ok(instance.clone());
        }
        let changed = self
            .settings_change(instance, |settings| {
                settings.user_names = NameScope::Instance;
                Ok(())
            })
            .await?;
        let policy = self.policy(&changed).await?;
        self.claim_names(&changed, &policy, None).await?;
        Ok(changed)
    }

    /// Claims the user name of every account in a realm, or gives the claims up; those that another instance has.
    async fn claim_names(
        &self,
        instance: &Instance,
        policy: &Policy,
        realm: Option<&str>,
    ) -> Result<Vec<String>, AdminError> {
        let (mut clashes, mut after) = (Vec::new(), None::<Keyset>);
        loop {
            let query = page_query(policy.user_type(), after, BATCH, Want::FULL);
            let page = self.store.find(&scope(instance), &query).await?;
            if !self.claim(instance, policy, realm, &page.records).await?.is_empty() {
                for record in &page.records {
                    clashes.extend(self.claim(instance, policy, realm, std::slice::from_ref(record)).await?);
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(clashes);
            }
        }
    }

    /// Claims the names of some accounts together; all of their names where one of them is taken.
    async fn claim(
        &self,
        instance: &Instance,
        policy: &Policy,
        realm: Option<&str>,
        records: &[Record],
    ) -> Result<Vec<String>, AdminError> {
        for _ in 0..crate::resource::ATTEMPTS {
            let mut current = Vec::with_capacity(records.len());
            for record in records {
                current.extend(self.store.get(&scope(instance), &record.key, Want::FULL).await?);
            }
            let mut changes = Vec::with_capacity(current.len());
            for record in &current {
                changes.push(keep_as_it_is(policy, record).map_err(scim_storage::StoreError::internal)?);
            }
            if changes.is_empty() {
                return Ok(Vec::new());
            }
            let decision = Decision { changes, realm: realm.map(str::to_owned), ..Decision::default() };
            match self.commit_decision(instance.id, "user-names", decision).await {
                Ok(_) => return Ok(Vec::new()),
                Err(CommitError::Claimed { .. }) => {
                    let name =
                        |record: &Record| record.account.as_ref()?.field("UserName").map(str::to_owned);
                    return Ok(current.iter().filter_map(name).collect());
                }
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(super::account::account_refused(error)),
            }
        }
        Err(AdminError::Invalid("others changed the same accounts again and again; try again".to_owned()))
    }
}

fn clash(names: &[String]) -> AdminError {
    let more = if names.len() > SHOWN { ", …" } else { "" };
    AdminError::Taken(format!(
        "{} user names are taken in another instance; rename these accounts first: {}{more}",
        names.len(),
        names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", "),
    ))
}
