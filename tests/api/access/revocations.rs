//! Tokens that were revoked, or whose contact has ended: refused from then on, everywhere, and
//! without asking the database about each.

use std::time::Duration;

use ::entity::{
    id::{MemberId, TokenRevocationId},
    token_revocation,
};
use domain::{
    auth::viewer::{Role, Viewer},
    interchange::export::export,
    output::OwnFiles,
};
use sea_orm::{ConnectionTrait, EntityTrait, IntoActiveModel};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::support::{
    app::{App, on_both},
    caller::Caller,
    database_intruder::intruder,
    fixtures::Samples,
    http_server::{ASK, HttpServer, comes_to, status},
};

fn anna(app: &App) -> Caller<'_> {
    named(app, "anna")
}

/// A caller with a token of the office with this name's address, issued now.
fn named<'a>(app: &'a App, name: &str) -> Caller<'a> {
    app.viewer(Viewer {
        subject: format!("{name}@example.se"),
        roles: vec![Role::Office],
        ..Viewer::default()
    })
}

/// The status of the server's answer to a question.
async fn asks(server: &HttpServer, caller: &Caller<'_>) -> u16 {
    status(server.address, ASK, caller.authorization()).await
}

fn revoke(app: &App, arguments: &[&str]) -> std::process::Output {
    app.program().args(["token", "revoke"]).args(arguments).output().unwrap()
}

on_both!(a_revoked_token_is_refused_by_a_running_server, |app| async move {
    let server = HttpServer::start(&app).await;
    let (anna, office) = (anna(&app), app.office());
    let mut follower = server.client(&anna).await;
    assert_eq!(asks(&server, &anna).await, 200);
    let done = revoke(&app, &["--subject", "anna@example.se", "--reason", "Har slutat"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    // The socket that is open is closed, too.
    assert_eq!(
        follower.end().await,
        (4403, "Forbidden: the token was revoked; get a new one".to_owned())
    );
    comes_to(server.address, anna.authorization().unwrap(), 401).await;
    let mut again = server.connect().await;
    again.say(json!({ "type": "connection_init", "payload": { "authorization": anna.authorization() } })).await;
    assert_eq!(again.end().await.0, 4403);
    // Those of others hold, and so does a new one.
    assert_eq!(asks(&server, &office).await, 200);
    // The program goes by the machine's clock, and so must who issues a token after it.
    let later = app.at(&(chrono::Utc::now() + chrono::TimeDelta::seconds(2)).to_rfc3339());
    let newer = HttpServer::start(&later).await;
    assert_eq!(asks(&newer, &self::anna(&later)).await, 200);
    // A server that starts knows of it, and asks the database nothing about each request.
    let other = HttpServer::start(&app).await;
    assert_eq!(asks(&other, &anna).await, 401);
    assert_eq!(asks(&other, &office).await, 200);
    tokio::time::sleep(Duration::from_millis(100)).await;
    app.statements();
    assert_eq!((asks(&other, &anna).await, asks(&other, &office).await), (401, 200));
    let asked = app.statements();
    assert!(
        asked.iter().all(|sql| !sql.contains("token_revocation") && !sql.contains("contact")),
        "{asked:?}"
    );
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
        subject_sha256: Some(hex::encode(Sha256::digest("Anna@example.se"))),
        token_id: None,
        revoked_at: app.clock.now(),
        reason: None,
        member_id: None,
    };
    let database = intruder(&app).await;
    token_revocation::Entity::insert(row.into_active_model())
        .exec_without_returning(&database)
        .await
        .unwrap();
    let server = HttpServer::start(&app).await;
    assert_eq!(
        (asks(&server, &anna).await, asks(&server, &named(&app, "Anders")).await),
        (401, 200)
    );
});

on_both!(one_token_is_revoked_by_its_id, |app| async move {
    use base64::Engine;
    let server = HttpServer::start(&app).await;
    let (first, second) = (anna(&app), anna(&app));
    let claims = first.authorization().unwrap().split('.').nth(1).unwrap();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    let done = revoke(&app, &["--id", claims["jti"].as_str().unwrap()]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    comes_to(server.address, first.authorization().unwrap(), 401).await;
    assert_eq!(asks(&server, &second).await, 200);
});

/// The ids of two members, imported.
async fn members(app: &App) -> [String; 2] {
    let rows = "alfa,Alfa,,,,,2015-01-01,,,,,,,\nbeta,Beta,,,,,2015-01-01,,,,,,,\n";
    let header = "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city";
    app.import(&[("members.csv", &format!("{header}\n{rows}"))]).await;
    let found = app.office().query("{ members { nodes { id } } }").await;
    [0, 1].map(|index| found["members"]["nodes"][index]["id"].as_str().unwrap().to_owned())
}

/// A member's id as a row has it.
fn member_id(id: &str) -> Option<MemberId> {
    Some(MemberId(uuid::Uuid::try_parse(id.strip_prefix("member_")?).unwrap()))
}

/// Returns the bearer of a token of this member with this name's address, issued now.
fn of_member<'a>(app: &'a App, member: &str, name: &str) -> Caller<'a> {
    let member = member_id(member);
    app.viewer(Viewer {
        subject: format!("{name}@example.se"),
        roles: vec![Role::Member],
        member,
        ..Viewer::default()
    })
}

