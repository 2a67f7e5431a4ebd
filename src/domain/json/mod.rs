//! A JSON document as it was sent, before any meaning: numbers keep their text, members their order.
//!
//! `serde_json` would lose `1234.50` (or change every `Value` of the program to keep it), stops at the
//! first error and accepts duplicate keys. So the tree is built from a pull parser, with limits on depth
//! and array length, and every error names its place.

pub mod decimal;
pub mod tree;

use std::collections::HashSet;

use jiter::{Jiter, JiterError, JiterErrorType, JsonErrorType, Peek};

use super::report::shortened;

/// A JSON value as it was sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, in its own text.
    Number(String),
    /// A string, unescaped.
    Text(String),
    /// An array.
    Array(Vec<Node>),
    /// An object, in the order of its members. No two names are the same to the letter.
    Object(Vec<(String, Node)>),
}

impl Node {
    /// Returns what kind of value this is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// How large a document may be, beyond its bytes.
#[derive(Clone, Copy, Debug)]
pub struct JsonLimits {
    /// Deepest nesting of arrays and objects.
    pub depth_max: usize,
    /// Longest array.
    pub array_items_max: usize,
}

/// Why a text is not an acceptable document. Line and column start at 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Nothing was sent.
    #[error("the body is empty; send one JSON value")]
    Empty,
    /// The bytes are not UTF-8.
    #[error("the body is not UTF-8: byte {0} starts no character")]
    NotUtf8(usize),
    /// The text is not JSON.
    #[error("the body is not JSON: {reason} at line {line}, column {column}")]
    Syntax {
        /// What the parser met.
        reason: String,
        /// Line of the place.
        line: usize,
        /// Column of the place.
        column: usize,
    },
    /// Nesting is too deep.
    #[error("line {line}, column {column} is nested deeper than {max} levels")]
    TooDeep {
        /// Line of the place.
        line: usize,
        /// Column of the place.
        column: usize,
        /// Deepest nesting that is accepted.
        max: usize,
    },
    /// An array is too long.
    #[error("the array that reaches line {line}, column {column} has more than {max} items")]
    TooManyItems {
        /// Line of the place.
        line: usize,
        /// Column of the place.
        column: usize,
        /// Longest array that is accepted.
        max: usize,
    },
    /// An object names a member twice.
    #[error("member \"{name}\" stands twice in one object, at line {line}, column {column}")]
    DuplicateMember {
        /// The name.
        name: String,
        /// Line of the second one.
        line: usize,
        /// Column of the second one.
        column: usize,
    },
}

/// Reads one JSON document.
///
/// # Errors
/// Names the place of the first thing that is not acceptable. A byte order mark is skipped.
pub fn parse(bytes: &[u8], limits: JsonLimits) -> Result<Node, JsonError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Err(error) = std::str::from_utf8(bytes) {
        return Err(JsonError::NotUtf8(error.valid_up_to()));
    }
    if bytes.trim_ascii().is_empty() {
        return Err(JsonError::Empty);
    }
    let mut parser = Parser { jiter: Jiter::new(bytes), limits };
    let node = parser.value(0)?;
    parser.jiter.finish().map_err(|error| parser.syntax(&error))?;
    Ok(node)
}

struct Parser<'a> {
    jiter: Jiter<'a>,
    limits: JsonLimits,
}

