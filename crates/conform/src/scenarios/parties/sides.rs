//! The sides of a deal: what the second organisation may see and do, and what it may not.

use serde_json::json;

use crate::{
    bodies,
    check::Verdict,
    play::{Deal, Play, REFERRALS, replace, transition},
    scenario::{Need, Scenario, must, should},
    sources::{CREATE, GET, LIST, PORTAL, RECOMMENDED, RESOURCES},
    target::Who,
    wire::{Answer, get, patch, post, put, with_query},
};

pub(in crate::scenarios) fn scenarios() -> Vec<Scenario> {
    let both = invitations().into_iter().chain(answers());
    let both = both.map(|it| it.needs(&[Need::Other, Need::OtherTarget]));
    both.chain(walls().into_iter().map(|it| it.needs(&[Need::Other]))).collect()
}

/// How an invitation is made, and what each side reads.
fn invitations() -> Vec<Scenario> {
    vec![
        must(
            "sides-invitation",
            "A referral for another organization starts New/Pending, and is theirs",
            CREATE,
            starts_pending,
        ),
        must(
            "sides-expiration",
            "An invitation expires fourteen days later, at midnight UTC",
            PORTAL,
            expires,
        ),
        must(
            "sides-one-engagement",
            "An invitation has the engagement of the deal, and an id of its own",
            CREATE,
            shares_engagement,
        ),
        must(
            "sides-direction",
            "An invitation is Incoming for who gets it, Outgoing for who sends it",
            RESOURCES,
            has_direction,
        ),
        must("sides-invitee-reads", "Who is invited reads the invitation", PORTAL, is_read),
        must("sides-help", "Who is invited reads what help is wanted", CREATE, tells_help),
        must("sides-inviter", "invitedBy names the organization that invites", RESOURCES, names_inviter),
        must("sides-related", "The link to related referrals lists both records", LIST, lists_both),
    ]
}

/// How an invitation is answered, and what follows from it.
fn answers() -> Vec<Scenario> {
    vec![
        must(
            "sides-accept",
            "Who is invited accepts: acceptedDateTime is set, the deadline goes",
            PORTAL,
            accepts,
        ),
        must(
            "sides-accept-with-values",
            "Values change in the step that accepts",
            PORTAL,
            accepts_with_values,
        ),
        must(
            "sides-decline",
            "Who is invited declines, with a reason that the inviter reads",
            PORTAL,
            declines,
        ),
        must(
            "sides-received",
            "An invitation can be marked as Received before it is answered",
            CREATE,
            is_received,
        ),
        must(
            "sides-inviter-cannot-accept",
            "Who invites cannot accept for who is invited",
            PORTAL,
            inviter_cannot,
        ),
        must(
            "sides-inviter-cannot-edit",
            "Who invites cannot change the invitation any more",
            PORTAL,
            inviter_edits_not,
        ),
        should(
            "sides-not-won-at-once",
            "An invitation is not won before it is accepted",
            RECOMMENDED,
            is_not_won,
        ),
        must("sides-own-states", "Closing one record leaves the other as it is", PORTAL, has_own_state),
        should(
            "sides-becomes-shared",
            "A deal becomes Shared when somebody is invited into it",
            RECOMMENDED,
            becomes_shared,
        ),
        should(
            "sides-invited-once",
            "One organization has one record in an engagement",
            RECOMMENDED,
            is_invited_once,
        ),
        should(
            "sides-customer-frozen",
            "Once shared, the customer's contacts do not change",
            PORTAL,
            freezes_contacts,
        ),
    ]
}

/// What the other side neither sees nor does.
fn walls() -> Vec<Scenario> {
    vec![
        must(
            "sides-private-unseen",
            "Somebody else's private deal is the same 404 as an unknown id",
            GET,
            is_unseen,
        ),
        must(
            "sides-private-unpatched",
            "Somebody else's private deal cannot be patched: 404",
            PORTAL,
            is_unpatched,
        ),
        must(
            "sides-private-unreplaced",
            "Somebody else's private deal cannot be replaced: 404",
            PORTAL,
            is_unreplaced,
        ),
        must("sides-private-unlisted", "Somebody else's private deal is in no list", LIST, is_unlisted),
        must(
            "sides-foreign-engagement",
            "Nobody joins an engagement that it has no part in",
            RECOMMENDED,
            joins_not,
        ),
    ]
}

