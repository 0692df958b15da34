//! The life of an agreement: drafted, offered with a number, signed by both, given notice or
//! replaced, and what is refused on the way.

use std::collections::BTreeSet;

use axum::{body::Body, http::Method};
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::{Value, json};

use crate::{
    app::{App, on_both},
    life_samples::{
        Register, TODAY, agreed, connection, deed, drafted, offered, raw, signature, signed,
        sql_id, told, with,
    },
};

on_both!(an_agreement_lives_from_draft_to_end, |app| async move {
    let register = Register::fill(&app).await;
    let input = json!({
        "template": register.id("for-bip"), "counterparty": register.id("Förbund 01"), "startsOn": "2026-11-01", "endsOn": "2027-10-31",
        "noticeMonths": 3, "renewalMonths": 12, "parameters": { "days": 7, "place": "Örebro" },
        "decision": { "body": "BOARD", "on": "2026-10-01", "paragraph": "§ 12" },
    });
    let aggregate = "id number status kind direction activity { slug } counterparty { ... on Member { name } } template { version } parameters startsOn endsOn
        noticeMonths renewalMonths fee { basis amount vatRate } decision { body paragraph } offeredAt signedOn document { sha256 } preview { html }";
    let draft =
        deed(&app.office(), "agreementDraft", input, aggregate).await["agreementDraft"].clone();
    let id = draft["id"].as_str().unwrap().to_owned();
    assert_eq!(
        with(draft.clone(), json!({ "id": null, "preview": null })),
        json!({
            "id": null, "number": "UTKAST", "status": "DRAFT", "kind": "PARTICIPATION", "direction": "INCOME", "activity": { "slug": "bip" },
            "counterparty": { "name": "Förbund 01" }, "template": { "version": 1 }, "parameters": { "days": 7, "place": "Örebro" },
            "startsOn": "2026-11-01", "endsOn": "2027-10-31", "noticeMonths": 3, "renewalMonths": 12,
            "fee": { "basis": "FIXED_PER_YEAR", "amount": "15000.00", "vatRate": "STANDARD_25" },
            "decision": { "body": "BOARD", "paragraph": "§ 12" }, "offeredAt": null, "signedOn": null, "document": null, "preview": null,
        })
    );
    let html = draft["preview"]["html"].as_str().unwrap();
    for words in ["UTKAST", "Förbund 01", "Örebro", "den 1 november 2026"] {
        assert!(html.contains(words), "{words} is not in {html}");
    }

    // What is left out of a change stays; a draft may change in everything.
    let hostile = json!({ "agreement": id, "parameters": { "days": 8, "place": "<script>alert(1)</script>" } });
    let after = deed(&app.office(), "agreementDraftUpdate", hostile, "preview { html }").await;
    assert!(
        !after["agreementDraftUpdate"]["preview"]["html"]
            .as_str()
            .unwrap()
            .contains("<script>alert"),
        "{}",
        after.text()
    );
    let change = json!({ "agreement": id, "parameters": { "days": 8 }, "noticeMonths": 1 });
    let after = deed(
        &app.office(),
        "agreementDraftUpdate",
        change,
        "parameters noticeMonths renewalMonths fee { amount } preview { html }",
    )
    .await;
    let after = &after["agreementDraftUpdate"];
    assert_eq!(
        (&after["noticeMonths"], &after["renewalMonths"], &after["fee"]["amount"]),
        (&json!(1), &json!(12), &json!("15000.00"))
    );
    assert!(after["preview"]["html"].as_str().unwrap().contains("Stockholm"), "{after}");

    let answer = deed(
        &app.office(),
        "agreementOffer",
        json!({ "agreement": id }),
        "number status offeredAt document { sha256 html pdfUrl } preview { html }",
    )
    .await;
    let offer = &answer["agreementOffer"];
    assert_eq!(
        (&offer["number"], &offer["status"], &offer["preview"]),
        (&json!("2026-0001"), &json!("OFFERED"), &Value::Null)
    );
    assert_eq!(offer["offeredAt"], "2026-11-21T09:00:00Z");
    let html = offer["document"]["html"].as_str().unwrap();
    assert!(html.contains("2026-0001") && !html.contains("UTKAST"), "{html}");
    let sha256 = offer["document"]["sha256"].as_str().unwrap();

    let fields = "status signedOn signatures { party name title signedOn method documentSha256 }";
    let ours = with(
        signature(&app, &id, "NETWORK", sha256),
        json!({ "title": "Ordförande", "method": "PAPER" }),
    );
    let half = deed(&app.office(), "agreementSign", ours, fields).await["agreementSign"].clone();
    assert_eq!((&half["status"], &half["signedOn"]), (&json!("OFFERED"), &Value::Null));
    let later = app.at("2026-11-25T09:00:00Z");
    let both = deed(
        &later.office(),
        "agreementSign",
        signature(&later, &id, "COUNTERPARTY", sha256),
        fields,
    )
    .await["agreementSign"]
        .clone();
    assert_eq!(
        both,
        json!({
            "status": "ACTIVE", "signedOn": "2026-11-25",
            "signatures": [
                { "party": "NETWORK", "name": "Ada Ås", "title": "Ordförande", "signedOn": "2026-11-21", "method": "PAPER", "documentSha256": sha256 },
                { "party": "COUNTERPARTY", "name": "Ada Ås", "title": null, "signedOn": "2026-11-25", "method": "E_SIGNATURE", "documentSha256": sha256 },
            ],
        })
    );

    // Notice on the last day for it ends the term; a day later it would end the next one.
    let last = app.at("2027-09-30T09:00:00Z");
    assert_eq!(
        told(&last, &id, "nextDeadline { kind on daysLeft }").await["nextDeadline"],
        json!({ "kind": "NOTICE", "on": "2027-09-30", "daysLeft": 0 })
    );
    let notice = json!({ "agreement": id, "givenOn": "2027-09-30", "reason": "Vi går vidare" });
    let answer = deed(
        &last.office(),
        "agreementGiveNotice",
        notice,
        "status endsOn noticeGivenOn terminationReason nextDeadline { kind on }",
    )
    .await;
    assert_eq!(
        answer["agreementGiveNotice"],
        json!({ "status": "NOTICE_GIVEN", "endsOn": "2027-10-31", "noticeGivenOn": "2027-09-30", "terminationReason": "Vi går vidare",
            "nextDeadline": { "kind": "END", "on": "2027-10-31" } })
    );
    let days = r#"last: status(on: "2027-10-31") next: status(on: "2027-11-01") history { action actor after }"#;
    let end = told(&app, &id, days).await;
    assert_eq!((&end["last"], &end["next"]), (&json!("NOTICE_GIVEN"), &json!("ENDED")));
    let actions: Vec<_> = end["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        [
            "agreementDraft",
            "agreementDraftUpdate",
            "agreementDraftUpdate",
            // The offer, and the digest of its text.
            "agreementOffer",
            "agreementOffer",
            "agreementSign",
            "agreementSign",
            "agreementGiveNotice"
        ]
    );
    assert_eq!(end["history"][6]["after"]["signatures"].as_array().unwrap().len(), 2);
    assert_eq!(end["history"][3]["after"]["document_sha256"], sha256);
});

