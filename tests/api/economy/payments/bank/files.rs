//! Files of the bank: their payments are booked once, payments that can't be matched are stored,
//! and a bad file changes nothing.

use std::{fs, path::Path};

use domain::{auth::viewer::Viewer, config::Network, error::ErrorCode, interchange::bank};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    bank_fixtures::{
        BGMAX, CAMT_02, CAMT_08, OWN, bank_payments, bgmax, errors, extra, find, import, latin,
        payment, text, try_import, waiting,
    },
    payment_fixtures::{LEDGER, adds_up, invoice, ocr},
};

on_both!(bgmax_is_booked_by_references_and_numbers, |app| async move {
    app.import(&LEDGER).await;
    let before = app.revision().await;
    let done = import(&app, "bg.txt", BGMAX).await;
    assert_eq!(
        done,
        [
            "OCR 800.00 1002:800.00",
            "REFERENCES 2100.00 1003:1100.00 1004:1000.00",
            "DEDUCTION -50.00",
            "NUMBER 1855.99 1001:1855.99",
            "NO_REFERENCE 10.00",
            "UNKNOWN_REFERENCE 50.00",
        ]
    );
    for number in ["1001", "1002", "1003", "1004"] {
        assert_eq!(
            invoice(&app, number, "status outstanding overpaid").await,
            json!({ "status": "PAID", "outstanding": "0.00", "overpaid": "0.00" }),
            "{number}"
        );
    }
    let trail = app.trail(before).await;
    assert!(trail.iter().all(|entry| entry["action"] == "bankFileImport"
        && entry["actor"] == "samregister payments import"));
    assert_eq!(
        trail.len(),
        4 + 6 + 4,
        "an entry for each invoice, each bank payment, and each payment that is part of one"
    );
    assert_eq!(
        trail.iter().filter(|entry| entry["subject"]["__typename"] == "BankPayment").count(),
        6 + 4
    );

    let all = bank_payments(&app, "").await;
    let gavle = find(&all, "800.00");
    assert_eq!(
        (
            &gavle["payerName"],
            &gavle["payerOrgNumber"],
            &gavle["account"],
            &gavle["receivedOn"],
            &gavle["fileName"]
        ),
        (
            &json!("Gävle samordningsförbund Ekonomi"),
            &json!("222000-2568"),
            &json!("50501055"),
            &json!("2026-11-18"),
            &json!("bg.txt")
        )
    );
    assert_eq!(gavle["bankReference"], "BG 50501055 20261118 00074 490630174260");
    let two = find(&all, "2100.00");
    assert_eq!(
        (&two["message"], &two["status"]),
        (&json!("Betalning av två fakturor\ntack för oss"), &json!("MATCHED"))
    );
    let matched: Vec<_> = two["matches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| (part["invoice"]["number"].clone(), part["payment"]["amount"].clone()))
        .collect();
    assert_eq!(matched.len(), 2);
    assert!(
        matched.contains(&(json!("1003"), json!("1100.00")))
            && matched.contains(&(json!("1004"), json!("1000.00")))
    );
    // A person's identity number is nothing that the register stores.
    assert!(all.iter().all(|payment| !payment.to_string().contains("1212121212")));
    assert_eq!(find(&all, "10.00")["payerOrgNumber"], Value::Null);
    let amounts: Vec<_> =
        waiting(&app).await.iter().map(|payment| payment["amount"].clone()).collect();
    assert_eq!(amounts.len(), 3);
    for (filter, count) in [
        ("status: MATCHED", 3),
        ("status: [PENDING, EXCLUDED, DUPLICATE]", 3),
        ("status: [EXCLUDED, DUPLICATE]", 0),
        ("receivedFrom: \"2026-11-19\"", 3),
        ("receivedTo: \"2026-11-18\"", 3),
        ("receivedFrom: \"2026-11-20\", receivedTo: \"2026-11-20\"", 0),
    ] {
        assert_eq!(bank_payments(&app, filter).await.len(), count, "{filter}");
    }
    adds_up(&app).await;
});

on_both!(the_same_payments_are_booked_once_however_many_files_report_them, |app| async move {
    app.import(&LEDGER).await;
    import(&app, "bg.txt", BGMAX).await;
    let before = app.revision().await;
    let again = import(&app, "annat namn.txt", BGMAX).await;
    assert!(again.len() == 6 && again.iter().all(|fate| fate.starts_with("again ")), "{again:?}");
    assert_eq!(app.revision().await, before, "the same file changes nothing");

    // A file with the second deposit and a new one.
    let text = text();
    let lines: Vec<&str> = text.lines().collect();
    let second = lines.iter().rposition(|line| line.starts_with("05")).unwrap();
    let more: Vec<String> = lines[second..lines.len() - 1]
        .iter()
        .map(|line| line.replace("2026111900075", "2026112000076"))
        .collect();
    let end = format!("{:<80}", "7000000006000000000000000000000002");
    let file = [&lines[..1], &lines[second..lines.len() - 1]].concat().join("\n")
        + "\n"
        + &more.join("\n")
        + "\n"
        + &end
        + "\n";
    let done = import(&app, "overlap.txt", latin(&file)).await;
    // Bankgirot's numbers are those of payments of the day before, but a file that has both reports
    // of two.
    assert_eq!(
        done[..3],
        ["again NUMBER 1855.99", "again NO_REFERENCE 10.00", "again UNKNOWN_REFERENCE 50.00"]
    );
    assert_eq!(
        done[3..],
        ["AMOUNT_DIFFERS 1855.99", "NO_REFERENCE 10.00", "UNKNOWN_REFERENCE 50.00"]
    );
    adds_up(&app).await;

    // The same payment with another sum can't be true.
    let other = text
        .replace("000000000000080000", "000000000000080001")
        .replace("000000000000285000", "000000000000285001");
    let revision = app.revision().await;
    let found = errors(&app, "bg2.txt", latin(&other)).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("bg2.txt:3: is the payment")
            && found[0].contains("was imported before as 800.00 on 2026-11-18 with bg.txt"),
        "{found:?}"
    );
    assert_eq!(app.revision().await, revision);
});

