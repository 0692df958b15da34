//! Members that leave, alone or into another one, and the end of their agreements; today is
//! 2026-11-21.

use serde_json::{Value, json};

use super::admission::admit;
use crate::support::{
    app::{App, on_both},
    caller::Answer,
};

const MEMBERS: &str = "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city\n\
    ale,Ale,,,,,2015-01-01,,,,,,,\n\
    bo,Bo,,,,,2015-01-01,,,,,,,\n\
    cea,Cea,,,,,2016-01-01,,,,,,,\n\
    dal,Dal,,,,,2016-01-01,,,,,,,\n";

/// Ale's are in force, under notice, signed for later, until a day, prolonged by themselves, over,
/// drafted and offered; Bo's was signed long after it joined.
const AGREEMENTS: &str = "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate\n\
    a1,2026-0001,PARTICIPATION,INCOME,bip,ale,,,2026-01-01,,0,,2025-12-01T09:00:00Z,2025-12-02,,,,,\n\
    a2,2026-0002,PARTICIPATION,INCOME,jgl,ale,,,2025-01-01,2026-12-31,3,12,2024-12-01T09:00:00Z,2024-12-02,2026-09-01,,,,\n\
    a3,2026-0003,PARTICIPATION,INCOME,sia,ale,,,2027-01-01,,0,,2026-11-01T09:00:00Z,2026-11-02,,,,,\n\
    a4,2026-0004,ASSIGNMENT,COST,,ale,,,2026-01-01,2027-06-30,0,,2025-12-01T09:00:00Z,2025-12-02,,,,,\n\
    a5,2026-0005,COOPERATION,NONE,,ale,,,2024-01-01,2024-12-31,3,12,2023-12-01T09:00:00Z,2023-12-02,,,,,\n\
    a6,2026-0006,PARTICIPATION,INCOME,sia,ale,,,2024-01-01,2025-12-31,0,,2023-12-01T09:00:00Z,2023-12-02,,,,,\n\
    a7,,PARTICIPATION,INCOME,bip,ale,,,2028-01-01,,0,,,,,,,,\n\
    a8,2026-0008,PARTICIPATION,INCOME,bip,ale,,,2028-01-01,,0,,2026-11-01T09:00:00Z,,,,,,\n\
    b1,2026-0009,PARTICIPATION,INCOME,bip,bo,,,2026-06-01,,0,,2026-05-01T09:00:00Z,2026-05-02,,,,,\n";

/// The ids of Ale, Bo, Cea and Dal.
async fn fill(app: &App) -> [String; 4] {
    let activities = "key,slug,name,purpose,goal,funding,starts_on,ends_on\nbip,bip,BIP,,,SPECIAL_FEE,2020-01-01,\njgl,jgl,JGL,,,SPECIAL_FEE,2020-01-01,\nsia,sia,SIA,,,SPECIAL_FEE,2020-01-01,\n";
    app.import(&[
        ("members.csv", MEMBERS),
        ("activities.csv", activities),
        ("agreements.csv", AGREEMENTS),
    ])
    .await;
    let answer = app.office().query("{ members { nodes { id } } }").await;
    let ids: Vec<_> = answer["members"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["id"].as_str().unwrap().to_owned())
        .collect();
    ids.try_into().unwrap()
}

async fn leave(app: &App, member: &str, left_on: &str, end_agreements: bool) -> Answer {
    let input = json!({ "memberId": member, "leftOn": left_on, "reason": " Slås ihop ", "endAgreements": end_agreements });
    app.office().does("memberLeave", "name leftOn leavingReason status", input).await
}

async fn merge(
    app: &App,
    into: &str,
    from: &[&str],
    left_on: &str,
    end_agreements: bool,
) -> Answer {
    let input = json!({ "intoId": into, "fromIds": from, "leftOn": left_on, "reason": "Kommunerna går ihop", "endAgreements": end_agreements });
    app.office()
        .does(
            "memberMerge",
            "name leftOn status predecessors { name leftOn leavingReason successor { name } }",
            input,
        )
        .await
}