async fn starts_pending(play: &Play) -> Verdict {
    let (own, invitation) = play.invite_other().await?;
    invitation.made.is("/status", "New")?.is("/substatus", "Pending")?.is_null("/acceptedDateTime")?;
    let owner = invitation.made.string("/organizationId")?;
    let is_theirs = own.made.string("/organizationId")? != owner;
    invitation.made.ensure(is_theirs, "the organizationId of who is invited", owner).map(drop)
}

async fn expires(play: &Play) -> Verdict {
    let (_, invitation) = play.invite_other().await?;
    ensure_deadline(&invitation.made)
}

/// Asks for a deadline fourteen days after the day of creation, at midnight UTC.
pub(super) fn ensure_deadline(answer: &Answer) -> Verdict {
    let created = answer.moment("/createdDateTime")?.to_zoned(jiff::tz::TimeZone::UTC).date();
    let days = jiff::Span::new().days(14);
    let expected = created.checked_add(days).map(|it| format!("{it}T00:00:00Z")).unwrap_or_default();
    answer.is("/expirationDateTime", expected).map(drop)
}

async fn shares_engagement(play: &Play) -> Verdict {
    let (own, invitation) = play.invite_other().await?;
    invitation.made.is("/engagementId", own.engagement_id)?;
    invitation.made.ensure(own.id != invitation.id, "an id of its own", &invitation.id).map(drop)
}

async fn has_direction(play: &Play) -> Verdict {
    let (_, invitation) = play.invite_other().await?;
    invitation.made.is("/direction", "Outgoing")?;
    play.read_by(Who::Other, &invitation.id).await?.is("/direction", "Incoming").map(drop)
}

async fn is_read(play: &Play) -> Verdict {
    let (_, invitation) = play.invite_other().await?;
    let read = play.read_by(Who::Other, &invitation.id).await?;
    read.is("/name", invitation.made.at("/name").clone())?.is("/status", "New")?;
    read.is("/details/dealValue", 50000)?.is("/team/0/email", "john.doe@fabrikam.com").map(drop)
}

async fn tells_help(play: &Play) -> Verdict {
    let (_, invitation) = play.invite_other().await?;
    let read = play.read_by(Who::Other, &invitation.id).await?;
    read.is("/inviteContext/notes", "Please help with a proof of concept.")?;
    read.is("/inviteContext/assistanceRequestCode", "ProofOfConceptOrDemo").map(drop)
}

async fn names_inviter(play: &Play) -> Verdict {
    let (own, invitation) = play.invite_other().await?;
    let inviter = own.made.string("/organizationId")?;
    invitation.made.is("/inviteContext/invitedBy/organizationId", inviter).map(drop)
}

async fn lists_both(play: &Play) -> Verdict {
    let (own, invitation) = play.invite_other().await?;
    let address = own.made.string("/links/relatedReferrals/uri")?.to_owned();
    let list = play.send(get(address)).await;
    let items = list.ok()?.list("/value")?;
    let has = |id: &str| items.iter().any(|it| it.get("id").is_some_and(|it| it == id));
    let is_both = items.len() == 2 && has(&own.id) && has(&invitation.id);
    list.ensure(is_both, "both records, and nothing else", format!("{} records", items.len())).map(drop)
}

async fn accepts(play: &Play) -> Verdict {
    let (_, invitation) = play.invite_other().await?;
    let now = play.moved(Who::Other, &invitation.id, ("Active", "Accepted")).await?;
    now.is("/status", "Active")?.is("/substatus", "Accepted")?.is_null("/expirationDateTime")?;
    now.moment("/acceptedDateTime")?;
    play.read(&invitation.id).await?.is("/status", "Active").map(drop)
}

async fn accepts_with_values(play: &Play) -> Verdict {
    let (_, invitation) = play.invite_other().await?;
    let mut operations =
        vec![replace("/details/dealValue", json!(20000)), replace("/campaignId", json!("theirs"))];
    operations.extend(transition("Active", "Accepted").as_array().cloned().unwrap_or_default());
    let now = play.patched(Who::Other, &invitation.id, &json!(operations)).await?;
    now.is("/status", "Active")?.is("/details/dealValue", 20000)?.is("/campaignId", "theirs").map(drop)
}

async fn declines(play: &Play) -> Verdict {
    let (_, invitation) = play.invite_other().await?;
    let now = play.moved(Who::Other, &invitation.id, ("Closed", "Declined")).await?;
    now.is("/status", "Closed")?.is("/substatus", "Declined")?.moment("/closedDateTime")?;
    let read = play.read(&invitation.id).await?;
    read.is("/substatus", "Declined")?.is("/statusReason", "Test referral").map(drop)
}

