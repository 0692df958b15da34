//! Totals of revenue reports: equal however rows are grouped, and equal to the invoices.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use domain::revenue;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::{
    economy::revenue::report::{SUMS, ledger, ore, report},
    support::{
        app::{App, on_both},
        random_ledger::RandomLedger,
    },
};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// The sums of rows, in the order of [`SUMS`].
fn add_up<'a>(rows: impl IntoIterator<Item = &'a Value>) -> [i64; 8] {
    rows.into_iter().fold([0; 8], |sums, row| {
        std::array::from_fn(|position| sums[position] + ore(&row[SUMS[position]]))
    })
}

/// The sums of rows and their invoices by what `key` reads of each, without those that have no
/// money.
fn fold_by(rows: &Value, key: impl Fn(&Value) -> String) -> BTreeMap<String, ([i64; 8], i64)> {
    let mut folded: BTreeMap<String, ([i64; 8], i64)> = BTreeMap::new();
    for row in rows.as_array().unwrap() {
        let own = add_up([row]);
        let (sums, invoices) = folded.entry(key(row)).or_default();
        *sums = std::array::from_fn(|position| sums[position] + own[position]);
        *invoices += row["invoiceCount"].as_i64().unwrap();
    }
    folded.retain(|_, (sums, _)| sums.iter().any(|sum| *sum != 0));
    folded
}

/// The sums alone.
fn sums_of(
    folded: &BTreeMap<String, ([i64; 8], i64)>,
) -> impl Iterator<Item = (&String, &[i64; 8])> {
    folded.iter().map(|(key, (sums, _))| (key, sums))
}

on_both!(however_rows_are_made_they_add_up, |app| async move {
    RandomLedger::draw(&app, 7, 240).await;
    assert_eq!(revenue::violations(&app.db).await.unwrap(), Vec::<String>::new());
    let ranges = [
        ("2024-01-01", "2027-12-31"),
        ("2025-01-01", "2025-12-31"),
        ("2024-11-01", "2026-11-20"),
        ("2025-03-15", "2026-08-14"),
        ("2025-02-27", "2025-03-01"),
        ("2025-06-30", "2025-06-30"),
        ("2025-02-01", "2025-02-28"),
    ];
    let times = [vec![], vec!["YEAR"], vec!["QUARTER"], vec!["MONTH"]];
    for basis in ["INVOICED", "PAID", "ACCRUED"] {
        for (from, to) in ranges {
            let ask = async |groups: Vec<&str>| {
                let answer = report(
                    &app.finance(),
                    json!({ "from": from, "to": to, "basis": basis, "groupBy": groups }),
                )
                .await;
                answer["revenue"].clone()
            };
            let ungrouped = ask(vec![]).await;
            for time in &times {
                let with = |group: &'static [&str]| {
                    time.iter().copied().chain(group.iter().copied()).collect::<Vec<_>>()
                };
                let what = format!("{basis} {from} {to} {time:?}");
                // Rows by activity and member come from the ledger line by line, the others from
                // the totals that are stored by month, or by year and member.
                let (by_both, by_activity) =
                    (ask(with(&["ACTIVITY", "MEMBER"])).await, ask(with(&["ACTIVITY"])).await);
                let by_time = ask(with(&[])).await;
                for found in [&by_both, &by_activity, &by_time] {
                    assert_eq!(
                        add_up(found["rows"].as_array().unwrap()),
                        add_up([&found["total"]]),
                        "{what}"
                    );
                    assert_eq!(found["total"], ungrouped["total"], "{what}");
                }
                let of_activity =
                    |row: &Value| format!("{} {}", row["period"], row["activity"]["slug"]);
                let of_time = |row: &Value| row["period"].to_string();
                // Each invoice has one buyer, so those of all members are as many as there are.
                let (by_members, by_activities) = (
                    fold_by(&by_both["rows"], of_activity),
                    fold_by(&by_activity["rows"], of_activity),
                );
                if basis == "PAID" {
                    // But for rows that come to zero, as that of a line that was paid and then
                    // credited, and are left out.
                    assert!(
                        by_members
                            .iter()
                            .zip(&by_activities)
                            .all(|((_, one), (_, other))| one.1 <= other.1),
                        "{what}"
                    );
                    assert!(sums_of(&by_members).eq(sums_of(&by_activities)), "{what}");
                } else {
                    assert_eq!(by_members, by_activities, "{what}");
                }
                let (folded, plain) =
                    (fold_by(&by_activity["rows"], of_time), fold_by(&by_time["rows"], of_time));
                assert!(sums_of(&folded).eq(sums_of(&plain)), "{what}");
                let members = ask(with(&["MEMBER"])).await;
                let of_member =
                    |row: &Value| format!("{} {}", row["period"], row["member"]["name"]);
                let (one, other) =
                    (fold_by(&by_both["rows"], of_member), fold_by(&members["rows"], of_member));
                assert!(sums_of(&one).eq(sums_of(&other)), "{what}: {one:#?} {other:#?}");
                let by_member = fold_by(&members["rows"], of_time);
                assert!(
                    sums_of(&by_member).eq(sums_of(&plain))
                        && (basis == "PAID" || by_member == plain),
                    "{what}"
                );
            }
        }
    }
});

