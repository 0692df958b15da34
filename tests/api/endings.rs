//! How agreements end: by a successor, or by notice.

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::{
    app::{App, on_both},
    life_samples::{Register, TODAY, agreed, deed, drafted, offered, on, signed, told, with},
};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

on_both!(a_successor_takes_over_the_day_that_it_starts, |app| async move {
    let register = Register::fill(&app).await;
    let old = agreed(
        &app,
        with(register.draft(0, "bip", "2026-01-01"), json!({ "endsOn": "2026-12-31", "renewalMonths": 12, "noticeMonths": 2 })),
    )
    .await;
    let new = json!({ "agreement": old, "startsOn": "2027-07-01", "endsOn": "2028-06-30" });
    for starts_on in ["2026-01-01", "2025-06-01"] {
        let input = with(new.clone(), json!({ "startsOn": starts_on }));
        assert_eq!(deed(&app.office(), "agreementReplace", input, "id").await.bad_fields(), ["input.startsOn"]);
    }
    let other_kind = with(new.clone(), json!({ "template": register.id("samarbete") }));
    assert_eq!(deed(&app.office(), "agreementReplace", other_kind, "id").await.bad_fields(), ["input.parameters.days", "input.template"]);
    let fields = "id number status startsOn noticeMonths renewalMonths parameters activity { slug } counterparty { ... on Member { name } } fee { amount } replaces { number }";
    let answer = deed(&app.office(), "agreementReplace", new.clone(), fields).await;
    let successor = with(answer["agreementReplace"].clone(), json!({ "id": null }));
    assert_eq!(
        successor,
        json!({ "id": null, "number": "UTKAST", "status": "DRAFT", "startsOn": "2027-07-01", "noticeMonths": 2, "renewalMonths": 12, "parameters": { "days": 10 },
            "activity": { "slug": "bip" }, "counterparty": { "name": "Förbund 00" }, "fee": { "amount": "16000.00" }, "replaces": { "number": "2026-0001" } })
    );
    let id = answer["agreementReplace"]["id"].as_str().unwrap();
    // There is one successor at a time; a withdrawn one is none.
    assert_eq!(deed(&app.office(), "agreementReplace", new.clone(), "id").await.reason(), "ALREADY_REPLACED");
    let early = json!({ "agreement": id, "startsOn": "2026-01-01" });
    assert_eq!(deed(&app.office(), "agreementDraftUpdate", early, "id").await.bad_fields(), ["input.startsOn"]);
    let elsewhere = json!({ "agreement": id, "activity": register.id("indikatorer"), "counterparty": register.id("Förbund 01") });
    assert_eq!(deed(&app.office(), "agreementDraftUpdate", elsewhere, "id").await.bad_fields(), ["input.activity", "input.counterparty"]);
    deed(&app.office(), "agreementWithdraw", json!({ "agreement": id }), "id").await.data();
    assert_eq!(told(&app, &old, "replacedBy { id }").await["replacedBy"], Value::Null);
    let id = deed(&app.office(), "agreementReplace", new, "id").await["agreementReplace"]["id"].as_str().unwrap().to_owned();
    let (_, sha256) = offered(&app, &id).await;
    // Until both have signed, nothing ends.
    let far = r#"after: status(on: "2027-07-01") nextDeadline { on } termEndsOn(on: "2027-02-01")"#;
    let before = told(&app, &old, far).await;
    assert_eq!(
        (&before["after"], &before["nextDeadline"]["on"], &before["termEndsOn"]),
        (&json!("ACTIVE"), &json!("2027-10-31"), &json!("2027-12-31"))
    );
    signed(&app, &id, &sha256).await;
    let days = r#"before: status(on: "2027-06-30") after: status(on: "2027-07-01")"#;
    let ended = told(&app, &old, &format!("{days} nextDeadline {{ on }} termEndsOn replacedBy {{ number }}")).await;
    assert_eq!(
        ended,
        json!({ "before": "ACTIVE", "after": "ENDED", "nextDeadline": null, "termEndsOn": "2026-12-31", "replacedBy": { "number": "2026-0002" } })
    );
    assert_eq!(told(&app, &id, days).await, json!({ "before": "SIGNED", "after": "ACTIVE" }));
    let notice = json!({ "agreement": old, "givenOn": TODAY });
    assert_eq!(deed(&app.office(), "agreementGiveNotice", notice, "id").await.reason(), "REPLACED");
    // Coverage goes over from one to the other without a gap.
    for (on, connected) in [("2027-06-30", 1), ("2027-07-01", 1)] {
        let question = format!(r#"{{ activity(by: {{ slug: "bip" }}) {{ coverage(on: "{on}") {{ connected }} }} }}"#);
        assert_eq!(app.office().query(&question).await["activity"]["coverage"]["connected"], connected);
    }
});

on_both!(notice_ends_an_agreement_when_its_months_have_passed, |app| async move {
    let register = Register::fill(&app).await;
    let past = app.at("2025-11-01T09:00:00Z");
    for (member, (terms, given_on, outcome)) in [
        (json!({ "noticeMonths": 3 }), "2026-11-30", "2027-02-28"),
        (json!({ "noticeMonths": 1 }), "2027-01-31", "2027-02-28"),
        (json!({ "noticeMonths": 0 }), "2026-11-30", "2026-11-30"),
        (json!({ "endsOn": "2026-12-31", "renewalMonths": 12, "noticeMonths": 3 }), "2026-09-30", "2026-12-31"),
        (json!({ "endsOn": "2026-12-31", "renewalMonths": 12, "noticeMonths": 3 }), "2026-10-01", "2027-12-31"),
        (json!({ "endsOn": "2026-01-31", "renewalMonths": 1, "noticeMonths": 1 }), "2027-01-28", "2027-02-28"),
        (json!({ "endsOn": "2027-12-31", "noticeMonths": 6 }), "2026-12-31", "2027-06-30"),
        (json!({ "endsOn": "2027-12-31", "noticeMonths": 6 }), "2027-07-01", "FIXED_TERM"),
        (json!({ "endsOn": "2027-12-31", "noticeMonths": 0 }), "2026-12-31", "FIXED_TERM"),
        (json!({}), "2025-12-31", "NOT_STARTED"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = agreed(&past, with(register.draft(member, "bip", "2026-01-01"), terms.clone())).await;
        let then = on(&app, day(given_on).max(day("2026-01-01")));
        let answer = deed(&then.office(), "agreementGiveNotice", json!({ "agreement": id, "givenOn": given_on }), "endsOn").await;
        if answer.errors().is_empty() {
            assert_eq!(answer["agreementGiveNotice"]["endsOn"], outcome, "{terms} on {given_on}");
        } else {
            assert_eq!(answer.reason(), outcome, "{terms} on {given_on}");
        }
    }
    let id = agreed(&past, register.draft(11, "bip", "2025-10-01")).await;
    for (given_on, reason) in [("2025-10-31", None), ("2026-11-22", None), ("igår", None), (TODAY, Some("\u{0}"))] {
        let answer =
            deed(&app.office(), "agreementGiveNotice", json!({ "agreement": id, "givenOn": given_on, "reason": reason }), "id").await;
        assert_eq!(answer.bad_fields(), [if reason.is_some() { "input.reason" } else { "input.givenOn" }]);
    }
});

on_both!(notice_wakes_a_deadline_that_was_quiet, |app| async move {
    let register = Register::fill(&app).await;
    let terms = json!({ "endsOn": "2027-12-31", "noticeMonths": 6 });
    let id = agreed(&app.at("2025-11-01T09:00:00Z"), with(register.draft(0, "bip", "2026-01-01"), terms)).await;
    let quiet = json!({ "agreement": id, "until": "2027-12-31" });
    deed(&app.office(), "deadlineAcknowledge", quiet, "id").await.data();
    let expiring = "{ expiringAgreements(withinDays: 500) { nodes { nextDeadline { on acknowledged { until } } } } }";
    assert_eq!(app.office().query(expiring).await["expiringAgreements"]["nodes"], json!([]));
    deed(&app.office(), "agreementGiveNotice", json!({ "agreement": id, "givenOn": TODAY }), "id").await.data();
    let nodes = json!([{ "nextDeadline": { "on": "2027-05-21", "acknowledged": null } }]);
    assert_eq!(app.office().query(expiring).await["expiringAgreements"]["nodes"], nodes);
});

on_both!(a_fee_follows_the_activity_that_pays_for_it, |app| async move {
    let register = Register::fill(&app).await;
    let fee = json!({ "fee": { "basis": "FIXED_PER_YEAR", "amount": "100.00", "vatRate": "ZERO" } });
    let id = drafted(&app, with(register.draft(0, "indikatorer", "2027-01-01"), fee)).await;
    let before = told(&app, &id, "direction fee { amount }").await;
    assert_eq!(before["direction"], "INCOME");
    // What a grant pays for costs nobody anything, whatever the draft said before.
    let moved = json!({ "agreement": id, "activity": register.id("stoppa-valdet") });
    let answer = deed(&app.office(), "agreementDraftUpdate", moved, "id").await;
    assert_eq!(answer.bad_fields(), ["input.direction"]);
    let moved = json!({ "agreement": id, "activity": register.id("stoppa-valdet"), "direction": "NONE" });
    let answer = deed(&app.office(), "agreementDraftUpdate", moved, "direction fee { amount }").await;
    assert_eq!(answer["agreementDraftUpdate"], json!({ "direction": "NONE", "fee": null }));
    let income = with(register.draft(1, "stoppa-valdet", "2027-01-01"), json!({ "direction": "INCOME" }));
    assert_eq!(deed(&app.office(), "agreementDraft", income, "id").await.bad_fields(), ["input.direction"]);
    // A price that an agreement can't say in full has to be said in it.
    let price = json!({ "activity": register.id("indikatorer"), "validFrom": "2028-01-01", "basis": "PER_MILLE_OF_ALLOCATION", "perMille": 2.0, "cap": "100000.00", "vatRate": "STANDARD_25" });
    deed(&app.office(), "feeScheduleSet", price, "id").await.data();
    let mut capped = register.draft(2, "indikatorer", "2028-06-01");
    capped.as_object_mut().unwrap().remove("fee");
    assert!(deed(&app.office(), "agreementDraft", capped, "id").await.bad_fields().contains(&"input.fee"));
});
