//! Imports over the in-memory backend: where a run is broken off and begun again, nothing is lost and nothing comes twice.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;

use pollster::block_on;
use proptest::prelude::*;
use scim_core::schema::Registry;
use scim_directory::{
    ImportId, ImportKind, ImportRecord, ImportState, Instance, InstanceSettings, NameScope, RejectedLine,
};
use scim_provider::admin::import::{
    ColumnMap, ImportBegan, ImportEnd, ImportObserver, ImportOptions, ImportOutcome, ImportedLine,
};
use scim_provider::admin::{Admin, AdminError};
use scim_storage::{MemoryStore, Store};

use crate::races::Meddled;
use crate::support::Clock;

/// Breaks off after so many bytes.
struct Cut<'a> {
    bytes: &'a [u8],
    left: usize,
}

impl Read for Cut<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let most = self.left.min(into.len()).min(7);
        if most == 0 && !self.bytes.is_empty() {
            return Err(std::io::Error::other("cut"));
        }
        let read = self.bytes.read(into.get_mut(..most).expect("shorter"))?;
        self.left -= read;
        Ok(read)
    }
}

/// What was told of each line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Told(BTreeMap<u64, Vec<String>>);

impl ImportObserver for Told {
    fn line(&mut self, line: &ImportedLine<'_>) {
        let word = match line.outcome {
            ImportOutcome::Imported => "imported".to_owned(),
            ImportOutcome::There => "there".to_owned(),
            ImportOutcome::Rejected(reason) => format!("{}: {reason}", line.key.unwrap_or("?")),
        };
        self.0.entry(line.line).or_default().push(word);
    }
}

struct World {
    admin: Admin,
    instance: Instance,
}

impl World {
    fn new() -> Self {
        Self::over(Arc::new(MemoryStore::new()), InstanceSettings::default())
    }

    fn over(store: Arc<dyn Store>, settings: InstanceSettings) -> Self {
        let admin = Admin::new(store, Arc::new(Clock::default()), Registry::builtin());
        let instance = block_on(admin.instance_create("acme", settings)).expect("created").instance;
        Self { admin, instance }
    }

    fn import(&self, input: impl Read, options: &ImportOptions) -> Result<(ImportEnd, Told), AdminError> {
        let mut told = Told::default();
        let input: Box<dyn BufRead + '_> = Box::new(BufReader::with_capacity(11, input));
        let ended = block_on(self.admin.import(&self.instance, input, options, &mut told))?;
        Ok((ended, told))
    }

    #[track_caller]
    fn whole(&self, file: &str, options: &ImportOptions) -> (ImportEnd, Told) {
        self.import(file.as_bytes(), options).expect("imported")
    }

