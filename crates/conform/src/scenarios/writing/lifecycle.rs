//! Moves between states of one's own deal.

use serde_json::json;

use crate::{
    check::Verdict,
    play::{Play, REFERRALS, replace, transition},
    scenario::{Level, Scenario, Source, must, should},
    sources::{BULK, CREATE, PATCH, PORTAL, RECOMMENDED, RESOURCES},
    target::Who,
    wire::patch,
};

pub(in crate::scenarios) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = vec![
        must("lifecycle-won", "The published patch of status and substatus wins a deal", PATCH, wins),
        must(
            "lifecycle-won-in-any-order",
            "The move is judged after all operations, in whatever order they come",
            PATCH,
            wins_backwards,
        ),
        must("lifecycle-lost", "A deal is lost, with the reason", CREATE, loses),
        must("lifecycle-error", "A deal is closed as Error", BULK, closes_as_error),
        must("lifecycle-closed-time", "Closing sets closedDateTime", RESOURCES, sets_closed),
        must("lifecycle-terminal", "A closed deal does not become active again", CREATE, stays_closed),
        must("lifecycle-still-listed", "A closed deal is still read and listed", CREATE, is_listed),
        must(
            "lifecycle-not-both-at-once",
            "A word that belongs to another status is refused",
            CREATE,
            refuses_mixed,
        ),
        should("lifecycle-lost-reason", "A loss asks for a reason", BULK, needs_reason),
    ];
    let moves: [(&str, (&str, &str), Source, Level); 4] = [
        ("lifecycle-no-way-back", ("New", "Pending"), CREATE, Level::Must),
        ("lifecycle-no-decline-of-active", ("Closed", "Declined"), PORTAL, Level::Should),
        ("lifecycle-no-expiry-of-active", ("Closed", "Expired"), PORTAL, Level::Should),
        ("lifecycle-no-status-none", ("None", "None"), RECOMMENDED, Level::Should),
    ];
    scenarios.extend(moves.into_iter().map(|(name, to, source, level)| {
        let rule = format!("An active deal does not become {}/{}", to.0, to.1);
        let scenario = must(name, rule, source, async move |play: &Play| refuses(play, to).await);
        Scenario { level, ..scenario }
    }));
    scenarios
}

async fn refuses(play: &Play, (status, substatus): (&str, &str)) -> Verdict {
    let deal = play.deal().await?;
    let answer = play.send(patch(deal.path(), &transition(status, substatus))).await;
    answer.refused(&[400, 409], &["invalidRequest", "resourceModified"])?;
    play.read(&deal.id).await?.is("/status", "Active")?.is("/eTag", deal.etag).map(drop)
}

async fn wins(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let operations = json!([replace("/status", json!("Closed")), replace("/substatus", json!("Won"))]);
    let now = play.patched(Who::Caller, &deal.id, &operations).await?;
    now.is("/status", "Closed")?.is("/substatus", "Won").map(drop)
}

async fn wins_backwards(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let operations = json!([replace("/substatus", json!("Won")), replace("/status", json!("Closed"))]);
    let now = play.patched(Who::Caller, &deal.id, &operations).await?;
    now.is("/status", "Closed")?.is("/substatus", "Won").map(drop)
}

async fn loses(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let now = play.moved(Who::Caller, &deal.id, ("Closed", "Lost")).await?;
    now.is("/status", "Closed")?.is("/substatus", "Lost")?.is("/statusReason", "Test referral").map(drop)
}

async fn closes_as_error(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    play.moved(Who::Caller, &deal.id, ("Closed", "Error")).await?.is("/substatus", "Error").map(drop)
}

async fn sets_closed(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    deal.made.is_null("/closedDateTime")?;
    let now = play.moved(Who::Caller, &deal.id, ("Closed", "Won")).await?;
    now.is("/closedDateTime", now.string("/updatedDateTime")?).map(drop)
}

async fn stays_closed(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    play.moved(Who::Caller, &deal.id, ("Closed", "Lost")).await?;
    for (status, substatus) in [("Active", "Accepted"), ("New", "Pending"), ("Closed", "Won")] {
        let answer = play.send(patch(deal.path(), &transition(status, substatus))).await;
        answer.refused(&[400, 409], &["invalidRequest", "resourceModified"])?;
    }
    play.read(&deal.id).await?.is("/substatus", "Lost").map(drop)
}

async fn is_listed(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    play.moved(Who::Caller, &deal.id, ("Closed", "Won")).await?;
    let list = play.list(&[("$filter", &format!("engagementId eq '{}'", deal.engagement_id))]).await;
    list.ok()?.is("/value/0/substatus", "Won").map(drop)
}

async fn refuses_mixed(play: &Play) -> Verdict {
    for (status, substatus) in [("Active", "Won"), ("Closed", "Accepted"), ("Active", "Pending")] {
        refuses(play, (status, substatus)).await?;
    }
    Ok(())
}

async fn needs_reason(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let operations = json!([replace("/status", json!("Closed")), replace("/substatus", json!("Lost"))]);
    play.send(patch(format!("{REFERRALS}/{}", deal.id), &operations)).await.invalid().map(drop)
}