on_both!(reports_equal_the_invoices, |app| async move {
    RandomLedger::draw(&app, 11, 150).await;
    let document = "query($after: String) { invoices(first: 200, after: $after) { pageInfo { hasNextPage endCursor }
        nodes { kind issuedOn lines { activity { slug } net vat periodFrom periodTo } payments { receivedOn amount } } } }";
    let (mut invoices, mut after) = (Vec::new(), Value::Null);
    loop {
        let answer = app.finance().ask(document, json!({ "after": after })).await;
        let page = answer["invoices"].clone();
        invoices.extend(
            page["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|node| !node["issuedOn"].is_null())
                .cloned(),
        );
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    let from_to = [("2025-01-01", "2025-12-31"), ("2025-03-15", "2026-08-14")];
    for (from, to) in from_to {
        let within = |day: &Value| (from..=to).contains(&day.as_str().unwrap());
        let (mut expected, mut received): (BTreeMap<String, [i64; 2]>, i64) = (BTreeMap::new(), 0);
        let mut accrued: BTreeMap<String, [i64; 2]> = BTreeMap::new();
        for invoice in &invoices {
            let sign = if invoice["kind"] == "CREDIT_NOTE" { -1 } else { 1 };
            for line in invoice["lines"].as_array().unwrap() {
                let amounts = [ore(&line["net"]), ore(&line["vat"])];
                let slug = line["activity"]["slug"].to_string();
                if within(&invoice["issuedOn"]) {
                    let sums = expected.entry(slug.clone()).or_default();
                    *sums = [sums[0] + sign * amounts[0], sums[1] + sign * amounts[1]];
                }
                let own = |end: &str| {
                    day(line[end].as_str().unwrap_or_else(|| invoice["issuedOn"].as_str().unwrap()))
                };
                let (first, last) = (own("periodFrom"), own("periodTo"));
                let days = (last - first).num_days() + 1;
                let so_far = |amount: i64, until: NaiveDate| {
                    let gone = ((until - first).num_days() + 1).clamp(0, days);
                    (2 * i128::from(amount) * i128::from(gone) + i128::from(days))
                        .div_euclid(2 * i128::from(days)) as i64
                };
                let sums = accrued.entry(slug).or_default();
                *sums = std::array::from_fn(|position| {
                    let part = so_far(amounts[position], day(to))
                        - so_far(amounts[position], day(from) - Days::new(1));
                    sums[position] + sign * part
                });
            }
            let payments = invoice["payments"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|payment| within(&payment["receivedOn"]));
            received += payments.map(|payment| ore(&payment["amount"])).sum::<i64>();
        }
        for (basis, expected) in [("INVOICED", expected), ("ACCRUED", accrued)] {
            let answer =
                report(&app.finance(), json!({ "from": from, "to": to, "basis": basis })).await;
            let rows = answer["revenue"]["rows"].as_array().unwrap();
            let found: BTreeMap<_, _> = rows
                .iter()
                .map(|row| {
                    (row["activity"]["slug"].to_string(), [ore(&row["net"]), ore(&row["vat"])])
                })
                .collect();
            assert_eq!(found, expected, "{basis} {from} {to}");
        }
        let paid = report(
            &app.finance(),
            json!({ "from": from, "to": to, "basis": "PAID", "groupBy": [] }),
        )
        .await;
        let total = &paid["revenue"]["total"];
        assert_eq!(
            ore(&total["gross"]) + ore(&total["unattributed"]),
            received,
            "PAID {from} {to}"
        );
    }
});

