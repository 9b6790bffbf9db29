//! Suspensions and deletions that the guard held back: listed, let through, rejected.

use scim_directory::{HeldChange, HeldChangeId, HeldState, Privilege, Removal};
use scim_provider::Method;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::instances::NoQuery;
use crate::call::Call;
use crate::endpoint::{Endpoint, Handled, Reply, Spec};
use crate::input::Json;
use crate::moment::Moment;
use crate::page::{Page, PageQuery};
use crate::problem::Problem;

const TAG: &str = "held changes";
const ALL: &str = "/instances/{instance}/held";
const ONE: &str = "/instances/{instance}/held/{held}";
const DECIDE: &str = "/instances/{instance}/held/{held}/decide";
/// The most characters of a reason.
const MAX_REASON_CHARS: usize = 1_000;

/// A suspension or deletion that was held back because there were too many.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HeldChange)]
pub(crate) struct HeldShown {
    /// The id.
    id: Uuid,
    /// When it was first tried.
    at: Moment,
    /// What was to be done.
    action: HeldAction,
    /// Whom it is about.
    resource: HeldResource,
    /// The id of the connector whose request it was.
    connector: Uuid,
    /// What became of it.
    state: HeldWord,
    /// Why it was rejected.
    reason: Option<String>,
}

/// What was to be done.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HeldAction {
    /// The person was to be suspended.
    Suspended,
    /// The person was to be deleted.
    Deleted,
}

/// What became of a held change.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = HeldState)]
pub(crate) enum HeldWord {
    /// It waits.
    Waiting,
    /// The next try succeeds.
    Released,
    /// Every try is refused with the reason.
    Rejected,
}

/// Whom a held change is about.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HeldResource {
    /// What it is: `User`.
    #[serde(rename = "type")]
    resource_type: String,
    /// The account's id.
    id: Uuid,
    /// What the person is called.
    name: Option<String>,
}

impl From<HeldChange> for HeldShown {
    fn from(held: HeldChange) -> Self {
        let (state, reason) = match held.state {
            HeldState::Waiting => (HeldWord::Waiting, None),
            HeldState::Released => (HeldWord::Released, None),
            HeldState::Rejected { reason } => (HeldWord::Rejected, Some(reason)),
        };
        Self {
            id: held.id.uuid(),
            at: held.at.into(),
            action: match held.removal {
                Removal::Suspend => HeldAction::Suspended,
                Removal::Delete => HeldAction::Deleted,
            },
            resource: HeldResource {
                resource_type: held.key.resource_type.to_string(),
                id: held.key.id.uuid(),
                name: held.name,
            },
            connector: held.connector.uuid(),
            state,
            reason,
        }
    }
}

/// What is to become of a held change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decide {
    /// What is decided.
    decision: Verdict,
    /// Why it is rejected, for the identity provider's log; goes with `reject` alone, and must be there then.
    #[serde(default)]
    #[schema(max_length = 1000)]
    reason: Option<String>,
}

/// What is decided.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = HeldDecision)]
pub(crate) enum Verdict {
    /// The next try succeeds.
    Release,
    /// Every try is refused with the reason.
    Reject,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    let list = Spec::get(ALL, "listHeldChanges", TAG, "Held suspensions and deletions, oldest first");
    let show = Spec::get(ONE, "showHeldChange", TAG, "A held suspension or deletion");
    let decide = Spec::get(DECIDE, "decideHeldChange", TAG, "Let a held change through, or reject it").about(
        "What is released succeeds at the identity provider's next try, and is off the list then; what is rejected is answered \
         403 with the reason. It can be decided again while it is on the list.",
    );
    vec![
        Endpoint::new(list, list_held),
        Endpoint::new(show, show_held),
        Endpoint::new(Spec::of(Method::Post, Privilege::LiteAdmin, 200, decide), decide_held),
    ]
}

async fn named(call: &Call<'_>) -> Result<HeldChange, Problem> {
    let id = HeldChangeId::new(call.id::<Uuid>("held")?);
    Ok(call.admin.held_show(call.instance()?, id).await?)
}

fn list_held<'c>(call: &'c Call<'c>, query: PageQuery, (): ()) -> Handled<'c, Page<HeldShown>> {
    Box::pin(async move {
        let wanted = call.wanted::<Uuid>(&query, "")?;
        let after = wanted.after.map(HeldChangeId::new);
        let held = call.admin.held_page(call.instance()?, after, wanted.limit + 1).await?;
        Ok(Reply::json(call.page(&wanted, "", held, |held| held.id.uuid(), HeldShown::from)))
    })
}

fn show_held<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, HeldShown> {
    Box::pin(async move { Ok(Reply::thing(named(call).await?.into())) })
}

fn decide_held<'c>(call: &'c Call<'c>, _: NoQuery, Json(decide): Json<Decide>) -> Handled<'c, HeldShown> {
    Box::pin(async move {
        let reason = decide.reason.filter(|reason| !reason.trim().is_empty());
        let state = match (decide.decision, reason) {
            (Verdict::Release, None) => HeldState::Released,
            (Verdict::Release, Some(_)) => {
                return Err(Problem::member("/reason", "goes with a rejection; a release needs none"));
            }
            (Verdict::Reject, None) => {
                return Err(Problem::member("/reason", "is missing; the identity provider is told why"));
            }
            (Verdict::Reject, Some(reason)) if reason.chars().count() > MAX_REASON_CHARS => {
                let detail = format!("has at most {MAX_REASON_CHARS} characters");
                return Err(Problem::member("/reason", &detail));
            }
            (Verdict::Reject, Some(reason)) => HeldState::Rejected { reason },
        };
        let held = named(call).await?;
        call.admin.held_decide(call.instance()?, &held, state.clone()).await?;
        Ok(Reply::thing(HeldChange { state, ..held }.into()))
    })
}
