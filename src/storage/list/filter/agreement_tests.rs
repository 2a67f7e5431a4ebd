//! Both databases and the evaluator, on the same rows: for each predicate, the same of them.

mod rows;

use odata::{
    Limits, Query,
    generators::{self, Samples},
    tree::Expr,
};

use self::rows::{Dice, NOW, Tables, sample};
use crate::domain::query::{SCHEMA, properties};

fn parsed(filter: &str) -> Result<Expr, String> {
    let query: String =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("$filter", filter).finish();
    let query = Query::parse(&query, &SCHEMA, &Limits::default(), NOW);
    query.map(|it| it.filter.unwrap()).map_err(|it| format!("{it:?}"))
}

const FILTERS: &[&str] = &[
    // Columns.
    "status eq 'New'",
    "status ne 'New'",
    "status in ('New','Active')",
    "status gt 'New'",
    "status le 'Active' and status ge 'None'",
    "substatus eq 'Pending' or direction eq 'Incoming'",
    "direction ne 'Outgoing'",
    "qualification in ('Direct',null)",
    "id eq 00000000-0000-0000-0000-0000000003e9",
    "id in (00000000-0000-0000-0000-0000000003e9,00000000-0000-0000-0000-0000000003ea)",
    "engagementId eq 00000000-0000-0000-0000-000000000005",
    "engagementId ne null",
    "organizationId eq '00000000-0000-0000-0000-00000000000a'",
    "organizationId gt '00000000-0000-0000-0000-00000000000b'",
    "createdDateTime ge 2018-10-30T21:03:42.4579542Z",
    "createdDateTime lt updatedDateTime",
    "createdDateTime le expirationDateTime",
    "expirationDateTime ge acceptedDateTime",
    "expirationDateTime eq null",
    "expirationDateTime ge null",
    "expirationDateTime gt null or expirationDateTime lt now()",
    "expirationDateTime gt 2018-10-30T21:03:42Z",
    "acceptedDateTime eq closedDateTime",
    "acceptedDateTime in (null,2018-10-30T21:03:42.4579542Z)",
    "mpnId eq 'a'",
    "mpnId ne 'a'",
    "mpnId in ('a','A',null)",
    "mpnId gt 'C'",
    "customerProfile/address/country eq 'Contoso'",
    "customerProfile/address/country ne 'Contoso'",
    "customerProfile/address/country eq null",
    "customerProfile/address/country le customerProfile/address/city",
    "favorite",
    "favorite eq true",
    "favorite eq false",
    "favorite ne true",
    "favorite eq isSpam",
    // Texts.
    "name eq 'Contoso'",
    "name ne 'Contoso'",
    "name gt 'Stra'",
    "name ge 'a' and name le 'c'",
    "name eq null",
    "name ne null",
    "name eq ''",
    "name eq externalReferenceId",
    "name ge externalReferenceId",
    "name in ('a','quote''s','%_')",
    "name in (externalReferenceId,statusReason,null)",
    "null in (name,salesStage)",
    "quality eq 'Unknown'",
    "dealSensitivity ne 'None'",
    "registrationStatus eq 'None'",
    "contains(name,'o')",
    "contains(name,'')",
    "contains(name,'%')",
    "startswith(name,'Con')",
    "startswith(name,'')",
    "startswith(name,externalReferenceId)",
    "endswith(name,'oso')",
    "endswith(name,'')",
    "endswith('oso',name)",
    "endswith(name,externalReferenceId)",
    "indexof(name,'o') gt 0",
    "indexof(name,'x') eq -1",
    "indexof(name,'') eq 0",
    "length(name) ge 5",
    "length(name) eq 3",
    "length(name) in (1,3,2.5)",
    "substring(name,1) eq 'ontoso'",
    "substring(name,-3,1) eq 'C'",
    "substring(name,2,-1) eq ''",
    "substring(name,length(name) sub 2) eq 'so'",
    "substring(name,length(name) mul 1000000000000,length(name) mul 1000000000000000000) eq ''",
    "tolower(name) eq 'contoso'",
    "tolower(name) eq tolower(statusReason)",
    "toupper(name) eq 'STRASSE'",
    "trim(name) eq 'x'",
    "trim(name) eq 'nb'",
    "concat(name,externalReferenceId) eq 'aa'",
    "concat(concat(name,'-'),salesStage) ge concat(statusReason,'-')",
    // Truth.
    "isSpam",
    "not isSpam",
    "isSpam eq null",
    "isSpam in (true,null)",
    "details/customerRequestedContact",
    "not details/customerRequestedContact",
    "details/customerRequestedContact eq true",
    "details/customerRequestedContact ne true",
    "details/customerRequestedContact eq false",
    "details/customerRequestedContact ne false",
    "true eq consent/consentToContact",
    "details/customerRequestedContact eq consent/consentToContact",
    "details/customerRequestedContact ge consent/consentToContact",
    "consent/consentToContact and contains(name,'a')",
    "consent/consentToContact or contains(name,'a')",
    "not (consent/consentToContact and not contains(name,'a')) or name gt 'b'",
    "contains(name,'a') eq (isSpam or favorite)",
    "contains(name,'a') ne false",
    "true",
    "false or null",
    // Numbers.
    "details/dealValue eq 1.5",
    "details/dealValue ne 1.50",
    "details/dealValue gt 2",
    "details/dealValue le -2.5",
    "details/dealValue lt 0.0000001",
    "details/dealValue in (50000,0,null)",
    "details/dealValue eq null",
    "details/dealValue add 0.5 eq 2",
    "details/dealValue sub 1.5 ge 0",
    "details/dealValue mul 3 gt 4.5",
    "details/dealValue mul details/dealValue gt 6",
    "details/dealValue div 3 lt 0.6",
    "details/dealValue div 7 eq 0.214285714286",
    "details/dealValue divby 0.3 gt 5",
    "details/dealValue div 0 eq null",
    "details/dealValue mod 2 eq 0.5",
    "details/dealValue mod 0.7 gt 0.1",
    "details/dealValue mod 0 eq null",
    "length(name) div 2 eq 3",
    "length(name) divby 2 eq 3.5",
    "length(name) mod 2 eq 1",
    "length(name) add length(salesStage) gt 10",
    "0 sub length(name) lt -3",
    "-details/dealValue gt 0",
    "-length(name) lt -5",
    "round(details/dealValue) eq 3",
    "round(details/dealValue) eq -3",
    "floor(details/dealValue) eq -4",
    "ceiling(details/dealValue) eq 3",
    "round(length(name)) eq 7",
    "round(length(name) div 2) eq 3",
    "details/dealValue gt length(name)",
    "length(name) in (details/dealValue,7)",
    // Moments.
    "year(createdDateTime) eq 2024",
    "year(createdDateTime) eq 1",
    "month(expirationDateTime) eq 2 and day(expirationDateTime) eq 29",
    "hour(createdDateTime) eq 23",
    "minute(createdDateTime) eq 59",
    "second(createdDateTime) eq 42",
    "fractionalseconds(createdDateTime) eq 0.4579542",
    "fractionalseconds(acceptedDateTime) gt 0.5",
    "date(createdDateTime) eq 1969-12-31",
    "date(createdDateTime) ge date(updatedDateTime)",
    "time(createdDateTime) gt 12:00:00",
    "year(date(acceptedDateTime)) lt 1970",
    "hour(time(acceptedDateTime)) ge 12",
    "totaloffsetminutes(acceptedDateTime) eq 0",
    "acceptedDateTime add duration'P1D' gt now()",
    "acceptedDateTime sub duration'P1D' lt 1970-01-01T00:00:00Z",
    "acceptedDateTime add duration'PT0.0000001S' eq null",
    "acceptedDateTime sub createdDateTime gt duration'P1000D'",
    "totalseconds(acceptedDateTime sub createdDateTime) gt 86400",
    "date(acceptedDateTime) add duration'PT36H' eq 1970-01-01",
    "date(acceptedDateTime) add duration'P1D' eq null",
    "date(acceptedDateTime) sub date(createdDateTime) eq duration'PT0S'",
    "-(acceptedDateTime sub createdDateTime) le duration'PT0S'",
    // Casts.
    "cast(details/dealValue,Edm.String) eq '1.5'",
    "cast(length(name),Edm.String) eq '7'",
    "cast(isSpam,Edm.String) eq 'true'",
    "cast(consent/consentToContact,Edm.String) ne 'true'",
    "cast(id,Edm.String) eq '00000000-0000-0000-0000-0000000003e9'",
    "contains(cast(createdDateTime,Edm.String),'T21:03:42.4579542Z')",
    "cast(date(createdDateTime),Edm.String) eq '0001-01-01'",
    "cast(time(createdDateTime),Edm.String) eq '23:59:59.9999999'",
    "cast(acceptedDateTime sub createdDateTime,Edm.String) lt 'P'",
    "contains(cast(acceptedDateTime sub createdDateTime,Edm.String),'H')",
    "startswith(cast(status,Edm.String),'N')",
    "cast(name,Edm.Boolean)",
    "cast(name,Edm.Int64) eq -7",
    "cast(name,Edm.Decimal) eq 12.5",
    "cast(name,Edm.Decimal) ge -7",
    "cast(name,Edm.Guid) eq 37ef26aa-1d15-4533-9f93-a69bd33ab1e5",
    "cast(name,Edm.DateTimeOffset) eq 2024-05-01T08:20:30.5Z",
    "cast(name,Edm.Date) eq 2024-05-01",
    "cast(details/dealValue,Edm.Int64) eq 1",
    "cast(details/dealValue,Edm.Int64) div 2 eq -1",
    "cast(length(name),Edm.Decimal) eq 7.0",
    "cast(createdDateTime,Edm.Date) eq 2018-10-30",
    "cast(createdDateTime,Edm.TimeOfDay) eq 00:00:00",
    "isof(name,Edm.String)",
    // Collections.
    "team/any()",
    "not team/any()",
    "team/any(m:m/email eq 'ann@contoso.example')",
    "team/any(m:m/email eq 'Ann@Contoso.example' and m/firstName ne null)",
    "team/any(m:tolower(m/email) eq 'ann@contoso.example')",
    "team/any(m:m/email eq '')",
    "not team/any(m:m/email eq 'ann@contoso.example')",
    "team/all(m:m/email ne null)",
    "team/all(m:contains(m/lastName,'a'))",
    "team/any(m:m/contactPreference/disableNotifications)",
    "team/any(m:m/contactPreference/locale gt name)",
    "email eq 'bob@fabrikam.example'",
    "team/$count gt 1",
    "team/$count eq customerProfile/team/$count",
    "customerProfile/team/any(m:m/firstName eq 'a' or m/email ne null)",
    "customerProfile/team/all(m:m/email eq null)",
    "customerProfile/ids/any()",
    "customerProfile/ids/$count eq 0",
    "tags/any(t:t eq 'a')",
    "tags/any(t:contains(t,'o') and length(t) gt 2)",
    "tags/all(t:t ge 'a')",
    "'a' in tags",
    "tags/$count div 2 eq 1",
    "target/any(t:t/type eq 'SolutionProfile')",
    "target/all(t:t/id ne '')",
    "details/requirements/solutions/any(s:s/price gt 1)",
    "details/requirements/solutions/any(s:s/price eq null)",
    "details/requirements/solutions/all(s:s/price ge s/quantity)",
    "details/requirements/solutions/any(s:s/price mul s/quantity ge 2.25)",
    "details/requirements/solutions/any(s:s/type eq 'Name' or s/closingDateTime lt now())",
    "details/requirements/solutions/any(s:s/type gt 'Name' and not (s/name eq 'a'))",
    "details/requirements/industries/any(i:i/id in ('a','A'))",
    "registrations/any(r:r/contract/value gt 1 and r/solutionDetails/$count ge 1)",
    "registrations/any(r:r/registrationDateTime lt now())",
    "inviteContext/assistanceRequestCode eq 'QuotesOrLicensing'",
    "inviteContext/invitedMpnId eq null and inviteContext/notes ne null",
    "inviteContext/assistanceRequestCode gt 'GeneralOrOther' or trackingInfo/microsoftMsxId eq 'a'",
];

