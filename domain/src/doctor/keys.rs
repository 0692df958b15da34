//! Checks of the keys: that of the trail, those of tokens, and the services that the settings name.

use std::{collections::BTreeMap, path::PathBuf};

use chrono::{DateTime, TimeDelta, Utc};

use super::diagnosis::{Check, Subject};
use crate::{config::Secret, error::Result};

/// Age from which a key should be replaced, in days: a year, and a month to do it.
const MAX_KEY_DAYS: i64 = 400;
/// Bits of a secret below which it can be guessed.
const LEAST_BITS: f64 = 64.0;
/// Bits that a random secret of 32 hexadecimal digits has nearly.
const ENOUGH_BITS: f64 = 100.0;

/// The key that signs the trail, as its file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrailKeyState {
    /// Its file can't be read, with the reason.
    Unreadable(String),
    /// There is none. `true` if the settings name public keys to verify with.
    Missing(bool),
    /// The key with this id.
    Present(String),
}

/// Facts about the key that signs the trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailKeyFacts {
    /// Its file.
    pub file: PathBuf,
    /// Its state.
    pub state: TrailKeyState,
    /// The id of the key that signed the last entry; null: nothing is signed.
    pub last_signer: Option<String>,
    /// The time of the first entry that the key signed; null: none.
    pub used_since: Option<DateTime<Utc>>,
    /// The file of a new key that an interrupted replacement left; null: none.
    pub unfinished: Option<PathBuf>,
}

/// Checks the key that signs the trail.
#[must_use]
pub fn trail_key(facts: &TrailKeyFacts, now: DateTime<Utc>) -> Check {
    let subject = Subject::TrailKey;
    let file = facts.file.display();
    if let Some(next) = &facts.unfinished {
        return Check::fail(
            subject,
            format!("an interrupted replacement left {}", next.display()),
            "finish it with `samregister trail-key replace`",
        );
    }
    let id = match &facts.state {
        TrailKeyState::Unreadable(reason) => {
            return Check::fail(subject, reason.clone(), "restore the file from its backup");
        }
        TrailKeyState::Missing(true) => {
            return Check::warn(
                subject,
                format!("there is no key in {file}: this machine can verify, and change nothing"),
                "nothing, if that is its purpose",
            );
        }
        TrailKeyState::Missing(false) if facts.last_signer.is_none() => {
            return Check::warn(
                subject,
                format!("there is no key in {file}, and nothing is signed yet"),
                "`samregister migrate` or the first start creates it; back it up then",
            );
        }
        TrailKeyState::Missing(false) => {
            return Check::fail(
                subject,
                format!("there is no key in {file}: nothing can be changed"),
                "copy the key's file there, or name it in SAMREGISTER_TRAIL_KEY",
            );
        }
        TrailKeyState::Present(id) => id,
    };
    if let Some(other) = facts.last_signer.as_ref().filter(|signer| *signer != id) {
        return Check::fail(
            subject,
            format!("the key in {file} is {id}, but the last entry was signed with {other}"),
            "put the file of that key there, or name it in SAMREGISTER_TRAIL_KEY",
        );
    }
    let days = facts.used_since.map(|since| (now - since).num_days());
    match days {
        Some(days) if days > MAX_KEY_DAYS => Check::warn(
            subject,
            format!("Ed25519 key {id}, used for {days} days"),
            "replace it each year: stop the server, then run `samregister trail-key replace`",
        ),
        Some(days) => Check::ok(subject, format!("Ed25519 key {id}, used for {days} days")),
        None => Check::ok(subject, format!("Ed25519 key {id}, not used yet")),
    }
}

/// The age of a file with a key or a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAge {
    /// The setting that names the file.
    pub setting: String,
    /// The time of its last change.
    pub changed_at: DateTime<Utc>,
}

/// Checks the keys of tokens. `found` says whether a server could use them; `named` are secrets
/// with the names of their settings.
#[must_use]
pub fn token_keys(
    found: Result<&'static str, String>,
    named: &[(&str, &Secret)],
    ages: &[KeyAge],
    now: DateTime<Utc>,
) -> Check {
    let subject = Subject::TokenKeys;
    let kind = match found {
        Ok(kind) => kind,
        Err(reason) => {
            return Check::fail(subject, reason, "set one kind of key: docs/tokens.md");
        }
    };
    let with_bits = |limit: f64| {
        let weak = named.iter().filter(move |(_, secret)| bits(secret.expose()) < limit);
        let mut names: Vec<_> = weak.map(|(name, _)| *name).collect();
        names.dedup();
        names.join(", ")
    };
    let (guessable, short) = (with_bits(LEAST_BITS), with_bits(ENOUGH_BITS));
    let advice = "replace it by a random one: `openssl rand -base64 48`";
    if !guessable.is_empty() {
        return Check::fail(subject, format!("{guessable} can be guessed"), advice);
    }
    if !short.is_empty() {
        return Check::warn(subject, format!("{short} does not look random"), advice);
    }
    let old = ages.iter().filter(|age| now - age.changed_at > TimeDelta::days(MAX_KEY_DAYS));
    let old: Vec<_> = old.map(|age| age.setting.as_str()).collect();
    if !old.is_empty() {
        let message = format!("the file of {} is older than {MAX_KEY_DAYS} days", old.join(", "));
        return Check::warn(subject, message, "replace the key: docs/tokens.md describes rotation");
    }
    Check::ok(subject, kind)
}

