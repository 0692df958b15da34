//! Filters of lists: one answer names every error of the arguments, whichever list it is.

use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    fixtures::Samples,
    schema_documents::{Schema, inner, list},
};

/// Every list that has a filter, with the fields of its filter.
fn filters(schema: &Schema) -> Vec<(&str, &[Value])> {
    let lists = schema.fields("Query").iter().filter_map(|field| {
        let filter = list(&field["args"]).iter().find(|argument| argument["name"] == "filter")?;
        let fields = list(&schema.named(inner(&filter["type"]))["inputFields"]);
        Some((field["name"].as_str().unwrap(), fields))
    });
    lists.collect()
}

on_both!(bad_forms_and_unknown_activities_are_named_together, |app| async move {
    Samples::fill(&app).await;
    let schema = Schema::of_program().await;
    let mut asked = 0;
    for (name, fields) in filters(&schema) {
        let names = fields.iter().map(|field| field["name"].as_str().unwrap());
        for slugs in names.filter(|name| name.ends_with("Slugs")) {
            let question =
                format!("{name}(first: -1, filter: {{ {slugs}: [\"bop\", \" \", \"bip\"] }})");
            let answer = app.office().query(&format!("{{ {question} {{ totalCount }} }}")).await;
            let [unknown, empty] = [0, 1].map(|index| format!("filter.{slugs}.{index}"));
            assert_eq!(answer.bad_fields(), [unknown.as_str(), &empty, "first"], "{question}");
            asked += 1;
        }
    }
    assert!(asked >= 11, "only {asked} lists have slugs of activities in their filter");
    for (question, paths) in [
        (
            "costs(filter: { activitySlugs: [\"bop\"], agreementId: \"x\", bookedTo: \"soon\" }) { totalCount }",
            &["filter.activitySlugs.0", "filter.agreementId", "filter.bookedTo"][..],
        ),
        (
            "activityMatrix(asOf: \"soon\", activitySlugs: [\"bop\", \"\"]) { asOf }",
            &["activitySlugs.0", "activitySlugs.1", "asOf"],
        ),
        (
            "revenue(input: { from: \"soon\", to: \"2026-12-31\", activitySlugs: [\"bop\", \"\"], memberIds: [\"x\"] }) { basis }",
            &["input.activitySlugs.0", "input.activitySlugs.1", "input.from", "input.memberIds.0"],
        ),
    ] {
        let answer = app.office().query(&format!("{{ {question} }}")).await;
        assert_eq!(answer.bad_fields(), paths, "{question}");
    }
    // So does the list of each row.
    for nested in ["agreements", "invoices"] {
        let document = format!(
            "{{ members {{ nodes {{ {nested}(first: -1, filter: {{ activitySlugs: [\"bop\"] }}) {{ totalCount }} }} }} }}"
        );
        let answer = app.office().query(&document).await;
        assert!(!answer.errors().is_empty(), "{}", answer.text());
        for error in answer.errors() {
            let fields = list(&error["extensions"]["fields"]).iter();
            let paths: Vec<_> = fields.map(|field| field["path"].as_str().unwrap()).collect();
            assert_eq!(paths, ["filter.activitySlugs.0", "first"], "{nested}");
        }
    }
});

#[tokio::test]
async fn a_range_that_ends_before_it_begins_is_refused() {
    let app = App::sqlite().await;
    let schema = Schema::of_program().await;
    let mut asked = 0;
    for (name, fields) in filters(&schema) {
        let field = |name: &str| fields.iter().find(|field| field["name"] == name);
        let names = fields.iter().map(|field| field["name"].as_str().unwrap());
        for range in names.filter_map(|name| name.strip_suffix("From")) {
            let first = format!("{range}From");
            let ends = ["To", "Before"].map(|end| format!("{range}{end}"));
            let last = ends.iter().find(|end| field(end).is_some()).unwrap();
            let day = |day: u32| match inner(&field(last).unwrap()["type"]) {
                "Date" => format!("2026-05-0{day}"),
                _ => format!("2026-05-0{day}T08:00:00Z"),
            };
            let ask = async |from: u32, to: u32| {
                let (from, to) = (day(from), day(to));
                let filter = format!("{first}: \"{from}\", {last}: \"{to}\"");
                let question = format!("{{ {name}(filter: {{ {filter} }}) {{ totalCount }} }}");
                app.office().query(&question).await
            };
            ask(1, 2).await.data();
            ask(2, 2).await.data();
            let refused = ask(2, 1).await;
            assert_eq!(refused.bad_fields(), [format!("filter.{last}")], "{name}");
            let fault = &refused.error()["extensions"]["fields"][0];
            assert_eq!((&fault["code"], &fault["min"]), (&json!("TOO_EARLY"), &json!(day(2))));
            asked += 1;
        }
    }
    assert!(asked >= 19, "only {asked} filters have a range");
    // An end that is no day has no order.
    let question =
        "{ costs(filter: { bookedFrom: \"soon\", bookedTo: \"1950-01-01\" }) { totalCount } }";
    assert_eq!(app.office().query(question).await.bad_fields(), ["filter.bookedFrom"]);
}
