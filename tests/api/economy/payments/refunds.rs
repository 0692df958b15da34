//! Refunds: an overpayment ends on the day on which it is paid back, and earlier days stay as they
//! were.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    bank_fixtures::{
        OWN, bank_payments, bgmax, camt, entry, find, import, payment, try_import, waiting,
    },
    payment_fixtures::{LEDGER, adds_up, came_in, does, id, invoice, ocr, pays},
};

const DEBIT: &str = include_str!("../../../fixtures/bank/refund_debit.xml");

/// Returns the sum of each account of the bookkeeping file in these days, öre.
pub fn books(app: &App, from: &str, to: &str) -> BTreeMap<String, i64> {
    let folder = tempfile::tempdir().unwrap();
    let settings = OWN.replacen(
        "[network]\n",
        "[network]\nname = 'Nätverket'\norg_number = '802555-0008'\n",
        1,
    );
    std::fs::write(folder.path().join("samregister.toml"), settings).unwrap();
    let done = app
        .program()
        .current_dir(folder.path())
        .args(["sie", "--from", from, "--to", to])
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for line in String::from_utf8_lossy(&done.stdout).lines() {
        let Some(line) = line.strip_prefix("#TRANS ") else { continue };
        let (account, amount) = (line.split(' ').next().unwrap(), line.rsplit(' ').next().unwrap());
        *sums.entry(account.to_owned()).or_default() +=
            amount.replace('.', "").parse::<i64>().unwrap();
    }
    sums.retain(|_, sum| *sum != 0);
    sums
}

async fn refund(
    app: &App,
    number: &str,
    paid_on: &str,
    amount: &str,
    reference: &str,
) -> crate::support::caller::Answer {
    let input = json!({ "invoiceId": id(app, number).await, "paidOn": paid_on, "amount": amount, "reference": reference });
    does(
        app,
        "refundRecord",
        input,
        "invoice { status paid overpaid outstanding refunds { paidOn amount reference reverses { id } reason bankPayment { id } } }",
    )
    .await
}

on_both!(an_overpayment_that_is_paid_back_ends_and_nothing_earlier_changes, |app| async move {
    app.import(&LEDGER).await;
    pays(&app, "1002", "2026-10-20", "875.00", "BG-77").await.data();
    let october = came_in(&app, "2026-10-01", "2026-10-31").await;
    let late = invoice(&app, "1002", "daysLate").await;
    for (day, amount, reason) in [
        ("2026-10-19", "75.00", "input.paidOn"),
        ("2026-11-22", "75.00", "input.paidOn"),
        ("2026-11-20", "75.01", "input.amount"),
    ] {
        assert_eq!(
            refund(&app, "1002", day, amount, "UT-1").await.bad_fields(),
            [reason],
            "{day} {amount}"
        );
    }
    let bad = json!({ "invoiceId": id(&app, "1").await, "amount": "0.00", "reference": " " });
    assert_eq!(
        does(&app, "refundRecord", bad, "invoice { id }").await.bad_fields(),
        ["input.amount", "input.invoiceId", "input.paidOn", "input.reference"]
    );
    assert_eq!(refund(&app, "1003", "2026-11-20", "1.00", "UT-1").await.reason(), "NOT_OVERPAID");

    let before = app.revision().await;
    let done = refund(&app, "1002", "2026-11-20", "75.00", "UT-1").await;
    assert_eq!(
        done["refundRecord"]["invoice"],
        json!({ "status": "PAID", "paid": "800.00", "overpaid": "0.00", "outstanding": "0.00", "refunds": [
            { "paidOn": "2026-11-20", "amount": "75.00", "reference": "UT-1", "reverses": null, "reason": null, "bankPayment": null },
        ] })
    );
    assert_eq!(app.trail(before).await.len(), 2, "the invoice and its refund");
    assert_eq!(came_in(&app, "2026-10-01", "2026-10-31").await, october);
    assert_eq!(
        came_in(&app, "2026-11-01", "2026-11-30").await,
        [("-".to_owned(), "-75.00".to_owned())]
    );
    assert_eq!(invoice(&app, "1002", "daysLate").await, late, "it was paid when it was paid");
    assert_eq!(
        books(&app, "2026-10-20", "2026-10-31"),
        BTreeMap::from([("1930".into(), 87_500), ("1510".into(), -87_500)])
    );
    assert_eq!(
        books(&app, "2026-11-20", "2026-11-20"),
        BTreeMap::from([("1930".into(), -7_500), ("1510".into(), 7_500)])
    );
    adds_up(&app).await;

    let revision = app.revision().await;
    refund(&app, "1002", "2026-11-20", "75.00", "UT-1").await.data();
    assert_eq!(app.revision().await, revision, "the same again changes nothing");
    assert_eq!(
        refund(&app, "1002", "2026-11-20", "74.00", "UT-1").await.reason(),
        "REFUND_DIFFERS"
    );
    assert_eq!(refund(&app, "1002", "2026-11-20", "1.00", "UT-2").await.reason(), "NOT_OVERPAID");
});

