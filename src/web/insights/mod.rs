//! Insights: what the referrals that a person sees add up to, in a period and through filters.
//!
//! ```text
//! address ─ ask ─→ wish ─ service::insights ─→ report ─┬─ figures, sections: charts and tables ─→ page
//!                                                      └─ one sheet ─→ file
//! ```

mod ask;
mod chart;
mod report;
mod sheet;
mod trend;

use askama::Template;
use axum::{
    Router,
    body::Body,
    extract::Path,
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use http::{HeaderValue, header};

use self::{
    ask::{Asked, Period, Step, state_name, states},
    chart::Chart,
    report::{Figure, Report, Section},
};
use super::{
    card::Badge,
    failure::Failure,
    visit::{Frame, Visit, page},
};
use crate::{
    app::App,
    domain::report::Report as Problems,
    domain::{actor::Actor, insight::Flow},
    service::{
        administration,
        insights::{self, Insights},
        referrals::ListError,
    },
};

const CSV: HeaderValue = HeaderValue::from_static("text/csv; charset=utf-8");

/// Returns the routes.
pub(super) fn router() -> Router<App> {
    Router::new().route("/insights", get(show)).route("/insights/{file}", get(hand_out))
}

/// Something to choose from.
struct Choice {
    value: String,
    label: String,
    is_chosen: bool,
}

/// A filter that is in force.
struct Chip {
    text: String,
    /// The page without it.
    without: String,
}

#[derive(Template)]
#[template(path = "web/insights.html")]
struct InsightsPage {
    frame: Frame,
    lead: String,
    asked: Asked,
    flows: Vec<(String, String, bool)>,
    periods: Vec<Choice>,
    statuses: Vec<Choice>,
    solutions: Vec<Choice>,
    locations: Vec<Choice>,
    countries: Vec<String>,
    chips: Vec<Chip>,
    figures: Vec<Figure>,
    sections: Vec<Section>,
    steps: [(String, String, bool); 2],
    is_too_costly: bool,
    is_empty: bool,
}

async fn show(visit: Visit) -> Result<Response, Failure> {
    let actor = visit.actor()?;
    let asked = Asked::read(&visit.query, visit.now(), visit.words);
    if !asked.problems.is_empty() {
        let page = fill(&visit, &actor, asked, None).await?;
        return Ok(Failure::Invalid(Problems::default()).mark(page));
    }
    match insights::insights(&visit.app.context, &actor, &asked.wish()).await {
        Ok(insights) => fill(&visit, &actor, asked, Some(&insights)).await,
        Err(ListError::CutOff { .. }) => {
            Ok(Failure::TooCostly.mark(fill(&visit, &actor, asked, None).await?))
        }
        Err(error) => Err(error.into()),
    }
}

/// Hands out one table as a file. That is written down, because a file leaves the reach of rights.
async fn hand_out(visit: Visit, Path(file): Path<String>) -> Result<Response, Failure> {
    let actor = visit.actor()?;
    let name = file.strip_suffix(".csv").filter(|it| report::NAMES.contains(it)).ok_or(Failure::NotFound)?;
    let asked = Asked::read(&visit.query, visit.now(), visit.words);
    if !asked.problems.is_empty() {
        // The page says what is wrong.
        return Ok(Redirect::to(&asked.address("/insights", &[])).into_response());
    }
    let context = &visit.app.context;
    let insights = insights::insights(context, &actor, &asked.wish()).await?;
    let report = Report { insights: &insights, asked: &asked, words: visit.words };
    let section = report.section(name).ok_or(Failure::NotFound)?;
    insights::note_export(context, &visit.seat.colleague, name, asked.bounds()).await?;
    let mut response = Response::new(Body::from(section.sheet.to_csv()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, CSV);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let disposition = format!("attachment; filename=\"insights-{name}-{}-{}.csv\"", asked.first, asked.last);
    if let Ok(disposition) = HeaderValue::try_from(disposition) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

/// Makes the page; without what was asked for where there is nothing to show.
async fn fill(
    visit: &Visit,
    actor: &Actor,
    asked: Asked,
    insights: Option<&Insights>,
) -> Result<Response, Failure> {
    let words = visit.words;
    let frame = visit.frame(words.say("insights-title")).await?;
    let (store, own) = (&visit.app.context.store, &actor.organization_id);
    let solutions = administration::list_solutions(store, own).await?;
    let profiles = administration::list_business_profiles(store, own).await?;
    let choice = |field: &str, value: String, label: String| Choice {
        is_chosen: asked.typed(field) == value,
        value,
        label,
    };
    let report = insights.map(|insights| Report { insights, asked: &asked, words });
    let countries = insights.map(|it| it.countries.iter().filter_map(|it| it.key.clone()).collect());
    let (from, until) = asked.bounds();
    let last_day = words.day(until.plus_secs(-1));
    let page_data = InsightsPage {
        frame,
        lead: words.between("insight-lead", words.day(from), last_day),
        flows: flow_tabs(&asked, visit),
        periods: Period::ALL
            .iter()
            .map(|(name, _)| Choice {
                value: (*name).to_owned(),
                label: words.say(&format!("insight-period-{name}")),
                is_chosen: asked.period == *name,
            })
            .collect(),
        statuses: states()
            .map(|it| choice("status", state_name(it), Badge::of_state(it, words).label))
            .collect(),
        solutions: solutions.into_iter().map(|it| choice("solution", it.id, it.name)).collect(),
        locations: profiles
            .into_iter()
            .flat_map(|it| it.locations)
            .map(|it| choice("location", it.mpn_id.clone(), format!("{} ({})", it.name, it.mpn_id)))
            .collect(),
        countries: countries.unwrap_or_default(),
        chips: chips(&asked, visit),
        figures: report.map(|it| it.figures()).unwrap_or_default(),
        sections: report.map(|it| it.sections()).unwrap_or_default(),
        steps: [(Step::Week, "week"), (Step::Month, "month")].map(|(step, name)| {
            let label = words.say(&format!("insight-by-{name}"));
            (label, asked.address("/insights", &[("step", name)]) + "#trend", asked.step == step)
        }),
        is_too_costly: insights.is_none() && asked.problems.is_empty(),
        is_empty: insights.is_some_and(|it| it.flows.iter().all(|it| it.standings.all() == 0)),
        asked,
    };
    page(&page_data)
}

/// Returns the tabs: label, address, whether it is the one that is shown.
fn flow_tabs(asked: &Asked, visit: &Visit) -> Vec<(String, String, bool)> {
    let all = (
        visit.words.say("insight-flow-all"),
        asked.address("/insights", &[("flow", "")]),
        asked.flow.is_none(),
    );
    let flows = Flow::ALL.into_iter().map(|it| {
        let label = visit.words.say(&format!("insight-flow-{}", it.as_str()));
        (label, asked.address("/insights", &[("flow", it.as_str())]), asked.flow == Some(it))
    });
    std::iter::once(all).chain(flows).collect()
}

fn chips(asked: &Asked, visit: &Visit) -> Vec<Chip> {
    let words = visit.words;
    let set = ask::FILTERS.into_iter().filter(|it| !asked.typed(it).is_empty());
    let chips = set.map(|name| {
        let typed = asked.typed(name);
        let value = match (name, states().find(|it| state_name(*it) == typed)) {
            ("status", Some(state)) => Badge::of_state(state, words).label,
            _ => typed.to_owned(),
        };
        let text = format!("{}: {value}", words.say(&format!("insight-filter-{name}")));
        Chip { text, without: asked.address("/insights", &[(name, "")]) }
    });
    chips.collect()
}
