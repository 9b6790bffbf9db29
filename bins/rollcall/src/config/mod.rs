//! Settings: options over environment over file over defaults; all mistakes are told together.
//!
//! What settings there are stands in [`table`]; the rest of this folder reads them.

mod database;
mod file;
mod listen;
mod mail;
mod reference;
mod setting;
mod shown;
mod sources;
mod table;

use std::path::{Path, PathBuf};

use ipnet::IpNet;
use scim_core::instant::Timestamp;
use scim_directory::ConnectorId;
use scim_provider::Limits;
use zeroize::Zeroizing;

use self::setting::Setting;
use self::sources::{Given, Origin, Sources};
use self::table::{
    BASE_URL, DATA, DATABASE, EGRESS_NETWORKS, INSECURE_LISTEN, LISTEN, LOG_FORMAT, LOG_LEVEL, MAX_BODY,
    MAX_BULK_BODY, MAX_BULK_OPERATIONS, MAX_GROUP_BODY, MAX_PAGE, METRICS_NETWORKS, PEPPER, PEPPER_FILE,
    RESOURCE_TYPES, SCHEMAS, TRUST_PROXY, TRUSTED_PROXIES,
};
use crate::cli::{Global, Listen, network};
use crate::pepper::PepperPlace;
use crate::server::tls;

#[cfg(feature = "postgres")]
pub(crate) use self::database::ServerDatabase;
pub(crate) use self::database::{DatabasePlace, DatabaseSettings};
pub(crate) use self::listen::{ListenSettings, TlsFiles};
pub(crate) use self::mail::{MailPassword, MailSettings};
pub(crate) use self::reference::{example, reference};
pub(crate) use self::shown::Shown;
pub(crate) use self::sources::Environment;

/// What the commands run with.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Where data are kept.
    pub(crate) database: DatabaseSettings,
    /// Where the peppers come from that keys are hashed with.
    pub(crate) pepper: PepperPlace,
    /// Where and how the server listens.
    pub(crate) listen: ListenSettings,
    /// The bounds of requests.
    pub(crate) limits: Limits,
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
    /// How the server log is written.
    pub(crate) log: LogSettings,
    /// How reminders about keys are mailed; `None` for not at all.
    pub(crate) mail: Option<MailSettings>,
    /// Whether output is JSON.
    pub(crate) json: bool,
}

/// How the server log is written.
#[derive(Clone, Debug)]
pub(crate) struct LogSettings {
    /// Whether each line is a JSON object.
    pub(crate) json: bool,
    /// What is logged, as `RUST_LOG` has it.
    pub(crate) level: String,
}

/// What a configuration comes to.
pub(crate) struct Loaded {
    /// The settings, or all mistakes, each with its setting's name, where it came from and what to do.
    pub(crate) settings: Result<Settings, Vec<String>>,
    /// What is not wrong, and should be otherwise.
    pub(crate) warnings: Vec<String>,
    /// What holds of each setting, and where it came from.
    pub(crate) shown: Vec<Shown>,
}

impl Settings {
    /// Reads the settings. `listen` has the options of a command that listens; `listens` where an address that is open to
    /// others matters; `serves` is now, where the files of TLS are looked into.
    pub(crate) fn load(
        global: &Global,
        listen: Option<&Listen>,
        listens: bool,
        serves: Option<Timestamp>,
        environment: &Environment,
    ) -> Loaded {
        let mut sources = Sources::read(global.config.as_deref(), &global.set, environment);
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        sources.option(&DATABASE, "--database", global.database.clone());
        sources.option(&DATA, "--data", path(&global.data));
        sources.option(&PEPPER_FILE, "--pepper-file", path(&global.pepper_file));
        if let Some(listen) = listen {
            sources.option(&LISTEN, "--listen", listen.address.clone());
            let insecure = listen.insecure_listen.then(|| "true".to_owned());
            sources.option(&INSECURE_LISTEN, "--insecure-listen", insecure);
        }
        let settings = Self::of(&mut sources, listens, global.json);
        let shown = shown::all(&sources);
        let (mut mistakes, mut warnings) = (sources.mistakes, Vec::new());
        if let (Some(files), Some(now)) = (&settings.listen.tls, serves) {
            let (wrong, doubtful) = tls::check(files, now);
            mistakes.extend(wrong);
            warnings.extend(doubtful);
        }
        Loaded { warnings, settings: if mistakes.is_empty() { Ok(settings) } else { Err(mistakes) }, shown }
    }

