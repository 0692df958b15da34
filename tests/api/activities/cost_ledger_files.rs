//! The ledger of costs and grants as CSV files.

use serde_json::json;

use crate::{
    activities::cost_ledger::{costs, gammas, reverse, sound},
    support::{
        app::{App, on_both},
        fixtures::Samples,
        lifecycle_fixtures::raw,
        register_files::{exported, try_import},
    },
};

on_both!(the_ledger_goes_out_and_comes_in_as_it_was, |app| async move {
    let samples = Samples::fill(&app).await;
    let first = gammas(&app, &samples, "2026-06-01", "1000.00").await;
    gammas(&app, &samples, "2026-06-01", "1000.00").await;
    reverse(&app, json!({ "costId": first, "reason": "Dubblett", "reversedOn": "2026-06-01" }))
        .await
        .data();
    let grant =
        app.finance().query("{ grants { nodes { id } } }").await["grants"]["nodes"][0]["id"]
            .clone();
    app.finance()
        .does("grantReverse", "grant { id }", json!({ "grantId": grant, "reason": "Återbetalt" }))
        .await
        .data();
    let files = exported(&app).await;
    let text = String::from_utf8(files["costs.csv"].clone()).unwrap();
    assert!(text.starts_with("activity,booked_on,amount,description,vat,supplier,reference,agreement,reverses,reason\n"), "{text}");
    assert!(
        text.contains(
            "bip,2026-06-01,-1000.00,Uppdrag,-1.25,gamma,F-17,avtal-gamma,2026-06-01,Dubblett\n"
        ),
        "{text}"
    );
    let other = app.another().await;
    try_import(&other, &files).await.unwrap();
    assert_eq!(exported(&other).await["costs.csv"], files["costs.csv"]);
    assert_eq!(exported(&other).await["grants.csv"], files["grants.csv"]);
    sound(&other).await;
    // The same again changes nothing, nor do the columns of before.
    let before = other.revision().await;
    try_import(&other, &files).await.unwrap();
    let old = "activity,booked_on,amount,description\nbip,2026-06-01,1000.00,Uppdrag\n";
    other.import(&[("costs.csv", old)]).await;
    assert_eq!(other.revision().await, before);

    let head =
        "activity,booked_on,amount,description,vat,supplier,reference,agreement,reverses,reason\n";
    for (row, why) in [
        ("bip,2026-06-01,999.00,Uppdrag,1.25,gamma,F-17,avtal-gamma,,", "never changes"),
        ("bip,2026-07-01,-1000.00,Uppdrag,,,,,2026-06-01,Igen", "was reversed already"),
        ("bip,2026-07-01,-1.00,Lokal,,,,,2026-04-01,x", "must be -3333.31"),
        ("bip,2026-03-01,-3333.31,Lokal,,,,,2026-04-01,x", "must not be before 2026-04-01"),
        ("bip,2026-07-01,-3333.31,Lokal,,,,,2026-04-02,x", "is the day of no cost"),
        ("bip,2026-07-01,-3333.31,Lokal,,,,,2026-04-01,", "must not be empty"),
        ("bip,2026-07-01,10.00,Ny,11.00,,,,,", "must not be more than the amount"),
        ("indikatorer,2026-07-01,10.00,Ny,,,,avtal-gamma,,", "must not be about another activity"),
        ("bip,2026-07-01,10.00,Ny,,alfa,,avtal-gamma,,", "must be the counterparty"),
        ("bip,2026-07-01,10.00,Ny,,nobody,,,,", "there is no member or organisation nobody"),
        ("bip,2026-07-01,10.00,Ny,,,,,2026-7-1,x", "is not a date"),
        ("bip,2026-07-01,10.00,Ny,,,,,,x", "must be empty for what reverses nothing"),
    ] {
        let refused = other
            .try_import(&[("costs.csv", &format!("{head}{row}\n"))])
            .await
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert!(refused.contains(why), "{row}: {refused}");
    }
    assert_eq!(other.revision().await, before);
});

on_both!(
    what_is_booked_for_an_agreement_that_commits_nothing_takes_nothing_of_the_others,
    |app| async move {
        let samples = Samples::fill(&app).await;
        gammas(&app, &samples, "2026-06-01", "1000.00").await;
        let ask = async |year: i32| {
            let document = format!(
            "{{ revenue(input: {{ from: \"{year}-01-01\", to: \"{year}-12-31\", committed: true }}) {{ total {{ committedCost committedCostBooked
                committedCostRemaining }} }} activity(by: {{ slug: \"bip\" }}) {{ breakEven(year: {year}) {{ committedCostBooked committedCostRemaining }} }} }}"
        );
            let answer = app.board().query(&document).await;
            (answer["revenue"]["total"].clone(), answer["activity"]["breakEven"].clone())
        };
        let left = |cost: &str, booked: &str, left: &str| {
            (
                json!({ "committedCost": cost, "committedCostBooked": booked, "committedCostRemaining": left }),
                json!({ "committedCostBooked": booked, "committedCostRemaining": left }),
            )
        };
        assert_eq!(ask(2026).await, left("31481.48", "1000.00", "30481.48"));
        raw(&app, "UPDATE agreement SET withdrawn_on = '2026-06-15' WHERE number = '2026-7003'")
            .await
            .unwrap();
        assert_eq!(ask(2026).await, left("0.00", "0.00", "0.00"));
        // A late cost is none of what is committed in a year for which the agreement pays nothing.
        raw(&app, "UPDATE agreement SET withdrawn_on = NULL, ends_on = '2025-12-31', starts_on = '2025-02-01', renewal_months = NULL WHERE number = '2026-7003'")
        .await
        .unwrap();
        assert_eq!(ask(2026).await, left("0.00", "0.00", "0.00"));
    }
);

on_both!(a_booking_of_an_agreement_that_was_withdrawn_since_is_imported, |app| async move {
    let samples = Samples::fill(&app).await;
    let id = gammas(&app, &samples, "2026-06-01", "1000.00").await;
    raw(&app, "UPDATE agreement SET withdrawn_on = '2026-06-15' WHERE number = '2026-7003'")
        .await
        .unwrap();
    let other = app.another().await;
    try_import(&other, &exported(&app).await).await.unwrap();
    let imported =
        costs(&other.finance(), json!({ "bookedFrom": "2026-06-01" }), "agreement { number }")
            .await;
    assert_eq!(imported, json!([{ "agreement": { "number": "2026-7003" } }]));
    // It is reversed, but no more is booked for it.
    reverse(&app, json!({ "costId": id, "reason": "x" })).await.data();
    let more = json!({ "activityId": samples.id("bip"), "bookedOn": "2026-06-01", "amount": "1.00", "description": "x", "agreementId": samples.id("avtal gamma") });
    assert_eq!(
        app.finance().does("costRecord", "id", more).await.bad_fields(),
        ["input.agreementId"]
    );
});
