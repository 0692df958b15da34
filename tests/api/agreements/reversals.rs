//! Mistakes are reversed: a notice is withdrawn, a departure reversed, a member or organisation
//! removed; what a departure withdraws is no successor any more, and ends that the former rule
//! stated stay until they are decided on. Today is 2026-11-21.

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    caller::Answer,
    lifecycle_fixtures::{
        Register, TODAY, agreed, drafted, mutate, offered, raw, read_agreement, signed, sql_id,
        with,
    },
    register_files::{exported, try_import},
};

const LIFE: &str = "status endsOn noticeGivenOn terminationReason successor { number } nextDeadline { kind deadlineOn }";

/// Fails unless the register is as its trail says, and answers what `verify` printed.
fn verified(app: &App) -> String {
    let verified = app.program().arg("verify").output().unwrap();
    let printed = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success(), "{printed}");
    printed
}

/// Replaces an agreement from a day on, and signs its successor.
async fn replaced(app: &App, id: &str, starts_on: &str) -> String {
    let new = json!({ "agreementId": id, "startsOn": starts_on, "fee": null, "endsOn": null, "renewalMonths": null });
    let successor = mutate(&app.office(), "agreementReplace", new, "id").await["agreementReplace"]
        ["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let (_, sha256) = offered(app, &successor).await;
    signed(app, &successor, &sha256).await;
    successor
}

async fn withdraw_notice(app: &App, input: Value) -> Answer {
    mutate(&app.office(), "agreementNoticeWithdraw", input, &format!("agreement {{ {LIFE} }}"))
        .await
}

on_both!(a_notice_is_withdrawn_before_it_takes_effect, |app| async move {
    let register = Register::fill(&app).await;
    let terms = json!({ "endsOn": "2026-12-31", "renewalMonths": 12, "noticeMonths": 3 });
    let id = agreed(&app, with(register.draft(0, "bip", "2026-01-01"), terms)).await;
    let before = read_agreement(&app, &id, LIFE).await;
    assert_eq!(withdraw_notice(&app, json!({ "agreementId": id })).await.reason(), "NO_NOTICE");
    let notice = json!({ "agreementId": id, "givenOn": TODAY, "reason": "Fel avtal" });
    mutate(&app.office(), "agreementGiveNotice", notice, "id").await.data();
    assert_eq!(read_agreement(&app, &id, "endsOn").await["endsOn"], "2027-12-31");
    let wrong = json!({ "agreementId": id, "endsOn": "2026-11-30" });
    assert_eq!(withdraw_notice(&app, wrong).await.bad_fields(), ["input.endsOn"]);
    let answer = withdraw_notice(&app, json!({ "agreementId": id })).await;
    assert_eq!(answer["agreementNoticeWithdraw"]["agreement"], before, "all is as it was");
    let entry = app.trail(app.revision().await - 1).await[0].clone();
    assert_eq!(
        (&entry["action"], &entry["before"]["ends_on"], &entry["after"]["ends_on"]),
        (&json!("agreementNoticeWithdraw"), &json!("2027-12-31"), &json!("2026-12-31"))
    );
    // Given again, it counts again; once it has taken effect it can't be withdrawn.
    mutate(
        &app.office(),
        "agreementGiveNotice",
        json!({ "agreementId": id, "givenOn": TODAY }),
        "id",
    )
    .await
    .data();
    let later = app.at("2028-01-01T09:00:00Z");
    assert_eq!(withdraw_notice(&later, json!({ "agreementId": id })).await.reason(), "ENDED");
    for caller in [app.finance(), app.board(), app.auditor()] {
        assert_eq!(
            mutate(
                &caller,
                "agreementNoticeWithdraw",
                json!({ "agreementId": id }),
                "agreement { id }"
            )
            .await
            .code(),
            "FORBIDDEN"
        );
    }
    verified(&app);
});

on_both!(a_notice_is_not_withdrawn_after_a_successor_has_begun, |app| async move {
    let register = Register::fill(&app).await;
    let terms = json!({ "endsOn": "2026-12-31", "renewalMonths": 12, "noticeMonths": 3 });
    let id = agreed(&app, with(register.draft(0, "bip", "2026-01-01"), terms)).await;
    let notice = json!({ "agreementId": id, "givenOn": TODAY });
    mutate(&app.office(), "agreementGiveNotice", notice.clone(), "id").await.data();
    replaced(&app, &id, "2027-02-01").await;
    let again = register.draft(1, "bip", "2026-01-01");
    let other = agreed(&app, with(again, json!({ "noticeMonths": 3 }))).await;
    let notice = json!({ "agreementId": other, "givenOn": TODAY });
    mutate(&app.office(), "agreementGiveNotice", notice, "id").await.data();
    replaced(&app, &other, "2027-01-01").await;
    let after = app.at("2027-01-01T09:00:00Z");
    let revision = app.revision().await;
    let refused = withdraw_notice(&after, json!({ "agreementId": other })).await;
    assert_eq!(refused.reason(), "ENDED");
    assert_eq!(app.revision().await, revision);
    assert_eq!(
        read_agreement(&after, &other, "status noticeGivenOn").await,
        json!({ "status": "ENDED", "noticeGivenOn": TODAY })
    );
    // The day before the first of the other's successor, its notice can still be withdrawn.
    let before = app.at("2027-01-31T09:00:00Z");
    let answer = withdraw_notice(&before, json!({ "agreementId": id })).await;
    assert_eq!(answer["agreementNoticeWithdraw"]["agreement"]["status"], "ACTIVE");
    verified(&app);
});

on_both!(an_imported_notice_is_withdrawn_with_the_agreed_day, |app| async move {
    Register::fill(&app).await;
    let agreements = "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate\n\
        x1,2025-0001,PARTICIPATION,NONE,bip,m0,,,2025-01-01,2027-03-31,3,12,2024-12-01T09:00:00Z,2024-12-02,2026-10-01,,,,\n";
    app.import(&[("agreements.csv", agreements)]).await;
    let answer = app.office().query(r#"{ agreement(by: { number: "2025-0001" }) { id } }"#).await;
    let id = answer["agreement"]["id"].clone();
    assert_eq!(
        withdraw_notice(&app, json!({ "agreementId": id })).await.reason(),
        "AGREED_END_UNKNOWN"
    );
    for ends_on in [Value::Null, json!("2024-12-31")] {
        assert_eq!(
            withdraw_notice(&app, json!({ "agreementId": id, "endsOn": ends_on }))
                .await
                .bad_fields(),
            ["input.endsOn"]
        );
    }
    let answer = withdraw_notice(&app, json!({ "agreementId": id, "endsOn": "2025-12-31" })).await;
    let agreement = &answer["agreementNoticeWithdraw"]["agreement"];
    assert_eq!(
        (&agreement["status"], &agreement["nextDeadline"]["deadlineOn"]),
        (&json!("ACTIVE"), &json!("2027-09-30"))
    );
    verified(&app);
});

on_both!(a_departure_is_reversed_with_all_that_it_ended, |app| async move {
    let register = Register::fill(&app).await;
    // The first is replaced in the autumn by another, which the departure in June withdraws.
    let fixed = agreed(
        &app,
        with(register.draft(0, "bip", "2026-01-01"), json!({ "endsOn": "2027-05-31" })),
    )
    .await;
    let successor = replaced(&app, &fixed, "2027-09-01").await;
    let open = agreed(&app, register.draft(0, "indikatorer", "2026-01-01")).await;
    let before = [
        read_agreement(&app, &fixed, LIFE).await,
        read_agreement(&app, &successor, LIFE).await,
        read_agreement(&app, &open, LIFE).await,
    ];
    let member = register.id("Förbund 00");
    assert_eq!(
        mutate(&app.office(), "memberReinstate", json!({ "memberId": member }), "member { id }")
            .await
            .reason(),
        "NOT_LEFT"
    );
    let leave = json!({ "memberId": member, "leftOn": "2027-06-30", "endAgreements": true });
    mutate(&app.office(), "memberLeave", leave, "id").await.data();

    // What was withdrawn is no successor: the first ends at its term, expires, and can be given
    // notice and be replaced.
    let after = read_agreement(&app, &fixed, LIFE).await;
    assert_eq!(
        (&after["successor"], &after["nextDeadline"]),
        (&Value::Null, &json!({ "kind": "END", "deadlineOn": "2027-05-31" }))
    );
    assert_eq!(read_agreement(&app, &successor, "status").await["status"], "WITHDRAWN");
    let expiring =
        app.office().query("{ expiringAgreements(withinDays: 365) { nodes { id } } }").await;
    let expiring: Vec<_> = expiring["expiringAgreements"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["id"].clone())
        .collect();
    assert!(expiring.contains(&json!(fixed)), "{expiring:?}");
    let again = json!({ "agreementId": fixed, "startsOn": "2027-01-01", "endsOn": "2027-06-30", "fee": null });
    let draft =
        mutate(&app.office(), "agreementReplace", again, "id").await["agreementReplace"]["id"]
            .clone();
    mutate(&app.office(), "agreementWithdraw", json!({ "agreementId": draft }), "id").await.data();
    verified(&app);

    let answer = mutate(
        &app.office(),
        "memberReinstate",
        json!({ "memberId": member }),
        "member { leftOn leavingReason } agreements { id }",
    )
    .await;
    assert_eq!(
        answer["memberReinstate"]["member"],
        json!({ "leftOn": null, "leavingReason": null })
    );
    assert_eq!(answer["memberReinstate"]["agreements"].as_array().unwrap().len(), 3);
    let restored = [
        read_agreement(&app, &fixed, LIFE).await,
        read_agreement(&app, &successor, LIFE).await,
        read_agreement(&app, &open, LIFE).await,
    ];
    assert_eq!(restored, before);
    verified(&app);
});

on_both!(an_agreement_ends_with_the_membership_when_its_successor_never_begins, |app| async move {
    let register = Register::fill(&app).await;
    let terms = json!({ "endsOn": "2027-12-31" });
    let first = agreed(&app, with(register.draft(0, "bip", "2026-01-01"), terms)).await;
    let successor = replaced(&app, &first, "2027-07-01").await;
    let before =
        [read_agreement(&app, &first, LIFE).await, read_agreement(&app, &successor, LIFE).await];
    // The successor would begin on the day after: the first, which ended on this day because of
    // it, must not continue for it.
    let member = register.id("Förbund 00");
    let leave = json!({ "memberId": member, "leftOn": "2027-06-30", "endAgreements": true });
    mutate(&app.office(), "memberLeave", leave, "id").await.data();
    let after = read_agreement(&app, &first, LIFE).await;
    assert_eq!((&after["endsOn"], &after["successor"]), (&json!("2027-06-30"), &Value::Null));
    assert_eq!(read_agreement(&app, &successor, "status").await["status"], "WITHDRAWN");
    verified(&app);
    let reinstate = json!({ "memberId": member });
    mutate(&app.office(), "memberReinstate", reinstate, "member { id }").await.data();
    let restored =
        [read_agreement(&app, &first, LIFE).await, read_agreement(&app, &successor, LIFE).await];
    assert_eq!(restored, before);
    verified(&app);
});

on_both!(a_merger_is_reversed, |app| async move {
    let register = Register::fill(&app).await;
    let (old, into) = (register.id("Förbund 01"), register.id("Förbund 02"));
    let merger = json!({ "intoId": into, "fromIds": [old], "leftOn": "2026-06-30" });
    mutate(&app.office(), "memberMerge", merger, "id").await.data();
    // One into which others are merged does not leave before them.
    let early = json!({ "memberId": into, "leftOn": "2026-06-30" });
    assert_eq!(
        mutate(&app.office(), "memberLeave", early, "id").await.reason(),
        "HAS_PREDECESSORS"
    );
    let answer = mutate(
        &app.office(),
        "memberReinstate",
        json!({ "memberId": old }),
        "member { status successor { name } }",
    )
    .await;
    assert_eq!(
        answer["memberReinstate"]["member"],
        json!({ "status": "ACTIVE", "successor": null })
    );
    let left = app
        .office()
        .ask(
            "query($id: ID!) { member(by: { id: $id }) { predecessors { name } } }",
            json!({ "id": into }),
        )
        .await;
    assert_eq!(left["member"]["predecessors"], json!([]));
    mutate(&app.office(), "memberLeave", json!({ "memberId": into, "leftOn": "2026-06-30" }), "id")
        .await
        .data();
    verified(&app);
});

on_both!(what_has_changed_since_is_not_reversed, |app| async move {
    let register = Register::fill(&app).await;
    let open = agreed(&app, register.draft(3, "bip", "2026-01-01")).await;
    let member = register.id("Förbund 03");
    mutate(
        &app.office(),
        "memberLeave",
        json!({ "memberId": member, "leftOn": "2027-06-30", "endAgreements": true }),
        "id",
    )
    .await
    .data();
    // Replaced until the membership ends.
    let new = json!({ "agreementId": open, "startsOn": "2027-01-01", "endsOn": "2027-06-30", "fee": null });
    let successor = mutate(&app.office(), "agreementReplace", new, "id").await["agreementReplace"]
        ["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let (_, sha256) = offered(&app, &successor).await;
    signed(&app, &successor, &sha256).await;
    let before = app.revision().await;
    let refused =
        mutate(&app.office(), "memberReinstate", json!({ "memberId": member }), "member { id }")
            .await;
    assert_eq!((refused.reason(), app.revision().await), ("AGREEMENT_CHANGED", before));
});

on_both!(what_was_added_by_mistake_is_removed, |app| async move {
    let register = Register::fill(&app).await;
    let used = agreed(&app, register.draft(4, "bip", "2026-01-01")).await;
    assert!(!used.is_empty());
    let refused = mutate(
        &app.office(),
        "memberRemove",
        json!({ "memberId": register.id("Förbund 04") }),
        "memberId",
    )
    .await;
    assert_eq!(
        (refused.reason(), refused.text().contains("1 agreement")),
        ("IN_USE", true),
        "{}",
        refused.text()
    );
    let new = json!({ "name": "Förbund fel", "joinedOn": "2027-01-01", "municipalities": ["Åre"], "billing": { "email": "person@example.se" } });
    let id = mutate(&app.office(), "memberAdmit", new, "id").await["memberAdmit"]["id"].clone();
    let answer = mutate(&app.office(), "memberRemove", json!({ "memberId": id }), "memberId").await;
    assert_eq!(answer["memberRemove"]["memberId"], id);
    assert_eq!(
        mutate(&app.office(), "memberRemove", json!({ "memberId": id }), "memberId").await.code(),
        "NOT_FOUND"
    );
    let found = app
        .office()
        .query(r#"{ members(filter: { search: "Förbund fel" }) { totalCount } }"#)
        .await;
    assert_eq!(found["members"]["totalCount"], 0);

    let organisation = mutate(&app.office(), "organisationAdd", json!({ "name": "Fel AB" }), "id")
        .await["organisationAdd"]["id"]
        .clone();
    let answer = mutate(
        &app.office(),
        "organisationRemove",
        json!({ "organisationId": organisation }),
        "organisationId",
    )
    .await;
    assert_eq!(answer["organisationRemove"]["organisationId"], organisation);
    let draft = json!({ "templateId": register.id("samarbete"), "counterpartyId": register.id("Rådgivarna"), "startsOn": "2026-01-01",
        "parameters": { "days": 1 } });
    drafted(&app, draft).await;
    let refused = json!({ "organisationId": register.id("Rådgivarna") });
    assert_eq!(
        mutate(&app.office(), "organisationRemove", refused, "organisationId").await.reason(),
        "IN_USE"
    );
    verified(&app);
});

on_both!(beginnings_stay_before_agreements_in_force, |app| async move {
    let register = Register::fill(&app).await;
    let id = agreed(&app, register.draft(5, "bip", "2026-03-01")).await;
    let number = read_agreement(&app, &id, "number").await["number"].as_str().unwrap().to_owned();
    let member =
        |joined_on: &str| json!({ "memberId": register.id("Förbund 05"), "joinedOn": joined_on });
    let activity =
        |starts_on: &str| json!({ "activityId": register.id("bip"), "startsOn": starts_on });
    for (name, input) in
        [("memberUpdate", member("2026-03-02")), ("activityUpdate", activity("2026-03-02"))]
    {
        let refused = mutate(&app.office(), name, input, "id").await;
        assert_eq!(
            (refused.reason(), refused.text().contains(&number)),
            ("AGREEMENTS_IN_FORCE", true),
            "{}",
            refused.text()
        );
    }
    for (name, input) in
        [("memberUpdate", member("2026-03-01")), ("activityUpdate", activity("2026-03-01"))]
    {
        mutate(&app.office(), name, input, "id").await.data();
    }
    verified(&app);
});

on_both!(an_end_that_the_former_rule_set_is_decided_on, |app| async move {
    let register = Register::fill(&app).await;
    let terms = json!({ "endsOn": "2026-06-30", "renewalMonths": 3, "noticeMonths": 3 });
    let ends = "{ agreementNoticeEnds { agreement { id } noticeGivenOn endsOn ruleEndsOn } }";
    let mut ids = Vec::new();
    for member in [6, 7] {
        let id =
            agreed(&app, with(register.draft(member, "bip", "2026-01-01"), terms.clone())).await;
        mutate(
            &app.office(),
            "agreementGiveNotice",
            json!({ "agreementId": id, "givenOn": TODAY }),
            "id",
        )
        .await
        .data();
        assert_eq!(read_agreement(&app, &id, "endsOn").await["endsOn"], "2027-03-31");
        ids.push(id);
    }
    assert_eq!(app.office().query(ends).await["agreementNoticeEnds"], json!([]));
    // As a register of before has them.
    for id in &ids {
        let sql = format!(
            "UPDATE agreement SET ends_on = '2027-03-30', deadline_on = '2027-03-30' WHERE id = {}",
            sql_id(&app, id)
        );
        raw(&app, &sql).await.unwrap();
    }
    let end = |id: &str| json!({ "agreement": { "id": id }, "noticeGivenOn": TODAY, "endsOn": "2027-03-30", "ruleEndsOn": "2027-03-31" });
    assert_eq!(
        app.office().query(ends).await["agreementNoticeEnds"],
        json!([end(&ids[0]), end(&ids[1])])
    );
    let noted =
        domain::agreements::notice_ends::notes(app.db.read(), app.clock.today()).await.unwrap();
    assert_eq!(noted.len(), 2, "{noted:?}");
    let listed = app.program().arg("notice-ends").output().unwrap();
    let printed = String::from_utf8_lossy(&listed.stdout);
    assert!(
        printed.contains("2027-03-30") && printed.ends_with("2 agreements to decide on\n"),
        "{printed}"
    );
    let decide = async |id: &str, ends_on: &str| {
        let input = json!({ "agreementId": id, "endsOn": ends_on });
        mutate(&app.office(), "agreementNoticeEndDecide", input, "agreement { endsOn }").await
    };
    assert_eq!(decide(&ids[0], "2027-04-01").await.bad_fields(), ["input.endsOn"]);
    for (id, day) in [(&ids[0], "2027-03-30"), (&ids[1], "2027-03-31")] {
        assert_eq!(decide(id, day).await["agreementNoticeEndDecide"]["agreement"]["endsOn"], day);
        assert_eq!(decide(id, day).await.reason(), "NOTHING_TO_DECIDE");
    }
    assert_eq!(app.office().query(ends).await["agreementNoticeEnds"], json!([]));
    assert_eq!(app.finance().query(ends).await.code(), "FORBIDDEN");
    // Long after either day nothing is left to decide.
    let stored = read_agreement(&app, &ids[0], "endsOn").await;
    assert_eq!(stored["endsOn"], "2027-03-30");
});

on_both!(a_decision_on_an_end_goes_out_and_comes_in_again, |app| async move {
    let register = Register::fill(&app).await;
    let terms = json!({ "endsOn": "2026-06-30", "renewalMonths": 3, "noticeMonths": 3 });
    let id = agreed(&app, with(register.draft(6, "bip", "2026-01-01"), terms)).await;
    let copy = app.another().await;
    try_import(&copy, &exported(&app).await).await.unwrap();
    // The former rule stated an end, which the copy learns from the files.
    mutate(
        &app.office(),
        "agreementGiveNotice",
        json!({ "agreementId": id, "givenOn": TODAY }),
        "id",
    )
    .await
    .data();
    let sql = format!(
        "UPDATE agreement SET ends_on = '2027-03-30', deadline_on = '2027-03-30' WHERE id = {}",
        sql_id(&app, &id)
    );
    raw(&app, &sql).await.unwrap();
    try_import(&copy, &exported(&app).await).await.unwrap();
    let ends = "{ agreementNoticeEnds { endsOn ruleEndsOn } }";
    let open = json!([{ "endsOn": "2027-03-30", "ruleEndsOn": "2027-03-31" }]);
    assert_eq!(copy.office().query(ends).await["agreementNoticeEnds"], open);
    // It is stored, and so it is in the copy.
    let input = json!({ "agreementId": id, "endsOn": "2027-03-30" });
    mutate(&app.office(), "agreementNoticeEndDecide", input, "agreement { id }").await.data();
    let files = exported(&app).await;
    try_import(&copy, &files).await.unwrap();
    assert_eq!(copy.office().query(ends).await["agreementNoticeEnds"], json!([]));
    assert_eq!(exported(&copy).await["agreements.csv"], files["agreements.csv"]);
    let before = copy.revision().await;
    try_import(&copy, &files).await.unwrap();
    assert_eq!(copy.revision().await, before, "the same again left an entry");
    // A notice that is withdrawn takes the decision with it.
    withdraw_notice(&app, json!({ "agreementId": id })).await.data();
    let decided = |files: &crate::support::register_files::Files| {
        String::from_utf8_lossy(&files["agreements.csv"]).contains(&format!(",{TODAY}\n"))
    };
    assert_eq!((decided(&files), decided(&exported(&app).await)), (true, false));
});

on_both!(registers_of_before_forget_withdrawn_successors, |app| async move {
    Register::fill(&app).await;
    let agreements = "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate,withdrawn_on,termination_reason,replaces\n\
        y1,2026-0001,PARTICIPATION,NONE,bip,m1,,,2026-01-01,2027-05-31,3,,2025-12-01T09:00:00Z,2025-12-02,,,,,,,,\n\
        y2,2026-0002,PARTICIPATION,NONE,bip,m1,,,2027-09-01,,3,,2026-01-01T09:00:00Z,2026-01-02,,,,,,2026-06-30,slut,y1\n";
    // An export of before says that what was withdrawn replaces another: it does not.
    app.import(&[("agreements.csv", agreements)]).await;
    let life = r#"{ agreement(by: { number: "2026-0001" }) { successor { number } nextDeadline { deadlineOn } } }"#;
    let expected = json!({ "successor": null, "nextDeadline": { "deadlineOn": "2027-05-31" } });
    assert_eq!(app.office().query(life).await["agreement"], expected);
    verified(&app);

    // So a register of before has it, until it is migrated.
    let id = "(SELECT id FROM agreement WHERE number = '2026-0001')";
    raw(&app, &format!("UPDATE agreement SET replaces_id = {id} WHERE number = '2026-0002'"))
        .await
        .unwrap();
    raw(&app, "UPDATE agreement SET replaced_from = '2027-09-01' WHERE number = '2026-0001'")
        .await
        .unwrap();
    assert_eq!(app.office().query(life).await["agreement"]["nextDeadline"], Value::Null);
    raw(&app, "DELETE FROM seaql_migrations WHERE version = 'm2026_12_01_99_withdrawn_successors'")
        .await
        .unwrap();
    raw(
        &app,
        "DELETE FROM migration_requirement WHERE name = 'm2026_12_01_99_withdrawn_successors'",
    )
    .await
    .unwrap();
    assert_eq!(
        app.db.migrate(app.clock.now()).await.unwrap(),
        ["m2026_12_01_99_withdrawn_successors"]
    );
    assert_eq!(app.office().query(life).await["agreement"], expected);
    let rows = app.db.read().query_all_raw(sea_orm::Statement::from_string(
        app.db.backend(),
        "SELECT 1 FROM agreement WHERE replaces_id IS NOT NULL OR replaced_from IS NOT NULL",
    ));
    assert_eq!(rows.await.unwrap().len(), 0);
});
