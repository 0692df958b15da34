//! Bulk mutations with an Idempotency-Key: no item is done twice.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    audit::idempotency::requests::{is_rebuilt, mutation, past_the_program, post},
    support::{
        app::{App, on_both},
        caller::Answer,
        invoicing_fixtures::{course, drafted, fill, member, violations},
        lifecycle_fixtures::{self, Register},
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

// The second request waits for the first one's offers, and then finds no drafts.
on_both!(offers_of_two_requests_with_one_key_are_answered_alike, |app| async move {
    let register_of = Register::fill(&app).await;
    let other = app.by(&app.url()).await;
    let new = async |n: usize| {
        lifecycle_fixtures::drafted(&app, register_of.draft(n, "bip", "2026-01-01")).await
    };
    let one = json!({ "agreementId": new(0).await });
    let all =
        json!({ "items": [{ "agreementId": new(1).await }, { "agreementId": new(2).await }] });
    let each = json!({
        "items": [{ "agreementId": new(3).await }, { "agreementId": new(4).await }],
        "partial": true,
    });
    let of_items = "results { agreement { number } }";
    let (first, second) = (app.office(), other.office());
    for (key, body) in [
        ("one", mutation("agreementOffer", "agreement { number }", &one)),
        ("all", mutation("agreementsOffer", of_items, &all)),
        ("each", mutation("agreementsOffer", of_items, &each)),
    ] {
        let asked = [post(&app, &first, key, &body), post(&other, &second, key, &body)];
        let answers = join_all(asked).await;
        assert!(answers[0].json["errors"].is_null(), "{}", answers[0].text());
        assert_eq!(answers[1].text(), answers[0].text(), "{key}");
    }
    let list = "{ agreements { nodes { number } } }";
    let found = app.office().query(list).await;
    let mut numbers: Vec<&str> = found["agreements"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|node| node["number"].as_str())
        .collect();
    numbers.sort_unstable();
    let expected = ["2026-0001", "2026-0002", "2026-0003", "2026-0004", "2026-0005"];
    assert_eq!(numbers, expected);
});
