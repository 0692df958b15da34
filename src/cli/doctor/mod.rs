//! `samregister doctor`: checks everything that a running register needs.

mod facts;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::{
    Outcome, Result,
    config::Format,
    config_option,
    connect::{connect, file_of},
    count, json, log, open_files, put, say,
};
use domain::{
    audit::clock_order,
    backup,
    clock::Clock,
    config::{Settings, SettingsReport},
    database::Database,
    doctor::{self, Check, Diagnosis, Status, Subject},
    invoices::vat_scope,
};

/// Check everything that a running register needs
///
/// Checks the settings, the database with its version, its migrations and the encryption of its
/// connection, the read replicas, the disk, the clock, the modes of files, the limit of open files,
/// the keys, the issuer of tokens and the timestamp service, the settings that invoices need, and
/// the last backup, checkpoint and `verify`. Each line begins with ok, warn or fail, and a line
/// with what to do follows it. Run it as the user and with the limits of the server. Changes
/// nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  As the user of the service, with its settings:
    sudo systemctl start samregister-doctor
    journalctl -u samregister-doctor -o cat -n 60
  In a container, whose database is in an internal network without TLS:
    docker compose exec samregister samregister doctor --trusted-network
  From cron, only if something needs attention:
    samregister doctor --strict > list || mail -s Register drift@example.se < list
  With the files that `export` and reports have written:
    samregister doctor --exports /var/lib/samregister/csv

Exit codes: 0 no line fails; 3 a line fails, or with --strict one warns.")]
pub struct Options {
    /// Also exit with 3 if a line warns
    #[arg(long)]
    strict: bool,
    /// Format of the report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Folder of exported files, whose modes are checked too; may be repeated
    #[arg(long, value_name = "DIR")]
    exports: Vec<PathBuf>,
    /// Accept a connection to PostgreSQL without TLS: its network is internal to this machine, as
    /// that of containers
    #[arg(long)]
    trusted_network: bool,
}

/// Checks a register.
///
/// # Errors
/// Fails if a settings file that is named does not exist, or stdout can't be written to.
pub async fn run(options: Options) -> Result {
    let report = SettingsReport::of_process(config_option())?;
    let diagnosis = diagnose(&report, &options).await;
    match options.format {
        Format::Text => {
            put(lines(&diagnosis))?;
            say(&summary(&diagnosis));
        }
        Format::Json => put(json(&Document::of(&diagnosis))?)?,
    }
    let limit = if options.strict { Status::Warn } else { Status::Fail };
    Ok(if diagnosis.status() >= limit { Outcome::Found } else { Outcome::Done })
}

/// Makes every check. Those of what can't be read are not made.
async fn diagnose(report: &SettingsReport, options: &Options) -> Diagnosis {
    let mut checks = vec![doctor::settings(&report.errors)];
    let Some(settings) = &report.settings else {
        return Diagnosis::new(checks, Subject::Settings);
    };
    log::start(settings, "error");
    let clock = Clock::system();
    checks.push(doctor::time_sync(facts::time_sync().await));
    checks.push(doctor::open_files(open_files::facts(settings)));
    let files = facts::private_files(report, settings, &options.exports);
    checks.push(doctor::file_modes(&files, &facts::unreadable(&options.exports)));
    checks.push(facts::token_keys(report, settings, clock.now()));
    checks.push(doctor::issuer(facts::issuer(settings).await));
    checks.push(doctor::timestamp_service(facts::timestamp_service(settings).await));
    let last = backup::last(settings).map_err(|cause| cause.to_string());
    checks.push(doctor::backup(last, settings.backup.max_age, clock.now()));
    let url = settings.database_url.expose();
    let home = file_of(url).unwrap_or("the PostgreSQL server");
    match connect(settings, false).await {
        Err(failure) => {
            checks.push(doctor::reachable(home, Err(failure.lines.join("; "))));
            checks.push(doctor::network(&settings.network, false));
            Diagnosis::new(checks, Subject::Database)
        }
        Ok(db) => {
            checks.push(doctor::reachable(home, Ok(())));
            let cause = of_database(&db, settings, clock, options, &mut checks).await;
            db.close().await.ok();
            Diagnosis::new(checks, cause)
        }
    }
}

/// Makes the checks of a database that responds. Returns the subject to see for those that could
/// not be made.
async fn of_database(
    db: &Database,
    settings: &Settings,
    clock: Clock,
    options: &Options,
    checks: &mut Vec<Check>,
) -> Subject {
    if let Ok(version) = db.system_version().await {
        checks.push(doctor::version(db.backend(), &version));
    }
    if let Ok(connection) = db.server_connection(settings.database_url.expose()).await {
        checks.push(doctor::connection(connection, options.trusted_network));
    }
    let replicas = settings.database_replica_urls.as_ref();
    if replicas.is_none() {
        checks.push(doctor::read_replicas(None));
    }
    if let Ok(register) = db.size_in_bytes().await {
        checks.push(doctor::disk(facts::disk(db, register).as_ref(), register));
    }
    let schema = db.check().await;
    checks.push(doctor::schema(&schema));
    if schema.is_err() {
        checks.push(doctor::network(&settings.network, false));
        return Subject::Schema;
    }
    if let Ok(is_taxed) = vat_scope::has_items_within(db).await {
        checks.push(doctor::network(&settings.network, is_taxed));
    }
    if let Some(list) = replicas
        && let Ok(found) = db.replica_facts(list.expose()).await
    {
        checks.push(doctor::read_replicas(Some(&found)));
    }
    if let Ok(order) = clock_order::compare(db, clock).await {
        checks.push(doctor::clock(&order));
    }
    if let Ok(key) = facts::trail_key(db, settings).await {
        checks.push(doctor::trail_key(&key, clock.now()));
    }
    if let Ok(runs) = db.last_runs().await {
        let now = clock.now();
        checks.extend([doctor::checkpoint(&runs, now), doctor::verify(&runs, now)]);
    }
    Subject::Database
}

/// Width of the columns before the message.
const INDENT: usize = 26;

fn lines(diagnosis: &Diagnosis) -> String {
    let line = |check: &Check| {
        let (status, subject) = (check.status.to_string(), check.subject.to_string());
        let advice = check.advice.as_ref().map(|advice| format!("{:INDENT$}{advice}\n", ""));
        format!("{status:<6}{subject:<20}{}\n{}", check.message, advice.unwrap_or_default())
    };
    diagnosis.checks.iter().map(line).collect()
}

fn summary(diagnosis: &Diagnosis) -> String {
    let failed = match diagnosis.count(Status::Fail) {
        0 => "none failed".to_owned(),
        number => format!("{number} failed"),
    };
    let warnings = match diagnosis.count(Status::Warn) {
        0 => "no warning".to_owned(),
        number => count(number, "warning"),
    };
    format!("{}, {failed}, {warnings}", count(diagnosis.checks.len(), "check"))
}

/// The diagnosis as JSON.
#[derive(Serialize)]
struct Document<'d> {
    status: Status,
    version: &'static str,
    checks: &'d [Check],
}

impl<'d> Document<'d> {
    fn of(diagnosis: &'d Diagnosis) -> Self {
        Self {
            status: diagnosis.status(),
            version: env!("CARGO_PKG_VERSION"),
            checks: &diagnosis.checks,
        }
    }
}
