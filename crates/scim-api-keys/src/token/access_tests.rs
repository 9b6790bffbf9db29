//! Access tokens that are taken, and all the others.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::forge::{Held, as_secrets, ed25519, ed25519_public, hs256, token, with};
use super::jws::PAYLOAD;
use super::{
    ACCESS_LIFETIME_SECONDS, AccessClaims, IssueError, MAX_TOKEN_BYTES, PERIOD_SECONDS, Seeds, SigningKeys,
    TokenError,
};

const ISSUER: &str = "https://people.example";
const BASE: &str = "https://people.example/scim/v2";
const NOW: i64 = 1_800_000_000;
const PERIOD: i64 = NOW / PERIOD_SECONDS;

fn claims() -> AccessClaims {
    AccessClaims {
        iss: ISSUER.to_owned(),
        aud: BASE.to_owned(),
        sub: "integration".to_owned(),
        client_id: "key".to_owned(),
        instance: "instance".to_owned(),
        connector: "connector".to_owned(),
        scope: "users:read users:write".to_owned(),
        jti: "one".to_owned(),
        iat: NOW,
        nbf: NOW,
        exp: NOW + ACCESS_LIFETIME_SECONDS,
        generation: 3,
    }
}

fn kid(pepper: u8, period: i64) -> String {
    format!("{}-{period}", URL_SAFE_NO_PAD.encode([pepper; 6]))
}

fn header() -> Value {
    json!({"typ": "at+jwt", "alg": "EdDSA", "kid": kid(1, PERIOD)})
}

fn payload() -> Value {
    serde_json::to_value(claims()).expect("claims are JSON")
}

/// A token of this header and payload with the signature of the current key.
fn signed(header: &Value, payload: &Value) -> String {
    token(&header.to_string(), &payload.to_string(), ed25519(Held::seed_of(1, PERIOD)))
}

fn verified(token: &str, now: i64) -> Result<AccessClaims, TokenError> {
    Held::keys(&[1, 2]).verify(token, ISSUER, &["https://other.example", BASE], now)
}

fn check(token: &str, expected: Result<(), TokenError>) {
    let outcomes = (verified(token, NOW).map(|_| ()), expected);
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
    let refused = verified(&signed(&header(), &with(payload(), json!({name: value}))), NOW);
    let reasons = [TokenError::Claim { claim: name, expected }, TokenError::malformed(PAYLOAD)];
    assert!(refused.as_ref().is_err_and(|error| reasons.contains(error)), "{name} {value}: {refused:?}");
}

fn claim(claim: &'static str, expected: &'static str) -> Result<(), TokenError> {
    Err(TokenError::Claim { claim, expected })
}

#[test]
fn what_is_issued_is_verified() {
    let token = Held::keys(&[1]).issue(&claims()).expect("issued");
    assert_eq!(verified(&token, NOW), Ok(claims()));
    let head = URL_SAFE_NO_PAD.decode(token.split('.').next().expect("a part")).expect("base64url");
    assert_eq!(serde_json::from_slice::<Value>(&head).expect("JSON"), header());
    check(&signed(&header(), &payload()), Ok(()));
    // Names that the claims have in the token.
    let names: Vec<String> = payload().as_object().expect("an object").keys().cloned().collect();
    assert_eq!(names.join(" "), "iss aud sub client_id instance connector scope jti iat nbf exp gen");
}

#[test]
fn what_would_be_refused_is_not_issued() {
    let check = |claims: AccessClaims, expected: IssueError| {
        assert_eq!(Held::keys(&[1]).issue(&claims), Err(expected));
    };
    let too_long = TokenError::Lifetime { seconds: 601, most: 600 };
    check(AccessClaims { exp: NOW + 601, ..claims() }, IssueError::Claims(too_long));
    let nameless = TokenError::Claim { claim: "sub", expected: "a text of 1 to 1024 bytes" };
    check(AccessClaims { sub: String::new(), ..claims() }, IssueError::Claims(nameless));
    assert!(Held::keys(&[1]).issue(&AccessClaims { scope: "x".repeat(9000), ..claims() }).is_err());
    assert_eq!(Held::keys(&[]).issue(&claims()), Err(IssueError::NoKey));
    assert!(Held::keys(&[1]).issue(&AccessClaims { scope: String::new(), ..claims() }).is_ok());
}

