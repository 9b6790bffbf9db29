//! Filters, sorts and pages give what the in-memory backend gives, whose filter is the evaluator of scim-core.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a panic is how a test answers")]

#[cfg(feature = "postgres")]
mod shared;

use pollster::block_on;
use scim_storage::{MemoryStore, Sort, SortKey, Start, Want};
use scim_storage_suite::Fixture;
use scim_storage_suite::world::{World, members};
use serde_json::{Value, json};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The same people, groups and devices, with the same ids, in any store.
fn fill(world: &World<'_>) {
    let boss = world.create(
        "User",
        &json!({ "userName": "Boss@Contoso.example", "displayName": "Zoë STRASSE", "externalId": "X-1", "active": true }),
    );
    let boss_id = boss.id.to_string();
    let people: Vec<Value> = vec![
        json!({ "userName": "mira", "externalId": "x-1", "displayName": "mira O.", "name": { "familyName": "Okafor" },
            "emails": [{ "value": "Mira@Contoso.example", "type": "work", "primary": true }, { "value": "m@home.example", "type": "home" }],
            "active": false, ENTERPRISE: { "department": "Sales", "manager": { "value": boss_id } } }),
        json!({ "userName": "noah", "title": "50% off_", "emails": [{ "value": "noah@home.example", "type": "Home" }],
            "phoneNumbers": [{ "value": "555", "type": "work" }, { "value": "111", "type": "mobile", "primary": true }],
            ENTERPRISE: { "manager": { "value": "nobody" }, "costCenter": "7" } }),
        json!({ "userName": "İzmir", "displayName": "e\u{301}ric", "name": { "familyName": "" }, "nickName": "\"quoted\\" }),
        json!({ "userName": "zed", "displayName": "ZZ", "x509Certificates": [{ "value": "-_8" }], "active": true }),
    ];
    let people: Vec<_> = people.iter().map(|body| world.create("User", body)).collect();
    let chefs = world.group("Chefs");
    let all = world.group("Éveryone");
    world.commit(vec![members(&chefs, &[&people[0], &boss], &[])]);
    world.commit(vec![members(&all, &[&people[0], &people[1], &chefs], &[])]);
    let part = json!({ "value": "A", "code": "B", "count": 3, "seen": "2026-01-02T03:04:05.5+01:00" });
    for body in [
        json!({ "label": "One", "serial": "aB", "on": true, "count": 3, "level": 2.5, "seen": "2026-01-02T03:04:05Z",
            "print": "+/8=", "link": "https://a.example/X", "tags": ["Red", "green"], "codes": ["Q"], "counts": [1, 5],
            "levels": [0.1, 7.0], "dates": ["2020-01-01T00:00:00Z"], "prints": ["-_8"], "part": part, "parts": [part] }),
        json!({ "label": "two", "serial": "AB", "on": false, "count": -3, "level": 3, "tags": ["RED"],
            "parts": [{ "value": "a", "count": 9 }, { "code": "b", "primary": true, "count": 1 }] }),
        json!({ "label": "TWO", "count": 9_007_199_254_740_993_i64, "level": 1e30, "parts": [{ "value": "z" }] }),
        json!({ "serial": "", "level": 1e17, "levels": [-0.0, 1e300, 2.5e-7] }),
    ] {
        world.create("Device", &body);
    }
}

/// A store of an engine, and one in how many filters it is asked: thousands are more than a server in between answers quickly.
struct Engine {
    name: &'static str,
    one_in: usize,
    store: Fixture,
    /// What begins an index of texts once there are instances, however few people there will be.
    index: Option<Box<dyn Fn()>>,
}

/// Each engine; PostgreSQL also with a database that orders texts in another way.
fn engines() -> Vec<Engine> {
    let mut engines = Vec::new();
    #[cfg(feature = "sqlite")]
    {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("agreement.sqlite3");
        let options = scim_storage_diesel::Options::default();
        let store = scim_storage_diesel::SqliteStore::open(&path, options).expect("opens");
        engines.push(Engine {
            name: "SQLite",
            one_in: 1,
            store: Fixture::new(store).with_guard(directory),
            index: None,
        });
    }
    #[cfg(feature = "postgres")]
    for (name, one_in, order, indexed) in [
        ("PostgreSQL", 5, shared::Order::Bytes, false),
        ("PostgreSQL in English", 17, shared::Order::English, false),
        ("PostgreSQL with an index of texts", 3, shared::Order::English, true),
    ] {
        if let Some(database) = shared::database(order) {
            let database = std::rc::Rc::new(database);
            let store = Fixture::new(shared::store(&database)).with_guard(std::rc::Rc::clone(&database));
            let known = "INSERT INTO texts_known SELECT id, '', 0 FROM instances";
            let begin = move || drop(database.sql(known).expect("an index"));
            let index = indexed.then(|| Box::new(begin) as Box<dyn Fn()>);
            engines.push(Engine { name, one_in, store, index });
        }
    }
    engines
}

