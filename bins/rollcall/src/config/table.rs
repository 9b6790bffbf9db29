//! The one table of settings. What the server reads, what `config check` shows, the reference in `docs/configuration.md` and the
//! example of a file are made from it.

use super::setting::{Kind, Place, Setting};

const MIB: u64 = 1 << 20;

/// What most settings have in common.
const PLAIN: Setting = Setting {
    name: "",
    kind: Kind::Text,
    default: "",
    otherwise: "",
    flag: None,
    meaning: "",
    example: "",
    place: Place::Anywhere,
};

/// Settings that belong together.
#[derive(Debug)]
pub(crate) struct Section {
    /// What they are about.
    pub(crate) title: &'static str,
    /// They.
    pub(crate) settings: &'static [&'static Setting],
}

/// All settings.
pub(crate) static SECTIONS: [Section; 7] = [
    Section {
        title: "Data",
        settings: &[&DATABASE, &DATA, &PEPPER_FILE, &PEPPER, &SCHEMAS, &RESOURCE_TYPES],
    },
    Section {
        title: "PostgreSQL",
        settings: &[
            &DATABASE_PASSWORD_FILE,
            &DATABASE_PASSWORD,
            &DATABASE_DIRECT_URL,
            &DATABASE_REPLICA_URL,
            &DATABASE_CONNECTIONS,
            &DATABASE_POOLER,
            &DATABASE_CONNECT_TIMEOUT,
            &DATABASE_STATEMENT_TIMEOUT,
        ],
    },
    Section {
        title: "Where to listen",
        settings: &[
            &LISTEN,
            &INSECURE_LISTEN,
            &MONITORING_LISTEN,
            &TLS_CERTIFICATE_FILE,
            &TLS_KEY_FILE,
            &BASE_URL,
        ],
    },
    Section {
        title: "Networks",
        settings: &[&TRUSTED_PROXIES, &TRUST_PROXY, &EGRESS_NETWORKS, &METRICS_NETWORKS],
    },
    Section {
        title: "Limits",
        settings: &[
            &MAX_HEAD,
            &MAX_BODY,
            &MAX_GROUP_BODY,
            &MAX_BULK_BODY,
            &MAX_BULK_OPERATIONS,
            &MAX_PAGE,
            &MAX_MEMORY,
            &MAX_WAITING_READS,
            &MAX_WAITING_WRITES,
            &READ_TIMEOUT,
            &REQUEST_DEADLINE,
            &HEAD_TIMEOUT,
            &KEEP_ALIVE,
            &MAX_CONNECTIONS,
            &MAX_CONNECTIONS_PER_CLIENT,
            &WORKERS,
            &SHUTDOWN_DELAY,
            &SHUTDOWN_TIMEOUT,
        ],
    },
    Section { title: "Log", settings: &[&LOG_FORMAT, &LOG_LEVEL] },
    Section {
        title: "Mail",
        settings: &[&MAIL_URL, &MAIL_PASSWORD_FILE, &MAIL_PASSWORD, &MAIL_FROM, &MAIL_TO],
    },
];

/// All settings, in the order in which they are documented.
pub(crate) fn settings() -> impl Iterator<Item = &'static Setting> {
    SECTIONS.iter().flat_map(|section| section.settings.iter().copied())
}

/// The setting of that name.
pub(crate) fn named(name: &str) -> Option<&'static Setting> {
    settings().find(|setting| setting.name == name)
}

pub(crate) static DATABASE: Setting = Setting {
    name: "database",
    default: "sqlite:rollcall.db",
    flag: Some("--database URL"),
    meaning: "`sqlite:PATH`; a file that is not there is made, for its owner alone. Or `postgres://USER@HOST/DATABASE` \
              ([PostgreSQL](operations.md#postgresql)): several hosts with commas between them, of which the one that takes \
              writes is used, and `?sslmode=` `disable`, `prefer`, `require`, `verify-ca` or `verify-full` with `sslrootcert=FILE`. \
              The variable `DATABASE_URL` counts too, where nothing else says anything.",
    example: "sqlite:/var/lib/rollcall/rollcall.db",
    ..PLAIN
};

