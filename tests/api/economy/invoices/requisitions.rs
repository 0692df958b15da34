//! Requisitions of grants: one by one and explicitly, never by the invoice run.

use domain::integrity;
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    invoicing_fixtures::{NETWORK, activity, fill, member, with_network},
    lifecycle_fixtures::{drafted, mutate, offered, signed, with},
    register_files::{exported, try_import},
    validators,
};

/// A signed cooperation agreement about BIP by which this counterparty gives a grant of 900 000.00
/// a year, made from a template of its own name.
pub async fn grant(app: &App, name: &str, counterparty: &str) -> String {
    let template = json!({ "slug": name, "title": "Samarbete", "kind": "COOPERATION", "body": "Parterna samarbetar.", "parameters": [] });
    let created = mutate(&app.office(), "templateCreate", template, "id versions { id }").await["templateCreate"].clone();
    mutate(
        &app.office(),
        "templateVersionPublish",
        json!({ "templateVersionId": created["versions"][0]["id"] }),
        "id",
    )
    .await
    .data();
    let input = json!({ "templateId": created["id"], "activityId": activity(app, "bip").await, "counterpartyId": counterparty, "startsOn": "2026-01-01",
        "fee": { "basis": "FIXED_PER_YEAR", "amount": "900000.00", "vatRate": "OUTSIDE_SCOPE" } });
    let id = drafted(app, input).await;
    let (_, sha256) = offered(app, &id).await;
    signed(app, &id, &sha256).await;
    id
}

/// Returns the input of a requisition of half a year of a grant.
pub fn input(agreement: &str) -> Value {
    json!({ "agreementId": agreement, "amount": "450000.00", "periodFrom": "2026-01-01", "periodTo": "2026-06-30",
        "description": "Bidrag till BIP, första halvåret", "reference": "Dnr 2026/1234" })
}

const FIELDS: &str = "requisition { id number issuedOn dueOn amount periodFrom periodTo description reference pdfUrl agreement { id requisitions { number } } }";

async fn authority(app: &App) -> String {
    let document = "{ agreement(by: { number: \"2026-9002\" }) { counterparty { ... on Organisation { id } } } }";
    app.office().query(document).await["agreement"]["counterparty"]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

on_both!(a_grant_is_requisitioned_with_a_number_and_a_document, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let agreement = grant(&app, "samarbete", &authority(&app).await).await;
    let before = app.revision().await;
    let issued = mutate(&app.finance(), "requisitionIssue", input(&agreement), FIELDS).await["requisitionIssue"]["requisition"].clone();
    let path = issued["pdfUrl"].as_str().unwrap().to_owned();
    assert_eq!(
        issued,
        json!({ "id": issued["id"], "number": "R2026-0001", "issuedOn": "2026-11-21", "dueOn": "2026-12-21", "amount": "450000.00",
            "periodFrom": "2026-01-01", "periodTo": "2026-06-30", "description": "Bidrag till BIP, första halvåret", "reference": "Dnr 2026/1234",
            "pdfUrl": path, "agreement": { "id": agreement, "requisitions": [{ "number": "R2026-0001" }] } })
    );
    let trail = app.trail(before).await;
    assert_eq!(
        (trail.len(), &trail[0]["action"], &trail[0]["after"]["amount"]),
        (1, &json!("requisitionIssue"), &json!(45_000_000))
    );

    // The document says it in Swedish, to those who see all invoices.
    let pdf = app.finance().get(&path).await;
    assert_eq!(pdf.status, 200);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rekvisition.pdf");
    std::fs::write(&file, &pdf.bytes).unwrap();
    validators::are_sound(std::slice::from_ref(&file));
    assert_eq!(app.board().get(&path).await.status, 200);
    assert_eq!(app.member(&member(&app, 1).await).get(&path).await.status, 404);

    // The next one has the next number; the same again is a mistake.
    let revision = app.revision().await;
    assert_eq!(
        mutate(&app.finance(), "requisitionIssue", input(&agreement), FIELDS).await.reason(),
        "ALREADY_REQUISITIONED"
    );
    assert_eq!(app.revision().await, revision);
    let mut second = input(&agreement);
    (second["periodFrom"], second["periodTo"]) = (json!("2026-07-01"), json!("2026-12-31"));
    let second = mutate(&app.finance(), "requisitionIssue", second, "requisition { number }").await;
    assert_eq!(second["requisitionIssue"]["requisition"]["number"], "R2026-0002");
    let node = app
        .board()
        .ask(
            "query($id: ID!) { node(id: $id) { ... on Requisition { number } } }",
            json!({ "id": issued["id"] }),
        )
        .await;
    assert_eq!(node["node"]["number"], "R2026-0001");
    assert_eq!(
        integrity::verify(&app.db, app.clock, integrity::Request::default())
            .await
            .unwrap()
            .findings
            .violations,
        [""; 0]
    );
});

