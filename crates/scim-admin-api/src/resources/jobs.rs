//! Jobs of an instance: how far they have come, and pruning.

use scim_directory::Privilege;
use scim_provider::Method;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::instances::NoQuery;
use crate::call::Call;
use crate::endpoint::{Endpoint, Handled, Reply, Spec};
use crate::page::{Page, PageQuery};

const TAG: &str = "jobs";
const ALL: &str = "/instances/{instance}/jobs";
const ONE: &str = "/instances/{instance}/jobs/{job}";
const PRUNE: &str = "/instances/{instance}/prune";

/// The slices of pruning in one request: few enough to end well before any deadline.
const SLICES: usize = 10;

/// A job that was begun and has not come to its end.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Job {
    /// The name.
    name: String,
    /// How far it has come, in the job's own terms.
    #[schema(value_type = Value)]
    state: Value,
}

/// What pruning came to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PruneResult {
    /// How many rows were deleted: log records, events, what was kept of deleted people and groups.
    rows: u64,
    /// Whether more is left; then ask again.
    more: bool,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    let list = Spec::get(ALL, "listJobs", TAG, "Jobs of which something is kept, by name");
    let show = Spec::get(ONE, "showJob", TAG, "How far a job has come");
    let prune = Spec::get(PRUNE, "pruneInstance", TAG, "Delete what is older than the retention time, now").about(
        "The server does so by itself every hour. A request deletes a bounded number of rows; `more` says whether to ask again.",
    );
    vec![
        Endpoint::new(list, list_jobs),
        Endpoint::new(show, show_job),
        Endpoint::new(Spec::of(Method::Post, Privilege::Admin, 200, prune), prune_instance),
    ]
}

fn list_jobs<'c>(call: &'c Call<'c>, query: PageQuery, (): ()) -> Handled<'c, Page<Job>> {
    Box::pin(async move {
        let wanted = call.wanted::<String>(&query, "")?;
        let jobs = call.admin.job_page(call.instance()?, wanted.after.clone(), wanted.limit + 1).await?;
        let shown = |(name, state)| Job { name, state };
        Ok(Reply::json(call.page(&wanted, "", jobs, |(name, _)| name.clone(), shown)))
    })
}

fn show_job<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, Job> {
    Box::pin(async move {
        let name = call.parameter("job");
        let state = call.admin.job(call.instance()?, name).await?;
        Ok(Reply::thing(Job { name: name.to_owned(), state }))
    })
}

fn prune_instance<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, PruneResult> {
    Box::pin(async move {
        let instance = call.instance()?;
        let mut result = PruneResult { rows: 0, more: true };
        for _ in 0..SLICES {
            let slice = call.admin.prune_slice(instance, call.now()).await?;
            result = PruneResult { rows: result.rows + slice.rows, more: slice.more };
            if !slice.more {
                break;
            }
        }
        Ok(Reply::json(result))
    })
}