pub(crate) static DATA: Setting = Setting {
    name: "data",
    kind: Kind::Path,
    otherwise: "the folder of the SQLite file; `/var/lib/rollcall` with PostgreSQL",
    flag: Some("--data DIR"),
    meaning: "The data folder, which holds the pepper; made where it is not there, for its owner alone.",
    example: "/var/lib/rollcall",
    ..PLAIN
};

pub(crate) static PEPPER_FILE: Setting = Setting {
    name: "pepper_file",
    kind: Kind::Path,
    otherwise: "`pepper` in the data folder",
    flag: Some("--pepper-file FILE"),
    meaning: "The [pepper](#the-pepper) that keys are hashed with; made at the first start.",
    example: "/etc/rollcall/pepper",
    ..PLAIN
};

pub(crate) static PEPPER: Setting = Setting {
    name: "pepper",
    meaning: "The pepper's text itself, in place of a file.",
    place: Place::Secret { file: "pepper_file" },
    ..PLAIN
};

pub(crate) static DATABASE_PASSWORD_FILE: Setting = Setting {
    name: "database_password_file",
    kind: Kind::Path,
    meaning: "A file that holds the password of the user in `database`, on one line. It counts for the other URLs too, where they \
              have none of their own.",
    example: "/etc/rollcall/database-password",
    ..PLAIN
};

pub(crate) static DATABASE_PASSWORD: Setting = Setting {
    name: "database_password",
    meaning: "The password itself, in place of a file.",
    place: Place::Secret { file: "database_password_file" },
    ..PLAIN
};

pub(crate) static DATABASE_DIRECT_URL: Setting = Setting {
    name: "database_direct_url",
    kind: Kind::Url,
    otherwise: "`database`",
    meaning: "The database past any pooler, where the schema is made and migrated.",
    example: "postgres://rollcall@db.example.com/rollcall",
    ..PLAIN
};

pub(crate) static DATABASE_REPLICA_URL: Setting = Setting {
    name: "database_replica_url",
    kind: Kind::Url,
    otherwise: "the primary is read",
    meaning: "A read replica, for the log and for reports; SCIM and keys are always read from the primary. Where it does not answer, \
              the primary is asked.",
    example: "postgres://rollcall@replica.example.com/rollcall",
    ..PLAIN
};

pub(crate) static DATABASE_CONNECTIONS: Setting = Setting {
    name: "database_connections",
    kind: Kind::Count(3, 500),
    default: "16",
    meaning: "Connections of this node to the primary, and up to a quarter more for look-ups; all nodes together need less than its \
              `max_connections`.",
    example: "32",
    ..PLAIN
};

pub(crate) static DATABASE_POOLER: Setting = Setting {
    name: "database_pooler",
    kind: Kind::Choice(&["session", "transaction"]),
    default: "session",
    meaning: "What stands between: `session` for nothing, or a pooler that gives each client a connection of its own; `transaction` \
              for one that gives a connection for a transaction, such as PgBouncer's `pool_mode = transaction`: no statement is \
              then kept prepared.",
    example: "transaction",
    ..PLAIN
};

pub(crate) static DATABASE_CONNECT_TIMEOUT: Setting = Setting {
    name: "database_connect_timeout",
    kind: Kind::Span(1, 60),
    default: "5s",
    meaning: "How long connecting may take, for each host of the URL.",
    example: "2s",
    ..PLAIN
};

pub(crate) static DATABASE_STATEMENT_TIMEOUT: Setting = Setting {
    name: "database_statement_timeout",
    kind: Kind::Span(1, 600),
    default: "10s",
    meaning: "How long a statement of a change or a look-up may take; then its connection is given up, and the request answered with \
              503. Lists have `read_timeout`.",
    example: "5s",
    ..PLAIN
};

pub(crate) static SCHEMAS: Setting = Setting {
    name: "schemas",
    kind: Kind::Paths,
    meaning: "Files of schemas ([custom schemas](custom-schemas.md)).",
    example: "/etc/rollcall/badge.json",
    ..PLAIN
};

pub(crate) static RESOURCE_TYPES: Setting = Setting {
    name: "resource_types",
    kind: Kind::Paths,
    meaning: "Files of resource types ([custom schemas](custom-schemas.md)).",
    example: "/etc/rollcall/device-type.json",
    ..PLAIN
};

