//! Messages of a command or server that gets no more connections or open files from the machine or
//! PostgreSQL.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
    time::Duration,
};

use sea_orm::ConnectionTrait;

use crate::support::app::{self, App};

#[tokio::test]
async fn a_postgresql_server_that_has_no_connection_left_says_so_itself() {
    let app = App::postgres().await;
    let url = app.url();
    let (head, tail) = url.split_once('@').unwrap();
    let password = head
        .split_once("://")
        .and_then(|(_, user)| user.split_once(':'))
        .map_or("", |(_, password)| password);
    let role = format!("limited_{}", std::process::id());
    let server = sea_orm::Database::connect(&url).await.unwrap();
    server
        .execute_unprepared(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD '{password}' CONNECTION LIMIT 0"
        ))
        .await
        .unwrap();
    let run = |url: String| {
        let ran = app.program().env("DATABASE_URL", url).arg("expiring").output().unwrap();
        (ran.status.code(), String::from_utf8_lossy(&ran.stderr).into_owned())
    };
    let full = run(format!("postgres://{role}:{password}@{tail}"));
    assert_eq!(full.0, Some(1), "{full:?}");
    assert!(
        full.1.contains("says: too many connections for role")
            && full.1.contains("raise max_connections"),
        "{full:?}"
    );
    let (address, _) = tail.split_once('/').unwrap();
    let missing = run(format!("{head}@{address}/no_such_database"));
    assert!(
        missing.1.contains("says: database \"no_such_database\" does not exist"),
        "{missing:?}"
    );
    server.execute_unprepared(&format!("DROP ROLE {role}")).await.unwrap();
    server.close().await.unwrap();
}

/// The program's demo with so many open files, and what it says on stderr, line by line.
fn with_open_files(
    soft: &str,
    hard: &str,
) -> (std::process::Child, std::sync::mpsc::Receiver<String>) {
    let program = app::program();
    let mut shell = Command::new("sh");
    let line = format!(
        "ulimit -Sn {soft} && ulimit -Hn {hard} && exec \"$0\" serve --demo --bind 127.0.0.1:0"
    );
    shell.args(["-c", &line]).arg(program.get_program());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let mut child = shell.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let (say, said) = std::sync::mpsc::channel();
    let errors = BufReader::new(child.stderr.take().unwrap());
    std::thread::spawn(move || {
        errors.lines().map_while(Result::ok).all(|line| say.send(line).is_ok())
    });
    (child, said)
}

/// Waits for a line that has these words.
fn line_with(said: &std::sync::mpsc::Receiver<String>, words: &str) -> String {
    let mut before = Vec::new();
    loop {
        let line = said
            .recv_timeout(Duration::from_secs(60))
            .unwrap_or_else(|_| panic!("no line with {words:?}, but {before:#?}"));
        if line.contains(words) {
            return line;
        }
        before.push(line);
    }
}

#[cfg(unix)]
#[test]
fn running_out_of_open_files_is_logged_and_counted() {
    // The soft limit is raised as far as it may be.
    let (mut child, said) = with_open_files("50", "150");
    let warning = line_with(&said, "this program may open fewer files");
    assert!(warning.contains("limit=150") && warning.contains("needed=10164"), "{warning}");
    let address = line_with(&said, "listens on http://");
    let address = address.split("http://").nth(1).unwrap().split(',').next().unwrap().to_owned();
    let mut open: Vec<TcpStream> = Vec::new();
    while open.len() < 200 {
        open.push(TcpStream::connect(&address).unwrap());
    }
    let error = line_with(&said, "a connection can't be accepted");
    assert!(error.contains("LimitNOFILE"), "{error}");
    drop(open);
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    let counted = page.lines().find_map(|line| {
        line.strip_prefix("samregister_accept_failures_total{reason=\"open_files\"} ")
    });
    assert!(
        counted.is_some_and(|count| count.parse::<u64>().is_ok_and(|count| count > 0)),
        "{page}"
    );
    child.kill().unwrap();
    child.wait().unwrap();
}