on_both!(files_that_come_at_the_same_moment_book_each_payment_once, |app| async move {
    app.import(&LEDGER).await;
    let (two, three) = (ocr(&app, "1002").await, ocr(&app, "1003").await);
    // One file has the payments of the other, and one more.
    let (short, long) = (
        bgmax(&[payment(&two, 80_000, [])]),
        bgmax(&[payment(&two, 80_000, []), payment(&three, 110_000, [])]),
    );
    let tasks = (0..8).map(|nth| {
        let (app, bytes) = (
            app.clone(),
            if nth % 2 == 0 {
                BGMAX.to_vec()
            } else if nth % 4 == 1 {
                short.clone()
            } else {
                long.clone()
            },
        );
        tokio::spawn(async move { import(&app, &format!("{nth}.txt"), bytes).await })
    });
    let done: Vec<String> = join_all(tasks).await.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(
        done.iter().filter(|fate| !fate.starts_with("again ")).count(),
        8,
        "six of the sample and two: {done:?}"
    );
    // The sample's payment of 1002 is another one than that of the two files.
    for (number, paid) in [("1001", "1855.99"), ("1002", "1600.00")] {
        assert_eq!(invoice(&app, number, "paid").await["paid"], paid, "{number}");
    }
    assert_eq!(bank_payments(&app, "").await.len(), 8);
    adds_up(&app).await;
});

on_both!(camt_054_is_read_in_both_versions, |app| async move {
    app.import(&LEDGER).await;
    assert_eq!(
        import(&app, "a.xml", CAMT_02).await,
        [
            "OCR 800.00 1002:800.00",
            "UNKNOWN_REFERENCE 500.00",
            "NO_REFERENCE 111.00",
            "NOT_INCOMING -25.50"
        ]
    );
    let all = bank_payments(&app, "").await;
    let gavle = find(&all, "800.00");
    assert_eq!(
        (&gavle["payerName"], &gavle["payerOrgNumber"]),
        (&json!("Gävle & Sandviken"), &json!("222000-2568"))
    );
    assert_eq!(gavle["bankReference"], "CAMT SE4550000000058398257466 20261118 BATCH-77 TX-1");
    assert_eq!(find(&all, "500.00")["message"], "Bidrag till\nverksamheten 2026");
    // The payer says how much is for the one, and the rest is for the other.
    assert_eq!(
        import(&app, "b.xml", CAMT_08).await,
        ["REFERENCES 1500.00 1003:1100.00 1004:400.00"]
    );
    assert_eq!(find(&bank_payments(&app, "").await, "1500.00")["payerName"], "Två <AB>");
    assert_eq!(
        invoice(&app, "1004", "status outstanding").await,
        json!({ "status": "PARTLY_PAID", "outstanding": "600.00" })
    );
    let before = app.revision().await;
    assert_eq!(try_import(&app, "c.xml", CAMT_08).await.unwrap().passed_over, 1);
    import(&app, "d.xml", CAMT_02).await;
    assert_eq!(app.revision().await, before);
    adds_up(&app).await;
});

