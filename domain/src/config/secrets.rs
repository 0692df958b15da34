//! Secret settings: as a value, or in a file that a setting with the suffix `_FILE` names.

use std::{fmt, path::Path};

use super::{
    environment::{Environment, MAX_FILE_BYTES, checked},
    names::IN_FILES,
};
use crate::files;

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub(super) String);

impl Secret {
    /// Returns the text. Do not log or store it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns a secret of a test.
    #[cfg(test)]
    pub(crate) fn of_test(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Maximum number of secrets, because each is tried when a token is verified.
const MAX_SECRETS: usize = 10;
/// Minimum length of a secret in bytes: the output size of HS256 (RFC 7518, 3.2).
const MIN_SECRET_BYTES: usize = 32;

impl Environment {
    /// Replaces settings that name a file by the content of the file.
    pub(super) fn take_files(&mut self) {
        for (name, name_of_file) in IN_FILES {
            self.take_file(name, name_of_file);
        }
    }

    /// Replaces one setting by the content of its file, without the line break at its end.
    fn take_file(&mut self, name: &'static str, name_of_file: &'static str) {
        self.known.push(name_of_file);
        let Some((position, path)) = self.values.remove(name_of_file) else { return };
        let Some(path) = path else {
            return self.errors.add(position, "must be the name of a file");
        };
        if path.trim().is_empty() {
            return;
        }
        if self
            .values
            .get(name)
            .is_some_and(|(_, text)| text.as_deref().is_none_or(|text| !text.trim().is_empty()))
        {
            return self
                .errors
                .add(position, format!("and {name} are both set; remove one of them"));
        }
        self.secret_files.push(path.trim().into());
        // A user may have set the secret itself here, so the path is not shown.
        match files::read_text(Path::new(path.trim()), MAX_FILE_BYTES) {
            Ok(text) => {
                let text = text.strip_suffix('\n').unwrap_or(&text);
                let text = text.strip_suffix('\r').unwrap_or(text);
                match text.trim().is_empty() {
                    true => self.errors.add(position, "names a file that is empty"),
                    false => {
                        drop(self.values.insert(name.to_owned(), (position, Some(text.to_owned()))))
                    }
                }
            }
            Err(cause) => {
                self.errors.add(position, format!("names a file that can't be read: {cause}"))
            }
        }
    }
}

/// Parses a list of secrets for HS256, one a line: the first signs, all verify.
pub(super) fn list(text: &str) -> Result<Vec<Secret>, String> {
    // Anyone who has the public key could mint tokens if it were used as a secret.
    checked(
        text,
        !text.contains("-----BEGIN"),
        "is a key in PEM; put it in a file and set SAMREGISTER_JWT_PUBLIC_KEY",
    )?;
    let lines: Vec<&str> = text
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .filter(|line| !line.is_empty())
        .collect();
    checked(
        text,
        lines.len() <= MAX_SECRETS,
        &format!("must have at most {MAX_SECRETS} secrets, one a line"),
    )?;
    for (index, line) in lines.iter().enumerate() {
        let which =
            if lines.len() == 1 { String::new() } else { format!(" in line {}", index + 1) };
        checked(text, line.trim() == *line, &format!("must not have blanks around it{which}"))?;
        let short = format!(
            "must have at least {MIN_SECRET_BYTES} bytes{which}; `openssl rand -base64 48` makes a good one"
        );
        checked(text, line.len() >= MIN_SECRET_BYTES, &short)?;
        checked(
            text,
            !lines[..index].contains(line),
            &format!("must not have the same secret twice{which}"),
        )?;
    }
    Ok(lines.into_iter().map(|line| Secret(line.to_owned())).collect())
}

/// Parses a secret that a client sends in a header.
pub(super) fn bearer(text: &str) -> Result<Secret, String> {
    let is_sendable =
        text.len() >= MIN_SECRET_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic());
    let words = format!(
        "must have at least {MIN_SECRET_BYTES} visible ASCII characters and no blank; `openssl rand -base64 48` makes a good one"
    );
    checked(text, is_sendable, &words).map(Secret)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{bad, good};
    use crate::config::names::{DATABASE_URL, DATABASE_URL_FILE, JWT_SECRET, JWT_SECRET_FILE};

    const OLD: &str = "an-old-secret-for-tests-of-32-bytes-or-more";
    const NEW: &str = "a new secret, with commas and blanks in it";

    fn secrets(env: &[(&str, &str)], file: &str) -> Vec<String> {
        good(env, file).jwt_secrets.iter().map(|secret| secret.expose().to_owned()).collect()
    }

    #[test]
    fn secrets_stand_one_a_line() {
        assert_eq!(secrets(&[(JWT_SECRET, NEW)], ""), [NEW]);
        assert_eq!(secrets(&[(JWT_SECRET, &format!("{NEW}\n{OLD}"))], ""), [NEW, OLD]);
        assert_eq!(secrets(&[], &format!("{JWT_SECRET} = '''\n{NEW}\r\n\n{OLD}\n'''")), [NEW, OLD]);
        for (text, why) in [
            (format!("{NEW}\nshort"), "at least 32 bytes in line 2"),
            (format!("{NEW}\n {OLD}"), "blanks around it in line 2"),
            (format!("{NEW}\n{NEW}"), "same secret twice in line 2"),
            ((0..11).map(|n| format!("{n}{NEW}\n")).collect(), "at most 10 secrets"),
        ] {
            let message = bad(&[(JWT_SECRET, &text)], "");
            assert!(
                message.starts_with(JWT_SECRET)
                    && message.contains(why)
                    && !message.contains("commas"),
                "{message}"
            );
        }
    }

    #[test]
    fn secrets_and_the_database_can_stand_in_files() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let (secret, url) = (
            write("secret", &format!("{NEW}\n{OLD}\n")),
            write("url", "postgres://u:hunter2@h/d\r\n"),
        );
        assert_eq!(secrets(&[(JWT_SECRET_FILE, &secret)], ""), [NEW, OLD]);
        assert_eq!(secrets(&[], &format!("{JWT_SECRET_FILE} = '{secret}'")), [NEW, OLD]);
        assert_eq!(
            good(&[(DATABASE_URL_FILE, &url)], "").database_url.expose(),
            "postgres://u:hunter2@h/d"
        );
        // The environment overrides the file, in either form; a blank setting counts as not set.
        assert_eq!(
            secrets(&[(JWT_SECRET, OLD)], &format!("{JWT_SECRET_FILE} = '{secret}'")),
            [OLD]
        );
        assert_eq!(
            secrets(&[(JWT_SECRET_FILE, &secret)], &format!("{JWT_SECRET} = '{OLD}'")),
            [NEW, OLD]
        );
        assert_eq!(secrets(&[(JWT_SECRET_FILE, &secret), (JWT_SECRET, " ")], ""), [NEW, OLD]);
        let (empty, short) = (write("empty", "\n"), write("short", "hunter2"));
        for (env, why) in [
            (
                &[(JWT_SECRET_FILE, secret.as_str()), (JWT_SECRET, OLD)][..],
                "and SAMREGISTER_JWT_SECRET are both set",
            ),
            (&[(JWT_SECRET_FILE, "hunter2")], "names a file that can't be read: No such file"),
            (&[(JWT_SECRET_FILE, "/dev/null")], "it is not a regular file"),
            (&[(JWT_SECRET_FILE, &empty)], "is empty"),
            (&[(JWT_SECRET_FILE, &short)], "at least 32 bytes"),
            (&[(DATABASE_URL_FILE, &short)], "must begin with sqlite: or postgres://"),
            (
                &[(DATABASE_URL_FILE, &url), (DATABASE_URL, "sqlite:x")],
                "and DATABASE_URL are both set",
            ),
        ] {
            let message = bad(env, "");
            assert!(
                message.contains(why) && message.contains("_FILE") && !message.contains("hunter2"),
                "{message}"
            );
        }
    }
}
