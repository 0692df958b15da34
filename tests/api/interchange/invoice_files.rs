//! Imports of issued invoices, credit notes and their payments.

use domain::interchange::{
    File,
    import::{ImportError, Report},
};
use serde_json::json;

use crate::{
    interchange::csv::{bad_rows, of},
    support::{
        app::{App, on_both},
        fixtures::FILES,
    },
};

const HEADS: &str = "key,number,kind,buyer,issued_on,due_on,credits\n";

const LINES: &str =
    "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\n";

const PAYMENTS: &str = "invoice,received_on,amount,reference\n";

/// Imports these rows of the three files of invoices; a file without rows is absent.
async fn try_invoices(
    app: &App,
    heads: &str,
    lines: &str,
    payments: &str,
) -> Result<Report, ImportError> {
    let files = [
        ("invoices.csv", HEADS, heads),
        ("invoice_lines.csv", LINES, lines),
        ("payments.csv", PAYMENTS, payments),
    ];
    let files: Vec<(&str, String)> = files
        .into_iter()
        .filter(|(_, _, rows)| !rows.is_empty())
        .map(|(name, header, rows)| (name, format!("{header}{rows}")))
        .collect();
    let files: Vec<(&str, &str)> =
        files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    app.try_import(&files).await
}

on_both!(what_is_issued_never_changes_but_may_be_paid, |app| async move {
    app.import(FILES).await;
    let bad = bad_rows(
        try_invoices(
            &app,
            "faktura-alfa,8803,INVOICE,beta,2026-03-02,2026-04-30,\n",
            "faktura-beta,Annat,indikatorer,avtal-beta,2026-01-01,2026-12-31,1,22422.42,STANDARD_25\n\
             faktura-beta,En till,,,,,1,1.00,STANDARD_25\n",
            "",
        )
        .await,
    );
    let never = |number: u32| {
        format!(
            "differs from invoice {number}, which is issued and never changes; credit it instead"
        )
    };
    assert_eq!(
        bad,
        [
            format!("invoices.csv:2: number: {}", never(8801)),
            format!("invoices.csv:2: buyer: {}", never(8801)),
            format!("invoices.csv:2: issued_on: {}", never(8801)),
            format!("invoices.csv:2: due_on: {}", never(8801)),
            format!("invoice_lines.csv:2: {}", never(8802)),
            format!("invoice_lines.csv:3: {}", never(8802)),
        ]
    );
    // 11 311.31 and 25 %: 14 139.14 in all, of which 1 000.01 is paid.
    let report = try_invoices(
        &app,
        "",
        "",
        "faktura-alfa,2026-04-02,13139.13,BG-REST\nfaktura-alfa,2026-03-20,1000.01,BG-ALFA\n",
    )
    .await
    .unwrap();
    assert_eq!(of(&report, File::Payments), (1, 0, 1));
    let invoice = "{ invoice(by: { number: \"8801\" }) { total paid outstanding before: status(asOf: \"2026-04-01\") status(asOf: \"2026-04-02\") } }";
    let answer = app.office().query(invoice).await;
    assert_eq!(
        answer["invoice"],
        json!({ "total": "14139.14", "paid": "14139.14", "outstanding": "0.00", "before": "OVERDUE", "status": "PAID" })
    );
    let revenue = "{ revenue(input: { from: \"2026-01-01\", to: \"2026-12-31\", basis: PAID }) { total { net vat gross } } }";
    // Beta has paid 2 000.02.
    assert_eq!(app.office().query(revenue).await["revenue"]["total"]["gross"], "16139.16");
    // A payment that was booked wrongly is corrected.
    let report =
        try_invoices(&app, "", "", "faktura-alfa,2026-04-02,139.13,BG-REST\n").await.unwrap();
    assert_eq!(of(&report, File::Payments), (0, 1, 0));
    assert_eq!(app.office().query(invoice).await["invoice"]["paid"], "1139.14");
    assert_eq!(app.office().query(revenue).await["revenue"]["total"]["gross"], "3139.16");
    assert_eq!(domain::revenue::violations(&app.db).await.unwrap(), Vec::<String>::new());
});

