//! Settings: flags over environment over file over defaults; all mistakes are told together.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::cli::{Global, Listen};

/// The file that is read where none is named and it is there.
const DEFAULT_FILE: &str = "rollcall.toml";
/// The settings that a file or `ROLLCALL_*` may have.
const NAMES: [&str; 7] =
    ["database", "listen", "base_url", "trust_proxy", "insecure_listen", "schemas", "resource_types"];

/// What the commands run with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Path of the SQLite file.
    pub(crate) database: PathBuf,
    /// Whether the database was named, by flag, environment or file.
    pub(crate) database_named: bool,
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// The base URL that clients see.
    pub(crate) base_url: Option<String>,
    /// Whether forwarded headers are believed.
    pub(crate) trust_proxy: bool,
    /// Files of schemas to load (RFC 7643 §7).
    pub(crate) schemas: Vec<PathBuf>,
    /// Files of resource types to load (RFC 7643 §6).
    pub(crate) resource_types: Vec<PathBuf>,
    /// Whether output is JSON.
    pub(crate) json: bool,
}

/// A setting's text with where it came from.
struct Given {
    text: String,
    from: String,
}

impl Settings {
    /// Reads the settings; the mistakes, each with its setting's name, where there are any. `listen` has the flags of a
    /// command that listens.
    pub(crate) fn load(
        flags: &Global,
        listen: Option<&Listen>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Vec<String>> {
        let mut mistakes = Vec::new();
        let file = read_file(flags.config.as_deref(), &mut mistakes);
        for (name, value) in &file {
            if !NAMES.contains(&name.as_str()) {
                mistakes.push(format!("{name}: there is no such setting; there are {}", NAMES.join(", ")));
            } else if value.as_array().is_some_and(|list| !list.iter().all(toml::Value::is_str)) {
                mistakes.push(format!("{name}: a list here must be of texts"));
            }
        }
        let given = |name: &str| -> Option<Given> {
            let variable = format!("ROLLCALL_{}", name.to_ascii_uppercase());
            if let Some(text) = environment(&variable) {
                return Some(Given { text, from: variable });
            }
            let text = match file.get(name)? {
                toml::Value::String(text) => text.clone(),
                toml::Value::Array(list) => {
                    list.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(",")
                }
                other => other.to_string(),
            };
            Some(Given { text, from: name.to_owned() })
        };
        let flag = |name: &str, mistakes: &mut Vec<String>| match given(name) {
            None => false,
            Some(Given { text, from }) => text.parse().unwrap_or_else(|_| {
                mistakes.push(format!("{from}: {text:?} must be true or false"));
                false
            }),
        };
        let files = |name: &str| -> Vec<PathBuf> {
            let text = given(name).map(|given| given.text).unwrap_or_default();
            text.split(',').map(str::trim).filter(|path| !path.is_empty()).map(PathBuf::from).collect()
        };
        let url = flags
            .database
            .clone()
            .map(|text| Given { text, from: "--database".to_owned() })
            .or_else(|| given("database"))
            .or_else(|| {
                environment("DATABASE_URL").map(|text| Given { text, from: "DATABASE_URL".to_owned() })
            });
        let database_named = url.is_some();
        let url = url
            .unwrap_or_else(|| Given { text: "sqlite:rollcall.db".to_owned(), from: "database".to_owned() });
        let database = database_path(&url, &mut mistakes);
        let insecure_listen =
            flag("insecure_listen", &mut mistakes) || listen.is_some_and(|flags| flags.insecure_listen);
        let address = listen
            .and_then(|flags| flags.address.clone())
            .map(|text| Given { text, from: "--listen".to_owned() })
            .or_else(|| given("listen"))
            .unwrap_or_else(|| Given { text: "127.0.0.1:8080".to_owned(), from: "listen".to_owned() });
        let (address, plain) = (parse_listen(&address, &mut mistakes), address);
        if listen.is_some() && !insecure_listen && !address.ip().is_loopback() {
            mistakes.push(format!(
                "{}: {address} is not a loopback address, and this is plain HTTP: keys would travel in clear. Listen on \
                 127.0.0.1 behind a proxy that speaks TLS, or set insecure_listen = true",
                plain.from
            ));
        }
        let base_url = given("base_url");
        if let Some(Given { text, from }) = &base_url
            && !(text.starts_with("http://") || text.starts_with("https://"))
        {
            mistakes.push(format!("{from}: {text:?} must be a URL such as https://scim.example.com/scim/v2"));
        }
        let trust_proxy = flag("trust_proxy", &mut mistakes);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Self {
            database,
            database_named,
            listen: address,
            base_url: base_url.map(|given| given.text),
            trust_proxy,
            schemas: files("schemas"),
            resource_types: files("resource_types"),
            json: flags.json,
        })
    }
}

