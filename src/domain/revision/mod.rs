//! What a write makes of a record that is there: one decision for PUT, PATCH and the lifecycle's actions.
//!
//! ```text
//! PUT body, action's body ─┐
//! JSON Patch ─ patch ──────┴→ Intent: the members that are to be set
//!                              │ apply    read leniently, laid over the record
//!                              │ frozen   what may not change
//!                              │ lifecycle the move from state to state, judged once, at the end
//!                              └ validation of what was touched
//! ```
//!
//! A member that is absent means "keep" ("Update a referral", 2019; the official sample flow sends a subset). The
//! items of a list are told apart by their e-mail address, id or type, so that what a subset leaves out of an item
//! is kept too. A member that the caller may not see counts as absent.

pub mod frozen;
pub mod merge;
mod overlay;
pub mod patch;

pub use self::overlay::{Lists, is_server_owned};
use self::overlay::{Overlay, overlay};
use super::{
    json::{
        Node,
        tree::{edits, is_related, is_same},
    },
    lifecycle::{self, Action, Side, Standing, State, Strictness},
    referral::{
        Referral,
        draft::{self, Purpose},
    },
    report::{ProblemCode, Report, pointer_segment, shortened},
    time::Timestamp,
    validation::{self, Rules},
    visibility::{self, Facet, Relation},
    vocabulary::Vocabulary as _,
};

/// The members that a caller wants to set.
#[derive(Clone)]
pub struct Intent {
    /// A document with these members only, as they were sent.
    pub members: Node,
    /// What becomes of list items that the caller sends in part.
    pub lists: Lists,
    /// What is done, when the caller names it; the states that are written decide otherwise.
    pub action: Option<Action>,
    /// Where the members stand in the request.
    pub places: Places,
}

/// Where the members of an intent stand in the request.
#[derive(Clone, Default)]
pub struct Places(Vec<(String, String)>);

impl Intent {
    /// Returns the intent of a body in the shape of the document.
    pub fn of_body(body: Node, action: Option<Action>) -> Self {
        Self { members: body, lists: Lists::KeepAbsent, action, places: Places::default() }
    }
}

impl Places {
    /// Notes that the value at `place` of the request becomes the member `pointer`.
    pub fn note(&mut self, pointer: String, place: String) {
        self.0.push((pointer, place));
    }

    /// Returns where in the request `pointer` comes from; the pointer itself where it is a place of the body.
    fn of(&self, pointer: &str) -> String {
        let related = || self.0.iter().rev().filter(|(noted, _)| is_related(noted, pointer));
        let above =
            related().find_map(|(noted, place)| Some(format!("{place}{}", pointer.strip_prefix(noted)?)));
        above
            .or_else(|| related().next().map(|(_, place)| place.clone()))
            .unwrap_or_else(|| pointer.to_owned())
    }
}

/// Everything that a write is decided by, beside the intent.
#[derive(Clone, Copy)]
pub struct Situation<'a> {
    /// The record, all of it.
    pub current: &'a Referral,
    /// The record as the caller sees it, with the members that differ by viewer.
    pub seen: &'a Node,
    /// The time.
    pub now: Timestamp,
    /// Settings.
    pub rules: &'a Rules,
    /// Whether another party has a record in the engagement.
    pub has_other_party: bool,
    /// Whether another organisation made the record for its owner.
    pub is_received: bool,
    /// Whether a partner made the deal; what only partners must bring is asked of no one else.
    pub is_partner_deal: bool,
    /// What becomes of members that have no effect.
    pub handling: Handling,
}

/// What becomes of members that have no effect (RFC 7240, section 4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// They are reported.
    Lenient,
    /// They are refused.
    Strict,
}

/// The record after a write.
#[derive(Clone)]
pub struct Revised {
    /// The document.
    pub referral: Referral,
    /// What was done.
    pub action: Action,
    /// What was applied, ignored and normalised.
    pub report: Report,
}

/// Decides a write by the owner.
///
/// # Errors
/// All problems at once; the document is as it was then.
pub fn revise(intent: &Intent, situation: &Situation<'_>) -> Result<Revised, Report> {
    let place = |mut report: Report| {
        let problems = report.problems.iter_mut().map(|it| &mut it.target);
        let ignored = report.ignored.iter_mut().map(|it| &mut it.target);
        let normalized = report.normalized.iter_mut().map(|it| &mut it.target);
        problems.chain(ignored).chain(normalized).for_each(|it| *it = intent.places.of(it));
        report
    };
    match revise_in_document(intent, situation) {
        Ok(revised) => Ok(Revised { report: place(revised.report), ..revised }),
        Err(report) => Err(place(report)),
    }
}

