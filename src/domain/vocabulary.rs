//! The closed enums and open vocabularies of the contract: any case in, canonical spelling out.
//!
//! Values are those of "Referral resources" (2019 to 2024) and of the connector's Swagger (2020 to 2024).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

/// A closed set of words on the wire.
pub trait Vocabulary: Sized + Copy + 'static {
    /// Every word, in the order of the documentation.
    const ALL: &'static [Self];

    /// Says whether the 2018 API took numbers for these words.
    const NUMBERED: bool;

    /// Returns the canonical spelling.
    fn as_str(self) -> &'static str;

    /// Reads the number that the 2018 API took for a word. `None` where it took none.
    fn numbered(number: usize) -> Option<Self> {
        Self::ALL.get(number).copied().filter(|_| Self::NUMBERED)
    }

    /// Reads a word in any case. `None` when it is not known.
    fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|it| it.as_str().eq_ignore_ascii_case(text))
    }

    /// Every canonical spelling, in the same order.
    const SPELLINGS: &'static [&'static str];

    /// Returns every canonical spelling, for messages.
    fn spellings() -> Vec<String> {
        Self::SPELLINGS.iter().map(|it| (*it).to_owned()).collect()
    }
}

macro_rules! vocabulary {
    ($(#[doc = $doc:literal])+ $name:ident, numbered: $numbered:literal {
        $($(#[$word_meta:meta])* $word:ident = $text:literal),+ $(,)?
    }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$word_meta])* #[serde(rename = $text)] #[doc = $text] $word),+
        }

        impl Vocabulary for $name {
            const ALL: &'static [Self] = &[$(Self::$word),+];
            const NUMBERED: bool = $numbered;
            const SPELLINGS: &'static [&'static str] = &[$($text),+];

            fn as_str(self) -> &'static str {
                match self {
                    $(Self::$word => $text),+
                }
            }
        }

        // The derive does not see the spellings through this macro, and would list the names of the variants.
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some(concat!($($doc),+).trim()))
                    .enum_values(Some(Self::spellings()))
                    .into()
            }
        }

        impl ToSchema for $name {}
    };
}

pub(super) use vocabulary;

vocabulary! {
    /// Where a referral stands.
    Status, numbered: true { None = "None", New = "New", Active = "Active", Closed = "Closed" }
}

vocabulary! {
    /// Where a referral stands, more precisely. `Error` came with the portal of 2022/23.
    Substatus, numbered: true {
        None = "None", Pending = "Pending", Received = "Received", Accepted = "Accepted", Won = "Won",
        Lost = "Lost", Declined = "Declined", Expired = "Expired", Error = "Error",
    }
}

vocabulary! {
    /// Whether other parties take part.
    ReferralType, numbered: true { Shared = "Shared", Independent = "Independent" }
}

vocabulary! {
    /// Who qualified the opportunity.
    Qualification, numbered: true {
        None = "None", Direct = "Direct", MarketingQualified = "MarketingQualified",
        SalesQualified = "SalesQualified",
    }
}

vocabulary! {
    /// Relative to the viewer's organisation.
    Direction, numbered: false { Incoming = "Incoming", Outgoing = "Outgoing" }
}

vocabulary! {
    /// What a target id names.
    TargetType, numbered: false {
        None = "None", BusinessProfileLocation = "BusinessProfileLocation", SolutionProfile = "SolutionProfile",
    }
}

vocabulary! {
    /// What a solution tag's id names: a predefined category, or an entry of the solution catalogue.
    SolutionTagType, numbered: true { None = "None", Category = "Category", Name = "Name" }
}

vocabulary! {
    /// Which directory a customer id belongs to.
    ProfileType, numbered: false { Duns = "Duns", External = "External" }
}

vocabulary! {
    /// What help the inviter wants.
    AssistanceRequestCode, numbered: false {
        Unknown = "Unknown", GeneralOrOther = "GeneralOrOther",
        CustomerTechnicalArchitecture = "CustomerTechnicalArchitecture",
        ProofOfConceptOrDemo = "ProofOfConceptOrDemo", QuotesOrLicensing = "QuotesOrLicensing",
        PostSalesCustomerSuccess = "PostSalesCustomerSuccess",
        WorkloadSpecificValueProposition = "WorkloadSpecificValueProposition",
    }
}

