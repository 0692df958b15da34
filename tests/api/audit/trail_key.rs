//! The key that signs the audit trail: missing, made at the first start, and replaced.

use ::entity::{
    audit_entry::Entity,
    kind::{Form, SubjectKind},
};
use domain::audit::TrailKey;
use sea_orm::{DbBackend, EntityTrait, IntoActiveModel};
use serde_json::json;

use crate::{
    audit::forgery::{entries, filled, found, next},
    support::{
        app::{App, on_both, trail_key, trail_key_file},
        database_intruder::intruder,
    },
};

/// Runs a command; returns its output and its exit code.
fn run(app: &App, arguments: &[&str], settings: &[(&str, &str)]) -> (String, Option<i32>) {
    let output = app.program().args(arguments).envs(settings.iter().copied()).output().unwrap();
    (
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr),
        output.status.code(),
    )
}

on_both!(without_a_key_the_trail_is_not_authenticated, |app| async move {
    filled(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let output = |settings: &[(&str, &str)]| {
        let mut program = app.program();
        // Its default path would be next to the file, or in the working directory.
        program
            .env_remove("SAMREGISTER_TRAIL_KEY")
            .current_dir(folder.path())
            .envs(settings.iter().copied());
        let output = program.arg("verify").output().unwrap();
        (
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr),
            output.status.code(),
        )
    };
    let (reported, code) = output(&[]);
    assert!(
        code == Some(0)
            && reported.contains("the audit trail was not authenticated: there is no key in "),
        "{reported}"
    );
    let (reported, code) = output(&[("SAMREGISTER_TRAIL_MUST_AUTHENTICATE", "true")]);
    assert!(
        code == Some(3) && reported.starts_with("audit trail: not authenticated: "),
        "{reported}"
    );
    // An auditor has the public key alone.
    let (shown, code) = run(&app, &["trail-key", "show"], &[]);
    assert_eq!((shown.as_str(), code), (trail_key().public_pem().unwrap().as_str(), Some(0)));
    std::fs::write(file("auditor.pem"), &shown).unwrap();
    let (reported, code) = output(&[
        ("SAMREGISTER_TRAIL_PUBLIC_KEYS", &file("auditor.pem")),
        ("SAMREGISTER_TRAIL_MUST_AUTHENTICATE", "true"),
    ]);
    assert!(
        code == Some(0) && reported.contains("no violation") && !reported.contains("authenticated"),
        "{reported}"
    );
    std::fs::write(file("auditor.pem"), TrailKey::generate().public_pem().unwrap()).unwrap();
    let (reported, code) = output(&[("SAMREGISTER_TRAIL_PUBLIC_KEYS", &file("auditor.pem"))]);
    assert!(
        code == Some(3) && reported.contains("which is none of those that are trusted"),
        "{reported}"
    );
});

