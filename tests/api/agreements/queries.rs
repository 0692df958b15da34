//! Queries of agreements: filters, fields, deadlines and visibility.

use domain::auth::viewer::{Role, Viewer};
use serde_json::{Value, json};

use crate::support::{
    agreement_fixtures::fill,
    app::{App, on_both},
    caller::{Answer, Caller},
};

/// The numbers of a list's rows; `draft` for each without one.
fn numbers(answer: &Answer, list: &str) -> Vec<String> {
    let number = |node: &Value| match &node["number"] {
        Value::Null => "draft".to_owned(),
        number => number.as_str().unwrap().to_owned(),
    };
    answer[list]["nodes"].as_array().unwrap().iter().map(number).collect()
}

async fn listed(caller: &Caller<'_>, arguments: &str) -> Vec<String> {
    numbers(
        &caller.query(&format!("{{ agreements({arguments}) {{ nodes {{ number }} }} }}")).await,
        "agreements",
    )
}

async fn expiring(caller: &Caller<'_>, arguments: &str) -> Vec<String> {
    numbers(
        &caller
            .query(&format!("{{ expiringAgreements{arguments} {{ nodes {{ number }} }} }}"))
            .await,
        "expiringAgreements",
    )
}

/// The part of a filter that selects the agreements of the members in a contact area.
async fn in_area(app: &App, name: &str) -> String {
    let areas =
        format!("{{ contactAreas(filter: {{ search: \"{name}\" }}) {{ nodes {{ id }} }} }}");
    let found = app.office().query(&areas).await;
    format!("contactAreaId: {}", found["contactAreas"]["nodes"][0]["id"])
}

on_both!(an_agreement_answers_all_its_fields, |app| async move {
    let register = fill(&app).await;
    let answer = app
        .office()
        .query(
            r#"{ agreement(by: { number: "2024-0001" }) {
                id number kind status direction startsOn endsOn termEndsOn noticeMonths renewalMonths offeredAt signedOn withdrawnOn noticeGivenOn
                terminationReason nextDeadline { deadlineOn } activity { slug } counterparty { __typename ... on Member { name county } ... on Organisation { name } }
                templateVersion { version status template { slug } } parameters decision { body decidedOn paragraph document }
                fee { basis amount perMille vatRate amountFor(year: 2026) before: amountFor(year: 2023) }
                signatures { party name title signedOn method documentSha256 } document { sha256 html }
                predecessor { number } successor { number } auditEntries { nodes { action } }
            } }"#,
        )
        .await;
    assert_eq!(
        answer["agreement"],
        json!({
            "id": register.id("open"), "number": "2024-0001", "kind": "PARTICIPATION", "status": "ACTIVE", "direction": "INCOME",
            "startsOn": "2024-01-01", "endsOn": null, "termEndsOn": null, "noticeMonths": 0, "renewalMonths": null,
            "offeredAt": "2023-11-01T09:00:00Z", "signedOn": "2023-12-01", "withdrawnOn": null, "noticeGivenOn": null, "terminationReason": null,
            "nextDeadline": null, "activity": { "slug": "indikatorer" },
            "counterparty": { "__typename": "Member", "name": "Finsam Gotland", "county": "Gotlands län" },
            "templateVersion": { "version": 1, "status": "RETIRED", "template": { "slug": "bip" } }, "parameters": { "days": 14 },
            "decision": { "body": "BOARD", "decidedOn": "2023-10-10", "paragraph": "§ 7", "document": null },
            "fee": { "basis": "FIXED_PER_YEAR", "amount": "18000.00", "perMille": null, "vatRate": "STANDARD_25", "amountFor": "18000.00", "before": "0.00" },
            "signatures": [
                { "party": "NETWORK", "name": "Exempel Exempelsson", "title": null, "signedOn": "2023-11-30", "method": "E_SIGNATURE", "documentSha256": "00ff" },
                { "party": "COUNTERPARTY", "name": "Exempel Exempelsson", "title": "Ordförande", "signedOn": "2023-12-01", "method": "E_SIGNATURE", "documentSha256": "00ff" },
            ],
            "document": { "sha256": "00ff", "html": "<p>Avtal</p>" },
            "predecessor": null, "successor": null, "auditEntries": { "nodes": [{ "action": "memberUpdate" }] },
        })
    );
});

