//! Closed periods: nothing is booked on a closed day, and what comes late is booked on the first
//! open day.

use std::{collections::BTreeMap, fs, path::Path};

use domain::{
    auth::viewer::Viewer,
    interchange::{export::export, import::import},
    output::OwnFiles,
};
use serde_json::{Value, json};

use crate::{
    economy::payments::refunds::books,
    support::{
        app::{App, on_both},
        bank_fixtures::{bank_payments, bgmax, camt, entry, find, import as take, payment},
        caller::Answer,
        payment_fixtures::{LEDGER, adds_up, came_in, does, id, invoice, ocr, pays},
    },
};

const NETWORK: &str = "[network]\nname = 'NNS'\n";

async fn close(app: &App, through: &str) -> Answer {
    does(app, "periodClose", json!({ "closedThrough": through }), "booksClosedThrough").await
}

async fn reopen(app: &App, from: &str, reason: &str) -> Answer {
    does(
        app,
        "periodReopen",
        json!({ "reopenedFrom": from, "reason": reason }),
        "booksClosedThrough",
    )
    .await
}

async fn closed_through(app: &App) -> Value {
    app.board().query("{ booksClosedThrough }").await["booksClosedThrough"].clone()
}

/// Runs the command for these days; returns its output.
fn file(app: &App, folder: &Path, from: &str, to: &str) -> String {
    fs::write(folder.join("samregister.toml"), NETWORK).unwrap();
    let output = app
        .program()
        .current_dir(folder)
        .args(["sie", "--from", from, "--to", to])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout.iter().map(|byte| char::from(*byte)).collect()
}

on_both!(periods_are_closed_and_opened_with_a_reason, |app| async move {
    assert_eq!(closed_through(&app).await, Value::Null);
    // The clock of the tests stands on 21 November 2026, and a day is closed when it is over.
    assert_eq!(close(&app, "2026-11-21").await.bad_fields(), ["input.closedThrough"]);
    assert_eq!(
        close(&app, "2026-11-20").await["periodClose"],
        json!({ "booksClosedThrough": "2026-11-20" })
    );
    assert_eq!(
        (close(&app, "2026-11-20").await.reason(), close(&app, "2026-01-31").await.reason()),
        ("ALREADY_CLOSED", "ALREADY_CLOSED")
    );
    assert_eq!(closed_through(&app).await, "2026-11-20");
    assert_eq!(reopen(&app, "2026-11-21", "x").await.reason(), "NOT_CLOSED");
    assert_eq!(reopen(&app, "2026-11-01", " ").await.bad_fields(), ["input.reason"]);
    assert_eq!(
        reopen(&app, "2026-11-01", "Fel konto").await["periodReopen"],
        json!({ "booksClosedThrough": "2026-10-31" })
    );
    let trail = app
        .office()
        .query("{ auditEntries(last: 2) { nodes { action actor after } } }")
        .await["auditEntries"]["nodes"]
        .clone();
    assert_eq!(
        (&trail[0]["action"], &trail[1]["action"]),
        (&json!("periodReopen"), &json!("periodClose")),
        "{trail}"
    );
    assert!(
        trail[0]["after"].to_string().contains("Fel konto")
            && trail[0]["after"].to_string().contains("2026-10-31"),
        "{trail}"
    );
    for caller in [app.board(), app.auditor(), app.service("invoices:write")] {
        let refused = caller
            .does("periodClose", "booksClosedThrough", json!({ "closedThrough": "2026-11-20" }))
            .await;
        assert_eq!(refused.code(), "FORBIDDEN");
    }
    assert_eq!(app.program().arg("verify").output().unwrap().status.code(), Some(0));
});