on_both!(a_year_needs_few_statements_whatever_it_holds, |app| async move {
    let mut counts = BTreeSet::new();
    for invoices in [60, 120] {
        RandomLedger::draw(&app, 3, invoices).await;
        app.statements();
        let answer = report(
            &app.finance(),
            json!({ "from": "2025-01-01", "to": "2025-12-31", "groupBy": ["ACTIVITY", "MONTH"] }),
        )
        .await;
        assert!(!answer["revenue"]["rows"].as_array().unwrap().is_empty());
        let statements = app.statements();
        assert!(statements.iter().any(|sql| sql.contains("revenue_month")), "{statements:#?}");
        // Only the number of invoices of the total, which was asked for, is not stored by month.
        assert_eq!(
            statements.iter().filter(|sql| sql.contains("\"invoice\"")).count(),
            1,
            "{statements:#?}"
        );
        assert!(!statements.iter().any(|sql| sql.contains("invoice_line")), "{statements:#?}");
        counts.insert(statements.len());
    }
    assert_eq!(counts.len(), 1, "{counts:?}");
    assert!(counts.iter().all(|count| *count <= 7), "{counts:?}");
});

on_both!(a_report_of_whole_months_is_one_statement, |app| async move {
    RandomLedger::draw(&app, 3, 60).await;
    for basis in ["INVOICED", "PAID", "ACCRUED"] {
        let input = json!({ "from": "2024-01-01", "to": "2026-12-31", "basis": basis, "groupBy": ["ACTIVITY", "YEAR"] });
        for (activity, expected) in [("", 1), ("activity { name }", 2)] {
            let question = format!(
                "query($input: RevenueInput!) {{ revenue(input: $input) {{ rows {{ {activity} period net result }} total {{ net result }} }} }}"
            );
            app.statements();
            let answer = app.finance().ask(&question, json!({ "input": input })).await;
            assert!(!answer["revenue"]["rows"].as_array().unwrap().is_empty(), "{basis}");
            let statements = app.statements();
            assert_eq!(statements.len(), expected, "{basis}: {statements:#?}");
        }
    }
});

on_both!(a_report_by_member_reads_the_stored_years, |app| async move {
    RandomLedger::draw(&app, 3, 60).await;
    for basis in ["INVOICED", "PAID", "ACCRUED"] {
        for groups in [vec!["MEMBER"], vec!["MEMBER", "YEAR"]] {
            let input = json!({ "from": "2024-01-01", "to": "2026-12-31", "basis": basis, "groupBy": groups });
            let question = "query($input: RevenueInput!) { revenue(input: $input) { rows { period net vat result } total { net } } }";
            app.statements();
            let answer = app.finance().ask(question, json!({ "input": input })).await;
            assert!(answer["revenue"]["rows"].as_array().unwrap().len() > 1, "{basis}");
            let statements = app.statements();
            assert!(statements.iter().any(|sql| sql.contains("revenue_member_year")), "{basis}");
            let ledger = ["\"invoice\"", "invoice_line", "attribution"];
            assert!(
                !statements.iter().any(|sql| ledger.iter().any(|table| sql.contains(table))),
                "{basis}: {statements:#?}"
            );
        }
    }
});

