//! Drafting and issuing an invoice: with few statements, most of them before the lock of writers is
//! taken, or in one mutation.

use std::time::Duration;

use ::entity::{id::MemberId, member};
use axum::http::{Method, header};
use domain::{
    audit::{self, Action, forms},
    auth::viewer::Viewer,
    search,
};
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, Statement};
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    invoicing_fixtures::{activity, course, drafted, fill, issue, member, violations},
    lifecycle_fixtures::{mutate, with},
};

/// Returns the input of an invoice with three lines of an activity.
fn three_lines(buyer: &str, activity: &str) -> Value {
    let line = |description: &str, price: &str| {
        json!({ "description": description, "activityId": activity, "unitPrice": price,
            "vatRate": "STANDARD_25", "suppliedOn": "2026-11-20" })
    };
    let lines = [line("Kurs", "4500.00"), line("Bok", "99.95"), line("Rabatt", "-100.00")];
    json!({ "buyerId": buyer, "lines": lines })
}

/// Returns the number of statements before the change, and from its first one on.
fn around_lock(statements: &[String]) -> (usize, usize) {
    let first = statements.iter().position(|sql| sql.contains("migration_requirement")).unwrap();
    (first, statements.len() - first)
}

on_both!(an_invoice_is_drafted_and_issued_with_few_statements, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let (buyer, bip) = (member(&app, 1).await, activity(&app, "bip").await);
    // The first number of all is searched for.
    let first = drafted(&app.finance(), three_lines(&buyer, &bip)).await;
    issue(&app.finance(), &first, "number").await.data();
    app.statements();

    let draft = drafted(&app.finance(), three_lines(&buyer, &bip)).await;
    let drafting = app.statements();
    let issued = issue(&app.finance(), &draft, "number").await;
    let issuing = app.statements();
    assert_eq!(issued["invoiceIssue"]["number"], "20260002");
    let (all, parts) = (drafting.len() + issuing.len(), [&drafting, &issuing]);
    assert!(all <= 12, "{all}: {parts:#?}");
    for statements in parts {
        // The first statement, the rows with their entries, the marks of the search index, and the
        // payload.
        assert!(around_lock(statements).1 <= 4, "{statements:#?}");
    }

    let new = json!({ "draft": three_lines(&buyer, &bip) });
    let issued = mutate(&app.finance(), "invoiceIssue", new, "number").await;
    let statements = app.statements();
    assert_eq!(issued["invoiceIssue"]["number"], "20260003");
    assert!(statements.len() <= 8 && around_lock(&statements).1 <= 4, "{statements:#?}");
    assert_eq!(violations(&app).await, [""; 0]);
    assert_eq!(search::violations(app.db.read()).await.unwrap(), [""; 0]);
});

on_both!(the_latest_number_is_found_by_its_index, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let id = drafted(&app.finance(), course(&member(&app, 1).await, "100.00")).await;
    app.statements();
    issue(&app.finance(), &id, "number").await.data();
    let statements = app.statements();
    let sql = statements.iter().find(|sql| sql.contains("migration_requirement")).unwrap();
    let backend = app.db.backend();
    let snapshot = app.db.snapshot().await.unwrap();
    let (explain, column) = if backend == DbBackend::Postgres {
        let values = (1..).take_while(|number| sql.contains(&format!("${number}"))).count();
        let prepare = format!(
            "SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off;
            PREPARE first_statement AS {sql}"
        );
        snapshot.execute_unprepared(&prepare).await.unwrap();
        let nulls = vec!["NULL"; values].join(", ");
        (format!("EXPLAIN EXECUTE first_statement({nulls})"), 0)
    } else {
        (format!("EXPLAIN QUERY PLAN {sql}"), 3)
    };
    let rows = snapshot.query_all_raw(Statement::from_string(backend, explain)).await.unwrap();
    let plan: Vec<String> = rows.iter().map(|row| row.try_get_by_index(column).unwrap()).collect();
    let plan = plan.join("\n");
    assert_eq!(plan.matches("invoice__kind__issued_on__number_key").count(), 2, "{plan}");
    assert!(!plan.contains("FOR ORDER BY"), "{plan}");
});

on_both!(an_invoice_of_a_series_in_another_form_takes_no_more_statements, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    app.import(&[
        ("invoices.csv", "key,number,kind,buyer,issued_on,due_on,credits\ni1,2026-0001,INVOICE,m1,2026-02-01,2026-03-01,\n"),
        ("invoice_lines.csv", "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\ni1,x,,,,,1,10.00,ZERO\n"),
    ])
    .await;
    let buyer = member(&app, 1).await;
    for number in ["2026-0002", "2026-0003", "2026-0004"] {
        let id = drafted(&app.finance(), course(&buyer, "100.00")).await;
        app.statements();
        let issued = issue(&app.finance(), &id, "number").await;
        assert_eq!(issued["invoiceIssue"]["number"], number);
        let statements = app.statements();
        // The program learns the series from the first number.
        if number != "2026-0002" {
            assert!(around_lock(&statements).1 <= 4, "{statements:#?}");
        }
    }
});

