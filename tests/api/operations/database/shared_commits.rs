//! Changes that wait for each other share a commit: each is answered after it, and none is affected
//! by a neighbor that is refused or cancelled.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use axum::http::{Method, header};
use domain::{
    audit::{self, Action, Change},
    auth::viewer::Viewer,
    error::{Error, Result},
    idempotency::{MutationField, Mutations, Outcome, Performed},
};
use entity::{contact_area, id::ContactAreaId};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::{
    app::{App, on_both},
    caller::Answer,
    invoicing_fixtures::violations,
    lifecycle_fixtures::mutate,
};

/// The register where changes share a commit however long they take.
fn patient(app: &App) -> App {
    app.with_sharing_time(Duration::from_secs(600))
}

/// Begins a change that may share its commit, and adds a contact area within it.
async fn add_area(app: &App, name: &str) -> Result<Change> {
    let viewer = Viewer::operator("test");
    let mut change = audit::begin(app.context(&viewer), Action::OrganisationAdd).await?;
    let name = name.to_owned();
    let area = contact_area::Model { id: ContactAreaId::new(), name_key: name.clone(), name };
    audit::insert(&change, area.clone()).await?;
    change.record(None, Some(&area))?;
    Ok(change)
}

/// Starts a change and waits until it waits for others.
async fn queue<T: Send + 'static>(
    app: &App,
    change: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    let before = app.db.waiting_changes();
    let task = tokio::spawn(change);
    while app.db.waiting_changes() == before {
        assert!(!task.is_finished(), "it did not wait");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    task
}

/// Queues a change that adds a contact area, and is returned when its turn comes.
async fn queue_area(app: &App, name: &'static str) -> JoinHandle<Result<Change>> {
    let own = app.clone();
    queue(app, async move { add_area(&own, name).await }).await
}

/// Queues a mutation that adds an organisation, with an idempotency key.
async fn queue_organisation(app: &App, name: &str, number: Option<&str>) -> JoinHandle<Answer> {
    let (own, input) = (app.clone(), json!({ "name": name, "orgNumber": number }));
    queue(app, async move { organisation(&own, input).await }).await
}

/// Adds an organisation, with its name as idempotency key.
async fn organisation(app: &App, input: Value) -> Answer {
    let office = app.office();
    let document = "mutation($input: OrganisationAddInput!) { organisationAdd(input: $input) { organisation { id name } } }";
    let body = json!({ "query": document, "variables": { "input": input } });
    let request = office
        .request(Method::POST, "/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", input["name"].as_str().unwrap());
    app.send(request.body(body.to_string().into()).unwrap()).await
}

/// The names of the contact areas and organisations that are committed, in order.
async fn names(app: &App) -> Vec<String> {
    let sql = "SELECT name FROM contact_area UNION ALL SELECT name FROM organisation ORDER BY name";
    let rows = app.db.read().query_all_raw(Statement::from_string(app.db.backend(), sql)).await;
    rows.unwrap().iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// The register is as its trail says, and can be written.
async fn is_sound(app: &App) {
    assert_eq!(violations(app).await, [""; 0]);
    mutate(&app.office(), "organisationAdd", json!({ "name": "Ö" }), "id").await.data();
    assert_eq!(app.db.changed().borrow().revision, app.revision().await);
    let other = app.by(&app.url()).await;
    mutate(&other.office(), "organisationAdd", json!({ "name": "Ö" }), "id").await.data();
    let verified = app.program().arg("verify").output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

/// A statement that takes some time.
fn long(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "SELECT pg_sleep(0.3)",
        _ => {
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT COUNT(*) FROM n"
        }
    }
}

/// Starts a statement and stops waiting for it.
async fn cancel(change: &Change) {
    let mut statement =
        pin!(change.tx().execute_unprepared(long(change.tx().get_database_backend())));
    let polled = statement.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Pending), "it was not cancelled");
}

