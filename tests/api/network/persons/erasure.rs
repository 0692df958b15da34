//! `personErase`: persons who are no contacts are gone from rows and trail, unless the law
//! requires retention, and the trail still verifies.

use std::collections::BTreeSet;

use domain::{
    audit,
    auth::viewer::{Role, Viewer},
    integrity::{self, Request},
};
use sea_orm::{DbBackend, Statement};
use serde_json::{Value, json};

use crate::{
    network::persons::personal_data::{keys, positions},
    support::{
        app::{App, on_both},
        bank_fixtures::{self, CAMT_02, bank_payments},
        caller::Answer,
        lifecycle_fixtures::{Register, agreed, mutate, read_agreement},
        register_files,
    },
};

async fn erase(app: &App, input: Value) -> Answer {
    app.office().does("personErase", "kind revisions", input).await
}

/// Erases a person, and returns how many revisions named it.
async fn erased(app: &App, input: Value, kind: &str) -> usize {
    let before: BTreeSet<_> = keys(app).await.into_iter().map(|key| key.id).collect();
    let answer = erase(app, input.clone()).await;
    assert_eq!(answer["personErase"]["kind"], kind, "{input}");
    let revisions = answer["personErase"]["revisions"].as_array().unwrap().len();
    let now = keys(app).await;
    assert!(revisions == 0 || now.len() < before.len(), "{input}: no key is gone");
    // Again changes nothing.
    let last = app.revision().await;
    assert_eq!(erase(app, input).await["personErase"]["revisions"], json!([]));
    assert_eq!(app.revision().await, last);
    revisions
}

async fn is_retained(app: &App, input: Value, erasable_from: Value) {
    let last = app.revision().await;
    let answer = erase(app, input.clone()).await;
    assert_eq!((answer.code(), answer.reason()), ("CONFLICT", "RETAINED"), "{input}");
    assert_eq!(answer.error()["extensions"]["erasableFrom"], erasable_from, "{input}");
    assert_eq!(app.revision().await, last);
}

async fn holds(app: &App) {
    assert_eq!(audit::violations_now(&app.db, app.clock).await.unwrap(), [""; 0]);
    assert_eq!(
        integrity::verify(&app.db, app.clock, Request::default())
            .await
            .unwrap()
            .findings
            .violations,
        [""; 0]
    );
}

on_both!(
    signatories_and_decisions_are_erased_when_the_retention_of_the_agreement_ends,
    |app| async move {
        let register = Register::fill(&app).await;
        let mut draft = register.draft(1, "bip", "2026-01-01");
        draft["endsOn"] = json!("2027-12-31");
        draft["decision"] = json!({ "body": "BOARD", "decidedOn": "2025-12-01", "paragraph": "7, enligt Kajsa Varg" });
        let agreement = agreed(&app, draft).await;
        let endless = agreed(&app, register.draft(2, "bip", "2026-01-01")).await;
        let signatory = |agreement: &str, party: &str| json!({ "signatoryOf": { "agreementId": agreement, "party": party } });
        is_retained(&app, signatory(&agreement, "NETWORK"), json!("2035-01-01")).await;
        is_retained(&app, json!({ "decisionOfAgreementId": agreement }), json!("2035-01-01")).await;
        is_retained(&app, signatory(&endless, "NETWORK"), json!(null)).await;

        let later = app.at("2035-01-01T11:00:00Z");
        assert_eq!(erased(&later, signatory(&agreement, "NETWORK"), "SIGNATORY").await, 3);
        let signatures = read_agreement(&later, &agreement, "signatures { party name title }")
            .await["signatures"]
            .clone();
        let name = |party: &str| {
            let signature = signatures
                .as_array()
                .unwrap()
                .iter()
                .find(|signature| signature["party"] == party)
                .unwrap();
            signature["name"].as_str().unwrap().to_owned()
        };
        assert!(
            name("NETWORK").starts_with("Raderad person ") && name("COUNTERPARTY") == "Ada Ås",
            "{signatures}"
        );
        // The other side stays in the trail, and this one is null.
        let of_agreement: Vec<_> = later
            .trail(0)
            .await
            .into_iter()
            .filter(|entry| {
                entry["after"]["signatures"].as_array().is_some_and(|all| all.len() == 2)
            })
            .collect();
        let names = |entry: &Value| -> BTreeSet<String> {
            entry["after"]["signatures"]
                .as_array()
                .unwrap()
                .iter()
                .map(|signature| signature["name"].to_string())
                .collect()
        };
        assert_eq!(
            names(&of_agreement[0]),
            BTreeSet::from(["null".to_owned(), "\"Ada Ås\"".to_owned()])
        );
        holds(&later).await;

        assert!(
            erased(&later, json!({ "decisionOfAgreementId": agreement }), "DECISION").await > 2
        );
        assert_eq!(
            read_agreement(&later, &agreement, "decision { body paragraph }").await["decision"],
            json!({ "body": "BOARD", "paragraph": null })
        );
        assert_eq!(positions(&later, "Kajsa Varg").await, [""; 0]);
        holds(&later).await;
        is_retained(&later, signatory(&endless, "COUNTERPARTY"), json!(null)).await;
        // The database lets no other name replace that of a signatory.
        let refused = crate::support::lifecycle_fixtures::raw(
            &later,
            "UPDATE agreement_signature SET name = 'Bo', title = NULL",
        )
        .await
        .unwrap_err();
        assert!(refused.to_string().contains("agreement_signature__kept"), "{refused}");
    }
);

