//! Prose: a text in Markdown as plain blocks, which every format renders in its own style. No
//! markup in the text is ever run.

use pulldown_cmark::{Alignment, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd};
use serde::Serialize;

use crate::typesetting;

/// Stands for a line break within a value: values never break a block.
pub const BREAK: char = '\u{e000}';

/// Maximum depth of nested lists, quotes and emphasis; deeper content is moved up to this depth.
const MAX_DEPTH: usize = 6;
/// Maximum number of columns of a table; a wider table is rendered as lines of text.
const MAX_COLUMNS: usize = 12;
/// Longest URL of a link, in bytes; a longer one is text. PDFs hold no more than 8 000, and readers
/// truncate at some 2 000.
pub const MAX_ADDRESS: usize = 2000;
/// Allowed schemes of a link.
const SCHEMES: [&str; 3] = ["http://", "https://", "mailto:"];

/// A block of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Block {
    /// A heading.
    Heading {
        /// 2 to 6, because 1 is the document's own title. At most one deeper than the previous
        /// heading.
        level: u8,
        /// Its words.
        parts: Vec<Inline>,
    },
    /// A paragraph.
    Paragraph {
        /// Its words.
        parts: Vec<Inline>,
    },
    /// A bulleted list.
    Bullets {
        /// Its items.
        items: Vec<Vec<Block>>,
    },
    /// A numbered list.
    Numbers {
        /// The number of the first item.
        start: u64,
        /// Its items.
        items: Vec<Vec<Block>>,
    },
    /// A quotation.
    Quote {
        /// Its content.
        blocks: Vec<Block>,
    },
    /// A table with a header row.
    Table {
        /// Alignment of each column.
        alignments: Vec<Side>,
        /// A header for each column.
        header: Vec<Vec<Inline>>,
        /// Rows with a cell for each column.
        rows: Vec<Vec<Vec<Inline>>>,
    },
    /// A horizontal rule.
    Rule,
}

/// Alignment of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Left, for text.
    Left,
    /// Centered.
    Center,
    /// Right, for numbers.
    Right,
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Inline {
    /// Plain text.
    Text {
        /// The text.
        text: String,
    },
    /// Emphasized words.
    Emphasis {
        /// The words.
        parts: Vec<Inline>,
    },
    /// Strongly emphasized words.
    Strong {
        /// The words.
        parts: Vec<Inline>,
    },
    /// A link.
    Link {
        /// The URL: http, https or mailto.
        to: String,
        /// The words.
        parts: Vec<Inline>,
    },
    /// A line break.
    Break,
}

/// Parses a text in Markdown: headings, paragraphs, lists, tables, quotes, emphasis and rules.
/// HTML, code and images become the text that they are written with.
#[must_use]
pub fn parse(markdown: &str) -> Vec<Block> {
    Reader { events: Parser::new_ext(markdown, Options::ENABLE_TABLES), level: 1 }.blocks(0)
}

/// Returns the reason why a text in Markdown can't be rendered as written, to follow the text's
/// name.
#[must_use]
pub fn problem(markdown: &str) -> Option<String> {
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            Event::End(TagEnd::Heading(_))
                if heading
                    .take()
                    .is_some_and(|text| !text.is_empty() && typesetting::shows_nothing(&text)) =>
            {
                return Some(
                    "has a heading that shows nothing: its characters are invisible".to_owned(),
                );
            }
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. })
                if dest_url.len() > MAX_ADDRESS =>
            {
                let begins: String = dest_url.chars().take(60).collect();
                return Some(format!(
                    "has a link to an address of {} bytes and can have {MAX_ADDRESS}; it begins with {begins}",
                    dest_url.len()
                ));
            }
            _ => {}
        }
    }
    None
}

struct Reader<'t> {
    events: Parser<'t>,
    /// The level of the last heading.
    level: u8,
}

