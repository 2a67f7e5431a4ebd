//! Many receivers, some of which take every message and never answer.

use anyhow::Result;

use super::{
    Aim, Compared, Options,
    ground::{Ground, Site},
    latency::delays,
    pace::{Pace, creates},
    percentile,
    receivers::{Manner, Receivers},
};

/// Writes before the first round, which nobody hangs in.
const WARM_UP: u64 = 3;

/// Measures what healthy receivers wait for, with the hanging ones and without.
///
/// In the first round nobody knows yet who hangs; it counts as the others do.
pub(super) fn measure(ground: &Ground<'_>, options: &Options) -> Result<Vec<Compared>> {
    let [beside, among] = [(); 2].map(|()| Receivers::start(options.healthy, Manner::Prompt));
    let (beside, among) = (beside?, among?);
    let hanging = Receivers::start(options.hanging, Manner::Hanging)?;
    let (alone, mixed) = (ground.start("alone")?, ground.start("mixed")?);
    alone.subscribe(beside.addresses())?;
    mixed.subscribe(among.addresses())?;
    for (site, receivers) in [(&alone, &beside), (&mixed, &among)] {
        round(site, receivers, WARM_UP, options)?;
    }
    mixed.subscribe(hanging.addresses())?;
    let count = (options.crowd_per_second * options.seconds as f64 * 2.0).ceil() as u64;
    let mut compared = Vec::new();
    for number in 0..options.rounds {
        let mut theirs = round(&alone, &beside, count, options)?;
        let mut ours = round(&mixed, &among, count, options)?;
        for (part, name) in [(0.50, "p50"), (0.99, "p99")] {
            compared.push(Compared {
                what: format!(
                    "round {}: {name} to {} receivers, ms, with {} that hang, beside without",
                    number + 1,
                    options.healthy,
                    options.hanging
                ),
                measured: percentile(&mut ours, part),
                beside: percentile(&mut theirs, part),
                aim: if part == 0.99 { Aim::AtMost(1.5) } else { Aim::None },
            });
        }
    }
    alone.server.stop()?;
    mixed.server.stop()?;
    Ok(compared)
}

fn round(site: &Site, receivers: &Receivers, count: u64, options: &Options) -> Result<Vec<f64>> {
    let pace = Pace { address: site.address()?, per_second: options.crowd_per_second, count, connections: 4 };
    let written = pace.run(creates(site.client()?)?, |_| ())?;
    delays(&written, &receivers.take(count * options.healthy as u64)?)
}
