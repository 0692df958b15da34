//! Organisations: counterparties that are no members; today is 2026-11-21.

use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    caller::Caller,
    pages::names,
};

const MEMBERS: &str = "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city\n\
    ale,Ale,222000-1834,,,,2015-01-01,,,,,,,\n";
const ORGANISATIONS: &str = "key,name,org_number\ngamma,Gamma AB,802555-0008\ndelta,Delta AB,\n";
const ACTIVITIES: &str = "key,slug,name,purpose,goal,funding,starts_on,ends_on\n\
    bip,bip,BIP,,,SPECIAL_FEE,2020-01-01,\n\
    jgl,jgl,JGL,,,SPECIAL_FEE,2020-01-01,\n";
const AGREEMENTS: &str = "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate\n\
    g1,2026-0001,ASSIGNMENT,COST,bip,gamma,,,2026-01-01,,0,,2025-12-01T09:00:00Z,2025-12-02,,,,,\n\
    g2,2026-0002,ASSIGNMENT,COST,jgl,gamma,,,2026-01-01,,0,,2025-12-01T09:00:00Z,2025-12-02,,,,,\n\
    g3,2026-0003,COOPERATION,NONE,,gamma,,,2026-01-01,,0,,2025-12-01T09:00:00Z,2025-12-02,,,,,\n\
    d1,2026-0004,COOPERATION,NONE,,delta,,,2026-01-01,,0,,2025-12-01T09:00:00Z,2025-12-02,,,,,\n";