on_both!(a_credited_invoice_that_was_paid_is_paid_back, |app| async move {
    app.import(&LEDGER).await;
    pays(&app, "1005", "2026-02-05", "125.00", "BG-1").await.data();
    let reported = invoice(&app, "1005", "status overpaid difference").await;
    assert_eq!(
        reported,
        json!({ "status": "CREDITED", "overpaid": "125.00", "difference": "OVERPAID" })
    );
    assert_eq!(
        refund(&app, "1005", "2026-02-09", "125.00", "UT-1").await.bad_fields(),
        ["input.paidOn"],
        "before it was credited"
    );
    refund(&app, "1005", "2026-03-01", "125.00", "UT-1").await.data();
    let reported =
        invoice(&app, "1005", "status overpaid paid credited before: status(asOf: \"2026-02-06\")")
            .await;
    assert_eq!(
        reported,
        json!({ "status": "CREDITED", "overpaid": "0.00", "paid": "0.00", "credited": "125.00", "before": "PAID" })
    );
    adds_up(&app).await;
});

on_both!(a_refund_by_mistake_is_reversed, |app| async move {
    app.import(&LEDGER).await;
    pays(&app, "1002", "2026-10-20", "875.00", "BG-77").await.data();
    refund(&app, "1002", "2026-11-10", "75.00", "UT-1").await.data();
    let own = invoice(&app, "1002", "refunds { id }").await["refunds"][0]["id"].clone();
    let bad = json!({ "refundId": own, "reversedOn": "2026-11-09", "reason": " " });
    assert_eq!(
        does(&app, "refundReverse", bad, "invoice { id }").await.bad_fields(),
        ["input.reason", "input.reversedOn"]
    );
    let input = json!({ "refundId": own, "reversedOn": "2026-11-12", "reason": "Kom tillbaka" });
    let done = does(
        &app,
        "refundReverse",
        input.clone(),
        "invoice { paid overpaid refunds { amount reference reason } }",
    )
    .await;
    assert_eq!(
        done["refundReverse"]["invoice"],
        json!({ "paid": "875.00", "overpaid": "75.00", "refunds": [
            { "amount": "75.00", "reference": "UT-1", "reason": null },
            { "amount": "-75.00", "reference": "UT-1 (återförd)", "reason": "Kom tillbaka" },
        ] })
    );
    assert_eq!(
        does(&app, "refundReverse", input, "invoice { id }").await.reason(),
        "REFUND_REVERSED"
    );
    assert_eq!(
        refund(&app, "1002", "2026-11-10", "75.00", "UT-1").await.reason(),
        "REFUND_REVERSED"
    );
    adds_up(&app).await;
    refund(&app, "1002", "2026-11-20", "75.00", "UT-2").await.data();
    adds_up(&app).await;
});

