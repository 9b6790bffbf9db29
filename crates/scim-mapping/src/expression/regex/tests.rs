use proptest::prelude::*;

use super::*;

/// What is found in the text, match by match, as `[..]`.
fn matches(pattern: &str, text: &str) -> Result<String, Fault> {
    Regex::new(pattern)?.replace_all(text, "[$&]")
}

#[track_caller]
fn check(pattern: &str, text: &str, expected: &str) {
    assert_eq!(matches(pattern, text).as_deref(), Ok(expected), "{pattern}");
}

#[test]
fn the_end_of_the_text() {
    check("a$", "a", "[a]");
    check("a$", "a\n", "[a]\n");
    check("a$", "a\n\n", "a\n\n");
    check(r"a\Z", "a\n", "[a]\n");
    check(r"a\z", "a\n", "a\n");
    check("(?m)a$", "a\na\n\na", "[a]\n[a]\n\n[a]");
    check("(?m)^a", "a\na", "[a]\n[a]");
    check("^a", "a\na", "[a]\na");
    check(r"(?m)\Aa", "a\na", "[a]\na");
    check("$", "a\n", "a[]\n[]");
    check("(?-m)a$|(?m:b$)", "b\na", "[b]\n[a]");
}

#[test]
fn empty_matches() {
    check(".*", "abc", "[abc][]");
    check("b*", "abc", "[]a[b][]c[]");
    check("", "ø𝄞", "[]ø[]𝄞[]");
    check("x?", "", "[]");
    check(r"\b", "ab c", "[]ab[] []c[]");
    check(r"\G\d", "12a3", "[1][2]a3");
}

#[test]
fn classes() {
    check(r"\w+", "Ærø_9 \u{301}", "[Ærø_9] [\u{301}]");
    check(r"\d", "1٣½", "[1][٣]½");
    check(r"\W+", "a-b c", "a[-]b[ ]c");
    check(r"\s", "a\u{A0}b\u{200B}", "a[\u{A0}]b\u{200B}");
    check(r"[\s-]+", "a - b", "a[ - ]b");
    check("[^0-9]", "1a2", "1[a]2");
    check("[a-z-[aeiou]]+", "abcde", "a[bcd]e");
    check("[^a-c-[x]]+", "abxyz", "abx[yz]");
    check(r"[\w-[\d_]]+", "ab1_c", "[ab]1_[c]");
    check("[]a]+", "a]b", "[a]]b");
    check("[^]a]+", "a]b", "a][b]");
    check("[a&&b~~c-]+", "a&b~c-d", "[a&b~c-]d");
    check(r"[[:a]+", "[:a]", "[[:a]]");
    check(r"[\x41\u0042\b\\\-\]]+", "AB\u{8}\\-]C", "[AB\u{8}\\-]]C");
    check(r"[\w-.]+", "a-.b c", "[a-.b] [c]");
    check(r"[\W\D]+", "a1-", "[a]1[-]");
    check(r"\p{Lu}\P{L}", "A1b", "[A1]b");
    check(r"[^\p{L}\p{N}]+", "a-1", "a[-]1");
    check(r"\p{IsCyrillic}+", "aЖя", "a[Жя]");
    check(r"\P{IsBasicLatin}+", "aЖя", "a[Жя]");
    check(".", "\r\n", "[\r]\n");
    check("(?s).", "\n", "[\n]");
}

#[test]
fn escapes() {
    check(r"\.\@\-\/\#\ \}", ".@-/# }", "[.@-/# }]");
    check(r"\t\e\cA\0\x41\u00E6\101", "\t\u{1B}\u{1}\0AæA", "[\t\u{1B}\u{1}\0AæA]");
    check(r"\uD834\uDD1E", "𝄞", "[𝄞]");
    check("a{,2}{", "a{,2}{", "[a{,2}{]");
    check("a{1", "a{1", "[a{1]");
    check("#", "a # b", "a [#] b");
    check("+".replace('+', r"\+").as_str(), "+", "[+]");
}

#[test]
fn flags() {
    check("(?i)straße", "STRAßE", "[STRAßE]");
    check("a(?i)b|c", "AB aB C", "AB [aB] [C]");
    check("a(?i:b)c", "aBc aBC", "[aBc] aBC");
    check("(?i)a(?-i)b", "Ab AB", "[Ab] AB");
    check("((?i)a)b", "Ab AB", "[Ab] AB");
    check("(?x) a b # comment\n c", "abc", "[abc]");
    check(r"(?x)a\ b[ ]c", "a b c", "[a b c]");
    check("(?x)a +? b", "aab", "[aab]");
    check("(?#note)a", "a", "[a]");
    check(r"(?i)(a)\1", "aA", "[aA]");
}

