//! Database URLs, with the parameters of libpq that the wire does not know by itself.

use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use super::link::Target;
use super::options::PostgresOptions;
use super::tls::{Security, Trust, mode};

/// How long a connection on which nothing comes may be idle before it is probed.
const PROBED_AFTER: Duration = Duration::from_secs(30);
/// How long what was sent may stay unacknowledged.
const UNACKNOWLEDGED: Duration = Duration::from_secs(15);

/// A URL, understood: how to connect, and how to name it where others read.
pub(super) fn understood(url: &str, writes: bool, options: &PostgresOptions) -> Result<Target, String> {
    let (address, parameters) = url.split_once('?').unwrap_or((url, ""));
    let (mut ssl, mut trust, mut roots) = (SslMode::Prefer, Trust::Anybody, None);
    let mut others = Vec::new();
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = percent_decode_str(value).decode_utf8().map_err(|_| format!("{name} is not UTF-8"))?;
        match name {
            "sslmode" => {
                (ssl, trust) = mode(&value).ok_or_else(|| {
                    format!("sslmode={value} is not known: it is disable, prefer, require, verify-ca or verify-full")
                })?;
            }
            "sslrootcert" if value == "system" => {}
            "sslrootcert" => roots = Some(PathBuf::from(&*value)),
            _ => others.push(parameter),
        }
    }
    let plain =
        if others.is_empty() { address.to_owned() } else { format!("{address}?{}", others.join("&")) };
    let mut config: Config = plain.parse().map_err(|error: tokio_postgres::Error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("the URL cannot be read{cause}")
    })?;
    config.ssl_mode(ssl);
    if config.get_application_name().is_none() {
        config.application_name("rollcall");
    }
    if writes && config.get_target_session_attrs() == TargetSessionAttrs::Any {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(options.connect_time);
    }
    config.keepalives_idle(PROBED_AFTER).tcp_user_timeout(UNACKNOWLEDGED);
    let hosts = u32::try_from(config.get_hosts().len().max(1)).unwrap_or(1);
    Ok(Target {
        security: Security::new(trust, roots.as_deref())?,
        pooler: options.pooler,
        // Each host has that time.
        connect_time: options.connect_time.saturating_mul(hosts),
        statement_time: options.statement_time,
        config,
    })
}

/// Hosts and database of a URL, without who asks and by which password.
pub(super) fn shown(config: &Config) -> String {
    let ports = config.get_ports();
    let hosts: Vec<String> = config
        .get_hosts()
        .iter()
        .enumerate()
        .map(|(index, host)| {
            let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => format!("{name}:{port}"),
                Host::Unix(path) => format!("{}:{port}", path.display()),
            }
        })
        .collect();
    format!("postgres://{}/{}", hosts.join(","), config.get_dbname().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown of a URL, or what is said against it.
    fn check(url: &str, expected: &str) {
        let options = PostgresOptions::new(url);
        let said = match understood(url, true, &options) {
            Ok(target) => shown(&target.config),
            Err(reason) => reason,
        };
        assert_eq!(said, expected, "{url}");
    }

    #[test]
    fn what_is_shown_has_no_secret() {
        check("postgres://ada:secret@db.example/rollcall", "postgres://db.example:5432/rollcall");
        check(
            "postgresql://a@one,two:6000/r?sslmode=require&application_name=x",
            "postgres://one:5432,two:6000/r",
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        check(
            "postgres://a@b/c?sslmode=on",
            "sslmode=on is not known: it is disable, prefer, require, verify-ca or verify-full",
        );
        check("postgres://a@b/c?colour=red", "the URL cannot be read: unknown option `colour`");
    }
}