on_both!(changes_that_wait_share_a_commit_and_are_recorded_one_by_one, |app| async move {
    let app = patient(&app);
    let first = add_area(&app, "0").await.unwrap();
    let before = app.revision().await;
    let mut waiting = Vec::new();
    for name in ["1", "2", "3", "4", "5", "6"] {
        waiting.push(queue_organisation(&app, name, None).await);
    }
    first.commit().await.unwrap();
    let mut answers = Vec::new();
    for task in waiting {
        answers.push(task.await.unwrap());
    }
    assert_eq!(app.db.joined_changes(), 6);
    let names: Vec<_> = answers
        .iter()
        .map(|answer| answer["organisationAdd"]["organisation"]["name"].clone())
        .collect();
    assert_eq!(names, ["1", "2", "3", "4", "5", "6"]);
    // Each has a revision and a signature of its own, in order of arrival.
    let sql = format!(
        "SELECT revision, signed_from, after FROM audit_entry WHERE revision > {before} ORDER BY revision"
    );
    let rows = app.db.read().query_all_raw(Statement::from_string(app.db.backend(), sql)).await;
    for (position, row) in rows.unwrap().iter().enumerate() {
        let revision = before + 1 + i64::try_from(position).unwrap();
        let found: (i64, Option<i64>) =
            (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap());
        assert_eq!(found, (revision, Some(revision)));
        let after: String = row.try_get_by_index(2).unwrap();
        assert!(after.contains(&format!("\"name\":\"{position}\"")), "{after}");
    }
    assert_eq!(app.revision().await, before + 7);
    assert_eq!(app.db.changed().borrow().revision, before + 7);
    // Each has stored its outcome.
    for (answer, name) in answers.iter().zip(["1", "2", "3", "4", "5", "6"]) {
        let again = organisation(&app, json!({ "name": name, "orgNumber": null })).await;
        assert_eq!(
            (again.text(), again.header("idempotency-replayed")),
            (answer.text(), "rebuilt")
        );
    }
    assert_eq!(app.revision().await, before + 7);
    is_sound(&app).await;
});

on_both!(a_change_that_no_other_waits_for_is_committed_alone, |app| async move {
    for name in ["1", "2", "3"] {
        organisation(&app, json!({ "name": name })).await.data();
    }
    assert_eq!(app.db.joined_changes(), 0);
    // Without time to share, those that wait are committed one by one.
    let app = app.with_sharing_time(Duration::ZERO);
    let first = add_area(&app, "0").await.unwrap();
    let waiting =
        [queue_organisation(&app, "4", None).await, queue_organisation(&app, "5", None).await];
    first.commit().await.unwrap();
    for task in waiting {
        task.await.unwrap().data();
    }
    assert_eq!(app.db.joined_changes(), 0);
    assert_eq!(names(&app).await, ["0", "1", "2", "3", "4", "5"]);
    is_sound(&app).await;
});

on_both!(a_refused_change_leaves_nothing_among_its_neighbors, |app| async move {
    let app = patient(&app);
    let first = add_area(&app, "0").await.unwrap();
    let before = app.revision().await;
    let taken = queue_organisation(&app, "1", Some("802555-0008")).await;
    // A constraint of the database refuses it, because of a change that is not committed yet.
    let refused = queue_organisation(&app, "2", Some("802555-0008")).await;
    let dropped = queue_area(&app, "3").await;
    let last = queue_organisation(&app, "4", None).await;
    let first = tokio::spawn(first.commit());
    // It has written, and is dropped without a commit.
    drop(dropped.await.unwrap().unwrap());
    taken.await.unwrap().data();
    assert_eq!(refused.await.unwrap().reason(), "ORG_NUMBER_TAKEN");
    last.await.unwrap().data();
    first.await.unwrap().unwrap();
    assert_eq!(app.db.joined_changes(), 4);
    assert_eq!(names(&app).await, ["0", "1", "4"]);
    assert_eq!(app.revision().await, before + 3);
    is_sound(&app).await;
});

on_both!(
    a_change_that_changes_nothing_is_answered_after_the_commit_that_it_depends_on,
    |app| async move {
        let app = patient(&app);
        let buyer = json!({ "name": "Ale", "joinedOn": "2020-01-01" });
        let buyer =
            app.office().does("memberAdmit", "id", buyer).await["memberAdmit"]["id"].clone();
        let line =
            json!({ "description": "Kurs", "unitPrice": "1.00", "vatRate": "OUTSIDE_SCOPE" });
        let draft = json!({ "buyerId": buyer, "lines": [line] });
        let draft = app.finance().does("invoiceDraft", "id", draft).await;
        let id = draft["invoiceDraft"]["id"].clone();
        let first = add_area(&app, "0").await.unwrap();
        let before = app.revision().await;
        let update = |reference: &'static str| {
            let (own, id) = (app.clone(), id.clone());
            let input = json!({ "invoiceId": id, "ourReference": reference });
            async move { own.finance().does("invoiceDraftUpdate", "ourReference", input).await }
        };
        let renamed = queue(&app, update("2")).await;
        let unchanged = queue(&app, update("2")).await;
        let last = queue_area(&app, "3").await;
        let first = tokio::spawn(first.commit());
        let last = last.await.unwrap().unwrap();
        // Both are done, and neither is answered.
        assert!(!renamed.is_finished() && !unchanged.is_finished() && !first.is_finished());
        assert_eq!(app.revision().await, before);
        last.commit().await.unwrap();
        first.await.unwrap().unwrap();
        for task in [renamed, unchanged] {
            assert_eq!(task.await.unwrap()["invoiceDraftUpdate"]["ourReference"], "2");
        }
        assert_eq!(app.revision().await, before + 3);
        is_sound(&app).await;
    }
);