impl<'t> Reader<'t> {
    /// Returns the blocks up to the end of the enclosing element.
    fn blocks(&mut self, depth: usize) -> Vec<Block> {
        let mut blocks = Vec::new();
        // The items of tight lists have words without a paragraph around them.
        let mut line = Vec::new();
        let mut too_deep = 0;
        while let Some(event) = self.events.next() {
            if is_inline(&event) {
                self.inline(event, &mut line, depth);
                continue;
            }
            blocks.extend(paragraph(std::mem::take(&mut line)));
            match event {
                Event::Start(Tag::Paragraph | Tag::HtmlBlock | Tag::CodeBlock(_)) => {
                    blocks.extend(paragraph(self.inlines(depth)))
                }
                Event::Start(Tag::Heading { level, .. }) => {
                    blocks.extend(self.heading(level, depth))
                }
                Event::Start(Tag::Table(alignments)) => {
                    blocks.extend(self.table(&alignments, depth))
                }
                Event::Start(Tag::BlockQuote(_)) if depth < MAX_DEPTH => {
                    blocks.push(Block::Quote { blocks: self.blocks(depth + 1) })
                }
                Event::Start(Tag::List(start)) if depth < MAX_DEPTH => {
                    blocks.push(self.list(start, depth + 1))
                }
                Event::Start(_) => too_deep += 1,
                Event::End(_) if too_deep == 0 => break,
                Event::End(_) => too_deep -= 1,
                _ => blocks.push(Block::Rule),
            }
        }
        blocks.extend(paragraph(line));
        blocks
    }

    fn list(&mut self, start: Option<u64>, depth: usize) -> Block {
        let mut items = Vec::new();
        while let Some(Event::Start(_)) = self.events.next() {
            items.push(self.blocks(depth));
        }
        match start {
            Some(start) => Block::Numbers { start, items },
            None => Block::Bullets { items },
        }
    }

    fn heading(&mut self, level: HeadingLevel, depth: usize) -> Option<Block> {
        let parts = self.inlines(depth);
        // A heading without visible words is none for screen readers, and is not allowed in an
        // accessible PDF.
        if typesetting::shows_nothing(&plain(&parts)) {
            return None;
        }
        self.level = (level as u8).clamp(2, (self.level + 1).min(6));
        Some(Block::Heading { level: self.level, parts })
    }

    fn table(&mut self, alignments: &[Alignment], depth: usize) -> Vec<Block> {
        let mut rows = Vec::new();
        while let Some(Event::Start(_)) = self.events.next() {
            let mut cells = Vec::new();
            while let Some(Event::Start(_)) = self.events.next() {
                cells.push(self.inlines(depth));
            }
            rows.push(cells);
        }
        if alignments.len() > MAX_COLUMNS {
            let separator = [Inline::Text { text: " | ".into() }];
            return rows
                .into_iter()
                .filter_map(|cells| paragraph(cells.join(&separator[..])))
                .collect();
        }
        let mut rows = rows.into_iter();
        let header = rows.next().unwrap_or_default();
        vec![Block::Table {
            alignments: alignments.iter().copied().map(Side::from).collect(),
            header,
            rows: rows.collect(),
        }]
    }

    /// Returns the parts of a line up to the end of the enclosing element.
    fn inlines(&mut self, depth: usize) -> Vec<Inline> {
        let mut parts = Vec::new();
        let mut too_deep = 0;
        while let Some(event) = self.events.next() {
            match event {
                Event::Start(_) if depth >= MAX_DEPTH => too_deep += 1,
                Event::End(_) if too_deep == 0 => break,
                Event::End(_) => too_deep -= 1,
                event => self.inline(event, &mut parts, depth),
            }
        }
        parts
    }

