//! The document: one organisation's record of a lead or deal, in the member order of real payloads (2022).
//!
//! These types are the wire and the domain at once; separate copies of a tree of this size would only
//! drift. Scalars that are absent are written as explicit `null`, lists as `[]`. Four members differ by
//! viewer and hold neutral values in storage: `eTag`, `favorite`, `direction`, `links`. `view` fills them in.
//!
//! Start at [`Referral`]; `draft` reads what a caller sends; `registration` is the deal registration.

pub mod draft;
mod reader;
pub mod registration;

pub(crate) use self::reader::is_spelling_of;

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use self::registration::Registration;
use super::{
    json::decimal::Decimal,
    organization::OrganizationId,
    time::Timestamp,
    vocabulary::{
        AssistanceRequestCode, CustomerSize, Direction, ProfileType, Qualification, ReferralType,
        RegistrationStatus, SolutionTagType, Status, Substatus, TargetType,
    },
};

/// Members that the server owns: never checked, always reported ("Update a referral", 2019; Flow sends them).
pub const READ_ONLY: &[&str] = &[
    "id",
    "organizationName",
    "lastModifiedVia",
    "lastRunId",
    "createdDateTime",
    "updatedDateTime",
    "expirationDateTime",
    "referralSource",
    "eTag",
    "favorite",
    "quality",
    "isSpam",
    "direction",
    "referralProgram",
    "dealSensitivity",
    "createdVia",
    "tags",
    "acceptedDateTime",
    "closedDateTime",
    "callToAction",
    "registrationStatus",
    "links",
    "trackingInfo",
    "registrations",
    "exception",
];

/// One organisation's record of a lead or deal.
///
/// A member that a stored document lacks, because it was written before the member existed, has its neutral
/// value.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Referral {
    /// Key of this referral.
    pub id: Uuid,
    /// Ties the referrals of all parties of one deal.
    pub engagement_id: Uuid,
    /// Name of the deal.
    pub name: Option<String>,
    /// Owner of this record: a GUID, or `msft`.
    pub organization_id: OrganizationId,
    /// Display name of the owner.
    pub organization_name: String,
    /// Channel of the last write.
    pub last_modified_via: Option<String>,
    /// Connector run marker.
    pub last_run_id: Option<String>,
    /// The caller's own CRM id.
    pub external_reference_id: Option<String>,
    /// When it was made.
    pub created_date_time: Timestamp,
    /// When it last changed.
    pub updated_date_time: Timestamp,
    /// Until when the receiver can answer; null once it has, and on own records.
    pub expiration_date_time: Option<Timestamp>,
    /// Where it stands.
    pub status: Status,
    /// Where it stands, more precisely.
    pub substatus: Substatus,
    /// Why it stands there, in free text.
    pub status_reason: Option<String>,
    /// Who qualified the opportunity.
    pub qualification: Qualification,
    /// Whether other parties take part.
    #[serde(rename = "type")]
    pub kind: ReferralType,
    /// Source of a marketplace lead.
    pub referral_source: Option<String>,
    /// Concurrency token; the quotes are part of the value.
    pub e_tag: Option<String>,
    /// Whether the viewer marked it.
    pub favorite: bool,
    /// Marketing campaign.
    pub campaign_id: Option<String>,
    /// Sales stage, by name or percentage.
    pub sales_stage: Option<String>,
    /// Quality of a lead: `Unknown`, `High` or `Low`.
    pub quality: String,
    /// Whether it was reported as spam.
    pub is_spam: bool,
    /// Relative to the viewer's organisation.
    pub direction: Option<Direction>,
    /// Partner id of the location that it belongs to, digits only.
    pub mpn_id: Option<String>,
    /// Programme that it came from.
    pub referral_program: Option<String>,
    /// `None` is the only value seen.
    pub deal_sensitivity: String,
    /// Channel of the first write.
    pub created_via: Option<String>,
    /// Labels.
    pub tags: Vec<String>,
    /// When the owner accepted it; the creation time on own records.
    pub accepted_date_time: Option<Timestamp>,
    /// When it became Closed.
    pub closed_date_time: Option<Timestamp>,
    /// What the customer of a marketplace lead clicked.
    pub call_to_action: Option<String>,
    /// Roll-up of its registrations.
    pub registration_status: RegistrationStatus,
    /// Who or what it is addressed to.
    pub target: Vec<Target>,
    /// The customer.
    pub customer_profile: CustomerProfile,
    /// What the customer agreed to.
    pub consent: Consent,
    /// The deal.
    pub details: Details,
    /// People who work on it.
    pub team: Vec<Member>,
    /// The invitation that made it.
    pub invite_context: InviteContext,
    /// Where to go from here.
    pub links: Option<Links>,
    /// Ids in Microsoft's own systems.
    pub tracking_info: TrackingInfo,
    /// Deal registrations.
    pub registrations: Vec<Registration>,
    /// Exception request of a deal registration.
    pub exception: Option<String>,
    /// What the partner does in a services co-sell.
    pub partner_role: Option<String>,
    /// Solution area of a services co-sell.
    pub solution_area: Option<String>,
    /// Solution play of a services co-sell.
    pub solution_play: Option<String>,
}

