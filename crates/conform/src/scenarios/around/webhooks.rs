//! The webhook registration of the Partner Center API, and what is delivered. These scenarios share the one registration
//! that an organisation has, so they are played one after the other, and it is put back at the end.

use serde_json::{Value, json};

use crate::{
    check::{Failure, Verdict, is_guid},
    play::{Deal, Play, replace},
    receiver::Delivery,
    scenario::{Need, Scenario, must, should},
    sources::{AUTH, EVENTS_CONNECTOR, RECOMMENDED, THROTTLING, WEBHOOK_EVENTS, WEBHOOKS},
    target::Who,
    wire::{Answer, Request, get, post, put},
};

const REGISTRATION: &str = "/webhooks/v1/registration";
const EVENTS: [&str; 5] = [
    "referral-created",
    "referral-updated",
    "related-referral-created",
    "related-referral-updated",
    "test-created",
];

pub(in crate::scenarios) fn scenarios() -> Vec<Scenario> {
    let needs = [Need::PartnerCenter, Need::Webhooks];
    registering().into_iter().chain(delivering()).chain(telling()).map(|it| it.needs(&needs)).collect()
}

/// The registration itself: W1 to W4.
fn registering() -> Vec<Scenario> {
    vec![
        must(
            "webhooks-events",
            "W1 lists the events of referrals, and test-created",
            WEBHOOK_EVENTS,
            lists_events,
        ),
        must(
            "webhooks-none",
            "W2 is 404 as long as there is no registration",
            EVENTS_CONNECTOR,
            finds_or_not,
        ),
        must(
            "webhooks-register",
            "W3 makes the registration, W4 replaces it; both answer with a SubscriberId",
            WEBHOOKS,
            registers,
        ),
        must("webhooks-read", "W2 reads the registration back", WEBHOOKS, reads_back),
        must(
            "webhooks-second-post",
            "W3 is refused when there is a registration",
            EVENTS_CONNECTOR,
            refuses_second,
        ),
        must("webhooks-camel-case", "Names are read in camel case too", WEBHOOKS, reads_camel_case),
        must("webhooks-flag-text", "The connector's flag as a text is read", EVENTS_CONNECTOR, reads_flag),
        must("webhooks-unknown-event", "An event that there is not is refused", WEBHOOKS, refuses_event),
        must("webhooks-no-url", "A registration without an address is refused", WEBHOOKS, refuses_no_url),
        must(
            "webhooks-no-token",
            "Without a token the answer is 401, in the shape of the Partner Center API",
            AUTH,
            refuses_nobody,
        ),
    ]
}

/// What is delivered, and tests of it: W5 and W6.
fn delivering() -> Vec<Scenario> {
    vec![
        must("webhooks-created", "referral-created is delivered, thin and dated", WEBHOOKS, delivers_created),
        must(
            "webhooks-resource",
            "The ResourceUri of a delivery is read with the caller's token",
            WEBHOOKS,
            leads_to_resource,
        ),
        must("webhooks-updated", "referral-updated is delivered", WEBHOOK_EVENTS, delivers_updated),
        must(
            "webhooks-signature",
            "A delivery is signed: signature, certificate and algorithm",
            WEBHOOKS,
            is_signed,
        ),
        must(
            "webhooks-certificate",
            "The certificate of a delivery can be fetched without a token",
            WEBHOOKS,
            has_certificate,
        ),
        must(
            "webhooks-ms-signature",
            "With the flag, the signature stands in x-ms-signature",
            WEBHOOKS,
            moves_signature,
        ),
        must("webhooks-test", "W5 delivers test-created, and W6 tells how it went", WEBHOOKS, tests),
        must("webhooks-test-unknown", "W6 of an unknown test is 404", WEBHOOKS, knows_no_test),
        must(
            "webhooks-test-limit",
            "W5 takes two calls a minute; the third is 429 with Retry-After",
            THROTTLING,
            limits_tests,
        ),
        must(
            "webhooks-test-needs-event",
            "W5 asks for a registration of test-created",
            WEBHOOKS,
            needs_test_event,
        ),
    ]
}

