//! What happened to a referral, as webhooks and streams name it for one organisation.

/// A kind of event. Names as Partner Center spells them (webhook events, 2024).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Event {
    /// A referral of the organisation was made, by whomever.
    ReferralCreated,
    /// A referral of the organisation changed.
    ReferralUpdated,
    /// Another party's referral in the same engagement was made.
    RelatedReferralCreated,
    /// Another party's referral in the same engagement changed.
    RelatedReferralUpdated,
    /// Somebody asked for a test.
    TestCreated,
}

impl Event {
    /// Every event.
    pub const ALL: [Self; 5] = [
        Self::ReferralCreated,
        Self::ReferralUpdated,
        Self::RelatedReferralCreated,
        Self::RelatedReferralUpdated,
        Self::TestCreated,
    ];

    /// Those that changes of referrals are.
    pub const OF_CHANGES: [Self; 4] = [
        Self::ReferralCreated,
        Self::ReferralUpdated,
        Self::RelatedReferralCreated,
        Self::RelatedReferralUpdated,
    ];

    /// Returns what a change of a referral is to an organisation that sees it. `is_own`: the organisation owns the
    /// referral, or made it for another and has none of its own in the engagement. `is_first`: the change made it.
    pub const fn of_change(is_own: bool, is_first: bool) -> Self {
        match (is_own, is_first) {
            (true, true) => Self::ReferralCreated,
            (true, false) => Self::ReferralUpdated,
            (false, true) => Self::RelatedReferralCreated,
            (false, false) => Self::RelatedReferralUpdated,
        }
    }

    /// Returns the name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReferralCreated => "referral-created",
            Self::ReferralUpdated => "referral-updated",
            Self::RelatedReferralCreated => "related-referral-created",
            Self::RelatedReferralUpdated => "related-referral-updated",
            Self::TestCreated => "test-created",
        }
    }

    /// Reads a name in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str().eq_ignore_ascii_case(text))
    }
}

#[cfg(test)]
mod tests {
    use super::Event;

    #[test]
    fn a_name_is_read_in_any_case() {
        for event in Event::ALL {
            assert_eq!(Event::parse(&event.as_str().to_ascii_uppercase()), Some(event));
        }
        assert_eq!(Event::parse("referral-deleted"), None);
    }
}
