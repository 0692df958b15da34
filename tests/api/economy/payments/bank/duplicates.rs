//! Payments that several files, or a file and a person, report: each is booked once, and none is
//! lost.

use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    bank_fixtures::{bank_payments, bgmax, camt, entry, errors, find, import, payment, waiting},
    payment_fixtures::{LEDGER, adds_up, came_in, does, id, invoice, ocr, pays},
};

const RESENT: [&str; 2] = [
    include_str!("../../../../fixtures/bank/blankspace_ocr.txt"),
    include_str!("../../../../fixtures/bank/resend_other_serial.txt"),
];
const CROSS: &str = include_str!("../../../../fixtures/bank/cross.xml");

/// A BgMax file of the OCR reference and payment that `CROSS` reports.
fn as_bgmax() -> String {
    let payment = "200000000000               2026000105000000000000100000214906301700010";
    [
        "01BGMAX               0120261119173035010331P",
        "050050501055          SEK",
        payment,
        "15000000000000000000000000584100000102026111800074000000000000100000SEK00000001",
        "7000000001000000000000000000000001",
    ]
    .join("\n")
}

/// An invoice of 1 000.00 with the OCR reference 2026000105.
async fn with_invoice(app: &App) {
    app.import(&LEDGER).await;
    let files = [
        (
            "invoices.csv",
            "key,number,kind,buyer,issued_on,due_on,credits,ocr\nz,20260001,INVOICE,gavle,2026-10-01,2026-10-31,,2026000105\n",
        ),
        (
            "invoice_lines.csv",
            "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\n\
             z,Avgift,,,,,1,1000.00,OUTSIDE_SCOPE\n",
        ),
    ];
    app.import(&files).await;
}

async fn paid(app: &App, number: &str) -> Value {
    invoice(app, number, "paid overpaid").await
}

/// The duplicates of each bank payment that counts.
async fn duplicates(app: &App) -> Vec<(String, Vec<String>)> {
    let document = "{ bankPayments(first: 200) { nodes { bankReference status duplicateOf { bankReference } duplicates { bankReference } } } }";
    let nodes =
        app.finance().query(document).await["bankPayments"]["nodes"].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    for node in nodes.iter().filter(|node| !node["duplicateOf"].is_null()) {
        assert_eq!(node["status"], "DUPLICATE");
        let other = nodes
            .iter()
            .find(|other| other["bankReference"] == node["duplicateOf"]["bankReference"])
            .unwrap();
        assert!(
            other["duplicates"]
                .as_array()
                .unwrap()
                .contains(&json!({ "bankReference": node["bankReference"] }))
        );
    }
    let with = nodes.iter().filter(|node| !node["duplicates"].as_array().unwrap().is_empty());
    let mut found: Vec<_> = with
        .map(|node| {
            let of = node["duplicates"]
                .as_array()
                .unwrap()
                .iter()
                .map(|other| text(&other["bankReference"]));
            (text(&node["bankReference"]), of.collect())
        })
        .collect();
    found.sort();
    found
}

on_both!(bgmax_and_camt_of_one_payment_are_booked_once_in_either_order, |app| async move {
    with_invoice(&app).await;
    assert_eq!(import(&app, "bg.txt", as_bgmax()).await, ["OCR 1000.00 20260001:1000.00"]);
    assert_eq!(import(&app, "camt.xml", CROSS).await, ["again OCR 1000.00"]);
    assert_eq!(paid(&app, "20260001").await, json!({ "paid": "1000.00", "overpaid": "0.00" }));
    assert_eq!(
        duplicates(&app).await,
        [(
            "BG 50501055 20261118 00074 490630170001".to_owned(),
            vec!["CAMT SE4550000000058398257466 20261118 E3 490630170001".to_owned()]
        )]
    );
    let before = app.revision().await;
    assert_eq!(import(&app, "igen.xml", CROSS).await, ["again OCR 1000.00"]);
    assert_eq!(app.revision().await, before, "the same files again change nothing");
    assert_eq!(waiting(&app).await, Vec::<Value>::new());
    adds_up(&app).await;

    let other = app.another().await;
    with_invoice(&other).await;
    assert_eq!(import(&other, "camt.xml", CROSS).await, ["OCR 1000.00 20260001:1000.00"]);
    assert_eq!(import(&other, "bg.txt", as_bgmax()).await, ["again OCR 1000.00"]);
    assert_eq!(paid(&other, "20260001").await, json!({ "paid": "1000.00", "overpaid": "0.00" }));
    adds_up(&other).await;
});

