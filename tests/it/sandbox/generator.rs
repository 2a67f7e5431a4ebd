//! What comes in by itself.

use http::{Method, StatusCode};
use liaison::{
    domain::{deal::Category, referral::Referral},
    service::verify::verify,
};
use rstest::rstest;
use serde_json::json;

use super::*;

const GENERATOR: &str = "/sandbox/generator";

#[tokio::test]
async fn every_category_comes_in_at_its_time_and_the_same_on_every_database() {
    let generated = async |backend| {
        let world = World::sandbox(backend).await;
        ok(call(&world, Method::PUT, GENERATOR, json!({"every": "6 hours", "seed": 7})).await);
        let moved = advance(&world, "1 day").await;
        assert_eq!(moved["generated"], 5, "two leads, a deal of two records, and a lead: {moved}");
        assert_eq!(verify(&world.store).await.unwrap().problems, Vec::<String>::new());
        let log = world.log().await;
        assert!(log.iter().all(|it| it.change.application_id == "liaison/generator"));
        let stopped = ok(call(&world, Method::DELETE, GENERATOR, json!(null)).await);
        assert_eq!((&stopped["next"], &stopped["made"]), (&json!(null), &json!(4)));
        assert_eq!(advance(&world, "1 day").await["generated"], 0);
        world.stored().await
    };
    let stored = generated(Backend::Sqlite).await;

    let of = |it: &liaison::domain::view::StoredReferral| {
        let referral = Referral::from_document(&it.document).unwrap();
        (Category::of(&referral, &it.inviter), referral.created_date_time.to_string())
    };
    let received: Vec<_> =
        stored.iter().filter(|it| it.organization_id.as_str() == CONTOSO).map(of).collect();
    for (category, hour) in [
        (Category::MarketplaceLead, "15"),
        (Category::QualifiedLead, "21"),
        (Category::CoSellOpportunity, "03"),
    ] {
        assert!(
            received.iter().any(|(it, at)| *it == category && at[11..13] == *hour),
            "{category:?} {received:?}"
        );
    }
    let documents = |it: Vec<liaison::domain::view::StoredReferral>| {
        it.into_iter().map(|it| it.document).collect::<Vec<_>>()
    };
    assert_eq!(documents(generated(Backend::Postgres).await), documents(stored));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_generator_that_makes_no_sense_is_refused_with_every_reason(#[case] backend: Backend) {
    let world = World::sandbox(backend).await;
    for (body, problems) in [
        (json!({}), &["requiredFieldMissing /every"][..]),
        (json!({"every": "0.1 seconds"}), &["invalidValue /every"]),
        (
            json!({"every": "soon", "organizationId": 1, "seed": -1, "categories": ["Lead"], "rate": 2}),
            &[
                "invalidValue /rate",
                "invalidValue /every",
                "invalidValue /organizationId",
                "invalidValue /seed",
                "invalidValue /categories/0",
            ],
        ),
        (json!({"every": 60, "organizationId": "msft"}), &["invalidValue /organizationId"]),
    ] {
        let answer = call(&world, Method::PUT, GENERATOR, body.clone()).await;
        let problems: Vec<_> = problems.iter().map(|it| (*it).to_owned()).collect();
        assert_eq!((answer.status, answer.problems()), (StatusCode::BAD_REQUEST, problems), "{body}");
    }
    assert_eq!(ok(world.get_anonymously(GENERATOR).await)["next"], json!(null));
}
