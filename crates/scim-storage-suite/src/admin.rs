//! Instances, connectors, integration users, keys, secrets.

use pollster::block_on;
use scim_core::instant::Timestamp;
use scim_directory::{
    AdminChange, Change, Connector, ConnectorId, ConnectorSettings, DialectName, Instance, InstanceId,
    InstanceSettings, IntegrationUser, IntegrationUserId, KeptSecret, KeyChange, KeyId, KeyRecord, KeyTerms,
    Privilege, Revocation, Scope,
};
use scim_storage::{CommitError, Door, KeyContext, ServerAnswer, ServerQuestion, Store};

use crate::world::{BEGINNING, World, is_conflict, is_duplicate};

fn scope(instance: InstanceId) -> Scope {
    Scope { instance, connector: None }
}

fn instance(world: &World<'_>, name: &str) -> Instance {
    Instance {
        id: InstanceId::new(world.uuid()),
        name: name.to_owned(),
        created: world.now(),
        settings: InstanceSettings::default(),
        generation: 1,
    }
}

fn connector(world: &World<'_>, instance: InstanceId, name: &str) -> Connector {
    Connector {
        id: ConnectorId::new(world.uuid()),
        instance,
        name: name.to_owned(),
        created: world.now(),
        dialect: DialectName::Strict,
        keep_passwords: true,
        settings: ConnectorSettings::default(),
    }
}

fn user(world: &World<'_>, instance: InstanceId, name: &str) -> IntegrationUser {
    IntegrationUser {
        id: IntegrationUserId::new(world.uuid()),
        instance,
        name: name.to_owned(),
        privilege: Privilege::LiteAdmin,
        suspended: false,
        email: None,
    }
}

/// A whole instance, made in one change set.
fn made(world: &World<'_>, name: &str) -> (KeyContext, Vec<Change>) {
    let instance = instance(world, name);
    let connector = connector(world, instance.id, "default");
    let user = user(world, instance.id, "integration");
    let key = key(world, &connector, &user, None);
    let changes = [
        AdminChange::CreateInstance(instance.clone()),
        AdminChange::CreateConnector(connector.clone()),
        AdminChange::CreateIntegrationUser(user.clone()),
        AdminChange::Key(KeyChange::Issue(Box::new(key.clone()))),
    ];
    (KeyContext { key, instance, connector, user }, changes.map(Change::Admin).to_vec())
}

fn key(
    world: &World<'_>,
    connector: &Connector,
    user: &IntegrationUser,
    expires: Option<Timestamp>,
) -> KeyRecord {
    let secret = KeptSecret::Mac {
        pepper: [7; 16],
        mac: std::array::from_fn(|at| u8::try_from(at * 7).unwrap_or_default()),
    };
    let (id, ending) = (KeyId::new(world.uuid()), "abcd".to_owned());
    let terms = KeyTerms { expires, ..KeyTerms::default() };
    KeyRecord::issued(id, connector, user.id, secret, ending, world.now(), terms)
}

/// An answer as it is but for the generations of instances, which have behaviours of their own.
fn ask(world: &World<'_>, question: &ServerQuestion) -> ServerAnswer {
    let first = |instance: &mut Instance| instance.generation = 1;
    let mut answer = world.server(question);
    match &mut answer {
        ServerAnswer::Key(Some(context)) => first(&mut context.instance),
        ServerAnswer::Keys(contexts) => contexts.iter_mut().for_each(|context| first(&mut context.instance)),
        ServerAnswer::Instance(Some(instance)) => first(instance),
        ServerAnswer::Instances(instances) => instances.iter_mut().for_each(first),
        _ => {}
    }
    answer
}

