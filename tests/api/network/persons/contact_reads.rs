//! The log of reads of contacts: every path to a contact leaves a line, and no reader waits for it
//! to be written. Today is 2026-11-21.

use domain::{
    audit::reads,
    auth::{
        token::Keys,
        viewer::{Role, Viewer},
    },
    config::Settings,
};
use samregister::http::{self, graphiql};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::{
    app::{App, SECRET, on_both},
    caller::{Answer, Caller},
    database_intruder::intruder,
};

/// The lines of the log that this filter finds, as an auditor reads them: reader, contact's id,
/// day, times.
async fn log(app: &App, filter: Value) -> Vec<Value> {
    reads::write(&app.db).await.unwrap();
    let document = "query($filter: ContactReadFilter) {
        contactReads(filter: $filter) { totalCount nodes { reader contact { id } readOn readCount } } }";
    let answer = app.auditor().ask(document, json!({ "filter": filter })).await;
    let nodes = answer["contactReads"]["nodes"].as_array().unwrap();
    assert_eq!(answer["contactReads"]["totalCount"], nodes.len());
    let mut lines: Vec<_> = nodes
        .iter()
        .map(|line| {
            json!([line["reader"], line["contact"]["id"], line["readOn"], line["readCount"]])
        })
        .collect();
    lines.sort_by_key(Value::to_string);
    lines
}

/// A caller of this name with these roles.
fn named<'a>(app: &'a App, name: &str, role: Role) -> Caller<'a> {
    app.viewer(Viewer { subject: name.into(), roles: vec![role], ..Viewer::default() })
}

/// The id of what a mutation was done to.
fn id_of(answer: Answer, mutation: &str) -> String {
    answer[mutation]["id"].as_str().unwrap().to_owned()
}

on_both!(every_path_to_a_contact_leaves_a_line, |app| async move {
    let office = app.office();
    let ale = id_of(
        office
            .does(
                "memberAdmit",
                "id",
                json!({ "name": "Ale", "joinedOn": "2015-01-01", "contactAreaName": "Södra" }),
            )
            .await,
        "memberAdmit",
    );
    let area = office
        .ask(
            "query($id: ID!) { member(by: { id: $id }) { contactArea { id } } }",
            json!({ "id": ale }),
        )
        .await;
    let area = area["member"]["contactArea"]["id"].clone();
    let anna = id_of(
        office
            .does("contactAdd", "id", json!({ "memberId": ale, "role": "CHAIR", "name": "Anna" }))
            .await,
        "contactAdd",
    );
    let stina = json!({ "contactAreaId": area, "role": "BOARD_MEMBER", "name": "Stina" });
    let stina = id_of(office.does("contactAdd", "id", stina).await, "contactAdd");
    let started = json!({ "slug": "bip", "name": "BIP", "funding": [], "startsOn": "2026-01-01", "leadId": anna });
    office.does("activityStart", "id", started).await.data();
    let entry = app.auditor().query("{ auditEntries(filter: {}) { nodes { id action } } }").await;
    let entry = entry["auditEntries"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["action"] == "contactAdd")
        .unwrap()["id"]
        .clone();
    // Anyone who reads nothing that identifies a person has not read about one.
    for document in [
        "{ members { nodes { contacts { id role } } } }",
        "{ auditEntries { nodes { revision action hash } } }",
    ] {
        named(&app, "räknare", Role::Auditor).query(document).await.data();
    }
    assert_eq!(log(&app, json!({ "reader": "räknare" })).await, Vec::<Value>::new());

    for (path, document, read) in [
        ("name", "{ members { nodes { contacts { name } } } }", vec![&anna]),
        ("email", "{ members { nodes { contacts { email } } } }", vec![&anna]),
        ("phone", "{ members { nodes { c: contacts { phone } } } }", vec![&anna]),
        ("area", "{ members { nodes { contactArea { boardContacts { name } } } } }", vec![&stina]),
        ("lead", "{ activity(by: { slug: \"bip\" }) { lead { name } } }", vec![&anna]),
        (
            "node",
            &format!("{{ node(id: \"{anna}\") {{ ... on Contact {{ name }} }} }}"),
            vec![&anna],
        ),
        ("before", "{ auditEntries { nodes { before } } }", vec![]),
        ("after", "{ auditEntries { nodes { after } } }", vec![&anna, &stina]),
        (
            "filter",
            &format!(
                "{{ auditEntries(filter: {{ subjectId: \"{anna}\" }}) {{ nodes {{ after }} }} }}"
            ),
            vec![&anna],
        ),
        (
            "subject",
            "{ auditEntries { nodes { subject { ... on Contact { email } } } } }",
            vec![&anna, &stina],
        ),
        (
            "entry",
            &format!("{{ node(id: {entry}) {{ ... on AuditEntry {{ after }} }} }}"),
            vec![&stina],
        ),
    ] {
        named(&app, path, Role::Auditor).query(document).await.data();
        let mut expected: Vec<_> =
            read.iter().map(|contact| json!([path, contact, "2026-11-21", 1])).collect();
        expected.sort_by_key(Value::to_string);
        assert_eq!(log(&app, json!({ "reader": path })).await, expected, "{path}");
    }
    // The office, too, and one that is refused has read nothing.
    app.office().query("{ members { nodes { contacts { name } } } }").await.data();
    assert_eq!(
        log(&app, json!({ "reader": "office@example.se", "contactId": anna })).await.len(),
        1
    );
    app.service("agreements:read")
        .query("{ members { nodes { contacts { name } } } }")
        .await
        .data();
    assert_eq!(log(&app, json!({ "reader": "service@example.se" })).await, Vec::<Value>::new());
});

