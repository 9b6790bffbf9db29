//! The mapping: shown, saved, tried.

use std::sync::Arc;

use scim_core::Dialect;
use scim_core::resource::ingest;
use scim_directory::{
    Action, AdminChange, AttributeChange, Fields, Instance, LogRecord, LogStatus, MappingVersion,
};
use scim_lifecycle::Policy;
use scim_mapping::mapping::{CompiledMapping, Env, GraphImport, Mapping, Row, Source, Tried};
use scim_storage::{CommitError, InstanceAnswer, InstanceQuestion, PolicySource};
use serde_json::Value;

use super::settings::policy_failure;
use super::{Admin, AdminError};
use crate::admin::account::scope;

/// The most versions that the command line lists.
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
                let read = Mapping::from_json(&saved.text).map_err(AdminError::Mapping)?;
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

    /// Versions of the mapping, newest first, without their text: those before `before`, at most `limit`.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn mapping_version_page(
        &self,
        instance: &Instance,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<MappingVersion>, AdminError> {
        let source = self.policies.source(&*self.store, instance.id).await.map_err(policy_failure)?;
        let newest = source.mapping.map_or(0, |mapping| mapping.version);
        // Versions are numbered without gaps.
        let newer = before.map_or(0, |before| newest.saturating_sub(before).saturating_add(1));
        let newer = usize::try_from(newer).unwrap_or_default();
        let question = InstanceQuestion::Mappings(newer.saturating_add(limit));
        match self.store.instance(&scope(instance), &question).await? {
            InstanceAnswer::Mappings(versions) => Ok(versions
                .into_iter()
                .filter(|saved| before.is_none_or(|before| saved.version < before))
                .take(limit)
                .collect()),
            _ => Ok(Vec::new()),
        }
    }

    /// Reads a mapping: of our own form, or what a Microsoft Graph synchronization schema comes to. Every mistake is told;
    /// nothing is saved.
    ///
    /// # Errors
    /// [`AdminError::Mapping`] with every mistake.
    pub async fn mapping_read(&self, instance: &Instance, text: &str) -> Result<ReadMapping, AdminError> {
        let is_graph = serde_json::from_str::<Value>(text)
            .ok()
            .is_some_and(|document| document.get("synchronizationRules").is_some());
        if is_graph {
            let graph = self.mapping_from_graph(instance, text).await?;
            return Ok(ReadMapping { mapping: graph.mapping.clone(), graph: Some(graph) });
        }
        let mapping = Mapping::from_json(text).map_err(AdminError::Mapping)?.mapping;
        let source = self.policies.source(&*self.store, instance.id).await.map_err(policy_failure)?;
        self.compiled(&source, &mapping)?;
        Ok(ReadMapping { mapping, graph: None })
    }

    /// What a Microsoft Graph synchronization schema makes of the mapping in force. Nothing is saved.
    ///
    /// # Errors
    /// [`AdminError::Mapping`] where it is none that can be read.
    pub async fn mapping_from_graph(
        &self,
        instance: &Instance,
        text: &str,
    ) -> Result<GraphImport, AdminError> {
        let source = self.policies.source(&*self.store, instance.id).await.map_err(policy_failure)?;
        let settings = &source.instance.settings;
        let user = self.user_type(settings.unique_group_names)?;
        let (_, current) = self.mapping(instance, None).await?;
        let graph =
            current.import_graph(text, &user, Fields::new(&settings.fields)).map_err(AdminError::Mapping)?;
        self.compiled(&source, &graph.mapping)?;
        Ok(graph)
    }

    /// A mapping, checked with the schemas and the instance's fields.
    fn compiled(&self, source: &PolicySource, mapping: &Mapping) -> Result<CompiledMapping, AdminError> {
        let settings = &source.instance.settings;
        let user = self.user_type(settings.unique_group_names)?;
        mapping.compile(&user, Fields::new(&settings.fields), 0).map_err(AdminError::Mapping)
    }

    /// Saves a mapping as the next version, in force from now on; the version. It is checked with the instance's fields and
    /// rules first.
    ///
    /// # Errors
    /// [`AdminError::Mapping`] and [`AdminError::Rules`] with every mistake.
    pub async fn mapping_save(&self, instance: &Instance, mapping: &Mapping) -> Result<i64, AdminError> {
        self.mapping_save_after(instance, mapping, None).await
    }

    /// [`Admin::mapping_save`], where `after` is the version that is in force; `None` for whichever is.
    ///
    /// # Errors
    /// [`AdminError::Changed`] where another version is in force, else as [`Admin::mapping_save`].
    pub async fn mapping_save_after(
        &self,
        instance: &Instance,
        mapping: &Mapping,
        after: Option<i64>,
    ) -> Result<i64, AdminError> {
        for _ in 0..crate::resource::ATTEMPTS {
            let source = self.policies.source(&*self.store, instance.id).await.map_err(policy_failure)?;
            let current = source.mapping.as_ref().map_or(0, |mapping| mapping.version);
            if after.is_some_and(|after| after != current) {
                return Err(AdminError::Changed(format!(
                    "version {current} of the mapping is in force by now; read it again, and decide again"
                )));
            }
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
    /// [`AdminError::Mapping`] and [`AdminError::Rules`] with every mistake.
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
        Policy::new(&source.instance, Some(&next), &source.integration_users, registry)?;
        Ok(next)
    }

    /// Tries a mapping on a sample resource, which may leave `schemas` out: each row, with every step. Nothing is saved or
    /// changed.
    ///
    /// # Errors
    /// [`AdminError::Mapping`] where the mapping has mistakes, [`AdminError::Invalid`] where the sample is no person.
    pub async fn mapping_try(
        &self,
        instance: &Instance,
        mapping: &Mapping,
        mut sample: Value,
    ) -> Result<Vec<Tried>, AdminError> {
        let source = self.policies.source(&*self.store, instance.id).await.map_err(policy_failure)?;
        let settings = &source.instance.settings;
        let user = self.user_type(settings.unique_group_names)?;
        let compiled = self.compiled(&source, mapping)?;
        if let Some(members) = sample.as_object_mut() {
            members.entry("schemas").or_insert_with(|| serde_json::json!([scim_core::schema::USER_URN]));
        }
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

    /// Tries an expression on a sample resource, as a row of a mapping would evaluate it: every step, and the text that a
    /// field would get.
    ///
    /// # Errors
    /// [`AdminError::Mapping`] where the expression cannot be read, or names attributes that are not there;
    /// [`AdminError::Invalid`] where the sample is no person.
    pub async fn expression_try(
        &self,
        instance: &Instance,
        expression: &str,
        sample: Value,
    ) -> Result<Tried, AdminError> {
        let row = Row::new("DisplayName", Source::Expression(expression.to_owned()));
        let mut mapping = Mapping { rows: vec![row] };
        mapping.add_missing_read_only();
        let tried = self.mapping_try(instance, &mapping, sample).await?;
        let of_row = tried.into_iter().find(|tried| tried.field == "DisplayName");
        of_row.ok_or_else(|| AdminError::Invalid("the expression fills no field".to_owned()))
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
