//! From rows to rows that were checked against the schema and the fields: every mistake at once, when the mapping is
//! saved.

use std::sync::Arc;

use scim_core::schema::ResourceType;
use scim_directory::{FieldKind, Fields};

use super::accessor::{Accessor, Unfit};
use super::error::Problem;
use super::row::{Apply, Direction, READ_ONLY, Row, Source};
use super::{Mapping, MappingError};
use crate::expression::{Expression, Lint};

/// The most characters of a constant and of a default value.
const MAX_CONSTANT_CHARS: usize = 10_000;

/// The most rows of a mapping.
pub const MAX_ROWS: usize = 200;

/// A mapping whose rows were checked, and whose paths were found, ready for any number of people.
#[derive(Clone, Debug)]
pub struct CompiledMapping {
    pub(super) user: Arc<ResourceType>,
    pub(super) version: i64,
    pub(super) rows: Vec<CompiledRow>,
}

/// A row that was checked.
#[derive(Clone, Debug)]
pub struct CompiledRow {
    pub(super) row: Row,
    pub(super) direction: Direction,
    pub(super) filler: Filler,
    /// Whether the field refers to another account.
    pub(super) is_reference: bool,
}

/// What a source came to.
#[derive(Clone, Debug)]
pub(super) enum Filler {
    /// `State` and `ScimSyncId`: filled by the rules of an account's life, not here.
    Fixed,
    /// One attribute.
    Direct(Accessor),
    /// The first attribute that has a value: a `Coalesce` of nothing but attributes.
    FirstOf(Vec<Accessor>),
    /// A text.
    Constant(String),
    /// Anything else.
    Computed { expression: Box<Expression>, references: Vec<(String, Accessor)> },
}

impl Filler {
    /// The attributes that it uses.
    pub(super) fn accessors(&self) -> impl Iterator<Item = &Accessor> {
        let (plain, named): (&[Accessor], &[(String, Accessor)]) = match self {
            Self::Fixed | Self::Constant(_) => (&[], &[]),
            Self::Direct(accessor) => (std::slice::from_ref(accessor), &[]),
            Self::FirstOf(accessors) => (accessors, &[]),
            Self::Computed { references, .. } => (&[], references),
        };
        plain.iter().chain(named.iter().map(|(_, accessor)| accessor))
    }

    /// The attributes by which a value flows back.
    ///
    /// # Errors
    /// Why none does.
    pub(super) fn inverse(&self) -> Result<&[Accessor], String> {
        let accessors = match self {
            Self::Direct(accessor) => std::slice::from_ref(accessor),
            Self::FirstOf(accessors) => accessors.as_slice(),
            Self::Fixed => return Err("the rules of an account's life set it".to_owned()),
            Self::Constant(_) => return Err("a constant has no attribute to write to".to_owned()),
            Self::Computed { .. } => {
                return Err("of expressions, only an attribute or a Coalesce of attributes can be inverted"
                    .to_owned());
            }
        };
        match accessors.iter().find_map(Accessor::not_writable) {
            Some(reason) => Err(reason),
            None => Ok(accessors),
        }
    }
}

impl CompiledRow {
    /// The row as it was written.
    #[must_use]
    pub fn row(&self) -> &Row {
        &self.row
    }

    /// Which ways values flow.
    #[must_use]
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// Whether logs show `[Redact]` in place of the value.
    #[must_use]
    pub fn is_redacted(&self) -> bool {
        matches!(&self.filler, Filler::Computed { expression, .. } if expression.is_redacted())
    }

    /// What its expression had better be written otherwise; empty for other sources.
    #[must_use]
    pub fn lints(&self) -> &[Lint] {
        match &self.filler {
            Filler::Computed { expression, .. } => expression.lints(),
            _ => &[],
        }
    }

    /// The paths of the attributes that the row uses, as the schema spells them.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.filler.accessors().map(|accessor| accessor.text.as_str())
    }
}

impl Mapping {
    /// Checks the rows against a resource type (User with the instance's extensions) and the fields of accounts.
    ///
    /// # Errors
    /// Every mistake, by row, with the way out.
    pub fn compile(
        &self,
        user: &Arc<ResourceType>,
        fields: Fields<'_>,
        version: i64,
    ) -> Result<CompiledMapping, Vec<MappingError>> {
        if self.rows.len() > MAX_ROWS {
            let reason = format!("the mapping has {} rows; {MAX_ROWS} is the most", self.rows.len());
            return Err(vec![MappingError::of_all(Problem::Limit, reason)]);
        }
        let mut compiler = Compiler { user, fields, errors: Vec::new() };
        compiler.check_read_only(&self.rows);
        let mut rows = Vec::with_capacity(self.rows.len());
        for (index, row) in self.rows.iter().enumerate() {
            compiler.check_duplicate(&self.rows, index, row);
            rows.extend(compiler.row(index, row));
        }
        if compiler.errors.is_empty() {
            compiler.settle_directions(&mut rows);
        }
        if !compiler.errors.is_empty() {
            compiler.errors.sort_by_key(MappingError::row_number);
            return Err(compiler.errors);
        }
        Ok(CompiledMapping { user: Arc::clone(user), version, rows })
    }
}

