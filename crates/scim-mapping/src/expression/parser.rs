//! Text to tree.
//!
//! One pass: what the grammar forbids ends it; other mistakes (an unknown function, a missing parameter) are kept until
//! the end, so that a forgotten parenthesis is reported as such, and the first of them is told.

use super::error::{ErrorKind, ExpressionError};
use super::functions::{self, Function, Prepared};
use super::tree::{Call, Comparison, Node, NodeKind, Operator, quoted};
use super::value::{self, Flow, Value};
use super::{Lint, MAX_ARGUMENTS, MAX_CHARACTERS, MAX_DEPTH};

/// A parsed expression and what is odd about its text.
pub(super) struct Parsed {
    pub(super) root: Node,
    pub(super) lints: Vec<Lint>,
}

pub(super) fn parse(text: &str) -> Result<Parsed, ExpressionError> {
    if text.chars().nth(MAX_CHARACTERS).is_some() {
        let message = format!("the expression is longer than {MAX_CHARACTERS} characters; make it shorter");
        return Err(ExpressionError::new(ErrorKind::Limit, MAX_CHARACTERS, message));
    }
    let mut parser = Parser { text, at: 0, characters: 0, mistake: None, lints: Vec::new() };
    parser.skip_blanks();
    if parser.peek().is_none() {
        return Err(
            parser.fail("the expression is empty; write an attribute [name], a text \"...\" or a function")
        );
    }
    let root = parser.expression(1)?;
    parser.skip_blanks();
    if let Some(next) = parser.peek() {
        return Err(parser.fail(after_the_end(next, parser.rest())));
    }
    let Parser { mut mistake, lints, .. } = parser;
    if mistake.is_none() {
        mistake = nested(&root);
    }
    match mistake {
        Some(mistake) => Err(mistake),
        None => Ok(Parsed { root, lints }),
    }
}

/// The first function that may stand at the top only, and does not.
fn nested(root: &Node) -> Option<ExpressionError> {
    let mut found = None;
    root.visit(&mut |node| {
        if let Some(function) = node.function()
            && function.top_only
            && !std::ptr::eq(node, root)
            && found.is_none()
        {
            let name = function.name;
            let message =
                format!("{name} may not stand inside anything; put other functions inside its parameters");
            found = Some(ExpressionError::new(ErrorKind::Nesting, node.position, message));
        }
    });
    found
}

fn after_the_end(next: char, rest: &str) -> String {
    let word: String = rest.chars().take_while(char::is_ascii_alphabetic).collect();
    match next {
        '&' => "texts are put together with Append or Join, not with &".to_owned(),
        '=' | '<' | '>' => "only two values can be compared; nest IIF to combine comparisons".to_owned(),
        '+' | '-' | '*' | '/' => format!("there is no arithmetic; remove the {next:?}"),
        ')' => "this parenthesis closes nothing; remove it".to_owned(),
        _ if word.eq_ignore_ascii_case("and") || word.eq_ignore_ascii_case("or") => {
            format!("there is no {word}; nest IIF: in its second parameter for and, in its third for or")
        }
        _ => "the expression has ended before this; remove the rest, or join both with a function".to_owned(),
    }
}

struct Parser<'a> {
    text: &'a str,
    /// The next byte.
    at: usize,
    /// How many characters stand before it.
    characters: usize,
    /// The first mistake that is not one of grammar.
    mistake: Option<ExpressionError>,
    lints: Vec<Lint>,
}

impl<'a> Parser<'a> {
    /// An operand, or two that are compared.
    fn expression(&mut self, depth: usize) -> Result<Node, ExpressionError> {
        let left = self.operand(depth)?;
        self.skip_blanks();
        let Some(operator) = self.operator()? else { return Ok(left) };
        self.skip_blanks();
        let right = self.operand(depth)?;
        let position = left.position;
        Ok(Node { position, kind: NodeKind::Comparison(Box::new(Comparison { left, operator, right })) })
    }

    fn operator(&mut self) -> Result<Option<Operator>, ExpressionError> {
        for wrong in ["==", "!=", "=<", "=>"] {
            if self.rest().starts_with(wrong) {
                return Err(self.fail(format!("{wrong} is no comparison; write =, <>, >, >=, < or <=")));
            }
        }
        // Longer ones first.
        let known = [
            Operator::NotEqual,
            Operator::GreaterOrEqual,
            Operator::LessOrEqual,
            Operator::Equal,
            Operator::Greater,
            Operator::Less,
        ];
        let found = known.into_iter().find(|operator| self.rest().starts_with(operator.as_str()));
        if let Some(operator) = found {
            self.skip(operator.as_str().len());
        }
        Ok(found)
    }

