//! Revenue reports: each adds up to the öre and shows only what its reader may see.

use domain::auth::viewer::{Role, Viewer};
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    caller::{Answer, Caller},
    fixtures::{BUYERS, EARNERS},
};

const REPORT: &str = "query($input: RevenueInput!) { revenue(input: $input) {
    rows { activity { slug } member { name } period net vat gross credited cost grants result unattributed invoiceCount }
    withheld { slug } total { activity { slug } member { name } period net vat gross credited cost grants result unattributed invoiceCount } } }";

/// The sums of a row, in the order that tests name them.
pub(super) const SUMS: [&str; 8] =
    ["net", "vat", "gross", "credited", "cost", "grants", "result", "unattributed"];

/// The öre of an amount as the API writes it.
pub(super) fn ore(amount: &Value) -> i64 {
    let text = amount.as_str().unwrap_or_else(|| panic!("{amount} is no amount"));
    text.replace('.', "").parse().unwrap()
}

pub(super) async fn report(caller: &Caller<'_>, input: Value) -> Answer {
    caller.ask(REPORT, json!({ "input": input })).await
}

/// Rows as `what net vat credited cost grants result invoices`, which a test can show in a line
/// each.
fn lines(rows: &Value) -> Vec<String> {
    let word = |value: &Value| value.as_str().map(str::to_owned);
    let line = |row: &Value| {
        let names =
            [word(&row["period"]), word(&row["activity"]["slug"]), word(&row["member"]["name"])];
        let sums = ["net", "vat", "credited", "cost", "grants", "result"]
            .map(|sum| row[sum].as_str().unwrap_or("-").to_owned());
        format!(
            "{} {} {}",
            names.map(|name| name.unwrap_or_else(|| "-".into())).join(" "),
            sums.join(" "),
            row["invoiceCount"]
        )
    };
    rows.as_array().unwrap().iter().map(line).collect()
}

/// A small ledger of 2026: two members, a company, two activities and a service fee.
const LEDGER: [(&str, &str); 9] = [
    BUYERS[0],
    BUYERS[1],
    (
        "allocations.csv",
        "member,year,basis,amount,source
gotland,2024,ALL_PARTIES,4000000.00,
gotland,2025,ALL_PARTIES,4324000.00,
gotland,2025,STATE_SHARE,2162000.00,
",
    ),
    EARNERS,
    (
        "agreements.csv",
        "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate
a1,2026-0001,PARTICIPATION,INCOME,ind,gotland,,,2025-01-01,2026-12-31,3,12,2024-11-01T08:00:00Z,2024-12-01,,PER_MILLE_OF_ALLOCATION,,2,STANDARD_25
a2,2026-0002,PARTICIPATION,INCOME,ind,gavle,,,2025-01-01,2027-03-31,3,,2024-11-01T08:00:00Z,2024-12-01,,FIXED_PER_YEAR,10000.00,,STANDARD_25
a3,2026-0003,COOPERATION,INCOME,bip,konsult,,,2025-01-01,,3,,2024-11-01T08:00:00Z,2024-12-01,,FIXED_PER_YEAR,3333.33,,EXEMPT
a4,2026-0004,PARTICIPATION,INCOME,bip,gavle,,,2026-01-01,,3,,2025-11-01T08:00:00Z,,,FIXED_PER_YEAR,70000.00,,STANDARD_25
a5,2026-0005,ASSIGNMENT,COST,ind,konsult,,,2025-01-01,,3,,2024-11-01T08:00:00Z,2024-12-01,,FIXED_PER_YEAR,90000.00,,STANDARD_25
a6,2026-0006,PARTICIPATION,INCOME,valdet,gotland,,,2025-01-01,,3,,2024-11-01T08:00:00Z,2024-12-01,,PER_PARTICIPANT,500.00,,STANDARD_25
",
    ),
    (
        "invoices.csv",
        "key,number,kind,buyer,issued_on,due_on,credits
i1,1001,INVOICE,gotland,2026-01-15,2026-02-14,
i2,1002,INVOICE,gavle,2026-03-31,2026-04-30,
i3,1003,INVOICE,konsult,2026-04-01,2026-05-01,
i4,1004,INVOICE,gavle,2026-11-01,2026-12-01,
c1,1,CREDIT_NOTE,gavle,2026-05-02,,i2
d1,,INVOICE,gotland,,,
",
    ),
    (
        "invoice_lines.csv",
        "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate
i1,Avgift,ind,a1,2026-01-01,2026-12-31,1,8648.67,STANDARD_25
i1,Serviceavgift,,,2026-01-01,2026-12-31,1,1000.00,STANDARD_25
i2,Avgift,ind,a2,2026-01-01,2026-12-31,1,10000.00,STANDARD_25
i2,Kurs,bip,,,,2,500.00,REDUCED_6
i3,Kurs,bip,a3,2026-04-01,2026-04-30,1,3000.00,EXEMPT
i4,Kurs,bip,,2026-12-01,2027-01-31,1,620.00,STANDARD_25
c1,Avgift,ind,a2,2026-01-01,2026-12-31,1,2500.00,STANDARD_25
d1,Kurs,bip,,,,1,99999.00,STANDARD_25
",
    ),
    (
        "payments.csv",
        "invoice,received_on,amount,reference
i1,2026-02-10,12060.84,b1
i2,2026-04-30,6780.00,b3
",
    ),
    (
        "costs.csv",
        "activity,booked_on,amount,description
ind,2026-06-30,20000.00,Konsult
bip,2026-12-31,100.10,Lokal
bip,2025-12-31,1.00,Lokal
",
    ),
];

