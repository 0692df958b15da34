//! The import graph of each crate: no file imports, directly or through others, a file that imports
//! it. In `src`, types of the API may refer to each other, and [`TIED`] lists what is still to be
//! separated.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::repository::source_files::{Source, holds, sources};

/// Groups of files of `src` that still import each other: one of its files, their number, and the
/// reason. A group that grows must be cut, and one that shrinks gets its new number here.
const TIED: [(&str, usize, &str); 2] = [
    (
        "src/http/execution.rs",
        11,
        "the caller of a request has its record, its signed link and its server, which log, count \
         and answer by the caller",
    ),
    (
        "src/http/event_stream.rs",
        7,
        "an event stream and a WebSocket execute operations by the same steps, which the route of \
         requests begins for both",
    ),
];

/// The files that a file imports, by index, with the imported names.
type Imports = BTreeMap<usize, BTreeSet<String>>;

/// A path of a `use` declaration, and the name that it declares.
type Import<'c> = (Vec<&'c str>, &'c str);

/// A group of files that import each other.
struct Cycle<'s> {
    files: Vec<&'s str>,
    /// The imports with their names, one on a line.
    description: String,
}

/// The files of one crate.
struct Crate<'s> {
    name: &'s str,
    files: Vec<&'s Source>,
    /// The index of each module's file, by path: `domain::members::admit`.
    modules: HashMap<String, usize>,
}

impl<'s> Crate<'s> {
    /// Takes the files of a folder as one crate.
    fn new(name: &'s str, folder: &str, sources: &'s [Source]) -> Self {
        let is_checked = |source: &&Source| source.is_in(folder) && !is_of_tests(source, sources);
        let files: Vec<_> = sources.iter().filter(is_checked).collect();
        let path = |file: &Source| {
            let within = file.path.trim_start_matches(folder).trim_end_matches(".rs");
            let module = within.trim_end_matches("/mod").replace('/', "::");
            if module == "lib" { name.to_owned() } else { format!("{name}::{module}") }
        };
        let modules = files.iter().enumerate().map(|(index, file)| (path(file), index)).collect();
        Self { name, files, modules }
    }

    /// Returns the absolute path of a path in a module; `None` for a path of another crate.
    fn absolute(&self, module: &str, path: &[&str]) -> Option<Vec<String>> {
        let mut base: Vec<&str> = module.split("::").collect();
        let rest = match *path.first()? {
            "crate" => {
                base = vec![self.name];
                &path[1..]
            }
            "self" => &path[1..],
            "super" => {
                let levels = path.iter().take_while(|part| **part == "super").count();
                base.truncate(base.len().saturating_sub(levels));
                &path[levels..]
            }
            child if self.modules.contains_key(&format!("{module}::{child}")) => path,
            _ => return None,
        };
        Some(base.into_iter().chain(rest.iter().copied()).map(str::to_owned).collect())
    }

    /// Returns the file that an absolute path leads to, and the name that it takes from there. The
    /// root of the crate declares modules only.
    fn target(&self, path: &[String]) -> Option<(usize, String)> {
        (2..=path.len()).rev().find_map(|length| {
            let file = *self.modules.get(&path[..length].join("::"))?;
            Some((file, path.get(length).cloned().unwrap_or_else(|| "self".to_owned())))
        })
    }

    /// Returns the imports of a module: of its `use` declarations, and of the paths in its code. A
    /// declaration that names a whole module imports only what paths take from it.
    fn imports(&self, module: &str, index: usize) -> Imports {
        let tokens = tokens(self.files[index].without_tests());
        let (declared, paths) = parse(&tokens);
        let mut names: HashMap<&str, Vec<String>> = HashMap::new();
        let mut taken = Vec::new();
        for (path, name) in declared {
            let Some(path) = self.absolute(module, &path) else { continue };
            if !self.modules.contains_key(&path.join("::")) {
                taken.push(path.clone());
            }
            names.insert(name, path);
        }
        for path in paths {
            let known = names.get(path[0]).map(|known| {
                known
                    .iter()
                    .cloned()
                    .chain(path[1..].iter().map(|part| (*part).to_owned()))
                    .collect()
            });
            taken.extend(known.or_else(|| self.absolute(module, &path)));
        }
        let mut imports = Imports::new();
        for (file, name) in taken.iter().filter_map(|path| self.target(path)) {
            if file != index {
                imports.entry(file).or_default().insert(name);
            }
        }
        imports
    }

