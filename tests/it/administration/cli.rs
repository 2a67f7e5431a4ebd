//! Administration from the command line: alone with the data, and beside a running server.

use rstest::rstest;
use serde_json::{Value, json};

use crate::{cli::Place, world::*};

/// Runs a command that prints JSON.
#[track_caller]
fn json_of(place: &Place, args: &[&str]) -> Value {
    serde_json::from_str(&place.ok(&[args, &["--json"]].concat())).unwrap()
}

/// Runs a command that must fail, and returns why.
#[track_caller]
fn refusal(place: &Place, args: &[&str]) -> String {
    let output = place.run(args);
    assert!(!output.status.success(), "{args:?} did not fail");
    String::from_utf8(output.stderr).unwrap()
}

/// Administers one organisation with every command; whether a server runs makes no difference.
fn administer(place: &Place, name: &str) {
    let domain = format!("{}.example", name.to_lowercase());
    let ann = format!("ann@{domain}");
    let user =
        ["user", "add", "--organization", name, "--email", &ann, "--name", "Ann", "--role", "account-admin"];
    let solution = format!("SOL-{}-ABC", name.len());
    place.ok(&["org", "add", name, "--domain", &domain, "--mpn-id", "100"]);
    place.ok(&user);

    let update = ["org", "update", name, "--email", "hello@x.example", "--country", "de", "--city", "Berlin"];
    let updated = json_of(place, &update);
    assert_eq!(updated["defaultAddress"]["country"], "DE");
    assert_eq!(json_of(place, &["org", "show", name]), updated);
    assert!(place.ok(&["org", "show", &domain]).contains("defaultAddress.city         Berlin\n"));

    let owner = ["--organization", name];
    let location = ["location", "add", "--mpn-id", "200", "--name", "Annex", "--country", "FR"];
    let location = json_of(place, &[&location[..], &owner[..]].concat());
    assert_eq!((text(&location, "/address/country"), &location["isDefault"]), ("FR", &json!(false)));
    let locations = json_of(place, &[&["location", "list"], &owner[..]].concat());
    let mpn_ids: Vec<_> = locations.as_array().unwrap().iter().map(|it| text(it, "/mpnId")).collect();
    assert_eq!(mpn_ids, ["100", "200"]);

    let add = ["solution", "add", "--id", &solution, "--name", "Service", "--type", "ip", "--mpn-id", "200"];
    let added = json_of(place, &[&add[..], &owner[..]].concat());
    assert_eq!((text(&added, "/solutionType"), text(&added, "/mpnId")), ("IP", "200"));
    assert!(place.ok(&["solution", "list"]).contains(&format!("{solution}  {name}  Service\n")));

    let add = ["application", "add", "--name", "Desk", "--public", "--redirect-uri", "http://localhost"];
    let application = json_of(place, &[&add[..], &owner[..]].concat());
    assert_eq!((&application["isPublic"], application.get("clientSecret")), (&json!(true), None));
    let id = text(&application, "/id");
    let update = ["application", "update", id, "--redirect-uri", "https://desk.example/back"];
    assert_eq!(json_of(place, &update)["redirectUris"], json!(["https://desk.example/back"]));
    assert!(
        place
            .ok(&["application", "list"])
            .contains(&format!("{id}  {name}  Desk  https://desk.example/back\n"))
    );

    // The operator may take the last account admin's role, and limit it to a location.
    let limited = json_of(place, &["user", "update", &ann, "--role", "referrals-user", "--location", "200"]);
    assert_eq!((&limited["roles"], &limited["locations"]), (&json!(["referrals-user"]), &json!(["200"])));
    let remove = ["location", "remove", "200", "--organization", name];
    assert!(refusal(place, &remove).contains("the roles of 1 users are limited to location 200"));
    let free = ["user", "update", &ann, "--entire-company", "--password", "long enough"];
    assert_eq!(json_of(place, &free)["locations"], json!([]));
    assert!(refusal(place, &remove).contains(&format!("solution {solution} is of location 200")));
    assert_eq!(json_of(place, &["solution", "remove", &solution]), json!({"removed": solution}));
    assert_eq!(place.ok(&remove), "Removed 200.\n");
    let users = json_of(place, &[&["user", "list"], &owner[..]].concat());
    assert_eq!((text(&users, "/0/email"), text(&users, "/0/organizationName")), (&*ann, name));
    assert_eq!(place.ok(&["user", "remove", &ann]), format!("Removed {ann}.\n"));
    assert_eq!(json_of(place, &[&["user", "list"], &owner[..]].concat()), json!([]));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_operator_administers_any_organization_with_and_without_a_server(#[case] backend: Backend) {
    let place = Place::new(backend).await;
    place.ok(&["migrate"]);
    administer(&place, "Offline");
    let server = place.serve(&[]);
    administer(&place, "Beside");

    for (args, said) in [
        (&["user", "update", "nobody@x.example", "--name", "X"][..], "no user has"),
        (&["user", "remove", "nobody@x.example"], "no user has"),
        (&["solution", "remove", "SOL-0"], "no solution has the id"),
        (&["location", "remove", "7", "--organization", "Beside"], "no location with"),
        (&["location", "remove", "100", "--organization", "Beside"], "default"),
        (&["org", "show", "Nobody"], "no organization has"),
        (&["org", "update", "Beside", "--domain", "offline.example"], "belongs to another organization"),
        (&["org", "update", "Beside", "--email", "x", "--country", "ZZ"], "\"x\" is not an e-mail address"),
        (&["solution", "add", "--organization", "Beside", "--name", "A", "--type", "9P"], "solutionType"),
        (&["application", "update", "SOL-0", "--name", "A"], "no application has the client id"),
        (
            &[
                "application",
                "add",
                "--organization",
                "Beside",
                "--name",
                "A",
                "--redirect-uri",
                "http://x.example",
            ],
            "redirectUris/0: the redirect URI \"http://x.example\" is not encrypted",
        ),
    ] {
        let refused = refusal(&place, args);
        assert!(refused.contains(said), "{args:?}: {refused}");
    }
    server.stop();
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_an_operator_changes_counts_at_the_next_call(#[case] backend: Backend) {
    let place = Place::new(backend).await;
    let server = place.serve(&["--sandbox"]);
    let token = place.ok(&["token", "--user", UMA]);
    assert_eq!(server.create(&token).0, 200);

    place.ok(&["user", "update", UMA, "--role", "account-admin"]);

    // On PostgreSQL the command writes to the database itself, and the server hears of it.
    let mut status = 0;
    for _ in 0..200 {
        status = server.create(&token).0;
        if status == 403 {
            break;
        }
    }
    assert_eq!(status, 403);
    // Starting the sandbox again brings back neither roles nor people.
    place.ok(&["user", "remove", "max.user@microsoft.example"]);
    server.stop();
    place.serve(&["--sandbox"]).stop();
    let users = place.ok(&["user", "list"]);
    assert!(
        !users.contains("max.user") && users.contains("uma.user@contoso.example  Uma User  account-admin")
    );
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_sandbox_of_an_older_version_gets_its_account_admins(#[case] backend: Backend) {
    let place = Place::new(backend).await;
    place.serve(&["--sandbox"]).stop();
    for who in ["ada.account@contoso.example", "abe.account@fabrikam.example"] {
        place.ok(&["user", "remove", who]);
    }
    place.ok(&["user", "update", "fay.admin@fabrikam.example", "--role", "account-admin"]);

    place.serve(&["--sandbox"]).stop();

    let users = place.ok(&["user", "list"]);
    assert!(users.contains("ada.account"), "Contoso had none: {users}");
    assert!(!users.contains("abe.account"), "Fabrikam had one: {users}");
}
