//! Filters of the grids: what each takes, and what it becomes in `$filter`.
//!
//! Only what properties of the contract answer; values of one filter are alternatives, filters add up.

use uuid::Uuid;

use crate::domain::{
    json::decimal::Decimal,
    organization::OrganizationId,
    time::Timestamp,
    vocabulary::{AssistanceRequestCode, PARTNER_ROLES, ReferralType, RegistrationStatus, Vocabulary as _},
};

/// Countries in one filter, as in Partner Center.
pub(super) const COUNTRIES_MAX: usize = 50;
/// Values in one filter.
const VALUES_MAX: usize = 50;
/// Characters of a text.
const TEXT_CHARS_MAX: usize = 200;

/// What values a filter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Some of these words.
    Words(&'static [&'static str]),
    /// Countries.
    Countries,
    /// A text.
    Text,
    /// A partner id: digits.
    Location,
    /// A currency: three letters.
    Currency,
    /// A day.
    Day,
    /// A number.
    Number,
}

/// Where a filter stands in the panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    /// Where it stands.
    Standing,
    /// Whose it is.
    Customer,
    /// What it is worth, and when.
    Deal,
    /// Who takes part.
    People,
    /// Where a lead comes from.
    Lead,
}

/// Which grids have a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    Everywhere,
    Deals,
    Leads,
}

/// Something that a grid can be filtered by.
#[derive(Debug)]
pub(super) struct Filter {
    /// Its name in addresses and forms.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) section: Section,
    at: Where,
}

/// Words of `status`: states and the two groups of them that `status` knows.
const STATUSES: &[&str] = &[
    "New", "Active", "Closed", "Pending", "Received", "Accepted", "Won", "Lost", "Declined", "Expired",
    "Error",
];
/// The first of them are words of the member `status`, the others of `substatus`.
const GROUPS: [&str; 3] = ["New", "Active", "Closed"];

/// Every filter, in the order of the panel and of the chips.
static FILTERS: [Filter; 26] = [
    both("status", Kind::Words(STATUSES), Section::Standing),
    deals("registration", Kind::Words(RegistrationStatus::SPELLINGS), Section::Standing),
    deals("record", Kind::Words(&["own", "partner"]), Section::Standing),
    deals("type", Kind::Words(ReferralType::SPELLINGS), Section::Standing),
    both("customer", Kind::Text, Section::Customer),
    both("country", Kind::Countries, Section::Customer),
    both("value-min", Kind::Number, Section::Deal),
    both("value-max", Kind::Number, Section::Deal),
    both("currency", Kind::Currency, Section::Deal),
    both("solution", Kind::Text, Section::Deal),
    deals("intent", Kind::Words(&["Yes", "No", "HaveNotDecided"]), Section::Deal),
    both("closes-from", Kind::Day, Section::Deal),
    both("closes-until", Kind::Day, Section::Deal),
    both("created-from", Kind::Day, Section::Deal),
    both("created-until", Kind::Day, Section::Deal),
    deals("help", Kind::Words(AssistanceRequestCode::SPELLINGS), Section::People),
    deals("role", Kind::Words(PARTNER_ROLES), Section::People),
    deals("program", Kind::Text, Section::People),
    deals("partner", Kind::Text, Section::People),
    both("member", Kind::Text, Section::People),
    both("location", Kind::Location, Section::People),
    leads("source", Kind::Words(&["AppSource", "AzureMarketplace", "AzurePortal"]), Section::Lead),
    leads(
        "action",
        Kind::Words(&["ContactMe", "GetItNow", "FreeTrial", "TestDrive", "RequestPrivateOffer"]),
        Section::Lead,
    ),
    leads("lead", Kind::Words(&["offer", "profile"]), Section::Lead),
    leads("quality", Kind::Words(&["High", "Low", "Unknown"]), Section::Lead),
    leads("spam", Kind::Words(&["no", "yes"]), Section::Lead),
];

const fn both(name: &'static str, kind: Kind, section: Section) -> Filter {
    Filter { name, kind, section, at: Where::Everywhere }
}

const fn deals(name: &'static str, kind: Kind, section: Section) -> Filter {
    Filter { name, kind, section, at: Where::Deals }
}

const fn leads(name: &'static str, kind: Kind, section: Section) -> Filter {
    Filter { name, kind, section, at: Where::Leads }
}

/// Returns the filters of a grid.
pub(super) fn filters(is_leads: bool) -> impl Iterator<Item = &'static Filter> {
    FILTERS.iter().filter(move |it| match it.at {
        Where::Everywhere => true,
        Where::Deals => !is_leads,
        Where::Leads => is_leads,
    })
}