/// An agreement at each stage of its life on the tests' day, each with another member.
async fn of_each_status(app: &App, register: &Register) -> Vec<(&'static str, String, String)> {
    let past = app.at("2025-01-10T09:00:00Z");
    let draft = drafted(app, register.draft(0, "bip", "2026-01-01")).await;
    let offer = drafted(app, register.draft(1, "bip", "2026-01-01")).await;
    let (_, of_offer) = offered(app, &offer).await;
    let mut stages = vec![("DRAFT", draft, "0".repeat(64)), ("OFFERED", offer, of_offer)];
    for (position, (status, starts_on, changes)) in [
        ("SIGNED", "2027-01-01", json!({})),
        ("ACTIVE", "2025-02-01", json!({})),
        ("NOTICE_GIVEN", "2025-02-01", json!({})),
        ("ENDED", "2025-02-01", json!({ "endsOn": "2026-01-31" })),
    ]
    .into_iter()
    .enumerate()
    {
        let id =
            drafted(&past, with(register.draft(position + 2, "bip", starts_on), changes)).await;
        let (_, sha256) = offered(&past, &id).await;
        signed(&past, &id, &sha256).await;
        if status == "NOTICE_GIVEN" {
            deed(
                &app.office(),
                "agreementGiveNotice",
                json!({ "agreement": id, "givenOn": "2026-11-01" }),
                "id",
            )
            .await
            .data();
        }
        stages.push((status, id, sha256));
    }
    for (number, is_offered) in [(6, false), (7, true)] {
        let id = drafted(app, register.draft(number, "bip", "2026-01-01")).await;
        let sha256 = if is_offered { offered(app, &id).await.1 } else { "0".repeat(64) };
        deed(
            &app.office(),
            "agreementWithdraw",
            json!({ "agreement": id, "reason": "Ångrade oss" }),
            "id",
        )
        .await
        .data();
        stages.push(("WITHDRAWN", id, sha256));
    }
    stages
}

