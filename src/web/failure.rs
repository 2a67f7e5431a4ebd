//! Why a page is not shown: the one place where what operations say becomes a status number and a page.

use askama::Template;
use axum::{
    body::Body,
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};

use crate::{
    domain::report::{Problem, Report},
    page::{Plain, look::Look},
    service::{
        administration::AdministrationError,
        audit::AuditError,
        notices::NoticeError,
        referrals::{ChangesError, CreateError, FeedError, ListError, ReadError, ReviseError},
        webhooks::WebhookError,
    },
    storage::StoreError,
};

/// When a busy server may be asked again.
const RETRY_AFTER_SECS: u64 = 5;

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
    /// Nobody is signed in, and what was sent is no page that could be shown afterwards.
    SignedOut,
    /// The person may not use the dashboard at all.
    NoRole,
    /// The organisation has spent its minute; when to come back, in seconds.
    Throttled(u64),
    /// Another site sent the form.
    CrossSite,
    /// A sign-in did not come to its end: why, in a sentence.
    NotSignedIn(String),
    /// The page takes no such request.
    WrongMethod,
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
            Self::SignedOut => StatusCode::UNAUTHORIZED,
            Self::NoRole | Self::CrossSite => StatusCode::FORBIDDEN,
            Self::Throttled(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::NotSignedIn(_) => StatusCode::BAD_REQUEST,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
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
            Self::SignedOut => "signed-out",
            Self::NoRole => "no-role",
            Self::Throttled(_) => "throttled",
            Self::CrossSite => "cross-site",
            Self::NotSignedIn(_) => "not-signed-in",
            Self::WrongMethod => "wrong-method",
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

    /// Gives a page of its own the status of the failure that it shows.
    pub(super) fn mark(&self, mut page: Response) -> Response {
        *page.status_mut() = self.status();
        page
    }

    /// Reports what broke to the log.
    pub(super) fn broken(error: &dyn std::error::Error) -> Self {
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
        let retry_after_secs = match &self {
            Self::Throttled(secs) => Some(*secs),
            Self::TooCostly | Self::Unavailable => Some(RETRY_AFTER_SECS),
            _ => None,
        };
        if let Some(secs) = retry_after_secs {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Answers a form that was refused: with the page that shows it again, and what is wrong with it.
pub(super) fn refused(mut response: Response) -> Response {
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    response
}

/// Answers with a page that shows what somebody else has done meanwhile.
pub(super) fn conflicting(mut response: Response) -> Response {
    *response.status_mut() = StatusCode::CONFLICT;
    response
}

/// Makes pages of failures.
pub(super) async fn dress(request: Request, next: Next) -> Response {
    let look = Look::of(request.headers());
    let mut response = next.run(request).await;
    let Some(failure) = response.extensions_mut().remove::<Failure>() else { return response };
    let (words, name) = (look.words(), failure.name());
    let (title, advice) =
        (words.say(&format!("failure-{name}")), words.say(&format!("failure-{name}-advice")));
    let (link, label) = match &failure {
        Failure::SignedOut | Failure::NotSignedIn(_) => ("/signin", "signin-again"),
        Failure::NoRole => ("/signout", "nav-sign-out"),
        _ => ("/", "go-home"),
    };
    let page = Plain::new(&look, title).link(link, words.say(label));
    let page = match failure {
        Failure::Forbidden(reason) | Failure::Conflict(reason) | Failure::NotSignedIn(reason) => {
            page.lines([reason, advice])
        }
        Failure::Invalid(report) => page.problems(report.problems).lines([advice]),
        _ => page.lines([advice]),
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
