//! Template drift: the agreements in force that are not what the template library would make today,
//! and why.

use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    caller::Caller,
};

const AGREEMENTS: &str = "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate";

/// Templates with an old and a new version, one with a draft beyond, and one without any that is in
/// use.
const FILES: &[(&str, &str)] = &[
    (
        "members.csv",
        "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city\nale,Ale,,,,,2015-01-01,,,,,,,\nbo,Boden,,,,,2015-01-01,,,,,,,\n",
    ),
    (
        "activities.csv",
        "key,slug,name,purpose,goal,funding,starts_on,ends_on\nbip,bip,BIP,,,SPECIAL_FEE,2020-01-01,\nind,indikatorer,Indikatorer,,,SPECIAL_FEE,2020-01-01,\n",
    ),
    (
        "templates.csv",
        "slug,title,kind,activity,version,state,language,body_file,parameters_file\n\
         bip,Avtal om BIP,PARTICIPATION,bip,1,RETIRED,sv,t/1.md,t/none.json\n\
         bip,Avtal om BIP,PARTICIPATION,bip,2,PUBLISHED,sv,t/2.md,t/plats.json\n\
         bip,Avtal om BIP,PARTICIPATION,bip,3,PUBLISHED,sv,t/3.md,t/plats.json\n\
         bip,Avtal om BIP,PARTICIPATION,bip,4,DRAFT,sv,t/1.md,t/none.json\n\
         slut,Slut,PARTICIPATION,,1,RETIRED,sv,t/1.md,t/none.json\n",
    ),
    ("t/1.md", "# Avtal\nEtt\n"),
    ("t/2.md", "# Avtal {{ plats }} {{ dagar }} {{ anm }}\nEtt\nTvå\nTre\n"),
    ("t/3.md", "# Avtal {{ plats }} {{ dagar }} {{ anm }}\nEtt\nTvå och en halv\nTre\n"),
    ("t/none.json", "[]"),
    (
        "t/plats.json",
        r#"[{"name":"plats","label":"Plats","type":"TEXT","required":true},{"name":"dagar","label":"Dagar","type":"INTEGER","required":true,"default":14},
            {"name":"anm","label":"Anmärkning","type":"TEXT","required":false}]"#,
    ),
];

async fn fill(app: &App) {
    let row = |n: usize, member: &str, activity: &str, template: &str, term: &str| {
        format!(
            "g{n},2026-000{n},PARTICIPATION,INCOME,{activity},{member},{template},{term},1,,2025-12-01T09:00:00Z,2025-12-02,,,,,\n"
        )
    };
    let rows = [
        row(1, "ale", "bip", ",", "2026-01-01,2026-12-31"),
        row(2, "bo", "bip", "bip,2", "2026-01-01,"),
        row(3, "ale", "ind", "slut,1", "2026-01-01,"),
        row(4, "bo", "ind", "bip,3", "2026-01-01,"),
        row(5, "ale", "bip", "bip,1", "2027-01-01,"),
    ];
    let agreements = format!("{AGREEMENTS}\n{}", rows.concat());
    let mut files = FILES.to_vec();
    files.push(("agreements.csv", &agreements));
    app.import(&files).await;
}

/// Writes the parameters of agreements, which no file of the exchange has.
async fn fill_in(app: &App, parameters: &[(&str, &str)]) {
    use ::entity::agreement_parameters;
    use domain::{
        agreements,
        audit::{self, Action},
        auth::viewer::Viewer,
    };
    let mut change =
        audit::begin(app.context(&Viewer::operator("test")), Action::MemberUpdate).await.unwrap();
    for (number, parameters) in parameters {
        let columns = [::entity::agreement::Column::Id];
        let found = agreements::by_number(app.context(&Viewer::operator("test")), number, &columns)
            .await
            .unwrap()
            .unwrap();
        let row = agreement_parameters::Model {
            agreement_id: found.id,
            parameters: (*parameters).to_owned(),
        };
        audit::insert(&change, row).await.unwrap();
        change.record(None, Some(&::entity::contact_area::Model::default())).unwrap();
    }
    change.commit().await.unwrap();
}

