//! First answers to requests that may be repeated (`Idempotency-Key`).

use scim_directory::{AdminChange, AdminKeyRecord, AnswerChange, AnsweredRequest, RequestMark};
use scim_storage::{CommitError, ServerAnswer, ServerQuestion};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{Admin, AdminError, refused};

/// What is known of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remembered {
    /// Nothing; from now on that it has begun.
    New,
    /// It came before.
    Known(AnsweredRequest),
}

impl Admin {
    /// The secret with which the answer to a request of that `Idempotency-Key` is sealed.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] where there is no pepper.
    pub fn answer_secret(&self, text: &str) -> Result<Zeroizing<[u8; 32]>, AdminError> {
        let salt = Sha256::digest(text);
        let missing = || AdminError::Invalid("there is no pepper".to_owned());
        let pepper = self.peppers()?.iter().next().ok_or_else(missing)?;
        Ok(Zeroizing::new(pepper.derive(&salt, b"rollcall first answer v1")))
    }

    /// Notes that a request has begun, unless it is known.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn answer_begin(
        &self,
        caller: &AdminKeyRecord,
        mark: RequestMark,
        request: [u8; 32],
    ) -> Result<Remembered, AdminError> {
        // It may end between the two: then it is begun anew.
        for _ in 0..3 {
            let change = AdminChange::Answer(AnswerChange::Begin(mark, request));
            match self.commit(caller.scope().instance, vec![change], Vec::new()).await {
                Ok(()) => return Ok(Remembered::New),
                Err(CommitError::Duplicate { .. }) => {}
                Err(error) => return Err(refused(error, String::new())),
            }
            let question = ServerQuestion::Answered(mark, self.now());
            if let ServerAnswer::Answered(Some(known)) = self.store.server(&question).await? {
                return Ok(Remembered::Known(known));
            }
        }
        Err(AdminError::Taken("requests with this Idempotency-Key come and go; try again".to_owned()))
    }

    /// Keeps the sealed answer to a request that had begun; without one, forgets the request.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn answer_finish(
        &self,
        caller: &AdminKeyRecord,
        mark: RequestMark,
        answer: Option<Vec<u8>>,
    ) -> Result<(), AdminError> {
        let change = match answer {
            Some(answer) => AnswerChange::Finish(mark, answer),
            None => AnswerChange::Forget(mark),
        };
        let committed = self.commit(caller.scope().instance, vec![AdminChange::Answer(change)], Vec::new());
        committed.await.map_err(|error| refused(error, String::new()))
    }
}