/// What one change set made is found by every question, as it was made, in order.
pub fn what_was_created_is_found(store: &dyn Store) {
    let world = World::new(store);
    let (context, changes) = made(&world, "b");
    let committed = world.commit_in(scope(context.instance.id), changes);
    assert!(committed.effects.iter().all(|effect| effect.version.is_none()));
    let id = context.instance.id;
    let named = |name: &str| ask(&world, &ServerQuestion::InstanceNamed(name.to_owned()));
    assert_eq!(named("b"), ServerAnswer::Instance(Some(context.instance.clone())));
    assert_eq!(named("B"), ServerAnswer::Instance(None), "names are exact");
    let ServerAnswer::Instances(instances) = ask(&world, &ServerQuestion::Instances) else { panic!() };
    let names: Vec<_> = instances.iter().map(|instance| instance.name.as_str()).collect();
    assert_eq!(names, ["b", "first", "second"]);

    let another = connector(&world, id, "another");
    world.commit_in(scope(id), vec![Change::Admin(AdminChange::CreateConnector(another.clone()))]);
    assert_eq!(
        ask(&world, &ServerQuestion::Connectors(id)),
        ServerAnswer::Connectors(vec![another, context.connector.clone()])
    );
    let asked = ServerQuestion::Connector(id, context.connector.id);
    assert_eq!(ask(&world, &asked), ServerAnswer::Connector(Some(context.connector.clone())));
    let earlier = user(&world, id, "alpha");
    world.commit_in(scope(id), vec![Change::Admin(AdminChange::CreateIntegrationUser(earlier.clone()))]);
    assert_eq!(
        ask(&world, &ServerQuestion::Users(id)),
        ServerAnswer::Users(vec![earlier, context.user.clone()])
    );
    assert_eq!(ask(&world, &ServerQuestion::Keys(Some(id))), ServerAnswer::Keys(vec![context.clone()]));
    assert_eq!(ask(&world, &ServerQuestion::Keys(None)), ServerAnswer::Keys(vec![context]));
    let nobody = InstanceId::new(world.uuid());
    assert_eq!(ask(&world, &ServerQuestion::Connectors(nobody)), ServerAnswer::Connectors(Vec::new()));
    assert_eq!(ask(&world, &ServerQuestion::Users(nobody)), ServerAnswer::Users(Vec::new()));
}

/// An instance's name is unique on the server, a connector's and an integration user's in their instance; a refused
/// change set makes nothing.
pub fn names_are_unique_where_they_must_be(store: &dyn Store) {
    let world = World::new(store);
    let (context, changes) = made(&world, "third");
    let id = context.instance.id;
    world.commit_in(scope(id), changes);
    let refused = |instance: InstanceId, changes: Vec<Change>| {
        let result = block_on(store.commit(world.change_set(scope(instance), changes)));
        assert!(is_duplicate(&result, "name"), "{result:?}");
    };
    let (again, changes) = made(&world, "third");
    refused(again.instance.id, changes);
    assert_eq!(ask(&world, &ServerQuestion::Key(again.key.id)), ServerAnswer::Key(None));
    assert_eq!(
        ask(&world, &ServerQuestion::Connectors(again.instance.id)),
        ServerAnswer::Connectors(Vec::new())
    );
    let fine = connector(&world, id, "fine");
    let same = connector(&world, id, "default");
    let create = |new: &Connector| Change::Admin(AdminChange::CreateConnector(new.clone()));
    refused(id, vec![create(&fine), create(&same)]);
    let same = user(&world, id, "integration");
    refused(id, vec![create(&fine), Change::Admin(AdminChange::CreateIntegrationUser(same))]);
    assert_eq!(
        ask(&world, &ServerQuestion::Connectors(id)),
        ServerAnswer::Connectors(vec![context.connector])
    );
    world.connector(id, "DEFAULT");
    world.integration_user(world.scope.instance, "integration");
}

