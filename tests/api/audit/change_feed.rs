//! The change feed: each subscriber gets the changes that it may see, none missed or repeated,
//! whatever is written and whatever fails.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use domain::{
    audit::Action,
    auth::viewer::{Role, Viewer},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use sea_orm::{ConnectionTrait, DbBackend, Iterable};
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    caller::Caller,
    fixtures::Samples,
    http_server::{Client, HttpServer},
    lifecycle_fixtures::{drafted, offered},
};

/// Follows the register from the revision on.
async fn follow(server: &HttpServer, caller: &Caller<'_>, arguments: &str) -> Client {
    let mut client = server.client(caller).await;
    client.subscribe("1", &format!("subscription {{ changes({arguments}) {{ revision kind action recordedAt node {{ __typename id }} }} }}")).await;
    client
}

/// The next event.
async fn event(client: &mut Client) -> Value {
    let data = tokio::time::timeout(Duration::from_secs(60), client.data("1")).await;
    data.unwrap_or_else(|_| panic!("no event came within a minute"))["changes"].clone()
}

/// Every event after a revision that the caller hears of, up to one that everyone hears of.
async fn events(
    app: &App,
    server: &HttpServer,
    caller: &Caller<'_>,
    arguments: &str,
) -> Vec<Value> {
    let mut client = follow(server, caller, arguments).await;
    let year = 2030 + app.revision().await;
    let rate = json!({ "validFrom": format!("{year}-01-01"), "percent": 2.5, "source": "SFS" });
    app.office().does("referenceRateSet", "id", rate).await.data();
    let last = app.revision().await.to_string();
    let mut heard = Vec::new();
    loop {
        match event(&mut client).await {
            event if event["revision"] == last => return heard,
            event if event["action"] == "referenceRateSet" => {}
            event => heard.push(event),
        }
    }
}

fn said<'e>(events: &'e [Value], name: &str) -> Vec<&'e str> {
    events.iter().map(|event| event[name].as_str().unwrap()).collect()
}

#[test]
fn every_action_is_begun_by_a_rule() {
    fn sources(folder: &Path, found: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found)
            } else {
                found.push_str(&fs::read_to_string(&path).unwrap())
            }
        }
    }
    let mut code = String::new();
    for folder in ["src", "domain/src"] {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut code);
    }
    let arguments = |rest: &str| {
        let mut depth = 1;
        let ends = |c: char| {
            depth += match c {
                '(' => 1,
                ')' => -1,
                _ => 0,
            };
            depth == 0
        };
        rest.split(ends).next().unwrap_or_default().to_owned()
    };
    let begins = ["begin(", "begin_after("].into_iter().flat_map(|begin| code.split(begin).skip(1));
    let begun = begins.filter_map(|rest| {
        let arguments = arguments(rest);
        let (_, variant) = arguments.split_once(" Action::")?;
        Some(variant.chars().take_while(|c| c.is_alphanumeric()).collect::<String>())
    });
    // Rules of several nouns begin the action that each of them declares.
    let of_nouns = code.split("ACTION: Action = Action::").skip(1);
    let of_nouns = of_nouns.filter_map(|rest| Some(rest.split_once(';')?.0.to_owned()));
    let begun = begun.chain(of_nouns);
    // The trail's migration is a transaction of its own, and a clock is accepted without being
    // checked against the trail.
    let begun: BTreeSet<String> =
        begun.chain(["ClockAccept".to_owned(), "TrailMigrate".to_owned()]).collect();
    let declared: BTreeSet<String> = Action::iter().map(|action| format!("{action:?}")).collect();
    assert!(
        begun.len() > 40 && begun == declared,
        "in the code alone {:?}, in the enum alone {:?}",
        begun.difference(&declared),
        declared.difference(&begun)
    );
}

