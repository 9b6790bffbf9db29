//! Created, picked up, changed, suspended, brought back, deleted.

use scim_directory::{
    AccessRole, AccountState, Action, Change, Condition, ConnectorId, EventKind, Excess, FieldDefinition,
    InstanceSettings, LogStatus, NameScope, Profile, Tombstone, Version,
};
use scim_lifecycle::{Edit, Existing, Facts, Import};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{NOW, World, account, ada, document, record_of, refusal};

fn actions(decision: &scim_lifecycle::Decision) -> Vec<Action> {
    decision.log.iter().map(|record| record.action).collect()
}

fn events(decision: &scim_lifecycle::Decision) -> Vec<EventKind> {
    decision.events.iter().map(|event| event.kind).collect()
}

#[test]
fn a_new_person_has_an_account_by_the_mapping() {
    let world = World::new();
    let decision = world.created(ada(), &Existing::Nobody).expect("created");
    let record = record_of(&decision);
    assert_eq!(record.managed_by, Some(world.connector.id));
    let account = account(&record);
    assert_eq!(account.state, AccountState::Active);
    for (field, value) in [
        ("UserName", "ada@acme.example"),
        ("DisplayName", "Ada Lovelace"),
        ("Email", "ada@acme.example"),
        ("FirstName", "Ada"),
        ("LastName", "Lovelace"),
        ("OfficePhone", "1"),
        ("MobilePhone", "2"),
        ("ScimSyncJobTitle", "Engineer"),
    ] {
        assert_eq!(account.field(field), Some(value), "{field}");
    }
    assert_eq!(account.field("Department"), None, "no row of the default mapping fills it");
    assert_eq!(account.access_role, None);
    let Some(Change::Create(new)) = decision.changes.first() else { panic!("{decision:?}") };
    assert_eq!(new.content.reports_to.as_deref(), Some("charles@acme.example"));
    assert_eq!(actions(&decision), [Action::Created]);
    assert_eq!(events(&decision), [EventKind::AccountCreated], "nobody is invited");
    assert!(decision.conditions.contains(&Condition::Generation(7)));
    let (stamp, _) = account.provenance.of("Email").expect("known");
    assert_eq!(stamp.connector, Some(world.connector.id));
}

#[test]
fn a_change_touches_only_what_the_changed_attributes_fill() {
    let world = World::new();
    let mut record = world.person(ada());
    let account_before = record.account.get_or_insert_default();
    account_before.fields.insert("Department".to_owned(), "kept by the application".to_owned());
    let facts = Facts::default();
    let change = |attributes: &mut serde_json::Map<String, Value>| {
        attributes.insert("title".to_owned(), "Manager".into());
        attributes.remove("phoneNumbers");
    };
    let decision = world.changed(&world.connector, &record, change, &facts).expect("changed");
    let after = record_of(&decision);
    assert_eq!(account(&after).field("ScimSyncJobTitle"), Some("Manager"));
    assert_eq!(account(&after).field("OfficePhone"), None, "what is cleared is cleared");
    assert_eq!(account(&after).field("Department"), Some("kept by the application"));
    assert_eq!(account(&after).field("Email"), Some("ada@acme.example"));
    let log = decision.log.first().expect("a record");
    let changed: Vec<_> = log.fields.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(changed, ["MobilePhone", "OfficePhone", "ScimSyncJobTitle"]);
    assert_eq!(events(&decision), [EventKind::AccountChanged]);
}

#[test]
fn nothing_happens_where_nothing_changes() {
    let world = World::new();
    let record = world.person(ada());
    let decision = world.changed(&world.connector, &record, |_| {}, &Facts::default()).expect("nothing");
    assert!(decision.is_empty());
}

