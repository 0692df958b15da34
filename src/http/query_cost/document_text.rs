//! Scan of a document's text before it is parsed.

use async_graphql::Pos;

use super::excess::Exceeded;

/// Counts tokens and the deepest bracket. Splits the text as the parser does, so that nothing is
/// hidden in what only looks like a string.
pub(super) fn scan(document: &str) -> Result<(u64, u64), Exceeded> {
    let (mut tokens, mut deepest, mut open, mut at) = (0u64, 0u64, 0u64, 0);
    while let Some(rest) = document.as_bytes().get(at..).filter(|rest| !rest.is_empty()) {
        let run = |belongs: fn(&u8) -> bool| rest.iter().take_while(|byte| belongs(byte)).count();
        let (length, count) = match rest {
            [b' ' | b'\t' | b'\n' | b'\r' | b',', ..] => (1, 0),
            [b'#', ..] => (run(|byte| !matches!(byte, b'\n' | b'\r')), 0),
            [b'"', ..] => (string_length(rest).ok_or_else(|| unterminated(document, at))?, 1),
            [b'{' | b'[' | b'(', ..] => {
                open += 1;
                deepest = deepest.max(open);
                (1, 1)
            }
            [b'}' | b']' | b')', ..] => {
                open = open.saturating_sub(1);
                (1, 1)
            }
            // The parser reads `00` as two numbers.
            [b'0', ..] => (1, 1),
            [b'1'..=b'9', ..] => (run(u8::is_ascii_digit), 1),
            [b'_' | b'a'..=b'z' | b'A'..=b'Z', ..] => {
                let length = run(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
                // The parser reads `truetrue` in a list as two values.
                let splits =
                    ["true", "false", "null"].iter().any(|word| rest.starts_with(word.as_bytes()));
                (length, if splits { length.div_ceil(5) } else { 1 })
            }
            [b'.', b'.', b'.', ..] => (3, 1),
            // Parts of numbers, which are counted, or characters that the parser refuses.
            [b'.' | b'-' | b'+' | 0x80.., ..] => (1, 0),
            _ => (1, 1),
        };
        (at, tokens) = (at + length, tokens + count as u64);
    }
    Ok((tokens, deepest))
}

/// Returns the length of the string that `rest` begins with, including its quotes; `None` if it
/// doesn't end.
fn string_length(rest: &[u8]) -> Option<usize> {
    let block = rest.starts_with(b"\"\"\"");
    let quotes: &[u8] = if block { b"\"\"\"" } else { b"\"" };
    let mut at = quotes.len();
    loop {
        at += match rest.get(at..)? {
            rest if rest.starts_with(quotes) => return Some(at + quotes.len()),
            [b'\\', b'"', b'"', b'"', ..] if block => 4,
            [b'\\', ..] if !block => 2,
            [] => return None,
            [b'\n' | b'\r', ..] if !block => return None,
            _ => 1,
        };
    }
}

fn unterminated(document: &str, at: usize) -> Exceeded {
    let before = document.get(..at).unwrap_or_default();
    let (line, column) = (
        before.matches('\n').count() + 1,
        before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
    );
    Exceeded::Syntax(Some(Pos { line, column }), "this string is not terminated".to_owned())
}
