//! The function reference for administrators, made from the table of functions.

use std::fmt::Write as _;

use super::functions::{Family, Function, Presence, functions};

/// The reference as Markdown: `docs/mapping-functions.md`.
#[must_use]
pub fn function_reference() -> String {
    let mut page = String::from(INTRODUCTION);
    for family in Family::ALL {
        let _ = writeln!(page, "\n## {}", family.title());
        for function in functions().filter(|function| function.family == family) {
            entry(&mut page, function);
        }
    }
    page
}

const INTRODUCTION: &str = "\
# Functions of attribute mappings

<!-- Made from the code: cargo run -p scim-mapping --example function_reference > docs/mapping-functions.md -->

Expressions are written as in the attribute mappings of Microsoft Entra ID. An expression is

- an attribute: `[mail]`, `[name.givenName]`, `[emails[type eq \"work\"].value]`; its letter case counts;
- a text: `\"Staff\"`; a quote inside is written `\\\"`, a backslash `\\\\`;
- a number: `12`, `-1.5`, hexadecimal `&HFF`;
- a keyword: `True`, `False`, `IgnoreAttributeFlow` (leave the attribute as it is), `IgnoreObjectFlow` (pass the person over);
- a function with its parameters, which are expressions again: `Join(\" \", [givenName], [surname])`;
- a comparison of two of them: `=`, `<>`, `>`, `>=`, `<`, `<=`.

Below, a parameter with `?` may be left empty, one with `...` may be repeated. Parameters are told apart by their place, so an
empty one keeps its comma: `Replace([title], \"Dev\", , , \"Engineer\", , )`.

**Null** is an attribute that is not there. Empty text is not null. Where a text is wanted, booleans are `True` and `False`, and
dates are written as `3/16/2020 7:00:00 AM` in UTC. Where a number is wanted, its text will do (`\"10\"`). A list is not taken
for a single value; use `Item` or `Join`.

An expression has at most 10,000 characters, and functions are nested at most 64 deep. Mistakes that do not depend on a
person's values are reported when the mapping is saved.
";

fn entry(page: &mut String, function: &Function) {
    // Writing to a text does not fail.
    let _ = writeln!(page, "\n### {}\n\n`{}`\n\n{}\n", function.name, function.signature(), function.meaning);
    for parameter in function.parameters {
        let presence = match parameter.presence {
            Presence::Required => String::new(),
            Presence::Slot | Presence::Optional => " (may be empty)".to_owned(),
            Presence::Repeated(1) => " (may be repeated)".to_owned(),
            Presence::Repeated(least) => format!(" (repeated, at least {least} times)"),
        };
        let _ = writeln!(page, "- `{}`{presence}: {}", parameter.name, parameter.meaning);
    }
    let blank = if function.parameters.is_empty() { "" } else { "\n" };
    let _ = writeln!(page, "{blank}*Null:* {}", function.null);
    if function.examples.is_empty() {
        return;
    }
    let _ = writeln!(page, "\n| Expression | Attributes | Result |\n| --- | --- | --- |");
    for example in function.examples {
        let attributes = match example.attributes {
            "{}" => String::new(),
            attributes => code(attributes),
        };
        let _ = writeln!(page, "| {} | {attributes} | {} |", code(example.expression), code(example.outcome));
    }
}

/// Code within a table.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};
    use time::OffsetDateTime;

    use super::super::{Context, Expression, Flow, Outcome};
    use super::*;

    #[test]
    fn the_page_is_up_to_date() {
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/mapping-functions.md");
        let page = std::fs::read_to_string(page).unwrap_or_default();
        assert!(
            page == function_reference(),
            "cargo run -p scim-mapping --example function_reference > docs/mapping-functions.md"
        );
    }

    #[test]
    fn the_examples_are_true() {
        for function in functions() {
            for example in function.examples {
                let expression = Expression::parse(example.expression).expect(example.expression);
                assert!(expression.text().contains(function.name), "{}", example.expression);
                let attributes: Json = serde_json::from_str(example.attributes).expect(example.attributes);
                let expected: Json = serde_json::from_str(example.outcome).expect(example.outcome);
                let mut context = Context::at(OffsetDateTime::UNIX_EPOCH);
                let outcome = match expression.evaluate(&attributes, &mut context).expect(example.expression)
                {
                    Outcome::Value(value) => value.to_json(),
                    Outcome::Flow(flow) => json!({ "flow": Flow::as_str(flow) }),
                };
                assert_eq!(outcome, expected, "{}", example.expression);
            }
        }
    }

    #[test]
    fn every_function_is_explained() {
        for function in functions() {
            assert!(!function.meaning.is_empty() && !function.null.is_empty(), "{function:?}");
            assert!(
                function.parameters.iter().all(|parameter| !parameter.meaning.is_empty()),
                "{function:?}"
            );
            assert!(functions().filter(|other| other.name.eq_ignore_ascii_case(function.name)).count() == 1);
        }
    }
}
