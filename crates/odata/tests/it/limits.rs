//! However large or deep a query is, it is refused quickly, and no stack overflows.

use std::time::{Duration, Instant};

use odata::{Limits, Query, tree::Expr};

use crate::world::{SCHEMA, filter, now};

/// As if there were no limits.
const BOUNDLESS: Limits = Limits {
    bytes_max: usize::MAX,
    nodes_max: usize::MAX,
    depth_max: usize::MAX,
    in_max: usize::MAX,
    order_keys_max: usize::MAX,
};

/// The usual limits, but for the length of the text.
const LONG: Limits =
    Limits { bytes_max: usize::MAX, nodes_max: 200, depth_max: 32, in_max: 100, order_keys_max: 5 };

#[test]
fn the_limits_are_named() {
    for (text, message) in [
        (format!("name eq '{}'", "x".repeat(5000)), "the text is longer than 4096 bytes"),
        (vec!["favorite"; 201].join(" or "), "the expression has more than 200 parts"),
        (
            format!("{}favorite{}", "(".repeat(40), ")".repeat(40)),
            "the expression nests deeper than 32 levels",
        ),
        (format!("{}favorite", "not ".repeat(40)), "the expression nests deeper than 32 levels"),
        (format!("quantity eq 1{}", " add 1".repeat(40)), "the expression nests deeper than 32 levels"),
        (format!("quantity in ({})", vec!["1"; 101].join(",")), "there are more than 100 values after in"),
    ] {
        assert_eq!(filter(&text).unwrap_err().message, message);
    }
    let errors = Query::parse("$orderby=name,name,name,name,name,name", &SCHEMA, &Limits::default(), now());
    assert_eq!(errors.unwrap_err()[0].message, "there are more than 5 keys");
}

#[test]
fn what_is_just_within_the_limits_is_read() {
    for text in [
        format!("name eq '{}'", "x".repeat(4086)),
        vec!["favorite"; 199].join(" or "),
        format!("{}favorite{}", "(".repeat(31), ")".repeat(31)),
        format!("{}favorite", "not ".repeat(31)),
        format!("quantity in ({})", vec!["1"; 100].join(",")),
    ] {
        assert!(filter(&text).is_ok(), "{text}: {:?}", filter(&text));
    }
}

#[test]
fn huge_inputs_are_refused_fast_whatever_the_limits() {
    for text in [
        "(".repeat(500_000),
        "not ".repeat(500_000),
        "not(".repeat(500_000),
        "-".repeat(500_000),
        "- ".repeat(500_000),
        "+".repeat(500_000),
        "tolower(".repeat(500_000),
        "name in (".repeat(500_000),
        "'x' in ".repeat(500_000),
        "team/any(t:".repeat(500_000),
        "name/".repeat(500_000),
        "a".repeat(1_000_000),
        "1".repeat(1_000_000),
        "'".repeat(1_000_001),
        "'".repeat(1_000_000),
        " ".repeat(1_000_000),
        "$it/".repeat(500_000),
        format!("quantity eq 1{}", " add 1".repeat(200_000)),
        format!("quantity eq 1{}", " eq 1".repeat(200_000)),
        format!("name eq 1e{}", "9".repeat(500_000)),
    ] {
        let began = Instant::now();
        assert!(Expr::parse(&text, &SCHEMA, &BOUNDLESS, 0).is_err(), "{}", &text[..20]);
        // All of these texts are ASCII.
        let part = &text[..text.len().min(50_000)];
        for option in ["$search", "$select", "$expand", "$orderby"] {
            drop(Query::parse(&format!("{option}={part}"), &SCHEMA, &LONG, now()));
        }
        assert!(Query::parse(&format!("$filter={part}"), &SCHEMA, &Limits::default(), now()).is_err());
        assert!(began.elapsed() < Duration::from_secs(10), "{} takes {:?}", &text[..20], began.elapsed());
    }
}

#[test]
fn aliases_cannot_multiply_the_work() {
    // Each of 40 aliases uses the next one twice: 2^40 terms if nothing counted them.
    let mut query = "$filter=@p0 and favorite".to_owned();
    for index in 0..40 {
        query.push_str(&format!("&@p{index}=(@p{} or @p{})", index + 1, index + 1));
    }
    query.push_str("&@p40=favorite");

    let errors = Query::parse(&query, &SCHEMA, &Limits::default(), now()).unwrap_err();

    assert!(errors[0].message.starts_with("in @p0: in @p1: "), "{}", errors[0].message);
}
