//! What happened that is no change of a referral, for those who answer for an organisation; and how records of both are
//! named.

use std::fmt;

use uuid::Uuid;

use super::{
    event::Event, organization::OrganizationId, time::Timestamp, vocabulary::Vocabulary, webhook::words,
};

/// Ticks of .NET at the beginning of 1970: ids of audit records count from the year 1.
pub const DOTNET_EPOCH_TICKS: i64 = 621_355_968_000_000_000;

words! {
    /// What something was done to.
    Resource {
        /// An organisation.
        Organization = "organization",
        /// A business profile.
        BusinessProfile = "business_profile",
        /// A location.
        Location = "location",
        /// A solution.
        Solution = "solution",
        /// One of the people of an organisation.
        User = "user",
        /// A program that signs people in.
        Application = "application",
        /// A subscription, or the registration of Partner Center.
        Webhook = "webhook",
        /// What a subscription's messages are signed with.
        WebhookSecret = "webhook_secret",
        /// What all messages are signed with.
        WebhookKey = "webhook_key",
        /// An access token.
        Token = "token",
        /// A call of the API.
        Request = "request",
        /// Audit records.
        AuditRecord = "audit_record",
        /// What referrals add up to.
        Insight = "insight",
        /// Referrals as a list; changes of single ones are in the log.
        ReferralList = "referral_list",
        /// The clock of a sandbox.
        Clock = "clock",
    }
}

words! {
    /// What was done.
    Deed {
        /// It was made.
        Create = "create",
        /// It was changed.
        Update = "update",
        /// It was taken away.
        Delete = "delete",
        /// It is to wait.
        Pause = "pause",
        /// It is to go on.
        Resume = "resume",
        /// The server switched it off.
        Disable = "disable",
        /// It was tried out.
        Test = "test",
        /// It was sent again.
        Redeliver = "redeliver",
        /// What it missed was sent.
        Recover = "recover",
        /// Somebody replaced it.
        Rotate = "rotate",
        /// The server replaced it, because its end was near.
        Renew = "renew",
        /// It was handed out.
        Issue = "issue",
        /// It was not.
        Refuse = "refuse",
        /// It was written into a file.
        Export = "export",
        /// It was put forward.
        Advance = "advance",
    }
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AuditAuthor {
    /// The person; `None` for an application for itself, for an operator, and for who is not known.
    pub user_id: Option<Uuid>,
    /// The application, or which part of the server, such as `liaison/operator`; empty when it is not known.
    pub application_id: String,
}

impl AuditAuthor {
    /// Returns the server itself, acting through `part`, such as `operator`.
    pub fn server(part: &str) -> Self {
        Self { user_id: None, application_id: format!("liaison/{part}") }
    }
}

/// Something that happened, once or often in a minute.
#[derive(Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// Key.
    pub id: Uuid,
    /// Whose account admins are told; `None` for the operator alone.
    pub organization_id: Option<OrganizationId>,
    /// When, for the first time.
    pub at: Timestamp,
    /// When, for the last time.
    pub last: Timestamp,
    /// What it was done to.
    pub resource: Resource,
    /// What was done.
    pub deed: Deed,
    /// Whether it was tried in vain.
    pub has_failed: bool,
    /// By whom.
    pub author: AuditAuthor,
    /// The id of what it was done to; empty for none.
    pub subject: String,
    /// What that was before, as JSON, without its secrets.
    pub before: Option<String>,
    /// What it is after.
    pub after: Option<String>,
    /// What else is known, by name.
    pub details: Vec<(String, String)>,
    /// How often it happened.
    pub count: u32,
}

impl AuditEvent {
    /// Returns something that was done once, with nothing known but what and by whom.
    pub fn new(
        (id, at): (Uuid, Timestamp),
        organization_id: Option<OrganizationId>,
        author: AuditAuthor,
        (deed, resource): (Deed, Resource),
    ) -> Self {
        Self {
            id,
            organization_id,
            at,
            last: at,
            resource,
            deed,
            has_failed: deed == Deed::Refuse,
            author,
            subject: String::new(),
            before: None,
            after: None,
            details: Vec::new(),
            count: 1,
        }
    }

    /// Names what it was done to.
    #[must_use]
    pub fn on(mut self, subject: impl fmt::Display) -> Self {
        self.subject = subject.to_string();
        self
    }

    /// Says what that was before and what it is after, as JSON.
    #[must_use]
    pub fn values(mut self, before: Option<String>, after: Option<String>) -> Self {
        (self.before, self.after) = (before, after);
        self
    }

    /// Adds something else that is known.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.details.push((name.to_owned(), value.to_string()));
        self
    }

    /// Returns `operationType`, such as `update_user`.
    pub fn operation(&self) -> String {
        format!("{}_{}", self.deed.as_str(), self.resource.as_str())
    }
}

impl fmt::Debug for AuditEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The values are about people.
        f.debug_struct("AuditEvent")
            .field("id", &self.id)
            .field("operation", &self.operation())
            .finish_non_exhaustive()
    }
}

/// Returns `operationType` of a change of a referral.
pub fn referral_operation(event: Event) -> &'static str {
    match event {
        Event::ReferralCreated => "create_referral",
        Event::ReferralUpdated => "update_referral",
        Event::RelatedReferralCreated => "create_related_referral",
        Event::RelatedReferralUpdated => "update_related_referral",
        Event::TestCreated => "create_test",
    }
}

/// Writes the id of a record: `{partner}_{id}_{operation}_{ticks of .NET}`.
pub fn record_id(partner: &OrganizationId, id: Uuid, operation: &str, at: Timestamp) -> String {
    let ticks = at.ticks().saturating_add(DOTNET_EPOCH_TICKS);
    format!("{partner}_{}_{operation}_{ticks}", id.simple())
}

/// Reads the id of the change or event from the id of a record. Whether all else in it is right is for the caller to
/// compare.
pub fn key_of_record(record_id: &str) -> Option<Uuid> {
    let mut parts = record_id.splitn(3, '_');
    let _partner = parts.next()?;
    Uuid::try_parse(parts.next()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_record_leads_back_to_its_key() {
        let (id, at) = (Uuid::from_u128(7), Timestamp::parse("2026-11-22T09:31:00.1234567Z").unwrap());

        let written = record_id(&OrganizationId::msft(), id, "update_referral", at);

        assert_eq!(written, "msft_00000000000000000000000000000007_update_referral_639309366601234567");
        assert_eq!(key_of_record(&written), Some(id));
        for text in ["", "msft", "msft_x", "_", "msft__update"] {
            assert_eq!(key_of_record(text), None, "{text}");
        }
    }

    #[test]
    fn a_refusal_has_failed_and_prints_no_values() {
        let author = AuditAuthor::server("operator");
        let event = AuditEvent::new(Default::default(), None, author, (Deed::Refuse, Resource::Token));

        assert!(event.has_failed);
        assert_eq!(event.operation(), "refuse_token");
        let secret = event.values(None, Some("{\"email\":\"a@b.example\"}".to_owned()));
        assert!(!format!("{secret:?}").contains("a@b"));
    }
}
