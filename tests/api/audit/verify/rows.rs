//! Findings of `verify` about rows written past the program: each table with a change that no entry
//! of the trail records.

use domain::integrity::{self, Request};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use serde_json::json;

use crate::{
    interchange::round_trip::lived,
    support::{
        app::{App, on_both},
        lifecycle_fixtures::{Register, agreed, connection, mutate},
    },
};

/// Returns the violations that `verify` finds.
async fn found(app: &App) -> Vec<String> {
    integrity::verify(&app.db, app.clock, Request::default()).await.unwrap().findings.violations
}

/// Runs a statement on a table whose triggers are away for it, and answers how many rows it wrote.
pub async fn past_triggers(app: &App, table: &str, statement: &str) -> u64 {
    past_triggers_of(connection(app).await, table, statement).await
}

/// The same by a connection, which it closes.
pub async fn past_triggers_of(db: DatabaseConnection, table: &str, statement: &str) -> u64 {
    let run = async |sql: &str| {
        db.execute_unprepared(sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
            .rows_affected()
    };
    let written = if db.get_database_backend() == DbBackend::Postgres {
        run(&format!("ALTER TABLE {table} DISABLE TRIGGER ALL")).await;
        let written = run(statement).await;
        run(&format!("ALTER TABLE {table} ENABLE TRIGGER ALL")).await;
        written
    } else {
        run("PRAGMA foreign_keys = OFF").await;
        let triggers = format!(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = '{table}'"
        );
        let triggers =
            db.query_all_raw(Statement::from_string(DbBackend::Sqlite, triggers)).await.unwrap();
        let texts = |column: usize| {
            triggers.iter().map(move |row| row.try_get_by_index::<String>(column).unwrap())
        };
        for name in texts(0) {
            run(&format!("DROP TRIGGER {name}")).await;
        }
        let written = run(statement).await;
        for sql in texts(1) {
            run(&sql).await;
        }
        written
    };
    db.close().await.unwrap();
    written
}

/// A change past the program: its table, its statement, and how the violation begins that it makes
/// and what it names.
type Tampering<'a> = (&'a str, &'a str, &'a str, &'a str);

/// Changes tables past the program and expects the violation of each change, which was not found
/// before it.
///
/// Changes of different tables are made together and found by one run of `verify`; several of one
/// table, which may hide each other, in several rounds.
async fn tamper(app: &App, cases: &[Tampering<'_>]) {
    assert_eq!(found(app).await, [""; 0]);
    let (mut before, mut waiting) = (Vec::new(), cases.to_vec());
    while !waiting.is_empty() {
        let (mut round, mut later) = (Vec::<Tampering<'_>>::new(), Vec::new());
        for case in waiting {
            if round.iter().any(|(table, ..)| *table == case.0) {
                later.push(case)
            } else {
                round.push(case)
            }
        }
        for (table, statement, ..) in &round {
            assert!(past_triggers(app, table, statement).await >= 1, "{statement} wrote no row");
        }
        let after = found(app).await;
        for (_, statement, begins, names) in round {
            let is_meant = |found: &&String| found.starts_with(begins) && found.contains(names);
            assert_eq!(
                before.iter().find(is_meant),
                None,
                "{statement}: the violation was there before"
            );
            assert!(
                after.iter().any(|found| is_meant(&found)),
                "{statement}: {begins} … {names} is not in {after:#?}"
            );
        }
        (before, waiting) = (after, later);
    }
}

/// A digest as the statement of the database computes it, of one byte.
const OF_ONE_BYTE: &str = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";

on_both!(a_change_of_what_an_agreement_stands_on_is_found, |app| async move {
    let register = Register::fill(&app).await;
    let office = app.office();
    let bip = register.id("bip").to_owned();
    app.import(&[
        ("contacts.csv", "key,member,role,name,email,phone,valid_from,valid_to\nc,m0,CHIEF_EXECUTIVE,Ada Ås,ada@example.se,0701,,\n"),
        ("allocations.csv", "member,year,basis,amount,source\nm0,2026,ALL_PARTIES,1000.00,Beslut\n"),
        ("grants.csv", "activity,booked_on,amount,funder\nbip,2026-01-02,100.00,Fonden\n"),
        ("costs.csv", "activity,booked_on,amount,description\nbip,2026-01-02,100.00,Lokal\nbip,2026-01-03,7.00,Fika\n"),
        ("reference_rates.csv", "valid_from,rate,source\n2026-01-01,2.00,SFS\n"),
    ])
    .await;
    let renamed = json!({ "memberId": register.id("Förbund 03"), "name": "Förbundet tre" });
    mutate(&office, "memberUpdate", renamed, "id").await.data();
    let area = json!({ "name": "Förbund nytt", "joinedOn": "2026-01-01", "contactAreaName": "Norr", "municipalities": ["Åre", "Berg"] });
    mutate(&office, "memberAdmit", area, "id").await.data();
    let report = json!({ "activityId": bip, "period": "2026-T1", "health": "GREEN", "summary": "Bra", "nextSteps": "Mer" });
    mutate(&office, "statusReportFile", report, "id").await.data();
    let mut draft = register.draft(1, "bip", "2026-01-01");
    (draft["endsOn"], draft["renewalMonths"]) = (json!("2027-03-31"), json!(12));
    draft["decision"] = json!({ "body": "BOARD", "decidedOn": "2025-12-01", "paragraph": "§ 7" });
    let agreement = agreed(&app, draft).await;
    mutate(
        &office,
        "deadlineSnooze",
        json!({ "agreementId": agreement, "snoozedUntil": "2026-11-30", "note": "Sett" }),
        "id",
    )
    .await
    .data();
    let revoked = app
        .program()
        .args(["token", "revoke", "--subject", "ada@example.se", "--reason", "Slutat"])
        .output()
        .unwrap();
    assert!(revoked.status.success(), "{}", String::from_utf8_lossy(&revoked.stderr));
    let bytes = if app.db.backend() == DbBackend::Postgres { "'\\x00'::bytea" } else { "x'00'" };
    let replaced = format!("UPDATE agreement_document SET pdf = {bytes}, sha256 = '{OF_ONE_BYTE}'");
    let new = if app.db.backend() == DbBackend::Postgres {
        "'00000000-0000-7000-8000-000000000001'"
    } else {
        "x'00000000000070008000000000000001'"
    };
    let forged = format!(
        "INSERT INTO cost (id, activity_id, booked_on, amount, description, occurrence) SELECT {new}, id, '2026-02-01', 5, 'Lur', 1 FROM activity WHERE slug = 'bip'"
    );
    let cases = [
        (
            "member",
            "UPDATE member SET county = 'Annat län' WHERE name = 'Förbund 02'",
            "member ",
            "county",
        ),
        (
            "member_billing",
            "UPDATE member_billing SET email = 'x@evil.example' WHERE city = 'Ort 5'",
            "member ",
            "billing/email",
        ),
        (
            "member_municipality",
            "UPDATE member_municipality SET municipality = 'Bräcke' WHERE municipality = 'Berg'",
            "member ",
            "municipalities/",
        ),
        (
            "member_former_name",
            "UPDATE member_former_name SET until = '2020-01-01'",
            "member ",
            "former_names/",
        ),
        ("allocation", "UPDATE allocation SET amount = amount * 10", "allocation ", "amount"),
        ("contact_area", "UPDATE contact_area SET name = 'Söder'", "contact area ", "name"),
        ("contact", "UPDATE contact SET email = 'x@evil.example'", "contact ", "email"),
        (
            "organisation",
            "UPDATE organisation SET billing_email = 'x@evil.example' WHERE import_key = 'konsult'",
            "organisation ",
            "billing_email",
        ),
        (
            "activity",
            "UPDATE activity SET starts_on = '2014-01-01' WHERE slug = 'natverk'",
            "activity ",
            "starts_on",
        ),
        (
            "activity_text",
            "UPDATE activity_text SET goal = 'Annat' WHERE activity_id = (SELECT id FROM activity WHERE slug = 'bip')",
            "activity ",
            "goal",
        ),
        (
            "activity_funding",
            "DELETE FROM activity_funding WHERE kind = 'COURSE_INCOME'",
            "activity ",
            "funding",
        ),
        (
            "decision",
            "UPDATE decision SET paragraph = '§ 8'",
            "agreement 2026-0001",
            "decision/paragraph",
        ),
        ("cost", "DELETE FROM cost WHERE description = 'Fika'", "cost ", "is gone"),
        ("cost", "UPDATE cost SET amount = 1", "cost ", "amount"),
        ("activity_grant", "UPDATE activity_grant SET funder = 'Någon'", "grant ", "funder"),
        (
            "fee_schedule",
            "UPDATE fee_schedule SET amount = amount * 10 WHERE valid_to IS NULL",
            "fee schedule ",
            "amount",
        ),
        ("status_report", "UPDATE status_report SET health = 'RED'", "status report ", "health"),
        (
            "status_report_text",
            "UPDATE status_report_text SET next_steps = 'Mindre'",
            "status report ",
            "next_steps",
        ),
        (
            "agreement_template",
            "UPDATE agreement_template SET title = 'X', title_key = 'x' WHERE slug = 'utkast'",
            "template ",
            "title",
        ),
        (
            "agreement_template_version",
            "UPDATE agreement_template_version SET language = 'en'",
            "template version ",
            "language",
        ),
        (
            "agreement_template_text",
            "UPDATE agreement_template_text SET body = 'X'",
            "template version ",
            "body",
        ),
        (
            "agreement",
            "UPDATE agreement SET fee_amount = 1 WHERE number = '2026-0001'",
            "agreement 2026-0001",
            "fee_amount",
        ),
        (
            "agreement_parameters",
            "UPDATE agreement_parameters SET parameters = '{}'",
            "agreement 2026-0001",
            "parameters",
        ),
        (
            "agreement_document",
            "UPDATE agreement_document SET html = 'X'",
            "agreement html ",
            "sha256",
        ),
        (
            "agreement_signature",
            "UPDATE agreement_signature SET name = 'Bo' WHERE party = 'NETWORK'",
            "agreement 2026-0001",
            "signatures/",
        ),
        (
            "deadline_acknowledgement",
            "UPDATE deadline_acknowledgement SET note = 'X'",
            "acknowledgement ",
            "note",
        ),
        (
            "reference_rate",
            "UPDATE reference_rate SET hundredths = 900",
            "reference rate ",
            "hundredths",
        ),
        (
            "token_revocation",
            "UPDATE token_revocation SET reason = 'X'",
            "token revocation ",
            "reason",
        ),
        ("token_revocation", "DELETE FROM token_revocation", "token revocation ", "is gone"),
        ("agreement_document", replaced.as_str(), "agreement 2026-0001", "document_sha256"),
        (
            "cost",
            forged.as_str(),
            "cost 00000000000070008000000000000001 has no entry in the audit trail",
            "",
        ),
    ];
    tamper(&app, &cases).await;
    assert!(found(&app).await.iter().any(|found| found.contains("is not what revision ")));
});

on_both!(a_change_of_what_an_invoice_stands_on_is_found, |app| async move {
    let (app, _folder) = lived(&app).await;
    let run = json!({ "membershipFee": true, "year": 2026, "memberIds": [crate::support::invoicing_fixtures::member(&app, 3).await] });
    mutate(&app.finance(), "invoiceRun", run, "invoices { id }").await.data();
    let of = |number: &str| {
        format!("WHERE invoice_id = (SELECT id FROM invoice WHERE number = '{number}')")
    };
    let bytes = if app.db.backend() == DbBackend::Postgres { "'\\x00'::bytea" } else { "x'00'" };
    let file = |number: &str, format: &str| {
        format!(
            "UPDATE invoice_file SET bytes = {bytes}, sha256 = '{OF_ONE_BYTE}' {} AND format = '{format}'",
            of(number)
        )
    };
    let cases = [
        ("invoice", "UPDATE invoice SET due_on = '2030-01-01' WHERE number = '20260001'".to_owned(), "invoice 20260001", "due_on"),
        (
            "invoice_line",
            format!("UPDATE invoice_line SET description = 'X' {}", of("20260001")),
            "invoice 20260001",
            "lines/0/description",
        ),
        ("payment", "UPDATE payment SET reference = 'X' WHERE reference = 'RESTEN'".to_owned(), "invoice 2026", "payments/"),
        ("reminder", "UPDATE reminder SET fee = 1".to_owned(), "reminder ", "fee"),
        (
            "invoice_content",
            format!("UPDATE invoice_content SET content = REPLACE(content, 'Kurs', 'Resa') {}", of("20260001")),
            "invoice content 20260001",
            "sha256",
        ),
        ("invoice_file", file("20260001", "PDF"), "invoice pdf 20260001", "sha256"),
        ("invoice_file", file("20260002", "XML"), "invoice xml 20260002", "sha256"),
        ("bank_payment", "UPDATE bank_payment SET payer_name = 'X' WHERE payer_name = 'Okänd'".to_owned(), "bank payment ", "payer_name"),
        (
            "bank_payment_part",
            "UPDATE bank_payment_part SET bank_payment_id = (SELECT id FROM bank_payment WHERE matched = 0 LIMIT 1)".to_owned(),
            "bank payment part ",
            "bank_payment_id",
        ),
        ("fee_charge", "UPDATE fee_charge SET year = 2030".to_owned(), "fee charge ", "year"),
        ("fee_charge", "DELETE FROM fee_charge".to_owned(), "fee charge ", "is gone"),
        ("attribution", "UPDATE attribution SET net = net + 1".to_owned(), "invoice ", "allocated to"),
        ("revenue_month", "UPDATE revenue_month SET paid_net = paid_net + 1".to_owned(), "the revenue of ", "is stored as"),
        (
            "revenue_member_year",
            "UPDATE revenue_member_year SET accrued_vat = accrued_vat - 1".to_owned(),
            "the revenue of ",
            "is stored as",
        ),
        ("invoice_file", "DELETE FROM invoice_file WHERE format = 'XML'".to_owned(), "invoice xml ", "is gone"),
    ];
    let cases: Vec<_> = cases
        .iter()
        .map(|(table, statement, begins, names)| (*table, statement.as_str(), *begins, *names))
        .collect();
    tamper(&app, &cases).await;
});

/// Tables that hold nothing of the register, with the reason why no entry is about their rows.
const NOT_OF_THE_REGISTER: &[(&str, &str)] = &[
    ("audit_entry", "the trail itself: its chain and its signatures are checked"),
    (
        "person_key",
        "the keys that the trail's personal data is sealed with: checked with the trail",
    ),
    ("contact_read", "the log of who read contacts, written next to the trail"),
    ("archived_document_read", "the log of who opened documents, written next to the trail"),
    ("idempotent_request", "answers to be given again, kept for a day"),
    ("sealed_entry", "which entries a person's key sealed fields of: checked with the trail"),
    ("agreement_in_force_later", "empty after each change"),
    ("idempotent_outcome", "what mutations made, for answers to be given again, kept for a day"),
    ("stored_content", "bytes of uploaded files: checked against the digests of stored_file"),
    ("migration_requirement", "which programs may run on the schema"),
    ("write_probe", "written to find out whether writes succeed"),
    ("command_run", "when checkpoint and verify last ran, written next to the trail"),
    ("search_document", "made of other rows: checked against them"),
    ("search_index", "made of search_document by the database"),
    ("search_stale", "empty after each change"),
    ("attribution", "made of payments, lines and credit notes: checked against them"),
    ("revenue_month", "made of invoices and attribution: checked against them"),
    ("revenue_member_year", "made of invoices and attribution: checked against them"),
];

on_both!(every_table_is_checked_against_the_trail, |app| async move {
    let tables = integrity::tables(app.db.read()).await.unwrap();
    assert!(tables.len() > 40, "{tables:?}");
    for table in tables.iter().map(String::as_str) {
        let is_covered = integrity::FORMS.iter().any(|(_, _, tables)| tables.contains(&table));
        let reason = NOT_OF_THE_REGISTER.iter().find(|(name, _)| *name == table);
        assert!(
            is_covered != reason.is_some(),
            "{table}: give it a form in domain/src/integrity/records, or a reason here ({reason:?})"
        );
    }
});
