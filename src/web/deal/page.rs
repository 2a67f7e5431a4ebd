//! The deal page: everything of one deal, with the form that is open, if any.

use askama::Template;
use axum::response::Response;

use super::{
    acts::{self, Act, Refused},
    facts::{self, Microsoft, Registered, Solution},
    form::{Form, Typed, Wrong, sentence},
    history::{self, History},
    invite::{self, Guest, Search},
    life::{self, Step},
    load::Deal,
    parties::{self, Fact, Party, Person},
    sections::Section,
};
use crate::{
    domain::{
        deal::Category,
        lifecycle::{Action, State},
    },
    web::{
        card::{Badge, Deadline},
        failure::Failure,
        visit::{Frame, Visit, own_path},
        words::Words,
    },
};

/// What is being done on the page.
pub(super) enum Editing {
    /// Reading.
    Nothing,
    /// A section, with what was typed and what is wrong with it.
    Section(Section, Option<Typed>, Vec<Wrong>),
    /// An invitation.
    Guest(Guest, Option<Typed>, Vec<Wrong>),
    /// An action that was refused.
    Action(Action, Typed, Vec<Wrong>),
}

#[derive(Template)]
#[template(path = "web/deal/page.html")]
struct DealPage {
    frame: Frame,
    id: String,
    etag: String,
    name: String,
    customer: String,
    status: Badge,
    deadline: Option<Deadline>,
    deal_type: String,
    category: Option<String>,
    /// Why a closed deal is closed; empty when nobody said.
    status_reason: String,
    is_favorite: bool,
    may_edit: bool,
    may_share: bool,
    /// The list that the person came from; empty when it came from nowhere.
    from: String,
    /// The list that the way back leads to. A list keeps what it was left with.
    back: String,
    /// What all links of the page carry on.
    carried: String,
    url: String,
    problems: Vec<String>,
    steps: Vec<Step>,
    next_stage: Option<(u8, String)>,
    acts: Vec<Act>,
    refused: Vec<Refused>,
    form: Option<Form>,
    search: Option<Search>,
    details: Vec<Fact>,
    customer_facts: Vec<Fact>,
    contacts: Vec<Person>,
    waits_for_contacts: bool,
    contacts_frozen: Option<String>,
    team: Vec<Person>,
    solutions: Vec<Solution>,
    invitation: Vec<Fact>,
    lead: Vec<Fact>,
    record: Vec<Fact>,
    registrations: Vec<Registered>,
    microsoft: Option<Microsoft>,
    parties: Vec<Party>,
    history: History,
}

impl DealPage {
    /// Returns the form of a section, if it is the one that is open.
    fn form_of(&self, section: &str) -> Option<&Form> {
        self.form.as_ref().filter(|it| it.section == section)
    }

    /// Returns the address that opens the form of a section.
    fn edit(&self, section: &str) -> String {
        format!("/deals/{}?edit={section}{}#{section}", self.id, self.carried)
    }
}

/// Returns the name of a deal; that of its customer where it has none.
pub(super) fn name(deal: &Deal, words: Words) -> String {
    let name = deal.referral.name.clone().filter(|it| !it.trim().is_empty());
    let customer = deal.referral.customer_profile.name.clone().unwrap_or_default();
    name.unwrap_or_else(|| match customer.is_empty() {
        true => words.about("deal-of", &deal.referral.organization_name),
        false => words.about("unnamed-deal", customer),
    })
}

/// Returns the address of the deal's page, with where the person came from.
pub(super) fn address(visit: &Visit, deal: &Deal, from: Option<&str>) -> String {
    let carried = carried(&came_from(visit, from));
    match carried.strip_prefix('&') {
        Some(query) => format!("/deals/{}?{query}", deal.id),
        None => format!("/deals/{}", deal.id),
    }
}

/// Returns the list that the person came from; empty when it came from nowhere.
fn came_from(visit: &Visit, typed: Option<&str>) -> String {
    let from = typed.or_else(|| visit.asked("from")).filter(|it| !it.is_empty());
    // A list is named by its address, or by its query alone.
    let address = |it: &str| if it.starts_with('/') { it.to_owned() } else { format!("/deals?{it}") };
    from.map(|it| own_path(Some(&address(it))).to_owned()).unwrap_or_default()
}

fn carried(from: &str) -> String {
    match from.is_empty() {
        true => String::new(),
        false => {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            format!("&{}", query.append_pair("from", from).finish())
        }
    }
}

/// Returns the address of the page that is read and not written: what an address asks to be opened.
pub(super) fn asked(visit: &Visit) -> Editing {
    let Some(wanted) = visit.asked("edit") else { return Editing::Nothing };
    let section = Section::parse(wanted).map(|it| Editing::Section(it, None, Vec::new()));
    section
        .or_else(|| Guest::parse(wanted).map(|it| Editing::Guest(it, None, Vec::new())))
        .unwrap_or(Editing::Nothing)
}