/// What comes of a deed (down) on an agreement of a status (across): done, or the reason of the
/// CONFLICT.
const MOVES: &str = "
                     DRAFT        OFFERED          SIGNED           ACTIVE           NOTICE_GIVEN     ENDED            WITHDRAWN
agreementDraftUpdate done         ALREADY_OFFERED  ALREADY_OFFERED  ALREADY_OFFERED  ALREADY_OFFERED  ALREADY_OFFERED  WITHDRAWN
agreementOffer       done         ALREADY_OFFERED  ALREADY_OFFERED  ALREADY_OFFERED  ALREADY_OFFERED  ALREADY_OFFERED  WITHDRAWN
agreementWithdraw    done         done             ALREADY_SIGNED   ALREADY_SIGNED   ALREADY_SIGNED   ALREADY_SIGNED   WITHDRAWN
agreementSign        NOT_OFFERED  done             ALREADY_SIGNED   ALREADY_SIGNED   ALREADY_SIGNED   ALREADY_SIGNED   WITHDRAWN
agreementGiveNotice  NOT_SIGNED   NOT_SIGNED       NOT_STARTED      done             NOTICE_GIVEN     ENDED            WITHDRAWN
agreementReplace     NOT_SIGNED   NOT_SIGNED       done             done             done             ENDED            WITHDRAWN
";

