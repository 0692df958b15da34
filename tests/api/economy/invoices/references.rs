//! References on an invoice, the network's and the buyer's: in its documents, sealed in the trail,
//! gone when their people are erased.

use domain::{audit, integrity};
use serde_json::{Value, json};

use crate::{
    network::persons::personal_data::positions,
    support::{
        app::{App, on_both},
        caller::Answer,
        invoicing_fixtures::{course, drafted, fill, issue, member},
        lifecycle_fixtures::{mutate, with},
        validators,
    },
};

const FIELDS: &str = "id number ourReference buyerReference peppolUrl pdfUrl creditNotes { ourReference buyerReference peppolUrl }";

/// The e-invoice, without the blanks between its elements.
async fn xml(app: &App, invoice: &Value) -> String {
    let served = app.finance().get(invoice["peppolUrl"].as_str().unwrap()).await;
    served.text().lines().map(str::trim).collect()
}

async fn erase(app: &App, id: &str) -> Answer {
    mutate(&app.office(), "personErase", json!({ "referencesOfInvoiceId": id }), "kind revisions")
        .await
}

on_both!(an_invoice_names_whom_to_ask_on_both_sides, |app| async move {
    let (app, _folder) = fill(&app, 1).await;
    let input = with(
        course(&member(&app, 1).await, "100.00"),
        json!({ "ourReference": " Kajsa Varg ", "buyerReference": "KST 4711" }),
    );
    let id = drafted(&app.finance(), input).await;
    let other = json!({ "invoiceId": id, "ourReference": "Kajsa Ek" });
    let changed =
        mutate(&app.finance(), "invoiceDraftUpdate", other, "ourReference buyerReference").await;
    assert_eq!(
        changed["invoiceDraftUpdate"],
        json!({ "ourReference": "Kajsa Ek", "buyerReference": "KST 4711" })
    );
    let issued = issue(&app.finance(), &id, FIELDS).await["invoiceIssue"].clone();
    let e_invoice = xml(&app, &issued).await;
    assert!(e_invoice.contains("<cbc:BuyerReference>KST 4711</cbc:BuyerReference>"), "{e_invoice}");
    let contact = "<cac:Contact><cbc:Name>Kajsa Ek</cbc:Name><cbc:ElectronicMail>ekonomi@example.se</cbc:ElectronicMail></cac:Contact>";
    assert!(e_invoice.contains(contact), "{e_invoice}");
    let pdf = app.finance().get(issued["pdfUrl"].as_str().unwrap()).await;
    let words = validators::words(&pdf.bytes);
    for text in ["Vår referens", "Kajsa Ek", "Er referens", "KST 4711"] {
        assert!(words.contains(text), "{text}: {words}");
    }

    // The credit note is addressed as its invoice was.
    mutate(&app.finance(), "invoiceCredit", json!({ "invoiceId": id, "reason": "Fel" }), "id")
        .await
        .data();
    let found = app
        .finance()
        .ask(
            &format!("query($id: ID!) {{ invoice(by: {{ id: $id }}) {{ {FIELDS} }} }}"),
            json!({ "id": id }),
        )
        .await;
    let note = found["invoice"]["creditNotes"][0].clone();
    assert_eq!(
        (&note["ourReference"], &note["buyerReference"]),
        (&json!("Kajsa Ek"), &json!("KST 4711"))
    );
    assert!(xml(&app, &note).await.contains("<cbc:BuyerReference>KST 4711<"));

    // Without one of its own an invoice has that of the billing details, and needs none next to an
    // order reference.
    let plain = drafted(&app.finance(), course(&member(&app, 3).await, "100.00")).await;
    let plain = issue(&app.finance(), &plain, FIELDS).await["invoiceIssue"].clone();
    assert_eq!(
        (&plain["buyerReference"], xml(&app, &plain).await.contains("<cbc:BuyerReference>REF-3<")),
        (&Value::Null, true)
    );
    let billing = json!({ "buyerReference": null, "addressLine": "Gatan 1", "postalCode": "999 99", "city": "Ort" });
    mutate(
        &app.office(),
        "memberUpdate",
        json!({ "memberId": member(&app, 3).await, "billing": billing }),
        "id",
    )
    .await
    .data();
    let ordered =
        with(course(&member(&app, 3).await, "100.00"), json!({ "orderReference": "PO-1" }));
    let ordered = drafted(&app.finance(), ordered).await;
    let ordered = issue(&app.finance(), &ordered, FIELDS).await["invoiceIssue"].clone();
    assert!(!xml(&app, &ordered).await.contains("cbc:BuyerReference"));
    let none = drafted(&app.finance(), course(&member(&app, 3).await, "100.00")).await;
    assert_eq!(
        issue(&app.finance(), &none, "id").await.bad_fields(),
        ["buyer.billing.buyerReference"]
    );
});

