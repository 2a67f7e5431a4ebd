//! Changing members with a JSON Patch.

use serde_json::{Value, json};

use crate::{
    check::Verdict,
    play::{Play, REFERRALS, add, replace},
    scenario::{Scenario, must, should},
    sources::{CLIENTS, HEADERS, JSON_PATCH, PATCH, PORTAL, RECOMMENDED, SWAGGER},
    target::Who,
    wire::patch,
};

pub(in crate::scenarios) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = vec![
        must("patch-204", "Without a preference the answer is 204 without a body", PATCH, answers_204),
        must(
            "patch-representation",
            "With Prefer: return=representation the answer is 200 and the document",
            PATCH,
            answers_200,
        ),
        should(
            "patch-preference-applied",
            "Preference-Applied says that the preference was followed",
            RECOMMENDED,
            says_applied,
        ),
        must("patch-official-team", "The published patch of value and team is taken", PATCH, adds_to_team),
        must("patch-official-notes", "The published patch of value and notes is taken", PATCH, sets_notes),
        must("patch-media-type", "application/json-patch+json is taken too", JSON_PATCH, takes_media_type),
        must("patch-without-if-match", "Without If-Match the last write wins", PATCH, needs_no_if_match),
        must("patch-if-match", "With a current eTag in If-Match a patch is taken", PATCH, takes_etag),
        must("patch-stale", "With an old eTag the answer is 412, and nothing changes", PATCH, refuses_stale),
        must("patch-if-match-any", "If-Match: * takes whatever is there", CLIENTS, takes_any),
        must(
            "patch-changes-etag",
            "A patch makes another eTag and a later updatedDateTime",
            HEADERS,
            changes_etag,
        ),
        should("patch-etag-header", "A 204 tells the new eTag in its header", RECOMMENDED, tells_etag),
        must("patch-atomic", "Where one operation fails, none has an effect", JSON_PATCH, is_atomic),
        must("patch-order", "Operations are applied in their order", JSON_PATCH, keeps_order),
        must("patch-slash", "The connector's address with a slash at the end is taken", SWAGGER, takes_slash),
        must(
            "patch-slashes",
            "The connector's address with two slashes at the end is taken",
            SWAGGER,
            takes_slashes,
        ),
        must("patch-unknown", "Patching an unknown referral is 404", SWAGGER, knows_no_other),
        must("patch-object", "A plain object is refused cleanly, or merged", CLIENTS, judges_object),
        must("patch-malformed", "A body that is no JSON is refused", SWAGGER, refuses_malformed),
        must("patch-request-id", "A 204 carries a request id", PATCH, has_request_id),
        must(
            "patch-share-upgrade",
            "A private deal is shared with Microsoft's sellers by a patch",
            PATCH,
            shares,
        ),
        should(
            "patch-share-one-way",
            "What is shared with Microsoft's sellers stays so",
            PORTAL,
            stays_shared,
        ),
        must("patch-closed", "A closed deal does not change any more", PORTAL, refuses_closed),
        must("patch-wrong-value", "An unknown word is refused, and nothing changes", SWAGGER, refuses_wrong),
    ];
    scenarios.extend(operations());
    scenarios
}

/// Operations that are refused: name and operation.
fn operations() -> Vec<Scenario> {
    let rows: [(&str, &str, Value); 9] = [
        ("patch-no-remove", "remove", json!({"op": "remove", "path": "/campaignId"})),
        ("patch-no-move", "move", json!({"op": "move", "from": "/campaignId", "path": "/name"})),
        ("patch-no-copy", "copy", json!({"op": "copy", "from": "/campaignId", "path": "/name"})),
        ("patch-no-test", "test", json!({"op": "test", "path": "/campaignId", "value": null})),
        (
            "patch-no-invention",
            "an unknown operation",
            json!({"op": "increase", "path": "/details/dealValue", "value": 1}),
        ),
        ("patch-no-op", "an operation without op", json!({"path": "/campaignId", "value": "x"})),
        ("patch-no-path", "an operation without a path", json!({"op": "replace", "value": "x"})),
        (
            "patch-unknown-path",
            "a path that leads nowhere",
            json!({"op": "replace", "path": "/shoeSize", "value": 43}),
        ),
        (
            "patch-read-only-path",
            "a path of what the server owns",
            json!({"op": "replace", "path": "/id", "value": "x"}),
        ),
    ];
    let scenario = |(name, what, operation): (&'static str, &str, Value)| {
        must(
            name,
            format!("In a patch, {what} is refused, and nothing changes"),
            JSON_PATCH,
            async move |play: &Play| {
                let deal = play.deal().await?;
                play.send(patch(deal.path(), &json!([operation.clone()]))).await.invalid()?;
                play.read(&deal.id).await?.is("/eTag", deal.etag).map(drop)
            },
        )
    };
    rows.into_iter().map(scenario).collect()
}

