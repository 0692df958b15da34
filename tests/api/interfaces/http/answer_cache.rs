//! Stored answers: an equal request gets one until the next commit, of any program; no caller gets
//! that of another class; and it counts as the first did.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use ::entity::contact_read;
use axum::{
    body::{Body, Bytes},
    http::{Method, StatusCode, header},
};
use domain::{
    audit::reads,
    auth::{
        revocations::{RevocationTarget, revoke},
        viewer::{Role, Viewer},
    },
};
use futures_util::{future::join_all, stream};
use sea_orm::{
    ConnectionTrait,
    sea_query::{Expr, Query},
};
use serde_json::{Value, json};

use crate::{
    access::noninterference::plain,
    support::{
        app::{App, on_both},
        caller::{Answer, Caller},
        fixtures::Samples,
        http_server::{HttpServer, status},
        schema_documents::Schema,
    },
};

const MEMBERS: &str = "{ members { totalCount nodes { name } } }";
const ADDRESS: &str =
    "/graphql?query=%7B%20members%20%7B%20totalCount%20nodes%20%7B%20name%20%7D%20%7D%20%7D";

/// A member of the office with this name.
fn clerk<'a>(app: &'a App, name: &str) -> Caller<'a> {
    of_role(app, name, Role::Office)
}

fn of_role<'a>(app: &'a App, name: &str, role: Role) -> Caller<'a> {
    let subject = format!("{name}@example.se");
    app.viewer(Viewer { subject, roles: vec![role], ..Viewer::default() })
}

async fn admit(app: &App, name: &str) -> Answer {
    app.office().does("memberAdmit", "id", json!({ "name": name, "joinedOn": "2026-01-01" })).await
}

