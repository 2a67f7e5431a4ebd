//! What the other side of a sandbox plans and does: its cursor in the log, its plans, and when the next thing is due.

use uuid::Uuid;

use crate::{
    domain::{actor::SystemScope, change::Action, organization::OrganizationId, time::Timestamp},
    storage::{Commit, Conflict, Store, StoreError, value::Row},
};

/// An invitation that nobody has answered.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// Its place in the log.
    pub position: u64,
    /// The record.
    pub referral_id: Uuid,
    /// Who is invited.
    pub organization_id: OrganizationId,
    /// When it came.
    pub at: Timestamp,
    /// The document, as it is stored.
    pub document: String,
}

/// Something that a counterpart is going to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// With which record.
    pub referral_id: Uuid,
    /// Its order among the plans of the record.
    pub rank: u32,
    /// Who does it.
    pub organization_id: OrganizationId,
    /// What.
    pub action: Action,
    /// When.
    pub due: Timestamp,
    /// What is said with it.
    pub reason: Option<String>,
    /// The order that asks for it.
    pub because: String,
}

impl Commit {
    /// Moves the counterpart on in the log, from the place that the commit was decided on.
    pub fn move_counterpart(&mut self, from: u64, to: u64) {
        let sql = "UPDATE feed_cursors
             SET position = $1
             WHERE name = 'counterpart' AND position = $2";
        self.step(sql, vec![number(to).into(), number(from).into()], 1, Conflict::Version);
    }

    /// Adds a plan.
    pub fn insert_plan(&mut self, plan: &Plan) {
        let sql =
            "INSERT INTO counterpart_plans (referral_id, rank, organization_id, action, due, reason, because)
             VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let params = vec![
            plan.referral_id.into(),
            plan.rank.into(),
            (&plan.organization_id).into(),
            plan.action.as_str().into(),
            plan.due.into(),
            plan.reason.clone().into(),
            plan.because.as_str().into(),
        ];
        self.step(sql, params, 1, Conflict::Duplicate);
    }

    /// Takes a plan away that was done, or cannot be.
    pub fn delete_plan(&mut self, plan: &Plan) {
        let sql = "DELETE FROM counterpart_plans WHERE referral_id = $1 AND rank = $2";
        self.step_any_rows(sql, vec![plan.referral_id.into(), plan.rank.into()]);
    }

    /// Writes down how many invitations an organisation has had.
    pub fn put_counterpart_turns(&mut self, organization_id: &OrganizationId, turns: u64) {
        let sql = "INSERT INTO counterparts (organization_id, play, turns)
             VALUES ($1, NULL, $2)
             ON CONFLICT (organization_id) DO UPDATE
             SET turns = excluded.turns";
        self.step_any_rows(sql, vec![organization_id.into(), number(turns).into()]);
    }

    /// Sets the script of an organisation; `None` for the usual one.
    pub fn put_counterpart_play(&mut self, organization_id: &OrganizationId, play: Option<&str>) {
        let sql = "INSERT INTO counterparts (organization_id, play, turns)
             VALUES ($1, $2, 0)
             ON CONFLICT (organization_id) DO UPDATE
             SET play = excluded.play";
        self.step_any_rows(sql, vec![organization_id.into(), play.map(str::to_owned).into()]);
    }
}

