//! Settings of the audit trail: the keys that sign and verify it, and the service that timestamps
//! its checkpoints.

use std::path::PathBuf;

use super::environment::{Environment, checked, is_web_address, pem_file, yes_or_no};

/// The setting that names the file of the key that signs the trail.
pub(crate) const TRAIL_KEY: &str = "SAMREGISTER_TRAIL_KEY";
/// The setting that names the file of public keys that verify the trail's signatures.
pub(crate) const TRAIL_PUBLIC_KEYS: &str = "SAMREGISTER_TRAIL_PUBLIC_KEYS";

/// The setting that names the file of certificates of timestamp services.
pub(crate) const TIMESTAMP_CERTIFICATES: &str = "SAMREGISTER_TIMESTAMP_CERTIFICATES";

/// Keys that sign and verify the trail, and the service that timestamps its checkpoints.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    /// The PEM file with the private key that signs the trail; null: next to the register.
    pub key: Option<PathBuf>,
    /// A PEM file with public keys that are trusted in addition: those of former keys, or all of
    /// them for a program that only verifies.
    pub public_keys: Option<PathBuf>,
    /// `true` if it is a violation that the trail can't be authenticated because a key is missing.
    pub must_authenticate: bool,
    /// URL of the timestamp service (RFC 3161) for checkpoints; null: they have no timestamps.
    pub timestamp_url: Option<String>,
    /// A PEM file with the certificates of trusted timestamp services.
    pub timestamp_certificates: Option<PathBuf>,
}

impl Environment {
    pub(super) fn trail(&mut self) -> Trail {
        Trail {
            key: self.optional(TRAIL_KEY, pem_file),
            public_keys: self.optional(TRAIL_PUBLIC_KEYS, pem_file),
            must_authenticate: self.take("SAMREGISTER_TRAIL_MUST_AUTHENTICATE", false, yes_or_no),
            timestamp_url: self.optional("SAMREGISTER_TIMESTAMP_URL", |text| {
                checked(text, is_web_address(text), "must be an address as https://freetsa.org/tsr")
            }),
            timestamp_certificates: self.optional(TIMESTAMP_CERTIFICATES, pem_file),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::tests::{bad, good};

    #[test]
    fn the_trail_key_is_next_to_the_register() {
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
