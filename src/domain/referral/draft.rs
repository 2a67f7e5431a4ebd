//! What a caller sends to make a referral, read leniently into strict types.
//!
//! Leniency lives here and in `reader` only: names and enums in any case, the misspelt names of Microsoft's
//! pages and samples, text for numbers and booleans, customer ids in four shapes, the spellings of 2018.

use email_address::EmailAddress;
use iso_currency::Currency;
use uuid::Uuid;

use super::{
    AdditionalRequirements, Address, Attribute, Consent, ContactPreference, CustomerId, CustomerProfile,
    Details, InviteContext, Inviter, Iot, Member, Offer, READ_ONLY, Referral, Requirements, SolutionTag, Tag,
    Target,
    reader::{CharsMax, Members, Reader},
};
use crate::domain::{
    json::Node,
    organization::OrganizationId,
    report::{ProblemCode, Report, shortened},
    vocabulary::{
        ATTRIBUTE_TYPES, AssistanceRequestCode, INDUSTRIES, MARKETPLACE_INTENTS, PARTNER_ROLES, PRODUCTS,
        ProfileType, Qualification, ReferralType, SALES_STAGES, SERVICES, SOLUTION_CATEGORIES,
        SOLUTION_TYPES, SolutionTagType, Status, Substatus, TargetType, canonical,
    },
};

const TEAM_MEMBERS_MAX: usize = 50;
const SOLUTIONS_MAX: usize = 50;
const TARGETS_MAX: usize = 10;
const ITEMS_MAX: usize = 1000;
const ID: CharsMax = CharsMax(256);
const EMAIL: CharsMax = CharsMax(320);

/// How long texts may be, in characters. The contract documents no maxima; these are settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextLimits {
    /// Names of deals and customers.
    pub name_chars_max: usize,
    /// Notes.
    pub notes_chars_max: usize,
    /// Every other text.
    pub text_chars_max: usize,
}

impl Default for TextLimits {
    fn default() -> Self {
        Self { name_chars_max: 256, notes_chars_max: 10_000, text_chars_max: 256 }
    }
}

/// What a caller sends to make a referral. `None` means absent or null, or reported as wrong.
#[derive(Clone, Default, PartialEq)]
pub struct Draft {
    /// Engagement to connect to.
    pub engagement_id: Option<Uuid>,
    /// Owner, in the form of 2018.
    pub organization_id: Option<OrganizationId>,
    /// Name of the deal.
    pub name: Option<String>,
    /// The caller's own CRM id.
    pub external_reference_id: Option<String>,
    /// Advisory.
    pub status: Option<Status>,
    /// Advisory.
    pub substatus: Option<Substatus>,
    /// Free text.
    pub status_reason: Option<String>,
    /// Who qualified the opportunity.
    pub qualification: Option<Qualification>,
    /// Whether other parties take part.
    pub kind: Option<ReferralType>,
    /// Marketing campaign.
    pub campaign_id: Option<String>,
    /// Sales stage.
    pub sales_stage: Option<String>,
    /// The caller's location.
    pub mpn_id: Option<String>,
    /// Who or what it is addressed to; see [`Draft::addressed`].
    pub target: Vec<Target>,
    /// The customer.
    pub customer_profile: Option<CustomerProfile>,
    /// What the customer agreed to.
    pub consent: Option<Consent>,
    /// The deal.
    pub details: Option<Details>,
    /// People who work on it.
    pub team: Vec<Member>,
    /// The invitation.
    pub invite_context: Option<InviteContext>,
    /// Services co-sell: role.
    pub partner_role: Option<String>,
    /// Services co-sell: area.
    pub solution_area: Option<String>,
    /// Services co-sell: play.
    pub solution_play: Option<String>,
    /// Programme that it came from; read from a change only.
    pub referral_program: Option<String>,
}

