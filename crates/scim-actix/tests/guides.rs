//! What the guides print is what there is.

#[test]
fn the_guide_to_backends_shows_the_example() {
    let example = include_str!("../examples/own_store.rs");
    let guide = include_str!("../../../docs/adding-a-backend.md");
    assert!(
        guide.contains(example.trim_end()),
        "docs/adding-a-backend.md shows other code than examples/own_store.rs"
    );
}
