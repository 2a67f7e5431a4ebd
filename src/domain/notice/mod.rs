//! What people are told of: which happenings are news to whom, and how a person wants to hear of them.
//!
//! [`MATRIX`] is that of the portal ("Notifications", 2021 to 2026): whoever sent an opportunity hears what became of it,
//! the receiving location's Referrals admins hear of what came in and of what is about to expire. Beyond that, the list
//! has what else became of an opportunity that was sent; of that nobody is mailed who has not asked for it.

use uuid::Uuid;

use super::{
    change::Action,
    json::Node,
    organization::{
        OrganizationId,
        form::{self, Form},
    },
    report::Report,
    time::Timestamp,
    vocabulary::Vocabulary,
};

/// How many days before its deadline people are reminded of a referral that waits for an answer, most first.
pub const REMINDERS_DAYS: [u32; 2] = [3, 1];
/// Mails of one notice each that a person gets in a day; what comes after is in the day's digest.
pub const MAILS_PER_DAY_MAX: u32 = 10;
const SECS_PER_DAY: i64 = 24 * 60 * 60;
const LOCALE_CHARS_MAX: usize = 64;

/// What a notice tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An opportunity went to another organisation.
    OpportunitySent,
    /// Its receiver took it on.
    OpportunityAccepted,
    /// Its receiver did not want it.
    OpportunityDeclined,
    /// Nobody answered in time.
    OpportunityExpired,
    /// Its receiver won the deal.
    OpportunityWon,
    /// Its receiver lost the deal.
    OpportunityLost,
    /// An opportunity came in.
    OpportunityReceived,
    /// An opportunity that came in is about to expire.
    OpportunityExpiring,
    /// Microsoft passed a lead on.
    LeadReceived,
}

impl Vocabulary for Kind {
    const ALL: &'static [Self] = &[
        Self::OpportunitySent,
        Self::OpportunityAccepted,
        Self::OpportunityDeclined,
        Self::OpportunityExpired,
        Self::OpportunityWon,
        Self::OpportunityLost,
        Self::OpportunityReceived,
        Self::OpportunityExpiring,
        Self::LeadReceived,
    ];
    const NUMBERED: bool = false;
    const SPELLINGS: &'static [&'static str] = &[
        "opportunity-sent",
        "opportunity-accepted",
        "opportunity-declined",
        "opportunity-expired",
        "opportunity-won",
        "opportunity-lost",
        "opportunity-received",
        "opportunity-expiring",
        "lead-received",
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::OpportunitySent => "opportunity-sent",
            Self::OpportunityAccepted => "opportunity-accepted",
            Self::OpportunityDeclined => "opportunity-declined",
            Self::OpportunityExpired => "opportunity-expired",
            Self::OpportunityWon => "opportunity-won",
            Self::OpportunityLost => "opportunity-lost",
            Self::OpportunityReceived => "opportunity-received",
            Self::OpportunityExpiring => "opportunity-expiring",
            Self::LeadReceived => "lead-received",
        }
    }
}

/// What gives rise to notices: of a record that one organisation made for another, or nothing does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A change of this kind.
    Change(Action),
    /// The time to answer is nearly over.
    Deadline,
}

/// Who is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// People of the inviter that are in the deal's team; whoever made the record, where there are none.
    Sender,
    /// Referrals admins of the owner whose role covers the record's location.
    Receiver,
}

/// What passes between organisations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matter {
    /// A deal that others are invited to.
    Opportunity,
    /// What Microsoft passes on to a partner alone.
    Lead,
}

/// A row of [`MATRIX`].
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What happened.
    pub happening: Happening,
    /// To what.
    pub matter: Matter,
    /// What is told of it.
    pub kind: Kind,
    /// To whom.
    pub audience: Audience,
    /// Whether it is mailed to who has not said otherwise.
    pub is_mailed: bool,
}

const fn row(happening: Happening, matter: Matter, kind: Kind, audience: Audience, is_mailed: bool) -> Row {
    Row { happening, matter, kind, audience, is_mailed }
}

use Audience::{Receiver, Sender};
use Happening::{Change, Deadline};
use Matter::{Lead, Opportunity};

/// Who is told of what. API.md prints it.
pub const MATRIX: [Row; 9] = [
    row(Change(Action::Create), Opportunity, Kind::OpportunitySent, Sender, true),
    row(Change(Action::Accept), Opportunity, Kind::OpportunityAccepted, Sender, true),
    row(Change(Action::Decline), Opportunity, Kind::OpportunityDeclined, Sender, true),
    row(Change(Action::Expire), Opportunity, Kind::OpportunityExpired, Sender, false),
    row(Change(Action::Win), Opportunity, Kind::OpportunityWon, Sender, false),
    row(Change(Action::Lose), Opportunity, Kind::OpportunityLost, Sender, false),
    row(Change(Action::Create), Opportunity, Kind::OpportunityReceived, Receiver, true),
    row(Deadline, Opportunity, Kind::OpportunityExpiring, Receiver, true),
    row(Change(Action::Create), Lead, Kind::LeadReceived, Receiver, true),
];

/// Returns what is told of a happening, and to whom.
pub fn news(happening: Happening, matter: Matter) -> impl Iterator<Item = &'static Row> {
    MATRIX.iter().filter(move |it| it.happening == happening && it.matter == matter)
}

/// A notice to one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Key.
    pub id: Uuid,
    /// The person's organisation.
    pub organization_id: OrganizationId,
    /// The person.
    pub user_id: Uuid,
    /// What it tells.
    pub kind: Kind,
    /// Of which record.
    pub referral_id: Uuid,
    /// When that happened.
    pub at: Timestamp,
    /// Its place in the order of the list, higher for newer ones.
    pub place: u64,
    /// When the person read it; `None` before.
    pub read_at: Option<Timestamp>,
}

