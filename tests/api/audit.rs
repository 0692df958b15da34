//! The audit trail: what it tells of every deed, how it is searched, who may read it, and that
//! nobody can change it unnoticed.

use ::entity::{audit_entry, kind::SubjectKind};
use domain::{
    audit,
    auth::viewer::{Role, Viewer},
};
use futures_util::future::join_all;
use sea_orm::{
    ConnectionTrait, Database, DatabaseConnection, DbBackend, EntityTrait, IntoActiveModel,
    QueryOrder,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::app::{App, Caller, instant, on_both};

async fn admit(caller: &Caller<'_>, name: &str) -> String {
    let admitted =
        caller.does("memberAdmit", "id", json!({ "name": name, "joinedOn": "2015-01-01" })).await;
    admitted["memberAdmit"]["id"].as_str().unwrap().to_owned()
}

/// The revisions of a page of the trail, with what is told of the page.
async fn log(caller: &Caller<'_>, arguments: Value) -> (Vec<i64>, Value) {
    let document = "query($filter: AuditFilter, $first: Int, $after: String, $last: Int, $before: String) {
        auditLog(filter: $filter, first: $first, after: $after, last: $last, before: $before) {
            totalCount nodes { revision } pageInfo { hasPreviousPage hasNextPage startCursor endCursor } } }";
    let answer = caller.ask(document, arguments).await;
    let page = &answer["auditLog"];
    let revisions = page["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["revision"].as_str().unwrap().parse().unwrap());
    (revisions.collect(), page.clone())
}

on_both!(an_entry_tells_who_did_what_to_what_and_when, |app| async move {
    let id = admit(&app.office(), "Ale").await;
    let later = app.at("2026-11-21T09:00:00.123456Z");
    let set = json!({ "member": id, "year": 2026, "amount": "10.50", "source": "Beslut" });
    later.finance().does("allocationSet", "id", set).await.data();
    let document = "{ auditLog { nodes { id revision at actor action subject { __typename id ... on Member { name } } before after version erasedIn hash } } }";
    let answer = app.auditor().query(document).await;
    let entry = &answer["auditLog"]["nodes"][0];
    let (hash, after) = (entry["hash"].as_str().unwrap(), &entry["after"]);
    assert_eq!(
        entry,
        &json!({
            "id": entry["id"], "revision": "2", "at": "2026-11-21T09:00:00.123456Z", "actor": "finance@example.se", "action": "allocationSet",
            "subject": { "__typename": "Member", "id": id, "name": "Ale" }, "before": null,
            "after": { "id": after["id"], "member_id": after["member_id"], "year": 2026, "basis": "ALL_PARTIES", "amount": 1050, "source": "Beslut" },
            "version": env!("CARGO_PKG_VERSION"), "erasedIn": null, "hash": hash,
        })
    );
    assert!(hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{hash}");
    assert_ne!(entry["hash"], answer["auditLog"]["nodes"][1]["hash"]);
    // It is found by its id, as everything is.
    let node = app
        .auditor()
        .ask(
            "query($id: ID!) { node(id: $id) { ... on AuditEntry { revision hash } } }",
            json!({ "id": entry["id"] }),
        )
        .await;
    assert_eq!(node["node"], json!({ "revision": "2", "hash": hash }));
});

on_both!(the_trail_is_searched, |app| async move {
    let anna = Viewer {
        subject: "anna@example.se".into(),
        roles: vec![Role::Office],
        ..Viewer::default()
    };
    let instants = [
        "2026-11-21T09:00:00Z",
        "2026-11-21T09:00:00.000001Z",
        "2026-11-21T09:00:01Z",
        "2026-11-22T00:00:00Z",
        "2026-11-22T00:00:00Z",
    ];
    let [first, second, third, fourth, fifth] = instants.map(|now| app.at(now));
    let ale = admit(&first.office(), "Ale").await;
    let bo = admit(&second.viewer(anna.clone()), "Bo").await;
    third
        .finance()
        .does("allocationSet", "id", json!({ "member": ale, "year": 2026, "amount": "1" }))
        .await
        .data();
    fourth
        .viewer(anna)
        .does("memberUpdate", "id", json!({ "member": ale, "county": "A" }))
        .await
        .data();
    fifth.office().does("memberUpdate", "id", json!({ "member": bo, "county": "B" })).await.data();
    let nothing = "member_0197aaaaaaaa7000800000000000000a";
    for (filter, found) in [
        (json!({}), vec![5, 4, 3, 2, 1]),
        (json!({ "actor": "anna@example.se" }), vec![4, 2]),
        (json!({ "actor": "anna" }), vec![]),
        (json!({ "actor": "ANNA@example.se" }), vec![]),
        (json!({ "subject": ale }), vec![4, 3, 1]),
        (json!({ "subject": nothing }), vec![]),
        // From the instant on, and before it.
        (json!({ "from": "2026-11-21T09:00:00Z" }), vec![5, 4, 3, 2, 1]),
        (json!({ "from": "2026-11-21T09:00:00.000001Z" }), vec![5, 4, 3, 2]),
        (json!({ "from": "2026-11-21T09:00:00.000002Z" }), vec![5, 4, 3]),
        (json!({ "from": "2026-11-22T01:00:00+01:00" }), vec![5, 4]),
        (json!({ "from": "2026-11-22T00:00:00.1Z" }), vec![]),
        (json!({ "to": "2026-11-21T09:00:00Z" }), vec![]),
        (json!({ "to": "2026-11-21T09:00:00.000001Z" }), vec![1]),
        (json!({ "to": "2026-11-21T09:00:01Z" }), vec![2, 1]),
        (json!({ "to": "2026-11-22T00:00:00Z" }), vec![3, 2, 1]),
        (
            json!({ "from": "2026-11-21T09:00:00.000001Z", "to": "2026-11-22T00:00:00Z" }),
            vec![3, 2],
        ),
        (json!({ "from": "2026-11-22T00:00:00Z", "to": "2026-11-21T00:00:00Z" }), vec![]),
        (
            json!({ "actor": "office@example.se", "subject": bo, "from": "2026-11-21T09:00:01Z", "to": "2026-12-01T00:00:00Z" }),
            vec![5],
        ),
        (
            json!({ "actor": "office@example.se", "subject": bo, "to": "2026-11-22T00:00:00Z" }),
            vec![],
        ),
    ] {
        let (revisions, page) = log(&app.office(), json!({ "filter": filter })).await;
        assert_eq!((&revisions, &page["totalCount"]), (&found, &json!(found.len())), "{filter}");
    }
    let document = "query($filter: AuditFilter) { auditLog(filter: $filter) { totalCount } }";
    let bad = json!({ "filter": { "actor": "\u{0}", "subject": "Ale", "from": "2026-11-21", "to": "2026-11-21T25:00:00Z" } });
    assert_eq!(
        app.office().ask(document, bad).await.bad_fields(),
        ["filter.actor", "filter.from", "filter.subject", "filter.to"]
    );
});

on_both!(the_trail_is_paged_from_its_end, |app| async move {
    for name in ["A", "B", "C", "D", "E"] {
        admit(&app.office(), name).await;
    }
    let told = |page: &Value| {
        json!([
            page["pageInfo"]["hasPreviousPage"],
            page["pageInfo"]["hasNextPage"],
            page["totalCount"]
        ])
    };
    let (revisions, first) = log(&app.auditor(), json!({ "first": 2 })).await;
    assert_eq!((revisions, told(&first)), (vec![5, 4], json!([false, true, 5])));
    // What is done meanwhile moves nobody's place.
    admit(&app.office(), "F").await;
    let (revisions, second) =
        log(&app.auditor(), json!({ "first": 2, "after": first["pageInfo"]["endCursor"] })).await;
    assert_eq!((revisions, told(&second)), (vec![3, 2], json!([true, true, 6])));
    let (revisions, third) =
        log(&app.auditor(), json!({ "first": 2, "after": second["pageInfo"]["endCursor"] })).await;
    assert_eq!((revisions, told(&third)), (vec![1], json!([true, false, 6])));
    let (revisions, last) = log(&app.auditor(), json!({ "last": 2 })).await;
    assert_eq!((revisions, told(&last)), (vec![2, 1], json!([true, false, 6])));
    let (revisions, back) =
        log(&app.auditor(), json!({ "last": 5, "before": last["pageInfo"]["startCursor"] })).await;
    assert_eq!((revisions, told(&back)), (vec![6, 5, 4, 3], json!([false, true, 6])));
});

on_both!(the_office_and_auditors_read_the_trail, |app| async move {
    let id = admit(&app.office(), "Ale").await;
    let entry =
        app.office().query("{ auditLog { nodes { id } } }").await["auditLog"]["nodes"][0]["id"]
            .clone();
    let document = "query($entry: ID!, $member: ID!) { auditLog { totalCount nodes { id } } of: auditLog(filter: { subject: $member }) { totalCount } node(id: $entry) { id } nodes(ids: [$entry]) { id } }";
    let node = json!({ "id": entry });
    let all = json!({ "auditLog": { "totalCount": 1, "nodes": [node] }, "of": { "totalCount": 1 }, "node": node, "nodes": [node] });
    let none = json!({ "auditLog": { "totalCount": 0, "nodes": [] }, "of": { "totalCount": 0 }, "node": null, "nodes": [null] });
    for (who, caller, seen) in [
        ("office", app.office(), &all),
        ("auditor", app.auditor(), &all),
        ("audit:read", app.service("audit:read"), &all),
        ("finance", app.finance(), &none),
        ("board", app.board(), &none),
        ("lead", app.lead(&["bip"]), &none),
        ("Ale", app.member(&id), &none),
        (
            "members:read",
            app.service(
                "members:read agreements:write invoices:write revenue:read templates:write",
            ),
            &none,
        ),
    ] {
        assert_eq!(
            caller.ask(document, json!({ "entry": entry, "member": id })).await.data(),
            seen,
            "{who}"
        );
    }
    // A program that may read the trail alone is not shown what it is about.
    let subject =
        app.service("audit:read").query("{ auditLog { nodes { action subject { id } } } }").await;
    assert_eq!(subject["auditLog"]["nodes"], json!([{ "action": "memberAdmit", "subject": null }]));
});

on_both!(what_changes_nothing_or_is_refused_leaves_no_entry, |app| async move {
    let member = admit(&app.office(), "Ale").await;
    let other = admit(&app.office(), "Bo").await;
    let id = |answer: crate::app::Answer, name: &str| answer[name]["id"].clone();
    let organisation = id(
        app.office()
            .does("organisationAdd", "id", json!({ "name": "Gamma", "orgNumber": "802555-0008" }))
            .await,
        "organisationAdd",
    );
    let contact = id(
        app.office().does("contactAdd", "id", json!({ "role": "OTHER", "name": "Anna" })).await,
        "contactAdd",
    );
    app.office()
        .does("allocationSet", "id", json!({ "member": member, "year": 2026, "amount": "1" }))
        .await
        .data();
    let before = app.revision().await;
    assert_eq!(before, 5);
    for (deed, input) in [
        (
            "memberUpdate",
            json!({ "member": member, "name": "Ale", "joinedOn": "2015-01-01", "billing": {}, "municipalities": [] }),
        ),
        ("memberUpdate", json!({ "member": member })),
        ("allocationSet", json!({ "member": member, "year": 2026, "amount": "1.00" })),
        (
            "contactUpdate",
            json!({ "contact": contact, "name": "Anna", "role": "OTHER", "email": null }),
        ),
        ("organisationUpdate", json!({ "organisation": organisation, "orgNumber": "802555-0008" })),
    ] {
        app.office().does(deed, "id", input).await.data();
        assert_eq!(app.revision().await, before, "{deed}");
    }
    for (code, caller, deed, input) in [
        ("FORBIDDEN", app.board(), "memberUpdate", json!({ "member": member, "name": "Ny" })),
        (
            "UNAUTHENTICATED",
            app.no_one(),
            "memberUpdate",
            json!({ "member": member, "name": "Ny" }),
        ),
        (
            "INVALID",
            app.office(),
            "memberAdmit",
            json!({ "name": "", "joinedOn": "2026-01-01", "contactArea": "Ny" }),
        ),
        (
            "NOT_FOUND",
            app.office(),
            "contactErase",
            json!({ "contact": "contact_0197aaaaaaaa7000800000000000000a" }),
        ),
        (
            "CONFLICT",
            app.office(),
            "organisationAdd",
            json!({ "name": "Ny", "orgNumber": "802555-0008" }),
        ),
        // The first could leave, there is no second.
        (
            "NOT_FOUND",
            app.office(),
            "memberMerge",
            json!({ "into": member, "from": [other, "member_0197aaaaaaaa7000800000000000000a"], "leftOn": "2026-12-31" }),
        ),
    ] {
        assert_eq!(caller.does(deed, "id", input).await.code(), code, "{deed}");
        assert_eq!(app.revision().await, before, "{deed}");
    }
    // Nothing is missing in between, since a deed that was refused took no place.
    admit(&app.office(), "Cea").await;
    assert_eq!(app.revision().await, before + 1);
    assert_eq!(audit::violations(&app.db).await.unwrap(), Vec::<String>::new());
});

/// Somebody at the database itself, past the program.
pub async fn intruder(app: &App) -> DatabaseConnection {
    Database::connect(app.url()).await.unwrap()
}

on_both!(the_database_refuses_to_change_the_trail, |app| async move {
    for name in ["Ale", "Bo"] {
        admit(&app.office(), name).await;
    }
    let intruder = intruder(&app).await;
    let mut paths = vec![
        "UPDATE audit_entry SET actor = 'ingen'",
        "UPDATE audit_entry SET after = NULL WHERE revision = 1",
        "UPDATE audit_entry SET salt = NULL, after = '{}', after_digest = 'x', erased_in = 2 WHERE revision = 1",
        "UPDATE audit_entry SET signature = NULL WHERE revision = 2",
        "INSERT INTO audit_entry SELECT * FROM audit_entry WHERE revision = 1 ON CONFLICT (revision) DO UPDATE SET actor = 'ingen'",
        "DELETE FROM audit_entry",
    ];
    if app.db.backend() == DbBackend::Postgres {
        paths.push("TRUNCATE audit_entry");
    } else {
        paths.extend([
            "INSERT OR REPLACE INTO audit_entry SELECT * FROM audit_entry WHERE revision = 1",
            "REPLACE INTO audit_entry (revision, at, actor, action, subject_kind, subject_id, version, hash) \
             SELECT revision, at, 'ingen', action, subject_kind, subject_id, version, hash FROM audit_entry WHERE revision = 2",
            "UPDATE OR REPLACE audit_entry SET revision = 1 WHERE revision = 2",
        ]);
    }
    for path in paths {
        let refused = intruder.execute_unprepared(path).await.unwrap_err().to_string();
        assert!(refused.contains("the audit trail never changes"), "{path}: {refused}");
    }
    assert_eq!(app.revision().await, 2);
    assert_eq!(audit::violations(&app.db).await.unwrap(), Vec::<String>::new());
});

/// An intruder who has taken the trail's guards away, as whoever owns the database can.
pub async fn unguarded(app: &App) -> DatabaseConnection {
    let intruder = intruder(app).await;
    for guard in ["audit_entry__no_update", "audit_entry__no_delete"] {
        let of = if app.db.backend() == DbBackend::Postgres { " ON audit_entry" } else { "" };
        intruder.execute_unprepared(&format!("DROP TRIGGER {guard}{of}")).await.unwrap();
    }
    intruder
}

on_both!(a_trail_that_was_tampered_with_no_longer_holds, |app| async move {
    for name in ["A", "B", "C", "D"] {
        admit(&app.office(), name).await;
    }
    assert_eq!(audit::violations(&app.db).await.unwrap(), Vec::<String>::new());
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
        assert_eq!(audit::violations(&app.db).await.unwrap()[0], broken(2), "{column} = {value}");
        intruder
            .execute_unprepared(&format!(
                "UPDATE audit_entry SET {column} = (SELECT {column} FROM kept) WHERE revision = 2"
            ))
            .await
            .unwrap();
        intruder.execute_unprepared("DROP TABLE kept").await.unwrap();
        assert_eq!(audit::violations(&app.db).await.unwrap(), Vec::<String>::new(), "{column}");
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
    assert_eq!(audit::violations(&app.db).await.unwrap(), [unsigned(2, 2), broken(3)]);
    intruder.execute_unprepared("DELETE FROM audit_entry WHERE revision = 2").await.unwrap();
    let found = audit::violations(&app.db).await.unwrap();
    assert_eq!(found, ["audit trail: revision 3 follows 1".to_owned(), broken(3), unsigned(2, 3)]);
    intruder.execute_unprepared("DELETE FROM audit_entry WHERE revision = 1").await.unwrap();
    assert_eq!(audit::violations(&app.db).await.unwrap()[0], "audit trail: revision 3 follows 0");
});

/// The hash of an entry of before there was salt, reckoned by what was promised then, with its
/// texts' digests.
fn old_hash(entry: &audit_entry::Model, before: &str) -> String {
    let sha256 = |text: &str| {
        Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let digest = |text: &Option<String>| text.as_deref().map_or("-".to_owned(), sha256);
    let (revision, micros) = (entry.revision, entry.at.timestamp_micros());
    let (actor, action, kind, subject) =
        (&entry.actor, &entry.action, entry.subject_kind, entry.subject_id.simple());
    let (version, texts) =
        (&entry.version, format!("{}\n{}", digest(&entry.before), digest(&entry.after)));
    sha256(&format!(
        "{before}\n{revision}\n{micros}\n{actor}\n{action}\n{kind}\n{subject}\n{version}\n{texts}"
    ))
}

/// Writes an entry as the program did before there was salt, at the end of the trail.
pub async fn write_as_before(
    app: &App,
    action: &str,
    kind: SubjectKind,
    subject: uuid::Uuid,
    after: &str,
) {
    let intruder = intruder(app).await;
    let last = audit::checkpoint(&app.db).await.unwrap();
    let mut entry = audit_entry::Model {
        revision: last.revision + 1,
        at: instant("2026-11-20T08:00:00.25Z"),
        actor: "office@example.se".into(),
        action: action.into(),
        subject_kind: kind,
        subject_id: subject,
        version: "0.1.0".into(),
        after: Some(after.into()),
        ..audit_entry::Model::default()
    };
    entry.hash = old_hash(&entry, if last.revision == 0 { "" } else { &last.hash });
    audit_entry::Entity::insert(entry.into_active_model())
        .exec_without_returning(&intruder)
        .await
        .unwrap();
}

/// Migrates a trail that [`write_as_before`] wrote, as the program does when it is brought up to
/// date.
pub async fn migrate_trail(app: &App) {
    let forget = "DELETE FROM seaql_migrations WHERE version = 'm2026_11_30_21_trail_migration'";
    intruder(app).await.execute_unprepared(forget).await.unwrap();
    app.db.migrate().await.unwrap();
}

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
    assert_eq!(audit::violations(&app.db).await.unwrap(), Vec::<String>::new());
});

/// What the command writes to stdout, and its exit code.
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
    let (told, code) = verify();
    assert!(code == Some(0) && told.ends_with("checks, no violation\n"), "{code:?} {told}");

    // What is left is a chain without a violation, and so it is with another entry at its end, by a
    // program that did not see the end before.
    unguarded(&app)
        .await
        .execute_unprepared("DELETE FROM audit_entry WHERE revision = 2")
        .await
        .unwrap();
    assert_eq!(audit::violations(&app.db).await.unwrap(), Vec::<String>::new());
    let (told, code) = verify();
    assert!(
        code == Some(3) && told.starts_with("audit trail: revision 2 of the checkpoint of 20"),
        "{code:?} {told}"
    );
    let refused = app
        .office()
        .does("memberAdmit", "id", json!({ "name": "Cea", "joinedOn": "2015-01-01" }))
        .await;
    assert_eq!(refused.code(), "INTERNAL", "this program wrote revision 2 itself");
    admit(&app.by(&app.url()).await.office(), "Cea").await;
    let (told, code) = verify();
    let hash = lines[2].split(' ').nth(1).unwrap();
    let departed = format!(", but {hash} at the checkpoint of 20");
    assert!(
        code == Some(3)
            && told.starts_with("audit trail: revision 2 has the hash ")
            && told.contains(&departed),
        "{code:?} {told}"
    );

    std::fs::write(&file, format!("{kept}x\n{}y\n", kept.lines().last().unwrap())).unwrap();
    let (told, code) = verify();
    let name = file.display();
    let error = "is no line that `samregister checkpoint` writes";
    assert_eq!(
        (told, code),
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
        .does("contactUpdate", "id", json!({ "contact": contact, "name": "Anna A" }))
        .await
        .data();
    app.office().does("contactErase", "id", json!({ "contact": contact })).await.data();

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
    let last = audit::checkpoint(&app.db).await.unwrap();
    let key = crate::app::trail_key();
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
