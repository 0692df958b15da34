//! Migration of an audit trail that an earlier version wrote.

use ::entity::kind::{Form, SubjectKind};
use domain::audit;
use sea_orm::{ConnectionTrait, DbBackend};
use serde_json::{Value, json};

use crate::{
    audit::forgery::{CHANGED, entries, found, owner},
    support::{
        app::{App, on_both, trail_key},
        database_intruder::{intruder, migrate_trail, write_as_before},
    },
};

on_both!(a_trail_of_an_earlier_version_is_migrated_once, |app| async move {
    for name in ["Ale", "Bo", "Cea"] {
        let text = format!(
            "{{\"id\":\"0197aaaa-aaaa-7000-8000-00000000000a\",\"name\":\"{name}\",\"billing\":{{\"email\":\"{name}@example.se\",\"buyer_reference\":null}}}}"
        );
        write_as_before(&app, "memberAdmit", SubjectKind::Member, uuid::Uuid::now_v7(), &text)
            .await;
    }
    let old = entries(app.db.read()).await;
    let line = format!("2026-11-20T09:00:00Z 3 {}", old[2].hash);
    // Nothing is written to it before.
    assert_eq!(
        app.office()
            .does("memberAdmit", "id", json!({ "name": "Dan", "joinedOn": "2015-01-01" }))
            .await
            .code(),
        "INTERNAL"
    );
    assert!(found(&app).await.iter().any(|violation| violation.contains("revision 1 has no form")));
    migrate_trail(&app).await;
    let new = entries(app.db.read()).await;
    assert_eq!((new.len(), found(&app).await), (4, Vec::new()));
    for (old, new) in old.iter().zip(&new) {
        assert_eq!(
            (new.former_hash.as_ref(), new.form, new.form_version),
            (Some(&old.hash), Some(Form::Member), 0)
        );
        assert_ne!(new.hash, old.hash);
        assert!(!new.after.as_deref().unwrap().contains("@example.se"));
    }
    let stated: Value = serde_json::from_str(new[3].after.as_deref().unwrap()).unwrap();
    assert_eq!(
        stated,
        json!({ "revision": 3, "old_head": old[2].hash, "new_head": new[2].hash, "broken": [] })
    );
    assert_eq!((new[3].action.as_str(), new[3].signed_from), ("trailMigrate", Some(1)));
    // Once is enough, and the register is written to again.
    migrate_trail(&app).await;
    app.office()
        .does("memberAdmit", "id", json!({ "name": "Dan", "joinedOn": "2015-01-01" }))
        .await
        .data();
    assert_eq!((app.revision().await, found(&app).await), (5, Vec::new()));
    // A checkpoint of before still holds, and would show a trail that was rewritten before it was
    // migrated.
    let trusted = trail_key();
    let departures = async |line: &str| {
        audit::departures(app.db.read(), &[line.parse().unwrap()], Some(trusted.trusted()))
            .await
            .unwrap()
    };
    assert_eq!(departures(&line).await, Vec::<String>::new());
    let other = format!("2026-11-20T09:00:00Z 3 {}", "9f".repeat(32));
    assert!(departures(&other).await[0].starts_with("audit trail: revision 3 has the hash "));
    // The guards are there again.
    let refused = intruder(&app)
        .await
        .execute_unprepared("UPDATE audit_entry SET actor = 'ingen'")
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains(CHANGED), "{refused}");
    // What was migrated is covered as what came later.
    let owner = owner(&app).await;
    owner
        .execute_unprepared(&format!(
            "UPDATE audit_entry SET former_hash = '{}' WHERE revision = 2",
            "9f".repeat(32)
        ))
        .await
        .unwrap();
    assert!(found(&app).await.len() >= 2);
});

on_both!(what_did_not_hold_before_the_migration_is_stated_by_it, |app| async move {
    for name in ["Ale", "Bo", "Cea"] {
        write_as_before(
            &app,
            "memberAdmit",
            SubjectKind::Member,
            uuid::Uuid::now_v7(),
            &format!("{{\"name\":\"{name}\"}}"),
        )
        .await;
    }
    let owner = owner(&app).await;
    owner
        .execute_unprepared(
            "UPDATE audit_entry SET after = '{\"name\":\"Bosse\"}' WHERE revision = 2",
        )
        .await
        .unwrap();
    // The guards must be there for it to take away.
    let guard = if app.db.backend() == DbBackend::Sqlite {
        "CREATE TRIGGER audit_entry__no_update BEFORE UPDATE ON audit_entry BEGIN SELECT RAISE(ABORT, 'no'); END"
    } else {
        "CREATE TRIGGER audit_entry__no_update BEFORE UPDATE ON audit_entry FOR EACH STATEMENT EXECUTE FUNCTION audit_entry__refuse()"
    };
    owner.execute_unprepared(guard).await.unwrap();
    migrate_trail(&app).await;
    assert_eq!(
        found(&app).await,
        [
            // The text is another than the digest was of.
            "audit trail: the former hash of revision 2 does not follow from it and the one before",
            "audit trail: revision 2 did not follow from the one before when the trail was migrated",
        ]
    );
});