pub(crate) static LISTEN: Setting = Setting {
    name: "listen",
    kind: Kind::Address,
    default: "127.0.0.1:8080",
    flag: Some("--listen ADDR"),
    meaning: "Where `serve` and `demo` listen; port 0 takes a free one. An address that is not loopback needs TLS, or \
              `insecure_listen`.",
    example: "0.0.0.0:8443",
    ..PLAIN
};

pub(crate) static INSECURE_LISTEN: Setting = Setting {
    name: "insecure_listen",
    kind: Kind::Switch,
    default: "false",
    flag: Some("--insecure-listen"),
    meaning: "`true` lets plain HTTP be served on an address that is not loopback: keys travel in clear. Only inside a network \
              that nobody else can listen to, such as that of a container and its proxy.",
    example: "true",
    ..PLAIN
};

pub(crate) static MONITORING_LISTEN: Setting = Setting {
    name: "monitoring_listen",
    kind: Kind::Address,
    otherwise: "`/metrics` is at `listen`",
    meaning: "Another address, plain HTTP, for `/healthz`, `/readyz` and `/metrics` alone; `/metrics` is then at `listen` no \
              more. It still answers only `metrics_networks`.",
    example: "0.0.0.0:9090",
    ..PLAIN
};

pub(crate) static TLS_CERTIFICATE_FILE: Setting = Setting {
    name: "tls_certificate_file",
    kind: Kind::Path,
    otherwise: "plain HTTP",
    meaning: "The certificate and those between it and its root, as PEM, the server's own first. With it Rollcall speaks TLS 1.2 \
              and 1.3. It is read again when it changes, and on SIGHUP ([TLS](operations.md#tls)).",
    example: "/etc/rollcall/tls/fullchain.pem",
    ..PLAIN
};

pub(crate) static TLS_KEY_FILE: Setting = Setting {
    name: "tls_key_file",
    kind: Kind::Path,
    meaning: "The certificate's private key, as PEM (PKCS #8, PKCS #1 or SEC1), not encrypted; nobody but the server's user \
              should be able to read it.",
    example: "/etc/rollcall/tls/privkey.pem",
    ..PLAIN
};

pub(crate) static BASE_URL: Setting = Setting {
    name: "base_url",
    kind: Kind::Url,
    otherwise: "as each request says",
    meaning: "The URL that clients see; `meta.location` and `Location` begin with it.",
    example: "https://scim.example.com/scim/v2",
    ..PLAIN
};

pub(crate) static TRUSTED_PROXIES: Setting = Setting {
    name: "trusted_proxies",
    kind: Kind::Networks,
    meaning: "Networks or addresses of the proxies whose `X-Forwarded-For`, `Forwarded`, `X-Forwarded-Proto` and \
              `X-Forwarded-Host` are believed. Needed behind a proxy wherever keys or connectors are limited to networks.",
    example: "10.0.0.0/8",
    ..PLAIN
};

pub(crate) static TRUST_PROXY: Setting = Setting {
    name: "trust_proxy",
    kind: Kind::Switch,
    default: "false",
    meaning: "`true` believes those headers whoever sends them: only where nothing but the proxy can reach the server. One of the \
              two, not both.",
    example: "true",
    ..PLAIN
};

pub(crate) static EGRESS_NETWORKS: Setting = Setting {
    name: "egress_networks",
    kind: Kind::Networks,
    meaning: "Networks of your own in which keys of [trusted issuers](oauth.md) may be fetched, over plain HTTP too; by default \
              only public addresses over HTTPS are asked.",
    example: "10.20.0.0/16",
    ..PLAIN
};

pub(crate) static METRICS_NETWORKS: Setting = Setting {
    name: "metrics_networks",
    kind: Kind::Networks,
    otherwise: "this machine",
    meaning: "Networks from which [`/metrics`](monitoring.md) may be read, besides this machine.",
    example: "10.0.5.0/24",
    ..PLAIN
};

pub(crate) static MAX_HEAD: Setting = Setting {
    name: "max_head",
    kind: Kind::Size(4 << 10, 128 << 10),
    default: "16KiB",
    meaning: "The longest head of a request: its first line and its header fields.",
    example: "32KiB",
    ..PLAIN
};

