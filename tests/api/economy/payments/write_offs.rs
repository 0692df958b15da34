//! Differences of less than a krona: they are written off, and no one is reminded of them.

use std::collections::BTreeMap;

use domain::{auth::viewer::Viewer, receivables::overdue};
use serde_json::json;

use crate::{
    economy::payments::refunds::books,
    support::{
        app::{App, on_both},
        bank_fixtures::{bgmax, import, payment},
        invoicing_fixtures::with_network,
        payment_fixtures::{LEDGER, adds_up, came_in, does, id, invoice, ocr, pays},
    },
};

const SELECTION: &str =
    "status outstanding overpaid writtenOff difference writeOffs { writtenOffOn amount reason }";

on_both!(a_difference_below_a_krona_is_written_off_when_the_payment_comes, |app| async move {
    app.import(&LEDGER).await;
    let before = app.revision().await;
    pays(&app, "1001", "2026-02-11", "1855.00", "BG-1").await.data();
    assert_eq!(
        invoice(&app, "1001", SELECTION).await,
        json!({ "status": "PAID", "outstanding": "0.00", "overpaid": "0.00", "writtenOff": "0.99", "difference": null,
            "writeOffs": [{ "writtenOffOn": "2026-02-11", "amount": "0.99", "reason": null }] })
    );
    assert_eq!(app.trail(before).await.len(), 2, "the invoice and its write-off");
    assert_eq!(
        does(&app, "invoiceRemind", json!({ "invoiceId": id(&app, "1001").await }), "id")
            .await
            .reason(),
        "PAID"
    );
    // What came in is what came in, and the rest is on the account of rounding, without VAT.
    let february: i64 = came_in(&app, "2026-02-01", "2026-02-28")
        .await
        .iter()
        .map(|(_, sum)| sum.replace('.', "").parse::<i64>().unwrap())
        .sum();
    assert_eq!(february, 185_500);
    let expected =
        BTreeMap::from([("1930".into(), 185_500), ("1510".into(), -185_599), ("3740".into(), 99)]);
    assert_eq!(books(&app, "2026-02-11", "2026-02-11"), expected);
    adds_up(&app).await;

    // Too much, by a file of the bank; and a whole krona, which stays.
    let two = ocr(&app, "1002").await;
    import(&app, "bg.txt", bgmax(&[payment(&two, 80_044, [])])).await;
    assert_eq!(
        invoice(&app, "1002", "status overpaid writtenOff").await,
        json!({ "status": "PAID", "overpaid": "0.00", "writtenOff": "-0.44" })
    );
    pays(&app, "1004", "2026-11-20", "999.00", "BG-2").await.data();
    assert_eq!(
        invoice(&app, "1004", "outstanding writtenOff").await,
        json!({ "outstanding": "1.00", "writtenOff": "0.00" })
    );
    adds_up(&app).await;
    let list = app
        .finance()
        .query("{ invoices(filter: { status: [OVERDUE] }) { nodes { number } } }")
        .await;
    assert!(!list.text().contains("1001") && !list.text().contains("1002"), "{list:?}");
});

on_both!(a_write_off_changes_no_interest_of_the_days_before_it, |app| async move {
    app.import(&LEDGER).await;
    for (number, amount) in [("1001", "1855.00"), ("1002", "800.99")] {
        let selection =
            "paid: interest(asOf: \"2026-11-20\") after: interest(asOf: \"2026-11-21\")";
        let before = invoice(&app, number, selection).await["paid"].clone();
        assert!(before.is_string(), "{number}: {before}");
        pays(&app, number, "2026-11-20", amount, "BG-1").await.data();
        // All of the claim was unpaid until that day, and no more than the claim.
        assert_eq!(
            invoice(&app, number, selection).await,
            json!({ "paid": before, "after": before }),
            "{number}"
        );
    }
});

