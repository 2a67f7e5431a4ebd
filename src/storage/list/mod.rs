//! The list of what a viewer sees: who sees what is written down at the write, and queries become SQL.

mod changed;
pub(super) mod events;
mod filter;
pub(super) mod functions;
mod lanes;
mod query;
pub(super) mod viewers;

pub use self::query::{Key, ListQuery, Listed, Place};
pub use self::{
    changed::{Changed, ChangedWindow},
    events::{SeenChange, SeenWindow},
};
pub(super) use self::{
    lanes::{Lanes, SHORT},
    query::{Bounded, Select},
};