on_both!(an_outgoing_row_of_the_banks_file_is_a_refund, |app| async move {
    app.import(&LEDGER).await;
    pays(&app, "1002", "2026-11-10", "875.00", "BG-1").await.data();
    pays(&app, "1003", "2026-11-10", "1160.00", "BG-2").await.data();
    let out = |sum: &str, reference: &str, words: &str| {
        let rest = format!(
            "<AcctSvcrRef>{reference}</AcctSvcrRef><NtryDtls><TxDtls><RmtInf><Ustrd>{words}</Ustrd></RmtInf></TxDtls></NtryDtls>"
        );
        entry("DBIT", sum, &rest)
    };
    // Named by its number with just what is overpaid; and salaries, of which the register stores
    // nothing.
    let file = camt(
        "<Id>N</Id>",
        &[
            out("75.00", "U-1", "Återbetalning faktura 1002"),
            out("25000.00", "U-2", "Lön november"),
        ]
        .concat(),
    );
    let report = try_import(&app, "a.xml", &file).await.unwrap();
    assert_eq!((report.outcomes.len(), report.passed_over), (1, 1));
    assert_eq!(report.outcomes[0].refunded.as_deref(), Some("1002"));
    let reported =
        invoice(&app, "1002", "paid overpaid refunds { paidOn amount bankPayment { id } }").await;
    let rows = bank_payments(&app, "").await;
    assert_eq!(
        reported,
        json!({ "paid": "800.00", "overpaid": "0.00", "refunds": [{ "paidOn": "2026-11-18", "amount": "75.00", "bankPayment": { "id": rows[0]["id"] } }] })
    );
    assert_eq!(
        (&rows[0]["status"], &rows[0]["exclusionReason"]),
        (&json!("EXCLUDED"), &json!("Återbetalning: faktura 1002"))
    );
    let before = app.revision().await;
    assert_eq!(
        import(&app, "b.xml", &file).await,
        Vec::<String>::new(),
        "there is nothing more to pay back"
    );
    assert_eq!(app.revision().await, before);
    adds_up(&app).await;

    // A row that says nothing, of the sum of an overpayment: finance says what it is.
    assert_eq!(import(&app, "c.xml", DEBIT).await, ["NOT_INCOMING -60.00"]);
    let row = waiting(&app).await[0]["id"].clone();
    let third = id(&app, "1003").await;
    let bad = json!({ "invoiceId": third, "bankPaymentId": row, "amount": "60.00" });
    assert_eq!(
        does(&app, "refundRecord", bad, "invoice { id }").await.bad_fields(),
        ["input.amount"]
    );
    assert_eq!(
        does(&app, "bankPaymentMatch", json!({ "bankPaymentId": row, "invoiceId": third }), "id")
            .await
            .reason(),
        "NOT_INCOMING"
    );
    let matched = json!({ "invoiceId": third, "bankPaymentId": row });
    let done = does(
        &app,
        "refundRecord",
        matched.clone(),
        "invoice { overpaid refunds { paidOn amount reference } }",
    )
    .await;
    let reference = "CAMT SE4550000000058398257466 20261120 E10";
    assert_eq!(
        done["refundRecord"]["invoice"],
        json!({ "overpaid": "0.00", "refunds": [{ "paidOn": "2026-11-20", "amount": "60.00", "reference": reference }] })
    );
    assert_eq!(does(&app, "refundRecord", matched, "invoice { id }").await.reason(), "EXCLUDED");
    assert_eq!(
        does(&app, "bankPaymentReopen", json!({ "bankPaymentId": row }), "id").await.reason(),
        "IS_REFUND"
    );
    assert_eq!(waiting(&app).await, Vec::<Value>::new());
    // 1930 has what went out once.
    assert_eq!(
        books(&app, "2026-11-18", "2026-11-20"),
        BTreeMap::from([("1930".into(), -13_500), ("1510".into(), 13_500)])
    );
    adds_up(&app).await;
});

