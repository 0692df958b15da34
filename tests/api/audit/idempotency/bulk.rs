//! Bulk mutations with an Idempotency-Key: no item is done twice.

use serde_json::{Value, json};

use crate::{
    audit::idempotency::requests::{is_rebuilt, mutation, past_the_program, post},
    support::{
        app::{App, on_both},
        caller::Answer,
        invoicing_fixtures::{course, drafted, fill, member, violations},
    },
};

async fn draft(app: &App, buyer: &str) -> String {
    drafted(&app.finance(), course(buyer, "100.00")).await
}

fn issue(items: &Value, is_partial: bool) -> Value {
    let input = json!({ "items": items, "partial": is_partial });
    mutation("invoicesIssue", "results { invoice { id number } }", &input)
}

/// Stored outcomes.
async fn outcomes(app: &App) -> u64 {
    past_the_program(app, "UPDATE idempotent_outcome SET outcome = outcome").await
}

on_both!(all_items_are_rebuilt_from_one_outcome, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let buyer = member(&app, 1).await;
    let items = json!([
        { "invoiceId": draft(&app, &buyer).await },
        { "draft": course(&buyer, "200.00") },
    ]);
    let first = post(&app, &app.finance(), "all", &issue(&items, false)).await;
    assert_eq!(first["invoicesIssue"]["results"].as_array().unwrap().len(), 2);
    let revision = app.revision().await;
    let other = app.by(&app.url()).await;
    is_rebuilt(&post(&other, &other.finance(), "all", &issue(&items, false)).await, &first);
    assert_eq!((app.revision().await, outcomes(&app).await), (revision, 1));
    // A refusal does not use up the key.
    let refused = json!([{ "invoiceId": draft(&app, &buyer).await }, items[0]]);
    for _ in 0..2 {
        let again = post(&app, &app.finance(), "refused", &issue(&refused, false)).await;
        assert_eq!(again.error()["extensions"]["item"], 1);
        assert_eq!(again.header("idempotency-replayed"), "");
    }
    assert_eq!(outcomes(&app).await, 1);
});

on_both!(a_retry_tries_only_the_items_that_were_not_done, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let buyer = member(&app, 1).await;
    // Tomorrow, the second one can be issued too.
    let items = json!([
        { "invoiceId": draft(&app, &buyer).await, "issuedOn": "2026-11-21" },
        { "invoiceId": draft(&app, &buyer).await, "issuedOn": "2026-11-22" },
    ]);
    let first = post(&app, &app.finance(), "k", &issue(&items, true)).await;
    let of_first = &first.json["data"]["invoicesIssue"]["results"];
    assert_eq!((of_first[0].is_object(), &of_first[1]), (true, &Value::Null));
    assert_eq!(first.error()["extensions"]["item"], 1);
    assert_eq!(first.error()["extensions"]["done"], json!(["invoicesIssue"]));
    let revision = app.revision().await;

    let again = post(&app, &app.finance(), "k", &issue(&items, true)).await;
    assert_eq!(again.json["data"], first.json["data"]);
    assert_eq!(again.header("idempotency-replayed"), "rebuilt");
    assert_eq!((app.revision().await, outcomes(&app).await), (revision, 1));

    let tomorrow = app.at("2026-11-22T08:00:00Z");
    let last = post(&tomorrow, &tomorrow.finance(), "k", &issue(&items, true)).await;
    let results = last["invoicesIssue"]["results"].as_array().unwrap();
    assert_eq!(results[0], of_first[0]);
    assert_eq!(results[1]["invoice"]["id"], items[1]["invoiceId"]);
    assert!(app.revision().await > revision);
    let revision = app.revision().await;
    is_rebuilt_again(&post(&tomorrow, &tomorrow.finance(), "k", &issue(&items, true)).await, &last);
    assert_eq!((app.revision().await, outcomes(&app).await), (revision, 2));
    assert_eq!(violations(&tomorrow).await, Vec::<String>::new());
});

/// Asserts that nothing was done again, also after an answer that was rebuilt in part.
#[track_caller]
fn is_rebuilt_again(again: &Answer, before: &Answer) {
    assert_eq!((again.status, again.text()), (before.status, before.text()));
    assert_eq!(again.header("idempotency-replayed"), "rebuilt");
}
