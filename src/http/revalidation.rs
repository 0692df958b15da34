//! Checks the token of a request again, against all revocations up to the last revision.

use super::{
    App,
    execution::{Caller, PROBE_AFTER},
};
use domain::{
    auth::{token::Verified, viewer::Viewer},
    database::LastEntry,
    error::{Error, Result},
};

/// Maximum number of refused tokens for which the revocations are read again at a time: one who
/// sends many of them while the database is slow is refused at once, and holds nothing.
pub(super) const MAX_RECHECKS: usize = 8;

impl App {
    /// Asks the database for the last entry of the audit trail, and reads the revocations up to it.
    /// Returns the entry.
    ///
    /// If the database does not return them within two seconds, or within half the time of a
    /// request if that is shorter, or fails, the entry is `None`, and tokens are checked against
    /// the revocations that are known: a slow database refuses no request. They are then read
    /// without a time limit, and apply to each request from the moment that the database has
    /// returned them. A read that has begun is never cancelled.
    ///
    /// With read replicas, nothing is asked while the primary is lost, so that queries are answered
    /// meanwhile.
    async fn catch_up(&self) -> Option<LastEntry> {
        if self.db.has_replicas() && self.db.is_primary_lost() {
            self.revocations.refresh_soon();
            return None;
        }
        let reading = async {
            let last = self.db.last_entry().await?;
            self.revocations.catch_up(&self.db, &last).await?;
            Ok::<_, Error>(last)
        };
        // The rest of the time is for the execution.
        let time = Ord::min(self.request_time / 2, PROBE_AFTER);
        let last = tokio::time::timeout(time, reading).await.ok().and_then(Result::ok);
        if last.is_none() {
            self.revocations.refresh_soon();
        }
        last
    }

    /// Checks a token against the known revocations, and if they refuse it, against those of the
    /// last revision: the register may have been set back to before the revocation.
    ///
    /// # Errors
    /// UNAUTHENTICATED if the token is no longer valid.
    pub(super) async fn check(&self, token: &Verified) -> Result<Verified> {
        let now = self.clock.now();
        let checked = self.revocations.check(token.clone(), now);
        if checked.is_ok() || token.until <= now {
            return checked;
        }
        let Ok(_permit) = self.rechecks.try_acquire() else { return checked };
        Box::pin(self.catch_up()).await;
        self.revocations.check(token.clone(), now)
    }
}

impl Caller {
    /// Checks the token as it was issued against all revocations up to the last entry of the audit
    /// trail: a right that it had lost before may be back, in a register that was set back. Returns
    /// the viewer and the entry; `None` if the database does not return them in time.
    ///
    /// # Errors
    /// UNAUTHENTICATED if the token is no longer valid.
    pub(super) async fn revalidate(&self, app: &App) -> Result<(Viewer, Option<LastEntry>)> {
        let last = app.catch_up().await;
        let issued = self.issued().ok_or_else(|| {
            Error::internal(std::io::Error::other("the caller of a request is not verified"))
        })?;
        let verified = app.revocations.check(Verified::clone(issued), app.clock.now())?;
        Ok((self.set_verified(verified), last))
    }
}