#[test]
fn lookaround_and_what_else_goes_back() {
    check("(?<=@)[^.]+", "a@b.c", "a@[b].c");
    check(r"(?<!\d)\d{2}(?!\d)", "123 45", "123 [45]");
    check(r"(?<=a+)b", "aab b", "aa[b] b");
    check(r"(?>a+)ab", "aaab", "aaab");
    check(r"(\w)\1", "hello", "he[ll]o");
    check(r"(?<c>\w)\k<c>", "hello", "he[ll]o");
    check(r"(?'c'\w)\k'c'", "hello", "he[ll]o");
    check(r"^(\()?a(?(1)\))$", "(a)", "[(a)]");
    check(r"^(?<p>\()?a(?(p)\)|!)$", "a!", "[a!]");
    check(r"^(\()?a(?(1)\))$", "(a", "(a");
    check("a+?", "aa", "[a][a]");
    check("a{2,3}?", "aaaa", "[aa][aa]");
    check("a??b", "ab", "[ab]");
    check("^*a", "ba", "b[a]");
    check("(?=a)*b", "b", "[b]");
    check("(?=a)+a", "ab", "[a]b");
}

#[test]
fn what_is_not_valid() {
    for pattern in [
        "([unclosed",
        "(a",
        "a)",
        "*a",
        "a**",
        "a*+",
        "a++",
        "a{2}{3}",
        "a|*",
        "(?:*)",
        "a{3,2}",
        "[z-a]",
        r"[a-\d]",
        "[a",
        "[]",
        "[a-[b]c]",
        r"\",
        r"\h",
        r"\K",
        r"\_",
        r"\x4",
        r"\uD834",
        r"\1",
        r"\k<a>",
        r"\k",
        "(?P<a>b)",
        "(?<a",
        "(?<>a)",
        "(?<0>a)",
        "(?<a b>c)",
        "(?<a-b>c)",
        "(?(?=a)b|c)",
        "(a)(?(1)a|b|c)",
        "(?z)a",
        "(?",
        "(?#",
        r"\p{Greek}",
        r"\pL",
        r"\p{",
    ] {
        assert!(matches!(Regex::new(pattern), Err(Fault::Regex(_))), "{pattern}");
    }
}

#[test]
fn limits() {
    assert!(matches!(Regex::new(&"a".repeat(10_001)), Err(Fault::Limit(_))));
    assert!(matches!(Regex::new(&"(".repeat(51)), Err(Fault::Limit(_))));
    assert!(matches!(Regex::new(&"[a-".repeat(30)), Err(Fault::Limit(_))));
    assert!(Regex::new(&format!("{}a{}", "(".repeat(50), ")".repeat(50))).is_ok());
    assert!(matches!(Regex::new(r"(?:(?:\w{1000}){1000}){1000}"), Err(Fault::Regex(_))));
    assert!(matches!(Regex::new(r"^(b?)((\1{999}){999}){999}a"), Err(Fault::Regex(_))));
    assert!(matches!(Regex::new("a{99999999999}"), Err(Fault::Regex(_))));
    assert!(Regex::new(r"^(b?)(?:\1{99}){99}$").is_ok());
    assert!(Regex::new(r"^.{1,500}@[a-z]{1,64}$").is_ok());
    let backtracking = Regex::new("^(?:(?=a)a|a)*c$").unwrap();
    assert!(matches!(backtracking.is_match(&format!("{}bc", "a".repeat(200))), Err(Fault::Regex(_))));
    let everything = Regex::new("a").unwrap();
    assert!(matches!(everything.replace_all(&"a".repeat(3000), "$_$_"), Err(Fault::Limit(_))));
    // Without what needs going back, the engine does not go back.
    assert_eq!(Regex::new("^(a+)+$").unwrap().is_match(&format!("{}b", "a".repeat(5000))), Ok(false));
}

#[track_caller]
fn check_replace(pattern: &str, text: &str, replacement: &str, expected: &str) {
    let regex = Regex::new(pattern).unwrap();
    assert_eq!(regex.replace_all(text, replacement).as_deref(), Ok(expected), "{pattern} {replacement}");
}