on_both!(every_move_is_made_or_refused_as_the_table_says, |app| async move {
    let register = Register::fill(&app).await;
    let mut lines = MOVES
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let statuses = lines.next().unwrap();
    let mut wrong = Vec::new();
    let mut kept = of_each_status(&app, &register).await;
    let (mut member, mut tried) = (8, 0);
    for row in lines {
        for (status, expected) in statuses.iter().zip(&row[1..]) {
            for kept in &mut kept {
                let (stage, id, sha256) = kept.clone();
                if stage != *status {
                    continue;
                }
                assert_eq!(told(&app, &id, "status").await["status"], stage);
                let input = match row[0] {
                    "agreementDraftUpdate" => json!({ "agreement": id, "noticeMonths": 5 }),
                    "agreementSign" => signature(&app, &id, "NETWORK", &sha256),
                    "agreementGiveNotice" => json!({ "agreement": id, "givenOn": TODAY }),
                    "agreementReplace" => {
                        json!({ "agreement": id, "startsOn": "2028-01-01", "fee": null })
                    }
                    _ => json!({ "agreement": id }),
                };
                let before = app.revision().await;
                let answer = deed(&app.office(), row[0], input, "id").await;
                let came = if answer.errors().is_empty() { "done" } else { answer.reason() };
                let has_changed = app.revision().await != before;
                if came != *expected || has_changed != (came == "done") {
                    wrong.push(format!(
                        "{} of {stage}: {came} and not {expected}, changed: {has_changed}: {}",
                        row[0],
                        answer.text()
                    ));
                }
                tried += 1;
                // What was moved on is made anew for the next row.
                if came == "done" && (stage == "DRAFT" || stage == "OFFERED") {
                    let id =
                        drafted(&app, register.draft(member % 12, "indikatorer", "2026-01-01"))
                            .await;
                    member += 1;
                    let sha256 =
                        if stage == "OFFERED" { offered(&app, &id).await.1 } else { sha256 };
                    *kept = (stage, id, sha256);
                } else if came == "done" && row[0] == "agreementGiveNotice" {
                    let past = app.at("2025-03-01T09:00:00Z");
                    kept.1 = agreed(&past, register.draft(11, "stoppa-valdet", "2025-02-01")).await;
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(tried, 6 * 8);
});

on_both!(a_draft_must_fit_its_kind_and_what_the_activity_lives_on, |app| async move {
    let register = Register::fill(&app).await;
    let base = register.draft(0, "bip", "2026-01-01");
    let (consultant, fee) = (
        register.id("Rådgivarna"),
        json!({ "basis": "ONE_OFF", "amount": "100", "vatRate": "STANDARD_25" }),
    );
    let rate = json!({ "basis": "PER_MILLE_OF_ALLOCATION", "amount": "-1", "vatRate": "EXEMPT" });
    for (changes, fields) in [
        (json!({ "counterparty": consultant }), &["input.counterparty"][..]),
        (json!({ "counterparty": register.id("Förbund borta") }), &["input.counterparty"]),
        (json!({ "counterparty": register.id("bip") }), &["input.counterparty"]),
        (json!({ "activity": null }), &["input.activity"]),
        (json!({ "activity": register.id("avslutad") }), &["input.startsOn"]),
        (json!({ "direction": "COST" }), &["input.direction"]),
        (json!({ "direction": "NONE", "fee": fee }), &["input.fee"]),
        (json!({ "fee": rate }), &["input.fee.amount", "input.fee.perMille"]),
        (
            json!({ "template": register.id("for-bip"), "activity": register.id("indikatorer") }),
            &["input.activity"],
        ),
        (
            json!({ "template": register.id("uppdrag"), "direction": "INCOME" }),
            &["input.direction"],
        ),
        (
            json!({ "template": register.id("samarbete"), "direction": "COST" }),
            &["input.direction"],
        ),
        (json!({ "templateVersion": register.id("uppdrag 1") }), &["input.templateVersion"]),
        (json!({ "activity": register.id("stoppa-valdet"), "fee": fee }), &["input.fee"]),
        (json!({ "activity": register.id("natverk"), "fee": fee }), &["input.fee"]),
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
            deed(&app.office(), "agreementDraft", with(base.clone(), changes.clone()), "id").await;
        assert!(!answer.errors().is_empty(), "{changes} is taken");
        assert_eq!(answer.bad_fields(), fields, "{changes}: {}", answer.text());
        assert_eq!(app.revision().await, before);
    }
    // Where the activity lives on special fees alone and has no price, none is said to be none.
    let mut without = register.draft(0, "indikatorer", "2026-01-01");
    without.as_object_mut().unwrap().remove("fee");
    assert_eq!(
        deed(&app.office(), "agreementDraft", without.clone(), "id").await.bad_fields(),
        ["input.fee"]
    );
    for (changes, direction, fee) in [
        (json!({ "activity": register.id("bip") }), "INCOME", json!({ "amount": "15000.00" })),
        (
            json!({ "activity": register.id("bip"), "startsOn": "2027-01-01" }),
            "INCOME",
            json!({ "amount": "16000.00" }),
        ),
        (json!({ "activity": register.id("bip"), "fee": null }), "NONE", Value::Null),
        (json!({ "activity": register.id("indikatorer"), "fee": null }), "NONE", Value::Null),
        (
            json!({ "activity": register.id("indikatorer"), "fee": fee }),
            "INCOME",
            json!({ "amount": "100.00" }),
        ),
        (json!({ "activity": register.id("stoppa-valdet") }), "NONE", Value::Null),
        (json!({ "activity": register.id("natverk") }), "NONE", Value::Null),
        (
            json!({ "template": register.id("uppdrag"), "activity": register.id("bip"), "counterparty": consultant }),
            "COST",
            Value::Null,
        ),
        (
            json!({ "template": register.id("uppdrag"), "activity": null, "fee": fee }),
            "COST",
            json!({ "amount": "100.00" }),
        ),
        (
            json!({ "template": register.id("samarbete"), "activity": null, "counterparty": consultant }),
            "NONE",
            Value::Null,
        ),
        (
            json!({ "template": register.id("samarbete"), "activity": null, "fee": fee }),
            "INCOME",
            json!({ "amount": "100.00" }),
        ),
    ] {
        let answer = deed(
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
        let input = with(base.clone(), json!({ "template": register.id(template) }));
        assert_eq!(
            deed(&app.office(), "agreementDraft", input.clone(), "id").await.reason(),
            reason
        );
        let named =
            with(input, json!({ "templateVersion": register.id(&format!("{template} 1")) }));
        let reason =
            if template == "utkast" { "TEMPLATE_NOT_PUBLISHED" } else { "TEMPLATE_RETIRED" };
        assert_eq!(deed(&app.office(), "agreementDraft", named, "id").await.reason(), reason);
    }
    let nothing = "template_0197aaaaaaaa7000800000000000000a";
    let input = |template: &str| with(base.clone(), json!({ "template": template }));
    assert_eq!(
        deed(&app.office(), "agreementDraft", input(nothing), "id").await.code(),
        "NOT_FOUND"
    );
    // What was never published is not there for those who don't see drafts of templates; what is
    // retired is.
    let service = app.service("agreements:write");
    let unseen = deed(&service, "agreementDraft", input(register.id("utkast")), "id").await;
    assert_eq!(
        (unseen.code(), &unseen.errors()[0]["message"]),
        ("NOT_FOUND", &json!("there is no such template"))
    );
    assert_eq!(
        deed(&service, "agreementDraft", input(register.id("gammal")), "id").await.reason(),
        "NO_PUBLISHED_VERSION"
    );
});

on_both!(numbers_have_no_gaps_however_many_are_offered_at_once, |app| async move {
    let register = Register::fill(&app).await;
    // Imported history goes on, whatever other numbers there are.
    let history = "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate\n\
        a,2026-0007,COOPERATION,NONE,,m0,,,2026-01-01,,0,,2026-01-01T09:00:00Z,,,,,,\n\
        b,2026-9-gammalt,COOPERATION,NONE,,m0,,,2026-01-01,,0,,2026-01-01T09:00:00Z,,,,,,\n\
        c,2025-0400,COOPERATION,NONE,,m0,,,2026-01-01,,0,,2025-01-01T09:00:00Z,,,,,,\n";
    app.import(&[("agreements.csv", history)]).await;
    let mut drafts = Vec::new();
    for number in 0..32 {
        let activity = ["bip", "indikatorer", "stoppa-valdet"][number / 12];
        drafts.push(drafted(&app, register.draft(number % 12, activity, "2026-01-01")).await);
    }
    // One that can't be set takes no number.
    let broken = drafted(&app, register.draft(11, "stoppa-valdet", "2026-01-01")).await;
    raw(
        &app,
        &format!(
            "UPDATE agreement_parameters SET parameters = '{{}}' WHERE agreement_id = {}",
            sql_id(&app, &broken)
        ),
    )
    .await
    .unwrap();
    let app = app.with(&[("SAMREGISTER_MAX_CONCURRENT", "100")]);
    let offers = drafts.iter().chain([&broken]).map(|id| {
        let (app, id) = (app.clone(), id.clone());
        tokio::spawn(async move {
            deed(
                &app.office(),
                "agreementOffer",
                json!({ "agreement": id }),
                "number document { html sha256 }",
            )
            .await
        })
    });
    let answers: Vec<_> = join_all(offers).await.into_iter().map(Result::unwrap).collect();
    let (failed, made) = answers.split_last().unwrap();
    assert_eq!(failed.bad_fields(), ["agreement.parameters.days"]);
    let numbers: BTreeSet<String> = made
        .iter()
        .map(|answer| answer["agreementOffer"]["number"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(numbers, (8..40).map(|serial| format!("2026-{serial:04}")).collect());
    for answer in made {
        let (offer, number) =
            (&answer["agreementOffer"], answer["agreementOffer"]["number"].as_str().unwrap());
        assert!(offer["document"]["html"].as_str().unwrap().contains(number), "{offer}");
    }
    assert_eq!(
        offered(&app, &drafted(&app, register.draft(10, "natverk", "2026-01-01")).await).await.0,
        "2026-0040"
    );
    // The year turns in Stockholm, an hour before UTC.
    let eve = app.at("2026-12-31T22:59:59Z");
    assert_eq!(
        offered(&eve, &drafted(&eve, register.draft(9, "natverk", "2026-01-01")).await).await.0,
        "2026-0041"
    );
    let new_year = app.at("2026-12-31T23:00:00Z");
    assert_eq!(
        offered(&new_year, &drafted(&new_year, register.draft(8, "natverk", "2026-01-01")).await)
            .await
            .0,
        "2027-0001"
    );
});

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
            deed(&app.office(), "agreementSign", with(ours.clone(), changes), "id")
                .await
                .bad_fields(),
            fields
        );
    }
    let other = with(ours.clone(), json!({ "documentSha256": "0".repeat(64) }));
    assert_eq!(
        deed(&app.office(), "agreementSign", other, "id").await.reason(),
        "DOCUMENT_DIFFERS"
    );

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("samregister.toml");
    std::fs::write(&file, "[[network.signatories]]\nname = 'Ada Ås'\ntitle = 'Ordförande'\nto = 2026-11-20\n[[network.signatories]]\nname = 'Bo Ek'\ntitle = 'Kanslichef'\n").unwrap();
    let strict = app.with_file(&file);
    let refused = deed(&strict.office(), "agreementSign", ours.clone(), "id").await;
    assert_eq!(refused.reason(), "NOT_SIGNATORY");
    assert_eq!(
        refused.error()["message"],
        "Ada Ås may sign for the network to 2026-11-20, not on 2026-11-21"
    );
    let stranger = with(ours.clone(), json!({ "name": "Cia Dal" }));
    assert_eq!(
        deed(&strict.office(), "agreementSign", stranger, "id").await.reason(),
        "NOT_SIGNATORY"
    );
    let before = told(&app, &id, "signatures { name }").await;
    assert_eq!(before["signatures"], json!([]));
    let good =
        with(ours.clone(), json!({ "name": "bo ek", "documentSha256": sha256.to_uppercase() }));
    let answer = deed(&strict.office(), "agreementSign", good, "signatures { name title }").await;
    assert_eq!(
        answer["agreementSign"]["signatures"],
        json!([{ "name": "bo ek", "title": "Kanslichef" }])
    );
    // A side signs once, and the other one may be anybody.
    assert_eq!(
        deed(&strict.office(), "agreementSign", ours, "id").await.reason(),
        "ALREADY_SIGNED"
    );
    let theirs = with(signature(&app, &id, "COUNTERPARTY", &sha256), json!({ "name": "Cia Dal" }));
    assert_eq!(
        deed(&strict.office(), "agreementSign", theirs, "status").await["agreementSign"]["status"],
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
    assert_eq!(deed(&app.office(), "agreementSign", input, "id").await.reason(), "NO_DOCUMENT");
});

on_both!(two_that_are_signed_at_the_same_moment_never_hold_both, |app| async move {
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
        deed(&app.office(), "agreementSign", signature(&app, &id, "NETWORK", &sha256), "id")
            .await
            .data();
        offers.push((id, sha256));
    }
    let signing = offers.iter().map(|(id, sha256)| {
        let (app, input) = (app.clone(), signature(&app, id, "COUNTERPARTY", sha256));
        tokio::spawn(async move { deed(&app.office(), "agreementSign", input, "id").await })
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
    assert_eq!(
        deed(&app.office(), "agreementOffer", json!({ "agreement": fourth }), "id").await.reason(),
        "OVERLAPS"
    );
    assert_eq!(told(&app, &fourth, "number").await["number"], "UTKAST");

    // The database holds it by itself, without the register's turn to write.
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
async fn postgres_holds_two_transactions_against_each_other() {
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

on_both!(what_was_offered_never_changes_in_the_database_either, |app| async move {
    let register = Register::fill(&app).await;
    let offer = drafted(&app, register.draft(0, "bip", "2026-01-01")).await;
    offered(&app, &offer).await;
    let active = agreed(&app, register.draft(1, "bip", "2026-01-01")).await;
    let (offer, active) = (sql_id(&app, &offer), sql_id(&app, &active));
    for (statement, rule) in [
        (
            format!("UPDATE agreement_document SET html = 'x' WHERE agreement_id = {offer}"),
            "agreement_document__kept",
        ),
        (
            format!("DELETE FROM agreement_document WHERE agreement_id = {offer}"),
            "agreement_document__kept",
        ),
        (
            format!("UPDATE agreement_signature SET name = 'x' WHERE agreement_id = {active}"),
            "agreement_signature__kept",
        ),
        (
            format!("DELETE FROM agreement_signature WHERE agreement_id = {active}"),
            "agreement_signature__kept",
        ),
        (
            format!(
                "UPDATE agreement_parameters SET parameters = '{{}}' WHERE agreement_id = {offer}"
            ),
            "agreement_parameters__frozen",
        ),
        (
            format!("DELETE FROM agreement_parameters WHERE agreement_id = {offer}"),
            "agreement_parameters__frozen",
        ),
        (format!("DELETE FROM agreement WHERE id = {offer}"), "agreement__kept"),
        (
            format!("UPDATE agreement SET starts_on = '2025-01-01' WHERE id = {offer}"),
            "agreement__frozen",
        ),
        (
            format!("UPDATE agreement SET ends_on = '2030-01-01' WHERE id = {offer}"),
            "agreement__frozen",
        ),
        (
            format!("UPDATE agreement SET notice_months = 99 WHERE id = {offer}"),
            "agreement__frozen",
        ),
        (
            format!("UPDATE agreement SET number = '2026-9999' WHERE id = {offer}"),
            "agreement__frozen",
        ),
        (
            format!("UPDATE agreement SET template_version_id = NULL WHERE id = {offer}"),
            "agreement__frozen",
        ),
        (
            format!("UPDATE agreement SET direction = 'INCOME' WHERE id = {offer}"),
            "agreement__frozen",
        ),
        (
            format!(
                "UPDATE agreement SET fee_basis = 'ONE_OFF', fee_amount = 1, vat_rate = 'ZERO' WHERE id = {offer}"
            ),
            "agreement__frozen",
        ),
        (
            format!("UPDATE agreement SET signed_on = '2026-01-01' WHERE id = {active}"),
            "agreement__frozen",
        ),
        (format!("UPDATE agreement SET signed_on = NULL WHERE id = {active}"), "agreement__frozen"),
        (
            format!("UPDATE agreement SET replaces_id = {active} WHERE id = {offer}"),
            "agreement__frozen",
        ),
    ] {
        let refused =
            raw(&app, &statement).await.err().unwrap_or_else(|| panic!("{statement} is taken"));
        assert!(refused.to_string().contains(rule), "{statement}: {refused}");
    }
    // Nor in the ways around an UPDATE or a DELETE that each database has.
    let around = if app.db.backend() == sea_orm::DbBackend::Sqlite {
        ["agreement_document", "agreement_signature"]
            .map(|table| format!("INSERT OR REPLACE INTO {table} SELECT * FROM {table}"))
    } else {
        ["agreement_document", "agreement_signature"].map(|table| format!("TRUNCATE {table}"))
    };
    for statement in around {
        assert!(raw(&app, &statement).await.is_err(), "{statement} is taken");
    }
    if app.db.backend() != sea_orm::DbBackend::Sqlite {
        return;
    }
    // A draft, or a new row, that takes the place of what was offered.
    let draft = sql_id(&app, &drafted(&app, register.draft(2, "bip", "2026-01-01")).await);
    let before = app
        .office()
        .query(
            "{ agreements(first: 50) { nodes { id number status startsOn document { sha256 } } } }",
        )
        .await
        .text();
    let columns = "number_key, kind, direction, activity_id, member_id, starts_on, ends_on, notice_months, offered_at";
    let copy = |id: &str, number: &str, key: &str| {
        format!(
            "INSERT OR REPLACE INTO agreement (id, number, import_key, {columns}) \
             SELECT {id}, {number}, {key}, {columns} FROM agreement WHERE id = {offer}"
        )
    };
    raw(&app, &format!("UPDATE agreement SET import_key = 'k' WHERE id = {offer}")).await.unwrap();
    let other = "x'0197aaaaaaaa7000800000000000000a'";
    for (statement, rule) in [
        ("INSERT OR REPLACE INTO agreement SELECT * FROM agreement".to_owned(), "agreement__kept"),
        (copy(&offer, "number", "NULL"), "agreement__kept"),
        (copy(other, "number", "NULL"), "agreement__number"),
        (copy(other, "'2026-9999'", "import_key"), "agreement__import_key"),
        (
            format!("UPDATE OR REPLACE agreement SET id = {offer} WHERE id = {draft}"),
            "agreement__kept",
        ),
        (
            format!("UPDATE OR REPLACE agreement SET import_key = 'k' WHERE id = {draft}"),
            "agreement__import_key",
        ),
        (
            format!(
                "UPDATE OR REPLACE agreement SET number = (SELECT number FROM agreement WHERE id = {offer}), offered_at = 'x' WHERE id = {draft}"
            ),
            "agreement__number",
        ),
    ] {
        let refused =
            raw(&app, &statement).await.err().unwrap_or_else(|| panic!("{statement} is taken"));
        assert!(refused.to_string().contains(rule), "{statement}: {refused}");
    }
    assert_eq!(
        app.office().query("{ agreements(first: 50) { nodes { id number status startsOn document { sha256 } } } }").await.text(),
        before
    );
});

on_both!(an_import_changes_nothing_that_was_offered_here, |app| async move {
    let register = Register::fill(&app).await;
    let id = agreed(&app, register.draft(0, "bip", "2026-01-01")).await;
    let key = id.rsplit_once('_').unwrap().1;
    let header = "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate,parameters\n";
    let row = |starts_on: &str, notice: &str, ends: &str, days: u8| {
        format!(
            "{key},2026-0001,PARTICIPATION,NONE,bip,m0,deltagande,1,{starts_on},{ends},3,,2026-11-21T09:00:00Z,2026-11-21,{notice},,,,,\"{{\"\"days\"\":{days}}}\"\n"
        )
    };
    let import = async |rows: String| {
        app.try_import(&[("agreements.csv", &format!("{header}{rows}"))]).await
    };
    assert_eq!(import(row("2026-01-01", "", "", 10)).await.unwrap().files[0].unchanged, 1);
    let bad = import(row("2026-02-01", "", "2027-01-01", 11)).await.unwrap_err().to_string();
    for column in ["starts_on", "ends_on", "parameters"] {
        let words = format!(
            "agreements.csv:2: {column}: must stay as it is: the agreement was offered, and its document is stored"
        );
        assert!(bad.contains(&words), "{words} is not in {bad}");
    }
    // Another one beside it is a bad row, with its line.
    let beside = "ny,2026-0002,PARTICIPATION,NONE,bip,m0,,,2027-01-01,,3,,2026-11-21T09:00:00Z,2026-11-21,,,,,,\n";
    let bad =
        import(format!("{}{beside}", row("2026-01-01", "", "", 10))).await.unwrap_err().to_string();
    assert!(
        bad.contains("agreements.csv:3: starts_on: is in force together with 2026-0001"),
        "{bad}"
    );
    // Notice makes room for it, in the same file.
    let report = import(format!("{}{beside}", row("2026-01-01", "2026-11-21", "2026-12-31", 10)))
        .await
        .unwrap();
    assert_eq!((report.files[0].changed, report.files[0].added), (1, 1));
});

on_both!(the_pdf_is_served_as_it_was_frozen_to_those_who_see_the_agreement, |app| async move {
    let register = Register::fill(&app).await;
    let id = drafted(&app, register.draft(0, "bip", "2026-01-01")).await;
    let path = format!("/files/agreements/{id}.pdf");
    // A draft is shown as it would be offered, to those who see drafts.
    let draft = app.office().get(&path).await;
    assert_eq!((draft.status.as_u16(), draft.header("content-type")), (200, "application/pdf"));
    assert_eq!(draft.header("content-disposition"), "inline; filename=\"UTKAST.pdf\"");
    assert_eq!(
        draft.header("etag"),
        format!(
            "\"{}\"",
            told(&app, &id, "preview { sha256 }").await["preview"]["sha256"].as_str().unwrap()
        )
    );
    assert_eq!(app.member(register.id("Förbund 00")).get(&path).await.status, 404);

    let (number, sha256) = offered(&app, &id).await;
    assert_eq!(told(&app, &id, "document { pdfUrl }").await["document"]["pdfUrl"], path.as_str());
    let served = app.office().get(&path).await;
    assert!(served.bytes.starts_with(b"%PDF-"));
    let digest: String = <sha2::Sha256 as sha2::Digest>::digest(&served.bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(digest, sha256);
    assert_eq!(
        (served.header("etag"), served.header("cache-control")),
        (format!("\"{sha256}\"").as_str(), "private, no-cache")
    );
    assert_eq!(served.header("content-disposition"), format!("inline; filename=\"{number}.pdf\""));
    // What changes around it does not change it.
    let changes = json!({ "member": register.id("Förbund 00"), "name": "Nytt namn" });
    deed(&app.office(), "memberUpdate", changes, "id").await.data();
    let later = app.at("2030-01-01T09:00:00Z");
    assert_eq!(later.office().get(&path).await.bytes, served.bytes);
    let request = app
        .office()
        .request(Method::GET, &path)
        .header("if-none-match", format!("\"{sha256}\""))
        .body(Body::empty())
        .unwrap();
    let known = app.send(request).await;
    assert_eq!(
        (known.status.as_u16(), known.bytes.len(), known.header("etag")),
        (304, 0, served.header("etag"))
    );

    for (caller, status) in [
        (app.finance(), 200),
        (app.board(), 200),
        (app.auditor(), 200),
        (app.lead(&["bip"]), 200),
        (app.lead(&["indikatorer"]), 404),
        (app.member(register.id("Förbund 00")), 200),
        (app.member(register.id("Förbund 01")), 404),
        (app.service("agreements:read"), 200),
        (app.service("agreements:write"), 200),
        (app.service("members:read"), 404),
        (app.no_one(), 401),
    ] {
        assert_eq!(caller.get(&path).await.status, status);
    }
    for path in [
        format!("/files/agreements/{id}"),
        format!("/files/agreements/{}.pdf", register.id("Förbund 00")),
        "/files/agreements/x.pdf".into(),
    ] {
        assert_eq!(app.office().get(&path).await.status, 404, "{path}");
    }
});
