//! The source files of the repository, as the tests of its rules read them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A text file of the repository.
pub struct Source {
    /// Its path within the repository, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// A violation of a rule, as `file:line: message`.
pub type Violation = String;

impl Source {
    /// Returns the text without the unit tests at its end.
    pub fn without_tests(&self) -> &str {
        let mut attributes = self.text.match_indices("#[cfg(test)]\n");
        let tests = attributes.find(|(start, attribute)| {
            let next = self.text[start + attribute.len()..].lines().next().unwrap_or_default();
            next.trim_start_matches("pub(super) ")
                .trim_start_matches("pub(crate) ")
                .starts_with("mod tests {")
        });
        tests.map_or(&self.text, |(start, _)| &self.text[..start])
    }

    /// Returns the lines with their numbers, without comments.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(position, line)| (position + 1, without_comment(line)))
    }

    /// Returns `true` for a file below this folder.
    pub fn is_in(&self, folder: &str) -> bool {
        self.path.starts_with(folder)
    }

    /// Returns the path within the domain or the interfaces; `None` for any other file.
    pub fn within(&self) -> Option<&str> {
        ["domain/src/", "src/"].iter().find_map(|folder| self.path.strip_prefix(folder))
    }

    /// Returns a violation in a line.
    pub fn at(&self, line: usize, what: &str) -> Violation {
        format!("{}:{line}: {what}", self.path)
    }

    /// Returns a violation for each line of code that has one of these words.
    pub fn naming(&self, words: &[&str], what: &str) -> Vec<Violation> {
        let named = self.code().flat_map(|(line, code)| {
            words.iter().filter(move |word| has_word(code, word)).map(move |word| (line, word))
        });
        named.map(|(line, word)| self.at(line, &format!("names {word}: {what}"))).collect()
    }

    /// Returns the module that the file belongs to: `members` for `domain/src/members/admit.rs`,
    /// `graphql` for `src/graphql/members/mod.rs`.
    pub fn module(&self) -> &str {
        let path = self.within().unwrap_or_default();
        path.split_once('/').map_or_else(|| path.trim_end_matches(".rs"), |(folder, _)| folder)
    }

    /// Returns the modules of this crate that the code names, with the line: `crate::a`,
    /// `crate::{a, b::{…}}`, and `super::a` where that is the same.
    pub fn modules_named(&self) -> Vec<(usize, String)> {
        let code: String = self.code().map(|(_, code)| format!("{code}\n")).collect();
        let path = self.within().unwrap_or_default();
        let depth = 1 + path.matches('/').count() - usize::from(path.ends_with("/mod.rs"));
        // A file of `src` itself is one module deep, so that one `super` is the crate; one of a
        // folder is two deep.
        let roots = ["crate::".to_owned(), "super::".repeat(depth)];
        let mut named = Vec::new();
        for root in roots {
            for (start, _) in code.match_indices(&root) {
                let continues =
                    |before: char| before.is_alphanumeric() || before == '_' || before == ':';
                if code[..start].chars().next_back().is_some_and(continues) {
                    continue;
                }
                let line = code[..start].matches('\n').count();
                let rest = &code[start + root.len()..];
                if let Some(group) = rest.strip_prefix('{') {
                    named.extend(
                        first_words(group)
                            .into_iter()
                            .map(|(lines, word)| (line + lines + 1, word)),
                    );
                } else {
                    named.push((line + 1, word(rest)));
                }
            }
        }
        named
    }
}

/// Returns the identifier that a text begins with.
fn word(text: &str) -> String {
    text.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect()
}

/// Returns the first identifier of each part of a group of imports, up to its closing brace, with
/// the number of lines before it.
fn first_words(group: &str) -> Vec<(usize, String)> {
    let (mut words, mut depth, mut lines, mut is_first) = (Vec::new(), 0, 0, true);
    for (position, char) in group.char_indices() {
        match char {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => is_first = true,
            '\n' => lines += 1,
            char if is_first && !char.is_whitespace() => {
                words.push((lines, word(&group[position..])));
                is_first = false;
            }
            _ => {}
        }
    }
    words
}

/// Returns the line up to a comment; `//` of a URL begins none.
pub fn without_comment(line: &str) -> &str {
    let comment = line.match_indices("//").find(|(position, _)| !line[..*position].ends_with(':'));
    comment.map_or(line, |(position, _)| &line[..position])
}

/// Returns `true` if code has the word, not as a part of another.
pub fn has_word(code: &str, word: &str) -> bool {
    let joins = |char: Option<char>| char.is_some_and(|char| char.is_alphanumeric() || char == '_');
    let (first, last) = (word.chars().next(), word.chars().next_back());
    code.match_indices(word).any(|(start, _)| {
        let before = code[..start].chars().next_back();
        let after = code[start + word.len()..].chars().next();
        !(joins(first) && joins(before) || joins(last) && joins(after))
    })
}

/// Returns the root of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Adds the paths of the files below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // Build output, Git's own files, and databases of trial runs.
        if ["target", ".git"].contains(&name.as_str()) || name.contains(".db") {
            continue;
        }
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// Returns the text files of the repository.
pub fn texts() -> Vec<Source> {
    let mut paths = Vec::new();
    files(&root(), &mut paths);
    paths.sort();
    let texts = paths.into_iter().filter_map(|path| {
        // A binary file has no words.
        let text = fs::read_to_string(&path).ok()?;
        let path = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        Some(Source { path, text })
    });
    texts.collect()
}

/// Returns the Rust files of the repository.
pub fn sources() -> Vec<Source> {
    let sources: Vec<_> =
        texts().into_iter().filter(|source| source.path.ends_with(".rs")).collect();
    for root in ["src/lib.rs", "domain/src/lib.rs"] {
        assert!(sources.iter().any(|source| source.path == root), "{root} is missing");
    }
    sources
}

/// Fails with the violations, if there are any.
#[track_caller]
pub fn holds(violations: impl IntoIterator<Item = Violation>) {
    let violations: Vec<_> = violations.into_iter().collect();
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

/// Returns a violation for each use of these words in the sources that `may_not` use them.
pub fn uses_of(words: &[&str], what: &str, may_not: impl Fn(&Source) -> bool) -> Vec<Violation> {
    sources()
        .iter()
        .filter(|source| may_not(source))
        .flat_map(|source| source.naming(words, what))
        .collect()
}
