//! Liaison's own additions: not part of the contract, and judged only where a server claims them.

use serde_json::{Value, json};

use crate::{
    bodies,
    check::Verdict,
    play::{Play, REFERRALS, replace},
    scenario::{Need, Scenario, must},
    sources::LIAISON,
    target::Who,
    wire::{get, patch, post, with_query},
};

pub(in crate::scenarios) fn scenarios() -> Vec<Scenario> {
    let scenarios = [
        must(
            "liaison-idempotency",
            "A POST that is repeated with its Idempotency-Key makes one referral",
            LIAISON,
            makes_one,
        ),
        must(
            "liaison-request-id",
            "A POST that is repeated with its MS-RequestId makes one referral",
            LIAISON,
            makes_one_by_request_id,
        ),
        must("liaison-key-reused", "A key with another body is 422", LIAISON, refuses_other_body),
        must(
            "liaison-validate-only",
            "validateOnly judges a write and stores nothing",
            LIAISON,
            only_validates,
        ),
        must(
            "liaison-details",
            "Every problem of a request is told at once, with rule and allowed values",
            LIAISON,
            tells_all,
        ),
        must(
            "liaison-report",
            "Prefer: report=changes says what was applied, ignored and normalised",
            LIAISON,
            reports,
        ),
        must("liaison-strict", "Prefer: handling=strict refuses what would be ignored", LIAISON, is_strict),
        must("liaison-conflict", "A 412 shows base, yours and theirs", LIAISON, shows_conflict),
        must("liaison-merge", "Prefer: resolution=merge merges what does not overlap", LIAISON, merges),
        must("liaison-actions", "actions says what can be done, and why not", LIAISON, explains),
        must("liaison-action", "An action moves a referral by name", LIAISON, acts),
        must("liaison-changes", "changes tells what happened to a referral", LIAISON, tells_history),
        must("liaison-feed", "The feed tells of a change after a cursor", LIAISON, feeds),
        must("liaison-delta", "A delta link answers with what changed since", LIAISON, tells_delta),
        must("liaison-query-in-body", "A query may stand in the body of POST $query", LIAISON, reads_query),
    ];
    let share = must("liaison-share", "share invites in one call", LIAISON, shares);
    let withdraw = must("liaison-withdraw", "An invitation is withdrawn by who sent it", LIAISON, withdraws);
    let both = [share, withdraw].map(|it| it.needs(&[Need::Other, Need::OtherTarget]));
    scenarios.into_iter().chain(both).map(|it| it.needs(&[Need::Liaison])).collect()
}

async fn repeated(play: &Play, header: &str) -> Verdict {
    let key = play.unknown_id();
    let request = post(REFERRALS, &play.private()).header(header, key);
    let first = play.send(request.clone()).await;
    let id = first.success()?.string("/id")?;
    let second = play.send(request).await;
    second.success()?.is("/id", id)?.need_header("idempotency-replayed").map(drop)
}

async fn makes_one(play: &Play) -> Verdict {
    repeated(play, "idempotency-key").await
}

async fn makes_one_by_request_id(play: &Play) -> Verdict {
    repeated(play, "ms-requestid").await
}

async fn refuses_other_body(play: &Play) -> Verdict {
    let key = play.unknown_id();
    play.send(post(REFERRALS, &play.private()).header("idempotency-key", &key)).await.success()?;
    let other = bodies::with(play.private(), &[("/name", json!("Another"))]);
    let answer = play.send(post(REFERRALS, &other).header("idempotency-key", &key)).await;
    answer
        .refused(&[422], &["invalidRequest"])?
        .is("/error/innerError/code", "idempotencyKeyReused")
        .map(drop)
}

async fn only_validates(play: &Play) -> Verdict {
    let answer = play.send(post(format!("{REFERRALS}?validateOnly=true"), &play.private())).await;
    let id = answer.success()?.string("/id").map(str::to_owned).unwrap_or_default();
    play.send(get(format!("{REFERRALS}/{id}"))).await.not_found().map(drop)
}

async fn tells_all(play: &Play) -> Verdict {
    let mut body = bodies::with(play.private(), &[("/type", json!("Sideways"))]);
    bodies::remove(&mut body, "/details/currency");
    let answer = play.send(post(REFERRALS, &body)).await;
    let problems = answer.invalid()?.list("/error/details")?.len();
    answer.ensure(problems == 2, "two problems", problems.to_string())?;
    answer.is("/error/details/0/allowed", json!(["Shared", "Independent"])).map(drop)
}

async fn reports(play: &Play) -> Verdict {
    let body = bodies::with(play.private(), &[("/shoeSize", json!(43)), ("/details/dealValue", json!("7"))]);
    let answer = play.send(post(REFERRALS, &body).header("prefer", "report=changes")).await;
    let report = answer.success()?.at("/@liaison.report").to_string();
    let is_so = report.contains("/shoeSize") && report.contains("textToNumber");
    answer.ensure(is_so, "/shoeSize ignored, a text made a number", report).map(drop)
}

