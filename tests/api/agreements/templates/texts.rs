//! The texts of templates: checks when they are saved, the data that they may show, and previews of
//! them.

use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    caller::Answer,
    lifecycle_fixtures::{Register, drafted, mutate, raw, sql_id, with},
};

const CREATE: &str = "mutation($input: TemplateCreateInput!) { templateCreate(input: $input) { template { versions { id } } } }";
const PREVIEW: &str = "query($id: ID!, $parameters: JSON!) { node(id: $id) { ... on AgreementTemplateVersion { preview(parameters: $parameters) { html pdfUrl sha256 } } } }";

async fn create(app: &App, slug: &str, body: &str, parameters: Value) -> Answer {
    let input = json!({ "slug": slug, "title": "Avtal om prov", "kind": "PARTICIPATION", "body": body, "parameters": parameters });
    app.office().ask(CREATE, json!({ "input": input })).await
}

async fn created(app: &App, slug: &str, body: &str, parameters: Value) -> String {
    create(app, slug, body, parameters).await["templateCreate"]["template"]["versions"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Returns the errors of a body.
async fn errors(app: &App, body: &str) -> Vec<String> {
    let answer = create(app, "prov", body, json!([])).await;
    assert_eq!(answer.code(), "INVALID", "{body}: {}", answer.text());
    let fields = answer.error()["extensions"]["fields"].as_array().unwrap();
    fields
        .iter()
        .map(|field| {
            assert_eq!(field["path"], "input.body");
            field["message"].as_str().unwrap().to_owned()
        })
        .collect()
}

async fn preview(app: &App, version: &str, parameters: Value) -> Answer {
    app.office().ask(PREVIEW, json!({ "id": version, "parameters": parameters })).await
}

fn parameter(name: &str, kind: &str, required: bool) -> Value {
    json!({ "name": name, "label": "Fråga", "type": kind, "required": required })
}

on_both!(one_error_names_all_that_is_wrong_with_a_text, |app| async move {
    let body = "## Avtal {{ agreement.numbr }}\n\n{{ membr.name }} och {{ member.phone }}\n{% if fee %}{{ fee }}\n{% if okänd %}{% else %}{{ fee.amount | dattum }}{% endif %}{% endif %}\n\
        {{ agreement.starts_on | kronor }} {{ member.name.upper }} {{ member['name'] }}\n{{ fee.amount | kronor(\"x\") }} {% if fee.basis == \"YEARLY\" %}{% endif %}\n\
        {{ days }} {{ days.hours }} {% if days > \"3\" %}{% endif %} {{ member.name if days else days }}\n";
    let body = body.replace("okänd", "unknown");
    let answer = create(
        &app,
        "prov",
        &body,
        json!([parameter("days", "INTEGER", true), parameter("unused", "TEXT", false)]),
    )
    .await;
    assert_eq!(answer.code(), "INVALID", "{}", answer.text());
    let fields = answer.error()["extensions"]["fields"].as_array().unwrap();
    let lines: Vec<_> = fields
        .iter()
        .map(|field| {
            format!("{}: {}", field["path"].as_str().unwrap(), field["message"].as_str().unwrap())
        })
        .collect();
    insta::allow_duplicates!(insta::assert_snapshot!(lines.join("\n"), @r"
    input.parameters.1.name: is not used in the text: unused
    input.body: line 1: agreement.numbr is not built in; there are agreement.number, agreement.starts_on, agreement.ends_on, agreement.notice_months, agreement.renewal_months
    input.body: line 3: member.phone is not built in; there are member.name, member.org_number, member.address_line, member.postal_code, member.city
    input.body: line 3: membr is neither declared nor built in
    input.body: line 4: fee can't be shown as a whole; choose one of fee.summary, fee.amount, fee.per_mille, fee.cap, fee.minimum, fee.basis, fee.vat, fee.vat_percent
    input.body: line 5: there is no filter dattum; there are datum, kronor, tal_i_ord, manader
    input.body: line 5: unknown is neither declared nor built in
    input.body: line 6: has a subscript in brackets, which is not supported in texts; use parameters and built-in placeholders
    input.body: line 6: the filter kronor takes an amount, but gets a day
    input.body: line 6: uses .upper of a value, which has no fields
    input.body: line 7: fee.basis is never YEARLY; it is one of FIXED_PER_YEAR, PER_MILLE_OF_ALLOCATION, PER_PARTICIPANT, ONE_OFF
    input.body: line 7: the filter kronor takes nothing in parentheses
    input.body: line 8: compares a whole number with text
    input.body: line 8: shows one of two values of different types; use an if statement
    input.body: line 8: uses .hours of a value, which has no fields
    "));
    assert_eq!(app.revision().await, 0);
    // Without them it is good.
    created(
        &app,
        "prov",
        "{{ days }} {{ member.name }}",
        json!([parameter("days", "INTEGER", true)]),
    )
    .await;
});

on_both!(hostile_texts_are_refused_at_once, |app| async move {
    let long = |part: &str, times: usize| part.repeat(times);
    let started = Instant::now();
    for (body, says) in [
        ("{{ member.name".to_owned(), "line 1: can't be read: "),
        ("\n\n{% if member %}".into(), "line 3: can't be read: "),
        ("{{ \"member }}".into(), "line 1: can't be read: "),
        ("{# ".into(), "line 1: can't be read: "),
        ("\n{% for i in range(1000000000) %}{% for j in range(1000000000) %}x{% endfor %}{% endfor %}".into(), "line 2: has {% for %}"),
        ("{% include \"/etc/passwd\" %}".into(), "line 1: has {% include %}"),
        ("{% extends \"x\" %}{% import \"x\" as x %}".into(), "line 1: has {% extends %}"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}".into(), "line 1: has {% macro %}"),
        ("{% set x = 1 %}".into(), "line 1: has {% set %}"),
        ("{% autoescape false %}{{ member.name }}{% endautoescape %}".into(), "line 1: has {% autoescape %}"),
        ("{% block x %}{% endblock %}".into(), "line 1: has {% block %}"),
        ("{{ ''.__class__ }}".into(), "line 1: uses .__class__ of a value"),
        ("{{ member.__class__.__mro__ }}".into(), "line 1: member.__class__ is not built in"),
        ("{{ self }} {{ loop }} {{ config }}".into(), "line 1: config is neither declared nor built in"),
        ("{{ range(1000000000) }}".into(), "line 1: has a call"),
        ("{{ cycler('x').__init__.__globals__ }}".into(), "line 1: has a call"),
        ("{{ 'x' * 1000000000 }}".into(), "line 1: calculates with something other"),
        ("{{ 'x' ~ 'y' }}".into(), "line 1: has an unsupported operator"),
        ("{{ 9 ** 999999999 }}".into(), "line 1: has an unsupported operator"),
        ("{{ [1] * 1000000000 }}".into(), "line 1: has a list literal"),
        ("{{ member.name | upper }}".into(), "line 1: there is no filter upper"),
        ("{% if false %}{{ member.name | safe }}{% endif %}".into(), "line 1: there is no filter safe"),
        ("{% if member is divisibleby(3) %}{% endif %}".into(), "line 1: there is no test divisibleby"),
        (format!("{{{{ {} }}}}", long("(", 5000)), "line 1: has more than 100 words and signs"),
        (format!("{{{{ 1{} }}}}", long(" + 1", 20000)), "line 1: has more than 100 words and signs"),
        (format!("{{{{ member{} }}}}", long(".name", 20000)), "line 1: has more than 100 words and signs"),
        (format!("{{{{ member.name{} }}}}", long("|datum", 20000)), "line 1: has more than 100 words and signs"),
        (format!("{}{}", long("{% if fee %}", 5000), long("{% endif %}", 5000)), "must not have more than 200 conditions"),
        (format!("{{% if fee %}}{}{{% endif %}}", long("{% elif fee %}", 10000)), "must not have more than 200 conditions"),
        (long("{{fee.vat}}", 18_000), "becomes longer than 90 kB"),
        (format!("{{{{ {} }}}}", ["2000000000"; 5].join(" * ")), "line 1: "),
        (long("x", 200_001), "must not be longer than 200 kB"),
        (long("\n", 20_000) + "x", "must not have more than 10000 lines"),
        ("a\u{7}b\n\u{e000}".into(), "line 1: has the invisible character U+0007"),
        (" \n".into(), "must not be empty"),
    ] {
        let found = errors(&app, &body).await;
        assert!(found.iter().any(|error| error.starts_with(says)), "{:.80}: {found:?}", body);
        assert!(found.iter().all(|error| error.len() < 500), "{:.80}: {found:?}", body);
    }
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!(app.revision().await, 0);
    // A megabyte does not get past the door.
    let answer = create(&app, "prov", &long("x", 1 << 20), json!([])).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (413, "INVALID"));
});

on_both!(a_preview_names_every_bad_parameter, |app| async move {
    let parameters = json!([
        parameter("days", "INTEGER", true),
        parameter("from", "DATE", true),
        parameter("cap", "MONEY", true),
        parameter("material", "BOOLEAN", true),
        parameter("subject", "TEXT", true),
        parameter("note", "TEXT", false),
    ]);
    let body = "{{ days }} {{ from | datum }} {{ cap | kronor }} {{ material }} {{ subject }} {{ note }}{% if note %}!{% endif %}";
    let version = created(&app, "prov", body, parameters).await;
    let bad = preview(
        &app,
        &version,
        json!({ "days": "14", "from": "2027-02-30", "cap": 5000, "note": 1, "extra": null }),
    )
    .await;
    assert_eq!(
        bad.bad_fields(),
        [
            "parameters.cap",
            "parameters.days",
            "parameters.extra",
            "parameters.from",
            "parameters.material",
            "parameters.note",
            "parameters.subject"
        ]
    );
    for none in [json!([]), json!("x"), Value::Null] {
        let answer = preview(&app, &version, none).await;
        assert_eq!(answer.code(), "INVALID", "{}", answer.text());
    }
    let good = json!({ "days": 14, "from": "2027-01-31", "cap": "8648.67", "material": false, "subject": "att pröva" });
    let html = preview(&app, &version, good).await["node"]["preview"]["html"]
        .as_str()
        .unwrap()
        .replace(['\\', '\u{a0}'], "")
        .replace("&nbsp;", "");
    assert!(html.contains("14 den 31 januari 2027 8648,67kr nej att pröva"), "{html}");
});

on_both!(no_value_is_more_than_text, |app| async move {
    let version = created(
        &app,
        "prov",
        "## Om\n\nSå: {{ subject }}.\n",
        json!([parameter("subject", "TEXT", true)]),
    )
    .await;
    for value in [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "</pre><iframe src=\"//example.se\">",
        "[a](javascript:alert(1))",
        "![a](https://example.se/a.png)",
        "#read(\"/etc/passwd\") #import \"@preview/x:1.0.0\" $ x $ @ref <label>",
        "{{ member.name }} {% include 'x' %}",
        "rad\n# ett\n\n- två\r\n```\ntre",
        "a\u{0}\u{7}\u{1b}[31m\u{202e}b\u{e000}c",
        "&lt;b&gt; &amp; &#60;script&#62;",
    ] {
        let answer = preview(&app, &version, json!({ "subject": value })).await;
        let html = answer["node"]["preview"]["html"].as_str().unwrap();
        for never in [
            "<script",
            "<img",
            "<iframe",
            "href=\"javascript",
            "<h1>ett",
            "<li>två",
            "\u{0}",
            "\u{7}",
            "\u{1b}",
            "\u{202e}",
        ] {
            assert!(!html.contains(never), "{value:?}: {never:?} in {html}");
        }
    }
});

on_both!(a_previews_pdf_has_the_rights_of_its_version, |app| async move {
    let version =
        created(&app, "prov", "{{ subject }}", json!([parameter("subject", "TEXT", true)])).await;
    let answer = preview(&app, &version, json!({ "subject": "att ödla §?/" })).await;
    let shown = &answer["node"]["preview"];
    let url = shown["pdfUrl"].as_str().unwrap();
    let given = URL_SAFE_NO_PAD.encode(r#"{"subject":"att ödla §?/"}"#);
    let path = format!("/files/templates/{version}.pdf?parameters={given}&signature=");
    assert!(url.starts_with(&path), "{url}");
    assert_eq!(shown["sha256"].as_str().unwrap().len(), 64);

    let pdf = app.office().get(url).await;
    assert_eq!(
        (pdf.status.as_u16(), pdf.header("content-type"), &pdf.bytes[..5]),
        (200, "application/pdf", &b"%PDF-"[..])
    );
    assert_eq!(pdf.header("content-disposition"), "inline; filename=\"UTKAST.pdf\"");
    assert_eq!(
        (pdf.header("x-content-type-options"), pdf.header("cache-control")),
        ("nosniff", "private, no-cache")
    );

    let refused = async |caller: crate::support::caller::Caller<'_>, path: &str| {
        let answer = caller.get(path).await;
        (answer.status.as_u16(), answer.code().to_owned())
    };
    let not_found = (404, "NOT_FOUND".to_owned());
    let bare = url.split("&signature=").next().unwrap();
    assert_eq!(refused(app.no_one(), bare).await, (401, "UNAUTHENTICATED".to_owned()));
    assert_eq!(app.no_one().get(url).await.bytes, pdf.bytes, "the link is signed");
    assert_eq!(refused(app.lead(&["bip"]), url).await, not_found);
    for path in [
        "x.pdf",
        &version,
        &format!("{version}.html"),
        "template_version_00000000000000000000000000000000.pdf",
        &version.replace("_version", ""),
    ] {
        assert_eq!(
            refused(app.office(), &format!("/files/templates/{path}")).await,
            not_found,
            "{path}"
        );
    }
    for query in [
        "",
        "?parameters=",
        "?parameters=e30",
        "?parameters=%F0%9F%99%82",
        "?parameters=W10",
        "?parameters=e30x",
    ] {
        assert_eq!(
            refused(app.office(), &format!("/files/templates/{version}.pdf{query}")).await,
            (400, "INVALID".to_owned()),
            "{query}"
        );
    }
    // What is published may be previewed by everyone.
    app.office()
        .ask(
            "mutation($id: ID!) { templateVersionPublish(input: { templateVersionId: $id }) { templateVersion { id } } }",
            json!({ "id": version }),
        )
        .await
        .data();
    assert_eq!(app.lead(&["bip"]).get(url).await.status, 200);
});

on_both!(what_texts_may_show_is_documented, |app| async move {
    let answer = app.lead(&["bip"]).query("{ templatePlaceholders { name type optional possibleValues label description example } templateFilters { name inputTypes options label description example exampleOutput } }").await;
    let placeholders = answer["templatePlaceholders"].as_array().unwrap();
    for name in [
        "network.name",
        "member.name",
        "member.org_number",
        "counterparty.city",
        "activity.name",
        "agreement.number",
        "agreement.starts_on",
        "fee.amount",
    ] {
        assert!(placeholders.iter().any(|placeholder| placeholder["name"] == name), "{name}");
    }
    assert!(placeholders.iter().all(|placeholder| {
        ["label", "description"].iter().all(|field| placeholder[field].as_str().unwrap().len() > 5)
    }));
    let find =
        |name: &str| placeholders.iter().find(|placeholder| placeholder["name"] == name).unwrap();
    assert_eq!(find("fee.amount")["example"], "20\u{a0}000,00");
    assert_eq!(
        (&find("fee.basis")["possibleValues"][0], &find("agreement.starts_on")["type"]),
        (&json!("FIXED_PER_YEAR"), &json!("DATE"))
    );

    // Every placeholder can be shown or asked for, and every filter shows what it says.
    let all: String = placeholders
        .iter()
        .map(|placeholder| {
            format!(
                "{{% if {0} %}}{{{{ {0} }}}}{{% endif %}}\n",
                placeholder["name"].as_str().unwrap()
            )
        })
        .collect();
    created(&app, "alla", &all, json!([])).await;
    for filter in answer["templateFilters"].as_array().unwrap() {
        let name = filter["name"].as_str().unwrap();
        let version = created(
            &app,
            &format!("filter-{}", name.replace('_', "-")),
            &format!("«{}»", filter["example"].as_str().unwrap()),
            json!([]),
        )
        .await;
        let shown = preview(&app, &version, json!({})).await;
        let html = shown["node"]["preview"]["html"]
            .as_str()
            .unwrap()
            .replace('\\', "")
            .replace("&nbsp;", "\u{a0}");
        assert!(
            html.contains(&format!("«{}»", filter["exampleOutput"].as_str().unwrap())),
            "{name}: {html}"
        );
    }
});

on_both!(previews_of_a_list_take_as_many_statements_as_one, |app| async move {
    for slug in ["a", "b", "c"] {
        created(&app, slug, "{{ member.name }}", json!([])).await;
    }
    let ask = |first: u32| {
        format!(
            "{{ templates(first: {first}) {{ nodes {{ versions {{ preview(parameters: {{}}) {{ html pdfUrl }} }} }} }} }}"
        )
    };
    app.office().query("{ viewer { subject } }").await.data();
    app.statements();
    app.office().query(&ask(1)).await.data();
    let one = app.statements().len();
    app.office().query(&ask(3)).await.data();
    // The page, versions; and for the previews versions, texts and templates.
    assert_eq!((one, app.statements().len()), (5, 5));
});

on_both!(a_text_about_members_is_for_members_alone, |app| async move {
    let register = Register::fill(&app).await;
    let create = json!({ "slug": "om-medlemmen", "title": "Om medlemmen", "kind": "COOPERATION", "parameters": [],
        "body": "## 1. Parter\n\n{% if member %}En medlem{% else %}Någon annan{% endif %}: {{ counterparty.name }}, {{ member.name }} i {{ member.city }}.\n" });
    let created =
        mutate(&app.office(), "templateCreate", create, "id versions { id }").await["templateCreate"]
            .clone();
    mutate(
        &app.office(),
        "templateVersionPublish",
        json!({ "templateVersionId": created["versions"][0]["id"] }),
        "id",
    )
    .await
    .data();
    let draft = |counterparty: &str| json!({ "templateId": created["id"], "counterpartyId": counterparty, "startsOn": "2027-01-01" });
    let html = mutate(
        &app.office(),
        "agreementDraft",
        draft(register.id("Förbund 00")),
        "preview { html }",
    )
    .await;
    let html = html["agreementDraft"]["preview"]["html"].as_str().unwrap().to_owned();
    assert!(html.contains("En medlem: Förbund 00, Förbund 00 i Ort 0."), "{html}");
    let refused =
        mutate(&app.office(), "agreementDraft", draft(register.id("Rådgivarna")), "id").await;
    assert_eq!(refused.reason(), "FACTS_MISSING");
    let message: Value = refused.error()["message"].clone();
    assert!(message.as_str().unwrap().contains("member.city, member.name"), "{message}");
});

on_both!(a_text_names_the_purpose_of_the_activity, |app| async move {
    let register = Register::fill(&app).await;
    let create = json!({ "slug": "om-bip", "title": "Om BIP", "kind": "PARTICIPATION", "activityId": register.id("bip"), "parameters": [],
        "body": "## 1. Uppdraget\n\n{{ activity.name }} har syftet {{ activity.purpose }} och målet {{ activity.goal }}.\n" });
    let created = mutate(
        &app.office(),
        "templateCreate",
        create,
        "id versions { id preview(parameters: {}) { html } }",
    )
    .await;
    let (template, version) =
        (&created["templateCreate"]["id"], &created["templateCreate"]["versions"][0]);
    mutate(
        &app.office(),
        "templateVersionPublish",
        json!({ "templateVersionId": version["id"] }),
        "id",
    )
    .await
    .data();
    let draft = with(
        register.draft(0, "bip", "2027-01-01"),
        json!({ "templateId": template, "parameters": {} }),
    );
    let drafted = mutate(&app.office(), "agreementDraft", draft, "preview { html }").await;
    for html in [&version["preview"]["html"], &drafted["agreementDraft"]["preview"]["html"]] {
        assert!(html.as_str().unwrap().contains("BIP har syftet Syfte och målet Mål."), "{html}");
    }
});

on_both!(values_stay_within_the_bounds_that_a_text_declares, |app| async move {
    let register = Register::fill(&app).await;
    let office = app.office();
    let parameters = json!([
        { "name": "days", "label": "Dagar", "type": "INTEGER", "default": 30, "minimum": 1, "maximum": 30 },
        { "name": "cap", "label": "Tak", "type": "MONEY", "required": false, "minimum": "0.50" },
    ]);
    let body =
        "## 1. Tid\n\nInom {{ days }} dagar{% if cap %}, högst {{ cap | kronor }}{% endif %}.\n";
    let new = |parameters: Value| json!({ "slug": "granser", "title": "Gränser", "kind": "COOPERATION", "body": body, "parameters": parameters });
    // The declaration itself.
    for (position, changes, fields) in [
        (
            0,
            json!({ "minimum": 31, "maximum": 30 }),
            &["input.parameters.0.default", "input.parameters.0.maximum"][..],
        ),
        (0, json!({ "default": 31 }), &["input.parameters.0.default"]),
        (0, json!({ "minimum": "1" }), &["input.parameters.0.minimum"]),
        (1, json!({ "minimum": 0.5 }), &["input.parameters.1.minimum"]),
        (1, json!({ "default": "0.49" }), &["input.parameters.1.default"]),
        (1, json!({ "type": "TEXT" }), &["input.body", "input.parameters.1.minimum"]),
    ] {
        let mut bad = parameters.clone();
        for (name, value) in changes.as_object().unwrap() {
            bad[position][name] = value.clone();
        }
        assert_eq!(
            mutate(&office, "templateCreate", new(bad), "id").await.bad_fields(),
            fields,
            "{changes}"
        );
    }
    let reported = "id versions { id parameters { name minimum maximum } }";
    let created =
        mutate(&office, "templateCreate", new(parameters), reported).await["templateCreate"]
            .clone();
    let version = created["versions"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        created["versions"][0]["parameters"],
        json!([{ "name": "days", "minimum": 1, "maximum": 30 }, { "name": "cap", "minimum": "0.50", "maximum": null }])
    );
    mutate(&office, "templateVersionPublish", json!({ "templateVersionId": version }), "id")
        .await
        .data();

    // Preview, draft, change and offer.
    let bad = json!({ "days": 31, "cap": "0.49" });
    let preview = app.office().ask(PREVIEW, json!({ "id": version, "parameters": bad })).await;
    assert_eq!(preview.bad_fields(), ["parameters.cap", "parameters.days"]);
    assert!(
        preview.text().contains("must be 1 to 30")
            && preview.text().contains("must be at least 0.50"),
        "{}",
        preview.text()
    );
    let input = |parameters: &Value| json!({ "templateId": created["id"], "counterpartyId": register.id("Förbund 00"), "startsOn": "2027-01-01", "parameters": parameters });
    let fields = ["input.parameters.cap", "input.parameters.days"];
    assert_eq!(mutate(&office, "agreementDraft", input(&bad), "id").await.bad_fields(), fields);
    let id = drafted(&app, input(&json!({ "days": 30, "cap": "0.50" }))).await;
    assert_eq!(
        mutate(
            &office,
            "agreementDraftUpdate",
            json!({ "agreementId": id, "parameters": bad }),
            "id"
        )
        .await
        .bad_fields(),
        fields
    );
    let sql = format!(
        "UPDATE agreement_parameters SET parameters = '{{\"days\": 0}}' WHERE agreement_id = {}",
        sql_id(&app, &id)
    );
    raw(&app, &sql).await.unwrap();
    let refused = mutate(&office, "agreementOffer", json!({ "agreementId": id }), "id").await;
    assert_eq!(refused.bad_fields(), ["agreement.parameters.days"]);

    // A public body may not be given longer than thirty days: the bundled texts comply.
    let loaded = app.program().args(["templates", "load", "--publish"]).output().unwrap();
    assert!(loaded.status.success());
    let boxed = app.office().query("{ templates(first: 50) { nodes { slug versions { parameters { name minimum maximum } } } } }").await;
    let days = boxed["templates"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|node| node["versions"][0]["parameters"].as_array().unwrap());
    let days: Vec<_> = days.filter(|parameter| parameter["name"] == "payment_days").collect();
    assert_eq!(days.len(), 6);
    assert!(
        days.iter()
            .all(|days| **days == json!({ "name": "payment_days", "minimum": 1, "maximum": 30 })),
        "{days:?}"
    );
});

on_both!(a_text_is_in_swedish, |app| async move {
    for language in ["en", "en-GB", "sv-FI", "Swedish", ""] {
        let new = json!({ "slug": "prov", "title": "Prov", "kind": "COOPERATION", "body": "Text", "language": language, "parameters": [] });
        let refused = mutate(&app.office(), "templateCreate", new, "id").await;
        assert_eq!(refused.bad_fields(), ["input.language"], "{language}");
    }
    let head = "slug,title,kind,activity,version,state,language,body_file,parameters_file\n";
    let row = |state: &str| format!("{head}prov,Prov,COOPERATION,,1,{state},en,t/a.md,\n");
    let import = async |state: &str| {
        app.try_import(&[("templates.csv", &row(state)), ("t/a.md", "Text")]).await
    };
    let bad = import("PUBLISHED").await.unwrap_err().to_string();
    assert!(bad.contains("templates.csv:2: language: must be sv"), "{bad}");
    // What is retired is history, and nothing is made from it.
    assert_eq!(import("RETIRED").await.unwrap().files[0].added, 1);
});
