//! Lists of members: filters, orders, pages and counts, and the lists that hang on each member;
//! today is 2026-11-21.

use serde_json::{Value, json};

use super::admission::admit;
use crate::support::{
    app::{App, on_both},
    caller::Caller,
};

const MEMBERS: &str = "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city\n\
    alv,Älvsjö,,Beta län,,Norra,2016-01-01,2026-11-21,,,,,,\n\
    are,Åre,,Beta län,,Norra,2016-01-01,2026-11-20,,,,,,\n\
    zorn,Zorn,,Alfa län,,Norra,2015-01-01,,,,,,,\n\
    ore,Örebro,,Alfa län,Örebro,Södra,2026-11-21,,,,,,,\n\
    ale,Ale,,Alfa län,Alingsås|Åmål,Södra,2015-01-01,,,,,,,\n\
    ide,Idé & Co 100%,,,,,2014-01-01,,,,,,,\n\
    zeta,zeta,,,,,2026-11-22,,,,,,,\n";

const ACTIVITIES: &str = "key,slug,name,purpose,goal,funding,starts_on,ends_on\n\
    bip,bip,BIP,,,SPECIAL_FEE,2014-01-01,\n\
    jgl,jgl,JGL,,,SPECIAL_FEE,2014-01-01,\n";

/// In force: Ale's in both, Zorn's in BIP, Örebro's in JGL. Idé's ended yesterday, Älvsjö's begins
/// in December, Åre's is a cooperation.
const AGREEMENTS: &str = "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate\n\
    a1,2025-0001,PARTICIPATION,INCOME,bip,ale,,,2025-01-01,,0,,2024-12-01T09:00:00Z,2024-12-02,,,,,\n\
    a2,2025-0002,PARTICIPATION,INCOME,jgl,ale,,,2025-02-01,,0,,2024-12-01T09:00:00Z,2024-12-02,,,,,\n\
    a3,2025-0003,PARTICIPATION,INCOME,bip,ale,,,2020-01-01,2024-12-31,0,,2019-12-01T09:00:00Z,2019-12-02,,,,,\n\
    a4,2025-0004,PARTICIPATION,INCOME,bip,zorn,,,2025-01-01,,0,,2024-12-01T09:00:00Z,2024-12-02,,,,,\n\
    a5,2025-0005,PARTICIPATION,INCOME,jgl,ore,,,2025-01-01,,0,,2024-12-01T09:00:00Z,2024-12-02,,,,,\n\
    a6,2025-0006,PARTICIPATION,INCOME,bip,ide,,,2025-01-01,2026-11-20,0,,2024-12-01T09:00:00Z,2024-12-02,,,,,\n\
    a7,2025-0007,PARTICIPATION,INCOME,bip,alv,,,2026-12-01,,0,,2024-12-01T09:00:00Z,2024-12-02,,,,,\n\
    a8,2025-0008,COOPERATION,NONE,bip,are,,,2025-01-01,,0,,2024-12-01T09:00:00Z,2024-12-02,,,,,\n";

const INVOICES: &str = "key,number,kind,buyer,issued_on,due_on,credits\n\
    i1,1001,INVOICE,ale,2026-01-01,2026-01-31,\n\
    i2,1002,INVOICE,ale,2026-02-01,2026-03-03,\n\
    i3,1003,INVOICE,zorn,2026-03-01,2026-03-31,\n\
    i4,1004,INVOICE,ale,2026-04-01,2026-05-01,\n\
    i5,1005,INVOICE,zorn,2026-05-01,2026-05-31,\n";
const LINES: &str = "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\n\
    i1,Avgift,bip,,,,1,1.00,STANDARD_25\ni2,Avgift,jgl,,,,1,1.00,STANDARD_25\ni3,Avgift,bip,,,,1,1.00,STANDARD_25\n\
    i4,Avgift,bip,,,,1,1.00,STANDARD_25\ni5,Avgift,bip,,,,1,1.00,STANDARD_25\n";

async fn fill(app: &App) {
    app.import(&[
        ("members.csv", MEMBERS),
        ("activities.csv", ACTIVITIES),
        ("agreements.csv", AGREEMENTS),
        ("invoices.csv", INVOICES),
        ("invoice_lines.csv", LINES),
    ])
    .await;
}