on_both!(payers_are_erased_when_the_retention_of_the_payment_ends, |app| async move {
    bank_fixtures::import(&app, "camt.xml", CAMT_02).await;
    let found = bank_payments(&app, "").await;
    let payment = found.iter().find(|payment| payment["payerName"].is_string()).unwrap().clone();
    let (id, payer) = (payment["id"].clone(), payment["payerName"].as_str().unwrap().to_owned());
    mutate(
        &app.finance(),
        "bankPaymentExclude",
        json!({ "bankPaymentId": id, "reason": "Tillhör Kajsa Varg" }),
        "id",
    )
    .await
    .data();
    let year: i32 = payment["receivedOn"].as_str().unwrap()[..4].parse().unwrap();
    is_retained(&app, json!({ "bankPaymentId": id }), json!(format!("{}-01-01", year + 8))).await;
    let later = app.at(&format!("{}-01-01T11:00:00Z", year + 8));
    let before = keys(&later).await;
    let exported = register_files::exported(&later).await;
    assert!(erased(&later, json!({ "bankPaymentId": id }), "PAYER").await >= 2);
    // What was exported before does not bring the person back.
    let refused = register_files::bad_rows(&later, &exported).await;
    let is_published = |column: &str| {
        refused.iter().any(|row| {
            row.contains(&format!("{column}: is empty in the register, as after the erasure"))
        })
    };
    assert!(is_published("payer_name") && is_published("set_aside_reason"), "{refused:?}");
    let now =
        bank_payments(&later, "").await.into_iter().find(|payment| payment["id"] == id).unwrap();
    for field in ["reference", "message", "payerName", "payerOrgNumber"] {
        assert_eq!(now[field], json!(null), "{field}");
    }
    assert_eq!(
        (&now["amount"], &now["bankReference"]),
        (&payment["amount"], &payment["bankReference"])
    );
    if !found.iter().any(|other| other["id"] != id && other.to_string().contains(&payer)) {
        assert_eq!(positions(&later, &payer).await, [""; 0]);
    }
    assert_eq!(positions(&later, "Kajsa Varg").await, [""; 0]);
    holds(&later).await;
    // The key is gone from the disk as well.
    if later.db.backend() == DbBackend::Sqlite {
        let left: BTreeSet<_> = keys(&later).await.into_iter().map(|key| key.id).collect();
        let file = later.url().strip_prefix("sqlite://").unwrap().to_owned();
        for key in before.iter().filter(|key| !left.contains(&key.id)) {
            for file in ["", "-wal"].map(|end| format!("{file}{end}")) {
                assert!(
                    std::fs::read(&file).unwrap().windows(32).all(|part| part != key.key),
                    "{file}"
                );
            }
        }
    }
});