#[tokio::test]
async fn filters_take_the_same_rows_everywhere() {
    let tables = Tables::filled("filters", 0x1dea).await;
    let mut differences = Vec::new();

    for filter in FILTERS {
        let found = match parsed(filter) {
            Ok(predicate) => tables.differences(&predicate).await,
            Err(error) => vec![error],
        };
        differences.extend(found.into_iter().map(|it| format!("{filter}\n    {it}")));
    }

    assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
}

/// How many random predicates are asked; more find more.
const PREDICATES: usize = 200;

#[tokio::test]
async fn random_predicates_take_the_same_rows_everywhere() {
    let count = std::env::var("LIAISON_TEST_PREDICATES").map_or(PREDICATES, |it| it.parse().unwrap());
    let tables = Tables::filled("random", 0xf00d).await;
    let mut samples = Samples::new();
    for row in &tables.seen {
        sample(&properties::REFERRAL, &row.json, "", &mut samples);
    }
    let mut dice = Dice(std::env::var("LIAISON_TEST_SEED").map_or(0xbee, |it| it.parse().unwrap()));
    let mut differences = Vec::new();

    for _ in 0..count {
        let choices: Vec<u8> = (0..64).map(|_| u8::try_from(dice.roll(256)).unwrap()).collect();
        let predicate = generators::predicate(&SCHEMA, &samples, &choices);
        let found = tables.differences(&predicate).await;
        differences.extend(found.into_iter().map(|it| format!("{predicate}\n    {it}")));
    }

    assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
}

