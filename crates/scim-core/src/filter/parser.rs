//! Tokens to a syntax tree, by recursive descent.
//!
//! Time is linear in the text; recursion goes no deeper than [`FilterLimits::max_depth`]. Keywords and operators are
//! read in any letter case, `true`, `false` and `null` too. `not` is a keyword only before a parenthesis, `and` and `or`
//! only after a term, so attributes of these names can be asked for.

use std::borrow::Cow;

use super::CompareOp;
use super::error::{FilterError, FilterErrorKind};
use super::lexer::{Lexer, Token, TokenKind};
use super::syntax::{Filter, FilterLimits, Literal, PathText};

impl<'a> Filter<'a> {
    /// Parses a filter (RFC 7644 §3.4.2.2 figure 1).
    ///
    /// ```
    /// use scim_core::filter::{Filter, FilterLimits};
    /// let filter = Filter::parse(r#"userName Eq "mira" AND not(title pr)"#, &FilterLimits::default())?;
    /// assert_eq!(filter.to_string(), r#"userName eq "mira" and not (title pr)"#);
    /// # Ok::<(), scim_core::filter::FilterError>(())
    /// ```
    ///
    /// # Errors
    /// If the text does not follow the grammar or goes beyond a limit
    /// ([`ScimType::InvalidFilter`](crate::ScimType::InvalidFilter)).
    pub fn parse(text: &'a str, limits: &FilterLimits) -> Result<Self, FilterError> {
        let mut parser = Parser::new(text, limits)?;
        let filter = parser.expression(0)?;
        parser.expect_end("expected and, or, or the end of the filter")?;
        Ok(filter)
    }
}

/// A path of a PATCH operation, as it was written: `PATH = attrPath / valuePath [subAttr]` (RFC 7644 §3.5.2 figure 7).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ParsedPath<'a> {
    pub(crate) path: PathText<'a>,
    pub(crate) filter: Option<Filter<'a>>,
    pub(crate) sub: Option<PathText<'a>>,
}

