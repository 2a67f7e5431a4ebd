//! Columns of the grids: what of a referral stands in each, as a value that pages and files write in their own way.

use super::ask::Tab;
use crate::{
    domain::{
        json::decimal::Decimal,
        lifecycle::State,
        organization::OrganizationId,
        referral::{Member, Referral},
        time::Timestamp,
        vocabulary::{AssistanceRequestCode, Direction, RegistrationStatus, Vocabulary as _},
    },
    web::{card::Badge, words::Words},
};

macro_rules! columns {
    ($($name:ident = $text:literal,)+) => {
        /// A column beside the name of the deal.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Column { $(
            #[doc = $text]
            $name,
        )+ }

        impl Column {
            /// Every column, in the order in which they stand.
            pub(super) const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Returns the stable name.
            pub(super) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

columns! {
    Customer = "customer",
    Country = "country",
    Partner = "partner",
    Status = "status",
    PartnerStatus = "partner-status",
    AnswerBy = "answer-by",
    Value = "value",
    Closes = "closes",
    Created = "created",
    Changed = "changed",
    Stage = "stage",
    Reason = "reason",
    Registration = "registration",
    Solutions = "solutions",
    Help = "help",
    Intent = "intent",
    Role = "role",
    Program = "program",
    Team = "team",
    Location = "location",
    Campaign = "campaign",
    Source = "source",
    Action = "action",
    Quality = "quality",
    CrmId = "crm-id",
    ReferralId = "id",
    EngagementId = "engagement-id",
}

/// What stands in a cell.
#[derive(Clone)]
pub(super) enum Cell {
    /// Nothing.
    Empty,
    /// A text.
    Text(String),
    /// A name or an id that is better not broken.
    Code(String),
    /// A sum, and its currency.
    Money(Decimal, Option<String>),
    /// A day.
    Day(Timestamp),
    /// A moment until which something can be done.
    Deadline(Timestamp),
    /// Where it stands.
    Status(Badge),
    /// Where it stands with each of the other parties.
    Parties(Vec<(String, Badge)>),
}

/// A referral of the engagement of one on the page: where another party stands.
pub(super) struct Related {
    pub(super) organization_id: OrganizationId,
    pub(super) organization_name: String,
    pub(super) status: Badge,
}

impl Column {
    /// Reads a stable name.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|it| it.as_str() == text)
    }

    /// Returns the columns of a tab that nobody has chosen others for.
    pub(super) const fn of_tab(tab: Tab) -> &'static [Self] {
        match tab {
            Tab::Inbound | Tab::Favorites => &[
                Self::Customer,
                Self::Partner,
                Self::Status,
                Self::AnswerBy,
                Self::Value,
                Self::Closes,
                Self::Created,
            ],
            Tab::Outbound => &[
                Self::Customer,
                Self::Partner,
                Self::Status,
                Self::PartnerStatus,
                Self::Value,
                Self::Closes,
                Self::Created,
            ],
            Tab::Marketplace | Tab::Qualified => &[
                Self::Customer,
                Self::Country,
                Self::Status,
                Self::AnswerBy,
                Self::Created,
                Self::Source,
                Self::Action,
                Self::Quality,
            ],
        }
    }

    /// Returns what the header sorts by; `None` where it does not.
    pub(super) const fn sort(self) -> Option<&'static str> {
        match self {
            Self::Customer
            | Self::Country
            | Self::Status
            | Self::Value
            | Self::Closes
            | Self::Created
            | Self::Changed => Some(self.as_str()),
            _ => None,
        }
    }

    /// Says whether its cells are numbers, which stand at the right.
    pub(super) const fn is_number(self) -> bool {
        matches!(self, Self::Value)
    }

    /// Returns the message that names it.
    pub(super) fn label(self, words: Words) -> String {
        words.say(&format!("col-{}", self.as_str()))
    }

    /// Returns what stands in the cell of a referral as `viewer` sees it.
    pub(super) fn cell(
        self,
        referral: &Referral,
        related: &[Related],
        viewer: &OrganizationId,
        words: Words,
    ) -> Cell {
        let details = &referral.details;
        let text = |it: &Option<String>| of_text(it.as_deref());
        match self {
            Self::Customer => text(&referral.customer_profile.name),
            Self::Country => text(&referral.customer_profile.address.country),
            Self::Partner => of_text(partner(referral, viewer)),
            Self::Status => Cell::Status(Badge::of(referral, words)),
            Self::PartnerStatus => parties(referral, related),
            Self::AnswerBy => {
                let is_open =
                    State::of(referral.status, referral.substatus).is_some_and(State::is_unanswered);
                referral.expiration_date_time.filter(|_| is_open).map_or(Cell::Empty, Cell::Deadline)
            }
            Self::Value => match &details.deal_value {
                Some(value) => Cell::Money(value.clone(), details.currency.clone()),
                None => Cell::Empty,
            },
            Self::Closes => details.closing_date_time.map_or(Cell::Empty, Cell::Day),
            Self::Created => Cell::Day(referral.created_date_time),
            Self::Changed => Cell::Day(referral.updated_date_time),
            Self::Stage => text(&referral.sales_stage),
            Self::Reason => text(&referral.status_reason),
            Self::Registration => match referral.registration_status {
                RegistrationStatus::None => Cell::Empty,
                status => Cell::Text(choice(words, "registration", status.as_str())),
            },
            Self::Solutions => {
                let solutions = details.requirements.solutions.iter();
                joined(solutions.map(|it| it.name.as_deref().unwrap_or(&it.id).to_owned()))
            }
            Self::Help => match referral.invite_context.assistance_request_code {
                AssistanceRequestCode::Unknown => Cell::Empty,
                code => Cell::Text(choice(words, "help", code.as_str())),
            },
            Self::Intent => intent(referral, words),
            Self::Role => text(&referral.partner_role),
            Self::Program => text(&referral.referral_program),
            Self::Team => joined(referral.team.iter().map(name_of)),
            Self::Location => referral.mpn_id.clone().map_or(Cell::Empty, Cell::Code),
            Self::Campaign => text(&referral.campaign_id),
            Self::Source => known(words, "source", referral.referral_source.as_deref()),
            Self::Action => known(words, "action", referral.call_to_action.as_deref()),
            Self::Quality => known(words, "quality", Some(&referral.quality)),
            Self::CrmId => text(&referral.external_reference_id),
            Self::ReferralId => Cell::Code(referral.id.to_string()),
            Self::EngagementId => Cell::Code(referral.engagement_id.to_string()),
        }
    }
}

