//! Fee schedules: the fees of participation from a day on, and of membership in a year.

use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    caller::{Answer, Caller},
};

/// The report's members, with one whose allocation no one knows and one that is known by the
/// state's share alone.
const MEMBERS: &str = "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city\n\
    gotland,Gotland,222000-1834,,,,2015-01-01,,,,,,,\n\
    goteborg,Göteborg,222000-2568,,,,2015-01-01,,,,,,,\n\
    okand,Okänd,,,,,2015-01-01,,,,,,,\n\
    statlig,Statlig,,,,,2015-01-01,,,,,,,\n";
const ALLOCATIONS: &str = "member,year,basis,amount,source\n\
    gotland,2026,ALL_PARTIES,4324333.00,\n\
    gotland,2026,STATE_SHARE,2162166.50,\n\
    goteborg,2026,ALL_PARTIES,61200000.00,\n\
    statlig,2026,STATE_SHARE,1000000.00,\n";
const ACTIVITIES: &str =
    "key,slug,name,purpose,goal,funding,starts_on,ends_on\nbip,bip,BIP,,,SPECIAL_FEE,2020-01-01,\n";

async fn fill(app: &App) -> String {
    app.import(&[
        ("members.csv", MEMBERS),
        ("allocations.csv", ALLOCATIONS),
        ("activities.csv", ACTIVITIES),
    ])
    .await;
    let answer = app.office().query("{ activity(by: { slug: \"bip\" }) { id } }").await;
    answer["activity"]["id"].as_str().unwrap().to_owned()
}

/// Sets a price of BIP.
async fn set(caller: &Caller<'_>, activity: &str, price: Value) -> Answer {
    let mut input = price;
    input["activityId"] = json!(activity);
    let document = "mutation($input: FeeScheduleSetInput!) { feeScheduleSet(input: $input) { activity { feeSchedules { validFrom validTo basis amount perMille cap minimum vatRate } } } }";
    caller.ask(document, json!({ "input": input })).await
}

/// Sets the network's own fee.
async fn set_own(caller: &Caller<'_>, input: Value) -> Answer {
    caller
        .ask(
            "mutation($input: NetworkFeeSetInput!) { networkFeeSet(input: $input) { feeSchedule { id } } }",
            json!({ "input": input }),
        )
        .await
}

fn fixed(from: &str, to: Option<&str>, amount: &str) -> Value {
    json!({ "validFrom": from, "validTo": to, "basis": "FIXED_PER_YEAR", "amount": amount, "vatRate": "STANDARD_25" })
}

