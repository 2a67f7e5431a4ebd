//! The query as written: names are not looked up yet, types are not known.

use crate::tree::{Comparison, Operator, Quantifier, Value};

/// A part of an expression, with its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Term {
    /// Bytes from the start of the option's text.
    pub(crate) at: usize,
    pub(crate) kind: TermKind,
}

/// What a [`Term`] is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TermKind {
    /// A literal; quoted ones are texts until something beside them says otherwise.
    Literal(Value),
    /// `Liaison.Status'New'`: the name before the quote, and the text in quotes.
    Tagged(String, String),
    /// `customerProfile/name`, and also a word that may turn out to be one of an enum.
    Path(Vec<Name>),
    /// `team/$count`
    Count(Vec<Name>),
    /// `team/any(t:t/email eq 'x')`
    Lambda {
        quantifier: Quantifier,
        collection: Vec<Name>,
        body: Option<(Name, Box<Term>)>,
    },
    /// `contains(name,'x')`, with the name as written.
    Call(String, Vec<Term>),
    Compare(Comparison, Box<Term>, Box<Term>),
    In(Box<Term>, Vec<Term>),
    /// `'x' in tags`
    InCollection(Box<Term>, Box<Term>),
    And(Vec<Term>),
    Or(Vec<Term>),
    Not(Box<Term>),
    Arithmetic(Operator, Box<Term>, Box<Term>),
    Negate(Box<Term>),
}

/// A name with its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Name {
    pub(crate) at: usize,
    pub(crate) text: String,
}
