//! The size of a response: counted while it is made, in long texts, lists without pages and errors,
//! over every transport.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    fixtures::{BUYERS, EARNERS},
    http_server::HttpServer,
    lifecycle_fixtures::{Register, mutate},
};

/// The id of a published version with one parameter.
async fn version(app: &App) -> String {
    let parameters = json!([{ "name": "text", "label": "Text", "type": "TEXT", "required": true }]);
    let new = json!({ "slug": "prov", "title": "Prov", "kind": "PARTICIPATION", "body": "{{ text }}", "parameters": parameters });
    let created = mutate(&app.office(), "templateCreate", new, "versions { id }").await;
    created["templateCreate"]["versions"][0]["id"].as_str().unwrap().to_owned()
}

on_both!(links_with_long_parameters_count_before_they_are_made, |app| async move {
    let version = version(&app).await;
    let app = app.with(&[
        ("SAMREGISTER_MAX_COMPLEXITY", "1000000"),
        ("SAMREGISTER_MAX_ANSWER_BYTES", "1000000"),
    ]);
    let fields: String =
        (0..60).map(|n| format!("a{n}: preview(parameters: $p) {{ pdfUrl }} ")).collect();
    let document = format!(
        "query($id: ID!, $p: JSON!) {{ node(id: $id) {{ ... on AgreementTemplateVersion {{ {fields} }} }} }}"
    );
    // 1.6 MB of links.
    let given = json!({ "id": version, "p": { "text": "Avtalet gäller. ".repeat(1_200) } });
    let begun = Instant::now();
    let refused = app.office().ask(&document, given).await;
    assert_eq!(
        (refused.code(), &refused.error()["extensions"]["reason"]),
        ("INVALID", &json!("ANSWER_TOO_LARGE")),
        "{:.500}",
        refused.text()
    );
    assert!(
        refused.bytes.len() < 1_000 && begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
    let one = "query($id: ID!, $p: JSON!) { node(id: $id) { ... on AgreementTemplateVersion { a: preview(parameters: $p) { pdfUrl } \
        b: preview(parameters: $p) { pdfUrl } } } }";
    let answer = app.office().ask(one, json!({ "id": version, "p": { "text": "Kort" } })).await;
    let url = answer["node"]["a"]["pdfUrl"].as_str().unwrap();
    assert!(
        url.contains(".pdf?parameters=eyJ0ZXh0IjoiS29ydCJ9&signature=")
            && answer["node"]["b"]["pdfUrl"] == url,
        "{url}"
    );
});

on_both!(lists_without_pages_count_by_their_length, |app| async move {
    let invoices: String = (0..20)
        .map(|n| format!("i{n},{},INVOICE,gotland,2026-01-15,2026-02-14,,\n", n + 1))
        .collect();
    let lines: String = (0..20)
        .flat_map(|n| (0..1_000).map(move |line| format!("i{n},Rad {line},bip,,,,1,1.00,ZERO\n")))
        .collect();
    app.import(&[
        BUYERS[0],
        BUYERS[1],
        EARNERS,
        ("invoices.csv", &format!("key,number,kind,buyer,issued_on,due_on,credits,rounding\n{invoices}")),
        (
            "invoice_lines.csv",
            &format!("invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate\n{lines}"),
        ),
    ])
    .await;
    let ask = async |aliases: usize| {
        let fields: String = (0..aliases)
            .map(|n| format!("a{n}: invoices(first: 20) {{ nodes {{ lines {{ net }} }} }} "))
            .collect();
        app.finance().query(&format!("{{ {fields} }}")).await
    };
    assert_eq!(ask(2).await["a1"]["nodes"][19]["lines"].as_array().unwrap().len(), 1_000);
    let refused = ask(6).await;
    assert_eq!(refused.bad_fields(), ["query"]);
    assert_eq!(
        refused.error()["message"],
        "query returns more than 100000 rows in lists without pagination; request fewer"
    );
});

on_both!(the_first_errors_are_reported_and_the_rest_are_counted, |app| async move {
    let version = version(&app).await;
    let app =
        app.with(&[("SAMREGISTER_MAX_ALIASES", "700"), ("SAMREGISTER_MAX_COMPLEXITY", "1000000")]);
    let fields: String = (0..600)
        .map(|n| {
            format!("a{n}: node(id: \"{version}\") {{ ... on AgreementTemplateVersion {{ preview(parameters: {{}}) {{ pdfUrl }} }} }} ")
        })
        .collect();
    let answer = app.office().query(&format!("{{ {fields} }}")).await;
    assert_eq!(
        (answer.errors().len(), &answer.json["extensions"]["omittedErrors"]),
        (500, &json!(100))
    );
    assert_eq!(
        (&answer.errors()[0]["path"][0], &answer.errors()[499]["path"][0]),
        (&json!("a0"), &json!("a499"))
    );
});

on_both!(an_answer_that_is_too_large_is_not_made_over_any_way_of_asking, |app| async move {
    let register = Register::fill(&app).await;
    let app = app.with(&[("SAMREGISTER_MAX_ANSWER_BYTES", "2000")]);
    let names: String = (0..190).map(|n| format!("a{n}:id ")).collect();
    let member = register.id("Förbund 00");
    let document = format!("{{node(id:\"{member}\"){{{names}}}}}");
    let is_refused = |answer: &Value| {
        answer["errors"][0]["extensions"]["reason"] == "ANSWER_TOO_LARGE"
            && answer["data"].is_null()
    };
    let query: String = document.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let got = app.office().get(&format!("/graphql?query={query}")).await;
    assert!(is_refused(&got.json) && got.bytes.len() < 1_000, "{:.500}", got.text());

    let served = HttpServer::start(&app).await;
    let mut client = served.client(&app.office()).await;
    client.subscribe("1", &document).await;
    let message = client.hear().await;
    let payload = if message["type"] == "error" {
        json!({ "errors": message["payload"] })
    } else {
        message["payload"].clone()
    };
    assert!(is_refused(&payload) && message.to_string().len() < 1_000, "{message:.500}");

    let mut client = served.client(&app.office()).await;
    client.subscribe("2", &format!("subscription {{ changes {{ node {{ {names} }} }} }}")).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    mutate(&app.office(), "memberUpdate", json!({ "memberId": member, "name": "Nytt namn" }), "id")
        .await
        .data();
    let message = client.hear().await;
    let payload = if message["type"] == "error" {
        json!({ "errors": message["payload"] })
    } else {
        message["payload"].clone()
    };
    assert!(is_refused(&payload) && message.to_string().len() < 1_000, "{message:.500}");
    drop(client);
    served.stop().await;
});
