//! What a filter costs: to parse, to resolve, to evaluate. `just bench`, or `cargo bench -p scim-core --bench filter`.

use std::hint::black_box;

use criterion::Criterion;
use scim_core::filter::{Filter, FilterLimits};
use scim_core::path::PatchPath;
use scim_core::{Dialect, Registry, Resource};

const THREE_TERMS: &str =
    r#"userName eq "MIRA.okafor@contoso.example" and active eq true and emails[type eq "home"]"#;

fn filter(c: &mut Criterion) {
    let limits = FilterLimits::default();
    let registry = Registry::builtin();
    let (Some(user), Ok(parsed)) = (registry.resource_type("User"), Filter::parse(THREE_TERMS, &limits))
    else {
        return;
    };
    let Ok((typed, _)) = parsed.resolve(user, Dialect::LENIENT) else { return };
    let person =
        serde_json::from_str(include_str!("../../../fixtures/filter/person.json")).unwrap_or_default();
    let person = Resource::from_canonical(person);
    assert!(typed.matches(&person), "all three terms are looked at");

    c.bench_function("filter/parse 3 terms", |b| b.iter(|| Filter::parse(black_box(THREE_TERMS), &limits)));
    c.bench_function("filter/resolve 3 terms", |b| {
        b.iter(|| black_box(&parsed).resolve(user, Dialect::LENIENT))
    });
    c.bench_function("filter/evaluate 3 terms", |b| b.iter(|| typed.matches(black_box(&person))));
    c.bench_function("path/parse and resolve", |b| {
        b.iter(|| {
            PatchPath::parse(black_box(r#"emails[type eq "work"].value"#), &limits)
                .and_then(|path| path.resolve(user, Dialect::LENIENT))
        });
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    filter(&mut criterion);
    criterion.final_summary();
}
