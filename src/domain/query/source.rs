//! A viewer's own JSON as a source of values for the evaluator.

use std::borrow::Cow;

use odata::{
    eval::{Raw, Source},
    schema::Property,
};

use crate::domain::json::Node;

/// A document as a viewer reads it, or an item of one of its lists.
#[derive(Clone, Copy, Debug)]
pub struct JsonSource<'a>(pub &'a Node);

impl<'a> JsonSource<'a> {
    fn at(self, path: &[&'static Property]) -> Option<&'a Node> {
        path.iter().try_fold(self.0, |node, property| node.member(property.name))
    }
}

impl Source for JsonSource<'_> {
    fn value(&self, path: &[&'static Property]) -> Raw<'_> {
        match self.at(path) {
            None | Some(Node::Null | Node::Array(_) | Node::Object(_)) => Raw::Null,
            Some(Node::Bool(value)) => Raw::Boolean(*value),
            Some(Node::Number(text)) => Raw::Number(Cow::Borrowed(text)),
            Some(Node::Text(text)) => Raw::Text(Cow::Borrowed(text)),
        }
    }

    fn items(&self, path: &[&'static Property]) -> Vec<Self> {
        match self.at(path) {
            Some(Node::Array(items)) => items.iter().map(JsonSource).collect(),
            _ => Vec::new(),
        }
    }
}
