//! Referrals: rows of the document with the columns that index it.

use std::{collections::BTreeSet, sync::LazyLock};

use uuid::Uuid;

use super::{
    Commit, Conflict, Store, StoreError,
    dialect::Dialect,
    value::{Row, Value},
};
use crate::domain::{
    actor::{Scope, SystemScope},
    engagement::Party,
    organization::{LocationScope, OrganizationId},
    referral::Referral,
    time::Timestamp,
    view::{StoredReferral, VisibleReferral},
    visibility::{self, Relation},
    vocabulary::{Qualification, ReferralType, Status, Substatus, Vocabulary},
};

/// A document with its place in the sequence of its versions.
#[derive(Clone, Copy, Debug)]
pub struct ReferralState<'a> {
    /// The typed document.
    pub referral: &'a Referral,
    /// The same, as text.
    pub document: &'a str,
    /// Number of the version, from 1.
    pub version: u32,
}

/// What the server knows of a new record beyond its document.
#[derive(Clone, Debug)]
pub struct Inserted {
    /// Who made it; a caller cannot forge this one.
    pub inviter: OrganizationId,
    /// Location that the inviter acted for.
    pub inviter_mpn_id: Option<String>,
    /// User who made it.
    pub creator_id: Uuid,
}

impl Commit {
    /// Adds a new record.
    pub fn insert_referral(&mut self, state: ReferralState<'_>, inserted: &Inserted) {
        let referral = state.referral;
        self.step(
            "INSERT INTO referrals (id, engagement_id, organization_id, inviter, inviter_mpn_id, creator_id,
                created, mpn_id, status, substatus, type, qualification, country, is_shared_with_microsoft,
                updated, expiration, version, document)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
            [
                vec![
                    referral.id.into(),
                    referral.engagement_id.into(),
                    (&referral.organization_id).into(),
                    (&inserted.inviter).into(),
                    inserted.inviter_mpn_id.clone().into(),
                    inserted.creator_id.into(),
                    referral.created_date_time.into(),
                ],
                index_columns(state),
            ]
            .concat(),
            1,
            Conflict::Party,
        );
        self.insert_team(referral);
        self.engagements.insert(referral.engagement_id);
        self.write_viewers(referral.id);
        self.write_other_sight(referral);
    }

    /// Replaces a record that must still be `from_version`, which held `before`.
    pub fn update_referral(&mut self, state: ReferralState<'_>, before: &Referral, from_version: u32) {
        self.step(
            "UPDATE referrals
             SET mpn_id = $1, status = $2, substatus = $3, type = $4, qualification = $5, country = $6,
                is_shared_with_microsoft = $7, updated = $8, expiration = $9, version = $10, document = $11
             WHERE id = $12 AND version = $13",
            [index_columns(state), vec![state.referral.id.into(), from_version.into()]].concat(),
            1,
            Conflict::Version,
        );
        if team_emails(before) != team_emails(state.referral) {
            self.step_any_rows(
                "DELETE FROM referral_team
                 WHERE referral_id = $1",
                vec![state.referral.id.into()],
            );
            self.insert_team(state.referral);
        }
        self.engagements.insert(state.referral.engagement_id);
        self.write_viewers(state.referral.id);
        let has_accepted = |referral: &Referral| visibility::has_accepted(referral.substatus);
        if has_accepted(before) != has_accepted(state.referral) {
            self.write_other_sight(state.referral);
        }
    }

    /// Notes that a person marked a referral, or took the mark back. It is no change of the referral.
    pub fn mark_favorite(&mut self, user_id: Uuid, referral_id: Uuid, is_favorite: bool) {
        let sql = match is_favorite {
            true => "INSERT INTO favorites (user_id, referral_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            false => "DELETE FROM favorites WHERE user_id = $1 AND referral_id = $2",
        };
        self.step_any_rows(sql, vec![user_id.into(), referral_id.into()]);
    }

    /// Team membership opens a record to a Referrals user, so the addresses have a table of their own.
    fn insert_team(&mut self, referral: &Referral) {
        for email in team_emails(referral) {
            self.step(
                "INSERT INTO referral_team (referral_id, email) VALUES ($1, $2)",
                vec![referral.id.into(), email.into()],
                1,
                Conflict::Duplicate,
            );
        }
    }
}

