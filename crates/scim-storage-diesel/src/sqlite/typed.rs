//! Statements that Diesel finds prepared by a Rust type: it neither puts their text together nor hashes it, as it does each time for
//! others. They are those that a change of a record runs.

use std::marker::PhantomData;

use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::query_dsl::methods::ExecuteDsl;
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel::{QueryResult, RunQueryDsl};

use crate::sql::{FixedText, Statement};

/// How a statement of a fixed text is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Typed {
    text: &'static str,
    run: fn(&Statement, &mut SqliteConnection) -> QueryResult<usize>,
}

impl Typed {
    /// How one of that text is run.
    pub(crate) fn of<K: FixedText>() -> Self {
        Self {
            text: K::TEXT,
            run: |statement, connection| execute(Of(statement, PhantomData::<K>), connection),
        }
    }

    /// Runs the statement; `None` where its text has become another one.
    pub(crate) fn run(
        self,
        statement: &Statement,
        connection: &mut SqliteConnection,
    ) -> Option<QueryResult<usize>> {
        (statement.plain() == self.text).then(|| (self.run)(statement, connection))
    }
}

/// Two are the same where their texts are.
impl PartialEq for Typed {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

fn execute<K: FixedText>(of: Of<'_, K>, connection: &mut SqliteConnection) -> QueryResult<usize> {
    ExecuteDsl::execute(of, connection)
}

/// A statement of the text `K`.
struct Of<'s, K>(&'s Statement, PhantomData<K>);

impl<K: FixedText> QueryFragment<Sqlite> for Of<'_, K> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }
}

impl<K: FixedText> QueryId for Of<'_, K> {
    type QueryId = K;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<K: FixedText> RunQueryDsl<SqliteConnection> for Of<'_, K> {}

#[cfg(test)]
mod tests {
    use crate::connection::Connection;
    use crate::sql::{FixedText, Number, Statement};
    use crate::sqlite::blank;

    struct Keep;
    impl FixedText for Keep {
        const TEXT: &'static str = "INSERT INTO secrets (name, value) VALUES (?, ?)";
    }

    #[test]
    fn what_is_run_is_the_text_that_the_statement_has() {
        let (mut connection, _directory) = blank();
        let count = |connection: &mut Connection| {
            let count = Statement::new("SELECT count(*) AS n FROM secrets");
            count.row::<Number>(connection).expect("a read").expect("a row").n
        };
        let before = count(&mut connection);
        for (name, more) in [("a", 1), ("b", 1)] {
            let insert = Statement::fixed::<Keep>().text(name).blob([1]);
            assert_eq!(insert.run_again(&mut connection), Ok(more));
        }
        let twice = Statement::fixed::<Keep>().text("b").blob([2]).suffixed(" ON CONFLICT DO NOTHING");
        assert_eq!(twice.run_again(&mut connection), Ok(0));
        assert_eq!(count(&mut connection), before + 2);
    }
}
