//! What the tests of plans ask for, on either engine.

use std::sync::Arc;

use scim_core::Dialect;
use scim_core::filter::{Filter, FilterLimits};
use scim_core::schema::Registry;
use scim_directory::{ConnectorId, InstanceId, Scope};
use scim_storage::{Query, QueryPart, Start, Want};
use uuid::Uuid;

/// The first page of a built-in type, without a filter where the text is empty.
pub(super) fn asked(resource_type: &str, filter: &str) -> (Scope, Query) {
    let registry = Registry::builtin();
    let resource_type = registry.resource_type(resource_type).expect("built in");
    let filter = (!filter.is_empty()).then(|| {
        let filter = Filter::parse(filter, &FilterLimits::default()).expect(filter);
        filter.resolve(resource_type, Dialect::LENIENT).expect("a filter of the type").0
    });
    let query = Query {
        parts: vec![QueryPart { resource_type: Arc::clone(resource_type), filter, sort_by: None }],
        sort: None,
        start: Start::Offset(0),
        limit: 100,
        want: Want::RECORD,
        total: false,
    };
    let scope = Scope {
        instance: InstanceId::new(Uuid::from_u128(1)),
        connector: Some(ConnectorId::new(Uuid::from_u128(2))),
    };
    (scope, query)
}
