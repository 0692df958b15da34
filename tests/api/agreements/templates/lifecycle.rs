//! The lifecycle of templates: drafts, publication and retirement, rejected transitions, and the
//! protection of published versions by the database.

use std::process::Stdio;

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    caller::Answer,
    lifecycle_fixtures::{raw, sql_id},
};

const CREATE: &str =
    "mutation($input: TemplateCreateInput!) { templateCreate(input: $input) { template { id slug title kind activity { slug } currentVersion { version }
        versions { id version status language body publishedAt parameters { name label type required default } } } } }";
const DRAFT: &str = "mutation($input: TemplateVersionDraftInput!) { templateVersionDraft(input: $input) { templateVersion { id version status language body parameters { name } template { slug } } } }";
const PUBLISH: &str = "mutation($id: ID!) { templateVersionPublish(input: { templateVersionId: $id }) { templateVersion { id version status publishedAt template { currentVersion { version } } } } }";
const RETIRE: &str = "mutation($id: ID!) { templateVersionRetire(input: { templateVersionId: $id }) { templateVersion { id version status template { currentVersion { version } } } } }";

fn new(slug: &str) -> Value {
    json!({ "slug": slug, "title": "Avtal om prov", "kind": "COOPERATION", "body": "## 1. Tid\n\nInom {{ days }} dagar från {{ agreement.starts_on | datum }}.\n",
        "parameters": [{ "name": "days", "label": "Dagar", "type": "INTEGER", "default": 14 }] })
}

async fn create(app: &App, slug: &str) -> (String, String) {
    let answer = app.office().ask(CREATE, json!({ "input": new(slug) })).await;
    let created = &answer["templateCreate"]["template"];
    (id(&created["id"]), id(&created["versions"][0]["id"]))
}

