//! Where settings come from, before anybody knows what they mean: options over environment over file over default.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::file;
use super::setting::{Kind, Place, Setting, seconds};
use super::table::{DATABASE, LOG_LEVEL, named, settings};

/// How alike a name must be to one of ours to be taken for a slip of the pen.
const ALIKE: f64 = 0.75;
/// What many programs call their database; counts where nothing else says anything.
const DATABASE_URL: &str = "DATABASE_URL";
/// What programs in Rust call their levels; counts before ours.
const RUST_LOG: &str = "RUST_LOG";
/// Variables of ours that are no settings.
const OTHER_VARIABLES: [&str; 1] = ["ROLLCALL_TOKEN"];

/// Variables of the environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// Those of this process.
    pub(crate) fn of_process() -> Self {
        std::env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value)).collect()
    }

    /// The variable's text.
    fn text(&self, name: &str) -> Option<String> {
        self.0.get(name)?.to_str().map(str::to_owned)
    }
}

impl FromIterator<(String, OsString)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, OsString)>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}

/// Where a setting's text came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An option of the command line.
    Option(&'static str),
    /// A variable of the environment.
    Variable(String),
    /// A line of the configuration file.
    File(PathBuf, usize),
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(name) => f.write_str(name),
            Self::Variable(name) => f.write_str(name),
            Self::File(path, line) => write!(f, "{} line {line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// What was written.
#[derive(Clone)]
pub(crate) enum Written {
    /// A text, or what stands for it.
    Text(String),
    /// An array of texts.
    List(Vec<String>),
}

/// A setting's text with where it came from.
#[derive(Clone)]
pub(crate) struct Given {
    pub(crate) setting: &'static Setting,
    pub(crate) written: Written,
    pub(crate) from: Origin,
}

impl Given {
    pub(super) fn new(setting: &'static Setting, text: impl Into<String>, from: Origin) -> Self {
        Self { setting, written: Written::Text(text.into()), from }
    }

    /// The text; a list's elements with commas between them.
    pub(super) fn text(&self) -> String {
        match &self.written {
            Written::Text(text) => text.clone(),
            Written::List(list) => list.join(", "),
        }
    }

    /// The elements of a list.
    pub(super) fn elements(&self) -> Vec<String> {
        let elements = match &self.written {
            Written::Text(text) => text.split(',').map(str::to_owned).collect(),
            Written::List(list) => list.clone(),
        };
        let elements = elements.into_iter().map(|element| element.trim().to_owned());
        elements.filter(|element| !element.is_empty()).collect()
    }

    /// What is wrong with it: the setting's name, where it came from, and what to do.
    pub(super) fn mistake(&self, what: &str) -> String {
        format!("{} ({}): {what}", self.setting.name, self.from)
    }
}

/// What was given, and what is wrong with it.
pub(crate) struct Sources<'a> {
    options: BTreeMap<&'static str, Given>,
    file: BTreeMap<&'static str, Given>,
    environment: &'a Environment,
    /// What is wrong, in words.
    pub(super) mistakes: Vec<String>,
}

impl<'a> Sources<'a> {
    /// Reads the file that is named, or the usual one where it is there, and looks through the environment and the options
    /// `name=value`.
    pub(super) fn read(named: Option<&Path>, set: &[String], environment: &'a Environment) -> Self {
        let mut mistakes = Vec::new();
        let file = file::read(named, &mut mistakes);
        let mut sources = Self { options: BTreeMap::new(), file, environment, mistakes };
        sources.look_through_environment();
        for pair in set {
            sources.set(pair);
        }
        sources
    }

    /// Takes an option of the command line for a setting, where it was given.
    pub(super) fn option(&mut self, setting: &'static Setting, option: &'static str, text: Option<String>) {
        if let Some(text) = text {
            self.options.insert(setting.name, Given::new(setting, text, Origin::Option(option)));
        }
    }

    /// An option `name=value`.
    fn set(&mut self, pair: &str) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (name.trim(), value.trim());
        match named(name) {
            None => self.mistakes.push(unknown(name, "--set", name)),
            Some(Setting { place: Place::Secret { file }, .. }) => self.mistakes.push(format!(
                "{name} (--set): a secret does not belong onto a command line, which everybody on this machine can read; put it \
                 into a file of its own ({file})"
            )),
            Some(_) if !pair.contains('=') => {
                self.mistakes.push(format!("{name} (--set): write --set {name}=VALUE"));
            }
            Some(setting) => {
                self.options.insert(setting.name, Given::new(setting, value, Origin::Option("--set")));
            }
        }
    }

    /// Finds variables of ours that say nothing to us, for a slip of the pen must not go unseen.
    fn look_through_environment(&mut self) {
        for (variable, value) in &self.environment.0 {
            let Some(name) = variable.strip_prefix("ROLLCALL_") else { continue };
            if OTHER_VARIABLES.contains(&variable.as_str()) || is_of_a_cluster(name) {
                continue;
            }
            let lower = name.to_ascii_lowercase();
            if named(&lower).is_none_or(|setting| setting.variable() != *variable) {
                self.mistakes.push(unknown(&lower, variable, variable));
            } else if value.to_str().is_none() {
                self.mistakes.push(format!("{lower} ({variable}): this is not text in UTF-8"));
            }
        }
    }

    /// A variable of the environment that is no setting's own.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.environment.text(name)
    }

    /// What was given of a setting.
    pub(super) fn given(&self, setting: &'static Setting) -> Option<Given> {
        if let Some(given) = self.options.get(setting.name) {
            return Some(given.clone());
        }
        if setting.name == LOG_LEVEL.name
            && let Some(text) = self.variable(RUST_LOG)
        {
            return Some(Given::new(setting, text, Origin::Variable(RUST_LOG.to_owned())));
        }
        let variable = setting.variable();
        if let Some(text) = self.variable(&variable) {
            return Some(Given::new(setting, text, Origin::Variable(variable)));
        }
        if let Some(given) = self.file.get(setting.name) {
            return Some(given.clone());
        }
        let usual = (setting.name == DATABASE.name).then(|| self.variable(DATABASE_URL)).flatten();
        usual.map(|text| Given::new(setting, text, Origin::Variable(DATABASE_URL.to_owned())))
    }

    /// What was given, else the default.
    pub(super) fn given_or_default(&self, setting: &'static Setting) -> Given {
        self.given(setting).unwrap_or_else(|| Given::new(setting, setting.default, Origin::Default))
    }

    /// The text of a setting.
    pub(super) fn text(&self, setting: &'static Setting) -> Option<String> {
        self.given(setting).map(|given| given.text())
    }

    /// The path of a setting.
    pub(super) fn path(&mut self, setting: &'static Setting) -> Option<PathBuf> {
        let given = self.given(setting)?;
        if given.text().is_empty() {
            self.mistake(&given, "this must be the path of a file, not empty");
            return None;
        }
        Some(PathBuf::from(given.text()))
    }

    /// The elements of a list, each with where it came from.
    pub(super) fn list(&self, setting: &'static Setting) -> Vec<Given> {
        let Some(given) = self.given(setting) else { return Vec::new() };
        let elements = given.elements().into_iter();
        elements.map(|element| Given::new(setting, element, given.from.clone())).collect()
    }

    /// A switch.
    pub(super) fn switch(&mut self, setting: &'static Setting) -> bool {
        let given = self.given_or_default(setting);
        given.text().trim().parse().unwrap_or_else(|_| {
            self.mistake(&given, &format!("{:?} must be true or false", given.text()));
            false
        })
    }

    /// One of the words of a choice.
    pub(super) fn choice(&mut self, setting: &'static Setting) -> &'static str {
        let given = self.given_or_default(setting);
        let words = if let Kind::Choice(words) = setting.kind { words } else { &[] };
        words.iter().copied().find(|word| *word == given.text()).unwrap_or_else(|| {
            self.mistake(&given, &format!("{:?} must be {}", given.text(), words.join(" or ")));
            setting.default
        })
    }

    /// A number of a count, a span (in seconds) or a size (in bytes); nothing where there is no default either.
    pub(super) fn number(&mut self, setting: &'static Setting) -> Option<u64> {
        let given = self.given_or_default(setting);
        if given.from == Origin::Default && setting.default.is_empty() {
            return None;
        }
        match setting.kind.number(&given.text()) {
            Ok(number) => Some(number),
            Err(mistake) => {
                self.mistake(&given, &mistake.replace('`', ""));
                setting.kind.number(setting.default).ok()
            }
        }
    }

    /// A number that has a default.
    pub(super) fn size(&mut self, setting: &'static Setting) -> usize {
        self.number(setting).and_then(|number| usize::try_from(number).ok()).unwrap_or_default()
    }

    /// A span that has a default.
    pub(super) fn span(&mut self, setting: &'static Setting) -> Duration {
        seconds(self.number(setting).unwrap_or_default())
    }

    /// Notes a mistake of what was given.
    pub(super) fn mistake(&mut self, given: &Given, what: &str) {
        self.mistakes.push(given.mistake(what));
    }

    /// Notes that a setting is missing, or at odds with others.
    pub(super) fn mistake_of(&mut self, setting: &'static Setting, what: &str) {
        let mistake = match self.given(setting) {
            Some(given) => given.mistake(what),
            None => format!("{}: {what}", setting.name),
        };
        self.mistakes.push(mistake);
    }
}