/// Shows a deal.
pub(super) async fn show(visit: &Visit, deal: Deal, editing: Editing) -> Result<Response, Failure> {
    let words = visit.words;
    let deal = match editing {
        Editing::Section(Section::Solutions, ..) => deal.with_catalogue(visit).await?,
        _ => deal,
    };
    let typed = match &editing {
        Editing::Section(_, typed, _) | Editing::Guest(_, typed, _) => typed.clone(),
        Editing::Action(_, typed, _) => Some(typed.clone()),
        Editing::Nothing => None,
    };
    let search = match &editing {
        Editing::Guest(Guest::Partners, typed, _) => {
            Some(invite::search(visit, &deal, typed.as_ref()).await?)
        }
        _ => None,
    };
    let acts = match &editing {
        Editing::Action(action, typed, _) => acts::allowed(&deal, Some((*action, typed)), words),
        _ => acts::allowed(&deal, None, words),
    };
    let from = came_from(visit, typed.as_ref().and_then(|it| it.get("from")));
    let mut problems = Vec::new();
    let mut form = match editing {
        // What may not be done has no form.
        Editing::Section(section, typed, wrong) if may_edit(&deal, section) => {
            Some(section.form(&deal, typed.as_ref(), wrong, words))
        }
        Editing::Guest(guest, typed, wrong) if deal.may(Action::Share) => {
            Some(guest.form(&deal, typed.as_ref(), wrong, words))
        }
        Editing::Section(.., wrong) | Editing::Guest(.., wrong) | Editing::Action(.., wrong) => {
            problems.extend(wrong.iter().map(|it| sentence(&it.message)));
            None
        }
        Editing::Nothing => None,
    };
    // A section without a form of its own shows its problems above the page.
    if form.as_ref().is_some_and(|it| it.fields.is_empty() && it.rows.is_empty() || it.section == "stage") {
        let without = form.take();
        problems.extend(without.into_iter().flat_map(|it| {
            let of_fields = it.fields.into_iter().flat_map(|it| it.problems);
            it.problems.into_iter().chain(of_fields).collect::<Vec<_>>()
        }));
    }
    if let Some(form) = &mut form {
        form.cancel = address(visit, &deal, Some(&from));
        form.hidden.push(("from".to_owned(), from.clone()));
    }
    let history = history::tell(visit, &deal, visit.asked("history") == Some("all")).await?;
    let page = assemble(visit, deal, Open { from, problems, form, search, acts }, history).await?;
    crate::web::visit::page(&page)
}

fn may_edit(deal: &Deal, section: Section) -> bool {
    match section {
        Section::Accept => deal.may(Action::Accept),
        Section::Microsoft => deal.may(Action::ShareWithMicrosoft),
        Section::Contacts => deal.may(Action::Revise) && !deal.is_shared(),
        Section::Details | Section::Team | Section::Solutions | Section::Stage => deal.may(Action::Revise),
    }
}

/// What is open on the page.
struct Open {
    from: String,
    problems: Vec<String>,
    form: Option<Form>,
    search: Option<Search>,
    acts: Vec<Act>,
}

async fn assemble(visit: &Visit, deal: Deal, open: Open, history: History) -> Result<DealPage, Failure> {
    let (words, now) = (visit.words, visit.now());
    let own = visit.seat.colleague.organization_id.to_string();
    let name = name(&deal, words);
    let referral = &deal.referral;
    let is_unanswered = referral.state().is_some_and(State::is_unanswered);
    let is_closed = referral.state().is_some_and(State::is_closed);
    let deadline = referral.expiration_date_time.filter(|_| is_unanswered);
    Ok(DealPage {
        frame: visit.frame(name.clone()).await?,
        id: deal.id.to_string(),
        etag: deal.etag(),
        name,
        customer: referral.customer_profile.name.clone().unwrap_or_default(),
        status: Badge::of(referral, words),
        deadline: deadline.map(|it| Deadline::of(it, now, words)),
        deal_type: facts::deal_type(&deal, words),
        category: facts::category(&deal, words),
        status_reason: referral.status_reason.clone().filter(|_| is_closed).unwrap_or_default(),
        is_favorite: referral.favorite,
        may_edit: deal.may(Action::Revise),
        may_share: deal.may(Action::Share),
        carried: carried(&open.from),
        back: match (open.from.is_empty(), deal.actions.category) {
            (false, _) => open.from.clone(),
            (true, Category::MarketplaceLead | Category::QualifiedLead) => "/leads".to_owned(),
            (true, Category::CoSellOpportunity) => "/deals".to_owned(),
        },
        from: open.from,
        url: format!("{}/deals/{}", visit.app.public_url, deal.id),
        problems: open.problems,
        steps: life::steps(&deal, words),
        next_stage: life::next_stage(&deal, words),
        acts: open.acts,
        refused: acts::refused(&deal, words),
        form: open.form,
        search: open.search,
        details: facts::details(&deal, words),
        customer_facts: facts::customer(&deal, words),
        contacts: facts::contacts(&deal),
        waits_for_contacts: facts::waits_for_contacts(&deal),
        contacts_frozen: facts::contacts_frozen(&deal, words),
        team: referral.team.iter().map(Person::of).collect(),
        solutions: facts::solutions(&deal, words),
        invitation: facts::invitation(&deal, words),
        lead: facts::lead(&deal, words),
        record: facts::record(&deal, words),
        registrations: facts::registrations(&deal, words),
        microsoft: facts::microsoft(&deal, words),
        parties: parties::parties(&deal, &own, now, words),
        history,
    })
}
