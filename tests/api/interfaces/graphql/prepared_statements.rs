//! Prepared statements: their texts depend on the document only, and each is planned once, by an
//! index that finds the page.

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement, TransactionTrait};
use serde_json::{Value, json};

use super::statements::{fill, generous, plan, tally};
use crate::support::{
    app::{App, on_both},
    database_intruder::intruder,
};

/// Returns the ids of the first members.
async fn members(app: &App) -> Vec<Value> {
    let found = app.office().query("{ members(first: 60) { nodes { id } } }").await;
    found["members"]["nodes"].as_array().unwrap().iter().map(|row| row["id"].clone()).collect()
}

const NESTED: &str = "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Member { name
    agreements(first: 1) { totalCount nodes { number auditEntries(first: 1) { nodes { action } } invoices(first: 1) { nodes { number } } } }
    invoices(last: 1, orderBy: { field: DUE_ON, direction: DESC }) { nodes { number } } } } }";

on_both!(a_document_has_the_same_texts_for_any_number_of_ids, |app| async move {
    let app = generous(&app);
    fill(&app).await;
    let ids = members(&app).await;
    let mut made = Vec::new();
    for number in [1, 3, 50] {
        app.statements();
        app.office().ask(NESTED, json!({ "ids": ids[..number] })).await.data();
        made.push(tally(app.statements()));
    }
    assert_eq!(made[0], made[1]);
    assert_eq!(made[0], made[2]);
    assert!(made[0].keys().all(|sql| !sql.contains("ROW_NUMBER")), "{:#?}", made[0]);
});

on_both!(a_nested_page_is_that_of_the_list_of_its_parent, |app| async move {
    let app = generous(&app);
    fill(&app).await;
    let mut ids = members(&app).await;
    ids.truncate(5);
    for (order, page) in [
        ("NUMBER, direction: DESC", "first: 1"),
        ("NUMBER", "last: 1"),
        ("ISSUED_ON", "first: 2"),
        ("TOTAL, direction: DESC", "last: 2"),
        ("DUE_ON, direction: DESC", "first: 1, after: AFTER"),
    ] {
        let field = |ofs: &str, page: &str| {
            format!(
                "invoices({page}, orderBy: {{ field: {order} }}{ofs}) {{ totalCount nodes {{ number }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }}"
            )
        };
        // The position of the first row of all in this order.
        let first = app.office().query(&format!("{{ {} }}", field("", "first: 1"))).await;
        let page = page.replace("AFTER", &first["invoices"]["pageInfo"]["endCursor"].to_string());
        let nested = format!(
            "query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Member {{ {} }} }} }}",
            field("", &page)
        );
        let nested = app.office().ask(&nested, json!({ "ids": ids })).await;
        for (position, id) in ids.iter().enumerate() {
            let own = field(&format!(", filter: {{ buyerId: {id} }}"), &page);
            let own = app.office().query(&format!("{{ {own} }}")).await;
            assert_eq!(
                nested["nodes"][position]["invoices"], own["invoices"],
                "{order}, {page} of member {position}"
            );
        }
    }
    let agreements = "{ agreements(first: 20) { nodes { id invoices(first: 1) { nodes { number } pageInfo { hasNextPage } } } } }";
    let agreements = app.office().query(agreements).await;
    for agreement in agreements["agreements"]["nodes"].as_array().unwrap() {
        let own = format!(
            "{{ invoices(first: 1, filter: {{ agreementId: {} }}) {{ nodes {{ number }} pageInfo {{ hasNextPage }} }} }}",
            agreement["id"]
        );
        assert_eq!(agreement["invoices"], app.office().query(&own).await["invoices"]);
    }
});

#[tokio::test]
async fn a_nested_page_is_searched_for_in_an_index() {
    let app = App::sqlite().await;
    let app = generous(&app);
    fill(&app).await;
    let ids = members(&app).await;
    app.statements();
    let document = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Member { agreements(first: 3) { nodes { number } } invoices(last: 3) { nodes { number } } } } }";
    app.office().ask(document, json!({ "ids": ids[..2] })).await.data();
    let made = app.statements();
    for table in ["agreement", "invoice"] {
        let own = format!("CROSS JOIN \"{table}\"");
        let sql = made.iter().find(|sql| sql.contains(&own)).unwrap();
        let plan = plan(&app, sql).await;
        let index = format!("SEARCH {table} USING COVERING INDEX {table}__member_id (member_id=?)");
        assert!(plan.contains(&index), "{sql}\n{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
    }
}