#[test]
fn keys_of_three_periods_and_all_peppers_count() {
    let check = |pepper: u8, period: i64, expected: Result<(), TokenError>| {
        let header = with(header(), json!({"kid": kid(pepper, period)}));
        let token =
            token(&header.to_string(), &payload().to_string(), ed25519(Held::seed_of(pepper, period)));
        assert_eq!(verified(&token, NOW).map(|_| ()), expected, "{pepper} {period}");
    };
    for pepper in [1, 2] {
        for period in PERIOD - 1..=PERIOD + 1 {
            check(pepper, period, Ok(()));
        }
        check(pepper, PERIOD - 2, Err(TokenError::UnknownKey));
        check(pepper, PERIOD + 2, Err(TokenError::UnknownKey));
    }
    check(3, PERIOD, Err(TokenError::UnknownKey));
}

#[test]
fn keys_change_with_the_period_and_a_token_outlives_it() {
    let keys = Held::keys(&[1]);
    let end = (PERIOD + 1) * PERIOD_SECONDS;
    let at = |iat: i64| AccessClaims { iat, nbf: iat, exp: iat + 600, ..claims() };
    let (before, after) = (keys.issue(&at(end - 1)).expect("issued"), keys.issue(&at(end)).expect("issued"));
    let kids = |token: &str| super::jws::Header::read(token).expect("a header").kid.expect("a kid");
    assert_eq!((kids(&before), kids(&after)), (kid(1, PERIOD), kid(1, PERIOD + 1)));
    for now in [end - 1, end, end + 300] {
        assert!(keys.verify(&before, ISSUER, &[BASE], now).is_ok(), "{now}");
        assert!(keys.verify(&after, ISSUER, &[BASE], now).is_ok(), "{now}");
    }
    for now in [i64::MIN, -1, 0, i64::MAX] {
        assert!(keys.verify(&before, ISSUER, &[BASE], now).is_err(), "{now}");
    }
}

#[test]
fn a_change_of_the_peppers_is_seen() {
    struct Changing(std::sync::Mutex<Vec<u8>>);
    impl Seeds for Changing {
        fn ids(&self) -> Vec<[u8; 16]> {
            Held(self.0.lock().expect("a lock").clone()).ids()
        }

        fn seed(&self, pepper: &[u8; 16], period: i64) -> Option<[u8; 32]> {
            Held(vec![pepper[0]]).seed(pepper, period)
        }
    }
    let seeds = Arc::new(Changing(vec![1].into()));
    let keys = SigningKeys::new(Arc::clone(&seeds));
    let issue = || keys.issue(&claims()).expect("issued");
    let kid_of = |token: &str| super::jws::Header::read(token).expect("a header").kid.expect("a kid");
    let by_first = issue();
    *seeds.0.lock().expect("a lock") = vec![2, 1];
    assert_eq!(kid_of(&issue()), kid(2, PERIOD));
    assert!(keys.verify(&by_first, ISSUER, &[BASE], NOW).is_ok());
    *seeds.0.lock().expect("a lock") = vec![2];
    assert_eq!(keys.verify(&by_first, ISSUER, &[BASE], NOW), Err(TokenError::UnknownKey));
}

#[test]
fn the_set_shows_public_keys_and_nothing_else() {
    let keys = Held::keys(&[1, 2]);
    let set = keys.jwks(NOW);
    let shown = set["keys"].as_array().expect("a list");
    let kids: Vec<&str> = shown.iter().filter_map(|key| key["kid"].as_str()).collect();
    let expected: Vec<String> =
        [1, 2].into_iter().flat_map(|pepper| [-1, 0, 1].map(|n| kid(pepper, PERIOD + n))).collect();
    assert_eq!(kids, expected);
    let x = URL_SAFE_NO_PAD.encode(ed25519_public(Held::seed_of(1, PERIOD)));
    assert_eq!(
        shown[1],
        json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid(1, PERIOD), "use": "sig", "alg": "EdDSA"})
    );
    assert_eq!(format!("{keys:?}"), "SigningKeys { .. }");
    assert_eq!(Held::keys(&[]).jwks(NOW), json!({"keys": []}));
}

