//! What holds of every key and every text of peppers, whatever somebody sends or an operator writes.

use scim_api_keys::{AdminKey, AnyKey, ApiKey, KEY_BYTES, KeyKind, MAX_PEPPERS, Peppers, Verdict};

const DIGITS: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A text is no key, or it is the one text of that key, which hints at its instance and which its own mac proves. The
/// same holds of the text with a check that is right, so that the check hides nothing behind it. As peppers, it is
/// refused at a line of it without being quoted, or holds a few different ones.
pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for text in [text.to_owned(), sealed(text)] {
        let key = ApiKey::parse(&text).inspect(|key| holds(key, &text));
        let admin = AdminKey::parse(&text).inspect(|key| holds(key, &text));
        assert!(key.is_err() || admin.is_err(), "{text}");
    }
    match Peppers::parse(text) {
        Ok(peppers) => {
            let ids = peppers.ids();
            assert!(!ids.is_empty() && ids.len() <= MAX_PEPPERS, "{text:?}");
            assert_eq!(ids.first(), Some(&peppers.current().id()));
            for (at, id) in ids.iter().enumerate() {
                assert_eq!(peppers.get(id).map(|pepper| pepper.id()), Some(*id));
                assert!(!ids.iter().skip(at + 1).any(|other| other == id), "{text:?}");
            }
        }
        Err(error) => {
            let message = error.to_string();
            assert!(error.line().is_none_or(|line| line >= 1 && line <= text.lines().count()), "{text:?}");
            let secrets = text.split(|character: char| !character.is_ascii_hexdigit());
            let quoted = secrets.filter(|run| run.len() > 8).any(|run| message.contains(run));
            assert!(!quoted, "{message}");
        }
    }
}

/// What holds of the key that a text was read as.
fn holds<K: KeyKind>(key: &AnyKey<K>, text: &str) {
    assert_eq!(key.reveal(), text);
    let hint = AnyKey::<K>::instance_hint(text);
    assert_eq!((text.len(), hint), (KEY_BYTES, Some(key.instance_id())), "{text}");
    assert!(text.ends_with(&key.ending()) && !format!("{key:?}").contains(&text[51..94]), "{text}");
    proved(key);
}

/// What is kept of a key proves it, and what is not quite that does not; nor does it prove the same key of another kind.
fn proved<K: KeyKind>(key: &AnyKey<K>) {
    let Ok(peppers) = Peppers::parse(&"0123456789abcdef".repeat(4)) else {
        unreachable!("32 bytes that differ");
    };
    let kept = peppers.keep(key);
    assert_eq!(peppers.verify(key, Some(&kept)), Verdict::Right);
    assert_eq!(peppers.verify(key, None), Verdict::Wrong);
    let relabelled = |from: &str, to: &str| key.reveal()[..KEY_BYTES - 6].replacen(from, to, 1);
    for text in [sealed(&relabelled("rck1_", "rca1_")), sealed(&relabelled("rca1_", "rck1_"))] {
        let verdict = match (ApiKey::parse(&text), AdminKey::parse(&text)) {
            (Ok(other), _) => peppers.verify(&other, Some(&kept)),
            (_, Ok(other)) => peppers.verify(&other, Some(&kept)),
            _ => unreachable!("a key of either kind"),
        };
        let same = text == key.reveal();
        assert_eq!(verdict, if same { Verdict::Right } else { Verdict::Wrong }, "{text}");
    }
    let mut other = kept;
    other.mac[31] ^= 1;
    assert_eq!(peppers.verify(key, Some(&other)), Verdict::Wrong);
}

/// The text with the check that belongs to it.
fn sealed(body: &str) -> String {
    let mut sum = crc32fast::hash(body.as_bytes());
    let mut check = ['0'; 6];
    for digit in check.iter_mut().rev() {
        *digit = DIGITS.chars().nth((sum % 62) as usize).unwrap_or('0');
        sum /= 62;
    }
    format!("{body}{}", String::from_iter(check))
}
