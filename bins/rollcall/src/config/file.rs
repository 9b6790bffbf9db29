//! `rollcall.toml`: what stands in it, and on which line.

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::setting::{Place, Setting};
use super::sources::{Given, Origin, Written, unknown};
use super::table::named;

/// The file that is read where none is named and it is there.
const DEFAULT_FILE: &str = "rollcall.toml";
/// The most bytes that it may have.
const MAX_BYTES: u64 = 1 << 20;

/// Reads the file that is named, or the usual one where it is there.
pub(super) fn read(path: Option<&Path>, mistakes: &mut Vec<String>) -> BTreeMap<&'static str, Given> {
    let optional = path.is_none();
    let path = path.unwrap_or_else(|| Path::new(DEFAULT_FILE));
    let text = match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > MAX_BYTES => {
            mistakes.push(format!("--config: {} has more than {MAX_BYTES} bytes", path.display()));
            return BTreeMap::new();
        }
        _ => std::fs::read_to_string(path),
    };
    match text {
        Ok(text) => parse(path, &text, mistakes),
        Err(error) if optional && error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => {
            mistakes.push(format!("--config: cannot read {}: {error}", path.display()));
            BTreeMap::new()
        }
    }
}

fn parse(path: &Path, text: &str, mistakes: &mut Vec<String>) -> BTreeMap<&'static str, Given> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let table = match DeTable::parse(text) {
        Ok(table) => table.into_inner(),
        Err(error) => {
            // The error itself shows the line's text, in which a secret may stand.
            let line = error.span().map(|span| format!(" line {}", line_of(text, span.start)));
            let what = error.message();
            mistakes.push(format!(
                "--config: {}{} is not TOML: {what}",
                path.display(),
                line.unwrap_or_default()
            ));
            return BTreeMap::new();
        }
    };
    let mut found = BTreeMap::new();
    for (key, value) in &table {
        let from = Origin::File(path.to_owned(), line_of(text, key.span().start));
        let name = key.get_ref().as_ref();
        match (named(name), value.get_ref()) {
            (None, DeValue::Table(section)) => mistakes.extend(in_section(name, section, &from)),
            (None, _) => mistakes.push(unknown(name, &from.to_string(), name)),
            (Some(Setting { place: Place::Secret { file }, .. }), _) => mistakes.push(format!(
                "{name} ({from}): it does not belong into this file, which is copied and shown around; put it into a file of its \
                 own ({file}), or into the environment (ROLLCALL_{})",
                name.to_ascii_uppercase()
            )),
            (Some(setting), value) => match written(setting, value) {
                Ok(written) => {
                    found.insert(setting.name, Given { setting, written, from });
                }
                Err(what) => mistakes.push(format!("{name} ({from}): {what}")),
            },
        }
    }
    found
}

/// What is said of a section: settings have none.
fn in_section(section: &str, table: &DeTable<'_>, from: &Origin) -> Vec<String> {
    let mut told = Vec::new();
    for key in table.keys() {
        let joined = format!("{section}_{}", key.get_ref());
        told.push(match named(&joined).or_else(|| named(key.get_ref())) {
            Some(setting) => format!(
                "[{section}] ({from}): settings stand side by side, without sections; write {} = ... above the first section",
                setting.name
            ),
            None => unknown(&joined, &from.to_string(), &format!("[{section}] {}", key.get_ref())),
        });
    }
    if told.is_empty() {
        told.push(format!(
            "[{section}] ({from}): settings stand side by side, without sections; take it out"
        ));
    }
    told
}

/// What a value says, as the environment would have it.
fn written(setting: &Setting, value: &DeValue<'_>) -> Result<Written, String> {
    let words = || setting.kind.in_words().replace('`', "");
    match value {
        DeValue::String(text) => Ok(Written::Text(text.to_string())),
        DeValue::Boolean(switch) => Ok(Written::Text(switch.to_string())),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(|number| Written::Text(number.to_string()))
            .map_err(|_| format!("this number is too large; write {}", words())),
        DeValue::Float(number) => Ok(Written::Text(number.as_str().to_owned())),
        DeValue::Datetime(moment) => Ok(Written::Text(moment.to_string())),
        DeValue::Array(list) if setting.kind.is_list() => {
            let texts = list.iter().map(|element| element.get_ref().as_str().map(str::to_owned));
            texts
                .collect::<Option<Vec<_>>>()
                .map(Written::List)
                .ok_or_else(|| "a list here must be of texts".to_owned())
        }
        DeValue::Array(_) => Err(format!("this must be one {}, not a list", words())),
        DeValue::Table(_) => Err(format!("this must be a {}, not a section", words())),
    }
}

/// On which line a byte stands, from 1.
fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let mut mistakes = Vec::new();
        parse(Path::new("r.toml"), text, &mut mistakes);
        mistakes.sort();
        assert_eq!(mistakes.len(), expected.len(), "{mistakes:?}");
        for (mistake, expected) in mistakes.iter().zip(expected) {
            assert!(mistake.contains(expected), "{mistake}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_with_its_line() {
        check("listen = \"x\"\n\nkeep_alive = 5\nmail_to = [\"a\", \"b\"]", &[]);
        check(
            "\n# a comment\ndatabse = 1",
            &["databse (r.toml line 3): there is no such setting; did you mean database?"],
        );
        check("mail_to = [1]", &["mail_to (r.toml line 1): a list here must be of texts"]);
        check("listen = [\"a\"]", &["listen (r.toml line 1): this must be one address and port, not a list"]);
        check("[log]\nformat = \"json\"", &["write log_format = ..."]);
        check(
            "[tls]\nkey = \"x\"",
            &["[tls] key (r.toml line 1): there is no such setting; did you mean tls_key_file?"],
        );
        check("[x]", &["take it out"]);
        check("listen = 1\nlisten = 2", &["r.toml line 2 is not TOML: duplicate key"]);
        check("max_body = 99999999999999999999", &["too large"]);
        check("pepper = \"hidden\"", &["pepper (r.toml line 1): it does not belong into this file"]);
    }

    #[test]
    fn a_secret_on_a_broken_line_is_not_shown() {
        let mut mistakes = Vec::new();
        parse(Path::new("r.toml"), "mail_url = \"smtps://it:hidden@mail.example", &mut mistakes);
        assert!(mistakes.len() == 1 && !mistakes[0].contains("hidden"), "{mistakes:?}");
    }

    #[test]
    fn numbers_are_as_toml_has_them() {
        let mut mistakes = Vec::new();
        let found = parse(
            Path::new("r.toml"),
            "max_body = 0x10_0000\nworkers = 1_0\ntrust_proxy = true",
            &mut mistakes,
        );
        let text = |name: &str| found.get(name).map(Given::text);
        assert_eq!(text("max_body").as_deref(), Some("1048576"));
        assert_eq!(text("workers").as_deref(), Some("10"));
        assert_eq!(text("trust_proxy").as_deref(), Some("true"));
    }
}
