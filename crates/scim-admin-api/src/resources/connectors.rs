//! Connectors: identity providers' connections to an instance.

use scim_directory::{Connector, DialectName, IntegrationUser, Privilege, Profile};
use scim_provider::Method;
use scim_provider::admin::AdminError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::connector_terms::ConnectorSettings;
use super::instances::NoQuery;
use crate::call::Call;
use crate::endpoint::{Endpoint, Handled, Reply, Spec};
use crate::input::{Json, Patch};
use crate::moment::Moment;
use crate::page::{Page, PageQuery};
use crate::problem::Problem;

const TAG: &str = "connectors";
const ALL: &str = "/instances/{instance}/connectors";
const ONE: &str = "/instances/{instance}/connectors/{connector}";

/// A connector: what is copied into the identity provider, and its settings.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Connector)]
pub(crate) struct ConnectorShown {
    /// The id, which stands in its URL.
    id: Uuid,
    /// The name, unique in the instance.
    name: String,
    /// When it was created.
    created_at: Moment,
    /// The SCIM URL of all connectors: keys say themselves which one they are of.
    scim_url: String,
    /// The connector's own SCIM URL.
    connector_scim_url: String,
    /// The integration user that its keys act for: the first that may have any.
    user_name: Option<String>,
    /// Where single sign-on will come back to; nothing answers there yet.
    redirect_uris: RedirectUris,
    /// Where access tokens are given, where the connector allows them.
    token_endpoint: Option<String>,
    /// What it tolerates.
    dialect: DialectName,
    /// Whether passwords that it sends are kept, as argon2id hashes; else they are dropped.
    keep_passwords: bool,
    /// What it may do, and how.
    settings: ConnectorSettings,
}

/// Redirect URIs, one for each kind of application.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RedirectUris {
    /// Of the web application.
    web: String,
    /// Of the mobile application.
    app: String,
}

/// A connector to be created.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewConnector {
    /// The name, unique in the instance: 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What its settings begin with. Default: the instance's profile.
    #[serde(default)]
    profile: Option<Profile>,
    /// What it tolerates.
    #[serde(default)]
    dialect: DialectName,
    /// Whether passwords that it sends are kept.
    #[serde(default)]
    keep_passwords: bool,
}

/// What can be changed of a connector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ConnectorTerms {
    /// What it tolerates.
    dialect: DialectName,
    /// Whether passwords that it sends are kept.
    keep_passwords: bool,
    /// What it may do, and how.
    settings: ConnectorSettings,
}

impl ConnectorTerms {
    fn of(connector: &Connector) -> Self {
        Self {
            dialect: connector.dialect,
            keep_passwords: connector.keep_passwords,
            settings: connector.settings.clone().into(),
        }
    }
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    let list = Spec::get(ALL, "listConnectors", TAG, "Connectors by name");
    let create = Spec::get(ALL, "createConnector", TAG, "Create a connector");
    let show = Spec::get(ONE, "showConnector", TAG, "A connector: what to copy into the identity provider");
    let change = Spec::get(ONE, "changeConnector", TAG, "Change a connector, from the next request on")
        .about("A JSON merge patch (RFC 7396): what is not sent stays, `null` is the default again.");
    vec![
        Endpoint::new(list, list_connectors),
        Endpoint::new(Spec::of(Method::Post, Privilege::Admin, 201, create), create_connector),
        Endpoint::new(show, show_connector),
        Endpoint::new(Spec::of(Method::Patch, Privilege::Admin, 200, change), change_connector),
    ]
}

fn shown(call: &Call<'_>, connector: &Connector, users: &[IntegrationUser]) -> ConnectorShown {
    let root = call.root();
    let own = format!("{root}/c/{}", connector.id);
    let ways_in = &connector.settings.ways_in;
    let user = users.iter().find(|user| user.may_provision()).or(users.first());
    ConnectorShown {
        id: connector.id.uuid(),
        name: connector.name.clone(),
        created_at: connector.created.into(),
        scim_url: call.scim_url().to_owned(),
        connector_scim_url: format!("{own}/scim/v2"),
        user_name: user.map(|user| user.name.clone()),
        redirect_uris: RedirectUris {
            web: format!("{own}/oidc/callback/web"),
            app: format!("{own}/oidc/callback/app"),
        },
        token_endpoint: (ways_in.oauth || ways_in.issuer.is_some()).then(|| format!("{root}/oauth2/token")),
        dialect: connector.dialect,
        keep_passwords: connector.keep_passwords,
        settings: connector.settings.clone().into(),
    }
}

