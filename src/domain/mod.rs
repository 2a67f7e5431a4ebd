//! The document, its words and its rules: plain data, no I/O, no clock.

pub mod actor;
pub mod audit;
pub mod change;
pub mod deal;
pub mod engagement;
pub mod etag;
pub mod event;
pub mod fault;
pub mod insight;
pub mod json;
pub mod lifecycle;
pub mod notice;
pub mod organization;
pub mod query;
pub mod referral;
pub mod report;
pub mod revision;
pub mod sources;
pub mod time;
pub mod validation;
pub mod view;
pub mod visibility;
pub mod vocabulary;
pub mod webhook;
