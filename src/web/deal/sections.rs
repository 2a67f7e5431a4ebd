//! The parts of a deal that are edited in place: which fields each has, and what they set.

use super::{
    form::{Choice, Control, Field, Form, Typed, Wrong, day, number, text, typed_number},
    life::{STAGES, stage_name},
    lists::{CONTACTS, List, SOLUTIONS, TEAM, plain},
    load::Deal,
};
use crate::{
    domain::{json::Node, vocabulary::MARKETPLACE_INTENTS},
    web::words::Words,
};

/// Members that a form sets, by their pointers.
pub(super) type Members = Vec<(String, Node)>;

/// A part of a deal that is edited in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Accept,
    Details,
    Contacts,
    Team,
    Solutions,
    /// The sales stage alone.
    Stage,
    /// The flag that lets Microsoft's sellers see the deal.
    Microsoft,
}

struct Spec {
    name: &'static str,
    pointer: &'static str,
    kind: Kind,
    /// Whether partners must bring it, so that it cannot be cleared.
    is_needed: bool,
}

#[derive(Clone, Copy)]
enum Kind {
    Line,
    Notes,
    Number,
    Day,
    Currency,
    Stage,
    Intent,
}

const fn spec(name: &'static str, pointer: &'static str, kind: Kind, is_needed: bool) -> Spec {
    Spec { name, pointer, kind, is_needed }
}

const ATTRIBUTES: &str = "/details/requirements/additionalRequirements/attributes";
const INTENT: &str = "CustomerMarketplaceIntent";
const SHARE: &str = "/consent/consentToShareReferralWithMicrosoftSellers";

const NAME: Spec = spec("name", "/name", Kind::Line, true);
const VALUE: Spec = spec("value", "/details/dealValue", Kind::Number, true);
const CURRENCY: Spec = spec("currency", "/details/currency", Kind::Currency, true);
const CLOSES: Spec = spec("closes", "/details/closingDateTime", Kind::Day, true);
const STAGE: Spec = spec("stage", "/salesStage", Kind::Stage, false);
const CRM: Spec = spec("crm", "/externalReferenceId", Kind::Line, false);
const CAMPAIGN: Spec = spec("campaign", "/campaignId", Kind::Line, false);
const NOTES: Spec = spec("notes", "/details/notes", Kind::Notes, false);

const DETAILS: &[Spec] = &[
    NAME,
    VALUE,
    CURRENCY,
    CLOSES,
    STAGE,
    spec("intent", ATTRIBUTES, Kind::Intent, false),
    CRM,
    CAMPAIGN,
    NOTES,
];
const ACCEPT: &[Spec] = &[NAME, VALUE, CURRENCY, CLOSES, CRM, CAMPAIGN, NOTES];

impl Section {
    const ALL: [Self; 7] = [
        Self::Accept,
        Self::Details,
        Self::Contacts,
        Self::Team,
        Self::Solutions,
        Self::Stage,
        Self::Microsoft,
    ];