/// Returns what a word of a filter is called.
pub(super) fn choice(words: Words, filter: &str, value: &str) -> String {
    match filter {
        "type" | "record" | "intent" | "help" | "registration" | "source" | "action" | "lead" | "quality"
        | "spam" => {
            words.say_known(&format!("{filter}-{}", value.to_lowercase())).unwrap_or_else(|| value.to_owned())
        }
        "status" => {
            words.say_known(&format!("status-{}", value.to_lowercase())).unwrap_or_else(|| value.to_owned())
        }
        _ => value.to_owned(),
    }
}

/// A word of an open vocabulary: its name where it has one, else as it was sent.
fn known(words: Words, filter: &str, value: Option<&str>) -> Cell {
    of_text(value.map(|it| choice(words, filter, it)).as_deref())
}

fn of_text(text: Option<&str>) -> Cell {
    text.map(str::trim).filter(|it| !it.is_empty()).map_or(Cell::Empty, |it| Cell::Text(it.to_owned()))
}

fn joined(texts: impl Iterator<Item = String>) -> Cell {
    of_text(Some(&texts.collect::<Vec<_>>().join(", ")))
}

/// Who is on the other side: the owner of another's record, the inviter of an own one.
fn partner<'a>(referral: &'a Referral, viewer: &OrganizationId) -> Option<&'a str> {
    if referral.organization_id != *viewer {
        return Some(&referral.organization_name);
    }
    let is_incoming = referral.direction == Some(Direction::Incoming);
    referral.invite_context.invited_by.organization_name.as_deref().filter(|_| is_incoming)
}

fn parties(referral: &Referral, related: &[Related]) -> Cell {
    let others = related.iter().filter(|it| it.organization_id != referral.organization_id);
    let others: Vec<_> = others.map(|it| (it.organization_name.clone(), it.status.clone())).collect();
    if others.is_empty() { Cell::Empty } else { Cell::Parties(others) }
}

fn intent(referral: &Referral, words: Words) -> Cell {
    let attributes = &referral.details.requirements.additional_requirements.attributes;
    let intent = attributes.iter().find(|it| it.kind == "CustomerMarketplaceIntent");
    known(words, "intent", intent.map(|it| it.id.as_str()))
}

fn name_of(member: &Member) -> String {
    let names = [&member.first_name, &member.last_name].into_iter().flatten().map(|it| it.trim());
    let name = names.filter(|it| !it.is_empty()).collect::<Vec<_>>().join(" ");
    if name.is_empty() { member.email.clone().unwrap_or_default() } else { name }
}

#[cfg(test)]
mod tests {
    use super::{Column, Tab, choice};
    use crate::web::{
        grid::{
            ask::{COLUMNS_MAX, SORTS, Trouble},
            filter::{Kind, filters},
        },
        words::{Language, Words},
    };

    #[test]
    fn everything_that_can_be_chosen_has_a_name() {
        for words in Language::ALL.map(Words) {
            let label = |name: String| words.say_known(&name).unwrap_or_else(|| panic!("{name} has no name"));
            for column in Column::ALL {
                label(format!("col-{}", column.as_str()));
                assert!(column.sort().is_none_or(|it| SORTS.iter().any(|(key, _)| *key == it)));
            }
            for filter in filters(false).chain(filters(true)) {
                label(format!("filter-{}", filter.name));
                let Kind::Words(values) = filter.kind else { continue };
                for value in values {
                    let is_proper_name = filter.name == "role";
                    assert!(
                        is_proper_name
                            || choice(words, filter.name, value) != *value
                            || words
                                .say_known(&format!("{}-{}", filter.name, value.to_lowercase()))
                                .is_some(),
                        "{} {value} has a name",
                        filter.name
                    );
                }
            }
            for rule in [
                "word", "country", "text", "location", "currency", "day", "number", "size", "page", "search",
                "columns",
            ] {
                label(format!("grid-bad-{rule}"));
            }
            let trouble = Trouble { name: "q", value: String::new(), rule: "grid-once" };
            label(trouble.rule.to_owned());
        }
    }

    #[test]
    fn no_tab_begins_with_more_columns_than_may_be_chosen() {
        for tab in [Tab::Inbound, Tab::Outbound, Tab::Favorites, Tab::Marketplace, Tab::Qualified] {
            let columns = Column::of_tab(tab);
            assert!(columns.len() <= COLUMNS_MAX && columns.is_sorted(), "{tab:?}");
        }
    }
}
