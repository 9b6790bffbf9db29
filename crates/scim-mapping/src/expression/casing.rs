//! Letter case as .NET's `TextInfo` has it: `ToLower`, `ToUpper` and `PCase`.
//!
//! One character becomes one character: ß has no capital here, and Σ is σ at the end of a word too. Rust's own functions
//! map to several characters and look at the context, which .NET does not.

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory as _};

use super::fault::Fault;

/// Whose rules apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Culture {
    /// The invariant culture: İ and ı have no counterpart.
    #[default]
    Invariant,
    /// Turkish and Azerbaijani: i and İ, ı and I belong together.
    Turkic,
    /// Any other culture: İ becomes i, and ı becomes I.
    Other,
}

impl Culture {
    /// Reads the name of a culture as RFC 4646 has it (`tr-TR`, `nb`); empty text is the invariant culture.
    ///
    /// # Errors
    ///
    /// [`Fault::Argument`] if the text is not of this form. A language that nobody knows is taken.
    pub fn parse(name: &str) -> Result<Self, Fault> {
        let name = name.trim();
        if name.is_empty() {
            return Ok(Self::Invariant);
        }
        let language = language(name)?;
        Ok(if matches!(language.as_str(), "tr" | "az") { Self::Turkic } else { Self::Other })
    }
}

/// The language of a culture's name, in lower case.
///
/// # Errors
///
/// [`Fault::Argument`] if the text is no name of a culture.
pub(super) fn language(name: &str) -> Result<String, Fault> {
    let mut parts = name.split(['-', '_']);
    let language = parts.next().unwrap_or_default();
    let letters =
        (2..=8).contains(&language.len()) && language.bytes().all(|byte| byte.is_ascii_alphabetic());
    let others = parts
        .all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    if !(letters && others) {
        return Err(Fault::Argument(format!("{name:?} is not a culture; write one such as \"tr-TR\"")));
    }
    Ok(language.to_ascii_lowercase())
}

/// The text in lower case.
#[must_use]
pub fn to_lower(text: &str, culture: Culture) -> String {
    text.chars().map(|character| lower(character, culture)).collect()
}

/// The text in upper case.
#[must_use]
pub fn to_upper(text: &str, culture: Culture) -> String {
    text.chars().map(|character| upper(character, culture)).collect()
}

/// The text in lower case, with the first letter of each word in upper case.
///
/// Without separators, words are what .NET's `TextInfo.ToTitleCase` takes for words: they begin with a letter and end
/// before a blank, a control or format character, punctuation or a symbol; an apostrophe (`'`) does not end one, nor does
/// a digit. With separators, a word begins after each of these characters and nowhere else, and its first character is
/// what becomes upper case. No separators at all (empty text) are the same as none given.
#[must_use]
pub fn proper_case(text: &str, separators: Option<&str>) -> String {
    let separators = separators.filter(|separators| !separators.is_empty());
    let mut within_word = false;
    let mut output = String::with_capacity(text.len());
    for character in text.chars().map(|character| lower(character, Culture::Invariant)) {
        match separators {
            Some(separators) => {
                let separates = separators.contains(character);
                output.push(if within_word || separates { character } else { title(character) });
                within_word = !separates;
            }
            None => {
                let is_letter = character.general_category_group() == GeneralCategoryGroup::Letter;
                output.push(if within_word || !is_letter { character } else { title(character) });
                within_word = is_letter || (within_word && !ends_word(character));
            }
        }
    }
    output
}

/// Whether a word ends before this character, by .NET's table of categories.
fn ends_word(character: char) -> bool {
    if character == '\'' {
        return false;
    }
    match character.general_category_group() {
        GeneralCategoryGroup::Separator
        | GeneralCategoryGroup::Punctuation
        | GeneralCategoryGroup::Symbol => true,
        GeneralCategoryGroup::Other => {
            matches!(character.general_category(), GeneralCategory::Control | GeneralCategory::Format)
        }
        _ => false,
    }
}

fn lower(character: char, culture: Culture) -> char {
    match (character, culture) {
        ('I', Culture::Turkic) => 'ı',
        ('İ', Culture::Invariant) => 'İ',
        ('İ', _) => 'i',
        _ => single(character.to_lowercase()).unwrap_or(character),
    }
}

fn upper(character: char, culture: Culture) -> char {
    match (character, culture) {
        ('i', Culture::Turkic) => 'İ',
        ('ı', Culture::Invariant) => 'ı',
        _ => single(character.to_uppercase()).or_else(|| with_iota(character)).unwrap_or(character),
    }
}

/// The form for the beginning of a word: that of ǆ is ǅ, where the upper case is Ǆ.
fn title(character: char) -> char {
    match character {
        'ǆ' => 'ǅ',
        'ǉ' => 'ǈ',
        'ǌ' => 'ǋ',
        'ǳ' => 'ǲ',
        _ => upper(character, Culture::Invariant),
    }
}

