//! The search: by prefixes of words, in whatever spelling, and never by what its words could mean
//! to a database.

use std::{path::Path, time::Duration};

use domain::{
    audit::{self, Action},
    auth::viewer::Viewer,
    search::{self, EntityType},
};
use sea_orm::{
    ConnectionTrait, DbBackend, Statement,
    sea_query::{Alias, Expr, Query},
};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{
    agreement_fixtures,
    app::{App, on_both},
    caller::Caller,
    fixtures::Samples,
};

const FIND: &str = "query($text: String!) {
    members(filter: { search: $text }) { totalCount nodes { name } }
    activities(filter: { search: $text }) { totalCount nodes { slug } }
    templates(filter: { search: $text }) { totalCount nodes { slug } }
    agreements(filter: { search: $text }) { totalCount nodes { number } } }";

/// The members, activities, templates and agreements that are found by a text; a draft has no
/// number.
async fn find(caller: Caller<'_>, text: &str) -> [Vec<String>; 4] {
    let answer = caller.ask(FIND, json!({ "text": text })).await;
    [("members", "name"), ("activities", "slug"), ("templates", "slug"), ("agreements", "number")]
        .map(|(list, field)| {
            let nodes = answer[list]["nodes"].as_array().unwrap();
            assert_eq!(answer[list]["totalCount"], nodes.len());
            let words = |node: &Value| match &node[field] {
                Value::Null => String::new(),
                word => word.as_str().unwrap().to_owned(),
            };
            nodes.iter().map(words).collect()
        })
}

async fn members(app: &App, text: &str) -> Vec<String> {
    let [members, ..] = find(app.office(), text).await;
    members
}

async fn agreements(app: &App, text: &str) -> Vec<String> {
    let [.., agreements] = find(app.office(), text).await;
    agreements
}

fn none() -> [Vec<String>; 4] {
    Default::default()
}

on_both!(words_are_found_by_their_beginnings, |app| async move {
    Samples::fill(&app).await;
    let (alfa, beta) = ("Samordningsförbundet Alfa", "Samordningsförbundet Beta");
    for (text, found) in [
        ("alfa", vec![alfa]),
        ("ALF samordn", vec![alfa]),
        ("samordningsförbundet", vec![alfa, beta]),
        ("SAMORDNINGSFÖRBUNDET beta", vec![beta]),
        // The letter and its dots apart, as some keyboards write it.
        ("samordningsfo\u{308}rbundet beta", vec![beta]),
        // A municipality, and the organisation number.
        ("Betaby", vec![beta]),
        ("alfastad", vec![alfa]),
        ("222000-18", vec![alfa]),
        // Not within a word, and ö is no o.
        ("förbundet", vec![]),
        ("samordningsforbundet", vec![]),
        ("alfa beta", vec![]),
    ] {
        assert_eq!(members(&app, text).await, found, "{text}");
    }
    for (text, found) in [
        ("2026-7001", vec!["2026-7001"]),
        ("2026-70", vec!["2026-7001", "2026-7002", "2026-7003"]),
        // As people say a number of this year, but not from within.
        ("7001", vec!["2026-7001"]),
        ("001", vec![]),
        // The counterparty, whether a member or not, and the activity.
        ("gamma", vec!["2026-7003"]),
        ("alfa 2026", vec!["2026-7001"]),
        ("indikatorer", vec!["", "2026-7002"]),
        ("kon gam bip", vec!["2026-7003"]),
    ] {
        assert_eq!(agreements(&app, text).await, found, "{text}");
    }
    let [_, activities, templates, _] = find(app.office(), "bip").await;
    assert_eq!((activities, templates), (vec!["bip".to_owned()], vec!["nytt".to_owned()]));
    let [_, _, templates, _] = find(app.office(), "avtal DELT").await;
    assert_eq!(templates, ["deltagande"]);
});

