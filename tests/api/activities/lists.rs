//! Lists of activities and of status reports: orders, filters and pages.

use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    pages::{names, walk},
};

const FILES: &[(&str, &str)] = &[
    (
        "members.csv",
        "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city\n\
         ale,Ale,,,,,2015-01-01,,,,,,,\n\
         bo,Bo,,,,,2015-01-01,,,,,,,\n",
    ),
    (
        "contacts.csv",
        "key,member,role,name,email,phone,valid_from,valid_to,organisation,contact_area\n\
         anna,ale,ACTIVITY_CONTACT,Anna,,,,,,\n\
         berit,bo,ACTIVITY_CONTACT,Berit,,,,,,\n",
    ),
    (
        "activities.csv",
        "key,slug,name,purpose,goal,funding,starts_on,ends_on,board_contact,lead\n\
         bip,bip,BIP,,,,2022-01-01,2027-12-31,berit,anna\n\
         jgl,jgl,JGL,,,,2020-01-01,,,berit\n\
         ovrigt,ovrigt,Övrigt,,,,2021-01-01,2026-12-31,,\n",
    ),
    (
        "status_reports.csv",
        "activity,period,health,summary,deviations,next_steps,reported_by,reported_at\n\
         bip,2026-T1,GREEN,A,,,Lena,2026-05-05T08:00:00Z\n\
         jgl,2026-T1,RED,B,,,Lena,2026-05-06T08:00:00Z\n\
         bip,2026-T2,YELLOW,C,,,Lena,2026-09-05T22:30:00Z\n\
         bip,2025-T3,GREEN,D,,,Lena,2026-01-10T08:00:00Z\n",
    ),
];

/// The ids of Ale, Anna and JGL.
async fn fill(app: &App) -> [String; 3] {
    app.import(FILES).await;
    let answer = app
        .office()
        .query("{ members(first: 1) { nodes { id } } contacts(first: 1) { nodes { id } } activities(filter: { search: \"jgl\" }) { nodes { id } } }")
        .await;
    ["members", "contacts", "activities"]
        .map(|list| answer[list]["nodes"][0]["id"].as_str().unwrap().to_owned())
}

on_both!(activities_are_sorted_by_what_a_table_shows, |app| async move {
    let [ale, anna, _] = fill(&app).await;
    for (field, expected) in [
        ("NAME", ["BIP", "JGL", "Övrigt"]),
        ("STARTS_ON", ["JGL", "Övrigt", "BIP"]),
        ("ENDS_ON", ["Övrigt", "BIP", "JGL"]),
    ] {
        for direction in ["ASC", "DESC"] {
            let mut expected = expected.to_vec();
            if direction == "DESC" {
                expected.reverse();
            }
            let order = format!(", orderBy: {{ field: {field}, direction: {direction} }}");
            assert_eq!(names(&app.office(), "activities", &order).await, expected, "{order}");
        }
    }
    for (filter, expected) in [
        ("status: [ACTIVE]", vec!["BIP", "JGL", "Övrigt"]),
        ("status: [UPCOMING, CLOSED]", vec![]),
        ("status: []", vec!["BIP", "JGL", "Övrigt"]),
        ("status: [UPCOMING], asOf: \"2020-12-31\"", vec!["BIP", "Övrigt"]),
        ("status: [ACTIVE], asOf: \"2020-12-31\"", vec!["JGL"]),
        ("status: [ACTIVE], asOf: \"2026-12-31\"", vec!["BIP", "JGL", "Övrigt"]),
        ("status: [CLOSED], asOf: \"2027-01-01\"", vec!["Övrigt"]),
        ("status: [CLOSED, UPCOMING], asOf: \"2021-06-01\"", vec!["BIP"]),
        ("asOf: \"1990-01-01\"", vec!["BIP", "JGL", "Övrigt"]),
    ] {
        let filter = format!(", filter: {{ {filter} }}");
        assert_eq!(names(&app.office(), "activities", &filter).await, expected, "{filter}");
    }
    let later = app.at("2027-01-01T12:00:00Z");
    let statuses = walk(&later.office(), "activities", "", "name status").await;
    assert_eq!(
        json!(statuses),
        json!([
            { "name": "BIP", "status": "ACTIVE" },
            { "name": "JGL", "status": "ACTIVE" },
            { "name": "Övrigt", "status": "CLOSED" },
        ])
    );
    // The filter shows no contact that the reader may not see.
    let lead = format!(", filter: {{ leadId: \"{anna}\" }}");
    let board = format!(", filter: {{ boardContactId: \"{anna}\" }}");
    assert_eq!(names(&app.office(), "activities", &lead).await, ["BIP"]);
    assert_eq!(names(&app.member(&ale), "activities", &lead).await, ["BIP"]);
    for blind in [app.lead(&["bip"]), app.service("agreements:read")] {
        assert_eq!(names(&blind, "activities", &lead).await, Vec::<String>::new());
    }
    assert_eq!(names(&app.office(), "activities", &board).await, Vec::<String>::new());
    let bip = app.office().query("{ activity(by: { slug: \"bip\" }) { id } }").await;
    let decided = json!({ "activityId": bip["activity"]["id"], "decision": { "body": "BOARD" } });
    app.office().does("activityUpdate", "id", decided).await.data();
    for (bodies, expected) in
        [("[BOARD]", vec!["BIP"]), ("[OFFICE]", vec![]), ("[]", vec!["BIP", "JGL", "Övrigt"])]
    {
        let filter = format!(", filter: {{ decisionBody: {bodies} }}");
        assert_eq!(names(&app.office(), "activities", &filter).await, expected, "{bodies}");
    }
});

