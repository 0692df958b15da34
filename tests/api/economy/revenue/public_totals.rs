//! Public totals: the economy of an activity and year is true or null for everyone, and reveals
//! nothing of fewer than three counterparties, not even by subtraction.

use serde_json::{Value, json};

use crate::{
    economy::revenue::report::member,
    support::{
        app::{App, on_both},
        caller::Caller,
    },
};

/// Five members. Of Indikatorer, four of them have paid all but the fourth's invoice, and three
/// suppliers are behind its costs; two counterparties are behind each figure of BIP.
const FILES: [(&str, &str); 9] = [
    (
        "members.csv",
        "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city
a,Ale,,,,,2015-01-01,,,,,,,
b,Boden,,,,,2015-01-01,,,,,,,
c,Cederås,,,,,2015-01-01,,,,,,,
d,Dals,,,,,2015-01-01,,,,,,,
e,Eda,,,,,2015-01-01,,,,,,,
",
    ),
    ("organisations.csv", "key,name,org_number\no1,Ett AB,\no2,Två AB,\no3,Tre AB,\n"),
    (
        "contacts.csv",
        "key,member,role,name,email,phone,valid_from,valid_to,name_published_on
anna,a,CHIEF_EXECUTIVE,Anna Andersson,anna@example.se,,,,
bo,b,CHAIR,Bo Berg,bo@example.se,,,,2026-01-01
",
    ),
    (
        "activities.csv",
        "key,slug,name,purpose,goal,funding,starts_on,ends_on,board_contact,lead
ind,indikatorer,Indikatorer,,,SPECIAL_FEE,2020-01-01,,bo,anna
bip,bip,BIP,,,COURSE_INCOME,2020-01-01,,,
val,stoppa-valdet,Stoppa våldet,,,GRANT,2020-01-01,,,
",
    ),
    (
        "invoices.csv",
        "key,number,kind,buyer,issued_on,due_on,credits
i0,1000,INVOICE,a,2025-12-01,2025-12-31,
i1,1001,INVOICE,a,2026-01-15,2026-02-14,
i2,1002,INVOICE,b,2026-01-15,2026-02-14,
i3,1003,INVOICE,c,2026-01-15,2026-02-14,
i4,1004,INVOICE,d,2026-01-15,2026-02-14,
i5,1005,INVOICE,a,2026-03-15,2026-04-14,
i6,1006,INVOICE,b,2026-03-15,2026-04-14,
",
    ),
    (
        "invoice_lines.csv",
        "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate
i0,Avgift,ind,,,,1,700.00,STANDARD_25
i1,Avgift,ind,,,,1,1000.00,STANDARD_25
i2,Avgift,ind,,,,1,1000.00,STANDARD_25
i3,Avgift,ind,,,,1,1000.00,STANDARD_25
i4,Avgift,ind,,,,1,1000.00,STANDARD_25
i5,Kurs,bip,,,,1,2000.00,STANDARD_25
i6,Kurs,bip,,,,1,2000.00,STANDARD_25
",
    ),
    (
        "payments.csv",
        "invoice,received_on,amount,reference
i0,2026-01-10,875.00,b0
i1,2026-02-10,1250.00,b1
i2,2026-02-10,1250.00,b2
i3,2026-02-10,1250.00,b3
",
    ),
    (
        "costs.csv",
        "activity,booked_on,amount,description,supplier
ind,2026-02-01,100.00,Ledning,o1
ind,2026-02-01,200.00,Lokal,o2
ind,2026-02-01,300.00,Resor,o3
bip,2026-02-01,500.00,Kurs,o1
bip,2026-02-01,500.00,Lokal,o2
",
    ),
    (
        "grants.csv",
        "activity,booked_on,amount,funder
val,2026-02-01,10.00,Myndigheten
val,2026-02-01,20.00,Länsstyrelsen
val,2026-02-01,30.00,Socialstyrelsen
",
    ),
];

