//! Rendering: a text with its values filled in, as Markdown in which no value can be anything but
//! text.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    fmt,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use ::entity::money::Money;
use chrono::NaiveDate;
use minijinja::{
    Environment, ErrorKind, UndefinedBehavior, Value,
    value::{DynObject, Object, ObjectRepr, ValueKind},
};
use serde_json::Map;

pub use super::facts::{Activity, Agreement, Facts, Fee, Party};
use super::{
    Parameter, filters,
    language::{self, BREAK, Finding},
    parameters::{self, Datum, Filled},
    placeholders,
};
use crate::{
    documents::agreement as document,
    error::{Error, Result, ValidationErrors},
    swedish,
};

/// The longest rendered text, in bytes: what a document takes, with room for what its layout adds.
const LONGEST: usize = 90_000;
/// The most steps of rendering one. A text has no loops, so this is never used up; it stands guard.
const FUEL: u64 = 200_000;

/// The text of an agreement in Markdown: the template's, with the parameters given or their
/// defaults, and the facts. [`language::BREAK`] stands for a line break within a value; every sign
/// of a value that could be markup has a backslash before it.
///
/// # Errors
/// INVALID naming every missing, unknown and ill-typed parameter as `<path>.<name>`. CONFLICT
/// `FACTS_MISSING` naming every fact that the text shows without asking whether it is known, or
/// `TEXT_UNUSABLE` when the text itself is to blame: it was never checked, or becomes too long with
/// these values.
pub fn text(
    body: &str,
    declared: &[Parameter],
    given: &Map<String, serde_json::Value>,
    facts: &Facts,
    path: &str,
) -> Result<String> {
    let mut errors = ValidationErrors::default();
    let filled = parameters::fill(declared, given, path, &mut errors);
    errors.finish()?;
    let reading = language::read(body, declared);
    if !reading.findings.is_empty() {
        return Err(unusable(&reading.findings));
    }
    Ok(render(body, &reading.calculated, &filled, facts)?)
}

/// Notes all that is wrong with a text and its declared parameters, as `input.body`, with line
/// numbers, and `input.parameters.2.name`.
pub fn check(body: &str, declared: &[Parameter], errors: &mut ValidationErrors) {
    check_at("input.", body, declared, errors);
}

/// Like [`check`], with something else than `input.` before the paths.
pub fn check_at(prefix: &str, body: &str, declared: &[Parameter], errors: &mut ValidationErrors) {
    let path = format!("{prefix}parameters");
    let mut declared_errors = ValidationErrors::default();
    parameters::check(declared, &path, &mut declared_errors);
    let is_declared_well = declared_errors.is_empty();
    for error in declared_errors.into_inner() {
        errors.add(error.path, error.message);
    }
    let reading = language::read(body, declared);
    if reading.is_complete {
        for (position, parameter) in declared
            .iter()
            .enumerate()
            .filter(|(_, parameter)| !reading.used.contains(&parameter.name))
        {
            errors.add(
                format!("{path}.{position}.name"),
                format!("is not used in the text: {}", parameter.name),
            );
        }
    }
    let mut findings = reading.findings;
    if findings.is_empty() && is_declared_well {
        // What no look at the text can tell: sums that grow too large, and the length. A text may
        // count on a fact that the example lacks.
        match render(body, &reading.calculated, &parameters::examples(declared), &Facts::example())
        {
            Ok(text) => findings
                .extend(document::problem(&text).map(|message| Finding { line: 0, message })),
            Err(Trouble::Unknown(_)) => {}
            Err(Trouble::Broken(finding)) => findings.push(finding),
        }
    }
    errors.add_each(&format!("{prefix}body"), findings.iter().map(ToString::to_string));
}

fn unusable(findings: &[Finding]) -> Error {
    let findings: Vec<_> = findings.iter().map(ToString::to_string).collect();
    Error::conflict(
        "TEXT_UNUSABLE",
        format!("the template's text can't be used; draft a new version: {}", findings.join("; ")),
    )
}

/// Why a text can't be rendered.
enum Trouble {
    /// It shows these facts, which nobody knows.
    Unknown(BTreeSet<String>),
    /// It is to blame itself.
    Broken(Finding),
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Unknown(names) => {
                let names = names.into_iter().collect::<Vec<_>>().join(", ");
                let message = format!(
                    "the text shows what is not known: {names}; fill it in, or choose a text that does without"
                );
                Self::conflict("FACTS_MISSING", message)
            }
            Trouble::Broken(finding) => unusable(&[finding]),
        }
    }
}

