//! Lines of the settings file at which settings and tables stand.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

/// Returns the lines, from 1, of the keys and tables of a file in TOML, by their names with dots. A
/// table of a list has its index in its name.
pub(super) fn lines(text: &str) -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    if let Ok(table) = DeTable::parse(text) {
        add(&mut lines, text, "", table.get_ref());
    }
    lines
}

fn add(lines: &mut BTreeMap<String, usize>, text: &str, prefix: &str, table: &DeTable<'_>) {
    for (key, value) in table {
        let name = format!("{prefix}{}", key.get_ref());
        lines.insert(name.clone(), line_of(text, key.span().start));
        match value.get_ref() {
            DeValue::Table(inner) => add(lines, text, &format!("{name}."), inner),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    if let DeValue::Table(inner) = item.get_ref() {
                        let name = format!("{name}.{index}");
                        lines.insert(name.clone(), line_of(text, item.span().start));
                        add(lines, text, &format!("{name}."), inner);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Returns the line, from 1, of a byte of the text.
fn line_of(text: &str, offset: usize) -> usize {
    text.get(..offset).map_or(1, |before| before.matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_tables_have_their_lines() {
        let text = "# Åäö\nSAMREGISTER_LOG = 'warn'\n\n[network]\nname = '''\nA\n'''\ncity = 'B'\n\n\
            [network.accounts]\nbank = 1940\n\n[[network.signatories]]\nname = 'Ada'\n\n\
            [[network.signatories]]\nname = 'Bo'\n";
        let lines = lines(text);
        for (name, line) in [
            ("SAMREGISTER_LOG", 2),
            ("network.name", 5),
            ("network.city", 8),
            ("network.accounts.bank", 11),
            ("network.signatories.0", 13),
            ("network.signatories.0.name", 14),
            ("network.signatories.1.name", 17),
        ] {
            assert_eq!(lines.get(name), Some(&line), "{name}");
        }
        assert!(super::lines("a = ").is_empty());
    }
}
