//! Whether a credential whose secret is right is in force: here, now, from there, and so often.
//!
//! What is refused says why, since when and what to do: identity providers show it to the administrator who tests the
//! connection.

use scim_api_keys::{Rate as Limit, Wait};
use scim_directory::{KeyRecord, KeyState, Privilege, Rate, Revocation};

use super::{Counted, Known, NotLetIn, Way};
use crate::{Provider, Request};

impl Provider {
    /// Whether it is in force for this request.
    pub(crate) fn in_force(
        &self,
        known: &Known,
        request: &Request<'_>,
        counted: Counted,
    ) -> Result<(), NotLetIn> {
        match self.first_reason(known, request, counted) {
            None => Ok(()),
            Some(refused) => Err(refused.by(known)),
        }
    }

    fn first_reason(&self, known: &Known, request: &Request<'_>, counted: Counted) -> Option<NotLetIn> {
        let door = request.door;
        if door.is_some_and(|door| door.parse() != Ok(known.connector.id)) {
            return Some(NotLetIn::forbidden(
                "other_connector",
                "This key belongs to another connector than this URL",
                "Give the identity provider the URL of the key's own connector, or the one without a connector in it; \
                 `rollcall connector show` prints both",
            ));
        }
        way_is_closed(known)
            .or_else(|| known.key.as_ref().and_then(|key| out_of_time(key, request)))
            .or_else(|| without_privilege(known))
            .or_else(|| from_elsewhere(known, request))
            .or_else(|| if counted == Counted::Yes { self.too_often(known, request) } else { None })
    }

    fn too_often(&self, known: &Known, request: &Request<'_>) -> Option<NotLetIn> {
        let now = request.now.unix_millis();
        let check = |id: [u8; 16], rate: Option<Rate>| {
            let Rate { per_second, burst } = rate?;
            self.rates.check(id, Limit { per_second, burst }, now).err()
        };
        let key = known.key.as_ref();
        let by_key = key.and_then(|key| check(key.id.uuid().into_bytes(), key.terms.limits.rate));
        let wait =
            by_key.or_else(|| check(known.connector.id.uuid().into_bytes(), known.connector.settings.rate));
        wait.map(|Wait { seconds }| NotLetIn::too_often(seconds))
    }
}

fn way_is_closed(known: &Known) -> Option<NotLetIn> {
    let ways = &known.connector.settings.ways_in;
    let (open, what, option) = match known.way {
        Way::Key => (true, "", ""),
        Way::Basic => (ways.basic, "HTTP Basic", "--basic on"),
        Way::AccessToken if known.key.is_some() => (ways.oauth, "OAuth client credentials", "--oauth on"),
        // Whoever comes so was found by the setting itself.
        Way::AccessToken | Way::Issuer => (true, "", ""),
    };
    (!open).then(|| {
        NotLetIn::forbidden(
            "way_in",
            format!("The connector {} does not let clients in by {what}", known.connector.name),
            format!(
                "Send the key as a bearer token, or allow it: `rollcall connector set --instance {:?} {:?} {option}`",
                known.instance.name, known.connector.name
            ),
        )
    })
}

fn out_of_time(key: &KeyRecord, request: &Request<'_>) -> Option<NotLetIn> {
    let now = request.now;
    let at =
        |moment: Option<scim_core::instant::Timestamp>| moment.map(|at| at.to_string()).unwrap_or_default();
    Some(match key.state(now) {
        KeyState::Active | KeyState::Retiring => return None,
        KeyState::NotYet => NotLetIn::ended(
            "key_not_yet_valid",
            &format!(
                "This key is valid from {} on, not yet; wait until then, or use another key",
                at(key.terms.not_before)
            ),
            format!(
                "Nothing before that moment; to use it earlier, `rollcall key set {} --not-before now`",
                key.id
            ),
        ),
        KeyState::Expired => NotLetIn::ended(
            "key_expired",
            &format!(
                "This key expired at {}; issue a new one and paste it into the identity provider",
                at(key.terms.expires)
            ),
            "Issue a new key (`rollcall key issue`) and paste it into the identity provider as its secret token",
        ),
        KeyState::Revoked => {
            let ended = key.ended(now);
            let why = match ended.map(|(_, why)| why) {
                Some(Revocation::Replaced) => ", after the key that replaced it was used",
                Some(Revocation::Overlap) => ", when its overlap with the key that replaced it was over",
                Some(Revocation::ByHand) | None => "",
            };
            NotLetIn::ended(
                "key_revoked",
                &format!(
                    "This key was revoked at {}{why}; use the key that replaced it, or issue a new one",
                    at(ended.map(|(at, _)| at))
                ),
                "Paste the key that replaced it into the identity provider, or issue a new one (`rollcall key issue`)",
            )
        }
    })
}

fn without_privilege(known: &Known) -> Option<NotLetIn> {
    let (name, instance) = (&known.user.name, &known.instance.name);
    if known.user.suspended {
        return Some(NotLetIn::forbidden(
            "user_suspended",
            format!(
                "The integration user {name} on whose behalf this key acts is suspended; activate it again"
            ),
            format!("`rollcall user activate --instance {instance} {name}`, if its keys are to work again"),
        ));
    }
    (known.user.privilege < Privilege::LiteAdmin).then(|| {
        NotLetIn::forbidden(
            "privilege",
            format!(
                "The integration user {name} lost the LiteAdmin privilege that this key acts with; restore it"
            ),
            format!(
                "`rollcall user set --instance {instance} {name} --privilege LiteAdmin`, if its keys are to work again"
            ),
        )
    })
}

fn from_elsewhere(known: &Known, request: &Request<'_>) -> Option<NotLetIn> {
    let of_key = known.key.as_ref().map(|key| (&key.terms.limits.networks, "this key"));
    let of_connector = (&known.connector.settings.networks, "this connector");
    let (_, whose) =
        of_key.into_iter().chain([of_connector]).find(|(networks, _)| !networks.let_in(request.peer))?;
    let from = request.peer.map_or("an unknown address".to_owned(), |peer| peer.to_canonical().to_string());
    Some(NotLetIn::forbidden(
        "network",
        format!("The request came from {from}, which is not in the networks of {whose}; add it there"),
        "Add the network (`rollcall key set --network`, `rollcall connector set --network`); behind a proxy, name the \
         proxy in trusted_proxies, so that clients' own addresses are seen",
    ))
}