fn render(
    body: &str,
    calculated: &BTreeSet<String>,
    filled: &[Filled<'_>],
    facts: &Facts,
) -> Result<String, Trouble> {
    let missing = Arc::new(Mutex::new(BTreeSet::new()));
    let environment = environment(Arc::clone(&missing));
    let mut written = Bounded::default();
    let rendered = environment.template_from_str(body).and_then(|template| {
        template.render_captured_to(context(filled, facts), &mut written).map(drop)
    });
    let broken = |line: Option<usize>, message: String| {
        Err(Trouble::Broken(Finding { line: line.unwrap_or_default(), message }))
    };
    if written.is_full {
        return broken(
            None,
            format!("becomes longer than {} kB with its values filled in", LONGEST / 1000),
        );
    }
    if let Err(error) = rendered {
        let lacking: BTreeSet<_> =
            calculated.iter().filter(|name| !has_value(name, filled, facts)).cloned().collect();
        if error.kind() == ErrorKind::InvalidOperation && !lacking.is_empty() {
            return Err(Trouble::Unknown(lacking));
        }
        return broken(
            error.line(),
            error.detail().map_or_else(|| error.kind().to_string(), str::to_owned),
        );
    }
    let missing = std::mem::take(&mut *missing.lock().unwrap_or_else(PoisonError::into_inner));
    if !missing.is_empty() {
        return Err(Trouble::Unknown(missing));
    }
    String::from_utf8(written.bytes)
        .or_else(|_| broken(None, "is no text with its values filled in".to_owned()))
}

/// Returns `true` if a parameter or a placeholder, as `agreement.number`, has a value.
fn has_value(name: &str, filled: &[Filled<'_>], facts: &Facts) -> bool {
    match name.split_once('.') {
        Some((group, field)) => placeholders::find(group, field)
            .is_some_and(|placeholder| placeholder.of(facts).is_some()),
        None => filled.iter().any(|(parameter, datum)| parameter.name == name && datum.is_some()),
    }
}

/// An environment with nothing in it but our filters and tests. What a text shows without its being
/// known is noted in `missing`.
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
                // What is not known stays so, until somebody shows it.
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
            // The engine computes with more digits than values have.
            None if value.is_number() => {
                Err(minijinja::Error::new(ErrorKind::InvalidOperation, "shows too large a number"))
            }
            None => Ok(()),
        }
    });
    environment
}

/// A value as texts write it without a filter.
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

/// A value as Markdown that shows it as it is: on one line, with a backslash before every sign that
/// could be markup, and with characters that can't be seen written out.
#[must_use]
pub fn literal(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len() + value.len() / 8);
    // Such values are refused today, and may be stored.
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

/// Control characters, those that turn the direction of writing or have no width, and those that
/// stand for nothing.
fn is_unseen(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(char, '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{fff9}'..='\u{fffc}' | '\u{e0000}'..='\u{10ffff}')
        || matches!(u32::from(char) & 0xffff, 0xfffe | 0xffff)
}

