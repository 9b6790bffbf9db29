//! Whether a value keeps a field's limits.

use scim_directory::{Excess, FieldDefinition, MAX_FIELD_CHARS};

use crate::Refusal;

/// The value as the field takes it, and a note where that is not the value as it came.
///
/// # Errors
/// 400 `invalidValue` naming the field, the attribute that fills it, and the limit.
pub(crate) fn within_limits(
    field: &str,
    source: &str,
    value: String,
    definition: Option<&FieldDefinition>,
) -> Result<(Option<String>, Option<String>), Refusal> {
    let chars = value.chars().count();
    let excess = definition.map_or(Excess::Refuse, |definition| definition.excess);
    let most = definition.and_then(|definition| definition.max_chars).unwrap_or(MAX_FIELD_CHARS);
    if chars > most {
        if excess == Excess::Cut {
            let note = format!("{field}: {chars} characters were cut to {most}");
            return Ok((Some(value.chars().take(most).collect()), Some(note)));
        }
        return Err(Refusal::value(
            "field_too_long",
            format!("{source}: {chars} characters are too many for the field {field}, which takes {most}"),
            format!("Shorten the value at the identity provider, or let the field {field} take more or cut"),
        ));
    }
    let allowed = definition.map(|definition| definition.allowed.as_slice()).unwrap_or_default();
    if !allowed.is_empty() && !allowed.contains(&value) {
        let list = allowed.join(", ");
        if excess == Excess::Cut {
            return Ok((None, Some(format!("{field}: a value that is not among {list} was left out"))));
        }
        return Err(Refusal::value(
            "field_value_not_allowed",
            format!("{source}: this value is not allowed for the field {field}; allowed are {list}"),
            format!("Send one of the allowed values, or allow this one for the field {field}"),
        ));
    }
    Ok((Some(value), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(max_chars: Option<usize>, allowed: &[&str], excess: Excess) -> FieldDefinition {
        let allowed = allowed.iter().map(|value| (*value).to_owned()).collect();
        FieldDefinition { name: "Badge".to_owned(), max_chars, allowed, excess }
    }

    #[test]
    fn limits_refuse_or_cut() {
        let check = |value: &str, definition: &FieldDefinition| {
            within_limits("Badge", "title", value.to_owned(), Some(definition))
                .map(|(value, note)| (value, note.is_some()))
                .map_err(|refusal| refusal.code)
        };
        let short = definition(Some(3), &[], Excess::Refuse);
        assert_eq!(check("äöü", &short), Ok((Some("äöü".to_owned()), false)));
        assert_eq!(check("äöüx", &short), Err("field_too_long"));
        let cut = definition(Some(3), &[], Excess::Cut);
        assert_eq!(check("äöüx", &cut), Ok((Some("äöü".to_owned()), true)));
        let colours = definition(None, &["red", "blue"], Excess::Refuse);
        assert_eq!(check("red", &colours), Ok((Some("red".to_owned()), false)));
        assert_eq!(check("green", &colours), Err("field_value_not_allowed"));
        let lax = definition(None, &["red"], Excess::Cut);
        assert_eq!(check("green", &lax), Ok((None, true)));
    }
}