    /// Returns the name in addresses.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Details => "details",
            Self::Contacts => "contacts",
            Self::Team => "team",
            Self::Solutions => "solutions",
            Self::Stage => "stage",
            Self::Microsoft => "shareWithMicrosoft",
        }
    }

    /// Reads a name. `None` when it is not known.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }

    fn specs(self) -> &'static [Spec] {
        match self {
            Self::Accept => ACCEPT,
            Self::Details => DETAILS,
            Self::Stage => &[STAGE],
            Self::Contacts | Self::Team | Self::Solutions | Self::Microsoft => &[],
        }
    }

    fn list(self) -> Option<&'static List> {
        match self {
            Self::Contacts => Some(&CONTACTS),
            Self::Team => Some(&TEAM),
            Self::Solutions => Some(&SOLUTIONS),
            Self::Accept | Self::Details | Self::Stage | Self::Microsoft => None,
        }
    }

    /// Says whether a form has fields of the section.
    pub(super) fn is_in(self, typed: &Typed) -> bool {
        self.specs().iter().any(|it| typed.has(it.name))
    }

    /// Returns what a form sets.
    pub(super) fn members(self, deal: &Deal, typed: &Typed, words: Words) -> Members {
        if self == Self::Microsoft {
            return vec![(SHARE.to_owned(), Node::Bool(true))];
        }
        if let Some(list) = self.list() {
            let items = list.read(typed, &deal.catalogue, words);
            return vec![(list.pointer.to_owned(), Node::Array(items))];
        }
        let sent = self.specs().iter().filter(|it| typed.has(it.name));
        sent.map(|it| (it.pointer.to_owned(), it.read(deal, typed, words))).collect()
    }

    /// Shows the form of a section, as the deal is, or as it was `typed`.
    pub(super) fn form(self, deal: &Deal, typed: Option<&Typed>, wrong: Vec<Wrong>, words: Words) -> Form {
        let name = self.as_str();
        let etag = typed.and_then(|it| it.get("etag")).map_or_else(|| deal.etag(), str::to_owned);
        let mut hidden = vec![("etag".to_owned(), etag)];
        let before = typed.and_then(|it| it.get(&was(CLOSES.name))).map(str::to_owned);
        if self.specs().iter().any(|it| it.name == CLOSES.name) {
            hidden.push((was(CLOSES.name), before.unwrap_or_else(|| plain(deal.node.at(CLOSES.pointer)))));
        }
        let rows = self.list().map(|list| {
            let items = match (typed, deal.node.at(list.pointer)) {
                (Some(typed), _) => list.read(typed, &deal.catalogue, words),
                (None, Some(Node::Array(items))) => items.clone(),
                (None, _) => Vec::new(),
            };
            list.rows(&items, &deal.catalogue, words)
        });
        let mut form = Form {
            section: name,
            title: words.say(&format!("edit-{name}")),
            lead: words.say_known(&format!("edit-{name}-lead")).unwrap_or_default(),
            action: format!("/deals/{}/{name}", deal.id),
            hidden,
            fields: self.specs().iter().map(|it| it.field(deal, typed, words)).collect(),
            rows: rows.unwrap_or_default(),
            problems: Vec::new(),
            submit: words.say(if self == Self::Accept { "accept" } else { "save" }),
            adds: self.list().map(|it| words.say(&format!("add-{}", it.name))).unwrap_or_default(),
            cancel: String::new(),
        };
        form.blame(wrong, |pointer| self.field_at(pointer));
        form
    }

    fn field_at(self, pointer: &str) -> Option<String> {
        if let Some(list) = self.list() {
            return list.field_at(pointer);
        }
        let is_at = |it: &&Spec| {
            pointer.strip_prefix(it.pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.specs().iter().find(is_at).map(|it| it.name.to_owned())
    }
}

/// Name of the hidden field that holds what a field held.
fn was(name: &str) -> String {
    format!("{name}.was")
}

impl Spec {
    fn read(&self, deal: &Deal, typed: &Typed, words: Words) -> Node {
        let value = typed.text(self.name);
        match self.kind {
            Kind::Line | Kind::Notes | Kind::Stage => text(value),
            Kind::Number => number(value, words),
            Kind::Currency => text(&value.to_uppercase()),
            Kind::Day => day(value, typed.text(&was(self.name))),
            Kind::Intent => with_intent(deal, value),
        }
    }

    fn field(&self, deal: &Deal, typed: Option<&Typed>, words: Words) -> Field {
        let stored = plain(deal.node.at(self.pointer));
        let stored = match self.kind {
            Kind::Line | Kind::Notes | Kind::Currency | Kind::Stage => stored,
            Kind::Number => typed_number(&stored, words),
            Kind::Day => stored.get(..10).unwrap_or_default().to_owned(),
            Kind::Intent => intent(deal).unwrap_or_default(),
        };
        let is_required = self.is_needed && !stored.is_empty();
        let value = typed.filter(|it| it.has(self.name)).map_or(stored, |it| it.text(self.name).to_owned());
        let control = match self.kind {
            Kind::Line | Kind::Currency => Control::Line("text"),
            Kind::Notes => Control::Area,
            Kind::Number => Control::Line("number"),
            Kind::Day => Control::Line("date"),
            Kind::Stage => {
                choices(STAGES.map(|it| it.to_string()), &value, |it| stage_name(it, words), words)
            }
            Kind::Intent => {
                let known = MARKETPLACE_INTENTS.iter().map(|it| (*it).to_owned());
                choices(known, &value, |it| intent_name(it, words), words)
            }
        };
        let label = words.say(&format!("field-{}", self.name));
        let hint = words.say_known(&format!("field-{}-hint", self.name)).unwrap_or_default();
        Field { is_required, hint, ..Field::new(self.name, label, value, control) }
    }
}

/// Offers nothing, every known value, and the one that is there.
fn choices(
    known: impl IntoIterator<Item = String>,
    value: &str,
    label: impl Fn(&str) -> String,
    words: Words,
) -> Control {
    let mut values: Vec<String> = known.into_iter().collect();
    if !value.is_empty() && !values.iter().any(|it| it == value) {
        values.push(value.to_owned());
    }
    let none = Choice { value: String::new(), label: words.say("not-said") };
    let labelled = values.into_iter().map(|value| Choice { label: label(&value), value });
    Control::Choice(std::iter::once(none).chain(labelled).collect())
}

/// Returns whether the customer wants to buy in the marketplace, as it was said. `None` when nothing was.
pub(super) fn intent(deal: &Deal) -> Option<String> {
    let attributes = &deal.referral.details.requirements.additional_requirements.attributes;
    attributes.iter().find(|it| it.kind == INTENT).map(|it| it.id.clone())
}

/// Says what such an answer means; one that is not known is shown as it is.
pub(super) fn intent_name(answer: &str, words: Words) -> String {
    let is_known = MARKETPLACE_INTENTS.contains(&answer);
    let name = format!("intent-{}", answer.to_lowercase());
    words.say_known(&name).filter(|_| is_known).unwrap_or_else(|| answer.to_owned())
}

/// Returns the attributes with another answer, or with none.
fn with_intent(deal: &Deal, answer: &str) -> Node {
    if intent(deal).unwrap_or_default() == answer {
        return deal.node.at(ATTRIBUTES).cloned().unwrap_or(Node::Null);
    }
    let text = |text: &str| Node::Text(text.to_owned());
    let is_other = |it: &&Node| it.member("type") != Some(&text(INTENT));
    let mut attributes: Vec<Node> = match deal.node.at(ATTRIBUTES) {
        Some(Node::Array(items)) => items.iter().filter(is_other).cloned().collect(),
        _ => Vec::new(),
    };
    if !answer.is_empty() {
        let members = [("type", INTENT), ("id", answer)];
        attributes.push(Node::Object(members.map(|(name, it)| (name.to_owned(), text(it))).to_vec()));
    }
    Node::Array(attributes)
}
