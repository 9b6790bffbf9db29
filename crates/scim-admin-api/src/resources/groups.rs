//! Groups and their members, as the application makes and changes them.

use scim_directory::{Privilege, Record, ResourceId};
use scim_provider::Method;
use scim_provider::admin::{AdminError, Membership};
use scim_storage::{Edge, Keyset};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::instances::NoQuery;
use crate::call::Call;
use crate::endpoint::{Endpoint, Handled, Reply, Spec};
use crate::input::{Json, Patch};
use crate::moment::Moment;
use crate::page::{Page, PageQuery};
use crate::problem::Problem;

const TAG: &str = "groups";
const ALL: &str = "/instances/{instance}/groups";
const ONE: &str = "/instances/{instance}/groups/{group}";
const MEMBERS: &str = "/instances/{instance}/groups/{group}/members";
const MEMBER: &str = "/instances/{instance}/groups/{group}/members/{member}";
/// The most members of a group that is made; more join afterwards.
const MAX_FIRST_MEMBERS: usize = 1_000;
/// The most references of a group that are shown.
const MAX_WAITING: usize = 200;

/// A group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Group)]
pub(crate) struct GroupShown {
    /// The id: of the SCIM resource too.
    id: Uuid,
    /// What it is called.
    display_name: Option<String>,
    /// Whether a connector manages it.
    managed: bool,
    /// The id of that connector.
    managed_by: Option<Uuid>,
    /// The id, while a connector manages it.
    scim_sync_id: Option<Uuid>,
    /// Grows with each change, also of its members.
    version: i64,
    /// When it was created.
    created_at: Moment,
    /// When it, or who its members are, was changed last.
    modified_at: Moment,
}

impl From<&Record> for GroupShown {
    fn from(record: &Record) -> Self {
        Self {
            id: record.key.id.uuid(),
            display_name: record.display.clone(),
            managed: record.managed_by.is_some(),
            managed_by: record.managed_by.map(scim_directory::ConnectorId::uuid),
            scim_sync_id: record.managed_by.map(|_| record.key.id.uuid()),
            version: record.version.0,
            created_at: record.created.into(),
            modified_at: record.modified.into(),
        }
    }
}

/// A group, and whom it waits for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupWithWaiting {
    /// The group.
    #[serde(flatten)]
    group: GroupShown,
    /// References of members who are not there yet, as they were sent, and who join when they come; 200 at most.
    waiting_for: Vec<String>,
}

/// A member of a group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Member)]
pub(crate) struct MemberShown {
    /// The id.
    id: Uuid,
    /// What it is: `User`, `Group`, or a type of the server's own.
    #[serde(rename = "type")]
    resource_type: String,
    /// What it is called.
    display: Option<String>,
}

impl From<Edge> for MemberShown {
    fn from(edge: Edge) -> Self {
        Self {
            id: edge.other.uuid(),
            resource_type: edge.resource_type.to_string(),
            display: edge.display.as_deref().map(str::to_owned),
        }
    }
}

/// A group to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewGroup {
    /// What it is called.
    #[schema(min_length = 1, max_length = 1000)]
    display_name: String,
    /// Its members, each an id or a user name, all of them there; 1,000 at most, more join afterwards. Default: none.
    #[serde(default)]
    #[schema(max_items = 1000)]
    members: Vec<String>,
}

/// What can be changed of a group.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupTerms {
    /// What it is called.
    #[schema(min_length = 1, max_length = 1000)]
    display_name: String,
}

/// Which groups, and which page of them.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct GroupQuery {
    /// The one that has this display name, in any letter case; an unmanaged one, or the oldest, where several have it.
    display_name: Option<String>,
    /// How many items at most. Default: 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// Where the page begins: `next` of the page before, with the same parameters.
    cursor: Option<String>,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    let of = |method, success, get: Spec| Spec::of(method, Privilege::LiteAdmin, success, get);
    let list = Spec::get(ALL, "listGroups", TAG, "Groups, newest first");
    let create = Spec::get(ALL, "createGroup", TAG, "Make a group as the application does").about(
        "Nobody manages it: identity providers see it over SCIM, and a connector picks it up by its display name.",
    );
    let show = Spec::get(ONE, "showGroup", TAG, "A group, and whom it waits for");
    let change = Spec::get(ONE, "changeGroup", TAG, "Give a group another display name").about(
        "A JSON merge patch (RFC 7396). A group that a connector manages may be renamed too; the identity provider may name it \
         back.",
    );
    let delete = Spec::get(ONE, "deleteGroup", TAG, "Delete a group; its members stay");
    let members = Spec::get(MEMBERS, "listMembers", TAG, "A group's members, in order of their ids");
    let join = Spec::get(MEMBER, "addMember", TAG, "Let somebody join a group")
        .about("Nothing happens where it is a member already. `If-Match` is about the group.");
    let leave = Spec::get(MEMBER, "removeMember", TAG, "Let somebody leave a group")
        .about("Nothing happens where it is no member. `If-Match` is about the group.");
    vec![
        Endpoint::new(list, list_groups),
        Endpoint::new(of(Method::Post, 201, create), create_group),
        Endpoint::new(show, show_group),
        Endpoint::new(of(Method::Patch, 200, change), change_group),
        Endpoint::new(of(Method::Delete, 204, delete), delete_group),
        Endpoint::new(members, list_members),
        Endpoint::new(of(Method::Put, 204, join), add_member),
        Endpoint::new(of(Method::Delete, 204, leave), remove_member),
    ]
}

