//! Deadlines of agreements: acknowledged with a reason, and fetched as a calendar.

use std::collections::BTreeMap;

use ical::parser::ical::component::IcalEvent;
use serde_json::{Value, json};

use crate::{
    interfaces::graphql::statements::plan,
    support::{
        agreement_fixtures::fill,
        app::{App, on_both},
        caller::{Answer, Caller},
        fixtures::Samples,
    },
};

const ACKNOWLEDGE: &str =
    "mutation($input: DeadlineSnoozeInput!) { deadlineSnooze(input: $input) { agreement {
    number nextDeadline { kind deadlineOn reason snooze { snoozedBy snoozedAt snoozedUntil note } } } } }";
const WITHDRAW: &str = "mutation($input: DeadlineUnsnoozeInput!) {
    deadlineUnsnooze(input: $input) { agreement { number nextDeadline { snooze { snoozedUntil } } } } }";

async fn acknowledge(
    caller: Caller<'_>,
    agreement: &str,
    until: &str,
    note: Option<&str>,
) -> Answer {
    caller
        .ask(
            ACKNOWLEDGE,
            json!({ "input": { "agreementId": agreement, "snoozedUntil": until, "note": note } }),
        )
        .await
}

/// The numbers of those that expire within 90 days.
async fn listed(app: &App, filter: &str) -> Vec<String> {
    let answer = app
        .office()
        .query(&format!("{{ expiringAgreements{filter} {{ nodes {{ number }} }} }}"))
        .await;
    answer["expiringAgreements"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["number"].as_str().unwrap().to_owned())
        .collect()
}

on_both!(an_acknowledged_deadline_is_quiet_until_its_day, |app| async move {
    let register = fill(&app).await;
    let (ending, renewing) = (register.id("ending"), register.id("renewing"));
    assert_eq!(listed(&app, "").await, ["2025-0001", "2026-0001"]);

    let answer =
        acknowledge(app.office(), ending, "2026-12-01", Some(" Uppdraget avslutas ")).await;
    assert_eq!(
        answer["deadlineSnooze"]["agreement"],
        json!({ "number": "2026-0001", "nextDeadline": { "kind": "END", "deadlineOn": "2026-12-10", "reason": "NOTICE_GIVEN", "snooze": {
            "snoozedBy": "office@example.se", "snoozedAt": "2026-11-21T09:00:00Z", "snoozedUntil": "2026-12-01", "note": "Uppdraget avslutas" } } })
    );
    assert_eq!(listed(&app, "").await, ["2025-0001"]);
    assert_eq!(
        listed(&app, "(filter: { includeSnoozed: true })").await,
        ["2025-0001", "2026-0001", "2025-0002"]
    );
    // The last quiet day is quiet; on the next it is heard of again.
    assert_eq!(
        listed(&app.at("2026-12-01T09:00:00Z"), "(withinDays: 20)").await,
        Vec::<String>::new()
    );
    assert_eq!(listed(&app.at("2026-12-02T09:00:00Z"), "(withinDays: 20)").await, ["2026-0001"]);

    // A second acknowledgement replaces the first; the trail has both.
    acknowledge(app.service("agreements:write"), ending, "2026-11-21", None).await.data();
    let question = "query($id: ID!) { agreement(by: { id: $id }) { nextDeadline { snooze { snoozedBy snoozedUntil note } } auditEntries { nodes { action before after } } } }";
    let answer = app.office().ask(question, json!({ "id": ending })).await;
    let reported = &answer["agreement"];
    assert_eq!(
        reported["nextDeadline"]["snooze"],
        json!({ "snoozedBy": "service@example.se", "snoozedUntil": "2026-11-21", "note": null })
    );
    let history = reported["auditEntries"]["nodes"].as_array().unwrap();
    let untils: Vec<_> = history
        .iter()
        .rev()
        .map(|entry| (&entry["action"], &entry["before"]["until"], &entry["after"]["until"]))
        .collect();
    let done = json!("deadlineSnooze");
    let (first, none, second) = (json!("2026-12-01"), Value::Null, json!("2026-11-21"));
    assert_eq!(untils, [(&done, &none, &first), (&done, &first, &none), (&done, &none, &second)]);

    // A notice deadline may be quiet until it passes, not longer.
    acknowledge(app.office(), renewing, "2026-11-30", None).await.data();
    assert_eq!(
        listed(
            &app.at("2026-12-01T09:00:00Z"),
            "(withinDays: 365, filter: { activitySlugs: \"indikatorer\" })"
        )
        .await,
        ["2025-0001"]
    );

    let answer = app.office().ask(WITHDRAW, json!({ "input": { "agreementId": ending } })).await;
    assert_eq!(
        answer["deadlineUnsnooze"]["agreement"],
        json!({ "number": "2026-0001", "nextDeadline": { "snooze": null } })
    );
    assert_eq!(listed(&app, "").await, ["2026-0001"]);
});

