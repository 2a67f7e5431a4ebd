//! Order is not promised, and what is told may be told again: whoever keeps the highest version has what the server has.

use std::collections::BTreeMap;

use rstest::rstest;
use serde_json::{Value, json};

use super::{Receiver, Running, subscribe};
use crate::world::*;

const RECORDS: usize = 10;
const ROUNDS: usize = 10;
/// Changes of each record in a round.
const CHANGES: usize = 5;

/// What a receiver holds of a record.
type Copies = BTreeMap<String, (u64, Value)>;

/// Takes a message as a receiver does that goes by `replaces`: the version held, the version told.
fn take(copies: &mut Copies, message: &Value, replaces: impl Fn(u64, u64) -> bool) {
    let version = message["data"]["version"].as_u64().unwrap();
    let id = text(message, "/data/referralId").to_owned();
    if copies.get(&id).is_none_or(|(held, _)| replaces(*held, version)) {
        copies.insert(id, (version, message["data"]["referral"].clone()));
    }
}

/// Puts messages into another order, always the same, and tells some of them again.
fn shuffle(messages: &[Value]) -> Vec<&Value> {
    let mut shuffled: Vec<&Value> = messages.iter().chain(messages.iter().step_by(3)).collect();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for index in (1..shuffled.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        shuffled.swap(index, usize::try_from(state % (index as u64 + 1)).unwrap());
    }
    shuffled
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_highest_version_is_the_servers_whatever_the_order(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let mut receiver = Receiver::start(&[]).await;
    let wanted = json!({"events": ["referral-updated"], "payload": "full"});
    subscribe(&world, ALEX, receiver.url("hook"), wanted).await;
    let _running = Running::start(&world);
    let mut ids = Vec::new();
    for _ in 0..RECORDS {
        ids.push(text(&world.post(ALEX, own_deal()).await.created(), "/id").to_owned());
    }
    let mut messages = Vec::new();
    for round in 0..ROUNDS {
        for change in 0..CHANGES {
            for id in &ids {
                super::note(&world, ALEX, id, &format!("round {round}, change {change}")).await;
            }
        }
        // A message shows the record as it is when it is sent, so each round is told before the next one.
        for _ in 0..RECORDS * CHANGES {
            messages.push(receiver.next().await.json());
        }
    }
    assert_eq!(messages.len(), 500);

    let (mut highest, mut last) = (Copies::new(), Copies::new());
    for message in shuffle(&messages) {
        take(&mut highest, message, |held, told| told >= held);
        take(&mut last, message, |_, _| true);
    }

    let mut server = BTreeMap::new();
    for id in ids {
        let document = world.get(ALEX, &id).await.json();
        server.insert(id, document["details"]["notes"].clone());
    }
    let notes = |copies: &Copies| -> BTreeMap<String, Value> {
        copies.iter().map(|(id, (_, it))| (id.clone(), it["details"]["notes"].clone())).collect()
    };
    assert_eq!(notes(&highest), server);
    // The positive control: whoever keeps what came last has something else.
    assert_ne!(notes(&last), server);
}
