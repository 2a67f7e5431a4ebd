//! What a sandbox keeps beside an exchange: the other side's plans, and copies of everything by name.

mod counterpart;
mod postgres;
mod snapshots;
mod sqlite;

pub use self::{
    counterpart::{Arrived, Plan},
    snapshots::Snapshot,
};