on_both!(an_invoice_of_a_series_among_others_takes_no_more_statements, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    app.import(&[
        ("invoices.csv", "key,number,kind,buyer,issued_on,due_on,credits\ni1,20260041,INVOICE,m1,2026-02-01,2026-03-01,\ni2,1041,INVOICE,m1,2026-03-01,2026-04-01,\n"),
        ("invoice_lines.csv", "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\ni1,x,,,,,1,10.00,ZERO\ni2,x,,,,,1,10.00,ZERO\n"),
    ])
    .await;
    let buyer = member(&app, 1).await;
    for number in ["1042", "1043", "1044", "1045"] {
        let id = drafted(&app.finance(), course(&buyer, "100.00")).await;
        app.statements();
        let issued = issue(&app.finance(), &id, "number").await;
        assert_eq!(issued["invoiceIssue"]["number"], number);
        let statements = app.statements();
        // The program learns the series from the first number, and from the second one that a
        // number of another series has the highest key.
        if ["1044", "1045"].contains(&number) {
            assert!(around_lock(&statements).1 <= 4, "{statements:#?}");
        }
    }
    assert_eq!(violations(&app).await, [""; 0]);
});

on_both!(an_invoice_takes_the_next_number_of_a_series_whose_numbers_get_longer, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    app.import(&[
        ("invoices.csv", "key,number,kind,buyer,issued_on,due_on,credits\ni1,2026998,INVOICE,m1,2026-02-01,2026-03-01,\n"),
        ("invoice_lines.csv", "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\ni1,x,,,,,1,10.00,ZERO\n"),
    ])
    .await;
    let buyer = member(&app, 1).await;
    for number in ["2026999", "20261000", "20261001", "20261002"] {
        let id = drafted(&app.finance(), course(&buyer, "100.00")).await;
        let issued = issue(&app.finance(), &id, "number").await;
        assert_eq!(issued["invoiceIssue"]["number"], number);
    }
    assert_eq!(violations(&app).await, [""; 0]);
});

on_both!(issuers_at_a_time_make_no_more_statements_each, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let buyer = member(&app, 1).await;
    let first = drafted(&app.finance(), course(&buyer, "100.00")).await;
    issue(&app.finance(), &first, "number").await.data();
    let mut drafts = Vec::new();
    for _ in 0..16 {
        drafts.push(drafted(&app.finance(), course(&buyer, "100.00")).await);
    }
    app.statements();
    let tasks = drafts.into_iter().map(|id| {
        let app = app.clone();
        tokio::spawn(async move { issue(&app.finance(), &id, "number").await.data().to_string() })
    });
    let answers = join_all(tasks).await;
    assert!(answers.iter().all(Result::is_ok));
    let facts = app.statements().iter().filter(|sql| sql.contains("\"line_id\"")).count();
    assert_eq!(facts, 16, "facts were read again, though no change concerned them");
    assert_eq!(violations(&app).await, [""; 0]);
});

on_both!(an_invoice_that_is_issued_with_its_draft_is_as_if_drafted_before, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let (buyer, bip) = (member(&app, 1).await, activity(&app, "bip").await);
    let input = with(
        three_lines(&buyer, &bip),
        json!({ "ourReference": "Kajsa", "orderReference": "PO-1", "dueInDays": 20 }),
    );
    let selection = "issuedOn dueOn net vat total status ourReference orderReference
        buyer { ... on Member { name } } lines { description unitPrice net vat account activity { slug } }";
    let draft = drafted(&app.finance(), input.clone()).await;
    let one = issue(&app.finance(), &draft, selection).await["invoiceIssue"].clone();
    let before = app.revision().await;
    let new = json!({ "draft": input });
    let selection = format!("{selection} number ocr");
    let other =
        mutate(&app.finance(), "invoiceIssue", new, &selection).await["invoiceIssue"].clone();
    assert_eq!((&other["number"], &other["ocr"]), (&json!("20260002"), &json!("2026000204")));
    assert_eq!(
        with(other, json!({ "number": null, "ocr": null })),
        with(one, json!({ "number": null, "ocr": null }))
    );

    let trail = app.trail(before).await;
    assert!(trail.iter().all(|entry| entry["action"] == "invoiceIssue"), "{trail:#?}");
    assert_eq!(trail.len(), 4, "the draft, the invoice, its content and its e-invoice");
    assert_eq!((&trail[0]["before"], &trail[0]["after"]["number"]), (&Value::Null, &Value::Null));
    assert_eq!(trail[1]["before"], trail[0]["after"]);
    assert_eq!(trail[1]["after"]["number"], "20260002");
    let found = app
        .finance()
        .query("{ invoices(filter: { search: \"20260002 kajsa rabatt\" }) { nodes { number } } }")
        .await;
    assert_eq!(found["invoices"]["nodes"], json!([{ "number": "20260002" }]));
    assert_eq!(violations(&app).await, [""; 0]);
    assert_eq!(search::violations(app.db.read()).await.unwrap(), [""; 0]);
});

