//! Payments that the bank's files brought: matched manually or excluded, protected by the database,
//! and visible to finance alone.

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    bank_fixtures::{BGMAX, CAMT_02, bank_payments, find, import, waiting},
    caller::Answer,
    lifecycle_fixtures::raw,
    payment_fixtures::{LEDGER, adds_up, does, id, invoice, pays},
};

async fn mutation(app: &App, name: &str, input: Value) -> Answer {
    does(app, name, input, "status matched remaining excludedOn exclusionReason").await
}

on_both!(what_waits_is_matched_manually_or_set_aside, |app| async move {
    app.import(&LEDGER).await;
    import(&app, "a.xml", CAMT_02).await;
    let all = waiting(&app).await;
    let (grant, small, taken) = (
        find(&all, "500.00")["id"].clone(),
        find(&all, "111.00")["id"].clone(),
        find(&all, "-25.50")["id"].clone(),
    );
    let (first, second) = (id(&app, "1003").await, id(&app, "1004").await);

    let before = app.revision().await;
    for (input, fields) in [
        (
            json!({ "bankPaymentId": grant, "invoiceId": first, "amount": "500.01" }),
            vec!["input.amount"],
        ),
        (
            json!({ "bankPaymentId": grant, "invoiceId": id(&app, "1").await, "amount": "0.00" }),
            vec!["input.amount", "input.invoiceId"],
        ),
        (
            json!({ "bankPaymentId": "x", "invoiceId": "y", "amount": "z" }),
            vec!["input.amount", "input.bankPaymentId", "input.invoiceId"],
        ),
    ] {
        assert_eq!(
            mutation(&app, "bankPaymentMatch", input.clone()).await.bad_fields(),
            fields,
            "{input}"
        );
    }
    assert_eq!(
        mutation(&app, "bankPaymentMatch", json!({ "bankPaymentId": taken, "invoiceId": first }))
            .await
            .reason(),
        "NOT_INCOMING"
    );
    let nothing = json!({ "bankPaymentId": "bank_payment_0197aaaaaaaa7000800000000000000a", "invoiceId": first });
    assert_eq!(mutation(&app, "bankPaymentMatch", nothing).await.code(), "NOT_FOUND");
    assert_eq!(app.revision().await, before);

    let part = mutation(
        &app,
        "bankPaymentMatch",
        json!({ "bankPaymentId": grant, "invoiceId": first, "amount": "200.00" }),
    )
    .await;
    assert_eq!(
        part["bankPaymentMatch"],
        json!({ "status": "PENDING", "matched": "200.00", "remaining": "300.00", "excludedOn": null, "exclusionReason": null })
    );
    let rest =
        mutation(&app, "bankPaymentMatch", json!({ "bankPaymentId": grant, "invoiceId": second }))
            .await;
    assert_eq!(rest["bankPaymentMatch"]["status"], "MATCHED");
    assert_eq!(
        app.trail(before).await.len(),
        6,
        "the invoice, the bank payment and the part of it, twice"
    );
    assert_eq!(
        mutation(&app, "bankPaymentMatch", json!({ "bankPaymentId": grant, "invoiceId": second }))
            .await
            .reason(),
        "ALREADY_MATCHED"
    );
    assert_eq!(
        mutation(&app, "bankPaymentExclude", json!({ "bankPaymentId": grant, "reason": "x" }))
            .await
            .reason(),
        "ALREADY_MATCHED"
    );
    let reported = invoice(&app, "1004", "paid payments { id receivedOn amount reference }").await;
    assert_eq!(
        (
            &reported["paid"],
            &reported["payments"][0]["receivedOn"],
            &reported["payments"][0]["reference"]
        ),
        (
            &json!("300.00"),
            &json!("2026-11-18"),
            &json!("CAMT SE4550000000058398257466 20261118 BATCH-77 TX-2")
        )
    );
    adds_up(&app).await;

    // It was the wrong invoice: what was reversed is there to be matched again, with the same
    // invoice too.
    let reverse = json!({ "paymentId": reported["payments"][0]["id"], "reason": "Fel faktura" });
    does(&app, "paymentReverse", reverse, "paid").await.data();
    let all = bank_payments(&app, "status: [PENDING, EXCLUDED, DUPLICATE]").await;
    let again = find(&all, "500.00");
    assert_eq!(
        (&again["status"], &again["remaining"], again["matches"].as_array().unwrap().len()),
        (&json!("PENDING"), &json!("300.00"), 3)
    );
    adds_up(&app).await;
    mutation(
        &app,
        "bankPaymentMatch",
        json!({ "bankPaymentId": grant, "invoiceId": second, "amount": "100.00" }),
    )
    .await
    .data();
    let references = invoice(&app, "1004", "payments { reference }").await.to_string();
    assert!(references.contains("TX-2 nr 2"), "{references}");

    // The rest is something else.
    assert_eq!(
        mutation(&app, "bankPaymentExclude", json!({ "bankPaymentId": grant, "reason": " " }))
            .await
            .bad_fields(),
        ["input.reason"]
    );
    let aside =
        mutation(&app, "bankPaymentExclude", json!({ "bankPaymentId": grant, "reason": "Bidrag" }))
            .await;
    assert_eq!(
        aside["bankPaymentExclude"],
        json!({ "status": "EXCLUDED", "matched": "300.00", "remaining": "200.00", "excludedOn": "2026-11-21", "exclusionReason": "Bidrag" })
    );
    assert_eq!(
        mutation(&app, "bankPaymentExclude", json!({ "bankPaymentId": grant, "reason": "x" }))
            .await
            .reason(),
        "EXCLUDED"
    );
    assert_eq!(
        mutation(&app, "bankPaymentMatch", json!({ "bankPaymentId": grant, "invoiceId": second }))
            .await
            .reason(),
        "EXCLUDED"
    );
    mutation(
        &app,
        "bankPaymentExclude",
        json!({ "bankPaymentId": taken, "reason": "Banken tog tillbaka" }),
    )
    .await
    .data();
    assert_eq!(
        waiting(&app).await.iter().map(|payment| payment["id"].clone()).collect::<Vec<_>>(),
        [small]
    );
    assert_eq!(bank_payments(&app, "status: [EXCLUDED, DUPLICATE]").await.len(), 2);
    assert_eq!(
        mutation(&app, "bankPaymentReopen", json!({ "bankPaymentId": grant })).await["bankPaymentReopen"]
            ["status"],
        "PENDING"
    );
    assert_eq!(
        mutation(&app, "bankPaymentReopen", json!({ "bankPaymentId": grant })).await.reason(),
        "NOT_EXCLUDED"
    );
    adds_up(&app).await;

    // An imported payment of the bank's never changes by another import.
    let files = [(
        "payments.csv",
        "invoice,received_on,amount,reference\nb,2026-11-18,799.00,CAMT SE4550000000058398257466 20261118 BATCH-77 TX-1\n",
    )];
    assert!(app.try_import(&files).await.unwrap_err().to_string().contains("never changes"));
});

