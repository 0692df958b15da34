//! Tokens (JWT), and the keys that sign and verify them.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use entity::id::Identifier;
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, crypto, errors::ErrorKind,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub use super::bearer::{SCOPES, Verified};
use super::{
    bearer::{role_values, viewer_of},
    claims::{check_times, check_type, check_use, refused},
    file_link::LinkKeys,
    key_set::{Key, KeySet},
    pem,
    viewer::{Role, Viewer},
};
use crate::{
    config::{self, ClaimNames, Settings, VerificationKey, names},
    error::{Error, FieldErrorCode, Origin, Result, ValidationErrors},
    files,
};

/// Longest accepted token, in bytes. A lead of a hundred activities needs less.
const MAX_TOKEN_BYTES: usize = 8_192;
/// Longest file of a key that links are signed with, in bytes.
const MAX_KEY_FILE_BYTES: u64 = 1 << 20;

/// The keys that verify tokens, the key that signs them if there is one, and the claims that every
/// token must have.
#[derive(Clone, Debug)]
pub struct Keys {
    verifying: Arc<KeySet>,
    signing: Option<Signing>,
    issuer: String,
    audience: String,
    /// Longest validity of a token, in days.
    max_days: u32,
    /// Names of the claims, and values of roles.
    claims: Arc<ClaimNames>,
    /// Keys that sign links to files.
    links: LinkKeys,
}

/// A minted token.
#[derive(Clone, Debug)]
pub struct Minted {
    /// The token itself.
    pub token: String,
    /// Id of the token (`jti`).
    pub id: Uuid,
    /// Time at which it expires.
    pub expires_at: DateTime<Utc>,
}

/// A signing key.
#[derive(Clone, Debug)]
struct Signing {
    algorithm: Algorithm,
    key: EncodingKey,
    /// Key ID (`kid`) of its public key in the key set.
    id: Option<String>,
}

impl Keys {
    /// Returns the keys of the settings. The keys of an issuer are read later: see
    /// [`Keys::refresh`].
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the setting, if there is not exactly one kind of verification key,
    /// a file can't be read or holds another kind of key, or the signing key does not belong to a
    /// public key.
    pub fn from_settings(settings: &Settings) -> Result<Self> {
        let (issuer, audience, max_days) =
            (settings.jwt_issuer.clone(), settings.jwt_audience.clone(), settings.max_token_days);
        let claims = Arc::new(settings.claims.clone());
        let (verifying, setting) = match settings.verification_key()? {
            VerificationKey::Secrets(secrets) => {
                let secrets: Vec<_> =
                    secrets.iter().map(|secret| secret.expose().as_bytes()).collect();
                let links = link_keys(settings, &secrets);
                let own = Self::of_secrets(&secrets, issuer, audience);
                return Ok(Self { max_days, claims, links, ..own });
            }
            VerificationKey::PublicKey(file) => (KeySet::of_pem(file)?, names::JWT_PUBLIC_KEY),
            VerificationKey::KeySet(file) => (KeySet::of_file(file)?, names::JWT_JWKS),
            VerificationKey::Issuer(url, every) => (KeySet::of_issuer(url, every), names::JWT_JWKS),
        };
        let signing: Option<Result<Signing>> = settings.jwt_signing_key.as_deref().map(|file| {
            let key = pem::read(names::JWT_SIGNING_KEY, file, pem::private_key)?;
            let is_pair = |of: &Arc<Key>| {
                let signature = crypto::sign(b"pair", &key, of.algorithm);
                signature
                    .and_then(|signature| {
                        crypto::verify(&signature, b"pair", &of.decoding, of.algorithm)
                    })
                    .is_ok_and(|holds| holds)
            };
            let public = verifying.all().into_iter().find(is_pair);
            let public = public.ok_or_else(|| {
                Error::invalid(
                    names::JWT_SIGNING_KEY,
                    format!("is not the private key of {setting}"),
                )
            })?;
            Ok(Signing { algorithm: public.algorithm, key, id: public.id.clone() })
        });
        let (signing, links) = (signing.transpose()?, link_keys(settings, &[]));
        Ok(Self { verifying, signing, issuer, audience, max_days, claims, links })
    }

    /// Returns the keys of the settings, as [`Keys::from_settings`] does. Those of an issuer are
    /// read before.
    ///
    /// # Errors
    /// As [`Keys::from_settings`], and if the issuer can't be asked.
    pub async fn read(settings: &Settings) -> Result<Self> {
        let keys = Self::from_settings(settings)?;
        let read = keys.verifying.read_if_empty().await;
        read.map_err(|cause| Error::invalid(names::JWT_JWKS, format!("can't be read: {cause}")))?;
        Ok(keys)
    }

    /// Returns keys of a random secret, which exists in this process only.
    #[must_use]
    pub fn demo() -> Self {
        Self::of_secrets(
            &[&rand::random::<[u8; 32]>()],
            config::TOKEN_NAME.to_owned(),
            config::TOKEN_NAME.to_owned(),
        )
    }