on_both!(mutations_are_published_to_those_who_may_see_them, |app| async move {
    let samples = Samples::fill(&app).await;
    let since = app.revision().await;
    let server = HttpServer::start(&app).await;
    let id = |name: &str| samples.id(name).to_owned();
    let office = app.office();
    office
        .does(
            "allocationSet",
            "id",
            json!({ "memberId": id("alfa"), "year": 2030, "amount": "1.00" }),
        )
        .await
        .data();
    office
        .does("memberUpdate", "id", json!({ "memberId": id("alfa"), "county": "Nytt län" }))
        .await
        .data();
    office
        .does("memberUpdate", "id", json!({ "memberId": id("beta"), "county": "Nytt län" }))
        .await
        .data();
    office
        .does("contactUpdate", "id", json!({ "contactId": id("anna"), "phone": "070-174 06 20" }))
        .await
        .data();
    office
        .does("costRecord", "id", json!({ "activityId": id("bip"), "bookedOn": "2026-06-01", "amount": "1.00", "description": "x" }))
        .await
        .data();
    office
        .does("activityUpdate", "id", json!({ "activityId": id("bip"), "goal": "Mål" }))
        .await
        .data();
    let draft = drafted(
        &app,
        json!({ "templateId": id("deltagande"), "activityId": id("indikatorer"), "counterpartyId": id("alfa"), "startsOn": "2027-01-10" }),
    )
    .await;
    let member = app.member(samples.id("alfa"));
    let after = format!("after: \"{since}\"");
    let of_alfa = ["allocationSet", "memberUpdate", "contactUpdate", "activityUpdate"];
    // What is not offered is only ours, and how it came about stays so.
    assert_eq!(said(&events(&app, &server, &member, &after).await, "action"), of_alfa);
    offered(&app, &draft).await;
    assert_eq!(
        said(&events(&app, &server, &member, &after).await, "action"),
        [&of_alfa[..], &["agreementOffer"]].concat()
    );
    let everything = [
        "allocationSet",
        "memberUpdate",
        "memberUpdate",
        "contactUpdate",
        "costRecord",
        "activityUpdate",
        "agreementDraft",
        "agreementOffer",
    ];
    assert_eq!(said(&events(&app, &server, &app.auditor(), &after).await, "action"), everything);
    let lead = events(&app, &server, &app.lead(&["bip"]), &after).await;
    assert_eq!(
        said(&lead, "action"),
        ["memberUpdate", "memberUpdate", "costRecord", "activityUpdate"]
    );
    let other = events(&app, &server, &app.lead(&["indikatorer"]), &after).await;
    assert_eq!(
        said(&other, "action"),
        ["memberUpdate", "memberUpdate", "activityUpdate", "agreementDraft", "agreementOffer"]
    );
    assert_eq!(
        said(&events(&app, &server, &app.service("templates:read"), &after).await, "action"),
        ["activityUpdate"]
    );
    // Of some kinds only, each with what it was done to.
    let chosen =
        events(&app, &server, &app.board(), &format!("{after}, kinds: [AGREEMENT, FEE]")).await;
    assert_eq!(said(&chosen, "kind"), ["AGREEMENT", "AGREEMENT"]);
    assert!(
        chosen.iter().all(|event| event["node"]["id"] == draft.as_str()
            && event["recordedAt"] == "2026-11-21T09:00:00Z"),
        "{chosen:?}"
    );
});

on_both!(a_payment_is_published_apart_from_its_invoice, |app| async move {
    let samples = Samples::fill(&app).await;
    let since = app.revision().await;
    let server = HttpServer::start(&app).await;
    let invoice = samples.id("faktura alfa");
    let payment = json!({ "invoiceId": invoice, "receivedOn": "2026-11-20", "amount": "1.00", "reference": "Delbetalning" });
    app.finance().does("paymentRecord", "id", payment).await.data();
    for (kinds, heard) in
        [("PAYMENT", vec!["PAYMENT"]), ("INVOICE", vec![]), ("PAYMENT, INVOICE", vec!["PAYMENT"])]
    {
        let arguments = format!("after: \"{since}\", kinds: [{kinds}, FEE]");
        for caller in [app.finance(), app.member(samples.id("alfa"))] {
            let events = events(&app, &server, &caller, &arguments).await;
            assert_eq!(said(&events, "kind"), heard, "{kinds}");
            assert!(events.iter().all(|event| event["node"]["id"] == invoice), "{events:?}");
        }
        assert!(
            events(&app, &server, &app.member(samples.id("beta")), &arguments).await.is_empty()
        );
    }
});

