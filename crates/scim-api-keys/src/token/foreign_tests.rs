//! Tokens of a trusted issuer that are taken, and all the others.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::forge::{Held, ed25519, ed25519_public, hs256, issued, jwk, rsa_as_secrets, token, with};
use super::jws::PAYLOAD;
use super::{
    AccessClaims, Algorithm, FOREIGN_LIFETIME_SECONDS, ForeignClaims, JwksCache, KeyProblem, Lookup,
    MAX_TOKEN_BYTES, Purpose, TokenError, TrustedIssuer, Verification,
};

const NOW: i64 = 1_800_000_000;
const URL: &str = "https://sts.example/keys";
const ISSUER: &str = "https://sts.example/tenant/v2.0";
const TRUSTED: TrustedIssuer<'_> = TrustedIssuer {
    issuer: ISSUER,
    audience: "api://rollcall",
    subject: "5f0c7f4e",
    algorithms: &[Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa],
};

fn header() -> Value {
    json!({"typ": "JWT", "alg": "EdDSA", "kid": "EdDSA", "x5t": "not used"})
}

fn payload() -> Value {
    json!({
        "iss": ISSUER, "aud": "api://rollcall", "sub": "5f0c7f4e", "jti": "one",
        "iat": NOW, "nbf": NOW, "exp": NOW + 3600, "tid": "tenant", "ver": "2.0",
    })
}

/// Keys of every algorithm, by its name, fetched at this time.
fn keys_of(now: i64) -> JwksCache {
    let keys = Algorithm::ALL.map(|algorithm| with(jwk(algorithm), json!({"kid": algorithm.name()})));
    let cache = JwksCache::new();
    cache.keep(URL, json!({ "keys": keys }).to_string().as_bytes(), now).expect("a set");
    // So that an unknown `kid` has nothing fetched any more.
    let unknown = signed(&json!({"alg": "EdDSA", "kid": "-"}), &payload());
    assert_eq!(outcome(&cache, TRUSTED, &unknown, now), None);
    cache
}

fn keys() -> JwksCache {
    keys_of(NOW)
}

/// What looking at a bearer token comes to; `None` if keys are to be fetched.
fn outcome(
    cache: &JwksCache,
    trusted: TrustedIssuer<'_>,
    token: &str,
    now: i64,
) -> Option<Result<ForeignClaims, TokenError>> {
    match trusted.verify(token, Purpose::Bearer, cache, URL, now) {
        Verification::Accepted(claims) => Some(Ok(claims)),
        Verification::Fetch => None,
        Verification::Refused(error) => Some(Err(error)),
    }
}

fn signed(header: &Value, payload: &Value) -> String {
    let algorithm = header["alg"].as_str().and_then(|name| name.parse().ok()).unwrap_or(Algorithm::EdDsa);
    token(&header.to_string(), &payload.to_string(), issued(algorithm))
}

fn check(token: &str, expected: Result<(), TokenError>) {
    let outcomes = (outcome(&keys(), TRUSTED, token, NOW).map(|claims| claims.map(|_| ())), Some(expected));
    assert_eq!(outcomes.0, outcomes.1, "{token}");
}

fn check_claims(changes: Value, expected: Result<(), TokenError>) {
    check(&signed(&header(), &with(payload(), changes)), expected);
}

fn check_header(changes: Value, expected: Result<(), TokenError>) {
    check(&signed(&with(header(), changes), &payload()), expected);
}

/// A claim of another type is refused, by us or by `jsonwebtoken`, which says less of it.
fn check_type(name: &'static str, value: &Value, expected: &'static str) {
    let token = signed(&header(), &with(payload(), json!({name: value})));
    let refused = outcome(&keys(), TRUSTED, &token, NOW).and_then(Result::err);
    let reasons = [TokenError::Claim { claim: name, expected }, TokenError::malformed(PAYLOAD)];
    assert!(refused.as_ref().is_some_and(|error| reasons.contains(error)), "{name} {value}: {refused:?}");
}

