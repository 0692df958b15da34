//! Activities: start, change, closure, participants and costs.

use serde_json::{Value, json};

use crate::support::app::{App, on_both};

const MEMBERS: &str = "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city\n\
    ale,Ale,222000-1834,,,,2015-01-01,,,,,,,\n\
    are,Åre,222000-2568,,,,2015-01-01,2026-06-30,,,,,,\n\
    ostra,Östra,,,,,2015-01-01,,,,,,,\n\
    nya,Nya,,,,,2027-01-01,,,,,,,\n";

const ACTIVITIES: &str = "key,slug,name,purpose,goal,funding,starts_on,ends_on\n\
    bip,bip,BIP,Kurser,,COURSE_INCOME|SPECIAL_FEE,2020-01-01,\n\
    natverk,natverk,Ö-nätverket,,,VOLUNTEER,2020-01-01,\n\
    arkiv,arkiv,Arkivet,,,GRANT,2018-01-01,2019-12-31\n";

/// In force: Ale's in 2026, Åre's from 2024 on since it is renewed automatically, Östra's until its
/// notice ends it, and Nya's before it joins.
const AGREEMENTS: &str = "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate\n\
    a1,2026-0001,PARTICIPATION,INCOME,bip,ale,,,2026-01-01,2026-12-31,0,,2025-12-01T09:00:00Z,2025-12-02,,,,,\n\
    a2,2026-0002,PARTICIPATION,INCOME,bip,are,,,2024-01-01,2024-12-31,3,12,2023-12-01T09:00:00Z,2023-12-02,,,,,\n\
    a3,2026-0003,PARTICIPATION,INCOME,bip,ostra,,,2024-01-01,2026-03-31,3,12,2023-12-01T09:00:00Z,2023-12-02,2025-12-15,,,,\n\
    a4,2026-0004,PARTICIPATION,INCOME,bip,nya,,,2026-01-01,,0,,2025-12-01T09:00:00Z,2025-12-02,,,,,\n\
    a5,,PARTICIPATION,INCOME,bip,ostra,,,2026-10-01,,0,,,,,,,,\n\
    a6,2026-0006,COOPERATION,NONE,bip,ostra,,,2026-01-01,,0,,2025-12-01T09:00:00Z,2025-12-02,,,,,\n";

pub(super) async fn fill(app: &App) {
    app.import(&[
        ("members.csv", MEMBERS),
        ("activities.csv", ACTIVITIES),
        ("agreements.csv", AGREEMENTS),
    ])
    .await;
}

/// The id of an activity.
pub(super) async fn id(app: &App, slug: &str) -> String {
    let answer = app
        .office()
        .ask(
            "query($slug: String!) { activity(by: { slug: $slug }) { id } }",
            json!({ "slug": slug }),
        )
        .await;
    answer["activity"]["id"].as_str().unwrap().to_owned()
}

/// The id of a member by a word of its name.
pub(super) async fn member(app: &App, name: &str) -> String {
    let answer = app
        .office()
        .ask(
            "query($name: String!) { members(filter: { search: $name }) { nodes { id } } }",
            json!({ "name": name }),
        )
        .await;
    answer["members"]["nodes"][0]["id"].as_str().unwrap().to_owned()
}

