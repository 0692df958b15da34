//! Cursors: each is valid in the list and order that it came from, and in no other.

use serde_json::json;

use crate::support::{
    app::{App, on_both},
    caller::Answer,
    fixtures::Samples,
    schema_documents::{Schema, inner, list},
};

/// Every list of the API with each of its orders; an empty one for the only order of a list.
fn orders(schema: &Schema) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    for field in schema.fields("Query") {
        if !inner(&field["type"]).ends_with("Connection") {
            continue;
        }
        let name = field["name"].as_str().unwrap();
        let order = list(&field["args"]).iter().find(|argument| argument["name"] == "orderBy");
        let Some(order) = order else {
            found.push((name, String::new()));
            continue;
        };
        let input = list(&schema.named(inner(&order["type"]))["inputFields"]);
        let by = input.iter().find(|input| input["name"] == "field").unwrap();
        for value in list(&schema.named(inner(&by["type"]))["enumValues"]) {
            found.push((name, value["name"].as_str().unwrap().to_owned()));
        }
    }
    found
}

/// Asks for a page of a list in an order, with another argument.
async fn page(app: &App, name: &str, order: &str, argument: &str) -> Answer {
    let order =
        if order.is_empty() { String::new() } else { format!("orderBy: {{ field: {order} }}, ") };
    let document = format!(
        "{{ list: {name}({order}{argument}) {{ pageInfo {{ endCursor hasPreviousPage }} }} }}"
    );
    app.office().query(&document).await
}

fn cursor(answer: &Answer) -> Option<String> {
    answer["list"]["pageInfo"]["endCursor"].as_str().map(str::to_owned)
}

on_both!(a_cursor_of_another_list_is_refused, |app| async move {
    Samples::fill(&app).await;
    let schema = Schema::of_program().await;
    let orders = orders(&schema);
    let (mut accepted, mut refused) = (0, 0);
    for (name, order) in &orders {
        let Some(cursor) = cursor(&page(&app, name, order, "first: 1").await) else { continue };
        let after = format!("after: \"{cursor}\"");
        let info = page(&app, name, order, &after).await["list"]["pageInfo"].clone();
        assert_eq!(info["hasPreviousPage"], true, "{name} {order}");
        accepted += 1;
        for (other, _) in orders.iter().filter(|(other, same)| other != name && same == order) {
            let answer = page(&app, other, order, &after).await;
            assert_eq!(answer.bad_fields(), ["after"], "{name} in {other} by {order}");
            assert_eq!(answer.error()["extensions"]["fields"][0]["code"], "NOT_A_CURSOR");
            refused += 1;
        }
    }
    assert!(accepted > 5 && refused > 5, "{accepted} lists, {refused} refused cursors");
    // Lists of other things than those that their order is of.
    for (name, order, document) in [
        ("agreements", "NUMBER", "{ templateConsistency(after: $cursor) { totalCount } }"),
        ("members", "NAME", "{ activityMatrix { rows(after: $cursor) { totalCount } } }"),
    ] {
        let cursor = cursor(&page(&app, name, order, "first: 1").await).unwrap();
        let document = format!("query($cursor: String) {document}");
        let answer = app.office().ask(&document, json!({ "cursor": cursor })).await;
        assert_eq!(answer.bad_fields(), ["after"], "{document}");
    }
});
