//! Bookkeeping files: a checker of SIE 4I accepts them, and they have what was invoiced and paid to
//! the öre.

use domain::{clock::Clock, context::Context};
use std::{fs, path::Path, process::Stdio};

use chrono::Datelike;
use documents::sie::{self, Journal, Transaction, Voucher};
use domain::{
    auth::viewer::Viewer,
    config::Network,
    error::ValidationErrors,
    revenue::{self, Basis, ReportQuery, grouping::Grouping},
};
use entity::money::Money;
use samregister::cli::demo::{Demo, DemoKeys};
use sea_orm::ConnectionTrait;

use crate::{
    economy::invoices::queries::INVOICES,
    support::{
        app::{self, App, on_both},
        document_fixtures::{HOSTILE, day},
        random_ledger::RandomLedger,
        validators,
    },
};

const NETWORK: &str = "[network]\nname = 'Nätverket \"NNS\"'\norg_number = '802555-0008'\n[network.accounts]\nbank = 1940\n";

/// Checks a file, which the checker must accept; returns its output.
fn check(file: &Path) -> String {
    let output = validators::judge("sie/check_sie.py").arg(file).output().unwrap();
    let reported = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{reported}{}", String::from_utf8_lossy(&output.stderr));
    reported
}

/// Runs the command; returns its output as text.
fn book(app: &App, folder: &Path, from: &str, to: &str) -> String {
    fs::write(folder.join("samregister.toml"), NETWORK).unwrap();
    let mut program = app.program();
    let output = program
        .current_dir(folder)
        .args(["sie", "--from", from, "--to", to])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let file = folder.join("book.si");
    fs::write(&file, &output.stdout).unwrap();
    check(&file);
    letters(&output.stdout)
}

/// A file as text, with the few letters of code page 437 that the tests have.
fn letters(bytes: &[u8]) -> String {
    let letter = |byte: &u8| match byte {
        0x84 => 'ä',
        0x86 => 'å',
        0x94 => 'ö',
        0x99 => 'Ö',
        byte => char::from(*byte),
    };
    bytes.iter().map(letter).collect()
}