on_both!(
    what_was_recorded_manually_with_the_banks_reference_is_not_booked_again,
    |app| async move {
        app.import(&LEDGER).await;
        pays(&app, "1002", "2026-11-18", "800.00", "BG 50501055 20261118 00074 490630174260")
            .await
            .data();
        import(&app, "bg.txt", BGMAX).await;
        assert_eq!(
            invoice(&app, "1002", "paid overpaid").await,
            json!({ "paid": "800.00", "overpaid": "0.00" })
        );
        assert_eq!(
            find(&bank_payments(&app, "status: MATCHED").await, "800.00")["matches"][0]["invoice"]
                ["number"],
            "1002"
        );
        adds_up(&app).await;
    }
);

on_both!(the_database_protects_what_the_bank_reported, |app| async move {
    app.import(&LEDGER).await;
    import(&app, "bg.txt", BGMAX).await;
    for sql in [
        "DELETE FROM bank_payment",
        "UPDATE bank_payment SET amount = amount + 1",
        "UPDATE bank_payment SET payer_name = 'x'",
        "UPDATE bank_payment SET matched = amount + 1",
        "INSERT INTO bank_payment SELECT * FROM bank_payment",
    ] {
        assert!(raw(&app, sql).await.is_err(), "{sql}");
    }
    raw(&app, "UPDATE bank_payment SET matched = 0 WHERE finding = 'OCR'").await.unwrap();
    let found = domain::revenue::violations(&app.db).await.unwrap();
    assert_eq!(
        found,
        [
            "bank payment \"BG 50501055 20261118 00074 490630174260\" says that 0.00 of it is matched, but its payments come to 800.00"
        ]
    );
});

