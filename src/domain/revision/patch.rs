//! JSON Patch on a referral (RFC 6902): `add` and `replace`, on the members that the connector changes.
//!
//! The operations are applied in order to the document that the caller sees; what comes out at the members that
//! they touched is the intent. Nothing is judged before the last operation ("Update a lead or opportunity", 2020).

use super::{
    super::{
        json::{
            Node,
            tree::{PatchError, is_related},
        },
        referral::READ_ONLY,
        report::{ProblemCode, Report, shortened},
    },
    Intent, Lists, Places, frozen,
};

/// Members that hold one value. The connector's list (Swagger, 2020 to 2024), `name`, which the portal edits, and
/// `favorite`.
pub const VALUES: &[&str] = &[
    "/name",
    "/favorite",
    "/status",
    "/substatus",
    "/statusReason",
    "/campaignId",
    "/externalReferenceId",
    "/referralProgram",
    "/salesStage",
    "/consent/consentToShareReferralWithMicrosoftSellers",
    "/details/closingDateTime",
    "/details/currency",
    "/details/dealValue",
    "/details/notes",
];

/// Lists: whole, by place (`/team/0`, `/team/-`), and members of their items (`/team/0/email`).
pub const LISTS: &[&str] = &[
    "/team",
    "/customerProfile/team",
    "/details/requirements/solutions",
    "/details/requirements/additionalRequirements/attributes",
];

const FAVORITE: &str = "/favorite";

/// What a JSON Patch asks for.
pub struct Patch {
    /// The members of the document.
    pub intent: Intent,
    /// Whether the caller marks the referral as a favourite; `None` when it says nothing about it.
    pub favorite: Option<bool>,
}

struct Operation {
    index: usize,
    is_add: bool,
    path: String,
    value: Node,
}

/// Says whether every operation is on the caller's own mark, which is no member of the record.
pub fn touches_favorite_only(body: &Node) -> bool {
    let is_favorite = |operation: &Node| match operation {
        Node::Object(members) => members.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("path")
                && matches!(value, Node::Text(path) if path.eq_ignore_ascii_case(FAVORITE))
        }),
        _ => false,
    };
    matches!(body, Node::Array(operations) if !operations.is_empty() && operations.iter().all(is_favorite))
}

/// Reads a JSON Patch and applies it to the document that the caller sees.
///
/// # Errors
/// Every operation that is not acceptable. The pointers are those of the request.
pub fn read(body: &Node, seen: &Node) -> Result<Patch, Report> {
    let mut report = Report::default();
    let Node::Array(items) = body else {
        let message = format!(
            "a JSON Patch is expected: an array of operations such as \
             [{{\"op\":\"replace\",\"path\":\"/details/notes\",\"value\":\"text\"}}]; {} was sent",
            body.kind()
        );
        report.problem(ProblemCode::MalformedBody, "patchArray", "", message);
        return Err(report);
    };
    let operations: Vec<Operation> = items
        .iter()
        .enumerate()
        .filter_map(|(index, item)| read_operation(index, item, &mut report))
        .collect();
    let mut working = seen.clone();
    let mut patch = Patch {
        intent: Intent {
            members: Node::Object(Vec::new()),
            lists: Lists::Exact,
            action: None,
            places: Places::default(),
        },
        favorite: None,
    };
    for operation in operations {
        apply(operation, &mut working, &mut patch, &mut report);
    }
    if report.problems.is_empty() { Ok(patch) } else { Err(report) }
}

