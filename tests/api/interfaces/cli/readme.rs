//! The recipes of the README, which work on the demo as they stand there.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    interfaces::cli::{
        commands::{Ran, run},
        demo::Demo,
    },
    support::app,
};

const README: &str = include_str!("../../../../README.md");

/// Commands that build, install, serve or draw a secret, by their beginning; the request of `curl`
/// is sent by another test.
const NOT_RUN: [&str; 7] =
    ["cargo ", "tests/run.sh", "sudo ", "podman ", "curl ", "export ", "samregister serve"];
/// The file of the bank in the README; that of the demo has the day of its start in its name.
const BANK_FILE: &str = "BGMAX-20261121.txt";

/// The blocks of this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fenced = README.split("\n```").skip(1).step_by(2);
    let of_language = fenced.filter_map(|block| block.strip_prefix(language));
    of_language.filter_map(|block| block.strip_prefix('\n')).collect()
}

/// The only block of this language.
fn only_block(language: &str) -> &'static str {
    let blocks = blocks(language);
    assert_eq!(blocks.len(), 1, "{language}");
    blocks[0]
}

/// Runs a line of a shell with the settings of `program`, which it finds as `samregister`.
fn shell(program: &Command, folder: &Path, line: &str) -> Ran {
    let folder_of_program = Path::new(program.get_program()).parent().unwrap();
    let path = format!("{}:{}", folder_of_program.display(), env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("sh");
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.args(["-c", line]).current_dir(folder).env("PATH", path).stdin(Stdio::null());
    Ran::of(shell.output().unwrap())
}

/// The data of the first event of a subscription.
fn first_event(demo: &Demo, document: &str) -> Value {
    let body = json!({ "query": document }).to_string();
    let mut stream = TcpStream::connect(&demo.server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    write!(
        stream,
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nAccept: text/event-stream\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        demo.token("OFFICE"),
        body.len()
    )
    .unwrap();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let data = lines.find_map(|line| line.strip_prefix("data:").map(str::to_owned)).unwrap();
    serde_json::from_str(data.trim()).unwrap()
}

/// The body of the demo's answer to a request.
fn answer(demo: &Demo, body: &str) -> Value {
    let answer = demo.server.post(demo.token("OFFICE"), body);
    serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap()
}

#[test]
fn every_command_of_the_readme_works_on_the_demo() {
    let demo = Demo::start();
    let (folder, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let secret = "a secret of the README's test, 32 bytes long";
    let (mut count, mut skipped) = (0, 0);
    for block in blocks("sh") {
        // A register of one's own begins with its migration.
        let is_new = block.contains("samregister migrate");
        for line in block.replace("\\\n", " ").lines().filter(|line| !line.is_empty()) {
            if NOT_RUN.iter().any(|start| line.starts_with(start)) {
                skipped += 1;
                continue;
            }
            let ran = if is_new {
                let mut program = app::program();
                program.env("SAMREGISTER_JWT_SECRET", secret);
                shell(&program, new.path(), line)
            } else {
                let line = line.replace(BANK_FILE, &demo.bank_file());
                shell(&demo.program(), folder.path(), &line)
            };
            assert_eq!(ran.code, Some(0), "{line}\n{}{}", ran.out, ran.err);
            count += 1;
        }
    }
    assert_eq!((count, skipped), (13, 8), "commands of the README that are run, and not run");
    for file in ["kundreskontra.xlsx", "2026-10.si", "checkpoints.txt"] {
        assert!(fs::metadata(folder.path().join(file)).unwrap().len() > 0, "{file}");
    }
}

#[test]
fn the_first_query_of_the_readme_has_the_answer_that_it_shows() {
    let demo = Demo::start();
    let command = blocks("sh").into_iter().find(|block| block.starts_with("curl ")).unwrap();
    let body = command.split("-d '").nth(1).unwrap().split('\'').next().unwrap();
    let shown: Value = serde_json::from_str(only_block("json")).unwrap();
    assert_eq!(answer(&demo, body), shown);
}

#[test]
fn every_document_of_the_readme_is_answered_by_the_demo() {
    let demo = Demo::start();
    let documents = blocks("graphql");
    assert_eq!(documents.len(), 3);
    for document in documents {
        if document.starts_with("subscription") {
            let kinds = "changes(kinds: [AGREEMENT]";
            assert!(document.contains(kinds), "{document}");
            // From the first change on, so that none needs to be made.
            let document = document.replace(kinds, &format!("{kinds}, after: \"0\""));
            let change = &first_event(&demo, &document)["data"]["changes"];
            assert!(change["node"]["id"].as_str().unwrap().starts_with("agreement_"), "{change}");
            continue;
        }
        let body = json!({ "query": document, "variables": { "activity": "indikatorer" } });
        let answer = answer(&demo, &body.to_string());
        assert_eq!(answer["errors"], Value::Null, "{document}");
        let data = &answer["data"];
        if document.contains("NotYetIn") {
            assert_eq!(data["members"]["totalCount"], 10);
        } else {
            assert_eq!(data["activityMatrix"]["rows"]["nodes"].as_array().unwrap().len(), 38);
        }
    }
}

#[test]
fn the_line_for_cron_mails_the_list_and_only_the_list() {
    let entry = only_block("cron").trim();
    let page = include_str!("../../../../docs/command-line.md");
    assert!(page.contains(entry), "docs/command-line.md has another line");
    // Five fields of time, then the command.
    let command = entry.splitn(6, ' ').nth(5).unwrap();
    let line = format!("mail() {{ echo \"$@\" >arguments; cat >mail; }}; {command}");
    let folder = tempfile::tempdir().unwrap();
    let mail = folder.path().join("mail");

    let mut empty = app::program();
    empty.current_dir(folder.path());
    run(empty, "migrate").done();
    let ran = shell(&app::program(), folder.path(), &line);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
    assert!(!mail.exists(), "a mail without agreements");

    let demo = Demo::start();
    let mut verbose = demo.program();
    verbose.env("SAMREGISTER_LOG", "debug");
    let ran = shell(&verbose, folder.path(), &line);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""), "{}", ran.err);
    let list = run(demo.program(), "expiring --within-days 90").done();
    assert!(list.starts_with("Avtal ") && list.contains("agreements have a deadline"), "{list}");
    assert_eq!(fs::read_to_string(mail).unwrap(), list);
    let arguments = fs::read_to_string(folder.path().join("arguments")).unwrap();
    assert_eq!(arguments, "-s Avtal kansli@example.se\n");

    // A failure is no list: it goes to the operator.
    let nowhere = tempfile::tempdir().unwrap();
    let ran = shell(&app::program(), nowhere.path(), &line);
    assert!(ran.err.contains("there is no register in samregister.db"), "{}", ran.err);
    assert!(!nowhere.path().join("mail").exists(), "a mail without a list");
}