impl Draft {
    /// Returns a document with the members that were sent, and neutral values everywhere else.
    pub fn into_document(self) -> Referral {
        Referral {
            name: self.name,
            external_reference_id: self.external_reference_id,
            status: self.status.unwrap_or(Status::None),
            substatus: self.substatus.unwrap_or(Substatus::None),
            status_reason: self.status_reason,
            qualification: self.qualification.unwrap_or(Qualification::None),
            kind: self.kind.unwrap_or(ReferralType::Independent),
            campaign_id: self.campaign_id,
            sales_stage: self.sales_stage,
            mpn_id: self.mpn_id,
            referral_program: self.referral_program,
            target: self.target.into_iter().filter(|it| it.kind != TargetType::None).collect(),
            customer_profile: self.customer_profile.unwrap_or_default(),
            consent: self.consent.unwrap_or_default(),
            details: self.details.unwrap_or_default(),
            team: self.team,
            invite_context: self.invite_context.unwrap_or_default(),
            partner_role: self.partner_role,
            solution_area: self.solution_area,
            solution_play: self.solution_play,
            engagement_id: self.engagement_id.unwrap_or_default(),
            ..Referral::blank()
        }
    }

    /// Returns the targets that address somebody, with their places in the list.
    pub fn addressed(&self) -> impl Iterator<Item = (usize, &Target)> {
        self.target.iter().enumerate().filter(|(_, it)| it.kind != TargetType::None)
    }
}

/// What the members are sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To make a record.
    Create,
    /// To change one; `referralProgram` can be set then (the connector's Swagger, 2020).
    Revise,
}

/// Reads what a caller sent. The report holds every problem; a draft with problems is not to be used.
pub fn read(node: Node, purpose: Purpose, limits: &TextLimits) -> (Draft, Report) {
    let mut reader = Reader::new();
    let draft = reader.object(node, |reader, members| referral(reader, members, purpose, limits));
    (draft.unwrap_or_default(), reader.report)
}

fn referral(r: &mut Reader, m: &mut Members, purpose: Purpose, limits: &TextLimits) -> Draft {
    let text = CharsMax(limits.text_chars_max);
    let referral_program = match purpose {
        Purpose::Create => None,
        Purpose::Revise => r.text(m, "referralProgram", text),
    };
    for name in READ_ONLY.iter().chain(&["@odata.context", "@odata.etag"]) {
        r.read_only(m, name);
    }
    let (partner_role, solution_area, solution_play) = (
        r.open_word(m, "partnerRole", text, PARTNER_ROLES),
        r.text(m, "solutionArea", text),
        r.text(m, "solutionPlay", text),
    );
    let mut draft = Draft {
        engagement_id: r.guid(m, "engagementId"),
        organization_id: organization_id(r, m),
        name: r.text(m, "name", CharsMax(limits.name_chars_max)),
        external_reference_id: r.text(m, "externalReferenceId", text),
        status: r.word(m, "status"),
        substatus: r.word(m, "substatus"),
        status_reason: r.text(m, "statusReason", CharsMax(limits.notes_chars_max)),
        qualification: r.word(m, "qualification"),
        kind: r.word(m, "type"),
        campaign_id: r.text(m, "campaignId", text),
        sales_stage: sales_stage(r, m, text),
        mpn_id: mpn_id(r, m),
        target: r.list(m, "target", TARGETS_MAX, |r, node| Some(target(r, node))),
        customer_profile: r.child(m, "customerProfile", |r, m| customer_profile(r, m, limits)),
        consent: r.child(m, "consent", consent),
        details: r.child(m, "details", |r, m| details(r, m, limits)),
        team: r.list(m, "team", TEAM_MEMBERS_MAX, |r, node| Some(member(r, node, text))),
        invite_context: r.child(m, "inviteContext", |r, m| invite_context(r, m, limits)),
        partner_role,
        solution_area,
        solution_play,
        referral_program,
    };
    marketplace_intent(r, m, &mut draft, text);
    services_from_attributes(&mut draft);
    if purpose == Purpose::Create && draft.organization_id.is_some() && draft.addressed().next().is_some() {
        r.report.ignored(r.pointer(Some("organizationId")), "targetDecides");
    }
    draft
}

