//! Members: admission, updates, allocations and lookup.

use serde_json::{Value, json};

use crate::support::app::{App, on_both};

/// Every field of a member; of its lists, the lengths.
const WHOLE: &str = "name formerNames orgNumber county municipalities contactArea { name } joinedOn leftOn leavingReason status \
    predecessors { name } successor { name } allocations { year } contacts { name } \
    billing { email peppolId buyerReference addressLine postalCode city } agreements { totalCount } invoices { totalCount }";

/// A member with everything that can be said of it.
fn gotland() -> Value {
    json!({
        "name": " Finsam Gotland ", "orgNumber": "222000-1834", "county": "Gotlands län", "municipalities": ["Åminne", "Visby", "visby", "Visby", "Ala"],
        "contactAreaName": "Östra", "joinedOn": "2015-01-01",
        "billing": { "email": "faktura@example.se", "peppolId": "0007:2220001834", "buyerReference": "REF 7", "addressLine": "Box 1", "postalCode": "621 00", "city": " " },
    })
}

/// Admits a member that only has a name and a first day; its id.
pub(crate) async fn admit(app: &App, name: &str, joined_on: &str) -> String {
    let admitted = app
        .office()
        .does("memberAdmit", "id", json!({ "name": name, "joinedOn": joined_on }))
        .await;
    admitted["memberAdmit"]["id"].as_str().unwrap().to_owned()
}

on_both!(a_member_is_admitted, |app| async move {
    let admitted = app.office().does("memberAdmit", &format!("id {WHOLE}"), gotland()).await;
    let mut member = admitted["memberAdmit"].clone();
    let id = member["id"].take().as_str().unwrap().to_owned();
    assert_eq!(
        member,
        json!({
            "id": null, "name": "Finsam Gotland", "formerNames": [], "orgNumber": "222000-1834", "county": "Gotlands län",
            "municipalities": ["Ala", "Visby", "visby", "Åminne"], "contactArea": { "name": "Östra" },
            "joinedOn": "2015-01-01", "leftOn": null, "leavingReason": null, "status": "ACTIVE", "predecessors": [], "successor": null,
            "allocations": [], "contacts": [],
            "billing": { "email": "faktura@example.se", "peppolId": "0007:2220001834", "buyerReference": "REF 7", "addressLine": "Box 1", "postalCode": "621 00", "city": null },
            "agreements": { "totalCount": 0 }, "invoices": { "totalCount": 0 },
        })
    );
    let trail = app.trail(0).await;
    let area = app.office().query("{ members { nodes { contactArea { id } } } }").await["members"]
        ["nodes"][0]["contactArea"]["id"]
        .clone();
    let uuid = |id: &str| id.rsplit_once('_').unwrap().1.parse::<uuid::Uuid>().unwrap().to_string();
    let area_id = uuid(area.as_str().unwrap());
    assert_eq!(
        trail,
        [
            json!({
                "revision": "1", "actor": "office@example.se", "action": "memberAdmit", "subject": { "__typename": "ContactArea", "id": area },
                "before": null, "after": { "id": area_id, "name": "Östra", "name_key": "}stra" },
            }),
            json!({
                "revision": "2", "actor": "office@example.se", "action": "memberAdmit", "subject": { "__typename": "Member", "id": id },
                "before": null,
                "after": {
                    "id": uuid(&id), "import_key": null, "name": "Finsam Gotland", "name_key": "finsam gotland", "org_number": "222000-1834",
                    "county": "Gotlands län", "contact_area_id": area_id, "joined_on": "2015-01-01", "left_on": null, "leaving_reason": null,
                    "successor_id": null, "former_names": {}, "municipalities": ["Ala", "Visby", "visby", "Åminne"],
                    "billing": { "member_id": uuid(&id), "email": "faktura@example.se", "peppol_id": "0007:2220001834", "buyer_reference": "REF 7",
                        "address_line": "Box 1", "postal_code": "621 00", "city": null },
                },
            }),
        ]
    );

    // An area is known by its name, however it is written; it is not made twice.
    let again = json!({ "name": "Öland", "joinedOn": "2016-01-01", "contactAreaName": "ÖSTRA " });
    let second = app
        .office()
        .does("memberAdmit", "contactArea { id members { nodes { name } } }", again)
        .await;
    assert_eq!(
        second["memberAdmit"],
        json!({ "contactArea": { "id": area, "members": { "nodes": [{ "name": "Finsam Gotland" }, { "name": "Öland" }] } } })
    );
    assert_eq!(app.revision().await, 3);

    // What was not stated is not known.
    let third = app
        .office()
        .does("memberAdmit", WHOLE, json!({ "name": "Ny", "joinedOn": "2027-01-01" }))
        .await;
    assert_eq!(
        third["memberAdmit"],
        json!({
            "name": "Ny", "formerNames": [], "orgNumber": null, "county": null, "municipalities": [], "contactArea": null, "joinedOn": "2027-01-01",
            "leftOn": null, "leavingReason": null, "status": "UPCOMING", "predecessors": [], "successor": null, "allocations": [], "contacts": [],
            "billing": { "email": null, "peppolId": null, "buyerReference": null, "addressLine": null, "postalCode": null, "city": null },
            "agreements": { "totalCount": 0 }, "invoices": { "totalCount": 0 },
        })
    );
});

