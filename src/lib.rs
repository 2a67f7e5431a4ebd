//! Liaison: a self-hosted referral exchange that speaks the Partner Center Referrals contract.
//!
//! The modules, in reading order:
//!
//! * [`domain`]: the document, its words and its rules: plain data, no I/O, no clock.
//! * [`storage`]: the only place with SQL: two databases behind one `Store`.
//! * [`auth`]: who is calling: bearer tokens, and the built-in issuer.
//! * [`feed`]: readers of the log that reach out: webhooks, their signatures, the guarded client.
//! * [`service`]: what can be done, named as users say it.
//! * [`app`]: what one process holds: store, clock, random source, settings.
//! * [`http`]: the JSON API over HTTP, and the loop that accepts connections.
//! * [`web`]: the dashboard: pages for people, who sign in with a browser.
//! * [`sandbox`]: the companies that `serve --sandbox` starts with.
//! * [`background`]: what a server does without being asked.
//! * [`cli`]: the commands.
//! * [`config`]: settings: embedded defaults, file, environment, flags.
//! * [`telemetry`]: logs and metrics.
//! * [`tls`]: trust in the certificates of this machine.

pub mod domain;

pub mod storage;

pub mod auth;

pub mod feed;

pub mod service;

pub mod app;

mod page;

pub mod http;

pub mod web;

pub mod sandbox;

pub mod background;

pub mod cli;

pub mod config;

pub mod telemetry;

pub mod tls;
