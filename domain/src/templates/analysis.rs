//! Analysis of a template's text: its errors, and the parameters and placeholders that it uses.

use std::collections::{BTreeMap, BTreeSet};

use documents::typesetting;
use minijinja::{
    Value,
    machinery::{
        Span, Token,
        ast::{
            BinOpKind, CallArg, Compare, CompareOpKind, Expr, Filter, GetAttr, IfExpr, Stmt, Test,
            UnaryOpKind, Var,
        },
        parse, tokenize,
    },
    value::ValueKind,
};

use super::{
    Parameter, ParameterType, filters,
    language::{BREAK, Finding, MAX_BYTES, Reading},
    placeholders,
};

/// Maximum number of lines of a text.
const MAX_LINES: usize = 10_000;

/// Maximum number of tokens within a pair of braces. Deeper nesting or chaining could overflow the
/// stack.
const MAX_TAG_TOKENS: usize = 100;

/// Maximum number of branches of all conditions, for the same reason.
const MAX_BRANCHES: usize = 200;

/// Maximum number of listed findings. A text of 200 kB has room for tens of thousands, which no one
/// would read.
const MAX_FINDINGS: usize = 100;

/// Analyzes a text that may use these parameters.
#[must_use]
pub fn read(body: &str, declared: &[Parameter]) -> Reading {
    let mut reader = Reader {
        body,
        line_ends: body.match_indices('\n').map(|(offset, _)| offset).collect(),
        declared: declared
            .iter()
            .map(|parameter| (parameter.name.as_str(), parameter.kind))
            .collect(),
        findings: BTreeSet::new(),
        has_more: false,
        reading: Reading::default(),
    };
    reader.run();
    if reader.has_more {
        let message = format!("has more errors than the {MAX_FINDINGS} listed; fix these first");
        reader.findings.insert(Finding { line: 0, message });
    }
    Reading { findings: reader.findings.into_iter().collect(), ..reader.reading }
}

/// The type of an expression. `None` in its stead means that an error was already reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    One(ParameterType),
    /// A group of placeholders, for example `member`. It can be tested but not shown.
    Group(&'static str),
    /// One of two types; valid only in a condition.
    Mixed,
}

struct Reader<'b> {
    body: &'b str,
    /// Byte offsets of the line feeds, from which line numbers are calculated.
    line_ends: Vec<usize>,
    declared: BTreeMap<&'b str, ParameterType>,
    findings: BTreeSet<Finding>,
    /// `true` if there are more findings than are listed.
    has_more: bool,
    reading: Reading,
}

impl<'b> Reader<'b> {
    fn run(&mut self) {
        if !self.is_readable() || !self.has_plain_tags() {
            return;
        }
        match parse(self.body, "text", Default::default()) {
            Ok(tree) => {
                self.statement(&tree);
                self.reading.is_complete = true;
            }
            Err(error) => self.syntax(&error),
        }
    }

    fn find(&mut self, line: usize, message: impl Into<String>) {
        let finding = Finding { line, message: message.into() };
        if self.findings.len() < MAX_FINDINGS {
            self.findings.insert(finding);
        } else {
            self.has_more |= !self.findings.contains(&finding);
        }
    }

    fn find_at(&mut self, span: Span, message: impl Into<String>) {
        // The span's own line number is limited to 65535.
        let start = span.start_offset as usize;
        self.find(self.line_ends.partition_point(|end| *end < start) + 1, message);
    }

    fn syntax(&mut self, error: &minijinja::Error) {
        let why = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        self.find(error.line().unwrap_or_default(), format!("can't be read: {why}"));
    }

