//! Both organisations race for the same records: whoever wins, each record walks a path of the documented table.

use std::{collections::BTreeSet, sync::Arc};

use http::{Method, StatusCode};
use liaison::service::verify::verify;
use rstest::rstest;
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    history::{Acknowledged, breaks_of_versions, broken_promises, entries, illegal_steps, version_of},
    writes::{open, seats},
};
use crate::{lifecycle::FABRIKAMS, world::*};

const RECORDS: usize = 60;

/// What is tried on each record, by whom, all at once.
const TRIES: [(&str, &str); 10] = [
    (FAY, "open"),
    (FAY, "accept"),
    (FAY, "decline"),
    (FAY, "PATCH accept"),
    (FAY, "PATCH decline"),
    (FAY, "PATCH notes"),
    (FAY, "win"),
    (FAY, "lose"),
    (FAY, "closeAsError"),
    (ALEX, "withdraw"),
];

/// What a try came to: the record, and what its caller was told.
type Told = (usize, Acknowledged);

async fn try_it(server: &Server, (record, id): (usize, &str), (email, what): (&str, &str)) -> Option<Told> {
    let path = format!("{REFERRALS}/{id}");
    let pair = |status: &str, substatus: &str| {
        json!([
            {"op": "replace", "path": "/status", "value": status},
            {"op": "replace", "path": "/substatus", "value": substatus},
            {"op": "replace", "path": "/statusReason", "value": "Raced"},
        ])
    };
    let (method, path, body) = match what {
        "PATCH accept" => (Method::PATCH, path, pair("Active", "Accepted")),
        "PATCH decline" => (Method::PATCH, path, pair("Closed", "Declined")),
        "PATCH notes" => {
            let notes = json!([{"op": "replace", "path": "/details/notes", "value": format!("{record}")}]);
            (Method::PATCH, path, notes)
        }
        action => (Method::POST, format!("{path}/{action}"), json!({"statusReason": "Raced"})),
    };
    let headers = [("prefer", "return=representation")];

    let answer = server.send_json(method, email, &path, &headers, body).await;

    match answer.status {
        StatusCode::OK => {
            let document = answer.json();
            let state = format!("{}/{}", text(&document, "/status"), text(&document, "/substatus"));
            let version = version_of(text(&document, "/eTag"));
            Some((record, Acknowledged { base: None, version, mark: None, state: Some(state) }))
        }
        StatusCode::BAD_REQUEST => {
            let code = answer.json()["error"]["innerError"]["code"].clone();
            assert!(code == "invalidStatusTransition" || code == "referralClosed", "{}", answer.text());
            None
        }
        status => panic!("{status} {}", answer.text()),
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_sides_take_no_step_that_the_table_forbids(#[case] backend: Backend) {
    let world = open(backend).await;
    let replicas = seats(&world, backend).await;
    let mut ids = Vec::new();
    for _ in 0..RECORDS {
        ids.push(text(&world.post(ALEX, to_location(FABRIKAMS)).await.created(), "/id").to_owned());
    }
    let ids = Arc::new(ids);
    let mut callers = JoinSet::new();
    // Each record meets the tries in another order, and six records are under way at a time.
    for caller in 0..TRIES.len() * 6 {
        let (world, replicas, ids) = (Arc::clone(&world), replicas.clone(), Arc::clone(&ids));
        callers.spawn(async move {
            let server: &Server = match (caller % (replicas.len() + 1)).checked_sub(1) {
                Some(place) => &replicas[place],
                None => &world,
            };
            let mut told = Vec::new();
            for turn in 0..RECORDS / 6 {
                let record = caller % 6 * (RECORDS / 6) + turn;
                let tried = TRIES[(caller / 6 + turn) % TRIES.len()];
                told.extend(try_it(server, (record, &ids[record]), tried).await);
            }
            told
        });
    }

    let told: Vec<Told> = callers.join_all().await.into_iter().flatten().collect();

    world.store.settle().await.unwrap();
    let stored = world.stored().await;
    let mut ends = BTreeSet::new();
    for (record, id) in ids.iter().enumerate() {
        let stored = stored.iter().find(|it| it.id.to_string() == *id).unwrap();
        let changes =
            world.store.list_changes_of(everything(), stored.engagement_id, stored.id).await.unwrap();
        let log = entries(&changes);
        let told: Vec<_> = told.iter().filter(|(it, _)| *it == record).map(|(_, it)| it.clone()).collect();
        assert_eq!(illegal_steps(&log), [""; 0], "record {record}");
        assert_eq!(breaks_of_versions(&log), [""; 0], "record {record}");
        assert_eq!(broken_promises(&log, &told), [""; 0], "record {record}");
        assert_eq!(
            log.len(),
            told.len() + 1,
            "what was acknowledged is all that happened to record {record}"
        );
        ends.insert(log.last().unwrap().state.clone());
    }
    assert!(ends.len() >= 3, "the race has several winners: {ends:?}");
    assert_eq!(verify(&world.store).await.unwrap().problems, [""; 0]);
}
