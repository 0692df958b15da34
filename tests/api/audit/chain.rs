//! The chain of the audit trail: tampering, truncation and concurrent writers, and a check of it
//! without the program.

use ::entity::{audit_entry, kind::SubjectKind};
use domain::audit;
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, QueryOrder};
use serde_json::json;

use crate::{
    audit::entries::{admit, log},
    support::{
        app::{App, on_both},
        database_intruder::{migrate_trail, unguarded, write_as_before},
    },
};

on_both!(a_trail_that_was_tampered_with_no_longer_holds, |app| async move {
    for name in ["A", "B", "C", "D"] {
        admit(&app.office(), name).await;
    }
    assert_eq!(audit::violations_now(&app.db, app.clock).await.unwrap(), Vec::<String>::new());
    let intruder = unguarded(&app).await;
    let is_postgres = app.db.backend() == DbBackend::Postgres;
    let broken = |revision: i64| {
        format!(
            "audit trail: the hash of revision {revision} does not follow from it and the one before"
        )
    };
    let moved = if is_postgres {
        "at + interval '1 second'"
    } else {
        "replace(at, '09:00:00', '09:00:01')"
    };
    for (column, value) in [
        ("actor", "'ingen'"),
        ("action", "'memberLeave'"),
        ("at", moved),
        ("subject_kind", "'CONTACT'"),
        ("subject_id", "(SELECT subject_id FROM audit_entry WHERE revision = 4)"),
        ("version", "'9.9.9'"),
        ("before", "'{}'"),
        ("after", "(SELECT after FROM audit_entry WHERE revision = 4)"),
        ("after", "NULL"),
        ("form", "'COST'"),
        ("form_version", "7"),
        ("record_id", "(SELECT record_id FROM audit_entry WHERE revision = 4)"),
        ("record_id", "NULL"),
        ("former_hash", "hash"),
        ("erased_in", "3"),
        ("before_digest", "'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'"),
        ("after_digest", "'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'"),
    ] {
        intruder
            .execute_unprepared("CREATE TABLE kept AS SELECT * FROM audit_entry WHERE revision = 2")
            .await
            .unwrap();
        intruder
            .execute_unprepared(&format!(
                "UPDATE audit_entry SET {column} = {value} WHERE revision = 2"
            ))
            .await
            .unwrap();
        assert_eq!(
            audit::violations_now(&app.db, app.clock).await.unwrap()[0],
            broken(2),
            "{column} = {value}"
        );
        intruder
            .execute_unprepared(&format!(
                "UPDATE audit_entry SET {column} = (SELECT {column} FROM kept) WHERE revision = 2"
            ))
            .await
            .unwrap();
        intruder.execute_unprepared("DROP TABLE kept").await.unwrap();
        assert_eq!(
            audit::violations_now(&app.db, app.clock).await.unwrap(),
            Vec::<String>::new(),
            "{column}"
        );
    }
    // A hash that is made to fit its entry no longer fits the next one.
    let entries = audit_entry::Entity::find()
        .order_by_asc(audit_entry::Column::Revision)
        .all(&intruder)
        .await
        .unwrap();
    let forged = audit_entry::Model { actor: "ingen".into(), ..entries[1].clone() };
    let hash = audit::hash(&forged, &entries[0].hash);
    let forgery =
        format!("UPDATE audit_entry SET actor = 'ingen', hash = '{hash}' WHERE revision = 2");
    intruder.execute_unprepared(&forgery).await.unwrap();
    let unsigned = |first: i64, last: i64| {
        format!(
            "audit trail: the signature of revision {last} does not hold for revisions {first} to {last}"
        )
    };
    assert_eq!(
        audit::violations_now(&app.db, app.clock).await.unwrap(),
        [unsigned(2, 2), broken(3)]
    );
    intruder.execute_unprepared("DELETE FROM audit_entry WHERE revision = 2").await.unwrap();
    let found = audit::violations_now(&app.db, app.clock).await.unwrap();
    assert_eq!(found, ["audit trail: revision 3 follows 1".to_owned(), broken(3), unsigned(2, 3)]);
    intruder.execute_unprepared("DELETE FROM audit_entry WHERE revision = 1").await.unwrap();
    assert_eq!(
        audit::violations_now(&app.db, app.clock).await.unwrap()[0],
        "audit trail: revision 3 follows 0"
    );
});

