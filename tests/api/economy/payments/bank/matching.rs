//! Matching of payments: the same payment in several files, and the invoice that it pays.

use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    bank_fixtures::{
        BGMAX, CAMT_02, SERIAL, bank_payments, bgmax, camt, deduction, entry, errors, extra, find,
        import, latin, payment, text, try_import, waiting,
    },
    lifecycle_fixtures::raw,
    payment_fixtures::{LEDGER, adds_up, does, id, invoice, ocr, pays},
};

/// An invoice of 5 000.00, numbered 1006, of which credit note 2 takes off 1 000.00.
const CREDITED: [(&str, &str); 2] = [
    (
        "invoices.csv",
        "key,number,kind,buyer,issued_on,due_on,credits\nf,1006,INVOICE,gavle,2026-11-01,2026-12-01,\nk,2,CREDIT_NOTE,gavle,2026-11-05,,f\n",
    ),
    (
        "invoice_lines.csv",
        "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\n\
         f,Serviceavgift,,,,,1,5000.00,OUTSIDE_SCOPE\nk,Serviceavgift,,,,,1,1000.00,OUTSIDE_SCOPE\n",
    ),
];

/// Gävle's bankgiro, and that of a third party.
const SENDER: u64 = 3_783_511;
const OTHER: u64 = 991_234;

async fn paid(app: &App, number: &str) -> Value {
    invoice(app, number, "status paid outstanding overpaid").await
}

on_both!(an_entry_without_transactions_is_known_again, |app| async move {
    app.import(&LEDGER).await;
    import(&app, "a.xml", CAMT_02).await;
    let all = bank_payments(&app, "").await;
    assert_eq!(
        find(&all, "111.00")["bankReference"],
        "CAMT SE4550000000058398257466 20261118 ENTRY-78"
    );
    let input =
        json!({ "bankPaymentId": find(&all, "111.00")["id"], "invoiceId": id(&app, "1003").await });
    does(&app, "bankPaymentMatch", input, "status").await.data();
    // As an export writes it.
    let row = "invoice,received_on,amount,reference\nc,2026-11-18,111.00,CAMT SE4550000000058398257466 20261118 ENTRY-78\n";
    let before = app.revision().await;
    app.import(&[("payments.csv", row)]).await;
    assert_eq!(app.revision().await, before);
    assert_eq!(invoice(&app, "1003", "paid").await["paid"], "111.00");
});

on_both!(references_that_ended_in_a_blank_are_mended, |app| async move {
    app.import(&LEDGER).await;
    import(&app, "a.xml", CAMT_02).await;
    let before = bank_payments(&app, "").await;
    let unlocked = if app.url().starts_with("sqlite:") {
        "DROP TRIGGER bank_payment__told"
    } else {
        "ALTER TABLE bank_payment DISABLE TRIGGER bank_payment__told"
    };
    for sql in [
        unlocked,
        "UPDATE bank_payment SET bank_reference = bank_reference || ' '",
        "UPDATE payment SET reference = reference || ' '",
        "DELETE FROM seaql_migrations WHERE version = 'm2026_11_22_09_bank_deductions'",
    ] {
        raw(&app, sql).await.unwrap();
    }
    assert_eq!(app.db.migrate(app.clock.now()).await.unwrap(), ["m2026_11_22_09_bank_deductions"]);
    // On SQLite that migration makes the table again, without the columns that it has got since.
    if app.url().starts_with("sqlite:") {
        for sql in [
            "ALTER TABLE bank_payment ADD COLUMN entry_reference text",
            "ALTER TABLE bank_payment ADD COLUMN duplicate_of_id BLOB REFERENCES bank_payment (id)",
            "ALTER TABLE bank_payment ADD COLUMN posted_on TEXT",
        ] {
            raw(&app, sql).await.unwrap();
        }
    }
    assert_eq!(bank_payments(&app, "").await, before);
    assert!(import(&app, "b.xml", CAMT_02).await.iter().all(|fate| fate.starts_with("again ")));
    assert!(raw(&app, "UPDATE bank_payment SET amount = amount + 1").await.is_err());
    adds_up(&app).await;
});

