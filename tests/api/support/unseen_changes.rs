//! Changes of a register that a viewer may not see, each made so many times, or differently, by the
//! number of the register.

use domain::auth::{
    revocations::{self, RevocationTarget},
    viewer::{Role, Viewer},
};
use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::support::{
    app::App,
    database_intruder::intruder,
    invoicing_fixtures::{course, drafted, issue},
};

/// Acknowledges each deadline, by another officer in each register, until another day and for a
/// reason that only the network knows; in the first register none, and in the last again and again.
pub async fn snooze(app: &App, n: usize) {
    let found = app
        .office()
        .query(
            "{ expiringAgreements(withinDays: 60) { nodes { id nextDeadline { deadlineOn } } } }",
        )
        .await;
    let officer = Viewer {
        subject: format!("handlaggare{n}@example.se"),
        roles: vec![Role::Office],
        ..Viewer::default()
    };
    for agreement in found["expiringAgreements"]["nodes"].as_array().unwrap() {
        for until in [json!("2026-11-21"), agreement["nextDeadline"]["deadlineOn"].clone()]
            .into_iter()
            .take(n)
        {
            let input = json!({ "agreementId": agreement["id"], "snoozedUntil": until, "note": format!("Hemlig anledning {n}") });
            app.viewer(officer.clone()).does("deadlineSnooze", "id", input).await.data();
        }
    }
}

/// Issues so many invoices, with their documents, to a member that Alfa does not see.
pub async fn invoice_another(app: &App, count: usize) {
    let found = app.office().query("{ members(first: 50) { nodes { id name } } }").await;
    let mut members = found["members"]["nodes"].as_array().unwrap().iter();
    let Some(other) = members.find(|member| !member["name"].as_str().unwrap().ends_with(" Alfa"))
    else {
        assert_eq!(count, 0, "all members are Alfa");
        return;
    };
    for n in 0..count {
        let input = course(other["id"].as_str().unwrap(), &format!("{}.00", 100 + n));
        let id = drafted(&app.finance(), input).await;
        issue(&app.finance(), &id, "id").await.data();
    }
}

/// Gives each numbered agreement a decision: Alfa's the same in every register, others another one.
pub async fn decide(app: &App, n: usize) {
    let alfas = "COALESCE(member_id IN (SELECT id FROM member WHERE name LIKE '% Alfa'), FALSE)";
    let database = intruder(app).await;
    for sql in [
        format!(
            "INSERT INTO decision (id, body, decided_on, paragraph) SELECT id, 'BOARD', '2026-01-05', \
             CASE WHEN {alfas} THEN '§ 0' ELSE '§ {}' END FROM agreement WHERE number IS NOT NULL",
            n + 1
        ),
        "UPDATE agreement SET decision_id = id WHERE number IS NOT NULL".to_owned(),
    ] {
        database.execute_unprepared(&sql).await.unwrap();
    }
}

/// Changes something and changes it back, so many times, and revokes the tokens of a person who
/// has none: only the trail shows it.
pub async fn disturb(app: &App, times: usize) {
    let contacts =
        app.office().query("{ members(first: 5) { nodes { contacts { id phone } } } }").await;
    let nodes = contacts["members"]["nodes"].as_array().unwrap();
    let contact = nodes.iter().find_map(|node| node["contacts"].get(0)).unwrap();
    for n in 0..times {
        for phone in [json!(format!("08-{n}")), contact["phone"].clone()] {
            app.office()
                .does("contactUpdate", "id", json!({ "contactId": contact["id"], "phone": phone }))
                .await
                .data();
        }
        let which = RevocationTarget::Subject(format!("{n}@example.se"));
        revocations::revoke(app.context(&Viewer::operator("token revoke")), &which, None)
            .await
            .unwrap();
    }
}

/// Changes something without the trail, which records all that is done by the program.
pub async fn forge(app: &App, n: usize) {
    for change in [
        "member SET name = name || ' {n}', name_key = name_key || ' {n}', county = 'Län {n}'",
        "contact SET name = name || ' {n}', name_key = name_key || ' {n}', email = 'k{n}@example.se', phone = '08-{n}'",
        "allocation SET amount = amount + {n}",
        "agreement SET fee_amount = fee_amount + {n}",
        "cost SET description = 'Lokal {n}', amount = amount + {n}",
    ] {
        intruder(app)
            .await
            .execute_unprepared(&format!("UPDATE {}", change.replace("{n}", &n.to_string())))
            .await
            .unwrap();
    }
}
