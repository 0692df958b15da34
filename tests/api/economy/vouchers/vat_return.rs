//! The VAT return: its boxes are equal from the bookkeeping file and from the invoices, to the öre.

use std::{collections::BTreeMap, fs, path::Path, process::Output};

use entity::money::Money;
use serde_json::Value;

use crate::support::{
    app::{App, on_both},
    fixtures::{BUYERS, EARNERS},
    random_ledger::RandomLedger,
};

const NETWORK: &str = "[network]\nname = 'NNS'\n[network.accounts]\nservice_fee = 3911\n[network.vat_boxes]\n3911 = '05'\n\
    [network.activities.bip]\nproject = 101\nrevenue = 3051\nrevenue_untaxed = 3054\n";

/// Amounts by box.
type Boxes = BTreeMap<String, Money>;

fn run(app: &App, folder: &Path, line: &str) -> Output {
    fs::write(folder.join("samregister.toml"), NETWORK).unwrap();
    app.program().current_dir(folder).args(line.split(' ')).output().unwrap()
}

fn add(boxes: &mut Boxes, name: &str, amount: Money) {
    *boxes.entry(name.to_owned()).or_default() += amount;
}

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

/// The boxes of a bookkeeping file, by the accounts that belong to each in the settings of the
/// tests.
fn of_file(text: &str) -> Boxes {
    let mut boxes = Boxes::new();
    for line in text.lines().filter_map(|line| line.trim_end().strip_prefix("#TRANS ")) {
        let name = match line.split(' ').next().unwrap() {
            "3041" | "3042" | "3043" | "3051" | "3911" => "05",
            "2611" => "10",
            "2621" => "11",
            "2631" => "12",
            "3308" => "39",
            "3305" => "40",
            "3044" | "3054" => "42",
            _ => continue,
        };
        add(&mut boxes, name, -money(line.rsplit(' ').next().unwrap()));
    }
    boxes
}

/// The boxes of every invoice and credit note that was issued, by the treatment of their lines.
async fn of_invoices(app: &App) -> Boxes {
    let (mut boxes, mut after) = (Boxes::new(), Value::Null);
    loop {
        let document = "query($after: String) { invoices(first: 100, after: $after) { pageInfo { hasNextPage endCursor }
            nodes { kind issuedOn lines { net vat vatRate account } } } }";
        let answer = app.finance().ask(document, serde_json::json!({ "after": after })).await;
        let found = &answer["invoices"];
        for node in
            found["nodes"].as_array().unwrap().iter().filter(|node| !node["issuedOn"].is_null())
        {
            let sign = |amount: &Value| {
                let amount = money(amount.as_str().unwrap());
                if node["kind"] == "CREDIT_NOTE" { -amount } else { amount }
            };
            for line in node["lines"].as_array().unwrap() {
                let (sales, vat) =
                    match (line["vatRate"].as_str().unwrap(), line["account"].as_str().unwrap()) {
                        ("STANDARD_25", _) => ("05", "10"),
                        ("REDUCED_12", _) => ("05", "11"),
                        ("REDUCED_6", _) => ("05", "12"),
                        (_, "3308") => ("39", ""),
                        (_, "3305") => ("40", ""),
                        _ => ("42", ""),
                    };
                add(&mut boxes, sales, sign(&line["net"]));
                if !vat.is_empty() {
                    add(&mut boxes, vat, sign(&line["vat"]));
                }
            }
        }
        if found["pageInfo"]["hasNextPage"] == false {
            return boxes;
        }
        after = found["pageInfo"]["endCursor"].clone();
    }
}

/// The boxes that the command adds up, from vouchers and from invoices.
fn reported(app: &App, folder: &Path, arguments: &str) -> [Boxes; 2] {
    let output = run(app, folder, &format!("vat-return {arguments} --format json --check"));
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
    ["vouchers", "invoices"].map(|column| {
        let row = |row: &Value| {
            (row["box"].as_str().unwrap().to_owned(), money(&row[column].to_string()))
        };
        rows.as_array().unwrap().iter().map(row).filter(|(_, sum)| *sum != Money::ZERO).collect()
    })
}

