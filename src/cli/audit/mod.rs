//! `liaison audit export`: audit records as a file.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::{
    access::{self, Access},
    out,
};
use crate::{
    config::Config,
    domain::{actor::Auditor, time::Timestamp},
    service::{
        administration::find_organization,
        audit::{self, Export, ExportFormat, ExportRequest, Kinds, Span},
    },
};

/// What is done with audit records.
#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Write the audit records of a time to a file; the export is an audit record too
    Export(ExportArgs),
}

/// What is written, and where.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The first day, such as 2026-11-01, or a time
    #[arg(long, value_name = "DAY", value_parser = first_moment)]
    since: Timestamp,
    /// The last day, or a time [default: now]
    #[arg(long, value_name = "DAY", value_parser = last_moment)]
    until: Option<Timestamp>,
    /// Id, domain or name: all that it is told, changes of referrals too [default: of all organizations, all but those]
    #[arg(long)]
    organization: Option<String>,
    /// csv or jsonl
    #[arg(long, default_value = "jsonl", value_parser = read_format)]
    format: ExportFormat,
    /// Where to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Does it.
pub(super) async fn run(command: &AuditCommand, config: &Config) -> anyhow::Result<()> {
    let AuditCommand::Export(args) = command;
    let store = access::open_to_read(config).await?;
    let until = match args.until {
        Some(until) => until,
        None => access::clock(&store).await?.now(),
    };
    if until < args.since {
        bail!("--until lies before --since");
    }
    let span = Span { from: args.since, until, kinds: Kinds::All };
    let organization = match &args.organization {
        Some(text) => Some(find_organization(&store, text).await?),
        None => None,
    };
    let auditor = organization.as_ref().map(Auditor::operator);
    let request = ExportRequest { span, format: args.format };
    note(config, auditor.as_ref(), request).await?;
    let export = Export::new(&store, auditor, span);
    match &args.output {
        None => write_all(export, args.format, &mut out()).await.map(drop),
        Some(path) => write_file(export, args.format, path).await,
    }
}

async fn write_file(export: Export, format: ExportFormat, path: &Path) -> anyhow::Result<()> {
    let mut file = io::BufWriter::new(
        File::create(path).with_context(|| format!("the file {} cannot be made", path.display()))?,
    );
    let count = write_all(export, format, &mut file).await?;
    writeln!(out(), "{count} audit records were written to {}.", path.display())?;
    Ok(())
}

async fn write_all(mut export: Export, format: ExportFormat, to: &mut impl Write) -> anyhow::Result<usize> {
    let mut count: usize = 0;
    to.write_all(format.head().as_bytes())?;
    while let Some(items) = export.next_items().await? {
        for item in &items {
            to.write_all(audit::line(item, format).as_bytes())?;
        }
        count = count.saturating_add(items.len());
    }
    to.flush()?;
    Ok(count)
}

/// What a running server is asked to write down before its records are read.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Note {
    organization: Option<String>,
    since: Timestamp,
    until: Timestamp,
    format: &'static str,
}

async fn note(config: &Config, auditor: Option<&Auditor>, request: ExportRequest) -> anyhow::Result<()> {
    match Access::to_write(config).await? {
        Access::Direct { store, random, _lock } => {
            let now = access::clock(&store).await?.now();
            audit::note_export(&store, (&random, now), auditor, request).await?;
        }
        Access::Server(server) => {
            let note = Note {
                organization: auditor.map(|it| it.organization_id.to_string()),
                since: request.span.from,
                until: request.span.until,
                format: request.format.as_str(),
            };
            let _: serde_json::Value = server.ask("/admin/audit/exports", &note).await?;
        }
    }
    Ok(())
}

fn first_moment(text: &str) -> Result<Timestamp, String> {
    moment(text).map(|(first, _)| first)
}

fn last_moment(text: &str) -> Result<Timestamp, String> {
    moment(text).map(|(_, last)| last)
}

fn moment(text: &str) -> Result<(Timestamp, Timestamp), String> {
    audit::read_moment(text).ok_or_else(|| "send a day such as 2026-11-01, or a time".to_owned())
}

fn read_format(text: &str) -> Result<ExportFormat, String> {
    ExportFormat::parse(text).ok_or_else(|| "use csv or jsonl".to_owned())
}
