//! Endpoints: rows and writes. Every write that decides what an endpoint is told counts up the revision of the fan-out.

use uuid::Uuid;

use crate::{
    domain::{
        organization::OrganizationId,
        time::Timestamp,
        vocabulary::Vocabulary,
        webhook::{Endpoint, EndpointState, Kind, Secret},
    },
    storage::{
        Commit, Conflict, Store, StoreError,
        value::{Row, Value},
    },
};

/// Columns of an endpoint `e`, for [`endpoint`].
pub(super) const COLUMNS: &str = "e.id, e.organization_id, e.kind, e.description, e.url, e.events, e.filter, \
     e.payload, e.signature_header, e.secret, e.previous_secret, e.previous_secret_until, e.state, e.state_reason, \
     e.state_since, e.failing_since, e.from_position, e.created, e.updated";

impl Commit {
    /// Adds a new endpoint. A second registration of an organisation is a [`Conflict::Duplicate`].
    pub fn insert_endpoint(&mut self, endpoint: &Endpoint) {
        let sql = "INSERT INTO webhook_endpoints (id, organization_id, kind, created, from_position, description, url,
                events, filter, payload, signature_header, secret, previous_secret, previous_secret_until, state,
                state_reason, state_since, failing_since, updated)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)";
        let first = vec![
            endpoint.id.into(),
            (&endpoint.organization_id).into(),
            endpoint.kind.as_str().into(),
            endpoint.created.into(),
            i64::try_from(endpoint.from_position).unwrap_or(i64::MAX).into(),
        ];
        self.step(sql, [first, changeable(endpoint)].concat(), 1, Conflict::Duplicate);
        self.count_revision();
    }

    /// Replaces an endpoint that must not have changed since `updated`.
    pub fn update_endpoint(&mut self, endpoint: &Endpoint, updated: Timestamp) {
        let sql = "UPDATE webhook_endpoints
             SET description = $2, url = $3, events = $4, filter = $5, payload = $6, signature_header = $7, secret = $8,
                previous_secret = $9, previous_secret_until = $10, state = $11, state_reason = $12, state_since = $13,
                failing_since = $14, updated = $15
             WHERE id = $1 AND updated = $16 AND state <> 'deleted'";
        let params = [vec![endpoint.id.into()], changeable(endpoint), vec![updated.into()]].concat();
        self.step(sql, params, 1, Conflict::Version);
        self.count_revision();
    }

    /// Takes an endpoint away. Its deliveries go with it, a few at a time: see [`Store::forget_deliveries`].
    pub fn delete_endpoint(&mut self, organization_id: &OrganizationId, id: Uuid, now: Timestamp) {
        let sql = "UPDATE webhook_endpoints
             SET state = 'deleted', secret = '', previous_secret = NULL, updated = $3
             WHERE organization_id = $1 AND id = $2 AND kind = 'own' AND state <> 'deleted'";
        self.step(sql, vec![organization_id.into(), id.into(), now.into()], 1, Conflict::Version);
        self.count_revision();
    }

    /// Disables an endpoint, unless it is disabled already.
    pub fn disable_endpoint(&mut self, id: Uuid, reason: &str, now: Timestamp) {
        let sql = "UPDATE webhook_endpoints
             SET state = 'disabled', state_reason = $2, state_since = $3
             WHERE id = $1 AND state = 'active'";
        self.step_any_rows(sql, vec![id.into(), reason.into(), now.into()]);
        self.count_revision();
    }

    /// Notes since when an endpoint fails, or that it does so no more.
    pub fn note_health(&mut self, id: Uuid, failing_since: Option<Timestamp>) {
        let sql = match failing_since {
            Some(_) => {
                "UPDATE webhook_endpoints SET failing_since = $2 WHERE id = $1 AND failing_since IS NULL"
            }
            None => {
                "UPDATE webhook_endpoints SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL"
            }
        };
        let mut params: Vec<Value> = vec![id.into()];
        params.extend(failing_since.map(Value::from));
        self.step_any_rows(sql, params);
    }

    fn count_revision(&mut self) {
        let sql = "UPDATE feed_cursors SET revision = revision + 1 WHERE name = 'webhooks'";
        self.step(sql, Vec::new(), 1, Conflict::Version);
    }
}

