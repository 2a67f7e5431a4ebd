//! Laying what was sent over what is stored.

use std::{collections::HashSet, sync::LazyLock};

use super::{
    super::{
        json::{
            Node,
            tree::{is_related, is_same, segments},
        },
        referral::{
            READ_ONLY, Referral,
            draft::{self, Purpose, TextLimits},
            is_spelling_of,
        },
        report::{Report, pointer_segment},
    },
    frozen,
};

/// What becomes of list items that are sent in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// What an item leaves out is kept from the stored item that it stands for.
    KeepAbsent,
    /// Items are as sent.
    Exact,
}

/// Members that an action decides itself.
pub(super) const STATE: [&str; 2] = ["/status", "/substatus"];

/// Lists whose items have a name of their own, and which member it is.
const KEYED: [(&str, &str); 4] = [
    ("/team", "email"),
    ("/customerProfile/team", "email"),
    ("/details/requirements/solutions", "id"),
    ("/details/requirements/additionalRequirements/attributes", "type"),
];

/// How one document is laid over another.
pub(super) struct Overlay<'a> {
    withheld: &'a [String],
    lists: Lists,
    report: &'a mut Report,
    path: String,
    sent: Vec<String>,
    /// Whether members of a list's item are laid, whose names are their own.
    is_item: bool,
}

impl<'a> Overlay<'a> {
    pub(super) fn new(withheld: &'a [String], lists: Lists, report: &'a mut Report) -> Self {
        Self { withheld, lists, report, path: String::new(), sent: Vec::new(), is_item: false }
    }

    /// Returns the pointers of what was sent.
    pub(super) fn into_sent(self) -> Vec<String> {
        self.sent
    }
}

/// Says whether a caller's value of this member never counts.
pub fn is_server_owned(pointer: &str) -> bool {
    let name = pointer.trim_start_matches('/').split('/').next().unwrap_or_default();
    let is_program = name == "referralProgram";
    name == "organizationId" || name.starts_with('@') || (READ_ONLY.contains(&name) && !is_program)
}

/// Lays the members that `sent` names over `stored`, with their values in `canonical`.
pub(super) fn overlay(stored: &mut Node, canonical: &Node, sent: &Node, laid: &mut Overlay<'_>) {
    let (Node::Object(stored), Node::Object(sent)) = (stored, sent) else { return };
    for (spelled, value) in sent {
        let Some((name, place)) = stored.iter_mut().find(|(name, _)| is_spelling_of(spelled, name)) else {
            continue;
        };
        let length = laid.path.len();
        laid.path.push('/');
        laid.path.push_str(&pointer_segment(name));
        if !is_server_owned(&laid.path)
            && let Some(new) = canonical.member(name)
        {
            lay_member(place, new, value, laid);
        }
        if laid.path == "/organizationId" && !is_same_id(place, value) {
            laid.report.ignored(laid.path.clone(), "readOnlyMember");
        }
        laid.path.truncate(length);
    }
}

fn lay_member(place: &mut Node, new: &Node, value: &Node, laid: &mut Overlay<'_>) {
    if says_nothing(place, value, laid) {
        return;
    }
    if laid.withheld.contains(&laid.path) {
        if !matches!(value, Node::Array(items) if items.is_empty()) {
            laid.report.ignored(laid.path.clone(), "notVisible");
        }
        return;
    }
    if let (Node::Object(_), Node::Object(_)) = (&*place, new) {
        return overlay(place, new, value, laid);
    }
    laid.sent.push(laid.path.clone());
    let new = match (&*place, new, value) {
        (Node::Array(stored), Node::Array(new), Node::Array(sent))
            if laid.lists == Lists::KeepAbsent && new.len() == sent.len() =>
        {
            Node::Array(lay_items(stored, new, sent, laid))
        }
        _ => new.clone(),
    };
    if !is_same(place, &new) {
        *place = new;
    }
}

/// Says whether a value counts as absent. An object or a list that is null or empty text says nothing about its members;
/// neither does the `{}` that the pages of 2019 print for a list. Null and empty text clear a text in a body; to
/// every other member, and to what may not change, they are what the sample flow makes of "unknown".
fn says_nothing(place: &Node, value: &Node, laid: &Overlay<'_>) -> bool {
    let is_empty = match value {
        Node::Null => true,
        Node::Text(text) => text.is_empty(),
        Node::Object(members) => members.is_empty(),
        _ => false,
    };
    let is_structure = matches!(place, Node::Object(_) | Node::Array(_));
    let is_kept = || laid.lists == Lists::KeepAbsent && !laid.is_item && !is_clearable(&laid.path);
    is_empty && (is_structure || is_kept())
}

