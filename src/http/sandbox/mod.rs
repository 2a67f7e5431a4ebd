//! What only a sandbox serves: the means of a test suite. No token is asked for, because a sandbox listens on loopback
//! and everybody knows its passwords.

pub mod clock;
mod counterparts;
pub mod faults;
mod generator;
mod state;

use http::StatusCode;
use utoipa::IntoResponses;
use utoipa_axum::router::OpenApiRouter;

use self::clock::Sandbox;
use super::{
    error::{ApiError, ErrorEnvelope},
    failure::{invalid, malformed, unknown},
};
use crate::{
    sandbox::{counterpart::CounterpartError, deals::SowError, generator::GeneratorError, state::StateError},
    service::administration::Thing,
};

/// Returns the routes.
pub fn router() -> OpenApiRouter<Sandbox> {
    clock::router().merge(counterparts::router()).merge(generator::router()).merge(state::router())
}

/// How whatever takes a body can fail.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only the description is made of it")]
pub(super) enum BodyFailures {
    /// Every problem of the request
    #[response(status = 400)]
    BadRequest(#[to_schema] ErrorEnvelope),
    /// The body came too slowly
    #[response(status = 408)]
    TooSlow(#[to_schema] ErrorEnvelope),
    /// The body is too large
    #[response(status = 413)]
    TooLarge(#[to_schema] ErrorEnvelope),
    /// The body does not say that it is JSON
    #[response(status = 415)]
    NotJson(#[to_schema] ErrorEnvelope),
    /// Too busy, or the database does not answer
    #[response(status = 503)]
    Unavailable(#[to_schema] ErrorEnvelope),
}

impl From<CounterpartError> for ApiError {
    fn from(error: CounterpartError) -> Self {
        match error {
            CounterpartError::NotFound => unknown(Thing::Organization),
            CounterpartError::Malformed(error) => malformed(&error),
            CounterpartError::Invalid(report) => invalid(report),
            CounterpartError::Store(error) => error.into(),
        }
    }
}

impl From<GeneratorError> for ApiError {
    fn from(error: GeneratorError) -> Self {
        match error {
            GeneratorError::Malformed(error) => malformed(&error),
            GeneratorError::Invalid(report) => invalid(report),
            GeneratorError::Store(error) => error.into(),
        }
    }
}

impl From<StateError> for ApiError {
    fn from(error: StateError) -> Self {
        let message = error.to_string();
        match error {
            StateError::Malformed(error) => malformed(&error),
            StateError::Invalid(report) => invalid(report),
            StateError::BadName(_) => {
                Self::new(StatusCode::BAD_REQUEST, message).inner("invalidValue").target("name")
            }
            StateError::NoSnapshot(_) => Self::new(StatusCode::NOT_FOUND, message).inner("snapshotNotFound"),
            StateError::OtherSchema => Self::new(StatusCode::CONFLICT, message).inner("snapshotOutdated"),
            StateError::Sow(SowError::AlreadyThere) => {
                let message = "referrals of this seed are there already; send another seed, or reset first";
                Self::new(StatusCode::CONFLICT, message).inner("alreadySeeded").target("/seed")
            }
            StateError::Sow(_) | StateError::Plant(_) => {
                Self::new(StatusCode::CONFLICT, message).inner("notASandbox")
            }
            StateError::Store(error) => error.into(),
        }
    }
}
