//! One kind of request, sent again and again.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use super::{
    Options,
    questions::{Question, Role},
};
use crate::{
    load::{self, Call, Plan, Stop},
    machine,
    postgres::Postgres,
    server::{Client, Server},
};

/// How long each kind of request is sent before it counts.
const WARM_UP: Duration = Duration::from_millis(400);

/// A server that was busy for less than a fiftieth of this time has come to rest.
const SETTLED_FOR: Duration = Duration::from_secs(1);
/// It reads the log of a million referrals in that time.
const SETTLED_AFTER_MAX: Duration = Duration::from_secs(1200);

/// Heads of the table of one size.
pub(super) const HEADS: [&str; 9] =
    ["request", "items", "kB", "p50 ms", "p99 ms", "CPU us", "database us", "answers", "refused"];

/// How often each status was answered.
pub(super) type Statuses = BTreeMap<u16, u64>;

/// A server under measurement.
pub(super) struct Bench<'a> {
    pub(super) server: &'a Server,
    pub(super) postgres: Option<&'a Postgres>,
    pub(super) options: &'a Options,
}

/// What a kind of request costs.
pub(super) struct Measured {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) p50_micros: f64,
    p99_micros: f64,
    cpu_micros: f64,
    database_cpu_micros: f64,
    items: Option<usize>,
    bytes: f64,
    answers: u64,
    statuses: Statuses,
}

impl Bench<'_> {
    /// Sends a kind of request for a while.
    pub(super) fn measure(&self, client: &Client, question: &Question) -> Result<Measured> {
        let calls = question.asked.iter().map(|it| client.list(&it.query, it.page_size)).collect();
        self.measure_calls(question.name, question.role, calls)
    }

    /// Sends requests in turn for a while. There is one at least.
    pub(super) fn measure_calls(&self, name: &str, role: Role, calls: Vec<Call>) -> Result<Measured> {
        let calls = Arc::new(calls);
        let (statuses, bytes) = (Arc::new(Mutex::new(Statuses::new())), Arc::new(AtomicU64::new(0)));
        let (counted, summed) = (Arc::clone(&statuses), Arc::clone(&bytes));
        let first = calls.first().cloned().context("there is nothing to send")?;
        let (_, body) = load::ask(self.server.address()?, first)?;
        let plan = Plan {
            address: self.server.address()?,
            connections: self.options.connections,
            stop: Stop::After(WARM_UP),
            make: Arc::new(move |n| {
                let index = usize::try_from(n).unwrap_or_default() % calls.len();
                calls.get(index).cloned().expect("a place below the length is in the list")
            }),
            judge: Arc::new(move |_, status: StatusCode, body: &Bytes| {
                *counted
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .entry(status.as_u16())
                    .or_default() += 1;
                summed.fetch_add(body.len() as u64, Ordering::Relaxed);
                Ok(())
            }),
        };
        load::run(plan.clone())?.ensure_clean()?;
        statuses.lock().unwrap_or_else(PoisonError::into_inner).clear();
        bytes.store(0, Ordering::Relaxed);

        let before = self.cpu()?;
        let stop = Stop::After(Duration::from_secs(self.options.seconds));
        let outcome = load::run(Plan { stop, ..plan })?;
        let after = self.cpu()?;
        outcome.ensure_clean()?;
        let answers = outcome.answers().max(1) as f64;
        let each =
            |after: Duration, before: Duration| after.saturating_sub(before).as_micros() as f64 / answers;
        let statuses = statuses.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Measured {
            name: name.to_owned(),
            role,
            p50_micros: f64::from(outcome.percentile_micros(0.50)),
            p99_micros: f64::from(outcome.percentile_micros(0.99)),
            cpu_micros: each(after.0, before.0),
            database_cpu_micros: each(after.1, before.1),
            items: items(&body),
            bytes: bytes.load(Ordering::Relaxed) as f64 / answers,
            answers: outcome.answers(),
            statuses,
        })
    }

    /// Waits until the server has done what it does by itself after a start, such as reading the log for notices: it
    /// would count as cost of the first requests.
    pub(super) fn settle(&self) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < SETTLED_AFTER_MAX {
            let (before, _) = self.cpu()?;
            thread::sleep(SETTLED_FOR);
            if self.cpu()?.0.saturating_sub(before) < SETTLED_FOR / 50 {
                return Ok(());
            }
        }
        bail!("the server does not come to rest within {} s", SETTLED_AFTER_MAX.as_secs())
    }

    /// Returns the processor time of the server and of the database beside it.
    fn cpu(&self) -> Result<(Duration, Duration)> {
        let database =
            self.postgres.map_or(Ok(Duration::ZERO), |it| machine::cpu_time_of_family(it.pid()))?;
        Ok((machine::cpu_time(self.server.pid())?, database))
    }
}

impl Measured {
    /// Returns the processor time of a request, in the server and in the database.
    pub(super) fn cost_micros(&self) -> f64 {
        self.cpu_micros + self.database_cpu_micros
    }

    /// Returns the size of an answer.
    pub(super) fn kilobytes(&self) -> f64 {
        self.bytes / 1e3
    }

    /// Returns the cells below [`HEADS`].
    pub(super) fn row(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.items.map_or_else(|| "-".to_owned(), |it| it.to_string()),
            format!("{:.1}", self.bytes / 1e3),
            format!("{:.2}", self.p50_micros / 1e3),
            format!("{:.2}", self.p99_micros / 1e3),
            format!("{:.0}", self.cpu_micros),
            format!("{:.0}", self.database_cpu_micros),
            self.answers.to_string(),
            refused(&self.statuses),
        ]
    }
}

/// Returns what was answered instead of 200.
pub(super) fn refused(statuses: &Statuses) -> String {
    let others = statuses.iter().filter(|(status, _)| **status != 200);
    let texts: Vec<_> = others.map(|(status, count)| format!("{count} x {status}")).collect();
    if texts.is_empty() { "-".to_owned() } else { texts.join(" ") }
}

/// Returns how many items a page has.
fn items(body: &[u8]) -> Option<usize> {
    let page: Value = serde_json::from_slice(body).ok()?;
    Some(page.get("value")?.as_array()?.len())
}

#[cfg(test)]
mod tests {
    use super::{Statuses, items, refused};

    #[test]
    fn what_was_not_answered_with_200_is_named() {
        assert_eq!(refused(&Statuses::from([(200, 5), (503, 2), (429, 1)])), "1 x 429 2 x 503");
        assert_eq!(refused(&Statuses::from([(200, 5)])), "-");
    }

    #[test]
    fn a_page_tells_its_items_and_a_number_none() {
        assert_eq!(items(b"{\"value\":[{},{}]}"), Some(2));
        assert_eq!(items(b"17"), None);
    }
}
