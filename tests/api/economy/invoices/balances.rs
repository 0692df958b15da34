//! Late interest of invoices, and balances of members.

use serde_json::{Value, json};

use crate::{
    economy::invoices::queries::{INVOICES, id_of},
    interfaces::graphql::statements::plan,
    support::{
        app::{App, on_both},
        caller::Caller,
        random_ledger::RandomLedger,
    },
};

on_both!(late_interest_runs_from_the_day_after_until_it_is_paid, |app| async move {
    app.import(&INVOICES).await;
    let ask = async |caller: Caller<'_>, number: &str, on: &str| {
        let document = "query($number: String!, $on: Date) { invoice(by: { number: $number }) { daysLate(asOf: $on) interest(asOf: $on) } }";
        let found =
            caller.ask(document, json!({ "number": number, "on": on })).await["invoice"].clone();
        (found["daysLate"].as_i64().unwrap(), found["interest"].as_str().map(str::to_owned))
    };
    let is = |days: i64, sum: &str| (days, Some(sum.to_owned()));
    // 250.00 at 10 % for 92 days; later 200.00, since a fifth was credited, for 205 days.
    assert_eq!(ask(app.finance(), "2", "2026-04-30").await, (0, None));
    assert_eq!(ask(app.finance(), "2", "2026-07-31").await, is(92, "6.30"));
    assert_eq!(ask(app.finance(), "2", "2026-11-21").await, is(205, "11.23"));
    // 6 000.00 of 10 811.00 came in time and the rest four days late: the last day to pay was a
    // Saturday.
    for on in ["2026-02-20", "2026-11-21"] {
        assert_eq!(ask(app.finance(), "1", on).await, is(4, "5.27"), "{on}");
    }
    assert_eq!(ask(app.finance(), "10", "2026-11-21").await, (0, None));

    // A rate that no one published is not guessed; once it is said, it counts.
    assert_eq!(ask(app.finance(), "2", "2027-01-01").await, (246, None));
    let set = "mutation($input: ReferenceRateSetInput!) { referenceRateSet(input: $input) { referenceRate { id validFrom validTo percent source } } }";
    let rate = json!({ "validFrom": "2027-01-01", "percent": 2.0, "source": "SFS 2026:1500" });
    let before = app.revision().await;
    let done =
        app.finance().ask(set, json!({ "input": rate })).await["referenceRateSet"]["referenceRate"]
            .clone();
    assert_eq!(
        (&done["validFrom"], &done["validTo"], &done["percent"], &done["source"]),
        (&json!("2027-01-01"), &json!("2027-06-30"), &json!("2"), &json!("SFS 2026:1500"))
    );
    assert_eq!(ask(app.finance(), "2", "2027-01-01").await, is(246, "13.48"));
    // The same again changes nothing; another figure replaces it.
    app.finance().ask(set, json!({ "input": rate })).await.data();
    assert_eq!(app.revision().await, before + 1);
    let corrected = json!({ "validFrom": "2026-07-01", "percent": -0.5, "source": "Rättelse" });
    app.office().ask(set, json!({ "input": corrected })).await.data();
    let rates = app.board().query("{ referenceRates { id validFrom percent source } }").await["referenceRates"].as_array().unwrap().clone();
    assert_eq!(rates.len(), 37);
    assert_eq!((&rates[0]["id"], &rates[0]["percent"]), (&done["id"], &json!("2")));
    assert_eq!(
        (&rates[1]["validFrom"], &rates[1]["percent"], &rates[1]["source"]),
        (&json!("2026-07-01"), &json!("-0.5"), &json!("Rättelse"))
    );
    assert_eq!(
        (&rates[36]["validFrom"], &rates[36]["percent"]),
        (&json!("2009-01-01"), &json!("2"))
    );
    // 61 days at 10 % and 31 at 7.5 %.
    assert_eq!(ask(app.finance(), "2", "2026-07-31").await, is(92, "5.77"));
    let trail = app.trail(before).await;
    assert_eq!(trail.len(), 2);
    assert!(trail.iter().all(|entry| entry["action"] == "referenceRateSet"), "{trail:?}");
    assert_eq!(trail[1]["after"]["hundredths"], -50);

    let bad = json!({ "validFrom": "2027-02-01", "percent": 2.005, "source": " " });
    assert_eq!(
        app.finance().ask(set, json!({ "input": bad })).await.bad_fields(),
        ["input.percent", "input.source", "input.validFrom"]
    );
    assert_eq!(app.board().ask(set, json!({ "input": rate })).await.code(), "FORBIDDEN");
    assert_eq!(app.revision().await, before + 2);
});

on_both!(late_interest_takes_three_statements_for_a_page, |app| async move {
    RandomLedger::draw(&app, 5, 80).await;
    let cost = async |first: usize| {
        app.statements();
        let document = "query($first: Int!) { invoices(first: $first, filter: { status: OVERDUE }) { nodes { number interest daysLate } } }";
        let answer = app.finance().ask(document, json!({ "first": first })).await;
        let nodes = answer["invoices"]["nodes"].as_array().unwrap();
        assert!(
            nodes
                .iter()
                .all(|node| !node["interest"].is_null() && node["daysLate"].as_i64() > Some(0)),
            "{nodes:?}"
        );
        (nodes.len(), app.statements())
    };
    let ((one, few), (all, many)) = (cost(1).await, cost(100).await);
    assert!(one == 1 && all > 5, "{all} invoices are late");
    assert_eq!(few, many);
    assert_eq!(few.len(), 4, "{few:#?}");
});

