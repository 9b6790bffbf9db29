//! Which locks a change set takes before it looks at anything.
//!
//! All are PostgreSQL's advisory ones, which end with the transaction and give it no number, and are taken in one order, in
//! the statement that begins it: whoever waits here waits with nothing done. Rows are locked later (see
//! [`crate::commit`]); what rows cannot express is here:
//!
//! - **The instance**, shared by what commutes or meets at rows and unique keys. Whoever changes what conditions are about
//!   (generations, keys), or decides by a sum over many rows (seats, live keys, removals), takes it alone.
//! - **Names.** Who leaves a reference to somebody who is not there yet shares the name with others that do; whoever creates or
//!   changes somebody takes the names that then mean that one. So a reference either finds the person, or is found by it.
//! - **The change set**, so that a second try waits for the first, should that still run at the server.
//! - **An admin key**, which may be of another instance (the server's): shared by whom it lets in, taken by its revocation.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use scim_core::text::Matching;
use scim_directory::{
    AdminChange, AdminKeyChange, Change, ChangeSet, Condition, Content, InstanceId, Key, KeyChange,
};

use crate::sql::{Statement, rows_of};

/// A change set with more names than that takes the instance alone instead: the server's room for locks is bounded.
const MOST_NAMES: usize = 64;

/// So many locks at most are taken by a statement of their own number.
const MOST_KEPT: usize = 6;

/// Takes any number of locks, in the order of the list; no row comes of it.
const TAKE: &str = concat!(
    "SELECT 1 FROM ",
    rows_of!(1 number, 2 alone),
    " AS l WHERE CASE l.alone \
    WHEN 1 THEN pg_advisory_xact_lock(l.number) ELSE pg_advisory_xact_lock_shared(l.number) END IS NULL"
);

/// What a lock is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Instance,
    AdminKey,
    ChangeSet,
    Name,
}

/// Locks by kind and number; whether each is taken alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Locks(BTreeMap<(u8, i64), bool>);

impl Locks {
    /// Those that a change set takes; `alone` where it must be the only one of its instance whatever it holds.
    pub(super) fn of(set: &ChangeSet, alone: bool) -> Self {
        let names = Names::of(set);
        let alone = alone || names.0.len() > MOST_NAMES || is_alone(set);
        let mut locks = Self::default();
        locks.take(Kind::Instance, instance(set.scope.instance), alone);
        locks.take(Kind::ChangeSet, number(Kind::ChangeSet, &[set.id.uuid().as_bytes()]), true);
        if !alone {
            for (name, exclusive) in names.0 {
                let of = set.scope.instance.uuid();
                locks.take(Kind::Name, number(Kind::Name, &[of.as_bytes(), name.as_bytes()]), exclusive);
            }
        }
        for condition in &set.conditions {
            if let Condition::AdminKey(id) = condition {
                locks.take(Kind::AdminKey, number(Kind::AdminKey, &[id.uuid().as_bytes()]), false);
            }
        }
        for change in &set.changes {
            if let Change::Admin(AdminChange::AdminKey(
                AdminKeyChange::Revoke(id) | AdminKeyChange::Rehash(id, _),
            )) = change
            {
                locks.take(Kind::AdminKey, number(Kind::AdminKey, &[id.uuid().as_bytes()]), true);
            }
        }
        locks
    }

    /// Those that several change sets take together.
    pub(super) fn of_all(sets: &[&ChangeSet]) -> Self {
        let mut all = Self::default();
        for set in sets {
            for (lock, alone) in Self::of(set, false).0 {
                *all.0.entry(lock).or_default() |= alone;
            }
        }
        all
    }

    /// Who wants a lock twice gets it alone where one of them does.
    fn take(&mut self, kind: Kind, number: i64, alone: bool) {
        *self.0.entry((kind as u8, number)).or_default() |= alone;
    }

    /// Whether the change set is the only one of its instance that runs.
    pub(super) fn is_alone(&self) -> bool {
        self.0.iter().any(|((kind, _), alone)| *kind == Kind::Instance as u8 && *alone)
    }

    /// The statement that takes them, in order.
    pub(super) fn statement(&self) -> Statement {
        if self.0.len() > MOST_KEPT {
            return Statement::of_postgres(TAKE)
                .integers(self.0.keys().map(|(_, number)| *number).collect())
                .integers(self.0.values().map(|alone| i64::from(*alone)).collect());
        }
        let mut text = String::from("SELECT ");
        for (index, alone) in self.0.values().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let how = if *alone { "" } else { "_shared" };
            // Infallible: a `String` takes all that is written to it.
            let _ = write!(text, "{comma}pg_advisory_xact_lock{how}(${})", index + 1);
        }
        // Those of one person are few, and of few kinds.
        let statement = Statement::of_postgres(text);
        self.0.keys().fold(statement, |statement, (_, number)| statement.integer(*number))
    }
}