fn revise_in_document(intent: &Intent, situation: &Situation<'_>) -> Result<Revised, Report> {
    let Situation { current, now, .. } = *situation;
    let Some(state) = current.state() else { return Err(Report::default()) };
    let standing = Standing { state, expires: current.expiration_date_time };
    // What is closed is refused before anything is read: nothing that was sent could be accepted.
    if state.is_closed() {
        let mut report = Report::default();
        refuse_move(&lifecycle::Refusal::Closed(state), standing, situation, &mut report);
        return Err(report);
    }
    let stored = Node::from_document(&current.to_document()).map_err(|_| Report::default())?;
    let applied = apply(intent, &stored, situation.seen, &withheld(&stored, situation), situation.rules);
    let Applied { document, sent, mut report } = applied;
    let changes = edits(&stored, &document);
    for change in &changes {
        frozen::check(change, situation, &mut report);
        report.applied(change.pointer.clone());
    }
    let touched: Vec<String> = changes.iter().map(|it| it.pointer.clone()).collect();
    let Ok(mut referral) = Referral::from_document(&document.to_json()) else {
        // Only what the reader refused cannot be put back together; it has said why.
        return Err(report);
    };
    let moved = decide_move(intent, &referral, standing, &sent, situation, &mut report);
    validation::check_revised(&referral, situation.is_partner_deal, situation.rules, &touched, &mut report);
    if situation.handling == Handling::Strict {
        report.refuse_ignored();
    }
    let (Some((action, state)), true) = (moved, report.problems.is_empty()) else { return Err(report) };
    let is_shared_before = current.consent.consent_to_share_referral_with_microsoft_sellers;
    let is_shared_after = referral.consent.consent_to_share_referral_with_microsoft_sellers;
    let action = match (action, is_shared_before, is_shared_after) {
        (Action::Revise, false, true) => Action::ShareWithMicrosoft,
        (action, _, _) => action,
    };
    if intent.action.is_some() {
        // What an action writes stands in no member that was sent.
        let halves = [
            ("/status", state.status() != current.status),
            ("/substatus", state.substatus() != current.substatus),
        ];
        for (pointer, _) in halves.iter().filter(|(_, is_new)| *is_new) {
            report.applied((*pointer).to_owned());
        }
    }
    match state == standing.state {
        // Who stays has no new date: a later note is no later acceptance.
        true => referral.updated_date_time = now,
        false => referral.move_to(state, now),
    }
    referral.last_modified_via = Some("API".to_owned());
    Ok(Revised { referral, action, report })
}

/// The reason that a withdrawn invitation carries.
pub const WITHDRAWN: &str = "Withdrawn by the inviter";

/// Decides that the inviter takes an invitation back. The record is the invitee's, so nothing else can be written:
/// what the body brings is reported.
///
/// # Errors
/// Why not.
pub fn withdraw(
    intent: &Intent,
    current: &Referral,
    now: Timestamp,
    strictness: Strictness,
    handling: Handling,
) -> Result<Revised, Report> {
    let Some(state) = current.state() else { return Err(Report::default()) };
    let standing = Standing { state, expires: current.expiration_date_time };
    let state = lifecycle::decide(Action::Withdraw, Side::Inviter, standing, now, strictness)
        .map_err(|refusal| report_of(&refusal))?;
    let mut report = Report::default();
    match &intent.members {
        Node::Object(members) => {
            for (name, _) in members {
                report.ignored(format!("/{}", pointer_segment(shortened(name))), "actionDecides");
            }
        }
        other => {
            let message = format!("an object is expected, {} was sent", other.kind());
            report.problem(ProblemCode::InvalidValue, "type", "", message);
        }
    }
    if handling == Handling::Strict {
        report.refuse_ignored();
    }
    if !report.problems.is_empty() {
        return Err(report);
    }
    let mut referral = current.clone();
    referral.status_reason = Some(WITHDRAWN.to_owned());
    referral.last_modified_via = Some("API".to_owned());
    referral.move_to(state, now);
    for pointer in ["/status", "/substatus", "/statusReason"] {
        report.applied(pointer.to_owned());
    }
    Ok(Revised { referral, action: Action::Withdraw, report })
}

/// Returns a refusal of the table as the one problem of a request.
pub fn report_of(refusal: &lifecycle::Refusal) -> Report {
    let mut report = Report::default();
    report.problem(code_of(refusal), refusal.rule(), "/status", refusal.to_string());
    report
}

fn code_of(refusal: &lifecycle::Refusal) -> ProblemCode {
    match refusal {
        lifecycle::Refusal::Closed(_) => ProblemCode::ReferralClosed,
        lifecycle::Refusal::OtherSide { .. }
        | lifecycle::Refusal::WrongState { .. }
        | lifecycle::Refusal::DeadlinePassed(_)
        | lifecycle::Refusal::DeadlineAhead(_) => ProblemCode::InvalidStatusTransition,
    }
}

/// What the members of an intent make of a document.
pub(crate) struct Applied {
    /// The document with the members in their place.
    pub(crate) document: Node,
    /// Pointers of what was sent, whether it changes anything or not.
    sent: Vec<String>,
    report: Report,
}

