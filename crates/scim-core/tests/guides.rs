//! What the guides print is what there is: the program of `docs/embedding.md`, the files of `docs/custom-schemas.md`.

use scim_core::{Registry, Tolerance};

#[test]
fn the_embedding_guide_shows_the_example_which_is_a_page() {
    let example = include_str!("../examples/embedding.rs");
    let guide = include_str!("../../../docs/embedding.md");
    assert!(
        guide.contains(example.trim_end()),
        "docs/embedding.md shows other code than examples/embedding.rs"
    );
    let lines = example.lines().count();
    assert!(lines <= 60, "examples/embedding.rs has {lines} lines; 60 are the most");
}

#[test]
fn the_example_files_load() {
    let mut registry = Registry::builtin();
    let read = |text: &str| serde_json::from_str(text).expect("JSON");
    for schema in [
        include_str!("../../../docs/examples/badge.schema.json"),
        include_str!("../../../docs/examples/room.schema.json"),
    ] {
        registry.add_schema(&read(schema)).expect("a schema");
    }
    for resource_type in [
        include_str!("../../../docs/examples/user.resource-type.json"),
        include_str!("../../../docs/examples/room.resource-type.json"),
    ] {
        registry.add_resource_type(&read(resource_type)).expect("a resource type");
    }
    let user = registry.resource_type("User").expect("User is there");
    assert!(user.extension("urn:example:params:scim:schemas:extension:badge:2.0:User").is_some());
    assert_eq!(registry.resource_type_at("Rooms").map(|room| &*room.name), Some("Room"));
}

#[test]
fn the_dialect_guide_has_every_tolerance() {
    let guide = include_str!("../../../docs/dialects.md");
    for tolerance in Tolerance::ALL {
        let row = format!("| `{}` |", tolerance.name());
        assert!(guide.contains(&row), "docs/dialects.md lacks {}", tolerance.name());
    }
}

#[test]
fn the_error_guide_has_every_keyword() {
    let guide = include_str!("../../../docs/errors.md");
    for keyword in scim_core::ScimType::ALL {
        assert!(
            guide.contains(&format!("`{}`", keyword.keyword())),
            "docs/errors.md lacks {}",
            keyword.keyword()
        );
    }
}
