//! Forging the trail: changes by an attacker who has the database, but not the key that signs it,
//! are refused, or found by `verify`.

use ::entity::{
    audit_entry::{Column, Entity, Model},
    kind::{Form, SubjectKind},
    person_key, sealed_entry,
};
use domain::audit::{self, Keyring, TrailKey};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, EntityTrait, IntoActiveModel, QueryOrder,
};
use serde_json::{Value, json};

use crate::{
    app::{App, instant, on_both, trail_key, trail_key_file},
    audit::{intruder, migrate_trail, write_as_before},
};

const MEMBERS: &str = "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city\n\
    ale,Ale,,,,,2015-01-01,,,,,,,\nbo,Bo,,,,,2015-01-01,,,,,,,\n";
const CHANGED: &str = "the audit trail never changes";

/// A register with a few commits, of which the last has several entries: two contacts, an
/// allocation, and an import of members.
async fn filled(app: &App) {
    for name in ["Annabella", "Bertil"] {
        app.office()
            .does(
                "contactAdd",
                "id",
                json!({ "role": "OTHER", "name": name, "email": format!("{name}@example.se") }),
            )
            .await
            .data();
    }
    let added = app
        .office()
        .does("memberAdmit", "id", json!({ "name": "Cea", "joinedOn": "2015-01-01" }))
        .await;
    app.office()
        .does(
            "allocationSet",
            "id",
            json!({ "member": added["memberAdmit"]["id"], "year": 2026, "amount": "10" }),
        )
        .await
        .data();
    app.import(&[("members.csv", MEMBERS)]).await;
}

async fn entries(db: &DatabaseConnection) -> Vec<Model> {
    Entity::find().order_by_asc(Column::Revision).all(db).await.unwrap()
}

async fn found(app: &App) -> Vec<String> {
    audit::violations(&app.db).await.unwrap()
}

/// Makes every hash follow from its entry and the one before, as an attacker would who rewrites the
/// chain.
fn rechain(entries: &mut [Model]) {
    let mut before = String::new();
    for entry in entries {
        entry.hash = audit::hash(entry, &before);
        before.clone_from(&entry.hash);
    }
}

/// An attacker at the database who has removed every guard of the trail, as its owner can.
async fn owner(app: &App) -> DatabaseConnection {
    let db = intruder(app).await;
    let is_sqlite = app.db.backend() == DbBackend::Sqlite;
    for table in ["audit_entry", "person_key", "sealed_entry"] {
        for guard in ["no_update", "no_delete", "no_replace"]
            .into_iter()
            .filter(|guard| is_sqlite || *guard != "no_replace")
        {
            let of = if is_sqlite { String::new() } else { format!(" ON {table}") };
            db.execute_unprepared(&format!("DROP TRIGGER {table}__{guard}{of}")).await.unwrap();
        }
    }
    db
}

/// Replaces all entries by these, and the table of those that have sealed fields.
async fn replace(db: &DatabaseConnection, entries: &[Model]) {
    db.execute_unprepared("DELETE FROM audit_entry; DELETE FROM sealed_entry").await.unwrap();
    let mut sealed = std::collections::BTreeSet::new();
    for entry in entries {
        for text in [&entry.before, &entry.after].into_iter().flatten() {
            for (at, prefix) in text.match_indices("{\"sealed\":\"") {
                let key_id = uuid::Uuid::try_parse(&text[at + prefix.len()..][..32]).unwrap();
                sealed.insert((key_id, entry.revision));
            }
        }
    }
    if !sealed.is_empty() {
        let sealed = sealed
            .into_iter()
            .map(|(key_id, revision)| sealed_entry::Model { key_id, revision }.into_active_model());
        sealed_entry::Entity::insert_many(sealed).exec_without_returning(db).await.unwrap();
    }
    let rows = entries.iter().cloned().map(IntoActiveModel::into_active_model);
    Entity::insert_many(rows).exec_without_returning(db).await.unwrap();
}

