//! The successor of a merger takes over what its predecessors agreed and owe, and sees it from the
//! day after they have left.

use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    invoicing_fixtures::{course, drafted, fill, issue, member},
    lifecycle_fixtures::mutate,
};

const OWN: &str = "{ members { nodes { name } } agreements { totalCount } invoices { totalCount }
    viewer { member { name balance { outstanding } predecessorBalance { outstanding }
        predecessors { name balance { outstanding overdue } agreements { totalCount } invoices { totalCount }
            allocations { amount } contacts { email } billing { email } } } } }";

on_both!(a_successor_sees_what_it_has_taken_over, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let (old, into, other) = (member(&app, 1).await, member(&app, 9).await, member(&app, 3).await);
    let id = drafted(&app.finance(), course(&old, "1000.00")).await;
    issue(&app.finance(), &id, "number").await.data();
    let contact =
        json!({ "memberId": old, "role": "CHAIR", "name": "Ada Ås", "email": "ada@example.se" });
    mutate(&app.office(), "contactAdd", contact, "id").await.data();
    mutate(
        &app.office(),
        "allocationSet",
        json!({ "memberId": old, "year": 2026, "amount": "1000.00" }),
        "id",
    )
    .await
    .data();
    let merger =
        json!({ "intoId": into, "fromIds": [old], "leftOn": "2026-11-30", "endAgreements": true });
    mutate(&app.office(), "memberMerge", merger, "id").await.data();

    // Until its last day the predecessor's affairs are its own.
    let before = app.member(&into).query(OWN).await;
    assert_eq!(
        (&before["members"]["nodes"], &before["invoices"]["totalCount"]),
        (&json!([{ "name": "Förbund 009" }]), &json!(0))
    );
    assert_eq!(
        (
            &before["viewer"]["member"]["predecessors"],
            &before["viewer"]["member"]["predecessorBalance"]
        ),
        (&json!([]), &Value::Null)
    );

    let later = app.at("2026-12-01T09:00:00Z");
    let after = later.member(&into).query(OWN).await;
    assert_eq!(
        after["members"]["nodes"],
        json!([{ "name": "Förbund 001" }, { "name": "Förbund 009" }])
    );
    assert_eq!(
        (&after["agreements"]["totalCount"], &after["invoices"]["totalCount"]),
        (&json!(2), &json!(1))
    );
    let own = &after["viewer"]["member"];
    assert_eq!(
        (&own["balance"]["outstanding"], &own["predecessorBalance"]["outstanding"]),
        (&json!("0.00"), &json!("1250.00"))
    );
    let predecessor = &own["predecessors"][0];
    assert_eq!(
        (
            &predecessor["name"],
            &predecessor["balance"]["outstanding"],
            &predecessor["agreements"]["totalCount"]
        ),
        (&json!("Förbund 001"), &json!("1250.00"), &json!(1))
    );
    // What only its own contacts could see is not the successor's.
    assert_eq!((&predecessor["allocations"], &predecessor["contacts"]), (&json!([]), &json!([])));
    assert_eq!(predecessor["billing"]["email"], Value::Null);
    // The document too; no one else sees more than before.
    let invoices = later
        .member(&into)
        .query("{ invoices { nodes { number buyer { ... on Member { name } } } } }")
        .await;
    assert_eq!(invoices["invoices"]["nodes"][0]["buyer"]["name"], "Förbund 001");
    let stranger =
        later.member(&other).query("{ members { nodes { name } } invoices { totalCount } }").await;
    assert_eq!(
        (&stranger["members"]["nodes"], &stranger["invoices"]["totalCount"]),
        (&json!([{ "name": "Förbund 003" }]), &json!(0))
    );

    // Through others as well.
    let last = member(&app, 11).await;
    let merger =
        json!({ "intoId": last, "fromIds": [into], "leftOn": "2026-12-31", "endAgreements": true });
    mutate(&later.office(), "memberMerge", merger, "id").await.data();
    let finally = app.at("2027-01-01T09:00:00Z");
    let seen = finally.member(&last).query(OWN).await;
    assert_eq!(
        seen["members"]["nodes"],
        json!([{ "name": "Förbund 001" }, { "name": "Förbund 009" }, { "name": "Förbund 011" }])
    );
    assert_eq!(seen["viewer"]["member"]["predecessorBalance"]["outstanding"], "1250.00");
    let both = "query($id: ID!) { member(by: { id: $id }) { balance { outstanding } predecessorBalance { outstanding } } }";
    let office = finally.office().ask(both, json!({ "id": last })).await;
    let expected = json!({ "balance": { "outstanding": "0.00" }, "predecessorBalance": { "outstanding": "1250.00" } });
    assert_eq!(office["member"], expected);
    // As of a day in the books as well.
    let as_of = "{ members { nodes { balance(asOf: \"2026-12-31\") { outstanding } receivables(asOf: \"2026-12-31\") { balance } } }
        viewer { member { predecessorBalance(asOf: \"2026-12-31\") { outstanding }
            before: predecessorBalance(asOf: \"2026-11-20\") { outstanding } } } }";
    let seen = finally.member(&last).query(as_of).await;
    let owes =
        |sum: &str| json!({ "balance": { "outstanding": sum }, "receivables": { "balance": sum } });
    assert_eq!(seen["members"]["nodes"], json!([owes("1250.00"), owes("0.00"), owes("0.00")]));
    let taken_over = json!({ "predecessorBalance": { "outstanding": "1250.00" }, "before": { "outstanding": "0.00" } });
    assert_eq!(seen["viewer"]["member"], taken_over);
});