on_both!(a_deposit_that_is_sent_again_under_another_serial_is_booked_once, |app| async move {
    app.import(&LEDGER).await;
    assert_eq!(import(&app, "1.txt", RESENT[0]).await, ["UNKNOWN_REFERENCE 1018.00"]);
    assert_eq!(import(&app, "2.txt", RESENT[1]).await, ["again UNKNOWN_REFERENCE 1018.00"]);
    assert_eq!(waiting(&app).await.len(), 1);
    assert_eq!(duplicates(&app).await.len(), 1);
    // Reopened, it waits as another payment.
    let all = bank_payments(&app, "status: [EXCLUDED, DUPLICATE]").await;
    let done = does(
        &app,
        "bankPaymentReopen",
        json!({ "bankPaymentId": all[0]["id"] }),
        "status duplicateOf { id }",
    )
    .await;
    assert_eq!(done["bankPaymentReopen"], json!({ "status": "PENDING", "duplicateOf": null }));
});

const TOTAL: &str = "<AcctSvcrRef>B9</AcctSvcrRef>";

fn details(ocr: &str, sums: &[(&str, &str)]) -> String {
    let of = |(reference, sum): &(&str, &str)| {
        format!(
            "<TxDtls><Refs><AcctSvcrRef>{reference}</AcctSvcrRef></Refs><Amt Ccy=\"SEK\">{sum}</Amt>\
             <RmtInf><Strd><CdtrRefInf><Ref>{ocr}</Ref></CdtrRefInf></Strd></RmtInf></TxDtls>"
        )
    };
    format!("{TOTAL}<NtryDtls>{}</NtryDtls>", sums.iter().map(of).collect::<String>())
}

on_both!(an_entry_is_reported_as_a_total_and_later_payment_by_payment, |app| async move {
    app.import(&LEDGER).await;
    let two = ocr(&app, "1002").await;
    let total = camt("<Id>N1</Id>", &entry("CRDT", "800.00", TOTAL));
    let parts = camt(
        "<Id>N2</Id>",
        &entry("CRDT", "800.00", &details(&two, &[("B9-1", "300.00"), ("B9-2", "500.00")])),
    );
    assert_eq!(import(&app, "1.xml", &total).await, ["NO_REFERENCE 800.00"]);
    assert_eq!(
        import(&app, "2.xml", &parts).await,
        ["OCR 300.00 1002:300.00", "OCR 500.00 1002:500.00"]
    );
    assert_eq!(paid(&app, "1002").await, json!({ "paid": "800.00", "overpaid": "0.00" }));
    assert_eq!(waiting(&app).await, Vec::<Value>::new(), "the payments stand for the total");
    let reference = |end: &str| format!("CAMT SE4550000000058398257466 20261118 B9{end}");
    assert_eq!(duplicates(&app).await, [(reference(" B9-1"), vec![reference("")])]);
    // The total once more, by another bank file.
    assert_eq!(
        import(&app, "3.xml", total.replace("N1", "N3")).await,
        ["again NO_REFERENCE 800.00"]
    );
    adds_up(&app).await;

    // Payment by payment first, and then as a total; and a total that can't be right.
    let other = app.another().await;
    other.import(&LEDGER).await;
    import(&other, "2.xml", &parts).await;
    let wrong = camt("<Id>N1</Id>", &entry("CRDT", "801.00", TOTAL));
    assert!(
        errors(&other, "1.xml", wrong).await[0]
            .contains("is of an entry of 801.00, which was imported before as 800.00 with 2.xml")
    );
    assert_eq!(import(&other, "1.xml", &total).await, ["again OCR 800.00"]);
    assert_eq!(
        (paid(&other, "1002").await["paid"].clone(), waiting(&other).await.len()),
        (json!("800.00"), 0)
    );
    adds_up(&other).await;

    // A total that people have matched stays, and its payments are of the same money.
    let third = app.another().await;
    third.import(&LEDGER).await;
    import(&third, "1.xml", &total).await;
    let input = json!({ "bankPaymentId": waiting(&third).await[0]["id"], "invoiceId": id(&third, "1002").await });
    does(&third, "bankPaymentMatch", input, "status").await.data();
    assert_eq!(
        import(&third, "2.xml", &parts).await,
        ["again NO_REFERENCE 300.00", "again NO_REFERENCE 500.00"]
    );
    assert_eq!(paid(&third, "1002").await, json!({ "paid": "800.00", "overpaid": "0.00" }));
    adds_up(&third).await;
});

