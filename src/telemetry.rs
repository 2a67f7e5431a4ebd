//! Logs to standard error, and metrics for whoever asks the operations address.
//!
//! Logs carry ids, never bodies, tokens or addresses. Metric handles are made once and kept: recording is an
//! atomic addition, without a look-up.

use std::{
    io::{self, IsTerminal as _},
    sync::OnceLock,
    time::Duration,
};

use metrics::{Counter, Gauge, Histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// Upper bounds of the duration histogram, in seconds.
const BUCKETS_SECS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// Every status that the server gives a series of its own; others are counted as `other`.
const STATUSES: [u16; 24] = [
    200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 406, 408, 409, 412, 413, 414, 415, 421, 422, 429, 431,
    500, 503, 507,
];

/// Starts logging. Fails when `filter` is not understood; does nothing the second time.
pub fn install_logs(filter: &str, as_json: bool) -> Result<(), tracing_subscriber::filter::ParseError> {
    // The driver logs the parameters of statements, documents among them, when it is asked for details.
    let filter = EnvFilter::builder().parse(filter)?.add_directive("tokio_postgres=warn".parse()?);
    let registry = tracing_subscriber::registry().with(filter);
    let lines =
        tracing_subscriber::fmt::layer().with_ansi(io::stderr().is_terminal()).with_writer(io::stderr);
    // The only failure is that a test has installed another subscriber.
    let _ = match as_json {
        true => registry.with(lines.json().flatten_event(true)).try_init(),
        false => registry.with(lines.with_target(false)).try_init(),
    };
    Ok(())
}

/// Logs where a panic happened, instead of printing what it said: the text may quote a request.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a task panicked");
    }));
}

/// The metrics of the server loop.
#[derive(Debug)]
pub struct Metrics {
    requests: Vec<ClassMetrics>,
    connections: Gauge,
    connections_total: Counter,
    panics: Counter,
}

/// A class of requests, by its position in the list given to [`Metrics::new`].
#[derive(Debug)]
struct ClassMetrics {
    name: &'static str,
    in_flight: Gauge,
    shed: Counter,
    duration: Histogram,
    statuses: [OnceLock<Counter>; STATUSES.len()],
    other: OnceLock<Counter>,
}

impl Metrics {
    /// Makes the handles for the classes of requests that the server tells apart.
    pub fn new(classes: &[&'static str]) -> Self {
        recorder();
        Self {
            requests: classes.iter().map(|name| ClassMetrics::new(name)).collect(),
            connections: metrics::gauge!("liaison_connections"),
            connections_total: metrics::counter!("liaison_connections_total"),
            panics: metrics::counter!("liaison_panics_total"),
        }
    }

    /// Counts a connection until the guard is dropped.
    pub fn connection(&self) -> GaugeGuard {
        self.connections_total.increment(1);
        GaugeGuard::new(&self.connections)
    }

    /// Counts a request in flight until the guard is dropped.
    pub fn request(&self, class: usize) -> Option<GaugeGuard> {
        self.requests.get(class).map(|it| GaugeGuard::new(&it.in_flight))
    }

    /// Counts an answer.
    pub fn answered(&self, class: usize, status: u16, took: Duration) {
        if let Some(class) = self.requests.get(class) {
            class.duration.record(took);
            class.status(status).increment(1);
        }
    }

    /// Counts a request that was refused for want of a place.
    pub fn shed(&self, class: usize) {
        if let Some(class) = self.requests.get(class) {
            class.shed.increment(1);
        }
    }

    /// Counts a handler that panicked.
    pub fn panicked(&self) {
        self.panics.increment(1);
    }
}

impl ClassMetrics {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            in_flight: metrics::gauge!("liaison_requests_in_flight", "class" => name),
            shed: metrics::counter!("liaison_requests_shed_total", "class" => name),
            duration: metrics::histogram!("liaison_request_duration_seconds", "class" => name),
            statuses: [const { OnceLock::new() }; STATUSES.len()],
            other: OnceLock::new(),
        }
    }

    fn status(&self, status: u16) -> &Counter {
        let position = STATUSES.iter().position(|it| *it == status);
        match position.and_then(|it| self.statuses.get(it)) {
            Some(cell) => cell.get_or_init(|| self.counter(status.to_string())),
            None => self.other.get_or_init(|| self.counter("other".to_owned())),
        }
    }

    fn counter(&self, status: String) -> Counter {
        metrics::counter!("liaison_requests_total", "class" => self.name, "status" => status)
    }
}

/// Adds one to a gauge for as long as it lives.
#[derive(Debug)]
pub struct GaugeGuard(Gauge);

impl GaugeGuard {
    fn new(gauge: &Gauge) -> Self {
        gauge.increment(1);
        Self(gauge.clone())
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

/// Shows how many streams of changes are open.
pub fn show_streams(count: usize) {
    metrics::gauge!("liaison_streams_open").set(u32::try_from(count).unwrap_or(u32::MAX));
}

/// Shows what webhooks are still to tell: deliveries that wait, those that were given up, and changes that nobody has
/// looked at yet.
pub fn show_backlog(pending: u32, dead: u32, unread: u64) {
    metrics::gauge!("liaison_webhook_deliveries", "state" => "pending").set(pending);
    metrics::gauge!("liaison_webhook_deliveries", "state" => "dead").set(dead);
    // Counts past 2^53 would lose a digit, and are out of reach.
    metrics::gauge!("liaison_webhook_changes_unread").set(u32::try_from(unread).unwrap_or(u32::MAX));
}

/// Shows for how long the oldest delivery waits, in seconds; 0 when none does.
pub fn show_oldest_delivery(age_secs: i64) {
    let age = u32::try_from(age_secs.max(0)).unwrap_or(u32::MAX);
    metrics::gauge!("liaison_webhook_oldest_pending_seconds").set(age);
}

/// Returns all metrics of this process as Prometheus reads them.
pub fn render_metrics() -> String {
    recorder().render()
}

/// Sorts what histograms have collected into their buckets; call it every few seconds, or memory grows.
pub fn upkeep_metrics() {
    recorder().run_upkeep();
}

/// Returns the recorder of this process, and installs it the first time.
fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

    RECORDER.get_or_init(|| {
        let builder = PrometheusBuilder::new();
        let recorder =
            builder.set_buckets(&BUCKETS_SECS).unwrap_or_else(|_| PrometheusBuilder::new()).build_recorder();
        let handle = recorder.handle();
        // The only failure is that a test has installed another recorder.
        let _ = metrics::set_global_recorder(recorder);
        metrics::gauge!("liaison_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1);
        handle
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_rendered() {
        let metrics = Metrics::new(&["telemetry-test"]);
        metrics.answered(0, 200, Duration::from_millis(3));
        metrics.answered(0, 418, Duration::from_millis(3));
        metrics.shed(0);
        let in_flight = metrics.request(0);

        let text = render_metrics();
        drop(in_flight);

        for line in [
            r#"liaison_requests_total{class="telemetry-test",status="200"} 1"#,
            r#"liaison_requests_total{class="telemetry-test",status="other"} 1"#,
            r#"liaison_requests_shed_total{class="telemetry-test"} 1"#,
            r#"liaison_requests_in_flight{class="telemetry-test"} 1"#,
            r#"liaison_request_duration_seconds_bucket{class="telemetry-test",le="0.005"} 2"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn a_filter_that_is_not_understood_is_refused() {
        assert!(install_logs("liaison=loud", false).is_err());
    }
}
