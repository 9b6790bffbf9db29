//! How reminders about keys are mailed.

use std::fmt;
use std::path::PathBuf;

use lettre::message::Mailbox;
use zeroize::Zeroizing;

use super::sources::{Given, Sources};
use super::table::{MAIL_FROM, MAIL_PASSWORD, MAIL_PASSWORD_FILE, MAIL_TO, MAIL_URL};

/// How reminders about keys are mailed.
#[derive(Clone)]
pub(crate) struct MailSettings {
    /// The server, as [`lettre::SmtpTransport::from_url`] takes it; may hold a password.
    pub(crate) url: Zeroizing<String>,
    /// Where the password is, if it is not in the URL.
    pub(crate) password: Option<MailPassword>,
    /// Who writes.
    pub(crate) from: Mailbox,
    /// The operators: they are told where an integration user has no address.
    pub(crate) to: Vec<Mailbox>,
}

/// Where the password of the mail server's user is.
#[derive(Clone)]
pub(crate) enum MailPassword {
    /// In a file.
    File(PathBuf),
    /// It was in the environment.
    Text(Zeroizing<String>),
}

/// Shows nothing of the server: a password may stand there.
impl fmt::Debug for MailSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailSettings").field("from", &self.from).field("to", &self.to).finish_non_exhaustive()
    }
}

impl MailSettings {
    /// What is given, where a server is.
    pub(super) fn load(sources: &mut Sources<'_>) -> Option<Self> {
        let Some(url) = sources.given(&MAIL_URL) else {
            for setting in [&MAIL_PASSWORD_FILE, &MAIL_PASSWORD, &MAIL_FROM, &MAIL_TO] {
                if let Some(given) = sources.given(setting) {
                    sources.mistake(&given, "no mail is sent without mail_url, such as smtp://127.0.0.1:25");
                }
            }
            return None;
        };
        let text = sources.text(&MAIL_PASSWORD).map(|text| MailPassword::Text(Zeroizing::new(text)));
        let file = sources.path(&MAIL_PASSWORD_FILE).map(MailPassword::File);
        if text.is_some() && file.is_some() {
            sources
                .mistake_of(&MAIL_PASSWORD, "mail_password_file says where it is too; keep one of the two");
        }
        let password = file.or(text);
        check_url(&url, password.is_some(), sources);
        let (from, to) = (sources.given(&MAIL_FROM), sources.list(&MAIL_TO));
        if from.is_none() {
            sources.mistake_of(&MAIL_FROM, "mails need a sender, such as Rollcall <rollcall@example.com>");
        }
        let mut mailbox = |given: Given| match given.text().parse::<Mailbox>() {
            Ok(mailbox) => Some(mailbox),
            Err(_) => {
                let what = format!("{:?} is no e-mail address, such as it@example.com", given.text());
                sources.mistake(&given, &what);
                None
            }
        };
        let from = from.and_then(&mut mailbox);
        let to = to.into_iter().filter_map(&mut mailbox).collect();
        Some(Self { url: Zeroizing::new(url.text()), password, from: from?, to })
    }
}

/// That this names a mail server. Nothing of it is quoted: a password may stand there.
fn check_url(given: &Given, own_password: bool, sources: &mut Sources<'_>) {
    let text = Zeroizing::new(given.text());
    if lettre::SmtpTransport::from_url(&text).is_err() {
        sources.mistake(
            given,
            "this must name a mail server: smtps://user@host, smtp://host:587?tls=required, or smtp://127.0.0.1:25",
        );
        return;
    }
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    if own_password && user.is_none_or(|user| user.contains(':')) {
        let place =
            if sources.given(&MAIL_PASSWORD_FILE).is_some() { &MAIL_PASSWORD_FILE } else { &MAIL_PASSWORD };
        sources.mistake_of(
            place,
            "mail_url must name the user whose password that is, and no password: smtps://user@host",
        );
    }
    let query = rest.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let encrypted = scheme == "smtps" || query.split('&').any(|pair| pair == "tls=required");
    if user.is_some() && !encrypted {
        sources.mistake(
            given,
            "the password would travel in clear; use smtps://, or add ?tls=required for STARTTLS",
        );
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::super::sources::Environment;
    use super::*;

    /// What is told of these settings.
    fn told(settings: &[(&str, &str)]) -> Vec<String> {
        let variable =
            |(name, text): &(&str, &str)| (format!("ROLLCALL_{}", name.to_uppercase()), OsString::from(text));
        let environment: Environment = settings.iter().map(variable).collect();
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("empty.toml");
        std::fs::write(&file, "").expect("written");
        let mut sources = Sources::read(Some(&file), &[], &environment);
        let settings = MailSettings::load(&mut sources);
        assert!(!format!("{settings:?}").contains("hidden"), "a password is not shown");
        sources.mistakes
    }

    #[track_caller]
    fn check(settings: &[(&str, &str)], expected: &[&str]) {
        let told = told(settings);
        assert_eq!(told.len(), expected.len(), "{told:?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.contains(expected) && !told.contains("hidden"), "{told}");
        }
    }

    #[test]
    fn mail_settings_are_whole_and_send_no_password_in_clear() {
        let from = ("mail_from", "Rollcall <rollcall@example.com>");
        check(&[], &[]);
        check(&[from], &["mail_from (ROLLCALL_MAIL_FROM): no mail is sent without mail_url"]);
        for fine in [
            "smtp://127.0.0.1:25",
            "smtps://it:hidden@mail.example",
            "smtp://it:hidden@mail.example?tls=required",
            "smtp://mail.example",
        ] {
            check(&[("mail_url", fine), from], &[]);
            check(&[("mail_url", fine)], &["mail_from"]);
        }
        for clear in [
            "smtp://it:hidden@mail.example",
            "smtp://it:hidden@mail.example?tls=opportunistic",
            "smtp://it:tls=required%26hidden@mail.example",
        ] {
            check(&[("mail_url", clear), from], &["would travel in clear"]);
        }
        check(&[("mail_url", "http://hidden"), from], &["must name a mail server"]);
        check(&[("mail_url", "hidden"), from], &["must name a mail server"]);
        let file = ("mail_password_file", "password");
        check(&[("mail_url", "smtps://it@mail.example"), file, from], &[]);
        check(&[("mail_url", "smtps://mail.example"), file, from], &["mail_password_file"]);
        check(&[("mail_url", "smtps://it:hidden@mail.example"), file, from], &["mail_password_file"]);
        let text = ("mail_password", "hidden");
        check(&[("mail_url", "smtps://it@mail.example"), text, from], &[]);
        check(
            &[("mail_url", "smtps://mail.example"), text, from],
            &["mail_password (ROLLCALL_MAIL_PASSWORD)"],
        );
        check(&[text], &["no mail is sent without mail_url"]);
        check(&[("mail_url", "smtps://it@mail.example"), text, file, from], &["keep one of the two"]);
        let url = ("mail_url", "smtp://127.0.0.1");
        check(&[url, ("mail_from", "nobody")], &["ROLLCALL_MAIL_FROM"]);
        check(
            &[url, from, ("mail_to", "ops@example.com, nobody")],
            &["mail_to (ROLLCALL_MAIL_TO): \"nobody\""],
        );
    }
}