impl fmt::Debug for Referral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Referral").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Default for Referral {
    fn default() -> Self {
        Self::blank()
    }
}

impl Referral {
    /// Returns the document that every history starts from: no facts, every member at its neutral value.
    pub fn blank() -> Self {
        Self {
            id: Uuid::nil(),
            engagement_id: Uuid::nil(),
            name: None,
            organization_id: Uuid::nil().into(),
            organization_name: String::new(),
            last_modified_via: None,
            last_run_id: None,
            external_reference_id: None,
            created_date_time: Timestamp::default(),
            updated_date_time: Timestamp::default(),
            expiration_date_time: None,
            status: Status::None,
            substatus: Substatus::None,
            status_reason: None,
            qualification: Qualification::None,
            kind: ReferralType::Independent,
            referral_source: None,
            e_tag: None,
            favorite: false,
            campaign_id: None,
            sales_stage: None,
            quality: "Unknown".to_owned(),
            is_spam: false,
            direction: None,
            mpn_id: None,
            referral_program: None,
            deal_sensitivity: "None".to_owned(),
            created_via: None,
            tags: Vec::new(),
            accepted_date_time: None,
            closed_date_time: None,
            call_to_action: None,
            registration_status: RegistrationStatus::None,
            target: Vec::new(),
            customer_profile: CustomerProfile::default(),
            consent: Consent::default(),
            details: Details::default(),
            team: Vec::new(),
            invite_context: InviteContext::default(),
            links: None,
            tracking_info: TrackingInfo::default(),
            registrations: Vec::new(),
            exception: None,
            partner_role: None,
            solution_area: None,
            solution_play: None,
        }
    }

    /// Reads a stored document.
    ///
    /// # Errors
    /// When the text is not a canonical document, which means that the database was changed by others.
    pub fn from_document(document: &str) -> serde_json::Result<Self> {
        serde_json::from_str(document)
    }

    /// Writes the canonical document.
    pub fn to_document(&self) -> String {
        serde_json::to_string(self).expect("the document types have no map and no failing serializer")
    }
}

/// Who or what a referral is addressed to.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// What the id names.
    #[serde(rename = "type")]
    pub kind: TargetType,
    /// Id of a location (a GUID, or `msft`) or of a solution (such as `SOL-34104-EBB`).
    pub id: String,
}

/// The customer of a referral.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CustomerProfile {
    /// Legal name.
    pub name: Option<String>,
    /// How many people it employs.
    pub size: Option<CustomerSize>,
    /// Whether account matching has finished.
    pub is_matching_complete: bool,
    /// Where it is.
    pub address: Address,
    /// Its contacts.
    pub team: Vec<Member>,
    /// Its ids in directories.
    pub ids: Vec<CustomerId>,
}

/// A postal address.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Address {
    /// Street and number.
    pub address_line1: Option<String>,
    /// More of the same.
    pub address_line2: Option<String>,
    /// City.
    pub city: Option<String>,
    /// State or province.
    pub state: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2, upper case.
    pub country: Option<String>,
    /// Region.
    pub region: Option<String>,
}

/// An id of the customer in a directory.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomerId {
    /// Which directory.
    pub profile_type: ProfileType,
    /// The id there.
    pub id: String,
}

/// A person: a contact of the customer, or a seller.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Member {
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// Phone number, as text.
    pub phone_number: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Job title.
    pub title: Option<String>,
    /// How the person wants to be contacted.
    pub contact_preference: ContactPreference,
}

/// How a person wants to be contacted.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ContactPreference {
    /// Culture name such as `en-US`, in the casing that was sent.
    pub locale: Option<String>,
    /// Whether notices are unwanted.
    pub disable_notifications: Option<bool>,
}

/// What the customer agreed to.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Consent {
    /// Personal data may be passed on. The doubled "To" is official.
    pub consent_to_to_share_info_with_others: Option<bool>,
    /// The customer may be contacted.
    pub consent_to_contact: Option<bool>,
    /// The customer named fewer than three partners (2018).
    pub consent_to_microsoft_to_contact_specific_partners: Option<bool>,
    /// Microsoft's sellers see the deal. One way: it can be given, not taken back.
    pub consent_to_share_referral_with_microsoft_sellers: bool,
}

