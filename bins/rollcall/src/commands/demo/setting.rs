//! What the demonstration begins with: an application that has accounts already, and two people who will not get in as
//! they are.
//!
//! Who they are follows from the company alone, so that the same demonstration shows the same people.

use std::collections::{BTreeSet, HashSet};

use scim_directory::{Excess, FieldDefinition, ImportKind, Instance, InstanceSettings, NameScope};
use scim_emulator::company::{Change, Company, Person};
use scim_emulator::entra::RequestKind;
use scim_provider::admin::import::{ImportFormat, ImportOptions};
use scim_provider::admin::{Admin, AdminError};
use serde_json::{Value, json};

/// The instance's name.
pub(super) const INSTANCE: &str = "demo";
/// Another instance on the same server, where one of the user names is taken.
pub(super) const ELSEWHERE: &str = "fernwood-labs";
/// Existing accounts, where the company has twice as many people; else half of them.
const EXISTING: u32 = 200;
/// Groups of the company that the application has already: a department, a site.
const GROUPS: [u32; 2] = [0, 12];

/// What the demonstration begins with.
pub(super) struct Setting {
    /// Accounts that the application has already, as an import takes them.
    accounts: Vec<Value>,
    /// Groups that it has already.
    groups: Vec<Value>,
    /// A limit that one new name does not keep.
    limit: Option<FieldDefinition>,
    /// Somebody whose user name is taken in another instance.
    taken: Option<Person>,
    /// Requests that are meant to fail: kind and user name.
    pub(super) refusals: BTreeSet<(RequestKind, String)>,
}

impl Setting {
    /// For a company of that many people.
    pub(super) fn new(people: u32) -> Self {
        let company = Company::new(people, GROUPS.iter().max().map_or(0, |last| last + 1));
        let changes = company.changes();
        let count = EXISTING.min(people / 2);
        let existing: BTreeSet<u32> = (0..count)
            .filter_map(|place| u32::try_from(u64::from(place) * u64::from(people) / u64::from(count)).ok())
            .collect();
        let managers: HashSet<u32> =
            (0..changes.hired.end).filter_map(|index| company.manager(index)).collect();
        let stays = |index: &u32| {
            !changes.people.contains_key(index) && !managers.contains(index) && !existing.contains(index)
        };
        let taken = (1..people).rev().find(stays).map(|index| company.person(index));
        let (limit, too_long) = limit(&company);
        let mut refusals: BTreeSet<(RequestKind, String)> =
            too_long.into_iter().map(|name| (RequestKind::UpdatePerson, name)).collect();
        refusals.extend(taken.iter().map(|person| (RequestKind::CreatePerson, person.user_name.clone())));
        let groups = if existing.is_empty() { &[][..] } else { &GROUPS };
        Self {
            accounts: existing.iter().map(|index| account(&company.person(*index))).collect(),
            groups: groups.iter().map(|group| known_group(&company, *group, &existing)).collect(),
            limit,
            taken,
            refusals,
        }
    }

    /// How many accounts and groups the application has already.
    pub(super) fn existing(&self) -> (u64, u64) {
        (self.accounts.len() as u64, self.groups.len() as u64)
    }

    /// Makes the instance and what it has already, and the other instance.
    pub(super) async fn prepare(&self, admin: &Admin) -> anyhow::Result<Instance> {
        let settings = || InstanceSettings { user_names: NameScope::Server, ..InstanceSettings::default() };
        let fields = self.limit.iter().cloned().collect();
        let instance =
            admin.instance_create(INSTANCE, InstanceSettings { fields, ..settings() }).await?.instance;
        if let Some(person) = &self.taken {
            let elsewhere = match admin.instance_named(ELSEWHERE).await {
                Err(AdminError::NotFound(_)) => admin.instance_create(ELSEWHERE, settings()).await?.instance,
                found => found?,
            };
            import(admin, &elsewhere, ImportKind::Accounts, &[account(person)]).await?;
        }
        import(admin, &instance, ImportKind::Accounts, &self.accounts).await?;
        import(admin, &instance, ImportKind::Groups, &self.groups).await?;
        Ok(instance)
    }
}

