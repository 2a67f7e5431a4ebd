//! Other people's tools as judges of a real server: of its `$metadata`, of its lists in the hands of OData clients, of
//! signatures in the hands of receivers, and of its mails.
//!
//! The scripts are in `xtask/judges`; each says what it judges. The packages are the authors' own, at fixed versions.

mod mails;
mod quickstarts;
mod receivers;
pub(crate) mod sink;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    conform::connectors,
    load::{self, Plan, Stop, judge_success},
    process,
    server::{CREATE_REQUEST, Client, Server},
    tools,
    workspace::Workspace,
};

/// How many deals the clients find: three pages.
const DEALS: u64 = 230;

/// The judges, installed.
pub(crate) struct Judges {
    /// Scripts beside their Node.js packages.
    home: PathBuf,
    /// A Python with the OData packages.
    python: PathBuf,
    /// A Python with what receivers of webhooks verify with.
    receiver_python: PathBuf,
    /// A Python with a client of NATS.
    nats_python: PathBuf,
    /// A Python with a mail server.
    mail_python: PathBuf,
    /// The browser that people use the dashboard with.
    chromium: PathBuf,
    /// A Python with what the quick starts import.
    quickstart_python: PathBuf,
}

impl Judges {
    /// Finds or installs them.
    pub(crate) fn find(workspace: &Workspace) -> Result<Self> {
        Ok(Self {
            home: tools::node_judges(workspace)?,
            python: tools::python_with_odata(workspace)?,
            receiver_python: tools::python_with_webhooks(workspace)?,
            nats_python: tools::python_with_nats(workspace)?,
            mail_python: tools::python_with_mail_server(workspace)?,
            chromium: tools::chromium()?,
            quickstart_python: tools::python_with_quickstarts(workspace)?,
        })
    }

    /// Has the metadata converted, validated, and made into a client in `folder`, which is left there.
    pub(crate) fn check_metadata(&self, server: &Server, folder: &Path) -> Result<()> {
        let mut node = self.node("metadata.mjs", server)?;
        process::run("judging $metadata with odata-csdl and odata2ts", node.arg(folder))?;
        let mut python = Command::new(&self.python);
        python
            .arg("-B")
            .arg(self.home.join("metadata.py"))
            .arg(folder.join("metadata.xml"))
            .arg(self.home.join("node_modules/odata-csdl/schemas/edmx.xsd"));
        process::run("judging $metadata with the schemas of OASIS", &mut python)
    }

    /// Has clients page, filter, order, count and read by key, and compares full answers with the metadata. The server must hold nothing before, and `folder` the client
    /// that was made of its metadata.
    pub(crate) fn check_clients(&self, server: &Server, folder: &Path) -> Result<()> {
        create_deals(server)?;
        let count = DEALS.to_string();
        let mut python = Command::new(&self.python);
        python.arg("-B").arg(self.home.join("client.py")).arg(server.base_url());
        python.env("LIAISON_TOKEN", server.token()?);
        process::run("reading lists with python-odata", python.arg(&count))?;
        let mut node = self.node("client.mjs", server)?;
        process::run("reading lists with @odata/client", node.arg(&count))?;
        let mut formats = self.node("formats.mjs", server)?;
        process::run("judging the control information of answers", &mut formats)?;
        let mut generated = Command::new("node");
        generated.arg(folder.join("built/generated.js")).arg(server.base_url());
        generated.env("LIAISON_TOKEN", server.token()?);
        process::run("reading lists with the client of odata2ts", generated.arg(&count))
    }

    /// Has receivers verify what is sent to them, while the keys of the server change.
    pub(crate) fn check_receivers(&self, server: &Server, folder: &Path) -> Result<()> {
        receivers::check(self, server, folder)
    }

    /// Has what a server mails taken by a mail server and read, and its link to stop clicked. `request` is the create call of
    /// the documentation.
    pub(crate) fn check_mails(
        &self,
        liaison: &Path,
        database_url: Option<String>,
        (request, folder): (&Path, &Path),
    ) -> Result<()> {
        mails::check(self, liaison, database_url, (request, folder))
    }

    /// Has clients meet faults on demand, and the request log judged as an HTTP Archive. `folder` takes what they send.
    pub(crate) fn check_faults(&self, server: &Server, folder: &Path) -> Result<()> {
        let file = folder.join("deal.json");
        fs::write(&file, deal(&serde_json::from_str(CREATE_REQUEST)?, 1).to_string())?;
        let mut python = Command::new(&self.python);
        python.arg("-B").arg(self.home.join("faults.py")).arg(server.base_url());
        python.env("LIAISON_TOKEN", server.token()?);
        process::run("meeting faults with requests and urllib3", python.arg(&file))?;
        let mut node = self.node("faults.mjs", server)?;
        process::run("meeting faults with fetch, and reading the log as HAR", node.arg(&file))
    }

    /// Has people of both sides use the dashboard in Chromium. `folder` takes what they download, and pictures of what
    /// went wrong; where the check is not whole, what does not depend on the database is left out.
    pub(crate) fn check_pages(&self, server: &Server, folder: &Path, is_whole: bool) -> Result<()> {
        let mut node = self.node("pages/walks.mjs", server)?;
        node.env("LIAISON_CHROMIUM", &self.chromium).arg(folder);
        if !is_whole {
            node.env("LIAISON_PAGES", "short");
        }
        process::run("using the dashboard in Chromium", &mut node)
    }

    /// Runs the quick starts of the documentation as they stand.
    pub(crate) fn check_quickstarts(&self, workspace: &Workspace, liaison: &Path) -> Result<()> {
        quickstarts::check(workspace, &self.quickstart_python, &self.home, liaison)
    }

    /// Has a connector judged, careful and careless.
    pub(crate) fn check_connectors(&self, workspace: &Workspace, liaison: &Path) -> Result<()> {
        connectors::check(workspace, &self.quickstart_python, liaison)
    }

    fn node(&self, script: &str, server: &Server) -> Result<Command> {
        let mut node = Command::new("node");
        node.arg(self.home.join(script)).arg(server.base_url()).env("LIAISON_TOKEN", server.token()?);
        Ok(node)
    }
}

/// Creates the deals that the clients look for; they know the rule by which these are numbered.
fn create_deals(server: &Server) -> Result<()> {
    let fixture: Value = serde_json::from_str(CREATE_REQUEST).context("the fixture is no JSON")?;
    let client = Client::new(server)?;
    let plan = Plan {
        address: server.address()?,
        connections: 4,
        stop: Stop::Count(DEALS),
        make: Arc::new(move |number| client.create(Bytes::from(deal(&fixture, number).to_string()))),
        judge: Arc::new(judge_success),
    };
    load::run(plan)?.ensure_clean().context("the deals for the clients are not accepted")
}

/// Returns the deal of a number: of the caller's own, and every seventh with a reference that is hard to quote.
pub(crate) fn deal(fixture: &Value, number: u64) -> Value {
    let mut deal = fixture.clone();
    let reference = number.is_multiple_of(7).then(|| format!("it's 50%_& +#/é {number}"));
    for (pointer, value) in [
        ("/type", json!("Independent")),
        ("/target", json!([])),
        ("/name", json!(format!("Deal {number:03}"))),
        ("/details/dealValue", json!(number as f64 * 10.5)),
    ] {
        if let Some(member) = deal.pointer_mut(pointer) {
            *member = value;
        }
    }
    if let (Some(deal), Some(reference)) = (deal.as_object_mut(), reference) {
        deal.insert("externalReferenceId".to_owned(), json!(reference));
    }
    deal
}
