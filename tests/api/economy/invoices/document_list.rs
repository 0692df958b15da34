//! The list of documents: agreements, invoices, reminders and requisitions that exist as a PDF.

use serde_json::{Value, json};

use crate::{
    economy::invoices::requisitions::{grant, input},
    support::{
        app::{App, on_both},
        caller::Caller,
        invoicing_fixtures::{NETWORK, course, drafted, fill, issue, member, with_network},
        lifecycle_fixtures::mutate,
        pages::walk,
    },
};

/// A register with a document of each kind, and its first member's id.
async fn documented(app: &App) -> (App, String, tempfile::TempDir) {
    let (app, _) = fill(app, 1).await;
    let (app, folder) = with_network(&app, NETWORK);
    let document = "{ agreement(by: { number: \"2026-9002\" }) { counterparty { ... on Organisation { id } } } }";
    let authority = app.office().query(document).await["agreement"]["counterparty"]["id"].clone();
    let agreement = grant(&app, "samarbete", authority.as_str().unwrap()).await;
    mutate(&app.finance(), "requisitionIssue", input(&agreement), "requisition { id }")
        .await
        .data();
    let first = member(&app, 1).await;
    let invoice = drafted(&app.finance(), course(&first, "100.00")).await;
    issue(&app.finance(), &invoice, "id").await.data();
    let later = app.at("2027-02-01T09:00:00Z");
    let remind = json!({ "invoiceId": invoice, "sentOn": "2027-01-20" });
    mutate(&later.finance(), "invoiceRemind", remind, "id").await.data();
    (later, first, folder)
}

async fn documents(caller: &Caller<'_>, arguments: &str) -> Vec<Value> {
    let document = format!(
        "{{ documents{arguments} {{ totalCount nodes {{ kind title createdOn sha256 pdfUrl node {{ __typename id }} }} }} }}"
    );
    let answer = caller.query(&document).await;
    let nodes = answer["documents"]["nodes"].as_array().unwrap().clone();
    assert_eq!(answer["documents"]["totalCount"], nodes.len());
    nodes
}

async fn kinds(caller: &Caller<'_>, arguments: &str) -> String {
    let nodes = documents(caller, arguments).await;
    let kinds: Vec<&str> = nodes.iter().map(|node| node["kind"].as_str().unwrap()).collect();
    kinds.join(" ")
}

on_both!(documents_of_every_kind_are_listed_with_their_subject, |app| async move {
    let (app, _, _folder) = documented(&app).await;
    let nodes = documents(&app.office(), "").await;
    assert_eq!(nodes.len(), 4, "{nodes:?}");
    let types: Vec<_> = nodes.iter().map(|node| node["node"]["__typename"].clone()).collect();
    assert_eq!(types[0], "Reminder", "the latest first");
    for (kind, type_name, title) in [
        ("AGREEMENT", "Agreement", "Avtal "),
        ("INVOICE", "Invoice", "Faktura "),
        ("REMINDER", "Reminder", "Påminnelse om faktura "),
        ("REQUISITION", "Requisition", "Rekvisition R2026-0001"),
    ] {
        let node = nodes.iter().find(|node| node["kind"] == kind).unwrap();
        assert_eq!(node["node"]["__typename"], type_name);
        assert!(node["title"].as_str().unwrap().starts_with(title), "{node}");
        let id = node["node"]["id"].as_str().unwrap();
        let url = node["pdfUrl"].as_str().unwrap();
        assert!(url.contains(&format!("/{id}.pdf")), "{url}");
        let path = url.find("/files/").map(|at| &url[at..]).unwrap();
        let path = path.split('?').next().unwrap();
        assert_eq!(app.office().get(path).await.status, 200, "{path}");
        assert_eq!(node["sha256"].is_null(), kind != "AGREEMENT", "{node}");
    }
    // The first download stored the PDF of the invoice.
    let invoice = documents(&app.office(), "(filter: { kind: INVOICE })").await;
    assert_eq!(invoice[0]["sha256"].as_str().unwrap().len(), 64);
});

