//! From records to what clients see: derived parts are loaded in batches and only where they are shown.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use scim_core::resource::{Document, EdgeView, Projection, ReferenceView, View, WrittenEdge};
use scim_core::schema::{ENTERPRISE_USER_URN, ResourceType};
use scim_directory::{Fact, Question, Record, ResourceId};
use scim_storage::{Direction, Edge, EdgePage, EdgeQuery, HeldEdge};
use uuid::fmt::Hyphenated;

use crate::access::Caller;
use crate::etag::etag;
use crate::failure::{Failure, store_failure};
use crate::{Provider, Request};

/// How many edges are read at once.
const EDGE_BATCH: usize = 10_000;
/// How many are asked for first, of what a page or a resource shows: most have no more, and stores read them in microseconds.
const FEW_EDGES: usize = 1000;

/// What a client asked to see, by resource type.
pub(crate) struct Lens<'a> {
    provider: &'a Provider,
    caller: &'a Caller<'a>,
    base: &'a str,
    attributes: &'a [String],
    excluded: &'a [String],
}

/// A resource type with the projection that the request means for it.
#[derive(Clone)]
pub(crate) struct Shape {
    resource_type: Arc<ResourceType>,
    projection: Projection,
    members: bool,
    groups: bool,
    manager: bool,
}

/// Edges and held references of some resources, each list in ascending order of whose they are.
#[derive(Default)]
struct Edges {
    /// Whose are all there; `None` where everybody's are.
    whole: Option<Vec<ResourceId>>,
    edges: Vec<Edge>,
    held: Vec<HeldEdge>,
}

/// What people are in: each group written once, however many of them are in it.
#[derive(Default)]
struct Joined {
    groups: Vec<WrittenEdge>,
    /// Who is in which of the groups, in ascending order of who.
    edges: Vec<(ResourceId, usize)>,
}

/// What answers show of others, loaded for some records.
pub(crate) struct Others<'l> {
    lens: &'l Lens<'l>,
    shapes: Shapes<'l>,
    members: Edges,
    joined: Joined,
    managers: HashMap<ResourceId, Option<String>>,
    shown: usize,
}

/// The shapes of a few types.
struct Shapes<'l>(Vec<(Arc<str>, Cow<'l, Shape>)>);

impl Shapes<'_> {
    fn get(&self, name: &Arc<str>) -> Option<&Shape> {
        let is = |(known, _): &&(Arc<str>, _)| Arc::ptr_eq(known, name) || known == name;
        self.0.iter().find(is).map(|(_, shape)| &**shape)
    }
}

impl Edges {
    /// Those of one resource.
    fn of(&self, id: ResourceId) -> (&[Edge], &[HeldEdge]) {
        (span(&self.edges, |edge| edge.of.cmp(&id)), span(&self.held, |held| held.of.cmp(&id)))
    }

    /// Whether those of a resource were left out.
    fn lack(&self, id: ResourceId) -> bool {
        self.whole.as_ref().is_some_and(|whole| !whole.contains(&id))
    }
}

impl Joined {
    /// The groups of one resource.
    fn of(&self, id: ResourceId) -> Vec<&WrittenEdge> {
        let edges = span(&self.edges, |(of, _)| of.cmp(&id)).iter();
        edges.filter_map(|(_, group)| self.groups.get(*group)).collect()
    }
}

/// The elements that are equal, of a list in order.
fn span<T>(all: &[T], order: impl Fn(&T) -> Ordering) -> &[T] {
    let first = all.partition_point(|one| order(one) == Ordering::Less);
    let rest = all.get(first..).unwrap_or_default();
    rest.get(..rest.partition_point(|one| order(one) == Ordering::Equal)).unwrap_or_default()
}

