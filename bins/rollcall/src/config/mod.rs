//! Settings: flags over environment over file over defaults; all mistakes are told together.

mod given;
mod mail;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use scim_directory::ConnectorId;
use zeroize::Zeroizing;

use self::given::{Given, Sources};
use crate::cli::{Global, Listen, network};
use crate::pepper::PepperPlace;

pub(crate) use self::mail::MailSettings;

/// What the commands run with.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Path of the SQLite file.
    pub(crate) database: PathBuf,
    /// Whether the database was named, by flag, environment or file.
    pub(crate) database_named: bool,
    /// Where the peppers come from that keys are hashed with.
    pub(crate) pepper: PepperPlace,
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// The base URL that clients see.
    pub(crate) base_url: Option<String>,
    /// Whether forwarded headers are believed, whoever sends them.
    pub(crate) trust_proxy: bool,
    /// The proxies whose forwarded headers are believed.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// Networks that are not public, and may be reached all the same to fetch the keys of trusted issuers.
    pub(crate) egress_networks: Vec<IpNet>,
    /// Networks from which `/metrics` may be read, besides this machine.
    pub(crate) metrics_networks: Vec<IpNet>,
    /// Files of schemas to load (RFC 7643 §7).
    pub(crate) schemas: Vec<PathBuf>,
    /// Files of resource types to load (RFC 7643 §6).
    pub(crate) resource_types: Vec<PathBuf>,
    /// How reminders about keys are mailed; `None` for not at all.
    pub(crate) mail: Option<MailSettings>,
    /// Whether output is JSON.
    pub(crate) json: bool,
}

impl Settings {
    /// Reads the settings; the mistakes, each with its setting's name, where there are any. `listen` has the flags of a
    /// command that listens.
    pub(crate) fn load(
        flags: &Global,
        listen: Option<&Listen>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Vec<String>> {
        let mut sources = Sources::read(flags.config.as_deref(), environment);
        let url = flags
            .database
            .clone()
            .map(|text| Given::new(text, "--database"))
            .or_else(|| sources.text("database"))
            .or_else(|| sources.variable("DATABASE_URL").map(|text| Given::new(text, "DATABASE_URL")));
        let database_named = url.is_some();
        let url = url.unwrap_or_else(|| Given::new("sqlite:rollcall.db", "database"));
        let database = database_path(&url, &mut sources.mistakes);
        let pepper = pepper_place(flags, &database, &sources);
        let (listen, base_url) = (address(listen, &mut sources), base_url(&mut sources));
        let files = |sources: &Sources<'_>, name: &str| -> Vec<PathBuf> {
            sources.list(name).into_iter().map(|given| given.text.into()).collect()
        };
        let trust_proxy = sources.flag("trust_proxy");
        let settings = Self {
            database,
            database_named,
            pepper,
            listen,
            base_url,
            trust_proxy,
            trusted_proxies: trusted_proxies(trust_proxy, &mut sources),
            egress_networks: networks("egress_networks", &mut sources),
            metrics_networks: networks("metrics_networks", &mut sources),
            schemas: files(&sources, "schemas"),
            resource_types: files(&sources, "resource_types"),
            mail: MailSettings::load(&mut sources),
            json: flags.json,
        };
        if sources.mistakes.is_empty() { Ok(settings) } else { Err(sources.mistakes) }
    }

    /// These settings for a database that is made for a while in a folder of its own, with that pepper.
    pub(crate) fn in_folder(&self, folder: &Path, pepper: Zeroizing<String>) -> Self {
        let pepper = PepperPlace::Text(pepper);
        Self { database: folder.join("demo.db"), pepper, ..self.clone() }
    }

    /// The URL before every path of this server, as clients see it, without a slash at its end.
    pub(crate) fn root(&self) -> String {
        match &self.base_url {
            Some(base) => scim_actix::root_of(base).to_owned(),
            None => format!("http://{}", self.listen),
        }
    }

    /// The SCIM URL that serves all instances, as clients see it.
    pub(crate) fn scim_url(&self) -> String {
        match &self.base_url {
            Some(base) => base.trim_end_matches('/').to_owned(),
            None => format!("{}/scim/v2", self.root()),
        }
    }

    /// The SCIM URL of a connector's own, as clients see it.
    pub(crate) fn scim_url_of(&self, connector: ConnectorId) -> String {
        format!("{}/c/{connector}/scim/v2", self.root())
    }
}

/// The pepper's file in the data folder.
const PEPPER_NAME: &str = "pepper";

fn pepper_place(flags: &Global, database: &Path, sources: &Sources<'_>) -> PepperPlace {
    let file = flags.pepper_file.clone();
    let given = |name: &str| sources.text(name).map(|given| PathBuf::from(given.text));
    if let (None, Some(text)) = (&file, sources.variable("ROLLCALL_PEPPER")) {
        return PepperPlace::Text(Zeroizing::new(text));
    }
    PepperPlace::File(file.or_else(|| given("pepper_file")).unwrap_or_else(|| {
        let data = flags.data.clone().or_else(|| given("data"));
        data.as_deref().or(database.parent()).unwrap_or(Path::new("")).join(PEPPER_NAME)
    }))
}

