//! The report as a table for people: failures with their exchanges, reasons of what was skipped, scores.

use std::fmt::Write as _;

use super::{Outcome, Report, Score};
use crate::scenario::Level;

/// The least width of the names of groups.
const WIDTH_MIN: usize = 14;

impl Report {
    /// Returns the report as text, failures first, the scores last.
    pub fn table(&self) -> String {
        let mut text = String::new();
        self.write_failures(&mut text);
        self.write_skipped(&mut text);
        let groups = self.groups();
        let width = groups.iter().map(|(name, _)| name.len()).max().unwrap_or_default().max(WIDTH_MIN);
        let _ = writeln!(
            text,
            "{:<width$} {:>5} {:>7} {:>8} {:>7}",
            "group", "kept", "failed", "skipped", "score"
        );
        for (name, score) in groups {
            write_score(&mut text, (name, width), score);
        }
        write_score(&mut text, ("total", width), self.score());
        let _ = writeln!(
            text,
            "\n{} referrals made, all marked with externalReferenceId {}; {} in {:.1} s",
            self.made,
            self.tag,
            self.base_url,
            self.millis as f64 / 1000.0
        );
        if !self.left.is_empty() {
            let _ = writeln!(text, "{} could not be closed as Error:", self.left.len());
            for it in &self.left {
                let _ = writeln!(text, "  {it}");
            }
        }
        if self.is_interrupted {
            text.push_str("interrupted: what was not played counts as skipped\n");
        }
        text
    }

    fn write_failures(&self, text: &mut String) {
        for result in &self.results {
            let Outcome::Failed(failure) = &result.outcome else { continue };
            let level = match result.level {
                Level::Must => "FAILED",
                Level::Should => "FAILED (recommended)",
            };
            let _ = writeln!(text, "{level}  {}/{}", result.group, result.name);
            let _ = writeln!(text, "  rule      {}", result.rule);
            if let Some(why) = result.why {
                let _ = writeln!(text, "  because   {why}");
            }
            let _ = writeln!(text, "  source    {}", result.source);
            let _ = writeln!(text, "  expected  {}", failure.expected);
            let _ = writeln!(text, "  found     {}", failure.found);
            if let Some(exchange) = &failure.exchange {
                for line in exchange.text().lines() {
                    let _ = writeln!(text, "  | {line}");
                }
            }
            text.push('\n');
        }
    }

    /// One line for each reason, with how many scenarios it keeps from being played.
    fn write_skipped(&self, text: &mut String) {
        let mut reasons: Vec<(&str, usize)> = Vec::new();
        for result in &self.results {
            let Outcome::Skipped(reason) = &result.outcome else { continue };
            match reasons.iter_mut().find(|(it, _)| it == reason) {
                Some((_, count)) => *count += 1,
                None => reasons.push((reason, 1)),
            }
        }
        for (reason, count) in &reasons {
            let _ = writeln!(text, "skipped {count}: {reason}");
        }
        if !reasons.is_empty() {
            text.push('\n');
        }
    }
}

fn write_score(text: &mut String, (name, width): (&str, usize), score: Score) {
    let percent = score.percent().map_or("-".to_owned(), |it| format!("{it} %"));
    let _ = writeln!(
        text,
        "{name:<width$} {:>5} {:>7} {:>8} {percent:>7}",
        score.kept, score.failed, score.skipped
    );
}
