//! Revenue calculated directly from the documents, and compared with every report of it, by every
//! basis and grouping.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, Days, NaiveDate};
use sea_orm::{ConnectionTrait, Statement, TransactionTrait};
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    lifecycle_fixtures::connection,
    random_ledger::RandomLedger,
};

/// A line of a document.
#[derive(Clone, Debug)]
struct Line {
    activity: Option<String>,
    rate: String,
    /// Net and VAT, öre.
    amounts: [i64; 2],
    covers: (NaiveDate, NaiveDate),
}

/// An issued invoice or credit note.
#[derive(Clone, Debug)]
struct Document {
    number: String,
    credits: Option<String>,
    member: Option<String>,
    issued_on: NaiveDate,
    lines: Vec<Line>,
    payments: Vec<(NaiveDate, i64)>,
}

/// The amounts of a day for an activity and a member: net, VAT, credited, unattributed.
#[derive(Clone, Debug)]
struct Entry {
    day: NaiveDate,
    activity: Option<String>,
    member: Option<String>,
    sums: [i64; 4],
}

fn day(value: &Value) -> Option<NaiveDate> {
    Some(value.as_str()?.parse().unwrap())
}

fn ore(value: &Value) -> i64 {
    value.as_str().unwrap().replace('.', "").parse().unwrap()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// Everything that was issued, in order of number.
async fn documents(app: &App) -> Vec<Document> {
    let question = "query($after: String) { invoices(first: 200, after: $after) { pageInfo { hasNextPage endCursor } nodes {
        kind number issuedOn rounding credits { number } buyer { ... on Member { name } }
        lines { activity { slug } vatRate net vat periodFrom periodTo } payments { receivedOn amount } } } }";
    let (mut found, mut after) = (Vec::new(), Value::Null);
    loop {
        let answer = app.finance().ask(question, json!({ "after": after })).await;
        let page = answer["invoices"].clone();
        for node in page["nodes"].as_array().unwrap() {
            let Some(issued_on) = day(&node["issuedOn"]) else { continue };
            assert_eq!(ore(&node["rounding"]), 0);
            let line = |line: &Value| {
                let (from, to) = (day(&line["periodFrom"]), day(&line["periodTo"]));
                Line {
                    activity: text(&line["activity"]["slug"]),
                    rate: text(&line["vatRate"]).unwrap(),
                    amounts: [ore(&line["net"]), ore(&line["vat"])],
                    covers: (from.or(to).unwrap_or(issued_on), to.or(from).unwrap_or(issued_on)),
                }
            };
            found.push(Document {
                number: text(&node["number"]).unwrap(),
                credits: text(&node["credits"]["number"]),
                member: text(&node["buyer"]["name"]),
                issued_on,
                lines: node["lines"].as_array().unwrap().iter().map(line).collect(),
                payments: node["payments"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|payment| (day(&payment["receivedOn"]).unwrap(), ore(&payment["amount"])))
                    .collect(),
            });
        }
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            return found;
        }
    }
}

/// `amount × part ⁄ total`, half up.
fn rounded(amount: i64, part: i64, total: i64) -> i64 {
    if total == 0 {
        return 0;
    }
    let (product, total) = (i128::from(amount) * i128::from(part), i128::from(total));
    ((product.abs() * 2 + total) / (total * 2) * product.signum()) as i64
}

fn invoiced(documents: &[Document]) -> Vec<Entry> {
    let entry = |document: &Document, line: &Line| {
        let [net, vat] = line.amounts;
        let sums = if document.credits.is_some() { [-net, -vat, net, 0] } else { [net, vat, 0, 0] };
        Entry {
            day: document.issued_on,
            activity: line.activity.clone(),
            member: document.member.clone(),
            sums,
        }
    };
    documents
        .iter()
        .flat_map(|document| document.lines.iter().map(move |line| entry(document, line)))
        .collect()
}

fn accrued(documents: &[Document]) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (document, line) in documents
        .iter()
        .flat_map(|document| document.lines.iter().map(move |line| (document, line)))
    {
        let (from, to) = line.covers;
        let days = (to - from).num_days() + 1;
        for nth in 1..=days {
            let [net, vat] = line
                .amounts
                .map(|amount| rounded(amount, nth, days) - rounded(amount, nth - 1, days));
            let sums =
                if document.credits.is_some() { [-net, -vat, net, 0] } else { [net, vat, 0, 0] };
            let day = from + Days::new((nth - 1).unsigned_abs());
            entries.push(Entry {
                day,
                activity: line.activity.clone(),
                member: document.member.clone(),
                sums,
            });
        }
    }
    entries
}