fn file(app: &App, folder: &Path, from: &str, to: &str) -> String {
    let output = run(app, folder, &format!("sie --from {from} --to {to}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout.iter().map(|byte| char::from(*byte)).collect()
}

on_both!(
    any_ledgers_vat_return_is_the_same_from_the_file_and_from_the_invoices,
    |app| async move {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("samregister.toml"), NETWORK).unwrap();
        let app = app.with_file(&folder.path().join("samregister.toml"));
        RandomLedger::draw(&app, 11, 500).await;
        let (from, to) = ("2020-01-01", "2029-12-31");
        let boxes = of_file(&file(&app, folder.path(), from, to));
        assert_eq!(
            boxes.keys().map(String::as_str).collect::<Vec<_>>(),
            ["05", "10", "11", "12", "42"]
        );
        assert_eq!(of_invoices(&app).await, boxes);
        assert_eq!(
            reported(&app, folder.path(), &format!("--from {from} --to {to}")),
            [boxes.clone(), boxes]
        );
    }
);

on_both!(lines_without_an_activity_are_booked_by_their_vat, |app| async move {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("samregister.toml"), NETWORK).unwrap();
    let app = app.with_file(&folder.path().join("samregister.toml"));
    let head = "key,number,kind,buyer,issued_on,due_on,credits\n\
        a,1,INVOICE,gotland,2026-01-15,2026-02-14,\nb,2,INVOICE,konsult,2026-01-15,2026-02-14,\nc,3,INVOICE,gotland,2026-04-01,2026-05-01,\n\
        k,1,CREDIT_NOTE,gotland,2026-02-10,,a\n";
    let lines = "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate,account\n\
        a,Kurs,,,,,1,1000.00,STANDARD_25,\na,Mat,,,,,1,200.00,REDUCED_12,\na,Bok,,,,,1,100.00,REDUCED_6,\na,Prov,,,,,1,50.00,EXEMPT,\n\
        a,Kurs,bip,,,,1,400.00,STANDARD_25,\na,Prov,bip,,,,1,30.00,EXEMPT,\na,Serviceavgift,,,,,1,2000.00,STANDARD_25,3911\n\
        b,Tyskland,,,,,1,70.00,ZERO,3308\nb,Norge,,,,,1,80.00,ZERO,3305\nc,Senare,,,,,1,9000.00,STANDARD_25,\n\
        k,Kurs,bip,,,,1,100.00,STANDARD_25,\n";
    app.import(&[
        BUYERS[0],
        BUYERS[1],
        EARNERS,
        ("invoices.csv", head),
        ("invoice_lines.csv", lines),
    ])
    .await;
    let text = file(&app, folder.path(), "2026-01-01", "2026-03-31");
    for line in [
        "#TRANS 3041 {} -1000.00",
        "#TRANS 3042 {} -200.00",
        "#TRANS 3043 {} -100.00",
        "#TRANS 3044 {} -50.00",
        "#TRANS 3051 {6 \"101\"} -400.00",
        "#TRANS 3054 {6 \"101\"} -30.00",
        "#TRANS 3911 {} -2000.00",
        "#TRANS 2611 {} -850.00",
        "#TRANS 3051 {6 \"101\"} 100.00",
        "#TRANS 2611 {} 25.00",
        "#TRANS 2621 {} -24.00",
        "#TRANS 2631 {} -6.00",
        "#OBJEKT 6 \"101\" \"BIP\"",
    ] {
        assert!(text.contains(&format!("{line}\r\n")), "{line}: {text}");
    }
    let expected: Boxes = [
        ("05", "3600.00"),
        ("10", "825.00"),
        ("11", "24.00"),
        ("12", "6.00"),
        ("39", "70.00"),
        ("40", "80.00"),
        ("42", "80.00"),
    ]
    .map(|(name, sum)| (name.to_owned(), money(sum)))
    .into();
    assert_eq!(of_file(&text), expected);
    assert_eq!(
        reported(&app, folder.path(), "--from 2026-01-01 --to 2026-03-31"),
        [expected.clone(), expected]
    );

    // A line with VAT on an account of another box is found.
    let head = "key,number,kind,buyer,issued_on,due_on,credits\nd,4,INVOICE,gotland,2026-07-01,2026-08-01,\n";
    let lines = "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate,account\n\
        d,Fel,,,,,1,10.00,STANDARD_25,3044\n";
    app.import(&[("invoices.csv", head), ("invoice_lines.csv", lines)]).await;
    let output = run(
        &app,
        folder.path(),
        "vat-return --from 2026-07-01 --to 2026-07-31 --check --format csv",
    );
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains(",0.00,10.00,-10.00\r\n") && text.contains(",10.00,0.00,10.00\r\n"),
        "{text}"
    );
});

on_both!(what_is_outside_the_scope_of_vat_can_be_left_out_of_the_return, |app| async move {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("samregister.toml");
    fs::write(&file, "[network]\nname = 'NNS'\n[network.accounts]\nrevenue_outside_scope = 3981\n")
        .unwrap();
    let app = app.with_file(&file);
    let head = "key,number,kind,buyer,issued_on,due_on,credits\n\
        a,1,INVOICE,gotland,2026-01-15,2026-02-14,\nb,2,INVOICE,gotland,2026-01-15,2026-02-14,\n";
    let lines = "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\n\
        a,Medlemsavgift,,,,,1,500.00,OUTSIDE_SCOPE\nb,Prov,,,,,1,30.00,EXEMPT\n";
    // Imported lines get their accounts by the settings of the import.
    let csv = folder.path().join("csv");
    fs::create_dir(&csv).unwrap();
    for (name, text) in
        [BUYERS[0], BUYERS[1], EARNERS, ("invoices.csv", head), ("invoice_lines.csv", lines)]
    {
        fs::write(csv.join(name), text).unwrap();
    }
    let command = |line: &str| {
        app.program().current_dir(folder.path()).args(line.split(' ')).output().unwrap()
    };
    let imported = command("import csv");
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    let output = command("vat-return --from 2026-01-01 --to 2026-03-31 --format json --check");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && said.contains("account 3981 belongs to no box: 500,00\u{a0}kr"),
        "{said}"
    );
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
    let other = rows.as_array().unwrap().iter().find(|row| row["box"] == "42").unwrap();
    assert_eq!(
        (money(&other["vouchers"].to_string()), money(&other["invoices"].to_string())),
        (money("30.00"), money("30.00"))
    );
});
