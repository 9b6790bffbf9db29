//! Settings of instances and connectors.

use scim_directory::{
    Action, AdminChange, AttributeChange, Connector, ConnectorSettings, Instance, InstanceSettings,
    LogRecord, LogStatus, Networks,
};
use scim_lifecycle::Policy;
use scim_storage::CommitError;
use serde_json::Value;

use super::{Admin, AdminError, MAX_REMINDER_DAYS};
use crate::policies::PolicyFailure;

impl Admin {
    /// Changes an instance's settings; they are checked as a whole with the mapping and the rules. The instance as it is
    /// afterwards.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] where they do not go with the mapping or the rules, naming what does not.
    pub async fn settings_change(
        &self,
        instance: &Instance,
        change: impl Fn(&mut InstanceSettings) -> Result<(), AdminError>,
    ) -> Result<Instance, AdminError> {
        for _ in 0..crate::resource::ATTEMPTS {
            let source = self.policies.source(&*self.store, instance.id).await.map_err(policy_failure)?;
            let mut wanted = source.instance.clone();
            change(&mut wanted.settings)?;
            if wanted.settings == source.instance.settings {
                return Ok(wanted);
            }
            check_instance(&wanted.settings)?;
            let registry = self.policies.registry(wanted.settings.unique_group_names);
            Policy::new(&wanted, source.mapping.as_ref(), &source.integration_users, registry)?;
            let log = difference(
                Action::SettingsChanged,
                &serde_json::to_value(&source.instance.settings).unwrap_or_default(),
                &serde_json::to_value(&wanted.settings).unwrap_or_default(),
            );
            let changes = vec![AdminChange::UpdateInstanceSettings(wanted.settings.clone())];
            match self.commit_at(&source.instance, changes, vec![log]).await {
                Ok(()) => return self.instance_named(&instance.name).await,
                Err(CommitError::Conflict) => {}
                Err(CommitError::Store(error)) => return Err(error.into()),
                Err(error) => return Err(AdminError::Invalid(error.to_string())),
            }
        }
        Err(AdminError::Invalid(
            "others changed the settings at the same time, again and again; try again".to_owned(),
        ))
    }

    /// Changes a connector's dialect and settings, from the next request on.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] where they make no sense, naming the setting.
    pub async fn connector_change(
        &self,
        instance: &Instance,
        name: &str,
        change: impl Fn(&mut Connector) -> Result<(), AdminError>,
    ) -> Result<Connector, AdminError> {
        for _ in 0..crate::resource::ATTEMPTS {
            // In this order: who changes the connector in between, changes the instance's generation.
            let instance = self.instance_named(&instance.name).await?;
            let before = self.connector_named(&instance, name).await?;
            let mut wanted = before.clone();
            change(&mut wanted)?;
            if wanted == before {
                return Ok(wanted);
            }
            check_connector(&wanted.settings)?;
            let mut log = difference(Action::ConnectorChanged, &shown(&before), &shown(&wanted));
            log.notes.push(format!("connector {name:?}"));
            let changes = vec![AdminChange::UpdateConnector(wanted.clone())];
            match self.commit_at(&instance, changes, vec![log]).await {
                Ok(()) => return Ok(wanted),
                Err(CommitError::Conflict) => {}
                Err(error) => {
                    return Err(super::refused(error, "the connector cannot be changed".to_owned()));
                }
            }
        }
        Err(AdminError::Invalid(
            "others changed the settings at the same time, again and again; try again".to_owned(),
        ))
    }
}

/// A connector's settings as the log shows them.
fn shown(connector: &Connector) -> Value {
    let mut shown = serde_json::to_value(&connector.settings).unwrap_or_default();
    if let Some(members) = shown.as_object_mut() {
        members.insert("dialect".to_owned(), connector.dialect.name().into());
        members.insert("keep_passwords".to_owned(), connector.keep_passwords.into());
    }
    shown
}

/// What Entra writes as audience where no secret token is given: one for all custom applications of every tenant.
const ENTRA_SHARED_AUDIENCE: &str = "8adf8e6e-67b2-4cf2-a259-e3dc5476c621";

