//! Limits that the documents of one request share: its time and the size of their answers.

use tokio::time::Instant;

use super::App;
use crate::graphql::request::AnswerSize;
use domain::error::{Error, LimitReason, Result};

/// Limits that the documents of one request share.
#[derive(Clone)]
pub(super) struct Allowance {
    /// Time by which the last of them must be answered.
    pub(super) deadline: Instant,
    /// Size of their answers.
    pub(super) size: AnswerSize,
}

impl Allowance {
    /// Returns the limits of one request.
    pub(super) fn of(app: &App) -> Self {
        Self {
            deadline: Instant::now() + app.request_time,
            size: AnswerSize::new(app.answer_bytes),
        }
    }

    /// Awaits a prerequisite of execution within the remaining time. Fails with `LIMIT_TIME`.
    pub(super) async fn within<T>(
        &self,
        app: &App,
        needed: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let words = || {
            format!(
                "The request took longer than {} s and was not executed. Retry when the server is less busy.",
                app.request_time.as_secs()
            )
        };
        tokio::time::timeout_at(self.deadline, needed)
            .await
            .unwrap_or_else(|_| Err(Error::limit(LimitReason::LimitTime, "query", words())))
    }
}
