//! Lists of payments, refunds and reminders of all invoices, and the parts of invoices as nodes.

use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    caller::Caller,
    payment_fixtures::{LEDGER, id},
};

/// Payments of three buyers, one of them reversed, an overpayment with its refund, a write-off and
/// two reminders.
const PARTS: [(&str, &str); 3] = [
    (
        "payments.csv",
        "invoice,received_on,amount,reference,reverses,reason,booked_on\n\
         a,2026-02-10,1000.00,BG 100,,,\n\
         a,2026-03-02,855.50,BG 200,,,2026-03-05\n\
         b,2026-04-03,900.00,Swish 7,,,\n\
         c,2026-11-10,500.00,BG 300,,,\n\
         c,2026-11-12,-500.00,BG 300 rättad,BG 300,Fel faktura,\n",
    ),
    (
        "adjustments.csv",
        "invoice,kind,dated_on,amount,reference,bank_payment,reverses,reason,booked_on\n\
         b,REFUND,2026-04-10,100.00,UT 1,,,,\n\
         a,WRITE_OFF,2026-03-05,0.49,1,,,,\n",
    ),
    ("reminders.csv", "invoice,sent_on,fee\na,2026-02-20,60.00\nb,2026-04-02,0.00\n"),
];

async fn fill(app: &App) {
    app.import(&LEDGER).await;
    app.import(&PARTS).await;
}

/// Returns a field of a page's rows, in their order.
fn all(list: &Value, field: &str) -> Vec<String> {
    let nodes = list["nodes"].as_array().unwrap();
    nodes.iter().map(|node| node[field].as_str().unwrap().to_owned()).collect()
}

/// Asks for a page of a list with these arguments, as written in a document.
async fn list(caller: &Caller<'_>, name: &str, arguments: &str, field: &str) -> Value {
    let arguments = if arguments.is_empty() { String::new() } else { format!("({arguments})") };
    let document = format!(
        "{{ {name}{arguments} {{ totalCount nodes {{ {field} }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"
    );
    caller.query(&document).await[name].clone()
}

/// Returns the rows of all pages of two rows, forwards or backwards.
async fn pages(
    caller: &Caller<'_>,
    name: &str,
    order: &str,
    field: &str,
    back: bool,
) -> Vec<String> {
    let (size, at, more, end) = if back {
        ("last", "before", "hasPreviousPage", "startCursor")
    } else {
        ("first", "after", "hasNextPage", "endCursor")
    };
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let arguments = format!("{order}, {size}: 2{cursor}");
        let page = list(caller, name, &arguments, field).await;
        let own = all(&page, field);
        found = if back { [own, found].concat() } else { [found, own].concat() };
        if page["pageInfo"][more] == false {
            return found;
        }
        cursor = format!(", {at}: {}", page["pageInfo"][end]);
    }
}

on_both!(lists_of_parts_have_every_order_in_both_directions_and_all_pages, |app| async move {
    fill(&app).await;
    let finance = app.finance();
    let latest = ["BG 300 rättad", "BG 300", "Swish 7", "BG 200", "BG 100"];
    assert_eq!(all(&list(&finance, "payments", "", "reference").await, "reference"), latest);
    for (name, field, order, rows) in [
        ("payments", "reference", "RECEIVED_ON", "BG 100|BG 200|Swish 7|BG 300|BG 300 rättad"),
        ("payments", "reference", "BOOKED_ON", "BG 100|BG 200|Swish 7|BG 300|BG 300 rättad"),
        ("payments", "reference", "AMOUNT", "BG 300 rättad|BG 300|BG 200|Swish 7|BG 100"),
        ("refunds", "reference", "PAID_ON", "UT 1"),
        ("refunds", "reference", "BOOKED_ON", "UT 1"),
        ("refunds", "reference", "AMOUNT", "UT 1"),
        ("reminders", "sentOn", "SENT_ON", "2026-02-20|2026-04-02"),
        ("reminders", "sentOn", "FEE", "2026-04-02|2026-02-20"),
    ] {
        let ascending: Vec<String> = rows.split('|').map(str::to_owned).collect();
        let descending: Vec<String> = ascending.iter().rev().cloned().collect();
        for (direction, expected) in [("ASC", &ascending), ("DESC", &descending)] {
            let order = format!("orderBy: {{ field: {order}, direction: {direction} }}");
            let whole = list(&finance, name, &order, field).await;
            assert_eq!(whole["totalCount"], expected.len(), "{name} {order}");
            assert_eq!(&all(&whole, field), expected, "{name} {order}");
            for back in [false, true] {
                assert_eq!(&pages(&finance, name, &order, field, back).await, expected, "{name}");
            }
        }
    }
});

