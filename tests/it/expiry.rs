//! Expiry: what nobody answers in time is closed by the server, once, in order, and in the log. And the sandbox's
//! clock, which is how a test suite brings it about.

use std::sync::Arc;

use http::{Method, StatusCode};
use liaison::{
    domain::{
        actor::Author,
        change::{Action, Change, Version},
        etag::ETag,
        lifecycle::{Side, Standing, State, Strictness, decide},
        organization::OrganizationId,
        referral::Referral,
        time::Timestamp,
    },
    service::{clock, expiry::expire_due, verify::verify},
    storage::{Commit, Conflict, ReferralState, StoreError},
};
use rstest::rstest;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::*;

/// When an invitation of the day on which tests begin has waited long enough.
const DEADLINE: &str = "2026-12-06T00:00:00Z";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn ticks_before(at: Timestamp, ticks: i64) -> Timestamp {
    Timestamp::from_ticks(at.ticks() - ticks)
}

/// Returns a person of an organisation as the author of a change.
pub(crate) fn author_of(organization: &str) -> Author {
    Author {
        organization_id: OrganizationId::parse(organization).unwrap(),
        user_id: Uuid::from_u128(7),
        application_id: "a test".to_owned(),
    }
}

/// Commits a new version of a record, and its change.
pub(crate) async fn revise(
    server: &Server,
    id: &str,
    done: (Action, &Author),
    edit: impl FnOnce(&mut Referral),
) {
    let edit = |it: &mut Referral| {
        edit(it);
        Ok(())
    };
    try_revise(server, id, done, edit).await.unwrap();
}

async fn try_revise(
    server: &Server,
    id: &str,
    (action, author): (Action, &Author),
    edit: impl FnOnce(&mut Referral) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let stored = server.stored().await.into_iter().find(|it| it.id.to_string() == id).unwrap();
    let before = Referral::from_document(&stored.document).unwrap();
    let mut referral = before.clone();
    edit(&mut referral)?;
    let (document, version) = (referral.to_document(), stored.version + 1);
    let (from, to) = (
        ETag::new(stored.version, stored.updated, 0).to_string(),
        ETag::new(version, referral.updated_date_time, 0).to_string(),
    );
    let from = Version { document: &stored.document, etag: &from, number: stored.version };
    let to = Version { document: &document, etag: &to, number: version };
    let random = &server.app.context.random;
    let mut commit = Commit::new();
    commit.append_change(Change::new(action, author, &referral, Some(from), to, random).unwrap());
    let state = ReferralState { referral: &referral, document: &document, version };
    commit.update_referral(state, &before, stored.version);
    server.store.commit(commit).await
}

/// Accepts an invitation for Contoso, as of `now`; whoever finds it answered comes too late.
async fn accept(server: &Server, id: &str, now: Timestamp) -> Result<(), StoreError> {
    let done = (Action::Accept, &author_of(CONTOSO));
    let edit = |it: &mut Referral| {
        let standing = Standing { state: it.state().unwrap(), expires: it.expiration_date_time };
        let decided = decide(Action::Accept, Side::Owner, standing, now, Strictness::Strict);
        it.move_to(decided.map_err(|_| StoreError::Conflict(Conflict::Version))?, now);
        Ok(())
    };
    try_revise(server, id, done, edit).await
}

async fn invite(world: &World) -> String {
    text(&world.post(FAY, FIXTURE).await.created(), "/id").to_owned()
}

async fn read(server: &Server, email: &str, id: &str) -> Value {
    let answer = server.get(email, id).await;
    assert_eq!(answer.status, StatusCode::OK, "{email}: {}", answer.text());
    answer.json()
}

