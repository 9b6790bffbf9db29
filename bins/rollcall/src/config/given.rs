//! Where settings come from, before anybody knows what they mean: environment over file.

use std::path::Path;

/// The file that is read where none is named and it is there.
const DEFAULT_FILE: &str = "rollcall.toml";
/// The settings that a file or `ROLLCALL_*` may have.
const NAMES: [&str; 16] = [
    "database",
    "data",
    "pepper_file",
    "listen",
    "base_url",
    "trust_proxy",
    "trusted_proxies",
    "egress_networks",
    "metrics_networks",
    "insecure_listen",
    "schemas",
    "resource_types",
    "mail_url",
    "mail_password_file",
    "mail_from",
    "mail_to",
];

/// A setting's text with where it came from.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) text: String,
    pub(super) from: String,
}

impl Given {
    pub(super) fn new(text: impl Into<String>, from: impl Into<String>) -> Self {
        Self { text: text.into(), from: from.into() }
    }
}

/// What was given, and what is wrong with it.
pub(super) struct Sources<'a> {
    file: toml::Table,
    environment: &'a dyn Fn(&str) -> Option<String>,
    pub(super) mistakes: Vec<String>,
}

impl<'a> Sources<'a> {
    /// Reads the file that is named, or the usual one where it is there.
    pub(super) fn read(named: Option<&Path>, environment: &'a dyn Fn(&str) -> Option<String>) -> Self {
        let mut mistakes = Vec::new();
        let file = read_file(named, &mut mistakes);
        for (name, value) in &file {
            if name == "pepper" {
                mistakes.push(
                    "pepper: it does not belong into this file, which is copied and shown around; put it into a file of its own \
                     (pepper_file), or into the environment (ROLLCALL_PEPPER)"
                        .to_owned(),
                );
            } else if !NAMES.contains(&name.as_str()) {
                mistakes.push(format!("{name}: there is no such setting; there are {}", NAMES.join(", ")));
            } else if value.as_array().is_some_and(|list| !list.iter().all(toml::Value::is_str)) {
                mistakes.push(format!("{name}: a list here must be of texts"));
            }
        }
        Self { file, environment, mistakes }
    }

    /// A variable of the environment.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.environment)(name)
    }

    /// The setting of that name; a list's elements with commas between them.
    pub(super) fn text(&self, name: &str) -> Option<Given> {
        let variable = format!("ROLLCALL_{}", name.to_ascii_uppercase());
        if let Some(text) = self.variable(&variable) {
            return Some(Given::new(text, variable));
        }
        let text = match self.file.get(name)? {
            toml::Value::String(text) => text.clone(),
            toml::Value::Array(list) => {
                list.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(",")
            }
            other => other.to_string(),
        };
        Some(Given::new(text, name))
    }

    /// A list: each element with where it came from.
    pub(super) fn list(&self, name: &str) -> Vec<Given> {
        let Some(Given { text, from }) = self.text(name) else { return Vec::new() };
        let elements = text.split(',').map(str::trim).filter(|element| !element.is_empty());
        elements.map(|element| Given::new(element, from.as_str())).collect()
    }

    /// A switch; off where it is not given.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        let Some(Given { text, from }) = self.text(name) else { return false };
        text.parse().unwrap_or_else(|_| {
            self.mistakes.push(format!("{from}: {text:?} must be true or false"));
            false
        })
    }

    /// Notes a mistake of a setting.
    pub(super) fn mistake(&mut self, from: &str, what: &str) {
        self.mistakes.push(format!("{from}: {what}"));
    }
}

fn read_file(named: Option<&Path>, mistakes: &mut Vec<String>) -> toml::Table {
    let path = named.unwrap_or_else(|| Path::new(DEFAULT_FILE));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            return toml::Table::new();
        }
        Err(error) => {
            mistakes.push(format!("--config: cannot read {}: {error}", path.display()));
            return toml::Table::new();
        }
    };
    text.parse().unwrap_or_else(|error| {
        mistakes.push(format!("--config: {} is not TOML: {error}", path.display()));
        toml::Table::new()
    })
}
