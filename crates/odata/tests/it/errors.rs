//! What is said about a query that is wrong: where, what, and what would be right.

use odata::{Limits, Query, QueryError};

use crate::world::{SCHEMA, filter, now};

fn error(text: &str) -> QueryError {
    filter(text).expect_err(text)
}

/// Asserts the place and the message of the one error of a filter.
fn assert_error(text: &str, position: usize, message: &str) {
    let error = error(text);
    assert_eq!(
        (error.option.as_str(), error.position, error.message.as_str()),
        ("$filter", Some(position), message),
        "{text}"
    );
}

#[test]
fn what_cannot_be_read_has_a_place_and_a_message() {
    for (text, position, message) in [
        ("name eq", 8, "the text ends too early"),
        ("name eq 'x", 9, "the text that begins here is not closed with '"),
        ("name eq 'a\0'", 11, "a text cannot contain the character U+0000"),
        ("name eq'x'", 8, "a blank is missing after the operator"),
        ("name eq 'x'and true", 12, "a blank is missing before and"),
        ("not'x'", 1, "not is not a type whose literals are written not'…'"),
        ("name is 'x'", 6, "`is` is not expected here"),
        ("name eq %", 9, "`%` is not expected here"),
        ("(favorite", 10, "the text ends too early"),
        ("favorite)", 9, "`)` is not expected here"),
        ("name eq 1x", 9, "1x is not a number; texts stand in single quotes"),
        ("dealValue eq INF", 14, "INF is not a decimal number, and there are no others here"),
        ("dealValue eq -nan", 15, "nan is not a decimal number, and there are no others here"),
        ("dealValue eq 1e28", 14, "1e28 has more than 28 digits"),
        ("createdDateTime gt 2024-02-30", 20, "2024-02-30 is not a date, a moment or a time of day"),
        ("effort eq duration'1'", 11, "\"1\" is not a duration"),
    ] {
        assert_error(text, position, message);
    }
}

#[test]
fn what_does_not_fit_together_has_a_place_and_a_message() {
    for (text, position, message) in [
        ("name in ()", 10, "the list after in is empty"),
        ("name in 'x'", 9, "in takes a list in parentheses or a collection"),
        ("'x' in team", 8, "the items of team are not single values"),
        ("'x' in name", 8, "name is not a collection"),
        ("name", 1, "a predicate is wanted, and this is an Edm.String"),
        ("favorite and name", 14, "a predicate is wanted, and this is an Edm.String"),
        ("not name eq 'x'", 5, "a predicate is wanted, and this is an Edm.String"),
        ("name eq 1", 9, "Edm.String cannot be compared with Edm.Int64"),
        ("quantity eq name", 13, "Edm.Int64 cannot be compared with Edm.String"),
        ("quantity eq 'many'", 13, "\"many\" is not an Edm.Int64"),
        ("createdDateTime gt 'yesterday'", 20, "\"yesterday\" is not an Edm.DateTimeOffset"),
        ("id gt 65edc0b5-3485-41b7-a17e-dfa9ef4706e2", 4, "GUIDs have no order"),
        ("id eq '65edc0b5'", 7, "\"65edc0b5\" is not an Edm.Guid"),
        ("name add 1 eq 2", 6, "this operator does not take Edm.String and Edm.Int64"),
        ("-name eq 'x'", 1, "an Edm.String has no negative"),
        ("quantity add 'x' eq 1", 14, "\"x\" has no place beside this operator"),
        ("length(quantity) eq 1", 8, "length takes Edm.String here, not Edm.Int64"),
        ("year(name) eq 1", 6, "year takes Edm.DateTimeOffset or Edm.Date here, not Edm.String"),
        ("contains(name)", 1, "contains takes 2 arguments, and 1 are given"),
        ("substring(name) eq 'x'", 1, "substring takes 2 or 3 arguments, and 1 are given"),
        ("now(1) eq createdDateTime", 1, "now takes no arguments"),
        ("cast(name) eq 'x'", 1, "cast takes a value and a type"),
        ("cast(name,Edm.Binary) eq 'x'", 11, "Edm.Binary is not a known type"),
        ("cast(favorite,Edm.Int64) eq 1", 6, "Edm.Boolean cannot be cast to Edm.Int64"),
        ("cast(name,'x') eq 'x'", 11, "a type is wanted here"),
    ] {
        assert_error(text, position, message);
    }
}

#[test]
fn a_path_that_leads_elsewhere_has_a_place_and_a_message() {
    for (text, position, message) in [
        ("notes eq 'x'", 1, "notes can be selected, but not filtered or ordered by"),
        ("name/first eq 'x'", 6, "name has no properties"),
        ("customerProfile eq null", 1, "customerProfile is not a single value; name one of its properties"),
        ("team eq null", 1, "team is a collection; ask for one of its items"),
        ("tags eq 'x'", 1, "tags is a collection; ask for one of its items"),
        ("team/email eq 'x'", 6, "team is a collection; ask for one of its items"),
        ("name/any(t:true)", 1, "name is not a collection"),
        ("name/$count gt 1", 1, "name is not a collection"),
        ("team/any(t:t eq 'x')", 12, "t is not a single value; name one of its properties"),
        ("team/any(t:t/email)", 12, "a predicate is wanted, and this is an Edm.String"),
        ("team/all()", 10, "all() needs a predicate"),
        ("team/any(t:tags/any(x:x eq 'a'))", 12, "any and all do not nest"),
        ("team/any(t:'x' in tags)", 19, "in on a collection is an any, and any and all do not nest"),
        ("team/any(t:email eq 'x')", 12, "email stands for team/email; any and all do not nest"),
        ("(team/any()) eq (email eq 'x')", 14, "email stands for any of team; any and all do not nest"),
        ("customerProfile/ name eq 'x'", 18, "a path has no blanks"),
        ("name eq @", 9, "a parameter alias needs a name after @"),
        (
            "Liaison.Other'x' eq status",
            1,
            "Liaison.Other is not a type whose literals are written Liaison.Other'…'",
        ),
        ("straße eq 'ü'", 1, "straße is not a known property"),
        ("name eq 'ü' und", 13, "`und` is not expected here"),
    ] {
        assert_error(text, position, message);
    }
}

