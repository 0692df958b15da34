//! A small ledger with invoices to pay, and functions that record and read payments.

use domain::{auth::viewer::Viewer, interchange::bank, revenue};
use entity::money::Money;
use serde_json::{Value, json};

use crate::support::{
    app::App,
    bank_fixtures::own_network,
    caller::Answer,
    fixtures::{BUYERS, EARNERS},
};

/// Two members and a company with invoices at several rates, one of them credited, and a draft.
pub const LEDGER: [(&str, &str); 5] = [
    BUYERS[0],
    BUYERS[1],
    EARNERS,
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

/// The total of 1001: 1250.00, 500.00 and 105.99.
pub const TOTAL_OF_1001: &str = "1855.99";

/// Returns a selection of an invoice, by its number.
pub async fn invoice(app: &App, number: &str, selection: &str) -> Value {
    let document = format!(
        "query($number: String!) {{ invoice(by: {{ number: $number }}) {{ {selection} }} }}"
    );
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

/// Sends a mutation as finance, and asks this of what it changed.
pub async fn does(app: &App, name: &str, input: Value, selection: &str) -> Answer {
    app.finance().does(name, selection, input).await
}

/// Records a payment.
pub async fn pays(
    app: &App,
    number: &str,
    received_on: &str,
    amount: &str,
    reference: &str,
) -> Answer {
    let input = json!({ "invoiceId": id(app, number).await, "receivedOn": received_on, "amount": amount, "reference": reference });
    does(app, "paymentRecord", input, "paid outstanding overpaid status").await
}

/// Everything of the ledger is what it must be.
pub async fn adds_up(app: &App) {
    assert_eq!(revenue::violations(&app.db).await.unwrap(), Vec::<String>::new());
}

/// Returns the payments of these days with VAT, by activity's slug (`-` for none, and for what pays
/// no line), as the revenue report has it.
pub async fn came_in(app: &App, from: &str, to: &str) -> Vec<(String, String)> {
    let document = "query($input: RevenueInput!) { revenue(input: $input) { rows { activity { slug } gross unattributed } } }";
    let input = json!({ "from": from, "to": to, "basis": "PAID", "groupBy": ["ACTIVITY"] });
    let answer = app.finance().ask(document, json!({ "input": input })).await;
    let ore = |amount: &Value| amount.as_str().unwrap().replace('.', "").parse::<i64>().unwrap();
    let row = |row: &Value| {
        let all = Money(ore(&row["gross"]) + ore(&row["unattributed"]));
        (row["activity"]["slug"].as_str().unwrap_or("-").to_owned(), all.to_string())
    };
    let mut rows: Vec<_> = answer["revenue"]["rows"].as_array().unwrap().iter().map(row).collect();
    rows.sort();
    rows
}

/// A payment of a krona that the bank reported and that waits to be matched.
pub async fn bank_payment(app: &App, payer: &str, serial: usize) -> String {
    let ore = 100;
    let lines = [
        "01BGMAX               0120261120173035010331P".to_owned(),
        "050050501055          SEK".to_owned(),
        format!("200000000000{:25}{ore:018}11{serial:012}0", ""),
        format!("26{payer}"),
        format!("15{:035}20261120{serial:05}{ore:018}SEK00000001", 0),
        "7000000001000000000000000000000001".to_owned(),
    ];
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), lines.join("\n")).unwrap();
    let viewer = Viewer::operator("payments import");
    bank::import(app.context(&viewer), &own_network(), file.path(), false, &mut |_, _| {})
        .await
        .unwrap();
    let document = "{ bankPayments(first: 200) { nodes { id bankReference } } }";
    let nodes =
        app.office().query(document).await["bankPayments"]["nodes"].as_array().unwrap().clone();
    let own = format!("BG 50501055 20261120 {serial:05} {serial}");
    nodes.iter().find(|node| node["bankReference"] == own).unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// A good input of a refund of an invoice, of which so much is paid that there is something to pay
/// back.
async fn refundable(app: &App, invoice: &str, permit: usize) -> Value {
    let paid = json!({ "invoiceId": invoice, "receivedOn": "2026-11-01", "amount": "30000.00", "reference": format!("Ö{permit}") });
    app.office().does("paymentRecord", "id", paid).await.data();
    json!({ "invoiceId": invoice, "paidOn": "2026-11-02", "amount": "1.00", "reference": format!("UT{permit}") })
}

/// A good input of each mutation on what comes in, for an invoice that is overdue; each round's is
/// another.
pub async fn input(app: &App, invoice: &str, name: &str, permit: usize) -> Value {
    let payment = |reference: &str| json!({ "invoiceId": invoice, "receivedOn": "2026-11-01", "amount": "1.00", "reference": reference });
    match name {
        "paymentRecord" => payment(&format!("B{permit}")),
        "paymentReverse" => {
            let reference = format!("R{permit}");
            let recorded = app
                .office()
                .does("paymentRecord", "payments { id reference }", payment(&reference))
                .await;
            let payments = recorded["paymentRecord"]["payments"].as_array().unwrap().clone();
            json!({ "paymentId": payments.iter().find(|payment| payment["reference"] == reference).unwrap()["id"], "reason": "Fel" })
        }
        "refundRecord" => refundable(app, invoice, permit).await,
        "refundReverse" => {
            let (permit, input) = (40 + permit, refundable(app, invoice, 40 + permit).await);
            let recorded = app
                .office()
                .does("refundRecord", "invoice { refunds { id reference } }", input)
                .await;
            let refunds =
                recorded["refundRecord"]["invoice"]["refunds"].as_array().unwrap().clone();
            let reference = format!("UT{permit}");
            json!({ "refundId": refunds.iter().find(|refund| refund["reference"] == reference).unwrap()["id"], "reason": "Fel" })
        }
        "invoiceWriteOff" => {
            // Nothing was paid of it, so that no setting writes it off.
            let number = 99_000 + permit;
            let files = [
                (
                    "invoices.csv",
                    format!(
                        "key,number,kind,buyer,issued_on,due_on,credits\nliten-{permit},{number},INVOICE,beta,2026-03-02,2026-04-01,\n"
                    ),
                ),
                (
                    "invoice_lines.csv",
                    format!(
                        "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\n\
                         liten-{permit},Avgift,,,,,1,0.50,OUTSIDE_SCOPE\n"
                    ),
                ),
            ];
            app.import(
                &files.iter().map(|(name, text)| (*name, text.as_str())).collect::<Vec<_>>(),
            )
            .await;
            json!({ "invoiceId": id(app, &number.to_string()).await, "reason": "Ören" })
        }
        "invoiceRemind" => {
            json!({ "invoiceId": invoice, "sentOn": format!("2026-08-{}", 10 + permit) })
        }
        "bankPaymentMatch" => {
            json!({ "bankPaymentId": bank_payment(app, "Betalare", 10 + permit).await, "invoiceId": invoice })
        }
        "bankPaymentMarkDuplicate" => json!({
            "bankPaymentId": bank_payment(app, "Betalare", 130 + permit).await,
            "duplicateOfId": bank_payment(app, "Betalare", 160 + permit).await,
        }),
        "bankPaymentExclude" => {
            json!({ "bankPaymentId": bank_payment(app, "Betalare", 40 + permit).await, "reason": "Annat" })
        }
        _ => {
            let payment = bank_payment(app, "Betalare", 70 + permit).await;
            app.office()
                .does(
                    "bankPaymentExclude",
                    "id",
                    json!({ "bankPaymentId": payment, "reason": "Annat" }),
                )
                .await
                .data();
            json!({ "bankPaymentId": payment })
        }
    }
}
