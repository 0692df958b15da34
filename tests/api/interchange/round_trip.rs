//! A history of invoices, exported as files and imported into another register: it is the same
//! there, to the byte, and can be continued.

use domain::{
    agreements, auth::viewer::Viewer, config::Network, interchange::File, vouchers::journal,
};
use sea_orm::DbBackend;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    app::{App, on_both},
    invoicing_fixtures::{NETWORK, activity, drafted, fill, member, violations, with_network},
    lifecycle_fixtures::{Register, mutate, raw, with},
    payment_fixtures::bank_payment,
    register_files::{Files, bad_rows, exported, try_import},
};

/// A file with some of its text replaced.
fn changed(files: &Files, name: &str, from: &str, to: &str) -> Files {
    let text = String::from_utf8(files[name].clone()).unwrap();
    assert!(text.contains(from), "{name} has no {from}: {text}");
    let mut files = files.clone();
    files.insert(name.to_owned(), text.replacen(from, to, 1).into_bytes());
    files
}

fn text<'f>(files: &'f Files, name: &str) -> &'f str {
    std::str::from_utf8(&files[name]).unwrap()
}

async fn issued(app: &App, input: Value, on: &str) -> String {
    let id = drafted(&app.finance(), input).await;
    mutate(&app.finance(), "invoiceIssue", json!({ "invoiceId": id, "issuedOn": on }), "id")
        .await
        .data();
    id
}

/// Credits so much of the first line, or all that is left.
async fn credited(app: &App, id: &str, amount: Option<&str>) -> Value {
    let lines = app
        .finance()
        .ask("query($id: ID!) { invoice(by: { id: $id }) { lines { id } } }", json!({ "id": id }))
        .await;
    let mut input =
        json!({ "invoiceId": id, "reason": "Färre deltagare", "issuedOn": "2026-09-10" });
    if let Some(amount) = amount {
        input["lines"] =
            json!([{ "lineId": lines["invoice"]["lines"][0]["id"], "amount": amount }]);
    }
    mutate(&app.finance(), "invoiceCredit", input, "vat total").await["invoiceCredit"].clone()
}

fn priced(buyer: &str, price: &str) -> Value {
    let line = json!({ "description": "Kurs", "unitPrice": price, "vatRate": "STANDARD_25", "periodFrom": "2026-11-20", "periodTo": "2026-11-20" });
    json!({ "buyerId": buyer, "lines": [line] })
}

/// Adds payments of the bank: one that waits, one that is excluded, one that is matched manually.
async fn bank_payments(app: &App, buyer: &str) {
    bank_payment(app, "Okänd", 1).await;
    let aside = bank_payment(app, "Annan", 2).await;
    mutate(
        &app.finance(),
        "bankPaymentExclude",
        json!({ "bankPaymentId": aside, "reason": "Ränta" }),
        "id",
    )
    .await
    .data();
    let open = issued(app, priced(buyer, "300.00"), "2026-11-01").await;
    let manual = bank_payment(app, "Förbundet", 3).await;
    for amount in ["0.40", "0.35"] {
        let input = json!({ "bankPaymentId": manual, "invoiceId": open, "amount": amount });
        let done =
            mutate(&app.finance(), "bankPaymentMatch", input, "matches { payment { id amount } }")
                .await;
        if amount == "0.40" {
            let payment = done["bankPaymentMatch"]["matches"][0]["payment"]["id"].clone();
            mutate(
                &app.finance(),
                "paymentReverse",
                json!({ "paymentId": payment, "reason": "Del av annat" }),
                "id",
            )
            .await
            .data();
        }
    }
}

