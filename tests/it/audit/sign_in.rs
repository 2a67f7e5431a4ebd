//! Sign-ins and refusals in audit records: what repeats is counted, so that nobody fills the disk.

use liaison::{domain::actor::Scope, sandbox::seed, storage::AuditPlace};
use rstest::rstest;

use super::{ADA, APPLICATION, SECRET, detail, operations, records};
use crate::world::*;

async fn sign_in(world: &World, password: &str) -> Answer {
    let form = [
        ("grant_type", "password"),
        ("client_id", APPLICATION),
        ("client_secret", SECRET),
        ("resource", PARTNER),
        ("username", ALEX),
        ("password", password),
    ];
    world.post_form("/common/oauth2/token", &form).await
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn sign_ins_are_told_of_and_counted_by_the_minute(#[case] backend: Backend) {
    let world = World::open(backend).await;
    for _ in 0..3 {
        assert_eq!(sign_in(&world, seed::PASSWORD).await.status, 200);
    }
    assert_eq!(sign_in(&world, "wrong").await.status, 400);
    world.advance_secs(60);
    assert_eq!(sign_in(&world, seed::PASSWORD).await.status, 200);

    let told = records(&world, ADA).await;

    let mut first: Vec<&str> = operations(&told[..2]);
    first.sort_unstable();
    assert_eq!(first, ["issue_token", "refuse_token"]);
    assert_eq!(operations(&told[2..]), ["issue_token"]);
    let of = |operation: &str| told.iter().find(|it| it["operationType"] == operation).unwrap();
    let issued = of("issue_token");
    assert_eq!((detail(issued, "GrantType"), detail(issued, "Count")), (Some("password"), Some("3")));
    assert_eq!((text(issued, "/userPrincipalName"), text(issued, "/applicationId")), (ALEX, APPLICATION));
    let refused = of("refuse_token");
    assert_eq!((text(refused, "/operationStatus"), detail(refused, "Rule")), ("failed", Some("AADSTS50126")));
    assert!(!format!("{told:?}").contains("wrong"));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_flood_of_refusals_is_a_few_rows(#[case] backend: Backend) {
    let world = World::with(backend, |it| it.limits.rate_per_organization_per_minute = 1).await;
    for number in 0..40 {
        let forged = format!("Bearer forged.{number}.token");
        assert_eq!(world.post_authorized(&forged).await.status, 401);
        let status = world.get_path(UMA, "/v1.0/engagements/webhooks", &[]).await.status;
        assert_eq!(status, 403);
        let status = world.get_path(FAY, REFERRALS, &[]).await.status;
        assert_eq!(status, if number == 0 { 200 } else { 429 });
    }

    let told = records(&world, ADA).await;

    let [refused] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(
        (text(refused, "/operationType"), text(refused, "/userPrincipalName")),
        ("refuse_request", UMA)
    );
    assert_eq!(
        (detail(refused, "Rule"), detail(refused, "Count")),
        (Some("webhookAdminRequired"), Some("40"))
    );
    // Who is not known is no organisation's, and Fabrikam's is Fabrikam's.
    let (from, until) = (world.app.context.clock.now().plus_secs(-600), world.app.context.clock.now());
    let scope = Scope::system("test");
    let all = world.store.list_all_audit_events(scope, (from, until), AuditPlace::START, 100).await.unwrap();
    let mut counts: Vec<_> = all
        .iter()
        .map(|it| {
            let owner = it.organization_id.as_ref().map_or("", |it| it.as_str());
            (owner, it.details[0].1.as_str(), it.count)
        })
        .collect();
    counts.sort_unstable();
    let expected =
        [("", "tokenMalformed", 40), (CONTOSO, "webhookAdminRequired", 40), (FABRIKAM, "rateLimit", 39)];
    assert_eq!(counts, expected);
}