/// The summaries of the reports that these arguments find.
async fn summaries(app: &App, arguments: &str) -> String {
    let found = walk(&app.office(), "statusReports", arguments, "summary").await;
    found.iter().filter_map(|report| report["summary"].as_str()).collect()
}

on_both!(status_reports_are_listed_in_order_and_found_by_filters, |app| async move {
    let [ale, ..] = fill(&app).await;
    assert_eq!(summaries(&app, "").await, "CBAD");
    for (order, expected) in [
        ("{ field: REPORTED_AT }", "DABC"),
        ("{ field: REPORTED_AT, direction: DESC }", "CBAD"),
        ("{ field: PERIOD }", "DABC"),
        ("{ field: PERIOD, direction: DESC }", "CBAD"),
    ] {
        assert_eq!(summaries(&app, &format!(", orderBy: {order}")).await, expected, "{order}");
    }
    for (filter, expected) in [
        ("activitySlugs: [\"jgl\"]", "B"),
        ("activitySlugs: [\"jgl\", \"bip\"]", "CBAD"),
        ("activitySlugs: []", "CBAD"),
        ("health: [GREEN]", "AD"),
        ("health: [GREEN, RED]", "BAD"),
        ("year: 2026", "CBA"),
        ("year: 2025", "D"),
        ("periodFrom: \"2026-05-01\"", "C"),
        ("periodFrom: \"2026-01-01\", periodTo: \"2026-05-31\"", "BA"),
        ("periodTo: \"2025-12-31\"", "D"),
        // Swedish time is two hours ahead.
        ("reportedFrom: \"2026-09-06\"", "C"),
        ("reportedTo: \"2026-09-05\"", "BAD"),
        ("year: 2026, health: [RED], reportedFrom: \"2026-05-07\"", ""),
        ("search: \"b\"", "B"),
        ("search: \"c\", health: [GREEN]", ""),
        ("search: \" \"", "CBAD"),
    ] {
        let filter = format!(", filter: {{ {filter} }}");
        assert_eq!(summaries(&app, &filter).await, expected, "{filter}");
    }
    // Reports are public to everyone with a token.
    for caller in [app.member(&ale), app.lead(&["jgl"]), app.service("audit:read")] {
        assert_eq!(walk(&caller, "statusReports", "", "summary").await.len(), 4);
    }
    let bad = "{ statusReports(filter: { activitySlugs: [\"bip\", \"\"], year: 1, periodFrom: \"2026\" }) { totalCount } }";
    let refused = app.office().query(bad).await;
    assert_eq!(
        refused.bad_fields(),
        ["filter.activitySlugs.1", "filter.periodFrom", "filter.year"]
    );
});

/// Labels of periods: those of each form, and others that an import may have.
const LABELS: [&str; 37] = [
    "2026",
    "2026-H1",
    "2026-H2",
    "2026-T1",
    "2026-T2",
    "2026-T3",
    "2026-Q1",
    "2026-Q2",
    "2026-Q3",
    "2026-Q4",
    "2026-01",
    "2026-02",
    "2024-02",
    "2026-06",
    "2026-11",
    "2026-12",
    "1900-01",
    "2999-12",
    "2026-03/2026-06",
    "2025-11/2026-02",
    "2026-03/2026-03",
    "2026-06/2026-03",
    "2026-T1/2026-T2",
    "2026/2027",
    "2026-13/2026-14",
    "2026-T4",
    "2026-13",
    "2026-00",
    "2026-t1",
    "2026 T1",
    "202",
    "20265",
    "0026",
    "20x6-T1",
    "Våren 2026",
    "-T1",
    "2026-T1b",
];