on_both!(a_total_and_its_payments_never_count_together, |app| async move {
    app.import(&LEDGER).await;
    let total = camt("<Id>N1</Id>", &entry("CRDT", "800.00", TOTAL));
    let parts = camt(
        "<Id>N2</Id>",
        &entry("CRDT", "800.00", &details("Tack", &[("B9-1", "300.00"), ("B9-2", "500.00")])),
    );
    import(&app, "1.xml", &total).await;
    import(&app, "2.xml", &parts).await;
    let own = bank_payments(&app, "status: [EXCLUDED, DUPLICATE]").await;
    let reopen = json!({ "bankPaymentId": own[0]["id"] });
    assert_eq!(own.len(), 1);
    assert_eq!(does(&app, "bankPaymentReopen", reopen, "id").await.reason(), "IN_DETAILS");
    assert_eq!(waiting(&app).await.len(), 2);

    let other = app.another().await;
    other.import(&LEDGER).await;
    import(&other, "1.xml", &total).await;
    let set_aside = json!({ "bankPaymentId": waiting(&other).await[0]["id"], "reason": "Bidrag" });
    does(&other, "bankPaymentExclude", set_aside, "id").await.data();
    import(&other, "2.xml", &parts).await;
    let rows = bank_payments(&other, "status: [EXCLUDED, DUPLICATE]").await;
    let reopen = |amount: &str| json!({ "bankPaymentId": find(&rows, amount)["id"] });
    assert_eq!(
        does(&other, "bankPaymentReopen", reopen("300.00"), "id").await.reason(),
        "IN_TOTAL"
    );
    // The total itself is reopened.
    does(&other, "bankPaymentReopen", reopen("800.00"), "id").await.data();
    assert_eq!(waiting(&other).await.len(), 1);
});

on_both!(what_may_be_the_same_waits_with_both_shown, |app| async move {
    with_invoice(&app).await;
    import(&app, "bg.txt", as_bgmax()).await;
    // The same sum and reference by another channel, without the bank's number.
    let file = CROSS.replace("490630170001", "T-1234");
    assert_eq!(import(&app, "camt.xml", &file).await, ["AMBIGUOUS 1000.00"]);
    let document = "{ bankPayments(filter: { status: [PENDING, EXCLUDED, DUPLICATE] }) { nodes { id possibleDuplicates { id bankReference status } possiblePayments { payment { id } } } } }";
    let node = app.finance().query(document).await["bankPayments"]["nodes"][0].clone();
    assert_eq!(
        node["possibleDuplicates"][0]["bankReference"],
        "BG 50501055 20261118 00074 490630170001"
    );
    assert_eq!(node["possiblePayments"], json!([]));
    assert_eq!(paid(&app, "20260001").await["paid"], "1000.00");
    // Finance looks at both, and marks it.
    let (own, other) = (node["id"].clone(), node["possibleDuplicates"][0]["id"].clone());
    for (input, reason) in [
        (json!({ "bankPaymentId": other, "duplicateOfId": own }), "ALREADY_MATCHED"),
        (json!({ "bankPaymentId": own, "duplicateOfId": own }), "VALIDATION"),
    ] {
        let answer = does(&app, "bankPaymentMarkDuplicate", input, "bankPayment { id }").await;
        if reason == "VALIDATION" {
            assert_eq!(answer.bad_fields(), ["input.duplicateOfId"]);
        } else {
            assert_eq!(answer.reason(), reason);
        }
    }
    let input = json!({ "bankPaymentId": own, "duplicateOfId": other });
    let done = does(
        &app,
        "bankPaymentMarkDuplicate",
        input.clone(),
        "bankPayment { status duplicateOf { id } exclusionReason }",
    )
    .await;
    assert_eq!(
        done["bankPaymentMarkDuplicate"]["bankPayment"],
        json!({ "status": "DUPLICATE", "duplicateOf": { "id": other }, "exclusionReason": "Samma pengar som BG 50501055 20261118 00074 490630170001" })
    );
    assert_eq!(
        does(&app, "bankPaymentMarkDuplicate", input, "bankPayment { id }").await.reason(),
        "DUPLICATE"
    );
    let again = json!({ "bankPaymentId": own, "invoiceId": id(&app, "20260001").await });
    assert_eq!(does(&app, "bankPaymentMatch", again, "id").await.reason(), "DUPLICATE");
    adds_up(&app).await;
});

