//! Whatever is printed is read back as it was, and nothing that is read makes the parser panic.

use std::collections::BTreeMap;

use odata::{
    Limits, Query, eval, generators,
    tree::{Expr, OrderKey, Value},
};
use proptest::{collection::vec, prelude::*};

use crate::world::{Entity, SCHEMA, STATUS, filter, now, referral};

/// Generated trees are deeper than what a client would be allowed.
const ROOMY: Limits =
    Limits { bytes_max: 1 << 20, nodes_max: 10_000, depth_max: 100, in_max: 100, order_keys_max: 5 };

fn samples() -> generators::Samples {
    BTreeMap::from([
        ("status".to_owned(), (0..3).map(|it| Value::Enum(&STATUS, it)).collect()),
        ("customerProfile/name".to_owned(), vec![Value::String("Contoso".to_owned())]),
        ("team/email".to_owned(), vec![Value::String("a@contoso.com".to_owned())]),
        ("tags".to_owned(), vec![Value::String("hot".to_owned())]),
        ("quantity".to_owned(), vec![Value::Integer(7)]),
    ])
}

fn choices() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..120)
}

/// Pieces that queries are made of, and some that they are not.
const PIECES: &[&str] = &[
    "name",
    "status",
    "team",
    "email",
    "quantity",
    "dealValue",
    "createdDateTime",
    "tags",
    "customerProfile",
    "/",
    "any(",
    "all(",
    "i:",
    "i/email",
    "$count",
    "$it/",
    "(",
    ")",
    ",",
    " ",
    " eq ",
    " ne ",
    " gt ",
    " in ",
    " and ",
    " or ",
    "not ",
    "-",
    " add ",
    " sub ",
    " divby ",
    "contains(",
    "substring(",
    "cast(",
    "Edm.String",
    "now()",
    "'x'",
    "'",
    "''",
    "1",
    "1.5",
    "1e5",
    "null",
    "true",
    "2024-05-01",
    "2024-05-01T00:00:00Z",
    "10:00",
    "duration'P1D'",
    "65edc0b5-3485-41b7-a17e-dfa9ef4706e2",
    "Liaison.Status'New'",
    "New",
    "@p",
    "%",
    "\u{0}",
    "é",
    "😀",
    "\"",
    "*",
    "$select=",
    ";",
    " desc",
    "AND",
    "OR",
    "NOT",
    ":",
    "+",
];

fn pieces() -> impl Strategy<Value = String> {
    vec(proptest::sample::select(PIECES), 0..24).prop_map(|it| it.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_printed_filter_is_read_back(choices in choices()) {
        let expr = generators::predicate(&SCHEMA, &samples(), &choices);
        let text = expr.to_string();

        let read = Expr::parse(&text, &SCHEMA, &ROOMY, now());

        prop_assert_eq!(read, Ok(expr), "{}", text);
    }

    #[test]
    fn printed_keys_are_read_back(choices in choices()) {
        let keys = generators::order_keys(&SCHEMA, &samples(), &choices);
        let text = keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");

        let read = OrderKey::parse_all(&text, &SCHEMA, &ROOMY, now());

        prop_assert_eq!(read, Ok(keys), "{}", text);
    }

    #[test]
    fn values_have_the_type_of_their_expression(choices in choices()) {
        let values = referral();
        let entity = Entity::new(&values);

        for OrderKey { expr, .. } in generators::order_keys(&SCHEMA, &samples(), &choices) {
            let value = eval::value_of(&expr, &entity);
            let is_large = matches!(value, Value::Decimal(_)) && expr.ty == Some(odata::schema::Type::Integer);
            prop_assert!(value == Value::Null || is_large || value.ty() == expr.ty, "{} gives {:?}", expr, value);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        every_option_takes(&text);
    }

    #[test]
    fn any_mixture_of_pieces_is_read_or_refused(text in pieces()) {
        every_option_takes(&text);
        if let Ok(expr) = filter(&text) {
            let printed = expr.to_string();
            prop_assert_eq!(Expr::parse(&printed, &SCHEMA, &ROOMY, now()), Ok(expr), "{} as {}", text, printed);
        }
    }

    #[test]
    fn a_broken_filter_is_read_or_refused(choices in choices(), at in any::<prop::sample::Index>(), piece in pieces()) {
        let text = generators::predicate(&SCHEMA, &samples(), &choices).to_string();
        let mut chars: Vec<char> = text.chars().collect();
        let at = at.index(chars.len());
        chars.splice(at..at + 1, piece.chars().take(3));
        let text: String = chars.into_iter().collect();

        every_option_takes(&text);
        if let Ok(expr) = Expr::parse(&text, &SCHEMA, &ROOMY, now()) {
            let printed = expr.to_string();
            prop_assert_eq!(Expr::parse(&printed, &SCHEMA, &ROOMY, now()), Ok(expr), "{} as {}", text, printed);
        }
    }
}

/// Gives a text to every option; what is read can be asked.
fn every_option_takes(text: &str) {
    let values = referral();
    if let Ok(expr) = filter(text) {
        eval::matches(&expr, &Entity::new(&values));
    }
    for option in ["$filter", "$orderby", "$search", "$select", "$expand", "$top", "$count", ""] {
        drop(Query::parse(&format!("{option}={text}&@p={text}"), &SCHEMA, &Limits::default(), now()));
    }
    drop(Query::parse(text, &SCHEMA, &Limits::default(), now()));
}

#[test]
fn generated_filters_take_some_entities() {
    let values = referral();
    let entity = Entity::new(&values);
    let samples = samples();
    // A plain linear congruence is random enough to see that both answers occur often.
    let mut seed = 1_u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u8::try_from(seed >> 56).unwrap()
    };
    let mut count = 0;
    for _ in 0..1000 {
        let choices: Vec<u8> = (0..80).map(|_| next()).collect();
        count += u32::from(eval::matches(&generators::predicate(&SCHEMA, &samples, &choices), &entity));
    }

    assert!((200..800).contains(&count), "{count}");
}
