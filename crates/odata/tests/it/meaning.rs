//! What expressions mean: null logic, every function, arithmetic, and what `any` and `all` ask.

use std::collections::BTreeMap;

use odata::{
    eval::{compare_keys, keys_of, matches, text_of, value_of},
    tree::OrderKey,
};

use crate::world::{Entity, SCHEMA, now, referral, valid};

/// Says what a filter answers for [`referral`]: true, false or null.
fn answer(text: &str) -> String {
    let values = referral();
    text_of(&value_of(&valid(text), &Entity::new(&values))).unwrap_or("null".to_owned())
}

/// Returns the value of any expression, as text.
fn value(text: &str) -> String {
    let keys = OrderKey::parse_all(text, &SCHEMA, &odata::Limits::default(), now());
    let keys = keys.unwrap_or_else(|error| panic!("{text}: {error}"));
    let values = referral();
    let value = keys_of(&keys, &Entity::new(&values)).pop().expect("there is one key");
    text_of(&value).unwrap_or("null".to_owned())
}

#[test]
fn comparison_with_null_is_never_null() {
    for (filter, expected) in [
        ("substatus eq null", "true"),
        ("substatus ne null", "false"),
        ("substatus eq 'x'", "false"),
        ("substatus ne 'x'", "true"),
        ("not (substatus eq 'x')", "true"),
        ("null eq substatus", "true"),
        ("name eq null", "false"),
        ("name ne null", "true"),
        ("substatus gt 'x'", "false"),
        ("substatus lt 'x'", "false"),
        ("substatus ge 'x'", "false"),
        ("substatus le 'x'", "false"),
        ("substatus ge null", "true"),
        ("substatus le null", "true"),
        ("substatus gt null", "false"),
        ("not (substatus gt 'x')", "true"),
        ("substatus in ('x',null)", "true"),
        ("substatus in ('x')", "false"),
        ("null eq null", "true"),
        ("effort eq duration'PT0S'", "false"),
    ] {
        assert_eq!(answer(filter), expected, "{filter}");
    }
}

#[test]
fn logic_has_three_values() {
    // A function of null is null.
    let null = "contains(substatus,'x')";
    for (filter, expected) in [
        (null.to_owned(), "null"),
        (format!("not {null}"), "null"),
        (format!("{null} and true"), "null"),
        (format!("true and {null}"), "null"),
        (format!("{null} and false"), "false"),
        (format!("false and {null}"), "false"),
        (format!("{null} or true"), "true"),
        (format!("true or {null}"), "true"),
        (format!("{null} or false"), "null"),
        (format!("{null} and {null}"), "null"),
        (format!("({null}) eq null"), "true"),
        (format!("({null}) eq true"), "false"),
        ("null".to_owned(), "null"),
        ("null or true".to_owned(), "true"),
    ] {
        assert_eq!(answer(&filter), expected, "{filter}");
        let values = referral();
        assert_eq!(matches(&valid(&filter), &Entity::new(&values)), expected == "true", "{filter}");
    }
}

#[test]
fn text_functions_count_code_points_and_take_text_as_it_is() {
    for (expr, expected) in [
        ("contains(name,'100%_')", "true"),
        ("contains(name,'%')", "true"),
        ("contains(name,'1__%')", "false"),
        ("contains(name,'STRASSE')", "false"),
        ("contains(name,'')", "true"),
        ("startswith(name,' S')", "true"),
        ("startswith(name,'S')", "false"),
        ("endswith(name,'_ ')", "true"),
        ("endswith(name,'x')", "false"),
        ("indexof(name,'ß')", "5"),
        ("indexof(name,'100')", "8"),
        ("indexof(name,'')", "0"),
        ("indexof(name,'zz')", "-1"),
        ("length(name)", "14"),
        ("length('😀')", "1"),
        ("substring('a😀bc',1)", "😀bc"),
        ("substring('a😀bc',1,2)", "😀b"),
        ("substring('abc',-5,2)", "ab"),
        ("substring('abc',1,-1)", ""),
        ("substring('abc',9)", ""),
        ("substring('abc',9223372036854775807 add 9223372036854775807)", ""),
        ("tolower('ÄÖ İ')", "äö i\u{307}"),
        ("toupper('straße')", "STRASSE"),
        ("trim(name)", "Straße 100%_"),
        ("trim('\u{a0}\u{2003}x\t')", "x"),
        ("concat('a','b')", "ab"),
        ("length(substatus)", "null"),
        ("concat(substatus,'b')", "null"),
        ("substring(name,length(substatus))", "null"),
    ] {
        assert_eq!(value(expr), expected, "{expr}");
    }
}

