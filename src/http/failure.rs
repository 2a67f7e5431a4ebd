//! From what an operation says to what a client reads: the other half of the one mapping to statuses.

use http::StatusCode;
use odata::QueryError;

use super::{
    error::{ApiError, ConflictObject, ErrorDetail},
    gate::account_admin_required,
};
use crate::{
    domain::{
        json::JsonError,
        report::{ProblemCode, Report},
    },
    feed::signature::keys::KeyError,
    service::{
        administration::{AdministrationError, Obstacle, Thing},
        audit::AuditError,
        clock::ClockError,
        notices::NoticeError,
        referrals::{
            ChangesError, CreateError, DeltaError, FeedError, GroupError, ListError, ReadError, RetryError,
            ReviseError,
        },
        webhooks::WebhookError,
    },
    storage::StoreError,
};

/// When to try again after the store was out of reach.
const STORE_RETRY_SECS: u64 = 5;
/// Until those are through whom a costly query had to wait for; a query that is too costly alone fails again.
const QUERY_RETRY_SECS: u64 = 10;

impl From<CreateError> for ApiError {
    fn from(error: CreateError) -> Self {
        let message = error.to_string();
        match error {
            CreateError::Malformed(error) => malformed(&error),
            CreateError::Invalid(report) => invalid(report),
            CreateError::AlreadyParty(_) => {
                Self::new(StatusCode::CONFLICT, message).inner("alreadyParty").target("/engagementId")
            }
            CreateError::Retry(error) => error.into(),
            CreateError::Busy => {
                Self::new(StatusCode::CONFLICT, message).inner("resourceModified").retry_after_secs(1)
            }
            CreateError::Store(error) => error.into(),
            CreateError::Corrupt(error) => corrupt(&error),
        }
    }
}

impl From<RetryError> for ApiError {
    fn from(error: RetryError) -> Self {
        let message = error.to_string();
        match error {
            RetryError::KeyReused => Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
                .inner("idempotencyKeyReused")
                .target("Idempotency-Key"),
            RetryError::TwinInFlight => Self::new(StatusCode::CONFLICT, message)
                .inner("idempotencyTwinInFlight")
                .target("Idempotency-Key")
                .retry_after_secs(1),
            RetryError::NotVisible => not_found(),
            RetryError::Store(error) => error.into(),
            RetryError::Corrupt(error) => corrupt(&error),
        }
    }
}

impl From<ReviseError> for ApiError {
    fn from(error: ReviseError) -> Self {
        let message = error.to_string();
        match error {
            ReviseError::NotFound => not_found(),
            ReviseError::Malformed(error) => malformed(&error),
            ReviseError::Invalid(report) => invalid(report),
            ReviseError::OtherSide(refusal) => {
                let detail = ErrorDetail {
                    code: "otherSide",
                    target: "referral".to_owned(),
                    message: message.clone(),
                    rule: refusal.rule(),
                    allowed: None,
                };
                Self::new(StatusCode::FORBIDDEN, message)
                    .target("referral")
                    .details(vec![detail])
                    .inner("otherSide")
            }
            ReviseError::IfMatchRequired => {
                Self::new(StatusCode::BAD_REQUEST, message).inner("ifMatchRequired").target("If-Match")
            }
            ReviseError::Stale(current, conflict) => {
                let is_base_known = conflict.is_some();
                let (is_mergeable, members) =
                    conflict.map_or((false, Vec::new()), |it| (it.is_mergeable, it.members));
                let e_tag = current.to_string();
                Self::new(StatusCode::PRECONDITION_FAILED, message)
                    .inner("resourceModified")
                    .target("If-Match")
                    .conflict(ConflictObject { e_tag, is_base_known, is_mergeable, members })
            }
            ReviseError::Retry(error) => error.into(),
            ReviseError::Busy => {
                Self::new(StatusCode::CONFLICT, message).inner("resourceModified").retry_after_secs(1)
            }
            ReviseError::Store(error) => error.into(),
            ReviseError::Corrupt(error) => corrupt(&error),
            ReviseError::Unreadable => unreadable(),
        }
    }
}

