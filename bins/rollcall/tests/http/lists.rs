//! Lists, paging, sorting, filters and searches (RFC 7644 §3.4.2, §3.4.3; RFC 9865).

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::support::{Client, ENTERPRISE, Server, USER, encoded, search, texts};

/// A server with people `p00` … in this number; titles repeat, half of them have a nick name.
fn populated(people: usize) -> (Server, Client) {
    let server = Server::start();
    let acme = server.acme();
    for number in 0..people {
        let mut body = json!({
            "schemas": [USER], "userName": format!("p{number:02}"), "title": format!("T{}", number % 3),
            "password": "secret", "emails": [{ "value": format!("m{number:02}@example.com"), "type": "work" }]
        });
        if number % 2 == 0 {
            body["nickName"] = json!(format!("Nick {}", people - number));
        }
        acme.post("/Users", &body).created();
    }
    (server, acme)
}

fn names(list: &Value) -> Vec<String> {
    texts(&list["Resources"], "userName")
}

#[test]
fn pages_by_index() {
    let (_server, acme) = populated(7);
    let page = |query: &str| acme.get(&format!("/Users?{query}")).ok(200);
    let check = |query: &str, start: u64, items: usize| {
        let list = page(query);
        assert_eq!(list["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"]));
        assert_eq!(list["totalResults"], 7, "{query}");
        assert_eq!(list["startIndex"], start, "{query}");
        assert_eq!(list["itemsPerPage"], items, "{query}");
        assert_eq!(list["Resources"].as_array().map(Vec::len), Some(items), "{query}");
        assert_eq!(list.get("nextCursor"), None, "{query}");
    };
    check("", 1, 7);
    check("count=3", 1, 3);
    check("startIndex=6&count=3", 6, 2);
    check("startIndex=7", 7, 1);
    check("startIndex=8", 8, 0);
    check("startIndex=99999999999999999999", u64::try_from(i64::MAX).expect("positive"), 0);
    check("startIndex=0&count=2", 1, 2);
    check("startIndex=-5&count=2", 1, 2);
    check("count=0", 1, 0);
    check("count=-3", 1, 0);
    check("count=1000000", 1, 7);
    check("count=99999999999999999999", 1, 7);
    check("COUNT=2&StartIndex=2", 2, 2);
    check("count=&startIndex=%20", 1, 7);
    for wrong in ["count=x", "startIndex=1.5", "count=1e2"] {
        acme.get(&format!("/Users?{wrong}")).error(400, Some("invalidValue"));
    }
    let mut seen = Vec::new();
    for start in [1, 4, 7] {
        seen.extend(names(&page(&format!("startIndex={start}&count=3"))));
    }
    let distinct: HashSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len()), (7, 7), "the order is stable without sortBy: {seen:?}");
}

#[test]
fn no_page_is_larger_than_a_thousand() {
    let server = Server::start();
    let acme = server.acme();
    for first in [0, 600] {
        let operations: Vec<Value> = (first..first + 600)
            .map(|number| {
                let data = crate::support::person(&format!("p{number}"));
                json!({ "method": "POST", "path": "/Users", "bulkId": number.to_string(), "data": data })
            })
            .collect();
        acme.post("/Bulk", &crate::support::bulk(operations.into())).ok(200);
    }
    for (query, items) in [("", 100), ("?count=5000", 1000), ("?count=5000&startIndex=1001", 200)] {
        let list = acme.get(&format!("/Users{query}")).ok(200);
        assert_eq!((&list["totalResults"], &list["itemsPerPage"]), (&json!(1200), &json!(items)), "{query}");
    }
    let first = acme.get("/Users?cursor=&count=5000").ok(200);
    assert_eq!(first["itemsPerPage"], 1000);
    let next = first["nextCursor"].as_str().expect("more");
    assert_eq!(acme.get(&format!("/Users?cursor={next}&count=5000")).ok(200)["itemsPerPage"], 200);
}

