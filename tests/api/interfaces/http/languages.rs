//! Languages of messages and labels, by Accept-Language and by the first message of a socket.

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    caller::{Answer, Caller},
    http_server::{Client, HttpServer, PROTOCOL},
};

/// The part of an id after the type, of an object that does not exist.
const NOTHING: &str = "0197aaaaaaaa7000800000000000000a";

const MEMBERS: &str = "/graphql?query=%7Bmembers%7Bnodes%7Bname%7D%7D%7D";

/// Posts a document in a language.
async fn ask(caller: &Caller<'_>, app: &App, language: &str, body: &Value) -> Answer {
    let request = caller
        .request(Method::POST, "/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT_LANGUAGE, language);
    app.send(request.body(Body::from(body.to_string())).unwrap()).await
}

fn mutation(name: &str, input_type: &str, input: Value) -> Value {
    let query =
        format!("mutation($input: {input_type}!) {{ {name}(input: $input) {{ __typename }} }}");
    json!({ "query": query, "variables": { "input": input } })
}

/// Returns the message of the only error in English and in Swedish. Code, reason and paths are the
/// same.
#[track_caller]
fn messages(english: &Answer, swedish: &Answer) -> [String; 2] {
    assert_eq!(
        (english.header("content-language"), swedish.header("content-language")),
        ("en", "sv")
    );
    assert_eq!(english.status, swedish.status);
    assert_eq!(english.code(), swedish.code());
    let reason = |answer: &Answer| answer.error()["extensions"]["reason"].clone();
    assert_eq!(reason(english), reason(swedish));
    [english, swedish].map(|answer| answer.error()["message"].as_str().unwrap().to_owned())
}

async fn both(app: &App, body: Value) -> [String; 2] {
    let office = app.office();
    let english = ask(&office, app, "en-GB, sv;q=0.5", &body).await;
    let swedish = ask(&office, app, "sv-SE, en;q=0.5", &body).await;
    messages(&english, &swedish)
}

on_both!(refusals_are_in_the_language_of_the_request, |app| async move {
    let member = json!({ "name": "Alfa", "joinedOn": "2026-01-01", "orgNumber": "222000-1834" });
    let admission = mutation("memberAdmit", "MemberAdmitInput", member);
    ask(&app.office(), &app, "sv", &admission).await.data();
    let conflict = both(&app, admission).await;
    assert_eq!(
        conflict,
        [
            "another member has the organisation number 222000-1834",
            "en annan medlem har organisationsnumret 222000-1834"
        ]
    );

    let left = json!({ "memberId": format!("member_{NOTHING}"), "leftOn": "2026-12-31" });
    let not_found = both(&app, mutation("memberLeave", "MemberLeaveInput", left)).await;
    assert_eq!(not_found, ["there is no such member", "medlemmen finns inte"]);

    let office = app.office();
    let bad = json!({ "name": " ", "joinedOn": "2026-01-01", "orgNumber": "222000-1835" });
    let bad = mutation("memberAdmit", "MemberAdmitInput", bad);
    let english = ask(&office, &app, "en", &bad).await;
    let swedish = ask(&office, &app, "sv", &bad).await;
    let [_, message] = messages(&english, &swedish);
    assert_eq!(english.bad_fields(), swedish.bad_fields());
    let fields = swedish.error()["extensions"]["fields"].as_array().unwrap();
    let name = fields.iter().find(|field| field["path"] == "input.name").unwrap();
    assert_eq!(name["message"], "får inte vara tom");
    assert!(message.contains("input.name får inte vara tom"), "{message}");

    let few = app.with(&[("SAMREGISTER_MAX_ALIASES", "3")]);
    let aliases: String = (0..4).map(|index| format!("a{index}: viewer {{ subject }} ")).collect();
    let [english, swedish] = both(&few, json!({ "query": format!("{{ {aliases} }}") })).await;
    assert!(english.starts_with("The document has 4 aliases; at most 3 are allowed."), "{english}");
    assert_eq!(
        swedish,
        "Dokumentet har 4 alias; högst 3 är tillåtet. Begär mindre, eller skicka flera förfrågningar."
    );
});

on_both!(other_routes_answer_in_the_language_of_the_request, |app| async move {
    let office = app.office();
    let request = office
        .request(Method::GET, &format!("/files/invoices/invoice_{NOTHING}.pdf"))
        .header(header::ACCEPT_LANGUAGE, "sv");
    let answer = app.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.error()["message"], "filen finns inte");
    assert_eq!(answer.header("content-language"), "sv");

    let body = json!({ "query": "{ viewer { subject } }" });
    let answer = ask(&app.no_one(), &app, "sv", &body).await;
    assert_eq!(answer.code(), "UNAUTHENTICATED");
    let message = answer.error()["message"].as_str().unwrap();
    assert!(message.starts_with("en åtkomsttoken behövs"), "{message}");
    let answer = ask(&app.no_one(), &app, "de", &body).await;
    let message = answer.error()["message"].as_str().unwrap();
    assert!(message.starts_with("a token is needed"), "{message}");
});

