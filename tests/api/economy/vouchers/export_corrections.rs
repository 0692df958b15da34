//! Corrections of exported vouchers that were matched, found to be duplicates or reported in detail
//! afterwards: the exported voucher stays, and a later batch has a correcting one.

use std::{collections::BTreeMap, fs, path::Path};

use domain::{
    auth::viewer::Viewer,
    config::Network,
    error::ValidationErrors,
    interchange::{export::export, import::import as import_folder},
    output::OwnFiles,
    vouchers::{export, export_batches},
};
use serde_json::{Value, json};

use crate::{
    economy::payments::refunds::books,
    economy::vouchers::export_batches::{issued, new_batch},
    support::{
        app::{App, on_both},
        bank_fixtures::{bank_payments, bgmax, camt, entry, import, payment, waiting},
        invoicing_fixtures::{fill, member},
        payment_fixtures::{adds_up, does, id, invoice, ocr, pays},
        register_files::{exported, try_import},
    },
};

const TODAY: &str = "2026-12-10";

/// An entry of a camt file that is reported as a total.
pub(super) const TOTAL: &str = "<AcctSvcrRef>B9</AcctSvcrRef>";

/// Returns the sum of each account of a file, in öre.
fn sums(file: &[u8]) -> BTreeMap<String, i64> {
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for line in file.iter().map(|byte| char::from(*byte)).collect::<String>().lines() {
        let Some(line) = line.strip_prefix("#TRANS ") else { continue };
        let (account, amount) = (line.split(' ').next().unwrap(), line.rsplit(' ').next().unwrap());
        *sums.entry(account.to_owned()).or_default() +=
            amount.replace('.', "").parse::<i64>().unwrap();
    }
    sums
}

/// The batches so far, and what the bank's statement and people say.
#[derive(Default)]
pub(super) struct Exports {
    pub(super) batches: Vec<Vec<u8>>,
    pub(super) bank: i64,
}

impl Exports {
    /// Makes a new batch of what a step changed, which adds so many öre to the bank's account; all
    /// batches come to what all days come to, and those before are as they were.
    pub(super) async fn step(&mut self, app: &App, name: &str, bank: i64) {
        self.bank += bank;
        self.batches.extend(new_batch(app, TODAY).await);
        assert_eq!(new_batch(app, TODAY).await, None, "{name}: each voucher is exported once");
        let mut all: BTreeMap<String, i64> = BTreeMap::new();
        for (number, file) in (1..).zip(&self.batches) {
            let again = export_batches::by_number(app.context(&Viewer::operator("sie")), number)
                .await
                .unwrap();
            assert!(again.content == *file, "{name}: batch {number}");
            sums(file)
                .into_iter()
                .for_each(|(account, sum)| *all.entry(account).or_default() += sum);
        }
        all.retain(|_, sum| *sum != 0);
        assert_eq!(all, books(app, "2020-01-01", "2099-12-31"), "{name}");
        assert_eq!(all.get("1930").copied().unwrap_or_default(), self.bank, "{name}: {all:?}");
        adds_up(app).await;
    }

    /// The last batch as text.
    pub(super) fn last(&self) -> String {
        self.batches
            .last()
            .map(|file| file.iter().map(|byte| char::from(*byte)).collect())
            .unwrap_or_default()
    }
}

/// A BgMax file of one payment on a day, which is known by a serial number of its own.
pub(super) fn deposit(day: &str, serial: usize, reference: &str, ore: i64) -> String {
    let file = String::from_utf8(bgmax(&[payment(reference, ore, [])])).unwrap();
    let file = file.replace("2026112000001", &format!("{day}{serial:05}"));
    file.replace("490630170000", &format!("4906{serial:08}"))
}

/// An entry of a camt file on a day.
pub(super) fn on(day: &str, direction: &str, sum: &str, rest: &str) -> String {
    entry(direction, sum, &format!("<BookgDt><Dt>{day}</Dt></BookgDt>{rest}"))
}

/// The id of the bank payment that waits with this sum.
pub(super) async fn waits(app: &App, amount: &str) -> Value {
    waiting(app).await.iter().find(|row| row["amount"] == amount).unwrap()["id"].clone()
}

