//! Everything stored about a person: `contactExport` and `samregister contact export`.

use domain::{audit::reads, contacts::subject_access};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use crate::support::app::{App, on_both};

const EXPORT: &str = "query($contactId: ID!) { contactExport(contactId: $contactId) }";

on_both!(everything_that_is_held_about_a_person_is_handed_out, |app| async move {
    let office = app.office();
    let ale = json!({ "name": "Ale", "joinedOn": "2015-01-01", "billing": { "email": "anna@example.se" } });
    let ale = office.does("memberAdmit", "id", ale).await["memberAdmit"]["id"].clone();
    let anna =
        json!({ "memberId": ale, "role": "CHAIR", "name": "Anna", "email": "anna@example.se" });
    let anna = office.does("contactAdd", "id", anna).await["contactAdd"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let namesake = office
        .does("contactAdd", "id", json!({ "role": "OTHER", "name": "Anna" }))
        .await["contactAdd"]["id"]
        .clone();
    office
        .does("contactUpdate", "id", json!({ "contactId": anna, "phone": "070-174 06 05" }))
        .await
        .data();
    let started = json!({ "slug": "bip", "name": "BIP", "funding": [], "startsOn": "2026-01-01", "leadId": anna });
    office.does("activityStart", "id", started).await.data();
    let report = json!({ "activityId": office.query("{ activity(by: { slug: \"bip\" }) { id } }").await["activity"]["id"], "period": "2026-Q3", "health": "GREEN", "summary": "Bra" });
    let lead = domain::auth::viewer::Viewer {
        subject: "anna@example.se".into(),
        roles: vec![domain::auth::viewer::Role::Office],
        ..Default::default()
    };
    app.viewer(lead).does("statusReportFile", "id", report).await.data();
    app.board().query("{ members { nodes { contacts { email } } } }").await.data();

    let answer = office.ask(EXPORT, json!({ "contactId": anna })).await;
    let export = &answer["contactExport"];
    let reported = ["name", "email", "phone", "role"].map(|field| export["contact"][field].clone());
    assert_eq!(reported, ["Anna", "anna@example.se", "070-174 06 05", "CHAIR"].map(Value::from));
    assert_eq!(export["of"], json!({ "member": "Ale", "organisation": null, "contactArea": null }));
    assert_eq!(
        export["activities"],
        json!([{ "slug": "bip", "name": "BIP", "lead": true, "boardContact": false }])
    );
    let trail: Vec<_> = export["trail"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (&entry["action"], &entry["after"]["phone"]))
        .collect();
    assert_eq!(
        trail,
        [(&json!("contactAdd"), &Value::Null), (&json!("contactUpdate"), &json!("070-174 06 05"))]
    );
    let readers: Vec<_> = export["readBy"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["reader"].as_str().unwrap())
        .collect();
    assert!(
        ["board@example.se", "office@example.se"].iter().all(|reader| readers.contains(reader)),
        "{readers:?}"
    );
    let positions = export["sameNameOrEmail"].as_array().unwrap();
    let named: Vec<_> = positions
        .iter()
        .map(|position| format!("{}.{}", position["table"], position["column"]).replace('"', ""))
        .collect();
    assert_eq!(
        named,
        ["audit_entry.actor", "contact.name", "member_billing.email", "status_report.reported_by"]
    );
    let uuid = |id: &Value| {
        uuid::Uuid::try_parse(id.as_str().unwrap().split_once('_').unwrap().1).unwrap().to_string()
    };
    assert_eq!(
        (&positions[1]["ids"], &positions[2]["ids"]),
        (&json!([uuid(&namesake)]), &json!([uuid(&ale)]))
    );

    // The command writes the same but for who has read meanwhile, and an erased person has left
    // nothing to export.
    let output = app.program().args(["contact", "export", &anna]).output().unwrap();
    let mut printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let readers = printed["readBy"].as_array().unwrap();
    assert!(
        readers.iter().any(|line| line["reader"] == "samregister contact export"),
        "{readers:?}"
    );
    (printed["readBy"], printed["at"]) = (export["readBy"].clone(), export["at"].clone());
    assert_eq!(&printed, export);
    office.does("contactErase", "id", json!({ "contactId": anna })).await.data();
    let erased = office.ask(EXPORT, json!({ "contactId": anna })).await;
    let erased = erased["contactExport"].to_string();
    assert!(!erased.contains("anna@example.se") && !erased.contains("070-174"), "{erased}");
});

on_both!(a_person_that_is_not_there_is_not_handed_out, |app| async move {
    let answer = app
        .office()
        .ask(EXPORT, json!({ "contactId": "contact_0197aaaaaaaa7000800000000000000a" }))
        .await;
    assert_eq!(
        (answer.code(), &answer.error()["message"]),
        ("NOT_FOUND", &json!("there is no such contact"))
    );
    assert_eq!(
        app.office()
            .ask(EXPORT, json!({ "contactId": "member_0197aaaaaaaa7000800000000000000a" }))
            .await
            .bad_fields(),
        ["contactId"]
    );
    reads::write(&app.db).await.unwrap();
    let log = app.auditor().query("{ contactReads { totalCount } }").await;
    assert_eq!(log["contactReads"]["totalCount"], 0);
    let output = app
        .program()
        .args(["contact", "export", "contact_0197aaaaaaaa7000800000000000000a"])
        .output()
        .unwrap();
    assert_eq!(
        (output.status.code(), String::from_utf8_lossy(&output.stderr).trim()),
        (Some(1), "error: there is no such contact")
    );
});

/// Columns of texts in which no one's name, e-mail or phone stands, or which are exported in
/// another part of an export; `table.*` is all of a table.
const NOT_SEARCHED: &[&str] = &[
    // Told as the contact's own.
    "contact.phone",
    "contact.role",
    "contact.import_key",
    "contact.name_key",
    "audit_entry.before",
    "audit_entry.after",
    // Texts and documents, which the description of an export says are not searched.
    "agreement_document.*",
    "agreement_parameters.*",
    "agreement_template_text.*",
    "invoice_content.*",
    "invoice_file.*",
    "status_report_text.*",
    "status_report.period",
    "status_report.health",
    "deadline_acknowledgement.note",
    "bank_payment.message",
    "stored_content.*",
    "stored_file.*",
    "archived_document.*",
    "search_document.*",
    "search_stale.*",
    // Facts about the register, about bodies and about money.
    "activity.*",
    "command_run.command",
    "adjustment.*",
    "activity_funding.*",
    "activity_text.*",
    "agreement.*",
    "agreement_participation.*",
    "agreement_template.*",
    "agreement_template_version.*",
    "allocation.*",
    "attribution.*",
    "books_closing.*",
    "export_batch.*",
    "voucher.*",
    "contact_area.*",
    "cost.*",
    "decision.*",
    "fee_charge.*",
    "fee_schedule.*",
    "activity_grant.*",
    "invoice.*",
    "invoice_line.*",
    "member.*",
    "member_former_name.*",
    "member_municipality.*",
    "payment.*",
    "reference_rate.*",
    "reminder.*",
    "requisition.*",
    "tax_decision.*",
    "revenue_month.*",
    "revenue_member_year.*",
    "token_revocation.*",
    "idempotent_request.*",
    "idempotent_outcome.*",
    "migration_requirement.*",
    "seaql_migrations.*",
    "bank_payment_part.*",
    "agreement_signature.party",
    "agreement_signature.title",
    "agreement_signature.method",
    "agreement_signature.document_sha256",
    "audit_entry.action",
    "audit_entry.subject_kind",
    "audit_entry.version",
    "audit_entry.hash",
    "audit_entry.before_digest",
    "audit_entry.after_digest",
    "audit_entry.form",
    "audit_entry.former_hash",
    "audit_entry.key_id",
    "person_key.*",
    "sealed_entry.*",
    "bank_payment.bank_reference",
    "bank_payment.file_name",
    "bank_payment.file_sha256",
    "bank_payment.account",
    "bank_payment.reference",
    "bank_payment.payer_org_number",
    "bank_payment.finding",
    "bank_payment.set_aside_reason",
    "bank_payment.entry_reference",
    "member_billing.peppol_id",
    "member_billing.buyer_reference",
    "member_billing.address_line",
    "member_billing.postal_code",
    "member_billing.city",
    "organisation.import_key",
    "organisation.name",
    "organisation.name_key",
    "organisation.org_number",
    "organisation.peppol_id",
    "organisation.buyer_reference",
    "organisation.address_line",
    "organisation.postal_code",
    "organisation.city",
];

#[tokio::test]
async fn every_column_of_texts_is_searched_or_known_to_need_no_search() {
    let app = App::postgres().await;
    let columns = "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = 'public' AND data_type = 'text'";
    let mut unknown = Vec::new();
    for row in app
        .db
        .read()
        .query_all_raw(Statement::from_string(app.db.backend(), columns))
        .await
        .unwrap()
    {
        let (table, column): (String, String) =
            (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap());
        let is_searched =
            subject_access::MENTIONS.iter().any(|(of, _, name)| *of == table && *name == column);
        let names = [format!("{table}.{column}"), format!("{table}.*")];
        if !is_searched && !names.iter().any(|name| NOT_SEARCHED.contains(&name.as_str())) {
            unknown.push(names[0].clone());
        }
    }
    assert_eq!(
        unknown, [""; 0],
        "add to MENTIONS in domain/src/contacts/subject_access.rs, or here"
    );
}
