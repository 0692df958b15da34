//! Receivables as of any day: they equal the account in the bookkeeping file, whatever came late.

use std::{collections::BTreeMap, fs, path::Path};

use chrono::{Datelike, NaiveDate};
use domain::{auth::viewer::Viewer, receivables};
use entity::{money::Money, total::Total};
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    payment_fixtures::{LEDGER, TOTAL_OF_1001, does, invoice, pays},
    random_ledger::RandomLedger,
};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Returns the sums on the account of receivables in the file, by day.
fn booked(app: &App, folder: &Path) -> BTreeMap<NaiveDate, Total> {
    fs::write(folder.join("samregister.toml"), "[network]\nname = 'NNS'\n").unwrap();
    let output = app
        .program()
        .current_dir(folder)
        .args(["sie", "--from", "2020-01-01", "--to", "2029-12-31"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (mut sums, mut on) = (BTreeMap::new(), NaiveDate::default());
    for line in output.stdout.iter().map(|byte| char::from(*byte)).collect::<String>().lines() {
        if let Some(rest) = line.strip_prefix("#VER ") {
            let text = rest.split(' ').nth(2).unwrap();
            on = NaiveDate::parse_from_str(text, "%Y%m%d").unwrap();
        } else if let Some(rest) = line.strip_prefix("#TRANS 1510 {} ") {
            *sums.entry(on).or_insert(Total::ZERO) += rest.trim_end().parse::<Money>().unwrap();
        }
    }
    sums
}

async fn balance(app: &App, as_of: NaiveDate) -> Total {
    let found =
        receivables::open(app.context(&Viewer::operator("receivables")), as_of).await.unwrap();
    found.iter().map(|(_, standing)| standing.balance()).sum()
}

/// At the end of every month the balances are what the file has on the account until then.
async fn equals_the_account(app: &App, folder: &Path) {
    let booked = booked(app, folder);
    for month in 0..28 {
        let first = NaiveDate::from_ymd_opt(
            2024 + (10 + month) / 12,
            u32::try_from((10 + month) % 12 + 1).unwrap(),
            1,
        )
        .unwrap();
        let end = first.pred_opt().unwrap();
        let sum: Total = booked.range(..=end).map(|(_, sum)| *sum).sum();
        assert_eq!(balance(app, end).await, sum, "{end}");
        assert_eq!(first.day(), 1);
    }
}

on_both!(receivables_equal_the_account_at_every_month_end, |app| async move {
    RandomLedger::draw(&app, 17, 500).await;
    let folder = tempfile::tempdir().unwrap();
    equals_the_account(&app, folder.path()).await;
    let august = balance(&app, day("2026-08-31")).await;

    // What comes late into a closed month changes no balance of it.
    does(&app, "periodClose", json!({ "closedThrough": "2026-08-31" }), "booksClosedThrough")
        .await
        .data();
    let open = app.finance().query("{ invoices(filter: { status: [OVERDUE] }, first: 20) { nodes { number issuedOn outstanding } } }").await;
    for node in open["invoices"]["nodes"].as_array().unwrap() {
        let (number, issued_on) =
            (node["number"].as_str().unwrap(), node["issuedOn"].as_str().unwrap());
        pays(
            &app,
            number,
            issued_on,
            node["outstanding"].as_str().unwrap(),
            &format!("LATE-{number}"),
        )
        .await
        .data();
    }
    assert_eq!(balance(&app, day("2026-08-31")).await, august);
    equals_the_account(&app, folder.path()).await;
});

on_both!(amounts_of_an_invoice_are_as_of_a_day_in_the_books, |app| async move {
    app.import(&LEDGER).await;
    pays(&app, "1001", "2026-02-01", "1000.00", "A").await.data();
    does(&app, "periodClose", json!({ "closedThrough": "2026-03-31" }), "booksClosedThrough")
        .await
        .data();
    pays(&app, "1001", "2026-02-10", "855.99", "B").await.data();
    let selection = "status total now: outstanding balance
        january: balance(asOf: \"2026-01-14\") issue: balance(asOf: \"2026-01-15\")
        march: paid(asOf: \"2026-03-31\") left: outstanding(asOf: \"2026-03-31\") april: paid(asOf: \"2026-04-01\") daysLate";
    let reported = invoice(&app, "1001", selection).await;
    // It was paid in time, on the payment's own day, and is open in the books until the first open
    // one.
    assert_eq!(
        reported,
        json!({ "status": "PAID", "total": TOTAL_OF_1001, "now": "0.00", "balance": "0.00", "january": "0.00", "issue": TOTAL_OF_1001,
            "march": "1000.00", "left": "855.99", "april": TOTAL_OF_1001, "daysLate": 0 })
    );
    let credited = invoice(
        &app,
        "1005",
        "before: credited(asOf: \"2026-02-09\") after: credited(asOf: \"2026-02-10\") balance",
    )
    .await;
    assert_eq!(credited, json!({ "before": "0.00", "after": "125.00", "balance": "0.00" }));
    let bad =
        app.finance().query("{ invoice(by: { number: \"1001\" }) { paid(asOf: \"x\") } }").await;
    assert_eq!(bad.bad_fields(), ["asOf"]);
});

on_both!(a_members_balance_is_as_of_a_day_in_the_books, |app| async move {
    app.import(&LEDGER).await;
    pays(&app, "1002", "2026-04-10", "900.00", "BG-1").await.data();
    let balance = async |as_of: Option<&str>| {
        let document = "query($asOf: Date) { members { nodes { name balance(asOf: $asOf) { outstanding overdue overpaid } } } }";
        let answer = app.finance().ask(document, json!({ "asOf": as_of })).await;
        let nodes = answer["members"]["nodes"].as_array().unwrap();
        nodes.iter().find(|node| node["name"] == "Gävle").unwrap()["balance"].clone()
    };
    let is = |outstanding: &str, overdue: &str, overpaid: &str| json!({ "outstanding": outstanding, "overdue": overdue, "overpaid": overpaid });
    for (as_of, expected) in [
        (Some("2026-01-31"), is("0.00", "0.00", "0.00")),
        // 1005 was issued, and credited on 10 February.
        (Some("2026-02-09"), is("125.00", "0.00", "0.00")),
        (Some("2026-02-10"), is("0.00", "0.00", "0.00")),
        (Some("2026-03-31"), is("800.00", "0.00", "0.00")),
        (Some("2026-04-01"), is("800.00", "800.00", "0.00")),
        (Some("2026-04-10"), is("0.00", "0.00", "100.00")),
        (Some("2026-11-21"), is("1000.00", "0.00", "100.00")),
        (None, is("1000.00", "0.00", "100.00")),
    ] {
        assert_eq!(balance(as_of).await, expected, "{as_of:?}");
    }
    let bad = app
        .finance()
        .query("{ members(first: 1) { nodes { balance(asOf: \"x\") { outstanding } } } }")
        .await;
    assert_eq!(bad.bad_fields(), ["asOf"]);
    let blind = app
        .service("members:read")
        .query("{ members { nodes { balance(asOf: \"2026-04-01\") { outstanding } } } }")
        .await;
    assert_eq!(blind["members"]["nodes"][0]["balance"], Value::Null);
});

on_both!(what_came_late_counts_in_a_balance_from_the_first_open_day, |app| async move {
    app.import(&LEDGER).await;
    pays(&app, "1001", "2026-02-01", "1000.00", "A").await.data();
    does(&app, "periodClose", json!({ "closedThrough": "2026-03-31" }), "booksClosedThrough")
        .await
        .data();
    pays(&app, "1001", "2026-02-10", "955.99", "B").await.data();
    let document = "{ members(filter: { search: \"Gotland\" }) { nodes {
        now: balance { ...sums } before: balance(asOf: \"2026-01-14\") { ...sums } due: balance(asOf: \"2026-02-16\") { ...sums }
        march: balance(asOf: \"2026-03-31\") { ...sums } april: balance(asOf: \"2026-04-01\") { ...sums }
        } } } fragment sums on Balance { outstanding overdue overpaid }";
    let sums = |outstanding: &str, overdue: &str, overpaid: &str| json!({ "outstanding": outstanding, "overdue": overdue, "overpaid": overpaid });
    let reported = app.finance().query(document).await["members"]["nodes"][0].clone();
    // Due on Saturday 14 February, it is overdue from Tuesday 17 February on; what came late counts
    // from the first open day.
    assert_eq!(
        reported,
        json!({
            "now": sums("0.00", "0.00", "100.00"),
            "before": sums("0.00", "0.00", "0.00"),
            "due": sums("855.99", "0.00", "0.00"),
            "march": sums("855.99", "855.99", "0.00"),
            "april": sums("0.00", "0.00", "100.00"),
        })
    );
    let hidden = "{ members { nodes { balance(asOf: \"2026-03-31\") { outstanding } } } }";
    assert!(
        app.service("members:read").query(hidden).await["members"]["nodes"][0]["balance"].is_null()
    );
    let bad = app.finance().query("{ members(filter: { search: \"Gotland\" }) { nodes { balance(asOf: \"x\") { outstanding } } } }").await;
    assert_eq!(bad.bad_fields(), ["asOf"]);
});

on_both!(receivables_are_listed_by_age, |app| async move {
    app.import(&LEDGER).await;
    let document = "{ members { nodes { name receivables(asOf: \"2026-04-30\") { balance notDue days1To30 days31To60 days61To90 over90 } } } }";
    let answer = app.finance().query(document).await;
    let of = |name: &str| {
        let nodes = answer["members"]["nodes"].as_array().unwrap();
        nodes.iter().find(|node| node["name"] == name).unwrap()["receivables"].clone()
    };
    // 1001 was due on 14 February, 1002 on 31 March.
    let zero = "0.00";
    let gotland = json!({ "balance": TOTAL_OF_1001, "notDue": zero, "days1To30": zero, "days31To60": zero, "days61To90": TOTAL_OF_1001, "over90": zero });
    assert_eq!(of("Gotland"), gotland);
    let gavle = json!({ "balance": "800.00", "notDue": zero, "days1To30": "800.00", "days31To60": zero, "days61To90": zero, "over90": zero });
    assert_eq!(of("Gävle"), gavle);
    assert!(
        app.service("members:read").query(document).await["members"]["nodes"][0]["receivables"]
            .is_null()
    );

    // The last day to pay is a Saturday: ages count from the Monday after it.
    for (as_of, bucket) in [
        ("2026-02-16", "notDue"),
        ("2026-02-17", "days1To30"),
        ("2026-03-18", "days1To30"),
        ("2026-03-19", "days31To60"),
    ] {
        let asked = format!(
            "{{ members {{ nodes {{ name receivables(asOf: \"{as_of}\") {{ {bucket} }} }} }} }}"
        );
        let answer = app.finance().query(&asked).await;
        let gotland = answer["members"]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .find(|node| node["name"] == "Gotland")
            .unwrap();
        assert_eq!(gotland["receivables"][bucket], TOTAL_OF_1001, "{as_of}");
    }

    let run = |line: &str| app.program().args(line.split(' ')).output().unwrap();
    let output = run("receivables --as-of 2026-04-30 --format csv");
    let text = String::from_utf8(output.stdout).unwrap();
    let header = "number,buyer,issued_on,due_on,total,paid,credited,written_off,reminder_fees,balance,not_due,days_1_to_30,days_31_to_60,days_61_to_90,over_90";
    assert_eq!(
        text.lines().collect::<Vec<_>>(),
        [
            header,
            "1001,Gotland,2026-01-15,2026-02-14,1855.99,0.00,0.00,0.00,0.00,1855.99,0.00,0.00,0.00,1855.99,0.00",
            "1002,Gävle,2026-03-01,2026-03-31,800.00,0.00,0.00,0.00,0.00,800.00,0.00,800.00,0.00,0.00,0.00",
        ]
    );
    let output = run("receivables --as-of 2026-11-30 --by buyer --format csv");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        text.lines().skip(1).collect::<Vec<_>>(),
        [
            "Gotland,1855.99,0.00,0.00,0.00,0.00,1855.99",
            "Gävle,1800.00,1000.00,0.00,0.00,0.00,800.00",
            "Konsult AB,1100.00,1100.00,0.00,0.00,0.00,0.00",
        ]
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kundreskontra.xlsx");
    let output = app
        .program()
        .args(["receivables", "--as-of", "2026-04-30", "--output"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let words = crate::support::validators::part(&file, "xl/sharedStrings.xml");
    for word in ["Förfallodag", "Saldo", "Ej förfallet", "61–90 dagar", "Över 90 dagar", "Summa"]
    {
        assert!(words.contains(&format!(">{word}<")), "{word}: {words}");
    }
});
