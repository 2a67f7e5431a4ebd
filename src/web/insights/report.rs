//! From what referrals add up to, to what the page says: figures, and sections with charts, tables and files.

use rust_decimal::{Decimal, RoundingStrategy};

use super::{
    ask::Asked,
    chart::{BarInput, Chart, bars, funnel},
    sheet::{Cell, Column, Line, Sheet},
    trend,
};
use crate::{
    domain::insight::{Flow, Share, Standing},
    service::insights::{FlowInsight, Insights, Money, Part},
    storage::{ReasonTally, SpanTally},
    web::words::Words,
};

/// Rows of a table on the page; the file has all.
const ROWS_SHOWN_MAX: usize = 25;
/// Bars of a chart.
const BARS_MAX: usize = 8;
/// What stands where there is nothing to say.
const NOTHING: &str = "–";

/// Names of the tables, in the order of the page.
pub(super) const NAMES: [&str; 7] =
    ["funnel", "value", "times", "trend", "reasons", "countries", "solutions"];

/// A number that says a lot.
pub(super) struct Figure {
    pub(super) label: String,
    pub(super) value: String,
    /// What it is made of.
    pub(super) note: String,
}

/// A part of the page: charts with the table of the same numbers.
pub(super) struct Section {
    pub(super) name: &'static str,
    pub(super) title: String,
    pub(super) note: String,
    pub(super) charts: Vec<Chart>,
    pub(super) sheet: Sheet,
    /// Where the file is.
    pub(super) file: String,
    /// Rows that only the file has.
    pub(super) rest: u64,
}

/// What the page is made from.
#[derive(Clone, Copy)]
pub(super) struct Report<'a> {
    pub(super) insights: &'a Insights,
    pub(super) asked: &'a Asked,
    pub(super) words: Words,
}

