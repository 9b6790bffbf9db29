//! Objects of the application that accounts refer to, such as job titles: workflow rules link them.

use scim_directory::{ApplicationObject, Privilege};
use scim_provider::Method;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::instances::NoQuery;
use crate::call::Call;
use crate::endpoint::{Endpoint, Handled, Reply, Spec};
use crate::input::Json;
use crate::page::{Page, PageQuery};

const TAG: &str = "objects";
const KINDS: &str = "/instances/{instance}/objects";
const OF_KIND: &str = "/instances/{instance}/objects/{kind}";

const ONE: &str = "/instances/{instance}/objects/{kind}/{object}";

/// A kind of objects.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ObjectKind)]
pub(crate) struct KindShown {
    /// The name, such as `JobTitle`.
    kind: String,
}

/// An object.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Object)]
pub(crate) struct ObjectShown {
    /// The id.
    id: Uuid,
    /// The kind.
    kind: String,
    /// The name, unique in its kind in any letter case.
    name: String,
}

impl From<ApplicationObject> for ObjectShown {
    fn from(object: ApplicationObject) -> Self {
        Self { id: object.id, kind: object.kind, name: object.name }
    }
}

/// An object to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewObject {
    /// The name, unique in its kind in any letter case: 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    let kinds = Spec::get(KINDS, "listObjectKinds", TAG, "The kinds of objects that there are");
    let list = Spec::get(OF_KIND, "listObjects", TAG, "Objects of a kind, by name")
        .about("A kind that there is not has none.");
    let show = Spec::get(ONE, "showObject", TAG, "An object, by its kind and name");
    let create =
        Spec::get(OF_KIND, "createObject", TAG, "Create an object, and its kind where it is the first")
            .about("Workflow rules that link to what is there find it from then on.");
    vec![
        Endpoint::new(kinds, list_kinds),
        Endpoint::new(list, list_objects),
        Endpoint::new(show, show_object),
        Endpoint::new(Spec::of(Method::Post, Privilege::LiteAdmin, 201, create), create_object),
    ]
}

fn list_kinds<'c>(call: &'c Call<'c>, query: PageQuery, (): ()) -> Handled<'c, Page<KindShown>> {
    Box::pin(async move {
        let wanted = call.wanted::<String>(&query, "")?;
        let after = wanted.after.clone();
        let kinds = call.admin.object_kinds(call.instance()?, after, wanted.limit + 1).await?;
        Ok(Reply::json(call.page(&wanted, "", kinds, String::clone, |kind| KindShown { kind })))
    })
}

fn list_objects<'c>(call: &'c Call<'c>, query: PageQuery, (): ()) -> Handled<'c, Page<ObjectShown>> {
    Box::pin(async move {
        let kind = call.parameter("kind");
        let wanted = call.wanted::<String>(&query, kind)?;
        let after = wanted.after.clone();
        let objects = call.admin.object_page(call.instance()?, kind, after, wanted.limit + 1).await?;
        let name = |object: &ApplicationObject| object.name.clone();
        Ok(Reply::json(call.page(&wanted, kind, objects, name, ObjectShown::from)))
    })
}

fn show_object<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, ObjectShown> {
    Box::pin(async move {
        let (kind, name) = (call.parameter("kind"), call.parameter("object"));
        let object = call.admin.object_named(call.instance()?, kind, name).await?;
        Ok(Reply::thing(object.into()))
    })
}

fn create_object<'c>(call: &'c Call<'c>, _: NoQuery, Json(new): Json<NewObject>) -> Handled<'c, ObjectShown> {
    Box::pin(async move {
        let instance = call.instance()?;
        let object = call.admin.object_create(instance, call.parameter("kind"), &new.name).await?;
        let encoded = |text| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
        let (kind, name) = (encoded(&object.kind), encoded(&object.name));
        let path = format!("/instances/{}/objects/{kind}/{name}", instance.id);
        Ok(Reply::made(object.into(), path))
    })
}
