//! Connectors.

use scim_directory::{Action, AdminChange, Connector, ConnectorId, DialectName, Instance, Profile};
use scim_storage::{ServerAnswer, ServerQuestion};

use super::{Admin, AdminError, check_name, record, refused};

/// The most connectors of an instance: it is read with all of them.
const MAX_CONNECTORS: usize = 1000;

impl Admin {
    /// Creates a connector; `keep_passwords` says whether passwords that it sends are kept, as argon2id hashes, and
    /// `profile` what its settings begin with.
    ///
    /// # Errors
    /// [`AdminError::Taken`] where the instance has the name; [`AdminError::Invalid`] where it is no name, or the instance has
    /// 1,000 connectors already.
    pub async fn connector_create(
        &self,
        instance: &Instance,
        name: &str,
        dialect: DialectName,
        keep_passwords: bool,
        profile: Profile,
    ) -> Result<Connector, AdminError> {
        check_name("a connector", name)?;
        if self.connector_list(instance).await?.len() >= MAX_CONNECTORS {
            return Err(AdminError::Invalid(format!(
                "the instance {:?} has {MAX_CONNECTORS} connectors already, which is the most; use one of them, or another instance",
                instance.name
            )));
        }
        let connector = Connector {
            id: ConnectorId::new(self.source.uuid()),
            instance: instance.id,
            name: name.to_owned(),
            created: self.now(),
            dialect,
            keep_passwords,
            settings: profile.connector_settings(),
        };
        let log = vec![record(
            Action::ConnectorCreated,
            vec![("name", connector.name.clone()), ("dialect", dialect.name().to_owned())],
        )];
        let taken = format!("the instance {:?} has a connector {name:?} already", instance.name);
        let changes = vec![AdminChange::CreateConnector(connector.clone())];
        self.commit(instance.id, changes, log).await.map_err(|error| refused(error, taken))?;
        Ok(connector)
    }

    /// The connectors of an instance, by name.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn connector_list(&self, instance: &Instance) -> Result<Vec<Connector>, AdminError> {
        match self.store.server(&ServerQuestion::Connectors(instance.id)).await? {
            ServerAnswer::Connectors(connectors) => Ok(connectors),
            _ => Ok(Vec::new()),
        }
    }

    /// The connector of that name.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] naming those that there are.
    pub async fn connector_named(&self, instance: &Instance, name: &str) -> Result<Connector, AdminError> {
        let connectors = self.connector_list(instance).await?;
        connectors.iter().find(|connector| connector.name == name).cloned().ok_or_else(|| {
            let names: Vec<_> = connectors.iter().map(|connector| connector.name.as_str()).collect();
            AdminError::NotFound(format!(
                "the instance {:?} has no connector {name:?}; it has {}",
                instance.name,
                names.join(", ")
            ))
        })
    }
}
