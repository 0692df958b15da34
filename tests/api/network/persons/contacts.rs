//! Contacts: people at work for a member, an organisation, a contact area or the network; personal
//! data. Today is 2026-11-21.

use domain::integrity;
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    caller::Caller,
};

const MEMBERS: &str = "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city\n\
    ale,Ale,,,,Södra,2015-01-01,,,,,,,\n\
    are,Åre,,,,Norra,2015-01-01,,,,,,,\n\
    ore,Örebro,,,,Södra,2015-01-01,2020-12-31,,,,,,\n";

/// The ids of the things that contacts belong to.
struct Owners {
    ale: String,
    are: String,
    södra: String,
    gamma: String,
}

async fn fill(app: &App) -> Owners {
    app.import(&[("members.csv", MEMBERS)]).await;
    let gamma = app.office().does("organisationAdd", "id", json!({ "name": "Gamma AB" })).await;
    let members = app.office().query("{ members { nodes { id contactArea { id } } } }").await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let nodes = &members["members"]["nodes"];
    Owners {
        ale: text(&nodes[0]["id"]),
        are: text(&nodes[1]["id"]),
        södra: text(&nodes[0]["contactArea"]["id"]),
        gamma: text(&gamma["organisationAdd"]["id"]),
    }
}

/// Adds a contact; its id.
async fn add(app: &App, input: Value) -> String {
    app.office().does("contactAdd", "id", input).await["contactAdd"]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// The names of each member's contacts.
async fn names(caller: &Caller<'_>) -> Value {
    let answer = caller.query("{ members { nodes { name contacts { name } } } }").await;
    let nodes = answer["members"]["nodes"].as_array().unwrap().iter();
    nodes
        .map(|member| {
            json!([
                member["name"],
                member["contacts"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|contact| &contact["name"])
                    .collect::<Vec<_>>()
            ])
        })
        .collect()
}

on_both!(a_contact_is_added, |app| async move {
    let of = fill(&app).await;
    let before = app.revision().await;
    let selection = "id name role email phone validFrom validTo member { name }";
    let input = json!({
        "memberId": of.ale, "role": "CHIEF_EXECUTIVE", "name": " Örjan Öst ", "email": "orjan@example.se", "phone": "070-174 06 05",
        "validFrom": "2026-01-01", "validTo": "2026-12-31",
    });
    let added = app.office().does("contactAdd", selection, input).await;
    let id = &added["contactAdd"]["id"];
    assert_eq!(
        added["contactAdd"],
        json!({
            "id": id, "name": "Örjan Öst", "role": "CHIEF_EXECUTIVE", "email": "orjan@example.se", "phone": "070-174 06 05",
            "validFrom": "2026-01-01", "validTo": "2026-12-31", "member": { "name": "Ale" },
        })
    );
    let trail = app.trail(before).await;
    let entry = &trail[0];
    assert_eq!(
        (trail.len(), &entry["action"], &entry["before"]),
        (1, &json!("contactAdd"), &Value::Null)
    );
    assert_eq!(entry["subject"], json!({ "__typename": "Contact", "id": id }));
    assert_eq!(
        (&entry["after"]["name"], &entry["after"]["valid_to"]),
        (&json!("Örjan Öst"), &json!("2026-12-31"))
    );

    // What was not stated is not known; one that belongs to no counterparty is the network's own.
    let own = app
        .office()
        .does("contactAdd", selection, json!({ "role": "OTHER", "name": "Nina" }))
        .await;
    assert_eq!(
        own["contactAdd"],
        json!({ "id": own["contactAdd"]["id"], "name": "Nina", "role": "OTHER", "email": null, "phone": null, "validFrom": null, "validTo": null, "member": null })
    );
    // In Swedish order, those of each member alone.
    add(&app, json!({ "memberId": of.ale, "role": "CHAIR", "name": "Åsa" })).await;
    add(&app, json!({ "memberId": of.ale, "role": "CHAIR", "name": "zita" })).await;
    add(&app, json!({ "memberId": of.are, "role": "FINANCE", "name": "Bo" })).await;
    assert_eq!(
        names(&app.office()).await,
        json!([["Ale", ["zita", "Åsa", "Örjan Öst"]], ["Åre", ["Bo"]], ["Örebro", []]])
    );
});

on_both!(a_contact_belongs_to_one_at_most, |app| async move {
    let of = fill(&app).await;
    let before = app.revision().await;
    for owners in [
        json!({ "memberId": of.ale, "organisationId": of.gamma }),
        json!({ "memberId": of.ale, "contactAreaId": of.södra }),
        json!({ "organisationId": of.gamma, "contactAreaId": of.södra }),
        json!({ "memberId": of.ale, "organisationId": of.gamma, "contactAreaId": of.södra }),
    ] {
        let mut input = owners;
        (input["role"], input["name"]) = (json!("OTHER"), json!("Nina"));
        assert_eq!(app.office().does("contactAdd", "id", input).await.bad_fields(), ["input"]);
    }
    let wrong_way = json!({ "memberId": of.ale, "role": "CHAIR", "name": "\t", "email": "x", "validFrom": "2026-01-02", "validTo": "2026-01-01" });
    assert_eq!(
        app.office().does("contactAdd", "id", wrong_way).await.bad_fields(),
        ["input.email", "input.name", "input.validTo"]
    );
    let nothing = json!({ "organisationId": "organisation_0197aaaaaaaa7000800000000000000a", "role": "OTHER", "name": "Nina" });
    assert_eq!(app.office().does("contactAdd", "id", nothing).await.code(), "NOT_FOUND");
    for caller in [
        app.finance(),
        app.board(),
        app.auditor(),
        app.lead(&["bip"]),
        app.member(&of.ale),
        app.service("members:read"),
    ] {
        let input = json!({ "memberId": of.ale, "role": "CHAIR", "name": "" });
        assert_eq!(caller.does("contactAdd", "id", input).await.code(), "FORBIDDEN");
    }
    assert_eq!(app.revision().await, before);
});

on_both!(contacts_are_those_in_their_role_today, |app| async move {
    let of = fill(&app).await;
    let mut ids = Vec::new();
    for (name, from, to) in [
        ("a", Value::Null, Value::Null),
        ("b", json!("2026-11-21"), Value::Null),
        ("c", json!("2026-11-22"), Value::Null),
        ("d", Value::Null, json!("2026-11-21")),
        ("e", Value::Null, json!("2026-11-20")),
        ("f", json!("2026-11-21"), json!("2026-11-21")),
    ] {
        for (owner, id) in [("memberId", &of.ale), ("contactAreaId", &of.södra)] {
            ids.push(add(&app, json!({ (owner): id, "role": "BOARD_MEMBER", "name": name, "validFrom": from, "validTo": to })).await);
        }
    }
    // Both ends count, and the day is Sweden's, an hour before UTC's.
    for (now, found) in [
        ("2026-11-19T22:59:59Z", vec!["a", "d", "e"]),
        ("2026-11-20T22:59:59Z", vec!["a", "d", "e"]),
        ("2026-11-20T23:00:00Z", vec!["a", "b", "d", "f"]),
        ("2026-11-21T22:59:59Z", vec!["a", "b", "d", "f"]),
        ("2026-11-21T23:00:00Z", vec!["a", "b", "c"]),
    ] {
        let app = app.at(now);
        let answer =
            app.office().query("{ members(first: 1) { nodes { contacts { name } contactArea { boardContacts { name } } } } }").await;
        let contacts: Vec<_> = found.into_iter().map(|name| json!({ "name": name })).collect();
        let expected =
            json!([{ "contacts": contacts, "contactArea": { "boardContacts": contacts } }]);
        assert_eq!(answer["members"]["nodes"], expected, "{now}");
    }
    // By its id, one that was or will be is found too.
    let nodes = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Contact { name } } }";
    let answer = app.office().ask(nodes, json!({ "ids": [ids[4], ids[8]] })).await;
    assert_eq!(answer["nodes"], json!([{ "name": "c" }, { "name": "e" }]));
});

