//! Names of settings that more than one file reads or mentions.

/// Tables of activities' projects and accounts, one for each slug.
pub(super) const ACTIVITIES: &str = "network.activities";

/// Table of boxes by account.
pub(super) const VAT_BOXES: &str = "network.vat_boxes";

/// Returns `true` if a name is that of one of these tables.
pub(super) fn is_table(name: &str) -> bool {
    let slug = name.strip_prefix(ACTIVITIES).and_then(|rest| rest.strip_prefix('.'));
    name == VAT_BOXES || name == ACTIVITIES || slug.is_some_and(|slug| !slug.contains('.'))
}

/// Settings that can be in a file, with the settings that name the file.
pub(super) const IN_FILES: [(&str, &str); 6] = [
    (DATABASE_URL, DATABASE_URL_FILE),
    (DATABASE_LISTEN_URL, DATABASE_LISTEN_URL_FILE),
    (DATABASE_REPLICA_URLS, DATABASE_REPLICA_URLS_FILE),
    (JWT_SECRET, JWT_SECRET_FILE),
    (LINK_SECRET, LINK_SECRET_FILE),
    (METRICS_TOKEN, METRICS_TOKEN_FILE),
];

/// The variable that names the settings file.
pub(super) const CONFIG: &str = "SAMREGISTER_CONFIG";

/// Variables of commands, which are no settings of the program: the settings file, and the server
/// and the token of commands that use the API.
pub(super) const OF_COMMANDS: [&str; 3] = [CONFIG, "SAMREGISTER_URL", "SAMREGISTER_TOKEN"];

/// Settings of the database, whose names other programs use too.
pub(super) const OF_DATABASE: [&str; 6] = [
    DATABASE_URL,
    DATABASE_URL_FILE,
    DATABASE_LISTEN_URL,
    DATABASE_LISTEN_URL_FILE,
    DATABASE_REPLICA_URLS,
    DATABASE_REPLICA_URLS_FILE,
];

/// Tables of the network's signatories.
pub(super) const SIGNATORIES: &str = "network.signatories";

pub(super) const LINK_SECRET: &str = "SAMREGISTER_LINK_SECRET";

pub(super) const LINK_SECRET_FILE: &str = "SAMREGISTER_LINK_SECRET_FILE";

pub(super) const METRICS_TOKEN: &str = "SAMREGISTER_METRICS_TOKEN";

pub(super) const METRICS_TOKEN_FILE: &str = "SAMREGISTER_METRICS_TOKEN_FILE";

pub(crate) const JWT_SECRET: &str = "SAMREGISTER_JWT_SECRET";

pub(crate) const JWT_PUBLIC_KEY: &str = "SAMREGISTER_JWT_PUBLIC_KEY";

pub(crate) const JWT_SIGNING_KEY: &str = "SAMREGISTER_JWT_SIGNING_KEY";

pub(crate) const JWT_JWKS: &str = "SAMREGISTER_JWT_JWKS";

pub(crate) const JWT_SECRET_FILE: &str = "SAMREGISTER_JWT_SECRET_FILE";

pub(super) const DATABASE_URL: &str = "DATABASE_URL";

pub(super) const DATABASE_URL_FILE: &str = "DATABASE_URL_FILE";

pub(super) const DATABASE_LISTEN_URL: &str = "DATABASE_LISTEN_URL";

pub(super) const DATABASE_LISTEN_URL_FILE: &str = "DATABASE_LISTEN_URL_FILE";

pub(super) const DATABASE_REPLICA_URLS: &str = "DATABASE_REPLICA_URLS";

pub(super) const DATABASE_REPLICA_URLS_FILE: &str = "DATABASE_REPLICA_URLS_FILE";
