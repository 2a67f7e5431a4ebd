//! A JSON tree that is walked, compared and changed by JSON pointers (RFC 6901, RFC 6902).
//!
//! Names are matched to the letter first, and in any case where that finds nothing, because callers write
//! `/Details/DealValue`. What comes back is the pointer in the spelling of the tree.

use serde::{
    Serialize, Serializer,
    ser::{SerializeMap as _, SerializeSeq as _},
};
use serde_json::value::RawValue;

use super::{JsonLimits, Node, decimal::Decimal, parse};
use crate::domain::report::pointer_segment;

/// A stored document is not bounded by what a request may bring.
const STORED: JsonLimits = JsonLimits { depth_max: 64, array_items_max: 100_000 };

/// Why an operation of a JSON Patch cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The pointer does not begin with a slash, or has a `~` that escapes nothing.
    #[error("\"{0}\" is no JSON pointer; write one such as /details/dealValue")]
    NotAPointer(String),
    /// Nothing is there.
    #[error("there is nothing at {0}")]
    NothingThere(String),
    /// A segment is no place of the array.
    #[error("{pointer} is no place of an array that has {length} items")]
    NoSuchPlace {
        /// The pointer.
        pointer: String,
        /// Length of the array.
        length: usize,
    },
}

/// A member that differs between two trees.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit<'a> {
    /// JSON pointer.
    pub pointer: String,
    /// The value before; null when it was not there.
    pub before: &'a Node,
    /// The value after; null when it is not there.
    pub after: &'a Node,
}

impl Node {
    /// Reads a canonical document.
    ///
    /// # Errors
    /// When the text is not JSON, which means that the database was changed by others.
    pub fn from_document(document: &str) -> Result<Self, super::JsonError> {
        parse(document.as_bytes(), STORED)
    }

    /// Writes the tree as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a tree has text names and parsed numbers")
    }

    /// Returns a member by name, to the letter. `None` for anything but an object.
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(it, _)| it == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Returns the value at a pointer, names to the letter.
    pub fn at(&self, pointer: &str) -> Option<&Self> {
        let segments = segments(pointer)?;
        segments.iter().try_fold(self, |node, segment| match node {
            Self::Object(_) => node.member(segment),
            Self::Array(items) => items.get(index(segment)?),
            _ => None,
        })
    }

    /// Writes a member of an object, making the objects above it where there are none. Does nothing below
    /// anything else.
    pub fn set(&mut self, pointer: &str, value: Self) {
        let Some(segments) = segments(pointer) else { return };
        let mut node = self;
        for segment in &segments {
            let Self::Object(members) = node else { return };
            let place = members.iter().position(|(it, _)| it == segment).unwrap_or_else(|| {
                members.push((segment.clone(), Self::Object(Vec::new())));
                members.len().saturating_sub(1)
            });
            let Some((_, below)) = members.get_mut(place) else { return };
            node = below;
        }
        *node = value;
    }

    /// Does the `add` of RFC 6902 and returns the pointer in the spelling of the tree.
    ///
    /// # Errors
    /// When there is nothing above, or no such place in an array.
    pub fn add(&mut self, pointer: &str, value: Self) -> Result<String, PatchError> {
        let mut segments = self.segments_for(pointer)?;
        let Some(last) = segments.pop() else {
            *self = value;
            return Ok(String::new());
        };
        let (above, mut spelled) = self.descend(&segments, pointer)?;
        match above {
            Self::Object(members) => match place_of(members, &last) {
                Some(place) => {
                    push_segment(&mut spelled, members.get(place).map_or(&last, |(it, _)| it));
                    if let Some((_, member)) = members.get_mut(place) {
                        *member = value;
                    }
                }
                None => {
                    push_segment(&mut spelled, &last);
                    members.push((last, value));
                }
            },
            Self::Array(items) => {
                let length = items.len();
                let place = if last == "-" { Some(length) } else { index(&last) };
                let place = place.filter(|it| *it <= length);
                let place =
                    place.ok_or_else(|| PatchError::NoSuchPlace { pointer: pointer.to_owned(), length })?;
                items.insert(place, value);
                push_segment(&mut spelled, &place.to_string());
            }
            _ => return Err(PatchError::NothingThere(pointer.to_owned())),
        }
        Ok(spelled)
    }

    /// Does the `replace` of RFC 6902 and returns the pointer in the spelling of the tree.
    ///
    /// # Errors
    /// When nothing is there.
    pub fn replace(&mut self, pointer: &str, value: Self) -> Result<String, PatchError> {
        let segments = self.segments_for(pointer)?;
        let (place, spelled) = self.descend(&segments, pointer)?;
        *place = value;
        Ok(spelled)
    }

    fn segments_for(&self, pointer: &str) -> Result<Vec<String>, PatchError> {
        segments(pointer).ok_or_else(|| PatchError::NotAPointer(pointer.to_owned()))
    }

    fn descend(&mut self, segments: &[String], pointer: &str) -> Result<(&mut Self, String), PatchError> {
        let mut node = self;
        let mut spelled = String::new();
        for segment in segments {
            let below = match node {
                Self::Object(members) => {
                    let place = place_of(members, segment).and_then(|it| members.get_mut(it));
                    place.map(|(name, value)| (push_segment(&mut spelled, name), value).1)
                }
                Self::Array(items) => {
                    let length = items.len();
                    let place = index(segment).and_then(|it| items.get_mut(it));
                    push_segment(&mut spelled, segment);
                    Some(
                        place
                            .ok_or_else(|| PatchError::NoSuchPlace { pointer: pointer.to_owned(), length })?,
                    )
                }
                _ => None,
            };
            node = below.ok_or_else(|| PatchError::NothingThere(pointer.to_owned()))?;
        }
        Ok((node, spelled))
    }
}