#[test]
fn a_token_by_each_algorithm_is_taken_where_it_is_accepted() {
    let cache = keys();
    let claims = ForeignClaims { jti: Some("one".to_owned()), iat: NOW, exp: NOW + 3600 };
    for algorithm in Algorithm::ALL {
        let header = json!({"alg": algorithm.name(), "kid": algorithm.name()});
        let token = signed(&header, &payload());
        let alone = TrustedIssuer { algorithms: &[algorithm], ..TRUSTED };
        assert_eq!(outcome(&cache, alone, &token, NOW), Some(Ok(claims.clone())), "{algorithm}");
        let others: Vec<_> = Algorithm::ALL.into_iter().filter(|other| *other != algorithm).collect();
        let others = TrustedIssuer { algorithms: &others, ..TRUSTED };
        assert_eq!(outcome(&cache, others, &token, NOW), Some(Err(TokenError::Algorithm)), "{algorithm}");
        let none = TrustedIssuer { algorithms: &[], ..TRUSTED };
        assert_eq!(outcome(&cache, none, &token, NOW), Some(Err(TokenError::Algorithm)), "{algorithm}");
    }
}

#[test]
fn the_public_key_for_a_shared_secret_is_refused() {
    let mut secrets = rsa_as_secrets();
    secrets.push(jwk(Algorithm::Rs256).to_string().into_bytes());
    secrets.push(ed25519_public([5; 32]));
    for secret in secrets {
        for kid in ["RS256", "EdDSA", "none"] {
            let header = json!({"typ": "JWT", "alg": "HS256", "kid": kid});
            check(
                &token(&header.to_string(), &payload().to_string(), hs256(&secret)),
                Err(TokenError::Algorithm),
            );
        }
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": "RS256"});
        check(
            &token(&header.to_string(), &payload().to_string(), hs256(&secret)),
            Err(TokenError::Signature),
        );
    }
}

#[test]
fn no_algorithm_and_a_switched_one_are_refused() {
    for alg in ["none", "NONE", "nOnE", "", "HS512", "ES512", "rs256"] {
        check_header(json!({"alg": alg}), Err(TokenError::Algorithm));
    }
    // The key of the name is for another algorithm.
    let unfit = || Err(TokenError::UnfitKey(KeyProblem::Algorithm));
    check_header(json!({"alg": "RS256", "kid": "ES256"}), unfit());
    check_header(json!({"alg": "ES256", "kid": "RS256"}), unfit());
    check_header(json!({"alg": "EdDSA", "kid": "ES256"}), unfit());
    // An RSA signature of one kind for another.
    let header = json!({"alg": "RS256", "kid": "RS256"});
    for other in [Algorithm::Ps256, Algorithm::Rs384, Algorithm::Es256, Algorithm::EdDsa] {
        check(&token(&header.to_string(), &payload().to_string(), issued(other)), Err(TokenError::Signature));
    }
}

#[test]
fn the_kid_of_another_key_and_an_unknown_one_are_refused() {
    check_header(json!({"kid": "RS384", "alg": "RS256"}), Ok(()));
    for kid in ["", "eddsa", "../../keys", "/etc/passwd", "https://evil.example/key", "' OR 1=1", "\u{0}"] {
        check_header(json!({"kid": kid}), Err(TokenError::UnknownKey));
    }
    // Several RSA keys fit a token that names none; one Ed25519 key does.
    check_header(json!({"kid": null, "alg": "RS256"}), Err(TokenError::UnknownKey));
    check_header(json!({"kid": null}), Ok(()));
    let other = token(&header().to_string(), &payload().to_string(), ed25519([6; 32]));
    check(&other, Err(TokenError::Signature));
}

#[test]
fn a_key_in_the_header_or_a_pointer_to_one_is_refused() {
    let own = json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(ed25519_public([9; 32]))});
    let values = [
        ("jku", json!("https://evil.example")),
        ("x5u", json!("https://evil.example")),
        ("jwk", own),
        ("x5c", json!([])),
        ("crit", json!([])),
    ];
    for (member, value) in values {
        let header = with(header(), json!({member: value}));
        let forged = token(&header.to_string(), &payload().to_string(), ed25519([9; 32]));
        check(&forged, Err(TokenError::HeaderMember { member }));
        check(&signed(&header, &payload()), Err(TokenError::HeaderMember { member }));
    }
}

