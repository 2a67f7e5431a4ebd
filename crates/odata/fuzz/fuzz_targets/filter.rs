//! A filter that is read prints as text that is read back equal; a generated one too.

#![no_main]

mod schema;

use libfuzzer_sys::fuzz_target;
use odata::{Limits, generators, tree::Expr};

use schema::SCHEMA;

/// Canonical text may be longer and deeper than what it was read from.
const ROOMY: Limits =
    Limits { bytes_max: 1 << 20, nodes_max: 10_000, depth_max: 100, in_max: 100, order_keys_max: 5 };

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(expr) = Expr::parse(text, &SCHEMA, &Limits::default(), 0)
    {
        assert_read_back(&expr);
    }
    assert_read_back(&generators::predicate(&SCHEMA, &generators::Samples::new(), data));
});

fn assert_read_back(expr: &Expr) {
    let printed = expr.to_string();
    assert_eq!(Expr::parse(&printed, &SCHEMA, &ROOMY, 0).as_ref(), Ok(expr), "{printed}");
}