/// What is told of the other side, and what is not told.
fn telling() -> Vec<Scenario> {
    let related = [
        must(
            "webhooks-related-created",
            "related-referral-created tells of an invitation",
            WEBHOOK_EVENTS,
            delivers_related,
        ),
        must(
            "webhooks-related-updated",
            "related-referral-updated tells that the other side accepted",
            WEBHOOK_EVENTS,
            delivers_acceptance,
        ),
    ];
    let quiet = should(
        "webhooks-unsubscribed",
        "What was not subscribed to is not delivered",
        RECOMMENDED,
        keeps_quiet,
    );
    let related = related.into_iter().map(|it| it.needs(&[Need::Other, Need::OtherTarget]));
    related.chain([quiet]).collect()
}

fn as_partner_center(request: Request) -> Request {
    request.by(Who::PartnerCenter)
}

fn body(play: &Play, events: &[&str], is_ms_signature: bool) -> Value {
    let url = play.run().receiver.as_ref().map(|it| it.url.clone()).unwrap_or_default();
    json!({"WebhookUrl": url, "WebhookEvents": events, "SignatureTokenToMsSignatureHeader": is_ms_signature})
}

/// Remembers what is there, once.
async fn remember(play: &Play) -> Verdict<Answer> {
    let found = play.send(as_partner_center(get(REGISTRATION))).await;
    found.status(&[200, 404])?;
    let before = if found.status == 200 { found.json.clone() } else { Value::Null };
    play.run().registration.get_or_init(|| async { before }).await;
    Ok(found)
}

/// Makes or replaces the registration, as the connector does.
async fn register(play: &Play, events: &[&str], is_ms_signature: bool) -> Verdict<Answer> {
    let is_there = remember(play).await?.status == 200;
    let body = body(play, events, is_ms_signature);
    let request = if is_there { put(REGISTRATION, &body) } else { post(REGISTRATION, &body) };
    let answer = play.send(as_partner_center(request)).await;
    answer.ok()?;
    Ok(answer)
}

/// Puts back what was there; where nothing was, only tests are asked for.
pub(crate) async fn restore(play: &Play, before: &Value) {
    let body = match before {
        Value::Null => body(play, &["test-created"], false),
        before => before.clone(),
    };
    play.send(as_partner_center(put(REGISTRATION, &body))).await;
}

async fn delivered(play: &Play, event: &str, id: &str) -> Verdict<Delivery> {
    let receiver = play.run().receiver.as_ref();
    let receiver = receiver.ok_or_else(|| Failure::new("a receiver", "none"))?;
    let is_wanted = |it: &Delivery| it.text("EventName") == event && it.text("ResourceUri").ends_with(id);
    let found = receiver.wait(is_wanted).await;
    found.ok_or_else(|| Failure::new(format!("a delivery of {event} for {id}"), "none in 20 seconds"))
}

async fn lists_events(play: &Play) -> Verdict {
    let answer = play.send(as_partner_center(get(format!("{REGISTRATION}/events")))).await;
    let names = answer.ok()?.list("")?;
    let missing: Vec<_> = EVENTS.into_iter().filter(|it| !names.iter().any(|name| name == it)).collect();
    answer.ensure(missing.is_empty(), "every event of referrals", format!("without {missing:?}")).map(drop)
}

async fn finds_or_not(play: &Play) -> Verdict {
    let found = remember(play).await?;
    match found.status {
        200 => found.string("/WebhookUrl").map(drop),
        _ => Ok(()),
    }
}

async fn registers(play: &Play) -> Verdict {
    let first = register(play, &EVENTS, false).await?;
    let id = first.string("/SubscriberId")?;
    first.ensure(is_guid(&id.to_lowercase()), "SubscriberId is a GUID", id)?;
    register(play, &["referral-created"], false)
        .await?
        .is("/SubscriberId", id)?
        .is("/WebhookEvents", json!(["referral-created"]))
        .map(drop)
}

async fn reads_back(play: &Play) -> Verdict {
    let made = register(play, &EVENTS, false).await?;
    let found = play.send(as_partner_center(get(REGISTRATION))).await;
    found.ok()?.is("/WebhookUrl", made.at("/WebhookUrl").clone())?;
    found.list("/WebhookEvents").map(drop)
}

async fn refuses_second(play: &Play) -> Verdict {
    register(play, &EVENTS, false).await?;
    let answer = play.send(as_partner_center(post(REGISTRATION, &body(play, &EVENTS, false)))).await;
    answer.ensure((400..500).contains(&answer.status), "a refusal (4xx)", answer.status.to_string()).map(drop)
}