on_both!(a_number_within_a_notification_is_no_reference_of_the_bank, |app| async move {
    app.import(&LEDGER).await;
    let of = |notification: &str| {
        let transaction = "<NtryRef>1</NtryRef><NtryDtls><TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs></TxDtls></NtryDtls>";
        camt(notification, &entry("CRDT", "100.00", transaction))
    };
    assert_eq!(import(&app, "1.xml", of("<Id>20261118-1</Id>")).await, ["NO_REFERENCE 100.00"]);
    assert_eq!(
        import(&app, "2.xml", of("<Id>20261118-2</Id>")).await,
        ["NO_REFERENCE 100.00"],
        "another one of the same day and sum"
    );
    assert_eq!(
        import(&app, "3.xml", of("<Id>20261118-1</Id>")).await,
        ["again NO_REFERENCE 100.00"]
    );
    let found = errors(&app, "4.xml", of("")).await;
    assert!(found[0].contains("without a reference of the bank"), "{found:?}");
    // What payers call their payments is theirs, and several may call them the same.
    let twice = entry("CRDT", "100.00", "<NtryRef>1</NtryRef>").repeat(2);
    let file = camt("<Id>N</Id>", &twice);
    assert_eq!(import(&app, "5.xml", &file).await, ["NO_REFERENCE 100.00"; 2]);
    assert_eq!(import(&app, "6.xml", &file).await, ["again NO_REFERENCE 100.00"; 2]);
    assert_eq!(waiting(&app).await.len(), 4);
    // The bank's own reference is the same in every notification.
    let own = |notification: &str| {
        camt(
            notification,
            &entry("CRDT", "7.00", "<NtryRef>1</NtryRef><AcctSvcrRef>E-9</AcctSvcrRef>"),
        )
    };
    assert_eq!(import(&app, "7.xml", own("<Id>A</Id>")).await, ["NO_REFERENCE 7.00"]);
    assert_eq!(import(&app, "8.xml", own("<Id>B</Id>")).await, ["again NO_REFERENCE 7.00"]);
});

on_both!(a_transaction_says_in_which_direction_it_went, |app| async move {
    let transactions = |own: &[(&str, &str, &str)]| -> String {
        own.iter()
            .map(|(direction, sum, reference)| {
                format!(
                    "<TxDtls><Refs><AcctSvcrRef>{reference}</AcctSvcrRef></Refs><Amt Ccy=\"SEK\">{sum}</Amt><CdtDbtInd>{direction}</CdtDbtInd></TxDtls>"
                )
            })
            .collect()
    };
    let details = |own: &[(&str, &str, &str)]| {
        format!(
            "<NtryDtls><Btch><NbOfTxs>{}</NbOfTxs></Btch>{}</NtryDtls>",
            own.len(),
            transactions(own)
        )
    };
    let entries = [
        // A batch that is less than its payments, in two parts that each say how many they are.
        entry(
            "CRDT",
            "90.00",
            &[
                details(&[("CRDT", "60.00", "A"), ("CRDT", "40.00", "B")]),
                details(&[("DBIT", "10.00", "C")]),
            ]
            .concat(),
        ),
        // One that comes to a payment out.
        entry("DBIT", "5.00", &details(&[("CRDT", "20.00", "D"), ("DBIT", "25.00", "E")])),
        // A reversal, reported in the direction of the original, and a payment out.
        entry(
            "DBIT",
            "3.00",
            &format!("<RvslInd>true</RvslInd>{}", details(&[("CRDT", "3.00", "F")])),
        ),
        entry("DBIT", "4.00", &details(&[("DBIT", "4.00", "G")])),
    ];
    let report = try_import(&app, "a.xml", camt("<Id>N</Id>", &entries.concat())).await.unwrap();
    let sums: Vec<String> =
        report.outcomes.iter().map(|outcome| outcome.row.amount.to_string()).collect();
    assert_eq!(sums, ["60.00", "40.00", "-10.00", "20.00", "-25.00", "-3.00"]);
    assert_eq!(report.passed_over, 1);
    assert_eq!(report.accounts.iter().collect::<Vec<_>>(), ["SE4550000000058398257466"]);
    let wrong = camt(
        "<Id>N</Id>",
        &entry("CRDT", "100.00", &details(&[("CRDT", "60.00", "A"), ("DBIT", "40.00", "B")])),
    );
    assert!(
        errors(&app, "b.xml", wrong).await[0]
            .contains("has an entry of 100.00, but its transactions come to 20.00")
    );
});

