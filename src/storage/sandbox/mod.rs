//! What a sandbox keeps beside an exchange: the other side's plans, copies of everything by name, and the
//! places of further sandboxes.

mod counterpart;
mod named;
mod postgres;
mod snapshots;
mod sqlite;

pub use self::{
    counterpart::{Arrived, Plan},
    named::{NamedError, is_sandbox_name},
    snapshots::Snapshot,
};
