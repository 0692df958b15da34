//! The commands of the program: help, settings, tokens, output and exit status.

use std::{
    fs,
    process::{Command, Output, Stdio},
};

use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::support::{
    app::{self, App, on_both},
    fixtures,
};

/// The result of a command.
pub(super) struct Ran {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

/// Runs a command, given as on a command line without quotes.
pub(super) fn run(mut program: Command, line: &str) -> Ran {
    Ran::of(program.args(line.split_whitespace()).stdin(Stdio::null()).output().unwrap())
}

impl Ran {
    /// The result of a process that ended.
    pub(super) fn of(Output { status, stdout, stderr }: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: status.code(), out: text(stdout), err: text(stderr) }
    }

    /// The output of a command that must have succeeded.
    pub(super) fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self.out
    }

    /// The message of a command that must have failed with this code.
    pub(super) fn failed(self, code: i32) -> String {
        assert_eq!((self.code, self.out.as_str()), (Some(code), ""), "{}", self.err);
        self.err
    }
}

pub(super) async fn filled(app: &App) {
    app.import(fixtures::FILES).await;
}

#[test]
fn help_exits_with_zero_and_a_mistake_does_not() {
    let help = run(app::program(), "--help").done();
    for command in [
        "serve",
        "migrate",
        "import",
        "export",
        "templates",
        "token",
        "expiring",
        "notice-ends",
        "revenue",
        "costs",
        "grants",
        "scenario",
        "break-even",
        "matrix",
        "invoices",
        "payments",
        "sie",
        "vat-return",
        "api",
        "members",
        "agreements",
        "activities",
        "period",
        "receivables",
        "verify",
        "config",
        "doctor",
        "schema",
        "completions",
        "man",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
        assert!(
            run(app::program(), &format!("{command} --help")).done().contains("Example"),
            "{command}"
        );
    }
    for (line, why) in [
        ("", "Usage: samregister"),
        ("expire", "unrecognized subcommand"),
        ("expirng", "similar subcommands exist: 'export', 'expiring'"),
        ("memberz", "a similar subcommand exists: 'members'"),
        ("expiring --within-day 3", "a similar argument exists: '--within-days'"),
        ("invoices list --status OVERDU", "a similar value exists: 'OVERDUE'"),
        ("api", "QUERY"),
        ("api {a} -f x", "must be a name and a value, as year=2026"),
        ("members list --status gone", "possible values: UPCOMING, ACTIVE, LEFT"),
        ("expiring --within-days 9999", "is not in 0..=3660"),
        ("expiring --from 2026-02-30", "is not a date; write it as 2026-12-31"),
        ("revenue --to 2026-12-31", "--from <DATE>"),
        ("scenario --year 2026", "--per-mille <X>"),
        ("scenario --year 2026 --per-mille x", "is not a rate in per mille"),
        ("scenario --year 2026 --per-mille 1,2,3,4 --cap none,5", "make 8 scenarios; at most 6"),
        ("invoices", "Usage: samregister invoices"),
        ("invoices late --as-of x", "is not a date; write it as 2026-12-31"),
        ("token --role KING", "possible values: OFFICE"),
        ("serve --bind 8080", "must be an address and a port, as 127.0.0.1:8080"),
    ] {
        let message = run(app::program(), line).failed(2);
        assert!(message.contains(why), "{line}: {message}");
    }
}

#[test]
fn the_schema_and_completions_need_no_register() {
    let mut program = app::program();
    // Settings that would stop any other command.
    program.env("DATABASE_URL", "mysql://nowhere");
    assert!(run(program, "schema").done().contains("type Query {"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            run(app::program(), &format!("completions {shell}")).done().contains("samregister"),
            "{shell}"
        );
    }
}