#[test]
fn an_hs256_token_with_the_public_key_for_its_secret_is_refused() {
    for secret in as_secrets(&ed25519_public(Held::seed_of(1, PERIOD))) {
        for alg in ["HS256", "EdDSA"] {
            let header = with(header(), json!({"alg": alg}));
            let forged = token(&header.to_string(), &payload().to_string(), hs256(&secret));
            let expected = if alg == "HS256" { TokenError::Algorithm } else { TokenError::Signature };
            check(&forged, Err(expected));
        }
    }
}

#[test]
fn alg_none_is_refused_in_every_spelling() {
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = with(header(), json!({"alg": alg}));
        check(
            &token(&header.to_string(), &payload().to_string(), |_| b"x".to_vec()),
            Err(TokenError::Algorithm),
        );
        check(
            &token(&header.to_string(), &payload().to_string(), |_| Vec::new()),
            Err(TokenError::malformed("it has no signature")),
        );
    }
}

#[test]
fn a_switched_alg_is_refused() {
    for alg in ["RS256", "PS256", "ES256", "ES384", "HS512", "eddsa", "Ed25519", "EdDSA "] {
        check_header(json!({"alg": alg}), Err(TokenError::Algorithm));
    }
    check_header(json!({"alg": null}), Err(TokenError::malformed("its header does not say `alg`")));
    for alg in [json!(1), json!(["EdDSA"]), json!({})] {
        check_header(
            json!({"alg": alg}),
            Err(TokenError::malformed("its `alg`, `kid` or `typ` is not a text")),
        );
    }
}

#[test]
fn the_kid_of_another_key_is_refused() {
    check_header(json!({"kid": kid(2, PERIOD)}), Err(TokenError::Signature));
    check_header(json!({"kid": kid(1, PERIOD + 1)}), Err(TokenError::Signature));
}

#[test]
fn an_unknown_kid_and_a_path_for_one_are_refused() {
    for kid in [
        "",
        "1",
        "../../../../dev/null",
        "/etc/passwd",
        "' OR '1'='1",
        "https://evil.example/key",
        "AQEBAQEB",
        "AQEBAQEB-",
        "AQEBAQEB-0231\u{0}",
        "\u{0}",
    ] {
        check_header(json!({"kid": kid}), Err(TokenError::UnknownKey));
    }
    check_header(json!({"kid": null}), Err(TokenError::UnknownKey));
    check_header(json!({"kid": format!("AQEBAQEB-+{PERIOD}")}), Err(TokenError::UnknownKey));
    check_header(json!({"kid": format!("AQEBAQEB-0{PERIOD}")}), Err(TokenError::UnknownKey));
    check_header(json!({"kid": "x".repeat(600)}), Err(TokenError::malformed("its `kid` is too long")));
    check_header(json!({"kid": 7}), Err(TokenError::malformed("its `alg`, `kid` or `typ` is not a text")));
}

#[test]
fn a_key_in_the_header_or_a_pointer_to_one_is_refused() {
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(ed25519_public([9; 32]))});
    let url = json!("https://evil.example/keys");
    for (member, value) in [
        ("jku", url.clone()),
        ("x5u", url),
        ("jwk", jwk),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
    ] {
        check_header(json!({member: value}), Err(TokenError::HeaderMember { member }));
        // Nor by the attacker's own key.
        let header = with(header(), json!({member: value}));
        let own = token(&header.to_string(), &payload().to_string(), ed25519([9; 32]));
        check(&own, Err(TokenError::HeaderMember { member }));
    }
}

