//! Three sides of a write that comes too late: what the caller had read, what it wants, what is there.

use std::fmt;

use serde::Serialize;

use super::{
    super::{
        json::{
            Node,
            tree::{edits, is_related, is_same},
        },
        validation::Rules,
    },
    Intent, Lists, apply, overlay,
};

/// What changed since the caller read, beside what the caller wants to change.
#[derive(Clone)]
pub struct Conflict {
    /// Whether no member was changed on both sides, so that `Prefer: resolution=merge` would be followed.
    pub is_mergeable: bool,
    /// Every member that one side or both changed.
    pub members: Vec<ConflictMember>,
}

impl fmt::Debug for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conflict").field("is_mergeable", &self.is_mergeable).finish_non_exhaustive()
    }
}

/// A member that one side or both changed.
#[derive(Clone, Serialize)]
pub struct ConflictMember {
    /// JSON pointer into the document.
    pub pointer: String,
    /// The value that the caller had read.
    pub base: Node,
    /// The value that the caller wants.
    pub yours: Node,
    /// The value that is there.
    pub theirs: Node,
    /// Whether both sides changed it, to different values.
    pub overlaps: bool,
}

impl fmt::Debug for ConflictMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConflictMember").field("pointer", &self.pointer).finish_non_exhaustive()
    }
}

/// Compares the three sides. `base` and `current` are documents as the caller sees them. The second value is what
/// the caller wants as an intent that starts from `current`; what may not be seen is judged then.
pub fn compare(intent: &Intent, base: &Node, current: &Node, rules: &Rules) -> (Conflict, Intent) {
    let wanted = apply(intent, base, base, &[], rules).document;
    let mine = |pointer: &str| !overlay::is_server_owned(pointer);
    let yours: Vec<_> = edits(base, &wanted).into_iter().filter(|it| mine(&it.pointer)).collect();
    let theirs: Vec<_> = edits(base, current).into_iter().filter(|it| mine(&it.pointer)).collect();
    let mut members: Vec<ConflictMember> = theirs
        .iter()
        .map(|their| {
            let your = yours.iter().find(|it| it.pointer == their.pointer);
            let is_touched = yours.iter().any(|it| is_related(&it.pointer, &their.pointer));
            ConflictMember {
                pointer: their.pointer.clone(),
                base: their.before.clone(),
                yours: your.map_or(their.before, |it| it.after).clone(),
                theirs: their.after.clone(),
                overlaps: is_touched && !your.is_some_and(|it| is_same(it.after, their.after)),
            }
        })
        .collect();
    let only_yours = yours.iter().filter(|your| theirs.iter().all(|it| it.pointer != your.pointer));
    members.extend(only_yours.map(|it| ConflictMember {
        pointer: it.pointer.clone(),
        base: it.before.clone(),
        yours: it.after.clone(),
        theirs: it.before.clone(),
        overlaps: false,
    }));
    let mut wish = Node::Object(Vec::new());
    for your in &yours {
        wish.set(&your.pointer, your.after.clone());
    }
    // What an action needs is asked of the request, not of what differs.
    if let Some(reason) = overlay::find(&intent.members, "/statusReason") {
        wish.set("/statusReason", reason.clone());
    }
    let is_mergeable = members.iter().all(|it| !it.overlaps);
    let intent =
        Intent { members: wish, lists: Lists::Exact, action: intent.action, places: intent.places.clone() };
    (Conflict { is_mergeable, members }, intent)
}
