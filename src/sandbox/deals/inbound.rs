//! What comes in from Microsoft: the bodies of the calls by which it passes a lead on, or asks a partner into its deal.

use serde_json::Value;
use uuid::Uuid;

use super::{
    SowError,
    cast::{Cast, Who},
    dice::Dice,
    document::{self, Subject},
};
use crate::{
    domain::{
        deal::Category,
        organization::OrganizationId,
        referral::{InviteContext, Inviter, READ_ONLY, Target, draft::Draft},
        sources::Random,
        time::Timestamp,
        vocabulary::{AssistanceRequestCode, Qualification, ReferralType, TargetType, Vocabulary as _},
    },
    storage::Store,
};

/// Keeps these sequences apart from those that a sandbox is filled with.
const SALT: u64 = 0x6765_6e65_7261_746f;

/// The calls by which something comes in.
pub struct Inbound {
    /// Microsoft's own record of a deal; `None` for a lead, which it keeps no record of.
    pub own: Option<Value>,
    /// The record of the receiver; it is to be connected to the engagement of [`Inbound::own`].
    pub invitation: Value,
    /// Gives the ids.
    pub random: Random,
}

impl std::fmt::Debug for Inbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inbound(…)")
    }
}

/// Makes what comes in for an organisation as number `number` of a seed: the same ones always make the same.
///
/// # Errors
/// When Microsoft, or a location of the receiver, is missing.
pub async fn inbound(
    store: &Store,
    receiver: &OrganizationId,
    category: Category,
    (seed, number): (u64, u64),
    at: Timestamp,
) -> Result<Inbound, SowError> {
    let cast = Cast::load(store).await?;
    let microsoft = cast.player(Who::Microsoft);
    let organization = store.find_organization(receiver).await?.ok_or(SowError::NoLocation)?;
    let locations = store.list_locations(receiver).await?;
    let location = locations.first().ok_or(SowError::NoLocation)?;
    let mut dice = Dice::new(seed ^ SALT, number);
    let number = number.saturating_add(1);
    let subject = Subject { sender: microsoft, number, at, is_shared: true };
    let mut draft = document::draft(&mut dice, Who::Microsoft, subject);
    (draft.kind, draft.qualification) = match category {
        Category::MarketplaceLead => (Some(ReferralType::Independent), Some(Qualification::Direct)),
        Category::QualifiedLead if dice.percent(50) => {
            (Some(ReferralType::Independent), Some(Qualification::MarketingQualified))
        }
        Category::QualifiedLead => (Some(ReferralType::Independent), Some(Qualification::SalesQualified)),
        Category::CoSellOpportunity => (Some(ReferralType::Shared), draft.qualification),
    };
    let own = matches!(category, Category::CoSellOpportunity).then(|| body(draft.clone()));
    draft.external_reference_id = None;
    draft.target = vec![Target { kind: TargetType::BusinessProfileLocation, id: location.id.to_string() }];
    draft.invite_context = Some(InviteContext {
        notes: Some(format!("Hello {}, can you help this customer?", organization.name)),
        assistance_request_code: *dice.pick(AssistanceRequestCode::ALL),
        invited_mpn_id: None,
        invited_by: Inviter {
            organization_id: Some(microsoft.id.to_string()),
            organization_name: Some(microsoft.admin.organization_name.clone()),
        },
    });
    Ok(Inbound { own, invitation: body(draft), random: dice.into_random() })
}

/// Returns the body of a create call: what the server decides is not sent.
fn body(draft: Draft) -> Value {
    let mut body: Value = serde_json::from_str(&draft.into_document().to_document()).unwrap_or_default();
    if let Some(members) = body.as_object_mut() {
        for name in READ_ONLY.iter().chain(&["engagementId", "status", "substatus", "organizationId"]) {
            members.remove(*name);
        }
    }
    body
}

/// Returns an invitation that is connected to an engagement.
pub fn connected(mut invitation: Value, engagement_id: Uuid) -> Value {
    if let Some(members) = invitation.as_object_mut() {
        members.insert("engagementId".to_owned(), engagement_id.to_string().into());
    }
    invitation
}
