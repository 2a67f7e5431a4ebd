//! Asking Microsoft for help, and inviting partners: what the API's `share` does.

use axum::response::Response;
use serde_json::{Map, Value, json};

use super::{
    form::{Choice, Control, Field, Form, Typed, Wrong, day, number, sentence, typed_number},
    lists::plain,
    load::Deal,
    page::{self, Editing},
};
use crate::{
    domain::{
        json::Node,
        revision::Handling,
        vocabulary::{AssistanceRequestCode, Vocabulary as _},
    },
    service::{
        administration::{self, PartnerView},
        referrals::{self, CreateError, ReviseError, ShareRequest},
    },
    web::{
        failure::{self, Failure},
        visit::{Visit, go_on},
        words::Words,
    },
};

/// Partners that a search shows.
const FOUND_MAX: usize = 20;

/// Whom a form invites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guest {
    Microsoft,
    Partners,
}

/// The form that invites partners has a search of its own.
pub(super) struct Search {
    pub(super) text: String,
    pub(super) found: Vec<Found>,
    pub(super) count: u64,
}

/// A partner that can be invited.
pub(super) struct Found {
    pub(super) location_id: String,
    pub(super) name: String,
    pub(super) place: String,
    pub(super) is_chosen: bool,
    /// Whether it takes part already.
    pub(super) is_party: bool,
}

impl Guest {
    /// Returns the name in addresses.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Microsoft => "help",
            Self::Partners => "partners",
        }
    }

    /// Reads a name. `None` when it is not known.
    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Microsoft, Self::Partners].into_iter().find(|it| it.as_str() == text)
    }

    /// Shows the form, as the deal suggests, or as it was `typed`.
    pub(super) fn form(self, deal: &Deal, typed: Option<&Typed>, wrong: Vec<Wrong>, words: Words) -> Form {
        let name = self.as_str();
        let mut form = Form {
            section: name,
            title: words.say(&format!("edit-{name}")),
            lead: words.say(&format!("edit-{name}-lead")),
            action: format!("/deals/{}/{name}", deal.id),
            hidden: Vec::new(),
            fields: self.fields(deal, typed, words),
            rows: Vec::new(),
            problems: Vec::new(),
            submit: words.say(&format!("submit-{name}")),
            adds: String::new(),
            cancel: String::new(),
        };
        form.blame(wrong, |pointer| field_at(pointer).map(str::to_owned));
        form
    }

    fn fields(self, deal: &Deal, typed: Option<&Typed>, words: Words) -> Vec<Field> {
        let value = |name: &str, otherwise: String| {
            typed.filter(|it| it.has(name)).map_or(otherwise, |it| it.text(name).to_owned())
        };
        let label = |name: &str| words.say(&format!("field-{name}"));
        let line = |name: &str, otherwise: String, control| Field {
            is_required: true,
            ..Field::new(name, label(name), value(name, otherwise), control)
        };
        let mut fields = Vec::new();
        if self == Self::Partners {
            let stored = |pointer: &str| plain(deal.node.at(pointer));
            let worth = typed_number(&stored("/details/dealValue"), words);
            let closes = stored("/details/closingDateTime").get(..10).unwrap_or_default().to_owned();
            fields.push(line("value", worth, Control::Line("number")));
            fields.push(line("currency", stored("/details/currency"), Control::Line("text")));
            fields.push(line("closes", closes, Control::Line("date")));
        }
        let code = value("code", String::new());
        fields.push(Field {
            is_required: self == Self::Microsoft,
            ..Field::new("code", label("code"), code, Control::Choice(codes(self, words)))
        });
        let notes = Field::new("message", label("message"), value("message", String::new()), Control::Area);
        fields.push(Field { hint: words.say("field-message-hint"), ..notes });
        let consent = deal.referral.consent.consent_to_to_share_info_with_others == Some(true);
        let is_given = typed.map_or(consent, |it| it.has("consent"));
        let is_given = if is_given { "yes" } else { "" };
        fields.push(Field {
            is_wide: true,
            is_required: true,
            ..Field::new("consent", label("consent"), is_given.to_owned(), Control::Check)
        });
        fields
    }

    /// Returns one invitation, to the target of this id.
    fn invitation(self, target: &str, typed: &Typed, words: Words) -> Value {
        let mut invitation = Map::new();
        invitation.insert("target".to_owned(), json!([{ "type": "BusinessProfileLocation", "id": target }]));
        let code = Some(typed.text("code")).filter(|it| !it.is_empty()).unwrap_or("Unknown");
        let context = json!({ "notes": typed.text("message"), "assistanceRequestCode": code });
        invitation.insert("inviteContext".to_owned(), context);
        let mut consent = json!({ "consentToToShareInfoWithOthers": typed.has("consent") });
        if let (Self::Microsoft, Value::Object(consent)) = (self, &mut consent) {
            consent.insert("consentToShareReferralWithMicrosoftSellers".to_owned(), true.into());
        }
        invitation.insert("consent".to_owned(), consent);
        if self == Self::Partners {
            let text = |node: Node| match node {
                Node::Text(text) => Value::String(text),
                _ => Value::Null,
            };
            let details = json!({
                "dealValue": text(number(typed.text("value"), words)),
                "currency": typed.text("currency").to_uppercase(),
                "closingDateTime": text(day(typed.text("closes"), "")),
            });
            invitation.insert("details".to_owned(), details);
        }
        Value::Object(invitation)
    }
}

