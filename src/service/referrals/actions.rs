//! What can be done with a referral, by whom, and why not.

use uuid::Uuid;

use super::{
    revise::{ReviseError, side_of},
    share::standing,
};
use crate::{
    domain::{
        actor::Actor,
        deal::{Category, DealType},
        lifecycle::{self, Action, Side, State, TABLE},
        organization::OrganizationId,
        referral::Referral,
        visibility::{self, Facet, Sight},
    },
    service::Context,
};

/// What can be done with a referral.
pub struct Actions {
    /// Which one.
    pub id: Uuid,
    /// Where it stands.
    pub state: State,
    /// On which side the caller is.
    pub side: Side,
    /// How far the deal is shared, as far as the caller sees.
    pub deal_type: DealType,
    /// Where the referral comes from.
    pub category: Category,
    /// Every action of the table, with what decides.
    pub actions: Vec<Possibility>,
}

/// An action, and whether the caller may do it.
pub struct Possibility {
    /// Which one.
    pub action: Action,
    /// Where it would lead; the state that is there when it changes none.
    pub to: State,
    /// JSON pointers of what the request must bring.
    pub requires: &'static [&'static str],
    /// Why not; `None` when it is allowed.
    pub refusal: Option<Refused>,
}

/// Why an action is not allowed.
pub struct Refused {
    /// The rule that decides.
    pub rule: &'static str,
    /// The reason, in a sentence.
    pub reason: String,
}

/// Lists every action with whether the caller may do it at this moment.
///
/// # Errors
/// [`ReviseError::NotFound`] for unknown and foreign ids alike.
pub async fn actions(context: &Context, actor: &Actor, id: Uuid) -> Result<Actions, ReviseError> {
    let found = context.store.find_referral(&actor.scope(), id).await?;
    let visible = found.ok_or(ReviseError::NotFound)?;
    let record = Referral::from_document(&visible.stored.document)?;
    let standing = standing(&record)?;
    let side = side_of(visible.relation);
    let (now, strictness) = (context.clock.now(), context.settings.rules.strictness);
    let is_shared = record.consent.consent_to_share_referral_with_microsoft_sellers;
    let actions = TABLE.iter().map(|row| {
        let outcome = match row.action {
            Action::ShareWithMicrosoft if is_shared && side == Side::Owner && !standing.state.is_closed() => {
                Err(Refused {
                    rule: "oneWay",
                    reason: "Microsoft's sellers see the referral already".to_owned(),
                })
            }
            action => lifecycle::decide(action, side, standing, now, strictness)
                .map_err(|it| Refused { rule: it.rule(), reason: it.to_string() }),
        };
        let to = match row.to {
            lifecycle::Outcome::Stays => standing.state,
            lifecycle::Outcome::Moves(to) => to,
        };
        Possibility { action: row.action, to, requires: row.requires, refusal: outcome.err() }
    });
    let actions = actions.collect();
    let others = visible_parties(context, actor, &record).await?;
    // What follows from a member that the caller does not see is not told either.
    let inviter = match visibility::sight(Facet::Deal, visible.relation) {
        Sight::Withheld => record.organization_id.clone(),
        Sight::Shown | Sight::WithConsent => visible.stored.inviter,
    };
    let (seen, _) = visibility::redact(record, visible.relation, visible.has_accepted);
    Ok(Actions {
        id,
        state: standing.state,
        side,
        deal_type: DealType::of(&seen, &others),
        category: Category::of(&seen, &inviter),
        actions,
    })
}

/// Lists the other parties whose records the caller sees.
async fn visible_parties(
    context: &Context,
    actor: &Actor,
    record: &Referral,
) -> Result<Vec<OrganizationId>, ReviseError> {
    let related = context.store.list_related(&actor.scope(), record.engagement_id).await?;
    let owners = related.into_iter().map(|it| it.stored.organization_id);
    Ok(owners.filter(|it| *it != record.organization_id).collect())
}