on_both!(what_is_searched_for_means_nothing_to_the_database, |app| async move {
    Samples::fill(&app).await;
    for text in [
        "*",
        "\"",
        "'",
        "a* OR b*",
        "alfa NOT beta",
        "NEAR(alfa beta)",
        "words:alfa",
        "^alfa^beta",
        "alfa | beta",
        "alfa & !beta",
        "alfa <-> beta",
        ":*",
        "()",
        "-",
        "%",
        "_",
        "\\",
        "😀",
        "{}",
        "alfa'):*|'mbeta",
    ] {
        let found = find(app.office(), text).await;
        let words = text.chars().any(char::is_alphanumeric);
        assert!(found == none(), "{text} finds {found:?}, having words: {words}");
    }
    // What stands between words parts them and does nothing else.
    for text in ["\"alfa\"", "alfa*", "(alfa)", "-alfa", "alfa:*", "'alfa' & samordn"] {
        assert_eq!(members(&app, text).await, ["Samordningsförbundet Alfa"], "{text}");
    }
    let long = format!("{} alfa", "x ".repeat(140));
    assert_eq!(members(&app, &long).await, Vec::<String>::new());
    assert_eq!(members(&app, &"alfa ".repeat(50)).await, ["Samordningsförbundet Alfa"]);
});

on_both!(the_index_follows_every_change, |app| async move {
    let samples = Samples::fill(&app).await;
    let office = app.office();
    let done = async |document: &str, input: Value| {
        office.ask(document, json!({ "input": input })).await.data().clone()
    };
    done(
        "mutation($input: MemberUpdateInput!) { memberUpdate(input: $input) { member { id } } }",
        json!({ "memberId": samples.id("alfa"), "name": "Finsam Åsele", "municipalities": ["Åsele"] }),
    )
    .await;
    // By the new name and by the old one, the agreements with it, too; and no more by the
    // municipality that it had.
    for text in ["åsele", "Samordningsförbundet Alfa"] {
        assert_eq!(
            (members(&app, text).await, agreements(&app, text).await),
            (vec!["Finsam Åsele".to_owned()], vec![String::new(), "2026-7001".to_owned()]),
            "{text}"
        );
    }
    assert_eq!(members(&app, "alfaby").await, Vec::<String>::new());
    done(
        "mutation($input: OrganisationUpdateInput!) { organisationUpdate(input: $input) { organisation { id } } }",
        json!({ "organisationId": samples.id("gamma"), "name": "Delta AB" }),
    )
    .await;
    assert_eq!(
        (agreements(&app, "delta").await, agreements(&app, "gamma").await),
        (vec!["2026-7003".to_owned()], vec![])
    );
    done(
        "mutation($input: ActivityUpdateInput!) { activityUpdate(input: $input) { activity { id } } }",
        json!({ "activityId": samples.id("bip"), "name": "Ärendestöd" }),
    )
    .await;
    let [_, activities, templates, found] = find(app.office(), "ärende").await;
    assert_eq!(
        (activities, templates, found),
        (
            vec!["bip".to_owned()],
            vec!["nytt".to_owned()],
            vec!["2026-7001".to_owned(), "2026-7003".to_owned()]
        )
    );
    done(
        "mutation($input: MemberAdmitInput!) { memberAdmit(input: $input) { member { id } } }",
        json!({ "name": "Ny i Öckerö", "joinedOn": "2027-01-01" }),
    )
    .await;
    assert_eq!(members(&app, "öck").await, ["Ny i Öckerö"]);
    // What was refused is not found.
    office
        .ask(
            "mutation($input: MemberAdmitInput!) { memberAdmit(input: $input) { member { id } } }",
            json!({ "input": { "name": "Tagen", "orgNumber": "222000-1834", "joinedOn": "2027-01-01" } }),
        )
        .await
        .reason();
    assert_eq!(members(&app, "tagen").await, Vec::<String>::new());
    // An import that changes names, and the same again.
    let files = [("organisations.csv", "key,name,org_number\ngamma,Epsilon AB,802555-0008\n")];
    app.import(&files).await;
    assert_eq!(
        (agreements(&app, "epsilon").await, agreements(&app, "delta").await),
        (vec!["2026-7003".to_owned()], vec![])
    );
    assert_eq!(search::violations(app.db.read()).await.unwrap(), Vec::<String>::new());
});

on_both!(parameters_of_agreements_are_searched, |app| async move {
    agreement_fixtures::fill(&app).await;
    assert_eq!(agreements(&app, "14").await, ["2024-0001"]);
    // Their names are the template's, not the agreement's.
    assert_eq!(agreements(&app, "days").await, Vec::<String>::new());
});

/// The numbers of the invoices that are found by a text.
async fn invoices(caller: Caller<'_>, text: &str) -> Vec<String> {
    let document = "query($text: String!) { invoices(filter: { search: $text }) { totalCount nodes { number } } }";
    let answer = caller.ask(document, json!({ "text": text })).await["invoices"].clone();
    let nodes = answer["nodes"].as_array().unwrap();
    assert_eq!(answer["totalCount"], nodes.len());
    nodes.iter().map(|node| node["number"].as_str().unwrap().to_owned()).collect()
}