on_both!(no_one_else_sees_what_the_bank_reported, |app| async move {
    app.import(&LEDGER).await;
    import(&app, "bg.txt", BGMAX).await;
    let members =
        app.office().query("{ members { nodes { id name } } }").await["members"]["nodes"].clone();
    let gavle =
        members.as_array().unwrap().iter().find(|member| member["name"] == "Gävle").unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned();
    let count = "{ bankPayments { totalCount nodes { amount } } }";
    for (caller, seen) in [
        (app.member(&gavle), 0),
        (app.lead(&["bip"]), 0),
        (app.service("revenue:read"), 0),
        (app.service("invoices:read"), 6),
        (app.board(), 6),
    ] {
        let answer = caller.query(count).await;
        assert_eq!(
            (
                &answer["bankPayments"]["totalCount"],
                answer["bankPayments"]["nodes"].as_array().unwrap().len()
            ),
            (&json!(seen), seen)
        );
    }
    // Its own invoice shows it the payment, and nothing else.
    let own = app
        .member(&gavle)
        .query("{ invoice(by: { number: \"1002\" }) { payments { amount reference } } }")
        .await;
    assert_eq!(own["invoice"]["payments"][0]["amount"], "800.00");
});

on_both!(a_page_takes_the_same_statements_however_long_it_is, |app| async move {
    app.import(&LEDGER).await;
    import(&app, "bg.txt", BGMAX).await;
    let mut made = Vec::new();
    for first in [1, 6] {
        app.statements();
        let document = format!(
            "{{ bankPayments(first: {first}, filter: {{ status: MATCHED }}) {{ totalCount nodes {{ amount matches {{ payment {{ amount }} invoice {{ number buyer {{ ... on Member {{ name }} ... on Organisation {{ name }} }} }} }} }} }} }}"
        );
        app.board().query(&document).await.data();
        made.push(app.statements().len());
    }
    assert!(made[0] <= 6 && made[1] <= 6, "{made:?}");
    app.board().query("{ bankPayments { nodes { id amount } } }").await.data();
    let statements = app.statements();
    assert!(statements.len() == 1 && !statements[0].contains("payer_name"), "{statements:?}");
    // Those that wait are few among many, and found by an index of their own.
    if app.url().starts_with("sqlite:") {
        app.board()
            .query("{ bankPayments(filter: { status: PENDING }) { nodes { id } } }")
            .await
            .data();
        let sql = app.statements().pop().unwrap();
        let plan = sea_orm::Statement::from_sql_and_values(
            app.db.backend(),
            format!("EXPLAIN QUERY PLAN {sql}"),
            [25.into()],
        );
        let plan: Vec<String> = app
            .db
            .read()
            .query_all_raw(plan)
            .await
            .unwrap()
            .iter()
            .map(|row| row.try_get_by_index(3).unwrap())
            .collect();
        assert!(plan.iter().any(|line| line.contains("bank_payment__waiting")), "{plan:?}: {sql}");
        assert!(plan.iter().all(|line| !line.contains("TEMP B-TREE")), "{plan:?}: {sql}");
    }
});
