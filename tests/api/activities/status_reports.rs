//! Status reports of activities to the board.

use serde_json::{Value, json};

use crate::{
    activities::lifecycle::{fill, id, member},
    support::{
        app::{App, on_both},
        caller::Caller,
    },
};

on_both!(the_board_gets_its_report_in_a_fixed_form, |app| async move {
    fill(&app).await;
    let bip = id(&app, "bip").await;
    let report = |period: &str| json!({ "activityId": bip, "period": period, "health": "YELLOW", "summary": "Färre kurser än tänkt", "nextSteps": "Fler kursledare" });
    let selection =
        "activity { slug } period health summary deviations nextSteps reportedBy reportedAt";
    let filed = app.lead(&["bip"]).does("statusReportFile", selection, report("2026-T1")).await;
    let expected = json!({
        "activity": { "slug": "bip" }, "period": "2026-T1", "health": "YELLOW", "summary": "Färre kurser än tänkt", "deviations": null,
        "nextSteps": "Fler kursledare", "reportedBy": "activity_lead@example.se", "reportedAt": "2026-11-21T09:00:00Z",
    });
    assert_eq!(filed["statusReportFile"], expected);
    let entry = app.trail(app.revision().await - 1).await.remove(0);
    let texts = ["summary", "deviations", "next_steps"].map(|text| entry["after"][text].clone());
    assert_eq!(texts, [json!("Färre kurser än tänkt"), Value::Null, json!("Fler kursledare")]);
    for (now, period) in [
        ("2026-11-21T09:00:00.000001Z", "2026-T2"),
        ("2026-11-21T09:00:00.120Z", "2026-T3"),
        ("2026-11-22T00:00:00Z", "2026-Q4"),
    ] {
        app.at(now).office().does("statusReportFile", "id", report(period)).await.data();
    }
    let before = app.revision().await;
    for caller in [app.lead(&["natverk"]), app.finance(), app.board(), app.service("revenue:read")]
    {
        assert_eq!(
            caller.does("statusReportFile", "id", report("2026-10")).await.code(),
            "FORBIDDEN"
        );
        // The right comes before the form.
        assert_eq!(caller.does("statusReportFile", "id", report("soon")).await.code(), "FORBIDDEN");
    }
    let nothing = json!({ "activityId": "x", "period": "soon", "health": "RED", "summary": "" });
    app.statements();
    let refused = app.lead(&["natverk"]).does("statusReportFile", "id", nothing).await;
    assert_eq!(refused.bad_fields(), ["input.activityId", "input.period", "input.summary"]);
    let refused = app.lead(&["bip"]).does("statusReportFile", "id", report("soon")).await;
    assert_eq!(refused.bad_fields(), ["input.period"]);
    // The first statement of each change.
    let begins = |sql: &String| sql.contains("migration_requirement");
    assert!(!app.statements().iter().any(begins), "they wait for no writer");
    assert_eq!(app.revision().await, before);

    // The latest first, in pages that begin where the one before ended, forwards and backwards.
    let document = "query($first: Int, $after: String, $last: Int, $before: String) { activity(by: { slug: \"bip\" }) {
        statusReports(first: $first, after: $after, last: $last, before: $before) { totalCount nodes { period } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }";
    let page = async |caller: Caller<'_>, arguments: Value| {
        caller.ask(document, arguments).await["activity"]["statusReports"].clone()
    };
    let periods = |page: &Value| {
        page["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| node["period"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let first = page(app.board(), json!({ "first": 3 })).await;
    assert_eq!(periods(&first), ["2026-Q4", "2026-T3", "2026-T2"]);
    assert_eq!(
        (&first["totalCount"], &first["pageInfo"]["hasNextPage"]),
        (&json!(4), &json!(true))
    );
    let next =
        page(app.board(), json!({ "first": 3, "after": first["pageInfo"]["endCursor"] })).await;
    assert_eq!(
        (periods(&next), &next["pageInfo"]["hasNextPage"]),
        (vec!["2026-T1".to_owned()], &json!(false))
    );
    let last =
        page(app.board(), json!({ "last": 2, "before": next["pageInfo"]["startCursor"] })).await;
    assert_eq!(periods(&last), ["2026-T3", "2026-T2"]);

    let ale = member(&app, "Ale").await;
    let reports = app
        .office()
        .query("{ activity(by: { slug: \"bip\" }) { statusReports { nodes { id } } } }")
        .await;
    let of = json!({ "id": reports["activity"]["statusReports"]["nodes"][0]["id"] });
    let find = "query($id: ID!) { node(id: $id) { ... on StatusReport { period } } }";
    for (caller, seen) in [
        (app.lead(&["bip"]), 4),
        (app.service("revenue:read"), 4),
        (app.lead(&["natverk"]), 4),
        (app.member(&ale), 4),
        (app.service("members:read"), 4),
    ] {
        let page = page(caller.clone(), json!({})).await;
        assert_eq!((periods(&page).len(), &page["totalCount"]), (seen, &json!(seen)));
        assert_eq!(caller.ask(find, of.clone()).await["node"], json!({ "period": "2026-Q4" }));
    }
    // Authors are persons: for those who may see the activity's revenue, and themselves.
    let authors =
        "{ activity(by: { slug: \"bip\" }) { statusReports(last: 1) { nodes { reportedBy } } } }";
    for (caller, author) in [
        (app.board(), json!("activity_lead@example.se")),
        (app.lead(&["bip"]), json!("activity_lead@example.se")),
        (app.member(&ale), Value::Null),
        (app.service("members:read"), Value::Null),
    ] {
        let answer = caller.query(authors).await;
        assert_eq!(answer["activity"]["statusReports"]["nodes"], json!([{ "reportedBy": author }]));
    }
});
