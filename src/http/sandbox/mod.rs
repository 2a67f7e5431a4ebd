//! What only a sandbox serves: the means of a test suite. No token is asked for, because a sandbox listens on loopback
//! and everybody knows its passwords.

pub mod clock;
