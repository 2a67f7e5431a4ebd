//! Who is told of a happening, and what the deal says of how each of them wants to hear of it.
//!
//! Notices go to people of the exchange alone: a team list is written by whoever makes a referral, and an address that
//! anybody can write down is not one that a server should send to.

use crate::{
    domain::{
        actor::Actor,
        notice::Audience,
        organization::{Role, User},
        referral::{ContactPreference, Referral},
        view::VisibleReferral,
        visibility,
    },
    storage::{NewsSubject, Store, StoreError},
};

/// Returns the people of an audience who see the record, each with it.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn people(
    store: &Store,
    audience: Audience,
    subject: &NewsSubject,
) -> Result<Vec<(Actor, VisibleReferral)>, StoreError> {
    match audience {
        Audience::Receiver => {
            let users = store.list_users(&subject.owner).await?;
            let admins = users.into_iter().filter(|it| it.roles.contains(&Role::ReferralsAdmin));
            those_who_see(store, subject, admins).await
        }
        Audience::Sender => {
            let team = store.list_team_users(&subject.inviter, subject).await?;
            let team = those_who_see(store, subject, team).await?;
            if !team.is_empty() {
                return Ok(team);
            }
            let creator = store.find_principal_by_id(subject.creator_id).await?;
            let creator = creator.map(|it| it.user).filter(|it| it.organization_id == subject.inviter);
            those_who_see(store, subject, creator).await
        }
    }
}

async fn those_who_see(
    store: &Store,
    subject: &NewsSubject,
    users: impl IntoIterator<Item = User>,
) -> Result<Vec<(Actor, VisibleReferral)>, StoreError> {
    let mut seeing = Vec::new();
    for user in users {
        let Some(actor) = reader(store, &user).await? else { continue };
        if let Some(visible) = store.find_referral(&actor.scope(), subject.referral_id).await? {
            seeing.push((actor, visible));
        }
    }
    Ok(seeing)
}

/// Returns a person as one who reads referrals. `None` without a Referrals role.
///
/// # Errors
/// When the database does not answer.
pub async fn reader(store: &Store, user: &User) -> Result<Option<Actor>, StoreError> {
    let organization = store.find_organization(&user.organization_id).await?;
    let name = organization.as_ref().map_or("", |it| it.name.as_str());
    Ok(Actor::of(user, name, "liaison/notices"))
}

/// Returns a record as its viewer sees it.
///
/// # Errors
/// When the stored document cannot be read.
pub fn seen(visible: &VisibleReferral) -> serde_json::Result<Referral> {
    let referral = Referral::from_document(&visible.stored.document)?;
    Ok(match visible.withheld() {
        0 => referral,
        withheld => visibility::without(referral, withheld),
    })
}

/// Returns what team lists say of how a person wants to hear of a record: that of the record, and that of the own record
/// of the person's organisation in the engagement. Notices are unwanted where one of them says so.
///
/// # Errors
/// When the database does not answer.
pub async fn contact_preference(
    store: &Store,
    actor: &Actor,
    visible: &VisibleReferral,
) -> Result<ContactPreference, StoreError> {
    let related = store.list_related(&actor.scope(), visible.stored.engagement_id).await?;
    let counts = |it: &&VisibleReferral| {
        it.stored.id == visible.stored.id || it.stored.organization_id == actor.organization_id
    };
    let mut found = ContactPreference::default();
    for record in related.iter().filter(counts) {
        // What cannot be read is for `verify` to report; it is shown to nobody.
        let Ok(referral) = seen(record) else { continue };
        let is_person = |email: &Option<String>| {
            email.as_deref().is_some_and(|it| it.trim().eq_ignore_ascii_case(&actor.email))
        };
        for member in referral.team.into_iter().filter(|it| is_person(&it.email)) {
            let ContactPreference { locale, disable_notifications } = member.contact_preference;
            found.locale = found.locale.or(locale.filter(|it| !it.is_empty()));
            found.disable_notifications =
                Some(found.disable_notifications == Some(true) || disable_notifications == Some(true));
        }
    }
    Ok(found)
}