on_both!(the_day_of_a_payment_is_the_one_in_sweden, |app| async move {
    for (nth, (at, day)) in [
        ("<Dt>2026-11-18+01:00</Dt>", "2026-11-18"),
        ("<DtTm>2026-11-17T23:30:00Z</DtTm>", "2026-11-18"),
        ("<DtTm>2026-11-18T00:30:00+02:00</DtTm>", "2026-11-17"),
        ("<DtTm>2026-06-30T22:30:00.5+00:00</DtTm>", "2026-07-01"),
        ("<DtTm>2026-11-18T23:30:00</DtTm>", "2026-11-18"),
    ]
    .into_iter()
    .enumerate()
    {
        let file = camt(
            "<Id>N</Id>",
            &entry(
                "CRDT",
                "1.00",
                &format!("<BookgDt>{at}</BookgDt><AcctSvcrRef>R{nth}</AcctSvcrRef>"),
            ),
        );
        let report = try_import(&app, "a.xml", file).await.unwrap();
        assert_eq!(report.outcomes[0].row.booked_on.to_string(), day, "{at}");
    }
});

on_both!(a_deduction_is_taken_off_what_the_same_payer_pays, |app| async move {
    app.import(&LEDGER).await;
    app.import(&CREDITED).await;
    let (own, other) = (ocr(&app, "1006").await, ocr(&app, "1002").await);
    let file = bgmax(&[
        payment(&own, 500_000, []).of(SENDER),
        payment(&other, 80_000, []).of(OTHER),
        deduction(SENDER, "2", 100_000),
    ]);
    assert_eq!(
        import(&app, "bg.txt", &file).await,
        ["OCR 5000.00 1006:4000.00", "CREDIT_NOTE -1000.00", "OCR 800.00 1002:800.00"]
    );
    assert_eq!(
        paid(&app, "1006").await,
        json!({ "status": "PAID", "paid": "4000.00", "outstanding": "0.00", "overpaid": "0.00" })
    );
    assert_eq!(waiting(&app).await, Vec::<Value>::new());
    let all = bank_payments(&app, "status: [EXCLUDED, DUPLICATE]").await;
    for (amount, left) in [("5000.00", "1000.00"), ("-1000.00", "-1000.00")] {
        let row = find(&all, amount);
        assert_eq!(
            (&row["remaining"], &row["exclusionReason"]),
            (&json!(left), &json!("Avdrag: kreditfaktura 2"))
        );
    }
    let before = app.revision().await;
    assert!(import(&app, "igen.txt", &file).await.iter().all(|fate| fate.starts_with("again ")));
    assert_eq!(app.revision().await, before);
    adds_up(&app).await;
});

on_both!(a_number_in_a_text_is_believed_with_what_was_deducted, |app| async move {
    app.import(&LEDGER).await;
    app.import(&CREDITED).await;
    let file =
        bgmax(&[deduction(SENDER, "2", 100_000), payment("Faktura 1006", 500_000, []).of(SENDER)]);
    assert_eq!(
        import(&app, "bg.txt", file).await,
        ["CREDIT_NOTE -1000.00", "NUMBER 5000.00 1006:4000.00"]
    );
    adds_up(&app).await;
});

on_both!(a_further_reference_may_be_a_credit_note, |app| async move {
    app.import(&LEDGER).await;
    app.import(&CREDITED).await;
    let own = ocr(&app, "1006").await;
    let uses = |note: &str, ore: i64| {
        payment("", 500_000 - ore, [extra("22", &own, 500_000), extra("23", note, ore)]).of(SENDER)
    };
    // None that there is, more than it is worth, and just right.
    let file = bgmax(&[uses("3", 100_000), uses("2", 100_001), uses("2", 100_000)]);
    let done = import(&app, "bg.txt", file).await;
    assert_eq!(done, ["DEDUCTION 4000.00", "DEDUCTION 3999.99", "REFERENCES 4000.00 1006:4000.00"]);
    assert_eq!(paid(&app, "1006").await["status"], "PAID");
    adds_up(&app).await;
});

