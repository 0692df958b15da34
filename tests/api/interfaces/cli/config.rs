//! The commands `config check` and `config generate`, and the manual pages.
#![cfg(unix)]

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use serde_json::{Value, json};

use crate::{interfaces::cli::commands::run, support::app};

/// The program in this folder.
fn program(folder: &Path) -> Command {
    let mut program = app::program();
    program.current_dir(folder).env_remove("SAMREGISTER_TRAIL_KEY");
    program
}

#[test]
fn the_check_names_every_source_and_every_error_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let text = "SAMREGISTER_LOG = 'warn'\nSAMREGISTER_LINK_SECRET = 'hunter2-hunter2-hunter2-hunter2-x'\n\n[network]\nname = 'NNS'\nbankgiro = '5050-1056'\nnmae = 'hunter2'\n";
    fs::write(folder.path().join("samregister.toml"), text).unwrap();
    let with = |line: &str| {
        let mut program = program(folder.path());
        program
            .env("SAMREGISTER_MAX_DEPTH", "0")
            .env("SAMREGISTER_MAX_TOKENS", "200")
            .env("DATABASE_URL", "postgres://u:hunter2@h/d");
        run(program, line)
    };
    let ran = with("config check");
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    for line in [
        "environment: DATABASE_URL = (hidden)",
        "environment: SAMREGISTER_MAX_DEPTH = (hidden)",
        "environment: SAMREGISTER_MAX_TOKENS = 200",
        "samregister.toml:1: SAMREGISTER_LOG = warn",
        "samregister.toml:2: SAMREGISTER_LINK_SECRET = (hidden)",
        "samregister.toml:5: network.name = NNS",
        "samregister.toml:6: network.bankgiro = (hidden)",
        "error: environment: SAMREGISTER_MAX_DEPTH must be a whole number from 1 to 100",
        "error: samregister.toml:6: network.bankgiro is not a bankgiro, as 5050-1055",
        "error: samregister.toml:7: network.nmae is not a setting; did you mean network.name? docs/invoices.md lists those of [network]",
    ] {
        assert!(ran.out.lines().any(|found| found == line), "{line:?} is not in {}", ran.out);
    }
    assert!(!ran.out.contains("hunter2") && !ran.err.contains("hunter2"), "{}", ran.out);
    assert!(ran.err.contains("3 errors"), "{}", ran.err);

    let ran = with("config check --format json");
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &document["file"]), (Some(3), &json!("samregister.toml")));
    assert_eq!(
        document["errors"][1],
        json!({ "name": "network.bankgiro", "source": { "file": "samregister.toml", "line": 6 },
            "message": "is not a bankgiro, as 5050-1055" })
    );
    let first =
        json!({ "name": "DATABASE_URL", "value": null, "source": { "file": null, "line": null } });
    assert_eq!(document["settings"][0], first);
}

