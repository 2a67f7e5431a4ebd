//! The one way from a stored document to what a viewer reads.
//!
//! Storage holds the whole document with neutral values in the four members that differ by viewer. A viewer
//! who sees everything gets the stored bytes with those four spliced in; only where something is withheld is it parsed.

use std::{fmt::Write as _, sync::LazyLock};

use memchr::memmem::Finder;
use uuid::Uuid;

use super::{
    etag::ETag,
    organization::OrganizationId,
    referral::Referral,
    time::Timestamp,
    visibility::{self, Relation},
    vocabulary::{Direction, Vocabulary},
};

/// A record as it is stored.
#[derive(Clone)]
pub struct StoredReferral {
    /// Key.
    pub id: Uuid,
    /// Engagement.
    pub engagement_id: Uuid,
    /// Owner.
    pub organization_id: OrganizationId,
    /// Who made it.
    pub inviter: OrganizationId,
    /// Number of the version, from 1.
    pub version: u32,
    /// When it last changed.
    pub updated: Timestamp,
    /// Canonical document, with neutral values in the members that differ by viewer.
    pub document: String,
}

impl std::fmt::Debug for StoredReferral {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredReferral")
            .field("id", &self.id)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl StoredReferral {
    /// Returns the token of this version in the plain full view, as the log records it.
    pub fn etag(&self) -> ETag {
        ETag::new(self.version, self.updated, 0)
    }
}

/// A record with what the store knows about the viewer's part in its engagement.
#[derive(Clone, Debug)]
pub struct VisibleReferral {
    /// The record.
    pub stored: StoredReferral,
    /// What the viewer's organisation is to it.
    pub relation: Relation,
    /// Whether the viewer's organisation has accepted the deal, by its own record in the engagement.
    pub has_accepted: bool,
    /// Whether the viewer marked it.
    pub is_favorite: bool,
}

impl VisibleReferral {
    /// Returns one bit per facet that the viewer is not shown, as [`visibility::withheld`] does.
    pub fn withheld(&self) -> u16 {
        let Self { stored, relation, has_accepted, .. } = self;
        match visibility::may_withhold(*relation, &stored.organization_id, &stored.inviter) {
            true => visibility::withheld_of(&stored.document, *relation, *has_accepted),
            false => 0,
        }
    }
}

/// Addresses that answers carry.
#[derive(Clone, Debug)]
pub struct Links {
    /// Public base URL without a slash at the end.
    pub base_url: String,
    /// Whether GUIDs in links stand in quotes; the real service leaves them bare (2022).
    pub quote_engagement_id: bool,
}

/// Whether the answer names its metadata: reads do, writes do not (samples of 2019).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// `@odata.context` of a single entity comes first.
    Entity,
    /// No `@odata.context`.
    None,
}

/// A document on its way to a viewer.
#[derive(Clone)]
pub struct View {
    /// The JSON text.
    pub body: String,
    /// Its token; header and body agree.
    pub etag: ETag,
}

/// Renders a record for one viewer.
///
/// # Errors
/// When the document has to be redacted and cannot be read: nothing is shown then.
pub fn render(
    visible: &VisibleReferral,
    viewer: &OrganizationId,
    links: &Links,
    context: Context,
) -> serde_json::Result<View> {
    let (stored, withheld) = (&visible.stored, visible.withheld());
    let sight = u64::from(visible.is_favorite) | visibility::sight_mark(withheld);
    let redacted = match withheld {
        0 => None,
        _ => Some(visibility::without(Referral::from_document(&stored.document)?, withheld).to_document()),
    };
    let etag = ETag::new(stored.version, stored.updated, sight);
    let document = redacted.as_deref().unwrap_or(&stored.document);
    Ok(View { body: splice(document, visible, viewer, links, context, etag), etag })
}

/// The members that differ by viewer, as they are stored, in the order of the document.
static NEUTRAL: LazyLock<[Finder<'static>; 4]> = LazyLock::new(|| {
    ["\"eTag\":null", "\"favorite\":false", "\"direction\":null", "\"links\":null"].map(Finder::new)
});