/// Returns what an invoice's lines have left after these credit notes: those of the drawn ledger
/// take from the lines of their rate, first from those of their activity.
fn left<'a>(invoice: &Document, notes: impl Iterator<Item = &'a Document>) -> Vec<[i64; 2]> {
    let mut left: Vec<[i64; 2]> = invoice.lines.iter().map(|line| line.amounts).collect();
    for credit in notes.flat_map(|note| &note.lines) {
        let mut taken = 0;
        for is_own_permit in [true, false] {
            for (line, left) in invoice.lines.iter().zip(&mut left) {
                if line.rate != credit.rate || (line.activity == credit.activity) != is_own_permit {
                    continue;
                }
                let net = (credit.amounts[0] - taken).min(left[0]).max(0);
                let vat = |until: i64| rounded(credit.amounts[1], until, credit.amounts[0]);
                left[1] -= vat(taken + net) - vat(taken);
                left[0] -= net;
                taken += net;
            }
        }
    }
    left
}

/// Returns the amount paid on each line at the end of a day.
fn lies(paid: i64, left: &[[i64; 2]]) -> Vec<[i64; 2]> {
    let gross: Vec<i64> = left.iter().map(|[net, vat]| net + vat).collect();
    let all: i64 = gross.iter().sum();
    if paid == 0 {
        return vec![[0, 0]; left.len()];
    }
    if paid >= all {
        return left.to_vec();
    }
    let mut parts: Vec<i64> = gross.iter().map(|gross| rounded(paid, *gross, all)).collect();
    let mut rest = paid - parts.iter().sum::<i64>();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|&position| (-gross[position].abs(), position));
    for position in order {
        let (least, most) = (gross[position].min(0), gross[position].max(0));
        let part = (parts[position] + rest).clamp(least, most);
        rest -= part - parts[position];
        parts[position] = part;
    }
    let divided = |(part, [net, vat]): (i64, &[i64; 2])| {
        let vat = if net + vat > 0 {
            rounded(part, *vat, net + vat)
        } else {
            rounded(-part, *vat, -(net + vat))
        };
        [part - vat, vat]
    };
    parts.into_iter().zip(left).map(divided).collect()
}

/// Every day on its own, from all that came before it.
fn paid(documents: &[Document]) -> Vec<Entry> {
    let mut entries = Vec::new();
    for invoice in documents.iter().filter(|document| !document.payments.is_empty()) {
        let notes: Vec<&Document> = documents
            .iter()
            .filter(|note| note.credits.as_ref() == Some(&invoice.number))
            .collect();
        let until = |last: NaiveDate| {
            let paid: i64 = invoice
                .payments
                .iter()
                .filter(|(on, _)| *on <= last)
                .map(|(_, amount)| amount)
                .sum();
            let lies = lies(
                paid,
                &left(invoice, notes.iter().copied().filter(|note| note.issued_on <= last)),
            );
            let beyond = paid - lies.iter().flatten().sum::<i64>();
            (lies, beyond)
        };
        let days = invoice
            .payments
            .iter()
            .map(|(on, _)| *on)
            .chain(notes.iter().map(|note| note.issued_on));
        for day in days.collect::<BTreeSet<_>>() {
            let ((before, beyond_before), (now, beyond)) = (until(day - Days::new(1)), until(day));
            for (line, (now, before)) in invoice.lines.iter().zip(now.iter().zip(&before)) {
                let sums = [now[0] - before[0], now[1] - before[1], 0, 0];
                entries.push(Entry {
                    day,
                    activity: line.activity.clone(),
                    member: invoice.member.clone(),
                    sums,
                });
            }
            entries.push(Entry {
                day,
                activity: None,
                member: invoice.member.clone(),
                sums: [0, 0, 0, beyond - beyond_before],
            });
        }
    }
    entries
}

/// Sums by what rows are for, without those that come to zero.
type Sums = BTreeMap<(Option<String>, Option<String>, Option<String>), [i64; 4]>;

fn sum(
    entries: impl IntoIterator<Item = ((Option<String>, Option<String>, Option<String>), [i64; 4])>,
) -> Sums {
    let mut sums = Sums::new();
    for (key, own) in entries {
        let of_key = sums.entry(key).or_default();
        *of_key = std::array::from_fn(|position| of_key[position] + own[position]);
    }
    sums.retain(|_, sums| *sums != [0; 4]);
    sums
}

fn period(group: &str, day: NaiveDate) -> String {
    match group {
        "YEAR" => day.format("%Y").to_string(),
        "QUARTER" => format!("{}-Q{}", day.year(), day.month0() / 3 + 1),
        _ => day.format("%Y-%m").to_string(),
    }
}

