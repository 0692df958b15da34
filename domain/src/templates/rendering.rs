//! Rendering: fills the values into a text and returns Markdown, in which every value is escaped so
//! that it can only be text.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    fmt,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use ::entity::money::Money;
use chrono::NaiveDate;
use documents::{agreement as document, swedish, typesetting};
use minijinja::{
    Environment, ErrorKind, UndefinedBehavior, Value,
    value::{DynObject, Object, ObjectRepr, ValueKind},
};
use serde_json::Map;

pub use super::facts::{Activity, Agreement, Facts, Fee, Party};
use super::{
    Parameter, analysis,
    datum::Datum,
    filters,
    language::{BREAK, Finding},
    parameters::{self, Filled},
    placeholders,
};
use crate::error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors};

/// Maximum length of a rendered text in bytes: the limit of a document, minus room for the layout.
const MAX_BYTES: usize = 90_000;
/// Maximum number of rendering steps. A text has no loops and never reaches it; it is a safeguard.
const FUEL: u64 = 200_000;

/// Renders the text of an agreement as Markdown, with the entered parameters or their defaults, and
/// the facts. [`BREAK`](super::language::BREAK) represents a line break within a value. Characters
/// of a value that could be markup are escaped with a backslash.
///
/// # Errors
/// INVALID naming every missing, unknown and ill-typed parameter as `<path>.<name>`. CONFLICT
/// `FACTS_MISSING` naming every unknown fact that the text shows without testing it, or
/// `TEXT_UNUSABLE` when the text itself is invalid: it was never checked, or becomes too long with
/// these values.
pub fn text(
    body: &str,
    declared: &[Parameter],
    values: &Map<String, serde_json::Value>,
    facts: &Facts,
    path: &str,
) -> Result<String> {
    let mut errors = ValidationErrors::default();
    let filled = parameters::fill(declared, values, path, &mut errors);
    errors.finish()?;
    let reading = analysis::read(body, declared);
    if !reading.findings.is_empty() {
        return Err(unusable(&reading.findings));
    }
    Ok(render(body, &reading.calculated, &filled, facts)?)
}

/// Adds an error for everything that is wrong with a text and its declared parameters: at
/// `body`, with line numbers, and for example at `parameters[2].name`.
pub fn check(body: &str, declared: &[Parameter], errors: &mut ValidationErrors) {
    check_at("", body, declared, errors);
}

/// Checks like [`check`], with a prefix for the paths.
pub fn check_at(prefix: &str, body: &str, declared: &[Parameter], errors: &mut ValidationErrors) {
    let path = format!("{prefix}parameters");
    let mut declared_errors = ValidationErrors::default();
    parameters::check(declared, &path, &mut declared_errors);
    let is_declared_well = declared_errors.is_empty();
    for error in declared_errors.into_inner() {
        errors.add(error.path.clone(), error.into_problem());
    }
    let reading = analysis::read(body, declared);
    if reading.is_complete {
        for (position, parameter) in declared
            .iter()
            .enumerate()
            .filter(|(_, parameter)| !reading.used.contains(&parameter.name))
        {
            errors.add(
                format!("{path}[{position}].name"),
                FieldErrorCode::Template
                    .problem(format!("is not used in the text: {}", parameter.name)),
            );
        }
    }
    let mut findings = reading.findings;
    if findings.is_empty() && is_declared_well {
        // Some errors occur only when rendering: numbers that become too large, and the length. A
        // text may need a fact that the example lacks.
        match render(body, &reading.calculated, &parameters::examples(declared), &Facts::example())
        {
            Ok(text) => findings
                .extend(document::problem(&text).map(|message| Finding { line: 0, message })),
            Err(RenderError::Unknown(_)) => {}
            Err(RenderError::Broken(finding)) => findings.push(finding),
        }
    }
    let problem = |finding: &Finding| FieldErrorCode::Template.problem(finding.to_string());
    errors.add_each(&format!("{prefix}body"), findings.iter().map(problem));
}

fn unusable(findings: &[Finding]) -> Error {
    let findings: Vec<_> = findings.iter().map(ToString::to_string).collect();
    Error::conflict(
        ConflictReason::TextUnusable,
        format!("the template's text can't be used; draft a new version: {}", findings.join("; ")),
    )
}

