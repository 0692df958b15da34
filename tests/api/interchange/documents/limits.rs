//! Limits of texts: those that can't be typeset are rejected on input, and no other text delays
//! others.

use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    caller::Answer,
    lifecycle_fixtures::{Register, drafted, mutate, raw, sql_id, with},
};

const PREVIEW: &str = "query($id: ID!, $parameters: JSON!) { node(id: $id) { ... on AgreementTemplateVersion { preview(parameters: $parameters) { html sha256 } } } }";

/// Returns a text of 30 kB that takes a shaper minutes.
fn stack() -> String {
    format!("a{}", "\u{301}".repeat(15_000))
}

async fn template(app: &App, slug: &str, body: &str) -> Answer {
    let parameters = json!([{ "name": "text", "label": "Text", "type": "TEXT", "required": false, "default": "Exempel" }]);
    let body = format!("{body}\n\n{{{{ text }}}}\n");
    let input = json!({ "slug": slug, "title": "Avtal om prov", "kind": "PARTICIPATION", "body": body, "parameters": parameters });
    mutate(&app.office(), "templateCreate", input, "id versions { id }").await
}

/// The id of a published version with one parameter.
async fn published(app: &App) -> (String, String) {
    let created =
        template(app, "prov", "## Om {{ text }}\n\n- {{ text }}\n\n|a|\n|---|\n|{{ text }}|").await
            ["templateCreate"]
            .clone();
    let version = created["versions"][0]["id"].as_str().unwrap().to_owned();
    mutate(&app.office(), "templateVersionPublish", json!({ "templateVersionId": version }), "id")
        .await
        .data();
    (created["id"].as_str().unwrap().to_owned(), version)
}

on_both!(a_parameter_that_cannot_be_set_is_refused_where_it_enters, |app| async move {
    let register = Register::fill(&app).await;
    let (template, version) = published(&app).await;
    let member = app.member(register.id("Förbund 00"));
    let new = |text: &str| {
        with(
            register.draft(0, "bip", "2027-01-01"),
            json!({ "templateId": template, "parameters": { "text": text } }),
        )
    };
    let draft = drafted(&app, new("Gott")).await;
    let started = Instant::now();
    for text in [stack().as_str(), "\u{fe0f}", "\u{200b}\u{2060}", "\u{3164}", "\u{ad}"] {
        let preview =
            member.ask(PREVIEW, json!({ "id": version, "parameters": { "text": text } })).await;
        assert_eq!(preview.bad_fields(), ["parameters.text"], "{text:.20}");
        let given = URL_SAFE_NO_PAD.encode(json!({ "text": text }).to_string());
        let file = member.get(&format!("/files/templates/{version}.pdf?parameters={given}")).await;
        assert_eq!(
            (file.status.as_u16(), file.bad_fields()),
            (400, vec!["parameters.text"]),
            "{text:.20}"
        );
        for (mutation, input) in [
            ("agreementDraft", new(text)),
            (
                "agreementDraftUpdate",
                json!({ "agreementId": draft, "parameters": { "text": text } }),
            ),
        ] {
            let refused = mutate(&app.office(), mutation, input, "id").await;
            assert_eq!(refused.bad_fields(), ["input.parameters.text"], "{mutation} {text:.20}");
        }
    }
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    // Thirty marks are more than any language stacks, and are set.
    let text = format!("a{}", "\u{301}".repeat(30));
    member.ask(PREVIEW, json!({ "id": version, "parameters": { "text": text } })).await.data();
    // What was stored before such values were refused is named too, and is no failure of the
    // server.
    for text in ["\u{fe0f}".to_owned(), stack()] {
        let stored = json!({ "text": text }).to_string();
        raw(
            &app,
            &format!(
                "UPDATE agreement_parameters SET parameters = '{stored}' WHERE agreement_id = {}",
                sql_id(&app, &draft)
            ),
        )
        .await
        .unwrap();
        let refused =
            mutate(&app.office(), "agreementOffer", json!({ "agreementId": draft }), "id").await;
        assert_eq!(refused.bad_fields(), ["agreement.parameters.text"]);
    }
});

