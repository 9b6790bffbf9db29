//! The provisioning log: of an instance, and of the server itself; and its summary.

use scim_directory::{Action, LogStatus, Position};
use scim_provider::admin::{LogLine, LogNames, Report};
use scim_storage::{JournalFilter, JournalPage, JournalQuery};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::connectors;
use super::times::read_moment;
use crate::call::Call;
use crate::endpoint::{Endpoint, Handled, Reply, Spec};
use crate::page::{Page, PageQuery, Wanted};
use crate::problem::Problem;

const TAG: &str = "log";
const CSV: &str = "text/csv";
const LINES: &str = "application/x-ndjson";

/// Which records of an instance's log.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogQuery {
    /// Only records about this person, memberships and creations that failed included: a user name or an id.
    #[serde(default)]
    person: Option<String>,
    /// Only records about this group: a display name or an id.
    #[serde(default)]
    group: Option<String>,
    /// Only through this connector: its name or id.
    #[serde(default)]
    connector: Option<String>,
    /// Only these actions, separated by commas: `suspended,deleted`.
    #[serde(default)]
    action: Option<String>,
    /// Only these statuses, separated by commas: `failure,warning,held`.
    #[serde(default)]
    status: Option<String>,
    /// From this moment on (RFC 3339).
    #[serde(default)]
    #[param(format = DateTime)]
    from: Option<String>,
    /// Until before this moment (RFC 3339).
    #[serde(default)]
    #[param(format = DateTime)]
    until: Option<String>,
    /// Which records come first. Default: `newest`. A page of `oldest` always has a `next`, with which a client waits for more.
    #[serde(default)]
    #[param(inline)]
    order: Order,
    /// How the answer is written. Default: as `Accept` says, else JSON.
    #[serde(default, skip_serializing)]
    #[param(inline)]
    format: Option<Format>,
    /// How many records at most. Default: 50.
    #[serde(default, skip_serializing)]
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// Where the page begins: `next` of the page before, with the same parameters.
    #[serde(default, skip_serializing)]
    cursor: Option<String>,
}

/// Which records of the server's own log.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ServerLogQuery {
    /// Only these actions, separated by commas.
    #[serde(default)]
    action: Option<String>,
    /// Only these statuses, separated by commas.
    #[serde(default)]
    status: Option<String>,
    /// From this moment on (RFC 3339).
    #[serde(default)]
    #[param(format = DateTime)]
    from: Option<String>,
    /// Until before this moment (RFC 3339).
    #[serde(default)]
    #[param(format = DateTime)]
    until: Option<String>,
    /// Which records come first. Default: `newest`. A page of `oldest` always has a `next`, with which a client waits for more.
    #[serde(default)]
    #[param(inline)]
    order: Order,
    /// How the answer is written. Default: as `Accept` says, else JSON.
    #[serde(default, skip_serializing)]
    #[param(inline)]
    format: Option<Format>,
    /// How many records at most. Default: 50.
    #[serde(default, skip_serializing)]
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// Where the page begins: `next` of the page before, with the same parameters.
    #[serde(default, skip_serializing)]
    cursor: Option<String>,
}

/// Which records come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// The newest.
    #[default]
    Newest,
    /// The oldest.
    Oldest,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// A page as JSON.
    Json,
    /// A record on each line, as JSON.
    Jsonl,
    /// A line for each value that changed, with the record's columns repeated; the first page begins with a header.
    Csv,
}

/// The time that a report is about.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReportQuery {
    /// From this moment on (RFC 3339). Default: all that is kept.
    #[serde(default)]
    #[param(format = DateTime)]
    from: Option<String>,
    /// Until before this moment (RFC 3339). Default: now.
    #[serde(default)]
    #[param(format = DateTime)]
    until: Option<String>,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    const FORMS: &str = "As a page of JSON, as JSON lines (`application/x-ndjson`) or as CSV (`text/csv`), by `format` or `Accept`. Of the \
                         last two the header `X-Next-Cursor` has the cursor of the next page. To follow the log, ask with \
                         `order=oldest`, and again with each `next`: an empty page means that there is nothing new yet.";
    let log = Spec::get("/instances/{instance}/log", "listLog", TAG, "The provisioning log of an instance")
        .about(FORMS);
    let own =
        Spec::get("/log", "listServerLog", TAG, "The log of the server itself: what concerns no instance")
            .about(FORMS);
    let report = Spec::get(
        "/instances/{instance}/report",
        "showReport",
        TAG,
        "How many records the log has of each action and status",
    );
    vec![
        Endpoint::new(log.also(&[LINES, CSV]), list_log),
        Endpoint::new(own.also(&[LINES, CSV]), list_server_log),
        Endpoint::new(report, show_report),
    ]
}

/// Words that the log knows, separated by commas.
fn words<T: DeserializeOwned>(name: &str, list: Option<&str>) -> Result<Vec<T>, Problem> {
    let word = |word: &str| {
        serde_json::from_value(word.trim().into()).map_err(|error| Problem::member(name, &error.to_string()))
    };
    list.map_or_else(|| Ok(Vec::new()), |list| list.split(',').map(word).collect())
}

fn filter(
    action: Option<&str>,
    status: Option<&str>,
    from: Option<&str>,
    until: Option<&str>,
) -> Result<JournalFilter, Problem> {
    Ok(JournalFilter {
        actions: words::<Action>("action", action)?,
        statuses: words::<LogStatus>("status", status)?,
        from: read_moment("from", from)?,
        until: read_moment("until", until)?,
        ..JournalFilter::default()
    })
}