#[tokio::test]
async fn what_expires_is_found_by_its_next_deadline() {
    let app = App::sqlite().await;
    fill(&app).await;
    let page = "{ expiringAgreements(first: 2) { pageInfo { endCursor } nodes { number } } }";
    let answer = app.office().query(page).await;
    let after = &answer["expiringAgreements"]["pageInfo"]["endCursor"];
    for after in [String::new(), format!(", after: {after}")] {
        app.statements();
        let document =
            format!("{{ expiringAgreements(first: 2{after}) {{ nodes {{ number }} }} }}");
        app.office().query(&document).await.data();
        let statements = app.statements();
        let [sql] = statements.as_slice() else { panic!("{statements:#?}") };
        let plan = plan(&app, sql).await;
        for step in [
            "SEARCH agreement USING INTEGER PRIMARY KEY (rowid=?)",
            "SEARCH agreement USING INDEX agreement__first_deadline (deadline_on>? AND deadline_on<?)",
            "SEARCH agreement USING INDEX agreement__next_deadline (renewal_months=? AND deadline_month=? AND <expr>>? AND <expr><?)",
        ] {
            assert!(plan.lines().any(|line| line == step), "{step}\nis not in\n{plan}");
        }
    }
}

// The office's reasons are not for the member that the agreement is with.
on_both!(who_acknowledged_a_deadline_and_why_is_not_for_the_member, |app| async move {
    let samples = Samples::fill(&app).await;
    let (alfa, agreement) = (samples.id("alfa"), samples.id("avtal alfa"));
    acknowledge(app.office(), agreement, "2026-11-22", Some("De vill inte betala")).await.data();
    let shown = json!({ "snoozedBy": "office@example.se", "note": "De vill inte betala", "snoozedUntil": "2026-11-22" });
    let hidden = Value::Null;
    for (caller, expected) in [
        (app.member(alfa), &hidden),
        (app.member_who_leads(alfa, &["indikatorer"]), &hidden),
        (app.member_who_leads(alfa, &["bip"]), &shown),
        (app.lead(&["bip"]), &shown),
        (app.board(), &shown),
        (app.service("agreements:read"), &shown),
    ] {
        let question = "query($id: ID!) { agreement(by: { id: $id }) { nextDeadline { snooze { snoozedBy note snoozedUntil } } } }";
        let answer = caller.ask(question, json!({ "id": agreement })).await;
        assert_eq!(&answer["agreement"]["nextDeadline"]["snooze"], expected);
    }
});