on_both!(each_sees_the_contacts_of_its_own_association, |app| async move {
    let of = fill(&app).await;
    let mut ids = Vec::new();
    for (owner, name) in [
        (json!({ "memberId": of.ale }), "Anna"),
        (json!({ "memberId": of.are }), "Åke"),
        (json!({ "contactAreaId": of.södra }), "Stina"),
        (json!({ "organisationId": of.gamma }), "Gustav"),
        (json!({}), "Nina"),
    ] {
        let mut input = owner;
        (input["role"], input["name"]) = (json!("OTHER"), json!(name));
        ids.push(add(&app, input).await);
    }
    let question = "query($ids: [ID!]!, $area: ID!) { nodes(ids: $ids) { ... on Contact { name } }
        node(id: $area) { ... on ContactArea { name boardContacts { name } members { nodes { name contacts { name } } } } } }";
    let named = |name: &str| json!({ "name": name });
    let all =
        || json!([named("Anna"), named("Åke"), named("Stina"), named("Gustav"), named("Nina")]);
    // A member that left is of its area all the same.
    let area = |board: Value, of_ale: Value| json!({ "name": "Södra", "boardContacts": board, "members": { "nodes": [{ "name": "Ale", "contacts": of_ale }, { "name": "Örebro", "contacts": [] }] } });
    let none = || json!([null, null, null, null, null]);
    let everything = || area(json!([named("Stina")]), json!([named("Anna")]));
    for (who, caller, nodes, node) in [
        ("office", app.office(), all(), everything()),
        ("finance", app.finance(), all(), everything()),
        ("board", app.board(), all(), everything()),
        ("auditor", app.auditor(), all(), everything()),
        ("members:read", app.service("members:read"), all(), everything()),
        ("lead", app.lead(&["bip"]), none(), area(json!([]), json!([]))),
        ("agreements:read", app.service("agreements:read"), none(), area(json!([]), json!([]))),
        (
            "Ale",
            app.member(&of.ale),
            json!([named("Anna"), null, null, null, null]),
            json!({ "name": "Södra", "boardContacts": [], "members": { "nodes": [{ "name": "Ale", "contacts": [named("Anna")] }] } }),
        ),
        (
            "Åre",
            app.member(&of.are),
            json!([null, named("Åke"), null, null, null]),
            json!({ "name": "Södra", "boardContacts": [], "members": { "nodes": [] } }),
        ),
        (
            "audit:read",
            app.service("audit:read"),
            none(),
            json!({ "name": "Södra", "boardContacts": [], "members": { "nodes": [] } }),
        ),
    ] {
        let answer = caller.ask(question, json!({ "ids": ids, "area": of.södra })).await;
        assert_eq!((&answer["nodes"], &answer["node"]), (&nodes, &node), "{who}");
    }
    assert_eq!(names(&app.member(&of.ale)).await, json!([["Ale", ["Anna"]]]));
});

