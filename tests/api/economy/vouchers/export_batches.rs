//! Export batches: each voucher is exported once, and a batch can be written again byte for byte.

use std::{fs, path::Path, process::Output};

use domain::{
    auth::viewer::Viewer,
    config::Network,
    error::ValidationErrors,
    interchange::{export::export, import::import},
    output::OwnFiles,
    vouchers::export,
};
use sea_orm::ConnectionTrait;

use crate::support::{
    app::{App, on_both},
    database_intruder::intruder,
    invoicing_fixtures::{NETWORK, course, drafted, fill, issue, member},
    payment_fixtures::{LEDGER, pays},
    validators,
};

fn run(app: &App, folder: &Path, line: &str) -> Output {
    fs::write(folder.join("samregister.toml"), NETWORK).unwrap();
    app.program().current_dir(folder).args(["sie"]).args(line.split(' ')).output().unwrap()
}

/// Runs a command; returns its output, which the checker of the format accepts.
fn written(app: &App, folder: &Path, line: &str) -> Vec<u8> {
    let output = run(app, folder, line);
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    let file = folder.join("book.si");
    fs::write(&file, &output.stdout).unwrap();
    let judged = validators::judge("sie/check_sie.py").arg(&file).output().unwrap();
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));
    output.stdout
}

/// Makes a new batch by the clock of the register, which the command does by the machine's.
pub async fn new_batch(app: &App, through: &str) -> Option<Vec<u8>> {
    let network = Network { name: Some("Nätverket".into()), ..Network::default() };
    let made = export::export(
        app.context(&Viewer::operator("sie")),
        &network,
        through.parse().unwrap(),
        ValidationErrors::default(),
    )
    .await;
    made.unwrap().map(|batch| batch.content)
}

/// The vouchers of a file by series and number, with their texts.
fn vouchers(file: &[u8]) -> Vec<String> {
    let text: String = file.iter().map(|byte| char::from(*byte)).collect();
    let voucher = |line: &str| {
        let mut words = line.split(' ');
        let (series, number) = (words.nth(1).unwrap().trim_matches('"'), words.next().unwrap());
        format!("{series}{number}")
    };
    text.lines().filter(|line| line.starts_with("#VER ")).map(voucher).collect()
}

/// Issues an invoice of one course, and returns its number.
pub async fn issued(app: &App, buyer: &str, price: &str) -> String {
    let id = drafted(&app.finance(), course(buyer, price)).await;
    issue(&app.finance(), &id, "number").await["invoiceIssue"]["number"]
        .as_str()
        .unwrap()
        .to_owned()
}

on_both!(each_voucher_is_exported_once, |app| async move {
    let (app, folder) = fill(&app, 12).await;
    let buyer = member(&app, 1).await;
    let first = issued(&app, &buyer, "100.00").await;
    pays(&app, &first, "2026-11-21", "50.00", "A").await.data();
    let one = new_batch(&app, "2026-11-21").await.unwrap();
    assert_eq!(vouchers(&one), ["F1", "B1"]);
    assert_eq!(new_batch(&app, "2026-11-21").await, None);
    // Nothing was recorded of that either.
    let revision = app.revision().await;
    assert_eq!(new_batch(&app, "2026-11-20").await, None);
    assert_eq!(app.revision().await, revision);

    let app = app.at("2027-01-10T09:00:00Z");
    let second = issued(&app, &buyer, "200.00").await;
    pays(&app, &first, "2026-11-22", "75.00", "B").await.data();
    // What is of a later day waits.
    let two = new_batch(&app, "2026-11-30").await.unwrap();
    assert_eq!(vouchers(&two), ["B2"]);
    let three = new_batch(&app, "2027-01-10").await.unwrap();
    assert_eq!(vouchers(&three), ["F1"], "numbers begin again each year");
    assert!(String::from_utf8_lossy(&three).contains(&second));

    // The same bytes, whatever was done since.
    let again = written(&app, folder.path(), "--batch 1");
    assert!(again == one && written(&app, folder.path(), "--batch 2") == two);
    assert_eq!(run(&app, folder.path(), "--batch 4").status.code(), Some(1));
    // All of the days, with the numbers of those that were exported.
    pays(&app, &second, "2027-01-10", "1.00", "C").await.data();
    assert_eq!(
        vouchers(&written(&app, folder.path(), "--from 2026-11-01 --to 2027-01-31")),
        ["F1", "B1", "B2", "F1", "B\"\""]
    );
    let listed = String::from_utf8(run(&app, folder.path(), "--batches").stdout).unwrap();
    assert!(listed.contains("2026-11-30") && listed.lines().count() == 5, "{listed}");
    assert_eq!(domain::revenue::violations(&app.db).await.unwrap(), [""; 0]);

    // A voucher that is taken out of a batch is found.
    intruder(&app)
        .await
        .execute_unprepared("DELETE FROM voucher WHERE source = 'PAYMENT'")
        .await
        .unwrap();
    let found = domain::revenue::violations(&app.db).await.unwrap();
    assert!(
        found.iter().any(|words| words.contains("export batch 1 does not have the vouchers")),
        "{found:?}"
    );
});

