//! The deal registration of a won Azure IP co-sell deal ("Register deals", 2023).
//!
//! A registration never travels in a create call; it has paths of its own.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{
    json::decimal::Decimal,
    time::Timestamp,
    vocabulary::{ContractTerm, PricingModel, PrimaryDeploymentOn, RegistrationStatus, RegistrationType},
};

/// One registration.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    /// Its id.
    pub id: String,
    /// What kind it is.
    #[serde(rename = "type")]
    pub kind: RegistrationType,
    /// When it was submitted.
    pub registration_date_time: Option<Timestamp>,
    /// Where it stands.
    pub status: RegistrationStatus,
    /// Reviewer's text.
    pub status_reason: Option<String>,
    /// The signed contract.
    pub contract: Contract,
    /// The solutions in it.
    pub solution_details: Vec<SolutionDetail>,
    /// When it reached each state.
    pub status_history: StatusHistory,
}

/// A signed contract.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Contract {
    /// Value.
    pub value: Option<Decimal>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// First day.
    pub start_date_time: Option<Timestamp>,
    /// Last day; null when perpetual.
    pub end_date_time: Option<Timestamp>,
    /// Day of signature.
    pub sign_date_time: Option<Timestamp>,
    /// How long it runs.
    pub term: Option<ContractTerm>,
}

/// A solution in a contract.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SolutionDetail {
    /// Catalogue id.
    pub id: String,
    /// Display name.
    pub name: Option<String>,
    /// Value of this part.
    pub value: Option<Decimal>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// Whether it runs on Azure.
    pub is_deployed_on_azure: Option<bool>,
    /// Whose subscription it runs on.
    pub primary_deployment_on: Option<PrimaryDeploymentOn>,
    /// How it is paid for.
    pub pricing_model: Option<PricingModel>,
    /// Whether and when it went through the marketplace.
    pub marketplace_transaction_details: MarketplaceTransactionDetails,
}

/// Whether and when a solution went through the marketplace.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MarketplaceTransactionDetails {
    /// Whether it did.
    pub is_marketplace_transacted: Option<bool>,
    /// When.
    pub marketplace_transaction_date_time: Option<Timestamp>,
}

/// When a registration reached each state.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusHistory {
    /// Review began.
    pub review_pending_date_time: Option<Timestamp>,
    /// The partner was asked to act.
    pub action_required_date_time: Option<Timestamp>,
    /// It passed.
    pub passed_date_time: Option<Timestamp>,
    /// It failed.
    pub failed_date_time: Option<Timestamp>,
    /// It was approved.
    pub approved_date_time: Option<Timestamp>,
}
