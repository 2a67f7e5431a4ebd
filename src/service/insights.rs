//! What the referrals that a person sees add up to: funnels, shares, times, reasons, places, solutions and their trend.
//!
//! Everything is reckoned from the referrals as they stand, each time anew. A referral belongs to the period in which
//! it was made. Money stays in its currency. Where flows are taken together, a deal counts once: an invitation that was
//! sent from an own record is that record.

use std::{cmp::Reverse, collections::BTreeMap, mem};

use odata::tree::Expr;
use rust_decimal::Decimal;

use super::{
    Context,
    referrals::{self, ListError},
};
use crate::{
    domain::{
        actor::{Actor, Colleague},
        audit::{AuditEvent, Deed, Resource},
        insight::{Flow, Standing, Standings},
        lifecycle::State,
        time::Timestamp,
        vocabulary::Vocabulary as _,
    },
    storage::{
        Commit, DayTally, InsightQuery, Leg, ReasonTally, Reckoning, SolutionTally, SpanTally, StoreError,
    },
};

/// Which referrals are asked for.
#[derive(Clone, Copy, Debug)]
pub struct InsightWish<'a> {
    /// Made at this moment or later.
    pub from: Timestamp,
    /// Made before this moment.
    pub until: Timestamp,
    /// Only those that go this way; `None` for all.
    pub flow: Option<Flow>,
    /// Only those with a customer in this country.
    pub country: Option<&'a str>,
    /// Only those with this solution.
    pub solution: Option<&'a str>,
    /// Only those that stand here.
    pub state: Option<State>,
    /// Only those of this location of the person's organisation.
    pub mpn_id: Option<&'a str>,
    /// Only those with this address in the team.
    pub member: Option<&'a str>,
    /// Reasons that count whatever is written after them.
    pub reasons: &'a [&'a str],
}

/// What referrals add up to.
#[derive(Clone, Debug)]
pub struct Insights {
    /// The flows, in the order of [`Flow::ALL`]; the one that was asked for, or all.
    pub flows: Vec<FlowInsight>,
    /// Why referrals were declined or lost, the most frequent reason first.
    pub reasons: Vec<ReasonTally>,
    /// Where customers are, most referrals first.
    pub countries: Vec<Part>,
    /// What is sold, most referrals first. Each counts for the whole referral.
    pub solutions: Vec<Part>,
    /// Days on which referrals were made, in order; days without any are left out.
    pub days: Vec<DayTally>,
    /// The currency that most referrals have; `None` where none has one.
    pub currency: Option<String>,
}

/// What the referrals of one flow add up to.
#[derive(Clone, Debug)]
pub struct FlowInsight {
    /// Which way they go.
    pub flow: Flow,
    /// How many stand where.
    pub standings: Standings,
    /// What all of them are worth.
    pub made: Money,
    /// What those are worth that were accepted at some time.
    pub accepted: Money,
    /// What those are worth that were won.
    pub won: Money,
    /// How long an acceptance took; `None` where none was.
    pub acceptance: Option<SpanTally>,
    /// How long a win took; `None` where none was.
    pub win: Option<SpanTally>,
}

/// A part of the referrals, with something in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What they have in common; `None` where that is not said.
    pub key: Option<String>,
    /// What it is called; `None` where it has no other name.
    pub name: Option<String>,
    /// How many.
    pub count: u64,
    /// How many were accepted at some time.
    pub accepted: u64,
    /// How many were won.
    pub won: u64,
    /// What they are worth.
    pub value: Money,
}

/// Sums, each in its currency. A value without a currency stands under `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Money(BTreeMap<Option<String>, Decimal>);

impl Money {
    /// Returns the sums, by currency.
    pub fn sums(&self) -> impl Iterator<Item = (Option<&str>, Decimal)> {
        self.0.iter().map(|(currency, sum)| (currency.as_deref(), *sum))
    }

    /// Returns the sum in one currency.
    pub fn sum_in(&self, currency: Option<&str>) -> Decimal {
        self.sums().find(|(it, _)| *it == currency).map_or(Decimal::ZERO, |(_, sum)| sum)
    }

    fn gain(&mut self, currency: Option<&str>, value: Option<Decimal>) {
        let Some(value) = value else { return };
        let sum = self.0.entry(currency.map(str::to_owned)).or_default();
        // 28 digits are beyond all the money there is.
        *sum = sum.saturating_add(value);
    }

