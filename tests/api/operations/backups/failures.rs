//! Backups that fail: the older one stays whole, and the failure is recorded.

use std::{fs, process::Command};

use domain::{clock::Clock, database::Database, database::plan::Plan};
use sea_orm::{ConnectionTrait, DbBackend};
use serde_json::{Value, json};

use super::{BackupFolder, restoring, run};
use crate::support::{
    app::{App, on_both},
    database_intruder::unguarded,
};

/// Runs the program of a shell's command, with the program as `$0`.
fn shelled(program: &Command, line: &str) -> Command {
    let mut shell = Command::new("bash");
    shell.args(["-c", line]).arg(program.get_program());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

/// The metrics of the last backup, by name.
async fn metrics(app: &App, folder: &BackupFolder) -> [i64; 3] {
    let folder = folder.path("");
    let app = app.with(&[("SAMREGISTER_BACKUP_DIR", folder.to_str().unwrap())]);
    let page = app.get("/metrics").await;
    ["timestamp_seconds", "failed", "revision"].map(|name| {
        let name = format!("samregister_last_backup_{name} ");
        let text = String::from_utf8_lossy(&page.bytes).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix(&name));
        line.unwrap_or_else(|| panic!("{name} is not in {text}")).parse().unwrap()
    })
}

on_both!(a_full_disk_leaves_the_older_backup_whole_and_is_reported, |app| async move {
    let app = app.at(&Clock::system().now().to_rfc3339());
    let folder = BackupFolder::new();
    assert_eq!(metrics(&app, &folder).await, [0, 0, 0]);
    app.office().does("organisationAdd", "id", json!({ "name": "Den första" })).await.data();
    let manifest = folder.back_up(&app, "register");
    let [at, failed, revision] = metrics(&app, &folder).await;
    assert!(at > 0 && failed == 0 && revision == app.revision().await);
    let read = |name: &str| fs::read(folder.path(name)).unwrap();
    let before = (read("register"), read("register.manifest.json"), folder.names());
    app.office().does("organisationAdd", "id", json!({ "name": "Den andra" })).await.data();

    // No file may grow larger than 64 KiB.
    let mut limited =
        shelled(&folder.program(&app), "ulimit -f 64; trap '' XFSZ; exec \"$0\" backup \"$1\"");
    limited.arg(folder.path("register"));
    let done = run(limited, &[]);
    assert_eq!(done.0, Some(1), "{done:?}");
    assert_eq!((read("register"), read("register.manifest.json"), folder.names()), before);
    assert_eq!(metrics(&app, &folder).await, [at, 1, revision]);
    let last = folder.last();
    assert_eq!(last["success"]["revision"], manifest["revision"]);
    assert!(done.2.contains(last["failure"]["message"].as_str().unwrap()), "{last} {done:?}");
    let restored = app.empty_database().await;
    let done = run(restored.program(), &restoring(&folder.path("register"), &[]));
    assert!(done.0 == Some(0) && done.1.contains("no violation"), "{done:?}");

    // The next one replaces it.
    let next = folder.back_up(&app, "register");
    assert_eq!(next["revision"], json!(app.revision().await));
    assert_eq!(next["replaced"]["sha256"], manifest["sha256"]);
    assert_eq!((metrics(&app, &folder).await[1], folder.names()), (0, before.2));
});

on_both!(a_backup_whose_replacement_was_interrupted_twice_matches_its_manifest, |app| async move {
    let app = app.at(&Clock::system().now().to_rfc3339());
    let folder = BackupFolder::new();
    let add = async |name: &str| {
        app.office().does("organisationAdd", "id", json!({ "name": name })).await.data();
    };
    add("Den första").await;
    let revision = folder.back_up(&app, "register")["revision"].clone();
    let file = folder.path("register");
    let first = fs::read(&file).unwrap();
    for name in ["Den andra", "Den tredje"] {
        add(name).await;
        folder.back_up(&app, "register");
        // As if the program had been killed between the manifest and the file.
        fs::write(&file, &first).unwrap();
    }
    let restored = app.empty_database().await;
    let done = run(restored.program(), &restoring(&file, &[]));
    let restored = format!("restored to revision {revision},");
    assert!(done.0 == Some(0) && done.2.contains(&restored), "{done:?}");
});