    fn operand(&mut self, depth: usize) -> Result<Node, ExpressionError> {
        let position = self.characters;
        let kind = match self.peek() {
            Some('[') => self.attribute()?,
            Some('"') => self.string()?,
            Some('&') => self.hexadecimal()?,
            Some('-' | '0'..='9') => self.number()?,
            Some(next) if next.is_ascii_alphabetic() || next == '_' => return self.word(depth),
            Some('\'') => return Err(self.fail("text is written in double quotes: \"...\"")),
            Some('\u{201c}' | '\u{201d}' | '\u{201e}') => {
                return Err(self.fail("this is a typographic quote; write \" instead"));
            }
            Some('(') => {
                return Err(self.fail("a parenthesis follows the name of a function; remove this one"));
            }
            Some(next) => {
                let message =
                    format!("{next:?} begins nothing; write [name], \"text\", a number or a function");
                return Err(self.fail(message));
            }
            None => return Err(self.fail("the expression ends too early; a value is missing here")),
        };
        Ok(Node { position, kind })
    }

    /// `[name]`; brackets in the name are balanced, and quotes mean nothing special (SCIM paths).
    fn attribute(&mut self) -> Result<NodeKind, ExpressionError> {
        let mut depth = 0_usize;
        let mut end = None;
        for (index, character) in self.rest().char_indices() {
            match character {
                '[' => depth += 1,
                ']' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                end = Some(index);
                break;
            }
        }
        let Some(end) = end else {
            return Err(self.fail("this bracket is not closed; write [name]"));
        };
        let name = self.rest().get(1..end).unwrap_or_default().trim();
        if name.is_empty() {
            return Err(self.fail("the attribute has no name; write [name]"));
        }
        let kind = NodeKind::Attribute(name.to_owned());
        self.skip(end + 1);
        Ok(kind)
    }