on_both!(what_is_in_doubt_waits_for_people, |app| async move {
    app.import(&LEDGER).await;
    let (one, two, three) =
        (ocr(&app, "1001").await, ocr(&app, "1002").await, ocr(&app, "1003").await);
    let late = ocr(&app, "1004").await;
    let payments = [
        // An OCR reference decides whatever the sum: too little, and again too much.
        payment(&one, 1, []),
        payment(&format!("000{one}"), 999_999, []),
        // A number in a text, with another sum than was to be paid; of another buyer's; and two
        // numbers.
        payment("Faktura 1002", 79_999, []),
        payment("Faktura 1002", 80_000, ["29002220001834".into()]),
        payment("Faktura 1002 1003", 190_000, []),
        // Words without a number, and a short one.
        payment("Tack", 100, []),
        payment("Avgift 2", 100, []),
        // Several references: one is unknown, the sums don't come out, or a credit note is made use
        // of.
        payment("x", 190_000, [extra("22", &two, 0), extra("22", "123456789", 0)]),
        payment("", 190_001, [extra("22", &two, 0), extra("22", &three, 0)]),
        payment("", 70_000, [extra("22", &two, 80_000), extra("23", &three, 10_000)]),
        payment("", 70_000, [extra("22", &two, 50_000), extra("22", &three, 10_000)]),
        // Stated sums that come out; twice the same invoice.
        payment("", 70_000, [extra("22", &two, 50_000), extra("22", &two, 20_000)]),
        payment(&late, 100_000, []),
    ];
    let file = bgmax(&payments);
    // Issued the day after it came.
    let early =
        String::from_utf8(file.clone()).unwrap().replace("20261120000010", "20261101000010");
    assert_eq!(
        import(&app, "bg.txt", &file).await,
        [
            "OCR 0.01 1001:0.01",
            "OCR 9999.99 1001:9999.99",
            "AMOUNT_DIFFERS 799.99",
            "AMBIGUOUS 800.00",
            "AMBIGUOUS 1900.00",
            "NO_REFERENCE 1.00",
            "UNKNOWN_REFERENCE 1.00",
            "UNKNOWN_REFERENCE 1900.00",
            "AMOUNT_DIFFERS 1900.01",
            "DEDUCTION 700.00",
            "AMOUNT_DIFFERS 700.00",
            "REFERENCES 700.00 1002:700.00",
            "OCR 1000.00 1004:1000.00",
        ]
    );
    let fates = import(&app, "early.txt", early).await;
    assert_eq!(fates[12], "BEFORE_ISSUE 1000.00");
    assert_eq!(invoice(&app, "1001", "overpaid").await["overpaid"], "18144.01");
    adds_up(&app).await;
});