on_both!(the_command_closes_and_opens_periods, |app| async move {
    let run = |line: &[&str]| {
        let output = app.program().arg("period").args(line).output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    assert_eq!(run(&["show"]).1, "no day is closed\n");
    assert_eq!(
        run(&["close", "--through", "2026-01-31"]).2,
        "the books are closed through 2026-01-31\n"
    );
    assert_eq!(run(&["show"]).1, "2026-01-31\n");
    let (code, _, message) = run(&["close", "--through", "2026-01-31"]);
    assert_eq!(
        (code, message.contains("`samregister period reopen`"), message.contains("periodReopen")),
        (Some(1), true, false),
        "{message}"
    );
    let (code, _, message) = run(&["close", "--through", "2999-01-31"]);
    assert_eq!(
        (code, message.as_str()),
        (Some(2), "error: --through must be before today: a day is closed when it is over\n")
    );
    assert_eq!(
        run(&["reopen", "--from", "2026-01-15", "--reason", "Glömd kostnad"]).2,
        "the books are closed through 2026-01-14\n"
    );
    assert_eq!(closed_through(&app).await, "2026-01-14");
});

on_both!(nothing_is_booked_on_a_closed_day, |app| async move {
    app.import(&LEDGER).await;
    close(&app, "2026-09-30").await.data();
    let before = app.revision().await;
    let activity =
        app.finance().query("{ activity(by: { slug: \"bip\" }) { id } }").await["activity"]["id"]
            .clone();
    let late = id(&app, "1002").await;
    for (mutation, input) in [
        (
            "costRecord",
            json!({ "activityId": activity, "bookedOn": "2026-09-30", "amount": "1.00", "description": "x" }),
        ),
        (
            "grantRecord",
            json!({ "activityId": activity, "bookedOn": "2026-01-01", "amount": "1.00", "funder": "x" }),
        ),
        ("invoiceCredit", json!({ "invoiceId": late, "reason": "x", "issuedOn": "2026-09-30" })),
        ("invoiceRemind", json!({ "invoiceId": late, "sentOn": "2026-09-30" })),
    ] {
        let refused = does(&app, mutation, input, "id").await;
        assert_eq!(refused.reason(), "PERIOD_CLOSED", "{mutation}: {}", refused.text());
    }
    assert_eq!(app.revision().await, before);
    let open = json!({ "activityId": activity, "bookedOn": "2026-10-01", "amount": "1.00", "description": "x" });
    does(&app, "costRecord", open, "id").await.data();
    reopen(&app, "2026-09-30", "Glömd kostnad").await.data();
    let closed = json!({ "activityId": activity, "bookedOn": "2026-09-30", "amount": "1.00", "description": "x" });
    does(&app, "costRecord", closed, "id").await.data();
});

on_both!(a_payment_that_comes_late_is_booked_on_the_first_open_day, |app| async move {
    app.import(&LEDGER).await;
    let folder = tempfile::tempdir().unwrap();
    pays(&app, "1002", "2026-03-10", "100.00", "A").await.data();
    close(&app, "2026-03-31").await.data();
    let march = file(&app, folder.path(), "2026-03-01", "2026-03-31");
    let came = came_in(&app, "2026-03-01", "2026-03-31").await;

    // It was paid in time, whatever the books say.
    let paid = pays(&app, "1002", "2026-03-20", "700.00", "B").await;
    assert_eq!(paid["paymentRecord"]["status"], "PAID");
    let reported = invoice(
        &app,
        "1002",
        "daysLate(asOf: \"2026-04-30\") payments { receivedOn bookedOn amount }",
    )
    .await;
    assert_eq!(reported["daysLate"], 0);
    let payments = json!([
        { "receivedOn": "2026-03-10", "bookedOn": "2026-03-10", "amount": "100.00" },
        { "receivedOn": "2026-03-20", "bookedOn": "2026-04-01", "amount": "700.00" },
    ]);
    assert_eq!(reported["payments"], payments);
    assert_eq!(file(&app, folder.path(), "2026-03-01", "2026-03-31"), march);
    assert_eq!(came_in(&app, "2026-03-01", "2026-03-31").await, came);
    assert_eq!(
        came_in(&app, "2026-04-01", "2026-04-30").await,
        [("bip".to_owned(), "700.00".to_owned())]
    );
    let april = file(&app, folder.path(), "2026-04-01", "2026-04-30");
    assert!(
        april.contains("#VER \"B\" \"\" 20260401 ") && april.contains("#TRANS 1930 {} 700.00"),
        "{april}"
    );
    adds_up(&app).await;

    // Nothing is reversed on a closed day; without one it is today.
    let first = invoice(&app, "1002", "payments { id }").await["payments"][0]["id"].clone();
    let closed = json!({ "paymentId": first, "reversedOn": "2026-03-31", "reason": "Fel" });
    assert_eq!(does(&app, "paymentReverse", closed, "id").await.reason(), "PERIOD_CLOSED");
    does(&app, "paymentReverse", json!({ "paymentId": first, "reason": "Fel" }), "id").await.data();
    assert_eq!(file(&app, folder.path(), "2026-03-01", "2026-03-31"), march);
    assert_eq!(came_in(&app, "2026-03-01", "2026-03-31").await, came);
    adds_up(&app).await;
    assert_eq!(app.program().arg("verify").output().unwrap().status.code(), Some(0));
});

on_both!(an_import_changes_no_closed_period_and_an_export_carries_it, |app| async move {
    app.import(&LEDGER).await;
    close(&app, "2026-10-31").await.data();
    // The same again is no change.
    let before = app.revision().await;
    app.import(&LEDGER).await;
    assert_eq!(app.revision().await, before);
    let reported = |day_and_amount: &str, posted_on: &str| {
        let digest = "0".repeat(64);
        format!(
            "bank_reference,file_name,file_sha256,imported_at,account,booked_on,amount,reference,message,payer_name,payer_org_number,finding,\
             set_aside_on,set_aside_reason,posted_on\n\
             T1,bg.txt,{digest},2026-11-01T08:00:00Z,50501055,{day_and_amount},,,,,NO_REFERENCE,,,{posted_on}\n"
        )
    };
    let head = "key,number,kind,buyer,issued_on,due_on,credits\nx,900,INVOICE,gotland,2026-10-31,2026-11-30,\n";
    let lines = "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\nx,Kurs,bip,,,,1,1.00,ZERO\n";
    for files in [
        vec![("invoices.csv", head), ("invoice_lines.csv", lines)],
        vec![("payments.csv", "invoice,received_on,amount,reference\na,2026-10-31,1.00,X\n")],
        vec![("costs.csv", "activity,booked_on,amount,description\nbip,2026-10-31,1.00,x\n")],
        vec![("grants.csv", "activity,booked_on,amount,funder\nbip,2026-10-31,1.00,x\n")],
        vec![("bank_payments.csv", &reported("2026-10-31,1.00", ""))],
        vec![("bank_payments.csv", &reported("2026-10-01,1.00", "2026-10-02"))],
    ] {
        let refused = format!("{:?}", app.try_import(&files).await.map(|_| ()).unwrap_err());
        assert!(refused.contains("is in a closed period"), "{refused}");
    }
    app.import(&[("payments.csv", "invoice,received_on,amount,reference\na,2026-11-01,1.00,X\n")])
        .await;
    app.import(&[("bank_payments.csv", &reported("2026-10-31,1.00", "2026-11-01"))]).await;
    app.import(&[("bank_payments.csv", &reported("2026-10-31,1.00", "2026-11-01"))]).await;
    let changed = format!(
        "{:?}",
        app.try_import(&[("bank_payments.csv", &reported("2026-10-31,1.00", "2026-11-02"))])
            .await
            .map(|_| ())
    );
    assert!(changed.contains("differs from what the bank reported before"), "{changed}");

    let (folder, other) = (tempfile::tempdir().unwrap(), app.another().await);
    export(
        app.context(&Viewer::operator("export")),
        &OwnFiles::default(),
        folder.path(),
        &mut |_| {},
    )
    .await
    .unwrap();
    assert_eq!(
        fs::read_to_string(folder.path().join("books_closing.csv")).unwrap(),
        "closed_through,reason\n2026-10-31,\n"
    );
    let network = &domain::config::Network::default();
    import(other.context(&Viewer::operator("import")), network, folder.path(), false, &mut |_| {})
        .await
        .unwrap();
    assert_eq!(closed_through(&other).await, "2026-10-31");
});

on_both!(rows_of_a_late_bank_file_are_booked_on_the_first_open_day, |app| async move {
    app.import(&LEDGER).await;
    pays(&app, "1001", "2026-02-01", "1955.99", "A").await.data();
    close(&app, "2026-03-31").await.data();
    let march = books(&app, "2026-01-01", "2026-03-31");
    let came = came_in(&app, "2026-03-01", "2026-03-31").await;

    // A receipt, one that no one knows, and what was paid back, all of March.
    let file = bgmax(&[payment(&ocr(&app, "1002").await, 80_000, []), payment("Tack", 5_000, [])]);
    take(
        &app,
        "bg.txt",
        String::from_utf8(file).unwrap().replace("2026112000001", "2026032000001"),
    )
    .await;
    let words = "<BookgDt><Dt>2026-03-25</Dt></BookgDt><AcctSvcrRef>U-1</AcctSvcrRef>\
                 <NtryDtls><TxDtls><RmtInf><Ustrd>1001</Ustrd></RmtInf></TxDtls></NtryDtls>";
    take(&app, "ut.xml", camt("<Id>N</Id>", &entry("DBIT", "100.00", words))).await;
    assert_eq!(books(&app, "2026-01-01", "2026-03-31"), march);
    assert_eq!(came_in(&app, "2026-03-01", "2026-03-31").await, came);
    let sums = BTreeMap::from(
        [("1510", -70_000), ("1930", 75_000), ("2890", -5_000)]
            .map(|(account, sum)| (account.to_owned(), sum)),
    );
    assert_eq!(books(&app, "2026-04-01", "2026-04-01"), sums);

    // Their own days are fields of their own, and lateness goes by them.
    let rows = app
        .finance()
        .query("{ bankPayments { nodes { amount receivedOn bookedOn } } }")
        .await["bankPayments"]["nodes"]
        .clone();
    for (amount, booked_on) in
        [("800.00", "2026-03-20"), ("50.00", "2026-03-20"), ("-100.00", "2026-03-25")]
    {
        let row = find(rows.as_array().unwrap(), amount);
        assert_eq!(
            (&row["receivedOn"], &row["bookedOn"]),
            (&json!(booked_on), &json!("2026-04-01")),
            "{amount}"
        );
    }
    let reported = invoice(
        &app,
        "1002",
        "status daysLate(asOf: \"2026-04-30\") payments { receivedOn bookedOn }",
    )
    .await;
    assert_eq!(
        reported,
        json!({ "status": "PAID", "daysLate": 0, "payments": [{ "receivedOn": "2026-03-20", "bookedOn": "2026-04-01" }] })
    );
    assert_eq!(
        invoice(&app, "1001", "overpaid refunds { paidOn bookedOn }").await,
        json!({ "overpaid": "0.00", "refunds": [{ "paidOn": "2026-03-25", "bookedOn": "2026-04-01" }] })
    );

    // Matched on no closed day, and from the first open one without a word.
    let row = find(&bank_payments(&app, "status: PENDING").await, "50.00")["id"].clone();
    let fifth = id(&app, "1005").await;
    let input = |day: &str| json!({ "bankPaymentId": row, "invoiceId": fifth, "bookedOn": day });
    assert_eq!(
        does(&app, "bankPaymentMatch", input("2026-03-20"), "id").await.reason(),
        "PERIOD_CLOSED"
    );
    does(&app, "bankPaymentMatch", input("2026-04-01"), "id").await.data();
    let sums = BTreeMap::from(
        [("1510", -75_000), ("1930", 75_000)].map(|(account, sum)| (account.to_owned(), sum)),
    );
    assert_eq!(books(&app, "2026-04-01", "2026-04-01"), sums);
    adds_up(&app).await;
    assert_eq!(app.program().arg("verify").output().unwrap().status.code(), Some(0));
});

on_both!(refunds_and_write_offs_obey_closed_periods, |app| async move {
    app.import(&LEDGER).await;
    let small = "key,number,kind,buyer,issued_on,due_on,credits\ns,1010,INVOICE,gavle,2026-03-02,2026-04-01,\n";
    let line = "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\ns,Avgift,,,,,1,0.50,OUTSIDE_SCOPE\n";
    app.import(&[("invoices.csv", small), ("invoice_lines.csv", line)]).await;
    pays(&app, "1002", "2026-03-10", "1000.00", "A").await.data();
    let refund = async |day: &str, amount: &str, reference: &str| {
        let input = json!({ "invoiceId": id(&app, "1002").await, "paidOn": day, "amount": amount, "reference": reference });
        does(&app, "refundRecord", input, "invoice { overpaid }").await
    };
    refund("2026-03-12", "50.00", "UT-1").await.data();
    close(&app, "2026-03-31").await.data();
    let (march, came) =
        (books(&app, "2026-01-01", "2026-03-31"), came_in(&app, "2026-01-01", "2026-03-31").await);

    // Paid back in March and recorded late: the bank's day stays, and the books have it on the
    // first open one.
    refund("2026-03-20", "150.00", "UT-2").await.data();
    assert_eq!(books(&app, "2026-04-01", "2026-04-01")["1930"], -15_000);
    let own =
        invoice(&app, "1002", "refunds { id paidOn }").await["refunds"].as_array().unwrap().clone();
    assert_eq!(
        own.iter().map(|row| row["paidOn"].as_str().unwrap()).collect::<Vec<_>>(),
        ["2026-03-12", "2026-03-20"]
    );
    let reversal = json!({ "refundId": own[0]["id"], "reversedOn": "2026-03-31", "reason": "Fel" });
    assert_eq!(
        does(&app, "refundReverse", reversal, "invoice { id }").await.reason(),
        "PERIOD_CLOSED"
    );
    does(
        &app,
        "refundReverse",
        json!({ "refundId": own[0]["id"], "reason": "Fel" }),
        "invoice { id }",
    )
    .await
    .data();
    let write_off = json!({ "invoiceId": id(&app, "1010").await, "writtenOffOn": "2026-03-31", "reason": "Ören" });
    assert_eq!(
        does(&app, "invoiceWriteOff", write_off, "invoice { id }").await.reason(),
        "PERIOD_CLOSED"
    );
    does(
        &app,
        "invoiceWriteOff",
        json!({ "invoiceId": id(&app, "1010").await, "reason": "Ören" }),
        "invoice { id }",
    )
    .await
    .data();
    assert_eq!(books(&app, "2026-01-01", "2026-03-31"), march);
    assert_eq!(came_in(&app, "2026-01-01", "2026-03-31").await, came);
    adds_up(&app).await;
});

on_both!(an_import_marks_no_duplicate_of_a_closed_day, |app| async move {
    app.import(&LEDGER).await;
    let file = bgmax(&[payment("Tack", 5_000, []), payment("Gava", 5_000, [])]);
    take(
        &app,
        "bg.txt",
        String::from_utf8(file).unwrap().replace("2026112000001", "2026032000001"),
    )
    .await;
    let folder = tempfile::tempdir().unwrap();
    export(
        app.context(&Viewer::operator("export")),
        &OwnFiles::default(),
        folder.path(),
        &mut |_| {},
    )
    .await
    .unwrap();
    let text = fs::read_to_string(folder.path().join("bank_payments.csv")).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    // The second row as one of the same money as the first, set aside on this day.
    let marked = |set_aside_on: &str| {
        let mut rows = rows.clone();
        let reference = rows[1][rows[0].iter().position(|name| *name == "bank_reference").unwrap()];
        for (column, value) in [
            ("duplicate_of", reference),
            ("set_aside_on", set_aside_on),
            ("set_aside_reason", "Samma pengar"),
        ] {
            let at = rows[0].iter().position(|name| *name == column).unwrap();
            rows[2][at] = value;
        }
        rows.iter().map(|row| row.join(",") + "\n").collect::<String>()
    };
    close(&app, "2026-03-31").await.data();
    let march = books(&app, "2026-03-01", "2026-03-31");
    assert_eq!(march["1930"], 10_000);
    let before = app.revision().await;
    let refused = format!(
        "{:?}",
        app.try_import(&[("bank_payments.csv", &marked("2026-11-21"))])
            .await
            .map(|_| ())
            .unwrap_err()
    );
    assert!(
        refused.contains("duplicate_of") && refused.contains("is in a closed period"),
        "{refused}"
    );
    assert_eq!((app.revision().await, books(&app, "2026-03-01", "2026-03-31")), (before, march));

    // Of an open day it is marked, and the day of the mark stays.
    reopen(&app, "2026-03-01", "Dubblett").await.data();
    app.import(&[("bank_payments.csv", &marked("2026-04-02"))]).await;
    let march = books(&app, "2026-03-01", "2026-03-31");
    assert_eq!(march["1930"], 5_000);
    close(&app, "2026-04-30").await.data();
    let refused = format!(
        "{:?}",
        app.try_import(&[("bank_payments.csv", &marked("2026-11-21"))])
            .await
            .map(|_| ())
            .unwrap_err()
    );
    assert!(
        refused.contains("set_aside_on") && refused.contains("is in a closed period"),
        "{refused}"
    );
    let refused = format!(
        "{:?}",
        app.try_import(&[("bank_payments.csv", text.as_str())]).await.map(|_| ()).unwrap_err()
    );
    assert!(
        refused.contains("duplicate_of") && refused.contains("is in a closed period"),
        "{refused}"
    );
    app.import(&[("bank_payments.csv", &marked("2026-04-02"))]).await;
    assert_eq!(books(&app, "2026-03-01", "2026-03-31"), march);
});