on_both!(documents_are_found_by_every_filter_and_in_both_directions, |app| async move {
    let (app, first, _folder) = documented(&app).await;
    let office = app.office();
    for (filter, expected) in [
        ("kind: [INVOICE, REMINDER]".to_owned(), "REMINDER INVOICE"),
        ("kind: AGREEMENT".to_owned(), "AGREEMENT"),
        (format!("counterpartyId: \"{first}\""), "REMINDER INVOICE"),
        ("createdFrom: \"2027-01-01\"".to_owned(), "REMINDER"),
        ("kind: INVOICE, createdTo: \"2026-11-20\"".to_owned(), ""),
        ("search: \"R2026\"".to_owned(), "REQUISITION"),
        ("search: \"kurs förb\"".to_owned(), "REMINDER INVOICE"),
    ] {
        let arguments = format!("(filter: {{ {filter} }})");
        assert_eq!(kinds(&office, &arguments).await, expected, "{filter}");
    }
    let of_activity = kinds(&office, "(filter: { activitySlugs: [\"bip\"] })").await;
    assert_eq!(kinds(&office, "(filter: { activitySlugs: [] })").await, kinds(&office, "").await);
    let of_both = kinds(&office, "(filter: { activitySlugs: [\"indikatorer\", \"bip\"] })").await;
    assert_eq!(of_both, of_activity);
    assert_eq!(kinds(&office, "(filter: { activitySlugs: [\"indikatorer\"] })").await, "");
    assert!(of_activity.contains("AGREEMENT") && of_activity.contains("REQUISITION"));
    let titles = |nodes: &[Value]| -> Vec<Value> {
        nodes.iter().map(|node| node["node"]["id"].clone()).collect()
    };
    let latest = titles(&documents(&office, "").await);
    let mut earliest =
        titles(&documents(&office, "(orderBy: { field: CREATED_ON, direction: ASC })").await);
    earliest.reverse();
    assert_eq!(latest, earliest);
    let by_title = async |direction: &str| {
        let order = format!(", orderBy: {{ field: TITLE, direction: {direction} }}");
        let found = walk(&office, "documents", &order, "kind").await;
        found.iter().map(|row| row["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let rising = ["AGREEMENT", "INVOICE", "REMINDER", "REQUISITION"];
    assert_eq!(by_title("ASC").await, rising);
    let mut falling = by_title("DESC").await;
    falling.reverse();
    assert_eq!(falling, rising);
    let (mut cursor, mut found) = (Value::Null, Vec::new());
    loop {
        let document = "query($after: String) { documents(first: 1, after: $after) { nodes { node { id } } pageInfo { endCursor hasNextPage } } }";
        let page = office.ask(document, json!({ "after": cursor })).await["documents"].clone();
        found.push(page["nodes"][0]["node"]["id"].clone());
        cursor = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(found, latest);
});

on_both!(documents_show_what_the_role_sees, |app| async move {
    let (app, first, _folder) = documented(&app).await;
    let second = member(&app, 3).await;
    for (caller, count) in [
        (app.office(), 4),
        (app.board(), 4),
        (app.auditor(), 4),
        (app.service("invoices:read"), 3),
        (app.service("agreements:read"), 1),
        (app.service("members:read"), 0),
        (app.member(&first), 2),
        (app.member(&second), 0),
        (app.lead(&["bip"]), 1),
        (app.lead(&["indikatorer"]), 0),
    ] {
        assert_eq!(documents(&caller, "").await.len(), count);
    }
    // A filter by what the caller may not see matches nothing.
    let invoices = app.service("invoices:read");
    let filter = "(filter: { kind: REQUISITION, activitySlugs: [\"bip\"] })";
    assert_eq!(documents(&invoices, filter).await.len(), 0);
});