#[test]
fn a_register_that_is_not_there_is_not_made_by_looking_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let program = || {
        let mut program = app::program();
        program.current_dir(folder.path());
        program
    };
    for line in [
        "expiring",
        "revenue --from 2026-01-01 --to 2026-12-31",
        "verify",
        "export csv",
        "import .",
    ] {
        assert_eq!(
            run(program(), line).failed(1),
            "error: there is no register in samregister.db; `samregister migrate` creates one\n",
            "{line}"
        );
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    fs::write(folder.path().join("samregister.db"), "").unwrap();
    let message = run(program(), "expiring").failed(1);
    assert_eq!(
        message,
        "error: the database is not migrated, or not to this version; run `samregister migrate`\n"
    );
    run(program(), "migrate").done();
    assert_eq!(run(program(), "verify").done(), "18 checks, no violation\n");
}

#[test]
fn every_bad_setting_has_a_line() {
    let mut program = app::program();
    program.env("DATABASE_URL", "postgres:/u:hunter2@h/d").env("SAMREGISTER_BIND", "here");
    let message = run(program, "migrate").failed(1);
    assert_eq!(
        message,
        "error: DATABASE_URL must begin with sqlite: or postgres://\n       SAMREGISTER_BIND must be an address and a port, as 127.0.0.1:8080\n"
    );
}

#[test]
fn the_settings_file_can_be_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.toml");
    fs::write(&file, "SAMREGISTER_BNID = '127.0.0.1:1'\n").unwrap();
    let program = || {
        let mut program = app::program();
        program.current_dir(folder.path());
        program
    };
    let expected = "other.toml: SAMREGISTER_BNID is not a setting; did you mean SAMREGISTER_BIND?";
    for line in ["migrate --config other.toml", "--config other.toml migrate"] {
        let message = run(program(), line).failed(1);
        assert!(message.contains(expected), "{message}");
    }
    let mut by_variable = program();
    by_variable.env("SAMREGISTER_CONFIG", &file);
    assert!(run(by_variable, "migrate").failed(1).contains(expected));
    let message = run(program(), "migrate --config none.toml").failed(1);
    assert_eq!(message, "error: --config names none.toml, which does not exist\n");
    // Also for the commands that ask a server, which need no settings.
    for command in ["api {x}", "members list", "agreements list", "invoices list"] {
        let message = run(program(), &format!("{command} --config none.toml")).failed(1);
        assert_eq!(message, "error: --config names none.toml, which does not exist\n", "{command}");
    }
    fs::write(&file, "DATABASE_URL = 'sqlite://elsewhere.db?mode=rwc'\n").unwrap();
    run(program(), "migrate --config other.toml").done();
    assert!(folder.path().join("elsewhere.db").exists());
}

#[test]
fn errors_are_json_where_the_output_is() {
    let folder = tempfile::tempdir().unwrap();
    let failed = |line: &str, code: i32| {
        let mut program = app::program();
        program.current_dir(folder.path());
        let message = run(program, line).failed(code);
        serde_json::from_str::<serde_json::Value>(&message).unwrap()
    };
    let message = "there is no register in samregister.db; `samregister migrate` creates one";
    let error = json!({ "code": "FAILED", "reason": null, "message": message, "fields": [] });
    assert_eq!(failed("expiring --format json", 1), json!({ "error": error }));
    let usage = failed("expiring --within-days x --format=json", 2);
    assert_eq!(usage["error"]["code"], "USAGE");
    assert!(usage["error"]["message"].as_str().unwrap().contains("--within-days"), "{usage}");
}

#[test]
fn a_list_for_a_mail_is_empty_if_nothing_is_to_be_done() {
    let folder = tempfile::tempdir().unwrap();
    let program = || {
        let mut program = app::program();
        program.current_dir(folder.path());
        program
    };
    run(program(), "migrate").done();
    for line in ["expiring", "invoices late", "expiring --format csv"] {
        assert!(!run(program(), line).done().is_empty(), "{line}");
        assert_eq!(run(program(), &format!("{line} --quiet-if-empty")).done(), "", "{line}");
    }
}