on_both!(a_payment_recorded_manually_a_few_days_off_is_shown_and_linked, |app| async move {
    app.import(&LEDGER).await;
    let two = ocr(&app, "1002").await;
    pays(&app, "1002", "2026-11-16", "800.00", "kontoutdrag").await.data();
    assert_eq!(
        import(&app, "bg.txt", bgmax(&[payment(&two, 80_000, [])])).await,
        ["AMBIGUOUS 800.00"]
    );
    let document = "{ bankPayments { nodes { id possiblePayments { payment { id reference } invoice { number } } } } }";
    let node = app.finance().query(document).await["bankPayments"]["nodes"][0].clone();
    let shown = node["possiblePayments"][0].clone();
    assert_eq!(
        (&shown["payment"]["reference"], &shown["invoice"]["number"]),
        (&json!("kontoutdrag"), &json!("1002"))
    );
    let input = json!({ "bankPaymentId": node["id"], "invoiceId": id(&app, "1002").await, "recordedPaymentId": shown["payment"]["id"] });
    let done =
        does(&app, "bankPaymentMatch", input, "status matches { payment { reference } }").await;
    assert_eq!(
        done["bankPaymentMatch"],
        json!({ "status": "MATCHED", "matches": [{ "payment": { "reference": "kontoutdrag" } }] })
    );
    assert_eq!(paid(&app, "1002").await, json!({ "paid": "800.00", "overpaid": "0.00" }));
    adds_up(&app).await;
    // In the other order, the mutation must state that it is another payment.
    let own = json!({ "invoiceId": id(&app, "1002").await, "receivedOn": "2026-11-21", "amount": "800.00", "reference": "kontoutdrag 2" });
    assert_eq!(does(&app, "paymentRecord", own.clone(), "id").await.reason(), "POSSIBLE_DUPLICATE");
    let mut another = own;
    another["isDifferentPayment"] = json!(true);
    assert_eq!(
        does(&app, "paymentRecord", another, "overpaid").await["paymentRecord"]["overpaid"],
        "800.00"
    );
    // A week and a day off it is another payment, and two of them are a double payment.
    pays(&app, "1003", "2026-11-12", "1100.00", "kontoutdrag").await.data();
    let three = ocr(&app, "1003").await;
    let file = String::from_utf8(bgmax(&[payment(&three, 110_000, [])]))
        .unwrap()
        .replace("2026112000001", "2026112000002");
    assert_eq!(import(&app, "bg2.txt", file).await, ["OCR 1100.00 1003:1100.00"]);
    assert_eq!(paid(&app, "1003").await, json!({ "paid": "2200.00", "overpaid": "1100.00" }));
});

