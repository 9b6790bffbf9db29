//! The mapping: shown, saved, tried.

use std::sync::Arc;

use scim_core::Dialect;
use scim_core::resource::ingest;
use scim_directory::{
    Action, AdminChange, AttributeChange, Fields, Instance, LogRecord, LogStatus, MappingVersion,
};
use scim_lifecycle::Policy;
use scim_mapping::mapping::{Env, GraphImport, Mapping, Tried};
use scim_storage::{CommitError, InstanceAnswer, InstanceQuestion, PolicySource};
use serde_json::Value;

use super::settings::policy_failure;
use super::{Admin, AdminError};
use crate::admin::account::scope;

/// The most versions that are listed.
const MAX_LISTED: usize = 1000;

/// A mapping that was read from a file, and is not saved yet.
#[derive(Clone, Debug)]
pub struct ReadMapping {
    /// The mapping.
    pub mapping: Mapping,
    /// What a Microsoft Graph synchronization schema said besides; `None` for a mapping of our own form.
    pub graph: Option<GraphImport>,
}

impl Admin {
    /// The mapping in force, and its version; 0 for the default one, where none was ever saved.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn mapping(
        &self,
        instance: &Instance,
        version: Option<i64>,
    ) -> Result<(i64, Mapping), AdminError> {
        if version == Some(0) {
            return Ok((0, Mapping::defaults()));
        }
        let question = InstanceQuestion::Mapping(version);
        let InstanceAnswer::Mapping(saved) = self.store.instance(&scope(instance), &question).await? else {
            return Ok((0, Mapping::defaults()));
        };
        match (saved, version) {
            (Some(saved), _) => {
                let read =
                    Mapping::from_json(&saved.text).map_err(|errors| AdminError::Invalid(list(&errors)))?;
                Ok((saved.version, read.mapping))
            }
            (None, None) => Ok((0, Mapping::defaults())),
            (None, Some(version)) => Err(AdminError::NotFound(format!(
                "the instance {:?} has no version {version} of the mapping; `mapping versions` lists them",
                instance.name
            ))),
        }
    }

    /// The versions of the mapping, newest first, without their text.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn mapping_versions(&self, instance: &Instance) -> Result<Vec<MappingVersion>, AdminError> {
        match self.store.instance(&scope(instance), &InstanceQuestion::Mappings(MAX_LISTED)).await? {
            InstanceAnswer::Mappings(versions) => Ok(versions),
            _ => Ok(Vec::new()),
        }
    }

    /// Reads a mapping: of our own form, or what a Microsoft Graph synchronization schema comes to. Every mistake is told;
    /// nothing is saved.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] with every mistake, a line each.
    pub async fn mapping_read(&self, instance: &Instance, text: &str) -> Result<ReadMapping, AdminError> {
        let policy = self.policies.source(&*self.store, instance.id).await.map_err(policy_failure)?;
        let settings = &policy.instance.settings;
        let fields = Fields::new(&settings.fields);
        let user = self.user_type(settings.unique_group_names)?;
        let invalid = |errors: Vec<scim_mapping::mapping::MappingError>| AdminError::Invalid(list(&errors));
        let is_graph = serde_json::from_str::<Value>(text)
            .ok()
            .is_some_and(|document| document.get("synchronizationRules").is_some());
        let read = if is_graph {
            let (_, current) = self.mapping(instance, None).await?;
            let graph = current.import_graph(text, &user, fields).map_err(invalid)?;
            ReadMapping { mapping: graph.mapping.clone(), graph: Some(graph) }
        } else {
            ReadMapping { mapping: Mapping::from_json(text).map_err(invalid)?.mapping, graph: None }
        };
        read.mapping.compile(&user, fields, 0).map_err(invalid)?;
        Ok(read)
    }

    /// Saves a mapping as the next version, in force from now on; the version. It is checked with the instance's fields and
    /// rules first.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] with every mistake.
    pub async fn mapping_save(&self, instance: &Instance, mapping: &Mapping) -> Result<i64, AdminError> {
        for _ in 0..crate::resource::ATTEMPTS {
            let source = self.policies.source(&*self.store, instance.id).await.map_err(policy_failure)?;
            let saved = self.next_version(&source, mapping)?;
            let version = saved.version;
            let mut log = LogRecord::new(Action::MappingSaved, LogStatus::Success, None);
            log.changes.push(AttributeChange::Value {
                attribute: "version".to_owned(),
                old: version.saturating_sub(1).into(),
                new: version.into(),
            });
            match self.commit_at(&source.instance, vec![AdminChange::SaveMapping(saved)], vec![log]).await {
                Ok(()) => return Ok(version),
                Err(CommitError::Conflict) => {}
                Err(CommitError::Store(error)) => return Err(error.into()),
                Err(error) => return Err(AdminError::Invalid(error.to_string())),
            }
        }
        Err(AdminError::Invalid(
            "others changed the settings at the same time, again and again; try again".to_owned(),
        ))
    }

    /// Checks a mapping as [`Admin::mapping_save`] does, with the instance's fields and rules, and saves nothing.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] with every mistake.
    pub async fn mapping_check(&self, instance: &Instance, mapping: &Mapping) -> Result<(), AdminError> {
        let source = self.policies.source(&*self.store, instance.id).await.map_err(policy_failure)?;
        self.next_version(&source, mapping).map(|_| ())
    }

    /// A mapping as the version that would be saved next, if it goes with the instance's fields and rules.
    fn next_version(&self, source: &PolicySource, mapping: &Mapping) -> Result<MappingVersion, AdminError> {
        let version = source.mapping.as_ref().map_or(0, |mapping| mapping.version).saturating_add(1);
        let text = mapping.to_json(version).to_string();
        let next = MappingVersion { version, at: self.now(), text };
        let registry = self.policies.registry(source.instance.settings.unique_group_names);
        Policy::new(&source.instance, Some(&next), &source.integration_users, registry)
            .map_err(|error| AdminError::Invalid(error.to_string()))?;
        Ok(next)
    }

    /// Tries a mapping on a sample resource: each row, with every step. Nothing is saved or changed.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] where the mapping has mistakes, or the sample is no person.
    pub async fn mapping_try(
        &self,
        instance: &Instance,
        mapping: &Mapping,
        sample: Value,
    ) -> Result<Vec<Tried>, AdminError> {
        let source = self.policies.source(&*self.store, instance.id).await.map_err(policy_failure)?;
        let settings = &source.instance.settings;
        let user = self.user_type(settings.unique_group_names)?;
        let compiled = mapping
            .compile(&user, Fields::new(&settings.fields), 0)
            .map_err(|errors| AdminError::Invalid(list(&errors)))?;
        let inbound = ingest(&user, sample, Dialect::LENIENT)
            .map_err(|error| AdminError::Invalid(format!("the sample is no person: {error}")))?;
        let now = i128::from(self.now().unix_millis()).saturating_mul(1_000_000);
        let now =
            time::OffsetDateTime::from_unix_timestamp_nanos(now).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
        let mut random = |bytes: &mut [u8]| self.source.random(bytes);
        let mut env = Env::at(now);
        env.default_domain = settings.default_domain.as_deref();
        env.random = Some(&mut random);
        let mut resource = inbound.resource;
        if let Some(external_id) = inbound.external_id {
            resource.attributes_mut().insert("externalId".to_owned(), external_id.into());
        }
        Ok(compiled.try_on(&resource, &mut env))
    }

    fn user_type(
        &self,
        unique_group_names: bool,
    ) -> Result<Arc<scim_core::schema::ResourceType>, AdminError> {
        let registry = self.policies.registry(unique_group_names);
        registry
            .resource_types()
            .iter()
            .find(|resource_type| &*resource_type.schema.id == scim_core::schema::USER_URN)
            .cloned()
            .ok_or_else(|| AdminError::Invalid("this server has no resource type for people".to_owned()))
    }
}

fn list<E: std::fmt::Display>(errors: &[E]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
