//! The list of referrals: what is on it, in which order, how its pages hang together, and what is told of changes.

mod agreement;
mod delta;
mod pages;
mod queries;
mod viewers;

use http::StatusCode;
use serde_json::{Value, json};

use crate::{lifecycle::FABRIKAMS, world::*};

/// Asks for a page. Blanks in the query are encoded.
async fn ask(world: &World, email: &str, query: &str) -> Answer {
    world.get_path(email, &format!("{REFERRALS}?{}", encoded(query)), &[]).await
}

/// Asks for a page that must be there.
async fn list(world: &World, email: &str, query: &str) -> Value {
    let answer = ask(world, email, query).await;
    assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text());
    answer.json()
}

fn encoded(query: &str) -> String {
    query.replace(' ', "%20").replace('"', "%22")
}

/// Returns a member of each item of a page.
fn each(page: &Value, pointer: &str) -> Vec<String> {
    let items = page["value"].as_array().unwrap();
    items.iter().map(|it| it.pointer(pointer).unwrap().as_str().unwrap().to_owned()).collect()
}

fn names(page: &Value) -> Vec<String> {
    each(page, "/name")
}

/// Follows the links of a list to its end and returns all items; no page holds more than `size`.
async fn walk(world: &World, email: &str, query: &str, size: usize) -> Vec<Value> {
    let mut page = list(world, email, query).await;
    let mut items = Vec::new();
    loop {
        let value = page["value"].as_array().unwrap().clone();
        assert!(value.len() <= size);
        items.extend(value);
        let Some(next) = page["@odata.nextLink"].as_str() else { return items };
        page = follow(world, email, next).await.json();
    }
}

/// Calls a link as a client does: as it stands.
async fn follow(world: &World, email: &str, link: &str) -> Answer {
    let path = link.strip_prefix(PUBLIC_URL).unwrap_or_else(|| panic!("{link} is absolute"));
    let answer = world.get_path(email, path, &[]).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer
}

/// Makes a deal of Contoso's own.
async fn own(world: &World, name: &str, edits: &[(&str, Value)]) -> Value {
    world.advance_secs(1);
    let deal = edited(own_deal(), &[("/name", name.into())]);
    world.post(ALEX, edited(deal, edits)).await.created()
}

/// Makes a deal that Contoso offers Fabrikam; the record is Fabrikam's.
async fn offered(world: &World, name: &str, edits: &[(&str, Value)]) -> Value {
    world.advance_secs(1);
    let deal = edited(to_location(FABRIKAMS), &[("/name", name.into())]);
    world.post(ALEX, edited(deal, edits)).await.created()
}

/// Contoso's own deals in three countries and states, and one that waits for Fabrikam's answer.
async fn variety(world: &World) -> [Value; 4] {
    let address = |country: &str| ("/customerProfile/address/country", json!(country));
    let alpha = own(
        world,
        "Alpha 100%",
        &[
            address("US"),
            ("/team/0/email", json!("r2d2@contoso.com")),
            ("/details/dealValue", json!(1234.50)),
        ],
    )
    .await;
    let beta = own(world, "beta_Grün", &[address("DE"), ("/details/dealValue", json!(99.9))]).await;
    let gamma = own(world, "Gamma O'Neil", &[address("US"), ("/campaignId", json!("spring"))]).await;
    let delta = offered(world, "Delta", &[address("NL")]).await;
    [alpha, beta, gamma, delta]
}
