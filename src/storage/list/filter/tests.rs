//! The text of conditions, where its shape matters: what indexes serve, and what is bound.

use odata::{Limits, Query, tree::Expr};
use uuid::Uuid;

use super::{Translator, required};
use crate::{
    domain::query::SCHEMA,
    storage::{dialect::Dialect, value::Value},
};

fn parsed(filter: &str) -> Expr {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let query = query.append_pair("$filter", filter).finish();
    Query::parse(&query, &SCHEMA, &Limits::default(), 0).unwrap().filter.unwrap()
}

/// Returns the condition, what has to be joined, and the parameters.
fn translated(dialect: Dialect, filter: &str) -> (String, &'static str, Vec<Value>) {
    let mut translator = Translator::new(dialect, 2, Uuid::nil());
    let condition = translator.condition(&parsed(filter));
    let joined = match (translator.needs_referral(), translator.needs_document()) {
        (false, _) => "",
        (true, false) => "r",
        (true, true) => "r, d",
    };
    (condition, joined, translator.into_params())
}

fn postgres(filter: &str) -> (String, &'static str) {
    let (condition, joined, _) = translated(Dialect::Postgres, filter);
    (condition, joined)
}

#[test]
fn columns_are_compared_plainly() {
    for (filter, condition, joined) in [
        ("status eq 'New'", "v.status = CAST($3 AS text)", ""),
        ("status in ('New','Active')", "v.status IN (CAST($3 AS text), CAST($4 AS text))", ""),
        ("createdDateTime ge 1970-01-01T00:00:00Z", "v.created >= CAST($3 AS bigint)", ""),
        ("1970-01-01T00:00:00Z lt updatedDateTime", "v.updated > CAST($3 AS bigint)", ""),
        ("customerProfile/address/country eq 'DE'", "v.country = CAST($3 AS text)", ""),
        ("not (status eq 'New')", "NOT (v.status = CAST($3 AS text))", ""),
        (
            "not (customerProfile/address/country eq 'DE')",
            "NOT (v.country IS NOT DISTINCT FROM CAST($3 AS text))",
            "",
        ),
        ("engagementId eq 00000000-0000-0000-0000-000000000001", "r.engagement_id = CAST($3 AS uuid)", "r"),
        ("expirationDateTime eq null", "r.expiration IS NULL", "r"),
    ] {
        assert_eq!(postgres(filter), (condition.to_owned(), joined), "{filter}");
    }
}

#[test]
fn what_some_do_not_see_is_asked_for_with_who_sees_it() {
    assert_eq!(
        postgres("mpnId eq '7'"),
        ("(v.relation IN (0, 1) AND r.mpn_id = CAST($3 AS text))".to_owned(), "r")
    );
    assert_eq!(
        postgres("name ne 'a'"),
        (
            "(CASE WHEN v.relation IN (0, 1, 2, 3) THEN (d.document #>> '{name}') END) \
             IS DISTINCT FROM CAST($3 AS text)"
                .to_owned(),
            "r, d"
        )
    );
    let (condition, joined, _) = translated(Dialect::Sqlite, "customerProfile/team/$count eq 0");
    assert_eq!(
        condition,
        "(CASE WHEN (v.relation IN (1) OR v.relation IN (0, 2, 3) AND (v.has_accepted = 1 OR NOT \
         ((r.document ->> '$.consent.consentToContact') IS 0 OR \
         (r.document ->> '$.consent.consentToToShareInfoWithOthers') IS 0)) \
         OR v.relation IN (0) AND r.inviter = r.organization_id) \
         THEN COALESCE(json_array_length(r.document, '$.customerProfile.team'), 0) ELSE 0 END) = $3"
    );
    assert_eq!(joined, "r");
}