/// A metric's value.
async fn metric(app: &App, name: &str) -> u64 {
    let text = app.get("/metrics").await.text();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

/// The numbers of stored answers that were given, and of those that were made to be stored.
async fn counts(app: &App) -> (u64, u64) {
    (
        metric(app, "samregister_answer_cache_hits_total").await,
        metric(app, "samregister_answer_cache_misses_total").await,
    )
}

on_both!(an_equal_question_is_answered_without_being_executed, |app| async move {
    let app = app.with_stored_answers();
    admit(&app, "Ale").await.data();
    let (anna, bo) = (clerk(&app, "anna"), clerk(&app, "bo"));
    let first = anna.query(MEMBERS).await;
    app.statements();
    // By POST and by GET, with the same bytes or others, by the same caller and by a colleague.
    for answer in [
        anna.query(MEMBERS).await,
        anna.post(json!({ "query": MEMBERS, "variables": null }).to_string()).await,
        anna.get(ADDRESS).await,
        bo.query(MEMBERS).await,
        bo.get(ADDRESS).await,
        bo.get(ADDRESS).await,
    ] {
        assert_eq!((answer.status, &answer.bytes), (StatusCode::OK, &first.bytes));
        for name in ["content-type", "content-language"] {
            assert_eq!(answer.header(name), first.header(name));
        }
    }
    assert_eq!((app.statements(), counts(&app).await), (Vec::new(), (6, 1)));
    assert!(metric(&app, "samregister_answer_cache_bytes").await > 0);

    // A commit makes it another.
    admit(&app, "Boden").await.data();
    assert_eq!(bo.query(MEMBERS).await["members"]["totalCount"], 2);
    assert_eq!(anna.query(MEMBERS).await["members"]["totalCount"], 2);
    assert_eq!(counts(&app).await, (7, 2));
});

on_both!(another_question_or_another_class_gets_its_own_answer, |app| async move {
    let app = app.with_stored_answers();
    let samples = Samples::fill(&app).await;
    let document = "query A($first: Int!) { agreements(first: $first) { totalCount nodes { number } } } query B { members { totalCount } }";
    let body = |name: &str, first: u32, more: Value| {
        let mut body =
            json!({ "query": document, "operationName": name, "variables": { "first": first } });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body.to_string()
    };
    let callers = [
        app.office(),
        app.board(),
        app.member(samples.id("alfa")),
        app.member(samples.id("beta")),
        app.lead(&["bip"]),
        app.lead(&["indikatorer"]),
        app.lead(&["bip", "indikatorer"]),
        app.member_who_leads(samples.id("alfa"), &["bip"]),
        app.service("agreements:read"),
        app.service("members:read"),
    ];
    let before = counts(&app).await;
    // Of a server that stores nothing, each caller's answers are the true ones.
    let off = app.with(&[("SAMREGISTER_ANSWER_CACHE_BYTES", "0")]);
    let bodies = [
        body("A", 1, json!({})),
        body("A", 2, json!({})),
        body("B", 1, json!({})),
        body("A", 2, json!({ "extensions": { "cost": true } })),
    ];
    for (position, caller) in callers.iter().enumerate() {
        let token = caller.authorization().unwrap().strip_prefix("Bearer ").unwrap();
        for body in &bodies {
            for _ in 0..2 {
                let found = app.bearer(token).post(body.clone()).await;
                let expected = off.bearer(token).post(body.clone()).await;
                assert_eq!(found.json, expected.json, "caller {position} of {body}");
                expected.data();
            }
        }
    }
    // An answer that reports the cost is never stored.
    let since = async || {
        let (hits, misses) = counts(&app).await;
        (hits - before.0, misses - before.1)
    };
    assert_eq!((since().await, counts(&off).await), ((30, 30), (0, 0)));
    // In another language and media type, and of another address.
    let one = body("B", 1, json!({}));
    for (name, value) in [
        ("accept-language", "sv"),
        ("accept", "application/graphql-response+json"),
        ("host", "another.example.se"),
    ] {
        let office = app.office();
        let request = office
            .request(Method::POST, "/graphql")
            .header(header::CONTENT_TYPE, "application/json")
            .header(name, value);
        app.send(request.body(Body::from(one.clone())).unwrap()).await.data();
    }
    assert_eq!(since().await, (30, 33));
});

on_both!(a_setting_limits_what_is_stored_and_turns_it_off, |app| async move {
    let app = app.with_stored_answers();
    let off = app.with(&[("SAMREGISTER_ANSWER_CACHE_BYTES", "0")]);
    let made = async || {
        app.statements();
        off.office().query(MEMBERS).await.data();
        app.statements().len()
    };
    let first = made().await;
    assert!(first > 0 && made().await == first);
    // An answer has a validator all the same.
    assert!(off.office().get(ADDRESS).await.header("etag").starts_with("W/"));
    assert_eq!(counts(&off).await, (0, 0));
    // What is too large for the others is not stored.
    let small = app.with(&[("SAMREGISTER_ANSWER_CACHE_BYTES", "300")]);
    small.office().query(MEMBERS).await.data();
    small.office().query(MEMBERS).await.data();
    assert_eq!(counts(&small).await, (0, 2));
    assert_eq!(metric(&small, "samregister_answer_cache_bytes").await, 0);
});

on_both!(the_least_recently_used_are_removed, |app| async move {
    let app = app.with_stored_answers();
    let small = app.with(&[("SAMREGISTER_ANSWER_CACHE_BYTES", "4000")]);
    let ask = async |alias: usize| {
        small.office().query(&format!("{{ a{alias}: memberCount }}")).await.data();
    };
    for alias in 0..100 {
        ask(alias).await;
        // Used again and again, it stays.
        ask(0).await;
    }
    assert!(metric(&small, "samregister_answer_cache_bytes").await <= 4_000);
    let (hits, misses) = counts(&small).await;
    assert_eq!((hits, misses), (100, 100));
    ask(1).await;
    assert_eq!(counts(&small).await, (hits, misses + 1));
});

on_both!(equal_questions_at_a_time_are_executed_once, |app| async move {
    let app = app.with_stored_answers();
    admit(&app, "Ale").await.data();
    app.statements();
    app.with_stored_answers().office().query(MEMBERS).await.data();
    let alone = app.statements().len();
    let callers = (0..16).map(|position| {
        let app = app.clone();
        let name = ["anna", "bo"][position % 2];
        tokio::spawn(async move { clerk(&app, name).query(MEMBERS).await.data().clone() })
    });
    let answers: Vec<_> = join_all(callers).await.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().all(|answer| answer["members"]["totalCount"] == 1), "{answers:?}");
    assert_eq!((app.statements().len(), counts(&app).await), (alone, (15, 1)));
});

