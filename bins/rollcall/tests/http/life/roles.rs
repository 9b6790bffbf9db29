//! App roles, in each shape in which Entra sends them.

use serde_json::{Value, json};

use super::{Scene, employee, path};

/// What Entra's `AppRoleAssignmentsComplex` puts into a value where the attribute's type is text.
fn as_text(role: &str) -> String {
    json!({ "id": "06b07648-0000-4000-9000-000000000001", "value": role, "displayName": role }).to_string()
}

#[track_caller]
fn check(profile: &str, roles: &Value, expected: &Value) -> Scene {
    let scene = Scene::of(profile);
    let mut person = employee("mira@acme.example", "Mira", "Kowalska");
    person["roles"] = roles.clone();
    scene.idp.post("/Users", &person).created();
    assert_eq!(&scene.account("mira@acme.example")["access_role"], expected, "{roles}");
    scene
}

#[test]
fn each_shape_of_a_role() {
    let typed =
        |role: &str| json!({ "primary": true, "type": "WindowsAzureActiveDirectoryRole", "value": role });
    check("email-username", &json!([typed("Admin")]), &json!("Admin"));
    check("email-username", &json!([{ "value": as_text("ReadOnly") }]), &json!("ReadOnly"));
    check("email-username", &json!([{ "value": format!("[{}]", as_text("User")) }]), &json!("User"));
    check("email-username", &json!(["enterpriseadmin"]), &json!("EnterpriseAdmin"));
    check("email-username", &json!([]), &Value::Null);
}

/// The same person through all shapes by PATCH.
#[test]
fn roles_by_patch() {
    let scene = Scene::of("email-username");
    let id = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    assert_eq!(scene.account("mira@acme.example")["access_role"], Value::Null);
    let clear = || json!([{ "op": "remove", "path": "roles" }]);
    for (operations, expected) in [
        // SingleAppRoleAssignment
        (json!([{ "op": "Add", "path": "roles[primary eq \"True\"].value", "value": "User" }]), "User"),
        (
            json!([
                { "op": "Add", "path": "roles[primary eq \"True\"].display", "value": "Admin" },
                { "op": "Add", "path": "roles[primary eq \"True\"].type", "value": "WindowsAzureActiveDirectoryRole" },
                { "op": "Add", "path": "roles[primary eq \"True\"].value", "value": "Admin" },
            ]),
            "Admin",
        ),
        // AppRoleAssignments
        (json!([{ "op": "Add", "path": "roles", "value": ["ReadOnly", "User"] }]), "User"),
        // AppRoleAssignmentsComplex: objects, and objects as JSON text
        (
            json!([{ "op": "Add", "path": "roles", "value": [
                { "primary": false, "type": "WindowsAzureActiveDirectoryRole", "display": "Admin", "value": "Admin" },
                { "primary": false, "type": "WindowsAzureActiveDirectoryRole", "display": "User", "value": "User" },
            ] }]),
            "Admin",
        ),
        (
            json!([{ "op": "Add", "path": "roles", "value": [{ "value": as_text("ReadOnly") }, { "value": as_text("User") }] }]),
            "User",
        ),
        // AssertiveAppRoleAssignmentsComplex
        (
            json!([{ "op": "replace", "path": "roles", "value": [{ "value": "EnterpriseAdmin", "primary": false }] }]),
            "EnterpriseAdmin",
        ),
    ] {
        assert!([200, 204].contains(&scene.idp.patch(&path(&id), operations.clone()).status), "{operations}");
        assert_eq!(scene.account("mira@acme.example")["access_role"], expected, "{operations}");
        assert!([200, 204].contains(&scene.idp.patch(&path(&id), clear()).status));
        assert_eq!(
            scene.account("mira@acme.example")["access_role"],
            Value::Null,
            "no role: sign-in to the app only"
        );
    }
}

/// Of several the highest counts, within the connector's ceiling; what is no role gives none, and the log warns.
#[test]
fn the_highest_within_the_ceiling() {
    check(
        "email-username",
        &json!([{ "value": "User" }, { "value": "EnterpriseAdmin" }, { "value": "Admin" }]),
        &json!("EnterpriseAdmin"),
    );
    let scene =
        check("standard", &json!([{ "value": "User" }, { "value": "EnterpriseAdmin" }]), &json!("User"));
    let created = scene.logged("created").pop().expect("in the log");
    assert_eq!(created["status"], "warning");
    assert!(created["notes"].to_string().contains("ceiling"), "{created}");
    let scene = check("email-username", &json!([{ "value": "Auditor" }]), &Value::Null);
    let created = scene.logged("created").pop().expect("in the log");
    assert_eq!(created["status"], "warning");
    assert!(created["notes"].to_string().contains("Auditor"), "{created}");
    // The same by PATCH, later.
    let id = scene.account("mira@acme.example")["id"].as_str().expect("an id").to_owned();
    scene
        .idp
        .patch(&path(&id), json!([{ "op": "replace", "path": "roles", "value": [{ "value": "Owner" }] }]));
    let updated = scene.logged("updated").pop().expect("in the log");
    assert_eq!(updated["status"], "warning", "{updated}");
    assert!(updated["notes"].to_string().contains("Owner"), "{updated}");
    assert_eq!(scene.account("mira@acme.example")["access_role"], Value::Null);
}
