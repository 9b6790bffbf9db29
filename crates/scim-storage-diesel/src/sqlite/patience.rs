//! How long a read may take. A filter that no index serves is held against every row, and a client may write one that takes
//! long for each: it must not keep a thread for ever.
//!
//! SQLite can be interrupted by its C interface alone, which is not safe code. So a statement that may scan asks a function
//! of ours at every row ([`WITHIN_TIME`]), and that one fails when the time is over.

use std::cell::Cell;
use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel::serialize::{IsNull, Output, Result as Serialized, ToSql};
use diesel::sql_types::Integer;
use diesel::sqlite::{Sqlite, SqliteConnection};

/// A condition that always holds, or ends the statement.
pub(crate) const WITHIN_TIME: &str = "within_time() = 1";
/// What the statement ends with.
const OVER: &str = "the time for this read is over";

thread_local! {
    /// Until when the read that runs on this thread may take.
    static UNTIL: Cell<Option<Instant>> = const { Cell::new(None) };
}

#[diesel::declare_sql_function]
extern "SQL" {
    /// 1, or an error when the time is over.
    fn within_time() -> Integer;
}

/// Whether the time is over.
#[derive(Debug)]
struct Time {
    over: bool,
}

impl ToSql<Integer, Sqlite> for Time {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> Serialized {
        if self.over {
            return Err(OVER.into());
        }
        out.set_value(1);
        Ok(IsNull::No)
    }
}

/// Makes the function known to a connection.
pub(crate) fn teach(connection: &SqliteConnection) -> QueryResult<()> {
    within_time_utils::register_nondeterministic_impl(connection, || Time {
        over: UNTIL.get().is_some_and(|until| Instant::now() >= until),
    })
}

/// Does a read that may take so long.
pub(crate) fn at_most<T>(time: Duration, read: impl FnOnce() -> T) -> T {
    /// However the read ends, the next one on this thread has a time of its own.
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            UNTIL.set(None);
        }
    }
    UNTIL.set(Instant::now().checked_add(time));
    let _reset = Reset;
    read()
}

/// Whether an error is the end of a read's time.
pub(crate) fn is_over(text: &str) -> bool {
    text.contains(OVER)
}

#[cfg(test)]
mod tests {
    use super::super::open::connect;
    use super::*;
    use crate::connection::Connection;
    use crate::error::store_error;
    use crate::sql::{Number, Statement};

    /// Counts to a number by a loop of SQLite's own, with the condition in it.
    fn count(connection: &mut Connection, to: i64) -> QueryResult<Option<i64>> {
        let text = format!(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {to}) \
             SELECT count(*) AS n FROM numbers WHERE {WITHIN_TIME}"
        );
        Ok(Statement::new(text).row::<Number>(connection)?.map(|row| row.n))
    }

    #[test]
    fn a_read_ends_when_its_time_is_over_and_the_next_one_does_not() {
        let mut connection = connect(":memory:").expect("opens");
        assert_eq!(at_most(Duration::from_secs(3600), || count(&mut connection, 1000)), Ok(Some(1000)));
        // It is asked at every row: this loop would take days.
        let forever = || count(&mut connection, i64::MAX);
        let error = at_most(Duration::from_millis(20), forever).expect_err("no time");
        assert!(is_over(&error.to_string()), "{error}");
        assert!(matches!(store_error(error), scim_storage::StoreError::TooLong));
        assert_eq!(count(&mut connection, 1000), Ok(Some(1000)));
    }
}