/// What is said of a name that is none of ours: the nearest one.
pub(super) fn unknown(name: &str, from: &str, shown: &str) -> String {
    let alike = settings().map(|setting| (setting.name, strsim::jaro_winkler(setting.name, name)));
    let nearest =
        alike.max_by(|(_, one), (_, other)| one.total_cmp(other)).filter(|(_, alike)| *alike >= ALIKE);
    let from = if from == shown { String::new() } else { format!(" ({from})") };
    match nearest.and_then(|(nearest, _)| named(nearest)) {
        Some(nearest) if shown.starts_with("ROLLCALL_") => {
            format!("{shown}{from}: there is no such setting; did you mean {}?", nearest.variable())
        }
        Some(nearest) => format!("{shown}{from}: there is no such setting; did you mean {}?", nearest.name),
        None => format!("{shown}{from}: there is no such setting; rollcall config reference lists them"),
    }
}

/// Whether a cluster sets a variable of this name for a service that is called `rollcall`.
fn is_of_a_cluster(name: &str) -> bool {
    name == "PORT"
        || ["SERVICE_HOST", "SERVICE_PORT"].iter().any(|of| name.starts_with(of))
        || name
            .strip_prefix("PORT_")
            .is_some_and(|port| port.starts_with(|character: char| character.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_told_with_what_was_meant() {
        let check = |name: &str, expected: &str| {
            assert!(
                unknown(name, "rollcall.toml line 1", name).contains(expected),
                "{}",
                unknown(name, "x", name)
            );
        };
        check("databse", "did you mean database?");
        check("trusted_proxie", "did you mean trusted_proxies?");
        check("max_conections", "did you mean max_connections?");
        check("tls_certificate", "did you mean tls_certificate_file?");
        check("zzz", "rollcall config reference");
        assert_eq!(
            unknown("listn", "ROLLCALL_LISTN", "ROLLCALL_LISTN"),
            "ROLLCALL_LISTN: there is no such setting; did you mean ROLLCALL_LISTEN?"
        );
    }

    #[test]
    fn variables_of_a_cluster_are_let_be() {
        for name in
            ["PORT", "PORT_80_TCP", "PORT_80_TCP_ADDR", "SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP"]
        {
            assert!(is_of_a_cluster(name), "{name}");
        }
        for name in ["PORTS", "LISTEN", "PORT_X"] {
            assert!(!is_of_a_cluster(name), "{name}");
        }
    }
}
