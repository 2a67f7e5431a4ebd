//! What holds of every write, whatever is sent for whatever record; and what a late write is compared with.

use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};

use super::{
    Handling, Intent, Revised, Situation, is_server_owned,
    merge::{self, Conflict},
    patch, revise,
};
use crate::domain::{
    json::{
        Node,
        tree::{edits, is_same},
    },
    lifecycle::Action,
    referral::Referral,
    report::Report,
    time::Timestamp,
    validation::Rules,
};

/// A record with something in every member that a write can change.
const RECORD: &str = r#"{
  "id": "11111111-0000-4000-8000-000000000001", "engagementId": "11111111-0000-4000-8000-000000000002",
  "organizationId": "11111111-0000-4000-8000-000000000003", "organizationName": "Contoso", "name": "Deal",
  "createdDateTime": "2026-11-01T00:00:00Z", "updatedDateTime": "2026-11-02T00:00:00Z",
  "status": "Active", "substatus": "Accepted", "qualification": "SalesQualified", "type": "Shared",
  "target": [{"type": "SolutionProfile", "id": "SOL-1"}],
  "customerProfile": {"name": "Customer", "size": "10to50employees",
    "address": {"addressLine1": "1", "city": "Bern", "country": "CH"},
    "team": [{"firstName": "Sue", "lastName": "Smith", "phoneNumber": "1", "email": "sue@customer.example"}],
    "ids": [{"profileType": "External", "id": "7"}]},
  "consent": {"consentToToShareInfoWithOthers": true, "consentToContact": true},
  "details": {"notes": "Notes", "dealValue": 1234.50, "currency": "USD", "closingDateTime": "2027-01-31T00:00:00Z",
    "requirements": {
      "solutions": [{"id": "SOL-1", "type": "Name", "price": 10}, {"id": "SOL-2", "type": "Name"}],
      "products": [{"id": "Teams"}],
      "additionalRequirements": {"attributes": [{"type": "Kind", "id": "x"}]}}},
  "team": [
    {"firstName": "Jane", "lastName": "Doe", "phoneNumber": "1", "email": "jane@contoso.example", "title": "Seller"},
    {"firstName": "Ann", "lastName": "Roe", "phoneNumber": "2", "email": "ann@contoso.example"}],
  "inviteContext": {"notes": "Hello", "assistanceRequestCode": "GeneralOrOther", "invitedMpnId": null,
    "invitedBy": {"organizationId": "msft"}}
}"#;

fn node(value: &Value) -> Node {
    Node::from_document(&value.to_string()).unwrap()
}

fn tree(referral: &Referral) -> Node {
    Node::from_document(&referral.to_document()).unwrap()
}

fn record() -> Referral {
    Referral::from_document(RECORD).unwrap()
}

fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[9; 32]))
}

/// A text that a member may hold, or nothing.
fn any_text() -> impl Strategy<Value = Value> {
    prop_oneof![Just(Value::Null), Just(json!("")), "[a-zA-Zäß🤝 ~/\"]{1,12}".prop_map(Value::from)]
}

/// A record that could be stored: in any state, with lists of any length.
fn any_record() -> impl Strategy<Value = Referral> {
    let states = [("New", "Pending"), ("New", "Received"), ("Active", "Accepted"), ("Closed", "Won")];
    let texts = prop::collection::vec(any_text(), 6);
    let lengths = prop::collection::vec(0_usize..4, 4);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (prop::sample::select(states.to_vec()), texts, lengths, flags).prop_map(
        |(state, texts, lengths, flags)| {
            let mut document: Value = serde_json::from_str(&record().to_document()).unwrap();
            let members = [
                "/statusReason",
                "/campaignId",
                "/salesStage",
                "/details/notes",
                "/team/0/title",
                "/partnerRole",
            ];
            for (member, text) in members.iter().zip(texts) {
                *document.pointer_mut(member).unwrap() = text;
            }
            let lists = [
                "/team",
                "/customerProfile/team",
                "/details/requirements/solutions",
                "/details/requirements/additionalRequirements/attributes",
            ];
            for (list, length) in lists.iter().zip(lengths) {
                let items = document.pointer_mut(list).unwrap().as_array_mut().unwrap();
                let repeated: Vec<Value> = items.iter().cycle().take(length).cloned().collect();
                *items = repeated;
            }
            document["status"] = json!(state.0);
            document["substatus"] = json!(state.1);
            document["consent"]["consentToShareReferralWithMicrosoftSellers"] = json!(flags.0);
            document["consent"]["consentToContact"] = if flags.1 { json!(flags.2) } else { Value::Null };
            Referral::from_document(&document.to_string()).unwrap()
        },
    )
}

