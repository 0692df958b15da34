//! Bulk mutations: all items or none, or each in a transaction of its own, with the errors of every
//! item.

use std::time::Duration;

use domain::{
    audit::{self, Action},
    auth::viewer::Viewer,
    collation,
};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    caller::{Answer, Caller},
    invoicing_fixtures::{course, drafted, fill, issue, member, violations},
    lifecycle_fixtures::{self, Register},
    payment_fixtures::{LEDGER, id},
};

/// An id of a member, an invoice or an agreement that there is not.
fn unknown(node_type: &str) -> String {
    format!("{node_type}_0197aaaaaaaa7000800000000000000a")
}

/// Sends a bulk mutation, whose results have this selection.
async fn bulk(caller: &Caller<'_>, name: &str, input: Value, selection: &str) -> Answer {
    let type_name = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    let document = format!(
        "mutation($input: {type_name}!) {{ {name}(input: $input) {{ results {{ {selection} }} }} }}"
    );
    caller.ask(&document, json!({ "input": input })).await
}

/// The position, code and reason of each error.
fn rejected(answer: &Answer) -> Vec<(i64, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of = |error: &Value| {
        let extensions = &error["extensions"];
        let item = extensions["item"].as_i64().unwrap_or(-1);
        (item, text(&extensions["code"]), text(&extensions["reason"]))
    };
    answer.errors().iter().map(of).collect()
}

/// The paths of the fields that an error names.
fn fields(error: &Value) -> Vec<&str> {
    let fields = error["extensions"]["fields"].as_array().unwrap();
    fields.iter().map(|field| field["path"].as_str().unwrap()).collect()
}

fn number(invoice: &Value) -> i64 {
    invoice["number"].as_str().unwrap().parse().unwrap()
}

async fn draft(app: &App, buyer: &str) -> String {
    drafted(&app.finance(), course(buyer, "100.00")).await
}

on_both!(one_bad_item_changes_nothing_and_every_item_is_reported, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let (first, second) = (member(&app, 1).await, member(&app, 3).await);
    let of = |member: &str, year: i32, amount: &str| json!({ "memberId": member, "year": year, "amount": amount });
    let items = json!([
        of(&first, 2031, "100.00"),
        of(&second, 2031, "-1.00"),
        of(&unknown("member"), 2031, "1.00"),
        of("x", 1, "1.00"),
    ]);
    let before = app.revision().await;
    let refused =
        bulk(&app.finance(), "allocationsSet", json!({ "items": items }), "member { id }").await;
    assert_eq!(refused.json["data"], json!({ "allocationsSet": null }));
    let expected = [(1, "INVALID"), (2, "NOT_FOUND"), (3, "INVALID")]
        .map(|(item, code)| (item, code.to_owned(), String::new()));
    assert_eq!(rejected(&refused), expected, "{}", refused.text());
    let errors = refused.errors();
    assert_eq!(fields(&errors[0]), ["input.items.1.amount"]);
    assert_eq!(fields(&errors[1]), ["input.items.2.memberId"]);
    assert_eq!(fields(&errors[2]), ["input.items.3.memberId", "input.items.3.year"]);
    assert!(errors.iter().all(|error| error["path"] == json!(["allocationsSet"])));
    assert_eq!(app.revision().await, before);

    // One of a member replaces the one before it.
    let items =
        json!([of(&first, 2031, "1.00"), of(&second, 2031, "2.00"), of(&first, 2031, "3.00")]);
    let done =
        bulk(&app.finance(), "allocationsSet", json!({ "items": items }), "member { id }").await;
    let ids: Vec<&Value> = done["allocationsSet"]["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| &result["member"]["id"])
        .collect();
    assert_eq!(ids, [&first, &second, &first]);
    let trail = app.trail(before).await;
    let amounts: Vec<_> = trail.iter().map(|entry| entry["after"]["amount"].clone()).collect();
    assert_eq!(amounts, [json!(100), json!(200), json!(300)]);
    assert_eq!(trail[2]["before"]["amount"], 100);
    assert!(trail.iter().all(|entry| entry["action"] == "allocationSet"));
    assert_eq!(violations(&app).await, Vec::<String>::new());
});

