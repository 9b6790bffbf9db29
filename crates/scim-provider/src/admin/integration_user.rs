//! Integration users: on whose behalf keys act.

use scim_core::text::Matching;
use scim_directory::{
    Action, AdminChange, Fact, Instance, IntegrationUser, IntegrationUserId, KeyRecord, LogError, LogRecord,
    LogStatus, Privilege, Question,
};
use scim_storage::{CommitError, ServerAnswer, ServerQuestion};
use serde_json::json;

use super::{Admin, AdminError, check_name, record, refused};

/// The longest e-mail address, in bytes (RFC 5321 §4.5.3.1.3).
const MAX_EMAIL_BYTES: usize = 254;
/// The most integration users of an instance: it is read with all of them.
const MAX_INTEGRATION_USERS: usize = 1000;

impl Admin {
    /// The integration users of an instance, by name.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn integration_user_list(
        &self,
        instance: &Instance,
    ) -> Result<Vec<IntegrationUser>, AdminError> {
        match self.store.server(&ServerQuestion::Users(instance.id)).await? {
            ServerAnswer::Users(users) => Ok(users),
            _ => Ok(Vec::new()),
        }
    }

    /// The integration user of that name.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] naming those that there are.
    pub async fn integration_user_named(
        &self,
        instance: &Instance,
        name: &str,
    ) -> Result<IntegrationUser, AdminError> {
        let users = self.integration_user_list(instance).await?;
        users.iter().find(|user| user.name == name).cloned().ok_or_else(|| {
            let names: Vec<_> = users.iter().map(|user| user.name.as_str()).collect();
            AdminError::NotFound(format!(
                "the instance {:?} has no integration user {name:?}; it has {}",
                instance.name,
                names.join(", ")
            ))
        })
    }

    /// Creates an integration user; `email` is whom reminders about its keys are mailed to.
    ///
    /// # Errors
    /// [`AdminError::Taken`] where the instance has an integration user or a person of that name; [`AdminError::Invalid`]
    /// where name or address are none, or the instance has 1,000 integration users already.
    pub async fn integration_user_create(
        &self,
        instance: &Instance,
        name: &str,
        privilege: Privilege,
        email: Option<&str>,
    ) -> Result<IntegrationUser, AdminError> {
        check_name("an integration user", name)?;
        check_email(email)?;
        if self.integration_user_list(instance).await?.len() >= MAX_INTEGRATION_USERS {
            return Err(AdminError::Invalid(format!(
                "the instance {:?} has {MAX_INTEGRATION_USERS} integration users already, which is the most; use one of them",
                instance.name
            )));
        }
        self.refuse_name_of_person(instance, name).await?;
        let user = IntegrationUser {
            id: IntegrationUserId::new(self.source.uuid()),
            instance: instance.id,
            name: name.to_owned(),
            privilege,
            suspended: false,
            email: email.map(str::to_owned),
        };
        let log = record(
            Action::IntegrationUserCreated,
            vec![("name", user.name.clone()), ("privilege", format!("{privilege:?}"))],
        );
        let taken = format!("the instance {:?} has an integration user {name:?} already", instance.name);
        let changes = vec![AdminChange::CreateIntegrationUser(user.clone())];
        self.commit(instance.id, changes, vec![log]).await.map_err(|error| refused(error, taken))?;
        Ok(user)
    }

    /// An integration user is never matched by a person who comes over SCIM, so nobody may have its name.
    async fn refuse_name_of_person(&self, instance: &Instance, name: &str) -> Result<(), AdminError> {
        let question = Question::Named {
            resource_type: "User".into(),
            path: "userName",
            key: Matching::UserName.key(name).into_owned(),
        };
        match self.fact(instance, question).await? {
            Fact::Records(records) if records.is_empty() => Ok(()),
            _ => Err(AdminError::Taken(format!(
                "a person of the instance {:?} has the user name {name:?}; give the integration user another name",
                instance.name
            ))),
        }
    }

    /// Changes an integration user's privilege, address, or whether it is suspended. Where it may not provision any more,
    /// its keys are out of force from the next request on, and the log says so; they are in force again when it may.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is none of that name; [`AdminError::Invalid`] where the address is none.
    pub async fn integration_user_change(
        &self,
        instance: &Instance,
        name: &str,
        change: impl Fn(&mut IntegrationUser) -> Result<(), AdminError>,
    ) -> Result<IntegrationUser, AdminError> {
        for _ in 0..crate::resource::ATTEMPTS {
            let instance = self.instance_named(&instance.name).await?;
            let before = self.integration_user_named(&instance, name).await?;
            let mut wanted = before.clone();
            change(&mut wanted)?;
            if wanted == before {
                return Ok(wanted);
            }
            check_email(wanted.email.as_deref())?;
            let mut log = vec![changed(&before, &wanted)];
            if before.may_provision() != wanted.may_provision() {
                let keys = self.keys_of(&instance, &wanted).await?;
                log.extend(keys.iter().map(|key| in_force(key, &instance, &wanted)));
            }
            let changes = vec![AdminChange::UpdateIntegrationUser(wanted.clone())];
            match self.commit_at(&instance, changes, log).await {
                Ok(()) => return Ok(wanted),
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(refused(error, String::new())),
            }
        }
        Err(AdminError::Invalid(
            "others changed the instance at the same time, again and again; try again".to_owned(),
        ))
    }

    /// The live keys of an integration user, at every connector.
    async fn keys_of(
        &self,
        instance: &Instance,
        user: &IntegrationUser,
    ) -> Result<Vec<KeyRecord>, AdminError> {
        let now = self.now();
        let keys = self.key_list(Some(instance)).await?.into_iter().map(|context| context.key);
        Ok(keys.filter(|key| key.user == user.id && key.is_live(now)).collect())
    }
}

/// What changed of an integration user.
fn changed(before: &IntegrationUser, after: &IntegrationUser) -> LogRecord {
    let shown = |user: &IntegrationUser| json!({ "privilege": user.privilege, "suspended": user.suspended, "email": user.email });
    let mut record =
        super::settings::difference(Action::IntegrationUserChanged, &shown(before), &shown(after));
    record.notes.push(format!("integration user {:?}", after.name));
    record
}

/// That a key is in force again, or not any more, because its integration user is.
fn in_force(key: &KeyRecord, instance: &Instance, user: &IntegrationUser) -> LogRecord {
    if user.may_provision() {
        return LogRecord::about_key(Action::KeyInForce, key);
    }
    let whom = format!("--instance {} {}", instance.name, user.name);
    let (code, why, cure) = if user.suspended {
        ("user_suspended", "is suspended", format!("rollcall user activate {whom}"))
    } else {
        ("privilege", "holds less than LiteAdmin", format!("rollcall user set {whom} --privilege LiteAdmin"))
    };
    let mut record = LogRecord::about_key(Action::KeyOutOfForce, key);
    record.status = LogStatus::Warning;
    record.error = Some(LogError {
        code: code.to_owned(),
        message: format!("The integration user {} {why}, so this key opens nothing", user.name),
        advice: format!("If the identity provider is to go on: `{cure}`; else revoke the key"),
    });
    record
}

fn check_email(email: Option<&str>) -> Result<(), AdminError> {
    let Some(email) = email else { return Ok(()) };
    let (local, domain) = email.rsplit_once('@').unwrap_or_default();
    let plain =
        |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    if email.len() <= MAX_EMAIL_BYTES && plain(local) && plain(domain) {
        return Ok(());
    }
    Err(AdminError::Invalid(format!("{email:?} is not an e-mail address, such as it@example.com")))
}
