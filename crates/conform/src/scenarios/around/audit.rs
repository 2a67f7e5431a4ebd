//! Audit records of the Partner Center API: the substitute for webhooks of those who poll.

use serde_json::{Value, json};

use crate::{
    check::Verdict,
    play::{Deal, Play, replace},
    scenario::{Need, Scenario, must},
    sources::{AUDIT, AUTH},
    target::Who,
    wire::{Answer, Request, get, with_query},
};

const RECORDS: &str = "/v1/auditrecords";

pub(in crate::scenarios) fn scenarios() -> Vec<Scenario> {
    let scenarios = [
        must(
            "audit-envelope",
            "Audit records come in the envelope of the Partner Center API",
            AUDIT,
            has_envelope,
        ),
        must("audit-created", "A new referral has a record create_referral", AUDIT, tells_creation),
        must(
            "audit-updated",
            "A change has a record update_referral, with the value before and after",
            AUDIT,
            tells_change,
        ),
        must("audit-shape", "A record has the documented members", AUDIT, has_shape),
        must("audit-filter", "A filter by ResourceType referral is taken", AUDIT, filters),
        must("audit-size", "size limits a page, and the next one is told", AUDIT, pages),
        must("audit-start-date", "startDate is required", AUDIT, needs_start),
        must(
            "audit-no-token",
            "Without a token the answer is 401, in the shape of the Partner Center API",
            AUTH,
            refuses_nobody,
        ),
    ];
    scenarios.into_iter().map(|it| it.needs(&[Need::PartnerCenter])).collect()
}

async fn records(play: &Play, start: &str, more: &[(&str, &str)]) -> Verdict<Answer> {
    let mut options = vec![("startDate", start)];
    options.extend_from_slice(more);
    let answer = play.send(get(with_query(RECORDS, &options)).by(Who::PartnerCenter)).await;
    answer.ok()?.list("/items")?;
    Ok(answer)
}

/// Finds the record of an operation on a referral. It may come a little later than the answer to the operation.
async fn find(play: &Play, deal: &Deal, operation: &str) -> Verdict<(Answer, Value)> {
    play.eventually(async || look_for(play, deal, operation).await).await
}

async fn look_for(play: &Play, deal: &Deal, operation: &str) -> Verdict<(Answer, Value)> {
    let mut page = records(play, deal.made.string("/createdDateTime")?, &[]).await?;
    for _ in 0..50 {
        let is_it = |it: &&Value| {
            let is_about = it.pointer("/customizedData").is_some_and(|it| it.to_string().contains(&deal.id));
            is_about && it.pointer("/operationType").is_some_and(|it| it == operation)
        };
        if let Some(found) = page.list("/items")?.iter().find(is_it).cloned() {
            return Ok((page, found));
        }
        let Some(next) = next(&page) else { break };
        page = play.send(next).await;
    }
    Err(page.fail(format!("a record {operation} of {}", deal.id), "none"))
}

/// Returns the request for the next page: its path is told without the version in its beginning, and with the headers to
/// send.
fn next(page: &Answer) -> Option<Request> {
    let link = page.at("/links/next");
    let uri = link.get("uri")?.as_str()?;
    let path = if uri.starts_with("/auditrecords") { format!("/v1{uri}") } else { uri.to_owned() };
    let mut request = get(path).by(Who::PartnerCenter);
    for header in link.get("headers").and_then(Value::as_array).into_iter().flatten() {
        request =
            request.header(&header.get("key")?.as_str()?.to_lowercase(), header.get("value")?.as_str()?);
    }
    Some(request)
}

async fn has_envelope(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let page = records(play, deal.made.string("/createdDateTime")?, &[]).await?;
    page.is("/attributes/objectType", "Collection")?.is("/links/self/method", "GET")?;
    let count = page.list("/items")?.len();
    page.is("/totalCount", count).map(drop)
}

async fn tells_creation(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let (page, record) = find(play, &deal, "create_referral").await?;
    let new = record.get("resourceNewValue").and_then(Value::as_str).unwrap_or_default();
    let new: Value = serde_json::from_str(new).unwrap_or_default();
    let is_whole = new.get("name") == Some(deal.made.at("/name"));
    page.ensure(is_whole, "resourceNewValue is the referral, as JSON in a text", record.to_string()).map(drop)
}

async fn tells_change(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    play.patched(Who::Caller, &deal.id, &json!([replace("/campaignId", json!("audited"))])).await?;
    let (page, record) = find(play, &deal, "update_referral").await?;
    let value = |name: &str| {
        let text = record.get(name).and_then(Value::as_str).unwrap_or_default();
        serde_json::from_str::<Value>(text).unwrap_or_default().get("campaignId").cloned().unwrap_or_default()
    };
    let (before, after) = (value("resourceOldValue"), value("resourceNewValue"));
    let is_so = before.is_null() && after == "audited";
    page.ensure(is_so, "campaignId null before, audited after", format!("{before} before, {after} after"))
        .map(drop)
}

async fn has_shape(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let (page, record) = find(play, &deal, "create_referral").await?;
    let members = [
        ("/resourceType", json!("referral")),
        ("/operationStatus", json!("succeeded")),
        ("/attributes/objectType", json!("AuditRecord")),
        ("/customizedData/0/key", json!("ReferralId")),
        ("/customizedData/0/value", json!(deal.id)),
    ];
    for (pointer, expected) in members {
        let found = record.pointer(pointer).cloned().unwrap_or_default();
        page.ensure(found == expected, &format!("{pointer} is {expected}"), found.to_string())?;
    }
    for name in
        ["id", "partnerId", "operationDate", "userPrincipalName", "applicationId", "originalCorrelationId"]
    {
        let found = record.get(name).cloned().unwrap_or_default();
        page.ensure(found.is_string(), &format!("a text in {name}"), found.to_string())?;
    }
    Ok(())
}

async fn filters(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    find(play, &deal, "create_referral").await?;
    let filter = r#"{"Field":"ResourceType","Value":"referral","Operator":"equals"}"#;
    let page = records(play, deal.made.string("/createdDateTime")?, &[("filter", filter)]).await?;
    for item in page.list("/items")? {
        let found = item.get("resourceType").cloned().unwrap_or_default();
        page.ensure(found == "referral", "records of referrals", found.to_string())?;
    }
    page.ensure(!page.list("/items")?.is_empty(), "the record of a new referral", "none").map(drop)
}

async fn pages(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let second = play.deal().await?;
    find(play, &second, "create_referral").await?;
    let page = records(play, deal.made.string("/createdDateTime")?, &[("size", "1")]).await?;
    page.is("/totalCount", 1)?;
    let next = next(&page).ok_or_else(|| page.fail("links.next", "none"))?;
    let second = play.send(next).await;
    let id = second.ok()?.string("/items/0/id")?;
    let is_other = page.string("/items/0/id")? != id;
    second.ensure(is_other, "the next record", id).map(drop)
}

async fn needs_start(play: &Play) -> Verdict {
    play.send(get(RECORDS).by(Who::PartnerCenter)).await.status(&[400])?.string("/description").map(drop)
}

async fn refuses_nobody(play: &Play) -> Verdict {
    let answer = play.send(get(with_query(RECORDS, &[("startDate", "2020-01-01")])).by(Who::Nobody)).await;
    answer.status(&[401])?.string("/description").map(drop)
}