async fn is_strict(play: &Play) -> Verdict {
    let body = bodies::with(play.private(), &[("/shoeSize", json!(43))]);
    let answer = play.send(post(REFERRALS, &body).header("prefer", "handling=strict")).await;
    answer.invalid()?.is("/error/innerError/code", "memberIgnored").map(drop)
}

fn notes(text: &str) -> Value {
    json!([replace("/details/notes", json!(text))])
}

async fn shows_conflict(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    play.patched(Who::Caller, &deal.id, &notes("hers")).await?;
    let answer = play.send(patch(deal.path(), &notes("mine")).header("if-match", &deal.etag)).await;
    answer.status(&[412])?.is("/error/conflict/members/0/pointer", "/details/notes")?;
    answer
        .is("/error/conflict/members/0/yours", "mine")?
        .is("/error/conflict/members/0/theirs", "hers")
        .map(drop)
}

async fn merges(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    play.patched(Who::Caller, &deal.id, &notes("hers")).await?;
    let mine = json!([replace("/campaignId", json!("mine"))]);
    let request =
        patch(deal.path(), &mine).header("if-match", &deal.etag).header("prefer", "resolution=merge");
    play.send(request).await.status(&[200, 204])?;
    play.read(&deal.id).await?.is("/details/notes", "hers")?.is("/campaignId", "mine").map(drop)
}

async fn explains(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let answer = play.send(get(format!("{}/actions", deal.path()))).await;
    answer.ok()?.is("/dealType", "Private").map(drop)
}

async fn acts(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    play.send(post(format!("{}/win", deal.path()), &json!({}))).await.success()?;
    play.read(&deal.id).await?.is("/substatus", "Won").map(drop)
}

async fn tells_history(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    play.patched(Who::Caller, &deal.id, &notes("Changed")).await?;
    let look = async || {
        let answer = play.send(get(format!("{}/changes", deal.path()))).await;
        answer.ok()?.is("/value/0/action", "create")?.is("/value/1/action", "revise").map(drop)
    };
    play.eventually(look).await
}

async fn feeds(play: &Play) -> Verdict {
    let path = format!("{REFERRALS}/changes");
    let latest = play.send(get(format!("{path}?since=latest"))).await;
    let cursor = latest.ok()?.string("/cursor")?.to_owned();
    let deal = play.deal().await?;
    let options = [("since", cursor.as_str()), ("engagementId", deal.engagement_id.as_str())];
    let look = async || {
        let page = play.send(get(with_query(&path, &options))).await;
        page.ok()?
            .is("/value/0/event", "referral-created")?
            .is("/value/0/referralId", deal.id.as_str())
            .map(drop)
    };
    play.eventually(look).await
}

async fn tells_delta(play: &Play) -> Verdict {
    let begin = play.send(get(format!("{REFERRALS}/delta?$deltatoken=latest"))).await;
    let link = begin.ok()?.string("/@odata.deltaLink")?.to_owned();
    let deal = play.deal().await?;
    play.eventually(async || is_told(play, &link, &deal.id).await).await
}

/// Asks that a referral is on one of the pages behind a delta link.
async fn is_told(play: &Play, link: &str, id: &str) -> Verdict {
    let mut page = play.send(get(link)).await;
    for _ in 0..20 {
        let has = page.ok()?.list("/value")?.iter().any(|it| it.get("id").is_some_and(|it| *it == *id));
        if has {
            return Ok(());
        }
        let Some(next) = page.at("/@odata.nextLink").as_str().map(str::to_owned) else { break };
        page = play.send(get(next)).await;
    }
    Err(page.fail("the new referral", "none"))
}

async fn reads_query(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let query = format!("$filter=engagementId eq '{}'", deal.engagement_id);
    let request =
        post(format!("{REFERRALS}/$query"), &Value::Null).header("content-type", "text/plain").text(query);
    play.send(request).await.ok()?.is("/value/0/id", deal.id).map(drop)
}

async fn shares(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let target = play.run().parties.other_target.clone().unwrap_or_default();
    let body = json!({"invitations": [{"target": [target]}]});
    let answer = play.send(post(format!("{}/share", deal.path()), &body)).await;
    answer.ok()?.is("/value/0/status", 200)?.is("/value/0/referral/status", "New").map(drop)
}

async fn withdraws(play: &Play) -> Verdict {
    let (_, invitation) = play.invite_other().await?;
    play.send(post(format!("{}/withdraw", invitation.path()), &json!({}))).await.success()?;
    play.read(&invitation.id).await?.is("/substatus", "Expired").map(drop)
}
