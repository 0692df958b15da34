//! Lists and single objects of the API, as tables for people and JSON for programs.

use clap::Args;
use documents::{Cell, Column, Grid, Kind};
use serde_json::{Map, json};

use super::{
    Failure, Outcome, Result,
    api_client::{Server, field},
    json as json_text, kronor, put,
    remote_fields::{Field, Noun},
    say, table,
};
use crate::graphql::{client::Value, language::enum_labels};

/// Number of rows that are requested at a time.
const PAGE: u32 = 100;
/// Number of rows of a list, unless stated otherwise.
const DEFAULT_LIMIT: u32 = 50;
/// Largest number of rows of a list.
const MAX_LIMIT: i64 = 10_000;

// No doc comment: clap would take it for the description of each command that has these options.
#[derive(Debug, Args)]
pub(super) struct ListOptions {
    /// Only those with these words, or words that begin so
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Maximum number of rows, from 1 to 10000; defaults to 50
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=MAX_LIMIT))]
    limit: Option<u32>,
    #[command(flatten)]
    output: OutputOptions,
}

// No doc comment, as above.
#[derive(Debug, Args)]
pub(super) struct OutputOptions {
    /// Print JSON with these fields, separated by commas; without a value, list the fields
    #[arg(long, value_name = "FIELDS", num_args = 0..=1, default_missing_value = "")]
    json: Option<String>,
    #[command(flatten)]
    server: Server,
}

// No doc comment, as above.
#[derive(Debug, Args)]
pub(super) struct ShowOptions {
    /// Id, or the number, slug or name that the object is known by
    #[arg(required_unless_present = "json")]
    key: Option<String>,
    #[command(flatten)]
    output: OutputOptions,
}

/// A filter: only the stated values.
#[derive(Debug, Default)]
pub(super) struct Filter(Map<String, serde_json::Value>);

impl Filter {
    /// Adds a value, if there is one.
    pub fn with(mut self, name: &str, value: Option<impl Into<serde_json::Value>>) -> Self {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.into());
        }
        self
    }

    /// Adds a list, unless it is empty.
    pub fn with_all(self, name: &str, values: &[String]) -> Self {
        self.with(name, Some(values.to_vec()).filter(|values| !values.is_empty()))
    }
}

/// Returns words of an enum as the API has them.
pub(super) fn uppercase(words: &[String]) -> Vec<String> {
    words.iter().map(|word| word.to_uppercase()).collect()
}

/// Selected fields, and the form of the output.
struct Selection {
    fields: Vec<&'static Field>,
    is_json: bool,
}

/// Returns the fields to request; `None` if only their names are to be listed.
fn selected(noun: &Noun, json: Option<&str>, all: bool) -> Result<Option<Selection>> {
    let Some(names) = json else {
        let fields = if all { noun.fields.iter().collect() } else { noun.columns() };
        return Ok(Some(Selection { fields, is_json: false }));
    };
    let names: Vec<_> = names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let known = || noun.fields.iter().map(|field| field.name).collect::<Vec<_>>();
    if names.is_empty() {
        put(format!("{}\n", known().join("\n")))?;
        return Ok(None);
    }
    let mut fields = Vec::new();
    for name in names {
        let field = noun.field(name).ok_or_else(|| {
            let known = known().join(", ");
            Failure::usage(format!("--json: {name} is not a field; the fields are {known}"))
        })?;
        fields.push(field);
    }
    Ok(Some(Selection { fields, is_json: true }))
}

impl Selection {
    fn text(&self) -> String {
        self.fields.iter().map(|field| field.selection).collect::<Vec<_>>().join(" ")
    }
}

/// Lists objects.
///
/// # Errors
/// Fails if a field is not known, the server can't be reached, or it answers with errors.
pub(super) async fn list(noun: &Noun, filter: Filter, options: ListOptions) -> Result {
    let output = &options.output;
    let Some(selection) = selected(noun, output.json.as_deref(), false)? else {
        return Ok(Outcome::Done);
    };
    let filter = filter.with("search", options.search.clone());
    let limit = options.limit.unwrap_or(DEFAULT_LIMIT);
    let (rows, total) = fetch(noun, &selection, filter, limit, &output.server).await?;
    if selection.is_json {
        put(json_text(&rows)?)?;
        return Ok(Outcome::Done);
    }
    put(table(&grid(&selection.fields, &rows)))?;
    if usize::try_from(total).is_ok_and(|total| total > rows.len()) {
        let shown = rows.len();
        say(&format!("{shown} of {total} {} are shown; --limit raises the number", noun.many));
    }
    Ok(Outcome::Done)
}

