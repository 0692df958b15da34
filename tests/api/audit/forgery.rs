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

use crate::support::{
    app::{App, instant, on_both, trail_key},
    database_intruder::intruder,
};

const MEMBERS: &str = "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city\n\
    ale,Ale,,,,,2015-01-01,,,,,,,\nbo,Bo,,,,,2015-01-01,,,,,,,\n";

pub(super) const CHANGED: &str = "the audit trail never changes";

/// A register with a few commits, of which the last has several entries: two contacts, an
/// allocation, and an import of members.
pub(super) async fn filled(app: &App) {
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
            json!({ "memberId": added["memberAdmit"]["id"], "year": 2026, "amount": "10" }),
        )
        .await
        .data();
    app.import(&[("members.csv", MEMBERS)]).await;
}

pub(super) async fn entries(db: &DatabaseConnection) -> Vec<Model> {
    Entity::find().order_by_asc(Column::Revision).all(db).await.unwrap()
}

pub(super) async fn found(app: &App) -> Vec<String> {
    audit::violations_now(&app.db, app.clock).await.unwrap()
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
pub(super) async fn owner(app: &App) -> DatabaseConnection {
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
pub(super) fn next(
    entries: &[Model],
    form: Form,
    subject: (SubjectKind, uuid::Uuid),
    after: &Value,
) -> Model {
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
    let reported = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        reported.contains(&format!(
            "nothing is written: revision {} of the audit trail has no signature",
            last + 1
        )),
        "{reported}"
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
        audit::checkpoint(&app.db, app.clock).await.unwrap()
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