    fn is_readable(&mut self) -> bool {
        let body = self.body;
        if body.len() > MAX_BYTES {
            self.find(0, format!("must not be longer than {} kB", MAX_BYTES / 1000));
        } else if self.line_ends.len() >= MAX_LINES {
            self.find(0, format!("must not have more than {MAX_LINES} lines"));
        } else if body.trim().is_empty() {
            self.find(0, "must not be empty");
        } else {
            let is_strange = |char: char| {
                char.is_control() && !matches!(char, '\n' | '\r' | '\t') || char == BREAK
            };
            for (position, line) in
                body.lines().enumerate().filter(|(_, line)| line.contains(is_strange))
            {
                let char = line.chars().find(|char| is_strange(*char)).unwrap_or(BREAK);
                self.find(
                    position + 1,
                    format!("has the control character U+{:04X}", u32::from(char)),
                );
            }
            for (position, _) in
                body.lines().enumerate().filter(|(_, line)| typesetting::stacks_marks(line))
            {
                self.find(
                    position + 1,
                    format!("has more than {} combining marks in a row", typesetting::MAX_MARKS),
                );
            }
        }
        self.findings.is_empty()
    }

    /// Checks the tokens before the text is parsed: for statements outside the language, and for
    /// nesting that is too deep to parse.
    fn has_plain_tags(&mut self) -> bool {
        let (mut length, mut branches, mut is_first) = (0, 0, false);
        for token in tokenize(self.body, false, Default::default()) {
            let (token, span) = match token {
                Ok(token) => token,
                Err(error) => {
                    self.syntax(&error);
                    return false;
                }
            };
            length += 1;
            match token {
                Token::TemplateData(_) | Token::VariableStart | Token::BlockStart => length = 0,
                Token::Ident(word) if is_first => {
                    branches += usize::from(["if", "elif"].contains(&word));
                    if !["if", "elif", "else", "endif"].contains(&word) {
                        self.find_at(
                            span,
                            format!("has {{% {} %}}; the only statements in texts are if, elif, else and endif", shortened(word)),
                        );
                    }
                }
                _ => {}
            }
            is_first = matches!(token, Token::BlockStart);
            if length == MAX_TAG_TOKENS {
                self.find_at(
                    span,
                    format!(
                        "has more than {MAX_TAG_TOKENS} words and signs within one pair of braces"
                    ),
                );
            }
        }
        if branches > MAX_BRANCHES {
            self.find(0, format!("must not have more than {MAX_BRANCHES} conditions"));
        }
        self.findings.is_empty()
    }

    fn statement(&mut self, statement: &Stmt<'b>) {
        match statement {
            Stmt::Template(template) => self.statements(&template.children),
            Stmt::EmitRaw(_) => {}
            Stmt::EmitExpr(emit) => match self.shape(&emit.expr) {
                Some(Shape::Group(group)) => {
                    let fields = fields_of(group);
                    self.find_at(
                        emit.span(),
                        format!("{group} can't be shown as a whole; choose one of {fields}"),
                    );
                }
                Some(Shape::Mixed) => self.find_at(
                    emit.span(),
                    "shows one of two values of different types; use an if statement",
                ),
                Some(Shape::One(_)) | None => {}
            },
            Stmt::IfCond(condition) => {
                self.shape(&condition.expr);
                self.statements(&condition.true_body);
                self.statements(&condition.false_body);
            }
            // The check of the tokens rejects all of these.
            _ => self.find(0, "has a statement that is not supported in texts"),
        }
    }

