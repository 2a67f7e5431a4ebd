//! The whole share in one call: a result for each invitation, as if each had been posted.

use rstest::rstest;

use super::*;

fn target(id: &str) -> Value {
    json!([{"type": "BusinessProfileLocation", "id": id}])
}

const UNKNOWN: &str = "0e0e0e0e-0000-4000-8000-00000000ffff";

/// Microsoft, two partners, one that nobody knows, and Microsoft again.
fn five() -> Value {
    json!({"invitations": [
        {"target": target("msft"), "inviteContext": {"notes": "Help us", "assistanceRequestCode": "ProofOfConceptOrDemo"}},
        {"target": target(FABRIKAMS), "Details": {"dealValue": 20000}, "name": "Your part"},
        {"target": target(UNKNOWN)},
        {"target": target(NORTHWINDS), "team": [
            {"firstName": "Alex", "lastName": "Admin", "phoneNumber": "1", "email": ALEX}]},
        {"target": target("msft")},
    ]})
}

/// Returns status and code of each result.
#[track_caller]
fn outcomes(answer: &Answer) -> Vec<String> {
    let results = answer.created()["value"].as_array().unwrap().clone();
    let line = |it: &Value| {
        let code = it["error"]["innerError"]["code"].as_str().unwrap_or_default();
        assert_eq!(it["error"].is_null(), it["status"] == 200, "{it}");
        assert_eq!(it["referral"].is_null(), it["status"] != 200, "{it}");
        format!("{} {code}", it["status"]).trim_end().to_owned()
    };
    results.iter().map(line).collect()
}