on_both!(an_acknowledgement_changes_no_answer_to_the_member, |app| async move {
    let samples = Samples::fill(&app).await;
    let (alfa, agreement) = (samples.id("alfa"), samples.id("avtal alfa"));
    let answers = async |caller: Caller<'_>| {
        let document = "query($id: ID!) {
            expiringAgreements { totalCount nodes { number } } narrow: expiringAgreements(filter: { includeSnoozed: false }) { totalCount }
            all: expiringAgreements(filter: { includeSnoozed: true }) { totalCount nodes { number } }
            agreements(filter: { includeSnoozed: false }) { totalCount nodes { number } }
            member(by: { id: $id }) { agreements(filter: { includeSnoozed: false }) { totalCount } } }";
        let mut found = vec![caller.ask(document, json!({ "id": alfa })).await.data().to_string()];
        for parameters in ["", "?include-snoozed"] {
            found.push(caller.get(&format!("/files/expiring.ics{parameters}")).await.text());
        }
        found
    };
    let (member, elsewhere, lead) = (
        app.member(alfa),
        app.member_who_leads(alfa, &["indikatorer"]),
        app.member_who_leads(alfa, &["bip"]),
    );
    let before = [
        answers(member.clone()).await,
        answers(elsewhere.clone()).await,
        answers(lead.clone()).await,
    ];
    assert!(before[0][0].contains("2026-7001") && before[0][1].contains("2026-7001"), "{before:?}");
    for until in ["2026-11-21", "2026-12-01", "2026-12-02"] {
        acknowledge(app.office(), agreement, until, None).await.data();
        assert_eq!(
            [answers(member.clone()).await, answers(elsewhere.clone()).await],
            before[..2],
            "{until}"
        );
        // Who sees the agreement otherwise sees the acknowledgement too.
        assert_ne!(answers(lead.clone()).await, before[2]);
    }
});

on_both!(what_cannot_be_acknowledged_changes_nothing, |app| async move {
    let register = fill(&app).await;
    let before = app.revision().await;
    let office = app.office();
    let bad = acknowledge(office.clone(), "x", "2026-11-20", Some("\u{7}")).await;
    assert_eq!(bad.bad_fields(), ["input.agreementId", "input.note", "input.snoozedUntil"]);
    assert_eq!(
        acknowledge(office.clone(), register.id("ending"), "2026-02-30", None).await.bad_fields(),
        ["input.snoozedUntil"]
    );
    let late = acknowledge(office.clone(), register.id("renewing"), "2026-12-01", None).await;
    assert_eq!(late.bad_fields(), ["input.snoozedUntil"]);
    assert!(late.text().contains("2026-11-30"), "{}", late.text());
    let late = acknowledge(office.clone(), register.id("ending"), "2026-12-11", None).await;
    assert_eq!(late.bad_fields(), ["input.snoozedUntil"]);
    assert!(late.text().contains("2026-12-10"), "{}", late.text());
    for none in ["open", "replaced", "draft", "offered", "withdrawn", "ended"] {
        assert_eq!(
            acknowledge(office.clone(), register.id(none), "2026-11-30", None).await.reason(),
            "NO_DEADLINE",
            "{none}"
        );
    }
    let gone = "agreement_0197aaaaaaaa7000800000000000000a";
    assert_eq!(acknowledge(office.clone(), gone, "2026-11-30", None).await.code(), "NOT_FOUND");
    let withdraw = |id: &str| json!({ "input": { "agreementId": id } });
    assert_eq!(office.ask(WITHDRAW, withdraw(register.id("ending"))).await.reason(), "NOT_SNOOZED");
    assert_eq!(office.ask(WITHDRAW, withdraw(gone)).await.code(), "NOT_FOUND");
    assert_eq!(office.ask(WITHDRAW, withdraw("x")).await.bad_fields(), ["input.agreementId"]);
    let forbidden = acknowledge(app.board(), register.id("ending"), "2026-11-30", None).await;
    assert_eq!(
        forbidden.error()["message"],
        "this requires the role OFFICE, or SERVICE with the scope agreements:write"
    );
    assert_eq!(app.revision().await, before);
});

