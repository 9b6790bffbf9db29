//! What is sent: people as identity providers have them, and their changes in the shapes that Entra ID sends.

use std::io::Write as _;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// The tag of people who stay.
pub const STAYING: &str = "person";

const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// The user name of the person with a number. Those that come and go have the run's tag, those who stay [`STAYING`].
#[must_use]
pub fn user_name(tag: &str, number: u64) -> String {
    format!("{tag}.{number:07}@contoso.example")
}

/// The `externalId` of the same person.
#[must_use]
pub fn external_id(tag: &str, number: u64) -> String {
    format!("{tag}-3f2a6c1e-0000-4000-8000-{number:012}")
}

/// The family name of the person with a number: one of 7,919.
#[must_use]
pub fn family_name(number: u64) -> String {
    format!("Family{}", number % 7919)
}

/// The given name of the person with a number: one of 1,009. Nobody below eight million has both names of another.
#[must_use]
pub fn given_name(number: u64) -> String {
    format!("Given{}", number % 1009)
}

/// A person with the enterprise extension: 1.2 KB as a server answers it, with an id and `meta`. `turn` tells versions of one person apart.
pub fn person(body: &mut Vec<u8>, tag: &str, number: u64, turn: u64) {
    let (name, external_id) = (user_name(tag, number), external_id(tag, number));
    let (given, family) = (given_name(number), family_name(number));
    let (house, floor, phone) = (number % 97, number % 12, 1_000_000 + number % 8_999_999);
    let (title, department, cost) = (number % 53, number % 211, number % 307);
    body.clear();
    // A vector takes all that is written.
    let _ = write!(
        body,
        concat!(
            r#"{{"schemas":["{user}","{enterprise}"],"externalId":"{external_id}","userName":"{name}","#,
            r#""name":{{"formatted":"{given} {family}","familyName":"{family}","givenName":"{given}"}},"#,
            r#""displayName":"{given} {family}","title":"Title {title}-{turn}","userType":"Employee","#,
            r#""preferredLanguage":"en-US","locale":"en-US","timezone":"Europe/Berlin","active":true,"#,
            r#""emails":[{{"value":"{name}","type":"work","primary":true}}],"#,
            r#""phoneNumbers":[{{"value":"+49 30 {phone}","type":"work"}},{{"value":"+49 170 {phone}","type":"mobile"}}],"#,
            r#""addresses":[{{"formatted":"{house} Example Street, 10115 Berlin","streetAddress":"{house} Example Street","#,
            r#""locality":"Berlin","region":"BE","postalCode":"10115","country":"DE","type":"work"}}],"#,
            r#""{enterprise}":{{"employeeNumber":"{number}","costCenter":"CC {cost}","organization":"Contoso","#,
            r#""division":"Division {floor}","department":"Department {department}"}}}}"#
        ),
        user = USER,
        enterprise = ENTERPRISE,
        external_id = external_id,
        name = name,
        given = given,
        family = family,
        title = title,
        turn = turn,
        phone = phone,
        house = house,
        number = number,
        cost = cost,
        floor = floor,
        department = department,
    );
}

/// A change of a person as Entra ID sends it, one of three by turns: one attribute; a value of the work address with another
/// attribute; the enterprise extension with a part of the name.
pub fn change(body: &mut Vec<u8>, turn: u64) {
    body.clear();
    let _ = write!(body, r#"{{"schemas":["{PATCH_OP}"],"Operations":["#);
    let _ = match turn % 3 {
        0 => write!(body, r#"{{"op":"Replace","path":"displayName","value":"Given Renamed {turn}"}}"#),
        1 => write!(
            body,
            r#"{{"op":"Replace","path":"addresses[type eq \"work\"].postalCode","value":"{turn}"}},{{"op":"Replace","path":"title","value":"Title {turn}"}}"#
        ),
        _ => write!(
            body,
            r#"{{"op":"Add","path":"{ENTERPRISE}:department","value":"Department {turn}"}},{{"op":"Replace","path":"name.formatted","value":"Given{turn}"}}"#
        ),
    };
    body.extend_from_slice(b"]}");
}

/// A group with its first members.
pub fn group(body: &mut Vec<u8>, name: &str, members: &[String]) {
    body.clear();
    let _ =
        write!(body, r#"{{"schemas":["{GROUP}"],"displayName":"{name}","externalId":"{name}","members":["#);
    values(body, members.iter().map(String::as_str));
    body.extend_from_slice(b"]}");
}

/// Adds (`Add`) or removes (`Remove`) members by PATCH, as Entra ID does.
pub fn members<'i>(body: &mut Vec<u8>, operation: &str, ids: impl Iterator<Item = &'i str>) {
    body.clear();
    let _ = write!(
        body,
        r#"{{"schemas":["{PATCH_OP}"],"Operations":[{{"op":"{operation}","path":"members","value":["#
    );
    values(body, ids);
    body.extend_from_slice(b"]}]}");
}

fn values<'i>(body: &mut Vec<u8>, ids: impl Iterator<Item = &'i str>) {
    for (index, id) in ids.enumerate() {
        let _ = write!(body, r#"{}{{"value":"{id}"}}"#, if index > 0 { "," } else { "" });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn check(write: impl Fn(&mut Vec<u8>), pointer: &str, expected: &str) {
        let mut body = b"what was there".to_vec();
        write(&mut body);
        let json: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(json.pointer(pointer), Some(&Value::from(expected)), "{json}");
    }

    #[test]
    fn every_body_is_json() {
        check(|body| person(body, "person", 12, 3), "/userName", "person.0000012@contoso.example");
        check(|body| person(body, "person", 12, 3), "/title", "Title 12-3");
        check(|body| change(body, 3), "/Operations/0/path", "displayName");
        check(|body| change(body, 4), "/Operations/0/path", "addresses[type eq \"work\"].postalCode");
        check(|body| change(body, 5), "/Operations/1/value", "Given5");
        check(|body| group(body, "g", &["1".to_owned(), "2".to_owned()]), "/members/1/value", "2");
        check(|body| members(body, "Add", ["7"].into_iter()), "/Operations/0/value/0/value", "7");
        check(|body| members(body, "Remove", std::iter::empty()), "/Operations/0/op", "Remove");
    }

    #[test]
    fn a_person_has_the_size_of_a_real_one() {
        let mut body = Vec::new();
        person(&mut body, "person", 123_456, 0);
        assert!((1_000..1_200).contains(&body.len()), "{}", body.len());
    }
}
