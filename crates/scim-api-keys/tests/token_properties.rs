//! Tokens, key sets and Basic headers over generated texts: what holds of every text (`fuzz/checks/token.rs`). The seeds of
//! the fuzz target `token` run here too.
#![cfg(test)]

use std::fs;
use std::path::Path;

use proptest::prelude::*;

#[path = "../../../fuzz/checks/token.rs"]
mod token;

#[test]
fn seeds_of_the_fuzz_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/token");
    let mut seeds = 0;
    for entry in fs::read_dir(folder).expect("the seeds").flatten() {
        token::check(&fs::read(entry.path()).expect("a seed"));
        seeds += 1;
    }
    assert!(seeds > 30, "{seeds}");
}

/// A claim, most often as it should be.
fn claim(name: &'static str, right: &'static str) -> impl Strategy<Value = String> {
    let wrong = prop_oneof![
        Just("null".to_owned()),
        Just("\"\"".to_owned()),
        Just("[]".to_owned()),
        Just("-1".to_owned()),
        Just("1e3".to_owned()),
        Just("1800000600.5".to_owned()),
        Just("9223372036854775808".to_owned()),
        "\"[a-z]{1,9}\"",
    ];
    let value = prop_oneof![9 => Just(right.to_owned()), 1 => wrong];
    prop_oneof![
        19 => value.prop_map(move |value| format!("\"{name}\":{value}")),
        1 => Just("\"other\":1".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_bytes(data: Vec<u8>) {
        token::check(&data);
    }

    #[test]
    fn what_looks_like_a_token(text in "[A-Za-z0-9_-]{0,60}\\.[A-Za-z0-9_-]{0,60}\\.[A-Za-z0-9_-]{0,90}") {
        token::check(text.as_bytes());
    }

    #[test]
    fn signed_tokens_of_an_issuer(
        typ in prop::sample::select(vec!["JWT", "at+jwt", "application/at+jwt", "client-authentication+jwt", "logout+jwt"]),
        claims in (
            claim("iss", "\"https://issuer.example\""),
            claim("aud", "[\"api://other\",\"api://rollcall\"]"),
            claim("sub", "\"robot\""),
            claim("iat", "1800000000"),
            claim("exp", "1800000600"),
            claim("jti", "\"one\""),
        ),
    ) {
        let (iss, aud, sub, iat, exp, jti) = claims;
        let header = format!("{{\"alg\":\"EdDSA\",\"typ\":\"{typ}\"}}");
        token::check(format!("{header}\n{{{iss},{aud},{sub},{iat},{exp},{jti}}}").as_bytes());
    }
}