/// The events of a calendar by their names, as a parser reads them; the text itself is checked
/// against RFC 5545 first.
fn events(answer: &Answer) -> BTreeMap<String, IcalEvent> {
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type")),
        (200, "text/calendar; charset=utf-8"),
        "{}",
        answer.text()
    );
    let text = answer.text();
    assert!(
        text.ends_with("END:VCALENDAR\r\n") && !text.replace("\r\n", "").contains(['\r', '\n']),
        "lines end in CRLF: {text}"
    );
    assert!(
        text.split("\r\n").all(|line| line.len() <= 75),
        "lines are folded at 75 octets: {text}"
    );
    let mut calendars = ical::IcalParser::new(answer.bytes.as_ref());
    let calendar = calendars.next().unwrap().unwrap();
    assert!(calendars.next().is_none());
    let has = |properties: &[ical::property::Property], name: &str| {
        properties.iter().filter(|property| property.name == name).count()
    };
    for (name, times) in [("VERSION", 1), ("PRODID", 1), ("METHOD", 0)] {
        assert_eq!(has(&calendar.properties, name), times, "{name}");
    }
    let named = |event: IcalEvent| {
        for name in ["UID", "DTSTAMP", "DTSTART", "SUMMARY", "SEQUENCE", "LAST-MODIFIED"] {
            assert_eq!(has(&event.properties, name), 1, "{name} of {event:?}");
        }
        // What was never sent as an invitation has no organizer.
        assert_eq!(has(&event.properties, "ORGANIZER") + has(&event.properties, "ATTENDEE"), 0);
        (value(&event, "UID"), event)
    };
    calendar.events.into_iter().map(named).collect()
}

fn value(event: &IcalEvent, name: &str) -> String {
    event
        .properties
        .iter()
        .find(|property| property.name == name)
        .and_then(|property| property.value.clone())
        .unwrap_or_default()
}

fn sequence(event: &IcalEvent) -> i64 {
    value(event, "SEQUENCE").parse().unwrap()
}

on_both!(the_calendar_of_deadlines_is_one_that_calendars_read, |app| async move {
    let samples = Samples::fill(&app).await;
    let found = events(&app.office().get("/files/expiring.ics").await);
    let alfa = format!("{}@samregister", samples.id("avtal alfa"));
    let beta = format!("{}@samregister", samples.id("avtal beta"));
    let gamma = format!("{}@samregister", samples.id("avtal gamma"));
    let mut expected = vec![&alfa, &beta, &gamma];
    expected.sort();
    assert_eq!(found.keys().collect::<Vec<_>>(), expected);
    let first = &found[&alfa];
    assert_eq!(
        value(first, "SUMMARY"),
        "Avtal 2026-7001 med Samordningsförbundet Alfa: sista dag för uppsägning"
    );
    assert_eq!(
        (value(first, "DTSTART"), value(first, "DTEND")),
        ("20261231".into(), "20270101".into())
    );
    assert_eq!(value(first, "DTSTAMP"), "20261121T090000Z");
    assert!(value(first, "DESCRIPTION").contains("förlängs med 12 mån."));

    // What moves keeps its name and counts up, whether it was prolonged or changed.
    let later = events(&app.at("2027-11-21T09:00:00Z").office().get("/files/expiring.ics").await);
    assert_eq!(later.keys().collect::<Vec<_>>(), [&alfa]);
    assert_eq!(value(&later[&alfa], "DTSTART"), "20271231");
    assert!(sequence(&later[&alfa]) > sequence(first));
    acknowledge(app.office(), samples.id("avtal alfa"), "2026-12-01", None).await.data();
    assert!(!events(&app.office().get("/files/expiring.ics").await).contains_key(&alfa));
    let all = events(&app.office().get("/files/expiring.ics?include-snoozed").await);
    assert!(sequence(&all[&alfa]) > sequence(first));

    // A counterparty or an activity with another name is published again, with a higher
    // sequence number, so that calendars read it.
    let before = sequence(&all[&alfa]);
    let rename = |noun: &str, id: &str, name: &str| {
        format!(
            "mutation {{ {noun}Update(input: {{ {noun}Id: \"{id}\", name: \"{name}\" }}) {{ {noun} {{ id }} }} }}"
        )
    };
    app.office()
        .query(&rename("member", samples.id("alfa"), "Samordningsförbundet Alfa-Beta"))
        .await
        .data();
    let renamed = events(&app.office().get("/files/expiring.ics?include-snoozed").await);
    assert!(value(&renamed[&alfa], "SUMMARY").contains("Alfa-Beta"), "{:?}", renamed[&alfa]);
    let after = sequence(&renamed[&alfa]);
    assert!(after > before);
    app.office().query(&rename("activity", samples.id("bip"), "BIP för alla")).await.data();
    let renamed = events(&app.office().get("/files/expiring.ics?include-snoozed").await);
    assert!(value(&renamed[&alfa], "DESCRIPTION").contains("BIP för alla"), "{:?}", renamed[&alfa]);
    assert!(sequence(&renamed[&alfa]) > after);

    // What else is done about them is not for everyone who reads a calendar, not even how often.
    let cost = json!({ "activityId": samples.id("bip"), "bookedOn": "2026-06-01", "amount": "1.00", "description": "Lokal" });
    app.office().does("costRecord", "id", cost).await.data();
    let allocation = json!({ "memberId": samples.id("alfa"), "year": 2027, "amount": "1.00" });
    app.office().does("allocationSet", "id", allocation).await.data();
    let same = events(&app.office().get("/files/expiring.ics?include-snoozed").await);
    assert_eq!(sequence(&same[&alfa]), sequence(&renamed[&alfa]));

    // The command writes the same.
    let command = app
        .program()
        .args(["expiring", "--from", "2026-11-21", "--format", "ics"])
        .output()
        .unwrap();
    let strip = |text: String| {
        text.lines().filter(|line| !line.starts_with("DTSTAMP")).collect::<Vec<_>>().join("\n")
    };
    let served = app.office().get("/files/expiring.ics?from=2026-11-21").await.text();
    assert_eq!(strip(String::from_utf8(command.stdout).unwrap()), strip(served));
});

