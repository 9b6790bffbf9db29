//! Every fixture of `fixtures/filter`, and the seeds of the fuzz targets `filter` and `path`, as plain tests.

use std::fs;
use std::path::{Path, PathBuf};

use scim_core::filter::{Filter, FilterLimits};
use scim_core::{Dialect, Registry, Resource};
use serde_json::Value;

#[path = "../../../fuzz/checks/filter.rs"]
mod filter;
#[path = "../../../fuzz/checks/path.rs"]
mod path;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

/// The files of a folder, by name, with their contents.
fn files(name: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder(name))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            Some((entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).ok()?))
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{name} has no files");
    files
}

/// The cases of every fixture in a folder.
fn cases(name: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for (file, content) in files(name) {
        let fixture: Value = serde_json::from_slice(&content).unwrap_or_default();
        let Some(cases) = fixture.get("cases").and_then(Value::as_array).filter(|cases| !cases.is_empty())
        else {
            unreachable!("{file} has no cases");
        };
        all.extend(cases.iter().cloned());
    }
    all
}

fn member<'c>(case: &'c Value, name: &str) -> Option<&'c str> {
    case.get(name).and_then(Value::as_str)
}

/// The dialects that a case is for: the one it names, else both.
fn dialects(case: &Value) -> Vec<Dialect> {
    match member(case, "dialect") {
        Some(name) => Dialect::named(name).into_iter().collect(),
        None => vec![Dialect::LENIENT, Dialect::STRICT],
    }
}

#[test]
fn sound_filters_mean_what_the_fixture_says() {
    let registry = Registry::builtin();
    let user = registry.resource_type("User").expect("built in");
    let person = fs::read(folder("fixtures/filter/person.json")).expect("the person");
    let person = Resource::from_canonical(serde_json::from_slice(&person).expect("an object"));
    for case in cases("fixtures/filter/ok") {
        let text = member(&case, "filter").expect("a filter");
        let filter = Filter::parse(text, &FilterLimits::default()).expect(text);
        assert_eq!(filter.to_string(), member(&case, "canonical").unwrap_or(text));
        for dialect in dialects(&case) {
            let (typed, notes) = filter.resolve(user, dialect).expect(text);
            assert_eq!(Some(typed.matches(&person)), case["matches"].as_bool(), "{text}");
            assert_eq!(notes.is_empty(), member(&case, "dialect").is_none(), "{text}: {notes:?}");
        }
    }
}

#[test]
fn wrong_filters_say_what_and_where() {
    let registry = Registry::builtin();
    let user = registry.resource_type("User").expect("built in");
    for case in cases("fixtures/filter/err") {
        let text = member(&case, "filter").expect("a filter");
        let expected = member(&case, "error").expect("an error");
        for dialect in dialects(&case) {
            let error = Filter::parse(text, &FilterLimits::default())
                .and_then(|filter| filter.resolve(user, dialect))
                .expect_err(text);
            assert!(error.to_string().contains(expected), "{text}: {error}");
            let offset = case["offset"].as_u64().expect("an offset");
            assert_eq!(u64::try_from(error.offset()).ok(), Some(offset), "{text}: {error}");
        }
    }
}

#[test]
fn the_corpus_of_filter_holds() {
    for (_, seed) in files("fuzz/corpus/filter") {
        filter::check(&seed);
    }
    for case in cases("fixtures/filter/ok").iter().chain(&cases("fixtures/filter/err")) {
        filter::check(member(case, "filter").unwrap_or_default().as_bytes());
    }
}

#[test]
fn the_corpus_of_path_holds() {
    for (_, seed) in files("fuzz/corpus/path").into_iter().chain(files("fuzz/corpus/filter")) {
        path::check(&seed);
    }
}