on_both!(an_activity_is_started, |app| async move {
    app.import(&[
        ("members.csv", MEMBERS),
        ("contacts.csv", "key,member,role,name,email,phone,valid_from,valid_to\nanna,ale,ACTIVITY_CONTACT,Anna,anna@example.se,,,\n"),
    ])
    .await;
    let contacts = app
        .office()
        .query("{ members(filter: { search: \"Ale\" }) { nodes { contacts { id } } } }")
        .await;
    let anna = &contacts["members"]["nodes"][0]["contacts"][0]["id"];
    let selection = "slug name purpose goal funding startsOn endsOn boardContact { name } lead { name } decision { body decidedOn paragraph document }";
    let input = json!({
        "slug": "stoppa-valdet", "name": " Stoppa våldet ", "purpose": "Färre drabbas", "goal": "Rad ett\nRad två",
        "funding": ["GRANT", "SPECIAL_FEE", "GRANT"], "startsOn": "2026-01-01", "endsOn": "2028-12-31", "leadId": anna,
        "decision": { "body": "BOARD", "decidedOn": "2025-11-20", "paragraph": "§ 7" },
    });
    let started = app.office().does("activityStart", selection, input.clone()).await;
    let expected = json!({
        "slug": "stoppa-valdet", "name": "Stoppa våldet", "purpose": "Färre drabbas", "goal": "Rad ett\nRad två", "funding": ["SPECIAL_FEE", "GRANT"],
        "startsOn": "2026-01-01", "endsOn": "2028-12-31", "boardContact": null, "lead": { "name": "Anna" },
        "decision": { "body": "BOARD", "decidedOn": "2025-11-20", "paragraph": "§ 7", "document": null },
    });
    assert_eq!(started["activityStart"], expected);

    let before = app.revision().await;
    let again = app.office().does("activityStart", "id", input).await;
    assert_eq!(again.reason(), "SLUG_TAKEN");
    let no_one = json!({ "slug": "ny", "name": "Ny", "funding": [], "startsOn": "2026-01-01", "leadId": "contact_0197aaaaaaaa7000800000000000000a" });
    assert_eq!(app.office().does("activityStart", "id", no_one).await.code(), "NOT_FOUND");
    for caller in
        [app.finance(), app.board(), app.lead(&["stoppa-valdet"]), app.service("members:read")]
    {
        let refused = caller
            .does(
                "activityStart",
                "id",
                json!({ "slug": "Å", "name": "", "funding": [], "startsOn": "x" }),
            )
            .await;
        assert_eq!(refused.code(), "FORBIDDEN");
    }
    assert_eq!(app.revision().await, before);
});

on_both!(only_what_is_said_changes, |app| async move {
    fill(&app).await;
    let bip = id(&app, "bip").await;
    let selection = "name purpose goal funding startsOn endsOn decision { body }";
    let update = async |input: Value| {
        app.office().does("activityUpdate", selection, input).await["activityUpdate"].clone()
    };
    let changed = update(
        json!({ "activityId": bip, "goal": "Alla med", "decision": { "body": "MEMBERS_MEETING" } }),
    )
    .await;
    let mut expected = json!({
        "name": "BIP", "purpose": "Kurser", "goal": "Alla med", "funding": ["SPECIAL_FEE", "COURSE_INCOME"],
        "startsOn": "2020-01-01", "endsOn": null, "decision": { "body": "MEMBERS_MEETING" },
    });
    assert_eq!(changed, expected);
    // A variable that is left out of the request changes nothing either; null clears.
    let document = "mutation($id: ID!, $purpose: String, $goal: String) { activityUpdate(input: { activityId: $id, purpose: $purpose, goal: $goal, name: \"BIP!\" }) { activity { name purpose goal } } }";
    let cleared = app.office().ask(document, json!({ "id": bip, "goal": null })).await;
    assert_eq!(
        cleared["activityUpdate"]["activity"],
        json!({ "name": "BIP!", "purpose": "Kurser", "goal": null })
    );
    (expected["name"], expected["goal"], expected["funding"], expected["decision"]) =
        (json!("BIP!"), Value::Null, json!(["VOLUNTEER"]), Value::Null);
    assert_eq!(
        update(json!({ "activityId": bip, "funding": ["VOLUNTEER"], "decision": null })).await,
        expected
    );

    // The same again is no change and leaves no trace.
    let before = app.revision().await;
    assert_eq!(
        update(json!({ "activityId": bip, "funding": ["VOLUNTEER"], "name": "BIP!" })).await,
        expected
    );
    assert_eq!(app.revision().await, before);
    let trail = app
        .office()
        .ask(
            "query($id: ID!) { auditEntries(filter: { subjectId: $id }, first: 1) { nodes { action actor before after } } }",
            json!({ "id": bip }),
        )
        .await;
    let entry = &trail["auditEntries"]["nodes"][0];
    assert_eq!(
        (&entry["action"], &entry["actor"]),
        (&json!("activityUpdate"), &json!("office@example.se"))
    );
    assert_eq!(
        (&entry["before"]["funding"], &entry["after"]["funding"]),
        (&json!(["SPECIAL_FEE", "COURSE_INCOME"]), &json!(["VOLUNTEER"]))
    );
    let reported = app.trail(before - 3).await;
    let texts = reported.iter().map(|entry| {
        [&entry["before"], &entry["after"]].map(|row| (row["purpose"].clone(), row["goal"].clone()))
    });
    let texts: Vec<_> = texts.collect();
    let (purpose, goal) = (json!("Kurser"), json!("Alla med"));
    assert_eq!(
        (&texts[0][1], &texts[1][0]),
        (&(purpose.clone(), goal.clone()), &(purpose.clone(), goal))
    );
    assert_eq!(
        (&texts[1][1], &texts[2][1]),
        (&(purpose.clone(), Value::Null), &(purpose, Value::Null))
    );
});