on_both!(tokens_of_a_contact_that_has_ended_are_refused, |app| async move {
    let [alfa, beta] = members(&app).await;
    let server = HttpServer::start(&app).await;
    let anna = of_member(&app, &alfa, "anna");
    for (ends, input) in
        [("contactUpdate", json!({ "validTo": "2020-01-31" })), ("contactErase", json!({}))]
    {
        let contact = json!({ "role": "CHAIR", "name": "Anna", "email": "anna@example.se", "memberId": alfa });
        let contact =
            app.office().does("contactAdd", "id", contact).await["contactAdd"]["id"].clone();
        let mut input = input;
        input["contactId"] = contact;
        // A later day is none on which someone has ended.
        if ends == "contactUpdate" {
            assert_eq!(asks(&server, &anna).await, 200);
            app.office()
                .does(
                    ends,
                    "id",
                    json!({ "contactId": input["contactId"], "validTo": "2100-01-31" }),
                )
                .await
                .data();
            assert_ne!(
                app.trail(0).await.pop().unwrap()["after"]["reason"],
                "the contact has ended"
            );
        }
        app.office().does(ends, "id", input).await.data();
        let entry = app.trail(0).await.pop().unwrap();
        // Sealed with the person's key, which the erasure deletes.
        let reason =
            if ends == "contactErase" { json!(null) } else { json!("the contact has ended") };
        assert_eq!((&entry["action"], &entry["after"]["reason"]), (&json!(ends), &reason));
        comes_to(server.address, anna.authorization().unwrap(), 401).await;
        // Of another person, and of the same for another association.
        assert_eq!(
            (
                asks(&server, &of_member(&app, &alfa, "bertil")).await,
                asks(&server, &of_member(&app, &beta, "anna")).await
            ),
            (200, 200)
        );
    }
});

on_both!(
    a_contact_that_ends_leaves_the_tokens_of_another_with_the_same_address_in_capitals,
    |app| async move {
        let [alfa, _] = members(&app).await;
        let server = HttpServer::start(&app).await;
        let anna = of_member(&app, &alfa, "anna");
        let add = async |email: &str| {
            let contact =
                json!({ "role": "CHAIR", "name": "Anna", "email": email, "memberId": alfa });
            app.office().does("contactAdd", "id", contact).await["contactAdd"]["id"].clone()
        };
        let [first, second, last] = [
            add("anna@example.se").await,
            add("Anna@Example.se").await,
            add("ANNA@example.se").await,
        ];
        app.office()
            .does("contactUpdate", "id", json!({ "contactId": first, "validTo": "2020-01-31" }))
            .await
            .data();
        app.office().does("contactErase", "id", json!({ "contactId": second })).await.data();
        let revoked = app
            .trail(0)
            .await
            .into_iter()
            .filter(|entry| entry["subject"]["__typename"] == json!("TokenRevocation"))
            .count();
        assert_eq!((revoked, asks(&server, &anna).await), (0, 200));
        app.office()
            .does("contactUpdate", "id", json!({ "contactId": last, "validTo": "2020-01-31" }))
            .await
            .data();
        comes_to(server.address, anna.authorization().unwrap(), 401).await;
    }
);