/// One read gives a key with its instance, connector and integration user.
pub fn keys_come_with_whom_they_act_for(store: &dyn Store) {
    let world = World::new(store);
    let (context, changes) = made(&world, "third");
    world.commit_in(scope(context.instance.id), changes);
    let asked = ServerQuestion::Key(context.key.id);
    assert_eq!(ask(&world, &asked), ServerAnswer::Key(Some(Box::new(context.clone()))));
    let nobody = ServerQuestion::Key(KeyId::new(world.uuid()));
    assert_eq!(ask(&world, &nobody), ServerAnswer::Key(None));
    let second = key(&world, &context.connector, &context.user, Some(BEGINNING.plus_millis(1_000_000)));
    let issue = Change::Admin(AdminChange::Key(KeyChange::Issue(Box::new(second.clone()))));
    world.commit_in(scope(context.instance.id), vec![issue]);
    let all = ServerQuestion::Keys(Some(context.instance.id));
    let later = KeyContext { key: second, ..context.clone() };
    assert_eq!(ask(&world, &all), ServerAnswer::Keys(vec![context, later]), "oldest first");
}

/// A revoked key stays, with the time of its first revocation.
pub fn a_revoked_key_says_so(store: &dyn Store) {
    let world = World::new(store);
    let (context, changes) = made(&world, "third");
    let scope = scope(context.instance.id);
    world.commit_in(scope, changes);
    let revoke = Change::Admin(AdminChange::Key(KeyChange::Revoke(context.key.id, Revocation::ByHand)));
    let set = world.change_set(scope, vec![revoke.clone()]);
    let at = set.at;
    world.commit_set(set);
    world.commit_in(scope, vec![revoke]);
    let ServerAnswer::Key(Some(found)) = ask(&world, &ServerQuestion::Key(context.key.id)) else { panic!() };
    assert_eq!(
        found.key,
        KeyRecord { revoked: Some((at, Revocation::ByHand)), generation: 2, ..context.key }
    );
    let unknown =
        Change::Admin(AdminChange::Key(KeyChange::Revoke(KeyId::new(world.uuid()), Revocation::ByHand)));
    assert!(is_conflict(&block_on(store.commit(world.change_set(scope, vec![unknown])))));
}

/// A key or a connector of one instance is nothing to another.
pub fn nothing_crosses_instances(store: &dyn Store) {
    let world = World::new(store);
    let (context, changes) = made(&world, "third");
    world.commit_in(scope(context.instance.id), changes);
    let revoke = Change::Admin(AdminChange::Key(KeyChange::Revoke(context.key.id, Revocation::ByHand)));
    assert!(is_conflict(&world.try_commit(vec![revoke])));
    let first = world.scope.instance;
    let asked = ServerQuestion::Connector(first, context.connector.id);
    assert_eq!(ask(&world, &asked), ServerAnswer::Connector(None));
    assert_eq!(ask(&world, &ServerQuestion::Keys(Some(first))), ServerAnswer::Keys(Vec::new()));
    assert_eq!(ask(&world, &ServerQuestion::Users(first)), ServerAnswer::Users(Vec::new()));
    let ServerAnswer::Key(Some(found)) = ask(&world, &ServerQuestion::Key(context.key.id)) else { panic!() };
    assert_eq!(*found, context);
}

/// Settings are those of the scope's instance.
pub fn settings_are_replaced(store: &dyn Store) {
    let world = World::new(store);
    let settings = InstanceSettings { unique_group_names: false, ..InstanceSettings::default() };
    world.commit(vec![Change::Admin(AdminChange::UpdateInstanceSettings(settings.clone()))]);
    let of = |name: &str| match ask(&world, &ServerQuestion::InstanceNamed(name.to_owned())) {
        ServerAnswer::Instance(Some(instance)) => instance.settings,
        other => panic!("{other:?}"),
    };
    assert_eq!(of("first"), settings);
    assert_eq!(of("second"), InstanceSettings::default());
    let nobody = scope(InstanceId::new(world.uuid()));
    let change = Change::Admin(AdminChange::UpdateInstanceSettings(settings));
    assert!(is_conflict(&block_on(store.commit(world.change_set(nobody, vec![change])))));
}