/// The 2024 table lists the intent beside the other members; the sample carries it as an attribute.
fn marketplace_intent(r: &mut Reader, m: &mut Members, draft: &mut Draft, text: CharsMax) {
    let Some(intent) = r.text(m, "customerMarketplaceIntent", text) else { return };
    let Some(details) = &mut draft.details else { return };
    let attributes = &mut details.requirements.additional_requirements.attributes;
    if attributes.iter().all(|it| it.kind != "CustomerMarketplaceIntent") {
        let id = canonical(MARKETPLACE_INTENTS, &intent).into_owned();
        attributes.push(Attribute { kind: "CustomerMarketplaceIntent".to_owned(), id });
    }
    r.normalized(Some("customerMarketplaceIntent"), "attribute");
}

/// Where the three services members sit on the wire is not known, so both places count; they are emitted at
/// the top level, and stay in the attributes when they came that way.
fn services_from_attributes(draft: &mut Draft) {
    let Some(details) = &draft.details else { return };
    let find = |kind: &str| {
        let attributes = &details.requirements.additional_requirements.attributes;
        attributes.iter().find(|it| it.kind == kind).map(|it| it.id.clone())
    };
    let places = [
        (&mut draft.partner_role, find("PartnerRole")),
        (&mut draft.solution_area, find("SolutionArea")),
        (&mut draft.solution_play, find("SolutionPlay")),
    ];
    for (member, attribute) in places {
        if member.is_none() {
            *member = attribute;
        }
    }
}

fn sales_stage(r: &mut Reader, m: &mut Members, text: CharsMax) -> Option<String> {
    let sent = r.text_or_number(m, "salesStage", text)?;
    Some(r.canonical(Some("salesStage"), SALES_STAGES, sent))
}

fn organization_id(r: &mut Reader, m: &mut Members) -> Option<OrganizationId> {
    let text = r.text(m, "organizationId", ID)?;
    if text.is_empty() {
        return None;
    }
    let id = OrganizationId::parse(&text);
    if id.is_none() {
        let message = format!("\"{}\" is neither a GUID nor msft", shortened(&text));
        r.report.problem(
            ProblemCode::InvalidValue,
            "organizationId",
            r.pointer(Some("organizationId")),
            message,
        );
    }
    id
}

fn mpn_id(r: &mut Reader, m: &mut Members) -> Option<String> {
    let text = r.text_or_number(m, "mpnId", ID)?;
    if text.is_empty() {
        return None;
    }
    if text.bytes().all(|it| it.is_ascii_digit()) {
        return Some(text);
    }
    let message = format!("\"{}\" is no partner id; send digits only", shortened(&text));
    r.report.problem(ProblemCode::InvalidValue, "digits", r.pointer(Some("mpnId")), message);
    None
}

/// Reads a target; one that is wrong, or of type `None`, addresses nobody but keeps its place.
fn target(r: &mut Reader, node: Node) -> Target {
    let target = r.object(node, |r, m| {
        let kind = r.word(m, "type");
        let id = r.text(m, "id", ID);
        match (kind, id) {
            (Some(kind), Some(id)) => Some(Target { kind, id }),
            (kind, _) => {
                let name = if kind.is_none() { "type" } else { "id" };
                let pointer = r.pointer(Some(name));
                r.report.required(&pointer, "a target has a type and an id");
                None
            }
        }
    });
    match target.flatten() {
        Some(target) if target.kind == TargetType::None => {
            r.report.ignored(r.pointer(None), "noTarget");
            target
        }
        Some(target) => target,
        None => Target { kind: TargetType::None, id: String::new() },
    }
}

