//! Estimates of the time that typesetting a document takes, so that a document beyond the time
//! limit of a worker is refused before it begins.

use std::time::Duration;

use crate::{
    prose::{Block, Inline},
    typesetting,
};

/// Limit of processor time for typesetting one document; the largest allowed document takes three
/// quarters of it. An unoptimized build takes several times as long.
pub const TIME_LIMIT: Duration = Duration::from_secs(if cfg!(debug_assertions) { 20 } else { 2 });

/// Costs of typesetting, in microseconds of a server's core, measured with `examples/limits.rs` for
/// each kind of content. The times add up, however the content is nested.
mod cost {
    /// Cost of a byte of text.
    pub const BYTE: u64 = 5;
    /// Cost of a combining mark.
    pub const MARK: u64 = 90;
    /// Cost of a word that may be hyphenated, which the layout sets separately.
    pub const LONG_WORD: u64 = 600;
    /// Cost of a heading, paragraph, quote, list or rule.
    pub const BLOCK: u64 = 300;
    /// Cost of an item of a list, in addition to its content.
    pub const ITEM: u64 = 200;
    /// Cost of emphasis.
    pub const EMPHASIS: u64 = 300;
    /// Cost of a line break.
    pub const BREAK: u64 = 130;
    /// Cost of a link.
    pub const LINK: u64 = 750;
    /// Cost of a table's cell, in addition to its content.
    pub const CELL: u64 = 330;
    /// Cost of an invoice's line, in addition to its texts.
    pub const INVOICE_LINE: u64 = 4_500;
    /// Cost of an invoice without lines.
    pub const INVOICE: u64 = 50_000;
}

/// Maximum cost of a document, in microseconds: some thirty pages of prose.
const MAX_COST: u64 = 1_500_000;
/// Maximum cost of its text. The rest is for parties and terms, so that an allowed text can be
/// offered.
const MAX_TEXT_COST: u64 = MAX_COST / 10 * 9;
/// Maximum size of a document's text, in bytes.
const MAX_BYTES: usize = 100_000;
/// The shortest word that the layout sets separately, in characters.
const LONG_WORD: usize = 13;

/// The content of a document in numbers, and the cost of typesetting it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    cost: u64,
    bytes: usize,
    /// Headings, paragraphs, quotes, rules, lists and their items.
    blocks: usize,
    links: usize,
    cells: usize,
}

impl Size {
    /// Measures an invoice by the texts of its lines.
    pub fn of_invoice<T: AsRef<str>, L: IntoIterator<Item = Option<T>>>(
        lines: impl IntoIterator<Item = L>,
    ) -> Self {
        let mut size = Self { cost: cost::INVOICE, ..Self::default() };
        for texts in lines {
            size.add(cost::INVOICE_LINE, 1);
            texts.into_iter().flatten().for_each(|text| size.add_text(text.as_ref()));
        }
        size
    }

    /// Returns the time of a server's core for typesetting.
    pub fn time(&self) -> Duration {
        Duration::from_micros(self.cost)
    }

    /// Returns `true` if it can be typeset as fast as an agreement.
    pub fn is_small(&self) -> bool {
        self.cost <= MAX_COST
    }

    /// Measures the blocks of a text.
    pub fn of(blocks: &[Block]) -> Self {
        let mut size = Self::default();
        size.add_blocks(blocks);
        size
    }

    /// Adds a text.
    pub fn add_text(&mut self, text: &str) {
        let long_words = text
            .split_whitespace()
            .filter(|word| word.len() >= LONG_WORD && word.chars().nth(LONG_WORD - 1).is_some())
            .count();
        self.bytes += text.len();
        self.add(cost::BYTE, text.len());
        self.add(cost::MARK, typesetting::count_marks(text));
        self.add(cost::LONG_WORD, long_words);
    }

    /// Describes the excess if a document is too large, to follow its name.
    pub fn excess(&self) -> Option<String> {
        self.excess_over(MAX_COST)
    }

