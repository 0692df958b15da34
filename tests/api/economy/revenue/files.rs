//! Revenue reports as files: the same sums as the query, with the same permissions, in CSV and in a
//! workbook.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    caller::Caller,
    fixtures::{self, Samples},
    invoicing_fixtures,
    random_ledger::RandomLedger,
    validators,
};

const YEARS: &str = "from: \"2025-01-01\", to: \"2026-12-31\"";

/// A report's net sums, and its address as CSV.
async fn report(caller: &Caller<'_>, arguments: &str) -> (Vec<String>, String) {
    let document = format!("{{ revenue(input: {{ {arguments} }}) {{ csvUrl rows {{ net }} }} }}");
    let answer = caller.query(&document).await;
    let report = &answer["revenue"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let nets = report["rows"].as_array().unwrap().iter().map(|row| text(&row["net"])).collect();
    (nets, text(&report["csvUrl"]))
}

/// The net sums of a file.
async fn nets(caller: &Caller<'_>, url: &str) -> Vec<String> {
    let answer = caller.get(url).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type")),
        (200, "text/csv; charset=utf-8"),
        "{url}: {}",
        answer.text()
    );
    let text = answer.text();
    let mut lines = text.lines();
    let position = lines.next().unwrap().split(',').position(|name| name == "net").unwrap();
    lines.map(|line| line.split(',').nth(position).unwrap().to_owned()).collect()
}

on_both!(files_have_the_rows_of_the_query, |app| async move {
    RandomLedger::draw(&app, 3, 400).await;
    let finance = app.finance();
    let answer = finance.query("{ members(first: 2) { nodes { id } } }").await;
    let ids: Vec<_> = answer["members"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["id"].to_string())
        .collect();
    for rest in [
        String::new(),
        ", groupBy: []".into(),
        ", groupBy: [ACTIVITY, QUARTER], basis: PAID".into(),
        ", groupBy: [MEMBER, MONTH, YEAR], basis: ACCRUED".into(),
        ", groupBy: [YEAR], activitySlugs: [\"bip\", \"jgl\"]".into(),
        ", activitySlugs: []".into(),
        format!(", groupBy: [MEMBER], memberIds: [{}]", ids.join(", ")),
        ", memberIds: []".into(),
    ] {
        let (rows, csv) = report(&finance, &format!("{YEARS}{rest}")).await;
        assert_eq!(nets(&finance, &csv).await, rows, "{rest}: {csv}");
    }
});

on_both!(a_forecasts_files_have_the_rows_of_the_query, |app| async move {
    let (app, _folder) = invoicing_fixtures::fill(&app, 12).await;
    let finance = app.finance();
    let answer = finance
        .query("{ revenueForecast(year: 2027) { csvUrl xlsxUrl rows { net } total { net } } }")
        .await;
    let forecast = &answer["revenueForecast"];
    let rows: Vec<_> = forecast["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["net"].as_str().unwrap())
        .collect();
    assert!(
        rows.len() == 1 && rows[0] == forecast["total"]["net"] && rows[0] != "0.00",
        "{forecast}"
    );
    assert_eq!(nets(&finance, forecast["csvUrl"].as_str().unwrap()).await, rows);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("forecast.xlsx");
    fs::write(&file, &finance.get(forecast["xlsxUrl"].as_str().unwrap()).await.bytes).unwrap();
    assert_eq!(Sheet::of(&file, 1).cell("B2").value, number(rows[0]));
});

/// A sheet of a workbook.
struct Sheet {
    text: String,
    styles: String,
}

/// The content of a cell.
#[derive(Debug, PartialEq)]
struct Shown {
    /// Its formula; empty for a constant.
    formula: String,
    /// As the file has it: a number without the zeros at its end, or the place of a text among
    /// those of the workbook.
    value: String,
    /// The format of numbers.
    format: String,
}

/// Returns the text between two marks.
fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    text.split_once(before).and_then(|(_, rest)| rest.split_once(after)).map(|(found, _)| found)
}