    fn of(sources: &mut Sources<'_>, listens: bool, json: bool) -> Self {
        let database = DatabaseSettings::load(sources);
        let pepper = pepper_place(database.data_folder(), sources);
        let files = |sources: &Sources<'_>, setting: &'static Setting| -> Vec<PathBuf> {
            sources.list(setting).into_iter().map(|given| given.text().into()).collect()
        };
        let trust_proxy = sources.switch(&TRUST_PROXY);
        Self {
            database,
            pepper,
            listen: ListenSettings::load(sources, listens),
            limits: limits(sources),
            base_url: base_url(sources),
            trust_proxy,
            trusted_proxies: trusted_proxies(trust_proxy, sources),
            egress_networks: networks(&EGRESS_NETWORKS, sources),
            metrics_networks: networks(&METRICS_NETWORKS, sources),
            schemas: files(sources, &SCHEMAS),
            resource_types: files(sources, &RESOURCE_TYPES),
            log: log(sources),
            mail: MailSettings::load(sources),
            json,
        }
    }

    /// These settings for a database that is made for a while in a folder of its own, with that pepper.
    pub(crate) fn in_folder(&self, folder: &Path, pepper: Zeroizing<String>) -> Self {
        let pepper = PepperPlace::Text(pepper);
        Self { database: self.database.in_file(folder.join("demo.db")), pepper, ..self.clone() }
    }