/// Fetches at most `limit` rows, page by page. Returns them and the number of all.
async fn fetch(
    noun: &Noun,
    selection: &Selection,
    filter: Filter,
    limit: u32,
    server: &Server,
) -> Result<(Vec<Value>, i64)> {
    let Noun { many, filter: filter_type, .. } = noun;
    let query = format!(
        "query List($filter: {filter_type}, $first: Int, $after: String) {{ {many}(filter: $filter, first: $first, after: $after) {{ \
         totalCount nodes {{ {} }} pageInfo {{ hasNextPage endCursor }} }} }}",
        selection.text()
    );
    let mut rows = Vec::new();
    let mut after = serde_json::Value::Null;
    loop {
        let wanted = limit.saturating_sub(u32::try_from(rows.len()).unwrap_or(u32::MAX));
        let variables = json!({ "filter": filter.0, "first": wanted.min(PAGE), "after": after });
        let data = server.send(&query, &variables, Some("List")).await?.data()?;
        let page = field(&data, many).cloned().unwrap_or_default();
        if let Some(Value::List(nodes)) = field(&page, "nodes") {
            rows.extend(nodes.iter().cloned());
        }
        let total = match field(&page, "totalCount") {
            Some(Value::Number(number)) => number.as_i64().unwrap_or_default(),
            _ => 0,
        };
        let has_more = field(&page, "pageInfo.hasNextPage") == Some(&Value::Boolean(true));
        if !has_more || rows.len() >= usize::try_from(limit).unwrap_or(usize::MAX) {
            return Ok((rows, total));
        }
        after = field(&page, "pageInfo.endCursor").map(plain).into();
    }
}

/// Shows one object.
///
/// # Errors
/// Fails if a field is not known, there is no such object, the server can't be reached, or it
/// answers with errors.
pub(super) async fn show(noun: &Noun, options: ShowOptions) -> Result {
    let ShowOptions { key, output } = options;
    let Some(selection) = selected(noun, output.json.as_deref(), true)? else {
        return Ok(Outcome::Done);
    };
    let key = key.ok_or_else(|| Failure::usage(format!("state the {} to show", noun.one)))?;
    let found = find(noun, &selection, &key, &output.server).await?;
    if selection.is_json {
        put(json_text(&found)?)?;
        return Ok(Outcome::Done);
    }
    let columns = vec![
        Column::new("field", "Uppgift", Kind::Text),
        Column::new("value", "Värde", Kind::Text),
    ];
    let shown = |field: &&Field| match cell(field, &found) {
        Cell::Empty => None,
        Cell::Money(amount) => Some((field.heading, kronor(amount))),
        other => Some((field.heading, other.plain())),
    };
    let rows = selection.fields.iter().filter_map(shown);
    let rows = rows.map(|(heading, text)| vec![Cell::Text(heading.to_owned()), Cell::Text(text)]);
    put(table(&Grid { columns, rows: rows.collect(), total: None }))?;
    Ok(Outcome::Done)
}

/// Returns the object with this id or key, or else the only one that a search finds.
async fn find(noun: &Noun, selection: &Selection, key: &str, server: &Server) -> Result<Value> {
    let Noun { one, key: key_field, .. } = noun;
    let is_id = key.strip_prefix(one).is_some_and(|rest| rest.starts_with('_'));
    let is_number = key.starts_with(|first: char| first.is_ascii_digit());
    if !is_id && !is_number && *key_field == "orgNumber" {
        return find_by_name(noun, selection, key, server).await;
    }
    let by = if is_id { json!({ "id": key }) } else { json!({ (*key_field): key }) };
    let by_type = format!("{}{}By", one[..1].to_uppercase(), &one[1..]);
    let query =
        format!("query Show($by: {by_type}!) {{ {one}(by: $by) {{ {} }} }}", selection.text());
    let data = server.send(&query, &json!({ "by": by }), Some("Show")).await?.data()?;
    match field(&data, one) {
        Some(found @ Value::Object(_)) => Ok(found.clone()),
        _ => Err(missing(noun, key)),
    }
}

