//! The Partner API surface: referrals.

pub mod referrals;