impl Report<'_> {
    /// Says the most important numbers.
    pub(super) fn figures(&self) -> Vec<Figure> {
        let words = self.words;
        // What was sent stands beside the own records that it was sent from.
        let is_one_flow = self.asked.flow.is_some();
        let flows = self.insights.flows.iter().filter(|it| is_one_flow || it.flow != Flow::Outbound);
        let flows: Vec<&FlowInsight> = flows.collect();
        let sum = |count: &dyn Fn(&FlowInsight) -> u64| {
            flows.iter().fold(0_u64, |sum, it| sum.saturating_add(count(it)))
        };
        let share = |share: &dyn Fn(&FlowInsight) -> Share| Share {
            part: sum(&|it| share(it).part),
            whole: sum(&|it| share(it).whole),
        };
        let acceptance = share(&|it| match it.flow.is_answered() {
            true => it.standings.acceptance(),
            false => Share::default(),
        });
        let win = share(&|it| it.standings.win());
        let won = flows.iter().fold(Money::default(), |sum, it| sum.and(&it.won));
        let main = self.insights.currency.as_deref();
        let others = won.sums().filter(|(it, sum)| *it != main && !sum.is_zero());
        let others: Vec<String> = others.map(|(currency, sum)| self.sum(currency, sum)).collect();
        let median = flows.iter().find_map(|it| it.acceptance);
        let mut figures = vec![
            Figure {
                label: words.say("insight-figure-all"),
                value: words.number(sum(&|it| it.standings.all())),
                note: words.about(
                    "insight-figure-waiting",
                    words.number(sum(&|it| it.standings.count(Standing::Waiting))),
                ),
            },
            self.share_figure("insight-acceptance-rate", "insight-of-answered", acceptance),
            Figure {
                label: words.say("insight-time-acceptance"),
                value: median.map_or_else(|| NOTHING.to_owned(), |it| self.span(it.median_secs)),
                note: median
                    .map_or_else(String::new, |it| words.about("insight-p90", self.span(it.p90_secs))),
            },
            self.share_figure("insight-win-rate", "insight-of-accepted", win),
            Figure {
                label: words.say("insight-won-value"),
                value: self.sum(main, won.sum_in(main)),
                note: others.join(" · "),
            },
        ];
        if self.asked.flow == Some(Flow::Own) {
            figures.drain(1..3);
        }
        figures
    }

    /// Makes the section of a name. `None` when there is none of that name.
    pub(super) fn section(&self, name: &str) -> Option<Section> {
        let name = NAMES.into_iter().find(|it| *it == name)?;
        let (charts, sheet) = match name {
            "funnel" => self.funnel(),
            "value" => self.value(),
            "times" => self.times(),
            "trend" => trend::trend(self),
            "reasons" => self.reasons(),
            "countries" => self.parts(&self.insights.countries, "country"),
            _ => self.parts(&self.insights.solutions, "solution"),
        };
        Some(Section {
            name,
            title: self.words.say(&format!("insight-{name}")),
            note: self.note(name),
            charts,
            sheet,
            file: self.asked.address(&format!("/insights/{name}.csv"), &[]),
            rest: 0,
        })
    }

    /// Makes every section, with as many rows as are shown.
    pub(super) fn sections(&self) -> Vec<Section> {
        let sections = NAMES.into_iter().filter_map(|it| self.section(it));
        let shortened = sections.map(|mut section| {
            let rows = &mut section.sheet.rows;
            if !section.sheet.is_grouped && section.name != "trend" && rows.len() > ROWS_SHOWN_MAX {
                section.rest = u64::try_from(rows.len().saturating_sub(ROWS_SHOWN_MAX)).unwrap_or(u64::MAX);
                rows.truncate(ROWS_SHOWN_MAX);
            }
            section
        });
        shortened.collect()
    }

    fn note(&self, name: &str) -> String {
        match name {
            "value" => match &self.insights.currency {
                Some(currency) => self.words.about("insight-value-note", currency),
                None => self.words.say("insight-value-note-none"),
            },
            _ => self.words.say(&format!("insight-{name}-note")),
        }
    }

    fn funnel(&self) -> (Vec<Chart>, Sheet) {
        let words = self.words;
        let charts = self.insights.flows.iter().map(|it| {
            let first = it.standings.all();
            let stage = |name: &str, count: u64| BarInput {
                label: words.say(name),
                value: match (Share { part: count, whole: first }).permille() {
                    Some(share) if count != first => {
                        format!("{} ({})", words.number(count), self.percent(share))
                    }
                    _ => words.number(count),
                },
                size: count,
                behind: 0,
            };
            let stages = self.stages(it, [first, it.standings.accepted(), it.standings.count(Standing::Won)]);
            let stages = stages.into_iter().map(|(name, count)| stage(&name, count)).collect();
            Chart::Funnel(funnel(&format!("funnel-{}", it.flow.as_str()), self.flow(it.flow), stages))
        });
        (charts.collect(), self.funnel_sheet())
    }

    /// Names the stages of a flow; what one makes for oneself is not accepted by anybody.
    fn stages<T>(&self, insight: &FlowInsight, [made, accepted, won]: [T; 3]) -> Vec<(String, T)> {
        let first = format!("insight-first-{}", insight.flow.as_str());
        match insight.flow.is_answered() {
            true => vec![
                (first, made),
                ("insight-accepted".to_owned(), accepted),
                ("insight-won".to_owned(), won),
            ],
            false => vec![(first, made), ("insight-won".to_owned(), won)],
        }
    }

    fn funnel_sheet(&self) -> Sheet {
        let words = self.words;
        let flows = &self.insights.flows;
        let row = |key: &str, cell: &dyn Fn(&FlowInsight) -> Cell| {
            let label = words.say(&format!("insight-measure-{}", key.to_lowercase()));
            let cells = flows.iter().map(cell);
            Line { cells: std::iter::once(Cell::of(label, key)).chain(cells).collect(), link: None }
        };
        let count = |count: u64| Cell::of(words.number(count), count);
        let answered = |it: &FlowInsight, cell: Cell| match it.flow.is_answered() {
            true => cell,
            false => Cell::of(NOTHING, ""),
        };
        let standing = |standing: Standing| move |it: &FlowInsight| it.standings.count(standing);
        let rows = vec![
            row("all", &|it| count(it.standings.all())),
            row("waiting", &|it| answered(it, count(standing(Standing::Waiting)(it)))),
            row("accepted", &|it| answered(it, count(it.standings.accepted()))),
            row("acceptanceRate", &|it| answered(it, self.share(it.standings.acceptance()))),
            row("declined", &|it| answered(it, count(standing(Standing::Declined)(it)))),
            row("expired", &|it| answered(it, count(standing(Standing::Expired)(it)))),
            row("expiryRate", &|it| answered(it, self.share(it.standings.expiry()))),
            row("withdrawn", &|it| answered(it, count(standing(Standing::Withdrawn)(it)))),
            row("open", &|it| count(standing(Standing::Accepted)(it))),
            row("won", &|it| count(standing(Standing::Won)(it))),
            row("winRate", &|it| self.share(it.standings.win())),
            row("lost", &|it| count(standing(Standing::Lost)(it))),
        ];
        let measure = Column { key: "measure", label: words.say("insight-measure") };
        let columns = flows.iter().map(|it| Column { key: it.flow.as_str(), label: self.flow(it.flow) });
        Sheet { columns: std::iter::once(measure).chain(columns).collect(), rows, is_grouped: false }
    }

    fn value(&self) -> (Vec<Chart>, Sheet) {
        let main = self.insights.currency.as_deref();
        let charts = self.insights.flows.iter().filter(|_| main.is_some()).map(|it| {
            let stages = self.stages(it, [&it.made, &it.accepted, &it.won].map(|it| it.sum_in(main)));
            let stages = stages.into_iter().map(|(name, sum)| BarInput {
                label: self.words.say(&name),
                value: self.sum(main, sum),
                size: whole(sum),
                behind: 0,
            });
            Chart::Funnel(funnel(
                &format!("value-{}", it.flow.as_str()),
                self.flow(it.flow),
                stages.collect(),
            ))
        });
        let mut currencies: Vec<Option<&str>> =
            self.insights.flows.iter().flat_map(|it| it.made.sums()).map(|(it, _)| it).collect();
        // The one of the charts first, the others by name, what has none last.
        currencies.sort_by_key(|it| (*it != main, it.is_none(), *it));
        currencies.dedup();
        let rows = currencies.into_iter().flat_map(|currency| {
            self.insights.flows.iter().map(move |it| {
                let name = match currency {
                    Some(currency) => Cell::text(currency),
                    None => Cell::of(self.words.say("insight-no-currency"), ""),
                };
                let sums = [&it.made, &it.accepted, &it.won].map(|it| it.sum_in(currency));
                let sums = sums.map(|sum| Cell::of(self.rounded(sum), sum.normalize()));
                let flow = Cell::of(self.flow(it.flow), it.flow.as_str());
                Line { cells: [name, flow].into_iter().chain(sums).collect(), link: None }
            })
        });
        let columns = self.columns(&["currency", "flow", "all", "accepted", "won"]);
        (charts.collect(), Sheet { columns, rows: rows.collect(), is_grouped: true })
    }

    fn times(&self) -> (Vec<Chart>, Sheet) {
        let flows = &self.insights.flows;
        let spans = flows.iter().flat_map(|it| {
            let legs = [("acceptance", it.acceptance), ("win", it.win)];
            legs.into_iter().filter_map(|(leg, span)| Some((it.flow, leg, span?)))
        });
        let spans: Vec<(Flow, &str, SpanTally)> = spans.collect();
        let title = |flow: Flow, leg: &str| {
            format!("{}: {}", self.flow(flow), self.words.say(&format!("insight-leg-{leg}")))
        };
        let inputs = spans.iter().map(|(flow, leg, span)| BarInput {
            label: title(*flow, leg),
            value: format!("{} / {}", self.span(span.median_secs), self.span(span.p90_secs)),
            size: span.median_secs,
            behind: span.p90_secs,
        });
        let chart = Chart::Bars(bars("times", self.words.say("insight-times"), inputs.collect()));
        let rows = spans.iter().map(|(flow, leg, span)| Line {
            cells: vec![
                Cell::of(title(*flow, leg), format!("{} {leg}", flow.as_str())),
                Cell::of(self.words.number(span.count), span.count),
                Cell::of(self.span(span.median_secs), span.median_secs),
                Cell::of(self.span(span.p90_secs), span.p90_secs),
            ],
            link: None,
        });
        let rows: Vec<Line> = rows.collect();
        let charts = if rows.is_empty() { Vec::new() } else { vec![chart] };
        let columns = self.columns(&["span", "count", "medianSeconds", "p90Seconds"]);
        (charts, Sheet { columns, rows, is_grouped: false })
    }

    fn reasons(&self) -> (Vec<Chart>, Sheet) {
        let reasons = &self.insights.reasons;
        let charts = [Standing::Declined, Standing::Lost].into_iter().filter_map(|standing| {
            let found: Vec<&ReasonTally> = reasons.iter().filter(|it| it.standing == standing).collect();
            let mut inputs: Vec<BarInput> = Vec::new();
            for it in found {
                let label = self.reason(it.reason.as_deref());
                match inputs.iter_mut().find(|input| input.label == label) {
                    Some(input) => input.size = input.size.saturating_add(it.count),
                    None => inputs.push(BarInput { label, value: String::new(), size: it.count, behind: 0 }),
                }
            }
            inputs.sort_by_key(|it| std::cmp::Reverse(it.size));
            inputs.truncate(BARS_MAX);
            for input in &mut inputs {
                input.value = self.words.number(input.size);
            }
            let title = self.words.say(&format!("insight-{}", standing.as_str()));
            let id = format!("reasons-{}", standing.as_str());
            (!inputs.is_empty()).then(|| Chart::Bars(bars(&id, title, inputs)))
        });
        let rows = reasons.iter().map(|it| Line {
            cells: vec![
                Cell::of(self.reason(it.reason.as_deref()), it.reason.as_deref().unwrap_or_default()),
                Cell::of(self.words.say(&format!("insight-{}", it.standing.as_str())), it.standing.as_str()),
                Cell::of(self.flow(it.flow), it.flow.as_str()),
                Cell::of(self.words.number(it.count), it.count),
            ],
            link: None,
        });
        let columns = self.columns(&["reason", "outcome", "flow", "count"]);
        (charts.collect(), Sheet { columns, rows: rows.collect(), is_grouped: false })
    }

    fn parts(&self, parts: &[Part], key: &'static str) -> (Vec<Chart>, Sheet) {
        let words = self.words;
        let unknown = || words.say(&format!("insight-no-{key}"));
        let label = |it: &Part| it.name.clone().or_else(|| it.key.clone()).unwrap_or_else(unknown);
        let inputs = parts.iter().take(BARS_MAX).map(|it| BarInput {
            label: label(it),
            value: words.number(it.count),
            size: it.count,
            behind: 0,
        });
        let title = words.say(&format!("insight-by-{key}"));
        let chart = Chart::Bars(bars(key, title, inputs.collect()));
        let rows = parts.iter().map(|it| {
            let id = it.key.clone().unwrap_or_default();
            let note = if it.name.is_some() { id.clone() } else { String::new() };
            let value: Vec<String> = it.value.sums().map(|(currency, sum)| self.sum(currency, sum)).collect();
            let raw = it.value.sums().map(|(currency, sum)| {
                format!("{} {}", currency.unwrap_or_default(), sum.normalize()).trim().to_owned()
            });
            let link = it.key.as_deref().map(|it| self.asked.address("/insights", &[(key, it)]));
            let cells = vec![
                Cell::of(label(it), id).noted(note),
                Cell::of(words.number(it.count), it.count),
                Cell::of(words.number(it.accepted), it.accepted),
                Cell::of(words.number(it.won), it.won),
                Cell::of(value.join(" · "), raw.collect::<Vec<_>>().join("; ")),
            ];
            Line { cells, link }
        });
        let charts = if parts.is_empty() { Vec::new() } else { vec![chart] };
        let columns = self.columns(&[key, "count", "accepted", "won", "value"]);
        (charts, Sheet { columns, rows: rows.collect(), is_grouped: false })
    }

    /// Names columns: what they are called in a file, and on the page.
    pub(super) fn columns(&self, keys: &[&'static str]) -> Vec<Column> {
        let label = |key: &str| self.words.say(&format!("insight-column-{}", key.to_lowercase()));
        keys.iter().map(|key| Column { key, label: label(key) }).collect()
    }

    fn share_figure(&self, label: &str, note: &str, share: Share) -> Figure {
        let words = self.words;
        Figure {
            label: words.say(label),
            value: share.permille().map_or_else(|| NOTHING.to_owned(), |it| self.percent(it)),
            note: words.between(note, words.number(share.part), words.number(share.whole)),
        }
    }

    fn share(&self, share: Share) -> Cell {
        match share.permille() {
            Some(permille) => {
                let note = self.words.between(
                    "insight-part",
                    self.words.number(share.part),
                    self.words.number(share.whole),
                );
                let raw = Decimal::new(i64::try_from(permille).unwrap_or(i64::MAX), 3);
                Cell::of(self.percent(permille), raw).noted(note)
            }
            None => Cell::of(NOTHING, ""),
        }
    }

    fn flow(&self, flow: Flow) -> String {
        self.words.say(&format!("insight-flow-{}", flow.as_str()))
    }

    fn reason(&self, reason: Option<&str>) -> String {
        reason.map_or_else(|| self.words.say("insight-no-reason"), str::to_owned)
    }

    fn percent(&self, permille: u64) -> String {
        format!("{}%", self.words.number(format!("{}.{}", permille / 10, permille % 10)))
    }

    /// Says how long something took, in the largest unit that fits.
    fn span(&self, seconds: u64) -> String {
        let (unit, size) = match seconds {
            0..3600 => ("minutes", 60),
            3600..86_400 => ("hours", 3600),
            _ => ("days", 86_400),
        };
        let tenths = seconds.saturating_mul(10).saturating_add(size / 2) / size;
        let text = match tenths % 10 {
            0 => (tenths / 10).to_string(),
            fraction => format!("{}.{fraction}", tenths / 10),
        };
        self.words.about(&format!("insight-{unit}"), self.words.number(text))
    }

    /// Writes a sum in whole units.
    fn sum(&self, currency: Option<&str>, sum: Decimal) -> String {
        match currency {
            Some(currency) => format!("{currency}\u{a0}{}", self.rounded(sum)),
            None => self.rounded(sum),
        }
    }

    fn rounded(&self, sum: Decimal) -> String {
        self.words.number(sum.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero).normalize())
    }
}

/// Returns a sum in whole units, for the length of a bar.
fn whole(sum: Decimal) -> u64 {
    u64::try_from(sum.trunc()).unwrap_or(if sum.is_sign_negative() { 0 } else { u64::MAX })
}