/// The ids of Ale, Gamma and Delta.
async fn fill(app: &App) -> [String; 3] {
    app.import(&[
        ("members.csv", MEMBERS),
        ("organisations.csv", ORGANISATIONS),
        ("activities.csv", ACTIVITIES),
        ("agreements.csv", AGREEMENTS),
    ])
    .await;
    let answer = app
        .office()
        .query(
            "{ members { nodes { id } }
               gamma: agreement(by: { number: \"2026-0001\" }) { counterparty { ... on Organisation { id } } }
               delta: agreement(by: { number: \"2026-0004\" }) { counterparty { ... on Organisation { id } } } }",
        )
        .await;
    [
        &answer["members"]["nodes"][0]["id"],
        &answer["gamma"]["counterparty"]["id"],
        &answer["delta"]["counterparty"]["id"],
    ]
    .map(|id| id.as_str().unwrap().to_owned())
}

on_both!(an_organisation_is_added, |app| async move {
    let input = json!({ "name": " Örebro universitet ", "orgNumber": "202100-2924" });
    let added = app
        .office()
        .does("organisationAdd", "id name orgNumber agreements { totalCount }", input)
        .await;
    let id = &added["organisationAdd"]["id"];
    let expected = json!({ "id": id, "name": "Örebro universitet", "orgNumber": "202100-2924", "agreements": { "totalCount": 0 } });
    assert_eq!(added["organisationAdd"], expected);
    let uuid =
        id.as_str().unwrap().strip_prefix("organisation_").unwrap().parse::<uuid::Uuid>().unwrap();
    assert_eq!(
        app.trail(0).await,
        [json!({
            "revision": "1", "actor": "office@example.se", "action": "organisationAdd", "subject": { "__typename": "Organisation", "id": id },
            "before": null, "after": {
                "id": uuid, "import_key": null, "name": "Örebro universitet", "name_key": "}rebro universitet", "org_number": "202100-2924",
                "billing_email": null, "peppol_id": null, "buyer_reference": null, "address_line": null, "postal_code": null, "city": null,
            },
        })]
    );
    let unknown = app
        .office()
        .does(
            "organisationAdd",
            "name orgNumber",
            json!({ "name": "Konsulten", "orgNumber": null }),
        )
        .await;
    assert_eq!(unknown["organisationAdd"], json!({ "name": "Konsulten", "orgNumber": null }));
    // Of those whose number no one knows there may be many.
    app.office().does("organisationAdd", "id", json!({ "name": "Konsulten" })).await.data();

    let before = app.revision().await;
    let bad = app
        .office()
        .does("organisationAdd", "id", json!({ "name": " ", "orgNumber": "121212-1212" }))
        .await;
    assert_eq!(bad.bad_fields(), ["input.name", "input.orgNumber"]);
    let taken = app
        .office()
        .does("organisationAdd", "id", json!({ "name": "Ny", "orgNumber": "202100-2924" }))
        .await;
    let message = "another organisation has the organisation number 202100-2924";
    assert_eq!((taken.reason(), &taken.error()["message"]), ("ORG_NUMBER_TAKEN", &json!(message)));
    for caller in [
        app.finance(),
        app.board(),
        app.auditor(),
        app.lead(&["bip"]),
        app.service("members:read agreements:write"),
    ] {
        assert_eq!(
            caller.does("organisationAdd", "id", json!({ "name": "" })).await.code(),
            "FORBIDDEN"
        );
        assert_eq!(
            caller
                .does("organisationUpdate", "id", json!({ "organisationId": id, "name": "" }))
                .await
                .code(),
            "FORBIDDEN"
        );
    }
    assert_eq!(app.revision().await, before);
});

on_both!(only_what_is_said_of_an_organisation_changes, |app| async move {
    let [ale, gamma, delta] = fill(&app).await;
    let update =
        async |input: Value| app.office().does("organisationUpdate", "name orgNumber", input).await;
    let mut expected = json!({ "name": "Gamma AB", "orgNumber": "802555-0008" });
    for (field, value, becomes) in [
        ("name", Value::Null, json!("Gamma AB")),
        ("name", json!(" Gamma AB"), json!("Gamma AB")),
        ("orgNumber", json!("802555-0008"), json!("802555-0008")),
        ("name", json!("Gåmma AB"), json!("Gåmma AB")),
        ("orgNumber", json!("202100-2924"), json!("202100-2924")),
        ("orgNumber", Value::Null, Value::Null),
        ("orgNumber", json!("802555-0008"), json!("802555-0008")),
    ] {
        let before = app.revision().await;
        let is_change = expected[field] != becomes;
        expected[field] = becomes;
        let input = json!({ "organisationId": gamma, (field): value });
        assert_eq!(update(input.clone()).await["organisationUpdate"], expected, "{input}");
        assert_eq!(app.revision().await - before, i64::from(is_change), "{input}");
    }
    let entry = app.trail(app.revision().await - 1).await.remove(0);
    assert_eq!(
        (&entry["action"], &entry["subject"]["id"]),
        (&json!("organisationUpdate"), &json!(gamma))
    );
    assert_eq!(
        (&entry["before"]["org_number"], &entry["after"]["org_number"]),
        (&Value::Null, &json!("802555-0008"))
    );
    assert_eq!(
        (&entry["before"]["name_key"], &entry["after"]["name"]),
        (&json!("g{mma ab"), &json!("Gåmma AB"))
    );

    let before = app.revision().await;
    assert_eq!(
        update(json!({ "organisationId": delta, "orgNumber": "802555-0008", "name": "Ny" }))
            .await
            .reason(),
        "ORG_NUMBER_TAKEN"
    );
    let bad = json!({ "organisationId": ale, "name": "a\u{0}", "orgNumber": "8025550008" });
    assert_eq!(
        update(bad).await.bad_fields(),
        ["input.name", "input.orgNumber", "input.organisationId"]
    );
    let nothing =
        json!({ "organisationId": "organisation_0197aaaaaaaa7000800000000000000a", "name": "Ny" });
    assert_eq!(update(nothing).await.code(), "NOT_FOUND");
    assert_eq!(app.revision().await, before);
    // A member may be a counterparty elsewhere, under its own number.
    let shared = update(json!({ "organisationId": delta, "orgNumber": "222000-1834" })).await;
    assert_eq!(
        shared["organisationUpdate"],
        json!({ "name": "Delta AB", "orgNumber": "222000-1834" })
    );
});

on_both!(an_organisation_is_seen_by_those_who_deal_with_it, |app| async move {
    let [ale, gamma, delta] = fill(&app).await;
    let question = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Organisation { name agreements { totalCount nodes { number } } } } }";
    let organisation = |name: &str, numbers: &[&str]| {
        let nodes: Vec<_> = numbers.iter().map(|number| json!({ "number": number })).collect();
        json!({ "name": name, "agreements": { "totalCount": numbers.len(), "nodes": nodes } })
    };
    let all = || {
        json!([
            organisation("Gamma AB", &["2026-0001", "2026-0002", "2026-0003"]),
            organisation("Delta AB", &["2026-0004"])
        ])
    };
    let names = || json!([organisation("Gamma AB", &[]), organisation("Delta AB", &[])]);
    for (who, caller, seen) in [
        ("office", app.office(), all()),
        ("finance", app.finance(), all()),
        ("board", app.board(), all()),
        ("auditor", app.auditor(), all()),
        ("agreements:read", app.service("agreements:read"), all()),
        // Who they are is no secret to a program that asks for members, what was agreed with them
        // is.
        ("members:read", app.service("members:read"), names()),
        (
            "the lead of BIP",
            app.lead(&["bip"]),
            json!([organisation("Gamma AB", &["2026-0001"]), null]),
        ),
        (
            "the lead of both",
            app.lead(&["bip", "jgl"]),
            json!([organisation("Gamma AB", &["2026-0001", "2026-0002"]), null]),
        ),
        ("the lead of nothing", app.lead(&["annat"]), json!([null, null])),
        ("Ale", app.member(&ale), json!([null, null])),
        ("templates:read", app.service("templates:read"), json!([null, null])),
    ] {
        assert_eq!(
            caller.ask(question, json!({ "ids": [gamma, delta] })).await["nodes"],
            seen,
            "{who}"
        );
    }
});

on_both!(the_agreements_of_an_organisation_are_paged, |app| async move {
    let [_, gamma, delta] = fill(&app).await;
    let question = "query($ids: [ID!]!, $first: Int, $after: String, $last: Int, $before: String) { nodes(ids: $ids) { ... on Organisation {
        agreements(first: $first, after: $after, last: $last, before: $before) { totalCount nodes { number } pageInfo { hasPreviousPage hasNextPage startCursor endCursor } } } } }";
    let ask = async |arguments: Value| {
        let mut arguments = arguments;
        arguments["ids"] = json!([gamma, delta]);
        app.office().ask(question, arguments).await["nodes"].clone()
    };
    let page = |node: &Value| {
        let (list, info) = (&node["agreements"], &node["agreements"]["pageInfo"]);
        let numbers: Vec<_> =
            list["nodes"].as_array().unwrap().iter().map(|node| &node["number"]).collect();
        json!([numbers, info["hasPreviousPage"], info["hasNextPage"], list["totalCount"]])
    };
    let first = ask(json!({ "first": 2 })).await;
    assert_eq!(page(&first[0]), json!([["2026-0001", "2026-0002"], false, true, 3]));
    assert_eq!(page(&first[1]), json!([["2026-0004"], false, false, 1]));
    let next =
        ask(json!({ "first": 2, "after": first[0]["agreements"]["pageInfo"]["endCursor"] })).await;
    assert_eq!(page(&next[0]), json!([["2026-0003"], true, false, 3]));
    let back =
        ask(json!({ "last": 1, "before": next[0]["agreements"]["pageInfo"]["startCursor"] })).await;
    assert_eq!(page(&back[0]), json!([["2026-0002"], true, true, 3]));
    let bad =
        app.office().ask(question, json!({ "ids": [gamma], "first": -1, "after": "x" })).await;
    assert_eq!(bad.bad_fields(), ["after", "first"]);
});

