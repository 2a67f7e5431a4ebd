//! Reading a referral by its id.

use serde_json::Value;

use crate::{
    check::Verdict,
    play::{Play, REFERRALS},
    scenario::{Scenario, Source, must, should},
    sources::{CLIENTS, FLOW, GET, LIST, PAYLOADS, RECOMMENDED, RESOURCES, SWAGGER, WEBHOOKS},
    wire::get,
};

/// The members of a referral as real payloads have them.
const MEMBERS: [&str; 42] = [
    "id",
    "engagementId",
    "name",
    "organizationId",
    "organizationName",
    "lastModifiedVia",
    "lastRunId",
    "externalReferenceId",
    "createdDateTime",
    "updatedDateTime",
    "expirationDateTime",
    "status",
    "substatus",
    "statusReason",
    "qualification",
    "type",
    "referralSource",
    "eTag",
    "favorite",
    "campaignId",
    "salesStage",
    "quality",
    "isSpam",
    "direction",
    "mpnId",
    "referralProgram",
    "dealSensitivity",
    "createdVia",
    "tags",
    "acceptedDateTime",
    "closedDateTime",
    "callToAction",
    "registrationStatus",
    "target",
    "customerProfile",
    "consent",
    "details",
    "team",
    "inviteContext",
    "links",
    "trackingInfo",
    "registrations",
];

pub(in crate::scenarios) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = vec![
        must("read-by-id", "A referral is read by its id, and says where it is described", GET, reads),
        must("read-etag", "The header ETag is the member eTag", GET, tells_etag),
        should(
            "read-etag-form",
            "The eTag has the form of real payloads, quotes included",
            PAYLOADS,
            has_form,
        ),
        must(
            "read-etag-stable",
            "Reading changes nothing: eTag and updatedDateTime stay",
            RESOURCES,
            is_stable,
        ),
        must(
            "read-not-modified",
            "With a current eTag in If-None-Match the answer is 304",
            CLIENTS,
            is_not_modified,
        ),
        must("read-modified", "With an old eTag in If-None-Match the document comes", CLIENTS, is_modified),
        must("read-unknown", "An unknown id is 404 itemNotFound", GET, knows_no_other),
        must("read-malformed", "An id that is no GUID is 404 itemNotFound", RECOMMENDED, knows_no_word),
        must(
            "read-members",
            "Every member of the documented shape is there, with explicit nulls",
            PAYLOADS,
            has_members,
        ),
        must("read-order", "The first members stand in the order of real payloads", PAYLOADS, has_order),
        must("read-lists", "Lists are lists, also where they are empty", FLOW, has_lists),
        must("read-content-type", "The answer is JSON in UTF-8", GET, is_json),
        must("read-self-link", "links.self leads to the referral", RESOURCES, follows_self),
        must(
            "read-related-link",
            "links.relatedReferrals leads to the list of the engagement",
            RESOURCES,
            follows_related,
        ),
        must("read-with-content-type", "A GET may have a Content-Type", SWAGGER, takes_content_type),
    ];
    scenarios.extend(addresses());
    scenarios.extend(accepts());
    scenarios
}

/// Spellings of the address: name, rule, source, address. `{}` is the id.
fn addresses() -> Vec<Scenario> {
    let rows: [(&str, &str, Source, &str); 6] = [
        ("read-slash", "A slash at the end changes nothing", SWAGGER, "/v1.0/engagements/referrals/{}/"),
        (
            "read-slashes",
            "Two slashes at the end change nothing",
            SWAGGER,
            "/v1.0/engagements/referrals/{}//",
        ),
        (
            "read-key",
            "OData's key in parentheses, with quotes, is the same referral",
            CLIENTS,
            "/v1.0/engagements/referrals('{}')",
        ),
        (
            "read-misspelt",
            "The spelling of the documentation's links leads there too",
            RESOURCES,
            "/v1.0/engagments/referrals/{}",
        ),
        (
            "read-webhook-address",
            "The address in webhooks leads there too",
            WEBHOOKS,
            "/engagements/v1/referrals/{}",
        ),
        ("read-short-path", "The path of the sample's next link leads there too", LIST, "/v1.0/referrals/{}"),
    ];
    let scenario = |(name, rule, source, address): (&'static str, &str, Source, &'static str)| {
        must(name, rule, source, async move |play: &Play| {
            let deal = play.deal().await?;
            let answer = play.send(get(address.replace("{}", &deal.id))).await;
            answer.ok()?.is("/id", deal.id).map(drop)
        })
    };
    rows.into_iter().map(scenario).collect()
}