/// The last of an invoice's payments or refunds.
pub(super) async fn last_of(app: &App, number: &str, list: &str) -> Value {
    let rows = invoice(app, number, &format!("{list} {{ id reverses: reason }}")).await[list]
        .as_array()
        .unwrap()
        .clone();
    rows.into_iter().rfind(|row| row["reverses"].is_null()).unwrap()["id"].clone()
}

/// A register with four issued invoices of 125.00, 250.00, 50.00 and 62.50, and their numbers; it
/// is the 10th of December.
pub(super) async fn invoiced(app: &App) -> (App, Vec<String>) {
    let (app, _) = fill(app, 12).await;
    let buyer = member(&app, 1).await;
    let mut numbers = Vec::new();
    for price in ["100.00", "200.00", "40.00", "50.00"] {
        numbers.push(issued(&app, &buyer, price).await);
    }
    (app.at("2026-12-10T09:00:00Z"), numbers)
}

on_both!(all_batches_come_to_what_all_days_come_to_after_every_step, |app| async move {
    let (app, numbers) = invoiced(&app).await;
    let [a, b, c, d] = &numbers[..] else { panic!("{numbers:?}") };
    let mut exports = Exports::default();
    exports.step(&app, "four invoices", 0).await;

    // A receipt that waits, is matched, reversed, and matched with another.
    import(&app, "1.txt", deposit("20261201", 1, "Tack", 12_500)).await;
    exports.step(&app, "a receipt that waits", 12_500).await;
    let row = waits(&app, "125.00").await;
    does(
        &app,
        "bankPaymentMatch",
        json!({ "bankPaymentId": row, "invoiceId": id(&app, a).await, "bookedOn": "2026-12-01" }),
        "id",
    )
    .await
    .data();
    exports.step(&app, "matched on the bank's day", 0).await;
    let wrong = json!({ "paymentId": last_of(&app, a, "payments").await, "reason": "Fel faktura" });
    does(&app, "paymentReverse", wrong, "id").await.data();
    exports.step(&app, "taken back", 0).await;
    does(
        &app,
        "bankPaymentMatch",
        json!({ "bankPaymentId": row, "invoiceId": id(&app, b).await }),
        "id",
    )
    .await
    .data();
    exports.step(&app, "matched again", 0).await;

    // A payment that was recorded and exported, and that the bank reports on another day.
    let recorded = json!({ "invoiceId": id(&app, b).await, "receivedOn": "2026-12-02", "amount": "125.00", "reference": "kontoutdrag", "isDifferentPayment": true });
    does(&app, "paymentRecord", recorded, "id").await.data();
    exports.step(&app, "recorded manually", 12_500).await;
    assert!(
        import(&app, "2.txt", deposit("20261203", 2, &ocr(&app, b).await, 12_500)).await[0]
            .starts_with("AMBIGUOUS")
    );
    exports.step(&app, "its bank row, which no one has linked yet", 12_500).await;
    let recorded =
        invoice(&app, b, "payments { id reference }").await["payments"].as_array().unwrap().clone();
    let recorded =
        recorded.iter().find(|row| row["reference"] == "kontoutdrag").unwrap()["id"].clone();
    let link = json!({ "bankPaymentId": waits(&app, "125.00").await, "invoiceId": id(&app, b).await, "recordedPaymentId": recorded });
    does(&app, "bankPaymentMatch", link, "id").await.data();
    exports.step(&app, "linked", -12_500).await;
    assert!(
        exports.last().contains("20261202") && exports.last().contains("#TRANS 1930 {} -125.00"),
        "{}",
        exports.last()
    );

    // Overpaid, paid back manually and by a row, and each of them reversed.
    import(&app, "3.txt", deposit("20261204", 3, &ocr(&app, a).await, 20_000)).await;
    exports.step(&app, "matched by its reference", 20_000).await;
    let manual = json!({ "invoiceId": id(&app, a).await, "paidOn": "2026-12-05", "amount": "75.00", "reference": "UT-1" });
    does(&app, "refundRecord", manual, "invoice { id }").await.data();
    exports.step(&app, "paid back", -7_500).await;
    let slip = json!({ "refundId": last_of(&app, a, "refunds").await, "reason": "Kom tillbaka" });
    does(&app, "refundReverse", slip, "invoice { id }").await.data();
    exports.step(&app, "the refund reversed", 7_500).await;
    let words = format!(
        "<AcctSvcrRef>U-1</AcctSvcrRef><NtryDtls><TxDtls><RmtInf><Ustrd>Faktura {a}</Ustrd></RmtInf></TxDtls></NtryDtls>"
    );
    import(&app, "4.xml", camt("<Id>N4</Id>", &on("2026-12-07", "DBIT", "75.00", &words))).await;
    assert_eq!(invoice(&app, a, "overpaid").await["overpaid"], "0.00");
    exports.step(&app, "paid back by a row", -7_500).await;
    let slip = json!({ "refundId": last_of(&app, a, "refunds").await, "reason": "Fel faktura" });
    does(&app, "refundReverse", slip, "invoice { id }").await.data();
    exports.step(&app, "the row's refund reversed", 0).await;
    let again =
        json!({ "invoiceId": id(&app, a).await, "bankPaymentId": waits(&app, "-75.00").await });
    does(&app, "refundRecord", again, "invoice { id }").await.data();
    assert_eq!(invoice(&app, a, "overpaid").await["overpaid"], "0.00");
    exports.step(&app, "the row's refund recorded again", 0).await;

    // Two rows of the same money, one marked after both were exported, reopened and marked again.
    import(&app, "5.txt", deposit("20261208", 5, "Gava", 5_000)).await;
    import(&app, "6.txt", deposit("20261208", 6, "Gava", 5_000)).await;
    exports.step(&app, "two rows of the same money", 10_000).await;
    let rows: Vec<Value> = waiting(&app)
        .await
        .iter()
        .filter(|row| row["amount"] == "50.00")
        .map(|row| row["id"].clone())
        .collect();
    let mark = json!({ "bankPaymentId": rows[0], "duplicateOfId": rows[1] });
    does(&app, "bankPaymentMarkDuplicate", mark.clone(), "bankPayment { id }").await.data();
    exports.step(&app, "one of them marked", -5_000).await;
    assert!(
        exports.last().contains("20261208") && exports.last().contains("av B"),
        "{}",
        exports.last()
    );
    does(&app, "bankPaymentReopen", json!({ "bankPaymentId": rows[0] }), "id").await.data();
    exports.step(&app, "reopened", 5_000).await;
    does(&app, "bankPaymentMarkDuplicate", mark, "bankPayment { id }").await.data();
    exports.step(&app, "marked again", -5_000).await;

    // A total that is reported in details later.
    let details: String = ["B9-1", "B9-2"]
        .map(|own| format!("<TxDtls><Refs><AcctSvcrRef>{own}</AcctSvcrRef></Refs><Amt Ccy=\"SEK\">150.00</Amt></TxDtls>"))
        .concat();
    import(&app, "7.xml", camt("<Id>N7</Id>", &on("2026-12-09", "CRDT", "300.00", TOTAL))).await;
    exports.step(&app, "a total", 30_000).await;
    let rest = format!("{TOTAL}<NtryDtls>{details}</NtryDtls>");
    assert_eq!(
        import(&app, "8.xml", camt("<Id>N8</Id>", &on("2026-12-09", "CRDT", "300.00", &rest)))
            .await
            .len(),
        2
    );
    exports.step(&app, "the total in details", 0).await;

    // A credit note, and a difference that is written off.
    does(&app, "invoiceCredit", json!({ "invoiceId": id(&app, c).await, "reason": "Fel" }), "id")
        .await
        .data();
    exports.step(&app, "credited", 0).await;
    pays(&app, d, "2026-12-09", "62.00", "KORT").await.data();
    exports.step(&app, "a difference", 6_200).await;
    let state = invoice(&app, d, "status").await["status"].clone();
    if state != "PAID" {
        does(
            &app,
            "invoiceWriteOff",
            json!({ "invoiceId": id(&app, d).await, "reason": "Ören" }),
            "invoice { id }",
        )
        .await
        .data();
        exports.step(&app, "written off", 0).await;
    }
    assert_eq!(app.program().arg("verify").output().unwrap().status.code(), Some(0));
});