    /// `"text"`; escapes are `\\` and `\"`, any other backslash stands for itself.
    fn string(&mut self) -> Result<NodeKind, ExpressionError> {
        let mut text = String::new();
        let mut characters = self.rest().char_indices().skip(1).peekable();
        let mut odd = None;
        let mut end = None;
        while let Some((index, character)) = characters.next() {
            match character {
                '"' => {
                    end = Some(index + 1);
                    break;
                }
                '\\' => match characters.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                    Some((_, escaped)) => text.push(escaped),
                    None => {
                        text.push('\\');
                        odd.get_or_insert(index);
                    }
                },
                other => text.push(other),
            }
        }
        let Some(end) = end else {
            return Err(self.fail("this text has no closing quote; a quote inside a text is written \\\""));
        };
        if let Some(index) = odd {
            let before = self.rest().get(..index).unwrap_or_default().chars().count();
            let message =
                "a single backslash stands for itself here; write \\\\ to make that plain".to_owned();
            self.lints.push(Lint { position: self.characters + before, message });
        }
        self.skip(end);
        let literal = quoted(&text);
        Ok(NodeKind::Constant { value: Value::Text(text), text: literal })
    }

    /// `&H` and hexadecimal digits.
    fn hexadecimal(&mut self) -> Result<NodeKind, ExpressionError> {
        let digits = match self.rest().get(1..2) {
            Some("H" | "h") => {
                leading(self.rest().get(2..).unwrap_or_default(), |c| c.is_ascii_alphanumeric())
            }
            _ => {
                return Err(self
                    .fail("& begins a hexadecimal number such as &HFF; texts are put together with Append"));
            }
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(self.fail("a hexadecimal number has the digits 0 to 9 and A to F after &H"));
        }
        let Some(value) = value::hexadecimal(digits) else {
            let message = "a hexadecimal number has at most 16 digits";
            return Err(ExpressionError::new(ErrorKind::Range, self.characters, message));
        };
        let text = format!("&H{}", digits.to_ascii_uppercase());
        let length = digits.len() + 2;
        self.skip(length);
        Ok(NodeKind::Constant { value: Value::Int(value), text })
    }

    fn number(&mut self) -> Result<NodeKind, ExpressionError> {
        let text = leading(self.rest(), |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let well_formed = match unsigned.split_once('.') {
            Some((whole, fraction)) => digits(whole) && digits(fraction),
            None => digits(unsigned),
        };
        if !well_formed {
            return Err(self.fail(format!("{text:?} is no number; write digits, such as -12 or 1.5")));
        }
        let value = match text.parse() {
            Ok(whole) => Value::Int(whole),
            Err(_) => match value::number(text) {
                Some(number) => Value::Decimal(number),
                None => {
                    let message = "the number is too large; it has at most 28 digits";
                    return Err(ExpressionError::new(ErrorKind::Range, self.characters, message));
                }
            },
        };
        self.skip(text.len());
        Ok(NodeKind::Constant { value, text: text.to_owned() })
    }

    /// A function or a keyword.
    fn word(&mut self, depth: usize) -> Result<Node, ExpressionError> {
        let position = self.characters;
        let word = leading(self.rest(), |c| c.is_ascii_alphanumeric() || c == '_');
        self.skip(word.len());
        self.skip_blanks();
        if self.peek() == Some('(') {
            self.skip(1);
            return self.call(word, position, depth);
        }
        let Some((canonical, kind)) = keyword(word) else {
            let message =
                format!("{word:?} is no keyword; write [{word}] for an attribute, \"{word}\" for a text");
            return Err(ExpressionError::new(ErrorKind::Parse, position, message));
        };
        if canonical != word {
            self.lints.push(Lint { position, message: format!("{word} is written {canonical}") });
        }
        Ok(Node { position, kind })
    }

    /// The arguments of a call whose opening parenthesis was taken.
    fn call(&mut self, name: &str, position: usize, depth: usize) -> Result<Node, ExpressionError> {
        if depth > MAX_DEPTH {
            let message =
                format!("functions are nested deeper than {MAX_DEPTH}; use a Switch in place of nested IIFs");
            return Err(ExpressionError::new(ErrorKind::Limit, position, message));
        }
        let function = functions::find(name);
        match function {
            Some(function) if function.name != name => {
                self.lints.push(Lint { position, message: format!("{name} is written {}", function.name) });
            }
            Some(_) => {}
            None => self.note(unknown(name, position)),
        }
        let mut arguments = Vec::new();
        loop {
            self.skip_blanks();
            if arguments.len() >= MAX_ARGUMENTS {
                let message = format!("{name} has more than {MAX_ARGUMENTS} parameters; use fewer");
                return Err(ExpressionError::new(ErrorKind::Limit, position, message));
            }
            let empty = matches!(self.peek(), Some(',' | ')'));
            if !empty {
                arguments.push(Some(self.expression(depth + 1)?));
                self.skip_blanks();
            } else if self.peek() == Some(',') || !arguments.is_empty() {
                arguments.push(None);
            }
            match self.peek() {
                Some(',') => self.skip(1),
                Some(')') => {
                    self.skip(1);
                    break;
                }
                Some('&') => return Err(self.fail("texts are put together with Append or Join, not with &")),
                Some(_) => {
                    return Err(
                        self.fail(format!("a comma or the closing parenthesis of {name} is missing here"))
                    );
                }
                None => return Err(self.fail(format!("the closing parenthesis of {name} is missing"))),
            }
        }
        let kind = match function.map(|function| self.complete(function, arguments, position)) {
            Some(Some(call)) => NodeKind::Call(Box::new(call)),
            // A mistake was noted; the tree will not be used.
            _ => NodeKind::Constant { value: Value::Null, text: String::new() },
        };
        Ok(Node { position, kind })
    }

    fn complete(
        &mut self,
        function: &'static Function,
        mut arguments: Vec<Option<Node>>,
        position: usize,
    ) -> Option<Call> {
        let prepared = function.arrange(&mut arguments, position).and_then(|()| {
            function.prepare.map_or(Ok(Prepared::Nothing), |prepare| prepare(&arguments, position))
        });
        match prepared {
            Ok(prepared) => Some(Call { function, arguments, prepared }),
            Err(mistake) => {
                self.note(mistake);
                None
            }
        }
    }

    /// Keeps a mistake, unless one that comes earlier in the text is known.
    fn note(&mut self, mistake: ExpressionError) {
        if self.mistake.as_ref().is_none_or(|known| mistake.position() < known.position()) {
            self.mistake = Some(mistake);
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Goes on by so many bytes.
    fn skip(&mut self, bytes: usize) {
        self.characters += self.rest().get(..bytes).unwrap_or_default().chars().count();
        self.at += bytes;
    }

    fn skip_blanks(&mut self) {
        let blanks = leading(self.rest(), char::is_whitespace);
        self.skip(blanks.len());
    }

    fn fail(&self, message: impl Into<String>) -> ExpressionError {
        ExpressionError::new(ErrorKind::Parse, self.characters, message)
    }
}

/// The characters at the beginning that are of one sort.
fn leading(text: &str, sort: impl Fn(char) -> bool) -> &str {
    let end = text.find(|character| !sort(character)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// A keyword in any letter case: how it is written, and what it stands for.
fn keyword(word: &str) -> Option<(&'static str, NodeKind)> {
    let known = [
        ("True", Value::Bool(true)),
        ("False", Value::Bool(false)),
        ("vbBinaryCompare", Value::Int(0)),
        ("vbTextCompare", Value::Int(1)),
        ("Unicode", Value::from("Unicode")),
        ("ASCII", Value::from("ASCII")),
        ("UTF8", Value::from("UTF8")),
    ];
    let flows = [("IgnoreAttributeFlow", Flow::IgnoreAttribute), ("IgnoreObjectFlow", Flow::IgnoreObject)];
    if let Some((name, flow)) = flows.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(word)) {
        return Some((name, NodeKind::Flow(flow)));
    }
    let (name, value) = known.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(word))?;
    Some((name, NodeKind::Constant { value, text: name.to_owned() }))
}

fn unknown(name: &str, position: usize) -> ExpressionError {
    let similar = functions::similar(name);
    let message = match similar {
        Some(function) => format!("there is no function {name}; {} is meant, perhaps", function.name),
        None => format!("there is no function {name}; the function reference lists all"),
    };
    ExpressionError::new(ErrorKind::UnknownFunction, position, message)
}
