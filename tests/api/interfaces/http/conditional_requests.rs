//! Conditional requests: the `ETag` of a GET, and every change that gives it another one.

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};

use samregister::graphql::cost::Costs;

use crate::support::{
    app::{App, on_both},
    caller::{Answer, Caller},
};

const MEMBERS: &str = "/graphql?query=%7Bmembers%7Bnodes%7Bname%7D%7D%7D";
const ADMISSION: &str = "mutation { memberAdmit(input: { name: \"Nya\", joinedOn: \"2026-01-01\" }) { member { id } } }";

/// A GET by a client that has an answer with these validators.
async fn get_if_new(app: &App, caller: &Caller<'_>, path: &str, known: &str) -> Answer {
    let request = caller.request(Method::GET, path).header(header::IF_NONE_MATCH, known);
    app.send(request.body(Body::empty()).unwrap()).await
}

on_both!(an_answer_that_the_client_has_is_not_made_again, |app| async move {
    let office = app.office();
    let first = office.get(MEMBERS).await;
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with("W/\"") && tag.ends_with('"') && tag.len() == 68, "{tag}");
    assert_eq!(first.header("cache-control"), "private, no-cache");
    assert_eq!(first.header("vary").to_lowercase(), "authorization, accept, accept-language");
    assert_eq!(office.get(MEMBERS).await.header("etag"), tag);

    app.statements();
    for known in [
        tag.clone(),
        format!("\"x\", {tag}"),
        tag.trim_start_matches("W/").to_owned(),
        "*".to_owned(),
    ] {
        let same = get_if_new(&app, &office, MEMBERS, &known).await;
        assert_eq!(
            (same.status, same.bytes.len(), same.header("etag")),
            (StatusCode::NOT_MODIFIED, 0, tag.as_str()),
            "{known}"
        );
        assert!(app.statements().is_empty(), "the revision alone is asked for");
    }
    assert_eq!(get_if_new(&app, &office, MEMBERS, "W/\"other\"").await.status, StatusCode::OK);

    // Any write makes it another.
    office.query(ADMISSION).await.data();
    let after = get_if_new(&app, &office, MEMBERS, &tag).await;
    assert_eq!(
        (after.status, &after["members"]["nodes"][0]["name"]),
        (StatusCode::OK, &"Nya".into())
    );
    assert_ne!(after.header("etag"), tag);
});

#[tokio::test]
async fn whatever_the_answer_depends_on_is_in_its_validator() {
    let app = App::sqlite().await;
    let tag = app.office().get(MEMBERS).await.header("etag").to_owned();
    let is_repeated =
        async |answer: Answer| assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    is_repeated(get_if_new(&app, &app.board(), MEMBERS, &tag).await).await;
    is_repeated(
        get_if_new(&app, &app.office(), "/graphql?query=%7Bmembers%7Bnodes%7Bid%7D%7D%7D", &tag)
            .await,
    )
    .await;
    is_repeated(
        get_if_new(&app, &app.office(), &format!("{MEMBERS}&variables=%7B%22a%22%3A1%7D"), &tag)
            .await,
    )
    .await;
    // States follow from the day, and the day begins in Sweden.
    let evening = app.at("2026-11-21T22:59:59Z");
    assert_eq!(
        get_if_new(&evening, &evening.office(), MEMBERS, &tag).await.status,
        StatusCode::NOT_MODIFIED
    );
    let tomorrow = app.at("2026-11-21T23:00:00Z");
    is_repeated(get_if_new(&tomorrow, &tomorrow.office(), MEMBERS, &tag).await).await;
    let newer = app
        .office()
        .request(Method::GET, MEMBERS)
        .header(header::ACCEPT, "application/graphql-response+json");
    is_repeated(
        app.send(newer.header(header::IF_NONE_MATCH, &tag).body(Body::empty()).unwrap()).await,
    )
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("samregister.toml");
    std::fs::write(&file, "[network]\nname = \"Another network\"\n").unwrap();
    let other = app.with_file(&file);
    is_repeated(get_if_new(&other, &other.office(), MEMBERS, &tag).await).await;
}

