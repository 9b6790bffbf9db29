//! `rollcall field …`

use scim_directory::{Excess, FieldDefinition, Fields};
use serde_json::{Value, json};

use crate::cli;
use crate::node::Node;
use crate::output;

pub(crate) async fn run(command: cli::Field, node: &Node) -> anyhow::Result<()> {
    let (admin, settings) = (node.admin()?, &node.settings);
    match command {
        cli::Field::Add { instance, field, max_chars, allowed, cut } => {
            let instance = admin.instance_named(&instance).await?;
            let excess = if cut { Excess::Cut } else { Excess::Refuse };
            let definition = FieldDefinition { name: field.clone(), max_chars, allowed, excess };
            admin.field_add(&instance, &definition).await?;
            output::message(&format!(
                "field {field} is declared; map an attribute to it with `rollcall mapping import`"
            ));
            Ok(())
        }
        cli::Field::List { instance } => {
            let instance = admin.instance_named(&instance).await?;
            let fields = Fields::new(&instance.settings.fields);
            if settings.json {
                return output::json(&fields.names().map(|name| shown(fields, name)).collect());
            }
            let rows: Vec<_> = fields
                .names()
                .map(|name| {
                    let definition = fields.definition(name);
                    let limit = definition.and_then(|definition| definition.max_chars);
                    vec![
                        name.to_owned(),
                        fields.kind(name).map(|kind| kind.words().to_owned()).unwrap_or_default(),
                        limit.map(|limit| limit.to_string()).unwrap_or_default(),
                        definition.map(|definition| definition.allowed.join(",")).unwrap_or_default(),
                    ]
                })
                .collect();
            output::table(&["FIELD", "HOLDS", "MAX CHARS", "ALLOWED"], &rows)
        }
        cli::Field::Remove { instance, field } => {
            let instance = admin.instance_named(&instance).await?;
            admin.field_remove(&instance, &field).await?;
            output::message(&format!("field {field} is no longer declared"));
            Ok(())
        }
    }
}

fn shown(fields: Fields<'_>, name: &str) -> Value {
    let definition = fields.definition(name);
    json!({
        "name": name,
        "kind": fields.kind(name),
        "max_chars": definition.and_then(|definition| definition.max_chars),
        "allowed": definition.map(|definition| definition.allowed.clone()).unwrap_or_default(),
        "excess": definition.map(|definition| definition.excess),
    })
}
