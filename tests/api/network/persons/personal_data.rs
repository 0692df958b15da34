//! Personal data: that an erased person is gone from everything but issued documents, and that the
//! trail still verifies.

use ::entity::{audit_entry, kind::SubjectKind, person_key};
use domain::audit;
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, QueryOrder, Statement};
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    database_intruder::{intruder, migrate_trail, write_as_before},
};

/// Adds a contact; its id.
async fn add(app: &App, input: Value) -> String {
    app.office().does("contactAdd", "id", input).await["contactAdd"]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn erase(app: &App, id: &str) {
    app.office().does("contactErase", "id", json!({ "contactId": id })).await.data();
}

/// The trail as an auditor sees it, the oldest entry first.
async fn trail(app: &App) -> Vec<Value> {
    let document =
        "{ auditEntries(first: 200) { nodes { revision action before after erasedIn hash } } }";
    let mut entries =
        app.auditor().query(document).await["auditEntries"]["nodes"].as_array().unwrap().clone();
    entries.reverse();
    entries
}

/// Returns the positions of these letters in the database: the tables on PostgreSQL, the files on
/// SQLite, byte by byte.
pub async fn positions(app: &App, letters: &str) -> Vec<String> {
    if app.db.backend() == DbBackend::Sqlite {
        let file = app.url().strip_prefix("sqlite://").unwrap().to_owned();
        let files = ["", "-wal"].map(|end| format!("{file}{end}"));
        let holds = |file: &String| {
            std::fs::read(file)
                .unwrap()
                .windows(letters.len())
                .any(|part| part == letters.as_bytes())
        };
        return files.into_iter().filter(holds).collect();
    }
    let ask = async |sql: String| {
        app.db.read().query_all_raw(Statement::from_string(app.db.backend(), sql)).await.unwrap()
    };
    let mut found = Vec::new();
    for row in
        ask("SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'"
            .into())
        .await
    {
        let table: String = row.try_get_by_index(0).unwrap();
        if !ask(format!("SELECT 1 FROM \"{table}\" whole WHERE whole::text LIKE '%{letters}%'"))
            .await
            .is_empty()
        {
            found.push(table);
        }
    }
    found
}

/// The entries as they are stored, the oldest first.
async fn stored(app: &App) -> Vec<audit_entry::Model> {
    audit_entry::Entity::find()
        .order_by_asc(audit_entry::Column::Revision)
        .all(app.db.read())
        .await
        .unwrap()
}

pub async fn keys(app: &App) -> Vec<person_key::Model> {
    person_key::Entity::find().all(app.db.read()).await.unwrap()
}

on_both!(an_erased_person_is_gone_from_the_trail_which_holds, |app| async move {
    let id = add(
        &app,
        json!({ "role": "CHAIR", "name": "Annabella Östlund", "email": "annabella@example.se" }),
    )
    .await;
    let other =
        add(&app, json!({ "role": "OTHER", "name": "Bertil", "email": "bertil@example.se" })).await;
    let update =
        async |input: Value| app.office().does("contactUpdate", "id", input).await.data().clone();
    update(json!({ "contactId": id, "name": "Annabella Åkerlund", "phone": "070-174 06 05" }))
        .await;
    update(json!({ "contactId": id, "role": "FINANCE", "email": null })).await;
    let before = stored(&app).await;
    assert!(
        before.iter().all(|entry| !format!("{entry:?}").contains("nnabella")),
        "what the trail says of a person is sealed from the start"
    );
    let shown = trail(&app).await;
    assert_eq!(
        (&shown[3]["before"]["name"], &shown[3]["before"]["email"]),
        (&json!("Annabella Åkerlund"), &json!("annabella@example.se"))
    );
    let key = keys(&app)
        .await
        .into_iter()
        .find(|key| key.person_id.simple().to_string() == id[id.len() - 32..])
        .unwrap();
    erase(&app, &id).await;

    assert_eq!(stored(&app).await[..4], before[..], "no entry is rewritten");
    let after = trail(&app).await;
    assert_eq!(after[1], shown[1], "no one else is erased");
    for position in [0, 2, 3] {
        assert_eq!(after[position]["erasedIn"], "6", "{position}");
        for text in ["before", "after"]
            .map(|name| &after[position][name])
            .into_iter()
            .filter(|text| !text.is_null())
        {
            let fields = ["name", "name_key", "email", "phone"].map(|field| &text[field]);
            assert_eq!((fields, &text["id"]), ([&Value::Null; 4], &shown[0]["after"]["id"]));
        }
    }
    // What is no personal data stays as it was.
    assert_eq!(
        (&after[3]["before"]["role"], &after[3]["after"]["role"]),
        (&json!("CHAIR"), &json!("FINANCE"))
    );
    assert_eq!(after[4]["after"]["name"], format!("Raderad kontakt {}", &id[id.len() - 8..]));
    assert_eq!(
        after[5]["after"],
        json!({ "key_id": key.id, "person": "CONTACT", "revisions": [1, 3, 4, 5] })
    );
    assert_eq!(audit::violations_now(&app.db, app.clock).await.unwrap(), Vec::<String>::new());
    for letters in ["nnabella", "070-174 06 05"] {
        assert_eq!(positions(&app, letters).await, Vec::<String>::new(), "{letters}");
    }
    // The key is gone from the disk as well.
    assert!(keys(&app).await.iter().all(|left| left.id != key.id));
    if app.db.backend() == DbBackend::Sqlite {
        let file = app.url().strip_prefix("sqlite://").unwrap().to_owned();
        for file in ["", "-wal"].map(|end| format!("{file}{end}")) {
            assert!(
                std::fs::read(&file).unwrap().windows(32).all(|part| part != key.key),
                "{file}"
            );
        }
    }

    // Once is enough; another person can be erased as well.
    let last = app.revision().await;
    erase(&app, &id).await;
    assert_eq!(app.revision().await, last);
    erase(&app, &other).await;
    assert_eq!(positions(&app, "ertil").await, Vec::<String>::new());
    assert_eq!(audit::violations_now(&app.db, app.clock).await.unwrap(), Vec::<String>::new());
});

on_both!(what_stood_in_a_trail_of_before_can_be_erased, |app| async move {
    let uuid = uuid::Uuid::now_v7();
    let id = format!("contact_{}", uuid.simple());
    let old = "{\"name\":\"Annabella\",\"name_key\":\"annabella\",\"email\":\"annabella@example.se\",\"phone\":null}";
    write_as_before(&app, "contactAdd", SubjectKind::Contact, uuid, old).await;
    let insert = "INSERT INTO contact (id, role, name, name_key, email) VALUES ({id}, 'CHAIR', 'Annabella', 'annabella', 'annabella@example.se')";
    let literal = if app.db.backend() == DbBackend::Sqlite {
        format!("x'{}'", uuid.simple())
    } else {
        format!("'{uuid}'")
    };
    intruder(&app).await.execute_unprepared(&insert.replace("{id}", &literal)).await.unwrap();
    migrate_trail(&app).await;
    assert!(stored(&app).await.iter().all(|entry| !format!("{entry:?}").contains("nnabella")));
    let shown = trail(&app).await;
    assert_eq!(
        shown[0]["after"],
        json!({ "name": "Annabella", "name_key": "annabella", "email": "annabella@example.se", "phone": null })
    );
    erase(&app, &id).await;
    let shown = trail(&app).await;
    assert_eq!(
        shown[0]["after"],
        json!({ "name": null, "name_key": null, "email": null, "phone": null })
    );
    assert_eq!(audit::violations_now(&app.db, app.clock).await.unwrap(), Vec::<String>::new());
    // On PostgreSQL what the migration replaced goes with the next VACUUM.
    assert_eq!(positions(&app, "nnabella").await, Vec::<String>::new());
});

on_both!(other_persons_have_keys_of_their_own, |app| async move {
    let bill = json!({ "email": "kajsa@example.se", "buyerReference": "Kajsa Warg" });
    app.office()
        .does("organisationAdd", "id", json!({ "name": "Gamma", "billing": bill }))
        .await
        .data();
    let entry = &stored(&app).await[0];
    assert!(!entry.after.as_deref().unwrap().contains("ajsa"), "{entry:?}");
    assert_eq!(trail(&app).await[0]["after"]["buyer_reference"], "Kajsa Warg");
    // The subject of a token is known by its digest alone, and that is sealed too.
    let revoked =
        app.program().args(["token", "revoke", "--subject", "kajsa@example.se"]).output().unwrap();
    assert!(revoked.status.success(), "{revoked:?}");
    let entry = stored(&app).await.pop().unwrap();
    assert!(
        entry.after.as_deref().unwrap().contains("\"subject_sha256\":{\"sealed\":"),
        "{entry:?}"
    );
    let kinds: std::collections::BTreeSet<_> =
        keys(&app).await.into_iter().map(|key| key.kind.to_string()).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["BUYER", "SUBJECT"]);
});

