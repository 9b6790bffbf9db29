//! `NormalizeDiacritics` and `NormalizeDiacriticsByCulture`: letters without their marks.
//!
//! Only Latin letters change; marks of other scripts are part of their letters (й is not и with an ornament). Letters
//! that the published table leaves out (đ, þ, œ without macron) stay as they are. Letter case is kept.

use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

use super::casing::language;
use super::fault::Fault;

/// The combining macron, which makes œ a letter of the table.
const MACRON: char = '\u{304}';

/// Takes the marks off Latin letters (`Ångström` gives `Angstrom`) and writes out letters that are more than marked ones
/// (æ ae, ø oe, ß ss, ı i, ł l). The result is in the composed form (NFC).
#[must_use]
pub fn normalize(text: &str) -> String {
    plainly(text)
}

/// As [`normalize()`], but first as the culture writes its letters in plain ones: German ä ae, ö oe, ü ue; Danish and
/// Norwegian å aa; Icelandic þ th, ð d; Croatian, Bosnian and Serbian đ dj. Any other culture adds nothing.
///
/// Microsoft names the function, but not what it does; the tables are ours.
///
/// # Errors
///
/// [`Fault::Argument`] if the text is no name of a culture (RFC 4646). Empty text is no particular culture.
pub fn normalize_by_culture(text: &str, culture: &str) -> Result<String, Fault> {
    let culture = culture.trim();
    let table = if culture.is_empty() { &[] } else { table(&language(culture)?) };
    if table.is_empty() {
        return Ok(plainly(text));
    }
    let mut written = String::with_capacity(text.len());
    for letter in text.nfc() {
        match table.iter().find(|(from, _)| *from == letter) {
            Some((_, letters)) => written.push_str(letters),
            None => written.push(letter),
        }
    }
    Ok(plainly(&written))
}

/// Composed letters of a language, and what is written in their place.
fn table(language: &str) -> &'static [(char, &'static str)] {
    match language {
        "de" => &[('ä', "ae"), ('ö', "oe"), ('ü', "ue"), ('Ä', "AE"), ('Ö', "OE"), ('Ü', "UE")],
        "da" | "nb" | "nn" | "no" => &[('å', "aa"), ('Å', "AA")],
        "is" => &[('þ', "th"), ('Þ', "TH"), ('ð', "d"), ('Ð', "D")],
        "bs" | "hr" | "sr" => &[('đ', "dj"), ('Đ', "DJ")],
        _ => &[],
    }
}

fn plainly(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut output = String::with_capacity(text.len());
    let decomposed = text.nfd().collect::<Vec<_>>();
    let mut rest = decomposed.as_slice();
    while let Some((&letter, after)) = rest.split_first() {
        let count = after.iter().take_while(|mark| is_mark(**mark)).count();
        let (marks, next) = after.split_at(count);
        match plain(letter, marks) {
            Some(letters) => output.push_str(letters),
            None => output.push(letter),
        }
        if !letter.is_ascii_alphabetic() && plain(letter, marks).is_none() {
            output.extend(marks);
        }
        rest = next;
    }
    // Most names have nothing left to compose.
    if output.is_ascii() { output } else { output.nfc().collect() }
}

/// What is written for a letter that is more than a letter with marks.
fn plain(letter: char, marks: &[char]) -> Option<&'static str> {
    Some(match letter {
        'æ' => "ae",
        'Æ' => "AE",
        'ø' => "oe",
        'Ø' => "OE",
        'œ' if marks.contains(&MACRON) => "oe",
        'Œ' if marks.contains(&MACRON) => "OE",
        'ß' => "ss",
        'ı' => "i",
        'ł' => "l",
        'Ł' => "L",
        _ => return None,
    })
}

fn is_mark(character: char) -> bool {
    !character.is_ascii() && character.general_category() == GeneralCategory::NonspacingMark
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(normalize(text), expected, "{text}");
        assert_eq!(normalize(&text.nfd().collect::<String>()), expected, "{text}, decomposed");
    }

    #[test]
    fn letters_of_the_table() {
        check("Škoda Łukasz", "Skoda Lukasz");
        check("Ångström", "Angstrom");
        check("Großmann", "Grossmann");
        check("Bjørn Æsir", "Bjoern AEsir");
        check("İpek Yıldız", "Ipek Yildiz");
        check("Ana-Mária O'Neill 3", "Ana-Maria O'Neill 3");
        check("ÁÀÂÃÄÅ áàâãäå", "AAAAAA aaaaaa");
        check("ÇĆČ ĎĐ ÉÈÊËĘĚ Ğ ÍÎÏİ ŁĽ ÑŃŇ", "CCC DĐ EEEEEE G IIII LL NNN");
        check("ÓÒÔÕÖŐ Ř ŚŞŠȘ ŤȚ ÚÙÛÜŮŰ Ý ŹŻŽ", "OOOOOO R SSSS TT UUUUUU Y ZZZ");
        check("ǣ Ǣ ø̄ Ø̄ œ̄ Œ̄ ǽ ǿ", "ae AE oe OE oe OE ae oe");
        check("Nguyễn Thị", "Nguyen Thi");
    }

    #[test]
    fn what_is_not_in_the_table_stays() {
        check("Đorđe þ Œuvre œ", "Đorđe þ Œuvre œ");
        check("Сергій Йосип ά", "Сергій Йосип ά");
        check("한글 हिन्दी が", "한글 हिन्दी が");
        check("\u{301}a 3\u{304}", "\u{301}a 3\u{304}");
        check("", "");
    }

    #[track_caller]
    fn check_culture(text: &str, culture: &str, expected: Option<&str>) {
        assert_eq!(normalize_by_culture(text, culture).ok().as_deref(), expected, "{text} {culture}");
    }

    #[test]
    fn letters_of_a_culture() {
        check_culture("Müller Größe é", "de-DE", Some("Mueller Groesse e"));
        check_culture("Mu\u{308}ller", "de", Some("Mueller"));
        check_culture("Ääö", "DE-at", Some("AEaeoe"));
        check_culture("Åse Bjørn", "nb-NO", Some("AAse Bjoern"));
        check_culture("Åse", "sv-SE", Some("Ase"));
        check_culture("Åse", "", Some("Ase"));
        check_culture("Þórður", "is", Some("THordur"));
        check_culture("Đorđe", "hr", Some("DJordje"));
        check_culture("Åse", "no culture", None);
    }

    proptest! {
        #[test]
        fn twice_is_once(text in ".{0,20}") {
            let once = normalize(&text);
            prop_assert_eq!(normalize(&once), once.clone());
            let _ = normalize_by_culture(&text, "de");
        }
    }
}