/// Lays the members of an intent over a document, of which the caller sees `seen`.
pub(crate) fn apply(
    intent: &Intent,
    stored: &Node,
    seen: &Node,
    withheld: &[String],
    rules: &Rules,
) -> Applied {
    let mut members = intent.members.clone();
    overlay::lift_marketplace_intent(&mut members, stored);
    if intent.action.is_some() {
        overlay::drop_state(&mut members);
    }
    let (draft, mut report) = draft::read(members.clone(), Purpose::Revise, &rules.text);
    report.ignored.retain(|it| {
        let is_read_only = it.rule == "readOnlyMember";
        let sent = overlay::find(&members, &it.target);
        !(is_read_only
            && sent.zip(overlay::find(seen, &it.target)).is_some_and(|(one, other)| is_same(one, other)))
    });
    if intent.action.is_some() {
        for name in overlay::STATE {
            if overlay::find(&intent.members, name).is_some() {
                report.ignored(name.to_owned(), "actionDecides");
            }
        }
    }
    let canonical = Node::from_document(&draft.into_document().to_document()).unwrap_or(Node::Null);
    let mut document = stored.clone();
    let mut laid = Overlay::new(withheld, intent.lists, &mut report);
    overlay(&mut document, &canonical, &members, &mut laid);
    let sent = laid.into_sent();
    Applied { document, sent, report }
}

/// Lists the members that the owner does not see. Contacts are among them whether there are any or not: what comes of
/// a write would tell otherwise.
fn withheld(stored: &Node, situation: &Situation<'_>) -> Vec<String> {
    let differing = edits(stored, situation.seen).into_iter().map(|it| it.pointer);
    let mut withheld: Vec<String> = differing.filter(|it| !overlay::is_server_owned(it)).collect();
    let has_accepted = visibility::has_accepted(situation.current.substatus);
    let facets = visibility::withheld(&situation.current.consent, Relation::Owner, has_accepted);
    if situation.is_received && visibility::is_withheld(Facet::Contacts, facets) {
        withheld.extend(["/customerProfile/team", "/customerProfile/ids"].map(str::to_owned));
    }
    withheld
}

/// Judges the move between the states before and after; `None` when it is refused.
fn decide_move(
    intent: &Intent,
    after: &Referral,
    standing: Standing,
    sent: &[String],
    situation: &Situation<'_>,
    report: &mut Report,
) -> Option<(Action, State)> {
    let action = match intent.action {
        Some(action) => action,
        None => written_action(after, standing, situation, report)?,
    };
    let strictness = situation.rules.strictness;
    let state = match lifecycle::decide(action, Side::Owner, standing, situation.now, strictness) {
        Ok(state) => state,
        Err(refusal) => {
            refuse_move(&refusal, standing, situation, report);
            return None;
        }
    };
    let required = lifecycle::row_of(action).map_or(&[][..], |it| it.requires);
    for pointer in required {
        let is_there = sent.iter().any(|it| it == pointer) && !is_blank(after, pointer);
        if !is_there {
            let message = format!("{} is required to {} a referral", &pointer[1..], action.as_str());
            report.required(pointer, message);
        }
    }
    Some((action, state))
}

fn is_blank(referral: &Referral, pointer: &str) -> bool {
    match pointer {
        "/statusReason" => referral.status_reason.as_deref().is_none_or(|it| it.trim().is_empty()),
        _ => false,
    }
}

/// Returns what an owner does who writes these states.
fn written_action(
    after: &Referral,
    standing: Standing,
    situation: &Situation<'_>,
    report: &mut Report,
) -> Option<Action> {
    let to = State::of(after.status, after.substatus);
    if let Some(action) = to.and_then(|to| Action::between(standing.state, to)) {
        return Some(action);
    }
    let (status, substatus) = (after.status.as_str(), after.substatus.as_str());
    let message = match to {
        Some(to) => format!("the referral is {}, and its owner cannot make it {to}", standing.state),
        None => format!("{status} does not go with {substatus}; status and substatus are sent together"),
    };
    refuse_states(message, "transition", standing, situation, report);
    None
}

fn refuse_move(
    refusal: &lifecycle::Refusal,
    standing: Standing,
    situation: &Situation<'_>,
    report: &mut Report,
) {
    match code_of(refusal) {
        ProblemCode::ReferralClosed => {
            report.problem(ProblemCode::ReferralClosed, refusal.rule(), "/status", refusal.to_string());
        }
        _ => refuse_states(refusal.to_string(), refusal.rule(), standing, situation, report),
    }
}

fn refuse_states(
    message: String,
    rule: &'static str,
    standing: Standing,
    situation: &Situation<'_>,
    report: &mut Report,
) {
    let reachable = lifecycle::reachable(standing.state, situation.rules.strictness);
    let allowed = reachable.iter().map(State::to_string).collect();
    report.problem_with_allowed(ProblemCode::InvalidStatusTransition, rule, "/status", message, allowed);
}

#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;