fn team_emails(referral: &Referral) -> BTreeSet<String> {
    let emails = referral.team.iter().filter_map(|member| member.email.as_deref());
    emails.filter(|email| !email.is_empty()).map(str::to_lowercase).collect()
}

fn index_columns(state: ReferralState<'_>) -> Vec<Value> {
    let referral = state.referral;
    vec![
        referral.mpn_id.clone().into(),
        referral.status.as_str().into(),
        referral.substatus.as_str().into(),
        referral.kind.as_str().into(),
        referral.qualification.as_str().into(),
        referral.customer_profile.address.country.clone().into(),
        referral.consent.consent_to_share_referral_with_microsoft_sellers.into(),
        referral.updated_date_time.into(),
        referral.expiration_date_time.into(),
        state.version.into(),
        state.document.into(),
    ]
}

/// The viewer's own record in the engagement of the row `r`; there is one at most.
pub(super) const OWN: &str =
    "LEFT JOIN referrals own ON own.engagement_id = r.engagement_id AND own.organization_id = $1";

/// The predicate of a [`Scope`] on the rows `r` and `own`: what the organization may see, what the person may see,
/// and that leads, which Microsoft passes on, are for admins of the entire company ("Permissions overview", 2023). Parameters: $1 organization, $3 person's id, $4 person's e-mail, $5 locations as a JSON array, $6
/// whether the whole organization is seen, $7 whether every location is.
pub(super) fn scope_predicate(dialect: Dialect) -> String {
    let locations = dialect.texts_of("$5");
    format!(
        "(own.id IS NOT NULL
            OR r.inviter = $1
            OR ($1 = 'msft' AND r.is_shared_with_microsoft = 1))
         AND (CAST($6 AS bigint) = 1
            OR r.creator_id = $3
            OR EXISTS (SELECT 1 FROM referral_team t WHERE t.referral_id = r.id AND t.email = $4))
         AND (CAST($7 AS bigint) = 1
            OR own.mpn_id IN {locations}
            OR (r.inviter = $1 AND r.inviter_mpn_id IN {locations}))
         AND (r.organization_id <> $1
            OR r.inviter = $1
            OR r.inviter <> 'msft'
            OR r.type <> 'Independent'
            OR (CAST($6 AS bigint) = 1 AND CAST($7 AS bigint) = 1))"
    )
}

pub(super) fn scope_params(scope: &Scope, subject: Uuid) -> Vec<Value> {
    let (user_id, email) = match scope.person() {
        Some(person) => (person.user_id, person.email.clone()),
        None => (Uuid::nil(), String::new()),
    };
    let (locations, is_everywhere) = match scope.locations() {
        LocationScope::EntireCompany => ("[]".to_owned(), true),
        LocationScope::Locations(mpn_ids) => (serde_json::json!(mpn_ids).to_string(), false),
    };
    vec![
        scope.organization_id().into(),
        subject.into(),
        user_id.into(),
        email.into(),
        locations.into(),
        scope.person().is_none().into(),
        is_everywhere.into(),
    ]
}

const FIND_OWN: &str =
    "SELECT r.id, r.engagement_id, r.organization_id, r.inviter, r.version, r.updated, r.document, r.inviter, r.substatus,
        CASE WHEN EXISTS (SELECT 1 FROM favorites f WHERE f.user_id = $3 AND f.referral_id = r.id) THEN 1 ELSE 0 END
     FROM referrals r
     WHERE r.organization_id = $1 AND r.id = $2";

