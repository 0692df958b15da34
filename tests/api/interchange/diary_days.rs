//! The day of an agreement in the diary and in the list of documents: that of its offer in Sweden,
//! as its number has the year of it.

use std::fmt::Write as _;

use serde_json::json;

use crate::support::{
    app::{App, on_both},
    lifecycle_fixtures::Register,
};

/// Times of offers with their days in Sweden.
const OFFERS: [(&str, &str); 10] = [
    ("2024-12-31T22:59:59Z", "2024-12-31"),
    ("2024-12-31T23:00:00Z", "2025-01-01"),
    ("2025-03-29T22:30:00Z", "2025-03-29"),
    ("2025-03-30T21:59:59Z", "2025-03-30"),
    ("2025-03-30T22:00:00Z", "2025-03-31"),
    ("2025-06-30T22:30:00Z", "2025-07-01"),
    ("2025-10-25T22:30:00Z", "2025-10-26"),
    ("2025-10-26T22:30:00Z", "2025-10-26"),
    ("2025-10-26T23:00:00Z", "2025-10-27"),
    ("2025-11-21T09:00:00Z", "2025-11-21"),
];

on_both!(an_agreement_is_registered_on_the_day_in_sweden, |app| async move {
    Register::fill(&app).await;
    let mut agreements = "key,number,kind,direction,activity,counterparty,template,\
        template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,\
        notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate\n"
        .to_owned();
    let mut expected = Vec::new();
    for (position, (at, day)) in OFFERS.into_iter().enumerate() {
        let number = format!("{}-{:04}", &day[..4], position + 1);
        writeln!(
            agreements,
            "a{position},{number},PARTICIPATION,NONE,bip,m{position},,,\
             2026-02-01,,3,,{at},2026-01-20,,,,,"
        )
        .unwrap();
        expected.push(json!({ "number": number, "registeredOn": day }));
    }
    app.import(&[("agreements.csv", &agreements)]).await;
    let list = "{ diary(orderBy: { field: REGISTERED_ON }, first: 20) {
        nodes { number registeredOn } } }";
    let found = app.office().query(list).await["diary"]["nodes"].clone();
    let mut nodes = found.as_array().unwrap().clone();
    nodes.sort_by_key(|node| node["number"].as_str().unwrap()[5..].to_owned());
    assert_eq!(nodes, expected);
    let of_year =
        "{ diary(filter: { registeredFrom: \"2025-01-01\", registeredTo: \"2025-03-30\" }) {
        totalCount } }";
    assert_eq!(app.office().query(of_year).await["diary"]["totalCount"], 3);
});