/// The deal itself.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Details {
    /// Free text.
    pub notes: Option<String>,
    /// Estimated value, in the digits that were sent.
    pub deal_value: Option<Decimal>,
    /// ISO 4217, upper case.
    pub currency: Option<String>,
    /// Estimated close.
    pub closing_date_time: Option<Timestamp>,
    /// Whether the customer asked to be contacted.
    pub customer_requested_contact: Option<bool>,
    /// What the customer did.
    pub customer_action: Option<String>,
    /// Incentive level.
    pub incentive_level: Option<String>,
    /// What the customer needs.
    pub requirements: Requirements,
}

/// What the customer needs.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Requirements {
    /// Industries.
    pub industries: Vec<Tag>,
    /// Products.
    pub products: Vec<Tag>,
    /// Services.
    pub services: Vec<Tag>,
    /// Solutions.
    pub solutions: Vec<SolutionTag>,
    /// Marketplace offers.
    pub offers: Vec<Offer>,
    /// Sales plays.
    pub sales_plays: Vec<Tag>,
    /// Device facts and further attributes.
    pub additional_requirements: AdditionalRequirements,
}

/// A word of an open vocabulary.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tag {
    /// The word.
    pub id: String,
}

/// A marketplace offer.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Offer {
    /// Offer id.
    pub id: String,
    /// Offer name.
    pub name: Option<String>,
}

/// A solution that the deal is about.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SolutionTag {
    /// Catalogue or category id; never checked against a catalogue.
    pub id: String,
    /// Display name.
    pub name: Option<String>,
    /// What the id names.
    #[serde(rename = "type")]
    pub kind: SolutionTagType,
    /// Price of one.
    pub price: Option<Decimal>,
    /// How many.
    pub quantity: Option<Decimal>,
    /// Currency of the price.
    pub currency: Option<String>,
    /// Who publishes it.
    pub publisher_name: Option<String>,
    /// `3P` for a partner's, `1P` for Microsoft's own.
    pub solution_type: Option<String>,
    /// Estimated close of this part.
    pub closing_date_time: Option<Timestamp>,
}

/// Device facts and further attributes.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AdditionalRequirements {
    /// Facts about a device deal.
    pub iot: Iot,
    /// Further attributes, such as `CustomerMarketplaceIntent`.
    pub attributes: Vec<Attribute>,
}

/// Facts about a device deal.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Iot {
    /// Number of the customer licence agreement.
    pub customer_license_agreement_number: Option<String>,
    /// Kind of device.
    pub device_category: Option<String>,
    /// Kind of chip.
    pub silicon_type: Option<String>,
    /// Whether the device is certified.
    pub azure_certified_device: bool,
    /// Whether services are attached.
    pub attach_services: bool,
}

/// A further attribute of the requirements.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attribute {
    /// Which attribute.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its value.
    pub id: String,
}

/// The invitation that made a referral.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InviteContext {
    /// What the inviter tells the invitee.
    pub notes: Option<String>,
    /// What help is wanted.
    pub assistance_request_code: AssistanceRequestCode,
    /// Location of the invitee.
    pub invited_mpn_id: Option<String>,
    /// Who invited, as told by the caller. Rules never read it.
    pub invited_by: Inviter,
}

impl Default for InviteContext {
    fn default() -> Self {
        Self {
            notes: None,
            assistance_request_code: AssistanceRequestCode::Unknown,
            invited_mpn_id: None,
            invited_by: Inviter::default(),
        }
    }
}

/// Who invited, as told by the caller.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Inviter {
    /// GUID or `msft`, as sent.
    pub organization_id: Option<String>,
    /// Name, as sent.
    pub organization_name: Option<String>,
}

/// Where to go from a referral.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Links {
    /// All visible referrals of the engagement.
    pub related_referrals: Link,
    /// This referral.
    #[serde(rename = "self")]
    pub this: Link,
}

/// An address and how to call it.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Link {
    /// Absolute address.
    pub uri: String,
    /// HTTP method.
    pub method: String,
}

/// Ids in Microsoft's own systems.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct TrackingInfo {
    /// Opportunity in MSX.
    #[serde(rename = "microsoftMsxId")]
    pub microsoft_msx_id: Option<String>,
    /// Federal opportunity.
    #[serde(rename = "microsoftUSFedOpportunityId")]
    pub microsoft_us_fed_opportunity_id: Option<String>,
    /// Federal lead.
    #[serde(rename = "microsoftUSFedLeadId")]
    pub microsoft_us_fed_lead_id: Option<String>,
    /// Deal migrated from Partner Sales Connect.
    #[serde(rename = "migratedPSCDealId")]
    pub migrated_psc_deal_id: Option<String>,
    /// Partner deal migrated from Partner Sales Connect.
    #[serde(rename = "migratedPSCPartnerDealId")]
    pub migrated_psc_partner_deal_id: Option<String>,
}