#[test]
fn a_name_that_is_not_known_is_answered_with_a_close_one() {
    for (text, position, message, suggestion) in [
        ("stauts eq 'New'", 1, "stauts is not a known property", Some("status")),
        (
            "favorite and creatdDateTime gt now()",
            14,
            "creatdDateTime is not a known property",
            Some("createdDateTime"),
        ),
        ("emial eq 'x'", 1, "emial is not a known property", Some("email")),
        ("zzz eq 'x'", 1, "zzz is not a known property", None),
        ("customerProfile/nmae eq 'x'", 17, "nmae is not a property of customerProfile", Some("name")),
        ("team/any(t:t/emial eq 'x')", 14, "emial is not a property of t", Some("email")),
        ("startwith(name,'x')", 1, "startwith is not a known function", Some("startswith")),
        ("nwo() gt createdDateTime", 1, "nwo is not a known function", Some("now")),
        ("status eq 'Actve'", 11, "\"Actve\" is not a value of Status", Some("Active")),
        ("status eq Actve", 11, "\"Actve\" is not a value of Status", Some("Active")),
        ("cast(name,Edm.Strng) eq 'x'", 11, "Edm.Strng is not a known type", Some("Edm.String")),
        ("favorite nad favorite", 10, "`nad` is not expected here", Some("and")),
    ] {
        let error = error(text);
        assert_eq!((error.position, error.message.as_str()), (Some(position), message), "{text}");
        assert_eq!(error.suggestion.as_deref(), suggestion, "{text}");
    }
}

#[test]
fn an_error_shows_what_would_be_right() {
    for (text, expected) in [
        ("team/email eq 'x'", "team/any(i:i/email eq …)"),
        ("team eq null", "team/any(i:i/email eq …)"),
        ("tags eq 'x'", "tags/any(i:i eq …)"),
        ("customerProfile eq null", "customerProfile/name"),
        ("status eq 'zzz'", "Closed"),
        ("zzz eq 1", "name"),
        ("createdDateTime gt 'yesterday'", "2024-05-01T10:20:30Z"),
        ("not name eq 'x'", "not (…) around a comparison"),
        ("id eq guid'65edc0b5-3485-41b7-a17e-dfa9ef4706e2'", "the literal alone, bare or in single quotes"),
    ] {
        assert!(error(text).expected.iter().any(|it| it == expected), "{text}: {:?}", error(text).expected);
    }
}

#[test]
fn an_error_reads_as_a_sentence() {
    assert_eq!(
        error("stauts eq 'New'").to_string(),
        "$filter, character 1: stauts is not a known property; did you mean status?"
    );
    assert_eq!(
        error("status eq 'zzz'").to_string(),
        "$filter, character 11: \"zzz\" is not a value of Status; expected New, Active, Closed"
    );
}

#[test]
fn the_problems_of_all_options_come_at_once_in_their_order() {
    let query = "$top=x&$filter=stauts eq 'New'&%24orderby=name up&$select=nmae&other=1&$expand=none&$fliter=1&$skip=-1&$count=1&$search=(";

    let errors = Query::parse(query, &SCHEMA, &Limits::default(), now()).unwrap_err();

    let options: Vec<&str> = errors.iter().map(|it| it.option.as_str()).collect();
    let expected =
        ["$top", "$filter", "$orderby", "$select", "$expand", "$fliter", "$skip", "$count", "$search"];
    assert_eq!(options, expected);
    let suggestion = errors.iter().find(|it| it.option == "$fliter").and_then(|it| it.suggestion.as_deref());
    assert_eq!(suggestion, Some("$filter"));
}

#[test]
fn an_option_is_given_once_in_utf8() {
    for (query, option, message) in [
        ("$top=1&$top=2", "$top", "the option is given more than once"),
        ("$top=1&$TOP=2", "$top", "the option is given more than once"),
        ("@p=1&@p=2", "@p", "the option is given more than once"),
        ("$filter=name eq '%FF'", "$filter", "the text is not UTF-8"),
        ("$f%FF=1", "$f\u{fffd}", "the text is not UTF-8"),
        ("$top=", "$top", "\"\" is not a whole number from 0 to 9223372036854775807"),
        ("$top=1.5", "$top", "\"1.5\" is not a whole number from 0 to 9223372036854775807"),
        (
            "$skip=9223372036854775808",
            "$skip",
            "\"9223372036854775808\" is not a whole number from 0 to 9223372036854775807",
        ),
        (
            "$top=99999999999999999999",
            "$top",
            "\"99999999999999999999\" is not a whole number from 0 to 9223372036854775807",
        ),
        ("$count=yes", "$count", "\"yes\" is neither"),
        ("$compute=1", "$compute", "there is no such option"),
    ] {
        let errors = Query::parse(query, &SCHEMA, &Limits::default(), now()).unwrap_err();

        let [error] = errors.as_slice() else { panic!("{query}: {errors:?}") };
        assert_eq!((error.option.as_str(), error.message.as_str()), (option, message), "{query}");
    }
}
