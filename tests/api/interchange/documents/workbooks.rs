//! Workbooks: every report for people is one in Swedish, by the extension of its file; CSV follows
//! RFC 4180.

use std::{fs, path::Path, process::Output};

use crate::support::{
    app::{App, on_both},
    bank_fixtures::{bgmax, import, payment},
    fixtures, validators,
};

/// A sheet of a workbook with its texts.
struct Workbook {
    names: String,
    texts: Vec<String>,
    sheet: String,
}

impl Workbook {
    fn read(file: &Path) -> Self {
        let shared = validators::part(file, "xl/sharedStrings.xml");
        let text = |item: &str| {
            let inner = item.split_once("</t>").unwrap().0;
            inner.rsplit_once('>').unwrap().1.replace("&amp;", "&")
        };
        Self {
            names: validators::part(file, "xl/workbook.xml"),
            texts: shared.split("<si>").skip(1).map(text).collect(),
            sheet: validators::part(file, "xl/worksheets/sheet1.xml"),
        }
    }

    /// The cells of a row of the first sheet, from 1: texts as they are, numbers as the file has
    /// them.
    fn row(&self, number: usize) -> Vec<String> {
        let row = self
            .sheet
            .split_once(&format!("<row r=\"{number}\""))
            .unwrap()
            .1
            .split_once("</row>")
            .unwrap()
            .0;
        let value = |cell: &str| {
            let value =
                cell.split_once("<v>").map_or("", |(_, rest)| rest.split_once("</v>").unwrap().0);
            if cell.contains("t=\"s\"") {
                self.texts[value.parse::<usize>().unwrap()].clone()
            } else {
                value.to_owned()
            }
        };
        row.split("<c ").skip(1).map(value).collect()
    }
}

fn run(app: &App, folder: &Path, line: &str) -> Output {
    app.program().current_dir(folder).args(line.split(' ')).output().unwrap()
}

/// Writes a report as a workbook.
fn workbook(app: &App, folder: &Path, line: &str) -> Workbook {
    let file = folder.join("rapport.xlsx");
    fs::remove_file(&file).ok();
    let output = run(app, folder, &format!("{line} --output rapport.xlsx"));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && output.stdout.is_empty(), "{line}: {message}");
    assert!(message.ends_with("wrote rapport.xlsx\n"), "{line}: {message}");
    Workbook::read(&file)
}

