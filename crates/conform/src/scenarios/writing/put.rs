//! Replacing a document.

use serde_json::{Value, json};

use crate::{
    bodies,
    check::Verdict,
    play::{Deal, Play, REFERRALS, replace},
    scenario::{Scenario, must, should},
    sources::{CLIENTS, FLOW, PORTAL, RECOMMENDED, RESOURCES, SWAGGER, UPDATE},
    target::Who,
    wire::{Answer, Request, put},
};

pub(in crate::scenarios) fn scenarios() -> Vec<Scenario> {
    vec![
        must(
            "put-as-read",
            "A document is taken back as it was read, without links, with one member changed",
            UPDATE,
            takes_back,
        ),
        must("put-new-etag", "The answer has a new eTag and a later updatedDateTime", UPDATE, has_new_etag),
        must("put-body-etag", "The eTag of the body works in If-Match as it stands", UPDATE, takes_body_etag),
        must("put-stale", "With an old eTag the answer is 412, and nothing changes", UPDATE, refuses_stale),
        must("put-without-if-match", "Without If-Match a replacement is refused", UPDATE, needs_if_match),
        should("put-unquoted", "If-Match is read without its quotes", RECOMMENDED, takes_unquoted),
        must("put-any", "If-Match: * takes whatever is there", CLIENTS, takes_any),
        must("put-links", "links in the body are no error", RESOURCES, takes_links),
        must("put-subset", "Members that the sample flow leaves out are kept", FLOW, keeps_absent),
        must(
            "put-emptied",
            "The sample flow's \"\" in the place of null changes nothing and is no error",
            FLOW,
            takes_emptied,
        ),
        must("put-read-only", "Members that the server owns have no effect", FLOW, ignores_read_only),
        must("put-won", "A deal is won by replacing status and substatus", UPDATE, wins),
        must("put-closed", "A closed deal does not change any more", PORTAL, refuses_closed),
        must("put-unknown", "Replacing an unknown referral is 404", SWAGGER, knows_no_other),
        should("put-customer", "The customer's name stays as it was", PORTAL, keeps_customer),
        must(
            "put-malformed",
            "A body that is no JSON is refused, and nothing changes",
            SWAGGER,
            refuses_malformed,
        ),
        must("put-wrong-value", "An unknown word is refused, and nothing changes", SWAGGER, refuses_wrong),
    ]
}

/// Returns the document as it is read, without `links`, and what replaces it.
async fn read(play: &Play, deal: &Deal) -> Verdict<Value> {
    let mut document = play.read(&deal.id).await?.json;
    bodies::remove(&mut document, "/links");
    Ok(document)
}

fn replacement(deal: &Deal, document: &Value) -> Request {
    put(deal.path(), document).header("if-match", &deal.etag)
}

async fn replaced(play: &Play, members: &[(&str, Value)]) -> Verdict<(Deal, Answer)> {
    let deal = play.deal().await?;
    let document = bodies::with(read(play, &deal).await?, members);
    let answer = play.send(replacement(&deal, &document)).await;
    Ok((deal, answer))
}

async fn takes_back(play: &Play) -> Verdict {
    let (deal, answer) =
        replaced(play, &[("/name", json!("Renamed")), ("/details/dealValue", json!(75000))]).await?;
    answer.ok()?.is("/name", "Renamed")?.is("/details/dealValue", 75000)?.is("/id", deal.id.as_str())?;
    let now = play.read(&deal.id).await?;
    now.is("/name", "Renamed")?.is("/details/notes", deal.made.at("/details/notes").clone())?;
    now.is("/team", deal.made.at("/team").clone()).map(drop)
}

async fn has_new_etag(play: &Play) -> Verdict {
    let (deal, answer) = replaced(play, &[("/details/notes", json!("Changed"))]).await?;
    let etag = answer.ok()?.string("/eTag")?;
    answer.ensure(etag != deal.etag, "another eTag", etag)?;
    let (before, after) = (deal.made.moment("/updatedDateTime")?, answer.moment("/updatedDateTime")?);
    answer.ensure(after > before, "a later updatedDateTime", after.to_string())?;
    let read = play.read(&deal.id).await?;
    read.is("/eTag", etag).map(drop)
}

async fn takes_body_etag(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let document = bodies::with(read(play, &deal).await?, &[("/name", json!("Renamed"))]);
    let etag = document.get("eTag").and_then(Value::as_str).unwrap_or_default().to_owned();
    play.send(put(deal.path(), &document).header("if-match", etag)).await.ok().map(drop)
}

async fn refuses_stale(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let document = bodies::with(read(play, &deal).await?, &[("/details/notes", json!("Mine"))]);
    let hers = json!([replace("/details/notes", json!("Hers"))]);
    play.patched(Who::Caller, &deal.id, &hers).await?;
    let answer = play.send(replacement(&deal, &document)).await;
    answer.refused(&[412], &["preconditionFailed", "resourceModified"])?;
    play.read(&deal.id).await?.is("/details/notes", "Hers").map(drop)
}

