//! The program itself: what it prints works when pasted, and what it keeps survives it.

mod audit;
mod faults;
mod listen;
mod sandbox;
mod webhook_key;

use std::{
    fmt::Write as _,
    io::Read as _,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use liaison::app;
use parking_lot::Mutex;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::world::*;

/// How often a condition is looked at, and how many times at most: half a minute.
const LOOK_EVERY: Duration = Duration::from_millis(25);
const LOOKS_MAX: usize = 1200;

/// A data folder and a database for the program.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    database: Database,
}

/// A running `liaison serve`, killed when dropped.
pub(crate) struct Running {
    child: Child,
    printed: Arc<Mutex<String>>,
    base_url: String,
    ops_url: String,
}

impl Place {
    pub(crate) async fn new(backend: Backend) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), database: Database::create(backend).await }
    }

    /// Returns the folder that `--data` names; its name needs quoting in a shell.
    fn data_dir(&self) -> PathBuf {
        self.folder.path().join("it's data")
    }

    /// Starts a command that knows nothing of this machine but where the data are.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_liaison"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap());
        command.arg("--data").arg(self.data_dir());
        // A command that looks at the ports finds free ones, whatever runs beside the tests.
        command.env("LIAISON__LISTEN", "127.0.0.1:0").env("LIAISON__OPS_LISTEN", "127.0.0.1:0");
        if let Some(url) = self.database_url() {
            command.env("LIAISON_DATABASE_URL", url);
        }
        command
    }

    fn database_url(&self) -> Option<String> {
        matches!(self.database, Database::Postgres { .. }).then(|| self.database.url())
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs a command that must succeed, and returns what it printed.
    #[track_caller]
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts a server and waits until it is ready.
    pub(crate) fn serve(&self, args: &[&str]) -> Running {
        let mut command = self.command(&["serve"]);
        command.args(args).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let printed = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&printed);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stdout.read(&mut buffer) {
                written.lock().push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        });
        let mut running = Running { child, printed, base_url: String::new(), ops_url: String::new() };
        let is_sandbox = args.contains(&"--sandbox");
        let last_line = if is_sandbox { "Starting again keeps everything." } else { "Health, metrics:" };
        wait_for("the welcome", || {
            assert_eq!(running.child.try_wait().unwrap(), None, "the server ended");
            let printed = running.printed.lock();
            printed.find(last_line).is_some_and(|at| printed[at..].contains('\n'))
        });
        let printed = running.printed.lock().clone();
        let after = |label: &str| {
            let rest = printed.split_once(label).unwrap_or_else(|| panic!("{label} is not in {printed}")).1;
            rest.split_whitespace().next().unwrap().to_owned()
        };
        running.base_url = after(if is_sandbox { "Liaison sandbox" } else { "answers at" });
        running.ops_url = after(if is_sandbox { "Health, metrics" } else { "Health, metrics:" });
        wait_for("readiness", || {
            curl(&[&format!("{}/readyz", running.ops_url)]).is_some_and(|(status, _)| status == 200)
        });
        running
    }
}

impl Running {
    /// Asks the server to stop, as an operator does.
    fn terminate(&self) {
        let killed = Command::new("sh").arg("-c").arg(format!("kill -TERM {}", self.child.id())).status();
        assert!(killed.unwrap().success());
    }