#[test]
fn sorted_lists() {
    let (_server, acme) = populated(6);
    let sorted = |by: &str| names(&acme.get(&format!("/Users?{by}")).ok(200));
    let up = ["p00", "p01", "p02", "p03", "p04", "p05"];
    let down = ["p05", "p04", "p03", "p02", "p01", "p00"];
    for by in [
        "userName",
        "USERNAME",
        &format!("{USER}:userName"),
        "emails",
        "emails.value",
        "userName&startIndex=0",
    ] {
        assert_eq!(sorted(&format!("sortBy={by}")), up, "{by}");
        assert_eq!(sorted(&format!("sortBy={by}&sortOrder=ascending")), up, "{by}");
        assert_eq!(sorted(&format!("sortBy={by}&sortOrder=Descending")), down, "{by}");
    }
    // Ids made in the same millisecond have no order of their own.
    let by_id = sorted("sortBy=id");
    let mut newest_first = by_id.clone();
    newest_first.reverse();
    assert_eq!(sorted("sortBy=id&sortOrder=descending"), newest_first);
    for unsorted in ["", "sortBy=", "sortOrder=descending"] {
        assert_eq!(sorted(unsorted), newest_first, "without sortBy there is no order to turn: {unsorted}");
    }
    assert_eq!(sorted("sortBy=active"), by_id, "equal values keep the order of ids");
    // Those without a value come last, or first when descending (RFC 7644 §3.4.2.3).
    assert_eq!(sorted("sortBy=nickName")[..3], ["p04", "p02", "p00"]);
    assert_eq!(sorted("sortBy=nickName&sortOrder=descending")[3..], ["p00", "p02", "p04"]);
    let mut titles = sorted("sortBy=title&count=2");
    titles.sort();
    assert_eq!(titles, ["p00", "p03"]);
    for (by, scim_type) in [
        ("nothing", "invalidPath"),
        ("userName%20eq", "invalidPath"),
        ("groups", "invalidPath"),
        ("groups.display", "invalidPath"),
        ("password", "invalidPath"),
        ("name", "invalidPath"),
        ("x509Certificates", "invalidPath"),
        (&format!("{ENTERPRISE}:manager.displayName"), "invalidPath"),
        ("emails[type%20eq%20%22work%22]", "invalidPath"),
        ("userName&sortOrder=sideways", "invalidValue"),
    ] {
        acme.get(&format!("/Users?sortBy={by}")).error(400, Some(scim_type));
    }
    acme.get("/Groups?sortBy=members").error(400, Some("invalidPath"));
    acme.get("/Groups?sortBy=userName").error(400, Some("invalidPath"));
    acme.get("?sortBy=nothing").error(400, Some("invalidPath"));
    acme.get("?sortBy=userName").ok(200);
}

/// Follows cursors from the first page to the last; every id in order.
fn follow(client: &Client, query: &str, mut between: impl FnMut(usize)) -> Vec<String> {
    let (mut ids, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let list = client.get(&format!("{query}&cursor={cursor}")).ok(200);
        assert_eq!(list.get("startIndex"), None);
        assert!(list["totalResults"].is_u64());
        assert_eq!(list["itemsPerPage"].as_u64(), list["Resources"].as_array().map(|page| page.len() as u64));
        ids.extend(texts(&list["Resources"], "id"));
        let Some(next) = list["nextCursor"].as_str() else { return ids };
        assert!(next.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte)), "{next}");
        cursor = next.to_owned();
        pages += 1;
        assert!(pages < 100, "it never ends");
        between(pages);
    }
}

#[test]
fn cursors_lead_to_every_resource_once() {
    let (_server, acme) = populated(11);
    for query in [
        "/Users?count=3".to_owned(),
        "/Users?count=11".to_owned(),
        "/Users?count=1".to_owned(),
        "/Users?count=4&sortBy=title".to_owned(),
        "/Users?count=2&sortBy=nickName".to_owned(),
        "/Users?count=2&sortBy=nickName&sortOrder=descending".to_owned(),
        "/Users?count=3&sortBy=meta.lastModified&sortOrder=descending".to_owned(),
        "/Users?count=3&sortBy=active".to_owned(),
        "/Users?count=3&sortBy=emails".to_owned(),
        format!("/Users?count=2&filter={}", encoded("userName sw \"p\"")),
        "?count=3".to_owned(),
    ] {
        let ids = follow(&acme, &query, |_| ());
        assert_eq!((ids.len(), ids.iter().collect::<HashSet<_>>().len()), (11, 11), "{query}");
        let whole = acme.get(&query.replace("count=", "count=1000&x=")).ok(200);
        assert_eq!(texts(&whole["Resources"], "id"), ids, "{query}: the same order as by index");
    }
    let some = format!("/Users?count=2&filter={}", encoded("title eq \"t1\""));
    assert_eq!(follow(&acme, &some, |_| ()).len(), 4);
    let none = format!("/Users?count=2&filter={}", encoded("title eq \"x\""));
    assert!(follow(&acme, &none, |_| ()).is_empty());
}

