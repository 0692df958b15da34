//! The lifecycle of an agreement: drafted, offered with a number, signed by both parties, given
//! notice or replaced, and the transitions that are rejected.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    lifecycle_fixtures::{
        Register, TODAY, agreed, drafted, mutate, offered, raw, read_agreement, signature, signed,
        sql_id, with,
    },
};

on_both!(an_agreement_lives_from_draft_to_end, |app| async move {
    let register = Register::fill(&app).await;
    let input = json!({
        "templateId": register.id("for-bip"), "counterpartyId": register.id("Förbund 01"), "startsOn": "2026-11-01", "endsOn": "2027-10-31",
        "noticeMonths": 3, "renewalMonths": 12, "parameters": { "days": 7, "place": "Örebro" },
        "decision": { "body": "BOARD", "decidedOn": "2026-10-01", "paragraph": "§ 12" },
    });
    let selection = "id number status kind direction activity { slug } counterparty { ... on Member { name } } templateVersion { version } parameters startsOn endsOn
        noticeMonths renewalMonths fee { basis amount vatRate } decision { body paragraph } offeredAt signedOn document { sha256 } preview { html }";
    let draft =
        mutate(&app.office(), "agreementDraft", input, selection).await["agreementDraft"].clone();
    let id = draft["id"].as_str().unwrap().to_owned();
    assert_eq!(
        with(draft.clone(), json!({ "id": null, "preview": null })),
        json!({
            "id": null, "number": null, "status": "DRAFT", "kind": "PARTICIPATION", "direction": "INCOME", "activity": { "slug": "bip" },
            "counterparty": { "name": "Förbund 01" }, "templateVersion": { "version": 1 }, "parameters": { "days": 7, "place": "Örebro" },
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
    let hostile = json!({ "agreementId": id, "parameters": { "days": 8, "place": "<script>alert(1)</script>" } });
    let after = mutate(&app.office(), "agreementDraftUpdate", hostile, "preview { html }").await;
    assert!(
        !after["agreementDraftUpdate"]["preview"]["html"]
            .as_str()
            .unwrap()
            .contains("<script>alert"),
        "{}",
        after.text()
    );
    let change = json!({ "agreementId": id, "parameters": { "days": 8 }, "noticeMonths": 1 });
    let after = mutate(
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

    let answer = mutate(
        &app.office(),
        "agreementOffer",
        json!({ "agreementId": id }),
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
    let half = mutate(&app.office(), "agreementSign", ours, fields).await["agreementSign"].clone();
    assert_eq!((&half["status"], &half["signedOn"]), (&json!("OFFERED"), &Value::Null));
    let later = app.at("2026-11-25T09:00:00Z");
    let both = mutate(
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
        read_agreement(&last, &id, "nextDeadline { kind deadlineOn daysLeft }").await["nextDeadline"],
        json!({ "kind": "NOTICE", "deadlineOn": "2027-09-30", "daysLeft": 0 })
    );
    let notice = json!({ "agreementId": id, "givenOn": "2027-09-30", "reason": "Vi går vidare" });
    let answer = mutate(
        &last.office(),
        "agreementGiveNotice",
        notice,
        "status endsOn noticeGivenOn terminationReason nextDeadline { kind deadlineOn }",
    )
    .await;
    assert_eq!(
        answer["agreementGiveNotice"],
        json!({ "status": "NOTICE_GIVEN", "endsOn": "2027-10-31", "noticeGivenOn": "2027-09-30", "terminationReason": "Vi går vidare",
            "nextDeadline": { "kind": "END", "deadlineOn": "2027-10-31" } })
    );
    let days = r#"last: status(asOf: "2027-10-31") next: status(asOf: "2027-11-01") auditEntries { nodes { action actor after } }"#;
    let end = read_agreement(&app, &id, days).await;
    assert_eq!((&end["last"], &end["next"]), (&json!("NOTICE_GIVEN"), &json!("ENDED")));
    let mut entries = end["auditEntries"]["nodes"].as_array().unwrap().clone();
    entries.reverse();
    let actions: Vec<_> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
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
    assert_eq!(entries[6]["after"]["signatures"].as_array().unwrap().len(), 2);
    assert_eq!(entries[3]["after"]["document_sha256"], sha256);
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
            mutate(
                &app.office(),
                "agreementGiveNotice",
                json!({ "agreementId": id, "givenOn": "2026-11-01" }),
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
        mutate(
            &app.office(),
            "agreementWithdraw",
            json!({ "agreementId": id, "reason": "Ångrade oss" }),
            "id",
        )
        .await
        .data();
        stages.push(("WITHDRAWN", id, sha256));
    }
    stages
}

/// The result of a mutation (down) on an agreement of a status (across): done, or the reason of the
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
                assert_eq!(read_agreement(&app, &id, "status").await["status"], stage);
                let input = match row[0] {
                    "agreementDraftUpdate" => json!({ "agreementId": id, "noticeMonths": 5 }),
                    "agreementSign" => signature(&app, &id, "NETWORK", &sha256),
                    "agreementGiveNotice" => json!({ "agreementId": id, "givenOn": TODAY }),
                    "agreementReplace" => {
                        json!({ "agreementId": id, "startsOn": "2028-01-01", "fee": null })
                    }
                    _ => json!({ "agreementId": id }),
                };
                let before = app.revision().await;
                let answer = mutate(&app.office(), row[0], input, "id").await;
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
                // What was moved to another status is made again for the next row.
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

on_both!(numbers_have_no_gaps_however_many_are_offered_at_once, |app| async move {
    let register = Register::fill(&app).await;
    // Imported history continues, whatever other numbers there are.
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
            mutate(
                &app.office(),
                "agreementOffer",
                json!({ "agreementId": id }),
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
    // The new year begins in Stockholm, an hour before UTC.
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