/// Returns `true` if a file of the register or its log has these bytes.
fn holds(app: &App, bytes: &[u8]) -> bool {
    let file = app.url().strip_prefix("sqlite://").unwrap().to_owned();
    ["", "-wal"].iter().any(|end| {
        std::fs::read(format!("{file}{end}"))
            .unwrap()
            .windows(bytes.len())
            .any(|part| part == bytes)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_during_a_long_read_fails_nothing_and_leaves_the_disk_when_that_has_ended() {
    let app = App::sqlite().await;
    let id = add(&app, json!({ "role": "CHAIR", "name": "Annabella" })).await;
    let key = keys(&app).await.remove(0);
    let reader = app.db.snapshot().await.unwrap();
    reader
        .query_all_raw(Statement::from_string(DbBackend::Sqlite, "SELECT * FROM contact"))
        .await
        .unwrap();
    let began = std::time::Instant::now();
    let admission = json!({ "name": "Ale", "joinedOn": "2015-01-01" });
    let office = app.office();
    let (erased, admitted) = tokio::join!(
        office.does("contactErase", "id", json!({ "contactId": id })),
        office.does("memberAdmit", "id", admission.clone())
    );
    erased.data();
    admitted.data();
    app.office().does("memberAdmit", "id", admission).await.data();
    assert!(began.elapsed() < std::time::Duration::from_secs(4), "{:?}", began.elapsed());
    assert_eq!((app.get("/readyz").await.status.as_u16(), app.db.failed_writes()), (200, 0));
    assert!(holds(&app, &key.key), "the reader keeps nothing in the log: this test shows nothing");
    let listening = tokio::spawn({
        let db = app.db.clone();
        async move { db.listen().await }
    });
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    app.office()
        .does("memberAdmit", "id", json!({ "name": "Bo", "joinedOn": "2015-01-01" }))
        .await
        .data();
    reader.rollback().await.unwrap();
    for _ in 0..100 {
        if !holds(&app, &key.key) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(!holds(&app, &key.key) && !holds(&app, b"nnabella"));
    listening.abort();
}

on_both!(the_subject_of_tokens_stays_as_long_as_a_contact_has_the_address, |app| async move {
    let [first, second] = [
        add(&app, json!({ "role": "CHAIR", "name": "Anna", "email": "anna@example.se" })).await,
        add(&app, json!({ "role": "OTHER", "name": "Anna", "email": "Anna@Example.se" })).await,
    ];
    let revoked =
        app.program().args(["token", "revoke", "--subject", "anna@example.se"]).output().unwrap();
    assert!(revoked.status.success(), "{revoked:?}");
    let subjects =
        async || keys(&app).await.iter().filter(|key| key.kind.to_string() == "SUBJECT").count();
    erase(&app, &first).await;
    assert_eq!(subjects().await, 1);
    erase(&app, &second).await;
    assert_eq!(subjects().await, 0);
});