fn codes(guest: Guest, words: Words) -> Vec<Choice> {
    let none = if guest == Guest::Microsoft { "help-choose" } else { "not-said" };
    let none = Choice { value: String::new(), label: words.say(none) };
    let codes = AssistanceRequestCode::ALL.iter().filter(|it| **it != AssistanceRequestCode::Unknown);
    let choices = codes.map(|it| Choice { value: it.as_str().to_owned(), label: code_name(*it, words) });
    std::iter::once(none).chain(choices).collect()
}

/// Says what kind of help is meant.
pub(super) fn code_name(code: AssistanceRequestCode, words: Words) -> String {
    words.say(&format!("help-{}", code.as_str()))
}

fn field_at(pointer: &str) -> Option<&'static str> {
    [
        ("/details/dealValue", "value"),
        ("/details/currency", "currency"),
        ("/details/closingDateTime", "closes"),
        ("/inviteContext/assistanceRequestCode", "code"),
        ("/inviteContext/notes", "message"),
        ("/consent/consentToToShareInfoWithOthers", "consent"),
    ]
    .into_iter()
    .find_map(|(place, name)| (place == pointer).then_some(name))
}

/// Searches partners for the form.
pub(super) async fn search(visit: &Visit, deal: &Deal, typed: Option<&Typed>) -> Result<Search, Failure> {
    let text = typed.map(|it| it.text("search")).or_else(|| visit.asked("search")).unwrap_or_default();
    let own = &visit.seat.colleague.organization_id;
    let store = &visit.app.context.store;
    let found = administration::search_partners(store, own, text, FOUND_MAX).await?;
    let is_chosen = |it: &PartnerView| {
        let id = it.location_id.to_string();
        typed.is_some_and(|typed| typed.all("location").any(|it| it == id))
    };
    let parties: Vec<_> = deal.others.iter().map(|it| &it.organization_id).collect();
    let found_count = u64::try_from(found.count).unwrap_or_default();
    let found = found.partners.into_iter().map(|it| Found {
        is_chosen: is_chosen(&it),
        is_party: parties.contains(&&it.organization_id),
        location_id: it.location_id.to_string(),
        place: match &it.country {
            Some(country) => format!("{}, {country} · {}", it.location_name, it.mpn_id),
            None => format!("{} · {}", it.location_name, it.mpn_id),
        },
        name: it.organization_name,
    });
    Ok(Search { text: text.to_owned(), found: found.collect(), count: found_count })
}

/// Sends the invitations of a form; what could not be sent is shown with its problems.
pub(super) async fn invite(
    visit: &Visit,
    deal: Deal,
    guest: Guest,
    typed: Typed,
) -> Result<Response, Failure> {
    let words = visit.words;
    let targets: Vec<&str> = match guest {
        Guest::Microsoft => vec!["msft"],
        Guest::Partners => typed.all("location").collect(),
    };
    let mut wrong = Vec::new();
    let blame = |message: String| Wrong { pointer: String::new(), message };
    if targets.is_empty() {
        wrong.push(blame(words.say("choose-partner")));
    }
    if guest == Guest::Microsoft && typed.text("code").is_empty() {
        let pointer = "/inviteContext/assistanceRequestCode".to_owned();
        wrong.push(Wrong { pointer, message: words.say("help-missing") });
    }
    if wrong.is_empty() {
        let invitations: Vec<Value> = targets.iter().map(|it| guest.invitation(it, &typed, words)).collect();
        let body = json!({ "invitations": invitations }).to_string();
        let request = ShareRequest {
            id: deal.id,
            body: body.as_bytes(),
            handling: Handling::Lenient,
            validates_only: false,
            idempotency_key: None,
        };
        match referrals::share(&visit.app.context, &visit.actor()?, request).await {
            Ok(results) => {
                for error in results.into_iter().filter_map(Result::err) {
                    wrong.extend(problems(error)?);
                }
            }
            Err(ReviseError::Invalid(report)) => {
                wrong.extend(report.problems.into_iter().map(|it| blame(it.message)));
            }
            Err(error) => return Err(error.into()),
        }
    }
    if wrong.is_empty() {
        return Ok(go_on(&page::address(visit, &deal, typed.get("from")), "invited"));
    }
    // Some may have been invited: the page shows how things stand.
    let deal = Deal::read(visit, &deal.id.to_string()).await?;
    // Several invitations have the same problem at the same field once.
    wrong.dedup_by(|one, other| one.pointer == other.pointer && one.message == other.message);
    page::show(visit, deal, Editing::Guest(guest, Some(typed), wrong)).await.map(failure::refused)
}

fn problems(error: CreateError) -> Result<Vec<Wrong>, Failure> {
    match error {
        CreateError::Invalid(report) => {
            let problems = report.problems.into_iter();
            Ok(problems.map(|it| Wrong { pointer: it.target, message: it.message }).collect())
        }
        error @ CreateError::AlreadyParty(_) => {
            Ok(vec![Wrong { pointer: String::new(), message: sentence(&error.to_string()) }])
        }
        error => Err(error.into()),
    }
}