on_both!(partial_issues_what_it_can_and_numbers_have_no_gap, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let buyer = member(&app, 1).await;
    let (first, second) = (draft(&app, &buyer).await, draft(&app, &buyer).await);
    let of = |id: &str| json!({ "invoiceId": id });
    let items = json!([of(&first), of(&unknown("invoice")), of(&second), of(&first)]);
    let input = json!({ "items": items, "partial": true });
    let done =
        bulk(&app.finance(), "invoicesIssue", input, "invoice { id number warnings { code } }")
            .await;
    let results = done.json["data"]["invoicesIssue"]["results"].as_array().unwrap();
    assert_eq!([&results[0]["invoice"]["id"], &results[2]["invoice"]["id"]], [&first, &second]);
    assert_eq!([&results[1], &results[3]], [&Value::Null, &Value::Null]);
    let start = number(&results[0]["invoice"]);
    assert_eq!(number(&results[2]["invoice"]), start + 1);
    let expected = [(1, "NOT_FOUND", ""), (3, "CONFLICT", "ALREADY_ISSUED")]
        .map(|(item, code, reason)| (item, code.to_owned(), reason.to_owned()));
    assert_eq!(rejected(&done), expected, "{}", done.text());
    assert_eq!(done.errors()[0]["path"], json!(["invoicesIssue", "results", 1]));

    // Together, a draft that is issued already stops the others, which take no number.
    let (third, fourth) = (draft(&app, &buyer).await, draft(&app, &buyer).await);
    let before = app.revision().await;
    let items = json!([of(&third), of(&first), of(&fourth)]);
    let refused =
        bulk(&app.finance(), "invoicesIssue", json!({ "items": items }), "invoice { id }").await;
    assert_eq!(rejected(&refused), [(1, "CONFLICT".to_owned(), "ALREADY_ISSUED".to_owned())]);
    assert_eq!(app.revision().await, before);
    let new = json!({ "draft": course(&buyer, "50.00") });
    let items = json!([of(&third), new, of(&fourth)]);
    let done = bulk(
        &app.finance(),
        "invoicesIssue",
        json!({ "items": items }),
        "invoice { number buyer { __typename } }",
    )
    .await;
    let numbers: Vec<i64> = done["invoicesIssue"]["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| number(&result["invoice"]))
        .collect();
    assert_eq!(numbers, [start + 2, start + 3, start + 4]);
    let trail = app.trail(before).await;
    assert!(trail.iter().all(|entry| entry["action"] == "invoiceIssue"));
    // The next one continues.
    let last = draft(&app, &buyer).await;
    let next = issue(&app.finance(), &last, "number").await;
    assert_eq!(number(&next["invoiceIssue"]), start + 5);
    assert_eq!(violations(&app).await, Vec::<String>::new());
});

on_both!(reminders_of_many_invoices_are_recorded_together, |app| async move {
    app.import(&LEDGER).await;
    let (first, second) = (id(&app, "1001").await, id(&app, "1002").await);
    let of = |invoice: &str| json!({ "invoiceId": invoice, "sentOn": "2026-04-01" });
    let before = app.revision().await;
    // A second reminder of the same day is refused by a check of the item before it.
    let items = json!([of(&first), of(&first)]);
    let refused =
        bulk(&app.finance(), "invoicesRemind", json!({ "items": items }), "invoice { id }").await;
    assert_eq!(rejected(&refused), [(1, "CONFLICT".to_owned(), "ALREADY_REMINDED".to_owned())]);
    assert_eq!(app.revision().await, before);
    let items = json!([of(&first), of(&second)]);
    let done = bulk(
        &app.finance(),
        "invoicesRemind",
        json!({ "items": items }),
        "reminder { sentOn } invoice { id }",
    )
    .await;
    let of_result = |invoice: &str| json!({ "reminder": { "sentOn": "2026-04-01" }, "invoice": { "id": invoice } });
    let results = &done["invoicesRemind"]["results"];
    assert_eq!(*results, json!([of_result(&first), of_result(&second)]));
});