    /// Returns these sums and others together.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        for (currency, sum) in other.sums() {
            self.gain(currency, Some(sum));
        }
        self
    }
}

/// Reckons up the referrals that a person sees.
///
/// # Errors
/// When it takes longer than it may, or the database does not answer.
pub async fn insights(
    context: &Context,
    actor: &Actor,
    wish: &InsightWish<'_>,
) -> Result<Insights, ListError> {
    let options = [("$filter", filter(wish))];
    let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&options).finish();
    let query = referrals::read_query(context, &text)?;
    let predicates: Vec<&Expr> = query.filter.iter().collect();
    let asked =
        InsightQuery { predicates: &predicates, flow: wish.flow, mpn_id: wish.mpn_id, reasons: wish.reasons };
    let budget = context.settings.queries.budget;
    let reckoning = context.store.reckon(&actor.scope(), &asked, budget).await;
    let reckoning = reckoning.map_err(|error| match error {
        StoreError::CutOff => ListError::CutOff { costly_part: None },
        error => ListError::Store(error),
    })?;
    Ok(gather(reckoning, wish.flow))
}

/// Writes down that a table is handed out as a file.
///
/// # Errors
/// When the database does not take the commit: then nothing is to be handed out.
pub async fn note_export(
    context: &Context,
    whose: &Colleague,
    table: &str,
    (from, until): (Timestamp, Timestamp),
) -> Result<(), StoreError> {
    let (id, now) = (context.random.uuid(), context.clock.now());
    let owner = Some(whose.organization_id.clone());
    let event = AuditEvent::new((id, now), owner, whose.into(), (Deed::Export, Resource::Insight))
        .on(table)
        .detail("From", from)
        .detail("Until", until);
    let mut commit = Commit::new();
    commit.append_audit(&event);
    context.store.commit(commit).await
}

/// Writes a wish in the language of lists.
fn filter(wish: &InsightWish<'_>) -> String {
    let text = |it: &str| format!("'{}'", it.replace('\'', "''"));
    let mut parts = vec![format!("createdDateTime ge {} and createdDateTime lt {}", wish.from, wish.until)];
    parts.extend(wish.country.map(|it| format!("customerProfile/address/country eq {}", text(it))));
    parts.extend(wish.state.map(|it| format!("substatus eq '{}'", it.substatus().as_str())));
    parts.extend(
        wish.solution.map(|it| format!("details/requirements/solutions/any(s: s/id eq {})", text(it))),
    );
    let member = wish.member.map(str::to_lowercase);
    parts.extend(member.map(|it| format!("team/any(m: tolower(m/email) eq {})", text(&it))));
    parts.join(" and ")
}

/// Puts together what belongs together.
fn gather(reckoning: Reckoning, flow: Option<Flow>) -> Insights {
    let flows = Flow::ALL.into_iter().filter(|it| flow.is_none_or(|flow| flow == *it));
    let flows: Vec<FlowInsight> = flows.map(|it| flow_insight(&reckoning, it)).collect();
    let singles = reckoning.standings.iter().filter(|it| it.is_single);
    let countries = singles.map(|it| Part {
        key: it.country.clone(),
        name: None,
        count: it.count,
        accepted: if it.standing.was_accepted() { it.count } else { 0 },
        won: if it.standing == Standing::Won { it.count } else { 0 },
        value: money(it.currency.as_deref(), it.value),
    });
    let countries = by_count(countries);
    let solutions = by_count(reckoning.solutions.iter().map(|it| {
        let SolutionTally { id, name, currency, count, accepted, won, value } = it.clone();
        let value = money(currency.as_deref(), value);
        Part { key: Some(id), name, count, accepted, won, value }
    }));
    let mut reasons = reckoning.reasons;
    reasons.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.reason.cmp(&other.reason)));
    let mut days = reckoning.days;
    days.sort_by_key(|it| it.day);
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for tally in &reckoning.standings {
        if let Some(currency) = tally.currency.as_deref() {
            let count = counts.entry(currency).or_default();
            *count = count.saturating_add(tally.count);
        }
    }
    let currency = counts.into_iter().max_by_key(|(_, count)| *count).map(|(it, _)| it.to_owned());
    Insights { flows, reasons, countries, solutions, days, currency }
}