// Otherwise a user who may write contacts could lock out anyone.
on_both!(the_end_of_a_contact_locks_out_no_one_with_another_role, |app| async move {
    let [alfa, beta] = members(&app).await;
    let server = HttpServer::start(&app).await;
    let subject = "auditor@example.se".to_owned();
    let viewer = |roles: &[Role], member: Option<&str>| {
        let member = member.and_then(member_id);
        let scopes =
            if roles.contains(&Role::Service) { vec!["audit:read".to_owned()] } else { Vec::new() };
        app.viewer(Viewer {
            subject: subject.clone(),
            roles: roles.to_vec(),
            member,
            scopes,
            ..Viewer::default()
        })
    };
    let others = [
        viewer(&[Role::Auditor], None),
        viewer(&[Role::Office], None),
        viewer(&[Role::Board], None),
        viewer(&[Role::Service], None),
        viewer(&[Role::Member, Role::Auditor], Some(&alfa)),
        viewer(&[Role::Member], Some(&beta)),
    ];
    let own = viewer(&[Role::Member], Some(&alfa));
    for (owner, ends) in [
        (json!({ "memberId": alfa }), "contactUpdate"),
        (json!({ "memberId": alfa }), "contactErase"),
        (json!({}), "contactUpdate"),
        (json!({}), "contactErase"),
    ] {
        let mut contact =
            json!({ "role": "OTHER", "name": "Revisorn", "email": "Auditor@example.se" });
        contact.as_object_mut().unwrap().extend(owner.as_object().unwrap().clone());
        let contact =
            app.office().does("contactAdd", "id", contact).await["contactAdd"]["id"].clone();
        let input = if ends == "contactUpdate" {
            json!({ "contactId": contact, "validTo": "2020-01-31" })
        } else {
            json!({ "contactId": contact })
        };
        app.office().does(ends, "id", input).await.data();
        if owner.get("memberId").is_some() {
            comes_to(server.address, own.authorization().unwrap(), 401).await;
        }
        for (index, other) in others.iter().enumerate() {
            assert_eq!(asks(&server, other).await, 200, "{index} after {ends} of {owner}");
        }
    }
});

// Rows of before the association stood in them, which a contact's end wrote for every token of a
// subject, and commands wrote too.
on_both!(older_revocations_of_contacts_are_of_members_alone, |app| async move {
    let [alfa, _] = members(&app).await;
    let contact =
        json!({ "role": "CHAIR", "name": "Anna", "email": "anna@example.se", "memberId": alfa });
    let contact = app.office().does("contactAdd", "id", contact).await["contactAdd"]["id"].clone();
    app.office()
        .does("contactUpdate", "id", json!({ "contactId": contact, "validTo": "2020-01-31" }))
        .await
        .data();
    let revoked =
        revoke(&app, &["--subject", "bo@example.se", "--reason", "the contact has ended"]);
    assert!(revoked.status.success(), "{}", String::from_utf8_lossy(&revoked.stderr));
    intruder(&app)
        .await
        .execute_unprepared("UPDATE token_revocation SET member_id = NULL")
        .await
        .unwrap();
    let server = HttpServer::start(&app).await;
    assert_eq!(
        (
            asks(&server, &of_member(&app, &alfa, "anna")).await,
            asks(&server, &named(&app, "anna")).await
        ),
        (401, 200)
    );
    assert_eq!(
        (
            asks(&server, &of_member(&app, &alfa, "bo")).await,
            asks(&server, &named(&app, "bo")).await
        ),
        (401, 401)
    );
});