async fn is_received(play: &Play) -> Verdict {
    let (_, invitation) = play.invite_other().await?;
    let now = play.moved(Who::Other, &invitation.id, ("New", "Received")).await?;
    now.is("/status", "New")?.is("/substatus", "Received")?.moment("/expirationDateTime").map(drop)
}

async fn inviter_cannot(play: &Play) -> Verdict {
    let (_, invitation) = play.invite_other().await?;
    let answer = play.send(patch(invitation.path(), &transition("Active", "Accepted"))).await;
    answer.refused(&[403], &["accessDenied"])?;
    play.read_by(Who::Other, &invitation.id).await?.is("/status", "New").map(drop)
}

async fn inviter_edits_not(play: &Play) -> Verdict {
    let (_, invitation) = play.invite_other().await?;
    let operations = json!([replace("/details/dealValue", json!(1))]);
    play.send(patch(invitation.path(), &operations)).await.refused(&[403], &["accessDenied"])?;
    play.read_by(Who::Other, &invitation.id).await?.is("/details/dealValue", 50000).map(drop)
}

async fn is_not_won(play: &Play) -> Verdict {
    let (_, invitation) = play.invite_other().await?;
    let request = patch(invitation.path(), &transition("Closed", "Won")).by(Who::Other);
    play.send(request).await.refused(&[400, 409], &["invalidRequest", "resourceModified"]).map(drop)
}

async fn has_own_state(play: &Play) -> Verdict {
    let (own, invitation) = play.invite_other().await?;
    play.moved(Who::Caller, &own.id, ("Closed", "Won")).await?;
    play.read_by(Who::Other, &invitation.id).await?.is("/status", "New").map(drop)
}

async fn becomes_shared(play: &Play) -> Verdict {
    let (own, _) = play.invite_other().await?;
    own.made.is("/type", "Independent")?;
    play.read(&own.id).await?.is("/type", "Shared").map(drop)
}

async fn is_invited_once(play: &Play) -> Verdict {
    let (own, _) = play.invite_other().await?;
    let target = play.run().parties.other_target.clone().unwrap_or_default();
    let again = bodies::invitation(play.tag(), &own.engagement_id, &target);
    let answer = play.send(post(REFERRALS, &again)).await;
    answer.refused(&[409], &["resourceModified", "invalidRequest"]).map(drop)
}

async fn freezes_contacts(play: &Play) -> Verdict {
    let (own, _) = play.invite_other().await?;
    let operations = json!([replace("/customerProfile/team", json!([]))]);
    play.send(patch(own.path(), &operations)).await.invalid().map(drop)
}

async fn is_unseen(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let foreign = play.send(get(deal.path()).by(Who::Other)).await;
    let unknown = play.send(get(format!("{REFERRALS}/{}", play.unknown_id())).by(Who::Other)).await;
    foreign.not_found()?;
    unknown.not_found()?;
    let is_same = foreign.json == unknown.json;
    foreign
        .ensure(is_same, &format!("the answer to an unknown id: {}", unknown.text), &foreign.text)
        .map(drop)
}

async fn is_unpatched(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let operations = json!([replace("/name", json!("Taken over"))]);
    play.send(patch(deal.path(), &operations).by(Who::Other)).await.not_found()?;
    play.read(&deal.id).await?.is("/eTag", deal.etag).map(drop)
}

async fn is_unreplaced(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let request = put(deal.path(), &play.private()).header("if-match", &deal.etag).by(Who::Other);
    play.send(request).await.not_found()?;
    play.read(&deal.id).await?.is("/eTag", deal.etag).map(drop)
}

async fn is_unlisted(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let filter = format!("engagementId eq '{}'", deal.engagement_id);
    let query = with_query(REFERRALS, &[("$filter", &filter), ("$count", "true")]);
    let list = play.send(get(query).by(Who::Other)).await;
    list.ok()?.is("/value", json!([]))?.is("/@odata.count", 0).map(drop)
}

async fn joins_not(play: &Play) -> Verdict {
    let deal: Deal = play.deal().await?;
    let body = bodies::with(play.private(), &[("/engagementId", json!(deal.engagement_id))]);
    play.send(post(REFERRALS, &body).by(Who::Other))
        .await
        .refused(&[400, 403, 404], &["invalidRequest", "accessDenied", "itemNotFound"])
        .map(drop)
}