on_both!(requisitions_ask_for_no_more_than_the_grant_and_no_day_twice, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let agreement = grant(&app, "samarbete", &authority(&app).await).await;
    let asks = async |amount: &str, from: &str, to: &str| {
        let new = with(
            input(&agreement),
            json!({ "amount": amount, "periodFrom": from, "periodTo": to }),
        );
        mutate(&app.finance(), "requisitionIssue", new, "requisition { id number }").await
    };
    // Before the agreement's term, and beyond the year's 900 000.00.
    assert_eq!(asks("1.00", "2025-12-31", "2026-01-31").await.bad_fields(), ["input.periodFrom"]);
    assert_eq!(asks("900000.01", "2026-01-01", "2026-12-31").await.reason(), "BEYOND_GRANT");
    let first =
        asks("600000.00", "2026-01-01", "2026-06-30").await["requisitionIssue"]["requisition"]
            .clone();
    for (from, to) in [("2026-06-30", "2026-12-31"), ("2026-02-01", "2026-02-28")] {
        assert_eq!(asks("1.00", from, to).await.reason(), "ALREADY_REQUISITIONED", "{from}");
    }
    let before = app.revision().await;
    let refused = asks("300000.01", "2026-07-01", "2026-12-31").await;
    assert_eq!(refused.reason(), "BEYOND_GRANT");
    let words = "for 2026 is 900000.00, of which 600000.00 is requisitioned already; 300000.01 is more than is left";
    assert!(refused.text().contains(words), "{}", refused.text());
    // Over New Year both years' grants pay: 1 800 000.00.
    assert_eq!(asks("1200000.01", "2026-07-01", "2027-06-30").await.reason(), "BEYOND_GRANT");
    assert_eq!(app.revision().await, before);
    assert_eq!(
        asks("1200000.00", "2026-07-01", "2027-06-30").await["requisitionIssue"]["requisition"]["number"],
        "R2026-0002"
    );

    // Withdrawn, it stays with its number, and its period is free.
    let withdraw = async |input: Value| {
        let fields = "requisition { number withdrawnOn withdrawalReason pdfUrl }";
        mutate(&app.finance(), "requisitionWithdraw", input, fields).await
    };
    assert_eq!(
        withdraw(json!({ "requisitionId": first["id"], "reason": " " })).await.bad_fields(),
        ["input.reason"]
    );
    let input = json!({ "requisitionId": first["id"], "reason": "Fel belopp" });
    let revision = app.revision().await;
    let withdrawn = withdraw(input.clone()).await["requisitionWithdraw"]["requisition"].clone();
    assert_eq!(
        (&withdrawn["number"], &withdrawn["withdrawnOn"], &withdrawn["withdrawalReason"]),
        (&json!("R2026-0001"), &json!("2026-11-21"), &json!("Fel belopp"))
    );
    assert_eq!(app.finance().get(withdrawn["pdfUrl"].as_str().unwrap()).await.status, 200);
    let trail = app.trail(revision).await;
    assert_eq!(
        (trail.len(), &trail[0]["before"]["withdrawn_on"], &trail[0]["after"]["withdrawn_on"]),
        (1, &Value::Null, &json!("2026-11-21"))
    );
    assert_eq!(withdraw(input).await.reason(), "WITHDRAWN");
    assert_eq!(
        asks("600000.00", "2026-01-01", "2026-06-30").await["requisitionIssue"]["requisition"]["number"],
        "R2026-0003"
    );
    assert_eq!(
        integrity::verify(&app.db, app.clock, integrity::Request::default())
            .await
            .unwrap()
            .findings
            .violations,
        [""; 0]
    );

    // All of it goes out and comes in again.
    let files = exported(&app).await;
    let empty = app.another().await;
    try_import(&empty, &files).await.unwrap();
    assert_eq!(exported(&empty).await["requisitions.csv"], files["requisitions.csv"]);
    assert!(String::from_utf8_lossy(&files["requisitions.csv"]).contains(",2026-11-21,Fel belopp"));
});

on_both!(a_grant_is_never_in_the_run_of_fees, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let agreement = grant(&app, "samarbete", &member(&app, 11).await).await;
    let input = json!({ "activityId": activity(&app, "bip").await, "year": 2026 });
    let fields = "invoiceCount net invoicedManuallyCount problems { reason } invoices { lines { agreement { id } } }";
    let done = mutate(&app.finance(), "invoiceRun", input, fields).await["invoiceRun"].clone();
    assert_eq!(
        done,
        json!({ "invoiceCount": 0, "net": "0.00", "invoicedManuallyCount": 0, "problems": [], "invoices": [] })
    );
    // Of Indikatorer, in which an authority gives a grant, no one is asked for it either.
    let input = json!({ "activityId": activity(&app, "indikatorer").await, "year": 2026, "skipProblems": true });
    let buyers = "invoices { buyer { ... on Organisation { name } } } problems { counterparty { ... on Organisation { name } } }";
    let done = mutate(&app.finance(), "invoiceRun", input, buyers).await.text();
    assert!(!done.contains("Myndigheten"), "{done}");
    // A member may be the funder too.
    let issued = mutate(
        &app.finance(),
        "requisitionIssue",
        self::input(&agreement),
        "requisition { amount }",
    )
    .await;
    assert_eq!(issued["requisitionIssue"]["requisition"]["amount"], "450000.00");
});