impl From<GroupError> for ApiError {
    fn from(error: GroupError) -> Self {
        let message = error.to_string();
        match error {
            GroupError::Create(error) => error.into(),
            GroupError::Revise(error) => error.into(),
            GroupError::Overlap => Self::new(StatusCode::BAD_REQUEST, message).inner("groupOverlap"),
            GroupError::Busy => {
                Self::new(StatusCode::CONFLICT, message).inner("resourceModified").retry_after_secs(1)
            }
            GroupError::Retry(error) => error.into(),
            GroupError::Store(error) => error.into(),
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

impl From<ListError> for ApiError {
    fn from(error: ListError) -> Self {
        let message = error.to_string();
        match error {
            ListError::Invalid(problems) => invalid_query(&problems),
            ListError::ForeignToken(option) => {
                Self::new(StatusCode::BAD_REQUEST, message).inner("invalidPageToken").target(option)
            }
            ListError::CutOff { costly_part } => {
                let part = match costly_part {
                    Some(part) => format!(
                        "no index serves {part}: add a condition on status, substatus, engagementId, updatedDateTime or the team"
                    ),
                    None => "ask for less at a time".to_owned(),
                };
                Self::new(StatusCode::SERVICE_UNAVAILABLE, format!("{message}; {part}"))
                    .inner("queryTooCostly")
                    .target("$filter")
                    .retry_after_secs(QUERY_RETRY_SECS)
            }
            ListError::Store(error) => error.into(),
            ListError::Read(error) => error.into(),
        }
    }
}

impl From<DeltaError> for ApiError {
    fn from(error: DeltaError) -> Self {
        let message = error.to_string();
        match error {
            DeltaError::List(error) => error.into(),
            DeltaError::SightChanged => {
                Self::new(StatusCode::GONE, message).inner("resyncRequired").target("$deltatoken")
            }
        }
    }
}

impl From<FeedError> for ApiError {
    fn from(error: FeedError) -> Self {
        let message = error.to_string();
        match error {
            FeedError::ForeignCursor => {
                Self::new(StatusCode::BAD_REQUEST, message).inner("invalidPageToken").target("since")
            }
            FeedError::AheadOfLog => {
                Self::new(StatusCode::GONE, message).inner("resyncRequired").target("since")
            }
            FeedError::Read(error) => error.into(),
        }
    }
}

impl From<JsonError> for ApiError {
    fn from(error: JsonError) -> Self {
        malformed(&error)
    }
}

impl From<AdministrationError> for ApiError {
    fn from(error: AdministrationError) -> Self {
        let message = error.to_string();
        match error {
            AdministrationError::Invalid(report) => invalid(report),
            AdministrationError::Conflict(obstacle, message) => obstructed(obstacle, message),
            AdministrationError::NotFound(_) => Self::new(StatusCode::NOT_FOUND, message),
            AdministrationError::Unknown(thing) => unknown(thing),
            AdministrationError::NoAccountAdmin => account_admin_required(message),
            AdministrationError::Hash(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, message),
            AdministrationError::Store(error) => error.into(),
        }
    }
}

impl From<ChangesError> for ApiError {
    fn from(error: ChangesError) -> Self {
        match error {
            ChangesError::NotFound => not_found(),
            ChangesError::UnknownPlace => {
                let message =
                    "the token is none of this list; follow @odata.nextLink as it stands, or start again";
                invalid_query_option("$skiptoken", message)
            }
            ChangesError::Store(error) => error.into(),
            ChangesError::Corrupt(error) => corrupt(&error),
            ChangesError::History(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the log cannot be told");
                unreadable()
            }
        }
    }
}

impl From<ClockError> for ApiError {
    fn from(error: ClockError) -> Self {
        match error {
            ClockError::Malformed(error) => malformed(&error),
            ClockError::Invalid(report) => invalid(report),
            ClockError::Store(error) => error.into(),
        }
    }
}

impl From<WebhookError> for ApiError {
    fn from(error: WebhookError) -> Self {
        let message = error.to_string();
        let not_found = |message: String| Self::new(StatusCode::NOT_FOUND, message);
        let conflict = |message: String| Self::new(StatusCode::CONFLICT, message);
        match error {
            WebhookError::Invalid(report) => invalid(report),
            WebhookError::Registered => conflict(message).inner("registrationExists"),
            WebhookError::NotRegistered => not_found(message).inner("registrationNotFound"),
            WebhookError::NoTestEvent => {
                Self::new(StatusCode::BAD_REQUEST, message).inner("testEventNotRegistered")
            }
            WebhookError::NoSuchTest => not_found(message).inner("validationEventNotFound"),
            WebhookError::NotFound => not_found(message).inner("webhookNotFound"),
            WebhookError::NoSuchDelivery => not_found(message).inner("deliveryNotFound"),
            WebhookError::UnknownPlace => invalid_query_option("$skiptoken", message),
            WebhookError::UnknownState(_) => invalid_query_option("state", message),
            WebhookError::TooMany(_) => conflict(message).inner("tooManyWebhooks"),
            WebhookError::TooManyTests(secs) => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, message).at_gate().retry_after_secs(secs)
            }
            WebhookError::Busy => conflict(message).inner("resourceModified").retry_after_secs(1),
            WebhookError::Store(error) => error.into(),
        }
    }
}

impl From<NoticeError> for ApiError {
    fn from(error: NoticeError) -> Self {
        let message = error.to_string();
        let not_found = |message: String| Self::new(StatusCode::NOT_FOUND, message);
        match error {
            NoticeError::Invalid(report) => invalid(report),
            NoticeError::NotFound => not_found(message).inner("noticeNotFound"),
            NoticeError::ForeignLink => not_found(message).inner("linkUnknown"),
            NoticeError::UnknownPlace => {
                Self::new(StatusCode::BAD_REQUEST, message).inner("invalidPageToken").target("$skiptoken")
            }
            NoticeError::UnknownChoice(_) => invalid_query_option("unread", message),
            NoticeError::Store(error) => error.into(),
            NoticeError::Corrupt(error) => corrupt(&error),
        }
    }
}

fn obstructed(obstacle: Obstacle, message: String) -> ApiError {
    let conflict = ApiError::new(StatusCode::CONFLICT, message);
    match obstacle {
        Obstacle::Taken => conflict.inner("alreadyExists"),
        Obstacle::LastAccountAdmin => conflict.inner("lastAccountAdmin"),
        Obstacle::OwnAccountAdmin => conflict.inner("ownAccountAdmin"),
        Obstacle::DefaultLocation => conflict.inner("defaultLocation"),
        Obstacle::LocationInUse => conflict.inner("locationInUse"),
        Obstacle::Busy => conflict.inner("resourceModified").retry_after_secs(1),
    }
}

/// Returns the one 404 of each kind of thing: unknown and foreign ids read the same, byte for byte.
pub(super) fn unknown(thing: Thing) -> ApiError {
    let unknown = ApiError::new(StatusCode::NOT_FOUND, format!("the {thing} was not found"));
    match thing {
        Thing::Organization => unknown.inner("organizationNotFound"),
        Thing::BusinessProfile => unknown.inner("businessProfileNotFound"),
        Thing::Location => unknown.inner("locationNotFound"),
        Thing::Solution => unknown.inner("solutionNotFound"),
        Thing::User => unknown.inner("userNotFound"),
    }
}

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Store(error) => error.into(),
            KeyError::Certificate(_) | KeyError::NoKey => {
                tracing::error!(error = &error as &dyn std::error::Error, "webhooks cannot be signed");
                let message = "the request failed; tell the operator its request-id";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
            }
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
            StoreError::CutOff => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "the query took longer than it may; ask for less at a time",
            )
            .inner("queryTooCostly")
            .retry_after_secs(QUERY_RETRY_SECS),
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