pub async fn ledger(app: &App) {
    let grants = (
        "grants.csv",
        "activity,booked_on,amount,funder\nvaldet,2026-02-28,50000.00,Socialstyrelsen\n",
    );
    let files: Vec<_> = LEDGER.into_iter().chain([grants]).collect();
    app.import(&files).await;
}

pub async fn member(app: &App, name: &str) -> String {
    let found = app.office().query("{ members { nodes { id name } } }").await;
    let nodes = found["members"]["nodes"].as_array().unwrap();
    nodes.iter().find(|node| node["name"] == name).unwrap()["id"].as_str().unwrap().to_owned()
}

on_both!(invoices_count_on_their_day_after_credit_notes, |app| async move {
    ledger(&app).await;
    let year = json!({ "from": "2026-01-01", "to": "2026-12-31" });
    let answer = report(&app.finance(), year).await;
    let found = &answer["revenue"];
    assert_eq!(
        lines(&found["rows"]),
        [
            "- bip - 4620.00 215.00 0.00 100.10 0.00 4519.90 3",
            "- indikatorer - 16148.67 4037.17 2500.00 20000.00 0.00 -3851.33 3",
            "- stoppa-valdet - 0.00 0.00 0.00 0.00 50000.00 50000.00 0",
            "- - - 1000.00 250.00 0.00 0.00 0.00 1000.00 1",
        ]
    );
    // Four invoices and a credit note, each once.
    assert_eq!(
        lines(&json!([found["total"]])),
        ["- - - 21768.67 4502.17 2500.00 20100.10 50000.00 51668.57 5"]
    );
    assert_eq!(found["total"]["gross"], "26270.84");
});

on_both!(payments_count_when_they_come_in, |app| async move {
    ledger(&app).await;
    let input = json!({ "from": "2026-01-01", "to": "2026-12-31", "basis": "PAID", "groupBy": ["ACTIVITY", "MEMBER"] });
    let answer = report(&app.finance(), input).await;
    let found = &answer["revenue"];
    assert_eq!(
        lines(&found["rows"]),
        [
            // Of 6 780.00 by what a credit note of 3 125.00 has left: 1 060.00 of 10 435.00.
            "- bip Gävle 649.74 38.98 0.00 0.00 0.00 649.74 1",
            "- bip - 0.00 0.00 0.00 100.10 0.00 -100.10 0",
            "- indikatorer Gotland 8648.67 2162.17 0.00 0.00 0.00 8648.67 1",
            "- indikatorer Gävle 4873.02 1218.26 0.00 0.00 0.00 4873.02 1",
            "- indikatorer - 0.00 0.00 0.00 20000.00 0.00 -20000.00 0",
            "- stoppa-valdet - 0.00 0.00 0.00 0.00 50000.00 50000.00 0",
            "- - Gotland 1000.00 250.00 0.00 0.00 0.00 1000.00 1",
        ]
    );
    assert_eq!(found["total"]["gross"], "18840.84", "what came in");
    assert_eq!(found["total"]["invoiceCount"], 2);
});

