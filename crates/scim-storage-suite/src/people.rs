//! People with accounts, and the outbox.

use crate::world::World;
use pollster::block_on;
use scim_directory::{
    Account, AccountState, Change, Content, Event, EventKind, Key, NewRecord, Record, ResourceId, StoredEvent,
};
use scim_storage::Want;
use serde_json::{Value, json};

/// A person to be created, managed by the world's connector.
pub(crate) fn managed(world: &World<'_>, body: &Value) -> NewRecord {
    let mut new = world.new_record("User", body);
    new.content = account(world, new.content, AccountState::Active);
    new
}

/// The same content with an account in that state, managed by the world's connector.
pub(crate) fn account(world: &World<'_>, content: Content, state: AccountState) -> Content {
    let mut account = Account { state, ..Account::default() };
    account.fields.extend(content.display.clone().map(|name| ("UserName".to_owned(), name)));
    Content { managed_by: world.scope.connector, account: Some(Box::new(account)), ..content }
}

/// Creates a managed person who reports to somebody.
pub(crate) fn reporting(world: &World<'_>, user_name: &str, reports_to: Option<&str>) -> Key {
    let mut new = managed(world, &json!({ "userName": user_name }));
    new.content.reports_to = reports_to.map(str::to_owned);
    let key = new.key.clone();
    world.commit(vec![Change::Create(new)]);
    key
}

/// The record with its account.
pub(crate) fn full(world: &World<'_>, key: &Key) -> Record {
    block_on(world.store.get(&world.scope, key, Want::FULL)).expect("a read").expect("the record is there")
}

/// The outbox of the world's instance.
pub(crate) fn outbox(world: &World<'_>) -> Vec<StoredEvent> {
    block_on(world.store.events(&world.scope, None, 1000)).expect("a read").events
}

/// The event that a manager changed, in ids.
pub(crate) fn manager_events(world: &World<'_>) -> Vec<(ResourceId, Value, Value)> {
    let told = |Event { kind, key, before, after }: Event| {
        let id = |value: Option<Value>| {
            value.and_then(|value| value.get("DirectManager").cloned()).unwrap_or_default()
        };
        (kind == EventKind::ManagerChanged).then(|| (key.id, id(before), id(after)))
    };
    outbox(world).into_iter().filter_map(|stored| told(stored.event)).collect()
}
