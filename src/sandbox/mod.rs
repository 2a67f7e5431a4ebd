//! What `serve --sandbox` adds: companies to start with, referrals for those who want many, another side that acts by
//! itself, time that can be put forward, and what further sandboxes are made of.

pub mod counterpart;
pub mod deals;
pub mod generator;
pub mod named;
pub mod seed;
pub mod state;
pub mod walk;
