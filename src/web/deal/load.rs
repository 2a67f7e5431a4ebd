//! What the deal page reads: the record, its engagement, and what the person may do.

use serde::Deserialize;
use uuid::Uuid;

use crate::{
    domain::{
        json::Node,
        lifecycle::{Action, Side},
        referral::Referral,
    },
    service::{
        administration::{self, SolutionView},
        referrals::{self, Actions, Document},
    },
    web::{failure::Failure, visit::Visit},
};

/// The members of one referral, with the others of its engagement.
const OPTIONS: &str = "$expand=relatedReferrals";

/// A referral as the person sees it.
pub(super) struct Deal {
    pub(super) id: Uuid,
    pub(super) referral: Referral,
    /// The same as a tree.
    pub(super) node: Node,
    /// The other records of the engagement, newest first.
    pub(super) others: Vec<Referral>,
    pub(super) actions: Actions,
    /// What the person's organisation sells; empty where nobody asked.
    pub(super) catalogue: Vec<SolutionView>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Related {
    related_referrals: Vec<Referral>,
}

impl Deal {
    /// Reads a referral.
    pub(super) async fn read(visit: &Visit, id: &str) -> Result<Self, Failure> {
        // What is no id is the id of nothing.
        let id = Uuid::try_parse(id).map_err(|_| Failure::NotFound)?;
        let (context, actor) = (&visit.app.context, visit.actor()?);
        let (shape, _) = referrals::entity_query(context, OPTIONS)?;
        let Document { body, .. } = referrals::read(context, &actor, id, &shape).await?;
        let actions = referrals::actions(context, &actor, id).await?;
        let Related { related_referrals } = serde_json::from_str(&body)?;
        Ok(Self {
            id,
            referral: serde_json::from_str(&body)?,
            node: Node::from_document(&body).map_err(|_| Failure::Broken)?,
            others: related_referrals.into_iter().filter(|it| it.id != id).collect(),
            actions,
            catalogue: Vec::new(),
        })
    }

    /// Reads what the person's organisation sells, for a form that offers it.
    pub(super) async fn with_catalogue(mut self, visit: &Visit) -> Result<Self, Failure> {
        let own = &visit.seat.colleague.organization_id;
        self.catalogue = administration::list_solutions(&visit.app.context.store, own).await?;
        Ok(self)
    }

    /// Returns the concurrency token.
    pub(super) fn etag(&self) -> String {
        self.referral.e_tag.clone().unwrap_or_default()
    }

    /// Returns why the person may not do something; `None` when it may.
    pub(super) fn refusal(&self, action: Action) -> Option<&str> {
        let found = self.actions.actions.iter().find(|it| it.action == action)?;
        found.refusal.as_ref().map(|it| it.reason.as_str())
    }

    /// Says whether the person may do something.
    pub(super) fn may(&self, action: Action) -> bool {
        self.refusal(action).is_none()
    }

    /// Says whether the record is the person's own organisation's.
    pub(super) fn is_own(&self) -> bool {
        self.actions.side == Side::Owner
    }

    /// Returns the record of Microsoft in the engagement, as far as it is seen.
    pub(super) fn microsoft(&self) -> Option<&Referral> {
        self.others.iter().find(|it| it.organization_id.is_msft())
    }

    /// Says whether others see the deal, so that some of it is frozen.
    pub(super) fn is_shared(&self) -> bool {
        let is_seen = self.referral.consent.consent_to_share_referral_with_microsoft_sellers;
        is_seen || !self.others.is_empty()
    }
}