#[test]
fn times_that_are_missing_or_no_whole_numbers_are_refused() {
    for name in ["exp", "nbf", "iat"] {
        check_claims(json!({name: null}), claim(name, "a whole number of seconds since 1970"));
        for value in [
            json!(NOW.to_string()),
            json!(1.8e9),
            json!(1_800_000_000.5),
            json!(-1),
            json!(i64::MIN),
            json!(u64::MAX),
            json!(1e300),
            json!(NOW * 1000),
            json!([NOW]),
            json!({"at": NOW}),
            json!(true),
        ] {
            check_type(name, &value, "a whole number of seconds since 1970");
        }
        let null =
            payload().to_string().replacen(&format!("\"{name}\":{NOW}"), &format!("\"{name}\":null"), 1);
        if name != "exp" {
            check(
                &token(&header().to_string(), &null, ed25519(Held::seed_of(1, PERIOD))),
                claim(name, "a whole number of seconds since 1970"),
            );
        }
    }
}

#[test]
fn a_token_of_the_future_is_refused() {
    check_claims(json!({"nbf": NOW + 60}), Ok(()));
    check_claims(json!({"nbf": NOW + 61}), Err(TokenError::Early { claim: "nbf", seconds: 61 }));
    check_claims(
        json!({"iat": NOW + 61, "exp": NOW + 100}),
        Err(TokenError::Early { claim: "iat", seconds: 61 }),
    );
}

#[test]
fn an_expired_token_is_refused() {
    let token = signed(&header(), &payload());
    let exp = NOW + ACCESS_LIFETIME_SECONDS;
    assert!(verified(&token, exp + 59).is_ok());
    for beyond in [60, 61, 1_000_000] {
        let refused = verified(&token, exp + beyond).expect_err("expired");
        assert_eq!(refused, TokenError::Expired { seconds: beyond });
        assert!(refused.is_expired() && refused.is_about_time());
    }
}

#[test]
fn a_token_for_longer_than_ours_are_is_refused() {
    check_claims(json!({"exp": NOW + 601}), Err(TokenError::Lifetime { seconds: 601, most: 600 }));
    check_claims(json!({"exp": NOW}), Err(TokenError::Lifetime { seconds: 0, most: 600 }));
    check_claims(json!({"exp": NOW - 30}), Err(TokenError::Lifetime { seconds: -30, most: 600 }));
}

#[test]
fn another_type_of_token_is_refused() {
    for typ in [
        "JWT",
        "jwt",
        "logout+jwt",
        "secevent+jwt",
        "id_token",
        "dpop+jwt",
        "at+jwt ",
        "",
        "application/",
        "x/at+jwt",
    ] {
        check_header(json!({"typ": typ}), Err(TokenError::Type { expected: "at+jwt" }));
    }
    check_header(json!({"typ": null}), Err(TokenError::Type { expected: "at+jwt" }));
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"] {
        check_header(json!({"typ": typ}), Ok(()));
    }
}

#[test]
fn another_audience_is_refused() {
    for aud in ["https://people.example/scim/v2/", "https://people.example", "HTTPS://people.example/scim/v2"]
    {
        check_claims(json!({"aud": aud}), Err(TokenError::Audience));
    }
    check_claims(json!({"aud": ["https://evil.example"]}), Err(TokenError::Audience));
    check_claims(json!({"aud": [BASE, "https://evil.example"]}), claim("aud", "a text of 1 to 1024 bytes"));
    check_claims(json!({"aud": [BASE, 1]}), claim("aud", "a text or a list of texts"));
    check_claims(json!({"aud": []}), Err(TokenError::Audience));
    check_claims(json!({"aud": 1}), claim("aud", "a text or a list of texts"));
    check_claims(json!({"aud": null}), claim("aud", "a text or a list of texts"));
    let token = signed(&header(), &payload());
    assert_eq!(Held::keys(&[1]).verify(&token, ISSUER, &[], NOW), Err(TokenError::Audience));
}