on_both!(the_agreements_of_an_organisation_are_filtered_and_sorted, |app| async move {
    let [_, gamma, _] = fill(&app).await;
    let document = "query($id: ID!, $filter: AgreementFilter, $orderBy: AgreementOrder) {
        organisation(by: { id: $id }) { agreements(filter: $filter, orderBy: $orderBy) { totalCount nodes { number } } } }";
    for (filter, direction, expected) in [
        (json!({}), "ASC", vec!["2026-0001", "2026-0002", "2026-0003"]),
        (json!({ "kind": ["ASSIGNMENT"] }), "DESC", vec!["2026-0002", "2026-0001"]),
        (json!({ "activitySlugs": ["jgl"] }), "ASC", vec!["2026-0002"]),
    ] {
        let order = json!({ "field": "NUMBER", "direction": direction });
        let variables = json!({ "id": gamma, "filter": filter, "orderBy": order });
        let found = app.office().ask(document, variables).await;
        let nodes: Vec<Value> = expected.iter().map(|number| json!({ "number": number })).collect();
        let agreements = json!({ "totalCount": expected.len(), "nodes": nodes });
        assert_eq!(found["organisation"]["agreements"], agreements, "{filter}");
    }
});

on_both!(a_counterparty_has_what_members_and_organisations_share, |app| async move {
    let [ale, gamma, _] = fill(&app).await;
    let of_ale = json!({ "memberId": ale, "billing": { "city": "Alafors" } });
    app.office().does("memberUpdate", "id", of_ale).await.data();
    let of_gamma = json!({ "organisationId": gamma, "billing": { "city": "Lund" } });
    app.office().does("organisationUpdate", "id", of_gamma).await.data();
    let invoice = json!({ "buyerId": ale, "lines": [{ "description": "Kurs", "unitPrice": "100.00", "vatRate": "OUTSIDE_SCOPE" }] });
    let drafted = app.finance().does("invoiceDraft", "id", invoice).await;
    let invoice = drafted["invoiceDraft"]["id"].clone();
    let shared = "id name orgNumber billing { city }";
    let each = format!("... on Member {{ {shared} }} ... on Organisation {{ {shared} }}");
    let ask = async |caller: &Caller<'_>, selection: &str| {
        let document = format!(
            "query($invoice: ID!) {{ agreements {{ nodes {{ counterparty {{ __typename {selection} }} }} }}
                node(id: $invoice) {{ ... on Invoice {{ buyer {{ __typename {selection} }} }} }} }}"
        );
        caller.ask(&document, json!({ "invoice": invoice })).await.data().clone()
    };
    let seen = ask(&app.office(), shared).await;
    assert_eq!(
        seen["agreements"]["nodes"][0]["counterparty"],
        json!({ "__typename": "Organisation", "id": gamma, "name": "Gamma AB", "orgNumber": "802555-0008", "billing": { "city": "Lund" } })
    );
    assert_eq!(
        seen["node"]["buyer"],
        json!({ "__typename": "Member", "id": ale, "name": "Ale", "orgNumber": "222000-1834", "billing": { "city": "Alafors" } })
    );
    for caller in [
        app.office(),
        app.lead(&["bip"]),
        app.member(&ale),
        app.service("agreements:read invoices:read"),
    ] {
        assert_eq!(ask(&caller, shared).await, ask(&caller, &each).await);
    }
    let found = app
        .office()
        .ask(
            "query($id: ID!) { node(id: $id) { ... on Counterparty { name } } }",
            json!({ "id": ale }),
        )
        .await;
    assert_eq!(found["node"], json!({ "name": "Ale" }));
});

