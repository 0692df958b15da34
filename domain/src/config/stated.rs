//! The settings that were stated, by which a reload finds those that have changed.

use std::{collections::BTreeMap, fmt};

use sha2::{Digest as _, Sha256};

use super::{
    environment::Environment,
    names::{JWT_JWKS, JWT_PUBLIC_KEY, JWT_SECRET, JWT_SIGNING_KEY, LINK_SECRET, METRICS_TOKEN},
};

/// Digests of the stated settings, by name.
#[derive(Clone, Default)]
pub(super) struct Stated(BTreeMap<String, [u8; 32]>);

impl fmt::Debug for Stated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Names of settings that a running server reads again, apart from those of claims.
const RELOADABLE: [&str; 13] = [
    JWT_SECRET,
    JWT_PUBLIC_KEY,
    JWT_JWKS,
    "SAMREGISTER_JWT_JWKS_SECONDS",
    JWT_SIGNING_KEY,
    "SAMREGISTER_JWT_ISSUER",
    "SAMREGISTER_JWT_AUDIENCE",
    "SAMREGISTER_ROLE_MAP",
    "SAMREGISTER_MAX_TOKEN_DAYS",
    LINK_SECRET,
    METRICS_TOKEN,
    "SAMREGISTER_METRICS_OPEN",
    "SAMREGISTER_LOG",
];

/// First words of the names of claims.
const CLAIMS: &str = "SAMREGISTER_CLAIM_";

/// Names of the settings that differ between two reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Settings that a running server reads again.
    pub reloadable: Vec<String>,
    /// Settings that need a restart.
    pub needing_restart: Vec<String>,
}

impl Environment {
    /// Returns the settings that were stated; call it when files of secrets were read.
    pub(super) fn stated(&self) -> Stated {
        let digests = self.values.iter().filter_map(|(name, (_, text))| {
            let text = text.as_deref().filter(|text| !text.trim().is_empty())?;
            Some((name.clone(), Sha256::digest(text).into()))
        });
        Stated(digests.collect())
    }
}

impl Stated {
    /// Returns the names of the settings that are different in `other`.
    pub(super) fn differences(&self, other: &Self) -> Differences {
        let (own, other) = (&self.0, &other.0);
        let mut names: Vec<_> = own.keys().chain(other.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let changed = names.into_iter().filter(|name| own.get(*name) != other.get(*name)).cloned();
        let (reloadable, needing_restart) = changed.partition(|name: &String| {
            RELOADABLE.contains(&name.as_str()) || name.starts_with(CLAIMS)
        });
        Differences { reloadable, needing_restart }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::good;
    use super::*;

    #[test]
    fn changed_settings_are_named_without_their_values() {
        let secret = "a-secret-for-tests-of-32-bytes-or-more";
        let before =
            good(&[(JWT_SECRET, secret)], "SAMREGISTER_MAX_DEPTH = 9\nSAMREGISTER_LOG = 'info'");
        let after = good(
            &[(JWT_SECRET, &format!("new-{secret}"))],
            "SAMREGISTER_LOG = 'info'\nSAMREGISTER_CLAIM_ROLES = 'groups'\n[network]\nname = 'N'",
        );
        let found = before.differences(&after);
        assert_eq!(found.reloadable, ["SAMREGISTER_CLAIM_ROLES", JWT_SECRET]);
        assert_eq!(found.needing_restart, ["SAMREGISTER_MAX_DEPTH", "network.name"]);
        assert_eq!(before.differences(&before.clone()), Differences::default());
        assert!(!format!("{before:?}").contains(secret));
    }
}