/// The connector that the path names, by its name or id.
pub(super) async fn named(call: &Call<'_>, name: &str) -> Result<Connector, Problem> {
    let connectors = call.admin.connector_list(call.instance()?).await?;
    let id = name.parse().ok();
    match connectors.into_iter().find(|connector| connector.name == name || Some(connector.id) == id) {
        Some(connector) => Ok(connector),
        None => {
            let detail = format!("The instance has no connector {name:?}; GET …/connectors lists them");
            Err(AdminError::NotFound(detail).into())
        }
    }
}

fn list_connectors<'c>(call: &'c Call<'c>, query: PageQuery, (): ()) -> Handled<'c, Page<ConnectorShown>> {
    Box::pin(async move {
        let (instance, wanted) = (call.instance()?, call.wanted::<String>(&query, "")?);
        let users = call.admin.integration_user_list(instance).await?;
        let mut connectors = call.admin.connector_list(instance).await?;
        connectors.retain(|connector| wanted.after.as_ref().is_none_or(|after| connector.name > *after));
        let name = |connector: &Connector| connector.name.clone();
        let page = call.page(&wanted, "", connectors, name, |connector| shown(call, &connector, &users));
        Ok(Reply::json(page))
    })
}

fn create_connector<'c>(
    call: &'c Call<'c>,
    _: NoQuery,
    Json(new): Json<NewConnector>,
) -> Handled<'c, ConnectorShown> {
    Box::pin(async move {
        let instance = call.instance()?;
        let profile = new.profile.unwrap_or(instance.settings.profile);
        let created = call
            .admin
            .connector_create(instance, &new.name, new.dialect, new.keep_passwords, profile)
            .await?;
        let users = call.admin.integration_user_list(instance).await?;
        let path = format!("/instances/{}/connectors/{}", instance.id, created.id);
        Ok(Reply::made(shown(call, &created, &users), path))
    })
}

fn show_connector<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, ConnectorShown> {
    Box::pin(async move {
        let connector = named(call, call.parameter("connector")).await?;
        let users = call.admin.integration_user_list(call.instance()?).await?;
        Ok(Reply::thing(shown(call, &connector, &users)))
    })
}

fn change_connector<'c>(
    call: &'c Call<'c>,
    _: NoQuery,
    patch: Patch<ConnectorTerms>,
) -> Handled<'c, ConnectorShown> {
    Box::pin(async move {
        let instance = call.instance()?;
        let known = named(call, call.parameter("connector")).await?;
        let users = call.admin.integration_user_list(instance).await?;
        call.unchanged(&shown(call, &known, &users))?;
        patch.applied_to(&ConnectorTerms::of(&known))?;
        let changed = call.admin.connector_change(instance, &known.name, |connector| {
            call.unchanged(&shown(call, connector, &users)).map_err(AdminError::from)?;
            let wanted = patch.applied_to(&ConnectorTerms::of(connector)).map_err(AdminError::from)?;
            let settings = scim_directory::ConnectorSettings::from(wanted.settings);
            if let Some(issuer) = &settings.ways_in.issuer
                && !users.iter().any(|user| user.id == issuer.user)
            {
                let detail = "settings.ways_in.issuer.user: the instance has no integration user of that id";
                return Err(AdminError::Invalid(detail.to_owned()));
            }
            connector.dialect = wanted.dialect;
            connector.keep_passwords = wanted.keep_passwords;
            connector.settings = settings;
            Ok(())
        });
        Ok(Reply::thing(shown(call, &changed.await?, &users)))
    })
}
