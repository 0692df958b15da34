//! A register that is set back to an earlier revision under a running server, as by a restored
//! backup: revocations and answers are read again, and subscriptions end.

use std::time::Duration;

use axum::http::StatusCode;
use domain::auth::{
    revocations::{RevocationTarget, Revocations, revoke},
    viewer::{Role, Viewer},
};
use entity::id::MemberId;
use futures_util::FutureExt;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, TransactionTrait};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    app::{App, on_both},
    caller::Caller,
    database_intruder::unguarded,
    http_server::{ASK, Client, HttpServer, get, status},
};

const ADDRESS: &str =
    "/graphql?query=%7B%20organisations%20%7B%20totalCount%20nodes%20%7B%20name%20%7D%20%7D%20%7D";

/// Another program, which has seen nothing of the trail.
async fn other(app: &App) -> App {
    app.by(&app.url()).await
}

/// Adds an organisation, by another program.
async fn add(app: &App, name: &str) {
    let other = other(app).await;
    other.office().does("organisationAdd", "id", json!({ "name": name })).await.data();
}

/// Revokes the tokens of a subject, by another program.
async fn revoke_all(app: &App, name: &str) {
    let target = RevocationTarget::Subject(format!("{name}@example.se"));
    let (other, operator) = (other(app).await, Viewer::operator("token"));
    revoke(other.context(&operator), &target, None).await.unwrap();
}

/// The database, without what prevents that its trail is set back.
async fn open(app: &App) -> DatabaseConnection {
    let database = unguarded(app).await;
    for table in ["sealed_entry", "person_key"] {
        let of = match app.db.backend() {
            DbBackend::Postgres => format!(" ON {table}"),
            _ => String::new(),
        };
        let drop = format!("DROP TRIGGER {table}__no_delete{of}");
        database.execute_unprepared(&drop).await.unwrap();
    }
    database
}

/// Removes the entries after the first one and all revocations, as a backup lacks them: at one
/// moment for those who read.
async fn set_back(database: &DatabaseConnection) {
    let transaction = database.begin().await.unwrap();
    for table in ["sealed_entry", "audit_entry"] {
        let delete = format!("DELETE FROM {table} WHERE revision > 1");
        transaction.execute_unprepared(&delete).await.unwrap();
    }
    for delete in [
        "DELETE FROM person_key WHERE id NOT IN (SELECT key_id FROM sealed_entry)",
        "DELETE FROM token_revocation",
    ] {
        transaction.execute_unprepared(delete).await.unwrap();
    }
    transaction.commit().await.unwrap();
}

/// A member of the office, by name.
fn clerk<'a>(app: &'a App, name: &str) -> Caller<'a> {
    let subject = format!("{name}@example.se");
    app.viewer(Viewer { subject, roles: vec![Role::Office], ..Viewer::default() })
}

/// A member's id as a row has it.
fn member_id(id: &str) -> Option<MemberId> {
    Some(MemberId(Uuid::try_parse(id.strip_prefix("member_")?).unwrap()))
}

/// What comes within a minute.
async fn soon<T>(coming: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), coming)
        .await
        .unwrap_or_else(|_| panic!("it did not come within a minute"))
}

on_both!(revocations_are_read_again, |app| async move {
    let server = HttpServer::start(&app).await;
    add(&app, "Den första").await;
    let (database, anna, bo) = (open(&app).await, clerk(&app, "anna"), clerk(&app, "bo"));
    let ask = async || {
        let ask =
            async |caller: &Caller<'_>| status(server.address, ASK, caller.authorization()).await;
        (ask(&anna).await, ask(&bo).await)
    };
    revoke_all(&app, "anna").await;
    assert_eq!(ask().await, (401, 200));
    // The trail is shorter.
    set_back(&database).await;
    assert_eq!(ask().await, (200, 200));
    // It is as long again, or longer, and another one.
    revoke_all(&app, "anna").await;
    assert_eq!(ask().await, (401, 200));
    set_back(&database).await;
    revoke_all(&app, "bo").await;
    assert_eq!(ask().await, (200, 401));
    set_back(&database).await;
    add(&app, "Den andra").await;
    add(&app, "Den tredje").await;
    assert_eq!(ask().await, (200, 200));
});

