//! Letter case and diacritics.

use super::super::casing::{Culture, proper_case, to_lower, to_upper};
use super::super::diacritics::{normalize, normalize_by_culture};
use super::super::evaluate::{Evaluated, Invocation, Stop, null};
use super::{Function, PLAIN, Parameter, example, optional, required};

const SOURCE: Parameter = required("source", "The text.");
const CULTURE: Parameter =
    optional("culture", "The culture whose rules hold, such as \"tr-TR\". Default: the invariant culture");
const STAYS: &str = "Null stays null.";

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "ToLower",
        parameters: &[SOURCE, CULTURE],
        meaning: "The source in small letters, character for character.",
        null: STAYS,
        examples: &[
            example("ToLower([mail])", r#"{"mail": "Mia.Kohl@Example.ORG"}"#, r#""mia.kohl@example.org""#),
            example(r#"ToLower("ISIK", "tr-TR")"#, "{}", r#""ısık""#),
        ],
        evaluate: |call| cased(call, to_lower),
        ..PLAIN
    },
    Function {
        name: "ToUpper",
        parameters: &[SOURCE, CULTURE],
        meaning: "The source in capital letters, character for character: ß has none.",
        null: STAYS,
        examples: &[example("ToUpper([street])", r#"{"street": "straße"}"#, r#""STRAßE""#)],
        evaluate: |call| cased(call, to_upper),
        ..PLAIN
    },
    Function {
        name: "PCase",
        parameters: &[
            SOURCE,
            optional(
                "wordSeparators",
                "The characters after which a word begins. Default: all that are no letters, except an apostrophe inside \
                 a word, and digits",
            ),
        ],
        meaning: "The source in small letters, the first of each word capital.",
        null: STAYS,
        examples: &[
            example("PCase([name])", r#"{"name": "MIA (TEMP) O'HARA"}"#, r#""Mia (Temp) O'hara""#),
            example(r#"PCase([name], " ")"#, r#"{"name": "anna-lena kohl"}"#, r#""Anna-lena Kohl""#),
        ],
        evaluate: |call| {
            let (source, separators) = (call.text(0)?, call.text(1)?);
            let Some(source) = source else { return null() };
            call.spend(source.len())?;
            call.give(proper_case(&source, separators.as_deref()))
        },
        ..PLAIN
    },
    Function {
        name: "NormalizeDiacritics",
        parameters: &[SOURCE],
        meaning: "The source without marks on its Latin letters: ä becomes a, ø oe, æ ae, ß ss, ł l. Letter case stays.",
        null: STAYS,
        examples: &[example(
            "NormalizeDiacritics([name])",
            r#"{"name": "Bjørn Ångström"}"#,
            r#""Bjoern Angstrom""#,
        )],
        evaluate: |call| {
            let Some(source) = call.text(0)? else { return null() };
            call.spend(source.len())?;
            call.give(normalize(&source))
        },
        ..PLAIN
    },
    Function {
        name: "NormalizeDiacriticsByCulture",
        parameters: &[SOURCE, required("culture", "The culture whose spelling is used, such as \"de-DE\".")],
        meaning: "As NormalizeDiacritics, but first as the culture writes its letters in plain ones: in German ä ae, ö oe, ü \
                  ue; in Danish and Norwegian å aa.",
        null: STAYS,
        examples: &[example(
            r#"NormalizeDiacriticsByCulture([name], "de")"#,
            r#"{"name": "Jürgen Groß"}"#,
            r#""Juergen Gross""#,
        )],
        evaluate: |call| {
            let (source, culture) = (call.text(0)?, call.text_or_empty(1)?);
            let Some(source) = source else { return null() };
            call.spend(source.len())?;
            let text = normalize_by_culture(&source, &culture).map_err(|fault| call.fault(1, &fault))?;
            call.give(text)
        },
        ..PLAIN
    },
];

fn cased<'e>(call: &mut Invocation<'_, 'e>, change: fn(&str, Culture) -> String) -> Evaluated<'e> {
    let (source, culture) = (call.text(0)?, call.text_or_empty(1)?);
    let culture = Culture::parse(&culture).map_err(|fault| -> Stop { call.fault(1, &fault) })?;
    let Some(source) = source else { return null() };
    call.spend(source.len())?;
    call.give(change(&source, culture))
}
