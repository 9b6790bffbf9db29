//! What mapping one person costs, with the default table. `just bench`, or `cargo bench -p scim-mapping --bench mapping`.

use std::hint::black_box;

use criterion::{BatchSize, Criterion};
use scim_core::{Registry, Resource};
use scim_directory::Fields;
use scim_mapping::mapping::{Env, Mapping, Occasion};
use time::OffsetDateTime;

fn mapping(c: &mut Criterion) {
    let registry = Registry::builtin();
    let Some(user) = registry.resource_type("User") else { return };
    let person = include_str!("../../../fixtures/filter/person.json");
    let person = Resource::from_canonical(serde_json::from_str(person).unwrap_or_default());
    let mut changed = person.clone();
    changed.attributes_mut().insert("title".into(), "Captain".into());
    let Ok(mapping) = Mapping::defaults().compile(user, Fields::new(&[]), 1) else { return };
    let mut env = Env::at(OffsetDateTime::UNIX_EPOCH);
    let values = mapping.account_changes(None, &person, Occasion::Creation, &mut env);
    assert!(values.is_ok_and(|values| values.len() == 7), "every row but MobilePhone gives a value");

    c.bench_function("mapping/person is created", |b| {
        b.iter(|| mapping.account_changes(None, black_box(&person), Occasion::Creation, &mut env).map(drop));
    });
    c.bench_function("mapping/title is changed", |b| {
        b.iter(|| {
            let (before, after) = black_box((&person, &changed));
            mapping.account_changes(Some(before), after, Occasion::Write, &mut env).map(drop)
        });
    });
    c.bench_function("mapping/title is written back", |b| {
        b.iter_batched(
            || person.clone(),
            |mut document| {
                mapping.write_back(&mut document, &[("ScimSyncJobTitle", Some("Captain"))]);
                document
            },
            BatchSize::SmallInput,
        );
    });
    c.bench_function("mapping/compile the default table", |b| {
        b.iter(|| Mapping::defaults().compile(black_box(user), Fields::new(&[]), 1));
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    mapping(&mut criterion);
    criterion.final_summary();
}
