//! Queries: filter, sort, page.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use scim_core::Resource;
use scim_core::filter::{CompareOp, Comparison, Operand, TypedFilter};
use scim_core::instant::Instant;
use scim_core::path::AttributeRef;
use scim_core::schema::{AttributeType, Uniqueness};
use scim_core::text::canonical_base64;
use scim_directory::{ResourceId, Scope};
use serde_json::Value;

use super::directory::{Directory, Stored};
use crate::{
    Direction, Keyset, Page, Query, QueryPart, Relations, SortKey, Start, StoreError, Want, full_resource,
};

impl Directory {
    pub(super) fn find(&self, scope: &Scope, query: &Query) -> Result<Page, StoreError> {
        if query.sort.is_some() { self.find_sorted(scope, query) } else { self.find_by_id(scope, query) }
    }

    fn find_by_id(&self, scope: &Scope, query: &Query) -> Result<Page, StoreError> {
        let mut page = Page::default();
        let mut matching = 0_u64;
        let (after, mut skip) = match &query.start {
            Start::Offset(offset) => (None, *offset),
            Start::After(keyset) => (Some(keyset.id), 0),
        };
        // A total without filters is known; with one, everything has to be looked at.
        let counts = query.total && query.parts.iter().any(|part| part.filter.is_some());
        let mut full = false;
        for (id, part) in self.candidates(query, if counts { None } else { after }) {
            if full && !counts {
                break;
            }
            let Some(stored) = self.records.get(&id) else { continue };
            if !self.satisfies(scope, part, stored)? {
                continue;
            }
            matching += 1;
            if after.is_some_and(|after| id >= after) || full {
                continue;
            }
            if skip > 0 {
                skip -= 1;
            } else if page.records.len() == query.limit {
                full = true;
                page.next = page.records.last().map(|last| Keyset { key: None, id: last.key.id });
            } else {
                page.records.push(stored.for_scope(scope, query.want));
            }
        }
        page.total = query.total.then(|| if counts { matching } else { self.total(query) });
        Ok(page)
    }

    fn find_sorted(&self, scope: &Scope, query: &Query) -> Result<Page, StoreError> {
        let descending = query.sort.is_some_and(|sort| sort.descending);
        let mut found = Vec::new();
        for (id, part) in self.candidates(query, None) {
            let Some(stored) = self.records.get(&id) else { continue };
            let resource = self.full(scope, part, stored)?;
            if part.filter.as_ref().is_none_or(|filter| filter.matches(&resource)) {
                let key = part.sort_by.as_ref().map_or(SortKey::Missing, |path| sort_key(&resource, path));
                found.push((key, id, stored));
            }
        }
        let order = |left: (&SortKey, ResourceId), right: (&SortKey, ResourceId)| {
            let keys = compare(left.0, right.0);
            (if descending { keys.reverse() } else { keys }).then(left.1.cmp(&right.1))
        };
        found.sort_by(|left, right| order((&left.0, left.1), (&right.0, right.1)));
        let from = match &query.start {
            Start::Offset(offset) => usize::try_from(*offset).unwrap_or(usize::MAX),
            Start::After(keyset) => {
                let position = (keyset.key.as_ref().unwrap_or(&SortKey::Missing), keyset.id);
                found.partition_point(|(key, id, _)| order((key, *id), position).is_le())
            }
        };
        let total = query.total.then(|| u64::try_from(found.len()).unwrap_or(u64::MAX));
        let rest = found.get(from..).unwrap_or_default();
        let shown = rest.get(..query.limit).unwrap_or(rest);
        let next = match shown.last() {
            Some((key, id, _)) if rest.len() > shown.len() => {
                Some(Keyset { key: Some(key.clone()), id: *id })
            }
            _ => None,
        };
        let records = shown.iter().map(|(_, _, stored)| stored.for_scope(scope, query.want)).collect();
        Ok(Page { records, total, next, residual: None })
    }