fn customer_profile(r: &mut Reader, m: &mut Members, limits: &TextLimits) -> CustomerProfile {
    let text = CharsMax(limits.text_chars_max);
    r.read_only(m, "isMatchingComplete");
    CustomerProfile {
        name: r.text(m, "name", CharsMax(limits.name_chars_max)),
        size: r.word(m, "size"),
        is_matching_complete: false,
        address: r.child(m, "address", |r, m| address(r, m, text)).unwrap_or_default(),
        team: r.list(m, "team", TEAM_MEMBERS_MAX, |r, node| Some(member(r, node, text))),
        ids: r.member(m, "ids", customer_ids).unwrap_or_default(),
    }
}

/// Ids come as an array of objects, as `{}`, as null, or as an object with `duns` and `external`.
fn customer_ids(r: &mut Reader, node: Node) -> Option<Vec<CustomerId>> {
    match node {
        Node::Array(_) => r.items(node, ITEMS_MAX, customer_id),
        Node::Object(_) => r.object(node, |r, m| {
            let mut ids = Vec::new();
            for (name, profile_type) in [("duns", ProfileType::Duns), ("external", ProfileType::External)] {
                if let Some(id) = r.text_or_number(m, name, ID)
                    && !id.is_empty()
                {
                    ids.push(CustomerId { profile_type, id });
                }
            }
            if !ids.is_empty() {
                r.normalized(None, "objectToArray");
            }
            ids
        }),
        node => {
            r.mistyped(&node, "an array of {profileType, id}");
            None
        }
    }
}

fn customer_id(r: &mut Reader, node: Node) -> Option<CustomerId> {
    r.object(node, |r, m| {
        let profile_type = r.word(m, "profileType");
        let id = r.text_or_number(m, "id", ID).filter(|it| !it.is_empty());
        for (name, is_missing) in [("profileType", profile_type.is_none()), ("id", id.is_none())] {
            if is_missing {
                let pointer = r.pointer(Some(name));
                r.report.required(&pointer, "a customer id has a profileType and an id");
            }
        }
        Some(CustomerId { profile_type: profile_type?, id: id? })
    })?
}

fn address(r: &mut Reader, m: &mut Members, text: CharsMax) -> Address {
    Address {
        address_line1: r.text(m, "addressLine1", text),
        address_line2: r.text(m, "addressLine2", text),
        city: r.text(m, "city", text),
        state: r.text(m, "state", text),
        postal_code: r.text(m, "postalCode", text),
        country: country(r, m),
        region: r.text(m, "region", text),
    }
}

/// Countries are alpha-2 (documentation since 2022); alpha-3 (2019) is converted.
fn country(r: &mut Reader, m: &mut Members) -> Option<String> {
    let sent = r.text(m, "country", ID)?;
    if sent.is_empty() {
        return Some(sent);
    }
    let upper = sent.to_ascii_uppercase();
    let found = celes::Country::from_alpha2(&upper).or_else(|_| celes::Country::from_alpha3(&upper));
    let Ok(country) = found else {
        let message =
            format!("\"{}\" is no ISO 3166-1 country code; send two letters such as US", shortened(&sent));
        r.report.problem(ProblemCode::InvalidValue, "country", r.pointer(Some("country")), message);
        return None;
    };
    if country.alpha2 != sent {
        r.normalized(Some("country"), "countryAlpha2");
    }
    Some(country.alpha2.to_owned())
}

fn currency(r: &mut Reader, m: &mut Members) -> Option<String> {
    let sent = r.text(m, "currency", ID)?;
    if sent.is_empty() {
        return None;
    }
    let upper = sent.to_ascii_uppercase();
    if Currency::from_code(&upper).is_none() {
        let message =
            format!("\"{}\" is no ISO 4217 currency code; send three letters such as USD", shortened(&sent));
        r.report.problem(ProblemCode::InvalidValue, "currency", r.pointer(Some("currency")), message);
        return None;
    }
    if upper != sent {
        r.normalized(Some("currency"), "enumSpelling");
    }
    Some(upper)
}