on_both!(rights_of_a_membership_are_back_at_once, |app| async move {
    let admission = json!({ "name": "Ale", "joinedOn": "2020-01-01" });
    let admitted = other(&app).await.office().does("memberAdmit", "id", admission).await;
    let id = admitted["memberAdmit"]["id"].as_str().unwrap();
    let server = HttpServer::start(&app).await;
    let anna = app.viewer(Viewer {
        subject: "anna@example.se".into(),
        roles: vec![Role::Office, Role::Member],
        member: member_id(id),
        ..Viewer::default()
    });
    let roles = async || {
        let address = "/graphql?query=%7Bviewer%7Broles%7D%7D";
        let answer = get(server.address, address, anna.authorization()).await;
        let (_, roles) = answer.split_once("\"roles\":").unwrap_or_else(|| panic!("{answer}"));
        roles.split_once(']').unwrap().0.replace(['[', '"'], "")
    };
    assert_eq!(roles().await, "OFFICE,MEMBER");
    let leave = json!({ "memberId": id, "leftOn": "2026-01-31" });
    other(&app).await.office().does("memberLeave", "id", leave).await.data();
    assert_eq!(roles().await, "OFFICE");
    let database = open(&app).await;
    database.execute_unprepared("UPDATE member SET left_on = NULL").await.unwrap();
    set_back(&database).await;
    // Also in the request for which the server reads that the register was set back.
    assert_eq!(roles().await, "OFFICE,MEMBER");
});

on_both!(no_stored_answer_of_before_is_given, |app| async move {
    let app = app.with_stored_answers();
    add(&app, "Den första").await;
    add(&app, "Den andra").await;
    let ask = async || {
        let answer = app.office().get(ADDRESS).await;
        assert_eq!(answer.status, StatusCode::OK);
        (answer["organisations"]["totalCount"].clone(), answer.header("etag").to_owned())
    };
    let first = ask().await;
    assert_eq!((&first.0, ask().await), (&json!(2), first.clone()));
    // The rows stay; only the trail is another one of the same length.
    set_back(&open(&app).await).await;
    add(&app, "Den tredje").await;
    let second = ask().await;
    assert_eq!((&second.0, app.revision().await), (&json!(3), 2));
    assert_ne!(first.1, second.1);
});

/// The revision of the next event.
async fn revision(client: &mut Client) -> Value {
    soon(client.data("1")).await["changes"]["revision"].clone()
}

on_both!(a_subscription_ends_and_can_be_made_again, |app| async move {
    add(&app, "Den första").await;
    add(&app, "Den andra").await;
    let server = HttpServer::start(&app).await;
    let mut client = server.client(&app.office()).await;
    client.subscribe("1", "subscription { changes(after: \"0\") { revision } }").await;
    assert_eq!(
        (revision(&mut client).await, revision(&mut client).await),
        ("1".into(), "2".into())
    );
    set_back(&open(&app).await).await;
    // It goes beyond the last event, which says nothing of what was lost.
    add(&app, "Den tredje").await;
    add(&app, "Den fjärde").await;
    if app.db.backend() == DbBackend::Postgres {
        // As when another server takes over. Otherwise it is noticed within 15 seconds.
        let broken = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
        app.db.read().execute_unprepared(broken).await.unwrap();
    }
    let mut end = soon(client.hear()).await;
    if end["type"] == "next" {
        end = soon(client.hear()).await;
    }
    let extensions = &end["payload"][0]["extensions"];
    assert_eq!((&end["type"], &end["id"]), (&json!("error"), &json!("1")), "{end}");
    assert_eq!(extensions["reason"], "REGISTER_RESTORED", "{end}");
    client.subscribe("1", "subscription { changes(after: \"1\") { revision } }").await;
    assert_eq!(
        (revision(&mut client).await, revision(&mut client).await),
        ("2".into(), "3".into())
    );
    add(&app, "Den femte").await;
    assert_eq!(revision(&mut client).await, "4");
});

on_both!(revocations_are_read_to_the_end_although_no_request_waits, |app| async move {
    let revocations = Revocations::new(0);
    revocations.read(&app.db).await.unwrap();
    let mut changes = revocations.changes();
    revoke_all(&app, "anna").await;
    let last = app.db.last_entry().await.unwrap();
    // Begun, and no longer waited for; another thread may have finished it by then.
    if let Some(read) = revocations.catch_up(&app.db, &last).now_or_never() {
        read.unwrap();
    }
    soon(changes.next()).await;
    // A request that has not even got the revision makes the server read on.
    let (own, db) = (revocations.clone(), app.db.clone());
    let refreshing = tokio::spawn(async move { own.refresh_continuously(&db).await });
    for name in ["bo", "cia", "dag"] {
        revoke_all(&app, name).await;
        revocations.refresh_soon();
        soon(changes.next()).await;
    }
    refreshing.abort();
});