async fn reported(
    app: &App,
    basis: &str,
    (from, to): (NaiveDate, NaiveDate),
    groups: &[&str],
) -> (Sums, Value) {
    let question = "query($input: RevenueInput!) { revenue(input: $input) {
        rows { activity { slug } member { name } period net vat credited unattributed } total { net vat credited unattributed } } }";
    let input = json!({ "from": from, "to": to, "basis": basis, "groupBy": groups });
    let answer = app.finance().ask(question, json!({ "input": input })).await;
    let sums = |row: &Value| ["net", "vat", "credited", "unattributed"].map(|name| ore(&row[name]));
    let row = |row: &Value| {
        (
            (text(&row["period"]), text(&row["activity"]["slug"]), text(&row["member"]["name"])),
            sums(row),
        )
    };
    let report = &answer["revenue"];
    (sum(report["rows"].as_array().unwrap().iter().map(row)), report["total"].clone())
}

on_both!(every_report_is_what_the_documents_come_to, |app| async move {
    RandomLedger::draw(&app, 17, 120).await;
    let documents = documents(&app).await;
    let range = |from: &str, to: &str| (from.parse().unwrap(), to.parse().unwrap());
    let ranges: [(NaiveDate, NaiveDate); 3] = [
        range("2024-01-01", "2029-12-31"),
        range("2025-03-15", "2026-08-14"),
        range("2025-04-01", "2025-06-30"),
    ];
    for (basis, entries) in [
        ("INVOICED", invoiced(&documents)),
        ("PAID", paid(&documents)),
        ("ACCRUED", accrued(&documents)),
    ] {
        if basis == "PAID" {
            let moved = entries.iter().filter(|entry| entry.sums[0] < 0).count();
            assert!(
                moved > 0 && entries.iter().any(|entry| entry.sums[3] > 0),
                "the lot has overpayments, and credit notes after payments"
            );
        }
        for (from, to) in ranges {
            let within: Vec<&Entry> =
                entries.iter().filter(|entry| (from..=to).contains(&entry.day)).collect();
            let mut totals = BTreeSet::new();
            for time in [None, Some("YEAR"), Some("QUARTER"), Some("MONTH")] {
                for (by_activity, by_member) in
                    [(false, false), (true, false), (false, true), (true, true)]
                {
                    let groups: Vec<&str> =
                        [by_activity.then_some("ACTIVITY"), by_member.then_some("MEMBER"), time]
                            .into_iter()
                            .flatten()
                            .collect();
                    let expected = sum(within.iter().map(|entry| {
                        let activity = entry.activity.clone().filter(|_| by_activity);
                        let member = entry.member.clone().filter(|_| by_member);
                        ((time.map(|time| period(time, entry.day)), activity, member), entry.sums)
                    }));
                    let (found, total) = reported(&app, basis, (from, to), &groups).await;
                    assert_eq!(found, expected, "{basis} {from} {to} {groups:?}");
                    totals.insert(total.to_string());
                }
            }
            assert_eq!(totals.len(), 1, "{basis} {from} {to}: {totals:?}");
        }
    }
});

on_both!(lines_are_found_by_the_days_that_they_cover, |app| async move {
    RandomLedger::draw(&app, 17, 120).await;
    app.statements();
    reported(
        &app,
        "ACCRUED",
        // Whole months come from the stored totals.
        ("2026-11-02".parse().unwrap(), "2026-11-29".parse().unwrap()),
        &["ACTIVITY"],
    )
    .await;
    let statements = app.statements();
    let sql = statements
        .iter()
        .find(|sql| sql.contains("UNION ALL"))
        .unwrap_or_else(|| panic!("{statements:#?}"));
    let connection = connection(&app).await;
    let tx = connection.begin().await.unwrap();
    let (explain, column) = if app.url().starts_with("postgres") {
        // A table of a few pages is read from end to end, whatever indexes it has.
        tx.execute_unprepared(
            "SET LOCAL enable_seqscan = off; SET LOCAL plan_cache_mode = force_generic_plan",
        )
        .await
        .unwrap();
        tx.execute_unprepared(&format!("PREPARE report AS {sql}")).await.unwrap();
        let values = (1..)
            .take_while(|nth| sql.contains(&format!("${nth}")))
            .map(|_| "NULL")
            .collect::<Vec<_>>()
            .join(", ");
        (format!("EXPLAIN EXECUTE report ({values})"), "QUERY PLAN")
    } else {
        (format!("EXPLAIN QUERY PLAN {sql}"), "detail")
    };
    let plan = tx.query_all_raw(Statement::from_string(app.db.backend(), explain)).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.try_get("", column).unwrap()).collect();
    tx.rollback().await.unwrap();
    connection.close().await.unwrap();
    // Two indexes begin with the day of issue.
    for index in ["invoice_line__covers", "invoice__issued_"] {
        assert!(plan.iter().any(|line| line.contains(index)), "{index}: {plan:#?}");
    }
});