on_both!(a_correction_is_booked_on_an_open_day, |app| async move {
    let (app, _) = invoiced(&app).await;
    let mut exports = Exports::default();
    import(&app, "1.txt", deposit("20261201", 1, "Tack", 5_000)).await;
    import(&app, "2.txt", deposit("20261201", 2, "Tack", 5_000)).await;
    does(&app, "periodClose", json!({ "closedThrough": "2026-12-05" }), "booksClosedThrough")
        .await
        .data();
    let december = books(&app, "2026-12-01", "2026-12-05");
    let rows: Vec<Value> = waiting(&app).await.iter().map(|row| row["id"].clone()).collect();
    // Nothing that is closed vanishes: it must be exported before it can be corrected.
    let mark = json!({ "bankPaymentId": rows[0], "duplicateOfId": rows[1] });
    assert_eq!(
        does(&app, "bankPaymentMarkDuplicate", mark, "bankPayment { id }").await.reason(),
        "PERIOD_CLOSED"
    );
    exports.step(&app, "two rows of the same money", 10_000).await;
    does(
        &app,
        "bankPaymentMarkDuplicate",
        json!({ "bankPaymentId": rows[0], "duplicateOfId": rows[1] }),
        "bankPayment { id }",
    )
    .await
    .data();

    // Until the next batch, the register says that there is something to correct.
    let verified = app.program().arg("verify").output().unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&verified.stdout),
        String::from_utf8_lossy(&verified.stderr)
    );
    assert!(
        verified.status.success() && said.contains("the next export batch corrects it"),
        "{said}"
    );
    // Through an earlier day there is nothing new.
    assert_eq!(new_batch(&app, "2026-12-05").await, None);
    exports.step(&app, "one of them marked", -5_000).await;
    assert!(
        exports.last().contains(" 20261206 ") && exports.last().contains("#TRANS 1930 {} -50.00"),
        "{}",
        exports.last()
    );
    assert_eq!(books(&app, "2026-12-01", "2026-12-05"), december, "what was closed stays");

    // Other accounts in the settings are those of what comes next, and a correction is on the
    // accounts of what it corrects.
    let mut network = Network { name: Some("Nätverket".into()), ..Network::default() };
    (network.accounts.bank, network.accounts.observation) = (1940, 2990);
    let export = async || {
        export::export(
            app.context(&Viewer::operator("sie")),
            &network,
            TODAY.parse().unwrap(),
            ValidationErrors::default(),
        )
        .await
    };
    assert!(export().await.unwrap().is_none());
    does(&app, "bankPaymentReopen", json!({ "bankPaymentId": rows[0] }), "id").await.data();
    let corrected = sums(&export().await.unwrap().unwrap().content);
    assert_eq!(
        corrected,
        BTreeMap::from(
            [("1930", 5_000), ("2890", -5_000)].map(|(account, sum)| (account.to_owned(), sum))
        )
    );
    assert!(export().await.unwrap().is_none());
});

