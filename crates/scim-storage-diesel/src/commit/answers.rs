//! Requests that were answered once. They belong to who asked; the instance says only with whose data they are pruned.

use scim_directory::{AnswerChange, AnsweredRequest, RequestMark};

use super::Applying;
use crate::error::Refusal;
use crate::sql::Statement;

const PRUNE: &str = "DELETE FROM answers WHERE (caller, key) IN (SELECT caller, key FROM answers \
     INDEXED BY answers_by_time WHERE instance_id = ? AND at_ms < ? ORDER BY at_ms, caller, key LIMIT ?)";

impl Applying<'_> {
    pub(super) fn answer(&mut self, change: &AnswerChange) -> Result<(), Refusal> {
        match change {
            AnswerChange::Begin(mark, request) => self.begin(*mark, request),
            AnswerChange::Finish(mark, answer) => {
                let finish = "UPDATE answers SET answer = ? WHERE caller = ? AND key = ? AND at_ms >= ?";
                Statement::kept(finish)
                    .blob(answer)
                    .blob(mark.caller.uuid().into_bytes())
                    .blob(mark.key)
                    .integer(self.known_since())
                    .run(self.connection)?;
                Ok(())
            }
            AnswerChange::Forget(mark) => {
                Statement::kept("DELETE FROM answers WHERE caller = ? AND key = ?")
                    .blob(mark.caller.uuid().into_bytes())
                    .blob(mark.key)
                    .run(self.connection)?;
                Ok(())
            }
        }
    }

    /// One statement: what is known stays and is told, what is older gives way.
    fn begin(&mut self, mark: RequestMark, request: &[u8; 32]) -> Result<(), Refusal> {
        let begin = Statement::kept(
            "INSERT INTO answers (caller, key, instance_id, request, at_ms, answer) VALUES (?, ?, ?, ?, ?, NULL) \
             ON CONFLICT (caller, key) DO UPDATE SET instance_id = excluded.instance_id, \
             request = excluded.request, at_ms = excluded.at_ms, answer = NULL WHERE answers.at_ms < ?",
        )
        .blob(mark.caller.uuid().into_bytes())
        .blob(mark.key)
        .blob(self.instance)
        .blob(request)
        .integer(self.set.at.unix_millis())
        .integer(self.known_since());
        self.one_row(begin, || Refusal::Duplicate("idempotency_key".to_owned()))
    }

    /// Forgets at most `limit` of the instance that are not known any more. How many they were.
    pub(super) fn prune_answers(&mut self, limit: usize) -> Result<u64, Refusal> {
        let rows = Statement::kept(PRUNE)
            .blob(self.instance)
            .integer(self.known_since())
            .integer(i64::try_from(limit).unwrap_or(i64::MAX))
            .run(self.connection)?;
        Ok(u64::try_from(rows).unwrap_or(u64::MAX))
    }

    fn known_since(&self) -> i64 {
        AnsweredRequest::known_since(self.set.at).unix_millis()
    }
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use super::*;

    #[test]
    fn old_answers_are_found_by_their_time() {
        let mut plan = Statement::new(PRUNE).blob([1; 16]).integer(0).integer(9).plan();
        plan.retain(|step| !step.starts_with("LIST SUBQUERY"));
        let expected = [
            "SEARCH answers USING PRIMARY KEY (caller=? AND key=?)",
            "SEARCH answers USING COVERING INDEX answers_by_time (instance_id=? AND at_ms<?)",
        ];
        assert_eq!(plan, expected);
    }
}
