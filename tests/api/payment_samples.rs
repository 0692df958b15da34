//! A small ledger that payments come in on, and how tests ask about it.

use samregister::revenue;
use serde_json::{Value, json};

use crate::app::{Answer, App};

/// Two members and a company with invoices at several rates, one of them credited, and a draft.
pub const LEDGER: [(&str, &str); 5] = [
    (
        "members.csv",
        "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city
gotland,Gotland,222000-1834,,,,2019-01-01,,,,,,,
gavle,Gävle,222000-2568,,,,2019-01-01,,,,,,,
",
    ),
    ("organisations.csv", "key,name,org_number\nkonsult,Konsult AB,\n"),
    (
        "activities.csv",
        "key,slug,name,purpose,goal,funding,starts_on,ends_on
bip,bip,BIP,,,COURSE_INCOME,2020-01-01,
ind,indikatorer,Indikatorer,,,SPECIAL_FEE,2020-01-01,
",
    ),
    (
        "invoices.csv",
        "key,number,kind,buyer,issued_on,due_on,credits
a,1001,INVOICE,gotland,2026-01-15,2026-02-14,
b,1002,INVOICE,gavle,2026-03-01,2026-03-31,
c,1003,INVOICE,konsult,2026-11-01,2026-12-01,
d,1004,INVOICE,gavle,2026-11-02,2026-12-02,
e,1005,INVOICE,gavle,2026-02-01,2026-03-03,
note,1,CREDIT_NOTE,gavle,2026-02-10,,e
draft,,INVOICE,gotland,,,
",
    ),
    (
        "invoice_lines.csv",
        "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate
a,Avgift 2026,ind,,2026-01-01,2026-12-31,1,1000.00,STANDARD_25
a,Kurs,bip,,,,1,500.00,ZERO
a,Kurslitteratur,bip,,,,3,33.33,REDUCED_6
b,Kurs,bip,,,,1,800.00,ZERO
c,Kurs,bip,,,,1,1100.00,EXEMPT
d,Serviceavgift,,,,,1,1000.00,OUTSIDE_SCOPE
e,Avgift,ind,,,,1,100.00,STANDARD_25
note,Avgift,ind,,,,1,100.00,STANDARD_25
draft,Kurs,bip,,,,1,99.00,STANDARD_25
",
    ),
];

/// What 1001 comes to: 1250.00, 500.00 and 105.99.
pub const TOTAL_OF_1001: &str = "1855.99";

/// What is asked of an invoice, by its number.
pub async fn invoice(app: &App, number: &str, selection: &str) -> Value {
    let document = format!("query($number: String!) {{ invoice(by: {{ number: $number }}) {{ {selection} }} }}");
    app.finance().ask(&document, json!({ "number": number })).await["invoice"].clone()
}

/// An invoice's id.
pub async fn id(app: &App, number: &str) -> String {
    invoice(app, number, "id").await["id"].as_str().unwrap().to_owned()
}

/// An invoice's OCR reference.
pub async fn ocr(app: &App, number: &str) -> String {
    invoice(app, number, "ocr").await["ocr"].as_str().unwrap().to_owned()
}

/// Does a deed as finance, and asks this of what it changed.
pub async fn does(app: &App, name: &str, input: Value, selection: &str) -> Answer {
    app.finance().does(name, selection, input).await
}

/// Records a payment.
pub async fn pays(app: &App, number: &str, received_on: &str, amount: &str, reference: &str) -> Answer {
    let input = json!({ "invoice": id(app, number).await, "receivedOn": received_on, "amount": amount, "reference": reference });
    does(app, "paymentRecord", input, "paid outstanding overpaid state").await
}

/// Everything of the ledger is what it must be.
pub async fn adds_up(app: &App) {
    assert_eq!(revenue::breaches(&app.db).await.unwrap(), Vec::<String>::new());
}

/// What came in within these days with VAT, by activity's slug (`-` for none), as the revenue report has it.
pub async fn came_in(app: &App, from: &str, to: &str) -> Vec<(String, String)> {
    let document = "query($input: RevenueInput!) { revenue(input: $input) { rows { activity { slug } gross } } }";
    let input = json!({ "from": from, "to": to, "basis": "PAID", "groupBy": ["ACTIVITY"] });
    let answer = app.finance().ask(document, json!({ "input": input })).await;
    let row = |row: &Value| (row["activity"]["slug"].as_str().unwrap_or("-").to_owned(), row["gross"].as_str().unwrap().to_owned());
    let mut rows: Vec<_> = answer["revenue"]["rows"].as_array().unwrap().iter().map(row).collect();
    rows.sort();
    rows
}