/// Replaces the parameters of one agreement.
async fn refill(app: &App, number: &str, parameters: &str) {
    use ::entity::agreement_parameters as row;
    use domain::{
        audit::{self, Action},
        auth::viewer::Viewer,
    };
    use sea_orm::EntityTrait;
    let mut change =
        audit::begin(app.context(&Viewer::operator("test")), Action::MemberUpdate).await.unwrap();
    row::Entity::delete_many().exec(change.tx()).await.unwrap();
    change.record(None, Some(&::entity::contact_area::Model::default())).unwrap();
    change.commit().await.unwrap();
    fill_in(app, &[(number, parameters)]).await;
}

const QUESTION: &str = "query($filter: AgreementFilter, $first: Int, $after: String) { templateConsistency(filter: $filter, first: $first, after: $after) {
    totalCount pageInfo { endCursor } nodes { agreement { number activity { slug } } reasons version { version template { slug } } currentVersion { version }
    missingParameters unknownParameters differingParameters diff } } }";

async fn deviating(caller: Caller<'_>, filter: Value) -> Vec<(String, Value)> {
    let answer = caller.ask(QUESTION, json!({ "filter": filter })).await;
    let nodes = answer["templateConsistency"]["nodes"].as_array().unwrap();
    assert_eq!(answer["templateConsistency"]["totalCount"], nodes.len());
    nodes
        .iter()
        .map(|node| {
            (node["agreement"]["number"].as_str().unwrap().to_owned(), node["reasons"].clone())
        })
        .collect()
}

fn are(expected: &[(&str, &[&str])]) -> Vec<(String, Value)> {
    expected.iter().map(|(number, reasons)| ((*number).to_owned(), json!(reasons))).collect()
}