fn read_operation(index: usize, item: &Node, report: &mut Report) -> Option<Operation> {
    let Node::Object(members) = item else {
        let message = format!("an operation is an object with op, path and value; {} was sent", item.kind());
        report.problem(ProblemCode::InvalidValue, "type", format!("/{index}"), message);
        return None;
    };
    let member =
        |name: &str| members.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let is_add = match member("op") {
        Some(Node::Text(op)) if op.eq_ignore_ascii_case("add") => Some(true),
        Some(Node::Text(op)) if op.eq_ignore_ascii_case("replace") => Some(false),
        sent => {
            let message = match sent {
                Some(Node::Text(op)) => format!("the operation \"{}\" is not supported", shortened(op)),
                Some(other) => format!("op is a string; {} was sent", other.kind()),
                None => "op is missing".to_owned(),
            };
            let (code, target) = (ProblemCode::UnsupportedPatchOperation, format!("/{index}/op"));
            let allowed = vec!["add".to_owned(), "replace".to_owned()];
            report.problem_with_allowed(code, "patchOperation", target, message, allowed);
            None
        }
    };
    let path = match member("path") {
        Some(Node::Text(path)) => Some(path.clone()),
        sent => {
            let kind = sent.map_or("nothing", Node::kind);
            let message = format!("path is a JSON pointer such as /details/notes; {kind} was sent");
            report.problem(ProblemCode::UnsupportedPatchPath, "patchPath", format!("/{index}/path"), message);
            None
        }
    };
    let value = member("value").cloned();
    if value.is_none() {
        report.required(&format!("/{index}/value"), "the operation has no value");
    }
    Some(Operation { index, is_add: is_add?, path: path?, value: value? })
}

fn apply(operation: Operation, working: &mut Node, patch: &mut Patch, report: &mut Report) {
    let Operation { index, is_add, path, value } = operation;
    let target = format!("/{index}/path");
    let Some(root) = root_of(&path) else {
        refuse_path(&path, target, report);
        return;
    };
    if root == FAVORITE {
        match value {
            Node::Bool(value) => patch.favorite = Some(value),
            other => {
                let message = format!("true or false is expected, {} was sent", other.kind());
                report.problem(ProblemCode::InvalidValue, "type", format!("/{index}/value"), message);
            }
        }
        return;
    }
    let is_whole_list = LISTS.contains(&root) && path.len() == root.len();
    if is_whole_list && !matches!(value, Node::Array(_)) {
        let message = format!("an array is expected, {} was sent", value.kind());
        report.problem(ProblemCode::InvalidValue, "type", format!("/{index}/value"), message);
        return;
    }
    let done = match is_add {
        true => working.add(&path, value),
        false => working.replace(&path, value),
    };
    match done {
        Ok(pointer) => {
            let member = working.at(root).cloned().unwrap_or(Node::Null);
            patch.intent.members.set(root, member);
            patch.intent.places.note(pointer, format!("/{index}/value"));
        }
        Err(error) => {
            let rule = match error {
                PatchError::NotAPointer(_) => "patchPath",
                PatchError::NothingThere(_) | PatchError::NoSuchPlace { .. } => "patchPlace",
            };
            report.problem(ProblemCode::InvalidValue, rule, target, error.to_string());
        }
    }
}

/// Returns the member that a path changes, in the documented spelling. `None` when it is none that may change.
fn root_of(path: &str) -> Option<&'static str> {
    let is_value = |it: &&&str| it.eq_ignore_ascii_case(path);
    let is_list = |it: &&&str| {
        let rest =
            path.get(..it.len()).filter(|start| start.eq_ignore_ascii_case(it)).and(path.get(it.len()..));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    VALUES.iter().find(is_value).or_else(|| LISTS.iter().find(is_list)).copied()
}

fn refuse_path(path: &str, target: String, report: &mut Report) {
    let path = shortened(path);
    let name = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let is_frozen =
        frozen::AFTER_CREATION.iter().any(|it| is_related(&it.to_lowercase(), &path.to_lowercase()));
    let is_read_only = READ_ONLY.iter().chain(&["organizationId"]).any(|it| it.eq_ignore_ascii_case(name));
    if is_frozen && !name.is_empty() {
        let message = format!("{path} cannot change after creation");
        report.problem(ProblemCode::ImmutableField, "afterCreation", target, message);
        return;
    }
    let message = match is_read_only {
        true => format!("{path} belongs to the server"),
        false => format!("{path} cannot be changed by a JSON Patch"),
    };
    let allowed = VALUES.iter().map(|it| (*it).to_owned());
    let lists = LISTS.iter().flat_map(|it| [(*it).to_owned(), format!("{it}/-"), format!("{it}/{{n}}")]);
    let allowed = allowed.chain(lists).collect();
    report.problem_with_allowed(ProblemCode::UnsupportedPatchPath, "patchPath", target, message, allowed);
}
