//! Access to a database past the program, and audit trails as earlier versions wrote them.

use ::entity::{audit_entry, kind::SubjectKind};
use domain::audit;
use sea_orm::{
    ConnectionTrait, Database, DatabaseConnection, DbBackend, EntityTrait, IntoActiveModel,
};
use sha2::{Digest, Sha256};

use crate::support::app::{App, instant};

/// An intruder at the database itself, past the program.
pub async fn intruder(app: &App) -> DatabaseConnection {
    Database::connect(app.url()).await.unwrap()
}

/// An intruder who has taken the trail's guards away, as the owner of the database can.
pub async fn unguarded(app: &App) -> DatabaseConnection {
    let intruder = intruder(app).await;
    for guard in ["audit_entry__no_update", "audit_entry__no_delete"] {
        let of = if app.db.backend() == DbBackend::Postgres { " ON audit_entry" } else { "" };
        intruder.execute_unprepared(&format!("DROP TRIGGER {guard}{of}")).await.unwrap();
    }
    intruder
}

/// The hash of an entry of before there was salt, calculated by what was promised then, with its
/// texts' digests.
fn old_hash(entry: &audit_entry::Model, before: &str) -> String {
    let sha256 = |text: &str| hex::encode(Sha256::digest(text));
    let digest = |text: &Option<String>| text.as_deref().map_or("-".to_owned(), sha256);
    let (revision, micros) = (entry.revision, entry.at.timestamp_micros());
    let (actor, action, kind, subject) =
        (&entry.actor, &entry.action, entry.subject_kind, entry.subject_id.simple());
    let (version, texts) =
        (&entry.version, format!("{}\n{}", digest(&entry.before), digest(&entry.after)));
    sha256(&format!(
        "{before}\n{revision}\n{micros}\n{actor}\n{action}\n{kind}\n{subject}\n{version}\n{texts}"
    ))
}

/// Writes an entry as the program did before there was salt, at the end of the trail.
pub async fn write_as_before(
    app: &App,
    action: &str,
    kind: SubjectKind,
    subject: uuid::Uuid,
    after: &str,
) {
    let intruder = intruder(app).await;
    let last = audit::checkpoint(&app.db, app.clock).await.unwrap();
    let mut entry = audit_entry::Model {
        revision: last.revision + 1,
        at: instant("2026-11-20T08:00:00.25Z"),
        actor: "office@example.se".into(),
        action: action.into(),
        subject_kind: kind,
        subject_id: subject,
        version: "0.1.0".into(),
        after: Some(after.into()),
        ..audit_entry::Model::default()
    };
    entry.hash = old_hash(&entry, if last.revision == 0 { "" } else { &last.hash });
    audit_entry::Entity::insert(entry.into_active_model())
        .exec_without_returning(&intruder)
        .await
        .unwrap();
}

/// Migrates a trail that [`write_as_before`] wrote, as the program does when it is brought up to
/// date.
pub async fn migrate_trail(app: &App) {
    let forget = "DELETE FROM seaql_migrations WHERE version = 'm2026_11_30_21_trail_migration'";
    intruder(app).await.execute_unprepared(forget).await.unwrap();
    app.db.migrate(app.clock.now()).await.unwrap();
}
