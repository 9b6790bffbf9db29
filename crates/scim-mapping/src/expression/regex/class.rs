//! Character classes: `[..]` with subtraction, `\p{..}`, `\w` and the like, from .NET's syntax to the engine's.

use super::super::fault::Fault;
use super::translate::{Cursor, bad, escape};

/// .NET's `\w`, as items of a class.
pub(super) const WORD: &str = r"\p{L}\p{Mn}\p{Nd}\p{Pc}";
/// How deep subtraction may be nested.
const MAX_DEPTH: usize = 20;

/// The general categories of Unicode that .NET names.
const CATEGORIES: [&str; 37] = [
    "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Ps",
    "Pe", "Pi", "Pf", "Po", "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp", "C", "Cc", "Cf", "Co", "Cn",
    "Cs",
];

/// Blocks of Unicode by .NET's names for them.
const BLOCKS: [(&str, u32, u32); 28] = [
    ("IsBasicLatin", 0x0000, 0x007F),
    ("IsLatin-1Supplement", 0x0080, 0x00FF),
    ("IsLatinExtended-A", 0x0100, 0x017F),
    ("IsLatinExtended-B", 0x0180, 0x024F),
    ("IsIPAExtensions", 0x0250, 0x02AF),
    ("IsSpacingModifierLetters", 0x02B0, 0x02FF),
    ("IsCombiningDiacriticalMarks", 0x0300, 0x036F),
    ("IsGreek", 0x0370, 0x03FF),
    ("IsGreekandCoptic", 0x0370, 0x03FF),
    ("IsCyrillic", 0x0400, 0x04FF),
    ("IsCyrillicSupplement", 0x0500, 0x052F),
    ("IsArmenian", 0x0530, 0x058F),
    ("IsHebrew", 0x0590, 0x05FF),
    ("IsArabic", 0x0600, 0x06FF),
    ("IsDevanagari", 0x0900, 0x097F),
    ("IsThai", 0x0E00, 0x0E7F),
    ("IsGeorgian", 0x10A0, 0x10FF),
    ("IsHangulJamo", 0x1100, 0x11FF),
    ("IsLatinExtendedAdditional", 0x1E00, 0x1EFF),
    ("IsGreekExtended", 0x1F00, 0x1FFF),
    ("IsGeneralPunctuation", 0x2000, 0x206F),
    ("IsSuperscriptsandSubscripts", 0x2070, 0x209F),
    ("IsCurrencySymbols", 0x20A0, 0x20CF),
    ("IsLetterlikeSymbols", 0x2100, 0x214F),
    ("IsHiragana", 0x3040, 0x309F),
    ("IsKatakana", 0x30A0, 0x30FF),
    ("IsCJKUnifiedIdeographs", 0x4E00, 0x9FFF),
    ("IsHangulSyllables", 0xAC00, 0xD7AF),
];

/// What one item of a class is.
enum Item {
    Character(char),
    Set(String),
}

/// A class of one escape: `\d`, `\D`, `\w`, `\W`, `\s`, `\S`; nothing for any other letter.
pub(super) fn shorthand(letter: char) -> Option<String> {
    Some(match letter {
        'd' => r"\p{Nd}".to_owned(),
        'D' => r"[^\p{Nd}]".to_owned(),
        'w' => format!("[{WORD}]"),
        'W' => format!("[^{WORD}]"),
        's' => r"\s".to_owned(),
        'S' => r"[^\s]".to_owned(),
        _ => return None,
    })
}

/// The rest of `\p{..}` or `\P{..}`, as a class.
pub(super) fn property(cursor: &mut Cursor<'_>, negated: bool) -> Result<String, Fault> {
    let name = cursor.braced().ok_or_else(|| bad(r"write a category as \p{Lu}"))?;
    let items = match BLOCKS.iter().find(|(block, _, _)| *block == name) {
        Some((_, first, last)) => format!(r"\x{{{first:X}}}-\x{{{last:X}}}"),
        // Half of a pair, which no text here has.
        None if name == "Cs" => return Ok((if negated { r"[\s\S]" } else { r"[^\s\S]" }).to_owned()),
        None if CATEGORIES.contains(&name.as_str()) => format!(r"\p{{{name}}}"),
        None => return Err(bad(&format!("{name:?} is neither a category of Unicode nor a known block"))),
    };
    Ok(format!("[{}{items}]", if negated { "^" } else { "" }))
}

/// The rest of a class, after its `[`.
pub(super) fn class(cursor: &mut Cursor<'_>, depth: usize) -> Result<String, Fault> {
    if depth > MAX_DEPTH {
        return Err(Fault::Limit(format!("classes are nested at most {MAX_DEPTH} deep")));
    }
    let negation = if cursor.skip('^') { "^" } else { "" };
    let unended = || bad("a class [..] does not end");
    let mut items = String::new();
    let mut subtracted = None;
    loop {
        let next = cursor.next().ok_or_else(unended)?;
        if next == ']' && !items.is_empty() {
            break;
        }
        if next == '-' && !items.is_empty() && cursor.skip('[') {
            subtracted = Some(subtraction(cursor, depth)?);
            break;
        }
        let from = match item(cursor, next)? {
            Item::Character(from) => from,
            Item::Set(set) => {
                items.push_str(&set);
                continue;
            }
        };
        items.push_str(&escape(from));
        if cursor.peek() != Some('-') || cursor.peek_at(1) == Some(']') {
            continue;
        }
        cursor.next();
        let next = cursor.next().ok_or_else(unended)?;
        if next == '[' {
            subtracted = Some(subtraction(cursor, depth)?);
            break;
        }
        match item(cursor, next)? {
            Item::Character(to) if from <= to => {
                items.push('-');
                items.push_str(&escape(to));
            }
            Item::Character(_) => return Err(bad("a range of a class is in reverse order")),
            Item::Set(_) => return Err(bad("a range of a class ends with a set")),
        }
    }
    Ok(match subtracted {
        Some(subtracted) => format!("[[{negation}{items}]--{subtracted}]"),
        None => format!("[{negation}{items}]"),
    })
}

/// What is taken away from a class, after its `[`.
fn subtraction(cursor: &mut Cursor<'_>, depth: usize) -> Result<String, Fault> {
    let subtracted = class(cursor, depth + 1)?;
    if cursor.skip(']') {
        Ok(subtracted)
    } else {
        Err(bad("a subtraction is the last part of a class: [a-z-[aeiou]]"))
    }
}

fn item(cursor: &mut Cursor<'_>, next: char) -> Result<Item, Fault> {
    if next != '\\' {
        return Ok(Item::Character(next));
    }
    let letter = cursor.next().ok_or_else(|| bad("it ends with a backslash"))?;
    if let Some(set) = shorthand(letter) {
        return Ok(Item::Set(set));
    }
    Ok(match letter {
        'p' | 'P' => Item::Set(property(cursor, letter == 'P')?),
        'b' => Item::Character('\u{8}'),
        _ => Item::Character(cursor.escaped(letter)?),
    })
}
