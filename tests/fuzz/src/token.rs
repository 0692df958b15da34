//! The reader of tokens: what is not signed is never taken, and what a signed token says is within
//! the bounds of the settings.

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{auth::token::Keys, config::Settings, error::Error};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use samregister::http::execution;

const SECRET: &str = "a-secret-for-fuzzing-of-32-bytes-or-more";
/// 2026-01-01.
const NOW: DateTime<Utc> = DateTime::from_timestamp(1_767_225_600, 0).unwrap();
/// The longest time that a token is valid for by default, and what clocks may differ when it begins
/// and ends.
const LONGEST: TimeDelta = TimeDelta::seconds(400 * 86_400 + 90);

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let settings =
        Settings::load([("SAMREGISTER_JWT_SECRET".to_owned(), SECRET.to_owned())], None).unwrap();
    Keys::from_settings(&settings).unwrap()
});

/// Checks a token, and a signed one: the lines of the input are its header and its claims.
pub fn check(input: &str) {
    // As it comes: the secret is in no input.
    assert!(
        matches!(KEYS.verify(input, NOW), Err(Error::Unauthenticated(_))),
        "a token is taken that was not signed"
    );
    if let Some(token) = execution::fuzz_bearer(input.as_bytes()) {
        assert!(token.trim() == token && input.contains(&token), "{token:?}");
        assert!(KEYS.verify(&token, NOW).is_err(), "a token is taken that was not signed");
    }
    // Signed.
    let (header, claims) = input.split_once('\n').unwrap_or((r#"{"alg":"HS256"}"#, input));
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
    let signed = format!("{header}.{claims}");
    let key = EncodingKey::from_secret(SECRET.as_bytes()).unwrap();
    let signature = crypto::sign(signed.as_bytes(), &key, Algorithm::HS256).unwrap();
    let verified = match KEYS.verify(&format!("{signed}.{signature}"), NOW) {
        Ok(verified) => verified,
        Err(Error::Unauthenticated(reason)) => {
            assert!(reason.len() <= 500, "{reason}");
            return;
        }
        Err(error) => panic!("{error:?}"),
    };
    assert!(NOW < verified.until && verified.until <= NOW + LONGEST, "{verified:?}");
    assert!(verified.issued.is_none_or(|issued| issued <= NOW.timestamp() + 60), "{verified:?}");
    let viewer = &verified.viewer;
    assert!(
        !viewer.roles.is_empty()
            && !viewer.subject.trim().is_empty()
            && viewer.subject.chars().count() <= 300,
        "{viewer:?}"
    );
    assert!(!viewer.subject.chars().any(char::is_control), "{viewer:?}");
    // A token for any subject says the same of them.
    if let Ok(minted) = KEYS.mint(viewer, 1, NOW) {
        let again = KEYS
            .verify(&minted, NOW)
            .unwrap_or_else(|error| panic!("a minted token is refused: {error}"));
        assert_eq!(again.viewer, *viewer);
    }
}