on_both!(the_calendar_shows_each_reader_what_it_may_see, |app| async move {
    let samples = Samples::fill(&app).await;
    let names = async |caller: Caller<'_>, parameters: &str| {
        let found = events(&caller.get(&format!("/files/expiring.ics{parameters}")).await);
        found
            .into_values()
            .map(|event| value(&event, "SUMMARY").split(' ').nth(1).unwrap().to_owned())
            .collect::<std::collections::BTreeSet<_>>()
    };
    let are = |numbers: &[&str]| {
        numbers.iter().map(|number| (*number).to_owned()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(names(app.member(samples.id("alfa")), "").await, are(&["2026-7001"]));
    assert_eq!(names(app.lead(&["bip"]), "").await, are(&["2026-7001", "2026-7003"]));
    assert_eq!(
        names(app.service("agreements:read"), "").await,
        are(&["2026-7001", "2026-7002", "2026-7003"])
    );
    assert_eq!(names(app.service("members:read"), "").await, are(&[]));
    assert_eq!(names(app.office(), "?within-days=40").await, are(&["2026-7001"]));
    assert_eq!(names(app.office(), "?within-days=39").await, are(&[]));
    assert_eq!(names(app.office(), "?activity=indikatorer").await, are(&["2026-7002"]));
    assert_eq!(
        names(app.office(), "?activity=indikatorer,bip&activity=bip").await,
        are(&["2026-7001", "2026-7002", "2026-7003"])
    );
    assert_eq!(names(app.office(), "?from=2027-02-01&within-days=9").await, are(&["2026-7003"]));

    let refused = app.get("/files/expiring.ics").await;
    assert_eq!((refused.status.as_u16(), refused.header("www-authenticate")), (401, "Bearer"));
    // In an address a token would end up in logs: it is none there.
    assert_eq!(app.get("/files/expiring.ics?token=x").await.status, 401);
    let bad = app.office().get("/files/expiring.ics?within-days=-1&from=x&activity=bipp&include-snoozed=maybe&activty=bip").await;
    assert_eq!(bad.status, 400);
    for name in [
        "within-days must be 0 to 3660",
        "from is not a date",
        "include-snoozed must be true or false",
        "activty is none of",
    ] {
        assert!(bad.text().contains(name), "{name} in {}", bad.text());
    }
    let unknown = app.office().get("/files/expiring.ics?activity=bipp").await;
    assert_eq!((unknown.status.as_u16(), unknown.bad_fields()), (400, vec!["activity"]));
    assert_eq!(unknown.error()["message"], "activity bipp is not the slug of an activity");
});