// Today is 2026-11-21, which in Sweden is over at 23:00 UTC.
on_both!(a_contact_s_tokens_hold_until_its_last_day_is_over, |app| async move {
    let [alfa, _] = members(&app).await;
    let contacts =
        |rows: &str| format!("key,member,role,name,email,phone,valid_from,valid_to\n{rows}");
    let imported = contacts(
        "anna,alfa,CHAIR,Anna,Anna@example.se,,,2026-11-21\n\
         bo,alfa,CHAIR,Bo,bo@example.se,,,2026-11-20\n\
         cia,alfa,CHAIR,Cia,cia@example.se,,,2026-11-21\n\
         cia2,alfa,OTHER,Cia,cia@example.se,,,\n\
         dag,alfa,CHAIR,Dag,dag@example.se,,,2026-11-21\n\
         dag2,alfa,OTHER,Dag,Dag@example.se,,2026-11-22,2026-11-22\n\
         fia,alfa,CHAIR,Fia,fia@example.se,,,2026-11-21\n\
         gun,alfa,CHAIR,Gun,gun@example.se,,,2026-11-21\n\
         gun2,beta,CHAIR,Gun,gun@example.se,,,\n",
    );
    app.import(&[("contacts.csv", &imported)]).await;
    let (evening, night) = (app.at("2026-11-21T22:59:59Z"), app.at("2026-11-21T23:00:00Z"));
    let (today, tomorrow) = (HttpServer::start(&evening).await, HttpServer::start(&night).await);
    let of_alfa = |name| of_member(&app, &alfa, name);
    let [anna, bo, cia, dag, eva, fia, gun] =
        ["anna", "bo", "cia", "dag", "eva", "fia", "gun"].map(of_alfa);
    // Issued in the last second of Bo's last day, and in the last of Anna's.
    let (yesterday, before) = (app.at("2026-11-20T22:59:59Z"), of_member(&evening, &alfa, "anna"));
    for (who, caller, statuses) in [
        ("in the role on its last day, imported", &anna, (200, 401)),
        ("issued in the last second", &before, (200, 401)),
        ("issued after the end", &bo, (200, 200)),
        ("issued before the end", &of_member(&yesterday, &alfa, "bo"), (401, 401)),
        ("issued when it was over", &of_member(&night, &alfa, "anna"), (200, 200)),
        ("in another role without an end", &cia, (200, 200)),
        ("in another role for another day", &dag, (200, 200)),
        ("goes on for another association", &gun, (200, 401)),
        ("no contact", &eva, (200, 200)),
        ("with another role", &named(&app, "anna"), (200, 200)),
    ] {
        assert_eq!((asks(&today, caller).await, asks(&tomorrow, caller).await), statuses, "{who}");
    }

    // What another server writes is heard of: another role lifts it, until that has a last day too.
    let other = app.by(&app.url()).await;
    let role =
        json!({ "role": "FINANCE", "name": "Anna", "email": "anna@example.se", "memberId": alfa });
    let role = other.office().does("contactAdd", "id", role).await["contactAdd"]["id"].clone();
    comes_to(tomorrow.address, anna.authorization().unwrap(), 200).await;
    app.office()
        .does("contactUpdate", "id", json!({ "contactId": role, "validTo": "2026-11-21" }))
        .await
        .data();
    comes_to(tomorrow.address, anna.authorization().unwrap(), 401).await;
    assert_eq!(asks(&today, &anna).await, 200);

    // An end that is recorded afterwards also revokes what was issued since, unless another role
    // continues.
    let last_entry = async || app.trail(0).await.pop().unwrap();
    let ended = json!("the contact has ended");
    let reported = |on: &str| {
        contacts(&format!(
            "cia,alfa,CHAIR,Cia,cia@example.se,,,{on}\nfia,alfa,CHAIR,Fia,fia@example.se,,,{on}\n"
        ))
    };
    assert_eq!(asks(&today, &fia).await, 200);
    app.import(&[("contacts.csv", &reported("2026-11-19"))]).await;
    let entry = last_entry().await;
    assert_eq!((&entry["action"], &entry["after"]["reason"]), (&json!("import"), &ended));
    comes_to(today.address, fia.authorization().unwrap(), 401).await;
    assert_eq!((asks(&today, &cia).await, asks(&tomorrow, &cia).await), (200, 200));
    let revision = app.revision().await;
    app.import(&[("contacts.csv", &reported("2026-11-19"))]).await;
    assert_eq!(app.revision().await, revision, "the same files again change nothing");
    assert_eq!(app.program().arg("verify").output().unwrap().status.code(), Some(0));
});

