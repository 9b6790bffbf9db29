//! `rollcall user …`

use scim_directory::IntegrationUser;
use scim_provider::admin::{Admin, AdminError};
use serde_json::{Value, json};

use crate::cli;
use crate::node::Node;
use crate::output;

pub(crate) async fn run(command: cli::User, node: &Node) -> anyhow::Result<()> {
    let admin = node.admin()?;
    let json = node.settings.json;
    match command {
        cli::User::List { instance } => {
            let users = admin.integration_user_list(&admin.instance_named(&instance).await?).await?;
            if json {
                return output::json(&users.iter().map(user_json).collect());
            }
            output::table(&COLUMNS, &users.iter().map(row).collect::<Vec<_>>())
        }
        cli::User::Create { instance, user, privilege, email } => {
            let instance = admin.instance_named(&instance).await?;
            let email = email.and_then(|email| email.0);
            let created =
                admin.integration_user_create(&instance, &user, privilege.privilege(), email.as_deref());
            write(&created.await?, json)
        }
        cli::User::Set { instance, user, privilege, email } => {
            let changed = change(&admin, &instance, &user, |user| {
                if let Some(privilege) = privilege {
                    user.privilege = privilege.privilege();
                }
                if let Some(email) = &email {
                    user.email.clone_from(&email.0);
                }
                Ok(())
            });
            write(&changed.await?, json)
        }
        cli::User::Suspend { instance, user } => {
            write(&change(&admin, &instance, &user, |user| suspend(user, true)).await?, json)
        }
        cli::User::Activate { instance, user } => {
            write(&change(&admin, &instance, &user, |user| suspend(user, false)).await?, json)
        }
    }
}

async fn change(
    admin: &Admin,
    instance: &str,
    user: &str,
    change: impl Fn(&mut IntegrationUser) -> Result<(), AdminError>,
) -> anyhow::Result<IntegrationUser> {
    let instance = admin.instance_named(instance).await?;
    Ok(admin.integration_user_change(&instance, user, change).await?)
}

fn suspend(user: &mut IntegrationUser, suspended: bool) -> Result<(), AdminError> {
    user.suspended = suspended;
    Ok(())
}

/// What is shown of each.
const COLUMNS: [&str; 4] = ["NAME", "PRIVILEGE", "STATE", "EMAIL"];

fn state(user: &IntegrationUser) -> &'static str {
    if user.suspended { "suspended" } else { "active" }
}

fn row(user: &IntegrationUser) -> Vec<String> {
    let email = user.email.clone().unwrap_or_else(|| "-".to_owned());
    vec![user.name.clone(), format!("{:?}", user.privilege), state(user).to_owned(), email]
}

fn write(user: &IntegrationUser, json: bool) -> anyhow::Result<()> {
    if json { output::json(&user_json(user)) } else { output::table(&COLUMNS, &[row(user)]) }
}

/// An integration user as JSON.
pub(crate) fn user_json(user: &IntegrationUser) -> Value {
    json!({
        "id": user.id.to_string(),
        "name": user.name,
        "privilege": user.privilege,
        "state": state(user),
        "email": user.email,
    })
}
