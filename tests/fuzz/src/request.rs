//! The reader of requests: bodies, batches, addresses and messages of the socket say the same, and
//! a document is found by its digest alone.

use samregister::http::{
    graphql_request::{Body, GraphqlRequest},
    persisted_documents::Documents,
    websocket,
};
use serde_json::Value;

/// The most documents of a batch.
const BATCH: usize = 10;
/// Readers of JSON go 128 levels deep, and a message of the socket has one more than a body.
const BRACKETS: usize = 100;

/// Checks a body, a message of the socket, and an address, whose parameters are on lines.
pub fn check(input: &str) {
    match Body::read(input.as_bytes(), BATCH) {
        Ok(Body::One(asked)) => {
            check_request(&asked);
            // What no one reads of a body need not be Unicode.
            if input.matches(['{', '[']).count() < BRACKETS
                && serde_json::from_str::<Value>(input).is_ok()
            {
                let message = format!(r#"{{"type":"subscribe","id":"1","payload":{input}}}"#);
                let other = websocket::fuzz(&message)
                    .flatten()
                    .unwrap_or_else(|| panic!("no message of the socket: {message}"));
                assert_eq!(parts(&asked), parts(&other), "{input}");
            }
        }
        Ok(Body::Batch(batch)) => {
            assert!((1..=BATCH).contains(&batch.len()), "a batch of {}", batch.len());
            batch.iter().for_each(check_request);
            assert!(Body::read(input.as_bytes(), 0).is_err(), "batching is off");
        }
        Err(error) => assert!(error.to_string().len() <= 10 * input.len() + 2_000, "{error}"),
    }
    if let Some(Some(asked)) = websocket::fuzz(input) {
        check_request(&asked);
    }
    let parameters = input
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    if let Ok(asked) = GraphqlRequest::of_address(parameters.collect()) {
        check_request(&asked);
    }
}

fn parts(asked: &GraphqlRequest) -> impl PartialEq + std::fmt::Debug {
    let names: Vec<_> = asked.variables.keys().map(ToString::to_string).collect();
    (
        asked.query.clone(),
        asked.document_id.clone(),
        asked.operation_name.clone(),
        names,
        asked.extensions.clone(),
    )
}

fn check_request(asked: &GraphqlRequest) {
    let documents = Documents::default();
    let is_named = asked.query.is_some()
        || asked.document_id.is_some()
        || asked.extensions.contains_key("persistedQuery");
    assert!(is_named, "a request without a document was taken");
    let Ok((text, digest)) = documents.find(asked, "subject") else { return };
    assert_eq!(Some(&text), asked.query.as_ref(), "this server has no other documents");
    if let Some(digest) = digest {
        assert!(
            digest.len() == 64
                && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
            "{digest}"
        );
        documents.store("subject", digest, &text);
        let named =
            GraphqlRequest { extensions: asked.extensions.clone(), ..GraphqlRequest::default() };
        assert!(
            documents.find(&named, "subject").is_ok_and(|(found, _)| found == text),
            "a document is not found by its digest"
        );
        assert!(
            documents.find(&named, "another").is_err(),
            "a document of another subject is found"
        );
    }
}
