//! The handlers of the Partner API.

mod administration;
mod answers;
pub mod batch;
pub mod business_profiles;
pub mod changes;
pub mod delta;
pub mod feed;
pub mod lifecycle;
pub mod list;
pub mod notices;
pub mod organization;
pub mod referrals;
pub mod revise;
pub mod solutions;
pub mod users;
pub mod webhooks;