on_both!(what_is_not_seen_of_a_thing_is_no_event_of_it, |app| async move {
    let samples = Samples::fill(&app).await;
    let since = app.revision().await;
    let server = HttpServer::start(&app).await;
    let id = |name: &str| samples.id(name);
    for (mutation, input) in [
        (
            "memberUpdate",
            json!({ "memberId": id("alfa"), "billing": { "email": "ny@alfa.example.se" } }),
        ),
        (
            "memberUpdate",
            json!({ "memberId": id("beta"), "billing": { "email": "ny@beta.example.se" } }),
        ),
        (
            "organisationUpdate",
            json!({ "organisationId": id("gamma"), "billing": { "email": "ny@gamma.example.se" } }),
        ),
        ("activityUpdate", json!({ "activityId": id("bip"), "boardContactId": id("nils") })),
        ("activityUpdate", json!({ "activityId": id("indikatorer"), "leadId": null })),
        // Alfa's own Anna leads it no more.
        ("activityUpdate", json!({ "activityId": id("bip"), "leadId": null })),
    ] {
        app.office().does(mutation, "id", input).await.data();
    }
    app.import(&[
        ("allocations.csv", "member,year,basis,amount,source\nalfa,2027,ALL_PARTIES,1.00,x\nbeta,2027,ALL_PARTIES,1.00,x\n"),
        ("costs.csv", "activity,booked_on,amount,description\nbip,2026-06-01,1.00,x\nindikatorer,2026-06-01,1.00,x\n"),
        ("grants.csv", "activity,booked_on,amount,funder\nbip,2026-06-01,1.00,x\n"),
    ])
    .await;
    let after = format!("after: \"{since}\"");
    let heard = async |caller: Caller<'_>| {
        let events = events(&app, &server, &caller, &after).await;
        events
            .iter()
            .map(|event| {
                format!("{} {}", event["action"], event["node"]["__typename"]).replace('"', "")
            })
            .collect::<Vec<_>>()
    };
    let updates = |mutation: &'static str, times: usize| std::iter::repeat_n(mutation, times);
    let affairs: Vec<_> = updates("memberUpdate Member", 2)
        .chain(updates("organisationUpdate Organisation", 1))
        .chain(updates("activityUpdate Activity", 3))
        .chain(updates("import Member", 2))
        .collect();
    assert_eq!(
        heard(app.board()).await,
        affairs.iter().copied().chain(updates("import Activity", 3)).collect::<Vec<_>>()
    );
    assert_eq!(heard(app.service("members:read")).await, affairs);
    assert_eq!(
        heard(app.member(id("alfa"))).await,
        ["memberUpdate Member", "activityUpdate Activity", "import Member"]
    );
    assert_eq!(
        heard(app.member(id("beta"))).await,
        ["memberUpdate Member", "activityUpdate Activity", "import Member"]
    );
    assert_eq!(heard(app.lead(&["bip"])).await, ["import Activity"; 2]);
    assert_eq!(heard(app.service("revenue:read")).await, ["import Activity"; 3]);
    for scope in ["agreements:read", "invoices:write", "templates:read"] {
        assert_eq!(heard(app.service(scope)).await, [""; 0], "{scope}");
    }
});

on_both!(an_imported_draft_is_published_to_those_who_see_drafts, |app| async move {
    let samples = Samples::fill(&app).await;
    let server = HttpServer::start(&app).await;
    let since = app.revision().await;
    for row in [
        ",PARTICIPATION,INCOME,indikatorer,alfa,deltagande,1,2027-05-01,,1,,,,,FIXED_PER_YEAR,1.00,,STANDARD_25",
        "2026-7009,PARTICIPATION,INCOME,indikatorer,alfa,deltagande,1,2027-05-01,,1,,2026-11-20T09:00:00Z,,,FIXED_PER_YEAR,1.00,,STANDARD_25",
    ] {
        let header = crate::support::fixtures::FILES
            .iter()
            .find(|(name, _)| *name == "agreements.csv")
            .unwrap()
            .1
            .lines()
            .next()
            .unwrap();
        app.import(&[("agreements.csv", &format!("{header}\nutkast-alfa,{row}\n"))]).await;
    }
    let after = format!("after: \"{since}\", kinds: [AGREEMENT, FEE]");
    for (caller, reported) in [
        (app.board(), 2),
        (app.service("agreements:read"), 2),
        (app.lead(&["indikatorer"]), 2),
        (app.member(samples.id("alfa")), 1),
        (app.member(samples.id("beta")), 0),
    ] {
        assert_eq!(
            said(&events(&app, &server, &caller, &after).await, "action"),
            vec!["import"; reported]
        );
    }
});

