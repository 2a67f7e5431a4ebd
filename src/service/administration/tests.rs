//! Adding organisations and their people, as operators do.

use uuid::Uuid;

use super::*;
use crate::{
    app::{App, system_random},
    config::{Config, Sources},
    domain::organization::ExternalSubject,
};

const ENTRA_TENANT: Uuid = Uuid::from_u128(0xe7a);

/// A store with Contoso, which sells SOL-1.
struct World {
    app: App,
    random: Random,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let sources = Sources { environment: Some(Default::default()), ..Sources::default() };
        let (app, folder) = App::for_test(Config::load(&sources).unwrap()).await;
        let world = Self { app, random: system_random(), _folder: folder };
        let solutions = vec![SolutionRequest { id: "SOL-1".to_owned(), name: "Service".to_owned() }];
        let contoso = OrganizationRequest {
            tenant_id: Some(ENTRA_TENANT),
            domain: Some("Contoso.example".to_owned()),
            solutions,
            ..organization("Contoso")
        };
        world.add(contoso).await.unwrap();
        world
    }

    fn tools(&self) -> Tools<'_> {
        let context = &self.app.context;
        Tools { store: &context.store, random: &self.random, now: context.clock.now() }
    }

    async fn add(&self, request: OrganizationRequest) -> Result<OrganizationAdded, AdministrationError> {
        add_organization(self.tools(), request).await
    }

    async fn add_user(&self, request: UserRequest) -> Result<UserAdded, AdministrationError> {
        add_user(self.tools(), request).await
    }
}

fn organization(name: &str) -> OrganizationRequest {
    OrganizationRequest { name: name.to_owned(), ..OrganizationRequest::default() }
}

fn user(email: &str) -> UserRequest {
    UserRequest {
        organization: "contoso".to_owned(),
        id: None,
        email: email.to_owned(),
        name: "Ann".to_owned(),
        roles: vec!["referrals-admin".to_owned()],
        locations: Vec::new(),
        password: None,
        issuer: None,
        subject: None,
    }
}

fn user_of_issuer(email: &str, subject: &str) -> UserRequest {
    let issuer = Some("https://login.example".to_owned());
    UserRequest { issuer, subject: Some(subject.to_owned()), ..user(email) }
}

fn conflict<T>(outcome: Result<T, AdministrationError>) -> String {
    match outcome {
        Err(AdministrationError::Conflict(Obstacle::Taken, message)) => message,
        Err(other) => panic!("{other} is no conflict"),
        Ok(_) => panic!("nothing was refused"),
    }
}

#[tokio::test]
async fn a_user_of_an_entra_tenant_is_known_by_tid_and_oid() {
    let world = World::new().await;
    let oid = Uuid::from_u128(7);

    let added = world.add_user(UserRequest { id: Some(oid), ..user("ann@contoso.example") }).await.unwrap();

    let found = world.tools().store.find_principal(ENTRA_TENANT, oid).await.unwrap().unwrap();
    assert_eq!((added.user_id, found.user.email.as_str()), (oid, "ann@contoso.example"));
}

#[tokio::test]
async fn a_user_of_another_issuer_is_known_by_its_subject_and_has_no_password() {
    let world = World::new().await;

    let added = world.add_user(user_of_issuer("ann@contoso.example", "s|7")).await.unwrap();

    let subject = ExternalSubject { issuer: "https://login.example".to_owned(), subject: "s|7".to_owned() };
    let found = world.tools().store.find_principal_by_subject(&subject).await.unwrap().unwrap();
    assert_eq!(found.user.id, added.user_id);
    assert_eq!((added.generated_password, found.user.password_hash.as_deref()), (None, None));
}

#[tokio::test]
async fn a_user_that_is_there_is_refused_by_what_is_taken() {
    let world = World::new().await;
    let id = Some(Uuid::from_u128(7));
    let first = UserRequest { id, ..user_of_issuer("ann@contoso.example", "7") };
    world.add_user(first).await.unwrap();

    let by_email = conflict(world.add_user(user("Ann@Contoso.example")).await);
    let by_id = conflict(world.add_user(UserRequest { id, ..user("bea@contoso.example") }).await);
    let by_subject = conflict(world.add_user(user_of_issuer("bea@contoso.example", "7")).await);

    assert!(by_email.contains("ann@contoso.example"), "{by_email}");
    assert!(by_id.contains("00000000-0000-0000-0000-000000000007"), "{by_id}");
    assert!(by_subject.contains("https://login.example knows as \"7\""), "{by_subject}");
}

#[tokio::test]
async fn half_an_identity_and_a_second_way_to_sign_in_are_refused() {
    let world = World::new().await;
    let whole = || user_of_issuer("ann@contoso.example", "7");

    for request in [
        UserRequest { subject: None, ..whole() },
        UserRequest { issuer: None, ..whole() },
        UserRequest { subject: Some(" ".to_owned()), ..whole() },
        UserRequest { password: Some("hunter2".to_owned()), ..whole() },
    ] {
        let refused = world.add_user(request).await;
        assert!(matches!(refused, Err(AdministrationError::Invalid(_))));
    }
}

#[tokio::test]
async fn what_another_organization_has_is_refused_before_anything_is_written() {
    let world = World::new().await;
    let solution = SolutionRequest { id: "sol-1".to_owned(), name: "Mine".to_owned() };
    let tenant = ENTRA_TENANT.to_string();

    for (request, word) in [
        (OrganizationRequest { domain: Some("CONTOSO.example".to_owned()), ..organization("A") }, "domain"),
        (OrganizationRequest { tenant_id: Some(ENTRA_TENANT), ..organization("A") }, "tenant id"),
        (OrganizationRequest { id: Some(tenant), ..organization("A") }, "tenant id"),
        (OrganizationRequest { solutions: vec![solution], ..organization("A") }, "solution"),
    ] {
        let message = conflict(world.add(request).await);
        assert!(message.contains(word) && message.contains("belongs to Contoso"), "{message}");
    }
    assert_eq!(world.tools().store.list_organizations().await.unwrap().len(), 1);
}

#[test]
fn microsoft_has_the_tenant_id_of_its_own() {
    assert_eq!(tenant_id(&OrganizationId::msft()).to_string(), "6d736674-0000-4000-8000-000000000000");
    let contoso = OrganizationId::parse("7D23E5CA-19DC-4EAA-AAC8-5E6B559F0D1D").unwrap();
    assert_eq!(tenant_id(&contoso).to_string(), contoso.as_str());
}

#[test]
fn secrets_are_not_shown_by_debug() {
    let added = UserAdded {
        user_id: Uuid::nil(),
        organization_id: OrganizationId::msft(),
        email: "a@b.example".to_owned(),
        generated_password: Some("hunter2".to_owned()),
    };

    let shown = format!("{added:?}");

    assert!(!shown.contains("hunter2") && !shown.contains("a@b.example"), "{shown}");
}
