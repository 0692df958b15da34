//! The matrix of members and activities by agreement, as of a day, and who has come and gone
//! since another.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    caller::Caller,
};

const FILES: &[(&str, &str)] = &[
    (
        "members.csv",
        "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city\n\
         ale,Ale,,,,,2015-01-01,,,,,,,\nbo,Boden,,,,,2015-01-01,2026-06-30,,,,,,\no,Öckerö,,,,,2015-01-01,,,,,,,\nny,Ystad,,,,,2027-01-01,,,,,,,\n",
    ),
    (
        "activities.csv",
        "key,slug,name,purpose,goal,funding,starts_on,ends_on\n\
         bip,bip,BIP,,,SPECIAL_FEE,2020-01-01,\nind,indikatorer,Indikatorer,,,SPECIAL_FEE|VOLUNTEER,2020-01-01,\n\
         nat,natverk,Nätverk,,,VOLUNTEER,2020-01-01,\ngam,gammalt,Gammalt,,,SPECIAL_FEE,2010-01-01,2019-12-31\n",
    ),
    (
        "agreements.csv",
        "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate\n\
         a1,2025-0001,PARTICIPATION,INCOME,bip,ale,,,2025-01-01,2026-11-21,1,,2024-12-01T09:00:00Z,2024-12-02,,,,,\n\
         a2,2025-0002,PARTICIPATION,INCOME,bip,bo,,,2025-01-01,,1,,2024-12-01T09:00:00Z,2024-12-02,,,,,\n\
         a3,2026-0003,PARTICIPATION,INCOME,ind,ale,,,2026-03-01,,1,,2025-12-01T09:00:00Z,2025-12-02,,,,,\n\
         a4,2026-0004,PARTICIPATION,INCOME,bip,o,,,2026-11-21,,1,,2025-12-01T09:00:00Z,2025-12-02,,,,,\n\
         a5,2026-0005,ASSIGNMENT,COST,ind,o,,,2026-01-01,,1,,2025-12-01T09:00:00Z,2025-12-02,,,,,\n",
    ),
];

const QUESTION: &str = "query($asOf: Date, $comparedTo: Date, $activitySlugs: [String!]) {
    activityMatrix(asOf: $asOf, comparedTo: $comparedTo, activitySlugs: $activitySlugs) {
        asOf comparedTo byVolunteers { slug }
        activities { activity { slug } coverage { connectedCount memberCount share notConnected { name } }
            trend { before { connectedCount memberCount } joinedCount leftCount joined { name } left { name } } }
        rows(first: 200) { totalCount nodes { member { name } cells { number } } } } }";

async fn matrix(caller: Caller<'_>, variables: Value) -> Value {
    caller.ask(QUESTION, variables).await["activityMatrix"].clone()
}

/// The rows with the numbers of their cells.
fn rows(matrix: &Value) -> Value {
    let row = |row: &Value| {
        let cells = row["cells"].as_array().unwrap().iter().map(|cell| cell["number"].clone());
        json!([row["member"]["name"], cells.collect::<Vec<_>>()])
    };
    matrix["rows"]["nodes"].as_array().unwrap().iter().map(row).collect()
}