on_both!(organisations_are_listed_in_order_and_found_by_filters, |app| async move {
    let [ale, gamma, _] = fill(&app).await;
    let office = app.office();
    let input = json!({ "name": "Örebro universitet", "orgNumber": "202100-2924" });
    let added = office.does("organisationAdd", "id", input).await;
    let orebro = added["organisationAdd"]["id"].clone();
    let (by_name, by_number) = (
        ["Delta AB", "Gamma AB", "Örebro universitet"],
        ["Delta AB", "Örebro universitet", "Gamma AB"],
    );
    assert_eq!(names(&office, "organisations", "").await, by_name);
    for (field, expected) in [("NAME", by_name), ("ORG_NUMBER", by_number)] {
        for direction in ["ASC", "DESC"] {
            let mut expected = expected.to_vec();
            if direction == "DESC" {
                expected.reverse();
            }
            let order = format!(", orderBy: {{ field: {field}, direction: {direction} }}");
            assert_eq!(names(&office, "organisations", &order).await, expected, "{order}");
        }
    }
    for (filter, expected) in [
        ("search: \"gam\"", vec!["Gamma AB"]),
        ("search: \"802555-0008\"", vec!["Gamma AB"]),
        ("search: \"ab\"", vec!["Delta AB", "Gamma AB"]),
        ("search: \"ore\"", vec![]),
        ("search: \" \"", by_name.to_vec()),
        ("hasAgreements: true", vec!["Delta AB", "Gamma AB"]),
        ("hasAgreements: false", vec!["Örebro universitet"]),
        ("hasAgreements: true, search: \"öre\"", vec![]),
    ] {
        let filter = format!(", filter: {{ {filter} }}");
        assert_eq!(names(&office, "organisations", &filter).await, expected, "{filter}");
    }
    // A new name is found at once, the former one no longer.
    let renamed = json!({ "organisationId": orebro, "name": "Universitetet" });
    office.does("organisationUpdate", "id", renamed).await.data();
    for (word, expected) in [("öre", vec![]), ("universitetet", vec!["Universitetet"])] {
        let filter = format!(", filter: {{ search: \"{word}\" }}");
        assert_eq!(names(&office, "organisations", &filter).await, expected, "{word}");
    }
    // An activity lead sees counterparties of its own agreements, and filters by these only.
    let lead = app.lead(&["bip"]);
    assert_eq!(names(&lead, "organisations", "").await, ["Gamma AB"]);
    let without = ", filter: { hasAgreements: false }";
    assert_eq!(names(&lead, "organisations", without).await, Vec::<String>::new());
    for blind in [app.member(&ale), app.service("templates:read")] {
        assert_eq!(names(&blind, "organisations", "").await, Vec::<String>::new());
    }
    assert_eq!(names(&app.service("invoices:read"), "organisations", "").await.len(), 3);
    // One organisation by its number or id.
    for by in ["orgNumber: \"802555-0008\"".to_owned(), format!("id: \"{gamma}\"")] {
        let document = format!("{{ organisation(by: {{ {by} }}) {{ id name }} }}");
        let found = office.query(&document).await;
        assert_eq!(found["organisation"], json!({ "id": gamma, "name": "Gamma AB" }));
        assert_eq!(app.member(&ale).query(&document).await["organisation"], Value::Null);
    }
    let bad = "{ organisation(by: { orgNumber: \"802555-0009\" }) { id } }";
    assert_eq!(office.query(bad).await.bad_fields(), ["by.orgNumber"]);
});