/// Returns what differs: objects are entered, everything else counts as a whole. What is absent on one side is
/// null there.
pub fn edits<'a>(before: &'a Node, after: &'a Node) -> Vec<Edit<'a>> {
    let mut found = Vec::new();
    collect(before, after, &mut String::new(), &mut found);
    found
}

fn collect<'a>(before: &'a Node, after: &'a Node, path: &mut String, found: &mut Vec<Edit<'a>>) {
    let (Node::Object(befores), Node::Object(afters)) = (before, after) else {
        if !is_same(before, after) {
            found.push(Edit { pointer: path.clone(), before, after });
        }
        return;
    };
    let gone = befores.iter().map(|(name, _)| name).filter(|name| after.member(name).is_none());
    for name in afters.iter().map(|(name, _)| name).chain(gone) {
        let length = path.len();
        push_segment(path, name);
        let side = |node: &'a Node| node.member(name).unwrap_or(&Node::Null);
        collect(side(before), side(after), path, found);
        path.truncate(length);
    }
}

/// Says whether two values mean the same: null, an empty text and an absent member do, and numbers are compared by
/// value.
pub fn is_same(one: &Node, other: &Node) -> bool {
    let is_empty =
        |node: &Node| matches!(node, Node::Null) || matches!(node, Node::Text(text) if text.is_empty());
    match (one, other) {
        (Node::Number(one), Node::Number(other)) => {
            one == other
                || Decimal::parse(one).zip(Decimal::parse(other)).is_some_and(|(one, other)| one == other)
        }
        (Node::Array(ones), Node::Array(others)) => {
            ones.len() == others.len() && ones.iter().zip(others).all(|(one, other)| is_same(one, other))
        }
        (Node::Object(ones), Node::Object(others)) => {
            let side = |node: &Node, name: &str| -> Node { node.member(name).cloned().unwrap_or(Node::Null) };
            ones.iter().all(|(name, value)| is_same(value, &side(other, name)))
                && others.iter().all(|(name, value)| is_same(&side(one, name), value))
        }
        _ => one == other || (is_empty(one) && is_empty(other)),
    }
}

/// Says whether one pointer names the same place as another, or one above or below it.
pub fn is_related(one: &str, other: &str) -> bool {
    let is_above = |above: &str, below: &str| {
        below.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    is_above(one, other) || is_above(other, one)
}

/// Splits a pointer. `None` when it is none.
pub fn segments(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    pointer.strip_prefix('/')?.split('/').map(unescape).collect()
}

fn unescape(segment: &str) -> Option<String> {
    let mut text = String::with_capacity(segment.len());
    let mut chars = segment.chars();
    while let Some(char) = chars.next() {
        match char {
            '~' => text.push(match chars.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            }),
            char => text.push(char),
        }
    }
    Some(text)
}