    /// Waits for the end.
    fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_for("the end of the server", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    pub(crate) fn stop(mut self) {
        self.terminate();
        assert!(self.wait().success());
    }

    /// Sends the documented create call with a token.
    pub(crate) fn create(&self, token: &str) -> (u16, Value) {
        let url = format!("{}{REFERRALS}", self.base_url);
        let authorization = format!("Authorization: Bearer {}", token.trim());
        let json = "Content-Type: application/json";
        let (status, body) =
            curl(&[&url, "-H", &authorization, "-H", json, "--data-binary", FIXTURE]).unwrap();
        (status, serde_json::from_str(&body).unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait_for(what: &str, mut is_met: impl FnMut() -> bool) {
    for _ in 0..LOOKS_MAX {
        if is_met() {
            return;
        }
        thread::sleep(LOOK_EVERY);
    }
    panic!("{what} did not come");
}

/// Calls a server; `None` when it cannot be reached.
fn curl(args: &[&str]) -> Option<(u16, String)> {
    let output =
        Command::new("curl").args(["-q", "-s", "--noproxy", "*", "-w", "\n%{http_code}"]).args(args).output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    let (body, status) = text.rsplit_once('\n')?;
    let status: u16 = status.parse().unwrap();
    (status != 0).then(|| (status, body.to_owned()))
}

/// Returns everything in the tables that `serve --sandbox` fills.
async fn contents(place: &Place) -> String {
    let mut contents = String::new();
    for table in ["organizations", "locations", "solutions", "applications", "users", "signing_keys"] {
        writeln!(contents, "{table}").unwrap();
        match &place.database {
            Database::Sqlite(_) => {
                let connection = rusqlite::Connection::open(place.data_dir().join("liaison.sqlite")).unwrap();
                let mut statement = connection.prepare(&format!("SELECT * FROM {table} ORDER BY 1")).unwrap();
                let columns = statement.column_count();
                let mut rows = statement.query([]).unwrap();
                while let Some(row) = rows.next().unwrap() {
                    let values: Vec<rusqlite::types::Value> =
                        (0..columns).map(|it| row.get(it).unwrap()).collect();
                    writeln!(contents, "{values:?}").unwrap();
                }
            }
            Database::Postgres { .. } => {
                let client = connect(&place.database.url()).await;
                let sql = format!("SELECT t::text FROM {table} t ORDER BY 1");
                for row in client.query(&sql, &[]).await.unwrap() {
                    writeln!(contents, "{}", row.get::<_, String>(0)).unwrap();
                }
            }
        }
    }
    contents
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn starting_the_sandbox_twice_changes_nothing(#[case] backend: Backend) {
    let place = Place::new(backend).await;
    place.serve(&["--sandbox"]).stop();
    let first = contents(&place).await;
    let key = std::fs::read_to_string(place.data_dir().join("admin-key")).unwrap();

    place.serve(&["--sandbox"]).stop();

    assert_eq!(contents(&place).await, first);
    assert_eq!(std::fs::read_to_string(place.data_dir().join("admin-key")).unwrap(), key);
    assert_eq!(first.matches("@contoso.example").count(), 3);
    assert!(first.contains("SOL-34104-EBB") && first.contains("PRIVATE KEY"));
}

/// Returns the indented commands below a heading.
fn commands<'a>(printed: &'a str, heading: &str) -> &'a str {
    let below = printed.split_once(heading).unwrap().1.split_once('\n').unwrap().1;
    below.split_once("\n\n").unwrap().0
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_commands_that_are_printed_work_when_pasted(#[case] backend: Backend) {
    let place = Place::new(backend).await;
    let server = place.serve(&["--sandbox"]);
    let printed = server.printed.lock().clone();
    // Anywhere but in the folder that the server was started in.
    let elsewhere = tempfile::tempdir().unwrap();
    let paste = |script: &str| {
        let mut shell = Command::new("sh");
        shell.arg("-ec").arg(script).current_dir(elsewhere.path()).env("no_proxy", "*");
        if let Some(url) = place.database_url() {
            shell.env("LIAISON_DATABASE_URL", url);
        }
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };

    let signed_in: Value = serde_json::from_str(&paste(commands(&printed, "Sign in as"))).unwrap();
    let token = commands(&printed, "Or take a token");
    let (create, read) = commands(&printed, "Create the first referral").rsplit_once("\n  ").unwrap();
    let created = paste(&format!("{token}\n{create}"));

    assert_eq!(server.create(text(&signed_in, "/access_token")).0, 200);
    assert!(created.starts_with("HTTP/1.1 200 OK\r\n"), "{created}");
    let (_, document) = created.split_once("\r\n\r\n").unwrap();
    let document: Value = serde_json::from_str(document).unwrap();
    let read = paste(&format!("{token}\n{}", read.replace("/ID ", &format!("/{} ", text(&document, "/id")))));
    let read: Value = serde_json::from_str(&read).unwrap();
    assert_eq!(without(read, "/@odata.context"), document);
    let links = format!("{}{REFERRALS}/{}", server.base_url, text(&document, "/id"));
    assert_eq!(text(&document, "/links/self/uri"), links);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn token_prints_whose_token_is_asked_for_beside_a_running_server(#[case] backend: Backend) {
    let place = Place::new(backend).await;
    let server = place.serve(&["--sandbox"]);

    for (args, owner, status) in [
        (&["token"][..], CONTOSO, "Active"),
        (&["token", "--organization", "Fabrikam"], CONTOSO, "New"),
        (&["token", "--organization", "msft", "--user", "referrals-user"], CONTOSO, "New"),
        (&["token", "--organization", CONTOSO, "--user", UMA], CONTOSO, "Active"),
    ] {
        let (code, body) = server.create(&place.ok(args));

        assert_eq!(code, 200, "{args:?}: {body}");
        assert_eq!((text(&body, "/organizationId"), text(&body, "/status")), (owner, status), "{args:?}");
    }
    let (code, body) = server.create(&place.ok(&["token", "--app-only"]));
    assert_eq!(
        (code, &body["message"]),
        (400, &json!("Authorization header token missing user information"))
    );
    let (code, _) = server.create(&place.ok(&["token", "--audience", "partner-center"]));
    assert_eq!(code, 401);
    for args in [&["token", "--organization", "Nobody"], &["token", "--user", "nobody@contoso.example"]] {
        let refused = place.run(args);
        assert!(!refused.status.success() && refused.stdout.is_empty(), "{args:?}");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_clock_that_was_put_forward_survives_a_restart(#[case] backend: Backend) {
    let place = Place::new(backend).await;
    let server = place.serve(&["--sandbox"]);
    server.create(&place.ok(&["token", "--organization", "Fabrikam"]));
    let old = place.ok(&["token"]);

    let moved = curl(&[&format!("{}/sandbox/clock", server.base_url), "--json", "{\"advance\":\"15 days\"}"]);
    let (status, body) = moved.unwrap();
    server.stop();
    let server = place.serve(&["--sandbox"]);

    let moved: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &moved["offset"], &moved["expired"]), (200, &json!("P15D"), &json!(1)), "{body}");
    let (_, clock) = curl(&[&format!("{}/sandbox/clock", server.base_url)]).unwrap();
    let clock: Value = serde_json::from_str(&clock).unwrap();
    assert_eq!(clock["offset"], "P15D");
    assert!(text(&clock, "/now") >= text(&moved, "/now"), "{clock}");
    assert_eq!(server.create(&old).0, 401);
    assert_eq!(server.create(&place.ok(&["token"])).0, 200, "the command goes by the same clock");
    // Data that have seen a later time keep it without --sandbox too, where nobody can move it.
    server.stop();
    let server = place.serve(&[]);
    assert_eq!(server.create(&place.ok(&["token"])).0, 200);
    assert_eq!(curl(&[&format!("{}/sandbox/clock", server.base_url)]).unwrap().0, 404);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_running_server_closes_what_is_due_by_itself(#[case] backend: Backend) {
    let place = Place::new(backend).await;
    // The deadline is the midnight before.
    std::fs::write(place.folder.path().join("liaison.toml"), "[rules]\nexpiration_days = 0\n").unwrap();
    let server = place.serve(&["--sandbox"]);
    let token = place.ok(&["token", "--organization", "Fabrikam"]);
    let (_, created) = server.create(&token);
    assert_eq!(text(&created, "/status"), "New");

    let url = format!("{}{REFERRALS}/{}", server.base_url, text(&created, "/id"));
    let authorization = format!("Authorization: Bearer {}", token.trim());
    wait_for("the expiry", || {
        let (_, body) = curl(&[&url, "-H", &authorization]).unwrap();
        let seen: Value = serde_json::from_str(&body).unwrap();
        (text(&seen, "/status"), text(&seen, "/substatus")) == ("Closed", "Expired")
    });

    server.stop();
    let verified: Value = serde_json::from_str(&place.ok(&["verify", "--json"])).unwrap();
    assert_eq!((&verified["problemCount"], &verified["changes"]), (&json!(0), &json!(2)), "{verified}");
}

/// Adds a company and one of its people, and returns what a sign-in needs.
fn add_company(place: &Place, name: &str, domain: &str) -> Vec<String> {
    let solution = format!("SOL-{}-{name}=Solution", name.len());
    let added = place.ok(&["org", "add", name, "--domain", domain, "--solution", &solution, "--json"]);
    let company: Value = serde_json::from_str(&added).unwrap();
    let email = format!("admin@{domain}");
    let role = ["--name", "Admin", "--role", "referrals-admin", "--json"];
    let user = ["user", "add", "--organization", text(&company, "/organizationId"), "--email", &email];
    let user: Value = serde_json::from_str(&place.ok(&[&user[..], &role[..]].concat())).unwrap();
    [
        ("client_id", text(&company, "/clientId")),
        ("client_secret", text(&company, "/clientSecret")),
        ("username", email.as_str()),
        ("password", text(&user, "/generatedPassword")),
    ]
    .iter()
    .flat_map(|(name, value)| ["--data-urlencode".to_owned(), format!("{name}={value}")])
    .collect()
}

fn sign_in(server: &Running, credentials: &[String]) -> String {
    let url = format!("{}/common/oauth2/token", server.base_url);
    let mut args =
        vec![url.as_str(), "-d", "grant_type=password", "-d", "resource=https://api.partner.microsoft.com"];
    args.extend(credentials.iter().map(String::as_str));
    let (status, body) = curl(&args).unwrap();
    assert_eq!(status, 200, "{body}");
    text(&serde_json::from_str(&body).unwrap(), "/access_token").to_owned()
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_plain_server_is_made_usable_offline_and_while_it_runs(#[case] backend: Backend) {
    let place = Place::new(backend).await;
    place.ok(&["migrate"]);
    let offline = add_company(&place, "Offline", "offline.example");
    let server = place.serve(&[]);
    let beside = add_company(&place, "Beside", "beside.example");

    for (credentials, invitee) in [(&offline, "SOL-6-Beside"), (&beside, "SOL-7-Offline")] {
        let token = sign_in(&server, credentials);
        let authorization = format!("Authorization: Bearer {token}");
        let target = json!([{"type": "SolutionProfile", "id": invitee}]);
        for (body, status) in [(own_deal(), "Active"), (edited(fixture(), &[("/target", target)]), "New")] {
            let url = format!("{}{REFERRALS}", server.base_url);
            let (code, answer) = curl(&[&url, "-H", &authorization, "--json", &body.to_string()]).unwrap();

            assert_eq!(code, 200, "{answer}");
            assert_eq!(text(&serde_json::from_str(&answer).unwrap(), "/status"), status);
        }
    }
    let listed: Value = serde_json::from_str(&place.ok(&["org", "list", "--json"])).unwrap();
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|it| text(it, "/name")).collect();
    assert_eq!(names, ["Beside", "Offline"]);
    let again = ["user", "add", "--organization", "Beside", "--email", "admin@beside.example", "--name", "A"];
    let again = place.run(&[&again[..], &["--role", "referrals-user"]].concat());
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("exists"));
    // Known passwords do not go where real companies are.
    server.stop();
    let sandbox = place.run(&["serve", "--sandbox"]);
    assert!(!sandbox.status.success());
    assert!(String::from_utf8_lossy(&sandbox.stderr).contains("is not a sandbox"));
}

#[tokio::test]
async fn a_second_server_on_one_file_is_refused_and_told_where_the_first_is() {
    let place = Place::new(Backend::Sqlite).await;
    let first = place.serve(&["--sandbox"]);

    let second = place.run(&["serve", "--sandbox"]);
    let migrate = place.run(&["migrate"]);

    assert!(!second.status.success());
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains(&first.base_url) && said.contains(&first.child.id().to_string()), "{said}");
    assert!(!migrate.status.success());
    let (status, _) = curl(&[&format!("{}/readyz", first.ops_url)]).unwrap();
    assert_eq!(status, 200, "the first goes on");
}

#[tokio::test]
async fn a_sandbox_stays_on_this_machine() {
    let place = Place::new(Backend::Sqlite).await;

    let exposed = place.run(&["serve", "--sandbox", "--listen", "0.0.0.0:0"]);

    assert!(!exposed.status.success());
    assert!(String::from_utf8_lossy(&exposed.stderr).contains("--sandbox-exposed"));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn doctor_says_by_its_exit_code_whether_something_is_wrong(#[case] backend: Backend) {
    let place = Place::new(backend).await;

    let nothing_yet = place.run(&["doctor"]);
    place.ok(&["migrate"]);
    let migrated = place.ok(&["doctor"]);
    let server = place.serve(&["--sandbox"]);
    let beside = place.ok(&["doctor"]);
    server.stop();

    assert!(nothing_yet.status.success(), "{}", String::from_utf8_lossy(&nothing_yet.stdout));
    assert!(migrated.contains("there is no organization yet"), "{migrated}");
    assert!(!beside.contains("FAIL") && beside.contains("3 organizations"), "{beside}");

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = place.command(&["doctor"]);
    let output = command.env("LIAISON__LISTEN", taken.local_addr().unwrap().to_string()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("FAIL  listen"));
    std::fs::write(place.folder.path().join("liaison.toml"), "listn = \"127.0.0.1:1\"\n").unwrap();
    let misspelt = place.run(&["doctor"]);
    assert_eq!(misspelt.status.code(), Some(1));
    let said = String::from_utf8(misspelt.stdout).unwrap();
    assert!(said.contains("FAIL  settings") && said.contains("listn") && said.contains("->"), "{said}");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn doctor_names_a_database_that_is_damaged_or_out_of_reach(#[case] backend: Backend) {
    let place = Place::new(backend).await;
    let mut command = place.command(&["doctor"]);
    match backend {
        Backend::Sqlite => {
            std::fs::create_dir_all(place.data_dir()).unwrap();
            std::fs::write(place.data_dir().join("liaison.sqlite"), "no database at all ".repeat(100))
                .unwrap();
        }
        Backend::Postgres => {
            command.env("LIAISON_DATABASE_URL", "postgres://me:hunter2@127.0.0.1:1/liaison");
        }
    }

    let output = command.output().unwrap();

    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("FAIL") && !said.contains("hunter2"), "{said}");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn migrate_says_what_it_did(#[case] backend: Backend) {
    let place = Place::new(backend).await;

    let first = place.ok(&["migrate"]);
    let second = place.ok(&["migrate"]);

    assert!(first.starts_with("Applied 0001_foundation.\n"), "{first}");
    assert_eq!(second, "The database is up to date.\n");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_description_that_is_printed_is_the_one_that_is_served(#[case] backend: Backend) {
    let place = Place::new(backend).await;
    let server = place.serve(&[]);

    let printed: Value = serde_json::from_str(&place.ok(&["openapi"])).unwrap();
    let (status, served) = curl(&[&format!("{}/openapi.json", server.base_url)]).unwrap();

    assert_eq!(status, 200);
    let served: Value = serde_json::from_str(&served).unwrap();
    assert_eq!(served["servers"], json!([{"url": server.base_url}]));
    assert_eq!(without(served, "/servers"), without(printed, "/servers"));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_told_to_stop_answers_what_it_has_begun(#[case] backend: Backend) {
    let place = Place::new(backend).await;
    let mut server = place.serve(&["--sandbox"]);
    let authorization = format!("Bearer {}", place.ok(&["token"]).trim());
    let url = format!("{}{REFERRALS}", server.base_url);
    app::install_cryptography();
    let answered = Arc::new(Mutex::new(Vec::new()));
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let (url, authorization, answered) = (url.clone(), authorization.clone(), Arc::clone(&answered));
        callers.spawn(async move {
            loop {
                let request = client.post(&url).header("authorization", &authorization).body(FIXTURE);
                let response = match request.send().await {
                    Ok(response) => response,
                    // A connection that was never made began nothing: the pool opens one when the last is not back yet.
                    Err(error) if error.is_connect() => return Ok(()),
                    Err(error) => return Err(format!("{error:?}")),
                };
                let is_last = response.headers().get("connection").is_some_and(|it| it == "close");
                let status = response.status().as_u16();
                let body: Value = response.json().await.map_err(|error| format!("{error:?}"))?;
                if status != 200 {
                    return Err(format!("{status} {body}"));
                }
                answered.lock().push(text(&body, "/id").to_owned());
                // A polite client leaves when it is asked to.
                if is_last {
                    return Ok::<(), String>(());
                }
            }
        });
    }
    wait_for("a few referrals", || answered.lock().len() >= 40);

    server.terminate();
    let outcomes = callers.join_all().await;

    for outcome in outcomes {
        assert_eq!(outcome, Ok(()));
    }
    assert!(server.wait().success());
    let verified: Value = serde_json::from_str(&place.ok(&["verify", "--json"])).unwrap();
    assert_eq!(verified["problemCount"], 0, "{verified}");
    assert_eq!(verified["referrals"], answered.lock().len());
    assert_eq!(verified["changes"], answered.lock().len());
    assert!(curl(&[&format!("{}/livez", server.ops_url)]).is_none(), "nobody listens any more");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_was_answered_survives_a_kill(#[case] backend: Backend) {
    let place = Place::new(backend).await;
    let mut server = place.serve(&["--sandbox"]);
    let token = place.ok(&["token"]);
    let ids: Vec<String> = (0..5).map(|_| text(&server.create(&token).1, "/id").to_owned()).collect();
    server.child.kill().unwrap();
    server.child.wait().unwrap();

    let server = place.serve(&["--sandbox"]);

    let authorization = format!("Authorization: Bearer {}", place.ok(&["token"]).trim());
    for id in ids {
        let (status, _) =
            curl(&[&format!("{}{REFERRALS}/{id}", server.base_url), "-H", &authorization]).unwrap();
        assert_eq!(status, 200);
    }
    let verified: Value = serde_json::from_str(&place.ok(&["verify", "--json"])).unwrap();
    assert_eq!((&verified["problemCount"], &verified["changes"]), (&json!(0), &json!(5)));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn neither_log_nor_metrics_tell_personal_data(#[case] backend: Backend) {
    let place = Place::new(backend).await;
    let log = place.folder.path().join("log");
    let server = {
        let mut shell = place.command(&["serve", "--sandbox"]);
        shell.env("LIAISON__LOG__FILTER", "debug").env("LIAISON__LOG__FORMAT", "json");
        serve_logged(&place, shell, &log)
    };
    let token = place.ok(&["token"]);

    assert_eq!(server.create(&token).0, 200);
    assert_eq!(server.create("garbage").0, 401);
    let metrics = curl(&[&format!("{}/metrics", server.ops_url)]).unwrap().1;
    server.stop();

    let logged = std::fs::read_to_string(&log).unwrap();
    assert!(logged.lines().count() > 3, "{logged}");
    for line in logged.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
    assert!(metrics.contains("# TYPE"), "{metrics}");
    for line in [
        "liaison_webhook_deliveries{state=\"pending\"} 0",
        "liaison_webhook_deliveries{state=\"dead\"} 0",
        "liaison_webhook_changes_unread 0",
        "liaison_webhook_oldest_pending_seconds 0",
        "liaison_streams_open 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    let signature = token.trim().rsplit('.').next().unwrap();
    for secret in ["sue.smith", "Hansen", "Contoso Customer", "supply chain", "sandbox-password", signature] {
        assert!(!logged.contains(secret), "{secret} is in the log");
        assert!(!metrics.contains(secret), "{secret} is in the metrics");
    }
}

/// Starts a server whose standard error goes to a file.
fn serve_logged(place: &Place, mut command: Command, log: &Path) -> Running {
    let output = place.folder.path().join("out");
    command.stdout(std::fs::File::create(&output).unwrap()).stderr(std::fs::File::create(log).unwrap());
    let child = command.spawn().unwrap();
    let read = || std::fs::read_to_string(&output).unwrap();
    wait_for("the welcome", || read().contains("Starting again keeps everything.\n"));
    let printed = read();
    let after =
        |label: &str| printed.split_once(label).unwrap().1.split_whitespace().next().unwrap().to_owned();
    let (base_url, ops_url) = (after("Liaison sandbox"), after("Health, metrics"));
    wait_for("readiness", || curl(&[&format!("{ops_url}/readyz")]).is_some_and(|(status, _)| status == 200));
    Running { child, printed: Arc::new(Mutex::new(printed)), base_url, ops_url }
}
