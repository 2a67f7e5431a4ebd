//! Changes: whole documents, patches, and moves between states.

pub(super) mod lifecycle;
pub(super) mod patch;
pub(super) mod paths;
pub(super) mod put;