on_both!(an_activity_with_agreements_does_not_end, |app| async move {
    fill(&app).await;
    let bip = id(&app, "bip").await;
    let close = async |id: &str, on: &str| {
        app.office()
            .does("activityClose", "endsOn", json!({ "activityId": id, "endsOn": on }))
            .await
    };
    let before = app.revision().await;
    for (on, numbers) in [
        // Östra's ended on 31 March, which both ends test; its draft and its cooperation never
        // count.
        ("2026-03-30", "2026-0001, 2026-0002, 2026-0003, 2026-0004"),
        ("2026-03-31", "2026-0001, 2026-0002, 2026-0004"),
        ("2026-12-30", "2026-0001, 2026-0002, 2026-0004"),
        ("2026-12-31", "2026-0002, 2026-0004"),
        ("2031-05-05", "2026-0002, 2026-0004"),
    ] {
        let refused = close(&bip, on).await;
        assert_eq!(refused.reason(), "AGREEMENTS_IN_FORCE", "{on}");
        assert_eq!(
            refused.error()["message"],
            format!("BIP has agreements in force after {on}: {numbers}; end them first")
        );
        let named = numbers.split(", ").collect::<Vec<_>>();
        assert_eq!(refused.error()["extensions"]["agreements"], json!(named), "{on}");
        let refused = app
            .office()
            .does("activityUpdate", "id", json!({ "activityId": bip, "endsOn": on }))
            .await;
        assert_eq!(refused.reason(), "AGREEMENTS_IN_FORCE", "{on}");
    }
    assert_eq!(close(&bip, "2019-12-31").await.bad_fields(), ["input.endsOn"]);
    assert_eq!(app.revision().await, before);

    let network = id(&app, "natverk").await;
    assert_eq!(
        close(&network, "2026-12-31").await["activityClose"],
        json!({ "endsOn": "2026-12-31" })
    );
    assert_eq!(
        close(&network, "2026-10-31").await["activityClose"],
        json!({ "endsOn": "2026-10-31" })
    );
    assert_eq!(
        close(&network, "2026-10-31").await["activityClose"],
        json!({ "endsOn": "2026-10-31" })
    );
    assert_eq!(close(&network, "2026-11-30").await.reason(), "ALREADY_CLOSED");
    let reopened = app
        .office()
        .does("activityUpdate", "endsOn", json!({ "activityId": network, "endsOn": null }))
        .await;
    assert_eq!(reopened["activityUpdate"], json!({ "endsOn": null }));
});