vocabulary! {
    /// How many people the customer employs.
    CustomerSize, numbered: false {
        From1To50 = "1to50employees", From51To500 = "51to500employees", MoreThan500 = "Morethan500employees",
        From1To9 = "1to9employees", From10To50 = "10to50employees", From51To250 = "51to250employees",
        From251To1000 = "251to1000employees", From1001To5000 = "1001to5000employees",
        From5001To10000 = "5001to10000employees", From10001To20000 = "10001to20000employees",
        MoreThan20000 = "Morethan20000employees",
    }
}

vocabulary! {
    /// Where a deal registration stands; the referral carries the roll-up.
    RegistrationStatus, numbered: false {
        None = "None", ReviewPending = "ReviewPending", ActionRequired = "ActionRequired",
        Approved = "Approved", Passed = "Passed", Failed = "Failed", Closed = "Closed",
    }
}

vocabulary! {
    /// What kind of registration it is.
    RegistrationType, numbered: false { AzureIpCoSell = "AzureIPCoSell" }
}

vocabulary! {
    /// How long a registered contract runs.
    ContractTerm, numbered: false { Perpetual = "Perpetual", Finite = "Finite" }
}

vocabulary! {
    /// Whose subscription a registered solution is deployed on.
    PrimaryDeploymentOn, numbered: false { Customer = "Customer", Partner = "Partner" }
}

vocabulary! {
    /// How a registered solution is paid for.
    PricingModel, numbered: false { PayAsYouGo = "PayAsYouGo", Other = "Other" }
}

vocabulary! {
    /// Whether a business profile is shown to other organisations.
    ProfileStatus, numbered: false { Draft = "Draft", Published = "Published" }
}

vocabulary! {
    /// Who publishes a catalogue solution, and of what kind it is.
    SolutionKind, numbered: false {
        FirstParty = "1P", ThirdParty = "3P", IntellectualProperty = "IP", Services = "Services",
    }
}

/// Products of a requirement. Open: other words are kept as sent.
pub const PRODUCTS: &[&str] = &[
    "Azure",
    "EnterpriseMobilityAndSecurity",
    "Exchange",
    "DeveloperTools",
    "Dynamics365Business",
    "Dynamics365Enterprise",
    "DynamicsAX,GP,NAV,SL",
    "Microsoft365",
    "Office",
    "PowerBI",
    "Project",
    "SharePoint",
    "SkypeForBusiness",
    "Surface",
    "SurfaceHub",
    "SQL",
    "Teams",
    "Visio",
    "Windows",
    "Yammer",
];

/// Services of a requirement. Open.
pub const SERVICES: &[&str] = &[
    "ConsultingAndProfessional",
    "CustomSolution(ISV)",
    "DeploymentOrMigration",
    "Hardware",
    "Integration",
    "IPServices(ISV)",
    "LearningAndCertification",
    "Licensing",
    "ManagedServices",
    "ProjectServices",
];

/// Industries of a requirement. Open.
pub const INDUSTRIES: &[&str] = &[
    "Agriculture, Forestry, & Fishing",
    "Communications & Media",
    "Education",
    "Financial Services",
    "Government",
    "Healthcare",
    "Hospitality",
    "Manufacturing",
    "Power & Utilities",
    "Public Safety and National Security",
    "Retail & Consumer Goods",
    "Services",
    "Travel & Transportation",
    "Wholesale & Distribution",
];