const EXPECTED: [&str; 5] = ["200", "200", "400 unknownTarget", "200", "409 alreadyParty"];

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn each_invitation_has_its_own_result(#[case] backend: Backend) {
    let world = open(backend).await;
    let own = world.post(ALEX, own_deal()).await.created();

    let answer = world.act(ALEX, text(&own, "/id"), "share", five()).await;

    assert_eq!(outcomes(&answer), EXPECTED);
    let results = answer.json()["value"].clone();
    let owners = [0, 1, 3].map(|it| text(&results[it], "/referral/organizationId").to_owned());
    assert_eq!(owners, ["msft", FABRIKAM, NORTHWIND]);
    for index in [0, 1, 3] {
        let referral = &results[index]["referral"];
        let viewer = [MIA, FAY, "", NORA][index];
        let seen = read(&world, viewer, text(referral, "/id")).await;
        assert_eq!((text(&seen, "/status"), text(&seen, "/direction")), ("New", "Incoming"));
        assert_eq!(seen["type"], "Shared");
        assert_eq!(seen["engagementId"], own["engagementId"]);
        // What an invitation leaves out is taken from the own record.
        for pointer in
            ["/customerProfile", "/consent", "/qualification", "/details/currency", "/details/requirements"]
        {
            assert_eq!(seen.pointer(pointer), own.pointer(pointer), "{pointer}");
        }
    }
    let value = |index: usize, pointer: &str| results[index]["referral"].pointer(pointer).unwrap().clone();
    assert_eq!(
        [value(0, "/details/dealValue"), value(1, "/details/dealValue")],
        [json!(50000), json!(20000)]
    );
    assert_eq!([value(0, "/name"), value(1, "/name")], [own["name"].clone(), json!("Your part")]);
    assert_eq!(
        [value(0, "/team/0/email"), value(3, "/team/0/email")],
        [own["team"][0]["email"].clone(), json!(ALEX)]
    );
    assert_eq!(value(0, "/inviteContext/notes"), "Help us");
    assert_eq!(value(1, "/inviteContext/notes"), Value::Null, "what Microsoft is told is for Microsoft");
    let after = read(&world, ALEX, text(&own, "/id")).await;
    assert_eq!((text(&after, "/type"), version(&after)), ("Shared", 2), "once");
    let actions: Vec<_> = world.log().await.iter().map(|it| it.change.action.as_str()).collect();
    assert_eq!(actions, ["create", "create", "share", "create", "create"]);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_share_that_is_only_judged_answers_alike_and_stores_nothing(#[case] backend: Backend) {
    let world = open(backend).await;
    let own = world.post(ALEX, own_deal()).await.created();
    let id = text(&own, "/id");
    let before = (world.stored().await.len(), world.log().await.len());

    let judged =
        post_path(&world, ALEX, &format!("{REFERRALS}/{id}/share?validateOnly=true"), &[], five()).await;

    assert_eq!(outcomes(&judged), EXPECTED);
    assert_eq!((world.stored().await.len(), world.log().await.len()), before);
    assert_eq!(read(&world, ALEX, id).await["type"], "Independent");
    assert_eq!(outcomes(&world.act(ALEX, id, "share", five()).await), EXPECTED);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn only_the_owner_of_an_open_deal_shares_it(#[case] backend: Backend) {
    let world = open(backend).await;
    let deal = invite(&world).await;
    let body = json!({"invitations": [{"target": target("msft")}]});
    for caller in [ALEX, NORA] {
        let refused = world.act(caller, &deal.id, "share", &body).await;
        assert_eq!(refusal(&refused), ["403 otherSide side referral"], "{caller}");
    }
    assert_not_found(&world.act(MIA, &deal.id, "share", &body).await);

    // An invitee shares what is its own, and is the inviter then.
    let shared = world.act(FAY, &deal.id, "share", &body).await.created();
    let microsofts = text(&shared["value"][0]["referral"], "/id").to_owned();
    assert_eq!(
        read(&world, FAY, &microsofts).await["inviteContext"]["invitedBy"]["organizationId"],
        FABRIKAM
    );
    assert_eq!(world.act(FAY, &microsofts, "withdraw", "").await.created()["substatus"], "Expired");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_problems_of_a_share_are_named_at_their_place(#[case] backend: Backend) {
    let world = open(backend).await;
    let own = world.post(ALEX, own_deal()).await.created();
    let (id, rows) = (text(&own, "/id"), world.stored().await.len());
    let many = json!({"invitations": vec![json!({"target": target("msft")}); 51]});
    for (body, expected) in [
        ("", &["400 malformedBody json "][..]),
        ("{", &["400 malformedBody json "]),
        ("[]", &["400 requiredFieldMissing required /invitations"]),
        ("{}", &["400 requiredFieldMissing required /invitations"]),
        (r#"{"invitations":null}"#, &["400 requiredFieldMissing required /invitations"]),
        (r#"{"invitations":[]}"#, &["400 requiredFieldMissing required /invitations"]),
        (
            r#"{"invitations":[7,{},{"name":"x"}]}"#,
            &[
                "400 invalidValue type /invitations/0",
                "400 requiredFieldMissing required /invitations/1/target",
                "400 requiredFieldMissing required /invitations/2/target",
            ],
        ),
        (&many.to_string(), &["400 tooLong itemsMax /invitations"]),
        (
            r#"{"invitations":[{"target":[]}],"Invitations":[{"target":[]}]}"#,
            &["400 duplicateMember oneSpelling /Invitations"],
        ),
    ] {
        let answer = world.act(ALEX, id, "share", body).await;
        assert_eq!(refusal(&answer), expected, "{body}");
    }
    // Nobody is invited to what is one's own.
    let to_itself = json!({"invitations": [{"target": []}, {"target": target(CONTOSOS)}]});
    assert_eq!(outcomes(&world.act(ALEX, id, "share", to_itself).await), ["409 alreadyParty"; 2]);
    let path = format!("{REFERRALS}/{id}/share");
    let strict = [("prefer", "handling=strict")];
    let body = json!({"invitations": [{"target": target("msft")}]});
    let judged = post_path(&world, ALEX, &format!("{path}?validateOnly=true"), &strict, body).await;
    assert_eq!(outcomes(&judged), ["200"], "what is taken from the own record is not the caller's fault");
    let body = json!({"invitations": [{"target": target("msft"), "foo": 1}]});
    assert_eq!(outcomes(&post_path(&world, ALEX, &path, &strict, body).await), ["400 memberIgnored"]);
    let body = json!({"invitations": [{"target": target("msft")}], "note": "for all"});
    let unknown = post_path(&world, ALEX, &path, &strict, body).await;
    assert_eq!(refusal(&unknown), ["400 memberIgnored strict /note"]);
    assert_eq!(world.stored().await.len(), rows);
}
