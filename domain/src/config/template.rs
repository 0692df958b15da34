//! The settings file that an operator begins with. It is made of the tables of
//! docs/configuration.md, so that each setting is described in one file.

use super::names::OF_COMMANDS;

/// The page that describes every setting.
const PAGE: &str = include_str!("../../../docs/configuration.md");
/// Width of the comments of the file.
const WIDTH: usize = 78;
/// Comment at the top of the file.
const INTRODUCTION: &str = "\
# Settings of Samregister. Each line that begins with # and a name is a
# setting with its default; remove the # to change it. A blank value counts as
# not set. Variables of the environment with the same names win over the file.
# `samregister config check` checks it, `samregister doctor` the register.
";

/// A setting as docs/configuration.md describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Documented {
    /// Heading of its section.
    pub section: String,
    /// Its name; within a table with dots: `network.accounts.bank`. A part in capitals stands for
    /// any slug or account.
    pub name: String,
    /// Its default in words.
    pub default: String,
    /// Its range; null: not a number.
    pub range: Option<String>,
    /// Its meaning.
    pub meaning: String,
}

/// Returns every setting and variable that docs/configuration.md describes, in order.
#[must_use]
pub fn documented() -> Vec<Documented> {
    of_page(PAGE)
}

/// Returns the settings file with every setting, commented out.
#[must_use]
pub fn template() -> String {
    let settings = documented();
    let settings = settings.iter().filter(|setting| !OF_COMMANDS.contains(&setting.name.as_str()));
    let mut text = INTRODUCTION.to_owned();
    let (mut section, mut table) = ("", "");
    for setting in settings {
        if setting.section != section {
            section = &setting.section;
            text.push_str(&format!("\n\n# {section}\n# {}\n", "-".repeat(section.chars().count())));
        }
        let (of_table, key) = setting.name.rsplit_once('.').unwrap_or(("", &setting.name));
        if of_table != table {
            table = of_table;
            text.push_str(&format!("\n{}\n", heading(table)));
        }
        text.push('\n');
        for line in wrapped(&description(setting)) {
            text.push_str(&format!("# {line}\n"));
        }
        let mark = if is_example(table) { "#   " } else { "#" };
        text.push_str(&format!("{mark}{key} = {}\n", value(&setting.default)));
    }
    text
}

/// Returns the line that begins a table. A table that an operator names or repeats is an example.
fn heading(table: &str) -> String {
    match (is_example(table), table.ends_with("signatories")) {
        (_, true) => format!("# One table for each, as\n#   [[{table}]]"),
        (true, false) => format!("# As\n#   [{table}]"),
        (false, false) => format!("[{table}]"),
    }
}

/// Returns `true` for a table that has no meaning with the name and the defaults of the page.
fn is_example(table: &str) -> bool {
    let is_placeholder = |part: &str| part.chars().all(|char| char.is_ascii_uppercase());
    table.ends_with("signatories")
        || table.ends_with("vat_boxes")
        || table.split('.').any(|part| !part.is_empty() && is_placeholder(part))
}

fn description(setting: &Documented) -> String {
    let range = setting.range.as_ref().map(|range| format!(" Range: {range}.")).unwrap_or_default();
    let meaning = setting.meaning.trim_end_matches('.');
    format!("{meaning}. Default: {}.{range}", setting.default)
}

/// Returns a default as a value of TOML: a blank text if there is none.
fn value(default: &str) -> String {
    let quoted = default.strip_prefix('`').and_then(|rest| rest.split_once('`'));
    // Another value may follow, as that of the demo.
    let quoted = quoted.filter(|(_, rest)| rest.is_empty() || rest.starts_with(';'));
    // The default may be the value of another setting.
    let is_name =
        |value: &&str| ["SAMREGISTER_", "DATABASE_"].iter().any(|part| value.starts_with(part));
    let quoted = quoted.map(|(value, _)| value).filter(|value| !is_name(value));
    let is_number =
        !default.is_empty() && default.chars().all(|char| char.is_ascii_digit() || char == '.');
    let value = quoted.unwrap_or(if is_number { default } else { "" });
    if value.parse::<i64>().is_ok() || value.parse::<bool>().is_ok() {
        value.to_owned()
    } else {
        toml::Value::String(value.to_owned()).to_string()
    }
}