on_both!(every_bad_field_of_a_member_is_reported_with_its_error, |app| async move {
    let bad = json!({
        "name": "\u{a0}", "orgNumber": "222000-1835", "county": "x".repeat(301), "municipalities": ["Visby", " ", "a\tb"], "contactAreaName": "\u{7}",
        "joinedOn": "2025-02-29", "billing": { "email": "kansli@example", "peppolId": "7:1", "addressLine": "\n\u{0}" },
    });
    let refused = app.office().does("memberAdmit", "id", bad).await;
    refused.bad_fields();
    assert_eq!(
        refused.error()["extensions"]["fields"],
        json!([
            { "path": "input.orgNumber", "code": "CHECK_DIGIT", "message": "has a wrong check digit" },
            { "path": "input.joinedOn", "code": "NOT_A_DATE", "message": "is not a date; write a day that exists, 1900 to 2999, as 2026-11-21" },
            { "path": "input.name", "code": "EMPTY", "message": "must not be empty" },
            { "path": "input.county", "code": "TOO_LONG", "message": "must not be longer than 300 characters", "max": 300 },
            { "path": "input.contactAreaName", "code": "CONTROL_CHARACTERS", "message": "must not have control characters" },
            { "path": "input.municipalities.1", "code": "EMPTY", "message": "must not be empty" },
            { "path": "input.municipalities.2", "code": "CONTROL_CHARACTERS", "message": "must not have control characters" },
            { "path": "input.billing.addressLine", "code": "CONTROL_CHARACTERS", "message": "must not have control characters" },
            { "path": "input.billing.email", "code": "NOT_AN_EMAIL_ADDRESS", "message": "is not an e-mail address" },
            { "path": "input.billing.peppolId", "code": "NOT_A_PEPPOL_ID", "message": "is not a Peppol participant; write scheme and number as 0007:2220001834" },
        ])
    );
    for email in
        ["@example.se", "a@", "a b@example.se", "a@.se", "a@example.", "a@b@example.se", "a"]
    {
        let input =
            json!({ "name": "Ny", "joinedOn": "2026-01-01", "billing": { "email": email } });
        assert_eq!(
            app.office().does("memberAdmit", "id", input).await.bad_fields(),
            ["input.billing.email"],
            "{email}"
        );
    }
    assert_eq!(app.revision().await, 0);
});

on_both!(an_organisation_number_is_one_members_alone, |app| async move {
    app.office().does("memberAdmit", "id", gotland()).await.data();
    let other = admit(&app, "Ale", "2015-01-01").await;
    let before = app.revision().await;
    // Whatever else the mutation would have made is not there either.
    let taken = json!({ "name": "Ny", "orgNumber": "222000-1834", "joinedOn": "2026-01-01", "contactAreaName": "Nya", "municipalities": ["Ny"] });
    let refused = app.office().does("memberAdmit", "id", taken).await;
    assert_eq!(refused.reason(), "ORG_NUMBER_TAKEN");
    assert_eq!(
        refused.error()["message"],
        "another member has the organisation number 222000-1834"
    );
    let update = json!({ "memberId": other, "orgNumber": "222000-1834", "name": "Ny" });
    assert_eq!(
        app.office().does("memberUpdate", "id", update.clone()).await.reason(),
        "ORG_NUMBER_TAKEN"
    );
    assert_eq!(app.revision().await, before);
    let members = app.office().query("{ members { nodes { name formerNames } } }").await;
    let expected = json!([{ "name": "Ale", "formerNames": [] }, { "name": "Finsam Gotland", "formerNames": [] }]);
    assert_eq!(members["members"]["nodes"], expected);

    // Once no one has it, it can be given.
    let gotland = app.office().query("{ member(by: { orgNumber: \"222000-1834\" }) { id } }").await
        ["member"]["id"]
        .clone();
    app.office()
        .does("memberUpdate", "id", json!({ "memberId": gotland, "orgNumber": null }))
        .await
        .data();
    assert_eq!(
        app.office().does("memberUpdate", "orgNumber", update).await["memberUpdate"],
        json!({ "orgNumber": "222000-1834" })
    );
});