on_both!(parts_are_found_by_every_filter, |app| async move {
    fill(&app).await;
    let finance = app.finance();
    let (third, gavle) = (id(&app, "1003").await, buyer(&app, "1002").await);
    for (filter, found) in [
        ("receivedFrom: \"2026-04-03\"".to_owned(), "BG 300 rättad|BG 300|Swish 7"),
        ("receivedTo: \"2026-03-02\"".to_owned(), "BG 200|BG 100"),
        ("bookedFrom: \"2026-03-03\", bookedTo: \"2026-03-31\"".to_owned(), "BG 200"),
        (format!("invoiceId: \"{third}\""), "BG 300 rättad|BG 300"),
        (format!("buyerId: \"{gavle}\""), "Swish 7"),
        ("search: \"swi\"".to_owned(), "Swish 7"),
        ("search: \"bg 2\"".to_owned(), "BG 200"),
        ("search: \"bg\", receivedTo: \"2026-02-28\"".to_owned(), "BG 100"),
        ("search: \"1002\"".to_owned(), "Swish 7"),
        ("search: \"1001 bg 2\"".to_owned(), "BG 200"),
        ("search: \"gävle\"".to_owned(), ""),
        ("status: [BOOKED]".to_owned(), "Swish 7|BG 200|BG 100"),
        ("status: [REVERSED]".to_owned(), "BG 300"),
        ("status: [REVERSAL]".to_owned(), "BG 300 rättad"),
        ("status: [REVERSED, REVERSAL]".to_owned(), "BG 300 rättad|BG 300"),
        ("status: [], search: \"swish\"".to_owned(), "Swish 7"),
        (format!("status: [BOOKED], invoiceId: \"{third}\""), ""),
    ] {
        let arguments = format!("filter: {{ {filter} }}");
        let page = list(&finance, "payments", &arguments, "reference").await;
        assert_eq!(all(&page, "reference").join("|"), found, "{filter}");
    }
    for (filter, count) in [
        ("paidFrom: \"2026-04-10\", paidTo: \"2026-04-10\"".to_owned(), 1),
        ("paidFrom: \"2026-04-11\"".to_owned(), 0),
        ("bookedTo: \"2026-04-09\"".to_owned(), 0),
        (format!("buyerId: \"{gavle}\", search: \"ut 1\""), 1),
        (format!("invoiceId: \"{third}\""), 0),
        ("search: \"1002\"".to_owned(), 1),
        ("search: \"1001\"".to_owned(), 0),
        ("status: [BOOKED]".to_owned(), 1),
        ("status: [REVERSED, REVERSAL]".to_owned(), 0),
    ] {
        let arguments = format!("filter: {{ {filter} }}");
        let page = list(&finance, "refunds", &arguments, "reference").await;
        assert_eq!(page["totalCount"], count, "{filter}");
    }
    for (filter, found) in [
        ("sentFrom: \"2026-03-01\"".to_owned(), "2026-04-02"),
        ("sentTo: \"2026-03-01\"".to_owned(), "2026-02-20"),
        (format!("buyerId: \"{gavle}\""), "2026-04-02"),
        (format!("invoiceId: \"{third}\""), ""),
        ("search: \"1002\"".to_owned(), "2026-04-02"),
        ("search: \"100\", sentTo: \"2026-03-01\"".to_owned(), "2026-02-20"),
        ("search: \"1003\"".to_owned(), ""),
    ] {
        let arguments = format!("filter: {{ {filter} }}");
        let page = list(&finance, "reminders", &arguments, "sentOn").await;
        assert_eq!(all(&page, "sentOn").join("|"), found, "{filter}");
    }
    // A search finds no payment of an invoice that the member may not see.
    let member = app.member(&gavle);
    for (text, found) in [("1002", "Swish 7"), ("1001", ""), ("bg", "")] {
        let arguments = format!("filter: {{ search: \"{text}\" }}");
        let page = list(&member, "payments", &arguments, "reference").await;
        assert_eq!(all(&page, "reference").join("|"), found, "{text}");
    }
    let wrong = format!("{{ payments(filter: {{ invoiceId: \"{gavle}\" }}) {{ totalCount }} }}");
    assert_eq!(finance.query(&wrong).await.code(), "INVALID");
});