fn find_sql(dialect: Dialect, condition: &str) -> String {
    format!(
        "SELECT r.id, r.engagement_id, r.organization_id, r.inviter, r.version, r.updated, r.document,
            own.inviter, own.substatus,
            CASE WHEN EXISTS (SELECT 1 FROM favorites f WHERE f.user_id = $8 AND f.referral_id = r.id) THEN 1 ELSE 0 END
         FROM referrals r
         {OWN}
         WHERE {condition} AND {}
         ORDER BY r.created DESC, r.id",
        scope_predicate(dialect)
    )
}

const BY_ID: &str = "r.id = $2";
const BY_ENGAGEMENT: &str = "r.engagement_id = $2";

fn engagement_sql(dialect: Dialect) -> String {
    format!(
        "SELECT r.id, r.organization_id, r.inviter, r.status, r.type, CASE WHEN {} THEN 1 ELSE 0 END
         FROM referrals r
         {OWN}
         WHERE r.engagement_id = $2
         ORDER BY r.id",
        scope_predicate(dialect)
    )
}

static FIND: [LazyLock<String>; 2] = [
    LazyLock::new(|| find_sql(Dialect::Sqlite, BY_ID)),
    LazyLock::new(|| find_sql(Dialect::Postgres, BY_ID)),
];
static RELATED: [LazyLock<String>; 2] = [
    LazyLock::new(|| find_sql(Dialect::Sqlite, BY_ENGAGEMENT)),
    LazyLock::new(|| find_sql(Dialect::Postgres, BY_ENGAGEMENT)),
];
static ENGAGEMENT: [LazyLock<String>; 2] =
    [LazyLock::new(|| engagement_sql(Dialect::Sqlite)), LazyLock::new(|| engagement_sql(Dialect::Postgres))];

impl Store {
    fn spoken<'a>(&self, texts: &'a [LazyLock<String>; 2]) -> &'a str {
        let [sqlite, postgres] = texts;
        match self.dialect() {
            Dialect::Sqlite => sqlite,
            Dialect::Postgres => postgres,
        }
    }

    /// Finds a record that `scope` may see. `None` for an unknown and for a foreign id alike.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_referral(
        &self,
        scope: &Scope,
        id: Uuid,
    ) -> Result<Option<VisibleReferral>, StoreError> {
        // The usual call needs no predicate: whoever sees the whole organization sees what it owns.
        if scope.is_whole_organization()
            && let Some(row) = self
                .query_one(FIND_OWN, &[scope.organization_id().into(), id.into(), scope.user_id().into()])
                .await?
        {
            return visible_referral(scope, row).map(Some);
        }
        let params = [scope_params(scope, id), vec![scope.user_id().into()]].concat();
        let row = self.query_one(self.spoken(&FIND), &params).await?;
        row.map(|row| visible_referral(scope, row)).transpose()
    }

    /// Lists the records of an engagement that `scope` may see, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_related(
        &self,
        scope: &Scope,
        engagement_id: Uuid,
    ) -> Result<Vec<VisibleReferral>, StoreError> {
        let params = [scope_params(scope, engagement_id), vec![scope.user_id().into()]].concat();
        let rows = self.query(self.spoken(&RELATED), &params).await?;
        rows.into_iter().map(|row| visible_referral(scope, row)).collect()
    }

    /// Lists the records of an engagement that the scope's organisation takes part in, as owner or as inviter,
    /// through a record that `scope` may see. Empty when it takes none, or there is no such engagement.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_parties(&self, scope: &Scope, engagement_id: Uuid) -> Result<Vec<Party>, StoreError> {
        let rows = self.query(self.spoken(&ENGAGEMENT), &scope_params(scope, engagement_id)).await?;
        let mut parties = Vec::with_capacity(rows.len());
        let mut takes_part = false;
        let viewer = scope.organization_id();
        for row in rows {
            let party = Party {
                referral_id: row.uuid(0)?,
                organization_id: row.organization_id(1)?,
                inviter: row.organization_id(2)?,
                status: word(&row, 3)?,
                kind: word(&row, 4)?,
            };
            let is_own = party.organization_id == *viewer || party.inviter == *viewer;
            takes_part |= is_own && row.bool(5)?;
            parties.push(party);
        }
        Ok(if takes_part { parties } else { Vec::new() })
    }

    /// Returns up to `count_max` records with ids after `id`, by id: no viewer, no redaction.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_stored(
        &self,
        _: SystemScope,
        id: Uuid,
        count_max: u32,
    ) -> Result<Vec<IndexedReferral>, StoreError> {
        let sql =
            "SELECT r.id, r.engagement_id, r.organization_id, r.inviter, r.version, r.updated, r.document,
                r.status, r.substatus, r.mpn_id, r.is_shared_with_microsoft, r.created, r.type, r.qualification,
                r.country
             FROM referrals r
             WHERE r.id > $1
             ORDER BY r.id
             LIMIT CAST($2 AS bigint)";
        let mut rows = self.query(sql, &[id.into(), count_max.into()]).await?;
        rows.iter_mut()
            .map(|row| {
                Ok(IndexedReferral {
                    stored: stored_referral(row)?,
                    status: word(row, 7)?,
                    substatus: word(row, 8)?,
                    mpn_id: row.text_or_null(9)?,
                    is_shared_with_microsoft: row.bool(10)?,
                    created: row.timestamp(11)?,
                    kind: word(row, 12)?,
                    qualification: word(row, 13)?,
                    country: row.text_or_null(14)?,
                })
            })
            .collect()
    }
}

