//! Policies of instances, compiled once for each generation.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use scim_core::schema::{Registry, ResourceType};
use scim_directory::{InstanceId, Scope};
use scim_lifecycle::{Policy, PolicyError};
use scim_storage::{InstanceAnswer, InstanceQuestion, PolicySource, Store, StoreError};

use crate::view::Shape;

/// The most policies that are kept; beyond it those of other instances are compiled anew.
const KEPT: usize = 1024;

/// A policy that cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyFailure {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such instance any more.
    #[error("the instance is not there")]
    Gone,
    /// What was saved no longer goes with the server's schemas.
    #[error(transparent)]
    Broken(#[from] PolicyError),
}

/// Schemas, with what is shown of each type where nothing in particular is asked for.
struct Schemas {
    registry: Registry,
    shapes: HashMap<Arc<str>, Shape>,
}

impl Schemas {
    fn new(registry: Registry) -> Self {
        let shape = |known: &Arc<ResourceType>| (Arc::clone(&known.name), Shape::new(known, &[], &[]));
        Self { shapes: registry.resource_types().iter().map(shape).collect(), registry }
    }
}

/// Compiled policies. What is kept is only used where the caller knows that its generation is still in force, and a change
/// that was decided by an older one is refused by the store.
pub(crate) struct Policies {
    unique_names: Schemas,
    shared_names: Schemas,
    kept: Mutex<HashMap<InstanceId, Arc<Policy>>>,
}

impl Policies {
    pub(crate) fn new(registry: Registry) -> Self {
        Self {
            shared_names: Schemas::new(registry.with_shared_group_names()),
            unique_names: Schemas::new(registry),
            kept: Mutex::new(HashMap::new()),
        }
    }

    /// The schemas of an instance.
    pub(crate) fn registry(&self, unique_group_names: bool) -> &Registry {
        let schemas = if unique_group_names { &self.unique_names } else { &self.shared_names };
        &schemas.registry
    }

    /// What is shown of a type of these schemas, which are one instance's, where nothing in particular is asked for.
    pub(crate) fn shape(&self, of: &Registry, resource_type: &str) -> Option<&Shape> {
        let mut both = [&self.unique_names, &self.shared_names].into_iter();
        both.find(|schemas| std::ptr::eq(&schemas.registry, of))?.shapes.get(resource_type)
    }

    /// The policy of an instance: the kept one where it is of `generation`, else as the store has it now.
    pub(crate) async fn get(
        &self,
        store: &dyn Store,
        instance: InstanceId,
        generation: Option<i64>,
    ) -> Result<Arc<Policy>, PolicyFailure> {
        if let Some(kept) = self.kept(instance)
            && Some(kept.generation()) == generation
        {
            return Ok(kept);
        }
        let source = self.source(store, instance).await?;
        if let Some(kept) = self.kept(instance)
            && kept.generation() == source.instance.generation
        {
            return Ok(kept);
        }
        let registry = self.registry(source.instance.settings.unique_group_names);
        let users = &source.integration_users;
        let policy = Arc::new(Policy::new(&source.instance, source.mapping.as_ref(), users, registry)?);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(instance, Arc::clone(&policy));
        Ok(policy)
    }

    /// What an instance's policy is made of, as the store has it now.
    pub(crate) async fn source(
        &self,
        store: &dyn Store,
        instance: InstanceId,
    ) -> Result<Box<PolicySource>, PolicyFailure> {
        let scope = Scope { instance, connector: None };
        match store.instance(&scope, &InstanceQuestion::Policy).await? {
            InstanceAnswer::Policy(Some(source)) => Ok(source),
            _ => Err(PolicyFailure::Gone),
        }
    }

    fn kept(&self, instance: InstanceId) -> Option<Arc<Policy>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&instance).cloned()
    }
}
