//! Lists of costs and grants: orders by name, search and further filters, as far as the reader may
//! see the names.

use serde_json::{Value, json};

use super::cost_ledger::reverse;
use crate::support::{
    app::{App, on_both},
    caller::Caller,
    fixtures::Samples,
    pages::walk,
};

const FILES: &[(&str, &str)] = &[
    ("organisations.csv", "key,name,org_number\ndelta,Örtagården Delta,\n"),
    (
        "costs.csv",
        "activity,booked_on,amount,description,vat,supplier,reference,agreement,reverses,reason\n\
         bip,2026-06-01,10.00,Föreläsning,,gamma,F-17,,,\n\
         bip,2026-06-02,20.00,Resor,,alfa,R-9,,,\n\
         indikatorer,2026-06-03,30.00,Resor,,beta,,,,\n\
         bip,2026-06-04,40.00,Kaffe,,delta,,,,\n",
    ),
    (
        "grants.csv",
        "activity,booked_on,amount,funder\n\
         bip,2026-06-01,50.00,Åhléns stiftelse\n\
         bip,2026-06-02,60.00,Ägarna\n\
         bip,2026-06-03,70.00,arvsfonden\n\
         indikatorer,2026-06-04,80.00,Zonta\n",
    ),
];

async fn fill(app: &App) -> Samples {
    let samples = Samples::fill(app).await;
    app.import(FILES).await;
    samples
}

/// The amounts of the bookings that these arguments find, read page by page from both ends.
async fn amounts(caller: &Caller<'_>, list: &str, arguments: &str) -> Vec<String> {
    let found = walk(caller, list, arguments, "amount").await;
    found.iter().map(|row| row["amount"].as_str().unwrap().to_owned()).collect()
}

/// The same, in order of the text of the amounts.
async fn sorted(caller: &Caller<'_>, list: &str, filter: &str) -> Vec<String> {
    let mut found = amounts(caller, list, &format!(", filter: {{ {filter} }}")).await;
    found.sort();
    found
}

/// Checks an order in both directions: bookings of one group have the same key.
async fn is_ordered(caller: &Caller<'_>, list: &str, field: &str, groups: &[&[&str]]) {
    let by = |direction: &str| format!(", orderBy: {{ field: {field}, direction: {direction} }}");
    let rising = amounts(caller, list, &by("ASC")).await;
    let mut rest = rising.as_slice();
    for group in groups {
        let (own, others) = rest.split_at(group.len());
        let mut own = own.to_vec();
        own.sort();
        assert_eq!(own, *group, "{list} by {field}: {rising:?}");
        rest = others;
    }
    assert!(rest.is_empty(), "{list} by {field}: {rising:?}");
    let mut falling = amounts(caller, list, &by("DESC")).await;
    falling.reverse();
    assert_eq!(falling, rising, "{list} by {field}");
}

on_both!(costs_and_grants_are_ordered_by_the_names_that_a_table_shows, |app| async move {
    fill(&app).await;
    let finance = app.finance();
    let costs: &[&[&str]] = &[&["10.00", "20.00", "3333.31", "40.00"], &["30.00", "4444.41"]];
    is_ordered(&finance, "costs", "ACTIVITY", costs).await;
    let grants: &[&[&str]] = &[&["50.00", "5555.51", "60.00", "70.00"], &["6666.61", "80.00"]];
    is_ordered(&finance, "grants", "ACTIVITY", grants).await;
    // Without a supplier, Konsult Gamma AB, Alfa, Beta, Örtagården Delta.
    let costs: &[&[&str]] =
        &[&["3333.31", "4444.41"], &["10.00"], &["20.00"], &["30.00"], &["40.00"]];
    for caller in [app.office(), app.board(), app.service("revenue:read")] {
        is_ordered(&caller, "costs", "SUPPLIER", costs).await;
    }
    let grants: &[&[&str]] =
        &[&["70.00"], &["5555.51", "6666.61"], &["80.00"], &["50.00"], &["60.00"]];
    is_ordered(&finance, "grants", "FUNDER", grants).await;
    // A lead sees its activities, and no supplier without an agreement about them.
    let lead = app.lead(&["bip"]);
    is_ordered(&lead, "costs", "ACTIVITY", &[&["10.00", "20.00", "3333.31", "40.00"]]).await;
    let costs: &[&[&str]] = &[&["3333.31", "40.00"], &["10.00"], &["20.00"]];
    is_ordered(&lead, "costs", "SUPPLIER", costs).await;
    is_ordered(&lead, "grants", "FUNDER", &[&["70.00"], &["5555.51"], &["50.00"], &["60.00"]])
        .await;
});

on_both!(names_order_what_filters_find, |app| async move {
    let samples = fill(&app).await;
    let document = "query($filter: CostFilter) { costs(filter: $filter) { nodes { id } } }";
    let filter = json!({ "supplierId": samples.id("gamma") });
    let found = app.finance().ask(document, json!({ "filter": filter })).await;
    let cost = found["costs"]["nodes"][0]["id"].clone();
    reverse(&app, json!({ "costId": cost, "reason": "x" })).await.data();
    let finance = app.finance();
    for order in ["ACTIVITY", "SUPPLIER"] {
        for (filter, expected) in [
            ("status: [REVERSED]", vec!["10.00"]),
            ("status: [REVERSAL]", vec!["-10.00"]),
            ("activitySlugs: [\"indikatorer\"], search: \"resor\"", vec!["30.00"]),
            ("bookedFrom: \"2026-06-02\", bookedTo: \"2026-06-02\"", vec!["20.00"]),
        ] {
            let arguments = format!(", orderBy: {{ field: {order} }}, filter: {{ {filter} }}");
            assert_eq!(amounts(&finance, "costs", &arguments).await, expected, "{arguments}");
        }
    }
    let alfa = format!(
        ", orderBy: {{ field: SUPPLIER }}, filter: {{ supplierId: \"{}\" }}",
        samples.id("alfa")
    );
    assert_eq!(amounts(&finance, "costs", &alfa).await, ["20.00"]);
});

