//! What only makes sense between directories: uniqueness, domains, app roles, distinguished names, SIDs.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json};

use super::super::error::ErrorKind;
use super::super::evaluate::{Evaluated, Invocation, give, null};
use super::super::value::Value;
use super::{Example, Family, Function, PLAIN, Parameter, example, repeated, required};

const ROLES: Parameter = required("appRoleAssignments", "The attribute [appRoleAssignments].");
const STAYS: &str = "Null stays null.";
const HERE: Function = Function { family: Family::Directory, ..PLAIN };

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "SelectUniqueValue",
        parameters: &[repeated("rule", 2, "An expression that gives a value.")],
        meaning: "The first value that nobody has in the target. It stands at the top of an expression, and goes only with \
                  attributes that are written during creation and that objects are not matched by. That all values are \
                  taken is an error.",
        null: "Rules that give null or empty text are passed over.",
        top_only: true,
        evaluate: select_unique,
        ..HERE
    },
    Function {
        name: "DefaultDomain",
        meaning: "The default domain of the tenant.",
        null: "Takes no parameters.",
        evaluate: |call| match call.default_domain() {
            Some(domain) => call.give(domain),
            None => Err(call.fail(ErrorKind::Context, "gives nothing here: no default domain is set")),
        },
        ..HERE
    },
    Function {
        name: "SingleAppRoleAssignment",
        parameters: &[ROLES],
        meaning: "The name of the one role that is assigned. Of several roles it gives the first, which may be any.",
        null: STAYS,
        examples: &[example(
            "SingleAppRoleAssignment([appRoleAssignments])",
            r#"{"appRoleAssignments": ["Approver"]}"#,
            r#""Approver""#,
        )],
        evaluate: |call| {
            let first = role_names(call)?.into_iter().next();
            give(first.map_or(Value::Null, Value::Text))
        },
        ..HERE
    },
    Function {
        name: "AppRoleAssignments",
        parameters: &[ROLES],
        meaning: "The names of the roles that are assigned, as a list.",
        null: STAYS,
        examples: &[example(
            "AppRoleAssignments([appRoleAssignments])",
            r#"{"appRoleAssignments": [{"id": "r1", "displayName": "Approver", "value": "approver"}]}"#,
            r#"["Approver"]"#,
        )],
        evaluate: |call| {
            let names = role_names(call)?;
            if names.is_empty() { null() } else { give(Value::Multi(names)) }
        },
        ..HERE
    },
    Function {
        name: "AppRoleAssignmentsComplex",
        parameters: &[ROLES],
        meaning: "The roles that are assigned, as a list of objects with primary, type, display and value; sent as an \
                  addition. Does not go with provisioning all users.",
        null: STAYS,
        examples: &[ROLE_OBJECTS],
        evaluate: complex_roles,
        ..HERE
    },
    Function {
        name: "AssertiveAppRoleAssignmentsComplex",
        parameters: &[ROLES],
        meaning: "The same list as AppRoleAssignmentsComplex, sent as a replacement, so that removed roles disappear.",
        null: STAYS,
        examples: &[],
        evaluate: complex_roles,
        ..HERE
    },
    Function {
        name: "DNComponent",
        parameters: &[
            required("dn", "A distinguished name (RFC 4514)."),
            required("number", "Which component, from 1, from the left."),
        ],
        meaning: "The value of a component of a distinguished name, its escapes resolved; null where there is no such component.",
        null: STAYS,
        examples: &[example(
            r#"DNComponent([dn], 2)"#,
            r#"{"dn": "CN=Kohl\\, Mia,OU=Ops,DC=example,DC=org"}"#,
            r#""Ops""#,
        )],
        evaluate: |call| {
            let (dn, number) = (call.text(0)?, call.int(1)?);
            let Some(before) = number.checked_sub(1).and_then(|before| usize::try_from(before).ok()) else {
                return Err(call.fail_at(
                    1,
                    ErrorKind::Argument,
                    "counts from 1; use 1 for the first component",
                ));
            };
            match dn.and_then(|dn| component(&dn, before)) {
                Some(value) => call.give(value),
                None => null(),
            }
        },
        ..HERE
    },
    Function {
        name: "StringFromSid",
        parameters: &[required("sid", "A binary security identifier, in Base64.")],
        meaning: "A security identifier as text.",
        null: STAYS,
        examples: &[example(
            "StringFromSid([objectSid])",
            r#"{"objectSid": "AQUAAAAAAAUVAAAA3PTcBvC5u5s1kKzvUAQAAA=="}"#,
            r#""S-1-5-21-115143900-2612771312-4021063733-1104""#,
        )],
        evaluate: |call| {
            let Some(sid) = call.text(0)? else { return null() };
            match STANDARD.decode(sid.as_bytes()).ok().and_then(|bytes| sid_text(&bytes)) {
                Some(text) => call.give(text),
                None => {
                    Err(call.fail_at(0, ErrorKind::Argument, "is no binary security identifier in Base64"))
                }
            }
        },
        ..HERE
    },
];

