//! Findings of `verify` about the stored documents of invoices and agreements.

use domain::agreements;
use sea_orm::DbBackend;

use crate::{
    interchange::round_trip::lived,
    support::{
        app::{App, on_both},
        invoicing_fixtures::violations,
        lifecycle_fixtures::{Register, agreed, raw},
    },
};

on_both!(verify_finds_documents_that_differ_from_the_stored_hash, |app| async move {
    let (app, _folder) = lived(&app).await;
    let postgres = app.db.backend() == DbBackend::Postgres;
    let unlock: &[&str] = if postgres {
        &[
            "DROP TRIGGER invoice_file__kept ON invoice_file",
            "DROP TRIGGER invoice_content__kept ON invoice_content",
        ]
    } else {
        &[
            "DROP TRIGGER invoice_file__update",
            "DROP TRIGGER invoice_file__delete",
            "DROP TRIGGER invoice_content__update",
        ]
    };
    for statement in unlock {
        raw(&app, statement).await.unwrap();
    }
    let of = |number: &str| {
        format!("WHERE invoice_id = (SELECT id FROM invoice WHERE number = '{number}')")
    };
    let (byte, total) =
        if postgres { ("'\\x00'::bytea", "\"total\":12500") } else { ("x'00'", "\"total\":12500") };
    for (statement, violation) in [
        (
            format!("UPDATE invoice_file SET bytes = {byte} {} AND format = 'PDF'", of("20260001")),
            "invoice 20260001 has other bytes in its PDF than the SHA-256 says: ",
        ),
        (
            format!("UPDATE invoice_file SET sha256 = 'x' {}", of("K20260003")),
            "credit note K20260003 has other bytes in its XML than the SHA-256 says: x",
        ),
        (
            format!("DELETE FROM invoice_file {}", of("20260002")),
            "invoice 20260002 has a document but no e-invoice",
        ),
        (
            format!(
                "UPDATE invoice_content SET content = REPLACE(content, '20260003', '20260009') {}",
                of("20260003")
            ),
            "invoice 20260003 has a document of another invoice: 20260009",
        ),
        (
            format!("UPDATE invoice_content SET content = '{{' {}", of("K20260001")),
            "credit note K20260001 has a document that can't be read",
        ),
        (
            format!(
                "UPDATE invoice_content SET content = REPLACE(content, '{total}', '\"total\":12501') {}",
                of("20260001")
            ),
            "invoice 20260001 has a document with the total 125.01, but the database has 125.00",
        ),
    ] {
        assert_eq!(raw(&app, &statement).await.unwrap(), 1, "{statement}");
        let found = violations(&app).await;
        assert!(found.iter().any(|found| found.starts_with(violation)), "{violation}: {found:?}");
    }
    assert_eq!(violations(&app).await.len(), 6);
});

on_both!(verify_finds_texts_of_agreements_that_differ_from_the_stored_hash, |app| async move {
    let register = Register::fill(&app).await;
    for member in [1, 2, 3] {
        agreed(&app, register.draft(member, "bip", "2027-01-01")).await;
    }
    let found = async || agreements::integrity::violations(&app.db).await.unwrap();
    assert_eq!(found().await, [""; 0]);
    let postgres = app.db.backend() == DbBackend::Postgres;
    for table in ["agreement_document", "agreement_signature"] {
        let unlock = if postgres {
            format!("ALTER TABLE {table} DISABLE TRIGGER USER")
        } else {
            format!("DROP TRIGGER {table}__update")
        };
        raw(&app, &unlock).await.unwrap();
    }
    let byte = if postgres { "'\\x00'::bytea" } else { "x'00'" };
    let of = |number: &str| {
        format!("WHERE agreement_id = (SELECT id FROM agreement WHERE number = '{number}')")
    };
    for (statement, violation) in [
        (
            format!("UPDATE agreement_document SET pdf = {byte} {}", of("2026-0001")),
            "agreement 2026-0001 has other bytes in its PDF than the SHA-256 says: ",
        ),
        (
            format!(
                "UPDATE agreement_signature SET document_sha256 = 'x' {} AND party = 'NETWORK'",
                of("2026-0002")
            ),
            "agreement 2026-0002 has a signature by Ada Ås under another text: x",
        ),
    ] {
        assert_eq!(raw(&app, &statement).await.unwrap(), 1, "{statement}");
        assert!(
            found().await.iter().any(|found| found.starts_with(violation)),
            "{violation}: {:?}",
            found().await
        );
    }
    assert_eq!(found().await.len(), 2);
});