on_both!(persons_in_billing_details_and_subjects_of_tokens_are_erased_at_once, |app| async move {
    let register = Register::fill(&app).await;
    let billing =
        json!({ "email": "kajsa@example.se", "buyerReference": "Kajsa Varg", "city": "Ort" });
    let organisation = mutate(
        &app.office(),
        "organisationAdd",
        json!({ "name": "Gamma", "billing": billing }),
        "id",
    )
    .await;
    let organisation = organisation["organisationAdd"]["id"].clone();
    let member = register.id("Förbund 03").to_owned();
    mutate(&app.office(), "memberUpdate", json!({ "memberId": member, "billing": billing }), "id")
        .await
        .data();
    assert_eq!(erased(&app, json!({ "billingOfOrganisationId": organisation }), "BUYER").await, 2);
    assert_eq!(erased(&app, json!({ "billingOfMemberId": member }), "BUYER").await, 2);
    for letters in ["ajsa@example", "Kajsa Varg"] {
        assert_eq!(positions(&app, letters).await, [""; 0], "{letters}");
    }
    holds(&app).await;

    let frida = app.viewer(Viewer {
        subject: "frida@example.se".into(),
        roles: vec![Role::Office],
        ..Viewer::default()
    });
    let report = json!({ "activityId": register.id("bip"), "period": "2026-T1", "health": "GREEN", "summary": "Bra" });
    mutate(&frida, "statusReportFile", report, "id").await.data();
    assert_eq!(erased(&app, json!({ "subject": "Frida@Example.se" }), "SUBJECT").await, 2);
    let sql = Statement::from_string(app.db.backend(), "SELECT reported_by FROM status_report");
    let by: String = sea_orm::ConnectionTrait::query_one_raw(app.db.read(), sql)
        .await
        .unwrap()
        .unwrap()
        .try_get_by_index(0)
        .unwrap();
    assert!(by.starts_with("Raderad person "), "{by}");
    holds(&app).await;

    // Snoozed deadlines stay with their agreement.
    let mut draft = register.draft(1, "bip", "2026-01-01");
    (draft["endsOn"], draft["renewalMonths"]) = (json!("2027-03-31"), json!(12));
    let agreement = agreed(&app, draft).await;
    mutate(
        &frida,
        "deadlineSnooze",
        json!({ "agreementId": agreement, "snoozedUntil": "2026-11-30", "note": "Sett" }),
        "id",
    )
    .await
    .data();
    is_retained(&app, json!({ "subject": "frida@example.se" }), json!(null)).await;
    // A contact is erased as such.
    mutate(
        &app.office(),
        "contactAdd",
        json!({ "role": "OTHER", "name": "Frida", "email": "Frida@example.se" }),
        "id",
    )
    .await
    .data();
    assert_eq!(erase(&app, json!({ "subject": "frida@example.se" })).await.reason(), "IS_CONTACT");
});

on_both!(a_wrong_name_of_a_person_is_reported_with_its_field, |app| async move {
    for (input, code) in [
        (json!({ "bankPaymentId": "bank_payment_0197aaaaaaaa7000800000000000000a" }), "NOT_FOUND"),
        (
            json!({ "decisionOfActivityId": "activity_0197aaaaaaaa7000800000000000000a" }),
            "NOT_FOUND",
        ),
        (
            json!({ "decisionOfFeeScheduleId": "fee_schedule_0197aaaaaaaa7000800000000000000a" }),
            "NOT_FOUND",
        ),
        (
            json!({ "referencesOfInvoiceId": "invoice_0197aaaaaaaa7000800000000000000a" }),
            "NOT_FOUND",
        ),
        (json!({ "billingOfMemberId": "contact_0197aaaaaaaa7000800000000000000a" }), "INVALID"),
        (json!({ "subject": "" }), "INVALID"),
        (json!({}), "INVALID"),
        (json!({ "subject": "a", "billingOfMemberId": "b" }), "INVALID"),
    ] {
        assert_eq!(erase(&app, input.clone()).await.code(), code, "{input}");
    }
    let answer =
        erase(&app, json!({ "signatoryOf": { "agreementId": "x", "party": "NETWORK" } })).await;
    assert_eq!(answer.bad_fields(), ["input.signatoryOf.agreementId"]);
    // A payload that failed is null, and what else the document did is there.
    let document = "mutation { memberAdmit(input: { name: \"Ale\", joinedOn: \"2026-01-01\" }) { member { name } }
        personErase(input: { bankPaymentId: \"bank_payment_0197aaaaaaaa7000800000000000000a\" }) { kind } }";
    let answer = app.office().query(document).await;
    let answer: Value = serde_json::from_str(&answer.text()).unwrap();
    assert_eq!(
        (&answer["data"]["memberAdmit"]["member"]["name"], &answer["data"]["personErase"]),
        (&json!("Ale"), &json!(null)),
        "{answer}"
    );
});
