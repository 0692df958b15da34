//! Accounts in files of the bank: entries of other accounts are left out and named, or the file is
//! rejected.

use std::fs;

use domain::{
    auth::viewer::Viewer,
    config::{Network, Payments},
    error::Error,
    interchange::bank::{self, Report, SkipReason},
};

use crate::support::{
    app::{App, on_both},
    bank_fixtures::{CAMT_02, bank_payments, errors, own_network, try_import},
    payment_fixtures::LEDGER,
};

const EUR: &[u8] = include_bytes!("../../../../fixtures/bank/eur.txt");
const PLUSGIRO: &[u8] = include_bytes!("../../../../fixtures/bank/plusgiro.txt");
const TWO_GIROS: &[u8] = include_bytes!("../../../../fixtures/bank/two_giros.txt");
const STATEMENT_02: &str = include_str!("../../../../fixtures/bank/camt053_02.xml");
const STATEMENT_08: &str = include_str!("../../../../fixtures/bank/camt053_08.xml");
const CAMT_10: &str = include_str!("../../../../fixtures/bank/camt054_10.xml");
const OTHER_BANKGIRO: &str = include_str!("../../../../fixtures/bank/bgnr_other.xml");
const CAMT_EUR: &str = include_str!("../../../../fixtures/bank/eur.xml");

async fn import_with(
    app: &App,
    network: &Network,
    bytes: impl AsRef<[u8]>,
) -> Result<Report, Error> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fil");
    fs::write(&file, bytes).unwrap();
    bank::import(
        app.context(&Viewer::operator("payments import")),
        network,
        &file,
        false,
        &mut |_, _| {},
    )
    .await
}

/// The payments that were left of a file: line, amount, currency, account and why.
fn left(report: &Report) -> Vec<String> {
    let words = |left: &bank::SkippedPayment| {
        format!(
            "{} {} {} {} {}",
            left.line,
            left.amount,
            left.currency,
            left.account,
            left.reason.word()
        )
    };
    report.skipped.iter().map(words).collect()
}

fn taken(report: &Report) -> Vec<String> {
    report.outcomes.iter().map(|outcome| outcome.row.amount.to_string()).collect()
}

on_both!(another_currency_is_left_and_the_kronor_next_to_it_are_booked, |app| async move {
    app.import(&LEDGER).await;
    let report = try_import(&app, "bg.txt", EUR).await.unwrap();
    assert_eq!(
        (taken(&report), left(&report)),
        (vec!["1014.00".to_owned()], vec!["6 10.00 EUR 50501055 CURRENCY".to_owned()])
    );
    let report = try_import(&app, "camt.xml", CAMT_EUR).await.unwrap();
    assert_eq!(taken(&report), ["1030.00"]);
    assert_eq!(left(&report), ["2 100.00 EUR SE4550000000058398257466 CURRENCY"]);
    assert_eq!(bank_payments(&app, "").await.len(), 2);
});

on_both!(another_account_next_to_own_ones_is_left, |app| async move {
    app.import(&LEDGER).await;
    let report = try_import(&app, "bg.txt", TWO_GIROS).await.unwrap();
    assert_eq!(
        (taken(&report), left(&report)),
        (vec!["1037.00".to_owned()], vec!["6 10.00 SEK 9912346 ACCOUNT".to_owned()])
    );
    // Once it is the network's own too, the same file books the rest and nothing twice.
    let payments = Payments { bankgiros: vec!["9912346".into()], ..own_network().payments };
    let report =
        import_with(&app, &Network { payments, ..own_network() }, TWO_GIROS).await.unwrap();
    assert_eq!(
        report.outcomes.iter().map(|outcome| outcome.was_known).collect::<Vec<_>>(),
        [true, false]
    );
    assert!(report.skipped.is_empty());
    // The same of a camt.054 with two notifications.
    let other = CAMT_02.replace("SE4550000000058398257466", "SE3550000000054910000003");
    let notification = |text: &str| {
        text.split_once("<Ntfctn>").unwrap().1.split_once("</Ntfctn>").unwrap().0.to_owned()
    };
    let both = CAMT_02
        .replace("</Ntfctn>", &format!("</Ntfctn><Ntfctn>{}</Ntfctn>", notification(&other)));
    let report = try_import(&app, "camt.xml", both).await.unwrap();
    assert_eq!(taken(&report), ["800.00", "500.00", "111.00", "-25.50"]);
    assert!(
        report.skipped.len() == 4
            && report
                .skipped
                .iter()
                .all(|left| left.reason == SkipReason::Account && left.account.starts_with("SE35"))
    );
});

