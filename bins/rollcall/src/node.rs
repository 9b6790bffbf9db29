//! What a command runs with: the settings, and where time, ids and randomness come from. Opens what the settings name.

use std::sync::Arc;

use anyhow::Context as _;
use scim_api_keys::Peppers;
use scim_core::instant::Timestamp;
use scim_core::schema::Registry;
use scim_provider::admin::Admin;
use scim_provider::{Provider, Source};
use scim_storage::Store;
use scim_storage_diesel::Transfer;

use crate::config::Settings;
use crate::egress::Egress;
use crate::{pepper, store};

/// One process of Rollcall.
#[derive(Clone)]
pub(crate) struct Node {
    /// The settings.
    pub(crate) settings: Settings,
    /// Where time, ids and randomness come from.
    pub(crate) source: Arc<dyn Source>,
}

impl Node {
    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        self.source.now()
    }

    /// The store.
    pub(crate) fn open(&self, migrate: bool) -> anyhow::Result<Arc<dyn Store>> {
        store::open(&self.settings.database, migrate)
    }

    /// The store to look into, with what may be a little old: the replica, where there is one and it answers.
    pub(crate) fn open_to_look(&self) -> anyhow::Result<Arc<dyn Store>> {
        match store::replica(&self.settings.database) {
            Some(replica) => Ok(replica),
            None => self.open(false),
        }
    }

    /// The store, for moving instances.
    pub(crate) fn transfer(&self) -> anyhow::Result<Box<dyn Transfer>> {
        store::transfer(&self.settings.database)
    }

    /// Administration of the store, but for issuing keys.
    pub(crate) fn admin(&self) -> anyhow::Result<Admin> {
        self.admin_of(self.open(false)?)
    }

    /// Administration of a store that is open, but for issuing keys.
    pub(crate) fn admin_of(&self, store: Arc<dyn Store>) -> anyhow::Result<Admin> {
        Ok(Admin::new(store, Arc::clone(&self.source), self.registry()?))
    }

    /// The peppers that the keys of the store are hashed with; made where nobody has any yet.
    pub(crate) async fn peppers(&self, store: &dyn Store) -> anyhow::Result<Arc<Peppers>> {
        Ok(Arc::new(pepper::load(&self.settings.pepper, &*self.source, store).await?))
    }

    /// Administration of a store that is open, issuing keys included.
    pub(crate) async fn issuer(&self, store: Arc<dyn Store>) -> anyhow::Result<Admin> {
        let peppers = self.peppers(&*store).await?;
        Ok(self.admin_of(store)?.with_peppers(peppers).await?)
    }

    /// The provider over a store, with the schemas that the settings name.
    pub(crate) async fn provider(&self, store: Arc<dyn Store>) -> anyhow::Result<Arc<Provider>> {
        let peppers = self.peppers(&*store).await?;
        let source = Arc::clone(&self.source);
        let provider = Provider::start(store, source, self.registry()?, self.settings.limits, peppers).await;
        let egress = Egress::new(self.settings.egress_networks.clone());
        Ok(Arc::new(provider?.with_fetcher(Arc::new(egress))))
    }

    /// The built-in schemas and those of files.
    pub(crate) fn registry(&self) -> anyhow::Result<Registry> {
        let mut registry = Registry::builtin();
        let read = |path: &std::path::Path| -> anyhow::Result<serde_json::Value> {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
        };
        for path in &self.settings.schemas {
            registry.add_schema(&read(path)?).with_context(|| format!("schemas: {}", path.display()))?;
        }
        for path in &self.settings.resource_types {
            registry
                .add_resource_type(&read(path)?)
                .with_context(|| format!("resource_types: {}", path.display()))?;
        }
        Ok(registry)
    }
}
