//! `scim-mapping` and `scim-lifecycle`: what becomes of a person's account, and what is stored and logged of it.

use std::sync::Arc;

use anyhow::Context as _;
use scim_core::instant::Timestamp;
use scim_core::resource::{Resource, canonical, ingest};
use scim_core::schema::ResourceType;
use scim_core::{Dialect, Registry};
use scim_directory::{
    Account, Change, Connector, ConnectorId, DialectName, Fields, Instance, InstanceId, InstanceSettings,
    Key, Profile, Record, ResourceId, Version,
};
use scim_lifecycle::{Arrival, Decision, Existing, Facts, Occasion, Policy, Stop, Update, content};
use scim_mapping::expression::{Context, Expression};
use scim_mapping::mapping::{self, Env, Mapping};
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::Case;
use crate::core::{person, user};

/// Twenty calls, all of which are evaluated.
const TWENTY: &str = r#"Append(
  ToLower(NormalizeDiacritics(StripSpaces(Join(".", Left([givenName], 1), Mid([surname], 1, 20))))),
  Replace(
    Join("@",
      IIF(IsPresent([site]), Switch([site], [site], "OSL", ToUpper(Trim([city]))), ""),
      Coalesce([domain], Word([upn], 2, "@")),
      CStr(Len([surname])),
      Item(Split([tags], ","), 1)),
    "-", , , "", , ))"#;
const NOW: Timestamp = Timestamp::from_unix_millis(1_790_000_000_000);

pub(crate) fn cases() -> anyhow::Result<Vec<Case>> {
    let mut cases = mappings()?;
    cases.extend(decisions()?);
    Ok(cases)
}

fn mappings() -> anyhow::Result<Vec<Case>> {
    let user = user()?;
    let person = ingest(&user, person()?, Dialect::LENIENT)?.resource;
    let changed = promoted(&user, &person);
    let mapping = Mapping::defaults().compile(&user, Fields::new(&[]), 1);
    let mapping = mapping.ok().context("the default mapping compiles")?;
    let (created, written) = ((mapping.clone(), person.clone()), (mapping, person, changed));
    let expression = Expression::parse(TWENTY)?;
    let input = json!({
        "givenName": "José María",
        "surname": "Núñez-Vega",
        "site": "OSL",
        "city": " Oslo ",
        "upn": "jose@example.org",
        "tags": "a,b,c",
    });
    Ok(vec![
        Case::same("mapping/a person is created", move || {
            let (mapping, person) = &created;
            let mut env = Env::at(OffsetDateTime::UNIX_EPOCH);
            mapping
                .account_changes(None, person, mapping::Occasion::Creation, &mut env)
                .map(|values| values.len())
        }),
        Case::same("mapping/a title is changed", move || {
            let (mapping, before, after) = &written;
            let mut env = Env::at(OffsetDateTime::UNIX_EPOCH);
            let values = mapping.account_changes(Some(before), after, mapping::Occasion::Write, &mut env);
            values.map(|values| values.len())
        }),
        Case::same("expression/evaluate 20 functions", move || {
            expression.evaluate(&input, &mut Context::at(OffsetDateTime::UNIX_EPOCH))
        }),
    ])
}

fn promoted(user: &ResourceType, person: &Resource) -> Resource {
    let mut attributes = person.attributes().clone();
    attributes.insert("title".to_owned(), "Captain".into());
    canonical(user, attributes)
}

/// An instance with a connector, and what was sent for a person.
struct World {
    user: Arc<ResourceType>,
    policy: Policy,
    connector: Connector,
    person: Resource,
}

impl World {
    fn new() -> anyhow::Result<Self> {
        let user = user()?;
        let instance = Instance {
            id: InstanceId::new(Uuid::from_u128(1)),
            name: "acme".to_owned(),
            created: NOW,
            settings: InstanceSettings::default(),
            generation: 7,
        };
        let policy = Policy::new(&instance, None, &["integration".to_owned()], &Registry::builtin())?;
        let connector = Connector {
            id: ConnectorId::new(Uuid::from_u128(2)),
            instance: instance.id,
            name: "entra".to_owned(),
            created: NOW,
            dialect: DialectName::Lenient,
            keep_passwords: false,
            settings: Profile::Standard.connector_settings(),
        };
        let person = ingest(&user, person()?, Dialect::LENIENT)?.into_created(&user)?;
        Ok(Self { user, policy, connector, person })
    }

    fn on<T>(&self, with: impl FnOnce(&Occasion<'_>) -> T) -> T {
        with(&Occasion {
            policy: &self.policy,
            connector: Some(&self.connector),
            request_id: "request",
            now: NOW,
            uuid: &|| Uuid::from_u128(100),
            random: &|bytes: &mut [u8]| bytes.fill(1),
        })
    }

    fn create(&self) -> Result<Decision, Stop> {
        self.on(|on| {
            let arrival = Arrival {
                id: ResourceId::new(Uuid::from_u128(100)),
                resource: &self.person,
                sent: &self.person,
                external_id: Some("mira.okafor"),
                notes: &[],
                existing: &Existing::Nobody,
                before: None,
            };
            scim_lifecycle::create(on, &Facts::default(), &self.user, arrival)
        })
    }

    fn update(&self, record: &Record, after: &Resource) -> Result<Decision, Stop> {
        let external_id = record.external_id.clone();
        let update = Update { record, before: &self.person, after, external_id, notes: &[] };
        self.on(|on| scim_lifecycle::update(on, &Facts::default(), &self.user, update))
    }

    /// The record that a creation leaves.
    fn record(&self) -> anyhow::Result<Record> {
        let decision = self.create().ok().context("a person can be created")?;
        let created = decision.changes.into_iter().find_map(|change| match change {
            Change::Create(new) => Some(new),
            _ => None,
        });
        let new = created.context("a creation")?;
        Ok(Record {
            key: Key { resource_type: Arc::clone(&self.user.name), id: new.key.id },
            version: Version(1),
            membership: 0,
            created: NOW,
            modified: NOW,
            external_id: new.external_id,
            display: new.content.display,
            manager: new.content.manager,
            managed_by: new.content.managed_by,
            direct_manager: None,
            account: new.content.account,
            document: new.content.document.into(),
        })
    }
}

fn decisions() -> anyhow::Result<Vec<Case>> {
    let world = Arc::new(World::new()?);
    let record = Arc::new(world.record()?);
    let after = promoted(&world.user, &world.person);
    anyhow::ensure!(
        world.update(&record, &after).is_ok_and(|decision| decision.changes.len() == 1),
        "a new title is a change"
    );
    let account = serde_json::to_vec(&record.account)?;
    let logged = world.create().ok().context("a person can be created")?.log;
    let (creates, keeps, kept) = (Arc::clone(&world), Arc::clone(&world), Arc::clone(&record));
    Ok(vec![
        Case::same("lifecycle/create a person", move || creates.create()),
        Case::same("lifecycle/update a person", move || world.update(&record, &after)),
        Case::same("lifecycle/what is stored of a person", move || {
            content(&keeps.user, ResourceId::new(Uuid::from_u128(100)), &keeps.person)
        }),
        Case::same("account/read", move || serde_json::from_slice::<Option<Box<Account>>>(&account)),
        Case::same("account/write", move || serde_json::to_vec(&kept.account)),
        Case::same("log/write what a creation logs", move || serde_json::to_vec(&logged)),
    ])
}