on_both!(agreements_are_drafted_and_offered_together, |app| async move {
    let register = Register::fill(&app).await;
    let office = app.office();
    let drafts =
        json!([register.draft(0, "bip", "2026-12-01"), register.draft(1, "bip", "2026-12-01")]);
    let drafted =
        bulk(&office, "agreementsDraft", json!({ "items": drafts }), "agreement { id }").await;
    let results = drafted["agreementsDraft"]["results"].as_array().unwrap();
    let of = |position: usize| json!({ "agreementId": results[position]["agreement"]["id"] });
    let before = app.revision().await;
    let items = json!([of(0), of(0), of(1)]);
    let refused =
        bulk(&office, "agreementsOffer", json!({ "items": items }), "agreement { id }").await;
    assert_eq!(rejected(&refused), [(1, "CONFLICT".to_owned(), "ALREADY_OFFERED".to_owned())]);
    assert_eq!(app.revision().await, before);
    let items = json!([of(0), of(1)]);
    let offered = bulk(
        &office,
        "agreementsOffer",
        json!({ "items": items }),
        "agreement { number document { html } }",
    )
    .await;
    let offers = offered["agreementsOffer"]["results"].as_array().unwrap();
    let serial = |offer: &Value| {
        let number = offer["agreement"]["number"].as_str().unwrap();
        number.rsplit_once('-').unwrap().1.parse::<u32>().unwrap()
    };
    assert_eq!(serial(&offers[1]), serial(&offers[0]) + 1);
    for offer in offers {
        let (number, html) =
            (&offer["agreement"]["number"], &offer["agreement"]["document"]["html"]);
        let (number, html) = (number.as_str().unwrap(), html.as_str().unwrap());
        assert!(html.contains(number), "{number} is not in its document");
    }
    // Each in a transaction of its own; the next number continues.
    let third = lifecycle_fixtures::drafted(&app, register.draft(2, "bip", "2026-12-01")).await;
    let items = json!([of(0), { "agreementId": third }]);
    let input = json!({ "items": items, "partial": true });
    let done = bulk(&office, "agreementsOffer", input, "agreement { number }").await;
    let results = &done.json["data"]["agreementsOffer"]["results"];
    assert_eq!(results[0], Value::Null);
    assert_eq!(serial(&results[1]), serial(&offers[1]) + 1);
});

on_both!(the_number_of_items_is_limited_and_permission_comes_first, |app| async move {
    let items = |number: usize| json!({ "items": vec![json!({ "invoiceId": "x" }); number] });
    for (name, number) in [("invoicesRemind", 0), ("invoicesRemind", 101), ("invoicesIssue", 101)] {
        let refused = bulk(&app.finance(), name, items(number), "__typename").await;
        assert_eq!(refused.bad_fields(), ["input.items"], "{name} {number}");
    }
    let offers = json!({ "items": vec![json!({ "agreementId": "x" }); 21], "partial": true });
    let refused = bulk(&app.office(), "agreementsOffer", offers, "__typename").await;
    assert_eq!(refused.bad_fields(), ["input.items"]);
    for partial in [false, true] {
        let mut input = items(2);
        input["partial"] = json!(partial);
        let refused = bulk(&app.board(), "invoicesRemind", input, "__typename").await;
        assert_eq!(refused.code(), "FORBIDDEN");
    }
});

on_both!(results_are_loaded_by_the_same_statements_for_any_number_of_items, |app| async move {
    let (app, _folder) = fill(&app, 12).await;
    let members = [1, 3, 4, 5, 6, 7];
    let mut counts = Vec::new();
    for (number, year) in [(2, 2040), (6, 2041)] {
        let mut items = Vec::new();
        for n in &members[..number] {
            let member = member(&app, *n).await;
            items.push(json!({ "memberId": member, "year": year, "amount": "1.00" }));
        }
        app.statements();
        let selection = "member { id allocations { year } }";
        bulk(&app.finance(), "allocationsSet", json!({ "items": items }), selection).await.data();
        let statements = app.statements();
        let of = |part: &str| statements.iter().filter(|sql| sql.contains(part)).count();
        assert_eq!(of("INSERT INTO \"allocation\""), number, "{statements:#?}");
        let reads = statements
            .iter()
            .filter(|sql| sql.contains("FROM \"allocation\"") && !sql.contains("\"basis\" = "));
        counts.push(reads.count());
    }
    assert_eq!(counts[0], counts[1]);
});

