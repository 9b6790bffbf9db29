//! Key sets that are read, and keys of them that are not used.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::forge::{jwk, with};
use super::{Algorithm, JwkSet, JwksError, KeyProblem, MAX_JWKS_BYTES, MAX_JWKS_KEYS, TokenError};

/// Looks for `kid` and `algorithm` in a set of these keys.
fn find(keys: &[Value], kid: Option<&str>, algorithm: Algorithm) -> Result<(), TokenError> {
    let set = JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes()).expect("a set");
    set.find(kid, algorithm).map(|_| ())
}

/// One key of this form, looked for by its name.
fn check(algorithm: Algorithm, changes: Value, expected: Result<(), KeyProblem>) {
    let key = with(with(jwk(algorithm), json!({"kid": "k"})), changes);
    let outcomes =
        (find(std::slice::from_ref(&key), Some("k"), algorithm), expected.map_err(TokenError::UnfitKey));
    assert_eq!(outcomes.0, outcomes.1, "{key}");
}

fn number(bytes: usize, first: u8, last: u8) -> String {
    let mut number = vec![0xff; bytes];
    number[0] = first;
    number[bytes - 1] = last;
    URL_SAFE_NO_PAD.encode(number)
}

#[test]
fn a_key_of_each_kind_is_found_for_its_algorithms_alone() {
    for of in Algorithm::ALL {
        check(of, json!({}), Ok(()));
        check(
            of,
            json!({"use": "sig", "alg": of.name(), "key_ops": ["verify"], "x5t": "x", "n2": 1}),
            Ok(()),
        );
        for other in Algorithm::ALL {
            let key = with(jwk(of), json!({"kid": "k"}));
            let same_kind = jwk(of) == jwk(other);
            let expected = if same_kind { Ok(()) } else { Err(TokenError::UnfitKey(KeyProblem::Algorithm)) };
            assert_eq!(find(&[key], Some("k"), other), expected, "{of} {other}");
            if of != other {
                check(of, json!({"alg": other.name()}), Err(KeyProblem::Algorithm));
            }
        }
    }
}

#[test]
fn a_key_for_something_else_is_not_used() {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        check(algorithm, json!({"use": "enc"}), Err(KeyProblem::Use));
        check(algorithm, json!({"use": "enc", "alg": "RSA-OAEP"}), Err(KeyProblem::Use));
        check(algorithm, json!({"use": ""}), Err(KeyProblem::Use));
        check(algorithm, json!({"use": 1}), Err(KeyProblem::Form));
        check(algorithm, json!({"key_ops": ["encrypt", "wrapKey"]}), Err(KeyProblem::Use));
        check(algorithm, json!({"key_ops": "verify"}), Err(KeyProblem::Use));
        check(algorithm, json!({"alg": "HS256"}), Err(KeyProblem::Algorithm));
        check(algorithm, json!({"alg": "none"}), Err(KeyProblem::Algorithm));
        check(algorithm, json!({"d": "AQAB"}), Err(KeyProblem::Private));
    }
}

#[test]
fn a_shared_secret_is_no_key() {
    let secret = json!({"kty": "oct", "k": "c2VjcmV0", "kid": "k"});
    for algorithm in Algorithm::ALL {
        let refused = Err(TokenError::UnfitKey(KeyProblem::Kind));
        assert_eq!(find(std::slice::from_ref(&secret), Some("k"), algorithm), refused);
        let named = with(secret.clone(), json!({"alg": "HS256"}));
        assert!(find(&[named], Some("k"), algorithm).is_err());
    }
}

#[test]
fn a_weak_rsa_key_is_not_used() {
    let check_size = |n: String, expected| check(Algorithm::Rs256, json!({"n": n}), expected);
    check_size(number(128, 0xff, 0xff), Err(KeyProblem::RsaSize));
    check_size(number(256, 0x7f, 0xff), Err(KeyProblem::RsaSize));
    check_size(number(256, 0x80, 0xff), Ok(()));
    check_size(number(1024, 0xff, 0xff), Ok(()));
    check_size(number(1025, 0x01, 0xff), Err(KeyProblem::RsaSize));
    check_size(number(257, 0x00, 0xff), Ok(()));
    // Zeros in front make it no longer.
    check_size(URL_SAFE_NO_PAD.encode([vec![0; 128], vec![0xff; 128]].concat()), Err(KeyProblem::RsaSize));
    check_size(String::new(), Err(KeyProblem::RsaSize));
    for e in ["AQ", "AA", "", "Ag", "AQAA", "AQAAAAE", "=", "AQAB="] {
        check(Algorithm::Rs256, json!({"e": e}), Err(KeyProblem::Form));
    }
    for e in ["Aw", "AQAB", "AAEAAQ"] {
        check(Algorithm::Rs256, json!({"e": e}), Ok(()));
    }
}