on_both!(servers_that_write_at_once_keep_one_chain, |app| async move {
    let mut servers = Vec::new();
    for _ in 0..4 {
        servers.push(app.by(&app.url()).await);
    }
    let admissions = servers.iter().enumerate().flat_map(|(server, app)| {
        (0..10).map(move |permit| async move {
            let input =
                json!({ "name": format!("Medlem {server} {permit}"), "joinedOn": "2015-01-01" });
            // A machine with much else to do may make some of them wait for too long.
            loop {
                let answer = app.office().does("memberAdmit", "id", input.clone()).await;
                if answer.errors().is_empty() || answer.reason() != "BUSY" {
                    break answer.data().clone();
                }
            }
        })
    });
    assert_eq!(join_all(admissions).await.len(), 40);
    let (revisions, page) = log(&app.auditor(), json!({ "first": 100 })).await;
    assert_eq!((revisions, &page["totalCount"]), ((1..=40).rev().collect(), &json!(40)));
    assert_eq!(audit::violations_now(&app.db, app.clock).await.unwrap(), Vec::<String>::new());
});

/// Runs the command; returns its stdout and exit code.
fn run(app: &App, arguments: &[&str]) -> (String, Option<i32>) {
    let output = app.program().args(arguments).output().unwrap();
    (
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr),
        output.status.code(),
    )
}

on_both!(a_checkpoint_shows_that_the_end_was_cut_off, |app| async move {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("checkpoints.txt");
    let verify = || run(&app, &["verify", "--checkpoints", &file.display().to_string()]);
    let mut kept = "# from the auditor\n\n".to_owned();
    kept += &run(&app, &["checkpoint"]).0;
    for name in ["Ale", "Bo"] {
        admit(&app.office(), name).await;
        kept += &run(&app, &["checkpoint"]).0;
    }
    std::fs::write(&file, &kept).unwrap();
    let lines: Vec<_> =
        kept.lines().skip(2).map(|line| line.split_once(' ').unwrap().1.to_owned()).collect();
    assert_eq!((&lines[0][..4], &lines[1][..2], &lines[2][..2]), ("0 - ", "1 ", "2 "));
    let (reported, code) = verify();
    assert!(code == Some(0) && reported.ends_with("checks, no violation\n"), "{code:?} {reported}");

    // What is left is a chain without a violation, and so it is with another entry at its end, by a
    // program that did not see the end before.
    unguarded(&app)
        .await
        .execute_unprepared("DELETE FROM audit_entry WHERE revision = 2")
        .await
        .unwrap();
    assert_eq!(audit::violations_now(&app.db, app.clock).await.unwrap(), Vec::<String>::new());
    let (reported, code) = verify();
    assert!(
        code == Some(3) && reported.starts_with("audit trail: revision 2 of the checkpoint of 20"),
        "{code:?} {reported}"
    );
    let refused = app
        .office()
        .does("memberAdmit", "id", json!({ "name": "Cea", "joinedOn": "2015-01-01" }))
        .await;
    assert_eq!(refused.code(), "INTERNAL", "this program wrote revision 2 itself");
    admit(&app.by(&app.url()).await.office(), "Cea").await;
    let (reported, code) = verify();
    let hash = lines[2].split(' ').nth(1).unwrap();
    let departed = format!(", but {hash} at the checkpoint of 20");
    assert!(
        code == Some(3)
            && reported.starts_with("audit trail: revision 2 has the hash ")
            && reported.contains(&departed),
        "{code:?} {reported}"
    );

    std::fs::write(&file, format!("{kept}x\n{}y\n", kept.lines().last().unwrap())).unwrap();
    let (reported, code) = verify();
    let name = file.display();
    let error = "is no line that `samregister checkpoint` writes";
    assert_eq!(
        (reported, code),
        (format!("error: {name}:6 {error}\n       {name}:7 {error}\n"), Some(1))
    );
});