on_both!(an_export_carries_corrections, |app| async move {
    let (app, _) = invoiced(&app).await;
    let mut exports = Exports::default();
    import(&app, "1.txt", deposit("20261201", 1, "Tack", 5_000)).await;
    import(&app, "2.txt", deposit("20261201", 2, "Tack", 5_000)).await;
    exports.step(&app, "two rows of the same money", 10_000).await;
    let rows: Vec<Value> =
        bank_payments(&app, "").await.iter().map(|row| row["id"].clone()).collect();
    does(
        &app,
        "bankPaymentMarkDuplicate",
        json!({ "bankPaymentId": rows[0], "duplicateOfId": rows[1] }),
        "bankPayment { id }",
    )
    .await
    .data();
    exports.step(&app, "one of them marked", -5_000).await;

    let (files, again, other) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), app.another().await);
    let other = other.at("2026-12-10T10:00:00Z");
    export(
        app.context(&Viewer::operator("export")),
        &OwnFiles::default(),
        files.path(),
        &mut |_| {},
    )
    .await
    .unwrap();
    import_folder(
        other.context(&Viewer::operator("import")),
        &Network::default(),
        files.path(),
        false,
        &mut |_| {},
    )
    .await
    .unwrap();
    export(
        other.context(&Viewer::operator("export")),
        &OwnFiles::default(),
        again.path(),
        &mut |_| {},
    )
    .await
    .unwrap();
    let read = |folder: &Path| fs::read_to_string(folder.join("vouchers.csv")).unwrap();
    assert_eq!(read(files.path()), read(again.path()));
    assert_eq!(
        read(files.path()).lines().filter(|line| line.ends_with(",2")).count(),
        1,
        "{}",
        read(files.path())
    );
    exports.step(&other, "the same in another register", 0).await;
    assert_eq!(other.program().arg("verify").output().unwrap().status.code(), Some(0));
});