/// JSON of any shape, with names that the document knows and others.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        prop::sample::select(vec![
            "Closed",
            "Won",
            "Active",
            "USD",
            "true",
            "12.5",
            "2027-01-31",
            "a@b.example"
        ])
        .prop_map(Value::from),
        any_text(),
    ];
    let names = [
        "name",
        "status",
        "substatus",
        "Team",
        "email",
        "details",
        "requirements",
        "solutions",
        "id",
        "type",
        "links",
        "customerProfile",
        "consent",
        "consentToShareReferralWithMicrosoftSellers",
        "notes",
        "dealValue",
        "brandNew",
        "additionalRequirements",
        "attributes",
        "organizationId",
        "customerMarketplaceIntent",
        "a/b~c",
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        let name = prop::sample::select(names.to_vec()).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..5)
                .prop_map(|it| Value::Object(it.into_iter().collect())),
        ]
    })
}

/// A pointer: of a member that may change, something below it, or nonsense.
fn any_pointer() -> impl Strategy<Value = String> {
    let roots: Vec<&str> = patch::VALUES.iter().chain(patch::LISTS).copied().collect();
    let below = prop::sample::select(vec![
        "",
        "",
        "/-",
        "/0",
        "/1",
        "/9",
        "/01",
        "/0/email",
        "/0/Title",
        "/0/id",
        "/0/contactPreference/locale",
        "/x",
        "/~2",
    ]);
    let known = (prop::sample::select(roots), below).prop_map(|(root, below)| format!("{root}{below}"));
    prop_oneof![9 => known, 1 => "[/a-z~0-9]{0,12}"]
}

/// Operations that fit nearly every record.
fn fitting_operation() -> impl Strategy<Value = Value> {
    let person =
        json!({"firstName": "A", "lastName": "B", "phoneNumber": "3", "email": "new@contoso.example"});
    let fitting = vec![
        ("/team", json!([person])),
        ("/team/-", person.clone()),
        ("/team/0", person),
        ("/TEAM/0/title", json!("Boss")),
        ("/details/requirements/solutions/-", json!({"id": "SOL-9", "type": "name"})),
        ("/details/requirements/additionalRequirements/attributes", json!([])),
        ("/details/dealValue", json!("12.50")),
        ("/details/Currency", json!("eur")),
        ("/details/notes", json!("")),
        ("/name", json!("Renamed")),
        ("/salesStage", json!(40)),
        ("/consent/consentToShareReferralWithMicrosoftSellers", json!("True")),
        ("/status", json!("Active")),
    ];
    (prop::sample::select(fitting), any::<bool>()).prop_map(|((path, value), adds)| {
        let op = if adds || path.ends_with('-') { "add" } else { "replace" };
        json!({"op": op, "path": path, "value": value})
    })
}

fn any_patch() -> impl Strategy<Value = Value> {
    let op = prop::sample::select(vec!["add", "replace", "remove"]);
    let value = prop_oneof![any_json(), any_text()];
    let any_operation = (op, any_pointer(), value)
        .prop_map(|(op, path, value)| json!({"op": op, "path": path, "value": value}));
    let operation = prop_oneof![4 => fitting_operation(), 1 => any_operation];
    prop::collection::vec(operation, 1..4).prop_map(Value::from)
}