on_both!(the_key_is_replaced_by_one_that_it_appoints, |app| async move {
    filled(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.pem").display().to_string();
    std::fs::copy(trail_key_file(), &file).unwrap();
    let settings = [("SAMREGISTER_TRAIL_KEY", file.as_str())];
    let (reported, code) = run(&app, &["trail-key", "replace"], &settings);
    assert_eq!(code, Some(0), "{reported}");
    let new = TrailKey::from_pem(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert!(new.id() != trail_key().id() && reported.contains(new.id()), "{reported}");
    assert_eq!(app.revision().await, entries(app.db.read()).await.len() as i64);
    // The old key signs no longer, from the very entry on.
    let admission = json!({ "name": "Dan", "joinedOn": "2015-01-01" });
    assert_eq!(app.office().does("memberAdmit", "id", admission.clone()).await.code(), "INTERNAL");
    let with_the_old_key = || run(&app, &["token", "revoke", "--subject", "anna@example.se"], &[]);
    let (reported, code) = with_the_old_key();
    let replaced = format!(
        "the key {} of this program was replaced by {1}; name the file of {1} in SAMREGISTER_TRAIL_KEY",
        trail_key().id(),
        new.id()
    );
    assert!(
        code == Some(1)
            && reported.starts_with("error: nothing is written: ")
            && reported.contains(&replaced),
        "{reported}"
    );
    // The new key continues the trail, and verifies all of it.
    let (reported, code) =
        run(&app, &["token", "revoke", "--subject", "anna@example.se"], &settings);
    assert_eq!(code, Some(0), "{reported}");
    let (reported, code) = with_the_old_key();
    for part in
        ["does not trust", "SAMREGISTER_TRAIL_PUBLIC_KEYS", "`samregister verify`", new.id()]
    {
        assert!(code == Some(1) && reported.contains(part), "{part}: {reported}");
    }
    let (reported, code) = run(&app, &["verify"], &settings);
    assert!(code == Some(0) && reported.contains("no violation"), "{reported}");
    // Who has the first public key follows: each key is appointed by the one before.
    assert_eq!(found(&app).await, Vec::<String>::new());
    // A server that still has the old key is refused, and what it had signed would be found.
    assert_eq!(app.office().does("memberAdmit", "id", admission).await.code(), "INTERNAL");
    let all = entries(app.db.read()).await;
    let mut forged =
        next(&all, Form::Cost, (SubjectKind::Activity, uuid::Uuid::now_v7()), &json!({}));
    let last = forged.revision;
    forged.signature =
        Some(trail_key().sign(&format!("samregister trail head\n{last}\n{last}\n{}", forged.hash)));
    (forged.signed_from, forged.key_id) = (Some(last), Some(trail_key().id().to_owned()));
    Entity::insert(forged.into_active_model())
        .exec_without_returning(&intruder(&app).await)
        .await
        .unwrap();
    let replaced = format!(
        "audit trail: revision {last} was signed with the key {}, which was replaced before",
        trail_key().id()
    );
    assert_eq!(found(&app).await, [replaced]);
});

on_both!(the_key_is_made_at_the_first_start_and_never_again, |app| async move {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("first.pem");
    let settings = [("SAMREGISTER_TRAIL_KEY", file.display().to_string())];
    // A file that is named must be there, or else a typing error would make another key.
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (reported, code) = run(&app, &["migrate"], &settings);
    assert!(code == Some(1) && reported.contains("can't be read"), "{reported}");
    let migrate = || {
        let mut program = app.program();
        program.env_remove("SAMREGISTER_TRAIL_KEY").current_dir(folder.path()).arg("migrate");
        let output = program.output().unwrap();
        (String::from_utf8_lossy(&output.stderr).into_owned(), output.status.code())
    };
    let usual = match app.db.backend() {
        DbBackend::Sqlite => std::path::PathBuf::from(format!(
            "{}.trail-key.pem",
            app.url().strip_prefix("sqlite://").unwrap()
        )),
        _ => folder.path().join("samregister.trail-key.pem"),
    };
    let (reported, code) = migrate();
    let made = format!(
        "that signs the audit trail: {}. Back it up now, apart from the database",
        usual.display()
    );
    assert!(code == Some(0) && reported.contains(&made), "{reported}");
    let key = std::fs::read_to_string(&usual).unwrap();
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&usual).unwrap().permissions())
            & 0o777,
        0o600
    );
    let (reported, code) = migrate();
    assert!(code == Some(0) && !reported.contains("that signs the audit trail"), "{reported}");
    assert_eq!(std::fs::read_to_string(&usual).unwrap(), key);
    // When something was signed, no other key is made for it.
    filled(&app).await;
    std::fs::remove_file(&usual).unwrap();
    let (reported, code) = migrate();
    assert!(
        code == Some(1)
            && reported.contains(&format!("was signed with the key {}", trail_key().id())),
        "{reported}"
    );
    assert!(!usual.exists());
});
