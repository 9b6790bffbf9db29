//! What a synchronization schema of Microsoft Graph comes to.

use super::*;

const ENTRA: &str = include_str!("../../../../../fixtures/mapping/graph/entra-default.json");

fn import(text: &str) -> Result<GraphImport, Vec<MappingError>> {
    let definitions = definitions();
    Mapping::defaults().import_graph(text, &user(), Fields::new(&definitions))
}

/// A schema with one attribute mapping.
fn with_attribute(attribute: &Value) -> GraphImport {
    let schema = json!({ "synchronizationRules": [{ "objectMappings": [{
        "targetObjectName": "User", "attributeMappings": [attribute]
    }] }] });
    import(&schema.to_string()).expect("imports")
}

fn check_error(text: &str, part: &str) {
    let errors = import(text).expect_err(text);
    assert!(errors[0].to_string().contains(part), "{errors:?}");
}

#[test]
fn attributes_that_arrive_fill_fields() {
    let import = import(ENTRA).expect("imports");
    let taken: Vec<_> = import
        .taken
        .iter()
        .map(|taken| (taken.attribute.as_str(), taken.field.as_str(), taken.is_new))
        .collect();
    let manager = format!("{ENTERPRISE}:manager");
    let department = format!("{ENTERPRISE}:department");
    assert_eq!(
        taken,
        [
            ("userName", "UserName", false),
            ("active", "State", false),
            ("displayName", "DisplayName", false),
            ("emails[type eq \"work\"].value", "Email", false),
            ("name.givenName", "FirstName", false),
            ("name.familyName", "LastName", false),
            ("addresses[type eq \"work\"].country", "Country", true),
            ("preferredLanguage", "Language", true),
            (department.as_str(), "Department", true),
            (manager.as_str(), "DirectManager", false),
        ]
    );
    assert_eq!(import.without_source, ["OfficePhone", "MobilePhone", "ScimSyncJobTitle"]);
    let definitions = definitions();
    let compiled = import.mapping.compile(&user(), Fields::new(&definitions), 1).expect("sound");
    assert_eq!(compiled.rows().len(), 14);
}

#[test]
fn what_is_not_applied_is_listed() {
    let import = import(ENTRA).expect("imports");
    let listed: Vec<String> =
        import.not_applied.iter().map(|listed| format!("{}: {}", listed.what, listed.why)).collect();
    let parts = [
        "schema: \"directories\": it describes",
        "rule \"USER_TO_USER\": \"metadata\": it is for the sender's own use",
        "\"scope\": scoping filters run at the sender",
        "\"userName\" <- [userPrincipalName]: matching priority 1: the sender searches by it",
        "\"active\" <- Switch([IsSoftDeleted]",
        "\"name.familyName\" <- [surname]: flowBehavior \"FlowAlways\"",
        "fax\\\"].value\" <- [facsimileTelephoneNumber]: no text field is called \"fax phoneNumber\"",
        "\"preferredLanguage\" <- [preferredLanguage]: default value \"en\"",
        "\"preferredLanguage\" <- [preferredLanguage]: flowType \"ObjectAddOnly\"",
        "\"externalId\" <- [mailNickname]: it is kept for the connector",
        "app roles become the access role",
        "<- SingleAppRoleAssignment([appRoleAssignments]): the sender evaluates",
        "exportMissingReferences: references to people who are not there yet are kept",
        "contoso:2.0:User:badge\" <- \"none\": \"urn:",
        "contoso:2.0:User:badge\" <- \"none\": the sender puts the constant in",
        "object mapping \"Group\" -> \"urn:ietf:params:scim:schemas:core:2.0:Group\": groups need no mapping",
    ];
    for part in parts {
        assert!(listed.iter().any(|listed| listed.contains(part)), "{part}: {listed:#?}");
    }
    assert_eq!(listed.len(), parts.len(), "{listed:#?}");
}

#[test]
fn attributes_are_known_in_any_spelling() {
    for (path, field) in [
        ("DisplayName", "DisplayName"),
        ("manager", "DirectManager"),
        ("emails[ type eq \"WORK\" ].value", "Email"),
        ("urn:ietf:params:scim:schemas:core:2.0:User:Active", "State"),
        ("department", "Department"),
        ("timezone", "TimeZone"),
    ] {
        let import = with_attribute(&json!({ "targetAttributeName": path }));
        let fields: Vec<_> = import.taken.iter().map(|taken| taken.field.as_str()).collect();
        assert_eq!(fields, [field], "{path}");
    }
}

#[test]
fn a_field_is_filled_once() {
    let schema = json!({ "synchronizationRules": [{ "objectMappings": [{
        "targetObjectName": "User", "flowTypes": "Add,Update", "attributeMappings": [
            { "targetAttributeName": "addresses[type eq \"work\"].country" },
            { "targetAttributeName": "addresses[type eq \"home\"].country" },
            { "targetAttributeName": "password" },
            { "note": "strange" }
        ]
    }, { "targetObjectName": "User", "enabled": false }, { "targetObjectName": "Device" }] }] });
    let import = import(&schema.to_string()).expect("imports");
    let why: Vec<_> = import.not_applied.iter().map(|listed| listed.why.as_str()).collect();
    let parts = [
        "the sender leaves such",
        "Country is filled from",
        "passwords fill no field",
        "it says nothing",
        "switched off",
        "neither a SCIM User",
    ];
    assert_eq!(why.len(), parts.len(), "{why:?}");
    for (why, part) in why.iter().zip(parts) {
        assert!(why.contains(part), "{why}");
    }
}

#[test]
fn what_is_no_schema_is_refused() {
    check_error("[", "not JSON");
    check_error("{}", "no \"synchronizationRules\"");
    check_error(r#"{"synchronizationRules": [7]}"#, "no enabled object mapping");
    let template = json!({ "schema": serde_json::from_str::<Value>(ENTRA).expect("JSON") });
    assert!(import(&template.to_string()).is_ok());
}

#[test]
fn importing_twice_changes_nothing() {
    let first = import(ENTRA).expect("imports").mapping;
    let definitions = definitions();
    let second = first.import_graph(ENTRA, &user(), Fields::new(&definitions)).expect("imports");
    assert_eq!(second.mapping, first);
    assert!(second.taken.iter().all(|taken| !taken.is_new));
}
