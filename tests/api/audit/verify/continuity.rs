//! Rows changed past the program and then taken over by an honest mutation: each entry must begin
//! from what the one before left. The same of the times of entries and of the keys of persons.

use ::entity::{kind::PersonKind, person_key};
use domain::auth::viewer::Viewer;
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, IntoActiveModel, Statement};
use serde_json::json;

use crate::{
    audit::verify::rows::past_triggers,
    support::{
        app::{App, on_both},
        lifecycle_fixtures::{Register, connection, mutate},
    },
};

/// Runs `verify`; returns its stdout and stderr, and its exit code.
fn verify(app: &App, arguments: &[&str]) -> (String, Option<i32>) {
    let output = app.program().arg("verify").args(arguments).output().unwrap();
    (
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr),
        output.status.code(),
    )
}

fn checkpoint(app: &App) -> String {
    let output = app.program().arg("checkpoint").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

on_both!(a_changed_row_that_the_next_mutation_takes_over_is_found, |app| async move {
    let register = Register::fill(&app).await;
    let office = app.office();
    let (one, other) = (register.id("Förbund 01"), register.id("Förbund 02"));
    let allocate = async |member: &str, amount: &str, source: &str| {
        let input = json!({ "memberId": member, "year": 2026, "amount": amount, "source": source });
        mutate(&office, "allocationSet", input, "id").await.data();
    };
    let contact = json!({ "memberId": one, "role": "CHAIR", "name": "Ada Ås", "email": "ada@example.se", "phone": "070-174 06 05" });
    let contact = mutate(&office, "contactAdd", contact, "id").await["contactAdd"]["id"].clone();
    allocate(one, "1000.00", "Beslut").await;
    allocate(other, "1000.00", "Beslut").await;
    let line = checkpoint(&app);

    // Honest changes: of plain and of sealed fields, and of a record that is erased.
    allocate(one, "1100.00", "Beslut").await;
    allocate(one, "1100.00", "Nytt beslut").await;
    mutate(&office, "contactUpdate", json!({ "contactId": contact, "phone": null }), "id")
        .await
        .data();
    mutate(&office, "contactUpdate", json!({ "contactId": contact, "role": "FINANCE" }), "id")
        .await
        .data();
    let erased = json!({ "role": "OTHER", "name": "Bo Ek", "email": "bo@example.se" });
    let erased = mutate(&office, "contactAdd", erased, "id").await["contactAdd"]["id"].clone();
    mutate(
        &office,
        "contactUpdate",
        json!({ "contactId": erased, "phone": "070-174 06 06" }),
        "id",
    )
    .await
    .data();
    mutate(&office, "contactErase", json!({ "contactId": erased }), "id").await.data();
    for arguments in [&[][..], &["--since", &line]] {
        let (found, code) = verify(&app, arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {found}");
    }

    // Changed past the program: the full check finds the rows.
    assert_eq!(
        past_triggers(
            &app,
            "allocation",
            "UPDATE allocation SET amount = amount * 10 WHERE source = 'Beslut'"
        )
        .await,
        1
    );
    assert_eq!(
        past_triggers(
            &app,
            "contact",
            "UPDATE contact SET email = 'x@evil.example' WHERE email = 'ada@example.se'"
        )
        .await,
        1
    );
    let (found, code) = verify(&app, &[]);
    assert!(code == Some(3) && found.contains("3 violations"), "{found}");
    let of_search = " has other words in the search index than in its rows";
    assert!(found.contains(of_search), "{found}");
    // An edit of another field records what it found; the rows are as the trail says again. The
    // index is written again by the next change of the words.
    let between = app.revision().await;
    allocate(other, "10000.00", "Enligt beslut").await;
    mutate(&office, "contactUpdate", json!({ "contactId": contact, "role": "CHAIR" }), "id")
        .await
        .data();
    for arguments in [&[][..], &["--since", &line]] {
        let (found, code) = verify(&app, arguments);
        assert!(code == Some(3) && found.contains("3 violations"), "{arguments:?}: {found}");
        assert!(found.contains(of_search), "{arguments:?}: {found}");
        for (noun, field) in [("allocation ", ": amount"), ("contact ", ": email")] {
            let is_named = |line: &str| {
                line.starts_with(noun)
                    && line.contains("of the audit trail began from something that revision ")
                    && line.ends_with(field)
            };
            assert!(found.lines().any(is_named), "{arguments:?}: {noun}{field}: {found}");
        }
        assert!(
            found.contains(&format!(
                "revision {} of the audit trail began from something",
                between + 1
            )),
            "{found}"
        );
    }

    // A row without an entry, taken over by its first change.
    let new = if app.db.backend() == DbBackend::Postgres {
        "'00000000-0000-7000-8000-000000000001'"
    } else {
        "x'00000000000070008000000000000001'"
    };
    let forged = format!(
        "INSERT INTO allocation (id, member_id, year, basis, amount) SELECT {new}, id, 2026, 'ALL_PARTIES', 500 FROM member WHERE name = 'Förbund 03'"
    );
    assert_eq!(past_triggers(&app, "allocation", &forged).await, 1);
    let input = json!({ "memberId": register.id("Förbund 03"), "year": 2026, "amount": "5.00", "source": "Beslut" });
    mutate(&office, "allocationSet", input, "id").await.data();
    let first = format!(
        "allocation 00000000000070008000000000000001: revision {} of the audit trail began from something, but is the first about it",
        app.revision().await
    );
    for arguments in [&[][..], &["--since", &line]] {
        let (found, code) = verify(&app, arguments);
        assert!(code == Some(3) && found.contains(&first), "{found}");
    }
});

on_both!(
    an_entry_earlier_than_the_one_before_is_found_unless_an_operator_accepted_the_clock,
    |app| async move {
        let admit = async |app: &App, name: &str| {
            mutate(
                &app.office(),
                "memberAdmit",
                json!({ "name": name, "joinedOn": "2026-01-01" }),
                "id",
            )
            .await
            .data();
        };
        let back = |revision: i64| {
            format!(
                "audit trail: revision {} of 2026-11-20T09:00:00Z follows revision {revision} of ",
                revision + 1
            )
        };
        admit(&app.at("2026-11-20T09:00:30Z"), "Ale").await;
        // The clocks of two servers differ a little.
        admit(&app.at("2026-11-20T09:00:00Z"), "Bo").await;
        admit(&app.at("2026-11-22T09:00:00Z"), "Cea").await;
        let accepting = app.in_order_at("2026-11-20T09:00:00Z");
        assert!(
            domain::audit::clock_acceptance::accept(accepting.context(&Viewer::operator("clock")))
                .await
                .unwrap()
        );
        admit(&accepting, "Dan").await;
        let (found, code) = verify(&app, &[]);
        assert_eq!(code, Some(0), "{found}");
        // A clock that no one accepted.
        admit(&app.at("2026-11-22T09:00:00Z"), "Ek").await;
        let (line, revision) = (checkpoint(&app), app.revision().await);
        admit(&app.at("2026-11-20T09:00:00Z"), "Frö").await;
        for arguments in [&[][..], &["--since", &line]] {
            let (found, code) = verify(&app, arguments);
            assert!(
                code == Some(3) && found.contains(&back(revision)) && found.contains("1 violation"),
                "{found}"
            );
        }
    }
);

on_both!(
    keys_of_persons_stand_under_their_persons_and_their_entries_are_listed,
    |app| async move {
        let register = Register::fill(&app).await;
        let office = app.office();
        for (name, member) in [("Ada", "Förbund 01"), ("Bo", "Förbund 02")] {
            let email = format!("{}@example.se", name.to_lowercase());
            let contact = json!({ "memberId": register.id(member), "role": "CHAIR", "name": name, "email": email });
            mutate(&office, "contactAdd", contact, "id").await.data();
        }
        let report = json!({ "activityId": register.id("bip"), "period": "2026-T1", "health": "GREEN", "summary": "Bra", "nextSteps": "Mer" });
        mutate(&office, "statusReportFile", report, "id").await.data();
        let (found, code) = verify(&app, &[]);
        assert_eq!(code, Some(0), "{found}");

        // The database refuses what changes the table.
        let db = connection(&app).await;
        let mut refused = vec!["UPDATE sealed_entry SET revision = 1", "DELETE FROM sealed_entry"];
        if app.db.backend() == DbBackend::Postgres {
            refused.push("TRUNCATE sealed_entry");
        } else {
            refused.push("REPLACE INTO sealed_entry SELECT * FROM sealed_entry");
        }
        for statement in refused {
            let error = db.execute_unprepared(statement).await.unwrap_err().to_string();
            assert!(error.contains("the audit trail never changes"), "{statement}: {error}");
        }
        // It can't refuse one more row.
        db.execute_unprepared("INSERT INTO sealed_entry (key_id, revision) SELECT id, 1 FROM person_key WHERE kind = 'CONTACT'").await.unwrap();
        let (found, code) = verify(&app, &[]);
        assert!(
            code == Some(3)
                && found.contains("audit trail: sealed_entry has a row of revision 1, ")
                && found.contains("2 violations"),
            "{found}"
        );
        assert_eq!(
            past_triggers(&app, "sealed_entry", "DELETE FROM sealed_entry WHERE revision = 1")
                .await,
            2
        );
        assert_eq!(verify(&app, &[]).1, Some(0));
        let last = app.revision().await;
        assert_eq!(
            past_triggers(
                &app,
                "sealed_entry",
                &format!("DELETE FROM sealed_entry WHERE revision = {last}")
            )
            .await,
            1
        );
        let (found, code) = verify(&app, &[]);
        let lacks =
            format!("audit trail: sealed_entry lacks the row of revision {last}, which the key ");
        assert!(
            code == Some(3) && found.contains(&lacks) && found.contains("1 violation"),
            "{found}"
        );
        let restored = format!(
            "INSERT INTO sealed_entry (key_id, revision) SELECT id, {last} FROM person_key WHERE kind = 'SUBJECT'"
        );
        db.execute_unprepared(&restored).await.unwrap();
        assert_eq!(verify(&app, &[]).1, Some(0));

        // Two persons who changed their keys: the erasure of one would erase the other.
        let select = "SELECT id FROM person_key WHERE kind = 'CONTACT' ORDER BY id";
        let rows =
            db.query_all_raw(Statement::from_string(app.db.backend(), select)).await.unwrap();
        let literal = |id: uuid::Uuid| {
            if app.db.backend() == DbBackend::Sqlite {
                format!("x'{}'", id.simple())
            } else {
                format!("'{id}'")
            }
        };
        let ids: Vec<String> =
            rows.iter().map(|row| literal(row.try_get_by_index(0).unwrap())).collect();
        let persons = format!("SELECT person_id FROM person_key WHERE id = {}", ids[0]);
        let first = db
            .query_one_raw(Statement::from_string(app.db.backend(), persons))
            .await
            .unwrap()
            .unwrap();
        let first = literal(first.try_get_by_index(0).unwrap());
        let none = literal(uuid::Uuid::nil());
        for statement in [
            format!("UPDATE person_key SET person_id = {none} WHERE id = {}", ids[0]),
            "UPDATE person_key SET kind = 'PAYER' WHERE kind = 'SUBJECT'".to_owned(),
        ] {
            assert_eq!(past_triggers(&app, "person_key", &statement).await, 1);
        }
        let (found, code) = verify(&app, &[]);
        assert_eq!(
            (
                code,
                found
                    .matches(
                        " belongs to another person than the one whose data it sealed in revision "
                    )
                    .count()
            ),
            (Some(3), 2),
            "{found}"
        );
        past_triggers(
            &app,
            "person_key",
            &format!("UPDATE person_key SET person_id = {first} WHERE id = {}", ids[0]),
        )
        .await;
        past_triggers(
            &app,
            "person_key",
            "UPDATE person_key SET kind = 'SUBJECT' WHERE kind = 'PAYER'",
        )
        .await;
        assert_eq!(verify(&app, &[]).1, Some(0));
    }
);

on_both!(a_key_that_was_put_there_for_a_person_is_not_used, |app| async move {
    let register = Register::fill(&app).await;
    let office = app.office();
    let (bare, planted) = (register.id("Förbund 01"), register.id("Förbund 02"));
    let keys = async || crate::network::persons::personal_data::keys(&app).await;
    let buyer = |member: &str| member.rsplit('_').next().unwrap().to_owned();
    let is_of =
        |key: &person_key::Model, member: &str| key.person_id.simple().to_string() == buyer(member);
    // No one has a key of whom nothing was said.
    assert!(!keys().await.iter().any(|key| is_of(key, bare) || is_of(key, planted)));
    assert_eq!(verify(&app, &[]).1, Some(0));

    // The forger knows the key, and its id follows from it as it should.
    let key = vec![7; 32];
    let id = uuid::Uuid::from_slice(&<sha2::Sha256 as sha2::Digest>::digest(&key)[..16]).unwrap();
    let row = person_key::Model {
        id,
        kind: PersonKind::Buyer,
        person_id: uuid::Uuid::try_parse(&buyer(planted)).unwrap(),
        key,
    };
    let db = connection(&app).await;
    person_key::Entity::insert(row.into_active_model()).exec_without_returning(&db).await.unwrap();
    let (found, code) = verify(&app, &[]);
    let sentence = format!(
        "the key {} of the buyer {} sealed nothing: this program did not make it",
        id.simple(),
        buyer(planted)
    );
    assert!(code == Some(3) && found.contains(&sentence), "{found}");

    let update = async |member: &str| {
        let input = json!({ "memberId": member, "billing": { "email": "ekonomi@example.se" } });
        mutate(&office, "memberUpdate", input, "id").await
    };
    let last = app.revision().await;
    assert_eq!(update(planted).await.code(), "INTERNAL");
    assert_eq!(app.revision().await, last);
    update(bare).await.data();
    assert!(keys().await.iter().any(|key| is_of(key, bare)));
});