/// The sums of an activity and year: `invoiced paid outstanding cost grants result`, with `-` for
/// null.
async fn sums(caller: &Caller<'_>, slug: &str, year: i32) -> String {
    let document = "query($slug: String!, $year: Int!) { activity(by: { slug: $slug }) {
        economy(year: $year) { year invoiced paid outstanding cost grants result } } }";
    let answer = caller.ask(document, json!({ "slug": slug, "year": year })).await;
    let economy = answer["activity"]["economy"].clone();
    assert_eq!(economy["year"], year);
    ["invoiced", "paid", "outstanding", "cost", "grants", "result"]
        .map(|name| economy[name].as_str().unwrap_or("-").to_owned())
        .join(" ")
}

on_both!(totals_are_true_or_null_for_everyone, |app| async move {
    app.import(&FILES).await;
    let whole = "4000.00 3700.00 1250.00 600.00 0.00 3400.00";
    for caller in [app.office(), app.lead(&["indikatorer"]), app.service("revenue:read")] {
        assert_eq!(sums(&caller, "indikatorer", 2026).await, whole);
    }
    // One debtor: what it owes follows from the outstanding sum, and from the paid one.
    let eda = member(&app, "Eda").await;
    for caller in [
        app.member(&eda),
        app.lead(&["bip"]),
        app.service("templates:read"),
        app.service("members:read"),
    ] {
        let public = "4000.00 - - 600.00 0.00 3400.00";
        assert_eq!(sums(&caller, "indikatorer", 2026).await, public);
    }
    // The debtor itself learns nothing of others by its own debt.
    let dals = member(&app, "Dals").await;
    assert_eq!(sums(&app.member(&dals), "indikatorer", 2026).await, whole);
    // Without its own payment, two others are behind what was paid.
    let ale = member(&app, "Ale").await;
    assert_eq!(
        sums(&app.member(&ale), "indikatorer", 2026).await,
        "4000.00 - - 600.00 0.00 3400.00"
    );
    // A sum behind which nothing stands is zero, and one of three funders is shown.
    assert_eq!(
        sums(&app.member(&eda), "stoppa-valdet", 2026).await,
        "0.00 0.00 0.00 0.00 60.00 60.00"
    );
});

on_both!(two_counterparties_are_not_enough, |app| async move {
    app.import(&FILES).await;
    let (ale, eda) = (member(&app, "Ale").await, member(&app, "Eda").await);
    let whole = "4000.00 0.00 5000.00 1000.00 0.00 3000.00";
    assert_eq!(sums(&app.lead(&["bip"]), "bip", 2026).await, whole);
    for caller in [app.member(&eda), app.member(&ale), app.lead(&["indikatorer"])] {
        assert_eq!(sums(&caller, "bip", 2026).await, "- - - - 0.00 -");
    }
    // Who reads every invoice reads what they add up to, and no cost by the result.
    assert_eq!(
        sums(&app.service("invoices:read"), "bip", 2026).await,
        "4000.00 0.00 5000.00 - 0.00 -"
    );
    // Nor does the year before show what the only buyer paid in this one.
    assert_eq!(sums(&app.member(&eda), "indikatorer", 2025).await, "- - - 0.00 0.00 -");

    let limited = |number: &str| app.with(&[("SAMREGISTER_MIN_COUNTERPARTIES", number)]);
    let app_of_two = limited("2");
    assert_eq!(sums(&app_of_two.member(&eda), "bip", 2026).await, whole);
    assert_eq!(sums(&app_of_two.member(&ale), "bip", 2026).await, "- - - 1000.00 0.00 -");
    assert_eq!(sums(&limited("4").member(&eda), "indikatorer", 2026).await, "4000.00 - - - 0.00 -");
    assert_eq!(sums(&limited("5").member(&eda), "indikatorer", 2026).await, "- - - - 0.00 -");
});