/// Invoices in every state of their lives, with all that can happen to them.
pub async fn lived(app: &App) -> (App, TempDir) {
    let (_, _folder) = fill(app, 12).await;
    let (app, folder) =
        with_network(app, &format!("{NETWORK}[network.invoicing]\nreminder_fee = '60.00'\n"));
    let (buyer, bip) = (member(&app, 1).await, activity(&app, "bip").await);
    // What the last credit takes is not what its VAT would be calculated to.
    let awkward = issued(&app, priced(&buyer, "100.00"), "2026-09-01").await;
    assert_eq!(
        credited(&app, &awkward, Some("50.02")).await,
        json!({ "vat": "12.51", "total": "62.53" })
    );
    assert_eq!(credited(&app, &awkward, None).await, json!({ "vat": "12.49", "total": "62.47" }));
    let halves = issued(&app, priced(&buyer, "100.02"), "2026-09-01").await;
    assert_eq!(credited(&app, &halves, Some("50.01")).await["vat"], "12.50");
    assert_eq!(credited(&app, &halves, Some("50.01")).await["vat"], "12.51");
    let (kronor, _kronor) =
        with_network(&app, &format!("{NETWORK}[network.invoicing]\nwhole_kronor = true\n"));
    let input = json!({ "buyerId": member(&app, 3).await, "dueInDays": 20, "reason": "Tack för i år", "orderReference": "PO-4711", "ourReference": "Kajsa Ek", "buyerReference": "KST 4711", "lines": [
        { "description": "BIP-kurs", "activityId": bip, "quantity": "1.5", "unitPrice": "222.22", "vatRate": "STANDARD_25",
          "periodFrom": "2026-09-02", "periodTo": "2026-09-03" },
        { "description": "Kursbok", "activityId": bip, "unitPrice": "99.95", "vatRate": "REDUCED_6", "account": "3049" },
        { "description": "Avdrag", "unitPrice": "-10.03", "vatRate": "REDUCED_6" },
    ] });
    let rounded = issued(&kronor, input, "2026-09-01").await;
    for amount in ["111.11", "0.03"] {
        credited(&kronor, &rounded, Some(amount)).await;
    }
    let owed = issued(&app, priced(&buyer, "200.00"), "2026-09-01").await;
    let correction = json!({ "correctsId": awkward, "reason": "Det var två\ndeltagare" });
    let correction = |buyer: &str| with(priced(buyer, "50.00"), correction.clone());
    issued(&app, correction(&buyer), "2026-09-12").await;
    drafted(&app.finance(), with(correction(&buyer), json!({ "dueInDays": 14 }))).await;
    drafted(&app.finance(), priced(&buyer, "7.00")).await;

    let pays = async |amount: &str, reference: &str, on: &str| {
        let input = json!({ "invoiceId": owed, "receivedOn": on, "amount": amount, "reference": reference });
        let answer =
            mutate(&app.finance(), "paymentRecord", input, "payments { id reference }").await;
        let payments = answer["paymentRecord"]["payments"].as_array().unwrap().clone();
        payments.into_iter().find(|payment| payment["reference"] == reference).unwrap()["id"]
            .clone()
    };
    pays("100.00", "DEL", "2026-09-20").await;
    mutate(
        &app.finance(),
        "invoiceRemind",
        json!({ "invoiceId": owed, "sentOn": "2026-10-10" }),
        "id",
    )
    .await
    .data();
    mutate(
        &app.finance(),
        "invoiceRemind",
        json!({ "invoiceId": owed, "sentOn": "2026-10-25" }),
        "id",
    )
    .await
    .data();
    let wrong = pays("1.00", "FEL", "2026-11-01").await;
    mutate(
        &app.finance(),
        "paymentReverse",
        json!({ "paymentId": wrong, "reason": "Fel faktura" }),
        "id",
    )
    .await
    .data();
    pays("175.00", "RESTEN", "2026-11-02").await;

    bank_payments(&app, &buyer).await;
    for (id, ending) in [(&awkward, "pdf"), (&owed, "pdf")] {
        assert_eq!(app.finance().get(&format!("/files/invoices/{id}.{ending}")).await.status, 200);
    }
    let rate = json!({ "validFrom": "2027-01-01", "percent": -0.25, "source": "SFS 2026:1" });
    mutate(&app.finance(), "referenceRateSet", rate, "percent").await.data();
    assert_eq!(violations(&app).await, [""; 0]);
    (app, folder)
}

