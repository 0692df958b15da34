//! Limit of open files of the process: each connection is one.

use crate::http::listener::EXTRA;
use domain::{config::Settings, doctor::OpenFiles};

/// Files that the server opens in addition to connections: the database's, the log, settings, a few
/// more.
const OTHER_FILES: u64 = 100;

/// Raises the soft limit of open files to the hard one, and warns when that is lower than the
/// settings need.
#[cfg(unix)]
pub(super) fn raise_limit(settings: &Settings) {
    let limit = match rlimit::increase_nofile_limit(rlimit::INFINITY) {
        Ok(limit) => limit,
        Err(cause) => {
            tracing::warn!(%cause, "the limit of open files can't be raised");
            return;
        }
    };
    let needed = needed(settings);
    if limit < needed {
        tracing::warn!(
            limit,
            needed,
            "this program may open fewer files than SAMREGISTER_MAX_CONNECTIONS needs; raise LimitNOFILE (systemd) or ulimit -n, or lower the setting"
        );
    }
}

/// Does nothing where there is no such limit.
#[cfg(not(unix))]
pub(super) fn raise_limit(_: &Settings) {}

/// Returns the limit of this process, and the files that a server needs with these settings.
/// `None` if there is no limit.
pub(super) fn facts(settings: &Settings) -> Option<OpenFiles> {
    #[cfg(unix)]
    {
        let (_, limit) = rlimit::getrlimit(rlimit::Resource::NOFILE).ok()?;
        let least = EXTRA as u64 + OTHER_FILES;
        (limit != rlimit::INFINITY).then(|| OpenFiles { limit, least, needed: needed(settings) })
    }
    #[cfg(not(unix))]
    {
        let _ = settings;
        None
    }
}

/// Returns the number of files that the settings may need.
#[cfg(unix)]
fn needed(settings: &Settings) -> u64 {
    (settings.limits.connections + EXTRA) as u64 + OTHER_FILES
}