on_both!(an_answer_that_is_too_large_names_the_items_that_failed, |app| async move {
    let register = Register::fill(&app).await;
    let app = app.with(&[("SAMREGISTER_MAX_ANSWER_BYTES", "2000")]);
    let of = |amount: &str, n: usize| {
        let member = register.id(&format!("Förbund {n:02}"));
        json!({ "memberId": member, "year": 2031, "amount": amount })
    };
    let items = json!([of("1.00", 0), of("-1.00", 1), of("3.00", 2)]);
    let names: String = (0..100).map(|n| format!("a{n}: name ")).collect();
    let input = json!({ "items": items, "partial": true });
    let selection = format!("member {{ {names} }}");
    let done = bulk(&app.finance(), "allocationsSet", input, &selection).await;
    let extensions = &done.error()["extensions"];
    assert_eq!(extensions["reason"], "ANSWER_TOO_LARGE", "{}", done.text());
    let expected = json!({ "allocationsSet": [{ "item": 1, "code": "INVALID", "reason": null }] });
    assert_eq!(extensions["failedItems"], expected);
    let committed = extensions["committed"]["allocationsSet"].as_array().unwrap();
    let of_items = extensions["committedItems"]["allocationsSet"].as_array().unwrap();
    let positions: Vec<&Value> = of_items.iter().map(|item| &item["item"]).collect();
    assert_eq!(positions, [&json!(0), &json!(2)]);
    let ids: Vec<Value> =
        of_items.iter().flat_map(|item| item["ids"].as_array().unwrap().clone()).collect();
    assert_eq!((ids.is_empty(), &ids), (false, committed));
});

on_both!(offers_are_prepared_again_when_their_numbers_were_taken, |app| async move {
    let register = Register::fill(&app).await;
    let new = async |n: usize, starts_on: &str| {
        lifecycle_fixtures::drafted(&app, register.draft(n, "bip", starts_on)).await
    };
    let items = json!([
        { "agreementId": new(0, "2026-12-01").await },
        { "agreementId": new(1, "2026-12-01").await },
    ]);
    new(2, "2026-12-24").await;
    // A change of another process, during which the offers are prepared: it takes their number.
    let other = app.by(&app.url()).await;
    let operator = Viewer::operator("import");
    let mut change = audit::begin(other.context(&operator), Action::Import).await.unwrap();
    let of_numbers = |statements: &[String]| {
        statements.iter().filter(|sql| sql.contains("LENGTH(number_key)")).count()
    };
    let take_number = async {
        let mut before = 0;
        while before < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            before += of_numbers(&app.statements());
        }
        let taken = format!(
            "UPDATE agreement SET number = '2026-0001', number_key = '{}',
            offered_at = '2026-11-21T08:00:00+00:00' WHERE starts_on = '2026-12-24'",
            collation::number_key("2026-0001")
        );
        change.tx().execute_unprepared(&taken).await.unwrap();
        change.record(None, Some(&::entity::contact_area::Model::default())).unwrap();
        change.commit().await.unwrap();
        before
    };
    app.statements();
    let office = app.office();
    let input = json!({ "items": items });
    let offers = bulk(&office, "agreementsOffer", input, "agreement { number document { html } }");
    let (offered, before) = tokio::join!(offers, take_number);
    let results = offered["agreementsOffer"]["results"].as_array().unwrap();
    for (result, expected) in results.iter().zip(["2026-0002", "2026-0003"]) {
        assert_eq!(result["agreement"]["number"], expected);
        let html = result["agreement"]["document"]["html"].as_str().unwrap();
        assert!(html.contains(expected), "{html}");
    }
    assert_eq!(results.len(), 2);
    // For both before the change, for the first within it, and for both once more.
    assert_eq!(before + of_numbers(&app.statements()), 2 + 1 + 2 + 2);
});

on_both!(merged_fields_report_each_item_a_single_time, |app| async move {
    let register = Register::fill(&app).await;
    let of = |amount: &str, n: usize| {
        let member = register.id(&format!("Förbund {n:02}"));
        json!({ "memberId": member, "year": 2031, "amount": amount })
    };
    let items = json!([of("-1.00", 0), of("-2.00", 1), of("3.00", 2)]);
    let document = "mutation($input: AllocationsSetInput!) {
        allocationsSet(input: $input) { results { member { id } } }
        ... on Mutation { allocationsSet(input: $input) { results { member { name } } } } }";
    for is_partial in [false, true] {
        let input = json!({ "items": items, "partial": is_partial });
        let refused = app.finance().ask(document, json!({ "input": input })).await;
        let expected = [0, 1].map(|item| (item, "INVALID".to_owned(), String::new()));
        assert_eq!(rejected(&refused), expected, "{is_partial} {}", refused.text());
    }
});