on_both!(a_bad_file_names_every_bad_line_and_changes_nothing, |app| async move {
    app.import(&LEDGER).await;
    let before = app.revision().await;
    let broken = text()
        .replace(
            "P                                   \r\n",
            "T                                   \r\n",
        )
        .replace("000000000000080000", "00000000000008000x")
        .replace("2026111800074", "2026113100074")
        .replace("SEK00000003 \r\n05", "SEK00000004 \r\n05")
        .replace("7000000005", "7000000006");
    let found = errors(&app, "bg.txt", latin(&broken)).await;
    let lines: Vec<_> = found.iter().map(|error| error.split(' ').next().unwrap()).collect();
    assert_eq!(
        lines,
        ["bg.txt:1:", "bg.txt:3:", "bg.txt:16:", "bg.txt:16:", "bg.txt:26:"],
        "{found:#?}"
    );
    for (error, why) in found.iter().zip([
        "test file",
        "00000000000008000x",
        "20261131",
        "states that the deposit has",
        "states that the file has 6 payments",
    ]) {
        assert!(error.contains(why), "{error}");
    }
    let text = text();
    let lines: Vec<&str> = text.lines().collect();
    let without = |position: usize| {
        latin(
            &lines
                .iter()
                .enumerate()
                .filter(|(at, _)| *at != position)
                .map(|(_, line)| format!("{line}\n"))
                .collect::<String>(),
        )
    };
    for (file, why) in [
        (without(0), "is neither BgMax"),
        (without(1), "outside of a deposit"),
        (without(2), "its payments come to 2050.00 kronor"),
        (without(15), "opens a deposit (05), but the one before has no sum"),
        (without(lines.len() - 1), "no end record (70)"),
        (latin(&format!("{text}{}\n", lines[1])), "is after the end record"),
        (
            latin(&text.replacen("SEK", "EUR", 1)),
            "is in \"SEK\", but the deposit was opened (05) in \"EUR\"",
        ),
        (latin(&text.replacen("26G", "XXG", 1)), "does not begin with a transaction code"),
        (
            latin(&text.replacen("26Konsult AB", &format!("26{}", "x".repeat(90)), 1)),
            "80 is the most",
        ),
        (latin(&text.replace("2026111900075", "2026112200075")), "which is in the future"),
        (latin(&text.replacen("26Konsult", "26Kon\u{0}ult", 1)), "has control characters"),
        (CAMT_02.replace("Okänd", "\u{0}").into_bytes(), "has control characters"),
        (Vec::new(), "is neither BgMax"),
        (b"PK\x03\x04".to_vec(), "is neither BgMax"),
        (
            CAMT_02.replace("<Sum>1411.00", "<Sum>1412.00").into_bytes(),
            "its credit entries come to \"1412.00\", but they come to 1411.00",
        ),
        (
            CAMT_02.replace("NbOfNtries>4", "NbOfNtries>5").into_bytes(),
            "has \"5\" entries, but it has 4",
        ),
        (
            CAMT_02.replace("<NbOfTxs>2", "<NbOfTxs>3").into_bytes(),
            "has \"3\" transactions, but it has 2",
        ),
        (
            CAMT_02.replace("Ccy=\"SEK\">800.00", "Ccy=\"SEK\">800.01").into_bytes(),
            "its transactions come to 1300.01",
        ),
        (
            CAMT_02.replace("Ccy=\"SEK\">800.00", "Ccy=\"SEK\">1e3").into_bytes(),
            "a transaction without an amount",
        ),
        (
            CAMT_02.replace("Ccy=\"SEK\">111<", "Ccy=\"\">111<").into_bytes(),
            "has an entry in \"\", which is no currency",
        ),
        (
            CAMT_02.replace("Ccy=\"SEK\">111<", "Ccy=\"EUR\">1,11<").into_bytes(),
            "must be an amount above zero",
        ),
        (
            CAMT_02.replace("Ccy=\"SEK\">111<", "Ccy=\"SEK\">10000000000.01<").into_bytes(),
            "must be an amount above zero",
        ),
        (
            CAMT_02.replace("<IBAN>SE4550000000058398257466</IBAN>", "").into_bytes(),
            "whose account must not be empty",
        ),
        (
            CAMT_02.replace("<AcctSvcrRef>ENTRY-78</AcctSvcrRef>", "").into_bytes(),
            "without a reference of the bank",
        ),
        (CAMT_02.replace("2026-11-18T09", "2026-11-31T09").into_bytes(), "no day of the calendar"),
        (
            CAMT_02.replace("camt.054.001.02", "camt.053.001.02").into_bytes(),
            "is BkToCstmrDbtCdtNtfctn, where camt.053 has BkToCstmrStmt",
        ),
        (
            CAMT_02.replace("camt.054.001.02", "camt.054.001.14").into_bytes(),
            "is not the beginning of a camt.053 or camt.054",
        ),
        (CAMT_02.replace("</Document>", "").into_bytes(), "not all of one"),
        (CAMT_02.replace("</Ntfctn>", "</Ntfct>").into_bytes(), "is no XML"),
    ] {
        let found = errors(&app, "fil", file).await;
        assert!(found.iter().any(|error| error.contains(why)), "{why}: {found:?}");
        assert!(found.iter().all(|error| error.starts_with("fil:")), "{found:?}");
    }
    assert_eq!(app.revision().await, before);
    assert!(bank_payments(&app, "").await.is_empty());
});

