//! The answer of a typed filter for one resource: the reference that every storage backend has to agree with.
//!
//! Nothing here fails: a value that is not of its attribute's type satisfies no comparison but `ne`. The usual comparison
//! (ASCII text, `eq`, `sw`, `ew`) allocates nothing.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use super::{CompareOp, Comparison, Operand, TypedFilter};
use crate::instant::Instant;
use crate::path::AttributeRef;
use crate::resource::{Resource, member};
use crate::text::{Matching, canonical_base64};

impl TypedFilter {
    /// Whether the resource satisfies the filter.
    ///
    /// `id`, `externalId`, `meta`, `members` and `groups` are asked for like any other attribute: whoever asks puts them
    /// into the resource first, where the filter needs them.
    #[must_use]
    pub fn matches(&self, resource: &Resource) -> bool {
        self.holds(resource.attributes())
    }

    /// Whether one element of a complex attribute satisfies the condition of a [`TypedFilter::Element`] or a
    /// [`Target::Values`](crate::path::Target::Values). An element that is not an object counts as an empty one.
    #[must_use]
    pub fn matches_element(&self, element: &Value) -> bool {
        match element {
            Value::Object(element) => self.holds(element),
            _ => self.holds(&Map::new()),
        }
    }

    fn holds(&self, object: &Map<String, Value>) -> bool {
        match self {
            Self::Always(answer) => *answer,
            Self::And(terms) => terms.iter().all(|term| term.holds(object)),
            Self::Or(terms) => terms.iter().any(|term| term.holds(object)),
            Self::Not(filter) => !filter.holds(object),
            Self::Present(path) => any_value(object, path, &mut |_| true),
            Self::Compare(comparison) => comparison.holds(object),
            Self::Element { attribute, condition } => {
                any_value(object, attribute, &mut |element| condition.matches_element(element))
            }
        }
    }
}

impl Comparison {
    fn holds(&self, object: &Map<String, Value>) -> bool {
        match (&self.operand, self.op) {
            (Operand::Null, CompareOp::Eq) => !any_value(object, &self.path, &mut |_| true),
            (Operand::Null, CompareOp::Ne) => any_value(object, &self.path, &mut |_| true),
            (Operand::Null, _) => false,
            (_, CompareOp::Ne) => {
                let mut assigned = false;
                let differs = any_value(object, &self.path, &mut |value| {
                    assigned = true;
                    !self.satisfied_by(value, CompareOp::Eq)
                });
                differs || !assigned
            }
            (_, op) => any_value(object, &self.path, &mut |value| self.satisfied_by(value, op)),
        }
    }

    fn satisfied_by(&self, value: &Value, op: CompareOp) -> bool {
        match (&self.operand, value) {
            (Operand::Text { key, .. }, Value::String(text)) => {
                text_satisfies(self.path.leaf().matching, text, op, key)
            }
            (Operand::Boolean(operand), Value::Bool(value)) => op == CompareOp::Eq && operand == value,
            (Operand::Integer(operand), Value::Number(value)) => {
                order_satisfies(op, integer_order(value, i128::from(*operand)))
            }
            (Operand::Decimal(operand), Value::Number(value)) => {
                order_satisfies(op, decimal_order(value, *operand))
            }
            (Operand::Instant(operand), Value::String(text)) => {
                order_satisfies(op, Instant::parse(text).map(|value| value.cmp(operand)))
            }
            (Operand::Binary(operand), Value::String(text)) => {
                op == CompareOp::Eq && (text == operand || canonical_base64(text).as_ref() == Some(operand))
            }
            _ => false,
        }
    }
}

/// Whether any of the values that `path` reaches in `object` passes `test`. What is unassigned (RFC 7643 §2.5) is no
/// value.
fn any_value(object: &Map<String, Value>, path: &AttributeRef, test: &mut dyn FnMut(&Value) -> bool) -> bool {
    let holder = match &path.extension {
        Some(urn) => member(object, urn).and_then(Value::as_object),
        None => Some(object),
    };
    let Some(value) = holder.and_then(|holder| member(holder, &path.attribute.name)) else { return false };
    match &path.sub {
        None => any_element(value, test),
        Some(sub) => any_element(value, &mut |element| {
            let value = element.as_object().and_then(|element| member(element, &sub.name));
            value.is_some_and(|value| any_element(value, test))
        }),
    }
}

