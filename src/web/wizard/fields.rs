//! What each step asks for. A field is called like the place of its value in the request, with points for slashes, so
//! that a problem of the request finds its field, and the form becomes the request without a table of its own.

use super::step::Step;

/// The customer's consent that its data are shared, which whoever is invited needs.
pub(super) const CONSENT_TO_SHARE: &str = "consent.consentToToShareInfoWithOthers";
/// The customer's consent to be contacted.
pub(super) const CONSENT_TO_CONTACT: &str = "consent.consentToContact";
/// Whether and how Microsoft takes part.
pub(super) const HELP: &str = "help";
/// What Microsoft is told: of the invitation, so it is no member of the own record.
pub(super) const NOTES_TO_MICROSOFT: &str = "microsoft.inviteContext.notes";
/// The location that the deal belongs to.
pub(super) const LOCATION: &str = "mpnId";
/// Whether the deal will go through the marketplace.
pub(super) const INTENT: &str = "details.requirements.additionalRequirements.attributes.0.id";

/// What is put in how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Text,
    /// Several lines.
    Long,
    Date,
    Number,
    Email,
    Phone,
    Check,
    /// One of a list.
    Choice(Choices),
    /// One of a few, all in sight.
    Radio(Choices),
}

/// What there is to choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choices {
    Countries,
    Currencies,
    CustomerSizes,
    /// The person's own locations.
    Locations,
    Intents,
    /// Private, partner-led, or what help is wanted of Microsoft.
    Help,
    /// What help is wanted of a partner.
    Assistance,
}

/// A field of a form.
#[derive(Clone, Copy)]
pub(super) struct Spec {
    /// Name in the form: the place of the value in the request. In a row it is below the row.
    pub(super) name: &'static str,
    /// Name of the label in the catalogue; with `-hint` that of the hint, if there is one.
    pub(super) label: &'static str,
    pub(super) input: Input,
    pub(super) is_required: bool,
    /// What browsers fill in by themselves.
    pub(super) autocomplete: &'static str,
    /// Id of the list of what was written here before; empty when there is none.
    pub(super) list: &'static str,
}

impl Spec {
    const fn new(name: &'static str, label: &'static str, input: Input) -> Self {
        Self { name, label, input, is_required: false, autocomplete: "off", list: "" }
    }

    const fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    const fn listed(self, list: &'static str) -> Self {
        Self { list, ..self }
    }
}

/// A step's form: fields in groups, then rows of further ones.
pub(super) struct Page {
    /// Name of the heading in the catalogue, empty for none; then the fields.
    pub(super) groups: &'static [(&'static str, &'static [Spec])],
    pub(super) rows: Option<Rows>,
}

/// What there may be several of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    Team,
    Solutions,
    Partners,
}

use Input::{Check, Choice, Date, Email, Long, Number, Phone, Radio, Text};

const CUSTOMER: &[Spec] = &[
    Spec::new("customerProfile.name", "wizard-customer-name", Text).required().listed("customers"),
    Spec::new("customerProfile.address.addressLine1", "wizard-street", Text).required(),
    Spec::new("customerProfile.address.addressLine2", "wizard-street-more", Text),
    Spec::new("customerProfile.address.city", "wizard-city", Text).required(),
    Spec::new("customerProfile.address.state", "wizard-state", Text),
    Spec::new("customerProfile.address.postalCode", "wizard-postal-code", Text),
    Spec::new("customerProfile.address.country", "wizard-country", Choice(Choices::Countries)).required(),
    Spec::new("customerProfile.ids.0.id", "wizard-duns", Text),
    Spec::new("customerProfile.size", "wizard-size", Choice(Choices::CustomerSizes)),
];

const CONTACT: &[Spec] = &[
    Spec::new("customerProfile.team.0.firstName", "wizard-first-name", Text),
    Spec::new("customerProfile.team.0.lastName", "wizard-last-name", Text),
    Spec::new("customerProfile.team.0.phoneNumber", "wizard-phone", Phone),
    Spec::new("customerProfile.team.0.email", "wizard-email", Email),
];

const DEAL: &[Spec] = &[
    Spec::new("name", "wizard-deal-name", Text).required(),
    Spec::new(LOCATION, "wizard-location", Choice(Choices::Locations)).required(),
    Spec::new("details.dealValue", "wizard-value", Number).required(),
    Spec::new("details.currency", "wizard-currency", Choice(Choices::Currencies)).required(),
    Spec::new("details.closingDateTime", "wizard-closes", Date).required(),
    Spec::new("externalReferenceId", "wizard-crm-id", Text),
    Spec::new("campaignId", "wizard-campaign", Text),
    Spec::new("details.notes", "wizard-notes", Long),
];

