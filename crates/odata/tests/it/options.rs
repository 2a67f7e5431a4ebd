//! The options of a query string: how they are decoded, and what each of them means.

use odata::{
    Limits, Query, QueryError,
    eval::matches,
    tree::{Expanded, Selection},
};

use crate::world::{Entity, SCHEMA, canonical, now, referral};

fn parse(query: &str) -> Query {
    Query::parse(query, &SCHEMA, &Limits::default(), now())
        .unwrap_or_else(|errors| panic!("{query}: {errors:?}"))
}

fn error(query: &str) -> QueryError {
    let errors = Query::parse(query, &SCHEMA, &Limits::default(), now()).expect_err(query);
    errors.into_iter().next().expect("an error is there")
}

/// Returns a selection as text; `*` where everything is wanted.
fn selected(text: &str) -> String {
    let selection = parse(&format!("$select={text}")).selection;
    selection.map_or("*".to_owned(), |it| it.to_string())
}

fn expanded(text: &str) -> String {
    let expanded = parse(&format!("$expand={text}")).expanded;
    expanded.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

#[test]
fn the_official_examples_are_read() {
    for (query, filter, order) in [
        (
            "$filter=engagementId eq '65edc0b5-3485-41b7-a17e-dfa9ef4706e2'",
            "engagementId eq 65edc0b5-3485-41b7-a17e-dfa9ef4706e2",
            "",
        ),
        (
            "$filter=status eq 'New' and qualification eq 'SalesQualified'",
            "status eq 'New' and qualification eq 'SalesQualified'",
            "",
        ),
        (
            "$filter=customerProfile/address/country eq 'US' and direction eq 'Incoming'",
            "customerProfile/address/country eq 'US' and direction eq 'Incoming'",
            "",
        ),
        ("$orderby=createdDateTime desc", "", "createdDateTime desc"),
        (
            "$top=10&$filter=(type eq 'Shared' and direction eq 'Incoming')&$orderby=createdDateTime desc",
            "type eq 'Shared' and direction eq 'Incoming'",
            "createdDateTime desc",
        ),
        (
            "$top=10&$filter=(direction eq 'Incoming' and substatus eq 'Pending')&$orderby=createdDateTime desc",
            "direction eq 'Incoming' and substatus eq 'Pending'",
            "createdDateTime desc",
        ),
        (
            "$filter=status eq 'Active' and direction eq 'Outgoing' and type eq 'Shared' and \
             team/any(t:t/email eq 'r2d2@contoso.com')&$orderby=createdDateTime desc",
            "status eq 'Active' and direction eq 'Outgoing' and type eq 'Shared' and \
             team/any(i:i/email eq 'r2d2@contoso.com')",
            "createdDateTime desc",
        ),
    ] {
        for query in
            [query.to_owned(), query.replace(' ', "+"), query.replace(' ', "%20").replace('$', "%24")]
        {
            let parsed = parse(&query);

            assert_eq!(parsed.filter.map_or(String::new(), |it| it.to_string()), filter);
            assert_eq!(parsed.order.iter().map(ToString::to_string).collect::<String>(), order);
            assert_eq!(parsed.top, query.contains("top").then_some(10));
        }
    }
    assert_eq!(selected("id,status,customerProfile"), "id,status,customerProfile");
}

#[test]
fn texts_are_decoded_as_clients_write_them() {
    for query in [
        "$filter=name eq 'a+b'",
        "$filter=name+eq+'a+b'",
        "%24filter=name%20eq%20%27a%20b%27",
        "%24FILTER=name%20eq%20'a%20b'",
        "other=%FF&$filter=name%09eq 'a b'&&=&x",
    ] {
        assert_eq!(parse(query).filter.unwrap().to_string(), "name eq 'a b'", "{query}");
    }
    assert_eq!(parse("$filter=name eq 'a%2Bb%26%3d%3D%2f'").filter.unwrap().to_string(), "name eq 'a+b&==/'");
    assert_eq!(parse("$filter=name eq '100%_%2'").filter.unwrap().to_string(), "name eq '100%_%2'");
    assert_eq!(parse("$filter=name eq 'Z%C3%BCrich'").filter.unwrap().to_string(), "name eq 'Zürich'");
}

#[test]
fn a_query_may_have_no_options() {
    for query in ["", "&", "filter=name", "top=1&api-version=1"] {
        assert_eq!(parse(query), Query::default(), "{query}");
    }
}

#[test]
fn numbers_and_flags_are_read() {
    let query =
        parse("$TOP=0&$skip=9223372036854775807&$count=TRUE&$skiptoken=a%3D=&$deltatoken=d&$format=json");

    assert_eq!((query.top, query.skip, query.count), (Some(0), u64::try_from(i64::MAX).ok(), Some(true)));
    assert_eq!(query.skip_token.as_deref(), Some("a=="));
    assert_eq!(query.delta_token.as_deref(), Some("d"));
    assert_eq!(query.format.as_deref(), Some("json"));
}

#[test]
fn parameter_aliases_stand_for_their_text() {
    let filter = |query: &str| parse(query).filter.unwrap().to_string();

    assert_eq!(filter("$filter=status eq @s&@s='new'"), "status eq 'New'");
    assert_eq!(filter("@s=New&$filter=status in (@s,@t)&@t=Closed"), "status in ('New','Closed')");
    assert_eq!(
        filter("$filter=quantity mul @sum eq 1&@sum=quantity add 1"),
        "quantity mul (quantity add 1) eq 1"
    );
    assert_eq!(filter("$filter=@a and favorite&@a=@b&@b=name eq 'x'"), "name eq 'x' and favorite");
    assert_eq!(filter("$filter=name eq @missing"), "name eq null");
    assert_eq!(parse("$orderby=@k desc&@k=name").order[0].to_string(), "name desc");
}

#[test]
fn a_problem_of_an_alias_is_told_where_it_is_used() {
    for (query, message) in [
        ("$filter=name eq @a&@a=@b&@b=@a", "in @a: in @b: @a is defined by itself"),
        ("$filter=name eq @a&@a=", "in @a: the text ends too early"),
        ("$filter=name eq @a&@a=1 1", "in @a: `1` is not expected here"),
        ("$filter=name eq @a&@a=nmae", "nmae is not a known property"),
    ] {
        let error = error(query);
        assert_eq!((error.message.as_str(), error.position), (message, Some(9)), "{query}");
    }
}

#[test]
fn keys_have_a_direction() {
    let order = |text: &str| -> Vec<String> {
        parse(&format!("$orderby={text}")).order.iter().map(ToString::to_string).collect()
    };

    assert_eq!(order("name,status DESC , quantity asc"), ["name", "status desc", "quantity"]);
    assert_eq!(order("length(name) mul 2 desc"), ["length(name) mul 2 desc"]);
    assert_eq!(order("team/$count desc"), ["team/$count desc"]);
    assert_eq!(order("contains(name,'x')"), ["contains(name,'x')"]);
    for (query, position, message) in [
        ("$orderby=", 1, "the text ends too early"),
        ("$orderby=name,", 6, "the text ends too early"),
        ("$orderby=name up", 6, "`up` is not expected here"),
        ("$orderby=name asc desc", 10, "`desc` is not expected here"),
        ("$orderby=tags", 1, "tags is a collection; ask for one of its items"),
        ("$orderby=email", 1, "email has many values, and rows cannot be ordered by them"),
        ("$orderby=notes", 1, "notes can be selected, but not filtered or ordered by"),
    ] {
        let error = error(query);
        assert_eq!((error.position, error.message.as_str()), (Some(position), message), "{query}");
    }
}

#[test]
fn a_selection_is_in_the_order_of_the_schema_without_duplicates() {
    for (text, expected) in [
        ("status,id", "id,status"),
        ("id, ID ,id", "id"),
        ("*", "*"),
        ("id,*", "*"),
        ("notes", "notes"),
        ("customerProfile/name", "customerProfile/name"),
        (
            "customerProfile/address/country,customerProfile/name,customerProfile/address/city",
            "customerProfile/name,customerProfile/address/city,customerProfile/address/country",
        ),
        ("customerProfile/name,customerProfile", "customerProfile"),
        ("customerProfile,customerProfile/name", "customerProfile"),
        ("customerProfile/*", "customerProfile"),
        ("team/email", "team/email"),
        ("customerProfile($select=name)", "customerProfile/name"),
        (
            "customerProfile($select=address($select=city,country))",
            "customerProfile/address/city,customerProfile/address/country",
        ),
    ] {
        assert_eq!(selected(text), expected, "{text}");
        let read = Selection::parse(expected, &SCHEMA, &Limits::default()).unwrap();
        assert_eq!(read, parse(&format!("$select={text}")).selection);
    }
}

#[test]
fn a_selection_of_what_is_not_there_is_refused() {
    for (query, position, message) in [
        ("$select=", 1, "the text ends too early"),
        ("$select=id,", 4, "the text ends too early"),
        ("$select=id status", 4, "this is not expected here"),
        ("$select=nmae", 1, "nmae is not a property of Referral"),
        ("$select=customerProfile/nmae", 17, "nmae is not a property of CustomerProfile"),
        ("$select=name/x", 5, "name has no properties"),
        ("$select=customerProfile($top=1)", 17, "$top is not possible here"),
        ("$select=customerProfile($select=name", 29, "the text ends too early"),
        ("$expand=none", 1, "none cannot be expanded"),
        ("$expand=history,history", 9, "history is expanded more than once"),
        ("$expand=history($select=id;$top=1)", 19, "no other option is possible here"),
        ("$expand=history/$count", 8, "this is not expected here"),
    ] {
        let error = error(query);
        assert_eq!((error.position, error.message.as_str()), (Some(position), message), "{query}");
    }
}

#[test]
fn navigations_are_expanded_with_their_own_selection() {
    for (text, expected) in [
        ("relatedReferrals", "relatedReferrals"),
        ("RELATEDREFERRALS", "relatedReferrals"),
        ("history,relatedReferrals", "relatedReferrals,history"),
        ("*", "relatedReferrals,history"),
        ("relatedReferrals($select=status,id)", "relatedReferrals($select=id,status)"),
        ("relatedReferrals($select=*)", "relatedReferrals"),
    ] {
        assert_eq!(expanded(text), expected, "{text}");
        assert_eq!(
            Expanded::parse_all(expected, &SCHEMA, &Limits::default()).unwrap(),
            parse(&format!("$expand={text}")).expanded
        );
    }
}

#[test]
fn a_search_looks_into_every_text_in_any_case() {
    let search = |text: &str| parse(&format!("$search={text}")).search.unwrap().to_string();
    let word = |it: &str| {
        format!(
            "contains(tolower(name),'{it}') or contains(tolower(customerProfile/name),'{it}') or \
             team/any(i:contains(tolower(i/firstName),'{it}') or contains(tolower(i/email),'{it}'))"
        )
    };

    assert_eq!(search("Contoso"), word("contoso"));
    assert_eq!(search("\"Big Deal\""), word("big deal"));
    assert_eq!(search("\"a \\\"b\\\" \\\\\""), word("a \"b\" \\"));
    assert_eq!(search("O'Brien"), word("o''brien"));
    assert_eq!(search("a b"), format!("({}) and ({})", word("a"), word("b")));
    assert_eq!(search("a AND b"), search("a b"));
    assert_eq!(search("a OR b"), format!("{} or {}", word("a"), word("b")));
    assert_eq!(search("(a OR b) c"), format!("({} or {}) and ({})", word("a"), word("b"), word("c")));
    assert_eq!(search("a OR b c"), format!("{} or ({}) and ({})", word("a"), word("b"), word("c")));
    assert_eq!(search("and or"), format!("({}) and ({})", word("and"), word("or")));
    assert_eq!(canonical(&search("NOT a")), search("NOT a"));
}

#[test]
fn a_search_takes_what_contains_the_words() {
    let values = referral();
    for (text, is_taken) in [
        ("contoso", true),
        ("STRASSE", false),
        ("STRAßE", true),
        ("BEA", true),
        ("contoso nothing", false),
        ("contoso OR nothing", true),
        ("NOT nothing", true),
        ("NOT contoso", false),
        ("contoso NOT nothing", true),
        ("contoso NOT (nothing OR bea)", false),
        ("\"contoso.com\"", true),
        ("%25", true),
    ] {
        let search = parse(&format!("$search={text}")).search.unwrap();
        assert_eq!(matches(&search, &Entity::new(&values)), is_taken, "{text}");
    }
    // A row without the text does not contain the word.
    let empty = std::collections::BTreeMap::new();
    assert!(matches(&parse("$search=NOT x").search.unwrap(), &Entity::new(&empty)));
}

#[test]
fn a_search_that_is_none_is_refused() {
    for (query, position, message) in [
        ("$search=", 1, "a word or a phrase is wanted here"),
        ("$search=a AND", 6, "a word or a phrase is wanted here"),
        ("$search=OR a", 1, "a word or a phrase is wanted here"),
        ("$search=NOT", 4, "a word or a phrase is wanted here"),
        ("$search=(a", 3, "the parenthesis is not closed"),
        ("$search=a)", 3, "`)` closes nothing"),
        ("$search=\"a", 1, "the phrase that begins here is not closed with \""),
        ("$search=\"\"", 1, "the phrase is empty"),
        ("$search=a%00", 1, "a text cannot contain the character U+0000"),
    ] {
        let error = error(query);
        assert_eq!((error.position, error.message.as_str()), (Some(position), message), "{query}");
    }
}
