//! What a commit has to say before anybody looks at what came of it.
//!
//! A statement whose outcome nobody looks at waits for the next one that somebody looks at, and goes with it. On the first try of a
//! change set statements wait too whose outcome is **supposed**: that a new name is free, that nobody waits for a new person. The
//! change set goes on with what is supposed, and nothing is committed before all of it turned out to be so; where it is not, the
//! transaction is rolled back and the change set applied again, step by step. The statements, their order and what each sees are the
//! same either way.
//!
//! Statements of several change sets fail at the server where something is not as supposed. So the commit goes with them: in a transaction
//! that failed it is a rollback.

use diesel::pg::Pg;
use diesel::result::Error;
use diesel::{QueryResult, QueryableByName};
use tokio_postgres::error::SqlState;

use super::link::{Link, built};
use super::row::PgRow;
use crate::sql::Statement;

/// How a statement fails because something is not as supposed: a text that says so is no number.
const MISTAKEN: SqlState = SqlState::INVALID_TEXT_REPRESENTATION;

/// What looks at an answer: rows, and how many were changed. Whether it is as supposed.
type Look = Box<dyn FnOnce(&[PgRow], u64) -> QueryResult<bool> + Send>;

/// Statements that wait, each with what looks at its answer.
#[derive(Default)]
pub(super) struct Pipeline {
    statements: Vec<Statement>,
    looks: Vec<Option<Look>>,
    /// Whether outcomes are supposed.
    supposing: bool,
    /// Whether one that waits is supposed.
    doubtful: bool,
    /// Whether something was not as supposed.
    mistaken: bool,
}

impl Pipeline {
    pub(super) fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// What waits; it does so no more.
    pub(super) fn take(&mut self) -> (Vec<Statement>, Vec<Option<Look>>) {
        self.doubtful = false;
        (std::mem::take(&mut self.statements), std::mem::take(&mut self.looks))
    }

    fn add(&mut self, statement: Statement, look: Option<Look>) {
        self.statements.push(statement);
        self.looks.push(look);
    }

    /// Looks at answers.
    pub(super) fn look_at(
        &mut self,
        looks: Vec<Option<Look>>,
        answers: Vec<(Vec<tokio_postgres::Row>, u64)>,
    ) -> QueryResult<()> {
        for (look, (rows, changed)) in looks.into_iter().zip(answers) {
            let Some(look) = look else { continue };
            if !look(&PgRow::all(rows), changed)? {
                self.mistaken = true;
                // Whoever tries again looks at `is_mistaken`.
                return Err(Error::RollbackTransaction);
            }
        }
        Ok(())
    }
}

impl Link {
    /// Begins anew: nothing waits, and outcomes are supposed or not.
    pub(super) fn begin_anew(&mut self, supposing: bool) {
        self.pipeline = Pipeline { supposing, ..Pipeline::default() };
    }

    /// Whether outcomes are supposed.
    pub(crate) fn is_supposing(&self) -> bool {
        self.pipeline.supposing
    }

    /// Keeps in mind that a statement failed because something was not as supposed.
    pub(super) fn failed_by(&mut self, error: &tokio_postgres::Error) {
        self.pipeline.mistaken |= error.code() == Some(&MISTAKEN);
    }

    /// Whether something was not as supposed.
    pub(super) fn is_mistaken(&self) -> bool {
        self.pipeline.mistaken
    }

    /// Runs a statement at some time before the next that is looked at.
    pub(crate) fn later(&mut self, statement: Statement) {
        self.pipeline.add(statement, None);
    }

    /// The same, and hands its rows on when they are there.
    pub(crate) fn later_with<R, F>(&mut self, statement: Statement, take: F)
    where
        R: QueryableByName<Pg>,
        F: FnOnce(Vec<R>) + Send + 'static,
    {
        let look = move |rows: &[PgRow], _| {
            take(built(rows)?);
            Ok(true)
        };
        self.pipeline.add(statement, Some(Box::new(look)));
    }

    /// The same, where its rows are to be like this.
    pub(crate) fn suppose<R, F>(&mut self, statement: Statement, so: F)
    where
        R: QueryableByName<Pg>,
        F: FnOnce(&[R]) -> bool + Send + 'static,
    {
        self.pipeline.doubtful = true;
        let look = move |rows: &[PgRow], _| Ok(so(&built::<R>(rows)?));
        self.pipeline.add(statement, Some(Box::new(look)));
    }

    /// The same, where it is to change so many rows.
    pub(crate) fn suppose_changed(&mut self, statement: Statement, rows: u64) {
        self.pipeline.doubtful = true;
        self.pipeline.add(statement, Some(Box::new(move |_, changed| Ok(changed == rows))));
    }

    /// Sends what waits and commits: in one round trip, where nothing is in doubt.
    pub(crate) fn conclude(&mut self) -> QueryResult<()> {
        if self.pipeline.doubtful {
            self.send(&[])?;
        }
        self.send(&[&Statement::of_postgres("COMMIT")]).map(drop)
    }
}
