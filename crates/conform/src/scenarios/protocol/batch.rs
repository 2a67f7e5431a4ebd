//! Several requests in one, where the server has that: the JSON format of OData.

use serde_json::{Value, json};

use crate::{
    check::Verdict,
    play::{Play, replace},
    scenario::{Need, Scenario, must, should},
    sources::{ODATA_BATCH, RECOMMENDED},
    wire::{Answer, post},
};

const BATCH: &str = "/v1.0/engagements/$batch";

pub(in crate::scenarios) fn scenarios() -> Vec<Scenario> {
    let scenarios = [
        must("batch-read", "A batch reads, and answers each request with its own status", ODATA_BATCH, reads),
        must("batch-write", "A batch makes and changes referrals", ODATA_BATCH, writes),
        must("batch-reference", "A request refers to what an earlier one made", ODATA_BATCH, refers),
        must(
            "batch-failure-alone",
            "A request that fails does not fail the others",
            ODATA_BATCH,
            fails_alone,
        ),
        must("batch-dependency", "A request whose dependency failed is 424", ODATA_BATCH, waits),
        must("batch-if-match", "If-Match counts inside a batch", ODATA_BATCH, checks),
        must(
            "batch-group",
            "A group of writes has an effect as a whole, or not at all",
            ODATA_BATCH,
            is_atomic,
        ),
        must("batch-envelope", "An envelope that is none is refused", ODATA_BATCH, refuses_envelope),
        should(
            "batch-no-token-inside",
            "A request of a batch does not say who calls",
            RECOMMENDED,
            has_one_caller,
        ),
    ];
    scenarios.into_iter().map(|it| it.needs(&[Need::Batch])).collect()
}

async fn batch(play: &Play, requests: Value) -> Verdict<Answer> {
    let answer = play.send(post(BATCH, &json!({"requests": requests}))).await;
    answer.ok()?.list("/responses")?;
    Ok(answer)
}

async fn reads(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let answer = batch(
        play,
        json!([{"id": "1", "method": "get", "url": format!("referrals/{}", deal.id)},
            {"id": "2", "method": "get", "url": format!("referrals/{}", play.unknown_id())}]),
    )
    .await?;
    answer.is("/responses/0/id", "1")?.is("/responses/0/status", 200)?.is("/responses/0/body/id", deal.id)?;
    answer.is("/responses/1/status", 404)?.is("/responses/1/body/error/code", "itemNotFound").map(drop)
}

async fn writes(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let change = json!([replace("/campaignId", json!("batch"))]);
    let answer = batch(
        play,
        json!([{"id": "1", "method": "post", "url": "referrals", "body": play.private()},
            {"id": "2", "method": "patch", "url": format!("referrals/{}", deal.id), "body": change}]),
    )
    .await?;
    answer.is("/responses/0/body/status", "Active")?.is("/responses/1/status", 204)?;
    play.read(&deal.id).await?.is("/campaignId", "batch").map(drop)
}

async fn refers(play: &Play) -> Verdict {
    let change = json!([replace("/campaignId", json!("batch"))]);
    let answer = batch(
        play,
        json!([{"id": "1", "method": "post", "url": "referrals", "body": play.private()},
            {"id": "2", "method": "patch", "url": "$1", "body": change, "dependsOn": ["1"]}]),
    )
    .await?;
    answer.is("/responses/1/status", 204)?;
    play.read(answer.string("/responses/0/body/id")?).await?.is("/campaignId", "batch").map(drop)
}

async fn fails_alone(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let answer = batch(
        play,
        json!([{"id": "1", "method": "post", "url": "referrals", "body": {}},
            {"id": "2", "method": "get", "url": format!("referrals/{}", deal.id)}]),
    )
    .await?;
    answer.is("/responses/0/status", 400)?.is("/responses/1/status", 200).map(drop)
}

async fn waits(play: &Play) -> Verdict {
    let answer = batch(
        play,
        json!([{"id": "1", "method": "post", "url": "referrals", "body": {}},
            {"id": "2", "method": "get", "url": "referrals?$top=1", "dependsOn": ["1"]}]),
    )
    .await?;
    answer.is("/responses/1/status", 424).map(drop)
}

async fn checks(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let change = json!([replace("/campaignId", json!("batch"))]);
    let url = format!("referrals/{}", deal.id);
    let request = |id: &str| json!({"id": id, "method": "patch", "url": url, "headers": {"if-match": deal.etag}, "body": change});
    let answer = batch(play, json!([request("1"), request("2")])).await?;
    answer.is("/responses/0/status", 204)?;
    answer.is("/responses/1/status", 412).map(drop)
}

async fn is_atomic(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let change = json!([replace("/campaignId", json!("batch"))]);
    let answer = batch(
        play,
        json!([{"id": "1", "method": "patch", "url": format!("referrals/{}", deal.id), "body": change, "atomicityGroup": "g"},
            {"id": "2", "method": "post", "url": "referrals", "body": {}, "atomicityGroup": "g"}]),
    )
    .await?;
    let status = answer.at("/responses/0/status").as_u64().unwrap_or_default();
    answer.ensure(status >= 400, "the other request of the group failed too", status.to_string())?;
    play.read(&deal.id).await?.is("/eTag", deal.etag).map(drop)
}

async fn refuses_envelope(play: &Play) -> Verdict {
    play.send(post(BATCH, &json!({"requests": [{"id": "1"}]}))).await.invalid().map(drop)
}

async fn has_one_caller(play: &Play) -> Verdict {
    let request = json!({"id": "1", "method": "get", "url": "referrals?$top=1", "headers": {"authorization": "Bearer x"}});
    play.send(post(BATCH, &json!({"requests": [request]}))).await.invalid().map(drop)
}