    /// A superset of what matches, in the order of ids, each with its part.
    fn candidates<'q>(
        &self,
        query: &'q Query,
        after: Option<ResourceId>,
    ) -> impl Iterator<Item = (ResourceId, &'q QueryPart)> {
        let end = after.map_or(Bound::Unbounded, Bound::Excluded);
        let none = BTreeSet::new();
        let mut parts: Vec<_> = query
            .parts
            .iter()
            .map(|part| {
                let indexed = part.filter.as_ref().and_then(|filter| self.indexed(part, filter));
                let ids = indexed.or_else(|| self.of_type.get(&part.resource_type.name)).unwrap_or(&none);
                ids.range((Bound::Unbounded, end))
                    .rev()
                    .copied()
                    .map(move |id| (id, part))
                    .collect::<Vec<_>>()
            })
            .collect();
        let mut all = parts.pop().unwrap_or_default();
        if !parts.is_empty() {
            all.extend(parts.into_iter().flatten());
            all.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
        }
        all.into_iter()
    }

    /// The only resources that can match, where an index knows them.
    fn indexed(&self, part: &QueryPart, filter: &TypedFilter) -> Option<&BTreeSet<ResourceId>> {
        static NOBODY: BTreeSet<ResourceId> = BTreeSet::new();
        match filter {
            TypedFilter::And(terms) => terms.iter().find_map(|term| self.indexed(part, term)),
            TypedFilter::Compare(Comparison {
                path,
                op: CompareOp::Eq,
                operand: Operand::Text { key, .. },
            }) if path.sub.is_none() && path.attribute.uniqueness != Uniqueness::None => {
                let resource_type = Arc::clone(&part.resource_type.name);
                let place = (resource_type, path.to_string(), key.clone());
                Some(self.index.get(&place).unwrap_or(&NOBODY))
            }
            _ => None,
        }
    }

    fn satisfies(&self, scope: &Scope, part: &QueryPart, stored: &Stored) -> Result<bool, StoreError> {
        match &part.filter {
            None => Ok(true),
            Some(filter) => Ok(filter.matches(&self.full(scope, part, stored)?)),
        }
    }

    fn full(&self, scope: &Scope, part: &QueryPart, stored: &Stored) -> Result<Resource, StoreError> {
        let id = stored.record.key.id;
        let edges = |wanted: bool, direction| {
            if wanted { self.edges_of(id, direction) } else { Vec::new() }
        };
        let resource_type = &part.resource_type;
        let members = edges(resource_type.edge_attribute().is_some(), Direction::Members);
        let groups = edges(resource_type.reverse_edge_attribute().is_some(), Direction::Groups);
        let manager =
            stored.record.manager.as_ref().and_then(|manager| self.records.get(&manager.parse().ok()?));
        let held: Vec<_> = self.held_by(id).collect();
        let relations = Relations {
            members: &members,
            held: &held,
            groups: &groups,
            manager: manager.and_then(|manager| manager.record.display.as_deref()),
        };
        let record = stored.for_scope(scope, Want::RECORD);
        full_resource(resource_type, &record, relations).map_err(StoreError::internal)
    }

    fn total(&self, query: &Query) -> u64 {
        let counts = query.parts.iter().map(|part| self.count(&part.resource_type.name));
        u64::try_from(counts.sum::<usize>()).unwrap_or(u64::MAX)
    }
}

/// The value that a resource is sorted by: of a multi-valued attribute the primary one, else the first.
fn sort_key(resource: &Resource, path: &AttributeRef) -> SortKey {
    let attribute = AttributeRef { sub: None, ..path.clone() };
    let value = match resource.value(&attribute) {
        Some(Value::Array(elements)) => {
            let primary = elements.iter().find(|element| element.get("primary") == Some(&Value::Bool(true)));
            primary.or_else(|| elements.first())
        }
        other => other,
    };
    let value = match &path.sub {
        Some(sub) => value.and_then(|value| value.get(&sub.name)),
        None => value,
    };
    let leaf = path.leaf();
    match value {
        Some(Value::Bool(value)) => SortKey::Boolean(*value),
        Some(Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => SortKey::Integer(integer),
            // Minus zero is zero.
            (None, Some(decimal)) => SortKey::Decimal(decimal + 0.0),
            (None, None) => SortKey::Missing,
        },
        Some(Value::String(text)) => SortKey::Text(match leaf.attribute_type {
            AttributeType::DateTime => Instant::parse(text).map_or_else(|| text.clone(), Instant::key),
            AttributeType::Binary => canonical_base64(text).unwrap_or_else(|| text.clone()),
            _ => leaf.matching.key(text).into_owned(),
        }),
        _ => SortKey::Missing,
    }
}

/// Ascending order: booleans, numbers, texts, nothing.
fn compare(left: &SortKey, right: &SortKey) -> Ordering {
    let rank = |key: &SortKey| match key {
        SortKey::Boolean(_) => 0,
        SortKey::Integer(_) | SortKey::Decimal(_) => 1,
        SortKey::Text(_) => 2,
        SortKey::Missing => 3,
    };
    match (left, right) {
        (SortKey::Boolean(left), SortKey::Boolean(right)) => left.cmp(right),
        (SortKey::Integer(left), SortKey::Integer(right)) => left.cmp(right),
        (SortKey::Decimal(left), SortKey::Decimal(right)) => left.total_cmp(right),
        (SortKey::Integer(left), SortKey::Decimal(right)) => compare_numbers(*left, *right),
        (SortKey::Decimal(left), SortKey::Integer(right)) => compare_numbers(*right, *left).reverse(),
        (SortKey::Text(left), SortKey::Text(right)) => left.as_bytes().cmp(right.as_bytes()),
        (left, right) => rank(left).cmp(&rank(right)),
    }
}

fn compare_numbers(integer: i64, decimal: f64) -> Ordering {
    #[expect(clippy::cast_precision_loss, reason = "rounding keeps the order; equals are looked at below")]
    let rounded = integer as f64;
    rounded.total_cmp(&decimal).then_with(|| {
        #[expect(clippy::cast_possible_truncation, reason = "it equals a rounded i64, so it fits an i128")]
        let whole = decimal as i128;
        i128::from(integer).cmp(&whole)
    })
}