on_both!(a_socket_is_closed_when_its_contact_s_last_day_is_over, |app| async move {
    let [alfa, _] = members(&app).await;
    let app = app.at("2026-11-21T22:59:59.500Z");
    let server = HttpServer::start(&app).await;
    let (anna, bo) = (of_member(&app, &alfa, "anna"), of_member(&app, &alfa, "bo"));
    let (mut early, mut other) = (server.client(&anna).await, server.client(&bo).await);
    let input = json!({ "role": "CHAIR", "name": "Anna", "email": "anna@example.se", "validTo": "2026-11-21", "memberId": alfa });
    app.office().does("contactAdd", "id", input).await.data();
    let why = (
        4403,
        "Forbidden: the token was issued to a contact that has ended; get a new one".to_owned(),
    );
    // One that was open before that was known, and one that is opened then.
    assert_eq!(early.end().await, why);
    assert_eq!(server.client(&anna).await.end().await, why);
    other.say(json!({ "type": "ping" })).await;
    assert_eq!(other.hear().await["type"], "pong");
});

/// Returns whether a token reads its own agreements, invoices, allocations and revenue, `true` if
/// there are any; or the status of its refusal.
async fn reads(app: &App, caller: &Caller<'_>) -> Result<[bool; 4], u16> {
    let (server, settings) = app.server();
    server.start().await.unwrap();
    let document = "{ viewer { member { name allocations { year } } } agreements { totalCount } invoices { totalCount }
        revenue(input: { from: \"2026-01-01\", to: \"2026-12-31\" }) { rows { net } } }";
    let request = caller
        .request(axum::http::Method::POST, "/graphql")
        .header("content-type", "application/json");
    let request =
        request.body(axum::body::Body::from(json!({ "query": document }).to_string())).unwrap();
    let response =
        tower::ServiceExt::oneshot(samregister::http::router(server, &settings), request)
            .await
            .unwrap();
    if response.status() != 200 {
        return Err(response.status().as_u16());
    }
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let (data, some) = (&answer["data"], |list: &serde_json::Value| {
        list.as_array().is_some_and(|list| !list.is_empty())
    });
    assert!(answer["errors"].is_null(), "{answer}");
    Ok([
        data["agreements"]["totalCount"] != 0,
        data["invoices"]["totalCount"] != 0,
        some(&data["viewer"]["member"]["allocations"]),
        some(&data["revenue"]["rows"]),
    ])
}

on_both!(a_member_s_tokens_end_with_its_membership, |app| async move {
    let samples = Samples::fill(&app).await;
    let (alfa, beta) = (samples.id("alfa").to_owned(), samples.id("beta").to_owned());
    let server = HttpServer::start(&app).await;
    let (own, other, auditor) =
        (of_member(&app, &alfa, "anna"), of_member(&app, &beta, "berit"), app.auditor());
    let mut follower = server.client(&own).await;
    assert_eq!((asks(&server, &own).await, asks(&server, &other).await), (200, 200));
    let input = json!({ "memberId": alfa, "leftOn": "2026-11-20", "endAgreements": true });
    app.office().does("memberLeave", "id", input).await.data();
    let why = "the token is of an association whose membership has ended";
    assert_eq!(follower.end().await, (4403, format!("Forbidden: {why}")));
    comes_to(server.address, own.authorization().unwrap(), 401).await;
    assert_eq!((asks(&server, &other).await, asks(&server, &auditor).await), (200, 200));
    // One that is issued afterwards is no better, and the program mints none.
    assert_eq!(asks(&server, &of_member(&app, &alfa, "anna")).await, 401);
    let minted =
        app.program().args(["token", "--role", "MEMBER", "--member", &alfa]).output().unwrap();
    assert!(!minted.status.success() && minted.stdout.is_empty(), "{minted:?}");
    assert!(String::from_utf8_lossy(&minted.stderr).contains(why), "{minted:?}");
    // A merger ends them, too; a token with another role holds on for that alone.
    let roles = vec![Role::Member, Role::Board];
    let member = member_id(&beta);
    let both =
        app.viewer(Viewer { subject: "b@example.se".into(), roles, member, ..Viewer::default() });
    let gamma = app
        .office()
        .does("memberAdmit", "id", json!({ "name": "Gamma", "joinedOn": "2020-01-01" }))
        .await["memberAdmit"]["id"]
        .clone();
    let merger = json!({ "intoId": gamma, "fromIds": [beta], "leftOn": "2026-11-20", "endAgreements": true });
    app.office().does("memberMerge", "id", merger).await.data();
    comes_to(server.address, other.authorization().unwrap(), 401).await;
    assert_eq!(asks(&server, &both).await, 200);
    let roles = crate::support::http_server::get(
        server.address,
        "/graphql?query=%7Bviewer%7Broles%20member%7Bid%7D%7D%7D",
        both.authorization(),
    )
    .await;
    assert!(roles.contains("{\"roles\":[\"BOARD\"],\"member\":null}"), "{roles}");
});

on_both!(a_membership_ends_on_its_day_and_reads_on_for_as_long_as_is_set, |app| async move {
    let samples = Samples::fill(&app).await;
    let alfa = samples.id("alfa").to_owned();
    let own = |app: &App| app.at("2026-11-21T09:00:00Z");
    let token = of_member(&app, &alfa, "anna").authorization().unwrap().to_owned();
    let token = token.strip_prefix("Bearer ").unwrap().to_owned();
    assert_eq!(reads(&own(&app), &app.bearer(&token)).await, Ok([true; 4]));
    // By import, for a day to come.
    let exported = tempfile::tempdir().unwrap();
    export(
        app.context(&Viewer::operator("export")),
        &OwnFiles::default(),
        exported.path(),
        &mut |_| {},
    )
    .await
    .unwrap();
    let members = std::fs::read_to_string(exported.path().join("members.csv")).unwrap();
    let mut lines: Vec<String> = members.lines().map(str::to_owned).collect();
    let position = lines[0].split(',').position(|column| column == "left_on").unwrap();
    let line = lines.iter_mut().find(|line| line.contains("Samordningsförbundet Alfa")).unwrap();
    let mut cells: Vec<&str> = line.split(',').collect();
    cells[position] = "2026-11-21";
    *line = cells.join(",");
    app.import(&[("members.csv", &lines.join("\n"))]).await;
    let day = |days: &str, now: &str| app.with(&[("SAMREGISTER_FORMER_MEMBER_DAYS", days)]).at(now);
    for (days, now, found) in [
        ("0", "2026-11-21T22:59:59Z", Ok([true; 4])),
        ("0", "2026-11-21T23:00:00Z", Err(401)),
        ("1", "2026-11-21T22:59:59Z", Ok([true; 4])),
        ("1", "2026-11-21T23:00:00Z", Ok([true, true, false, false])),
        ("1", "2026-11-22T08:59:59Z", Ok([true, true, false, false])),
        ("30", "2026-11-22T08:59:59Z", Ok([true, true, false, false])),
    ] {
        let app = day(days, now);
        assert_eq!(reads(&app, &app.bearer(&token)).await, found, "{days} days, at {now}");
    }
    let late = |days| day(days, "2026-11-22T23:00:00Z");
    let (one, more) = (late("1"), late("2"));
    let minted = of_member(&more, &alfa, "anna").authorization().unwrap().to_owned();
    let minted = minted.strip_prefix("Bearer ").unwrap();
    assert_eq!(reads(&one, &one.bearer(minted)).await, Err(401));
    assert_eq!(reads(&more, &more.bearer(minted)).await, Ok([true, true, false, false]));
});

#[tokio::test]
async fn a_token_that_cannot_be_revoked_is_reported() {
    let app = App::sqlite().await;
    for (arguments, code, words) in [
        (&[][..], 2, "--subject"),
        (&["--subject", "a", "--id", "b"], 2, "cannot be used with"),
        (&["--subject", " "], 2, "--subject must not be empty"),
        (&["--id", "a", "--reason", "a\nb"], 2, "--reason must not have control characters"),
    ] {
        let refused = revoke(&app, arguments);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(
            refused.status.code() == Some(code) && said.contains(words),
            "{arguments:?}: {said}"
        );
    }
    assert_eq!(app.revision().await, 0);
}