/// The one character that there is; none of several.
fn single(mut mapped: impl Iterator<Item = char>) -> Option<char> {
    let first = mapped.next()?;
    mapped.next().is_none().then_some(first)
}

/// The capital of a Greek letter with iota subscript: one character by Unicode's simple mapping, two by the full one.
fn with_iota(character: char) -> Option<char> {
    let code = u32::from(character);
    match code {
        0x1F80..=0x1F87 | 0x1F90..=0x1F97 | 0x1FA0..=0x1FA7 => char::from_u32(code + 8),
        0x1FB3 | 0x1FC3 | 0x1FF3 => char::from_u32(code + 9),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, culture: &str, lower: &str, upper: &str) {
        let culture = Culture::parse(culture).unwrap();
        assert_eq!(to_lower(text, culture), lower, "{text}");
        assert_eq!(to_upper(text, culture), upper, "{text}");
    }

    #[test]
    fn one_character_becomes_one() {
        check("MIA.Kohl@Example.ORG", "", "mia.kohl@example.org", "MIA.KOHL@EXAMPLE.ORG");
        check("Åse Straße", "", "åse straße", "ÅSE STRAßE");
        check("ΟΔΟΣ οδός", "el-GR", "οδοσ οδός", "ΟΔΟΣ ΟΔΌΣ");
        check("ﬁn ŉ ẞ", "", "ﬁn ŉ ß", "ﬁN ŉ ẞ");
        check("ᾳ ᾀ ᾷ", "", "ᾳ ᾀ ᾷ", "ᾼ ᾈ ᾷ");
        check("Жук", "ru", "жук", "ЖУК");
        check("ǅ", "", "ǆ", "Ǆ");
    }

    #[test]
    fn the_dots_of_i() {
        check("Iı İi", "", "iı İi", "Iı İI");
        check("Iı İi", "tr-TR", "ıı ii", "II İİ");
        check("Iı İi", "az-Latn-AZ", "ıı ii", "II İİ");
        check("Iı İi", "nb-NO", "iı ii", "II İI");
        check("Ii Ìì", "lt", "ii ìì", "II ÌÌ");
    }

    #[test]
    fn names_of_cultures() {
        for (name, expected) in [
            ("", Some(Culture::Invariant)),
            ("TR", Some(Culture::Turkic)),
            ("tr_TR", Some(Culture::Turkic)),
            ("tru", Some(Culture::Other)),
            ("en-US", Some(Culture::Other)),
            ("e", None),
            ("en-", None),
            ("en US", None),
            ("türkçe", None),
        ] {
            assert_eq!(Culture::parse(name).ok(), expected, "{name}");
        }
    }

    #[track_caller]
    fn check_proper(text: &str, separators: Option<&str>, expected: &str) {
        assert_eq!(proper_case(text, separators), expected, "{text} {separators:?}");
    }

    #[test]
    fn words_of_title_case() {
        check_proper("MIA VAN DER KOHL", None, "Mia Van Der Kohl");
        check_proper("PINTO (TEMP)", None, "Pinto (Temp)");
        check_proper("anna-lena (temp)", None, "Anna-Lena (Temp)");
        check_proper("r&d_team/oslo", None, "R&D_Team/Oslo");
        check_proper("st olav's hospital", None, "St Olav's Hospital");
        check_proper("'tis o'neil d\u{2019}arcy", None, "'Tis O'neil D\u{2019}Arcy");
        check_proper("2nd b2b 3", None, "2Nd B2b 3");
        check_proper("a\u{301}b c\tǆ", None, "A\u{301}b C\tǅ");
        check_proper("straße ßa", None, "Straße ßa");
        check_proper("x", Some(""), "X");
        check_proper("", None, "");
    }

    #[test]
    fn words_between_given_separators() {
        check_proper("anna-lena kohl", Some(" "), "Anna-lena Kohl");
        check_proper("D'ARCY-O'SHEA", Some(" '-"), "D'Arcy-O'Shea");
        check_proper("PINTO (TEMP)", Some(" "), "Pinto (temp)");
        check_proper("a,,b", Some(","), "A,,B");
        check_proper("aXbxc", Some("x"), "AxBxC");
    }

    proptest! {
        #[test]
        fn lengths_stay(text in ".{0,20}", separators in proptest::option::of(".{0,3}")) {
            for culture in [Culture::Invariant, Culture::Turkic, Culture::Other] {
                prop_assert_eq!(to_lower(&text, culture).chars().count(), text.chars().count());
                prop_assert_eq!(to_upper(&text, culture).chars().count(), text.chars().count());
            }
            prop_assert_eq!(proper_case(&text, separators.as_deref()).chars().count(), text.chars().count());
            let _ = Culture::parse(&text);
        }
    }
}
