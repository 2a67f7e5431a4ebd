//! Racing writes on few records: each acknowledged one starts from the version before it, and is in the log once.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use http::{Method, StatusCode};
use liaison::{
    domain::{
        actor::Author,
        change::{Action, Change, Version},
        etag::ETag,
        referral::Referral,
    },
    service::verify::verify,
    storage::{Commit, ReferralState, StoreError},
};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::{sync::Barrier, task::JoinSet};
use uuid::Uuid;

use super::{
    call,
    history::{Acknowledged, breaks_of_versions, broken_promises, entries, version_of},
};
use crate::world::*;

/// How many callers race.
const CLIENTS: usize = 64;
/// How many records they race for.
const RECORDS: usize = 32;
/// How many acknowledged writes a test waits for, at least.
const ACKNOWLEDGED: usize = 400;

/// A server, or one of several on the same data.
enum Seat {
    First(Arc<World>),
    Other(Arc<Server>),
}

impl Seat {
    fn server(&self) -> &Server {
        match self {
            Self::First(world) => world,
            Self::Other(server) => server,
        }
    }
}

/// Opens a world for a race. A debug build on a busy machine may take its time, which is not what is judged here.
pub(super) async fn open(backend: Backend) -> Arc<World> {
    Arc::new(World::with(backend, |config| config.limits.request_timeout_secs = 600).await)
}

/// Seats the callers: on SQLite one process writes; on PostgreSQL there are three servers.
pub(super) async fn seats(world: &Arc<World>, backend: Backend) -> Vec<Arc<Server>> {
    match backend {
        Backend::Sqlite => Vec::new(),
        Backend::Postgres => vec![Arc::new(world.replica().await), Arc::new(world.replica().await)],
    }
}

fn seat(world: &Arc<World>, replicas: &[Arc<Server>], client: usize) -> Seat {
    match (client % (replicas.len() + 1)).checked_sub(1) {
        Some(place) => Seat::Other(Arc::clone(&replicas[place])),
        None => Seat::First(Arc::clone(world)),
    }
}

async fn records(world: &World) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..RECORDS {
        ids.push(text(&world.post(ALEX, own_deal()).await.created(), "/id").to_owned());
    }
    ids
}

/// Holds what callers were told of one record against its log.
async fn judge(world: &World, id: &str, told: &[Acknowledged]) {
    let record = world.stored().await.into_iter().find(|it| it.id.to_string() == *id).unwrap();
    let changes = world.store.list_changes_of(everything(), record.engagement_id, record.id).await.unwrap();
    let log = entries(&changes);
    assert_eq!(breaks_of_versions(&log), [""; 0]);
    assert_eq!(broken_promises(&log, told), [""; 0]);
    assert_eq!(log.last().unwrap().to, record.version);
    assert_eq!(log.len(), told.len() + 1, "nobody else wrote");
}

fn note(text: &str) -> Value {
    json!([{ "op": "replace", "path": "/details/notes", "value": text }])
}