fn flow_insight(reckoning: &Reckoning, flow: Flow) -> FlowInsight {
    let mut standings = Standings::default();
    let (mut made, mut accepted, mut won) = (Money::default(), Money::default(), Money::default());
    for tally in reckoning.standings.iter().filter(|it| it.flow == flow) {
        standings.add(tally.standing, tally.count);
        let currency = tally.currency.as_deref();
        made.gain(currency, tally.value);
        if tally.standing.was_accepted() {
            accepted.gain(currency, tally.value);
        }
        if tally.standing == Standing::Won {
            won.gain(currency, tally.value);
        }
    }
    let span = |leg: Leg| reckoning.spans.iter().find(|it| it.flow == flow && it.leg == leg).copied();
    FlowInsight {
        flow,
        standings,
        made,
        accepted,
        won,
        acceptance: span(Leg::Acceptance),
        win: span(Leg::Win),
    }
}

fn money(currency: Option<&str>, value: Option<Decimal>) -> Money {
    let mut money = Money::default();
    money.gain(currency, value);
    money
}

/// Joins parts with one key, and puts the largest first.
fn by_count(parts: impl Iterator<Item = Part>) -> Vec<Part> {
    let mut joined: BTreeMap<Option<String>, Part> = BTreeMap::new();
    for part in parts {
        match joined.get_mut(&part.key) {
            Some(whole) => {
                whole.count = whole.count.saturating_add(part.count);
                whole.accepted = whole.accepted.saturating_add(part.accepted);
                whole.won = whole.won.saturating_add(part.won);
                whole.value = mem::take(&mut whole.value).and(&part.value);
                if whole.name.is_none() {
                    whole.name = part.name;
                }
            }
            None => drop(joined.insert(part.key.clone(), part)),
        }
    }
    let mut parts: Vec<Part> = joined.into_values().collect();
    // The order of the keys stays where counts are equal.
    parts.sort_by_key(|it| Reverse(it.count));
    parts
}

#[cfg(test)]
mod tests {
    use super::{Decimal, Flow, InsightWish, Reckoning, State, Timestamp, filter, gather};
    use crate::{domain::insight::Standing, storage::StandingTally};

    #[test]
    fn a_wish_is_written_in_the_language_of_lists() {
        let wish = InsightWish {
            from: Timestamp::parse("2026-08-25").unwrap(),
            until: Timestamp::parse("2026-11-23").unwrap(),
            flow: None,
            country: Some("DE"),
            solution: Some("SOL-1'x"),
            state: Some(State::Won),
            mpn_id: None,
            member: Some("Uma@Contoso.example"),
            reasons: &[],
        };

        assert_eq!(
            filter(&wish),
            "createdDateTime ge 2026-08-25T00:00:00Z and createdDateTime lt 2026-11-23T00:00:00Z \
             and customerProfile/address/country eq 'DE' and substatus eq 'Won' \
             and details/requirements/solutions/any(s: s/id eq 'SOL-1''x') \
             and team/any(m: tolower(m/email) eq 'uma@contoso.example')"
        );
    }

    #[test]
    fn an_invitation_beside_an_own_record_counts_in_its_flow_alone() {
        let tally = |flow, is_single, currency: &str, value: i64| StandingTally {
            flow,
            standing: Standing::Won,
            country: Some("DE".to_owned()),
            currency: Some(currency.to_owned()),
            is_single,
            count: 1,
            value: Some(value.into()),
        };
        let standings = vec![
            tally(Flow::Own, true, "EUR", 10),
            tally(Flow::Outbound, false, "EUR", 10),
            tally(Flow::Inbound, true, "USD", 7),
        ];

        let insights = gather(Reckoning { standings, ..Reckoning::default() }, None);

        let [country] = insights.countries.as_slice() else { panic!("one country") };
        assert_eq!((country.count, country.won), (2, 2));
        assert_eq!(country.value.sum_in(Some("EUR")), Decimal::from(10));
        assert_eq!(country.value.sum_in(Some("USD")), Decimal::from(7));
        assert_eq!(insights.flows.iter().map(|it| it.standings.all()).collect::<Vec<_>>(), [1, 1, 1]);
        assert_eq!(insights.currency.as_deref(), Some("EUR"));
    }
}
