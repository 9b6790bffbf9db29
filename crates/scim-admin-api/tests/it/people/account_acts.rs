//! What is done with accounts besides changing them: renaming, inviting, erasing, explaining.

use scim_directory::Privilege;
use serde_json::{Value, json};

use super::town::Town;

#[test]
fn an_account_gets_another_user_name() {
    let town = Town::new();
    let (mira, _) = (town.managed("mira"), town.account("nora"));
    let path = format!("accounts/{mira}/rename");
    let renamed = town.send("POST", &path, &json!({ "user_name": "mira.m" })).is(200);
    assert_eq!(renamed.text("/fields/UserName"), "mira.m");
    assert_eq!(renamed.etag(), town.get(&format!("accounts/{mira}")).etag());
    assert_eq!(town.scim("GET", &format!("/Users/{mira}"), &Value::Null).text("/userName"), "mira.m");
    let refused = |body: Value, status, code: &str, says: &str| {
        town.send("POST", &path, &body).refused(status, code, says);
    };
    refused(json!({ "user_name": "NORA" }), 409, "conflict", "userName");
    refused(json!({ "user_name": " " }), 422, "invalid", "user_name");
    refused(json!({ "user_name": "x", "to": "y" }), 422, "invalid", "to");
    refused(json!({}), 422, "invalid", "user_name");
    town.guarded(Privilege::LiteAdmin, "POST", &path, &json!({ "user_name": "x" }));
    let elsewhere = format!("/instances/other/accounts/{mira}/rename");
    town.send("POST", &elsewhere, &json!({ "user_name": "x" })).refused(404, "not_found", "no account");
}