on_both!(imported_history_is_never_exported, |app| async move {
    app.import(&LEDGER).await;
    app.import(&[(
        "payments.csv",
        "invoice,received_on,amount,reference\nb,2026-03-10,100.00,HISTORY\n",
    )])
    .await;
    let folder = tempfile::tempdir().unwrap();
    let nothing = run(&app, folder.path(), "--new");
    assert_eq!((nothing.status.code(), nothing.stdout.len()), (Some(0), 0));
    let said = String::from_utf8(nothing.stderr).unwrap();
    assert!(
        said.starts_with("nothing is new through ") && said.ends_with("; no batch was made\n"),
        "{said}"
    );
    let file = folder.path().join("none.si");
    assert_eq!(
        run(&app, folder.path(), &format!("--new --output {}", file.display())).status.code(),
        Some(0)
    );
    assert!(!file.exists());
    // What the register itself records on it is.
    pays(&app, "1002", "2026-04-01", "700.00", "OWN").await.data();
    assert_eq!(vouchers(&written(&app, folder.path(), "--new")), ["B1"]);
    // All days have all.
    assert_eq!(
        vouchers(&written(&app, folder.path(), "--from 2026-01-01 --to 2026-12-31")).len(),
        8
    );
});

on_both!(an_export_carries_what_was_exported, |app| async move {
    let (app, folder) = fill(&app, 12).await;
    app.import(&[
        ("invoices.csv", "key,number,kind,buyer,issued_on,due_on,credits\nold,900,INVOICE,m1,2026-01-21,2026-02-21,\n"),
        (
            "invoice_lines.csv",
            "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\nold,Kurs,,,,,1,1.00,ZERO\n",
        ),
    ])
    .await;
    let buyer = member(&app, 1).await;
    let first = issued(&app, &buyer, "100.00").await;
    let one = new_batch(&app, "2026-11-21").await.unwrap();
    pays(&app, &first, "2026-11-21", "50.00", "A").await.data();

    let (files, other) = (tempfile::tempdir().unwrap(), app.another().await);
    export(
        app.context(&Viewer::operator("export")),
        &OwnFiles::default(),
        files.path(),
        &mut |_| {},
    )
    .await
    .unwrap();
    import(
        other.context(&Viewer::operator("import")),
        &Network::default(),
        files.path(),
        false,
        &mut |_| {},
    )
    .await
    .unwrap();
    let again = tempfile::tempdir().unwrap();
    export(
        other.context(&Viewer::operator("export")),
        &OwnFiles::default(),
        again.path(),
        &mut |_| {},
    )
    .await
    .unwrap();
    for name in ["vouchers.csv", "export_batches.csv"] {
        let read = |folder: &Path| fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!(read(files.path()), read(again.path()), "{name}");
    }
    assert!(written(&other, folder.path(), "--batch 1") == one);
    // The payment was not exported, and is new there too; history is not.
    assert_eq!(vouchers(&new_batch(&other, "2026-11-21").await.unwrap()), ["B1"]);
    assert_eq!(other.program().arg("verify").output().unwrap().status.code(), Some(0));
});
