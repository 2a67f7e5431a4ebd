//! What is wrong with a query, and where.

use std::fmt;

/// Longer names are not compared: nobody mistypes them, and the comparison is quadratic.
const NAME_LENGTH_MAX: usize = 64;

/// Something wrong with one option of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// The option, such as `$filter`; the name as sent where it is not known.
    pub option: String,
    /// Where in its decoded text, in characters from 1; `None` where the whole option is meant.
    pub position: Option<usize>,
    /// What is wrong, in lower case and without a full stop.
    pub message: String,
    /// What would be accepted there; may be empty.
    pub expected: Vec<String>,
    /// A name close to the one that is not known.
    pub suggestion: Option<String>,
}

/// Something wrong at a place of a text; becomes a [`QueryError`] where option and text are known.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Problem {
    /// Bytes from the start of the text; `None` for all of it.
    pub(crate) at: Option<usize>,
    pub(crate) message: String,
    pub(crate) expected: Vec<String>,
    pub(crate) suggestion: Option<String>,
}

impl Problem {
    pub(crate) fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at: Some(at), message: message.into(), expected: Vec::new(), suggestion: None }
    }

    /// Makes a problem of the whole option.
    pub(crate) fn of_all(message: impl Into<String>) -> Self {
        Self { at: None, message: message.into(), expected: Vec::new(), suggestion: None }
    }

    pub(crate) fn expecting<T: Into<String>>(self, expected: impl IntoIterator<Item = T>) -> Self {
        Self { expected: expected.into_iter().map(Into::into).collect(), ..self }
    }

    /// Proposes the candidate nearest to `name`, and lists the first few as expected.
    pub(crate) fn proposing(self, name: &str, candidates: &[&str]) -> Self {
        const LISTED_MAX: usize = 12;
        let suggestion = closest(name, candidates).map(str::to_owned);
        Self { suggestion, ..self.expecting(candidates.iter().take(LISTED_MAX).copied()) }
    }

    /// Says in which option the problem is; `text` is that option's.
    pub(crate) fn in_option(self, option: &str, text: &str) -> QueryError {
        let characters_before = |at: usize| text.char_indices().take_while(|(index, _)| *index < at).count();
        QueryError {
            option: option.to_owned(),
            position: self.at.map(|it| characters_before(it) + 1),
            message: self.message,
            expected: self.expected,
            suggestion: self.suggestion,
        }
    }
}

/// Returns the candidate that differs least from `name`, in any case, if it differs by a third at most.
pub(crate) fn closest<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    if name.len() > NAME_LENGTH_MAX {
        return None;
    }
    let name = name.to_lowercase();
    let distances = candidates.iter().map(|it| (edit_distance(&name, &it.to_lowercase()), *it));
    let (distance, nearest) = distances.min_by_key(|(distance, _)| *distance)?;
    let is_close = distance <= (name.chars().count() / 3).max(1);
    is_close.then_some(nearest)
}

/// Counts the characters to insert, delete, replace, or swap with their neighbour (optimal string alignment).
fn edit_distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    // Entry `i` of a row compares the first `i` characters of `other`; each row takes one more of `one`.
    let mut rows: Vec<Vec<usize>> = vec![(0..=other.len()).collect()];
    let entry = |row: Option<&Vec<usize>>, column: usize| row.and_then(|it| it.get(column)).copied();
    for (taken, char) in one.iter().enumerate() {
        let mut row = vec![taken + 1];
        for (column, candidate) in other.iter().enumerate() {
            let before = rows.last();
            let replaced = entry(before, column).map(|it| it + usize::from(char != candidate));
            let deleted = entry(before, column + 1).map(|it| it + 1);
            let inserted = row.last().map(|it| it + 1);
            let is_swap = taken > 0
                && column > 0
                && one.get(taken - 1) == Some(candidate)
                && other.get(column - 1) == Some(char);
            let swapped =
                if is_swap { entry(rows.get(taken - 1), column - 1).map(|it| it + 1) } else { None };
            row.extend([replaced, deleted, inserted, swapped].into_iter().flatten().min());
        }
        rows.push(row);
    }
    entry(rows.last(), other.len()).unwrap_or_default()
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.option)?;
        if let Some(position) = self.position {
            write!(f, ", character {position}")?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(suggestion) = &self.suggestion {
            write!(f, "; did you mean {suggestion}?")?;
        } else if !self.expected.is_empty() {
            write!(f, "; expected {}", self.expected.join(", "))?;
        }
        Ok(())
    }
}

impl std::error::Error for QueryError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        for (one, other, distance) in [
            ("", "", 0),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("status", "statsu", 1),
            ("same", "same", 0),
        ] {
            assert_eq!(edit_distance(one, other), distance, "{one} {other}");
        }
    }

    #[test]
    fn closest_ignores_case_and_needs_likeness() {
        let names = ["status", "substatus", "statusReason"];

        assert_eq!(closest("STATSU", &names), Some("status"));
        assert_eq!(closest("subStatuss", &names), Some("substatus"));
        assert_eq!(closest("price", &names), None);
        assert_eq!(closest(&"s".repeat(1000), &names), None);
    }

    #[test]
    fn positions_count_characters_from_one() {
        let error = Problem::new("äöü ".len(), "x").in_option("$filter", "äöü x");

        assert_eq!(error.position, Some(5));
    }
}