#[test]
fn functions_of_time_take_moments_apart() {
    for (expr, expected) in [
        ("year(createdDateTime)", "2024"),
        ("month(createdDateTime)", "5"),
        ("day(createdDateTime)", "1"),
        ("hour(createdDateTime)", "10"),
        ("minute(createdDateTime)", "20"),
        ("second(createdDateTime)", "30"),
        ("fractionalseconds(createdDateTime)", "0.1234567"),
        ("date(createdDateTime)", "2024-05-01"),
        ("time(createdDateTime)", "10:20:30.1234567"),
        ("totaloffsetminutes(createdDateTime)", "0"),
        ("totaloffsetminutes(updatedDateTime)", "null"),
        ("year(closingDate)", "2024"),
        ("day(closingDate)", "29"),
        ("hour(opensAt)", "9"),
        ("fractionalseconds(opensAt)", "0.5"),
        ("totalseconds(duration'-P1DT0.5S')", "-86400.5"),
        ("year(1969-12-31T23:59:59.9Z)", "1969"),
        ("second(1969-12-31T23:59:59.9Z)", "59"),
        ("now()", "2024-06-01T00:00:00Z"),
        ("mindatetime()", "0001-01-01T00:00:00Z"),
        ("maxdatetime()", "9999-12-31T23:59:59.9999999Z"),
        ("year(updatedDateTime)", "null"),
    ] {
        assert_eq!(value(expr), expected, "{expr}");
    }
}

#[test]
fn arithmetic_is_exact_or_null() {
    for (expr, expected) in [
        ("quantity add 1", "8"),
        ("quantity sub 10", "-3"),
        ("quantity mul dealValue", "8641.5"),
        ("quantity div 2", "3"),
        ("-quantity div 2", "-3"),
        ("quantity divby 2", "3.5"),
        ("quantity div 2.0", "3.5"),
        ("1.0 div 3", "0.333333333333"),
        ("quantity mod 4", "3"),
        ("-quantity mod 4", "-3"),
        ("dealValue mod 1", "0.5"),
        ("quantity div 0", "null"),
        ("quantity mod 0", "null"),
        ("dealValue divby 0.0", "null"),
        ("9223372036854775807 add 1", "9223372036854775808"),
        ("1e27 mul 10", "null"),
        ("0.1 add 0.2", "0.3"),
        ("quantity add null", "null"),
        ("-dealValue", "-1234.5"),
        ("round(dealValue)", "1235"),
        ("round(-dealValue)", "-1235"),
        ("floor(dealValue)", "1234"),
        ("floor(-dealValue)", "-1235"),
        ("ceiling(-dealValue)", "-1234"),
        ("ceiling(-0.5)", "0"),
        ("round(-0.4)", "0"),
        ("-(0.0)", "0"),
        ("-(0)", "0"),
        ("0.0 mul -1", "0"),
        ("-1 divby 1e20", "0"),
        ("round(quantity)", "7"),
        ("createdDateTime add duration'P1D'", "2024-05-02T10:20:30.1234567Z"),
        ("duration'P1D' add createdDateTime", "2024-05-02T10:20:30.1234567Z"),
        ("createdDateTime sub 'PT30S'", "2024-05-01T10:20:00.1234567Z"),
        ("createdDateTime sub 2024-05-01T10:20:00Z", "PT30.1234567S"),
        ("maxdatetime() add duration'PT0.0000001S'", "null"),
        ("closingDate add duration'P1DT23H'", "2024-03-01"),
        ("closingDate sub duration'P1D'", "2024-02-28"),
        ("closingDate sub 2024-01-01", "P59D"),
        ("9999-12-31 add duration'P1D'", "null"),
        ("duration'PT1H' sub duration'PT90M'", "-PT30M"),
        ("-duration'PT1H'", "-PT1H"),
        ("effort add duration'PT1H'", "null"),
    ] {
        assert_eq!(value(expr), expected, "{expr}");
    }
}

#[test]
fn casts_are_null_where_the_text_is_no_such_value() {
    for (expr, expected) in [
        ("cast(quantity,Edm.String)", "7"),
        ("cast(dealValue,Edm.String)", "1234.5"),
        ("cast(favorite,Edm.String)", "false"),
        ("cast(status,Edm.String)", "Active"),
        ("cast(id,Edm.String)", "65edc0b5-3485-41b7-a17e-dfa9ef4706e2"),
        ("cast(createdDateTime,Edm.String)", "2024-05-01T10:20:30.1234567Z"),
        ("cast(closingDate,Edm.String)", "2024-02-29"),
        ("cast(duration'PT90M',Edm.String)", "PT1H30M"),
        ("cast('7',Edm.Int64)", "7"),
        ("cast('7.0',Edm.Int64)", "7"),
        ("cast('7.5',Edm.Int64)", "null"),
        ("cast('x',Edm.Int64)", "null"),
        ("cast('1e3',Edm.Decimal)", "1000"),
        ("cast(dealValue,Edm.Int32)", "1234"),
        ("cast(-dealValue,Edm.Int32)", "-1234"),
        ("cast(1e20,Edm.Int64)", "null"),
        ("cast('TRUE',Edm.Boolean)", "true"),
        ("cast('yes',Edm.Boolean)", "null"),
        ("cast('65EDC0B5-3485-41B7-A17E-DFA9EF4706E2',Edm.Guid)", "65edc0b5-3485-41b7-a17e-dfa9ef4706e2"),
        ("cast('2024-05-01T02:00:00+02:00',Edm.DateTimeOffset)", "2024-05-01T00:00:00Z"),
        ("cast('2024-05-01',Edm.Date)", "2024-05-01"),
        ("cast('2024-05-32',Edm.Date)", "null"),
        ("cast(createdDateTime,Edm.TimeOfDay)", "10:20:30.1234567"),
        ("cast(substatus,Edm.Int64)", "null"),
    ] {
        assert_eq!(value(expr), expected, "{expr}");
    }
}