#[tokio::test]
async fn only_whole_answers_to_an_authenticated_get_have_one() {
    let app = App::sqlite().await;
    let tag = app.office().get(MEMBERS).await.header("etag").to_owned();
    for path in [
        "/graphql?query=%7Bnode%28id%3A%22x%22%29%7Bid%7D%7D",
        "/graphql?query=%7Bnothing%7D",
        "/graphql?query=%7B",
    ] {
        let answer = app.office().get(path).await;
        assert_eq!(
            (answer.header("etag"), answer.header("cache-control")),
            ("", "no-store"),
            "{path}"
        );
    }
    assert_eq!(app.office().query("{ members { nodes { name } } }").await.header("etag"), "");
    // Who read contacts is written without a revision.
    for reads in ["contactReads%7BtotalCount%7D", "retention%7BasOf%7D"] {
        let answer = app.office().get(&format!("/graphql?query=%7B{reads}%7D")).await;
        assert!(
            answer.header("etag").is_empty() && answer.errors().is_empty(),
            "{reads}: {}",
            answer.text()
        );
    }
    // Whatever it is called, and wherever it stands; the same word elsewhere is no field.
    for (reads, has_tag) in [
        ("a:contactReads%7BtotalCount%7D", false),
        ("...F%7Dfragment%20F%20on%20Query%7Bretention%7BasOf%7D", false),
        ("members(filter:%7Bsearch:%22contactReads%20retention%22%7D)%7BtotalCount%7D", true),
        ("retention:memberCount", true),
        ("viewer%7Bsubject%7D", false),
    ] {
        let answer = app.office().get(&format!("/graphql?query=%7B{reads}%7D")).await;
        assert!(
            answer.header("etag").is_empty() != has_tag && answer.errors().is_empty(),
            "{reads}: {}",
            answer.text()
        );
    }
    // A caller who may not ask gets that error, and not that nothing has changed.
    assert_eq!(
        get_if_new(&app, &app.no_one(), MEMBERS, &tag).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        get_if_new(&app, &app.no_one(), MEMBERS, "*").await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[test]
fn fields_say_what_their_values_depend_on() {
    let costs = Costs::of_schema();
    // Of the parts that `Query` is merged of, its own fields alone are seen by clients.
    let is_part =
        |of: &str| of != "Query" && (of.ends_with("Query") || of.contains("MergedObjectTail"));
    let mut unversioned: Vec<_> = costs
        .fields()
        .filter(|field| field.cost.is_unversioned && !is_part(field.type_name))
        .map(|field| format!("{}.{}", field.type_name, field.name))
        .collect();
    unversioned.sort_unstable();
    // Each signed link is a new one, reads of contacts are logged and have no revision, and what a
    // viewer may do is its own.
    let is_of_viewer = |field: &String| field.contains(".viewerCan");
    assert_eq!(unversioned.iter().filter(|field| is_of_viewer(field)).count(), 41);
    unversioned.retain(|field| !is_of_viewer(field));
    assert_eq!(
        unversioned,
        [
            "Agreement.preview",
            "AgreementDocument.html",
            "AgreementDocument.pdfUrl",
            "AgreementPreview.pdfUrl",
            "AgreementTemplateVersion.preview",
            "AuditEntry.after",
            "AuditEntry.before",
            "AuditEntry.subject",
            "Contact.email",
            "Contact.name",
            "Contact.phone",
            "Document.pdfUrl",
            "Invoice.pdfUrl",
            "Invoice.peppolUrl",
            "Query.archivedDocumentReads",
            "Query.contactExport",
            "Query.contactReads",
            "Query.contacts",
            "Query.invoiceRunPreview",
            "Query.retention",
            "Query.viewer",
            "Reminder.pdfUrl",
            "Requisition.pdfUrl",
            "RevenueReport.assumptionsCsvUrl",
            "RevenueReport.csvUrl",
            "RevenueReport.xlsxUrl",
            "StatusReport.reportedBy",
            "StoredFile.url"
        ]
    );
    // Whatever says so of a viewer is declared.
    let undeclared: Vec<_> = costs
        .fields()
        .filter(|field| field.name.starts_with("viewerCan") && !field.cost.is_unversioned)
        .map(|field| format!("{}.{}", field.type_name, field.name))
        .collect();
    assert_eq!(undeclared, Vec::<String>::new());
    // What is read of a person is recorded, and what a viewer is or may do is its own: only what
    // was looked at is resolved once for all.
    let mut shared: Vec<_> = costs
        .fields()
        .filter(|field| field.cost.is_shared && field.name != "id")
        .map(|field| format!("{}.{}", field.type_name, field.name))
        .collect();
    shared.sort_unstable();
    assert_eq!(
        shared,
        [
            "Change.action",
            "Change.kind",
            "Change.node",
            "Change.recordedAt",
            "Change.revision",
            "Subscription.changes"
        ]
    );
    let has_shared_id = |of: &str| costs.field(of, "id").is_some_and(|field| field.is_shared);
    assert!(
        has_shared_id("Node")
            && has_shared_id("Member")
            && has_shared_id("Contact")
            && has_shared_id("BankPayment")
    );
}