on_both!(only_what_is_said_of_a_contact_changes, |app| async move {
    let of = fill(&app).await;
    let selection = "name role email phone validFrom validTo";
    let id = add(&app, json!({
        "memberId": of.ale, "role": "CHAIR", "name": "Anna", "email": "anna@example.se", "phone": "070-174 06 05", "validFrom": "2026-01-01", "validTo": "2026-12-31",
    }))
    .await;
    let mut expected = json!({ "name": "Anna", "role": "CHAIR", "email": "anna@example.se", "phone": "070-174 06 05", "validFrom": "2026-01-01", "validTo": "2026-12-31" });
    for (field, value, becomes) in [
        ("name", Value::Null, json!("Anna")),
        ("role", Value::Null, json!("CHAIR")),
        ("email", json!(" anna@example.se"), json!("anna@example.se")),
        ("name", json!("Anna Ås"), json!("Anna Ås")),
        ("role", json!("FINANCE"), json!("FINANCE")),
        ("email", json!("a@example.se"), json!("a@example.se")),
        ("email", Value::Null, Value::Null),
        ("phone", json!(" "), Value::Null),
        ("phone", json!("070-174 06 06"), json!("070-174 06 06")),
        ("phone", Value::Null, Value::Null),
        ("validTo", json!("2026-01-01"), json!("2026-01-01")),
        ("validTo", Value::Null, Value::Null),
        ("validFrom", json!("2027-01-01"), json!("2027-01-01")),
        ("validFrom", Value::Null, Value::Null),
    ] {
        let before = app.revision().await;
        let is_change = expected[field] != becomes;
        expected[field] = becomes;
        let input = json!({ "contactId": id, (field): value });
        assert_eq!(
            app.office().does("contactUpdate", selection, input.clone()).await["contactUpdate"],
            expected,
            "{input}"
        );
        assert_eq!(app.revision().await - before, i64::from(is_change), "{input}");
    }
    let entry = app.trail(app.revision().await - 1).await.remove(0);
    assert_eq!((&entry["action"], &entry["subject"]["id"]), (&json!("contactUpdate"), &json!(id)));
    assert_eq!(
        (&entry["before"]["valid_from"], &entry["after"]["valid_from"]),
        (&json!("2027-01-01"), &Value::Null)
    );

    // Days are checked against those that are stored.
    let update = async |input: Value| app.office().does("contactUpdate", "id", input).await;
    update(json!({ "contactId": id, "validFrom": "2026-06-01" })).await.data();
    let before = app.revision().await;
    assert_eq!(
        update(json!({ "contactId": id, "validTo": "2026-05-31" })).await.bad_fields(),
        ["input.validTo"]
    );
    // Only what is bad is called so, be it the id itself.
    let bad = json!({ "contactId": of.ale, "phone": "x".repeat(301), "validTo": "2026-05-32" });
    assert_eq!(update(bad).await.bad_fields(), ["input.contactId", "input.phone", "input.validTo"]);
    assert_eq!(
        update(json!({ "contactId": "contact_", "role": "OTHER" })).await.bad_fields(),
        ["input.contactId"]
    );
    assert_eq!(app.revision().await, before);
});