/// For how many days something can be kept.
const DAYS: std::ops::RangeInclusive<u32> = 1..=36_500;
/// The longest overlap of two keys: a year.
const MAX_OVERLAP_SECONDS: u32 = 366 * 86_400;
/// The longest domain name (RFC 1035 §2.3.4).
const MAX_DOMAIN_BYTES: usize = 253;

/// That an instance's settings make sense by themselves.
fn check_instance(settings: &InstanceSettings) -> Result<(), AdminError> {
    let wrong = |text: String| Err(AdminError::Invalid(text));
    if !DAYS.contains(&settings.retention_days) {
        return wrong(format!("retention_days: must be {} to {}", DAYS.start(), DAYS.end()));
    }
    let fit = |domain: &str| {
        !domain.is_empty()
            && domain.len() <= MAX_DOMAIN_BYTES
            && !domain.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@')
    };
    match &settings.default_domain {
        Some(domain) if !fit(domain) => {
            wrong(format!("default_domain: {domain:?} is no domain name, such as example.com"))
        }
        _ => Ok(()),
    }
}

/// That a connector's settings make sense.
fn check_connector(settings: &ConnectorSettings) -> Result<(), AdminError> {
    let wrong = |text: String| Err(AdminError::Invalid(text));
    if settings.rate.is_some_and(|rate| rate.per_second == 0 || rate.burst == 0) {
        return wrong(
            "rate: a limit of requests needs at least one a second, and at least one at once".to_owned(),
        );
    }
    if settings.networks.list().len() > Networks::MAX {
        return wrong(format!("networks: there may be at most {}; give fewer, wider ones", Networks::MAX));
    }
    if settings.retention_days.is_some_and(|days| !DAYS.contains(&days)) {
        return wrong(format!("retention_days: must be {} to {}", DAYS.start(), DAYS.end()));
    }
    if settings.overlap_seconds > MAX_OVERLAP_SECONDS {
        return wrong(format!("overlap_seconds: must be at most {MAX_OVERLAP_SECONDS}, a year"));
    }
    if settings.guard.is_some_and(|guard| guard.percent > 100) {
        return wrong("guard: percent must be at most 100".to_owned());
    }
    let days = &settings.reminder_days;
    if days.len() > 10 || days.iter().any(|days| !(1..=MAX_REMINDER_DAYS).contains(days)) {
        return wrong(format!(
            "reminders: at most ten, each 1 to {MAX_REMINDER_DAYS} days before a key's end"
        ));
    }
    if let Some(issuer) = &settings.ways_in.issuer {
        let all = [("issuer", &issuer.issuer), ("audience", &issuer.audience), ("subject", &issuer.subject)];
        if let Some((name, _)) = all.iter().find(|(_, text)| text.trim().is_empty()) {
            return wrong(format!("the trusted issuer's {name} must not be empty"));
        }
        if issuer.audience == ENTRA_SHARED_AUDIENCE {
            return wrong(format!(
                "the audience {ENTRA_SHARED_AUDIENCE} is that of every custom application of an Entra tenant, so that each of them \
                 would be let in; use a key, client credentials, or an audience of your own"
            ));
        }
        let jwks = &issuer.jwks_uri;
        if !(jwks.starts_with("https://") || jwks.starts_with("http://"))
            || jwks.contains(char::is_whitespace)
        {
            return wrong(format!("{jwks:?} is not the URL of a JWK set, such as https://idp.example/keys"));
        }
    }
    Ok(())
}

pub(crate) fn policy_failure(failure: PolicyFailure) -> AdminError {
    match failure {
        PolicyFailure::Store(error) => AdminError::Store(error),
        other => AdminError::Invalid(other.to_string()),
    }
}

/// A log record of the settings that differ.
pub(super) fn difference(action: Action, before: &Value, after: &Value) -> LogRecord {
    let mut record = LogRecord::new(action, LogStatus::Success, None);
    let names = |value: &Value| -> Vec<String> {
        value.as_object().map(|members| members.keys().cloned().collect()).unwrap_or_default()
    };
    let mut all = names(before);
    all.extend(names(after).into_iter().filter(|name| before.get(name).is_none()));
    for name in all {
        let of = |value: &Value| value.get(&name).cloned().unwrap_or_default();
        let (old, new) = (of(before), of(after));
        if old != new {
            record.changes.push(AttributeChange::Value { attribute: name, old, new });
        }
    }
    record
}
