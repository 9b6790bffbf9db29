//! Opening what the settings name.

use std::sync::Arc;

use anyhow::Context as _;
use scim_core::schema::Registry;
use scim_provider::admin::Admin;
use scim_provider::{Limits, Provider};
use scim_storage::Store;
use scim_storage_diesel::{Options, SqliteStore};

use crate::clock::System;
use crate::config::Settings;

/// The store.
pub(crate) fn open(settings: &Settings, migrate: bool) -> anyhow::Result<Arc<dyn Store>> {
    Ok(Arc::new(SqliteStore::open(&settings.database, Options { migrate, ..Options::default() })?))
}

/// Administration of the store.
pub(crate) fn admin(settings: &Settings) -> anyhow::Result<Admin> {
    admin_of(open(settings, false)?, settings)
}

/// Administration of a store that is open.
pub(crate) fn admin_of(store: Arc<dyn Store>, settings: &Settings) -> anyhow::Result<Admin> {
    Ok(Admin::new(store, Arc::new(System), registry(settings)?))
}

/// The provider over a store, with the schemas that the settings name.
pub(crate) async fn provider(settings: &Settings, store: Arc<dyn Store>) -> anyhow::Result<Arc<Provider>> {
    let registry = registry(settings)?;
    let provider = Provider::start(store, Arc::new(System), registry, Limits::default()).await;
    Ok(Arc::new(provider?))
}

/// The built-in schemas and those of files.
pub(crate) fn registry(settings: &Settings) -> anyhow::Result<Registry> {
    let mut registry = Registry::builtin();
    let read = |path: &std::path::Path| -> anyhow::Result<serde_json::Value> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
    };
    for path in &settings.schemas {
        registry.add_schema(&read(path)?).with_context(|| format!("schemas: {}", path.display()))?;
    }
    for path in &settings.resource_types {
        registry
            .add_resource_type(&read(path)?)
            .with_context(|| format!("resource_types: {}", path.display()))?;
    }
    Ok(registry)
}
