//! Lists of contacts and contact areas: orders, filters, pages, readers, and the log of reads.
//! Today is 2026-11-21.

use domain::{
    audit::reads,
    auth::viewer::{Role, Viewer},
    search,
};
use serde_json::json;

use crate::support::{
    app::{App, on_both},
    pages::names,
};

const FILES: &[(&str, &str)] = &[
    (
        "members.csv",
        "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city\n\
         ale,Ale,,,,Södra,2015-01-01,,,,,,,\n\
         bo,Bo,,,,Norra,2015-01-01,,,,,,,\n",
    ),
    ("organisations.csv", "key,name,org_number\ngamma,Gamma AB,802555-0008\n"),
    (
        "contacts.csv",
        "key,member,role,name,email,phone,valid_from,valid_to,organisation,contact_area\n\
         anna,ale,CHIEF_EXECUTIVE,Anna,anna@ale.example.se,,2020-01-01,,,\n\
         berit,bo,CHAIR,Berit,,,2020-01-01,2025-12-31,,\n\
         gustav,,OTHER,Gustav,gustav@gamma.example.se,,,,gamma,\n\
         stina,,BOARD_MEMBER,Stina,,,,,,Södra\n\
         ake,ale,CHAIR,Åke,,,2027-01-01,,,\n",
    ),
];

/// The ids of Ale, Gamma, the area Södra, and Anna.
async fn fill(app: &App) -> [String; 4] {
    app.import(FILES).await;
    let answer = app
        .office()
        .query(
            "{ members(first: 1) { nodes { id } } organisations { nodes { id } }
               contactAreas(filter: { search: \"söd\" }) { nodes { id } } contacts(first: 1) { nodes { id } } }",
        )
        .await;
    ["members", "organisations", "contactAreas", "contacts"]
        .map(|list| answer[list]["nodes"][0]["id"].as_str().unwrap().to_owned())
}

on_both!(contacts_are_listed_in_order_and_found_by_filters, |app| async move {
    let [ale, gamma, sodra, anna] = fill(&app).await;
    let office = app.office();
    let by_name = ["Anna", "Berit", "Gustav", "Stina", "Åke"];
    assert_eq!(names(&office, "contacts", "").await, by_name);
    let by_role = ["Stina", "Berit", "Åke", "Anna", "Gustav"];
    // Without a first day, then by day. On the same day, those that came into the register first.
    let by_day = ["Gustav", "Stina", "Anna", "Berit", "Åke"];
    for (field, expected) in [("NAME", by_name), ("ROLE", by_role), ("VALID_FROM", by_day)] {
        for direction in ["ASC", "DESC"] {
            let mut expected = expected.to_vec();
            if direction == "DESC" {
                expected.reverse();
            }
            let order = format!(", orderBy: {{ field: {field}, direction: {direction} }}");
            assert_eq!(names(&office, "contacts", &order).await, expected, "{order}");
        }
    }
    for (filter, expected) in [
        ("role: [CHAIR]".to_owned(), vec!["Berit", "Åke"]),
        ("role: [CHAIR, OTHER]".to_owned(), vec!["Berit", "Gustav", "Åke"]),
        ("role: []".to_owned(), by_name.to_vec()),
        ("validOn: \"2026-11-21\"".to_owned(), vec!["Anna", "Gustav", "Stina"]),
        ("validOn: \"2025-12-31\"".to_owned(), vec!["Anna", "Berit", "Gustav", "Stina"]),
        (format!("memberId: \"{ale}\""), vec!["Anna", "Åke"]),
        (format!("memberId: \"{ale}\", validOn: \"2026-11-21\""), vec!["Anna"]),
        (format!("organisationId: \"{gamma}\""), vec!["Gustav"]),
        (format!("contactAreaId: \"{sodra}\""), vec!["Stina"]),
        ("search: \"ann\"".to_owned(), vec!["Anna"]),
        ("search: \"gamma\"".to_owned(), vec!["Gustav"]),
        ("search: \"ake\"".to_owned(), vec![]),
    ] {
        let filter = format!(", filter: {{ {filter} }}");
        assert_eq!(names(&office, "contacts", &filter).await, expected, "{filter}");
    }
    let bad = format!("{{ contacts(filter: {{ memberId: \"{gamma}\" }}) {{ totalCount }} }}");
    assert_eq!(office.query(&bad).await.bad_fields(), ["filter.memberId"]);
    let document = "{ contacts(filter: { search: \"gustav\" }) { nodes { member { id } organisation { name } contactArea { id } } } }";
    assert_eq!(
        office.query(document).await["contacts"]["nodes"],
        json!([{ "member": null, "organisation": { "name": "Gamma AB" }, "contactArea": null }])
    );
    // A member has its own contacts; those who may not see contacts have none.
    assert_eq!(names(&app.member(&ale), "contacts", "").await, ["Anna", "Åke"]);
    assert_eq!(names(&app.service("members:read"), "contacts", "").await, by_name);
    for blind in [app.lead(&["bip"]), app.service("agreements:read")] {
        assert_eq!(names(&blind, "contacts", "").await, Vec::<String>::new());
    }
    // An erased person is not found by the former name.
    office.does("contactErase", "id", json!({ "contactId": anna })).await.data();
    let former = ", filter: { search: \"anna\" }";
    assert_eq!(names(&office, "contacts", former).await, Vec::<String>::new());
    assert_eq!(search::violations(app.db.read()).await.unwrap(), Vec::<String>::new());
});

on_both!(contact_areas_are_listed_for_everyone, |app| async move {
    let [ale, ..] = fill(&app).await;
    for caller in [app.office(), app.member(&ale), app.lead(&["bip"]), app.service("audit:read")] {
        assert_eq!(names(&caller, "contactAreas", "").await, ["Norra", "Södra"]);
        let search = ", filter: { search: \"sö\" }";
        assert_eq!(names(&caller, "contactAreas", search).await, ["Södra"]);
        let order = ", orderBy: { field: NAME, direction: DESC }";
        assert_eq!(names(&caller, "contactAreas", order).await, ["Södra", "Norra"]);
    }
});

on_both!(reads_of_the_list_of_contacts_are_logged, |app| async move {
    fill(&app).await;
    for (reader, selection, expected) in [
        ("räknare", "totalCount nodes { id role validFrom }", 0),
        ("namnläsare", "nodes { name }", 2),
        ("adressläsare", "edges { node { email } }", 2),
        ("bläddrare", "edges { cursor }", 2),
        ("sidläsare", "pageInfo { endCursor }", 2),
    ] {
        let viewer =
            Viewer { subject: reader.into(), roles: vec![Role::Board], ..Viewer::default() };
        let document = format!("{{ contacts(first: 2) {{ {selection} }} }}");
        app.viewer(viewer).query(&document).await.data();
        reads::write(&app.db).await.unwrap();
        let log =
            "query($reader: String) { contactReads(filter: { reader: $reader }) { totalCount } }";
        let answer = app.auditor().ask(log, json!({ "reader": reader })).await;
        assert_eq!(answer["contactReads"]["totalCount"], expected, "{selection}");
    }
});