on_both!(a_draft_has_no_number_yet, |app| async move {
    let register = fill(&app).await;
    let answer = app
        .office()
        .ask(
            "query($id: ID!) { node(id: $id) { ... on Agreement { number status offeredAt document { html } parameters fee { basis } } } }",
            json!({ "id": register.id("draft") }),
        )
        .await;
    assert_eq!(
        answer["node"],
        json!({ "number": null, "status": "DRAFT", "offeredAt": null, "document": null, "parameters": {}, "fee": null })
    );
    assert_eq!(
        app.office().query(r#"{ agreement(by: { number: "UTKAST" }) { id } }"#).await["agreement"],
        Value::Null
    );
});

on_both!(every_status_is_filtered_and_answered, |app| async move {
    fill(&app).await;
    let office = app.office();
    for (status, found) in [
        ("DRAFT", vec!["draft"]),
        ("OFFERED", vec!["2026-0004"]),
        ("SIGNED", vec!["2026-0003"]),
        ("ACTIVE", vec!["2024-0001", "2025-0001", "2025-0002", "2025-0003"]),
        ("NOTICE_GIVEN", vec!["2026-0001"]),
        ("ENDED", vec!["2023-0001"]),
        ("WITHDRAWN", vec!["2026-0002"]),
    ] {
        let answer =
            office.query(&format!("{{ agreements(filter: {{ status: [{status}] }}) {{ totalCount nodes {{ number status }} }} }}")).await;
        assert_eq!(numbers(&answer, "agreements"), found, "{status}");
        assert_eq!(answer["agreements"]["totalCount"], found.len());
        assert!(
            answer["agreements"]["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .all(|node| node["status"] == status)
        );
    }
    // Ends are inclusive, and a day is as good as today.
    for (on, status) in [
        ("2022-12-31", "OFFERED"),
        ("2023-12-01", "ACTIVE"),
        ("2024-12-31", "ACTIVE"),
        ("2025-01-01", "ENDED"),
    ] {
        let answer = office
            .query(&format!(
                r#"{{ agreement(by: {{ number: "2023-0001" }}) {{ status(asOf: "{on}") }} }}"#
            ))
            .await;
        let reported = if on == "2022-12-31" { "DRAFT" } else { status };
        assert_eq!(answer["agreement"]["status"], reported, "{on}");
        assert!(
            listed(&office, &format!(r#"filter: {{ status: [{reported}], asOf: "{on}" }}"#))
                .await
                .contains(&"2023-0001".to_owned()),
            "{on}"
        );
    }
});

on_both!(filters_compose, |app| async move {
    let register = fill(&app).await;
    let office = app.office();
    let member = format!(r#"counterpartyId: "{}""#, register.id("Halland"));
    let organisation = format!(r#"counterpartyId: "{}""#, register.id("Rådgivarna AB"));
    let version = format!(r#"templateVersionId: "{}""#, register.id("mall bip 2"));
    let west = in_area(&app, "Väst").await;
    for (filter, found) in [
        ("kind: [ASSIGNMENT]", vec!["2026-0001"]),
        ("kind: [ASSIGNMENT, COOPERATION]", vec!["2026-0001"]),
        ("kind: [], status: [], activitySlugs: [], direction: COST", vec!["2026-0001"]),
        (r#"activitySlugs: ["indikatorer"]"#, vec!["2024-0001", "2025-0001", "2026-0004"]),
        (
            r#"activitySlugs: ["indikatorer", "bip"], status: [OFFERED, SIGNED]"#,
            vec!["2026-0003", "2026-0004"],
        ),
        (&member, vec!["2025-0002", "2026-0004"]),
        (&organisation, vec!["2026-0001"]),
        (&version, vec!["2025-0001", "2025-0002"]),
        (&format!("{west}, status: [ACTIVE]"), vec!["2025-0001", "2025-0002"]),
        (&format!(r#"{west}, county: "Hallands län""#), vec!["2025-0002", "2026-0004"]),
        (r#"county: "Gotlands län", activitySlugs: ["indikatorer"]"#, vec!["2024-0001"]),
        (r#"endsFrom: "2026-12-31""#, vec!["2025-0002", "2025-0003", "2026-0003"]),
        (r#"endsTo: "2025-12-31""#, vec!["2023-0001", "2025-0001"]),
        (r#"endsFrom: "2026-12-10", endsTo: "2026-12-31""#, vec!["2025-0002", "2026-0001"]),
        (r#"search: "2025-""#, vec!["2025-0001", "2025-0002", "2025-0003"]),
        (r#"search: "0001", kind: [ASSIGNMENT]"#, vec!["2026-0001"]),
        (r#"search: "001""#, vec![]),
        (r#"search: "rådgiv""#, vec!["2026-0001"]),
        (r#"search: "GÖTEBORG", status: [ENDED]"#, vec!["2023-0001"]),
        (r#"search: "20_5""#, vec![]),
        (r#"search: "100%""#, vec![]),
        ("includeSnoozed: false, status: [ACTIVE]", vec!["2024-0001", "2025-0001", "2025-0003"]),
        (
            r#"includeSnoozed: false, status: [ACTIVE], asOf: "2026-12-16""#,
            vec!["2024-0001", "2025-0001", "2025-0002", "2025-0003"],
        ),
        (
            "includeSnoozed: true, status: [ACTIVE]",
            vec!["2024-0001", "2025-0001", "2025-0002", "2025-0003"],
        ),
    ] {
        assert_eq!(listed(&office, &format!("filter: {{ {filter} }}")).await, found, "{filter}");
    }
});

on_both!(agreements_without_an_activity_or_a_predecessor_are_found, |app| async move {
    fill(&app).await;
    app.import(&[
        ("organisations.csv", "key,name,org_number\npartner,Partner AB,\n"),
        (
            "agreements.csv",
            "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate\n\
             s1,2026-0005,COOPERATION,NONE,,partner,,,2026-01-01,2026-12-31,1,,2026-01-10T09:00:00Z,2026-01-20,,,,,\n",
        ),
    ])
    .await;
    let (office, bip) = (app.office(), app.lead(&["bip"]));
    let indicators = app.lead(&["indikatorer"]);
    for (caller, filter, found) in [
        (&office, "hasActivity: false", vec!["2026-0005"]),
        (&office, "hasActivity: true, kind: [COOPERATION, ASSIGNMENT]", vec!["2026-0001"]),
        (&office, "hasPredecessor: true", vec!["2026-0003"]),
        (&office, "hasPredecessor: false, status: [SIGNED]", vec![]),
        (&office, "hasPredecessor: false, hasActivity: false", vec!["2026-0005"]),
        (&bip, "hasPredecessor: true", vec!["2026-0003"]),
        (&bip, "hasPredecessor: false, status: [SIGNED]", vec![]),
        (&bip, "hasActivity: false", vec![]),
        (&indicators, "hasPredecessor: true", vec![]),
        (&indicators, "hasPredecessor: false, status: [OFFERED]", vec!["2026-0004"]),
    ] {
        assert_eq!(listed(caller, &format!("filter: {{ {filter} }}")).await, found, "{filter}");
    }
});

on_both!(orders_have_tie_breakers_and_pages, |app| async move {
    fill(&app).await;
    let office = app.office();
    let all = [
        "draft",
        "2023-0001",
        "2024-0001",
        "2025-0001",
        "2025-0002",
        "2025-0003",
        "2026-0001",
        "2026-0002",
        "2026-0003",
        "2026-0004",
    ];
    assert_eq!(listed(&office, "first: 100").await, all);
    assert_eq!(
        listed(&office, "orderBy: { field: NUMBER, direction: DESC }").await,
        all.iter().rev().copied().collect::<Vec<_>>()
    );
    let by_end = listed(&office, "orderBy: { field: ENDS_ON }").await;
    assert_eq!(
        by_end[..6],
        ["2023-0001", "2025-0001", "2026-0001", "2025-0002", "2025-0003", "2026-0003"]
    );
    for order in ["NUMBER", "STARTS_ON", "ENDS_ON", "SIGNED_ON"] {
        for direction in ["ASC", "DESC"] {
            let order = format!("orderBy: {{ field: {order}, direction: {direction} }}");
            let unpaged = listed(&office, &order).await;
            assert_eq!(
                walk(&office, &format!("agreements({order}, "), "agreements", true).await,
                unpaged,
                "{order}"
            );
            assert_eq!(
                walk(&office, &format!("agreements({order}, "), "agreements", false).await,
                unpaged,
                "{order}"
            );
        }
    }
});

/// The whole list in pages of two, from the front or from the back.
async fn walk(caller: &Caller<'_>, list: &str, name: &str, forward: bool) -> Vec<String> {
    let (mut found, mut at) = (Vec::new(), String::new());
    loop {
        let page = if forward { format!("first: 2 {at}") } else { format!("last: 2 {at}") };
        let answer = caller
            .query(&format!(
                "{{ {list} {page}) {{ nodes {{ number }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"
            ))
            .await;
        let rows = numbers(&answer, name);
        let info = &answer[name]["pageInfo"];
        if forward {
            found.extend(rows);
            at = format!("after: {}", info["endCursor"]);
        } else {
            found.splice(0..0, rows);
            at = format!("before: {}", info["startCursor"]);
        }
        if info[if forward { "hasNextPage" } else { "hasPreviousPage" }] == false {
            return found;
        }
    }
}

on_both!(what_expires_is_a_window_and_says_why, |app| async move {
    fill(&app).await;
    let office = app.office();
    let answer = office
        .query("{ expiringAgreements { totalCount nodes { number nextDeadline { kind deadlineOn daysLeft snooze { snoozedBy } } termEndsOn } } }")
        .await;
    assert_eq!(
        answer["expiringAgreements"],
        json!({ "totalCount": 2, "nodes": [
            { "number": "2025-0001", "nextDeadline": { "kind": "NOTICE", "deadlineOn": "2026-11-30", "daysLeft": 9, "snooze": null }, "termEndsOn": "2026-12-31" },
            { "number": "2026-0001", "nextDeadline": { "kind": "END", "deadlineOn": "2026-12-10", "daysLeft": 19, "snooze": null }, "termEndsOn": "2026-12-10" },
        ] })
    );
    // One that was acknowledged stays visible on request, and comes back when the quiet days are
    // over.
    let answer = office
        .query("{ expiringAgreements(filter: { includeSnoozed: true }) { totalCount nodes { number nextDeadline { deadlineOn snooze { snoozedBy snoozedAt snoozedUntil note } } } } }")
        .await;
    assert_eq!(numbers(&answer, "expiringAgreements"), ["2025-0001", "2026-0001", "2025-0002"]);
    assert_eq!(
        answer["expiringAgreements"]["nodes"][2]["nextDeadline"],
        json!({ "deadlineOn": "2026-12-31", "snooze": { "snoozedBy": "office@example.se", "snoozedAt": "2026-11-01T10:00:00Z", "snoozedUntil": "2026-12-15", "note": "Förlängs i januari" } })
    );
    assert_eq!(answer["expiringAgreements"]["totalCount"], 3);
    let west = in_area(&app, "Väst").await;
    // Both ends of the window count.
    for (arguments, found) in [
        ("(withinDays: 8)", vec![]),
        ("(withinDays: 9)", vec!["2025-0001"]),
        (r#"(withinDays: 0, asOf: "2026-11-30")"#, vec!["2025-0001"]),
        (r#"(withinDays: 0, asOf: "2026-12-01")"#, vec![]),
        (r#"(asOf: "2026-12-15")"#, vec![]),
        (r#"(asOf: "2026-12-16")"#, vec!["2025-0002"]),
        // Its next notice day is a year later; the successor's end is later still.
        (r#"(withinDays: 380, asOf: "2026-12-16")"#, vec!["2025-0002", "2025-0001", "2026-0003"]),
        (r#"(withinDays: 3660, asOf: "2030-01-01")"#, vec!["2025-0001"]),
        (r#"(filter: { activitySlugs: ["bip"] })"#, vec!["2026-0001"]),
        (&format!("(filter: {{ {west} }})"), vec!["2025-0001"]),
        ("(filter: { status: [NOTICE_GIVEN] })", vec!["2026-0001"]),
    ] {
        assert_eq!(expiring(&office, arguments).await, found, "{arguments}");
    }
    let list = "expiringAgreements(withinDays: 3000, filter: { includeSnoozed: true }, ";
    let unpaged = expiring(&office, "(withinDays: 3000, filter: { includeSnoozed: true })").await;
    assert_eq!(unpaged, ["2025-0001", "2026-0001", "2025-0002", "2026-0003"]);
    for forward in [true, false] {
        assert_eq!(walk(&office, list, "expiringAgreements", forward).await, unpaged);
    }
});

on_both!(a_successor_is_shown_on_both_agreements, |app| async move {
    fill(&app).await;
    let answer = app
        .office()
        .query(r#"{ agreements(filter: { search: "Finsam" }) { nodes { number termEndsOn nextDeadline { deadlineOn } predecessor { number } successor { number predecessor { number } } } } }"#)
        .await;
    let nodes = answer["agreements"]["nodes"].as_array().unwrap();
    let of = |number: &str| nodes.iter().find(|node| node["number"] == number).unwrap();
    assert_eq!(
        of("2025-0003"),
        &json!({ "number": "2025-0003", "termEndsOn": "2026-12-31", "nextDeadline": null, "predecessor": null, "successor": { "number": "2026-0003", "predecessor": { "number": "2025-0003" } } })
    );
    assert_eq!(of("2026-0003")["predecessor"], json!({ "number": "2025-0003" }));
    assert_eq!(of("2024-0001")["successor"], Value::Null);
});

on_both!(a_fee_needs_its_allocation, |app| async move {
    fill(&app).await;
    let ask = |year: &str| {
        format!(
            r#"{{ agreement(by: {{ number: "2025-0001" }}) {{ fee {{ amount perMille vatRate amountFor(year: {year}) }} }} }}"#
        )
    };
    let answer = app.office().query(&ask("2026")).await;
    assert_eq!(
        answer["agreement"]["fee"],
        json!({ "amount": null, "perMille": "2", "vatRate": "EXEMPT", "amountFor": "122400.00" })
    );
    let answer = app.office().query(&ask("2027")).await;
    assert_eq!(
        (answer.reason(), &answer.json["data"]["agreement"]["fee"]),
        ("NO_ALLOCATION", &Value::Null)
    );
    assert_eq!(app.office().query(&ask("20270")).await.bad_fields(), ["year"]);
    // The rate and the sum together would show a lead what the member disposes of.
    let answer = app.lead(&["indikatorer"]).query(&ask("2026")).await;
    assert_eq!(answer.reason(), "NO_ALLOCATION");
});

on_both!(errors_stand_in_the_order_of_what_was_asked, |app| async move {
    fill(&app).await;
    // The second fails before anything is read, and the first only when there is no allocation.
    let of = |alias: &str, year: i32| {
        format!(
            r#"{alias}: agreement(by: {{ number: "2025-0001" }}) {{ fee {{ amountFor(year: {year}) }} }}"#
        )
    };
    let answer = app.office().query(&format!("{{ {} {} }}", of("a", 2027), of("b", 1))).await;
    let paths: Vec<_> = answer.errors().iter().map(|error| error["path"].clone()).collect();
    assert_eq!(paths, [json!(["a", "fee", "amountFor"]), json!(["b", "fee", "amountFor"])]);
});

on_both!(each_sees_its_own, |app| async move {
    let register = fill(&app).await;
    let gotland = app.member(register.id("Finsam Gotland"));
    let goteborg = app.member(register.id("Göteborg"));
    let lead = app.lead(&["bip"]);
    let both = app.viewer(Viewer {
        roles: vec![Role::Member, Role::ActivityLead],
        member: Some(
            register
                .id("Göteborg")
                .strip_prefix("member_")
                .unwrap()
                .parse::<uuid::Uuid>()
                .unwrap()
                .into(),
        ),
        activities: vec!["indikatorer".into()],
        ..Viewer::default()
    });
    let of_bip =
        vec!["draft", "2023-0001", "2025-0002", "2025-0003", "2026-0001", "2026-0002", "2026-0003"];
    for (who, caller, found) in [
        ("gotland", &gotland, vec!["2024-0001", "2025-0003", "2026-0002", "2026-0003"]),
        // Its draft is none of its business until it is offered.
        ("göteborg", &goteborg, vec!["2023-0001", "2025-0001"]),
        ("the lead of bip", &lead, of_bip),
        ("a lead of nothing", &app.lead(&["annan"]), vec![]),
        (
            "göteborg, lead of indikatorer",
            &both,
            vec!["2023-0001", "2024-0001", "2025-0001", "2026-0004"],
        ),
        (
            "a program without the scope",
            &app.service("members:read invoices:read templates:read"),
            vec![],
        ),
    ] {
        let answer = caller.query("{ agreements { totalCount nodes { number } } }").await;
        assert_eq!(numbers(&answer, "agreements"), found, "{who}");
        assert_eq!(answer["agreements"]["totalCount"], found.len(), "{who}");
    }
    assert_eq!(listed(&app.service("agreements:read"), "first: 25").await.len(), 10);
    // What may not be seen is absent, by whatever path it is queried.
    for name in ["draft", "renewing"] {
        let answer = gotland
            .ask(
                "query($id: ID!) { node(id: $id) { id } agreement(by: { id: $id }) { id } }",
                json!({ "id": register.id(name) }),
            )
            .await;
        assert_eq!(answer.data(), &json!({ "node": null, "agreement": null }), "{name}");
    }
    assert_eq!(
        gotland.query(r#"{ agreement(by: { number: "2025-0001" }) { id } }"#).await["agreement"],
        Value::Null
    );
    assert_eq!(expiring(&gotland, "(withinDays: 3000)").await, ["2026-0003"]);
    assert_eq!(expiring(&goteborg, "").await, ["2025-0001"]);
    assert_eq!(
        gotland.query("{ expiringAgreements { totalCount } }").await["expiringAgreements"]["totalCount"],
        0
    );
    let answer = goteborg
        .query("{ activities { nodes { slug agreements { totalCount nodes { number } } } } }")
        .await;
    assert_eq!(
        answer["activities"]["nodes"],
        json!([
            { "slug": "bip", "agreements": { "totalCount": 1, "nodes": [{ "number": "2023-0001" }] } },
            { "slug": "indikatorer", "agreements": { "totalCount": 1, "nodes": [{ "number": "2025-0001" }] } },
        ])
    );
    let answer = goteborg.query(r#"{ agreement(by: { number: "2025-0001" }) { auditEntries { totalCount nodes { id } } counterparty { ... on Member { name } } templateVersion { version } fee { amountFor(year: 2026) } } }"#).await;
    assert_eq!(
        answer["agreement"],
        json!({ "auditEntries": { "totalCount": 0, "nodes": [] }, "counterparty": { "name": "Göteborg" }, "templateVersion": { "version": 2 }, "fee": { "amountFor": "122400.00" } })
    );
    // A lead sees the organisation that its activity's agreement is with.
    let answer = lead.query(r#"{ agreement(by: { number: "2026-0001" }) { counterparty { __typename ... on Organisation { name agreements { nodes { number } } } } } }"#).await;
    assert_eq!(
        answer["agreement"]["counterparty"],
        json!({ "__typename": "Organisation", "name": "Rådgivarna AB", "agreements": { "nodes": [{ "number": "2026-0001" }] } })
    );
});

on_both!(nested_lists_have_filters_orders_pages_and_counts, |app| async move {
    fill(&app).await;
    let answer = app
        .office()
        .query(
            r"{ members { nodes { name agreements(filter: { status: [ACTIVE, ENDED] }, orderBy: { field: STARTS_ON, direction: DESC }, first: 1) {
                totalCount nodes { number status } pageInfo { hasNextPage } } } } }",
        )
        .await;
    assert_eq!(
        answer["members"]["nodes"],
        json!([
            { "name": "Finsam Gotland", "agreements": { "totalCount": 2, "nodes": [{ "number": "2025-0003", "status": "ACTIVE" }], "pageInfo": { "hasNextPage": true } } },
            { "name": "Göteborg", "agreements": { "totalCount": 2, "nodes": [{ "number": "2025-0001", "status": "ACTIVE" }], "pageInfo": { "hasNextPage": true } } },
            { "name": "Halland", "agreements": { "totalCount": 1, "nodes": [{ "number": "2025-0002", "status": "ACTIVE" }], "pageInfo": { "hasNextPage": false } } },
        ])
    );
});

on_both!(every_bad_argument_is_named_at_once, |app| async move {
    let register = fill(&app).await;
    let office = app.office();
    let answer = office
        .ask(
            r#"query($schedule: ID!) { agreements(first: -1, last: 201, after: "x", filter: { asOf: "2026-02-30", endsFrom: "2026-1-1", endsTo: "igår",
                counterpartyId: $schedule, templateVersionId: "x", activitySlugs: ["bip", "", "a\u0000b"], search: "\u0000", county: "\n", contactAreaId: "x" }) { nodes { id } } }"#,
            json!({ "schedule": register.id("bip") }),
        )
        .await;
    assert_eq!(
        answer.bad_fields(),
        [
            "after",
            "filter.activitySlugs.1",
            "filter.activitySlugs.2",
            "filter.asOf",
            "filter.contactAreaId",
            "filter.counterpartyId",
            "filter.endsFrom",
            "filter.endsTo",
            "filter.search",
            "filter.templateVersionId",
            "first",
            "last",
        ]
    );
    let answer = office
        .query(r#"{ expiringAgreements(withinDays: 3661, asOf: "2026-13-01", first: 1000, filter: { endsTo: "x" }) { nodes { id } } }"#)
        .await;
    assert_eq!(answer.bad_fields(), ["asOf", "filter.endsTo", "first", "withinDays"]);
    assert_eq!(
        office.query("{ expiringAgreements(withinDays: -1) { nodes { id } } }").await.bad_fields(),
        ["withinDays"]
    );
    for (ask, field) in [
        (r#"agreement(by: { id: "agreement_1" }) { id }"#, "by.id"),
        (r#"agreement(by: { number: "" }) { id }"#, "by.number"),
        (r#"agreement(by: { number: "2024-0001" }) { status(asOf: "2026-02-29") }"#, "asOf"),
        (
            r#"agreement(by: { number: "2024-0001" }) { nextDeadline(asOf: "i dag") { deadlineOn } }"#,
            "asOf",
        ),
        (r#"agreement(by: { number: "2024-0001" }) { termEndsOn(asOf: "0000-01-01") }"#, "asOf"),
    ] {
        assert_eq!(office.query(&format!("{{ {ask} }}")).await.bad_fields(), [field], "{ask}");
    }
    // A cursor of one order is none of another.
    let answer = office.query("{ agreements(first: 1) { pageInfo { endCursor } } }").await;
    let cursor = &answer["agreements"]["pageInfo"]["endCursor"];
    for list in ["agreements(orderBy: { field: ENDS_ON }, ", "expiringAgreements("] {
        assert_eq!(
            office
                .query(&format!("{{ {list} after: {cursor}) {{ nodes {{ id }} }} }}"))
                .await
                .bad_fields(),
            ["after"],
            "{list}"
        );
    }
});

on_both!(statements_do_not_grow_with_the_page, |app| async move {
    fill(&app).await;
    let widest = |first: u32| {
        format!(
            r"{{ agreements(first: {first}, orderBy: {{ field: NUMBER, direction: DESC }}) {{ totalCount nodes {{ id number kind status direction startsOn endsOn termEndsOn
                activity {{ name }} counterparty {{ ... on Member {{ name }} ... on Organisation {{ name }} }} templateVersion {{ version template {{ title }} }} parameters
                nextDeadline {{ deadlineOn snooze {{ snoozedBy }} }} decision {{ body }} fee {{ basis amountFor(year: 2026) }} signatures {{ name }} document {{ sha256 }}
                predecessor {{ number }} successor {{ number }} auditEntries {{ nodes {{ action }} }} }} }} }}"
        )
    };
    app.statements();
    let mut counts = Vec::new();
    for first in [4, 10] {
        app.office().query(&widest(first)).await.data();
        counts.push(app.statements());
    }
    // The page, its count, activities, members, organisations, template versions, templates,
    // parameters, acknowledgements, decisions, allocations, signatures, documents, predecessors,
    // successors, the trail.
    assert_eq!(counts[1].len(), 16, "{:#?}", counts[1]);
    assert!(counts[0].len() <= counts[1].len(), "{:#?}", counts[0]);
    // Only what is asked for is selected.
    app.office().query("{ agreements { nodes { number } } }").await.data();
    let statements = app.statements();
    assert_eq!(statements.len(), 1);
    assert!(
        !statements[0].contains("starts_on") && !statements[0].contains("fee_amount"),
        "{}",
        statements[0]
    );
});