// Errors, mutations, what depends on the caller or the time, and what is read of a person.
on_both!(what_is_of_one_request_is_not_stored, |app| async move {
    let app = app.with_stored_answers();
    let samples = Samples::fill(&app).await;
    let (anna, bo) = (clerk(&app, "anna"), clerk(&app, "bo"));
    let before = counts(&app).await;
    for document in [
        "{ viewer { subject } }".to_owned(),
        "{ members { nodes { viewerCanUpdate } } }".to_owned(),
        "{ contacts { nodes { role } } }".to_owned(),
        "{ members { nodes { contacts { name } } } }".to_owned(),
        "{ members { nodes { ...F } } } fragment F on Member { contacts { email } }".to_owned(),
        "{ auditEntries { nodes { after } } }".to_owned(),
        "{ contactReads { totalCount } }".to_owned(),
        "{ retention { asOf } }".to_owned(),
        "{ agreements { nodes { preview { html } document { html } } } }".to_owned(),
        "{ agreements { nodes { document { pdfUrl } } } }".to_owned(),
        "{ statusReports { nodes { reportedBy } } }".to_owned(),
    ] {
        let address = format!("/graphql?query={}", escaped(&document));
        for caller in [&anna, &bo, &anna] {
            for answer in [caller.query(&document).await, caller.get(&address).await] {
                assert!(answer.json["data"].is_object(), "{}", answer.text());
                assert_eq!(answer.header("etag"), "", "{document}");
            }
        }
    }
    assert_eq!(counts(&app).await, before);
    assert_eq!(anna.query("{ viewer { subject } }").await["viewer"]["subject"], "anna@example.se");
    assert_eq!(bo.query("{ viewer { subject } }").await["viewer"]["subject"], "bo@example.se");

    // A wrong answer is made again each time.
    for _ in 0..2 {
        anna.query("{ node(id: \"x\") { id } }").await.error();
        anna.query("{ nothing }").await.error();
    }
    assert_eq!(counts(&app).await, (before.0, before.1 + 4));

    // Each reader of a contact is logged, however often another has asked the same.
    let contact = samples.id("anna");
    let document = format!("{{ node(id: \"{contact}\") {{ ... on Contact {{ name }} }} }}");
    let address = format!(
        "/graphql?query={}",
        escaped(&format!("{{ node(id: \"{contact}\") {{ ... on Contact {{ role }} }} }}"))
    );
    for caller in [&anna, &bo, &bo] {
        caller.query(&document).await.data();
        // With a validator, the next answer would be 304, and no read.
        let (read, answer) = (logged(&app).await, caller.get(&address).await);
        assert!(answer.data()["node"]["role"].is_string(), "{}", answer.text());
        assert_eq!((logged(&app).await, answer.header("etag")), (read + 1, ""));
    }
    reads::write(&app.db).await.unwrap();
    let log = format!(
        "{{ contactReads(filter: {{ contactId: \"{contact}\" }}) {{ nodes {{ reader }} }} }}"
    );
    let log = app.auditor().query(&log).await["contactReads"]["nodes"].clone();
    let readers: Vec<_> =
        log.as_array().unwrap().iter().map(|read| read["reader"].as_str().unwrap()).collect();
    for name in ["anna@example.se", "bo@example.se"] {
        assert!(readers.contains(&name), "{log}");
    }
});