on_both!(a_text_that_cannot_be_set_is_refused_with_its_template, |app| async move {
    let started = Instant::now();
    let table = |columns: usize, rows: usize| {
        format!(
            "|{}\n|{}\n{}",
            "a|".repeat(columns),
            "-|".repeat(columns),
            format!("|{}\n", "b|".repeat(columns)).repeat(rows)
        )
    };
    for (body, message) in [
        (
            format!("[a](https://nnsfinsam.se/{})", "x".repeat(8_000)),
            "has a link to an address of 8021 bytes",
        ),
        ("## \u{fe0f}".to_owned(), "has the invisible character U+FE0F"),
        ("## &#x200b;".to_owned(), "has a heading that shows nothing"),
        ("[a](https://nnsfinsam.se) ".repeat(5_000), "becomes longer than 90 kB"),
        ("[a](http://b) ".repeat(5_000), "and 5000 links"),
        (table(12, 3_000), "36012 table cells"),
        ("> a\n\n".repeat(3_000), "% of the time that setting a document may take"),
        ("- a\n".repeat(5_000), "% of the time that setting a document may take"),
        ("*a* ".repeat(20_000), "% of the time that setting a document may take"),
        (stack(), "(U+0301), which documents can't show"),
    ] {
        let refused = template(&app, "prov", &body).await;
        assert_eq!(refused.bad_fields(), ["input.body"], "{body:.40}");
        assert!(refused.text().contains(message), "{body:.40}: {:.500}", refused.text());
    }
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    for title in ["\u{fe0f}", "\u{200b}", "\u{2800}"] {
        let input = json!({ "slug": "prov", "title": title, "kind": "PARTICIPATION", "body": "Text", "parameters": [] });
        assert_eq!(
            mutate(&app.office(), "templateCreate", input, "id").await.bad_fields(),
            ["input.title"],
            "{title:?}"
        );
    }
    let files = [
        (
            "templates.csv",
            "slug,title,kind,activity,version,state,language,body_file,parameters_file\nprov,\u{200b},PARTICIPATION,,1,DRAFT,sv,t.md,\n",
        ),
        ("t.md", "## \u{fe0f}\n"),
    ];
    let bad = app.try_import(&files).await.unwrap_err().to_string();
    assert!(bad.contains("templates.csv:2: title: shows nothing"), "{bad}");
});

on_both!(a_link_shows_where_it_leads, |app| async move {
    let version =
        template(&app, "prov", "[https://nnsfinsam.se](https://evil.example) [https://evil.example.se](https://evil.example)").await;
    let version = &version["templateCreate"]["versions"][0]["id"];
    let html = app.office().ask(PREVIEW, json!({ "id": version, "parameters": {} })).await;
    let html = html["node"]["preview"]["html"].as_str().unwrap();
    let shown = "nofollow noopener noreferrer\">https:&#x2f;&#x2f;nnsfinsam.se</a> (https:&#x2f;&#x2f;evil.example) ";
    assert!(
        html.contains(shown) && html.matches("(https:&#x2f;&#x2f;evil.example)").count() == 2,
        "{html}"
    );
});

on_both!(a_text_with_many_errors_is_checked_in_linear_time, |app| async move {
    let line = "{{ nobody }} {{ member.nothing }} {{ 1 / 2 }}\n";
    let check = async |lines: usize| {
        let (body, started) = (line.repeat(lines), Instant::now());
        let input = json!({ "slug": "prov", "title": "Prov", "kind": "PARTICIPATION", "body": body, "parameters": [] });
        let refused = mutate(&app.office(), "templateCreate", input, "id").await;
        let fields = refused.error()["extensions"]["fields"].as_array().unwrap().clone();
        (fields, started.elapsed())
    };
    let (few, _) = check(30).await;
    assert_eq!(few.len(), 90);
    let (many, took) = check(4_000).await;
    assert_eq!(
        (many.len(), &many[0]["message"]),
        (101, &json!("has more errors than the 100 listed; fix these first"))
    );
    assert_eq!(many[1]["message"].as_str().unwrap().split(':').next(), Some("line 1"));
    assert!(took < Duration::from_secs(5), "{took:?}");
    // Values for parameters that there are not.
    let version =
        template(&app, "annan", "Text").await["templateCreate"]["versions"][0]["id"].clone();
    let given: serde_json::Map<String, Value> =
        (0..40_000).map(|number| (format!("p{number}"), json!(1))).collect();
    let started = Instant::now();
    let refused = app.office().ask(PREVIEW, json!({ "id": version, "parameters": given })).await;
    assert_eq!(
        (refused.bad_fields().len(), started.elapsed() < Duration::from_secs(5)),
        (100, true),
        "{:?}",
        started.elapsed()
    );
});

