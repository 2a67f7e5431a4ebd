//! What a form sends, and what it makes of a draft.

use uuid::Uuid;

use super::{
    draft::{Draft, Fields, ROWS_MAX, text},
    fields::{Input, Page, Rows, Spec},
    step::Step,
};

/// What a form sends.
pub(super) struct Sent(pub(super) Vec<(String, String)>);

/// What is to be done once the fields are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Go on to the next step, if this one is right.
    Next,
    /// Go to a step.
    Go(Step),
    /// Keep what was typed, and stay.
    Keep,
    /// Keep what was typed, and leave.
    Leave,
    /// One row more.
    Add,
    /// One row less.
    Remove(usize),
    /// Take the customer of a deal.
    TakeCustomer(Uuid),
    /// Take a member of an earlier team, by its address.
    TakeMember(String),
    /// Look for partners.
    Search,
    /// Invite the partner at a location.
    Invite(Uuid),
    /// Make the deal.
    Create,
}

impl Command {
    /// Reads what the pressed button says, such as `go:team`. What is not known keeps the draft.
    pub(super) fn parse(sent: &str) -> Self {
        let (name, about) = sent.split_once(':').unwrap_or((sent, ""));
        let found = match name {
            "next" => Some(Self::Next),
            "leave" => Some(Self::Leave),
            "add" => Some(Self::Add),
            "search" => Some(Self::Search),
            "create" => Some(Self::Create),
            "go" => Step::parse(about).map(Self::Go),
            "remove" => about.parse().ok().map(Self::Remove),
            "customer" => Uuid::try_parse(about).ok().map(Self::TakeCustomer),
            "member" => Some(Self::TakeMember(about.to_owned())),
            "invite" => Uuid::try_parse(about).ok().map(Self::Invite),
            _ => None,
        };
        found.unwrap_or(Self::Keep)
    }
}

impl Sent {
    /// Returns what was sent under a name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    /// Returns what a field holds: line ends as everywhere else, and a box that is not ticked is no.
    fn field(&self, name: &str, spec: &Spec) -> Option<String> {
        match (self.get(name), spec.input) {
            (Some(_), Input::Check) => Some("true".to_owned()),
            (None, Input::Check) => Some(String::new()),
            (sent, _) => sent.map(|it| it.replace("\r\n", "\n")),
        }
    }
}

/// Takes over what the form of `step` holds.
pub(super) fn apply(draft: &mut Draft, step: Step, sent: &Sent) {
    let page = Page::of(step);
    for spec in page.specs() {
        if let Some(value) = sent.field(spec.name, spec) {
            draft.fields.insert(spec.name.to_owned(), value);
        }
    }
    match page.rows {
        Some(Rows::Partners) => apply_partners(draft, sent),
        Some(rows) => apply_rows(draft, rows, sent),
        None => {}
    }
    if let Some(search) = sent.get("search") {
        draft.search = search.trim().chars().take(200).collect();
    }
}

/// Takes the rows as they are sent, without those that nothing is typed in.
fn apply_rows(draft: &mut Draft, rows: Rows, sent: &Sent) {
    let is_sent =
        |index: &usize| rows.specs().iter().any(|it| sent.get(&rows.name(*index, it.name)).is_some());
    let rows_sent = (0..ROWS_MAX).take_while(is_sent).map(|index| row(rows, index, sent));
    *draft.rows_mut(rows) = rows_sent.filter(|it| !is_blank(it)).collect();
}

/// A partner's row names its partner, because what is typed for one must never reach another.
fn apply_partners(draft: &mut Draft, sent: &Sent) {
    for index in 0..ROWS_MAX {
        let Some(location) = sent.get(&Rows::Partners.name(index, "location")) else { break };
        if let Some(partner) = draft.partners.iter_mut().find(|it| text(it, "location") == location) {
            partner.extend(row(Rows::Partners, index, sent));
        }
    }
}

fn row(rows: Rows, index: usize, sent: &Sent) -> Fields {
    let fields = rows.specs().iter();
    fields.filter_map(|it| Some((it.name.to_owned(), sent.field(&rows.name(index, it.name), it)?))).collect()
}

/// Says whether nothing is typed in a row. A currency alone says nothing.
fn is_blank(row: &Fields) -> bool {
    row.iter().all(|(name, value)| name == "currency" || value.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{Command, Draft, Sent, Step, apply, text};

    fn sent(pairs: &[(&str, &str)]) -> Sent {
        Sent(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn what_was_typed_is_kept_and_other_names_are_not() {
        let mut draft = Draft::default();
        draft.fields.insert("consent.consentToContact".to_owned(), "true".to_owned());

        apply(
            &mut draft,
            Step::Help,
            &sent(&[("help", "private"), ("microsoft.inviteContext.notes", " a\r\nb"), ("name", "No")]),
        );

        assert_eq!(draft.get("consent.consentToContact"), "", "a box that is not ticked is not sent");
        assert_eq!(draft.fields.get("microsoft.inviteContext.notes").map(String::as_str), Some(" a\nb"));
        assert_eq!(draft.get("name"), "", "another step's field");
    }

    #[test]
    fn rows_that_are_left_blank_are_gone() {
        let mut draft = Draft::default();
        let name = |index: usize, name: &str| format!("details.requirements.solutions.{index}.{name}");
        let (id, currency, second) = (name(0, "id"), name(0, "currency"), name(1, "id"));

        apply(&mut draft, Step::Solutions, &sent(&[(&id, " "), (&currency, "EUR"), (&second, "SOL-1")]));

        assert_eq!(draft.solutions.len(), 1);
        assert_eq!(draft.solutions.first().map(|it| text(it, "id")), Some("SOL-1"));
    }

    #[test]
    fn what_is_typed_for_a_partner_stays_with_it() {
        let (first, second) = (Uuid::from_u128(1).to_string(), Uuid::from_u128(2).to_string());
        let partner = |location: &str| [("location".to_owned(), location.to_owned())].into();
        let mut draft = Draft { partners: vec![partner(&second)], ..Draft::default() };

        // The other one was taken away in another window.
        apply(
            &mut draft,
            Step::Partners,
            &sent(&[
                ("partners.0.location", &first),
                ("partners.0.inviteContext.notes", "for the first"),
                ("partners.1.location", &second),
                ("partners.1.inviteContext.notes", "for the second"),
            ]),
        );

        assert_eq!(draft.partners.len(), 1);
        assert_eq!(draft.partners.first().map(|it| text(it, "inviteContext.notes")), Some("for the second"));
    }

    #[test]
    fn buttons_say_what_they_do() {
        assert_eq!(Command::parse("go:team"), Command::Go(Step::Team));
        assert_eq!(Command::parse("remove:2"), Command::Remove(2));
        assert_eq!(Command::parse("member:a@b.example"), Command::TakeMember("a@b.example".to_owned()));
        assert_eq!(Command::parse("go:nowhere"), Command::Keep);
    }
}