/// The number of logged reads.
async fn logged(app: &App) -> i64 {
    reads::write(&app.db).await.unwrap();
    let sum = Query::select()
        .expr(Expr::cust("CAST(COALESCE(SUM(times), 0) AS bigint)"))
        .from(contact_read::Entity)
        .take();
    let row = app.db.read().query_one(&sum).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

/// A text as a part of an address.
fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Two callers of one class, with different subjects.
fn colleagues<'a>(app: &'a App, samples: &Samples) -> Vec<[Caller<'a>; 2]> {
    let alfa = samples.id("alfa").strip_prefix("member_").unwrap();
    let alfa = uuid::Uuid::try_parse(alfa).unwrap();
    let viewers = [
        Viewer { roles: vec![Role::Office], ..Viewer::default() },
        Viewer { roles: vec![Role::Board], ..Viewer::default() },
        Viewer {
            roles: vec![Role::ActivityLead],
            activities: vec!["bip".to_owned()],
            ..Viewer::default()
        },
        Viewer { roles: vec![Role::Member], member: Some(alfa.into()), ..Viewer::default() },
    ];
    let named = |viewer: &Viewer, name: &str| {
        app.viewer(Viewer { subject: format!("{name}@example.se"), ..viewer.clone() })
    };
    viewers.iter().map(|viewer| [named(viewer, "anna"), named(viewer, "bo")]).collect()
}

// A field that is not declared `@unversioned` is given to every caller of a class.
on_both!(what_is_stored_is_the_same_for_a_class_and_logs_no_read, |app| async move {
    let app = app.with_stored_answers();
    let samples = Samples::fill(&app).await;
    let report = json!({ "activityId": samples.id("bip"), "period": "2026-T3", "health": "GREEN", "summary": "Bra" });
    let anna = app.viewer(Viewer {
        subject: "anna@example.se".to_owned(),
        roles: vec![Role::ActivityLead],
        activities: vec!["bip".to_owned()],
        ..Viewer::default()
    });
    anna.does("statusReportFile", "id", report).await.data();
    let off = app.with(&[
        ("SAMREGISTER_ANSWER_CACHE_BYTES", "0"),
        ("SAMREGISTER_MAX_DEPTH", "30"),
        ("SAMREGISTER_MAX_COMPLEXITY", "1000000000"),
        ("SAMREGISTER_MAX_ALIASES", "10000"),
    ]);
    let schema = Schema::of_program().await.stored();
    let mut questions = plain(&schema, 1);
    // A contact that is found by its id is logged as read, and such an answer is not stored.
    let is_stored = |id: &&str| schema.type_of(id).is_some_and(|of| of != "Contact");
    questions
        .extend(samples.ids().into_iter().filter(|id| is_stored(id)).map(|id| schema.node(id, 0)));
    assert!(questions.len() > 30, "{}", questions.len());
    for [anna, bo] in colleagues(&off, &samples) {
        for question in &questions {
            let document = format!("{{ {question} }}");
            let before = logged(&app).await;
            let (one, other) = (anna.query(&document).await, bo.query(&document).await);
            let shown = |answer: &Answer| answer.json["data"].clone();
            assert_eq!(shown(&one), shown(&other), "{question}");
            assert_eq!(logged(&app).await, before, "a read is logged by {question}");
        }
    }
});

on_both!(no_answer_is_older_than_a_commit_that_was_answered, |app| async move {
    let app = app.with_stored_answers();
    // Two servers of one register, each with its own answers.
    let servers = [app.clone(), app.by(&app.url()).await];
    let committed = Arc::new(AtomicU64::new(0));
    let writing = servers.clone().into_iter().enumerate().map(|(position, server)| {
        let committed = Arc::clone(&committed);
        tokio::spawn(async move {
            for number in 0..25 {
                let name = format!("Förbund {position} {number}");
                // The other server may write for too long.
                while !admit(&server, &name).await.errors().is_empty() {}
                committed.fetch_add(1, SeqCst);
            }
        })
    });
    let writing: Vec<_> = writing.collect();
    let reading = (0..6).map(|position| {
        let (server, committed) = (servers[position % 2].clone(), Arc::clone(&committed));
        tokio::spawn(async move {
            let mut last = 0;
            while last < 50 {
                let known = committed.load(SeqCst);
                let answer = match position % 3 {
                    0 => server.office().query(MEMBERS).await,
                    _ => server.office().get(ADDRESS).await,
                };
                last = answer["members"]["totalCount"].as_u64().unwrap();
                assert!(last >= known, "{last} members are shown after {known} were admitted");
            }
        })
    });
    let reading: Vec<_> = reading.collect();
    for task in writing.into_iter().chain(reading) {
        task.await.unwrap();
    }
    let (hits, _) = counts(&servers[0]).await;
    assert!(hits > 0);
});

