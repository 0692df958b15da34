//! Statements of imports: their number does not grow with the payments of a bank's file, nor with
//! the invoices of CSV files, apart from rows that are written in portions.

use std::{fmt::Write as _, fs};

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::support::{
    app::{App, on_both},
    bank_fixtures::{bgmax, camt, entry, import, payment},
    fixtures::{BUYERS, EARNERS},
};

/// Statements that some more portions of rows may take.
const PORTIONS: usize = 20;

/// Returns the CSV files of so many invoices of 100.00, with numbers from 70001 on.
fn invoices(count: usize) -> [(&'static str, String); 2] {
    let mut heads = "key,number,kind,buyer,issued_on,due_on,credits\n".to_owned();
    let mut lines = "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\n".to_owned();
    for n in 1..=count {
        let number = 70_000 + n;
        writeln!(heads, "i{n},{number},INVOICE,gavle,2026-03-01,2026-03-31,").unwrap();
        writeln!(lines, "i{n},Kurs,bip,,,,1,100.00,ZERO").unwrap();
    }
    [("invoices.csv", heads), ("invoice_lines.csv", lines)]
}

/// Imports so many invoices into an empty register, and returns the number of statements.
async fn import_invoices(app: &App, count: usize) -> usize {
    app.import(&[BUYERS[0], BUYERS[1], EARNERS]).await;
    let files = invoices(count);
    let files: Vec<(&str, &str)> =
        files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    app.statements();
    app.import(&files).await;
    app.statements().len()
}

/// Imports a bank's file, and returns the number of statements, and how many of its payments were
/// known.
async fn import_payments(app: &App, name: &str, bytes: &[u8]) -> (usize, usize) {
    app.statements();
    let outcomes = import(app, name, bytes).await;
    let known = outcomes.iter().filter(|outcome| outcome.starts_with("again")).count();
    (app.statements().len(), known)
}

/// Returns the statements of importing so many payments, and of importing them once more.
async fn import_twice(app: &App, count: usize) -> (usize, usize) {
    import_invoices(app, count).await;
    let posts: Vec<_> =
        (1..=count).map(|n| payment(&(70_000 + n).to_string(), 10_000, [])).collect();
    let file = bgmax(&posts);
    let (first, known) = import_payments(app, "first.txt", &file).await;
    assert_eq!(known, 0);
    let (second, known) = import_payments(app, "second.txt", &file).await;
    assert_eq!(known, count);
    (first, second)
}

/// Returns the statements of importing totals of so many days.
async fn import_totals(app: &App, days: usize) -> usize {
    let of_day = |day: usize| {
        let rest = format!(
            "<BookgDt><Dt>2026-11-{day:02}</Dt></BookgDt><AcctSvcrRef>T{day}</AcctSvcrRef>"
        );
        entry("CRDT", &format!("1{day:02}.00"), &rest)
    };
    let entries: String = (1..=days).map(of_day).collect();
    import_payments(app, "totals.xml", camt("<Id>N1</Id>", &entries).as_bytes()).await.0
}

on_both!(a_file_of_the_bank_takes_a_bounded_number_of_statements, |app| async move {
    let (few, few_again) = import_twice(&app, 20).await;
    let (many, many_again) = import_twice(&app.another().await, 100).await;
    assert!(many <= few + PORTIONS, "{few} for 20 payments, {many} for 100");
    assert!(
        many_again <= few_again + PORTIONS,
        "{few_again} for 20 known payments, {many_again} for 100"
    );
});

on_both!(totals_of_many_days_take_about_as_many_statements_as_one, |app| async move {
    let one = import_totals(&app, 1).await;
    let many = import_totals(&app.another().await, 18).await;
    assert!(many <= one + 4, "{one} for one day, {many} for 18");
});

on_both!(invoices_are_imported_by_a_bounded_number_of_statements, |app| async move {
    let few = import_invoices(&app, 100).await;
    let many = import_invoices(&app.another().await, 400).await;
    assert!(many <= few + PORTIONS, "{few} for 100 invoices, {many} for 400");
});

/// The number of rows of a table by PostgreSQL's statistics.
async fn estimate(app: &App, table: &str) -> i64 {
    let sql =
        format!("SELECT CAST(reltuples AS bigint) FROM pg_class WHERE oid = '{table}'::regclass");
    let select = Statement::from_string(DbBackend::Postgres, sql);
    let row = app.db.read().query_one_raw(select).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

// Otherwise PostgreSQL plans for tables as they were before the import. A dry run updates no
// statistics when it is done.
on_both!(statistics_grow_with_an_import, |app| async move {
    if app.db.backend() != DbBackend::Postgres {
        return;
    }
    app.import(&[BUYERS[0], BUYERS[1], EARNERS]).await;
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in invoices(1_100) {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let mut payments = "invoice,received_on,amount,reference\n".to_owned();
    for n in 1..=1_100 {
        writeln!(payments, "i{n},2026-03-20,100.00,BG{n}").unwrap();
    }
    fs::write(folder.path().join("payments.csv"), payments).unwrap();
    let output = app.program().arg("import").arg(folder.path()).arg("--dry-run").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for table in ["invoice", "invoice_line", "payment", "attribution"] {
        let found = estimate(&app, table).await;
        assert!((1_000..=1_100).contains(&found), "{table}: {found}");
    }
});
