//! Documents that were validated before: what is refused then is refused as by a new server.

use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    caller::Answer,
    fixtures::Samples,
};

/// The error of a refusal without what differs between requests.
fn refusal(answer: &Answer) -> Value {
    let mut error = answer.error().clone();
    error["extensions"]["requestId"] = Value::Null;
    error
}

/// Asserts that a server which has answered a document with some variables refuses it with others
/// as a new one does.
async fn refuses_like_a_new_server(app: &App, document: &str, valid: &[Value], invalid: &[Value]) {
    for variables in valid.iter().chain(valid) {
        app.office().ask(document, variables.clone()).await.data();
    }
    for variables in invalid {
        let expected = app.with(&[]).office().ask(document, variables.clone()).await;
        let found = app.office().ask(document, variables.clone()).await;
        assert_eq!(refusal(&found), refusal(&expected), "{document} {variables}");
        assert_eq!(found.status, expected.status, "{document} {variables}");
    }
    for variables in valid {
        app.office().ask(document, variables.clone()).await.data();
    }
}

on_both!(a_validated_document_is_refused_with_invalid_variables, |app| async move {
    let samples = Samples::fill(&app).await;
    let (alfa, bip) = (samples.id("alfa"), samples.id("bip"));
    refuses_like_a_new_server(
        &app,
        "query A($id: ID!) { node(id: $id) { id } }",
        &[json!({ "id": alfa }), json!({ "id": bip })],
        &[json!({ "id": true }), json!({ "id": [alfa] }), json!({ "id": null }), json!({})],
    )
    .await;
    refuses_like_a_new_server(
        &app,
        "query A($n: Int, $after: String) { members(first: $n, after: $after) { totalCount } }",
        &[json!({ "n": 2 }), json!({ "n": 3, "after": null })],
        &[
            json!({ "n": "2" }),
            json!({ "n": 2.5 }),
            json!({ "n": 201 }),
            json!({ "n": 2, "after": 1 }),
            json!({ "n": 2, "after": "x" }),
        ],
    )
    .await;
    refuses_like_a_new_server(
        &app,
        "query A($filter: MemberFilter) { members(filter: $filter) { totalCount } }",
        &[json!({ "filter": { "status": ["ACTIVE"] } })],
        &[
            json!({ "filter": { "status": ["BOGUS"] } }),
            json!({ "filter": { "bogus": 1 } }),
            json!({ "filter": 1 }),
        ],
    )
    .await;
});

on_both!(a_validated_document_answers_each_id_with_its_own_object, |app| async move {
    let samples = Samples::fill(&app).await;
    let document = "query A($id: ID!) { node(id: $id) { id ... on Member { name } } }";
    for name in ["alfa", "bip", "alfa"] {
        let id = samples.id(name);
        let found = app.office().ask(document, json!({ "id": id })).await;
        assert_eq!(found["node"]["id"], json!(id));
    }
});