/// The reason why a text can't be rendered.
enum RenderError {
    /// The text shows these facts, which are unknown.
    Unknown(BTreeSet<String>),
    /// The text itself is invalid.
    Broken(Finding),
}

impl From<RenderError> for Error {
    fn from(error: RenderError) -> Self {
        match error {
            RenderError::Unknown(names) => {
                let names = names.into_iter().collect::<Vec<_>>().join(", ");
                let message = format!(
                    "the text shows unknown facts: {names}; enter them, or choose a text that does not need them"
                );
                Self::conflict(ConflictReason::FactsMissing, message)
            }
            RenderError::Broken(finding) => unusable(&[finding]),
        }
    }
}

fn render(
    body: &str,
    calculated: &BTreeSet<String>,
    filled: &[Filled<'_>],
    facts: &Facts,
) -> Result<String, RenderError> {
    let missing = Arc::new(Mutex::new(BTreeSet::new()));
    let environment = environment(Arc::clone(&missing));
    let mut written = BoundedWriter::default();
    let rendered = environment.template_from_str(body).and_then(|template| {
        template.render_captured_to(context(filled, facts), &mut written).map(drop)
    });
    let broken = |line: Option<usize>, message: String| {
        Err(RenderError::Broken(Finding { line: line.unwrap_or_default(), message }))
    };
    if written.is_full {
        return broken(
            None,
            format!("becomes longer than {} kB with its values filled in", MAX_BYTES / 1000),
        );
    }
    if let Err(error) = rendered {
        let lacking: BTreeSet<_> =
            calculated.iter().filter(|name| !has_value(name, filled, facts)).cloned().collect();
        if error.kind() == ErrorKind::InvalidOperation && !lacking.is_empty() {
            return Err(RenderError::Unknown(lacking));
        }
        return broken(
            error.line(),
            error.detail().map_or_else(|| error.kind().to_string(), str::to_owned),
        );
    }
    let missing = std::mem::take(&mut *missing.lock().unwrap_or_else(PoisonError::into_inner));
    if !missing.is_empty() {
        return Err(RenderError::Unknown(missing));
    }
    String::from_utf8(written.bytes)
        .or_else(|_| broken(None, "is not valid UTF-8 with its values filled in".to_owned()))
}

/// Returns `true` if a parameter or a placeholder, for example `agreement.number`, has a value.
fn has_value(name: &str, filled: &[Filled<'_>], facts: &Facts) -> bool {
    match name.split_once('.') {
        Some((group, field)) => placeholders::find(group, field)
            .is_some_and(|placeholder| placeholder.of(facts).is_some()),
        None => filled.iter().any(|(parameter, datum)| parameter.name == name && datum.is_some()),
    }
}

/// Returns an environment with only our filters and tests. Unknown facts that a text shows are
/// added to `missing`.
fn environment(missing: Arc<Mutex<BTreeSet<String>>>) -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    for filter in filters::ALL {
        environment.add_filter(
            filter.name,
            move |value: Value, option: Option<String>| match datum(&value) {
                Some(datum) => (filter.write)(&datum, option.as_deref().unwrap_or_default())
                    .map(Value::from)
                    .unwrap_or(value),
                // An unknown fact stays unknown until the text shows it.
                None => value,
            },
        );
    }
    let is_known = |value: &Value| {
        !value.is_undefined()
            && !matches!(slot(value), Some(Slot::Unknown(_) | Slot::LeftOut))
            && !is_empty_group(value)
    };
    environment.add_test("defined", move |value: Value| is_known(&value));
    environment.add_test("undefined", move |value: Value| !is_known(&value));
    environment.add_test("none", move |value: Value| !is_known(&value));
    environment.set_formatter(move |out, _, value| {
        if let Some(Slot::Unknown(name)) = slot(value) {
            missing.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
        }
        match datum(value) {
            Some(datum) => Ok(out.write_str(&literal(&shown(&datum)))?),
            // The engine calculates with more digits than values have.
            None if value.is_number() => Err(minijinja::Error::new(
                ErrorKind::InvalidOperation,
                "shows a number that is too large",
            )),
            None => Ok(()),
        }
    });
    environment
}

/// Formats a value as texts show it without a filter.
#[must_use]
pub fn shown(datum: &Datum) -> String {
    match datum {
        Datum::Text(text) => text.clone(),
        Datum::Date(day) => day.to_string(),
        Datum::Money(amount) => swedish::kronor(*amount),
        Datum::Integer(number) => number.to_string(),
        Datum::Boolean(value) => if *value { "ja" } else { "nej" }.to_owned(),
    }
}

/// Escapes a value as Markdown that shows it literally: on one line, with a backslash before every
/// character that could be markup, and with invisible characters written as code points.
#[must_use]
pub fn literal(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len() + value.len() / 8);
    // Such values are rejected today, but may be stored.
    let shows_nothing = typesetting::shows_nothing(value);
    let mut before = '\0';
    for char in value.trim().chars() {
        match char {
            '\n' if before == '\r' => {}
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => escaped.push(BREAK),
            '\t' => escaped.push(' '),
            char if char.is_ascii_punctuation() => escaped.extend(['\\', char]),
            char if is_unseen(char) || shows_nothing && !char.is_whitespace() => {
                escaped.push_str(&format!("\\[U\\+{:04X}\\]", u32::from(char)))
            }
            char => escaped.push(char),
        }
        before = char;
    }
    escaped
}

