//! Keys and peppers over generated texts: what holds of every text (`fuzz/checks/key.rs`). The seeds of the fuzz target
//! `key` run here too.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

#[path = "../../../fuzz/checks/key.rs"]
mod key;

#[test]
fn seeds_of_the_fuzz_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/key");
    let mut seeds = 0;
    for entry in fs::read_dir(folder).expect("the seeds").flatten() {
        key::check(&fs::read(entry.path()).expect("a seed"));
        seeds += 1;
    }
    assert!(seeds > 30, "{seeds}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_bytes(data: Vec<u8>) {
        key::check(&data);
    }

    #[test]
    fn what_looks_like_a_key(text in "rc[ak][0-2]_[0-9A-Za-z]{21,23}[_-][0-9A-Za-z]{21,23}_[0-9A-Za-zé]{42,50}") {
        key::check(text.as_bytes());
    }

    #[test]
    fn keys_without_their_check(body in "rc[ak]1_[0-7][0-9A-Za-z]{21}_[0-7][0-9A-Za-z]{21}_[0-9A-Za-z]{43}") {
        key::check(body.as_bytes());
    }

    #[test]
    fn what_looks_like_peppers(text in "(#[ a-z]{0,9}\n|([0-9a-f]{32}|[0-9A-F]{32}){1,5}[0-9a-g ]{0,1}\r?\n){0,9}") {
        key::check(text.as_bytes());
    }
}
