//! Errors for unknown settings: the nearest names, or the replacement of a removed setting.

use similar::get_close_matches;

use super::{environment::Environment, names::SIGNATORIES};

/// Maximum number of suggestions for an unknown name.
const MAX_SUGGESTIONS: usize = 3;
/// Minimum similarity of a suggestion, as in Python's `difflib.get_close_matches`.
const CUTOFF: f32 = 0.6;
/// Settings of former versions, with their replacements.
const REMOVED: &[(&str, &str)] = &[
    (
        "SAMREGISTER_METRICS",
        "was removed; set SAMREGISTER_METRICS_TOKEN to the token for reading /metrics, or SAMREGISTER_METRICS_OPEN=true to open it to all",
    ),
    (
        "network.accounts.fees",
        "was removed; set membership_fee and service_fee to the accounts of these fees, other lines are booked by their VAT",
    ),
];

impl Environment {
    /// Records an error for every setting that was set and not read.
    pub(super) fn refuse_unknown(&mut self) {
        for (name, (position, _)) in std::mem::take(&mut self.values) {
            let reason = describe(&name, &self.known);
            self.errors.add(position, reason);
        }
    }
}

/// Describes why a name is not a setting and what to write instead.
fn describe(name: &str, known: &[&str]) -> String {
    if let Some((_, replacement)) = REMOVED.iter().find(|(removed, _)| *removed == name) {
        return (*replacement).to_owned();
    }
    if name.strip_prefix(SIGNATORIES).is_some_and(|rest| rest.starts_with('.')) {
        return format!("is not a setting; a table [[{SIGNATORIES}]] has name, title, from and to");
    }
    let list = match name.starts_with("network.") {
        true => "docs/invoices.md lists those of [network]",
        false => "docs/configuration.md lists the settings",
    };
    match suggestions(name, known).as_slice() {
        [] => format!("is not a setting; {list}"),
        [only] => format!("is not a setting; did you mean {only}? {list}"),
        [others @ .., last] => {
            format!("is not a setting; did you mean {} or {last}? {list}", others.join(", "))
        }
    }
}

/// Returns the known names that are most similar to this one, the nearest first, or else those with
/// the same first word. Common prefixes do not count towards the similarity.
fn suggestions<'k>(name: &str, known: &[&'k str]) -> Vec<&'k str> {
    let distinct = |name: &str| {
        let rest = name
            .strip_prefix("SAMREGISTER_")
            .or_else(|| name.strip_prefix("network."))
            .unwrap_or(name);
        rest.to_ascii_lowercase()
    };
    let keys: Vec<_> = known.iter().map(|known| distinct(known)).collect();
    let possible: Vec<_> = keys.iter().map(String::as_str).collect();
    let wanted = distinct(name);
    let first_word = |key: &str| key.split(['_', '.']).next().map(str::to_owned);
    let mut near = get_close_matches(wanted.as_str(), &possible, MAX_SUGGESTIONS, CUTOFF);
    if near.is_empty() {
        near = possible
            .iter()
            .copied()
            .filter(|key| first_word(key) == first_word(&wanted))
            .take(MAX_SUGGESTIONS)
            .collect();
    }
    near.into_iter()
        .filter_map(|key| {
            known.iter().zip(&keys).find(|(_, of_known)| *of_known == key).map(|(known, _)| *known)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::bad;

    #[test]
    fn an_unknown_name_gets_the_nearest_ones() {
        for (name, expected) in [
            (
                "SAMREGISTER_MAX_DEPHT",
                "SAMREGISTER_MAX_DEPHT is not a setting; did you mean SAMREGISTER_MAX_DEPTH",
            ),
            (
                "SAMREGISTER_DATABASE_URL",
                "SAMREGISTER_DATABASE_URL is not a setting; did you mean DATABASE_URL",
            ),
            (
                "SAMREGISTER_CORS",
                "SAMREGISTER_CORS is not a setting; did you mean SAMREGISTER_CORS_ORIGINS?",
            ),
            (
                "SAMREGISTER_ZZZZ",
                "SAMREGISTER_ZZZZ is not a setting; docs/configuration.md lists the settings",
            ),
        ] {
            let message = bad(&[(name, "x")], "");
            assert!(
                message.starts_with(expected)
                    && message.ends_with("docs/configuration.md lists the settings"),
                "{message}"
            );
            assert!(message.matches("SAMREGISTER_").count() <= 4, "{message}");
        }
        let message = bad(&[], "log = 'warn'\n[network]\nnmae = 'x'");
        assert!(
            message
                .contains("samregister.toml: log is not a setting; did you mean SAMREGISTER_LOG"),
            "{message}"
        );
        let expected = "samregister.toml: network.nmae is not a setting; did you mean network.name? docs/invoices.md lists those of [network]";
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn a_removed_setting_names_what_replaced_it() {
        let message = bad(&[("SAMREGISTER_METRICS", "true")], "");
        assert!(
            message.starts_with("SAMREGISTER_METRICS was removed; set SAMREGISTER_METRICS_TOKEN"),
            "{message}"
        );
        assert!(message.contains("SAMREGISTER_METRICS_OPEN=true"), "{message}");
    }
}