/// Says whether null and empty text clear a member: texts that may change.
fn is_clearable(pointer: &str) -> bool {
    static TEXTS: LazyLock<HashSet<String>> = LazyLock::new(|| {
        let blank = Node::from_document(&Referral::blank().to_document()).unwrap_or(Node::Null);
        let mut pointers = Vec::new();
        scalars(&blank, String::new(), &mut pointers);
        let mut emptied = Node::Object(Vec::new());
        for pointer in &pointers {
            emptied.set(pointer, Node::Text(String::new()));
        }
        // What reads an empty text as an empty text is a text.
        let (draft, _) = draft::read(emptied, Purpose::Revise, &TextLimits::default());
        let read = Node::from_document(&draft.into_document().to_document()).unwrap_or(Node::Null);
        let is_text = |it: &String| read.at(it) == Some(&Node::Text(String::new()));
        pointers.into_iter().filter(is_text).collect()
    });
    let mut frozen = frozen::AFTER_CREATION.iter().chain(frozen::ONCE_SHARED);
    TEXTS.contains(pointer) && !frozen.any(|it| is_related(it, pointer))
}

/// Collects the pointers of every scalar below `node`.
fn scalars(node: &Node, pointer: String, pointers: &mut Vec<String>) {
    match node {
        Node::Object(members) => {
            for (name, value) in members {
                scalars(value, format!("{pointer}/{}", pointer_segment(name)), pointers);
            }
        }
        Node::Array(_) => {}
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) => pointers.push(pointer),
    }
}

fn lay_items(stored: &[Node], new: &[Node], sent: &[Node], laid: &mut Overlay<'_>) -> Vec<Node> {
    let Some((_, key)) = KEYED.iter().find(|(list, _)| *list == laid.path) else { return new.to_vec() };
    let name_of = |item: &Node| match item.member(key) {
        Some(Node::Text(text)) if !text.is_empty() => Some(text.to_lowercase()),
        _ => None,
    };
    let mut items = Vec::with_capacity(new.len());
    for (new, sent) in new.iter().zip(sent) {
        let before =
            name_of(new).and_then(|name| stored.iter().find(|it| name_of(it).as_ref() == Some(&name)));
        let Some(mut item) = before.cloned() else {
            items.push(new.clone());
            continue;
        };
        let mut inner = Overlay::new(&[], laid.lists, laid.report);
        inner.is_item = true;
        inner.path.push_str(&laid.path);
        overlay(&mut item, new, sent, &mut inner);
        items.push(item);
    }
    items
}

fn is_same_id(stored: &Node, sent: &Node) -> bool {
    match (stored, sent) {
        (Node::Text(stored), Node::Text(sent)) => sent.is_empty() || stored.eq_ignore_ascii_case(sent),
        (_, sent) => *sent == Node::Null,
    }
}

/// Finds what was sent for a pointer in the documented spelling.
pub(super) fn find<'a>(sent: &'a Node, pointer: &str) -> Option<&'a Node> {
    segments(pointer)?.iter().try_fold(sent, |node, segment| match node {
        Node::Object(members) => {
            members.iter().find(|(spelled, _)| is_spelling_of(spelled, segment)).map(|(_, value)| value)
        }
        Node::Array(items) => items.get(segment.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Takes the states out: the action decides them.
pub(super) fn drop_state(members: &mut Node) {
    if let Node::Object(members) = members {
        members.retain(|(spelled, _)| !STATE.iter().any(|it| is_spelling_of(spelled, &it[1..])));
    }
}

/// Moves an intent that was sent at the top, as the 2024 table lists it, among the attributes, where the sample
/// carries it; the other attributes stay.
pub(super) fn lift_marketplace_intent(members: &mut Node, stored: &Node) {
    const NAME: &str = "customerMarketplaceIntent";
    const KIND: &str = "CustomerMarketplaceIntent";
    const ATTRIBUTES: &str = "/details/requirements/additionalRequirements/attributes";
    let Some(Node::Text(intent)) = find(members, &format!("/{NAME}")).cloned() else { return };
    if find(members, ATTRIBUTES).is_some() {
        return;
    }
    let is_other = |item: &&Node| item.member("type") != Some(&Node::Text(KIND.to_owned()));
    let mut attributes: Vec<Node> = match stored.at(ATTRIBUTES) {
        Some(Node::Array(items)) => items.iter().filter(is_other).cloned().collect(),
        _ => Vec::new(),
    };
    attributes.push(Node::Object(vec![
        ("type".to_owned(), Node::Text(KIND.to_owned())),
        ("id".to_owned(), Node::Text(intent)),
    ]));
    set_spelled(members, ATTRIBUTES, Node::Array(attributes));
}

/// Sets a member below objects that the caller may have spelled in another case.
fn set_spelled(members: &mut Node, pointer: &str, value: Node) {
    let mut spelled = String::new();
    let mut node = &*members;
    for segment in segments(pointer).unwrap_or_default() {
        let found = match node {
            Node::Object(members) => members.iter().find(|(name, _)| is_spelling_of(name, &segment)),
            _ => None,
        };
        spelled.push('/');
        spelled.push_str(found.map_or(segment.as_str(), |(name, _)| name));
        node = found.map_or(&Node::Null, |(_, value)| value);
    }
    members.set(&spelled, value);
}
