//! The demo: the same at every start, with documents, and commands that work on it.

use std::{
    io::{BufRead, BufReader},
    process::{ChildStdout, Command},
};

use serde_json::{Value, json};

use crate::{
    interfaces::cli::commands::run,
    support::{app, server_process::Server},
};

/// A running demo with what it printed.
pub(super) struct Demo {
    pub(super) server: Server,
    said: String,
    _out: BufReader<ChildStdout>,
}

impl Demo {
    pub(super) fn start() -> Self {
        let mut server = Server::start(app::program(), "serve --demo --bind 127.0.0.1:0");
        let mut out = BufReader::new(server.child.stdout.take().unwrap());
        let mut said = String::new();
        while !said.contains("An example query:") {
            assert!(out.read_line(&mut said).unwrap() > 0, "{said}");
        }
        Self { server, said, _out: out }
    }

    pub(super) fn token(&self, role: &str) -> &str {
        self.said.lines().skip_while(|line| !line.starts_with(role)).nth(1).unwrap().trim()
    }

    fn ask(&self, query: &str) -> Value {
        let answer = self.server.post(self.token("OFFICE"), &json!({ "query": query }).to_string());
        let answer: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        assert_eq!(answer["errors"], Value::Null, "{query}");
        answer["data"].clone()
    }

    /// The program with the variables that the demo printed.
    pub(super) fn program(&self) -> Command {
        let mut program = app::program();
        program.env_remove("SAMREGISTER_TRAIL_KEY").env("NO_PROXY", "127.0.0.1");
        let set = self.said.lines().filter_map(|line| line.strip_prefix("export "));
        for (name, value) in set.map(|line| line.split_once('=').unwrap()) {
            program.env(name, value.trim_matches('\''));
        }
        program
    }

    /// The path of its file of the bank, quoted for a shell.
    pub(super) fn bank_file(&self) -> String {
        let line = self.said.lines().find_map(|line| line.split_once("payments import "));
        line.unwrap().1.to_owned()
    }
}

#[test]
fn the_demo_is_the_same_at_every_start() {
    let ask = "{ members(first: 100) { nodes { id orgNumber contacts { id } } } activities { nodes { id } } \
        agreements(first: 100) { nodes { id number status } } invoices(first: 200) { nodes { id number status lines { id } } } }";
    let (one, other) = (Demo::start(), Demo::start());
    let found = one.ask(ask);
    assert_eq!(found, other.ask(ask));
    // The day may change in between.
    if one.token("MEMBER") != other.token("MEMBER") {
        assert_eq!(Demo::start().token("MEMBER"), Demo::start().token("MEMBER"));
    }
    let members = found["members"]["nodes"].as_array().unwrap();
    assert_eq!(members.len(), 38);
    for member in members {
        let number = member["orgNumber"].as_str().unwrap();
        assert!(number.starts_with("229999-"), "{number} is not one of the examples");
    }
}