/// Parses the path of a PATCH operation.
pub(crate) fn parse_path<'a>(text: &'a str, limits: &FilterLimits) -> Result<ParsedPath<'a>, FilterError> {
    let mut parser = Parser::new(text, limits)?;
    let path = parser.path()?;
    let filter = parser.value_filter(0)?;
    let sub = if filter.is_some() { parser.sub_attribute()? } else { None };
    parser.expect_end("expected the end of the path")?;
    Ok(ParsedPath { path, filter, sub })
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    limits: FilterLimits,
    /// The token to be looked at next.
    token: Token<'a>,
    terms: usize,
    /// Whether the parser is between brackets.
    in_brackets: bool,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, limits: &FilterLimits) -> Result<Self, FilterError> {
        if text.len() > limits.max_bytes {
            let reason = format!("it has {} bytes; at most {} are accepted", text.len(), limits.max_bytes);
            return Err(FilterError::new(FilterErrorKind::Limit, limits.max_bytes, "", reason));
        }
        let mut lexer = Lexer::new(text);
        let token = lexer.next_token()?;
        Ok(Self { lexer, limits: *limits, token, terms: 0, in_brackets: false })
    }

    /// `FILTER` and `valFilter`: terms joined by `or`.
    fn expression(&mut self, depth: usize) -> Result<Filter<'a>, FilterError> {
        let first = self.conjunction(depth)?;
        if !self.at_keyword("or") {
            return Ok(first);
        }
        let mut terms = Vec::new();
        push_or(&mut terms, first);
        while self.at_keyword("or") {
            self.advance()?;
            push_or(&mut terms, self.conjunction(depth)?);
        }
        Ok(Filter::Or(terms))
    }

    fn conjunction(&mut self, depth: usize) -> Result<Filter<'a>, FilterError> {
        let first = self.term(depth)?;
        if !self.at_keyword("and") {
            return Ok(first);
        }
        let mut terms = Vec::new();
        push_and(&mut terms, first);
        while self.at_keyword("and") {
            self.advance()?;
            push_and(&mut terms, self.term(depth)?);
        }
        Ok(Filter::And(terms))
    }

    fn term(&mut self, depth: usize) -> Result<Filter<'a>, FilterError> {
        if self.token.kind == TokenKind::OpenParenthesis {
            return self.group(depth);
        }
        if self.at_keyword("not") && self.lexer.parenthesis_follows() {
            self.advance()?;
            return Ok(Filter::Not(Box::new(self.group(depth)?)));
        }
        let path = self.path()?;
        let Some(filter) = self.value_filter(depth)? else { return self.comparison(path) };
        let filter = match self.sub_attribute()? {
            None => filter,
            Some(sub) => {
                let mut terms = Vec::with_capacity(2);
                push_and(&mut terms, filter);
                terms.push(self.comparison(sub)?);
                Filter::And(terms)
            }
        };
        Ok(Filter::ValuePath { path, filter: Box::new(filter) })
    }

    /// `"(" FILTER ")"`.
    fn group(&mut self, depth: usize) -> Result<Filter<'a>, FilterError> {
        self.check_depth(depth)?;
        self.advance()?;
        let filter = self.expression(depth + 1)?;
        if self.token.kind != TokenKind::CloseParenthesis {
            return Err(self.unexpected("expected and, or, or a closing parenthesis"));
        }
        self.advance()?;
        Ok(filter)
    }

    /// `"[" valFilter "]"`, where a bracket is next.
    fn value_filter(&mut self, depth: usize) -> Result<Option<Filter<'a>>, FilterError> {
        if self.token.kind != TokenKind::OpenBracket {
            return Ok(None);
        }
        if self.in_brackets {
            return Err(
                self.unexpected("brackets inside brackets; sub-attributes have no parts of their own")
            );
        }
        self.check_depth(depth)?;
        self.in_brackets = true;
        self.advance()?;
        let filter = self.expression(depth + 1)?;
        if self.token.kind != TokenKind::CloseBracket {
            return Err(self.unexpected("expected and, or, or a closing bracket"));
        }
        self.in_brackets = false;
        self.advance()?;
        Ok(Some(filter))
    }

    /// `subAttr` right after a closing bracket.
    fn sub_attribute(&mut self) -> Result<Option<PathText<'a>>, FilterError> {
        let TokenKind::Word(word) = self.token.kind else { return Ok(None) };
        let Some(name) = word.strip_prefix('.') else { return Ok(None) };
        if !is_name(name) {
            return Err(self.unexpected("expected a point and the name of a sub-attribute"));
        }
        let path = PathText::new(name, self.token.start + 1);
        self.advance()?;
        Ok(Some(path))
    }

    /// `attrPath`.
    fn path(&mut self) -> Result<PathText<'a>, FilterError> {
        let TokenKind::Word(word) = self.token.kind else {
            return Err(self.unexpected("expected an attribute's path, such as userName or name.familyName"));
        };
        if !is_path(word) {
            let reason = "this is not an attribute's path; one looks like userName, name.familyName or \
                          urn:ietf:params:scim:schemas:core:2.0:User:userName";
            return Err(self.unexpected(reason));
        }
        let path = PathText::new(word, self.token.start);
        self.advance()?;
        Ok(path)
    }

    /// What follows the path in `attrExp`.
    fn comparison(&mut self, path: PathText<'a>) -> Result<Filter<'a>, FilterError> {
        self.terms += 1;
        if self.terms > self.limits.max_terms {
            let reason = format!("it has more than {} terms", self.limits.max_terms);
            return Err(FilterError::new(FilterErrorKind::Limit, path.offset(), path.as_str(), reason));
        }
        const OPERATORS: &str = "expected one of the operators eq, ne, co, sw, ew, pr, gt, ge, lt and le";
        let TokenKind::Word(word) = self.token.kind else { return Err(self.unexpected(OPERATORS)) };
        if word.eq_ignore_ascii_case("pr") {
            self.advance()?;
            return Ok(Filter::Present { path });
        }
        let Some(op) = CompareOp::ALL.into_iter().find(|op| op.keyword().eq_ignore_ascii_case(word)) else {
            return Err(self.unexpected(OPERATORS));
        };
        self.advance()?;
        let value = self.literal()?;
        Ok(Filter::Compare { path, op, value })
    }

    /// `compValue`.
    fn literal(&mut self) -> Result<Literal<'a>, FilterError> {
        const VALUES: &str = "expected a value: text in double quotes, a number, true, false or null";
        let value = match &mut self.token.kind {
            TokenKind::Text(text) => Literal::Text(std::mem::replace(text, Cow::Borrowed(""))),
            TokenKind::Word(word) if word.eq_ignore_ascii_case("true") => Literal::Boolean(true),
            TokenKind::Word(word) if word.eq_ignore_ascii_case("false") => Literal::Boolean(false),
            TokenKind::Word(word) if word.eq_ignore_ascii_case("null") => Literal::Null,
            TokenKind::Word(word) => match number(word) {
                Some(Ok(number)) => number,
                Some(Err(reason)) => return Err(self.unexpected(reason)),
                None => return Err(self.unexpected(VALUES)),
            },
            _ => return Err(self.unexpected(VALUES)),
        };
        self.advance()?;
        Ok(value)
    }

    fn advance(&mut self) -> Result<(), FilterError> {
        self.token = self.lexer.next_token()?;
        Ok(())
    }

    fn at_keyword(&self, keyword: &str) -> bool {
        matches!(self.token.kind, TokenKind::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn expect_end(&self, reason: &str) -> Result<(), FilterError> {
        if self.token.kind == TokenKind::End { Ok(()) } else { Err(self.unexpected(reason)) }
    }

    fn unexpected(&self, reason: &str) -> FilterError {
        let text = self.lexer.slice(self.token.start, self.token.end);
        FilterError::syntax(self.token.start, text, reason)
    }

    fn check_depth(&self, depth: usize) -> Result<(), FilterError> {
        if depth < self.limits.max_depth {
            return Ok(());
        }
        let reason = format!("parentheses and brackets are more than {} deep", self.limits.max_depth);
        Err(FilterError::new(FilterErrorKind::Limit, self.token.start, "", reason))
    }
}

fn push_and<'a>(terms: &mut Vec<Filter<'a>>, filter: Filter<'a>) {
    match filter {
        Filter::And(inner) => terms.extend(inner),
        other => terms.push(other),
    }
}