on_both!(
    what_a_payer_deducts_without_a_credit_note_lets_all_of_its_payments_wait,
    |app| async move {
        app.import(&LEDGER).await;
        app.import(&CREDITED).await;
        let (own, other, third) =
            (ocr(&app, "1006").await, ocr(&app, "1002").await, ocr(&app, "1003").await);
        let file = bgmax(&[
            payment(&own, 500_000, []).of(SENDER),
            payment(&third, 110_000, []).of(OTHER),
            payment(&other, 80_000, []).of(SENDER),
            // The note of an invoice that is not paid here.
            deduction(SENDER, "1", 12_500),
        ]);
        assert_eq!(
            import(&app, "bg.txt", file).await,
            [
                "DEDUCTION 5000.00",
                "DEDUCTION 800.00",
                "DEDUCTION -125.00",
                "OCR 1100.00 1003:1100.00"
            ]
        );
        assert_eq!(waiting(&app).await.len(), 3);
        let all = waiting(&app).await;
        let refused = json!({ "bankPaymentId": find(&all, "-125.00")["id"], "invoiceId": id(&app, "1006").await });
        assert_eq!(
            does(&app, "bankPaymentMatch", refused, "status").await.reason(),
            "NOT_INCOMING"
        );
        let less = json!({ "bankPaymentId": find(&all, "5000.00")["id"], "invoiceId": id(&app, "1006").await, "amount": "4000.00" });
        assert_eq!(
            does(&app, "bankPaymentMatch", less, "remaining").await["bankPaymentMatch"]["remaining"],
            "1000.00"
        );
        adds_up(&app).await;
    }
);

on_both!(a_further_reference_belongs_to_the_payment_before_it, |app| async move {
    let sample = text();
    let line = sample.lines().position(|line| line.starts_with("22")).unwrap();
    for (from, to) in [(2, "0000991234"), (57, "490630179999")] {
        let mut lines: Vec<String> = sample.lines().map(str::to_owned).collect();
        lines[line].replace_range(from..from + to.len(), to);
        let found = errors(&app, "bg.txt", latin(&(lines.join("\n") + "\n"))).await;
        assert_eq!(
            found,
            [format!(
                "bg.txt:{}: is a reference of another payment than the one before it: sender or serial number differ",
                line + 1
            )]
        );
    }
});

on_both!(what_was_recorded_manually_is_not_booked_again, |app| async move {
    app.import(&LEDGER).await;
    let ocr = ocr(&app, "1002").await;
    let serial = |nth: usize| (SERIAL + nth).to_string();
    let references = [
        format!("BG 50501055 20261120 00001 {}", serial(0)),
        serial(1),
        format!("00{}", serial(2)),
        ocr.clone(),
        "Kontoutdrag".to_owned(),
    ];
    for (nth, reference) in references.iter().enumerate() {
        pays(&app, "1002", "2026-11-20", &format!("{}0.00", nth + 1), reference).await.data();
    }
    // And one of the same sum and day as the last that no one recorded.
    let posts: Vec<_> = (1..=5).chain([5]).map(|nth| payment(&ocr, nth * 1000, [])).collect();
    let done = import(&app, "bg.txt", bgmax(&posts)).await;
    assert_eq!(done[..2], ["OCR 10.00 1002:10.00", "OCR 20.00 1002:20.00"]);
    assert_eq!(paid(&app, "1002").await["paid"], "200.00", "150.00 manually and 50.00 by the file");
    for row in bank_payments(&app, "status: MATCHED").await {
        let (reported, reference) = (
            row["bankReference"].as_str().unwrap(),
            row["matches"][0]["payment"]["reference"].as_str().unwrap(),
        );
        let nth: usize = reported.rsplit(' ').next().unwrap().parse::<usize>().unwrap() - SERIAL;
        assert_eq!(reference, references.get(nth).map_or(reported, String::as_str));
    }
    assert_eq!(waiting(&app).await, Vec::<Value>::new());
    adds_up(&app).await;
});

on_both!(what_was_recorded_manually_is_known_by_a_number_in_a_text_too, |app| async move {
    app.import(&LEDGER).await;
    pays(&app, "1001", "2026-11-19", "1855.99", "Kontoutdrag").await.data();
    assert_eq!(import(&app, "bg.txt", BGMAX).await[3], "NUMBER 1855.99 1001:1855.99");
    assert_eq!(paid(&app, "1001").await["overpaid"], "0.00");
    adds_up(&app).await;
});

