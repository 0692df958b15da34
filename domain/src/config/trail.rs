//! Settings about the audit trail: what signs it, what verifies it, and who dates its checkpoints.

use std::path::PathBuf;

use super::{Given, Settings, checked, pem_file, yes_or_no};

/// Names the file of the key that signs the trail.
pub(crate) const TRAIL_KEY: &str = "SAMREGISTER_TRAIL_KEY";
/// Names the file of public keys that the trail's signatures are verified with.
pub(crate) const TRAIL_PUBLIC_KEYS: &str = "SAMREGISTER_TRAIL_PUBLIC_KEYS";

/// Keys that sign and verify the trail, and the service that dates its checkpoints.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    /// The PEM file with the private key that signs the trail; null: next to the register.
    pub key: Option<PathBuf>,
    /// A PEM file with public keys that are trusted besides: those of former keys, or all of them
    /// for a program that only verifies.
    pub public_keys: Option<PathBuf>,
    /// `true` if a trail that can't be authenticated, for want of a key, is a violation.
    pub must_authenticate: bool,
    /// URL of the service that dates checkpoints (RFC 3161); null: they are not dated.
    pub timestamp_url: Option<String>,
    /// A PEM file with the certificates of timestamp services that are trusted.
    pub timestamp_certificates: Option<PathBuf>,
}

impl Given {
    pub(super) fn trail(&mut self) -> Trail {
        Trail {
            key: self.optional(TRAIL_KEY, pem_file),
            public_keys: self.optional(TRAIL_PUBLIC_KEYS, pem_file),
            must_authenticate: self.take("SAMREGISTER_TRAIL_MUST_AUTHENTICATE", false, yes_or_no),
            timestamp_url: self.optional("SAMREGISTER_TIMESTAMP_URL", |text| {
                let is_address = text.starts_with("https://") || text.starts_with("http://");
                checked(
                    text,
                    is_address && !text.contains(char::is_whitespace),
                    "must be an address as https://freetsa.org/tsr",
                )
            }),
            timestamp_certificates: self.optional("SAMREGISTER_TIMESTAMP_CERTIFICATES", pem_file),
        }
    }
}

impl Settings {
    /// The file of the key that signs the trail: the one that is set, or else one next to the
    /// register's file, or in the working directory for a register on PostgreSQL.
    #[must_use]
    pub fn trail_key_file(&self) -> PathBuf {
        let beside = || {
            let file = self
                .database_url
                .expose()
                .strip_prefix("sqlite:")
                .map(|rest| rest.strip_prefix("//").unwrap_or(rest));
            let name = file.and_then(|file| file.split('?').next()).unwrap_or("samregister");
            PathBuf::from(format!("{name}.trail-key.pem"))
        };
        self.trail.key.clone().unwrap_or_else(beside)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::tests::{bad, good};

    #[test]
    fn the_key_lies_beside_the_register() {
        for (url, file) in [
            ("sqlite://samregister.db?mode=rwc", "samregister.db.trail-key.pem"),
            (
                "sqlite:///var/lib/samregister/register.db",
                "/var/lib/samregister/register.db.trail-key.pem",
            ),
            ("postgres://samregister@localhost/samregister", "samregister.trail-key.pem"),
        ] {
            assert_eq!(
                good(&[("DATABASE_URL", url)], "").trail_key_file(),
                Path::new(file),
                "{url}"
            );
        }
        assert_eq!(
            good(&[("SAMREGISTER_TRAIL_KEY", "/etc/key.pem")], "").trail_key_file(),
            Path::new("/etc/key.pem")
        );
    }

    #[test]
    fn a_timestamp_service_has_an_address() {
        assert_eq!(
            good(&[("SAMREGISTER_TIMESTAMP_URL", "https://freetsa.org/tsr")], "")
                .trail
                .timestamp_url
                .as_deref(),
            Some("https://freetsa.org/tsr")
        );
        assert!(
            bad(&[("SAMREGISTER_TIMESTAMP_URL", "freetsa.org")], "")
                .contains("SAMREGISTER_TIMESTAMP_URL")
        );
    }
}