/// Starts an activity with a report for each label.
async fn with_labels(app: &App) {
    let mut file =
        "activity,period,health,summary,deviations,next_steps,reported_by,reported_at\n".to_owned();
    for label in LABELS {
        file += &format!("bip,{label},GREEN,x,,,Lena,2026-05-05T08:00:00Z\n");
    }
    let started = json!({ "slug": "bip", "name": "BIP", "funding": [], "startsOn": "2022-01-01" });
    app.office().does("activityStart", "id", started).await.data();
    app.import(&[("status_reports.csv", &file)]).await;
}

// The order is SQL, the fields are not.
on_both!(reports_are_ordered_by_the_days_of_their_periods, |app| async move {
    with_labels(&app).await;
    let days = |report: &Value| {
        let [from, to] = ["periodFrom", "periodTo"].map(|field| report[field].as_str());
        (from.map(str::to_owned), to.map(str::to_owned))
    };
    let found = async |direction: &str| {
        let order = format!(", orderBy: {{ field: PERIOD, direction: {direction} }}");
        let found =
            walk(&app.office(), "statusReports", &order, "periodFrom periodTo period").await;
        assert_eq!(found.len(), LABELS.len());
        found.iter().map(days).collect::<Vec<_>>()
    };
    let (mut ascending, descending) = (found("ASC").await, found("DESC").await);
    assert!(ascending.is_sorted(), "{ascending:?}");
    ascending.reverse();
    assert_eq!(ascending, descending);
    for (year, reaching) in [(2025, 1), (2026, 18), (2024, 1), (2027, 0), (1900, 1), (2999, 1)] {
        let filter = format!(", filter: {{ year: {year} }}");
        let found =
            walk(&app.office(), "statusReports", &filter, "period periodFrom periodTo").await;
        let (first, last) = (format!("{year}-01-01"), format!("{year}-12-31"));
        for report in &found {
            match days(report) {
                (Some(from), Some(to)) => assert!(from <= last && to >= first, "{year}: {report}"),
                _ => assert!(
                    report["period"].as_str().unwrap().starts_with(&year.to_string()),
                    "{year}: {report}"
                ),
            }
        }
        let dated = found.iter().filter(|report| report["periodFrom"].is_string()).count();
        assert_eq!(dated, reaching, "{year}: {found:?}");
    }
});

// The filter is SQL, the fields are not.
on_both!(reports_are_found_by_the_days_of_their_periods, |app| async move {
    with_labels(&app).await;
    let found = async |filter: &str| {
        let filter = format!(", filter: {{ {filter} }}");
        walk(&app.office(), "statusReports", &filter, "id period periodFrom periodTo").await
    };
    let every = found("").await;
    assert_eq!(every.len(), LABELS.len());
    let dated = every.iter().filter(|report| report["periodFrom"].is_string()).count();
    assert_eq!(dated, 21, "{every:?}");
    for day in [
        "2026-01-01",
        "2026-01-02",
        "2026-04-30",
        "2026-05-01",
        "2026-12-31",
        "2027-01-01",
        "2024-02-29",
        "2024-02-28",
        "1900-01-01",
        "1900-01-31",
        "2999-12-31",
        "2999-12-01",
    ] {
        let (from, to) = (format!("periodFrom: \"{day}\""), format!("periodTo: \"{day}\""));
        let begins =
            |report: &&Value| report["periodFrom"].as_str().is_some_and(|from| from >= day);
        let ends = |report: &&Value| report["periodTo"].as_str().is_some_and(|to| to <= day);
        assert_eq!(
            found(&from).await,
            every.iter().filter(begins).cloned().collect::<Vec<_>>(),
            "{from}"
        );
        assert_eq!(
            found(&to).await,
            every.iter().filter(ends).cloned().collect::<Vec<_>>(),
            "{to}"
        );
    }
    let bip = every.len();
    let activity = app.office().query("{ activity(by: { slug: \"bip\" }) { id } }").await;
    for label in LABELS {
        // An import may have a range of one month, and a period that has not begun.
        let is_filed = !["2026-03/2026-03", "2026-12", "2999-12"].contains(&label);
        let expected = is_filed
            && every
                .iter()
                .any(|report| report["period"] == label && report["periodFrom"].is_string());
        let input = json!({ "activityId": activity["activity"]["id"], "period": label, "health": "GREEN", "summary": "x" });
        let answer = app.office().does("statusReportFile", "id", input).await;
        assert_eq!(answer.errors().is_empty(), expected, "{label}: {}", answer.text());
        if !expected {
            assert_eq!(answer.bad_fields(), ["input.period"], "{label}");
        }
    }
    assert_eq!(found("").await.len(), bip + 18);
});