on_both!(part_payments_in_any_order_pay_every_line_to_the_ore, |app| async move {
    app.import(FILES).await;
    let lines = "delad,Ett,bip,,,,1,0.33,STANDARD_25\ndelad,Två,indikatorer,,,,1,0.33,STANDARD_25\ndelad,Tre,,,,,1,0.07,STANDARD_25\n";
    try_invoices(
        &app,
        "delad,8803,INVOICE,alfa,2025-03-01,2025-03-31,\n",
        lines,
        "delad,2025-03-20,0.40,BG-SEN\n",
    )
    .await
    .unwrap();
    // An earlier payment comes to light, so that the later one pays other parts of the lines; then
    // the rest.
    try_invoices(&app, "", "", "delad,2025-03-10,0.11,BG-TIDIG\n").await.unwrap();
    assert_eq!(domain::revenue::violations(&app.db).await.unwrap(), Vec::<String>::new());
    try_invoices(&app, "", "", "delad,2025-04-10,0.40,BG-REST\n").await.unwrap();
    assert_eq!(domain::revenue::violations(&app.db).await.unwrap(), Vec::<String>::new());
    let rows = async |basis: &str| {
        let report = format!(
            "{{ revenue(input: {{ from: \"2025-01-01\", to: \"2025-12-31\", basis: {basis} }}) {{ rows {{ activity {{ slug }} net vat gross }} }} }}"
        );
        app.finance().query(&report).await["revenue"]["rows"].clone()
    };
    assert_eq!(rows("PAID").await, rows("INVOICED").await);
});

on_both!(bad_invoices_are_reported_with_their_file_and_line, |app| async move {
    app.import(FILES).await;
    let bad = bad_rows(
        try_invoices(
            &app,
            "a,9001,INVOICE,alfa,2026-05-01,2026-05-31,\n\
             b,9001,INVOICE,alfa,2026-05-01,2026-05-31,\n\
             c,9003,INVOICE,alfa,2026-05-01,,\n\
             d,,INVOICE,alfa,2026-05-01,2026-05-31,faktura-alfa\n\
             e,9005,INVOICE,alfa,2026-05-01,2026-05-31,\n\
             f,9006,INVOICE,alfa,2026-05-01,2026-05-31,\n\
             g,9007,INVOICE,alfa,2026-05-01,2026-05-31,\n\
             k1,K1,CREDIT_NOTE,alfa,2026-05-01,,faktura-alfa\n\
             k2,K2,CREDIT_NOTE,alfa,2026-05-01,,faktura-alfa\n\
             k3,K3,CREDIT_NOTE,beta,2026-02-01,,faktura-alfa\n\
             k4,K4,CREDIT_NOTE,alfa,2026-05-01,,k1\n\
             k5,K5,CREDIT_NOTE,alfa,2026-05-01,,c\n\
             k6,K6,CREDIT_NOTE,alfa,2026-05-01,,faktura-alfa\n\
             utkast,,INVOICE,alfa,,,\n",
            "a,Rad,,,,,1,100.00,STANDARD_25\n\
             b,Rad,,,,,1,100.00,STANDARD_25\n\
             e,Rad,,,,,1,100.00,STANDARD_25\n\
             e,Rad,,,,,1,100.00,OUTSIDE_SCOPE\n\
             f,Rad,nej,,2026-02-01,2026-01-01,0,1.005,GRATIS\n\
             g,Rad,nej,,,,1,1.00,ZERO\n\
             k1,Rad,,,,,1,9000.00,STANDARD_25\n\
             k2,Rad,,,,,1,9000.00,STANDARD_25\n\
             k3,Rad,,,,,1,1.00,STANDARD_25\n\
             k4,Rad,,,,,1,1.00,STANDARD_25\n\
             k5,Rad,,,,,1,1.00,STANDARD_25\n\
             k6,Rad,,,,,1,1.00,STANDARD_25\n\
             d,Rad,,,,,1,1.00,STANDARD_25\n\
             ingen,Rad,,,,,1,1.00,ZERO\n\
             c,Rad,,,,,1,100.00,STANDARD_25\n",
            "a,2026-04-30,1.00,X\na,2026-05-01,1.00,X\nutkast,2026-05-01,1.00,X\nk6,2026-05-02,1.00,X\ningen,2026-05-02,1.00,X\na,2026-05-02,0.00,Y\nc,2026-05-02,1.00,Y\n",
        )
        .await,
    );
    assert_eq!(
        bad,
        [
            "invoices.csv:3: number: is that of another document too",
            "invoices.csv:4: due_on: must not be empty for what is issued",
            "invoices.csv:5: number: must be given together with issued_on: a draft has neither",
            "invoices.csv:5: credits: must be empty but for a credit note",
            "invoices.csv:6: has lines outside the scope of VAT together with others; they need an invoice of their own",
            "invoices.csv:10: credits: has 2889.14 left of invoice 8801 to credit, and this credits 11250.00",
            "invoices.csv:11: buyer: must be that of the invoice that it credits",
            "invoices.csv:11: issued_on: must not be before 2026-03-01, when the invoice was issued",
            "invoices.csv:12: credits: there is no invoice k1",
            "invoice_lines.csv:6: quantity: is not a quantity; write a number above 0 with at most three decimals, as 1.5",
            "invoice_lines.csv:6: unit_price: has more than two decimals; write kronor as 26800.00",
            "invoice_lines.csv:6: vat_rate: is none of STANDARD_25, REDUCED_12, REDUCED_6, ZERO, EXEMPT, OUTSIDE_SCOPE",
            "invoice_lines.csv:6: activity: there is no activity nej",
            "invoice_lines.csv:7: activity: there is no activity nej",
            "invoice_lines.csv:15: invoice: there is no invoice ingen",
            "payments.csv:2: received_on: must not be before 2026-05-01, when the invoice was issued",
            "payments.csv:3: reference: is that of line 2 too, of the same invoice: the same payment",
            "payments.csv:4: invoice: is a draft, and can't be paid before it is issued",
            "payments.csv:5: invoice: is a credit note; payments are of invoices",
            "payments.csv:6: invoice: there is no invoice ingen",
            "payments.csv:7: amount: must be above zero",
        ]
    );
});

