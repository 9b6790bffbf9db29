//! Workflow rules.

use scim_core::schema::Registry;
use scim_directory::{
    AccessRole, Action, AdminChange, Change, Fact, Fields, InstanceSettings, LogStatus, ObjectLink, Profile,
    Question, Rule, RuleAction, Trigger, Unknown,
};
use scim_lifecycle::{Decision, Existing, Stop, check_rules};
use scim_mapping::mapping::Mapping;
use uuid::Uuid;

use crate::world::{World, account, ada, answered, record_of};

fn rule(name: &str, when: Trigger, condition: Option<&str>, then: Vec<RuleAction>) -> Rule {
    let condition = condition.map(str::to_owned);
    Rule { name: name.to_owned(), enabled: true, when, condition, then }
}

fn set(field: &str, expression: &str) -> RuleAction {
    RuleAction::SetField { field: field.to_owned(), expression: expression.to_owned() }
}

fn changed(field: &str) -> Trigger {
    Trigger::FieldChanged(field.to_owned())
}

fn created_under(rules: Vec<Rule>, object: Option<&ObjectLink>) -> Result<Decision, Stop> {
    let settings = InstanceSettings { rules, ..InstanceSettings::default() };
    let world = World::with(settings, Profile::Standard.connector_settings());
    answered(
        |facts| world.created_by(&world.connector, ada(), &Existing::Nobody, facts),
        |question| match question {
            Question::Object { .. } => Fact::Object(object.cloned()),
            Question::Named { .. } => Fact::Records(Vec::new()),
            other => panic!("{other:?}"),
        },
    )
}

#[test]
fn a_text_becomes_a_reference() {
    let mut job_title = Rule::job_title();
    assert!(!job_title.enabled, "off until wanted");
    let decision = created_under(vec![job_title.clone()], None).expect("created");
    assert_eq!(account(&record_of(&decision)).links.len(), 0);
    job_title.enabled = true;
    let decision = created_under(vec![job_title.clone()], None).expect("created");
    let made = decision.changes.iter().any(|change| {
        matches!(change, Change::Admin(AdminChange::CreateObject(object)) if object.name == "Engineer")
    });
    assert!(made, "an unknown object is created");
    let known = ObjectLink { id: Uuid::from_u128(5), name: "Engineer".to_owned() };
    let decision = created_under(vec![job_title.clone()], Some(&known)).expect("created");
    assert_eq!(account(&record_of(&decision)).links.get("JobTitle"), Some(&known));
    assert!(decision.log.iter().any(|record| record.action == Action::RuleApplied));
    if let Some(RuleAction::LinkObject { unknown, .. }) = job_title.then.first_mut() {
        *unknown = Unknown::Report;
    }
    let decision = created_under(vec![job_title], None).expect("created");
    let warned = |record: &scim_directory::LogRecord| record.status == LogStatus::Warning;
    assert!(decision.log.iter().any(warned));
}

#[test]
fn rules_follow_one_another_and_conditions_hold() {
    let rules = vec![
        rule("second", changed("Division"), None, vec![set("CostCenter", "Append(\"CC-\", [Division])")]),
        rule(
            "first",
            changed("LastName"),
            Some("FirstName eq \"ada\""),
            vec![set("Division", "Left([LastName], 3)")],
        ),
        rule("not", Trigger::Created, Some("FirstName eq \"Grace\""), vec![set("Country", "\"US\"")]),
        rule(
            "role",
            Trigger::Created,
            None,
            vec![RuleAction::SetAccessRole { role: Some(AccessRole::User) }],
        ),
    ];
    let decision = created_under(rules, None).expect("created");
    let record = record_of(&decision);
    let account = account(&record);
    assert_eq!(account.field("Division"), Some("Lov"));
    assert_eq!(account.field("CostCenter"), Some("CC-Lov"));
    assert_eq!(account.field("Country"), None);
    assert_eq!(account.access_role, Some(AccessRole::User));
}

#[test]
fn a_rule_adds_to_a_group_that_it_makes() {
    let join = RuleAction::AddToGroup { group: "\"Engineers\"".to_owned(), unknown: Unknown::Create };
    let decision =
        created_under(vec![rule("join", Trigger::Created, None, vec![join])], None).expect("created");
    let kinds: Vec<_> = decision.changes.iter().map(std::mem::discriminant).collect();
    assert_eq!(kinds.len(), 3, "person, group, membership: {:?}", decision.changes);
    assert!(matches!(decision.changes.last(), Some(Change::Members(members)) if members.add.len() == 1));
}

#[test]
fn mistakes_are_found_when_a_rule_is_saved() {
    let registry = Registry::builtin();
    let user = registry.resource_type("User").expect("User is built in");
    let fields = Fields::new(&[]);
    let mapping = Mapping::defaults().compile(user, fields, 1).expect("the default mapping");
    let check = |rules: &[Rule], expected: &[&str]| {
        let errors = check_rules(rules, fields, &mapping).expect_err("mistakes");
        let text = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        for part in expected {
            assert!(text.contains(part), "{part:?} in {text}");
        }
    };
    check(
        &[
            rule("circle", changed("Division"), None, vec![set("CostCenter", "[Division]")]),
            rule("back", changed("CostCenter"), None, vec![set("Division", "[CostCenter]")]),
        ],
        &["set one another off", "circle -> back -> circle"],
    );
    check(
        &[rule("self", changed("Division"), None, vec![set("Division", "\"x\"")])],
        &["set one another off"],
    );
    check(
        &[rule("field", changed("Divison"), None, vec![set("Country", "\"x\"")])],
        &["no field \"Divison\""],
    );
    check(
        &[rule("mapped", Trigger::Created, None, vec![set("Email", "\"x\"")])],
        &["filled by a row of the mapping"],
    );
    check(&[rule("kind", Trigger::Created, None, vec![set("JobTitle", "\"x\"")])], &["not text"]);
    check(
        &[rule("arity", Trigger::Created, None, vec![set("Country", "Left([Email])")])],
        &["arity", "Left([Email])"],
    );
    check(&[rule("if", Trigger::Created, Some("Nothing eq 1"), vec![set("Country", "\"x\"")])], &["`if`"]);
    check(
        &[
            rule("twice", Trigger::Created, None, vec![set("Country", "\"x\"")]),
            rule("twice", Trigger::Created, None, vec![set("Division", "\"x\"")]),
        ],
        &["of this name already"],
    );
}

#[test]
fn what_a_rule_redacts_is_not_logged() {
    let rules = vec![rule("secret", Trigger::Created, None, vec![set("Country", "Redact(\"Atlantis\")")])];
    let decision = created_under(rules, None).expect("created");
    assert_eq!(account(&record_of(&decision)).field("Country"), Some("Atlantis"));
    let told = format!("{:?}", decision.log);
    assert!(told.contains("[Redact]") && !told.contains("Atlantis"), "{told}");
}