/// Performs a mutation with the key of these, which adds a contact area.
async fn perform(app: &App, mutations: Arc<Mutations>) -> Result<Performed<()>> {
    let viewer = Viewer::operator("test");
    let field = MutationField::new(mutations, "area", &viewer.subject);
    let adding = async {
        let ctx = app.context(&viewer).for_mutation(&field);
        let mut change = audit::begin(ctx, Action::OrganisationAdd).await?;
        let name = "2".to_owned();
        let area = contact_area::Model { id: ContactAreaId::new(), name_key: name.clone(), name };
        audit::insert(&change, area.clone()).await?;
        change.record(None, Some(&area))?;
        change.commit_with(Outcome::default()).await
    };
    field.perform(adding).await
}

/// Queues the mutation of [`perform`].
async fn queue_mutation(
    app: &App,
    mutations: &Arc<Mutations>,
) -> JoinHandle<Result<Performed<()>>> {
    let (own, mutations) = (app.clone(), Arc::clone(mutations));
    queue(app, async move { perform(&own, mutations).await }).await
}

on_both!(a_repeated_mutation_is_reported_as_done_after_the_commit_of_the_first, |app| async move {
    let app = patient(&app);
    let mutations = || {
        let subject = Viewer::operator("test").subject;
        Arc::new(Mutations::with_key(subject, "key".to_owned(), "digest".to_owned()))
    };
    let [own, repeated] = [mutations(), mutations()];
    let first = add_area(&app, "0").await.unwrap();
    let before = app.revision().await;
    let tasks = [queue_mutation(&app, &own).await, queue_mutation(&app, &repeated).await];
    let last = queue_area(&app, "1").await;
    let first = tokio::spawn(first.commit());
    let last = last.await.unwrap().unwrap();
    // The first has made its change, the other has found its outcome, and nothing is committed.
    for (mutations, task) in [&own, &repeated].into_iter().zip(&tasks) {
        assert!(!task.is_finished());
        assert_eq!(mutations.committed(), [""; 0]);
    }
    last.commit().await.unwrap();
    first.await.unwrap().unwrap();
    let [performed, found] = tasks.map(async |task| task.await.unwrap().unwrap());
    assert!(matches!(performed.await, Performed::Now(())));
    assert!(matches!(found.await, Performed::Earlier(_)));
    assert_eq!((own.committed(), repeated.committed()), (vec!["area".into()], vec!["area".into()]));
    assert_eq!(app.revision().await, before + 3);
    is_sound(&app).await;
});

on_both!(a_common_commit_outlives_the_runtime_of_its_first_change, |app| async move {
    let app = patient(&app);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let own = app.clone();
    let first = runtime.spawn(async move { add_area(&own, "0").await });
    let first = first.await.unwrap().unwrap();
    let neighbor = queue_area(&app, "1").await;
    let committing = runtime.spawn(first.commit());
    let neighbor = neighbor.await.unwrap().unwrap();
    assert!(!committing.is_finished());
    runtime.shutdown_background();
    let committed = tokio::time::timeout(Duration::from_secs(60), neighbor.commit()).await;
    committed.unwrap_or_else(|_| panic!("no one commits")).unwrap();
    assert_eq!(app.db.joined_changes(), 1);
    assert_eq!(names(&app).await, ["0", "1"]);
    is_sound(&app).await;
});