on_both!(only_what_is_said_of_a_member_changes, |app| async move {
    let selection =
        "name orgNumber county municipalities contactArea { name } joinedOn billing { email city }";
    let admitted = app.office().does("memberAdmit", &format!("id {selection}"), gotland()).await;
    let id = admitted["memberAdmit"]["id"].clone();
    let mut expected = admitted["memberAdmit"].clone();
    expected.as_object_mut().unwrap().remove("id");
    let kept = |field: &str| -> Value { admitted["memberAdmit"][field].clone() };
    let blank = json!({ "email": null, "city": null });
    for (field, value, becomes) in [
        // What a member can't be without, and what is given as a whole, stays when nothing is said.
        ("name", Value::Null, kept("name")),
        ("municipalities", Value::Null, kept("municipalities")),
        ("joinedOn", Value::Null, kept("joinedOn")),
        ("billing", Value::Null, kept("billing")),
        // The same again is no change.
        ("name", json!("Finsam Gotland "), kept("name")),
        ("orgNumber", json!("222000-1834"), kept("orgNumber")),
        ("municipalities", json!(["Åminne", "Visby", "Ala", "visby"]), kept("municipalities")),
        ("contactAreaName", json!("östra"), kept("contactArea")),
        ("orgNumber", json!("222000-2568"), json!("222000-2568")),
        ("orgNumber", Value::Null, Value::Null),
        ("county", json!("Gotland"), json!("Gotland")),
        ("county", Value::Null, Value::Null),
        ("county", json!("Gotland"), json!("Gotland")),
        ("county", json!(" "), Value::Null),
        ("contactAreaName", json!("Södra"), json!({ "name": "Södra" })),
        ("contactAreaName", Value::Null, Value::Null),
        ("municipalities", json!(["Visby"]), json!(["Visby"])),
        ("municipalities", json!([]), json!([])),
        ("joinedOn", json!("2014-12-31"), json!("2014-12-31")),
        ("billing", json!({ "city": "Visby" }), json!({ "email": null, "city": "Visby" })),
        ("billing", json!({}), blank),
        ("name", json!("Gotland"), json!("Gotland")),
    ] {
        let before = app.revision().await;
        let input = json!({ "memberId": id, (field): value });
        let changed =
            app.office().does("memberUpdate", selection, input.clone()).await["memberUpdate"]
                .clone();
        let field = if field == "contactAreaName" { "contactArea" } else { field };
        let is_change = expected[field] != becomes;
        expected[field] = becomes;
        assert_eq!(changed, expected, "{input}");
        let trail = app.trail(before).await;
        assert_eq!(!trail.is_empty(), is_change, "{input}: {trail:?}");
        if let Some(last) = trail.last() {
            assert_eq!((&last["action"], &last["subject"]["id"]), (&json!("memberUpdate"), &id));
            assert_ne!(last["before"], last["after"]);
        }
    }
    // A variable that is left out of the request changes nothing either; one that is null clears.
    app.office()
        .does(
            "memberUpdate",
            "id",
            json!({ "memberId": id, "county": "A", "contactAreaName": "B", "orgNumber": "222000-1834" }),
        )
        .await;
    let document = "mutation($id: ID!, $number: OrgNumber, $county: String, $area: String, $name: String) {
        memberUpdate(input: { memberId: $id, orgNumber: $number, county: $county, contactAreaName: $area, name: $name }) { member { name orgNumber county contactArea { name } } } }";
    let changed = app.office().ask(document, json!({ "id": id, "county": null })).await;
    let expected = json!({ "name": "Gotland", "orgNumber": "222000-1834", "county": null, "contactArea": { "name": "B" } });
    assert_eq!(changed["memberUpdate"]["member"], expected);
    let entry = app.trail(app.revision().await - 1).await.remove(0);
    assert_eq!(
        (&entry["before"]["county"], &entry["after"]["county"]),
        (&json!("A"), &Value::Null)
    );
});