on_both!(coverage_is_as_of_any_day, |app| async move {
    fill(&app).await;
    let document = "query($asOf: Date) { activity(by: { slug: \"bip\" }) { coverage(asOf: $asOf) { asOf connectedCount memberCount share notConnected { name } } } }";
    for (day, connected, members, share, missing) in [
        ("2023-12-31", 0, 3, "0", vec!["Ale", "Åre", "Östra"]),
        ("2025-12-31", 2, 3, "0.6667", vec!["Ale"]),
        ("2026-01-01", 3, 3, "1", vec![]),
        ("2026-03-31", 3, 3, "1", vec![]),
        ("2026-04-01", 2, 3, "0.6667", vec!["Östra"]),
        // Åre is a member for the last time on 30 June, whatever its agreement says.
        ("2026-06-30", 2, 3, "0.6667", vec!["Östra"]),
        ("2026-07-01", 1, 2, "0.5", vec!["Östra"]),
        ("2026-12-31", 1, 2, "0.5", vec!["Östra"]),
        // Nya joins, with its agreement of the year before.
        ("2027-01-01", 1, 3, "0.3333", vec!["Ale", "Östra"]),
    ] {
        let answer = app.office().ask(document, json!({ "asOf": day })).await;
        let missing: Vec<_> = missing.into_iter().map(|name| json!({ "name": name })).collect();
        let expected = json!({ "asOf": day, "connectedCount": connected, "memberCount": members, "share": share, "notConnected": missing });
        assert_eq!(answer["activity"]["coverage"], expected);
    }
    let today = app
        .office()
        .query(
            "{ activity(by: { slug: \"bip\" }) { coverage { asOf connectedCount memberCount } } }",
        )
        .await;
    assert_eq!(
        today["activity"]["coverage"],
        json!({ "asOf": "2026-11-21", "connectedCount": 1, "memberCount": 2 })
    );
    // Before anyone was a member there is nothing to have a share of.
    let early = app.office().ask(document, json!({ "asOf": "1999-01-01" })).await;
    assert_eq!(early["activity"]["coverage"]["share"], "0");
    assert_eq!(
        app.office().ask(document, json!({ "asOf": "2026-02-30" })).await.bad_fields(),
        ["asOf"]
    );

    // Volunteers never lack agreements.
    let network =
        app.office().query("{ activity(by: { slug: \"natverk\" }) { coverage { connectedCount memberCount notConnected { name } } } }").await;
    let expected =
        json!({ "coverage": { "connectedCount": 0, "memberCount": 2, "notConnected": [] } });
    assert_eq!(network["activity"], expected);
});

on_both!(coverage_counts_the_same_for_everyone_and_names_members_to_few, |app| async move {
    fill(&app).await;
    let (ale, ostra) = (member(&app, "Ale").await, member(&app, "Östra").await);
    let document = "{ activity(by: { slug: \"bip\" }) { coverage { connectedCount memberCount notConnected { name } } } }";
    for (caller, missing) in [
        (app.lead(&["bip"]), json!([{ "name": "Östra" }])),
        (app.lead(&["natverk"]), Value::Null),
        (app.service("agreements:read"), json!([{ "name": "Östra" }])),
        (app.service("members:read"), Value::Null),
        (app.member(&ale), Value::Null),
        (app.member(&ostra), Value::Null),
        (app.service("templates:read"), Value::Null),
    ] {
        let answer = caller.query(document).await;
        assert_eq!(
            answer["activity"]["coverage"],
            json!({ "connectedCount": 1, "memberCount": 2, "notConnected": missing })
        );
        assert_eq!(caller.query("{ memberCount }").await["memberCount"], 2);
    }
    for (day, members) in [("1999-01-01", 0), ("2026-06-30", 3), ("2026-11-21", 2)] {
        let document = format!("{{ memberCount(asOf: \"{day}\") }}");
        let answer = app.service("templates:read").query(&document).await;
        assert_eq!(answer["memberCount"], members, "{day}");
    }
});

on_both!(numbers_of_later_days_reveal_no_leaving_to_those_who_may_not_see_it, |app| async move {
    fill(&app).await;
    let ale = member(&app, "Ale").await;
    let coverage = |slug: &str| {
        format!(
            "{{ activity(by: {{ slug: \"{slug}\" }}) {{ coverage(asOf: \"2027-01-01\") {{ connectedCount memberCount }} }} }}"
        )
    };
    let (count, matrix) = (
        "{ memberCount(asOf: \"2027-01-01\") }",
        "{ activityMatrix(asOf: \"2027-01-01\", comparedTo: \"2026-01-01\") { activities { coverage { connectedCount } } } }",
    );
    for (caller, sees_members, sees_bip) in [
        (app.office(), true, true),
        (app.board(), true, true),
        (app.lead(&["bip"]), true, true),
        (app.lead(&["natverk"]), true, false),
        (app.service("agreements:read"), true, true),
        (app.service("members:read"), true, false),
        (app.service("templates:read"), false, false),
        (app.member(&ale), false, false),
    ] {
        let counted = caller.query(count).await;
        let covered = caller.query(&coverage("bip")).await;
        for (answer, sees) in [(&counted, sees_members), (&covered, sees_bip)] {
            if sees {
                answer.data();
            } else {
                let field = &answer.error()["extensions"]["fields"][0];
                assert_eq!(
                    (&field["path"], &field["code"], &field["max"]),
                    (&json!("asOf"), &json!("TOO_LATE"), &json!("2026-11-21")),
                    "{}",
                    answer.text()
                );
            }
        }
        if sees_bip {
            assert_eq!(covered["activity"]["coverage"]["connectedCount"], 1);
        }
    }
    // A member's own agreement gives it a column, and no number of a later day.
    let matrix = app.member(&ale).query(matrix).await;
    assert!(!matrix.text().contains("connectedCount\":"), "{}", matrix.text());
});