/// The group that the path names.
fn named(call: &Call<'_>) -> Result<ResourceId, Problem> {
    call.id::<Uuid>("group").map(ResourceId::new)
}

/// That the group is still as the client read it. Its entity tag is that of the group alone, not of whom it waits for.
fn as_read(call: &Call<'_>, record: &Record) -> Result<(), AdminError> {
    call.unchanged(&GroupShown::from(record)).map_err(AdminError::from)
}

fn list_groups<'c>(call: &'c Call<'c>, query: GroupQuery, (): ()) -> Handled<'c, Page<GroupShown>> {
    Box::pin(async move {
        let instance = call.instance()?;
        let what = format!("{:?}", query.display_name);
        let page = PageQuery { limit: query.limit, cursor: query.cursor };
        let wanted = call.wanted::<Uuid>(&page, &what)?;
        if let Some(name) = &query.display_name {
            let items = match call.admin.group_named(instance, name).await {
                Ok(record) => vec![GroupShown::from(&record)],
                Err(AdminError::NotFound(_)) => Vec::new(),
                Err(error) => return Err(error.into()),
            };
            return Ok(Reply::json(Page { items, next: None }));
        }
        let after = wanted.after.map(|id| Keyset { key: None, id: ResourceId::new(id) });
        let page = call.admin.group_page(instance, after, wanted.limit).await?;
        Ok(Reply::json(Page {
            items: page.records.iter().map(GroupShown::from).collect(),
            next: page.next.and_then(|next| call.next(&what, &next.id.uuid())),
        }))
    })
}

fn create_group<'c>(call: &'c Call<'c>, _: NoQuery, Json(new): Json<NewGroup>) -> Handled<'c, GroupShown> {
    Box::pin(async move {
        let instance = call.instance()?;
        if new.members.len() > MAX_FIRST_MEMBERS {
            let detail = format!("has at most {MAX_FIRST_MEMBERS} of them; let the others join afterwards");
            return Err(Problem::member("/members", &detail));
        }
        let record = call.admin.group_create(instance, &new.display_name, &new.members).await?;
        let path = format!("/instances/{}/groups/{}", instance.id, record.key.id);
        Ok(Reply::made(GroupShown::from(&record), path))
    })
}

fn show_group<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, GroupWithWaiting> {
    Box::pin(async move {
        let instance = call.instance()?;
        let record = call.admin.group_show(instance, named(call)?).await?;
        let page = call.admin.group_member_page(instance, record.key.id, None, MAX_WAITING).await?;
        let waiting_for = page.held.into_iter().map(|held| held.reference).collect();
        let shown = GroupWithWaiting { group: GroupShown::from(&record), waiting_for };
        Ok(Reply::thing(shown).tagged_by(&GroupShown::from(&record)))
    })
}

fn change_group<'c>(call: &'c Call<'c>, _: NoQuery, patch: Patch<GroupTerms>) -> Handled<'c, GroupShown> {
    Box::pin(async move {
        let (instance, id) = (call.instance()?, named(call)?);
        let record = call.admin.group_show(instance, id).await?;
        let terms = GroupTerms { display_name: record.display.unwrap_or_default() };
        let wanted = patch.applied_to(&terms)?;
        let as_read = |record: &Record| as_read(call, record);
        let changed = call.admin.group_rename(instance, id, &wanted.display_name, as_read).await?;
        Ok(Reply::thing(GroupShown::from(&changed)))
    })
}

fn delete_group<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, ()> {
    Box::pin(async move {
        let as_read = |record: &Record| as_read(call, record);
        call.admin.group_delete(call.instance()?, named(call)?, as_read).await?;
        Ok(Reply::done())
    })
}

fn list_members<'c>(call: &'c Call<'c>, query: PageQuery, (): ()) -> Handled<'c, Page<MemberShown>> {
    Box::pin(async move {
        let (instance, group) = (call.instance()?, named(call)?);
        let what = group.to_string();
        let wanted = call.wanted::<Uuid>(&query, &what)?;
        call.admin.group_show(instance, group).await?;
        let after = wanted.after.map(ResourceId::new);
        let page = call.admin.group_member_page(instance, group, after, wanted.limit).await?;
        let last = page.edges.last().filter(|_| page.more).map(|edge| edge.other.uuid());
        Ok(Reply::json(Page {
            items: page.edges.into_iter().map(MemberShown::from).collect(),
            next: last.and_then(|last| call.next(&what, &last)),
        }))
    })
}

async fn change_member(call: &Call<'_>, becomes: Membership) -> Result<Reply<()>, Problem> {
    let member = call.id::<Uuid>("member").map(ResourceId::new)?;
    let as_read = |record: &Record| as_read(call, record);
    call.admin.group_member(call.instance()?, named(call)?, (member, becomes), as_read).await?;
    Ok(Reply::done())
}

fn add_member<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, ()> {
    Box::pin(change_member(call, Membership::Joins))
}

fn remove_member<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, ()> {
    Box::pin(change_member(call, Membership::Leaves))
}
