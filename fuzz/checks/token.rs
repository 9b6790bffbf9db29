//! What holds of every token, key set and Basic header, whatever somebody sends or an issuer publishes.

use std::sync::OnceLock;

use jsonwebtoken::{EncodingKey, crypto};
use scim_api_keys::token::{
    ACCESS_LIFETIME_SECONDS, Algorithm, FOREIGN_LIFETIME_SECONDS, JwkSet, LEEWAY_SECONDS, MAX_JWKS_KEYS,
    MAX_TOKEN_BYTES, PublicKey, Purpose, Seeds, SigningKeys, TrustedIssuer,
};
use scim_api_keys::{BasicCredentials, MAX_BASIC_PASSWORD_BYTES, MAX_BASIC_USER_BYTES};
use serde_json::{Map, Value};

const NOW: i64 = 1_800_000_000;
const ROOT: &str = "https://scim.example";
const BASE: &str = "https://scim.example/scim/v2";
const ISSUER: TrustedIssuer<'_> = TrustedIssuer {
    issuer: "https://issuer.example",
    audience: "api://rollcall",
    subject: "robot",
    algorithms: &Algorithm::ALL,
};
/// What an Ed25519 key in PKCS#8 begins with; its seed follows.
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A pepper of which everybody knows the seeds: each period's is its number's last byte, 32 times.
struct Held;

impl Seeds for Held {
    fn ids(&self) -> Vec<[u8; 16]> {
        vec![[1; 16]]
    }

    fn seed(&self, _pepper: &[u8; 16], period: i64) -> Option<[u8; 32]> {
        Some([period.to_le_bytes()[0]; 32])
    }
}

/// What is the same for every text: our signing keys, the key of the current period, and the same key as an issuer's.
struct Fixed {
    ours: SigningKeys,
    private: EncodingKey,
    issuers: PublicKey,
}

fn fixed() -> &'static Fixed {
    static FIXED: OnceLock<Fixed> = OnceLock::new();
    FIXED.get_or_init(|| {
        let ours = SigningKeys::new(Held);
        let jwks = ours.jwks(NOW);
        let Ok(set) = JwkSet::parse(jwks.to_string().as_bytes()) else {
            unreachable!("our own keys are a key set")
        };
        let kid = jwks["keys"][1]["kid"].as_str();
        let Ok(found) = set.find(kid, Algorithm::EdDsa) else { unreachable!("the current key verifies") };
        let seed = [(NOW / scim_api_keys::token::PERIOD_SECONDS).to_le_bytes()[0]; 32];
        let private = EncodingKey::from_ed_der(&[PKCS8_PREFIX.as_slice(), &seed].concat());
        Fixed { ours, private, issuers: PublicKey::clone(&found) }
    })
}

/// A token is refused, or says itself all that was expected of it; also when the signature is right.
/// No token is both ours and another issuer's. A key set is refused, or has few keys, none of which verifies what it did not
/// sign. A Basic header is refused, or has the one spelling of its user name and password.
pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    tokens(text);
    // A header and a payload that anybody may write, signed by who must not sign everything.
    if let Some((header, payload)) = text.split_once('\n') {
        tokens(&signed(header.as_bytes(), payload.as_bytes()));
    }
    key_set(data);
    basic(text);
    basic(&format!("Basic {}", padded(data)));
}