on_both!(caches_do_not_mix_languages, |app| async move {
    let office = app.office();
    let get = async |language: &str, known: &str| {
        let request = office
            .request(Method::GET, MEMBERS)
            .header(header::ACCEPT_LANGUAGE, language)
            .header(header::IF_NONE_MATCH, known);
        app.send(request.body(Body::empty()).unwrap()).await
    };
    let english = get("en", "\"none\"").await;
    let swedish = get("sv", "\"none\"").await;
    for (answer, language) in [(&english, "en"), (&swedish, "sv")] {
        assert_eq!(answer.header("content-language"), language);
        assert!(answer.header("vary").to_lowercase().contains("accept-language"));
    }
    let [english, swedish] = [english, swedish].map(|answer| answer.header("etag").to_owned());
    assert_ne!(english, swedish);
    assert_eq!(get("sv", &english).await.status, StatusCode::OK);
    assert_eq!(get("sv", &swedish).await.status, StatusCode::NOT_MODIFIED);
    assert_eq!(get("sv-SE,sv;q=0.9", &swedish).await.status, StatusCode::NOT_MODIFIED);
});

/// Introduces the office, with a language.
async fn introduce(client: &mut Client, app: &App, language: Option<&str>) {
    let mut payload = json!({ "authorization": app.office().authorization() });
    if let Some(language) = language {
        payload["language"] = language.into();
    }
    client.say(json!({ "type": "connection_init", "payload": payload })).await;
    assert_eq!(client.hear().await, json!({ "type": "connection_ack" }));
}

on_both!(sockets_have_a_language, |app| async move {
    let server = HttpServer::start(&app).await;
    let swedish = ("accept-language", "sv-SE");
    for (header, payload, expected) in [
        (None, None, "Unknown field"),
        (Some(swedish), None, "Okänt fält"),
        (None, Some("sv"), "Okänt fält"),
        (Some(swedish), Some("en-US"), "Unknown field"),
        (Some(swedish), Some("de"), "Okänt fält"),
    ] {
        let headers: Vec<_> = header.into_iter().chain([PROTOCOL]).collect();
        let mut client = server.upgrade(&headers).await.unwrap();
        introduce(&mut client, &app, payload).await;
        client.subscribe("1", "{ nothing }").await;
        let refused = client.hear().await;
        let message = refused["payload"][0]["message"].as_str().unwrap();
        assert!(message.starts_with(expected), "{refused}");

        client.subscribe("2", "{ members(first: -1) { nodes { id } } }").await;
        let answer = client.hear().await;
        let message = answer["payload"]["errors"][0]["message"].as_str().unwrap();
        assert_eq!(message.contains("måste vara 0 till"), expected == "Okänt fält", "{answer}");
    }
});

on_both!(enum_values_have_labels_in_both_languages, |app| async move {
    for (arguments, expected) in
        [("", "Uppsagt"), ("(language: SV)", "Uppsagt"), ("(language: EN)", "Notice given")]
    {
        let document = format!("{{ enumLabels{arguments} {{ name values {{ value label }} }} }}");
        let answer = app.member(&format!("member_{NOTHING}")).query(&document).await;
        let enums = answer["enumLabels"].as_array().unwrap();
        let status = enums.iter().find(|of| of["name"] == "AgreementStatus").unwrap();
        let values = status["values"].as_array().unwrap();
        let label = values.iter().find(|value| value["value"] == "NOTICE_GIVEN").unwrap();
        assert_eq!(label["label"], expected);
    }
});
