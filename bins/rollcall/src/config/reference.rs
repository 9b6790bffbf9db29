//! What is written about settings from their table: the reference in `docs/configuration.md`, and a file to begin with.

use std::fmt::Write as _;

use super::setting::{Kind, Place, Setting};
use super::table::{SECTIONS, Section};

/// The reference of all settings, as Markdown.
pub(crate) fn reference() -> String {
    let mut text = String::new();
    for section in &SECTIONS {
        // Writing into a text does not fail.
        let _ = write!(text, "### {}\n\n", heading(section));
        text.push_str("| setting | value | default | meaning |\n| --- | --- | --- | --- |\n");
        for setting in section.settings {
            let _ = writeln!(text, "{}", row(setting));
        }
        text.push('\n');
    }
    text
}

/// The heading of a section; the page has one of its own on mail.
fn heading(section: &Section) -> String {
    format!("Settings: {}", section.title.to_lowercase())
}

fn row(setting: &Setting) -> String {
    let default = match (setting.default, setting.otherwise) {
        ("", "") => "none".to_owned(),
        ("", otherwise) => otherwise.to_owned(),
        (default, _) => format!("`{default}`"),
    };
    let mut meaning = setting.meaning.to_owned();
    if let Place::Secret { file } = setting.place {
        let _ = write!(
            meaning,
            " A secret: as `{}` in the environment alone; better a file (`{file}`).",
            setting.variable()
        );
    }
    if let Some(flag) = setting.flag {
        let _ = write!(meaning, " Also `{flag}`.");
    }
    format!("| `{}` | {} | {default} | {meaning} |", setting.name, setting.kind.in_words())
}

/// A `rollcall.toml` to begin with: every setting that a file may have, commented out.
pub(crate) fn example() -> String {
    let mut text = String::from(
        "# Settings of Rollcall. Each that is commented out shows an example; what holds without it stands above it.\n\
         # Times are 30s, 5m or 2h, sizes 512KiB or 1MiB. Check this file: rollcall config check --config FILE\n",
    );
    for section in &SECTIONS {
        let _ = write!(text, "\n# --- {} ---\n", section.title);
        for setting in section.settings.iter().filter(|setting| setting.place == Place::Anywhere) {
            let default = match (setting.default, setting.otherwise) {
                ("", "") => "none".to_owned(),
                ("", otherwise) => otherwise.replace('`', ""),
                (default, _) => default.to_owned(),
            };
            text.push('\n');
            for line in wrapped(&plain(setting.meaning), 100) {
                let _ = writeln!(text, "# {line}");
            }
            let _ = writeln!(text, "# Default: {default}");
            let _ = writeln!(text, "#{} = {}", setting.name, value(setting));
        }
    }
    text
}

/// The example of a setting, as TOML.
fn value(setting: &Setting) -> String {
    let quoted = || format!("\"{}\"", setting.example);
    match setting.kind {
        Kind::Switch | Kind::Count(..) => setting.example.to_owned(),
        kind if kind.is_list() => format!("[{}]", quoted()),
        _ => quoted(),
    }
}

/// Markdown without its marks: of a link, the words.
fn plain(markdown: &str) -> String {
    let mut text = String::new();
    let mut rest = markdown;
    while let Some((before, link)) = rest.split_once('[') {
        text.push_str(before);
        let (words, after) = link.split_once("](").unwrap_or((link, ""));
        text.push_str(words);
        rest = after.split_once(')').map_or("", |(_, rest)| rest);
    }
    text.push_str(rest);
    text.replace('`', "")
}

/// Lines of at most so many characters, but for words that are longer.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::super::file;
    use super::*;

    /// Before and after what is made in `docs/configuration.md`.
    const MARKS: [&str; 2] = ["<!-- settings: begin -->\n", "<!-- settings: end -->\n"];

    fn of_repository(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
    }

    #[test]
    fn the_reference_in_the_documentation_is_that_of_the_code() {
        let page = std::fs::read_to_string(of_repository("docs/configuration.md")).expect("a page");
        let (_, rest) = page.split_once(MARKS[0]).expect("a mark");
        let (found, _) = rest.split_once(MARKS[1]).expect("another mark");
        assert!(
            found == reference(),
            "docs/configuration.md differs from the table of settings; put the output of `rollcall config reference` between \
             its marks (just settings)"
        );
    }

    #[test]
    fn the_example_in_packaging_is_that_of_the_code() {
        let found = std::fs::read_to_string(of_repository("packaging/rollcall.toml")).expect("a file");
        assert!(
            found == example(),
            "packaging/rollcall.toml differs from the table of settings; make it anew: rollcall config example > \
             packaging/rollcall.toml (just settings)"
        );
    }

    #[test]
    fn the_example_is_a_configuration() {
        let all: String = example().lines().fold(String::new(), |all, line| {
            let setting = line.strip_prefix('#').filter(|line| !line.starts_with(' ')).unwrap_or_default();
            all + setting + "\n"
        });
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rollcall.toml");
        std::fs::write(&path, &all).expect("written");
        let mut mistakes = Vec::new();
        let found = file::read(Some(&path), &mut mistakes);
        assert!(mistakes.is_empty() && found.len() > 30, "{mistakes:?}");
    }

    #[test]
    fn a_link_is_its_words() {
        assert_eq!(plain("The [pepper](#the-pepper) of `x` ([a](b))."), "The pepper of x (a).");
    }
}
