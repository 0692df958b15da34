//! The first argument of a rule: functions of the domain take the context, and not its parts.

use super::source_files::{Source, Violation, has_word, holds, sources, without_comment};

/// The parts of a context, by their types.
const PARTS: [&str; 3] = ["Database", "Clock", "Viewer"];

/// Files of the domain whose public functions may take a part of the context, each with the reason.
const EXCEPTIONS: [(&str, &str); 11] = [
    ("context.rs", "makes the context"),
    ("query.rs", "runs the statements of rules that have the context"),
    ("output.rs", "writes files of commands, and asks only for the database's file"),
    ("audit/", "writes and checks the trail below the rules, also in migrations"),
    ("auth/", "makes and checks viewers before there is a context"),
    ("backup/", "is run by the operator, without a viewer"),
    ("integrity/", "checks every row for the operator, whatever a viewer may read"),
    ("agreements/integrity.rs", "is a part of integrity"),
    ("revenue/integrity.rs", "is a part of integrity"),
    ("invoices/vat_scope.rs", "is asked by `doctor` alone, which has no viewer"),
    ("stored_files/uploads.rs", "removes unused files in the background, without a viewer"),
];

/// A public function.
struct Function {
    line: usize,
    name: String,
    /// Its parameters, each with its type.
    parameters: Vec<String>,
}

impl Function {
    /// Returns the parts of a context that it takes.
    fn parts(&self) -> impl Iterator<Item = &'static str> {
        let types = self.parameters.iter().filter_map(|parameter| parameter.split_once(':'));
        let types: Vec<&str> = types.map(|(_, of)| of).collect();
        PARTS.into_iter().filter(move |part| types.iter().any(|of| has_word(of, part)))
    }
}

/// Returns the public functions of a file, without its unit tests.
fn functions(source: &Source) -> Vec<Function> {
    let lines = source.without_tests().lines();
    let code: String = lines.map(|line| format!("{}\n", without_comment(line))).collect();
    // An arrow is no end of generic parameters.
    let code = code.replace("->", "  ");
    let (mut found, mut start) = (Vec::new(), 0);
    for (position, line) in code.split_inclusive('\n').enumerate() {
        if let Some(rest) = public_function(line) {
            let named = &code[start + line.len() - rest.len()..];
            let is_of_name = |char: char| char.is_alphanumeric() || char == '_';
            let name: String = named.chars().take_while(|char| is_of_name(*char)).collect();
            let parameters = parameters(&named[name.len()..]);
            found.push(Function { line: position + 1, name, parameters });
        }
        start += line.len();
    }
    found
}

/// Returns the rest of a line from the name of a public function on; `None` for another line.
fn public_function(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("pub")?;
    let mut rest = match rest.strip_prefix('(') {
        Some(scope) => scope.split_once(')')?.1,
        None => rest,
    };
    for word in [" const", " async"] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    rest.strip_prefix(" fn ")
}

/// Returns the parameters of a function, from the code after its name.
fn parameters(code: &str) -> Vec<String> {
    let mut generics = 0;
    let begin = code.find(|char: char| {
        match char {
            '<' => generics += 1,
            '>' => generics -= 1,
            _ => {}
        }
        char == '(' && generics == 0
    });
    let Some(begin) = begin else { return Vec::new() };
    let (mut found, mut depth) = (vec![String::new()], 0);
    for char in code[begin..].chars() {
        match char {
            '(' | '<' | '[' | '{' => depth += 1,
            ')' | '>' | ']' | '}' => depth -= 1,
            _ => {}
        }
        match (depth, char) {
            (0, _) => break,
            (1, ',') => found.push(String::new()),
            _ => found.last_mut().unwrap().push(char),
        }
    }
    found
}

/// Returns the violations of a file: public functions that take a part of the context.
fn violations(source: &Source) -> Vec<Violation> {
    let of = |function: Function| {
        let parts: Vec<&str> = function.parts().collect();
        let words = format!("{} takes {} without the context", function.name, parts.join(", "));
        (!parts.is_empty()).then(|| source.at(function.line, &words))
    };
    functions(source).into_iter().filter_map(of).collect()
}

/// Returns the exception that a file belongs to.
fn exception(source: &Source) -> Option<&'static str> {
    let path = source.path.strip_prefix("domain/src/")?;
    EXCEPTIONS.into_iter().map(|(start, _)| start).find(|start| path.starts_with(start))
}

#[test]
fn rules_take_the_context_as_a_whole() {
    let sources = sources();
    let rules =
        sources.iter().filter(|source| source.is_in("domain/src/") && exception(source).is_none());
    holds(rules.flat_map(violations));
}

#[test]
fn every_exception_is_needed() {
    let sources = sources();
    let needed: Vec<_> = sources
        .iter()
        .filter(|source| !violations(source).is_empty())
        .filter_map(exception)
        .collect();
    let unneeded = EXCEPTIONS.into_iter().filter(|(start, _)| !needed.contains(start));
    holds(
        unneeded.map(|(start, _)| {
            format!("domain/src/{start}: takes the context; remove the exception")
        }),
    );
}

#[test]
fn parts_of_a_context_are_found() {
    let text = "pub async fn one(ctx: Context<'_>, id: MemberId) -> Result<()> {}\n\
        fn two(db: &Database) {}\n\
        pub fn three<F: Fn(&str) -> u8>(\n    f: F,\n    db: &Database, // of ours\n) {}\n\
        pub(super) async fn four((db, clock): (Database, Clock), viewer: Option<&Viewer>) {}\n\
        pub const fn five(order: &ClockOrder) -> Database {}\n\
        pub(crate) fn six(&self) -> Clock {}\n\
        #[cfg(test)]\nmod tests {\n    pub fn seven(db: &Database) {}\n}\n";
    let source = Source { path: "domain/src/members/mod.rs".into(), text: text.into() };
    assert_eq!(
        violations(&source),
        [
            "domain/src/members/mod.rs:3: three takes Database without the context",
            "domain/src/members/mod.rs:7: four takes Database, Clock, Viewer without the context",
        ]
    );
    let source = |path: &str| Source { path: path.into(), text: String::new() };
    assert_eq!(exception(&source("domain/src/audit/chain.rs")), Some("audit/"));
    assert_eq!(exception(&source("domain/src/members/mod.rs")), None);
    assert_eq!(exception(&source("src/audit/chain.rs")), None);
}
