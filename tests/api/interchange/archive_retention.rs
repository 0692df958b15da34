//! The report of retention counts an archived document as due on the day from which it may be
//! erased, in whichever way its agreement ends.

use serde_json::{Value, json};

use super::archive::input;
use crate::support::{
    app::{App, on_both},
    lifecycle_fixtures::{Register, raw},
    uploads::uploaded,
};

/// Agreements that end by their term, by notice, by a successor, before they are renewed by a
/// successor, by a withdrawal before and after their last day, unsigned; and that do not end.
const AGREEMENTS: &str = "key,number,kind,direction,activity,counterparty,template,\
    template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,\
    notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate,withdrawn_on,termination_reason,\
    replaces\n\
    a,2016-0001,PARTICIPATION,NONE,bip,m1,,,2016-02-01,2018-12-31,3,,\
    2016-01-10T09:00:00Z,2016-01-20,,,,,,,,\n\
    b,2016-0002,PARTICIPATION,NONE,bip,m2,,,2016-02-01,2019-12-31,3,12,\
    2016-01-10T09:00:00Z,2016-01-20,2019-06-30,,,,,,slut,\n\
    c,2016-0003,PARTICIPATION,NONE,bip,m3,,,2016-02-01,,3,,\
    2016-01-10T09:00:00Z,2016-01-20,,,,,,,,\n\
    d,2020-0001,PARTICIPATION,NONE,bip,m3,,,2021-01-01,,3,,\
    2020-01-10T09:00:00Z,2020-01-20,,,,,,,,c\n\
    e,2016-0004,PARTICIPATION,NONE,bip,m4,,,2016-02-01,2017-12-31,3,12,\
    2016-01-10T09:00:00Z,2016-01-20,,,,,,,,\n\
    f,2021-0001,PARTICIPATION,NONE,bip,m4,,,2022-01-01,,3,,\
    2021-01-10T09:00:00Z,2021-01-20,,,,,,,,e\n\
    g,2016-0005,PARTICIPATION,NONE,bip,m5,,,2016-02-01,2030-12-31,3,,\
    2016-01-10T09:00:00Z,,,,,,,2016-02-01,fel,\n\
    h,2016-0006,PARTICIPATION,NONE,bip,m6,,,2016-02-01,2017-12-31,3,,\
    2016-01-10T09:00:00Z,,,,,,,2022-02-01,fel,\n\
    i,2016-0007,PARTICIPATION,NONE,bip,m7,,,2016-02-01,2019-12-31,3,,\
    2016-01-10T09:00:00Z,,,,,,,,,\n\
    j,2016-0008,PARTICIPATION,NONE,bip,m8,,,2016-02-01,2017-12-31,3,12,\
    2016-01-10T09:00:00Z,2016-01-20,,,,,,,,\n";

/// Returns the number of documents that may be erased by the report of retention.
async fn due(app: &App, on: &str) -> Value {
    let document =
        "query($asOf: Date) { retention(asOf: $asOf) { holdings { kind recordCount dueCount } } }";
    let answer = app.office().ask(document, json!({ "asOf": on })).await;
    let holdings = answer["retention"]["holdings"].as_array().unwrap();
    let held = holdings.iter().find(|held| held["kind"] == "ARCHIVED_DOCUMENTS").unwrap();
    json!([held["recordCount"], held["dueCount"]])
}

/// Returns the titles of the documents that may be erased on a day.
async fn erasable(app: &App, on: &str) -> Vec<String> {
    let document = "{ archivedDocuments(first: 50) { nodes { title viewerCanErase } } }";
    let answer = app.at(&format!("{on}T09:00:00Z")).office().query(document).await;
    let nodes = answer["archivedDocuments"]["nodes"].as_array().unwrap();
    let can_be = nodes.iter().filter(|node| node["viewerCanErase"] == true);
    let mut titles: Vec<String> =
        can_be.map(|node| node["title"].as_str().unwrap().to_owned()).collect();
    titles.sort();
    titles
}

on_both!(retention_counts_what_may_be_erased, |app| async move {
    Register::fill(&app).await;
    app.import(&[("agreements.csv", AGREEMENTS)]).await;
    let list = "{ agreements(first: 50) { nodes { id number } } }";
    let answer = app.office().query(list).await;
    let nodes = answer["agreements"]["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 10);
    for node in nodes {
        let file = uploaded(&app.office(), "avtal.pdf").await;
        let mut new = input(&file, node["id"].as_str());
        (new["kind"], new["title"]) = (json!("SIGNED_CONTRACT"), node["number"].clone());
        let selection = "archivedDocument { id }";
        app.office().does("archivedDocumentRegister", selection, new).await.data();
    }
    let dated = "UPDATE archived_document SET dated_on = '2016-01-20'";
    assert_eq!(raw(&app, dated).await.unwrap(), 10);
    // In the order of the years through which they are retained.
    let mut expected = Vec::new();
    for (on, numbers) in [
        ("2026-12-01", &["2016-0001", "2016-0005"][..]),
        ("2027-01-01", &["2016-0002", "2016-0007"]),
        ("2028-01-01", &["2016-0003"]),
        ("2029-01-01", &["2016-0004"]),
        ("2030-01-01", &["2016-0006"]),
        ("2035-01-01", &[]),
    ] {
        expected.extend(numbers.iter().map(|number| (*number).to_owned()));
        expected.sort();
        assert_eq!(erasable(&app, on).await, expected, "{on}");
        assert_eq!(due(&app, on).await[1], expected.len(), "{on}");
    }
    assert_eq!(due(&app, "2035-01-01").await, json!([7, 7]), "two continue, and a renewed one");
});