on_both!(users_choose_among_several_that_are_alike, |app| async move {
    app.import(&LEDGER).await;
    pays(&app, "1002", "2026-11-18", "800.00", "Kontoutdrag 1").await.data();
    pays(&app, "1002", "2026-11-18", "800.00", "Kontoutdrag 2").await.data();
    // One that has the bank's reference, with another sum.
    pays(&app, "1001", "2026-11-19", "1800.00", "490630174263").await.data();
    let done = import(&app, "bg.txt", BGMAX).await;
    assert_eq!((done[0].as_str(), done[3].as_str()), ("AMBIGUOUS 800.00", "AMBIGUOUS 1855.99"));
    assert_eq!(paid(&app, "1002").await["paid"], "1600.00");
    // Matched manually, one of them is taken for it.
    let all = waiting(&app).await;
    let input =
        json!({ "bankPaymentId": find(&all, "800.00")["id"], "invoiceId": id(&app, "1002").await });
    assert_eq!(
        does(&app, "bankPaymentMatch", input, "status").await["bankPaymentMatch"]["status"],
        "MATCHED"
    );
    assert_eq!(paid(&app, "1002").await["paid"], "1600.00");
    adds_up(&app).await;
});

on_both!(what_a_file_reported_is_not_recorded_manually_again, |app| async move {
    app.import(&LEDGER).await;
    import(&app, "bg.txt", BGMAX).await;
    let before = app.revision().await;
    assert_eq!(
        pays(&app, "1002", "2026-11-18", "800.00", "490630174260").await["paymentRecord"]["paid"],
        "800.00"
    );
    assert_eq!(app.revision().await, before);
    assert_eq!(
        pays(&app, "1002", "2026-11-18", "1.00", "490630174260").await["paymentRecord"]["paid"],
        "801.00",
        "another sum is another one"
    );
});

on_both!(an_ocr_reference_in_a_text_is_believed_when_the_sum_is_right, |app| async move {
    app.import(&LEDGER).await;
    let (one, two, three) =
        (ocr(&app, "1001").await, ocr(&app, "1002").await, ocr(&app, "1003").await);
    let says = |words: String, ore: i64| payment("", ore, [format!("25{words}")]);
    let spaced = format!("{} {}", &three[..3], &three[3..]);
    let file = bgmax(&[
        says(format!("Betalning OCR:{two}, tack"), 80_000),
        says(spaced, 110_000),
        says(one.clone(), 185_598),
        says(format!("{one} {two}"), 185_599),
    ]);
    assert_eq!(
        import(&app, "bg.txt", file).await,
        [
            "OCR 800.00 1002:800.00",
            "OCR 1100.00 1003:1100.00",
            "AMOUNT_DIFFERS 1855.98",
            "AMBIGUOUS 1855.99"
        ]
    );
    let words = format!(
        "<AcctSvcrRef>E</AcctSvcrRef><NtryDtls><TxDtls><RmtInf><Ustrd>OCR {one}</Ustrd></RmtInf></TxDtls></NtryDtls>"
    );
    assert_eq!(
        import(&app, "a.xml", camt("<Id>N</Id>", &entry("CRDT", "1855.99", &words))).await,
        ["OCR 1855.99 1001:1855.99"]
    );
    adds_up(&app).await;
});

on_both!(money_that_came_before_the_invoice_counts_from_its_day_of_issue, |app| async move {
    app.import(&LEDGER).await;
    let four = ocr(&app, "1004").await;
    let early = String::from_utf8(bgmax(&[payment(&four, 100_000, [])]))
        .unwrap()
        .replace("2026112000001", "2026110100001");
    assert_eq!(import(&app, "bg.txt", early).await, ["BEFORE_ISSUE 1000.00"]);
    let waits = waiting(&app).await;
    let input = json!({ "bankPaymentId": waits[0]["id"], "invoiceId": id(&app, "1004").await });
    let selection = "status receivedOn matches { payment { receivedOn } }";
    assert_eq!(
        does(&app, "bankPaymentMatch", input, selection).await["bankPaymentMatch"],
        json!({ "status": "MATCHED", "receivedOn": "2026-11-01", "matches": [{ "payment": { "receivedOn": "2026-11-02" } }] })
    );
    assert_eq!(paid(&app, "1004").await["status"], "PAID");
    adds_up(&app).await;
});
