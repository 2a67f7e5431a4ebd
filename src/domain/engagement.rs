//! Who owns a new referral, and what a create call makes of an engagement.
//!
//! Owner of a new record. Since "Create a referral" (2019) the target decides; in the API of 2018, whose form
//! still counts when there is no target, `organizationId` did:
//!
//! ```text
//! target            organizationId     owner
//! empty             absent or own      the caller's organization
//! empty             another's          that organization (the form of 2018)
//! one owner's ids   ignored            that owner
//! several owners'   ignored            refused
//! ```

use std::sync::Arc;

use uuid::Uuid;

use super::{
    actor::Actor,
    lifecycle::{self, Start},
    organization::{Location, LocationScope, Organization, OrganizationId},
    referral::{Referral, draft::Draft},
    report::{ProblemCode, Report},
    time::Timestamp,
    validation::{self, Addressee, Rules},
    vocabulary::{ReferralType, Status},
};

/// The channel label of writes through the API.
const VIA_API: &str = "API";

/// Whom a target id names.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Owner of the location or solution.
    pub organization: Arc<Organization>,
    /// Partner id of the location: the one named, or the owner's default.
    pub mpn_id: Option<String>,
}

/// A record of an engagement, as the rules need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// The record.
    pub referral_id: Uuid,
    /// Its owner.
    pub organization_id: OrganizationId,
    /// Who made it.
    pub inviter: OrganizationId,
    /// Where it stands.
    pub status: Status,
    /// Whether it is marked as shared.
    pub kind: ReferralType,
}

/// Everything that a create call is decided by, beside the draft.
#[derive(Debug)]
pub struct Circumstances<'a> {
    /// Who calls.
    pub actor: &'a Actor,
    /// The time.
    pub now: Timestamp,
    /// Id for the new record.
    pub referral_id: Uuid,
    /// Id for a new engagement.
    pub engagement_id: Uuid,
    /// Settings.
    pub rules: &'a Rules,
    /// Whom each of [`Draft::addressed`] names, in that order; `None` when unknown.
    pub destinations: &'a [Option<Destination>],
    /// Whom the draft's `organizationId` names, when it decides; `None` when unknown or not needed.
    pub named_owner: Option<Destination>,
    /// The caller's locations, the default first.
    pub locations: Arc<Vec<Location>>,
    /// Records of the draft's engagement; empty when the caller takes no part in it.
    pub parties: Vec<Party>,
}

/// A new record, and what else changes with it.
#[derive(Clone, Debug)]
pub struct Created {
    /// The document.
    pub referral: Referral,
    /// The caller's organisation, whatever the document says.
    pub inviter: OrganizationId,
    /// Location that the caller acts for.
    pub inviter_mpn_id: Option<String>,
    /// The caller's own Independent record, which becomes Shared in the same commit.
    pub becomes_shared: Option<Uuid>,
}

/// Why a referral cannot be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreateRefusal {
    /// The request is wrong; the report lists every problem.
    Invalid(Report),
    /// The engagement has a record of this organisation already.
    AlreadyParty(OrganizationId),
}

/// Decides a create call; the report comes back with what was ignored and normalised.
///
/// # Errors
/// All problems at once, or a conflict with what the engagement holds.
pub fn create(
    draft: Draft,
    mut report: Report,
    circumstances: &Circumstances<'_>,
) -> Result<(Created, Report), CreateRefusal> {
    let actor = circumstances.actor;
    lifecycle::check_create(draft.status, draft.substatus, &mut report);
    let owner = find_owner(&draft, circumstances, &mut report);
    let addressee = match &owner {
        Some(owner) if owner.organization.id.is_msft() && !actor.organization_id.is_msft() => {
            Addressee::Microsoft
        }
        Some(owner) if owner.organization.id != actor.organization_id => Addressee::Partner,
        Some(_) | None => Addressee::Own,
    };
    validation::check_create(
        &draft,
        addressee,
        !actor.organization_id.is_msft(),
        circumstances.rules,
        &mut report,
    );
    let caller_mpn_id = find_location(&draft, addressee, circumstances, &mut report);
    check_engagement(&draft, circumstances, &mut report);
    let (Some(owner), true) = (owner, report.problems.is_empty()) else {
        return Err(CreateRefusal::Invalid(report));
    };
    let owner_id = &owner.organization.id;
    if circumstances.parties.iter().any(|it| it.organization_id == *owner_id) {
        return Err(CreateRefusal::AlreadyParty(owner_id.clone()));
    }
    let becomes_shared = circumstances
        .parties
        .iter()
        .find(|it| it.organization_id == actor.organization_id && it.kind == ReferralType::Independent)
        .map(|it| it.referral_id);
    let referral = build(draft, circumstances, &owner, caller_mpn_id.as_deref());
    let inviter = actor.organization_id.clone();
    Ok((Created { referral, inviter, inviter_mpn_id: caller_mpn_id, becomes_shared }, report))
}

/// Makes a record Shared because another party joined its engagement. Microsoft's pages do not say whether
/// theirs does; "Independent" would be untrue from then on.
pub fn make_shared(record: &Referral, now: Timestamp) -> Referral {
    Referral {
        kind: ReferralType::Shared,
        updated_date_time: now,
        last_modified_via: Some(VIA_API.to_owned()),
        ..record.clone()
    }
}