    /// Returns the keys of a demo on this day, which anyone can derive: only for a server that no
    /// other machine can reach.
    #[must_use]
    pub fn demo_of_day(day: NaiveDate) -> Self {
        let secret = Self::demo_secret(day);
        Self::of_secrets(
            &[secret.as_bytes()],
            config::TOKEN_NAME.to_owned(),
            config::TOKEN_NAME.to_owned(),
        )
    }

    /// Returns the secret of [`Keys::demo_of_day`], with which a command mints tokens for it.
    #[must_use]
    pub fn demo_secret(day: NaiveDate) -> String {
        hex::encode(Sha256::digest(format!("samregister demo {day}")))
    }

    /// Returns keys of these secrets: the first signs, and every one verifies.
    fn of_secrets(secrets: &[&[u8]], issuer: String, audience: String) -> Self {
        // The library refuses an empty secret, and the settings have none.
        let verifying = secrets.iter().filter_map(|secret| DecodingKey::from_secret(secret).ok());
        let verifying = KeySet::fixed(Algorithm::HS256, verifying);
        let signing = secrets.first().and_then(|secret| EncodingKey::from_secret(secret).ok());
        let signing = signing.map(|key| Signing { algorithm: Algorithm::HS256, key, id: None });
        Self {
            verifying,
            signing,
            issuer,
            audience,
            max_days: config::MAX_TOKEN_DAYS,
            claims: Arc::default(),
            links: LinkKeys::derive(secrets.iter().copied()),
        }
    }

    /// Returns the keys that sign links to files.
    #[must_use]
    pub fn links(&self) -> &LinkKeys {
        &self.links
    }

    /// Re-reads the keys at intervals, for as long as it is polled.
    pub async fn refresh(&self) {
        self.verifying.refresh_continuously().await;
    }

    /// Returns `true` if any key is known. The keys of an issuer are unknown until it has answered.
    #[must_use]
    pub fn are_known(&self) -> bool {
        !self.verifying.all().is_empty()
    }