on_both!(what_is_written_off_follows_what_is_paid, |app| async move {
    app.import(&LEDGER).await;
    pays(&app, "1001", "2026-02-10", "1855.50", "BG-1").await.data();
    // The öre come after all.
    pays(&app, "1001", "2026-02-20", "0.49", "BG-2").await.data();
    assert_eq!(
        invoice(&app, "1001", "status overpaid writtenOff").await,
        json!({ "status": "PAID", "overpaid": "0.00", "writtenOff": "0.00" })
    );
    adds_up(&app).await;
    // The payment is reversed, and all of the claim is there again.
    let payment = invoice(&app, "1001", "payments { id }").await["payments"][0]["id"].clone();
    does(
        &app,
        "paymentReverse",
        json!({ "paymentId": payment, "reversedOn": "2026-03-01", "reason": "Studsade" }),
        "id",
    )
    .await
    .data();
    assert_eq!(
        invoice(&app, "1001", "outstanding writtenOff").await,
        json!({ "outstanding": "1855.50", "writtenOff": "0.00" })
    );
    pays(&app, "1001", "2026-03-05", "1855.00", "BG-3").await.data();
    let reported =
        invoice(&app, "1001", "status outstanding writtenOff writeOffs { amount }").await;
    assert_eq!(
        reported,
        json!({ "status": "PAID", "outstanding": "0.00", "writtenOff": "0.50",
            "writeOffs": [{ "amount": "0.49" }, { "amount": "-0.49" }, { "amount": "0.50" }] })
    );
    adds_up(&app).await;
});

on_both!(where_no_setting_does_it_people_write_off, |app| async move {
    app.import(&LEDGER).await;
    let (app, _folder): (App, _) =
        with_network(&app, "[network.payments]\nwrite_off_limit = '0'\n");
    pays(&app, "1001", "2026-02-10", "1855.00", "BG-1").await.data();
    let reported = invoice(&app, "1001", "status outstanding difference").await;
    assert_eq!(
        reported,
        json!({ "status": "OVERDUE", "outstanding": "0.99", "difference": "ORE_ONLY" })
    );
    // No one is asked for it meanwhile, as no one was when all of it was written off.
    let listed = app
        .finance()
        .query("{ invoices(filter: { difference: [ORE_ONLY] }) { nodes { number } } }")
        .await;
    assert_eq!(listed["invoices"]["nodes"], json!([{ "number": "1001" }]));
    let late = async |on: &str| {
        let found = overdue::overdue(
            app.context(&Viewer::operator("invoices late")),
            on.parse().unwrap(),
            8,
        )
        .await
        .unwrap();
        found.into_iter().map(|late| late.number).collect::<Vec<_>>()
    };
    assert!(!late("2026-11-20").await.contains(&"1001".to_owned()));
    let remind = async |day: &str| {
        does(
            &app,
            "invoiceRemind",
            json!({ "invoiceId": id(&app, "1001").await, "sentOn": day }),
            "id",
        )
        .await
    };
    let refused = remind("2026-11-20").await;
    assert_eq!(refused.reason(), "ORE_ONLY");
    let words = "invoice 1001 had 0.99 left to pay on 2026-11-20: write it off instead";
    assert_eq!(refused.error()["message"], words);
    // A whole krona is asked for, and so are öre of which nothing was paid.
    pays(&app, "1002", "2026-04-10", "799.00", "BG-2").await.data();
    assert!(late("2026-11-20").await.contains(&"1002".to_owned()));
    does(
        &app,
        "invoiceRemind",
        json!({ "invoiceId": id(&app, "1002").await, "sentOn": "2026-11-20" }),
        "id",
    )
    .await
    .data();
    let write_off = async |number: &str, day: &str| {
        let input = json!({ "invoiceId": id(&app, number).await, "writtenOffOn": day, "reason": "Betalaren avrundade" });
        does(&app, "invoiceWriteOff", input, &format!("invoice {{ {SELECTION} }}")).await
    };
    assert_eq!(write_off("1001", "2026-02-09").await.bad_fields(), ["input.writtenOffOn"]);
    assert_eq!(write_off("1001", "2026-11-22").await.bad_fields(), ["input.writtenOffOn"]);
    assert_eq!(write_off("1002", "2026-11-20").await.reason(), "BEYOND_LIMIT");
    assert_eq!(
        write_off("1001", "2026-02-12").await["invoiceWriteOff"]["invoice"],
        json!({ "status": "PAID", "outstanding": "0.00", "overpaid": "0.00", "writtenOff": "0.99", "difference": null,
            "writeOffs": [{ "writtenOffOn": "2026-02-12", "amount": "0.99", "reason": "Betalaren avrundade" }] })
    );
    assert_eq!(write_off("1001", "2026-11-20").await.reason(), "NOTHING_TO_WRITE_OFF");
    let reported = invoice(
        &app,
        "1001",
        "before: status(asOf: \"2026-02-11\") then: status(asOf: \"2026-02-12\")",
    )
    .await;
    assert_eq!(reported, json!({ "before": "PARTLY_PAID", "then": "PAID" }));
    adds_up(&app).await;
});