#[test]
fn substitutions() {
    check_replace(r"(\w+) (\w+)", "Mia Kohl", "$2 $1", "Kohl Mia");
    check_replace("o", "foo", "$$", "f$$");
    check_replace(r"\+(?<cc>\d+) (?<rest>\d+)", "+47 22334455", "00${cc}${rest}", "004722334455");
    check_replace("(.*?)(?<id>.{0,6})$", "0000004711", "${id}", "004711");
    check_replace("[a-z_]*", "mia_kohl88", "", "88");
    check_replace("b", "abc", "[$`|$'|$_|$&|$0]", "a[a|c|abc|b|b]c");
    check_replace("(a)(b)?", "a", "<$+>", "<>");
    check_replace("(a)(b)?", "ab", "<$+>", "<b>");
    check_replace("a", "a", "$1 ${1} ${x} $x $ ${ ${} $", "$1 ${1} ${x} $x $ ${ ${} $");
    check_replace("(a)", "a", "$10 ${1}0 $01 $2", "$10 a0 a $2");
    check_replace("(a)", "a", "$9999999999 $+", "$9999999999 a");
    check_replace("a", "a", "$+", "a");
    check_replace("(?<n>a)(b)", "ab", "$1-$2-${n}", "b-a-a");
    check_replace("(?<5>a)(b)", "ab", "$5$1", "ab");
    check_replace("(?<x>a)|(?<x>b)", "ab", "[${x}]", "[a][b]");
    check_replace("(?n)(a)(?<x>b)", "ab", "$1", "b");
    check_replace("(a|b)*", "ab", "$1", "b");
}

#[track_caller]
fn check_group(pattern: &str, text: &str, group: &str, expected: Option<&str>) {
    let found = Regex::new(pattern).and_then(|regex| regex.replace_group(text, group, "#"));
    assert_eq!(found.ok().as_deref(), expected, "{pattern} {group}");
}

#[test]
fn one_group_is_replaced() {
    check_group(r"(?<no>^\d+)", "7 Storgata 7", "no", Some("# Storgata 7"));
    check_group("(?<dom>@(.)*)", "mia@example.org", "dom", Some("mia#"));
    check_group(r"x(?<n>\d)", "x1 x2 y3", "n", Some("x# x# y3"));
    check_group(r"x(?<n>\d)?y", "xy x2y", "n", Some("xy x#y"));
    check_group("(?<a>x)", "x", "nosuch", None);
    check_group("(?<a>x)", "x", "A", None);
    check_group("(?<a>x)", "x", "", None);
    check_group("(x)y", "xy", "1", Some("#y"));
    check_group("xy", "xy", "0", Some("#"));
    check_group("a(?=(?<n>b))", "ab", "n", Some("a#"));
    check_group("(?<n>$)", "ab", "n", Some("ab#"));
    check_group("(?<=(?<n>a))b", "abab", "n", Some("#b#b"));
}

#[test]
fn the_value_of_a_group() {
    let check = |pattern: &str, text: &str, expected: Option<Option<&str>>| {
        let found =
            Regex::new(pattern).unwrap().group_value(text, "n").map(|value| value.map(str::to_owned)).ok();
        assert_eq!(found, expected.map(|value| value.map(str::to_owned)), "{pattern}");
    };
    check(r"\+(?<cc>\d+) (?<n>\d{8})", "+47 90001122", Some(Some("90001122")));
    check(r"(?<n>\d)", "12", Some(Some("1")));
    check(r"(?<n>\d)", "x", Some(None));
    check(r"a(?<n>\d)?", "a", Some(None));
    check(r"a(?<n>\d?)", "a", Some(Some("")));
    check("a", "a", None);
}

#[test]
fn patterns_about_the_whole_text() {
    for (pattern, expected) in [
        ("^a$", true),
        (r"\Aa\z", true),
        ("^(a|b)$", true),
        ("^a$|^b$", true),
        ("(?i)^a$", true),
        ("a", false),
        ("^a", false),
        ("a$", false),
        ("^a|b$", false),
        ("^a$|b", false),
        ("^*a$", false),
        ("^a$?", false),
        ("(?m)^a$", false),
        (r"^a\$", false),
        ("", false),
    ] {
        assert_eq!(Regex::new(pattern).unwrap().is_anchored(), expected, "{pattern}");
    }
}

proptest! {
    #[test]
    fn nothing_panics(pattern in ".{0,12}", syntax in r"[ab01(){}\[\]<>?:=!|*+^$\\.,'imsnx#&-]{0,14}", text in "[ab01\n ]{0,8}", replacement in r"[$0-9{}a&`'+_]{0,8}") {
        for pattern in [pattern, syntax] {
            if let Ok(regex) = Regex::new(&pattern) {
                let _ = regex.replace_all(&text, &replacement);
                let _ = regex.replace_group(&text, "1", &replacement);
                let _ = regex.group_value(&text, "a");
            }
        }
    }

    #[test]
    fn an_escaped_text_finds_itself(text in "\\PC{1,12}") {
        let pattern = text.chars().map(escaped).collect::<String>();
        prop_assert_eq!(Regex::new(&pattern).unwrap().replace_all(&text, "").unwrap(), "");
    }
}

/// As .NET's `Regex.Escape` writes a character.
fn escaped(character: char) -> String {
    if r"\*+?|{}[]()^$.# ".contains(character) { format!("\\{character}") } else { character.to_string() }
}