    /// Describes the excess if a text is too large together with the rest of its document, to
    /// follow its name.
    pub fn excess_of_text(&self) -> Option<String> {
        self.excess_over(MAX_TEXT_COST)
    }

    fn excess_over(&self, max_cost: u64) -> Option<String> {
        let Self { cost, bytes, blocks, links, cells } = *self;
        if bytes > MAX_BYTES {
            return Some(format!("has {bytes} bytes of text and can have {MAX_BYTES}"));
        }
        (cost > max_cost).then(|| {
            let percent = cost.saturating_mul(100) / max_cost;
            format!(
                "would take {percent} % of the time that setting a document may take: it has {bytes} bytes of text, {blocks} headings, \
                 paragraphs and list items, {cells} table cells and {links} links"
            )
        })
    }

    fn add(&mut self, cost: u64, count: usize) {
        self.cost = self.cost.saturating_add(cost.saturating_mul(count as u64));
    }

    fn add_blocks(&mut self, blocks: &[Block]) {
        for block in blocks {
            self.blocks += 1;
            self.add(cost::BLOCK, 1);
            match block {
                Block::Heading { parts, .. } | Block::Paragraph { parts } => self.add_parts(parts),
                Block::Bullets { items } | Block::Numbers { items, .. } => {
                    self.blocks += items.len();
                    self.add(cost::ITEM, items.len());
                    items.iter().for_each(|item| self.add_blocks(item));
                }
                Block::Quote { blocks } => self.add_blocks(blocks),
                Block::Table { header, rows, .. } => {
                    for cell in header.iter().chain(rows.iter().flatten()) {
                        self.cells += 1;
                        self.add(cost::CELL, 1);
                        self.add_parts(cell);
                    }
                }
                Block::Rule => {}
            }
        }
    }

    fn add_parts(&mut self, parts: &[Inline]) {
        for part in parts {
            match part {
                Inline::Text { text } => self.add_text(text),
                Inline::Emphasis { parts } | Inline::Strong { parts } => {
                    self.add(cost::EMPHASIS, 1);
                    self.add_parts(parts);
                }
                Inline::Link { parts, .. } => {
                    self.links += 1;
                    self.add(cost::LINK, 1);
                    self.add_parts(parts);
                }
                Inline::Break => self.add(cost::BREAK, 1),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prose;

    #[test]
    fn costly_content_has_less_room_than_prose() {
        let excess = |markdown: &str| Size::of(&prose::parse(markdown)).excess();
        let paragraph = "Medlemmen betalar avgiften i förskott och nätverket svarar för utvecklingen av verksamheten.\n\n";
        assert_eq!(excess(&paragraph.repeat(80_000 / paragraph.len())), None);
        let row = format!("|{}\n", "a|".repeat(12));
        let table = |rows: usize| format!("{row}|{}\n{}", "-|".repeat(12), row.repeat(rows));
        assert_eq!(excess(&table(350)), None);
        for costly in [
            "a\n\n".repeat(6_000),
            "- a\n".repeat(4_000),
            "*a* ".repeat(6_000),
            "a  \n".repeat(13_000),
            "[a](https://b) ".repeat(2_500),
            "samordningsförbund ".repeat(3_000),
            format!("a{}", "\u{301}".repeat(30)).repeat(700),
            table(3_000),
        ] {
            let excess = excess(&costly).unwrap_or_else(|| panic!("{costly:.40} is allowed"));
            assert!(
                excess.starts_with("would take 1")
                    || excess.starts_with("would take 2")
                    || excess.starts_with("would take 8"),
                "{excess}"
            );
        }
        let counted = excess(&"[a](https://b) ".repeat(2_500)).unwrap_or_default();
        assert!(
            counted
                .ends_with(" 1 headings, paragraphs and list items, 0 table cells and 2500 links"),
            "{counted}"
        );
    }
}
