use crate::{
    app::App,
    auth::Refusal,
    domain::actor::{Actor, Administrator, Colleague},
    storage::Principal,
};
use axum::extract::FromRequestParts;
use http::request::Parts;
use std::{convert::Infallible, sync::Arc};
pub struct Seat {
    pub colleague: Colleague,
    pub principal: Arc<Principal>,
}
impl FromRequestParts<App> for Seat {
    type Rejection = http::StatusCode;
    async fn from_request_parts(_: &mut Parts, app: &App) -> Result<Self, http::StatusCode> {
        let principal = app
            .context
            .store
            .find_principal_by_email("alex.admin@contoso.example")
            .await
            .ok()
            .flatten()
            .ok_or(http::StatusCode::UNAUTHORIZED)?;
        let colleague = Colleague {
            organization_id: principal.organization.id.clone(),
            user_id: principal.user.id,
            application_id: "x".into(),
        };
        Ok(Self { colleague, principal })
    }
}
impl Seat {
    pub fn actor(&self) -> Result<Actor, ()> {
        Actor::of(&self.principal.user, &self.principal.organization.name, "x").ok_or(())
    }
    pub fn administrator(&self) -> Option<Administrator> {
        Some(Administrator(self.colleague.clone()))
    }
}