    /// Returns each group of files that import each other. Of imports from one file to another,
    /// those that are not `counted` may be in a cycle.
    fn cycles(&self, counted: fn(&str, &str) -> bool) -> Vec<Cycle<'s>> {
        let mut graph = vec![Imports::new(); self.files.len()];
        for (module, &index) in &self.modules {
            graph[index] = self.imports(module, index);
            graph[index].retain(|to, _| counted(&self.files[index].path, &self.files[*to].path));
        }
        let reachable: Vec<_> = (0..graph.len()).map(|from| reachable(&graph, from)).collect();
        let mut cycles = Vec::new();
        for from in 0..graph.len() {
            let group: BTreeSet<usize> = reachable[from]
                .iter()
                .copied()
                .filter(|to| reachable[*to].contains(&from))
                .collect();
            if group.first() != Some(&from) {
                continue;
            }
            let mut lines = vec![format!("{} files import each other:", group.len())];
            for &file in &group {
                let within = graph[file].iter().filter(|(to, _)| group.contains(*to));
                lines.extend(within.map(|(to, names)| {
                    let names = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
                    format!("  {} -> {}: {names}", self.files[file].path, self.files[*to].path)
                }));
            }
            let files = group.iter().map(|file| self.files[*file].path.as_str()).collect();
            cycles.push(Cycle { files, description: lines.join("\n") });
        }
        cycles
    }
}

/// Returns `true` for a file that is compiled for tests only.
fn is_of_tests(file: &Source, sources: &[Source]) -> bool {
    let (folder, name) = file.path.rsplit_once('/').unwrap_or_default();
    let declaration = format!("#[cfg(test)]\nmod {};", name.trim_end_matches(".rs"));
    let parents = ["/mod.rs", "/lib.rs", ".rs"].map(|end| format!("{folder}{end}"));
    sources
        .iter()
        .any(|source| parents.contains(&source.path) && source.text.contains(&declaration))
}

/// Returns `true` for an import within `src` that may be in no cycle. The roots of the API and of
/// the server compose their modules; types of the API refer to each other, as members and
/// agreements do.
fn may_not_return(from: &str, to: &str) -> bool {
    let is_root = ["src/graphql/mod.rs", "src/http/mod.rs"].contains(&from);
    let is_of_types = |path: &str| {
        let within = path.strip_prefix("src/graphql/").unwrap_or_default();
        within.contains('/') || within == "node.rs"
    };
    !(is_root || is_of_types(from) && is_of_types(to))
}

/// Returns the files that a file imports, directly or through others.
fn reachable(graph: &[Imports], from: usize) -> BTreeSet<usize> {
    let (mut found, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(file) = next.pop() {
        next.extend(graph[file].keys().copied().filter(|to| found.insert(*to)));
    }
    found
}

/// Returns the imports that code declares, and the other paths in it.
fn parse<'c>(tokens: &[&'c str]) -> (Vec<Import<'c>>, Vec<Vec<&'c str>>) {
    let (mut declared, mut paths, mut at) = (Vec::new(), Vec::new(), 0);
    while let Some(token) = tokens.get(at) {
        let follows = |expected: &str| tokens.get(at + 1).is_some_and(|next| *next == expected);
        if *token == "use" && !follows("<") {
            let is_of_tests = tokens[..at].ends_with(&["#", "[", "cfg", "(", "test", ")", "]"]);
            let mut found = Vec::new();
            at = parse_tree(tokens, at + 1, &[], &mut found);
            if !is_of_tests {
                declared.extend(found);
            }
            continue;
        }
        if *token == "pub" && follows("(") {
            at += tokens[at..].iter().take_while(|token| **token != ")").count();
            continue;
        }
        // The word after a dot is a field or a method; after two dots, an expression.
        let is_member = tokens[..at].ends_with(&["."]) && !tokens[..at].ends_with(&[".", "."]);
        if is_word(token) && !is_member && !tokens[..at].ends_with(&["::"]) {
            let mut path = vec![*token];
            while let [_, "::", next, ..] = &tokens[at..]
                && is_word(next)
            {
                path.push(*next);
                at += 2;
            }
            if path.len() > 1 {
                paths.push(path);
            }
        }
        at += 1;
    }
    (declared, paths)
}

/// Parses a tree of a `use` declaration, and returns the index of the token after it.
fn parse_tree<'c>(
    tokens: &[&'c str],
    mut at: usize,
    prefix: &[&'c str],
    found: &mut Vec<Import<'c>>,
) -> usize {
    let mut path = prefix.to_vec();
    while let Some(&token) = tokens.get(at) {
        match token {
            "," | ";" | "}" => break,
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|token| *token != "}") {
                    at = parse_tree(tokens, at, &path, found);
                    at += usize::from(tokens.get(at) == Some(&","));
                }
                return at + 1;
            }
            "as" => {
                found.extend(tokens.get(at + 1).map(|name| (path, *name)));
                return at + 2;
            }
            "::" => {}
            "self" if !path.is_empty() => {}
            part => path.push(part),
        }
        at += 1;
    }
    if let Some(&name) = path.last() {
        found.push((path, name));
    }
    at
}

/// Returns `true` for a name or keyword.
fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Returns the words, `::` and other characters of code without comments and literals.
fn tokens(code: &str) -> Vec<&str> {
    let (mut tokens, mut rest) = (Vec::new(), code);
    while let Some(first) = rest.chars().next() {
        let is_part = |char: char| char.is_alphanumeric() || char == '_';
        let length = match skipped(rest) {
            Some(length) => {
                rest = &rest[length..];
                continue;
            }
            None if is_part(first) => rest.find(|char: char| !is_part(char)).unwrap_or(rest.len()),
            None if rest.starts_with("::") => 2,
            None => first.len_utf8(),
        };
        if !first.is_whitespace() {
            tokens.push(&rest[..length]);
        }
        rest = &rest[length..];
    }
    tokens
}

