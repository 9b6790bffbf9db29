//! What holds of each setting, and where it came from, as `config check` shows it.

use super::setting::{Kind, Place, Setting};
use super::sources::{Origin, Sources};
use super::table::settings;

/// What holds of a setting.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// The setting's name.
    pub(crate) name: &'static str,
    /// Its text; of a secret, whether it is set.
    pub(crate) value: String,
    /// Where it came from.
    pub(crate) from: String,
}

/// What holds of every setting.
pub(super) fn all(sources: &Sources<'_>) -> Vec<Shown> {
    settings().map(|setting| one(setting, sources)).collect()
}

fn one(setting: &'static Setting, sources: &Sources<'_>) -> Shown {
    let given = sources.given_or_default(setting);
    let nothing = given.from == Origin::Default && setting.default.is_empty();
    let value = match (setting.place, setting.kind) {
        (Place::Secret { .. }, _) => if nothing { "not set" } else { "set" }.to_owned(),
        _ if nothing && setting.otherwise.is_empty() => "none".to_owned(),
        _ if nothing => setting.otherwise.replace('`', ""),
        (_, Kind::Url) => without_password(&given.text()),
        // Where data are kept may be written as a URL with a password too.
        _ if given.text().contains("://") => without_password(&given.text()),
        _ => given.text(),
    };
    Shown { name: setting.name, value, from: given.from.to_string() }
}

/// A URL without the password that stands in it, which is told to be set.
fn without_password(url: &str) -> String {
    with_password(url, "(set)", "password=(set)")
}

/// A URL without the password that stands in it.
pub(super) fn without_user_password(url: &str) -> String {
    with_password(url, "", "")
}

/// A URL with something in place of its password, behind the user and as a parameter of libpq.
fn with_password(url: &str, behind_user: &str, parameter: &str) -> String {
    let url = in_authority(url, behind_user);
    let Some((before, query)) = url.split_once('?') else { return url };
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some(("password" | "sslpassword", _)) => parameter,
        _ => pair,
    });
    let pairs: Vec<&str> = pairs.filter(|pair| !pair.is_empty()).collect();
    if pairs.is_empty() { before.to_owned() } else { format!("{before}?{}", pairs.join("&")) }
}

fn in_authority(url: &str, password: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    // A password may have a slash in it that should have been escaped; then the at sign comes after it.
    let at = rest.get(..end).and_then(|authority| authority.rfind('@')).or_else(|| rest.rfind('@'));
    let Some((user, host)) = at.map(|at| rest.split_at(at)) else { return url.to_owned() };
    match user.split_once(':') {
        Some((user, _)) if password.is_empty() => format!("{scheme}://{user}{host}"),
        Some((user, _)) => format!("{scheme}://{user}:{password}{host}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_not_shown() {
        let check = |url: &str, expected: &str| assert_eq!(without_password(url), expected);
        check("smtps://it:hidden@mail.example?tls=required", "smtps://it:(set)@mail.example?tls=required");
        check("smtps://it:hid/den@mail.example", "smtps://it:(set)@mail.example");
        check("smtps://it:hid@den@mail.example", "smtps://it:(set)@mail.example");
        check("smtps://it@mail.example", "smtps://it@mail.example");
        check("smtp://mail.example:25", "smtp://mail.example:25");
        check("plain", "plain");
        check("postgres://a:hid?den@one,two/r", "postgres://a:(set)@one,two/r");
        check("postgres://h/r?user=a&password=hidden&x=1", "postgres://h/r?user=a&password=(set)&x=1");
        let check = |url: &str, expected: &str| assert_eq!(without_user_password(url), expected);
        check("postgres://a:hidden@h/r?sslmode=require", "postgres://a@h/r?sslmode=require");
        check("postgres://h/r?password=hidden", "postgres://h/r");
        check("postgres://h/r?password=hidden&user=a", "postgres://h/r?user=a");
        check("postgres://a@h/r?sslmode=require", "postgres://a@h/r?sslmode=require");
    }
}
