//! Headers of requests and answers.

use crate::{
    check::{Verdict, is_guid},
    play::{Play, REFERRALS},
    scenario::{Scenario, must, should},
    sources::{CLIENTS, HEADERS, ODATA_PROTOCOL, RECOMMENDED, SWAGGER},
    wire::{get, post},
};

pub(in crate::scenarios) fn scenarios() -> Vec<Scenario> {
    vec![
        must("headers-request-id", "Every answer carries a request id, a GUID", HEADERS, has_id),
        must("headers-request-id-fresh", "Every answer has a request id of its own", HEADERS, has_fresh_id),
        must("headers-client-id", "client-request-id is echoed", HEADERS, echoes_client_id),
        must(
            "headers-client-id-optional",
            "A call without client-request-id is taken",
            HEADERS,
            needs_no_client_id,
        ),
        must(
            "headers-client-id-constant",
            "Two different calls with one client-request-id are two calls",
            CLIENTS,
            takes_constant,
        ),
        must("headers-correlation", "MS-CorrelationId is accepted, and echoed", HEADERS, echoes_correlation),
        must("headers-connector", "The connector's X-Caller-Id is accepted", SWAGGER, takes_caller_id),
        must(
            "headers-partner-center",
            "Headers of the Partner Center family are accepted",
            HEADERS,
            takes_family,
        ),
        should("headers-odata-version", "Answers say OData-Version: 4.0", CLIENTS, says_version),
        must(
            "headers-odata-max-version",
            "OData-MaxVersion: 4.0 is accepted",
            ODATA_PROTOCOL,
            takes_max_version,
        ),
        must("headers-etag-strong", "ETag is strong, and in quotes", HEADERS, is_strong),
        should("headers-content-length", "An answer without a body says so", RECOMMENDED, says_length),
    ]
}

async fn has_id(play: &Play) -> Verdict {
    let answer = play.send(get(format!("{REFERRALS}?$top=1"))).await;
    let id = answer.ok()?.need_header("request-id")?;
    answer.ensure(is_guid(&id.to_lowercase()), "a GUID", id).map(drop)
}

async fn has_fresh_id(play: &Play) -> Verdict {
    let (first, second) = (play.list(&[("$top", "1")]).await, play.list(&[("$top", "1")]).await);
    let (one, other) = (first.need_header("request-id")?, second.need_header("request-id")?);
    second.ensure(one != other, "another request id", other).map(drop)
}

async fn echoes_client_id(play: &Play) -> Verdict {
    let id = play.unknown_id();
    let answer = play.send(get(format!("{REFERRALS}?$top=1")).header("client-request-id", &id)).await;
    let echo = answer.ok()?.need_header("client-request-id")?;
    answer.ensure(echo == id, &format!("client-request-id: {id}"), echo).map(drop)
}

async fn needs_no_client_id(play: &Play) -> Verdict {
    play.send(post(REFERRALS, &play.private()).without_header("client-request-id")).await.success().map(drop)
}

async fn takes_constant(play: &Play) -> Verdict {
    let id = play.unknown_id();
    let mut ids = Vec::new();
    for name in ["First", "Second"] {
        let body = crate::bodies::with(play.private(), &[("/name", name.into())]);
        let answer = play.send(post(REFERRALS, &body).header("client-request-id", &id)).await;
        ids.push(answer.success()?.is("/name", name)?.string("/id")?.to_owned());
    }
    ids.dedup();
    play.read(ids.first().map_or("", String::as_str))
        .await?
        .ensure(ids.len() == 2, "two referrals", "one")
        .map(drop)
}

async fn echoes_correlation(play: &Play) -> Verdict {
    let id = play.unknown_id();
    let answer = play.send(get(format!("{REFERRALS}?$top=1")).header("ms-correlationid", &id)).await;
    let echo = answer.ok()?.need_header("ms-correlationid")?;
    answer.ensure(echo == id, &format!("MS-CorrelationId: {id}"), echo).map(drop)
}

async fn takes_caller_id(play: &Play) -> Verdict {
    let request =
        get(format!("{REFERRALS}?$top=1")).header("x-caller-id", "60858c1b-2062-40ad-b42c-996b6b5b047d");
    play.send(request).await.ok().map(drop)
}

async fn takes_family(play: &Play) -> Verdict {
    let request = get(format!("{REFERRALS}?$top=1"))
        .header("ms-contract-version", "v1")
        .header("x-locale", "en-US")
        .header("ms-partnercenter-application", "conform")
        .header("ms-partnercenter-client", "conform");
    play.send(request).await.ok().map(drop)
}

async fn says_version(play: &Play) -> Verdict {
    let answer = play.list(&[("$top", "1")]).await;
    let version = answer.ok()?.need_header("odata-version")?;
    answer.ensure(version.starts_with("4.0"), "OData-Version: 4.0", version).map(drop)
}

async fn takes_max_version(play: &Play) -> Verdict {
    let request =
        get(format!("{REFERRALS}?$top=1")).header("odata-maxversion", "4.0").header("odata-version", "4.0");
    play.send(request).await.ok().map(drop)
}

async fn is_strong(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let read = play.read(&deal.id).await?;
    let etag = read.need_header("etag")?;
    read.ensure(etag.starts_with('"') && etag.ends_with('"'), "a strong ETag in quotes", etag).map(drop)
}

async fn says_length(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let change = serde_json::json!([crate::play::replace("/campaignId", "x".into())]);
    let answer = play.send(crate::wire::patch(deal.path(), &change)).await;
    let length = answer.status(&[204])?.header("content-length").unwrap_or("0");
    answer.ensure(length == "0", "Content-Length: 0, or none", length).map(drop)
}