/// What a name stands for, when it is none of the template engine's own values.
#[derive(Debug)]
enum Slot {
    Date(NaiveDate),
    Money(Money),
    /// A fact that nobody knows, by its name.
    Unknown(String),
    /// An optional parameter that nobody gave.
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
        // Only the formatter shows values, and it knows each of them.
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

/// The value as the rest of the register knows it; null when there is none.
fn datum(value: &Value) -> Option<Datum> {
    match slot(value) {
        Some(Slot::Date(day)) => Some(Datum::Date(*day)),
        Some(Slot::Money(amount)) => Some(Datum::Money(*amount)),
        Some(Slot::Unknown(_) | Slot::LeftOut | Slot::Group(_)) => None,
        None => match value.kind() {
            ValueKind::String => value.as_str().map(|text| Datum::Text(text.to_owned())),
            ValueKind::Bool => Some(Datum::Boolean(value.is_true())),
            ValueKind::Number => value.as_i64().map(Datum::Integer),
            // A choice without else has no value, and shows nothing.
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

/// Takes no more than a text may have.
#[derive(Default)]
struct Bounded {
    bytes: Vec<u8>,
    is_full: bool,
}

impl Write for &mut Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > LONGEST {
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

    fn shows(body: &str, given: serde_json::Value, facts: &Facts) -> String {
        let given = given.as_object().cloned().unwrap_or_default();
        match text(body, &declared(), &given, facts, "parameters") {
            Ok(text) => text,
            Err(Error::Conflict { reason, message }) => format!("{reason}: {message}"),
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
        let given = || json!({ "subject": "att *pröva*", "weeks": 6, "cap": "8648.67", "from": "2027-02-01" });
        let body = "{{ subject }}|{{ weeks }}|{{ cap }}|{{ cap | kronor }}|{{ cap | tal_i_ord }}|{{ from }}|{{ from | datum }}|{{ weeks + 1 }}|{{ weeks | tal_i_ord }}";
        let shown = shows(body, given(), &facts).replace('\\', "").replace('\u{a0}', "_");
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
    fn what_is_left_out_shows_nothing_and_what_is_unknown_is_named() {
        let given = || json!({ "subject": "x" });
        let no_one = Facts {
            counterparty: Party { name: "Förbundet".into(), ..Party::default() },
            ..Facts::default()
        };
        let asks = "{{ subject }}{{ weeks }}{{ cap | kronor }}{{ from | datum }}{% if weeks is defined or cap is defined or fee or activity is defined or member.city or agreement.ends_on is not none %}!{% endif %}";
        assert_eq!(shows(asks, given(), &no_one), "x");
        assert_eq!(shows("{{ subject }} {{ agreement.number }}", given(), &no_one), "x UTKAST");
        let shown = shows(
            "{{ subject }}{{ member.city }}{{ fee.amount | kronor }}{{ activity.name }}{{ member.city }}",
            given(),
            &no_one,
        );
        assert_eq!(
            shown,
            "FACTS_MISSING: the text shows what is not known: activity.name, fee.amount, member.city; fill it in, or choose a text that does without"
        );
    }

    #[test]
    fn what_is_calculated_with_and_unknown_is_named() {
        let given = || json!({ "subject": "x" });
        let no_one = Facts {
            counterparty: Party { name: "Förbundet".into(), ..Party::default() },
            ..Facts::default()
        };
        let body = "{{ subject }}{{ weeks + 1 }}{{ -(agreement.renewal_months if subject == \"x\" else 2) }}";
        assert_eq!(
            shows(body, given(), &no_one),
            "FACTS_MISSING: the text shows what is not known: agreement.renewal_months, weeks; fill it in, or choose a text that does without"
        );
        assert_eq!(
            shows(
                "{{ subject }}{% if weeks is defined %}{{ weeks + 1 }}{% endif %}",
                given(),
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
    fn a_text_that_was_never_checked_does_no_harm() {
        let facts = Facts::example();
        let given = || json!({ "subject": "x".repeat(20_000), "weeks": 1_000_000_000_000_i64 });
        assert!(
            shows("{{ subject }}\n{{ range(9) }}", given(), &facts)
                .starts_with("TEXT_UNUSABLE: the template's text can't be used; draft a new version: line 2: has a call")
        );
        assert!(
            shows(&"{{ subject }}".repeat(1000), given(), &facts)
                .ends_with("becomes longer than 90 kB with its values filled in")
        );
        let product = format!("{{{{ {} }}}}", ["weeks"; 40].join(" * "));
        assert!(
            shows(&product, given(), &facts).starts_with("TEXT_UNUSABLE: "),
            "{}",
            shows(&product, given(), &facts)
        );
        for too_large in [
            "{{ weeks * weeks }}",
            "{{ (weeks * weeks) | tal_i_ord }}",
            "{{ -(weeks * weeks) | manader }}",
        ] {
            let shown = shows(&format!("{too_large}{{{{ subject }}}}"), given(), &facts);
            assert!(shown.ends_with("line 1: shows too large a number"), "{too_large}: {shown}");
        }
        assert_eq!(
            shows("{{ subject }}", json!({ "extra": 1 }), &facts),
            "parameters.extra is no parameter of this text; there are subject, weeks, cap, from; parameters.subject is missing"
        );
    }
}