on_both!(invoices_are_found_by_number_buyer_references_and_lines, |app| async move {
    let samples = Samples::fill(&app).await;
    let files = [
        (
            "invoices.csv",
            "key,number,kind,buyer,issued_on,due_on,credits,ocr,order_reference,our_reference,buyer_reference\n\
         faktura-gamma,8803,INVOICE,gamma,2026-04-01,2026-05-01,,88039,PO-4711,Lena Åberg,Kurt\n",
        ),
        (
            "invoice_lines.csv",
            "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\n\
         faktura-gamma,Utbildning i Ånge,bip,,,,1,100.00,STANDARD_25\n",
        ),
    ];
    app.import(&files).await;
    for (text, found) in [
        ("8803", vec!["8803"]),
        ("88", vec!["8801", "8802", "8803"]),
        ("88039", vec!["8803"]),
        ("konsult gam", vec!["8803"]),
        ("beta", vec!["8802"]),
        ("avgift", vec!["8801", "8802"]),
        ("utbildning ånge", vec!["8803"]),
        ("ange", vec![]),
        ("po 4711", vec!["8803"]),
        ("åberg kurt", vec!["8803"]),
    ] {
        assert_eq!(invoices(app.finance(), text).await, found, "{text}");
    }
    let alfa = samples.id("alfa");
    assert_eq!(invoices(app.member(alfa), "avgift").await, ["8801"]);
    assert_eq!(invoices(app.lead(&["bip"]), "avgift").await, Vec::<String>::new());
    // The buyer's new name, and the old one.
    let update = json!({ "memberId": alfa, "name": "Finsam Åsele" });
    app.office().does("memberUpdate", "id", update).await.data();
    assert_eq!(invoices(app.finance(), "åsele").await, ["8801"]);
    assert_eq!(search::violations(app.db.read()).await.unwrap(), Vec::<String>::new());
});

on_both!(each_finds_what_it_may_see, |app| async move {
    let samples = Samples::fill(&app).await;
    let [members, _, templates, agreements] = find(app.member(samples.id("alfa")), "2026").await;
    assert_eq!((members, templates, agreements), (vec![], vec![], vec!["2026-7001".to_owned()]));
    let [members, ..] = find(app.member(samples.id("alfa")), "beta").await;
    assert_eq!(members, Vec::<String>::new());
    let [.., agreements] = find(app.lead(&["bip"]), "2026").await;
    assert_eq!(agreements, ["2026-7001", "2026-7003"]);
    let [_, _, templates, _] = find(app.board(), "hemligt").await;
    assert_eq!(templates, ["nytt"]);
    let [_, _, templates, _] = find(app.member(samples.id("alfa")), "hemligt").await;
    assert_eq!(templates, Vec::<String>::new());

    // With pages and other filters.
    let page = "query($after: String) { agreements(first: 1, after: $after, filter: { search: \"2026\", kind: [PARTICIPATION] }) { totalCount pageInfo { endCursor hasNextPage } nodes { number } } }";
    let first = app.office().ask(page, json!({})).await["agreements"].clone();
    assert_eq!(
        (&first["nodes"], &first["totalCount"], &first["pageInfo"]["hasNextPage"]),
        (&json!([{ "number": "2026-7001" }]), &json!(2), &json!(true))
    );
    let next = app.office().ask(page, json!({ "after": first["pageInfo"]["endCursor"] })).await["agreements"].clone();
    assert_eq!(
        (&next["nodes"], &next["pageInfo"]["hasNextPage"]),
        (&json!([{ "number": "2026-7002" }]), &json!(false))
    );
});

/// Runs statements past the program, as an operator with the database's own tools does.
async fn past_the_program(app: &App, statements: &[&str]) {
    let db = sea_orm::Database::connect(app.url()).await.unwrap();
    for statement in statements {
        db.execute_unprepared(statement).await.unwrap();
    }
    db.close().await.unwrap();
}

on_both!(a_register_from_before_is_searched_after_it_is_migrated, |app| async move {
    Samples::fill(&app).await;
    let stale = "INSERT INTO search_stale (subject_id, noun) SELECT id,";
    past_the_program(
        &app,
        &[
            "DELETE FROM search_document",
            &format!("{stale} 'MEMBER' FROM member"),
            &format!("{stale} 'AGREEMENT' FROM agreement"),
        ],
    )
    .await;
    assert_eq!(find(app.office(), "alfa").await, none());
    app.db.migrate(app.clock.now()).await.unwrap();
    assert_eq!((members(&app, "alfa").await.len(), agreements(&app, "alfa").await.len()), (1, 2));
});