    fn inline(&mut self, event: Event<'t>, parts: &mut Vec<Inline>, depth: usize) {
        match event {
            Event::Text(text) | Event::Code(text) | Event::Html(text) | Event::InlineHtml(text) => {
                push(parts, &text)
            }
            Event::SoftBreak => push(parts, " "),
            Event::HardBreak => parts.push(Inline::Break),
            Event::Start(Tag::Emphasis) => {
                parts.push(Inline::Emphasis { parts: self.inlines(depth + 1) })
            }
            Event::Start(Tag::Strong) => {
                parts.push(Inline::Strong { parts: self.inlines(depth + 1) })
            }
            Event::Start(Tag::Link { link_type, dest_url, .. }) => {
                let words = self.inlines(depth + 1);
                link(link_type, &dest_url, words, parts);
            }
            // An image would have to be fetched: its words and its URL replace it.
            Event::Start(Tag::Image { dest_url, .. }) => {
                append(parts, self.inlines(depth + 1));
                push(parts, &format!(" ({dest_url})"));
            }
            _ => {}
        }
    }
}

/// Adds a link with its words. Its URL follows them unless the words are exactly the URL: on paper
/// an unwritten URL is lost, and words that are another URL, or contain this one, must not hide the
/// target of the link.
fn link(kind: LinkType, url: &str, words: Vec<Inline>, parts: &mut Vec<Inline>) {
    let shown = url.strip_prefix("mailto:").unwrap_or(url);
    let text = plain(&words);
    let is_shown = shown.is_empty() || text == shown || text == url;
    match address(kind, url) {
        // A link with invisible words can't be followed.
        Some(to) if !typesetting::shows_nothing(&text) => {
            parts.push(Inline::Link { to, parts: words })
        }
        _ => append(parts, words),
    }
    if !is_shown {
        push(parts, &format!(" ({shown})"));
    }
}

fn is_inline(event: &Event<'_>) -> bool {
    match event {
        Event::Start(tag) => {
            matches!(tag, Tag::Emphasis | Tag::Strong | Tag::Link { .. } | Tag::Image { .. })
        }
        Event::End(_) | Event::Rule => false,
        _ => true,
    }
}

/// Adds text to a line. A break within a value, or in code, ends the line.
fn push(parts: &mut Vec<Inline>, text: &str) {
    for (position, text) in text.split([BREAK, '\n']).enumerate() {
        if position > 0 {
            parts.push(Inline::Break);
        }
        match parts.last_mut() {
            // Markdown returns each escaped character separately.
            Some(Inline::Text { text: before }) => before.push_str(text),
            _ if text.is_empty() => {}
            _ => parts.push(Inline::Text { text: text.into() }),
        }
    }
}

fn append(parts: &mut Vec<Inline>, more: Vec<Inline>) {
    for part in more {
        match part {
            Inline::Text { text } => push(parts, &text),
            part => parts.push(part),
        }
    }
}

/// Returns a paragraph, if anything in it is visible.
fn paragraph(mut parts: Vec<Inline>) -> Option<Block> {
    while parts.last() == Some(&Inline::Break) {
        parts.pop();
    }
    (!parts.is_empty()).then_some(Block::Paragraph { parts })
}

