//! The command `doctor`: a register that needs nothing, and each problem named by its line.
#![cfg(unix)]

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
};

use domain::{
    clock::Clock,
    database::{CommandRun, RecordedCommand},
};
use sea_orm::{ConnectionTrait, DbBackend};
use serde_json::{Value, json};

use crate::{
    interfaces::cli::commands::{filled, run},
    support::{
        app::{self, App, on_both},
        fixtures,
    },
};

/// The lines of a diagnosis, in order.
const LINES: [&str; 19] = [
    "settings",
    "database",
    "schema",
    "database_version",
    "database_tls",
    "read_replicas",
    "disk",
    "clock",
    "time_sync",
    "file_modes",
    "open_files",
    "trail_key",
    "token_keys",
    "issuer",
    "timestamp_service",
    "network",
    "backup",
    "checkpoint",
    "verify",
];

/// The settings of the example network.
fn network() -> String {
    format!("{}/assets/demo/samregister.toml", env!("CARGO_MANIFEST_DIR"))
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The program over a register that lacks nothing.
fn program(app: &App) -> Command {
    if let Some(file) = app.db.path() {
        for entry in fs::read_dir(file.parent().unwrap()).unwrap() {
            set_mode(&entry.unwrap().path(), 0o600);
        }
    }
    let mut program = app.program();
    program.env("SAMREGISTER_CONFIG", network());
    program
}

/// The lines of a diagnosis in JSON: status and message by name. Its exit code must be that of the
/// worst line.
fn diagnosis(program: Command) -> BTreeMap<String, (String, String)> {
    let ran = run(program, "doctor --format json");
    let document: Value = serde_json::from_str(&ran.out)
        .unwrap_or_else(|error| panic!("{error}: {}{}", ran.out, ran.err));
    let has_failed = document["status"] == "fail";
    assert_eq!(ran.code, Some(if has_failed { 3 } else { 0 }), "{}", ran.out);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let checks = document["checks"].as_array().unwrap();
    let names: Vec<_> = checks.iter().map(|check| text(&check["check"])).collect();
    assert_eq!(names, LINES);
    checks
        .iter()
        .map(|check| (text(&check["check"]), (text(&check["status"]), text(&check["message"]))))
        .collect()
}

/// Expects a line with this status and these words.
fn expect(program: Command, name: &str, status: &str, words: &str) {
    let found = &diagnosis(program)[name];
    assert!(found.0 == status && found.1.contains(words), "{name}: {found:?}, not {words:?}");
}

on_both!(a_register_that_lacks_nothing_has_no_failure, |app| async move {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in fixtures::FILES {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    run(program(&app), &format!("import {}", folder.path().display())).done();
    for line in ["checkpoint", "verify"] {
        run(program(&app), line).done();
    }
    let found = diagnosis(program(&app));
    let failed: Vec<_> = found.iter().filter(|(_, (status, _))| status == "fail").collect();
    assert!(failed.is_empty(), "{failed:?}");
    for name in LINES {
        // These depend on the machine, and no backup was made.
        let may_warn = ["disk", "time_sync", "open_files", "backup"].contains(&name);
        assert!(may_warn || found[name].0 == "ok", "{name}: {:?}", found[name]);
    }
    assert_eq!(found["backup"].1, "no backup is recorded");
    let ran = run(program(&app), "doctor --strict");
    assert_eq!(ran.code, Some(3), "{}", ran.out);
    assert!(ran.out.lines().any(|line| line == "ok    settings            every setting is valid"));
    assert!(ran.err.starts_with("19 checks, none failed, "), "{}", ran.err);
});

on_both!(settings_that_are_wrong_or_missing_are_named, |app| async move {
    let with = |name: &str, value: &str| {
        let mut program = program(&app);
        program.env(name, value);
        program
    };
    let short = || with("SAMREGISTER_JWT_SECRET", "short");
    expect(
        short(),
        "settings",
        "fail",
        "the environment: SAMREGISTER_JWT_SECRET must have at least",
    );
    expect(short(), "verify", "warn", "not checked: see settings");
    let repeated = "passwordpasswordpasswordpassword";
    let weak = || with("SAMREGISTER_JWT_SECRET", repeated);
    expect(weak(), "token_keys", "fail", "SAMREGISTER_JWT_SECRET can be guessed");
    assert!(!run(weak(), "doctor").out.contains(repeated));
    expect(with("SAMREGISTER_JWT_SECRET", ""), "token_keys", "fail", "must be set");
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("samregister.toml");
    fs::write(&empty, "[network]\nname = 'NNS'\n").unwrap();
    set_mode(&empty, 0o600);
    let bare = with("SAMREGISTER_CONFIG", empty.to_str().unwrap());
    expect(bare, "network", "fail", "without network.org_number, network.address_line");
    let mut issuer = with("SAMREGISTER_JWT_JWKS", "https://127.0.0.1:1/keys");
    issuer.env("SAMREGISTER_JWT_SECRET", "");
    expect(issuer, "issuer", "fail", "SAMREGISTER_JWT_JWKS can't be read");
    let service = with("SAMREGISTER_TIMESTAMP_URL", "http://127.0.0.1:1/tsr");
    expect(service, "timestamp_service", "warn", "gives no timestamp");
    // A page of something else is no timestamp.
    let page = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/tsr", page.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in page.incoming() {
            let mut stream = stream.unwrap();
            assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK";
            stream.write_all(answer.as_bytes()).ok();
        }
    });
    let service = with("SAMREGISTER_TIMESTAMP_URL", &url);
    expect(service, "timestamp_service", "warn", "gives no timestamp");
});

