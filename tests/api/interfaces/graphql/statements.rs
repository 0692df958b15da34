//! Statements: a request makes as many as its document has relations, whatever the page size, alone
//! and among others; and their texts stay the same, so that each is prepared once.

use std::{collections::BTreeMap, fmt::Write};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;

use crate::support::{
    app::{App, on_both},
    database_intruder::intruder,
    schema_documents::{Schema, inner},
};

/// Things of each noun: more than the largest page takes.
const THINGS: usize = 205;
/// Members that have not left.
const MEMBERS: usize = 20;
/// Requests at a time.
const CALLERS: usize = 16;

/// A register in which every row of a noun has every relation, so that a page of one asks as much
/// as a page of many.
pub(super) async fn fill(app: &App) {
    let mut files = headers();
    for n in 0..THINGS {
        add_rows(&mut files, n);
    }
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    app.import(&files).await;
    // Files have no decisions.
    let intruder = intruder(app).await;
    for sql in [
        "INSERT INTO decision (id, body, decided_on) SELECT id, 'BOARD', '2020-01-01' FROM activity",
        "UPDATE activity SET decision_id = id",
    ] {
        intruder.execute_unprepared(sql).await.unwrap();
    }
    // So that the latest entry of the audit log has the relations of those before it.
    let activity = app.office().query("{ activities(first: 1) { nodes { id } } }").await["activities"]["nodes"][0]["id"].clone();
    let report =
        json!({ "activityId": activity, "period": "2026-T3", "health": "GREEN", "summary": "Bra" });
    app.office().does("statusReportFile", "id", report).await.data();
}

/// The files of the register, with the rows that others refer to.
fn headers() -> BTreeMap<&'static str, String> {
    [
        ("members.csv", "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city,successor,leaving_reason,former_names\n\
            ny,Östra,,,,,2010-01-01,,,,,,,,,,\n"),
        ("organisations.csv", "key,name,org_number\n"),
        ("allocations.csv", "member,year,basis,amount,source\n"),
        ("contacts.csv", "key,member,role,name,email,phone,valid_from,valid_to,organisation,contact_area\nstyrelse,,BOARD_MEMBER,Stina,,,,,,Södra\n"),
        ("activities.csv", "key,slug,name,purpose,goal,funding,starts_on,ends_on,board_contact,lead\n"),
        ("fee_schedules.csv", "activity,valid_from,valid_to,basis,amount,per_mille,cap,minimum,vat_rate\n,2020-01-01,,PER_MILLE_OF_ALLOCATION,,2,,,ZERO\n"),
        ("templates.csv", "slug,title,kind,activity,version,state,language,body_file,parameters_file\n"),
        ("templates/text.md", "Text\n"),
        ("templates/text.json", "[]\n"),
        ("agreements.csv", "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate,replaces\n"),
        ("invoices.csv", "key,number,kind,buyer,issued_on,due_on,credits\n"),
        ("invoice_lines.csv", "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\n"),
        ("payments.csv", "invoice,received_on,amount,reference\n"),
        ("reminders.csv", "invoice,sent_on,fee\n"),
        ("costs.csv", "activity,booked_on,amount,description\n"),
        ("grants.csv", "activity,booked_on,amount,funder\n"),
        ("status_reports.csv", "activity,period,health,summary,deviations,next_steps,reported_by,reported_at\n"),
    ]
    .into_iter()
    .map(|(name, header)| (name, header.to_owned()))
    .collect()
}