on_both!(a_members_balance_is_the_sum_of_its_invoices, |app| async move {
    app.import(&INVOICES).await;
    let document = "{ members { nodes { name balance { outstanding overdue overpaid } } } }";
    let balance = |outstanding: &str, overdue: &str, overpaid: &str| json!({ "outstanding": outstanding, "overdue": overdue, "overpaid": overpaid });
    let gotland = json!({ "name": "Gotland", "balance": balance("10.00", "0.00", "189.00") });
    let gavle = json!({ "name": "Gävle", "balance": balance("1200.00", "200.00", "0.00") });
    for caller in [app.finance(), app.service("invoices:read")] {
        assert_eq!(caller.query(document).await["members"]["nodes"], json!([gotland, gavle]));
    }
    let id = id_of(&app, "members", "Gävle").await;
    assert_eq!(app.member(&id).query(document).await["members"]["nodes"], json!([gavle]));
    for blind in [app.lead(&["bip"]), app.service("members:read")] {
        let unknown =
            json!([{ "name": "Gotland", "balance": null }, { "name": "Gävle", "balance": null }]);
        assert_eq!(blind.query(document).await["members"]["nodes"], unknown);
    }
    // What is not due today is in a month.
    let later = app.at("2026-12-25T09:00:00Z");
    assert_eq!(
        later.finance().query(document).await["members"]["nodes"][0]["balance"],
        balance("10.00", "10.00", "189.00")
    );
});

on_both!(balances_are_what_the_invoices_say, |app| async move {
    RandomLedger::draw(&app, 13, 150).await;
    let ore = |amount: &Value| amount.as_str().unwrap().replace('.', "").parse::<i64>().unwrap();
    app.statements();
    let answer = app
        .finance()
        .query("{ members { nodes { id balance { outstanding overdue overpaid } } } }")
        .await;
    assert_eq!(app.statements().len(), 2);
    let mut all = [0; 3];
    for member in answer["members"]["nodes"].as_array().unwrap() {
        let document = "query($id: ID!) { invoices(first: 200, filter: { buyerId: $id, kind: INVOICE }) { nodes { status outstanding overpaid } } }";
        let invoices = app.finance().ask(document, json!({ "id": member["id"] })).await["invoices"]
            ["nodes"]
            .clone();
        let issued: Vec<_> = invoices
            .as_array()
            .unwrap()
            .iter()
            .filter(|invoice| invoice["status"] != "DRAFT")
            .collect();
        let sum = |field: &str, only: &dyn Fn(&Value) -> bool| {
            issued
                .iter()
                .filter(|invoice| only(&invoice["status"]))
                .map(|invoice| ore(&invoice[field]))
                .sum::<i64>()
        };
        let balance =
            ["outstanding", "overdue", "overpaid"].map(|field| ore(&member["balance"][field]));
        let expected = [
            sum("outstanding", &|_| true),
            sum("outstanding", &|state| state == "OVERDUE"),
            sum("overpaid", &|_| true),
        ];
        assert_eq!(balance, expected, "{member}");
        all = std::array::from_fn(|position| all[position] + balance[position]);
    }
    assert!(all.iter().all(|sum| *sum > 0), "there is something of each: {all:?}");
});

#[tokio::test]
async fn balances_are_found_by_an_index() {
    let app = App::sqlite().await;
    app.import(&INVOICES).await;
    app.statements();
    app.finance().query("{ members { nodes { balance { outstanding } } } }").await.data();
    let sql = app.statements().pop().unwrap();
    let explain =
        sea_orm::Statement::from_string(app.db.backend(), format!("EXPLAIN QUERY PLAN {sql}"));
    let steps = sea_orm::ConnectionTrait::query_all_raw(app.db.read(), explain).await.unwrap();
    let plan: Vec<String> = steps.iter().map(|step| step.try_get("", "detail").unwrap()).collect();
    assert!(plan.iter().any(|step| step.contains("invoice__open__member_id")), "{plan:?}\n{sql}");
}

#[tokio::test]
async fn open_invoices_are_found_by_their_indexes() {
    let app = App::sqlite().await;
    app.import(&INVOICES).await;
    for (order, index) in [
        ("", "invoice__open__number_key"),
        (", orderBy: { field: NUMBER, direction: DESC }", "invoice__open__number_key"),
        (", orderBy: { field: DUE_ON, direction: ASC }", "invoice__open__due_on"),
    ] {
        app.statements();
        let document = format!(
            "{{ invoices(first: 5, filter: {{ status: OVERDUE }}{order}) {{ totalCount nodes {{ number }} }} }}"
        );
        app.finance().query(&document).await.data();
        let statements = app.statements();
        let [list, count] = statements.as_slice() else { panic!("{statements:#?}") };
        // Of the few invoices of a test, none are counted sooner by an index of the open ones.
        for (sql, index) in [(list, index), (count, "invoice__settled_on")] {
            let plan = plan(&app, sql).await;
            for index in [index, "invoice__settled_on (settled_on>?)"] {
                assert!(plan.contains(index), "{index} is not in\n{plan}\n{sql}");
            }
        }
    }
}