fn slugs(matrix: &Value) -> Vec<&str> {
    matrix["activities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column["activity"]["slug"].as_str().unwrap())
        .collect()
}

on_both!(members_go_down_and_activities_across, |app| async move {
    app.import(FILES).await;
    let found = matrix(app.office(), json!({ "comparedTo": "2026-02-28" })).await;
    assert_eq!(
        (&found["asOf"], &found["comparedTo"]),
        (&json!("2026-11-21"), &json!("2026-02-28"))
    );
    assert_eq!(slugs(&found), ["bip", "indikatorer"]);
    assert_eq!(found["byVolunteers"], json!([{ "slug": "natverk" }]));
    assert_eq!(
        rows(&found),
        json!([["Ale", ["2025-0001", "2026-0003"]], ["Öckerö", ["2026-0004", null]]])
    );
    assert_eq!(found["rows"]["totalCount"], 2);
    assert_eq!(
        found["activities"][0],
        json!({ "activity": { "slug": "bip" },
            "coverage": { "connectedCount": 2, "memberCount": 2, "share": "1", "notConnected": [] },
            // Boden has left the network, though no one ended its agreement.
            "trend": { "before": { "connectedCount": 2, "memberCount": 3 }, "joinedCount": 1, "leftCount": 1,
                "joined": [{ "name": "Öckerö" }], "left": [{ "name": "Boden" }] } })
    );
    assert_eq!(
        found["activities"][1]["trend"],
        json!({ "before": { "connectedCount": 0, "memberCount": 3 }, "joinedCount": 1, "leftCount": 0, "joined": [{ "name": "Ale" }], "left": [] })
    );

    // Both ends of a term are in force, and the day after is not.
    let later =
        matrix(app.office(), json!({ "asOf": "2026-11-22", "activitySlugs": ["bip"] })).await;
    assert_eq!(rows(&later), json!([["Ale", [null]], ["Öckerö", ["2026-0004"]]]));
    assert_eq!((slugs(&later), &later["activities"][0]["trend"]), (vec!["bip"], &Value::Null));
    assert_eq!(
        rows(&matrix(app.office(), json!({ "asOf": "2026-06-30" })).await)[1],
        json!(["Boden", ["2025-0002", null]])
    );
    let old = matrix(app.office(), json!({ "asOf": "2019-12-31" })).await;
    assert_eq!((slugs(&old), &old["byVolunteers"]), (vec!["gammalt"], &json!([])));
});

on_both!(the_trend_is_the_difference_of_two_days, |app| async move {
    // Members that join and leave, and agreements that begin, are signed later, end, renew, have
    // notice and are withdrawn, on days that follow each other.
    let mut files: Vec<_> = FILES.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
    files[2].1 = files[2].1.replace(",vat_rate\n", ",vat_rate,withdrawn_on\n");
    files[2].1 = files[2].1.replace(",,,,,\n", ",,,,,,\n");
    let mut number = 0;
    for (starts_on, ends_on, rest) in [
        ("2026-03-01", "2026-03-31", ",1,,2025-12-01T09:00:00Z,2025-12-02,,,,,,"),
        ("2026-03-02", "2026-04-01", ",1,12,2025-12-01T09:00:00Z,2025-12-02,,,,,,"),
        ("2026-03-01", "2026-04-01", ",1,12,2025-12-01T09:00:00Z,2025-12-02,2026-02-01,,,,,"),
        ("2026-02-28", "", ",1,,2026-02-01T09:00:00Z,2026-03-02,,,,,,"),
        ("2026-03-01", "", ",1,,2025-12-01T09:00:00Z,2025-12-02,,,,,,2026-03-02"),
        ("2026-03-31", "2026-03-31", ",1,,2025-12-01T09:00:00Z,2025-12-02,,,,,,"),
    ] {
        for (joined_on, left_on) in [("2020-01-01", ""), ("2026-03-02", "2026-03-31")] {
            number += 1;
            writeln!(files[0].1, "t{number},T{number:02},,,,,{joined_on},{left_on},,,,,,").unwrap();
            writeln!(files[2].1, "u{number},2020-{number:04},PARTICIPATION,INCOME,bip,t{number},,,{starts_on},{ends_on}{rest}")
                .unwrap();
        }
    }
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    app.import(&files).await;
    let days = ["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02", "2026-03-31", "2026-04-01"];
    let mut joined_and_left = (0, 0);
    for (position, from) in days.iter().enumerate() {
        for to in &days[position + 1..] {
            let takes_part = async |day: &str| {
                let found = matrix(app.office(), json!({ "asOf": day })).await;
                let of_bip: std::collections::BTreeSet<String> = rows(&found)
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|row| !row[1][0].is_null())
                    .map(|row| row[0].as_str().unwrap().to_owned())
                    .collect();
                of_bip
            };
            let (before, after) = (takes_part(from).await, takes_part(to).await);
            let found = matrix(app.office(), json!({ "asOf": to, "comparedTo": from })).await;
            let trend = &found["activities"][0]["trend"];
            let names = |list: &Value| -> Vec<String> {
                let members = list.as_array().unwrap().iter();
                members.map(|member| member["name"].as_str().unwrap().to_owned()).collect()
            };
            let what = format!("{from} to {to}");
            assert_eq!(
                names(&trend["joined"]),
                after.difference(&before).cloned().collect::<Vec<_>>(),
                "{what}"
            );
            assert_eq!(
                names(&trend["left"]),
                before.difference(&after).cloned().collect::<Vec<_>>(),
                "{what}"
            );
            joined_and_left.0 += names(&trend["joined"]).len();
            joined_and_left.1 += names(&trend["left"]).len();
        }
    }
    assert!(joined_and_left.0 > 10 && joined_and_left.1 > 5, "{joined_and_left:?}");
});

