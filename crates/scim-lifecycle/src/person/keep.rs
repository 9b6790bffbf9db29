//! What every account must keep: names, required values, seats.

use std::borrow::Cow;

use scim_core::schema::ResourceType;
use scim_core::text::Matching;
use scim_directory::{Account, AccountState, Condition, NameScope, Profile};

use crate::{Decision, Occasion, Refusal};

/// The realm of user names that are unique among all instances of the server.
pub const SERVER_REALM: &str = "server";

/// 409 for the user name of an integration user.
pub(crate) fn name_is_free(on: &Occasion<'_>, user_name: &str) -> Result<(), Refusal> {
    if on.policy.is_reserved(user_name) {
        return Err(Refusal::taken(
            "userName is in use by an integration user, whom identity providers neither see nor change; use another name",
            "Take the integration user out of the identity provider's scope, or give the person another user name",
        ));
    }
    Ok(())
}

/// 400 where the connector's profile requires a value that the account has not.
pub(crate) fn required_values(on: &Occasion<'_>, account: &Account) -> Result<(), Refusal> {
    let Some(connector) =
        on.connector.filter(|connector| connector.settings.profile == Profile::EmailUsername)
    else {
        return Ok(());
    };
    let missing: Vec<String> = ["FirstName", "LastName", "Email"]
        .into_iter()
        .filter(|field| account.field(field).is_none_or(|value| value.trim().is_empty()))
        .map(|field| format!("{} ({field})", source(on, field)))
        .collect();
    if !missing.is_empty() {
        return Err(Refusal::value(
            "required",
            format!("The connector {:?} requires a value for {}", connector.name, missing.join(" and ")),
            "Give the person the missing value at the identity provider, or map an attribute that has one",
        ));
    }
    let (name, email) =
        (account.field("UserName").unwrap_or_default(), account.field("Email").unwrap_or_default());
    if Matching::UserName.key(name) != Matching::UserName.key(email) {
        return Err(Refusal::value(
            "user_name_is_email",
            format!(
                "The connector {:?} takes the e-mail address as user name: userName and {} must be the same",
                connector.name,
                source(on, "Email")
            ),
            "Map the same attribute of the identity provider to userName and to the work e-mail address",
        ));
    }
    Ok(())
}

/// Where a field's value comes from, in a SCIM client's words.
pub(crate) fn source<'p>(on: &Occasion<'p>, field: &str) -> Cow<'p, str> {
    let row = on.policy.mapping().rows().iter().find(|row| row.row().field == field);
    match row.and_then(|row| row.attributes().next()) {
        Some(attribute) => Cow::Borrowed(attribute),
        None => Cow::Owned(format!("the field {field}")),
    }
}

/// What holds for every change of a person: names across instances, seats where somebody becomes active, and the policy.
pub(crate) fn under_policy(
    on: &Occasion<'_>,
    resource_type: &ResourceType,
    before: Option<AccountState>,
    after: AccountState,
    decision: &mut Decision,
) {
    let settings = on.policy.settings();
    decision.conditions.push(Condition::Generation(on.policy.generation()));
    if settings.user_names == NameScope::Server {
        decision.realm = Some(SERVER_REALM.to_owned());
    }
    if let Some(at_most) = settings.seats
        && after == AccountState::Active
        && before != Some(AccountState::Active)
    {
        decision.conditions.push(Condition::Seats { resource_type: resource_type.name.clone(), at_most });
    }
}