impl Filter {
    /// Reads the values that an address gives: a list in one value counts as several for countries.
    ///
    /// # Errors
    /// The name of the message that says what would be accepted.
    pub(super) fn read(&self, raw: &str) -> Result<Vec<String>, &'static str> {
        let raw = raw.trim();
        match self.kind {
            Kind::Words(words) => {
                let found = words.iter().find(|it| it.eq_ignore_ascii_case(raw));
                found.map(|it| vec![(*it).to_owned()]).ok_or("grid-bad-word")
            }
            Kind::Countries => {
                let codes = raw.split(',').map(|it| it.trim().to_uppercase()).filter(|it| !it.is_empty());
                let codes: Vec<String> = codes.collect();
                let are_known = codes.iter().all(|it| celes::Country::from_alpha2(it).is_ok());
                are_known.then_some(codes).ok_or("grid-bad-country")
            }
            Kind::Text => {
                let fits = raw.chars().count() <= TEXT_CHARS_MAX && !raw.contains(char::is_control);
                fits.then(|| vec![raw.to_owned()]).ok_or("grid-bad-text")
            }
            Kind::Location => {
                let is_id = raw.len() <= 20 && raw.bytes().all(|it| it.is_ascii_digit());
                is_id.then(|| vec![raw.to_owned()]).ok_or("grid-bad-location")
            }
            Kind::Currency => {
                let is_code = raw.len() == 3 && raw.bytes().all(|it| it.is_ascii_alphabetic());
                is_code.then(|| vec![raw.to_uppercase()]).ok_or("grid-bad-currency")
            }
            Kind::Day => {
                let is_day = raw.len() == 10 && Timestamp::parse(raw).is_some();
                is_day.then(|| vec![raw.to_owned()]).ok_or("grid-bad-day")
            }
            Kind::Number => {
                let is_number = Decimal::parse(raw).is_some() && !raw.contains(['e', 'E']);
                is_number.then(|| vec![raw.to_owned()]).ok_or("grid-bad-number")
            }
        }
    }

    /// Returns how many values there may be.
    pub(super) const fn values_max(&self) -> usize {
        match self.kind {
            Kind::Words(_) => VALUES_MAX,
            Kind::Countries => COUNTRIES_MAX,
            Kind::Location => VALUES_MAX,
            Kind::Text | Kind::Currency | Kind::Day | Kind::Number => 1,
        }
    }

    /// Returns the condition that one of the values is true of, in the words of `$filter`.
    pub(super) fn clause(&self, values: &[&str], own: &OrganizationId) -> String {
        let first = values.first().copied().unwrap_or_default();
        match self.name {
            "status" => any_of(values, |it| match GROUPS.contains(&it) {
                true => format!("status eq '{it}'"),
                false => format!("substatus eq '{it}'"),
            }),
            "registration" => one_of("registrationStatus", values),
            "record" => any_of(values, |it| match it {
                "own" => format!("organizationId eq {}", quoted(&own.to_string())),
                _ => format!("organizationId ne {}", quoted(&own.to_string())),
            }),
            "type" => one_of("type", values),
            "customer" => has_text("customerProfile/name", first),
            "country" => one_of("customerProfile/address/country", values),
            "value-min" => format!("details/dealValue ge {first}"),
            "value-max" => format!("details/dealValue le {first}"),
            "currency" => one_of("details/currency", values),
            "solution" => {
                let id = quoted(&first.to_uppercase());
                let name = has_text("s/name", first);
                format!("details/requirements/solutions/any(s:toupper(s/id) eq {id} or {name})")
            }
            "intent" => {
                let ids = any_of(values, |it| format!("a/id eq '{it}'"));
                format!(
                    "details/requirements/additionalRequirements/attributes/any(a:a/type eq \
                     'CustomerMarketplaceIntent' and {ids})"
                )
            }
            "closes-from" => format!("details/closingDateTime ge {}", midnight(first, 0)),
            "closes-until" => format!("details/closingDateTime lt {}", midnight(first, 1)),
            "created-from" => format!("createdDateTime ge {}", midnight(first, 0)),
            "created-until" => format!("createdDateTime lt {}", midnight(first, 1)),
            "help" => one_of("inviteContext/assistanceRequestCode", values),
            "role" => one_of("partnerRole", values),
            "program" => has_text("referralProgram", first),
            "partner" => partner(first),
            "member" => format!("team/any(m:tolower(m/email) eq {})", quoted(&first.to_lowercase())),
            "location" => one_of("mpnId", values),
            "source" => one_of("referralSource", values),
            "action" => one_of("callToAction", values),
            "lead" => any_of(values, |it| match it {
                "offer" => "details/requirements/offers/any()".to_owned(),
                _ => "not details/requirements/offers/any()".to_owned(),
            }),
            "quality" => one_of("quality", values),
            "spam" => any_of(values, |it| format!("isSpam eq {}", it == "yes")),
            // The table above is the only maker of filters; its names are covered by a test.
            _ => "true".to_owned(),
        }
    }
}