    /// Returns a number that grows whenever the keys may have changed: a token that was verified
    /// before must be verified again.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.verifying.generation()
    }

    /// Re-reads the key set if the token names an unknown key. Call it before [`Keys::verify`].
    pub async fn refresh_for(&self, token: &str) {
        let named = Some(token)
            .filter(|token| self.verifying.is_set() && token.len() <= MAX_TOKEN_BYTES)
            .and_then(|token| jsonwebtoken::decode_header(token).ok()?.kid);
        if let Some(id) = named {
            self.verifying.refresh_if_unknown(&id).await;
        }
    }

    /// Verifies a token. A claim that belongs to a role is read for that role only.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the token is not signed by our key with its algorithm, not for
    /// this server, not valid at `now`, or has contradictory claims.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Verified> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(refused(format!("is longer than {MAX_TOKEN_BYTES} bytes")));
        }
        // The library has no algorithm `none`, and fails to parse a header with it.
        let header = jsonwebtoken::decode_header(token)
            .map_err(|_| refused(format!("is not a JWT signed with {}", self.algorithms())))?;
        let keys = self.verifying.candidates(header.kid.as_deref());
        let key =
            keys.first().ok_or_else(|| refused("names no key (kid) that this server knows"))?;
        if header.alg != key.algorithm {
            return Err(refused(format!("must be signed with {:?}", key.algorithm)));
        }
        check_type(header.typ.as_deref())?;
        // Unknown extensions must be refused (RFC 7515, 4.1.11), and none is known here.
        if header.crit.is_some() {
            return Err(refused("has critical extensions (crit), which are not supported"));
        }
        let mut validation = Validation::new(key.algorithm);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["iss", "aud"]);
        // The library would read the system clock.
        (validation.validate_exp, validation.validate_nbf) = (false, false);
        let mut read =
            keys.iter().map(|key| jsonwebtoken::decode::<Value>(token, &key.decoding, &validation));
        let is_of_other = |read: &Result<_, jsonwebtoken::errors::Error>| {
            read.as_ref().is_err_and(|error| *error.kind() == ErrorKind::InvalidSignature)
        };
        let Some(read) = read.find(|read| !is_of_other(read)) else {
            return Err(self.refusal(&ErrorKind::InvalidSignature));
        };
        let claims = read.map_err(|error| self.refusal(error.kind()))?.claims;
        check_use(&claims)?;
        let until = check_times(&claims, self.max_days, now)?;
        let issued = claims["iat"].as_f64().map(|seconds| seconds as i64);
        Ok(Verified {
            viewer: viewer_of(&claims, &self.claims)?,
            until,
            issued,
            id: claims["jti"].as_str().map(str::to_owned),
        })
    }

    /// Returns the algorithms of the keys, for an error.
    fn algorithms(&self) -> String {
        let mut names: Vec<_> =
            self.verifying.all().iter().map(|key| format!("{:?}", key.algorithm)).collect();
        names.sort_unstable();
        names.dedup();
        names.join(" or ")
    }

    /// Returns the error for a token that the library refuses. It never quotes the token.
    fn refusal(&self, kind: &ErrorKind) -> Error {
        match kind {
            ErrorKind::InvalidSignature => refused("is not signed by the key of this server"),
            ErrorKind::InvalidIssuer => {
                refused(format!("must have the issuer (iss) {}", self.issuer))
            }
            ErrorKind::InvalidAudience => {
                refused(format!("must have the audience (aud) {}", self.audience))
            }
            ErrorKind::MissingRequiredClaim(claim) => refused(format!("has no claim {claim}")),
            _ => refused("can't be read"),
        }
    }

    /// Returns a token for `viewer`, valid from `now` for `days` days of 24 hours.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no signing key, the days are not 1 to
    /// SAMREGISTER_MAX_TOKEN_DAYS, or the viewer lacks what a role needs or has what belongs to a
    /// role that it lacks; [`Error::Unauthenticated`] if [`Keys::verify`] would refuse the token
    /// for another reason.
    pub fn mint(&self, viewer: &Viewer, days: u32, now: DateTime<Utc>) -> Result<String> {
        Ok(self.issue(viewer, days, now)?.token)
    }

    /// Returns the token of `viewer` that was issued at the start of this day (UTC): the same at
    /// each call with the same keys. Errors as in [`Keys::mint`].
    pub fn mint_for_day(&self, viewer: &Viewer, days: u32, day: NaiveDate) -> Result<String> {
        let start = day.and_time(NaiveTime::MIN).and_utc();
        let mut of_subject = [0; 10];
        of_subject.copy_from_slice(&Sha256::digest(&viewer.subject)[..10]);
        let millis = start.timestamp_millis().unsigned_abs();
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &of_subject).into_uuid();
        Ok(self.sign(viewer, days, start, id)?.token)
    }

    /// Returns the same token with its id and expiry. Errors as in [`Keys::mint`].
    pub fn issue(&self, viewer: &Viewer, days: u32, now: DateTime<Utc>) -> Result<Minted> {
        self.sign(viewer, days, now, Uuid::now_v7())
    }

    /// Signs a token with this id (`jti`), by which it can be revoked.
    fn sign(&self, viewer: &Viewer, days: u32, now: DateTime<Utc>, id: Uuid) -> Result<Minted> {
        let unset = || {
            let message = "must be set to mint tokens";
            Error::invalid_of(Origin::Setting, names::JWT_SIGNING_KEY, message)
        };
        let signing = self.signing.as_ref().ok_or_else(unset)?;
        let mut errors = ValidationErrors::default();
        let max = self.max_days;
        errors.expect(
            (1..=max).contains(&days),
            "days",
            FieldErrorCode::OutOfRange
                .problem(format!("must be from 1 to {max}"))
                .with("min", 1)
                .with("max", max),
        );
        for (role, field, is_given) in [
            (Role::Member, "member", viewer.member.is_some()),
            (Role::ActivityLead, "activities", !viewer.activities.is_empty()),
            (Role::Service, "scopes", !viewer.scopes.is_empty()),
        ] {
            errors.expect(
                is_given || !viewer.is(role),
                field,
                FieldErrorCode::Required
                    .problem(format!("must be given for the role {}", role.word())),
            );
            errors.expect(
                !is_given || viewer.is(role),
                field,
                FieldErrorCode::NotAllowed.problem(format!("is for the role {} only", role.word())),
            );
        }
        errors.finish()?;

        let expires_at = now + TimeDelta::days(i64::from(days));
        let mut claims = json!({
            "iss": self.issuer,
            "aud": self.audience,
            "sub": viewer.subject,
            "jti": id.to_string(),
            "iat": now.timestamp(),
            "exp": expires_at.timestamp(),
        });
        let names = &*self.claims;
        for (name, claim) in [
            (&names.subject, json!(viewer.subject)),
            (&names.roles, json!(role_values(viewer, names))),
            (&names.member, json!(viewer.member.map(Identifier::global_id))),
            (&names.activities, json!(Some(&viewer.activities).filter(|slugs| !slugs.is_empty()))),
            (&names.scope, json!(Some(viewer.scopes.join(" ")).filter(|scope| !scope.is_empty()))),
        ] {
            claims[name.as_str()] = claim;
        }
        claims
            .as_object_mut()
            .into_iter()
            .for_each(|claims| claims.retain(|_, claim| !claim.is_null()));
        let header = Header { kid: signing.id.clone(), ..Header::new(signing.algorithm) };
        let token =
            jsonwebtoken::encode(&header, &claims, &signing.key).map_err(Error::internal)?;
        self.verify(&token, now)?;
        Ok(Minted { token, id, expires_at })
    }
}

