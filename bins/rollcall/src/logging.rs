//! The server log on standard error: lines for people, or a JSON object a line.
//!
//! Nobody who sends requests can forge a line: control characters are escaped in both forms. What other crates tell of single
//! requests is left out whatever the level, for some of them would write bodies and headers.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};

use env_logger::fmt::Formatter;
use log::kv::{self, Key, Value, VisitSource};
use log::{Level, Record};
use serde_json::{Map, json};

use crate::config::LogSettings;

/// Under which name the server tells what it told at the start and the end; always logged.
const TOLD: &str = "rollcall::server";
/// The names of our own crates: only they are logged in full.
const OURS: [&str; 2] = ["rollcall", "scim_"];
/// Another crate that tells no more than how connections come about, down to this level.
const HANDSHAKES: (&str, Level) = ("rustls", Level::Debug);

/// Whether messages go to the log as well: standard error has nothing but JSON then.
static MESSAGES: AtomicBool = AtomicBool::new(false);

/// Begins to log. Only the first call counts.
pub(crate) fn init(settings: &LogSettings) {
    let mut builder = env_logger::Builder::new();
    builder.parse_filters(&settings.level);
    if settings.json {
        MESSAGES.store(true, Ordering::Relaxed);
        builder.filter_module(TOLD, log::LevelFilter::Info).format(as_json);
    } else {
        builder.format(as_text);
    }
    // Tests may run a second command in one process.
    let _ = builder.try_init();
    std::panic::set_hook(Box::new(panicked));
}

/// Logs a message where standard error has nothing but JSON; else nothing, and it is `false`.
pub(crate) fn takes_message(text: &str) -> bool {
    let takes = MESSAGES.load(Ordering::Relaxed);
    if takes {
        log::info!(target: TOLD, "{text}");
    }
    takes
}

/// Whether a record is written.
fn is_told(record: &Record<'_>) -> bool {
    let target = record.target();
    let ours = OURS.iter().any(|name| target.starts_with(name));
    let (other, level) = HANDSHAKES;
    let most = if ours {
        Level::Trace
    } else if target.starts_with(other) {
        level
    } else {
        Level::Info
    };
    record.level() <= most
}

/// `2026-11-21T13:50:00.123Z INFO scim_actix::exchange: request method=GET status=200`
fn as_text(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    if !is_told(record) {
        return Ok(());
    }
    let time = out.timestamp_millis();
    let mut line = format!("{time} {} {}: ", record.level(), record.target());
    push_escaped(&mut line, &record.args().to_string());
    // A value that cannot be read is left out.
    let _ = record.key_values().visit(&mut Pairs(&mut line));
    writeln!(out, "{line}")
}

/// `{"time":"2026-11-21T13:50:00.123Z","level":"INFO","target":"scim_actix::exchange","message":"request","method":"GET"}`
fn as_json(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    if !is_told(record) {
        return Ok(());
    }
    let time = out.timestamp_millis().to_string();
    let mut members = Map::new();
    let known = [
        ("time", time),
        ("level", record.level().to_string()),
        ("target", record.target().to_owned()),
        ("message", record.args().to_string()),
    ];
    members.extend(known.map(|(name, text)| (name.to_owned(), json!(text))));
    let _ = record.key_values().visit(&mut Members(&mut members));
    // JSON escapes what would end a line; the rest that may not be shown as it is goes here.
    let mut line = String::new();
    push_escaped(&mut line, &serde_json::Value::Object(members).to_string());
    writeln!(out, "{line}")
}

/// Fields behind a line of text.
struct Pairs<'a>(&'a mut String);

impl<'kvs> VisitSource<'kvs> for Pairs<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let text = value.to_string();
        let plain = |character: char| !character.is_whitespace() && character != '"' && character != '=';
        // Writing into a text does not fail.
        let _ = write!(self.0, " {key}=");
        if !text.is_empty() && text.chars().all(plain) {
            push_escaped(self.0, &text);
        } else {
            push_escaped(self.0, &format!("{text:?}"));
        }
        Ok(())
    }
}