/// The other party of a deal: its id, or a part of its name.
fn partner(value: &str) -> String {
    let is_id = Uuid::try_parse(value).is_ok() || value.eq_ignore_ascii_case("msft");
    if is_id {
        let id = quoted(&value.to_lowercase());
        return format!("(organizationId eq {id} or inviteContext/invitedBy/organizationId eq {id})");
    }
    let (owner, inviter) =
        (has_text("organizationName", value), has_text("inviteContext/invitedBy/organizationName", value));
    format!("({owner} or {inviter})")
}

/// Writes a text as `$filter` takes it.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn has_text(path: &str, text: &str) -> String {
    format!("contains(tolower({path}),{})", quoted(&text.to_lowercase()))
}

fn one_of(path: &str, values: &[&str]) -> String {
    match values {
        [value] => format!("{path} eq {}", quoted(value)),
        values => {
            let values: Vec<String> = values.iter().map(|it| quoted(it)).collect();
            format!("{path} in ({})", values.join(","))
        }
    }
}

fn any_of(values: &[&str], condition: impl Fn(&str) -> String) -> String {
    match values {
        [value] => condition(value),
        values => {
            let all: Vec<String> = values.iter().map(|it| condition(it)).collect();
            format!("({})", all.join(" or "))
        }
    }
}

fn midnight(day: &str, days_after: i64) -> String {
    Timestamp::parse(day).unwrap_or_default().midnight_after_days(days_after).to_string()
}

#[cfg(test)]
mod tests {
    use odata::{Limits, Query};
    use uuid::Uuid;

    use super::{FILTERS, Filter, Kind};
    use crate::domain::query::SCHEMA;

    /// Returns a value that a filter takes, with characters that could break out of it.
    fn hostile(filter: &Filter) -> &'static str {
        match filter.kind {
            Kind::Words(words) => words.last().unwrap(),
            Kind::Countries => "nl, BE",
            Kind::Text => "O'Neil') or true or ('&$filter=%27",
            Kind::Location => "4321",
            Kind::Currency => "eur",
            Kind::Day => "2026-02-28",
            Kind::Number => "-1234.50",
        }
    }

    #[test]
    fn every_filter_is_a_query_of_the_api() {
        for filter in &FILTERS {
            let values = filter.read(hostile(filter)).unwrap();
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let clause = filter.clause(&values, &Uuid::from_u128(7).into());
            assert_ne!(clause, "true", "{} has a condition", filter.name);
            let text = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("$filter", &format!("{clause} and favorite eq true"))
                .finish();
            let query = Query::parse(&text, &SCHEMA, &Limits::default(), 0);
            let printed = query.unwrap_or_else(|it| panic!("{clause}: {it:?}")).filter.unwrap().to_string();
            assert!(printed.ends_with("favorite eq true"), "{printed}");
        }
    }

    #[test]
    fn values_that_do_not_do_are_refused() {
        for (name, value) in [
            ("status", "Open"),
            ("country", "XX"),
            ("value-min", "50,000"),
            ("value-max", "1e5"),
            ("created-from", "2026-02-30"),
            ("closes-until", "2026-02-28T00:00:00Z"),
            ("currency", "euro"),
            ("location", "12a"),
            ("customer", "a\nb"),
        ] {
            let filter = FILTERS.iter().find(|it| it.name == name).unwrap();
            assert!(filter.read(value).is_err(), "{name}={value}");
        }
    }

    #[test]
    fn days_are_whole() {
        let clause = |name: &str| {
            let filter = FILTERS.iter().find(|it| it.name == name).unwrap();
            filter.clause(&["2026-02-28"], &Uuid::nil().into())
        };
        assert_eq!(clause("created-from"), "createdDateTime ge 2026-02-28T00:00:00Z");
        assert_eq!(clause("created-until"), "createdDateTime lt 2026-03-01T00:00:00Z");
    }
}