on_both!(
    a_row_whose_refund_was_reversed_stands_on_the_observation_account_and_is_recorded_again,
    |app| async move {
        app.import(&LEDGER).await;
        pays(&app, "1002", "2026-11-10", "875.00", "BG-1").await.data();
        let rest = "<AcctSvcrRef>U-1</AcctSvcrRef><NtryDtls><TxDtls><RmtInf><Ustrd>1002</Ustrd></RmtInf></TxDtls></NtryDtls>";
        import(&app, "a.xml", camt("<Id>N</Id>", &entry("DBIT", "75.00", rest))).await;
        let sums = |sums: &[(&str, i64)]| {
            sums.iter()
                .map(|(account, sum)| ((*account).to_owned(), *sum))
                .collect::<BTreeMap<_, _>>()
        };
        let paid_back = sums(&[("1510", 7_500), ("1930", -7_500)]);
        assert_eq!(books(&app, "2026-11-18", "2026-11-18"), paid_back);
        let own = invoice(&app, "1002", "refunds { id }").await["refunds"][0]["id"].clone();
        let input = json!({ "refundId": own, "reversedOn": "2026-11-20", "reason": "Fel faktura" });
        does(&app, "refundReverse", input, "invoice { id }").await.data();
        // The bank's account equals the statement every day.
        assert_eq!(books(&app, "2026-11-18", "2026-11-18"), paid_back);
        assert_eq!(
            books(&app, "2026-11-20", "2026-11-20"),
            sums(&[("1510", -7_500), ("2890", 7_500)])
        );
        let row = waiting(&app).await[0].clone();
        assert_eq!((&row["status"], &row["amount"]), (&json!("PENDING"), &json!("-75.00")));

        // It can be recorded again, and again after another reversal.
        for nth in 2..=3 {
            let again = json!({ "invoiceId": id(&app, "1002").await, "bankPaymentId": row["id"] });
            let done = does(
                &app,
                "refundRecord",
                again,
                "invoice { overpaid refunds { id paidOn reference reverses { id } } }",
            )
            .await;
            assert_eq!(done["refundRecord"]["invoice"]["overpaid"], "0.00");
            let refunds = done["refundRecord"]["invoice"]["refunds"].as_array().unwrap().clone();
            let reference = format!("CAMT SE4550000000058398257466 20261118 U-1 nr {nth}");
            let own = refunds.iter().find(|own| own["reference"] == reference.as_str()).unwrap();
            assert_eq!((&own["paidOn"], waiting(&app).await.len()), (&json!("2026-11-18"), 0));
            assert_eq!(books(&app, "2026-11-18", "2026-11-18"), paid_back);
            assert_eq!(
                books(&app, "2026-11-18", "2026-11-21"),
                paid_back,
                "nothing is left on the observation account"
            );
            adds_up(&app).await;
            if nth == 2 {
                does(
                    &app,
                    "refundReverse",
                    json!({ "refundId": own["id"], "reason": "Fel" }),
                    "invoice { id }",
                )
                .await
                .data();
            }
        }
    }
);

on_both!(refunds_go_out_with_the_files_and_come_in_again, |app| async move {
    app.import(&LEDGER).await;
    pays(&app, "1002", "2026-11-10", "875.00", "BG-1").await.data();
    pays(&app, "1001", "2026-11-10", "1855.50", "BG-2").await.data();
    let rest = "<AcctSvcrRef>U-1</AcctSvcrRef><NtryDtls><TxDtls><RmtInf><Ustrd>1002</Ustrd></RmtInf></TxDtls></NtryDtls>";
    import(&app, "a.xml", camt("<Id>N</Id>", &entry("DBIT", "75.00", rest))).await;
    let own = invoice(&app, "1002", "refunds { id }").await["refunds"][0]["id"].clone();
    does(&app, "refundReverse", json!({ "refundId": own, "reason": "Studsade" }), "invoice { id }")
        .await
        .data();
    refund(&app, "1002", "2026-11-21", "75.00", "UT-2").await.data();
    let out = |app: &App, folder: &Path| {
        let done = app.program().args(["export", folder.to_str().unwrap()]).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    out(&app, first.path());
    let text = |folder: &Path| std::fs::read_to_string(folder.join("adjustments.csv")).unwrap();
    assert_eq!(
        text(first.path()).lines().count(),
        1 + 4,
        "a refund, its reversal, another, and a write-off: {}",
        text(first.path())
    );
    let other = App::sqlite().await;
    for app in [&app, &other] {
        let done = app.program().args(["import", first.path().to_str().unwrap()]).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        adds_up(app).await;
    }
    out(&other, second.path());
    for name in ["adjustments.csv", "payments.csv", "bank_payments.csv", "invoices.csv"] {
        let text = |folder: &Path| std::fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!(text(second.path()), text(first.path()), "{name}");
    }
    let selection = "paid overpaid writtenOff status refunds { amount } writeOffs { amount }";
    for number in ["1001", "1002"] {
        assert_eq!(
            invoice(&other, number, selection).await,
            invoice(&app, number, selection).await,
            "{number}"
        );
    }
    for (row, why) in [
        ("b,REFUND,2026-11-21,74.00,UT-2,,,,", "adjustments never change"),
        ("b,REFUND,2026-11-21,-75.00,X,,,,", "must be above zero"),
        ("b,REFUND,2026-11-21,-74.00,X,,UT-2,Fel,", "all of what it reverses"),
        ("b,REFUND,2026-11-21,1.00,X,finns inte,,,", "no bank payment"),
        ("draft,REFUND,2026-11-21,1.00,X,,,,", "issued invoice"),
    ] {
        let header =
            "invoice,kind,dated_on,amount,reference,bank_payment,reverses,reason,booked_on";
        let error = app
            .try_import(&[("adjustments.csv", &format!("{header}\n{row}\n"))])
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(why), "{row}: {error}");
    }
});

