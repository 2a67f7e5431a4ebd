//! The handlers of the Partner API.

mod administration;
mod answers;
pub mod business_profiles;
pub mod changes;
pub mod lifecycle;
pub mod organization;
pub mod referrals;
pub mod related;
pub mod revise;
pub mod solutions;
pub mod users;