on_both!(every_report_for_people_is_a_workbook_in_swedish, |app| async move {
    app.import(fixtures::FILES).await;
    import(&app, "bg.txt", bgmax(&[payment("9999", 10_000, [])])).await;
    let folder = tempfile::tempdir().unwrap();
    let year = "--from 2026-01-01 --to 2026-12-31";
    for (line, sheet, headings, filter) in [
        (
            format!("revenue {year} --group-by quarter,member"),
            "Intäkter 2026-01-01–2026-12-31",
            "Period|Medlem|Netto|Moms|Brutto|Krediterat|Kostnad|Bidrag|Resultat|Antal fakturor|Avtalad kostnad|Därav bokförd|Kvar att bokföra",
            "A1:M7",
        ),
        (
            "invoices late --as-of 2026-11-21".to_owned(),
            "Sena fakturor",
            "Faktura|Köpare|Fakturadatum|Förfallodag|Dagar sen|Belopp|Obetalt|Ränta|Påminnelseavgifter",
            "A1:I3",
        ),
        (
            format!("invoices report {year}"),
            "Fakturor",
            "Nummer|Slag|Status|Köpare|Fakturadatum|Förfallodag|Betald den|OCR-nummer|Netto|Moms|Öresavrundning|Belopp|Betalt|Krediterat|Obetalt|Överbetalt|Avvikelse",
            "A1:Q3",
        ),
        (
            format!("costs {year}"),
            "Kostnader",
            "Datum|Verksamhet|Beskrivning|Leverantör|Fakturanummer|Avtal|Belopp|Avdragen moms|Status|Orsak till rättelse",
            "A1:J3",
        ),
        (
            format!("grants {year}"),
            "Bidrag",
            "Datum|Verksamhet|Bidragsgivare|Avtal|Belopp|Status|Orsak till rättelse",
            "A1:G3",
        ),
        (
            "break-even --year 2026".to_owned(),
            "Nollresultat 2026",
            "Verksamhet|Avgift|Belopp|Promille|Kostnad|Bidrag|Att täcka|Antal som krävs|Anslutna|Ytterligare|Saknas|Avtalad kostnad|Därav bokförd|Kvar att bokföra",
            "A1:N3",
        ),
        (
            "expiring --from 2026-11-21".to_owned(),
            "Avtal som löper ut",
            "Avtal|Motpart|Verksamhet|Slag|Tidsgräns|Datum|Dagar kvar|Orsak",
            "A1:H4",
        ),
        (
            "receivables --as-of 2026-11-21".to_owned(),
            "Kundreskontra 2026-11-21",
            "Nummer|Köpare|Fakturadatum|Förfallodag|Belopp|Betalt|Krediterat|Avskrivet|Påminnelseavgifter|Saldo|\
             Ej förfallet|1–30 dagar|31–60 dagar|61–90 dagar|Över 90 dagar",
            "A1:O3",
        ),
        (
            "payments list".to_owned(),
            "Inbetalningar",
            "Datum|Belopp|Kvar att boka|Status|Betalare|Referens|Meddelande|Igenkänd på|Fakturor|Konto|Bankens referens",
            "A1:K2",
        ),
        ("matrix --as-of 2026-11-21".to_owned(), "Matris", "Medlem|BIP|Indikatorer", "A1:C3"),
        (
            "scenario --year 2026 --per-mille 2.5 --cap 60000".to_owned(),
            "Scenario 1",
            "Medlem|Tilldelning|Avgift nu|2,5 ‰, högst 60\u{a0}000,00\u{a0}kr|Skillnad|Begränsad av taket",
            "A1:F3",
        ),
    ] {
        let book = workbook(&app, folder.path(), &line);
        assert!(book.names.contains(&format!("<sheet name=\"{sheet}\"")), "{line}: {}", book.names);
        assert_eq!(book.row(1).join("|"), headings, "{line}");
        assert!(
            book.sheet.contains(&format!("<autoFilter ref=\"{filter}\"")),
            "{line}: {}",
            book.sheet
        );
        assert!(
            book.sheet.contains("ySplit=\"1\"") && book.sheet.contains("state=\"frozen\""),
            "{line}: {}",
            book.sheet
        );
    }
});

on_both!(workbooks_have_swedish_words_and_days_as_days, |app| async move {
    app.import(fixtures::FILES).await;
    import(&app, "bg.txt", bgmax(&[payment("9999", 10_000, [])])).await;
    let folder = tempfile::tempdir().unwrap();
    let book = workbook(&app, folder.path(), "expiring --from 2026-11-21 --within-days 90");
    // 31 December 2026 is day 46387 of spreadsheets.
    let first = [
        "2026-7001",
        "Samordningsförbundet Alfa",
        "BIP",
        "Särskilt avtal",
        "Sista dag för uppsägning",
        "46387",
        "40",
    ];
    assert_eq!(book.row(2)[..7], first);
    assert_eq!(book.row(2)[7], "Förlängs med 12\u{a0}månader om det inte sägs upp");
    assert!(book.sheet.contains("<c r=\"F2\" s="), "{}", book.sheet);
    let book =
        workbook(&app, folder.path(), "revenue --from 2026-01-01 --to 2026-12-31 --group-by month");
    // An agreement with Gamma commits to a cost from February on.
    assert_eq!((book.row(2)[0].as_str(), book.row(3)[0].as_str()), ("februari 2026", "mars 2026"));
    let book = workbook(
        &app,
        folder.path(),
        "revenue --from 2026-01-01 --to 2026-12-31 --group-by quarter",
    );
    assert_eq!((book.row(2)[0].as_str(), book.row(6)[0].as_str()), ("kvartal 1 2026", "Summa"));
    let book = workbook(&app, folder.path(), "matrix --as-of 2026-11-21");
    assert_eq!(book.row(2), ["Samordningsförbundet Alfa", "2026-7001"]);
    assert_eq!(book.row(4), ["Antal avtal", "1", "1"]);
    // 1 and 31 March, and 20 November.
    let book = workbook(&app, folder.path(), "receivables --as-of 2026-11-21");
    assert_eq!(book.row(2)[..4], ["8801", "Samordningsförbundet Alfa", "46082", "46112"]);
    assert_eq!(book.row(4)[0], "Summa");
    let book = workbook(&app, folder.path(), "payments list");
    assert_eq!(book.row(2)[..4], ["46346", "100", "100", "Väntar"]);
});

