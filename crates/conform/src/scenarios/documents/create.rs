//! Making a referral of one's own.

use serde_json::{Value, json};

use crate::{
    bodies,
    check::{Verdict, is_guid},
    play::{Play, REFERRALS},
    scenario::{Need, Scenario, Source, must, should},
    sources::{BULK, CREATE, PAYLOADS, RECOMMENDED, RESOURCES, SAMPLE_2018, SWAGGER},
    wire::{get, post},
};

pub(in crate::scenarios) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = vec![
        must(
            "create-private-sample",
            "The published private deal is taken, and starts Active/Accepted",
            CREATE,
            starts_accepted,
        ),
        must(
            "create-status",
            "A new referral is answered 200 (or 201) with the whole document",
            SWAGGER,
            answers_200,
        ),
        should(
            "create-location",
            "The answer says where the new referral is, in Location",
            RECOMMENDED,
            says_location,
        ),
        must(
            "create-ids",
            "id and engagementId are GUIDs in lower case, made by the server",
            RESOURCES,
            makes_ids,
        ),
        must(
            "create-etag",
            "The answer carries the eTag in its body and as the header ETag, the same",
            RESOURCES,
            carries_etag,
        ),
        must(
            "create-cosell-sample",
            "Posted as New/Pending, a deal of one's own is Active/Accepted",
            CREATE,
            advises_status,
        ),
        must(
            "create-new-accepted",
            "New with Accepted, as the bulk files have it, is taken for one's own deal",
            BULK,
            takes_new_accepted,
        ),
        must(
            "create-accepted-now",
            "One's own deal is accepted when it is created",
            RESOURCES,
            is_accepted_now,
        ),
        must("create-no-expiration", "One's own deal does not expire", RESOURCES, does_not_expire),
        must(
            "create-organization",
            "The record belongs to the caller's organization, with id and name",
            RESOURCES,
            is_owned,
        ),
    ];
    scenarios.extend(documents());
    scenarios.extend(echoes());
    scenarios
}

/// What the document of a new referral is like, and what is not made.
fn documents() -> Vec<Scenario> {
    vec![
        must(
            "create-own-engagement",
            "Without engagementId, every deal has an engagement of its own",
            CREATE,
            has_engagement,
        ),
        must("create-twice", "Two equal calls without a key make two referrals", CREATE, makes_two),
        must(
            "create-read-only-ignored",
            "Members that the server owns have no effect, and are no error",
            SAMPLE_2018,
            ignores_read_only,
        ),
        should(
            "create-unknown-ignored",
            "Unknown members are accepted and ignored",
            RECOMMENDED,
            ignores_unknown,
        ),
        must(
            "create-defaults",
            "favorite, quality, isSpam, dealSensitivity and registrationStatus have their neutral values",
            PAYLOADS,
            has_defaults,
        ),
        must("create-direction", "One's own deal is Outgoing", RESOURCES, is_outgoing),
        must(
            "create-times",
            "Times are UTC with up to seven digits, created and updated at once",
            RESOURCES,
            has_times,
        ),
        must(
            "create-links",
            "links leads to the referral itself and to the related ones",
            RESOURCES,
            has_links,
        ),
        must("create-reads-back", "What was answered is what is read afterwards", CREATE, reads_back),
        should("create-closed-refused", "A deal cannot be created closed", RECOMMENDED, refuses_closed),
        should(
            "create-services-needs-area",
            "partnerRole asks for solutionArea and solutionPlay",
            CREATE,
            needs_area,
        ),
        must(
            "create-services",
            "A services deal keeps partnerRole, solutionArea and solutionPlay",
            CREATE,
            keeps_role,
        ),
        must(
            "create-shared-own",
            "A Shared deal with a solution of one's own is one's own",
            CREATE,
            is_shared_own,
        )
        .needs(&[Need::Solution]),
        must("create-shared-target", "The target is kept as it was sent", CREATE, keeps_target)
            .needs(&[Need::Solution]),
    ]
}

