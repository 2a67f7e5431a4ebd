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

    /// Returns a member of the document `r`, which [`super::list::Select`] has parsed, as JSON: a path such as
    /// `details/requirements`.
    pub(super) fn member_of_document(self, path: &str) -> String {
        match self {
            Self::Sqlite => format!("(r.document -> '$.{}')", path.replace('/', ".")),
            Self::Postgres => format!("(d.document #> '{{{}}}')", path.replace('/', ",")),
        }
    }

    /// Returns the rows of a JSON array, named `item`.
    pub(super) fn items_of(self, array: &str) -> String {
        match self {
            Self::Sqlite => format!("json_each({array}) item"),
            Self::Postgres => format!("jsonb_array_elements({array}) item(value)"),
        }
    }

    /// Returns the sum of numbers, as text. NULL when there are none, or more than a number holds.
    pub(super) fn sum_of(self, numbers: &str) -> String {
        match self {
            Self::Sqlite => format!("liaison_sum({numbers})"),
            Self::Postgres => format!("CAST(liaison_fit(SUM({numbers})) AS text)"),
        }
    }
}
