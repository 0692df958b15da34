//! Files that the settings are read from or name, which no command may overwrite.

use std::path::{Path, PathBuf};

use super::{
    keys::KeySource,
    limits::DOCUMENTS,
    names,
    settings::Settings,
    trail::{TIMESTAMP_CERTIFICATES, TRAIL_PUBLIC_KEYS},
};

impl Settings {
    /// Returns the settings file and the files of keys, of persisted documents and of secrets,
    /// including files that do not exist. A trail key that is being replaced has other file names
    /// with the same prefix; [`OwnFiles`](crate::output::OwnFiles) finds those.
    #[must_use]
    pub fn own_files(&self) -> Vec<PathBuf> {
        let key_set = match &self.jwt_key_set {
            Some(KeySource::File(path)) => Some(path),
            Some(KeySource::Issuer(_)) | None => None,
        };
        let named = [
            &self.jwt_public_key,
            &self.jwt_signing_key,
            &self.trail.public_keys,
            &self.trail.timestamp_certificates,
        ];
        let documents = &self.exposure.documents;
        let named = named
            .into_iter()
            .flatten()
            .chain(key_set)
            .chain(documents)
            .chain(&self.secret_files)
            .map(PathBuf::as_path);
        let always = [self.file.clone(), self.trail_key_file()];
        always.into_iter().chain(named.map(Path::to_owned)).collect()
    }

    /// Returns the settings that name a file which must exist, each with its file. The key that
    /// signs the trail is not among them: the first start creates it.
    #[must_use]
    pub fn needed_files(&self) -> Vec<(&'static str, &Path)> {
        let key_set = match &self.jwt_key_set {
            Some(KeySource::File(path)) => Some(path),
            Some(KeySource::Issuer(_)) | None => None,
        };
        let named = [
            (names::JWT_PUBLIC_KEY, self.jwt_public_key.as_ref()),
            (names::JWT_SIGNING_KEY, self.jwt_signing_key.as_ref()),
            (names::JWT_JWKS, key_set),
            (TRAIL_PUBLIC_KEYS, self.trail.public_keys.as_ref()),
            (TIMESTAMP_CERTIFICATES, self.trail.timestamp_certificates.as_ref()),
            (DOCUMENTS, self.exposure.documents.as_ref()),
        ];
        let named = named.into_iter();
        named.filter_map(|(name, file)| Some((name, file?.as_path()))).collect()
    }

    /// Returns the files of private keys and of secrets, which only their owner should read.
    #[must_use]
    pub fn private_files(&self) -> Vec<PathBuf> {
        let keys = self.jwt_signing_key.clone().into_iter().chain([self.trail_key_file()]);
        keys.chain(self.secret_files.iter().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::good;

    #[test]
    fn every_file_that_settings_name_is_protected() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("metrics-token");
        std::fs::write(&secret, "a-token-of-32-characters-or-more\n").unwrap();
        let secret = secret.display().to_string();
        let settings = good(
            &[
                ("SAMREGISTER_TRAIL_KEY", "trail.pem"),
                ("SAMREGISTER_TRAIL_PUBLIC_KEYS", "former.pem"),
                ("SAMREGISTER_TIMESTAMP_CERTIFICATES", "tsa.pem"),
                ("SAMREGISTER_JWT_PUBLIC_KEY", "public.pem"),
                ("SAMREGISTER_JWT_SIGNING_KEY", "signing.pem"),
                ("SAMREGISTER_METRICS_TOKEN_FILE", &secret),
            ],
            "",
        );
        let files: Vec<String> =
            settings.own_files().iter().map(|path| path.display().to_string()).collect();
        assert!(files[0].ends_with("samregister.toml"), "{files:?}");
        assert_eq!(
            files[1..],
            ["trail.pem", "public.pem", "signing.pem", "former.pem", "tsa.pem", &secret]
        );
        let private: Vec<String> =
            settings.private_files().iter().map(|path| path.display().to_string()).collect();
        assert_eq!(private, ["signing.pem", "trail.pem", &secret]);
        let settings = good(&[("SAMREGISTER_JWT_JWKS", "keys.json")], "");
        assert!(settings.own_files().iter().any(|path| path.ends_with("keys.json")));
    }
}
