//! What stays behind of many deliveries: the size of the database and the memory of the server.
//!
//! The clock is put past the time for which deliveries are kept after each step, and the next step begins when they
//! are forgotten. One referral is changed again and again, so that the log itself grows as little as it can.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{
    Options,
    ground::{Ground, Site},
    pace::{Pace, creates},
    receivers::{Manner, Receivers},
};
use crate::{machine, report::print_table};

/// The fewest steps of a run.
const STEPS_MIN: u64 = 5;
/// Deliveries of a step at most: the clock answers when it has forgotten them, and a request takes so long at most.
const STEP_MAX: u64 = 40_000;
/// Changes in a second: as many as the server takes from one connection.
const PER_SECOND: f64 = 10_000.0;
/// Longer than deliveries are kept.
const PAST: &str = "8 days";
/// How long the server may take until it has forgotten.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Delivers in steps, and shows what there is after each.
pub(super) fn measure(ground: &Ground<'_>, options: &Options) -> Result<()> {
    let receivers = Receivers::start(options.receivers, Manner::Prompt)?;
    let site = ground.start("keep")?;
    let subscriptions = site.subscribe(receivers.addresses())?;
    let first = pace(&site, 1)?.run(creates(site.client()?)?, |_| ())?;
    receivers.take(options.receivers as u64)?;
    let referral = first.into_iter().next().context("nothing was written")?.id;
    let steps = options.deliveries.div_ceil(STEP_MAX).max(STEPS_MIN);
    let changes = options.deliveries.div_ceil(steps * options.receivers as u64).max(1);
    let mut rows = Vec::new();
    for step in 1..=steps {
        let (client, id) = (site.client()?, referral.clone());
        // Two changes are never the same, or there would be no second one.
        let make = move |number: u64| client.patch(&id, &format!("stage {step} {number}"));
        let began = Instant::now();
        pace(&site, changes)?.run(make, |_| ())?;
        receivers.take(changes * options.receivers as u64)?;
        let took = began.elapsed().as_secs_f64();
        let full = size(&site)?;
        site.move_clock(PAST)?;
        wait_until_forgotten(&site, &subscriptions)?;
        let memory = machine::memory(site.server.pid())?;
        let delivered = step * changes * options.receivers as u64;
        rows.push(vec![
            delivered.to_string(),
            format!("{:.0}", (changes * options.receivers as u64) as f64 / took),
            format!("{:.1}", full as f64 / 1e6),
            format!("{:.1}", size(&site)? as f64 / 1e6),
            format!("{:.1}", memory.resident as f64 / 1e6),
            format!("{:.1}", memory.peak as f64 / 1e6),
        ]);
        eprintln!("  {delivered} deliveries");
    }
    println!();
    let heads = ["deliveries", "a second", "database MB", "forgotten MB", "memory MB", "peak MB"];
    print_table(&heads, &rows);
    site.server.stop()
}

fn pace(site: &Site, count: u64) -> Result<Pace> {
    Ok(Pace { address: site.address()?, per_second: PER_SECOND, count, connections: 1 })
}

fn wait_until_forgotten(site: &Site, subscriptions: &[String]) -> Result<()> {
    let deadline = Instant::now() + TIMEOUT;
    for subscription in subscriptions {
        while !site.has_forgotten(subscription)? {
            if Instant::now() > deadline {
                bail!("what is too old was not forgotten within {TIMEOUT:?}");
            }
            thread::sleep(Duration::from_millis(500));
        }
    }
    Ok(())
}

/// Returns the bytes of the database, of the file with the log that is written ahead.
fn size(site: &Site) -> Result<u64> {
    if let Some(url) = &site.database_url {
        return size_on_postgres(url);
    }
    let mut bytes = 0;
    for name in ["liaison.sqlite", "liaison.sqlite-wal"] {
        let file = std::fs::metadata(site.folder.path().join(name));
        bytes += file.with_context(|| format!("{name} is not there"))?.len();
    }
    Ok(bytes)
}

fn size_on_postgres(url: &str) -> Result<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        let connection = tokio::spawn(connection);
        let row = client.query_one("SELECT pg_database_size(current_database())", &[]).await?;
        let bytes: i64 = row.try_get(0)?;
        drop(client);
        connection.await??;
        Ok(u64::try_from(bytes)?)
    })
}
