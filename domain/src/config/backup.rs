//! Settings of backups: their folder, the keys that they are encrypted to, and their greatest age.

use std::{path::PathBuf, time::Duration};

use super::environment::{Environment, number};

/// Folder, recipients and greatest age of backups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backup {
    /// Folder of backups, and of the file with the result of the last one; null: backups name
    /// their file, and the result is next to the register.
    pub folder: Option<PathBuf>,
    /// Public keys (age) that backups are encrypted to; empty: they are not encrypted.
    pub recipients: Vec<String>,
    /// Age at which the last backup counts as too old.
    pub max_age: Duration,
}

/// Maximum number of recipients.
const MAX_RECIPIENTS: usize = 20;

impl Environment {
    pub(super) fn backup(&mut self) -> Backup {
        Backup {
            folder: self.optional("SAMREGISTER_BACKUP_DIR", |text| Ok(PathBuf::from(text))),
            recipients: self.take("SAMREGISTER_BACKUP_RECIPIENTS", Vec::new(), recipients),
            max_age: Duration::from_secs(
                3600 * self.take("SAMREGISTER_BACKUP_MAX_AGE_HOURS", 26, |text| {
                    number(text, 1..=24 * 366)
                }),
            ),
        }
    }
}

/// Parses a list of public keys.
fn recipients(text: &str) -> Result<Vec<String>, String> {
    let found: Vec<&str> =
        text.split([',', ' ', '\n']).map(str::trim).filter(|key| !key.is_empty()).collect();
    if found.iter().any(|key| key.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-")) {
        return Err(
            "has a private key; name the public one, which `age-keygen -y FILE` prints".to_owned()
        );
    }
    if found.len() > MAX_RECIPIENTS {
        return Err(format!("must have at most {MAX_RECIPIENTS} keys"));
    }
    for key in &found {
        key.parse::<age::x25519::Recipient>()
            .map_err(|_| "must be public keys of age, as age1…, with commas between".to_owned())?;
    }
    Ok(found.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{bad, good};
    use super::*;

    const KEY: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

    #[test]
    fn backups_are_set() {
        let none = Backup { max_age: Duration::from_secs(26 * 3600), ..Backup::default() };
        assert_eq!(good(&[], "").backup, none);
        let settings = good(
            &[
                ("SAMREGISTER_BACKUP_DIR", "/var/backups/samregister"),
                ("SAMREGISTER_BACKUP_RECIPIENTS", &format!("{KEY}, {KEY}")),
                ("SAMREGISTER_BACKUP_MAX_AGE_HOURS", "2"),
            ],
            "",
        );
        let expected = Backup {
            folder: Some("/var/backups/samregister".into()),
            recipients: vec![KEY.to_owned(), KEY.to_owned()],
            max_age: Duration::from_secs(7200),
        };
        assert_eq!(settings.backup, expected);
    }

    #[test]
    fn keys_that_are_no_public_ones_are_refused_and_not_shown() {
        use age::secrecy::ExposeSecret;
        let identity = age::x25519::Identity::generate().to_string();
        for text in
            [identity.expose_secret(), "age1qqqq", "ssh-ed25519 AAAA", &KEY.replace('7', "8")]
        {
            let message = bad(&[("SAMREGISTER_BACKUP_RECIPIENTS", text)], "");
            assert!(message.contains("SAMREGISTER_BACKUP_RECIPIENTS"), "{message}");
            assert!(!message.contains(text), "{message}");
        }
    }
}