fn push_or<'a>(terms: &mut Vec<Filter<'a>>, filter: Filter<'a>) {
    match filter {
        Filter::Or(inner) => terms.extend(inner),
        other => terms.push(other),
    }
}

/// The number that `word` is; `None` where it is none, an error where it is too large.
pub(super) fn number(word: &str) -> Option<Result<Literal<'static>, &'static str>> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = word.strip_prefix('-').unwrap_or(word);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let exponent_is_sound = exponent.is_none_or(|text| digits(text.strip_prefix(['+', '-']).unwrap_or(text)));
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    if !digits(whole) || leading_zero || !fraction.is_none_or(digits) || !exponent_is_sound {
        return None;
    }
    if fraction.is_none() && exponent.is_none() {
        return Some(word.parse().map(Literal::Integer).map_err(|_| "whole numbers have at most 64 bits"));
    }
    match word.parse::<f64>() {
        Ok(value) if value.is_finite() => Some(Ok(Literal::Decimal(value))),
        _ => Some(Err("the number is too large")),
    }
}

/// `attrPath = [URI ":"] ATTRNAME *1subAttr`. What of a URN-qualified path is URN, only the schemas can tell.
fn is_path(word: &str) -> bool {
    if memchr::memchr(b':', word.as_bytes()).is_some() {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/$%+@!&'*,;=".contains(&byte);
        return word.bytes().all(allowed)
            && word.starts_with(|first: char| first.is_ascii_alphabetic())
            && !word.ends_with([':', '.']);
    }
    match memchr::memchr(b'.', word.as_bytes()).and_then(|at| word.split_at_checked(at)) {
        Some((name, sub)) => is_name(name) && sub.get(1..).is_some_and(is_name),
        None => is_name(word),
    }
}