#[test]
fn the_demo_has_documents_and_commands_work_on_it() {
    let demo = Demo::start();
    let offered = demo.ask(
        "{ agreements(filter: { status: [OFFERED] }) { nodes { number document { sha256 } } } }",
    );
    let offered = offered["agreements"]["nodes"].as_array().unwrap();
    assert_eq!(offered.len(), 3);
    for agreement in offered {
        assert!(agreement["document"]["sha256"].is_string(), "{agreement}");
    }
    let command = |line: &str| run(demo.program(), line);
    assert!(command("verify").done().ends_with("checks, no violation\n"));
    let bank_file = demo.bank_file().replace('\'', "");
    let imported = command(&format!("payments import {bank_file}")).done();
    assert_eq!(imported.matches("Bokad på faktura").count(), 2, "{imported}");
    assert!(command("expiring").done().contains("agreements have a deadline"));
    assert!(command("invoices report").done().contains("1081"));
    assert!(command("invoices list --limit 1000").done().contains("1081"));
    let overdue = command("invoices list --status overdue").done();
    assert!(overdue.starts_with("Nummer ") && overdue.contains("Förfallen"), "{overdue}");
    assert_eq!(command("invoices list --state OVERDUE").done(), overdue);
    assert_eq!(
        command("payments list --status matched").done().matches("Bokad på faktura").count(),
        2
    );
    let token = command("token --role MEMBER --member 229999-0016").done();
    let answer = demo.server.post(token.trim(), r#"{"query":"{ viewer { member { name } } }"}"#);
    assert!(answer.contains("Finsam Gotland"), "{answer}");

    let table = command("members list --activity bip --limit 3").done();
    assert!(table.starts_with("Namn ") && table.contains("Organisationsnummer"), "{table}");
    let names: Value = serde_json::from_str(
        &command("members list --status active --search gotland --json name,contactArea").done(),
    )
    .unwrap();
    assert_eq!(
        names,
        json!([{ "name": "Finsam Gotland", "contactArea": { "name": "Exempel Mitt" } }])
    );
    let many: Value =
        serde_json::from_str(&command("invoices list --json number --limit 1000").done()).unwrap();
    assert!(many.as_array().unwrap().len() > 80, "{many}");
    let member = command("members show gotland").done();
    assert!(member.contains("Finsam Gotland") && member.contains("229999-0016"), "{member}");
    let number = offered[0]["number"].as_str().unwrap();
    assert!(command(&format!("agreements show {number}")).done().contains("Erbjudet"));
    assert!(command("activities show bip").done().contains("BIP"));
    let invoice = command("invoices show 1081").done().replace('\u{a0}', " ");
    assert!(invoice.contains("16 875,00 kr") && invoice.contains(".pdf"), "{invoice}");
    assert!(command("agreements list --json").done().starts_with("id\nnumber\n"));
    let reply = command("api query($n:String!){invoice(by:{number:$n}){number}} -f n=1081").done();
    let reply: Value = serde_json::from_str(&reply).unwrap();
    assert_eq!(reply, json!({ "data": { "invoice": { "number": "1081" } } }));
}

#[test]
fn errors_of_the_api_are_shown() {
    let demo = Demo::start();
    let command = |line: &str| run(demo.program(), line);
    let failed = command("api {nothing}");
    assert_eq!(failed.code, Some(1));
    assert!(failed.err.starts_with("error: ") && failed.err.contains("nothing"), "{}", failed.err);
    let message = command("agreements show 1999-0001").failed(1);
    assert!(message.contains("there is no agreement 1999-0001"), "{message}");
    let message = command("agreements list --json nmae").failed(2);
    let document: Value = serde_json::from_str(&message).unwrap();
    assert_eq!(document["error"]["code"], "USAGE");
    let message = document["error"]["message"].as_str().unwrap();
    assert!(message.contains("nmae is not a field; the fields are id, number"), "{message}");
    let message = command("members list --token no-token").failed(1);
    assert!(message.contains("(UNAUTHENTICATED)"), "{message}");
    let message = command("members list --url http://127.0.0.1:9 --json name").failed(1);
    let document: Value = serde_json::from_str(&message).unwrap();
    assert_eq!(document["error"]["fields"], json!([]));
    let mut without = demo.program();
    without.env_remove("SAMREGISTER_TOKEN");
    assert!(run(without, "activities list").failed(2).contains("SAMREGISTER_TOKEN"));
    // None of them reads the database, also where its variables are set.
    for line in [
        "members list",
        "members show gotland",
        "agreements list",
        "agreements show 2026-0001",
        "activities list",
        "activities show bip",
        "invoices list",
        "invoices show 1081",
    ] {
        let message = command(&format!("{line} --token no-token")).failed(1);
        assert!(message.contains("(UNAUTHENTICATED)"), "{line}: {message}");
        let mut without = demo.program();
        without.env_remove("SAMREGISTER_TOKEN");
        assert!(run(without, line).failed(2).contains("SAMREGISTER_TOKEN"), "{line}");
        let fields = command(&format!("{line} --json")).done();
        assert!(fields.starts_with("id\n"), "{line}: {fields}");
    }
    let days = "invoices list --from 2026-02-01 --to 2026-01-31";
    assert_eq!(command(days).failed(2), "error: --to must not be before the first day\n");
}
