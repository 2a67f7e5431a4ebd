//! The requests that a draft becomes: the own record, and the invitations into it, as an API client would send them.

use super::{
    draft::{Draft, Fields, text},
    fields::{
        CONSENT_TO_CONTACT, CONSENT_TO_SHARE, HELP, INTENT, Input, NOTES_TO_MICROSOFT, Page, Rows, Spec,
    },
    step::Step,
};
use crate::domain::{
    json::{Node, decimal::Decimal},
    organization::MSFT,
};

/// Members of the own record that an invitation does not take from it.
const NOT_TAKEN: [&str; 3] = ["mpnId", "externalReferenceId", "campaignId"];

/// Somebody who is invited.
pub(super) struct Invitation {
    /// What the names of its fields begin with.
    pub(super) prefix: String,
    /// Who it is, for people; `None` for Microsoft.
    pub(super) partner: Option<String>,
    /// The invitation, as the call for shares takes it.
    pub(super) body: Node,
}

/// Returns the body of the call that makes the own record.
pub(super) fn own(draft: &Draft) -> Node {
    let is_shared = draft.is_co_sell() || !draft.partners.is_empty();
    let mut body = Node::Object(Vec::new());
    if !draft.get("name").is_empty() {
        put(&mut body, "name", text_node(draft.get("name")));
    }
    put(&mut body, "type", text_node(if is_shared { "Shared" } else { "Independent" }));
    // They must be there, whatever is in them.
    for name in ["customerProfile", "consent", "details"] {
        put(&mut body, name, Node::Object(Vec::new()));
    }
    for step in [Step::Customer, Step::Deal, Step::Intent] {
        put_fields(&mut body, "", Page::of(step).specs(), &draft.fields);
    }
    if body.at("/customerProfile/ids/0").is_some() {
        put(&mut body, "customerProfile.ids.0.profileType", text_node("Duns"));
    }
    if !draft.get(INTENT).is_empty() {
        let kind = INTENT.replace(".id", ".type");
        put(&mut body, &kind, text_node("CustomerMarketplaceIntent"));
    }
    for (name, is_given) in [
        (CONSENT_TO_CONTACT, !draft.get(CONSENT_TO_CONTACT).is_empty()),
        (CONSENT_TO_SHARE, !draft.get(CONSENT_TO_SHARE).is_empty()),
        ("consent.consentToShareReferralWithMicrosoftSellers", draft.is_seen_by_microsoft()),
    ] {
        put(&mut body, name, Node::Bool(is_given));
    }
    for rows in [Rows::Team, Rows::Solutions] {
        for (index, row) in draft.rows(rows).iter().enumerate() {
            put_fields(&mut body, &rows.name(index, ""), rows.specs().iter(), row);
        }
    }
    put_solutions(&mut body, draft);
    body
}

/// A solution's tag says that its id is one of a catalogue; a price without a currency is in the deal's.
fn put_solutions(body: &mut Node, draft: &Draft) {
    let deal_currency = draft.get("details.currency");
    for (index, row) in draft.solutions.iter().enumerate().filter(|(_, it)| !is_empty(it)) {
        put(body, &Rows::Solutions.name(index, "type"), text_node("Name"));
        if !text(row, "price").is_empty() && text(row, "currency").is_empty() && !deal_currency.is_empty() {
            put(body, &Rows::Solutions.name(index, "currency"), text_node(deal_currency));
        }
    }
}

fn is_empty(row: &Fields) -> bool {
    row.values().all(|it| it.trim().is_empty())
}

/// Returns who is invited into the deal, Microsoft first.
pub(super) fn invitations(draft: &Draft) -> Vec<Invitation> {
    let mut invitations = Vec::new();
    if draft.is_co_sell() {
        let mut body = invitation(MSFT);
        put(&mut body, "inviteContext.assistanceRequestCode", text_node(draft.get(HELP)));
        let notes = draft.get(NOTES_TO_MICROSOFT);
        if !notes.is_empty() {
            put(&mut body, "inviteContext.notes", text_node(notes));
        }
        invitations.push(Invitation { prefix: "microsoft.".to_owned(), partner: None, body });
    }
    for (index, row) in draft.partners.iter().enumerate() {
        let mut body = invitation(text(row, "location"));
        put_fields(&mut body, "", Rows::Partners.specs().iter(), row);
        if body.at("/details/requirements/solutions/0").is_some() {
            put(&mut body, "details.requirements.solutions.0.type", text_node("Name"));
        }
        let partner = Some(text(row, "organization").to_owned());
        invitations.push(Invitation { prefix: Rows::Partners.name(index, ""), partner, body });
    }
    invitations
}

