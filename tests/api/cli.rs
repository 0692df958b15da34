//! The program's commands, run as somebody would run them: what they write, and what they exit
//! with.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use chrono::Datelike;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::{
    app::{self, App, on_both},
    samples,
};

/// What a command did.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs a command, given as on a command line without quotes.
fn run(mut program: Command, line: &str) -> Ran {
    let Output { status, stdout, stderr } =
        program.args(line.split_whitespace()).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: status.code(), out: text(stdout), err: text(stderr) }
}

impl Ran {
    /// The output of a command that must have done what it was told.
    fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self.out
    }

    /// The message of a command that must have failed with this code.
    fn failed(self, code: i32) -> String {
        assert_eq!((self.code, self.out.as_str()), (Some(code), ""), "{}", self.err);
        self.err
    }
}

async fn filled(app: &App) {
    app.import(samples::FILES).await;
}

fn write_all(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

#[test]
fn help_is_an_answer_and_a_slip_is_not() {
    let help = run(app::program(), "--help").done();
    for command in [
        "serve",
        "migrate",
        "import",
        "export",
        "templates",
        "token",
        "expiring",
        "notice-ends",
        "revenue",
        "costs",
        "grants",
        "scenario",
        "break-even",
        "matrix",
        "invoices",
        "payments",
        "sie",
        "vat-return",
        "period",
        "receivables",
        "verify",
        "schema",
        "completions",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
        assert!(
            run(app::program(), &format!("{command} --help")).done().contains("Example"),
            "{command}"
        );
    }
    for (line, why) in [
        ("", "Usage: samregister"),
        ("expire", "unrecognized subcommand"),
        ("expiring --within-days 9999", "is not in 0..=3660"),
        ("expiring --from 2026-02-30", "is not a date; write it as 2026-12-31"),
        ("revenue --to 2026-12-31", "--from <DATE>"),
        ("scenario --year 2026", "--per-mille <X>"),
        ("scenario --year 2026 --per-mille x", "is not a rate in per mille"),
        ("scenario --year 2026 --per-mille 1,2,3,4 --cap none,5", "make 8 scenarios; at most 6"),
        ("invoices", "Usage: samregister invoices"),
        ("invoices late --on x", "is not a date; write it as 2026-12-31"),
        ("token --role KING", "possible values: OFFICE"),
        ("serve --bind 8080", "must be an address and a port, as 127.0.0.1:8080"),
    ] {
        let message = run(app::program(), line).failed(2);
        assert!(message.contains(why), "{line}: {message}");
    }
}

#[test]
fn the_schema_and_completions_need_no_register() {
    let mut program = app::program();
    // Settings that would stop any other command.
    program.env("DATABASE_URL", "mysql://nowhere");
    assert!(run(program, "schema").done().contains("type Query {"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            run(app::program(), &format!("completions {shell}")).done().contains("samregister"),
            "{shell}"
        );
    }
}

#[test]
fn a_register_that_is_not_there_is_not_made_by_looking_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let program = || {
        let mut program = app::program();
        program.current_dir(folder.path());
        program
    };
    for line in [
        "expiring",
        "revenue --from 2026-01-01 --to 2026-12-31",
        "verify",
        "export csv",
        "import .",
    ] {
        assert_eq!(
            run(program(), line).failed(1),
            "error: there is no register in samregister.db; `samregister migrate` creates one\n",
            "{line}"
        );
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    fs::write(folder.path().join("samregister.db"), "").unwrap();
    let message = run(program(), "expiring").failed(1);
    assert_eq!(
        message,
        "error: the database is not migrated, or not to this version; run `samregister migrate`\n"
    );
    run(program(), "migrate").done();
    assert_eq!(run(program(), "verify").done(), "17 checks, no violation\n");
}

#[test]
fn every_bad_setting_has_a_line() {
    let mut program = app::program();
    program.env("DATABASE_URL", "postgres:/u:hunter2@h/d").env("SAMREGISTER_BIND", "here");
    let message = run(program, "migrate").failed(1);
    assert_eq!(
        message,
        "error: DATABASE_URL must begin with sqlite: or postgres://\n       SAMREGISTER_BIND must be an address and a port, as 127.0.0.1:8080\n"
    );
}

/// What a file says in the columns of another one, row by row, whatever the order of its rows.
fn said(like: &str, text: &str) -> Vec<Vec<(String, String)>> {
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

on_both!(files_go_in_and_come_out_the_same, |app| async move {
    let folder = tempfile::tempdir().unwrap();
    let (csv, out) = (folder.path().join("csv"), folder.path().join("out"));
    write_all(&csv, samples::FILES);
    let import = format!("import {}", csv.display());

    let dry = run(app.program(), &format!("{import} --dry-run"));
    assert!(dry.err.contains("nothing was changed: a dry run"), "{}", dry.err);
    assert!(dry.done().contains("members.csv"));
    assert_eq!(app.revision().await, 0);

    let table = run(app.program(), &import).done();
    let members = table.lines().find(|line| line.starts_with("members.csv")).unwrap();
    assert_eq!(
        members.split_whitespace().collect::<Vec<_>>(),
        ["members.csv", "2", "2", "0", "0", "comma"]
    );
    let revision = app.revision().await;
    let again = run(app.program(), &import).done();
    let members = again.lines().find(|line| line.starts_with("members.csv")).unwrap();
    assert_eq!(
        members.split_whitespace().collect::<Vec<_>>(),
        ["members.csv", "2", "0", "0", "2", "comma"]
    );
    assert_eq!(app.revision().await, revision);

    run(app.program(), &format!("export {}", out.display())).done();
    for (name, text) in samples::FILES {
        let came = fs::read_to_string(out.join(name)).unwrap();
        if name.ends_with(".csv") {
            assert_eq!(said(text, text), said(text, &came), "{name}");
        } else {
            assert_eq!(*text, came, "{name}");
        }
    }
    run(app.program(), &format!("import {}", out.display())).done();
    assert_eq!(app.revision().await, revision);
});

on_both!(every_bad_row_is_named_and_nothing_is_imported, |app| async move {
    let folder = tempfile::tempdir().unwrap();
    write_all(
        folder.path(),
        &[
            (
                "members.csv",
                "key;name;org_number;county;municipalities;contact_area;joined_on;left_on;billing_email;peppol_id;buyer_reference;address_line;postal_code;city\n\
            a;A;222000-1835;;;;2020-01-01;;;;;;;\nb;B;;;;;2020-02-30;;;;;;;\nc;C;;;;;2020-01-01;;;;;;;\n",
            ),
            ("organisations.csv", "key,name,org_number\ng,,\n"),
        ],
    );
    let message = run(app.program(), &format!("import {}", folder.path().display())).failed(1);
    let lines: Vec<_> = message.lines().filter(|line| !line.contains(" %, ")).collect();
    assert_eq!(
        lines,
        [
            "members.csv:2: org_number: has a wrong check digit",
            "members.csv:3: joined_on: is not a day of the calendar",
            "organisations.csv:2: name: must not be empty",
            "error: 3 errors in 2 files; nothing was changed",
        ]
    );
    assert_eq!(app.revision().await, 0);
});

on_both!(what_expires_is_written_in_four_ways, |app| async move {
    filled(&app).await;
    let expiring = |rest: &str| run(app.program(), &format!("expiring --from 2026-11-21 {rest}"));
    let table = expiring("--within-days 90").done();
    insta::allow_duplicates!(insta::assert_snapshot!(table, @r"
    Number     Counterparty               Activity     Kind           Deadline  Date        Days left  Reason
    ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    2026-7001  Samordningsförbundet Alfa  BIP          PARTICIPATION  NOTICE    2026-12-31         40  prolonged by 12 months unless notice is given
    2026-7002  Samordningsförbundet Beta  Indikatorer  PARTICIPATION  END       2027-01-31         71  ends, nothing prolongs it
    2026-7003  Konsult Gamma AB           BIP          ASSIGNMENT     END       2027-02-10         81  ends, nothing prolongs it

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
    Activity           Net       VAT      Gross  Credited      Cost     Grants     Result  Invoices  Committed  Of it booked  Left to book
    ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    BIP          11 311,31  2 827,83  14 139,14         –  3 333,31   5 555,51  13 533,51         1  31 481,48             –     31 481,48
    Indikatorer  22 422,42  5 605,61  28 028,03         –  4 444,41   6 666,61  24 644,62         1          –             –             –
    ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    Total        33 733,73  8 433,44  42 167,17         –  7 777,72  12 222,12  38 178,13         2  31 481,48             –     31 481,48

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
        ("revenue --from 2026-01-02 --to 2026-01-01", "error: --to must not be before from\n"),
        (
            "revenue --from 1900-01-02 --to 2026-01-01",
            "error: --to must be less than 100 years after from\n",
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
    Member                        Allocation    Current  Scenario 1  Change  Scenario 2  Change  Scenario 3     Change  Scenario 4     Change
    ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    Samordningsförbundet Alfa  13 571 357,00  27 142,71   27 142,71       –   27 142,71       –   54 285,43  27 142,72   54 285,43  27 142,72
    Samordningsförbundet Beta  24 682 468,00  49 364,94   49 364,94       –   49 364,94       –   98 729,87  49 364,93   60 000,00  10 635,06
    ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    Total                                     76 507,65   76 507,65       –   76 507,65       –  153 015,30  76 507,65  114 285,43  37 777,78

    Scenario 1: 2 ‰
    Scenario 2: 2 ‰, at most 60 000,00; the cap reduces no fee
    Scenario 3: 4 ‰
    Scenario 4: 4 ‰, at most 60 000,00; the cap reduces the fees of 1 member by 38 729,87
    1 member without a known allocation for 2026, in no sum: Okänd
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
        insta::assert_snapshot!(late("--on 2026-11-21").done().replace('\u{a0}', " "), @r"
    Number  Buyer                      Issued      Due         Days late      Total  Outstanding  Interest  Reminder fees
    ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    8801    Samordningsförbundet Alfa  2026-03-01  2026-03-31        235  14 139,14    13 139,13    845,94              –
    8802    Samordningsförbundet Beta  2026-03-02  2026-04-01        234  28 028,03    26 028,01  1 668,65              –

    2 invoices are overdue on 2026-11-21: 39 167,14 outstanding, 2 514,59 interest to date, 0,00 reminder fees
    ")
    );
    insta::allow_duplicates!(
        insta::assert_snapshot!(late("--on 2026-11-21 --format csv").done().replace("\r\n", "\n"), @r"
    number,buyer,issued_on,due_on,days_late,total,outstanding,interest,reminder_fees
    8801,Samordningsförbundet Alfa,2026-03-01,2026-03-31,235,14139.14,13139.13,845.94,0.00
    8802,Samordningsförbundet Beta,2026-03-02,2026-04-01,234,28028.03,26028.01,1668.65,0.00
    ")
    );
    let document: Value =
        serde_json::from_str(&late("--on 2027-02-01 --format json").done()).unwrap();
    assert_eq!(
        (&document["on"], &document["unknown_rates"], &document["interest"]),
        (&json!("2027-02-01"), &json!(["2027-01-01"]), &json!(0.0))
    );
    assert_eq!(document["invoices"][0]["interest"], Value::Null);
    assert!(
        late("--on 2027-02-01").done().contains("the reference rate from 2027-01-01 is not known")
    );
    assert_eq!(late("--on 2026-11-21 --check").code, Some(3));
    assert_eq!(late("--on 2026-01-01 --check").done(), "no invoice is overdue on 2026-01-01\n");
});

on_both!(tokens_open_what_they_say, |app| async move {
    filled(&app).await;
    // The program goes by the machine's clock, and a token from the future opens nothing.
    let now = app.at(&format!("{}T23:59:59Z", domain::clock::Clock::system().today()));
    let ask = "{ viewer { subject roles member { name } activities { slug } scopes } }";
    for (line, viewer) in [
        (
            "--role office",
            json!({ "subject": "office", "roles": ["OFFICE"], "member": null, "activities": [], "scopes": [] }),
        ),
        (
            "--role MEMBER --member 222000-1834 --subject anna",
            json!({ "subject": "anna", "roles": ["MEMBER"], "member": { "name": "Samordningsförbundet Alfa" }, "activities": [], "scopes": [] }),
        ),
        (
            "--role MEMBER ACTIVITY_LEAD --member beta --activity bip,indikatorer",
            json!({ "subject": "activity_lead+member", "roles": ["ACTIVITY_LEAD", "MEMBER"], "member": { "name": "Samordningsförbundet Beta" },
                "activities": [{ "slug": "bip" }, { "slug": "indikatorer" }], "scopes": [] }),
        ),
    ] {
        let token = run(app.program(), &format!("token {line} --days 400")).done();
        assert_eq!(now.bearer(token.trim_end()).query(ask).await["viewer"], viewer, "{line}");
    }
    for (line, code, why) in [
        ("--role MEMBER", 2, "--member must be given for the role MEMBER"),
        ("--role OFFICE --scope members:read", 2, "--scope is for the role SERVICE only"),
        ("--role MEMBER --member gamma", 1, "there is no member gamma"),
        ("--role MEMBER --member 222000-1835", 1, "222000-1835 has a wrong check digit"),
    ] {
        let message = run(app.program(), &format!("token {line}")).failed(code);
        assert!(message.contains(why), "{line}: {message}");
    }
});

on_both!(verify_names_each_breach, |app| async move {
    filled(&app).await;
    assert!(run(app.program(), "verify").done().ends_with("checks, no violation\n"));
    let db = sea_orm::Database::connect(app.url()).await.unwrap();
    db.execute_unprepared(
        "UPDATE agreement SET deadline_on = '2031-01-01' WHERE number = '2026-7001'",
    )
    .await
    .unwrap();
    if db.get_database_backend() == sea_orm::DbBackend::Sqlite {
        let broken = "PRAGMA foreign_keys = OFF; UPDATE agreement SET activity_id = zeroblob(16) WHERE number = '2026-7001'";
        db.execute_unprepared(broken).await.unwrap();
    }
    db.close().await.unwrap();
    let found = run(app.program(), "verify");
    assert_eq!(found.code, Some(3));
    assert_eq!(
        found.out.contains("refers to a row of activity that is not there"),
        app.url().starts_with("sqlite:"),
        "{}",
        found.out
    );
    assert!(
        found.out.contains("agreement 2026-7001 stores another deadline than its dates give\n"),
        "{}",
        found.out
    );
    let differs = "agreement 2026-7001 is not what revision ";
    assert!(
        found.out.lines().any(|line| line.starts_with(differs) && line.contains("deadline_on")),
        "{}",
        found.out
    );
});

/// A server in a process of its own, killed when the test is over whatever becomes of it.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: String,
}

impl Server {
    /// Starts it with these arguments.
    pub fn start(mut program: Command, line: &str) -> Self {
        let mut child = program
            .args(line.split_whitespace())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let said = lines
            .by_ref()
            .map_while(Result::ok)
            .find(|line| line.starts_with("Samregister listens on "))
            .unwrap();
        let address = said.split("http://").nth(1).unwrap().split(',').next().unwrap().to_owned();
        // Whoever writes into a full pipe waits for ever.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    fn post(&self, token: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "POST /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells it to stop, as a service manager does, and answers its exit code and what it wrote.
    pub fn stop(mut self) -> (Option<i32>, String) {
        assert!(
            Command::new("sh")
                .arg("-c")
                .arg(format!("kill {}", self.child.id()))
                .status()
                .unwrap()
                .success()
        );
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        (self.child.wait().unwrap().code(), out)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The query of docs/member-view.md, as it stands there, tells a member of the demo all that it
/// promises.
fn member_view(server: &Server, token: &str) {
    let text =
        |path: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let page = text("docs/member-view.md");
    let query = page.split("```graphql\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(
        text("assets/explorer/examples.graphql").contains(query),
        "the explorer's tab is another query"
    );
    let year = domain::clock::Clock::system().today().year();
    let body =
        json!({ "query": query, "variables": { "year": year, "next": year + 1 } }).to_string();
    let answer = server.post(token, &body);
    let answer: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(answer["errors"], Value::Null);
    let member = &answer["data"]["viewer"]["member"];
    assert_eq!(member["name"], "Samordningsförbundet Centrala Östergötland");
    assert_eq!(
        (&member["membershipFee"]["amount"], &member["allocation"]["amount"]),
        (&json!("5000.00"), &json!("13400000.00"))
    );
    assert_eq!(
        (&member["serviceFee"]["amount"], &member["serviceFee"]["exact"]),
        (&json!("26800.00"), &json!("26800.00"))
    );
    let agreements = member["agreements"]["nodes"].as_array().unwrap();
    let of = |name: &str| {
        agreements
            .iter()
            .find(|agreement| agreement["activity"]["name"] == name)
            .unwrap_or_else(|| panic!("{agreements:?}"))
    };
    assert_eq!(of("Indikatorer")["fee"]["thisYear"], "18000.00");
    assert_eq!(
        (&of("BIP")["fee"]["basis"], &of("BIP")["fee"]["thisYear"]),
        (&json!("PER_PARTICIPANT"), &json!("0.00"))
    );
    assert!(
        agreements.len() >= 2
            && agreements.iter().all(|agreement| agreement["activity"]["purpose"].is_string()),
        "{agreements:?}"
    );
    let invoices = member["invoices"]["nodes"].as_array().unwrap();
    assert!(
        invoices.len() >= 5
            && invoices.iter().all(|invoice| !invoice["lines"].as_array().unwrap().is_empty()),
        "{invoices:?}"
    );
    let ore = |amount: &Value| amount.as_str().unwrap().replace('.', "").parse::<i64>().unwrap();
    assert_eq!(
        member["invoices"]["totalCount"],
        invoices.len(),
        "all of them, so that they add up to the balance"
    );
    for sum in ["outstanding", "overpaid"] {
        assert_eq!(
            ore(&member["balance"][sum]),
            invoices.iter().map(|invoice| ore(&invoice[sum])).sum::<i64>(),
            "{sum}"
        );
    }
    let deadlines = answer["data"]["deadlines"]["nodes"].as_array().unwrap();
    let days: Vec<_> =
        deadlines.iter().map(|deadline| deadline["nextDeadline"]["on"].as_str().unwrap()).collect();
    assert!(!days.is_empty() && days.is_sorted(), "soonest first: {days:?}");
}

#[test]
fn the_demo_works_at_once_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = app::program();
    program
        .current_dir(folder.path())
        .env("TMPDIR", folder.path())
        .env("DATABASE_URL", "postgres://nobody@nowhere/nothing");
    let mut server = Server::start(program, "serve --demo --bind 127.0.0.1:0");
    let mut said = String::new();
    let mut out = BufReader::new(server.child.stdout.take().unwrap());
    while !said.contains("connected members share") {
        assert!(out.read_line(&mut said).unwrap() > 0, "{said}");
    }
    for role in ["OFFICE", "FINANCE", "BOARD", "AUDITOR", "ACTIVITY_LEAD", "MEMBER", "SERVICE"] {
        let token = said.lines().skip_while(|line| !line.starts_with(role)).nth(1).unwrap().trim();
        let answer = server.post(
            token,
            r#"{"query":"{ viewer { roles } members { totalCount } agreements { totalCount } }"}"#,
        );
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(role), "{role}: {answer}");
        assert!(!answer.contains("\"totalCount\":0"), "{role}: {answer}");
    }
    member_view(
        &server,
        said.lines().skip_while(|line| !line.starts_with("MEMBER")).nth(1).unwrap().trim(),
    );
    assert!(said.contains(&format!("http://{}/graphiql", server.address)), "{said}");
    server.child.stdout = Some(out.into_inner());
    assert_eq!(server.stop().0, Some(0));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_server_stops_when_it_is_told_and_says_when_its_port_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let program = || {
        let mut program = app::program();
        program.current_dir(folder.path()).env("SAMREGISTER_JWT_SECRET", app::SECRET);
        program
    };
    let server = Server::start(program(), "serve --bind 127.0.0.1:0");
    let token = run(program(), "token --role OFFICE").done();
    assert!(
        server
            .post(token.trim_end(), r#"{"query":"{ members { totalCount } }"}"#)
            .contains("\"totalCount\":0")
    );
    assert_eq!(server.stop(), (Some(0), String::new()));

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap();
    let message = run(program(), &format!("serve --bind {at}")).failed(1);
    assert_eq!(
        message,
        format!(
            "error: cannot listen on {at}: the address is in use by another program; stop it, or choose another address with --bind\n"
        )
    );
    let mut keyless = program();
    keyless.env_remove("SAMREGISTER_JWT_SECRET");
    let message = run(keyless, "serve").failed(1);
    assert_eq!(
        message,
        "error: SAMREGISTER_JWT_SECRET or SAMREGISTER_JWT_PUBLIC_KEY or SAMREGISTER_JWT_JWKS must be set, to verify tokens with\n"
    );
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let mut child =
        app::program().arg("schema").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    assert_eq!((status.code(), stderr.len()), (Some(0), 0));
}
