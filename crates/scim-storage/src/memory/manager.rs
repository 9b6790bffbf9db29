//! Direct managers: linked when they are there and managed, waited for when they are not.

use scim_core::text::Matching;
use scim_directory::{ConnectorId, Content, Key, ResourceId};

use super::apply::Application;
use super::check::means;
use super::directory::Directory;
use crate::{manager_changed, manager_cleared, manager_linked};

/// A person's reference to a direct manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Report {
    reference: String,
    /// The connector that sent it.
    via: Option<ConnectorId>,
}

impl Directory {
    /// The managed person whom a reference means, but for one.
    fn manager(&self, report: &Report, but: ResourceId) -> Option<ResourceId> {
        let fit = |id: &ResourceId| {
            let record = self.records.get(id).map(|stored| &stored.record);
            *id != but
                && record
                    .is_some_and(|record| &*record.key.resource_type == "User" && record.managed_by.is_some())
        };
        let by_id = report.reference.parse().ok().filter(fit);
        let by_external_id = || {
            let ids = self.external.get(&(report.via?, report.reference.clone()))?;
            ids.iter().copied().find(fit)
        };
        let by_name = || {
            let key = Matching::UserName.key(&report.reference).into_owned();
            let ids = self.index.get(&("User".into(), "userName".to_owned(), key))?;
            ids.iter().copied().find(fit)
        };
        by_id.or_else(by_external_id).or_else(by_name)
    }
}

impl Application<'_> {
    /// Takes a person's reference over: one that is as it was keeps whom it means.
    pub(super) fn report(&mut self, key: &Key, reports_to: Option<&str>, display: Option<&str>) {
        let Some(stored) = self.directory.records.get(&key.id) else { return };
        let (known, before) = (stored.report.clone(), stored.record.direct_manager);
        let report = reports_to.map(|reference| {
            let sent =
                known.as_ref().filter(|known| known.reference == reference).and_then(|known| known.via);
            Report { reference: reference.to_owned(), via: self.scope.connector.or(sent) }
        });
        let after = match &report {
            Some(report) if known.as_ref() == Some(report) => before,
            Some(report) => self.directory.manager(report, key.id),
            None => None,
        };
        let waits = report.is_some() && after.is_none();
        self.link_manager(key.id, report, after);
        if waits {
            self.directory.waiting.insert(key.id);
        } else {
            self.directory.waiting.remove(&key.id);
        }
        if before != after {
            if let Some(manager) = after {
                self.log.push(manager_linked(key, display, manager));
            }
            self.events.push(manager_changed(key, before, after));
        }
    }

    fn link_manager(&mut self, id: ResourceId, report: Option<Report>, manager: Option<ResourceId>) {
        if let Some(stored) = self.directory.records.get_mut(&id) {
            stored.report = report;
            stored.record.direct_manager = manager;
        }
    }

    /// Links those who wait for this person.
    pub(super) fn link_reports(&mut self, key: &Key, content: &Content) {
        if &*key.resource_type != "User" || content.managed_by.is_none() {
            return;
        }
        let external = self.directory.records.get(&key.id).map(|stored| stored.external.clone());
        let external = external.unwrap_or_default();
        let waiting: Vec<ResourceId> =
            self.directory.waiting.iter().copied().filter(|id| *id != key.id).collect();
        for id in waiting {
            let Some(stored) = self.directory.records.get_mut(&id) else { continue };
            let Some(report) = &stored.report else { continue };
            let by_external_id = report.via.and_then(|via| external.get(&via)) == Some(&report.reference);
            if !by_external_id && !means(&report.reference, key.id, content) {
                continue;
            }
            stored.record.direct_manager = Some(key.id);
            let (report, display) = (stored.record.key.clone(), stored.record.display.clone());
            self.directory.waiting.remove(&id);
            self.log.push(manager_linked(&report, display.as_deref(), key.id));
            self.events.push(manager_changed(&report, None, Some(key.id)));
        }
    }

    /// Those who reported to somebody who is gone wait again.
    pub(super) fn clear_reports(&mut self, manager: ResourceId) {
        self.directory.waiting.remove(&manager);
        let reports: Vec<ResourceId> = self
            .directory
            .records
            .iter()
            .filter(|(_, stored)| stored.record.direct_manager == Some(manager))
            .map(|(id, _)| *id)
            .collect();
        for id in reports {
            let Some(stored) = self.directory.records.get_mut(&id) else { continue };
            stored.record.direct_manager = None;
            let (report, display) = (stored.record.key.clone(), stored.record.display.clone());
            self.directory.waiting.insert(id);
            self.log.push(manager_cleared(&report, display.as_deref(), manager));
            self.events.push(manager_changed(&report, Some(manager), None));
        }
    }
}