on_both!(lines_are_spread_over_what_they_cover, |app| async move {
    ledger(&app).await;
    let ask = async |from: &str, to: &str, group_by: Value| {
        let input = json!({ "from": from, "to": to, "basis": "ACCRUED", "groupBy": group_by });
        let answer = report(&app.finance(), input).await;
        (lines(&answer["revenue"]["rows"]), answer["revenue"]["total"].clone())
    };
    // 31 of 365 days of 8 648.67 and of 10 000 less 2 500; of the course of two months half.
    let (rows, _) = ask("2026-01-01", "2026-01-31", json!(["ACTIVITY"])).await;
    assert_eq!(
        rows,
        [
            "- indikatorer - 1371.53 342.89 212.33 0.00 0.00 1371.53 3",
            "- - - 84.93 21.23 0.00 0.00 0.00 84.93 1"
        ]
    );
    let (rows, total) = ask("2026-12-01", "2027-12-31", json!(["ACTIVITY", "YEAR"])).await;
    assert_eq!(
        rows,
        [
            "2026 bip - 310.00 77.50 0.00 100.10 0.00 209.90 1",
            "2026 indikatorer - 1371.53 342.89 212.33 0.00 0.00 1371.53 3",
            "2026 - - 84.93 21.23 0.00 0.00 0.00 84.93 1",
            "2027 bip - 310.00 77.50 0.00 0.00 0.00 310.00 1",
        ]
    );
    assert_eq!(total["invoiceCount"], 4);
    // A line without a period counts on its invoice's day.
    let (rows, _) = ask("2026-03-31", "2026-03-31", json!([])).await;
    let (before, _) = ask("2026-03-30", "2026-03-30", json!([])).await;
    assert_eq!((rows.len(), before.len()), (1, 1));
    let all = ask("2026-01-01", "2027-12-31", json!(["MONTH"])).await;
    assert_eq!(all.1["net"], "21768.67", "every line is spread whole");
    assert_eq!(all.1["vat"], "4502.17");
});

on_both!(rows_are_made_for_any_of_the_five, |app| async move {
    ledger(&app).await;
    let ask = async |group_by: Value| {
        let answer = report(
            &app.finance(),
            json!({ "from": "2026-01-01", "to": "2026-12-31", "groupBy": group_by }),
        )
        .await;
        lines(&answer["revenue"]["rows"])
    };
    assert_eq!(
        ask(json!([])).await,
        ["- - - 21768.67 4502.17 2500.00 20100.10 50000.00 51668.57 5"]
    );
    assert_eq!(
        ask(json!(["QUARTER"])).await,
        [
            "2026-Q1 - - 20648.67 4972.17 0.00 0.00 50000.00 70648.67 2",
            "2026-Q2 - - 500.00 -625.00 2500.00 20000.00 0.00 -19500.00 2",
            "2026-Q4 - - 620.00 155.00 0.00 100.10 0.00 519.90 1",
        ]
    );
    assert_eq!(
        ask(json!(["MEMBER", "YEAR"])).await,
        [
            "2026 - Gotland 9648.67 2412.17 0.00 0.00 0.00 9648.67 1",
            "2026 - Gävle 9120.00 2090.00 2500.00 0.00 0.00 9120.00 3",
            "2026 - - 3000.00 0.00 0.00 20100.10 50000.00 32899.90 1",
        ]
    );
    // The shortest length of time counts.
    let months = ask(json!(["MONTH", "YEAR", "MONTH", "QUARTER"])).await;
    assert_eq!(months.len(), 8);
    assert_eq!(months[0], "2026-01 - - 9648.67 2412.17 0.00 0.00 0.00 9648.67 1");
});