/// Returns `true` for control characters, for those that change the direction of writing or have no
/// width, and for unassigned and private ones.
fn is_unseen(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(char, '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{fff9}'..='\u{fffc}' | '\u{e0000}'..='\u{10ffff}')
        || matches!(u32::from(char) & 0xffff, 0xfffe | 0xffff)
}

/// A value that the template engine has no type for.
#[derive(Debug)]
enum Slot {
    Date(NaiveDate),
    Money(Money),
    /// An unknown fact, by its name.
    Unknown(String),
    /// An optional parameter without a value.
    LeftOut,
    /// A group of placeholders.
    Group(BTreeMap<&'static str, Value>),
}

impl Object for Slot {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match &**self {
            Self::Group(fields) => fields.get(key.as_str()?).cloned(),
            _ => None,
        }
    }

    fn is_true(self: &Arc<Self>) -> bool {
        match &**self {
            Self::Date(_) => true,
            Self::Money(amount) => *amount != Money::ZERO,
            Self::Unknown(_) | Self::LeftOut => false,
            Self::Group(fields) => is_any_known(fields),
        }
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        match (&**self, other.downcast_ref::<Self>()?) {
            (Self::Date(one), Self::Date(other)) => Some(one.cmp(other)),
            (Self::Money(one), Self::Money(other)) => Some(one.cmp(other)),
            _ => None,
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Only the formatter shows values, and it handles each variant.
        f.write_str("")
    }
}

fn slot(value: &Value) -> Option<&Slot> {
    value.downcast_object_ref()
}

fn is_any_known(fields: &BTreeMap<&'static str, Value>) -> bool {
    fields.values().any(|value| !matches!(slot(value), Some(Slot::Unknown(_))))
}

fn is_empty_group(value: &Value) -> bool {
    matches!(slot(value), Some(Slot::Group(fields)) if !is_any_known(fields))
}

/// Converts a value of the engine; `None` if it has no value.
fn datum(value: &Value) -> Option<Datum> {
    match slot(value) {
        Some(Slot::Date(day)) => Some(Datum::Date(*day)),
        Some(Slot::Money(amount)) => Some(Datum::Money(*amount)),
        Some(Slot::Unknown(_) | Slot::LeftOut | Slot::Group(_)) => None,
        None => match value.kind() {
            ValueKind::String => value.as_str().map(|text| Datum::Text(text.to_owned())),
            ValueKind::Bool => Some(Datum::Boolean(value.is_true())),
            ValueKind::Number => value.as_i64().map(Datum::Integer),
            // An if expression without else may have no value, and then shows nothing.
            _ => None,
        },
    }
}

fn value(datum: Datum) -> Value {
    match datum {
        Datum::Text(text) => Value::from(text),
        Datum::Integer(number) => Value::from(number),
        Datum::Boolean(value) => Value::from(value),
        Datum::Date(day) => Value::from_object(Slot::Date(day)),
        Datum::Money(amount) => Value::from_object(Slot::Money(amount)),
    }
}

fn context(filled: &[Filled<'_>], facts: &Facts) -> Value {
    let mut groups: BTreeMap<&'static str, BTreeMap<&'static str, Value>> = BTreeMap::new();
    for placeholder in placeholders::all() {
        let shown = placeholder
            .of(facts)
            .map_or_else(|| Value::from_object(Slot::Unknown(placeholder.name())), value);
        groups.entry(placeholder.group).or_default().insert(placeholder.field, shown);
    }
    let groups = groups
        .into_iter()
        .map(|(name, fields)| (name.to_owned(), Value::from_object(Slot::Group(fields))));
    let parameters = filled.iter().map(|(parameter, datum)| {
        let shown = datum.clone().map_or_else(|| Value::from_object(Slot::LeftOut), value);
        (parameter.name.clone(), shown)
    });
    Value::from_pairs(groups.chain(parameters))
}

/// A writer that fails when the text exceeds the maximum length.
#[derive(Default)]
struct BoundedWriter {
    bytes: Vec<u8>,
    is_full: bool,
}

impl Write for &mut BoundedWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > MAX_BYTES {
            self.is_full = true;
            return Err(io::Error::other("the text is too long"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::templates::ParameterType;

    fn declared() -> Vec<Parameter> {
        let parameter = |name: &str, kind, required| Parameter {
            name: name.into(),
            label: "Fråga".into(),
            kind,
            required,
            default: None,
            minimum: None,
            maximum: None,
        };
        vec![
            parameter("subject", ParameterType::Text, true),
            parameter("weeks", ParameterType::Integer, false),
            parameter("cap", ParameterType::Money, false),
            parameter("from", ParameterType::Date, false),
        ]
    }

    fn shows(body: &str, values: serde_json::Value, facts: &Facts) -> String {
        let values = values.as_object().cloned().unwrap_or_default();
        match text(body, &declared(), &values, facts, "parameters") {
            Ok(text) => text,
            Err(Error::Conflict { reason, message, .. }) => format!("{reason}: {message}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn values_are_written_as_text_with_every_sign_escaped() {
        for (value, written) in [
            ("att pröva", "att pröva"),
            (
                "  # a *b* _c_ `d` [e](f) <g> &h; 1. - + | ~ \\ ",
                "\\# a \\*b\\* \\_c\\_ \\`d\\` \\[e\\]\\(f\\) \\<g\\> \\&h\\; 1\\. \\- \\+ \\| \\~ \\\\",
            ),
            (
                "a\nb\r\nc\rd\u{2028}e\n\nf",
                "a\u{e000}b\u{e000}c\u{e000}d\u{e000}e\u{e000}\u{e000}f",
            ),
            ("a\tb", "a b"),
            ("a\u{0}b\u{1b}c\u{85}", "a\\[U\\+0000\\]b\\[U\\+001B\\]c"),
            ("a\u{202e}b\u{e000}c\u{feff}d", "a\\[U\\+202E\\]b\\[U\\+E000\\]c\\[U\\+FEFF\\]d"),
            ("åäö €½ 🙂 日本", "åäö €½ 🙂 日本"),
            ("❤\u{fe0f}", "❤\u{fe0f}"),
            ("\u{fe0f}", "\\[U\\+FE0F\\]"),
        ] {
            assert_eq!(literal(value), written);
        }
    }

    #[test]
    fn a_text_is_filled_in() {
        let facts = Facts::example();
        let values = || json!({ "subject": "att *pröva*", "weeks": 6, "cap": "8648.67", "from": "2027-02-01" });
        let body = "{{ subject }}|{{ weeks }}|{{ cap }}|{{ cap | kronor }}|{{ cap | tal_i_ord }}|{{ from }}|{{ from | datum }}|{{ weeks + 1 }}|{{ weeks | tal_i_ord }}";
        let shown = shows(body, values(), &facts).replace('\\', "").replace('\u{a0}', "_");
        assert_eq!(
            shown,
            "att *pröva*|6|8_648,67|8_648,67_kr|åttatusensexhundrafyrtioåtta kronor och sextiosju öre|2027-02-01|den 1 februari 2027|7|sex"
        );
        let body = "{% if weeks > 3 and from < agreement.starts_on %}a{% elif fee.basis == \"FIXED_PER_YEAR\" %}b{% else %}c{% endif %}{{ \"x\" if not weeks }}";
        assert_eq!(
            shows(
                &format!("{body}{{{{ subject }}}}{{{{ cap }}}}"),
                json!({ "subject": "y", "weeks": 9 }),
                &facts
            ),
            "by"
        );
    }

    #[test]
    fn omitted_parameters_show_nothing_and_unknown_facts_are_named() {
        let values = || json!({ "subject": "x" });
        let no_one = Facts {
            counterparty: Party { name: "Förbundet".into(), ..Party::default() },
            ..Facts::default()
        };
        let asks = "{{ subject }}{{ weeks }}{{ cap | kronor }}{{ from | datum }}{% if weeks is defined or cap is defined or fee or activity is defined or member.city or agreement.ends_on is not none %}!{% endif %}";
        assert_eq!(shows(asks, values(), &no_one), "x");
        assert_eq!(shows("{{ subject }} {{ agreement.number }}", values(), &no_one), "x UTKAST");
        let shown = shows(
            "{{ subject }}{{ member.city }}{{ fee.amount | kronor }}{{ activity.name }}{{ member.city }}",
            values(),
            &no_one,
        );
        assert_eq!(
            shown,
            "FACTS_MISSING: the text shows unknown facts: activity.name, fee.amount, member.city; enter them, or choose a text that does not need them"
        );
    }

    #[test]
    fn unknown_operands_of_calculations_are_named() {
        let values = || json!({ "subject": "x" });
        let no_one = Facts {
            counterparty: Party { name: "Förbundet".into(), ..Party::default() },
            ..Facts::default()
        };
        let body = "{{ subject }}{{ weeks + 1 }}{{ -(agreement.renewal_months if subject == \"x\" else 2) }}";
        assert_eq!(
            shows(body, values(), &no_one),
            "FACTS_MISSING: the text shows unknown facts: agreement.renewal_months, weeks; enter them, or choose a text that does not need them"
        );
        assert_eq!(
            shows(
                "{{ subject }}{% if weeks is defined %}{{ weeks + 1 }}{% endif %}",
                values(),
                &no_one
            ),
            "x"
        );
        let shown = shows(
            "{{ subject }}\n{{ 1 + (weeks if subject == \"y\") }}",
            json!({ "subject": "x", "weeks": 1 }),
            &no_one,
        );
        assert!(shown.ends_with("line 2: calculates with an if that has no else, and so may have no value; add an else"), "{shown}");
    }

    #[test]
    fn an_unchecked_text_is_rejected() {
        let facts = Facts::example();
        let values = || json!({ "subject": "x".repeat(20_000), "weeks": 1_000_000_000_000_i64 });
        assert!(
            shows("{{ subject }}\n{{ range(9) }}", values(), &facts)
                .starts_with("TEXT_UNUSABLE: the template's text can't be used; draft a new version: line 2: has a call")
        );
        assert!(
            shows(&"{{ subject }}".repeat(1000), values(), &facts)
                .ends_with("becomes longer than 90 kB with its values filled in")
        );
        let product = format!("{{{{ {} }}}}", ["weeks"; 40].join(" * "));
        assert!(
            shows(&product, values(), &facts).starts_with("TEXT_UNUSABLE: "),
            "{}",
            shows(&product, values(), &facts)
        );
        for too_large in [
            "{{ weeks * weeks }}",
            "{{ (weeks * weeks) | tal_i_ord }}",
            "{{ -(weeks * weeks) | manader }}",
        ] {
            let shown = shows(&format!("{too_large}{{{{ subject }}}}"), values(), &facts);
            assert!(
                shown.ends_with("line 1: shows a number that is too large"),
                "{too_large}: {shown}"
            );
        }
        assert_eq!(
            shows("{{ subject }}", json!({ "extra": 1 }), &facts),
            "parameters[extra] is not a parameter of this text; its parameters are subject, weeks, cap, from; parameters[subject] is missing"
        );
    }
}
