//! `rollcall report`

use crate::cli;
use crate::node::Node;
use crate::output;

pub(crate) async fn run(options: &cli::Report, node: &Node) -> anyhow::Result<()> {
    let (admin, settings) = (node.admin_of(node.open_to_look()?)?, &node.settings);
    let instance = admin.instance_named(&options.instance).await?;
    let from = options.since.map(|moment| moment.before(node.now()));
    let until = options.until.map(|moment| moment.before(node.now()));
    let report = admin.report(&instance, from, until).await?;
    if settings.json {
        return output::json(&serde_json::to_value(&report)?);
    }
    let row = |action: &String, status: &String, count: u64| {
        vec![action.clone(), status.clone(), count.to_string()]
    };
    let rows: Vec<_> = report
        .actions
        .iter()
        .flat_map(|(action, counts)| counts.iter().map(move |(status, count)| row(action, status, *count)))
        .collect();
    output::table(&["ACTION", "STATUS", "COUNT"], &rows)
}