on_both!(a_network_needs_a_vat_number_for_items_within_the_scope_of_vat, |app| async move {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("samregister.toml");
    let lines = fs::read_to_string(network()).unwrap();
    let lines = lines.lines().filter(|line| !line.trim_start().starts_with("vat_number"));
    fs::write(&file, lines.collect::<Vec<_>>().join("\n")).unwrap();
    set_mode(&file, 0o600);
    let without = || {
        let mut program = program(&app);
        program.env("SAMREGISTER_CONFIG", &file);
        program
    };
    expect(without(), "network", "ok", "invoices have what they need");
    app.import(fixtures::FILES).await;
    expect(without(), "network", "fail", "without network.vat_number");
    expect(program(&app), "network", "ok", "");
});

on_both!(files_that_others_may_read_are_named, |app| async move {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("link-secret");
    fs::write(&secret, "yYyrHnZTPpnUQy3dGkLqF1wzYyj8Vd0tS7cZ\n").unwrap();
    let with_secret = |mode: u32| {
        set_mode(&secret, mode);
        let mut program = program(&app);
        program.env("SAMREGISTER_LINK_SECRET_FILE", &secret);
        program
    };
    expect(with_secret(0o600), "file_modes", "ok", "owner's only");
    expect(with_secret(0o640), "file_modes", "warn", "link-secret (mode 640)");
    expect(with_secret(0o644), "file_modes", "fail", "link-secret (mode 644)");
    // As systemd gives it to the unit.
    let mut credential = with_secret(0o440);
    credential.env("CREDENTIALS_DIRECTORY", folder.path());
    expect(credential, "file_modes", "ok", "");
    if let Some(file) = app.db.path() {
        let program = program(&app);
        set_mode(&file, 0o644);
        expect(program, "file_modes", "fail", "register.db (mode 644)");
    }
    let exports = folder.path().join("csv/files");
    fs::create_dir_all(&exports).unwrap();
    fs::write(exports.join("a.pdf"), "x").unwrap();
    set_mode(&exports.join("a.pdf"), 0o644);
    set_mode(&secret, 0o600);
    let line = format!("doctor --exports {}", folder.path().join("csv").display());
    let ran = run(program(&app), &line);
    assert!(ran.code == Some(3) && ran.out.contains("a.pdf (mode 644)"), "{}", ran.out);
    let gone = run(program(&app), &format!("doctor --exports {}", exports.join("gone").display()));
    assert!(gone.code == Some(3) && gone.out.contains("cannot read the folder"), "{}", gone.out);
});

on_both!(databases_that_do_not_serve_are_named, |app| async move {
    let empty = app.empty_database().await;
    if app.db.backend() == DbBackend::Sqlite {
        expect(empty.program(), "database", "fail", "there is no register in");
        fs::write(empty.file(), "").unwrap();
    }
    expect(empty.program(), "schema", "fail", "not migrated to this version");
    expect(empty.program(), "clock", "warn", "not checked: see schema");
    expect(empty.program(), "database_version", "ok", "");
    let mut gone = program(&app);
    gone.env("DATABASE_URL", "postgres://samregister@127.0.0.1:1/samregister");
    expect(gone, "database", "fail", "cannot reach the PostgreSQL server");
});