on_both!(a_draft_or_its_id_is_issued_and_not_both, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let buyer = member(&app, 1).await;
    let bad = async |input: Value| {
        let answer = mutate(&app.finance(), "invoiceIssue", input, "number").await;
        answer.bad_fields().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let id = drafted(&app.finance(), course(&buyer, "100.00")).await;
    assert_eq!(bad(json!({})).await, ["input"]);
    assert_eq!(bad(json!({ "invoiceId": id, "draft": course(&buyer, "100.00") })).await, ["input"]);
    let wrong = json!({ "draft": { "buyerId": buyer, "lines": [] }, "issuedOn": "2026-11-22" });
    assert_eq!(bad(wrong).await, ["input.draft.lines", "input.issuedOn"]);
    // The second member lacks all that an invoice needs.
    let lacking = course(&member(&app, 2).await, "100.00");
    let found = bad(json!({ "draft": lacking })).await;
    assert!(found.contains(&"buyer.billing.city".to_owned()), "{found:?}");
    let revision = app.revision().await;
    let new = json!({ "draft": course(&buyer, "1.00") });
    let forbidden = mutate(&app.board(), "invoiceIssue", new, "number").await;
    assert_eq!(forbidden.code(), "FORBIDDEN");
    assert_eq!(app.revision().await, revision);
});

on_both!(an_invoice_that_is_issued_with_its_draft_is_issued_once, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let buyer = member(&app, 1).await;
    let line = json!({ "description": "Kurs", "unitPrice": "100.00", "vatRate": "STANDARD_25" });
    let input = json!({ "draft": { "buyerId": buyer, "lines": [line] } });
    let query = "mutation($input: InvoiceIssueInput!) {
        invoiceIssue(input: $input) { invoice { number warnings { code } } } }";
    let body = json!({ "query": query, "variables": { "input": input } }).to_string();
    let send = async || {
        let request = app
            .finance()
            .request(Method::POST, "/graphql")
            .header(header::CONTENT_TYPE, "application/json")
            .header("idempotency-key", "k1");
        app.send(request.body(body.clone().into()).unwrap()).await
    };
    let first = send().await;
    assert_eq!(
        first["invoiceIssue"]["invoice"],
        json!({ "number": "20260001", "warnings": [{ "code": "SUPPLY_DATE_ASSUMED" }] }),
        "{}",
        first.text()
    );
    let revision = app.revision().await;
    let again = send().await;
    assert_eq!(again["invoiceIssue"], first["invoiceIssue"]);
    assert_eq!((again.header("idempotency-replayed"), app.revision().await), ("rebuilt", revision));
});

on_both!(facts_that_change_before_the_lock_is_taken_are_read_again, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let buyer = member(&app, 1).await;
    let first = drafted(&app.finance(), course(&buyer, "100.00")).await;
    issue(&app.finance(), &first, "number").await.data();
    let draft = drafted(&app.finance(), course(&buyer, "100.00")).await;

    let operator = Viewer::operator("test");
    let mut change = audit::begin(app.context(&operator), Action::MemberUpdate).await.unwrap();
    app.statements();
    let tasks = [json!({ "invoiceId": draft }), json!({ "draft": course(&buyer, "100.00") })];
    let tasks = tasks.map(|input| {
        let app = app.clone();
        tokio::spawn(async move { mutate(&app.finance(), "invoiceIssue", input, "number").await })
    });
    // Both have read the buyer, and wait for the change.
    let mut read = 0;
    while read < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        read += app.statements().iter().filter(|sql| sql.contains("\"member_billing\"")).count();
    }
    let id: MemberId =
        uuid::Uuid::try_parse(buyer.strip_prefix("member_").unwrap()).unwrap().into();
    let row = member::Entity::find_by_id(id).one(change.tx()).await.unwrap().unwrap();
    let before = forms::members(change.tx(), vec![row]).await.unwrap().remove(0);
    let mut after = before.clone();
    let billing = after.billing.as_mut().unwrap();
    billing.city = None;
    audit::replace(&change, billing.clone()).await.unwrap();
    change.record(Some(&before), Some(&after)).unwrap();
    change.commit().await.unwrap();
    for task in tasks {
        assert_eq!(task.await.unwrap().bad_fields(), ["buyer.billing.city"]);
    }
});