/// When notices come in one mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// When there are more than [`MAILS_PER_DAY_MAX`] in a day, those above.
    Automatic,
    /// Always: one mail a day.
    Always,
}

impl Vocabulary for Digest {
    const ALL: &'static [Self] = &[Self::Automatic, Self::Always];
    const NUMBERED: bool = false;
    const SPELLINGS: &'static [&'static str] = &["automatic", "always"];

    fn as_str(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Always => "always",
        }
    }
}

/// How a person wants to hear of things. The list of notices has everything in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preferences {
    /// Whether mails are wanted.
    pub email: bool,
    /// When they come together.
    pub digest: Digest,
    /// Of what.
    pub kinds: Vec<Kind>,
    /// In which language, as a culture name; `None` leaves it to the deal's team list.
    pub locale: Option<String>,
}

impl Default for Preferences {
    fn default() -> Self {
        let kinds = MATRIX.iter().filter(|it| it.is_mailed).map(|it| it.kind).collect();
        Self { email: true, digest: Digest::Automatic, kinds, locale: None }
    }
}

impl Preferences {
    /// Reads a request onto what is there.
    ///
    /// # Errors
    /// Every problem of the request.
    pub fn read(mut self, body: Node) -> Result<Self, Report> {
        let mut report = Report::default();
        Form::read(body, &mut report, |form| {
            form.ignore(&["@odata.context"]);
            form.boolean("email", &mut self.email);
            form.word("digest", &mut self.digest);
            form.words("kinds", &mut self.kinds);
            form.checked_text("locale", LOCALE_CHARS_MAX, &mut self.locale, form::culture);
        });
        match report.problems.is_empty() {
            true => Ok(self),
            false => Err(report),
        }
    }

    /// Says whether mails of this kind are wanted.
    pub fn wants_mail(&self, kind: Kind) -> bool {
        self.email && self.kinds.contains(&kind)
    }
}

/// Returns the day of a moment, in days since 1970-01-01 UTC.
pub fn day_of(at: Timestamp) -> i64 {
    at.unix_secs().div_euclid(SECS_PER_DAY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::json::{self, JsonLimits};

    fn read(body: &str) -> Result<Preferences, Report> {
        let limits = JsonLimits { depth_max: 8, array_items_max: 100 };
        Preferences::default().read(json::parse(body.as_bytes(), limits).unwrap())
    }

    #[test]
    fn the_matrix_is_that_of_the_portal() {
        let told = |happening, matter| -> Vec<(Kind, Audience, bool)> {
            news(happening, matter).map(|it| (it.kind, it.audience, it.is_mailed)).collect()
        };

        for action in Action::ALL {
            let expected: &[_] = match action {
                Action::Create => {
                    &[(Kind::OpportunitySent, Sender, true), (Kind::OpportunityReceived, Receiver, true)]
                }
                Action::Accept => &[(Kind::OpportunityAccepted, Sender, true)],
                Action::Decline => &[(Kind::OpportunityDeclined, Sender, true)],
                Action::Expire => &[(Kind::OpportunityExpired, Sender, false)],
                Action::Win => &[(Kind::OpportunityWon, Sender, false)],
                Action::Lose => &[(Kind::OpportunityLost, Sender, false)],
                Action::Open
                | Action::CloseAsError
                | Action::Withdraw
                | Action::Revise
                | Action::ShareWithMicrosoft
                | Action::Share => &[],
            };
            assert_eq!(told(Change(action), Opportunity), expected, "{action:?}");
            let expected: &[_] = match action {
                Action::Create => &[(Kind::LeadReceived, Receiver, true)],
                _ => &[],
            };
            assert_eq!(told(Change(action), Lead), expected, "{action:?}");
        }
        assert_eq!(told(Deadline, Opportunity), [(Kind::OpportunityExpiring, Receiver, true)]);
        assert!(told(Deadline, Lead).is_empty());
    }

    #[test]
    fn every_kind_has_its_spelling() {
        for (kind, spelling) in Kind::ALL.iter().zip(Kind::SPELLINGS) {
            assert_eq!(kind.as_str(), *spelling);
            assert!(MATRIX.iter().any(|it| it.kind == *kind), "{kind:?}");
        }
    }

    #[test]
    fn preferences_keep_what_is_not_sent_and_name_every_problem() {
        let read_ones = read(r#"{"digest": "Always", "kinds": ["opportunity-won"]}"#).unwrap();
        assert_eq!((read_ones.email, read_ones.digest), (true, Digest::Always));
        assert!(read_ones.wants_mail(Kind::OpportunityWon) && !read_ones.wants_mail(Kind::OpportunitySent));

        let report =
            read(r#"{"email": 1, "digest": "never", "kinds": ["x"], "locale": "no culture", "y": 1}"#)
                .unwrap_err();
        let mut targets: Vec<_> = report.problems.iter().map(|it| it.target.as_str()).collect();
        targets.sort_unstable();
        assert_eq!(targets, ["/digest", "/email", "/kinds/0", "/locale", "/y"]);
    }

    #[test]
    fn a_day_begins_at_midnight_utc() {
        let at = |text| day_of(Timestamp::parse(text).unwrap());
        assert_eq!(at("1970-01-02T00:00:00Z"), 1);
        assert_eq!(at("2026-11-22T23:59:59.9999999Z") + 1, at("2026-11-23"));
    }
}