/// An entry that follows the last, with the hash that is due.
fn next(entries: &[Model], form: Form, subject: (SubjectKind, uuid::Uuid), after: &Value) -> Model {
    let last = entries.last().unwrap();
    let mut entry = Model {
        revision: last.revision + 1,
        at: instant("2026-11-21T09:00:00Z"),
        actor: "office@example.se".into(),
        action: "contactErase".into(),
        subject_kind: subject.0,
        subject_id: subject.1,
        version: env!("CARGO_PKG_VERSION").into(),
        after: Some(after.to_string()),
        form: Some(form),
        form_version: 1,
        record_id: Some(uuid::Uuid::now_v7()),
        ..Model::default()
    };
    entry.hash = audit::hash(&entry, &last.hash);
    entry
}

on_both!(an_entry_that_was_forged_is_found_and_nothing_is_written_after_it, |app| async move {
    filled(&app).await;
    assert_eq!(found(&app).await, Vec::<String>::new());
    let intruder = intruder(&app).await;
    let all = entries(&intruder).await;
    let last = all.last().unwrap().revision;
    // As on 2026-11-30: a well-formed erasure of something that is no contact, then the revision
    // that it names.
    let allocation = all.iter().find(|entry| entry.form == Some(Form::Allocation)).unwrap();
    let (revision, subject) = (allocation.revision, (SubjectKind::Contact, allocation.subject_id));
    let erased =
        json!({ "erased": [{ "revision": revision, "before_sha256": null, "after_sha256": "x" }] });
    let forged = next(&all, Form::Contact, subject, &erased);
    Entity::insert(forged.into_active_model()).exec_without_returning(&intruder).await.unwrap();
    let changed = format!(
        "UPDATE audit_entry SET after = '{{}}', after_digest = 'x', erased_in = {} WHERE revision = {revision}",
        last + 1
    );
    let refused = intruder.execute_unprepared(&changed).await.unwrap_err().to_string();
    assert!(refused.contains(CHANGED), "{refused}");
    let no_one = format!(
        "audit trail: no signature covers revisions {0} to {0}: this program did not write them",
        last + 1
    );
    assert_eq!(found(&app).await, std::slice::from_ref(&no_one));
    // No later signature covers it, of this program or another.
    for app in [app.clone(), app.by(&app.url()).await] {
        let refused = app
            .office()
            .does("memberAdmit", "id", json!({ "name": "Dan", "joinedOn": "2015-01-01" }))
            .await;
        assert_eq!(refused.code(), "INTERNAL");
    }
    assert_eq!(app.revision().await, last + 1);
    // It says why at the machine, and the check exits with 3.
    let output = app.program().args(["verify"]).output().unwrap();
    assert_eq!(
        (output.status.code(), String::from_utf8_lossy(&output.stdout).contains(&no_one)),
        (Some(3), true)
    );
    let output =
        app.program().args(["token", "revoke", "--subject", "anna@example.se"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.contains(&format!(
            "nothing is written: revision {} of the audit trail has no signature",
            last + 1
        )),
        "{told}"
    );
});

on_both!(a_signature_holds_for_one_end_of_one_trail, |app| async move {
    filled(&app).await;
    let owner = owner(&app).await;
    let all = entries(&owner).await;
    let last = all.len() as i64;
    let commits = all.iter().filter(|entry| entry.signature.is_some()).count();
    assert!(
        commits < all.len() && all.last().unwrap().signature.is_some(),
        "one signature a commit"
    );
    let no_one = |first: i64, last: i64| {
        format!(
            "audit trail: no signature covers revisions {first} to {last}: this program did not write them"
        )
    };

    // Everything rewritten, with hashes that fit: each commit's signature is of another hash.
    let mut rewritten = all.clone();
    rewritten.iter_mut().for_each(|entry| entry.actor = "ingen".into());
    rechain(&mut rewritten);
    replace(&owner, &rewritten).await;
    assert_eq!(found(&app).await.len(), commits);
    // The same without signatures, as if there had never been any.
    for entry in &mut rewritten {
        (entry.signature, entry.signed_from, entry.key_id) = (None, None, None);
    }
    replace(&owner, &rewritten).await;
    assert_eq!(found(&app).await, [no_one(1, last)]);
    // Signed with a key of the forger's own.
    let own = TrailKey::generate();
    let head = rewritten.last_mut().unwrap();
    head.signature = Some(own.sign(&format!("samregister trail head\n1\n{last}\n{}", head.hash)));
    (head.signed_from, head.key_id) = (Some(1), Some(own.id().to_owned()));
    replace(&owner, &rewritten).await;
    let stranger = format!(
        "audit trail: revision {last} was signed with the key {}, which is none of those that are trusted",
        own.id()
    );
    assert_eq!(found(&app).await, [stranger]);
    // Under the name of the right key.
    rewritten.last_mut().unwrap().key_id = Some(trail_key().id().to_owned());
    replace(&owner, &rewritten).await;
    assert_eq!(
        found(&app).await,
        [format!(
            "audit trail: the signature of revision {last} does not hold for revisions 1 to {last}"
        )]
    );

    // The signature of another end, on a forged entry.
    let mut replayed = all.clone();
    let mut forged =
        next(&all, Form::Cost, (SubjectKind::Activity, uuid::Uuid::now_v7()), &json!({}));
    (forged.signature, forged.key_id) = (all[0].signature.clone(), all[0].key_id.clone());
    forged.signed_from = Some(last + 1);
    replayed.push(forged);
    replace(&owner, &replayed).await;
    assert_eq!(
        found(&app).await,
        [format!(
            "audit trail: the signature of revision {0} does not hold for revisions {0} to {0}",
            last + 1
        )]
    );
    // A signed entry, copied to the end.
    replayed.pop();
    replayed.push(Model { revision: last + 1, ..all[0].clone() });
    replace(&owner, &replayed).await;
    assert_eq!(found(&app).await.len(), 2);

    // An entry slipped in between two commits, as if the program had not looked: the later
    // signature does not cover it.
    let mut slipped = all[..2].to_vec();
    slipped.push(next(
        &slipped,
        Form::Cost,
        (SubjectKind::Activity, uuid::Uuid::now_v7()),
        &json!({}),
    ));
    let mut later =
        next(&slipped, Form::Cost, (SubjectKind::Activity, uuid::Uuid::now_v7()), &json!({}));
    later.signature =
        Some(trail_key().sign(&format!("samregister trail head\n4\n4\n{}", later.hash)));
    (later.signed_from, later.key_id) = (Some(4), Some(trail_key().id().to_owned()));
    slipped.push(later);
    replace(&owner, &slipped).await;
    assert_eq!(
        found(&app).await,
        ["audit trail: the signature of revision 4 does not hold for revisions 3 to 4"]
    );

    // The end cut off: what is left holds, but not for a checkpoint, nor for the program that wrote
    // more.
    let checkpoint = {
        replace(&owner, &all).await;
        audit::checkpoint(&app.db).await.unwrap()
    };
    let first_commit = all.iter().position(|entry| entry.signature.is_some()).unwrap() + 1;
    replace(&owner, &all[..first_commit]).await;
    // Of the part that was cut off, the keys of persons are left.
    let left = found(&app).await;
    assert!(left.iter().all(|violation| violation.contains(" sealed nothing: ")), "{left:?}");
    let departed =
        audit::departures(app.db.read(), &[checkpoint], Some(trail_key().trusted())).await.unwrap();
    assert_eq!(
        departed,
        [format!("audit trail: revision {last} of the checkpoint of 2026-11-21T09:00:00Z is gone")]
    );
    assert_eq!(
        app.office()
            .does("memberAdmit", "id", json!({ "name": "Dan", "joinedOn": "2015-01-01" }))
            .await
            .code(),
        "INTERNAL"
    );
    replace(&owner, &all).await;
    assert_eq!(found(&app).await, Vec::<String>::new());
});

on_both!(keys_of_persons_do_not_change_and_go_with_an_entry_alone, |app| async move {
    filled(&app).await;
    let intruder = intruder(&app).await;
    let keys = person_key::Entity::find().all(&intruder).await.unwrap();
    let literal = |id: &uuid::Uuid| {
        if app.db.backend() == DbBackend::Sqlite {
            format!("x'{}'", id.simple())
        } else {
            format!("'{id}'")
        }
    };
    let [one, other] = [&keys[0], &keys[1]].map(|key| literal(&key.id));
    for (path, reason) in [
        (
            format!(
                "UPDATE person_key SET key = (SELECT key FROM person_key WHERE id = {other}) WHERE id = {one}"
            ),
            "never changes",
        ),
        ("DELETE FROM person_key".to_owned(), "no entry of the audit trail erases this person"),
        (
            format!("DELETE FROM person_key WHERE id = {one}"),
            "no entry of the audit trail erases this person",
        ),
    ] {
        let refused = intruder.execute_unprepared(&path).await.unwrap_err().to_string();
        assert!(refused.contains(reason), "{path}: {refused}");
    }
    assert_eq!(found(&app).await, Vec::<String>::new());

    // With a forged entry the database lets a key go; the entry is found.
    let all = entries(&intruder).await;
    let erasure = json!({ "key_id": keys[0].id, "person": "CONTACT", "revisions": [1] });
    let forged = Model {
        record_id: Some(keys[0].id),
        ..next(&all, Form::Erasure, (SubjectKind::Contact, keys[0].person_id), &erasure)
    };
    let forged = Model { hash: audit::hash(&forged, &all.last().unwrap().hash), ..forged };
    Entity::insert(forged.into_active_model()).exec_without_returning(&intruder).await.unwrap();
    intruder.execute_unprepared(&format!("DELETE FROM person_key WHERE id = {one}")).await.unwrap();
    let last = all.len() + 1;
    assert_eq!(
        found(&app).await,
        [format!(
            "audit trail: no signature covers revisions {last} to {last}: this program did not write them"
        )]
    );

    // Without the guards: one person's key for another's, and a key that is gone.
    let owner = owner(&app).await;
    replace(&owner, &all).await;
    let gone = "audit trail: the key of a person in revision 1 is gone, and no entry erased it";
    assert_eq!(found(&app).await, [gone]);
    let swapped = person_key::Model { id: keys[0].id, ..keys[1].clone() };
    owner.execute_unprepared(&format!("DELETE FROM person_key WHERE id = {other}")).await.unwrap();
    person_key::Entity::insert(swapped.into_active_model())
        .exec_without_returning(&owner)
        .await
        .unwrap();
    let is_other = format!(
        "audit trail: the key {} of a person is not the one that it was",
        keys[0].id.simple()
    );
    assert_eq!(
        found(&app).await,
        [
            is_other,
            "audit trail: the key of a person in revision 2 is gone, and no entry erased it"
                .to_owned()
        ]
    );
});

on_both!(a_sealed_field_opens_where_it_was_sealed_alone, |app| async move {
    filled(&app).await;
    let all = entries(app.db.read()).await;
    let keyring = Keyring::of(app.db.read(), &all).await.unwrap();
    let [one, other] = [&all[0], &all[1]].map(|entry| entry.after.clone().unwrap());
    assert_eq!(keyring.open(1, &one).unwrap().value["name"], "Annabella");
    // Another entry's text opens nothing here, and one field's text nothing in another field.
    for text in [other.clone(), one.replace("\"name\":", "\"nick\":")] {
        let opened = keyring.open(1, &text).unwrap();
        assert!(!opened.broken.is_empty() && opened.erased.is_empty(), "{opened:?}");
    }
    assert_eq!(keyring.open(2, &other).unwrap().broken.len(), 0);
});

on_both!(a_trail_of_before_is_migrated_once, |app| async move {
    for name in ["Ale", "Bo", "Cea"] {
        let text = format!(
            "{{\"id\":\"0197aaaa-aaaa-7000-8000-00000000000a\",\"name\":\"{name}\",\"billing\":{{\"email\":\"{name}@example.se\",\"buyer_reference\":null}}}}"
        );
        write_as_before(&app, "memberAdmit", SubjectKind::Member, uuid::Uuid::now_v7(), &text)
            .await;
    }
    let old = entries(app.db.read()).await;
    let line = format!("2026-11-20T09:00:00Z 3 {}", old[2].hash);
    // Nothing is written to it before.
    assert_eq!(
        app.office()
            .does("memberAdmit", "id", json!({ "name": "Dan", "joinedOn": "2015-01-01" }))
            .await
            .code(),
        "INTERNAL"
    );
    assert!(found(&app).await.iter().any(|violation| violation.contains("revision 1 has no form")));
    migrate_trail(&app).await;
    let new = entries(app.db.read()).await;
    assert_eq!((new.len(), found(&app).await), (4, Vec::new()));
    for (old, new) in old.iter().zip(&new) {
        assert_eq!(
            (new.former_hash.as_ref(), new.form, new.form_version),
            (Some(&old.hash), Some(Form::Member), 0)
        );
        assert_ne!(new.hash, old.hash);
        assert!(!new.after.as_deref().unwrap().contains("@example.se"));
    }
    let stated: Value = serde_json::from_str(new[3].after.as_deref().unwrap()).unwrap();
    assert_eq!(
        stated,
        json!({ "revision": 3, "old_head": old[2].hash, "new_head": new[2].hash, "broken": [] })
    );
    assert_eq!((new[3].action.as_str(), new[3].signed_from), ("trailMigrate", Some(1)));
    // Once is enough, and the register is written to again.
    migrate_trail(&app).await;
    app.office()
        .does("memberAdmit", "id", json!({ "name": "Dan", "joinedOn": "2015-01-01" }))
        .await
        .data();
    assert_eq!((app.revision().await, found(&app).await), (5, Vec::new()));
    // A checkpoint of before still holds, and would show a trail that was rewritten before it was
    // migrated.
    let trusted = trail_key();
    let departures = async |line: &str| {
        audit::departures(app.db.read(), &[line.parse().unwrap()], Some(trusted.trusted()))
            .await
            .unwrap()
    };
    assert_eq!(departures(&line).await, Vec::<String>::new());
    let other = format!("2026-11-20T09:00:00Z 3 {}", "9f".repeat(32));
    assert!(departures(&other).await[0].starts_with("audit trail: revision 3 has the hash "));
    // The guards are there again.
    let refused = intruder(&app)
        .await
        .execute_unprepared("UPDATE audit_entry SET actor = 'ingen'")
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains(CHANGED), "{refused}");
    // What was migrated is covered as what came later.
    let owner = owner(&app).await;
    owner
        .execute_unprepared(&format!(
            "UPDATE audit_entry SET former_hash = '{}' WHERE revision = 2",
            "9f".repeat(32)
        ))
        .await
        .unwrap();
    assert!(found(&app).await.len() >= 2);
});

