//! Signing in at the token endpoint, in the form that Microsoft's pages show.

use crate::{
    check::Verdict,
    play::Play,
    scenario::{Need, Scenario, must},
    sources::{AUTH, CLIENTS},
    target::{Credentials, Identity, Who, form},
    wire::{Answer, post},
};

const PARTNER: &str = "https://api.partner.microsoft.com";

pub(in crate::scenarios) fn scenarios() -> Vec<Scenario> {
    let scenarios = [
        must("sign-in-password", "The published password grant gives a token", AUTH, gives_token),
        must("sign-in-texts", "Numbers of the answer are texts, in version 1.0", AUTH, has_texts),
        must("sign-in-refresh-token", "A person gets a refresh token", AUTH, has_refresh_token),
        must("sign-in-wrong-password", "A wrong password is 400 invalid_grant", AUTH, refuses_password),
        must("sign-in-wrong-secret", "A wrong secret is 401 invalid_client", AUTH, refuses_secret),
        must("sign-in-unknown-grant", "An unknown grant is 400", AUTH, refuses_grant),
        must("sign-in-not-cached", "Tokens are not to be kept by caches", CLIENTS, is_not_cached),
    ];
    scenarios.into_iter().map(|it| it.needs(&[Need::SignIn])).collect()
}

fn credentials(play: &Play) -> Credentials {
    match &play.run().parties.caller {
        Some(Identity::SignIn(credentials)) => credentials.clone(),
        _ => Credentials { client_id: String::new(), client_secret: None, username: None, password: None },
    }
}

async fn ask(play: &Play, form: String) -> Answer {
    let url = play.run().parties.token_url.clone().unwrap_or_default();
    let request = post(url, &serde_json::Value::Null).by(Who::Nobody).secret();
    play.send(request.header("content-type", "application/x-www-form-urlencoded").text(form)).await
}

/// Signs in once for all: a password takes its time to check, by design.
async fn signed_in(play: &Play) -> Verdict<&Answer> {
    let once = || ask(play, form(&credentials(play), PARTNER));
    play.run().signed_in.get_or_init(once).await.ok()
}

async fn gives_token(play: &Play) -> Verdict {
    let answer = signed_in(play).await?;
    answer.is("/token_type", "Bearer")?.is("/resource", PARTNER)?.string("/access_token").map(drop)
}

async fn has_texts(play: &Play) -> Verdict {
    let answer = signed_in(play).await?;
    for name in ["/expires_in", "/expires_on", "/not_before", "/ext_expires_in"] {
        let text = answer.string(name)?;
        answer.ensure(text.parse::<u64>().is_ok(), "a number as a text", text)?;
    }
    Ok(())
}

async fn has_refresh_token(play: &Play) -> Verdict {
    let answer = signed_in(play).await?;
    answer.string("/refresh_token")?;
    answer.string("/id_token").map(drop)
}

async fn refused(play: &Play, form: String, status: &[u16], error: &str) -> Verdict {
    let answer = ask(play, form).await;
    answer.status(status)?.is("/error", error)?.string("/error_description").map(drop)
}

async fn refuses_password(play: &Play) -> Verdict {
    let wrong = Credentials { password: Some("not the password".to_owned()), ..credentials(play) };
    refused(play, form(&wrong, PARTNER), &[400], "invalid_grant").await
}

async fn refuses_secret(play: &Play) -> Verdict {
    let wrong = Credentials { client_secret: Some("not the secret".to_owned()), ..credentials(play) };
    refused(play, form(&wrong, PARTNER), &[401], "invalid_client").await
}

async fn refuses_grant(play: &Play) -> Verdict {
    let form = form(&credentials(play), PARTNER).replace("grant_type=password", "grant_type=telepathy");
    refused(play, form, &[400], "unsupported_grant_type").await
}

async fn is_not_cached(play: &Play) -> Verdict {
    let answer = signed_in(play).await?;
    let control = answer.need_header("cache-control")?;
    answer.ensure(control.contains("no-store"), "Cache-Control: no-store", control).map(drop)
}
