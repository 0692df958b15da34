//! Formula injection: no text of a report is a formula in a spreadsheet; the export stays as
//! it is.

use crate::support::{
    app::{App, on_both},
    caller::Caller,
    invoicing_fixtures::{NETWORK, course, drafted, issue, with_network},
    validators,
};

/// Import files whose names and texts a spreadsheet would run as formulas.
const FILES: [(&str, &str); 6] = [
    (
        "members.csv",
        "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city\n\
         alfa,=1+1,222000-1834,,,,2019-01-01,,,,REF,Gatan 1,111 11,Ort\n\
         beta,\"Beta;=1+1\",222000-2568,,,,2019-01-01,,,,REF,Gatan 1,111 11,Ort\n",
    ),
    (
        "allocations.csv",
        "member,year,basis,amount,source\nalfa,2026,ALL_PARTIES,1000000,Beslut\nbeta,2026,ALL_PARTIES,2000000,Beslut\n",
    ),
    (
        "activities.csv",
        "key,slug,name,purpose,goal,funding,starts_on,ends_on\nbip,bip,@SUM(A1:A9),,,SPECIAL_FEE|COURSE_INCOME,2020-01-01,\n",
    ),
    (
        "fee_schedules.csv",
        "activity,valid_from,valid_to,basis,amount,per_mille,cap,minimum,vat_rate\n\
         bip,2020-01-01,,FIXED_PER_YEAR,1000.00,,,,STANDARD_25\n,2020-01-01,,PER_MILLE_OF_ALLOCATION,,2,,,OUTSIDE_SCOPE\n",
    ),
    (
        "agreements.csv",
        "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate\n\
         a1,-2+3,PARTICIPATION,INCOME,bip,alfa,,,2025-01-01,2026-12-31,1,12,2024-12-01T09:00:00Z,2024-12-15,,FIXED_PER_YEAR,1000.00,,STANDARD_25\n\
         a2,+1,PARTICIPATION,INCOME,bip,beta,,,2025-01-01,2026-12-31,0,,2024-12-01T09:00:00Z,2024-12-15,,FIXED_PER_YEAR,1000.00,,STANDARD_25\n",
    ),
    ("costs.csv", "activity,booked_on,amount,description\nbip,2026-01-15,150.00,Lokal\n"),
];

/// A deposit with two unmatched payments, by payers who write formulas.
const BANK: &str = "\
01BGMAX               0120261129173035010331P                                   
050050501055          SEK                                                       
200000000000=HYPERLINK(\"http://o.se\")000000000000000100313149063000100          
25=cmd|' /C calc'!A0                                                            
26@SUM(1+1)*cmd                                                                 
200000000000+46701740605             000000000000000200513149063000110          
25-1+1                                                                          
26=1+1                                                                          
15000000000000000000584100000100982322026112700072000000000000000300SEK00000002 
7000000002000000000000000000000001                                              
";

/// The cells of a CSV file, header and all.
fn cells(text: &str) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader
        .records()
        .flat_map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// Checks that no cell is a formula, and that what would be one is there as a text.
fn is_safe(what: &str, text: &str, shown: &[&str]) {
    let cells = cells(text);
    let is_formula = |cell: &&String| {
        cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err()
    };
    let formulas: Vec<_> = cells.iter().filter(is_formula).collect();
    assert!(formulas.is_empty(), "{what} has {formulas:?}");
    // Where the separator is taken to be another one, too.
    let split = text
        .lines()
        .flat_map(|line| line.split(';'))
        .map(|cell| cell.trim_matches('"').to_owned())
        .collect::<Vec<_>>();
    assert!(
        !split.iter().skip(1).any(|cell| cell.starts_with(['=', '@'])),
        "{what} has a formula after a semicolon: {text}"
    );
    for cell in shown {
        assert!(cells.iter().any(|found| found == cell), "{what} lacks {cell:?}: {cells:?}");
    }
}

on_both!(no_text_is_a_formula_in_a_report, |app| async move {
    let (app, folder) = with_network(&app, NETWORK);
    app.import(&FILES).await;
    let found = app.office().query("{ members { nodes { id name } } }").await;
    for member in found["members"]["nodes"].as_array().unwrap() {
        let id = drafted(&app.finance(), course(member["id"].as_str().unwrap(), "100.00")).await;
        issue(&app.finance(), &id, "id").await.data();
    }
    std::fs::write(folder.path().join("bank.txt"), BANK).unwrap();
    let run = |line: &str| {
        let output =
            app.program().args(line.split(' ')).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let year = "--from 2026-01-01 --to 2026-12-31";
    for (line, shown) in [
        (
            "payments import bank.txt --format csv".to_owned(),
            &[
                "'=HYPERLINK(\"http://o.se\")",
                "'=cmd|' /C calc'!A0",
                "'@SUM(1+1)*cmd",
                "'-1+1",
                "'=1+1",
            ][..],
        ),
        (
            format!("revenue {year} --group-by activity,member --format csv"),
            &["'=1+1", "Beta;'=1+1", "-150.00"],
        ),
        ("invoices late --as-of 2027-12-31 --format csv".to_owned(), &["'=1+1", "Beta;'=1+1"]),
        (
            "expiring --from 2026-11-21 --within-days 90 --format csv".to_owned(),
            &["'=1+1", "'-2+3"],
        ),
        ("scenario --year 2026 --per-mille 2 --format csv".to_owned(), &["'=1+1", "Beta;'=1+1"]),
        ("break-even --year 2026 --format csv".to_owned(), &["bip"]),
        ("retention --format csv".to_owned(), &[]),
    ] {
        is_safe(&line, &run(&line), shown);
    }
    let fetch = async |caller: &Caller<'_>, path: &str| caller.get(path).await.text();
    for path in [
        "/files/revenue.csv?from=2026-01-01&to=2026-12-31&group-by=activity,member",
        "/files/revenue.csv?forecast=2027",
    ] {
        is_safe(path, &fetch(&app.finance(), path).await, &["'@SUM(A1:A9)"]);
    }
    // In a workbook a text is a text, and stays what it is.
    let book = folder.path().join("revenue.xlsx");
    std::fs::write(
        &book,
        app.finance()
            .get("/files/revenue.xlsx?from=2026-01-01&to=2026-12-31&group-by=member")
            .await
            .bytes,
    )
    .unwrap();
    assert!(validators::part(&book, "xl/sharedStrings.xml").contains(">=1+1<"));
    let sheet = validators::part(&book, "xl/worksheets/sheet1.xml");
    assert!(!sheet.contains("<f>1+1"), "{sheet}");
    // What is read again is written as it is.
    run("export out");
    let members = std::fs::read_to_string(folder.path().join("out/members.csv")).unwrap();
    assert!(
        members.contains(",=1+1,") && members.contains("Beta;=1+1") && !members.contains("'="),
        "{members}"
    );
});