impl Others<'_> {
    /// How many of the records, from the first one on, an answer shows: all, or at least one where they would carry more edges than a
    /// page may.
    pub(crate) fn shown(&self) -> usize {
        self.shown
    }

    /// Appends one of the records as JSON.
    pub(crate) fn write(&self, record: &Record, out: &mut Vec<u8>) -> Result<(), Failure> {
        let Some(shape) = self.shapes.get(&record.key.resource_type) else {
            return Err(Failure::status(500, "The server failed"));
        };
        self.lens.write(record, shape, Some(self), out)
    }
}

impl Shape {
    /// What these attributes, or all but those that are excluded, are of a type; all that is returned by default where both
    /// are empty.
    pub(crate) fn new(resource_type: &Arc<ResourceType>, attributes: &[String], excluded: &[String]) -> Self {
        let attributes = (!attributes.is_empty()).then_some(attributes);
        let excluded = (!excluded.is_empty()).then_some(excluded);
        let projection = Projection::parse(resource_type, attributes, excluded);
        let wants =
            |path: &str| resource_type.resolve_attribute(path).is_ok_and(|path| projection.wants(&path));
        Self {
            members: resource_type.edge_attribute().is_some_and(|attribute| wants(&attribute.name)),
            groups: resource_type.reverse_edge_attribute().is_some_and(|attribute| wants(&attribute.name)),
            manager: wants(&format!("{ENTERPRISE_USER_URN}:manager")),
            resource_type: Arc::clone(resource_type),
            projection,
        }
    }
}

impl<'a> Lens<'a> {
    pub(crate) fn new(
        provider: &'a Provider,
        caller: &'a Caller<'a>,
        request: &'a Request<'_>,
        attributes: &'a [String],
        excluded: &'a [String],
    ) -> Self {
        Self { provider, caller, base: request.base, attributes, excluded }
    }