async fn replaced(play: &Play, body: Value) -> Verdict<Answer> {
    register(play, &EVENTS, false).await?;
    Ok(play.send(as_partner_center(put(REGISTRATION, &body))).await)
}

async fn reads_camel_case(play: &Play) -> Verdict {
    let url = body(play, &[], false).get("WebhookUrl").cloned().unwrap_or_default();
    let body = json!({"webhookUrl": url, "webhookEvents": ["referral-updated"]});
    replaced(play, body).await?.ok()?.is("/WebhookEvents", json!(["referral-updated"])).map(drop)
}

async fn reads_flag(play: &Play) -> Verdict {
    let mut body = body(play, &["referral-updated"], false);
    crate::bodies::put(&mut body, "/SignatureTokenToMsSignatureHeader", json!("true"));
    replaced(play, body).await?.ok().map(drop)
}

async fn refuses(play: &Play, body: Value) -> Verdict {
    let answer = replaced(play, body).await?;
    answer.status(&[400])?.string("/description").map(drop)
}

async fn refuses_event(play: &Play) -> Verdict {
    refuses(play, body(play, &["referral-imagined"], false)).await
}

async fn refuses_no_url(play: &Play) -> Verdict {
    refuses(play, json!({"WebhookEvents": ["referral-created"]})).await
}

async fn refuses_nobody(play: &Play) -> Verdict {
    let answer = play.send(get(REGISTRATION).by(Who::Nobody)).await;
    answer.status(&[401])?.string("/description").map(drop)
}

async fn created(play: &Play, is_ms_signature: bool) -> Verdict<(Deal, Delivery)> {
    register(play, &EVENTS, is_ms_signature).await?;
    let deal = play.deal().await?;
    let delivery = delivered(play, "referral-created", &deal.id).await?;
    Ok((deal, delivery))
}

async fn delivers_created(play: &Play) -> Verdict {
    let (deal, delivery) = created(play, false).await?;
    let date = delivery.text("ResourceChangeUtcDate");
    let is_dated = date.ends_with("+00:00") && date.parse::<jiff::Timestamp>().is_ok();
    deal.made.ensure(is_dated, "ResourceChangeUtcDate in UTC, with +00:00", date)?;
    deal.made.ensure(
        delivery.text("ResourceName") == "referral",
        "ResourceName referral",
        delivery.json.to_string(),
    )?;
    let names: Vec<&String> = delivery.json.as_object().into_iter().flatten().map(|(name, _)| name).collect();
    let documented = ["EventName", "ResourceUri", "ResourceName", "AuditUri", "ResourceChangeUtcDate"];
    let is_thin = names.len() == 5 && names.iter().all(|it| documented.contains(&it.as_str()));
    deal.made.ensure(is_thin, "the five documented members", format!("{names:?}")).map(drop)
}

async fn leads_to_resource(play: &Play) -> Verdict {
    let (deal, delivery) = created(play, false).await?;
    play.send(get(delivery.text("ResourceUri"))).await.ok()?.is("/id", deal.id).map(drop)
}

async fn delivers_updated(play: &Play) -> Verdict {
    register(play, &EVENTS, false).await?;
    let deal = play.deal().await?;
    play.patched(Who::Caller, &deal.id, &json!([replace("/campaignId", json!("x"))])).await?;
    delivered(play, "referral-updated", &deal.id).await.map(drop)
}

fn ensure_signature(deal: &Deal, signature: &str) -> Verdict {
    let base64 = signature.strip_prefix("Signature ").unwrap_or_default();
    let is_base64 =
        base64.len() >= 300 && base64.chars().all(|it| it.is_ascii_alphanumeric() || "+/=".contains(it));
    deal.made.ensure(is_base64, "Signature, and an RSA signature in base64", signature).map(drop)
}

async fn is_signed(play: &Play) -> Verdict {
    let (deal, delivery) = created(play, false).await?;
    ensure_signature(&deal, delivery.header("authorization").unwrap_or_default())?;
    let algorithm = delivery.header("x-ms-signature-algorithm").unwrap_or_default();
    deal.made.ensure(algorithm == "rsa-sha256", "X-MS-Signature-Algorithm: rsa-sha256", algorithm)?;
    let url = delivery.header("x-ms-certificate-url").unwrap_or_default();
    deal.made.ensure(url.ends_with(".cer"), "X-MS-Certificate-Url of a .cer", url).map(drop)
}

