//! `rollcall connector …`

use scim_directory::{Connector, DialectName};
use serde_json::{Value, json};

use crate::cli::{self, DialectChoice};
use crate::config::Settings;
use crate::{database, output};

pub(crate) async fn run(command: cli::Connector, settings: &Settings) -> anyhow::Result<()> {
    let admin = database::admin(settings)?;
    match command {
        cli::Connector::Create { instance, connector, dialect, keep_passwords, profile } => {
            let instance = admin.instance_named(&instance).await?;
            let dialect = match dialect {
                DialectChoice::Lenient => DialectName::Lenient,
                DialectChoice::Strict => DialectName::Strict,
            };
            let profile = profile.map_or(instance.settings.profile, cli::ProfileChoice::profile);
            let created =
                admin.connector_create(&instance, &connector, dialect, keep_passwords, profile).await?;
            show(&created, settings)
        }
        cli::Connector::List { instance } => {
            let instance = admin.instance_named(&instance).await?;
            let connectors = admin.connector_list(&instance).await?;
            if settings.json {
                return output::json(&connectors.iter().map(connector_json).collect());
            }
            let rows: Vec<_> = connectors
                .iter()
                .map(|connector| {
                    vec![
                        connector.name.clone(),
                        connector.id.to_string(),
                        connector.dialect.name().to_owned(),
                    ]
                })
                .collect();
            output::table(&["NAME", "ID", "DIALECT"], &rows)
        }
        cli::Connector::Show { instance, connector } => {
            let instance = admin.instance_named(&instance).await?;
            show(&admin.connector_named(&instance, &connector).await?, settings)
        }
    }
}

fn show(connector: &Connector, settings: &Settings) -> anyhow::Result<()> {
    if settings.json {
        return output::json(&connector_json(connector));
    }
    output::line(&format!("connector {}  {}  {}", connector.name, connector.id, connector.dialect.name()))
}

pub(crate) fn connector_json(connector: &Connector) -> Value {
    json!({
        "id": connector.id.to_string(),
        "name": connector.name,
        "dialect": connector.dialect.name(),
        "keep_passwords": connector.keep_passwords,
        "settings": connector.settings,
        "profile": connector.settings.profile.name(),
        "created_at": connector.created.to_string(),
    })
}