/// Reads a place in an array: digits without a leading zero.
fn index(segment: &str) -> Option<usize> {
    let is_canonical = segment == "0" || !segment.starts_with('0');
    (is_canonical && segment.bytes().all(|it| it.is_ascii_digit())).then(|| segment.parse().ok())?
}

fn place_of(members: &[(String, Node)], name: &str) -> Option<usize> {
    let exact = members.iter().position(|(it, _)| it == name);
    exact.or_else(|| members.iter().position(|(it, _)| it.eq_ignore_ascii_case(name)))
}

fn push_segment(pointer: &mut String, segment: &str) {
    pointer.push('/');
    pointer.push_str(&pointer_segment(segment));
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(text) => {
                RawValue::from_string(text.clone()).map_err(serde::ser::Error::custom)?.serialize(serializer)
            }
            Self::Text(text) => serializer.serialize_str(text),
            Self::Array(items) => {
                let mut sequence = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    sequence.serialize_element(item)?;
                }
                sequence.end()
            }
            Self::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Node, PatchError, edits, is_related, is_same};

    fn node(text: &str) -> Node {
        Node::from_document(text).unwrap()
    }

    #[test]
    fn writing_gives_back_what_was_read() {
        let text = r#"{"a":[1234.50,null,true,"\"\\é"],"b":{"c/d":{}}}"#;

        assert_eq!(node(text).to_json(), text);
    }

    #[test]
    fn add_and_replace_follow_the_standard() {
        let mut tree = node(r#"{"details":{"dealValue":null},"team":[{"email":"a"}]}"#);

        assert_eq!(tree.replace("/Details/dealvalue", node("5")).unwrap(), "/details/dealValue");
        assert_eq!(tree.add("/TEAM/-", node(r#"{"email":"b"}"#)).unwrap(), "/team/1");
        assert_eq!(tree.add("/team/0", node(r#"{"email":"c"}"#)).unwrap(), "/team/0");
        assert_eq!(tree.replace("/team/1/Email", node("\"d\"")).unwrap(), "/team/1/email");

        let emails = r#"[{"email":"c"},{"email":"d"},{"email":"b"}]"#;
        assert_eq!(tree.to_json(), format!(r#"{{"details":{{"dealValue":5}},"team":{emails}}}"#));
    }

    #[test]
    fn what_cannot_be_applied_says_why() {
        let mut tree = node(r#"{"team":[1]}"#);
        let nothing = |it: &str| Err(PatchError::NothingThere(it.to_owned()));
        let no_place = |it: &str| Err(PatchError::NoSuchPlace { pointer: it.to_owned(), length: 1 });

        assert_eq!(tree.replace("/name", Node::Null), nothing("/name"));
        assert_eq!(tree.add("/a/b", Node::Null), nothing("/a/b"));
        assert_eq!(tree.replace("/team/-", Node::Null), no_place("/team/-"));
        assert_eq!(tree.add("/team/2", Node::Null), no_place("/team/2"));
        assert_eq!(tree.add("/team/01", Node::Null), no_place("/team/01"));
        assert!(matches!(tree.add("team", Node::Null), Err(PatchError::NotAPointer(_))));
        assert!(matches!(tree.add("/te~am", Node::Null), Err(PatchError::NotAPointer(_))));
        assert_eq!(tree, node(r#"{"team":[1]}"#));
    }

    #[test]
    fn edits_enter_objects_and_take_lists_whole() {
        let before = node(r#"{"a":1,"b":{"c":[1],"d":""},"gone":2}"#);
        let after = node(r#"{"a":1.0,"b":{"c":[2],"d":null},"new":3}"#);

        let pointers: Vec<_> = edits(&before, &after).into_iter().map(|it| it.pointer).collect();

        assert_eq!(pointers, ["/b/c", "/new", "/gone"]);
    }

    #[test]
    fn null_empty_and_absent_are_the_same() {
        assert!(is_same(&node(r#"{"a":null,"b":""}"#), &node(r#"{"b":null}"#)));
        assert!(is_same(&node("[50000]"), &node("[50000.00]")));
        assert!(!is_same(&node("[]"), &node("[null]")));
        assert!(!is_same(&node("false"), &node("null")));
    }

    #[test]
    fn pointers_are_related_by_whole_segments() {
        assert!(is_related("/team", "/team/0") && is_related("/team/0", "/team") && is_related("/a", "/a"));
        assert!(!is_related("/team", "/teams"));
    }
}