on_both!(a_report_may_be_of_some_activities_and_members, |app| async move {
    ledger(&app).await;
    let gavle = member(&app, "Gävle").await;
    let ask = async |more: Value| {
        let mut input = json!({ "from": "2026-01-01", "to": "2026-12-31" });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        lines(&report(&app.finance(), input).await["revenue"]["rows"])
    };
    assert_eq!(
        ask(json!({ "activitySlugs": ["bip"] })).await,
        ["- bip - 4620.00 215.00 0.00 100.10 0.00 4519.90 3"]
    );
    // What is booked on an activity belongs to no member.
    assert_eq!(
        ask(json!({ "memberIds": [gavle] })).await,
        [
            "- bip - 1620.00 215.00 0.00 0.00 0.00 1620.00 2",
            "- indikatorer - 7500.00 1875.00 2500.00 0.00 0.00 7500.00 2"
        ]
    );
    assert_eq!(
        ask(json!({ "memberIds": [gavle], "activitySlugs": ["bip"], "basis": "PAID" })).await,
        ["- bip - 649.74 38.98 0.00 0.00 0.00 649.74 1"]
    );
    assert_eq!(ask(json!({ "memberIds": [] })).await, Vec::<String>::new());
});

on_both!(a_report_shows_only_what_its_reader_may_see, |app| async move {
    ledger(&app).await;
    let (gotland, gavle) = (member(&app, "Gotland").await, member(&app, "Gävle").await);
    let input = |basis: &str| json!({ "from": "2026-01-01", "to": "2026-12-31", "basis": basis, "groupBy": ["ACTIVITY", "MEMBER"] });
    for basis in ["INVOICED", "ACCRUED"] {
        let own = report(&app.member(&gotland), input(basis)).await;
        let expected = [
            "- indikatorer Gotland 8648.67 2162.17 0.00 - - - 1",
            "- - Gotland 1000.00 250.00 0.00 - - - 1",
        ];
        assert_eq!(lines(&own["revenue"]["rows"]), expected);
        assert_eq!(own["revenue"]["total"]["invoiceCount"], 1);
    }
    let own = report(&app.member(&gavle), input("PAID")).await;
    assert_eq!(own["revenue"]["total"]["gross"], "6780.00");
    let other = report(
        &app.member(&gavle),
        json!({ "from": "2026-01-01", "to": "2026-12-31", "memberIds": [gotland] }),
    )
    .await;
    assert_eq!(other.bad_fields(), ["input.memberIds.0"]);

    let lead = report(
        &app.lead(&["indikatorer", "borta"]),
        json!({ "from": "2026-01-01", "to": "2026-12-31" }),
    )
    .await;
    assert_eq!(
        lines(&lead["revenue"]["rows"]),
        ["- indikatorer - 16148.67 4037.17 2500.00 20000.00 0.00 -3851.33 3"]
    );
    assert_eq!(lead["revenue"]["total"]["invoiceCount"], 3);
    let lead = report(
        &app.lead(&["indikatorer"]),
        json!({ "from": "2026-01-01", "to": "2026-12-31", "activitySlugs": ["bip"] }),
    )
    .await;
    assert_eq!(lines(&lead["revenue"]["rows"]), Vec::<String>::new());
    assert_eq!(
        (&lead["revenue"]["total"], &lead["revenue"]["withheld"]),
        (&Value::Null, &json!([{ "slug": "bip" }]))
    );

    // Who is both sees both.
    let both = Viewer {
        roles: vec![Role::Member, Role::ActivityLead],
        member: Some(
            uuid::Uuid::parse_str(gotland.strip_prefix("member_").unwrap()).unwrap().into(),
        ),
        activities: vec!["bip".into()],
        ..Viewer::default()
    };
    let both = report(&app.viewer(both), json!({ "from": "2026-01-01", "to": "2026-12-31" })).await;
    assert_eq!(
        lines(&both["revenue"]["rows"]),
        [
            "- bip - 4620.00 215.00 0.00 100.10 0.00 4519.90 3",
            "- indikatorer - 8648.67 2162.17 0.00 - - - 1",
            "- - - 1000.00 250.00 0.00 - - - 1",
        ]
    );
    for blind in [app.service("members:read"), app.service("invoices:read")] {
        let answer = report(&blind, json!({ "from": "2026-01-01", "to": "2026-12-31" })).await;
        assert_eq!(lines(&answer["revenue"]["rows"]), Vec::<String>::new());
        assert_eq!(answer["revenue"]["total"], Value::Null);
    }
    assert_eq!(
        lines(
            &report(
                &app.service("revenue:read"),
                json!({ "from": "2026-01-01", "to": "2026-12-31" })
            )
            .await["revenue"]["rows"]
        )
        .len(),
        4
    );
});

