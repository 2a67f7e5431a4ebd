//! Who is told of what, and that nobody is told of anything twice, whoever ends when.

use std::time::Duration;

use liaison::{
    domain::organization::{LocationScope, Role},
    feed::notices,
    service::expiry::expire_due,
};
use rstest::rstest;
use serde_json::json;
use tokio::time::timeout;

use super::*;
use crate::world::*;

const NONE: [&str; 0] = [];

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_team_hears_what_became_of_it_and_the_location_what_came_in(#[case] backend: Backend) {
    let world = World::open(backend).await;
    add_tom(&world).await;
    world
        .add_user(
            FABRIKAM,
            "eve@fabrikam.example",
            &[Role::ReferralsAdmin],
            LocationScope::Locations(vec!["7".to_owned()]),
        )
        .await;
    let ann = "ann@contoso.example";
    world.add_user(CONTOSO, ann, &[Role::ReferralsAdmin], LocationScope::EntireCompany).await;
    // A deal of one's own is no news to anybody.
    let team = json!([member(UMA, None, false), member(ann, None, false)]);
    let own = world.post(ALEX, edited(own_deal(), &[("/team", team)])).await.created();
    notice(&world).await;
    assert_eq!(kinds(&world, ann).await, NONE);

    // The team of the sender's own record counts for who sees the other one, which a Referrals user does not.
    let connect = edited(to_location(FABRIKAMS), &[("/engagementId", own["engagementId"].clone())]);
    let id = text(&world.post(ALEX, connect).await.created(), "/id").to_owned();
    notice(&world).await;
    assert_eq!(kinds(&world, ann).await, ["opportunity-sent"]);
    assert_eq!(kinds(&world, FAY).await, ["opportunity-received"]);
    for other in [ALEX, UMA, TOM, UGO, MIA, "eve@fabrikam.example"] {
        assert_eq!(kinds(&world, other).await, NONE, "{other}");
    }

    for (action, body, kind) in
        [("accept", "", "opportunity-accepted"), ("lose", r#"{"statusReason": "gone"}"#, "opportunity-lost")]
    {
        assert_eq!(world.act(FAY, &id, action, body).await.status, 200);
        notice(&world).await;
        assert_eq!(kinds(&world, ann).await[0], kind);
    }
    assert_eq!(kinds(&world, FAY).await.len(), 1, "whoever did it is told nothing of it");

    // Without a record and a team of its own, whoever made it hears.
    let declined = invite(&world, ALEX, "Two", nobody()).await;
    assert_eq!(world.act(FAY, &declined, "decline", r#"{"statusReason": "no"}"#).await.status, 200);
    notice(&world).await;
    assert_eq!(kinds(&world, ALEX).await, ["opportunity-declined", "opportunity-sent"]);
    let page = list(&world, ALEX, "").await;
    assert_eq!(
        (text(&page, "/value/0/referral/name"), text(&page, "/value/0/referral/substatus")),
        ("Two", "Declined")
    );
    let won = invite(&world, ALEX, "Three", json!([member(TOM, None, false)])).await;
    for action in ["accept", "win"] {
        assert_eq!(world.act(FAY, &won, action, "").await.status, 200);
    }
    notice(&world).await;
    let mut told = kinds(&world, TOM).await;
    told.sort();
    assert_eq!(told, ["opportunity-accepted", "opportunity-sent", "opportunity-won"]);
    assert_eq!(world.database.count("notice_mails").await, 0, "nothing gathers without a mail server");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_deadline_is_told_three_days_and_one_day_before_and_once_it_is_over(#[case] backend: Backend) {
    let world = World::open(backend).await;
    invite(&world, ALEX, "Late", nobody()).await;
    let answered = invite(&world, ALEX, "Answered", nobody()).await;
    assert_eq!(world.act(FAY, &answered, "accept", "").await.status, 200);
    notice(&world).await;
    let received = ["opportunity-received"; 2].as_slice();
    // The deadline is 13 days, 14 hours and 30 minutes after the start.
    world.advance_secs(10 * DAY_SECS);
    notice(&world).await;
    assert_eq!(kinds(&world, FAY).await, received);

    for expected in [1, 1, 2, 2] {
        world.advance_secs(DAY_SECS);
        notice(&world).await;
        notice(&world).await;
        let told = kinds(&world, FAY).await;
        assert_eq!(told.iter().filter(|it| *it == "opportunity-expiring").count(), expected, "{told:?}");
        if expected == 2 {
            break;
        }
    }
    world.advance_secs(DAY_SECS);
    expire_due(&world.app.context).await.unwrap();
    notice(&world).await;
    assert_eq!(kinds(&world, ALEX).await[0], "opportunity-expired");
    assert_eq!(kinds(&world, FAY).await.len(), 4);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_end_at_any_moment_miss_nothing_and_tell_nothing_twice(#[case] backend: Backend) {
    const DEALS: usize = 60;
    let (world, _server) = with_mail(backend).await;
    let replica = match backend {
        Backend::Sqlite => None,
        Backend::Postgres => Some(world.replica().await),
    };
    for number in 0..DEALS {
        invite(&world, ALEX, &format!("Deal {number}"), nobody()).await;
    }
    world.store.settle().await.unwrap();

    // Cut off after longer and longer times, on one server and on the other, and sometimes on both at once.
    for round in 0..40_u64 {
        let patience = Duration::from_micros(500 * round);
        let (one, two) = (&world.app.context.feed, replica.as_ref().map(|it| &it.app.context.feed));
        match two {
            Some(two) if round % 3 == 1 => drop(timeout(patience, notices::catch_up(two)).await),
            Some(two) if round % 3 == 2 => {
                drop(tokio::join!(
                    timeout(patience, notices::catch_up(one)),
                    timeout(patience, notices::catch_up(two))
                ));
            }
            _ => drop(timeout(patience, notices::catch_up(one)).await),
        }
    }
    notice(&world).await;

    let causes = world.database.texts("SELECT kind || cause FROM notices").await;
    assert_eq!(causes.len(), 2 * DEALS);
    let mailed = world.database.texts("SELECT kind FROM notice_mails").await;
    let singles = mailed.iter().filter(|it| *it == "single").count();
    assert_eq!((singles, mailed.len()), (20, 22), "ten mails and a digest for each of two people");
    let orphans =
        "SELECT 'x' FROM notice_mails m WHERE NOT EXISTS (SELECT 1 FROM notices n WHERE n.mail_id = m.id)
         UNION ALL
         SELECT 'x' FROM notices n WHERE n.mail_id NOT IN (SELECT m.id FROM notice_mails m)";
    assert!(world.database.texts(orphans).await.is_empty());
}
