//! Corrections of exported vouchers whose days are in a closed period.

use serde_json::json;

use crate::{
    economy::payments::refunds::books,
    economy::vouchers::export_corrections::{
        Exports, TOTAL, deposit, invoiced, last_of, on, waits,
    },
    support::{
        app::{App, on_both},
        bank_fixtures::{camt, import, waiting},
        payment_fixtures::{adds_up, does, id, ocr},
    },
};

/// An entry of a day that is reported payment by payment.
fn in_details(day: &str, sum: &str, details: &[(&str, &str)]) -> String {
    let of = |(own, sum): &(&str, &str)| {
        format!(
            "<TxDtls><Refs><AcctSvcrRef>{own}</AcctSvcrRef></Refs><Amt Ccy=\"SEK\">{sum}</Amt></TxDtls>"
        )
    };
    on(
        day,
        "CRDT",
        sum,
        &format!("{TOTAL}<NtryDtls>{}</NtryDtls>", details.iter().map(of).collect::<String>()),
    )
}

async fn close(app: &App, through: &str) {
    does(app, "periodClose", json!({ "closedThrough": through }), "booksClosedThrough")
        .await
        .data();
}

on_both!(a_total_of_a_closed_day_stays_until_a_batch_has_it, |app| async move {
    let (app, numbers) = invoiced(&app).await;
    let total = on("2026-12-01", "CRDT", "125.00", TOTAL);
    let details = in_details("2026-12-01", "125.00", &[("B9-1", "100.00"), ("B9-2", "25.00")]);
    import(&app, "1.xml", camt("<Id>N1</Id>", &total)).await;
    close(&app, "2026-12-05").await;
    let december = books(&app, "2026-12-01", "2026-12-05");
    assert_eq!(december["1930"], 12_500);
    // The total was never exported: it stays, and its payments are of the same money.
    assert_eq!(
        import(&app, "2.xml", camt("<Id>N2</Id>", &details)).await,
        ["again NO_REFERENCE 100.00", "again NO_REFERENCE 25.00"]
    );
    assert_eq!(books(&app, "2026-12-01", "2026-12-05"), december, "what was closed stays");
    assert_eq!(books(&app, "2026-12-06", "2026-12-10").get("1930"), None);
    let input = json!({ "bankPaymentId": waits(&app, "125.00").await, "invoiceId": id(&app, &numbers[0]).await, "amount": "100.00" });
    does(&app, "bankPaymentMatch", input, "id").await.data();
    adds_up(&app).await;
    let mut exports = Exports::default();
    exports.step(&app, "the total, and what was matched of it", 12_500).await;
    assert_eq!(books(&app, "2026-12-01", "2026-12-05"), december);

    // One that was exported is corrected on an open day.
    let other = app.another().await;
    let (other, _) = invoiced(&other).await;
    let mut exports = Exports::default();
    import(&other, "1.xml", camt("<Id>N1</Id>", &total)).await;
    close(&other, "2026-12-05").await;
    exports.step(&other, "a total", 12_500).await;
    assert_eq!(
        import(&other, "2.xml", camt("<Id>N2</Id>", &details)).await,
        ["NO_REFERENCE 100.00", "NO_REFERENCE 25.00"]
    );
    assert_eq!(books(&other, "2026-12-01", "2026-12-05"), december);
    exports.step(&other, "the total in details", 0).await;
    assert_eq!(other.program().arg("verify").output().unwrap().status.code(), Some(0));
});

on_both!(a_match_that_links_automatically_changes_no_closed_day, |app| async move {
    let (app, numbers) = invoiced(&app).await;
    let invoice_id = id(&app, &numbers[0]).await;
    import(&app, "1.txt", deposit("20261201", 1, "Tack", 12_500)).await;
    let recorded = json!({ "invoiceId": invoice_id, "receivedOn": "2026-12-01", "amount": "125.00", "reference": "kontoutdrag", "isDifferentPayment": true });
    does(&app, "paymentRecord", recorded, "id").await.data();
    close(&app, "2026-12-05").await;
    let december = books(&app, "2026-12-01", "2026-12-05");
    assert_eq!(december["1930"], 25_000);
    let own = last_of(&app, &numbers[0], "payments").await;
    let row = waits(&app, "125.00").await;
    for input in [
        json!({ "bankPaymentId": row, "invoiceId": invoice_id }),
        json!({ "bankPaymentId": row, "invoiceId": invoice_id, "recordedPaymentId": own }),
    ] {
        assert_eq!(does(&app, "bankPaymentMatch", input, "id").await.reason(), "PERIOD_CLOSED");
    }
    assert_eq!(books(&app, "2026-12-01", "2026-12-05"), december);
    let mut exports = Exports::default();
    exports.step(&app, "both", 25_000).await;
    does(&app, "bankPaymentMatch", json!({ "bankPaymentId": row, "invoiceId": invoice_id }), "id")
        .await
        .data();
    assert_eq!(books(&app, "2026-12-01", "2026-12-05"), december, "what was closed stays");
    exports.step(&app, "linked", -12_500).await;
    assert_eq!(app.program().arg("verify").output().unwrap().status.code(), Some(0));
});