on_both!(old_names_are_retained, |app| async move {
    let id = admit(&app, "Aspen", "2015-01-01").await;
    let mut names = Value::Null;
    for (day, name) in
        [("01", "Björken"), ("02", "Cypressen"), ("03", "Aspen"), ("04", "Aspen"), ("05", "Eken")]
    {
        let app = app.at(&format!("2026-12-{day}T09:00:00Z"));
        let renamed = app
            .office()
            .does("memberUpdate", "name formerNames", json!({ "memberId": id, "name": name }))
            .await;
        names = renamed["memberUpdate"].clone();
        assert_eq!(names["name"], name);
    }
    // The latest first; one that it had twice counts until the second time.
    assert_eq!(names["formerNames"], json!(["Aspen", "Cypressen", "Björken"]));
});

on_both!(the_first_day_is_never_after_the_last, |app| async move {
    let id = admit(&app, "Ale", "2015-01-01").await;
    app.office()
        .does("memberLeave", "id", json!({ "memberId": id, "leftOn": "2020-12-31" }))
        .await
        .data();
    let joined = async |day: &str| {
        app.office()
            .does("memberUpdate", "joinedOn", json!({ "memberId": id, "joinedOn": day }))
            .await
    };
    assert_eq!(joined("2021-01-01").await.bad_fields(), ["input.joinedOn"]);
    assert_eq!(joined("2020-12-31").await["memberUpdate"], json!({ "joinedOn": "2020-12-31" }));
});

on_both!(an_allocation_is_set_for_each_year_and_basis, |app| async move {
    let id = admit(&app, "Ale", "2015-01-01").await;
    let selection =
        "allocations { year amount basis source } allocation(year: 2026) { amount basis }";
    let set = async |input: Value| {
        let mut input = input;
        input["memberId"] = json!(id);
        app.finance().does("allocationSet", selection, input).await["allocationSet"].clone()
    };
    let before = app.revision().await;
    let first = set(json!({ "year": 2026, "amount": "4324000", "basis": "STATE_SHARE", "source": " Beslut 7 " })).await;
    let state = json!({ "year": 2026, "amount": "4324000.00", "basis": "STATE_SHARE", "source": "Beslut 7" });
    assert_eq!(
        first,
        json!({ "allocations": [state], "allocation": { "amount": "4324000.00", "basis": "STATE_SHARE" } })
    );
    // All parties' is meant unless something else is said, and stands before the state's share.
    set(json!({ "year": 2026, "amount": "8648000.50", "source": "Budget" })).await;
    set(json!({ "year": 1900, "amount": "0" })).await;
    let four = set(json!({ "year": 2999, "amount": "10000000000.00", "source": null })).await;
    assert_eq!(
        four,
        json!({
            "allocations": [
                { "year": 2999, "amount": "10000000000.00", "basis": "ALL_PARTIES", "source": null },
                { "year": 2026, "amount": "8648000.50", "basis": "ALL_PARTIES", "source": "Budget" },
                state,
                { "year": 1900, "amount": "0.00", "basis": "ALL_PARTIES", "source": null },
            ],
            "allocation": { "amount": "8648000.50", "basis": "ALL_PARTIES" },
        })
    );
    // Set again, it replaces the one with the same basis, with its source or without.
    let changed = set(json!({ "year": 2026, "amount": "8648001", "basis": "ALL_PARTIES" })).await;
    assert_eq!(
        changed["allocations"][1],
        json!({ "year": 2026, "amount": "8648001.00", "basis": "ALL_PARTIES", "source": null })
    );
    assert_eq!(
        (changed["allocations"].as_array().unwrap().len(), &changed["allocations"][2]),
        (4, &state)
    );
    let trail = app.trail(before).await;
    assert_eq!(trail.len(), 5);
    let last = &trail[4];
    assert_eq!(
        (&last["actor"], &last["action"], &last["subject"]["id"]),
        (&json!("finance@example.se"), &json!("allocationSet"), &json!(id))
    );
    let of = |allocation: &Value| {
        json!([allocation["year"], allocation["basis"], allocation["amount"], allocation["source"]])
    };
    assert_eq!(trail[0]["before"], Value::Null);
    assert_eq!(of(&last["before"]), json!([2026, "ALL_PARTIES", 864_800_050, "Budget"]));
    assert_eq!(of(&last["after"]), json!([2026, "ALL_PARTIES", 864_800_100, null]));
    // The same again is no change.
    set(json!({ "year": 2026, "amount": "8648001.00", "source": "" })).await;
    assert_eq!(app.revision().await, before + 5);

    for (input, fields) in [
        (json!({ "year": 1899, "amount": "-0.01" }), vec!["input.amount", "input.year"]),
        (json!({ "year": 3000, "amount": "10000000000.01" }), vec!["input.amount", "input.year"]),
        (
            json!({ "year": 2026, "amount": "1.005", "source": "x".repeat(301) }),
            vec!["input.amount", "input.source"],
        ),
    ] {
        let mut input = input;
        input["memberId"] = json!(id);
        assert_eq!(
            app.finance().does("allocationSet", "id", input.clone()).await.bad_fields(),
            fields,
            "{input}"
        );
    }
    assert_eq!(app.revision().await, before + 5);
    let none =
        app.office().query("{ members { nodes { allocation(year: 2025) { amount } } } }").await;
    assert_eq!(none["members"]["nodes"], json!([{ "allocation": null }]));
});