#[test]
fn user_names_are_rewritten_page_by_page() {
    let town = Town::new();
    for name in ["a", "b", "c@acme.example", "d", "d@acme.example"] {
        town.account(name);
        town.pass(1);
    }
    let managed = town.managed("e");
    let expression =
        "IIF(InStr([UserName], \"@\", , ) > 0, [UserName], Append([UserName], \"@acme.example\"))";
    let _ = expression;
    let body = json!({ "expression": "Append([UserName], \"@acme.example\")", "unmanaged": true });
    let all = |body: &Value, limit: usize| {
        let (mut accounts, mut cursor, mut renamed) = (Vec::new(), String::new(), 0);
        loop {
            let path = format!("accounts/renames?limit={limit}{cursor}");
            let page = town.send("POST", &path, body).is(200).body;
            renamed += page["renamed"].as_u64().expect("a number");
            accounts.extend(page["accounts"].as_array().expect("accounts").iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return (accounts, renamed),
            }
        }
    };
    let (preview, renamed) = all(&body, 2);
    assert_eq!((preview.len(), renamed), (5, 4));
    let conflict = preview.iter().find(|account| account["outcome"] == "conflict").expect("a conflict");
    assert_eq!(conflict["user_name"], "d");
    assert_eq!(conflict["new_user_name"], "d@acme.example");
    assert!(conflict["reason"].as_str().is_some_and(|reason| reason.contains("d@acme.example")));
    let names = || {
        let accounts = town.pages("accounts").0;
        let name = |account: &Value| account["fields"]["UserName"].as_str().unwrap_or_default().to_owned();
        accounts.iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(
        names(),
        ["e", "d@acme.example", "d", "c@acme.example", "b", "a"],
        "a preview changes nothing"
    );
    let apply =
        json!({ "expression": "Append([UserName], \"@acme.example\")", "unmanaged": true, "apply": true });
    let (done, renamed) = all(&apply, 2);
    assert_eq!((done.len(), renamed), (5, 5), "what an earlier page gave up is free");
    assert_eq!(
        names(),
        [
            "e",
            "d@acme.example@acme.example",
            "d@acme.example",
            "c@acme.example@acme.example",
            "b@acme.example",
            "a@acme.example"
        ]
    );
    let everybody = json!({ "expression": "\"same\"" });
    let page = town.send("POST", "accounts/renames", &everybody).is(200).body;
    assert_eq!((page["renamed"].as_u64(), page["conflicts"].as_u64()), (Some(1), Some(5)));
    assert_eq!(page["accounts"][0]["id"], json!(managed));
    let refused = |path: &str, body: Value, says: &str| {
        town.send("POST", path, &body).refused(422, "invalid", says);
    };
    refused("accounts/renames", json!({ "expression": "Append(" }), "");
    refused("accounts/renames", json!({ "expression": "[Shoe]" }), "Shoe");
    refused("accounts/renames", json!({ "expressions": "x" }), "expressions");
    refused("accounts/renames?limit=201", everybody.clone(), "limit");
    let next = town.send("POST", "accounts/renames?limit=1", &body).is(200).text("/next");
    refused(&format!("accounts/renames?cursor={next}"), everybody.clone(), "cursor");
    town.guarded(Privilege::LiteAdmin, "POST", "accounts/renames", &everybody);
}

#[test]
fn a_person_is_invited_once_active() {
    let town = Town::new();
    let mira = town.account("mira");
    let path = format!("accounts/{mira}/invite");
    let invited = town.send("POST", &path, &Value::Null).is(200);
    assert_eq!(invited.body, json!({ "id": mira, "invited": true }));
    town.send("PATCH", &format!("accounts/{mira}"), &json!({ "state": "suspended" })).is(200);
    town.send("POST", &path, &Value::Null).refused(422, "invalid", "suspended");
    town.guarded(Privilege::LiteAdmin, "POST", &path, &Value::Null);
    let elsewhere = format!("/instances/other/accounts/{mira}/invite");
    town.send("POST", &elsewhere, &Value::Null).refused(404, "not_found", "no account");
}

#[test]
fn a_person_is_erased_by_who_confirms_it() {
    let town = Town::new();
    let mira = town.account("mira");
    let path = format!("accounts/{mira}/erase");
    town.send("POST", &path, &json!({ "confirm": "nora" })).refused(422, "invalid", "nora");
    town.send("POST", &path, &json!({})).refused(422, "invalid", "confirm");
    town.guarded(Privilege::Owner, "POST", &path, &json!({ "confirm": "mira" }));
    let elsewhere = format!("/instances/other/accounts/{mira}/erase");
    town.send("POST", &elsewhere, &json!({ "confirm": "mira" })).refused(404, "not_found", "no account");
    let erased = town.send("POST", &path, &json!({ "confirm": "Mira" })).is(200).body;
    assert_eq!(erased["deleted"], true);
    assert!(erased["erased"].as_u64().is_some_and(|records| records >= 3), "{erased}");
    let shown = town.get(&format!("accounts/{mira}")).is(200);
    assert_eq!(
        (shown.text("/state"), &shown.body["fields"]["UserName"]),
        ("deleted".to_owned(), &Value::Null)
    );
    town.send("POST", &path, &json!({ "confirm": "mira" })).refused(404, "not_found", "erased already");
}

#[test]
fn who_was_deleted_is_erased_and_nobody_else_of_the_name() {
    let town = Town::new();
    let gone = town.account("mira");
    town.send("DELETE", &format!("accounts/{gone}"), &Value::Null).is(204);
    let here = town.account("mira");
    let path = format!("accounts/{gone}/erase");
    let erased = town.send("POST", &path, &json!({ "confirm": "mira" })).is(200).body;
    assert_eq!(erased["deleted"], false);
    assert_eq!(town.get(&format!("accounts/{here}")).text("/fields/UserName"), "mira");
    // By the user name everybody goes.
    let body = json!({ "user_name": "mira", "confirm": "mira" });
    let erased = town.send("POST", "accounts/erasures", &body).is(200).body;
    assert_eq!(erased["deleted"], true);
    town.send("POST", "accounts/erasures", &body).refused(404, "not_found", "mira");
    let unsure = json!({ "user_name": "mira", "confirm": "nora" });
    town.send("POST", "accounts/erasures", &unsure).refused(422, "invalid", "confirm");
    town.guarded(Privilege::Owner, "POST", "accounts/erasures", &body);
}

#[test]
fn where_values_come_from_is_explained() {
    let town = Town::new();
    let mira = town.managed("mira");
    town.send("PATCH", &format!("accounts/{mira}"), &json!({ "fields": { "Division": "North" } })).is(200);
    let path = format!("accounts/{mira}/explain");
    let explained = town.get(&path).is(200).body;
    assert_eq!(explained["id"], json!(mira));
    assert_eq!(explained["managed_by"], "default");
    assert_eq!(explained["fields"]["Division"]["cause"], "edit");
    assert_eq!(explained["fields"]["Division"]["value"], "North");
    assert_eq!(explained["fields"]["UserName"]["cause"], "mapping");
    assert_eq!(explained["fields"]["UserName"]["connector"], "default");
    assert_eq!(explained["fields"]["DirectManager"]["status"], "none");
    town.send("DELETE", &format!("accounts/{mira}"), &Value::Null).is(204);
    assert_eq!(town.get(&path).is(200).body["fields"]["State"]["value"], "deleted");
    town.guarded(Privilege::ReadOnly, "GET", &path, &Value::Null);
    town.get(&format!("/instances/other/accounts/{mira}/explain")).refused(404, "not_found", "no account");
}