/// A page that is wanted.
struct Asked {
    wanted: Wanted<i64>,
    /// What the cursor is bound to.
    what: String,
    order: Order,
    format: Format,
}

impl Asked {
    fn new<Q: Serialize>(
        call: &Call<'_>,
        query: &Q,
        page: &PageQuery,
        order: Order,
        format: Option<Format>,
    ) -> Result<Self, Problem> {
        let what = serde_json::to_string(query).unwrap_or_default();
        let wanted = call.wanted(page, &what)?;
        let accept = || accepted(call.request.headers.get("accept").unwrap_or_default());
        Ok(Self { wanted, what, order, format: format.unwrap_or_else(accept) })
    }

    fn journal(&self, filter: JournalFilter) -> JournalQuery {
        JournalQuery {
            after: self.wanted.after.map(Position),
            limit: self.wanted.limit,
            newest_first: self.order == Order::Newest,
            filter,
        }
    }

    fn reply(
        &self,
        call: &Call<'_>,
        page: &JournalPage,
        instance: Option<&str>,
        names: &LogNames,
    ) -> Reply<Page<LogLine>> {
        let last = page.entries.last().map(|entry| entry.position.0).or(self.wanted.after);
        // Whoever follows the log asks again from where nothing was yet.
        let goes_on = page.more || self.order == Order::Oldest;
        let next = if goes_on { call.next(&self.what, &last.unwrap_or_default()) } else { None };
        let lines = page.entries.iter().map(|entry| LogLine::new(entry, instance, names));
        let text = |lines: Vec<String>| lines.into_iter().map(|line| line + "\n").collect::<String>();
        match self.format {
            Format::Json => Reply::json(Page { items: lines.collect(), next }),
            Format::Jsonl => {
                let line = |line: LogLine| serde_json::to_string(&line).unwrap_or_default();
                Reply::text(LINES, text(lines.map(line).collect())).followed_by(next)
            }
            Format::Csv => {
                let header = self.wanted.after.is_none().then(LogLine::csv_header);
                let lines = header.into_iter().chain(lines.flat_map(|line| line.csv()));
                Reply::text("text/csv; charset=utf-8", text(lines.collect())).followed_by(next)
            }
        }
    }
}

/// What `Accept` (RFC 9110 §12.5.1) likes best; of several, the one that is named first.
fn accepted(accept: &str) -> Format {
    let mut best = (0.0, Format::Json);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let format = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            CSV | "text/*" => Format::Csv,
            LINES => Format::Jsonl,
            "application/json" | "application/*" | "*/*" => Format::Json,
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
        if weight > best.0 {
            best = (weight, format);
        }
    }
    best.1
}

fn list_log<'c>(call: &'c Call<'c>, query: LogQuery, (): ()) -> Handled<'c, Page<LogLine>> {
    Box::pin(async move {
        let instance = call.instance()?;
        let page = PageQuery { limit: query.limit, cursor: query.cursor.clone() };
        let asked = Asked::new(call, &query, &page, query.order, query.format)?;
        let LogQuery { person, group, connector, action, status, from, until, .. } = &query;
        let mut filter = filter(action.as_deref(), status.as_deref(), from.as_deref(), until.as_deref())?;
        filter.about = match (person, group) {
            (None, None) => None,
            (Some(person), None) => Some(call.admin.log_about_person(instance, person).await?),
            (None, Some(group)) => Some(call.admin.log_about_group(instance, group).await?),
            (Some(_), Some(_)) => {
                return Err(Problem::member("group", "cannot go with `person`; ask for one of them"));
            }
        };
        if let Some(name) = connector {
            let found = connectors::named(call, name).await.map_err(|problem| problem.at("connector"))?;
            filter.connector = Some(found.id);
        }
        let page = call.admin.log(instance, &asked.journal(filter)).await?;
        let unknown = LogNames::default();
        let names =
            if unknown.know(&page.entries) { unknown } else { call.admin.log_names(instance).await? };
        Ok(asked.reply(call, &page, Some(&instance.name), &names))
    })
}

fn list_server_log<'c>(call: &'c Call<'c>, query: ServerLogQuery, (): ()) -> Handled<'c, Page<LogLine>> {
    Box::pin(async move {
        let page = PageQuery { limit: query.limit, cursor: query.cursor.clone() };
        let asked = Asked::new(call, &query, &page, query.order, query.format)?;
        let ServerLogQuery { action, status, from, until, .. } = &query;
        let filter = filter(action.as_deref(), status.as_deref(), from.as_deref(), until.as_deref())?;
        let page = call.admin.server_log(&asked.journal(filter)).await?;
        Ok(asked.reply(call, &page, None, &LogNames::default()))
    })
}

fn show_report<'c>(call: &'c Call<'c>, query: ReportQuery, (): ()) -> Handled<'c, Report> {
    Box::pin(async move {
        let from = read_moment("from", query.from.as_deref())?;
        let until = read_moment("until", query.until.as_deref())?;
        Ok(Reply::json(call.admin.report(call.instance()?, from, until).await?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_accepted() {
        let check = |accept: &str, expected: Format| assert_eq!(accepted(accept), expected, "{accept}");
        check("", Format::Json);
        check("*/*", Format::Json);
        check("text/csv", Format::Csv);
        check("Text/CSV; q=0.9, */*;q=0.1", Format::Csv);
        check("application/x-ndjson, application/json", Format::Jsonl);
        check("text/csv;q=0, application/json;q=0.1", Format::Json);
        check("image/png", Format::Json);
    }
}