on_both!(
    a_duplicate_that_was_matched_and_reversed_is_undone_on_the_day_of_its_mark,
    |app| async move {
        let (app, numbers) = invoiced(&app).await;
        let app = app.at("2026-12-05T09:00:00Z");
        import(&app, "1.txt", deposit("20261201", 1, &ocr(&app, &numbers[0]).await, 12_500)).await;
        import(&app, "2.txt", deposit("20261201", 2, "Tack", 12_500)).await;
        let slip = json!({ "paymentId": last_of(&app, &numbers[0], "payments").await, "reversedOn": "2026-12-02", "reason": "Fel" });
        does(&app, "paymentReverse", slip, "id").await.data();
        let rows = waiting(&app).await;
        let (own, other) = rows.iter().partition::<Vec<_>, _>(|row| row["finding"] == "OCR");
        let mark = json!({ "bankPaymentId": own[0]["id"], "duplicateOfId": other[0]["id"] });
        does(&app, "bankPaymentMarkDuplicate", mark, "bankPayment { id }").await.data();
        let app = app.at("2026-12-10T09:00:00Z");
        let spans = [
            ("2026-12-01", "2026-12-01"),
            ("2026-12-02", "2026-12-04"),
            ("2026-12-05", "2026-12-05"),
            ("2026-12-06", "2026-12-10"),
        ];
        let all = || spans.map(|(from, to)| books(&app, from, to));
        let marked = all();
        assert_eq!(
            marked.clone().map(|sums| sums.get("1930").copied().unwrap_or_default()),
            [25_000, 0, -12_500, 0]
        );
        for through in ["2026-12-03", "2026-12-06"] {
            close(&app, through).await;
            assert_eq!(all(), marked, "closed through {through}");
        }
        // What is closed and of no batch stays.
        let again = json!({ "bankPaymentId": own[0]["id"] });
        assert_eq!(
            does(&app, "bankPaymentReopen", again.clone(), "id").await.reason(),
            "PERIOD_CLOSED"
        );
        let mut exports = Exports::default();
        exports.step(&app, "all of it", 12_500).await;
        assert_eq!(all(), marked);
        does(&app, "bankPaymentReopen", again, "id").await.data();
        exports.step(&app, "reopened", 12_500).await;
        assert_eq!(
            books(&app, "2026-12-01", "2026-12-06")["1930"],
            12_500,
            "what was closed stays"
        );
        assert_eq!(app.program().arg("verify").output().unwrap().status.code(), Some(0));
    }
);

on_both!(a_receipt_that_was_exported_as_its_payment_is_marked, |app| async move {
    let (app, numbers) = invoiced(&app).await;
    let mut exports = Exports::default();
    import(&app, "1.txt", deposit("20261201", 1, &ocr(&app, &numbers[0]).await, 12_500)).await;
    import(&app, "2.txt", deposit("20261202", 2, "Tack", 12_500)).await;
    exports.step(&app, "one matched, one that waits", 25_000).await;
    close(&app, "2026-12-05").await;
    let december = books(&app, "2026-12-01", "2026-12-05");
    let slip = json!({ "paymentId": last_of(&app, &numbers[0], "payments").await, "reason": "Samma pengar" });
    does(&app, "paymentReverse", slip, "id").await.data();
    exports.step(&app, "taken back", 0).await;
    let rows = waiting(&app).await;
    let (own, other) = rows.iter().partition::<Vec<_>, _>(|row| row["finding"] == "OCR");
    let mark = json!({ "bankPaymentId": own[0]["id"], "duplicateOfId": other[0]["id"] });
    does(&app, "bankPaymentMarkDuplicate", mark, "bankPayment { id }").await.data();
    exports.step(&app, "marked", -12_500).await;
    assert_eq!(books(&app, "2026-12-01", "2026-12-05"), december, "what was closed stays");
    does(&app, "bankPaymentReopen", json!({ "bankPaymentId": own[0]["id"] }), "id").await.data();
    exports.step(&app, "reopened", 12_500).await;
    assert_eq!(books(&app, "2026-12-01", "2026-12-05"), december, "what was closed stays");
    assert_eq!(app.program().arg("verify").output().unwrap().status.code(), Some(0));
});

on_both!(a_period_is_closed_when_its_corrections_are_exported, |app| async move {
    let (app, _) = invoiced(&app).await;
    let mut exports = Exports::default();
    import(&app, "1.txt", deposit("20261201", 1, "Tack", 5_000)).await;
    import(&app, "2.txt", deposit("20261201", 2, "Tack", 5_000)).await;
    exports.step(&app, "two rows of the same money", 10_000).await;
    let rows = waiting(&app).await;
    does(
        &app,
        "bankPaymentMarkDuplicate",
        json!({ "bankPaymentId": rows[0]["id"], "duplicateOfId": rows[1]["id"] }),
        "bankPayment { id }",
    )
    .await
    .data();
    let december = books(&app, "2026-12-01", "2026-12-05");
    assert_eq!(december["1930"], 5_000);
    let refused =
        does(&app, "periodClose", json!({ "closedThrough": "2026-12-05" }), "booksClosedThrough")
            .await;
    assert_eq!(refused.reason(), "NOT_EXPORTED");
    close(&app, "2026-11-30").await;
    exports.step(&app, "one of them marked", -5_000).await;
    close(&app, "2026-12-05").await;
    assert_eq!(books(&app, "2026-12-01", "2026-12-05"), december, "what was closed stays");
});