on_both!(costs_and_grants_are_found_by_their_words, |app| async move {
    let samples = fill(&app).await;
    let finance = app.finance();
    for (text, expected) in [
        ("resor", vec!["20.00", "30.00"]),
        ("RES", vec!["20.00", "30.00"]),
        ("föreläs", vec!["10.00"]),
        ("forelas", vec![]),
        ("f-17", vec!["10.00"]),
        ("r 9 resor", vec!["20.00"]),
        ("konsult gamma", vec!["10.00"]),
        ("samordningsförbundet", vec!["20.00", "30.00"]),
        ("delta", vec!["40.00"]),
        ("konsult", vec!["10.00", "4444.41"]),
        // All words of the row, or all of the supplier.
        ("föreläsning gamma", vec![]),
        ("%", vec![]),
    ] {
        assert_eq!(
            sorted(&finance, "costs", &format!("search: \"{text}\"")).await,
            expected,
            "{text}"
        );
    }
    assert_eq!(sorted(&finance, "costs", "search: \" \"").await.len(), 6);
    for (filter, expected) in [
        ("search: \"myndighet\"", vec!["5555.51", "6666.61"]),
        ("search: \"åhl stif\"", vec!["50.00"]),
        ("search: \"ahlens\"", vec![]),
        ("funder: \"Myndighet\"", vec!["5555.51", "6666.61"]),
        ("funder: \"Myndighet\", activitySlugs: [\"bip\"]", vec!["5555.51"]),
        ("funder: \"myndighet\"", vec![]),
        ("funder: \"Mynd\"", vec![]),
    ] {
        assert_eq!(sorted(&finance, "grants", filter).await, expected, "{filter}");
    }
    // What the reader may not see is not found, also not by a name that the row does not show.
    let lead = app.lead(&["bip"]);
    for (text, expected) in
        [("resor", vec!["20.00"]), ("gamma", vec!["10.00"]), ("delta", vec![]), ("beta", vec![])]
    {
        assert_eq!(
            sorted(&lead, "costs", &format!("search: \"{text}\"")).await,
            expected,
            "{text}"
        );
    }
    assert_eq!(sorted(&lead, "grants", "search: \"zonta\"").await, Vec::<String>::new());
    for caller in [app.member(samples.id("alfa")), app.service("agreements:read")] {
        assert_eq!(sorted(&caller, "costs", "search: \"resor\"").await, Vec::<String>::new());
        assert_eq!(sorted(&caller, "grants", "search: \"zonta\"").await, Vec::<String>::new());
    }
    let bad =
        format!("{{ grants(filter: {{ funder: \"{}\" }}) {{ totalCount }} }}", "x".repeat(301));
    assert_eq!(finance.query(&bad).await.bad_fields(), ["filter.funder"]);
});

on_both!(the_words_of_costs_grants_and_reports_follow_every_change, |app| async move {
    let samples = fill(&app).await;
    let bip = samples.id("bip");
    let cost = json!({ "activityId": bip, "bookedOn": "2026-06-09", "amount": "90.00", "description": "Tolkning" });
    app.finance().does("costRecord", "id", cost).await.data();
    assert_eq!(sorted(&app.finance(), "costs", "search: \"tolk\"").await, ["90.00"]);
    let report = json!({ "activityId": bip, "period": "2026-T3", "health": "GREEN", "summary": "Allt enligt plan",
        "deviations": "Sjukdom", "nextSteps": "Rekrytera" });
    app.office().does("statusReportFile", "id", report).await.data();
    // Reports are public to everyone with a token.
    for text in ["enligt plan", "sjuk", "rekrytera plan"] {
        let filter = format!(", filter: {{ search: \"{text}\" }}");
        for caller in [app.office(), app.member(samples.id("alfa")), app.lead(&["indikatorer"])] {
            let found: Vec<Value> = walk(&caller, "statusReports", &filter, "period").await;
            assert_eq!(found, [json!({ "period": "2026-T3" })], "{text}");
        }
    }
    // The new name of a supplier, and the old one of a member.
    let update = json!({ "organisationId": samples.id("gamma"), "name": "Epsilon AB" });
    app.office().does("organisationUpdate", "id", update).await.data();
    let update = json!({ "memberId": samples.id("alfa"), "name": "Finsam Åsele" });
    app.office().does("memberUpdate", "id", update).await.data();
    for (text, expected) in [
        ("epsilon", vec!["10.00"]),
        ("gamma", vec![]),
        ("åsele", vec!["20.00"]),
        ("alfa", vec!["20.00"]),
    ] {
        let filter = format!("search: \"{text}\"");
        assert_eq!(sorted(&app.finance(), "costs", &filter).await, expected, "{text}");
    }
    let violations = domain::search::violations(app.db.read()).await.unwrap();
    assert_eq!(violations, Vec::<String>::new());
});