const KEYS: &[&str] = &[
    "id",
    "engagementId",
    "createdDateTime",
    "expirationDateTime",
    "status",
    "registrationStatus",
    "direction",
    "favorite",
    "consent/consentToContact",
    "name",
    "tolower(name)",
    "mpnId",
    "customerProfile/address/country",
    "details/dealValue",
    "details/dealValue mul -1",
    "length(name) mul 2",
    "team/$count",
    "date(createdDateTime)",
    "acceptedDateTime sub createdDateTime",
    "cast(name,Edm.Guid)",
    "isSpam or contains(name,'o')",
];

#[tokio::test]
async fn keys_order_rows_alike_everywhere() {
    let tables = Tables::filled("keys", 0xcafe).await;
    let mut differences = Vec::new();

    for key in KEYS {
        let query: String =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("$orderby", key).finish();
        let found = match Query::parse(&query, &SCHEMA, &Limits::default(), NOW) {
            Ok(query) => tables.differences_in_order(&query.order[0].expr).await,
            Err(error) => vec![format!("{error:?}")],
        };
        differences.extend(found.into_iter().map(|it| format!("{key}\n    {it}")));
    }
    let mut dice = Dice(0xdad);
    for _ in 0..PREDICATES / 8 {
        let choices: Vec<u8> = (0..32).map(|_| u8::try_from(dice.roll(256)).unwrap()).collect();
        for key in generators::order_keys(&SCHEMA, &Samples::new(), &choices) {
            let found = tables.differences_in_order(&key.expr).await;
            differences.extend(found.into_iter().map(|it| format!("{}\n    {it}", key.expr)));
        }
    }

    assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
}