/// Returns the bits of a secret, if each character were drawn by its share of the secret. A
/// repeated part counts one time.
fn bits(secret: &str) -> f64 {
    let chars: Vec<char> = secret.chars().collect();
    let is_period =
        |period: &usize| chars.iter().zip(&chars[*period..]).all(|(one, other)| one == other);
    let period = (1..chars.len()).find(is_period).unwrap_or(chars.len());
    let part = &chars[..period];
    let mut counts = BTreeMap::<char, f64>::new();
    part.iter().for_each(|char| *counts.entry(*char).or_default() += 1.0);
    counts.values().map(|count| -count * (count / part.len() as f64).log2()).sum()
}

/// Checks that the issuer of tokens responds with its keys. `None`: the settings name none.
#[must_use]
pub fn issuer(found: Option<Result<usize, String>>) -> Check {
    let subject = Subject::Issuer;
    match found {
        None => Check::ok(subject, "the settings name no issuer"),
        Some(Ok(1)) => Check::ok(subject, "the issuer responds with 1 key"),
        Some(Ok(count)) => Check::ok(subject, format!("the issuer responds with {count} keys")),
        Some(Err(cause)) => Check::fail(
            subject,
            format!("the keys of SAMREGISTER_JWT_JWKS can't be read: {cause}"),
            "check the address, the firewall and the issuer: no token can be verified after a start",
        ),
    }
}

/// Checks that the timestamp service gives timestamps. `None`: the settings name none.
#[must_use]
pub fn timestamp_service(found: Option<Result<(), String>>) -> Check {
    let subject = Subject::TimestampService;
    match found {
        None => Check::ok(subject, "the settings name no timestamp service"),
        Some(Ok(())) => Check::ok(subject, "the timestamp service gives timestamps"),
        Some(Err(cause)) => Check::warn(
            subject,
            format!("the service of SAMREGISTER_TIMESTAMP_URL gives no timestamp: {cause}"),
            "check the address and the service: checkpoints get no timestamps",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::diagnosis::Status, *};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    const NOW: &str = "2026-12-02T09:00:00Z";

    fn facts(state: TrailKeyState) -> TrailKeyFacts {
        TrailKeyFacts {
            file: "key.pem".into(),
            state,
            last_signer: Some("a".into()),
            used_since: Some(at("2026-01-01T00:00:00Z")),
            unfinished: None,
        }
    }

    #[test]
    fn the_trails_key_must_be_that_of_the_last_entry() {
        let status = |facts: TrailKeyFacts| trail_key(&facts, at(NOW)).status;
        let present = || facts(TrailKeyState::Present("a".into()));
        assert_eq!(status(present()), Status::Ok);
        assert_eq!(status(facts(TrailKeyState::Present("b".into()))), Status::Fail);
        assert_eq!(status(facts(TrailKeyState::Missing(false))), Status::Fail);
        assert_eq!(status(facts(TrailKeyState::Missing(true))), Status::Warn);
        assert_eq!(status(facts(TrailKeyState::Unreadable("x".into()))), Status::Fail);
        let new = TrailKeyFacts {
            last_signer: None,
            used_since: None,
            ..facts(TrailKeyState::Missing(false))
        };
        assert_eq!(status(new), Status::Warn);
        let old = at("2025-10-01T00:00:00Z");
        assert_eq!(status(TrailKeyFacts { used_since: Some(old), ..present() }), Status::Warn);
        let left = Some("key.pem.next".into());
        assert_eq!(status(TrailKeyFacts { unfinished: left, ..present() }), Status::Fail);
    }

    #[test]
    fn secrets_that_are_not_random_are_named() {
        for (text, status) in [
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Status::Fail),
            ("passwordpasswordpasswordpassword", Status::Fail),
            ("0123456789012345678901234567890123456789", Status::Fail),
            ("abcd abcd dcba abcd dcba abcd bca", Status::Warn),
            ("0f1e9c3b7a5d8246f0e1d2c3b4a59687", Status::Ok),
            ("yYyrHnZTPpnUQy3dGkLqF1wzYyj8Vd0tS7cZ", Status::Ok),
        ] {
            let secret = Secret::of_test(text);
            let check = token_keys(Ok("secrets"), &[("S", &secret)], &[], at(NOW));
            assert_eq!(check.status, status, "{text}: {}", bits(text));
            assert_eq!(check.message.contains('S'), status != Status::Ok);
            assert!(!check.message.contains(text));
        }
        assert_eq!(token_keys(Err("none".into()), &[], &[], at(NOW)).status, Status::Fail);
    }

    #[test]
    fn old_files_of_keys_are_named() {
        let age = |text: &str| KeyAge { setting: "S_FILE".into(), changed_at: at(text) };
        let of = |text: &str| token_keys(Ok("secrets"), &[], &[age(text)], at(NOW));
        assert_eq!(of("2026-01-01T00:00:00Z").status, Status::Ok);
        let check = of("2025-10-01T00:00:00Z");
        assert!(check.status == Status::Warn && check.message.contains("S_FILE"), "{check:?}");
    }

    #[test]
    fn services_respond() {
        let failed = || Some(Err("refused".to_owned()));
        assert_eq!([issuer(None).status, issuer(Some(Ok(2))).status], [Status::Ok, Status::Ok]);
        assert_eq!(issuer(Some(Err("refused".into()))).status, Status::Fail);
        let of = |found| timestamp_service(found).status;
        assert_eq!(
            [of(None), of(Some(Ok(()))), of(failed())],
            [Status::Ok, Status::Ok, Status::Warn]
        );
    }
}
