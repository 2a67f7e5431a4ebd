//! How a person wants pages and mails, and who the person is here.

use askama::Template;
use axum::{
    Form, Router,
    response::Response,
    routing::{get, post},
};
use http::header;
use serde::Deserialize;
use serde_json::json;

use crate::{
    app::App,
    domain::{
        notice::{Digest, Kind},
        organization::LocationScope,
        vocabulary::Vocabulary as _,
    },
    service::notices,
    web::{
        administration::{
            fields::{
                Choice, Draft, Sent,
                Shape::{Flag, List, Text},
                Shapes,
            },
            node, role_name,
        },
        failure::{self, Failure},
        look::{Look, Theme},
        visit::{Frame, Visit, go_on, page},
        words::Language,
    },
};

const PATH: &str = "/preferences";
const MAIL: Shapes = &[("email", Flag), ("digest", Text), ("kinds", List), ("locale", Text)];
const LOOK: Shapes = &[("pages-language", Text), ("theme", Text)];

/// Returns the routes.
pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/preferences", get(show))
        .route("/preferences/look", post(save_look))
        .route("/preferences/mail", post(save_mail))
}

#[derive(Template)]
#[template(path = "web/person/preferences.html")]
struct PreferencesPage {
    frame: Frame,
    look: Draft,
    languages: Vec<Choice>,
    themes: Vec<Choice>,
    /// Mail preferences; `None` for whoever has no Referrals role, and so no notices.
    mail: Option<Draft>,
    digests: Vec<Choice>,
    kinds: Vec<Choice>,
    email: String,
    roles: String,
    reach: String,
}

async fn show(visit: Visit) -> Result<Response, Failure> {
    let mail = match visit.actor() {
        Ok(actor) => Some(notices::read_preferences(&visit.app.context, &actor).await?),
        Err(_) => None,
    };
    let mail = mail.map(|it| Draft::of(MAIL, &it));
    page(&fill(&visit, mail).await?)
}

async fn fill(visit: &Visit, mail: Option<Draft>) -> Result<PreferencesPage, Failure> {
    let words = visit.words;
    let user = &visit.seat.principal.user;
    let chosen = visit.look.chosen.map_or("", Language::tag);
    let look = json!({ "pages-language": chosen, "theme": visit.look.theme.as_str() });
    let by_browser = Choice { value: String::new(), label: words.say("preferences-language-asked") };
    let language = |it: Language| Choice { value: it.tag().to_owned(), label: it.name().to_owned() };
    let theme = |it: Theme| Choice {
        value: it.as_str().to_owned(),
        label: words.say(match it {
            Theme::System => "theme-system",
            Theme::Light => "theme-light",
            Theme::Dark => "theme-dark",
        }),
    };
    let digest = |it: &Digest| Choice {
        value: it.as_str().to_owned(),
        label: words.say(match it {
            Digest::Automatic => "preferences-digest-automatic",
            Digest::Always => "preferences-digest-always",
        }),
    };
    let kind = |it: &Kind| Choice { value: it.as_str().to_owned(), label: words.say(kind_name(*it)) };
    Ok(PreferencesPage {
        frame: visit.frame(words.say("nav-preferences")).await?,
        look: Draft::of(LOOK, &look),
        languages: std::iter::once(by_browser).chain(Language::ALL.into_iter().map(language)).collect(),
        themes: Theme::ALL.into_iter().map(theme).collect(),
        mail,
        digests: Digest::ALL.iter().map(digest).collect(),
        kinds: Kind::ALL.iter().map(kind).collect(),
        email: user.email.clone(),
        roles: user.roles.iter().map(|it| role_name(words, it.as_str())).collect::<Vec<_>>().join(", "),
        reach: match &user.locations {
            LocationScope::EntireCompany => words.say("admin-entire-company"),
            LocationScope::Locations(mpn_ids) => mpn_ids.join(", "),
        },
    })
}

/// Returns the message that names a kind of notices.
fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::OpportunitySent => "notice-kind-sent",
        Kind::OpportunityAccepted => "notice-kind-accepted",
        Kind::OpportunityDeclined => "notice-kind-declined",
        Kind::OpportunityExpired => "notice-kind-expired",
        Kind::OpportunityWon => "notice-kind-won",
        Kind::OpportunityLost => "notice-kind-lost",
        Kind::OpportunityReceived => "notice-kind-received",
        Kind::OpportunityExpiring => "notice-kind-expiring",
        Kind::LeadReceived => "notice-kind-lead",
    }
}

#[derive(Deserialize)]
struct LookForm {
    /// Tag of a language; empty for what the browser asks for.
    #[serde(rename = "pages-language", default)]
    language: String,
    #[serde(default)]
    theme: String,
}

async fn save_look(visit: Visit, Form(form): Form<LookForm>) -> Result<Response, Failure> {
    let look = Look {
        chosen: Language::parse(&form.language),
        asked: visit.look.asked,
        theme: Theme::parse(&form.theme).unwrap_or_default(),
    };
    if let Ok(actor) = visit.actor() {
        let context = &visit.app.context;
        let locale = notices::read_preferences(context, &actor).await?.locale;
        if let Some(locale) = mail_locale(locale.as_deref(), visit.look.chosen, look.chosen) {
            let body = node(&visit, &json!({ "locale": locale }))?;
            notices::update_preferences(context, &actor, body).await?;
        }
    }
    let mut response = go_on(PATH, "look-saved");
    response.headers_mut().append(header::SET_COOKIE, look.cookie());
    Ok(response)
}

/// Returns the locale of mails that a new language of the pages leads to; `None` when it stays: mails follow the pages
/// until their locale is chosen by itself.
fn mail_locale(
    locale: Option<&str>,
    before: Option<Language>,
    after: Option<Language>,
) -> Option<Option<&'static str>> {
    let follows = locale.is_none_or(|it| before.is_some_and(|before| before.tag() == it));
    let wanted = after.map(Language::tag);
    (follows && wanted != locale).then_some(wanted)
}

async fn save_mail(visit: Visit, Form(sent): Form<Sent>) -> Result<Response, Failure> {
    let actor = visit.actor()?;
    let context = &visit.app.context;
    let mut draft = Draft::sent(MAIL, sent);
    if draft.compare(&notices::read_preferences(context, &actor).await?) {
        let body = node(&visit, &draft.json())?;
        match notices::update_preferences(context, &actor, body).await {
            Ok(_) => return Ok(go_on(PATH, "mail-saved")),
            Err(error) => draft.refuse(error.into())?,
        }
    }
    page(&fill(&visit, Some(draft)).await?).map(failure::refused)
}

#[cfg(test)]
mod tests {
    use super::{Language, mail_locale};

    #[test]
    fn mails_follow_the_pages_until_their_language_is_chosen_by_itself() {
        let (english, dutch) = (Some(Language::English), Some(Language::Dutch));
        for (locale, before, after, expected) in [
            (None, None, dutch, Some(Some("nl"))),
            (Some("nl"), dutch, english, Some(Some("en"))),
            (Some("nl"), dutch, None, Some(None)),
            (Some("nl"), dutch, dutch, None),
            (Some("nl-BE"), dutch, english, None),
            (Some("nl"), english, None, None),
            (None, None, None, None),
        ] {
            assert_eq!(mail_locale(locale, before, after), expected, "{locale:?} {before:?} {after:?}");
        }
    }
}