    fn accounts(&self) -> Vec<String> {
        let page = block_on(self.admin.account_page(&self.instance, None, 10_000)).expect("a page");
        let names = page.records.iter().map(|record| {
            let account = record.account.as_ref().expect("an account");
            account.field("UserName").expect("a user name").to_owned()
        });
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    fn members(&self, group: &str) -> usize {
        let group = block_on(self.admin.group_named(&self.instance, group)).expect("a group");
        block_on(self.admin.group_members(&self.instance, group.key.id)).expect("members").0.len()
    }

    fn groups(&self) -> usize {
        block_on(self.admin.group_page(&self.instance, None, 1000)).expect("a page").records.len()
    }

    fn kept(&self, id: &str) -> (Option<ImportRecord>, Vec<RejectedLine>) {
        let id: ImportId = id.parse().expect("an id");
        let kept = block_on(self.admin.import_of(&self.instance, &id)).expect("read");
        (kept, block_on(self.admin.import_rejected(&self.instance, &id, None, 1000)).expect("read"))
    }
}

fn options(kind: ImportKind, id: Option<&str>, batch: usize) -> ImportOptions {
    ImportOptions { id: id.map(|id| id.parse().expect("an id")), batch, ..ImportOptions::new(kind) }
}

fn counts(ended: &ImportEnd) -> (u64, u64, u64) {
    (ended.import.imported, ended.import.there, ended.import.rejected)
}

fn accounts(id: Option<&str>, batch: usize) -> ImportOptions {
    options(ImportKind::Accounts, id, batch)
}

const PEOPLE: &str = "UserName,Email,State\nada,ada@x.example,active\n,nobody@x.example,\nAda,twice@x.example,\n\
    \"grace\nhopper\",g@x.example,\nlin,l@x.example,gone\n\nmira,m@x.example,suspended\nnoor,n,\nolu,o,\n";

#[test]
fn each_line_is_told_of_once() {
    let world = World::new();
    let (ended, told) = world.whole(PEOPLE, &accounts(Some("a"), 2));
    assert_eq!((counts(&ended), ended.began), ((5, 1, 2), ImportBegan::AtTheBeginning));
    let (kept, rejected) = world.kept("a");
    assert_eq!(kept.as_ref(), Some(&ended.import));
    assert_eq!((ended.import.state, ended.import.lines), (ImportState::Done, 11));
    assert_eq!(rejected.iter().map(|line| line.line).collect::<Vec<_>>(), [3, 7]);
    assert_eq!(rejected.last().and_then(|line| line.key.as_deref()), Some("lin"));
    assert_eq!(told.0.keys().copied().collect::<Vec<_>>(), [2, 3, 4, 5, 7, 9, 10, 11]);
    assert!(told.0.values().all(|words| words.len() == 1), "{told:?}");
}

#[test]
fn what_is_done_stays_done() {
    let world = World::new();
    let first = world.whole(PEOPLE, &accounts(Some("a"), 3));
    let (again, told) = world.whole(PEOPLE, &accounts(Some("a"), 3));
    assert_eq!((&again.import, again.began), (&first.0.import, ImportBegan::AtTheEnd));
    assert_eq!(told.0.len(), 2, "the report of rejected lines once more: {told:?}");
    let anew = ImportOptions { again: true, ..accounts(Some("a"), 3) };
    let (anew, told) = world.whole(PEOPLE, &anew);
    assert_eq!((counts(&anew), told.0.len()), ((0, 6, 2), 8));
    assert_eq!(world.kept("a").1.len(), 2);
    assert_eq!(world.accounts().len(), 5);
    let other = world.import("Group,Member\n".as_bytes(), &options(ImportKind::Memberships, Some("a"), 3));
    assert!(matches!(other, Err(AdminError::Taken(_))), "an id is of one kind");
}

#[test]
fn a_dry_run_says_what_a_run_does() {
    let world = World::new();
    let dry = ImportOptions { dry_run: true, ..accounts(None, 2) };
    let (rehearsed, said) = world.whole(PEOPLE, &dry);
    assert_eq!((world.accounts().len(), world.kept("a").0), (0, None));
    let (done, told) = world.whole(PEOPLE, &accounts(None, 2));
    assert_eq!((counts(&rehearsed), said), (counts(&done), told));
}

#[test]
fn seats_and_names_of_others_reject_their_line_alone() {
    let settings =
        InstanceSettings { seats: Some(3), user_names: NameScope::Server, ..InstanceSettings::default() };
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let world = World::over(Arc::clone(&store), settings.clone());
    let elsewhere = block_on(world.admin.instance_create("other", settings)).expect("created").instance;
    let elsewhere = World { instance: elsewhere, admin: world.admin.clone() };
    elsewhere.whole("UserName\np2\n", &accounts(None, 10));
    let file = "UserName,State\np1,\np2,\np3,suspended\np4,\np5,\np6,\n";
    for dry_run in [true, false] {
        let (ended, told) = world.whole(file, &ImportOptions { dry_run, ..accounts(None, 2) });
        assert_eq!(counts(&ended), (4, 0, 2), "{told:?}");
        assert!(told.0[&3][0].contains("in use on this server"), "{told:?}");
        assert!(told.0[&7][0].contains("seats"), "{told:?}");
    }
}

#[test]
fn who_comes_in_between_is_found() {
    let store = Arc::new(Meddled::default());
    let world = World::over(Arc::clone(&store) as Arc<dyn Store>, InstanceSettings::default());
    let other = world.admin.clone();
    let instance = world.instance.clone();
    store.meddle(move || {
        let how = accounts(None, 10);
        block_on(other.import(&instance, "UserName\np4\n".as_bytes(), &how, &mut ())).expect("imported");
    });
    let file: String = (0..10).map(|number| format!("p{number}\n")).collect();
    let (ended, told) = world.whole(&format!("UserName\n{file}"), &accounts(Some("a"), 5));
    assert_eq!(counts(&ended), (9, 1, 0), "{told:?}");
    assert_eq!(told.0[&6], ["there"]);
    assert_eq!(world.accounts().len(), 10);
}

#[test]
fn two_runs_of_one_import_do_not_both_go_on() {
    let store = Arc::new(Meddled::default());
    let world = World::over(Arc::clone(&store) as Arc<dyn Store>, InstanceSettings::default());
    let (other, instance) = (world.admin.clone(), world.instance.clone());
    store.meddle(move || {
        let same = accounts(Some("a"), 5);
        block_on(other.import(&instance, PEOPLE.as_bytes(), &same, &mut ())).expect("imported");
    });
    let late = world.import(PEOPLE.as_bytes(), &accounts(Some("a"), 5));
    assert!(matches!(&late, Err(AdminError::Taken(reason)) if reason.contains("somebody else")), "{late:?}");
    assert_eq!(world.kept("a").0.map(|import| import.imported), Some(5));
}

#[test]
fn settings_that_change_meanwhile_hold_for_what_follows() {
    let store = Arc::new(Meddled::default());
    let world = World::over(Arc::clone(&store) as Arc<dyn Store>, InstanceSettings::default());
    let (other, instance) = (world.admin.clone(), world.instance.clone());
    store.meddle(move || {
        block_on(other.integration_user_create(&instance, "p3", scim_directory::Privilege::LiteAdmin, None))
            .expect("created");
    });
    let (ended, told) = world.whole("UserName\np1\np2\np3\np4\n", &accounts(Some("a"), 2));
    assert_eq!(counts(&ended), (3, 0, 1), "{told:?}");
    assert!(told.0[&4][0].contains("integration user"), "{told:?}");
}

#[test]
fn groups_and_memberships() {
    let world = World::new();
    world.whole("UserName\np1\np2\np3\np4\np5\np6\np7\n", &accounts(None, 10));
    let groups = "{\"DisplayName\":\"All\",\"Members\":[\"p1\",\"P1\",\"p2\",\"p3\",\"p4\",\"p5\",\"p6\",\"p7\"]}\n\
        {\"DisplayName\":\"Some\",\"Members\":\"p1; p2\"}\n{\"DisplayName\":\"all\"}\n{\"DisplayName\":\"X\",\"Members\":[\"p1\",\"nobody\"]}\n\
        {\"DisplayName\":\"Y\",\"Members\":[1]}\n{\"Members\":[]}\n{\"DisplayName\":\"None\"}";
    for dry_run in [true, false] {
        let how = ImportOptions { dry_run, ..options(ImportKind::Groups, Some("g"), 3) };
        let (ended, told) = world.whole(groups, &how);
        assert_eq!(counts(&ended), (3, 1, 3), "{told:?}");
        assert!(told.0[&4][0].contains("\"nobody\""), "{told:?}");
    }
    assert_eq!((world.members("All"), world.members("Some"), world.members("None")), (7, 2, 0));
    assert_eq!(world.groups(), 3);
    let memberships =
        "Member,Group\np3,some\np3,Some\np1,SOME\np4,Some\nnobody,Some\np1,Nowhere\n,Some\np5,\np1,None\n";
    for dry_run in [true, false] {
        let how = ImportOptions { dry_run, ..options(ImportKind::Memberships, Some("m"), 3) };
        let (ended, told) = world.whole(memberships, &how);
        assert_eq!(counts(&ended), (3, 2, 4), "{told:?}");
    }
    assert_eq!((world.members("Some"), world.members("None")), (4, 1));
}

#[test]
fn columns_that_mean_nothing_are_named() {
    let world = World::new();
    let check = |header: &str, map: &[&str], ignored: &[&str], told: Option<&str>| {
        let text = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let columns = ColumnMap::new(&text(map), &text(ignored));
        let ended = columns.and_then(|columns| {
            let how = ImportOptions { columns, dry_run: true, ..accounts(None, 10) };
            world.import(format!("{header}\nada,x\n").as_bytes(), &how)
        });
        match (ended, told) {
            (Ok((ended, _)), None) => assert_eq!(ended.import.imported, 1, "{header}"),
            (Err(AdminError::Invalid(reason)), Some(told)) => assert!(reason.contains(told), "{reason}"),
            (other, _) => panic!("{header}: {other:?}"),
        }
    };
    check("Login,Mail", &["login=UserName", "Mail=Email"], &[], None);
    check("Login,Shoe", &["Login=UserName"], &["shoe"], None);
    check("UserName,rejected_line", &[], &[], None);
    check("UserName,Shoe", &[], &[], Some("Shoe"));
    check("Login,Email", &[], &[], Some("Login"));
    check("Email,LastName", &[], &[], Some("UserName"));
    check("UserName,Email", &["Mail=Email"], &[], Some("Mail"));
    check("UserName,Email", &["Email=Shoe"], &[], Some("field add"));
    check("UserName,user_name", &[], &[], Some("two columns"));
    check("UserName,Email", &["Email"], &[], Some("COLUMN=FIELD"));
    check("UserName,Email", &["Email=Email"], &["email"], Some("twice"));
}

fn cells() -> impl Strategy<Value = String> {
    let cell = prop_oneof![
        "[a-d]{1,2}",
        Just(String::new()),
        Just("active".to_owned()),
        Just("\"x\ny\"".to_owned()),
        Just("\"stray".to_owned()),
        Just("\u{0}".to_owned())
    ];
    let line = proptest::collection::vec(cell, 1..4).prop_map(|cells| cells.join(","));
    proptest::collection::vec(line, 0..24)
        .prop_map(|lines| format!("UserName,State,Email\n{}\n", lines.join("\n")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// An import that is broken off anywhere, however often, and begun again comes to what one run comes to.
    #[test]
    fn broken_off_and_begun_again_is_one_run(file in cells(), batch in 1_usize..5, cuts in proptest::collection::vec(0_usize..400, 0..4)) {
        let (once, often) = (World::new(), World::new());
        let (expected, told) = once.whole(&file, &accounts(Some("a"), batch));
        let mut done = Told::default();
        for cut in cuts {
            let input = Cut { bytes: file.as_bytes(), left: cut };
            let mut heard = Told::default();
            let how = accounts(Some("a"), batch);
            let _ = block_on(often.admin.import(&often.instance, BufReader::new(input), &how, &mut heard));
            done.0.extend(heard.0);
        }
        let (ended, heard) = often.whole(&file, &accounts(Some("a"), batch));
        done.0.extend(heard.0);
        prop_assert_eq!(counts(&ended), counts(&expected));
        prop_assert_eq!(often.accounts(), once.accounts());
        prop_assert_eq!(often.kept("a").1, once.kept("a").1);
        prop_assert_eq!(done, told);
    }

    /// A long group that is broken off between its parts has each member once in the end.
    #[test]
    fn long_groups_go_on_within_their_line(members in 0_usize..12, batch in 1_usize..4, commits in 0_usize..14) {
        let store = Arc::new(Meddled::default());
        let world = World::over(Arc::clone(&store) as Arc<dyn Store>, InstanceSettings::default());
        let people: String = (0..12).map(|number| format!("p{number}\n")).collect();
        world.whole(&format!("UserName\n{people}"), &accounts(None, 50));
        let list: Vec<_> = (0..members).map(|number| format!("p{number}")).collect();
        let file = format!("DisplayName,Members\nA,{0}\nB,p1\nC,{0}\n", list.join(";"));
        let how = options(ImportKind::Groups, Some("g"), batch);
        store.let_through(Some(commits));
        let _ = world.import(file.as_bytes(), &how);
        store.let_through(None);
        let (ended, _) = world.whole(&file, &how);
        prop_assert_eq!(counts(&ended), (3, 0, 0));
        prop_assert_eq!((world.members("A"), world.members("B"), world.members("C")), (members, 1, members));
        prop_assert_eq!(world.groups(), 3);
    }

    /// Whatever a file holds is an outcome, never a panic.
    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(prop_oneof![Just(b'"'), Just(b'\n'), Just(b','), Just(b'{'), Just(0), any::<u8>()], 0..200), kind in 0_usize..3) {
        let world = World::new();
        let kind = [ImportKind::Accounts, ImportKind::Groups, ImportKind::Memberships][kind];
        let _ = world.import(bytes.as_slice(), &options(kind, None, 3));
        let mut file = b"UserName,DisplayName\n".to_vec();
        file.extend(&bytes);
        let _ = world.import(file.as_slice(), &options(ImportKind::Accounts, Some("a"), 3));
    }
}