    fn statements(&mut self, statements: &[Stmt<'b>]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    fn shape(&mut self, expression: &Expr<'b>) -> Option<Shape> {
        match expression {
            Expr::Var(var) => self.variable(var, var.span()),
            Expr::GetAttr(attribute) => self.attribute(attribute, attribute.span()),
            Expr::Filter(filter) => self.filter(filter, filter.span()),
            Expr::Test(test) => self.test(test, test.span()),
            Expr::IfExpr(choice) => self.choice(choice),
            Expr::Compare(compare) => self.compare(compare, compare.span()),
            Expr::Const(constant) => self.constant(&constant.value, constant.span()),
            Expr::UnaryOp(operation) => {
                let shape = self.shape(&operation.expr);
                match operation.op {
                    UnaryOpKind::Not => Some(Shape::One(ParameterType::Boolean)),
                    UnaryOpKind::Neg => {
                        self.integers(&[(&operation.expr, shape)], operation.span())
                    }
                }
            }
            Expr::BinOp(operation) => {
                let (left, right) = (self.shape(&operation.left), self.shape(&operation.right));
                match operation.op {
                    BinOpKind::ScAnd | BinOpKind::ScOr => Some(either(left?, right?)),
                    BinOpKind::Add | BinOpKind::Sub | BinOpKind::Mul => self.integers(
                        &[(&operation.left, left), (&operation.right, right)],
                        operation.span(),
                    ),
                    BinOpKind::Eq
                    | BinOpKind::Ne
                    | BinOpKind::Lt
                    | BinOpKind::Lte
                    | BinOpKind::Gt
                    | BinOpKind::Gte => {
                        let is_ordered = !matches!(operation.op, BinOpKind::Eq | BinOpKind::Ne);
                        self.alike(
                            (&operation.left, left),
                            (&operation.right, right),
                            is_ordered,
                            operation.span(),
                        );
                        Some(Shape::One(ParameterType::Boolean))
                    }
                    BinOpKind::Div
                    | BinOpKind::FloorDiv
                    | BinOpKind::Rem
                    | BinOpKind::Pow
                    | BinOpKind::Concat
                    | BinOpKind::In => {
                        self.find_at(
                            operation.span(),
                            "has an unsupported operator; use + - * == != < <= > >= and, or, not",
                        );
                        None
                    }
                }
            }
            Expr::Slice(_)
            | Expr::GetItem(_)
            | Expr::Call(_)
            | Expr::List(_)
            | Expr::Tuple(_)
            | Expr::Map(_) => {
                let what = expression.description();
                let what = if matches!(expression, Expr::Slice(_) | Expr::GetItem(_)) {
                    "subscript in brackets"
                } else {
                    what
                };
                self.find_at(
                    expression.span(),
                    format!("has a {what}, which is not supported in texts; use parameters and built-in placeholders"),
                );
                None
            }
        }
    }

    /// Returns the type of a constant.
    fn constant(&mut self, value: &Value, span: Span) -> Option<Shape> {
        let is_integer = value.is_integer() && i32::try_from(value.clone()).is_ok();
        match value.kind() {
            ValueKind::String => Some(Shape::One(ParameterType::Text)),
            ValueKind::Bool => Some(Shape::One(ParameterType::Boolean)),
            ValueKind::Number if is_integer => Some(Shape::One(ParameterType::Integer)),
            _ => {
                self.find_at(
                    span,
                    format!(
                        "has the constant {}; constants can be texts, whole numbers, true and false",
                        shortened(&value.to_string())
                    ),
                );
                None
            }
        }
    }

    fn variable(&mut self, var: &Var<'b>, span: Span) -> Option<Shape> {
        if let Some(kind) = self.declared.get(var.id) {
            self.reading.used.insert(var.id.to_owned());
            return Some(Shape::One(*kind));
        }
        if let Some(placeholder) =
            placeholders::all().iter().find(|placeholder| placeholder.group == var.id)
        {
            self.reading.groups.insert(placeholder.group);
            return Some(Shape::Group(placeholder.group));
        }
        self.find_at(span, format!("{} is neither declared nor built in", shortened(var.id)));
        None
    }

    fn attribute(&mut self, attribute: &GetAttr<'b>, span: Span) -> Option<Shape> {
        match self.shape(&attribute.expr)? {
            Shape::Group(group) => match placeholders::find(group, attribute.name) {
                Some(placeholder) => Some(Shape::One(placeholder.kind)),
                None => {
                    let name = shortened(attribute.name);
                    self.find_at(
                        span,
                        format!("{group}.{name} is not built in; there are {}", fields_of(group)),
                    );
                    None
                }
            },
            Shape::One(_) | Shape::Mixed => {
                self.find_at(
                    span,
                    format!("uses .{} of a value, which has no fields", shortened(attribute.name)),
                );
                None
            }
        }
    }

    fn filter(&mut self, filter: &Filter<'b>, span: Span) -> Option<Shape> {
        let shape = filter.expr.as_ref().and_then(|expression| self.shape(expression));
        let Some(found) = filters::find(filter.name) else {
            let names: Vec<_> = filters::ALL.iter().map(|filter| filter.name).collect();
            self.find_at(
                span,
                format!(
                    "there is no filter {}; there are {}",
                    shortened(filter.name),
                    names.join(", ")
                ),
            );
            return None;
        };
        let is_option = |argument: &CallArg<'_>| match argument {
            CallArg::Pos(Expr::Const(constant)) => {
                constant.value.as_str().is_some_and(|word| found.options.contains(&word))
            }
            _ => false,
        };
        if filter.args.len() > usize::from(!found.options.is_empty())
            || !filter.args.iter().all(is_option)
        {
            let options = match found.options {
                [] => "nothing in parentheses".to_owned(),
                options => {
                    format!("one of \"{}\" in parentheses, or nothing", options.join("\", \""))
                }
            };
            self.find_at(span, format!("the filter {} takes {options}", found.name));
        }
        match shape? {
            Shape::One(kind) if found.input_types.contains(&kind) => {
                Some(Shape::One(ParameterType::Text))
            }
            shape => {
                let takes: Vec<_> = found.input_types.iter().map(|kind| noun(*kind)).collect();
                let actual = match shape {
                    Shape::One(kind) => noun(kind),
                    Shape::Group(_) => "a group of placeholders",
                    Shape::Mixed => "one of two types",
                };
                self.find_at(
                    span,
                    format!(
                        "the filter {} takes {}, but gets {actual}",
                        found.name,
                        takes.join(" or ")
                    ),
                );
                None
            }
        }
    }

