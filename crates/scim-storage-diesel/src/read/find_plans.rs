//! How PostgreSQL finds what is looked up, in tables that are large enough for it to choose.

use diesel::QueryableByName;
use diesel::deserialize::FromSql;
use diesel::row::NamedRow;
use diesel::sql_types::Text;
use scim_directory::ResourceId;
use scim_storage::{Keyset, Query, Start, Want};
use uuid::Uuid;

use super::at_once::{at_once, page_at_once};
use super::find_asked::asked;
use super::listed::select;
use super::searched::{Candidates, few, find_among};
use crate::connection::{Connection, SqlDialect};
use crate::postgres::blank;
use crate::sql::{Number, Statement};

/// Four thousand people in a thousand groups, which also wait for three thousand others.
const PEOPLE: &str = r"
    CREATE FUNCTION pg_temp.id(n bigint) RETURNS bytea LANGUAGE sql AS $$ SELECT decode(lpad(to_hex(n), 32, '0'), 'hex') $$;
    INSERT INTO resources (instance_id, resource_type, id, version, membership, created_ms, modified_ms, active, keys, document, shadow)
        SELECT pg_temp.id(1), CASE WHEN n <= 1000 THEN 'Group' ELSE 'User' END, pg_temp.id(n), 1, 0, n, n, 1, '[]', '{}',
            jsonb_build_object('title', 'engineer ' || n) FROM generate_series(1, 5000) n;
    INSERT INTO unique_keys (instance_id, resource_type, path, key, id)
        SELECT pg_temp.id(1), 'User', 'userName', 'user ' || n, pg_temp.id(n) FROM generate_series(1001, 5000) n;
    INSERT INTO search_keys (instance_id, resource_type, path, key, id)
        SELECT pg_temp.id(1), 'User', p, p || n, pg_temp.id(n)
        FROM generate_series(1001, 5000) n CROSS JOIN unnest(ARRAY['displayName', 'emails.value']) p;
    INSERT INTO links (instance_id, connector_id, id, external_id)
        SELECT pg_temp.id(1), pg_temp.id(2), pg_temp.id(n), 'x' || n FROM generate_series(1, 5000) n;
    INSERT INTO members (instance_id, group_id, member_id, member_type)
        SELECT pg_temp.id(1), pg_temp.id(n % 1000 + 1), pg_temp.id(n), 'User' FROM generate_series(1001, 5000) n;
    INSERT INTO held (instance_id, group_id, connector_id, reference, folded, value_key)
        SELECT pg_temp.id(1), pg_temp.id(n % 1000 + 1), pg_temp.id(2), 'r' || n, 'r' || n, 'r' || n FROM generate_series(1, 3000) n;
    ANALYZE";

struct Step {
    line: String,
}

impl<D: diesel::backend::Backend> QueryableByName<D> for Step
where
    String: FromSql<Text, D>,
{
    fn build<'a>(row: &impl NamedRow<'a, D>) -> diesel::deserialize::Result<Self> {
        Ok(Self { line: NamedRow::get::<Text, String>(row, "QUERY PLAN")? })
    }
}

/// That people or groups are found by an index, and nobody is looked at besides.
fn check(connection: &mut Connection, resource_type: &str, filter: &str) {
    let (scope, query) = asked(resource_type, filter);
    let statement = select(SqlDialect::Postgres, &scope, &query).prefixed("EXPLAIN ");
    let steps: Vec<Step> = statement.rows(connection).expect("a plan");
    let plan: Vec<_> = steps.into_iter().map(|step| step.line).collect();
    assert!(plan.iter().any(|step| step.contains("Index") && step.contains(" on resources")), "{plan:#?}");
    // (So few links are read at once where several are wanted; of more, each is looked up.)
    let scan = |step: &String| step.contains("Seq Scan") && !step.contains(" on links ");
    assert!(!plan.iter().any(scan), "{plan:#?}");
    // What is found is found by its id, or in the order of the list; no row is held against an id.
    assert!(
        !plan.iter().any(|step| step.trim().starts_with("Filter:") && step.contains("id = ANY")),
        "{plan:#?}"
    );
}