#[test]
fn suspension_ends_sessions_and_reactivation_gives_the_same_account_back() {
    let world = World::new();
    let record = world.person(ada());
    let suspend = |attributes: &mut serde_json::Map<String, Value>| {
        attributes.insert("active".to_owned(), false.into());
    };
    let decision = world.changed(&world.connector, &record, suspend, &Facts::default()).expect("suspended");
    assert_eq!(actions(&decision), [Action::Suspended]);
    assert_eq!(events(&decision), [EventKind::AccountSuspended, EventKind::SessionsEnded]);
    let suspended = record_of(&decision);
    assert_eq!(account(&suspended).state, AccountState::Suspended);
    assert_eq!(account(&suspended).sessions_valid_after, Some(NOW));
    // Clearing `active` unlocks nobody.
    let clear = |attributes: &mut serde_json::Map<String, Value>| {
        attributes.remove("active");
    };
    let decision = world.changed(&world.connector, &suspended, clear, &Facts::default()).expect("cleared");
    assert_eq!(account(&record_of(&decision)).state, AccountState::Suspended);
    assert_eq!(actions(&decision), [Action::Updated]);
    let activate = |attributes: &mut serde_json::Map<String, Value>| {
        attributes.insert("active".to_owned(), true.into());
    };
    let decision = world.changed(&world.connector, &suspended, activate, &Facts::default()).expect("active");
    assert_eq!(actions(&decision), [Action::Reactivated]);
    assert_eq!(account(&record_of(&decision)).fields, account(&record).fields);
}

#[test]
fn only_the_connector_that_manages_may_lock_out_and_delete() {
    let world = World::new();
    let record = world.person(ada());
    let mut other = world.connector.clone();
    other.id = ConnectorId::new(Uuid::from_u128(3));
    let suspend = |attributes: &mut serde_json::Map<String, Value>| {
        attributes.insert("active".to_owned(), false.into());
    };
    let refused = refusal(world.changed(&other, &record, suspend, &Facts::default()));
    assert_eq!((refused.status, refused.code), (403, "managed_elsewhere"));
    let deleted = world
        .on(Some(&other), |on| scim_lifecycle::delete(on, &Facts::default(), world.user(), &record, None));
    assert_eq!(refusal(deleted).status, 403);
    let retitle = |attributes: &mut serde_json::Map<String, Value>| {
        attributes.insert("title".to_owned(), "Boss".into());
    };
    assert!(world.changed(&other, &record, retitle, &Facts::default()).is_ok(), "fields: the last writer");
}

#[test]
fn an_existing_account_is_picked_up_with_what_was_not_sent() {
    let world = World::new();
    let record = world.unmanaged(ada(), &[("Department", "Mathematics")]);
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "ADA@acme.example", "externalId": "9", "title": "Countess"
    });
    let existing = Existing::Unmanaged(Box::new(record.clone()));
    let decision = world.created(body, &existing).expect("picked up");
    let after = record_of(&decision);
    assert_eq!((after.key.id, after.managed_by), (record.key.id, Some(world.connector.id)));
    assert_eq!(after.external_id.as_deref(), Some("9"));
    assert_eq!(account(&after).field("ScimSyncJobTitle"), Some("Countess"));
    assert_eq!(account(&after).field("FirstName"), Some("Ada"));
    assert_eq!(account(&after).field("Department"), Some("Mathematics"));
    assert_eq!(document(&after).text("displayName"), Some("Ada Lovelace"));
    assert_eq!(actions(&decision), [Action::PickedUp, Action::Updated]);
}

#[test]
fn a_filter_picks_up_without_changing_anything() {
    let world = World::new();
    let record = world.unmanaged(ada(), &[]);
    let resource = document(&record);
    let decision =
        world.on(Some(&world.connector), |on| scim_lifecycle::pick_up(on, world.user(), &record, &resource));
    let after = record_of(&decision);
    assert_eq!(after.managed_by, Some(world.connector.id));
    assert_eq!((after.account, after.document), (record.account.clone(), record.document.clone()));
    assert_eq!(actions(&decision), [Action::PickedUp]);
    let managed = world.person(ada());
    let nothing =
        world.on(Some(&world.connector), |on| scim_lifecycle::pick_up(on, world.user(), &managed, &resource));
    assert!(nothing.is_empty());
}

#[test]
fn locking_out_an_unmanaged_account_is_never_refused() {
    let world = World::with(InstanceSettings::default(), Profile::EmailUsername.connector_settings());
    let mut record = World::new().unmanaged(
        json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "no.mail" }),
        &[],
    );
    record.managed_by = None;
    let mut connector = world.connector.clone();
    connector.settings.guard = None;
    let suspend = |attributes: &mut serde_json::Map<String, Value>| {
        attributes.insert("active".to_owned(), false.into());
    };
    let decision = world.changed(&connector, &record, suspend, &Facts::default()).expect("suspended");
    assert_eq!(actions(&decision), [Action::PickedUp, Action::Suspended]);
    let decision = world
        .on(Some(&connector), |on| scim_lifecycle::delete(on, &Facts::default(), world.user(), &record, None))
        .expect("deleted");
    assert_eq!(actions(&decision), [Action::PickedUp, Action::Deleted]);
}