/// Adds an organisation.
async fn add(app: &App, name: &str) {
    app.office().does("organisationAdd", "id", json!({ "name": name })).await.data();
}

on_both!(nothing_is_missed_and_nothing_comes_twice, |app| async move {
    const WRITERS: usize = 4;
    const MUTATIONS: usize = 15;
    let server = HttpServer::start(&app).await;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let app = app.clone();
            tokio::spawn(async move {
                for mutation in 0..MUTATIONS {
                    add(&app, &format!("Organisation {writer} {mutation}")).await;
                }
            })
        })
        .collect();
    let mut random = StdRng::seed_from_u64(2026);
    let mut heard: Vec<i64> = Vec::new();
    while heard.len() < WRITERS * MUTATIONS {
        let after = heard.last().copied().unwrap_or_default();
        let mut client = follow(&server, &app.office(), &format!("after: \"{after}\"")).await;
        for _ in 0..random.random_range(1..=10).min(WRITERS * MUTATIONS - heard.len()) {
            heard.push(event(&mut client).await["revision"].as_str().unwrap().parse().unwrap());
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(heard, (1..=(WRITERS * MUTATIONS) as i64).collect::<Vec<_>>());
});

on_both!(changes_of_other_writers_are_published, |app| async move {
    add(&app, "Den första").await;
    // A server of its own, which knows of the other only by the database.
    let server = HttpServer::start(&app.by(&app.url()).await).await;
    let mut client = follow(&server, &app.office(), "kinds: [ORGANISATION]").await;
    // From now on, which is when the subscription is answered.
    client.say(json!({ "type": "ping" })).await;
    assert_eq!(client.hear().await["type"], "pong");
    let mut hears = async |name: &str, revision: &str| {
        add(&app, name).await;
        let heard = tokio::time::timeout(Duration::from_secs(10), event(&mut client))
            .await
            .unwrap_or_else(|_| panic!("{name} is not heard of"));
        assert_eq!(heard["revision"], revision);
    };
    tokio::time::sleep(Duration::from_millis(200)).await;
    hears("Den andra", "2").await;
    if app.db.backend() == DbBackend::Postgres {
        let broken = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
        app.db.read().execute_unprepared(broken).await.unwrap();
        hears("Den tredje", "3").await;
        hears("Den fjärde", "4").await;
    }
    assert_eq!(
        app.office().query("{ revision }").await["revision"],
        app.revision().await.to_string()
    );
});

on_both!(a_commit_is_read_once_for_all_subscribers_with_the_same_visibility, |app| async move {
    let server = HttpServer::start(&app).await;
    let kinds = "kinds: [ORGANISATION, ACTIVITY]";
    let mut followers = Vec::new();
    for position in 0..30 {
        let viewer = Viewer {
            subject: format!("board{position}@example.se"),
            roles: vec![Role::Board],
            ..Viewer::default()
        };
        followers.push(follow(&server, &app.viewer(viewer), kinds).await);
    }
    // A viewer who sees something else does not learn what they are.
    let mut member =
        follow(&server, &app.member("member_00000000000000000000000000000000"), kinds).await;
    let mut settled = follow(&server, &app.board(), "after: \"0\"").await;
    // Each follows from the revision at which the server comes to its subscription.
    tokio::time::sleep(Duration::from_secs(1)).await;
    app.office().does("organisationAdd", "id", json!({ "name": "Första" })).await.data();
    event(&mut settled).await;
    for follower in &mut followers {
        event(follower).await;
    }
    app.statements();
    app.office().does("organisationAdd", "id", json!({ "name": "Andra" })).await.data();
    let first = event(&mut followers[0]).await;
    assert_eq!(
        (&first["action"], &first["node"]["__typename"]),
        (&json!("organisationAdd"), &json!("Organisation")),
        "{first}"
    );
    for follower in &mut followers[1..] {
        assert_eq!(event(follower).await, first);
    }
    let statements = app.statements();
    let of = |what: &str| {
        statements.iter().filter(|sql| sql.starts_with("SELECT") && sql.contains(what)).count()
    };
    // Once for the board and once for the member, besides what the mutation itself reads.
    assert!(of("audit_entry") <= 6, "{}: {statements:#?}", of("audit_entry"));
    assert!(statements.len() < 40, "{}", statements.len());
    app.office()
        .does("activityStart", "id", json!({ "slug": "ny", "name": "Ny", "funding": ["VOLUNTEER"], "startsOn": "2027-01-01" }))
        .await
        .data();
    assert_eq!(event(&mut member).await["action"], "activityStart");
});

