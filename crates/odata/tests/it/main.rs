//! What the query language promises to those who use it.

mod errors;
mod grammar;
mod limits;
mod meaning;
mod options;
mod round_trip;
mod world;