/// Solution categories, for tags of type `Category`. Open.
pub const SOLUTION_CATEGORIES: &[&str] = &[
    "AdvancedAnalytics",
    "ApplicationIntegration",
    "ArtificialIntelligence",
    "AzureSecurityOperationManagement",
    "AzureStack",
    "BackupDisasterRecovery",
    "BigData",
    "Blockchain",
    "Chatbot",
    "CloudDatabaseMigration",
    "CloudMigration",
    "CloudVoice",
    "CognitiveServices",
    "CompetitiveDatabaseMigration",
    "Containers",
    "DataWarehouse",
    "DatabaseonLinux",
    "DevelopmentandTest",
    "DevOps",
    "DigitalMedia",
    "Dynamics365forCustomerService",
    "Dynamics365forFieldService",
    "Dynamics365forFinanceOperations",
    "Dynamics365forRetail",
    "Dynamics365forSales",
    "Dynamics365forTalent",
    "DynamicsonAzure",
    "EnterpriseBusinessIntelligence",
    "Gaming",
    "HighPerformanceComputing",
    "HybridStorage",
    "IdentityandAccessManagement",
    "InformationManagement",
    "InternetofThings",
    "MachineLearning",
    "Microserviceapplications",
    "MobileApplications",
    "MySQLPostgresMigrationtoAzure",
    "Networking",
    "NoSQLMigration",
    "RedhatonAzure",
    "RegulatoryComplianceGDPR",
    "SAPonAzure",
    "ServerlessComputing",
    "SharepointonAzure",
    "SQLServerUpgrade",
    "ThreatProtection",
    "WebDevelopment",
];

/// Sales stages by name ("Swagger", 2020); the portal's percentages travel as text. Open.
pub const SALES_STAGES: &[&str] = &["Qualify", "Develop", "Propose", "Close"];

/// Roles of a partner in a services co-sell, by the labels of "Create a referral" (2024). Open.
pub const PARTNER_ROLES: &[&str] = &[
    "Presales envisioning",
    "Solution design",
    "Proof of concept",
    "Business strategy",
    "Deployment services",
    "Adoption and change management",
    "Transaction",
    "Managed services",
];

/// Answers to whether the deal will go through the marketplace; tokens `Yes` and `No` are inferred. Open.
pub const MARKETPLACE_INTENTS: &[&str] = &["Yes", "No", "HaveNotDecided"];

/// Attribute types of `additionalRequirements`. Open.
pub const ATTRIBUTE_TYPES: &[&str] =
    &["CustomerMarketplaceIntent", "PartnerRole", "SolutionArea", "SolutionPlay"];

/// Who publishes a solution: a partner or Microsoft. Open.
pub const SOLUTION_TYPES: &[&str] = &["3P", "1P"];

/// Returns the canonical spelling of a known word (compared without case and blanks), or the word as sent.
pub fn canonical<'a>(known: &[&'static str], text: &'a str) -> Cow<'a, str> {
    let same = |it: &&&str| {
        let folded = |text: &str| {
            text.chars().filter(|it| *it != ' ').flat_map(char::to_lowercase).collect::<Vec<_>>()
        };
        it.eq_ignore_ascii_case(text) || folded(it) == folded(text)
    };
    if known.contains(&text) {
        return Cow::Borrowed(text);
    }
    known.iter().find(same).map_or(Cow::Borrowed(text), |it| Cow::Owned((*it).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{CustomerSize, PARTNER_ROLES, PRODUCTS, Status, Vocabulary, canonical};

    #[test]
    fn words_are_read_in_any_case_and_written_canonically() {
        assert_eq!(Status::parse("aCTIVE"), Some(Status::Active));
        assert_eq!(
            CustomerSize::parse("MORETHAN500EMPLOYEES").map(Vocabulary::as_str),
            Some("Morethan500employees")
        );
        assert_eq!(Status::parse("Open"), None);
    }

    #[test]
    fn serde_and_the_vocabulary_agree() {
        for size in CustomerSize::ALL {
            assert_eq!(serde_json::to_string(size).unwrap(), format!("\"{}\"", size.as_str()));
        }
    }

    #[test]
    fn open_words_take_the_canonical_spelling_or_stay() {
        assert_eq!(canonical(PRODUCTS, "microsoft365"), "Microsoft365");
        assert_eq!(canonical(PRODUCTS, "Copilot"), "Copilot");
        assert_eq!(canonical(PARTNER_ROLES, "SolutionDesign"), "Solution design");
    }
}
