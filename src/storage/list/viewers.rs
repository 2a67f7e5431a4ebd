//! Who sees which referral, written down with every commit.
//!
//! The view `referral_sight` computes it from the records; the table `referral_viewers` holds it, with a row for
//! each organisation that may see a referral and the referral that it may see. A write brings up to date what it
//! touches: the rows of its record, and those of its owner in the engagement. No row is ever taken away.

use std::sync::LazyLock;

use uuid::Uuid;

use crate::{
    domain::{actor::SystemScope, referral::Referral, time::Timestamp},
    storage::{Commit, Store, StoreError, value::Row},
};

/// Something wrong in what is written down of who sees a referral.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongViewer {
    /// The organisation, as it is written.
    pub organization_id: String,
    /// The referral.
    pub referral_id: Uuid,
    /// A column of the row that is wrong; `None` when the row is missing.
    pub column: Option<String>,
}

/// A row of what is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenViewer {
    /// The organisation, as it is written.
    pub organization_id: String,
    /// When the referral was made.
    pub created: Timestamp,
    /// The referral.
    pub referral_id: Uuid,
    /// Whether there is such a referral, and the organisation may see it.
    pub sees: bool,
}

const COLUMNS: &str = "organization_id, created, referral_id, relation, has_accepted, direction, status, substatus, \
     type, qualification, country, updated";

/// Columns that a row takes from its records.
const COMPARED: [&str; 9] = [
    "relation",
    "has_accepted",
    "direction",
    "status",
    "substatus",
    "type",
    "qualification",
    "country",
    "updated",
];

static OF_RECORD: LazyLock<String> = LazyLock::new(|| write_sql("referral_id = $1"));
static OTHERS_OF_OWNER: LazyLock<String> =
    LazyLock::new(|| write_sql("engagement_id = $1 AND organization_id = $2 AND referral_id <> $3"));

fn write_sql(condition: &str) -> String {
    format!(
        "INSERT INTO referral_viewers ({COLUMNS})
         SELECT {COLUMNS}
         FROM referral_sight
         WHERE {condition}
         ON CONFLICT (organization_id, created, referral_id) DO UPDATE
         SET relation = excluded.relation, has_accepted = excluded.has_accepted, status = excluded.status,
            substatus = excluded.substatus, type = excluded.type, qualification = excluded.qualification,
            country = excluded.country, updated = excluded.updated"
    )
}

impl Commit {
    /// Writes down who sees a record, as this commit leaves it.
    pub(in crate::storage) fn write_viewers(&mut self, referral_id: Uuid) {
        self.step_any_rows(&OF_RECORD, vec![referral_id.into()]);
    }

    /// Writes down what the owner of a record sees of the others in the engagement: its own record decides that.
    pub(in crate::storage) fn write_other_sight(&mut self, referral: &Referral) {
        self.step_any_rows(
            &OTHERS_OF_OWNER,
            vec![referral.engagement_id.into(), (&referral.organization_id).into(), referral.id.into()],
        );
    }
}

/// Reads that prove what is written down, for no viewer.
impl Store {
    /// Lists what is missing or wrong in the rows of the referrals with ids after `after`, up to `last`. Each
    /// answer is of one moment: a commit under way does not show in it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_wrong_viewers(
        &self,
        _: SystemScope,
        after: Uuid,
        last: Uuid,
    ) -> Result<Vec<WrongViewer>, StoreError> {
        let rows = self.query(&WRONG, &[after.into(), last.into()]).await?;
        rows.iter().map(wrong_viewer).collect()
    }

    /// Returns up to `count_max` rows, in the order of their key; with `after`, those that follow it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_written_viewers(
        &self,
        _: SystemScope,
        after: Option<&WrittenViewer>,
        count_max: u32,
    ) -> Result<Vec<WrittenViewer>, StoreError> {
        let key = after.map_or(("", Timestamp::from_ticks(i64::MIN), Uuid::nil()), |it| {
            (it.organization_id.as_str(), it.created, it.referral_id)
        });
        let sql = "SELECT v.organization_id, v.created, v.referral_id,
                CASE WHEN EXISTS (
                    SELECT 1 FROM referrals r
                    WHERE r.id = v.referral_id AND r.created = v.created
                        AND (r.inviter = v.organization_id
                            OR (v.organization_id = 'msft' AND r.is_shared_with_microsoft = 1)
                            OR EXISTS (
                                SELECT 1 FROM referrals own
                                WHERE own.engagement_id = r.engagement_id
                                    AND own.organization_id = v.organization_id))) THEN 1 ELSE 0 END
             FROM referral_viewers v
             WHERE (v.organization_id, v.created, v.referral_id) > ($1, $2, $3)
             ORDER BY v.organization_id, v.created, v.referral_id
             LIMIT CAST($4 AS bigint)";
        let rows = self.query(sql, &[key.0.into(), key.1.into(), key.2.into(), count_max.into()]).await?;
        rows.iter().map(written_viewer).collect()
    }

    /// Lists the organisations whose rows are counted.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_counted_viewers(&self, _: SystemScope) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT DISTINCT organization_id FROM viewer_counts";
        self.query(sql, &[]).await?.iter().map(|row| row.text(0)).collect()
    }

    /// Returns how many rows an organisation has, and how many have been counted.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_viewer_rows(
        &self,
        _: SystemScope,
        organization_id: &str,
    ) -> Result<(i64, i64), StoreError> {
        let sql = "SELECT
                (SELECT COUNT(*) FROM referral_viewers WHERE organization_id = $1),
                (SELECT CAST(COALESCE(SUM(count), 0) AS bigint) FROM viewer_counts WHERE organization_id = $1)";
        let row = self.query_one(sql, &[organization_id.into()]).await?;
        row.map_or(Ok((0, 0)), |row| Ok((row.int(0)?, row.int(1)?)))
    }
}

static WRONG: LazyLock<String> = LazyLock::new(|| {
    let wrong_columns: String = COMPARED
        .iter()
        .map(|column| format!("WHEN v.{column} IS DISTINCT FROM s.{column} THEN '{column}' "))
        .collect();
    format!(
        "SELECT organization_id, referral_id, is_missing, wrong_column
         FROM (
            SELECT s.organization_id, s.referral_id,
                CASE WHEN v.organization_id IS NULL THEN 1 ELSE 0 END AS is_missing,
                CASE {wrong_columns} END AS wrong_column
            FROM referral_sight s
            LEFT JOIN referral_viewers v ON v.organization_id = s.organization_id
                AND v.created = s.created AND v.referral_id = s.referral_id
            WHERE s.referral_id > $1 AND s.referral_id <= $2) compared
         WHERE wrong_column IS NOT NULL
         ORDER BY referral_id, organization_id"
    )
});

fn wrong_viewer(row: &Row) -> Result<WrongViewer, StoreError> {
    let column = if row.bool(2)? { None } else { row.text_or_null(3)? };
    Ok(WrongViewer { organization_id: row.text(0)?, referral_id: row.uuid(1)?, column })
}

fn written_viewer(row: &Row) -> Result<WrittenViewer, StoreError> {
    Ok(WrittenViewer {
        organization_id: row.text(0)?,
        created: row.timestamp(1)?,
        referral_id: row.uuid(2)?,
        sees: row.bool(3)?,
    })
}
