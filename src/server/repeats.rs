//! The header Idempotency-Key: a request with it is done once, and however often it comes again within a day, it gets the first answer.

use std::{sync::Arc, time::Duration};

use async_graphql::{Response as Answer, ServerError};
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode},
    response::Response,
};
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use tracing::Instrument;

use super::{
    App, answers,
    api::Refused,
    documents::hex,
    execution::{Caller, Ready, execute},
    headers::{IDEMPOTENCY_KEY, REPLAYED},
};
use crate::{
    auth::viewer::Viewer,
    database::BUSY,
    error::{Error, Result},
    graphql::errors,
    idempotency::{self, Earlier, Once},
};

/// The longest key, in bytes.
const LONGEST: usize = 255;
/// How long whoever waits for another's answer waits before looking again.
const PAUSE: Duration = Duration::from_millis(50);
/// How often it is tried to keep an answer while others write.
const TRIES: usize = 3;

/// The key that the sender gave to the request; null when it gave none.
///
/// # Errors
/// INVALID when it is none.
pub fn key_of(headers: &HeaderMap) -> Result<Option<String>> {
    let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = given.next() else { return Ok(None) };
    let is_plain = |key: &&str| (1..=LONGEST).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    let key = key.to_str().ok().filter(is_plain).filter(|_| given.next().is_none());
    let wrong = || Error::invalid(IDEMPOTENCY_KEY.as_str(), format!("must be given once, with 1 to {LONGEST} visible ASCII characters"));
    Ok(Some(key.ok_or_else(wrong)?.to_owned()))
}

/// Does a deed, unless it was done before under the same key: then it gives the answer that was given then.
pub(super) async fn once(app: &App, caller: &Caller, viewer: Viewer, ready: Ready, key: String, body: &[u8]) -> Result<Response, Refused> {
    // Whoever may see more or less than the first time may not have the first answer.
    let digest = Sha256::new().chain_update(Sha256::digest(body)).chain_update(format!("{viewer:?}")).finalize();
    let once = Arc::new(Once::new(viewer.subject.clone(), key, hex(&digest)));
    if !matches!(idempotency::earlier(&app.db, &once).await?, Earlier::None) {
        return first(app, caller, &once).await;
    }
    let document = caller.data(viewer, ready.document).data(app.db.clone().doing(Arc::clone(&once)));
    let (own, id, doing) = (app.clone(), caller.request_id.clone(), Arc::clone(&once));
    // The answer is kept also when the client does not wait for it: it may ask again.
    let done = async move {
        let answer = execute(&own, document, ready.operation, &id).await;
        is_first(&own, &doing, &answer).await.then_some(answer)
    };
    match tokio::spawn(done.instrument(tracing::Span::current())).await {
        Ok(Some(answer)) => Ok(caller.respond(StatusCode::OK, &answer)),
        Ok(None) => first(app, caller, &once).await,
        Err(failed) => Ok(caller.respond(StatusCode::OK, &errors::refused(Error::internal(failed), &caller.request_id))),
    }
}

/// Whether this answer is the first, which is then kept, or need not be kept since nothing was done and trying again may do it.
async fn is_first(app: &App, once: &Once, answer: &Answer) -> bool {
    if once.is_met() {
        return false;
    }
    let may_pass = |error: &ServerError| {
        let said = |name: &str, word: &str| error.extensions.as_ref().and_then(|extensions| extensions.get(name)) == Some(&word.into());
        said("code", "INTERNAL") || said("reason", BUSY)
    };
    if !once.is_marked() && (answers::never_began(answer) || answer.errors.iter().any(may_pass)) {
        return true;
    }
    let json = answers::json(answer);
    for _ in 0..TRIES {
        match idempotency::keep(&app.db, once, json.clone()).await {
            Ok(is_kept) => return is_kept,
            Err(cause) => tracing::warn!(?cause, "the answer to a request with an idempotency key was not kept"),
        }
    }
    true
}

/// The first answer, which may still be in the making.
async fn first(app: &App, caller: &Caller, once: &Once) -> Result<Response, Refused> {
    let until = Instant::now() + app.request_time;
    loop {
        match idempotency::earlier(&app.db, once).await? {
            Earlier::Answered(json) => {
                let mut response = caller.write(StatusCode::OK, json);
                response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
                return Ok(response);
            }
            Earlier::Other => {
                let words = "was given to another request within a day, or with other rights; take a new one";
                return Err(Refused(StatusCode::UNPROCESSABLE_ENTITY, Error::invalid(IDEMPOTENCY_KEY.as_str(), words)));
            }
            Earlier::Done(_) if Instant::now() < until => tokio::time::sleep(PAUSE).await,
            Earlier::Done(revision) => {
                let words = format!("the request with this idempotency key was done, from revision {revision} on, and its answer is lost");
                return Err(Error::conflict("ANSWER_LOST", words).into());
            }
            // Its day ended just now.
            Earlier::None => return Err(Error::conflict("ANSWER_LOST", "the answer to this idempotency key was just forgotten").into()),
        }
    }
}
