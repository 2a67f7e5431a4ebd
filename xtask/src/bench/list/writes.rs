//! What happens to a database before it is measured: creates and changes, half of each. One create in nine comes from
//! a partner, as in the seeded database: the newest page costs what the others do.

use std::sync::Arc;

use anyhow::{Result, ensure};
use bytes::Bytes;

use super::questions::{page, text, values};
use crate::{
    load::{self, Plan, Stop, judge_success},
    server::{CREATE_REQUEST, Client, Server},
};

/// Connections that write.
const CONNECTIONS: usize = 32;
/// Referrals that are changed, at most.
const CHANGED_MAX: usize = 2_000;
/// One create of so many is the partner's.
const CREATES_PER_PARTNERS: usize = 9;
/// Who else creates.
pub(super) const PARTNER: &str = "Fabrikam";
/// Stages that changes go through, so that each one changes something.
const STAGES: [&str; 4] = ["Qualify", "Develop", "Propose", "Close"];

/// Writes so many times.
pub(super) fn write(server: &Server, client: &Client, count: u64) -> Result<()> {
    let ids = changeable(server, client)?;
    ensure!(!ids.is_empty(), "there is no referral to change");
    let (client, partner) = (Client::new(server)?, Client::of(server, PARTNER)?);
    let plan = Plan {
        address: server.address()?,
        connections: CONNECTIONS,
        stop: Stop::Count(count),
        make: Arc::new(move |n| {
            let turn = usize::try_from(n / 2).unwrap_or_default();
            match (n % 2, ids.get(turn % ids.len()), STAGES.get(turn / ids.len() % STAGES.len())) {
                (1, Some(id), Some(stage)) => client.patch(id, stage),
                _ if turn % CREATES_PER_PARTNERS == 0 => {
                    partner.create(Bytes::from_static(CREATE_REQUEST.as_bytes()))
                }
                _ => client.create(Bytes::from_static(CREATE_REQUEST.as_bytes())),
            }
        }),
        judge: Arc::new(judge_success),
    };
    let outcome = load::run(plan)?;
    outcome.ensure_clean()?;
    println!(
        "{count} writes in {:.1} s: p50 {:.1} ms, p99 {:.1} ms",
        outcome.elapsed.as_secs_f64(),
        f64::from(outcome.percentile_micros(0.5)) / 1e3,
        f64::from(outcome.percentile_micros(0.99)) / 1e3
    );
    Ok(())
}

/// Finds referrals that the caller may change.
fn changeable(server: &Server, client: &Client) -> Result<Vec<String>> {
    let mut query =
        "?$filter=status eq 'Active' and direction eq 'Outgoing' and organizationName eq 'Contoso Company'\
                     &$select=id&$count=false"
            .to_owned();
    let mut ids = Vec::new();
    while ids.len() < CHANGED_MAX {
        let found = page(server, client, &query, None)?;
        ids.extend(values(&found, "id"));
        let Some(next) = text(&found, "@odata.nextLink") else { break };
        query = next.to_owned();
    }
    Ok(ids)
}
