//! Objects of the application that accounts refer to: job titles, sites.

use scim_directory::{Action, AdminChange, ApplicationObject, Fact, Instance, Question};

use super::{Admin, AdminError, check_name, record, refused};

impl Admin {
    /// The object of that kind and name, in any letter case.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is none.
    pub async fn object_named(
        &self,
        instance: &Instance,
        kind: &str,
        name: &str,
    ) -> Result<ApplicationObject, AdminError> {
        let question = Question::Object { kind: kind.to_owned(), name: name.to_owned() };
        match self.fact(instance, question).await? {
            Fact::Object(Some(link)) => {
                Ok(ApplicationObject { id: link.id, kind: kind.to_owned(), name: link.name })
            }
            _ => Err(AdminError::NotFound(format!(
                "the instance {:?} has no object {name:?} of the kind {kind:?}",
                instance.name
            ))),
        }
    }

    /// Creates an object, so that workflow rules which link to what is there find it.
    ///
    /// # Errors
    /// [`AdminError::Taken`] where the kind has one of that name, in any letter case; [`AdminError::Invalid`] where kind or
    /// name is none.
    pub async fn object_create(
        &self,
        instance: &Instance,
        kind: &str,
        name: &str,
    ) -> Result<ApplicationObject, AdminError> {
        check_name("a kind of objects", kind)?;
        check_name("an object", name)?;
        let object =
            ApplicationObject { id: self.source.uuid(), kind: kind.to_owned(), name: name.to_owned() };
        let log = record(Action::ObjectCreated, vec![("kind", kind.to_owned()), ("name", name.to_owned())]);
        let taken = format!("there is an object {name:?} of the kind {kind:?} already");
        let changes = vec![AdminChange::CreateObject(object.clone())];
        self.commit(instance.id, changes, vec![log]).await.map_err(|error| refused(error, taken))?;
        Ok(object)
    }
}