on_both!(a_member_leaves_on_its_last_day, |app| async move {
    let [_, _, cea, _] = fill(&app).await;
    let before = app.revision().await;
    assert_eq!(leave(&app, &cea, "2015-12-31", false).await.bad_fields(), ["input.leftOn"]);
    let bad = json!({ "memberId": cea, "leftOn": "2026-02-30", "reason": "x".repeat(301) });
    assert_eq!(
        app.office().does("memberLeave", "id", bad).await.bad_fields(),
        ["input.leftOn", "input.reason"]
    );
    assert_eq!(app.revision().await, before);

    let left = leave(&app, &cea, "2026-12-31", false).await;
    let expected = json!({ "name": "Cea", "leftOn": "2026-12-31", "leavingReason": "Slås ihop", "status": "ACTIVE" });
    assert_eq!(left["memberLeave"], expected);
    let trail = app.trail(before).await;
    let (entry, none) = (&trail[0], Value::Null);
    assert_eq!(
        (trail.len(), &entry["action"], &entry["subject"]["id"]),
        (1, &json!("memberLeave"), &json!(cea))
    );
    assert_eq!((&entry["before"]["left_on"], &entry["before"]["leaving_reason"]), (&none, &none));
    assert_eq!(
        (&entry["after"]["left_on"], &entry["after"]["leaving_reason"]),
        (&json!("2026-12-31"), &json!("Slås ihop"))
    );
    assert_eq!((&entry["after"]["successor_id"], &entry["after"]["name"]), (&none, &json!("Cea")));

    // Its last day lies ahead: it has not left yet.
    let refused = leave(&app, &cea, "2027-12-31", true).await;
    let words = "Cea is a member until 2026-12-31; reinstate the member to choose another day";
    assert_eq!((refused.reason(), &refused.error()["message"]), ("LEAVING", &json!(words)));
    let later = app.at("2027-01-01T09:00:00Z");
    let refused = leave(&later, &cea, "2027-12-31", true).await;
    assert_eq!(
        (refused.reason(), &refused.error()["message"]),
        ("ALREADY_LEFT", &json!("Cea left on 2026-12-31"))
    );
    assert_eq!(app.revision().await, before + 1);
});

on_both!(a_membership_lasts_from_its_first_day_to_its_last, |app| async move {
    let id = admit(&app, "Ale", "2026-11-22").await;
    leave(&app, &id, "2026-12-31", false).await.data();
    // Days are Sweden's, an hour before UTC's.
    for (now, status) in [
        ("2026-11-21T22:59:59.999999Z", "UPCOMING"),
        ("2026-11-21T23:00:00Z", "ACTIVE"),
        ("2026-12-31T22:59:59.999999Z", "ACTIVE"),
        ("2026-12-31T23:00:00Z", "LEFT"),
    ] {
        let app = app.at(now);
        assert_eq!(
            app.office().query("{ members { nodes { status } } }").await["members"]["nodes"],
            json!([{ "status": status }])
        );
        for asked in ["UPCOMING", "ACTIVE", "LEFT"] {
            let found = app
                .office()
                .query(&format!("{{ members(filter: {{ status: {asked} }}) {{ totalCount }} }}"))
                .await;
            assert_eq!(
                found["members"]["totalCount"],
                i32::from(asked == status),
                "{asked} at {now}"
            );
        }
    }
    for (on, status) in [
        ("2026-11-21", "UPCOMING"),
        ("2026-11-22", "ACTIVE"),
        ("2026-12-31", "ACTIVE"),
        ("2027-01-01", "LEFT"),
    ] {
        for asked in ["UPCOMING", "ACTIVE", "LEFT"] {
            let found = app
                .office()
                .query(&format!(
                    "{{ members(filter: {{ status: {asked}, asOf: \"{on}\" }}) {{ totalCount }} }}"
                ))
                .await;
            assert_eq!(
                found["members"]["totalCount"],
                i32::from(asked == status),
                "{asked} on {on}"
            );
        }
    }
    // One day is enough.
    let id = admit(&app, "Bo", "2026-11-21").await;
    assert_eq!(leave(&app, &id, "2026-11-21", false).await["memberLeave"]["status"], "ACTIVE");
});

