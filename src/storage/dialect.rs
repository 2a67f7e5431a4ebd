//! Every difference in SQL text between the two databases, named.

/// Which SQL is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// Returns a subquery that lists the texts of the JSON array bound to `param`.
    pub(super) fn texts_of(self, param: &str) -> String {
        match self {
            Self::Sqlite => format!("(SELECT value FROM json_each({param}))"),
            Self::Postgres => format!("(SELECT jsonb_array_elements_text(CAST({param} AS text)::jsonb))"),
        }
    }
}