on_both!(what_differs_has_a_name_in_the_report_and_in_filters, |app| async move {
    app.import(&LEDGER).await;
    let (two, three, four) =
        (ocr(&app, "1002").await, ocr(&app, "1003").await, ocr(&app, "1004").await);
    let one = ocr(&app, "1001").await;
    let posts = [
        payment(&two, 80_000, []),
        payment(&two, 80_000, []),
        payment(&three, 1_100_000, []),
        payment(&four, 100_200, []),
        // Written off at once, and named all the same.
        payment(&one, 185_500, []),
    ];
    let report = try_import(&app, "bg.txt", bgmax(&posts)).await.unwrap();
    let words: Vec<_> = report
        .outcomes
        .iter()
        .map(|own| own.booked[0].difference.map(|difference| difference.word()))
        .collect();
    assert_eq!(
        words,
        [None, Some("PAID_TWICE"), Some("PAID_DOUBLE_OR_MORE"), Some("OVERPAID"), Some("ORE_ONLY")]
    );
    let listed = async |filter: &str| {
        let document = format!(
            "{{ invoices(first: 200, filter: {{ {filter} }}) {{ totalCount nodes {{ number difference overpaid }} }} }}"
        );
        app.finance().query(&document).await["invoices"]["nodes"].as_array().unwrap().clone()
    };
    let all = listed("kind: INVOICE").await;
    for difference in ["OVERPAID", "PAID_TWICE", "PAID_DOUBLE_OR_MORE", "ORE_ONLY"] {
        let expected: Vec<&Value> =
            all.iter().filter(|node| node["difference"] == difference).collect();
        assert_eq!(
            listed(&format!("difference: [{difference}]")).await.iter().collect::<Vec<_>>(),
            expected,
            "{difference}"
        );
    }
    let overpaid: Vec<Value> =
        all.iter().filter(|node| node["overpaid"] != "0.00").cloned().collect();
    assert_eq!((listed("overpaid: true").await, overpaid.len()), (overpaid, 3));
    assert_eq!(listed("kind: INVOICE, overpaid: false").await.len(), all.len() - 3);
    assert_eq!(find(&bank_payments(&app, "").await, "1002.00")["status"], "MATCHED");
    // The same as a list for those who pay it back.
    let run = |line: &str| {
        let done = app.program().args(line.split(' ')).output().unwrap();
        assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    let rows = |line: &str| {
        let of = |row: &str| {
            let cells: Vec<&str> = row.split(',').collect();
            format!("{} {} {}", cells[0], cells[15], cells[16])
        };
        run(line).lines().skip(1).map(of).collect::<Vec<_>>()
    };
    let (two, three, four) =
        ("1002 800.00 PAID_TWICE", "1003 9900.00 PAID_DOUBLE_OR_MORE", "1004 2.00 OVERPAID");
    assert_eq!(rows("invoices report --overpaid --format csv"), [two, three, four]);
    assert_eq!(
        rows("invoices report --difference far-too-much,overpaid --format csv"),
        [three, four]
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("att-betala-tillbaka.xlsx");
    run(&format!("invoices report --overpaid --output {}", file.display()));
    let words = crate::support::validators::part(&file, "xl/sharedStrings.xml");
    for word in
        ["Överbetalt", "Avvikelse", "Betald två gånger", "Betald dubbelt eller mer", "Överbetald"]
    {
        assert!(words.contains(&format!(">{word}<")), "{word}: {words}");
    }
});
