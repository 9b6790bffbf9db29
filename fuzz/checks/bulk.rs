//! What holds of every bulk body, whatever a client sends.

use scim_core::ScimError;
use scim_core::bulk::{BulkLimits, BulkMethod, BulkPlan, BulkRequest, references};
use serde_json::Value;

/// A body is refused with 400 or 413, or its plan holds every operation once, each after the POSTs that it refers to
/// or in one step with them.
pub(crate) fn check(data: &[u8]) {
    let Ok(body) = serde_json::from_slice::<Value>(data) else { return };
    let request = match BulkRequest::parse(body, &BulkLimits::default()) {
        Ok(request) => request,
        Err(error) => {
            let error = ScimError::from(error);
            return assert!([400, 413].contains(&error.status()), "{error}");
        }
    };
    let plan = BulkPlan::new(&request.operations);
    let mut step_of = vec![None; request.operations.len()];
    for (number, step) in plan.steps().iter().enumerate() {
        for &index in step.operations() {
            let slot = step_of.get_mut(index);
            assert_eq!(slot.and_then(|slot| slot.replace(number)), None, "operation {index} comes twice");
        }
    }
    for (operation, step) in request.operations.iter().zip(&step_of) {
        assert!(step.is_some(), "an operation is lost");
        for name in operation.data.iter().flat_map(references) {
            let created = request.operations.iter().zip(&step_of).find(|(other, _)| {
                other.method == BulkMethod::Post && other.bulk_id.as_deref() == Some(name)
            });
            assert!(created.is_none_or(|(_, earlier)| earlier <= step), "{name} comes too late");
        }
    }
}