fn invitation(target: &str) -> Node {
    let mut body = Node::Object(Vec::new());
    put(&mut body, "target.0.type", text_node("BusinessProfileLocation"));
    put(&mut body, "target.0.id", text_node(target));
    body
}

/// Returns the body of the call that shares the deal with all who are invited.
pub(super) fn share(invitations: &[Invitation]) -> Node {
    let items = invitations.iter().map(|it| it.body.clone()).collect();
    Node::Object(vec![("invitations".to_owned(), Node::Array(items))])
}

/// Returns the create call that an invitation comes down to, as the call for shares makes it of the own record.
pub(super) fn shared(own: &Node, invitation: &Node) -> Node {
    let mut body = own.clone();
    if let Node::Object(members) = &mut body {
        members.retain(|(name, _)| !NOT_TAKEN.contains(&name.as_str()));
    }
    lay(&mut body, invitation);
    body
}

fn lay(below: &mut Node, above: &Node) {
    match (below, above) {
        (Node::Object(members), Node::Object(laid)) => {
            for (name, value) in laid {
                match members.iter_mut().find(|(it, _)| it == name) {
                    Some((_, place)) => lay(place, value),
                    None => members.push((name.clone(), value.clone())),
                }
            }
        }
        (place, above) => *place = above.clone(),
    }
}

/// Writes a request as people read it. What is shown is what is sent, to the byte.
pub(super) fn pretty(body: &Node) -> String {
    serde_json::to_string_pretty(body).unwrap_or_default()
}

fn put_fields<'a>(body: &mut Node, prefix: &str, specs: impl Iterator<Item = &'a Spec>, fields: &Fields) {
    for spec in specs {
        let value = text(fields, spec.name);
        if !value.is_empty() {
            put(body, &format!("{prefix}{}", spec.name), node(spec.input, value));
        }
    }
}

/// Returns the value of a field as the API takes it; what is no number or day goes as it was typed, to be judged there.
fn node(input: Input, typed: &str) -> Node {
    match input {
        Input::Number if Decimal::parse(typed).is_some() => Node::Number(typed.to_owned()),
        Input::Check => Node::Bool(true),
        Input::Date if is_day(typed) => text_node(&format!("{typed}T00:00:00Z")),
        _ => text_node(typed),
    }
}

fn is_day(typed: &str) -> bool {
    typed.len() == 10 && typed.bytes().all(|it| it.is_ascii_digit() || it == b'-')
}

fn text_node(text: &str) -> Node {
    Node::Text(text.to_owned())
}

/// Writes a value at a place such as `team.0.email`; objects and arrays are made on the way.
fn put(body: &mut Node, path: &str, value: Node) {
    let segments: Vec<&str> = path.split('.').collect();
    put_below(body, &segments, value);
}

fn put_below(node: &mut Node, path: &[&str], value: Node) {
    let Some((first, rest)) = path.split_first() else {
        *node = value;
        return;
    };
    let found = std::mem::replace(node, Node::Null);
    *node = match first.parse::<usize>() {
        Ok(place) => {
            let mut items = if let Node::Array(items) = found { items } else { Vec::new() };
            items.resize(items.len().max(place.saturating_add(1)), Node::Null);
            if let Some(item) = items.get_mut(place) {
                put_below(item, rest, value);
            }
            Node::Array(items)
        }
        Err(_) => {
            let mut members = if let Node::Object(members) = found { members } else { Vec::new() };
            if !members.iter().any(|(it, _)| it == first) {
                members.push(((*first).to_owned(), Node::Null));
            }
            if let Some((_, member)) = members.iter_mut().find(|(it, _)| it == first) {
                put_below(member, rest, value);
            }
            Node::Object(members)
        }
    };
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod body_tests;
