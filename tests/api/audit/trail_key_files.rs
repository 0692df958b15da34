//! Replacing the key that signs the trail: whatever interrupts it, the key that the trail appointed
//! is never lost.

use std::{
    fs,
    path::{Path, PathBuf},
};

use domain::{
    audit::{self, TrailKey, write_private},
    auth::viewer::Viewer,
};
use serde_json::json;

use crate::support::app::{App, on_both, trail_key, trail_key_file};

/// A folder with a copy of the key that signs the trails of the tests.
struct Keys {
    folder: tempfile::TempDir,
}

impl Keys {
    fn new() -> Self {
        let keys = Self { folder: tempfile::tempdir().unwrap() };
        fs::copy(trail_key_file(), keys.file()).unwrap();
        keys
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    fn next(&self) -> PathBuf {
        self.folder.path().join("key.pem.next")
    }

    fn former(&self) -> PathBuf {
        self.folder.path().join(format!("key.pem.former-{}", trail_key().id()))
    }

    /// Writes a new key as `trail-key replace` does before the trail appoints it.
    fn write_next(&self) -> TrailKey {
        let new = TrailKey::generate();
        let text = new.to_pem().unwrap() + &trail_key().trusted_pem().unwrap();
        write_private(&self.next(), &text).unwrap();
        new
    }

    /// Runs a command with the key; returns its output and its exit code.
    fn run(&self, app: &App, arguments: &[&str]) -> (String, Option<i32>) {
        let output = app
            .program()
            .args(arguments)
            .env("SAMREGISTER_TRAIL_KEY", self.file())
            .output()
            .unwrap();
        (
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr),
            output.status.code(),
        )
    }
}

fn id(file: &Path) -> String {
    TrailKey::read("SAMREGISTER_TRAIL_KEY", file).unwrap().id().to_owned()
}

async fn appoint(app: &App, new: &TrailKey) {
    audit::replace_key(app.context(&Viewer::operator("trail-key")), new).await.unwrap();
}

on_both!(a_replacement_that_was_interrupted_is_finished_by_the_next_one, |app| async move {
    app.office()
        .does("memberAdmit", "id", json!({ "name": "Ale", "joinedOn": "2015-01-01" }))
        .await
        .data();
    let keys = Keys::new();
    let new = keys.write_next();
    // As if the program ended after the commit that appoints the key.
    appoint(&app, &new).await;
    let revision = app.revision().await;
    let (said, code) = keys.run(&app, &["trail-key", "replace"]);
    assert!(code == Some(0) && said.contains(new.id()), "{said}");
    assert_eq!(
        (id(&keys.file()), id(&keys.former()), keys.next().exists()),
        (new.id().to_owned(), trail_key().id().to_owned(), false)
    );
    assert_eq!(app.revision().await, revision, "nothing is appointed twice");

    // As a program of before left it: the old key is moved away, the new one not yet at its path.
    fs::rename(keys.file(), keys.next()).unwrap();
    let (said, code) = keys.run(&app, &["trail-key", "replace"]);
    assert!(code == Some(0) && said.contains(new.id()), "{said}");
    assert_eq!((id(&keys.file()), keys.next().exists()), (new.id().to_owned(), false));
    let (said, code) = keys.run(&app, &["verify"]);
    assert!(code == Some(0) && said.contains("no violation"), "{said}");
    assert_eq!(keys.run(&app, &["token", "revoke", "--subject", "ada@example.se"]).1, Some(0));
});

on_both!(a_key_that_was_not_appointed_yet_is_used_by_the_next_replacement, |app| async move {
    app.office()
        .does("memberAdmit", "id", json!({ "name": "Ale", "joinedOn": "2015-01-01" }))
        .await
        .data();
    let keys = Keys::new();
    let new = keys.write_next();
    // While the trail refuses to be written to, the new key stays.
    let clock = app.at("2999-01-01T09:00:00Z");
    clock
        .office()
        .does("memberAdmit", "id", json!({ "name": "Bo", "joinedOn": "2015-01-01" }))
        .await
        .data();
    let (said, code) = keys.run(&app, &["trail-key", "replace"]);
    assert!(
        code == Some(1)
            && said.contains("is retained; run `samregister trail-key replace` again to finish"),
        "{said}"
    );
    assert_eq!(
        (id(&keys.file()), id(&keys.next())),
        (trail_key().id().to_owned(), new.id().to_owned())
    );
    assert_eq!(keys.run(&app, &["clock", "--accept"]).1, Some(0));
    let (said, code) = keys.run(&app, &["trail-key", "replace"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!((id(&keys.file()), keys.next().exists()), (new.id().to_owned(), false));
    let (said, code) = keys.run(&app, &["verify"]);
    assert!(code == Some(0) && said.contains("no violation"), "{said}");
});

on_both!(a_new_key_that_cannot_be_read_is_never_removed, |app| async move {
    let keys = Keys::new();
    fs::write(keys.next(), "half a key").unwrap();
    let (said, code) = keys.run(&app, &["trail-key", "replace"]);
    assert!(code == Some(1) && said.contains("key.pem.next"), "{said}");
    assert_eq!(fs::read_to_string(keys.next()).unwrap(), "half a key");
    assert_eq!(id(&keys.file()), trail_key().id());
});

on_both!(a_key_that_others_can_read_is_warned_of, |app| async move {
    use std::os::unix::fs::PermissionsExt;
    let keys = Keys::new();
    let warning = "other users of this machine can read the private key in ";
    assert!(!keys.run(&app, &["verify"]).0.contains(warning));
    for mode in [0o640, 0o604] {
        fs::set_permissions(keys.file(), fs::Permissions::from_mode(mode)).unwrap();
        let (said, code) = keys.run(&app, &["verify"]);
        assert!(
            code == Some(0)
                && said.contains(warning)
                && said.contains(&format!("its mode is {mode:03o}")),
            "{said}"
        );
    }
});

on_both!(no_key_is_made_when_the_trail_cannot_be_read, |app| async move {
    use sea_orm::ConnectionTrait;
    app.office()
        .does("memberAdmit", "id", json!({ "name": "Ale", "joinedOn": "2015-01-01" }))
        .await
        .data();
    let folder = tempfile::tempdir().unwrap();
    let migrate = || {
        let mut program = app.program();
        program.env_remove("SAMREGISTER_TRAIL_KEY").current_dir(folder.path()).arg("migrate");
        let output = program.output().unwrap();
        (String::from_utf8_lossy(&output.stderr).into_owned(), output.status.code())
    };
    // A column that can't be read, as by a user of the database without the right to.
    let db = crate::support::database_intruder::intruder(&app).await;
    db.execute_unprepared("ALTER TABLE audit_entry RENAME COLUMN key_id TO signer").await.unwrap();
    let (said, code) = migrate();
    assert!(code == Some(1) && said.contains("key_id"), "{said}");
    let usual = match app.db.backend() {
        sea_orm::DbBackend::Sqlite => {
            PathBuf::from(format!("{}.trail-key.pem", app.url().strip_prefix("sqlite://").unwrap()))
        }
        _ => folder.path().join("samregister.trail-key.pem"),
    };
    assert!(!usual.exists(), "{said}");
});

on_both!(a_server_whose_key_was_replaced_is_not_ready, |app| async move {
    assert_eq!(app.get("/readyz").await.status, 200);
    appoint(&app, &TrailKey::generate()).await;
    let answer = app.get("/readyz").await;
    assert_eq!(answer.status, 503);
    assert!(
        answer
            .text()
            .contains("the key that signs the audit trail was replaced; restart this server"),
        "{}",
        answer.text()
    );
});