    fn shape(&self, name: &str) -> Result<Cow<'a, Shape>, Failure> {
        if self.attributes.is_empty()
            && self.excluded.is_empty()
            && let Some(kept) = self.provider.policies.shape(self.caller.registry, name)
        {
            return Ok(Cow::Borrowed(kept));
        }
        let resource_type =
            self.caller.registry.resource_type(name).ok_or_else(|| {
                Failure::status(500, "The store holds a resource of a type that is not loaded")
            })?;
        Ok(Cow::Owned(Shape::new(resource_type, self.attributes, self.excluded)))
    }

    /// A resource as JSON that shows nothing of others, as most do where nothing in particular was asked for; else `None`.
    fn alone(&self, record: &Record) -> Result<Option<Vec<u8>>, Failure> {
        if !(self.attributes.is_empty() && self.excluded.is_empty()) {
            return Ok(None);
        }
        let shape = self.provider.policies.shape(self.caller.registry, &record.key.resource_type);
        let shows_others = |shape: &Shape| {
            shape.members
                || shape.groups && record.membership > 0
                || shape.manager && record.manager.is_some()
        };
        let Some(shape) = shape.filter(|shape| !shows_others(shape)) else { return Ok(None) };
        let mut out = Vec::with_capacity(room(record));
        self.write(record, shape, None, &mut out)?;
        Ok(Some(out))
    }

    /// One resource as JSON.
    pub(crate) async fn one(&self, record: &Record) -> Result<Vec<u8>, Failure> {
        if let Some(rendered) = self.alone(record)? {
            return Ok(rendered);
        }
        let mut out = Vec::with_capacity(room(record));
        self.others(std::slice::from_ref(record)).await?.write(record, &mut out)?;
        Ok(out)
    }

    /// A group as JSON, whose members and held references were all read already.
    pub(crate) async fn with_members(&self, record: &Record, read: EdgePage) -> Result<Vec<u8>, Failure> {
        let members = Edges { whole: None, edges: read.edges, held: read.held };
        let mut out = Vec::with_capacity(room(record));
        self.others_with(std::slice::from_ref(record), Some(members)).await?.write(record, &mut out)?;
        Ok(out)
    }

    /// What answers show besides these records.
    pub(crate) async fn others<'l>(&'l self, records: &[Record]) -> Result<Others<'l>, Failure> {
        self.others_with(records, None).await
    }

    /// The same, with the members where they were read already.
    async fn others_with<'l>(
        &'l self,
        records: &[Record],
        members: Option<Edges>,
    ) -> Result<Others<'l>, Failure> {
        let mut shapes: Shapes<'l> = Shapes(Vec::new());
        for record in records {
            let name = &record.key.resource_type;
            if shapes.get(name).is_none() {
                let shape = self.shape(name)?;
                shapes.0.push((Arc::clone(name), shape));
            }
        }
        let of = |wanted: &dyn Fn(&Shape, &Record) -> bool| -> Vec<ResourceId> {
            let wanted = records.iter().filter(|record| {
                shapes.get(&record.key.resource_type).is_some_and(|shape| wanted(shape, record))
            });
            wanted.map(|record| record.key.id).collect()
        };
        let members = match members {
            Some(members) => members,
            None => self.edges(&of(&|shape, _| shape.members), Direction::Members).await?,
        };
        let groups = of(&|shape, record| shape.groups && record.membership > 0);
        let groups = self.edges(&groups, Direction::Groups).await?;
        let managers = self.managers(records, &shapes).await?;
        let shown = if members.whole.is_none() && groups.whole.is_none() {
            records.len()
        } else {
            let end = records.iter().position(|record| {
                shapes.get(&record.key.resource_type).is_some_and(|shape| {
                    shape.members && members.lack(record.key.id)
                        || shape.groups && record.membership > 0 && groups.lack(record.key.id)
                })
            });
            end.unwrap_or(records.len())
        };
        let joined = self.joined(&groups);
        Ok(Others { lens: self, shapes, members, joined, managers, shown })
    }

    /// The groups of people, each written once.
    fn joined(&self, edges: &Edges) -> Joined {
        let (mut joined, mut known) = (Joined::default(), HashMap::new());
        for edge in &edges.edges {
            let group = *known.entry(edge.other).or_insert_with(|| {
                joined.groups.push(WrittenEdge::direct(&self.edge_view(edge), self.base));
                joined.groups.len() - 1
            });
            joined.edges.push((edge.of, group));
        }
        joined
    }

    /// The edges of `ids`: all of them at once where they are few, else of as many ids, in order, as a page may carry.
    async fn edges(&self, ids: &[ResourceId], direction: Direction) -> Result<Edges, Failure> {
        if ids.is_empty() {
            return Ok(Edges::default());
        }
        let budget = self.provider.limits.max_page_edges;
        // What most pages have is read without asking for room for all that a page may carry.
        for limit in [FEW_EDGES.min(budget), budget] {
            if ids.len() == 1 && limit > FEW_EDGES {
                break;
            }
            let EdgePage { edges, more, held } = self.read(ids.to_vec(), direction, None, limit).await?;
            if !more && held.len() < limit {
                return Ok(Edges { whole: None, edges, held });
            }
        }
        let (mut whole, mut all, mut carried) = (Vec::new(), Edges::default(), 0);
        for id in ids {
            let (mut own, mut held, mut after) = (Vec::new(), Vec::new(), None);
            loop {
                let page = self.read(vec![*id], direction, after, EDGE_BATCH).await?;
                after = page.edges.last().map(|edge| (edge.of, edge.other));
                own.extend(page.edges);
                held.extend(page.held);
                if !page.more {
                    break;
                }
            }
            carried += own.len() + held.len();
            if carried > budget && !whole.is_empty() {
                break;
            }
            whole.push(*id);
            all.edges.extend(own);
            all.held.extend(held);
        }
        // The ids may be in any order; those of one stay as they are.
        all.edges.sort_by_key(|edge| edge.of);
        all.held.sort_by_key(|held| held.of);
        Ok(Edges { whole: Some(whole), ..all })
    }

    async fn read(
        &self,
        of: Vec<ResourceId>,
        direction: Direction,
        after: Option<(ResourceId, ResourceId)>,
        limit: usize,
    ) -> Result<EdgePage, Failure> {
        let query = EdgeQuery { of, direction, only: None, after, limit };
        let page = self.provider.store.edges(&self.caller.scope, &query).await;
        page.map_err(|error| store_failure(&error))
    }

    /// The managers that are there, by id.
    async fn managers(
        &self,
        records: &[Record],
        shapes: &Shapes<'_>,
    ) -> Result<HashMap<ResourceId, Option<String>>, Failure> {
        let mut questions: Vec<Question> = Vec::new();
        for record in records {
            let shown = shapes.get(&record.key.resource_type).is_some_and(|shape| shape.manager);
            if let (true, Some(Ok(id))) = (shown, record.manager.as_deref().map(str::parse)) {
                questions.push(Question::Display(id));
            }
        }
        if questions.is_empty() {
            return Ok(HashMap::new());
        }
        let facts = self.provider.facts(self.caller, &questions).await?;
        Ok(facts
            .into_iter()
            .filter_map(|fact| match fact {
                Fact::Display(Some((key, display))) => Some((key.id, display)),
                _ => None,
            })
            .collect())
    }

    /// Appends a record as JSON, with what was loaded of others.
    fn write(
        &self,
        record: &Record,
        shape: &Shape,
        others: Option<&Others<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let key = record.key.id;
        let members = others.filter(|_| shape.members).map(|others| self.edge_views(others.members.of(key)));
        let joined = others.filter(|others| !others.joined.edges.is_empty());
        let groups = joined.map(|others| others.joined.of(key)).unwrap_or_default();
        let manager = others
            .filter(|others| !others.managers.is_empty())
            .and_then(|others| others.managers.get(&record.manager.as_deref()?.parse().ok()?));
        let (mut id, version) = ([0; Hyphenated::LENGTH], etag(record));
        let view = View {
            resource_type: &shape.resource_type.name,
            endpoint: &shape.resource_type.endpoint,
            base: self.base,
            id: key.uuid().as_hyphenated().encode_lower(&mut id),
            external_id: record.external_id.as_deref(),
            created: record.created,
            modified: record.modified,
            version: &version,
            edges: members.as_deref(),
            reverse_edges: &groups,
            reference: manager.map(|display| ReferenceView { display: display.as_deref() }),
        };
        let document = Document::from_bytes(&*record.document);
        if shape.projection.is_plain() {
            document.render(&view, out);
            return Ok(());
        }
        let full = document.full(&view).map_err(|error| {
            log::error!("stored document of {key} cannot be read: {error}");
            Failure::status(500, "The server failed; its log has the cause under this request's id")
        })?;
        let shown = shape.projection.apply(full);
        serde_json::to_writer(out, shown.attributes()).map_err(|_| Failure::status(500, "The server failed"))
    }

    fn edge_view<'e>(&'e self, edge: &'e Edge) -> EdgeView<'e> {
        let known = self.caller.registry.resource_type(&edge.resource_type);
        EdgeView {
            id: edge.other.to_string().into(),
            resource_type: Some(&edge.resource_type),
            endpoint: known.map(|known| known.endpoint.as_str()),
            display: edge.display.as_deref(),
        }
    }

    fn edge_views<'e>(&'e self, (edges, held): (&'e [Edge], &'e [HeldEdge])) -> Vec<EdgeView<'e>> {
        let held = held.iter().map(|held| EdgeView {
            id: held.reference.as_str().into(),
            resource_type: held.kind.as_deref(),
            endpoint: None,
            display: None,
        });
        edges.iter().map(|edge| self.edge_view(edge)).chain(held).collect()
    }
}

/// How long a record is as JSON, or a little less.
pub(crate) fn room(record: &Record) -> usize {
    record.document.len() + 512
}

impl Provider {
    /// Asks the store; one fact for each question.
    pub(crate) async fn facts(
        &self,
        caller: &Caller<'_>,
        questions: &[Question],
    ) -> Result<Vec<Fact>, Failure> {
        self.confirm(caller).await?;
        self.store.facts(&caller.scope, questions).await.map_err(|error| store_failure(&error))
    }
}