on_both!(a_page_costs_as_many_statements_as_a_row, |app| async move {
    fill(&app).await;
    let document = "query($first: Int!) { activities(first: $first) { totalCount nodes { name funding boardContact { name } lead { name }
        decision { body } coverage { connectedCount memberCount share notConnected { name contactArea { name } } } feeSchedules { amount decision { body } }
        statusReports(first: 2) { totalCount nodes { summary activity { name } } } } } }";
    let ask = async |first: i32| {
        app.statements();
        app.office().ask(document, json!({ "first": first })).await.data();
        app.statements().len()
    };
    let (one, all) = (ask(1).await, ask(200).await);
    assert_eq!(one, all);
    // Nothing is counted that no one asks for, however it is asked.
    for (selection, statements) in [
        ("asOf", 1),
        ("asOf memberCount", 2),
        ("connectedCount memberCount share", 2),
        ("connectedCount memberCount share notConnected { name }", 3),
        ("... on Coverage { share: connectedCount ...missing }", 3),
    ] {
        app.statements();
        let document = format!(
            "query($missing: Boolean!) {{ activities {{ nodes {{ slug coverage {{ {selection} }} }} }} }} "
        );
        let fragment = "fragment missing on Coverage { lacking: notConnected @include(if: $missing) { called: name } }";
        let document = if selection.contains("missing") {
            document + fragment
        } else {
            document.replace("($missing: Boolean!)", "")
        };
        let answer = app.office().ask(&document, json!({ "missing": true })).await;
        let made = app.statements();
        assert_eq!(made.len(), statements, "{selection}: {made:#?}");
        if selection.contains("missing") {
            let coverage = &answer["activities"]["nodes"][1]["coverage"];
            assert_eq!(coverage, &json!({ "share": 1, "lacking": [{ "called": "Östra" }] }));
        }
    }
});

on_both!(costs_and_grants_make_the_result, |app| async move {
    fill(&app).await;
    let bip = id(&app, "bip").await;
    let economy = "economy(year: 2026) { year cost grants result }";
    let cost = json!({ "activityId": bip, "bookedOn": "2026-05-01", "amount": "1000.50", "description": "Lokal" });
    let grant = json!({ "activityId": bip, "bookedOn": "2026-12-31", "amount": "2500", "funder": "Staten" });
    app.finance().does("costRecord", economy, cost.clone()).await.data();
    // The same twice are two, and what was booked wrongly is reversed.
    let twice = app.office().does("costRecord", economy, cost.clone()).await;
    assert_eq!(
        twice["costRecord"]["economy"],
        json!({ "year": 2026, "cost": "2001.00", "grants": "0.00", "result": "-2001.00" })
    );
    let back = json!({ "activityId": bip, "bookedOn": "2026-05-01", "amount": "-1000.50", "description": "Lokal" });
    app.finance().does("costRecord", economy, back).await.data();
    let granted = app.finance().does("grantRecord", economy, grant.clone()).await;
    let expected =
        json!({ "year": 2026, "cost": "1000.50", "grants": "2500.00", "result": "1499.50" });
    assert_eq!(granted["grantRecord"]["economy"], expected);

    let before = app.revision().await;
    for caller in [app.board(), app.lead(&["bip"]), app.service("revenue:read")] {
        assert_eq!(caller.does("costRecord", "id", cost.clone()).await.code(), "FORBIDDEN");
        assert_eq!(caller.does("grantRecord", "id", grant.clone()).await.code(), "FORBIDDEN");
    }
    let zero =
        json!({ "activityId": bip, "bookedOn": "2026-05-01", "amount": "0", "description": "" });
    assert_eq!(
        app.finance().does("costRecord", "id", zero).await.bad_fields(),
        ["input.amount", "input.description"]
    );
    assert_eq!(app.revision().await, before);

    let document = format!("{{ activity(by: {{ slug: \"bip\" }}) {{ {economy} }} }}");
    // Two costs and a grant reveal two suppliers and a funder at most.
    let blank = json!({ "year": 2026, "cost": null, "grants": null, "result": null });
    let ale = member(&app, "Ale").await;
    for (caller, expected) in [
        (app.lead(&["bip"]), &expected),
        (app.service("revenue:read"), &expected),
        (app.lead(&["natverk"]), &blank),
        (app.member(&ale), &blank),
        (app.service("members:read"), &blank),
    ] {
        assert_eq!(&caller.query(&document).await["activity"]["economy"], expected);
    }
});

