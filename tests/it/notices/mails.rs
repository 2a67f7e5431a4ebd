//! Mails: to whom, in which language, under which id, how often tried, and how they are stopped.
//!
//! What they look like to another mail program is for `cargo xtask test` to judge.

use http::Method;
use rstest::rstest;
use serde_json::json;

use super::{smtp::Reply, *};
use crate::world::*;

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_mail_is_as_the_person_and_the_team_list_want_it(#[case] backend: Backend) {
    let (world, server) = with_mail(backend).await;
    add_tom(&world).await;
    let team = json!([member(UMA, Some("nl-NL"), false), member(TOM, None, true)]);
    let id = invite(&world, ALEX, "Deal A", team).await;
    notice_and_mail(&world).await;

    let mails = server.mails();
    let mut told: Vec<_> = mails.iter().map(|it| (it.to.as_str(), it.header("Subject"))).collect();
    told.sort_unstable();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0].0, FAY);
    assert_eq!(told[1].0, UMA);
    let to_uma = mails.iter().find(|it| it.to == UMA).unwrap();
    assert!(to_uma.raw.contains("Geen mails meer"), "{}", to_uma.raw);
    let to_fay = mails.iter().find(|it| it.to == FAY).unwrap();
    assert!(to_fay.raw.contains("Answer by: 2026-12-06") && to_fay.raw.contains(&id), "{}", to_fay.raw);
    assert!(to_fay.header("Message-ID").ends_with("@exchange.example>"));
    assert_eq!(to_fay.header("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    // Who wants no mails of the deal has it in its list.
    assert_eq!(kinds(&world, TOM).await, ["opportunity-sent"]);

    // A kind that is not asked for is not mailed; one's own language wins; what is withheld is in no mail.
    prefer(&world, UMA, json!({"kinds": ["opportunity-accepted"], "locale": "en"})).await;
    invite(&world, ALEX, "Deal B", json!([member(UMA, Some("nl-NL"), false)])).await;
    assert_eq!(world.act(FAY, &id, "accept", "").await.status, 200);
    notice_and_mail(&world).await;
    let mails = server.mails();
    let to_uma: Vec<_> = mails.iter().filter(|it| it.to == UMA).collect();
    assert_eq!(to_uma.len(), 2);
    assert!(to_uma[1].raw.contains("Status: Active/Accepted") && to_uma[1].raw.contains("Stop these mails"));

    // What is no longer wanted when it would leave does not leave.
    invite(&world, ALEX, "Deal C", nobody()).await;
    notice(&world).await;
    prefer(&world, FAY, json!({"email": false})).await;
    prefer(&world, ALEX, json!({"email": false})).await;
    mail(&world).await;
    assert_eq!(server.mails().len(), mails.len());
    assert_eq!(
        world.store.list_due_mails(everything(), world.app.context.clock.now(), 10).await.unwrap().len(),
        0
    );
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn after_ten_mails_a_day_the_rest_comes_in_one_and_a_click_stops_all(#[case] backend: Backend) {
    let (world, server) = with_mail(backend).await;
    let invite_many = async |count: usize| {
        for number in 0..count {
            invite(&world, ALEX, &format!("Deal {number}"), json!([member(UMA, None, false)])).await;
        }
        notice_and_mail(&world).await;
    };
    let to_fay = || server.mails().into_iter().filter(|it| it.to == FAY).collect::<Vec<_>>();
    invite_many(9).await;
    assert_eq!(to_fay().len(), 9);
    invite_many(4).await;
    assert_eq!(to_fay().len(), 10, "the others wait for the end of the day");

    // The day ends 14 hours and 30 minutes after the start.
    world.advance_secs(15 * 60 * 60);
    mail(&world).await;
    let digest = to_fay().pop().unwrap();
    assert_eq!((to_fay().len(), digest.header("Subject").as_str()), (11, "3 notices about referrals"));
    assert_eq!(digest.raw.matches("sent you").count(), 6, "each in both forms");
    invite_many(1).await;
    assert_eq!(to_fay().len(), 12, "a new day");

    // The link of a mail: looking changes nothing, asking without signing in does.
    let link = digest.header("List-Unsubscribe").trim_matches(['<', '>']).to_owned();
    let path = link.strip_prefix(PUBLIC_URL).unwrap();
    let page = world.get_anonymously(path).await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.text().contains("<form method=\"post\">") && !page.text().contains(FAY));
    assert_eq!(world.get_path(FAY, PREFERENCES, &[]).await.json()["email"], true);
    assert_eq!(world.post_form(path, &[("List-Unsubscribe", "One-Click")]).await.status, 200);
    assert_eq!(world.get_path(FAY, PREFERENCES, &[]).await.json()["email"], false);
    for forged in ["x".to_owned(), format!("{path}A"), path.replace("/unsubscribe/", "/unsubscribe/A")] {
        let forged = format!("/unsubscribe/{}", forged.rsplit('/').next().unwrap());
        assert_eq!(world.get_anonymously(&forged).await.status, 404);
        assert_eq!(world.post_form(&forged, &[]).await.status, 404);
    }
    invite_many(1).await;
    assert_eq!(to_fay().len(), 12);

    // Whoever wants one mail a day gets one.
    prefer(&world, FAY, json!({"email": true, "digest": "always"})).await;
    invite_many(2).await;
    assert_eq!(to_fay().len(), 12);
    world.advance_secs(DAY_SECS);
    mail(&world).await;
    assert_eq!(to_fay().pop().unwrap().header("Subject"), "2 notices about referrals");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_was_not_taken_is_tried_again_under_its_id_and_given_up_when_refused(#[case] backend: Backend) {
    let (world, server) = with_mail(backend).await;
    prefer(&world, ALEX, json!({"email": false})).await;
    invite(&world, ALEX, "Deal", nobody()).await;
    notice(&world).await;
    let state = async || world.database.texts("SELECT state FROM notice_mails WHERE kind = 'single'").await;

    for reply in [Reply::Code("451 try later"), Reply::HangUp, Reply::Code("535 who are you")] {
        server.then(reply);
        let before = server.mails().len();
        mail(&world).await;
        assert_eq!(server.mails().len(), before + 1, "{reply:?}");
        mail(&world).await;
        assert_eq!(
            (server.mails().len(), state().await),
            (before + 1, vec!["pending".to_owned()]),
            "{reply:?}"
        );
        world.advance_secs(60 * 60);
    }
    mail(&world).await;
    let mails = server.mails();
    assert_eq!((mails.len(), state().await), (4, vec!["sent".to_owned()]));
    assert!(mails.iter().all(|it| it.header("Message-ID") == mails[0].header("Message-ID") && it.to == FAY));
    assert!(mails.iter().all(|it| it.header("Date") == mails[0].header("Date")));

    invite(&world, ALEX, "Deal\r\nBcc: all@contoso.example", nobody()).await;
    notice(&world).await;
    server.then(Reply::Code("550 no such person"));
    mail(&world).await;
    world.advance_secs(30 * DAY_SECS);
    mail(&world).await;
    assert_eq!((server.mails().len(), state().await), (5, vec!["dead".to_owned(), "sent".to_owned()]));
    assert_eq!(server.mails()[4].header("Bcc"), "");

    // A mail server that is away loses nothing.
    invite(&world, ALEX, "Third", nobody()).await;
    notice(&world).await;
    drop(server);
    mail(&world).await;
    assert_eq!(state().await.iter().filter(|it| *it == "pending").count(), 1);
    let answer = world.send_json(Method::PUT, FAY, PREFERENCES, &[], json!({"kinds": []})).await;
    assert_eq!(answer.status, 200);
}