impl Sheet {
    fn of(file: &Path, number: usize) -> Self {
        let text = validators::part(file, &format!("xl/worksheets/sheet{number}.xml"));
        Self { text, styles: validators::part(file, "xl/styles.xml") }
    }

    fn cell(&self, name: &str) -> Shown {
        let cell = between(&self.text, &format!("<c r=\"{name}\""), "</c>")
            .unwrap_or_else(|| panic!("no {name} in {}", self.text));
        let part = |tag: &str| {
            between(cell, &format!("<{tag}>"), &format!("</{tag}>")).unwrap_or_default().to_owned()
        };
        let style: usize =
            between(cell, "s=\"", "\"").map_or(0, |position| position.parse().unwrap());
        let formats = between(&self.styles, "<cellXfs", "</cellXfs>").unwrap();
        let format =
            between(formats.split("<xf ").nth(style + 1).unwrap(), "numFmtId=\"", "\"").unwrap();
        let format = match format {
            // Those that every spreadsheet knows (ECMA-376, 18.8.30).
            "0" => "General".to_owned(),
            "3" => "#,##0".to_owned(),
            "4" => "#,##0.00".to_owned(),
            own => between(&self.styles, &format!("numFmtId=\"{own}\" formatCode=\""), "\"")
                .unwrap()
                .to_owned(),
        };
        Shown { formula: part("f"), value: number(&part("v")), format }
    }
}

/// An amount without the zeros at its end.
fn number(amount: &str) -> String {
    if amount.contains('.') {
        amount.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        amount.to_owned()
    }
}

on_both!(a_workbook_has_sums_and_a_chart, |app| async move {
    RandomLedger::draw(&app, 3, 400).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("revenue.xlsx");
    let sums = "activity { name } period net vat gross credited cost grants result invoiceCount";
    let document = format!(
        "{{ revenue(input: {{ {YEARS}, groupBy: [ACTIVITY, YEAR] }}) {{ xlsxUrl rows {{ {sums} }} total {{ {sums} }} }} }}"
    );
    let answer = app.finance().query(&document).await;
    let (report, url) = (&answer["revenue"], answer["revenue"]["xlsxUrl"].as_str().unwrap());
    let answer = app.finance().get(url).await;
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"revenue.xlsx\"");
    fs::write(&file, &answer.bytes).unwrap();

    // Every amount with two decimals, and below them what they add up to; an invoice may stand
    // behind several rows.
    let sheet = Sheet::of(&file, 1);
    assert!(
        sheet.text.contains(
            "<pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\""
        ),
        "{}",
        sheet.text
    );
    let rows = report["rows"].as_array().unwrap();
    let last = rows.len() + 1;
    let is = |value: &Value, formula: String| Shown {
        formula,
        value: number(value.as_str().unwrap()),
        format: "#,##0.00".into(),
    };
    for (column, name) in ["C", "D", "E", "F", "G", "H", "I"]
        .into_iter()
        .zip(["net", "vat", "gross", "credited", "cost", "grants", "result"])
    {
        for (position, row) in rows.iter().enumerate() {
            assert_eq!(
                sheet.cell(&format!("{column}{}", position + 2)),
                is(&row[name], String::new()),
                "{name} {row}"
            );
        }
        let sum = format!("SUM({column}2:{column}{last})");
        assert_eq!(
            sheet.cell(&format!("{column}{}", last + 1)),
            is(&report["total"][name], sum),
            "{name}"
        );
    }
    let invoices = Shown {
        formula: String::new(),
        value: report["total"]["invoiceCount"].to_string(),
        format: "#,##0".into(),
    };
    assert_eq!(sheet.cell(&format!("J{}", last + 1)), invoices);

    // The table of the chart has the same revenue, an activity a row and a year a column.
    let table = Sheet::of(&file, 2);
    let years = ["2025", "2026"];
    let mut names: Vec<&str> = rows
        .iter()
        .map(|row| row["activity"]["name"].as_str().unwrap_or("(no activity)"))
        .collect();
    names.sort_by_key(|name| (*name == "(no activity)", *name));
    names.dedup();
    let last = names.len() + 1;
    assert!(names.len() > 3, "{names:?}");
    let ore = |amount: &Value| amount.as_str().unwrap().replace('.', "").parse::<i64>().unwrap();
    for (column, year) in ["B", "C"].into_iter().zip(years) {
        let mut sum = 0;
        for (position, name) in names.iter().enumerate() {
            let is_it = |row: &&Value| {
                row["period"] == year
                    && row["activity"]["name"].as_str().unwrap_or("(no activity)") == *name
            };
            let net = rows.iter().find(is_it).map_or(json!("0.00"), |row| row["net"].clone());
            sum += ore(&net);
            assert_eq!(
                table.cell(&format!("{column}{}", position + 2)),
                is(&net, String::new()),
                "{name} {year}"
            );
        }
        let total = table.cell(&format!("{column}{}", last + 1));
        let expected = is(
            &json!(format!("{}.{:02}", sum / 100, sum % 100)),
            format!("SUM({column}2:{column}{last})"),
        );
        assert_eq!(total, expected, "{year}");
    }
    assert_eq!(table.cell(&format!("D{last}")).formula, format!("SUM(B{last}:C{last})"));
    let chart = validators::part(&file, "xl/charts/chart1.xml");
    assert!(chart.contains("Intäkter per verksamhet och år, kronor utan moms"), "{chart}");
    let references: Vec<_> =
        chart.split("<c:f>").skip(1).map(|rest| rest.split("</c:f>").next().unwrap()).collect();
    let reference = |cells: &str| format!("'Per verksamhet och år'!{cells}");
    let series = |column: &str| {
        let cells = [
            format!("${column}$1"),
            format!("$A$2:$A${last}"),
            format!("${column}$2:${column}${last}"),
        ];
        cells.map(|cells| reference(&cells))
    };
    assert_eq!(references, [series("B"), series("C")].concat());
    // The same question gives the same file.
    assert_eq!(app.finance().get(url).await.bytes, answer.bytes);
});