const ROLE_OBJECTS: Example = example(
    "AppRoleAssignmentsComplex([appRoleAssignments])",
    r#"{"appRoleAssignments": [{"id": "r1", "displayName": "Approver", "value": "approver"}]}"#,
    r#"[{"primary": false, "type": "WindowsAzureActiveDirectoryRole", "display": "Approver", "value": "approver"}]"#,
);

fn select_unique<'e>(call: &mut Invocation<'_, 'e>) -> Evaluated<'e> {
    let Some(taken) = call.taken() else {
        return Err(call.fail(ErrorKind::Context, "cannot look values up here; use it in a mapping"));
    };
    for index in 0..call.count() {
        let value = call.value(index)?;
        if value.is_null_or_empty() {
            continue;
        }
        let text = call.as_text(index, value)?.unwrap_or_default();
        if !taken(&text) {
            return give(Value::Text(text.into_owned()));
        }
    }
    Err(call.fail(ErrorKind::NotUnique, "found all of its values taken; add a rule that gives another"))
}

/// The names of the roles in the first argument.
fn role_names(call: &mut Invocation<'_, '_>) -> Result<Vec<String>, super::super::evaluate::Stop> {
    let value = call.value(0)?;
    Ok(match value.as_ref() {
        Value::Roles(roles) => {
            roles.iter().filter_map(|role| member(role, &["displayName", "display", "value"])).collect()
        }
        Value::Multi(names) => names.clone(),
        _ => call.as_text(0, value)?.map(|name| name.into_owned()).into_iter().collect(),
    })
}

fn complex_roles<'e>(call: &mut Invocation<'_, 'e>) -> Evaluated<'e> {
    let value = call.value(0)?;
    let roles: Vec<(String, String)> = match value.as_ref() {
        Value::Roles(roles) => roles
            .iter()
            .filter_map(|role| {
                let display = member(role, &["displayName", "display", "value"])?;
                let value = member(role, &["value", "displayName", "display"])?;
                Some((display, value))
            })
            .collect(),
        Value::Multi(names) => names.iter().map(|name| (name.clone(), name.clone())).collect(),
        _ => {
            let name = call.as_text(0, value)?;
            name.map(|name| (name.clone().into_owned(), name.into_owned())).into_iter().collect()
        }
    };
    if roles.is_empty() {
        return null();
    }
    let object = |(display, value)| {
        let members = [
            ("primary", Json::Bool(false)),
            ("type", Json::from("WindowsAzureActiveDirectoryRole")),
            ("display", Json::String(display)),
            ("value", Json::String(value)),
        ];
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    };
    give(Value::Roles(roles.into_iter().map(object).collect()))
}

/// The text of the first of the members that has one.
fn member(role: &Map<String, Json>, names: &[&str]) -> Option<String> {
    let text = names.iter().find_map(|name| role.get(*name)?.as_str().filter(|text| !text.is_empty()));
    text.map(str::to_owned)
}

/// The value of a component of a distinguished name, its escapes resolved.
fn component(dn: &str, before: usize) -> Option<String> {
    let mut components = vec![Vec::new()];
    let mut characters = dn.chars();
    while let Some(character) = characters.next() {
        let part = components.last_mut()?;
        match character {
            '\\' => {
                part.push('\\');
                part.extend(characters.next());
            }
            ',' | ';' => components.push(Vec::new()),
            other => part.push(other),
        }
    }
    let component: String = components.into_iter().nth(before)?.into_iter().collect();
    let (_, value) = component.split_once('=')?;
    Some(unescaped(value.trim_start()))
}

/// `\,` is a comma, `\C3\B8` the UTF-8 bytes of ø (RFC 4514 §3). Blanks at the end count only where escaped.
fn unescaped(value: &str) -> String {
    let bytes = value.as_bytes();
    let (mut text, mut kept, mut at) = (Vec::new(), 0, 0);
    let hex = |at: usize| char::from(*bytes.get(at)?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    while let Some(&byte) = bytes.get(at) {
        if byte != b'\\' {
            text.push(byte);
            at += 1;
            kept = if byte == b' ' { kept } else { text.len() };
            continue;
        }
        if let (Some(high), Some(low)) = (hex(at + 1), hex(at + 2)) {
            text.push(high << 4 | low);
            at += 3;
        } else {
            text.extend(bytes.get(at + 1));
            at += 2;
        }
        kept = text.len();
    }
    text.truncate(kept);
    String::from_utf8_lossy(&text).into_owned()
}

/// Revision, count, authority (six bytes, big-endian), and as many numbers of four bytes (little-endian).
fn sid_text(bytes: &[u8]) -> Option<String> {
    let (&[revision, count], rest) = bytes.split_first_chunk()?;
    let (authority, rest) = rest.split_first_chunk::<6>()?;
    let (numbers, surplus) = rest.as_chunks::<4>();
    if numbers.len() != usize::from(count) || !surplus.is_empty() {
        return None;
    }
    let authority = authority.iter().fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte));
    let mut text = format!("S-{revision}-{authority}");
    for number in numbers {
        // Writing to a text does not fail.
        let _ = write!(text, "-{}", u32::from_le_bytes(*number));
    }
    Some(text)
}