on_both!(money_that_is_matched_again_later_stays_where_it_was_reported, |app| async move {
    app.import(&LEDGER).await;
    let two = ocr(&app, "1002").await;
    let file = String::from_utf8(bgmax(&[payment(&two, 80_000, [])]))
        .unwrap()
        .replace("2026112000001", "2026091500001");
    import(&app, "bg.txt", file).await;
    let september = came_in(&app, "2026-09-01", "2026-09-30").await;
    assert_eq!(september, [("bip".to_owned(), "800.00".to_owned())]);
    let wrong = invoice(&app, "1002", "payments { id }").await["payments"][0]["id"].clone();
    does(
        &app,
        "paymentReverse",
        json!({ "paymentId": wrong, "reversedOn": "2026-10-05", "reason": "Fel faktura" }),
        "id",
    )
    .await
    .data();
    let own = waiting(&app).await[0]["id"].clone();
    let right = id(&app, "1001").await;
    let match_on = |booked_on: &str| json!({ "bankPaymentId": own, "invoiceId": right, "bookedOn": booked_on });
    for (booked_on, why) in [("2026-10-04", "before"), ("2026-11-22", "ahead")] {
        let input = match_on(booked_on);
        assert_eq!(
            does(&app, "bankPaymentMatch", input, "id").await.bad_fields(),
            ["input.bookedOn"],
            "{why}"
        );
    }
    let done = does(
        &app,
        "bankPaymentMatch",
        match_on("2026-10-06"),
        "matches { payment { receivedOn bookedOn amount } }",
    )
    .await;
    let matched = done["bankPaymentMatch"]["matches"].as_array().unwrap().clone();
    assert!(
        matched.contains(&json!({ "payment": { "receivedOn": "2026-09-15", "bookedOn": "2026-10-06", "amount": "800.00" } })),
        "{matched:?}"
    );
    // The payer paid in September, and September's report stays.
    assert_eq!(came_in(&app, "2026-09-01", "2026-09-30").await, september);
    let october: i64 = came_in(&app, "2026-10-01", "2026-10-31")
        .await
        .iter()
        .map(|(_, sum)| sum.replace('.', "").parse::<i64>().unwrap())
        .sum();
    assert_eq!(october, 0, "what was taken back came in again on another invoice");
    adds_up(&app).await;
});

on_both!(early_money_and_money_of_an_earlier_month_goes_out_and_comes_in_again, |app| async move {
    with_invoice(&app).await;
    // Before the day of issue; reported twice; recorded manually; and of an earlier month, so that
    // it is booked today.
    let (one, four) = (ocr(&app, "1001").await, ocr(&app, "1004").await);
    let early = String::from_utf8(bgmax(&[payment(&four, 100_000, [])]))
        .unwrap()
        .replace("2026112000001", "2026110100001");
    import(&app, "early.txt", early).await;
    import(&app, "bg.txt", as_bgmax()).await;
    import(&app, "camt.xml", CROSS).await;
    let late = String::from_utf8(bgmax(&[payment("Tack", 5_000, [])]))
        .unwrap()
        .replace("2026112000001", "2026082000009");
    import(&app, "late.txt", late).await;
    let all = waiting(&app).await;
    for (amount, number) in [("1000.00", "1004"), ("50.00", "1001")] {
        let input = json!({ "bankPaymentId": find(&all, amount)["id"], "invoiceId": id(&app, number).await });
        does(&app, "bankPaymentMatch", input, "status").await.data();
    }
    let booked =
        invoice(&app, "1001", "payments { receivedOn bookedOn }").await["payments"][0].clone();
    assert_eq!(booked, json!({ "receivedOn": "2026-08-20", "bookedOn": "2026-11-21" }), "{one}");

    let folder = tempfile::tempdir().unwrap();
    let out = |app: &App, folder: &std::path::Path| {
        let done = app.program().args(["export", folder.to_str().unwrap()]).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    out(&app, folder.path());
    let (other, second) = (App::sqlite().await, tempfile::tempdir().unwrap());
    let done = other.program().args(["import", folder.path().to_str().unwrap()]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    out(&other, second.path());
    for name in ["payments.csv", "bank_payments.csv"] {
        let text = |folder: &std::path::Path| std::fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!(text(second.path()), text(folder.path()), "{name}");
    }
    assert_eq!(duplicates(&other).await, duplicates(&app).await);
    assert_eq!(bank_payments(&other, "status: MATCHED").await.len(), 3);
    adds_up(&other).await;
    // And into the same register nothing changes.
    let before = app.revision().await;
    let done = app.program().args(["import", folder.path().to_str().unwrap()]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(app.revision().await, before);
});