fn tokens(token: &str) {
    let fixed = fixed();
    let ours = fixed.ours.verify(token, ROOT, &[BASE], NOW);
    let bearer = ISSUER.verify_with(token, Purpose::Bearer, &fixed.issuers, NOW);
    let assertion = ISSUER.verify_with(token, Purpose::ClientAssertion, &fixed.issuers, NOW);
    assert!(ours.is_err() || (bearer.is_err() && assertion.is_err()), "{token}");
    if let Ok(claims) = &ours {
        let said = said(token, "at+jwt");
        assert_eq!((claims.iss.as_str(), claims.aud.as_str()), (ROOT, BASE), "{token}");
        assert_eq!(
            serde_json::to_value(claims).ok().as_ref().map(|own| holds(&said, own)),
            Some(true),
            "{token}"
        );
        in_time(claims.iat, claims.exp, ACCESS_LIFETIME_SECONDS, token);
        // Only with the issuer, the audience and at the time that it is for.
        assert!(fixed.ours.verify(token, BASE, &[BASE], NOW).is_err(), "{token}");
        assert!(fixed.ours.verify(token, ROOT, &[ROOT], NOW).is_err(), "{token}");
        let late = claims.exp + LEEWAY_SECONDS;
        assert!(
            fixed.ours.verify(token, ROOT, &[BASE], late).is_err_and(|error| error.is_expired()),
            "{token}"
        );
        altered(token, |token| fixed.ours.verify(token, ROOT, &[BASE], NOW).is_err());
    }
    for (accepted, purpose, typ) in [
        (bearer, Purpose::Bearer, "at+jwt"),
        (assertion, Purpose::ClientAssertion, "client-authentication+jwt"),
    ] {
        let Ok(claims) = accepted else { continue };
        let said = said(token, typ);
        assert_eq!(said["iss"], ISSUER.issuer, "{token}");
        assert_eq!(said["sub"], ISSUER.subject, "{token}");
        let audience = &said["aud"];
        let named = audience == ISSUER.audience
            || audience.as_array().is_some_and(|all| all.iter().any(|one| one == ISSUER.audience));
        assert!(named && !said.contains_key("nonce"), "{token}");
        assert_eq!((&said["iat"], &said["exp"]), (&claims.iat.into(), &claims.exp.into()), "{token}");
        in_time(claims.iat, claims.exp, FOREIGN_LIFETIME_SECONDS, token);
        altered(token, |token| ISSUER.verify_with(token, purpose, &fixed.issuers, NOW).is_err());
    }
}

/// The payload of a token that was accepted, whose header is one that may be.
fn said(token: &str, typ: &str) -> Map<String, Value> {
    let mut parts =
        token.split('.').map(|part| decoded(part).and_then(|json| serde_json::from_slice(&json).ok()));
    let (Some(Some(Value::Object(header))), Some(Some(Value::Object(payload)))) =
        (parts.next(), parts.next())
    else {
        unreachable!("what was accepted is not JSON: {token}")
    };
    assert_eq!(header["alg"], "EdDSA", "{token}");
    assert!(
        !["jku", "jwk", "x5u", "x5c", "crit"].iter().any(|member| header.contains_key(*member)),
        "{token}"
    );
    let named = header.get("typ").and_then(Value::as_str).map(str::to_ascii_lowercase);
    let bare = named.as_deref().map(|typ| typ.strip_prefix("application/").unwrap_or(typ));
    assert!(bare.is_none_or(|bare| bare == typ || bare == "jwt"), "{token}");
    payload
}

/// Whether the payload says everything that was read from it.
fn holds(said: &Map<String, Value>, read: &Value) -> bool {
    read.as_object().is_some_and(|read| read.iter().all(|(name, value)| said.get(name) == Some(value)))
}

fn in_time(issued: i64, expires: i64, most: i64, token: &str) {
    assert!((1..=most).contains(&(expires - issued)), "{token}");
    assert!(NOW - expires < LEEWAY_SECONDS && issued - NOW <= LEEWAY_SECONDS, "{token}");
    assert!(token.len() <= MAX_TOKEN_BYTES, "{token}");
}

