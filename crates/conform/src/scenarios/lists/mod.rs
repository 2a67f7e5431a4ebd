//! Lists: options, filters, pages; and the deals that they are asked for, which are made once in a run.
//!
//! The deals carry an e-mail address of their own in `team`, so that what else is on the server does not matter.

pub(in crate::scenarios) mod filters;
pub(in crate::scenarios) mod options;
pub(in crate::scenarios) mod pages;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

use crate::{bodies, check::Verdict, play::Play, target::Who, wire::Answer};

/// How many deals it takes to have a second page.
const MANY: usize = 103;

/// How many of them are made at a time.
const JOBS: usize = 8;

/// Five deals that filters tell apart, by their letters.
pub(crate) struct Deals {
    ids: Vec<(char, String)>,
    engagement_of_a: String,
    email: String,
}

/// More deals than fit on a page.
pub(crate) struct Many {
    ids: Vec<String>,
    email: String,
}

impl Deals {
    /// Returns a filter that is true of these deals only, and of them where `filter` is.
    pub(crate) fn among(&self, filter: &str) -> String {
        format!("team/any(t:t/email eq '{}') and ({filter})", self.email)
    }

    pub(crate) fn all(&self) -> String {
        format!("team/any(t:t/email eq '{}')", self.email)
    }

    /// Returns the letters of what is on a page, in its order; `?` for what is none of them.
    pub(crate) fn letters(&self, page: &Answer) -> Verdict<String> {
        let letter = |item: &Value| {
            let id = item.get("id").and_then(Value::as_str).unwrap_or_default();
            self.ids.iter().find(|(_, it)| it == id).map_or('?', |(letter, _)| *letter)
        };
        Ok(page.list("/value")?.iter().map(letter).collect())
    }

    pub(crate) fn id(&self, letter: char) -> &str {
        self.ids.iter().find(|(it, _)| *it == letter).map_or("", |(_, id)| id)
    }
}

/// Returns the deals; the first who asks makes them.
pub(crate) async fn deals(play: &Play) -> Verdict<&Deals> {
    play.run().deals.get_or_init(|| make(play)).await.as_ref().map_err(Clone::clone)
}

/// Returns the many deals; the first who asks makes them.
pub(crate) async fn many(play: &Play) -> Verdict<&Many> {
    play.run().many.get_or_init(|| make_many(play)).await.as_ref().map_err(Clone::clone)
}

async fn make(play: &Play) -> Verdict<Deals> {
    let email = format!("{}@list.example", play.tag());
    let team = json!([{"firstName": "Lee", "lastName": "List", "phoneNumber": "1", "email": email}]);
    let country = "/customerProfile/address/country";
    let (value, share) = ("/details/dealValue", "/consent/consentToShareReferralWithMicrosoftSellers");
    let rows: [(char, Vec<(&str, Value)>); 5] = [
        ('a', vec![("/name", json!("Alpha")), (value, json!(1000)), ("/campaignId", json!("spring"))]),
        ('b', vec![("/name", json!("Bravo 50%_off")), (value, json!(2500.5)), (country, json!("DE"))]),
        ('c', vec![("/name", json!("Charlie")), (value, json!(10)), ("/campaignId", json!("SPRING"))]),
        ('d', vec![("/name", json!("delta")), (value, json!(99999)), (country, json!("FR"))]),
        (
            'e',
            vec![
                ("/name", json!("O'Neil é")),
                (value, json!(0)),
                (country, json!("GB")),
                (share, json!(true)),
            ],
        ),
    ];
    let mut ids = Vec::new();
    let mut engagement_of_a = String::new();
    for (letter, members) in rows {
        let deal = play.deal_with(&[vec![("/team", team.clone())], members].concat()).await?;
        match letter {
            'a' => engagement_of_a = deal.engagement_id,
            'c' => drop(play.moved(Who::Caller, &deal.id, ("Closed", "Lost")).await?),
            'd' => drop(play.moved(Who::Caller, &deal.id, ("Closed", "Won")).await?),
            _ => {}
        }
        ids.push((letter, deal.id));
    }
    Ok(Deals { ids, engagement_of_a, email })
}

async fn make_many(play: &Play) -> Verdict<Many> {
    let email = format!("{}@pages.example", play.tag());
    let team = json!([{"firstName": "Lee", "lastName": "List", "phoneNumber": "1", "email": email}]);
    let body = bodies::with(play.private(), &[("/team", team)]);
    let one = async || -> Verdict<String> { Ok(play.create(&body).await?.string("/id")?.to_owned()) };
    let made = (0..MANY).map(|_| one());
    let ids: Vec<String> = stream::iter(made).buffer_unordered(JOBS).try_collect().await?;
    Ok(Many { ids, email })
}