on_both!(credit_notes_settle_what_they_credit, |app| async move {
    app.import(FILES).await;
    // The credit note stands before its invoice, the lines in any order.
    let heads =
        "k9,K9,CREDIT_NOTE,alfa,2026-06-10,,f9\nf9,2026-09,INVOICE,alfa,2026-06-01,2026-07-01,\n";
    let lines = "k9,Kreditering,bip,,,,1,100.00,STANDARD_25\nf9,Ett,bip,,,,2,50.00,STANDARD_25\nf9,Två,,,,,1.5,100.00,STANDARD_25\n";
    let report = try_invoices(&app, heads, lines, "f9,2026-06-20,187.50,BG-9\n").await.unwrap();
    assert_eq!(
        (of(&report, File::Invoices), of(&report, File::InvoiceLines), of(&report, File::Payments)),
        ((2, 0, 0), (3, 0, 0), (1, 0, 0))
    );
    let answer = app
        .office()
        .query(
            "{ invoice(by: { number: \"2026-09\" }) { ocr net vat total paid outstanding status(asOf: \"2026-06-19\") settled: status(asOf: \"2026-06-20\")
                 lines { description quantity net account } creditNotes { number total credits { number } } } }",
        )
        .await;
    assert_eq!(
        answer["invoice"],
        json!({
            "ocr": samregister_ocr("202609"), "net": "250.00", "vat": "62.50", "total": "312.50", "paid": "187.50", "outstanding": "0.00",
            "status": "ISSUED", "settled": "PAID",
            "lines": [
                { "description": "Ett", "quantity": "2", "net": "100.00", "account": "3041" },
                { "description": "Två", "quantity": "1.5", "net": "150.00", "account": "3041" },
            ],
            "creditNotes": [{ "number": "K9", "total": "125.00", "credits": { "number": "2026-09" } }],
        })
    );
    let revision = app.revision().await;
    try_invoices(&app, heads, lines, "f9,2026-06-20,187.50,BG-9\n").await.unwrap();
    assert_eq!(app.revision().await, revision);
    assert_eq!(domain::revenue::violations(&app.db).await.unwrap(), Vec::<String>::new());

    // A draft changes until it is issued.
    let draft = "u1,,INVOICE,beta,,,\n";
    try_invoices(&app, draft, "u1,Ett,,,,,1,10.00,EXEMPT\nu1,Två,,,,,1,20.00,EXEMPT\n", "")
        .await
        .unwrap();
    let report = try_invoices(
        &app,
        "u1,8803,INVOICE,beta,2026-07-01,2026-07-31,\n",
        "u1,Två,,,,,1,25.00,EXEMPT\n",
        "",
    )
    .await
    .unwrap();
    assert_eq!(
        (of(&report, File::Invoices), of(&report, File::InvoiceLines)),
        ((0, 1, 0), (0, 1, 0))
    );
    let answer = app
        .office()
        .query("{ invoice(by: { number: \"8803\" }) { total lines { description } } }")
        .await;
    assert_eq!(answer["invoice"], json!({ "total": "25.00", "lines": [{ "description": "Två" }] }));
    assert_eq!(domain::revenue::violations(&app.db).await.unwrap(), Vec::<String>::new());
});

fn samregister_ocr(base: &str) -> String {
    entity::number::ocr(base).unwrap()
}