fn id(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn publish(app: &App, version: &str) -> Answer {
    app.office().ask(PUBLISH, json!({ "id": version })).await
}

async fn retire(app: &App, version: &str) -> Answer {
    app.office().ask(RETIRE, json!({ "id": version })).await
}

async fn draft(app: &App, input: Value) -> Answer {
    app.office().ask(DRAFT, json!({ "input": input })).await
}

on_both!(a_template_is_created_as_a_draft, |app| async move {
    let answer = app.office().ask(CREATE, json!({ "input": new("prov") })).await;
    let mut created = answer["templateCreate"]["template"].clone();
    let (template, version) = (created["id"].take(), created["versions"][0]["id"].take());
    assert!(
        template.as_str().unwrap().starts_with("template_")
            && version.as_str().unwrap().starts_with("template_version_")
    );
    assert_eq!(
        created,
        json!({ "id": null, "slug": "prov", "title": "Avtal om prov", "kind": "COOPERATION", "activity": null, "currentVersion": null, "versions": [{
            "id": null, "version": 1, "status": "DRAFT", "language": "sv", "publishedAt": null, "body": new("prov")["body"],
            "parameters": [{ "name": "days", "label": "Dagar", "type": "INTEGER", "required": true, "default": 14 }] }] })
    );
    let entries = app
        .office()
        .query("{ auditEntries { nodes { action actor after subject { id } } } }")
        .await;
    let entries = entries["auditEntries"]["nodes"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    assert!(
        entries
            .iter()
            .all(|entry| entry["action"] == "templateCreate"
                && entry["actor"] == "office@example.se")
    );
    assert_eq!(
        (&entries[0]["after"]["body"], &entries[1]["after"]["slug"]),
        (&new("prov")["body"], &json!("prov"))
    );

    let before = app.revision().await;
    assert_eq!(
        app.office().ask(CREATE, json!({ "input": new("prov") })).await.reason(),
        "SLUG_TAKEN"
    );
    let mut input = new("prov-2");
    input["activityId"] = json!("activity_00000000000000000000000000000000");
    assert_eq!(app.office().ask(CREATE, json!({ "input": input })).await.code(), "NOT_FOUND");
    let bad = json!({ "slug": "Prov!", "title": " ", "kind": "COOPERATION", "language": "Swedish", "activityId": template, "body": " ",
        "parameters": [{ "name": "1", "label": "", "type": "INTEGER", "default": "x" }] });
    assert_eq!(
        app.office().ask(CREATE, json!({ "input": bad })).await.bad_fields(),
        [
            "input.activityId",
            "input.body",
            "input.language",
            "input.parameters.0.default",
            "input.parameters.0.label",
            "input.parameters.0.name",
            "input.slug",
            "input.title"
        ]
    );
    assert_eq!(app.revision().await, before);
});

on_both!(versions_are_drafted_published_and_retired, |app| async move {
    let (template, first) = create(&app, "prov").await;
    let published =
        publish(&app, &first).await["templateVersionPublish"]["templateVersion"].clone();
    assert_eq!(
        published,
        json!({ "id": first, "version": 1, "status": "PUBLISHED", "publishedAt": "2026-11-21T09:00:00Z", "template": { "currentVersion": { "version": 1 } } })
    );

    // A draft begins as the last version is, and stays one draft however often it is changed.
    let second =
        draft(&app, json!({ "templateId": template })).await["templateVersionDraft"]["templateVersion"]
            .clone();
    assert_eq!(
        second,
        json!({ "id": second["id"], "version": 2, "status": "DRAFT", "language": "sv", "body": new("x")["body"], "parameters": [{ "name": "days" }], "template": { "slug": "prov" } })
    );
    let revision = app.revision().await;
    assert_eq!(
        draft(&app, json!({ "templateId": template })).await["templateVersionDraft"]["templateVersion"]
            ["id"],
        second["id"]
    );
    assert_eq!(app.revision().await, revision, "nothing was changed");
    let changed = draft(
        &app,
        json!({ "templateId": template, "body": "Ny text\r\n", "parameters": [], "language": "sv" }),
    )
    .await;
    assert_eq!(
        changed["templateVersionDraft"]["templateVersion"],
        json!({ "id": second["id"], "version": 2, "status": "DRAFT", "language": "sv", "body": "Ny text\n", "parameters": [], "template": { "slug": "prov" } })
    );
    let second = id(&second["id"]);

    // The newest published one is current; those before stay published until they are retired.
    assert_eq!(
        publish(&app, &second).await["templateVersionPublish"]["templateVersion"]["template"]["currentVersion"]
            ["version"],
        2
    );
    let states =
        app.office().query(r#"{ template(by: { slug: "prov" }) { versions { status } } }"#).await;
    assert_eq!(
        states["template"]["versions"],
        json!([{ "status": "PUBLISHED" }, { "status": "PUBLISHED" }])
    );
    assert_eq!(
        retire(&app, &second).await["templateVersionRetire"]["templateVersion"]["template"]["currentVersion"]
            ["version"],
        1
    );
    assert_eq!(
        retire(&app, &first).await["templateVersionRetire"]["templateVersion"]["template"]["currentVersion"],
        Value::Null
    );
    // The next one follows the last, whatever became of it.
    assert_eq!(
        draft(&app, json!({ "templateId": template })).await["templateVersionDraft"]["templateVersion"]
            ["version"],
        3
    );
});

on_both!(forbidden_moves_are_refused_and_change_nothing, |app| async move {
    let (template, first) = create(&app, "prov").await;
    let refused = |answer: Answer, reason: &str, words: &str| {
        assert_eq!(answer.reason(), reason);
        let message = answer.error()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(words) && !message.ends_with('.'), "{message}");
    };
    let revision = app.revision().await;
    refused(retire(&app, &first).await, "NOT_PUBLISHED", "version 1 is a draft");
    assert_eq!(app.revision().await, revision);
    publish(&app, &first).await.data();
    let revision = app.revision().await;
    refused(publish(&app, &first).await, "ALREADY_PUBLISHED", "version 1 is published already");
    retire(&app, &first).await.data();
    refused(publish(&app, &first).await, "VERSION_RETIRED", "version 1 is retired");
    refused(retire(&app, &first).await, "ALREADY_RETIRED", "version 1 is retired already");
    assert_eq!(app.revision().await, revision + 1);

    let nothing = "template_version_00000000000000000000000000000000";
    assert_eq!(
        (publish(&app, nothing).await.code(), retire(&app, nothing).await.code()),
        ("NOT_FOUND", "NOT_FOUND")
    );
    assert_eq!(
        (publish(&app, &template).await.bad_fields(), retire(&app, "x").await.bad_fields()),
        (vec!["input.templateVersionId"], vec!["input.templateVersionId"])
    );
    assert_eq!(
        draft(&app, json!({ "templateId": "template_00000000000000000000000000000000" }))
            .await
            .code(),
        "NOT_FOUND"
    );
    assert_eq!(
        draft(&app, json!({ "templateId": first, "language": "en-GB" })).await.bad_fields(),
        ["input.language", "input.templateId"]
    );
    assert_eq!(
        draft(&app, json!({ "templateId": template, "body": "{{ x }}" })).await.bad_fields(),
        ["input.body", "input.parameters.0.name"]
    );
    assert_eq!(app.revision().await, revision + 1);
});

on_both!(an_imported_draft_is_checked_when_it_is_published, |app| async move {
    let (_, version) = create(&app, "prov").await;
    // As the rules were looser once.
    let db = sea_orm::Database::connect(app.url()).await.unwrap();
    db.execute_unprepared("UPDATE agreement_template_text SET body = '{{ dagar }}'").await.unwrap();
    let answer = publish(&app, &version).await;
    assert_eq!(
        answer.bad_fields(),
        ["input.templateVersionId.body", "input.templateVersionId.parameters.0.name"]
    );
    let source = "query($id: ID!) { node(id: $id) { ... on AgreementTemplateVersion { preview(parameters: {}) { html } } } }";
    assert_eq!(app.office().ask(source, json!({ "id": version })).await.reason(), "TEXT_UNUSABLE");
    db.close().await.unwrap();
});

on_both!(the_database_protects_published_versions, |app| async move {
    let (template, first) = create(&app, "prov").await;
    let db = sea_orm::Database::connect(app.url()).await.unwrap();
    let hex = |id: &str| id.rsplit('_').next().unwrap().to_owned();
    let is_sqlite = app.url().starts_with("sqlite");
    let quoted =
        |id: &str| if is_sqlite { format!("x'{}'", hex(id)) } else { format!("'{}'", hex(id)) };
    let (template, first) = (quoted(&template), quoted(&first));
    let run = async |sql: &str| {
        db.execute_unprepared(sql).await.map(drop).map_err(|error| error.to_string())
    };

    // A draft may change, but be neither retired nor deleted.
    run(&format!("UPDATE agreement_template_text SET body = 'utkast' WHERE version_id = {first}"))
        .await
        .unwrap();
    for sql in [
        format!(
            "UPDATE agreement_template_version SET state = 'RETIRED', published_at = '2026-01-01T00:00:00Z' WHERE id = {first}"
        ),
        format!("UPDATE agreement_template_version SET version = 7 WHERE id = {first}"),
        format!("DELETE FROM agreement_template_text WHERE version_id = {first}"),
    ] {
        assert!(run(&sql).await.unwrap_err().contains("__kept"), "{sql}");
    }
    run(&format!("UPDATE agreement_template_version SET state = 'PUBLISHED', published_at = '2026-01-01T00:00:00Z' WHERE id = {first}"))
        .await
        .unwrap();

    let read = async || {
        let text = app
            .office()
            .query(r#"{ template(by: { slug: "prov" }) { versions { version status language body parameters { name } publishedAt } } }"#)
            .await;
        text["template"]["versions"].clone()
    };
    let kept = read().await;
    let replace = if is_sqlite { "INSERT OR REPLACE" } else { "INSERT" };
    let on_conflict = |rest: &str| if is_sqlite { String::new() } else { rest.to_owned() };
    let mut attempts = vec![
        format!("UPDATE agreement_template_text SET body = 'ändrad' WHERE version_id = {first}"),
        format!("UPDATE agreement_template_text SET parameters = '[]' WHERE version_id = {first}"),
        format!("UPDATE agreement_template_version SET language = 'en' WHERE id = {first}"),
        format!("UPDATE agreement_template_version SET state = 'DRAFT' WHERE id = {first}"),
        format!(
            "UPDATE agreement_template_version SET state = 'DRAFT', published_at = NULL WHERE id = {first}"
        ),
        format!(
            "UPDATE agreement_template_version SET published_at = '2020-01-01T00:00:00Z' WHERE id = {first}"
        ),
        format!("UPDATE agreement_template_version SET version = 2 WHERE id = {first}"),
        format!("DELETE FROM agreement_template_text WHERE version_id = {first}"),
        format!("DELETE FROM agreement_template_version WHERE id = {first}"),
        "DELETE FROM agreement_template_version".to_owned(),
        format!(
            "{replace} INTO agreement_template_text (version_id, body, parameters) VALUES ({first}, 'ändrad', '[]') {}",
            on_conflict("ON CONFLICT (version_id) DO UPDATE SET body = 'ändrad'")
        ),
        format!(
            "{replace} INTO agreement_template_version (id, template_id, version, state, language, published_at) VALUES ({first}, {template}, 1, 'DRAFT', 'sv', NULL) {}",
            on_conflict("ON CONFLICT (id) DO UPDATE SET state = 'DRAFT'")
        ),
    ];
    if !is_sqlite {
        attempts.push("TRUNCATE agreement_template_text".to_owned());
        attempts.push("TRUNCATE agreement_template_version CASCADE".to_owned());
    }
    for sql in &attempts {
        assert!(run(sql).await.unwrap_err().contains("__kept"), "{sql}");
    }
    assert_eq!(read().await, kept);

    // The same again changes nothing and is let be; and what is published may be retired, for good.
    run(&format!("UPDATE agreement_template_text SET body = body WHERE version_id = {first}"))
        .await
        .unwrap();
    run(&format!("UPDATE agreement_template_version SET state = 'RETIRED' WHERE id = {first}"))
        .await
        .unwrap();
    for sql in attempts.iter().chain([&format!(
        "UPDATE agreement_template_version SET state = 'PUBLISHED' WHERE id = {first}"
    )]) {
        assert!(run(sql).await.unwrap_err().contains("__kept"), "{sql}");
    }
    db.close().await.unwrap();
});

on_both!(an_import_checks_texts_and_keeps_history, |app| async move {
    let head = "slug,title,kind,activity,version,state,language,body_file,parameters_file\n";
    let rows = |states: &[&str]| {
        let rows = states.iter().enumerate().map(|(position, state)| {
            format!("prov,Prov,COOPERATION,,{},{state},sv,t/a.md,t/a.json\n", position + 1)
        });
        format!("{head}{}", rows.collect::<String>())
    };
    let parameters = r#"[{ "name": "days", "label": "Dagar", "type": "INTEGER", "required": true, "default": 14 }]"#;
    let files = |states: &[&str], body: &str| {
        [
            ("templates.csv", rows(states)),
            ("t/a.md", body.to_owned()),
            ("t/a.json", parameters.to_owned()),
        ]
    };
    let errors = async |states: &[&str], body: &str| {
        let files = files(states, body);
        let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        match app.try_import(&files).await {
            Ok(_) => Vec::new(),
            Err(domain::interchange::import::ImportError::Bad { rows, .. }) => {
                rows.iter().map(ToString::to_string).collect()
            }
            Err(domain::interchange::import::ImportError::Error(error)) => panic!("{error:?}"),
        }
    };
    // A text from before there was a register is history: it is stored, but new agreements can't
    // get it.
    let old = "Inom «DAGAR» dagar {{";
    assert_eq!(
        errors(&["RETIRED", "PUBLISHED"], old).await,
        [
            "templates.csv:3: body_file: line 1: can't be read: unexpected end of input, expected expression"
        ]
    );
    assert_eq!(
        errors(&["DRAFT"], "\n{{ dagar }}").await,
        [
            "templates.csv:2: body_file: line 2: dagar is neither declared nor built in",
            "templates.csv:2: parameters_file: 0.name is not used in the text: days"
        ]
    );
    assert_eq!(errors(&["RETIRED"], old).await, [""; 0]);
    assert_eq!(errors(&["RETIRED", "DRAFT"], old).await.len(), 1);
    assert_eq!(
        errors(&["RETIRED"], "Inom {{ days }} dagar").await,
        [
            "templates.csv:2: body_file: differs from the published version, which never changes; add a new version"
        ]
    );
});

on_both!(bundled_templates_are_loaded_once_and_leave_later_versions_alone, |app| async move {
    let load = |rest: &str| {
        let ran = app
            .program()
            .args(["templates", "load"])
            .args(rest.split_whitespace())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        (String::from_utf8(ran.stdout).unwrap(), String::from_utf8(ran.stderr).unwrap())
    };
    let state = async || {
        let answer = app
            .office()
            .query("{ templates { nodes { slug kind activity { slug } currentVersion { version } versions { version status } } } }")
            .await;
        answer["templates"]["nodes"].clone()
    };
    let (table, said) = load("");
    assert_eq!(
        (table.matches("Utkast").count(), table.matches(" ny\n").count()),
        (6, 6),
        "{table}"
    );
    assert_eq!(said, "loaded\n");
    let drafts = state().await;
    assert_eq!(drafts.as_array().unwrap().len(), 6);
    assert!(
        drafts.as_array().unwrap().iter().all(|template| template["currentVersion"].is_null()),
        "{drafts}"
    );
    let revision = app.revision().await;
    assert_eq!(load("").1, "nothing was changed\n");
    assert_eq!(app.revision().await, revision);

    assert!(load("--publish").0.matches("publicerad").count() == 6);
    assert_eq!(load("--publish").1, "nothing was changed\n");
    let published = state().await;
    let version = |number: u32, state: &str| json!({ "version": number, "status": state });
    assert!(
        published
            .as_array()
            .unwrap()
            .iter()
            .all(|template| template["versions"] == json!([version(1, "PUBLISHED")])),
        "{published}"
    );

    // The office continues to write here: the bundled template stays away. An activity that has
    // begun since gets its template.
    let id = |slug: &str| format!(r#"{{ template(by: {{ slug: "{slug}" }}) {{ id }} }}"#);
    let template = app.office().query(&id("samarbetsavtal")).await["template"]["id"].clone();
    let body = app
        .office()
        .query(r#"{ template(by: { slug: "samarbetsavtal" }) { versions { body } } }"#)
        .await["template"]["versions"][0]["body"]
        .clone();
    let body = format!("{}\n\nEtt tillägg.\n", body.as_str().unwrap());
    draft(&app, json!({ "templateId": template, "body": body })).await.data();
    let start = r#"mutation { activityStart(input: { slug: "bip", name: "BIP", funding: [COURSE_INCOME], startsOn: "2026-01-01" }) { activity { id } } }"#;
    app.office().query(start).await.data();
    assert!(load("--publish").1 == "loaded\n");
    assert_eq!(load("--publish").1, "nothing was changed\n");
    for template in state().await.as_array().unwrap() {
        let slug = template["slug"].as_str().unwrap();
        let versions = if slug == "samarbetsavtal" {
            json!([version(1, "PUBLISHED"), version(2, "DRAFT")])
        } else {
            json!([version(1, "PUBLISHED")])
        };
        assert_eq!(template["versions"], versions, "{slug}");
        let activity =
            if slug == "deltagande-bip" { json!({ "slug": "bip" }) } else { Value::Null };
        assert_eq!(template["activity"], activity, "{slug}");
    }
});

on_both!(an_unfinished_draft_is_not_overwritten_by_a_bundled_template, |app| async move {
    let load = |rest: &str| {
        let ran = app
            .program()
            .args(["templates", "load"])
            .args(rest.split_whitespace())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        (String::from_utf8(ran.stdout).unwrap(), String::from_utf8(ran.stderr).unwrap())
    };
    let reported = async |slug: &str| {
        let answer =
            app.office().query(&format!(r#"{{ template(by: {{ slug: "{slug}" }}) {{ id versions {{ id version status body }} }} }}"#)).await;
        answer["template"].clone()
    };
    load("");
    // The office changes the draft that was loaded, and is not done yet.
    let boxed = reported("samarbetsavtal").await;
    let body = format!("{}\n\nEtt tillägg.\n", boxed["versions"][0]["body"].as_str().unwrap());
    draft(&app, json!({ "templateId": boxed["id"], "body": body })).await.data();
    let revision = app.revision().await;
    let (table, said) = load("");
    assert_eq!(
        (table.matches("behållen").count(), table.matches("ingen").count(), said.as_str()),
        (1, 5, "nothing was changed\n"),
        "{table}"
    );
    assert_eq!(app.revision().await, revision);
    assert!(load("--publish").0.matches("behållen").count() == 1);
    let after = reported("samarbetsavtal").await;
    assert_eq!(
        (&after["versions"][0]["status"], &after["versions"][0]["body"]),
        (&json!("DRAFT"), &json!(body))
    );
    // A draft of the next version is work too, when none has the text of the box any longer.
    let version = id(&after["versions"][0]["id"]);
    publish(&app, &version).await.data();
    draft(&app, json!({ "templateId": boxed["id"], "body": format!("{body}Och ett till.\n") }))
        .await
        .data();
    assert_eq!(load("").0.matches("behållen").count(), 1);
});

on_both!(a_draft_of_a_bundled_template_follows_the_bundle, |app| async move {
    let load = || {
        let ran = app.program().args(["templates", "load"]).stdin(Stdio::null()).output().unwrap();
        (String::from_utf8(ran.stdout).unwrap(), String::from_utf8(ran.stderr).unwrap())
    };
    load();
    let boxed = app
        .office()
        .query(r#"{ template(by: { slug: "samarbetsavtal" }) { versions { id body } } }"#)
        .await["template"]
        .clone();
    // As an older program loaded it.
    let row = sql_id(&app, boxed["versions"][0]["id"].as_str().unwrap());
    raw(
        &app,
        &format!("UPDATE agreement_template_text SET body = 'äldre' WHERE version_id = {row}"),
    )
    .await
    .unwrap();
    let (table, said) = load();
    assert_eq!((table.matches("ändrad").count(), said.as_str()), (1, "loaded\n"), "{table}");
    let after = app
        .office()
        .query(r#"{ template(by: { slug: "samarbetsavtal" }) { versions { id body } } }"#)
        .await["template"]
        .clone();
    assert_eq!(after, boxed);
});