on_both!(a_member_is_found_by_its_id_or_its_number, |app| async move {
    let gotland = app.office().does("memberAdmit", "id", gotland()).await["memberAdmit"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let ale = admit(&app, "Ale", "2015-01-01").await;
    let nothing = "member_0197aaaaaaaa7000800000000000000a";
    let find = "query($by: MemberBy!) { member(by: $by) { name } }";
    for (by, found) in [
        (json!({ "id": gotland }), json!({ "name": "Finsam Gotland" })),
        (json!({ "orgNumber": "222000-1834" }), json!({ "name": "Finsam Gotland" })),
        (json!({ "id": nothing }), Value::Null),
        (json!({ "orgNumber": "222000-2568" }), Value::Null),
    ] {
        assert_eq!(app.office().ask(find, json!({ "by": by })).await["member"], found, "{by}");
        // No one learns from the answer that there are others.
        assert_eq!(
            app.member(&ale).ask(find, json!({ "by": by })).await["member"],
            Value::Null,
            "{by}"
        );
    }
    let activity = nothing.replace("member", "activity");
    for (by, field) in [
        (json!({ "id": "" }), "by.id"),
        (json!({ "id": gotland.replace("member_", "") }), "by.id"),
        (json!({ "id": &gotland[..gotland.len() - 1] }), "by.id"),
        (json!({ "id": activity }), "by.id"),
        (json!({ "orgNumber": "2220001834" }), "by.orgNumber"),
        (json!({ "orgNumber": "222000-1835" }), "by.orgNumber"),
    ] {
        assert_eq!(app.office().ask(find, json!({ "by": by })).await.bad_fields(), [field], "{by}");
    }
    // Exactly one of the arguments.
    for by in [
        json!({}),
        json!({ "id": gotland, "orgNumber": "222000-1834" }),
        json!({ "id": null }),
        json!({ "name": "Ale" }),
    ] {
        assert_eq!(app.office().ask(find, json!({ "by": by })).await.code(), "INVALID", "{by}");
    }

    // An id says of what noun it is; the order is the question's, and the same may be asked for
    // twice.
    let nodes = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Member { name } } }";
    let reported = |id: &str, name: &str| json!({ "__typename": "Member", "id": id, "name": name });
    let ids = json!([
        ale,
        nothing,
        gotland,
        gotland.replace("member", "contact"),
        ale,
        gotland.replace("member", "unicorn")
    ]);
    let (of_ale, of_gotland) = (reported(&ale, "Ale"), reported(&gotland, "Finsam Gotland"));
    assert_eq!(
        app.office().ask(nodes, json!({ "ids": ids })).await["nodes"],
        json!([of_ale, null, of_gotland, null, of_ale, null])
    );
    assert_eq!(
        app.member(&ale).ask(nodes, json!({ "ids": ids })).await["nodes"],
        json!([of_ale, null, null, null, of_ale, null])
    );
    assert_eq!(app.office().ask(nodes, json!({ "ids": [] })).await["nodes"], json!([]));
    let bad = app.office().ask(nodes, json!({ "ids": [ale, "x", nothing, "member_"] })).await;
    assert_eq!(bad.bad_fields(), ["ids.1", "ids.3"]);
    assert_eq!(
        app.office().ask(nodes, json!({ "ids": vec![nothing; 100] })).await["nodes"]
            .as_array()
            .unwrap()
            .len(),
        100
    );
    assert_eq!(
        app.office().ask(nodes, json!({ "ids": vec![nothing; 101] })).await.bad_fields(),
        ["ids"]
    );
});
