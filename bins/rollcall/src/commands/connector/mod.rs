//! `rollcall connector …`

pub(super) mod in_words;
mod set;
mod shown;

use scim_directory::DialectName;

pub(crate) use self::shown::connector_json;
use crate::cli::{self, DialectChoice};
use crate::node::Node;
use crate::output;

pub(crate) async fn run(command: cli::Connector, node: &Node) -> anyhow::Result<()> {
    let (admin, settings) = (node.admin()?, &node.settings);
    match command {
        cli::Connector::Create { instance, connector, dialect, keep_passwords, profile } => {
            let instance = admin.instance_named(&instance).await?;
            let dialect = dialect_name(dialect);
            let profile = profile.map_or(instance.settings.profile, cli::ProfileChoice::profile);
            let created =
                admin.connector_create(&instance, &connector, dialect, keep_passwords, profile).await?;
            shown::write(&admin, &instance, &created, settings).await
        }
        cli::Connector::Set(options) => {
            let instance = admin.instance_named(&options.instance).await?;
            let changed = set::change(&admin, &instance, &options).await?;
            in_words::warn_of_low(options.rate.as_ref().and_then(|rate| rate.0));
            shown::write(&admin, &instance, &changed, settings).await
        }
        cli::Connector::List { instance } => {
            let instance = admin.instance_named(&instance).await?;
            let connectors = admin.connector_list(&instance).await?;
            if settings.json {
                let users = admin.integration_user_list(&instance).await?;
                let json = |connector| connector_json(connector, &users, settings);
                return output::json(&connectors.iter().map(json).collect());
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
            let connector = admin.connector_named(&instance, &connector).await?;
            shown::write(&admin, &instance, &connector, settings).await
        }
    }
}

fn dialect_name(choice: DialectChoice) -> DialectName {
    match choice {
        DialectChoice::Lenient => DialectName::Lenient,
        DialectChoice::Strict => DialectName::Strict,
    }
}
