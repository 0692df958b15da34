//! Comparison of a record with the last audit entry about it.

use std::collections::BTreeSet;

use serde_json::Value;

/// Returns the fields of a record that differ from an entry's text, as `lines/2/net`, in order.
///
/// Fields in `erased`, a set of JSON pointers, are skipped: their key was deleted. In a text from
/// before forms were introduced (`is_former`), only the fields count that both the text and the
/// record have.
pub(super) fn differences(
    recorded: &Value,
    stored: &Value,
    erased: &BTreeSet<String>,
    is_former: bool,
) -> Vec<String> {
    let mut found = Vec::new();
    walk(recorded, stored, &mut String::new(), &Rule { erased, is_former }, &mut found);
    found
}

struct Rule<'e> {
    erased: &'e BTreeSet<String>,
    is_former: bool,
}

fn walk(
    recorded: &Value,
    stored: &Value,
    pointer: &mut String,
    rule: &Rule<'_>,
    found: &mut Vec<String>,
) {
    if recorded == stored || rule.erased.contains(pointer.as_str()) {
        return;
    }
    let length = pointer.len();
    match (recorded, stored) {
        (Value::Object(old), Value::Object(new)) => {
            let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for name in names {
                if rule.is_former && !(old.contains_key(name) && new.contains_key(name)) {
                    continue;
                }
                pointer.push('/');
                pointer.push_str(name);
                // A missing field equals null.
                walk(
                    old.get(name).unwrap_or(&Value::Null),
                    new.get(name).unwrap_or(&Value::Null),
                    pointer,
                    rule,
                    found,
                );
                pointer.truncate(length);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                pointer.push_str(&format!("/{index}"));
                walk(old, new, pointer, rule, found);
                pointer.truncate(length);
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            found.push(format!(
                "{} ({} instead of {})",
                pointer.trim_start_matches('/'),
                new.len(),
                old.len()
            ));
        }
        // Older versions recorded a missing part as an object of nulls.
        (Value::Null, Value::Object(new)) if rule.is_former && new.values().all(Value::is_null) => {
        }
        _ => found.push(pointer.trim_start_matches('/').to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_that_differ_are_named() {
        let recorded = json!({ "id": 1, "net": 5, "note": null, "lines": [{ "net": 1 }, { "net": 2, "text": "a" }], "names": ["a"] });
        let of = |stored: &Value, erased: &[&str], is_former| {
            differences(
                &recorded,
                stored,
                &erased.iter().map(|field| (*field).to_owned()).collect(),
                is_former,
            )
        };
        assert_eq!(of(&recorded, &[], false), [""; 0]);
        let mut stored = recorded.clone();
        stored["lines"][1]["net"] = json!(20);
        stored["net"] = json!(50);
        stored["added"] = json!("x");
        stored["names"] = json!(["a", "b"]);
        assert_eq!(
            of(&stored, &[], false),
            ["added", "lines/1/net", "names (2 instead of 1)", "net"]
        );
        assert_eq!(of(&stored, &["/net", "/lines/1"], true), ["names (2 instead of 1)"]);
        stored = recorded.clone();
        stored.as_object_mut().unwrap().remove("note");
        assert_eq!(of(&stored, &[], false), [""; 0], "nothing is as good as null");
    }
}
