//! The report as JUnit XML: a suite for each group, a case for each scenario.

use std::fmt::Write as _;

use quick_xml::escape::escape;

use super::{Outcome, Report, Result};
use crate::scenario::Level;

impl Report {
    /// Returns the report as JUnit XML.
    pub fn junit(&self) -> String {
        let total = self.score();
        let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
        let _ = writeln!(
            xml,
            "<testsuites name=\"liaison conform {}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{:.3}\">",
            escape(&self.base_url),
            self.results.len(),
            total.failed,
            total.skipped,
            seconds(self.millis)
        );
        for (name, score) in self.groups() {
            let _ = writeln!(
                xml,
                "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">",
                escape(name),
                score.kept + score.failed + score.skipped,
                score.failed,
                score.skipped
            );
            self.results.iter().filter(|it| it.group == name).for_each(|it| write_case(&mut xml, it));
            xml.push_str("  </testsuite>\n");
        }
        xml.push_str("</testsuites>\n");
        xml
    }
}

fn write_case(xml: &mut String, result: &Result) {
    let _ = writeln!(
        xml,
        "    <testcase classname=\"conform.{}\" name=\"{}\" time=\"{:.3}\">",
        escape(result.group),
        escape(result.name),
        seconds(result.millis)
    );
    let source = format!("{} {}", result.rule, result.source);
    match &result.outcome {
        Outcome::Kept => {}
        Outcome::Skipped(reason) => {
            let _ = writeln!(xml, "      <skipped message=\"{}\"/>", escape(reason.as_str()));
        }
        Outcome::Failed(failure) => {
            let kind = match result.level {
                Level::Must => "must",
                Level::Should => "should",
            };
            let message = format!("expected {}; found {}", failure.expected, failure.found);
            let exchange = failure.exchange.as_ref().map(|it| it.text()).unwrap_or_default();
            let _ = writeln!(
                xml,
                "      <failure type=\"{kind}\" message=\"{}\">{}</failure>",
                escape(printable(&message)),
                escape(printable(&format!("{source}\n{message}\n\n{exchange}")))
            );
        }
    }
    let _ = writeln!(xml, "      <system-out>{}</system-out>", escape(source));
    xml.push_str("    </testcase>\n");
}

fn seconds(millis: u128) -> f64 {
    millis as f64 / 1000.0
}

/// Leaves out the characters that XML cannot carry.
fn printable(text: &str) -> String {
    text.chars().filter(|it| !it.is_control() || matches!(it, '\n' | '\t')).collect()
}