/// That nothing near the token is accepted: another digit at its ends and around the dots, or one fewer or more.
fn altered(token: &str, refused: impl Fn(&str) -> bool) {
    let dots = token.bytes().enumerate().filter(|(_, byte)| *byte == b'.').map(|(at, _)| at);
    let places = dots.flat_map(|at| [at - 1, at, at + 1]).chain([0, token.len() - 1]);
    for at in places {
        for digit in [b'A', b'B', b'.', b'=', b'_'] {
            let mut other = token.as_bytes().to_vec();
            if std::mem::replace(&mut other[at], digit) == digit {
                continue;
            }
            assert!(
                String::from_utf8(other).is_ok_and(|other| refused(&other)),
                "{token} with another byte at {at}"
            );
        }
    }
    assert!(
        refused(&token[..token.len() - 1]) && refused(&format!("{token}A")) && refused(&format!("{token}."))
    );
    assert!(refused(&format!(" {token}")) && refused(&format!("{token}=")), "{token}");
}

fn key_set(data: &[u8]) {
    let Ok(set) = JwkSet::parse(data) else { return };
    let Ok(Value::Object(members)) = serde_json::from_slice::<Value>(data) else {
        unreachable!("a key set is an object")
    };
    let keys = members["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    assert!(keys.len() <= MAX_JWKS_KEYS);
    let token = signed(br#"{"alg":"EdDSA"}"#, b"{}");
    let kids =
        keys.iter().map(|key| key.get("kid").and_then(Value::as_str)).chain([None, Some(""), Some("?")]);
    for kid in kids.take(8) {
        for algorithm in Algorithm::ALL {
            let Ok(key) = set.find(kid, algorithm) else { continue };
            assert!(keys.iter().any(|jwk| kid.is_none_or(|kid| jwk["kid"] == kid) && jwk.get("d").is_none()));
            assert!(ISSUER.verify_with(&token, Purpose::Bearer, &key, NOW).is_err(), "an empty payload");
        }
    }
}

fn basic(value: &str) {
    for parsed in
        [BasicCredentials::parse(value), BasicCredentials::parse_client(value)].into_iter().flatten()
    {
        let (user, password) = (parsed.user(), parsed.password());
        assert!(user.len() <= MAX_BASIC_USER_BYTES && password.len() <= MAX_BASIC_PASSWORD_BYTES);
        assert!(!user.chars().chain(password.chars()).any(char::is_control), "{value:?}");
        assert_eq!(format!("{parsed:?}"), "BasicCredentials { .. }");
    }
    if let Ok(parsed) = BasicCredentials::parse(value) {
        // The colon parts them, and there is one spelling: what is joined again is what came.
        assert!(!parsed.user().contains(':'), "{value:?}");
        let again = padded(format!("{}:{}", parsed.user(), parsed.password()).as_bytes());
        assert_eq!(value.split_once(' ').map(|(_, rest)| rest.trim_start_matches(' ')), Some(again.as_str()));
    }
}

/// A token of these two, with a signature that is right.
fn signed(header: &[u8], payload: &[u8]) -> String {
    let message = format!("{}.{}", encoded(header), encoded(payload));
    let signature = crypto::sign(message.as_bytes(), &fixed().private, jsonwebtoken::Algorithm::EdDSA);
    format!("{message}.{}", signature.unwrap_or_default())
}

/// base64url without padding (RFC 4648 §5).
fn encoded(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let of = |at: usize| u32::from(chunk.get(at).copied().unwrap_or_default());
        let group = of(0) << 16 | of(1) << 8 | of(2);
        for digit in 0..=chunk.len() {
            text.push(char::from(BASE64[(group >> (18 - 6 * digit) & 63) as usize]));
        }
    }
    text
}

/// base64 with padding (RFC 4648 §4).
fn padded(bytes: &[u8]) -> String {
    let text = encoded(bytes).replace('-', "+").replace('_', "/");
    let padding = "=".repeat((4 - text.len() % 4) % 4);
    text + &padding
}

/// What base64url stands for, if it is such a text.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for chunk in text.as_bytes().chunks(4) {
        let mut group = 0_u32;
        for digit in chunk {
            group = group << 6 | u32::try_from(BASE64.iter().position(|known| known == digit)?).ok()?;
        }
        group <<= 6 * (4 - chunk.len());
        bytes.extend_from_slice(group.to_be_bytes().get(1..chunk.len())?);
    }
    Some(bytes)
}
