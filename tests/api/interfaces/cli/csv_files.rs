//! The commands `import` and `export`.

use std::{fs, path::Path};

use crate::{
    interfaces::cli::{commands::run, reports::said},
    support::{
        app::{App, on_both},
        fixtures,
    },
};

fn write_all(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

on_both!(files_go_in_and_come_out_the_same, |app| async move {
    let folder = tempfile::tempdir().unwrap();
    let (csv, out) = (folder.path().join("csv"), folder.path().join("out"));
    write_all(&csv, fixtures::FILES);
    let import = format!("import {}", csv.display());

    let dry = run(app.program(), &format!("{import} --dry-run"));
    assert!(dry.err.contains("nothing was changed: a dry run"), "{}", dry.err);
    assert!(dry.done().contains("members.csv"));
    assert_eq!(app.revision().await, 0);

    let table = run(app.program(), &import).done();
    let members = table.lines().find(|line| line.starts_with("members.csv")).unwrap();
    assert_eq!(
        members.split_whitespace().collect::<Vec<_>>(),
        ["members.csv", "2", "2", "0", "0", "komma"]
    );
    let revision = app.revision().await;
    let again = run(app.program(), &import).done();
    let members = again.lines().find(|line| line.starts_with("members.csv")).unwrap();
    assert_eq!(
        members.split_whitespace().collect::<Vec<_>>(),
        ["members.csv", "2", "0", "0", "2", "komma"]
    );
    assert_eq!(app.revision().await, revision);

    run(app.program(), &format!("export {}", out.display())).done();
    for (name, text) in fixtures::FILES {
        let came = fs::read_to_string(out.join(name)).unwrap();
        if name.ends_with(".csv") {
            assert_eq!(said(text, text), said(text, &came), "{name}");
        } else {
            assert_eq!(*text, came, "{name}");
        }
    }
    run(app.program(), &format!("import {}", out.display())).done();
    assert_eq!(app.revision().await, revision);
});

on_both!(every_bad_row_is_named_and_nothing_is_imported, |app| async move {
    let folder = tempfile::tempdir().unwrap();
    write_all(
        folder.path(),
        &[
            (
                "members.csv",
                "key;name;org_number;county;municipalities;contact_area;joined_on;left_on;billing_email;peppol_id;buyer_reference;address_line;postal_code;city\n\
            a;A;222000-1835;;;;2020-01-01;;;;;;;\nb;B;;;;;2020-02-30;;;;;;;\nc;C;;;;;2020-01-01;;;;;;;\n",
            ),
            ("organisations.csv", "key,name,org_number\ng,,\n"),
        ],
    );
    let message = run(app.program(), &format!("import {}", folder.path().display())).failed(1);
    let lines: Vec<_> = message.lines().filter(|line| !line.contains(" %, ")).collect();
    assert_eq!(
        lines,
        [
            "members.csv:2: org_number: has a wrong check digit",
            "members.csv:3: joined_on: is not a day of the calendar",
            "organisations.csv:2: name: must not be empty",
            "error: 3 errors in 2 files; nothing was changed",
        ]
    );
    assert_eq!(app.revision().await, 0);
});