fn each_engine(test: impl Fn(&Engine, &World<'_>, &World<'_>)) {
    let memory = MemoryStore::new();
    let memory = World::new(&memory);
    fill(&memory);
    for engine in engines() {
        let world = World::new(engine.store.store());
        if let Some(begin) = &engine.index {
            begin();
        }
        fill(&world);
        test(&engine, &world, &memory);
    }
}

fn check(name: &str, engine: &World<'_>, memory: &World<'_>, resource_type: &str, filter: &str) -> usize {
    let found = engine.ids(&engine.query(&[(resource_type, filter, "")]));
    let expected = memory.ids(&memory.query(&[(resource_type, filter, "")]));
    assert_eq!(found, expected, "{name}: {resource_type}: {filter}");
    found.len()
}

/// Every operator on every attribute, alone, denied, and in a value path.
fn check_all(resource_type: &str, paths: &[&str], operands: &[&str]) {
    each_engine(|which, engine, memory| {
        let (mut hits, mut asked, mut made) = (0, 0, 0);
        for path in paths {
            let mut terms = vec![format!("{path} pr"), format!("{path} eq null"), format!("{path} ne null")];
            for operator in ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"] {
                terms.extend(operands.iter().map(|operand| format!("{path} {operator} {operand}")));
            }
            let element = path.rsplit_once('.').filter(|(outer, _)| !outer.ends_with(":2"));
            if let Some((outer, inner)) = element {
                let inside: Vec<_> = terms.iter().filter_map(|term| term.strip_prefix(path)).collect();
                terms = terms
                    .iter()
                    .cloned()
                    .chain(inside.iter().flat_map(|rest| {
                        [
                            format!("{outer}[{inner}{rest}]"),
                            format!("{outer}[not ({inner}{rest}) and {inner} pr]"),
                        ]
                    }))
                    .collect();
            }
            for term in terms {
                for filter in [term.clone(), format!("not ({term})")] {
                    // A term may not fit its attribute's type; the resolver has its own tests.
                    let resolves = scim_core::filter::Filter::parse(
                        &filter,
                        &scim_core::filter::FilterLimits::default(),
                    )
                    .and_then(|filter| {
                        filter.resolve(engine.resource_type(resource_type), scim_core::Dialect::LENIENT)
                    });
                    made += usize::from(resolves.is_ok());
                    if resolves.is_ok() && made % which.one_in == 0 {
                        hits += usize::from(check(which.name, engine, memory, resource_type, &filter) > 0);
                        asked += 1;
                    }
                }
            }
        }
        assert!(made > 200 && hits > 50 / which.one_in, "{asked} asked, {hits} found something");
    });
}

#[test]
fn people_are_found_as_the_evaluator_finds_them() {
    let enterprise = |path: &str| format!("{ENTERPRISE}:{path}");
    let (department, manager) = (enterprise("department"), enterprise("manager.value"));
    let (manager_name, cost) = (enterprise("manager.displayName"), enterprise("costCenter"));
    let paths = [
        "userName",
        "displayName",
        "name.familyName",
        "emails.value",
        "emails.type",
        "emails.primary",
        "emails",
        "title",
        "nickName",
        "active",
        "phoneNumbers.value",
        "id",
        "externalId",
        "meta.created",
        "meta.lastModified",
        "meta.resourceType",
        "meta.location",
        "meta.version",
        "groups.value",
        "groups.display",
        "groups.type",
        "groups.$ref",
        "groups",
        "x509Certificates.value",
        "schemas",
        &department,
        &manager,
        &manager_name,
        &cost,
        "meta",
        "name",
    ];
    let operands = [
        r#""mira""#,
        r#""MIRA""#,
        r#""X-1""#,
        r#""""#,
        r#""zoë strasse""#,
        r#""home""#,
        r#""e""#,
        r#""@home.example""#,
        r#""İZMIR""#,
        r#""%""#,
        r#""n\u0000x""#,
        r#""_""#,
        r#""\"quoted\\""#,
        "true",
        "false",
        r#""2026-01-01T00:00:00.015Z""#,
        r#""2026-01-01T00:00:00.0155Z""#,
        r#""User""#,
        r#""chefs""#,
        r#""direct""#,
        r#""+/8=""#,
        r#""sales""#,
        r#""019b0000-0007-7000-8000-000000000007""#,
        r#""019B0000-0007-7000-8000-000000000007""#,
        r#""m@home.example""#,
    ];
    check_all("User", &paths, &operands);
}