#[tokio::test]
async fn what_one_subject_reads_is_shared_with_no_other() {
    let app = App::sqlite().await;
    let server = HttpServer::start(&app).await;
    let member = app
        .office()
        .does("memberAdmit", "id", json!({ "name": "Ale", "joinedOn": "2026-01-01" }))
        .await["memberAdmit"]["id"]
        .clone();
    let selection = "subscription { changes { revision node { ... on Contact { email } } } }";
    let mut clients = Vec::new();
    for subject in ["anna@example.se", "bo@example.se"] {
        let viewer =
            Viewer { subject: subject.into(), roles: vec![Role::Office], ..Viewer::default() };
        let mut client = server.client(&app.viewer(viewer)).await;
        client.subscribe("1", selection).await;
        clients.push(client);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let contact = json!({ "memberId": member, "role": "FINANCE", "name": "Hanna", "email": "hanna@example.se" });
    let added = app.office().does("contactAdd", "id", contact).await["contactAdd"]["id"].clone();
    for client in &mut clients {
        assert_eq!(client.data("1").await["changes"]["node"]["email"], "hanna@example.se");
    }
    domain::audit::reads::write(&app.db).await.unwrap();
    let document = "query($id: ID!) { contactExport(contactId: $id) }";
    let export = app.office().ask(document, json!({ "id": added })).await.text();
    assert!(export.contains("anna@example.se") && export.contains("bo@example.se"), "{export}");
}

on_both!(following_from_long_ago_costs_its_subject_and_delays_no_other, |app| async move {
    let names: String = (0..2_000).map(|n| format!("k{n},Organisation {n},\n")).collect();
    app.import(&[("organisations.csv", &format!("key,name,org_number\n{names}"))]).await;
    // What is looked through is paid for, whether or not the viewer sees anything of it.
    let server = HttpServer::start(&app.with(&[("SAMREGISTER_MAX_COST_PER_MINUTE", "1000")])).await;
    let member = app.member("member_00000000000000000000000000000000");
    let mut client = server.client(&member).await;
    for (id, kind) in ["TEMPLATE", "AGREEMENT", "INVOICE"].into_iter().enumerate() {
        client
            .subscribe(
                &id.to_string(),
                &format!(
                    "subscription {{ changes(after: \"0\", kinds: [{kind}]) {{ revision }} }}"
                ),
            )
            .await;
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    // Less than half of a minute's points.
    client.subscribe("q", "{ members(first: 200) { nodes { id name } } }").await;
    let refused = client.hear().await;
    assert_eq!(refused["payload"][0]["extensions"]["reason"], "COST_BUDGET", "{refused}");
    // Without a budget, too, others hear what is new while all of the past is read.
    let server = HttpServer::start(&app.with(&[("SAMREGISTER_SOCKET_OPERATIONS", "200")])).await;
    let mut office = follow(&server, &app.office(), "after: \"2000\"").await;
    let mut client = server.client(&member).await;
    for position in 0..200 {
        client
            .subscribe(
                &position.to_string(),
                &format!(
                    "subscription {{ changes(after: \"{position}\", kinds: [MEMBER]) {{ revision }} }}"
                ),
            )
            .await;
    }
    app.office().does("organisationAdd", "id", json!({ "name": "Ny" })).await.data();
    let heard = tokio::time::timeout(Duration::from_secs(30), event(&mut office)).await.unwrap();
    assert_eq!(heard["action"], "organisationAdd", "{heard}");
});