on_both!(a_year_of_an_activity_adds_up, |app| async move {
    ledger(&app).await;
    let document = "query($year: Int!) { activities { nodes { slug economy(year: $year) { year invoiced paid outstanding cost grants result } } } }";
    let ask = async |caller: Caller<'_>, year: i32| {
        let answer = caller.ask(document, json!({ "year": year })).await;
        let nodes = answer["activities"]["nodes"].as_array().unwrap().clone();
        let line = |node: &Value| {
            let result = &node["economy"];
            let sums = ["invoiced", "paid", "outstanding", "cost", "grants", "result"]
                .map(|sum| result[sum].as_str().unwrap_or("-").to_owned());
            format!("{} {} {}", node["slug"].as_str().unwrap(), result["year"], sums.join(" "))
        };
        nodes.iter().map(line).collect::<Vec<_>>()
    };
    assert_eq!(
        ask(app.board(), 2026).await,
        [
            // Of 1 060.00 are 688.72 paid; 3 000.00 and 775.00 are not.
            "bip 2026 4620.00 649.74 4146.28 100.10 0.00 4519.90",
            // Of 12 500.00 are 6 091.28 paid and 3 125.00 credited.
            "indikatorer 2026 16148.67 13521.69 3283.72 20000.00 0.00 -3851.33",
            "stoppa-valdet 2026 0.00 0.00 0.00 0.00 50000.00 50000.00",
        ]
    );
    assert_eq!(
        ask(app.lead(&["bip"]), 2026).await[1..],
        ["indikatorer 2026 - - - - 0.00 -", "stoppa-valdet 2026 0.00 0.00 0.00 0.00 - -"]
    );
    let gavle = member(&app, "Gävle").await;
    assert_eq!(
        ask(app.member(&gavle), 2026).await[..2],
        ["bip 2026 - - - - 0.00 -", "indikatorer 2026 - - - - 0.00 -"]
    );
    assert_eq!(ask(app.board(), 2025).await[0], "bip 2025 0.00 0.00 0.00 1.00 0.00 -1.00");
    let answer = app.board().ask(document, json!({ "year": 10_000 })).await;
    assert_eq!(answer.errors()[0]["extensions"]["fields"][0]["path"], "year");
});

