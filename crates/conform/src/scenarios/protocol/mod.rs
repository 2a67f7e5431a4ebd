//! What holds for every request: failures, headers, metadata, batches.

pub(super) mod batch;
pub(super) mod errors;
pub(super) mod headers;
pub(super) mod metadata;