/// An address and port.
fn parse_listen(Given { text, from }: &Given, mistakes: &mut Vec<String>) -> SocketAddr {
    let resolved = std::net::ToSocketAddrs::to_socket_addrs(text.as_str())
        .ok()
        .and_then(|mut addresses| addresses.next());
    resolved.unwrap_or_else(|| {
        mistakes.push(format!("{from}: {text:?} must be an address and a port such as 127.0.0.1:8080"));
        SocketAddr::from(([127, 0, 0, 1], 8080))
    })
}

fn database_path(url: &Given, mistakes: &mut Vec<String>) -> PathBuf {
    let Given { text, from } = url;
    if let Some(path) = text.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.starts_with(":memory:") || path.starts_with("file:") {
            mistakes.push(format!(
                "{from}: {text:?} must name a file by its path; what is only in memory is lost"
            ));
            return PathBuf::new();
        }
        if !path.is_empty() {
            return PathBuf::from(path);
        }
    }
    mistakes.push(if text.starts_with("postgres") {
        format!("{from}: this release keeps its data in SQLite; use sqlite:PATH (PostgreSQL follows)")
    } else {
        format!("{from}: {text:?} must be sqlite:PATH")
    });
    PathBuf::new()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn load(
        file: Option<&str>,
        environment: &[(&str, &str)],
        database: Option<&str>,
    ) -> Result<Settings, Vec<String>> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("settings.toml");
        std::fs::write(&path, file.unwrap_or_default()).expect("written");
        let flags = Global { database: database.map(str::to_owned), config: Some(path), json: false };
        let variable = |name: &str| {
            environment.iter().find(|(other, _)| *other == name).map(|(_, text)| (*text).to_owned())
        };
        Settings::load(&flags, None, &variable)
    }

    #[test]
    fn flags_over_environment_over_file_over_defaults() {
        let defaults = load(None, &[], None).expect("fine");
        assert_eq!((defaults.database.to_str(), defaults.database_named), (Some("rollcall.db"), false));
        let file = "database = \"sqlite:/a\"\nlisten = \"127.0.0.1:1\"\nschemas = [\"x.json\", \"y.json\"]";
        let settings = load(Some(file), &[("ROLLCALL_LISTEN", "127.0.0.1:2")], None).expect("fine");
        assert_eq!((settings.database.to_str(), settings.listen.port()), (Some("/a"), 2));
        assert_eq!(settings.schemas, [PathBuf::from("x.json"), PathBuf::from("y.json")]);
        let settings = load(
            Some(file),
            &[("ROLLCALL_DATABASE", "sqlite:/b"), ("DATABASE_URL", "sqlite:/c")],
            Some("sqlite:///d"),
        );
        assert_eq!(settings.expect("fine").database.to_str(), Some("/d"));
        let settings = load(None, &[("DATABASE_URL", "sqlite:/c")], None);
        assert_eq!(settings.expect("fine").database.to_str(), Some("/c"));
    }

    #[test]
    fn all_mistakes_are_told_together() {
        let file = "databse = \"x\"\nlisten = \"nowhere\"\ntrust_proxy = \"maybe\"\nbase_url = \"scim\"\nschemas = [1]";
        let mistakes = load(Some(file), &[], Some("postgres://x")).expect_err("six");
        for name in ["databse", "listen", "trust_proxy", "base_url", "--database", "schemas"] {
            assert!(mistakes.iter().any(|mistake| mistake.starts_with(name)), "{name}: {mistakes:?}");
        }
        assert_eq!(mistakes.len(), 6);
        for no_file in ["sqlite:", "sqlite::memory:", "sqlite:file:x?mode=memory", "mysql:x", ""] {
            assert!(load(None, &[], Some(no_file)).is_err_and(|mistakes| mistakes.len() == 1), "{no_file}");
        }
        assert!(load(Some("="), &[], None).is_err());
    }

    #[test]
    fn plain_http_on_an_open_address_is_refused_unless_it_is_asked_for() {
        let load = |address: &str, insecure_listen, variable: Option<&str>| {
            let listen = Listen { address: Some(address.to_owned()), insecure_listen };
            let variable =
                |name: &str| variable.filter(|_| name == "ROLLCALL_INSECURE_LISTEN").map(str::to_owned);
            Settings::load(&Global::default(), Some(&listen), &variable)
                .map(|settings| settings.listen.to_string())
        };
        assert_eq!(load("[::1]:80", false, None), Ok("[::1]:80".to_owned()));
        let refused = load("0.0.0.0:80", false, None).expect_err("refused");
        assert!(refused.iter().any(|mistake| mistake.contains("insecure_listen")), "{refused:?}");
        assert_eq!(load("0.0.0.0:80", true, None), Ok("0.0.0.0:80".to_owned()));
        assert_eq!(load("0.0.0.0:80", false, Some("true")), Ok("0.0.0.0:80".to_owned()));
        assert!(load("80", true, None).is_err_and(|mistakes| mistakes.len() == 1));
    }
}
