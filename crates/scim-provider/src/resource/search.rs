//! Lists and searches (RFC 7644 §3.4.2, §3.4.3; RFC 9865).

use std::sync::Arc;

use scim_core::ScimType;
use scim_core::filter::{Filter, TypedFilter};
use scim_core::message::{ListHead, ListWriter, SortOrder};
use scim_core::path::AttributeRef;
use scim_core::schema::{AttributeType, Residence, ResourceType, Returned};
use scim_directory::PickUp;
use scim_storage::{CommitError, Keyset, Page, Query, QueryPart, Sort, Start, Want};

use super::{ATTEMPTS, Operation, resource_of};
use crate::Response;
use crate::cursor::Binding;
use crate::failure::{Failure, commit_failure};
use crate::view::room;

impl Operation<'_> {
    /// A page of resources of these types.
    pub(crate) async fn search(&self, types: &[Arc<ResourceType>]) -> Result<Response, Failure> {
        let (parameters, limits) = (self.parameters, &self.provider.limits);
        let lens = self.lens();
        let wanted = parameters.count.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        let mut limit = wanted.unwrap_or(limits.default_page_size).min(limits.max_page_size);
        let binding = parameters.cursor.as_ref().map(|_| self.binding(types));
        let start = match (parameters.cursor.as_deref(), &binding) {
            (None, _) | (_, None) => Start::Offset(parameters.start_index.unwrap_or(1).saturating_sub(1)),
            (Some(""), _) => Start::Offset(0),
            (Some(cursor), Some(binding)) => {
                let asked = wanted.map(|_| limit);
                let (position, count) =
                    self.provider.sealer.open(binding, cursor, asked, self.request.now)?;
                limit = count;
                Start::After(position)
            }
        };
        let query = Query {
            parts: self.parts(types)?,
            sort: parameters
                .sort_by
                .as_ref()
                .map(|_| Sort { descending: parameters.sort_order == SortOrder::Descending }),
            start,
            limit,
            // Who manages the one that was found is asked where it may be picked up.
            want: if parameters.filter.is_some() { Want::RECORD } else { Want::SHOWN },
            total: true,
        };
        let mut page = self.find(&query).await?;
        self.pick_up_match(&query, &mut page).await?;
        let others = lens.others(&page.records).await?;
        let next = if others.shown() < page.records.len() {
            // The page ended early; where it ended is the store's to say.
            let shorter = Query { limit: others.shown(), want: Want::HEAD, total: false, ..query };
            self.find(&shorter).await?.next
        } else {
            page.next
        };
        let head = ListHead {
            total_results: page.total,
            start_index: parameters.cursor.is_none().then(|| parameters.start_index.unwrap_or(1)),
            next_cursor: match (&binding, &next) {
                (Some(binding), Some(position)) => Some(self.cursor(binding, position, limit)?),
                _ => None,
            },
            previous_cursor: None,
        };
        let shown = || page.records.iter().take(others.shown());
        let size = shown().map(room).sum::<usize>();
        let mut writer = ListWriter::new(Vec::with_capacity(size + 512), &head);
        for record in shown() {
            let mut written = Ok(());
            writer.resource(|out| written = others.write(record, out));
            written?;
        }
        Ok(Response::json(200, writer.finish()))
    }

    /// Picks up the account, or the group, that a filter with `eq` on its name found, where the connector does so and
    /// nobody manages it yet.
    async fn pick_up_match(&self, query: &Query, page: &mut Page) -> Result<(), Failure> {
        let ([part], [record]) = (query.parts.as_slice(), page.records.as_slice()) else { return Ok(()) };
        let by_match = self.caller.connector.settings.pick_up == PickUp::OnMatch;
        if !by_match || record.managed_by.is_some() || !names_one(part) {
            return Ok(());
        }
        for attempt in 0..ATTEMPTS {
            let policy = self.policy(attempt > 0).await?;
            let id = record.key.id.to_string();
            let found = self.load(&part.resource_type, &id, Want::FULL).await?;
            let resource = resource_of(&found)?;
            let decision = self
                .occasion(&policy, |on| scim_lifecycle::pick_up(on, &part.resource_type, &found, &resource));
            if decision.is_empty() {
                break;
            }
            match self.commit(decision).await {
                Ok(_) => break,
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(commit_failure(error)),
            }
        }
        *page = self.find(query).await?;
        Ok(())
    }

    async fn find(&self, query: &Query) -> Result<Page, Failure> {
        self.provider.find(self.caller, query).await
    }

    /// Filter and sort, resolved for each type. What no type has is an error; what only some types have is false, or no
    /// value, for the others (RFC 7644 §3.4.2.1).
    fn parts(&self, types: &[Arc<ResourceType>]) -> Result<Vec<QueryPart>, Failure> {
        let filter = match &self.parameters.filter {
            Some(text) => Some(Filter::parse(text, &self.provider.limits.filter)?),
            None => None,
        };
        let mut parts = Vec::with_capacity(types.len());
        let (mut resolves, mut sorts) = (false, false);
        for resource_type in types {
            let filter = match &filter {
                None => None,
                Some(filter) if types.len() == 1 => {
                    let (typed, notes) = filter.resolve(resource_type, self.caller.dialect)?;
                    self.log_notes(&notes);
                    Some(typed)
                }
                Some(filter) => {
                    let among = filter.resolve_among(resource_type, self.caller.dialect)?;
                    resolves |= among.any_resolved;
                    Some(among.filter)
                }
            };
            let sort_by = match &self.parameters.sort_by {
                None => None,
                Some(path) => match sort_key(resource_type, path) {
                    Ok(path) => {
                        sorts = true;
                        Some(path)
                    }
                    Err(_) if types.len() > 1 => None,
                    Err(failure) => return Err(failure),
                },
            };
            parts.push(QueryPart { resource_type: Arc::clone(resource_type), filter, sort_by });
        }
        if types.len() > 1 && filter.is_some() && !resolves {
            return Err(Failure::scim(
                ScimType::InvalidFilter,
                "No resource type has the attributes of this filter",
            ));
        }
        if let (true, Some(path), false) = (types.len() > 1, &self.parameters.sort_by, sorts) {
            return Err(Failure::scim(
                ScimType::InvalidPath,
                format!("No resource type can be sorted by {path:?}"),
            ));
        }
        Ok(parts)
    }

    /// Everything that makes this list what it is.
    fn binding(&self, types: &[Arc<ResourceType>]) -> Binding {
        let scope = &self.caller.scope;
        let names: Vec<&str> = types.iter().map(|resource_type| &*resource_type.name).collect();
        let order = match self.parameters.sort_order {
            SortOrder::Ascending => "ascending",
            SortOrder::Descending => "descending",
        };
        Binding::new(&[
            &scope.instance.to_string(),
            &scope.connector.map(|connector| connector.to_string()).unwrap_or_default(),
            &names.join(","),
            self.parameters.filter.as_deref().unwrap_or_default(),
            self.parameters.sort_by.as_deref().unwrap_or_default(),
            order,
        ])
    }

    fn cursor(&self, binding: &Binding, position: &Keyset, count: usize) -> Result<String, Failure> {
        let mut nonce = [0; 24];
        self.provider.source.random(&mut nonce);
        self.provider.sealer.seal(binding, position, count, self.request.now, nonce)
    }
}

