//! The list of decisions with their subjects.

use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    caller::Caller,
    fixtures::Samples,
    pages::walk,
};

const SELECTION: &str = "decision { body decidedOn paragraph }
    subject { __typename ... on Activity { slug } ... on Agreement { number } ... on FeeSchedule { basis } }";

/// The subjects that these arguments find: slugs, numbers and bases.
async fn subjects(caller: &Caller<'_>, arguments: &str) -> Vec<String> {
    let found = walk(caller, "decisions", arguments, SELECTION).await;
    let word = |row: &Value| {
        let subject = &row["subject"];
        let words = ["slug", "number", "basis"].map(|name| subject[name].as_str());
        words.into_iter().flatten().next().unwrap().to_owned()
    };
    found.iter().map(word).collect()
}

/// Returns words in alphabetical order.
fn sorted(mut words: Vec<String>) -> Vec<String> {
    words.sort();
    words
}

on_both!(decisions_are_listed_by_day_with_their_subjects, |app| async move {
    let samples = Samples::fill(&app).await;
    samples.add_decisions(&app).await;
    let office = app.office();
    let price = json!({
        "activityId": samples.id("bip"), "validFrom": "2027-01-01", "basis": "FIXED_PER_YEAR", "amount": "16000.00",
        "decision": { "body": "ANNUAL_MEETING", "paragraph": "§ 12", "document": "Protokoll Vårmötet" },
    });
    office.does("feeScheduleSet", "id", price).await.data();

    // Agreements in January 2026, activities in December 2019, a price on an unknown day.
    let latest_first = subjects(&office, "").await;
    assert_eq!(sorted(latest_first[..3].to_vec()), ["2026-7001", "2026-7002", "2026-7003"]);
    assert_eq!(sorted(latest_first[3..5].to_vec()), ["bip", "indikatorer"]);
    assert_eq!(latest_first[5..], ["FIXED_PER_YEAR"]);
    let mut first = subjects(&office, ", orderBy: { field: DECIDED_ON }").await;
    first.reverse();
    assert_eq!(first, latest_first);

    // The words of the bodies, in alphabetical order.
    let by_body = subjects(&office, ", orderBy: { field: BODY }").await;
    assert_eq!((by_body.len(), by_body[0].as_str()), (6, "FIXED_PER_YEAR"));
    let mut falling = subjects(&office, ", orderBy: { field: BODY, direction: DESC }").await;
    falling.reverse();
    assert_eq!(falling, by_body);

    for (filter, expected) in [
        ("body: [ANNUAL_MEETING]", vec!["FIXED_PER_YEAR"]),
        ("body: [OFFICE]", vec![]),
        ("subjectType: [ACTIVITY]", vec!["bip", "indikatorer"]),
        ("subjectType: [AGREEMENT], search: \"beta\"", vec!["2026-7002"]),
        ("decidedFrom: \"2026-01-05\"", vec!["2026-7001", "2026-7002", "2026-7003"]),
        ("decidedTo: \"2026-01-04\"", vec!["bip", "indikatorer"]),
        ("decidedFrom: \"1900-01-01\", subjectType: [FEE_SCHEDULE]", vec![]),
        ("search: \"vårmötet 12\"", vec!["FIXED_PER_YEAR"]),
        ("search: \"varmotet\"", vec![]),
        ("search: \"indikatorer\"", vec!["2026-7002", "indikatorer"]),
    ] {
        let filter = format!(", filter: {{ {filter} }}");
        assert_eq!(sorted(subjects(&office, &filter).await), expected, "{filter}");
    }

    // Activities and prices are public, agreements are not.
    let public = ["FIXED_PER_YEAR", "bip", "indikatorer"];
    for (caller, agreements) in [
        (app.member(samples.id("alfa")), vec!["2026-7001"]),
        (app.lead(&["indikatorer"]), vec!["2026-7002"]),
        (app.lead(&["bip"]), vec!["2026-7001", "2026-7003"]),
        (app.service("invoices:read"), vec![]),
    ] {
        let seen = sorted(subjects(&caller, "").await);
        assert_eq!(seen, [agreements, public.to_vec()].concat());
    }
});