on_both!(a_member_with_agreements_in_force_does_not_leave, |app| async move {
    let [ale, bo, ..] = fill(&app).await;
    let before = app.revision().await;
    for (on, numbers) in [
        ("2026-12-30", "2026-0001, 2026-0002, 2026-0003, 2026-0004, 2026-0005"),
        // The second ends on that very day. Drafts and offers bind no one.
        ("2026-12-31", "2026-0001, 2026-0003, 2026-0004, 2026-0005"),
        ("2027-06-29", "2026-0001, 2026-0003, 2026-0004, 2026-0005"),
        ("2027-06-30", "2026-0001, 2026-0003, 2026-0005"),
        // As of a day in the past, what was signed since counts too.
        ("2025-11-30", "2026-0001, 2026-0002, 2026-0003, 2026-0004, 2026-0005, 2026-0006"),
    ] {
        let refused = leave(&app, &ale, on, false).await;
        assert_eq!(refused.reason(), "AGREEMENTS_IN_FORCE", "{on}");
        let message = format!(
            "Ale has agreements in force after {on}: {numbers}; end them first, or end them with the membership"
        );
        assert_eq!(refused.error()["message"], message, "{on}");
    }
    let refused = leave(&app, &bo, "2020-12-31", false).await;
    assert_eq!(refused.reason(), "AGREEMENTS_IN_FORCE");
    // The input says nothing of ending them: they stay.
    let silent = app
        .office()
        .does("memberLeave", "id", json!({ "memberId": ale, "leftOn": "2027-03-31" }))
        .await;
    assert_eq!(silent.reason(), "AGREEMENTS_IN_FORCE");
    assert_eq!(app.revision().await, before);
    let still = app.office().query("{ members { nodes { leftOn } } agreements(filter: { status: [ACTIVE] }) { totalCount } }").await;
    assert_eq!(
        still["members"]["nodes"],
        json!([{ "leftOn": null }, { "leftOn": null }, { "leftOn": null }, { "leftOn": null }])
    );
    assert_eq!(still["agreements"]["totalCount"], 4);
});