on_both!(texts_that_show_nothing_are_refused_everywhere, |app| async move {
    let register = Register::fill(&app).await;
    let (member, bip) = (register.id("Förbund 00"), register.id("bip"));
    let line = json!({ "description": "\u{200b}", "unitPrice": "1", "vatRate": "EXEMPT" });
    for (mutation, input, field) in [
        (
            "invoiceDraft",
            json!({ "buyerId": member, "lines": [line] }),
            "input.lines.0.description",
        ),
        ("memberAdmit", json!({ "name": "\u{2060}", "joinedOn": "2026-01-01" }), "input.name"),
        (
            "memberUpdate",
            json!({ "memberId": member, "billing": { "addressLine": "\u{fe0f}" } }),
            "input.billing.addressLine",
        ),
        ("organisationAdd", json!({ "name": "\u{3164}" }), "input.name"),
        ("activityUpdate", json!({ "activityId": bip, "name": "\u{ad}" }), "input.name"),
        (
            "costRecord",
            json!({ "activityId": bip, "bookedOn": "2026-01-01", "amount": "1", "description": "\u{2800}" }),
            "input.description",
        ),
        ("memberAdmit", json!({ "name": stack(), "joinedOn": "2026-01-01" }), "input.name"),
    ] {
        assert_eq!(
            mutate(&app.office(), mutation, input.clone(), "__typename").await.bad_fields(),
            [field],
            "{mutation} {input:.80}"
        );
    }
});

on_both!(one_who_asks_for_many_documents_delays_no_one_else, |app| async move {
    let app = app.with_lanes();
    let register = Register::fill(&app).await;
    let (_, version) = published(&app).await;
    let draft = drafted(&app, register.draft(0, "bip", "2027-01-01")).await;
    let member = app.member(register.id("Förbund 00"));
    // As long as may be, in as many requests as may be.
    let text = "Medlemmen betalar avgiften. ".repeat(700);
    let given = URL_SAFE_NO_PAD.encode(json!({ "text": text }).to_string());
    let path = format!("/files/templates/{version}.pdf?parameters={given}");
    let hostile = join_all((0..32).map(|_| member.get(&path)));
    let offered = async {
        // When the others have begun.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let started = Instant::now();
        mutate(&app.office(), "agreementOffer", json!({ "agreementId": draft }), "number")
            .await
            .data();
        started.elapsed()
    };
    let mut offered = std::pin::pin!(offered);
    let took = tokio::select! {
        took = &mut offered => took,
        _ = hostile => offered.await,
    };
    assert!(took < Duration::from_secs(20), "{took:?}");
});

on_both!(files_have_a_time_limit, |app| async move {
    let (_, version) = published(&app).await;
    let hurried = app.with(&[("SAMREGISTER_REQUEST_SECONDS", "1")]);
    let office = hurried.office();
    // Another subject's many documents wait before this one.
    let text = "Medlemmen betalar avgiften. ".repeat(700);
    let given = URL_SAFE_NO_PAD.encode(json!({ "text": text }).to_string());
    let path = format!("/files/templates/{version}.pdf?parameters={given}");
    let started = Instant::now();
    let answers = join_all((0..16).map(|_| office.get(&path))).await;
    let late = answers
        .iter()
        .filter(|answer| {
            answer.status == 400 && answer.error()["extensions"]["reason"] == "LIMIT_TIME"
        })
        .count();
    assert!(
        late > 0 && answers.iter().all(|answer| answer.status == 200 || answer.status == 400),
        "{late} were late"
    );
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
});

on_both!(sums_of_the_largest_amounts_do_not_overflow, |app| async move {
    Register::fill(&app).await;
    let rows: String = (0..1_100)
        .map(|number| format!("bip,2026-03-01,10000000000.00,Kostnad {number}\n"))
        .collect();
    let file = format!("activity,booked_on,amount,description\n{rows}");
    app.import(&[("costs.csv", &file)]).await;
    let ask = "{ activity(by: { slug: \"bip\" }) { economy(year: 2026) { cost } breakEven(year: 2026) { __typename } } }";
    let answer = app.finance().query(ask).await;
    assert_eq!(answer["activity"]["economy"]["cost"], "11000000000000.00");
    for (path, sum) in [
        ("/files/revenue.csv?from=2026-01-01&to=2026-12-31", "11000000000000.00"),
        ("/files/revenue.xlsx?from=2026-01-01&to=2026-12-31", "PK"),
    ] {
        let file = app.finance().get(path).await;
        assert!(
            file.status == 200 && file.text().contains(sum),
            "{path}: {} {:.500}",
            file.status,
            file.text()
        );
    }
    let more = file.replace("10000000000.00", "10000000000.01");
    let bad = app.try_import(&[("costs.csv", &more)]).await.unwrap_err().to_string();
    assert!(bad.contains("must be from -10000000000.00 to 10000000000.00 kronor"), "{bad:.500}");
});