/// The prices of BIP in the answer, as `from–to amount`.
fn prices(answer: &Answer) -> Vec<String> {
    let rows = answer["feeScheduleSet"]["activity"]["feeSchedules"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or("…").to_owned();
    rows.map(|row| {
        format!("{}–{} {}", text(&row["validFrom"]), text(&row["validTo"]), text(&row["amount"]))
    })
    .collect()
}

on_both!(a_new_price_ends_the_open_one_the_day_before, |app| async move {
    let bip = fill(&app).await;
    let first = set(&app.office(), &bip, fixed("2025-01-01", None, "15000")).await;
    assert_eq!(prices(&first), ["2025-01-01–… 15000.00"]);
    let before = app.revision().await;
    let second = set(&app.finance(), &bip, fixed("2026-07-01", None, "18000")).await;
    assert_eq!(prices(&second), ["2026-07-01–… 18000.00", "2025-01-01–2026-06-30 15000.00"]);
    // Both are in the trail.
    assert_eq!(app.revision().await, before + 2);
    let trail = app
        .office()
        .ask("query($id: ID!) { auditEntries(filter: { subjectId: $id }, first: 2) { nodes { action before after } } }", json!({ "id": bip }))
        .await;
    let trail = trail["auditEntries"]["nodes"].as_array().unwrap();
    assert!(trail.iter().all(|entry| entry["action"] == "feeScheduleSet"));
    assert_eq!(
        (&trail[0]["before"], &trail[0]["after"]["valid_from"]),
        (&Value::Null, &json!("2026-07-01"))
    );
    assert_eq!(
        (&trail[1]["before"]["valid_to"], &trail[1]["after"]["valid_to"]),
        (&Value::Null, &json!("2026-06-30"))
    );

    // Another basis has days of its own.
    let per_mille = json!({ "validFrom": "2026-01-01", "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 2.125, "cap": "100000", "minimum": "5000", "vatRate": "OUTSIDE_SCOPE" });
    let changed = set(&app.office(), &bip, per_mille).await;
    assert_eq!(
        changed["feeScheduleSet"]["activity"]["feeSchedules"][1],
        json!({ "validFrom": "2026-01-01", "validTo": null, "basis": "PER_MILLE_OF_ALLOCATION", "amount": null, "perMille": "2.125", "cap": "100000.00", "minimum": "5000.00", "vatRate": "OUTSIDE_SCOPE" })
    );
});

on_both!(prices_of_one_basis_never_overlap, |app| async move {
    let bip = fill(&app).await;
    set(&app.office(), &bip, fixed("2024-01-01", Some("2024-12-31"), "1")).await.data();
    set(&app.office(), &bip, fixed("2025-01-01", None, "2")).await.data();
    let before = app.revision().await;
    for (from, to) in [
        ("2023-01-01", Some("2024-01-01")),
        ("2023-01-01", None),
        ("2024-12-31", Some("2024-12-31")),
        ("2024-01-01", Some("2025-01-01")),
    ] {
        assert_eq!(
            set(&app.office(), &bip, fixed(from, to, "3")).await.reason(),
            "OVERLAPS",
            "{from} {to:?}"
        );
    }
    // The same again changes nothing; another sum from the same day on replaces it.
    set(&app.office(), &bip, fixed("2025-01-01", None, "2.00")).await.data();
    assert_eq!(app.revision().await, before);
    let corrected = set(&app.office(), &bip, fixed("2025-01-01", None, "20")).await;
    assert_eq!(prices(&corrected), ["2025-01-01–… 20.00", "2024-01-01–2024-12-31 1.00"]);
    assert_eq!(app.revision().await, before + 1);
});

on_both!(a_price_fits_its_basis, |app| async move {
    let bip = fill(&app).await;
    let before = app.revision().await;
    for (price, fields) in [
        (json!({ "basis": "FIXED_PER_YEAR" }), vec!["input.amount"]),
        (
            json!({ "basis": "PER_PARTICIPANT", "amount": "1", "perMille": 2.0 }),
            vec!["input.perMille"],
        ),
        (
            json!({ "basis": "PER_MILLE_OF_ALLOCATION", "amount": "1" }),
            vec!["input.amount", "input.perMille"],
        ),
        (json!({ "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 2.0005 }), vec!["input.perMille"]),
        (json!({ "basis": "PER_MILLE_OF_ALLOCATION", "perMille": -1.0 }), vec!["input.perMille"]),
        (
            json!({ "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 1e300, "validTo": "2025-12-31" }),
            vec!["input.perMille", "input.validTo"],
        ),
        (
            json!({ "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 2.0, "cap": "1", "minimum": "2" }),
            vec!["input.cap"],
        ),
        (
            json!({ "basis": "ONE_OFF", "amount": "-1", "cap": "-2" }),
            vec!["input.amount", "input.cap"],
        ),
    ] {
        let mut price = price;
        (price["validFrom"], price["vatRate"]) = (json!("2026-01-01"), json!("STANDARD_25"));
        assert_eq!(set(&app.finance(), &bip, price.clone()).await.bad_fields(), fields, "{price}");
    }
    let unknown = "activity_0197aaaaaaaa7000800000000000000a";
    assert_eq!(
        set(&app.finance(), unknown, fixed("2026-01-01", None, "1")).await.code(),
        "NOT_FOUND"
    );
    for caller in [app.board(), app.auditor(), app.lead(&["bip"]), app.service("invoices:write")] {
        assert_eq!(set(&caller, &bip, fixed("2026-01-01", None, "1")).await.code(), "FORBIDDEN");
        assert_eq!(set_own(&caller, fixed("2026-01-01", None, "1")).await.code(), "FORBIDDEN");
    }
    assert_eq!(app.revision().await, before);
});

on_both!(a_price_may_be_decided_after_its_first_day, |app| async move {
    let bip = fill(&app).await;
    for (from, on) in [
        ("2024-01-01", Some("2023-11-20")),
        ("2025-01-01", Some("2025-03-15")),
        ("2026-01-01", None),
    ] {
        let mut price = fixed(from, None, "1");
        price["decision"] = json!({ "body": "ANNUAL_MEETING", "decidedOn": on, "paragraph": "§ 12", "document": "https://example.se/protokoll" });
        set(&app.finance(), &bip, price).await.data();
    }
    let document = "{ activity(by: { slug: \"bip\" }) { feeSchedules { validFrom decidedLate decision { body decidedOn paragraph document } } } }";
    let ale = app.office().query("{ members(first: 1) { nodes { id } } }").await;
    // Prices are as public as the activity.
    for caller in [app.office(), app.member(ale["members"]["nodes"][0]["id"].as_str().unwrap())] {
        let answer = caller.query(document).await;
        let late: Vec<_> = answer["activity"]["feeSchedules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (&row["validFrom"], &row["decidedLate"]))
            .collect();
        assert_eq!(
            late,
            [
                (&json!("2026-01-01"), &Value::Null),
                (&json!("2025-01-01"), &json!(true)),
                (&json!("2024-01-01"), &json!(false))
            ]
        );
        let decision = json!({ "body": "ANNUAL_MEETING", "decidedOn": "2025-03-15", "paragraph": "§ 12", "document": "https://example.se/protokoll" });
        assert_eq!(answer["activity"]["feeSchedules"][1]["decision"], decision);
    }
});

on_both!(the_service_fee_follows_the_rule_of_the_first_of_january, |app| async move {
    fill(&app).await;
    let quotes = async |caller: Caller<'_>, year: i32| {
        let document = "query($year: Int!) { members { nodes { name serviceFee(year: $year) { amount basis perMille allocation capped } } } }";
        let answer = caller.ask(document, json!({ "year": year })).await;
        let rows = answer["members"]["nodes"].as_array().unwrap().clone();
        rows.into_iter()
            .map(|row| (row["name"].as_str().unwrap().to_owned(), row["serviceFee"].clone()))
            .collect::<Vec<_>>()
    };
    let quote = |amount: &str, rate: &str, allocation: &str, capped: bool| json!({ "amount": amount, "basis": "PER_MILLE_OF_ALLOCATION", "perMille": rate, "allocation": allocation, "capped": capped });
    let of = |gotland: Value, goteborg: Value| {
        [
            ("Gotland", gotland),
            ("Göteborg", goteborg),
            ("Okänd", Value::Null),
            ("Statlig", Value::Null),
        ]
        .map(|(name, quote)| (name.to_owned(), quote))
    };
    // There is no rule yet.
    assert_eq!(quotes(app.office(), 2026).await, of(Value::Null, Value::Null));

    let rule = |from: &str, rate: f64, cap: Option<&str>| json!({ "validFrom": from, "basis": "PER_MILLE_OF_ALLOCATION", "perMille": rate, "cap": cap, "vatRate": "OUTSIDE_SCOPE" });
    set_own(&app.finance(), rule("2026-01-01", 2.0, None)).await.data();
    let at_two = of(
        quote("8648.67", "2", "4324333.00", false),
        quote("122400.00", "2", "61200000.00", false),
    );
    assert_eq!(quotes(app.board(), 2026).await, at_two);
    // What begins later does not change the year, and no allocation is known for the next one.
    set_own(&app.finance(), rule("2026-01-02", 4.0, None)).await.data();
    assert_eq!(quotes(app.service("members:read"), 2026).await, at_two);
    assert_eq!(quotes(app.office(), 2027).await, of(Value::Null, Value::Null));
    for year in [1, 0, i32::MIN, i32::MAX] {
        assert_eq!(quotes(app.office(), year).await, of(Value::Null, Value::Null), "{year}");
    }
    set_own(&app.finance(), json!({ "validFrom": "2026-01-01", "validTo": "2026-01-01", "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 4.0, "cap": "100000", "vatRate": "OUTSIDE_SCOPE" })).await.data();
    let capped = of(
        quote("17297.33", "4", "4324333.00", false),
        quote("100000.00", "4", "61200000.00", true),
    );
    assert_eq!(quotes(app.office(), 2026).await, capped);

    // Without the allocation of a member in sight, its fee isn't there either.
    assert_eq!(quotes(app.lead(&["bip"]), 2026).await, of(Value::Null, Value::Null));
    let gotland =
        app.office().query("{ members(filter: { search: \"Gotland\" }) { nodes { id } } }").await;
    let member = app.member(gotland["members"]["nodes"][0]["id"].as_str().unwrap());
    assert_eq!(quotes(member.clone(), 2026).await, capped[..1]);

    let fees = member.query("{ networkFees { validFrom validTo perMille cap } }").await;
    assert_eq!(
        fees["networkFees"],
        json!([
            { "validFrom": "2026-01-02", "validTo": null, "perMille": "4", "cap": null },
            { "validFrom": "2026-01-01", "validTo": "2026-01-01", "perMille": "4", "cap": "100000.00" },
        ])
    );
});

/// The members of the report's table, with one that no one knows an allocation of, one that left
/// before the year and one that joined in it.
const REPORT: [(&str, &str); 2] = [
    (
        "members.csv",
        "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city
gotland,Finsam Gotland,222000-1834,,,,2015-01-01,,,,,,,
ostergotland,Centrala Östergötland,,,,,2015-01-01,2026-01-01,,,,,,
stockholm,Stockholm,,,,,2015-01-01,,,,,,,
goteborg,Göteborg,222000-2568,,,,2026-12-31,,,,,,,
okand,Okänd,,,,,2015-01-01,,,,,,,
statlig,Statlig,,,,,2015-01-01,,,,,,,
borta,Borta,,,,,2015-01-01,2025-12-31,,,,,,
sedan,Sedan,,,,,2027-01-01,,,,,,,
",
    ),
    (
        "allocations.csv",
        "member,year,basis,amount,source
gotland,2026,ALL_PARTIES,4324000.00,
ostergotland,2026,ALL_PARTIES,13400000.00,
stockholm,2026,ALL_PARTIES,32000000.00,
goteborg,2026,ALL_PARTIES,61200000.00,
statlig,2026,STATE_SHARE,1000000.00,
borta,2026,ALL_PARTIES,9000000.00,
sedan,2026,ALL_PARTIES,9000000.00,
",
    ),
];

const SCENARIO: &str =
    "query($input: ServiceFeeScenarioInput!) { serviceFeeScenario(input: $input) {
    rows { member { name } allocation current proposed change capped lostToCap }
    total currentTotal withoutTotal cappedMemberCount lostToCap missing { name } } }";

async fn scenario(caller: &Caller<'_>, input: Value) -> Value {
    caller.ask(SCENARIO, json!({ "input": input })).await["serviceFeeScenario"].clone()
}

/// The rows of a scenario, as `name current proposed change`, with a star where the cap is.
fn rows(found: &Value) -> Vec<String> {
    let line = |row: &Value| {
        let sums =
            ["current", "proposed", "change"].map(|sum| row[sum].as_str().unwrap().to_owned());
        format!(
            "{} {}{}",
            row["member"]["name"].as_str().unwrap(),
            sums.join(" "),
            if row["capped"] == true { " *" } else { "" }
        )
    };
    found["rows"].as_array().unwrap().iter().map(line).collect()
}

on_both!(the_reports_fee_table_comes_out_exactly, |app| async move {
    app.import(&REPORT).await;
    let board = app.board();
    // There is no rule in force yet, so that no one pays anything.
    let at_two = scenario(&board, json!({ "year": 2026, "perMille": 2.0 })).await;
    assert_eq!(
        rows(&at_two),
        [
            "Centrala Östergötland 0.00 26800.00 26800.00",
            "Finsam Gotland 0.00 8648.00 8648.00",
            "Göteborg 0.00 122400.00 122400.00",
            "Stockholm 0.00 64000.00 64000.00",
        ]
    );
    assert_eq!(
        at_two["missing"],
        json!([{ "name": "Okänd" }, { "name": "Statlig" }]),
        "the state's share is another basis"
    );
    let rule = json!({ "validFrom": "2026-01-01", "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 2.0, "vatRate": "OUTSIDE_SCOPE" });
    set_own(&app.finance(), rule).await.data();
    let at_four = scenario(&board, json!({ "year": 2026, "perMille": 4.0 })).await;
    assert_eq!(
        rows(&at_four),
        [
            "Centrala Östergötland 26800.00 53600.00 26800.00",
            "Finsam Gotland 8648.00 17296.00 8648.00",
            "Göteborg 122400.00 244800.00 122400.00",
            "Stockholm 64000.00 128000.00 64000.00",
        ]
    );
    assert_eq!(
        (&at_four["total"], &at_four["currentTotal"]),
        (&json!("443696.00"), &json!("221848.00"))
    );
    let at_three = scenario(&board, json!({ "year": 2026, "perMille": 3.0 })).await;
    assert_eq!((&at_three["total"], &at_three["lostToCap"]), (&json!("332772.00"), &json!("0.00")));
    let capped = scenario(&board, json!({ "year": 2026, "perMille": 4.0, "cap": "100000" })).await;
    assert_eq!(
        rows(&capped)[2..],
        ["Göteborg 122400.00 100000.00 -22400.00 *", "Stockholm 64000.00 100000.00 36000.00 *"]
    );
    assert_eq!(
        (
            &capped["total"],
            &capped["cappedMemberCount"],
            &capped["lostToCap"],
            &capped["rows"][2]["lostToCap"]
        ),
        (&json!("270896.00"), &json!(2), &json!("172800.00"), &json!("144800.00"))
    );
    let lifted =
        scenario(&board, json!({ "year": 2026, "perMille": 2.0, "minimum": "30000" })).await;
    assert_eq!(
        rows(&lifted)[..2],
        [
            "Centrala Östergötland 26800.00 30000.00 3200.00",
            "Finsam Gotland 8648.00 30000.00 21352.00"
        ]
    );
    // A year without allocations has nothing to calculate on, and says so.
    let next = scenario(&board, json!({ "year": 2027, "perMille": 2.0 })).await;
    assert_eq!((rows(&next).len(), &next["total"]), (0, &json!("0.00")));
    assert_eq!(next["missing"].as_array().unwrap().len(), 6);
});

on_both!(a_scenario_may_be_without_some, |app| async move {
    app.import(&REPORT).await;
    let rule = json!({ "validFrom": "2026-01-01", "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 2.0, "vatRate": "OUTSIDE_SCOPE" });
    set_own(&app.finance(), rule).await.data();
    let members = app.office().query("{ members { nodes { id name } } }").await;
    let id = |name: &str| {
        let nodes = members["members"]["nodes"].as_array().unwrap();
        nodes.iter().find(|node| node["name"] == name).unwrap()["id"].clone()
    };
    let input =
        json!({ "year": 2026, "perMille": 2.5, "withoutMemberIds": [id("Göteborg"), id("Okänd")] });
    let before = app.revision().await;
    let found = scenario(&app.finance(), input).await;
    assert_eq!(rows(&found).len(), 3);
    assert_eq!(
        (&found["total"], &found["currentTotal"], &found["withoutTotal"], &found["missing"]),
        (
            &json!("124310.00"),
            &json!("99448.00"),
            &json!("122400.00"),
            &json!([{ "name": "Statlig" }])
        )
    );
    assert_eq!(app.revision().await, before);

    let own = app.member(id("Stockholm").as_str().unwrap());
    let found = scenario(&own, json!({ "year": 2026, "perMille": 3.0 })).await;
    assert_eq!(
        (rows(&found), &found["missing"]),
        (vec!["Stockholm 64000.00 96000.00 32000.00".to_owned()], &json!([]))
    );
    let found = scenario(&app.lead(&["bip"]), json!({ "year": 2026, "perMille": 3.0 })).await;
    assert_eq!(
        (rows(&found).len(), &found["total"], &found["missing"]),
        (0, &Value::Null, &json!([]))
    );

    let ask = async |input: Value| {
        let answer = app.board().ask(SCENARIO, json!({ "input": input })).await;
        answer.bad_fields().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let bad = json!({ "year": 0, "perMille": 1001.0, "cap": "-1", "minimum": "x", "withoutMemberIds": ["x", id("Göteborg")] });
    assert_eq!(
        ask(bad).await,
        ["input.cap", "input.minimum", "input.perMille", "input.withoutMemberIds.0", "input.year"]
    );
    assert_eq!(
        ask(json!({ "year": 2026, "perMille": 2.0, "cap": "1", "minimum": "2" })).await,
        ["input.cap"]
    );
    // Who left before, or joins after, is no member of the year; nor is one that the viewer does
    // not see.
    let strangers = json!({ "year": 2026, "perMille": 2.0, "withoutMemberIds": [id("Stockholm"), id("Borta"), id("Sedan")] });
    assert_eq!(ask(strangers).await, ["input.withoutMemberIds.1", "input.withoutMemberIds.2"]);
    let other = own
        .ask(
            SCENARIO,
            json!({ "input": { "year": 2026, "perMille": 2.0, "withoutMemberIds": [id("Göteborg")] } }),
        )
        .await;
    assert_eq!(other.bad_fields(), ["input.withoutMemberIds.0"]);
});

on_both!(a_scenario_takes_the_same_statements_for_few_and_for_many, |app| async move {
    app.import(&REPORT).await;
    let cost = async || {
        app.statements();
        scenario(&app.board(), json!({ "year": 2026, "perMille": 2.0 })).await;
        app.statements()
    };
    let few = cost().await;
    assert!(few.len() <= 5, "{few:#?}");
    let mut members = REPORT[0].1.to_owned();
    let mut allocations = REPORT[1].1.to_owned();
    for n in 0..300 {
        members += &format!("m{n},Förbund {n:03},,,,,2015-01-01,,,,,,,\n");
        allocations +=
            &if n % 3 == 0 { String::new() } else { format!("m{n},2026,ALL_PARTIES,{n}000.00,\n") };
    }
    app.import(&[("members.csv", &members), ("allocations.csv", &allocations)]).await;
    assert_eq!(cost().await, few);
});

on_both!(a_fee_says_how_it_came_about, |app| async move {
    fill(&app).await;
    let rule = json!({ "validFrom": "2026-01-01", "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 2.0, "cap": "100000", "minimum": "9000",
        "vatRate": "OUTSIDE_SCOPE", "decision": { "body": "ANNUAL_MEETING", "decidedOn": "2026-03-20", "paragraph": "§ 9" } });
    set_own(&app.finance(), rule).await.data();
    let membership = json!({ "validFrom": "2026-01-01", "basis": "FIXED_PER_YEAR", "amount": "5000", "vatRate": "OUTSIDE_SCOPE",
            "decision": { "body": "ANNUAL_MEETING", "decidedOn": "2025-11-20" } });
    set_own(&app.finance(), membership).await.data();
    let document = "query($year: Int!) { members { nodes { name
        serviceFee(year: $year) { amount exact rounding capped raisedToMinimum rule { validFrom perMille cap minimum vatRate decidedLate decision { body decidedOn paragraph } } }
        membershipFee(year: $year) { amount basis perMille allocation exact rounding capped raisedToMinimum rule { decidedLate } } } } }";
    app.statements();
    let answer = app.board().ask(document, json!({ "year": 2026 })).await;
    let statements = app.statements();
    assert!(statements.len() <= 7, "{statements:#?}");
    let nodes = &answer["members"]["nodes"];
    let rule = json!({ "validFrom": "2026-01-01", "perMille": "2", "cap": "100000.00", "minimum": "9000.00", "vatRate": "OUTSIDE_SCOPE",
        "decidedLate": true, "decision": { "body": "ANNUAL_MEETING", "decidedOn": "2026-03-20", "paragraph": "§ 9" } });
    // 2 ‰ of 4 324 333 kr is 8 648.666 kr, less than the minimum; 2 ‰ of 61 200 000 kr is more than
    // the cap.
    assert_eq!(
        (&nodes[0]["name"], &nodes[0]["serviceFee"]),
        (
            &json!("Gotland"),
            &json!({ "amount": "9000.00", "exact": "8648.666", "rounding": "0.004", "capped": false, "raisedToMinimum": true, "rule": rule })
        )
    );
    assert_eq!(
        nodes[1]["serviceFee"],
        json!({ "amount": "100000.00", "exact": "122400", "rounding": "0", "capped": true, "raisedToMinimum": false, "rule": rule })
    );
    // The membership fee needs no allocation.
    for node in nodes.as_array().unwrap() {
        assert_eq!(
            node["membershipFee"],
            json!({ "amount": "5000.00", "basis": "FIXED_PER_YEAR", "perMille": null, "allocation": null, "exact": "5000", "rounding": "0",
                "capped": false, "raisedToMinimum": false, "rule": { "decidedLate": false } })
        );
    }
    for year in [2014, 2025] {
        let answer = app.board().ask(document, json!({ "year": year })).await;
        assert_eq!(answer["members"]["nodes"][0]["membershipFee"], Value::Null, "{year}");
    }
});