on_both!(what_did_not_hold_before_the_migration_is_stated_by_it, |app| async move {
    for name in ["Ale", "Bo", "Cea"] {
        write_as_before(
            &app,
            "memberAdmit",
            SubjectKind::Member,
            uuid::Uuid::now_v7(),
            &format!("{{\"name\":\"{name}\"}}"),
        )
        .await;
    }
    let owner = owner(&app).await;
    owner
        .execute_unprepared(
            "UPDATE audit_entry SET after = '{\"name\":\"Bosse\"}' WHERE revision = 2",
        )
        .await
        .unwrap();
    // The guards must be there for it to take away.
    let guard = if app.db.backend() == DbBackend::Sqlite {
        "CREATE TRIGGER audit_entry__no_update BEFORE UPDATE ON audit_entry BEGIN SELECT RAISE(ABORT, 'no'); END"
    } else {
        "CREATE TRIGGER audit_entry__no_update BEFORE UPDATE ON audit_entry FOR EACH STATEMENT EXECUTE FUNCTION audit_entry__refuse()"
    };
    owner.execute_unprepared(guard).await.unwrap();
    migrate_trail(&app).await;
    assert_eq!(
        found(&app).await,
        [
            // The text is another than the digest was of.
            "audit trail: the former hash of revision 2 does not follow from it and the one before",
            "audit trail: revision 2 did not follow from the one before when the trail was migrated",
        ]
    );
});

