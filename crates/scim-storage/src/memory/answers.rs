//! Requests that were answered once.

use scim_core::instant::Timestamp;
use scim_directory::{AnswerChange, AnsweredRequest, InstanceId, RequestMark};

use super::admin::{Administration, require_free};
use crate::CommitError;

impl Administration {
    /// Applies a change of answered requests to a draft.
    pub(super) fn apply_to_answers(
        &mut self,
        instance: InstanceId,
        at: Timestamp,
        change: &AnswerChange,
    ) -> Result<(), CommitError> {
        match change {
            AnswerChange::Begin(mark, request) => {
                require_free(self.answered(*mark, at).is_none(), "idempotency_key")?;
                let begun = AnsweredRequest { request: *request, at, answer: None };
                self.answers.insert(*mark, (instance, begun));
            }
            AnswerChange::Finish(mark, answer) => {
                if let Some((_, known)) = self.answers.get_mut(mark)
                    && known.is_known(at)
                {
                    known.answer = Some(answer.clone());
                }
            }
            AnswerChange::Forget(mark) => {
                self.answers.remove(mark);
            }
        }
        Ok(())
    }

    /// What is known of a request at that moment.
    pub(super) fn answered(&self, mark: RequestMark, now: Timestamp) -> Option<AnsweredRequest> {
        let (_, known) = self.answers.get(&mark)?;
        known.is_known(now).then(|| known.clone())
    }

    /// Forgets at most `limit` requests of the instance that are not known any more; how many they were.
    pub(super) fn prune_answers(&mut self, instance: InstanceId, now: Timestamp, limit: usize) -> u64 {
        let gone = |(_, (of, known)): &(&RequestMark, &(InstanceId, AnsweredRequest))| {
            *of == instance && !known.is_known(now)
        };
        let mut marks: Vec<_> =
            self.answers.iter().filter(gone).map(|(mark, (_, known))| (known.at, *mark)).collect();
        marks.sort_unstable();
        marks.truncate(limit);
        for (_, mark) in &marks {
            self.answers.remove(mark);
        }
        u64::try_from(marks.len()).unwrap_or(u64::MAX)
    }
}