#[test]
fn weak_and_foreign_keys_of_the_set_are_refused() {
    let weak = json!({"kty": "RSA", "kid": "weak", "n": URL_SAFE_NO_PAD.encode([0xff; 128]), "e": "AQAB"});
    let for_encryption = with(jwk(Algorithm::Rs256), json!({"kid": "enc", "use": "enc"}));
    let cache = JwksCache::new();
    cache.keep(URL, json!({"keys": [weak, for_encryption]}).to_string().as_bytes(), NOW).expect("a set");
    for (kid, problem) in [("weak", KeyProblem::RsaSize), ("enc", KeyProblem::Use)] {
        let token = signed(&json!({"alg": "RS256", "kid": kid}), &payload());
        assert_eq!(outcome(&cache, TRUSTED, &token, NOW), Some(Err(TokenError::UnfitKey(problem))), "{kid}");
    }
}

#[test]
fn times_are_required_and_whole_numbers() {
    const DATE: &str = "a whole number of seconds since 1970";
    for name in ["exp", "iat"] {
        check_claims(json!({name: null}), Err(TokenError::Claim { claim: name, expected: DATE }));
    }
    check_claims(json!({"nbf": null}), Ok(()));
    for name in ["exp", "iat", "nbf"] {
        for value in [
            json!(NOW.to_string()),
            json!(1.8e9),
            json!(-1),
            json!(u64::MAX),
            json!(1e300),
            json!([NOW]),
            json!({}),
        ] {
            check_type(name, &value, DATE);
        }
        let null = payload().to_string().replacen(
            &format!("\"{name}\":18"),
            &format!("\"{name}\":null,\"z\":18"),
            1,
        );
        check(
            &token(&header().to_string(), &null, issued(Algorithm::EdDsa)),
            Err(TokenError::Claim { claim: name, expected: DATE }),
        );
    }
}

#[test]
fn times_that_are_past_ahead_or_far_apart_are_refused() {
    let good = signed(&header(), &payload());
    let at = |now| outcome(&keys_of(now), TRUSTED, &good, now).and_then(Result::err);
    assert_eq!(at(NOW + 3600 + 59), None);
    assert_eq!(at(NOW + 3600 + 60), Some(TokenError::Expired { seconds: 60 }));
    assert_eq!(at(NOW + 3600 + 61), Some(TokenError::Expired { seconds: 61 }));
    check_claims(json!({"nbf": NOW + 61}), Err(TokenError::Early { claim: "nbf", seconds: 61 }));
    check_claims(json!({"iat": NOW + 61}), Err(TokenError::Early { claim: "iat", seconds: 61 }));
    check_claims(json!({"exp": NOW + FOREIGN_LIFETIME_SECONDS}), Ok(()));
    let (seconds, most) = (FOREIGN_LIFETIME_SECONDS + 1, FOREIGN_LIFETIME_SECONDS);
    check_claims(json!({"exp": NOW + seconds}), Err(TokenError::Lifetime { seconds, most }));
    check_claims(json!({"exp": NOW}), Err(TokenError::Lifetime { seconds: 0, most }));
}

#[test]
fn issuer_audience_and_subject_are_compared_exactly() {
    for iss in [
        "https://sts.example/tenant/v2.0/",
        "https://sts.example/other/v2.0",
        "HTTPS://sts.example/tenant/v2.0",
    ] {
        check_claims(json!({"iss": iss}), Err(TokenError::Issuer));
    }
    check_type("iss", &json!([ISSUER]), "a text of 1 to 1024 bytes");
    for aud in
        [json!("api://rollcall/"), json!("API://rollcall"), json!(["api://other"]), json!([]), json!("")]
    {
        check_claims(json!({"aud": aud}), Err(TokenError::Audience));
    }
    check_claims(json!({"aud": ["api://other", "api://rollcall"]}), Ok(()));
    for aud in [json!(1), json!(["api://rollcall", 1]), json!({"api://rollcall": 1}), json!(null)] {
        check_type("aud", &aud, "a text or a list of texts");
    }
    for sub in ["5F0C7F4E", "5f0c7f4e ", "", "another"] {
        check_claims(json!({"sub": sub}), Err(TokenError::Subject));
    }
    for sub in [json!(null), json!(5), json!(["5f0c7f4e"])] {
        check_type("sub", &sub, "a text of 1 to 1024 bytes");
    }
}