/// The names that references have and the names that resources have, as user names compare; `true` for the latter.
#[derive(Default)]
struct Names(BTreeMap<String, bool>);

impl Names {
    fn of(set: &ChangeSet) -> Self {
        let mut names = Self::default();
        for change in &set.changes {
            match change {
                Change::Create(new) => names.meant(&new.key, &new.content, new.external_id.as_deref()),
                Change::Update { key, content, external_id, .. } => {
                    names.meant(key, content, external_id.as_deref());
                }
                Change::Members(members) => {
                    for held in &members.hold {
                        names.add(&held.reference, false);
                    }
                }
                Change::Delete { .. } | Change::Hold(_) | Change::Unhold(_) | Change::Admin(_) => {}
            }
        }
        names
    }

    /// The names by which references find that resource, and the one by which it refers to another.
    fn meant(&mut self, key: &Key, content: &Content, external_id: Option<&str>) {
        self.add(&key.id.to_string(), true);
        let user_names = content.index.iter().filter(|entry| entry.path == crate::read::USER_NAME);
        for entry in user_names {
            self.add(&entry.key, true);
        }
        if let Some(external_id) = external_id {
            self.add(external_id, true);
        }
        if let Some(reference) = &content.reports_to {
            self.add(reference, false);
        }
    }

    fn add(&mut self, name: &str, meant: bool) {
        *self.0.entry(Matching::UserName.key(name).into_owned()).or_default() |= meant;
    }
}

/// The number of an instance's lock.
pub(super) fn instance(id: InstanceId) -> i64 {
    number(Kind::Instance, &[id.uuid().as_bytes()])
}

/// Whether a change set must run alone in its instance.
fn is_alone(set: &ChangeSet) -> bool {
    let sums = |condition: &Condition| {
        matches!(condition, Condition::LiveKeys { .. } | Condition::Removals { .. } | Condition::Seats { .. })
    };
    let decisive = |change: &Change| match change {
        Change::Hold(_) | Change::Unhold(_) => true,
        Change::Admin(change) => match change {
            AdminChange::UpdateInstanceSettings(_)
            | AdminChange::CreateIntegrationUser(_)
            | AdminChange::UpdateIntegrationUser(_)
            | AdminChange::UpdateConnector(_)
            | AdminChange::SaveMapping(_)
            | AdminChange::DecideHeld(..) => true,
            AdminChange::Key(change) => matches!(
                change,
                KeyChange::Issue(_)
                    | KeyChange::Revoke(..)
                    | KeyChange::SetTerms(..)
                    | KeyChange::EndTokens(_)
                    | KeyChange::Rehash(..)
                    | KeyChange::Retire(..)
            ),
            _ => false,
        },
        _ => false,
    };
    set.conditions.iter().any(sums) || set.changes.iter().any(decisive)
}

/// A number for what a lock is on: the same on every node and in every release (FNV-1a). Two that meet by chance only wait for
/// one another.
fn number(kind: Kind, parts: &[&[u8]]) -> i64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    add(kind as u8);
    parts.iter().flat_map(|part| part.iter()).for_each(|byte| add(*byte));
    hash.cast_signed()
}

#[cfg(test)]
mod tests {
    use scim_core::instant::Timestamp;
    use scim_core::resource::IndexEntry;
    use scim_directory::{
        Actor, AdminKeyId, ChangeSetId, ConnectorId, HeldReference, MemberChange, NewRecord, ResourceId,
        Scope,
    };
    use uuid::Uuid;

    use super::*;
    use crate::sql::Bind;

    fn set(changes: Vec<Change>, conditions: Vec<Condition>) -> ChangeSet {
        let instance = InstanceId::new(Uuid::from_u128(1));
        let scope = Scope { instance, connector: Some(ConnectorId::new(Uuid::from_u128(2))) };
        let id = ChangeSetId::new(Uuid::from_u128(3));
        let empty =
            ChangeSet::empty(id, scope, Actor::default(), String::new(), Timestamp::from_unix_millis(0));
        ChangeSet { changes, conditions, ..empty }
    }

    fn name(name: &str) -> i64 {
        number(Kind::Name, &[Uuid::from_u128(1).as_bytes(), name.as_bytes()])
    }

    fn key() -> Key {
        Key { resource_type: "User".into(), id: ResourceId::new(Uuid::from_u128(4)) }
    }

    fn create(user_name: &str, external_id: &str, reports_to: Option<&str>) -> Change {
        let content = Content {
            document: Vec::new(),
            shadow: "{}".to_owned(),
            index: vec![IndexEntry { path: "userName".into(), key: user_name.into(), unique: true }],
            display: None,
            manager: None,
            managed_by: None,
            reports_to: reports_to.map(Into::into),
            account: None,
        };
        Change::Create(NewRecord {
            key: key(),
            content,
            external_id: Some(external_id.to_owned()),
            revives: false,
        })
    }

