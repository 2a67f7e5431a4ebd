//! Why a page is not shown: the one place where what operations say becomes a status number and a page.

use askama::Template;
use axum::{
    body::Body,
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};

use super::{
    look::{Look, Theme},
    words::Words,
};
use crate::{
    domain::report::{Problem, Report},
    service::{
        administration::AdministrationError,
        audit::AuditError,
        notices::NoticeError,
        referrals::{ChangesError, CreateError, FeedError, ListError, ReadError, ReviseError},
        webhooks::WebhookError,
    },
    storage::StoreError,
};

/// Why a page is not shown, or something was not done.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// There is nothing at this address, or nothing that the person may see.
    NotFound,
    /// The person may not do it: the reason, in a sentence.
    Forbidden(String),
    /// What was sent does not do: every problem.
    Invalid(Report),
    /// Something else has happened meanwhile: what, in a sentence.
    Conflict(String),
    /// The query took too long.
    TooCostly,
    /// The server cannot do it now.
    Unavailable,
    /// Something broke; the log has it.
    Broken,
}

impl Failure {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooCostly | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::Forbidden(_) => "forbidden",
            Self::Invalid(_) => "invalid",
            Self::Conflict(_) => "conflict",
            Self::TooCostly => "too-costly",
            Self::Unavailable => "unavailable",
            Self::Broken => "broken",
        }
    }

    /// Returns the problems of what was sent; `None` for every other failure.
    pub(super) fn into_problems(self) -> Result<Vec<Problem>, Self> {
        match self {
            Self::Invalid(report) => Ok(report.problems),
            other => Err(other),
        }
    }

    fn broken(error: &dyn std::error::Error) -> Self {
        tracing::error!(error = %error, "a page could not be made");
        Self::Broken
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Overloaded | StoreError::Full | StoreError::Unreachable(_) => Self::Unavailable,
            error => Self::broken(&error),
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NotFound => Self::NotFound,
            ReadError::Store(error) => error.into(),
            error @ ReadError::Corrupt(_) => Self::broken(&error),
        }
    }
}

impl From<ListError> for Failure {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Invalid(problems) => {
                Self::Conflict(problems.first().map(|it| it.message.clone()).unwrap_or_default())
            }
            error @ ListError::ForeignToken(_) => Self::Conflict(error.to_string()),
            ListError::CutOff { .. } => Self::TooCostly,
            ListError::Store(error) => error.into(),
            ListError::Read(error) => error.into(),
        }
    }
}

impl From<ReviseError> for Failure {
    fn from(error: ReviseError) -> Self {
        match error {
            ReviseError::NotFound => Self::NotFound,
            ReviseError::Invalid(report) => Self::Invalid(report),
            ReviseError::OtherSide(refusal) => Self::Forbidden(refusal.to_string()),
            ReviseError::Store(error) => error.into(),
            error @ (ReviseError::Corrupt(_) | ReviseError::Unreadable) => Self::broken(&error),
            error => Self::Conflict(error.to_string()),
        }
    }
}

impl From<CreateError> for Failure {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Invalid(report) => Self::Invalid(report),
            CreateError::Store(error) => error.into(),
            error @ CreateError::Corrupt(_) => Self::broken(&error),
            error => Self::Conflict(error.to_string()),
        }
    }
}

impl From<ChangesError> for Failure {
    fn from(error: ChangesError) -> Self {
        match error {
            ChangesError::NotFound => Self::NotFound,
            ChangesError::Store(error) => error.into(),
            error => Self::broken(&error),
        }
    }
}

impl From<FeedError> for Failure {
    fn from(error: FeedError) -> Self {
        match error {
            FeedError::Read(error) => error.into(),
            error => Self::Conflict(error.to_string()),
        }
    }
}

impl From<NoticeError> for Failure {
    fn from(error: NoticeError) -> Self {
        match error {
            NoticeError::NotFound => Self::NotFound,
            NoticeError::Invalid(report) => Self::Invalid(report),
            NoticeError::Store(error) => error.into(),
            error @ NoticeError::Corrupt(_) => Self::broken(&error),
            error => Self::Conflict(error.to_string()),
        }
    }
}

impl From<AdministrationError> for Failure {
    fn from(error: AdministrationError) -> Self {
        match error {
            AdministrationError::Invalid(report) => Self::Invalid(report),
            AdministrationError::NotFound(_) | AdministrationError::Unknown(_) => Self::NotFound,
            error @ AdministrationError::NoAccountAdmin => Self::Forbidden(error.to_string()),
            error @ AdministrationError::Conflict(..) => Self::Conflict(error.to_string()),
            AdministrationError::Store(error) => error.into(),
            error @ AdministrationError::Hash(_) => Self::broken(&error),
        }
    }
}

impl From<AuditError> for Failure {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::NotFound => Self::NotFound,
            AuditError::Changes(error) => error.into(),
            error @ AuditError::ForeignToken => Self::Conflict(error.to_string()),
        }
    }
}

impl From<WebhookError> for Failure {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::NotFound | WebhookError::NoSuchDelivery | WebhookError::NoSuchTest => {
                Self::NotFound
            }
            WebhookError::Invalid(report) => Self::Invalid(report),
            WebhookError::Store(error) => error.into(),
            error => Self::Conflict(error.to_string()),
        }
    }
}

impl From<askama::Error> for Failure {
    fn from(error: askama::Error) -> Self {
        Self::broken(&error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::broken(&error)
    }
}

/// The failure itself goes on; [`dress`] makes a page of it, in the reader's language.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status();
        response.extensions_mut().insert(self);
        response
    }
}

/// The page of a failure.
#[derive(Template)]
#[template(path = "web/failure.html")]
struct FailurePage<'a> {
    words: Words,
    theme: Theme,
    title: String,
    advice: String,
    reason: Option<&'a str>,
    problems: &'a [Problem],
}

/// Makes pages of failures.
pub(super) async fn dress(request: Request, next: Next) -> Response {
    let look = Look::of(request.headers());
    let mut response = next.run(request).await;
    let Some(failure) = response.extensions_mut().remove::<Failure>() else { return response };
    let words = look.words();
    let (reason, problems) = match &failure {
        Failure::Forbidden(reason) | Failure::Conflict(reason) => (Some(reason.as_str()), &[][..]),
        Failure::Invalid(report) => (None, report.problems.as_slice()),
        _ => (None, &[][..]),
    };
    let page = FailurePage {
        words,
        theme: look.theme,
        title: words.say(&format!("failure-{}", failure.name())),
        advice: words.say(&format!("failure-{}-advice", failure.name())),
        reason,
        problems,
    };
    match page.render() {
        Ok(html) => {
            response.headers_mut().insert(header::CONTENT_TYPE, super::HTML);
            *response.body_mut() = Body::from(html);
        }
        Err(error) => tracing::error!(error = %error, "the page of a failure could not be made"),
    }
    response
}
