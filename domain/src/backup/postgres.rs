//! Backups of a register on PostgreSQL: an archive of `pg_dump`, of the same snapshot as the
//! revision in its manifest.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, BufRead, Read, Seek, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
};

use sea_orm::{
    ConnectionTrait, DbBackend, Statement,
    sqlx::{
        ConnectOptions,
        postgres::{PgConnectOptions, PgSslMode},
    },
};

use super::{
    encryption::{self, Sink},
    examination::{Examination, Found},
    refusal::failed,
    staging::{self, Summary, Summing},
};
use crate::{
    database::Database,
    error::{Error, Result},
};

/// First bytes of an archive in the custom format.
const MAGIC: &[u8] = b"PGDMP";

/// Options of both programs: owners and rights are those of the database that it is restored to.
const PORTABLE: [&str; 4] = ["--no-owner", "--no-privileges", "--no-comments", "--no-password"];

/// Variables by which the library of both programs finds another server, other credentials or other
/// session settings than those that the register is connected with.
const REDIRECTING: [&str; 6] =
    ["PGSERVICE", "PGSERVICEFILE", "PGSYSCONFDIR", "PGHOSTADDR", "PGPASSFILE", "PGOPTIONS"];

/// Writes an archive of the register to `target`, encrypted to these keys, and returns what it
/// holds.
pub(super) async fn write(
    db: &Database,
    recipients: &[String],
    examination: &Examination<'_>,
    target: PathBuf,
) -> Result<(Found, Summary)> {
    let server = Server::of_register(db)?;
    let tx = db.snapshot().await?;
    let version = server_version(&tx).await?;
    server.check("pg_dump", version)?;
    server.check("pg_restore", version)?;
    // The archive is read from the snapshot of this transaction, which waits for it.
    tx.execute_unprepared(
        "SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL statement_timeout = 0",
    )
    .await?;
    let snapshot: String = value(&tx, "SELECT pg_export_snapshot()").await?;
    let found = examination.run(db, &tx).await?;
    let mut dump = server.command("pg_dump");
    dump.args(PORTABLE).args(["--format=custom", "--lock-wait-timeout=60s"]);
    dump.arg(format!("--snapshot={snapshot}"));
    let mut check = server.command("pg_restore");
    check.args(["--file=-"]);
    let recipients = recipients.to_vec();
    let dumping = tokio::task::spawn_blocking(move || save(dump, check, &recipients, &target));
    let summary = dumping.await.map_err(Error::internal)??;
    // The archive is complete, whatever becomes of the transaction.
    tx.rollback().await.ok();
    Ok((found, summary))
}

/// Runs `pg_dump`, and writes its archive to the file `target`, while `pg_restore` reads all of it.
fn save(
    mut dump: Command,
    mut check: Command,
    recipients: &[String],
    target: &Path,
) -> Result<Summary> {
    let unwritable = |cause: io::Error| failed(format!("the backup can't be written: {cause}"));
    let output = Summing::new(staging::create(target).map_err(unwritable)?);
    let mut sink = Sink::new(recipients, output).map_err(unwritable)?;
    let mut dump = Program::start("pg_dump", dump.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let mut check =
        Program::start("pg_restore", check.stdin(Stdio::piped()).stdout(Stdio::null()))?;
    let (archive, reader) = (dump.child.stdout.take(), check.child.stdin.take());
    if let (Some(mut archive), Some(reader)) = (archive, reader) {
        let mut both = Both { sink: &mut sink, reader: Some(reader) };
        staging::copy(&mut archive, &mut both).map_err(unwritable)?;
    }
    dump.finish()?;
    check.finish()?;
    let (file, summary) = sink.finish().map_err(unwritable)?.finish();
    file.sync_all().map_err(unwritable)?;
    Ok(summary)
}

/// Writes to the file, and to a program that may end early: its exit code says why.
struct Both<'s, W: Write> {
    sink: &'s mut Sink<W>,
    reader: Option<ChildStdin>,
}

impl<W: Write> Write for Both<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sink.write_all(bytes)?;
        if self.reader.as_mut().is_some_and(|reader| reader.write_all(bytes).is_err()) {
            self.reader = None;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// Checks that the database of this URL is empty and that archives can be restored there.
///
/// # Errors
/// INTERNAL if it has tables or functions, or `pg_restore` is missing or too old.
pub(super) async fn empty_target(url: &str) -> Result<Server> {
    const OBJECTS: &str = "SELECT n.nspname || '.' || o.name FROM (
            SELECT oid, relname::text AS name, relnamespace AS namespace FROM pg_class
            UNION ALL SELECT oid, proname::text, pronamespace FROM pg_proc
        ) o JOIN pg_namespace n ON n.oid = o.namespace
        WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
            AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = o.oid AND d.deptype = 'e')
        ORDER BY 1 LIMIT 1";
    let db = Database::connect(url, None).await?;
    let checked = async {
        let server = Server::of_register(&db)?;
        server.check("pg_restore", server_version(db.read()).await?)?;
        let select = Statement::from_string(DbBackend::Postgres, OBJECTS);
        let Some(row) = db.read().query_one_raw(select).await? else { return Ok(server) };
        let object: String = row.try_get_by_index(0)?;
        Err(failed(format!(
            "the database of DATABASE_URL is not empty: it has {object}; nothing was changed. A backup is restored to a new database: create one (createdb), and name it in DATABASE_URL"
        )))
    };
    let checked = checked.await;
    db.close().await?;
    checked
}

