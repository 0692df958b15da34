//! Characters that documents can't show: rejected on input with their field; texts that were stored
//! before are rendered all the same.

use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    invoicing_fixtures::{course, drafted, fill, issue, member},
    lifecycle_fixtures::{Register, agreed, mutate, raw, sql_id, with},
    register_files, validators,
};

/// Characters that the fonts lack, that no one sees, and that turn the direction of writing.
const BAD: [(&str, &str); 5] = [
    ("Bo 中文", "中 (U+4E2D)"),
    ("Bo\u{200b}", "U+200B"),
    ("Bo \u{202e}rk", "U+202E"),
    ("Bo\u{ad}rk", "U+00AD"),
    ("Bo 😀", "😀 (U+1F600)"),
];

on_both!(what_documents_cannot_show_is_refused_where_it_is_written, |app| async move {
    let register = Register::fill(&app).await;
    let (own, bip) = (register.id("Förbund 00").to_owned(), register.id("bip").to_owned());
    let agreement = agreed(&app, register.draft(1, "bip", "2026-01-01")).await;
    let before = app.revision().await;
    for (bad, named) in BAD {
        let line = json!({ "description": bad, "unitPrice": "1", "vatRate": "EXEMPT" });
        let good = json!({ "description": "Kurs", "unitPrice": "1", "vatRate": "EXEMPT" });
        let draft =
            |field: &str| with(json!({ "buyerId": own, "lines": [good] }), json!({ field: bad }));
        let template = json!({ "slug": "prov", "title": "Prov", "kind": "COOPERATION", "body": "Text", "parameters": [] });
        let signature = json!({ "agreementId": agreement, "party": "NETWORK", "name": bad, "signedOn": "2026-01-01", "method": "PAPER",
            "documentSha256": "0".repeat(64) });
        for (mutation, input, field) in [
            ("memberAdmit", json!({ "name": bad, "joinedOn": "2026-01-01" }), "input.name"),
            ("memberUpdate", json!({ "memberId": own, "name": bad }), "input.name"),
            (
                "memberUpdate",
                json!({ "memberId": own, "billing": { "city": bad } }),
                "input.billing.city",
            ),
            ("organisationAdd", json!({ "name": bad }), "input.name"),
            (
                "organisationAdd",
                json!({ "name": "Bo", "billing": { "buyerReference": bad } }),
                "input.billing.buyerReference",
            ),
            (
                "activityStart",
                json!({ "slug": "ny", "name": bad, "funding": [], "startsOn": "2026-01-01" }),
                "input.name",
            ),
            ("activityUpdate", json!({ "activityId": bip, "goal": bad }), "input.goal"),
            ("contactAdd", json!({ "role": "OTHER", "name": bad }), "input.name"),
            ("agreementSign", signature, "input.name"),
            ("templateCreate", with(template.clone(), json!({ "title": bad })), "input.title"),
            (
                "templateCreate",
                with(template.clone(), json!({ "body": format!("## Rubrik\n\n{bad}\n") })),
                "input.body",
            ),
            (
                "invoiceDraft",
                json!({ "buyerId": own, "lines": [line] }),
                "input.lines.0.description",
            ),
            ("invoiceDraft", draft("reason"), "input.reason"),
            ("invoiceDraft", draft("orderReference"), "input.orderReference"),
            ("invoiceDraft", draft("ourReference"), "input.ourReference"),
            ("invoiceDraft", draft("buyerReference"), "input.buyerReference"),
        ] {
            let refused = mutate(&app.office(), mutation, input, "__typename").await;
            assert_eq!(refused.bad_fields(), [field], "{mutation} {bad:?}");
            assert!(refused.text().contains(named), "{mutation} {bad:?}: {}", refused.text());
        }
    }
    assert_eq!(app.revision().await, before);
    // What fonts have is no matter of language.
    for good in ["Łukasz Żółć", "Ödön Ünlü", "Ирина", "Bo\u{30a}"] {
        mutate(&app.office(), "contactAdd", json!({ "role": "OTHER", "name": good }), "id")
            .await
            .data();
    }
});

on_both!(what_was_stored_before_is_set_and_stays_until_it_is_changed, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let buyer = member(&app, 1).await;
    let rename = format!(
        "UPDATE member SET name = 'Förbund\u{200b} 001' WHERE id = {}",
        sql_id(&app, &buyer)
    );
    assert_eq!(raw(&app, &rename).await.unwrap(), 1);
    // Another field can be changed, and an invoice can be issued.
    mutate(&app.office(), "memberUpdate", json!({ "memberId": buyer, "county": "Norr" }), "id")
        .await
        .data();
    let same = json!({ "memberId": buyer, "name": "Förbund\u{200b} 001", "county": "Söder" });
    mutate(&app.office(), "memberUpdate", same, "id").await.data();
    let id = drafted(&app.finance(), course(&buyer, "100.00")).await;
    let issued = issue(&app.finance(), &id, "pdfUrl peppolUrl").await["invoiceIssue"].clone();
    let pdf = app.finance().get(issued["pdfUrl"].as_str().unwrap()).await;
    assert!(
        validators::words(&pdf.bytes).contains("Förbund 001"),
        "{}",
        validators::words(&pdf.bytes)
    );
    // What an export holds can be imported.
    let exported = register_files::exported(&app).await;
    let empty = app.another().await;
    register_files::try_import(&empty, &exported).await.unwrap();
    let names: Value =
        empty.office().query("{ members(first: 50) { nodes { name } } }").await["members"]["nodes"]
            .clone();
    assert!(
        names.as_array().unwrap().iter().any(|node| node["name"] == "Förbund\u{200b} 001"),
        "{names}"
    );
});