async fn has_certificate(play: &Play) -> Verdict {
    let (_, delivery) = created(play, false).await?;
    let url = delivery.header("x-ms-certificate-url").unwrap_or_default();
    let answer = play.send(get(url).by(Who::Nobody)).await;
    answer
        .ok()?
        .ensure(answer.text.len() > 200, "a certificate", format!("{} bytes", answer.text.len()))
        .map(drop)
}

async fn moves_signature(play: &Play) -> Verdict {
    let (deal, delivery) = created(play, true).await?;
    ensure_signature(&deal, delivery.header("x-ms-signature").unwrap_or_default())?;
    let other = delivery.header("authorization").unwrap_or_default();
    deal.made.ensure(other.is_empty(), "no Authorization", "one").map(drop)
}

async fn tests(play: &Play) -> Verdict {
    register(play, &EVENTS, false).await?;
    let path = format!("{REGISTRATION}/validationEvents");
    let asked = play.send(as_partner_center(post(path.as_str(), &json!({})))).await;
    let id = asked.ok()?.string("/correlationId")?;
    delivered(play, "test-created", id).await?;
    for _ in 0..50 {
        let result = play.send(as_partner_center(get(format!("{path}/{id}")))).await;
        result.ok()?.is("/correlationId", id)?;
        if result.at("/status") == "completed" {
            return result.is("/results/0/responseCode", "OK")?.is("/results/0/systemError", false).map(drop);
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Err(asked.fail("a result that is completed", "pending, five seconds after the delivery"))
}

async fn knows_no_test(play: &Play) -> Verdict {
    let path = format!("{REGISTRATION}/validationEvents/{}", play.unknown_id());
    play.send(as_partner_center(get(path))).await.status(&[404]).map(drop)
}

async fn limits_tests(play: &Play) -> Verdict {
    register(play, &EVENTS, false).await?;
    let path = format!("{REGISTRATION}/validationEvents");
    let mut answer = None;
    for _ in 0..3 {
        let asked = play.send(as_partner_center(post(path.as_str(), &json!({}))).taking_refusal()).await;
        if asked.status == 429 {
            return asked.need_header("retry-after").map(drop);
        }
        answer = Some(asked);
    }
    let found = answer.map_or(0, |it| it.status).to_string();
    Err(Failure::new("429 at the third call in a minute", found))
}

async fn needs_test_event(play: &Play) -> Verdict {
    register(play, &["referral-created"], false).await?;
    let path = format!("{REGISTRATION}/validationEvents");
    let answer = play.send(as_partner_center(post(path, &json!({}))).taking_refusal()).await;
    answer.status(&[400, 403, 404, 409, 429]).map(drop)
}

async fn keeps_quiet(play: &Play) -> Verdict {
    register(play, &["referral-updated"], false).await?;
    let deal = play.deal().await?;
    play.patched(Who::Caller, &deal.id, &json!([replace("/campaignId", json!("x"))])).await?;
    delivered(play, "referral-updated", &deal.id).await?;
    let receiver = play.run().receiver.as_ref();
    let is_created = |it: &Delivery| {
        it.text("EventName") == "referral-created" && it.text("ResourceUri").ends_with(&deal.id)
    };
    let is_told = match receiver {
        Some(receiver) => receiver.has(is_created).await,
        None => false,
    };
    deal.made.ensure(!is_told, "no referral-created", "one").map(drop)
}

async fn delivers_related(play: &Play) -> Verdict {
    register(play, &EVENTS, false).await?;
    let (_, invitation) = play.invite_other().await?;
    delivered(play, "related-referral-created", &invitation.id).await.map(drop)
}

async fn delivers_acceptance(play: &Play) -> Verdict {
    register(play, &EVENTS, false).await?;
    let (_, invitation) = play.invite_other().await?;
    play.moved(Who::Other, &invitation.id, ("Active", "Accepted")).await?;
    delivered(play, "related-referral-updated", &invitation.id).await.map(drop)
}
