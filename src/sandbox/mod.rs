//! The companies that `serve --sandbox` starts with.

pub mod seed;