#[test]
fn the_check_refuses_urls_and_files_that_can_not_be_used() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("public.pem"), "").unwrap();
    fs::write(folder.path().join("url"), "postgres://samregister:hunter2@h:99999/d").unwrap();
    for (name, value, error) in [
        ("DATABASE_URL", "postgres://u@h:99999/d", "DATABASE_URL is a URL that can't be read"),
        ("DATABASE_URL", "sqlite://r.db?mode=rx", "DATABASE_URL is a URL that can't be read"),
        ("DATABASE_URL", "sqlite::memory:", "DATABASE_URL names a database in memory"),
        ("DATABASE_URL_FILE", "url", "DATABASE_URL_FILE is a URL that can't be read"),
        ("DATABASE_LISTEN_URL", "postgres://h:x/d", "DATABASE_LISTEN_URL is a URL that"),
        ("SAMREGISTER_JWT_PUBLIC_KEY", "gone.pem", "names gone.pem, which can't be read"),
        ("SAMREGISTER_JWT_JWKS", "gone.json", "names gone.json, which can't be read"),
        ("SAMREGISTER_JWT_JWKS", "https://h:99999/keys", "must be an address as https://"),
        ("SAMREGISTER_TRAIL_PUBLIC_KEYS", "gone.pem", "names gone.pem, which can't be read"),
        ("SAMREGISTER_TIMESTAMP_CERTIFICATES", "gone.pem", "names gone.pem, which can't"),
        ("SAMREGISTER_TIMESTAMP_URL", "https://", "must be an address as https://"),
        ("SAMREGISTER_OTLP_ENDPOINT", "http://h:x", "must be an address as http://"),
        ("SAMREGISTER_DOCUMENTS", "gone.json", "names gone.json, which can't be read"),
        ("SAMREGISTER_TRAIL_KEY", "gone/key.pem", "whose folder does not exist"),
    ] {
        let mut program = program(folder.path());
        program.env(name, value);
        let ran = run(program, "config check");
        let is_named = ran.out.lines().any(|line| {
            line.starts_with(&format!("error: environment: {name} ")) && line.contains(error)
        });
        assert!(ran.code == Some(3) && is_named, "{name}={value}: {}{}", ran.out, ran.err);
        assert!(!ran.out.contains("hunter2"), "{}", ran.out);
    }
    for (name, value) in [
        ("DATABASE_URL", "postgres://u@a:5432/d,postgres://u@b:5432/d"),
        ("SAMREGISTER_JWT_PUBLIC_KEY", "public.pem"),
        ("SAMREGISTER_TRAIL_KEY", "key.pem"),
        ("SAMREGISTER_TIMESTAMP_URL", "http://[::1]:8080/tsr"),
    ] {
        let mut program = program(folder.path());
        program.env(name, value);
        let ran = run(program, "config check");
        assert_eq!(ran.code, Some(0), "{name}={value}: {}{}", ran.out, ran.err);
    }
}

#[test]
fn the_generated_file_is_private_and_passes_the_check() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("samregister.toml");
    let printed = run(program(folder.path()), "config generate").done();
    assert!(!file.exists());
    run(program(folder.path()), "config generate --output samregister.toml").done();
    assert_eq!(fs::read_to_string(&file).unwrap(), printed);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let ran = run(program(folder.path()), "config check");
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""), "{}", ran.err);

    fs::write(&file, "SAMREGISTER_LOG = 'warn'\n").unwrap();
    let message =
        run(program(folder.path()), "config generate --output samregister.toml").failed(1);
    assert!(message.contains("--force replaces it"), "{message}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "SAMREGISTER_LOG = 'warn'\n");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    run(program(folder.path()), "config generate --output samregister.toml --force").done();
    assert_eq!(fs::read_to_string(&file).unwrap(), printed);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn neither_the_register_nor_a_key_is_replaced_by_settings() {
    let folder = tempfile::tempdir().unwrap();
    run(program(folder.path()), "migrate").done();
    for name in ["samregister.db", "samregister.db.trail-key.pem"] {
        let file = folder.path().join(name);
        let before = fs::read(&file).unwrap();
        let line = format!("config generate --force --output {name}");
        let message = run(program(folder.path()), &line).failed(1);
        assert!(message.contains("cannot write"), "{message}");
        assert_eq!(fs::read(&file).unwrap(), before, "{name}");
    }
}

/// Returns the commands that a help text lists.
fn commands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !name.is_empty() && *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    run(program(folder.path()), "man pages").done();
    let pages: BTreeSet<String> = fs::read_dir(folder.path().join("pages"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut expected = BTreeSet::from(["samregister.1".to_owned()]);
    let mut waiting = vec![Vec::<String>::new()];
    while let Some(path) = waiting.pop() {
        let help = run(program(folder.path()), &format!("{} --help", path.join(" "))).done();
        for name in commands(&help) {
            let inner = [path.clone(), vec![name]].concat();
            expected.insert(format!("samregister-{}.1", inner.join("-")));
            waiting.push(inner);
        }
    }
    assert!(expected.len() > 40, "{expected:?}");
    assert_eq!(pages, expected);
    let page = fs::read_to_string(folder.path().join("pages/samregister-config-check.1")).unwrap();
    assert!(page.contains(".TH") && page.contains("every error"), "{page}");
}