pub(crate) static MAX_BODY: Setting = Setting {
    name: "max_body",
    kind: Kind::Size(16 << 10, 64 * MIB),
    default: "1MiB",
    meaning: "The largest body of a request, but for groups and bulk.",
    example: "2MiB",
    ..PLAIN
};

pub(crate) static MAX_GROUP_BODY: Setting = Setting {
    name: "max_group_body",
    kind: Kind::Size(16 << 10, 256 * MIB),
    default: "16MiB",
    meaning: "The largest body of a request for a group: 100,000 members in one request have about 9 MiB.",
    example: "32MiB",
    ..PLAIN
};

pub(crate) static MAX_BULK_BODY: Setting = Setting {
    name: "max_bulk_body",
    kind: Kind::Size(16 << 10, 256 * MIB),
    default: "10MiB",
    meaning: "The largest bulk body (`bulk.maxPayloadSize`).",
    example: "20MiB",
    ..PLAIN
};

pub(crate) static MAX_BULK_OPERATIONS: Setting = Setting {
    name: "max_bulk_operations",
    kind: Kind::Count(1, 100_000),
    default: "1000",
    meaning: "The most operations of a bulk request (`bulk.maxOperations`).",
    example: "5000",
    ..PLAIN
};

pub(crate) static MAX_PAGE: Setting = Setting {
    name: "max_page",
    kind: Kind::Count(1, 10_000),
    default: "1000",
    meaning: "The most resources on a page (`filter.maxResults`); a larger `count` gets this many.",
    example: "500",
    ..PLAIN
};

pub(crate) static MAX_MEMORY: Setting = Setting {
    name: "max_memory",
    kind: Kind::Size(64 * MIB, 1 << 40),
    default: "512MiB",
    meaning: "What bodies and answers of more than 64 KiB may take together while clients send and take them; beyond that they are \
              answered with 503.",
    example: "2GiB",
    ..PLAIN
};

pub(crate) static MAX_WAITING_READS: Setting = Setting {
    name: "max_waiting_reads",
    kind: Kind::Count(1, 1_000_000),
    default: "256",
    meaning: "How many lists that no index answers may wait for a thread to read them; more are answered with 503.",
    example: "1000",
    ..PLAIN
};

pub(crate) static MAX_WAITING_WRITES: Setting = Setting {
    name: "max_waiting_writes",
    kind: Kind::Count(1, 1_000_000),
    default: "1024",
    meaning: "How many changes may wait to be written; more are answered with 503.",
    example: "4000",
    ..PLAIN
};

pub(crate) static READ_TIMEOUT: Setting = Setting {
    name: "read_timeout",
    kind: Kind::Span(1, 3600),
    default: "10s",
    meaning: "How long finding a list may take in the database; then it is given up and answered with 503 and advice.",
    example: "20s",
    ..PLAIN
};

pub(crate) static REQUEST_DEADLINE: Setting = Setting {
    name: "request_deadline",
    kind: Kind::Span(1, 3600),
    default: "30s",
    meaning: "How long a request may take, its body included; then it is answered with 408 or 503.",
    example: "60s",
    ..PLAIN
};

pub(crate) static HEAD_TIMEOUT: Setting = Setting {
    name: "head_timeout",
    kind: Kind::Span(1, 300),
    default: "10s",
    meaning: "How long the head of a request may take to arrive, and before it the TLS handshake.",
    example: "5s",
    ..PLAIN
};

pub(crate) static KEEP_ALIVE: Setting = Setting {
    name: "keep_alive",
    kind: Kind::Span(0, 3600),
    default: "75s",
    meaning: "How long a connection may stay idle between requests; `0` closes it after each answer. Longer than that of the proxy \
              before it.",
    example: "120s",
    ..PLAIN
};

pub(crate) static MAX_CONNECTIONS: Setting = Setting {
    name: "max_connections",
    kind: Kind::Count(1, 1_000_000),
    default: "10000",
    meaning: "The most connections at once; more wait until others end. Each takes a file descriptor (`LimitNOFILE` of systemd, \
              `ulimit -n`).",
    example: "20000",
    ..PLAIN
};

