//! What the referrals that a viewer sees add up to: read once, in one statement, and reckoned up by the database.
//!
//! ```text
//! facts      a row for each referral: flow, standing, country, value, spans, reason, solutions
//!   ├ standing   by flow, standing, country and currency   (0)
//!   ├ spans      until the acceptance, until the win       (1)
//!   ├ reasons    why it was declined or lost               (2)
//!   ├ solutions  each counts for the whole referral        (3)
//!   └ days       when it was made                          (4)
//! ```
//!
//! Values are read as the list's conditions read them, so that nothing is reckoned that the viewer does not see.

mod facts;
mod rows;

use std::time::Duration;

use odata::tree::Expr;
use rust_decimal::Decimal;

use super::{Store, StoreError, list::Bounded};
use crate::domain::{
    actor::Scope,
    insight::{Flow, Standing},
};

/// Which referrals are reckoned up.
#[derive(Clone, Copy, Debug)]
pub struct InsightQuery<'a> {
    /// Only those for which all of these are true.
    pub predicates: &'a [&'a Expr],
    /// Only those that go this way.
    pub flow: Option<Flow>,
    /// Only those of this location of the viewer's organisation.
    pub mpn_id: Option<&'a str>,
    /// Reasons that count whatever is written after them.
    pub reasons: &'a [&'a str],
}

/// What referrals add up to.
#[derive(Clone, Debug, Default)]
pub struct Reckoning {
    /// Where they stand.
    pub standings: Vec<StandingTally>,
    /// How long things took.
    pub spans: Vec<SpanTally>,
    /// Why they were declined or lost; the most frequent ones.
    pub reasons: Vec<ReasonTally>,
    /// What is sold; the most frequent ones.
    pub solutions: Vec<SolutionTally>,
    /// When they were made.
    pub days: Vec<DayTally>,
}

/// Referrals of one flow that stand at one place, in one country and one currency.
#[derive(Clone, Debug, PartialEq)]
pub struct StandingTally {
    /// Which way they go.
    pub flow: Flow,
    /// Where they stand.
    pub standing: Standing,
    /// Country of the customer.
    pub country: Option<String>,
    /// Currency of the value.
    pub currency: Option<String>,
    /// Whether they count where flows are taken together: an invitation does not, beside the own record that it was
    /// sent from.
    pub is_single: bool,
    /// How many.
    pub count: u64,
    /// What they are worth together; `None` when none has a value, or the sum has too many digits.
    pub value: Option<Decimal>,
}

/// What takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leg {
    /// From the invitation to the acceptance.
    Acceptance,
    /// From the acceptance to the win.
    Win,
}

/// How long something took, over the referrals of one flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanTally {
    /// Which way they go.
    pub flow: Flow,
    /// What it is.
    pub leg: Leg,
    /// How many.
    pub count: u64,
    /// Half of them took no longer; in seconds.
    pub median_secs: u64,
    /// Nine of ten took no longer; in seconds.
    pub p90_secs: u64,
}

/// Referrals that were declined or lost for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReasonTally {
    /// Which way they go.
    pub flow: Flow,
    /// Declined or lost.
    pub standing: Standing,
    /// The reason, or its beginning; `None` where none was given.
    pub reason: Option<String>,
    /// How many.
    pub count: u64,
}

/// Referrals with one solution, in one currency.
#[derive(Clone, Debug, PartialEq)]
pub struct SolutionTally {
    /// Id of the solution.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// Currency of the value.
    pub currency: Option<String>,
    /// How many.
    pub count: u64,
    /// How many were accepted at some time.
    pub accepted: u64,
    /// How many were won.
    pub won: u64,
    /// What they are worth together, each as a whole.
    pub value: Option<Decimal>,
}

/// Referrals that were made on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayTally {
    /// The day, counted from 1970-01-01.
    pub day: i64,
    /// How many.
    pub count: u64,
    /// How many were accepted at some time.
    pub accepted: u64,
    /// How many were won.
    pub won: u64,
}

impl Store {
    /// Reckons up what `scope` may see, for `budget` at most.
    ///
    /// # Errors
    /// [`StoreError::CutOff`] when it takes longer.
    pub async fn reckon(
        &self,
        scope: &Scope,
        query: &InsightQuery<'_>,
        budget: Duration,
    ) -> Result<Reckoning, StoreError> {
        let (sql, params) = facts::statement(self.dialect(), scope, query);
        // Every referral is read.
        let bounded = Bounded { sql, params, is_costly: true };
        rows::reckoning(&self.query_within(budget, scope, bounded).await?)
    }
}
