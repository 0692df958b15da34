//! Links to files: absolute, and signed for the caller for some minutes.

use std::sync::Arc;

use async_graphql::Context;
use chrono::TimeDelta;

use super::{caller, scalars::Url};
use domain::{
    auth::{file_link::LinkKeys, token::Verified},
    error::{Error, FieldErrorCode, Result},
};

/// Longest time for which a link opens, in seconds.
pub const MAX_SECONDS: i32 = 3_600;

/// The signer of a request's links. A request without one, as of a command, gets paths.
#[derive(Clone, Debug)]
pub struct FileLinks(Arc<Signer>);

#[derive(Debug)]
struct Signer {
    keys: LinkKeys,
    token: Arc<Verified>,
    /// Address of the API without a slash at its end; empty: links are relative to it.
    base: String,
}

impl FileLinks {
    /// Creates the signer of links for the bearer of a token. `base` is the address of the API.
    #[must_use]
    pub fn new(keys: LinkKeys, token: Arc<Verified>, base: String) -> Self {
        Self(Arc::new(Signer { keys, token, base }))
    }
}

/// Returns the link to the file at this path, which may have query parameters. `sha256` is the
/// digest of a stored file: the link opens no other content.
pub(super) fn link(
    ctx: &Context<'_>,
    path: &str,
    sha256: Option<&str>,
    valid_for_seconds: i32,
) -> Result<Url> {
    if !(1..=MAX_SECONDS).contains(&valid_for_seconds) {
        let problem = FieldErrorCode::OutOfRange
            .problem(format!("must be from 1 to {MAX_SECONDS}"))
            .with("min", 1)
            .with("max", MAX_SECONDS);
        return Err(Error::invalid("valid_for_seconds", problem));
    }
    let Some(FileLinks(signer)) = ctx.data_opt::<FileLinks>() else {
        return Ok(Url(path.to_owned()));
    };
    let until = caller(ctx).clock.now() + TimeDelta::seconds(i64::from(valid_for_seconds));
    let signature = signer.keys.sign(path, &signer.token, sha256, until)?;
    let sign = if path.contains('?') { '&' } else { '?' };
    Ok(Url(format!("{}{path}{sign}signature={signature}", signer.base)))
}
