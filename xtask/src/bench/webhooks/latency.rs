//! From commit to first attempt beside a bare client, and writes with webhooks beside writes without.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use bytes::Bytes;
use serde_json::Value;

use super::{
    Aim, Compared, Options,
    ground::{Ground, Site},
    pace::{Pace, Written, creates},
    percentile,
    receivers::{BareClient, Heard, Manner, Receivers},
};
use crate::{
    judges::deal,
    load::{self, Plan, Stop, judge_success},
    report::median,
    server::{CREATE_REQUEST, Client},
};

/// Writes before the measurement, so that connections stand and caches are warm.
const WARM_UP: u64 = 20;
/// The parts of the delays that are shown.
const PARTS: [(f64, &str); 3] = [(0.50, "p50"), (0.95, "p95"), (0.99, "p99")];

/// One round of one side: milliseconds, and the processor time of the server and its database for one write, with
/// everything that is told of it, in microseconds.
struct Round {
    delays: Vec<f64>,
    writes: Vec<f64>,
    cpu_micros: f64,
}

/// One round of writes as fast as they go.
struct Rush {
    per_second: f64,
    p99_millis: f64,
}

/// Measures both.
pub(super) fn measure(ground: &Ground<'_>, options: &Options) -> Result<Vec<Compared>> {
    let receivers = Receivers::start(options.receivers, Manner::Prompt)?;
    let (with, without) = (ground.start("with")?, ground.start("without")?);
    with.subscribe(receivers.addresses())?;
    let mut compared = at_a_pace(ground, [&with, &without], &receivers, options)?;
    drop(with);
    // Each of these is told of one write in so many.
    let narrow = ground.start("narrow")?;
    for (number, address) in receivers.addresses().iter().enumerate() {
        narrow.subscribe_to(address, Some(&format!("externalReferenceId eq 'receiver {number}'")))?;
    }
    compared.extend(in_a_rush(&narrow, &without, &receivers, options)?);
    narrow.server.stop()?;
    without.server.stop()?;
    Ok(compared)
}