/// Adds the rows of the thing of each noun with this number.
fn add_rows(files: &mut BTreeMap<&'static str, String>, n: usize) {
    let mut add = |file: &str, line: std::fmt::Arguments<'_>| {
        writeln!(files.get_mut(file).unwrap(), "{line}").unwrap()
    };
    // Most have left, since every activity lists all members that have not joined.
    let left_on = if n < MEMBERS { "2027-12-31" } else { "2026-10-31" };
    add(
        "members.csv",
        format_args!(
            "m{n},Förbund {n:03},,Län,Kommun {n},Södra,2015-01-01,{left_on},f{n}@example.se,,REF,Gata,111 11,Stad,ny,Slås ihop,Gamla {n}@2016-01-01"
        ),
    );
    add("organisations.csv", format_args!("o{n},Bolag {n:03},"));
    add("allocations.csv", format_args!("m{n},2026,ALL_PARTIES,1000000.00,Beslut"));
    add("contacts.csv", format_args!("c{n},m{n},CHAIR,Person {n:03},p{n}@example.se,,,,,"));
    add(
        "activities.csv",
        format_args!("a{n},a-{n:03},Verksamhet {n:03},,,SPECIAL_FEE,2020-01-01,,styrelse,c{n}"),
    );
    add("fee_schedules.csv", format_args!("a{n},2020-01-01,,FIXED_PER_YEAR,100.00,,,,ZERO"));
    add(
        "templates.csv",
        format_args!(
            "t-{n:03},Mall {n:03},PARTICIPATION,a{n},1,PUBLISHED,sv,templates/text.md,templates/text.json"
        ),
    );
    add(
        "agreements.csv",
        format_args!(
            "g{n},2024-{n:04},PARTICIPATION,INCOME,a{n},m{n},t-{n:03},1,2024-01-01,2026-12-31,1,12,2023-12-01T09:00:00Z,2023-12-02,,PER_MILLE_OF_ALLOCATION,,2,ZERO,"
        ),
    );
    add(
        "agreements.csv",
        format_args!(
            "h{n},2026-{n:04},PARTICIPATION,INCOME,a{n},m{n},t-{n:03},1,2026-07-01,2026-12-31,1,12,2026-06-01T09:00:00Z,2026-06-02,,PER_MILLE_OF_ALLOCATION,,2,ZERO,g{n}"
        ),
    );
    add("invoices.csv", format_args!("i{n},{},INVOICE,m{n},2026-03-01,2026-03-31,", 1000 + n));
    add("invoices.csv", format_args!("k{n},K{},CREDIT_NOTE,m{n},2026-04-01,,i{n}", 1000 + n));
    add(
        "invoice_lines.csv",
        format_args!("i{n},Avgift,a{n},g{n},2026-01-01,2026-12-31,1,{}.00,ZERO", 100 + n),
    );
    add(
        "invoice_lines.csv",
        format_args!("k{n},Avgift,a{n},g{n},2026-01-01,2026-12-31,1,10.00,ZERO"),
    );
    add("payments.csv", format_args!("i{n},2026-03-20,20.00,BG-{n}"));
    add("reminders.csv", format_args!("i{n},2026-04-20,0.00"));
    add("costs.csv", format_args!("a{n},2026-03-20,20.00,Kostnad"));
    add("grants.csv", format_args!("a{n},2026-03-20,20.00,Myndighet"));
    add("status_reports.csv", format_args!("a{n},2026,GREEN,Bra,,,Lena,2026-04-05T08:00:00Z"));
}

/// The statements of a request, by text with how often each was made.
pub(super) fn tally(statements: Vec<String>) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for statement in statements {
        *tally.entry(statement).or_default() += 1;
    }
    tally
}

/// Asks as the office, alone, and answers what that took.
async fn cost(app: &App, document: &str) -> BTreeMap<String, usize> {
    app.statements();
    app.office().query(document).await.data();
    tally(app.statements())
}

/// Returns the statements of only one of them, as a message.
fn difference(one: &BTreeMap<String, usize>, other: &BTreeMap<String, usize>) -> String {
    let only = |one: &BTreeMap<String, usize>, other: &BTreeMap<String, usize>| {
        let lines = one
            .iter()
            .filter(|(sql, times)| other.get(*sql) != Some(times))
            .map(|(sql, times)| format!("  {times} × {sql}"));
        lines.collect::<Vec<_>>().join("\n")
    };
    format!("here:\n{}\nthere:\n{}", only(one, other), only(other, one))
}

