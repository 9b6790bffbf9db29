//! What is personal, by the name of the attribute or field that holds it.

/// What becomes of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It stays: a word of a closed list, a language, an id.
    Kept,
    /// It stays where it is an id.
    Id,
    /// It stays where it names a role.
    Role,
    /// A part of a name.
    Name,
    /// A telephone number.
    Phone,
    /// A country's code.
    Country,
    /// A reference to somebody: an id of ours, an `externalId` or a user name.
    Reference,
    /// An `externalId`, whose letter case counts.
    Exact,
    /// What is shown: a display name.
    Shown,
    /// It goes.
    Dropped,
    /// Anything else.
    Value,
}

/// What a text is that stands under `name`, which stands under `parent`. Both may be attributes of SCIM, fields of accounts or
/// members of what the log and the outbox say.
pub(super) fn kind(parent: &str, name: &str) -> Kind {
    let lower = |text: &str| text.to_ascii_lowercase();
    let (parent, name) = (lower(parent), lower(name));
    match (parent.as_str(), name.as_str()) {
        (_, "password") => Kind::Dropped,
        ("manager", "value") | (_, "manager" | "directmanager") => Kind::Reference,
        ("roles" | "entitlements", "value" | "display" | "type") => Kind::Role,
        (_, "externalid" | "scimsyncid") => Kind::Exact,
        (_, "accessrole" | "access_role" | "state" | "kind") => Kind::Kept,
        (_, "id" | "key" | "connector" | "user") => Kind::Id,
        (_, "schemas" | "locale" | "preferredlanguage" | "timezone" | "ending") => Kind::Kept,
        (_, "country") => Kind::Country,
        (_, "givenname" | "familyname" | "middlename" | "honorificprefix" | "honorificsuffix") => Kind::Name,
        (_, "firstname" | "lastname") => Kind::Name,
        (parent, name)
            if [parent, name].iter().any(|text| text.contains("phone") || text.contains("fax")) =>
        {
            Kind::Phone
        }
        _ => Kind::Value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_what() {
        let check = |parent: &str, name: &str, expected: Kind| {
            assert_eq!(kind(parent, name), expected, "{parent} {name}")
        };
        check("", "userName", Kind::Value);
        check("", "externalId", Kind::Exact);
        check("name", "givenName", Kind::Name);
        check("fields", "FirstName", Kind::Name);
        check("phoneNumbers", "value", Kind::Phone);
        check("", "OfficePhone", Kind::Phone);
        check("emails", "value", Kind::Value);
        check("manager", "value", Kind::Reference);
        check("", "password", Kind::Dropped);
        check("", "preferredLanguage", Kind::Kept);
        check("addresses", "country", Kind::Country);
        check("roles", "value", Kind::Role);
        check("", "department", Kind::Value);
    }
}