fn any_element(value: &Value, test: &mut dyn FnMut(&Value) -> bool) -> bool {
    match value {
        Value::Array(elements) => elements.iter().any(|element| is_assigned(element) && test(element)),
        single => is_assigned(single) && test(single),
    }
}

fn is_assigned(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(elements) => !elements.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// Whether `text` stands to `key`, which is a key already, as `op` says.
fn text_satisfies(matching: Matching, text: &str, op: CompareOp, key: &str) -> bool {
    // The key of ASCII text is that text in lower case, so keys need not be made to compare it.
    if matching != Matching::Exact && text.is_ascii() {
        let (text, key) = (text.as_bytes(), key.as_bytes());
        match op {
            CompareOp::Eq => return text.eq_ignore_ascii_case(key),
            CompareOp::Sw => {
                return text.get(..key.len()).is_some_and(|start| start.eq_ignore_ascii_case(key));
            }
            CompareOp::Ew => {
                let start = text.len().checked_sub(key.len());
                return start
                    .and_then(|start| text.get(start..))
                    .is_some_and(|end| end.eq_ignore_ascii_case(key));
            }
            _ => {}
        }
    }
    let text = matching.key(text);
    match op {
        CompareOp::Co => memchr::memmem::find(text.as_bytes(), key.as_bytes()).is_some(),
        CompareOp::Sw => text.starts_with(key),
        CompareOp::Ew => text.ends_with(key),
        _ => order_satisfies(op, Some(text.as_bytes().cmp(key.as_bytes()))),
    }
}

fn order_satisfies(op: CompareOp, order: Option<Ordering>) -> bool {
    let Some(order) = order else { return false };
    match op {
        CompareOp::Eq => order.is_eq(),
        CompareOp::Ne => order.is_ne(),
        CompareOp::Gt => order.is_gt(),
        CompareOp::Ge => order.is_ge(),
        CompareOp::Lt => order.is_lt(),
        CompareOp::Le => order.is_le(),
        CompareOp::Co | CompareOp::Sw | CompareOp::Ew => false,
    }
}

fn integer_order(value: &Number, operand: i128) -> Option<Ordering> {
    match (whole(value), value.as_f64()) {
        (Some(value), _) => Some(value.cmp(&operand)),
        (None, Some(value)) => Some(exact_order(operand, value)?.reverse()),
        (None, None) => None,
    }
}

fn decimal_order(value: &Number, operand: f64) -> Option<Ordering> {
    match whole(value) {
        Some(value) => exact_order(value, operand),
        None => value.as_f64()?.partial_cmp(&operand),
    }
}

fn whole(value: &Number) -> Option<i128> {
    value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from))
}