on_both!(agreements_end_with_the_membership_on_request, |app| async move {
    let [ale, ..] = fill(&app).await;
    let selection = "nodes { number endsOn noticeGivenOn terminationReason status after: status(asOf: \"2027-04-01\") nextDeadline { kind deadlineOn } }";
    let before = app.revision().await;
    let left = leave(&app, &ale, "2027-03-31", true).await;
    assert_eq!(left["memberLeave"]["leftOn"], "2027-03-31");
    let answer = app
        .office()
        .query(&format!("{{ agreements(filter: {{ search: \"Ale\" }}) {{ {selection} }} }}"))
        .await;
    let ended = |number: &str, status: &str| {
        json!({ "number": number, "endsOn": "2027-03-31", "noticeGivenOn": "2026-11-21", "terminationReason": "Slås ihop", "status": status,
            "after": "ENDED", "nextDeadline": { "kind": "END", "deadlineOn": "2027-03-31" } })
    };
    let as_it_was = |number: &str, ends_on: &str, notice: Value, status: &str, deadline: Value| json!({ "number": number, "endsOn": ends_on, "noticeGivenOn": notice, "terminationReason": null, "status": status, "after": "ENDED", "nextDeadline": deadline });
    let nodes = answer["agreements"]["nodes"].as_array().unwrap();
    let of = |number: &str| nodes.iter().find(|node| node["number"] == number).unwrap();
    for (number, status) in [
        ("2026-0001", "NOTICE_GIVEN"),
        ("2026-0003", "SIGNED"),
        ("2026-0004", "NOTICE_GIVEN"),
        ("2026-0005", "NOTICE_GIVEN"),
    ] {
        assert_eq!(of(number), &ended(number, status));
    }
    let deadline = json!({ "kind": "END", "deadlineOn": "2026-12-31" });
    assert_eq!(
        of("2026-0002"),
        &as_it_was("2026-0002", "2026-12-31", json!("2026-09-01"), "NOTICE_GIVEN", deadline)
    );
    assert_eq!(
        of("2026-0006"),
        &as_it_was("2026-0006", "2025-12-31", Value::Null, "ENDED", Value::Null)
    );
    for (number, status) in [(Value::Null, "DRAFT"), (json!("2026-0008"), "OFFERED")] {
        let node = nodes.iter().find(|node| node["number"] == number).unwrap();
        assert_eq!((&node["endsOn"], &node["status"]), (&Value::Null, &json!(status)));
    }

    // Each has its own entry, of the same mutation; the member's is the last.
    let trail = app.trail(before).await;
    let reported: Vec<_> = trail
        .iter()
        .map(|entry| {
            let (was, is) = (&entry["before"], &entry["after"]);
            assert_eq!(
                (&entry["action"], &entry["actor"]),
                (&json!("memberLeave"), &json!("office@example.se"))
            );
            json!([
                entry["subject"]["__typename"],
                was["number"],
                was["ends_on"],
                is["ends_on"],
                was["left_on"],
                is["left_on"]
            ])
        })
        .collect();
    assert_eq!(
        reported,
        [
            json!(["Agreement", "2026-0001", null, "2027-03-31", null, null]),
            json!(["Agreement", "2026-0003", null, "2027-03-31", null, null]),
            json!(["Agreement", "2026-0004", "2027-06-30", "2027-03-31", null, null]),
            json!(["Agreement", "2026-0005", "2024-12-31", "2027-03-31", null, null]),
            json!(["Member", null, null, null, null, "2027-03-31"]),
        ]
    );
    // Nothing is in force any more, so that nothing expires after it.
    let expiring = app
        .office()
        .query(
            "{ expiringAgreements(asOf: \"2027-04-01\", withinDays: 3000) { nodes { number } } }",
        )
        .await;
    assert_eq!(expiring["expiringAgreements"]["nodes"], json!([]));
});

on_both!(what_would_begin_after_the_membership_is_withdrawn_with_it, |app| async move {
    let [ale, bo, ..] = fill(&app).await;
    leave(&app, &ale, "2026-12-31", true).await.data();
    leave(&app, &bo, "2020-12-31", true).await.data();
    let asked = |number: &str| {
        format!(
            "{{ agreement(by: {{ number: \"{number}\" }}) {{ startsOn endsOn noticeGivenOn terminationReason signedOn status before: status(asOf: \"2026-11-20\") nextDeadline {{ deadlineOn }} }} }}"
        )
    };
    let withdrawn = |starts_on: &str, signed_on: &str, before: &str| json!({ "startsOn": starts_on, "endsOn": null, "noticeGivenOn": null, "terminationReason": "Slås ihop", "signedOn": signed_on, "status": "WITHDRAWN", "before": before, "nextDeadline": null });
    // It stays what it was until the day on which that was decided.
    let answer = app.office().query(&asked("2026-0003")).await;
    assert_eq!(answer["agreement"], withdrawn("2027-01-01", "2026-11-02", "SIGNED"));
    // One that began after a membership which is said to have ended long ago was never in force.
    let answer = app.office().query(&asked("2026-0009")).await;
    assert_eq!(answer["agreement"], withdrawn("2026-06-01", "2026-05-02", "WITHDRAWN"));
});