#[test]
fn other_kinds_of_tokens_are_refused() {
    for typ in ["logout+jwt", "secevent+jwt", "dpop+jwt", "id_token", "", "JWS"] {
        check_header(json!({"typ": typ}), Err(TokenError::Type { expected: "at+jwt, JWT or none" }));
    }
    for typ in [json!(null), json!("jwt"), json!("at+jwt"), json!("application/at+jwt")] {
        check_header(json!({"typ": typ}), Ok(()));
    }
    // An ID token and a logout token whose headers do not tell.
    for claim in ["nonce", "at_hash", "c_hash", "events"] {
        check_claims(json!({claim: "x"}), Err(TokenError::Kind { claim }));
    }
}

#[test]
fn bearer_tokens_and_client_assertions_are_told_apart_where_they_say() {
    let cache = keys();
    let check = |typ: &str, purpose: Purpose, accepted: bool| {
        let token = signed(&with(header(), json!({"typ": typ})), &payload());
        let looked = TRUSTED.verify(&token, purpose, &cache, URL, NOW);
        assert_eq!(matches!(looked, Verification::Accepted(_)), accepted, "{typ} {purpose:?}");
    };
    for (typ, bearer, assertion) in [
        ("JWT", true, true),
        ("at+jwt", true, false),
        ("client-authentication+jwt", false, true),
        ("logout+jwt", false, false),
    ] {
        check(typ, Purpose::Bearer, bearer);
        check(typ, Purpose::ClientAssertion, assertion);
    }
}

#[test]
fn our_own_access_token_is_no_client_assertion() {
    let ours = Held::keys(&[1]);
    let claims = AccessClaims {
        iss: ISSUER.to_owned(),
        aud: TRUSTED.audience.to_owned(),
        sub: TRUSTED.subject.to_owned(),
        client_id: "key".to_owned(),
        instance: "instance".to_owned(),
        connector: "connector".to_owned(),
        scope: String::new(),
        jti: "one".to_owned(),
        iat: NOW,
        nbf: NOW,
        exp: NOW + 600,
        generation: 1,
    };
    let token = ours.issue(&claims).expect("issued");
    // Even if somebody configured our own keys as those of a trusted issuer.
    let cache = JwksCache::new();
    cache.keep(URL, ours.jwks(NOW).to_string().as_bytes(), NOW).expect("a set");
    let looked = TRUSTED.verify(&token, Purpose::ClientAssertion, &cache, URL, NOW);
    assert!(matches!(looked, Verification::Refused(TokenError::Type { .. })), "{looked:?}");
    // And an issuer's token is none of ours.
    let theirs = signed(&with(header(), json!({"typ": "at+jwt"})), &payload());
    assert_eq!(ours.verify(&theirs, ISSUER, &[TRUSTED.audience], NOW), Err(TokenError::UnknownKey));
}

#[test]
fn an_altered_signature_repeated_names_and_long_tokens_are_refused() {
    let good = signed(&header(), &payload());
    let (message, _) = good.rsplit_once('.').expect("three parts");
    check(&format!("{message}."), Err(TokenError::malformed("it has no signature")));
    check(&format!("{message}.{}", URL_SAFE_NO_PAD.encode([0; 64])), Err(TokenError::Signature));
    // ECDSA by (0, 0) (CVE-2022-21449).
    let es256 = signed(&json!({"alg": "ES256", "kid": "ES256"}), &payload());
    let (message, _) = es256.rsplit_once('.').expect("three parts");
    check(&format!("{message}.{}", URL_SAFE_NO_PAD.encode([0; 64])), Err(TokenError::Signature));
    let twice = payload().to_string().replacen('{', "{\"sub\":\"5f0c7f4e\",", 1);
    check(
        &token(&header().to_string(), &twice, issued(Algorithm::EdDsa)),
        Err(TokenError::malformed(PAYLOAD)),
    );
    let long = signed(&header(), &with(payload(), json!({"x": "x".repeat(MAX_TOKEN_BYTES)})));
    check(&long, Err(TokenError::TooLong { bytes: long.len() }));
}

