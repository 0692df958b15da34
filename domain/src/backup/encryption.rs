//! Encryption of backups to public keys, in the format of the tool `age`.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    path::Path,
};

use age::{DecryptError, Decryptor, Encryptor, IdentityFile, stream::StreamWriter, x25519};

use super::refusal::failed;
use crate::{error::Result, files};

/// First bytes of an encrypted file.
const MAGIC: &[u8] = b"age-encryption.org/";

/// Maximum size of a file of private keys, in bytes.
const MAX_KEY_BYTES: u64 = 1 << 20;

/// A writer that encrypts if there are recipients.
pub(super) enum Sink<W: Write> {
    Plain(W),
    Encrypted(Box<StreamWriter<W>>),
}

impl<W: Write> Sink<W> {
    /// Returns a writer that encrypts to these public keys; without any, it writes as it is.
    pub(super) fn new(recipients: &[String], output: W) -> io::Result<Self> {
        if recipients.is_empty() {
            return Ok(Self::Plain(output));
        }
        let keys = recipients
            .iter()
            .map(|key| key.parse::<x25519::Recipient>().map_err(io::Error::other))
            .collect::<io::Result<Vec<_>>>()?;
        let encryptor = Encryptor::with_recipients(keys.iter().map(|key| key as _))
            .map_err(io::Error::other)?;
        Ok(Self::Encrypted(Box::new(encryptor.wrap_output(output)?)))
    }

    /// Writes the end, without which the file can't be decrypted.
    pub(super) fn finish(self) -> io::Result<W> {
        match self {
            Self::Plain(output) => Ok(output),
            Self::Encrypted(output) => output.finish(),
        }
    }
}

impl<W: Write> Write for Sink<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(output) => output.write(bytes),
            Self::Encrypted(output) => output.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(output) => output.flush(),
            Self::Encrypted(output) => output.flush(),
        }
    }
}

/// Content of a backup, decrypted.
pub(super) type Content = BufReader<Box<dyn Read + Send>>;

/// Opens a backup, and decrypts it with the private keys of a file if it is encrypted.
///
/// # Errors
/// INTERNAL if it can't be read, or is encrypted and none of the keys fits.
pub(super) fn open(backup: &Path, identities: Option<&Path>) -> Result<Content> {
    let name = backup.display();
    let unreadable = |cause: io::Error| failed(format!("cannot read {name}: {cause}"));
    let mut file = BufReader::new(files::open(backup).map_err(unreadable)?);
    if !file.fill_buf().map_err(unreadable)?.starts_with(MAGIC) {
        return Ok(BufReader::new(Box::new(file)));
    }
    let Some(identities) = identities else {
        return Err(failed(format!(
            "{name} is encrypted; name the file with the private key by --identity"
        )));
    };
    let keys = files::read_text(identities, MAX_KEY_BYTES)
        .and_then(|text| IdentityFile::from_buffer(text.as_bytes()))
        .and_then(|keys| keys.into_identities().map_err(io::Error::other))
        .map_err(|cause| {
            failed(format!("cannot read the private keys in {}: {cause}", identities.display()))
        })?;
    let decrypted = Decryptor::new_buffered(file)
        .and_then(|decryptor| decryptor.decrypt(keys.iter().map(|key| &**key)));
    match decrypted {
        Ok(content) => Ok(BufReader::new(Box::new(content))),
        Err(DecryptError::NoMatchingKeys) => Err(failed(format!(
            "{name} is encrypted to another key than those in {}; its manifest names the public one",
            identities.display()
        ))),
        Err(cause) => Err(failed(format!("cannot decrypt {name}: {cause}"))),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use age::secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn only_the_holder_of_the_private_key_reads_an_encrypted_backup() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (own, other) = (x25519::Identity::generate(), x25519::Identity::generate());
        for (name, key) in [("own", &own), ("other", &other)] {
            fs::write(path(name), format!("# key\n{}\n", key.to_string().expose_secret())).unwrap();
        }
        let content: Vec<u8> = (0..300_000_u32).map(|number| number as u8).collect();
        let write = |name: &str, recipients: &[String]| {
            let mut sink = Sink::new(recipients, fs::File::create(path(name)).unwrap()).unwrap();
            sink.write_all(&content).unwrap();
            sink.finish().unwrap();
        };
        let read = |name: &str, key: Option<&str>| {
            let key = key.map(path);
            let mut text = Vec::new();
            let mut opened = open(&path(name), key.as_deref())?;
            opened.read_to_end(&mut text).map_err(crate::error::Error::internal)?;
            Ok::<_, crate::error::Error>(text)
        };
        write("plain", &[]);
        write("secret", &[own.to_public().to_string()]);
        write("both", &[own, other].map(|key| key.to_public().to_string()));
        assert_eq!(read("plain", None).unwrap(), content);
        assert_eq!(read("secret", Some("own")).unwrap(), content);
        assert_eq!(read("both", Some("other")).unwrap(), content);
        let refused = |name, key| read(name, key).unwrap_err().cause();
        assert!(refused("secret", None).contains("--identity"));
        let wrong = refused("secret", Some("other"));
        assert!(wrong.contains("is encrypted to another key"), "{wrong}");
        assert!(refused("secret", Some("plain")).contains("cannot read the private keys"));
        // A byte within, and the end.
        let mut bytes = fs::read(path("secret")).unwrap();
        bytes.truncate(bytes.len() - 20);
        fs::write(path("short"), &bytes).unwrap();
        assert!(read("short", Some("own")).is_err());
        bytes = fs::read(path("secret")).unwrap();
        bytes[100_000] ^= 1;
        fs::write(path("secret"), &bytes).unwrap();
        assert!(read("secret", Some("own")).is_err());
    }
}
