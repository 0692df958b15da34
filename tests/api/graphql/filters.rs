//! Filters of lists: one answer names every fault of the arguments, whichever list it is.

use serde_json::Value;

use crate::support::{
    app::on_both,
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
