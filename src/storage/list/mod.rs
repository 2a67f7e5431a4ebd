//! The list of what a viewer sees: who sees what is written down at the write, and queries become SQL.

mod changed;
mod filter;
pub(super) mod functions;
mod lanes;
mod query;
pub(super) mod viewers;

pub use self::changed::{Changed, ChangedWindow};
pub use self::query::{Key, ListQuery, Listed, Place};
pub(super) use self::{
    lanes::{Lanes, SHORT},
    query::Bounded,
};