#[test]
fn a_key_without_its_parts_is_not_used() {
    for (algorithm, members) in [
        (Algorithm::Rs256, ["n", "e"].as_slice()),
        (Algorithm::Es256, &["x", "y"]),
        (Algorithm::Es384, &["x", "y"]),
        (Algorithm::EdDsa, &["x"]),
    ] {
        for member in members {
            check(algorithm, json!({*member: null}), Err(KeyProblem::Form));
            check(algorithm, json!({*member: 1}), Err(KeyProblem::Form));
            check(algorithm, json!({*member: "not base64!"}), Err(KeyProblem::Form));
            if algorithm != Algorithm::Rs256 {
                check(algorithm, json!({*member: number(31, 1, 1)}), Err(KeyProblem::Form));
                check(algorithm, json!({*member: number(57, 1, 1)}), Err(KeyProblem::Form));
            }
        }
    }
    for (algorithm, crv) in [
        (Algorithm::Es256, "P-521"),
        (Algorithm::Es256, "secp256k1"),
        (Algorithm::EdDsa, "Ed448"),
        (Algorithm::EdDsa, "X25519"),
    ] {
        check(algorithm, json!({"crv": crv}), Err(KeyProblem::Kind));
    }
    check(Algorithm::Es256, json!({"crv": null}), Err(KeyProblem::Kind));
    check(Algorithm::EdDsa, json!({"kty": "EC"}), Err(KeyProblem::Kind));
    check(Algorithm::Es256, json!({"crv": "P-384"}), Err(KeyProblem::Form));
    check(Algorithm::Rs256, json!({"kty": "rsa"}), Err(KeyProblem::Kind));
    check(Algorithm::Rs256, json!({"kty": null}), Err(KeyProblem::Kind));
}

#[test]
fn a_kid_names_one_key_that_fits() {
    let named = |algorithm, kid: &str| with(jwk(algorithm), json!({"kid": kid}));
    let set = [named(Algorithm::Rs256, "a"), named(Algorithm::Es256, "a"), named(Algorithm::EdDsa, "b")];
    let check = |kid: Option<&str>, algorithm, expected| assert_eq!(find(&set, kid, algorithm), expected);
    // One name for keys of two kinds (RFC 7517 §4.5).
    check(Some("a"), Algorithm::Rs256, Ok(()));
    check(Some("a"), Algorithm::Es256, Ok(()));
    check(Some("a"), Algorithm::EdDsa, Err(TokenError::UnfitKey(KeyProblem::Algorithm)));
    check(Some("b"), Algorithm::EdDsa, Ok(()));
    for kid in ["", "A", "c", "../a"] {
        check(Some(kid), Algorithm::EdDsa, Err(TokenError::UnknownKey));
    }
    let twice = [named(Algorithm::EdDsa, "b"), named(Algorithm::EdDsa, "b")];
    assert_eq!(find(&twice, Some("b"), Algorithm::EdDsa), Err(TokenError::UnknownKey));
}

#[test]
fn without_a_kid_there_must_be_one_key_that_fits() {
    let set = [jwk(Algorithm::Rs256), jwk(Algorithm::Es256), json!({"kty": "oct", "k": "AA"})];
    assert_eq!(find(&set, None, Algorithm::Rs256), Ok(()));
    assert_eq!(find(&set, None, Algorithm::Es256), Ok(()));
    assert_eq!(find(&set, None, Algorithm::EdDsa), Err(TokenError::UnknownKey));
    assert_eq!(find(&set, Some("k"), Algorithm::Rs256), Err(TokenError::UnknownKey));
    let two = [jwk(Algorithm::Es256), with(jwk(Algorithm::Es256), json!({"kid": "k"}))];
    assert_eq!(find(&two, None, Algorithm::Es256), Err(TokenError::UnknownKey));
    // One that cannot be used does not count.
    let one = [jwk(Algorithm::Es256), with(jwk(Algorithm::Es256), json!({"use": "enc"}))];
    assert_eq!(find(&one, None, Algorithm::Es256), Ok(()));
}

#[test]
fn what_is_no_set_is_refused() {
    let check =
        |text: &str, expected| assert_eq!(JwkSet::parse(text.as_bytes()).map(|_| ()), expected, "{text:.80}");
    for text in ["", "null", "[]", "{}", "<html>", r#"{"keys":null}"#, r#"{"keys":{}}"#, r#"{"keys":[1]}"#] {
        check(text, Err(JwksError::Malformed));
    }
    check(r#"{"keys":[],"keys":[]}"#, Err(JwksError::Malformed));
    check(r#"{"keys":[{"kid":"a","kid":"b"}]}"#, Err(JwksError::Malformed));
    check(r#"{"keys":[]}"#, Ok(()));
    check(r#"{"keys":[{}],"more":1}"#, Ok(()));
    let many = |keys: usize| json!({"keys": vec![json!({}); keys]}).to_string();
    check(&many(MAX_JWKS_KEYS), Ok(()));
    check(&many(MAX_JWKS_KEYS + 1), Err(JwksError::TooMany { keys: MAX_JWKS_KEYS + 1 }));
    let set = r#"{"keys":[]}"#;
    check(&format!("{set}{}", " ".repeat(MAX_JWKS_BYTES - set.len())), Ok(()));
    let long = format!("{set}{}", " ".repeat(MAX_JWKS_BYTES - set.len() + 1));
    check(&long, Err(JwksError::TooLong { bytes: MAX_JWKS_BYTES + 1 }));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, n in "[A-Za-z0-9_-]{0,20}", kty in "RSA|EC|OKP", crv in "P-256|P-384|Ed25519") {
        prop_assert!(JwkSet::parse(&bytes).is_err());
        let odd = json!({"keys": [{"kty": kty, "crv": crv, "n": n, "e": n, "x": n, "y": n}]});
        let set = JwkSet::parse(odd.to_string().as_bytes()).expect("a set");
        for algorithm in Algorithm::ALL {
            prop_assert!(set.find(None, algorithm).is_err());
        }
    }
}
