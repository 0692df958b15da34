//! Tokens that were called back, or whose contact has ended: refused from then on, everywhere, and without asking the database about each.

use std::time::Duration;

use ::entity::{id::TokenRevocationId, token_revocation};
use samregister::auth::viewer::{Role, Viewer};
use sea_orm::{EntityTrait, IntoActiveModel};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{
    app::{App, Caller, on_both},
    audit::intruder,
    served::{ASK, Served, comes_to, status},
};

fn anna(app: &App) -> Caller<'_> {
    named(app, "anna")
}

/// Whoever has a token of the office with this name's address, issued now.
fn named<'a>(app: &'a App, name: &str) -> Caller<'a> {
    app.viewer(Viewer { subject: format!("{name}@example.se"), roles: vec![Role::Office], ..Viewer::default() })
}

/// The status of the server's answer to a question.
async fn asks(server: &Served, caller: &Caller<'_>) -> u16 {
    status(server.address, ASK, caller.authorization()).await
}

fn revoke(app: &App, arguments: &[&str]) -> std::process::Output {
    app.program().args(["token", "revoke"]).args(arguments).output().unwrap()
}

on_both!(a_revoked_token_is_refused_by_a_running_server, |app| async move {
    let server = Served::start(&app).await;
    let (anna, office) = (anna(&app), app.office());
    let mut follower = server.client(&anna).await;
    assert_eq!(asks(&server, &anna).await, 200);
    let done = revoke(&app, &["--subject", "anna@example.se", "--reason", "Har slutat"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    // The socket that is open is closed, too.
    assert_eq!(follower.end().await, (4403, "Forbidden: the token was revoked; get a new one".to_owned()));
    comes_to(server.address, anna.authorization().unwrap(), 401).await;
    let mut again = server.connect().await;
    again.say(json!({ "type": "connection_init", "payload": { "authorization": anna.authorization() } })).await;
    assert_eq!(again.end().await.0, 4403);
    // Those of others hold, and so does a new one.
    assert_eq!(asks(&server, &office).await, 200);
    let later = app.at("2100-01-01T00:00:00Z");
    assert_eq!(asks(&server, &self::anna(&later)).await, 200);
    // A server that starts knows of it, and asks the database nothing about each request.
    let other = Served::start(&app).await;
    assert_eq!(asks(&other, &anna).await, 401);
    assert_eq!(asks(&other, &office).await, 200);
    tokio::time::sleep(Duration::from_millis(100)).await;
    app.statements();
    assert_eq!((asks(&other, &anna).await, asks(&other, &office).await), (401, 200));
    let asked = app.statements();
    assert!(asked.iter().all(|sql| !sql.contains("token_revocation") && !sql.contains("contact")), "{asked:?}");
    // The trail says that it was done, by whom and why, and not to whom.
    let entry = app.trail(0).await.pop().unwrap();
    assert_eq!(
        (&entry["action"], &entry["actor"], &entry["after"]["reason"]),
        (&json!("tokenRevoke"), &json!("samregister token"), &json!("Har slutat"))
    );
    assert!(!entry.to_string().contains("anna@"), "{entry}");
    assert_eq!(app.program().arg("verify").output().unwrap().status.code(), Some(0));
});

// Such rows are older than that addresses are the same in capitals and small letters.
on_both!(a_subject_that_was_revoked_as_it_was_written_stays_revoked, |app| async move {
    let anna = named(&app, "Anna");
    let row = token_revocation::Model {
        id: TokenRevocationId::new(),
        subject_sha256: Some(Sha256::digest("Anna@example.se").iter().map(|byte| format!("{byte:02x}")).collect()),
        token_id: None,
        revoked_at: app.db.clock.now(),
        reason: None,
    };
    let database = intruder(&app).await;
    token_revocation::Entity::insert(row.into_active_model()).exec_without_returning(&database).await.unwrap();
    let server = Served::start(&app).await;
    assert_eq!((asks(&server, &anna).await, asks(&server, &named(&app, "Anders")).await), (401, 200));
});

on_both!(one_token_is_revoked_by_its_id, |app| async move {
    use base64::Engine;
    let server = Served::start(&app).await;
    let (first, second) = (anna(&app), anna(&app));
    let claims = first.authorization().unwrap().split('.').nth(1).unwrap();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    let done = revoke(&app, &["--id", claims["jti"].as_str().unwrap()]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    comes_to(server.address, first.authorization().unwrap(), 401).await;
    assert_eq!(asks(&server, &second).await, 200);
});

on_both!(tokens_of_a_contact_that_has_ended_are_refused, |app| async move {
    let server = Served::start(&app).await;
    let anna = anna(&app);
    for (ends, input) in [("contactUpdate", json!({ "validTo": "2020-01-31" })), ("contactErase", json!({}))] {
        let contact = json!({ "role": "CHAIR", "name": "Anna", "email": "anna@example.se" });
        let contact = app.office().does("contactAdd", "id", contact).await["contactAdd"]["id"].clone();
        let bertil = app.viewer(Viewer { subject: "bertil@example.se".into(), roles: vec![Role::Office], ..Viewer::default() });
        let mut input = input;
        input["contact"] = contact;
        // A later day is none on which somebody has ended.
        if ends == "contactUpdate" {
            assert_eq!(asks(&server, &anna).await, 200);
            app.office().does(ends, "id", json!({ "contact": input["contact"], "validTo": "2100-01-31" })).await.data();
            assert_ne!(app.trail(0).await.pop().unwrap()["after"]["reason"], "the contact has ended");
        }
        app.office().does(ends, "id", input).await.data();
        let entry = app.trail(0).await.pop().unwrap();
        assert_eq!((&entry["action"], &entry["after"]["reason"]), (&json!(ends), &json!("the contact has ended")));
        comes_to(server.address, anna.authorization().unwrap(), 401).await;
        assert_eq!(asks(&server, &bertil).await, 200);
    }
});

// Today is 2026-11-21, which in Sweden is over at 23:00 UTC.
on_both!(a_contact_s_tokens_hold_until_its_last_day_is_over, |app| async move {
    let contacts = |rows: &str| format!("key,member,role,name,email,phone,valid_from,valid_to\n{rows}");
    let imported = contacts(
        "anna,,CHAIR,Anna,Anna@example.se,,,2026-11-21\n\
         bo,,CHAIR,Bo,bo@example.se,,,2026-11-20\n\
         cia,,CHAIR,Cia,cia@example.se,,,2026-11-21\n\
         cia2,,OTHER,Cia,cia@example.se,,,\n\
         dag,,CHAIR,Dag,dag@example.se,,,2026-11-21\n\
         dag2,,OTHER,Dag,Dag@example.se,,2026-11-22,2026-11-22\n\
         fia,,CHAIR,Fia,fia@example.se,,,2026-11-21\n",
    );
    app.import(&[("contacts.csv", &imported)]).await;
    let (evening, night) = (app.at("2026-11-21T22:59:59Z"), app.at("2026-11-21T23:00:00Z"));
    let (today, tomorrow) = (Served::start(&evening).await, Served::start(&night).await);
    let [anna, bo, cia, dag, eva, fia] = ["anna", "bo", "cia", "dag", "eva", "fia"].map(|name| named(&app, name));
    // Issued in the last second of Bo's last day, and in the last of Anna's.
    let (yesterday, before) = (app.at("2026-11-20T22:59:59Z"), named(&evening, "anna"));
    for (who, caller, statuses) in [
        ("in the role on its last day, imported", &anna, (200, 401)),
        ("issued in the last second", &before, (200, 401)),
        ("issued after the end", &bo, (200, 200)),
        ("issued before the end", &named(&yesterday, "bo"), (401, 401)),
        ("issued when it was over", &named(&night, "anna"), (200, 200)),
        ("in another role without an end", &cia, (200, 200)),
        ("in another role for another day", &dag, (200, 200)),
        ("no contact", &eva, (200, 200)),
    ] {
        assert_eq!((asks(&today, caller).await, asks(&tomorrow, caller).await), statuses, "{who}");
    }

    // What another server writes is heard of: another role lifts it, until that has a last day too.
    let other = app.by(&app.url()).await;
    let role = json!({ "role": "FINANCE", "name": "Anna", "email": "anna@example.se" });
    let role = other.office().does("contactAdd", "id", role).await["contactAdd"]["id"].clone();
    comes_to(tomorrow.address, anna.authorization().unwrap(), 200).await;
    app.office().does("contactUpdate", "id", json!({ "contact": role, "validTo": "2026-11-21" })).await.data();
    comes_to(tomorrow.address, anna.authorization().unwrap(), 401).await;
    assert_eq!(asks(&today, &anna).await, 200);

    // An end that is told afterwards also calls back what was issued since, unless another role goes on.
    let last_entry = async || app.trail(0).await.pop().unwrap();
    let ended = json!("the contact has ended");
    let told = |on: &str| contacts(&format!("cia,,CHAIR,Cia,cia@example.se,,,{on}\nfia,,CHAIR,Fia,fia@example.se,,,{on}\n"));
    assert_eq!(asks(&today, &fia).await, 200);
    app.import(&[("contacts.csv", &told("2026-11-19"))]).await;
    let entry = last_entry().await;
    assert_eq!((&entry["action"], &entry["after"]["reason"]), (&json!("import"), &ended));
    comes_to(today.address, fia.authorization().unwrap(), 401).await;
    assert_eq!((asks(&today, &cia).await, asks(&tomorrow, &cia).await), (200, 200));
    let revision = app.revision().await;
    app.import(&[("contacts.csv", &told("2026-11-19"))]).await;
    assert_eq!(app.revision().await, revision, "the same files again change nothing");
    assert_eq!(app.program().arg("verify").output().unwrap().status.code(), Some(0));
});

on_both!(a_socket_is_closed_when_its_contact_s_last_day_is_over, |app| async move {
    let app = app.at("2026-11-21T22:59:59.500Z");
    let server = Served::start(&app).await;
    let (anna, bo) = (anna(&app), named(&app, "bo"));
    let (mut early, mut other) = (server.client(&anna).await, server.client(&bo).await);
    let input = json!({ "role": "CHAIR", "name": "Anna", "email": "anna@example.se", "validTo": "2026-11-21" });
    app.office().does("contactAdd", "id", input).await.data();
    let why = (4403, "Forbidden: the token was issued to a contact that has ended; get a new one".to_owned());
    // One that was open before that was known, and one that is opened then.
    assert_eq!(early.end().await, why);
    assert_eq!(server.client(&anna).await.end().await, why);
    other.say(json!({ "type": "ping" })).await;
    assert_eq!(other.hear().await["type"], "pong");
});

#[tokio::test]
async fn what_can_t_be_revoked_is_said() {
    let app = App::sqlite().await;
    for (arguments, code, words) in [
        (&[][..], 2, "--subject"),
        (&["--subject", "a", "--id", "b"], 2, "cannot be used with"),
        (&["--subject", " "], 1, "subject must not be empty"),
        (&["--id", "a", "--reason", "a\nb"], 1, "reason must not have control characters"),
    ] {
        let refused = revoke(&app, arguments);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(refused.status.code() == Some(code) && said.contains(words), "{arguments:?}: {said}");
    }
    assert_eq!(app.revision().await, 0);
}
