//! `cargo xtask bench list`: what lists of referrals cost, at several sizes of the database.
//!
//! For each size a database is seeded (and kept for the next run), copied, and served; after many writes every kind of
//! request is measured by itself, then beside an organisation that sends nothing but costly queries. Processor time
//! per request, of the server and of PostgreSQL, is the number to read.

mod aims;
mod ground;
mod measure;
pub(crate) mod pages;
mod questions;
mod runaway;
mod writes;

use anyhow::Result;
use clap::Args;

use self::{
    ground::Ground,
    measure::{Bench, Measured},
    questions::Role,
    runaway::Runaway,
};
use super::Database;
use crate::{
    machine,
    report::print_table,
    server::Client,
    workspace::{Profile, Workspace},
};

/// Writes before the measurements: so many at most by default.
const WRITES_DEFAULT: u64 = 50_000;
/// In smaller databases one write for so many referrals.
const REFERRALS_PER_WRITE: u64 = 20;

/// Options of `cargo xtask bench list`.
#[derive(Args)]
pub(crate) struct Options {
    /// Sizes of the database.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 100_000, 1_000_000])]
    referrals: Vec<u64>,
    /// Which database.
    #[arg(long, default_value = "both")]
    database: Database,
    /// Creates and changes before the measurements [default: one for 20 referrals, at most 50000]
    #[arg(long)]
    writes: Option<u64>,
    /// How long each kind of request is sent, in seconds.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Number of connections, each with one request in flight.
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// Which referrals.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Makes databases anew that were kept.
    #[arg(long)]
    anew: bool,
    /// Measures on the databases that were kept, without a copy, and removes them: half the space on the disk.
    #[arg(long)]
    spend: bool,
    /// Measures the unoptimised build that is there, to try this command itself.
    #[arg(long, hide = true)]
    trial: bool,
}

impl Options {
    /// Says whether the numbers do not count.
    pub(crate) fn is_trial(&self) -> bool {
        self.trial
    }

    fn profile(&self) -> Profile {
        if self.trial { Profile::Debug } else { Profile::Release }
    }

    fn writes(&self, referrals: u64) -> u64 {
        self.writes.unwrap_or_else(|| (referrals / REFERRALS_PER_WRITE).min(WRITES_DEFAULT))
    }
}

/// What was measured at one size.
struct Size {
    referrals: u64,
    measured: Vec<Measured>,
    peak_bytes: u64,
    runaway: Runaway,
}

impl Size {
    fn find(&self, role: Role) -> impl Iterator<Item = &Measured> {
        self.measured.iter().filter(move |it| it.role == role)
    }
}

/// Measures, and prints a table for each size and one that compares them.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    for &database in options.database.each() {
        let mut sizes = Vec::new();
        for &referrals in &options.referrals {
            sizes.push(measure_size(workspace, options, database, referrals)?);
        }
        if sizes.len() > 1 {
            println!("\nlists on {}, size by size: p50 ms, CPU us", database.name());
            aims::print_sizes(&sizes);
        }
        println!("\naims on {}", database.name());
        aims::print_aims(&sizes);
    }
    Ok(())
}

fn measure_size(
    workspace: &Workspace,
    options: &Options,
    database: Database,
    referrals: u64,
) -> Result<Size> {
    println!("\nlists of {referrals} referrals on {}", database.name());
    let ground = Ground::prepare(workspace, options, database, referrals)?;
    let server = ground.liaison.start()?;
    let client = Client::new(&server)?;
    writes::write(&server, &client, options.writes(referrals))?;

    let bench = Bench { server: &server, postgres: ground.postgres.as_ref(), options };
    let mut measured = Vec::new();
    for question in questions::all(&server, &client)? {
        measured.push(bench.measure(&client, &question)?);
    }
    let peak_bytes = machine::memory(server.pid())?.peak;
    let runaway = runaway::measure(&server, &client, options)?;
    let after_runaway = machine::memory(server.pid())?.peak;
    server.stop()?;

    let minimal = ground.minimal.start()?;
    let bench = Bench { server: &minimal, postgres: ground.postgres.as_ref(), options };
    measured.push(bench.measure(&Client::new(&minimal)?, &questions::minimal())?);
    minimal.stop()?;

    print_table(&measure::HEADS, &measured.iter().map(Measured::row).collect::<Vec<_>>());
    println!(
        "peak memory of the server: {:.1} MB, after the runaway {:.1} MB",
        peak_bytes as f64 / 1e6,
        after_runaway as f64 / 1e6
    );
    runaway.print();
    Ok(Size { referrals, measured, peak_bytes: peak_bytes.max(after_runaway), runaway })
}
