//! Any query string is read or refused, and each problem of it reads as a sentence about one option.

#![no_main]

mod schema;

use libfuzzer_sys::fuzz_target;
use odata::{Limits, Query};

use schema::SCHEMA;

fuzz_target!(|query: &str| {
    if let Err(errors) = Query::parse(query, &SCHEMA, &Limits::default(), 0) {
        assert!(!errors.is_empty());
        for error in errors {
            assert!(error.position != Some(0));
            assert!(error.to_string().starts_with(&error.option));
        }
    }
});
