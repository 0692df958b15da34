//! Codes of errors: enums of the schema, and the codes, values and input paths of invalid fields.

use domain::{
    codes::{Code, ErrorCode, LimitReason, WarningCode},
    error::{ConflictReason, FieldErrorCode},
};
use serde_json::{Value, json};

use crate::support::{
    app::{App, on_both},
    schema_documents::{Schema, list},
};

fn has_codes<T: Code>(schema: &Schema, name: &str) {
    let values: Vec<_> = list(&schema.named(name)["enumValues"])
        .iter()
        .map(|value| (value["name"].as_str().unwrap(), value["description"].as_str().unwrap()))
        .collect();
    let words: Vec<_> = values.iter().map(|(word, _)| *word).collect();
    assert_eq!(words, T::all().into_iter().map(T::word).collect::<Vec<_>>(), "{name}");
    for (word, description) in values {
        assert!(description.ends_with('.'), "{name}.{word}: {description:?}");
    }
}

#[tokio::test]
async fn the_schema_has_every_code_with_its_description() {
    let schema = Schema::of_program().await;
    has_codes::<ErrorCode>(&schema, "ErrorCode");
    has_codes::<ConflictReason>(&schema, "ConflictReason");
    has_codes::<LimitReason>(&schema, "LimitReason");
    has_codes::<FieldErrorCode>(&schema, "FieldErrorCode");
    has_codes::<WarningCode>(&schema, "WarningCode");
}

on_both!(each_invalid_field_has_a_code_and_the_values_of_its_message, |app| async move {
    let page = "{ members(first: 201, after: \"x\") { totalCount } }";
    assert_eq!(
        app.office().query(page).await.error()["extensions"]["fields"],
        json!([
            {
                "path": "first", "code": "OUT_OF_RANGE", "message": "must be 0 to 200",
                "min": 0, "max": 200,
            },
            {
                "path": "after", "code": "NOT_A_CURSOR",
                "message": "is not a cursor of this list in this order",
            },
        ])
    );
    let input = json!({
        "name": "x".repeat(301), "slug": "Å", "funding": [], "startsOn": "2026-13-01",
        "purpose": "\u{0}",
    });
    let refused = app.office().does("activityStart", "id", input).await;
    refused.bad_fields();
    let fields = refused.error()["extensions"]["fields"].as_array().unwrap();
    for (path, code, max) in [
        ("input.name", "TOO_LONG", json!(300)),
        ("input.slug", "NOT_A_SLUG", Value::Null),
        ("input.startsOn", "NOT_A_DATE", Value::Null),
        ("input.purpose", "CONTROL_CHARACTERS", Value::Null),
    ] {
        let field = fields.iter().find(|field| field["path"] == path);
        let field = field.unwrap_or_else(|| panic!("no {path} in {}", refused.text()));
        assert_eq!((&field["code"], &field["max"]), (&json!(code), &max), "{path}");
    }
    assert_eq!(app.revision().await, 0);
});

on_both!(a_day_outside_its_range_has_the_bound, |app| async move {
    let has = |field: &Value, code: &str, bound: &str, day: &str| {
        assert_eq!((&field["code"], &field[bound]), (&json!(code), &json!(day)), "{field}");
    };
    let report = r#"{ revenue(input: { from: "2026-02-01", to: "2026-01-01" }) { from } }"#;
    let refused = app.finance().query(report).await;
    has(&refused.error()["extensions"]["fields"][0], "TOO_EARLY", "min", "2026-02-01");
    let input = json!({ "closedThrough": "2026-11-21" });
    let refused = app.finance().does("periodClose", "booksClosedThrough", input).await;
    has(&refused.error()["extensions"]["fields"][0], "TOO_LATE", "max", "2026-11-20");
});

on_both!(what_the_library_refuses_has_the_path_of_the_input, |app| async move {
    let admit = "mutation($i: MemberAdmitInput!) { memberAdmit(input: $i) { member { id } } }";
    let add = "mutation($i: ContactAddInput!) { contactAdd(input: $i) { contact { id } } }";
    for (document, input, path, code) in [
        (admit, json!({ "name": "Ny" }), "input.joinedOn", "REQUIRED"),
        (
            admit,
            json!({ "name": "Ny", "joinedOn": "2026-01-01", "more": 1 }),
            "input.more",
            "UNKNOWN_FIELD",
        ),
        (
            admit,
            json!({ "name": "Ny", "joinedOn": "2026-01-01", "municipalities": ["A", 5] }),
            "input.municipalities.1",
            "WRONG_TYPE",
        ),
        (add, json!({ "role": "KING", "name": "Ny" }), "input.role", "UNKNOWN_VALUE"),
        (
            "{ members(filter: { status: NOTHING }) { totalCount } }",
            json!({}),
            "filter.status",
            "UNKNOWN_VALUE",
        ),
        ("{ members(nothing: 1) { totalCount } }", json!({}), "nothing", "UNKNOWN_FIELD"),
        ("{ member { id } }", json!({}), "by", "REQUIRED"),
        ("{ revenueForecast(year: 99999999999) { from } }", json!({}), "year", "OUT_OF_RANGE"),
        ("{ members { nothing } }", json!({}), "document", "INVALID_DOCUMENT"),
    ] {
        let answer = app.office().ask(document, json!({ "i": input })).await;
        assert_eq!(answer.bad_fields(), [path], "{}", answer.text());
        let field = &answer.error()["extensions"]["fields"][0];
        assert_eq!(field["code"], code, "{}", answer.text());
        let message = answer.error()["message"].as_str().unwrap();
        assert!(message.ends_with(field["message"].as_str().unwrap()), "{}", answer.text());
    }
    let role = json!({ "i": { "role": "KING", "name": "Ny" } });
    let refused = app.office().ask(add, role).await;
    assert_eq!(refused.error()["extensions"]["fields"][0]["value"], "KING");
    assert_eq!(app.revision().await, 0);
});