on_both!(a_register_whose_trail_has_errors_does_not_replace_a_backup, |app| async move {
    let app = app.at(&Clock::system().now().to_rfc3339());
    app.office().does("organisationAdd", "id", json!({ "name": "Den första" })).await.data();
    let folder = BackupFolder::new();
    let whole = folder.back_up(&app, "register");
    let intruder = unguarded(&app).await;
    intruder.execute_unprepared("UPDATE audit_entry SET actor = 'mallory'").await.unwrap();
    let file = folder.path("register").display().to_string();
    let done = run(folder.program(&app), &["backup", &file]);
    assert!(done.0 == Some(1) && done.2.contains("the copy has errors"), "{done:?}");
    assert_eq!(folder.manifest("register"), whole);
    let done = run(folder.program(&app), &["backup", "--unverified", &file]);
    assert!(done.0 == Some(0) && done.2.contains("not verified"), "{done:?}");
    assert_eq!(folder.manifest("register")["verified"], Value::Bool(false));
    // It ends no alarm, and takes the place of no verified backup.
    assert_eq!(metrics(&app, &folder).await[1..], [1, whole["revision"].as_i64().unwrap()]);
    assert_eq!(folder.last()["unverified"]["revision"], json!(app.revision().await));
    let before = folder.names();
    let done = run(folder.program(&app), &["backup", "--unverified", "--keep", "1d"]);
    assert!(done.0 == Some(0) && done.2.contains("no older backup was removed"), "{done:?}");
    assert!(before.iter().all(|name| folder.names().contains(name)), "{:?}", folder.names());
    // It is restored, with its violations.
    let restored = app.empty_database().await;
    let done = run(restored.program(), &restoring(&folder.path("register"), &[]));
    assert!(done.0 == Some(3) && done.1.contains("audit trail"), "{done:?}");
});

on_both!(a_register_is_backed_up_before_it_is_migrated, |app| async move {
    let database = app.empty_database().await;
    let db = Database::connect(&database.url(), None).await.unwrap();
    db.apply(&Plan::current().before("m2026_11_24_01_texts"), Clock::system().now()).await.unwrap();
    db.close().await.unwrap();
    let folder = BackupFolder::new();
    let file = folder.path("register");
    let done = run(folder.of(database.program()), &["backup", file.to_str().unwrap()]);
    assert!(done.0 == Some(0) && done.2.contains("not verified"), "{done:?}");
    let restored = app.empty_database().await;
    let done = run(restored.program(), &restoring(&file, &[]));
    assert!(
        done.0 == Some(1)
            && done.2.contains("restored, but not verified")
            && done.2.contains("run `samregister migrate`, then `samregister verify`"),
        "{done:?}"
    );
    assert_eq!(run(restored.program(), &["migrate"]).0, Some(0));
    assert_eq!(run(restored.program(), &["verify"]).0, Some(0));
});

on_both!(only_pending_migrations_are_a_reason_for_a_backup_without_a_check, |app| async move {
    let app = app.at(&Clock::system().now().to_rfc3339());
    app.office().does("organisationAdd", "id", json!({ "name": "Den första" })).await.data();
    let folder = BackupFolder::new();
    folder.back_up(&app, "register");
    let before = fs::read(folder.path("register")).unwrap();
    let newer = "UPDATE migration_requirement SET oldest_program = '99.1.0'";
    unguarded(&app).await.execute_unprepared(newer).await.unwrap();
    let file = folder.path("register").display().to_string();
    for more in [&[][..], &["--unverified"]] {
        let arguments = [&["backup", file.as_str()], more].concat();
        let done = run(folder.program(&app), &arguments);
        assert!(done.0 == Some(1) && done.2.contains("needs 99.1.0 or later"), "{done:?}");
        assert_eq!(fs::read(folder.path("register")).unwrap(), before);
    }
    let failure = &folder.last()["failure"]["message"];
    assert!(failure.as_str().unwrap().contains("99.1.0"), "{failure}");
    // Nor is a database without a register backed up, as one that DATABASE_URL names by mistake.
    let empty = app.empty_database().await;
    if empty.url().starts_with("sqlite:") {
        fs::write(empty.file(), "").unwrap();
    }
    let done = run(folder.of(empty.program()), &["backup", &file]);
    assert!(done.0 == Some(1) && done.2.contains("has no register"), "{done:?}");
});