#[test]
fn another_issuer_is_refused() {
    for iss in ["https://people.example/", "https://people.example.evil.example", "http://people.example", ""]
    {
        check_claims(json!({"iss": iss}), Err(TokenError::Issuer));
    }
    check_claims(json!({"iss": [ISSUER]}), claim("iss", "a text of 1 to 1024 bytes"));
    check_claims(json!({"iss": {}}), claim("iss", "a text of 1 to 1024 bytes"));
    check_claims(json!({"iss": null}), claim("iss", "a text of 1 to 1024 bytes"));
}

#[test]
fn every_other_claim_must_be_there_as_it_is_issued() {
    for name in ["sub", "client_id", "instance", "connector", "jti"] {
        for value in [json!(null), json!(1), json!(""), json!(["x"]), json!("x".repeat(1025))] {
            check_type(name, &value, "a text of 1 to 1024 bytes");
        }
    }
    for value in [json!(null), json!(1), json!(["users:read"])] {
        check_claims(json!({"scope": value}), claim("scope", "a text"));
    }
    for value in [json!(null), json!("3"), json!(3.0), json!(u64::MAX)] {
        check_claims(json!({"gen": value}), claim("gen", "a whole number"));
    }
}

#[test]
fn a_token_of_another_instance_or_connector_says_so() {
    // Both are known only to the caller, who compares.
    let other = signed(&header(), &with(payload(), json!({"instance": "i2", "connector": "c2"})));
    let claims = verified(&other, NOW).expect("it is ours");
    assert_eq!((claims.instance.as_str(), claims.connector.as_str()), ("i2", "c2"));
}

#[test]
fn a_token_of_another_installation_is_refused() {
    let elsewhere = Held::keys(&[7]).issue(&claims()).expect("issued");
    check(&elsewhere, Err(TokenError::UnknownKey));
}

#[test]
fn a_signature_that_is_stripped_cut_or_altered_is_refused() {
    let good = signed(&header(), &payload());
    let (message, signature) = good.rsplit_once('.').expect("three parts");
    check(message, Err(TokenError::malformed("it does not have three parts")));
    check(&format!("{message}."), Err(TokenError::malformed("it has no signature")));
    check(&format!("{good}."), Err(TokenError::malformed("it does not have three parts")));
    check(&format!("{good}.{signature}"), Err(TokenError::malformed("it does not have three parts")));
    check(&format!("{good}="), Err(TokenError::malformed("a part of it is not base64url without padding")));
    check(&format!("{message}.{}", &signature[..80]), Err(TokenError::Signature));
    check(&format!("{message}.{signature}AA"), Err(TokenError::Signature));
    let zeros = URL_SAFE_NO_PAD.encode([0; 64]);
    check(&format!("{message}.{zeros}"), Err(TokenError::Signature));
    let other = signed(&header(), &with(payload(), json!({"gen": 4})));
    let (_, payload, _) = {
        let mut parts = other.split('.');
        (parts.next(), parts.next().expect("a payload"), parts.next())
    };
    let (head, _) = message.split_once('.').expect("two parts");
    check(&format!("{head}.{payload}.{signature}"), Err(TokenError::Signature));
}

#[test]
fn repeated_names_are_refused() {
    let key = || ed25519(Held::seed_of(1, PERIOD));
    let (head, body) = (header().to_string(), payload().to_string());
    for (again, place) in
        [("\"exp\":9999999999", "exp"), ("\"sub\":\"admin\"", "sub"), ("\"x\":{\"y\":1,\"y\":2}", "x")]
    {
        let first = body.replacen('{', &format!("{{{again},"), 1);
        let last = format!("{},{again}}}", body.trim_end_matches('}'));
        for body in [first, last] {
            let repeated = token(&head, &body, key());
            let expected = TokenError::malformed(PAYLOAD);
            check(&repeated, Err(expected));
            assert!(!place.is_empty());
        }
    }
    let twice = head.replacen('{', "{\"alg\":\"none\",", 1);
    let expected = TokenError::malformed("its header is not a JSON object without repeated names");
    check(&token(&twice, &body, key()), Err(expected));
}