on_both!(an_erased_person_leaves_a_pseudonym, |app| async move {
    let of = fill(&app).await;
    let id = add(&app, json!({ "memberId": of.ale, "role": "CHAIR", "name": "Anna", "email": "anna@example.se", "phone": "070-174 06 05", "validFrom": "2026-01-01" })).await;
    let started = json!({ "slug": "bip", "name": "BIP", "funding": [], "startsOn": "2026-01-01", "leadId": id });
    app.office().does("activityStart", "id", started).await.data();
    let before = app.revision().await;
    for caller in [app.finance(), app.auditor(), app.member(&of.ale)] {
        assert_eq!(
            caller.does("contactErase", "id", json!({ "contactId": id })).await.code(),
            "FORBIDDEN"
        );
    }
    let erased = app
        .office()
        .does(
            "contactErase",
            "name role email phone validFrom member { name }",
            json!({ "contactId": id }),
        )
        .await;
    let pseudonym = format!("Raderad kontakt {}", &id[id.len() - 8..]);
    assert_eq!(
        erased["contactErase"],
        json!({ "name": pseudonym, "role": "CHAIR", "email": null, "phone": null, "validFrom": "2026-01-01", "member": { "name": "Ale" } })
    );
    // What referred to the person refers to the pseudonym.
    let lead = app.office().query("{ activity(by: { slug: \"bip\" }) { lead { name } } }").await;
    assert_eq!(lead["activity"], json!({ "lead": { "name": pseudonym } }));
    // Neither the entry of the change nor the one about the revoked tokens shows the erased data;
    // two more name the deleted keys.
    let trail = app.trail(before).await;
    assert!(
        trail.len() == 4 && trail.iter().all(|entry| entry["action"] == "contactErase"),
        "{trail:?}"
    );
    let reported = ["name", "email", "phone"].map(|field| &trail[0]["before"][field]);
    assert_eq!((reported, &trail[1]["after"]["subject_sha256"]), ([&Value::Null; 3], &Value::Null));
    assert_eq!([2, 3].map(|position| trail[position]["after"]["key_id"].is_string()), [true; 2]);
    assert!(!json!(trail).to_string().contains("anna@"), "{trail:?}");
    assert_eq!(
        (&trail[0]["after"]["name"], &trail[0]["after"]["erased_at"]),
        (&json!(pseudonym), &json!("2026-11-21T09:00:00Z"))
    );

    // Once is enough, and no one comes back.
    app.at("2026-11-22T09:00:00Z")
        .office()
        .does("contactErase", "id", json!({ "contactId": id }))
        .await
        .data();
    let back =
        app.office().does("contactUpdate", "id", json!({ "contactId": id, "name": "Anna" })).await;
    assert_eq!(
        (back.reason(), &back.error()["message"]),
        ("ERASED", &json!("the contact is erased; add a new one"))
    );
    assert_eq!(app.revision().await, before + 4);
});

on_both!(erased_contacts_do_not_prevent_the_removal_of_their_owner, |app| async move {
    let office = app.office();
    let new = async |mutation: &str, input: Value| {
        let added = office.does(mutation, "id", input).await;
        added[mutation]["id"].as_str().unwrap().to_owned()
    };
    for (noun, owner) in [
        ("organisation", new("organisationAdd", json!({ "name": "Fel AB" })).await),
        (
            "member",
            new("memberAdmit", json!({ "name": "Förbund fel", "joinedOn": "2027-01-01" })).await,
        ),
    ] {
        let field = format!("{noun}Id");
        let contact =
            new("contactAdd", json!({ "role": "OTHER", "name": "Eva Ek", &field: owner })).await;
        let activity = json!({ "slug": format!("av-{noun}"), "name": "BIP", "funding": [], "startsOn": "2026-01-01", "leadId": contact });
        new("activityStart", activity).await;
        let remove =
            async || office.does(&format!("{noun}Remove"), &field, json!({ &field: owner })).await;
        let refused = remove().await;
        assert_eq!(refused.reason(), "IN_USE");
        assert!(refused.text().contains("1 contact"), "{}", refused.text());
        office.does("contactErase", "id", json!({ "contactId": contact })).await.data();
        if noun == "organisation" {
            let asked =
                format!("{{ organisation(by: {{ id: \"{owner}\" }}) {{ viewerCanRemove }} }}");
            assert_eq!(office.query(&asked).await["organisation"]["viewerCanRemove"], true);
        }
        remove().await.data();
        // The erased contact remains for the activity.
        let asked = format!(
            "{{ activity(by: {{ slug: \"av-{noun}\" }}) {{ lead {{ id }} }} node(id: \"{owner}\") {{ id }} }}"
        );
        let left = office.query(&asked).await;
        assert_eq!(
            left.data(),
            &json!({ "activity": { "lead": { "id": contact } }, "node": null })
        );
    }
    let found = integrity::verify(&app.db, app.clock, integrity::Request::default()).await;
    assert_eq!(found.unwrap().findings.violations, [""; 0]);
});
