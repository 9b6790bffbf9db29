//! `rollcall explain`

use scim_provider::admin::account::{Explained, ExplainedValue, Manager};

use crate::node::Node;
use crate::{cli, output};

pub(crate) async fn run(options: &cli::Explain, node: &Node) -> anyhow::Result<()> {
    let (admin, settings) = (node.admin()?, &node.settings);
    let instance = admin.instance_named(&options.instance).await?;
    let explained = admin.account_explain(&instance, &options.user_name).await?;
    if settings.json {
        return output::json(&explained.json());
    }
    let managed = match &explained.managed_by {
        Some(connector) => format!("managed by connector {connector}"),
        None => "unmanaged".to_owned(),
    };
    output::line(&format!("{}  {managed}  created {}", explained.id, explained.created))?;
    let known = |value: &&ExplainedValue| value.value.is_some() || value.stamp.is_some();
    let rows: Vec<_> = explained.values.iter().filter(known).map(|value| row(&explained, value)).collect();
    output::table(&["FIELD", "VALUE", "FROM", "CONNECTOR", "AT", "REQUEST", "BEFORE"], &rows)?;
    if let (Manager::Waiting { reference, .. }, Some(reason)) =
        (&explained.manager, explained.manager.reason())
    {
        output::line(&format!("DirectManager waits for {reference:?}: {reason}"))?;
    }
    Ok(())
}

fn row(explained: &Explained, value: &ExplainedValue) -> Vec<String> {
    let or_dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
    let shown = match (&explained.manager, value.field.as_str()) {
        (Manager::Waiting { reference, .. }, "DirectManager") => format!("(waits for {reference})"),
        _ => or_dash(value.value.as_deref()),
    };
    let from = match (value.cause(), &value.source) {
        (Some(cause), Some(source)) => format!("{cause} {source}"),
        (cause, _) => or_dash(cause),
    };
    let stamp = value.stamp.as_ref();
    vec![
        value.field.clone(),
        shown,
        from,
        or_dash(value.connector.as_deref()),
        or_dash(stamp.map(|stamp| stamp.at.to_string()).as_deref()),
        or_dash(stamp.map(|stamp| stamp.request_id.as_str())),
        or_dash(value.previous.as_deref()),
    ]
}
