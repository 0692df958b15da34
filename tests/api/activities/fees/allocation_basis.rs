//! A fee per mille is of the allocation that its rule names, and messages say which one is missing.

use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    invoicing_fixtures::{activity, fill, member},
    lifecycle_fixtures::mutate,
};

on_both!(a_rule_per_mille_names_its_allocation, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let id = member(&app, 7).await;
    let share =
        json!({ "memberId": id, "year": 2026, "amount": "4324000.00", "basis": "STATE_SHARE" });
    mutate(&app.finance(), "allocationSet", share, "id").await.data();
    let fee = "query($id: ID!) { member(by: { id: $id }) { serviceFee(year: 2026) { amount allocation rule { allocationBasis } } } }";
    let run = json!({ "serviceFee": true, "year": 2026, "memberIds": [id] });
    let preview = "query($input: InvoiceRunInput!) { invoiceRunPreview(input: $input) { net problems { reason } } }";
    let scenario =
        "{ serviceFeeScenario(input: { year: 2026, perMille: 2 }) { total currentTotal } }";

    // The rule is of all parties, of which nothing is known.
    assert_eq!(
        app.office().ask(fee, json!({ "id": id })).await["member"]["serviceFee"],
        Value::Null
    );
    let shown = app.finance().ask(preview, json!({ "input": run })).await;
    let words = "Förbund 007 has no allocation (tilldelning) of all parties (ALL_PARTIES) of 2026; set it first";
    assert_eq!(shown["invoiceRunPreview"]["problems"], json!([{ "reason": words }]));

    let rule = json!({ "validFrom": "2026-01-01", "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 2.0, "allocationBasis": "STATE_SHARE",
        "vatRate": "OUTSIDE_SCOPE" });
    let set = mutate(&app.finance(), "networkFeeSet", rule.clone(), "allocationBasis").await;
    assert_eq!(set["networkFeeSet"]["allocationBasis"], "STATE_SHARE");
    let expected = json!({ "amount": "8648.00", "allocation": "4324000.00", "rule": { "allocationBasis": "STATE_SHARE" } });
    assert_eq!(app.office().ask(fee, json!({ "id": id })).await["member"]["serviceFee"], expected);
    assert_eq!(
        app.finance().ask(preview, json!({ "input": run })).await["invoiceRunPreview"]["net"],
        "8648.00"
    );
    // A scenario is of what the rule in force is of.
    let compared = app.office().query(scenario).await["serviceFeeScenario"].clone();
    assert_eq!(compared, json!({ "total": "8648.00", "currentTotal": "8648.00" }));
    let other = json!({ "serviceFee": true, "year": 2026, "memberIds": [member(&app, 5).await] });
    let words = "Förbund 005 has no allocation (tilldelning) of the state's share (STATE_SHARE) of 2026; set it first";
    let shown = app.finance().ask(preview, json!({ "input": other })).await;
    assert_eq!(shown["invoiceRunPreview"]["problems"], json!([{ "reason": words }]));

    let mut fixed = rule;
    (fixed["basis"], fixed["perMille"], fixed["amount"]) =
        (json!("FIXED_PER_YEAR"), Value::Null, json!("1"));
    assert_eq!(
        mutate(&app.finance(), "networkFeeSet", fixed, "id").await.bad_fields(),
        ["input.allocationBasis"]
    );
});

on_both!(an_agreements_rate_is_of_the_allocation_that_it_names, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let agreements = "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate,fee_allocation_basis\n\
        s,2026-9003,PARTICIPATION,INCOME,bip,m11,,,2026-01-01,,3,,2025-11-01T08:00:00Z,2025-12-01,,PER_MILLE_OF_ALLOCATION,,2,STANDARD_25,STATE_SHARE\n\
        t,2026-9004,PARTICIPATION,INCOME,bip,m12,,,2026-01-01,,3,,2025-11-01T08:00:00Z,2025-12-01,,PER_MILLE_OF_ALLOCATION,,2,STANDARD_25,\n";
    app.import(&[("agreements.csv", agreements)]).await;
    let fee = r#"{ s: agreement(by: { number: "2026-9003" }) { fee { allocationBasis amountFor(year: 2026) } } }"#;
    let refused = app.office().query(fee).await;
    assert_eq!(
        (refused.reason(), refused.text().contains("of the state's share (STATE_SHARE)")),
        ("NO_ALLOCATION", true),
        "{}",
        refused.text()
    );
    let share = json!({ "memberId": member(&app, 11).await, "year": 2026, "amount": "500000.00", "basis": "STATE_SHARE" });
    mutate(&app.finance(), "allocationSet", share, "id").await.data();
    assert_eq!(
        app.office().query(fee).await["s"]["fee"],
        json!({ "allocationBasis": "STATE_SHARE", "amountFor": "1000.00" })
    );
    // The other is of all parties, as those of before are.
    let other = r#"{ agreement(by: { number: "2026-9004" }) { fee { allocationBasis amountFor(year: 2026) } } }"#;
    assert_eq!(
        app.office().query(other).await["agreement"]["fee"],
        json!({ "allocationBasis": "ALL_PARTIES", "amountFor": "2000.02" })
    );
    let run = json!({ "activityId": activity(&app, "bip").await, "year": 2026 });
    let preview = "query($input: InvoiceRunInput!) { invoiceRunPreview(input: $input) { net } }";
    assert_eq!(
        app.finance().ask(preview, json!({ "input": run })).await["invoiceRunPreview"]["net"],
        "3000.02"
    );
    let forecast = "{ revenueForecast(year: 2026) { rows { activity { slug } net } } }";
    let rows = app.finance().query(forecast).await["revenueForecast"]["rows"].clone();
    assert!(
        rows.as_array()
            .unwrap()
            .contains(&json!({ "activity": { "slug": "bip" }, "net": "3000.02" })),
        "{rows}"
    );
});