/// A secret is made once, whoever asks first, and is another for another name.
pub fn secrets_stay(store: &dyn Store) {
    let ask = |name| match block_on(store.server(&ServerQuestion::Secret(name))) {
        Ok(ServerAnswer::Secret(secret)) => secret,
        other => panic!("{other:?}"),
    };
    let raced: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| ask("cursors"))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert_eq!(raced, [ask("cursors"); 4]);
    assert_ne!(ask("cursors"), ask("other"));
    assert_ne!(ask("cursors"), [0; 32]);
}

/// A store that works says so, and says what it can do.
pub fn the_store_is_ready(store: &dyn Store) {
    assert!(block_on(store.ready()).is_ok());
    assert_eq!(store.capabilities(), store.capabilities());
}

/// An integration user's privilege, address and suspension are replaced, its name is not; one that is not there is a
/// conflict.
pub fn an_integration_user_is_updated(store: &dyn Store) {
    let world = World::new(store);
    let (context, changes) = made(&world, "third");
    let scope = scope(context.instance.id);
    world.commit_in(scope, changes);
    let update =
        |user: &IntegrationUser| vec![Change::Admin(AdminChange::UpdateIntegrationUser(user.clone()))];
    let email = Some("robot@contoso.example".to_owned());
    let new = IntegrationUser { privilege: Privilege::ReadOnly, suspended: true, email, ..context.user };
    let renamed = IntegrationUser { name: "other".to_owned(), ..new.clone() };
    world.commit_in(scope, update(&renamed));
    assert_eq!(ask(&world, &ServerQuestion::Users(scope.instance)), ServerAnswer::Users(vec![new.clone()]));
    let ServerAnswer::Key(Some(found)) = ask(&world, &ServerQuestion::Key(context.key.id)) else { panic!() };
    assert_eq!(found.user, new);
    let unknown = IntegrationUser { id: IntegrationUserId::new(world.uuid()), ..new.clone() };
    assert!(is_conflict(&block_on(store.commit(world.change_set(scope, update(&unknown))))));
    assert!(is_conflict(&world.try_commit(update(&new))), "another instance's user");
}

/// A connector's id alone, which no other connector has, finds it with its instance and the integration users.
pub fn a_door_is_found_by_the_connector_alone(store: &dyn Store) {
    let world = World::new(store);
    let (context, changes) = made(&world, "third");
    let id = context.instance.id;
    world.commit_in(scope(id), changes);
    let earlier = user(&world, id, "alpha");
    world.commit_in(scope(id), vec![Change::Admin(AdminChange::CreateIntegrationUser(earlier.clone()))]);
    let users = vec![earlier, context.user];
    let instance = match world.server(&ServerQuestion::Instance(id)) {
        ServerAnswer::Instance(Some(instance)) => instance,
        other => panic!("{other:?}"),
    };
    assert_eq!(instance, Instance { generation: instance.generation, ..context.instance });
    let door = Door { connector: context.connector.clone(), instance, users };
    let asked = ServerQuestion::Door(context.connector.id);
    assert_eq!(world.server(&asked), ServerAnswer::Door(Some(Box::new(door.clone()))));
    let nobody = ServerQuestion::Door(ConnectorId::new(world.uuid()));
    assert_eq!(world.server(&nobody), ServerAnswer::Door(None));
    let nowhere = ServerQuestion::Instance(InstanceId::new(world.uuid()));
    assert_eq!(world.server(&nowhere), ServerAnswer::Instance(None));
    let twin = Connector { instance: world.scope.instance, name: "twin".to_owned(), ..context.connector };
    let twin = world.try_commit(vec![Change::Admin(AdminChange::CreateConnector(twin))]);
    assert!(matches!(twin, Err(CommitError::Duplicate { .. })), "{twin:?}");
    assert_eq!(world.server(&asked), ServerAnswer::Door(Some(Box::new(door))));
}
