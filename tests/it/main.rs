//! The program as its callers meet it: every topic on both databases, through the real router.
//!
//! `world` builds a server in process; the topics drive it. PostgreSQL comes from
//! `LIAISON_TEST_POSTGRES_URL`: run `cargo xtask test`, which starts one.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails where it stands, and so do its helpers"
)]

mod access;
mod administration;
mod audit;
mod batch;
mod changes;
mod cli;
mod create;
mod expiry;
mod faults;
mod feed;
mod idempotency;
mod isolation;
mod lenient;
mod lifecycle;
mod list;
mod log;
mod metadata;
mod notices;
mod openapi;
mod outbound;
mod races;
mod read;
mod refusals;
mod request_log;
mod sandbox;
mod sight;
mod signatures;
mod storage;
mod web;
mod webhooks;
mod world;