/// Runs a command; returns its output and its exit code.
fn run(app: &App, arguments: &[&str], settings: &[(&str, &str)]) -> (String, Option<i32>) {
    let output = app.program().args(arguments).envs(settings.iter().copied()).output().unwrap();
    (
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr),
        output.status.code(),
    )
}

on_both!(without_a_key_the_trail_is_not_authenticated, |app| async move {
    filled(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let output = |settings: &[(&str, &str)]| {
        let mut program = app.program();
        // Its usual place would be next to the file, or in the working directory.
        program
            .env_remove("SAMREGISTER_TRAIL_KEY")
            .current_dir(folder.path())
            .envs(settings.iter().copied());
        let output = program.arg("verify").output().unwrap();
        (
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr),
            output.status.code(),
        )
    };
    let (told, code) = output(&[]);
    assert!(
        code == Some(0)
            && told.contains("the audit trail was not authenticated: there is no key in "),
        "{told}"
    );
    let (told, code) = output(&[("SAMREGISTER_TRAIL_MUST_AUTHENTICATE", "true")]);
    assert!(code == Some(3) && told.starts_with("audit trail: not authenticated: "), "{told}");
    // An auditor has the public key alone.
    let (shown, code) = run(&app, &["trail-key", "show"], &[]);
    assert_eq!((shown.as_str(), code), (trail_key().public_pem().unwrap().as_str(), Some(0)));
    std::fs::write(file("auditor.pem"), &shown).unwrap();
    let (told, code) = output(&[
        ("SAMREGISTER_TRAIL_PUBLIC_KEYS", &file("auditor.pem")),
        ("SAMREGISTER_TRAIL_MUST_AUTHENTICATE", "true"),
    ]);
    assert!(
        code == Some(0) && told.contains("no violation") && !told.contains("authenticated"),
        "{told}"
    );
    std::fs::write(file("auditor.pem"), TrailKey::generate().public_pem().unwrap()).unwrap();
    let (told, code) = output(&[("SAMREGISTER_TRAIL_PUBLIC_KEYS", &file("auditor.pem"))]);
    assert!(code == Some(3) && told.contains("which is none of those that are trusted"), "{told}");
});

