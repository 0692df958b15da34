//! Signatures: who may sign what, and agreements that are signed at the same moment.

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    lifecycle_fixtures::{
        Register, connection, drafted, mutate, offered, raw, read_agreement, signature, sql_id,
        with,
    },
};

on_both!(only_what_was_offered_is_signed_and_by_those_who_may, |app| async move {
    let register = Register::fill(&app).await;
    let id = drafted(&app, register.draft(0, "bip", "2026-01-01")).await;
    let (_, sha256) = offered(&app, &id).await;
    let ours = signature(&app, &id, "NETWORK", &sha256);
    for (changes, fields) in [
        (json!({ "documentSha256": "abc" }), &["input.documentSha256"][..]),
        (json!({ "signedOn": "2026-11-20" }), &["input.signedOn"]),
        (json!({ "signedOn": "2026-11-22" }), &["input.signedOn"]),
        (
            json!({ "name": " ", "title": "\u{7}", "signedOn": "i dag", "documentSha256": "" }),
            &["input.documentSha256", "input.name", "input.signedOn", "input.title"],
        ),
    ] {
        assert_eq!(
            mutate(&app.office(), "agreementSign", with(ours.clone(), changes), "id")
                .await
                .bad_fields(),
            fields
        );
    }
    let other = with(ours.clone(), json!({ "documentSha256": "0".repeat(64) }));
    assert_eq!(
        mutate(&app.office(), "agreementSign", other, "id").await.reason(),
        "DOCUMENT_DIFFERS"
    );

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("samregister.toml");
    std::fs::write(&file, "[[network.signatories]]\nname = 'Ada Ås'\ntitle = 'Ordförande'\nto = 2026-11-20\n[[network.signatories]]\nname = 'Bo Ek'\ntitle = 'Kanslichef'\n").unwrap();
    let strict = app.with_file(&file);
    let refused = mutate(&strict.office(), "agreementSign", ours.clone(), "id").await;
    assert_eq!(refused.reason(), "NOT_SIGNATORY");
    assert_eq!(
        refused.error()["message"],
        "Ada Ås may sign for the network to 2026-11-20, not on 2026-11-21"
    );
    let stranger = with(ours.clone(), json!({ "name": "Cia Dal" }));
    assert_eq!(
        mutate(&strict.office(), "agreementSign", stranger, "id").await.reason(),
        "NOT_SIGNATORY"
    );
    let before = read_agreement(&app, &id, "signatures { name }").await;
    assert_eq!(before["signatures"], json!([]));
    let good =
        with(ours.clone(), json!({ "name": "bo ek", "documentSha256": sha256.to_uppercase() }));
    let answer = mutate(&strict.office(), "agreementSign", good, "signatures { name title }").await;
    assert_eq!(
        answer["agreementSign"]["signatures"],
        json!([{ "name": "bo ek", "title": "Kanslichef" }])
    );
    // A side signs once, and the other one may be anyone.
    assert_eq!(
        mutate(&strict.office(), "agreementSign", ours, "id").await.reason(),
        "ALREADY_SIGNED"
    );
    let theirs = with(signature(&app, &id, "COUNTERPARTY", &sha256), json!({ "name": "Cia Dal" }));
    assert_eq!(
        mutate(&strict.office(), "agreementSign", theirs, "status").await["agreementSign"]["status"],
        "ACTIVE"
    );

    // What was offered before it came here has no text to sign.
    let history = "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate\n\
        a,2025-0001,COOPERATION,NONE,,m0,,,2026-01-01,,0,,2026-01-01T09:00:00Z,,,,,,\n";
    app.import(&[("agreements.csv", history)]).await;
    let imported = app.office().query(r#"{ agreement(by: { number: "2025-0001" }) { id } }"#).await
        ["agreement"]["id"]
        .clone();
    let input = signature(&app, imported.as_str().unwrap(), "NETWORK", &sha256);
    assert_eq!(mutate(&app.office(), "agreementSign", input, "id").await.reason(), "NO_DOCUMENT");
});

on_both!(two_overlapping_agreements_signed_at_the_same_moment_never_both_hold, |app| async move {
    let register = Register::fill(&app).await;
    let mut offers = Vec::new();
    for (starts_on, ends_on) in [
        ("2026-01-01", Value::Null),
        ("2026-06-01", json!("2027-05-31")),
        ("2027-05-31", Value::Null),
    ] {
        let id =
            drafted(&app, with(register.draft(0, "bip", starts_on), json!({ "endsOn": ends_on })))
                .await;
        let (_, sha256) = offered(&app, &id).await;
        mutate(&app.office(), "agreementSign", signature(&app, &id, "NETWORK", &sha256), "id")
            .await
            .data();
        offers.push((id, sha256));
    }
    let signing = offers.iter().map(|(id, sha256)| {
        let (app, input) = (app.clone(), signature(&app, id, "COUNTERPARTY", sha256));
        tokio::spawn(async move { mutate(&app.office(), "agreementSign", input, "id").await })
    });
    let answers: Vec<_> = join_all(signing).await.into_iter().map(Result::unwrap).collect();
    let (done, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.errors().is_empty());
    assert_eq!((done.len(), refused.len()), (1, 2));
    assert!(refused.iter().all(|answer| answer.reason() == "OVERLAPS"));
    // A side whose signature was refused has not signed.
    let halves =
        app.office().query("{ agreements { nodes { status signatures { party } } } }").await;
    let count = |status: &str, signatures: usize| {
        let nodes = halves["agreements"]["nodes"].as_array().unwrap().iter();
        nodes
            .filter(|node| {
                node["status"] == status
                    && node["signatures"].as_array().unwrap().len() == signatures
            })
            .count()
    };
    assert_eq!(
        (count("ACTIVE", 2) + count("SIGNED", 2), count("OFFERED", 1)),
        (1, 2),
        "{}",
        halves.text()
    );
    // What can't be signed is not even offered.
    let fourth = drafted(
        &app,
        with(register.draft(0, "bip", "2027-05-31"), json!({ "endsOn": "2027-05-31" })),
    )
    .await;
    let refused =
        mutate(&app.office(), "agreementOffer", json!({ "agreementId": fourth }), "id").await;
    assert_eq!(refused.reason(), "OVERLAPS");
    let named = refused.error()["extensions"]["agreements"].as_array().unwrap();
    assert!(matches!(named.as_slice(), [Value::String(_)]), "{named:?}");
    assert_eq!(read_agreement(&app, &fourth, "number").await["number"], Value::Null);

    // The database itself ensures it, without the write lock of the register.
    let id = |position: usize| sql_id(&app, &offers[position].0);
    let unsigned: Vec<_> =
        (0..3).filter(|position| !answers[*position].errors().is_empty()).collect();
    for position in &unsigned {
        let refused = raw(
            &app,
            &format!("UPDATE agreement SET signed_on = '2026-11-21' WHERE id = {}", id(*position)),
        )
        .await
        .unwrap_err();
        assert!(refused.to_string().contains("agreement__in_force"), "{refused}");
    }
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_checks_two_transactions_against_each_other() {
    let app = App::postgres().await;
    let register = Register::fill(&app).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let id = drafted(&app, register.draft(0, "bip", "2026-01-01")).await;
        offered(&app, &id).await;
        ids.push(sql_id(&app, &id));
    }
    let sign = |id: &str| format!("UPDATE agreement SET signed_on = '2026-11-21' WHERE id = {id}");
    let (one, other) = (connection(&app).await, connection(&app).await);
    let (first, second) = (one.begin().await.unwrap(), other.begin().await.unwrap());
    first.execute_unprepared(&sign(&ids[0])).await.unwrap();
    // The second waits for the first, and is refused when that is committed.
    let statement = sign(&ids[1]);
    let waiting = tokio::spawn(async move {
        let done = second.execute_unprepared(&statement).await;
        (done.map(drop), second)
    });
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert!(!waiting.is_finished());
    first.commit().await.unwrap();
    let (done, second) = waiting.await.unwrap();
    assert!(done.unwrap_err().to_string().contains("agreement__in_force"));
    second.rollback().await.unwrap();
}
