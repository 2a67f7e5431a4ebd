//! What `serve --sandbox` says when it is ready: who is there, and commands that work when pasted.

use std::{
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use super::out;
use crate::{
    app::App,
    config::Config,
    sandbox::seed::{COMPANIES, Company, FIRST_REFERRAL, PASSWORD},
};

/// The file of the first referral, beside the data, so that the printed command can name it.
const FIRST_REFERRAL_FILE: &str = "first-referral.json";

/// Prints the welcome, and writes the first referral beside the data.
pub(super) fn sandbox(app: &App, file: Option<&Path>, ops_address: SocketAddr) -> anyhow::Result<()> {
    let referral = absolute(&app.config.data_dir).join(FIRST_REFERRAL_FILE);
    if !referral.exists() {
        std::fs::write(&referral, FIRST_REFERRAL)
            .with_context(|| format!("{} cannot be written", referral.display()))?;
    }
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("liaison"));
    let token = token_commands(&program, &app.config, file);
    let mut out = out();
    write!(out, "{}", text(&app.public_url, ops_address, &token, &referral))?;
    out.flush()?;
    Ok(())
}

fn text(base: &str, ops_address: SocketAddr, token: &str, referral: &Path) -> String {
    let [contoso, ..] = &COMPANIES;
    let companies: String = COMPANIES.iter().map(describe).collect();
    let referral = quote(&referral.display().to_string());
    format!(
        r#"
Liaison sandbox     {base}
Health, metrics     http://{ops_address}

Open it in a browser for the dashboard: sign in as any of these people, and as another in a private window
Companies (every password is {PASSWORD})
{companies}
Sign in as Contoso's Referrals admin, as a client does
  curl -s {base}/common/oauth2/token \
    -d grant_type=password -d scope=openid -d resource=https://api.partner.microsoft.com \
    -d client_id={client_id} -d client_secret={client_secret} \
    -d username={username} -d password={PASSWORD}

Or take a token without signing in (--organization and --user choose another caller)
{token}

Create the first referral, and read it back
  curl -i {base}/v1.0/engagements/referrals -H "Authorization: Bearer $TOKEN" \
    -H 'Content-Type: application/json' --data @{referral}
  curl -s {base}/v1.0/engagements/referrals/ID -H "Authorization: Bearer $TOKEN"

Stop with Ctrl-C. Starting again keeps everything.

"#,
        client_id = contoso.client_id,
        client_secret = contoso.client_secret,
        username = contoso.admin.1,
    )
}

fn describe(company: &Company) -> String {
    let Company { name, id, admin, user, account_admin, .. } = company;
    let solutions: Vec<_> = company.solutions.iter().map(|(id, _)| *id).collect();
    let users = [admin.1, user.1, account_admin.1].join(", ");
    format!("  {name:15}  {id}\n{:19}{users}\n{:19}sells {}\n", "", "", solutions.join(", "))
}

/// Returns the lines that take a token for these data, from whatever folder they are run. A password does not
/// belong on a screen: who reads this has it, and is told to set it.
fn token_commands(program: &Path, config: &Config, file: Option<&Path>) -> String {
    let mut words = vec![quote(&program.display().to_string()), "token".to_owned()];
    if config.database_url.is_empty() {
        words.push("--data".to_owned());
        words.push(quote(&absolute(&config.data_dir).display().to_string()));
    }
    if let Some(file) = file {
        words.push("--config".to_owned());
        words.push(quote(&absolute(file).display().to_string()));
    }
    let take = format!("  TOKEN=$({})", words.join(" "));
    match (config.database_url.is_empty(), config.database_url.without_password()) {
        (true, _) => take,
        (false, Some(url)) => format!("  export LIAISON_DATABASE_URL={}\n{take}", quote(url)),
        (false, None) => format!(
            "  # First set LIAISON_DATABASE_URL to this server's database; its password is not shown here.\n{take}"
        ),
    }
}

fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Writes a word so that a shell reads it as it is.
fn quote(word: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "/._-+=:@%".contains(it);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    #[test]
    fn the_token_is_taken_from_the_servers_database_without_showing_a_password() {
        let said = |url: &str| {
            let overrides = vec![("database_url", url.to_owned())];
            let sources = Sources { environment: Some(Default::default()), overrides, ..Sources::default() };
            token_commands(Path::new("/bin/liaison"), &Config::load(&sources).unwrap(), None)
        };

        let without = said("postgres://liaison@db/it's");
        let with = said("postgres://liaison:hunter2@db/liaison");

        assert_eq!(
            without,
            "  export LIAISON_DATABASE_URL='postgres://liaison@db/it'\\''s'\n  TOKEN=$(/bin/liaison token)"
        );
        assert!(with.starts_with("  # First set LIAISON_DATABASE_URL"), "{with}");
        assert!(with.ends_with("\n  TOKEN=$(/bin/liaison token)") && !with.contains("hunter2"), "{with}");
    }

    #[test]
    fn a_path_with_blanks_and_quotes_survives_a_shell() {
        assert_eq!(quote("/srv/liaison-1.0"), "/srv/liaison-1.0");
        assert_eq!(quote("/srv/it's here"), r"'/srv/it'\''s here'");
    }

    #[test]
    fn the_welcome_names_every_company_and_the_commands() {
        let text = text(
            "http://127.0.0.1:8080",
            "127.0.0.1:8081".parse().unwrap(),
            "  TOKEN=$(/usr/bin/liaison token --data /srv)",
            Path::new("/srv/first-referral.json"),
        );

        for part in [
            "TOKEN=$(/usr/bin/liaison token --data /srv)",
            "--data @/srv/first-referral.json",
            "Contoso Company  7d23e5ca-19dc-4eaa-aac8-5e6b559f0d1d",
            "fay.admin@fabrikam.example",
            "Microsoft        msft",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }
}