on_both!(a_clock_or_key_that_does_not_fit_the_trail_is_named, |app| async move {
    filled(&app.at("2099-01-01T09:00:00Z")).await;
    expect(program(&app), "clock", "fail", "every change is refused");
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key.pem");
    let other = || {
        let mut program = program(&app);
        program.env("SAMREGISTER_TRAIL_KEY", &key);
        program
    };
    expect(other(), "trail_key", "fail", "can't be read");
    run(other(), "trail-key new").done();
    expect(other(), "trail_key", "fail", "but the last entry was signed with");
});

on_both!(limits_and_clocks_of_the_machine_are_named, |app| async move {
    let folder = tempfile::tempdir().unwrap();
    let tool = folder.path().join("timedatectl");
    let with = |answer: &str, shell: &str| {
        fs::write(&tool, format!("#!/bin/sh\necho {answer}\n")).unwrap();
        set_mode(&tool, 0o755);
        let own = program(&app);
        let mut shelled = Command::new("sh");
        let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
        for (name, value) in own.get_envs() {
            match value {
                Some(value) => shelled.env(name, value),
                None => shelled.env_remove(name),
            };
        }
        let command = format!("{shell} exec {} \"$@\"", own.get_program().to_str().unwrap());
        shelled.env("PATH", path).args(["-c", &command, "sh"]);
        shelled
    };
    expect(with("yes", ""), "time_sync", "ok", "is synchronized");
    expect(with("no", ""), "time_sync", "warn", "is not synchronized");
    expect(with("yes", "ulimit -n 150;"), "open_files", "fail", "150 files may be open");
    expect(with("yes", "ulimit -n 1000;"), "open_files", "warn", "1000 files may be open");
});

on_both!(runs_are_recorded_and_their_findings_named, |app| async move {
    filled(&app).await;
    expect(program(&app), "checkpoint", "warn", "no checkpoint is recorded");
    expect(program(&app), "verify", "warn", "no check of the whole register is recorded");
    let checkpoint = run(program(&app), "checkpoint").done();
    let runs = app.db.last_runs().await.unwrap();
    assert_eq!(runs.keys().collect::<Vec<_>>(), [&RecordedCommand::Checkpoint]);
    let since = ["verify", "--since", checkpoint.trim()];
    let ran = program(&app).args(since).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    expect(program(&app), "verify", "warn", "no check of the whole register is recorded");
    run(program(&app), "verify").done();
    expect(program(&app), "checkpoint", "ok", "the last checkpoint is of ");
    expect(program(&app), "verify", "ok", "the last check of the whole register is of ");

    let now = Clock::system().now();
    app.db.record_run(RecordedCommand::Verify, now, 2).await.unwrap();
    expect(program(&app), "verify", "fail", "found 2 violations");
    let CommandRun { finished_at, succeeded_at, findings } =
        app.db.last_runs().await.unwrap()[&RecordedCommand::Verify];
    assert!(succeeded_at.is_some() && findings == 2 && finished_at.timestamp() == now.timestamp());
});

on_both!(a_check_that_can_not_be_recorded_is_made, |app| async move {
    // Someone else holds the lock of writers for as long as the check may wait for it.
    let other = sea_orm::Database::connect(
        sea_orm::ConnectOptions::new(app.url()).max_connections(1).to_owned(),
    )
    .await
    .unwrap();
    let hold = match app.db.backend() {
        DbBackend::Sqlite => "BEGIN IMMEDIATE",
        _ => "BEGIN; LOCK TABLE command_run IN EXCLUSIVE MODE",
    };
    other.execute_unprepared(hold).await.unwrap();
    let ran = run(program(&app), "verify");
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("this run is not recorded"), "{}", ran.err);
    other.execute_unprepared("ROLLBACK").await.unwrap();
    other.close().await.unwrap();
    assert!(app.db.last_runs().await.unwrap().is_empty());
});

#[test]
fn the_document_of_programs_is_stable() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = app::program();
    program.current_dir(folder.path()).env("SAMREGISTER_BIND", "nowhere");
    let ran = run(program, "doctor --format json");
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    let message =
        "the environment: SAMREGISTER_BIND must be an address and a port, as 127.0.0.1:8080";
    let advice = "correct them; `samregister config check` lists every setting with its source";
    let first =
        json!({ "check": "settings", "status": "fail", "message": message, "advice": advice });
    let others = LINES[1..].iter().map(|name| {
        json!({ "check": name, "status": "warn", "message": "not checked: see settings", "advice": null })
    });
    let checks: Vec<_> = [first].into_iter().chain(others).collect();
    let expected =
        json!({ "status": "fail", "version": env!("CARGO_PKG_VERSION"), "checks": checks });
    assert_eq!((ran.code, document), (Some(3), expected));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
