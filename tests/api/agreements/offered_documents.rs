//! Offered agreements never change: their rows, their texts and their PDFs.

use axum::{body::Body, http::Method};
use serde_json::json;

use crate::support::{
    app::{App, on_both},
    lifecycle_fixtures::{Register, agreed, drafted, mutate, offered, raw, read_agreement, sql_id},
};

on_both!(what_was_offered_never_changes_in_the_database_either, |app| async move {
    let register = Register::fill(&app).await;
    let offer = drafted(&app, register.draft(0, "bip", "2026-01-01")).await;
    offered(&app, &offer).await;
    let active = agreed(&app, register.draft(1, "bip", "2026-01-01")).await;
    let (offer, active) = (sql_id(&app, &offer), sql_id(&app, &active));
    for (statement, rule) in [
        (
            format!("UPDATE agreement_document SET html = 'x' WHERE agreement_id = {offer}"),
            "agreement_document__kept",
        ),
        (
            format!("DELETE FROM agreement_document WHERE agreement_id = {offer}"),
            "agreement_document__kept",
        ),
        (
            format!("UPDATE agreement_signature SET name = 'x' WHERE agreement_id = {active}"),
            "agreement_signature__kept",
        ),
        (
            format!("DELETE FROM agreement_signature WHERE agreement_id = {active}"),
            "agreement_signature__kept",
        ),
        (
            format!(
                "UPDATE agreement_parameters SET parameters = '{{}}' WHERE agreement_id = {offer}"
            ),
            "agreement_parameters__frozen",
        ),
        (
            format!("DELETE FROM agreement_parameters WHERE agreement_id = {offer}"),
            "agreement_parameters__frozen",
        ),
        (format!("DELETE FROM agreement WHERE id = {offer}"), "agreement__kept"),
        (
            format!("UPDATE agreement SET starts_on = '2025-01-01' WHERE id = {offer}"),
            "agreement__frozen",
        ),
        (
            format!("UPDATE agreement SET ends_on = '2030-01-01' WHERE id = {offer}"),
            "agreement__frozen",
        ),
        (
            format!("UPDATE agreement SET notice_months = 99 WHERE id = {offer}"),
            "agreement__frozen",
        ),
        (
            format!("UPDATE agreement SET number = '2026-9999' WHERE id = {offer}"),
            "agreement__frozen",
        ),
        (
            format!("UPDATE agreement SET template_version_id = NULL WHERE id = {offer}"),
            "agreement__frozen",
        ),
        (
            format!("UPDATE agreement SET direction = 'INCOME' WHERE id = {offer}"),
            "agreement__frozen",
        ),
        (
            format!(
                "UPDATE agreement SET fee_basis = 'ONE_OFF', fee_amount = 1, vat_rate = 'ZERO' WHERE id = {offer}"
            ),
            "agreement__frozen",
        ),
        (
            format!("UPDATE agreement SET signed_on = '2026-01-01' WHERE id = {active}"),
            "agreement__frozen",
        ),
        (format!("UPDATE agreement SET signed_on = NULL WHERE id = {active}"), "agreement__frozen"),
        (
            format!("UPDATE agreement SET replaces_id = {active} WHERE id = {offer}"),
            "agreement__frozen",
        ),
    ] {
        let refused =
            raw(&app, &statement).await.err().unwrap_or_else(|| panic!("{statement} is taken"));
        assert!(refused.to_string().contains(rule), "{statement}: {refused}");
    }
    // Nor by the statements that each database has instead of an UPDATE or a DELETE.
    let around = if app.db.backend() == sea_orm::DbBackend::Sqlite {
        ["agreement_document", "agreement_signature"]
            .map(|table| format!("INSERT OR REPLACE INTO {table} SELECT * FROM {table}"))
    } else {
        ["agreement_document", "agreement_signature"].map(|table| format!("TRUNCATE {table}"))
    };
    for statement in around {
        assert!(raw(&app, &statement).await.is_err(), "{statement} is taken");
    }
    if app.db.backend() != sea_orm::DbBackend::Sqlite {
        return;
    }
    // A draft, or a new row, that replaces the offered one.
    let draft = sql_id(&app, &drafted(&app, register.draft(2, "bip", "2026-01-01")).await);
    let before = app
        .office()
        .query(
            "{ agreements(first: 50) { nodes { id number status startsOn document { sha256 } } } }",
        )
        .await
        .text();
    let columns = "number_key, kind, direction, activity_id, member_id, starts_on, ends_on, notice_months, offered_at";
    let copy = |id: &str, number: &str, key: &str| {
        format!(
            "INSERT OR REPLACE INTO agreement (id, number, import_key, {columns}) \
             SELECT {id}, {number}, {key}, {columns} FROM agreement WHERE id = {offer}"
        )
    };
    raw(&app, &format!("UPDATE agreement SET import_key = 'k' WHERE id = {offer}")).await.unwrap();
    let other = "x'0197aaaaaaaa7000800000000000000a'";
    for (statement, rule) in [
        ("INSERT OR REPLACE INTO agreement SELECT * FROM agreement".to_owned(), "agreement__kept"),
        (copy(&offer, "number", "NULL"), "agreement__kept"),
        (copy(other, "number", "NULL"), "agreement__number"),
        (copy(other, "'2026-9999'", "import_key"), "agreement__import_key"),
        (
            format!("UPDATE OR REPLACE agreement SET id = {offer} WHERE id = {draft}"),
            "agreement__kept",
        ),
        (
            format!("UPDATE OR REPLACE agreement SET import_key = 'k' WHERE id = {draft}"),
            "agreement__import_key",
        ),
        (
            format!(
                "UPDATE OR REPLACE agreement SET number = (SELECT number FROM agreement WHERE id = {offer}), offered_at = 'x' WHERE id = {draft}"
            ),
            "agreement__number",
        ),
    ] {
        let refused =
            raw(&app, &statement).await.err().unwrap_or_else(|| panic!("{statement} is taken"));
        assert!(refused.to_string().contains(rule), "{statement}: {refused}");
    }
    assert_eq!(
        app.office().query("{ agreements(first: 50) { nodes { id number status startsOn document { sha256 } } } }").await.text(),
        before
    );
});