fn splice(
    document: &str,
    visible: &VisibleReferral,
    viewer: &OrganizationId,
    links: &Links,
    context: Context,
    etag: ETag,
) -> String {
    let stored = &visible.stored;
    let mut body = String::with_capacity(document.len() + 640);
    let mut rest = document;
    if context == Context::Entity
        && let Some(members) = rest.strip_prefix('{')
    {
        let base = &links.base_url;
        write_to(
            &mut body,
            format_args!("{{\"@odata.context\":\"{base}/v1.0/engagements/$metadata#referrals/$entity\","),
        );
        rest = members;
    }
    // A quote inside a JSON text is always escaped, and no nested object has a member of these names, so
    // each of these sequences stands exactly once, at its member.
    let [neutral_etag, neutral_favorite, neutral_direction, neutral_links] = &*NEUTRAL;
    rest = copy_until(&mut body, rest, neutral_etag);
    write_to(&mut body, format_args!("\"eTag\":\"\\\"{}\\\"\"", etag.to_string().trim_matches('"')));
    rest = copy_until(&mut body, rest, neutral_favorite);
    write_to(&mut body, format_args!("\"favorite\":{}", visible.is_favorite));
    rest = copy_until(&mut body, rest, neutral_direction);
    write_to(&mut body, format_args!("\"direction\":\"{}\"", direction(stored, viewer).as_str()));
    rest = copy_until(&mut body, rest, neutral_links);
    write_links(&mut body, stored, links);
    body.push_str(rest);
    body
}

fn write_links(body: &mut String, stored: &StoredReferral, links: &Links) {
    let quote = if links.quote_engagement_id { "'" } else { "" };
    let (base, engagement, id) = (&links.base_url, stored.engagement_id, stored.id);
    write_to(
        body,
        format_args!(
            "\"links\":{{\"relatedReferrals\":{{\"uri\":\"{base}/v1.0/engagements/referrals?$filter=\
             engagementId eq {quote}{engagement}{quote}\",\"method\":\"GET\"}},\
             \"self\":{{\"uri\":\"{base}/v1.0/engagements/referrals/{id}\",\"method\":\"GET\"}}}}"
        ),
    );
}

fn write_to(body: &mut String, text: std::fmt::Arguments<'_>) {
    body.write_fmt(text).expect("writing to a string cannot fail");
}

/// Copies up to `member` and returns what comes after it; copies nothing when it is not there.
fn copy_until<'a>(body: &mut String, rest: &'a str, member: &Finder<'_>) -> &'a str {
    let Some((before, after)) = member.find(rest.as_bytes()).and_then(|at| rest.split_at_checked(at)) else {
        return rest;
    };
    body.push_str(before);
    after.get(member.needle().len()..).unwrap_or_default()
}

/// Tells which way a record goes for a viewer: another's is outgoing, whoever made it; an own one is incoming
/// iff another organisation made it.
pub fn direction(stored: &StoredReferral, viewer: &OrganizationId) -> Direction {
    if stored.organization_id == *viewer && stored.inviter != *viewer {
        return Direction::Incoming;
    }
    Direction::Outgoing
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{Context, Links, StoredReferral, VisibleReferral, render};
    use crate::domain::{
        organization::OrganizationId, referral::Referral, time::Timestamp, visibility::Relation,
    };

    fn stored(name: &str) -> StoredReferral {
        let owner = OrganizationId::from(Uuid::from_u128(1));
        let referral = Referral {
            id: Uuid::from_u128(2),
            name: Some(name.to_owned()),
            organization_id: owner.clone(),
            ..Referral::blank()
        };
        StoredReferral {
            id: referral.id,
            engagement_id: referral.engagement_id,
            organization_id: owner,
            inviter: OrganizationId::msft(),
            version: 3,
            updated: Timestamp::from_unix_secs(0x5c70_aa63),
            document: referral.to_document(),
        }
    }

    fn links() -> Links {
        Links { base_url: "https://liaison.example".to_owned(), quote_engagement_id: false }
    }

    #[test]
    fn what_a_caller_writes_cannot_pass_for_a_member() {
        let name = r#"","eTag":null,"direction":null,"links":null "#;
        let stored = stored(name);
        let viewer = stored.organization_id.clone();
        let visible =
            VisibleReferral { stored, relation: Relation::Owner, has_accepted: false, is_favorite: true };

        let view = render(&visible, &viewer, &links(), Context::Entity).unwrap();

        let seen: serde_json::Value = serde_json::from_str(&view.body).unwrap();
        assert_eq!(seen["name"], name);
        assert_eq!(seen["eTag"], "\"00000003-0000-0000-0001-5c70aa630000\"");
        assert_eq!(seen["favorite"], true);
        assert_eq!(seen["direction"], "Incoming");
        assert_eq!(
            seen["links"]["self"]["uri"],
            format!("https://liaison.example/v1.0/engagements/referrals/{}", Uuid::from_u128(2))
        );
        assert_eq!(
            seen["@odata.context"],
            "https://liaison.example/v1.0/engagements/$metadata#referrals/$entity"
        );
    }

    #[test]
    fn a_document_that_cannot_be_redacted_is_not_shown() {
        let mut stored = stored("Deal");
        stored.document = "{".to_owned();
        let visible =
            VisibleReferral { stored, relation: Relation::Party, has_accepted: false, is_favorite: true };

        assert!(render(&visible, &OrganizationId::msft(), &links(), Context::None).is_err());
    }
}
