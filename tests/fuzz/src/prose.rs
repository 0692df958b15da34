//! The reader of prose in Markdown: blocks nest no deeper than documents can, links lead to the web
//! alone, HTML is balanced, and a value that was escaped is text and nothing else.

use documents::{
    html::Html,
    prose::{self, Block, Inline},
};
use domain::templates::rendering;

/// The deepest nesting of lists and quotes, and then of emphasis and links within them.
const DEEPEST: usize = 7;
/// The widest table.
const WIDEST: usize = 12;

/// Checks a text, and the same text as a value.
pub fn check(text: &str) {
    let blocks = prose::parse(text);
    let (mut level, mut size) = (1, 0);
    check_blocks(&blocks, 0, &mut level, &mut size);
    // A link repeats its address, which a definition may have given once for many; the parser
    // bounds what that adds.
    assert!(size <= 20 * text.len() + 400_000, "{size} bytes of text from {}", text.len());
    check_html(&Html(&blocks).to_string());
    if let Some(problem) = prose::problem(text) {
        assert!(problem.len() <= 500, "{problem}");
    }
    check_literal(text);
}

fn check_blocks(blocks: &[Block], depth: usize, level: &mut u8, size: &mut usize) {
    assert!(depth <= DEEPEST, "blocks nest {depth} deep");
    for block in blocks {
        match block {
            Block::Heading { level: own, parts } => {
                assert!(
                    (2..=6).contains(own) && *own <= *level + 1,
                    "a heading of level {own} follows one of {level}"
                );
                *level = *own;
                check_parts(parts, depth, size);
            }
            Block::Paragraph { parts } => {
                assert!(!parts.is_empty(), "a paragraph is empty");
                check_parts(parts, depth, size);
            }
            Block::Bullets { items } | Block::Numbers { items, .. } => {
                items.iter().for_each(|item| check_blocks(item, depth + 1, level, size));
            }
            Block::Quote { blocks } => check_blocks(blocks, depth + 1, level, size),
            Block::Table { alignments, header, rows } => {
                let columns = alignments.len();
                assert!(columns <= WIDEST, "a table has {columns} columns");
                assert!(
                    header.len() == columns && rows.iter().all(|row| row.len() == columns),
                    "a row has not {columns} cells"
                );
                header
                    .iter()
                    .chain(rows.iter().flatten())
                    .for_each(|cell| check_parts(cell, depth, size));
            }
            Block::Rule => {}
        }
    }
}

fn check_parts(parts: &[Inline], depth: usize, size: &mut usize) {
    assert!(depth <= DEEPEST, "parts of a line nest {depth} deep");
    for part in parts {
        match part {
            Inline::Text { text } => *size += text.len(),
            Inline::Emphasis { parts } | Inline::Strong { parts } => {
                check_parts(parts, depth + 1, size)
            }
            Inline::Link { to, parts } => {
                let start = to.to_ascii_lowercase();
                assert!(
                    ["http://", "https://", "mailto:"]
                        .iter()
                        .any(|scheme| start.starts_with(scheme)),
                    "a link leads to {to}"
                );
                assert!(
                    to.len() <= prose::MAX_ADDRESS + "mailto:".len(),
                    "an address of {} bytes",
                    to.len()
                );
                check_parts(parts, depth + 1, size);
            }
            Inline::Break => {}
        }
    }
}

/// Checks that the HTML has no elements but those of prose, each of them closed.
fn check_html(html: &str) {
    const OPEN: [&str; 17] = [
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "p",
        "ul",
        "ol",
        "li",
        "blockquote",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "em",
    ];
    let mut open = Vec::new();
    for (at, _) in html.match_indices('<') {
        let tag = html[at + 1..].split_once('>').unwrap().0;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "closed in {html}");
            continue;
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let is_known = match name {
            "br" | "hr" => attributes.is_empty(),
            "a" => attributes.starts_with("href=\"") && attributes.matches('"').count() == 4,
            "strong" => true,
            name => OPEN.contains(&name),
        };
        assert!(is_known, "<{tag}> in {html}");
        if !["br", "hr"].contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} not closed in {html}");
}

/// Checks that a value in a text is shown as it is, whatever it holds: in a paragraph and in a
/// table.
fn check_literal(value: &str) {
    let literal = rendering::literal(value);
    let in_paragraph = prose::parse(&literal);
    let in_table = prose::parse(&format!("| a |\n|---|\n| x{literal} |\n"));
    let parts = match &in_paragraph[..] {
        [] => &[][..],
        [Block::Paragraph { parts }] => parts,
        blocks => panic!("{value:?} became {blocks:?}"),
    };
    let [Block::Table { rows, .. }] = &in_table[..] else {
        panic!("{value:?} became {in_table:?}")
    };
    let [cells] = &rows[..] else { panic!("{value:?} became {rows:?}") };
    let [cell] = &cells[..] else { panic!("{value:?} became {cells:?}") };
    let (shown, shown_in_table) = (letters(parts), letters(cell));
    assert_eq!(format!("x{shown}"), shown_in_table, "{value:?}");
    // Others are written out by their numbers.
    if value
        .chars()
        .all(|char| char.is_whitespace() || char.is_ascii_graphic() || char.is_alphanumeric())
    {
        let expected: String =
            value.chars().filter(|char| !char.is_whitespace() && !char.is_control()).collect();
        let is_written_out = shown.contains("[U+");
        assert!(is_written_out || shown == expected, "{value:?} is shown as {shown:?}");
    }
}

/// The text without white space; nothing else than text and breaks may be there.
fn letters(parts: &[Inline]) -> String {
    let mut shown = String::new();
    for part in parts {
        match part {
            Inline::Text { text } => {
                shown.extend(text.chars().filter(|char| !char.is_whitespace()))
            }
            Inline::Break => {}
            part => panic!("a value became {part:?}"),
        }
    }
    shown
}
