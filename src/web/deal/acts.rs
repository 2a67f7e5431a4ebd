//! Actions of the lifecycle: which buttons there are, why others are missing, and doing one.

use axum::response::Response;
use serde_json::json;

use super::{
    form::{Typed, Wrong, sentence},
    load::Deal,
    page::{self, Editing},
};
use crate::{
    domain::{lifecycle::Action, revision::Handling},
    service::referrals::{self, ReviseError, ReviseRequest, Wish},
    web::{
        failure::{self, Failure},
        visit::{Visit, go_on, own_path},
        words::Words,
    },
};

/// Reasons to decline or to lose a deal. They are values of the document, and stay in English.
pub(in crate::web) const REASONS: [&str; 8] = [
    "Project budget isn't adequate",
    "Customer didn't respond",
    "Customer chose another vendor",
    "Customer requirement not met",
    "Not a customer",
    "Proposed timeline was too short",
    "Report as abuse, spam or phishing",
    "Others",
];

/// Reasons to close a deal as an error.
const ERROR_REASONS: [&str; 9] = [
    "Duplicate – bulk upload",
    "Duplicate – created in Partner Center",
    "Duplicate – sent by Microsoft",
    "Connector data sync issues",
    "Customer matching issues",
    "Solution issues – explain in notes",
    "Test referral",
    "Data error",
    "Others – explain in notes",
];

/// An action that the person may do.
pub(super) struct Act {
    pub(super) name: &'static str,
    pub(super) label: String,
    /// `primary`, `danger` or nothing, for the style.
    pub(super) style: &'static str,
    /// Title of the form that asks why; empty when nothing is asked.
    pub(super) asks: String,
    /// Reasons to choose from.
    pub(super) reasons: &'static [&'static str],
    /// What is asked before it is done; empty when nothing is.
    pub(super) confirm: String,
    /// What was chosen and typed, when it was refused.
    pub(super) reason: String,
    pub(super) note: String,
}

/// An action that the person may not do.
pub(super) struct Refused {
    pub(super) name: &'static str,
    pub(super) label: String,
    pub(super) reason: String,
}

/// Actions with a button at the head of the page, the likeliest first.
const AT_HEAD: [Action; 7] = [
    Action::Accept,
    Action::Decline,
    Action::Win,
    Action::Lose,
    Action::Withdraw,
    Action::Open,
    Action::CloseAsError,
];

fn style(action: Action) -> &'static str {
    match action {
        Action::Accept | Action::Win => "primary",
        Action::Decline | Action::Lose | Action::Withdraw => "danger",
        _ => "",
    }
}

/// Says what an action is called.
pub(super) fn action_name(action: Action, words: Words) -> String {
    words.say(&format!("act-{}", action.as_str()))
}

/// Lists the buttons at the head of the page. `refused` is what was typed for an action that was not done.
pub(super) fn allowed(deal: &Deal, refused: Option<(Action, &Typed)>, words: Words) -> Vec<Act> {
    let allowed = AT_HEAD.into_iter().filter(|it| deal.may(*it));
    let typed = |action: Action, name: &str| {
        let typed = refused.filter(|(it, _)| *it == action);
        typed.map(|(_, typed)| typed.text(name).to_owned()).unwrap_or_default()
    };
    let act = |action: Action| {
        let name = action.as_str();
        let reasons: &[&str] = match action {
            Action::Decline | Action::Lose => &REASONS,
            Action::CloseAsError => &ERROR_REASONS,
            _ => &[],
        };
        Act {
            name,
            label: action_name(action, words),
            style: style(action),
            asks: if reasons.is_empty() { String::new() } else { words.say(&format!("ask-{name}")) },
            reasons,
            confirm: words.say_known(&format!("confirm-{name}")).unwrap_or_default(),
            reason: typed(action, "reason"),
            note: typed(action, "note"),
        }
    };
    allowed.map(act).collect()
}

/// Lists what the person may not do, with why.
pub(super) fn refused(deal: &Deal, words: Words) -> Vec<Refused> {
    let refused = deal.actions.actions.iter().filter_map(|it| Some((it.action, it.refusal.as_ref()?)));
    let shown = refused.map(|(action, refusal)| Refused {
        name: action.as_str(),
        label: action_name(action, words),
        reason: sentence(&refusal.reason),
    });
    shown.collect()
}

/// Does one action of the lifecycle, as `POST …/{id}/{action}` of the API does.
pub(super) async fn act(
    visit: &Visit,
    deal: Deal,
    action: Action,
    typed: Typed,
) -> Result<Response, Failure> {
    let reason = [typed.text("reason"), typed.text("note")];
    let reason: Vec<&str> = reason.into_iter().filter(|it| !it.is_empty()).collect();
    let body = match reason.is_empty() {
        true => json!({}),
        false => json!({ "statusReason": reason.join(": ") }),
    };
    let body = body.to_string();
    let request = ReviseRequest {
        id: deal.id,
        wish: Wish::Act(action, body.as_bytes()),
        if_match: Some(typed.text("etag")).filter(|it| !it.is_empty()),
        handling: Handling::Strict,
        merges: true,
        validates_only: false,
        idempotency_key: None,
    };
    let blame = |message: String| vec![Wrong { pointer: String::new(), message }];
    let wrong = match referrals::revise(&visit.app.context, &visit.actor()?, request).await {
        Ok(_) => {
            let next = match typed.get("next") {
                Some(next) => own_path(Some(next)).to_owned(),
                None => page::address(visit, &deal, typed.get("from")),
            };
            return Ok(go_on(&next, action.as_str()));
        }
        Err(ReviseError::Invalid(report)) => {
            let problems = report.problems.into_iter();
            problems.map(|it| Wrong { pointer: it.target, message: it.message }).collect()
        }
        Err(error @ ReviseError::Stale(..)) => blame(error.to_string()),
        Err(other) => return Err(other.into()),
    };
    // What has changed since shows beside what was refused.
    let deal = Deal::read(visit, &deal.id.to_string()).await?;
    page::show(visit, deal, Editing::Action(action, typed, wrong)).await.map(failure::refused)
}
