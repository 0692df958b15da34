//! The error of a document that could not be made.

use std::sync::Arc;

use crate::{
    size::TIME_LIMIT,
    typesetting::{self, CLOCK_FACTOR},
};

/// Result of rendering a document.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Reason why a document could not be made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The document is larger than the renderer allows, or takes more time. The message says what
    /// to do.
    #[error("{0}")]
    TooLong(String),
    /// A layout or a template is faulty, or the content can't be written in the format.
    #[error(transparent)]
    Internal(Arc<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Returns the error for an internal failure.
    pub(crate) fn internal(cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Internal(Arc::new(cause))
    }
}

impl From<typesetting::Error> for Error {
    fn from(error: typesetting::Error) -> Self {
        match error {
            typesetting::Error::TimedOut => Self::TooLong(format!(
                "setting the document took more than {} seconds of processor time, or {CLOCK_FACTOR} \
                 times that by the clock; shorten it, or retry when the server has less to do",
                TIME_LIMIT.as_secs()
            )),
            error @ typesetting::Error::Layout { .. } => Self::internal(error),
        }
    }
}
