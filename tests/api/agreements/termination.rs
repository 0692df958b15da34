//! The end of agreements: by a successor, or by notice.

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    lifecycle_fixtures::{
        Register, TODAY, agreed, drafted, mutate, offered, on, raw, read_agreement, signature,
        signed, sql_id, with,
    },
};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

on_both!(the_kind_of_an_unpublished_template_is_not_revealed, |app| async move {
    let register = Register::fill(&app).await;
    let other = json!({ "templateId": register.id("samarbete"), "activityId": null });
    let old = agreed(&app, with(register.draft(0, "bip", "2026-01-01"), other)).await;
    let new = |template: &str| json!({ "agreementId": old, "startsOn": "2026-12-31", "templateId": register.id(template), "parameters": {} });
    let service = app.service("agreements:write");
    let unseen = mutate(&service, "agreementReplace", new("utkast"), "id").await;
    assert_eq!(
        (unseen.code(), &unseen.errors()[0]["message"]),
        ("NOT_FOUND", &json!("there is no such template"))
    );
    let known = mutate(&service, "agreementReplace", new("deltagande"), "id").await;
    assert_eq!(
        known.bad_fields(),
        ["input.activityId", "input.parameters.days", "input.templateId"]
    );
    let seen = mutate(&app.office(), "agreementReplace", new("utkast"), "id").await;
    assert_ne!(seen.code(), "NOT_FOUND");
});