/// Whether a filter is `userName eq "..."`, or `displayName eq "..."` for groups, and nothing else.
fn names_one(part: &QueryPart) -> bool {
    let name = if part.resource_type.edge_attribute().is_some() { "displayName" } else { "userName" };
    let equalities = part.filter.as_ref().and_then(TypedFilter::as_equalities).unwrap_or_default();
    matches!(equalities.as_slice(), [(attribute, _)] if attribute.extension.is_none() && attribute.sub.is_none() && attribute.is(name))
}

/// The attribute that `sortBy` names; a complex one stands for its `value` (RFC 7644 §3.4.2.3).
fn sort_key(resource_type: &ResourceType, path: &str) -> Result<AttributeRef, Failure> {
    let refuse = |reason: &str| Failure::scim(ScimType::InvalidPath, format!("sortBy {path:?}: {reason}"));
    let mut key = resource_type.resolve_attribute(path)?;
    if matches!(key.attribute.residence, Residence::Edges | Residence::ReverseEdges) {
        return Err(refuse(
            "a derived attribute with several values has no order; sort by displayName or userName",
        ));
    }
    if key.leaf().is_complex() {
        let value = key.attribute.default_sub_attribute().cloned();
        key.sub = Some(value.ok_or_else(|| refuse("a complex attribute; add the sub-attribute to sort by"))?);
    }
    if key.attribute.returned == Returned::Never || key.leaf().returned == Returned::Never {
        return Err(refuse("this attribute is never returned, so it cannot be sorted by"));
    }
    if key.leaf().attribute_type == AttributeType::Binary {
        return Err(refuse("binary values have no order"));
    }
    let derived = key.sub.as_ref().is_some_and(|sub| match &*key.attribute.name {
        "manager" => sub.name == "displayName" || sub.name == "$ref",
        "meta" => sub.name == "location" || sub.name == "version",
        _ => false,
    });
    if derived {
        return Err(refuse("this value is derived when it is returned; it cannot be sorted by"));
    }
    Ok(key)
}
