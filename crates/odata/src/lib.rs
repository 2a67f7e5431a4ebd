//! The query language of OData 4.01 (part 2, URL conventions): text in, checked query out.
//!
//! ```text
//! query string ─ options ─→ text of each option ─ parser ─→ ast ─ check(schema) ─→ tree ─┬─ print: text again
//!                                                                                        ├─ eval: in memory
//!                                                                                        └─ SQL, by who stores
//! ```
//!
//! Nothing here does I/O, knows SQL, or reads JSON. Input is bounded in bytes, nodes and depth before anything recurs
//! on it. Start at [`Query::parse`], then [`tree::Expr`].

pub mod error;
pub mod eval;
#[cfg(feature = "generators")]
pub mod generators;
pub mod moment;
pub mod number;
pub mod options;
pub mod schema;
pub mod tree;

mod ast;
mod check;
mod lexer;
mod parser;
mod print;
mod search;
mod select;

pub use self::{
    error::QueryError,
    options::{Limits, Query},
    schema::Schema,
};