/// A relation takes a statement; a few take some more, as coverage and results, which are
/// calculated from several tables.
fn is_bounded(statements: usize, relations: usize) -> bool {
    statements * 2 <= relations * 3
}

/// Statements that the invoice or the activity of a row takes beyond its relations, as measured, in
/// a list whose rows have few relations else.
fn beyond_relations(list: &str) -> usize {
    match list {
        "reminders" => 2,
        "statusReports" => 1,
        _ => 0,
    }
}

/// The lists of the schema with the arguments by which all their rows have the same relations.
fn lists(schema: &Schema) -> Vec<(&str, &str)> {
    let lists =
        schema.fields("Query").iter().filter(|field| inner(&field["type"]).ends_with("Connection"));
    let lists = lists.map(|field| field["name"].as_str().unwrap()).flat_map(|name| match name {
        // Those that were replaced come first, and those that replaced them last.
        "agreements" => vec![(name, ""), (name, ", orderBy: { field: NUMBER, direction: DESC }")],
        "expiringAgreements" => vec![(name, ", withinDays: 400")],
        "invoices" => {
            vec![(name, ", filter: { kind: INVOICE }"), (name, ", filter: { kind: CREDIT_NOTE }")]
        }
        _ => vec![(name, "")],
    });
    lists.collect()
}

pub(super) fn generous(app: &App) -> App {
    app.with(&[
        ("SAMREGISTER_MAX_DEPTH", "30"),
        ("SAMREGISTER_MAX_COMPLEXITY", "1000000000"),
        ("SAMREGISTER_MAX_ALIASES", "10000"),
        ("SAMREGISTER_REQUEST_SECONDS", "600"),
        // What is stored takes no statements.
        ("SAMREGISTER_ANSWER_CACHE_BYTES", "0"),
    ])
}

on_both!(a_list_makes_the_same_statements_whatever_its_page_size, |app| async move {
    let app = generous(&app);
    fill(&app).await;
    let schema = Schema::of_program().await;
    for (name, arguments) in lists(&schema) {
        let document = |size: usize| {
            format!(
                "{{ {} }}",
                schema.widest("Query", name, &format!("(first: {size}{arguments})"), 1)
            )
        };
        let one = cost(&app, &document(1)).await;
        let relations = Schema::relations(&document(1));
        let made: usize = one.values().sum();
        println!("{name}{arguments}: {made} statements for {relations} relations");
        assert!(
            is_bounded(made.saturating_sub(beyond_relations(name)), relations),
            "{name}{arguments} makes {made} statements for {relations} relations:\n{}",
            difference(&one, &BTreeMap::new())
        );
        for size in [25, 200] {
            let many = cost(&app, &document(size)).await;
            assert!(
                many == one,
                "{name}{arguments}: {size} rows take other statements than one; {}",
                difference(&many, &one)
            );
        }
    }
});

/// Ways through several nouns, with `SIZE` rows at their beginning.
const WAYS: [&str; 4] = [
    "members(first: SIZE) { nodes { name agreements(first: 3) { totalCount nodes { number invoices(first: 3) { totalCount nodes { number
        lines { description activity { name lead { name member { name } } } agreement { number } } payments { amount } } } } }
        contactArea { name boardContacts { name } members(first: 3) { totalCount nodes { name } } } } }",
    "activities(first: SIZE) { nodes { name agreements(first: 3) { nodes { number fee { amountFor(year: 2026) } predecessor { number } successor { number }
        counterparty { ... on Member { name contacts { name } allocations { amount } agreements(first: 3) { totalCount nodes { number } } } } } }
        coverage { notConnected { name county } } statusReports { nodes { summary activity { name funding } } } } }",
    "invoices(first: SIZE, filter: { kind: INVOICE }) { nodes { number creditNotes { number credits { number } lines { net } }
        lines { agreement { number templateVersion { version template { title versions { version } } } } }
        buyer { ... on Member { name billing { email } invoices(first: 3) { totalCount nodes { number payments { amount } } } } } } }",
    "templates(first: SIZE) { nodes { title activity { name agreements(first: 3) { totalCount nodes { number nextDeadline { deadlineOn } counterparty { ... on Member { name } } } } }
        versions { version template { title } } usage { agreementCount activeCount version { version } } } }",
];