on_both!(activities_are_found, |app| async move {
    fill(&app).await;
    let ale = member(&app, "Ale").await;
    // They are public: anyone with a token sees all of them.
    for caller in
        [app.office(), app.member(&ale), app.lead(&["natverk"]), app.service("audit:read")]
    {
        for (filter, slugs) in [
            ("", vec!["arkiv", "bip", "natverk"]),
            ("filter: { funding: [GRANT, VOLUNTEER] }", vec!["arkiv", "natverk"]),
            ("filter: { funding: [] }", vec!["arkiv", "bip", "natverk"]),
            ("filter: { activeOn: \"2019-12-31\" }", vec!["arkiv"]),
            ("filter: { activeOn: \"2020-01-01\" }", vec!["bip", "natverk"]),
            ("filter: { search: \"ö-NÄT\" }", vec!["natverk"]),
            ("filter: { search: \"nätv\", funding: [VOLUNTEER] }", vec!["natverk"]),
            ("filter: { search: \"ätver\" }", vec![]),
            ("filter: { search: \"%\" }", vec![]),
            ("first: 1", vec!["arkiv"]),
            ("last: 1", vec!["natverk"]),
        ] {
            let arguments = if filter.is_empty() { String::new() } else { format!("({filter})") };
            let answer = caller
                .query(&format!("{{ activities{arguments} {{ totalCount nodes {{ slug }} }} }}"))
                .await;
            let found: Vec<_> = answer["activities"]["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|node| node["slug"].as_str().unwrap())
                .collect();
            assert_eq!(found, slugs, "{filter}");
            let total = if filter.starts_with("filter") { slugs.len() } else { 3 };
            assert_eq!(answer["activities"]["totalCount"], json!(total), "{filter}");
        }
    }
    let document = "query($search: String) { activities(first: -1, after: \"x\", filter: { activeOn: \"2026-02-30\", search: $search }) { nodes { id } } }";
    let bad = app.office().ask(document, json!({ "search": "\u{0}" })).await;
    assert_eq!(bad.bad_fields(), ["after", "filter.activeOn", "filter.search", "first"]);

    let find = "query($by: ActivityBy!) { activity(by: $by) { name } }";
    for (by, found) in [
        (json!({ "slug": "bip" }), json!({ "name": "BIP" })),
        (json!({ "slug": "BIP" }), Value::Null),
        (json!({ "slug": "🙂" }), Value::Null),
        (json!({ "id": id(&app, "bip").await }), json!({ "name": "BIP" })),
        (json!({ "id": "activity_0197aaaaaaaa7000800000000000000a" }), Value::Null),
    ] {
        assert_eq!(app.office().ask(find, json!({ "by": by })).await["activity"], found);
    }
    for (by, field) in [(json!({ "id": ale }), "by.id"), (json!({ "slug": "\u{0}" }), "by.slug")] {
        assert_eq!(app.office().ask(find, json!({ "by": by })).await.bad_fields(), [field]);
    }
});
