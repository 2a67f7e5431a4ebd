//! A page that says one thing, such as why something is not shown.

use askama::Template;

use super::{
    assets,
    look::{Look, Theme},
    words::Words,
};
use crate::domain::report::Problem;

/// What stands around every page without navigation.
pub(crate) struct Wording {
    pub(crate) words: Words,
    pub(crate) theme: Theme,
    pub(crate) title: String,
}

impl Wording {
    /// Makes one for a browser.
    pub(crate) fn new(look: &Look, title: String) -> Self {
        Self { words: look.words(), theme: look.theme, title }
    }

    /// Returns the address of an asset.
    pub(crate) fn asset(&self, name: &str) -> String {
        assets::address(name)
    }
}

/// A page that says one thing.
#[derive(Template)]
#[template(path = "web/plain.html")]
pub(crate) struct Plain {
    wording: Wording,
    lines: Vec<String>,
    problems: Vec<Problem>,
    link: Option<(String, String)>,
}

impl Plain {
    /// Starts a page.
    pub(crate) fn new(look: &Look, title: String) -> Self {
        Self { wording: Wording::new(look, title), lines: Vec::new(), problems: Vec::new(), link: None }
    }

    /// Adds lines.
    pub(crate) fn lines(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.lines.extend(lines);
        self
    }

    /// Lists what is wrong with what was sent.
    pub(crate) fn problems(mut self, problems: Vec<Problem>) -> Self {
        self.problems = problems;
        self
    }

    /// Offers a way on: where, and what it is called.
    pub(crate) fn link(mut self, address: &str, label: String) -> Self {
        self.link = Some((address.to_owned(), label));
        self
    }
}