#[test]
fn cursors_stand_while_others_write() {
    let (_server, acme) = populated(10);
    let before = texts(&acme.get("/Users").ok(200)["Resources"], "id");
    let seen = follow(&acme, "/Users?count=2", |page| {
        // One that was seen goes, one that was not seen changes, one comes.
        acme.delete(&format!("/Users/{}", before[page - 1])).empty(204);
        let last = format!("/Users/{}", before[9]);
        acme.patch(&last, json!([{ "op": "replace", "path": "title", "value": format!("x{page}") }])).ok(200);
        acme.person(&format!("new{page}"));
        assert!(page < 50);
    });
    let distinct: HashSet<_> = seen.iter().collect();
    assert_eq!(distinct.len(), seen.len(), "nobody twice");
    for id in &before[5..] {
        assert!(seen.contains(id), "nobody who was there all the time is missed");
    }
}

#[test]
fn cursors_are_bound_to_what_they_were_made_for() {
    let (server, acme) = populated(5);
    let strict = server.strict();
    let filter = encoded("userName sw \"p\"");
    let first = acme.get(&format!("/Users?cursor=&count=2&sortBy=userName&filter={filter}")).ok(200);
    let cursor = first["nextCursor"].as_str().expect("more").to_owned();
    let good = format!("/Users?cursor={cursor}&count=2&sortBy=userName&filter={filter}");
    acme.get(&good).ok(200);
    acme.get(&good.replace("&count=2", "")).ok(200);
    // What is shown may change from page to page; which ones, and how many, may not.
    acme.get(&format!("{good}&attributes=userName")).ok(200);
    acme.get(&good.replace("count=2", "count=3")).error(400, Some("invalidCount"));
    for other in [
        good.replace("sortBy=userName", "sortBy=title"),
        good.replace("&sortBy=userName", ""),
        format!("{good}&sortOrder=descending"),
        good.replace(&filter, &encoded("userName sw \"q\"")),
        good.replace(&format!("&filter={filter}"), ""),
        good.replace("/Users", "/Groups").replace("sortBy=userName", "").replace(&filter, "id%20pr"),
        good.replace("/Users", ""),
        good.replace(&cursor, "rubbish"),
        good.replace(&cursor, &cursor[1..]),
        good.replace(&cursor, &format!("{cursor}A")),
        good.replace(&cursor, &"A".repeat(3000)),
        good.replace(&cursor, "%00"),
    ] {
        acme.get(&other).error(400, Some("invalidCursor"));
    }
    strict.get(&good).error(400, Some("invalidCursor"));
    let mut changed = cursor.clone().into_bytes();
    changed[40] = if changed[40] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).expect("text");
    acme.get(&good.replace(&cursor, &changed)).error(400, Some("invalidCursor"));
    // It survives in a search as in a URL.
    let body = json!({ "cursor": cursor, "count": 2, "sortBy": "userName", "filter": "userName sw \"p\"" });
    let found = acme.post("/Users/.search", &search(body)).ok(200);
    assert_eq!(found["Resources"], acme.get(&good).ok(200)["Resources"]);
    let next = found["nextCursor"].as_str().expect("more");
    assert_eq!(acme.get(&good.replace(&cursor, next)).ok(200)["itemsPerPage"], 1);
}