async fn import(admin: &Admin, instance: &Instance, kind: ImportKind, what: &[Value]) -> anyhow::Result<()> {
    let options = ImportOptions { format: ImportFormat::JsonLines, ..ImportOptions::new(kind) };
    let end = admin.import(instance, lines(what).as_slice(), &options, &mut ()).await?;
    anyhow::ensure!(end.import.rejected == 0, "the existing {} cannot be imported", kind.word());
    Ok(())
}

/// JSON lines.
fn lines(values: &[Value]) -> Vec<u8> {
    values.iter().flat_map(|value| format!("{value}\n").into_bytes()).collect()
}

/// An account as an application has it that kept them by hand: no title, some numbers missing, a cost centre of which the
/// identity provider knows nothing.
fn account(person: &Person) -> Value {
    let phone = (!person.index.is_multiple_of(3)).then_some(person.work_phone.as_str());
    json!({
        "UserName": person.user_name,
        "Email": person.user_name,
        "FirstName": person.given_name,
        "LastName": person.family_name,
        "DisplayName": person.display_name,
        "OfficePhone": phone,
        "CostCenter": format!("{}", 4000 + person.index % 12),
    })
}

/// A group of the company, with those of its members who have accounts.
fn known_group(company: &Company, group: u32, existing: &BTreeSet<u32>) -> Value {
    let members = company.members(group).filter(|member| existing.contains(member));
    let members: Vec<String> = members.map(|member| company.person(member).user_name).collect();
    json!({ "DisplayName": company.group(group).name, "Members": members })
}

/// How many characters a field has.
type Length = fn(&Person) -> usize;

/// A field's limit that everybody keeps but one of those whose name changes, and the user names of whoever does not.
fn limit(company: &Company) -> (Option<FieldDefinition>, Vec<String>) {
    const LENGTHS: [(&str, Length); 3] = [
        ("LastName", |person| person.family_name.chars().count()),
        ("DisplayName", |person| person.display_name.chars().count()),
        ("Email", |person| person.user_name.chars().count()),
    ];
    let changes = company.changes();
    let mut usual = [0; 3];
    for index in 0..changes.hired.end {
        let person = company.person(index);
        for (longest, (_, length)) in usual.iter_mut().zip(LENGTHS) {
            *longest = length(&person).max(*longest);
        }
    }
    let renamed = changes.people.iter().filter(|(_, change)| **change == Change::NewName);
    let renamed: Vec<Person> = renamed.map(|(index, change)| company.person_after(*index, *change)).collect();
    let candidates = LENGTHS.into_iter().zip(usual).filter_map(|((field, length), usual)| {
        let longest = renamed.iter().map(length).max().filter(|longest| *longest > usual)?;
        let people = renamed.iter().filter(|person| length(person) == longest);
        Some((field, longest - 1, people.map(|person| person.user_name.clone()).collect::<Vec<_>>()))
    });
    let Some((field, most, people)) = candidates.min_by_key(|(_, _, people)| people.len()) else {
        return (None, Vec::new());
    };
    let name = field.to_owned();
    let limit = FieldDefinition { name, max_chars: Some(most), allowed: Vec::new(), excess: Excess::Refuse };
    (Some(limit), people)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_company_of_a_thousand_has_200_accounts_and_two_who_do_not_get_in() {
        let setting = Setting::new(1000);
        assert_eq!(setting.existing(), (200, 2));
        let kinds: Vec<RequestKind> = setting.refusals.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [RequestKind::CreatePerson, RequestKind::UpdatePerson]);
        assert!(setting.limit.is_some_and(|limit| limit.max_chars > Some(10)));
    }

    #[test]
    fn a_small_company_begins_with_less() {
        for (people, accounts) in [(1, 0), (2, 1), (30, 15), (399, 199), (400, 200), (5000, 200)] {
            let setting = Setting::new(people);
            assert_eq!(setting.existing().0, accounts, "{people}");
            assert_eq!(setting.accounts.len() as u64, accounts);
        }
        assert_eq!(Setting::new(1).existing(), (0, 0));
    }
}
