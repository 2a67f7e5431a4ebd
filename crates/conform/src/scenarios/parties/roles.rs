//! Roles within one organisation: what a Referrals user sees and does, and who may do nothing.

use serde_json::json;

use crate::{
    check::Verdict,
    play::{Play, REFERRALS, replace},
    scenario::{Need, Scenario, must},
    sources::{AUTH, ROLES},
    target::Who,
    wire::{get, patch, post, with_query},
};

pub(in crate::scenarios) fn scenarios() -> Vec<Scenario> {
    let user = [Need::User];
    vec![
        must(
            "roles-user-not-in-team",
            "A Referrals user does not read a deal without it in the team: 404",
            ROLES,
            user_sees_not,
        )
        .needs(&user),
        must(
            "roles-user-not-listed",
            "A Referrals user does not list a deal without it in the team",
            ROLES,
            user_lists_not,
        )
        .needs(&user),
        must(
            "roles-user-cannot-patch",
            "A Referrals user does not change what it does not see",
            ROLES,
            user_patches_not,
        )
        .needs(&user),
        must("roles-user-creates", "A Referrals user makes a deal, and reads it", ROLES, user_creates)
            .needs(&user),
        must(
            "roles-admin-sees-all",
            "A Referrals admin reads what a user of its organization made",
            ROLES,
            admin_sees,
        )
        .needs(&user),
        must(
            "roles-user-in-team",
            "A Referrals user reads and changes a deal with it in the team",
            ROLES,
            user_in_team,
        )
        .needs(&[Need::User, Need::UserEmail]),
        must(
            "roles-user-lists-team",
            "A Referrals user lists the deals with it in the team",
            ROLES,
            user_lists,
        )
        .needs(&[Need::User, Need::UserEmail]),
        must("roles-none", "A person without a Referrals role is refused with 403", ROLES, refuses_roleless)
            .needs(&[Need::Roleless]),
        must(
            "roles-none-learns-nothing",
            "Without a role, unknown and known ids are the same 403",
            ROLES,
            tells_nothing,
        )
        .needs(&[Need::Roleless]),
        must("roles-application", "An application without a person is refused", AUTH, refuses_application)
            .needs(&[Need::Application]),
    ]
}

async fn user_sees_not(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    play.send(get(deal.path()).by(Who::User)).await.not_found().map(drop)
}

async fn user_lists_not(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let filter = format!("engagementId eq '{}'", deal.engagement_id);
    let list = play.send(get(with_query(REFERRALS, &[("$filter", &filter)])).by(Who::User)).await;
    list.ok()?.is("/value", json!([])).map(drop)
}

async fn user_patches_not(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let operations = json!([replace("/name", json!("Taken over"))]);
    play.send(patch(deal.path(), &operations).by(Who::User)).await.not_found().map(drop)
}

async fn user_creates(play: &Play) -> Verdict {
    let made = play.send(post(REFERRALS, &play.private()).by(Who::User)).await;
    let id = made.success()?.string("/id")?;
    play.read_by(Who::User, id).await.map(drop)
}

async fn admin_sees(play: &Play) -> Verdict {
    let made = play.send(post(REFERRALS, &play.private()).by(Who::User)).await;
    play.read(made.success()?.string("/id")?).await.map(drop)
}

fn team(play: &Play) -> serde_json::Value {
    let email = play.run().parties.user_email().unwrap_or_default();
    json!([{"firstName": "Uma", "lastName": "User", "phoneNumber": "1", "email": email}])
}

async fn user_in_team(play: &Play) -> Verdict {
    let deal = play.deal_with(&[("/team", team(play))]).await?;
    play.read_by(Who::User, &deal.id).await?;
    let operations = json!([replace("/details/notes", json!("By the user"))]);
    play.patched(Who::User, &deal.id, &operations).await?.is("/details/notes", "By the user").map(drop)
}

async fn user_lists(play: &Play) -> Verdict {
    let deal = play.deal_with(&[("/team", team(play))]).await?;
    let filter = format!("engagementId eq '{}'", deal.engagement_id);
    let list = play.send(get(with_query(REFERRALS, &[("$filter", &filter)])).by(Who::User)).await;
    list.ok()?.is("/value/0/id", deal.id).map(drop)
}

async fn refuses_roleless(play: &Play) -> Verdict {
    play.send(get(REFERRALS).by(Who::Roleless)).await.refused(&[403], &["accessDenied"])?;
    let made = play.send(post(REFERRALS, &play.private()).by(Who::Roleless)).await;
    made.refused(&[403], &["accessDenied"]).map(drop)
}

async fn tells_nothing(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let known = play.send(get(deal.path()).by(Who::Roleless)).await;
    let unknown = play.send(get(format!("{REFERRALS}/{}", play.unknown_id())).by(Who::Roleless)).await;
    known.refused(&[403], &["accessDenied"])?;
    known
        .ensure(
            known.json == unknown.json,
            &format!("the same as for an unknown id: {}", unknown.text),
            &known.text,
        )
        .map(drop)
}

async fn refuses_application(play: &Play) -> Verdict {
    let answer = play.send(get(REFERRALS).by(Who::Application)).await;
    answer.status(&[400, 401, 403]).map(drop)
}