async fn needs_if_match(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let document = bodies::with(read(play, &deal).await?, &[("/name", json!("Renamed"))]);
    let answer = play.send(put(deal.path(), &document)).await;
    answer.refused(&[400, 412], &["invalidRequest", "preconditionFailed"])?;
    play.read(&deal.id).await?.is("/name", deal.made.at("/name").clone()).map(drop)
}

async fn takes_unquoted(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let document = read(play, &deal).await?;
    let etag = deal.etag.trim_matches('"');
    play.send(put(deal.path(), &document).header("if-match", etag)).await.ok().map(drop)
}

async fn takes_any(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let document = bodies::with(read(play, &deal).await?, &[("/name", json!("Renamed"))]);
    play.send(put(deal.path(), &document).header("if-match", "*"))
        .await
        .ok()?
        .is("/name", "Renamed")
        .map(drop)
}

async fn takes_links(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let document = bodies::with(play.read(&deal.id).await?.json, &[("/name", json!("Renamed"))]);
    play.send(replacement(&deal, &document)).await.ok()?.is("/name", "Renamed").map(drop)
}

async fn keeps_absent(play: &Play) -> Verdict {
    let deal = play.deal_with(&[("/campaignId", json!("spring")), ("/salesStage", json!("20"))]).await?;
    let mut document = read(play, &deal).await?;
    for member in
        ["/campaignId", "/salesStage", "/favorite", "/trackingInfo", "/direction", "/mpnId", "/tags"]
    {
        bodies::remove(&mut document, member);
    }
    bodies::put(&mut document, "/name", json!("Renamed"));
    let answer = play.send(replacement(&deal, &document)).await;
    answer.ok()?.is("/name", "Renamed")?.is("/campaignId", "spring")?.is("/salesStage", "20").map(drop)
}

async fn takes_emptied(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let mut document = read(play, &deal).await?;
    if let Some(members) = document.as_object_mut() {
        members.values_mut().filter(|it| it.is_null()).for_each(|it| *it = json!(""));
    }
    let answer = play.send(replacement(&deal, &document)).await;
    answer.ok()?.is("/status", "Active")?.is("/details", deal.made.at("/details").clone()).map(drop)
}

async fn ignores_read_only(play: &Play) -> Verdict {
    let time = json!("2001-01-01T00:00:00Z");
    let members =
        [("/createdDateTime", time.clone()), ("/acceptedDateTime", time), ("/quality", json!("High"))];
    let (deal, answer) = replaced(play, &members).await?;
    answer.ok()?.is("/quality", "Unknown")?;
    answer.is("/createdDateTime", deal.made.at("/createdDateTime").clone())?;
    answer.is("/acceptedDateTime", deal.made.at("/acceptedDateTime").clone()).map(drop)
}

async fn wins(play: &Play) -> Verdict {
    let (_, answer) = replaced(play, &[("/status", json!("Closed")), ("/substatus", json!("Won"))]).await?;
    answer.ok()?.is("/status", "Closed")?.is("/substatus", "Won")?.moment("/closedDateTime").map(drop)
}

async fn refuses_closed(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    play.moved(Who::Caller, &deal.id, ("Closed", "Lost")).await?;
    let document = bodies::with(read(play, &deal).await?, &[("/name", json!("Renamed"))]);
    let etag = document.get("eTag").and_then(Value::as_str).unwrap_or_default().to_owned();
    let answer = play.send(put(deal.path(), &document).header("if-match", etag)).await;
    answer.refused(&[400, 409], &["invalidRequest", "resourceModified"])?;
    play.read(&deal.id).await?.is("/name", deal.made.at("/name").clone()).map(drop)
}

async fn knows_no_other(play: &Play) -> Verdict {
    let path = format!("{REFERRALS}/{}", play.unknown_id());
    play.send(put(path, &play.private()).header("if-match", "*")).await.not_found().map(drop)
}

async fn keeps_customer(play: &Play) -> Verdict {
    let (deal, answer) = replaced(play, &[("/customerProfile/name", json!("Somebody Else"))]).await?;
    answer.status(&[200, 400])?;
    play.read(&deal.id).await?.is("/customerProfile/name", "Contoso Customer Inc").map(drop)
}

async fn refuses_malformed(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    play.send(replacement(&deal, &Value::Null).text("{\"name\":")).await.invalid()?;
    play.read(&deal.id).await?.is("/eTag", deal.etag).map(drop)
}

async fn refuses_wrong(play: &Play) -> Verdict {
    let (deal, answer) = replaced(play, &[("/qualification", json!("Rumoured"))]).await?;
    answer.invalid()?;
    play.read(&deal.id).await?.is("/eTag", deal.etag).map(drop)
}
