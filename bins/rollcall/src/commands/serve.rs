//! `rollcall serve`

use crate::node::Node;
use crate::server::{Server, Signals, bind};
use crate::{cli, files, output};

pub(crate) async fn run(options: &cli::Serve, node: &Node) -> anyhow::Result<()> {
    let mut signals = Signals::catch()?;
    let store = node.open(options.migrate)?;
    if let Some(file) = node.settings.database.file() {
        files::warn_where_open(file);
    }
    let (address, listener) = bind(node.settings.listen.address)?;
    let server = Server::start(listener, node, store).await?;
    output::message(&format!("serving {}://{address}/scim/v2", node.settings.listen.scheme()));
    server.until(&mut signals).await
}