impl Parser<'_> {
    fn value(&mut self, depth: usize) -> Result<Node, JsonError> {
        match self.jiter.peek() {
            Ok(peek) => self.known_value(peek, depth),
            Err(error) => Err(self.syntax(&error)),
        }
    }

    fn known_value(&mut self, peek: Peek, depth: usize) -> Result<Node, JsonError> {
        let scalar = match peek {
            Peek::Null => self.jiter.known_null().map(|()| Node::Null),
            Peek::True | Peek::False => self.jiter.known_bool(peek).map(Node::Bool),
            Peek::String => self.jiter.known_str().map(|it| Node::Text(it.to_owned())),
            Peek::Array => return self.array(depth + 1),
            Peek::Object => return self.object(depth + 1),
            _ => self
                .jiter
                .known_number_bytes(peek)
                .map(|it| Node::Number(String::from_utf8_lossy(it).into_owned())),
        };
        scalar.map_err(|error| self.syntax(&error))
    }

    fn array(&mut self, depth: usize) -> Result<Node, JsonError> {
        self.check_depth(depth)?;
        let mut items = Vec::new();
        let mut next = self.jiter.known_array();
        loop {
            let Some(peek) = next.map_err(|error| self.syntax(&error))? else {
                return Ok(Node::Array(items));
            };
            if items.len() == self.limits.array_items_max {
                let (line, column) = self.place(self.jiter.current_index());
                return Err(JsonError::TooManyItems { line, column, max: self.limits.array_items_max });
            }
            items.push(self.known_value(peek, depth)?);
            next = self.jiter.array_step();
        }
    }

    fn object(&mut self, depth: usize) -> Result<Node, JsonError> {
        self.check_depth(depth)?;
        let mut members: Vec<(String, Node)> = Vec::new();
        let mut names = Names::default();
        let mut next = self.jiter.known_object().map(|name| name.map(str::to_owned));
        loop {
            let Some(name) = next.map_err(|error| self.syntax(&error))? else {
                return Ok(Node::Object(members));
            };
            if !names.insert(&members, &name) {
                let (line, column) = self.place(self.jiter.current_index());
                return Err(JsonError::DuplicateMember { name: shortened(&name).to_owned(), line, column });
            }
            let value = self.value(depth)?;
            members.push((name, value));
            next = self.jiter.next_key().map(|name| name.map(str::to_owned));
        }
    }

    fn check_depth(&self, depth: usize) -> Result<(), JsonError> {
        if depth <= self.limits.depth_max {
            return Ok(());
        }
        let (line, column) = self.place(self.jiter.current_index());
        Err(JsonError::TooDeep { line, column, max: self.limits.depth_max })
    }

    fn place(&self, index: usize) -> (usize, usize) {
        let position = self.jiter.error_position(index);
        (position.line, position.column)
    }

    fn syntax(&self, error: &JiterError) -> JsonError {
        let (line, column) = self.place(error.index);
        let reason = match &error.error_type {
            JiterErrorType::JsonError(
                JsonErrorType::LoneLeadingSurrogateInHexEscape
                | JsonErrorType::InvalidUnicodeCodePoint
                | JsonErrorType::UnexpectedEndOfHexEscape,
            ) => "a lone surrogate or an unfinished \\u escape, which is no character,".to_owned(),
            JiterErrorType::JsonError(other) => other.to_string(),
            JiterErrorType::WrongType { .. } => "an unexpected value".to_owned(),
        };
        JsonError::Syntax { reason, line, column }
    }
}

/// Finds repeated names: by looking through short objects, by hashing long ones.
#[derive(Default)]
struct Names(HashSet<String>);

impl Names {
    const LONG: usize = 24;

    fn insert(&mut self, members: &[(String, Node)], name: &str) -> bool {
        if members.len() < Self::LONG {
            return members.iter().all(|(it, _)| it != name);
        }
        if self.0.is_empty() {
            self.0.extend(members.iter().map(|(it, _)| it.clone()));
        }
        self.0.insert(name.to_owned())
    }
}

#[cfg(test)]
mod suite_tests;
#[cfg(test)]
mod tests {
    use super::{JsonError, JsonLimits, Node, parse};

    const LIMITS: JsonLimits = JsonLimits { depth_max: 32, array_items_max: 1000 };

    fn error(text: &str) -> String {
        parse(text.as_bytes(), LIMITS).unwrap_err().to_string()
    }

    #[test]
    fn numbers_keep_their_text() {
        let node = parse(b"{\"a\":[1234.50, 5e4, -0]}", LIMITS).unwrap();

        let number = |text: &str| Node::Number(text.to_owned());
        let items = Node::Array(vec![number("1234.50"), number("5e4"), number("-0")]);
        assert_eq!(node, Node::Object(vec![("a".to_owned(), items)]));
    }

    #[test]
    fn text_is_kept_exactly() {
        let text = "\u{1f91d} \u{202e}\u{05e9}\u{05dc}\u{05d5}\u{05dd} e\u{301}";
        let node = parse(format!("\"{text}\"").as_bytes(), LIMITS).unwrap();

        assert_eq!(node, Node::Text(text.to_owned()));
    }

    #[test]
    fn errors_name_the_place() {
        assert_eq!(error(" "), "the body is empty; send one JSON value");
        assert!(
            error("{\"a\":1,\n \"b\":}").contains("line 2, column 6"),
            "{}",
            error("{\"a\":1,\n \"b\":}")
        );
        assert!(error("{\"a\":1,\"a\":2}").starts_with("member \"a\" stands twice"));
        assert!(error("\"\\ud800\"").contains("lone surrogate"), "{}", error("\"\\ud800\""));
        assert!(error("\"\\udc00\"").contains("lone surrogate"), "{}", error("\"\\udc00\""));
        assert!(error("{} x").contains("trailing"));
        assert_eq!(parse(b"\"\xff\"", LIMITS), Err(JsonError::NotUtf8(1)));
    }

    #[test]
    fn limits_hold_at_their_edge() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        let long = |items: usize| format!("[{}0]", "0,".repeat(items - 1));

        assert!(parse(nested(32).as_bytes(), LIMITS).is_ok());
        assert!(error(&nested(33)).contains("deeper than 32"));
        assert!(error(&nested(100_000)).contains("deeper than 32"));
        assert!(parse(long(1000).as_bytes(), LIMITS).is_ok());
        assert!(error(&long(1001)).contains("more than 1000 items"));
    }

    #[test]
    fn long_objects_find_their_duplicates_too() {
        let members: Vec<String> = (0..100).map(|it| format!("\"m{it}\":0")).collect();
        let text = format!("{{{},\"m50\":1}}", members.join(","));

        assert!(error(&text).starts_with("member \"m50\" stands twice"));
    }
}