on_both!(what_decides_between_plans_is_a_part_of_the_text, |app| async move {
    for (question, parts) in [
        (
            "invoices(filter: { kind: CREDIT_NOTE, issuedFrom: \"2026-02-03\", dueTo: \"2026-04-05\" })",
            &["'CREDIT_NOTE'", "'2026-02-03'", "'2026-04-05'"][..],
        ),
        ("invoices(filter: { status: PAID, asOf: \"2026-05-06\" })", &["'2026-05-06'"]),
        (
            "agreements(filter: { kind: [ASSIGNMENT, PARTICIPATION, ASSIGNMENT], direction: COST })",
            &["IN ('PARTICIPATION', 'ASSIGNMENT')", "'COST'"],
        ),
        (
            "agreements(filter: { kind: PARTICIPATION, endsFrom: \"2026-07-08\" })",
            &["'PARTICIPATION'", "'2026-07-08'"],
        ),
    ] {
        app.statements();
        app.office().query(&format!("{{ {question} {{ nodes {{ id }} }} }}")).await.data();
        let made = app.statements();
        let sql = made.last().unwrap();
        for part in parts {
            assert!(sql.contains(part), "{question}: {part} is not in {sql}");
        }
        // All else is bound.
        assert!(!sql.contains("LIMIT 2"), "{sql}");
    }
});

/// Returns the value of a setting on several connections of a pool, which are all in use together.
async fn settings(pool: &DatabaseConnection, query: &str) -> Vec<String> {
    let mut used = Vec::new();
    for _ in 0..3 {
        used.push(pool.begin().await.unwrap());
    }
    let of = |connection: sea_orm::DatabaseTransaction| async move {
        let query = Statement::from_string(connection.get_database_backend(), query);
        let row = connection.query_one_raw(query).await.unwrap().unwrap();
        row.try_get_by_index::<String>(0)
            .unwrap_or_else(|_| row.try_get_by_index::<i32>(0).unwrap().to_string())
    };
    join_all(used.into_iter().map(of)).await
}

on_both!(every_connection_plans_a_statement_once, |app| async move {
    if app.db.backend() == DbBackend::Sqlite {
        let options = "PRAGMA compile_options";
        let options = Statement::from_string(DbBackend::Sqlite, options);
        let options: Vec<String> = app
            .db
            .read()
            .query_all_raw(options)
            .await
            .unwrap()
            .iter()
            .map(|row| row.try_get_by_index(0).unwrap())
            .collect();
        assert!(options.iter().any(|option| option == "ENABLE_QPSG"), "{options:?}");
        for slow in ["ENABLE_API_ARMOR", "ENABLE_MEMORY_MANAGEMENT"] {
            assert!(options.iter().all(|option| option != slow), "{options:?}");
        }
        let costly = app.db.for_costly_document();
        for pool in [app.db.read(), costly.read()] {
            assert_eq!(settings(pool, "PRAGMA query_only").await, ["1"; 3]);
        }
        return;
    }
    let mode = "SHOW plan_cache_mode";
    assert_eq!(settings(app.db.read(), mode).await, ["force_generic_plan"; 3]);
    // What an expensive document reads depends on its values, and takes longer than to plan it.
    let costly = app.db.for_costly_document();
    assert_eq!(settings(costly.read(), mode).await, ["auto"; 3]);
    // The connection that writes is only seen by what it writes.
    let intruder = intruder(&app).await;
    for sql in [
        "CREATE TABLE mode_of_writer (mode text)",
        "CREATE FUNCTION note_mode() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN INSERT INTO mode_of_writer VALUES (current_setting('plan_cache_mode')); RETURN NEW; END $$",
        "CREATE TRIGGER note_mode BEFORE INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION note_mode()",
    ] {
        intruder.execute_unprepared(sql).await.unwrap();
    }
    let member = json!({ "name": "Förbundet", "joinedOn": "2026-01-01" });
    app.office().does("memberAdmit", "id", member).await.data();
    let seen = "SELECT DISTINCT mode FROM mode_of_writer";
    assert_eq!(settings(&intruder, seen).await, ["force_generic_plan"; 3]);
});