pub(crate) static MAX_CONNECTIONS_PER_CLIENT: Setting = Setting {
    name: "max_connections_per_client",
    kind: Kind::Count(1, 1_000_000),
    default: "500",
    meaning: "The most connections at once from one address (of IPv6, one network of 64 bits); more are closed at once, before TLS. \
              This machine and `trusted_proxies` are not counted: they bring everybody's.",
    example: "100",
    ..PLAIN
};

pub(crate) static WORKERS: Setting = Setting {
    name: "workers",
    kind: Kind::Count(1, 512),
    otherwise: "one per processor",
    meaning: "Threads that serve requests.",
    example: "4",
    ..PLAIN
};

pub(crate) static SHUTDOWN_DELAY: Setting = Setting {
    name: "shutdown_delay",
    kind: Kind::Span(0, 600),
    default: "0",
    meaning: "How long the server goes on serving after SIGTERM while `/readyz` says 503, so that load balancers send no more.",
    example: "10s",
    ..PLAIN
};

pub(crate) static SHUTDOWN_TIMEOUT: Setting = Setting {
    name: "shutdown_timeout",
    kind: Kind::Span(0, 3600),
    default: "30s",
    meaning: "How long requests that were accepted may take then.",
    example: "60s",
    ..PLAIN
};

pub(crate) static LOG_FORMAT: Setting = Setting {
    name: "log_format",
    kind: Kind::Choice(&["text", "json"]),
    default: "text",
    meaning: "How the [server log](operations.md#logs) on standard error is written: lines for people, or a JSON object a line.",
    example: "json",
    ..PLAIN
};

pub(crate) static LOG_LEVEL: Setting = Setting {
    name: "log_level",
    kind: Kind::Text,
    default: "warn",
    meaning: "What is logged: `error`, `warn`, `info` (a line for each request), `debug` (each tolerance that was used), or levels by \
              target such as `warn,scim_actix=info`. The variable `RUST_LOG` comes before it.",
    example: "info",
    ..PLAIN
};

pub(crate) static MAIL_URL: Setting = Setting {
    name: "mail_url",
    kind: Kind::Url,
    otherwise: "no mail",
    meaning: "The mail server, see [mail](#mail).",
    example: "smtps://rollcall@mail.example.com",
    ..PLAIN
};

pub(crate) static MAIL_PASSWORD_FILE: Setting = Setting {
    name: "mail_password_file",
    kind: Kind::Path,
    meaning: "A file that holds the password of the user in `mail_url`.",
    example: "/etc/rollcall/mail-password",
    ..PLAIN
};

pub(crate) static MAIL_PASSWORD: Setting = Setting {
    name: "mail_password",
    meaning: "The password itself, in place of a file.",
    place: Place::Secret { file: "mail_password_file" },
    ..PLAIN
};

pub(crate) static MAIL_FROM: Setting = Setting {
    name: "mail_from",
    kind: Kind::Mailbox,
    meaning: "The sender of mails.",
    example: "Rollcall <rollcall@example.com>",
    ..PLAIN
};

pub(crate) static MAIL_TO: Setting = Setting {
    name: "mail_to",
    kind: Kind::Mailboxes,
    meaning: "The operators' addresses.",
    example: "operations@example.com",
    ..PLAIN
};

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_table_is_sound() {
        let mut names = HashSet::new();
        for setting in settings() {
            assert!(names.insert(setting.name), "{} stands there twice", setting.name);
            assert!(
                setting.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
                "{}",
                setting.name
            );
            assert!(setting.meaning.ends_with('.'), "{}", setting.name);
            assert!(setting.default.is_empty() || setting.otherwise.is_empty(), "{}", setting.name);
            match setting.place {
                Place::Anywhere => assert!(!setting.example.is_empty(), "{}", setting.name),
                Place::Secret { file } => {
                    assert!(setting.example.is_empty() && setting.default.is_empty(), "{}", setting.name);
                    assert!(named(file).is_some_and(|file| file.kind == Kind::Path), "{}", setting.name);
                }
            }
            if let Kind::Count(..) | Kind::Span(..) | Kind::Size(..) = setting.kind {
                for text in [setting.default, setting.example].into_iter().filter(|text| !text.is_empty()) {
                    assert!(setting.kind.number(text).is_ok(), "{text}");
                }
            }
        }
        assert!(named("listen").is_some() && named("listn").is_none());
    }
}
