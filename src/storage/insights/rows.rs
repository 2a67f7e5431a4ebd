//! From the rows of the statement to what they say.

use rust_decimal::Decimal;

use super::{
    DayTally, Leg, ReasonTally, Reckoning, SolutionTally, SpanTally, StandingTally,
    facts::{DAY, REASON, SOLUTION, SPAN, STANDING},
};
use crate::{
    domain::insight::{Flow, Standing},
    storage::{StoreError, value::Row},
};

const TICKS_PER_SECOND: i64 = odata::tree::TICKS_PER_SECOND;

/// Columns of the statement.
const FLOW: usize = 1;
const PLACE: usize = 2;
const NAME: usize = 3;
const LABEL: usize = 4;
const CURRENCY: usize = 5;
const ONE: usize = 6;
const TWO: usize = 7;
const THREE: usize = 8;
const FOUR: usize = 9;
const VALUE: usize = 10;

/// Reads the answer.
pub(super) fn reckoning(rows: &[Row]) -> Result<Reckoning, StoreError> {
    let mut reckoning = Reckoning::default();
    for row in rows {
        match row.int(0)? {
            STANDING => reckoning.standings.push(standing(row)?),
            SPAN => reckoning.spans.push(span(row)?),
            REASON => reckoning.reasons.push(ReasonTally {
                flow: flow(row)?,
                standing: place(row)?,
                reason: row.text_or_null(NAME)?,
                count: count(row, ONE)?,
            }),
            SOLUTION => reckoning.solutions.push(solution(row)?),
            DAY => reckoning.days.push(DayTally {
                day: row.int(ONE)?,
                count: count(row, TWO)?,
                accepted: count(row, THREE)?,
                won: count(row, FOUR)?,
            }),
            _ => return Err(corrupt(0, "an unknown kind of row")),
        }
    }
    Ok(reckoning)
}

fn standing(row: &Row) -> Result<StandingTally, StoreError> {
    Ok(StandingTally {
        flow: flow(row)?,
        standing: place(row)?,
        country: row.text_or_null(NAME)?,
        currency: row.text_or_null(CURRENCY)?,
        is_single: row.bool(ONE)?,
        count: count(row, TWO)?,
        value: value(row)?,
    })
}

fn span(row: &Row) -> Result<SpanTally, StoreError> {
    let seconds = |column| Ok::<_, StoreError>(count(row, column)? / TICKS_PER_SECOND.unsigned_abs());
    Ok(SpanTally {
        flow: flow(row)?,
        leg: if row.bool(ONE)? { Leg::Win } else { Leg::Acceptance },
        count: count(row, TWO)?,
        median_secs: seconds(THREE)?,
        p90_secs: seconds(FOUR)?,
    })
}

fn solution(row: &Row) -> Result<SolutionTally, StoreError> {
    Ok(SolutionTally {
        id: row.text(NAME)?,
        name: row.text_or_null(LABEL)?,
        currency: row.text_or_null(CURRENCY)?,
        count: count(row, ONE)?,
        accepted: count(row, TWO)?,
        won: count(row, THREE)?,
        value: value(row)?,
    })
}

fn flow(row: &Row) -> Result<Flow, StoreError> {
    let place = usize::try_from(row.int(FLOW)?).unwrap_or(usize::MAX);
    Flow::ALL.get(place).copied().ok_or_else(|| corrupt(FLOW, "an unknown flow"))
}

fn place(row: &Row) -> Result<Standing, StoreError> {
    let name = row.text(PLACE)?;
    let found = Standing::ALL.into_iter().find(|it| it.as_str() == name);
    found.ok_or_else(|| corrupt(PLACE, "an unknown standing"))
}

/// A span below zero, which a clock that was put right can leave behind, counts as none.
fn count(row: &Row, column: usize) -> Result<u64, StoreError> {
    Ok(u64::try_from(row.int(column)?).unwrap_or(0))
}

fn value(row: &Row) -> Result<Option<Decimal>, StoreError> {
    let text = row.text_or_null(VALUE)?;
    text.map(|it| odata::number::parse(&it).ok_or_else(|| corrupt(VALUE, "no number"))).transpose()
}

fn corrupt(column: usize, found: &str) -> StoreError {
    StoreError::Corrupt { column, found: found.to_owned() }
}