/// What is sent is echoed: name, rule, source, pointer and value.
fn echoes() -> Vec<Scenario> {
    let rows: [(&str, &str, Source, &str, Value); 12] = [
        ("create-echo-name", "name", CREATE, "/name", json!("Contoso Test Deal")),
        (
            "create-echo-external-id",
            "externalReferenceId",
            RESOURCES,
            "/externalReferenceId",
            json!("CRM-4711"),
        ),
        (
            "create-echo-reason",
            "statusReason, even on an open deal",
            CREATE,
            "/statusReason",
            json!("Went well!"),
        ),
        (
            "create-echo-past-closing",
            "a closing date in the past",
            CREATE,
            "/details/closingDateTime",
            json!("2018-11-14T00:00:00Z"),
        ),
        ("create-echo-value", "a deal value with decimals", RESOURCES, "/details/dealValue", json!(1234.5)),
        ("create-echo-campaign", "campaignId", SWAGGER, "/campaignId", json!("spring")),
        ("create-echo-stage-percent", "a sales stage in percent", PAYLOADS, "/salesStage", json!("60")),
        ("create-echo-stage-name", "a sales stage by name", SWAGGER, "/salesStage", json!("Propose")),
        (
            "create-echo-industries",
            "industries with commas and ampersands",
            RESOURCES,
            "/details/requirements/industries",
            json!([{"id": "Agriculture, Forestry, & Fishing"}]),
        ),
        (
            "create-echo-products",
            "products",
            RESOURCES,
            "/details/requirements/products",
            json!([{"id": "DynamicsAX,GP,NAV,SL"}]),
        ),
        (
            "create-echo-duns",
            "customer ids",
            PAYLOADS,
            "/customerProfile/ids",
            json!([{"profileType": "Duns", "id": "81466849"}]),
        ),
        (
            "create-echo-script",
            "texts in any script, to the letter",
            RECOMMENDED,
            "/customerProfile/name",
            json!("株式会社 Größe “Ω” 🙂"),
        ),
    ];
    let echo = |(name, what, source, pointer, value): (&'static str, &str, Source, &'static str, Value)| {
        must(name, format!("The answer echoes {what}"), source, async move |play: &Play| {
            let deal = play.deal_with(&[(pointer, value.clone())]).await?;
            deal.made.is(pointer, value.clone())?;
            play.read(&deal.id).await?.is(pointer, value.clone()).map(drop)
        })
    };
    rows.into_iter().map(echo).collect()
}

async fn starts_accepted(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    deal.made.is("/status", "Active")?.is("/substatus", "Accepted")?.is("/type", "Independent")?;
    deal.made.is("/target", json!([]))?.is("/details/dealValue", 50000)?.is("/details/currency", "USD")?;
    deal.made.is("/details/requirements/solutions/0/solutionType", "3P")?;
    deal.made.is("/details/requirements/solutions/0/type", "Name")?;
    let attribute = "/details/requirements/additionalRequirements/attributes/0/id";
    deal.made.is(attribute, "HaveNotDecided").map(drop)
}

async fn answers_200(play: &Play) -> Verdict {
    let answer = play.send(post(REFERRALS, &play.private())).await;
    answer.status(&[200, 201])?.string("/id").map(drop)
}

async fn says_location(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let location = deal.made.need_header("location")?.to_owned();
    play.send(get(location)).await.ok()?.is("/id", deal.id).map(drop)
}

async fn makes_ids(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    deal.made.ensure(is_guid(&deal.id), "id is a GUID in lower case", &deal.id)?;
    deal.made.ensure(
        is_guid(&deal.engagement_id),
        "engagementId is a GUID in lower case",
        &deal.engagement_id,
    )?;
    deal.made.ensure(deal.id != deal.engagement_id, "two different ids", &deal.id).map(drop)
}

async fn carries_etag(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let header = deal.made.need_header("etag")?;
    deal.made.ensure(header == deal.etag, "the header ETag is the member eTag", header).map(drop)
}

async fn advises_status(play: &Play) -> Verdict {
    let answer = play.create(&bodies::cosell(play.tag())).await?;
    answer.is("/status", "Active")?.is("/substatus", "Accepted")?.is("/type", "Shared")?;
    answer.is("/statusReason", "Customer engagement was a success!")?.is_null("/expirationDateTime")?;
    answer.is("/details/requirements/solutions/0/id", "Dynamics365forFieldService").map(drop)
}

async fn takes_new_accepted(play: &Play) -> Verdict {
    let deal = play.deal_with(&[("/status", json!("New")), ("/substatus", json!("Accepted"))]).await?;
    deal.made.is("/status", "Active")?.is("/substatus", "Accepted").map(drop)
}

async fn is_accepted_now(play: &Play) -> Verdict {
    let made = play.deal().await?.made;
    made.is("/acceptedDateTime", made.string("/createdDateTime")?).map(drop)
}

async fn does_not_expire(play: &Play) -> Verdict {
    play.deal().await?.made.is_null("/expirationDateTime")?.is_null("/closedDateTime").map(drop)
}

async fn is_owned(play: &Play) -> Verdict {
    let (first, second) = (play.deal().await?.made, play.deal().await?.made);
    let owner = first.string("/organizationId")?;
    first.ensure(is_guid(owner), "organizationId is a GUID", owner)?;
    first.ensure(!first.string("/organizationName")?.is_empty(), "a name of the organization", "none")?;
    second.is("/organizationId", owner).map(drop)
}