on_both!(agreements_that_are_not_uniform_are_listed_with_the_reason, |app| async move {
    fill(&app).await;
    // The agreement on the current version lacks what that needs.
    let before = are(&[
        ("2026-0001", &["NO_TEMPLATE"]),
        ("2026-0002", &["OLD_VERSION", "PARAMETERS"]),
        ("2026-0003", &["NO_CURRENT_VERSION"]),
        ("2026-0004", &["PARAMETERS"]),
    ]);
    assert_eq!(deviating(app.office(), json!({})).await, before);

    fill_in(
        &app,
        &[
            ("2026-0002", r#"{"plats":"Åre","färg":"röd","dagar":7}"#),
            ("2026-0004", r#"{"plats":"Kiruna"}"#),
        ],
    )
    .await;
    let after = are(&[
        ("2026-0001", &["NO_TEMPLATE"]),
        ("2026-0002", &["OLD_VERSION", "PARAMETERS"]),
        ("2026-0003", &["NO_CURRENT_VERSION"]),
    ]);
    assert_eq!(deviating(app.office(), json!({})).await, after);
    let answer = app.office().ask(QUESTION, json!({ "first": 2 })).await;
    let page = &answer["templateConsistency"];
    assert_eq!(
        page["nodes"][1],
        json!({ "agreement": { "number": "2026-0002", "activity": { "slug": "bip" } }, "reasons": ["OLD_VERSION", "PARAMETERS"],
            "version": { "version": 2, "template": { "slug": "bip" } }, "currentVersion": { "version": 3 },
            "missingParameters": [], "unknownParameters": ["färg"], "differingParameters": [],
            "diff": "--- version 2\n+++ version 3\n@@ -1,4 +1,4 @@\n # Avtal {{ plats }} {{ dagar }} {{ anm }}\n Ett\n-Två\n+Två och en halv\n Tre\n" })
    );
    assert_eq!(
        (&page["nodes"][0]["version"], &page["nodes"][0]["diff"]),
        (&Value::Null, &Value::Null)
    );
    let next = app.office().ask(QUESTION, json!({ "after": page["pageInfo"]["endCursor"] })).await;
    let next = &next["templateConsistency"]["nodes"];
    assert_eq!(next.as_array().unwrap().len(), 1);
    assert_eq!(
        (&next[0]["version"]["version"], &next[0]["currentVersion"], &next[0]["diff"]),
        (&json!(1), &Value::Null, &Value::Null)
    );

    // With what narrows the list of agreements.
    let one = json!({ "activitySlugs": ["indikatorer"], "search": "Ale" });
    assert_eq!(deviating(app.office(), one).await, are(&[("2026-0003", &["NO_CURRENT_VERSION"])]));
    // As of a day: what is in force then.
    let then = deviating(app.office(), json!({ "asOf": "2027-01-01" })).await;
    assert_eq!(
        then.last().unwrap(),
        &("2026-0005".to_owned(), json!(["OLD_VERSION", "PARAMETERS"]))
    );
    assert_eq!(deviating(app.office(), json!({ "asOf": "2025-12-31" })).await, are(&[]));
});

on_both!(parameters_are_equal_in_rust_and_in_sql, |app| async move {
    fill(&app).await;
    let cases = [
        (r#"{"plats":"x"}"#, None),
        (r#"{"plats":"x","dagar":null,"anm":null}"#, None),
        (r#"{"plats":null}"#, Some((json!(["plats"]), json!([])))),
        (r#"{}"#, Some((json!(["plats"]), json!([])))),
        (r#"{"plats":"x","b\"'%":1,"a":null}"#, Some((json!([]), json!(["a", "b\"'%"])))),
        (r#"{"Plats":"x"}"#, Some((json!(["plats"]), json!(["Plats"])))),
    ];
    for (parameters, expected) in cases {
        refill(&app, "2026-0004", parameters).await;
        let answer =
            app.office().ask(QUESTION, json!({ "filter": { "search": "2026-0004" } })).await;
        let found = answer["templateConsistency"]["nodes"].as_array().unwrap().first().cloned();
        let found = found
            .map(|node| (node["missingParameters"].clone(), node["unknownParameters"].clone()));
        assert_eq!(found, expected, "{parameters}");
    }
});

on_both!(texts_are_compared_only_when_asked_for, |app| async move {
    fill(&app).await;
    app.statements();
    app.office()
        .query("{ templateConsistency { nodes { reasons agreement { number } version { version } currentVersion { version } } } }")
        .await
        .data();
    let statements = app.statements();
    assert!(
        statements.len() == 5 && !statements.iter().any(|sql| sql.contains("body")),
        "{statements:#?}"
    );
    let bad = app
        .office()
        .ask(QUESTION, json!({ "first": 201, "after": "x", "filter": { "asOf": "x" } }))
        .await;
    assert_eq!(bad.bad_fields(), ["after", "filter.asOf", "first"]);
});

on_both!(values_are_equal_in_rust_and_in_sql, |app| async move {
    fill(&app).await;
    let declared = r#"[{"name":"plats","label":"Plats","type":"TEXT","required":true},{"name":"anm","label":"Not","type":"TEXT","required":false},
        {"name":"dagar","label":"Dagar","type":"INTEGER","required":false,"minimum":-1,"maximum":30},{"name":"antal","label":"Antal","type":"INTEGER","required":false},
        {"name":"tak","label":"Tak","type":"MONEY","required":false,"minimum":"0.10","maximum":"100"},{"name":"summa","label":"Summa","type":"MONEY","required":false},
        {"name":"dag","label":"Dag","type":"DATE","required":false},{"name":"ja","label":"Ja","type":"BOOLEAN","required":false}]"#;
    let body = "{{ plats }}{{ anm }}{{ dagar }}{{ antal }}{{ tak }}{{ summa }}{{ dag }}{% if ja %}ja{% endif %}";
    let head = "slug,title,kind,activity,version,state,language,body_file,parameters_file\n";
    let versions =
        format!("{head}bip,Avtal om BIP,PARTICIPATION,bip,5,PUBLISHED,sv,t/5.md,t/5.json\n");
    let row = "g6,2026-0006,COOPERATION,NONE,,ale,bip,5,2026-01-01,,1,,2025-12-01T09:00:00Z,2025-12-02,,,,,,\"{}\"\n";
    let row = format!("{AGREEMENTS},parameters\n{row}");
    app.import(&[
        ("templates.csv", &versions),
        ("t/5.md", body),
        ("t/5.json", declared),
        ("agreements.csv", &row),
    ])
    .await;
    let long = "å".repeat(20_000);
    let cases = [
        ("plats", json!("x"), true),
        ("plats", json!(""), false),
        ("plats", json!(" \t\r\n"), false),
        ("plats", json!(1), false),
        ("plats", json!(["x"]), false),
        ("plats", json!(long), true),
        ("plats", json!(format!("{long}x")), false),
        ("anm", json!(""), true),
        ("anm", json!({ "a": 1 }), false),
        ("dagar", json!(30), true),
        ("dagar", json!(31), false),
        ("dagar", json!(-1), true),
        ("dagar", json!(-2), false),
        ("dagar", json!("14"), false),
        ("dagar", json!(1.5), false),
        ("dagar", json!(true), false),
        ("antal", json!(1_000_000_000_000_i64), true),
        ("antal", json!(1_000_000_000_001_i64), false),
        ("antal", json!(-1_000_000_000_001_i64), false),
        ("antal", json!(10_000_000_000_000_000_000_u64), false),
        ("antal", json!(1.0), false),
        ("tak", json!("0.10"), true),
        ("tak", json!("0.1"), true),
        ("tak", json!("0.09"), false),
        ("tak", json!("100.00"), true),
        ("tak", json!("100.01"), false),
        ("tak", json!(50), false),
        ("summa", json!("-26800.55"), true),
        ("summa", json!("00012"), true),
        ("summa", json!("12."), false),
        ("summa", json!(".5"), false),
        ("summa", json!("-"), false),
        ("summa", json!("1-2"), false),
        ("summa", json!("--1"), false),
        ("summa", json!("1.2.3"), false),
        ("summa", json!("1.234"), false),
        ("summa", json!("1 000"), false),
        ("summa", json!("tusen"), false),
        ("summa", json!(""), false),
        ("summa", json!("10000000000.00"), true),
        ("summa", json!("10000000001"), false),
        ("dag", json!("2028-02-29"), true),
        ("dag", json!("2027-02-29"), false),
        ("dag", json!("2027-04-31"), false),
        ("dag", json!("2027-13-01"), false),
        ("dag", json!("2027-00-10"), false),
        ("dag", json!("2027-01-00"), false),
        ("dag", json!("1899-12-31"), false),
        ("dag", json!("2999-12-31"), true),
        ("dag", json!("3000-01-01"), false),
        ("dag", json!("27-01-01"), false),
        ("dag", json!("i dag"), false),
        ("dag", json!(20270101), false),
        ("ja", json!(false), true),
        ("ja", json!("ja"), false),
        ("ja", json!(1), false),
    ];
    for (name, value, fits) in cases {
        let mut parameters = json!({ "plats": "x" });
        parameters[name] = value.clone();
        refill(&app, "2026-0006", &parameters.to_string()).await;
        let answer =
            app.office().ask(QUESTION, json!({ "filter": { "search": "2026-0006" } })).await;
        let found = answer["templateConsistency"]["nodes"].as_array().unwrap().first().cloned();
        // Both report it: SQL by listing it, and Rust by naming it.
        let found = found.map(|node| node["differingParameters"].clone());
        assert_eq!(
            found,
            (!fits).then(|| json!([name])),
            "{name}: {}",
            value.to_string().chars().take(40).collect::<String>()
        );
    }
});

on_both!(a_default_that_has_changed_is_reported, |app| async move {
    fill(&app).await;
    let parameters = FILES
        .iter()
        .find(|(name, _)| *name == "t/plats.json")
        .unwrap()
        .1
        .replace("\"default\":14", "\"default\":30");
    let head = "slug,title,kind,activity,version,state,language,body_file,parameters_file\n";
    let versions =
        format!("{head}bip,Avtal om BIP,PARTICIPATION,bip,5,PUBLISHED,sv,t/3.md,t/5.json\n");
    let body = FILES.iter().find(|(name, _)| *name == "t/3.md").unwrap().1;
    app.import(&[("templates.csv", &versions), ("t/3.md", body), ("t/5.json", &parameters)]).await;
    for (given, differing) in
        [(r#"{"plats":"x"}"#, json!(["dagar"])), (r#"{"plats":"x","dagar":14}"#, json!([]))]
    {
        refill(&app, "2026-0004", given).await;
        let answer =
            app.office().ask(QUESTION, json!({ "filter": { "search": "2026-0004" } })).await;
        assert_eq!(answer["templateConsistency"]["nodes"][0]["differingParameters"], differing);
        let reasons = if differing == json!([]) {
            json!(["OLD_VERSION"])
        } else {
            json!(["OLD_VERSION", "PARAMETERS"])
        };
        assert_eq!(answer["templateConsistency"]["nodes"][0]["reasons"], reasons);
    }
});
