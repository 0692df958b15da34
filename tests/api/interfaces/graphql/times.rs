//! The fields `createdAt` and `updatedAt`: from the entries of the audit trail that the viewer may
//! learn of.

use serde_json::{Value, json};

use crate::{
    access::inputs,
    interfaces::graphql::statements::plan,
    support::{
        app::{App, NOW, on_both},
        caller::Caller,
        fixtures::Samples,
        lifecycle_fixtures::mutate,
    },
};

const LATER: &str = "2026-11-22T09:00:00Z";
const LAST: &str = "2026-11-23T09:00:00Z";

/// The times of an object that a caller does not see.
const NOT_SEEN: [Value; 2] = [Value::Null, Value::Null];

/// The two times of an object, as a caller sees them.
async fn times(caller: Caller<'_>, type_name: &str, id: &str) -> [Value; 2] {
    let question = format!(
        "query($id: ID!) {{ node(id: $id) {{ ... on {type_name} {{ createdAt updatedAt }} }} }}"
    );
    let answer = caller.ask(&question, json!({ "id": id })).await;
    ["createdAt", "updatedAt"].map(|field| answer["node"][field].clone())
}

/// Sends a mutation of the office.
async fn does(app: &App, name: &str, input: Value) {
    mutate(&app.office(), name, input, "id").await.data();
}

on_both!(a_snoozed_deadline_changes_nothing_for_the_member, |app| async move {
    let samples = Samples::fill(&app).await;
    let (alfa, agreement) = (samples.id("alfa"), samples.id("avtal alfa"));
    let later = app.at(LATER);
    let snooze = json!({ "agreementId": agreement, "snoozedUntil": "2026-11-25" });
    does(&later, "deadlineSnooze", snooze).await;
    for (caller, updated_at) in [
        (app.office(), LATER),
        (app.auditor(), LATER),
        (app.board(), LATER),
        (app.lead(&["bip"]), LATER),
        (app.service("agreements:read"), LATER),
        (app.member(alfa), NOW),
    ] {
        assert_eq!(times(caller, "Agreement", agreement).await, [json!(NOW), json!(updated_at)]);
    }
});

on_both!(a_draft_has_no_time_for_the_member, |app| async move {
    let samples = Samples::fill(&app).await;
    let (alfa, draft) = (samples.id("alfa"), samples.id("utkast alfa"));
    let update = json!({ "agreementId": draft, "noticeMonths": 2 });
    does(&app.at(LATER), "agreementDraftUpdate", update).await;
    assert_eq!(
        times(app.office(), "Agreement", draft).await,
        [json!(NOW), json!(LATER)],
        "imported, and updated"
    );
    let offer = json!({ "agreementId": draft });
    does(&app.at(LAST), "agreementOffer", offer).await;
    assert_eq!(times(app.office(), "Agreement", draft).await, [json!(NOW), json!(LAST)]);
    assert_eq!(times(app.board(), "Agreement", draft).await, [json!(NOW), json!(LAST)]);
    // It learns of the agreement by the offer.
    assert_eq!(times(app.member(alfa), "Agreement", draft).await, [json!(LAST), json!(LAST)]);
});

on_both!(a_change_of_what_a_viewer_does_not_see_moves_no_time, |app| async move {
    let samples = Samples::fill(&app).await;
    let (alfa, beta) = (samples.id("alfa"), samples.id("beta"));
    for id in [alfa, beta] {
        let update = json!({ "memberId": id, "billing": { "email": "ny@example.se" } });
        does(&app.at(LATER), "memberUpdate", update).await;
    }
    for (caller, id, updated_at) in [
        (app.office(), alfa, LATER),
        (app.board(), beta, LATER),
        (app.member(alfa), alfa, LATER),
        (app.lead(&["bip"]), alfa, NOW),
        (app.service("invoices:read"), beta, NOW),
    ] {
        assert_eq!(times(caller, "Member", id).await, [json!(NOW), json!(updated_at)]);
    }
});

on_both!(records_within_another_history_have_their_own_times, |app| async move {
    let samples = Samples::fill(&app).await;
    let (bip, later) = (samples.id("bip"), app.at(LATER));
    let cost = json!({ "activityId": bip, "bookedOn": "2026-11-20", "amount": "12.00", "description": "Fika" });
    later.finance().does("costRecord", "id", cost).await.data();
    let tax = json!({ "fee": "MEMBERSHIP_FEE", "validFrom": "2027-01-01", "vatRate": "OUTSIDE_SCOPE", "decidedOn": "2026-11-20", "reference": "§ 9" });
    let question = "mutation($input: TaxDecisionRecordInput!) { taxDecisionRecord(input: $input) { taxDecision { id } } }";
    later.finance().ask(question, json!({ "input": tax })).await.data();

    let costs =
        "{ activity(by: { slug: \"bip\" }) { costs { nodes { amount createdAt updatedAt } } } }";
    for caller in [app.office(), app.finance(), app.board(), app.lead(&["bip"])] {
        let answer = caller.query(costs).await;
        assert_eq!(
            answer["activity"]["costs"]["nodes"],
            json!([
                { "amount": "12.00", "createdAt": LATER, "updatedAt": LATER },
                { "amount": "3333.31", "createdAt": NOW, "updatedAt": NOW },
            ])
        );
    }
    // An event is published about a tax decision to no one, so only readers of the trail know when
    // it was recorded.
    let decisions = "{ taxDecisions { fee createdAt } }";
    for (caller, expected) in [
        (app.office(), json!(LATER)),
        (app.finance(), json!(LATER)),
        (app.board(), Value::Null),
        (app.member(samples.id("alfa")), Value::Null),
    ] {
        let answer = caller.query(decisions).await;
        let found = answer["taxDecisions"].as_array().unwrap();
        let own = found.iter().find(|decision| decision["fee"] == "MEMBERSHIP_FEE").unwrap();
        assert_eq!(own["createdAt"], expected);
    }
});

