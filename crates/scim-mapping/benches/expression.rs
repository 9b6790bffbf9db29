//! What an expression costs: to parse, once; to evaluate, for each person. `just bench`, or
//! `cargo bench -p scim-mapping --bench expression`.

use std::hint::black_box;

use criterion::Criterion;
use scim_mapping::expression::{Context, Expression};
use serde_json::json;
use time::OffsetDateTime;

/// Twenty calls, all of which are evaluated.
const TWENTY: &str = r#"Append(
  ToLower(NormalizeDiacritics(StripSpaces(Join(".", Left([givenName], 1), Mid([surname], 1, 20))))),
  Replace(
    Join("@",
      IIF(IsPresent([site]), Switch([site], [site], "OSL", ToUpper(Trim([city]))), ""),
      Coalesce([domain], Word([upn], 2, "@")),
      CStr(Len([surname])),
      Item(Split([tags], ","), 1)),
    "-", , , "", , ))"#;

fn expression(c: &mut Criterion) {
    let person = json!({
        "givenName": "José María",
        "surname": "Núñez-Vega",
        "site": "OSL",
        "city": " Oslo ",
        "upn": "jose@example.org",
        "tags": "a,b,c",
    });
    let Ok(twenty) = Expression::parse(TWENTY) else { return };
    let Ok(reference) = Expression::parse("[upn]") else { return };
    let Ok(regex) = Expression::parse(r#"Replace([upn], , "(?<Suffix>@(.)*)", "Suffix", "", , )"#) else {
        return;
    };
    let mut context = Context::at(OffsetDateTime::UNIX_EPOCH);

    c.bench_function("expression/parse 20 functions", |b| b.iter(|| Expression::parse(black_box(TWENTY))));
    c.bench_function("expression/evaluate a reference", |b| {
        b.iter(|| reference.evaluate(black_box(&person), &mut context));
    });
    c.bench_function("expression/evaluate a regular expression", |b| {
        b.iter(|| regex.evaluate(black_box(&person), &mut context));
    });
    assert!(twenty.evaluate(&person, &mut context).is_ok(), "it evaluates");
    c.bench_function("expression/evaluate 20 functions", |b| {
        b.iter(|| twenty.evaluate(black_box(&person), &mut context));
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    expression(&mut criterion);
    criterion.final_summary();
}