/// Breaks a text into lines of a comment.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < WIDTH - 2 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Returns the settings of the tables of a page.
fn of_page(page: &str) -> Vec<Documented> {
    let mut found = Vec::new();
    let (mut section, mut columns) = (String::new(), Vec::new());
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            section = without_links(heading);
        }
        let Some(row) = line.strip_prefix('|').and_then(|rest| rest.strip_suffix('|')) else {
            columns.clear();
            continue;
        };
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        if columns.is_empty() {
            columns = cells;
            continue;
        }
        let cell = |name: &str| {
            let position = columns.iter().position(|column| *column == name)?;
            cells.get(position).map(|cell| without_links(cell))
        };
        let name = cell("setting").or_else(|| cell("variable"));
        let name = name.as_deref().and_then(|name| name.strip_prefix('`')?.strip_suffix('`'));
        let Some(name) = name.filter(|name| !name.contains('`')) else { continue };
        found.push(Documented {
            section: section.clone(),
            name: name.to_owned(),
            default: cell("default").unwrap_or_default(),
            range: cell("range").filter(|range| !range.is_empty()),
            meaning: cell("meaning").unwrap_or_default(),
        });
    }
    found
}

/// Returns a text of Markdown with the words of its links alone.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once('[') {
        let parts = link.split_once("](").and_then(|(words, target)| {
            let (_, after) = target.split_once(')')?;
            Some((words, after))
        });
        plain.push_str(before);
        match parts {
            Some((words, after)) => {
                plain.push_str(words);
                rest = after;
            }
            None => {
                plain.push('[');
                rest = link;
            }
        }
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{
        super::{
            environment::Environment,
            report::SettingsReport,
            settings::{FILE, Settings},
        },
        *,
    };

    /// Returns every name that the program reads.
    fn known() -> BTreeSet<&'static str> {
        let mut source = Environment::default();
        Settings::take(&mut source, [], None);
        source.known.iter().copied().chain(OF_COMMANDS).collect()
    }

    #[test]
    fn every_setting_that_the_program_reads_is_documented() {
        let documented: Vec<_> = documented().into_iter().map(|setting| setting.name).collect();
        for name in known() {
            let is_documented = documented.iter().any(|documented| {
                documented == name
                    || documented.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
            });
            assert!(is_documented, "docs/configuration.md has no row {name}");
        }
        for name in &documented {
            let is_known = known().iter().any(|known| {
                name == known || name.strip_prefix(known).is_some_and(|rest| rest.starts_with('.'))
            });
            assert!(is_known, "{name} of docs/configuration.md is no setting");
        }
    }

    #[test]
    fn every_setting_is_in_the_file() {
        let text = template();
        for setting in documented() {
            let is_there = text.lines().any(|line| {
                let key = setting.name.rsplit('.').next().unwrap_or_default();
                line.trim_start_matches(['#', ' ']).starts_with(&format!("{key} = "))
            });
            let is_of_commands = OF_COMMANDS.contains(&setting.name.as_str());
            assert!(is_there != is_of_commands, "{}", setting.name);
        }
        // A value is a line, however long.
        let mut comments = text.lines().filter(|line| line.starts_with("# "));
        assert!(comments.all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(!text.contains("]("), "{text}");
    }

    #[test]
    fn the_file_changes_nothing_with_and_without_its_marks() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            let report = SettingsReport::new([], Some(&file));
            assert_eq!(report.errors, []);
            // The last field has the names of those that are stated.
            let shown = format!("{:?}", report.settings.unwrap());
            let (shown, _) = shown.rsplit_once(", stated: ").unwrap();
            (shown.to_owned(), report.set.len())
        };
        let text = template();
        let (defaults, count) = read(&text);
        assert_eq!(count, 0);
        let lines = text.lines().map(|line| {
            let setting = line.strip_prefix('#').filter(|rest| !rest.starts_with(' '));
            format!("{}\n", setting.unwrap_or(line))
        });
        let (same, count) = read(&lines.collect::<String>());
        assert!(count > 60, "{count}");
        // The default of this one stands in a rule.
        let same = same.replace("min_counterparties: Some(3)", "min_counterparties: None");
        assert_eq!(same, defaults);
    }

    #[test]
    fn tables_of_a_page_are_read() {
        let page = "## A [link](x.md)\n\n| variable | default | range | meaning |\n|---|---|---|---|\n\
            | `N` | 15 | 1–9 | See [that page](p.md#a) and [other] |\n\n| route | what |\n|---|---|\n| `/x` | y |\n";
        let found = of_page(page);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].section.as_str(), found[0].meaning.as_str()),
            ("A link", "See that page and [other]")
        );
        for (default, text) in [
            ("`a\"b`; else", "'a\"b'"),
            ("none", "\"\""),
            ("`A` + 10", "\"\""),
            ("`DATABASE_URL`", "\"\""),
            ("15", "15"),
            ("`true`", "true"),
            ("0.99", "\"0.99\""),
        ] {
            assert_eq!(value(default), text, "{default}");
        }
    }
}
