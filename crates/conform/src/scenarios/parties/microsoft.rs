//! Microsoft as a party: co-sell deals, and what its sellers see.

use serde_json::{Value, json};

use super::sides::ensure_deadline;
use crate::{
    bodies,
    check::Verdict,
    play::{Play, REFERRALS, replace},
    scenario::{Need, Scenario, must, should},
    sources::{BULK, CREATE, PORTAL, RECOMMENDED, RESOURCES, SAMPLE_2018},
    target::Who,
    wire::{get, post},
};

pub(in crate::scenarios) fn scenarios() -> Vec<Scenario> {
    let invited = [
        must(
            "microsoft-invited",
            "A deal is shared with Microsoft in a second step: New/Pending, owned by msft",
            CREATE,
            is_invited,
        ),
        must(
            "microsoft-form-of-2018",
            "The form of 2018, with organizationId and texts as booleans, does the same",
            SAMPLE_2018,
            reads_2018,
        ),
        must(
            "microsoft-expiration",
            "Microsoft's record expires fourteen days later, at midnight UTC",
            PORTAL,
            expires,
        ),
        must("microsoft-help", "The kind of help that is wanted is kept", CREATE, keeps_help),
        must(
            "microsoft-needs-contact",
            "Help from Microsoft asks for a contact of the customer",
            BULK,
            needs_contact,
        ),
        must(
            "microsoft-needs-consent",
            "Help from Microsoft asks for the customer's consent",
            BULK,
            needs_consent,
        ),
        must("microsoft-both-listed", "Both records are found by engagementId", CREATE, lists_both),
        must(
            "microsoft-partner-reads",
            "A partner reads Microsoft's record of its engagement",
            RESOURCES,
            partner_reads,
        ),
        should("microsoft-once", "Microsoft has one record in an engagement", RECOMMENDED, is_invited_once),
    ];
    let seen = [
        must("microsoft-private-unseen", "Microsoft does not see a private deal", PORTAL, sees_not),
        must(
            "microsoft-partner-led-seen",
            "Microsoft reads a deal that is shared with its sellers",
            PORTAL,
            sees,
        ),
    ];
    let accepts = must("microsoft-accepts", "Microsoft accepts, and the partner reads it", PORTAL, accepts);
    let invited = invited.into_iter().map(|it| it.needs(&[Need::InviteMicrosoft]));
    let seen = seen.into_iter().map(|it| it.needs(&[Need::Microsoft]));
    invited.chain(seen).chain([accepts.needs(&[Need::InviteMicrosoft, Need::Microsoft])]).collect()
}

async fn is_invited(play: &Play) -> Verdict {
    let (own, invitation) = play.invite_microsoft().await?;
    let made = &invitation.made;
    made.is("/organizationId", "msft")?.is("/status", "New")?.is("/substatus", "Pending")?;
    made.is("/organizationName", "Microsoft")?.is("/engagementId", own.engagement_id)?;
    made.is("/target", json!([bodies::microsoft()])).map(drop)
}

async fn reads_2018(play: &Play) -> Verdict {
    let own = play.create(&bodies::cosell(play.tag())).await?;
    let mut body = bodies::invitation(play.tag(), own.string("/engagementId")?, &Value::Null);
    for name in ["/target", "/type", "/qualification", "/externalReferenceId"] {
        bodies::remove(&mut body, name);
    }
    let body = bodies::with(
        body,
        &[
            ("/organizationId", json!("msft")),
            ("/organizationName", json!("Microsoft")),
            ("/Type", json!("Shared")),
            ("/Qualification", json!("SalesQualified")),
            ("/Substatus", json!("Pending")),
            ("/ExternalReferenceId", json!(play.tag())),
            ("/consent", json!({"consentToToShareInfoWithOthers": "true", "consentToContact": "true"})),
        ],
    );
    let made = play.create(&body).await?;
    made.is("/organizationId", "msft")?.is("/status", "New")?.is("/consent/consentToContact", true).map(drop)
}

async fn expires(play: &Play) -> Verdict {
    ensure_deadline(&play.invite_microsoft().await?.1.made)
}

async fn keeps_help(play: &Play) -> Verdict {
    let made = play.invite_microsoft().await?.1.made;
    made.is("/inviteContext/assistanceRequestCode", "ProofOfConceptOrDemo")?;
    made.is("/inviteContext/notes", "Please help with a proof of concept.").map(drop)
}

async fn refuses(play: &Play, pointer: &str, value: Value) -> Verdict {
    let own = play.deal().await?;
    let body = bodies::invitation(play.tag(), &own.engagement_id, &bodies::microsoft());
    play.send(post(REFERRALS, &bodies::with(body, &[(pointer, value)]))).await.invalid().map(drop)
}

async fn needs_contact(play: &Play) -> Verdict {
    refuses(play, "/customerProfile/team", json!([])).await
}

async fn needs_consent(play: &Play) -> Verdict {
    refuses(play, "/consent/consentToToShareInfoWithOthers", json!(false)).await
}

async fn lists_both(play: &Play) -> Verdict {
    let (own, _) = play.invite_microsoft().await?;
    let filter = format!("engagementId eq '{}'", own.engagement_id);
    let list = play.list(&[("$filter", &filter), ("$count", "true")]).await;
    list.ok()?.is("/@odata.count", 2)?.list("/value").map(drop)
}

async fn partner_reads(play: &Play) -> Verdict {
    let (_, invitation) = play.invite_microsoft().await?;
    let read = play.read(&invitation.id).await?;
    read.is("/organizationId", "msft")?.is("/direction", "Outgoing").map(drop)
}

async fn is_invited_once(play: &Play) -> Verdict {
    let (own, _) = play.invite_microsoft().await?;
    let again = bodies::invitation(play.tag(), &own.engagement_id, &bodies::microsoft());
    let answer = play.send(post(REFERRALS, &again)).await;
    answer.refused(&[409], &["resourceModified", "invalidRequest"]).map(drop)
}

async fn sees_not(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    play.send(get(deal.path()).by(Who::Microsoft)).await.not_found().map(drop)
}

async fn sees(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let share = json!([replace("/consent/consentToShareReferralWithMicrosoftSellers", json!(true))]);
    play.patched(Who::Caller, &deal.id, &share).await?;
    play.read_by(Who::Microsoft, &deal.id).await?.is("/details/dealValue", 50000).map(drop)
}

async fn accepts(play: &Play) -> Verdict {
    let (_, invitation) = play.invite_microsoft().await?;
    play.moved(Who::Microsoft, &invitation.id, ("Active", "Accepted")).await?;
    let read = play.read(&invitation.id).await?;
    read.is("/status", "Active")?.is("/substatus", "Accepted")?.is_null("/expirationDateTime").map(drop)
}