async fn has_engagement(play: &Play) -> Verdict {
    let (first, second) = (play.deal().await?, play.deal().await?);
    let is_new = first.engagement_id != second.engagement_id;
    second.made.ensure(is_new, "another engagementId", &second.engagement_id).map(drop)
}

async fn makes_two(play: &Play) -> Verdict {
    let (first, second) = (play.deal().await?, play.deal().await?);
    second.made.ensure(first.id != second.id, "another id", &second.id).map(drop)
}

async fn ignores_read_only(play: &Play) -> Verdict {
    let id = play.unknown_id();
    let time = json!("2001-01-01T00:00:00Z");
    let deal = play
        .deal_with(&[
            ("/id", json!(id)),
            ("/createdDateTime", time.clone()),
            ("/expirationDateTime", time.clone()),
            ("/eTag", json!("\"x\"")),
            ("/links", json!({})),
            ("/quality", json!("High")),
        ])
        .await?;
    deal.made.ensure(deal.id != id, "an id that the server made", &deal.id)?;
    let created = deal.made.string("/createdDateTime")?;
    deal.made.ensure(created > "2002", "the server's createdDateTime", created)?;
    deal.made.is_null("/expirationDateTime")?.is("/quality", "Unknown").map(drop)
}

async fn ignores_unknown(play: &Play) -> Verdict {
    let deal = play.deal_with(&[("/shoeSize", json!(43)), ("/details/colour", json!("blue"))]).await?;
    deal.made.is_null("/shoeSize")?.is_null("/details/colour").map(drop)
}

async fn has_defaults(play: &Play) -> Verdict {
    let made = play.deal().await?.made;
    made.is("/favorite", false)?.is("/isSpam", false)?.is("/quality", "Unknown")?;
    made.is("/dealSensitivity", "None")?.is("/registrationStatus", "None").map(drop)
}

async fn is_outgoing(play: &Play) -> Verdict {
    play.deal().await?.made.is("/direction", "Outgoing").map(drop)
}

async fn has_times(play: &Play) -> Verdict {
    let made = play.deal().await?.made;
    let (created, updated) = (made.moment("/createdDateTime")?, made.moment("/updatedDateTime")?);
    made.ensure(created == updated, "updatedDateTime is createdDateTime", updated.to_string()).map(drop)
}

async fn has_links(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    deal.made.is("/links/self/method", "GET")?.is("/links/relatedReferrals/method", "GET")?;
    let own = deal.made.string("/links/self/uri")?;
    deal.made.ensure(
        own.starts_with("http") && own.contains(&deal.id),
        "a whole address with the id",
        own,
    )?;
    let related = deal.made.string("/links/relatedReferrals/uri")?;
    let is_related = related.contains(&deal.engagement_id);
    deal.made.ensure(is_related, "an address with the engagementId", related).map(drop)
}

async fn reads_back(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let mut read = play.read(&deal.id).await?;
    let mut made = deal.made.json.clone();
    for document in [&mut read.json, &mut made] {
        bodies::remove(document, "/@odata.context");
    }
    for (name, value) in made.as_object().into_iter().flatten() {
        read.is(&format!("/{name}"), value.clone())?;
    }
    Ok(())
}

async fn refuses_closed(play: &Play) -> Verdict {
    let body = bodies::with(play.private(), &[("/status", json!("Closed")), ("/substatus", json!("Won"))]);
    play.send(post(REFERRALS, &body)).await.invalid().map(drop)
}

async fn needs_area(play: &Play) -> Verdict {
    let body = bodies::with(play.private(), &[("/partnerRole", json!("Managed services"))]);
    play.send(post(REFERRALS, &body)).await.invalid().map(drop)
}

async fn keeps_role(play: &Play) -> Verdict {
    let members = [
        ("/partnerRole", json!("Managed services")),
        ("/solutionArea", json!("AI Business Solutions")),
        ("/solutionPlay", json!("Data Security")),
    ];
    let made = play.deal_with(&members).await?.made;
    made.is("/solutionArea", "AI Business Solutions")?.is("/solutionPlay", "Data Security")?;
    made.string("/partnerRole").map(drop)
}

fn own_target(play: &Play) -> Value {
    json!([{"type": "SolutionProfile", "id": play.run().parties.solution.clone().unwrap_or_default()}])
}

async fn is_shared_own(play: &Play) -> Verdict {
    let body = bodies::with(bodies::cosell(play.tag()), &[("/target", own_target(play))]);
    let (own, answer) = (play.deal().await?.made, play.create(&body).await?);
    answer.is("/status", "Active")?.is("/type", "Shared")?;
    answer.is("/organizationId", own.string("/organizationId")?).map(drop)
}

async fn keeps_target(play: &Play) -> Verdict {
    let body = bodies::with(bodies::cosell(play.tag()), &[("/target", own_target(play))]);
    play.create(&body).await?.is("/target", own_target(play)).map(drop)
}