on_both!(the_key_is_replaced_by_one_that_it_appoints, |app| async move {
    filled(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.pem").display().to_string();
    std::fs::copy(trail_key_file(), &file).unwrap();
    let settings = [("SAMREGISTER_TRAIL_KEY", file.as_str())];
    let (told, code) = run(&app, &["trail-key", "replace"], &settings);
    assert_eq!(code, Some(0), "{told}");
    let new = TrailKey::from_pem(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert!(new.id() != trail_key().id() && told.contains(new.id()), "{told}");
    assert_eq!(app.revision().await, entries(app.db.read()).await.len() as i64);
    // The old key signs no longer, from the very entry on.
    let admission = json!({ "name": "Dan", "joinedOn": "2015-01-01" });
    assert_eq!(app.office().does("memberAdmit", "id", admission.clone()).await.code(), "INTERNAL");
    let with_the_old_key = || run(&app, &["token", "revoke", "--subject", "anna@example.se"], &[]);
    let (told, code) = with_the_old_key();
    let replaced = format!(
        "the key {} of this program was replaced by {1}; name the file of {1} in SAMREGISTER_TRAIL_KEY",
        trail_key().id(),
        new.id()
    );
    assert!(
        code == Some(1)
            && told.starts_with("error: nothing is written: ")
            && told.contains(&replaced),
        "{told}"
    );
    // The new key continues the trail, and verifies all of it.
    let (told, code) = run(&app, &["token", "revoke", "--subject", "anna@example.se"], &settings);
    assert_eq!(code, Some(0), "{told}");
    let (told, code) = with_the_old_key();
    for part in
        ["does not trust", "SAMREGISTER_TRAIL_PUBLIC_KEYS", "`samregister verify`", new.id()]
    {
        assert!(code == Some(1) && told.contains(part), "{part}: {told}");
    }
    let (told, code) = run(&app, &["verify"], &settings);
    assert!(code == Some(0) && told.contains("no violation"), "{told}");
    // Who has the first public key follows: each key is appointed by the one before.
    assert_eq!(found(&app).await, Vec::<String>::new());
    // A server that still has the old key is refused, and what it had signed would be found.
    assert_eq!(app.office().does("memberAdmit", "id", admission).await.code(), "INTERNAL");
    let all = entries(app.db.read()).await;
    let mut forged =
        next(&all, Form::Cost, (SubjectKind::Activity, uuid::Uuid::now_v7()), &json!({}));
    let last = forged.revision;
    forged.signature =
        Some(trail_key().sign(&format!("samregister trail head\n{last}\n{last}\n{}", forged.hash)));
    (forged.signed_from, forged.key_id) = (Some(last), Some(trail_key().id().to_owned()));
    Entity::insert(forged.into_active_model())
        .exec_without_returning(&intruder(&app).await)
        .await
        .unwrap();
    let replaced = format!(
        "audit trail: revision {last} was signed with the key {}, which was replaced before",
        trail_key().id()
    );
    assert_eq!(found(&app).await, [replaced]);
});

on_both!(the_key_is_made_at_the_first_start_and_never_again, |app| async move {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("first.pem");
    let settings = [("SAMREGISTER_TRAIL_KEY", file.display().to_string())];
    // A file that is named must be there, or else a typing error would make another key.
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (told, code) = run(&app, &["migrate"], &settings);
    assert!(code == Some(1) && told.contains("can't be read"), "{told}");
    let migrate = || {
        let mut program = app.program();
        program.env_remove("SAMREGISTER_TRAIL_KEY").current_dir(folder.path()).arg("migrate");
        let output = program.output().unwrap();
        (String::from_utf8_lossy(&output.stderr).into_owned(), output.status.code())
    };
    let usual = match app.db.backend() {
        DbBackend::Sqlite => std::path::PathBuf::from(format!(
            "{}.trail-key.pem",
            app.url().strip_prefix("sqlite://").unwrap()
        )),
        _ => folder.path().join("samregister.trail-key.pem"),
    };
    let (told, code) = migrate();
    let made = format!(
        "that signs the audit trail: {}. Back it up now, apart from the database",
        usual.display()
    );
    assert!(code == Some(0) && told.contains(&made), "{told}");
    let key = std::fs::read_to_string(&usual).unwrap();
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&usual).unwrap().permissions())
            & 0o777,
        0o600
    );
    let (told, code) = migrate();
    assert!(code == Some(0) && !told.contains("that signs the audit trail"), "{told}");
    assert_eq!(std::fs::read_to_string(&usual).unwrap(), key);
    // When something was signed, no other key is made for it.
    filled(&app).await;
    std::fs::remove_file(&usual).unwrap();
    let (told, code) = migrate();
    assert!(
        code == Some(1) && told.contains(&format!("was signed with the key {}", trail_key().id())),
        "{told}"
    );
    assert!(!usual.exists());
});
