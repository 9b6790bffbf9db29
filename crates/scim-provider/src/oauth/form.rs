//! The form that a client sends (RFC 6749 appendix B).

use zeroize::Zeroizing;

use super::OauthError;

/// The most parameters of a form.
const MAX_PARAMETERS: usize = 32;

/// A form's parameters. They are wiped when this is dropped, because secrets are among them.
pub(super) struct Form(Vec<(String, Zeroizing<String>)>);

impl Form {
    /// Reads a form. A parameter that stands there twice is refused (§3.2); one without a value counts as left out.
    pub(super) fn read(content_type: Option<&str>, body: &[u8]) -> Result<Self, OauthError> {
        let invalid = |text: &str| OauthError::new("invalid_request", text);
        let media_type = content_type.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(invalid("Send the parameters as application/x-www-form-urlencoded"));
        }
        let mut form: Vec<(String, Zeroizing<String>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(body) {
            if form.iter().any(|(known, _)| *known == name) {
                return Err(invalid("A parameter must not be there twice"));
            }
            if form.len() == MAX_PARAMETERS {
                return Err(invalid("The form has more than 32 parameters"));
            }
            form.push((name.into_owned(), Zeroizing::new(value.into_owned())));
        }
        Ok(Self(form))
    }

    /// The value of a parameter; `None` where it is left out or empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }
}