#[test]
fn a_jti_is_a_text_where_it_is_there() {
    let token = signed(&header(), &with(payload(), json!({"jti": null})));
    let claims = outcome(&keys(), TRUSTED, &token, NOW).and_then(Result::ok).expect("accepted");
    assert_eq!(claims.jti, None);
    for jti in [json!(1), json!(""), json!(["a"]), json!("x".repeat(1025))] {
        check_type("jti", &jti, "a text of 1 to 1024 bytes");
    }
}

#[test]
fn keys_are_fetched_for_a_token_and_then_it_is_looked_at_again() {
    let cache = JwksCache::new();
    let token = signed(&header(), &payload());
    assert_eq!(outcome(&cache, TRUSTED, &token, NOW), None);
    let unavailable = outcome(&cache, TRUSTED, &token, NOW).and_then(Result::err).expect("refused");
    assert!(unavailable.is_unavailable() && !unavailable.is_about_time());
    let set = json!({"keys": [with(jwk(Algorithm::EdDsa), json!({"kid": "EdDSA"}))]});
    cache.keep(URL, set.to_string().as_bytes(), NOW).expect("a set");
    assert!(outcome(&cache, TRUSTED, &token, NOW).is_some_and(|claims| claims.is_ok()));
    // What is refused for its header has nothing fetched.
    let nothing = JwksCache::new();
    let wrong = signed(&with(header(), json!({"alg": "HS256"})), &payload());
    assert!(outcome(&nothing, TRUSTED, &wrong, NOW).is_some());
}

#[test]
fn a_key_that_was_looked_up_verifies_too() {
    let cache = keys();
    let looked = |algorithm: Algorithm| match cache.lookup(URL, Some(algorithm.name()), algorithm, NOW) {
        Lookup::Found(key) => key,
        other => panic!("{other:?}"),
    };
    let token = signed(&header(), &payload());
    let verified = TRUSTED.verify_with(&token, Purpose::Bearer, &looked(Algorithm::EdDsa), NOW);
    assert_eq!(verified.map(|claims| claims.exp), Ok(NOW + 3600));
    let unfit = TRUSTED.verify_with(&token, Purpose::Bearer, &looked(Algorithm::Rs256), NOW);
    assert_eq!(unfit, Err(TokenError::UnfitKey(KeyProblem::Algorithm)));
}

/// Keys for properties: reading them for each case takes longer than the case.
fn same_keys() -> &'static JwksCache {
    static KEYS: std::sync::OnceLock<JwksCache> = std::sync::OnceLock::new();
    KEYS.get_or_init(keys)
}

proptest! {
    #[test]
    fn any_text_is_refused_without_a_panic(text in "\\PC{0,200}", head in "\\PC{0,60}", body in "\\PC{0,60}") {
        for text in [text.clone(), token(&head, &body, issued(Algorithm::EdDsa)), token(&header().to_string(), &body, issued(Algorithm::EdDsa))] {
            prop_assert!(matches!(outcome(same_keys(), TRUSTED, &text, NOW), Some(Err(_))));
        }
    }

    #[test]
    fn a_token_with_another_byte_anywhere_is_refused(at: prop::sample::Index, byte in 0u8..128) {
        let good = signed(&header(), &payload());
        let mut bytes = good.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let text = String::from_utf8(bytes).expect("ASCII");
        let accepted = matches!(outcome(same_keys(), TRUSTED, &text, NOW), Some(Ok(_)));
        prop_assert_eq!(accepted, text == good);
    }
}
