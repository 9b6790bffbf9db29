//! The groups of people on SQLite.

use std::sync::Arc;

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql};
use diesel::row::NamedRow;
use diesel::sql_types::{Binary, Nullable, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel::{QueryResult, QueryableByName};
use scim_directory::{ResourceId, Scope};
use scim_storage::{Edge, EdgePage, EdgeQuery};

use super::edges::{SPAN, ids, one_more};
use super::record::{IdBytes, at};
use crate::connection::Connection;
use crate::sql::Statement;
use crate::sqlite::{Current, Each, Value, each_of, fixed};

/// The groups of those whose ids are between two, by two statements; `None` where the span may have been longer.
pub(super) fn span(
    connection: &mut Connection,
    scope: &Scope,
    query: &EdgeQuery,
    (lowest, highest): (ResourceId, ResourceId),
) -> QueryResult<Option<EdgePage>> {
    let Some(sqlite) = connection.sqlite() else { return Ok(None) };
    let ends = [Value::Id(scope.instance.uuid()), Value::Id(lowest.uuid()), Value::Id(highest.uuid())];
    let mut pairs = Pairs::default();
    each_of::<Between>(sqlite, &ends, &mut pairs)?;
    let mut groups: Vec<ResourceId> = pairs.0.iter().map(|(_, group)| *group).collect();
    groups.sort_unstable();
    groups.dedup();
    let named = Statement::kept(
        "SELECT r.id, r.resource_type, r.display FROM resources r INDEXED BY resources_by_id \
         WHERE r.instance_id = ? AND r.id IN (SELECT unhex(value) FROM json_each(?))",
    );
    let named: Vec<Group> =
        named.blob(scope.instance.uuid().as_bytes()).blobs(ids(&groups)).rows(connection)?;
    Ok(assembled(pairs.0, named, query))
}

/// A group of somebody.
struct Group {
    id: IdBytes,
    resource_type: String,
    display: Option<String>,
}

impl<D: Backend> QueryableByName<D> for Group
where
    String: FromSql<Text, D>,
    IdBytes: FromSql<Binary, D>,
{
    fn build<'a>(row: &impl NamedRow<'a, D>) -> deserialize::Result<Self> {
        Ok(Self {
            id: at::<Binary, _, D>(row, 0)?,
            resource_type: at::<Text, _, D>(row, 1)?,
            display: at::<Nullable<Text>, _, D>(row, 2)?,
        })
    }
}

/// The edges of a span that are wanted, with their groups' types and names; `None` where the span may have been longer.
fn assembled(
    mut edges: Vec<(ResourceId, ResourceId)>,
    groups: Vec<Group>,
    query: &EdgeQuery,
) -> Option<EdgePage> {
    if edges.len() >= SPAN {
        return None;
    }
    let mut of = query.of.clone();
    of.sort_unstable();
    edges.sort_unstable();
    let (mut types, mut known) = (Vec::<Arc<str>>::new(), Vec::with_capacity(groups.len()));
    for Group { id, resource_type, display } in groups {
        let resource_type =
            types.iter().find(|known| ***known == *resource_type).cloned().unwrap_or_else(|| {
                types.push(resource_type.as_str().into());
                resource_type.into()
            });
        known.push((ResourceId::from(id), resource_type, display.map(Arc::<str>::from)));
    }
    known.sort_unstable_by_key(|(id, ..)| *id);
    let wanted = edges.into_iter().filter(|(member, _)| of.binary_search(member).is_ok());
    let mut found = wanted.filter_map(|(of, other)| {
        let (_, resource_type, display) =
            known.get(known.binary_search_by_key(&other, |(id, ..)| *id).ok()?)?.clone();
        Some(Edge { of, other, resource_type, display })
    });
    let edges = found.by_ref().take(query.limit).collect();
    Some(EdgePage { edges, more: found.next().is_some(), held: Vec::new() })
}

/// The groups of one resource.
pub(super) fn groups_of(
    connection: &mut SqliteConnection,
    scope: &Scope,
    of: ResourceId,
    limit: usize,
) -> QueryResult<EdgePage> {
    let values = [Value::Id(scope.instance.uuid()), Value::Id(of.uuid()), Value::Integer(one_more(limit))];
    let mut groups = Groups { of, edges: Vec::new() };
    each_of::<GroupsOf>(connection, &values, &mut groups)?;
    let more = groups.edges.len() > limit;
    groups.edges.truncate(limit);
    Ok(EdgePage { edges: groups.edges, more, held: Vec::new() })
}

/// Edges of one resource as they are read.
struct Groups {
    of: ResourceId,
    edges: Vec<Edge>,
}

impl Each for Groups {
    fn row<'a>(&mut self, row: &impl Current<'a>) -> deserialize::Result<()> {
        let text = |place| row.with(place, |text| Arc::<str>::from(text.read_text()));
        self.edges.push(Edge {
            of: self.of,
            other: at::<Binary, IdBytes, Sqlite>(row, 0)?.into(),
            resource_type: text(1)?.ok_or("a resource type is missing")?,
            display: text(2)?,
        });
        Ok(())
    }
}

fixed! {
    /// The groups of one: instance, id, how many.
    GroupsOf [
        "SELECT m.group_id, r.resource_type, r.display FROM members m INDEXED BY members_by_member \
         CROSS JOIN resources r INDEXED BY resources_by_id ON r.instance_id = m.instance_id AND r.id = m.group_id \
         WHERE m.instance_id = ",
        " AND m.member_id = ",
        " ORDER BY m.group_id LIMIT CAST(",
        " AS BIGINT)",
    ];
    /// Those of members between two: instance, the lowest id, the highest.
    Between [
        "SELECT member_id, group_id FROM members INDEXED BY members_by_member WHERE instance_id = ",
        " AND member_id BETWEEN ",
        " AND ",
        " ORDER BY member_id, group_id LIMIT 1001",
    ];
}

/// Edges as they are read.
#[derive(Default)]
struct Pairs(Vec<(ResourceId, ResourceId)>);

impl Each for Pairs {
    fn row<'a>(&mut self, row: &impl Current<'a>) -> deserialize::Result<()> {
        let id = |place| at::<Binary, IdBytes, Sqlite>(row, place).map(ResourceId::from);
        self.0.push((id(0)?, id(1)?));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::plan_of;

    #[test]
    fn groups_are_found_by_their_member() {
        let id = Value::Blob(&[1; 16]);
        let of_member = "SEARCH m USING COVERING INDEX members_by_member (instance_id=? AND member_id=?)";
        let by_id = "SEARCH r USING INDEX resources_by_id (instance_id=? AND id=?)";
        assert_eq!(plan_of::<GroupsOf>(&[id, id, Value::Integer(3)]), [of_member, by_id]);
        let span = "SEARCH members USING COVERING INDEX members_by_member (instance_id=? AND member_id>? AND member_id<?)";
        assert_eq!(plan_of::<Between>(&[id, id, id]), [span]);
    }
}