fn find_owner(draft: &Draft, circumstances: &Circumstances<'_>, report: &mut Report) -> Option<Destination> {
    let actor = circumstances.actor;
    let own = || Destination {
        organization: Arc::new(Organization {
            id: actor.organization_id.clone(),
            tenant_id: Uuid::nil(),
            name: actor.organization_name.clone(),
            domain: None,
        }),
        mpn_id: None,
    };
    if draft.addressed().next().is_none() {
        return match &draft.organization_id {
            Some(id) if *id != actor.organization_id => {
                if circumstances.named_owner.is_none() {
                    let message = format!("organization \"{id}\" is not known here");
                    report.problem(
                        ProblemCode::UnknownTarget,
                        "organizationKnown",
                        "/organizationId",
                        message,
                    );
                }
                circumstances.named_owner.clone()
            }
            Some(_) | None => Some(own()),
        };
    }
    let mut owner: Option<Destination> = None;
    for ((index, target), destination) in draft.addressed().zip(circumstances.destinations) {
        let Some(destination) = destination else {
            let message = format!("target \"{}\" is not known here", target.id);
            report.problem(ProblemCode::UnknownTarget, "targetKnown", format!("/target/{index}/id"), message);
            continue;
        };
        match &owner {
            None => owner = Some(destination.clone()),
            Some(first) if first.organization.id == destination.organization.id => {}
            Some(_) => {
                let message = "targets belong to several organizations; send one referral for each";
                report.problem(ProblemCode::AmbiguousTarget, "oneOwner", format!("/target/{index}"), message);
            }
        }
    }
    owner
}

/// The caller's location: as sent, else the only one in scope, else the organisation's default. A caller that is
/// scoped to several without the default has to name one, because a location decides which colleagues see the
/// record.
fn find_location(
    draft: &Draft,
    addressee: Addressee,
    circumstances: &Circumstances<'_>,
    report: &mut Report,
) -> Option<String> {
    let scope = &circumstances.actor.locations;
    let in_scope: Vec<&Location> =
        circumstances.locations.iter().filter(|it| scope.contains(&it.mpn_id)).collect();
    let is_known = |sent: &&String| in_scope.iter().any(|it| it.mpn_id == **sent);
    if let Some(sent) = draft.mpn_id.as_ref().filter(is_known) {
        return Some(sent.clone());
    }
    // In a record for another organization the member names its location, which the server finds.
    if let (Some(sent), Addressee::Own) = (&draft.mpn_id, addressee) {
        report.problem_with_allowed(
            ProblemCode::InvalidValue,
            "locationInScope",
            "/mpnId",
            format!("\"{sent}\" is none of the locations that you may create for"),
            in_scope.iter().map(|it| it.mpn_id.clone()).collect(),
        );
        return None;
    }
    if let [only] = in_scope.as_slice() {
        return Some(only.mpn_id.clone());
    }
    if let Some(default) = in_scope.iter().find(|it| it.is_default) {
        return Some(default.mpn_id.clone());
    }
    if matches!(scope, LocationScope::Locations(_)) {
        report.problem_with_allowed(
            ProblemCode::RequiredFieldMissing,
            "locationInScope",
            "/mpnId",
            "mpnId is required, because you may create for several locations",
            in_scope.iter().map(|it| it.mpn_id.clone()).collect(),
        );
    }
    None
}

fn check_engagement(draft: &Draft, circumstances: &Circumstances<'_>, report: &mut Report) {
    let Some(engagement_id) = draft.engagement_id else { return };
    let caller = &circumstances.actor.organization_id;
    if circumstances.parties.is_empty() {
        let message = format!("engagement {engagement_id} is not one that you take part in");
        report.problem(ProblemCode::UnknownEngagement, "ownEngagement", "/engagementId", message);
        return;
    }
    let own = circumstances.parties.iter().find(|it| it.organization_id == *caller);
    let is_closed = match own {
        Some(own) => own.status == Status::Closed,
        None => circumstances
            .parties
            .iter()
            .filter(|it| it.inviter == *caller)
            .all(|it| it.status == Status::Closed),
    };
    if is_closed {
        let message = "your part of the engagement is closed; nobody can be connected to it any more";
        report.problem(ProblemCode::ReferralClosed, "engagementOpen", "/engagementId", message);
    }
}

fn build(
    draft: Draft,
    circumstances: &Circumstances<'_>,
    owner: &Destination,
    caller_mpn_id: Option<&str>,
) -> Referral {
    let Circumstances { actor, now, .. } = *circumstances;
    let is_own = owner.organization.id == actor.organization_id;
    let start = match is_own {
        true => Start::own(now),
        false => Start::for_another(now, circumstances.rules.expiration_days),
    };
    let mpn_id = if is_own { caller_mpn_id.map(str::to_owned) } else { owner.mpn_id.clone() };
    let engagement_id = draft.engagement_id.unwrap_or(circumstances.engagement_id);
    let mut sent = draft.into_document();
    let invited_by = &mut sent.invite_context.invited_by;
    if invited_by.organization_id.is_none() {
        invited_by.organization_id = Some(actor.organization_id.to_string());
        invited_by.organization_name = Some(actor.organization_name.clone());
    }
    if !is_own && sent.invite_context.invited_mpn_id.is_none() {
        sent.invite_context.invited_mpn_id.clone_from(&mpn_id);
    }
    Referral {
        id: circumstances.referral_id,
        engagement_id,
        organization_id: owner.organization.id.clone(),
        organization_name: owner.organization.name.clone(),
        last_modified_via: Some(VIA_API.to_owned()),
        created_date_time: now,
        updated_date_time: now,
        expiration_date_time: start.expires,
        status: start.status,
        substatus: start.substatus,
        mpn_id,
        created_via: Some(VIA_API.to_owned()),
        accepted_date_time: start.accepted,
        ..sent
    }
}