#[test]
fn a_deleted_person_comes_back_under_the_old_id() {
    let world = World::new();
    let mut record = world.person(ada());
    record.account.get_or_insert_default().fields.insert("Department".to_owned(), "Mathematics".to_owned());
    let tombstone = Tombstone {
        key: record.key.clone(),
        at: NOW,
        version: Version(4),
        created: NOW,
        display: record.display.clone(),
        managed_by: record.managed_by,
        account: record.account.clone(),
    };
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "ada.king@acme.example", "externalId": "7"
    });
    let decision = world.created(body, &Existing::Deleted(Box::new(tombstone))).expect("restored");
    let Some(Change::Create(new)) = decision.changes.first() else { panic!("{decision:?}") };
    assert!(new.revives);
    assert_eq!(new.key.id, record.key.id);
    let after = record_of(&decision);
    assert_eq!(account(&after).field("UserName"), Some("ada.king@acme.example"));
    assert_eq!(account(&after).field("Department"), Some("Mathematics"), "no row of the mapping touches it");
    assert_eq!(account(&after).field("FirstName"), None, "the body replaces the document");
    assert_eq!(account(&after).state, AccountState::Active);
    assert_eq!(
        account(&after).sessions_valid_after,
        Some(NOW),
        "sessions from before the deletion stay ended"
    );
    assert_eq!(actions(&decision), [Action::Restored]);
}

#[test]
fn integration_users_are_never_matched() {
    let world = World::new();
    let body =
        json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "Integration" });
    let refused = refusal(world.created(body, &Existing::Nobody));
    assert_eq!((refused.status, refused.code), (409, "uniqueness"));
}

#[test]
fn the_email_profile_requires_its_values() {
    let world = World::with(InstanceSettings::default(), Profile::EmailUsername.connector_settings());
    let without = |name: &str| {
        let mut body = ada();
        match name {
            "familyName" => body["name"].as_object_mut().and_then(|parts| parts.remove("familyName")),
            other => body.as_object_mut().and_then(|parts| parts.remove(other)),
        };
        refusal(world.created(body, &Existing::Nobody))
    };
    let refused = without("familyName");
    assert_eq!((refused.status, refused.code), (400, "required"));
    assert!(refused.detail.contains("name.familyName") && refused.detail.contains("LastName"), "{refused:?}");
    assert!(without("emails").detail.contains("Email"));
    let mut other = ada();
    other["userName"] = "ada".into();
    assert_eq!(refusal(world.created(other, &Existing::Nobody)).code, "user_name_is_email");
    let mut case = ada();
    case["userName"] = "Ada@ACME.example".into();
    assert!(world.created(case, &Existing::Nobody).is_ok());
}

#[test]
fn roles_become_the_access_role_within_the_ceiling() {
    let world = World::with(InstanceSettings::default(), Profile::EmailUsername.connector_settings());
    let with = |roles: Value| {
        let mut body = ada();
        body["roles"] = roles;
        let decision = world.created(body, &Existing::Nobody).expect("created");
        let status = decision.log.first().map(|record| record.status);
        (account(&record_of(&decision)).access_role, status)
    };
    assert_eq!(with(json!([{ "value": "EnterpriseAdmin" }])).0, Some(AccessRole::EnterpriseAdmin));
    assert_eq!(with(json!([{ "value": "ReadOnly" }, { "value": "Admin" }])).0, Some(AccessRole::Admin));
    assert_eq!(with(json!([{ "value": "Auditor" }])), (None, Some(LogStatus::Warning)));
    assert_eq!(with(json!([])), (None, Some(LogStatus::Success)));
}

