//! Endpoints, what is to be delivered to them, and how far the log has been told.

mod backlog;
mod deliveries;
mod endpoints;
mod fan_out;
mod keep;
mod worker;

pub use self::{
    backlog::Backlog,
    deliveries::{DeliveryPage, DeliveryPlace, Recorded},
    fan_out::{FanOutLease, LogEntry, Sight},
    worker::{Claim, Claimed, Worker},
};