impl Store {
    /// Returns how far the counterpart has come in the log.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn counterpart_cursor(&self, _: SystemScope) -> Result<u64, StoreError> {
        let sql = "SELECT position FROM feed_cursors WHERE name = 'counterpart'";
        let row = self.query_one(sql, &[]).await?;
        row.map_or(Ok(0), |row| row.int(0).map(|it| u64::try_from(it).unwrap_or(0)))
    }

    /// Lists invitations after one place in the log, and up to another, that wait for an answer; but for those that
    /// `but_by` made.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_arrived(
        &self,
        _: SystemScope,
        (after, to): (u64, u64),
        but_by: &str,
        count_max: u32,
    ) -> Result<Vec<Arrived>, StoreError> {
        let sql = "SELECT l.position, r.id, r.organization_id, r.created, r.document
             FROM log l
             JOIN referrals r ON r.id = l.referral_id
             WHERE l.position > $1 AND l.position <= $2 AND l.from_etag IS NULL
                AND l.organization_id <> l.actor_organization_id AND l.application_id <> $3 AND r.status = 'New'
             ORDER BY l.position
             LIMIT CAST($4 AS bigint)";
        let params = [number(after).into(), number(to).into(), but_by.into(), count_max.into()];
        let mut rows = self.query(sql, &params).await?;
        let arrived = |row: &mut Row| {
            Ok(Arrived {
                position: u64::try_from(row.int(0)?).unwrap_or(0),
                referral_id: row.uuid(1)?,
                organization_id: row.organization_id(2)?,
                at: row.timestamp(3)?,
                document: row.take_text(4)?,
            })
        };
        rows.iter_mut().map(arrived).collect()
    }

    /// Returns the script that somebody has set for an organisation, and how many invitations it has had.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_counterpart(
        &self,
        organization_id: &OrganizationId,
    ) -> Result<(Option<String>, u64), StoreError> {
        let sql = "SELECT play, turns FROM counterparts WHERE organization_id = $1";
        let row = self.query_one(sql, &[organization_id.into()]).await?;
        let found = |row: Row| Ok((row.text_or_null(0)?, u64::try_from(row.int(1)?).unwrap_or(0)));
        row.map_or(Ok((None, 0)), found)
    }

    /// Lists up to `count_max` plans that are due at `due` or before, in the order in which they are.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_plans(
        &self,
        _: SystemScope,
        due: Timestamp,
        count_max: u32,
    ) -> Result<Vec<Plan>, StoreError> {
        let sql = "SELECT referral_id, rank, organization_id, action, due, reason, because
             FROM counterpart_plans
             WHERE due <= $1
             ORDER BY due, referral_id, rank
             LIMIT CAST($2 AS bigint)";
        self.query(sql, &[due.into(), count_max.into()]).await?.iter().map(plan).collect()
    }

    /// Returns when the next thing is due after `after`, of all that waits for its time: deadlines, attempts to
    /// deliver webhooks, and plans.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_next_due(
        &self,
        _: SystemScope,
        after: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT MIN(r.expiration) FROM referrals r WHERE r.status = 'New' AND r.expiration > $1
             UNION ALL
             SELECT MIN(d.due) FROM webhook_deliveries d
             JOIN webhook_endpoints e ON e.id = d.endpoint_id
             WHERE d.state = 'pending' AND e.state = 'active' AND d.due > $1
             UNION ALL
             SELECT MIN(p.due) FROM counterpart_plans p WHERE p.due > $1";
        let mut next: Option<Timestamp> = None;
        for row in self.query(sql, &[after.into()]).await? {
            // NULL is no number: nothing of the kind waits.
            if let Ok(found) = row.timestamp(0) {
                next = Some(next.map_or(found, |it| it.min(found)));
            }
        }
        Ok(next)
    }

    /// Counts all referrals.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_stored(&self, _: SystemScope) -> Result<u64, StoreError> {
        let row = self.query_one("SELECT COUNT(*) FROM referrals", &[]).await?;
        row.map_or(Ok(0), |row| row.int(0).map(|it| u64::try_from(it).unwrap_or(0)))
    }

    /// Counts deliveries of webhooks that are due and not done.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_due_deliveries(&self, _: SystemScope, now: Timestamp) -> Result<u64, StoreError> {
        let sql = "SELECT COUNT(*) FROM webhook_deliveries d
             JOIN webhook_endpoints e ON e.id = d.endpoint_id
             WHERE d.state = 'pending' AND e.state = 'active' AND d.due <= $1";
        let row = self.query_one(sql, &[now.into()]).await?;
        row.map_or(Ok(0), |row| row.int(0).map(|it| u64::try_from(it).unwrap_or(0)))
    }
}

fn plan(row: &Row) -> Result<Plan, StoreError> {
    let action = row.text(3)?;
    Ok(Plan {
        referral_id: row.uuid(0)?,
        rank: row.count(1)?,
        organization_id: row.organization_id(2)?,
        action: Action::parse(&action).ok_or(StoreError::Corrupt { column: 3, found: action })?,
        due: row.timestamp(4)?,
        reason: row.text_or_null(5)?,
        because: row.text(6)?,
    })
}

fn number(it: u64) -> i64 {
    i64::try_from(it).unwrap_or(i64::MAX)
}