/// Returns the keys that sign links to files: of the setting for them, or else of the secrets of
/// tokens, or of the private key that signs tokens or the trail. All servers of a register have the
/// same. Without any, links open on the server that made them, until it stops.
fn link_keys(settings: &Settings, secrets: &[&[u8]]) -> LinkKeys {
    if let Some(secret) = &settings.link_secret {
        return LinkKeys::derive([secret.expose().as_bytes()]);
    }
    if !secrets.is_empty() {
        return LinkKeys::derive(secrets.iter().copied());
    }
    let trail = settings.trail_key_file();
    let paths = settings.jwt_signing_key.iter().chain([&trail]);
    let mut texts = paths.filter_map(|file| files::read_text(file, MAX_KEY_FILE_BYTES).ok());
    match texts.next() {
        Some(text) => LinkKeys::derive([text.trim().as_bytes()]),
        None => LinkKeys::random(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::auth::bearer::member_id;

    // Keys made for these tests only; bodies of PEM files.
    const ED: &str = "MC4CAQAwBQYDK2VwBCIEIMpA9bDNvL7SXBJj9D8BeXHg58xMVPGez0mN2kxHBWig";
    const ED_PUBLIC: &str = "MCowBQYDK2VwAyEAs4RvotiMFvl6gBRzldaH+bhKqHrw31sb/oNKdXVbdxQ=";
    const OTHER_ED: &str = "MC4CAQAwBQYDK2VwBCIEIBMp1/1T4eGnYybk+Jicct9oII26bAo7/danRApENhVo";
    const EC: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgoDMMBdh7AgUvAjx0Qt0FPyCiCjKy+nWfVSPqBJfeydKhRANCAASyf4uTQ6/kDS1AgIYHuL5dRvCf\
        8mcKKTFaaYNHzQ+a7Ci198uKIjq/uKHP4XI51pmxognwAIfl3Wp6Qzb1gQWx";
    const EC_PUBLIC: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsn+Lk0Ov5A0tQICGB7i+XUbwn/JnCikxWmmDR80PmuwotffLiiI6v7ihz+FyOdaZsaIJ8ACH5d1qekM29YEFsQ==";
    const RSA: &str = "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDNwIz/B7UK/rFYp0hW3RTpwtkfb0x7kwb7VGpW96C57ULYf9mrrvDvhc6N824TafpJMi8prR0V\
        yUToQELYd7dAnY5UIVLL6omjGbvZZsqWXU07sR1p95iHEmLl1bTHiabUmTtlU0fSCOJS0HhRpCIt2RAx3qqK88pplfP3gAQBHozjtG5xPGcdMVJ7abGvOTTLPOgJ\
        7+bSGqJJq7sU+/UBgt9TDPqMANqsGx6R4pj1DurSa98irCug37oEfjpYVf5a7I5LONKk0dhaE55qfSvq9XQXXbU+lzsvnC8D2sXJyV+DIiJ+8lw1sxXcPOscgrxl\
        swGw42QCrgpghYJ3cjaBAgMBAAECggEAASBydo3SsEI0bfcWDe7jt73q0Zmlia50oQUYLedeS+WxylTaaBQDCE5uDaApSy3Mant972tDVn3Z0iYHxll9prA03KRK\
        qK4CpegSMQLHffGZ5qdt1l6zeRIOT2Jcso71W6gRFO59oo0XXLMyWnuaLzs3Y+Iw18ZAS99aaibrQVyN2Yk4yEh+XOPlnL9oqtFQbjHrU1hiXCa0e+wyveftGhCs\
        gezXrYn3GMgu/rTMBjTri0NUXTQu/dAszdSXpAjJ2zSAR1ME2NEzxmcWOH5Gx/H1UZROoUp0ex8ugUV6Jfkp4MEidaB0KGT2YaqwXSNsRQr9obKgh9Ml0YZXmSAq\
        wQKBgQDqOVJeQY34W6RIyKI6Qgy8s0h+XHYZCCZkGzE8YHchVbBRDuqtw9U0nPkOdonwtSMLxGYrYfF2SLtU/aPS5dcHBIuTcNybGFntbawSwH6iln6vsituTGBj\
        80IK+sB8g5XNiFMMXmpzQGYEBE8tKrhi+QbZUy+V6jF+RJ++MX9dYQKBgQDg4ZU8/J4ObLiIT02v0tUAkJwF+9k1tkrAtp5HxCp4WGwpDkDPIflLQ5z4CYsbeXxU\
        JJij5xg4Igkd06TSvPPRMgNe/Ovasu/GeGnlCWo2XqajMzhmHOCPhi5zL48tB75eTyXHKmpfYo7eL44E7Ar/h1MX/Tj0bNsERBWWw5FNIQKBgQCOlNxuYmuhL3A/\
        mlsfKcwFJwJPYcvGiy6Lq/356iM7GKWfgnwb0WW9hH0cb86iyDGQXTtw10udHMNlBo4uuRl/vSWWWJMCmv1LSoMAW0v7f6+ZFtXXbAkVbyTZ+DEq2xNbLcyYb/VP\
        OXmgolrsfOAH595id4A1O35rhizUI9+LoQKBgEOdcBrTNc7Of7l0Zr5b3PF7iX3/GHMe6WECR5r6b26Z34OEppXg+CzaGoM1k17iazB9hGubm1udWDJgpWk7qO+Y\
        Yw0XbO7n6FI7eFOGPio00VO2ndmOCzL8PFEj1p/KeUGv+ILmzO77GkvR7piqRDBKhwBqgcp0RHIG6prXGIQhAoGBALHggLAXW2CX/e0m/1ki/qc2f2gnzT33O5Zd\
        kZAA0IuokvDP1U4qIZpY44qXiojmyktqKZHE06pDlMpXu14rVN7jrsKyuM1Nb1HYd4u8S5nou2/aetgSaizcRDab0XeJ6VjlwlldDXCWw3OhDyLoTLd6pNM5Ahma\
        gCnmtLRM3pCh";
    const RSA_PUBLIC: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAzcCM/we1Cv6xWKdIVt0U6cLZH29Me5MG+1RqVvegue1C2H/Zq67w74XOjfNuE2n6STIvKa0dFclE6EBC\
        2He3QJ2OVCFSy+qJoxm72WbKll1NO7EdafeYhxJi5dW0x4mm1Jk7ZVNH0gjiUtB4UaQiLdkQMd6qivPKaZXz94AEAR6M47RucTxnHTFSe2mxrzk0yzzoCe/m0hqi\
        Sau7FPv1AYLfUwz6jADarBsekeKY9Q7q0mvfIqwroN+6BH46WFX+WuyOSzjSpNHYWhOean0r6vV0F121Ppc7L5wvA9rFyclfgyIifvJcNbMV3DzrHIK8ZbMBsONk\
        Aq4KYIWCd3I2gQIDAQAB";
    const RSA_1024_PUBLIC: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC0+cDWDwki1noaGSChhfGKc72Ue6HHexgM3dW7mSMTf1rKdUo2KiIIC4p1R0e52HVPRjKkt2XjycgZcEks++C9\
        kdeZ1CYztJBTVETJPg0BEtf51LIQ+hIw1Nt00/IGbBmpUbzTDeOaDbDoOAOUOgzNsvlFR4DLk6WDlMOYFPZOCQIDAQAB";
    const K256_PUBLIC: &str = "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEbzppMkJpR25xr8xUH4MZ/XNj974ma68fZFQRCp3g54YTcic33kRrBfRmfruQ4Mm71rrFfIFoO4tQJh1fUK0K/w==";
    const X25519_PUBLIC: &str = "MCowBQYDK2VuAyEAgoQV+3tZ8wiiUdGQqFYjcpTVy5IOI1m5kBkTVi0KBiM=";
    const SECRET: &str = "a-secret-for-tests-of-32-bytes-or-more";
    const ID: &str = "member_0190b5a41f2e7c3d8a9b0c1d2e3f4a5b";

    fn now() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
    }

    fn by_secret() -> Keys {
        Keys::of_secrets(&[SECRET.as_bytes()], "samregister".to_owned(), "samregister".to_owned())
    }

    #[test]
    fn a_minted_token_has_the_claims_of_the_settings() {
        let settings = Settings::load(
            [
                (names::JWT_SECRET, SECRET),
                ("SAMREGISTER_CLAIM_ROLES", "realm_access.roles"),
                ("SAMREGISTER_CLAIM_SUBJECT", "preferred_username"),
                ("SAMREGISTER_ROLE_MAP", "kansli=OFFICE"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
            None,
        );
        let keys = Keys::from_settings(&settings.unwrap()).unwrap();
        let viewer = |role| Viewer {
            subject: "anna@example.se".into(),
            roles: vec![role],
            ..Viewer::default()
        };
        let token = keys.mint(&viewer(Role::Office), 1, now()).unwrap();
        let read = keys.verify(&token, now()).unwrap().viewer;
        assert_eq!(read, viewer(Role::Office));
        assert!(keys.mint(&viewer(Role::Auditor), 1, now()).is_err(), "no value grants the role");
        assert!(by_secret().verify(&token, now()).is_err(), "another server reads other claims");
    }

    /// Returns the keys of two PEM files, each a label and a body.
    fn from_files(public: (&str, &str), private: Option<(&str, &str)>) -> Result<Keys> {
        let folder = tempfile::tempdir().map_err(Error::internal)?;
        let mut env = Vec::new();
        for (setting, key) in
            [(names::JWT_PUBLIC_KEY, Some(public)), (names::JWT_SIGNING_KEY, private)]
        {
            let Some((label, body)) = key else { continue };
            let file = folder.path().join(setting);
            fs::write(&file, format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"))
                .map_err(Error::internal)?;
            env.push((setting.to_owned(), file.display().to_string()));
        }
        Keys::from_settings(&Settings::load(env, None)?)
    }

    /// Returns the PEM body of an Ed25519 public key with these bytes first, in between and last.
    fn ed_public(first: u8, between: u8, last: u8) -> String {
        let mut der =
            vec![0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00, first];
        der.extend([between; 30]);
        der.push(last);
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der)
    }

    /// Returns a signed token with the minimal claims, overridden by `more`; null removes a claim.
    fn signed(keys: &Keys, more: &Value) -> String {
        let mut claims = json!({ "iss": "samregister", "aud": "samregister", "sub": "a", "exp": now().timestamp() + 60, "roles": ["BOARD"] });
        for (name, value) in more.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        claims
            .as_object_mut()
            .into_iter()
            .for_each(|claims| claims.retain(|_, value| !value.is_null()));
        let Some(signing) = &keys.signing else { panic!("no signing key") };
        jsonwebtoken::encode(&Header::new(signing.algorithm), &claims, &signing.key)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Returns the reason for which a token is refused, and checks that it does not quote the
    /// token.
    fn refusal(keys: &Keys, token: &str) -> String {
        let error = keys.verify(token, now()).err().unwrap_or_else(|| panic!("{token} is taken"));
        let said = format!("{error} {error:?}");
        assert!(matches!(error, Error::Unauthenticated(_)) && !said.contains(SECRET), "{said}");
        assert!(token.split('.').all(|part| part.len() < 4 || !said.contains(part)), "{said}");
        error.to_string()
    }

    #[test]
    fn minted_tokens_are_verified_for_every_role_and_kind_of_key() {
        let viewer = Viewer {
            subject: "åsa@example.se".to_owned(),
            roles: Role::ALL.to_vec(),
            member: member_id(ID),
            activities: vec!["bip".to_owned(), "indikatorer".to_owned()],
            scopes: SCOPES.split(' ').map(str::to_owned).collect(),
            ..Viewer::default()
        };
        for (algorithm, keys) in [
            (Algorithm::HS256, Ok(by_secret())),
            (Algorithm::HS256, Ok(Keys::demo())),
            (Algorithm::EdDSA, from_files(("PUBLIC KEY", ED_PUBLIC), Some(("PRIVATE KEY", ED)))),
            (Algorithm::ES256, from_files(("PUBLIC KEY", EC_PUBLIC), Some(("PRIVATE KEY", EC)))),
            (Algorithm::RS256, from_files(("PUBLIC KEY", RSA_PUBLIC), Some(("PRIVATE KEY", RSA)))),
        ] {
            let keys = keys.unwrap_or_else(|error| panic!("{algorithm:?}: {error}"));
            let token = keys
                .mint(&viewer, 1, now())
                .unwrap_or_else(|error| panic!("{algorithm:?}: {error}"));
            assert!(
                jsonwebtoken::decode_header(&token).is_ok_and(|header| header.alg == algorithm)
            );
            assert!(
                keys.verify(&token, now() + TimeDelta::hours(24))
                    .is_ok_and(|read| read.viewer == viewer)
            );
            assert!(
                keys.verify(&token, now() + TimeDelta::hours(24) + TimeDelta::seconds(30)).is_err()
            );
            // Another secret: every demo makes its own.
            let why = if algorithm == Algorithm::HS256 {
                "not signed by the key"
            } else {
                "must be signed with HS256"
            };
            assert!(refusal(&Keys::demo(), &token).contains(why), "{algorithm:?}");
        }
    }

    #[test]
    fn a_token_is_valid_from_start_to_expiry_with_thirty_seconds_of_leeway() {
        let at = now().timestamp();
        for (exp, nbf, why) in [
            (json!(at - 29), Value::Null, None),
            (json!(at as f64 + 0.5), json!(at + 30), None),
            (json!(at - 30), Value::Null, Some("has expired")),
            (json!("9999999999"), Value::Null, Some("no expiry")),
            (json!(at + 400 * 86_400 + 1), Value::Null, Some("longer than 400 days")),
            (Value::Null, Value::Null, Some("no expiry")),
            (json!(at + 60), json!(at + 31), Some("not valid yet")),
            (json!(at + 60), json!("x"), Some("not a number")),
        ] {
            let message = by_secret()
                .verify(&signed(&by_secret(), &json!({ "exp": exp, "nbf": nbf })), now())
                .err()
                .map(|error| error.to_string());
            assert!(
                message
                    .as_deref()
                    .is_none_or(|message| why.is_some_and(|why| message.contains(why))),
                "{message:?}"
            );
            assert_eq!(message.is_some(), why.is_some(), "{exp} {nbf}");
        }
    }

    #[test]
    fn claims_that_make_no_sense_are_refused() {
        for (claims, why) in [
            (json!({ "iss": "x" }), "issuer (iss) samregister"),
            (json!({ "iss": null }), "no claim iss"),
            (json!({ "iss": ["samregister"] }), "one issuer (iss)"),
            (json!({ "typ": "ID" }), "no access token (typ)"),
            (json!({ "token_use": "id" }), "no access token (token_use)"),
            (json!({ "iat": now().timestamp() + 61 }), "issued (iat) in the future"),
            (json!({ "aud": ["x", "y"] }), "audience (aud) samregister"),
            (json!({ "aud": null }), "no claim aud"),
            (json!({ "sub": " " }), "a subject (sub)"),
            (json!({ "sub": "a\nb" }), "a subject (sub)"),
            (json!({ "sub": "samregister import" }), "a subject (sub)"),
            (json!({ "roles": null }), "no roles"),
            (json!({ "roles": "BOARD" }), "roles that are not a list"),
            (json!({ "roles": ["BOARD", "board"] }), "a role that is none of OFFICE, FINANCE"),
            (json!({ "roles": ["MEMBER"] }), "the role MEMBER but no member"),
            (
                json!({ "roles": ["MEMBER"], "member": ID.replace('f', "F") }),
                "not an id of a member",
            ),
            (
                json!({ "roles": ["MEMBER"], "member": "member_0190b5a4-1f2e-7c3d-8a9b-0c1d2e3f4a5b" }),
                "not an id of a member",
            ),
            (json!({ "roles": ["ACTIVITY_LEAD"] }), "the role ACTIVITY_LEAD but no activities"),
            (
                json!({ "roles": ["ACTIVITY_LEAD"], "activities": [1] }),
                "activities that are not a list",
            ),
            (
                json!({ "roles": ["SERVICE"], "scope": "members:read keys:read" }),
                "a scope that is none of members:read",
            ),
            (
                json!({ "roles": ["SERVICE"], "scope": ["members:read"] }),
                "a scope that is not a string",
            ),
        ] {
            let message = refusal(&by_secret(), &signed(&by_secret(), &claims));
            assert!(message.contains(why), "{claims}: {message}");
        }
        let claims = json!({ "aud": ["x", "samregister"], "roles": ["BOARD", "BOARD"], "scope": "openid", "member": 1 });
        let viewer =
            Viewer { subject: "a".to_owned(), roles: vec![Role::Board], ..Viewer::default() };
        assert!(
            by_secret()
                .verify(&signed(&by_secret(), &claims), now())
                .is_ok_and(|read| read.viewer == viewer)
        );
    }

    #[test]
    fn only_our_key_with_its_algorithm_is_accepted() {
        let Ok(keys) = from_files(("PUBLIC KEY", ED_PUBLIC), Some(("PRIVATE KEY", ED))) else {
            panic!("no keys")
        };
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{ED_PUBLIC}\n-----END PUBLIC KEY-----\n");
        let der = keys.verifying.all()[0].decoding.try_get_as_bytes().unwrap_or_default().to_vec();
        for secret in [pem.as_bytes(), ED_PUBLIC.as_bytes(), &der, SECRET.as_bytes()] {
            let forger = Keys::of_secrets(&[secret], String::new(), String::new());
            assert_eq!(
                refusal(&keys, &signed(&forger, &Value::Null)),
                "the token must be signed with EdDSA"
            );
        }
        let good = signed(&by_secret(), &Value::Null);
        let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else {
            panic!("{good}")
        };
        let other = signed(&by_secret(), &json!({ "roles": ["OFFICE"] }));
        let other_algorithm =
            by_secret().signing.map(|signing| Signing { algorithm: Algorithm::HS384, ..signing });
        let typed = |name: &str| {
            let header = Header { typ: Some(name.to_owned()), ..Header::new(Algorithm::HS256) };
            let claims = jsonwebtoken::dangerous::insecure_decode::<Value>(&good)
                .map(|read| read.claims)
                .unwrap_or_default();
            EncodingKey::from_secret(SECRET.as_bytes())
                .and_then(|key| jsonwebtoken::encode(&header, &claims, &key))
                .unwrap_or_default()
        };
        assert!(by_secret().verify(&typed("application/at+jwt"), now()).is_ok());
        let stolen = other.split('.').nth(1).unwrap_or_default();
        // Headers {"alg":"none"} and {"alg":"HS256","crit":["exp"]}.
        let (none, critical) = ("eyJhbGciOiJub25lIn0", "eyJhbGciOiJIUzI1NiIsImNyaXQiOlsiZXhwIl19");
        for (token, why) in [
            (
                signed(&Keys { signing: other_algorithm, ..by_secret() }, &Value::Null),
                "must be signed with HS256",
            ),
            (signed(&Keys::demo(), &Value::Null), "not signed by the key"),
            (typed("id+jwt"), "a type (typ) in its header"),
            (format!("{none}.{payload}."), "not a JWT signed with HS256"),
            (format!("{critical}.{payload}.{signature}"), "critical extensions"),
            (format!("{header}.{stolen}.{signature}"), "not signed by the key"),
            (format!("{header}.{payload}."), "not signed by the key"),
            (format!("{header}.{payload}.å"), "can't be read"),
            (format!("{header}.{payload}"), "not a JWT"),
            (String::new(), "not a JWT"),
            (good.repeat(100), "longer than 8192 bytes"),
        ] {
            let message = refusal(&by_secret(), &token);
            assert!(message.contains(why), "{token}: {message}");
        }
    }

    #[test]
    fn key_files_of_another_kind_are_refused() {
        let (ed, public, private) = (("PUBLIC KEY", ED_PUBLIC), "PUBLIC KEY", "PRIVATE KEY");
        for (key, signing, why) in [
            ((private, ED), None, "is a private key"),
            (("CERTIFICATE", ED_PUBLIC), None, "is a certificate"),
            ((public, K256_PUBLIC), None, "on another curve"),
            ((public, X25519_PUBLIC), None, "neither an Ed25519"),
            ((public, RSA_1024_PUBLIC), None, "less than 2048 bits"),
            ((public, "MAswBQYDK2VwAwIAAQ=="), None, "broken Ed25519"),
            ((public, &ed_public(1, 0, 0)), None, "broken Ed25519"),
            (ed, Some((private, OTHER_ED)), "JWT_SIGNING_KEY is not the private key of"),
            (ed, Some((private, EC)), "is not the private key of"),
            (ed, Some(ed), "is not a private key"),
            (ed, Some(("EC PRIVATE KEY", EC)), "SEC 1 format"),
            (ed, Some(("ENCRYPTED PRIVATE KEY", ED)), "is encrypted"),
        ] {
            let message =
                from_files(key, signing).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(message.contains(why) && !message.contains(ED), "{why}: {message}");
        }
        let env = [(names::JWT_PUBLIC_KEY.to_owned(), "no-such.pem".to_owned())];
        let missing = Settings::load(env, None).and_then(|settings| Keys::from_settings(&settings));
        assert!(
            missing
                .is_err_and(|error| error.to_string().contains("no-such.pem, which can't be read"))
        );
    }

    // The neutral element, two of order 2 and 4 with either sign, and others with a y that is not
    // below the prime.
    #[test]
    fn weak_keys_are_refused() {
        for (first, between, last) in [
            (1, 0, 0),
            (1, 0, 0x80),
            (0, 0, 0),
            (0, 0, 0x80),
            (0xec, 0xff, 0x7f),
            (0xec, 0xff, 0xff),
            (0xed, 0xff, 0x7f),
            (0xed, 0xff, 0xff),
            (0xee, 0xff, 0x7f),
            (0xee, 0xff, 0xff),
            (0xf0, 0xff, 0x7f),
            (0xff, 0xff, 0xff),
        ] {
            let message = from_files(("PUBLIC KEY", &ed_public(first, between, last)), None)
                .err()
                .map(|error| error.to_string());
            assert!(
                message.is_some_and(|message| message.contains("broken Ed25519")),
                "{first:x} {between:x} {last:x}"
            );
        }
    }

    #[test]
    fn tokens_of_a_demo_are_the_same_all_day() {
        let (day, next): (NaiveDate, NaiveDate) =
            ("2026-11-30".parse().unwrap(), "2026-12-01".parse().unwrap());
        let viewer = |name: &str| Viewer {
            subject: name.to_owned(),
            roles: vec![Role::Board],
            ..Viewer::default()
        };
        let token = |name, day| {
            Keys::demo_of_day(day).mint_for_day(&viewer(name), 30, day).unwrap_or_default()
        };
        assert_eq!(token("a", day), token("a", day));
        assert!(token("a", day) != token("b", day) && token("a", day) != token("a", next));
        let at = |day: NaiveDate| day.and_hms_opt(23, 59, 59).unwrap().and_utc();
        assert!(Keys::demo_of_day(day).verify(&token("a", day), at(day)).is_ok());
        let message = refusal(&Keys::demo_of_day(next), &token("a", day));
        assert!(message.contains("not signed by the key"), "{message}");
    }

    #[test]
    fn secrets_change_one_after_the_other() {
        const NEXT: &str = "another-secret-for-tests-of-32-bytes";
        let by = |secrets: &[&str]| {
            let secrets: Vec<_> = secrets.iter().map(|secret| secret.as_bytes()).collect();
            Keys::of_secrets(&secrets, "samregister".to_owned(), "samregister".to_owned())
        };
        let (old, both, new) = (by(&[SECRET]), by(&[NEXT, SECRET]), by(&[NEXT]));
        let (of_old, of_both) = (signed(&old, &Value::Null), signed(&both, &Value::Null));
        assert!(
            both.verify(&of_old, now()).is_ok()
                && both.verify(&of_both, now()).is_ok()
                && new.verify(&of_both, now()).is_ok()
        );
        for (keys, token) in
            [(&new, &of_old), (&old, &of_both), (&both, &signed(&Keys::demo(), &Value::Null))]
        {
            assert!(refusal(keys, token).contains("not signed by the key"));
        }
        // A token signed with an old secret gets a specific error, too.
        assert!(refusal(&both, &signed(&old, &json!({ "aud": "x" }))).contains("audience"));
    }

    #[test]
    fn minting_refuses_what_verifying_would() {
        let lead = Viewer {
            subject: "a".to_owned(),
            roles: vec![Role::ActivityLead],
            member: member_id(ID),
            ..Viewer::default()
        };
        let message = by_secret().mint(&lead, 0, now()).err().map(|error| error.to_string());
        let wanted = "days must be from 1 to 400; member is for the role MEMBER only; activities must be given for the role ACTIVITY_LEAD";
        assert_eq!(message.as_deref(), Some(wanted));
        assert!(by_secret().mint(&Viewer::default(), 1, now()).is_err());
        let Ok(keys) = from_files(("PUBLIC KEY", ED_PUBLIC), None) else { panic!("no keys") };
        assert!(keys.mint(&lead, 1, now()).is_err_and(|error| {
            error.to_string().starts_with("SAMREGISTER_JWT_SIGNING_KEY must be set")
        }));
        assert!(!format!("{:?}", by_secret()).contains("97, 45"), "the secret's bytes are shown");
    }
}