on_both!(changes_with_other_times_to_share_wait_in_the_same_queue, |app| async move {
    let other = patient(&app);
    let first = add_area(&app, "0").await.unwrap();
    let waiting = queue_area(&other, "1").await;
    assert_eq!(app.db.waiting_changes(), 1);
    let first = tokio::spawn(first.commit());
    let waiting = waiting.await.unwrap().unwrap();
    assert_eq!((app.db.joined_changes(), other.db.joined_changes()), (1, 1));
    waiting.commit().await.unwrap();
    first.await.unwrap().unwrap();
    is_sound(&app).await;
});

on_both!(a_cancelled_change_leaves_nothing_among_its_neighbors, |app| async move {
    let app = patient(&app);
    let first = add_area(&app, "0").await.unwrap();
    let before = app.revision().await;
    let neighbor = queue_organisation(&app, "1", None).await;
    let cancelled = queue_area(&app, "2").await;
    let tolerant = queue_area(&app, "3").await;
    let abandoned = queue_organisation(&app, "4", None).await;
    let last = queue_organisation(&app, "5", None).await;
    let first = tokio::spawn(first.commit());
    // It ends while a statement runs.
    let change = cancelled.await.unwrap().unwrap();
    cancel(&change).await;
    // Its caller is gone before its turn comes.
    abandoned.abort();
    assert!(abandoned.await.is_err());
    drop(change);
    // A change that stopped waiting for a statement is not committed.
    let change = tolerant.await.unwrap().unwrap();
    cancel(&change).await;
    assert!(matches!(change.commit().await, Err(Error::Internal(_))));
    neighbor.await.unwrap().data();
    last.await.unwrap().data();
    first.await.unwrap().unwrap();
    // The request whose caller is gone may have been made.
    let names: Vec<_> = names(&app).await.into_iter().filter(|name| name != "4").collect();
    assert_eq!(names, ["0", "1", "5"]);
    assert!(app.revision().await >= before + 3);
    assert_eq!(app.db.failed_writes(), 0);
    is_sound(&app).await;
});

on_both!(a_broken_change_is_rolled_back_without_its_neighbors, |app| async move {
    let app = patient(&app);
    let before = app.revision().await;
    let first = add_area(&app, "0").await.unwrap();
    let waiting = queue_organisation(&app, "1", Some("802555-0008")).await;
    let refused = queue_organisation(&app, "2", Some("802555-0008")).await;
    let broken = queue_area(&app, "3").await;
    let later = queue_organisation(&app, "4", None).await;
    let first = tokio::spawn(first.commit());
    let broken = broken.await.unwrap().unwrap();
    assert_eq!(names(&app).await, [""; 0]);
    broken.tx().execute_unprepared("INSERT INTO no_such_table VALUES (1)").await.unwrap_err();
    broken.commit().await.unwrap_err();
    first.await.unwrap().unwrap();
    waiting.await.unwrap().data();
    assert_eq!(refused.await.unwrap().code(), "CONFLICT");
    later.await.unwrap().data();
    assert_eq!(names(&app).await, ["0", "1", "4"]);
    assert_eq!(app.revision().await, before + 3);
    is_sound(&app).await;
});

on_both!(a_transaction_that_the_database_ended_fails_all_of_its_changes, |app| async move {
    let app = patient(&app);
    let before = app.revision().await;
    let first = add_area(&app, "0").await.unwrap();
    let waiting = queue_organisation(&app, "1", Some("802555-0008")).await;
    let refused = queue_organisation(&app, "3", Some("802555-0008")).await;
    let ended = queue_area(&app, "2").await;
    let first = tokio::spawn(first.commit());
    let ended = ended.await.unwrap().unwrap();
    // What SQLite does automatically on a full disk, and what a server does that stops.
    match app.db.backend() {
        DbBackend::Postgres => {
            ended
                .tx()
                .execute_unprepared("SELECT pg_terminate_backend(pg_backend_pid())")
                .await
                .unwrap_err();
        }
        _ => drop(ended.tx().execute_unprepared("ROLLBACK").await.unwrap()),
    }
    drop(ended);
    assert!(matches!(first.await.unwrap(), Err(Error::Internal(_))));
    // The refused one was refused because of a change that does not exist.
    for task in [waiting, refused] {
        let answer = task.await.unwrap();
        assert_eq!(
            (answer.code(), &answer.error()["extensions"]["done"]),
            ("INTERNAL", &Value::Null)
        );
    }
    assert_eq!((names(&app).await, app.revision().await), (Vec::new(), before));
    // A retry with the same key makes the change that was answered as failed.
    organisation(&app, json!({ "name": "1", "orgNumber": "802555-0008" })).await.data();
    is_sound(&app).await;
});

