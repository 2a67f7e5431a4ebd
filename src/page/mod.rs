//! What pages have in common, whoever serves them: their languages, how a browser wants them, what they load, and the
//! plain page that says one thing.

pub(crate) mod assets;
pub(crate) mod look;
mod plain;
pub(crate) mod words;

pub(crate) use self::plain::{Plain, Wording};
