//! Outcomes that are stored with an Idempotency-Key, and payloads that are built from them again.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    access::inputs,
    audit::idempotency::requests::{
        admission, is_rebuilt, member, mutation, past_the_program, post,
    },
    support::{
        app::{App, on_both},
        caller::Answer,
        fixtures::Samples,
        invoicing_fixtures::{self, NETWORK, violations, with_network},
        lifecycle_fixtures::mutate,
        schema_documents::Schema,
    },
};

on_both!(every_mutation_is_rebuilt_from_its_outcome, |app| async move {
    let (app, _folder) = with_network(&app, NETWORK);
    let samples = Samples::fill(&app).await;
    let other = app.by(&app.url()).await;
    let schema = Schema::of_program().await;
    let names = schema.field_names("Mutation");
    let mut wrong = Vec::new();
    for name in &names {
        let input = inputs::input(&app, &samples, name, 1).await;
        let widest = schema.widest("Mutation", name, "(input: $input)", 0);
        let type_name = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
        let body = json!({ "query": format!("mutation($input: {type_name}!) {{ {widest} }}"), "variables": { "input": input } });
        let before = app.revision().await;
        let first = post(&app, &app.office(), name, &body).await;
        let done = app.revision().await;
        // Its answer was thrown away; the retry goes to another server.
        let again = post(&other, &other.office(), name, &body).await;
        let is_complete =
            first.errors().is_empty() && first.json["data"][name].is_object() && done > before;
        let is_same =
            (first.text(), "rebuilt") == (again.text(), again.header("idempotency-replayed"));
        if !is_complete || !is_same || app.revision().await != done {
            wrong.push(format!(
                "{name}: {} | {} {}",
                first.text(),
                again.header("idempotency-replayed"),
                again.text()
            ));
        }
    }
    assert!(wrong.is_empty(), "{} mutations are not rebuilt:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(
        past_the_program(&app, "UPDATE idempotent_outcome SET outcome = outcome").await,
        names.len() as u64
    );
});

on_both!(an_invoice_run_is_rebuilt_with_its_problems, |app| async move {
    let (app, _folder) = invoicing_fixtures::fill(&app, 12).await;
    let activity = invoicing_fixtures::activity(&app, "indikatorer").await;
    let body = |skip: bool| {
        let selection = "invoiceRun { invoiceCount net total alreadyInvoicedCount invoicedManuallyCount invoices { id number total } problems { counterparty { __typename } reason } }";
        mutation(
            "invoiceRun",
            selection,
            &json!({ "activityId": activity, "year": 2026, "skipProblems": skip }),
        )
    };
    // Nothing was issued: that is a refusal, and not stored.
    let held = post(&app, &app.finance(), "run", &body(false)).await;
    let held = &held["invoiceRun"]["invoiceRun"];
    assert_eq!(held["invoiceCount"], 0);
    assert!(!held["problems"].as_array().unwrap().is_empty());
    assert_eq!(
        post(&app, &app.finance(), "run", &body(false)).await.header("idempotency-replayed"),
        ""
    );
    let first = post(&app, &app.finance(), "run-all", &body(true)).await;
    let run = &first["invoiceRun"]["invoiceRun"];
    assert!(
        run["invoiceCount"].as_i64().unwrap() > 1
            && !run["problems"].as_array().unwrap().is_empty()
    );
    let revision = app.revision().await;
    is_rebuilt(&post(&app, &app.finance(), "run-all", &body(true)).await, &first);
    assert_eq!(app.revision().await, revision);
    assert_eq!(violations(&app).await, Vec::<String>::new());
});

