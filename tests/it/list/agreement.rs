//! A filter means the same on the server as on what the caller reads: random predicates, answered by the list and by the
//! evaluator on the caller's own JSON.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use liaison::domain::{
    json::Node,
    query::{JsonSource, SCHEMA},
};
use odata::{eval, generators, tree::Expr};
use rstest::rstest;
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use super::{offered, own, walk};
use crate::{lifecycle::FABRIKAMS, world::*};

/// Predicates for each viewer.
const PREDICATES: u64 = 1_250;
const VIEWERS: [&str; 4] = [ALEX, FAY, NORA, MIA];

/// Deals that the viewers see as owner, inviter, invitee, party and Microsoft, with contacts that some may not see.
async fn fill(world: &World) {
    let refused = ("/consent/consentToContact", json!(false));
    let shared = ("/consent/consentToShareReferralWithMicrosoftSellers", json!(true));
    own(world, "Straße 100%", std::slice::from_ref(&shared)).await;
    own(world, "own_deal", &[("/campaignId", json!("")), ("/customerProfile/address/country", json!("DE"))])
        .await;
    offered(world, "Offer", std::slice::from_ref(&refused)).await;
    let accepted =
        offered(world, "Accepted O'ffer", &[refused.clone(), ("/details/dealValue", json!(0.5))]).await;
    world.act(FAY, text(&accepted, "/id"), "accept", json!({})).await.created();
    let declined = offered(world, "declined", std::slice::from_ref(&refused)).await;
    world.act(FAY, text(&declined, "/id"), "decline", json!({"statusReason": "No"})).await.created();
    // One engagement of three parties.
    let mine = own(world, "Three", &[shared, ("/details/dealValue", json!(99.99))]).await;
    for location in [FABRIKAMS, "0e0e0e0e-0000-4000-8000-000000000011"] {
        let edits = [("/engagementId", mine["engagementId"].clone()), ("/type", "Independent".into())];
        let record = edited(to_location(location), &edits);
        world.post(ALEX, edited(record, std::slice::from_ref(&refused))).await.created();
    }
    let patch = json!([
        {"op": "replace", "path": "/externalReferenceId", "value": "CRM-1"},
        {"op": "replace", "path": "/salesStage", "value": "40"},
        {"op": "replace", "path": "/favorite", "value": true},
    ]);
    assert!(world.patch(ALEX, text(&mine, "/id"), &[], patch).await.status.is_success());
}

/// Collects values that occur, so that predicates take some rows and leave others.
fn samples(documents: &[Value]) -> generators::Samples {
    let mut samples = BTreeMap::new();
    for document in documents {
        collect(document, "", &mut samples);
    }
    samples
}

fn collect(value: &Value, path: &str, samples: &mut generators::Samples) {
    use odata::tree::Value as Literal;

    let literal = match value {
        Value::Object(members) => {
            for (name, below) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                collect(below, &path, samples);
            }
            return;
        }
        Value::Array(items) => return items.iter().for_each(|it| collect(it, path, samples)),
        Value::Null => return,
        Value::Bool(value) => Literal::Boolean(*value),
        Value::Number(number) => {
            eval::Raw::Number(number.to_string().into()).typed(odata::schema::Type::Decimal)
        }
        Value::String(text) => Literal::String(text.clone()),
    };
    samples.entry(path.to_owned()).or_default().push(literal);
}

/// Bytes that look random and are the same in every run.
fn choices(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(120).collect()
}

/// Asks the server which ids a predicate takes. `None` when the predicate is larger than the server reads.
async fn ids_of(world: &World, email: &str, predicate: &Expr) -> Option<BTreeSet<String>> {
    let filter: String = byte_serialize(predicate.to_string().as_bytes()).collect();
    let path = format!("{REFERRALS}?$select=id&$filter={filter}");
    let answer = world.get_path(email, &path, &[]).await;
    let is_too_large = answer.status == StatusCode::URI_TOO_LONG
        || answer.status == StatusCode::BAD_REQUEST && answer.text().contains("at most");
    if is_too_large {
        return None;
    }
    assert_eq!(answer.status, StatusCode::OK, "{predicate}: {}", answer.text());
    let page = answer.json();
    let ids: BTreeSet<String> = super::each(&page, "/id").into_iter().collect();
    assert_eq!(page["@odata.count"], ids.len(), "{predicate}");
    Some(ids)
}

fn not(predicate: &Expr) -> Expr {
    Expr { node: odata::tree::Node::Not(Box::new(predicate.clone())), ty: predicate.ty }
}

#[rstest]
#[case::sqlite(Backend::Sqlite, 1)]
#[case::postgres(Backend::Postgres, 4)]
#[tokio::test]
async fn a_filter_takes_what_it_is_true_of_on_the_callers_own_json(
    #[case] backend: Backend,
    #[case] every: usize,
) {
    let world = World::sandbox(backend).await;
    world.add_northwind().await;
    fill(&world).await;
    let (mut taken, mut left, mut refused) = (0, 0, 0);

    for email in VIEWERS {
        let documents = walk(&world, email, "", 100).await;
        let seen: Vec<(String, Node)> = documents
            .iter()
            .map(|it| (text(it, "/id").to_owned(), Node::from_document(&it.to_string()).unwrap()))
            .collect();
        let samples = samples(&documents);
        for number in (0..PREDICATES).step_by(every) {
            let predicate = generators::predicate(&SCHEMA, &samples, &choices(number));
            let Some(found) = ids_of(&world, email, &predicate).await else {
                refused += 1;
                continue;
            };
            let matching = |predicate: &Expr| {
                let taken = seen.iter().filter(|(_, node)| eval::matches(predicate, &JsonSource(node)));
                taken.map(|(id, _)| id.clone()).collect::<BTreeSet<_>>()
            };

            assert_eq!(found, matching(&predicate), "{email}: {predicate}");
            taken += usize::from(!found.is_empty());
            left += usize::from(found.len() < seen.len());
            if number % 10 == 0
                && let Some(opposite) = ids_of(&world, email, &not(&predicate)).await
            {
                assert!(found.is_disjoint(&opposite), "{email}: {predicate}");
                assert_eq!(opposite, matching(&not(&predicate)), "{email}: not {predicate}");
            }
        }
    }
    let asked = VIEWERS.len() * usize::try_from(PREDICATES).unwrap() / every;
    assert!(refused * 20 < asked, "{refused} of {asked} were not asked");
    assert!(
        taken * 4 > asked && left * 4 > asked,
        "of {asked}, {taken} took something and {left} left something"
    );
}