on_both!(a_bookkeeping_file_holds_every_document_and_payment, |app| async move {
    app.import(&INVOICES).await;
    let folder = tempfile::tempdir().unwrap();
    let text = book(&app, folder.path(), "2026-01-01", "2026-12-31").replace("\r\n", "\n");
    let text = text.split_once("#SIETYP 4\n").unwrap().1;
    insta::allow_duplicates!(insta::assert_snapshot!(text, @r##"
    #ORGNR 802555-0008
    #FNAMN "Nätverket \"NNS\""
    #RAR 0 20260101 20261231
    #KPTYP EUBAS97
    #KONTO 1510 "Kundfordringar"
    #KONTO 1940 "Företagskonto"
    #KONTO 2611 "Utgående moms, 25 %"
    #KONTO 2631 "Utgående moms, 6 %"
    #KONTO 3041 "Försäljning av tjänster"
    #KONTO 3043 "Försäljning av tjänster, 6 % moms"
    #KONTO 3044 "Försäljning av tjänster, momsfri"
    #KONTO 3740 "Öres- och kronutjämning"
    #DIM 6 "Projekt"
    #OBJEKT 6 "bip" "BIP"
    #OBJEKT 6 "indikatorer" "Indikatorer"
    #VER "F" "" 20260115 "Faktura 1 Gotland"
    {
    #TRANS 1510 {} 10811.00
    #TRANS 3041 {6 "indikatorer"} -8648.35
    #TRANS 3043 {6 "bip"} -0.15
    #TRANS 2611 {} -2162.09
    #TRANS 2631 {} -0.01
    #TRANS 3740 {} -0.40
    }
    #VER "B" "" 20260210 "Inbetalning b1: Faktura 1 Gotland"
    {
    #TRANS 1940 {} 6000.00
    #TRANS 1510 {} -6000.00
    }
    #VER "B" "" 20260220 "Inbetalning b2: Faktura 1 Gotland"
    {
    #TRANS 1940 {} 5000.00
    #TRANS 1510 {} -5000.00
    }
    #VER "F" "" 20260331 "Faktura 2 Gävle"
    {
    #TRANS 1510 {} 250.00
    #TRANS 3041 {6 "indikatorer"} -200.00
    #TRANS 2611 {} -50.00
    }
    #VER "F" "" 20261101 "Faktura 3 Konsult AB"
    {
    #TRANS 1510 {} 1100.00
    #TRANS 3044 {6 "bip"} -1100.00
    }
    #VER "F" "" 20261102 "Faktura 4 Gävle"
    {
    #TRANS 1510 {} 1000.00
    #TRANS 3044 {} -1000.00
    }
    #VER "F" "" 20261103 "Faktura 5 Gävle"
    {
    #TRANS 1510 {} 125.00
    #TRANS 3041 {6 "indikatorer"} -100.00
    #TRANS 2611 {} -25.00
    }
    #VER "B" "" 20261105 "Inbetalning b3: Faktura 3 Konsult AB"
    {
    #TRANS 1940 {} 400.00
    #TRANS 1510 {} -400.00
    }
    #VER "F" "" 20261110 "Kreditfaktura 1 Gävle"
    {
    #TRANS 1510 {} -125.00
    #TRANS 3041 {6 "indikatorer"} 100.00
    #TRANS 2611 {} 25.00
    }
    #VER "F" "" 20261111 "Kreditfaktura 2 Gävle"
    {
    #TRANS 1510 {} -50.00
    #TRANS 3041 {6 "indikatorer"} 40.00
    #TRANS 2611 {} 10.00
    }
    #VER "F" "" 20261120 "Faktura 10 Gotland"
    {
    #TRANS 1510 {} 10.00
    #TRANS 3044 {6 "bip"} -10.00
    }
    "##));
    // A day more or less at either end.
    let some = book(&app, folder.path(), "2026-02-10", "2026-02-20");
    assert_eq!((some.matches("#VER \"B\"").count(), some.matches("#VER \"F\"").count()), (2, 0));
    assert_eq!(book(&app, folder.path(), "2026-02-11", "2026-02-19").matches("#VER").count(), 0);
});

/// Returns the negated sums of accounts with these prefixes.
fn booked(text: &str, accounts: &[&str]) -> String {
    let lines = text.lines().filter(|line| {
        accounts.iter().any(|account| line.starts_with(&format!("#TRANS {account}")))
    });
    let sum: Money = lines
        .map(|line| line.trim_end().rsplit(' ').next().unwrap().parse::<Money>().unwrap())
        .sum();
    (-sum).to_string()
}

on_both!(any_ledger_can_be_booked, |app| async move {
    RandomLedger::draw(&app, 7, 700).await;
    let folder = tempfile::tempdir().unwrap();
    let text = book(&app, folder.path(), "2020-01-01", "2029-12-31");
    let answer =
        app.finance().query("{ revenue(input: { from: \"2020-01-01\", to: \"2029-12-31\", groupBy: [] }) { total { net vat } } }").await;
    let paid = app
        .finance()
        .query(
            "{ revenue(input: { from: \"2020-01-01\", to: \"2029-12-31\", groupBy: [], basis: PAID }) { total { gross unattributed } } }",
        )
        .await;
    let total = &answer["revenue"]["total"];
    let sums = (booked(&text, &["30", "39"]), booked(&text, &["26"]));
    assert_eq!(
        sums,
        (total["net"].as_str().unwrap().into(), total["vat"].as_str().unwrap().into())
    );
    // The bank has all that came in, also what pays no line.
    let came_in = ["gross", "unattributed"]
        .map(|sum| paid["revenue"]["total"][sum].as_str().unwrap().parse::<Money>().unwrap());
    assert_eq!(booked(&text, &["1940"]), (-came_in.into_iter().sum::<Money>()).to_string());
});

/// The examples have what people write, and days around today.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demos_years_can_be_booked() {
    let demo = Demo::make(&Network::default(), DemoKeys::Random)
        .await
        .unwrap_or_else(|failure| panic!("{failure:?}"));
    let list = sea_orm::Statement::from_string(demo.db.backend(), "PRAGMA database_list");
    let file: String =
        demo.db.read().query_one_raw(list).await.unwrap().unwrap().try_get("", "file").unwrap();
    let (folder, viewer) = (tempfile::tempdir().unwrap(), Viewer::operator("sie"));
    fs::write(
        folder.path().join("samregister.toml"),
        include_str!("../../../../assets/demo/samregister.toml"),
    )
    .unwrap();
    let this_year = Clock::system().today().year();
    for year in [this_year - 1, this_year] {
        let (from, to) = (day(&format!("{year}-01-01")), day(&format!("{year}-12-31")));
        let mut program = app::program();
        program.current_dir(folder.path()).env("DATABASE_URL", format!("sqlite://{file}"));
        let ran = program
            .args(["sie", "--from", &from.to_string(), "--to", &to.to_string()])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let written = folder.path().join("demo.si");
        fs::write(&written, &ran.stdout).unwrap();
        check(&written);
        let text = letters(&ran.stdout);
        assert!(
            text.matches("#VER \"F\"").count() > 10 && text.matches("#VER \"B\"").count() > 10,
            "{text}"
        );
        assert!(
            text.contains("#OBJEKT 6 \"indikatorer\"")
                && text.contains("Samordningsförbundet Centrala Ö"),
            "{text}"
        );
        let ask = ReportQuery {
            from,
            to,
            basis: Basis::Invoiced,
            group_by: Grouping::default(),
            activities: None,
            members: None,
            counts: (false, false),
            committed: false,
        };
        let total = revenue::report(
            Context::new(&demo.db, Clock::system(), &viewer),
            &ask,
            ValidationErrors::default(),
        )
        .await
        .unwrap()
        .total
        .unwrap();
        assert_eq!(
            (booked(&text, &["30", "39"]), booked(&text, &["26"])),
            (total.net.to_string(), total.vat.to_string()),
            "{year}"
        );
    }
}

on_both!(a_bookkeeping_file_names_its_owner_and_its_days, |app| async move {
    let folder = tempfile::tempdir().unwrap();
    let ran = |line: &str| {
        let output =
            app.program().current_dir(folder.path()).args(line.split(' ')).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, message) = ran("sie --from 2026-01-01 --to 2026-01-31");
    assert_eq!(
        (code, message.as_str()),
        (
            Some(1),
            "error: network.name must be set in samregister.toml: a bookkeeping file names its owner\n"
        )
    );
    fs::write(folder.path().join("samregister.toml"), NETWORK).unwrap();
    assert_eq!(
        ran("sie --from 2026-01-02 --to 2026-01-01"),
        (Some(2), "error: --to must not be before the first day\n".to_owned())
    );
    assert_eq!(
        ran("sie --from 2026-01-01 --to 2026-01-31 --output empty.si"),
        (Some(0), "wrote 0 vouchers to empty.si\n".to_owned())
    );
    assert_eq!(check(&folder.path().join("empty.si")), "0 verifications, 0 rows, 0 problems\n");
});

#[test]
fn hostile_texts_and_every_letter_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    // Every character that the code page has beyond ASCII, as Python knows it.
    let letters: String = ('\u{a0}'..='\u{25a0}').collect();
    let vouchers =
        HOSTILE.iter().copied().chain([letters.as_str(), "", "\\", "\"", "}", "{"]).map(|text| {
            Voucher {
                series: "F",
                number: None,
                date: day("2026-03-01"),
                text: text.to_owned(),
                transactions: vec![
                    Transaction { account: 1510, project: None, amount: Money(i64::MAX) },
                    Transaction {
                        account: 3041,
                        project: Some(text.to_owned()),
                        amount: Money(-i64::MAX),
                    },
                ],
            }
        });
    let vouchers: Vec<_> = vouchers.collect();
    let journal = Journal {
        program: HOSTILE.concat(),
        version: "\"".into(),
        made_on: day("2026-03-01"),
        company: HOSTILE.concat(),
        org_number: None,
        years: vec![entity::date_range::DateRange::new(day("2026-01-01"), day("2026-12-31"))],
        accounts: vec![(1510, HOSTILE[1].into()), (3041, String::new())],
        projects: vouchers
            .iter()
            .map(|voucher| (voucher.text.clone(), voucher.text.clone()))
            .collect(),
        vouchers,
    };
    let file = folder.path().join("hostile.si");
    fs::write(&file, sie::file(&journal).unwrap()).unwrap();
    assert_eq!(check(&file), "12 verifications, 24 rows, 0 problems\n");
    // What is out of balance is found, by the checker too.
    let mut bytes = fs::read(&file).unwrap();
    let amount = b"{} 92233720368547758.07";
    let position = bytes.windows(amount.len()).position(|window| window == amount).unwrap();
    bytes[position + amount.len() - 1] = b'8';
    fs::write(&file, bytes).unwrap();
    let output = validators::judge("sie/check_sie.py").arg(&file).output().unwrap();
    let reported = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        reported,
        "FAIL verification F 20260301: sum 0.01\n12 verifications, 24 rows, 1 problems\n"
    );
}
