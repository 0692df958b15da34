//! Drafts of agreements: what each kind of agreement and activity requires.

use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    lifecycle_fixtures::{Register, mutate, with},
};

on_both!(a_draft_must_fit_its_kind_and_what_the_activity_lives_on, |app| async move {
    let register = Register::fill(&app).await;
    let base = register.draft(0, "bip", "2026-01-01");
    let (consultant, fee) = (
        register.id("Rådgivarna"),
        json!({ "basis": "ONE_OFF", "amount": "100", "vatRate": "STANDARD_25" }),
    );
    let rate = json!({ "basis": "PER_MILLE_OF_ALLOCATION", "amount": "-1", "vatRate": "EXEMPT" });
    for (changes, fields) in [
        (json!({ "counterpartyId": consultant }), &["input.counterpartyId"][..]),
        (json!({ "counterpartyId": register.id("Förbund borta") }), &["input.counterpartyId"]),
        (json!({ "counterpartyId": register.id("bip") }), &["input.counterpartyId"]),
        (json!({ "activityId": null }), &["input.activityId"]),
        (json!({ "activityId": register.id("avslutad") }), &["input.startsOn"]),
        (json!({ "direction": "COST" }), &["input.direction"]),
        (json!({ "direction": "NONE", "fee": fee }), &["input.fee"]),
        (json!({ "fee": rate }), &["input.fee.amount", "input.fee.perMille"]),
        (
            json!({ "templateId": register.id("for-bip"), "activityId": register.id("indikatorer") }),
            &["input.activityId"],
        ),
        (
            json!({ "templateId": register.id("uppdrag"), "direction": "INCOME" }),
            &["input.direction"],
        ),
        (
            json!({ "templateId": register.id("samarbete"), "direction": "COST" }),
            &["input.direction"],
        ),
        (json!({ "templateVersionId": register.id("uppdrag 1") }), &["input.templateVersionId"]),
        (json!({ "activityId": register.id("stoppa-valdet"), "fee": fee }), &["input.fee"]),
        (json!({ "activityId": register.id("natverk"), "fee": fee }), &["input.fee"]),
        (
            json!({ "endsOn": "2025-12-31", "noticeMonths": 121, "renewalMonths": 0 }),
            &["input.endsOn", "input.noticeMonths", "input.renewalMonths"],
        ),
        (json!({ "renewalMonths": 12 }), &["input.renewalMonths"]),
        (json!({ "parameters": {} }), &["input.parameters.days"]),
        (
            json!({ "parameters": { "days": "tio", "dagar": 1 }, "noticeMonths": -1 }),
            &["input.noticeMonths", "input.parameters.dagar", "input.parameters.days"],
        ),
        (json!({ "parameters": [1] }), &["input.parameters", "input.parameters.days"]),
        (
            json!({ "startsOn": "2026-02-30", "decision": { "body": "BOARD", "paragraph": "\u{0}" } }),
            &["input.decision.paragraph", "input.startsOn"],
        ),
    ] {
        let before = app.revision().await;
        let answer =
            mutate(&app.office(), "agreementDraft", with(base.clone(), changes.clone()), "id")
                .await;
        assert!(!answer.errors().is_empty(), "{changes} is taken");
        assert_eq!(answer.bad_fields(), fields, "{changes}: {}", answer.text());
        assert_eq!(app.revision().await, before);
    }
    // Where the activity lives on special fees alone and has no price, none is said to be none.
    let mut without = register.draft(0, "indikatorer", "2026-01-01");
    without.as_object_mut().unwrap().remove("fee");
    assert_eq!(
        mutate(&app.office(), "agreementDraft", without.clone(), "id").await.bad_fields(),
        ["input.fee"]
    );
    for (changes, direction, fee) in [
        (json!({ "activityId": register.id("bip") }), "INCOME", json!({ "amount": "15000.00" })),
        (
            json!({ "activityId": register.id("bip"), "startsOn": "2027-01-01" }),
            "INCOME",
            json!({ "amount": "16000.00" }),
        ),
        (json!({ "activityId": register.id("bip"), "fee": null }), "NONE", Value::Null),
        (json!({ "activityId": register.id("indikatorer"), "fee": null }), "NONE", Value::Null),
        (
            json!({ "activityId": register.id("indikatorer"), "fee": fee }),
            "INCOME",
            json!({ "amount": "100.00" }),
        ),
        (json!({ "activityId": register.id("stoppa-valdet") }), "NONE", Value::Null),
        (json!({ "activityId": register.id("natverk") }), "NONE", Value::Null),
        (
            json!({ "templateId": register.id("uppdrag"), "activityId": register.id("bip"), "counterpartyId": consultant }),
            "COST",
            Value::Null,
        ),
        (
            json!({ "templateId": register.id("uppdrag"), "activityId": null, "fee": fee }),
            "COST",
            json!({ "amount": "100.00" }),
        ),
        (
            json!({ "templateId": register.id("samarbete"), "activityId": null, "counterpartyId": consultant }),
            "NONE",
            Value::Null,
        ),
        (
            json!({ "templateId": register.id("samarbete"), "activityId": null, "fee": fee }),
            "INCOME",
            json!({ "amount": "100.00" }),
        ),
    ] {
        let answer = mutate(
            &app.office(),
            "agreementDraft",
            with(without.clone(), changes.clone()),
            "direction fee { amount }",
        )
        .await;
        assert_eq!(
            answer["agreementDraft"],
            json!({ "direction": direction, "fee": fee }),
            "{changes}"
        );
    }
    for (template, reason) in
        [("utkast", "NO_PUBLISHED_VERSION"), ("gammal", "NO_PUBLISHED_VERSION")]
    {
        let input = with(base.clone(), json!({ "templateId": register.id(template) }));
        assert_eq!(
            mutate(&app.office(), "agreementDraft", input.clone(), "id").await.reason(),
            reason
        );
        let named =
            with(input, json!({ "templateVersionId": register.id(&format!("{template} 1")) }));
        let reason =
            if template == "utkast" { "TEMPLATE_NOT_PUBLISHED" } else { "TEMPLATE_RETIRED" };
        assert_eq!(mutate(&app.office(), "agreementDraft", named, "id").await.reason(), reason);
    }
    let nothing = "template_0197aaaaaaaa7000800000000000000a";
    let input = |template: &str| with(base.clone(), json!({ "templateId": template }));
    assert_eq!(
        mutate(&app.office(), "agreementDraft", input(nothing), "id").await.code(),
        "NOT_FOUND"
    );
    // What was never published is not there for those who don't see drafts of templates; what is
    // retired is.
    let service = app.service("agreements:write");
    let unseen = mutate(&service, "agreementDraft", input(register.id("utkast")), "id").await;
    assert_eq!(
        (unseen.code(), &unseen.errors()[0]["message"]),
        ("NOT_FOUND", &json!("there is no such template"))
    );
    assert_eq!(
        mutate(&service, "agreementDraft", input(register.id("gammal")), "id").await.reason(),
        "NO_PUBLISHED_VERSION"
    );
});