on_both!(without_a_reason_agreements_say_that_the_membership_ended, |app| async move {
    let [_, bo, ..] = fill(&app).await;
    let input = json!({ "memberId": bo, "leftOn": "2026-06-30", "endAgreements": true });
    let selection =
        "leavingReason status agreements { nodes { terminationReason noticeGivenOn status } }";
    let left = app.office().does("memberLeave", selection, input).await;
    let agreement = json!({ "terminationReason": "membership ended", "noticeGivenOn": "2026-06-30", "status": "ENDED" });
    let expected =
        json!({ "leavingReason": null, "status": "LEFT", "agreements": { "nodes": [agreement] } });
    assert_eq!(left["memberLeave"], expected);
});

on_both!(members_merge_into_a_new_one, |app| async move {
    let [ale, bo, cea, dal] = fill(&app).await;
    let new = admit(&app, "Nya", "2027-01-01").await;
    let before = app.revision().await;
    let merged = merge(&app, &new, &[&dal, &cea], "2026-12-31", false).await;
    let old = |name: &str| json!({ "name": name, "leftOn": "2026-12-31", "leavingReason": "Kommunerna går ihop", "successor": { "name": "Nya" } });
    assert_eq!(
        merged["memberMerge"],
        json!({ "name": "Nya", "leftOn": null, "status": "UPCOMING", "predecessors": [old("Cea"), old("Dal")] })
    );
    let trail = app.trail(before).await;
    let uuid = |id: &str| json!(id.strip_prefix("member_").unwrap().parse::<uuid::Uuid>().unwrap());
    let reported: Vec<_> = trail
        .iter()
        .map(|entry| {
            assert_eq!(entry["action"], "memberMerge");
            json!([
                entry["before"]["name"],
                entry["after"]["name"],
                entry["after"]["left_on"],
                entry["after"]["successor_id"],
                entry["before"]["predecessors"],
                entry["after"]["predecessors"]
            ])
        })
        .collect();
    assert_eq!(
        reported,
        [
            json!(["Dal", "Dal", "2026-12-31", uuid(&new), null, null]),
            json!(["Cea", "Cea", "2026-12-31", uuid(&new), null, null]),
            // The successor's own row stays as it was.
            json!([null, null, null, null, [], [uuid(&cea), uuid(&dal)]]),
        ]
    );

    // One of the others is taken over later, with what it has in force; it is refused whole before.
    let before = app.revision().await;
    for from in [vec![bo.as_str()], vec![bo.as_str(), ale.as_str()]] {
        let refused = merge(&app, &new, &from, "2027-06-30", false).await;
        let expected = "Bo has agreements in force after 2027-06-30: 2026-0009; end them first, or end them with the membership";
        assert_eq!(
            (refused.reason(), &refused.error()["message"]),
            ("AGREEMENTS_IN_FORCE", &json!(expected))
        );
        assert_eq!(refused.error()["extensions"]["agreements"], json!(["2026-0009"]));
    }
    assert_eq!(app.revision().await, before);
    let taken_over = merge(&app, &new, &[&bo], "2027-06-30", true).await;
    let names: Vec<_> = taken_over["memberMerge"]["predecessors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| &member["name"])
        .collect();
    assert_eq!(names, ["Bo", "Cea", "Dal"]);
    let ended = app
        .office()
        .query("{ agreement(by: { number: \"2026-0009\" }) { endsOn terminationReason counterparty { ... on Member { name } } } }")
        .await;
    let expected = json!({ "endsOn": "2027-06-30", "terminationReason": "Kommunerna går ihop", "counterparty": { "name": "Bo" } });
    assert_eq!(ended["agreement"], expected);
    let trail = app.trail(before).await;
    let subjects: Vec<_> =
        trail.iter().map(|entry| entry["subject"]["__typename"].as_str().unwrap()).collect();
    assert_eq!(subjects, ["Agreement", "Member", "Member"]);
    assert_eq!(
        (&trail[2]["before"]["predecessors"], trail[2]["after"]["predecessors"][0].clone()),
        (&json!([uuid(&cea), uuid(&dal)]), uuid(&bo))
    );
    // Until they have left they are members of their own, whose affairs are none of the
    // successor's.
    let own = app.member(&new).query("{ members { nodes { name predecessors { name } } } }").await;
    assert_eq!(own["members"]["nodes"], json!([{ "name": "Nya", "predecessors": [] }]));
    let later = app.at("2027-01-01T09:00:00Z");
    let own = later
        .member(&new)
        .query(
            "{ member(by: { id: \"NEW\" }) { predecessors { name } } }"
                .replace("NEW", &new)
                .as_str(),
        )
        .await;
    assert_eq!(own["member"]["predecessors"], json!([{ "name": "Cea" }, { "name": "Dal" }]));
});

on_both!(no_member_merges_into_itself, |app| async move {
    let [ale, bo, cea, dal] = fill(&app).await;
    let nothing = "member_0197aaaaaaaa7000800000000000000a";
    merge(&app, &cea, &[&dal], "2020-12-31", false).await.data();
    let before = app.revision().await;
    for (into, from, left_on, fields) in [
        (&cea, vec![], "2026-12-31", vec!["input.fromIds"]),
        (&cea, vec![cea.as_str()], "2026-12-31", vec!["input.fromIds.0"]),
        (
            &bo,
            vec![cea.as_str(), ale.as_str(), cea.as_str(), bo.as_str()],
            "2015-12-31",
            vec!["input.fromIds.2", "input.fromIds.3", "input.leftOn"],
        ),
        (
            &bo,
            vec!["x", "activity_0197aaaaaaaa7000800000000000000a"],
            "2026-02-30",
            vec!["input.fromIds.0", "input.fromIds.1", "input.leftOn"],
        ),
    ] {
        assert_eq!(merge(&app, into, &from, left_on, true).await.bad_fields(), fields);
    }
    assert_eq!(merge(&app, &cea, &[nothing], "2026-12-31", true).await.code(), "NOT_FOUND");
    assert_eq!(merge(&app, nothing, &[&cea], "2026-12-31", true).await.code(), "NOT_FOUND");
    // Not a second time, and not in the other direction.
    for (into, from) in [(&bo, &dal), (&dal, &cea)] {
        assert_eq!(merge(&app, into, &[from], "2026-12-31", true).await.reason(), "ALREADY_LEFT");
    }
    let refused = merge(&app, &dal, &[&bo], "2020-12-31", true).await;
    let expected = "Dal is a member until 2020-12-31 and does not continue after 2020-12-31; merge into one that does";
    assert_eq!((refused.reason(), &refused.error()["message"]), ("ALREADY_LEFT", &json!(expected)));
    assert_eq!(app.revision().await, before);
    for caller in [app.finance(), app.board(), app.member(&cea)] {
        let input = json!({ "intoId": cea, "fromIds": [bo], "leftOn": "2026-12-31", "endAgreements": true });
        assert_eq!(caller.does("memberMerge", "id", input).await.code(), "FORBIDDEN");
        assert_eq!(
            caller
                .does("memberLeave", "id", json!({ "memberId": cea, "leftOn": "2026-12-31" }))
                .await
                .code(),
            "FORBIDDEN"
        );
    }
    assert_eq!(app.revision().await, before);
    // What was merged before the successor left can still be recorded.
    leave(&app, &cea, "2026-12-31", false).await.data();
    let reported = merge(&app, &cea, &[&ale], "2026-12-30", true).await;
    assert_eq!(reported["memberMerge"]["predecessors"].as_array().unwrap().len(), 2);
    // Nor does one leave before those that are merged into it.
    let late = admit(&app, "Eda", "2016-01-01").await;
    assert_eq!(merge(&app, &cea, &[&late], "2026-12-31", false).await.reason(), "ALREADY_LEFT");
    assert_eq!(
        merge(&app, &cea, &[&late], "2026-12-30", false).await["memberMerge"]["predecessors"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
});