on_both!(accrued_months_are_checked_against_the_lines, |app| async move {
    RandomLedger::draw(&app, 5, 60).await;
    assert_eq!(revenue::violations(&app.db).await.unwrap(), Vec::<String>::new());
    let raw = sea_orm::Database::connect(app.url()).await.unwrap();
    for column in ["accrued_net", "accrued_vat", "accrued_credited_net", "accrued_credited_vat"] {
        let change = |by: &str| format!("UPDATE revenue_month SET {column} = {column} {by} 1");
        raw.execute_unprepared(&change("+")).await.unwrap();
        let found = revenue::violations(&app.db).await.unwrap();
        let is_named = found.iter().any(|violation| violation.contains(" accrued and "));
        assert!(is_named, "{column}: {found:#?}");
        raw.execute_unprepared(&change("-")).await.unwrap();
    }
    assert_eq!(revenue::violations(&app.db).await.unwrap(), Vec::<String>::new());
    raw.close().await.unwrap();
});

on_both!(what_does_not_add_up_is_found, |app| async move {
    ledger(&app).await;
    assert_eq!(revenue::violations(&app.db).await.unwrap(), Vec::<String>::new());
    let raw = sea_orm::Database::connect(app.url()).await.unwrap();
    // What was issued is frozen, so that harm needs intent.
    let unlock = if app.url().starts_with("postgres") {
        [
            "ALTER TABLE invoice DISABLE TRIGGER USER",
            "ALTER TABLE invoice_line DISABLE TRIGGER USER",
        ]
    } else {
        ["DROP TRIGGER invoice__frozen", "DROP TRIGGER invoice_line__update"]
    };
    for statement in unlock {
        raw.execute_unprepared(statement).await.unwrap();
    }
    let date = |text: &str| {
        if app.url().starts_with("postgres") {
            format!("DATE '{text}'")
        } else {
            format!("'{text}'")
        }
    };
    for (harm, sentence) in [
        (
            "UPDATE invoice SET net = net + 1, total = total + 1 WHERE number = '1003'".to_owned(),
            "invoice 1003 says net 3000.01",
        ),
        (
            "UPDATE invoice_line SET vat = vat - 1 WHERE description = 'Serviceavgift'".into(),
            "invoice 1001 has line 2 with net 1000.00 and VAT 249.99",
        ),
        (
            "UPDATE attribution SET net = net + 1 WHERE position = 2 AND net = 100000".into(),
            "invoice 1001 has 1000.01 and VAT 250.00 allocated to line 2 on 2026-02-10, but it must be 1000.00 and VAT",
        ),
        (
            "UPDATE invoice SET paid = paid - 100 WHERE number = '1002'".into(),
            "invoice 1002 says that 6779.00 is paid",
        ),
        (
            format!("UPDATE invoice SET settled_on = {} WHERE number = '1004'", date("2026-11-02")),
            "invoice 1004 has days",
        ),
        ("UPDATE revenue_month SET paid_net = paid_net + 1".into(), "the revenue of 2026-"),
        (
            "UPDATE revenue_member_year SET accrued_vat = accrued_vat + 1".into(),
            "the revenue of 2026 from ",
        ),
        ("DELETE FROM revenue_member_year".into(), "the revenue of 2026 from member "),
        ("DELETE FROM revenue_month".into(), "is stored as 0.00 invoiced"),
    ] {
        raw.execute_unprepared(&harm).await.unwrap();
        let found = revenue::violations(&app.db).await.unwrap();
        assert!(found.iter().any(|violation| violation.contains(sentence)), "{harm}: {found:#?}");
    }
    // Below a number that came with an import a gap is a note; that the number is another one, the
    // trail says.
    let harm =
        "UPDATE invoice SET number = '1006', number_key = '000000001006' WHERE number = '1004'";
    raw.execute_unprepared(harm).await.unwrap();
    let notes = revenue::findings(&app.db.snapshot().await.unwrap()).await.unwrap().notes;
    assert!(
        notes.contains(&"the invoice series lacks 1004 to 1005 from imported history".to_owned()),
        "{notes:#?}"
    );
    raw.close().await.unwrap();
});