fn any_action() -> impl Strategy<Value = Option<Action>> {
    prop::option::of(prop::sample::select(Action::ALL.to_vec()))
}

/// Decides a write on a record that the caller sees whole.
fn decide(current: &Referral, intent: &Intent, handling: Handling) -> Result<Revised, Report> {
    let (rules, seen) = (Rules::default(), tree(current));
    let situation = Situation {
        current,
        seen: &seen,
        now: Timestamp::from_unix_secs(1_795_000_000),
        rules: &rules,
        has_other_party: false,
        is_received: false,
        is_partner_deal: true,
        handling,
    };
    revise(intent, &situation)
}

/// Says what is wrong with an outcome: a refusal says why, and what is reported as applied is what differs.
fn check(before: &Referral, outcome: Result<Revised, Report>) -> Result<(), TestCaseError> {
    let revised = match outcome {
        Err(report) => {
            prop_assert!(!report.problems.is_empty(), "a refusal without a reason");
            return Ok(());
        }
        Ok(revised) => revised,
    };
    prop_assert!(revised.report.problems.is_empty());
    let (before, after) = (tree(before), tree(&revised.referral));
    let by_caller = |pointer: &str| !is_server_owned(pointer);
    let is_state = |pointer: &str| ["/status", "/substatus"].contains(&pointer);
    let mut differs: Vec<String> = edits(&before, &after).into_iter().map(|it| it.pointer).collect();
    // An action decides the states itself.
    let acts = !matches!(revised.action, Action::Revise | Action::ShareWithMicrosoft);
    differs.retain(|it| by_caller(it) && !(acts && is_state(it)));
    let mut told: Vec<String> = revised.report.applied.into_iter().map(|it| it.target).collect();
    told.retain(|it| !(acts && is_state(it)));
    differs.sort();
    told.sort();
    prop_assert_eq!(told, differs);
    Ok(())
}

#[test]
fn any_body_and_action_is_decided_with_reasons() {
    let strategy = (any_record(), any_json(), any_action(), any::<bool>());

    let outcome = runner(500).run(&strategy, |(current, body, action, is_strict)| {
        let before = current.clone();
        let handling = if is_strict { Handling::Strict } else { Handling::Lenient };
        let decided = decide(&current, &Intent::of_body(node(&body), action), handling);
        prop_assert!(current == before);
        check(&before, decided)
    });

    assert!(outcome.is_ok(), "{outcome:?}");
}

#[test]
fn any_patch_is_decided_with_reasons() {
    let (mut accepted, mut refused) = (0, 0);
    let counts = std::cell::RefCell::new((&mut accepted, &mut refused));

    let outcome = runner(800).run(&(any_record(), any_patch()), |(current, operations)| {
        let patch = match patch::read(&node(&operations), &tree(&current)) {
            Ok(patch) => patch,
            Err(report) => {
                prop_assert!(!report.problems.is_empty(), "a refusal without a reason");
                return Ok(());
            }
        };
        let decided = decide(&current, &patch.intent, Handling::Lenient);
        let mut counts = counts.borrow_mut();
        match decided.is_ok() {
            true => *counts.0 += 1,
            false => *counts.1 += 1,
        }
        check(&current, decided)
    });

    assert!(outcome.is_ok(), "{outcome:?}");
    assert!(accepted > 100 && refused > 50, "{accepted} accepted, {refused} refused");
}

#[test]
fn any_document_is_no_patch() {
    let outcome = runner(300).run(&any_json(), |body| {
        let read = patch::read(&node(&body), &tree(&record()));
        // A patch without operations is one that changes nothing (RFC 6902).
        let is_empty = body == serde_json::json!([]);
        prop_assert!(is_empty || read.is_err_and(|it| !it.problems.is_empty()));
        Ok(())
    });

    assert!(outcome.is_ok(), "{outcome:?}");
}

