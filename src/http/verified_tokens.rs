//! Tokens whose signature and claims were verified, so that the next request with one of them does
//! not verify it again. Revocations are checked for each request.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use super::lru::{Digest, Lru};
use domain::{
    auth::token::{Keys, Verified},
    error::Result,
};

/// Maximum number of stored tokens.
const MAX_TOKENS: usize = 2_000;

/// Verified tokens, by the SHA-256 of their text.
#[derive(Debug)]
pub struct VerifiedTokens(Mutex<Lru<Known>>);

/// A token that was verified.
#[derive(Clone, Debug)]
struct Known {
    verified: Arc<Verified>,
    /// Time at which it was verified.
    at: DateTime<Utc>,
    /// Generation of the keys with which it was verified.
    generation: u64,
}

impl Default for VerifiedTokens {
    fn default() -> Self {
        Self(Mutex::new(Lru::new(MAX_TOKENS)))
    }
}

impl VerifiedTokens {
    /// Verifies a token, or returns what it was verified as: with the same keys, and not later than
    /// now. The caller checks it for revocations.
    ///
    /// # Errors
    /// UNAUTHENTICATED as [`Keys::verify`].
    pub(super) async fn verify(
        &self,
        keys: &Keys,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<Arc<Verified>> {
        let digest: Digest = Sha256::digest(token).into();
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&digest);
        let is_valid = |known: &Known| {
            known.generation == keys.generation() && known.at <= now && now < known.verified.until
        };
        if let Some(known) = known.filter(is_valid) {
            return Ok(known.verified);
        }
        Box::pin(keys.refresh_for(token)).await;
        // Keys that are re-read meanwhile have another generation.
        let generation = keys.generation();
        let verified = Arc::new(keys.verify(token, now)?);
        let known = Known { verified: Arc::clone(&verified), at: now, generation };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, known, 1);
        Ok(verified)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use domain::auth::viewer::{Role, Viewer};

    use super::*;

    #[tokio::test]
    async fn a_token_is_valid_as_long_as_without_the_store() {
        let (tokens, keys) = (VerifiedTokens::default(), Keys::demo());
        let now: DateTime<Utc> = "2026-11-21T09:00:00Z".parse().unwrap();
        let viewer =
            Viewer { subject: "a".to_owned(), roles: vec![Role::Office], ..Viewer::default() };
        let token = keys.mint(&viewer, 1, now).unwrap();
        let first = tokens.verify(&keys, &token, now).await.unwrap();
        let again = tokens.verify(&keys, &token, now + TimeDelta::hours(1)).await.unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        for later in [TimeDelta::days(1) + TimeDelta::seconds(30), TimeDelta::days(-1)] {
            assert!(tokens.verify(&keys, &token, now + later).await.is_err(), "{later}");
        }
        assert!(tokens.verify(&keys, &token, now).await.is_ok());
        assert!(tokens.verify(&keys, &format!("{token}x"), now).await.is_err());
    }
}