on_both!(an_import_changes_nothing_that_was_offered_here, |app| async move {
    let register = Register::fill(&app).await;
    let id = agreed(&app, register.draft(0, "bip", "2026-01-01")).await;
    let key = id.rsplit_once('_').unwrap().1;
    let header = "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate,parameters\n";
    let row = |starts_on: &str, notice: &str, ends: &str, days: u8| {
        format!(
            "{key},2026-0001,PARTICIPATION,NONE,bip,m0,deltagande,1,{starts_on},{ends},3,,2026-11-21T09:00:00Z,2026-11-21,{notice},,,,,\"{{\"\"days\"\":{days}}}\"\n"
        )
    };
    let import = async |rows: String| {
        app.try_import(&[("agreements.csv", &format!("{header}{rows}"))]).await
    };
    assert_eq!(import(row("2026-01-01", "", "", 10)).await.unwrap().files[0].unchanged, 1);
    let bad = import(row("2026-02-01", "", "2027-01-01", 11)).await.unwrap_err().to_string();
    for column in ["starts_on", "ends_on", "parameters"] {
        let words = format!(
            "agreements.csv:2: {column}: must stay as it is: the agreement was offered, and its document is stored"
        );
        assert!(bad.contains(&words), "{words} is not in {bad}");
    }
    // Another one in the same term is a bad row, with its line.
    let overlapping = "ny,2026-0002,PARTICIPATION,NONE,bip,m0,,,2027-01-01,,3,,2026-11-21T09:00:00Z,2026-11-21,,,,,,\n";
    let bad = import(format!("{}{overlapping}", row("2026-01-01", "", "", 10)))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        bad.contains("agreements.csv:3: starts_on: is in force together with 2026-0001"),
        "{bad}"
    );
    // Notice makes room for it, in the same file.
    let report =
        import(format!("{}{overlapping}", row("2026-01-01", "2026-11-21", "2026-12-31", 10)))
            .await
            .unwrap();
    assert_eq!((report.files[0].changed, report.files[0].added), (1, 1));
});

on_both!(the_pdf_is_served_as_it_was_frozen_to_those_who_see_the_agreement, |app| async move {
    let register = Register::fill(&app).await;
    let id = drafted(&app, register.draft(0, "bip", "2026-01-01")).await;
    let path = format!("/files/agreements/{id}.pdf");
    // A draft is shown as it would be offered, to those who see drafts.
    let draft = app.office().get(&path).await;
    assert_eq!((draft.status.as_u16(), draft.header("content-type")), (200, "application/pdf"));
    assert_eq!(draft.header("content-disposition"), "inline; filename=\"UTKAST.pdf\"");
    assert_eq!(
        draft.header("etag"),
        format!(
            "\"{}\"",
            read_agreement(&app, &id, "preview { sha256 }").await["preview"]["sha256"]
                .as_str()
                .unwrap()
        )
    );
    assert_eq!(app.member(register.id("Förbund 00")).get(&path).await.status, 404);

    let (number, sha256) = offered(&app, &id).await;
    let link = read_agreement(&app, &id, "document { pdfUrl }").await["document"]["pdfUrl"].clone();
    assert!(link.as_str().unwrap().starts_with(&format!("{path}?signature=")), "{link}");
    let served = app.office().get(&path).await;
    assert!(served.bytes.starts_with(b"%PDF-"));
    let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&served.bytes));
    assert_eq!(digest, sha256);
    assert_eq!(
        (served.header("etag"), served.header("cache-control")),
        (format!("\"{sha256}\"").as_str(), "private, no-cache")
    );
    assert_eq!(served.header("content-disposition"), format!("inline; filename=\"{number}.pdf\""));
    // What changes around it does not change it.
    let changes = json!({ "memberId": register.id("Förbund 00"), "name": "Nytt namn" });
    mutate(&app.office(), "memberUpdate", changes, "id").await.data();
    let later = app.at("2030-01-01T09:00:00Z");
    assert_eq!(later.office().get(&path).await.bytes, served.bytes);
    let request = app
        .office()
        .request(Method::GET, &path)
        .header("if-none-match", format!("\"{sha256}\""))
        .body(Body::empty())
        .unwrap();
    let known = app.send(request).await;
    assert_eq!(
        (known.status.as_u16(), known.bytes.len(), known.header("etag")),
        (304, 0, served.header("etag"))
    );

    for (caller, status) in [
        (app.finance(), 200),
        (app.board(), 200),
        (app.auditor(), 200),
        (app.lead(&["bip"]), 200),
        (app.lead(&["indikatorer"]), 404),
        (app.member(register.id("Förbund 00")), 200),
        (app.member(register.id("Förbund 01")), 404),
        (app.service("agreements:read"), 200),
        (app.service("agreements:write"), 200),
        (app.service("members:read"), 404),
        (app.no_one(), 401),
    ] {
        assert_eq!(caller.get(&path).await.status, status);
    }
    for path in [
        format!("/files/agreements/{id}"),
        format!("/files/agreements/{}.pdf", register.id("Förbund 00")),
        "/files/agreements/x.pdf".into(),
    ] {
        assert_eq!(app.office().get(&path).await.status, 404, "{path}");
    }
});
