//! The tokens of the built-in issuer, claim by claim.

use jsonwebtoken::dangerous;
use serde_json::Value;

use super::{
    error::TokenError,
    mint::REFRESH_LIFETIME_SECS,
    request::{OpenidScopes, Version},
};
use crate::{
    auth::{
        resource::Resource,
        testing::{self, NOW_SECS},
    },
    domain::{sources::Clock, time::Timestamp},
};

const API: &str = "https://api.partner.microsoft.com";

fn claims(token: &str) -> Value {
    dangerous::insecure_decode_claims(token).unwrap()
}

#[test]
fn a_version_1_token_has_the_claims_of_entra() {
    let principal = testing::principal();
    let methods = ["pwd".to_owned()];
    let mut sign_in = testing::sign_in(&principal);
    sign_in.methods = &methods;

    let token = testing::mint().user_token(sign_in, API, Version::V1, 3600).unwrap();

    insta::assert_json_snapshot!(claims(&token));
}

#[test]
fn a_version_2_token_has_the_claims_of_entra() {
    let principal = testing::principal();

    let token = testing::mint().user_token(testing::sign_in(&principal), API, Version::V2, 3600).unwrap();

    insta::assert_json_snapshot!(claims(&token));
}

#[test]
fn an_application_token_names_no_person() {
    let (application, organization) = (testing::application(), testing::organization());

    let mint = testing::mint();
    let token = mint.application_token(&application, &organization, API, Version::V1, 60).unwrap();

    insta::assert_json_snapshot!(claims(&token));
}

#[test]
fn an_id_token_is_for_the_application() {
    let principal = testing::principal();
    let openid = OpenidScopes { has_openid: true, has_email: true, ..OpenidScopes::default() };

    let mint = testing::mint();
    let token = mint.id_token(testing::sign_in(&principal), openid, Version::V2, 3600).unwrap();

    insta::assert_json_snapshot!(claims(&token));
}

#[test]
fn a_refresh_token_lives_ninety_days_and_dies_with_the_password() {
    let principal = testing::principal();
    let token = testing::mint().refresh_token(testing::sign_in(&principal), Resource::Partner).unwrap();
    let read_at = |secs| {
        let clock = Clock::fixed(Timestamp::from_unix_secs(NOW_SECS + secs));
        testing::mint_at(clock).read_refresh_token(&token)
    };

    let read = read_at(REFRESH_LIFETIME_SECS - 1).unwrap();
    assert!(read.is_stamped_for(&principal.user));
    let mut changed = principal.user;
    changed.password_hash = Some("$argon2id$other".to_owned());
    assert!(!read.is_stamped_for(&changed));
    changed.password_hash = None;
    assert!(!read.is_stamped_for(&changed));
    assert!(matches!(read_at(REFRESH_LIFETIME_SECS), Err(TokenError::ExpiredRefreshToken)));
}

#[test]
fn only_refresh_tokens_are_redeemed() {
    let principal = testing::principal();
    let sign_in = testing::sign_in(&principal);
    let mint = testing::mint();
    let access = mint.user_token(sign_in, API, Version::V1, 3600).unwrap();
    let id = mint.id_token(sign_in, OpenidScopes::default(), Version::V1, 3600).unwrap();
    let good = mint.refresh_token(sign_in, Resource::Partner).unwrap();

    for token in [access, id, String::new(), format!("{good}AA"), format!("x{good}")] {
        assert!(matches!(mint.read_refresh_token(&token), Err(TokenError::InvalidRefreshToken)));
    }
}
