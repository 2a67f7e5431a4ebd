//! How people want to be told.

use uuid::Uuid;

use crate::{
    domain::{
        notice::{Digest, Kind, Preferences},
        time::Timestamp,
        vocabulary::Vocabulary as _,
    },
    storage::{Commit, Store, StoreError},
};

impl Commit {
    /// Writes how a person wants to be told.
    pub fn put_notice_preferences(&mut self, user_id: Uuid, preferences: &Preferences, now: Timestamp) {
        let kinds: Vec<&str> = preferences.kinds.iter().map(|it| it.as_str()).collect();
        let sql = "INSERT INTO notice_preferences (user_id, email, digest, kinds, locale, updated)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (user_id) DO UPDATE
             SET email = excluded.email, digest = excluded.digest, kinds = excluded.kinds, locale = excluded.locale,
                updated = excluded.updated";
        let params = vec![
            user_id.into(),
            preferences.email.into(),
            preferences.digest.as_str().into(),
            serde_json::json!(kinds).to_string().into(),
            preferences.locale.clone().into(),
            now.into(),
        ];
        self.step_any_rows(sql, params);
    }
}

impl Store {
    /// Returns how a person wants to be told; what holds for everybody who has not said.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_notice_preferences(&self, user_id: Uuid) -> Result<Preferences, StoreError> {
        let sql = "SELECT email, digest, kinds, locale FROM notice_preferences WHERE user_id = $1";
        let Some(row) = self.query_one(sql, &[user_id.into()]).await? else {
            return Ok(Preferences::default());
        };
        let kinds: Vec<String> = serde_json::from_str(&row.text(2)?)
            .map_err(|_| StoreError::Corrupt { column: 2, found: "no list of kinds".to_owned() })?;
        Ok(Preferences {
            email: row.bool(0)?,
            digest: Digest::parse(&row.text(1)?).unwrap_or(Digest::Automatic),
            kinds: kinds.iter().filter_map(|it| Kind::parse(it)).collect(),
            locale: row.text_or_null(3)?,
        })
    }
}
