//! Mails about keys that end, to whom they concern.
//!
//! What a mail tells stands in the provisioning log and among the events by then, in one commit. The mail comes after it:
//! where the server is killed before it was sent, it is not sent again.

mod postbox;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::{SmtpTransport, Transport as _};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use scim_core::instant::Timestamp;
use scim_provider::admin::{Telling, Told};
use scim_storage::KeyContext;
use zeroize::Zeroizing;

use crate::config::{MailPassword, MailSettings};

pub(crate) use self::postbox::Postbox;

/// How long the mail server may take for one step.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A mail that is ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    /// Which key it is about, for messages.
    pub(crate) about: String,
    message: Message,
}

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct MailError {
    reason: String,
    /// Whether the server refused it for good.
    permanent: bool,
}

/// Who writes and sends mails.
#[derive(Clone)]
pub(crate) struct Mailer {
    transport: SmtpTransport,
    from: Mailbox,
    operators: Vec<Mailbox>,
}

impl Mailer {
    /// A mailer as the settings say. Connects to nobody yet.
    pub(crate) fn new(settings: &MailSettings) -> anyhow::Result<Self> {
        let mut url = settings.url.clone();
        let password = match &settings.password {
            None => None,
            Some(MailPassword::Text(password)) => Some(password.clone()),
            Some(MailPassword::File(path)) => {
                let cannot = || format!("mail_password_file: cannot read {}", path.display());
                Some(Zeroizing::new(std::fs::read_to_string(path).with_context(cannot)?))
            }
        };
        if let Some(password) = password {
            url = with_password(&url, password.trim_end_matches(['\r', '\n']));
        }
        // The error would show the URL, and with it a password.
        let transport = SmtpTransport::from_url(&url)
            .map_err(|_| anyhow::anyhow!("mail_url: this does not name a mail server"))?
            .timeout(Some(TIMEOUT))
            .build();
        Ok(Self { transport, from: settings.from.clone(), operators: settings.to.clone() })
    }

    /// The mail about what was told of a key, to its integration user's address, else to the operators; `None` where there
    /// is nothing to be done about it, or nobody to tell.
    pub(crate) fn about(&self, told: &Told, now: Timestamp) -> Option<Mail> {
        if told.what == Telling::OverlapOver {
            return None;
        }
        let about = named(&told.key);
        let own = told.key.user.email.as_deref().and_then(|address| address.parse().ok());
        let to: Vec<Mailbox> = own.map_or_else(|| self.operators.clone(), |own| vec![own]);
        if to.is_empty() {
            log::warn!(
                "{about}: nobody is mailed that it ends: its integration user has no address, and mail_to is empty"
            );
            return None;
        }
        match self.message(told, to, now) {
            Ok(message) => Some(Mail { about, message }),
            Err(error) => {
                log::warn!("{about}: the mail about its end could not be written: {error}");
                None
            }
        }
    }

    fn message(
        &self,
        told: &Told,
        to: Vec<Mailbox>,
        now: Timestamp,
    ) -> Result<Message, lettre::error::Error> {
        let millis = u64::try_from(now.unix_millis()).unwrap_or_default();
        let date: SystemTime = UNIX_EPOCH + Duration::from_millis(millis);
        // The same for every try, so that a mail which arrived though its answer was lost is seen as the same one.
        let id = format!("<{}.{}@{}>", told.key.key.id, when(told), self.from.email.domain());
        let start = Message::builder().from(self.from.clone()).date(date).message_id(Some(id));
        let mail = to.into_iter().fold(start, lettre::message::MessageBuilder::to);
        mail.subject(subject(told)).header(ContentType::TEXT_PLAIN).body(body(told))
    }

    /// Sends a mail. Blocks.
    pub(crate) fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let answer = self.transport.send(&mail.message);
        answer
            .map(|_| ())
            .map_err(|error| MailError { permanent: error.is_permanent(), reason: chain(&error) })
    }
}

/// What an operator can do about a mail that was not sent.
pub(crate) fn advice(about: &str, error: &MailError) -> String {
    format!(
        "{about}: the mail about its end was not sent: {error}; check mail_url, mail_from and the mail server; the provisioning \
         log tells of the key's end too"
    )
}

