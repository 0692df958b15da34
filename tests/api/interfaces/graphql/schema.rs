//! The schema: its file is what the code serves, everything in it is described, and what clients
//! rely on is there.

use std::{collections::BTreeSet, fs, path::Path};

use samregister::graphql;
use serde_json::Value;

use crate::support::{
    app,
    schema_documents::{Schema, list, written},
};

/// The parts of the schema that clients rely on, a line each. Additions are welcome; these lines
/// stay.
const CONTRACT: &str = include_str!("contract.txt");

#[test]
fn the_file_is_what_the_code_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql");
    let said = graphql::sdl(&graphql::schema(None));
    if std::env::var_os("UPDATE_SCHEMA").is_some_and(|value| !value.is_empty()) {
        fs::write(&file, &said).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    if let Some((line, (kept, said))) = kept
        .lines()
        .chain([""])
        .zip(said.lines().chain([""]))
        .enumerate()
        .find(|(_, (kept, said))| kept != said)
    {
        panic!(
            "schema.graphql:{}: is {kept:?}, but the code says {said:?}; UPDATE_SCHEMA=1 cargo test schema writes it again",
            line + 1
        );
    }
    assert!(
        kept == said,
        "schema.graphql has another end; UPDATE_SCHEMA=1 cargo test schema writes it again"
    );
}

#[test]
fn the_program_prints_it() {
    let printed = app::program().arg("schema").output().unwrap();
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    let text = String::from_utf8(printed.stdout).unwrap();
    assert!(
        text.trim_end() == graphql::sdl(&graphql::schema(None)).trim_end(),
        "the program prints something else: {}…",
        text.chars().take(200).collect::<String>()
    );
    assert!(printed.stderr.is_empty(), "{}", String::from_utf8_lossy(&printed.stderr));
}

#[tokio::test]
async fn everything_is_described() {
    let schema = Schema::of_program().await;
    let is_silent =
        |thing: &Value| thing["description"].as_str().is_none_or(|words| words.trim().is_empty());
    let mut silent = Vec::new();
    for (name, found) in schema.types() {
        if is_silent(found) {
            silent.push(name.to_owned());
        }
        for field in list(&found["fields"]) {
            let path = format!("{name}.{}", field["name"].as_str().unwrap());
            silent.extend(is_silent(field).then(|| path.clone()));
            let arguments = list(&field["args"]).iter().filter(|argument| is_silent(argument));
            silent.extend(
                arguments.map(|argument| format!("{path}({})", argument["name"].as_str().unwrap())),
            );
        }
        for part in list(&found["enumValues"]).iter().chain(list(&found["inputFields"])) {
            silent.extend(
                is_silent(part).then(|| format!("{name}.{}", part["name"].as_str().unwrap())),
            );
        }
    }
    assert!(
        silent.is_empty(),
        "{} things have no description:\n{}",
        silent.len(),
        silent.join("\n")
    );
}

#[tokio::test]
async fn what_clients_rely_on_is_there() {
    let schema = Schema::of_program().await;
    let mut there = BTreeSet::new();
    for (name, found) in schema.types() {
        let text = |value: &Value| value["name"].as_str().unwrap().to_owned();
        let with_default = |value: &Value| {
            value["defaultValue"]
                .as_str()
                .map_or_else(String::new, |default| format!(" = {default}"))
        };
        match found["kind"].as_str().unwrap() {
            "SCALAR" => drop(there.insert(format!("scalar {name}"))),
            "UNION" => {
                let mut members: Vec<_> = list(&found["possibleTypes"]).iter().map(text).collect();
                members.sort();
                there.insert(format!("union {name} = {}", members.join(" | ")));
            }
            _ => {}
        }
        there.extend(
            list(&found["interfaces"])
                .iter()
                .map(|interface| format!("{name} implements {}", text(interface))),
        );
        there.extend(
            list(&found["enumValues"]).iter().map(|value| format!("{name}.{}", text(value))),
        );
        for field in list(&found["fields"]) {
            let path = format!("{name}.{}", text(field));
            there.insert(format!("{path}: {}", written(&field["type"])));
            there.extend(list(&field["args"]).iter().map(|argument| {
                format!(
                    "{path}({}): {}{}",
                    text(argument),
                    written(&argument["type"]),
                    with_default(argument)
                )
            }));
        }
        for field in list(&found["inputFields"]) {
            there.insert(format!(
                "{name}.{}: {}{}",
                text(field),
                written(&field["type"]),
                with_default(field)
            ));
        }
        if found["isOneOf"] == true {
            there.insert(format!("{name} is one of"));
        }
    }
    let promised = CONTRACT.lines().filter(|line| !line.starts_with('#'));
    let missing = promised.filter(|line| !there.contains(*line)).map(|line| {
        let name = line.split([':', ' ']).next().unwrap();
        let instead = there
            .iter()
            .find(|found| found.split([':', ' ']).next() == Some(name))
            .map_or("nothing", String::as_str);
        format!("{line}   (there is: {instead})")
    });
    let missing: Vec<_> = missing.collect();
    assert!(
        missing.is_empty(),
        "{} things that clients rely on are not there:\n{}",
        missing.len(),
        missing.join("\n")
    );
}
