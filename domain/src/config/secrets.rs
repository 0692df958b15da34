//! Secrets among the settings: given as they are, or in a file that a setting with `_FILE` at its
//! end names.

use std::{fmt, path::Path};

use super::{
    DATABASE_URL, DATABASE_URL_FILE, Given, JWT_SECRET, JWT_SECRET_FILE, LARGEST_FILE,
    access::{METRICS_TOKEN, METRICS_TOKEN_FILE},
    checked,
};
use crate::files;

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub(super) String);

impl Secret {
    /// The text, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// The most secrets that tokens are verified with: each is tried in turn.
const MAX_SECRETS: usize = 10;
/// The least bytes of a secret: as long as what HS256 makes (RFC 7518, 3.2).
const LEAST_BYTES: usize = 32;

impl Given {
    /// Replaces settings that name a file by the content of the file.
    pub(super) fn take_files(&mut self) {
        for (name, name_of_file) in IN_FILES {
            self.take_file(name, name_of_file);
        }
    }

    /// The same of one setting: what its file holds, without the line break at its end.
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
        // A user may have put the secret itself here, so the path is not shown.
        match files::read_text(Path::new(path.trim()), LARGEST_FILE) {
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

/// The settings that can stand in a file, with those that name it.
pub(super) const IN_FILES: [(&str, &str); 3] = [
    (DATABASE_URL, DATABASE_URL_FILE),
    (JWT_SECRET, JWT_SECRET_FILE),
    (METRICS_TOKEN, METRICS_TOKEN_FILE),
];

/// Reads a list of secrets for HS256, one a line: the first signs, all verify.
pub(super) fn list(text: &str) -> Result<Vec<Secret>, String> {
    // A public key used as a secret would let everybody who has it make tokens.
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
        &format!("must have at most {MOST_SECRETS} secrets, one a line"),
    )?;
    for (index, line) in lines.iter().enumerate() {
        let which =
            if lines.len() == 1 { String::new() } else { format!(" in line {}", index + 1) };
        checked(text, line.trim() == *line, &format!("must not have blanks around it{which}"))?;
        let short = format!(
            "must have at least {LEAST_BYTES} bytes{which}; `openssl rand -base64 48` makes a good one"
        );
        checked(text, line.len() >= LEAST_BYTES, &short)?;
        checked(
            text,
            !lines[..index].contains(line),
            &format!("must not have the same secret twice{which}"),
        )?;
    }
    Ok(lines.into_iter().map(|line| Secret(line.to_owned())).collect())
}

/// Reads a secret that a client sends in a header.
pub(super) fn bearer(text: &str) -> Result<Secret, String> {
    let is_sendable = text.len() >= LEAST_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic());
    let words = format!(
        "must have at least {LEAST_BYTES} visible ASCII characters and no blank; `openssl rand -base64 48` makes a good one"
    );
    checked(text, is_sendable, &words).map(Secret)
}

#[cfg(test)]
mod tests {
    use super::super::{
        DATABASE_URL, DATABASE_URL_FILE, JWT_SECRET, JWT_SECRET_FILE,
        tests::{bad, good},
    };

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
        // The environment wins over the file, whichever of the two ways each chose; an empty
        // setting is none.
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