on_both!(a_stored_answer_counts_as_one_that_is_made, |app| async move {
    let app = app.with_stored_answers();
    let limited = app.with(&[
        ("SAMREGISTER_ANSWER_CACHE_BYTES", "16777216"),
        ("SAMREGISTER_MAX_COST_PER_MINUTE", "20000"),
        ("SAMREGISTER_MAX_CONCURRENT", "1"),
    ]);
    let office = limited.office();
    let results = "samregister_graphql_results_total{operation=\"query\",code=\"OK\",reason=\"\"}";
    let first = office.get(ADDRESS).await;
    let tag = first.header("etag").to_owned();
    office.query(MEMBERS).await.data();
    let known = office.request(Method::GET, ADDRESS).header(header::IF_NONE_MATCH, &tag);
    let known = limited.send(known.body(Body::empty()).unwrap()).await;
    assert_eq!(known.status, StatusCode::NOT_MODIFIED);
    assert_eq!(metric(&limited, results).await, 3);
    // A request whose body never comes holds the only permit.
    let hold = || {
        let endless = stream::pending::<std::io::Result<Bytes>>();
        let request = office
            .request(Method::POST, "/graphql")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from_stream(endless))
            .unwrap();
        let limited = limited.clone();
        tokio::spawn(async move { limited.send(request).await })
    };
    let mut slow = hold();
    tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            // It came while the query before it was in progress.
            if slow.is_finished() {
                slow = hold();
            } else if !office.query(MEMBERS).await.errors().is_empty() {
                break;
            }
        }
    })
    .await
    .unwrap();
    for refused in [office.query(MEMBERS).await, office.get(ADDRESS).await] {
        assert_eq!(
            (refused.status, refused.reason()),
            (StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS")
        );
    }
    slow.abort();
    drop(slow.await);
    // The budget ends, and other subjects of the class have their own.
    let refused = loop {
        let answer = office.query(MEMBERS).await;
        if !answer.errors().is_empty() {
            break answer;
        }
    };
    assert_eq!((refused.status, refused.reason()), (StatusCode::TOO_MANY_REQUESTS, "COST_BUDGET"));
    // The budget grows while the test waits, and 304 takes from it again.
    loop {
        let known = office.request(Method::GET, ADDRESS).header(header::IF_NONE_MATCH, &tag);
        let known = limited.send(known.body(Body::empty()).unwrap()).await;
        if known.status != StatusCode::NOT_MODIFIED {
            assert_eq!(known.status, StatusCode::TOO_MANY_REQUESTS);
            break;
        }
    }
    clerk(&limited, "bo").query(MEMBERS).await.data();
    assert_eq!(counts(&limited).await.1, 1, "it was executed once");
});

on_both!(a_revoked_token_is_refused_at_once_by_every_server, |app| async move {
    let app = app.with_stored_answers();
    admit(&app, "Ale").await.data();
    let (one, two) = (HttpServer::start(&app).await, HttpServer::start(&app).await);
    let other = app.by(&app.url()).await;
    let operator = Viewer::operator("token");
    for round in 0..5 {
        let name = format!("anna{round}");
        let (anna, bo) = (clerk(&app, &name), clerk(&app, "bo"));
        let ask = async |server: &HttpServer, caller: &Caller<'_>, document: &str| {
            let path = format!("/graphql?query={}", escaped(document));
            status(server.address, &path, caller.authorization()).await
        };
        let documents = [MEMBERS, "{ viewer { subject } }", "{ revision }"];
        for server in [&one, &two] {
            for document in documents {
                assert_eq!(ask(server, &anna, document).await, 200);
            }
        }
        // By another program: no server is told of it but by the register.
        let target = RevocationTarget::Subject(format!("{name}@example.se"));
        revoke(other.context(&operator), &target, None).await.unwrap();
        for server in [&one, &two] {
            for document in documents {
                assert_eq!(
                    (ask(server, &anna, document).await, ask(server, &bo, document).await),
                    (401, 200),
                    "{document}"
                );
            }
        }
    }
});