#[test]
fn groups_are_found_as_the_evaluator_finds_them() {
    let paths = [
        "displayName",
        "members.value",
        "members.display",
        "members.type",
        "members.$ref",
        "members",
        "id",
        "externalId",
    ];
    // The ids in the filters below have to be those of somebody; they are the same in any store.
    let memory = MemoryStore::new();
    let memory = World::new(&memory);
    fill(&memory);
    let someone = memory.ids(&memory.query(&[("User", r#"userName eq "mira""#, "")]));
    let id = someone.first().expect("mira").to_string();
    let (lower, upper) = (format!("{id:?}"), format!("{:?}", id.to_uppercase()));
    let operands = [
        r#""chefs""#,
        r#""ÉVERYONE""#,
        r#""user""#,
        r#""Group""#,
        r#""""#,
        r#""o""#,
        lower.as_str(),
        upper.as_str(),
    ];
    check_all("Group", &paths, &operands);
}

#[test]
fn devices_are_found_as_the_evaluator_finds_them() {
    let paths = [
        "label",
        "serial",
        "on",
        "count",
        "level",
        "seen",
        "print",
        "link",
        "tags",
        "codes",
        "counts",
        "levels",
        "dates",
        "prints",
        "part.value",
        "part.code",
        "part.count",
        "part.seen",
        "parts.value",
        "parts.code",
        "parts.count",
        "parts.seen",
        "parts.primary",
        "part",
        "parts",
    ];
    let operands = [
        r#""two""#,
        r#""AB""#,
        r#""red""#,
        r#""a""#,
        r#""""#,
        "true",
        "false",
        "3",
        "-3",
        "9007199254740993",
        "9007199254740992.0",
        "1e17",
        r#""a\u0000b""#,
        "2.5",
        "0.1",
        "7",
        "1e30",
        r#""2026-01-02T03:04:05Z""#,
        r#""2026-01-02T02:04:05.500Z""#,
        r#""+/8=""#,
        r#""https://a.example/X""#,
    ];
    check_all("Device", &paths, &operands);
}

#[test]
fn sorted_lists_and_their_pages_agree() {
    each_engine(|_, engine, memory| {
        for (resource_type, path) in [
            ("User", "userName"),
            ("User", "displayName"),
            ("User", "emails.value"),
            ("User", "phoneNumbers.value"),
            ("User", "active"),
            ("User", "meta.created"),
            ("User", "externalId"),
            ("User", "id"),
            ("Device", "count"),
            ("Device", "level"),
            ("Device", "seen"),
            ("Device", "tags"),
            ("Device", "parts.count"),
            ("Device", "part.value"),
        ] {
            for descending in [false, true] {
                let ids = |world: &World<'_>, limit| {
                    let mut query = world.query(&[(resource_type, "", path)]);
                    query.sort = Some(Sort { descending });
                    query.limit = limit;
                    world.walk(query, |_| {})
                };
                let expected = ids(memory, 1000);
                assert_eq!(ids(engine, 1000), expected, "{path} {descending}");
                assert_eq!(ids(engine, 1), expected, "one by one: {path} {descending}");
            }
        }
    });
}

#[test]
fn totals_and_wants_agree() {
    each_engine(|_, engine, memory| {
        for (filter, offset, limit) in
            [("", 0, 2), ("", 3, 100), ("", 100, 1), ("userName pr", 0, 2), ("active eq true", 0, 0)]
        {
            let page = |world: &World<'_>| {
                let mut query = world.query(&[("User", filter, ""), ("Group", "", "")]);
                (query.start, query.limit, query.total, query.want) =
                    (Start::Offset(offset), limit, true, Want::RECORD);
                world.find(&query)
            };
            assert_eq!(page(engine), page(memory), "{filter:?} from {offset}, {limit}");
        }
        let query = engine.query(&[("Device", "", "count")]);
        let page = block_on(engine.store.find(&engine.scope, &scim_storage::Query { limit: 1, ..query }))
            .expect("a page");
        assert_eq!(page.next.and_then(|next| next.key), Some(SortKey::Integer(-3)));
    });
}
