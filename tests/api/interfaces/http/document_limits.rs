//! Limits of a GraphQL document and of its answer.

use axum::http::StatusCode;

use crate::{
    interfaces::http::server::{QUESTION, is_refused},
    support::app::App,
};

#[tokio::test]
async fn a_document_beyond_a_limit_is_refused_in_words() {
    let app = App::sqlite().await.with(&[
        ("SAMREGISTER_MAX_DEPTH", "6"),
        ("SAMREGISTER_MAX_COMPLEXITY", "2000"),
        ("SAMREGISTER_MAX_ALIASES", "5"),
    ]);
    let nested = |levels: usize| {
        format!(
            "{{ members {{ nodes {{ {} id {} }} }} }}",
            "successor { ".repeat(levels),
            "} ".repeat(levels)
        )
    };
    let aliases = |number: usize| {
        format!(
            "{{ {} }}",
            (0..number)
                .map(|position| format!("a{position}: viewer {{ subject }}"))
                .collect::<String>()
        )
    };
    // Each spreads the one before twice: thirty of them are a thousand million fields in some 640
    // bytes.
    let bomb: String = (1..30)
        .map(|position| {
            format!(
                "fragment f{position} on Viewer {{ ...f{} ...f{} }} ",
                position - 1,
                position - 1
            )
        })
        .collect();
    let bomb = format!("{{ viewer {{ ...f29 }} }} fragment f0 on Viewer {{ subject }} {bomb}");
    let cycle = "{ viewer { ...a } } fragment a on Viewer { ...b } fragment b on Viewer { ...a }";
    app.office().query(&nested(3)).await.data();
    app.office().query(&aliases(5)).await.data();
    for (document, words) in [
        (nested(4), "levels deep; at most 6 are allowed"),
        (aliases(6), "6 aliases; at most 5 are allowed"),
        (
            "{ members(first: 200) { nodes { agreements(first: 200) { nodes { id } } } } }".into(),
            "at most 2000 are allowed",
        ),
        (bomb, "at most"),
        (cycle.into(), "cycle"),
        ("{".repeat(100_000), "brackets"),
        ("[".repeat(100_000), "brackets"),
        (format!("{{ viewer {{ {} }} }}", "subject ".repeat(30_000)), "tokens"),
        (format!("{{ viewer {{ subject {} }} }}", "@include(if: true) ".repeat(51)), "directives"),
        ("{ viewer { subject ".into(), "syntax error"),
        ("{ viewer { subject(x: \"\u{0}\") } }".into(), ""),
    ] {
        let answer = app.office().query(&document).await;
        is_refused(&answer, StatusCode::OK, "INVALID");
        assert!(
            answer.error()["message"].as_str().unwrap().contains(words),
            "{words}: {}",
            answer.text()
        );
    }
    app.office().query(QUESTION).await.data();
}

#[tokio::test]
async fn lists_within_lists_are_weighed_before_they_are_answered() {
    let app = App::sqlite().await;
    let areas = |levels: usize| {
        format!(
            "{{ members(first: 38) {{ nodes {{ {} name {} }} }} }}",
            "contactArea { members(first: 50) { nodes { ".repeat(levels),
            "} } }".repeat(levels)
        )
    };
    for levels in [2, 4, 6] {
        let answer = app.office().query(&areas(levels)).await;
        is_refused(&answer, StatusCode::OK, "INVALID");
        assert!(
            answer.error()["message"].as_str().unwrap().contains("at most 50000 are allowed"),
            "{}",
            answer.text()
        );
    }
    app.office().query(&areas(1)).await.data();
    app.office().query("{ members(first: 200) { nodes { name contacts { name email } allocations { year amount } contactArea { boardContacts { name } members { nodes { name } } } } } }").await.data();
    app.office().query("{ invoices(first: 200) { nodes { number lines { description net } payments { receivedOn amount } creditNotes { number lines { net } } } } }").await.data();
}

#[tokio::test]
async fn an_answer_that_grows_beyond_what_was_weighed_is_broken_off() {
    let app = App::sqlite().await;
    let header = "key,member,role,name,email,phone,valid_from,valid_to,organisation,contact_area\n"
        .to_owned();
    let contacts =
        (0..80).map(|number| format!("c{number},,BOARD_MEMBER,Person {number},,,,,,Södra\n"));
    let contacts = contacts.fold(header, |text, contact| text + &contact);
    app.import(&[("contacts.csv", &contacts)]).await;
    let area = "contactArea { boardContacts { name contactArea { boardContacts { name } } } }";
    let few =
        app.office().query(&format!("{{ contacts(first: 1) {{ nodes {{ {area} }} }} }}")).await;
    let seen = &few["contacts"]["nodes"][0]["contactArea"]["boardContacts"];
    assert_eq!(seen.as_array().unwrap().len(), 80);
    let many =
        app.office().query(&format!("{{ contacts(first: 18) {{ nodes {{ {area} }} }} }}")).await;
    is_refused(&many, StatusCode::OK, "INVALID");
    assert_eq!(
        many.error()["message"],
        "query returns more than 100000 rows in lists without pagination; request fewer"
    );
}