fn at_a_pace(
    ground: &Ground<'_>,
    [with, without]: [&Site; 2],
    receivers: &Receivers,
    options: &Options,
) -> Result<Vec<Compared>> {
    let told = options.receivers as u64;
    let pace = |site: &Site, count| {
        anyhow::Ok(Pace {
            address: site.address()?,
            per_second: options.per_second,
            count,
            connections: options.connections.max(16),
        })
    };
    for site in [with, without] {
        pace(site, WARM_UP)?.run(creates(site.client()?)?, |_| ())?;
    }
    receivers.take(WARM_UP * told)?;
    let bare = Arc::new(BareClient::start(receivers.addresses(), receivers.sample())?);
    let count = (options.per_second * options.seconds as f64).ceil() as u64;
    let (mut ours, mut theirs, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..options.rounds {
        let began = ground.cpu_time(with)?;
        let written = pace(with, count)?.run(creates(with.client()?)?, |_| ())?;
        let heard = receivers.take(count * told)?;
        ours.push(Round::of(&written, &heard, ground.cpu_time(with)?.saturating_sub(began))?);
        let client = Arc::clone(&bare);
        let began = ground.cpu_time(without)?;
        let written =
            pace(without, count)?.run(creates(without.client()?)?, move |it| client.tell(&it.id))?;
        let heard = receivers.take(count * told)?;
        theirs.push(Round::of(&written, &heard, ground.cpu_time(without)?.saturating_sub(began))?);
        let began = ground.cpu_time(without)?;
        let written = pace(without, count)?.run(creates(without.client()?)?, |_| ())?;
        alone.push(Round::of(&written, &[], ground.cpu_time(without)?.saturating_sub(began))?);
        eprintln!("  round {} at {} writes a second", number + 1, options.per_second);
    }
    let mut compared = Vec::new();
    for (part, name) in PARTS {
        compared.push(Compared {
            what: format!("{name} from commit to first attempt, ms, beside a bare client"),
            measured: middle(&mut ours, |it| percentile(&mut it.delays, part)),
            beside: middle(&mut theirs, |it| percentile(&mut it.delays, part)),
            aim: if part == 0.99 { Aim::AtMost(5.0) } else { Aim::None },
        });
    }
    for (part, name) in PARTS {
        compared.push(Compared {
            what: format!("{name} of writes, ms, all told, beside none"),
            measured: middle(&mut ours, |it| percentile(&mut it.writes, part)),
            beside: middle(&mut alone, |it| percentile(&mut it.writes, part)),
            aim: if part == 0.99 { Aim::AtMost(1.1) } else { Aim::None },
        });
    }
    let (all, write) = (middle(&mut ours, |it| it.cpu_micros), middle(&mut alone, |it| it.cpu_micros));
    compared.push(Compared {
        what: "processor time for one message, us, beside one write".to_owned(),
        measured: (all - write) / told as f64,
        beside: write,
        aim: Aim::None,
    });
    Ok(compared)
}

fn middle(rounds: &mut [Round], read: impl Fn(&mut Round) -> f64) -> f64 {
    median(rounds.iter_mut().map(read).collect::<Vec<_>>().into_iter())
}

impl Round {
    fn of(written: &[Written], heard: &[Heard], cpu: Duration) -> Result<Self> {
        Ok(Self {
            cpu_micros: cpu.as_micros() as f64 / written.len().max(1) as f64,
            delays: delays(written, heard)?,
            writes: written.iter().map(|it| f64::from(it.micros) / 1e3).collect(),
        })
    }
}

/// Returns how much later than the answer each message came, in milliseconds.
pub(super) fn delays(written: &[Written], heard: &[Heard]) -> Result<Vec<f64>> {
    let answered: HashMap<&str, Instant> = written.iter().map(|it| (it.id.as_str(), it.at)).collect();
    let delay = |it: &Heard| {
        let at = answered.get(it.referral_id.as_str());
        let at = at.with_context(|| format!("nobody wrote {:?}", it.referral_id))?;
        Ok(it.at.saturating_duration_since(*at).as_secs_f64() * 1e3)
    };
    heard.iter().map(delay).collect()
}

fn in_a_rush(
    narrow: &Site,
    without: &Site,
    receivers: &Receivers,
    options: &Options,
) -> Result<Vec<Compared>> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for number in 0..=options.rounds {
        let (rush, answers) = Rush::run(narrow, options)?;
        let began = Instant::now();
        receivers.take(answers)?;
        eprintln!(
            "  round {number}: {:.0} writes a second, {answers} messages, the last {:.1} s after the last write",
            rush.per_second,
            began.elapsed().as_secs_f64()
        );
        let beside = Rush::run(without, options)?.0;
        // The first one warms up.
        if number > 0 {
            ours.push(rush);
            theirs.push(beside);
        }
    }
    let middle = |rounds: &[Rush], read: fn(&Rush) -> f64| median(rounds.iter().map(read));
    Ok(vec![
        Compared {
            what: "writes a second as fast as they go, each told to one, beside none".to_owned(),
            measured: middle(&ours, |it| it.per_second),
            beside: middle(&theirs, |it| it.per_second),
            aim: Aim::AtLeast(0.9),
        },
        Compared {
            what: "p99 of these writes, ms".to_owned(),
            measured: middle(&ours, |it| it.p99_millis),
            beside: middle(&theirs, |it| it.p99_millis),
            aim: Aim::AtMost(1.1),
        },
    ])
}

impl Rush {
    fn run(site: &Site, options: &Options) -> Result<(Self, u64)> {
        let outcome = load::run(Plan {
            address: site.address()?,
            connections: options.connections,
            stop: Stop::After(Duration::from_secs(options.seconds)),
            make: Arc::new(create_for_one(site.client()?, options.receivers as u64)?),
            judge: Arc::new(judge_success),
        })?;
        outcome.ensure_clean()?;
        let rush = Self {
            per_second: outcome.answers() as f64 / outcome.elapsed.as_secs_f64(),
            p99_millis: f64::from(outcome.percentile_micros(0.99)) / 1e3,
        };
        Ok((rush, outcome.answers()))
    }
}

/// Returns what creates deals that pass the filter of one receiver each.
fn create_for_one(client: Client, receivers: u64) -> Result<impl Fn(u64) -> load::Call + Send + Sync> {
    let fixture: Value = serde_json::from_str(CREATE_REQUEST).context("the fixture is no JSON")?;
    Ok(move |number: u64| {
        let mut deal = deal(&fixture, number);
        if let Some(deal) = deal.as_object_mut() {
            let reference = format!("receiver {}", number % receivers);
            deal.insert("externalReferenceId".to_owned(), reference.into());
        }
        client.create(Bytes::from(deal.to_string()))
    })
}
