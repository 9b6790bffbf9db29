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

/// A URL without the password that stands in it.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    // A password may have a slash in it that should have been escaped; then the at sign comes after it.
    let at = rest.get(..end).and_then(|authority| authority.rfind('@')).or_else(|| rest.rfind('@'));
    let Some((user, host)) = at.map(|at| rest.split_at(at)) else { return url.to_owned() };
    match user.split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}:(set){host}"),
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
    }
}
