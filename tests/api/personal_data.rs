//! Personal data: that an erased person is gone from everything but issued documents, and that the trail holds all the same.

use ::entity::kind::SubjectKind;
use samregister::audit;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::{Value, json};

use crate::{
    app::{App, on_both},
    audit::{intruder, unguarded, write_as_before},
};

/// Adds a contact; its id.
async fn add(app: &App, input: Value) -> String {
    app.office().does("contactAdd", "id", input).await["contactAdd"]["id"].as_str().unwrap().to_owned()
}

async fn erase(app: &App, id: &str) {
    app.office().does("contactErase", "id", json!({ "contact": id })).await.data();
}

/// The trail as an auditor sees it, the oldest entry first.
async fn trail(app: &App) -> Vec<Value> {
    let document = "{ auditLog(first: 200) { nodes { revision action before after erasedIn hash } } }";
    let mut entries = app.auditor().query(document).await["auditLog"]["nodes"].as_array().unwrap().clone();
    entries.reverse();
    entries
}

/// Where these letters stand in the database: the tables on PostgreSQL, the files on SQLite, byte by byte.
async fn places(app: &App, letters: &str) -> Vec<String> {
    if app.db.backend() == DbBackend::Sqlite {
        let file = app.url().strip_prefix("sqlite://").unwrap().to_owned();
        let files = ["", "-wal"].map(|end| format!("{file}{end}"));
        let holds = |file: &String| std::fs::read(file).unwrap().windows(letters.len()).any(|part| part == letters.as_bytes());
        return files.into_iter().filter(holds).collect();
    }
    let ask = async |sql: String| app.db.read().query_all_raw(Statement::from_string(app.db.backend(), sql)).await.unwrap();
    let mut found = Vec::new();
    for row in ask("SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'".into()).await {
        let table: String = row.try_get_by_index(0).unwrap();
        if !ask(format!("SELECT 1 FROM \"{table}\" whole WHERE whole::text LIKE '%{letters}%'")).await.is_empty() {
            found.push(table);
        }
    }
    found
}

on_both!(an_erased_person_is_gone_from_the_trail_which_holds, |app| async move {
    let id = add(&app, json!({ "role": "CHAIR", "name": "Annabella Östlund", "email": "annabella@example.se" })).await;
    let other = add(&app, json!({ "role": "OTHER", "name": "Bertil", "email": "bertil@example.se" })).await;
    let update = async |input: Value| app.office().does("contactUpdate", "id", input).await.data().clone();
    update(json!({ "contact": id, "name": "Annabella Åkerlund", "phone": "070-174 06 05" })).await;
    update(json!({ "contact": id, "role": "FINANCE", "email": null })).await;
    assert_ne!(places(&app, "nnabella").await, Vec::<String>::new());
    let before = trail(&app).await;
    erase(&app, &id).await;

    let after = trail(&app).await;
    let pseudonym = format!("Raderad kontakt {}", &id[id.len() - 8..]);
    for (place, (old, new)) in before.iter().zip(&after).enumerate() {
        assert_eq!((&old["hash"], &old["action"]), (&new["hash"], &new["action"]));
        if place == 1 {
            assert_eq!(old, new, "nobody else's entry changes");
            continue;
        }
        assert_eq!((&new["erasedIn"], &new["before"].is_null()), (&json!("5"), &(place == 0)));
        for text in ["before", "after"].map(|name| &new[name]).into_iter().filter(|text| !text.is_null()) {
            let told = ["name", "email", "phone", "id"].map(|field| text[field].clone());
            assert_eq!(told, [json!(pseudonym), Value::Null, Value::Null, before[0]["after"]["id"].clone()]);
        }
    }
    // What is no personal data stays as it was.
    assert_eq!((&after[3]["before"]["role"], &after[3]["after"]["role"]), (&json!("CHAIR"), &json!("FINANCE")));
    let erasure = &after[4];
    assert_eq!((&erasure["before"], &erasure["after"]["name"], &erasure["erasedIn"]), (&Value::Null, &json!(pseudonym), &Value::Null));
    let named: Vec<_> = erasure["after"]["erased"].as_array().unwrap().iter().map(|entry| &entry["revision"]).collect();
    assert_eq!(named, [1, 3, 4]);
    assert_eq!(audit::breaches(&app.db).await.unwrap(), Vec::<String>::new());
    for letters in ["nnabella", "070-174 06 05"] {
        assert_eq!(places(&app, letters).await, Vec::<String>::new(), "{letters}");
    }

    // Once is enough; another person can be erased as well.
    erase(&app, &id).await;
    assert_eq!(app.revision().await, 5);
    erase(&app, &other).await;
    assert_eq!(places(&app, "ertil").await, Vec::<String>::new());
    assert_eq!(audit::breaches(&app.db).await.unwrap(), Vec::<String>::new());
});

