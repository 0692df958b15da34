//! The template library, its versions, and the visibility of unpublished ones.

use serde_json::{Value, json};

use crate::support::{
    agreement_fixtures::fill,
    app::{App, on_both},
    fixtures::Samples,
    pages::walk,
};

on_both!(a_template_lists_its_versions_and_their_use, |app| async move {
    let register = fill(&app).await;
    let answer = app
        .office()
        .query(
            r#"{ template(by: { slug: "bip" }) { id slug title kind activity { slug }
                versions { version status language publishedAt body parameters { name label type required default } template { slug } }
                currentVersion { version } usage { version { version } agreementCount activeCount } } }"#,
        )
        .await;
    let version = |number: u32, state: &str, published_at: Option<&str>| {
        json!({ "version": number, "status": state, "language": "sv", "publishedAt": published_at, "body": format!("# bip {number}"),
            "parameters": [{ "name": "days", "label": "Dagar", "type": "INTEGER", "required": true, "default": 14 }], "template": { "slug": "bip" } })
    };
    let published = Some("2024-01-01T08:00:00Z");
    assert_eq!(
        answer["template"],
        json!({
            "id": register.id("mall bip"), "slug": "bip", "title": "Mall bip", "kind": "PARTICIPATION", "activity": { "slug": "bip" },
            "versions": [version(1, "RETIRED", published), version(2, "PUBLISHED", published), version(3, "DRAFT", None)],
            "currentVersion": { "version": 2 },
            "usage": [
                { "version": { "version": 1 }, "agreementCount": 1, "activeCount": 1 },
                { "version": { "version": 2 }, "agreementCount": 2, "activeCount": 2 },
                { "version": { "version": 3 }, "agreementCount": 0, "activeCount": 0 },
            ],
        })
    );
});

on_both!(what_is_not_published_is_seen_by_few, |app| async move {
    let register = fill(&app).await;
    let list = "{ templates { totalCount nodes { slug versions { version } currentVersion { version } usage { version { version } agreementCount activeCount } } } }";
    let secret = json!({ "slug": "hemlig", "versions": [{ "version": 1 }], "currentVersion": null, "usage": [{ "version": { "version": 1 }, "agreementCount": 0, "activeCount": 0 }] });
    let usage = json!([{ "version": { "version": 1 }, "agreementCount": null, "activeCount": null }, { "version": { "version": 2 }, "agreementCount": null, "activeCount": null }]);
    for caller in [app.office(), app.service("templates:read agreements:read")] {
        let answer = caller.query(list).await;
        assert_eq!(
            (&answer["templates"]["totalCount"], &answer["templates"]["nodes"][1]),
            (&json!(2), &secret)
        );
    }
    // A count of only the agreements that the viewer sees would be false.
    for caller in [
        app.member(register.id("Finsam Gotland")),
        app.member(register.id("Halland")),
        app.lead(&["indikatorer"]),
        app.service("members:read"),
    ] {
        let answer = caller.query(list).await;
        assert_eq!(
            answer["templates"],
            json!({ "totalCount": 1, "nodes": [{ "slug": "bip", "versions": [{ "version": 1 }, { "version": 2 }], "currentVersion": { "version": 2 }, "usage": usage }] })
        );
    }
    let member = app.member(register.id("Halland"));
    assert_eq!(
        member.query(r#"{ template(by: { slug: "hemlig" }) { id } }"#).await["template"],
        Value::Null
    );
    let find = "query($secret: ID!, $draft: ID!, $seen: ID!) { nodes(ids: [$secret, $draft, $seen]) { id ... on AgreementTemplateVersion { body } } }";
    let ids = json!({ "secret": register.id("mall hemlig"), "draft": register.id("mall bip 3"), "seen": register.id("mall bip 1") });
    let answer = member.ask(find, ids).await;
    assert_eq!(
        answer["nodes"],
        json!([null, null, { "id": register.id("mall bip 1"), "body": "# bip 1" }])
    );
});

on_both!(templates_are_found, |app| async move {
    let register = fill(&app).await;
    let office = app.office();
    for (filter, found) in [
        ("", vec!["bip", "hemlig"]),
        ("kind: COOPERATION", vec!["hemlig"]),
        (r#"activitySlugs: "bip""#, vec!["bip"]),
        (r#"activitySlugs: ["indikatorer"]"#, vec![]),
        (r#"activitySlugs: ["indikatorer", "bip"]"#, vec!["bip"]),
        ("activitySlugs: [], kind: []", vec!["bip", "hemlig"]),
        ("kind: [PARTICIPATION, COOPERATION]", vec!["bip", "hemlig"]),
        (r#"search: "mall HEM""#, vec!["hemlig"]),
        (r#"search: "%""#, vec![]),
    ] {
        let answer = office
            .query(&format!(
                "{{ templates(filter: {{ {filter} }}) {{ totalCount nodes {{ slug }} }} }}"
            ))
            .await;
        let slugs: Vec<_> = answer["templates"]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| node["slug"].as_str().unwrap())
            .collect();
        assert_eq!(slugs, found, "{filter}");
        assert_eq!(answer["templates"]["totalCount"], found.len());
    }
    let answer = office
        .ask(
            "query($id: ID!) { template(by: { id: $id }) { slug } }",
            json!({ "id": register.id("mall bip") }),
        )
        .await;
    assert_eq!(answer["template"]["slug"], "bip");
    let answer =
        office.query(r#"{ templates(first: 201, before: "x", filter: { activitySlugs: [""], search: "\u0000" }) { nodes { id } } }"#).await;
    assert_eq!(answer.bad_fields(), ["before", "filter.activitySlugs.0", "filter.search", "first"]);
    assert_eq!(
        office.query(r#"{ template(by: { id: "x" }) { id } }"#).await.bad_fields(),
        ["by.id"]
    );
    assert_eq!(
        office.query(r#"{ template(by: { slug: "\u0000" }) { id } }"#).await.bad_fields(),
        ["by.slug"]
    );
});

on_both!(texts_are_read_only_when_asked_for, |app| async move {
    fill(&app).await;
    app.statements();
    app.office()
        .query("{ templates { nodes { title kind versions { version status } } } }")
        .await
        .data();
    let statements = app.statements();
    assert_eq!(statements.len(), 2, "{statements:#?}");
    assert!(!statements.iter().any(|sql| sql.contains("agreement_template_text")));
    app.office().query("{ templates { nodes { usage { version { version } agreementCount activeCount } versions { body parameters { name } } currentVersion { version } } } }").await.data();
    // The page, versions and counts of the usage, versions, bodies, parameters, current versions.
    assert_eq!(app.statements().len(), 7);
});

on_both!(templates_are_sorted_by_title_and_slug, |app| async move {
    Samples::fill(&app).await;
    for field in ["TITLE", "SLUG"] {
        for (direction, expected) in
            [("ASC", ["deltagande", "nytt"]), ("DESC", ["nytt", "deltagande"])]
        {
            let order = format!(", orderBy: {{ field: {field}, direction: {direction} }}");
            let found = walk(&app.office(), "templates", &order, "slug").await;
            let slugs: Vec<_> = found.iter().map(|row| row["slug"].as_str().unwrap()).collect();
            assert_eq!(slugs, expected, "{order}");
        }
    }
});