on_both!(
    an_answer_is_lost_when_what_it_shows_is_gone_and_nothing_is_done_again,
    |app| async move {
        post(&app, &app.office(), "admit", &admission("Ale")).await.data();
        let draft = mutation(
            "invoiceDraft",
            "invoice { id }",
            &invoicing_fixtures::course(member(&app).await.as_str().unwrap(), "100.00"),
        );
        let drafted = post(&app, &app.office(), "k", &draft).await;
        let revision = app.revision().await;
        mutate(
            &app.office(),
            "invoiceDraftDiscard",
            json!({ "invoiceId": drafted["invoiceDraft"]["invoice"]["id"] }),
            "id",
        )
        .await
        .data();
        let lost = post(&app, &app.office(), "k", &draft).await;
        assert_eq!(
            (lost.status, lost.reason()),
            (StatusCode::OK, "ANSWER_LOST"),
            "{}",
            lost.text()
        );
        assert!(
            lost.error()["message"]
                .as_str()
                .unwrap()
                .contains(&format!("with revision {revision} ")),
            "{}",
            lost.text()
        );
        assert_eq!(lost.error()["extensions"]["done"], json!(["invoiceDraft"]));
        assert_eq!(app.revision().await, revision + 1);
        // What a version from before outcomes did is not done again either, and no one waits for
        // its answer.
        past_the_program(&app, "DELETE FROM idempotent_outcome").await;
        past_the_program(&app, "UPDATE idempotent_request SET revision = 1").await;
        let began = Instant::now();
        let lost = post(&app, &app.office(), "admit", &admission("Ale")).await;
        assert_eq!(
            (lost.status, lost.reason()),
            (StatusCode::OK, "ANSWER_LOST"),
            "{}",
            lost.text()
        );
        assert!(began.elapsed() < Duration::from_secs(5));
        assert_eq!(app.revision().await, revision + 1);
    }
);

on_both!(an_erased_person_is_not_in_what_is_stored, |app| async move {
    app.office().post(admission("Ale").to_string()).await.data();
    let input = json!({ "memberId": member(&app).await, "role": "FINANCE", "name": "Hanna \"H\" Hemlig", "email": "hanna@hemlig.example" });
    let body = mutation("contactAdd", "contact { id name email }", &input);
    let added = post(&app, &app.office(), "add", &body).await;
    for text in ["Hanna", "hemlig.example"] {
        let sql = format!(
            "UPDATE idempotent_outcome SET outcome = outcome WHERE outcome LIKE '%{text}%'"
        );
        assert_eq!(past_the_program(&app, &sql).await, 0);
    }
    mutate(
        &app.office(),
        "contactErase",
        json!({ "contactId": added["contactAdd"]["contact"]["id"] }),
        "__typename",
    )
    .await
    .data();
    let revision = app.revision().await;
    let again = post(&app, &app.office(), "add", &body).await;
    let (contact, before) = (&again["contactAdd"]["contact"], &added["contactAdd"]["contact"]);
    assert_eq!((&contact["id"], &contact["email"]), (&before["id"], &Value::Null));
    assert!(contact["name"].as_str().unwrap().starts_with("Raderad kontakt"), "{}", again.text());
    assert_eq!((again.header("idempotency-replayed"), app.revision().await), ("rebuilt", revision));
});

on_both!(
    a_mutation_that_changed_nothing_stores_its_outcome_in_its_own_transaction,
    |app| async move {
        let added =
            mutate(&app.office(), "contactAdd", json!({ "role": "OTHER", "name": "Anna" }), "id")
                .await;
        let input = json!({ "contactId": added["contactAdd"]["id"], "name": "Anna" });
        let update = mutation("contactUpdate", "contact { id name }", &input);
        app.statements();
        let (revision, first) =
            (app.revision().await, post(&app, &app.office(), "k1", &update).await);
        let statements = app.statements();
        let of = |part: &str| statements.iter().filter(|sql| sql.contains(part)).count();
        assert_eq!(
            (of("oldest_program FROM migration_requirement"), of("idempotent_outcome\" (")),
            (1, 1),
            "{statements:#?}"
        );
        assert_eq!(app.revision().await, revision);
        // Another changes it meanwhile; the retry does not change it back.
        mutate(
            &app.office(),
            "contactUpdate",
            json!({ "contactId": input["contactId"], "name": "Berit" }),
            "id",
        )
        .await
        .data();
        let again = post(&app, &app.office(), "k1", &update).await;
        let name = |answer: &Answer| answer["contactUpdate"]["contact"]["name"].clone();
        assert_eq!((name(&first), name(&again)), (json!("Anna"), json!("Berit")));
        assert_eq!(again.header("idempotency-replayed"), "rebuilt");
        assert_eq!(app.revision().await, revision + 1);
    }
);