/// A record with the columns that decide who sees it, and what lists filter it by.
#[derive(Clone, Debug)]
pub struct IndexedReferral {
    /// The record.
    pub stored: StoredReferral,
    /// Where it stands.
    pub status: Status,
    /// Where it stands, more precisely.
    pub substatus: Substatus,
    /// Its location.
    pub mpn_id: Option<String>,
    /// Whether Microsoft's sellers see it.
    pub is_shared_with_microsoft: bool,
    /// When it was made.
    pub created: Timestamp,
    /// Whether other parties take part.
    pub kind: ReferralType,
    /// Who qualified the opportunity.
    pub qualification: Qualification,
    /// Where the customer is.
    pub country: Option<String>,
}

pub(super) fn stored_referral(row: &mut Row) -> Result<StoredReferral, StoreError> {
    Ok(StoredReferral {
        id: row.uuid(0)?,
        engagement_id: row.uuid(1)?,
        organization_id: row.organization_id(2)?,
        inviter: row.organization_id(3)?,
        version: row.count(4)?,
        updated: row.timestamp(5)?,
        document: row.take_text(6)?,
    })
}

pub(super) fn visible_referral(scope: &Scope, mut row: Row) -> Result<VisibleReferral, StoreError> {
    let stored = stored_referral(&mut row)?;
    let viewer = scope.organization_id();
    let own_inviter = row.text_or_null(7)?;
    let own_substatus = row.text_or_null(8)?.and_then(|it| Substatus::parse(&it));
    let relation = if stored.organization_id == *viewer {
        Relation::Owner
    } else if stored.inviter == *viewer {
        Relation::Inviter
    } else if own_inviter.as_deref() == Some(stored.organization_id.as_str()) {
        Relation::Invitee
    } else if own_inviter.is_some() {
        Relation::Party
    } else {
        // The predicate lets nobody else see a record in whose engagement it has none.
        Relation::Microsoft
    };
    let has_accepted = own_substatus.is_some_and(visibility::has_accepted);
    Ok(VisibleReferral { stored, relation, has_accepted, is_favorite: row.bool(9)? })
}

fn word<T: Vocabulary>(row: &Row, column: usize) -> Result<T, StoreError> {
    let text = row.text(column)?;
    T::parse(&text).ok_or(StoreError::Corrupt { column, found: "an unknown word".to_owned() })
}
