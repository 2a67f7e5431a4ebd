//! Failures: their statuses, their envelope, and what they do not tell.

use serde_json::json;

use crate::{
    bodies,
    check::Verdict,
    play::{Play, REFERRALS},
    scenario::{Need, Scenario, must, should},
    sources::{AUTH, CLIENTS, ERRORS, RECOMMENDED, SWAGGER},
    target::Who,
    wire::{delete, get, post},
};

pub(in crate::scenarios) fn scenarios() -> Vec<Scenario> {
    vec![
        must("errors-no-token", "Without a token the answer is 401", AUTH, refuses_nobody),
        must("errors-garbled-token", "With a garbled token the answer is 401", AUTH, refuses_garbled),
        must(
            "errors-other-scheme",
            "With another scheme than Bearer the answer is 401",
            AUTH,
            refuses_scheme,
        ),
        must("errors-challenge", "A 401 says WWW-Authenticate: Bearer", CLIENTS, challenges),
        must("errors-write-without-token", "Nothing is written without a token", AUTH, writes_nothing),
        must("errors-wrong-audience", "A token for another API is 401", AUTH, refuses_audience)
            .needs(&[Need::PartnerCenter]),
        must(
            "errors-envelope",
            "A failure has error.code and error.message, and is JSON",
            ERRORS,
            has_envelope,
        ),
        must("errors-message-length", "A message has at most 1024 characters", ERRORS, has_short_message),
        must("errors-inner", "innerError, where it is, has a code", ERRORS, has_inner),
        should("errors-target", "A failure of validation names the member", RECOMMENDED, names_member),
        must("errors-not-found-envelope", "An unknown id has the envelope", ERRORS, wraps_not_found),
        must(
            "errors-unknown-path",
            "A path that there is not is 404, with the envelope",
            CLIENTS,
            wraps_unknown_path,
        ),
        must("errors-delete", "There is no DELETE: 405, with the envelope", SWAGGER, refuses_delete),
        should("errors-allow", "A 405 says in Allow what there is", RECOMMENDED, says_allow),
        must(
            "errors-media-type",
            "A body that does not say it is JSON is 415 (or 400)",
            CLIENTS,
            refuses_media_type,
        ),
        must("errors-too-large", "A body of two megabytes is refused, not read", ERRORS, refuses_large),
        must("errors-deep", "A body that is nested a thousand times is refused", ERRORS, refuses_deep),
        must(
            "errors-no-body-leak",
            "A failure does not repeat what was sent as a whole",
            ERRORS,
            repeats_not,
        ),
        must("errors-request-id", "A failure carries a request id", ERRORS, has_request_id),
    ]
}

async fn refuses_nobody(play: &Play) -> Verdict {
    play.send(get(REFERRALS).by(Who::Nobody)).await.status(&[401]).map(drop)
}

async fn refuses_garbled(play: &Play) -> Verdict {
    play.send(get(REFERRALS).by(Who::Garbled)).await.status(&[401]).map(drop)
}

async fn refuses_scheme(play: &Play) -> Verdict {
    let request = get(REFERRALS).by(Who::Nobody).header("authorization", "Basic YTpi");
    play.send(request).await.status(&[401]).map(drop)
}

async fn challenges(play: &Play) -> Verdict {
    let answer = play.send(get(REFERRALS).by(Who::Nobody)).await;
    let challenge = answer.status(&[401])?.need_header("www-authenticate")?;
    answer.ensure(challenge.starts_with("Bearer"), "WWW-Authenticate: Bearer", challenge).map(drop)
}

async fn writes_nothing(play: &Play) -> Verdict {
    play.send(post(REFERRALS, &play.private()).by(Who::Nobody)).await.status(&[401])?;
    let deal = play.deal().await?;
    let change = json!([crate::play::replace("/name", json!("Taken over"))]);
    play.send(crate::wire::patch(deal.path(), &change).by(Who::Nobody)).await.status(&[401])?;
    play.read(&deal.id).await?.is("/eTag", deal.etag).map(drop)
}