#[test]
fn comparisons_go_by_the_type() {
    for (filter, expected) in [
        ("status gt New", "true"),
        ("status lt Closed", "true"),
        ("status in (Closed)", "false"),
        ("quantity eq 7.0", "true"),
        ("dealValue eq 1234.5", "true"),
        ("dealValue gt 1234", "true"),
        ("name lt 'a'", "true"),
        ("'Z' lt 'a'", "true"),
        ("favorite lt true", "true"),
        ("opensAt gt 09:30:15.4", "true"),
        ("closingDate le 2024-02-29", "true"),
        ("createdDateTime ge 2024-05-01", "true"),
        ("id eq 65EDC0B5-3485-41B7-A17E-DFA9EF4706E2", "true"),
        ("customerProfile/address/country eq 'US'", "true"),
        ("customerProfile/address/country eq 'us'", "false"),
    ] {
        assert_eq!(answer(filter), expected, "{filter}");
    }
}

#[test]
fn any_and_all_are_never_null() {
    for (filter, expected) in [
        ("team/any()", "true"),
        ("team/$count eq 2", "true"),
        ("team/any(t:t/email eq 'b@contoso.com')", "true"),
        ("team/any(t:t/email eq 'c@contoso.com')", "false"),
        ("team/all(t:endswith(t/email,'@contoso.com'))", "true"),
        // The second has no age, so that its predicate is null.
        ("team/all(t:t/age add 1 gt 0 and true)", "false"),
        ("team/any(t:contains(t/firstName,'B'))", "true"),
        ("team/all(t:contains(t/firstName,'B'))", "false"),
        ("not team/all(t:contains(t/firstName,'B'))", "true"),
        ("tags/any(t:t eq 'hot')", "true"),
        ("tags/all(t:t eq 'hot')", "false"),
        ("tags/any(t:t eq name)", "false"),
        ("'hot' in tags", "true"),
        ("email eq 'a@contoso.com'", "true"),
        ("email in ('x','b@contoso.com')", "true"),
        ("not (email eq 'c@contoso.com')", "true"),
        ("email eq 'a@contoso.com' and email eq 'b@contoso.com'", "true"),
    ] {
        assert_eq!(answer(filter), expected, "{filter}");
    }
    let empty = BTreeMap::new();
    let entity = Entity::new(&empty);
    assert!(!matches(&valid("team/any()"), &entity));
    assert!(!matches(&valid("team/any(t:true)"), &entity));
    assert!(matches(&valid("team/all(t:false)"), &entity));
    assert!(matches(&valid("team/$count eq 0"), &entity));
}

#[test]
fn what_cannot_be_read_is_null() {
    let mut values = referral();
    for (path, text) in [
        ("/status", "Unknown"),
        ("/id", "{65edc0b5-3485-41b7-a17e-dfa9ef4706e2}"),
        ("/createdDateTime", "yesterday"),
        ("/dealValue", "1e40"),
        ("/favorite", "maybe"),
    ] {
        values.insert(path.to_owned(), odata::eval::Raw::Text(text.into()));
        let filter = format!("{} eq null", &path[1..]);
        assert!(matches(&valid(&filter), &Entity::new(&values)), "{filter}");
    }
}

#[test]
fn null_comes_first_in_ascending_order_and_last_in_descending_order() {
    let keys = |text: &str| OrderKey::parse_all(text, &SCHEMA, &odata::Limits::default(), now()).unwrap();
    let rows: Vec<BTreeMap<_, _>> = [("b", "1"), ("a", "2"), ("", "3"), ("a", "1")]
        .map(|(name, quantity)| {
            let mut row =
                BTreeMap::from([("/quantity".to_owned(), odata::eval::Raw::Number(quantity.into()))]);
            if !name.is_empty() {
                row.insert("/name".to_owned(), odata::eval::Raw::Text(name.into()));
            }
            row
        })
        .into();
    for (order, expected) in [
        ("name,quantity", [2, 3, 1, 0]),
        ("name desc,quantity", [0, 3, 1, 2]),
        ("name,quantity desc", [2, 1, 3, 0]),
    ] {
        let keys = keys(order);
        let mut places: Vec<usize> = (0..rows.len()).collect();
        places.sort_by(|one, other| {
            let values = |place: &usize| keys_of(&keys, &Entity::new(&rows[*place]));
            compare_keys(&keys, &values(one), &values(other))
        });

        assert_eq!(places, expected, "{order}");
    }
}
