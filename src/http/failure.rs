//! From what an operation says to what a client reads: the other half of the one mapping to statuses.

use http::StatusCode;

use super::error::{ApiError, ErrorDetail};
use crate::{
    domain::{
        json::JsonError,
        report::{ProblemCode, Report},
    },
    service::referrals::{CreateError, ReadError},
    storage::StoreError,
};

/// When to try again after the store was out of reach.
const STORE_RETRY_SECS: u64 = 5;

impl From<CreateError> for ApiError {
    fn from(error: CreateError) -> Self {
        let message = error.to_string();
        match error {
            CreateError::Malformed(error) => malformed(&error),
            CreateError::Invalid(report) => invalid(report),
            CreateError::AlreadyParty(_) => {
                Self::new(StatusCode::CONFLICT, message).inner("alreadyParty").target("/engagementId")
            }
            CreateError::KeyReused => Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
                .inner("idempotencyKeyReused")
                .target("Idempotency-Key"),
            CreateError::TwinInFlight => Self::new(StatusCode::CONFLICT, message)
                .inner("idempotencyTwinInFlight")
                .target("Idempotency-Key")
                .retry_after_secs(1),
            CreateError::NotVisible => not_found(),
            CreateError::Busy => {
                Self::new(StatusCode::CONFLICT, message).inner("resourceModified").retry_after_secs(1)
            }
            CreateError::Store(error) => error.into(),
            CreateError::Corrupt(error) => corrupt(&error),
        }
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NotFound => not_found(),
            ReadError::Store(error) => error.into(),
            ReadError::Corrupt(error) => corrupt(&error),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "the store failed");
        match error {
            StoreError::Overloaded => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many writes are waiting; try again in 1 second",
            )
            .inner("tooManyWrites")
            .retry_after_secs(1),
            StoreError::Full => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "the server's disk is full; nothing was stored")
                    .inner("diskFull")
            }
            StoreError::Corrupt { .. } => unreadable(),
            StoreError::Conflict(_) => {
                Self::new(StatusCode::CONFLICT, "the write conflicts with what is stored")
                    .inner("resourceModified")
            }
            _ => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "the database does not answer; try again in 5 seconds",
            )
            .inner("storeUnavailable")
            .retry_after_secs(STORE_RETRY_SECS),
        }
    }
}

/// Returns the one 404 of referrals: unknown and foreign ids read the same, byte for byte.
pub(super) fn not_found() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "the referral was not found")
        .target("referral")
        .inner("referralNotFound")
}

fn malformed(error: &JsonError) -> ApiError {
    let code = match error {
        JsonError::DuplicateMember { .. } => ProblemCode::DuplicateMember,
        JsonError::TooManyItems { .. } | JsonError::TooDeep { .. } => ProblemCode::TooLong,
        JsonError::Empty | JsonError::NotUtf8(_) | JsonError::Syntax { .. } => ProblemCode::MalformedBody,
    };
    let detail = ErrorDetail {
        code: code.as_str(),
        target: String::new(),
        message: error.to_string(),
        rule: "json",
        allowed: None,
    };
    ApiError::new(StatusCode::BAD_REQUEST, detail.message.clone()).target("body").details(vec![detail])
}

fn invalid(report: Report) -> ApiError {
    let problems_omitted = report.problems_omitted;
    let details: Vec<ErrorDetail> = report
        .problems
        .into_iter()
        .map(|problem| ErrorDetail {
            code: problem.code.as_str(),
            target: problem.target,
            message: problem.message,
            rule: problem.rule,
            allowed: problem.allowed,
        })
        .collect();
    let message = match details.as_slice() {
        [only] => format!("{}: {}", only.target, only.message),
        [first, rest @ ..] => {
            let more = rest.len().saturating_add(problems_omitted);
            format!("{}: {} (and {more} more problems)", first.target, first.message)
        }
        [] => "the request is not valid".to_owned(),
    };
    let target = details.first().map_or_else(|| "referral".to_owned(), |it| it.target.clone());
    ApiError::new(StatusCode::BAD_REQUEST, message).target(target).details(details)
}

fn corrupt(error: &serde_json::Error) -> ApiError {
    tracing::error!(error = error as &dyn std::error::Error, "a stored document cannot be read");
    unreadable()
}

fn unreadable() -> ApiError {
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "the request failed; tell the operator its request-id")
        .inner("storedDocumentUnreadable")
}
