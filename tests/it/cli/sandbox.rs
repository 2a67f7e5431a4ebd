//! A sandbox that is filled: what is made is valid, whole, and the same for everybody.

use liaison::{
    domain::{referral::Referral, view::StoredReferral, vocabulary::Status},
    sandbox::deals::{Harvest, SowError, sow},
    service::verify::verify,
};
use rstest::rstest;

use super::{Place, curl};
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
async fn data_of_others_and_servers_that_are_no_sandbox_are_left_alone() {
    let place = Place::new(Backend::Sqlite).await;
    place.ok(&["org", "add", "Contoso"]);
    let other = Place::new(Backend::Sqlite).await;
    let refused = |place: &Place, args: &[&str]| {
        let output = place.run(args);
        assert!(!output.status.success(), "{args:?}");
        String::from_utf8(output.stderr).unwrap()
    };

    assert!(refused(&place, &["sandbox", "seed", "--profile", "tiny"]).contains("is not a sandbox"));
    assert!(refused(&place, &["sandbox", "clock"]).contains("no server is running"));
    assert!(refused(&place, &["sandbox", "seed"]).contains("--profile"));
    let server = other.serve(&[]);
    assert!(refused(&other, &["sandbox", "reset"]).contains("is no sandbox"));
    server.stop();
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_running_sandbox_is_driven_by_commands(#[case] backend: Backend) {
    let place = Place::new(backend).await;
    let server = place.serve(&["--sandbox"]);

    assert!(place.ok(&["sandbox", "seed", "--profile", "tiny"]).starts_with("Made 30 referrals"));
    assert!(place.ok(&["sandbox", "snapshot", "save", "filled"]).contains("30 referrals"));
    let said = place.ok(&["sandbox", "clock", "advance", "14d"]);
    assert!(said.contains("running, P14D beside"), "{said}");
    assert!(place.ok(&["sandbox", "clock", "freeze"]).contains("held"));
    assert!(place.ok(&["sandbox", "clock"]).contains("held"));
    let said = place.ok(&["sandbox", "reset"]);
    assert!(said.contains("with 0 referrals"), "{said}");
    assert!(place.ok(&["sandbox", "clock"]).contains("running, PT0S beside"));
    assert!(place.ok(&["sandbox", "snapshot", "list"]).starts_with("filled "));
    let said = place.ok(&["sandbox", "snapshot", "restore", "filled"]);
    assert!(said.contains("30 referrals"), "{said}");
    assert_eq!(place.ok(&["sandbox", "snapshot", "delete", "filled"]), "Deleted filled.\n");
    assert_eq!(place.ok(&["sandbox", "snapshot", "list"]), "");
    let output = place.run(&["sandbox", "snapshot", "restore", "filled"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("no snapshot \"filled\""));
    server.stop();
    assert!(place.ok(&["verify"]).starts_with("30 referrals"));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn commands_make_sandboxes_and_go_into_them(#[case] backend: Backend) {
    let place = Place::new(backend).await;
    let server = place.serve(&["--sandbox"]);
    let refused = |args: &[&str]| String::from_utf8(place.run(args).stderr).unwrap();

    let said = place.ok(&["sandbox", "add", "ci-1", "--profile", "tiny"]);
    assert!(
        said.starts_with(&format!("ci-1 answers at {}/sandboxes/ci-1 and has 30", server.base_url)),
        "{said}"
    );
    let said = place.ok(&["sandbox", "clock", "advance", "14d", "--in", "ci-1"]);
    assert!(said.contains("running, P14D beside"), "{said}");
    assert!(place.ok(&["sandbox", "clock"]).contains("PT0S beside"));
    assert!(
        place
            .ok(&["sandbox", "seed", "--referrals", "40", "--seed", "9", "--in", "ci-1"])
            .contains("Made 40")
    );
    let token = place.ok(&["token", "--in", "ci-1"]);
    let count = format!("{}/sandboxes/ci-1/v1.0/engagements/referrals/$count", server.base_url);
    let bearer = format!("Authorization: Bearer {}", token.trim());
    let (status, body) = curl(&[&count, "-H", &bearer]).unwrap();
    assert_eq!(status, 200, "{body}");
    place.ok(&["org", "add", "Adatum", "--in", "ci-1"]);
    assert!(place.ok(&["org", "list", "--in", "ci-1"]).contains("Adatum"));
    assert!(!place.ok(&["org", "list"]).contains("Adatum"));
    let said = place.ok(&[
        "sandbox",
        "counterpart",
        "fabrikam.example",
        "--play",
        "accept-after:2h",
        "--in",
        "ci-1",
    ]);
    assert!(said.contains("accept-after:2h"), "{said}");
    assert!(place.ok(&["sandbox", "counterpart"]).lines().all(|it| it.ends_with("(by default)")));
    assert!(refused(&["sandbox", "counterpart", "msft", "--policy", "sleep"]).contains("play: "));
    assert!(
        place.ok(&["sandbox", "counterpart", "Fabrikam", "--default", "--in", "ci-1"]).contains("silent")
    );
    let said =
        place.ok(&["sandbox", "generator", "--every", "1h", "--category", "Qualified lead", "--in", "ci-1"]);
    assert!(
        said.starts_with("Every PT1H for 7d23e5ca") && said.contains("Qualified lead; 0 were made"),
        "{said}"
    );
    assert!(place.ok(&["sandbox", "generator", "--stop", "--in", "ci-1"]).starts_with("Nothing comes in"));
    assert!(refused(&["sandbox", "generator", "--every", "soon"]).contains("every: "));

    let listed = place.ok(&["sandbox", "list", "--in", "ci-1"]);
    assert!(listed.starts_with("ci-1 ") && listed.lines().count() == 1, "{listed}");
    assert!(refused(&["token", "--in", "ci-2"]).contains("there is no sandbox \"ci-2\""));
    assert!(refused(&["serve", "--in", "ci-1"]).contains("leave out --in"));
    assert_eq!(place.ok(&["sandbox", "remove", "ci-1"]), "Removed ci-1.\n");
    assert!(place.ok(&["sandbox", "list"]).starts_with("There is no sandbox beside"));
    server.stop();
}

/// Reads the documents.
fn referrals(stored: &[StoredReferral]) -> Vec<Referral> {
    stored.iter().map(|it| Referral::from_document(&it.document).unwrap()).collect()
}