on_both!(tokens_open_what_they_say, |app| async move {
    filled(&app).await;
    // The program goes by the machine's clock, and a token from the future opens nothing.
    let now = app.at(&format!("{}T23:59:59Z", domain::clock::Clock::system().today()));
    let ask = "{ viewer { subject roles member { name } activities { slug } scopes } }";
    for (line, viewer) in [
        (
            "--role office",
            json!({ "subject": "office", "roles": ["OFFICE"], "member": null, "activities": [], "scopes": [] }),
        ),
        (
            "--role MEMBER --member 222000-1834 --subject anna",
            json!({ "subject": "anna", "roles": ["MEMBER"], "member": { "name": "Samordningsförbundet Alfa" }, "activities": [], "scopes": [] }),
        ),
        (
            "--role MEMBER ACTIVITY_LEAD --member beta --activity bip,indikatorer",
            json!({ "subject": "activity_lead+member", "roles": ["ACTIVITY_LEAD", "MEMBER"], "member": { "name": "Samordningsförbundet Beta" },
                "activities": [{ "slug": "bip" }, { "slug": "indikatorer" }], "scopes": [] }),
        ),
    ] {
        let token = run(app.program(), &format!("token {line} --days 400")).done();
        assert_eq!(now.bearer(token.trim_end()).query(ask).await["viewer"], viewer, "{line}");
    }
    for (line, code, why) in [
        ("--role MEMBER", 2, "--member must be given for the role MEMBER"),
        ("--role OFFICE --scope members:read", 2, "--scope is for the role SERVICE only"),
        ("--role MEMBER --member gamma", 1, "there is no member gamma"),
        ("--role MEMBER --member 222000-1835", 1, "222000-1835 has a wrong check digit"),
    ] {
        let message = run(app.program(), &format!("token {line}")).failed(code);
        assert!(message.contains(why), "{line}: {message}");
    }
});

on_both!(verify_names_each_violation, |app| async move {
    filled(&app).await;
    assert!(run(app.program(), "verify").done().ends_with("checks, no violation\n"));
    let report = run(app.program(), "verify --format json").done();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&report["violations"], &report["notes"]), (&json!([]), &json!([])));
    assert!(report["checks"].as_u64() > Some(10), "{report}");
    let db = sea_orm::Database::connect(app.url()).await.unwrap();
    db.execute_unprepared(
        "UPDATE agreement SET deadline_on = '2031-01-01' WHERE number = '2026-7001'",
    )
    .await
    .unwrap();
    if db.get_database_backend() == sea_orm::DbBackend::Sqlite {
        let broken = "PRAGMA foreign_keys = OFF; UPDATE agreement SET activity_id = zeroblob(16) WHERE number = '2026-7001'";
        db.execute_unprepared(broken).await.unwrap();
    }
    db.close().await.unwrap();
    let found = run(app.program(), "verify");
    assert_eq!(found.code, Some(3));
    assert_eq!(
        found.out.contains("refers to a row of activity that is not there"),
        app.url().starts_with("sqlite:"),
        "{}",
        found.out
    );
    assert!(
        found.out.contains("agreement 2026-7001 stores another deadline than its dates give\n"),
        "{}",
        found.out
    );
    let report = run(app.program(), "verify --format json");
    assert_eq!(report.code, Some(3));
    let report: serde_json::Value = serde_json::from_str(&report.out).unwrap();
    let violations = report["violations"].as_array().unwrap();
    let deadline = "agreement 2026-7001 stores another deadline than its dates give";
    assert!(violations.contains(&json!(deadline)), "{report}");
    let differs = "agreement 2026-7001 is not what revision ";
    assert!(
        found.out.lines().any(|line| line.starts_with(differs) && line.contains("deadline_on")),
        "{}",
        found.out
    );
});

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let mut child =
        app::program().arg("schema").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    assert_eq!((status.code(), stderr.len()), (Some(0), 0));
}
