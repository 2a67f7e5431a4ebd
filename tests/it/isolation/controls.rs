//! Walls that are broken on purpose: what judges the real ones must notice each.

use http::{HeaderMap, HeaderValue, StatusCode};
use liaison::domain::{
    organization::OrganizationId,
    referral::Referral,
    view::{self, Context, Links, VisibleReferral},
    visibility::{Facet, Relation},
};
use rstest::rstest;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Asked, Variation, ask, canary,
    canary::{EVERYTHING, facet_of, leaks},
    cast::{Caller, Cast, Deal, Stage},
    comparable, judge,
    routes::{Row, Subject, TABLE, live, uncovered},
};
use crate::world::*;

fn reading() -> &'static Row {
    TABLE.iter().find(|it| it.method == "GET" && it.subject == Subject::Record).unwrap()
}

fn asked(caller: Caller, id: Uuid) -> Asked<'static> {
    let row = reading();
    Asked { row, caller, variation: Variation::default(), path: row.path_for(id), id, engagement: id }
}

async fn read(cast: &Cast, deal: &Deal, caller: Caller) -> Answer {
    ask(cast, deal, &asked(caller, deal.id)).await
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_answer_in_the_wrong_hands_is_noticed(#[case] backend: Backend) {
    let cast = Cast::open(backend).await;
    for stage in [Stage::Waiting, Stage::Active] {
        let deal = cast.plant(stage).await;
        let standing = cast.standing(&deal).await;
        let whole = read(&cast, &deal, Caller::Inviter).await;
        for caller in Caller::ALL {
            let shown = standing.shown_to(caller);
            let is_whole = shown.as_ref().is_some_and(|it| it.len() == EVERYTHING.len());

            let found = judge(&whole, None, &asked(caller, deal.id), (&deal, &standing), shown.as_deref());

            assert_eq!(found.is_empty(), is_whole, "{caller:?} {stage:?} {found:?}");
        }
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_view_without_the_predicate_is_noticed(#[case] backend: Backend) {
    let cast = Cast::open(backend).await;
    let deal = cast.plant(Stage::Active).await;
    let standing = cast.standing(&deal).await;
    let unknown = asked(Caller::Foreign, cast.fresh_id());
    let twin = comparable(&ask(&cast, &deal, &unknown).await, &unknown);
    let stored = cast.world.stored().await.into_iter().find(|it| it.id == deal.id).unwrap();
    let links = Links { base_url: PUBLIC_URL.to_owned(), quote_engagement_id: false };
    // What the least of all relations would show to a stranger.
    let visible =
        VisibleReferral { stored, relation: Relation::Party, has_accepted: false, is_favorite: false };
    let tailspin = OrganizationId::parse(super::cast::TAILSPIN).unwrap();
    let view = view::render(&visible, &tailspin, &links, Context::Entity).unwrap();
    let answer = Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: view.body.into() };

    let known = asked(Caller::Foreign, deal.id);
    let by_twin = judge(&answer, Some(&twin), &known, (&deal, &standing), None);
    let by_canary = judge(&answer, None, &known, (&deal, &standing), None);

    assert!(!by_twin.is_empty() && !by_canary.is_empty() && by_twin.len() == by_canary.len() + 1);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_smallest_difference_is_noticed(#[case] backend: Backend) {
    let cast = Cast::open(backend).await;
    let deal = cast.plant(Stage::Active).await;
    let standing = cast.standing(&deal).await;
    let known = asked(Caller::Foreign, deal.id);
    let twin = comparable(&ask(&cast, &deal, &known).await, &known);
    let judged = |answer: &Answer| judge(answer, Some(&twin), &known, (&deal, &standing), None).len();
    let answer = || async { ask(&cast, &deal, &known).await };

    assert_eq!(judged(&answer().await), 0);
    let mut with_header = answer().await;
    with_header.headers.insert("x-found", HeaderValue::from_static("1"));
    assert_eq!(judged(&with_header), 1);
    let mut with_blank = answer().await;
    with_blank.body = [&with_blank.body[..], b" "].concat().into();
    assert_eq!(judged(&with_blank), 1);
    let mut with_status = answer().await;
    with_status.status = StatusCode::FORBIDDEN;
    assert_eq!(judged(&with_status), 1);
    // A canary in a header, in other letters, of somebody who sees the record.
    let mut with_canary = read(&cast, &deal, Caller::Party).await;
    with_canary.headers.insert("liaison-report", HeaderValue::from_static("CANARY2.DETAILS.NOTES."));
    let shown = standing.shown_to(Caller::Party).unwrap();
    assert_eq!(leaks(&with_canary, &deal.canaries, &shown).len(), 1);
    // A member that can hold no canary.
    let mut with_flag = read(&cast, &deal, Caller::Party).await;
    let text = with_flag.text().replace("\"consentToContact\":null", "\"consentToContact\":true");
    assert_ne!(text, with_flag.text());
    with_flag.body = text.into();
    let party = asked(Caller::Party, deal.id);
    assert_eq!(judge(&with_flag, None, &party, (&deal, &standing), Some(&shown)).len(), 1);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn every_canary_is_alive_and_every_member_has_a_facet(#[case] backend: Backend) {
    let cast = Cast::open(backend).await;
    let deal = cast.plant(Stage::Active).await;
    let answer = read(&cast, &deal, Caller::Inviter).await;

    let (_, current) = canary::document(2);
    for canary in &current {
        assert!(answer.text().contains(&canary.text), "{canary:?}");
    }
    let facets = |it: &Facet| current.iter().any(|canary| canary.facet == *it);
    assert!(EVERYTHING.iter().all(facets));
    // Nothing of the document is empty, so that there is nothing that could be shown unnoticed.
    let document = answer.json();
    let empty = canary::leaves(&document).into_iter().filter(|it| {
        let value = document.pointer(it).unwrap();
        value.is_null() || *value == json!([]) || *value == json!("")
    });
    assert_eq!(empty.collect::<Vec<_>>(), ["/expirationDateTime", "/closedDateTime"]);
    let blank: Value = serde_json::from_str(&Referral::blank().to_document()).unwrap();
    for pointer in canary::leaves(&canary::facts(blank)) {
        assert!(facet_of(&pointer).is_some(), "{pointer} has no facet: add it to FACETS");
    }
    assert_eq!(facet_of("/brandNew"), None);
    assert_eq!(facet_of("/details/brandNew"), None);
    assert_eq!(facet_of("/details/requirements/solutions/7/price"), Some(Facet::Value));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_route_without_a_row_is_noticed(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let mut description = world.get_anonymously("/openapi.json").await.json();
    let coming = super::COMING;

    description["paths"]["/v1.0/engagements/brandNew"] = json!({"get": {}, "parameters": []});
    let unlisted = uncovered(&live(&description), TABLE, coming);
    description["paths"].as_object_mut().unwrap().shift_remove("/v1.0/engagements/brandNew");
    let actions = "/v1.0/engagements/referrals/{id}/actions";
    description["paths"].as_object_mut().unwrap().shift_remove(actions);
    let unserved = uncovered(&live(&description), TABLE, coming);
    let arrived = uncovered(&live(&description), TABLE, &[coming, &[("GET", reading().path)]].concat());

    assert_eq!(unlisted.len(), 1, "{unlisted:?}");
    assert!(unlisted[0].starts_with("GET /v1.0/engagements/brandNew has no row"));
    assert_eq!(unserved.len(), 1, "{unserved:?}");
    assert!(unserved[0].starts_with(&format!("GET {actions} is not served")));
    assert_eq!(arrived.len(), 2, "{arrived:?}");
}
