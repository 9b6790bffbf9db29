//! Writes that were refused or failed, in the provisioning log: in a commit of their own, since nothing else is committed.

use std::sync::{Mutex, PoisonError};

use scim_directory::{Action, ChangeSet, LogError, LogRecord, LogResource, LogStatus};

use crate::Method;
use crate::failure::Failure;
use crate::resource::Operation;

/// Whom a request is about, as far as it is known.
#[derive(Debug, Default)]
pub(crate) struct Subject(Mutex<Option<LogResource>>);

impl Subject {
    /// Remembers whom the request is about.
    pub(crate) fn set(&self, resource: LogResource) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(resource);
    }

    /// Remembers the name of whom it is about.
    pub(crate) fn is_called(&self, name: Option<&str>) {
        if let Some(resource) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            resource.name = name.map(str::to_owned);
        }
    }

    fn take(&self) -> Option<LogResource> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Operation<'_> {
    /// Remembers whom a request is about that carries a name but no id.
    pub(crate) fn names(&self, resource_type: &str, name: Option<&str>) {
        self.subject.set(LogResource {
            resource_type: resource_type.to_owned(),
            id: String::new(),
            name: name.map(str::to_owned),
        });
    }

    /// Logs that a write was not done. Where even that fails, the server's log says so; the answer stays as it is.
    pub(crate) async fn log_refusal(&self, method: Method, failure: &Failure) {
        if failure.is_logged() {
            return;
        }
        let action = match method {
            Method::Post => Action::Created,
            Method::Delete => Action::Deleted,
            _ => Action::Updated,
        };
        let error = LogError {
            code: failure.code(),
            message: failure.error().detail().to_owned(),
            advice: failure.advice_text(),
        };
        let record = LogRecord {
            error: Some(error),
            ..LogRecord::new(action, LogStatus::Failure, self.subject.take())
        };
        let set = ChangeSet { log: vec![record], ..self.change_set() };
        if let Err(error) = self.provider.commit(set).await {
            log::warn!(request_id = self.request.request_id; "the request's failure could not be logged: {error}");
        }
    }
}