/// Returns the URL of a link, if its scheme and length are allowed.
fn address(kind: LinkType, url: &str) -> Option<String> {
    if kind == LinkType::Email {
        return (url.len() <= MAX_ADDRESS).then(|| format!("mailto:{url}"));
    }
    let is_allowed = SCHEMES.iter().any(|scheme| {
        url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    let is_plain = url.len() <= MAX_ADDRESS
        && !url.contains(|char: char| char.is_control() || char.is_whitespace());
    (is_allowed && is_plain).then(|| url.to_owned())
}

/// Returns the plain text of the parts.
pub(crate) fn plain(parts: &[Inline]) -> String {
    let mut text = String::new();
    for part in parts {
        match part {
            Inline::Text { text: more } => text.push_str(more),
            Inline::Emphasis { parts } | Inline::Strong { parts } | Inline::Link { parts, .. } => {
                text.push_str(&plain(parts))
            }
            Inline::Break => text.push(' '),
        }
    }
    text
}

impl From<Alignment> for Side {
    fn from(alignment: Alignment) -> Self {
        match alignment {
            Alignment::None | Alignment::Left => Self::Left,
            Alignment::Center => Self::Center,
            Alignment::Right => Self::Right,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the blocks as one line each.
    fn outline(markdown: &str) -> String {
        let lines: Vec<String> =
            parse(markdown).iter().map(|block| serde_json::to_string(block).unwrap()).collect();
        lines.join("\n")
    }

    #[test]
    fn a_contract_becomes_blocks() {
        let markdown = "## 1. Parter\n\nMellan **nätverket** och\n*medlemmen*:\n\n1. ett\n2. två\n   - a\n   - b\n\n| År | Avgift |\n|---|--:|\n| 2027 | 8 648,67 kr |\n\n---\n\n> ord\n";
        insta::assert_snapshot!(outline(markdown), @r##"
        {"kind":"heading","level":2,"parts":[{"kind":"text","text":"1. Parter"}]}
        {"kind":"paragraph","parts":[{"kind":"text","text":"Mellan "},{"kind":"strong","parts":[{"kind":"text","text":"nätverket"}]},{"kind":"text","text":" och "},{"kind":"emphasis","parts":[{"kind":"text","text":"medlemmen"}]},{"kind":"text","text":":"}]}
        {"kind":"numbers","start":1,"items":[[{"kind":"paragraph","parts":[{"kind":"text","text":"ett"}]}],[{"kind":"paragraph","parts":[{"kind":"text","text":"två"}]},{"kind":"bullets","items":[[{"kind":"paragraph","parts":[{"kind":"text","text":"a"}]}],[{"kind":"paragraph","parts":[{"kind":"text","text":"b"}]}]]}]]}
        {"kind":"table","alignments":["left","right"],"header":[[{"kind":"text","text":"År"}],[{"kind":"text","text":"Avgift"}]],"rows":[[[{"kind":"text","text":"2027"}],[{"kind":"text","text":"8 648,67 kr"}]]]}
        {"kind":"rule"}
        {"kind":"quote","blocks":[{"kind":"paragraph","parts":[{"kind":"text","text":"ord"}]}]}
        "##);
    }

    #[test]
    fn breaks_within_values_break_lines_and_no_blocks() {
        insta::assert_snapshot!(outline("Till \\# A\u{e000}\\- B\\.\u{e000}\u{e000}C"), @r##"{"kind":"paragraph","parts":[{"kind":"text","text":"Till # A"},{"kind":"break"},{"kind":"text","text":"- B."},{"kind":"break"},{"kind":"break"},{"kind":"text","text":"C"}]}"##);
        insta::assert_snapshot!(outline("| a |\n|---|\n| x\u{e000}y \\| z |"), @r##"{"kind":"table","alignments":["left"],"header":[[{"kind":"text","text":"a"}]],"rows":[[[{"kind":"text","text":"x"},{"kind":"break"},{"kind":"text","text":"y | z"}]]]}"##);
    }

    #[test]
    fn html_code_and_pictures_are_text() {
        insta::assert_snapshot!(outline("<script>alert(1)</script>\n\nett <b onclick=x>två</b> `#import` ![skatt](file:///etc/passwd)\n\n    kod\n    #eval"), @r##"
        {"kind":"paragraph","parts":[{"kind":"text","text":"<script>alert(1)</script>"}]}
        {"kind":"paragraph","parts":[{"kind":"text","text":"ett <b onclick=x>två</b> #import skatt (file:///etc/passwd)"}]}
        {"kind":"paragraph","parts":[{"kind":"text","text":"kod"},{"kind":"break"},{"kind":"text","text":"#eval"}]}
        "##);
    }

    #[test]
    fn links_lead_to_web_and_mail_addresses_only() {
        let markdown = "[a](https://nnsfinsam.se) <https://nnsfinsam.se/b> <x@y.se> [b](javascript:alert(1)) [c](HTTP://D.se) [d](/hit) [e](\"\")";
        insta::assert_snapshot!(outline(markdown), @r##"{"kind":"paragraph","parts":[{"kind":"link","to":"https://nnsfinsam.se","parts":[{"kind":"text","text":"a"}]},{"kind":"text","text":" (https://nnsfinsam.se) "},{"kind":"link","to":"https://nnsfinsam.se/b","parts":[{"kind":"text","text":"https://nnsfinsam.se/b"}]},{"kind":"text","text":" "},{"kind":"link","to":"mailto:x@y.se","parts":[{"kind":"text","text":"x@y.se"}]},{"kind":"text","text":" b (javascript:alert(1)) "},{"kind":"link","to":"HTTP://D.se","parts":[{"kind":"text","text":"c"}]},{"kind":"text","text":" (HTTP://D.se) d (/hit) e (\"\")"}]}"##);
    }

    #[test]
    fn a_link_shows_where_it_leads() {
        let shown = |markdown: &str| match &parse(markdown)[..] {
            [Block::Paragraph { parts }] => plain(parts),
            blocks => panic!("{blocks:?}"),
        };
        for (markdown, text) in [
            (
                "[https://nnsfinsam.se](https://evil.example)",
                "https://nnsfinsam.se (https://evil.example)",
            ),
            // The words contain the URL as a part of another one, or next to it.
            (
                "[https://evil.example.nnsfinsam.se](https://evil.example)",
                "https://evil.example.nnsfinsam.se (https://evil.example)",
            ),
            (
                "[nnsfinsam.se?https://evil.example](https://evil.example)",
                "nnsfinsam.se?https://evil.example (https://evil.example)",
            ),
            (
                "[a@nnsfinsam.se](mailto:a@nnsfinsam.se.evil.example)",
                "a@nnsfinsam.se (a@nnsfinsam.se.evil.example)",
            ),
            ("[https://nnsfinsam.se](https://nnsfinsam.se)", "https://nnsfinsam.se"),
            (
                "<mailto:a@nnsfinsam.se> [a@nnsfinsam.se](mailto:a@nnsfinsam.se)",
                "mailto:a@nnsfinsam.se a@nnsfinsam.se",
            ),
            ("a [](https://evil.example)", "a  (https://evil.example)"),
        ] {
            assert_eq!(shown(markdown), text, "{markdown}");
        }
        let long = format!("https://nnsfinsam.se/{}", "x".repeat(MAX_ADDRESS));
        let blocks = parse(&format!("[här]({long})"));
        assert!(
            !format!("{blocks:?}").contains("Link")
                && shown(&format!("[här]({long})")).ends_with("xxx)"),
            "{blocks:?}"
        );
        for invisible in ["\u{200b}", "\u{fe0f}", "&#xfe0f;", "&#x3164;"] {
            let blocks = parse(&format!("## {invisible}\n\n[{invisible}](https://nnsfinsam.se)"));
            assert!(!format!("{blocks:?}").contains("Link") && blocks.len() == 1, "{blocks:?}");
        }
    }

    #[test]
    fn headings_begin_at_two_and_leave_none_out() {
        insta::assert_snapshot!(outline("# a\n\n#### b\n\n###### c\n\n## d\n\n##\n"), @r##"
        {"kind":"heading","level":2,"parts":[{"kind":"text","text":"a"}]}
        {"kind":"heading","level":3,"parts":[{"kind":"text","text":"b"}]}
        {"kind":"heading","level":4,"parts":[{"kind":"text","text":"c"}]}
        {"kind":"heading","level":2,"parts":[{"kind":"text","text":"d"}]}
        "##);
    }

    #[test]
    fn nothing_nests_without_end() {
        let deep = format!("{} slut\n\n{}", ">".repeat(5_000), "- ".repeat(5_000));
        let text = serde_json::to_string(&parse(&deep)).unwrap();
        assert!(text.contains("slut") && text.matches("quote").count() <= MAX_DEPTH, "{text}");
        let emphasis = format!("{}x{}", "*a **b ".repeat(500), "** *".repeat(500));
        let deepest = parse(&emphasis)
            .iter()
            .map(|block| serde_json::to_string(block).unwrap().matches("]}]}").count())
            .max();
        assert!(deepest <= Some(MAX_DEPTH + 1), "{deepest:?}");
        let wide = format!("|{}\n|{}\n|{}", "a|".repeat(500), "-|".repeat(500), "b|".repeat(500));
        assert_eq!(parse(&wide).len(), 2);
    }
}