on_both!(many_marks_are_removed_soon_after_statistics_of_an_empty_table, |app| async move {
    let [id, numbers] = if app.db.backend() == DbBackend::Postgres {
        ["md5(i::text)::uuid", "generate_series(1, 40000) AS n(i)"]
    } else {
        [
            "randomblob(16)",
            "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000) \
             SELECT i FROM n)",
        ]
    };
    let mark =
        format!("INSERT INTO search_stale (subject_id, noun) SELECT {id}, 'MEMBER' FROM {numbers}");
    // As after the first import into a register, which updates the statistics.
    past_the_program(
        &app,
        &[mark.as_str(), "DELETE FROM search_stale", "ANALYZE search_stale", mark.as_str()],
    )
    .await;
    let db = sea_orm::Database::connect(app.url()).await.unwrap();
    timeout(Duration::from_secs(20), search::refresh(&db)).await.unwrap().unwrap();
    let count = Statement::from_string(app.db.backend(), "SELECT COUNT(*) FROM search_stale");
    let row = db.query_one_raw(count).await.unwrap().unwrap();
    assert_eq!(row.try_get_by_index::<i64>(0).unwrap(), 0);
    db.close().await.unwrap();
});

on_both!(verify_finds_what_the_search_has_wrong, |app| async move {
    let samples = Samples::fill(&app).await;
    assert_eq!(search::violations(app.db.read()).await.unwrap(), Vec::<String>::new());
    past_the_program(
        &app,
        &[
            "UPDATE member SET name = 'Omdöpt' WHERE name LIKE '%Alfa'",
            "UPDATE search_document SET words = 'vx' WHERE words LIKE 'vbip%'",
        ],
    )
    .await;
    let mut found = search::violations(app.db.read()).await.unwrap();
    found.sort();
    assert_eq!(found.len(), 5, "{found:#?}");
    let program = app.program().arg("verify").output().unwrap();
    assert_eq!(program.status.code(), Some(3));
    let activity = samples.id("bip").replace('_', " ");
    assert!(
        String::from_utf8_lossy(&program.stdout)
            .contains(&format!("{activity} has other words in the search index than in its rows")),
        "{found:#?}"
    );

    // The next change, whatever it is about, makes again what was noted as stale; triggers noted it
    // though the program did not write it.
    let mut change =
        audit::begin(app.context(&Viewer::operator("test")), Action::MemberUpdate).await.unwrap();
    change.record(None, Some(&::entity::contact_area::Model::default())).unwrap();
    change.commit().await.unwrap();
    assert_eq!(members(&app, "omdöpt").await, ["Omdöpt"]);
    assert_eq!(search::violations(app.db.read()).await.unwrap().len(), 1);
    past_the_program(
        &app,
        &["INSERT INTO search_document (subject_id, words) SELECT id, 'x' FROM invoice_line ORDER BY id LIMIT 1"],
    )
    .await;
    assert!(
        search::violations(app.db.read())
            .await
            .unwrap()
            .contains(&"the search index has 1 objects that do not exist".to_owned())
    );
});

// The first rows of a list hold a page of common words; rare ones are found by the index.
on_both!(common_and_rare_words_are_found_in_the_order_of_the_list, |app| async move {
    let mut file = "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city\n".to_owned();
    for n in 0..400 {
        let rare = if n % 97 == 3 { " Udda" } else { "" };
        let late = if n >= 300 { " Sen" } else { "" };
        file.push_str(&format!("m{n},Förbund {n:03}{rare}{late},,,,,2015-01-01,,,,,,,\n"));
    }
    app.import(&[("members.csv", &file)]).await;
    let named =
        |has: &dyn Fn(usize) -> bool| -> Vec<usize> { (0..400).filter(|n| has(*n)).collect() };
    for (text, expected) in [
        ("förb", named(&|_| true)),
        ("udda förbund", named(&|n| n % 97 == 3)),
        ("sen", named(&|n| n >= 300)),
        ("udda sen", named(&|n| n >= 300 && n % 97 == 3)),
        ("399", vec![399]),
        ("saknas", vec![]),
    ] {
        for (size, cursor, edge, is_backward) in
            [("first", "after", "endCursor", false), ("last", "before", "startCursor", true)]
        {
            let question = format!(
                "query($text: String!, $at: String) {{ members({size}: 90, {cursor}: $at, filter: {{ search: $text }}) {{
                    totalCount pageInfo {{ hasNextPage hasPreviousPage {edge} }} nodes {{ name }} }} }}"
            );
            let (mut found, mut at) = (Vec::new(), Value::Null);
            loop {
                let answer = app.office().ask(&question, json!({ "text": text, "at": at })).await;
                let page = answer["members"].clone();
                assert_eq!(page["totalCount"], expected.len(), "{text}");
                let number = |node: &Value| -> usize {
                    node["name"].as_str().unwrap()["Förbund ".len()..][..3].parse().unwrap()
                };
                let mut nodes: Vec<_> =
                    page["nodes"].as_array().unwrap().iter().map(number).collect();
                if is_backward {
                    nodes.reverse();
                }
                found.extend(nodes);
                at = page["pageInfo"][edge].clone();
                let more = if is_backward { "hasPreviousPage" } else { "hasNextPage" };
                if page["pageInfo"][more] == false {
                    break;
                }
            }
            if is_backward {
                found.reverse();
            }
            assert_eq!(found, expected, "{text} {size}");
        }
    }
});