#[test]
fn what_was_read_changes_nothing_when_it_comes_back() {
    let outcome = runner(200).run(&any_record(), |current| {
        let decided = decide(&current, &Intent::of_body(tree(&current), None), Handling::Strict);

        let is_closed = current.state().unwrap().is_closed();
        prop_assert_eq!(decided.is_err(), is_closed, "{:?}", decided.err());
        let Ok(revised) = decided else { return Ok(()) };
        prop_assert!(revised.report.applied.is_empty() && revised.action == Action::Revise);
        let expected = Referral {
            updated_date_time: revised.referral.updated_date_time,
            last_modified_via: revised.referral.last_modified_via.clone(),
            ..current
        };
        prop_assert!(revised.referral == expected);
        Ok(())
    });

    assert!(outcome.is_ok(), "{outcome:?}");
}

/// Compares a wish that starts from the record with a record in which others have changed `theirs`.
fn compare(yours: &Value, theirs: &Value) -> (Conflict, Referral) {
    let base = record();
    let intent = Intent::of_body(node(yours), None);
    let current = decide(&base, &Intent::of_body(node(theirs), None), Handling::Lenient).unwrap().referral;
    let (conflict, merged) = merge::compare(&intent, &tree(&base), &tree(&current), &Rules::default());
    let merged = decide(&current, &merged, Handling::Lenient).unwrap().referral;
    (conflict, merged)
}

/// Returns the members of a conflict, and whether they overlap.
fn members(conflict: &Conflict) -> Vec<(&str, bool)> {
    conflict.members.iter().map(|it| (it.pointer.as_str(), it.overlaps)).collect()
}

#[test]
fn changes_to_different_members_are_merged() {
    let theirs = json!({"details": {"notes": "theirs"}, "name": "Theirs"});

    let (conflict, merged) = compare(&json!({"details": {"currency": "EUR"}}), &theirs);

    assert!(conflict.is_mergeable);
    assert_eq!(
        members(&conflict),
        [("/name", false), ("/details/notes", false), ("/details/currency", false)]
    );
    assert_eq!(merged.details.currency.as_deref(), Some("EUR"));
    assert_eq!(merged.details.notes.as_deref(), Some("theirs"));
    assert_eq!(merged.name.as_deref(), Some("Theirs"));
    let notes = &conflict.members[1];
    assert!(is_same(&notes.base, &notes.yours) && !is_same(&notes.base, &notes.theirs));
}

#[test]
fn changes_to_one_member_overlap() {
    let (conflict, _) =
        compare(&json!({"details": {"notes": "yours"}}), &json!({"details": {"notes": "theirs"}}));

    assert!(!conflict.is_mergeable);
    let [notes] = conflict.members.as_slice() else { panic!("{:?}", members(&conflict)) };
    let text = |text: &str| Node::Text(text.to_owned());
    assert!(notes.overlaps && notes.pointer == "/details/notes");
    assert_eq!([&notes.base, &notes.yours, &notes.theirs], [&text("Notes"), &text("yours"), &text("theirs")]);
}

#[test]
fn the_same_change_on_both_sides_is_none() {
    let same = json!({"details": {"notes": "same", "dealValue": "7.0"}});

    let (conflict, merged) = compare(&same, &json!({"details": {"notes": "same", "dealValue": 7}}));

    assert!(conflict.is_mergeable);
    assert!(members(&conflict).iter().all(|(_, overlaps)| !overlaps));
    assert_eq!(merged.details.notes.as_deref(), Some("same"));
}

#[test]
fn a_list_is_one_member() {
    let other = json!({"team": [{"firstName": "C", "lastName": "C", "phoneNumber": "3", "email": "c@contoso.example"}]});

    let (conflict, _) =
        compare(&json!({"team": [{"email": "jane@contoso.example", "title": "Boss"}]}), &other);
    let (beside, merged) = compare(&json!({"name": "Mine"}), &other);

    assert_eq!(members(&conflict), [("/team", true)]);
    assert!(!conflict.is_mergeable && beside.is_mergeable);
    assert_eq!(members(&beside), [("/team", false), ("/name", false)]);
    assert_eq!((merged.team.len(), merged.name.as_deref()), (1, Some("Mine")));
}