on_both!(a_member_sees_its_row_and_a_lead_its_columns, |app| async move {
    app.import(FILES).await;
    let answer = app.office().query("{ members { nodes { id name } } }").await;
    let nodes = answer["members"]["nodes"].as_array().unwrap();
    let ale = nodes.iter().find(|node| node["name"] == "Ale").unwrap()["id"].as_str().unwrap();
    let own = matrix(app.member(ale), json!({ "comparedTo": "2026-02-28" })).await;
    assert_eq!(rows(&own), json!([["Ale", ["2025-0001", "2026-0003"]]]));
    assert_eq!(own["rows"]["totalCount"], 1);
    assert_eq!(
        own["activities"][0]["coverage"],
        json!({ "connectedCount": 2, "memberCount": 2, "share": "1", "notConnected": null })
    );
    let trend = |found: &Value| {
        let trend = &found["activities"][0]["trend"];
        (
            trend["joinedCount"].clone(),
            trend["leftCount"].clone(),
            trend["joined"].clone(),
            trend["left"].clone(),
        )
    };
    assert_eq!(trend(&own), (json!(1), json!(1), Value::Null, Value::Null));

    let lead = matrix(app.lead(&["indikatorer"]), json!({ "comparedTo": "2026-02-28" })).await;
    assert_eq!(slugs(&lead), ["indikatorer"]);
    assert_eq!(rows(&lead), json!([["Ale", ["2026-0003"]], ["Öckerö", [null]]]));
    // Anyone who may see no agreement gets no columns, which would look as if no one took part.
    let names = matrix(app.service("members:read"), json!({})).await;
    assert_eq!((slugs(&names), rows(&names)), (vec![], json!([["Ale", []], ["Öckerö", []]])));
});

on_both!(bad_days_and_activities_are_named, |app| async move {
    app.import(FILES).await;
    let bad = app
        .office()
        .ask(
            QUESTION,
            json!({ "asOf": "2026-02-30", "comparedTo": "x", "activitySlugs": ["", "a\u{0}"] }),
        )
        .await;
    assert_eq!(bad.bad_fields(), ["activitySlugs.0", "activitySlugs.1", "asOf", "comparedTo"]);
    for compared_to in ["2026-11-21", "2027-01-01"] {
        assert_eq!(
            app.office().ask(QUESTION, json!({ "comparedTo": compared_to })).await.bad_fields(),
            ["comparedTo"]
        );
    }
});

on_both!(the_matrix_takes_the_same_statements_whatever_its_size, |app| async move {
    let mut made = Vec::new();
    let mut of_last = Vec::new();
    for size in [2, 40] {
        let mut files: Vec<_> =
            FILES.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
        for n in 0..size {
            writeln!(files[0].1, "m{n},Förbund {n:03},,,,,2015-01-01,,,,,,,").unwrap();
            writeln!(files[1].1, "a{n},a-{n:03},Verksamhet {n:03},,,SPECIAL_FEE,2020-01-01,")
                .unwrap();
            writeln!(files[2].1, "g{n},2024-{n:04},PARTICIPATION,INCOME,a{n},m{n},,,2024-01-01,,1,,2023-12-01T09:00:00Z,2023-12-02,,,,,")
                .unwrap();
        }
        let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        app.import(&files).await;
        app.statements();
        let found = matrix(app.office(), json!({ "comparedTo": "2025-12-31" })).await;
        assert_eq!(found["rows"]["totalCount"], size + 2);
        let mut statements = app.statements();
        statements.sort();
        made.push(statements.len());
        assert!(of_last.is_empty() || of_last == statements, "{statements:#?}");
        of_last = statements;
    }
    // Activities and their funding; coverage now by one and then by one, coming, going and who that
    // is; rows, cells and their count.
    assert_eq!(made, [10, 10], "{of_last:#?}");
});
