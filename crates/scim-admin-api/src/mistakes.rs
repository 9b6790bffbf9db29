//! Every mistake of a mapping or of rules at once, each with a pointer to where it is.

use scim_lifecycle::RuleError;
use scim_mapping::mapping::{MappingError, Problem as Mistake};

use crate::problem::{Code, Problem};

/// Mistakes in a mapping that stands at `place` in the body. `row_of` gives the row of the body (from 0) that a row of the
/// mapping (from 0) came from.
pub(crate) fn of_mapping(
    errors: &[MappingError],
    place: &str,
    row_of: impl Fn(usize) -> Option<usize>,
) -> Problem {
    let detail = match errors {
        [] => "The mapping is not valid".to_owned(),
        [only] => only.to_string(),
        [first, ..] => format!("The mapping has {} mistakes; the first: {first}", errors.len()),
    };
    let mut problem = Problem::new(Code::Invalid, detail);
    for error in errors {
        let row = error.row_number().and_then(|number| row_of(number.saturating_sub(1)));
        let pointer = match row {
            Some(row) => format!("{place}/rows/{row}{}", member(error.problem())),
            None => place.to_owned(),
        };
        problem = problem.about(&pointer, error.reason());
    }
    problem
}

/// The member of a row that a mistake is in.
const fn member(mistake: Mistake) -> &'static str {
    match mistake {
        Mistake::UnknownField | Mistake::NotText | Mistake::Duplicate => "/field",
        Mistake::UnknownAttribute | Mistake::Unusable | Mistake::Expression | Mistake::Unique => "/source",
        Mistake::NotInvertible => "/direction",
        _ => "",
    }
}

/// Mistakes in rules, of which the one called `own` is the body.
pub(crate) fn of_rules(errors: &[RuleError], own: Option<&str>) -> Problem {
    let detail = match errors {
        [] => "The rules are not valid".to_owned(),
        [only] => only.to_string(),
        [first, ..] => format!("There are {} mistakes; the first: {first}", errors.len()),
    };
    let mut problem = Problem::new(Code::Invalid, detail);
    for error in errors {
        problem = if own == Some(error.rule.as_str()) {
            problem.about(&error.place, &error.reason)
        } else {
            problem.about("", &error.to_string())
        };
    }
    problem
}
