//! `cargo xtask bench webhooks`: how soon receivers are told, what that costs who writes, whom hanging receivers delay,
//! and what stays behind.
//!
//! Everything that is compared is measured in one run, in rounds that take turns: receivers and the bare client are in
//! this process, writes come at a steady pace. A message's delay is from the answer to the write, which whoever wrote
//! waits for, to the moment at which the receiver has the message whole; one that comes before the answer counts as 0.

mod crowd;
mod ground;
mod keep;
mod latency;
mod pace;
mod receivers;

use anyhow::Result;
use clap::{Args, ValueEnum};

use self::ground::Ground;
use super::Database;
use crate::{
    machine,
    report::print_table,
    workspace::{Profile, Workspace},
};

/// Options of `cargo xtask bench webhooks`.
#[derive(Args)]
pub(crate) struct Options {
    /// Which database.
    #[arg(long, default_value = "both")]
    database: Database,
    /// Which parts.
    #[arg(long, value_delimiter = ',', default_values = ["latency", "crowd", "keep"])]
    parts: Vec<Part>,
    /// Receivers that are told of every write.
    #[arg(long, default_value_t = 50)]
    receivers: usize,
    /// Writes in a second, in what is measured at a steady pace.
    #[arg(long, default_value_t = 10.0)]
    per_second: f64,
    /// Length of one round in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Rounds.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Number of connections, each with one write in flight.
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Receivers of a crowd that answer.
    #[arg(long, default_value_t = 800)]
    healthy: usize,
    /// Receivers of a crowd that never answer.
    #[arg(long, default_value_t = 200)]
    hanging: usize,
    /// Writes in a second that the crowd is told of.
    #[arg(long, default_value_t = 0.5)]
    crowd_per_second: f64,
    /// Deliveries after which is looked at what stays behind.
    #[arg(long, default_value_t = 20_000)]
    deliveries: u64,
    /// Measures the unoptimised build that is there, to try this command itself.
    #[arg(long, hide = true)]
    trial: bool,
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// From commit to first attempt, and what writes cost meanwhile.
    Latency,
    /// A thousand receivers, some of which hang.
    Crowd,
    /// File and memory over many deliveries.
    Keep,
}

/// A number beside another one.
struct Compared {
    what: String,
    /// In milliseconds, writes a second or megabytes.
    measured: f64,
    beside: f64,
    /// At most so many times, or at least.
    aim: Aim,
}

#[derive(Clone, Copy)]
enum Aim {
    AtMost(f64),
    AtLeast(f64),
    None,
}

impl Options {
    /// Says whether the numbers do not count.
    pub(crate) fn is_trial(&self) -> bool {
        self.trial
    }

    fn profile(&self) -> Profile {
        if self.trial { Profile::Debug } else { Profile::Release }
    }
}

impl Compared {
    fn row(&self) -> Vec<String> {
        let ratio = self.measured / self.beside;
        let (aim, is_met) = match self.aim {
            Aim::AtMost(times) => (format!("<= {times:.2}"), ratio <= times),
            Aim::AtLeast(times) => (format!(">= {times:.2}"), ratio >= times),
            Aim::None => ("-".to_owned(), true),
        };
        let verdict = if is_met { "" } else { "missed" };
        vec![
            self.what.clone(),
            format!("{:.2}", self.measured),
            format!("{:.2}", self.beside),
            format!("{ratio:.2}"),
            aim,
            verdict.to_owned(),
        ]
    }
}

/// Measures, and prints a table per database and part.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    for &database in options.database.each() {
        let ground = Ground::prepare(workspace, options, database)?;
        let scratch = workspace.scratch("disk")?;
        let durable = machine::durable_writes_per_second(scratch.path())?;
        println!("\nwebhooks: {}", database.name());
        println!("this disk: {durable:.0} durable writes of 4 KiB a second, one after another");
        for part in &options.parts {
            match part {
                Part::Latency => show(&latency::measure(&ground, options)?),
                Part::Crowd => show(&crowd::measure(&ground, options)?),
                Part::Keep => keep::measure(&ground, options)?,
            }
        }
    }
    Ok(())
}

fn show(compared: &[Compared]) {
    let rows: Vec<_> = compared.iter().map(Compared::row).collect();
    println!();
    print_table(&["", "measured", "beside", "ratio", "aim", ""], &rows);
}

/// Returns what the given part (0 to 1) of some values does not exceed.
fn percentile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * part).round() as usize).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let mut values: Vec<f64> = (1..=101).rev().map(f64::from).collect();
        assert_eq!(percentile(&mut values, 0.5), 51.0);
        assert_eq!(percentile(&mut values, 0.99), 100.0);
        assert_eq!(percentile(&mut [], 0.5), 0.0);
    }
}
