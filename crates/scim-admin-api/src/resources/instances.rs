//! Instances: tenants of the application.

use scim_directory::{Instance, Privilege, Profile};
use scim_provider::Method;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::call::Call;
use crate::endpoint::{Endpoint, Handled, Reply, Spec};
use crate::input::Json;
use crate::moment::Moment;
use crate::page::{Page, PageQuery};

const TAG: &str = "instances";

/// No parameters.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoQuery {}

/// An instance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Instance)]
pub(crate) struct InstanceShown {
    /// The id.
    id: Uuid,
    /// The name, unique on the server.
    name: String,
    /// When it was created.
    created_at: Moment,
    /// What its settings began with.
    profile: Profile,
}

impl From<&Instance> for InstanceShown {
    fn from(instance: &Instance) -> Self {
        Self {
            id: instance.id.uuid(),
            name: instance.name.clone(),
            created_at: instance.created.into(),
            profile: instance.settings.profile,
        }
    }
}

/// An instance to be created.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewInstance {
    /// The name, unique on the server: 1 to 100 characters, no control characters.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What its settings begin with.
    #[serde(default)]
    profile: Profile,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    let list = Spec::get("/instances", "listInstances", TAG, "Instances by name: those that the key reaches");
    let create = Spec::get("/instances", "createInstance", TAG, "Create an instance").about(
        "It comes with a connector `default` and an integration user `integration`. Needs a key of the whole server.",
    );
    let show = Spec::get("/instances/{instance}", "showInstance", TAG, "An instance");
    vec![
        Endpoint::new(list, list_instances).for_every_key(),
        Endpoint::new(Spec::of(Method::Post, Privilege::Owner, 201, create), create_instance),
        Endpoint::new(show, show_instance),
    ]
}

fn list_instances<'c>(call: &'c Call<'c>, query: PageQuery, (): ()) -> Handled<'c, Page<InstanceShown>> {
    Box::pin(async move {
        let wanted = call.wanted::<String>(&query, "")?;
        let instances = match call.caller.instance {
            Some(own) => vec![call.admin.instance_of(own).await?],
            None => call.admin.instance_page(wanted.after.clone(), wanted.limit + 1).await?,
        };
        let name = |instance: &Instance| instance.name.clone();
        Ok(Reply::json(call.page(&wanted, "", instances, name, |instance| InstanceShown::from(&instance))))
    })
}

fn create_instance<'c>(
    call: &'c Call<'c>,
    _: NoQuery,
    Json(new): Json<NewInstance>,
) -> Handled<'c, InstanceShown> {
    Box::pin(async move {
        let created = call.admin.instance_create(&new.name, new.profile.instance_settings()).await?;
        let shown = InstanceShown::from(&created.instance);
        let path = format!("/instances/{}", shown.id);
        Ok(Reply::made(shown, path))
    })
}

fn show_instance<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, InstanceShown> {
    Box::pin(async move { Ok(Reply::thing(InstanceShown::from(call.instance()?))) })
}
