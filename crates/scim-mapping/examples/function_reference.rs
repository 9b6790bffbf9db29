//! Prints the function reference: `cargo run -p scim-mapping --example function_reference > docs/mapping-functions.md`.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(scim_mapping::expression::function_reference().as_bytes())
}