#[test]
fn a_page_of_none_has_no_next_one() {
    let (_server, acme) = populated(3);
    let list = acme.get("/Users?cursor=&count=0").ok(200);
    assert_eq!((&list["totalResults"], &list["itemsPerPage"]), (&json!(3), &json!(0)));
    assert_eq!(list.get("nextCursor"), None, "it would lead nowhere, for ever");
}

#[test]
fn searches_are_lists() {
    let (_server, acme) = populated(5);
    acme.group("Engines", &[]);
    let body = json!({
        "filter": "userName sw \"p\" and title eq \"T1\"", "sortBy": "userName", "sortOrder": "descending",
        "startIndex": 1, "count": 1, "attributes": ["userName"]
    });
    let expected = acme
        .get(&format!(
            "/Users?filter={}&sortBy=userName&sortOrder=descending&startIndex=1&count=1&attributes=userName",
            encoded("userName sw \"p\" and title eq \"T1\"")
        ))
        .ok(200);
    for path in ["/Users/.search", "/.search"] {
        let found = acme.post(path, &search(body.clone())).ok(200);
        assert_eq!(found, expected, "{path}");
        assert_eq!((&found["totalResults"], names(&found)), (&json!(2), vec!["p04".to_owned()]));
    }
    assert_eq!(acme.post("/.search", &search(json!({}))).ok(200)["totalResults"], 6);
    assert_eq!(acme.post("/Groups/.search", &search(json!({}))).ok(200)["totalResults"], 1);
    // What only some types have is false for the others.
    let mixed = json!({ "filter": "userName eq \"p01\" or displayName eq \"engines\"" });
    assert_eq!(acme.post("/.search", &search(mixed)).ok(200)["totalResults"], 2);
    let typed = json!({ "filter": "meta.resourceType eq \"Group\"" });
    assert_eq!(acme.post("/.search", &search(typed)).ok(200)["totalResults"], 1);
    for (wrong, scim_type) in [
        (json!({ "schemas": [] }), "invalidSyntax"),
        (json!({ "filter": "userName eq \"x\"" }), "invalidSyntax"),
        (search(json!({ "filter": 7 })), "invalidSyntax"),
        (search(json!({ "count": "many" })), "invalidSyntax"),
        (search(json!({ "filter": "nothing eq 1" })), "invalidFilter"),
        (search(json!({ "sortOrder": "sideways" })), "invalidValue"),
        (search(json!({ "attributes": [7] })), "invalidSyntax"),
    ] {
        acme.post("/.search", &wrong).error(400, Some(scim_type));
        acme.post("/Users/.search", &wrong).error(400, Some(scim_type));
    }
}

#[test]
fn a_wrong_filter_is_an_error_never_an_empty_list() {
    let (server, acme) = populated(2);
    let strict = server.strict();
    let deep = format!("{}userName pr{}", "(".repeat(200), ")".repeat(200));
    let many = vec!["userName pr"; 2000].join(" or ");
    for wrong in [
        "",
        " ",
        "userName",
        "userName eq",
        "userName eq ada",
        "userName eq \"ada",
        "userName eq \"ada\" and",
        "userName eq \"ada\" title pr",
        "(userName eq \"ada\"",
        "userName is \"ada\"",
        "nothing eq \"ada\"",
        "name.nothing eq \"ada\"",
        "urn:example:none:userName eq \"ada\"",
        "userName gt 7",
        "active eq \"maybe\"",
        "active gt true",
        "meta.created gt \"yesterday\"",
        "emails[type eq \"work\"",
        "emails[nothing eq \"work\"]",
        "userName[value eq \"x\"]",
        "userName co null",
        "emails[type eq \"work\"].value.x eq \"y\"",
        "password eq \"secret\"",
        "password pr",
        "not userName pr",
        "userName eq \"a\\u0000b\\ud800\"",
        &deep,
        &many,
        &format!("userName eq \"{}\"", "x".repeat(7000)),
    ] {
        for client in [&acme, &strict] {
            let answer = client.filter("/Users", wrong);
            let answer = if answer.status == 414 {
                client.post("/Users/.search", &search(json!({ "filter": wrong })))
            } else {
                answer
            };
            answer.error(400, Some("invalidFilter"));
        }
    }
    let detail =
        acme.filter("/Users", "userName eq \"p00\" or titel eq \"x\"").error(400, Some("invalidFilter"));
    assert!(detail.contains("titel"), "{detail}");
    acme.filter("", "nothing pr").error(400, Some("invalidFilter"));
    acme.filter("", "password eq \"secret\"").error(400, Some("invalidFilter"));
}