/// The id of the buyer of an invoice.
async fn buyer(app: &App, number: &str) -> String {
    let document = "query($number: String!) { invoice(by: { number: $number }) { buyer { ... on Member { id } } } }";
    app.finance().ask(document, json!({ "number": number })).await["invoice"]["buyer"]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Every part with its relations.
const EVERYTHING: &str = "{
    payments(first: 10) { nodes { id invoice { number } reverses { reference } reversedBy { reference } } }
    refunds(first: 10) { nodes { id invoice { number } reverses { id } reversedBy { id } bankPayment { id } } }
    reminders(first: 10, orderBy: { field: SENT_ON }) { nodes { id fee earlierFees pdfUrl invoice { number } } }
    invoices(first: 10) { nodes { lines { id invoice { number } } writeOffs { id invoice { number } reverses { id } } } } }";

on_both!(parts_lead_to_their_invoice_and_their_reversal, |app| async move {
    fill(&app).await;
    let answer = app.finance().query(EVERYTHING).await;
    let payments = answer["payments"]["nodes"].as_array().unwrap();
    let relations: Vec<Value> = payments
        .iter()
        .map(|node| {
            json!([
                node["invoice"]["number"],
                node["reverses"]["reference"],
                node["reversedBy"]["reference"]
            ])
        })
        .collect();
    assert_eq!(
        json!(relations),
        json!([
            ["1003", "BG 300", null],
            ["1003", null, "BG 300 rättad"],
            ["1002", null, null],
            ["1001", null, null],
            ["1001", null, null]
        ])
    );
    let refund = &answer["refunds"]["nodes"][0];
    assert_eq!(refund["invoice"]["number"], "1002");
    assert_eq!((&refund["reverses"], &refund["bankPayment"]), (&Value::Null, &Value::Null));
    let reminders = &answer["reminders"]["nodes"];
    assert_eq!(
        (&reminders[0]["fee"], &reminders[0]["earlierFees"], &reminders[0]["pdfUrl"]),
        (&json!("60.00"), &json!("0.00"), &Value::Null)
    );
    assert_eq!(reminders[1]["invoice"]["number"], "1002");
    for invoice in answer["invoices"]["nodes"].as_array().unwrap() {
        let parts =
            ["lines", "writeOffs"].into_iter().flat_map(|name| invoice[name].as_array().unwrap());
        let numbers: Vec<&Value> = parts.map(|part| &part["invoice"]["number"]).collect();
        assert!(numbers.windows(2).all(|pair| pair[0] == pair[1]), "{invoice}");
    }
});

/// The ids of every part in an answer to [`EVERYTHING`].
fn ids(answer: &Value, found: &mut Vec<String>) {
    match answer {
        Value::Array(items) => items.iter().for_each(|item| ids(item, found)),
        Value::Object(fields) => {
            found.extend(fields.get("id").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| ids(value, found));
        }
        _ => {}
    }
}