/// Returns a field of a list's rows, in their order.
fn all<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    list["nodes"].as_array().unwrap().iter().map(|node| node[field].as_str().unwrap()).collect()
}

async fn list(caller: &Caller<'_>, arguments: Value) -> Value {
    let document = "query($filter: MemberFilter, $orderBy: MemberOrder, $first: Int, $after: String, $last: Int, $before: String) {
        members(filter: $filter, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) {
            totalCount nodes { name } edges { cursor node { name } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";
    caller.ask(document, arguments).await["members"].clone()
}

on_both!(members_are_found_by_every_filter, |app| async move {
    fill(&app).await;
    let areas = app.office().query("{ contactAreas { nodes { id } } }").await;
    let [norra, södra] = [0, 1].map(|index| areas["contactAreas"]["nodes"][index]["id"].clone());
    let everyone = vec!["Ale", "Idé & Co 100%", "zeta", "Zorn", "Åre", "Älvsjö", "Örebro"];
    let but = |left_out: &[&str]| {
        everyone.iter().copied().filter(|name| !left_out.contains(name)).collect::<Vec<_>>()
    };
    for (filter, found) in [
        (json!({}), everyone.clone()),
        (json!({ "status": "UPCOMING" }), vec!["zeta"]),
        (json!({ "status": "ACTIVE" }), but(&["zeta", "Åre"])),
        (json!({ "status": "LEFT" }), vec!["Åre"]),
        (json!({ "status": "ACTIVE", "asOf": "2026-11-20" }), but(&["zeta", "Örebro"])),
        (json!({ "status": "LEFT", "asOf": "2026-11-22" }), vec!["Åre", "Älvsjö"]),
        (json!({ "status": "UPCOMING", "asOf": "2013-12-31" }), everyone.clone()),
        (json!({ "status": "ACTIVE", "asOf": "2014-01-01" }), vec!["Idé & Co 100%"]),
        (json!({ "asOf": "2013-12-31" }), everyone.clone()),
        (json!({ "status": [] }), everyone.clone()),
        (json!({ "status": ["UPCOMING", "LEFT"] }), vec!["zeta", "Åre"]),
        (json!({ "status": ["UPCOMING", "ACTIVE", "LEFT"] }), everyone.clone()),
        (json!({ "contactAreaId": norra }), vec!["Zorn", "Åre", "Älvsjö"]),
        (json!({ "contactAreaId": södra }), vec!["Ale", "Örebro"]),
        (json!({ "contactAreaId": "contact_area_00000000000000000000000000000000" }), vec![]),
        (json!({ "county": "Alfa län" }), vec!["Ale", "Zorn", "Örebro"]),
        (json!({ "county": "Alfa" }), vec![]),
        (json!({ "search": "ÅRE" }), vec!["Åre"]),
        (json!({ "search": "åre" }), vec!["Åre"]),
        // Å is a letter of its own, é is not.
        (json!({ "search": "are" }), vec![]),
        (json!({ "search": "ide" }), vec!["Idé & Co 100%"]),
        (json!({ "search": "IDÉ" }), vec!["Idé & Co 100%"]),
        (json!({ "search": "Zórn" }), vec!["Zorn"]),
        (json!({ "search": "orn" }), vec![]),
        (json!({ "search": " ö " }), vec!["Örebro"]),
        (json!({ "search": "z" }), vec!["zeta", "Zorn"]),
        (json!({ "search": "%" }), vec![]),
        (json!({ "search": "100% co" }), vec!["Idé & Co 100%"]),
        (json!({ "search": "_" }), vec![]),
        (json!({ "search": "\\" }), vec![]),
        (json!({ "search": "Åmål" }), vec!["Ale"]),
        (json!({ "search": "Åm" }), vec!["Ale"]),
        (json!({ "search": "mål" }), vec![]),
        (json!({ "search": " " }), everyone.clone()),
        (json!({ "inActivitySlugs": ["bip"] }), vec!["Ale", "Zorn"]),
        (json!({ "inActivitySlugs": ["jgl"] }), vec!["Ale", "Örebro"]),
        (json!({ "inActivitySlugs": ["bip", "jgl"] }), vec!["Ale"]),
        (json!({ "notInActivitySlugs": ["bip"] }), but(&["Ale", "Zorn"])),
        (json!({ "notInActivitySlugs": ["bip", "jgl"] }), but(&["Ale", "Zorn", "Örebro"])),
        (json!({ "inActivitySlugs": ["bip"], "notInActivitySlugs": ["jgl"] }), vec!["Zorn"]),
        (json!({ "inActivitySlugs": ["bip"], "notInActivitySlugs": ["bip"] }), vec![]),
        (json!({ "inActivitySlugs": [], "notInActivitySlugs": [] }), everyone.clone()),
        (
            json!({ "inActivitySlugs": ["bip"], "asOf": "2026-11-20" }),
            vec!["Ale", "Idé & Co 100%", "Zorn"],
        ),
        (
            json!({ "inActivitySlugs": ["bip"], "asOf": "2026-12-01" }),
            vec!["Ale", "Zorn", "Älvsjö"],
        ),
        (json!({ "inActivitySlugs": ["bip"], "asOf": "2024-12-31" }), vec!["Ale"]),
    ] {
        let page = list(&app.office(), json!({ "filter": filter })).await;
        assert_eq!(all(&page, "name"), found, "{filter}");
        assert_eq!(page["totalCount"], found.len(), "{filter}");
    }

    // Each part narrows the others.
    let every_filter = json!({ "status": "ACTIVE", "asOf": "2026-11-30", "contactAreaId": norra, "county": "Alfa län", "search": "zo", "inActivitySlugs": ["bip"], "notInActivitySlugs": ["jgl"] });
    assert_eq!(
        all(&list(&app.office(), json!({ "filter": every_filter })).await, "name"),
        ["Zorn"]
    );
    for (part, other) in [
        ("status", json!("LEFT")),
        ("asOf", json!("2014-12-31")),
        ("contactAreaId", södra),
        ("county", json!("Beta län")),
        ("search", json!("ale")),
        ("inActivitySlugs", json!(["jgl"])),
        ("notInActivitySlugs", json!(["bip"])),
    ] {
        let mut filter = every_filter.clone();
        filter[part] = other;
        assert_eq!(
            list(&app.office(), json!({ "filter": filter })).await["totalCount"],
            0,
            "{filter}"
        );
    }
    let too_many = json!({ "filter": { "inActivitySlugs": vec!["bip"; 21], "notInActivitySlugs": ["", "bip"] } });
    let refused = app
        .office()
        .ask("query($filter: MemberFilter) { members(filter: $filter) { totalCount } }", too_many)
        .await;
    assert_eq!(refused.bad_fields(), ["filter.inActivitySlugs", "filter.notInActivitySlugs.0"]);
});

on_both!(members_are_sorted_and_paged_in_both_directions, |app| async move {
    fill(&app).await;
    let by_name = ["Ale", "Idé & Co 100%", "zeta", "Zorn", "Åre", "Älvsjö", "Örebro"];
    // On the same day, those that came into the register first.
    let by_day = ["Idé & Co 100%", "Zorn", "Ale", "Älvsjö", "Åre", "Örebro", "zeta"];
    let by_last_day = ["Åre", "Älvsjö", "Zorn", "Örebro", "Ale", "Idé & Co 100%", "zeta"];
    let by_number = ["Älvsjö", "Åre", "Zorn", "Örebro", "Ale", "Idé & Co 100%", "zeta"];
    let by_county = ["Idé & Co 100%", "zeta", "Zorn", "Örebro", "Ale", "Älvsjö", "Åre"];
    for (field, names) in [
        ("NAME", by_name),
        ("JOINED_ON", by_day),
        ("LEFT_ON", by_last_day),
        ("ORG_NUMBER", by_number),
        ("COUNTY", by_county),
    ] {
        for direction in ["ASC", "DESC"] {
            let order = json!({ "field": field, "direction": direction });
            let mut names = names.to_vec();
            if direction == "DESC" {
                names.reverse();
            }
            // Pages of three, from the front.
            let mut after = Value::Null;
            for (page, more, less) in [
                (&names[..3], true, false),
                (&names[3..6], true, true),
                (&names[6..], false, true),
                (&names[7..], false, true),
            ] {
                let found =
                    list(&app.office(), json!({ "orderBy": order, "first": 3, "after": after }))
                        .await;
                assert_eq!(all(&found, "name"), page, "{order}");
                let info = &found["pageInfo"];
                assert_eq!(
                    (&info["hasNextPage"], &info["hasPreviousPage"]),
                    (&json!(more), &json!(less)),
                    "{order} {page:?}"
                );
                assert_eq!(found["totalCount"], 7);
                let edges = found["edges"].as_array().unwrap();
                let edge =
                    |edge: Option<&Value>| edge.map_or(Value::Null, |edge| edge["cursor"].clone());
                assert_eq!(
                    (&info["startCursor"], &info["endCursor"]),
                    (&edge(edges.first()), &edge(edges.last()))
                );
                if !page.is_empty() {
                    after = info["endCursor"].clone();
                }
            }
            // And from the back.
            let mut before = Value::Null;
            for (page, more, less) in [
                (&names[4..], false, true),
                (&names[1..4], true, true),
                (&names[..1], true, false),
                (&names[..0], true, false),
            ] {
                let found =
                    list(&app.office(), json!({ "orderBy": order, "last": 3, "before": before }))
                        .await;
                assert_eq!(all(&found, "name"), page, "{order}");
                let info = &found["pageInfo"];
                assert_eq!(
                    (&info["hasNextPage"], &info["hasPreviousPage"]),
                    (&json!(more), &json!(less)),
                    "{order} {page:?}"
                );
                if !page.is_empty() {
                    before = info["startCursor"].clone();
                }
            }
        }
    }
    // Ascending is the default direction; a cursor holds both ends; an empty page still says what
    // follows.
    let day = list(&app.office(), json!({ "orderBy": { "field": "JOINED_ON" } })).await;
    assert_eq!(all(&day, "name"), by_day);
    let cursor = |position: usize| day["edges"][position]["cursor"].clone();
    let order = json!({ "field": "JOINED_ON" });
    let between =
        list(&app.office(), json!({ "orderBy": order, "after": cursor(1), "before": cursor(4) }))
            .await;
    assert_eq!(all(&between, "name"), ["Ale", "Älvsjö"]);
    let none = list(&app.office(), json!({ "orderBy": order, "first": 0 })).await;
    assert_eq!(
        (all(&none, "name").len(), &none["pageInfo"]["hasNextPage"], &none["totalCount"]),
        (0, &json!(true), &json!(7))
    );
    // A cursor is of the order that gave it, in either direction.
    let document = "query($after: String) { members(after: $after) { totalCount } }";
    assert_eq!(
        app.office().ask(document, json!({ "after": cursor(1) })).await.bad_fields(),
        ["after"]
    );
    let down = list(
        &app.office(),
        json!({ "orderBy": { "field": "JOINED_ON", "direction": "DESC" }, "after": cursor(2) }),
    )
    .await;
    assert_eq!(all(&down, "name"), ["Zorn", "Idé & Co 100%"]);
});

on_both!(a_cursor_stays_valid_while_members_are_added_and_changed, |app| async move {
    fill(&app).await;
    let first = list(&app.office(), json!({ "first": 3 })).await;
    assert_eq!(all(&first, "name"), ["Ale", "Idé & Co 100%", "zeta"]);
    let (zeta, ide) = (first["pageInfo"]["endCursor"].clone(), first["edges"][1]["cursor"].clone());
    admit(&app, "Bo", "2020-01-01").await;
    admit(&app, "Åby", "2020-01-01").await;
    // Even the member itself may move away.
    let id = app.office().query("{ members(filter: { search: \"zeta\" }) { nodes { id } } }").await
        ["members"]["nodes"][0]["id"]
        .clone();
    app.office().does("memberUpdate", "id", json!({ "memberId": id, "name": "Övik" })).await.data();
    let next = list(&app.office(), json!({ "first": 3, "after": zeta })).await;
    assert_eq!((all(&next, "name"), &next["totalCount"]), (vec!["Zorn", "Åby", "Åre"], &json!(9)));
    let back = list(&app.office(), json!({ "last": 3, "before": zeta })).await;
    assert_eq!(all(&back, "name"), ["Ale", "Bo", "Idé & Co 100%"]);
    assert_eq!(
        all(&list(&app.office(), json!({ "last": 3, "before": ide })).await, "name"),
        ["Ale", "Bo"]
    );
});

on_both!(a_page_has_twenty_five_members_unless_more_are_asked_for, |app| async move {
    let header = MEMBERS.lines().next().unwrap();
    let rows: String =
        (0..201).map(|n| format!("m{n:03},Förbund {n:03},,,,,2015-01-01,,,,,,,\n")).collect();
    app.import(&[("members.csv", &format!("{header}\n{rows}"))]).await;
    for (arguments, last, more) in [
        (json!({}), "Förbund 024", true),
        (json!({ "first": 200 }), "Förbund 199", true),
        (json!({ "last": 200 }), "Förbund 200", false),
    ] {
        let page = list(&app.office(), arguments.clone()).await;
        let names = all(&page, "name");
        assert_eq!(
            (names.last(), &page["pageInfo"]["hasNextPage"]),
            (Some(&last), &json!(more)),
            "{arguments}"
        );
        assert_eq!(page["totalCount"], 201);
    }
});

on_both!(each_member_has_pages_of_its_own, |app| async move {
    fill(&app).await;
    let document = "query($first: Int, $after: String, $last: Int, $before: String, $number: String, $back: String) {
        members(filter: { inActivitySlugs: [\"bip\"] }) { nodes { name
            agreements(orderBy: { field: STARTS_ON, direction: DESC }, first: $first, after: $after, last: $last, before: $before) {
                totalCount nodes { number } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }
            invoices(orderBy: { field: ISSUED_ON }, filter: { activitySlugs: [\"bip\"] }, first: 1, after: $number) {
                totalCount nodes { number } pageInfo { hasNextPage hasPreviousPage endCursor } }
            latest: invoices(last: 1, before: $back) { totalCount nodes { number } pageInfo { hasNextPage hasPreviousPage startCursor } }
        } } }";
    let ask = async |arguments: Value| {
        app.office().ask(document, arguments).await["members"]["nodes"].clone()
    };
    let page = |list: &Value| {
        let info = &list["pageInfo"];
        json!([
            all(list, "number"),
            info["hasPreviousPage"],
            info["hasNextPage"],
            list["totalCount"]
        ])
    };
    let first = ask(json!({ "first": 2 })).await;
    let (ale, zorn) = (&first[0], &first[1]);
    assert_eq!((&ale["name"], &zorn["name"]), (&json!("Ale"), &json!("Zorn")));
    assert_eq!(page(&ale["agreements"]), json!([["2025-0002", "2025-0001"], false, true, 3]));
    assert_eq!(page(&zorn["agreements"]), json!([["2025-0004"], false, false, 1]));
    assert_eq!(page(&ale["invoices"]), json!([["1001"], false, true, 2]));
    assert_eq!(page(&zorn["invoices"]), json!([["1003"], false, true, 2]));
    assert_eq!(page(&ale["latest"]), json!([["1004"], true, false, 3]));
    assert_eq!(page(&zorn["latest"]), json!([["1005"], true, false, 2]));
    // The cursor is a position in the order: it is valid for every member's list.
    let next = ask(json!({
        "first": 2, "after": ale["agreements"]["pageInfo"]["endCursor"], "number": ale["invoices"]["pageInfo"]["endCursor"],
        "back": zorn["latest"]["pageInfo"]["startCursor"],
    }))
    .await;
    assert_eq!(page(&next[0]["agreements"]), json!([["2025-0003"], true, false, 3]));
    assert_eq!(page(&next[0]["invoices"]), json!([["1004"], true, false, 2]));
    assert_eq!(page(&next[1]["invoices"]), json!([["1003"], true, true, 2]));
    assert_eq!(page(&next[0]["latest"]), json!([["1004"], true, true, 3]));
    assert_eq!(page(&next[1]["latest"]), json!([["1003"], false, true, 2]));
    let back =
        ask(json!({ "last": 2, "before": next[0]["agreements"]["pageInfo"]["startCursor"] })).await;
    assert_eq!(page(&back[0]["agreements"]), json!([["2025-0002", "2025-0001"], false, true, 3]));
    // The list within has a filter of its own.
    let own = "{ members(filter: { search: \"Ale\" }) { nodes { agreements(filter: { activitySlugs: [\"bip\"], status: [ACTIVE] }) { totalCount nodes { number } } } } }";
    let expected =
        json!([{ "agreements": { "totalCount": 1, "nodes": [{ "number": "2025-0001" }] } }]);
    assert_eq!(app.office().query(own).await["members"]["nodes"], expected);
});