on_both!(nouns_within_nouns_take_no_more, |app| async move {
    let app = generous(&app);
    fill(&app).await;
    for path in WAYS {
        let document = |size: &str| format!("{{ {} }}", path.replace("SIZE", size));
        let one = cost(&app, &document("1")).await;
        assert!(
            is_bounded(one.values().sum(), Schema::relations(&document("1"))),
            "{path}: {}",
            difference(&one, &BTreeMap::new())
        );
        for size in ["25", "200"] {
            let many = cost(&app, &document(size)).await;
            assert!(many == one, "{size} of {path}: {}", difference(&many, &one));
        }
    }
});

on_both!(requests_at_a_time_make_what_each_makes_alone, |app| async move {
    let app = generous(&app);
    fill(&app).await;
    let schema = Schema::of_program().await;
    let widest = lists(&schema).into_iter().map(|(name, arguments)| {
        schema.widest("Query", name, &format!("(first: 3{arguments})"), 1)
    });
    for question in widest.chain(WAYS.map(|path| path.replace("SIZE", "5"))) {
        let document = format!("{{ {question} }}");
        let alone = cost(&app, &document).await;
        let callers = (0..CALLERS).map(|_| {
            let (app, document) = (app.clone(), document.clone());
            tokio::spawn(async move { app.office().query(&document).await.data().to_string() })
        });
        let answers: Vec<_> = join_all(callers).await.into_iter().map(Result::unwrap).collect();
        let together = tally(app.statements());
        let expected: BTreeMap<_, _> =
            alone.into_iter().map(|(sql, times)| (sql, times * CALLERS)).collect();
        let name: String = question.chars().take(60).collect();
        assert!(
            together == expected,
            "{CALLERS} requests at a time of {name}…: {}",
            difference(&together, &expected)
        );
        assert!(
            answers.iter().all(|answer| *answer == answers[0]),
            "not all got the same answer to {name}…"
        );
    }
});

on_both!(counts_are_made_only_when_asked_for, |app| async move {
    app.office()
        .query("{ members { nodes { id } pageInfo { hasNextPage endCursor } } }")
        .await
        .data();
    let statements = app.statements();
    assert_eq!(statements.len(), 1, "{statements:?}");
    app.office().query("{ members { totalCount } }").await.data();
    assert!(app.statements().iter().any(|sql| sql.contains("COUNT(*)")));
});

on_both!(only_the_columns_asked_for_are_selected, |app| async move {
    for (question, unasked) in [
        ("members { nodes { id name } }", &["org_number", "county", "joined_on"][..]),
        (
            "agreements { nodes { id number } }",
            &["termination_reason", "fee_amount", "notice_months"],
        ),
        ("invoices { nodes { id number } }", &["ocr", "rounding"]),
        ("templates { nodes { title versions { version } } }", &["body", "parameters"]),
    ] {
        app.office().query(&format!("{{ {question} }}")).await.data();
        for sql in app.statements() {
            let selected = sql.split(" FROM ").next().unwrap_or_default().to_owned();
            let found: Vec<_> = unasked
                .iter()
                .filter(|column| selected.contains(&format!("\"{column}\"")))
                .collect();
            assert!(found.is_empty(), "{question} selects {found:?}: {sql}");
        }
    }
});