on_both!(what_is_no_signed_grant_is_not_requisitioned, |app| async move {
    let bare = app.clone();
    let (app, _folder) = fill(&app, 12).await;
    let agreement = grant(&app, "samarbete", &authority(&app).await).await;
    let before = app.revision().await;
    let issue = async |input: Value| {
        mutate(&app.finance(), "requisitionIssue", input, "requisition { id }").await
    };
    let fee =
        app.office().query("{ agreement(by: { number: \"2024-0001\" }) { id } }").await["agreement"]["id"].as_str().unwrap().to_owned();
    assert_eq!(issue(input(&fee)).await.reason(), "NOT_A_GRANT");
    let nothing = "agreement_0197aaaaaaaa7000800000000000000a";
    assert_eq!(issue(input(nothing)).await.code(), "NOT_FOUND");
    let bad = json!({ "agreementId": "member_x", "amount": "0.00", "periodFrom": "2026-02-01", "periodTo": "2026-01-31", "description": " ",
        "reference": "\u{0}", "issuedOn": "2026-11-22" });
    assert_eq!(
        issue(bad).await.bad_fields(),
        [
            "input.agreementId",
            "input.amount",
            "input.description",
            "input.issuedOn",
            "input.periodTo",
            "input.reference"
        ]
    );
    // What the network's settings lack is named, too.
    let (poor, _other) = with_network(&bare, &NETWORK.replace("bankgiro = '5050-1055'\n", ""));
    let answer =
        mutate(&poor.finance(), "requisitionIssue", input(&agreement), "requisition { id }").await;
    assert_eq!(answer.bad_fields(), ["network.bankgiro"]);
    for caller in [app.board(), app.auditor()] {
        assert_eq!(
            mutate(&caller, "requisitionIssue", input(&agreement), "requisition { id }")
                .await
                .code(),
            "FORBIDDEN"
        );
    }
    assert_eq!(app.revision().await, before);
});

on_both!(requisitions_go_out_with_the_files_and_come_in_again, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let agreement = grant(&app, "samarbete", &authority(&app).await).await;
    mutate(&app.finance(), "requisitionIssue", input(&agreement), "requisition { id }")
        .await
        .data();
    let folder = tempfile::tempdir().unwrap();
    let done = app.program().args(["export", folder.path().to_str().unwrap()]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let text = std::fs::read_to_string(folder.path().join("requisitions.csv")).unwrap();
    assert!(text.contains(",2026-11-21,2026-12-21,450000.00,2026-01-01,2026-06-30,"), "{text}");
    // The same again changes nothing, and what differs is refused.
    let before = app.revision().await;
    let import =
        || app.program().args(["import", folder.path().to_str().unwrap()]).output().unwrap();
    assert!(import().status.success());
    assert_eq!(app.revision().await, before);
    std::fs::write(
        folder.path().join("requisitions.csv"),
        text.replace(",2026-06-30,", ",2026-07-31,"),
    )
    .unwrap();
    let refused = import();
    assert!(!refused.status.success());
    assert!(
        String::from_utf8_lossy(&refused.stderr)
            .contains("differs from the requisition that the register has"),
        "{refused:?}"
    );
});

on_both!(numbers_of_requisitions_follow_days_over_new_year, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    // It is signed today, on 2026-11-21.
    let agreement = grant(&app, "samarbete", &authority(&app).await).await;
    let issue = async |app: &App, month: &str, issued_on: &str| {
        let period = json!({ "amount": "1.00", "periodFrom": format!("2026-{month}-01"), "periodTo": format!("2026-{month}-28"), "issuedOn": issued_on });
        mutate(
            &app.finance(),
            "requisitionIssue",
            with(input(&agreement), period),
            "requisition { number }",
        )
        .await
    };
    let before = app.revision().await;
    for day in ["1900-01-01", "2025-12-31", "2026-11-20"] {
        let refused = issue(&app, "01", day).await;
        assert_eq!(refused.bad_fields(), ["input.issuedOn"], "{day}");
        assert!(
            refused.text().contains(
                "must not be before 2026-11-21, the day on which the agreement was signed"
            ),
            "{}",
            refused.text()
        );
    }
    assert_eq!(app.revision().await, before);
    assert_eq!(
        issue(&app, "01", "2026-11-21").await["requisitionIssue"]["requisition"]["number"],
        "R2026-0001"
    );
    let app = app.at("2027-01-10T09:00:00Z");
    assert_eq!(
        issue(&app, "02", "2026-12-30").await["requisitionIssue"]["requisition"]["number"],
        "R2026-0002"
    );
    assert_eq!(
        issue(&app, "03", "2027-01-05").await["requisitionIssue"]["requisition"]["number"],
        "R2027-0001"
    );
    let refused = issue(&app, "04", "2026-12-31").await;
    assert_eq!(refused.bad_fields(), ["input.issuedOn"]);
    assert!(
        refused.text().contains("must not be before 2027-01-05, the day of the latest requisition"),
        "{}",
        refused.text()
    );
    assert_eq!(
        issue(&app, "04", "2027-01-05").await["requisitionIssue"]["requisition"]["number"],
        "R2027-0002"
    );
});
