//! Mails, taken by a mail server and read by a library that other people wrote.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};
use serde_json::json;

use super::{Judges, receivers::Receiver};
use crate::server::{Kind, Server, Setup};

const CONTOSO: &str = "contoso.example";
const FABRIKAM: &str = "fabrikam.example";

/// Starts the mail server, then a server that mails, and has what it mails read.
pub(super) fn check(
    judges: &Judges,
    liaison: &Path,
    database_url: Option<String>,
    (request, folder): (&Path, &Path),
) -> Result<()> {
    let exchange = folder.join("exchange.json");
    let mut script = Command::new(&judges.mail_python);
    script.arg("-B").arg(judges.home.join("mails.py")).arg(&exchange).arg(request);
    let reader = Receiver::start("aiosmtpd", &mut script, folder)?;

    let data = folder.join("data");
    fs::create_dir_all(&data)?;
    let settings = format!(
        "[smtp]\nurl = \"smtp://127.0.0.1:{}\"\nfrom = \"Referrals <referrals@exchange.example>\"\n",
        reader.port
    );
    fs::write(data.join("liaison.toml"), settings)?;
    let setup =
        Setup { kind: Kind::Liaison, program: liaison.to_owned(), data, database_url, has_request_log: true };
    let server = setup.start()?;
    fs::write(exchange.with_extension("draft"), said(&server)?)?;
    fs::rename(exchange.with_extension("draft"), &exchange).context("the file of the exchange")?;
    reader.finish()?;
    server.stop()
}

/// Says where the exchange is, and how it is called.
fn said(server: &Server) -> Result<String> {
    let token = |organization| server.ask(&["token", "--organization", organization]);
    let tokens = json!({"contoso": token(CONTOSO)?, "fabrikam": token(FABRIKAM)?});
    Ok(json!({"base_url": server.base_url(), "tokens": tokens}).to_string())
}