on_both!(the_programs_of_postgresql_are_needed_there_alone, |app| async move {
    let folder = BackupFolder::new();
    let programs = tempfile::tempdir().unwrap();
    let file = folder.path("register").display().to_string();
    let back_up = || {
        let mut program = folder.program(&app);
        program.env("PATH", programs.path());
        run(program, &["backup", &file])
    };
    let done = back_up();
    if app.db.backend() == DbBackend::Sqlite {
        assert_eq!(done.0, Some(0), "{done:?}");
        return;
    }
    assert!(
        done.0 == Some(1)
            && done.2.contains("pg_dump is not in PATH")
            && done.2.contains("docs/operations/backup.md"),
        "{done:?}"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let program = programs.path().join("pg_dump");
        fs::write(&program, "#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        let done = back_up();
        assert!(
            done.0 == Some(1) && done.2.contains("pg_dump in PATH is of PostgreSQL 9"),
            "{done:?}"
        );
    }
    assert_eq!(folder.names(), ["last-backup.json"]);
});

on_both!(variables_of_postgresql_do_not_lead_to_another_server, |app| async move {
    let app = app.at(&Clock::system().now().to_rfc3339());
    app.office().does("organisationAdd", "id", json!({ "name": "Den första" })).await.data();
    let folder = BackupFolder::new();
    let file = folder.path("register");
    let services = folder.path("services");
    fs::write(&services, "[other]\nhost=127.0.0.1\nport=1\ndbname=other\n").unwrap();
    let redirected = |mut program: Command| {
        program.env("PGSERVICEFILE", &services).env("PGSERVICE", "other");
        program.env("PGTARGETSESSIONATTRS", "standby");
        program
    };
    let program = redirected(folder.program(&app));
    let done = run(program, &["backup", file.to_str().unwrap()]);
    assert_eq!(done.0, Some(0), "{done:?}");
    let restored = app.empty_database().await;
    let done = run(redirected(restored.program()), &restoring(&file, &[]));
    assert!(done.0 == Some(0) && done.1.contains("no violation"), "{done:?}");
});

on_both!(older_backups_of_the_register_are_removed_and_nothing_else, |app| async move {
    let app = app.at(&Clock::system().now().to_rfc3339());
    app.office().does("organisationAdd", "id", json!({ "name": "Den första" })).await.data();
    let folder = BackupFolder::new();
    folder.back_up(&app, "first");
    for name in ["notes.txt", "samregister-20200101T000000Z.db"] {
        fs::write(folder.path(name), "of someone else").unwrap();
    }
    let done = run(folder.program(&app), &["backup", "--keep", "1d"]);
    assert!(done.0 == Some(0) && done.2.contains("1 older backup removed"), "{done:?}");
    let new = std::path::PathBuf::from(done.1.trim());
    let new = new.file_name().unwrap().to_str().unwrap().to_owned();
    let mut expected = vec![
        "last-backup.json".to_owned(),
        "notes.txt".to_owned(),
        "samregister-20200101T000000Z.db".to_owned(),
        format!("{new}.manifest.json"),
        new,
    ];
    expected.sort_unstable();
    assert_eq!(folder.names(), expected);
    let file = folder.path("file").display().to_string();
    let done = run(folder.program(&app), &["backup", &file, "--keep", "1d"]);
    assert!(done.0 == Some(2) && done.2.contains("--keep needs a folder"), "{done:?}");
    for wrong in ["7", "7h", "0d"] {
        assert_eq!(run(folder.program(&app), &["backup", "--keep", wrong]).0, Some(2), "{wrong}");
    }
});