on_both!(an_auditor_follows_the_chain_without_the_program, |app| async move {
    let guide =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/audit-trail.md"))
            .unwrap();
    let block = |kind: &str, of: usize| {
        let start = guide.match_indices(&format!("```{kind}\n")).nth(of).unwrap().0;
        guide[start..]
            .lines()
            .skip(1)
            .take_while(|line| *line != "```")
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    };
    for (action, text) in [
        ("memberAdmit", "{\"name\":\"Ale, «Å» \\\"A\\\"\"}"),
        ("import", "{\"name\":\"Bo\",\"billing\":{\"email\":\"bo@example.se\"}}"),
    ] {
        write_as_before(&app, action, SubjectKind::Member, uuid::Uuid::now_v7(), text).await;
    }
    migrate_trail(&app).await;
    let added = app
        .office()
        .does(
            "contactAdd",
            "id",
            json!({ "role": "OTHER", "name": "Anna", "phone": "070", "email": "a@example.se" }),
        )
        .await;
    let contact = &added["contactAdd"]["id"];
    app.at("2026-11-22T09:00:00.5Z")
        .office()
        .does("contactUpdate", "id", json!({ "contactId": contact, "name": "Anna A" }))
        .await
        .data();
    app.office().does("contactErase", "id", json!({ "contactId": contact })).await.data();

    let sql = block("sql", usize::from(app.db.backend() == DbBackend::Postgres));
    let rows = app
        .db
        .read()
        .query_all_raw(sea_orm::Statement::from_string(app.db.backend(), sql))
        .await
        .unwrap();
    let columns = rows[0].column_names();
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(&columns).unwrap();
    for row in &rows {
        csv.write_record(
            columns
                .iter()
                .map(|name| row.try_get::<Option<String>>("", name).unwrap().unwrap_or_default()),
        )
        .unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let (script, trail) = (folder.path().join("follow.py"), folder.path().join("trail.csv"));
    std::fs::write(&script, block("python", 0)).unwrap();
    let keys = folder.path().join("keys.pem");
    let follow = |csv: &[u8], key: &str| {
        std::fs::write(&trail, csv).unwrap();
        std::fs::write(&keys, key).unwrap();
        let output = std::process::Command::new("python3")
            .arg(&script)
            .arg(&trail)
            .arg(&keys)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr)
    };
    let csv = String::from_utf8(csv.into_inner().unwrap()).unwrap();
    let last = audit::checkpoint(&app.db, app.clock).await.unwrap();
    let key = crate::support::app::trail_key();
    let public = key.public_pem().unwrap();
    assert_eq!(follow(csv.as_bytes(), &public), format!("{} {}\n", last.revision, last.hash));
    // A changed word is found, and so is a signature by another key.
    for (word, other, revision) in [("office@", "ingen@", 1), ("contactErase", "contactUpdate", 6)]
    {
        assert_eq!(
            follow(csv.replacen(word, other, 1).as_bytes(), &public).trim(),
            format!("revision {revision} does not hold"),
            "{word}"
        );
    }
    let other = audit::TrailKey::generate().public_pem().unwrap();
    assert_eq!(
        follow(csv.as_bytes(), &other).trim(),
        "revision 3 was not signed with one of the keys"
    );
    // Unsigned entries at the end are found too.
    let cut: String =
        csv.lines().take(csv.lines().count() - 1).map(|line| format!("{line}\n")).collect();
    assert_eq!(
        follow(cut.as_bytes(), &public).trim(),
        "no signature covers what follows revision 5"
    );
});
