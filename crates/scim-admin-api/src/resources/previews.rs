//! Whom an identity provider's people would find: asked before it is let in.

use scim_directory::Privilege;
use scim_provider::Method;
use scim_provider::admin::account::{MatchedBy, PreviewOutcome, Previewed};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::imports::listed;
use crate::call::Call;
use crate::endpoint::{Endpoint, Handled, Reply, Spec};
use crate::input::Stream;
use crate::problem::Problem;

/// People that are shown where nothing else is asked for.
const DEFAULT_SHOWN: usize = 1000;
/// The most people that are shown; all are counted.
const MAX_SHOWN: usize = 10_000;

/// How an export is read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PreviewQuery {
    /// The connector that the identity provider would use, by its name; not needed where the instance has one.
    #[serde(default)]
    connector: Option<String>,
    /// What columns mean that are not known by themselves, as SCIM attributes: `Login=userName,Town=addresses.locality`.
    #[serde(default)]
    map: Option<String>,
    /// How many people are shown; all are counted. Default: 1,000.
    #[serde(default)]
    #[param(minimum = 0, maximum = 10000)]
    shown: Option<usize>,
    /// Whether only those are shown who would be refused, or whose line cannot be read. Default: false.
    #[serde(default)]
    only_conflicts: bool,
}

/// What would become of a person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PreviewedPerson {
    /// The number of the line, from 1.
    line: u64,
    /// The user name, where it could be read.
    user_name: Option<String>,
    /// `picked_up`, `restored`, `managed`, `created`, `conflict` or `left_out`.
    outcome: &'static str,
    /// By what the person is matched: `user_name` or `external_id`.
    matched_by: Option<&'static str>,
    /// Why it is refused: a word that stays as it is.
    code: Option<String>,
    /// Why, and what to do.
    reason: Option<String>,
}

/// What a preview came to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Preview {
    /// People whose account would be picked up, or come back, or is managed already.
    matched: u64,
    /// People who would get a new account.
    created: u64,
    /// People who would be refused.
    conflicts: u64,
    /// Lines that cannot be read.
    left_out: u64,
    /// The first people, in the order of the file.
    people: Vec<PreviewedPerson>,
    /// Whether there are more of them than are shown.
    more: bool,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    let spec = Spec::get(
        "/instances/{instance}/previews",
        "previewPickingUp",
        "imports",
        "Whom an identity provider's people would find: matched, created, or in conflict",
    );
    let spec = spec.about(
        "The body is the identity provider's export of people, as CSV or JSON lines; the columns of Entra's and Okta's exports are known. \
         It goes through the mapping and the rules as real requests would, and nothing is written.",
    );
    vec![Endpoint::new(Spec::of(Method::Post, Privilege::LiteAdmin, 200, spec), preview)]
}

fn preview<'c>(
    call: &'c Call<'c>,
    query: PreviewQuery,
    Stream { body, format }: Stream,
) -> Handled<'c, Preview> {
    Box::pin(async move {
        let limit = query.shown.unwrap_or(DEFAULT_SHOWN);
        if limit > MAX_SHOWN {
            return Err(Problem::member("shown", &format!("must be 0 to {MAX_SHOWN}")));
        }
        let (mut people, mut more) = (Vec::new(), false);
        let told = |person: &Previewed| {
            let refused =
                matches!(person.outcome, PreviewOutcome::Conflict { .. } | PreviewOutcome::LeftOut(_));
            if query.only_conflicts && !refused {
                return;
            }
            if people.len() < limit {
                people.push(shown(person));
            } else {
                more = true;
            }
        };
        let (instance, map) = (call.instance()?, listed(query.map.as_deref()));
        let summary = call
            .admin
            .account_preview(instance, query.connector.as_deref(), &map, format, body, told)
            .await?;
        Ok(Reply::json(Preview {
            matched: summary.matched,
            created: summary.created,
            conflicts: summary.conflicts,
            left_out: summary.left_out,
            people,
            more,
        }))
    })
}

fn shown(person: &Previewed) -> PreviewedPerson {
    let by = |by: MatchedBy| match by {
        MatchedBy::UserName => "user_name",
        MatchedBy::ExternalId => "external_id",
    };
    let (outcome, matched_by, code, reason) = match &person.outcome {
        PreviewOutcome::PickedUp(how) => ("picked_up", Some(by(*how)), None, None),
        PreviewOutcome::Restored(how) => ("restored", Some(by(*how)), None, None),
        PreviewOutcome::Managed(how) => ("managed", Some(by(*how)), None, None),
        PreviewOutcome::Created => ("created", None, None, None),
        PreviewOutcome::Conflict { code, reason } => {
            ("conflict", None, Some(code.clone()), Some(reason.clone()))
        }
        PreviewOutcome::LeftOut(reason) => ("left_out", None, None, Some(reason.clone())),
    };
    PreviewedPerson {
        line: person.line,
        user_name: person.user_name.clone(),
        outcome,
        matched_by,
        code,
        reason,
    }
}
