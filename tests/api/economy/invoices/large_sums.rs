//! Sums over amounts that older versions took: a thousand of 2^53 öre do not fit in 64 bits, and
//! are reported to the öre.

use sea_orm::{ConnectionTrait, DbBackend};
use serde_json::json;

use crate::support::{
    app::{App, on_both},
    database_intruder::intruder,
    fixtures::{BUYERS, EARNERS},
    validators,
};

/// The largest amount that was taken once, in öre.
const LARGEST: i128 = (1 << 53) - 1;
/// So many of them come to more than 64 bits hold.
const MANY: i128 = 1100;

/// Writes rows `n` = 1 to 1 100 into a table, past the rules of today.
async fn insert(app: &App, table: &str, columns: &str, values: &str) {
    let (id, digit) = match app.db.backend() {
        DbBackend::Postgres => ("gen_random_uuid()", "n::text"),
        _ => ("randomblob(16)", "n"),
    };
    let values = values.replace("{id}", id).replace("{n}", digit);
    let numbers = format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY})"
    );
    let sql = format!("{numbers} INSERT INTO {table} ({columns}) SELECT {values} FROM numbers");
    let sql = if app.db.backend() == DbBackend::Postgres {
        sql
    } else {
        // SQLite takes the table expression before the SELECT alone.
        format!("INSERT INTO {table} ({columns}) {numbers} SELECT {values} FROM numbers")
    };
    let database = intruder(app).await;
    database.execute_unprepared(&sql).await.unwrap();
    database.close().await.unwrap();
}

fn kronor(ore: i128) -> String {
    let sign = if ore < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", ore.abs() / 100, ore.abs() % 100)
}

on_both!(costs_and_grants_beyond_64_bits_are_summed_to_the_ore, |app| async move {
    app.import(&[BUYERS[0], EARNERS]).await;
    let activity = "(SELECT id FROM activity WHERE slug = 'bip')";
    for (table, text) in [("cost", "description"), ("activity_grant", "funder")] {
        let columns = format!("id, activity_id, booked_on, amount, {text}, occurrence");
        insert(
            &app,
            table,
            &columns,
            &format!("{{id}}, {activity}, '2026-03-01', {LARGEST}, 'Lokal ' || {{n}}, 1"),
        )
        .await;
    }
    let bip =
        app.office().query("{ activity(by: { slug: \"bip\" }) { id } }").await["activity"]["id"]
            .clone();
    let mut fee =
        json!({ "basis": "FIXED_PER_YEAR", "amount": "10000000000.00", "vatRate": "STANDARD_25" });
    (fee["activityId"], fee["validFrom"]) = (bip, json!("2026-01-01"));
    app.finance().does("feeScheduleSet", "slug", fee).await.data();
    let sum = kronor(MANY * LARGEST);
    let finance = app.finance();
    let document = "query($input: RevenueInput!) { revenue(input: $input) { total { cost grants result } rows { cost } csvUrl xlsxUrl } }";
    for group in [json!([]), json!(["ACTIVITY"]), json!(["ACTIVITY", "MONTH"])] {
        let input = json!({ "from": "2026-01-01", "to": "2026-12-31", "groupBy": group });
        let answer = finance.ask(document, json!({ "input": input })).await;
        let report = &answer["revenue"];
        assert_eq!(report["total"], json!({ "cost": sum, "grants": sum, "result": "0.00" }));
        assert_eq!(report["rows"], json!([{ "cost": sum }]));
        let csv = finance.get(report["csvUrl"].as_str().unwrap()).await.text();
        assert!(csv.contains(&format!("{sum},{sum},0.00")), "{csv}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("revenue.xlsx");
        std::fs::write(&file, finance.get(report["xlsxUrl"].as_str().unwrap()).await.bytes)
            .unwrap();
        // Spreadsheets know doubles alone.
        let sheet = validators::part(&file, "xl/worksheets/sheet1.xml");
        assert!(sheet.contains(&format!("{}", (MANY * LARGEST) as f64 / 100.0)), "{sheet}");
    }
    let result = finance
        .query("{ activity(by: { slug: \"bip\" }) { economy(year: 2026) { cost grants result } } }")
        .await;
    assert_eq!(
        result["activity"]["economy"],
        json!({ "cost": sum, "grants": sum, "result": "0.00" })
    );

    let database = intruder(&app).await;
    database.execute_unprepared("DELETE FROM activity_grant").await.unwrap();
    database.close().await.unwrap();
    let question = "{ activity(by: { slug: \"bip\" }) {
        breakEvenByFee(year: 2026) { need neededCount shortfall } breakEven(year: 2026) { cost agreementCount } } }";
    let answer = finance.query(question).await;
    let count = (MANY * LARGEST - 1) / 1_000_000_000_000 + 1;
    assert_eq!(
        answer["activity"]["breakEvenByFee"],
        json!([{ "need": sum, "neededCount": count as i64, "shortfall": "0.00" }])
    );
    assert_eq!(
        answer["activity"]["breakEven"],
        json!({ "cost": sum, "agreementCount": count as i64 })
    );
    let output =
        app.program().args(["break-even", "--year", "2026", "--format", "csv"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains(&sum), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let output = app
        .program()
        .args(["revenue", "--from", "2026-01-01", "--to", "2026-12-31", "--format", "json"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.contains(&format!("\"result\": -{sum}")),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
});

on_both!(invoices_beyond_64_bits_are_summed_to_the_ore, |app| async move {
    app.import(&[BUYERS[0], EARNERS]).await;
    let member = "(SELECT id FROM member WHERE name = 'Gotland')";
    insert(
        &app,
        "invoice",
        "id, kind, number, number_key, ocr, member_id, issued_on, due_on, net, vat, rounding, total, paid, credited",
        &format!(
            "{{id}}, 'INVOICE', 'A' || {{n}}, 'A' || {{n}}, 'O' || {{n}}, {member}, '2026-01-15', '2026-02-14', {LARGEST}, 0, 0, {LARGEST}, 0, 0"
        ),
    )
    .await;
    let sum = kronor(MANY * LARGEST);
    // No whole year: the totals of years have no invoice that was written past the program.
    let input = json!({ "from": "2026-01-02", "to": "2026-12-31", "groupBy": ["MEMBER"] });
    let document = "query($input: RevenueInput!) { revenue(input: $input) { total { net gross invoiceCount } }
        members(filter: { search: \"Gotland\" }) { nodes { balance { outstanding overdue overpaid } } } }";
    let answer = app.finance().ask(document, json!({ "input": input })).await;
    assert_eq!(
        answer["revenue"]["total"],
        json!({ "net": sum, "gross": sum, "invoiceCount": 1100 })
    );
    assert_eq!(
        answer["members"]["nodes"][0]["balance"],
        json!({ "outstanding": sum, "overdue": sum, "overpaid": "0.00" })
    );
});