on_both!(a_file_without_an_own_account_is_refused, |app| async move {
    app.import(&LEDGER).await;
    let before = app.revision().await;
    let found = errors(&app, "camt.xml", OTHER_BANKGIRO).await;
    assert_eq!(
        found,
        [
            "camt.xml:2: is of the account 9912346, not of the network's own, 50501055, SE4550000000058398257466; add it to [network.payments] if it is yours"
        ],
        "booked for another buyer"
    );
    let other = CAMT_02.replace("SE4550000000058398257466", "SE3550000000054910000003");
    assert!(
        errors(&app, "camt.xml", other).await[0]
            .contains("is of the account SE3550000000054910000003")
    );
    let found = errors(&app, "bg.txt", PLUSGIRO).await;
    assert!(found[0].starts_with("bg.txt:2: is of plusgiro 2865434, "), "{found:?}");
    // Nor is anything booked of a file of which some part can't be read, whatever the rest is.
    let broken =
        String::from_utf8(TWO_GIROS.to_vec()).unwrap().replace("2026112000106", "2026113100106");
    assert_eq!(errors(&app, "bg.txt", broken).await.len(), 1);
    assert_eq!(app.revision().await, before);
    assert!(bank_payments(&app, "").await.is_empty());
});

on_both!(own_accounts_are_settings, |app| async move {
    app.import(&LEDGER).await;
    let plusgiro = Network { plusgiro: Some("28 65 43-4".into()), ..Network::default() };
    assert_eq!(taken(&import_with(&app, &plusgiro, PLUSGIRO).await.unwrap()), ["1017.00"]);
    let more = Payments {
        plusgiros: vec!["2865434".into()],
        bankgiros: vec!["9912346".into()],
        ..Payments::default()
    };
    let more = Network { payments: more, ..Network::default() };
    assert!(import_with(&app, &more, PLUSGIRO).await.unwrap().outcomes[0].was_known);
    assert_eq!(taken(&import_with(&app, &more, OTHER_BANKGIRO).await.unwrap()), ["1026.00"]);
});

on_both!(statements_and_later_versions_are_read_by_the_same_shapes, |app| async move {
    app.import(&LEDGER).await;
    for (file, name) in
        [(STATEMENT_02, "camt.053"), (STATEMENT_08, "camt.053"), (CAMT_10, "camt.054")]
    {
        let report = try_import(&app, "camt.xml", file).await.unwrap();
        assert_eq!((report.layout.name(), taken(&report)), (name, vec!["1024.00".to_owned()]));
    }
    // The three report one payment.
    assert_eq!(bank_payments(&app, "").await.len(), 1);
    for version in 2..=13 {
        for (file, own) in [(STATEMENT_08, "camt.053.001.08"), (CAMT_10, "camt.054.001.10")] {
            let own_version = format!("{}{version:02}", &own[..13]);
            let report =
                try_import(&app, "camt.xml", file.replace(own, &own_version)).await.unwrap();
            assert!(report.outcomes[0].was_known, "{own_version}");
        }
    }
    // Later versions say by a code what an amount of a referred document is.
    let stated = "<RmtInf><Strd><RfrdDocAmt><RmtAmtAndTp><Tp><Cd>RMTD</Cd></Tp><Amt Ccy=\"SEK\">1024.00</Amt></RmtAmtAndTp></RfrdDocAmt>";
    let typed = CAMT_10
        .replace("<RmtInf><Strd>", stated)
        .replace("T24", "T25")
        .replace("camt.054.001.10", "camt.054.001.13");
    assert_eq!(taken(&try_import(&app, "camt.xml", typed.clone()).await.unwrap()), ["1024.00"]);
    assert!(
        errors(&app, "camt.xml", typed.replace(">1024.00</Amt></RmtAmt", ">x</Amt></RmtAmt")).await
            [0]
        .contains("which is no amount")
    );
});