on_both!(long_texts_are_read_only_when_asked_for, |app| async move {
    fill(&app).await;
    for (question, expected) in [
        ("slug name startsOn endsOn statusReports { nodes { period health reportedBy } }", ""),
        ("slug goal statusReports { nodes { period } }", "activity_text"),
        ("slug statusReports { nodes { period nextSteps } }", "status_report_text"),
        (
            "purpose goal statusReports { nodes { summary deviations nextSteps } }",
            "activity_text status_report_text",
        ),
    ] {
        app.statements();
        app.office()
            .query(&format!("{{ activities(first: 50) {{ nodes {{ {question} }} }} }}"))
            .await
            .data();
        let statements = app.statements();
        let made = |table: &&str| {
            statements.iter().filter(|sql| sql.contains(&format!("FROM \"{table}\""))).count()
        };
        let read: Vec<_> = ["activity_text", "status_report_text"]
            .into_iter()
            .filter(|table| made(table) > 0)
            .collect();
        assert_eq!(read.join(" "), expected, "{question}");
        assert!(read.iter().all(|table| made(table) == 1), "{question}: {statements:#?}");
        let others = statements.iter().filter(|sql| !sql.contains("_text\""));
        for column in ["purpose", "goal", "summary", "deviations", "next_steps"] {
            assert!(
                others.clone().all(|sql| !sql.contains(&format!("\"{column}\""))),
                "{question}: {statements:#?}"
            );
        }
    }
});