on_both!(what_is_null_depends_on_no_amount, |app| async move {
    let other = app.another().await;
    app.import(&FILES).await;
    let changed = FILES.map(|(name, text)| {
        let text = text
            .replace("bip,,,,1,2000.00", "bip,,,,1,2345.67")
            .replace("bip,2026-02-01,500.00", "bip,2026-02-01,765.43");
        (name, text)
    });
    let changed: Vec<_> = changed.iter().map(|(name, text)| (*name, text.as_str())).collect();
    other.import(&changed).await;
    let document = "{ memberCount activities { nodes { slug
        coverage { connectedCount memberCount share notConnected { name } }
        representatives { duty role name }
        economy(year: 2026) { invoiced paid outstanding cost grants result } } } }";
    let mut answers = Vec::new();
    for app in [&app, &other] {
        let eda = member(app, "Eda").await;
        let mut of_app = Vec::new();
        for caller in [
            app.member(&eda),
            app.lead(&["indikatorer"]),
            app.service("members:read"),
            app.service("agreements:read"),
            app.office(),
        ] {
            of_app.push(caller.query(document).await.data().clone());
        }
        answers.push(of_app);
    }
    let same: Vec<_> =
        answers[0].iter().zip(&answers[1]).map(|(one, other)| one == other).collect();
    assert_eq!(same, [true, true, true, true, false]);
});

on_both!(an_unknown_supplier_counts_for_each_cost, |app| async move {
    app.import(&FILES).await;
    let eda = member(&app, "Eda").await;
    let costs = |rows: &str| format!("activity,booked_on,amount,description\n{rows}");
    let two = costs("val,2026-03-01,10.00,Lokal\nval,2026-03-02,20.00,Lokal\n");
    app.import(&[("costs.csv", &two)]).await;
    assert_eq!(sums(&app.member(&eda), "stoppa-valdet", 2026).await, "0.00 0.00 0.00 - 60.00 -");
    // A correction is no supplier.
    app.import(&[("costs.csv", &costs("val,2026-03-03,-5.00,Lokal\n"))]).await;
    assert_eq!(sums(&app.member(&eda), "stoppa-valdet", 2026).await, "0.00 0.00 0.00 - 60.00 -");
    app.import(&[("costs.csv", &costs("val,2026-03-04,5.00,Lokal\n"))]).await;
    assert_eq!(
        sums(&app.member(&eda), "stoppa-valdet", 2026).await,
        "0.00 0.00 0.00 30.00 60.00 30.00"
    );
});

on_both!(persons_are_named_if_they_agreed, |app| async move {
    app.import(&FILES).await;
    let eda = member(&app, "Eda").await;
    let seen = async |caller: Caller<'_>| {
        let document = "{ activity(by: { slug: \"indikatorer\" }) {
            lead { name } representatives { duty role name } } }";
        caller.query(document).await["activity"].clone()
    };
    let people = |lead: Value| {
        json!({ "lead": null, "representatives": [
            { "duty": "LEAD", "role": "CHIEF_EXECUTIVE", "name": lead },
            { "duty": "BOARD_CONTACT", "role": "CHAIR", "name": "Bo Berg" },
        ] })
    };
    for caller in [app.member(&eda), app.lead(&["bip"]), app.service("audit:read")] {
        assert_eq!(seen(caller).await, people(Value::Null));
    }
    let found =
        app.office().query("{ activity(by: { slug: \"indikatorer\" }) { lead { id } } }").await;
    let anna = found["activity"]["lead"]["id"].clone();
    let agree = async |is_published: bool| {
        let input = json!({ "contactId": anna, "namePublished": is_published });
        let answer = app.office().does("contactUpdate", "namePublishedOn", input).await;
        answer["contactUpdate"]["namePublishedOn"].clone()
    };
    assert_eq!(agree(true).await, "2026-11-21");
    assert_eq!(seen(app.member(&eda)).await, people(json!("Anna Andersson")));
    assert_eq!(agree(false).await, Value::Null);
    assert_eq!(seen(app.member(&eda)).await, people(Value::Null));
    assert_eq!(agree(true).await, "2026-11-21");
    app.office().does("contactErase", "id", json!({ "contactId": anna })).await.data();
    assert_eq!(seen(app.member(&eda)).await, people(Value::Null));
});