/// Reads a person; one that is wrong keeps its place.
fn member(r: &mut Reader, node: Node, text: CharsMax) -> Member {
    let member = r.object(node, |r, m| {
        r.read_only(m, "emailValidationStatus");
        r.read_only(m, "phoneValidationStatus");
        Member {
            first_name: r.text(m, "firstName", text),
            last_name: r.text(m, "lastName", text),
            phone_number: r.text(m, "phoneNumber", text),
            email: email(r, m),
            title: r.text(m, "title", text),
            contact_preference: r
                .child(m, "contactPreference", |r, m| ContactPreference {
                    locale: locale(r, m),
                    disable_notifications: r.boolean(m, "disableNotifications"),
                })
                .unwrap_or_default(),
        }
    });
    member.unwrap_or_default()
}

fn email(r: &mut Reader, m: &mut Members) -> Option<String> {
    let sent = r.text(m, "email", EMAIL)?;
    let trimmed = sent.trim();
    let form = email_address::Options::default().without_display_text();
    if trimmed.is_empty() || EmailAddress::parse_with_options(trimmed, form).is_ok() {
        if trimmed != sent {
            r.normalized(Some("email"), "trimmed");
        }
        return Some(trimmed.to_owned());
    }
    r.report.problem(
        ProblemCode::InvalidValue,
        "email",
        r.pointer(Some("email")),
        "the text is no e-mail address; send one such as jane.doe@contoso.com",
    );
    None
}

/// Culture names are kept in the casing that was sent; only their form is checked.
fn locale(r: &mut Reader, m: &mut Members) -> Option<String> {
    let sent = r.text(m, "locale", CharsMax(64))?;
    let is_subtag = |it: &str| (1..=8).contains(&it.len()) && it.bytes().all(|it| it.is_ascii_alphanumeric());
    if sent.is_empty() || sent.split(['-', '_']).all(is_subtag) {
        return Some(sent);
    }
    let message = format!("\"{}\" is no culture name; send one such as en-US", shortened(&sent));
    r.report.problem(ProblemCode::InvalidValue, "locale", r.pointer(Some("locale")), message);
    None
}

fn consent(r: &mut Reader, m: &mut Members) -> Consent {
    Consent {
        consent_to_to_share_info_with_others: r.boolean(m, "consentToToShareInfoWithOthers"),
        consent_to_contact: r.boolean(m, "consentToContact"),
        consent_to_microsoft_to_contact_specific_partners: r
            .boolean(m, "consentToMicrosoftToContactSpecificPartners"),
        consent_to_share_referral_with_microsoft_sellers: r
            .boolean(m, "consentToShareReferralWithMicrosoftSellers")
            .unwrap_or(false),
    }
}

fn details(r: &mut Reader, m: &mut Members, limits: &TextLimits) -> Details {
    let text = CharsMax(limits.text_chars_max);
    Details {
        notes: r.text(m, "notes", CharsMax(limits.notes_chars_max)),
        deal_value: r.decimal(m, "dealValue"),
        currency: currency(r, m),
        closing_date_time: r.date_time(m, "closingDateTime"),
        customer_requested_contact: r.boolean(m, "customerRequestedContact"),
        customer_action: r.text(m, "customerAction", text),
        incentive_level: r.text(m, "incentiveLevel", text),
        requirements: r.child(m, "requirements", |r, m| requirements(r, m, text)).unwrap_or_default(),
    }
}