fn notes(text: &str) -> Value {
    json!([replace("/details/notes", json!(text))])
}

async fn answers_204(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let answer = play.send(patch(deal.path(), &notes("Changed"))).await;
    answer.status(&[204])?.ensure(answer.text.is_empty(), "no body", &answer.text)?;
    play.read(&deal.id).await?.is("/details/notes", "Changed").map(drop)
}

async fn answers_200(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let answer = play.send(patch(deal.path(), &notes("Changed")).representation()).await;
    answer.ok()?.is("/id", deal.id.as_str())?.is("/details/notes", "Changed")?;
    let etag = answer.string("/eTag")?;
    answer.ensure(etag != deal.etag, "another eTag", etag)?;
    play.read(&deal.id).await?.is("/eTag", etag).map(drop)
}

async fn says_applied(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let answer = play.send(patch(deal.path(), &notes("Changed")).representation()).await;
    let applied = answer.need_header("preference-applied")?;
    answer.ensure(applied.contains("return=representation"), "return=representation", applied).map(drop)
}

async fn adds_to_team(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let jane = json!({"email": "jane.doe@contoso.com", "firstName": "Jane", "lastName": "Doe", "phoneNumber": "0000000001"});
    let operations = json!([replace("/details/dealValue", json!("10000")), add("/team/-", jane)]);
    let now = play.patched(Who::Caller, &deal.id, &operations).await?;
    now.is("/details/dealValue", 10000)?.is("/team/0", deal.made.at("/team/0").clone())?;
    now.is("/team/1/email", "jane.doe@contoso.com").map(drop)
}

async fn sets_notes(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let text = "Lorem ipsum dolor sit amet.";
    let operations =
        json!([replace("/details/dealValue", json!("10000")), replace("/details/notes", json!(text))]);
    let now = play.patched(Who::Caller, &deal.id, &operations).await?;
    now.is("/details/dealValue", 10000)?.is("/details/notes", text)?;
    now.is("/customerProfile", deal.made.at("/customerProfile").clone()).map(drop)
}

async fn takes_media_type(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let request = patch(deal.path(), &notes("Changed")).header("content-type", "application/json-patch+json");
    play.send(request).await.status(&[200, 204]).map(drop)
}

async fn needs_no_if_match(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    play.patched(Who::Caller, &deal.id, &notes("First")).await?;
    play.patched(Who::Caller, &deal.id, &notes("Second")).await?.is("/details/notes", "Second").map(drop)
}

async fn takes_etag(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let request = patch(deal.path(), &notes("Changed")).header("if-match", &deal.etag);
    play.send(request).await.status(&[200, 204]).map(drop)
}

async fn refuses_stale(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    play.patched(Who::Caller, &deal.id, &notes("Hers")).await?;
    let request = patch(deal.path(), &notes("Mine")).header("if-match", &deal.etag);
    play.send(request).await.refused(&[412], &["preconditionFailed", "resourceModified"])?;
    play.read(&deal.id).await?.is("/details/notes", "Hers").map(drop)
}

async fn takes_any(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let request = patch(deal.path(), &notes("Changed")).header("if-match", "*");
    play.send(request).await.status(&[200, 204]).map(drop)
}

