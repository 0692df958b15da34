//! Commands that write reports: tables for people, CSV and JSON, and the status of `--check`.

use std::fs;

use serde_json::{Value, json};

use crate::{
    interfaces::cli::commands::{filled, run},
    support::app::{App, on_both},
};

/// Returns the values of a file in the columns of another one, row by row, in any order of rows.
pub(super) fn said(like: &str, text: &str) -> Vec<Vec<(String, String)>> {
    let columns: Vec<&str> = like.lines().next().unwrap().split(',').collect();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let cells = |row: csv::StringRecord| {
        let cells = header.iter().zip(&row).filter(|(name, _)| columns.contains(name));
        let mut cells: Vec<_> =
            cells.map(|(name, cell)| (name.to_owned(), cell.to_owned())).collect();
        cells.sort();
        cells
    };
    let mut rows: Vec<_> = reader.records().map(|row| cells(row.unwrap())).collect();
    rows.sort();
    rows
}

on_both!(what_expires_is_written_in_four_ways, |app| async move {
    filled(&app).await;
    let expiring = |rest: &str| run(app.program(), &format!("expiring --from 2026-11-21 {rest}"));
    let table = expiring("--within-days 90").done();
    insta::allow_duplicates!(insta::assert_snapshot!(table, @r"
    Avtal      Motpart                    Verksamhet   Slag            Tidsgräns                 Datum       Dagar kvar  Orsak
    ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    2026-7001  Samordningsförbundet Alfa  BIP          Särskilt avtal  Sista dag för uppsägning  2026-12-31          40  Förlängs med 12 månader om det inte sägs upp
    2026-7002  Samordningsförbundet Beta  Indikatorer  Särskilt avtal  Avtalets sista dag        2027-01-31          71  Upphör, förlängs inte automatiskt
    2026-7003  Konsult Gamma AB           BIP          Uppdragsavtal   Avtalets sista dag        2027-02-10          81  Upphör, förlängs inte automatiskt

    3 agreements have a deadline from 2026-11-21 to 2027-02-19
    "));
    insta::allow_duplicates!(
        insta::assert_snapshot!(expiring("--format csv").done().replace("\r\n", "\n"), @r"
    number,counterparty,activity,kind,deadline,date,days_left,reason
    2026-7001,Samordningsförbundet Alfa,bip,PARTICIPATION,NOTICE,2026-12-31,40,RENEWS
    2026-7002,Samordningsförbundet Beta,indikatorer,PARTICIPATION,END,2027-01-31,71,ENDS
    2026-7003,Konsult Gamma AB,bip,ASSIGNMENT,END,2027-02-10,81,ENDS
    ")
    );

    let document: Value =
        serde_json::from_str(&expiring("--format json --activity indikatorer").done()).unwrap();
    let mut agreement = document["agreements"][0].clone();
    assert!(agreement["id"].take().as_str().unwrap().starts_with("agreement_"));
    assert_eq!(
        (&document["from"], &document["to"], &document["count"]),
        (&json!("2026-11-21"), &json!("2027-02-19"), &json!(1))
    );
    assert_eq!(
        agreement,
        json!({ "id": null, "number": "2026-7002", "counterparty": "Samordningsförbundet Beta", "activity": "indikatorer",
            "activity_name": "Indikatorer", "kind": "PARTICIPATION", "deadline": "END", "date": "2027-01-31", "days_left": 71, "reason": "ENDS" })
    );

    let ids = |calendar: String| -> Vec<String> {
        let mut ids: Vec<_> =
            calendar.lines().filter(|line| line.starts_with("UID:")).map(str::to_owned).collect();
        ids.sort();
        ids
    };
    let calendar = expiring("--format ics").done();
    assert!(
        calendar.starts_with("BEGIN:VCALENDAR\r\n")
            && calendar
                .contains("SUMMARY:Avtal 2026-7001 med Samordningsförbundet Alfa: sista dag"),
        "{calendar}"
    );
    // A year later the deadline of what is prolonged has moved, and its name stays.
    let later = run(app.program(), "expiring --from 2027-11-21 --format ics").done();
    let (now, then) = (ids(calendar), ids(later));
    assert_eq!((now.len(), then.len()), (3, 1));
    assert!(now.contains(&then[0]) && then[0].ends_with("@samregister"), "{then:?}");
});

on_both!(lists_refuse_days_out_of_order, |app| async move {
    filled(&app).await;
    for list in ["costs", "grants", "payments list", "invoices report"] {
        let days = |from: &str| format!("{list} --from {from} --to 2026-01-31");
        run(app.program(), &days("2026-01-31")).done();
        assert_eq!(
            run(app.program(), &days("2026-02-01")).failed(2),
            "error: --to must not be before the first day\n",
            "{list}"
        );
    }
});

on_both!(a_check_exits_with_three_when_something_expires, |app| async move {
    filled(&app).await;
    let expiring =
        |rest: &str| run(app.program(), &format!("expiring --from 2026-11-21 --check {rest}"));
    let found = expiring("--within-days 90");
    assert!(
        found.code == Some(3)
            && found.out.ends_with("3 agreements have a deadline from 2026-11-21 to 2027-02-19\n"),
        "{}",
        found.out
    );
    assert_eq!(
        expiring("--within-days 5").done(),
        "no agreement has a deadline from 2026-11-21 to 2026-11-26\n"
    );
    let message = expiring("--activity bip bipp").failed(1);
    assert_eq!(
        message,
        "error: --activity bipp is not the slug of an activity; known slugs: bip, indikatorer\n"
    );
});

on_both!(revenue_is_written_in_four_ways, |app| async move {
    filled(&app).await;
    let revenue = |rest: &str| {
        run(app.program(), &format!("revenue --from 2026-01-01 --to 2026-12-31 {rest}"))
    };
    insta::allow_duplicates!(
        insta::assert_snapshot!(revenue("").done().replace('\u{a0}', " "), @r"
    Verksamhet       Netto      Moms     Brutto  Krediterat   Kostnad     Bidrag   Resultat  Antal fakturor  Avtalad kostnad  Därav bokförd  Kvar att bokföra
    ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    BIP          11 311,31  2 827,83  14 139,14           –  3 333,31   5 555,51  13 533,51               1        31 481,48              –         31 481,48
    Indikatorer  22 422,42  5 605,61  28 028,03           –  4 444,41   6 666,61  24 644,62               1                –              –                 –
    ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    Summa        33 733,73  8 433,44  42 167,17           –  7 777,72  12 222,12  38 178,13               2        31 481,48              –         31 481,48

    Invoiced from 2026-01-01 to 2026-12-31, in kronor; net, credited, cost, grants and result are without VAT
    ")
    );
    insta::allow_duplicates!(
        insta::assert_snapshot!(revenue("--group-by activity,quarter --format csv").done().replace("\r\n", "\n"), @r"
    period,activity,activity_name,net,vat,gross,credited,cost,grants,result,invoices,committed_cost,committed_cost_booked,committed_cost_left
    2026-Q1,bip,BIP,11311.31,2827.83,14139.14,0.00,0.00,0.00,11311.31,1,5723.91,0.00,5723.91
    2026-Q1,indikatorer,Indikatorer,22422.42,5605.61,28028.03,0.00,0.00,0.00,22422.42,1,0.00,0.00,0.00
    2026-Q2,bip,BIP,0.00,0.00,0.00,0.00,3333.31,5555.51,2222.20,0,8585.85,0.00,8585.85
    2026-Q2,indikatorer,Indikatorer,0.00,0.00,0.00,0.00,4444.41,6666.61,2222.20,0,0.00,0.00,0.00
    2026-Q3,bip,BIP,0.00,0.00,0.00,0.00,0.00,0.00,0.00,0,8585.86,0.00,8585.86
    2026-Q4,bip,BIP,0.00,0.00,0.00,0.00,0.00,0.00,0.00,0,8585.86,0.00,8585.86
    ")
    );
    let text = revenue("--group-by none --format json --basis paid").done();
    assert!(text.contains("\"net\": 2400.03,"), "{text}");
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["rows"][0], document["total"]);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("revenue.xlsx");
    assert_eq!(revenue(&format!("--format xlsx --output {}", file.display())).done(), "");
    assert!(fs::read(&file).unwrap().starts_with(b"PK"));
    for (line, why) in [
        (
            "revenue --from 2026-01-02 --to 2026-01-01",
            "error: --to must not be before the first day\n",
        ),
        (
            "revenue --from 1900-01-02 --to 2026-01-01",
            "error: --to must be less than 100 years after the first day\n",
        ),
    ] {
        assert_eq!(run(app.program(), line).failed(2), why);
    }
});

on_both!(scenarios_stand_side_by_side, |app| async move {
    filled(&app).await;
    app.import(&[
        (
            "members.csv",
            "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city\nokand,Okänd,,,,,2020-01-01,,,,,,,\n",
        ),
    ])
    .await;
    let scenario = |rest: &str| run(app.program(), &format!("scenario --year 2026 {rest}"));
    let table = scenario("--per-mille 2,4 --cap none 60000").done();
    insta::allow_duplicates!(insta::assert_snapshot!(table.replace('\u{a0}', " "), @r"
    Medlem                       Tilldelning  Avgift nu  Scenario 1  Skillnad  Scenario 2  Skillnad  Scenario 3   Skillnad  Scenario 4   Skillnad
    ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    Samordningsförbundet Alfa  13 571 357,00  27 142,71   27 142,71         –   27 142,71         –   54 285,43  27 142,72   54 285,43  27 142,72
    Samordningsförbundet Beta  24 682 468,00  49 364,94   49 364,94         –   49 364,94         –   98 729,87  49 364,93   60 000,00  10 635,06
    ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    Summa                                     76 507,65   76 507,65         –   76 507,65         –  153 015,30  76 507,65  114 285,43  37 777,78

    Scenario 1: 2 ‰
    Scenario 2: 2 ‰, at most 60 000,00 kr; the cap reduces no fee
    Scenario 3: 4 ‰
    Scenario 4: 4 ‰, at most 60 000,00 kr; the cap reduces the fees of 1 member by 38 729,87 kr
    1 member without a known allocation for 2026, not included: Okänd
    "));
    let csv = scenario("--per-mille 4 --cap 60000 --without 222000-2568 --format csv")
        .done()
        .replace("\r\n", "\n");
    let lines: Vec<_> = csv
        .lines()
        .map(|line| {
            line.split(',')
                .filter(|cell| !cell.starts_with("member_"))
                .collect::<Vec<_>>()
                .join(",")
        })
        .collect();
    assert_eq!(
        lines[1..],
        [
            "4,60000.00,,Samordningsförbundet Alfa,13571357.00,27142.71,54285.43,27142.72,false",
            "4,60000.00,,Okänd,,,,,"
        ]
    );
    let document: Value = serde_json::from_str(
        &scenario("--per-mille 4 --cap 60000 --without 222000-2568 --format json").done(),
    )
    .unwrap();
    let first = &document["scenarios"][0];
    assert_eq!(
        (&document["year"], &first["per_mille"], &first["cap"], &first["minimum"]),
        (&json!(2026), &json!("4"), &json!(60000.0), &Value::Null)
    );
    assert_eq!(
        (
            &first["total"],
            &first["current_total"],
            &first["without_total"],
            &first["missing"][0]["name"]
        ),
        (&json!(54285.43), &json!(27142.71), &json!(49364.94), &json!("Okänd"))
    );
    for (line, code, why) in [
        ("--per-mille 2 --cap 1 --minimum 2", 2, "error: --cap must not be below the minimum\n"),
        (
            "--per-mille 2 --without 222000-1835",
            1,
            "error: --without: 222000-1835 has a wrong check digit\n",
        ),
    ] {
        assert_eq!(scenario(line).failed(code), why);
    }
});

on_both!(late_invoices_are_written_in_three_ways, |app| async move {
    filled(&app).await;
    let late = |rest: &str| run(app.program(), &format!("invoices late {rest}"));
    insta::allow_duplicates!(
        insta::assert_snapshot!(late("--as-of 2026-11-21").done().replace('\u{a0}', " "), @r"
    Faktura  Köpare                     Fakturadatum  Förfallodag  Dagar sen     Belopp    Obetalt     Ränta  Påminnelseavgifter
    ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    8801     Samordningsförbundet Alfa  2026-03-01    2026-03-31         235  14 139,14  13 139,13    845,94                   –
    8802     Samordningsförbundet Beta  2026-03-02    2026-04-01         234  28 028,03  26 028,01  1 668,65                   –

    2 invoices are overdue on 2026-11-21: 39 167,14 kr outstanding, 2 514,59 kr interest to date, 0,00 kr reminder fees
    ")
    );
    insta::allow_duplicates!(
        insta::assert_snapshot!(late("--as-of 2026-11-21 --format csv").done().replace("\r\n", "\n"), @r"
    number,buyer,issued_on,due_on,days_late,total,outstanding,interest,reminder_fees
    8801,Samordningsförbundet Alfa,2026-03-01,2026-03-31,235,14139.14,13139.13,845.94,0.00
    8802,Samordningsförbundet Beta,2026-03-02,2026-04-01,234,28028.03,26028.01,1668.65,0.00
    ")
    );
    let document: Value =
        serde_json::from_str(&late("--as-of 2027-02-01 --format json").done()).unwrap();
    assert_eq!(
        (&document["as_of"], &document["unknown_rates"], &document["interest"]),
        (&json!("2027-02-01"), &json!(["2027-01-01"]), &json!(0.0))
    );
    assert_eq!(document["invoices"][0]["interest"], Value::Null);
    assert!(
        late("--as-of 2027-02-01")
            .done()
            .contains("the reference rate from 2027-01-01 is not known")
    );
    assert_eq!(late("--as-of 2026-11-21 --check").code, Some(3));
    // The former name of the option.
    assert_eq!(late("--on 2026-11-21 --check").code, Some(3));
    assert_eq!(late("--as-of 2026-01-01 --check").done(), "no invoice is overdue on 2026-01-01\n");
});