/// All that the API returns of invoices and of the bank's payments.
async fn reported(app: &App) -> Value {
    let document = "{ invoices(first: 100) { nodes { kind number status issuedOn dueOn dueInDays ocr reason orderReference ourReference buyerReference net vat rounding total paid credited outstanding overpaid
            corrects { number } credits { number } reminders { sentOn fee } payments { receivedOn amount reference }
            lines { description quantity unitPrice net vat account } } }
        bankPayments(first: 100) { nodes { bankReference amount status matched remaining excludedOn exclusionReason matches { payment { amount } invoice { number } } } }
        revenue(input: { from: \"2026-01-01\", to: \"2026-12-31\", basis: PAID }) { total { net vat } } }";
    let mut answer = app.finance().query(document).await.data().clone();
    // Drafts have no number and stand in the order of their ids.
    answer["invoices"]["nodes"].as_array_mut().unwrap().sort_by_key(ToString::to_string);
    answer
}

on_both!(a_life_of_invoices_goes_out_and_comes_back_the_same, |app| async move {
    let (app, _folder) = lived(&app).await;
    let (first, revision) = (exported(&app).await, app.revision().await);
    let again = try_import(&app, &first).await.unwrap();
    assert!(
        again
            .files
            .iter()
            .all(|file| (file.added, file.changed) == (0, 0) && file.unchanged == file.rows),
        "{again:?}"
    );
    assert_eq!(app.revision().await, revision, "the same again left an entry");

    let empty = app.another().await;
    try_import(&empty, &first).await.unwrap();
    let (other, _other) = with_network(&empty, NETWORK);
    let second = exported(&other).await;
    assert_eq!(first.keys().collect::<Vec<_>>(), second.keys().collect::<Vec<_>>());
    for (name, bytes) in &first {
        assert!(
            *bytes == second[name],
            "{name}:\n{}\n{}",
            String::from_utf8_lossy(bytes),
            String::from_utf8_lossy(&second[name])
        );
    }
    assert_eq!(violations(&other).await, [""; 0]);
    assert_eq!(
        agreements::integrity::violations(&other.db).await.unwrap(),
        agreements::integrity::violations(&app.db).await.unwrap()
    );
    assert_eq!(reported(&other).await, reported(&app).await);

    // The bank's files again book nothing, and what waits is matched as it would have been.
    let waiting = bank_payment(&other, "Okänd", 1).await;
    let manual = bank_payment(&other, "Förbundet", 3).await;
    assert_eq!(reported(&other).await, reported(&app).await);
    let open = other
        .finance()
        .query("{ invoice(by: { number: \"20260006\" }) { id number } }")
        .await["invoice"]["id"]
        .clone();
    for (payment, left) in [(waiting, "0.00"), (manual, "0.00")] {
        let done = mutate(
            &other.finance(),
            "bankPaymentMatch",
            json!({ "bankPaymentId": payment, "invoiceId": open }),
            "remaining",
        )
        .await;
        assert_eq!(done["bankPaymentMatch"]["remaining"], left, "{}", done.text());
    }
    // A credit takes what is left, and its files are those of the issue.
    let id = |app: &App| {
        let app = app.clone();
        async move {
            app.finance().query("{ invoice(by: { number: \"20260003\" }) { id } }").await["invoice"]
                ["id"]
                .as_str()
                .unwrap()
                .to_owned()
        }
    };
    assert_eq!(
        credited(&other, &id(&other).await, None).await,
        credited(&app, &id(&app).await, None).await
    );
    assert_eq!(violations(&other).await, [""; 0]);
    for ending in ["pdf", "xml"] {
        let bytes = async |app: &App| {
            let id = app.finance().query("{ invoice(by: { number: \"20260001\" }) { id } }").await
                ["invoice"]["id"]
                .clone();
            app.finance()
                .get(&format!("/files/invoices/{}.{ending}", id.as_str().unwrap()))
                .await
                .bytes
        };
        assert_eq!(bytes(&other).await, bytes(&app).await);
    }
});

on_both!(what_files_say_otherwise_of_a_life_is_refused, |app| async move {
    let (app, _folder) = lived(&app).await;
    let files = exported(&app).await;
    let other = app.another().await;
    let lines = text(&files, "invoice_lines.csv");
    let last = lines.lines().find(|line| line.ends_with(",1,12.49,,")).unwrap();
    let number = lines.lines().position(|line| line == last).unwrap() + 1;
    let with_vat =
        |vat: &str| changed(&files, "invoice_lines.csv", last, &last.replace(",12.49", vat));
    let refused = bad_rows(&other, &with_vat(",12.48")).await;
    let words = "has credit note K20260002 of net 49.98, VAT 12.48, rounding 0.00, which must be net 49.98, VAT 12.49, rounding 0.00";
    assert!(refused[0].starts_with("invoices.csv:") && refused[0].ends_with(words), "{refused:?}");
    let refused = bad_rows(&other, &with_vat(",12.50")).await;
    assert!(refused[0].contains("left of invoice 20260001 to credit"), "{refused:?}");
    // Without what the file says of it, the VAT is calculated again, and too much.
    let refused = bad_rows(&other, &with_vat(",")).await;
    assert!(refused[0].contains("left of invoice 20260001 to credit"), "{refused:?}");
    let nowhere = changed(&files, "invoice_lines.csv", last, &last.replace(",1,12.49", ",9,12.49"));
    assert_eq!(
        bad_rows(&other, &nowhere).await,
        [format!(
            "invoice_lines.csv:{number}: credits_line: is no line of invoice 20260001, which has no line 9"
        )]
    );
    let plain =
        lines.lines().find(|line| line.contains(",Kurs,") && line.ends_with(",3041,,,,")).unwrap();
    let refused = bad_rows(
        &other,
        &changed(&files, "invoice_lines.csv", plain, &plain.replace(",3041,,,,", ",3041,,24.99,,")),
    )
    .await;
    assert!(refused[0].contains("vat: must be 25.00: the VAT of each rate"), "{refused:?}");
    let refused = bad_rows(
        &other,
        &changed(&files, "invoice_lines.csv", plain, &plain.replace(",3041,,", ",3041,1,")),
    )
    .await;
    assert!(
        refused[0].ends_with("credits_line: must be empty but for a line of a credit note"),
        "{refused:?}"
    );
    for account in ["390", "39011", "4294967296"] {
        let refused = bad_rows(
            &other,
            &changed(&files, "invoice_lines.csv", ",3041,", &format!(",{account},")),
        )
        .await;
        assert!(refused[0].ends_with("account: must be four digits"), "{refused:?}");
    }

    // What is there already is what it is.
    for (name, from, to, words) in [
        (
            "invoices.csv",
            "Tack för i år,20",
            "Tack för i fjol,20",
            "reason: differs from invoice 20260003, which is issued and never changes",
        ),
        (
            "invoices.csv",
            "Tack för i år,20",
            "Tack för i år,21",
            "due_in_days: differs from invoice 20260003, which is issued",
        ),
        ("invoice_lines.csv", ",1,12.51", ",,12.51", "imported"),
        (
            "invoice_lines.csv",
            ",1,12.51",
            ",1,12.52",
            "differs from credit note K20260001, which is issued and never changes",
        ),
        (
            "reminders.csv",
            "60.00",
            "50.00",
            "fee: differs from the reminder that was sent, which cost 60.00",
        ),
        (
            "reminders.csv",
            "2026-10-25,0.00",
            "2026-10-26,60.00",
            "fee: must be 0: an invoice has one reminder fee, and it was charged",
        ),
        (
            "reminders.csv",
            "2026-10-25",
            "2026-10-01",
            "sent_on: must be after 2026-10-01, the last day to pay",
        ),
        (
            "bank_payments.csv",
            ",1.00,",
            ",2.00,",
            "amount: differs from what the bank reported before, which never changes",
        ),
        (
            "payments.csv",
            ",0.35,",
            ",0.34,",
            "reference: is that of a payment that came from the bank or was reversed, and never changes",
        ),
        (
            "payments.csv",
            "00003 3,2026-11-21\n",
            "00001 1,2026-11-21\n",
            "bank_payment: is not the one that the payment was made of, which never changes",
        ),
        (
            "invoice_documents.csv",
            "CONTENT,",
            "CONTENT,0",
            "sha256: is not a SHA-256: 64 hexadecimal digits",
        ),
        (
            "invoice_documents.csv",
            ",invoice_documents/",
            ",../invoice_documents/",
            "file: must name a file below the folder",
        ),
        ("reference_rates.csv", "-0.25", "-0.255", "rate: has more than two decimals"),
    ] {
        if words == "imported" {
            // An empty cell says nothing.
            try_import(&app, &changed(&files, name, from, to)).await.unwrap();
            continue;
        }
        let refused = bad_rows(&app, &changed(&files, name, from, to)).await;
        assert!(
            refused.iter().any(|row| row.starts_with(name) && row.contains(words)),
            "{from} → {to}: {refused:?}"
        );
    }
    let path = files.keys().find(|name| name.ends_with(".xml")).unwrap();
    let mut spoilt = files.clone();
    spoilt.get_mut(path).unwrap().push(b' ');
    let refused = bad_rows(&other, &spoilt).await;
    assert!(
        refused.len() == 1 && refused[0].ends_with("sha256: is not that of the file"),
        "{refused:?}"
    );
    // Another file with a right SHA-256 is not what was stored.
    let digest = path.trim_start_matches("invoice_documents/").trim_end_matches(".xml");
    let spoilt =
        changed(&spoilt, "invoice_documents.csv", digest, &documents::sha256(&spoilt[path]));
    let refused = bad_rows(&app, &spoilt).await;
    assert!(
        refused.len() == 1
            && refused[0]
                .ends_with("sha256: differs from the stored document, which never changes"),
        "{refused:?}"
    );
    // More than there is of a bank payment.
    let refused = bad_rows(&other, &changed(&files, "payments.csv", ",0.35,", ",1.35,")).await;
    assert!(
        refused[0].contains("bank_payment: has 1.00 left, and 1.35 of it is matched here"),
        "{refused:?}"
    );
    let refused = bad_rows(
        &other,
        &changed(&files, "payments.csv", "00003 3,2026-11-21\n", "00004 4,2026-11-21\n"),
    )
    .await;
    assert!(
        refused[0].contains("bank_payment: there is no bank payment BG 50501055 20261120 00004 4"),
        "{refused:?}"
    );
    assert_eq!(other.revision().await, 0);
});

on_both!(a_correction_may_stand_before_what_it_corrects, |app| async move {
    fill(&app, 12).await;
    let heads = "key,number,kind,buyer,issued_on,due_on,credits,corrects,reason,due_in_days\n\
        a,1003,INVOICE,m1,2026-03-03,2026-04-02,,b,Fler,\n\
        b,1002,INVOICE,m1,2026-03-02,2026-04-01,,c,Fler,\n\
        c,1001,INVOICE,m1,2026-03-01,2026-03-31,,,,\n";
    let lines = "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\n\
        a,x,,,,,1,1.00,ZERO\nb,x,,,,,1,1.00,ZERO\nc,x,,,,,1,1.00,ZERO\nu,x,,,,,1,1.00,EXEMPT\n";
    let files = |heads: &str| {
        Files::from([
            ("invoices.csv".into(), heads.into()),
            ("invoice_lines.csv".into(), lines.into()),
        ])
    };
    let bad = heads.replace(",c,Fler", ",a,Fler")
        + "u,,INVOICE,m3,,,,c,,\nk,K1,CREDIT_NOTE,m1,2026-03-04,,c,c,,5\n";
    assert_eq!(
        bad_rows(&app, &files(&bad)).await,
        [
            "invoices.csv:2: corrects: there is no invoice b",
            "invoices.csv:3: corrects: there is no invoice a",
            "invoices.csv:5: buyer: must be that of the invoice that it corrects",
            "invoices.csv:5: reason: is required: state what is corrected, and why",
            "invoices.csv:6: corrects: must be empty for a credit note",
            "invoices.csv:6: due_in_days: must be empty for a credit note",
            "invoices.csv:6: has no lines in invoice_lines.csv",
        ]
    );
    let files = files(&(heads.to_owned() + "u,,INVOICE,m1,,,,a,Ännu fler,14\n"));
    try_import(&app, &files).await.unwrap();
    let answer = app
        .office()
        .query("{ invoices { nodes { number reason dueInDays corrects { number } } } }")
        .await;
    let mut nodes = answer["invoices"]["nodes"].as_array().unwrap().clone();
    nodes.sort_by_key(|node| node["number"].to_string());
    let node = |number: Value, reason: Value, days: Value, corrects: Value| json!({ "number": number, "reason": reason, "dueInDays": days, "corrects": corrects });
    assert_eq!(
        nodes,
        [
            node(json!("1001"), json!(null), json!(null), json!(null)),
            node(json!("1002"), json!("Fler"), json!(null), json!({ "number": "1001" })),
            node(json!("1003"), json!("Fler"), json!(null), json!({ "number": "1002" })),
            node(json!(null), json!("Ännu fler"), json!(14), json!({ "number": "1003" })),
        ]
    );
    let revision = app.revision().await;
    try_import(&app, &files).await.unwrap();
    assert_eq!(app.revision().await, revision);
});

on_both!(an_imported_line_is_on_the_networks_own_account, |app| async move {
    fill(&app, 12).await;
    let (app, _folder) = with_network(
        &app,
        "[network]\nname = 'NNS'\n[network.accounts]\nrevenue = 3050\nrevenue_untaxed = 3950\n",
    );
    let head = "key,number,kind,buyer,issued_on,due_on,credits\na,1001,INVOICE,m1,2026-03-01,2026-03-31,\n";
    let lines = "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\n\
        a,Kurs,bip,,,,1,1.00,STANDARD_25\na,Avgift,,,,,1,1.00,ZERO\n";
    app.import(&[("invoices.csv", head), ("invoice_lines.csv", lines)]).await;
    let answer =
        app.office().query("{ invoice(by: { number: \"1001\" }) { lines { account } } }").await;
    assert_eq!(answer["invoice"]["lines"], json!([{ "account": "3050" }, { "account": "3950" }]));

    // What an older import let through is not booked on another account without a word.
    let unlock = if app.db.backend() == DbBackend::Postgres {
        "ALTER TABLE invoice_line DISABLE TRIGGER USER"
    } else {
        "DROP TRIGGER invoice_line__update"
    };
    raw(&app, unlock).await.unwrap();
    raw(&app, "UPDATE invoice_line SET account = '39010000000' WHERE description = 'Avgift'")
        .await
        .unwrap();
    let network = Network { name: Some("NNS".into()), ..Network::default() };
    let (from, to) = ("2026-01-01".parse().unwrap(), "2026-12-31".parse().unwrap());
    let refused = journal(app.context(&Viewer::operator("sie")), &network, from, to)
        .await
        .map(|_| ())
        .unwrap_err();
    assert!(
        refused.to_string().contains(
            "Faktura 1001 Förbund 001 has a line on the account \"39010000000\", which is not an account number"
        ),
        "{refused}"
    );
});

on_both!(a_register_without_data_writes_files_to_fill_in, |app| async move {
    let mut files = exported(&app).await;
    assert_eq!(files.len(), File::ALL.len());
    for &file in File::ALL {
        let columns: Vec<_> = file.columns().iter().chain(file.extra_columns()).copied().collect();
        assert_eq!(
            String::from_utf8_lossy(&files[file.name()]),
            format!("{}\n", columns.join(",")),
            "{}",
            file.name()
        );
    }
    let filled_in =
        File::Members.columns().iter().chain(File::Members.extra_columns()).map(|column| {
            match *column {
                "key" => "m1",
                "name" => "Förbund Nytt",
                "joined_on" => "2020-01-01",
                _ => "",
            }
        });
    let row = filled_in.collect::<Vec<_>>().join(",") + "\n";
    files.get_mut("members.csv").unwrap().extend(row.into_bytes());
    try_import(&app, &files).await.unwrap();
    let answer = app.office().query("{ members { nodes { name } } }").await;
    assert_eq!(answer["members"]["nodes"], json!([{ "name": "Förbund Nytt" }]));
});

on_both!(agreements_without_parameters_go_out_as_they_came, |app| async move {
    Register::fill(&app).await;
    let heading = "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,\
        offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate,parameters";
    // Of an agreement that is drafted without parameters the register stores an empty object, of
    // one that was imported nothing.
    let rows = [
        "m1,,,2026-01-01,2026-12-31,3,,2025-12-01T09:00:00Z,2025-12-02,,,,,,{}",
        "m2,,,2026-01-01,2026-12-31,3,,2025-12-01T09:00:00Z,2025-12-02,,,,,,",
    ];
    let row = |(position, row): (usize, &&str)| {
        format!("y{position},2026-{:04},PARTICIPATION,NONE,bip,{row}\n", position + 1)
    };
    let agreements = format!("{heading}\n{}", rows.iter().enumerate().map(row).collect::<String>());
    app.import(&[("agreements.csv", &agreements)]).await;
    let files = exported(&app).await;
    let stored = text(&files, "agreements.csv");
    assert_eq!((stored.lines().count(), stored.matches(",{},").count()), (3, 1), "{stored}");
    let other = app.another().await;
    try_import(&other, &files).await.unwrap();
    assert_eq!(text(&exported(&other).await, "agreements.csv"), stored);
    // Nor does the same again change anything.
    let before = other.revision().await;
    try_import(&other, &files).await.unwrap();
    assert_eq!(other.revision().await, before);
});
