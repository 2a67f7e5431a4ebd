//! What a grid shows as a file: all rows of its filters up to a number, its columns, its order.

use axum::{extract::RawQuery, response::Response};
use http::{HeaderValue, header};

use super::{
    ask::{Ask, Grid},
    column::Column,
    page::{Row, rows},
    reader, sheet,
};
use crate::{
    domain::{actor::Actor, audit::Resource},
    service::audit::{FileNote, note_file},
    web::{failure::Failure, visit::Visit},
};

/// Rows of a file, as in Partner Center.
pub(super) const ROWS_MAX: u32 = 5_000;
/// Rows that are read at a time.
const PAGE_SIZE: u32 = 100;

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Csv,
    Xlsx,
}

impl Format {
    const fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }
}

pub(super) async fn deals_csv(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    export(visit, Grid::Deals, Format::Csv, &query.unwrap_or_default()).await
}

pub(super) async fn deals_xlsx(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    export(visit, Grid::Deals, Format::Xlsx, &query.unwrap_or_default()).await
}

pub(super) async fn leads_csv(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    export(visit, Grid::Leads, Format::Csv, &query.unwrap_or_default()).await
}

pub(super) async fn leads_xlsx(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    export(visit, Grid::Leads, Format::Xlsx, &query.unwrap_or_default()).await
}

async fn export(visit: Visit, grid: Grid, format: Format, query: &str) -> Result<Response, Failure> {
    let actor = reader(&visit, grid)?;
    let ask = Ask::read(grid, query);
    if let Some(trouble) = ask.troubles.first() {
        return Err(Failure::Conflict(visit.words.say(trouble.rule)));
    }
    let columns = ask.columns();
    let rows = read(&visit, &actor, &ask, &columns).await?;
    let note = FileNote {
        resource: Resource::ReferralList,
        format: format.ending(),
        query: &ask.filter(&actor.organization_id),
        rows: rows.len(),
    };
    // It is written down before the first row leaves.
    note_file(&visit.app.context, &visit.seat.colleague, note).await?;
    let words = visit.words;
    let now = visit.now();
    let heads = sheet::heads(&columns, words);
    let made = tokio::task::spawn_blocking(move || {
        let lines = rows.iter().map(|it| sheet::line(&it.name, &it.cells, &columns, words));
        match format {
            Format::Csv => sheet::csv(&heads, lines),
            Format::Xlsx => sheet::xlsx(&heads, lines, now),
        }
    });
    let file = made.await.map_err(|it| Failure::broken(&it))?.map_err(|it| Failure::broken(&*it))?;
    let day = now.to_civil().date();
    let name = format!("{}-{}-{day}.{}", grid.as_str(), ask.tab.as_str(), format.ending());
    Ok(download(file, &name, format.content_type()))
}

/// Reads the rows, a page after the other.
async fn read(visit: &Visit, actor: &Actor, ask: &Ask, columns: &[Column]) -> Result<Vec<Row>, Failure> {
    let mut options = ask.options(&actor.organization_id);
    options.push(("$top", ROWS_MAX.to_string()));
    options.push(("$count", "false".to_owned()));
    let options: Vec<(&str, &str)> = options.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut page = visit.list(actor, &options, PAGE_SIZE).await?;
    let mut found = Vec::new();
    loop {
        found.extend(rows(visit, actor, &page.referrals, columns).await?);
        let Some(next) = page.next else { return Ok(found) };
        page = visit.list(actor, &[("$skiptoken", next.as_str())], PAGE_SIZE).await?;
    }
}

fn download(file: Vec<u8>, name: &str, content_type: &'static str) -> Response {
    let mut response = Response::new(file.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
    headers.insert(
        header::CONTENT_DISPOSITION,
        disposition.unwrap_or_else(|_| HeaderValue::from_static("attachment")),
    );
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