on_both!(a_run_names_whom_to_ask, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let run = async |input: Value| {
        mutate(
            &app.finance(),
            "invoiceRun",
            input,
            "invoiceCount invoices { ourReference buyerReference }",
        )
        .await
    };
    let fee = json!({ "membershipFee": true, "year": 2026, "skipProblems": true });
    let one = json!([member(&app, 1).await]);
    let for_all = with(fee.clone(), json!({ "buyerReference": "KST", "ourReference": "中文" }));
    assert_eq!(run(for_all).await.bad_fields(), ["input.buyerReference", "input.ourReference"]);
    let done = run(with(
        fee.clone(),
        json!({ "memberIds": one, "ourReference": "Kajsa Ek", "buyerReference": "KST" }),
    ))
    .await;
    assert_eq!(
        done["invoiceRun"]["invoices"],
        json!([{ "ourReference": "Kajsa Ek", "buyerReference": "KST" }])
    );
    let rest = run(with(fee, json!({ "ourReference": "Kajsa Ek" }))).await;
    let rest = rest["invoiceRun"]["invoices"].as_array().unwrap().clone();
    assert!(
        rest.len() > 1
            && rest
                .iter()
                .all(|invoice| *invoice
                    == json!({ "ourReference": "Kajsa Ek", "buyerReference": null })),
        "{rest:?}"
    );
});

on_both!(
    people_in_references_are_erased_when_the_retention_of_the_invoice_ends,
    |app| async move {
        let (app, _folder) = fill(&app, 1).await;
        let input = with(
            course(&member(&app, 1).await, "100.00"),
            json!({ "ourReference": "Kajsa Varg", "buyerReference": "Olga Ivarsdotter" }),
        );
        let before = app.revision().await;
        let draft = drafted(&app.finance(), input.clone()).await;
        // Sealed in the trail, open to those who may read it.
        assert_eq!(app.trail(before).await[0]["after"]["our_reference"], "Kajsa Varg");
        let erased = erase(&app, &draft).await["personErase"].clone();
        assert_eq!(
            (&erased["kind"], erased["revisions"].as_array().unwrap().len()),
            (&json!("BUYER"), 2)
        );
        for letters in ["Kajsa Varg", "Olga Ivarsdotter"] {
            assert_eq!(positions(&app, letters).await, [""; 0], "{letters}");
        }

        // The trail has those of a discarded draft, until they are erased.
        let discarded = drafted(&app.finance(), input.clone()).await;
        mutate(&app.finance(), "invoiceDraftDiscard", json!({ "invoiceId": discarded }), "id")
            .await
            .data();
        assert_eq!(
            erase(&app, &discarded).await["personErase"]["revisions"].as_array().unwrap().len(),
            2
        );
        assert_eq!(positions(&app, "Kajsa Varg").await, [""; 0]);
        assert_eq!(
            erase(&app, "invoice_0197aaaaaaaa7000800000000000000a").await.code(),
            "NOT_FOUND"
        );

        let id = drafted(&app.finance(), input).await;
        issue(&app.finance(), &id, "id").await.data();
        let refused = erase(&app, &id).await;
        assert_eq!(
            (refused.reason(), &refused.error()["extensions"]["erasableFrom"]),
            ("RETAINED", &json!("2034-01-01"))
        );
        let changed = crate::support::lifecycle_fixtures::raw(
            &app,
            "UPDATE invoice SET our_reference = 'Bo' WHERE issued_on IS NOT NULL",
        )
        .await
        .unwrap_err();
        assert!(changed.to_string().contains("invoice__kept"), "{changed}");
        let later = app.at("2034-01-01T11:00:00Z");
        let last = later.revision().await;
        assert!(
            !erase(&later, &id).await["personErase"]["revisions"].as_array().unwrap().is_empty()
        );
        let question = "query($id: ID!) { invoice(by: { id: $id }) { ourReference buyerReference peppolUrl } }";
        let left = later.finance().ask(question, json!({ "id": id })).await["invoice"].clone();
        assert_eq!((&left["ourReference"], &left["buyerReference"]), (&Value::Null, &Value::Null));
        // What was issued stays byte for byte, and the trail holds.
        assert!(xml(&later, &left).await.contains("Olga Ivarsdotter"));
        assert!(later.trail(last).await.iter().all(|entry| !entry.to_string().contains("Varg")));
        assert_eq!(audit::violations_now(&later.db, later.clock).await.unwrap(), [""; 0]);
        assert_eq!(
            integrity::verify(&later.db, later.clock, integrity::Request::default())
                .await
                .unwrap()
                .findings
                .violations,
            [""; 0]
        );
    }
);