/// Fields as members of an object; none takes the place of one that every line has.
struct Members<'a>(&'a mut Map<String, serde_json::Value>);

impl<'kvs> VisitSource<'kvs> for Members<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let json = match (value.to_u64(), value.to_i64(), value.to_f64(), value.to_bool()) {
            (Some(number), ..) => json!(number),
            (_, Some(number), ..) => json!(number),
            (_, _, Some(number), _) => json!(number),
            (.., Some(switch)) => json!(switch),
            _ => json!(value.to_string()),
        };
        self.0.entry(key.as_str()).or_insert(json);
        Ok(())
    }
}

/// A text on one line, without what steers terminals or turns the order of characters around.
fn push_escaped(line: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            '\u{2028}'
            | '\u{2029}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                let _ = write!(line, "\\u{:04x}", u32::from(character));
            }
            other if other.is_control() => {
                let _ = write!(line, "\\u{:04x}", u32::from(other));
            }
            other => line.push(other),
        }
    }
}

/// Logs a panic: where it was, and what it says where that was written by a programmer and not made from data.
fn panicked(info: &PanicHookInfo<'_>) {
    let message = info.payload().downcast_ref::<&'static str>().copied();
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    log::error!(
        target: "rollcall::panic",
        location = place.as_str(),
        thread = thread.name().unwrap_or_default();
        "panic: {}",
        message.unwrap_or("(its message is left out: it may hold data)")
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_on_its_line() {
        let check = |text: &str, expected: &str| {
            let mut line = String::new();
            push_escaped(&mut line, text);
            assert_eq!(line, expected);
        };
        check("a\nb\r\tc", "a\\nb\\r\\tc");
        check("\u{1b}[31m\0\u{7f}\u{85}", "\\u001b[31m\\u0000\\u007f\\u0085");
        check("\u{202e}gpj.exe\u{2028}", "\\u202egpj.exe\\u2028");
        check("Ünïcödé 人", "Ünïcödé 人");
    }

    /// What a record's fields become.
    fn fields(record: &Record<'_>) -> (String, serde_json::Value) {
        let (mut line, mut members) = (String::new(), Map::from_iter([("level".to_owned(), json!("INFO"))]));
        record.key_values().visit(&mut Pairs(&mut line)).expect("readable");
        record.key_values().visit(&mut Members(&mut members)).expect("readable");
        (line, serde_json::Value::Object(members))
    }

    #[test]
    fn fields_keep_their_types_and_cannot_break_out() {
        let pairs: [(&str, Value<'_>); 5] = [
            ("status", Value::from(200)),
            ("route", Value::from("/Users/{id}")),
            ("detail", Value::from("a \"b\"\nx=1")),
            ("level", Value::from("forged")),
            ("ok", Value::from(true)),
        ];
        let pairs = &pairs[..];
        let record = Record::builder().key_values(&pairs).build();
        let (line, members) = fields(&record);
        assert_eq!(line, r#" status=200 route=/Users/{id} detail="a \"b\"\nx=1" level=forged ok=true"#);
        assert_eq!(
            members,
            json!({ "level": "INFO", "status": 200, "route": "/Users/{id}", "detail": "a \"b\"\nx=1", "ok": true })
        );
    }

    #[test]
    fn other_crates_are_not_heard_on_single_requests() {
        let check = |target: &str, level: Level, expected: bool| {
            let record = Record::builder().target(target).level(level).build();
            assert_eq!(is_told(&record), expected, "{target} {level}");
        };
        check("scim_provider::handle", Level::Trace, true);
        check("rollcall", Level::Debug, true);
        check("rustls::server", Level::Debug, true);
        check("rustls::server", Level::Trace, false);
        check("h2::codec", Level::Debug, false);
        check("h2::codec", Level::Warn, true);
        check("actix_http::h1", Level::Trace, false);
    }
}