struct Compiler<'c> {
    user: &'c ResourceType,
    fields: Fields<'c>,
    errors: Vec<MappingError>,
}

impl Compiler<'_> {
    fn fail(&mut self, index: usize, row: &Row, problem: Problem, reason: impl Into<String>) {
        self.errors.push(MappingError::row(index, &row.field, problem, reason));
    }

    fn check_read_only(&mut self, rows: &[Row]) {
        for (field, attribute) in READ_ONLY {
            if !rows.iter().any(|row| row.field == field) {
                let reason = format!("the read-only row {field} <- {attribute} is missing; put it back");
                self.errors.push(MappingError::of_all(Problem::ReadOnly, reason));
            }
        }
    }

    fn check_duplicate(&mut self, rows: &[Row], index: usize, row: &Row) {
        let first = rows.iter().take(index).position(|other| other.field == row.field);
        if let Some(first) = first {
            let reason = format!("row {} fills this field already; remove one of them", first + 1);
            self.fail(index, row, Problem::Duplicate, reason);
        }
    }

    fn row(&mut self, index: usize, row: &Row) -> Option<CompiledRow> {
        let before = self.errors.len();
        let is_reference = self.check_field(index, row);
        self.check_texts(index, row);
        let filler = self.filler(index, row)?;
        if is_reference && (!matches!(filler, Filler::Direct(_)) || row.default.is_some()) {
            let reason = "a reference to another account is filled from one attribute, without a default, such as manager";
            self.fail(index, row, Problem::Reference, reason);
        }
        if is_reference && row.apply == Apply::OnCreation {
            let reason = "a reference to another account is always applied; remove \"apply\"";
            self.fail(index, row, Problem::Reference, reason);
        }
        let direction = row.direction.unwrap_or(Direction::Inbound);
        (self.errors.len() == before).then(|| CompiledRow {
            row: row.clone(),
            direction,
            filler,
            is_reference,
        })
    }

    /// Whether the field is a reference to another account.
    fn check_field(&mut self, index: usize, row: &Row) -> bool {
        if let Some(attribute) = Row::fixed_source(&row.field) {
            if *row != Row::direct(row.field.as_str(), attribute) {
                let reason = format!("this row is read-only; leave it {attribute}, or leave the row out");
                self.fail(index, row, Problem::ReadOnly, reason);
            }
            return false;
        }
        match self.fields.kind(&row.field) {
            Some(FieldKind::Text) => {}
            Some(FieldKind::Account) => return true,
            Some(kind) => {
                let way_out = match kind {
                    FieldKind::Role => "it follows from the attribute roles by itself; remove the row",
                    FieldKind::Object => {
                        "fill a text field, such as ScimSyncJobTitle, and let a workflow rule link the object"
                    }
                    _ => "choose a text field",
                };
                let reason = format!("the field holds {}, not text; {way_out}", kind.words());
                self.fail(index, row, Problem::NotText, reason);
            }
            None => {
                let reason = match self.fields.meant(&row.field) {
                    Some(meant) => format!("accounts have no such field; {meant} is meant, as it seems"),
                    None if row.field.is_empty() => "the row names no field".to_owned(),
                    None => {
                        "accounts have no such field; declare it with `rollcall field add`, or choose another"
                            .to_owned()
                    }
                };
                self.fail(index, row, Problem::UnknownField, reason);
            }
        }
        false
    }

    /// Holds constants and defaults against the limits of the field.
    fn check_texts(&mut self, index: usize, row: &Row) {
        let constant = match &row.source {
            Source::Constant(text) => Some(("constant", text)),
            _ => None,
        };
        let default = row.default.as_ref().map(|text| ("default", text));
        let definition = self.fields.definition(&row.field);
        for (what, text) in constant.into_iter().chain(default) {
            let most = definition.and_then(|definition| definition.max_chars).unwrap_or(MAX_CONSTANT_CHARS);
            let reason = if text.is_empty() {
                format!("the {what} is empty; give it a text, or remove it")
            } else if text.contains('\0') {
                format!("the {what} holds the character U+0000; remove it")
            } else if text.chars().nth(most.min(MAX_CONSTANT_CHARS)).is_some() {
                format!("the {what} is longer than the {most} characters that the field takes")
            } else if let Some(definition) = definition
                && !definition.allowed.is_empty()
                && !definition.allowed.contains(text)
            {
                format!(
                    "the {what} is none of the values that the field takes: {}",
                    definition.allowed.join(", ")
                )
            } else {
                continue;
            };
            self.fail(index, row, Problem::Limit, reason);
        }
    }

    fn filler(&mut self, index: usize, row: &Row) -> Option<Filler> {
        match &row.source {
            Source::Direct(_) if row.field == super::row::STATE || row.field == super::row::SYNC_ID => {
                Some(Filler::Fixed)
            }
            Source::Direct(path) => self.accessor(index, row, path, false).map(Filler::Direct),
            Source::Constant(text) => Some(Filler::Constant(text.clone())),
            Source::Expression(text) => self.expression(index, row, text),
        }
    }

    fn expression(&mut self, index: usize, row: &Row, text: &str) -> Option<Filler> {
        let expression = match Expression::parse(text) {
            Ok(expression) => expression,
            Err(error) => {
                self.fail(index, row, Problem::Expression, format!("the expression cannot be read: {error}"));
                return None;
            }
        };
        if expression.uses_unique() {
            let reason = "SelectUniqueValue looks for values in use at the target of a synchronization, so it goes with the \
                          sending side; remove it";
            self.fail(index, row, Problem::Unique, reason);
        }
        let canonical = expression.to_string();
        if names_object_flow(&canonical) {
            let reason = "IgnoreObjectFlow leaves out a whole person, which only the sender can do; IgnoreAttributeFlow \
                          leaves the field as it is";
            self.fail(index, row, Problem::Expression, reason);
        }
        let names: Vec<String> = expression.references().map(str::to_owned).collect();
        let found: Vec<Option<Accessor>> =
            names.iter().map(|name| self.accessor(index, row, name, true)).collect();
        let accessors: Vec<Accessor> = found.into_iter().collect::<Option<_>>()?;
        let listed: Vec<String> = names.iter().map(|name| format!("[{name}]")).collect();
        let is_plain = !accessors.is_empty() && !accessors.iter().any(|one| one.is_list() || one.is_whole());
        if is_plain
            && (canonical == listed.concat() || canonical == format!("Coalesce({})", listed.join(", ")))
        {
            return Some(Filler::FirstOf(accessors));
        }
        let references = names.into_iter().zip(accessors).collect();
        Some(Filler::Computed { expression: Box::new(expression), references })
    }

    fn accessor(&mut self, index: usize, row: &Row, path: &str, whole: bool) -> Option<Accessor> {
        match Accessor::find(path, self.user, whole) {
            Ok(accessor) => Some(accessor),
            Err(Unfit { problem, reason }) => {
                self.fail(index, row, problem, reason);
                None
            }
        }
    }

    /// Read-only rows flow back, then rows that ask for it, then those that ask for nothing, where no row before them
    /// writes the attribute.
    fn settle_directions(&mut self, rows: &mut [CompiledRow]) {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|index| {
            match rows.get(*index).map(|row| (row.row.is_read_only(), row.row.direction)) {
                Some((true, _)) => 0,
                Some((false, Some(_))) => 1,
                _ => 2,
            }
        });
        let mut written: Vec<(Accessor, usize)> = Vec::new();
        for index in order {
            let Some(row) = rows.get_mut(index) else { continue };
            if row.row.direction == Some(Direction::Inbound) {
                continue;
            }
            match written_by(&row.filler, &written) {
                Ok(accessors) => {
                    written.extend(accessors.iter().map(|accessor| (accessor.clone(), index + 1)));
                    row.direction = Direction::Both;
                }
                Err(reason) if row.row.direction == Some(Direction::Both) => {
                    let reason =
                        format!("its value cannot flow back: {reason}; set \"direction\" to \"inbound\"");
                    let error = MappingError::row(index, &row.row.field, Problem::NotInvertible, reason);
                    self.errors.push(error);
                }
                Err(_) => row.direction = Direction::Inbound,
            }
        }
    }
}

/// The attributes by which a value flows back, none of which another row has `written` already.
fn written_by<'f>(filler: &'f Filler, written: &[(Accessor, usize)]) -> Result<&'f [Accessor], String> {
    let accessors = filler.inverse()?;
    let taken =
        accessors.iter().find_map(|accessor| written.iter().find(|(other, _)| other.means_same_as(accessor)));
    match taken {
        Some((other, by)) => Err(format!("row {by} writes {} already", other.text)),
        None => Ok(accessors),
    }
}

/// Whether a canonical expression holds the keyword `IgnoreObjectFlow`, outside of texts and attribute names.
fn names_object_flow(canonical: &str) -> bool {
    let mut rest = canonical;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => literal_length(rest),
            '[' => attribute_length(rest),
            _ if rest.starts_with("IgnoreObjectFlow") => return true,
            _ => first.len_utf8(),
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    false
}

fn literal_length(text: &str) -> usize {
    let mut escaped = false;
    for (index, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

fn attribute_length(text: &str) -> usize {
    let mut depth = 0_usize;
    for (index, character) in text.char_indices() {
        match character {
            '[' => depth += 1,
            ']' if depth == 1 => return index + 1,
            ']' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}
