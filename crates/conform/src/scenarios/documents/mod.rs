//! Documents: how they are made, what they must have, how leniently they are read, and how they come back.

pub(super) mod create;
pub(super) mod lenient;
pub(super) mod read;
pub(super) mod required;
