//! The records of a page, as its rows are read: all documents stand in one piece of memory, which the records share.

use std::iter::Peekable;
use std::ops::Range;
use std::slice::IterMut;
use std::sync::Arc;

use bytes::Bytes;
use scim_core::instant::Timestamp;
use scim_directory::{Key, Record, ResourceId, Version};
use scim_storage::{Keyset, Page};

/// Room for the document of most people.
const USUAL_BYTES: usize = 1536;

/// What lists show of a record, without its link.
pub(super) struct Line<'r> {
    pub(super) id: ResourceId,
    pub(super) version: Version,
    pub(super) membership: i64,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
    pub(super) manager: Option<String>,
    pub(super) document: &'r [u8],
}

/// Records of one type, which come in descending order of their ids, so many of them at most.
pub(super) struct Sheet {
    resource_type: Arc<str>,
    limit: usize,
    records: Vec<Record>,
    /// Their documents, one after the other, and where each stands.
    documents: Vec<u8>,
    places: Vec<Range<usize>>,
    /// Whether there is one more.
    more: bool,
}

impl Sheet {
    pub(super) fn new(resource_type: &Arc<str>, limit: usize) -> Self {
        Self {
            resource_type: Arc::clone(resource_type),
            limit,
            records: Vec::with_capacity(limit),
            documents: Vec::with_capacity(limit * USUAL_BYTES),
            places: Vec::with_capacity(limit),
            more: false,
        }
    }

    /// Adds the next record; one that has no room tells that there are more.
    pub(super) fn add(&mut self, line: Line<'_>) {
        if self.records.len() == self.limit {
            self.more = true;
            return;
        }
        let start = self.documents.len();
        self.documents.extend_from_slice(line.document);
        self.places.push(start..self.documents.len());
        self.records.push(Record {
            key: Key { resource_type: Arc::clone(&self.resource_type), id: line.id },
            version: line.version,
            membership: line.membership,
            created: line.created,
            modified: line.modified,
            external_id: None,
            display: None,
            manager: line.manager,
            managed_by: None,
            direct_manager: None,
            account: None,
            document: Bytes::new(),
        });
    }

    /// How many records there are, with the lowest id and the highest; `None` where there are none.
    pub(super) fn ends(&self) -> Option<(usize, ResourceId, ResourceId)> {
        let ([highest, ..], [.., lowest]) = (self.records.as_slice(), self.records.as_slice()) else {
            return None;
        };
        Some((self.records.len(), lowest.key.id, highest.key.id))
    }

    /// What gives the records their links.
    pub(super) fn links(&mut self) -> Links<'_> {
        Links(self.records.iter_mut().peekable())
    }

    /// The page, of so many in all where that is wanted.
    pub(super) fn page(self, total: Option<u64>) -> Page {
        let (documents, mut records) = (Bytes::from(self.documents), self.records);
        for (record, place) in records.iter_mut().zip(self.places) {
            record.document = documents.slice(place);
        }
        let last = records.last().filter(|_| self.more).map(|last| last.key.id);
        let next = last.map(|id| Keyset { key: None, id });
        Page { records, total, next, residual: None }
    }
}

/// Gives links, which come in descending order of whose they are, to records in that order.
pub(super) struct Links<'p>(Peekable<IterMut<'p, Record>>);

impl Links<'_> {
    /// Gives a link to whose it is, where they are on the page.
    pub(super) fn give(&mut self, id: ResourceId, external_id: &str) {
        while self.0.next_if(|record| record.key.id > id).is_some() {}
        if let Some(record) = self.0.next_if(|record| record.key.id == id) {
            record.external_id = Some(external_id.to_owned());
        }
    }
}
