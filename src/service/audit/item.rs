//! The form of a record, which is documented for changes of referrals; everything else keeps it.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    domain::{
        audit::{AuditEvent, DOTNET_EPOCH_TICKS, record_id, referral_operation},
        organization::OrganizationId,
        time::Timestamp,
        vocabulary::Vocabulary as _,
        webhook::payload::without_zone,
    },
    service::referrals::AuditRecord,
    storage::{Store, StoreError},
};

/// Something that happened.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditItem {
    /// `{partnerId}_{id of the change or event}_{operationType}_{.NET ticks}`.
    pub id: String,
    /// The caller's organisation.
    pub partner_id: OrganizationId,
    /// Always empty.
    #[schema(value_type = Vec<String>)]
    pub participants: [String; 0],
    /// Always empty.
    pub customer_id: &'static str,
    /// The name of a referral's customer; empty where the caller may not see it, and of everything else.
    pub customer_name: String,
    /// Who did it; empty for whoever is not of the caller's organisation, or not there any more.
    pub user_principal_name: String,
    /// Through what; empty for another organisation's application.
    pub application_id: String,
    /// `referral`, or what else it was done to, such as `user`.
    pub resource_type: &'static str,
    /// It before, as JSON in a string; null when it was made, or where there is nothing to show.
    #[schema(required)]
    pub resource_old_value: Option<String>,
    /// It after, as JSON in a string; null when it was taken away, or where there is nothing to show.
    #[schema(required)]
    pub resource_new_value: Option<String>,
    /// `create_referral`, `update_referral`, `create_related_referral`, `update_related_referral`, or what else was done,
    /// such as `update_user`.
    pub operation_type: String,
    /// Id of the change or event.
    pub original_correlation_id: Uuid,
    /// When, with seven digits of fraction; of what is counted, when for the first time.
    pub operation_date: String,
    /// `succeeded` or `failed`.
    pub operation_status: &'static str,
    /// `ReferralId` and `EngagementId`; of everything else, `ResourceId`, `UserId` and what more is known.
    pub customized_data: Vec<AuditValue>,
    /// What this is.
    pub attributes: AuditAttributes,
}

/// A name with its value.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditValue {
    /// The name.
    pub key: String,
    /// The value.
    pub value: String,
}

/// What an object is.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditAttributes {
    /// `AuditRecord` or `Collection`.
    pub object_type: &'static str,
}

impl std::fmt::Debug for AuditItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditItem").field("id", &self.id).finish_non_exhaustive()
    }
}

impl AuditValue {
    fn new(key: &str, value: impl ToString) -> Self {
        Self { key: key.to_owned(), value: value.to_string() }
    }
}

impl AuditItem {
    /// Tells a change of a referral.
    pub(super) fn of_change(partner: &OrganizationId, record: AuditRecord) -> Self {
        let operation = referral_operation(record.event);
        Self {
            id: record_id(partner, record.id, operation, record.at),
            partner_id: partner.clone(),
            participants: [],
            customer_id: "",
            customer_name: record.customer.unwrap_or_default(),
            user_principal_name: record.user.unwrap_or_default(),
            application_id: record.application.unwrap_or_default(),
            resource_type: "referral",
            resource_old_value: record.versions.before(),
            resource_new_value: Some(record.versions.after()),
            operation_type: operation.to_owned(),
            original_correlation_id: record.id,
            operation_date: seven_digits(record.at),
            operation_status: "succeeded",
            customized_data: vec![
                AuditValue::new("ReferralId", record.referral_id),
                AuditValue::new("EngagementId", record.engagement_id),
            ],
            attributes: AuditAttributes { object_type: "AuditRecord" },
        }
    }

    /// Tells everything else; its person is named as it is called now.
    pub(super) async fn of_event(
        store: &Store,
        partner: &OrganizationId,
        event: AuditEvent,
    ) -> Result<Self, StoreError> {
        let user = match event.author.user_id {
            Some(id) => store.find_principal_by_id(id).await?.filter(|it| it.organization.id == *partner),
            None => None,
        };
        let operation_type = event.operation();
        Ok(Self {
            id: record_id(partner, event.id, &operation_type, event.at),
            partner_id: partner.clone(),
            participants: [],
            customer_id: "",
            customer_name: String::new(),
            user_principal_name: user.map(|it| it.user.email).unwrap_or_default(),
            application_id: event.author.application_id.clone(),
            resource_type: event.resource.as_str(),
            operation_type,
            original_correlation_id: event.id,
            operation_date: seven_digits(event.at),
            operation_status: if event.has_failed { "failed" } else { "succeeded" },
            customized_data: customized(&event),
            resource_old_value: event.before,
            resource_new_value: event.after,
            attributes: AuditAttributes { object_type: "AuditRecord" },
        })
    }
}

fn customized(event: &AuditEvent) -> Vec<AuditValue> {
    let subject = Some(&event.subject).filter(|it| !it.is_empty());
    let mut values: Vec<_> = subject.map(|it| AuditValue::new("ResourceId", it)).into_iter().collect();
    values.extend(event.author.user_id.map(|it| AuditValue::new("UserId", it)));
    values.extend(event.details.iter().map(|(key, value)| AuditValue::new(key, value)));
    if event.count > 1 {
        values.push(AuditValue::new("Count", event.count));
        values.push(AuditValue::new("LastDate", seven_digits(event.last)));
    }
    values
}

/// Writes a time with all of its digits, as this API does.
fn seven_digits(at: Timestamp) -> String {
    format!("{}Z", without_zone(at))
}

/// Reads when it happened from the id of a record.
pub(super) fn moment_of(record_id: &str) -> Option<Timestamp> {
    let ticks: i64 = record_id.rsplit_once('_')?.1.parse().ok()?;
    ticks.checked_sub(DOTNET_EPOCH_TICKS).map(Timestamp::from_ticks)
}