on_both!(a_successor_takes_over_the_day_that_it_starts, |app| async move {
    let register = Register::fill(&app).await;
    let old = agreed(
        &app,
        with(
            register.draft(0, "bip", "2026-01-01"),
            json!({ "endsOn": "2026-12-31", "renewalMonths": 12, "noticeMonths": 2 }),
        ),
    )
    .await;
    let new = json!({ "agreementId": old, "startsOn": "2027-07-01", "endsOn": "2028-06-30" });
    for starts_on in ["2026-01-01", "2025-06-01"] {
        let input = with(new.clone(), json!({ "startsOn": starts_on }));
        assert_eq!(
            mutate(&app.office(), "agreementReplace", input, "id").await.bad_fields(),
            ["input.startsOn"]
        );
    }
    let other_kind = with(new.clone(), json!({ "templateId": register.id("samarbete") }));
    assert_eq!(
        mutate(&app.office(), "agreementReplace", other_kind, "id").await.bad_fields(),
        ["input.parameters.days", "input.templateId"]
    );
    let fields = "id number status startsOn noticeMonths renewalMonths parameters activity { slug } counterparty { ... on Member { name } } fee { amount } predecessor { number }";
    let answer = mutate(&app.office(), "agreementReplace", new.clone(), fields).await;
    let successor = with(answer["agreementReplace"].clone(), json!({ "id": null }));
    assert_eq!(
        successor,
        json!({ "id": null, "number": null, "status": "DRAFT", "startsOn": "2027-07-01", "noticeMonths": 2, "renewalMonths": 12, "parameters": { "days": 10 },
            "activity": { "slug": "bip" }, "counterparty": { "name": "Förbund 00" }, "fee": { "amount": "16000.00" }, "predecessor": { "number": "2026-0001" } })
    );
    let id = answer["agreementReplace"]["id"].as_str().unwrap();
    // There is one successor at a time; a withdrawn one is none.
    assert_eq!(
        mutate(&app.office(), "agreementReplace", new.clone(), "id").await.reason(),
        "ALREADY_REPLACED"
    );
    let early = json!({ "agreementId": id, "startsOn": "2026-01-01" });
    assert_eq!(
        mutate(&app.office(), "agreementDraftUpdate", early, "id").await.bad_fields(),
        ["input.startsOn"]
    );
    let elsewhere = json!({ "agreementId": id, "activityId": register.id("indikatorer"), "counterpartyId": register.id("Förbund 01") });
    assert_eq!(
        mutate(&app.office(), "agreementDraftUpdate", elsewhere, "id").await.bad_fields(),
        ["input.activityId", "input.counterpartyId"]
    );
    mutate(&app.office(), "agreementWithdraw", json!({ "agreementId": id }), "id").await.data();
    assert_eq!(read_agreement(&app, &old, "successor { id }").await["successor"], Value::Null);
    let id = mutate(&app.office(), "agreementReplace", new, "id").await["agreementReplace"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let (_, sha256) = offered(&app, &id).await;
    // Until both have signed, nothing ends.
    let far = r#"after: status(asOf: "2027-07-01") nextDeadline { deadlineOn } termEndsOn(asOf: "2027-02-01")"#;
    let before = read_agreement(&app, &old, far).await;
    assert_eq!(
        (&before["after"], &before["nextDeadline"]["deadlineOn"], &before["termEndsOn"]),
        (&json!("ACTIVE"), &json!("2027-10-31"), &json!("2027-12-31"))
    );
    signed(&app, &id, &sha256).await;
    let days = r#"before: status(asOf: "2027-06-30") after: status(asOf: "2027-07-01")"#;
    let ended = read_agreement(
        &app,
        &old,
        &format!("{days} nextDeadline {{ deadlineOn }} termEndsOn successor {{ number }}"),
    )
    .await;
    assert_eq!(
        ended,
        json!({ "before": "ACTIVE", "after": "ENDED", "nextDeadline": null, "termEndsOn": "2026-12-31", "successor": { "number": "2026-0002" } })
    );
    assert_eq!(
        read_agreement(&app, &id, days).await,
        json!({ "before": "SIGNED", "after": "ACTIVE" })
    );
    let notice = json!({ "agreementId": old, "givenOn": TODAY });
    assert_eq!(
        mutate(&app.office(), "agreementGiveNotice", notice, "id").await.reason(),
        "REPLACED"
    );
    // Coverage goes over from one to the other without a gap.
    for (on, connected) in [("2027-06-30", 1), ("2027-07-01", 1)] {
        let question = format!(
            r#"{{ activity(by: {{ slug: "bip" }}) {{ coverage(asOf: "{on}") {{ connectedCount }} }} }}"#
        );
        assert_eq!(
            app.office().query(&question).await["activity"]["coverage"]["connectedCount"],
            connected
        );
    }
});

on_both!(notice_ends_an_agreement_when_its_months_have_passed, |app| async move {
    let register = Register::fill(&app).await;
    let past = app.at("2025-11-01T09:00:00Z");
    for (member, (terms, given_on, outcome)) in [
        (json!({ "noticeMonths": 3 }), "2026-11-30", "2027-02-28"),
        (json!({ "noticeMonths": 1 }), "2027-01-31", "2027-02-28"),
        (json!({ "noticeMonths": 0 }), "2026-11-30", "2026-11-30"),
        (
            json!({ "endsOn": "2026-12-31", "renewalMonths": 12, "noticeMonths": 3 }),
            "2026-09-30",
            "2026-12-31",
        ),
        (
            json!({ "endsOn": "2026-12-31", "renewalMonths": 12, "noticeMonths": 3 }),
            "2026-10-01",
            "2027-12-31",
        ),
        (
            json!({ "endsOn": "2026-01-31", "renewalMonths": 1, "noticeMonths": 1 }),
            "2027-01-31",
            "2027-02-28",
        ),
        (
            json!({ "endsOn": "2027-02-28", "renewalMonths": 12, "noticeMonths": 3 }),
            "2026-11-30",
            "2027-02-28",
        ),
        (
            json!({ "endsOn": "2027-02-28", "renewalMonths": 12, "noticeMonths": 3 }),
            "2026-12-01",
            "2028-02-29",
        ),
        (json!({ "endsOn": "2027-12-31", "noticeMonths": 6 }), "2026-12-31", "2027-06-30"),
        (json!({ "endsOn": "2027-12-31", "noticeMonths": 6 }), "2027-07-01", "FIXED_TERM"),
        (json!({ "endsOn": "2027-12-31", "noticeMonths": 0 }), "2026-12-31", "2026-12-31"),
        (json!({}), "2025-12-31", "NOT_STARTED"),
    ]
    .into_iter()
    .enumerate()
    {
        let id =
            agreed(&past, with(register.draft(member, "bip", "2026-01-01"), terms.clone())).await;
        let then = on(&app, day(given_on).max(day("2026-01-01")));
        let answer = mutate(
            &then.office(),
            "agreementGiveNotice",
            json!({ "agreementId": id, "givenOn": given_on }),
            "endsOn",
        )
        .await;
        if answer.errors().is_empty() {
            assert_eq!(answer["agreementGiveNotice"]["endsOn"], outcome, "{terms} on {given_on}");
        } else {
            assert_eq!(answer.reason(), outcome, "{terms} on {given_on}");
        }
    }
    let id = agreed(&past, register.draft(11, "indikatorer", "2025-10-01")).await;
    for (given_on, reason) in
        [("2025-10-31", None), ("2026-11-22", None), ("igår", None), (TODAY, Some("\u{0}"))]
    {
        let answer = mutate(
            &app.office(),
            "agreementGiveNotice",
            json!({ "agreementId": id, "givenOn": given_on, "reason": reason }),
            "id",
        )
        .await;
        assert_eq!(
            answer.bad_fields(),
            [if reason.is_some() { "input.reason" } else { "input.givenOn" }]
        );
    }
});

on_both!(notice_wakes_a_deadline_that_was_quiet, |app| async move {
    let register = Register::fill(&app).await;
    let terms = json!({ "endsOn": "2027-12-31", "noticeMonths": 6 });
    let id = agreed(
        &app.at("2025-11-01T09:00:00Z"),
        with(register.draft(0, "bip", "2026-01-01"), terms),
    )
    .await;
    let quiet = json!({ "agreementId": id, "snoozedUntil": "2027-12-31" });
    mutate(&app.office(), "deadlineSnooze", quiet, "id").await.data();
    let expiring = "{ expiringAgreements(withinDays: 500) { nodes { nextDeadline { deadlineOn snooze { snoozedUntil } } } } }";
    assert_eq!(app.office().query(expiring).await["expiringAgreements"]["nodes"], json!([]));
    mutate(
        &app.office(),
        "agreementGiveNotice",
        json!({ "agreementId": id, "givenOn": TODAY }),
        "id",
    )
    .await
    .data();
    let nodes = json!([{ "nextDeadline": { "deadlineOn": "2027-05-21", "snooze": null } }]);
    assert_eq!(app.office().query(expiring).await["expiringAgreements"]["nodes"], nodes);
});

on_both!(a_fee_follows_the_activity_that_pays_for_it, |app| async move {
    let register = Register::fill(&app).await;
    let fee =
        json!({ "fee": { "basis": "FIXED_PER_YEAR", "amount": "100.00", "vatRate": "EXEMPT" } });
    let id = drafted(&app, with(register.draft(0, "indikatorer", "2027-01-01"), fee)).await;
    let before = read_agreement(&app, &id, "direction fee { amount }").await;
    assert_eq!(before["direction"], "INCOME");
    // What a grant pays for costs no one anything, whatever the draft said before.
    let moved = json!({ "agreementId": id, "activityId": register.id("stoppa-valdet") });
    let answer = mutate(&app.office(), "agreementDraftUpdate", moved, "id").await;
    assert_eq!(answer.bad_fields(), ["input.direction"]);
    let moved = json!({ "agreementId": id, "activityId": register.id("stoppa-valdet"), "direction": "NONE" });
    let answer =
        mutate(&app.office(), "agreementDraftUpdate", moved, "direction fee { amount }").await;
    assert_eq!(answer["agreementDraftUpdate"], json!({ "direction": "NONE", "fee": null }));
    let income =
        with(register.draft(1, "stoppa-valdet", "2027-01-01"), json!({ "direction": "INCOME" }));
    assert_eq!(
        mutate(&app.office(), "agreementDraft", income, "id").await.bad_fields(),
        ["input.direction"]
    );
    // A price comes with its limits.
    let price = json!({ "activityId": register.id("indikatorer"), "validFrom": "2028-01-01", "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 2.0,
        "cap": "100000.00", "minimum": "5000.00", "vatRate": "STANDARD_25" });
    mutate(&app.office(), "feeScheduleSet", price, "id").await.data();
    for (year, amount) in [(2028, "32000000.00"), (2029, "61200000.00"), (2030, "1000.00")] {
        let set = json!({ "memberId": register.id("Förbund 02"), "year": year, "amount": amount });
        mutate(&app.office(), "allocationSet", set, "id").await.data();
    }
    let mut capped =
        with(register.draft(2, "indikatorer", "2028-07-01"), json!({ "endsOn": "2030-12-31" }));
    capped.as_object_mut().unwrap().remove("fee");
    let id = drafted(&app, capped.clone()).await;
    let fee = "fee { basis perMille amount cap minimum half: amountFor(year: 2028) most: amountFor(year: 2029) least: amountFor(year: 2030) }";
    let limited = json!({ "basis": "PER_MILLE_OF_ALLOCATION", "perMille": "2", "amount": null, "cap": "100000.00", "minimum": "5000.00",
        "half": "32000.00", "most": "100000.00", "least": "5000.00" });
    assert_eq!(read_agreement(&app, &id, fee).await["fee"], limited);
    let other = json!({ "agreementId": id, "fee": { "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 2.0, "cap": "50000.00", "vatRate": "EXEMPT" } });
    let changed = mutate(&app.office(), "agreementDraftUpdate", other, fee).await;
    assert_eq!(
        changed["agreementDraftUpdate"]["fee"],
        with(
            limited.clone(),
            json!({ "cap": "50000.00", "minimum": null, "half": "25000.00", "most": "50000.00", "least": "2.00" })
        )
    );
    for (fee, field) in [
        (
            json!({ "basis": "ONE_OFF", "amount": "1", "cap": "1", "vatRate": "EXEMPT" }),
            "input.fee.cap",
        ),
        (
            json!({ "basis": "FIXED_PER_YEAR", "amount": "1", "minimum": "1", "vatRate": "EXEMPT" }),
            "input.fee.minimum",
        ),
        (
            json!({ "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 2.0, "cap": "1", "minimum": "2", "vatRate": "EXEMPT" }),
            "input.fee.cap",
        ),
        (
            json!({ "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 2.0, "cap": "-1", "vatRate": "EXEMPT" }),
            "input.fee.cap",
        ),
    ] {
        let answer = mutate(
            &app.office(),
            "agreementDraft",
            with(capped.clone(), json!({ "fee": fee })),
            "id",
        )
        .await;
        assert_eq!(answer.bad_fields(), [field], "{fee}");
    }
    // They are offered, stored and exported with the rest, and never change.
    let (number, _) = offered(&app, &id).await;
    assert!(
        read_agreement(&app, &id, "document { html }").await["document"]["html"]
            .as_str()
            .unwrap()
            .contains("högst 50\u{a0}000,00\u{a0}kr")
    );
    let refused =
        raw(&app, &format!("UPDATE agreement SET fee_cap = 1 WHERE id = {}", sql_id(&app, &id)))
            .await
            .unwrap_err();
    assert!(refused.to_string().contains("agreement__frozen"), "{refused}");
    let folder = tempfile::tempdir().unwrap();
    let exported = app.program().arg("export").arg(folder.path()).output().unwrap();
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    let rows = std::fs::read_to_string(folder.path().join("agreements.csv")).unwrap();
    assert!(
        rows.lines().next().unwrap().ends_with(
            ",parameters,fee_cap,fee_minimum,fee_allocation_basis,notice_end_decided_on"
        ),
        "{rows}"
    );
    let row = rows.lines().find(|line| line.contains(&number)).unwrap();
    assert!(row.ends_with(",50000.00,,,"), "{row}");
    assert_eq!(app.try_import(&[("agreements.csv", &rows)]).await.unwrap().files[0].changed, 0);
    let cheaper = rows.replace(",50000.00,", ",60000.00,");
    let bad = app.try_import(&[("agreements.csv", &cheaper)]).await.unwrap_err().to_string();
    assert!(bad.contains("fee_cap: must stay as it is"), "{bad}");
});

on_both!(a_contract_may_let_an_agreement_end_sooner, |app| async move {
    let register = Register::fill(&app).await;
    let past = app.at("2025-11-01T09:00:00Z");
    let office = app.office();
    let end = async |id: &str, given_on: &str, ends_on: &str| {
        let input = json!({ "agreementId": id, "givenOn": given_on, "endsOn": ends_on, "reason": "Väsentligt avtalsbrott" });
        mutate(
            &office,
            "agreementGiveNotice",
            input,
            "status endsOn noticeGivenOn withdrawnOn terminationReason nextDeadline { kind deadlineOn }",
        )
        .await
    };
    // Not after the day that it would end on anyway.
    for (member, (starts_on, terms, last)) in [
        ("2026-01-01", json!({ "noticeMonths": 3 }), "2027-02-21"),
        ("2026-01-01", json!({ "endsOn": "2027-12-31", "noticeMonths": 0 }), "2027-12-31"),
        ("2026-01-01", json!({ "endsOn": "2027-12-31", "noticeMonths": 6 }), "2027-05-21"),
        (
            "2026-01-01",
            json!({ "endsOn": "2026-12-31", "noticeMonths": 3, "renewalMonths": 12 }),
            "2027-12-31",
        ),
        ("2027-06-01", json!({ "noticeMonths": 3 }), "2027-09-01"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = agreed(&past, with(register.draft(member, "bip", starts_on), terms.clone())).await;
        let after = day(last).succ_opt().unwrap().to_string();
        let late = end(&id, TODAY, &after).await;
        assert_eq!(late.bad_fields(), ["input.endsOn"], "{terms}");
        assert!(late.text().contains(last), "{}", late.text());
        let ends_on = day(last).pred_opt().unwrap().to_string();
        let ended = end(&id, TODAY, &ends_on).await["agreementGiveNotice"].clone();
        let status = if starts_on > TODAY { "SIGNED" } else { "NOTICE_GIVEN" };
        assert_eq!(
            ended,
            json!({ "status": status, "endsOn": ends_on, "noticeGivenOn": TODAY, "withdrawnOn": null, "terminationReason": "Väsentligt avtalsbrott",
                "nextDeadline": { "kind": "END", "deadlineOn": ends_on } })
        );
        assert_eq!(end(&id, TODAY, TODAY).await.reason(), "NOTICE_GIVEN");
    }
    // Upon violation of the contract it may end the same day; it needs a reason, and days in their
    // order.
    let id = agreed(&past, register.draft(5, "bip", "2026-01-01")).await;
    let bad = json!({ "agreementId": id, "givenOn": TODAY, "endsOn": "2026-11-20" });
    assert_eq!(
        mutate(&office, "agreementGiveNotice", bad, "id").await.bad_fields(),
        ["input.endsOn", "input.reason"]
    );
    assert_eq!(end(&id, TODAY, TODAY).await["agreementGiveNotice"]["endsOn"], TODAY);
    let next = read_agreement(&app, &id, r#"status(asOf: "2026-11-22")"#).await;
    assert_eq!(next["status"], "ENDED");
    let draft = drafted(&app, register.draft(6, "bip", "2026-01-01")).await;
    assert_eq!(end(&draft, TODAY, TODAY).await.reason(), "NOT_SIGNED");
});

on_both!(what_ends_before_it_begins_never_comes_about, |app| async move {
    let register = Register::fill(&app).await;
    let old = agreed(&app, register.draft(0, "bip", "2026-01-01")).await;
    let new = json!({ "agreementId": old, "startsOn": "2027-01-01", "fee": null });
    let successor = mutate(&app.office(), "agreementReplace", new, "id").await["agreementReplace"]
        ["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let (_, sha256) = offered(&app, &successor).await;
    signed(&app, &successor, &sha256).await;
    assert_eq!(
        read_agreement(&app, &old, r#"status(asOf: "2027-01-01")"#).await["status"],
        "ENDED"
    );
    let plain = json!({ "agreementId": successor, "givenOn": TODAY });
    assert_eq!(
        mutate(&app.office(), "agreementGiveNotice", plain, "id").await.reason(),
        "NOT_STARTED"
    );
    let early = json!({ "agreementId": successor, "givenOn": TODAY, "endsOn": "2026-12-31", "reason": "Bidraget upphör" });
    let answer = mutate(
        &app.office(),
        "agreementGiveNotice",
        early,
        "status endsOn noticeGivenOn withdrawnOn nextDeadline { deadlineOn }",
    )
    .await;
    assert_eq!(
        answer["agreementGiveNotice"],
        json!({ "status": "WITHDRAWN", "endsOn": null, "noticeGivenOn": null, "withdrawnOn": TODAY, "nextDeadline": null })
    );
    // What it was to replace continues, and its days are free for another successor.
    let continues = read_agreement(
        &app,
        &old,
        r#"status(asOf: "2027-01-01") successor { id } auditEntries(first: 1) { nodes { action } }"#,
    )
    .await;
    assert_eq!((&continues["status"], &continues["successor"]), (&json!("ACTIVE"), &Value::Null));
    let last = &continues["auditEntries"]["nodes"][0]["action"];
    assert_eq!(last, "agreementGiveNotice");
    let verified = app.program().arg("verify").output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    let again = json!({ "agreementId": old, "startsOn": "2027-01-01", "fee": null });
    let again =
        mutate(&app.office(), "agreementReplace", again, "id").await["agreementReplace"]["id"]
            .as_str()
            .unwrap()
            .to_owned();
    let (_, sha256) = offered(&app, &again).await;
    signed(&app, &again, &sha256).await;
    assert_eq!(
        read_agreement(&app, &old, r#"status(asOf: "2027-01-01")"#).await["status"],
        "ENDED"
    );
});

on_both!(a_member_that_leaves_takes_successors_with_it, |app| async move {
    let register = Register::fill(&app).await;
    let old = agreed(&app, register.draft(0, "bip", "2026-01-01")).await;
    let new = json!({ "agreementId": old, "startsOn": "2027-07-01", "fee": null });
    let successor = mutate(&app.office(), "agreementReplace", new, "id").await["agreementReplace"]
        ["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let (_, sha256) = offered(&app, &successor).await;
    signed(&app, &successor, &sha256).await;
    let leave = json!({ "memberId": register.id("Förbund 00"), "leftOn": "2027-03-31", "endAgreements": true });
    mutate(&app.office(), "memberLeave", leave, "id").await.data();
    let days = r#"before: status(asOf: "2027-03-31") after: status(asOf: "2027-04-01") endsOn"#;
    let ended = read_agreement(&app, &old, days).await;
    assert_eq!(
        ended,
        json!({ "before": "NOTICE_GIVEN", "after": "ENDED", "endsOn": "2027-03-31" })
    );
    assert_eq!(read_agreement(&app, &successor, "status").await["status"], "WITHDRAWN");
    let verified = app.program().arg("verify").output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
});

on_both!(an_offer_looks_again_at_the_member_and_the_activity, |app| async move {
    let register = Register::fill(&app).await;
    let office = app.office();
    let offer = async |id: &str| {
        mutate(&office, "agreementOffer", json!({ "agreementId": id }), "id").await
    };
    let until = |day: &str| json!({ "endsOn": day });
    // The days of the membership and of the activity hold when a draft is written…
    let activity = json!({ "slug": "kort", "name": "Kort", "funding": ["SPECIAL_FEE"], "startsOn": "2026-02-01", "endsOn": "2027-06-30" });
    let short =
        mutate(&office, "activityStart", activity, "id").await["activityStart"]["id"].clone();
    let base = with(register.draft(0, "bip", "2026-03-01"), json!({ "activityId": short }));
    for (changes, field) in [
        (json!({}), "input.endsOn"),
        (until("2027-07-01"), "input.endsOn"),
        (json!({ "endsOn": "2027-06-30", "renewalMonths": 12 }), "input.renewalMonths"),
        (json!({ "startsOn": "2026-01-31", "endsOn": "2027-06-30" }), "input.startsOn"),
        (json!({ "startsOn": "2014-12-31", "activityId": register.id("bip") }), "input.startsOn"),
    ] {
        let answer =
            mutate(&office, "agreementDraft", with(base.clone(), changes.clone()), "id").await;
        assert_eq!(answer.bad_fields(), [field], "{changes}: {}", answer.text());
    }
    let draft = drafted(&app, with(base.clone(), until("2027-06-30"))).await;
    let longer = json!({ "agreementId": draft, "endsOn": null });
    assert_eq!(
        mutate(&office, "agreementDraftUpdate", longer, "id").await.bad_fields(),
        ["input.endsOn"]
    );

    // …and again when it is offered, and signed.
    let in_time = drafted(
        &app,
        with(
            base,
            with(until("2027-06-30"), json!({ "counterpartyId": register.id("Förbund 01") })),
        ),
    )
    .await;
    let (_, sha256) = offered(&app, &in_time).await;
    let close = json!({ "activityId": short, "endsOn": "2027-05-31" });
    mutate(&office, "activityClose", close, "id").await.data();
    let refused = offer(&draft).await;
    assert_eq!(
        (refused.reason(), refused.text().contains("2027-05-31, the last day of Kort")),
        ("ACTIVITY_ENDED", true),
        "{}",
        refused.text()
    );
    mutate(&office, "agreementSign", signature(&app, &in_time, "NETWORK", &sha256), "id")
        .await
        .data();
    let refused =
        mutate(&office, "agreementSign", signature(&app, &in_time, "COUNTERPARTY", &sha256), "id")
            .await;
    assert_eq!(refused.reason(), "ACTIVITY_ENDED");
    assert_eq!(read_agreement(&app, &in_time, "status").await["status"], "OFFERED");

    let draft = drafted(&app, register.draft(2, "bip", "2026-03-01")).await;
    let leave = json!({ "memberId": register.id("Förbund 02"), "leftOn": "2026-10-31" });
    mutate(&office, "memberLeave", leave, "id").await.data();
    let refused = offer(&draft).await;
    assert_eq!(
        (refused.reason(), refused.text().contains("2026-10-31")),
        ("NOT_A_MEMBER", true),
        "{}",
        refused.text()
    );
    let before = json!({ "agreementId": draft, "endsOn": "2026-10-31" });
    mutate(&office, "agreementDraftUpdate", before, "id").await.data();
    offer(&draft).await.data();

    // What the activity lives on has changed.
    let fee = json!({ "fee": { "basis": "ONE_OFF", "amount": "100.00", "vatRate": "EXEMPT" } });
    let draft = drafted(&app, with(register.draft(3, "indikatorer", "2026-03-01"), fee)).await;
    let grant = json!({ "activityId": register.id("indikatorer"), "funding": ["GRANT"] });
    mutate(&office, "activityUpdate", grant, "id").await.data();
    assert_eq!(offer(&draft).await.reason(), "DOES_NOT_FIT");
    assert_eq!(
        read_agreement(&app, &draft, "number status").await,
        json!({ "number": null, "status": "DRAFT" })
    );
});