on_both!(the_search_goes_by_its_index, |app| async move {
    Samples::fill(&app).await;
    let backend = app.db.backend();
    let id = Expr::col((Alias::new("agreement"), Alias::new("id")));
    let select = Query::select()
        .column(Alias::new("number"))
        .from(Alias::new("agreement"))
        .and_where(search::found(backend, EntityType::Agreement, id, "åre 2026-00"))
        .take();
    let Statement { sql, values, .. } = backend.build(&select);
    let (explain, index) = if backend == DbBackend::Postgres {
        ("EXPLAIN", "Bitmap Index Scan on search_document__vector")
    } else {
        ("EXPLAIN QUERY PLAN", "SCAN search_index VIRTUAL TABLE INDEX 0:M1")
    };
    let snapshot = app.db.snapshot().await.unwrap();
    if backend == DbBackend::Postgres {
        // So small a table is else read from end to end.
        snapshot
            .execute_unprepared("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")
            .await
            .unwrap();
    }
    let statement = Statement { sql: format!("{explain} {sql}"), values, db_backend: backend };
    let rows = snapshot.query_all_raw(statement).await.unwrap();
    let position = if backend == DbBackend::Postgres { 0 } else { 3 };
    let plan: Vec<String> =
        rows.iter().map(|row| row.try_get_by_index(position).unwrap()).collect();
    assert!(plan.iter().any(|line| line.contains(index)), "{plan:#?}");
});

/// Returns the lists of the schema whose filter has a `search`.
fn searched_lists() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql");
    let schema = std::fs::read_to_string(path).unwrap();
    let (mut kind, mut field) = ("", "");
    let (mut filters, mut lists) = (Vec::new(), Vec::new());
    for line in schema.lines() {
        let text = line.trim();
        if line.starts_with("input ") || line.starts_with("type ") {
            kind = line.split_whitespace().nth(1).unwrap();
        } else if line.starts_with('\t') && !line.starts_with("\t\t") {
            field = text.split(['(', ':']).next().unwrap();
        }
        if text.starts_with("search: String") {
            filters.push(kind);
        } else if let ("Query", Some(filter)) = (kind, text.strip_prefix("filter: ")) {
            lists.push((field, filter.trim_end_matches([',', '!'])));
        }
    }
    let lists = lists.into_iter().filter(|(_, filter)| filters.contains(filter));
    lists.map(|(field, _)| field.to_owned()).collect()
}

on_both!(
    every_list_refuses_a_search_that_is_too_long_or_has_control_characters,
    |app| async move {
        let lists = searched_lists();
        assert!(lists.len() > 15, "{lists:?}");
        let office = app.office();
        for list in lists {
            for (text, code) in
                [("ord ".repeat(76), "TOO_LONG"), ("a\u{1}b".to_owned(), "CONTROL_CHARACTERS")]
            {
                let document = format!(
                    "query($text: String!) {{ {list}(filter: {{ search: $text }}) {{ totalCount }} }}"
                );
                let answer = office.ask(&document, json!({ "text": text })).await;
                assert_eq!(answer.bad_fields(), ["filter.search"], "{list}");
                let problem = &answer.json["errors"][0]["extensions"]["fields"][0];
                assert_eq!(problem["code"], code, "{list}: {problem}");
            }
        }
    }
);