#[test]
fn field_limits_and_seats_are_checked_before_anything_is_written() {
    let settings = InstanceSettings {
        seats: Some(3),
        user_names: NameScope::Server,
        fields: vec![FieldDefinition {
            name: "FirstName".to_owned(),
            max_chars: Some(2),
            allowed: Vec::new(),
            excess: Excess::Refuse,
        }],
        ..InstanceSettings::default()
    };
    let world = World::with(settings, Profile::Standard.connector_settings());
    let refused = refusal(world.created(ada(), &Existing::Nobody));
    assert_eq!((refused.status, refused.code), (400, "field_too_long"));
    assert!(refused.detail.contains("name.givenName") && refused.detail.contains("FirstName"), "{refused:?}");
    let mut body = ada();
    body["name"]["givenName"] = "Al".into();
    let decision = world.created(body, &Existing::Nobody).expect("created");
    assert_eq!(decision.realm.as_deref(), Some("server"));
    assert!(
        decision.conditions.iter().any(|condition| matches!(condition, Condition::Seats { at_most: 3, .. }))
    );
}

#[test]
fn an_edit_in_the_application_shows_over_scim() {
    let world = World::new();
    let record = world.person(ada());
    let before = document(&record);
    let edited = Edit {
        fields: [
            ("FirstName".to_owned(), Some("Augusta".to_owned())),
            ("MobilePhone".to_owned(), None),
            ("Department".to_owned(), Some("Analytics".to_owned())),
        ]
        .into(),
        ..Edit::default()
    };
    let decision = world
        .on(None, |on| scim_lifecycle::edit(on, &Facts::default(), world.user(), &record, &before, &edited))
        .expect("edited");
    let after = record_of(&decision);
    let shown = document(&after);
    assert_eq!(shown.attributes()["name"]["givenName"], "Augusta");
    let phones = shown.attributes()["phoneNumbers"].as_array().cloned().unwrap_or_default();
    assert!(phones.iter().all(|phone| phone["type"] != "mobile"), "{phones:?}");
    assert_eq!(account(&after).field("Department"), Some("Analytics"));
    assert_eq!(after.managed_by, record.managed_by);
    let wrong = Edit { fields: [("JobTitle".to_owned(), Some("x".to_owned()))].into(), ..Edit::default() };
    let refused = world
        .on(None, |on| scim_lifecycle::edit(on, &Facts::default(), world.user(), &record, &before, &wrong));
    assert_eq!(refusal(refused).code, "field_type");
}

#[test]
fn an_imported_account_is_unmanaged_and_visible() {
    let world = World::new();
    let fields = [("UserName", "grace"), ("Email", "grace@acme.example"), ("LastName", "Hopper")];
    let import = Import {
        id: world.id(),
        fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        state: AccountState::Active,
        access_role: Some(AccessRole::User),
        manager: None,
    };
    let decision = world.on(None, |on| scim_lifecycle::import(on, world.user(), import)).expect("imported");
    let record = record_of(&decision);
    assert_eq!(record.managed_by, None);
    let shown = document(&record);
    assert_eq!(shown.text("userName"), Some("grace"));
    assert_eq!(shown.attributes()["emails"][0]["value"], "grace@acme.example");
    assert_eq!(shown.attributes()["emails"][0]["type"], "work");
    assert_eq!(shown.attributes()["active"], true);
}

#[test]
fn applying_again_clears_only_what_a_mapping_set() {
    let world = World::new();
    let mut record = world.person(ada());
    let resource = document(&record);
    let again = |record: &scim_directory::Record| {
        world
            .on(None, |on| scim_lifecycle::reapply(on, &Facts::default(), world.user(), record, &resource))
            .expect("decided")
    };
    assert!(again(&record).is_empty(), "all is as it should be");
    let account_now = record.account.get_or_insert_default();
    account_now.fields.insert("FirstName".to_owned(), "Augusta".to_owned());
    account_now.fields.insert("Department".to_owned(), "Analytics".to_owned());
    let after = record_of(&again(&record));
    assert_eq!(account(&after).field("FirstName"), Some("Ada"));
    assert_eq!(account(&after).field("Department"), Some("Analytics"));
}

#[test]
fn a_row_may_use_the_external_id() {
    let mut world = World::new();
    let rows = serde_json::json!({ "rows": [
        { "field": "EmployeeNumber", "source": { "attribute": "externalId" } },
    ] });
    world.save_mapping(&rows);
    let record = world.person(ada());
    assert_eq!(account(&record).field("EmployeeNumber"), Some("7"));
}
