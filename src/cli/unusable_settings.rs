//! Settings that are valid as texts and that no command can use: URLs that can't be read, and files
//! that are missing.

use domain::{
    config::{Settings, SettingsReport},
    database::{are_readable, is_usable},
    files,
};

/// Adds the errors of settings that can't be used to a report without errors. Connects to nothing.
pub(super) fn add_to(report: &mut SettingsReport) {
    let Some(settings) = &report.settings else { return };
    for (name, message) in errors(settings) {
        report.add(name, message);
    }
}

fn errors(settings: &Settings) -> Vec<(&'static str, String)> {
    const UNREADABLE: &str = "is a URL that can't be read";
    let mut found = Vec::new();
    let database = settings.database_url.expose();
    if is_in_memory(database) {
        found.push(("DATABASE_URL", IN_MEMORY.to_owned()));
    } else if !is_usable(database) {
        found.push(("DATABASE_URL", UNREADABLE.to_owned()));
    }
    for (name, url) in [
        ("DATABASE_LISTEN_URL", &settings.database_listen_url),
        ("DATABASE_REPLICA_URLS", &settings.database_replica_urls),
    ] {
        if url.as_ref().is_some_and(|url| !are_readable(url.expose())) {
            found.push((name, UNREADABLE.to_owned()));
        }
    }
    for (name, file) in settings.needed_files() {
        if let Err(cause) = files::open(file) {
            found.push((name, format!("names {}, which can't be read: {cause}", file.display())));
        }
    }
    if let Some(key) = &settings.trail.key {
        // The first start creates it.
        let folder = key.parent().filter(|folder| !folder.as_os_str().is_empty());
        if folder.is_some_and(|folder| !folder.is_dir()) {
            let message = format!("names {}, whose folder does not exist", key.display());
            found.push(("SAMREGISTER_TRAIL_KEY", message));
        }
    }
    found
}

/// The error of a database in memory, after the name of its setting.
pub(super) const IN_MEMORY: &str =
    "names a database in memory, which is separate for every connection; name a file";

/// Returns `true` if a URL names a database in memory.
pub(super) fn is_in_memory(url: &str) -> bool {
    url.contains(":memory:") || url.contains("mode=memory")
}