on_both!(a_later_export_brings_the_day_of_a_payment_that_was_reopened, |app| async move {
    let (app, _) = invoiced(&app).await;
    import(&app, "1.txt", deposit("20261201", 1, "Tack", 5_000)).await;
    import(&app, "2.txt", deposit("20261201", 2, "Tack", 5_000)).await;
    let rows: Vec<Value> =
        bank_payments(&app, "").await.iter().map(|row| row["id"].clone()).collect();
    let mark = json!({ "bankPaymentId": rows[0], "duplicateOfId": rows[1] });
    // The one register has an export of before it was marked, the other one of after that.
    let [unmarked, marked] =
        [app.another().await, app.another().await].map(|other| other.at("2026-12-10T10:00:00Z"));
    try_import(&unmarked, &exported(&app).await).await.unwrap();
    does(&app, "bankPaymentMarkDuplicate", mark, "bankPayment { id }").await.data();
    try_import(&marked, &exported(&app).await).await.unwrap();

    does(&app, "periodClose", json!({ "closedThrough": "2026-12-05" }), "booksClosedThrough")
        .await
        .data();
    let reopened =
        does(&app, "bankPaymentReopen", json!({ "bankPaymentId": rows[0] }), "bookedOn").await;
    assert_eq!(reopened["bankPaymentReopen"]["bookedOn"], "2026-12-06");
    let files = exported(&app).await;
    for other in [unmarked, marked] {
        try_import(&other, &files).await.unwrap();
        assert_eq!(exported(&other).await["bank_payments.csv"], files["bank_payments.csv"]);
        let before = other.revision().await;
        try_import(&other, &files).await.unwrap();
        assert_eq!(other.revision().await, before);
        assert_eq!(other.program().arg("verify").output().unwrap().status.code(), Some(0));
    }
});

on_both!(vouchers_that_an_import_brings_stand_in_the_trail, |app| async move {
    let entries = async |app: &App| {
        let nodes = app
            .office()
            .query("{ auditEntries(first: 100) { nodes { action after } } }")
            .await["auditEntries"]["nodes"]
            .clone();
        let nodes = nodes.as_array().unwrap().clone();
        nodes
            .into_iter()
            .filter(|node| node["action"] == "import" && !node["after"]["vouchers"].is_null())
            .collect::<Vec<_>>()
    };
    // History was booked elsewhere.
    let (app, _) = invoiced(&app).await;
    let head = "key,number,kind,buyer,issued_on,due_on,credits\nold,900,INVOICE,m1,2026-01-21,2026-02-21,\n";
    let lines = "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\nold,Kurs,,,,,1,1.00,ZERO\n";
    app.import(&[("invoices.csv", head), ("invoice_lines.csv", lines)]).await;
    let found = entries(&app).await;
    assert_eq!(
        found.iter().map(|node| node["after"]["vouchers"].clone()).collect::<Vec<_>>(),
        [json!(1)]
    );
    // The same again is no change, and vouchers.csv alone is one.
    let before = app.revision().await;
    app.import(&[("invoices.csv", head), ("invoice_lines.csv", lines)]).await;
    assert_eq!(app.revision().await, before);
    let key = {
        let folder = tempfile::tempdir().unwrap();
        export(
            app.context(&Viewer::operator("export")),
            &OwnFiles::default(),
            folder.path(),
            &mut |_| {},
        )
        .await
        .unwrap();
        let invoices = fs::read_to_string(folder.path().join("invoices.csv")).unwrap();
        invoices
            .lines()
            .skip(1)
            .map(|line| line.split(',').next().unwrap().to_owned())
            .find(|key| key != "old")
            .unwrap()
    };
    let vouchers =
        format!("source,invoice,reference,series,year,number,batch\nINVOICE,{key},,,,,\n");
    app.import(&[("vouchers.csv", &vouchers)]).await;
    assert_eq!(app.revision().await, before + 1);
    assert_eq!(entries(&app).await.len(), 2);
    app.import(&[("vouchers.csv", &vouchers)]).await;
    assert_eq!(app.revision().await, before + 1);
    assert_eq!(app.program().arg("verify").output().unwrap().status.code(), Some(0));
});