on_both!(nodes_by_their_ids_take_a_statement_for_each_type, |app| async move {
    let app = generous(&app);
    fill(&app).await;
    let answer = app
        .office()
        .query("{ members(first: 50) { nodes { id } } invoices(first: 50) { nodes { id } } }")
        .await;
    let ids = |number: usize| {
        let of = |name: &str| {
            answer[name]["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .take(number)
                .map(|node| node["id"].clone())
                .collect::<Vec<_>>()
        };
        json!({ "ids": ([of("members"), of("invoices")].concat()) })
    };
    let question = "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Member { name contacts { name } } ... on Invoice { number lines { description } } } }";
    let mut costs = Vec::new();
    for number in [1, 50] {
        app.statements();
        app.office().ask(question, ids(number)).await.data();
        costs.push(tally(app.statements()));
    }
    assert!(costs[0] == costs[1], "{}", difference(&costs[1], &costs[0]));
    assert!(costs[0].values().sum::<usize>() <= 4, "{:#?}", costs[0]);
});

on_both!(revenue_takes_the_same_statements_for_one_row_and_for_many, |app| async move {
    let app = generous(&app);
    fill(&app).await;
    let document = |activities: &str, groups: &str| {
        let input = format!(
            "(input: {{ from: \"2026-01-15\", to: \"2026-11-20\", groupBy: [{groups}]{activities} }})"
        );
        format!(
            "{{ revenue{input} {{ rows {{ net vat gross credited cost result invoiceCount activity {{ name }} member {{ name }} }} total {{ net invoiceCount }} }} }}"
        )
    };
    for groups in ["ACTIVITY", "ACTIVITY, MEMBER", "ACTIVITY, MEMBER, MONTH"] {
        let one = cost(&app, &document(", activitySlugs: [\"a-000\"]", groups)).await;
        let many: Vec<_> = (0..200).map(|n| format!("\"a-{n:03}\"")).collect();
        let many =
            cost(&app, &document(&format!(", activitySlugs: [{}]", many.join(", ")), groups)).await;
        assert!(one == many, "{groups}: {}", difference(&many, &one));
        assert!(one.values().sum::<usize>() < 12, "{groups}: {one:#?}");
    }
});

/// Returns SQLite's plan of a statement, a step a line. Bound values do not matter: it plans
/// without statistics.
pub async fn plan(app: &App, sql: &str) -> String {
    let explain = Statement::from_string(app.db.backend(), format!("EXPLAIN QUERY PLAN {sql}"));
    let steps = app.db.read().query_all_raw(explain).await.unwrap();
    steps
        .iter()
        .map(|step| step.try_get::<String>("", "detail").unwrap())
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn a_page_deep_in_a_list_is_searched_for_in_an_index() {
    let app = App::sqlite().await;
    fill(&app).await;
    for (list, fields) in [
        ("members", &["NAME", "JOINED_ON"] as &[_]),
        ("agreements", &["NUMBER", "STARTS_ON", "ENDS_ON"]),
        ("invoices", &["NUMBER", "ISSUED_ON", "DUE_ON", "TOTAL"]),
        ("costs", &["BOOKED_ON", "AMOUNT"]),
        ("grants", &["BOOKED_ON", "AMOUNT", "FUNDER"]),
        ("reminders", &["SENT_ON", "FEE"]),
        ("contacts", &["NAME", "ROLE", "VALID_FROM"]),
        ("statusReports", &["REPORTED_AT", "PERIOD"]),
    ] {
        for field in fields {
            for (direction, size, cursor) in ["ASC", "DESC"]
                .into_iter()
                .flat_map(|path| [(path, "first", "after"), (path, "last", "before")])
            {
                let page = |arguments: &str| {
                    format!(
                        "{{ {list}(orderBy: {{ field: {field}, direction: {direction} }}{arguments}) {{ pageInfo {{ endCursor startCursor }} }} }}"
                    )
                };
                let edge = if cursor == "after" { "endCursor" } else { "startCursor" };
                let answer = app.office().query(&page(&format!(", {size}: 9"))).await;
                let position = answer[list]["pageInfo"][edge].as_str().unwrap().to_owned();
                app.statements();
                app.office()
                    .query(&page(&format!(", {size}: 9, {cursor}: \"{position}\"")))
                    .await
                    .data();
                let statements = app.statements();
                let sql = statements.iter().find(|sql| sql.contains("page_key")).unwrap();
                let plan = plan(&app, sql).await;
                assert!(
                    plan.starts_with("SEARCH")
                        && plan.contains("INDEX")
                        && !plan.contains("TEMP B-TREE"),
                    "{list} {field} {cursor}: {plan}\n{sql}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_page_deep_in_a_list_of_several_tables_is_searched_for_in_their_indexes() {
    let app = App::sqlite().await;
    fill(&app).await;
    for (list, node, field, indexes) in [
        ("costs", "Cost", "ACTIVITY", &["activity__name_key__id"] as &[_]),
        ("grants", "Grant", "ACTIVITY", &["activity__name_key__id"]),
        (
            "costs",
            "Cost",
            "SUPPLIER",
            &["member__name_key__id", "organisation__name_key__id", "cost__no_supplier__id"],
        ),
        ("decisions", "DecisionUse", "BODY", &["decision__body"]),
        (
            "documents",
            "Document",
            "TITLE",
            &[
                "agreement__title__id",
                "invoice__title__id",
                "invoice__reminder_title__id",
                "requisition__title__id",
            ],
        ),
    ] {
        let cursor = format!("{node}.{field}\nta\n0190b5a41f2e7c3d8a9b0c1d2e3f4a5b");
        let cursor = URL_SAFE_NO_PAD.encode(cursor);
        for (direction, size, bound) in [
            ("ASC", "first", "after"),
            ("ASC", "last", "before"),
            ("DESC", "first", "after"),
            ("DESC", "last", "before"),
        ] {
            let document = format!(
                "{{ {list}(orderBy: {{ field: {field}, direction: {direction} }}, {size}: 9, {bound}: \"{cursor}\") {{ pageInfo {{ hasNextPage }} }} }}"
            );
            app.statements();
            app.office().query(&document).await.data();
            let statements = app.statements();
            let sql = statements.iter().find(|sql| sql.contains("page_key")).unwrap();
            let plan = plan(&app, sql).await;
            for index in indexes {
                assert!(plan.contains(index), "{list} {field} without {index}: {plan}\n{sql}");
            }
            // Only the rows with the same key are sorted, by id.
            let is_sorted = plan.lines().any(|step| step.ends_with("TEMP B-TREE FOR ORDER BY"));
            assert!(!is_sorted, "{list} {field}: {plan}\n{sql}");
        }
    }
}