/// `ATTRNAME = ALPHA *(nameChar)`, and `$ref`.
fn is_name(name: &str) -> bool {
    let name = name.as_bytes();
    let name = name.strip_prefix(b"$").unwrap_or(name);
    name.first().is_some_and(u8::is_ascii_alphabetic)
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expects the canonical text, or part of the error's text.
    fn check(text: &str, expected: Result<&str, &str>) {
        match (Filter::parse(text, &FilterLimits::default()), expected) {
            (Ok(filter), Ok(canonical)) => {
                assert_eq!(filter.to_string(), canonical, "{text}");
                let again = Filter::parse(canonical, &FilterLimits::default()).expect(canonical);
                assert_eq!(again, filter, "{text}");
            }
            (Err(error), Err(part)) => {
                assert!(error.to_string().contains(part), "{text}: {error}, not {part}");
                assert!(error.offset() <= text.len(), "{text}: {error:?}");
            }
            (got, _) => panic!("{text}: {got:?}"),
        }
    }

    #[test]
    fn operators_and_keywords_in_any_case() {
        for op in ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"] {
            check(&format!("title {} \"x\"", op.to_uppercase()), Ok(&format!("title {op} \"x\"")));
        }
        check("title PR", Ok("title pr"));
        check("a pr AND b pr Or NOT (c pr)", Ok("a pr and b pr or not (c pr)"));
        check("a eq TRUE or a eq False or a ne Null", Ok("a eq true or a eq false or a ne null"));
        check("title regex \"x\"", Err("at byte 6, \"regex\": expected one of the operators eq"));
    }

    #[test]
    fn not_binds_before_and_before_or() {
        check("a pr or b pr and c pr", Ok("a pr or b pr and c pr"));
        check("(a pr or b pr) and c pr", Ok("(a pr or b pr) and c pr"));
        check("((a pr and b pr)) and (c pr)", Ok("a pr and b pr and c pr"));
        check("a pr or (b pr or (c pr and (d pr)))", Ok("a pr or b pr or c pr and d pr"));
        check("not(a pr) and b pr", Ok("not (a pr) and b pr"));
        check("not (not (a pr))", Ok("not (not (a pr))"));
        let parsed = Filter::parse("a pr or b pr and c pr", &FilterLimits::default()).expect("sound");
        assert!(matches!(parsed, Filter::Or(terms) if matches!(terms.as_slice(), [_, Filter::And(_)])));
    }

    #[test]
    fn blanks_are_free_between_tokens() {
        check("  a   eq\t\"x\"  and(  b pr  )  ", Ok("a eq \"x\" and b pr"));
        check("emails [ type eq \"work\" ] ", Ok("emails[type eq \"work\"]"));
        check("a eq\"x\"", Ok("a eq \"x\""));
        check("a eq \"x\"and b pr", Err("a blank is needed after"));
    }

    #[test]
    fn keywords_can_be_attributes() {
        check("not pr and and pr or or pr", Ok("not pr and and pr or or pr"));
        check("true eq true", Ok("true eq true"));
        check("pr pr", Ok("pr pr"));
    }

    #[test]
    fn strings_are_json_strings() {
        check(r#"a eq "\"\\\/\u0041""#, Ok(r#"a eq "\"\\/A""#));
        check(r#"a eq "\b\f\n\r\t""#, Ok(r#"a eq "\u0008\u000c\u000a\u000d\u0009""#));
        check(r#"a eq "\ud83d\ude00é大""#, Ok("a eq \"😀é大\""));
        check(r#"a eq """#, Ok(r#"a eq """#));
        check(r#"a eq "\ud83d""#, Err("surrogate"));
        check(r#"a eq "\ud83dx""#, Err("surrogate"));
        check(r#"a eq "\ud83d\u0041""#, Err("surrogate"));
        check(r#"a eq "\ude00""#, Err("surrogate"));
        check(r#"a eq "\x""#, Err("no such escape"));
        check(r#"a eq "\u00g0""#, Err("four hexadecimal"));
        check(r#"a eq "\u+041""#, Err("four hexadecimal"));
        check("a eq \"\u{1}\"", Err("control character"));
        check(
            r#"title eq "unterminated"#,
            Err("at byte 9, \"\\\"unterminated\": this string has no closing"),
        );
        check(r#"a eq "\"#, Err("no such escape"));
        check(r#"a eq 'x'"#, Err("text in double quotes"));
        check("a eq bjensen", Err("at byte 5, \"bjensen\": expected a value: text in double quotes"));
    }

    #[test]
    fn numbers_are_json_numbers() {
        check("a eq 0 or a eq -12", Ok("a eq 0 or a eq -12"));
        check("a eq 9223372036854775807", Ok("a eq 9223372036854775807"));
        check("a eq -9223372036854775808", Ok("a eq -9223372036854775808"));
        check("a eq 9223372036854775808", Err("64 bits"));
        check("a eq 1.50 or a eq 1e2 or a eq 1E-7", Ok("a eq 1.5 or a eq 100.0 or a eq 1e-7"));
        check("a eq 1e400", Err("too large"));
        for wrong in ["01", "1.", ".5", "+1", "1e", "0x1", "--1", "1_000", "NaN", "-"] {
            check(&format!("a eq {wrong}"), Err("expected a value"));
        }
    }

    #[test]
    fn paths() {
        let user = "urn:ietf:params:scim:schemas:core:2.0:User";
        check(&format!("{user}:name.familyName sw \"J\""), Ok(&format!("{user}:name.familyName sw \"J\"")));
        check("urn:ex-ample:a.b:c-d:1.0:Thing:x-y_z pr", Ok("urn:ex-ample:a.b:c-d:1.0:Thing:x-y_z pr"));
        check("members.$ref pr", Ok("members.$ref pr"));
        for wrong in
            ["1a pr", "a..b pr", ".a pr", "a. pr", "a.b.c pr", "$ pr", "é pr", "a,b pr", "urn: pr", ":a pr"]
        {
            check(wrong, Err("not an attribute's path"));
        }
        check("\"a\" pr", Err("expected an attribute's path"));
    }

    #[test]
    fn value_paths() {
        check(
            "emails[type eq \"work\" and not(value pr)]",
            Ok("emails[type eq \"work\" and not (value pr)]"),
        );
        check("emails[type eq \"work\"].value co \"x\"", Ok("emails[type eq \"work\" and value co \"x\"]"));
        check("emails[type pr or primary pr].value pr", Ok("emails[(type pr or primary pr) and value pr]"));
        check("emails[type pr].value", Err("at its end: expected one of the operators"));
        check("emails[type pr].", Err("name of a sub-attribute"));
        check("emails[type pr]value pr", Err("expected and, or, or the end"));
        check("emails[type[a pr]]", Err("brackets inside brackets"));
        check("emails[]", Err("at byte 7, \"]\": expected an attribute's path"));
        check("emails[type pr", Err("closing bracket"));
        check("emails[type pr)", Err("closing bracket"));
    }

    #[test]
    fn what_is_missing_is_named() {
        check("", Err("at its end: expected an attribute's path"));
        check("   ", Err("expected an attribute's path"));
        check("a", Err("at its end: expected one of the operators"));
        check("a eq", Err("at its end: expected a value"));
        check("a pr and", Err("at its end: expected an attribute's path"));
        check("(a pr", Err("closing parenthesis"));
        check("()", Err("expected an attribute's path"));
        check("a pr)", Err("at byte 4, \")\": expected and, or, or the end"));
        check("a pr b pr", Err("at byte 5, \"b\": expected and, or"));
        check("not a pr", Err("at byte 4, \"a\": expected one of the operators"));
    }

    #[test]
    fn limits_hold() {
        let nested = |depth| format!("{}a pr{}", "(".repeat(depth), ")".repeat(depth));
        check(&nested(10), Ok("a pr"));
        check(&nested(11), Err("more than 10 deep"));
        check(&format!("{}a pr", "not (".repeat(4000 / 5)), Err("more than 10 deep"));
        check(&nested(9).replace("a pr", "a[b pr]"), Ok("a[b pr]"));
        check(&nested(10).replace("a pr", "a[b pr]"), Err("more than 10 deep"));
        let joined = |terms| vec!["a pr"; terms].join(" or ");
        check(&joined(50), Ok(&joined(50)));
        check(&joined(51), Err("more than 50 terms"));
        let long = |length| format!("a eq \"{}\"", "x".repeat(length));
        check(&long(4089), Ok(&long(4089)));
        check(&long(4090), Err("it has 4097 bytes; at most 4096"));
    }
}
