//! Roles beyond the table: a lead's own activities, no count of another member's data, and roles
//! that add up.

use domain::auth::viewer::{Role, Viewer};
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    fixtures::Samples,
};

on_both!(a_lead_reports_on_its_own_activities_alone, |app| async move {
    let samples = Samples::fill(&app).await;
    let before = app.revision().await;
    let report = "mutation($input: StatusReportFileInput!) { statusReportFile(input: $input) { statusReport { id } } }";
    let input = json!({ "activityId": samples.id("indikatorer"), "period": "2026", "health": "RED", "summary": "x" });
    assert_eq!(app.lead(&["bip"]).ask(report, json!({ "input": input })).await.code(), "FORBIDDEN");
    assert_eq!(app.revision().await, before);
    app.lead(&["bip", "indikatorer"]).ask(report, json!({ "input": input })).await.data();
});

on_both!(nothing_of_another_member_is_counted, |app| async move {
    let samples = Samples::fill(&app).await;
    let question = "{
        members { totalCount pageInfo { hasNextPage } nodes { agreements { totalCount } invoices { totalCount } } }
        agreements { totalCount } invoices { totalCount } expiringAgreements { totalCount } auditEntries { totalCount }
        activities { totalCount nodes { slug agreements { totalCount } statusReports { totalCount } coverage { connectedCount memberCount share notConnected { id } } economy(year: 2026) { invoiced paid outstanding cost grants result } } }
        templates { totalCount nodes { usage { agreementCount activeCount } } }
        revenue(input: { from: \"2026-01-01\", to: \"2026-12-31\", groupBy: [] }) { total { net vat gross credited cost result invoiceCount } }
        search: members(filter: { search: \"Beta\" }) { totalCount }
        buyer: invoices(filter: { buyerId: \"BETA\" }) { totalCount }
        counterparty: agreements(filter: { counterpartyId: \"BETA\" }) { totalCount } }";
    let question = question.replace("BETA", samples.id("beta"));
    let seen = app.member(samples.id("alfa")).query(&question).await.data().clone();
    for (name, count) in [
        ("members", 1),
        ("agreements", 1),
        ("invoices", 1),
        ("expiringAgreements", 1),
        ("auditEntries", 0),
        ("activities", 2),
        ("search", 0),
        ("buyer", 0),
        ("counterparty", 0),
        ("templates", 1),
    ] {
        assert_eq!(seen[name]["totalCount"], count, "{name} in {seen}");
    }
    assert_eq!(
        seen["members"]["nodes"],
        json!([{ "agreements": { "totalCount": 1 }, "invoices": { "totalCount": 1 } }])
    );
    let activity = |slug: &str| {
        seen["activities"]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .find(|activity| activity["slug"] == slug)
            .unwrap()
            .clone()
    };
    let (bip, other) = (activity("bip"), activity("indikatorer"));
    assert_eq!(
        bip["coverage"],
        json!({ "connectedCount": 1, "memberCount": 2, "share": "0.5", "notConnected": null })
    );
    assert_eq!(
        other["coverage"],
        json!({ "connectedCount": 1, "memberCount": 2, "share": "0.5", "notConnected": null })
    );
    assert_eq!(
        (&bip["agreements"]["totalCount"], &other["agreements"]["totalCount"]),
        (&json!(1), &json!(0))
    );
    for activity in [&bip, &other] {
        assert_eq!(
            (
                &activity["statusReports"]["totalCount"],
                &activity["economy"]["cost"],
                &activity["economy"]["grants"]
            ),
            (&json!(1), &Value::Null, &Value::Null)
        );
    }
    // No one else was invoiced for BIP, and one other association for Indikatorer.
    assert_eq!(
        (&bip["economy"]["invoiced"], &other["economy"]["invoiced"]),
        (&json!("11311.31"), &Value::Null)
    );
    assert_eq!(
        seen["revenue"]["total"],
        json!({ "net": "11311.31", "vat": "2827.83", "gross": "14139.14", "credited": "0.00", "cost": null, "result": null, "invoiceCount": 1 })
    );
    // A member that one may not see is no member.
    let of_beta = format!(
        "{{ revenue(input: {{ from: \"2026-01-01\", to: \"2026-12-31\", memberIds: [\"{}\"] }}) {{ total {{ net }} }} }}",
        samples.id("beta")
    );
    assert_eq!(
        app.member(samples.id("alfa")).query(&of_beta).await.bad_fields(),
        ["input.memberIds.0"]
    );
    assert_eq!(
        seen["templates"]["nodes"],
        json!([{ "usage": [{ "agreementCount": null, "activeCount": null }] }])
    );

    let seen = app.lead(&["bip"]).query(&question).await.data().clone();
    for (name, count) in [
        ("members", 2),
        ("agreements", 2),
        ("invoices", 0),
        ("expiringAgreements", 2),
        ("auditEntries", 0),
        ("activities", 2),
        ("buyer", 0),
        ("counterparty", 0),
    ] {
        assert_eq!(seen[name]["totalCount"], count, "{name} in {seen}");
    }
    assert_eq!(
        seen["revenue"]["total"],
        json!({ "net": "11311.31", "vat": "2827.83", "gross": "14139.14", "credited": "0.00", "cost": "3333.31", "result": "13533.51", "invoiceCount": 1 })
    );
});

on_both!(roles_add_to_each_other, |app| async move {
    let samples = Samples::fill(&app).await;
    let id = samples.id("alfa").trim_start_matches("member_").parse::<uuid::Uuid>().unwrap();
    let both = Viewer {
        roles: vec![Role::Member, Role::ActivityLead],
        member: Some(id.into()),
        activities: vec!["indikatorer".into()],
        ..Viewer::default()
    };
    let seen = app.viewer(both).query("{ agreements { nodes { number } } invoices { nodes { number } } members { totalCount } }").await;
    // A lead sees the drafts of its activities, too.
    assert_eq!(
        seen["agreements"]["nodes"],
        json!([{ "number": null }, { "number": "2026-7001" }, { "number": "2026-7002" }])
    );
    assert_eq!(seen["invoices"]["nodes"], json!([{ "number": "8801" }]));
    assert_eq!(seen["members"]["totalCount"], 2);
    let all = Viewer {
        roles: vec![Role::Member, Role::Board],
        member: Some(id.into()),
        ..Viewer::default()
    };
    assert_eq!(
        app.viewer(all).query("{ invoices { totalCount } }").await["invoices"]["totalCount"],
        2
    );
});
