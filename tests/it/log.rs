//! The log: one change for every write, in order, without a gap, and no way to alter it unnoticed.

use std::sync::Arc;

use http::StatusCode;
use liaison::{
    domain::change::{Action, Replay, chain_hash},
    service::verify::verify,
};
use rstest::rstest;
use tokio::task::JoinSet;

use crate::world::*;

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn every_create_has_one_change_that_rebuilds_the_document(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let mut ids = Vec::new();
    for number in 0..5 {
        let sender = if number % 2 == 0 { ALEX } else { UGO };
        ids.push(text(&world.post(sender, FIXTURE).await.created(), "/id").to_owned());
        world.post(sender, "{}").await;
    }

    let log = world.log().await;

    let positions: Vec<u64> = log.iter().map(|it| it.position).collect();
    assert_eq!(positions, [1, 2, 3, 4, 5]);
    let logged: Vec<String> = log.iter().map(|it| it.change.referral_id.to_string()).collect();
    assert_eq!(logged, ids);
    let stored = world.stored().await;
    for (number, it) in log.iter().enumerate() {
        let change = &it.change;
        let document = &stored.iter().find(|it| it.id == change.referral_id).unwrap().document;
        let mut replay = Replay::default();
        replay.apply(&change.differences).unwrap();
        assert_eq!(replay.is_state_of(document), Ok(true));
        assert_eq!((change.action, change.to_version, change.from_etag.is_none()), (Action::Create, 1, true));
        assert_eq!(it.hash, chain_hash(None, &it.facts), "each is the first of its engagement");
        assert_eq!(change.at.to_string(), START);
        let (actor, application) = match number % 2 {
            0 => (CONTOSO, "c0a70002-0000-4000-8000-000000000002"),
            _ => (FABRIKAM, "fab00002-0000-4000-8000-000000000002"),
        };
        assert_eq!(
            (change.actor_organization_id.as_str(), change.application_id.as_str()),
            (actor, application)
        );
        assert_eq!(change.organization_id.as_str(), CONTOSO);
    }
    let found = verify(&world.store).await.unwrap();
    assert_eq!((found.referrals, found.changes, found.engagements), (5, 5, 5));
    assert_eq!(found.problems, Vec::<String>::new());
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_chain_of_an_engagement_runs_through_all_its_records(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let own = world.post(ALEX, own_deal()).await.created();
    world.post(UGO, FIXTURE).await.created();
    let connect = edited(to_location("msft"), &[("/engagementId", own["engagementId"].clone())]);
    world.post(ALEX, connect).await.created();

    let log = world.log().await;

    assert_eq!(log.len(), 4);
    let chain: Vec<_> =
        log.iter().filter(|it| it.change.engagement_id.to_string() == own["engagementId"]).collect();
    assert_eq!(chain[0].hash, chain_hash(None, &chain[0].facts));
    assert_eq!(chain[1].hash, chain_hash(Some(&chain[0].hash), &chain[1].facts));
    assert_eq!(chain[2].hash, chain_hash(Some(&chain[1].hash), &chain[2].facts));
    assert_eq!(verify(&world.store).await.unwrap().problems, Vec::<String>::new());
}

/// A change behind the store's back, and a word of what is said about it.
struct Tampering {
    what: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
    said: &'static str,
}

const fn both(what: &'static str, sql: &'static str, said: &'static str) -> Tampering {
    Tampering { what, sqlite: sql, postgres: sql, said }
}

const TAMPERINGS: [Tampering; 28] = [
    both(
        "the stored document",
        "UPDATE referrals SET document = replace(document, 'Test Cosell', 'Best Cosell')",
        "the document is not what its changes make",
    ),
    both(
        "a member that the commitments cover, in document and log alike",
        "UPDATE referrals SET document = replace(document, '\"dealValue\":50000', '\"dealValue\":60000');
         UPDATE changes SET differences = replace(differences, '50000', '60000')",
        "its facts do not match their hash",
    ),
    both(
        "a difference",
        "UPDATE changes SET differences = replace(differences, 'Redmond', 'Seattle')",
        "its facts do not match their hash",
    ),
    both(
        "a further difference without a salt, and the document with it",
        "UPDATE referrals SET document = replace(document, '\"campaignId\":null', '\"campaignId\":\"x\"');
         UPDATE changes SET differences = replace(differences, '[{\"pointer\":\"/id\"',
            '[{\"pointer\":\"/campaignId\",\"before\":null,\"after\":\"x\"},{\"pointer\":\"/id\"')
         WHERE action = 'create'",
        "its facts do not match their hash",
    ),
    Tampering {
        what: "a further difference at the end, where no salt is left",
        sqlite:
            "UPDATE referrals SET document = replace(document, '\"campaignId\":null', '\"campaignId\":\"x\"');
            UPDATE changes SET differences = substr(differences, 1, length(differences) - 1)
                || ',{\"pointer\":\"/campaignId\",\"before\":null,\"after\":\"x\"}]'
            WHERE action = 'create'",
        postgres:
            "UPDATE referrals SET document = replace(document, '\"campaignId\":null', '\"campaignId\":\"x\"');
            UPDATE changes SET differences = left(differences, -1)
                || ',{\"pointer\":\"/campaignId\",\"before\":null,\"after\":\"x\"}]'
            WHERE action = 'create'",
        said: "its facts do not match their hash",
    },
    both(
        "who did it",
        "UPDATE changes SET application_id = 'somebody else'",
        "its facts do not match their hash",
    ),
    both("when it was done", "UPDATE changes SET at = at + 1", "its facts do not match their hash"),
    both("what was done", "UPDATE changes SET action = 'share'", "its facts do not match their hash"),
    Tampering {
        what: "a facts hash",
        sqlite: "UPDATE changes SET facts = zeroblob(32)",
        postgres: "UPDATE changes SET facts = decode(repeat('00', 32), 'hex')",
        said: "breaks the chain of engagement",
    },
    Tampering {
        what: "a chain hash",
        sqlite: "UPDATE changes SET hash = zeroblob(32) WHERE position = 1",
        postgres: "UPDATE change_positions SET hash = decode(repeat('00', 32), 'hex') WHERE position = 1",
        said: "change 1 breaks the chain of engagement",
    },
    Tampering {
        what: "a change that is deleted",
        sqlite: "DELETE FROM changes WHERE position = 2",
        postgres: "DELETE FROM change_positions WHERE position = 2",
        said: "positions between 1 and 3 are missing",
    },
    Tampering {
        what: "the last change, deleted",
        sqlite: "DELETE FROM changes WHERE position = 3",
        postgres: "DELETE FROM change_positions WHERE position = 3",
        said: "version 2 is stored, the log ends at 1",
    },
    both("who made a record", "UPDATE referrals SET inviter = 'msft'", "inviter"),
    both(
        "who owns a record",
        "UPDATE referrals SET organization_id = 'f4b6a1c0-52d7-4c7e-9a53-0d1c6f0e2b84'
         WHERE organization_id = 'msft'",
        "organization_id",
    ),
    both(
        "an owner that nobody can be",
        "UPDATE referrals SET organization_id = 'nobody' WHERE organization_id = 'msft'",
        "cannot be read",
    ),
    both("where a record belongs", "UPDATE referrals SET mpn_id = '1'", "mpn_id"),
    both("where a record stands", "UPDATE referrals SET status = 'Closed'", "status"),
    both("when a record was made", "UPDATE referrals SET created = created + 1", "column created is not"),
    both(
        "whether others take part",
        "UPDATE referrals SET type = 'Independent' WHERE organization_id = 'msft'",
        "column type is not",
    ),
    both(
        "who qualified a record",
        "UPDATE referrals SET qualification = 'None'",
        "column qualification is not",
    ),
    both("where the customer is", "UPDATE referrals SET country = NULL", "column country is not"),
    both(
        "whether Microsoft sees a record",
        "UPDATE referrals SET is_shared_with_microsoft = 1",
        "is_shared_with_microsoft",
    ),
    both(
        "a row of who sees a record, deleted",
        "DELETE FROM referral_viewers WHERE organization_id = 'msft'",
        "organization msft may see it, and has no row in referral_viewers",
    ),
    both(
        "a row of who sees a record, altered",
        "UPDATE referral_viewers SET country = 'XX' WHERE organization_id = 'msft'",
        "column country of the row of organization msft in referral_viewers is not what",
    ),
    both(
        "a row of who sees a record, invented",
        "INSERT INTO referral_viewers
         SELECT 'f4b6a1c0-52d7-4c7e-9a53-0d1c6f0e2b84', created, referral_id, relation, has_accepted, direction, status,
            substatus, type, qualification, country, updated
         FROM referral_viewers
         WHERE organization_id = 'msft'",
        "organization f4b6a1c0-52d7-4c7e-9a53-0d1c6f0e2b84 has a row in referral_viewers, and may not see it",
    ),
    both(
        "how many records an organisation sees",
        "UPDATE viewer_counts SET count = count + 1 WHERE organization_id = 'msft'",
        "organization msft has 2 rows in referral_viewers, and viewer_counts says",
    ),
    both("a referral that is deleted", "DELETE FROM referrals", "is in the log, but not stored"),
    Tampering {
        what: "the order of two changes",
        sqlite: "UPDATE changes SET position = -1 WHERE position = 1;
            UPDATE changes SET position = 1 WHERE position = 2;
            UPDATE changes SET position = 2 WHERE position = -1",
        postgres: "UPDATE change_positions SET position = -1 WHERE position = 1;
            UPDATE change_positions SET position = 1 WHERE position = 2;
            UPDATE change_positions SET position = 2 WHERE position = -1",
        said: "change 1 breaks the chain of engagement",
    },
];

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn nothing_is_altered_unnoticed(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let own = world.post(ALEX, own_deal()).await.created();
    let connect = edited(to_location("msft"), &[("/engagementId", own["engagementId"].clone())]);
    world.post(ALEX, connect).await.created();
    world.store.settle().await.unwrap();
    let tables: &[&str] = match backend {
        Backend::Sqlite => &["referrals", "changes", "referral_viewers", "viewer_counts"],
        Backend::Postgres => {
            &["referrals", "changes", "change_positions", "referral_viewers", "viewer_counts"]
        }
    };
    let overriding = if backend == Backend::Postgres { "OVERRIDING SYSTEM VALUE" } else { "" };
    for table in tables {
        world.database.execute(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await;
    }

    for Tampering { what, sqlite, postgres, said } in TAMPERINGS {
        let sql = if backend == Backend::Sqlite { sqlite } else { postgres };
        world.database.execute(sql).await;

        let found = verify(&world.store).await.unwrap();

        assert_ne!(found.problem_count, 0, "{what}");
        assert!(found.problems.iter().any(|it| it.contains(said)), "{what}: {:?}", found.problems);
        for table in tables {
            let restore =
                format!("DELETE FROM {table}; INSERT INTO {table} {overriding} SELECT * FROM kept_{table}");
            world.database.execute(&restore).await;
        }
        let restored = verify(&world.store).await.unwrap();
        assert_eq!((restored.problem_count, restored.changes), (0, 3), "{what}: {:?}", restored.problems);
    }
}

/// Begins a transaction that takes the next number in the log, with a copy of the first change, and leaves it open.
pub(crate) async fn begin_slow_change(world: &World) -> tokio_postgres::Client {
    let slow = connect(&world.database.url()).await;
    let columns = "referral_id, engagement_id, organization_id, action, actor_organization_id, actor_user_id, \
        application_id, at, from_etag, to_etag, to_version, differences, salts, ignored, facts";
    let write = format!(
        "BEGIN;
         WITH written AS (
            INSERT INTO changes (id, {columns})
            SELECT gen_random_uuid(), {columns} FROM changes ORDER BY sequence LIMIT 1
            RETURNING sequence, engagement_id, facts)
         INSERT INTO changes_pending (sequence, engagement_id, facts)
         SELECT sequence, engagement_id, facts FROM written"
    );
    slow.batch_execute(&write).await.unwrap();
    slow
}

#[tokio::test]
async fn a_reader_never_passes_an_open_transaction_of_postgres() {
    let world = World::open(Backend::Postgres).await;
    let first = world.post(ALEX, FIXTURE).await.created();
    world.store.settle().await.unwrap();
    let slow = begin_slow_change(&world).await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(text(&world.post(ALEX, FIXTURE).await.created(), "/id").to_owned());
    }

    let before = world.log().await;
    let cursor = before.last().unwrap().position;
    slow.batch_execute("COMMIT").await.unwrap();
    world.store.settle().await.unwrap();
    let after = world.store.list_log(everything(), cursor, 100).await.unwrap();

    let ids: Vec<String> = before.iter().skip(1).map(|it| it.change.referral_id.to_string()).collect();
    assert_eq!(ids, others, "the open transaction is not seen");
    assert_eq!(cursor, 4);
    let late: Vec<_> = after.iter().map(|it| (it.position, it.change.referral_id.to_string())).collect();
    assert_eq!(late, [(5, text(&first, "/id").to_owned())], "it comes after the cursor, not before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_servers_on_one_postgres_number_one_log() {
    let world = Arc::new(World::open(Backend::Postgres).await);
    let replica = Arc::new(world.replica().await);
    let mut calls = JoinSet::new();
    for number in 0..40 {
        let (world, replica) = (Arc::clone(&world), Arc::clone(&replica));
        calls.spawn(async move {
            match number % 2 {
                0 => world.post(ALEX, FIXTURE).await.status,
                _ => replica.post(FAY, FIXTURE).await.status,
            }
        });
    }

    let statuses = calls.join_all().await;

    assert!(statuses.iter().all(|it| *it == StatusCode::OK), "{statuses:?}");
    let positions: Vec<u64> = world.log().await.iter().map(|it| it.position).collect();
    assert_eq!(positions, (1..=40).collect::<Vec<_>>());
    assert_eq!(verify(&replica.store).await.unwrap().problems, Vec::<String>::new());
}