async fn refuses_audience(play: &Play) -> Verdict {
    play.send(get(REFERRALS).by(Who::PartnerCenter)).await.status(&[401]).map(drop)
}

async fn invalid(play: &Play) -> Verdict<crate::wire::Answer> {
    let body =
        bodies::with(play.private(), &[("/type", json!("Sideways")), ("/details/currency", json!("XQQ"))]);
    let answer = play.send(post(REFERRALS, &body)).await;
    answer.invalid()?;
    Ok(answer)
}

async fn has_envelope(play: &Play) -> Verdict {
    let answer = invalid(play).await?;
    let kind = answer.need_header("content-type")?;
    answer.ensure(kind.starts_with("application/json"), "Content-Type: application/json", kind).map(drop)
}

async fn has_short_message(play: &Play) -> Verdict {
    let word = "x".repeat(3000);
    let body = bodies::with(play.private(), &[("/type", json!(word)), ("/qualification", json!(word))]);
    let answer = play.send(post(REFERRALS, &body)).await;
    let length = answer.invalid()?.string("/error/message")?.chars().count();
    answer.ensure(length <= 1024, "at most 1024 characters", length.to_string()).map(drop)
}

async fn has_inner(play: &Play) -> Verdict {
    let answer = invalid(play).await?;
    let inner = answer.at("/error/innerError");
    let is_so = inner.is_null() || inner.get("code").is_some_and(serde_json::Value::is_string);
    answer.ensure(is_so, "innerError.code, or no innerError", inner.to_string()).map(drop)
}

async fn names_member(play: &Play) -> Verdict {
    let answer = invalid(play).await?;
    let target = answer.string("/error/target")?;
    answer.ensure(target.contains("type") || target.contains("currency"), "the member", target).map(drop)
}

async fn wraps_not_found(play: &Play) -> Verdict {
    play.send(get(format!("{REFERRALS}/{}", play.unknown_id()))).await.not_found().map(drop)
}

async fn wraps_unknown_path(play: &Play) -> Verdict {
    play.send(get("/v1.0/engagements/nothing-here")).await.not_found().map(drop)
}

async fn refuses_delete(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    play.send(delete(deal.path())).await.refused(&[405], &["invalidRequest"])?;
    play.read(&deal.id).await.map(drop)
}

async fn says_allow(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let answer = play.send(delete(deal.path())).await;
    let allowed = answer.need_header("allow")?;
    answer.ensure(allowed.contains("GET") && allowed.contains("PATCH"), "GET, PUT, PATCH", allowed).map(drop)
}

async fn refuses_media_type(play: &Play) -> Verdict {
    let request = post(REFERRALS, &play.private()).header("content-type", "text/plain");
    play.send(request).await.refused(&[415, 400], &["invalidRequest"]).map(drop)
}

async fn refuses_large(play: &Play) -> Verdict {
    let body = bodies::with(play.private(), &[("/details/notes", json!("x".repeat(2 << 20)))]);
    play.send(post(REFERRALS, &body)).await.refused(&[413, 400], &["invalidRequest"]).map(drop)
}

async fn refuses_deep(play: &Play) -> Verdict {
    let text = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    play.send(post(REFERRALS, &json!(null)).text(text)).await.invalid().map(drop)
}

async fn repeats_not(play: &Play) -> Verdict {
    let secret = play.unknown_id();
    let body =
        bodies::with(play.private(), &[("/details/notes", json!(secret)), ("/type", json!("Sideways"))]);
    let answer = play.send(post(REFERRALS, &body)).await;
    answer.invalid()?.ensure(!answer.text.contains(&secret), "nothing of the notes", "the notes").map(drop)
}

async fn has_request_id(play: &Play) -> Verdict {
    invalid(play).await?.need_header("request-id").map(drop)
}