on_both!(what_was_written_before_there_was_salt_can_be_erased, |app| async move {
    let id = add(&app, json!({ "role": "CHAIR", "name": "Bo" })).await;
    let uuid = uuid::Uuid::try_parse(id.strip_prefix("contact_").unwrap()).unwrap();
    // An erasure of that time left the entries before it as they were.
    let old = "{\"name\":\"Annabella\",\"name_key\":\"annabella\",\"email\":\"annabella@example.se\",\"phone\":null}";
    write_as_before(&app, "import", SubjectKind::Contact, uuid, old).await;
    write_as_before(&app, "contactErase", SubjectKind::Contact, uuid, "{\"name\":\"Raderad kontakt\"}").await;
    intruder(&app).await.execute_unprepared("UPDATE contact SET name = 'Raderad', erased_at = '2026-11-20T08:00:00+00:00'").await.unwrap();
    assert_ne!(places(&app, "nnabella").await, Vec::<String>::new());
    erase(&app, &id).await;
    let trail = trail(&app).await;
    let erased: Vec<_> = trail.iter().map(|entry| &entry["erasedIn"]).collect();
    assert_eq!(erased, [&json!("4"), &json!("4"), &Value::Null, &Value::Null]);
    // When the person was erased stays true.
    assert_eq!(trail[3]["after"]["erased_at"], "2026-11-20T08:00:00Z");
    assert_eq!(places(&app, "nnabella").await, Vec::<String>::new());
    assert_eq!(audit::breaches(&app.db).await.unwrap(), Vec::<String>::new());
    erase(&app, &id).await;
    assert_eq!(app.revision().await, 4);
});

on_both!(nobody_else_can_use_an_erasure_to_change_the_trail, |app| async move {
    let id = add(&app, json!({ "role": "CHAIR", "name": "Annabella" })).await;
    let other = add(&app, json!({ "role": "CHAIR", "name": "Bertil" })).await;
    erase(&app, &id).await;
    app.office().does("contactUpdate", "id", json!({ "contact": other, "name": "Bert" })).await.data();
    let intruder = intruder(&app).await;
    let forge = |set: &str, revision: i64| {
        format!("UPDATE audit_entry SET salt = NULL, after = '{{}}', after_digest = 'x', erased_in = 3{set} WHERE revision = {revision}")
    };
    for way in [
        // One that was erased before, one about another person, the erasure itself, and one that came later.
        forge("", 1),
        forge("", 2),
        forge("", 3),
        forge(", before = '{}', before_digest = 'x'", 4),
        "UPDATE audit_entry SET after = '{}' WHERE revision = 1".to_owned(),
        "UPDATE audit_entry SET erased_in = NULL WHERE revision = 1".to_owned(),
    ] {
        let refused = intruder.execute_unprepared(&way).await.unwrap_err().to_string();
        assert!(refused.contains("the audit trail never changes"), "{way}: {refused}");
    }
    // Even without the guards, what an erasure left can't be changed unnoticed.
    let unguarded = unguarded(&app).await;
    let is_not = "audit trail: what was erased in revision 3 is not what it says";
    for (change, undo) in [
        ("after = REPLACE(after, 'Raderad', 'Räddad')", "after = REPLACE(after, 'Räddad', 'Raderad')"),
        ("before = '{}', before_digest = 'x'", "before = NULL, before_digest = NULL"),
    ] {
        unguarded.execute_unprepared(&format!("UPDATE audit_entry SET {change} WHERE revision = 1")).await.unwrap();
        assert!(audit::breaches(&app.db).await.unwrap().contains(&is_not.to_owned()), "{change}");
        unguarded.execute_unprepared(&format!("UPDATE audit_entry SET {undo} WHERE revision = 1")).await.unwrap();
        assert_eq!(audit::breaches(&app.db).await.unwrap(), Vec::<String>::new(), "{undo}");
    }
    unguarded.execute_unprepared("UPDATE audit_entry SET after_digest = 'x' WHERE revision = 1").await.unwrap();
    let broken = "audit trail: the hash of revision 1 does not follow from it and the one before";
    assert_eq!(audit::breaches(&app.db).await.unwrap(), [broken]);
});