/// What clients accept: name and header.
fn accepts() -> Vec<Scenario> {
    let rows = [
        ("read-accept-any", "*/*"),
        ("read-accept-browser", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        ("read-accept-minimal", "application/json;odata.metadata=minimal"),
    ];
    let scenario = |(name, accept): (&'static str, &'static str)| {
        must(name, format!("Accept: {accept} is answered with JSON"), CLIENTS, async move |play: &Play| {
            let deal = play.deal().await?;
            play.send(get(deal.path()).header("accept", accept)).await.ok()?.is("/id", deal.id).map(drop)
        })
    };
    rows.into_iter().map(scenario).collect()
}

async fn reads(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let read = play.read(&deal.id).await?;
    read.is("/id", deal.id)?.is("/name", deal.made.at("/name").clone())?;
    let context = read.string("/@odata.context")?;
    read.ensure(context.contains("$metadata#"), "@odata.context leads into $metadata", context).map(drop)
}

async fn tells_etag(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let read = play.read(&deal.id).await?;
    let etag = read.string("/eTag")?;
    let header = read.need_header("etag")?;
    read.ensure(header == etag, &format!("ETag: {etag}"), header)?.is("/eTag", deal.etag).map(drop)
}

async fn has_form(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let groups: Vec<usize> = deal.etag.trim_matches('"').split('-').map(str::len).collect();
    let is_quoted = deal.etag.starts_with('"') && deal.etag.ends_with('"') && deal.etag.len() == 38;
    let is_so = is_quoted && groups == [8, 4, 4, 4, 12];
    deal.made.ensure(is_so, "\"xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx\"", &deal.etag).map(drop)
}

async fn is_stable(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let (first, second) = (play.read(&deal.id).await?, play.read(&deal.id).await?);
    let updated = first.string("/updatedDateTime")?;
    second.is("/eTag", first.string("/eTag")?)?.is("/updatedDateTime", updated)?;
    second.is("/eTag", deal.etag).map(drop)
}

async fn is_not_modified(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let read = play.read(&deal.id).await?;
    let etag = read.need_header("etag")?;
    play.send(get(deal.path()).header("if-none-match", etag)).await.status(&[304]).map(drop)
}

async fn is_modified(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let etag = play.read(&deal.id).await?.need_header("etag")?.to_owned();
    let notes = serde_json::json!([crate::play::replace("/details/notes", "Changed".into())]);
    play.patched(crate::target::Who::Caller, &deal.id, &notes).await?;
    play.send(get(deal.path()).header("if-none-match", etag)).await.ok().map(drop)
}

async fn knows_no_other(play: &Play) -> Verdict {
    play.send(get(format!("{REFERRALS}/{}", play.unknown_id()))).await.not_found().map(drop)
}

async fn knows_no_word(play: &Play) -> Verdict {
    play.send(get(format!("{REFERRALS}/no-such-referral"))).await.not_found().map(drop)
}

async fn has_members(play: &Play) -> Verdict {
    let read = play.read(&play.deal().await?.id).await?;
    let missing: Vec<_> = MEMBERS.into_iter().filter(|it| read.json.get(it).is_none()).collect();
    read.ensure(
        missing.is_empty(),
        "every member of the documented shape",
        format!("without {}", missing.join(", ")),
    )
    .map(drop)
}

async fn has_order(play: &Play) -> Verdict {
    let read = play.read(&play.deal().await?.id).await?;
    let names: Vec<&str> =
        read.json.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let shown: Vec<&str> = names.into_iter().filter(|it| MEMBERS.contains(it)).collect();
    let expected: Vec<&str> = MEMBERS.into_iter().filter(|it| shown.contains(it)).collect();
    read.ensure(
        shown == expected,
        "id, engagementId, name, …, in the order of real payloads",
        shown.join(", "),
    )
    .map(drop)
}

async fn has_lists(play: &Play) -> Verdict {
    let read = play.read(&play.deal().await?.id).await?;
    for pointer in [
        "/team",
        "/target",
        "/customerProfile/team",
        "/customerProfile/ids",
        "/details/requirements/solutions",
    ] {
        read.list(pointer)?;
    }
    let tags = read.at("/tags");
    read.ensure(matches!(tags, Value::Array(_) | Value::Null), "tags is a list", tags.to_string()).map(drop)
}

async fn is_json(play: &Play) -> Verdict {
    let read = play.read(&play.deal().await?.id).await?;
    let kind = read.need_header("content-type")?;
    read.ensure(kind.starts_with("application/json"), "Content-Type: application/json", kind).map(drop)
}

async fn follows_self(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let address = deal.made.string("/links/self/uri")?.to_owned();
    play.send(get(address)).await.ok()?.is("/id", deal.id).map(drop)
}

async fn follows_related(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let address = deal.made.string("/links/relatedReferrals/uri")?.to_owned();
    let list = play.send(get(address)).await;
    list.ok()?.is("/value/0/id", deal.id)?.is_null("/value/1").map(drop)
}

async fn takes_content_type(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    play.send(get(deal.path()).header("content-type", "application/json")).await.ok().map(drop)
}