/// Returns the 404 of a path that leads nowhere.
pub fn path_unknown() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "there is nothing at this path").inner("pathUnknown")
}

/// Returns the one 404 of referrals: unknown and foreign ids read the same, byte for byte.
pub(super) fn not_found() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "the referral was not found")
        .target("referral")
        .inner("referralNotFound")
}

impl From<AuditError> for ApiError {
    fn from(error: AuditError) -> Self {
        let message = error.to_string();
        match error {
            AuditError::ForeignToken => Self::new(StatusCode::BAD_REQUEST, message)
                .inner("invalidPageToken")
                .target("MS-ContinuationToken"),
            AuditError::NotFound => Self::new(StatusCode::NOT_FOUND, message).inner("auditRecordNotFound"),
            AuditError::Changes(error) => error.into(),
        }
    }
}

/// Returns every problem of a query; the first stands in the message.
pub(super) fn invalid_query(problems: &[QueryError]) -> ApiError {
    let details: Vec<ErrorDetail> = problems
        .iter()
        .map(|problem| ErrorDetail {
            code: "invalidQueryOption",
            target: problem.option.clone(),
            message: problem.to_string(),
            rule: "odata",
            allowed: (!problem.expected.is_empty()).then(|| problem.expected.clone()),
        })
        .collect();
    let first = details.first();
    let message = first.map_or_else(|| "the query is not valid".to_owned(), |it| it.message.clone());
    let target = first.map_or_else(|| "query".to_owned(), |it| it.target.clone());
    ApiError::new(StatusCode::BAD_REQUEST, message).target(target).details(details)
}

/// Returns the refusal of an OData option that is wrong, or is not served.
pub(super) fn invalid_query_option(option: &str, message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, message).inner("invalidQueryOption").target(option)
}

pub(super) fn malformed(error: &JsonError) -> ApiError {
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

/// Returns every problem of a request; the first stands in the message.
pub(super) fn invalid(report: Report) -> ApiError {
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
        [only] if only.target.is_empty() => only.message.clone(),
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
