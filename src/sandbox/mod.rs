//! What `serve --sandbox` adds: companies to start with, referrals for those who want many, another side that acts by
//! itself, and time that can be put forward.

pub mod counterpart;
pub mod deals;
pub mod generator;
pub mod seed;
pub mod state;
pub mod walk;
