//! From records to what clients see: derived parts are loaded in batches and only where they are shown.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use scim_core::resource::{Document, EdgeView, Projection, ReferenceView, View};
use scim_core::schema::{ENTERPRISE_USER_URN, ResourceType};
use scim_directory::{Fact, Question, Record, ResourceId};
use scim_storage::{Direction, Edge, EdgePage, EdgeQuery, HeldEdge};

use crate::access::Caller;
use crate::etag::etag;
use crate::failure::{Failure, store_failure};
use crate::{Provider, Request};

/// How many edges are read at once.
const EDGE_BATCH: usize = 10_000;

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

/// Edges and held references by the resource that was asked about.
type Edges = HashMap<ResourceId, (Vec<Edge>, Vec<HeldEdge>)>;

/// What answers show of others, loaded for some records.
pub(crate) struct Others<'l> {
    lens: &'l Lens<'l>,
    shapes: HashMap<Arc<str>, Cow<'l, Shape>>,
    members: Edges,
    groups: Edges,
    managers: HashMap<ResourceId, Option<String>>,
    shown: usize,
}

impl Others<'_> {
    /// How many of the records, from the first one on, an answer shows: all, or at least one where they would carry more edges than a
    /// page may.
    pub(crate) fn shown(&self) -> usize {
        self.shown
    }

    /// Appends one of the records as JSON.
    pub(crate) fn write(&self, record: &Record, out: &mut Vec<u8>) -> Result<(), Failure> {
        let id = &record.key.id;
        let Some(shape) = self.shapes.get(&record.key.resource_type) else {
            return Err(Failure::status(500, "The server failed"));
        };
        self.lens.write(record, shape, self.members.get(id), self.groups.get(id), &self.managers, out)
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
        self.write(record, shape, None, None, &HashMap::new(), &mut out)?;
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

    /// What answers show besides these records.
    pub(crate) async fn others<'l>(&'l self, records: &[Record]) -> Result<Others<'l>, Failure> {
        let mut shapes: HashMap<Arc<str>, Cow<'l, Shape>> = HashMap::new();
        for record in records {
            let name = &record.key.resource_type;
            if !shapes.contains_key(name) {
                shapes.insert(Arc::clone(name), self.shape(name)?);
            }
        }
        let of = |wanted: &dyn Fn(&Shape, &Record) -> bool| -> Vec<ResourceId> {
            let wanted = records.iter().filter(|record| {
                shapes.get(&record.key.resource_type).is_some_and(|shape| wanted(shape, record))
            });
            wanted.map(|record| record.key.id).collect()
        };
        let (with_members, members) = self.edges(&of(&|shape, _| shape.members), Direction::Members).await?;
        let joined = of(&|shape, record| shape.groups && record.membership > 0);
        let (with_groups, groups) = self.edges(&joined, Direction::Groups).await?;
        let managers = self.managers(records, &shapes).await?;
        let missing = |wanted: bool, loaded: &Option<Vec<ResourceId>>, record: &Record| {
            wanted && loaded.as_ref().is_some_and(|loaded| !loaded.contains(&record.key.id))
        };
        let end = records.iter().position(|record| {
            shapes.get(&record.key.resource_type).is_some_and(|shape| {
                missing(shape.members, &with_members, record)
                    || missing(shape.groups && record.membership > 0, &with_groups, record)
            })
        });
        let shown = end.unwrap_or(records.len());
        Ok(Others { lens: self, shapes, members, groups, managers, shown })
    }

    /// The edges of `ids`: all of them at once where they are few, else of as many ids, in order, as a page may carry;
    /// those ids come back where it is not all of them.
    async fn edges(
        &self,
        ids: &[ResourceId],
        direction: Direction,
    ) -> Result<(Option<Vec<ResourceId>>, Edges), Failure> {
        let mut edges = Edges::new();
        if ids.is_empty() {
            return Ok((None, edges));
        }
        let budget = self.provider.limits.max_page_edges;
        if ids.len() > 1 {
            let page = self.read(ids.to_vec(), direction, None, budget).await?;
            if !page.more {
                for edge in page.edges {
                    edges.entry(edge.of).or_default().0.push(edge);
                }
                for held in page.held {
                    edges.entry(held.of).or_default().1.push(held);
                }
                return Ok((None, edges));
            }
        }
        let (mut done, mut carried) = (Vec::new(), 0);
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
            if carried > budget && !done.is_empty() {
                break;
            }
            done.push(*id);
            edges.insert(*id, (own, held));
        }
        Ok((Some(done), edges))
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
        shapes: &HashMap<Arc<str>, Cow<'_, Shape>>,
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

    /// Appends a record as JSON.
    fn write(
        &self,
        record: &Record,
        shape: &Shape,
        members: Option<&(Vec<Edge>, Vec<HeldEdge>)>,
        groups: Option<&(Vec<Edge>, Vec<HeldEdge>)>,
        managers: &HashMap<ResourceId, Option<String>>,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let members = members.map(|edges| self.edge_views(edges));
        let groups = groups.map(|edges| self.edge_views(edges));
        let manager =
            record.manager.as_deref().and_then(|id| id.parse().ok()).and_then(|id| managers.get(&id));
        let (id, version) = (record.key.id.to_string(), etag(record));
        let view = View {
            resource_type: &shape.resource_type.name,
            endpoint: &shape.resource_type.endpoint,
            base: self.base,
            id: &id,
            external_id: record.external_id.as_deref(),
            created: record.created,
            modified: record.modified,
            version: &version,
            edges: members.as_deref(),
            reverse_edges: groups.as_deref(),
            reference: manager.map(|display| ReferenceView { display: display.as_deref() }),
        };
        let document = Document::from_bytes(&record.document);
        if shape.projection.is_plain() {
            document.render(&view, out);
            return Ok(());
        }
        let full = document.full(&view).map_err(|error| {
            log::error!("stored document of {id} cannot be read: {error}");
            Failure::status(500, "The server failed; its log has the cause under this request's id")
        })?;
        let shown = shape.projection.apply(full);
        serde_json::to_writer(out, shown.attributes()).map_err(|_| Failure::status(500, "The server failed"))
    }

    fn edge_views<'e>(&'e self, (edges, held): &'e (Vec<Edge>, Vec<HeldEdge>)) -> Vec<EdgeView<'e>> {
        let known = edges.iter().map(|edge| EdgeView {
            id: edge.other.to_string().into(),
            resource_type: Some(&edge.resource_type),
            endpoint: self
                .caller
                .registry
                .resource_type(&edge.resource_type)
                .map(|known| known.endpoint.as_str()),
            display: edge.display.as_deref(),
        });
        let held = held.iter().map(|held| EdgeView {
            id: held.reference.as_str().into(),
            resource_type: held.kind.as_deref(),
            endpoint: None,
            display: None,
        });
        known.chain(held).collect()
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
        self.store.facts(&caller.scope, questions).await.map_err(|error| store_failure(&error))
    }
}
