//! Scenario files: read, checked, in order.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::ReplayError;

/// Features of ServiceProviderConfig that a scenario can require (RFC 7643 §5).
pub(crate) const FEATURES: [&str; 6] = ["patch", "bulk", "filter", "sort", "etag", "changePassword"];

/// One recorded conversation.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) client: String,
    #[serde(default = "rfc")]
    pub(crate) level: String,
    #[serde(default)]
    pub(crate) requires: Vec<String>,
    pub(crate) steps: Vec<Step>,
    #[serde(skip)]
    pub(crate) file: PathBuf,
}

/// One request and what its answer has to be.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Step {
    pub(crate) method: String,
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) headers: Option<Map<String, Value>>,
    /// `null` is the same as no body.
    #[serde(default)]
    pub(crate) body: Option<Value>,
    #[serde(default)]
    pub(crate) expect: Option<Expect>,
    #[serde(default)]
    pub(crate) save: Option<Map<String, Value>>,
}

/// What the answer has to be.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Expect {
    #[serde(default)]
    pub(crate) status: Option<Status>,
    #[serde(default)]
    pub(crate) json: Option<Map<String, Value>>,
    #[serde(default)]
    pub(crate) headers: Option<Map<String, Value>>,
}

/// The accepted statuses.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Status {
    One(u16),
    Any(Vec<u16>),
}

impl Status {
    pub(crate) fn accepted(&self) -> &[u16] {
        match self {
            Self::One(status) => std::slice::from_ref(status),
            Self::Any(list) => list,
        }
    }
}

fn rfc() -> String {
    "rfc".to_owned()
}

/// Reads files, and directories with everything below them that ends in `.json`, in the order of their names.
pub(crate) fn load<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<Scenario>, ReplayError> {
    let mut files = Vec::new();
    for path in paths {
        collect(path.as_ref(), &mut files)?;
    }
    let mut scenarios = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file)
            .map_err(|e| ReplayError::Scenario { file: file.clone(), reason: e.to_string() })?;
        scenarios.extend(parse(&file, &text)?);
    }
    Ok(scenarios)
}

fn parse(file: &Path, text: &str) -> Result<Vec<Scenario>, ReplayError> {
    let broken = |reason: String| ReplayError::Scenario { file: file.to_owned(), reason };
    let list = match serde_json::from_str(text).map_err(|e| broken(e.to_string()))? {
        Value::Array(list) => list,
        one => vec![one],
    };
    let mut scenarios = Vec::new();
    for value in list {
        let mut scenario: Scenario = serde_json::from_value(value).map_err(|e| broken(e.to_string()))?;
        if scenario.steps.is_empty() {
            return Err(broken(format!("{}: steps is empty", scenario.name)));
        }
        if let Some(unknown) = scenario.requires.iter().find(|f| !FEATURES.contains(&f.as_str())) {
            let known = FEATURES.join(", ");
            return Err(broken(format!("{}: requires {unknown}, which is none of {known}", scenario.name)));
        }
        file.clone_into(&mut scenario.file);
        scenarios.push(scenario);
    }
    Ok(scenarios)
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), ReplayError> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let broken = |e: std::io::Error| ReplayError::Scenario { file: path.to_owned(), reason: e.to_string() };
    let mut entries = fs::read_dir(path)
        .map_err(broken)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(broken)?
        .into_iter()
        .map(|e| e.path())
        .collect::<Vec<_>>();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            collect(&entry, files)?;
        } else if entry.extension().is_some_and(|e| e == "json") {
            files.push(entry);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idp_fixtures() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/idp")
    }

    #[test]
    fn every_fixture_is_readable() {
        let scenarios = load(&[idp_fixtures()]).unwrap();
        assert_eq!(scenarios.len(), 83);
        assert_eq!(scenarios.iter().map(|s| s.steps.len()).sum::<usize>(), 541);
        assert!(scenarios.iter().all(|s| ["rfc", "interop", "lenient"].contains(&s.level.as_str())));
    }

    fn refused(text: &str, reason: &str) {
        let error = parse(Path::new("x.json"), text).unwrap_err().to_string();
        assert!(error.starts_with("x.json: ") && error.contains(reason), "{error}");
    }

    #[test]
    fn unusable_files_are_refused_by_name() {
        refused("{", "EOF");
        refused("[{\"name\": \"a\"}]", "missing field `steps`");
        refused(r#"{"name": 1, "steps": []}"#, "expected a string");
        refused(r#"{"name": "a", "steps": []}"#, "steps is empty");
        refused(r#"{"name": "a", "steps": [{"method": "GET"}]}"#, "missing field `path`");
        refused(
            r#"{"name": "a", "requires": ["x"], "steps": [{"method": "GET", "path": "/"}]}"#,
            "requires x",
        );
        assert!(load(&["no-such-file.json"]).unwrap_err().to_string().starts_with("no-such-file.json: "));
    }
}
