//! A sandbox that is filled: what is made is valid, whole, and the same for everybody.

use liaison::{
    domain::{referral::Referral, view::StoredReferral, vocabulary::Status},
    sandbox::deals::{Harvest, SowError, sow},
    service::verify::verify,
};
use rstest::rstest;

use super::Place;
use crate::world::*;

const HARVEST: Harvest = Harvest { referrals: 300, seed: 7 };

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_is_sown_passes_every_check_and_has_every_kind(#[case] backend: Backend) {
    let world = World::open(backend).await;

    sow(&world.store, HARVEST, |_| ()).await.unwrap();

    let found = verify(&world.store).await.unwrap();
    assert_eq!((found.referrals, found.problems), (300, Vec::new()));
    assert!(found.changes > 400 && found.engagements < 300);
    let stored = world.stored().await;
    let own =
        stored.iter().filter(|it| it.organization_id.as_str() == CONTOSO && it.inviter == it.organization_id);
    assert!((180..=240).contains(&own.count()), "about 70 % are Contoso's own");
    assert!(stored.iter().any(|it| it.organization_id.is_msft()));
    assert!(stored.iter().any(|it| it.inviter.is_msft()));
    let documents = referrals(&stored);
    for status in [Status::New, Status::Active, Status::Closed] {
        assert!(documents.iter().any(|it| it.status == status), "{status:?}");
    }
    assert!(documents.iter().all(|it| it.created_date_time <= it.updated_date_time));
}

#[tokio::test]
async fn a_number_and_a_seed_make_the_same_referrals_on_every_database() {
    let sown = async |backend, harvest| {
        let world = World::open(backend).await;
        sow(&world.store, harvest, |_| ()).await.unwrap();
        world.stored().await.into_iter().map(|it| it.document).collect::<Vec<_>>()
    };
    let first = sown(Backend::Sqlite, HARVEST).await;

    assert_eq!(sown(Backend::Sqlite, HARVEST).await, first);
    assert_eq!(sown(Backend::Postgres, HARVEST).await, first);
    assert_ne!(sown(Backend::Sqlite, Harvest { seed: 8, ..HARVEST }).await, first);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn one_seed_is_sown_once(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let few = Harvest { referrals: 40, seed: 1 };
    sow(&world.store, few, |_| ()).await.unwrap();

    let again = sow(&world.store, few, |_| ()).await;

    assert!(matches!(again, Err(SowError::AlreadyThere)), "{again:?}");
    sow(&world.store, Harvest { seed: 2, ..few }, |_| ()).await.unwrap();
    assert_eq!(verify(&world.store).await.unwrap().referrals, 80);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_command_makes_a_sandbox_and_fills_it(#[case] backend: Backend) {
    let place = Place::new(backend).await;
    place.ok(&["migrate"]);

    let said = place.ok(&["sandbox", "seed", "--referrals", "1200", "--seed", "4"]);

    assert_eq!(said, "Made 1,200 referrals with seed 4.\n");
    assert!(place.ok(&["verify"]).starts_with("1200 referrals"));
    assert!(place.ok(&["org", "list"]).contains("Fabrikam"));
}

#[tokio::test]
async fn data_that_a_server_writes_and_data_of_others_are_not_filled() {
    let place = Place::new(Backend::Sqlite).await;
    place.ok(&["org", "add", "Contoso"]);
    let other = Place::new(Backend::Sqlite).await;
    let server = other.serve(&["--sandbox"]);
    let refused = |place: &Place| {
        let output = place.run(&["sandbox", "seed", "--referrals", "10"]);
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };

    assert!(refused(&place).contains("is not a sandbox"));
    assert!(refused(&other).contains("stop it first"));
    server.stop();
}

/// Reads the documents.
fn referrals(stored: &[StoredReferral]) -> Vec<Referral> {
    stored.iter().map(|it| Referral::from_document(&it.document).unwrap()).collect()
}
