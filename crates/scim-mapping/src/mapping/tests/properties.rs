//! There and back again, and documents of any shape.

use proptest::prelude::*;

use super::*;

/// Rows whose attributes hold text and flow both ways, beside the default ones.
fn rows() -> Vec<Row> {
    vec![
        Row::direct("Department", format!("{ENTERPRISE}:department")),
        Row::direct("Division", format!("{SHIP}:vessel")),
        Row::direct("Country", "addresses[type eq \"work\" and primary eq true].country"),
        Row::direct("Language", "preferredLanguage"),
        Row::direct("BadgeColour", format!("{SHIP}:harbours[kind eq \"home\"].value")),
        expression("Shift", "Coalesce([nickName], [userType], [ims[type eq \"xmpp\"].value])"),
    ]
}

const FIELDS: [&str; 13] = [
    "DisplayName",
    "Email",
    "FirstName",
    "LastName",
    "OfficePhone",
    "MobilePhone",
    "ScimSyncJobTitle",
    "Department",
    "Division",
    "Country",
    "Language",
    "BadgeColour",
    "Shift",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z@. ]{1,6}", "[^\\x00]{1,8}"]
}

/// Any JSON, in shapes and under names that a schema has as well as others.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
        prop_oneof![Just("work"), Just("mobile"), Just("home")].prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    let names = [
        "userName",
        "name",
        "givenName",
        "emails",
        "phoneNumbers",
        "value",
        "type",
        "primary",
        "title",
        "addresses",
        "country",
        "manager",
        "department",
        "vessel",
        "harbours",
        "kind",
        "nickName",
        "ims",
        ENTERPRISE,
        SHIP,
        "x",
    ];
    prop::sample::select(names.to_vec()).prop_map(str::to_owned)
}

fn document() -> impl Strategy<Value = Resource> {
    prop::collection::vec((name(), json()), 0..8)
        .prop_map(|members| Resource::from_canonical(members.into_iter().collect()))
}

/// A person as an identity provider writes one.
fn person_of(values: &[Option<String>], elements: Vec<(String, usize)>) -> Resource {
    let mapping = compiled(rows());
    let kinds = ["work", "mobile", "home", "other"];
    let elements: Vec<Value> = elements
        .into_iter()
        .enumerate()
        .map(|(index, (value, kind))| {
            let mut element = json!({ "value": value, "type": kinds[kind % kinds.len()] });
            if index == 1 {
                element["primary"] = true.into();
            }
            element
        })
        .collect();
    let mut document =
        person(json!({ "userName": "x", "emails": elements.clone(), "phoneNumbers": elements }));
    let changes: Vec<_> = FIELDS.into_iter().zip(values.iter().map(Option::as_deref)).collect();
    let changes: Vec<_> = changes.into_iter().filter(|(_, value)| value.is_some()).collect();
    mapping.write_back(&mut document, &changes);
    document
}

proptest! {
    #[test]
    fn what_is_written_back_is_read_again(
        before in prop::collection::vec(prop::option::of(text()), FIELDS.len()),
        elements in prop::collection::vec((text(), any::<usize>()), 0..5),
        edits in prop::collection::vec(prop::option::of(prop::option::of(text())), FIELDS.len()),
    ) {
        let mapping = compiled(rows());
        let mut document = person_of(&before, elements);
        let original = document.clone();
        let edits: Vec<_> = FIELDS
            .into_iter()
            .zip(&edits)
            .filter_map(|(field, edit)| Some((field, edit.as_ref()?.as_deref())))
            .collect();
        let unwritten = mapping.write_back(&mut document, &edits);
        prop_assert_eq!(unwritten, vec![]);
        let values = mapping.account_changes(None, &document, Occasion::Reapply, &mut env()).expect("evaluates");
        for (field, edit) in &edits {
            let value = values.iter().find(|value| value.field == *field).expect("acts");
            prop_assert_eq!(value.value.as_deref(), *edit, "{}", field);
        }
        // Fields that were not edited are as they were, and canonical form is kept.
        let old = mapping.account_changes(None, &original, Occasion::Reapply, &mut env()).expect("evaluates");
        for (old, new) in old.iter().zip(&values) {
            if edits.iter().all(|(field, _)| *field != old.field) {
                prop_assert_eq!(old, new);
            }
        }
        let again = canonical(&user(), document.clone().into_attributes());
        prop_assert_eq!(
            Value::Object(again.into_attributes()).to_string(),
            Value::Object(document.into_attributes()).to_string()
        );
    }

    #[test]
    fn no_document_is_too_odd(before in document(), after in document(), value in text()) {
        let mapping = compiled(rows());
        for occasion in [Occasion::Creation, Occasion::Write, Occasion::PickUp, Occasion::Reapply] {
            let _ = mapping.account_changes(Some(&before), &after, occasion, &mut env());
        }
        let _ = mapping.reports_to(&after);
        let _ = mapping.try_on(&after, &mut env());
        let mut document = after.clone();
        let edits: Vec<_> = FIELDS.into_iter().map(|field| (field, Some(value.as_str()))).collect();
        mapping.write_back(&mut document, &edits);
        let mut document = after;
        let edits: Vec<_> = FIELDS.into_iter().map(|field| (field, None)).collect();
        mapping.write_back(&mut document, &edits);
    }

    #[test]
    fn no_text_is_too_odd_for_an_import(text in ".{0,80}", json in json()) {
        let _ = Mapping::from_json(&text);
        let _ = Mapping::from_json(&json!({ "rows": [json] }).to_string());
    }

    #[test]
    fn no_schema_is_too_odd_for_an_import(rule in json(), mapping in json(), attribute in json(), path in ".{0,12}") {
        let schema = json!({ "synchronizationRules": [rule, { "objectMappings": [mapping, {
            "targetObjectName": "User",
            "attributeMappings": [attribute.clone(), { "targetAttributeName": path, "source": attribute }]
        }] }] });
        prop_assert!(Mapping::defaults().import_graph(&schema.to_string(), &user(), Fields::new(&[])).is_ok());
    }

    #[test]
    fn no_path_is_too_odd(path in "[a-zA-Z.:\\[\\]\" =]{0,24}") {
        let _ = with(vec![Row::direct("Division", path)]).compile(&user(), Fields::new(&[]), 1);
    }
}
