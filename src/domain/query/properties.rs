//! The property table of a referral: every member of the document with its type and the facet that it is shown with.
//!
//! Filters, ordering, selection and the metadata are made from it; tests hold it against the document's own types, the
//! OpenAPI description and `visibility`. A member without a facet of its own is shown with what it stands in.

use odata::schema::{EnumType, Kind, Property, StructuredType, Type};

use crate::domain::{
    visibility::Facet::{self, Contacts, Deal, Notes, Record, Solutions, Team, Value, Work},
    vocabulary::{self, Vocabulary as _},
};

use Type::{Boolean, DateTime, Decimal, Guid, String as Text};

macro_rules! enum_types {
    ($($(#[$meta:meta])* $name:ident = $text:literal, $vocabulary:ident;)+) => {
        $($(#[$meta])* pub static $name: EnumType =
            EnumType { name: $text, members: vocabulary::$vocabulary::SPELLINGS };)+

        /// Every enum of the document.
        pub static ENUMS: &[&EnumType] = &[$(&$name),+];
    };
}

enum_types! {
    /// `status`
    STATUS = "ReferralStatus", Status;
    /// `substatus`
    SUBSTATUS = "ReferralSubstatus", Substatus;
    /// `type`
    REFERRAL_TYPE = "ReferralType", ReferralType;
    /// `qualification`
    QUALIFICATION = "ReferralQualification", Qualification;
    /// `direction`
    DIRECTION = "ReferralDirection", Direction;
    /// `target/type`
    TARGET_TYPE = "TargetType", TargetType;
    /// `solutions/type`
    SOLUTION_TAG_TYPE = "SolutionTagType", SolutionTagType;
    /// `ids/profileType`
    PROFILE_TYPE = "CustomerProfileType", ProfileType;
    /// `inviteContext/assistanceRequestCode`
    ASSISTANCE = "AssistanceRequestCode", AssistanceRequestCode;
    /// `registrationStatus`
    REGISTRATION_STATUS = "RegistrationStatus", RegistrationStatus;
    /// `registrations/type`
    REGISTRATION_TYPE = "RegistrationType", RegistrationType;
    /// `contract/term`
    CONTRACT_TERM = "ContractTerm", ContractTerm;
    /// `solutionDetails/primaryDeploymentOn`
    DEPLOYMENT = "PrimaryDeploymentOn", PrimaryDeploymentOn;
    /// `solutionDetails/pricingModel`
    PRICING_MODEL = "PricingModel", PricingModel;
}

/// One organisation's record of a lead or deal.
pub static REFERRAL: StructuredType = StructuredType {
    name: "Referral",
    properties: &[
        always("id", Guid, Some(Record)),
        always("engagementId", Guid, Some(Record)),
        maybe("name", Text, Some(Deal)),
        always("organizationId", Text, Some(Record)),
        always("organizationName", Text, Some(Record)),
        maybe("lastModifiedVia", Text, Some(Work)),
        maybe("lastRunId", Text, Some(Work)),
        maybe("externalReferenceId", Text, Some(Work)),
        always("createdDateTime", DateTime, Some(Record)),
        always("updatedDateTime", DateTime, Some(Record)),
        maybe("expirationDateTime", DateTime, Some(Record)),
        always("status", Type::Enum(&STATUS), Some(Record)),
        always("substatus", Type::Enum(&SUBSTATUS), Some(Record)),
        maybe("statusReason", Text, Some(Notes)),
        always("qualification", Type::Enum(&QUALIFICATION), Some(Record)),
        always("type", Type::Enum(&REFERRAL_TYPE), Some(Record)),
        maybe("referralSource", Text, Some(Deal)),
        computed("eTag", Kind::Scalar(Text)),
        always("favorite", Boolean, Some(Record)),
        maybe("campaignId", Text, Some(Work)),
        maybe("salesStage", Text, Some(Work)),
        always("quality", Text, Some(Work)),
        always("isSpam", Boolean, Some(Work)),
        always("direction", Type::Enum(&DIRECTION), Some(Record)),
        maybe("mpnId", Text, Some(Work)),
        maybe("referralProgram", Text, Some(Work)),
        always("dealSensitivity", Text, Some(Work)),
        maybe("createdVia", Text, Some(Work)),
        of("tags", Kind::Scalars(Text), Some(Work)),
        maybe("acceptedDateTime", DateTime, Some(Record)),
        maybe("closedDateTime", DateTime, Some(Record)),
        maybe("callToAction", Text, Some(Deal)),
        always("registrationStatus", Type::Enum(&REGISTRATION_STATUS), Some(Work)),
        of("target", Kind::Complexes(&TARGET), Some(Deal)),
        of("customerProfile", Kind::Complex(&CUSTOMER_PROFILE), Some(Deal)),
        of("consent", Kind::Complex(&CONSENT), Some(Deal)),
        of("details", Kind::Complex(&DETAILS), Some(Deal)),
        of("team", Kind::Complexes(&MEMBER), Some(Team)),
        of("inviteContext", Kind::Complex(&INVITE_CONTEXT), Some(Deal)),
        computed("links", Kind::Complex(&LINKS)),
        of("trackingInfo", Kind::Complex(&TRACKING_INFO), Some(Work)),
        of("registrations", Kind::Complexes(&REGISTRATION), Some(Work)),
        maybe("exception", Text, Some(Work)),
        maybe("partnerRole", Text, Some(Deal)),
        maybe("solutionArea", Text, Some(Deal)),
        maybe("solutionPlay", Text, Some(Deal)),
    ],
};

static TARGET: StructuredType = StructuredType {
    name: "Target",
    properties: &[always("type", Type::Enum(&TARGET_TYPE), None), always("id", Text, None)],
};

static CUSTOMER_PROFILE: StructuredType = StructuredType {
    name: "CustomerProfile",
    properties: &[
        maybe("name", Text, None),
        // Words such as `1to9employees` are no names of enum members (CSDL 4.01, 15.2).
        maybe("size", Text, None),
        always("isMatchingComplete", Boolean, None),
        of("address", Kind::Complex(&ADDRESS), None),
        of("team", Kind::Complexes(&MEMBER), Some(Contacts)),
        of("ids", Kind::Complexes(&CUSTOMER_ID), Some(Contacts)),
    ],
};

static ADDRESS: StructuredType = StructuredType {
    name: "Address",
    properties: &[
        maybe("addressLine1", Text, None),
        maybe("addressLine2", Text, None),
        maybe("city", Text, None),
        maybe("state", Text, None),
        maybe("postalCode", Text, None),
        maybe("country", Text, None),
        maybe("region", Text, None),
    ],
};

static CUSTOMER_ID: StructuredType = StructuredType {
    name: "CustomerId",
    properties: &[always("profileType", Type::Enum(&PROFILE_TYPE), None), always("id", Text, None)],
};

static MEMBER: StructuredType = StructuredType {
    name: "Member",
    properties: &[
        maybe("firstName", Text, None),
        maybe("lastName", Text, None),
        maybe("phoneNumber", Text, None),
        maybe("email", Text, None),
        maybe("title", Text, None),
        of("contactPreference", Kind::Complex(&CONTACT_PREFERENCE), None),
    ],
};

static CONTACT_PREFERENCE: StructuredType = StructuredType {
    name: "ContactPreference",
    properties: &[maybe("locale", Text, None), maybe("disableNotifications", Boolean, None)],
};

static CONSENT: StructuredType = StructuredType {
    name: "Consent",
    properties: &[
        maybe("consentToToShareInfoWithOthers", Boolean, None),
        maybe("consentToContact", Boolean, None),
        maybe("consentToMicrosoftToContactSpecificPartners", Boolean, None),
        always("consentToShareReferralWithMicrosoftSellers", Boolean, None),
    ],
};

static DETAILS: StructuredType = StructuredType {
    name: "Details",
    properties: &[
        maybe("notes", Text, Some(Notes)),
        maybe("dealValue", Decimal, Some(Value)),
        maybe("currency", Text, Some(Value)),
        maybe("closingDateTime", DateTime, Some(Record)),
        maybe("customerRequestedContact", Boolean, None),
        maybe("customerAction", Text, Some(Notes)),
        maybe("incentiveLevel", Text, Some(Value)),
        of("requirements", Kind::Complex(&REQUIREMENTS), None),
    ],
};

static REQUIREMENTS: StructuredType = StructuredType {
    name: "Requirements",
    properties: &[
        of("industries", Kind::Complexes(&TAG), None),
        of("products", Kind::Complexes(&TAG), None),
        of("services", Kind::Complexes(&TAG), None),
        of("solutions", Kind::Complexes(&SOLUTION_TAG), Some(Solutions)),
        of("offers", Kind::Complexes(&OFFER), None),
        of("salesPlays", Kind::Complexes(&TAG), None),
        of("additionalRequirements", Kind::Complex(&ADDITIONAL_REQUIREMENTS), None),
    ],
};

static TAG: StructuredType = StructuredType { name: "Tag", properties: &[always("id", Text, None)] };

static OFFER: StructuredType =
    StructuredType { name: "Offer", properties: &[always("id", Text, None), maybe("name", Text, None)] };

static SOLUTION_TAG: StructuredType = StructuredType {
    name: "SolutionTag",
    properties: &[
        always("id", Text, None),
        maybe("name", Text, None),
        always("type", Type::Enum(&SOLUTION_TAG_TYPE), None),
        maybe("price", Decimal, Some(Value)),
        maybe("quantity", Decimal, Some(Value)),
        maybe("currency", Text, Some(Value)),
        maybe("publisherName", Text, None),
        maybe("solutionType", Text, None),
        maybe("closingDateTime", DateTime, None),
    ],
};

static ADDITIONAL_REQUIREMENTS: StructuredType = StructuredType {
    name: "AdditionalRequirements",
    properties: &[of("iot", Kind::Complex(&IOT), None), of("attributes", Kind::Complexes(&ATTRIBUTE), None)],
};

static IOT: StructuredType = StructuredType {
    name: "Iot",
    properties: &[
        maybe("customerLicenseAgreementNumber", Text, None),
        maybe("deviceCategory", Text, None),
        maybe("siliconType", Text, None),
        always("azureCertifiedDevice", Boolean, None),
        always("attachServices", Boolean, None),
    ],
};

static ATTRIBUTE: StructuredType =
    StructuredType { name: "Attribute", properties: &[always("type", Text, None), always("id", Text, None)] };

static INVITE_CONTEXT: StructuredType = StructuredType {
    name: "InviteContext",
    properties: &[
        maybe("notes", Text, Some(Notes)),
        always("assistanceRequestCode", Type::Enum(&ASSISTANCE), None),
        maybe("invitedMpnId", Text, Some(Work)),
        of("invitedBy", Kind::Complex(&INVITER), None),
    ],
};

static INVITER: StructuredType = StructuredType {
    name: "Inviter",
    properties: &[maybe("organizationId", Text, None), maybe("organizationName", Text, None)],
};

static LINKS: StructuredType = StructuredType {
    name: "Links",
    properties: &[computed("relatedReferrals", Kind::Complex(&LINK)), computed("self", Kind::Complex(&LINK))],
};

static LINK: StructuredType = StructuredType {
    name: "Link",
    properties: &[computed("uri", Kind::Scalar(Text)), computed("method", Kind::Scalar(Text))],
};

static TRACKING_INFO: StructuredType = StructuredType {
    name: "TrackingInfo",
    properties: &[
        maybe("microsoftMsxId", Text, None),
        maybe("microsoftUSFedOpportunityId", Text, None),
        maybe("microsoftUSFedLeadId", Text, None),
        maybe("migratedPSCDealId", Text, None),
        maybe("migratedPSCPartnerDealId", Text, None),
    ],
};

static REGISTRATION: StructuredType = StructuredType {
    name: "Registration",
    properties: &[
        always("id", Text, None),
        always("type", Type::Enum(&REGISTRATION_TYPE), None),
        maybe("registrationDateTime", DateTime, None),
        always("status", Type::Enum(&REGISTRATION_STATUS), None),
        maybe("statusReason", Text, None),
        of("contract", Kind::Complex(&CONTRACT), None),
        of("solutionDetails", Kind::Complexes(&SOLUTION_DETAIL), None),
        of("statusHistory", Kind::Complex(&STATUS_HISTORY), None),
    ],
};

static CONTRACT: StructuredType = StructuredType {
    name: "Contract",
    properties: &[
        maybe("value", Decimal, None),
        maybe("currency", Text, None),
        maybe("startDateTime", DateTime, None),
        maybe("endDateTime", DateTime, None),
        maybe("signDateTime", DateTime, None),
        maybe("term", Type::Enum(&CONTRACT_TERM), None),
    ],
};

static SOLUTION_DETAIL: StructuredType = StructuredType {
    name: "SolutionDetail",
    properties: &[
        always("id", Text, None),
        maybe("name", Text, None),
        maybe("value", Decimal, None),
        maybe("currency", Text, None),
        maybe("isDeployedOnAzure", Boolean, None),
        maybe("primaryDeploymentOn", Type::Enum(&DEPLOYMENT), None),
        maybe("pricingModel", Type::Enum(&PRICING_MODEL), None),
        of("marketplaceTransactionDetails", Kind::Complex(&MARKETPLACE_TRANSACTION), None),
    ],
};

static MARKETPLACE_TRANSACTION: StructuredType = StructuredType {
    name: "MarketplaceTransactionDetails",
    properties: &[
        maybe("isMarketplaceTransacted", Boolean, None),
        maybe("marketplaceTransactionDateTime", DateTime, None),
    ],
};

static STATUS_HISTORY: StructuredType = StructuredType {
    name: "StatusHistory",
    properties: &[
        maybe("reviewPendingDateTime", DateTime, None),
        maybe("actionRequiredDateTime", DateTime, None),
        maybe("passedDateTime", DateTime, None),
        maybe("failedDateTime", DateTime, None),
        maybe("approvedDateTime", DateTime, None),
    ],
};

/// A scalar that is never null.
const fn always(name: &'static str, ty: Type, facet: Option<Facet>) -> Property {
    of(name, Kind::Scalar(ty), facet)
}

/// A scalar that may be null.
const fn maybe(name: &'static str, ty: Type, facet: Option<Facet>) -> Property {
    Property { is_nullable: true, ..of(name, Kind::Scalar(ty), facet) }
}

const fn of(name: &'static str, kind: Kind, facet: Option<Facet>) -> Property {
    Property { name, kind, is_nullable: false, is_filterable: true, mark: mark(facet) }
}

/// A member that is made for each answer, so that there is nothing to compare with.
const fn computed(name: &'static str, kind: Kind) -> Property {
    Property { is_filterable: false, ..of(name, kind, Some(Record)) }
}

/// Zero for the facet of what it stands in.
const fn mark(facet: Option<Facet>) -> u8 {
    match facet {
        None => 0,
        Some(facet) => facet as u8 + 1,
    }
}