async fn changes_etag(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let now = play.patched(Who::Caller, &deal.id, &notes("Changed")).await?;
    let etag = now.string("/eTag")?;
    now.ensure(etag != deal.etag, "another eTag", etag)?;
    let (before, after) = (deal.made.moment("/updatedDateTime")?, now.moment("/updatedDateTime")?);
    now.ensure(after > before, "a later updatedDateTime", after.to_string())?;
    now.is("/createdDateTime", deal.made.at("/createdDateTime").clone()).map(drop)
}

async fn tells_etag(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let answer = play.send(patch(deal.path(), &notes("Changed"))).await;
    let etag = answer.need_header("etag")?.to_owned();
    play.read(&deal.id).await?.is("/eTag", etag).map(drop)
}

async fn is_atomic(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let operations =
        json!([replace("/details/notes", json!("Half")), replace("/details/dealValue", json!("plenty"))]);
    play.send(patch(deal.path(), &operations)).await.invalid()?;
    let now = play.read(&deal.id).await?;
    now.is("/eTag", deal.etag)?.is("/details/notes", deal.made.at("/details/notes").clone()).map(drop)
}

async fn keeps_order(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let operations =
        json!([replace("/details/notes", json!("First")), replace("/details/notes", json!("Second"))]);
    play.patched(Who::Caller, &deal.id, &operations).await?.is("/details/notes", "Second").map(drop)
}

async fn takes_slash(play: &Play) -> Verdict {
    takes_at(play, "/").await
}

async fn takes_slashes(play: &Play) -> Verdict {
    takes_at(play, "//").await
}

async fn takes_at(play: &Play, end: &str) -> Verdict {
    let deal = play.deal().await?;
    let answer = play.send(patch(format!("{}{end}", deal.path()), &notes("Changed"))).await;
    answer.status(&[200, 204])?;
    play.read(&deal.id).await?.is("/details/notes", "Changed").map(drop)
}

async fn knows_no_other(play: &Play) -> Verdict {
    let path = format!("{REFERRALS}/{}", play.unknown_id());
    play.send(patch(path, &notes("Changed"))).await.not_found().map(drop)
}

async fn judges_object(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let answer = play.send(patch(deal.path(), &json!({"campaignId": "merged"}))).await;
    let now = play.read(&deal.id).await?;
    match answer.status {
        200 | 204 => now.is("/campaignId", "merged").map(drop),
        _ => {
            answer.refused(&[400, 415, 422], &["invalidRequest"])?;
            now.is("/eTag", deal.etag).map(drop)
        }
    }
}

async fn refuses_malformed(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    play.send(patch(deal.path(), &Value::Null).text("[{\"op\":")).await.invalid().map(drop)
}

async fn has_request_id(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    play.send(patch(deal.path(), &notes("Changed"))).await.need_header("request-id").map(drop)
}

fn share(is_shared: bool) -> Value {
    json!([replace("/consent/consentToShareReferralWithMicrosoftSellers", json!(is_shared))])
}

async fn shares(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let now = play.patched(Who::Caller, &deal.id, &share(true)).await?;
    now.is("/consent/consentToShareReferralWithMicrosoftSellers", true).map(drop)
}

async fn stays_shared(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    play.patched(Who::Caller, &deal.id, &share(true)).await?;
    play.send(patch(deal.path(), &share(false))).await.invalid()?;
    let now = play.read(&deal.id).await?;
    now.is("/consent/consentToShareReferralWithMicrosoftSellers", true).map(drop)
}

async fn refuses_closed(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    play.moved(Who::Caller, &deal.id, ("Closed", "Lost")).await?;
    let answer = play.send(patch(deal.path(), &notes("Afterwards"))).await;
    answer.refused(&[400, 409], &["invalidRequest", "resourceModified"])?;
    let now = play.read(&deal.id).await?;
    now.is("/details/notes", deal.made.at("/details/notes").clone()).map(drop)
}

async fn refuses_wrong(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let operations = json!([replace("/details/currency", json!("XQQ"))]);
    play.send(patch(deal.path(), &operations)).await.invalid()?;
    play.read(&deal.id).await?.is("/eTag", deal.etag).map(drop)
}