async fn problems(server: &Server) -> Vec<String> {
    verify(&server.store).await.unwrap().problems
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_invitation_expires_at_its_deadline_and_not_a_tick_before(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let id = invite(&world).await;
    assert_eq!(text(&read(&world, ALEX, &id).await, "/expirationDateTime"), DEADLINE);

    world.set_time(ticks_before(at(DEADLINE), 1));
    assert_eq!(expire_due(&world.app.context).await.unwrap(), 0);
    assert_eq!(text(&read(&world, ALEX, &id).await, "/status"), "New");
    world.set_time(at(DEADLINE));
    assert_eq!(expire_due(&world.app.context).await.unwrap(), 1);
    assert_eq!(expire_due(&world.app.context).await.unwrap(), 0, "it is closed once");

    for email in [ALEX, FAY] {
        let seen = read(&world, email, &id).await;
        assert_eq!((text(&seen, "/status"), text(&seen, "/substatus")), ("Closed", "Expired"), "{email}");
        for member in ["/closedDateTime", "/updatedDateTime", "/expirationDateTime"] {
            assert_eq!(text(&seen, member), DEADLINE, "{email} {member}");
        }
        assert_eq!(seen["acceptedDateTime"], Value::Null);
        assert!(text(&seen, "/eTag").starts_with("\"00000002-"), "{seen}");
    }
    let log = world.log().await;
    let change = &log.last().unwrap().change;
    assert_eq!((log.len(), change.action, change.to_version), (2, Action::Expire, 2));
    assert_eq!(change.application_id, "liaison/expiry");
    assert!(change.actor_user_id.is_nil(), "nobody did it");
    assert_eq!(problems(&world).await, Vec::<String>::new());
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn only_what_waits_for_an_answer_expires(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let own = text(&world.post(ALEX, own_deal()).await.created(), "/id").to_owned();
    let accepted = invite(&world).await;
    accept(&world, &accepted, at(START)).await.unwrap();
    let opened = invite(&world).await;
    let open = (Action::Open, &author_of(CONTOSO));
    revise(&world, &opened, open, |it| it.move_to(State::Received, at(START))).await;
    let pending = invite(&world).await;
    world.advance_secs(2 * 24 * 60 * 60);
    let later = invite(&world).await;

    world.set_time(at(DEADLINE));
    assert_eq!(expire_due(&world.app.context).await.unwrap(), 2);

    for (id, status) in
        [(&own, "Active"), (&accepted, "Active"), (&opened, "Closed"), (&pending, "Closed"), (&later, "New")]
    {
        assert_eq!(text(&read(&world, ALEX, id).await, "/status"), status);
    }
    assert_eq!(problems(&world).await, Vec::<String>::new());
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_is_due_is_closed_in_the_order_of_the_deadlines(#[case] backend: Backend) {
    let world = World::open(backend).await;
    // More than one commit takes, with deadlines in another order than that in which they were made.
    let mut expected = Vec::new();
    for number in 0..60_i64 {
        let id = invite(&world).await;
        let deadline = ticks_before(at(DEADLINE), number * 37 % 60 + 1);
        let done = (Action::Revise, &author_of(CONTOSO));
        revise(&world, &id, done, |it| it.expiration_date_time = Some(deadline)).await;
        expected.push((deadline, id));
    }
    expected.sort();

    world.set_time(at(DEADLINE));
    assert_eq!(expire_due(&world.app.context).await.unwrap(), 60);

    let log = world.log().await;
    let closed = log.iter().filter(|it| it.change.action == Action::Expire);
    let closed: Vec<_> = closed.map(|it| it.change.referral_id.to_string()).collect();
    assert_eq!(closed, expected.into_iter().map(|(_, id)| id).collect::<Vec<_>>());
    assert_eq!(problems(&world).await, Vec::<String>::new());
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn contacts_stay_withheld_from_who_let_an_invitation_expire(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let refused = edited(fixture(), &[("/consent/consentToContact", json!(false))]);
    let refused = text(&world.post(FAY, refused).await.created(), "/id").to_owned();
    let agreed = invite(&world).await;
    assert_eq!(read(&world, ALEX, &refused).await["customerProfile"]["team"], json!([]));

    world.set_time(at(DEADLINE));
    assert_eq!(expire_due(&world.app.context).await.unwrap(), 2);

    let answer = world.get(ALEX, &refused).await;
    assert_eq!(answer.json()["substatus"], "Expired");
    assert_eq!(answer.json()["customerProfile"]["team"], json!([]));
    assert!(!answer.text().contains("sue.smith"), "{}", answer.text());
    let inviters = read(&world, FAY, &refused).await;
    assert_eq!((text(&inviters, "/status"), text(&inviters, "/substatus")), ("Closed", "Expired"));
    assert_eq!(inviters["customerProfile"]["team"].as_array().unwrap().len(), 2, "the inviter wrote it");
    let seen = read(&world, ALEX, &agreed).await;
    assert_eq!(seen["customerProfile"]["team"].as_array().unwrap().len(), 2, "nobody refused");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_record_that_cannot_be_closed_keeps_no_other_waiting(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let (unreadable, altered, whole) = (invite(&world).await, invite(&world).await, invite(&world).await);
    let column = |id: &str| match backend {
        Backend::Sqlite => format!("x'{}'", id.replace('-', "")),
        Backend::Postgres => format!("'{id}'"),
    };
    let damage = format!(
        "UPDATE referrals SET document = '{{' WHERE id = {};
         UPDATE referrals SET document = replace(document, '\"status\":\"New\",\"substatus\":\"Pending\"',
            '\"status\":\"Active\",\"substatus\":\"Accepted\"') WHERE id = {}",
        column(&unreadable),
        column(&altered)
    );
    world.database.execute(&damage).await;

    world.set_time(at(DEADLINE));
    assert_eq!(expire_due(&world.app.context).await.unwrap(), 1);

    assert_eq!(text(&read(&world, ALEX, &whole).await, "/status"), "Closed");
    let closed = world.log().await.iter().filter(|it| it.change.action == Action::Expire).count();
    assert_eq!(closed, 1, "what contradicts itself is not built on");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn while_somebody_holds_the_lease_nobody_else_expires(#[case] backend: Backend) {
    let world = World::open(backend).await;
    invite(&world).await;
    world.set_time(at(DEADLINE));
    let other = match backend {
        Backend::Sqlite => world.store.clone(),
        Backend::Postgres => world.replica().await.store.clone(),
    };

    let held = other.try_expiry_lease().await.unwrap();
    assert!(held.is_some());
    assert!(world.store.try_expiry_lease().await.unwrap().is_none());
    assert_eq!(expire_due(&world.app.context).await.unwrap(), 0);
    drop(held);

    // The database gives a lock back when it notices that its session has ended.
    let mut expired = 0;
    while expired == 0 {
        expired = expire_due(&world.app.context).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(expired, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_servers_on_one_postgres_close_each_record_once() {
    let world = Arc::new(World::open(Backend::Postgres).await);
    let replica = Arc::new(world.replica().await);
    for _ in 0..60 {
        invite(&world).await;
    }
    world.set_time(at(DEADLINE));

    let runs = (0..6).map(|number| {
        let server = if number % 2 == 0 { world.app.clone() } else { replica.app.clone() };
        tokio::spawn(async move { expire_due(&server.context).await.unwrap() })
    });
    let mut expired = 0;
    for run in runs.collect::<Vec<_>>() {
        expired += run.await.unwrap();
    }

    assert_eq!(expired, 60);
    let log = world.log().await;
    assert_eq!(log.iter().filter(|it| it.change.action == Action::Expire).count(), 60);
    assert_eq!(problems(&world).await, Vec::<String>::new());
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_answer_and_the_expiry_that_race_have_one_winner(#[case] backend: Backend) {
    let world = Arc::new(World::open(backend).await);
    let mut ids = Vec::new();
    for _ in 0..40 {
        ids.push(invite(&world).await);
    }
    world.set_time(at(DEADLINE));

    // Somebody answered at the last moment, and its write is on its way when the time is up.
    let in_time = ticks_before(at(DEADLINE), 1);
    let answers: Vec<_> = ids
        .iter()
        .cloned()
        .map(|id| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { accept(&world, &id, in_time).await })
        })
        .collect();
    let expired = expire_due(&world.app.context).await.unwrap();
    let mut accepted = 0;
    for answer in answers {
        match answer.await.unwrap() {
            Ok(()) => accepted += 1,
            Err(StoreError::Conflict(Conflict::Version)) => {}
            Err(error) => panic!("{error}"),
        }
    }

    assert_eq!(accepted + expired, 40, "each has one winner");
    for id in &ids {
        let seen = read(&world, FAY, id).await;
        let state = (text(&seen, "/status"), text(&seen, "/substatus"));
        assert!([("Active", "Accepted"), ("Closed", "Expired")].contains(&state), "{state:?}");
        assert!(text(&seen, "/eTag").starts_with("\"00000002-"), "{seen}");
    }
    assert_eq!(world.log().await.len(), 80);
    assert_eq!(problems(&world).await, Vec::<String>::new());
}

const CLOCK: &str = "/sandbox/clock";

/// Returns what is said of a clock that runs.
fn still(now: &str, offset: &str) -> Value {
    json!({"now": now, "offset": offset, "frozen": false})
}

/// Returns what is said of one that was put forward.
fn moved(now: &str, offset: &str, expired: u64) -> Value {
    json!({"now": now, "offset": offset, "frozen": false, "expired": expired, "acted": 0, "generated": 0,
        "webhooksWaiting": 0})
}

async fn put_forward(server: &Server, body: impl ToString) -> Answer {
    let request = with_headers(Method::POST, CLOCK, &[("content-type", "application/json")]);
    server.send(request.body(body.to_string().into()).unwrap()).await
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn putting_the_clock_forward_expires_what_is_due_before_it_answers(#[case] backend: Backend) {
    let world = World::sandbox(backend).await;
    let (first, second) = (invite(&world).await, invite(&world).await);
    let before = world.get_anonymously(CLOCK).await;
    assert_eq!((before.status, before.json()), (StatusCode::OK, still(START, "PT0S")));

    let answer = put_forward(&world, json!({"advance": "13 days"})).await;
    let nothing = moved("2026-12-05T09:30:00.1234567Z", "P13D", 0);
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, nothing));
    let answer = put_forward(&world, json!({"advance": "P2D"})).await;
    let both = moved("2026-12-07T09:30:00.1234567Z", "P15D", 2);
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, both));
    assert_eq!(put_forward(&world, json!({"advance": 90})).await.json()["expired"], 0);

    for id in [first, second] {
        assert_eq!(text(&read(&world, FAY, &id).await, "/substatus"), "Expired");
        assert_eq!(text(&read(&world, ALEX, &id).await, "/closedDateTime"), DEADLINE, "at its own moment");
    }
    let made = world.post(ALEX, FIXTURE).await.created();
    assert_eq!(text(&made, "/createdDateTime"), "2026-12-07T09:31:30.1234567Z", "every part goes by it");
    let now = world.get_anonymously(CLOCK).await.json();
    assert_eq!(now, still("2026-12-07T09:31:30.1234567Z", "P15DT1M30S"));
    assert_eq!(problems(&world).await, Vec::<String>::new());
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_clock_keeps_its_place_on_another_server_and_after_a_restart(#[case] backend: Backend) {
    let world = World::sandbox(backend).await;
    put_forward(&world, json!({"advance": "15 days"})).await;

    let other = world.replica().await;
    assert_eq!(other.get_anonymously(CLOCK).await.json(), world.get_anonymously(CLOCK).await.json());

    // Steps on two servers add up, and a server follows the others.
    put_forward(&other, json!({"advance": "1 day"})).await;
    assert_eq!(put_forward(&world, json!({"advance": "1 day"})).await.json()["offset"], "P17D");
    clock::follow(&other.store, other.app.sandbox_clock.as_ref().unwrap()).await.unwrap();
    assert_eq!(other.get_anonymously(CLOCK).await.json()["offset"], "P17D");
    world.advance_secs(60);
    assert_eq!(world.get_anonymously(CLOCK).await.json()["now"], "2026-12-09T09:31:00.1234567Z");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn steps_at_the_same_time_add_up(#[case] backend: Backend) {
    let world = Arc::new(World::sandbox(backend).await);
    invite(&world).await;
    let calls: Vec<_> = (0..15)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { put_forward(&world, json!({"advance": "1 day"})).await.json() })
        })
        .collect();

    let mut expired = 0;
    for call in calls {
        expired += call.await.unwrap()["expired"].as_u64().unwrap();
    }

    assert_eq!(expired, 1);
    assert_eq!(world.get_anonymously(CLOCK).await.json()["offset"], "P15D");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn tokens_age_with_the_clock(#[case] backend: Backend) {
    let world = World::sandbox(backend).await;
    let id = invite(&world).await;
    let authorization = format!("Bearer {}", world.token(ALEX).await);
    let path = format!("{REFERRALS}/{id}");
    let read = || {
        let request = with_headers(Method::GET, &path, &[("authorization", &authorization)]);
        world.send(request.body(String::new().into()).unwrap())
    };
    assert_eq!(read().await.status, StatusCode::OK);

    put_forward(&world, json!({"advance": "15 days"})).await;

    let answer = read().await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.json()["error"]["innerError"]["code"], "tokenExpired");
    assert_eq!(world.get(ALEX, &id).await.status, StatusCode::OK, "a new token goes by the same clock");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_step_that_is_none_is_refused_and_moves_nothing(#[case] backend: Backend) {
    let world = World::sandbox(backend).await;
    for (body, problem) in [
        (json!({"advance": "soon"}), "invalidValue /advance"),
        (json!({"advance": "-1 day"}), "invalidValue /advance"),
        (json!({"advance": 0}), "invalidValue /advance"),
        (json!({"advance": "1 month"}), "invalidValue /advance"),
        (json!({"advance": "7000 years"}), "invalidValue /advance"),
        (json!({"advance": "3000000 days"}), "invalidValue /advance"),
        (json!({}), "requiredFieldMissing /advance"),
        (json!({"advance": "1 day", "set": START}), "invalidValue /set"),
        (json!([]), "invalidValue "),
    ] {
        let answer = put_forward(&world, &body).await;

        assert_eq!(
            (answer.status, answer.problems()),
            (StatusCode::BAD_REQUEST, vec![problem.to_owned()]),
            "{body}"
        );
    }
    let answer = put_forward(&world, json!({"advance": "1 month"})).await.json();
    let detail = &answer["error"]["details"][0];
    assert_eq!(detail["rule"], "duration");
    assert!(text(detail, "/message").contains("months and years"), "{detail}");
    assert!(detail["allowed"].as_array().unwrap().contains(&json!("15 days")), "{detail}");
    assert_eq!(put_forward(&world, "{").await.problems(), ["malformedBody "]);
    // A page on another site can send these without asking first.
    for headers in [&[][..], &[("content-type", "")], &[("content-type", "text/plain")]] {
        let request = with_headers(Method::POST, CLOCK, headers);
        let answer = world.send(request.body("{\"advance\":\"1 day\"}".into()).unwrap()).await;

        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{headers:?}");
    }
    assert_eq!(world.get_anonymously(CLOCK).await.json(), still(START, "PT0S"));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_clock_is_nowhere_but_in_a_sandbox(#[case] backend: Backend) {
    let (sandbox, world) = (World::sandbox(backend).await, World::open(backend).await);

    let unknown = world.get_anonymously("/nowhere").await;
    let read = world.get_anonymously(CLOCK).await;
    let moved = put_forward(&world, json!({"advance": "15 days"})).await;

    for answer in [&read, &moved] {
        assert_eq!((answer.status, answer.text()), (StatusCode::NOT_FOUND, unknown.text()));
    }
    let description = |answer: Answer| answer.json()["paths"].as_object().unwrap().contains_key(CLOCK);
    assert!(description(sandbox.get_anonymously("/openapi.json").await));
    assert!(!description(world.get_anonymously("/openapi.json").await));
    let put = with_headers(Method::PUT, CLOCK, &[]).body(String::new().into()).unwrap();
    assert_eq!(sandbox.send(put).await.status, StatusCode::METHOD_NOT_ALLOWED);
}
