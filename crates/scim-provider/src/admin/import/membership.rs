//! Lines that describe a member of a group each.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use scim_core::text::Matching;
use scim_directory::{Fact, Key, Question, ResourceId, Target};
use scim_lifecycle::Decision;
use scim_storage::{Direction, EdgeQuery};

use super::account::text;
use super::group::{group_named, joining, no_groups, strangers};
use super::reader::ImportRow;
use super::run::Run;
use super::{Becomes, Item, Planned};
use crate::admin::account::scope;
use crate::admin::{Admin, AdminError};

/// A membership that a line describes.
struct Line {
    /// The group's name or id, as it stands there.
    group: String,
    /// The member's user name or id.
    member: String,
}

/// What a group's name or id means.
enum Group {
    One(Key, String),
    None,
    Several,
}

impl Admin {
    /// Decides on lines that describe memberships: of each group together. `earlier` is what lines before them bring.
    pub(super) async fn decide_memberships(
        &self,
        run: &mut Run<'_>,
        rows: &[ImportRow],
        earlier: &Planned,
        planned: &mut Planned,
    ) -> Result<Vec<Item>, AdminError> {
        let lines: Vec<_> = rows.iter().map(|row| (row.line, membership_line(run, row))).collect();
        let right: Vec<&Line> = lines.iter().filter_map(|(_, line)| line.as_ref().ok()).collect();
        let groups = self.groups(run, &right).await?;
        let targets = self.targets(run, right.iter().map(|line| &line.member)).await?;
        let present = self.present(run, &right, &groups, &targets).await?;
        let mut items = Vec::with_capacity(lines.len());
        let mut joining_each: BTreeMap<ResourceId, (Key, String, Vec<String>)> = BTreeMap::new();
        for (number, line) in lines {
            let Line { group, member } = match line {
                Ok(line) => line,
                Err((key, reason)) => {
                    items.push(Item::rejected(number, key, reason));
                    continue;
                }
            };
            let reject = |reason: String| Item::rejected(number, Some(group.clone()), reason);
            let (key, name) = match groups.get(&group) {
                Some(Group::One(key, name)) => (key, name),
                Some(Group::Several) => {
                    items.push(reject("several groups have this name; give the id of one".to_owned()));
                    continue;
                }
                Some(Group::None) | None => {
                    items.push(reject("the group is not there; import the groups first".to_owned()));
                    continue;
                }
            };
            if let Some(reason) = strangers(std::slice::from_ref(&member), &targets) {
                items.push(reject(reason));
                continue;
            }
            let Some(Target::Live(target)) = targets.get(&member) else { continue };
            if target.id == key.id {
                items.push(reject("a group cannot be its own member".to_owned()));
                continue;
            }
            let pair = format!("{} {}", key.id, target.id);
            let known = present.contains(&(key.id, target.id));
            if known || earlier.names.contains(&pair) || !planned.names.insert(pair) {
                items.push(Item::there(number, group));
                continue;
            }
            let of_group =
                joining_each.entry(key.id).or_insert_with(|| (key.clone(), name.clone(), Vec::new()));
            of_group.2.push(member);
            items.push(Item {
                line: number,
                key: Some(group),
                within: 0,
                weight: 1,
                becomes: Becomes::Imported,
                decision: Decision::default(),
            });
        }
        // INVARIANT: lines of memberships are committed together, so that it matters not which of them carries this.
        if let Some(last) = items.last_mut() {
            for (key, name, members) in joining_each.into_values() {
                last.decision.append(joining(&members, &targets, &key, &name));
            }
        }
        Ok(items)
    }

    /// What the lines' groups are, by name or id.
    async fn groups(&self, run: &Run<'_>, lines: &[&Line]) -> Result<HashMap<String, Group>, AdminError> {
        let policy = Arc::clone(&run.policy);
        let Some(group_type) = policy.group_type() else { return Err(no_groups()) };
        let mut seen = HashSet::new();
        let texts: Vec<&String> =
            lines.iter().map(|line| &line.group).filter(|group| seen.insert(*group)).collect();
        let questions = texts.iter().flat_map(|text| {
            let id = text.parse().unwrap_or(ResourceId::new(uuid::Uuid::nil()));
            [group_named(&group_type.name, &Matching::IgnoreCase.key(text)), Question::Display(id)]
        });
        let mut facts = self.many_facts(run, questions.collect()).await?.into_iter();
        let mut groups = HashMap::with_capacity(texts.len());
        for text in texts {
            let (named, of_id) = (facts.next(), facts.next());
            let group = match (of_id, named) {
                (Some(Fact::Display(Some((key, display)))), _) if key.resource_type == group_type.name => {
                    Group::One(key, display.unwrap_or_default())
                }
                (_, Some(Fact::Records(mut records))) => match (records.pop(), records.pop()) {
                    (Some(_), Some(_)) => Group::Several,
                    (Some(record), None) => Group::One(record.key, record.display.unwrap_or_default()),
                    _ => Group::None,
                },
                _ => Group::None,
            };
            groups.insert(text.clone(), group);
        }
        Ok(groups)
    }

    /// Those of the lines' memberships that are there.
    async fn present(
        &self,
        run: &Run<'_>,
        lines: &[&Line],
        groups: &HashMap<String, Group>,
        targets: &HashMap<String, Target>,
    ) -> Result<HashSet<(ResourceId, ResourceId)>, AdminError> {
        let mut wanted: BTreeMap<ResourceId, Vec<ResourceId>> = BTreeMap::new();
        for line in lines {
            if let (Some(Group::One(group, _)), Some(Target::Live(member))) =
                (groups.get(&line.group), targets.get(&line.member))
            {
                wanted.entry(group.id).or_default().push(member.id);
            }
        }
        let mut present = HashSet::new();
        for (group, members) in wanted {
            let limit = members.len();
            let only = Some(members);
            let query =
                EdgeQuery { of: vec![group], direction: Direction::Members, only, after: None, limit };
            let page = self.store.edges(&scope(run.instance), &query).await?;
            present.extend(page.edges.into_iter().map(|edge| (edge.of, edge.other)));
        }
        Ok(present)
    }
}

/// The membership that a row describes; the group, where it could be read, and what is wrong.
fn membership_line(run: &mut Run<'_>, row: &ImportRow) -> Result<Line, (Option<String>, String)> {
    let cells = row.read.as_ref().map_err(|reason| (None, reason.clone()))?;
    let (mut group, mut member) = (None, None);
    let read = run.columns.read(cells, |part, cell| {
        let text = text(cell).map_err(|reason| format!("{part}: {reason}"))?;
        let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        if part == "Group" {
            group = text
        } else {
            member = text
        }
        Ok(())
    });
    match (group, member, read) {
        (group, _, Err(reason)) => Err((group, reason)),
        (Some(group), Some(member), Ok(())) => Ok(Line { group, member }),
        (None, ..) => Err((None, "Group is missing".to_owned())),
        (group, None, _) => Err((group, "Member is missing".to_owned())),
    }
}
