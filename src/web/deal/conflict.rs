//! Somebody was faster: what was read, what the person wants, and what is there, member by member.

use askama::Template;
use axum::response::Response;

use super::{
    form::Typed,
    load::Deal,
    page,
    sections::{Members, Section},
    tell::{member_name, value_text},
};
use crate::{
    domain::{
        etag::ETag,
        json::Node,
        revision::merge::{Conflict, ConflictMember},
    },
    web::{
        failure::{self, Failure},
        visit::{Frame, Visit},
        words::Words,
    },
};

/// The page of a conflict. Everything that was typed is in its form.
#[derive(Template)]
#[template(path = "web/deal/conflict.html")]
struct ConflictPage {
    frame: Frame,
    name: String,
    action: String,
    back: String,
    /// The token that was read; for merging.
    etag: String,
    /// The token of what is there; for choosing.
    etag_now: String,
    /// Whether no member was changed on both sides.
    is_mergeable: bool,
    /// Whether what the person had read is known.
    has_base: bool,
    rows: Vec<Row>,
    typed: Vec<(String, String)>,
}

/// A member that one side or both changed.
struct Row {
    pointer: String,
    name: String,
    base: String,
    yours: String,
    theirs: String,
    /// Whether both sides changed it.
    overlaps: bool,
    /// Whether the person alone changed it.
    is_only_yours: bool,
}

/// Shows a conflict.
pub(super) async fn show(
    visit: &Visit,
    deal: &Deal,
    section: Section,
    typed: &Typed,
    members: Members,
    (current, conflict): (ETag, Option<Box<Conflict>>),
) -> Result<Response, Failure> {
    let words = visit.words;
    let has_base = conflict.is_some();
    let conflict = conflict.map_or_else(|| without_base(deal, members), |it| *it);
    let page = ConflictPage {
        frame: visit.frame(words.say("conflict-title")).await?,
        name: page::name(deal, words),
        action: format!("/deals/{}/{}", deal.id, section.as_str()),
        back: page::address(visit, deal, typed.get("from")),
        etag: typed.text("etag").to_owned(),
        etag_now: current.to_string(),
        is_mergeable: has_base && conflict.is_mergeable,
        has_base,
        rows: conflict.members.iter().map(|it| row(it, words)).collect(),
        typed: typed.kept(),
    };
    crate::web::visit::page(&page).map(failure::conflicting)
}

/// Compares what the person wants with what is there, where what it had read is not known any more.
fn without_base(deal: &Deal, members: Members) -> Conflict {
    let there = |pointer: &str| deal.node.at(pointer).cloned().unwrap_or(Node::Null);
    let members = members.into_iter().map(|(pointer, yours)| {
        let theirs = there(&pointer);
        ConflictMember { base: Node::Null, overlaps: yours != theirs, pointer, yours, theirs }
    });
    Conflict { is_mergeable: false, members: members.filter(|it| it.overlaps).collect() }
}

fn row(member: &ConflictMember, words: Words) -> Row {
    let text = |value: &Node| value_text(&member.pointer, value, words);
    Row {
        pointer: member.pointer.clone(),
        name: member_name(&member.pointer, words),
        base: text(&member.base),
        yours: text(&member.yours),
        theirs: text(&member.theirs),
        overlaps: member.overlaps,
        is_only_yours: member.theirs == member.base && member.yours != member.base,
    }
}