on_both!(a_hostile_file_is_refused, |app| async move {
    let start = "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.054.001.02\">";
    let entities =
        "<!DOCTYPE d [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>";
    for (file, why) in [
        (CAMT_02.replace("<Document", &format!("{entities}<Document")), "document type"),
        (CAMT_02.replace("Okänd", "&xxe;"), "has the entity &xxe;"),
        (format!("<!DOCTYPE d SYSTEM \"file:///etc/passwd\">{start}</Document>"), "document type"),
        (
            format!("{start}{}", "<BkToCstmrDbtCdtNtfctn>".to_owned() + &"<a>".repeat(100_000)),
            "elements deep",
        ),
        (CAMT_02.replace("Okänd", &"x".repeat(30_000)), "bytes of text in one element"),
        (CAMT_02.replace("Okänd", "&#0;"), "bad character reference"),
        (
            CAMT_02.replace("<Nm>Okänd</Nm>", &format!("<{0}>Okänd</{0}>", "x".repeat(101))),
            "with a name of more than 100 bytes",
        ),
        ("<a/>".into(), "is not the beginning"),
        ("<".into(), "no XML"),
    ] {
        let found = errors(&app, "fil.xml", file).await;
        assert!(found[0].contains(why), "{why}: {found:?}");
    }
    let mut bytes = CAMT_02.as_bytes().to_vec();
    let position = CAMT_02.find("Okänd").unwrap();
    bytes[position] = 0xff;
    assert_eq!(
        errors(&app, "fil.xml", bytes).await,
        [format!("fil.xml:{}: is not UTF-8", CAMT_02[..position].lines().count())]
    );
    assert_eq!(app.revision().await, 0);
});

on_both!(a_file_of_another_bankgiro_is_refused, |app| async move {
    let network = Network { bankgiro: Some("991-2346".into()), ..Network::default() };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bg.txt");
    fs::write(&file, BGMAX).unwrap();
    let viewer = Viewer::operator("payments import");
    let done = bank::import(app.context(&viewer), &network, &file, false, &mut |_, _| {}).await;
    assert!(
        done.unwrap_err()
            .to_string()
            .contains("is of bankgiro 50501055, not of the network's own, 9912346")
    );
    let none =
        bank::import(app.context(&viewer), &Network::default(), &file, false, &mut |_, _| {}).await;
    assert!(none.unwrap_err().to_string().contains("the settings name none; set network.bankgiro"));
    let board = Viewer { roles: vec![domain::auth::viewer::Role::Board], ..Viewer::default() };
    let done =
        bank::import(app.context(&board), &Network::default(), &file, false, &mut |_, _| {}).await;
    assert_eq!(done.unwrap_err().code(), ErrorCode::Forbidden);
});

fn run(app: &App, arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("samregister.toml"), OWN).unwrap();
    let done = app
        .program()
        .current_dir(folder.path())
        .args(["payments", "import"])
        .args(arguments)
        .output()
        .unwrap();
    (
        done.status.code(),
        String::from_utf8(done.stdout).unwrap(),
        String::from_utf8(done.stderr).unwrap(),
    )
}

on_both!(the_command_reports_what_was_matched, |app| async move {
    app.import(&LEDGER).await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (good, bad) = (
        file("bg.txt", BGMAX),
        file("bad.txt", &latin(&text().replace("7000000005", "7000000006"))),
    );
    let before = app.revision().await;
    let (code, out, err) = run(&app, &[&bad]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert_eq!(err, "error: bad.txt:26: states that the file has 6 payments (20), but it has 5\n");
    let (code, out, err) = run(&app, &[&good, "--dry-run"]);
    assert_eq!((code, err.as_str()), (Some(0), "nothing was changed: a dry run\n"));
    assert!(out.contains("BgMax, 6 payments: 3 matched (4\u{a0}755,99\u{a0}kr), 3 pending (10,00\u{a0}kr), 0 already imported (0,00\u{a0}kr); on 50501055\n"), "{out}");
    assert_eq!(app.revision().await, before);
    let (code, out, _) = run(&app, &[&good, "--format", "csv"]);
    assert_eq!(code, Some(0));
    let header =
        "date,amount,payer,reference,message,status,finding,invoices,difference,bank_reference\r\n";
    let first = "2026-11-18,800.00,Gävle samordningsförbund Ekonomi,100263,,MATCHED,OCR,1002,,BG 50501055 20261118 00074 490630174260\r\n";
    let ocr = ocr(&app, "1002").await;
    assert!(out.starts_with(&format!("{header}{}", first.replace("100263", &ocr))), "{out}");
    let (code, out, _) = run(&app, &[&good, "--format", "json"]);
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &document["already_imported"], &document["matched"], &document["layout"]),
        (Some(0), &json!(6), &json!(0), &json!("BgMax"))
    );
    assert_eq!(
        (&document["payments"][0]["status"], &document["accounts"]),
        (&json!("ALREADY_IMPORTED"), &json!(["50501055"]))
    );
    assert!(run(&app, &[folder.path().join("none").to_str().unwrap()]).2.contains("cannot read"));
    assert!(
        run(&app, &[Path::new(folder.path()).to_str().unwrap()]).2.contains("not a regular file")
    );
    adds_up(&app).await;
});
