//! One workload asked so often in process, on one thread: the number of instructions of an answer
//! is the difference of two counts under callgrind, divided by that of the answers.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use samregister::http;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;

use crate::{
    Failure,
    documents::{Facts, Workload},
    register::Register,
    servers::{facts, program, settings},
};

fn runtime() -> Result<Runtime, Failure> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// Makes the register, unless it is there.
pub fn prepare(register: &Register) -> Result<(), Failure> {
    runtime()?.block_on(register.make())?;
    Ok(())
}

/// Asks a workload so often, each answer after the other, without the answer cache.
pub fn ask(register: &Register, workload: &str, times: &str) -> Result<(), Failure> {
    let times: usize = times.parse()?;
    runtime()?.block_on(async {
        let db = register.connect(&register.make().await?).await?;
        let settings = settings(Some("0"))?;
        let (app, token) = program(&db, &settings)?;
        let mut reads = facts(&app).await.reads().into_iter().chain(Facts::wide_reads());
        let wanted = reads.find(|own| own.name == workload);
        let wanted =
            wanted.ok_or_else(|| format!("{workload} is none of W1 to W5 and W7 to W11"))?;
        let routes = http::router(app, &settings);
        let mut bytes = 0;
        for _ in 0..times {
            bytes = answer(&routes, &wanted, &token).await?;
        }
        println!("{workload}: {times} answers of {bytes} bytes");
        Ok(db.close().await?)
    })
}

/// Returns the bytes of an answer.
async fn answer(routes: &Router, workload: &Workload, token: &str) -> Result<usize, Failure> {
    let body = json!({ "query": workload.document, "variables": workload.variables }).to_string();
    let request = Request::post("/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::from(body))?;
    let response = routes.clone().oneshot(request).await?;
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await?;
    let is_error = status != StatusCode::OK || body.windows(8).any(|part| part == b"\"errors\"");
    if is_error {
        return Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into());
    }
    Ok(body.len())
}