    fn test(&mut self, test: &Test<'b>, span: Span) -> Option<Shape> {
        self.shape(&test.expr);
        if !["defined", "undefined", "none"].contains(&test.name) || !test.args.is_empty() {
            self.find_at(
                span,
                format!(
                    "there is no test {}; there are defined, undefined and none",
                    shortened(test.name)
                ),
            );
        }
        Some(Shape::One(ParameterType::Boolean))
    }

    fn choice(&mut self, choice: &IfExpr<'b>) -> Option<Shape> {
        self.shape(&choice.test_expr);
        let one = self.shape(&choice.true_expr);
        match &choice.false_expr {
            Some(other) => {
                let other = self.shape(other);
                Some(either(one?, other?))
            }
            None => one,
        }
    }

    fn compare(&mut self, compare: &Compare<'b>, span: Span) -> Option<Shape> {
        let mut left = (&compare.expr, self.shape(&compare.expr));
        for operand in &compare.ops {
            let right = (&operand.expr, self.shape(&operand.expr));
            match operand.op {
                CompareOpKind::In | CompareOpKind::NotIn => {
                    self.find_at(span, "has in, which is not supported in texts; compare with ==")
                }
                CompareOpKind::Eq | CompareOpKind::Ne => self.alike(left, right, false, span),
                CompareOpKind::Lt | CompareOpKind::Lte | CompareOpKind::Gt | CompareOpKind::Gte => {
                    self.alike(left, right, true, span)
                }
            }
            left = right;
        }
        Some(Shape::One(ParameterType::Boolean))
    }

