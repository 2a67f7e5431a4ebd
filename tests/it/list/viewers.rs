//! What is written down of who sees which referral is what reading each referral for each organisation shows.

use std::{collections::BTreeSet, sync::Arc};

use liaison::{
    domain::{
        actor::{Actor, ReferralsRole, Scope},
        organization::{LocationScope, OrganizationId},
        referral::Referral,
        view,
        visibility::{self, Facet, Sight},
        vocabulary::Vocabulary as _,
    },
    service::{expiry::expire_due, verify::verify},
    storage::Mode,
};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    lifecycle::{CONTOSOS, FABRIKAMS, NORTHWINDS},
    world::*,
};

const VIEWERS: [&str; 4] = [CONTOSO, FABRIKAM, NORTHWIND, "msft"];
const ADMINS: [&str; 4] = [ALEX, FAY, NORA, MIA];
const LOCATIONS: [&str; 4] = [CONTOSOS, FABRIKAMS, NORTHWINDS, "msft"];
const STEPS: usize = 90;

async fn open(backend: Backend) -> World {
    let world = World::open(backend).await;
    world.add_northwind().await;
    world
}

/// Returns the scope of an admin of the entire company.
fn scope(organization: &str) -> Scope {
    let actor = Actor {
        organization_id: OrganizationId::parse(organization).unwrap(),
        organization_name: String::new(),
        user_id: Uuid::nil(),
        email: String::new(),
        application_id: String::new(),
        role: ReferralsRole::Admin,
        locations: LocationScope::EntireCompany,
    };
    actor.scope()
}

/// Returns what each organisation is shown of each referral, in the form of [`written`].
async fn shown(world: &World) -> Vec<String> {
    let mut rows = Vec::new();
    for viewer in VIEWERS {
        for stored in world.stored().await {
            let found = world.store.find_referral(&scope(viewer), stored.id).await.unwrap();
            let Some(visible) = found else { continue };
            let referral = Referral::from_document(&stored.document).unwrap();
            let relation = visibility::RELATIONS.iter().position(|it| *it == visible.relation).unwrap();
            let country = match visibility::sight(Facet::Deal, visible.relation) {
                Sight::Shown => referral.customer_profile.address.country,
                Sight::Withheld => None,
                Sight::WithConsent => panic!("the country depends on consent"),
            };
            let direction = view::direction(&visible.stored, &OrganizationId::parse(viewer).unwrap());
            rows.push(format!(
                "{viewer} {} {} {relation} {} {} {} {} {} {} {} {}",
                stored.id.simple(),
                referral.created_date_time.ticks(),
                u8::from(visible.has_accepted),
                direction.as_str(),
                referral.status.as_str(),
                referral.substatus.as_str(),
                referral.kind.as_str(),
                referral.qualification.as_str(),
                country.as_deref().unwrap_or("-"),
                referral.updated_date_time.ticks(),
            ));
        }
    }
    rows.sort();
    rows
}

/// Returns what is written down.
async fn written(database: &Database) -> Vec<String> {
    let id = match database {
        Database::Sqlite(_) => "lower(hex(referral_id))",
        Database::Postgres { .. } => "replace(CAST(referral_id AS text), '-', '')",
    };
    let columns = [
        "organization_id",
        id,
        "created",
        "relation",
        "has_accepted",
        "direction",
        "status",
        "substatus",
        "type",
        "qualification",
        "COALESCE(country, '-')",
        "updated",
    ];
    let columns = columns.join(" || ' ' || ");
    database.texts(&format!("SELECT {columns} FROM referral_viewers")).await
}

/// Returns what the rows say of how many there are.
async fn counted(database: &Database) -> Vec<String> {
    let sql = "SELECT organization_id || ' ' || CAST(SUM(count) AS bigint) FROM viewer_counts \
        GROUP BY organization_id";
    database.texts(sql).await
}

fn counts_of(rows: &[String]) -> Vec<String> {
    let viewers: BTreeSet<&str> = rows.iter().map(|it| it.split(' ').next().unwrap()).collect();
    let count = |viewer: &str| rows.iter().filter(|it| it.starts_with(viewer)).count();
    viewers.iter().map(|it| format!("{it} {}", count(it))).collect()
}

/// Draws numbers that are the same in every run (splitmix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut next = self.0;
        next = (next ^ next >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        next = (next ^ next >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((next ^ next >> 31) % u64::try_from(end).unwrap()).unwrap()
    }

    fn of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}

fn admin_of(organization: &OrganizationId) -> &'static str {
    ADMINS[VIEWERS.iter().position(|it| *it == organization.as_str()).unwrap()]
}