const PURCHASE: &[Spec] = &[Spec::new(INTENT, "wizard-intent", Radio(Choices::Intents))];

const MEMBER: &[Spec] = &[
    Spec::new("firstName", "wizard-first-name", Text).required(),
    Spec::new("lastName", "wizard-last-name", Text).required(),
    Spec::new("phoneNumber", "wizard-phone", Phone).required(),
    Spec::new("email", "wizard-email", Email).required().listed("colleagues"),
];

const SOLUTION: &[Spec] = &[
    Spec::new("name", "wizard-solution-name", Text),
    Spec::new("id", "wizard-solution-id", Text).required(),
    Spec::new("quantity", "wizard-quantity", Number),
    Spec::new("price", "wizard-price", Number),
    Spec::new("currency", "wizard-solution-currency", Choice(Choices::Currencies)),
];

const MICROSOFT: &[Spec] = &[
    Spec::new(HELP, "wizard-help", Radio(Choices::Help)),
    Spec::new(NOTES_TO_MICROSOFT, "wizard-notes-to-microsoft", Long),
];

const CONSENTS: &[Spec] = &[
    Spec::new(CONSENT_TO_CONTACT, "wizard-consent-contact", Check),
    Spec::new(CONSENT_TO_SHARE, "wizard-consent-share", Check),
];

const PARTNER: &[Spec] = &[
    Spec::new("inviteContext.assistanceRequestCode", "wizard-assistance", Choice(Choices::Assistance)),
    Spec::new("inviteContext.notes", "wizard-notes-to-partner", Long),
    Spec::new("details.dealValue", "wizard-value", Number),
    Spec::new("details.currency", "wizard-currency", Choice(Choices::Currencies)),
    Spec::new("details.closingDateTime", "wizard-closes", Date),
    Spec::new("details.requirements.solutions.0.name", "wizard-solution-name", Text),
    Spec::new("details.requirements.solutions.0.id", "wizard-solution-id", Text),
];

const CONSENT: &[Spec] = &[Spec::new(CONSENT_TO_SHARE, "wizard-consent-share", Check)];

impl Page {
    /// Returns the form of a step.
    pub(super) const fn of(step: Step) -> Self {
        match step {
            Step::Customer => Self { groups: &[("", CUSTOMER), ("wizard-contact", CONTACT)], rows: None },
            Step::Deal => Self { groups: &[("", DEAL)], rows: None },
            Step::Intent => Self { groups: &[("", PURCHASE)], rows: None },
            Step::Team => Self { groups: &[], rows: Some(Rows::Team) },
            Step::Solutions => Self { groups: &[], rows: Some(Rows::Solutions) },
            Step::Help => Self { groups: &[("", MICROSOFT), ("wizard-consents", CONSENTS)], rows: None },
            Step::Partners => Self { groups: &[("wizard-consents", CONSENT)], rows: Some(Rows::Partners) },
            Step::Review => Self { groups: &[], rows: None },
        }
    }

    /// Returns the fields that stand once.
    pub(super) fn specs(&self) -> impl Iterator<Item = &'static Spec> + use<> {
        self.groups.iter().flat_map(|(_, specs)| specs.iter())
    }
}

impl Rows {
    /// Returns what the name of a row's field begins with, before the row's number.
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Team => "team",
            Self::Solutions => "details.requirements.solutions",
            Self::Partners => "partners",
        }
    }

    /// Returns the fields of a row.
    pub(super) const fn specs(self) -> &'static [Spec] {
        match self {
            Self::Team => MEMBER,
            Self::Solutions => SOLUTION,
            Self::Partners => PARTNER,
        }
    }

    /// Returns the name of a row's field.
    pub(super) fn name(self, index: usize, name: &str) -> String {
        format!("{}.{index}.{name}", self.prefix())
    }
}

#[cfg(test)]
mod tests {
    use super::{Page, Rows, Step};
    use crate::web::words::{Language, Words};

    #[test]
    fn every_field_has_a_label() {
        let rows = [Rows::Team, Rows::Solutions, Rows::Partners].into_iter().flat_map(|it| it.specs());
        let specs = Step::all(false).into_iter().flat_map(|it| Page::of(it).specs()).chain(rows);
        for spec in specs {
            assert!(Words(Language::English).say_known(spec.label).is_some(), "{}", spec.label);
        }
        for step in Step::all(false) {
            for part in ["step", "lead"] {
                let name = format!("wizard-{part}-{}", step.as_str());
                assert!(Words(Language::English).say_known(&name).is_some(), "{name}");
            }
        }
    }
}