fn base_url(sources: &mut Sources<'_>) -> Option<String> {
    let Given { text, from } = sources.text("base_url")?;
    if !(text.starts_with("http://") || text.starts_with("https://")) {
        sources.mistake(&from, &format!("{text:?} must be a URL such as https://scim.example.com/scim/v2"));
    }
    Some(text)
}

fn networks(name: &str, sources: &mut Sources<'_>) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for Given { text, from } in sources.list(name) {
        match network(&text) {
            Ok(network) => networks.push(network),
            Err(mistake) => sources.mistake(&from, &mistake),
        }
    }
    networks
}

fn trusted_proxies(trust_proxy: bool, sources: &mut Sources<'_>) -> Vec<IpNet> {
    let networks = networks("trusted_proxies", sources);
    if trust_proxy && !networks.is_empty() {
        sources.mistake("trusted_proxies", "trust_proxy = true trusts every one already; set one of the two");
    }
    networks
}

/// Where to listen: plain HTTP stays on this machine unless somebody asks for more.
fn address(flags: Option<&Listen>, sources: &mut Sources<'_>) -> SocketAddr {
    let insecure_listen = sources.flag("insecure_listen") || flags.is_some_and(|flags| flags.insecure_listen);
    let given = flags
        .and_then(|flags| flags.address.clone())
        .map(|text| Given::new(text, "--listen"))
        .or_else(|| sources.text("listen"))
        .unwrap_or_else(|| Given::new("127.0.0.1:8080", "listen"));
    let address = parse_listen(&given, &mut sources.mistakes);
    if flags.is_some() && !insecure_listen && !address.ip().is_loopback() {
        sources.mistakes.push(format!(
            "{}: {address} is not a loopback address, and this is plain HTTP: keys would travel in clear. Listen on \
             127.0.0.1 behind a proxy that speaks TLS, or set insecure_listen = true",
            given.from
        ));
    }
    address
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
        let flags = Global { database: database.map(str::to_owned), config: Some(path), ..Global::default() };
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
    fn the_pepper_is_a_file_in_the_data_folder_unless_something_else_is_said() {
        let check = |file: &str, environment: &[(&str, &str)], expected: &str| {
            let settings = load(Some(file), environment, Some("sqlite:/srv/db/rollcall.db")).expect("fine");
            match settings.pepper {
                PepperPlace::File(path) => assert_eq!(path.to_str(), Some(expected)),
                PepperPlace::Text(text) => assert_eq!(text.as_str(), expected),
            }
        };
        check("", &[], "/srv/db/pepper");
        check("data = \"/var/lib/rollcall\"", &[], "/var/lib/rollcall/pepper");
        check("data = \"/a\"\npepper_file = \"/b/secret\"", &[], "/b/secret");
        check("pepper_file = \"/b/secret\"", &[("ROLLCALL_DATA", "/c")], "/b/secret");
        check("pepper_file = \"/b/secret\"", &[("ROLLCALL_PEPPER", "text")], "text");
        let told = load(Some("pepper = \"text\""), &[], None).expect_err("refused");
        assert!(told.len() == 1 && told[0].contains("ROLLCALL_PEPPER"), "{told:?}");
    }

    #[test]
    fn proxies_are_networks() {
        let proxies = |file: &str| load(Some(file), &[], None).map(|settings| settings.trusted_proxies);
        let both = proxies("trusted_proxies = [\"10.1.2.3/8\", \"2001:db8::1\"]").expect("fine");
        assert_eq!(
            both.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["10.0.0.0/8", "2001:db8::1/128"]
        );
        let told = proxies("trusted_proxies = [\"proxy.example\", \"10.0.0.0/8\"]").expect_err("refused");
        assert!(told.len() == 1 && told[0].starts_with("trusted_proxies"), "{told:?}");
        let told = proxies("trust_proxy = true\ntrusted_proxies = [\"10.0.0.0/8\"]").expect_err("refused");
        assert!(told.len() == 1 && told[0].contains("one of the two"), "{told:?}");
    }

    #[test]
    fn urls_begin_as_the_base_url_does() {
        let check = |environment: &[(&str, &str)], root: &str, scim_url: &str| {
            let settings = load(None, environment, None).expect("fine");
            assert_eq!((settings.root().as_str(), settings.scim_url().as_str()), (root, scim_url));
        };
        check(&[], "http://127.0.0.1:8080", "http://127.0.0.1:8080/scim/v2");
        for (base, root) in [
            ("https://x.example/scim/v2", "https://x.example"),
            ("https://x.example/apps/scim/v2", "https://x.example/apps"),
            ("https://x.example/people", "https://x.example"),
        ] {
            check(&[("ROLLCALL_BASE_URL", base)], root, base);
            check(&[("ROLLCALL_BASE_URL", &format!("{base}/"))], root, base);
        }
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
