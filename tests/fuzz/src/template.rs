//! The reader of agreement texts: a text without findings can be rendered, and the findings of
//! others are few and within the text.

use std::sync::LazyLock;

use documents::prose;
use domain::{
    error::{ConflictReason, Error},
    templates::{
        Parameter, analysis,
        rendering::{self, Facts},
    },
};
use serde_json::{Map, Value, json};

/// A parameter of each type, and whether it must be given.
static DECLARED: LazyLock<Vec<Parameter>> = LazyLock::new(|| {
    let declared = [
        ("note", "TEXT", false),
        ("place", "TEXT", true),
        ("day", "DATE", true),
        ("amount", "MONEY", true),
        ("count", "INTEGER", true),
        ("yes", "BOOLEAN", false),
    ];
    let declared = declared.map(|(name, kind, required)| json!({"name": name, "label": name, "type": kind, "required": required}));
    serde_json::from_value(Value::from(declared.to_vec())).unwrap()
});

/// Checks a text; the value of a parameter follows after a NUL, which no text has.
pub fn check(input: &str) {
    let (body, note) = input.split_once('\0').unwrap_or((input, "*Ett* `värde`\n| # 1."));
    let reading = analysis::read(body, &DECLARED);
    let lines = body.split('\n').count();
    assert!(reading.findings.len() <= 101, "{} findings", reading.findings.len());
    assert!(reading.findings.is_sorted(), "{:?}", reading.findings);
    for finding in &reading.findings {
        assert!(finding.line <= lines, "{finding} of {lines} lines");
        assert!(!finding.message.is_empty() && finding.message.len() <= 2_000, "{finding}");
    }
    assert!(
        reading.used.iter().all(|name| DECLARED.iter().any(|parameter| parameter.name == *name)),
        "{:?}",
        reading.used
    );
    if !reading.findings.is_empty() {
        return;
    }
    assert!(reading.is_complete, "a text without findings was read to its end");
    let all = json!({"note": note, "place": "Å", "day": "2027-01-31", "amount": "10000000000.00", "count": 1_000_000_000_000_i64, "yes": true});
    let required = json!({"place": "Å", "day": "2027-01-31", "amount": "0.00", "count": -1});
    for (given, facts) in
        [(&all, Facts::example()), (&all, Facts::default()), (&required, Facts::example())]
    {
        let given: &Map<String, Value> = given.as_object().unwrap();
        match rendering::text(body, &DECLARED, given, &facts, "parameters") {
            Ok(text) => drop(prose::parse(&text)),
            Err(Error::Conflict { reason: ConflictReason::FactsMissing, .. }) => {}
            // What can't be seen in the text alone.
            Err(Error::Conflict { reason: ConflictReason::TextUnusable, message, .. }) => {
                let is_known =
                    ["becomes longer than", "number that is too large", "unable to calculate"]
                        .iter()
                        .any(|known| message.contains(known));
                assert!(is_known, "accepted, and can't be rendered: {message}");
            }
            // The value of `note` shows nothing, or too many combining marks.
            Err(Error::Invalid(errors)) => {
                assert!(errors.iter().all(|error| error.path == "parameters[note]"), "{errors:?}")
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}
