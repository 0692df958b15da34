//! Lists of bank payments: filters by status, result of the matching and words, and orders.

use serde_json::{Value, json};

use crate::support::app::{App, on_both};

const ROWS: &str = "bank_reference,file_name,file_sha256,imported_at,account,booked_on,amount,reference,message,payer_name,payer_org_number,finding,set_aside_on,set_aside_reason\n\
    B-1,a.txt,SHA,2026-11-20T09:00:00Z,5050-1055,2026-11-18,300.00,4711,Tack för kursen,Förbundet Åsele,,NO_REFERENCE,,\n\
    B-2,a.txt,SHA,2026-11-20T09:00:00Z,5050-1055,2026-11-19,100.00,,Bidrag,Myndigheten,,UNKNOWN_REFERENCE,2026-11-20,Ett bidrag\n\
    B-3,a.txt,SHA,2026-11-20T09:00:00Z,5050-1055,2026-11-17,200.00,4712,,Anna Andersson,,NO_REFERENCE,,\n";

async fn fill(app: &App) {
    let rows = ROWS.replace("SHA", &"0".repeat(64));
    app.import(&[("bank_payments.csv", &rows)]).await;
}

async fn found(app: &App, arguments: &str) -> String {
    let document =
        format!("{{ bankPayments{arguments} {{ totalCount nodes {{ bankReference }} }} }}");
    let answer = app.finance().query(&document).await;
    let nodes = answer["bankPayments"]["nodes"].as_array().unwrap();
    assert_eq!(answer["bankPayments"]["totalCount"], nodes.len());
    let names: Vec<&str> =
        nodes.iter().map(|node| node["bankReference"].as_str().unwrap()).collect();
    names.join(" ")
}

on_both!(bank_payments_are_found_by_every_filter, |app| async move {
    fill(&app).await;
    for (filter, expected) in [
        ("status: PENDING", "B-1 B-3"),
        ("status: EXCLUDED", "B-2"),
        ("status: [PENDING, EXCLUDED]", "B-2 B-1 B-3"),
        ("status: [MATCHED, DUPLICATE]", ""),
        ("status: []", "B-2 B-1 B-3"),
        ("finding: UNKNOWN_REFERENCE", "B-2"),
        ("receivedFrom: \"2026-11-18\"", "B-2 B-1"),
        ("receivedFrom: \"2026-11-18\", receivedTo: \"2026-11-18\"", "B-1"),
        ("finding: [NO_REFERENCE, OCR]", "B-1 B-3"),
        ("status: PENDING, finding: UNKNOWN_REFERENCE", ""),
        ("search: \"åse\"", "B-1"),
        ("search: \"ase\"", ""),
        ("search: \"KURSEN tack\"", "B-1"),
        ("search: \"471\"", "B-1 B-3"),
        ("search: \"andersson\", status: PENDING", "B-3"),
    ] {
        assert_eq!(found(&app, &format!("(filter: {{ {filter} }})")).await, expected, "{filter}");
    }
});

on_both!(bank_payments_have_two_orders, |app| async move {
    fill(&app).await;
    for (order, expected) in [
        ("", "B-2 B-1 B-3"),
        ("(orderBy: { field: RECEIVED_ON })", "B-3 B-1 B-2"),
        ("(orderBy: { field: RECEIVED_ON, direction: DESC })", "B-2 B-1 B-3"),
        ("(orderBy: { field: AMOUNT })", "B-2 B-3 B-1"),
        ("(orderBy: { field: AMOUNT, direction: DESC })", "B-1 B-3 B-2"),
    ] {
        assert_eq!(found(&app, order).await, expected, "{order}");
    }
    // Page by page, and a cursor of another order is refused.
    let document = "query($after: String) { bankPayments(first: 1, after: $after, orderBy: { field: AMOUNT }) {
        nodes { bankReference } pageInfo { endCursor hasNextPage } } }";
    let (mut after, mut names) = (Value::Null, Vec::new());
    loop {
        let page =
            app.finance().ask(document, json!({ "after": after })).await["bankPayments"].clone();
        names.push(page["nodes"][0]["bankReference"].as_str().unwrap().to_owned());
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(names, ["B-2", "B-3", "B-1"]);
    let other = format!("{{ bankPayments(after: {after}) {{ totalCount }} }}");
    assert_eq!(app.finance().query(&other).await.code(), "INVALID");
});

on_both!(words_of_bank_payments_are_found_by_those_who_see_all_invoices, |app| async move {
    fill(&app).await;
    assert_eq!(found(&app, "(filter: { search: \"andersson\" })").await, "B-3");
    let document = "{ bankPayments(filter: { search: \"anna\" }) { nodes { id } } }";
    let id = app.finance().query(document).await["bankPayments"]["nodes"][0]["id"].clone();
    assert_eq!(app.board().query(document).await["bankPayments"]["nodes"][0]["id"], id);
    let lead = app.lead(&["bip"]);
    assert_eq!(lead.query(document).await["bankPayments"]["nodes"], json!([]));
    assert_eq!(domain::search::violations(app.db.read()).await.unwrap(), [""; 0]);
});
