//! The companies that `serve --sandbox` starts with, and referrals for those who want many.

pub mod deals;
pub mod seed;