/// Does something that an organisation might do, and says whether it was done. What is refused writes nothing.
async fn step(world: &World, draw: &mut Draw) -> bool {
    world.advance_secs(60);
    let body = |draw: &mut Draw, body: Value| {
        edited(
            body,
            &[
                ("/customerProfile/address/country", draw.of(&["US", "DE", "FR"]).into()),
                ("/consent/consentToShareReferralWithMicrosoftSellers", (draw.below(4) == 0).into()),
            ],
        )
    };
    let stored = world.stored().await;
    let what = if stored.is_empty() { 0 } else { draw.below(14) };
    let answer = match what {
        0 | 13 => {
            let own = body(draw, own_deal());
            world.post(draw.of(&ADMINS), own).await
        }
        1 | 12 => {
            let location = draw.of(&LOCATIONS);
            let invitation = body(draw, to_location(location));
            world.post(draw.of(&ADMINS), invitation).await
        }
        2..=5 => {
            let record = &stored[draw.below(stored.len())];
            let location = draw.of(&LOCATIONS);
            let invitation = body(draw, to_location(location));
            let invitation = edited(invitation, &[("/engagementId", json!(record.engagement_id))]);
            let party = if draw.below(2) == 0 { &record.organization_id } else { &record.inviter };
            world.post(admin_of(party), invitation).await
        }
        6..=10 => {
            let record = &stored[draw.below(stored.len())];
            let action = draw.of(&["open", "accept", "accept", "decline", "win", "lose", "closeAsError"]);
            let owner = admin_of(&record.organization_id);
            world.act(owner, &record.id.to_string(), action, json!({"statusReason": "Drawn"})).await
        }
        _ => {
            let record = &stored[draw.below(stored.len())];
            let shared = "/consent/consentToShareReferralWithMicrosoftSellers";
            let (path, value) = match draw.below(2) {
                0 => (shared, json!(true)),
                _ => ("/qualification", json!(draw.of(&["Direct", "MarketingQualified", "SalesQualified"]))),
            };
            let operations = json!([{"op": "replace", "path": path, "value": value}]);
            world.patch(admin_of(&record.organization_id), &record.id.to_string(), &[], operations).await
        }
    };
    assert!(!answer.status.is_server_error(), "{}", answer.text());
    answer.status.is_success()
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_is_written_of_who_sees_what_is_what_each_is_shown(#[case] backend: Backend) {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for seed in [1, 2, 3] {
        let world = open(backend).await;
        let mut draw = Draw(seed);
        let mut done = 0;
        for number in 0..STEPS {
            done += usize::from(step(&world, &mut draw).await);
            if number % 10 == 0 {
                assert_eq!(written(&world.database).await, shown(&world).await, "seed {seed} step {number}");
            }
        }
        world.advance_secs(60 * 86_400);
        let expired = expire_due(&world.app.context).await.unwrap();

        let rows = written(&world.database).await;

        assert_eq!(rows, shown(&world).await, "seed {seed}");
        assert_eq!(counted(&world.database).await, counts_of(&rows), "seed {seed}");
        assert_eq!(verify(&world.store).await.unwrap().problems, [""; 0], "seed {seed}");
        assert!(done > STEPS / 3 && expired > 0, "{done} steps were done, {expired} referrals expired");
        let kinds = rows.iter().map(|it| it.split(' ').skip(3).take(3).collect::<Vec<_>>().join(" "));
        seen.extend(kinds);
    }
    // Relation, whether the viewer has accepted, direction: all that there can be. Whoever has no record of its own
    // has accepted nothing, and Microsoft's relation is one without a record.
    let all = [
        "0 0 Incoming",
        "0 0 Outgoing",
        "0 1 Incoming",
        "0 1 Outgoing",
        "1 0 Outgoing",
        "1 1 Outgoing",
        "2 0 Outgoing",
        "2 1 Outgoing",
        "3 0 Outgoing",
        "4 0 Outgoing",
        "4 1 Outgoing",
    ];
    let seen: Vec<&str> = seen.iter().map(String::as_str).collect();
    assert_eq!(seen, all);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_migration_writes_down_what_was_there_before_it(#[case] backend: Backend) {
    let world = open(backend).await;
    let mut draw = Draw(4);
    for _ in 0..STEPS {
        step(&world, &mut draw).await;
    }
    let kept = written(&world.database).await;
    let function = match backend {
        Backend::Sqlite => "",
        Backend::Postgres => "DROP FUNCTION count_referral_viewers();",
    };
    let fourth_schema = format!(
        "DROP TABLE referral_viewers; {function} DROP TABLE viewer_counts; DROP VIEW referral_sight;
         DROP INDEX referral_team_by_email; DROP INDEX referrals_by_creator;
         DELETE FROM schema_migrations WHERE version = 5"
    );
    world.database.execute(&fourth_schema).await;
    let store = world.open_store(Mode::ReadWrite).await;

    let applied = store.migrate().await.unwrap();

    assert_eq!(applied, ["0005_viewers"]);
    assert_eq!(written(&world.database).await, kept);
    assert_eq!(counted(&world.database).await, counts_of(&kept));
    assert_eq!(verify(&store).await.unwrap().problems, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parties_that_act_at_once_on_two_servers_leave_no_gap() {
    let world = Arc::new(open(Backend::Postgres).await);
    let replica = Arc::new(world.replica().await);
    let mut calls = JoinSet::new();
    for _ in 0..12 {
        let own = world.post(ALEX, own_deal()).await.created();
        let connect =
            |location: &str| edited(to_location(location), &[("/engagementId", own["engagementId"].clone())]);
        let fabrikams = world.post(ALEX, connect(FABRIKAMS)).await.created();
        let (by_alex, by_fay) = (connect("msft").to_string(), connect(NORTHWINDS).to_string());
        let share = json!([{"op": "replace", "path": "/consent/consentToShareReferralWithMicrosoftSellers", "value": true}]);
        let (own, fabrikams) = (text(&own, "/id").to_owned(), text(&fabrikams, "/id").to_owned());
        let here = [Arc::clone(&world), Arc::clone(&world)];
        let there = [Arc::clone(&replica), Arc::clone(&replica)];
        let [one, two] = here;
        calls.spawn(async move { one.post(ALEX, by_alex).await });
        calls.spawn(async move { two.act(FAY, &fabrikams, "accept", json!({})).await });
        let [one, two] = there;
        calls.spawn(async move { one.post(FAY, by_fay).await });
        calls.spawn(async move { two.patch(ALEX, &own, &[], share).await });
    }

    let answers = calls.join_all().await;

    for answer in answers {
        assert!(answer.status.is_success(), "{}", answer.text());
    }
    assert_eq!(written(&world.database).await, shown(&world).await);
    assert_eq!(verify(&world.store).await.unwrap().problems, [""; 0]);
}

/// Adds a party to an engagement by hand, in a transaction that is open while the server adds another one, and
/// returns the gaps.
async fn gaps(takes_lock: bool) -> Vec<String> {
    let world = Arc::new(open(Backend::Postgres).await);
    let own = world.post(ALEX, own_deal()).await.created();
    let engagement = text(&own, "/engagementId").to_owned();
    let invitation = edited(to_location("msft"), &[("/engagementId", engagement.as_str().into())]);
    let other = connect(&world.database.url()).await;
    let (high, low) = Uuid::parse_str(&engagement).unwrap().as_u64_pair();
    let (high, low) = ((high >> 32) as u32 as i32, low as u32 as i32);
    let lock =
        if takes_lock { format!("SELECT pg_advisory_xact_lock({high}, {low});") } else { String::new() };
    let columns = "engagement_id, inviter, creator_id, status, substatus, type, qualification,
        is_shared_with_microsoft, created, updated, version, document";
    let by_hand = format!(
        "BEGIN; SET LOCAL session_replication_role = replica; {lock}
         INSERT INTO referrals (id, organization_id, {columns})
         SELECT gen_random_uuid(), '{NORTHWIND}', {columns} FROM referrals;
         INSERT INTO referral_viewers
         SELECT organization_id, created, referral_id, relation, has_accepted, direction, status, substatus, type,
            qualification, country, updated
         FROM referral_sight
         ON CONFLICT DO NOTHING"
    );
    other.batch_execute(&by_hand).await.unwrap();
    let server = Arc::clone(&world);
    let call = tokio::spawn(async move { server.post(ALEX, invitation).await });
    let waiting = "SELECT COUNT(*) FROM pg_locks
        WHERE locktype = 'advisory' AND NOT granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    while !call.is_finished() && other.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == 0 {}

    other.batch_execute("COMMIT").await.unwrap();

    call.await.unwrap().created();
    let problems = verify(&world.store).await.unwrap().problems;
    problems.into_iter().filter(|it| it.contains("has no row in referral_viewers")).collect()
}

#[tokio::test]
async fn a_commit_waits_for_another_one_in_its_engagement() {
    assert_eq!(gaps(true).await, [""; 0]);
}

/// The control of the test above: what it looks for does come of transactions that take no lock.
#[tokio::test]
async fn transactions_that_take_no_lock_leave_gaps() {
    assert_eq!(gaps(false).await.len(), 2);
}
