//! What belongs to one person: the notices behind the bell, and the preferences.

mod notices;
mod preferences;

use axum::Router;

use crate::app::App;

/// Returns the routes.
pub(super) fn router() -> Router<App> {
    Router::new().merge(notices::router()).merge(preferences::router())
}
