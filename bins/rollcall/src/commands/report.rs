//! `rollcall report`

use std::collections::BTreeMap;

use scim_core::instant::Timestamp;
use serde_json::{Value, json};

use crate::cli;
use crate::node::Node;
use crate::output;

pub(crate) async fn run(options: &cli::Report, node: &Node) -> anyhow::Result<()> {
    let (admin, settings) = (node.admin()?, &node.settings);
    let instance = admin.instance_named(&options.instance).await?;
    let from = options.since.map_or(Timestamp::from_unix_millis(0), |moment| moment.before(node.now()));
    let until = options.until.map_or(Timestamp::MAX, |moment| moment.before(node.now()));
    let lines = admin.report(&instance, from, until).await?;
    let word = |value: Value| value.as_str().unwrap_or_default().to_owned();
    let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
    let (mut failed, mut people) = (0, BTreeMap::new());
    for line in &lines {
        let action = word(serde_json::to_value(line.action)?);
        let status = word(serde_json::to_value(line.status)?);
        if status == "failure" {
            failed += line.count;
        } else if line.resource_type.as_deref() == Some("User") && status != "held" {
            *people.entry(action.clone()).or_insert(0) += line.count;
        }
        *counts.entry((action, status)).or_insert(0) += line.count;
    }
    if settings.json {
        let mut actions = serde_json::Map::new();
        for ((action, status), count) in &counts {
            let entry = actions.entry(action.clone()).or_insert_with(|| json!({}));
            if let Some(statuses) = entry.as_object_mut() {
                statuses.insert(status.clone(), (*count).into());
            }
        }
        return output::json(&json!({
            "instance": instance.name,
            "from": options.since.as_ref().map(|_| from.to_string()),
            "until": options.until.as_ref().map(|_| until.to_string()),
            "actions": actions,
            "people": people,
            "failed": failed,
        }));
    }
    let rows: Vec<_> = counts
        .iter()
        .map(|((action, status), count)| vec![action.clone(), status.clone(), count.to_string()])
        .collect();
    output::table(&["ACTION", "STATUS", "COUNT"], &rows)
}
