//! `liaison sandbox seed`: fills a sandbox with referrals, for demonstrations and measurements.

use std::io::Write as _;

use anyhow::bail;
use clap::{Args, Subcommand};
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{access::Access, out};
use crate::{
    config::Config,
    sandbox::{
        deals::{Harvest, sow},
        seed,
    },
    storage::Store,
};

/// How often the bar is drawn.
const DRAWS_PER_SECOND: u8 = 5;
const BAR: &str = "{bar:40} {human_pos} of {human_len} referrals, {per_sec}, {eta} left";

#[derive(Debug, Subcommand)]
pub(super) enum SandboxCommand {
    /// Fill a sandbox with referrals of realistic variety; adds the companies where there are none
    Seed(SeedArgs),
}

#[derive(Debug, Args)]
pub(super) struct SeedArgs {
    /// How many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    referrals: u64,
    /// The same number makes the same referrals
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
}

/// Runs a command on a sandbox that no server is running on.
pub(super) async fn run(command: &SandboxCommand, config: &Config) -> anyhow::Result<()> {
    let SandboxCommand::Seed(args) = command;
    match Access::to_write(config).await? {
        Access::Direct { store, random, _lock } => {
            seed::plant(&store, &random).await?;
            fill(&store, args).await
        }
        Access::Server(_) => bail!("a server is running on this data; stop it first"),
    }
}

async fn fill(store: &Store, args: &SeedArgs) -> anyhow::Result<()> {
    // Draws nothing where standard error is no terminal.
    let target = ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND);
    let bar = ProgressBar::with_draw_target(Some(args.referrals), target)
        .with_style(ProgressStyle::with_template(BAR)?);
    store.start_background();
    let harvest = Harvest { referrals: args.referrals, seed: args.seed };
    sow(store, harvest, |done| bar.set_position(done)).await?;
    bar.finish_and_clear();
    settle(store).await?;
    writeln!(out(), "Made {} referrals with seed {}.", HumanCount(args.referrals), args.seed)?;
    Ok(())
}

/// Waits until everything has its place in the log, however many there are, as long as it goes on.
async fn settle(store: &Store) -> anyhow::Result<()> {
    let mut left = u64::MAX;
    loop {
        store.settle().await?;
        match store.count_unplaced().await? {
            0 => return Ok(()),
            now if now < left => left = now,
            now => bail!("{now} changes wait for their place in the log; a running server gives them one"),
        }
    }
}