#[test]
fn a_member_of_the_team_is_looked_up_in_its_table() {
    let (condition, _, params) =
        translated(Dialect::Sqlite, "team/any(m:m/email eq 'Ann@Contoso.example' and m/title ne null)");

    assert_eq!(
        condition,
        "(EXISTS (SELECT 1 FROM referral_team t WHERE t.referral_id = v.referral_id AND t.email = $4) \
         AND EXISTS (SELECT 1 FROM json_each(r.document, '$.team') item \
         WHERE ((item.value ->> '$.email') = $3 AND (item.value ->> '$.title') IS NOT NULL)))"
    );
    assert_eq!(params, ["Ann@Contoso.example".into(), "ann@contoso.example".into()]);
}

#[test]
fn texts_of_callers_are_bound() {
    let hostile = "x'' OR 1=1 --$9";
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let filter =
            format!("contains(name,'{hostile}') or tags/any(t:t eq '{hostile}') or name in ('{hostile}')");
        let (condition, _, params) = translated(dialect, &filter);

        assert!(!condition.contains("1=1"), "{condition}");
        assert_eq!(params, vec![Value::from("x' OR 1=1 --$9"); 3]);
    }
}

#[test]
fn values_do_not_change_the_text() {
    let one = translated(Dialect::Postgres, "details/dealValue gt 5 and name eq 'a'");
    let other = translated(Dialect::Postgres, "details/dealValue gt 7 and name eq 'b'");

    assert_eq!(one.0, other.0);
    assert_ne!(one.2, other.2);
}

#[test]
fn texts_do_not_double_with_every_level() {
    let mut filter = "name".to_owned();
    for _ in 0..6 {
        filter = format!("concat(cast({filter} ge mpnId,Edm.String),salesStage)");
    }

    let (condition, ..) = translated(Dialect::Postgres, &format!("{filter} eq 'a'"));

    assert!(condition.len() < 4000, "{}", condition.len());
}

#[test]
fn what_every_row_must_have_is_found_among_the_conjuncts() {
    let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let filter = parsed(&format!(
        "status eq 'New' and (engagementId in ({one},{other}) and id eq {one}) and email eq 'Ann@b.example'"
    ));
    let none = parsed(&format!("status eq 'New' or engagementId eq {one}"));

    assert_eq!(required::required_engagements(&filter), Some(vec![one, other]));
    assert_eq!(required::required_ids(&filter), Some(vec![one]));
    assert_eq!(required::required_team_member(&filter).as_deref(), Some("ann@b.example"));
    assert_eq!(required::required_engagements(&none), None);
    assert_eq!(required::required_ids(&parsed(&format!("not (id eq {one})"))), None);
    assert_eq!(required::required_team_member(&parsed("team/all(m:m/email eq 'a')")), None);
}

#[test]
fn the_costly_part_is_the_first_that_no_index_serves() {
    let costly = |filter: &str| {
        let filter = parsed(filter);
        required::costly_part(&filter).map(ToString::to_string)
    };

    assert_eq!(costly("status eq 'New' and email eq 'a@b.example' and favorite eq true"), None);
    assert_eq!(
        costly("status eq 'New' and contains(name,'x') and details/dealValue gt 5").as_deref(),
        Some("contains(name,'x')")
    );
    assert_eq!(costly("name eq 'a' or status eq 'New'").as_deref(), Some("name eq 'a' or status eq 'New'"));
}

#[test]
fn an_index_is_named_where_it_leaves_few_rows() {
    let index = |filter: &str| required::selective_index(&parsed(filter));

    for (filter, expected) in [
        ("direction eq 'Incoming' and substatus eq 'Pending'", Some("referral_viewers_by_substatus")),
        ("status eq New and type eq Shared", Some("referral_viewers_by_status")),
        ("customerProfile/address/country eq 'LU' and name eq 'x'", Some("referral_viewers_by_country")),
        ("'LU' eq customerProfile/address/country", Some("referral_viewers_by_country")),
        ("status eq 'Active'", None),
        ("substatus eq 'Accepted'", None),
        ("status ne 'New'", None),
        ("customerProfile/address/country eq null", None),
        ("status eq 'New' or type eq 'Shared'", None),
        ("not (status eq 'New')", None),
    ] {
        assert_eq!(index(filter), expected, "{filter}");
    }
}