/// Restores an archive to an empty database, in one transaction.
pub(super) async fn restore(
    backup: &Path,
    identities: Option<&Path>,
    server: &Server,
) -> Result<()> {
    let content = encryption::open(backup, identities)?;
    let mut command = server.command("pg_restore");
    command.args(PORTABLE).args(["--exit-on-error", "--single-transaction"]);
    command.arg(format!("--dbname={}", server.quoted_database()));
    let name = backup.to_owned();
    let restoring = tokio::task::spawn_blocking(move || load(command, content, &name));
    restoring.await.map_err(Error::internal)?
}

fn load(mut command: Command, mut content: encryption::Content, name: &Path) -> Result<()> {
    let name = name.display();
    let unreadable = |cause: io::Error| failed(format!("{name} can't be restored: {cause}"));
    if !content.fill_buf().map_err(unreadable)?.starts_with(MAGIC) {
        return Err(failed(format!("{name} is no archive of pg_dump in the custom format")));
    }
    let mut restore =
        Program::start("pg_restore", command.stdin(Stdio::piped()).stdout(Stdio::null()))?;
    let mut buffer = vec![0; 256 << 10];
    if let Some(mut input) = restore.child.stdin.take() {
        loop {
            // A program that could not be fed to the end is killed, which rolls back.
            let length = content.read(&mut buffer).map_err(unreadable)?;
            // It reports itself why it reads no more.
            if length == 0 || input.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
    }
    restore.finish()
}

/// A running program of PostgreSQL, killed when it is dropped before its end.
struct Program {
    name: &'static str,
    child: Child,
    errors: File,
}

impl Program {
    fn start(name: &'static str, command: &mut Command) -> Result<Self> {
        let errors = tempfile::tempfile().map_err(Error::internal)?;
        let stderr = errors.try_clone().map_err(Error::internal)?;
        let child = command.stderr(stderr).spawn().map_err(|cause| missing(name, &cause))?;
        Ok(Self { name, child, errors })
    }

    /// Waits for its end.
    fn finish(mut self) -> Result<()> {
        let status = self.child.wait().map_err(Error::internal)?;
        if status.success() {
            return Ok(());
        }
        let mut text = String::new();
        self.errors.rewind().and_then(|()| self.errors.read_to_string(&mut text)).ok();
        let text = text.trim().replace('\n', "; ");
        Err(failed(format!("{} failed ({status}): {text}", self.name)))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The server of a register, as its own programs get it: in their environment, because other users
/// of the machine can read the command line of a process.
pub(super) struct Server {
    environment: Vec<(&'static str, String)>,
    database: String,
}

impl Server {
    /// Returns the server that the register is connected to.
    fn of_register(db: &Database) -> Result<Self> {
        let primary = db.primary_server();
        primary.map(|primary| Self::of(&primary)).ok_or_else(|| failed("it is no server"))
    }

    fn of(options: &PgConnectOptions) -> Self {
        let host = options.get_socket().map_or_else(
            || options.get_host().trim_matches(['[', ']']).to_owned(),
            |socket| socket.display().to_string(),
        );
        let ssl_mode = match options.get_ssl_mode() {
            PgSslMode::Disable => "disable",
            PgSslMode::Allow => "allow",
            PgSslMode::Prefer => "prefer",
            PgSslMode::Require => "require",
            PgSslMode::VerifyCa => "verify-ca",
            PgSslMode::VerifyFull => "verify-full",
        };
        let user = options.get_username().to_owned();
        let database = options.get_database().map_or_else(|| user.clone(), str::to_owned);
        let mut environment = vec![
            ("PGHOST", host),
            ("PGPORT", options.get_port().to_string()),
            ("PGUSER", user),
            ("PGDATABASE", database.clone()),
            ("PGSSLMODE", ssl_mode.to_owned()),
            ("PGAPPNAME", "samregister backup".to_owned()),
            ("LC_ALL", "C".to_owned()),
        ];
        environment.extend(options.get_options().map(|text| ("PGOPTIONS", text.to_owned())));
        // It is written without escapes, and is known already.
        let mut parts = options.clone().username("samregister").to_url_lossy();
        for (name, value) in parts.query_pairs() {
            let variable = match &*name {
                "sslrootcert" => "PGSSLROOTCERT",
                "sslcert" => "PGSSLCERT",
                "sslkey" => "PGSSLKEY",
                _ => continue,
            };
            // As the driver describes it. These programs can't get the text of a certificate.
            environment
                .extend(value.strip_prefix("file: ").map(|file| (variable, file.to_owned())));
        }
        // The parameters of a URL are decoded, its password is not.
        if let Some(password) = parts.password().map(|password| format!("password={password}")) {
            parts.set_query(Some(&password));
            environment
                .extend(parts.query_pairs().map(|(_, value)| ("PGPASSWORD", value.into_owned())));
        }
        Self { environment, database }
    }

    /// Returns a command that connects to this server alone. Variables that lead its library to
    /// another one, as `PGSERVICE` and `PGHOSTADDR` do, are not inherited.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let inherited = std::env::vars_os().map(|(name, _)| name);
        let inherited = inherited.filter(|name| name.as_encoded_bytes().starts_with(b"PG"));
        for name in inherited.chain(REDIRECTING.map(OsString::from)) {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Returns the name of the database as a value of a connection string.
    fn quoted_database(&self) -> String {
        format!("dbname='{}'", self.database.replace('\\', "\\\\").replace('\'', "\\'"))
    }

    /// Checks that a program is installed, and not older than the server.
    fn check(&self, program: &'static str, server: u32) -> Result<()> {
        let mut command = self.command(program);
        let output = command
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .map_err(|cause| missing(program, &cause))?;
        let text = String::from_utf8_lossy(&output.stdout);
        match major(&text) {
            Some(own) if own >= server => Ok(()),
            Some(own) => Err(failed(format!(
                "{program} in PATH is of PostgreSQL {own}, and the server is PostgreSQL {server}; install its client programs (Debian: postgresql-client-{server}), and set PATH so that they come first"
            ))),
            None => Err(failed(format!(
                "{program} --version says {:?}, which is no version",
                text.trim()
            ))),
        }
    }
}

/// Returns the error of a program that can't be started.
fn missing(program: &str, cause: &io::Error) -> Error {
    failed(if cause.kind() == io::ErrorKind::NotFound {
        format!(
            "{program} is not in PATH; install the client programs of PostgreSQL (Debian: postgresql-client), or back up the server itself by a base backup and its WAL, as docs/operations/backup.md describes"
        )
    } else {
        format!("{program} can't be started: {cause}")
    })
}

/// Returns the major version in `pg_dump (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`.
fn major(text: &str) -> Option<u32> {
    let (_, version) = text.split_once("(PostgreSQL) ")?;
    let digits = version.split(|char: char| !char.is_ascii_digit()).next()?;
    digits.parse().ok()
}

async fn server_version(db: &impl ConnectionTrait) -> Result<u32> {
    let number: i32 = value(db, "SELECT current_setting('server_version_num')::integer").await?;
    Ok(number.unsigned_abs() / 10_000)
}

async fn value<T: sea_orm::TryGetable>(db: &impl ConnectionTrait, sql: &str) -> Result<T> {
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    let row = row.ok_or_else(|| failed(format!("{sql} returned nothing")))?;
    Ok(row.try_get_by_index(0)?)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    fn server_of(url: &str) -> Server {
        Server::of(&url.parse().unwrap_or_else(|error| panic!("{url}: {error}")))
    }

    #[test]
    fn a_password_is_decoded_and_on_no_command_line() {
        let url = "postgres://anna:p%40ss%20%27w%2B%C3%A5@db.example.se:5433/re%20gister?sslmode=verify-full&sslrootcert=/etc/ca.pem&statement-cache-capacity=9";
        let server = server_of(url);
        let of = |name: &str| {
            let found = server.environment.iter().filter(|(variable, _)| *variable == name);
            found.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
        };
        for (name, value) in [
            ("PGHOST", "db.example.se"),
            ("PGPORT", "5433"),
            ("PGUSER", "anna"),
            ("PGPASSWORD", "p@ss 'w+å"),
            ("PGDATABASE", "re gister"),
            ("PGSSLMODE", "verify-full"),
            ("PGSSLROOTCERT", "/etc/ca.pem"),
        ] {
            assert_eq!(of(name), [value], "{name}");
        }
        let mut command = server.command("pg_restore");
        command.arg(format!("--dbname={}", server.quoted_database()));
        let line: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy()).collect();
        assert_eq!(line, ["--dbname=dbname='re gister'"]);
        for variable in REDIRECTING {
            let removed = (OsStr::new(variable), None);
            assert!(command.get_envs().any(|found| found == removed), "{variable} is inherited");
        }
        let socket = server_of("postgres://%2Frun%2Fpostgresql/register");
        assert!(socket.environment.contains(&("PGHOST", "/run/postgresql".to_owned())));
        let odd = server_of("postgres://a@localhost/it's%5C");
        assert_eq!(odd.quoted_database(), r"dbname='it\'s\\'");
    }

    #[test]
    fn versions_are_read() {
        for (text, version) in [
            ("pg_dump (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n", Some(15)),
            ("pg_restore (PostgreSQL) 18beta1", Some(18)),
            ("pg_dump (PostgreSQL) 9.6.24", Some(9)),
            ("pg_dump", None),
        ] {
            assert_eq!(major(text), version, "{text}");
        }
    }
}