on_both!(a_workbook_without_rows_has_its_filter, |app| async move {
    app.import(fixtures::FILES).await;
    let folder = tempfile::tempdir().unwrap();
    let book = workbook(&app, folder.path(), "expiring --from 2900-06-15 --within-days 0");
    assert_eq!(book.row(1)[0], "Avtal");
    assert!(book.sheet.contains("<autoFilter ref=\"A1:H1\""), "{}", book.sheet);
});

on_both!(a_file_with_an_unknown_ending_is_refused, |app| async move {
    app.import(fixtures::FILES).await;
    let folder = tempfile::tempdir().unwrap();
    let year = "--from 2026-01-01 --to 2026-12-31";
    let known = ".txt, .json, .csv, .xlsx";
    for (line, known) in [
        ("receivables --as-of 2026-11-21".to_owned(), known),
        (format!("revenue {year}"), known),
        ("invoices late --as-of 2026-11-21".to_owned(), known),
        ("invoices report".to_owned(), known),
        ("payments list".to_owned(), known),
        ("matrix".to_owned(), known),
        ("scenario --year 2026 --per-mille 2.5".to_owned(), known),
        ("expiring".to_owned(), ".txt, .json, .csv, .xlsx, .ics"),
        (format!("sie {year}"), ".si, .sie, .se"),
    ] {
        let refused = run(&app, folder.path(), &format!("{line} --output rapport.pdf"));
        let message = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{line}: {message}");
        assert_eq!(
            message,
            format!("error: --output has the unknown extension .pdf; known are {known}\n"),
            "{line}"
        );
        assert!(!folder.path().join("rapport.pdf").exists(), "{line}");
    }
    // Of a day ahead it says that; a workbook may go into a pipe.
    let ahead = run(&app, folder.path(), "receivables --as-of 2900-01-01 --format xlsx");
    assert!(
        ahead.status.success() && ahead.stdout.starts_with(b"PK"),
        "{}",
        String::from_utf8_lossy(&ahead.stderr)
    );
    assert!(
        String::from_utf8_lossy(&ahead.stderr).starts_with("note: 2900-01-01 is after today, "),
        "{:?}",
        ahead.stderr
    );
});

on_both!(csv_is_for_programs_and_says_so, |app| async move {
    app.import(fixtures::FILES).await;
    let folder = tempfile::tempdir().unwrap();
    for (line, header) in [
        (
            "invoices report --from 2026-01-01",
            "number,kind,status,buyer,issued_on,due_on,settled_on,ocr,net,",
        ),
        ("invoices late --as-of 2026-11-21", "number,buyer,issued_on,"),
        ("payments list", "date,amount,unmatched,status,"),
        ("matrix --as-of 2026-11-21", "member,member_name,activity,number\r\n"),
    ] {
        let output = run(&app, folder.path(), &format!("{line} --output rapport.CSV"));
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        let text = fs::read_to_string(folder.path().join("rapport.CSV")).unwrap();
        assert!(text.starts_with(header), "{line}: {text}");
    }
    let text =
        String::from_utf8(run(&app, folder.path(), "invoices report --help").stdout).unwrap();
    assert!(text.contains("RFC 4180") && text.contains("Excel workbook in Swedish"), "{text}");
    let refused = run(&app, folder.path(), "invoices late --format csv --output sena.xlsx");
    assert_eq!(refused.status.code(), Some(2));
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(
        message,
        "error: --format csv does not fit --output: the file's extension says xlsx\n"
    );
    assert!(!folder.path().join("sena.xlsx").exists());
});