on_both!(a_forecast_follows_the_agreements, |app| async move {
    ledger(&app).await;
    let document = "query($year: Int!) { revenueForecast(year: $year) { from to basis
        rows { activity { slug } member { name } period net vat gross credited cost grants result unattributed invoiceCount }
        total { activity { slug } member { name } period net vat gross credited cost grants result unattributed invoiceCount } } }";
    let ask = async |caller: Caller<'_>, year: i32| {
        lines(&caller.ask(document, json!({ "year": year })).await["revenueForecast"]["rows"])
    };
    // 2 ‰ of 4 324 000, the latest allocation that is known, and three months of 10 000; what
    // no one signed, costs, and participants count zero.
    assert_eq!(
        ask(app.finance(), 2027).await,
        [
            "- bip - 3333.33 0.00 0.00 0.00 0.00 3333.33 1",
            "- indikatorer - 11148.00 2787.00 0.00 0.00 0.00 11148.00 2"
        ]
    );
    assert_eq!(
        ask(app.finance(), 2028).await[1],
        "- indikatorer - 8648.00 2162.00 0.00 0.00 0.00 8648.00 1"
    );
    assert_eq!(ask(app.finance(), 2024).await, Vec::<String>::new());
    let gavle = member(&app, "Gävle").await;
    assert_eq!(
        ask(app.member(&gavle), 2027).await,
        ["- indikatorer - 2500.00 625.00 0.00 0.00 0.00 2500.00 1"]
    );
    assert_eq!(
        ask(app.lead(&["bip"]), 2027).await,
        ["- bip - 3333.33 0.00 0.00 0.00 0.00 3333.33 1"]
    );
    let answer = app.finance().ask(document, json!({ "year": 2027 })).await;
    let found = &answer["revenueForecast"];
    assert_eq!(
        (&found["from"], &found["to"], &found["total"]["gross"]),
        (&json!("2027-01-01"), &json!("2027-12-31"), &json!("17268.33"))
    );
    assert_eq!(app.finance().ask(document, json!({ "year": 1066 })).await.bad_fields(), ["year"]);
});

on_both!(every_bad_field_is_named_at_once, |app| async move {
    ledger(&app).await;
    let ask = async |input: Value| {
        report(&app.finance(), input)
            .await
            .bad_fields()
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(ask(json!({ "from": "2026-12-31", "to": "2026-01-01" })).await, ["input.to"]);
    assert_eq!(ask(json!({ "from": "1950-01-01", "to": "2050-01-01" })).await, ["input.to"]);
    let no_one = "member_00000000000000000000000000000000";
    let unread = json!({ "from": "2026-02-30", "to": "x", "activitySlugs": ["bip", "a\u{0}"], "memberIds": ["x", "invoice_00000000000000000000000000000000", no_one] });
    assert_eq!(
        ask(unread).await,
        [
            "input.activitySlugs.1",
            "input.from",
            "input.memberIds.0",
            "input.memberIds.1",
            "input.memberIds.2",
            "input.to"
        ]
    );
    let unknown = json!({ "from": "2026-01-01", "to": "2026-12-31", "activitySlugs": ["bip", "nej"], "memberIds": [no_one] });
    assert_eq!(ask(unknown).await, ["input.activitySlugs.1", "input.memberIds.0"]);
    let answer = report(&app.finance(), json!({ "from": "1950-01-01", "to": "2049-12-31" })).await;
    assert_eq!(answer["revenue"]["total"]["net"], "21768.67");
});

on_both!(a_forecast_says_what_it_assumes, |app| async move {
    ledger(&app).await;
    let document = "query($year: Int!) { revenueForecast(year: $year) { assumptions } }";
    let ask = async |caller: Caller<'_>, year: i32| {
        caller.ask(document, json!({ "year": year })).await["revenueForecast"]["assumptions"]
            .clone()
    };
    let of_all = [
        "Agreements with income that are signed by 2026-11-21 are included; drafts and offers are not",
        "Agreements that renew continue, unless notice was given by 2026-11-21; those with notice end accordingly",
        "A year that an agreement covers partly is prorated by the months on whose first day it is in force",
    ];
    let last = "Service and membership fees, costs and grants are left out";
    let with = |middle: &[&str]| json!(([&of_all[..], middle, &[last]].concat()));
    let (older, counted) = (
        "Fees per mille are of the allocation of 2025 for 1 member whose allocation of 2027 is not known",
        "1 agreement with a fee per participant: counted as zero",
    );
    assert_eq!(ask(app.finance(), 2027).await, with(&[older, counted]));
    assert_eq!(ask(app.finance(), 2025).await, with(&[counted]));
    assert_eq!(ask(app.lead(&["bip"]), 2027).await, with(&[]), "nothing of what one does not see");
    let report = app
        .finance()
        .query("{ revenue(input: { from: \"2026-01-01\", to: \"2026-12-31\" }) { assumptions } }")
        .await;
    assert_eq!(report["revenue"]["assumptions"], json!([]));
});
