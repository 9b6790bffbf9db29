//! Instances.

use scim_directory::{
    Action, AdminChange, Connector, ConnectorId, DialectName, Instance, InstanceId, InstanceSettings,
    IntegrationUser, IntegrationUserId, Privilege,
};
use scim_storage::{ServerAnswer, ServerQuestion};

use super::{Admin, AdminError, check_name, record, refused};

/// An instance with what it begins with.
#[derive(Clone, Debug)]
pub struct NewInstance {
    /// The instance.
    pub instance: Instance,
    /// Its connector `default`.
    pub connector: Connector,
    /// Its integration user `integration`.
    pub user: IntegrationUser,
}

impl Admin {
    /// Creates an instance with a connector `default` and an integration user `integration`, who may provision.
    ///
    /// # Errors
    /// [`AdminError::Taken`] where the name is; [`AdminError::Invalid`] where it is no name.
    pub async fn instance_create(
        &self,
        name: &str,
        settings: InstanceSettings,
    ) -> Result<NewInstance, AdminError> {
        check_name("an instance", name)?;
        let created = self.now();
        let id = InstanceId::new(self.source.uuid());
        let settings_of_connector = settings.profile.connector_settings();
        let instance = Instance { id, name: name.to_owned(), created, settings, generation: 1 };
        let connector = Connector {
            id: ConnectorId::new(self.source.uuid()),
            instance: id,
            name: "default".to_owned(),
            created,
            dialect: DialectName::default(),
            keep_passwords: false,
            settings: settings_of_connector,
        };
        let user = IntegrationUser {
            id: IntegrationUserId::new(self.source.uuid()),
            instance: id,
            name: "integration".to_owned(),
            privilege: Privilege::LiteAdmin,
            suspended: false,
            email: None,
        };
        let changes = vec![
            AdminChange::CreateInstance(instance.clone()),
            AdminChange::CreateConnector(connector.clone()),
            AdminChange::CreateIntegrationUser(user.clone()),
        ];
        let log = vec![
            record(Action::InstanceCreated, vec![("name", instance.name.clone())]),
            record(Action::ConnectorCreated, vec![("name", connector.name.clone())]),
        ];
        let taken = format!("there is an instance {name:?} already; choose another name");
        self.commit(id, changes, log).await.map_err(|error| refused(error, taken))?;
        Ok(NewInstance { instance, connector, user })
    }

    /// The instance of that id.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is none.
    pub async fn instance_of(&self, id: InstanceId) -> Result<Instance, AdminError> {
        match self.store.server(&ServerQuestion::Instance(id)).await? {
            ServerAnswer::Instance(Some(instance)) => Ok(instance),
            _ => Err(AdminError::NotFound(format!("there is no instance {id}; `instance list` shows them"))),
        }
    }

    /// Every instance, by name.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn instance_list(&self) -> Result<Vec<Instance>, AdminError> {
        match self.store.server(&ServerQuestion::Instances).await? {
            ServerAnswer::Instances(instances) => Ok(instances),
            _ => Ok(Vec::new()),
        }
    }
}