    /// The URL before every path of this server, as clients see it, without a slash at its end.
    pub(crate) fn root(&self) -> String {
        match &self.base_url {
            Some(base) => scim_actix::root_of(base).to_owned(),
            None => format!("{}://{}", self.listen.scheme(), self.listen.address),
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

fn pepper_place(usual: &Path, sources: &mut Sources<'_>) -> PepperPlace {
    let data = sources.path(&DATA);
    let beside = || data.as_deref().unwrap_or(usual).join(PEPPER_NAME);
    let file = sources.given(&PEPPER_FILE);
    if let Some(text) = sources.text(&PEPPER) {
        match file {
            None => return PepperPlace::Text(Zeroizing::new(text)),
            // An option of the command line is nearer than any of the two.
            Some(Given { from: Origin::Option(_), .. }) => {}
            Some(_) => sources.mistake_of(&PEPPER, "pepper_file says where it is too; keep one of the two"),
        }
    }
    PepperPlace::File(sources.path(&PEPPER_FILE).unwrap_or_else(beside))
}

/// The bounds of requests.
fn limits(sources: &mut Sources<'_>) -> Limits {
    let max_page_size = sources.size(&MAX_PAGE);
    let usual = Limits::default();
    Limits {
        max_body_bytes: sources.size(&MAX_BODY),
        max_group_body_bytes: sources.size(&MAX_GROUP_BODY),
        max_bulk_body_bytes: sources.size(&MAX_BULK_BODY),
        max_bulk_operations: sources.size(&MAX_BULK_OPERATIONS),
        max_page_size,
        default_page_size: usual.default_page_size.min(max_page_size),
        ..usual
    }
}

fn log(sources: &mut Sources<'_>) -> LogSettings {
    let level = sources.given_or_default(&LOG_LEVEL);
    if let Err(error) = env_filter::Builder::new().try_parse(&level.text()) {
        let what =
            format!("{error}; write error, warn, info or debug, or levels by target: warn,scim_actix=info");
        sources.mistake(&level, &what);
    }
    LogSettings { json: sources.choice(&LOG_FORMAT) == "json", level: level.text() }
}

fn base_url(sources: &mut Sources<'_>) -> Option<String> {
    let given = sources.given(&BASE_URL)?;
    let text = given.text();
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    if host.is_none_or(|host| host.is_empty() || host.starts_with('/')) || text.contains(['?', '#', ' ', '@'])
    {
        sources.mistake(&given, &format!("{text:?} must be a URL such as https://scim.example.com/scim/v2"));
    }
    Some(text)
}

fn networks(setting: &'static Setting, sources: &mut Sources<'_>) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for given in sources.list(setting) {
        match network(&given.text()) {
            Ok(network) => networks.push(network),
            Err(mistake) => sources.mistake(&given, &mistake),
        }
    }
    networks
}

fn trusted_proxies(trust_proxy: bool, sources: &mut Sources<'_>) -> Vec<IpNet> {
    let networks = networks(&TRUSTED_PROXIES, sources);
    if trust_proxy && !networks.is_empty() {
        sources
            .mistake_of(&TRUSTED_PROXIES, "trust_proxy = true trusts every one already; set one of the two");
    }
    networks
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn file_of(settings: &Settings) -> Option<&str> {
        settings.database.file().and_then(Path::to_str)
    }

    fn load(
        file: Option<&str>,
        environment: &[(&str, &str)],
        database: Option<&str>,
    ) -> Result<Settings, Vec<String>> {
        load_with(
            file,
            environment,
            &Global { database: database.map(str::to_owned), ..Global::default() },
            None,
        )
    }

    fn load_with(
        file: Option<&str>,
        environment: &[(&str, &str)],
        global: &Global,
        listen: Option<&Listen>,
    ) -> Result<Settings, Vec<String>> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("settings.toml");
        std::fs::write(&path, file.unwrap_or_default()).expect("written");
        let global = Global {
            database: global.database.clone(),
            config: Some(path),
            set: global.set.clone(),
            ..Global::default()
        };
        let variables = environment.iter().map(|(name, text)| ((*name).to_owned(), OsString::from(text)));
        Settings::load(&global, listen, listen.is_some(), None, &variables.collect()).settings
    }

    #[test]
    fn flags_over_environment_over_file_over_defaults() {
        let defaults = load(None, &[], None).expect("fine");
        assert_eq!((file_of(&defaults), defaults.database.named), (Some("rollcall.db"), false));
        let file = "database = \"sqlite:/a\"\nlisten = \"127.0.0.1:1\"\nschemas = [\"x.json\", \"y.json\"]";
        let settings = load(Some(file), &[("ROLLCALL_LISTEN", "127.0.0.1:2")], None).expect("fine");
        assert_eq!((file_of(&settings), settings.listen.address.port()), (Some("/a"), 2));
        assert_eq!(settings.schemas, [PathBuf::from("x.json"), PathBuf::from("y.json")]);
        let settings = load(
            Some(file),
            &[("ROLLCALL_DATABASE", "sqlite:/b"), ("DATABASE_URL", "sqlite:/c")],
            Some("sqlite:///d"),
        );
        assert_eq!(file_of(&settings.expect("fine")), Some("/d"));
        let settings = load(None, &[("DATABASE_URL", "sqlite:/c")], None);
        assert_eq!(file_of(&settings.expect("fine")), Some("/c"));
    }

    #[test]
    fn all_mistakes_are_told_together() {
        let file = "databse = \"x\"\nlisten = \"nowhere\"\ntrust_proxy = \"maybe\"\nbase_url = \"scim\"\nschemas = [1]";
        let mistakes = load(Some(file), &[], Some("mysql://x")).expect_err("six");
        for name in ["databse", "listen", "trust_proxy", "base_url", "--database", "schemas"] {
            assert!(mistakes.iter().any(|mistake| mistake.contains(name)), "{name}: {mistakes:?}");
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
        check("", &[("ROLLCALL_PEPPER", "text")], "text");
        #[cfg(feature = "postgres")]
        {
            let settings = load(None, &[], Some("postgres://ada@db.example/rollcall")).expect("fine");
            assert!(
                matches!(settings.pepper, PepperPlace::File(path) if path.to_str() == Some("/var/lib/rollcall/pepper"))
            );
        }
        let both = load(Some("pepper_file = \"/b/secret\""), &[("ROLLCALL_PEPPER", "text")], None);
        assert!(both.is_err_and(|told| told.len() == 1 && told[0].contains("one of the two")));
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
        let load = |address: &str, insecure_listen, environment: &[(&str, &str)]| {
            let listen = Listen { address: Some(address.to_owned()), insecure_listen };
            load_with(None, environment, &Global::default(), Some(&listen))
                .map(|settings| settings.listen.address.to_string())
        };
        assert_eq!(load("[::1]:80", false, &[]), Ok("[::1]:80".to_owned()));
        let refused = load("0.0.0.0:80", false, &[]).expect_err("refused");
        assert!(refused.len() == 1 && refused[0].starts_with("listen (--listen): "), "{refused:?}");
        assert!(
            refused[0].contains("insecure_listen") && refused[0].contains("tls_certificate_file"),
            "{refused:?}"
        );
        assert_eq!(load("0.0.0.0:80", true, &[]), Ok("0.0.0.0:80".to_owned()));
        assert_eq!(
            load("0.0.0.0:80", false, &[("ROLLCALL_INSECURE_LISTEN", "true")]),
            Ok("0.0.0.0:80".to_owned())
        );
        assert!(load("80", true, &[]).is_err_and(|mistakes| mistakes.len() == 1));
        let half = load("0.0.0.0:80", false, &[("ROLLCALL_TLS_CERTIFICATE_FILE", "x")]).expect_err("refused");
        assert!(half.len() == 1 && half[0].starts_with("tls_key_file: "), "{half:?}");
    }

    #[test]
    fn defaults_are_those_of_the_libraries() {
        let settings = load(None, &[], None).expect("fine");
        assert_eq!(format!("{:?}", settings.limits), format!("{:?}", Limits::default()));
        assert_eq!(settings.listen.deadline, scim_actix::Options::default().deadline);
        assert_eq!((settings.log.json, settings.log.level.as_str()), (false, "warn"));
    }

    #[test]
    fn limits_are_read_with_their_units_and_checked() {
        let settings = load(
            Some("max_body = \"2MiB\"\nmax_page = 50\nrequest_deadline = 5\nkeep_alive = \"0\""),
            &[("ROLLCALL_REQUEST_DEADLINE", "2m")],
            None,
        )
        .expect("fine");
        assert_eq!((settings.limits.max_body_bytes, settings.limits.max_page_size), (2 << 20, 50));
        assert_eq!(settings.limits.default_page_size, 50);
        assert_eq!((settings.listen.deadline.as_secs(), settings.listen.keep_alive.as_secs()), (120, 0));
        let told = load(
            Some("max_body = \"1TB\"\nmax_page = 0\nworkers = -1\nlog_format = \"xml\""),
            &[("ROLLCALL_HEAD_TIMEOUT", "1h"), ("ROLLCALL_LOG_LEVEL", "scim_actix=loud")],
            None,
        )
        .expect_err("six");
        for part in [
            "max_body (",
            "max_page (",
            "workers (",
            "log_format (",
            "head_timeout (ROLLCALL_HEAD_TIMEOUT): \"1h\" must be a time, 1s to 5m",
            "log_level (ROLLCALL_LOG_LEVEL)",
        ] {
            assert!(told.iter().any(|mistake| mistake.contains(part)), "{part}: {told:?}");
        }
        assert_eq!(told.len(), 6, "{told:?}");
    }

    #[test]
    fn every_setting_can_be_an_option_but_no_secret() {
        let load = |set: &[&str]| {
            let set = set.iter().map(|pair| (*pair).to_owned()).collect();
            load_with(None, &[("ROLLCALL_MAX_PAGE", "7")], &Global { set, ..Global::default() }, None)
        };
        assert_eq!(load(&["max_page=9"]).map(|settings| settings.limits.max_page_size), Ok(9));
        let told = load(&["pepper=hidden", "mx_page=9", "max_page"]).expect_err("three");
        assert!(told.len() == 3 && !told.concat().contains("hidden"), "{told:?}");
        assert!(told[0].contains("pepper_file") && told[1].contains("did you mean max_page?"), "{told:?}");
    }

    #[test]
    fn a_variable_that_says_nothing_is_told() {
        let told = load(None, &[("ROLLCALL_LISTN", "x"), ("ROLLCALL_PORT", "tcp://10.0.0.1:80")], None);
        assert!(told.is_err_and(|told| told.len() == 1 && told[0].contains("ROLLCALL_LISTEN")));
    }
}
