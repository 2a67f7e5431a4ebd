//! One organisation sends costly queries in a loop; another one works.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::StatusCode;

use super::{
    Options,
    measure::{Statuses, refused},
    questions::{page, values},
    writes::PARTNER,
};
use crate::{
    load::{self, Outcome, Plan, Stop, judge_success},
    report::print_table,
    server::{Client, Server},
};

/// Connections that send costly queries.
const CONNECTIONS: usize = 4;
/// How long they are at it before and after the others are measured.
const LEAD: Duration = Duration::from_millis(300);
/// What no index serves, and no referral has.
const COSTLY: &str = "?$filter=contains(details/notes,'zzz')";

/// What the others notice.
pub(super) struct Runaway {
    alone: Reads,
    beside: Reads,
    costly: Outcome,
    statuses: Statuses,
}

/// What another organisation reads.
struct Reads {
    pages: Outcome,
    records: Outcome,
}

impl Runaway {
    /// Returns how many times as long the others wait: first pages, and single records.
    pub(super) fn slowdowns(&self) -> [f64; 2] {
        let ratio = |beside: &Outcome, alone: &Outcome| {
            f64::from(beside.percentile_micros(0.5)) / f64::from(alone.percentile_micros(0.5).max(1))
        };
        [ratio(&self.beside.pages, &self.alone.pages), ratio(&self.beside.records, &self.alone.records)]
    }

    /// Prints what happened.
    pub(super) fn print(&self) {
        let row = |what: &str, outcome: &Outcome| {
            let at = |part| format!("{:.2}", f64::from(outcome.percentile_micros(part)) / 1e3);
            vec![what.to_owned(), at(0.5), at(0.99), outcome.answers().to_string()]
        };
        println!();
        print_table(
            &["another organization's reads", "p50 ms", "p99 ms", "answers"],
            &[
                row("first page, alone", &self.alone.pages),
                row("first page, beside a runaway", &self.beside.pages),
                row("one referral, alone", &self.alone.records),
                row("one referral, beside a runaway", &self.beside.records),
                row("the runaway itself", &self.costly),
            ],
        );
        let good = self.statuses.get(&200).copied().unwrap_or_default();
        println!(
            "the runaway's {CONNECTIONS} connections got {good} x 200; refused: {}",
            refused(&self.statuses)
        );
    }
}

/// Measures another organisation's reads alone and beside the runaway.
pub(super) fn measure(server: &Server, client: &Client, options: &Options) -> Result<Runaway> {
    let time = Duration::from_secs(options.seconds);
    let other = Client::of(server, PARTNER)?;
    let ids = values(&page(server, &other, "?$select=id", None)?, "id");
    ensure!(!ids.is_empty(), "the other organization has no referral");
    let first_page = other.list("", None);
    let pages = Plan {
        address: server.address()?,
        connections: 1,
        stop: Stop::After(time),
        make: Arc::new(move |_| first_page.clone()),
        judge: Arc::new(judge_success),
    };
    let get = move |n: u64| {
        let id = ids.get(usize::try_from(n).unwrap_or_default() % ids.len());
        other.get(id.expect("a place below the length is in the list"))
    };
    let records = Plan { make: Arc::new(get), ..pages.clone() };
    let alone = Reads::measure(&pages, &records)?;

    let statuses = Arc::new(Mutex::new(Statuses::new()));
    let counted = Arc::clone(&statuses);
    let costly = client.list(COSTLY, None);
    let runaway = Plan {
        connections: CONNECTIONS,
        stop: Stop::After(time * 2 + LEAD * 2),
        make: Arc::new(move |_| costly.clone()),
        judge: Arc::new(move |_, status: StatusCode, _: &Bytes| {
            *counted.lock().unwrap_or_else(PoisonError::into_inner).entry(status.as_u16()).or_default() += 1;
            Ok(())
        }),
        ..pages.clone()
    };
    let running = thread::spawn(move || load::run(runaway));
    thread::sleep(LEAD);
    let beside = Reads::measure(&pages, &records)?;
    let costly = running.join().ok().context("the runaway's thread panicked")??;
    let statuses = statuses.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(Runaway { alone, beside, costly, statuses })
}

impl Reads {
    fn measure(pages: &Plan, records: &Plan) -> Result<Self> {
        let (pages, records) = (load::run(pages.clone())?, load::run(records.clone())?);
        pages.ensure_clean()?;
        records.ensure_clean()?;
        Ok(Self { pages, records })
    }
}