    fn held(reference: &str) -> Change {
        let hold = vec![HeldReference { reference: reference.to_owned(), kind: None }];
        Change::Members(MemberChange {
            group: key(),
            expected: None,
            add: Vec::new(),
            remove: Vec::new(),
            hold,
            release: Vec::new(),
            release_all: false,
        })
    }

    /// The locks besides that of the change set: kind, number, whether alone.
    fn check(changes: Vec<Change>, conditions: Vec<Condition>, expected: &[(Kind, i64, bool)]) {
        let locks = Locks::of(&set(changes, conditions), false);
        let mut wanted: BTreeMap<(u8, i64), bool> =
            expected.iter().map(|(kind, number, alone)| ((*kind as u8, *number), *alone)).collect();
        wanted
            .insert((Kind::ChangeSet as u8, number(Kind::ChangeSet, &[Uuid::from_u128(3).as_bytes()])), true);
        assert_eq!(locks.0, wanted);
    }

    fn own() -> i64 {
        instance(InstanceId::new(Uuid::from_u128(1)))
    }

    #[test]
    fn who_comes_takes_the_names_that_mean_it() {
        let id = key().id.to_string();
        check(
            vec![create("ada", "E1", Some("Grace"))],
            Vec::new(),
            &[
                (Kind::Instance, own(), false),
                (Kind::Name, name(&id), true),
                (Kind::Name, name("ada"), true),
                (Kind::Name, name("e1"), true),
                (Kind::Name, name("grace"), false),
            ],
        );
    }

    #[test]
    fn references_share_a_name_unless_it_is_taken_too() {
        check(
            vec![held("Ada")],
            Vec::new(),
            &[(Kind::Instance, own(), false), (Kind::Name, name("ada"), false)],
        );
        let id = key().id.to_string();
        check(
            vec![held("ADA"), create("ada", "ada", Some("Ada"))],
            Vec::new(),
            &[(Kind::Instance, own(), false), (Kind::Name, name(&id), true), (Kind::Name, name("ada"), true)],
        );
    }

    #[test]
    fn what_is_decided_by_sums_or_changes_what_others_suppose_is_alone() {
        let at = Timestamp::from_unix_millis(0);
        let seats = Condition::Seats { resource_type: "User".into(), at_most: 3 };
        let removals = Condition::Removals { since: at, below: 3 };
        for condition in [seats, removals] {
            check(Vec::new(), vec![condition], &[(Kind::Instance, own(), true)]);
        }
        let many = (0..=MOST_NAMES).map(|number| held(&format!("p{number}"))).collect();
        check(many, Vec::new(), &[(Kind::Instance, own(), true)]);
        check(Vec::new(), vec![Condition::Generation(1)], &[(Kind::Instance, own(), false)]);
    }

    #[test]
    fn an_admin_key_is_shared_until_it_is_revoked() {
        let id = AdminKeyId::new(Uuid::from_u128(9));
        let lock = number(Kind::AdminKey, &[id.uuid().as_bytes()]);
        let instance = (Kind::Instance, own(), false);
        check(Vec::new(), vec![Condition::AdminKey(id)], &[instance, (Kind::AdminKey, lock, false)]);
        let revoke = Change::Admin(AdminChange::AdminKey(AdminKeyChange::Revoke(id)));
        check(vec![revoke], vec![Condition::AdminKey(id)], &[instance, (Kind::AdminKey, lock, true)]);
    }

    #[test]
    fn locks_are_taken_in_one_order() {
        let locks = Locks(BTreeMap::from([((1, 5), true), ((0, 7), false), ((3, -9), false)]));
        assert_eq!(
            locks.statement().numbered(),
            "SELECT pg_advisory_xact_lock_shared($1), pg_advisory_xact_lock($2), pg_advisory_xact_lock_shared($3)"
        );
        assert_eq!(locks.statement().binds(), [7, 5, -9].map(Bind::Integer));
        let locks = Locks::of_all(&[
            &set(vec![create("a", "b", None)], Vec::new()),
            &set(vec![held("a")], Vec::new()),
        ]);
        let numbers: Vec<i64> = locks.0.keys().map(|(_, number)| *number).collect();
        assert!(locks.0.keys().is_sorted());
        assert_eq!(locks.0.get(&(Kind::Name as u8, name("a"))), Some(&true), "who takes one alone has it");
        let many = Locks((0..9).map(|number| ((3, number), number == 2)).collect());
        let alone = (0..9).map(|number| i64::from(number == 2)).collect();
        assert_eq!(many.statement().binds(), [Bind::Integers((0..9).collect()), Bind::Integers(alone)]);
        assert_eq!(numbers.len(), 5);
    }

    #[test]
    fn numbers_are_those_of_every_release() {
        assert_eq!(own(), 5_618_887_047_209_522_668);
    }
}