on_both!(a_commit_that_fails_fails_all_of_its_changes, |app| async move {
    let app = patient(&app);
    let before = app.revision().await;
    if app.db.backend() == DbBackend::Postgres {
        let db = app.db.read();
        for sql in [
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$",
            "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON write_probe DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()",
        ] {
            db.execute_unprepared(sql).await.unwrap();
        }
    }
    let first = add_area(&app, "0").await.unwrap();
    let waiting = queue_organisation(&app, "1", None).await;
    let last = queue_area(&app, "2").await;
    let first = tokio::spawn(first.commit());
    let last = last.await.unwrap().unwrap();
    let deferred = match app.db.backend() {
        DbBackend::Postgres => "INSERT INTO write_probe (id, filler) VALUES (1, 'x')",
        _ => "INSERT INTO agreement_in_force_later (id, none) VALUES (1, x'00')",
    };
    last.tx().execute_unprepared(deferred).await.unwrap();
    assert!(matches!(last.commit().await, Err(Error::Internal(_))));
    assert!(matches!(first.await.unwrap(), Err(Error::Internal(_))));
    let answer = waiting.await.unwrap();
    assert_eq!((answer.code(), &answer.error()["extensions"]["done"]), ("INTERNAL", &Value::Null));
    assert_eq!((names(&app).await, app.revision().await), (Vec::new(), before));
    if app.db.backend() == DbBackend::Postgres {
        app.db
            .read()
            .execute_unprepared("DROP TRIGGER refuse ON write_probe; DROP FUNCTION refuse()")
            .await
            .unwrap();
    }
    organisation(&app, json!({ "name": "1", "orgNumber": null })).await.data();
    is_sound(&app).await;
});

on_both!(a_change_that_needs_its_own_commit_finds_earlier_ones_committed, |app| async move {
    let app = patient(&app);
    let first = add_area(&app, "0").await.unwrap();
    let before = app.revision().await;
    let shared = queue_area(&app, "1").await;
    let own = app.clone();
    let alone = queue(&app, async move {
        let viewer = Viewer::operator("test");
        let change = audit::begin(own.context(&viewer), Action::MemberAdmit).await.unwrap();
        (change, names(&own).await)
    })
    .await;
    let later = queue_organisation(&app, "2", None).await;
    let first = tokio::spawn(first.commit());
    let shared = tokio::spawn(shared.await.unwrap().unwrap().commit());
    let (change, seen) = alone.await.unwrap();
    assert_eq!(seen, ["0", "1"]);
    // They do not wait for it.
    first.await.unwrap().unwrap();
    shared.await.unwrap().unwrap();
    assert!(!later.is_finished());
    change.undo().await.unwrap();
    later.await.unwrap().data();
    assert_eq!(app.db.joined_changes(), 1);
    assert_eq!(names(&app).await, ["0", "1", "2"]);
    assert_eq!(app.revision().await, before + 3);
    is_sound(&app).await;
});

on_both!(a_clock_behind_an_uncommitted_entry_is_refused_alone, |app| async move {
    let app = patient(&app);
    let (ahead, behind) =
        (app.in_order_at("2027-01-09T09:00:00Z"), app.in_order_at("2027-01-09T08:00:00Z"));
    let first = add_area(&ahead, "0").await.unwrap();
    let refused = queue_organisation(&behind, "1", None).await;
    let last = queue_organisation(&ahead, "2", None).await;
    first.commit().await.unwrap();
    assert_eq!(refused.await.unwrap().reason(), "CLOCK_BEHIND");
    last.await.unwrap().data();
    assert_eq!(names(&app).await, ["0", "2"]);
    assert_eq!(violations(&ahead).await, [""; 0]);
});

on_both!(no_check_of_the_database_is_deferred_to_a_commit, |app| async move {
    // A violation would fail the neighbors. Imports defer a check, and need their own commit.
    let deferred = match app.db.backend() {
        DbBackend::Postgres => "SELECT conname FROM pg_constraint WHERE condeferred",
        _ => {
            "SELECT name FROM sqlite_schema WHERE sql LIKE '%DEFERRED%' AND name <> 'agreement_in_force_later'"
        }
    };
    let rows =
        app.db.read().query_all_raw(Statement::from_string(app.db.backend(), deferred)).await;
    assert!(rows.unwrap().is_empty());
});