#[test]
fn filters_find() {
    let (_server, acme) = populated(4);
    for (filter, expected) in [
        ("userName eq \"P01\"", 1),
        ("USERNAME EQ \"p01\"", 1),
        ("userName ne \"p01\"", 3),
        ("userName gt \"p01\"", 2),
        ("userName le \"p01\"", 2),
        ("nickName pr", 2),
        ("not (nickName pr)", 2),
        ("nickName eq null", 2),
        ("title eq \"T0\" or title eq \"T1\" and userName eq \"p01\"", 3),
        ("(title eq \"T0\" or title eq \"T1\") and userName eq \"p01\"", 1),
        ("emails[type eq \"work\" and value co \"m02\"]", 1),
        ("emails.value ew \"@EXAMPLE.com\"", 4),
        ("emails co \"m03\"", 1),
        ("active eq true", 4),
        ("active eq \"True\"", 4),
        ("meta.created gt \"2020-01-01T00:00:00Z\"", 4),
        ("meta.created lt \"2020-01-01T00:00:00+14:00\"", 0),
        ("meta.resourceType eq \"User\"", 4),
        ("schemas eq \"urn:ietf:params:scim:schemas:core:2.0:User\"", 4),
        ("urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"p00\"", 1),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department pr", 0),
        ("userName eq \"x' or '1'='1\"", 0),
        ("userName co \"%\"", 0),
        ("userName sw \"_\"", 0),
        ("title eq \"\\u0054\\u0030\"", 2),
    ] {
        assert_eq!(acme.filter("/Users", filter).ok(200)["totalResults"], expected, "{filter}");
    }
}

#[test]
fn what_is_shown() {
    let (_server, acme) = populated(1);
    let whole = acme.get("/Users").ok(200)["Resources"][0].clone();
    let id = whole["id"].as_str().expect("an id").to_owned();
    let keys = |value: &Value| {
        let mut keys: Vec<_> = value.as_object().expect("an object").keys().cloned().collect();
        keys.sort();
        keys
    };
    for (query, expected) in [
        ("attributes=userName", vec!["id", "schemas", "userName"]),
        ("attributes=USERNAME,Title", vec!["id", "schemas", "title", "userName"]),
        ("attributes=emails.value", vec!["emails", "id", "schemas"]),
        (&format!("attributes={USER}:nickName"), vec!["id", "nickName", "schemas"]),
        ("attributes=password", vec!["id", "schemas"]),
        ("attributes=nothing", vec!["id", "schemas"]),
        // Entra sends both: what is excluded is taken from what was asked for.
        ("attributes=userName,title&excludedAttributes=title", vec!["id", "schemas", "userName"]),
        (
            "excludedAttributes=id,schemas,userName,meta,emails,title,nickName",
            vec!["active", "id", "schemas"],
        ),
    ] {
        let alone = acme.get(&format!("/Users/{id}?{query}")).ok(200);
        assert_eq!(keys(&alone), expected, "{query}");
        assert_eq!(acme.get(&format!("/Users?{query}")).ok(200)["Resources"][0], alone, "{query}");
        let path = format!("/Users/{id}?{query}");
        assert_eq!(keys(&acme.patch(&path, json!([])).ok(200)), expected, "PATCH {query}");
        assert_eq!(keys(&acme.put(&path, &whole).ok(200)), expected, "PUT {query}");
    }
    let created = acme.post("/Users?attributes=userName", &crate::support::person("bob"));
    assert_eq!(keys(&created.ok(201)), ["id", "schemas", "userName"]);
    assert!(created.header("location").is_some() && created.header("etag").is_some());
    let emails = acme.get(&format!("/Users/{id}?attributes=emails.value")).ok(200)["emails"].clone();
    assert_eq!(emails, json!([{ "value": "m00@example.com" }]));
}