async fn find_by_name(
    noun: &Noun,
    selection: &Selection,
    key: &str,
    server: &Server,
) -> Result<Value> {
    let filter = Filter::default().with("search", Some(key));
    let (mut found, total) = fetch(noun, selection, filter, 2, server).await?;
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err(missing(noun, key)),
        (Some(_), false) => Err(Failure::new(format!(
            "{total} {} match {key}; state more of the name, or the id",
            noun.many
        ))),
    }
}

fn missing(noun: &Noun, key: &str) -> Failure {
    Failure::new(format!("there is no {} {key} that this token may see", noun.one))
}

/// Returns the table of these rows.
fn grid(fields: &[&'static Field], rows: &[Value]) -> Grid {
    let columns = fields.iter().map(|field| Column::new(field.name, field.heading, field.kind));
    let rows = rows.iter().map(|row| fields.iter().map(|field| cell(field, row)).collect());
    Grid { columns: columns.collect(), rows: rows.collect(), total: None }
}

/// Returns the cell of a field. A value that can't be read as its type is shown as it is.
fn cell(of: &Field, row: &Value) -> Cell {
    let value = match of.path.split_once('.') {
        Some((list, path)) => match field(row, list) {
            Some(Value::List(items)) => {
                let parts: Vec<_> = items.iter().filter_map(|item| field(item, path)).collect();
                return Cell::Text(parts.into_iter().map(plain).collect::<Vec<_>>().join(", "));
            }
            _ => field(row, of.path),
        },
        None => field(row, of.path),
    };
    let text = value.map(|value| labeled(of, value)).unwrap_or_default();
    let parsed = match of.kind {
        _ if text.is_empty() => Some(Cell::Empty),
        Kind::Money => text.parse().ok().map(Cell::Money),
        Kind::Day => text.parse().ok().map(Cell::Day),
        Kind::Number | Kind::Distinct => text.parse().ok().map(Cell::Number),
        Kind::Text => None,
    };
    parsed.unwrap_or(Cell::Text(text))
}

/// Returns a value as text, with the Swedish label of each value of an enum.
fn labeled(of: &Field, value: &Value) -> String {
    match (of.labels, value) {
        (Some(_), Value::List(items)) => {
            items.iter().map(|item| labeled(of, item)).collect::<Vec<_>>().join(", ")
        }
        (Some(labels), Value::Enum(word)) => enum_labels::swedish(labels, word).to_owned(),
        (Some(labels), Value::String(word)) => enum_labels::swedish(labels, word).to_owned(),
        _ => plain(value),
    }
}

/// Returns a value as text.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::List(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::remote_fields::{ACTIVITIES, AGREEMENTS, INVOICES, MEMBERS};

    fn value(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn cells_have_the_type_of_their_field() {
        let row = value(
            r#"{"number":"1081","total":"18000.00","dueOn":"2026-12-31","buyer":{"name":"Alfa"},
                "lines":[{"description":"A"},{"description":"B"}],"ocr":null}"#,
        );
        let cell = |name: &str| cell(INVOICES.field(name).unwrap(), &row).plain();
        assert_eq!(
            ["number", "total", "dueOn", "buyer", "lines", "ocr", "issuedOn"].map(cell),
            ["1081", "18000.00", "2026-12-31", "Alfa", "A, B", "", ""]
        );
    }

    #[test]
    fn values_of_enums_are_shown_by_their_swedish_labels() {
        let row = value(r#"{"status":"PARTLY_PAID","kind":"CREDIT_NOTE","funding":["GRANT"]}"#);
        let cell = |noun: &Noun, name: &str| cell(noun.field(name).unwrap(), &row).plain();
        assert_eq!(cell(&INVOICES, "status"), "Delbetald");
        assert_eq!(cell(&INVOICES, "kind"), "Kreditfaktura");
        assert_eq!(cell(&ACTIVITIES, "funding"), "Bidrag");
    }

    #[test]
    fn json_needs_known_fields() {
        assert!(selected(&MEMBERS, Some("name, orgNumber"), false).is_ok_and(|found| {
            found.is_some_and(|found| found.is_json && found.text() == "name orgNumber")
        }));
        let failure = selected(&AGREEMENTS, Some("nmae"), false).err().unwrap();
        assert!(failure.lines[0].contains("nmae is not a field"), "{failure:?}");
        assert_eq!(failure.code, 2);
    }
}