/// Reads, changes and writes, again and again, until enough was acknowledged.
async fn write_what_was_read(
    seat: Seat,
    client: usize,
    ids: Arc<Vec<String>>,
    done: Arc<AtomicUsize>,
) -> Vec<(usize, Acknowledged)> {
    let mut told = Vec::new();
    let token = seat.server().token(ALEX).await;
    for round in 0.. {
        if done.load(Ordering::Relaxed) >= ACKNOWLEDGED {
            break;
        }
        let record = (client + round) % ids.len();
        let path = format!("{REFERRALS}/{}", ids[record]);
        let read = call(seat.server(), &token, Method::GET, &path, &[], "").await;
        let base = read.header("etag").to_owned();
        let text = format!("client {client}, round {round}");

        let headers = [("if-match", &*base)];
        let answer = call(seat.server(), &token, Method::PATCH, &path, &headers, note(&text)).await;

        match answer.status {
            StatusCode::NO_CONTENT => {
                done.fetch_add(1, Ordering::Relaxed);
                let mark = Some(("/details/notes".to_owned(), text));
                let (base, version) = (Some(version_of(&base)), version_of(answer.header("etag")));
                told.push((record, Acknowledged { base, version, mark, state: None }));
            }
            StatusCode::PRECONDITION_FAILED => {}
            status => panic!("{status} {}", answer.text()),
        }
    }
    told
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_two_acknowledged_writes_start_from_one_version(#[case] backend: Backend) {
    let world = open(backend).await;
    let replicas = seats(&world, backend).await;
    let ids = Arc::new(records(&world).await);
    let done = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let seat = seat(&world, &replicas, client);
        clients.spawn(write_what_was_read(seat, client, Arc::clone(&ids), Arc::clone(&done)));
    }

    let told: Vec<_> = clients.join_all().await.into_iter().flatten().collect();

    assert!(told.len() >= ACKNOWLEDGED, "{}", told.len());
    world.store.settle().await.unwrap();
    for (record, id) in ids.iter().enumerate() {
        let told: Vec<_> =
            told.iter().filter(|(it, _)| *it == record).map(|(_, write)| write.clone()).collect();
        judge(&world, id, &told).await;
    }
    assert_eq!(verify(&world.store).await.unwrap().problems, [""; 0]);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writes_that_name_no_version_all_land(#[case] backend: Backend) {
    let world = open(backend).await;
    let replicas = seats(&world, backend).await;
    let ids = records(&world).await;
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        // Sixteen callers for each of four records.
        let (seat, record) = (seat(&world, &replicas, client), client % 4);
        let id = ids[record].clone();
        clients.spawn(async move {
            let text = format!("client {client}");
            let answer = seat.server().patch(ALEX, &id, &[], note(&text)).await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
            let mark = Some(("/details/notes".to_owned(), text));
            let version = version_of(answer.header("etag"));
            (record, Acknowledged { base: None, version, mark, state: None })
        });
    }

    let told = clients.join_all().await;

    world.store.settle().await.unwrap();
    for (record, id) in ids.iter().enumerate() {
        let told: Vec<_> = told.iter().filter(|(it, _)| *it == record).map(|(_, it)| it.clone()).collect();
        judge(&world, id, &told).await;
    }
    assert_eq!(verify(&world.store).await.unwrap().problems, [""; 0]);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn people_who_are_added_at_once_all_join_the_team(#[case] backend: Backend) {
    let world = open(backend).await;
    let replicas = seats(&world, backend).await;
    let id = text(&world.post(ALEX, own_deal()).await.created(), "/id").to_owned();
    let mut clients = JoinSet::new();
    for client in 0..32 {
        let (seat, id) = (seat(&world, &replicas, client), id.clone());
        clients.spawn(async move {
            let person = json!({"firstName": "A", "lastName": "B", "phoneNumber": "1",
                "email": format!("person{client}@contoso.example")});
            let joined = json!([{"op": "add", "path": "/team/-", "value": person}]);
            seat.server().patch(ALEX, &id, &[], joined).await.status
        });
    }

    let statuses = clients.join_all().await;

    assert!(statuses.iter().all(|it| *it == StatusCode::NO_CONTENT), "{statuses:?}");
    let team = world.get(ALEX, &id).await.json()["team"].clone();
    let mut joined: Vec<_> =
        team.as_array().unwrap().iter().map(|it| text(it, "/email").to_owned()).collect();
    joined.sort();
    joined.dedup();
    assert_eq!(joined.len(), 33, "John Doe was there before");
}

/// Writes as a store would that looks at the version and then writes whatever is there: what was read before counts
/// for nothing.
async fn write_over(world: &World, id: Uuid, text: &str, all_have_read: &Barrier) -> Acknowledged {
    let find = || async { world.stored().await.into_iter().find(|it| it.id == id).unwrap() };
    let read = find().await;
    let before = Referral::from_document(&read.document).unwrap();
    let mut after = before.clone();
    after.details.notes = Some(text.to_owned());
    let document = after.to_document();
    all_have_read.wait().await;
    loop {
        let there = find().await;
        let version = there.version + 1;
        let (from, to) = (read.etag().to_string(), ETag::new(version, there.updated, 0).to_string());
        let mut commit = Commit::new();
        let change = Change::new(
            Action::Revise,
            &Author::server("broken"),
            &after,
            Some(Version { document: &read.document, etag: &from, number: read.version }),
            Version { document: &document, etag: &to, number: version },
            &world.app.context.random,
        );
        commit.append_change(change.unwrap());
        let state = ReferralState { referral: &after, document: &document, version };
        commit.update_referral(state, &before, there.version);
        match world.store.commit(commit).await {
            Ok(()) => {
                let mark = Some(("/details/notes".to_owned(), text.to_owned()));
                return Acknowledged { base: Some(read.version), version, mark, state: None };
            }
            Err(StoreError::Conflict(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_writes_over_what_it_did_not_read_is_caught(#[case] backend: Backend) {
    let world = Arc::new(World::open(backend).await);
    let id: Uuid = text(&world.post(ALEX, own_deal()).await.created(), "/id").parse().unwrap();
    let mut clients = JoinSet::new();
    let all_have_read = Arc::new(Barrier::new(8));
    for client in 0..8 {
        let (world, all_have_read) = (Arc::clone(&world), Arc::clone(&all_have_read));
        clients
            .spawn(async move { write_over(&world, id, &format!("client {client}"), &all_have_read).await });
    }

    let told = clients.join_all().await;

    world.store.settle().await.unwrap();
    let record = world.stored().await.remove(0);
    let changes = world.store.list_changes_of(everything(), record.engagement_id, id).await.unwrap();
    let log = entries(&changes);
    assert!(!breaks_of_versions(&log).is_empty(), "{told:?}");
    let promises = broken_promises(&log, &told);
    assert!(
        promises.iter().any(|it| it.contains("two acknowledged writes start from version")),
        "{promises:?}"
    );
    assert_ne!(verify(&world.store).await.unwrap().problem_count, 0, "the log shows it too");
}