on_both!(one_who_exports_the_contacts_is_in_the_log_before_there_is_a_file, |app| async move {
    let add = async |name: &str| {
        id_of(
            app.office().does("contactAdd", "id", json!({ "role": "OTHER", "name": name })).await,
            "contactAdd",
        )
    };
    let mut contacts = [add("Anna").await, add("Bo").await];
    contacts.sort();
    let folder = tempfile::tempdir().unwrap();
    let export = || app.program().arg("export").arg(folder.path()).output().unwrap();
    let output = export();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let today = domain::clock::Clock::system().today();
    let lines: Vec<_> =
        contacts.iter().map(|contact| json!(["samregister export", contact, today, 1])).collect();
    assert_eq!(log(&app, json!({ "reader": "samregister export" })).await, lines);
    // Where it can't be logged, no one gets the file.
    std::fs::remove_file(folder.path().join("contacts.csv")).unwrap();
    intruder(&app)
        .await
        .execute_unprepared("ALTER TABLE contact_read RENAME TO contact_read_away")
        .await
        .unwrap();
    assert_eq!(export().status.code(), Some(1));
    assert!(!folder.path().join("contacts.csv").exists());
});

on_both!(the_log_counts_by_day_and_is_searched, |app| async move {
    let contact = id_of(
        app.office().does("contactAdd", "id", json!({ "role": "OTHER", "name": "Anna" })).await,
        "contactAdd",
    );
    reads::write(&app.db).await.unwrap();
    intruder(&app).await.execute_unprepared("DELETE FROM contact_read").await.unwrap();
    let document = format!("{{ node(id: \"{contact}\") {{ ... on Contact {{ name }} }} }}");
    let other = app.by(&app.url()).await;
    // 23:30 in Sweden is the same day, and half an hour later the next one.
    for (now, times) in
        [("2026-11-20T22:30:00Z", 2), ("2026-11-20T23:00:00Z", 1), ("2026-11-21T09:00:00.5Z", 1)]
    {
        for _ in 0..times {
            named(&app.at(now), "anna@example.se", Role::Board).query(&document).await.data();
        }
        reads::write(&app.db).await.unwrap();
    }
    // A server that writes later what was read before adds to the same line.
    named(&other.at("2026-11-20T23:30:00Z"), "anna@example.se", Role::Board)
        .query(&document)
        .await
        .data();
    reads::write(&other.db).await.unwrap();
    named(&app, "bo@example.se", Role::Board).query(&document).await.data();
    let line = |reader: &str, day: &str, times: i64| {
        json!([format!("{reader}@example.se"), contact, day, times])
    };
    let (first, second, bo) =
        (line("anna", "2026-11-20", 2), line("anna", "2026-11-21", 3), line("bo", "2026-11-21", 1));
    for (filter, found) in [
        (json!({ "contactId": contact, "reader": "anna@example.se" }), vec![&first, &second]),
        (json!({ "reader": "bo@example.se" }), vec![&bo]),
        (json!({ "readFrom": "2026-11-21" }), vec![&second, &bo]),
        (json!({ "readTo": "2026-11-20" }), vec![&first]),
        (json!({ "readFrom": "2026-11-20", "readTo": "2026-11-20" }), vec![&first]),
        (json!({ "contactId": "contact_0197aaaaaaaa7000800000000000000a" }), vec![]),
    ] {
        assert_eq!(log(&app, filter.clone()).await.iter().collect::<Vec<_>>(), found, "{filter}");
    }
    let times = "{ contactReads(filter: { reader: \"anna@example.se\", readFrom: \"2026-11-21\" }) { nodes { firstAt lastAt contact { id } } } }";
    let times = app.office().query(times).await;
    assert_eq!(
        times["contactReads"]["nodes"][0],
        json!({ "firstAt": "2026-11-20T23:00:00Z", "lastAt": "2026-11-21T09:00:00.500Z", "contact": { "id": contact } })
    );
    let bad = json!({ "filter": { "contactId": "Anna", "reader": "\u{0}", "readFrom": "2026-11-32", "readTo": "i går" } });
    let refused =
        app.office().ask("query($filter: ContactReadFilter) { contactReads(filter: $filter, first: 500) { totalCount } }", bad).await;
    assert_eq!(
        refused.bad_fields(),
        ["filter.contactId", "filter.readFrom", "filter.readTo", "filter.reader", "first"]
    );
});

on_both!(a_reader_waits_for_no_writer_and_a_stopped_server_has_written, |app| async move {
    let contact = id_of(
        app.office().does("contactAdd", "id", json!({ "role": "OTHER", "name": "Anna" })).await,
        "contactAdd",
    );
    app.statements();
    let document = format!("{{ node(id: \"{contact}\") {{ ... on Contact {{ name }} }} }}");
    named(&app, "anna@example.se", Role::Board).query(&document).await.data();
    let statements = app.statements();
    assert_eq!(statements.len(), 1, "{statements:?}");

    let env = [("SAMREGISTER_JWT_SECRET".to_owned(), SECRET.to_owned())];
    let settings = Settings::load(env, None).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = http::App::new(
        app.db.clone(),
        app.clock,
        Keys::from_settings(&settings).unwrap(),
        &settings,
        graphiql::Settings::default(),
    );
    http::serve(listener, server, &settings, async {}).await.unwrap();
    let again = app.by(&app.url()).await;
    assert_eq!(
        log(&again, json!({ "reader": "anna@example.se" })).await,
        [json!(["anna@example.se", contact, "2026-11-21", 1])]
    );
});