    /// Reports a comparison of different types, or an ordering of values that have no order.
    fn alike(
        &mut self,
        one: (&Expr<'b>, Option<Shape>),
        other: (&Expr<'b>, Option<Shape>),
        is_ordered: bool,
        span: Span,
    ) {
        use ParameterType::{Boolean, Text};
        match (one.1, other.1) {
            (None, _) | (_, None) => {}
            (Some(Shape::One(left)), Some(Shape::One(right))) if left == right => {
                if is_ordered && [Text, Boolean].contains(&left) {
                    self.find_at(span, "orders values that have no order; compare with == or !=");
                }
                self.word(one.0, other.0, span);
                self.word(other.0, one.0, span);
            }
            (Some(Shape::One(left)), Some(Shape::One(right))) => {
                self.find_at(span, format!("compares {} with {}", noun(left), noun(right)));
            }
            _ => self.find_at(span, "compares something that is not a single value"),
        }
    }

    /// Reports a comparison of a placeholder that has a fixed set of words with a word outside of
    /// it.
    fn word(&mut self, placeholder: &Expr<'b>, constant: &Expr<'b>, span: Span) {
        let (Expr::GetAttr(attribute), Expr::Const(constant)) = (placeholder, constant) else {
            return;
        };
        let Expr::Var(group) = &attribute.expr else { return };
        let words = placeholders::find(group.id, attribute.name)
            .map_or(&[][..], |placeholder| placeholder.words);
        let word = constant.value.as_str().unwrap_or_default();
        if !words.is_empty() && !words.contains(&word) {
            self.find_at(
                span,
                format!(
                    "{}.{} is never {}; it is one of {}",
                    group.id,
                    attribute.name,
                    shortened(word),
                    words.join(", ")
                ),
            );
        }
    }

    fn integers(&mut self, operands: &[(&Expr<'b>, Option<Shape>)], span: Span) -> Option<Shape> {
        if operands
            .iter()
            .filter_map(|(_, shape)| *shape)
            .any(|shape| shape != Shape::One(ParameterType::Integer))
        {
            self.find_at(span, "calculates with something other than whole numbers");
            return None;
        }
        let always_has_value =
            operands.iter().fold(true, |all, (operand, _)| self.calculates_with(operand) && all);
        if !always_has_value {
            self.find_at(
                span,
                "calculates with an if that has no else, and so may have no value; add an else",
            );
        }
        Some(Shape::One(ParameterType::Integer))
    }

    /// Records the names that are calculated with. Returns `false` if the operand may have no value
    /// although all names in it have one.
    fn calculates_with(&mut self, operand: &Expr<'b>) -> bool {
        match operand {
            Expr::Var(var) => {
                self.reading.calculated.insert(var.id.to_owned());
                true
            }
            Expr::GetAttr(attribute) => {
                if let Expr::Var(group) = &attribute.expr {
                    self.reading.calculated.insert(format!("{}.{}", group.id, attribute.name));
                }
                true
            }
            Expr::IfExpr(choice) => {
                let one = self.calculates_with(&choice.true_expr);
                choice.false_expr.as_ref().is_some_and(|other| self.calculates_with(other)) && one
            }
            Expr::BinOp(operation)
                if matches!(operation.op, BinOpKind::ScAnd | BinOpKind::ScOr) =>
            {
                let one = self.calculates_with(&operation.left);
                self.calculates_with(&operation.right) && one
            }
            _ => true,
        }
    }
}

fn either(one: Shape, other: Shape) -> Shape {
    if one == other { one } else { Shape::Mixed }
}

fn fields_of(group: &str) -> String {
    let fields = placeholders::all().iter().filter(|placeholder| placeholder.group == group);
    fields.map(placeholders::Placeholder::name).collect::<Vec<_>>().join(", ")
}

/// Returns the name of a type in messages.
fn noun(kind: ParameterType) -> &'static str {
    match kind {
        ParameterType::Text => "text",
        ParameterType::Date => "a day",
        ParameterType::Money => "an amount",
        ParameterType::Integer => "a whole number",
        ParameterType::Boolean => "a yes or no",
    }
}

/// Shortens a word of the text for a message.
fn shortened(word: &str) -> String {
    if word.chars().count() <= 60 {
        word.to_owned()
    } else {
        format!("{}…", word.chars().take(60).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a text with a parameter of each type: `text`, `date`, `money`, `days` and `is_open`.
    fn reading(body: &str) -> Reading {
        let parameter = |(name, kind): (&str, ParameterType)| Parameter {
            name: name.into(),
            label: "Fråga".into(),
            kind,
            required: true,
            default: None,
            minimum: None,
            maximum: None,
        };
        let declared = [
            ("text", ParameterType::Text),
            ("date", ParameterType::Date),
            ("money", ParameterType::Money),
            ("days", ParameterType::Integer),
            ("is_open", ParameterType::Boolean),
        ];
        read(body, &declared.map(parameter))
    }

    fn findings(body: &str) -> Vec<String> {
        reading(body).findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_text_of_the_language_has_no_findings() {
        for body in [
            "Avtal",
            "{{ text }} {{ date | datum }} {{ money }} {{ days + 1 }}",
            "{% if is_open and days > 14 %}a{% elif date == date %}b{% else %}c{% endif %}",
            "{% if member.org_number is defined %}{{ member.org_number }}{% endif %}",
            "{{ text if is_open else member.name }}",
            "{{ -days * (days - 2) }}",
            "{% if member %}{{ counterparty.name }}{% endif %}",
        ] {
            assert_eq!(findings(body), [""; 0], "{body}");
        }
    }

    #[test]
    fn each_error_is_described_with_its_line() {
        for (body, expected) in [
            ("", "must not be empty"),
            ("\n{{ x }}", "line 2: x is neither declared nor built in"),
            ("{{ member }}", "line 1: member can't be shown as a whole"),
            ("{{ member.shoe }}", "line 1: member.shoe is not built in"),
            ("{{ text.length }}", "line 1: uses .length of a value, which has no fields"),
            ("{{ text | upper }}", "line 1: there is no filter upper"),
            ("{{ text | datum }}", "line 1: the filter datum takes a day, but gets text"),
            ("{{ text + 1 }}", "line 1: calculates with something other than whole numbers"),
            ("{{ days / 2 }}", "line 1: has an unsupported operator"),
            ("{{ 1.5 }}", "line 1: has the constant 1.5"),
            ("{{ days[0] }}", "line 1: has a subscript in brackets"),
            ("{{ days if is_open else text }}", "line 1: shows one of two values"),
            ("{% if days == text %}a{% endif %}", "line 1: compares a whole number with text"),
            ("{% if text < text %}a{% endif %}", "line 1: orders values that have no order"),
            ("{% if text is odd %}a{% endif %}", "line 1: there is no test odd"),
            ("{% for x in text %}a{% endfor %}", "line 1: has {% for %}"),
            ("a\u{7}", "line 1: has the control character U+0007"),
            ("{{ text }", "line 1: can't be read"),
        ] {
            let found = findings(body);
            assert!(found.iter().any(|found| found.starts_with(expected)), "{body}: {found:?}");
        }
    }

    #[test]
    fn used_names_are_listed() {
        let reading = reading(
            "{{ text }}{% if is_open %}{{ fee.vat_percent + days }}{{ agreement.number }}{% endif %}",
        );
        let names = |names: &[&str]| -> BTreeSet<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        assert_eq!(reading.used, names(&["text", "is_open", "days"]));
        assert_eq!(reading.groups, BTreeSet::from(["agreement", "fee"]));
        assert_eq!(reading.calculated, names(&["days", "fee.vat_percent"]));
        assert!(reading.is_complete);
        // Parameters may be used in the part that could not be read.
        assert!(!read("{{ text", &[]).is_complete);
    }

    #[test]
    fn an_if_without_else_has_no_value_to_calculate_with() {
        let found = findings("{{ (days if is_open) + 1 }}");
        assert!(found[0].contains("calculates with an if that has no else"), "{found:?}");
        assert_eq!(findings("{{ (days if is_open else 2) + 1 }}"), [""; 0]);
    }

    #[test]
    fn size_and_nesting_are_limited() {
        for (body, is_allowed) in [
            ("a".repeat(MAX_BYTES), true),
            ("a".repeat(MAX_BYTES + 1), false),
            ("a\n".repeat(MAX_LINES - 1), true),
            ("a\n".repeat(MAX_LINES), false),
            (format!("{{{{ {}days }}}}", "-".repeat(50)), true),
            (format!("{{{{ {}days }}}}", "-".repeat(100)), false),
            ("{% if is_open %}a{% endif %}".repeat(MAX_BRANCHES), true),
            ("{% if is_open %}a{% endif %}".repeat(MAX_BRANCHES + 1), false),
        ] {
            assert_eq!(findings(&body).is_empty(), is_allowed, "{}", shortened(&body));
        }
        // The last finding says that there are more.
        let found = findings(&"{{ x }}\n".repeat(MAX_FINDINGS + 1));
        assert_eq!(found.len(), MAX_FINDINGS + 1);
        assert!(found[0].starts_with("has more errors"), "{}", found[0]);
    }
}
