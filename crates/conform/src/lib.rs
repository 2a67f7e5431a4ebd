//! A judge of servers that claim to speak the Referrals contract: it plays named scenarios against one, over HTTP and
//! with nothing but what the contract promises, and scores what it answers.
//!
//! ```text
//! Target (address, who calls) ─→ run ─┬─ scenario: requests ─→ answers ─→ kept, or a failure with its exchange
//!                                     ├─ …, several at a time; those that need what the target lacks are skipped
//!                                     └─ clear: what was made is closed as Error
//!                                          └─→ Report: table, JUnit XML, JSON
//! ```
//!
//! A [`Scenario`] is a name, a rule, where the rule is written, and a small function. The functions are in
//! `scenarios/`, by topic. Nothing of the server's own code is used here, so that the two cannot share a mistake.
//! Start at [`run()`]. The judge of connectors, the other way round, is in `client/`: start at [`run_client()`].

mod bodies;
mod check;
mod clear;
mod client;
mod play;
mod receiver;
mod report;
mod run;
mod scenario;
mod scenarios;
mod sources;
mod target;
mod wire;

pub use self::{
    check::Failure,
    client::{
        ClientOptions, Connector, Expectation, Situation, Task, run_client, select_situations, situations,
    },
    report::{Outcome, Report, Result},
    run::{Options, RunError, run, select},
    scenario::{Level, Need, Scenario, Source},
    scenarios::all,
    target::{Credentials, Identity, Parties, SignInError, Target},
    wire::Exchange,
};