#[test]
fn an_oversized_token_is_not_looked_at() {
    let long = signed(&header(), &with(payload(), json!({"x": "x".repeat(MAX_TOKEN_BYTES)})));
    check(&long, Err(TokenError::TooLong { bytes: long.len() }));
    let room = signed(&header(), &with(payload(), json!({"x": "x".repeat(5_000)})));
    check(&room, Ok(()));
}

#[test]
fn what_is_no_token_is_refused() {
    for text in
        ["", ".", "..", "...", "a.b.c", "rck1_x_y_z", "é.é.é", "eyJhbGciOiJFZERTQSJ9..AA", "e30.e30.AA"]
    {
        assert!(
            matches!(verified(text, NOW), Err(TokenError::Malformed { .. } | TokenError::Type { .. })),
            "{text}"
        );
    }
    for body in ["[]", "null", "\"x\"", "", "{}x"] {
        let odd = token(&header().to_string(), body, ed25519(Held::seed_of(1, PERIOD)));
        check(&odd, Err(TokenError::malformed(PAYLOAD)));
    }
}

#[test]
fn no_part_of_a_token_stands_in_a_refusal() {
    let odd = with(payload(), json!({"iss": "canary", "sub": "canary"}));
    for refused in [verified(&signed(&header(), &odd), NOW), verified("canary.canary.canary", NOW)] {
        let error = refused.expect_err("refused");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    }
}

/// Keys for properties: deriving them for each case takes longer than the case.
fn keys() -> &'static SigningKeys {
    static KEYS: std::sync::OnceLock<SigningKeys> = std::sync::OnceLock::new();
    KEYS.get_or_init(|| Held::keys(&[1]))
}

/// Any JSON value, and numbers and texts that are nearly right.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-700..700i64).prop_map(|apart| Value::from(NOW + apart)),
        "[a-z:/. ]{0,20}".prop_map(Value::from),
        Just(Value::from(ISSUER)),
        Just(Value::from(BASE)),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,4}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_verified_is_what_was_signed(at: prop::sample::Index, value in any_value(), now in NOW - 100..NOW + 800) {
        let names: Vec<String> = payload().as_object().expect("an object").keys().cloned().collect();
        let changed = with(payload(), json!({names[at.index(names.len())].clone(): value}));
        if let Ok(read) = keys().verify(&signed(&header(), &changed), ISSUER, &[BASE], now) {
            prop_assert_eq!(serde_json::to_value(&read).expect("JSON"), changed);
            prop_assert!(read.iss == ISSUER && read.aud == BASE && !read.sub.is_empty());
            prop_assert!(now < read.exp + 60 && now >= read.nbf - 60 && read.exp - read.iat <= 600);
        }
    }

    #[test]
    fn any_text_is_refused_without_a_panic(text in "\\PC{0,200}", parts in "[A-Za-z0-9_-]{0,60}\\.[A-Za-z0-9_-]{0,60}\\.[A-Za-z0-9_-]{0,60}", now: i64) {
        prop_assert!(keys().verify(&text, ISSUER, &[BASE], now).is_err());
        prop_assert!(keys().verify(&parts, ISSUER, &[BASE], now).is_err());
    }

    #[test]
    fn any_header_and_payload_are_refused_without_a_panic(head in "\\PC{0,100}", body in "\\PC{0,100}") {
        let odd = token(&head, &body, ed25519(Held::seed_of(1, PERIOD)));
        prop_assert!(keys().verify(&odd, ISSUER, &[BASE], NOW).is_err());
        let odd = token(&header().to_string(), &body, ed25519(Held::seed_of(1, PERIOD)));
        prop_assert!(keys().verify(&odd, ISSUER, &[BASE], NOW).is_err());
    }

    #[test]
    fn a_token_with_another_byte_anywhere_is_refused(at: prop::sample::Index, byte in 0u8..128) {
        let good = keys().issue(&claims()).expect("issued");
        let mut bytes = good.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let text = String::from_utf8(bytes).expect("ASCII");
        prop_assert_eq!(keys().verify(&text, ISSUER, &[BASE], NOW).is_ok(), text == good);
    }
}