/// How a whole number of at most 64 bits stands to a finite real one, exactly. `None` for NaN.
fn exact_order(whole: i128, real: f64) -> Option<Ordering> {
    // Rounding keeps order, so only numbers that round to equal ones have to be looked at again.
    #[expect(clippy::cast_precision_loss, reason = "what is lost is looked at below")]
    let rounded = whole as f64;
    match rounded.partial_cmp(&real)? {
        Ordering::Equal => {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "it equals a whole number below 2^65, so it is one"
            )]
            let real = real as i128;
            Some(whole.cmp(&real))
        }
        order => Some(order),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Filter, FilterLimits};
    use super::*;
    use crate::dialect::Dialect;
    use crate::schema::Registry;

    /// User and Group, and a type with an attribute of each data type.
    fn registry() -> Registry {
        let mut registry = Registry::builtin();
        let attribute = |name: &str, kind: &str| json!({ "name": name, "type": kind });
        registry
            .add_schema(&json!({
                "id": "urn:example:a-b:1.0:Sensor",
                "name": "Sensor",
                "attributes": [
                    attribute("count", "integer"),
                    attribute("level", "decimal"),
                    attribute("seen", "dateTime"),
                    attribute("link", "reference"),
                    { "name": "tags", "type": "string", "multiValued": true },
                    { "name": "code", "type": "string", "caseExact": true },
                ]
            }))
            .expect("sound");
        registry
            .add_resource_type(
                &json!({ "name": "Sensor", "endpoint": "/Sensors", "schema": "urn:example:a-b:1.0:Sensor" }),
            )
            .expect("sound");
        registry
    }

    fn person() -> Value {
        json!({
            "schemas": [crate::schema::USER_URN, crate::schema::ENTERPRISE_USER_URN],
            "id": "Ab1",
            "externalId": "X-1",
            "userName": "Mira.Okafor@contoso.example",
            "name": { "familyName": "Okafor", "givenName": "Mira" },
            "displayName": "Zoë Straße",
            "active": true,
            "emails": [
                { "value": "mira@contoso.example", "type": "work", "primary": true },
                { "value": "m@home.example", "type": "home" }
            ],
            "x509Certificates": [{ "value": "+/8=" }],
            "groups": [{ "value": "g1", "$ref": "https://scim.example/Groups/g1" }],
            crate::schema::ENTERPRISE_USER_URN: { "department": "Sales", "manager": { "value": "m1" } },
            "meta": { "resourceType": "User", "created": "2026-01-02T03:04:05.5+01:00" }
        })
    }

    fn check(resource_type: &str, resource: &Value, filter: &str, expected: bool) {
        let registry = registry();
        let resource_type = registry.resource_type(resource_type).expect("known");
        let (typed, _) = Filter::parse(filter, &FilterLimits::default())
            .and_then(|filter| filter.resolve(resource_type, Dialect::STRICT))
            .expect(filter);
        let resource = Resource::from_canonical(resource.as_object().expect("an object").clone());
        assert_eq!(typed.matches(&resource), expected, "{filter}");
    }

    fn check_person(filter: &str, expected: bool) {
        check("User", &person(), filter, expected);
    }

    #[test]
    fn text_compares_by_its_attributes_case_rule() {
        check_person(r#"userName eq "MIRA.okafor@CONTOSO.example""#, true);
        check_person(r#"userName sw "mira." and userName ew ".EXAMPLE" and userName co "OKAFOR@""#, true);
        check_person(r#"userName eq "mira""#, false);
        check_person(r#"displayName eq "ZOË STRASSE""#, true);
        check_person(r#"displayName co "OE\u0308 strass""#, true);
        check_person(r#"displayName co "oe strass""#, false);
        check_person(r#"displayName sw "zoe\u0308""#, true);
        check_person(r#"displayName ew "SSE""#, true);
        check_person(r#"id eq "Ab1" and externalId eq "X-1""#, true);
        check_person(r#"id eq "ab1""#, false);
        check_person(r#"externalId co "x""#, false);
        check_person(r#"title co """#, false);
        check_person(r#"userName co "" and userName sw "" and userName ew """#, true);
        check_person(r#"schemas eq "URN:ietf:params:scim:schemas:core:2.0:user""#, true);
        check_person(r#"groups.$ref ew "/g1""#, true);
        check_person(r#"groups.$ref ew "/G1""#, false);
    }

    #[test]
    fn order_is_that_of_keys_and_instants() {
        check_person(r#"name.familyName gt "oka" and name.familyName lt "OKB""#, true);
        check_person(r#"name.familyName ge "OKAFOR" and name.familyName le "okafor""#, true);
        check_person(r#"name.familyName gt "okafor" or name.familyName lt "okafor""#, false);
        check_person(r#"meta.created eq "2026-01-02T02:04:05.500Z""#, true);
        check_person(r#"meta.created gt "2026-01-02T02:04:05.499Z""#, true);
        check_person(
            r#"meta.created lt "2026-01-02T02:04:05.5Z" or meta.lastModified gt "2001-01-01T00:00:00Z""#,
            false,
        );
    }

    #[test]
    fn a_path_reaches_any_value_and_brackets_one() {
        check_person(r#"emails.type eq "home" and emails.value co "contoso""#, true);
        check_person(r#"emails[type eq "home" and value co "contoso"]"#, false);
        check_person(r#"emails[type eq "work" and value co "contoso"]"#, true);
        check_person(r#"emails[type eq "work"].value co "contoso""#, true);
        check_person(r#"emails co "home.example""#, true);
        check_person(r#"emails[not (primary pr)]"#, true);
        check_person(r#"emails[not (type pr)]"#, false);
        check_person(r#"phoneNumbers[not (type pr)]"#, false);
        check_person(r#"name[givenName eq "mira" and familyName eq "okafor"]"#, true);
        check_person("emails.primary eq true", true);
        check_person("emails.primary eq false", false);
        check_person("emails.primary ne true", false);
        check_person("emails[primary ne true]", true);
    }

    #[test]
    fn extensions_by_urn() {
        let urn = crate::schema::ENTERPRISE_USER_URN;
        check_person(&format!(r#"{urn}:department eq "SALES""#), true);
        check_person(&format!(r#"{}:Manager eq "m1""#, urn.to_uppercase()), true);
        check_person(&format!(r#"{urn}:manager[value eq "m1"] and {urn}:manager.value eq "m1""#), true);
        check_person(&format!("{urn}:costCenter pr or {urn}:manager.displayName pr"), false);
    }

    #[test]
    fn what_is_absent() {
        check_person("title pr or phoneNumbers pr or phoneNumbers.value pr or name.middleName pr", false);
        check_person("name pr and emails pr and emails.display eq null and active pr", true);
        check_person(
            r#"title ne "x" and phoneNumbers.type ne "work" and title eq null and phoneNumbers eq null"#,
            true,
        );
        check_person(r#"title eq "" or title ne null or userName eq null"#, false);
        check_person(r#"emails.type ne "work" and not (emails.type eq "fax")"#, true);
        check_person(r#"userName ne "mira.okafor@contoso.example""#, false);
        let empty = json!({ "emails": [], "name": {}, "title": null, "phoneNumbers": [null, {}] });
        check("User", &empty, "emails pr or name pr or title pr or phoneNumbers pr", false);
        check("User", &empty, "phoneNumbers[value eq null]", false);
    }

    #[test]
    fn numbers_compare_exactly() {
        let sensor = json!({ "count": 9_007_199_254_740_993_i64, "level": 2.5 });
        for (filter, expected) in [
            ("count eq 9007199254740993", true),
            ("count eq 9007199254740992", false),
            ("count eq 9007199254740992.0", false),
            ("count gt 9007199254740992.0 and count lt 9007199254740994.0", true),
            ("count lt 1e300 and count gt -1e300", true),
            ("level eq 2.5 and level eq 25e-1 and level gt 2 and level lt 3", true),
            ("level ne 2.5 or level le 2 or level ge 3", false),
            ("count eq null or level eq null", false),
        ] {
            check("Sensor", &sensor, filter, expected);
        }
        let large = json!({ "count": u64::MAX, "level": 4 });
        check("Sensor", &large, "count gt 9223372036854775807 and count lt 18446744073709551616.0", true);
        check("Sensor", &large, "level eq 4.0 and level eq 4", true);
    }

    #[test]
    fn each_type_by_its_own_rule() {
        check_person("active eq true and active ne false", true);
        for text in ["+/8=", "-_8", "+/8"] {
            check_person(
                &format!("x509Certificates.value eq \"{text}\" and x509Certificates eq \"{text}\""),
                true,
            );
        }
        check_person(r#"x509Certificates.value ne "+/8=" or x509Certificates eq "AAAA""#, false);
        let sensor =
            json!({ "tags": ["Red", "green"], "code": "aB", "link": "/A", "seen": "2026-01-01T00:00:00" });
        check("Sensor", &sensor, r#"tags eq "red" and tags co "REE" and tags ne "red" and tags pr"#, true);
        check("Sensor", &sensor, r#"code eq "ab" or link eq "/a" or code gt "aC""#, false);
        check(
            "Sensor",
            &sensor,
            r#"code eq "aB" and link sw "/A" and urn:example:a-b:1.0:Sensor:code ew "B""#,
            true,
        );
        check("Sensor", &sensor, r#"seen eq "2026-01-01T01:00:00+01:00""#, true);
    }

    #[test]
    fn a_value_of_another_type_satisfies_only_ne() {
        let odd = json!({
            "userName": 5, "active": "true", "emails": ["x", 3], "name": "x",
            "meta": { "created": "yesterday" }, "x509Certificates": [{ "value": "?" }]
        });
        for path in ["userName", "emails.value", "name.givenName"] {
            check("User", &odd, &format!("{path} eq \"5\" or {path} co \"5\" or {path} gt \"\""), false);
            check("User", &odd, &format!("{path} ne \"5\""), true);
        }
        check("User", &odd, "active eq true or meta.created gt \"2001-01-01T00:00:00Z\"", false);
        check("User", &odd, "active ne true and meta.created ne \"2001-01-01T00:00:00Z\"", true);
        check("User", &odd, "x509Certificates.value ne \"AAAA\" and emails[not (value pr)]", true);
    }
}
