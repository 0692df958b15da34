//! What is promised of revenue as files: the same sums as the query's, with the same rights, in CSV and in a workbook.

use std::fs;

use serde_json::Value;

use crate::{
    app::{App, Caller, on_both},
    judges,
    lot::Lot,
    samples::{self, Samples},
};

const YEARS: &str = "from: \"2025-01-01\", to: \"2026-12-31\"";

/// A report's net sums, total, and addresses.
async fn report(caller: &Caller<'_>, arguments: &str) -> (Vec<String>, String, String) {
    let document = format!("{{ revenue(input: {{ {arguments} }}) {{ csvUrl xlsxUrl rows {{ net }} total {{ net }} }} }}");
    let answer = caller.query(&document).await;
    let report = &answer["revenue"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let nets = report["rows"].as_array().unwrap().iter().map(|row| text(&row["net"])).collect();
    (nets, text(&report["csvUrl"]), text(&report["xlsxUrl"]))
}

/// The net sums of a file.
async fn nets(caller: &Caller<'_>, url: &str) -> Vec<String> {
    let answer = caller.get(url).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "text/csv; charset=utf-8"), "{url}: {}", answer.text());
    let text = answer.text();
    let mut lines = text.lines();
    let place = lines.next().unwrap().split(',').position(|name| name == "net").unwrap();
    lines.map(|line| line.split(',').nth(place).unwrap().to_owned()).collect()
}

on_both!(files_have_the_rows_of_the_query, |app| async move {
    Lot::draw(&app, 3, 400).await;
    let finance = app.finance();
    let answer = finance.query("{ members(first: 2) { nodes { id } } }").await;
    let ids: Vec<_> = answer["members"]["nodes"].as_array().unwrap().iter().map(|node| node["id"].to_string()).collect();
    for rest in [
        String::new(),
        ", groupBy: []".into(),
        ", groupBy: [ACTIVITY, QUARTER], basis: PAID".into(),
        ", groupBy: [MEMBER, MONTH, YEAR], basis: ACCRUED".into(),
        ", groupBy: [YEAR], activities: [\"bip\", \"jgl\"]".into(),
        ", activities: []".into(),
        format!(", groupBy: [MEMBER], members: [{}]", ids.join(", ")),
        ", members: []".into(),
    ] {
        let (rows, csv, _) = report(&finance, &format!("{YEARS}{rest}")).await;
        assert_eq!(nets(&finance, &csv).await, rows, "{rest}: {csv}");
    }
    let answer = finance.query("{ revenueForecast(year: 2027) { csvUrl rows { net } } }").await;
    let forecast = &answer["revenueForecast"];
    assert_eq!(nets(&finance, forecast["csvUrl"].as_str().unwrap()).await.len(), forecast["rows"].as_array().unwrap().len());
});

on_both!(a_workbook_has_sums_and_a_chart, |app| async move {
    Lot::draw(&app, 3, 400).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("revenue.xlsx");
    let (rows, _, url) = report(&app.finance(), &format!("{YEARS}, groupBy: [ACTIVITY, YEAR]")).await;
    let answer = app.finance().get(&url).await;
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"revenue.xlsx\"");
    fs::write(&file, &answer.bytes).unwrap();

    let last = rows.len() + 1;
    let sheet = judges::part(&file, "xl/worksheets/sheet1.xml");
    assert!(sheet.contains(&format!("<f>SUM(C2:C{last})</f>")), "{sheet}");
    assert!(sheet.contains("<pane ySplit=\"1\" topLeftCell=\"A2\"") && sheet.contains("state=\"frozen\""), "{sheet}");
    for net in &rows {
        // Programs write amounts without the noughts at their end.
        let number = net.trim_end_matches('0').trim_end_matches('.');
        assert!(sheet.contains(&format!("<v>{number}</v>")), "{number}");
    }
    assert!(judges::part(&file, "xl/styles.xml").contains("formatCode=\"#,##0.00\"") || sheet.contains("s=\""));

    let table = judges::part(&file, "xl/worksheets/sheet2.xml");
    assert!(table.contains("<f>SUM(B2:C2)</f>") && table.contains("<f>SUM(B2:B"), "{table}");
    let chart = judges::part(&file, "xl/charts/chart1.xml");
    assert_eq!(chart.matches("<c:ser>").count(), 2, "{chart}");
    for part in ["Revenue by activity and year, kronor without VAT", "'By activity and year'!$A$2:$A$", "'By activity and year'!$C$2:$C$"] {
        assert!(chart.contains(part), "{part}: {chart}");
    }
    // The same question gives the same file.
    assert_eq!(app.finance().get(&url).await.bytes, answer.bytes);
});

on_both!(files_show_what_the_query_shows, |app| async move {
    let samples = Samples::fill(&app).await;
    let range = "from: \"2026-01-01\", to: \"2026-12-31\"";
    for caller in
        [app.board(), app.member(samples.id("alfa")), app.lead(&["indikatorer"]), app.service("revenue:read"), app.service("members:read")]
    {
        let (rows, csv, _) = report(&caller, range).await;
        assert_eq!(nets(&caller, &csv).await, rows);
    }
    let alfa = app.member(samples.id("alfa")).get("/files/revenue.csv?from=2026-01-01&to=2026-12-31&group-by=activity,member").await.text();
    assert!(alfa.contains("11311.31") && !alfa.contains("22422.42") && !alfa.contains("Beta") && !alfa.contains("3333.31"), "{alfa}");
    assert_eq!(app.get("/files/revenue.csv?from=2026-01-01&to=2026-12-31").await.status, 401);
    assert_eq!(app.get("/files/revenue.xlsx").await.status, 401);
});

on_both!(every_bad_parameter_of_a_file_is_named, |app| async move {
    app.import(samples::FILES).await;
    let finance = app.finance();
    for (parameters, fields) in [
        ("", vec!["from", "to"]),
        (
            "from=x&to=2026-02-30&basis=due&group-by=week&activity=%20&member=x&activty=bip",
            vec!["activity", "activty", "basis", "from", "group-by", "member", "to"],
        ),
        ("from=2026-02-01&to=2026-01-01", vec!["to"]),
        ("from=2026-01-01&to=2026-12-31&activity=bipp&member=member_00000000000000000000000000000000", vec!["activity", "member"]),
        ("forecast=2027&from=2026-01-01", vec!["forecast"]),
        ("forecast=0", vec!["forecast"]),
    ] {
        for file in ["csv", "xlsx"] {
            let answer = finance.get(&format!("/files/revenue.{file}?{parameters}")).await;
            assert_eq!((answer.status.as_u16(), answer.bad_fields()), (400, fields.clone()), "{parameters}");
        }
    }
});