on_both!(files_show_what_the_query_shows, |app| async move {
    let samples = Samples::fill(&app).await;
    let range = "from: \"2026-01-01\", to: \"2026-12-31\"";
    for caller in [
        app.board(),
        app.member(samples.id("alfa")),
        app.lead(&["indikatorer"]),
        app.service("revenue:read"),
        app.service("members:read"),
    ] {
        let (rows, csv) = report(&caller, range).await;
        assert_eq!(nets(&caller, &csv).await, rows);
    }
    let alfa = app
        .member(samples.id("alfa"))
        .get("/files/revenue.csv?from=2026-01-01&to=2026-12-31&group-by=activity,member")
        .await
        .text();
    assert!(
        alfa.contains("11311.31")
            && !alfa.contains("22422.42")
            && !alfa.contains("Beta")
            && !alfa.contains("3333.31"),
        "{alfa}"
    );
    assert_eq!(app.get("/files/revenue.csv?from=2026-01-01&to=2026-12-31").await.status, 401);
    assert_eq!(app.get("/files/revenue.xlsx").await.status, 401);
});

on_both!(every_bad_parameter_of_a_file_is_named, |app| async move {
    app.import(fixtures::FILES).await;
    let finance = app.finance();
    for (parameters, fields) in [
        ("", vec!["from", "to"]),
        (
            "from=x&to=2026-02-30&basis=due&group-by=week&activity=%20&member=x&activty=bip",
            vec!["activity", "activty", "basis", "from", "group-by", "member", "to"],
        ),
        ("from=2026-02-01&to=2026-01-01", vec!["to"]),
        (
            "from=2026-01-01&to=2026-12-31&activity=bipp&member=member_00000000000000000000000000000000",
            vec!["activity", "member"],
        ),
        ("forecast=2027&from=2026-01-01", vec!["forecast"]),
        ("forecast=0", vec!["forecast"]),
    ] {
        for file in ["csv", "xlsx"] {
            let answer = finance.get(&format!("/files/revenue.{file}?{parameters}")).await;
            assert_eq!(
                (answer.status.as_u16(), answer.bad_fields()),
                (400, fields.clone()),
                "{parameters}"
            );
        }
    }
});