#[test]
fn look_ups_begin_at_an_index() {
    let Some((mut connection, database)) = blank() else { return };
    database.sql(PEOPLE).expect("people");
    let mut check = |resource_type, filter| check(&mut connection, resource_type, filter);
    check("User", "");
    check("User", r#"userName eq "ada""#);
    check("User", r#"externalId eq "7""#);
    check("User", r#"emails.value eq "a@b.example""#);
    check("User", r#"emails[type eq "work" and value eq "a@b.example"]"#);
    check("User", r#"displayName eq "Ada" and active eq true"#);
    check("User", r#"userName eq "ada" or externalId eq "7" or displayName eq "Ada""#);
    check("User", r#"id eq "019b0000-0001-7000-8000-000000000001""#);
    check("User", r#"groups.value eq "00000000-0000-0000-0000-000000000001""#);
    check("Group", r#"members.value eq "00000000-0000-0000-0000-000000000fff""#);
    check("Group", r#"members[value eq "00000000-0000-0000-0000-000000000fff"] and displayName eq "a""#);
}

/// What is read of tables from their beginning to their end, since the transaction began. (Of some, an instance has a few rows.)
fn scans(connection: &mut Connection) -> i64 {
    let scans = "SELECT CAST(coalesce(sum(seq_scan), 0) AS BIGINT) AS n FROM pg_stat_xact_user_tables \
        WHERE relname NOT IN ('access', 'counters', 'ranges', 'spans')";
    Statement::new(scans).row::<Number>(connection).expect("numbers").map_or(-1, |scans| scans.n)
}

/// Also where nobody has counted the tables, and where the plan was made when they were empty.
#[test]
fn searches_of_texts_read_no_table() {
    let Some((mut connection, database)) = blank() else { return };
    let ask = |connection: &mut Connection| {
        for filter in
            [r#"title co "engineer 77""#, r#"title sw "engi" and title co "123" or nickName eq "x""#]
        {
            let (scope, query) = asked("User", filter);
            let statement = few(&scope, &query).expect("a search by texts");
            connection.batch("BEGIN").expect("begun");
            // Often enough for a plan that is kept.
            for _ in 0..7 {
                let rows: Vec<Candidates> = statement.clone().keep().rows(connection).expect("rows");
                Candidates::page(rows, &query).expect("a page");
            }
            find_among(connection, &scope, &asked("User", r#"title co "eng""#).1).expect("a page");
            assert_eq!(scans(connection), 0, "{filter}");
            connection.batch("COMMIT").expect("ended");
        }
    };
    // (What `PEOPLE` ends with counts the tables.)
    let people = PEOPLE.trim_end_matches("ANALYZE");
    ask(&mut connection);
    database.sql(people).expect("people");
    let known = "INSERT INTO texts_known SELECT DISTINCT instance_id, decode(repeat('ff', 17), 'hex'), 0 FROM resources; \
        INSERT INTO texts SELECT instance_id, id, ARRAY[hashtextextended(shadow::text, 0), hashtextextended(shadow::text, 1)] FROM resources";
    database.sql(known).expect("an index");
    ask(&mut connection);
    database.sql("ANALYZE").expect("counted");
    ask(&mut connection);
}

/// Those of a page, and their links, are found in the order of their ids, whatever was known of the tables when that was planned.
#[test]
fn pages_read_no_table() {
    let Some((mut connection, database)) = blank() else { return };
    let ask = |connection: &mut Connection, found: usize| {
        let after = Keyset { key: None, id: ResourceId::new(Uuid::from_u128(3000)) };
        for start in [Start::Offset(0), Start::Offset(700), Start::After(after)] {
            let (scope, query) = asked("User", "");
            let query = Query { start, want: Want::SHOWN, ..query };
            let statement = at_once(&scope, &query).expect("one statement");
            connection.batch("BEGIN").expect("begun");
            // Often enough for a plan that is kept.
            for _ in 0..7 {
                let rows = connection.postgres().expect("it is").answer(&statement).expect("rows");
                let (_, page) = page_at_once(&rows, &query).expect("sound").expect("a page");
                let linked = page.records.iter().filter(|record| record.external_id.is_some()).count();
                assert_eq!((page.records.len(), linked), (found, found), "{:?}", query.start);
            }
            assert_eq!(scans(connection), 0, "{:?}", query.start);
            connection.batch("COMMIT").expect("ended");
        }
    };
    ask(&mut connection, 0);
    database.sql(PEOPLE.trim_end_matches("ANALYZE")).expect("people");
    let counted = "INSERT INTO counters (instance_id, resource_type, slot, count, active, managed) \
        SELECT instance_id, 'User', 0, 4000, 4000, 0 FROM resources LIMIT 1";
    database.sql(counted).expect("counted");
    ask(&mut connection, 100);
    database.sql("ANALYZE").expect("counted");
    ask(&mut connection, 100);
}