/// What was told of a key, on one line.
pub(crate) fn sentence(told: &Told) -> String {
    let key = named(&told.key);
    let at = told.key.key.terms.expires.map(|at| at.to_string()).unwrap_or_default();
    match told.what {
        Telling::Expiring { days: 1 } => format!("{key} expires at {at}, within a day"),
        Telling::Expiring { days } => format!("{key} expires at {at}, in {days} days"),
        Telling::Expired => format!("{key} expired at {at}"),
        Telling::OverlapOver => {
            format!("{key} is out of force: its overlap with the key that took its place is over")
        }
    }
}

/// A key as people tell it from others.
fn named(context: &KeyContext) -> String {
    let KeyContext { key, instance, connector, user } = context;
    let ending = if key.ending.is_empty() { String::new() } else { format!(" (…{})", key.ending) };
    format!(
        "key {}{ending} of {} at the connector {} of the instance {}",
        key.id, user.name, connector.name, instance.name
    )
}

/// Which end of which life of a key this is about.
fn when(told: &Told) -> String {
    let days = match told.what {
        Telling::Expiring { days } => days,
        Telling::Expired | Telling::OverlapOver => 0,
    };
    let ends = told.key.key.terms.expires.map_or(0, Timestamp::unix_millis);
    format!("{days}.{ends}")
}

fn subject(told: &Told) -> String {
    let KeyContext { instance, connector, .. } = &told.key;
    let whose = format!("Rollcall: the key of {} / {}", instance.name, connector.name);
    match told.what {
        Telling::Expiring { days: 1 } => format!("{whose} expires within a day"),
        Telling::Expiring { days } => format!("{whose} expires in {days} days"),
        Telling::Expired | Telling::OverlapOver => format!("{whose} has expired"),
    }
}

fn body(told: &Told) -> String {
    let KeyContext { key, instance, connector, user } = &told.key;
    let at = key.terms.expires.map(|at| at.to_string()).unwrap_or_default();
    let (lead, effect) = match told.what {
        Telling::Expiring { .. } => (
            "A key that lets an identity provider in will expire soon.",
            "After that moment the identity provider is refused, and provisioning stops.",
        ),
        Telling::Expired | Telling::OverlapOver => (
            "A key that lets an identity provider in has expired.",
            "The identity provider is refused with it: provisioning has stopped,\nunless it has another key.",
        ),
    };
    let ending = if key.ending.is_empty() { "-" } else { key.ending.as_str() };
    format!(
        "{lead}\n\
         \n\
         Key               {}\n\
         Ends with         {ending}\n\
         Instance          {}\n\
         Connector         {}\n\
         Integration user  {}\n\
         Expires           {at}\n\
         \n\
         {effect}\n\
         \n\
         What to do:\n\
         1. Issue a second key for the same integration user and connector:\n\
         \x20  rollcall key issue\n\
         2. Paste it into the identity provider as its secret token,\n\
         \x20  test the connection, and save.\n\
         The first key goes on working meanwhile, as long as it lasts,\n\
         and retires once the second is used.\n\
         If nobody needs the key any more, revoke it:\n\
         \x20  rollcall key revoke {}\n",
        key.id, instance.name, connector.name, user.name, key.id
    )
}

/// A URL that names a user, with that user's password.
fn with_password(url: &str, password: &str) -> Zeroizing<String> {
    let password = Zeroizing::new(utf8_percent_encode(password, NON_ALPHANUMERIC).to_string());
    Zeroizing::new(match url.rsplit_once('@') {
        Some((user, rest)) => format!("{user}:{}@{rest}", *password),
        None => url.to_owned(),
    })
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_of_any_characters_goes_into_the_url() {
        let url = with_password("smtps://it@mail.example:465", "p@ss:/ä#?");
        assert_eq!(url.as_str(), "smtps://it:p%40ss%3A%2F%C3%A4%23%3F@mail.example:465");
        assert!(SmtpTransport::from_url(&url).is_ok());
    }
}