/// Returns the length of the comment, string or character that code begins with; `None` if it
/// begins with something else.
fn skipped(code: &str) -> Option<usize> {
    if code.starts_with("//") {
        return Some(code.find('\n').unwrap_or(code.len()));
    }
    if code.starts_with("/*") {
        return Some(code.find("*/").map_or(code.len(), |end| end + 2));
    }
    if let Some(raw) = code.strip_prefix("br").or_else(|| code.strip_prefix('r')) {
        let text = raw.trim_start_matches('#');
        if text.starts_with('"') {
            let end = format!("\"{}", "#".repeat(raw.len() - text.len()));
            let start = code.len() - text.len() + 1;
            let length = code[start..].find(&end).map(|at| start + at + end.len());
            return Some(length.unwrap_or(code.len()));
        }
    }
    let literal = code.strip_prefix('b').filter(|rest| rest.starts_with(['"', '\'']));
    let literal = literal.unwrap_or(code);
    let mut chars = literal.chars();
    let quote = chars.next().filter(|quote| ['"', '\''].contains(quote))?;
    // `'a` without a second quote is a lifetime.
    if quote == '\'' && chars.next()? != '\\' && chars.next()? != '\'' {
        return None;
    }
    let mut is_escaped = false;
    let end = literal.char_indices().skip(1).find(|(_, char)| {
        let is_end = *char == quote && !is_escaped;
        is_escaped = *char == '\\' && !is_escaped;
        is_end
    });
    Some(code.len() - literal.len() + end.map_or(literal.len(), |(at, _)| at + 1))
}

#[test]
fn no_file_imports_a_file_that_imports_it() {
    let sources = sources();
    for name in ["domain", "documents", "resolver"] {
        let cycles = Crate::new(name, &format!("{name}/src/"), &sources).cycles(|_, _| true);
        holds(cycles.into_iter().map(|cycle| cycle.description));
    }
}

#[test]
fn files_of_the_interfaces_import_each_other_only_where_a_reason_is_given() {
    let sources = sources();
    let (mut tied, mut violations) = (TIED.to_vec(), Vec::new());
    for cycle in Crate::new("samregister", "src/", &sources).cycles(may_not_return) {
        let is_known = |(file, count, _): &(&str, usize, &str)| {
            cycle.files.len() == *count && cycle.files.iter().any(|known| known == file)
        };
        match tied.iter().position(is_known) {
            Some(known) => {
                tied.remove(known);
            }
            None => violations.push(cycle.description),
        }
    }
    let untied = tied.into_iter().map(|(file, count, reason)| {
        format!("{file} is no longer one of {count} files that import each other: {reason}")
    });
    violations.extend(untied);
    holds(violations);
}

#[test]
fn cycles_are_found_with_the_names_that_tie_them() {
    let source = |path: &str, text: &str| Source { path: path.into(), text: text.into() };
    let sources = [
        source("domain/src/lib.rs", "pub mod a;\npub mod b;\n"),
        source("domain/src/a/mod.rs", "mod part;\npub use self::part::{Part, other as one};\n"),
        source(
            "domain/src/a/part.rs",
            "use super::Whole;\nuse crate::b::{self, c::C};\nfn f() { b::g('\\'', \"crate::x\") }\n",
        ),
        source(
            "domain/src/b/mod.rs",
            "pub mod c;\n// use crate::a::Part;\nfn g<'a>(_: &'a str) {}\n",
        ),
        source(
            "domain/src/b/c.rs",
            "pub(in crate::a) struct C;\n#[cfg(test)]\nmod tests { use crate::a::Part; }\n",
        ),
    ];
    let house = Crate::new("domain", "domain/src/", &sources);
    let cycles = house.cycles(|_, _| true);
    assert_eq!(cycles[0].files, ["domain/src/a/mod.rs", "domain/src/a/part.rs"]);
    assert_eq!(
        cycles.iter().map(|cycle| cycle.description.as_str()).collect::<Vec<_>>(),
        [
            "2 files import each other:\n  domain/src/a/mod.rs -> domain/src/a/part.rs: Part, other\n  domain/src/a/part.rs -> domain/src/a/mod.rs: Whole"
        ]
    );
    assert_eq!(house.cycles(|from, _| !from.ends_with("/mod.rs")).len(), 0);
    let part = house.imports("domain::a::part", 2);
    let names = |file: usize| part[&file].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!((names(3), names(4)), (vec!["g"], vec!["C"]));
    assert_eq!(tokens("a::b(r#\"x\"y\"#, b'\\'', 'c') // d"), ["a", "::", "b", "(", ",", ",", ")"]);
}