/// Values of what can change, in the order of both statements.
fn changeable(endpoint: &Endpoint) -> Vec<Value> {
    let (previous, until) = match &endpoint.previous_secret {
        Some((secret, until)) => (Some(secret.expose().to_owned()), Some(*until)),
        None => (None, None),
    };
    vec![
        endpoint.description.clone().into(),
        endpoint.url.as_str().into(),
        serde_json::json!(endpoint.events).to_string().into(),
        endpoint.filter.clone().into(),
        endpoint.payload.as_str().into(),
        endpoint.signature_header.as_str().into(),
        endpoint.secret.expose().into(),
        previous.into(),
        until.into(),
        endpoint.state.as_str().into(),
        endpoint.state_reason.clone().into(),
        endpoint.state_since.into(),
        endpoint.failing_since.into(),
        endpoint.updated.into(),
    ]
}

impl Store {
    /// Finds the registration of an organisation with the Partner Center API.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_registration(
        &self,
        organization_id: &OrganizationId,
    ) -> Result<Option<Endpoint>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM webhook_endpoints e
             WHERE e.organization_id = $1 AND e.kind = 'partnerCenter'"
        );
        let row = self.query_one(&sql, &[organization_id.into()]).await?;
        row.map(|row| endpoint(&row, 0)).transpose()
    }

    /// Finds a subscription of an organisation.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_endpoint(
        &self,
        organization_id: &OrganizationId,
        id: Uuid,
    ) -> Result<Option<Endpoint>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM webhook_endpoints e
             WHERE e.organization_id = $1 AND e.id = $2 AND e.kind = 'own' AND e.state <> 'deleted'"
        );
        let row = self.query_one(&sql, &[organization_id.into(), id.into()]).await?;
        row.map(|row| endpoint(&row, 0)).transpose()
    }

    /// Lists the subscriptions of an organisation, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_endpoints(
        &self,
        organization_id: &OrganizationId,
    ) -> Result<Vec<Endpoint>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM webhook_endpoints e
             WHERE e.organization_id = $1 AND e.kind = 'own' AND e.state <> 'deleted'
             ORDER BY e.created, e.id"
        );
        let rows = self.query(&sql, &[organization_id.into()]).await?;
        rows.iter().map(|row| endpoint(row, 0)).collect()
    }
}

/// Reads [`COLUMNS`] from the column `first` on.
pub(super) fn endpoint(row: &Row, first: usize) -> Result<Endpoint, StoreError> {
    let at = |column: usize| first.saturating_add(column);
    let column = at(5);
    let events = serde_json::from_str(&row.text(column)?)
        .map_err(|_| StoreError::Corrupt { column, found: "no list of events".to_owned() })?;
    let previous = match row.text_or_null(at(10))? {
        Some(secret) => Some((Secret::new(secret), row.timestamp(at(11))?)),
        None => None,
    };
    Ok(Endpoint {
        id: row.uuid(first)?,
        organization_id: row.organization_id(at(1))?,
        kind: word::<Kind>(row, at(2))?,
        description: row.text_or_null(at(3))?,
        url: row.text(at(4))?,
        events,
        filter: row.text_or_null(at(6))?,
        payload: word(row, at(7))?,
        signature_header: word(row, at(8))?,
        secret: Secret::new(row.text(at(9))?),
        previous_secret: previous,
        state: word::<EndpointState>(row, at(12))?,
        state_reason: row.text_or_null(at(13))?,
        state_since: row.timestamp(at(14))?,
        failing_since: timestamp_or_null(row, at(15))?,
        from_position: u64::try_from(row.int(at(16))?).unwrap_or(0),
        created: row.timestamp(at(17))?,
        updated: row.timestamp(at(18))?,
    })
}

pub(super) fn word<T: Vocabulary>(row: &Row, column: usize) -> Result<T, StoreError> {
    let text = row.text(column)?;
    T::parse(&text).ok_or(StoreError::Corrupt { column, found: "an unknown word".to_owned() })
}

pub(super) fn timestamp_or_null(row: &Row, column: usize) -> Result<Option<Timestamp>, StoreError> {
    match row.0.get(column) {
        Some(Value::Null) => Ok(None),
        _ => row.timestamp(column).map(Some),
    }
}