on_both!(parts_are_nodes_for_those_who_see_their_invoice, |app| async move {
    fill(&app).await;
    let mut of_all = Vec::new();
    ids(app.finance().query(EVERYTHING).await.data(), &mut of_all);
    let words: std::collections::BTreeSet<&str> =
        of_all.iter().map(|id| id.rsplit_once('_').unwrap().0).collect();
    let expected = ["adjustment", "invoice_line", "payment", "reminder"];
    assert_eq!(words.into_iter().collect::<Vec<_>>(), expected);
    let (gotland, gavle) = (buyer(&app, "1001").await, buyer(&app, "1002").await);
    let nodes = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Payment { invoice { number } } ... on Refund { invoice { number } }
        ... on WriteOff { invoice { number } } ... on Reminder { invoice { number } } ... on InvoiceLine { line: invoice { number } } } }";
    for (caller, count) in [
        (app.office(), of_all.len()),
        (app.board(), of_all.len()),
        (app.auditor(), of_all.len()),
        (app.service("invoices:read"), of_all.len()),
        (app.lead(&["bip"]), 0),
        (app.service("agreements:read"), 0),
        (app.service("revenue:read"), 0),
    ] {
        let answer = caller.ask(nodes, json!({ "ids": of_all })).await;
        let found = answer["nodes"].as_array().unwrap().iter().filter(|node| !node.is_null());
        assert_eq!(found.count(), count);
    }
    for (member, own) in
        [(gotland, ["1001"].as_slice()), (gavle, ["1002", "1004", "1005", "1"].as_slice())]
    {
        let answer = app.member(&member).ask(nodes, json!({ "ids": of_all })).await;
        let found: Vec<&Value> =
            answer["nodes"].as_array().unwrap().iter().filter(|node| !node.is_null()).collect();
        assert!(!found.is_empty());
        for node in found {
            let invoice = if node["line"].is_null() { &node["invoice"] } else { &node["line"] };
            assert!(own.contains(&invoice["number"].as_str().unwrap()), "{node}");
        }
    }
});

on_both!(fees_and_rates_are_nodes_for_everyone, |app| async move {
    fill(&app).await;
    let fee = json!({ "validFrom": "2026-01-01", "basis": "FIXED_PER_YEAR", "amount": "100.00" });
    app.office().does("networkFeeSet", "id", fee).await.data();
    let public = "{ networkFees { id activity { slug } } referenceRates { id } }";
    let answer = app.office().query(public).await;
    assert_eq!(answer["networkFees"][0]["activity"], Value::Null);
    let fee = answer["networkFees"][0]["id"].clone();
    let rate = answer["referenceRates"][0]["id"].clone();
    for caller in [app.office(), app.lead(&["bip"]), app.service("templates:read")] {
        let document = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }";
        let nodes = caller.ask(document, json!({ "ids": [fee, rate] })).await["nodes"].clone();
        assert_eq!(
            nodes,
            json!([{ "__typename": "FeeSchedule", "id": fee }, { "__typename": "ReferenceRate", "id": rate }])
        );
    }
});

on_both!(lists_of_parts_show_what_the_role_sees_with_few_statements, |app| async move {
    fill(&app).await;
    let gavle = buyer(&app, "1002").await;
    for (caller, counts) in [
        (app.office(), [5, 1, 2]),
        (app.finance(), [5, 1, 2]),
        (app.board(), [5, 1, 2]),
        (app.service("invoices:read"), [5, 1, 2]),
        (app.member(&gavle), [1, 1, 1]),
        (app.lead(&["bip"]), [0, 0, 0]),
        (app.service("agreements:read"), [0, 0, 0]),
    ] {
        let document =
            "{ payments { totalCount } refunds { totalCount } reminders { totalCount } }";
        let answer = caller.query(document).await;
        let found =
            ["payments", "refunds", "reminders"].map(|name| answer[name]["totalCount"].clone());
        assert_eq!(json!(found), json!(counts));
    }
    app.statements();
    let document =
        "{ payments { nodes { invoice { number } reverses { amount } reversedBy { amount } } } }";
    app.finance().query(document).await.data();
    assert_eq!(app.statements().len(), 4);
});
