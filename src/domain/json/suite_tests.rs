//! Other people's cases for JSON Patch (json-patch-test-suite; see `tests/data/json-patch/NOTICE`), held against
//! the tree, and against the reader of a patch where they use what is not supported.

use serde_json::Value;

use super::{Node, tree::is_same};
use crate::domain::{report::ProblemCode, revision::patch};

const FILES: [(&str, &str); 2] = [
    ("tests.json", include_str!("../../../tests/data/json-patch/tests.json")),
    ("spec_tests.json", include_str!("../../../tests/data/json-patch/spec_tests.json")),
];

/// Cases, by file and place, that are answered otherwise than the suite says, and why. Names are found in any case, but
/// to the letter first, so that not even the cases about that are here.
const EXCEPTIONS: [(&str, usize, &str); 0] = [];

struct Case {
    name: String,
    document: Node,
    operations: Node,
    /// The document after it; `None` for an error.
    expected: Option<Node>,
}

/// Lists the cases of both files; the suite itself has switched some off.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (file, text) in FILES {
        let Value::Array(items) = serde_json::from_str(text).unwrap() else { panic!("{file} is no array") };
        for (index, item) in items.iter().enumerate() {
            let is_exception = EXCEPTIONS.iter().any(|(it, place, _)| (*it, *place) == (file, index));
            if item["disabled"] == true || item.get("patch").is_none() || is_exception {
                continue;
            }
            let node = |name: &str| item.get(name).map(|it| Node::from_document(&it.to_string()).unwrap());
            // A case with neither says that nothing goes wrong; its operations change nothing.
            let expected = match item.get("error") {
                Some(_) => None,
                None => node("expected").or_else(|| node("doc")),
            };
            let (document, operations) = (node("doc").unwrap(), node("patch").unwrap());
            cases.push(Case { name: format!("{file} {index} {item}"), document, operations, expected });
        }
    }
    assert!(cases.len() > 80, "the suite is there");
    cases
}

fn operations(case: &Case) -> &[Node] {
    let Node::Array(operations) = &case.operations else {
        panic!("{} has no array of operations", case.name)
    };
    operations
}

fn text_of<'a>(operation: &'a Node, name: &str) -> Option<&'a str> {
    match operation.member(name) {
        Some(Node::Text(text)) => Some(text),
        _ => None,
    }
}

fn is_supported(operation: &Node) -> bool {
    matches!(text_of(operation, "op"), Some("add" | "replace"))
}

/// Applies the operations one after another. `None` when one cannot be applied.
fn apply(case: &Case) -> Option<Node> {
    let mut document = case.document.clone();
    for operation in operations(case) {
        let (path, value) = (text_of(operation, "path")?, operation.member("value")?.clone());
        match text_of(operation, "op")? {
            "add" => document.add(path, value).ok()?,
            _ => document.replace(path, value).ok()?,
        };
    }
    Some(document)
}

/// Says whether two values are equal as JSON: in any order of members, but with null told from absent.
fn is_equal(one: &Node, other: &Node) -> bool {
    let value = |node: &Node| serde_json::from_str::<Value>(&node.to_json()).unwrap();
    is_same(one, other) && value(one) == value(other)
}

#[test]
fn add_and_replace_do_what_the_suite_says() {
    let mut count = 0;
    for case in cases().iter().filter(|it| operations(it).iter().all(is_supported)) {
        let outcome = apply(case);

        let agrees = match (&outcome, &case.expected) {
            (Some(outcome), Some(expected)) => is_equal(outcome, expected),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        assert!(agrees, "{} became {:?}", case.name, outcome.map(|it| it.to_json()));
        count += 1;
    }
    assert_eq!(count, 53, "cases with nothing but add and replace");
}

#[test]
fn other_operations_are_refused_as_unsupported() {
    let mut count = 0;
    for case in cases().iter().filter(|it| !operations(it).iter().all(is_supported)) {
        let report = patch::read(&case.operations, &case.document).err();

        let problems = report.unwrap_or_else(|| panic!("{} is not refused", case.name)).problems;
        for (index, operation) in operations(case).iter().enumerate() {
            let is_named = problems.iter().any(|it| {
                it.code == ProblemCode::UnsupportedPatchOperation && it.target == format!("/{index}/op")
            });
            assert_eq!(is_named, !is_supported(operation), "{}", case.name);
        }
        count += 1;
    }
    assert!(count > 30, "{count} cases with other operations");
}

#[test]
fn a_different_outcome_is_noticed() {
    let case = |expected: &str| Case {
        name: String::new(),
        document: Node::from_document(r#"{"a":null}"#).unwrap(),
        operations: Node::from_document(r#"[{"op":"add","path":"/b","value":null}]"#).unwrap(),
        expected: Node::from_document(expected).ok(),
    };
    let agrees = |case: Case| is_equal(&apply(&case).unwrap(), &case.expected.unwrap());

    assert!(agrees(case(r#"{"b":null,"a":null}"#)));
    assert!(!agrees(case(r#"{"a":null}"#)));
    assert!(!agrees(case(r#"{"a":null,"b":1}"#)));
}