fn requirements(r: &mut Reader, m: &mut Members, text: CharsMax) -> Requirements {
    Requirements {
        industries: r.list(m, "industries", ITEMS_MAX, |r, node| tag(r, node, INDUSTRIES)),
        products: r.list(m, "products", ITEMS_MAX, |r, node| tag(r, node, PRODUCTS)),
        services: r.list(m, "services", ITEMS_MAX, |r, node| tag(r, node, SERVICES)),
        solutions: r.list(m, "solutions", SOLUTIONS_MAX, |r, node| solution(r, node, text)),
        offers: r.list(m, "offers", ITEMS_MAX, |r, node| {
            r.object(node, |r, m| {
                let id = required_id(r, m)?;
                Some(Offer { id, name: r.text(m, "name", text) })
            })?
        }),
        sales_plays: r.list(m, "salesPlays", ITEMS_MAX, |r, node| tag(r, node, &[])),
        additional_requirements: r
            .child(m, "additionalRequirements", |r, m| additional_requirements(r, m, text))
            .unwrap_or_default(),
    }
}

/// A tag is `{"id": "…"}`; the bare word is accepted too.
fn tag(r: &mut Reader, node: Node, known: &[&'static str]) -> Option<Tag> {
    let id = match node {
        Node::Text(_) => {
            r.normalized(None, "textToTag");
            r.read_text(node, ID)?
        }
        node => r.object(node, required_id)??,
    };
    Some(Tag { id: r.canonical(Some("id"), known, id) })
}

fn required_id(r: &mut Reader, m: &mut Members) -> Option<String> {
    let id = r.text(m, "id", ID).filter(|it| !it.is_empty());
    if id.is_none() {
        let pointer = r.pointer(Some("id"));
        r.report.required(&pointer, "the id is missing");
    }
    id
}

fn solution(r: &mut Reader, node: Node, text: CharsMax) -> Option<SolutionTag> {
    r.object(node, |r, m| {
        let kind: Option<SolutionTagType> = r.word(m, "type");
        let id = required_id(r, m);
        let tag = SolutionTag {
            name: r.text(m, "name", text),
            kind: kind.unwrap_or(SolutionTagType::None),
            price: r.decimal(m, "price"),
            quantity: r.decimal(m, "quantity"),
            currency: currency(r, m),
            publisher_name: r.text(m, "publisherName", text),
            solution_type: r.open_word(m, "solutionType", text, SOLUTION_TYPES),
            closing_date_time: r.date_time(m, "closingDateTime"),
            id: String::new(),
        };
        let id = id?;
        let id = match kind {
            Some(SolutionTagType::Category) => r.canonical(Some("id"), SOLUTION_CATEGORIES, id),
            Some(SolutionTagType::Name | SolutionTagType::None) | None => id,
        };
        Some(SolutionTag { id, ..tag })
    })?
}

fn additional_requirements(r: &mut Reader, m: &mut Members, text: CharsMax) -> AdditionalRequirements {
    AdditionalRequirements {
        iot: r
            .child(m, "iot", |r, m| Iot {
                customer_license_agreement_number: r.text(m, "customerLicenseAgreementNumber", text),
                device_category: r.text(m, "deviceCategory", text),
                silicon_type: r.text(m, "siliconType", text),
                azure_certified_device: r.boolean(m, "azureCertifiedDevice").unwrap_or(false),
                attach_services: r.boolean(m, "attachServices").unwrap_or(false),
            })
            .unwrap_or_default(),
        attributes: r.list(m, "attributes", ITEMS_MAX, |r, node| {
            r.object(node, |r, m| {
                let kind = r.open_word(m, "type", text, ATTRIBUTE_TYPES).filter(|it| !it.is_empty());
                let id = required_id(r, m);
                if kind.is_none() {
                    let pointer = r.pointer(Some("type"));
                    r.report.required(&pointer, "an attribute has a type and an id");
                }
                let (kind, id) = (kind?, id?);
                let id = match kind.as_str() {
                    "CustomerMarketplaceIntent" => r.canonical(Some("id"), MARKETPLACE_INTENTS, id),
                    "PartnerRole" => r.canonical(Some("id"), PARTNER_ROLES, id),
                    _ => id,
                };
                Some(Attribute { kind, id })
            })?
        }),
    }
}

fn invite_context(r: &mut Reader, m: &mut Members, limits: &TextLimits) -> InviteContext {
    let text = CharsMax(limits.text_chars_max);
    InviteContext {
        notes: r.text(m, "notes", CharsMax(limits.notes_chars_max)),
        assistance_request_code: r.word(m, "assistanceRequestCode").unwrap_or(AssistanceRequestCode::Unknown),
        invited_mpn_id: r.text_or_number(m, "invitedMpnId", ID),
        invited_by: r
            .child(m, "invitedBy", |r, m| Inviter {
                organization_id: r.text(m, "organizationId", text),
                organization_name: r.text(m, "organizationName", text),
            })
            .unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Draft, Purpose, TextLimits, read};
    use crate::domain::{
        json::{self, JsonLimits},
        report::Report,
        vocabulary::{ProfileType, ReferralType, Status},
    };

    fn read_text(text: &str) -> (Draft, Report) {
        let limits = JsonLimits { depth_max: 32, array_items_max: 1000 };
        read(json::parse(text.as_bytes(), limits).unwrap(), Purpose::Create, &TextLimits::default())
    }

    fn problems(text: &str) -> Vec<(String, &'static str)> {
        read_text(text).1.problems.into_iter().map(|it| (it.target, it.code.as_str())).collect()
    }

    #[test]
    fn an_item_without_what_names_it_is_missed_at_its_place() {
        let sent = r#"{"customerProfile": {"ids": [{"profileType": "External", "id": ""}]},
            "details": {"requirements": {"additionalRequirements": {"attributes": [{"type": "", "id": "x"}]}}}}"#;

        let expected =
            ["/customerProfile/ids/0/id", "/details/requirements/additionalRequirements/attributes/0/type"];
        assert_eq!(problems(sent), expected.map(|it| (it.to_owned(), "requiredFieldMissing")));
    }

    #[test]
    fn spellings_of_2018_are_read() {
        let (draft, report) = read_text(
            r#"{"Type":"shared","Substatus":"PENDING","Status":1,"ReferralQualification":3,
                "organizationId":"MSFT","Consent":{"ConsentToContact":"true","consentToShareInfoWithOthers":"False"},
                "enagementID":"37EF26AA-1D15-4533-9F93-A69BD33AB1E5"}"#,
        );

        assert_eq!(report.problems, []);
        assert_eq!((draft.kind, draft.status), (Some(ReferralType::Shared), Some(Status::New)));
        assert!(draft.organization_id.unwrap().is_msft());
        let consent = draft.consent.unwrap();
        assert_eq!(consent.consent_to_contact, Some(true));
        assert_eq!(consent.consent_to_to_share_info_with_others, Some(false));
        assert_eq!(draft.engagement_id.unwrap().to_string(), "37ef26aa-1d15-4533-9f93-a69bd33ab1e5");
    }

    #[test]
    fn customer_ids_come_in_four_shapes() {
        let ids = |ids: &str| {
            let (draft, report) = read_text(&format!(r#"{{"customerProfile":{{"ids":{ids}}}}}"#));
            assert_eq!(report.problems, [], "{ids}");
            let ids = draft.customer_profile.unwrap().ids;
            ids.into_iter().map(|it| (it.profile_type, it.id)).collect::<Vec<_>>()
        };

        assert_eq!(ids("null"), []);
        assert_eq!(ids("{}"), []);
        assert_eq!(ids("[]"), []);
        let duns = [(ProfileType::Duns, "81466849".to_owned())];
        assert_eq!(ids(r#"[{"ProfileType":"duns","id":"81466849"}]"#), duns);
        assert_eq!(ids(r#"{"Duns":"81466849"}"#), duns);
    }

    #[test]
    fn numbers_keep_their_text_and_text_may_be_a_number() {
        for (sent, kept) in [("1234.50", "1234.50"), ("50000", "50000"), ("\"10000\"", "10000")] {
            let (draft, report) = read_text(&format!(r#"{{"details":{{"dealValue":{sent}}}}}"#));
            assert_eq!(report.problems, []);
            assert_eq!(draft.details.unwrap().deal_value.unwrap().as_str(), kept);
        }
    }

    #[test]
    fn every_problem_is_named_at_its_place() {
        let found = problems(
            r#"{"type":"Foo","name":5,"team":[{"email":"x"},7],"details":{"dealValue":-1,"currency":"XXQ",
                "closingDateTime":"soon"},"customerProfile":{"address":{"country":"ZZ"},"ids":[{"id":"1"}]},
                "mpnId":"12a","status":9,"Status":"New","inviteContext":{"notes":"a\u0000b"}}"#,
        );

        for problem in [
            ("/type", "invalidValue"),
            ("/name", "invalidValue"),
            ("/team/0/email", "invalidValue"),
            ("/team/1", "invalidValue"),
            ("/details/dealValue", "invalidValue"),
            ("/details/currency", "invalidValue"),
            ("/details/closingDateTime", "invalidValue"),
            ("/customerProfile/address/country", "invalidValue"),
            ("/customerProfile/ids/0/profileType", "requiredFieldMissing"),
            ("/mpnId", "invalidValue"),
            ("/status", "invalidValue"),
            ("/Status", "duplicateMember"),
            ("/inviteContext/notes", "invalidValue"),
        ] {
            assert!(found.contains(&(problem.0.to_owned(), problem.1)), "{problem:?} in {found:?}");
        }
        assert_eq!(found.len(), 13, "{found:?}");
    }

    #[test]
    fn what_has_no_effect_is_reported() {
        let (_, report) = read_text(r#"{"id":7,"links":[],"color":"red","team":[{"shoe/size":44}]}"#);

        let ignored: Vec<_> = report.ignored.iter().map(|it| (it.target.as_str(), &*it.rule)).collect();
        assert_eq!(
            ignored,
            [
                ("/id", "readOnlyMember"),
                ("/links", "readOnlyMember"),
                ("/team/0/shoe~1size", "unknownMember"),
                ("/color", "unknownMember"),
            ]
        );
    }

    #[test]
    fn what_a_target_overrules_and_what_targets_nobody_is_reported() {
        let (_, report) = read_text(
            r#"{"organizationId":"msft","target":[{"type":"None","id":""},{"type":"SolutionProfile","id":"S"}]}"#,
        );

        let ignored: Vec<_> = report.ignored.iter().map(|it| (it.target.as_str(), &*it.rule)).collect();
        assert_eq!(ignored, [("/target/0", "noTarget"), ("/organizationId", "targetDecides")]);
    }

    #[test]
    fn what_is_stored_in_another_form_is_reported() {
        let (draft, report) = read_text(
            r#"{"salesStage":"develop","partnerRole":"Mine","team":[{"email":" a@b.example "}],
                "details":{"closingDateTime":"2026-11-22T01:00:00+01:00","requirements":{"solutions":[
                    {"id":"S","closingDateTime":"2026-11-22T00:00:00Z"}]}}}"#,
        );

        let found: Vec<_> = report.normalized.iter().map(|it| (it.target.as_str(), it.rule)).collect();
        assert_eq!(draft.details.unwrap().closing_date_time.unwrap().to_string(), "2026-11-22T00:00:00Z");
        let expected = [
            ("/salesStage", "enumSpelling"),
            ("/details/closingDateTime", "dateTimeUtc"),
            ("/team/0/email", "trimmed"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn text_limits_count_characters_not_bytes() {
        let name = |chars: usize| problems(&format!(r#"{{"name":"{}"}}"#, "\u{1f91d}".repeat(chars)));

        assert_eq!(name(256), []);
        assert_eq!(name(257), [("/name".to_owned(), "tooLong")]);
    }
}