on_both!(times_take_one_statement_for_a_page_and_none_when_not_asked_for, |app| async move {
    Samples::fill(&app).await;
    app.statements();
    app.office().query("{ members { nodes { name } } }").await.data();
    assert!(app.statements().iter().all(|sql| !sql.contains("audit_entry")));
    app.office().query("{ members { nodes { name createdAt updatedAt } } }").await.data();
    let statements = app.statements();
    assert_eq!(statements.len(), 2, "{statements:#?}");
    assert_eq!(statements.iter().filter(|sql| sql.contains("audit_entry")).count(), 1);
});

on_both!(a_payment_was_created_when_it_was_recorded, |app| async move {
    let samples = Samples::fill(&app).await;
    let (alfa, invoice) = (samples.id("alfa"), samples.id("faktura alfa"));
    let paid = json!({ "invoiceId": invoice, "receivedOn": "2026-11-20", "amount": "100.00", "reference": "BG-2" });
    does(&app.at(LATER), "paymentRecord", paid).await;
    let question =
        "{ invoice(by: { number: \"8801\" }) { payments { reference createdAt updatedAt } } }";
    for caller in [app.office(), app.board(), app.member(alfa), app.service("invoices:read")] {
        assert_eq!(
            caller.query(question).await["invoice"]["payments"],
            json!([
                { "reference": "BG-ALFA", "createdAt": NOW, "updatedAt": NOW },
                { "reference": "BG-2", "createdAt": LATER, "updatedAt": LATER },
            ])
        );
    }
});

on_both!(parts_have_times_of_their_own, |app| async move {
    let samples = Samples::fill(&app).await;
    let (alfa, beta) = (samples.id("alfa"), samples.id("beta"));
    let later = app.at(LATER);
    let paid = json!({ "invoiceId": samples.id("faktura alfa"), "receivedOn": "2026-11-20", "amount": "100.00", "reference": "BG-2" });
    does(&later, "paymentRecord", paid).await;
    let lines = "{ invoice(by: { number: \"8801\" }) { lines { id } } }";
    let line = app.office().query(lines).await["invoice"]["lines"][0]["id"].clone();
    // The payment is an entry about the invoice, which does not change the line.
    for caller in [app.office(), app.board(), app.member(alfa), app.service("invoices:read")] {
        assert_eq!(times(caller, "InvoiceLine", line.as_str().unwrap()).await, [NOW, NOW]);
    }
    assert_eq!(times(app.member(beta), "InvoiceLine", line.as_str().unwrap()).await, NOT_SEEN);

    let sign = inputs::input(&app, &samples, "agreementSign", 1).await;
    let agreement = sign["agreementId"].clone();
    does(&later, "agreementSign", sign).await;
    let document =
        "query($id: ID!) { node(id: $id) { ... on Agreement { signatures { id name } } } }";
    let found = app.office().ask(document, json!({ "id": agreement })).await;
    let signature = found["node"]["signatures"][0]["id"].as_str().unwrap().to_owned();
    let last = app.at(LAST);
    let other = json!({ "agreementId": agreement });
    does(&last, "agreementWithdraw", other).await;
    for caller in [app.office(), app.board(), app.lead(&["bip"]), app.service("agreements:read")] {
        assert_eq!(times(caller, "Signature", &signature).await, [LATER, LATER]);
    }
    for caller in [app.member(alfa), app.lead(&["indikatorer"]), app.service("members:read")] {
        assert_eq!(times(caller, "Signature", &signature).await, NOT_SEEN);
    }

    let allocation = json!({ "memberId": alfa, "year": 2030, "amount": "1.00" });
    does(&later, "allocationSet", allocation).await;
    let document =
        "query($id: ID!) { node(id: $id) { ... on Member { allocations { id year } } } }";
    let found = app.office().ask(document, json!({ "id": alfa })).await;
    let allocation = &found["node"]["allocations"][0];
    assert_eq!(allocation["year"], 2030, "the latest first");
    let allocation = allocation["id"].as_str().unwrap();
    let again = json!({ "memberId": alfa, "year": 2030, "amount": "2.00" });
    does(&last, "allocationSet", again).await;
    for caller in [app.office(), app.member(alfa)] {
        assert_eq!(times(caller, "Allocation", allocation).await, [LATER, LAST]);
    }
    for caller in [app.member(beta), app.lead(&["bip"])] {
        assert_eq!(times(caller, "Allocation", allocation).await, NOT_SEEN);
    }
});

#[tokio::test]
async fn times_are_searched_for_in_an_index() {
    let app = App::sqlite().await;
    let samples = Samples::fill(&app).await;
    for caller in [app.office(), app.board(), app.member(samples.id("alfa")), app.lead(&["bip"])] {
        for list in ["members", "activities", "agreements", "invoices", "templates", "costs"] {
            app.statements();
            caller.query(&format!("{{ {list} {{ nodes {{ createdAt }} }} }}")).await.data();
            for sql in app.statements().iter().filter(|sql| sql.contains("FROM \"audit_entry\"")) {
                let plan = plan(&app, sql).await;
                assert!(
                    plan.contains("SEARCH audit_entry USING INDEX audit_entry__")
                        && !plan.contains("SCAN audit_entry"),
                    "{list}: {sql}\n{plan}"
                );
            }
        }
    }
}
